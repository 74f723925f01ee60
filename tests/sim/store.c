/* The store that a run is committed to: rows by number, deep copies, in memory. A delta is written at once and can be rolled
 * back until store_harden() makes it durable, so that a crash between writing and hardening loses it. While writing it
 * also holds what the limits need: how many leaves and graphs are active below each node. */
#include <stdlib.h>
#include "sim.h"

uint64_t sim_ident(uint64_t parent, enum node_role role, uint32_t task, uint32_t index) {
        return sim_mix(sim_mix(parent, role * 16 + 1), role == NODE_ROLE_TASK ? task : index);
}

static struct bindings copy_bindings(const struct bindings *b, struct arena *a) {
        struct bindings c = *b;
        c.params = b->params_n ? ARENA_ARRAY(a, struct param, b->params_n) : NULL;
        for (size_t i = 0; i < b->params_n; i++) {
                c.params[i] = b->params[i];
                c.params[i].name = arena_str(a, b->params[i].name);
                c.params[i].value.text = arena_str(a, b->params[i].value.text);
        }
        if (b->artifacts_n > 0)
                sim_fail("an artifact came from nowhere");
        c.artifacts = NULL;
        c.result.text = b->result.text.n ? arena_str(a, b->result.text) : STR_NONE;
        return c;
}

static void copy_str(struct str *s, struct arena *a) {
        if (s->n > 0)
                *s = arena_str(a, *s);
        else
                *s = STR_NONE;
}

static struct node_row copy_row(const struct node_row *from, struct arena *a) {
        struct node_row r = *from;
        struct str *texts[] = {&r.name, &r.item, &r.reason, &r.message, &r.items, &r.retry, &r.cache_key, &r.cached_from, &r.child_run};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                copy_str(texts[i], a);
        r.inputs = copy_bindings(&from->inputs, a);
        r.outputs = copy_bindings(&from->outputs, a);
        return r;
}

static struct run_row copy_run(const struct run_row *from, struct arena *a) {
        struct run_row r = *from;
        struct str *texts[] = {&r.uid, &r.name, &r.ns, &r.display_name, &r.language, &r.document, &r.options, &r.reason, &r.message, &r.parent_run};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                copy_str(texts[i], a);
        r.parameters = copy_bindings(&from->parameters, a);
        r.globals = copy_bindings(&from->globals, a);
        r.outputs = copy_bindings(&from->outputs, a);
        return r;
}

void store_init(struct sim_store *s, const struct workflow *w, const struct run_row *run) {
        s->w = w;
        if (!s->arena)
                s->arena = arena_new();
        arena_reset(s->arena);
        s->run = copy_run(run, s->arena);
        s->rows_n = 1;
        s->history_n = s->undo_n = 0;
        s->undo_run_set = false;
        s->commits = s->writes = 0;
        s->exact = false;
        s->active = 0;
        s->grown_n = 0;
        s->digest = 0;
        if (s->by_ident_cap == 0) {
                s->by_ident_cap = 1 << 9;
                s->by_ident = malloc(s->by_ident_cap * sizeof *s->by_ident);
        }
        memset(s->by_ident, 0, s->by_ident_cap * sizeof *s->by_ident);
}

void store_free(struct sim_store *s) {
        arena_free(s->arena);
        free(s->rows);
        free(s->undo);
        free(s->grown);
        free(s->by_ident);
        *s = (struct sim_store){0};
}

static void grow(void **p, uint32_t *cap, uint32_t n, size_t size) {
        if (n < *cap)
                return;
        *cap = n * 2 + 64;
        *p = realloc(*p, *cap * size);
        if (!*p)
                abort();
}

/* A leaf or graph that takes a place under the limits around it. */
static bool is_active(const struct sim_row *r) {
        if (!r->live || node_state_final(r->row.state))
                return false;
        if (r->row.kind == NODE_KIND_TASK || r->row.kind == NODE_KIND_CHILD)
                return r->row.dispatched;
        return r->row.kind == NODE_KIND_GRAPH && r->row.state == NODE_RUNNING;
}

static void mark_grown(struct sim_store *s, uint32_t no) {
        grow((void **)&s->grown, &s->grown_cap, s->grown_n, sizeof *s->grown);
        s->grown[s->grown_n++] = no;
}

/* The next node above `r` that counts it: the fan-out it is an item of, the graph around it. NULL: none more. */
static const struct node_row *counts_it(const struct sim_store *s, const struct node_row *r, bool *item_counted)
{
        while (r->parent != 0 && r->role != NODE_ROLE_HOOK) {
                const struct node_row *p = &s->rows[r->parent].row;
                if (p->kind == NODE_KIND_GRAPH)
                        return p;
                if (p->kind == NODE_KIND_FANOUT && r->role == NODE_ROLE_ITEM && !*item_counted) {
                        *item_counted = true;
                        return p;
                }
                r = p;
        }
        return NULL;
}

