/* A batch: what several steps changed, copied, so that the engine may go on while it is written. */
#include "runtime/internal.h"
#include <stdlib.h>

static void *grow(struct batch *b, void *p, size_t *cap, size_t n, size_t item)
{
        if (n < *cap)
                return p;
        size_t want = *cap ? *cap * 2 : 16;
        void *q = arena_alloc_raw(b->arena, want * item, 16);
        if (n)
                memcpy(q, p, n * item);
        *cap = want;
        return q;
}
#define PUSH(b, list, ...) \
        ((b)->list = grow((b), (b)->list, &(b)->list##_cap, (b)->list##_n, sizeof *(b)->list), (b)->list[(b)->list##_n++] = __VA_ARGS__)

struct batch *batch_open(struct runtime *rt)
{
        if (!rt->open) {
                rt->open = calloc(1, sizeof *rt->open);
                if (!rt->open)
                        abort();
                rt->open->refs = 1;
                rt->open->began = clock_mono();
                rt->open->arena = arena_new();
        }
        return rt->open;
}

void batch_unref(struct batch *b)
{
        if (!b || --b->refs)
                return;
        for (size_t i = 0; i < b->touched_n; i++)
                run_unref(b->touched[i]);
        free(b->map);
        arena_free(b->arena);
        free(b);
}

bool batch_empty(const struct batch *b)
{
        return !b || (!b->nodes_n && !b->runs_n && !b->history_n && !b->cache_n && !b->events_n && !b->deleted_n && !b->replies_n && !b->actions_n &&
                      !b->forgets_n && !b->records_n && !b->removed_n && !b->metas_n && !b->metrics_n && !b->forgotten_n);
}

bool batch_full(const struct batch *b)
{
        return b && (b->nodes_n > 20000 || arena_used(b->arena) > (64u << 20));
}

bool batch_holds(const struct batch *b, const struct live_run *r)
{
        for (size_t i = 0; b && i < b->touched_n; i++)
                if (b->touched[i] == r)
                        return true;
        return false;
}

void batch_touch(struct batch *b, struct live_run *r)
{
        if (b->touched_n && b->touched[b->touched_n - 1] == r)
                return;
        if (batch_holds(b, r))
                return;
        PUSH(b, touched, r);
        r->refs++;
}

static size_t slot_of(const struct batch *b, const struct live_run *r, uint32_t no)
{
        size_t i = ((uintptr_t)r / 64 * 31 + no * 2654435761u) & (b->map_cap - 1);
        while (b->map[i].run && (b->map[i].run != r || b->map[i].no != no))
                i = (i + 1) & (b->map_cap - 1);
        return i;
}

static void map_grow(struct batch *b)
{
        struct batch_slot *old = b->map;
        size_t old_cap = b->map_cap;
        b->map_cap = old_cap ? old_cap * 2 : 64;
        b->map = calloc(b->map_cap, sizeof *b->map);
        if (!b->map)
                abort();
        for (size_t i = 0; i < old_cap; i++)
                if (old[i].run)
                        b->map[slot_of(b, old[i].run, old[i].no)] = old[i];
        free(old);
}

/* The last row of a node in a batch is the one that counts. */
static void put_node(struct batch *b, struct live_run *r, const struct node_row *row)
{
        if (b->nodes_n * 2 >= b->map_cap)
                map_grow(b);
        struct node_row *copy = arena_alloc_raw(b->arena, sizeof *copy, 16);
        *copy = node_row_copy(row, b->arena);
        struct batch_slot *s = &b->map[slot_of(b, r, row->no)];
        if (s->run) {
                b->nodes[s->at].row = copy;
                return;
        }
        *s = (struct batch_slot){r, row->no, (uint32_t)b->nodes_n};
        PUSH(b, nodes, (struct commit_node){str_from(r->uid), copy});
}

/* The texts that never change are the run's own: they may be megabytes. */
void batch_run(struct batch *b, struct live_run *r, const struct run_row *row)
{
        struct run_row *copy = arena_alloc_raw(b->arena, sizeof *copy, 16), light = *row;
        light.document = light.options = STR_NONE;
        light.parameters = (struct bindings){0};
        light.meta = (struct run_meta){0};
        *copy = run_row_copy(&light, b->arena);
        copy->document = r->fixed.document;
        copy->options = r->fixed.options;
        copy->parameters = r->fixed.parameters;
        copy->meta = r->fixed.meta;
        for (size_t i = 0; i < b->runs_n; i++)
                if (b->run_of[i] == r) {
                        b->runs[i] = copy;
                        return;
                }
        size_t cap = b->runs_cap;
        b->run_of = grow(b, b->run_of, &cap, b->runs_n, sizeof(struct live_run *));
        b->run_of[b->runs_n] = r;
        PUSH(b, runs, copy);
}

void batch_take(struct batch *b, struct live_run *r, const struct delta *d, struct wall now)
{
        struct str uid = str_from(r->uid);
        batch_touch(b, r);
        for (size_t i = 0; i < d->history_n; i++)
                PUSH(b, history, (struct commit_history){uid, d->history[i], 0});
        for (size_t i = 0; i < d->nodes_n; i++) {
                put_node(b, r, &d->nodes[i]);
                if (node_state_final(d->nodes[i].state) && d->nodes[i].finished_at.us == now.us)
                        atomic_fetch_add(&r->rt->metrics.nodes_finished[d->nodes[i].state], 1);
        }
        if (d->run)
                batch_run(b, r, d->run);
        scalars_take(b, r, d);
        for (size_t i = 0; i < d->cache_n; i++)
                PUSH(b, cache, (struct commit_cache){arena_str(b->arena, d->cache[i].key), uid, d->cache[i].node, now, bindings_copy(&d->cache[i].outputs, b->arena)});
        for (size_t i = 0; i < d->events_n; i++)
                PUSH(b, events, (struct commit_event){uid, d->events[i].node, now, arena_str(b->arena, d->events[i].kind), arena_str(b->arena, d->events[i].text)});
        for (size_t i = 0; i < d->actions_n; i++) {
                struct action x = d->actions[i];
                x.text = x.text.n ? arena_str(b->arena, x.text) : STR_NONE; /* a spec is in the batch's arena already */
                PUSH(b, actions, (struct batch_action){r, x});
        }
        if (!d->soft)
                b->hard = true;
}

void batch_forget(struct batch *b, struct live_run *r, const struct attempt_id *id)
{
        batch_touch(b, r);
        struct attempt_id x = *id;
        x.run = str_from(r->uid);
        PUSH(b, forgets, (struct batch_forget){r, x});
}

void batch_reply(struct batch *b, command_done *done, void *user, const struct answer *answer, struct str remove)
{
        struct answer x = *answer;
        x.uid = arena_str(b->arena, x.uid);
        x.name = arena_str(b->arena, x.name);
        x.text = arena_str(b->arena, x.text);
        PUSH(b, replies, (struct batch_reply){done, user, x, remove.n ? arena_str(b->arena, remove) : STR_NONE});
        b->hard = true;
}

void batch_delete(struct batch *b, struct str uid)
{
        PUSH(b, deleted, arena_str(b->arena, uid));
        b->hard = true;
}

void batch_put(struct batch *b, const struct record *r)
{
        struct record *copy = arena_alloc_raw(b->arena, sizeof *copy, 16);
        *copy = record_copy(r, b->arena);
        PUSH(b, records, copy);
        b->hard = true;
}

void batch_remove(struct batch *b, enum record_kind kind, struct str id)
{
        PUSH(b, removed, (struct record_id){kind, arena_str(b->arena, id)});
        b->hard = true;
}

void batch_meta(struct batch *b, struct str run, const struct run_meta *meta)
{
        struct run_meta *copy = arena_alloc_raw(b->arena, sizeof *copy, 16);
        *copy = run_meta_copy(meta, b->arena);
        PUSH(b, metas, (struct commit_meta){arena_str(b->arena, run), copy});
        b->hard = true;
}

void batch_metric(struct batch *b, struct str run, uint32_t node, struct str name, double value)
{
        PUSH(b, metrics, (struct commit_metric){arena_str(b->arena, run), node, arena_str(b->arena, name), value});
}

void batch_forget_cache(struct batch *b, struct str key)
{
        PUSH(b, forgotten, arena_str(b->arena, key));
        b->hard = true;
}

void batch_seal(struct batch *b, struct wall now)
{
        b->commit = (struct commit){.runs = b->runs, .runs_n = b->runs_n, .history = b->history, .history_n = b->history_n,
                                    .nodes = b->nodes, .nodes_n = b->nodes_n, .cache = b->cache, .cache_n = b->cache_n,
                                    .events = b->events, .events_n = b->events_n, .deleted_runs = b->deleted, .deleted_runs_n = b->deleted_n,
                                    .metas = b->metas, .metas_n = b->metas_n, .metrics = b->metrics, .metrics_n = b->metrics_n,
                                    .records = b->records, .records_n = b->records_n, .deleted_records = b->removed, .deleted_records_n = b->removed_n,
                                    .deleted_cache = b->forgotten, .deleted_cache_n = b->forgotten_n, .now = now};
}

void run_unref(struct live_run *r)
{
        if (--r->refs)
                return;
        admission_flow_free(r->rt->steps, r->flow);
        engine_free(r->engine);
        workflow_free(r->workflow);
        arena_free(r->arena);
        free(r);
}