/* Counts a node in or out of what is above it, and of the run's leaves. */
static void count_active(struct sim_store *s, uint32_t no, int by)
{
        const struct node_row *r = &s->rows[no].row;
        bool item_counted = false;
        if (r->kind != NODE_KIND_GRAPH)
                s->active += by;
        while ((r = counts_it(s, r, &item_counted)) != NULL) {
                s->rows[r->no].active += by;
                if (by > 0)
                        mark_grown(s, r->no);
                if (r->kind == NODE_KIND_GRAPH)
                        return;
        }
}

int32_t store_count_active(const struct sim_store *s, uint32_t no, bool (*except)(const struct sim_store *, const struct sim_row *))
{
        int32_t n = 0;
        for (uint32_t i = 1; i < s->rows_n; i++) {
                const struct node_row *r = &s->rows[i].row;
                bool item_counted = false;
                if (!is_active(&s->rows[i]) || except(s, &s->rows[i]))
                        continue;
                while ((r = counts_it(s, r, &item_counted)) != NULL && r->no != no && r->kind != NODE_KIND_GRAPH)
                        continue;
                n += r && r->no == no;
        }
        return n;
}

static void save_undo(struct sim_store *s, uint32_t no) {
        grow((void **)&s->undo, &s->undo_cap, s->undo_n, sizeof *s->undo);
        struct sim_row *r = &s->rows[no];
        s->undo[s->undo_n++] = (struct sim_undo){no, r->row.no != 0, r->live, r->waited, r->ended, r->row};
}

static void may_become(const struct sim_row *old, const struct node_row *new) {
        const struct node_row *o = &old->row;
        if (o->parent != new->parent || o->role != new->role || o->index != new->index || (o->role == NODE_ROLE_TASK && o->task != new->task))
                sim_fail("node %u changed its identity", new->no);
        if (new->epoch < o->epoch || (!old->live && new->epoch == o->epoch))
                sim_fail("node %u came back in epoch %u", new->no, new->epoch);
        if (old->live && new->epoch != o->epoch)
                sim_fail("node %u entered epoch %u and its old row was not moved to the history", new->no, new->epoch);
        if (!old->live || !node_state_final(o->state))
                return;
        if (o->state != new->state || sim_value(&o->outputs, "v") != sim_value(&new->outputs, "v"))
                sim_fail("node %u was final (%s) and became %s", new->no, node_state_name(o->state), node_state_name(new->state));
        if (!str_eq(o->message, new->message) || o->has_exit_code != new->has_exit_code || o->exit_code != new->exit_code || o->attempt != new->attempt ||
            o->finished_at.us != new->finished_at.us || o->started_at.us != new->started_at.us || !str_eq(o->cached_from, new->cached_from) ||
            sim_value(&o->inputs, "v") != sim_value(&new->inputs, "v"))
                sim_fail("node %u was final (%s) and its row changed", new->no, node_state_name(o->state));
}

/* Slot of an ident: where it is, or where it may go. Numbers whose row was rolled back are free again. */
static uint32_t slot_of(const struct sim_store *s, uint64_t ident)
{
        uint32_t mask = s->by_ident_cap - 1, i = (uint32_t)ident & mask;
        while (s->by_ident[i] && s->rows[s->by_ident[i]].ident != ident)
                i = (i + 1) & mask;
        return i;
}

uint32_t store_find(const struct sim_store *s, uint64_t ident)
{
        uint32_t no = s->by_ident[slot_of(s, ident)];
        return no && s->rows[no].live ? no : 0;
}

static void index_put(struct sim_store *s, uint32_t no)
{
        if (s->rows_n * 2 > s->by_ident_cap) {
                s->by_ident_cap *= 4;
                free(s->by_ident);
                s->by_ident = calloc(s->by_ident_cap, sizeof *s->by_ident);
                for (uint32_t i = 1; i < s->rows_n; i++)
                        if (i != no && s->rows[i].row.no && (s->rows[i].live || !store_find(s, s->rows[i].ident)))
                                s->by_ident[slot_of(s, s->rows[i].ident)] = i;
        }
        uint32_t i = slot_of(s, s->rows[no].ident), old = s->by_ident[i];
        if (old && old != no && s->rows[old].live)
                sim_fail("nodes %u and %u stand in the same place", old, no);
        s->by_ident[i] = no;
}

/* Rows that go away leave holes in the chains of the index: it is made anew. */
static void index_rebuild(struct sim_store *s)
{
        memset(s->by_ident, 0, s->by_ident_cap * sizeof *s->by_ident);
        for (uint32_t i = 1; i < s->rows_n; i++)
                if (s->rows[i].row.no && (s->rows[i].live || !store_find(s, s->rows[i].ident)))
                        s->by_ident[slot_of(s, s->rows[i].ident)] = i;
}

static uint64_t digest_row(uint64_t h, const struct node_row *r)
{
        const uint64_t numbers[] = {(uint64_t)r->no << 32 | r->epoch, (uint64_t)r->parent << 32 | r->task, (uint64_t)r->index << 32 | r->template,
                (uint64_t)r->kind << 32 | r->role, (uint64_t)r->state << 32 | r->attempt, (uint64_t)r->hooks_fired << 32 | (uint32_t)r->exit_code,
                (uint64_t)r->has_exit_code << 4 | (uint64_t)r->dispatched << 3 | (uint64_t)r->reported << 2 | (uint64_t)r->stop_ordered << 1 | r->on_stop,
                (uint64_t)r->created_at.us, (uint64_t)r->started_at.us, (uint64_t)r->finished_at.us, (uint64_t)r->wake_at.us, (uint64_t)r->deadline_at.us,
                (uint64_t)r->children_total << 32 | r->children_done, sim_value(&r->inputs, "v"), sim_value(&r->outputs, "v")};
        const struct str texts[] = {r->name, r->item, r->reason, r->message, r->items, r->retry, r->cache_key, r->cached_from, r->child_run};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                h = sim_mix(h, numbers[i]);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                h = texts[i].n ? hash_64(texts[i], h) : sim_mix(h, i);
        return h;
}

static void write_row(struct sim_store *s, const struct node_row *row) {
        if (row->no == 0 || row->no > s->rows_n + 100000)
                sim_fail("node number %u after %u nodes", row->no, s->rows_n - 1);
        grow((void **)&s->rows, &s->rows_cap, row->no + 1, sizeof *s->rows);
        while (s->rows_n <= row->no)
                s->rows[s->rows_n++] = (struct sim_row){0};
        struct sim_row *r = &s->rows[row->no];
        bool known = r->row.no != 0, was_final = known && r->live && node_state_final(r->row.state);
        save_undo(s, row->no);
        check_row(s, s->w, known ? r : NULL, row);
        if (known) {
                may_become(r, row);
                if (is_active(r))
                        count_active(s, row->no, -1);
        } else {
                if (row->parent >= row->no)
                        sim_fail("node %u has the parent %u, which is not older", row->no, row->parent);
                if (row->parent != 0 && s->rows[row->parent].row.no == 0)
                        sim_fail("node %u has the parent %u, which is not stored", row->no, row->parent);
                r->parent_ident = row->parent == 0 ? IDENT_ROOT : s->rows[row->parent].ident;
                r->ident = sim_ident(r->parent_ident, row->role, row->task, row->index);
                r->active = 0;
                r->waited = 0;
                r->row.no = row->no;
                index_put(s, row->no);
        }
        r->row = copy_row(row, s->arena);
        r->live = true;
        if (row->state == NODE_WAITING && str_eq_c(row->reason, "waits for the parallelism of its template"))
                r->waited = STILL_WAITS;
        else if (r->waited == STILL_WAITS)
                r->waited = s->writes;
        if (node_state_final(row->state) && !was_final)
                r->ended = s->writes;
        if (is_active(r))
                count_active(s, row->no, 1);
        s->digest = digest_row(s->digest, row);
}

void store_write(struct sim_store *s, const struct delta *d) {
        if (d->run) {
                if (!s->undo_run_set) {
                        s->undo_run = s->run;
                        s->undo_run_set = true;
                }
                if (run_state_final(s->run.state) && d->run->epoch == s->run.epoch && d->run->state != s->run.state)
                        sim_fail("the run was %s and became %s", run_state_name(s->run.state), run_state_name(d->run->state));
                s->run = copy_run(d->run, s->arena);
        }
        s->grown_n = 0;
        s->writes++;
        for (size_t i = 0; i < d->history_n; i++) {
                uint32_t no = d->history[i];
                if (no == 0 || no >= s->rows_n || !s->rows[no].live)
                        sim_fail("node %u goes to the history and is not stored", no);
                save_undo(s, no);
                if (is_active(&s->rows[no]))
                        count_active(s, no, -1);
                s->rows[no].live = false;
                s->history_n++;
        }
        for (size_t i = 0; i < d->nodes_n; i++)
                write_row(s, &d->nodes[i]);
        for (size_t i = 0; i < d->actions_n; i++)
                s->digest = sim_mix(s->digest, (uint64_t)d->actions[i].kind << 60 ^ (uint64_t)d->actions[i].node << 16 ^ d->actions[i].attempt);
}

void store_harden(struct sim_store *s) {
        s->undo_n = 0;
        s->undo_run_set = false;
        s->commits++;
}

void store_rollback(struct sim_store *s) {
        if (s->undo_run_set)
                s->run = s->undo_run;
        s->undo_run_set = false;
        while (s->undo_n > 0) {
                struct sim_undo *u = &s->undo[--s->undo_n];
                struct sim_row *r = &s->rows[u->no];
                if (is_active(r))
                        count_active(s, u->no, -1);
                r->live = u->live;
                if (u->existed) {
                        r->row = u->row;
                        r->waited = u->waited;
                        r->ended = u->ended;
                        if (is_active(r))
                                count_active(s, u->no, 1);
                } else {
                        *r = (struct sim_row){0};
                }
        }
        while (s->rows_n > 1 && s->rows[s->rows_n - 1].row.no == 0)
                s->rows_n--;
        index_rebuild(s);
}

bool store_next(void *user, struct node_row *ret) {
        struct sim_cursor *c = user;
        for (; c->next < c->store->rows_n; c->next++) {
                if (!c->store->rows[c->next].live)
                        continue;
                *ret = c->store->rows[c->next++].row;
                return true;
        }
        return false;
}
