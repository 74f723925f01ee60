/* Commands: each is refused at once, or answered when what it did is durable. */
#include "runtime/internal.h"
#include <stdlib.h>

void command_refuse(command_done *done, void *user, const struct error *e)
{
        struct answer x = {.error = *e};
        done(user, &x);
}

void command_defer(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        struct deferred *d = calloc(1, sizeof *d);
        if (!d)
                abort();
        d->arena = arena_new();
        d->command = command_copy(c, d->arena);
        d->done = done;
        d->user = user;
        atomic_fetch_add(&rt->metrics.commands_waiting, 1);
        *rt->deferred_end = d;
        rt->deferred_end = &d->next;
}

static void accepted(struct runtime *rt, const struct command *c, struct live_run *r, bool renamed, command_done *done, void *user)
{
        struct answer x = {.ok = true, .uid = str_from(r->uid), .name = r->fixed.name, .renamed = renamed, .state = r->engine ? engine_state(r->engine) : RUN_QUEUED};
        struct batch *b = batch_open(rt);
        batch_touch(b, r);
        if (c->kind != COMMAND_FOLLOW)
                catalog_audit(rt, b, c, r->fixed.ns, "run", x.uid, x.name);
        batch_reply(b, done, user, &x, STR_NONE);
}

/* A run that is asked for again because the answer got lost with the owner: it may be there already, under the id that its maker chose. */
static bool made_before(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        struct arena *a = arena_new();
        struct run_row row;
        struct error e;
        struct live_run *r = run_find(rt, c->uid);
        bool stored = !r && run_lookup(rt, c->uid, a, &row, &e), there = r || stored;
        if (stored && run_state_final(row.state))
                done(user, &(struct answer){.ok = true, .uid = row.uid, .name = row.name, .state = row.state});
        else if (stored && !run_load(rt, row.uid, false, &r, &e))
                command_refuse(done, user, &e);
        else if (there)
                accepted(rt, c, r, false, done, user);
        arena_free(a);
        return there;
}

static void command_run(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        struct error e;
        struct live_run *r;
        bool renamed = false;
        if (c->again && c->uid.n && made_before(rt, c, done, user))
                return;
        if (c->executor.n && !str_eq_c(c->executor, rt->o.executor->name)) {
                error_set(&e, ERROR_CONFLICT, "the process that owns the data folder runs steps with the executor %s, not %.*s; wait until it is done, or use another --data",
                          rt->o.executor->name, STR_FMT(c->executor));
                command_refuse(done, user, &e);
        } else if (catalog_waits(rt, c))
                command_defer(rt, c, done, user);
        else if (run_create(rt, c, &r, &renamed, &e))
                accepted(rt, c, r, renamed, done, user);
        else
                command_refuse(done, user, &e);
}

/* ---- approve ---- */

struct suspended { struct arena *a; struct str ref; uint32_t no; size_t n; struct buf names; };
static bool on_suspended(void *user, const struct node_row *row)
{
        struct suspended *s = user;
        if (row->state != NODE_SUSPENDED)
                return true;
        int64_t no;
        if (s->ref.n && !str_eq(s->ref, row->name) && !(str_to_i64(s->ref, &no) && no == row->no))
                return true;
        s->no = row->no;
        s->n++;
        if (s->n <= 20)
                buf_addf(&s->names, "%s%.*s (%u)", s->names.n ? ", " : "", STR_FMT(row->name), row->no);
        return true;
}

static bool find_suspended(struct runtime *rt, struct live_run *r, struct str ref, uint32_t *ret, struct error *e)
{
        struct suspended s = {.ref = ref, .names = BUF(4096)};
        bool ok = reader_ready(rt, e) && rt->o.store->nodes(rt->reader, str_from(r->uid), 0, on_suspended, &s, e);
        if (ok && !s.n)
                ok = ref.n ? error_set(e, ERROR_NOT_FOUND, "run %.*s has no step %.*s that waits for approval; `weft get %.*s` shows its steps", STR_FMT(r->fixed.name), STR_FMT(ref), STR_FMT(r->fixed.name))
                           : error_set(e, ERROR_CONFLICT, "nothing in run %.*s waits for approval", STR_FMT(r->fixed.name));
        else if (ok && s.n > 1)
                ok = error_set(e, ERROR_USAGE, "several steps of run %.*s wait for approval: %.*s; say which by its number", STR_FMT(r->fixed.name), STR_FMT(buf_str(&s.names)));
        *ret = s.no;
        buf_free(&s.names);
        return ok;
}

/* ---- commands on a run ---- */

static bool step_command(struct runtime *rt, struct live_run *r, const struct command *c, struct error *e)
{
        struct event ev = {.kind = EVENT_STOP};
        if (c->kind == COMMAND_TERMINATE)
                ev.kind = EVENT_TERMINATE;
        else if (c->kind == COMMAND_RETRY)
                ev.kind = EVENT_RETRY;
        else if (c->kind == COMMAND_APPROVE) {
                ev = (struct event){.kind = EVENT_APPROVE, .outputs = &c->values, .reject = c->reject};
                if (c->reject)
                        ev.text = STR("rejected");
                if (!find_suspended(rt, r, c->node, &ev.node, e))
                        return false;
        } else if (c->kind == COMMAND_RESUME || c->kind == COMMAND_FOLLOW) {
                if (c->kind == COMMAND_FOLLOW || !r->suspended)
                        return true;
                ev.kind = EVENT_RESUME;
        }
        return rt_step(r, &ev, e);
}

static void command_on_run(struct runtime *rt, const struct command *c, const struct run_row *row, command_done *done, void *user)
{
        struct error e;
        struct live_run *r = run_find(rt, row->uid);
        bool retry = c->kind == COMMAND_RETRY;
        if (r && (r->ending || r->queued)) { /* what it ends with is on its way to disk: then it is a stored run like any other */
                command_defer(rt, c, done, user);
                return;
        }
        if (!r && run_state_final(row->state) && (c->kind == COMMAND_FOLLOW || c->kind == COMMAND_STOP || c->kind == COMMAND_TERMINATE || c->kind == COMMAND_RESUME)) {
                struct answer x = {.ok = c->kind == COMMAND_FOLLOW, .uid = row->uid, .name = row->name, .state = row->state};
                if (!x.ok)
                        error_set(&x.error, ERROR_CONFLICT, "run %.*s has ended already (%s)%s%.*s%s", STR_FMT(row->name), run_state_name(row->state),
                                  c->kind == COMMAND_RESUME && row->state != RUN_SUCCEEDED ? "; `weft retry " : "",
                                  STR_FMT(c->kind == COMMAND_RESUME && row->state != RUN_SUCCEEDED ? row->name : STR_NONE), c->kind == COMMAND_RESUME && row->state != RUN_SUCCEEDED ? "` runs again what did not succeed" : "");
                done(user, &x);
                return;
        }
        bool waits = place_waits(rt, row->uid);
        if (waits && (c->kind == COMMAND_FOLLOW || c->kind == COMMAND_RESUME)) { /* it begins when its turn comes */
                done(user, &(struct answer){.ok = true, .uid = row->uid, .name = row->name, .state = row->state});
                return;
        }
        if (waits && c->kind == COMMAND_APPROVE) {
                error_set(&e, ERROR_CONFLICT, "run %.*s has not begun: it %.*s", STR_FMT(row->name), STR_FMT(row->reason));
                command_refuse(done, user, &e);
                return;
        }
        if ((r || waits) && retry) {
                error_set(&e, ERROR_CONFLICT, "run %.*s has not ended; `weft stop %.*s` ends it", STR_FMT(row->name), STR_FMT(row->name));
                command_refuse(done, user, &e);
                return;
        }
        bool loaded = !r;
        if (!r && !run_load(rt, row->uid, retry, &r, &e)) {
                command_refuse(done, user, &e);
                return;
        }
        if (step_command(rt, r, c, &e)) {
                if (waits)
                        place_end(rt, row->uid);
                else
                        place_take(rt, &r->fixed);
                accepted(rt, c, r, false, done, user);
                return;
        }
        command_refuse(done, user, &e);
        if (loaded && run_state_final(engine_state(r->engine)) && !batch_holds(rt->flying, r))
                run_drop(r);
}

/* ---- delete ---- */

struct descendants { struct arena *a; struct str *uids; size_t n, cap; struct str running; };
static bool is_below(const struct descendants *d, struct str uid)
{
        for (size_t i = 0; i < d->n; i++)
                if (str_eq(d->uids[i], uid))
                        return true;
        return false;
}

static bool on_child(void *user, const struct run_row *row)
{
        struct descendants *d = user;
        if (is_below(d, row->uid))
                return true;
        if (d->n == d->cap) {
                d->cap *= 2;
                struct str *p = arena_alloc_array(d->a, sizeof *p, d->cap);
                memcpy(p, d->uids, d->n * sizeof *p);
                d->uids = p;
        }
        d->uids[d->n++] = arena_str(d->a, row->uid);
        if (!run_state_final(row->state))
                d->running = arena_str(d->a, row->name);
        return true;
}

/* The runs that the first of them made, theirs, and so on. */
static bool find_descendants(struct runtime *rt, struct descendants *d, struct error *e)
{
        for (size_t i = 0; i < d->n; i++) {
                struct query_value parent = {.type = QUERY_TEXT, .text = d->uids[i]};
                struct query_predicate p = {STR("parent_run"), QUERY_EQ, &parent, 1};
                struct query q = {.predicates = &p, .predicates_n = 1, .limit = 1000};
                struct query_page page;
                do {
                        if (!rt->o.store->query_runs(rt->reader, &q, on_child, d, d->a, &page, e))
                                return false;
                        q.after = page.next;
                } while (page.next.n);
        }
        return true;
}

struct users { const struct descendants *d; bool kept; };
static bool on_user(void *user, struct str run)
{
        struct users *u = user;
        u->kept = !is_below(u->d, run);
        return !u->kept;
}

static void command_delete(struct runtime *rt, const struct command *c, const struct run_row *row, command_done *done, void *user)
{
        struct error e;
        if (run_find(rt, row->uid) || (!run_state_final(row->state) && !c->force)) {
                error_set(&e, ERROR_CONFLICT, "run %.*s has not ended; `weft stop %.*s` ends it%s", STR_FMT(row->name), STR_FMT(row->name),
                          run_find(rt, row->uid) ? "" : ", or --force deletes it as it is");
                command_refuse(done, user, &e);
                return;
        }
        struct arena *a = arena_new();
        struct descendants d = {.a = a, .uids = arena_alloc_array(a, sizeof *d.uids, 16), .cap = 16};
        d.uids[d.n++] = row->uid;
        bool ok = find_descendants(rt, &d, &e);
        bool *kept = arena_alloc_array(a, sizeof *kept, d.n);
        for (size_t i = 0; ok && i < d.n; i++) {
                struct users u = {.d = &d};
                ok = rt->o.store->cache_users(rt->reader, d.uids[i], on_user, &u, &e);
                kept[i] = u.kept;
        }
        if (ok && d.running.n && !c->force)
                ok = error_set(&e, ERROR_CONFLICT, "run %.*s created the run %.*s, which has not ended; stop that first", STR_FMT(row->name), STR_FMT(d.running));
        if (!ok) {
                command_refuse(done, user, &e);
                arena_free(a);
                return;
        }
        struct batch *b = batch_open(rt);
        struct str remove = STR("");
        for (size_t i = 0; i < d.n; i++) {
                batch_delete(b, d.uids[i]);
                place_end(rt, d.uids[i]);
                remove = arena_printf(a, "%.*s%s%.*s/runs/%.*s", STR_FMT(remove), remove.n ? "\n" : "", STR_FMT(rt->o.folder), STR_FMT(d.uids[i]));
                if (!kept[i]) /* a run that took its outputs from the cache still needs them */
                        remove = arena_printf(a, "%.*s\n%.*s", STR_FMT(remove), STR_FMT(runtime_artifact_root(rt->o.folder, d.uids[i], a)));
        }
        struct answer x = {.ok = true, .uid = row->uid, .name = row->name, .state = row->state,
                           .text = kept[0] ? STR("its artifacts stay, because another run took them from the cache") : STR_NONE};
        catalog_audit(rt, b, c, row->ns, "run", row->uid, row->name);
        batch_reply(b, done, user, &x, remove);
        arena_free(a);
}

void command_now(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        struct error e;
        if (rt->failed) {
                error_set(&e, ERROR_IO, "the owner of the data folder has stopped working");
                command_refuse(done, user, &e);
                return;
        }
        if (c->kind == COMMAND_RUN) {
                command_run(rt, c, done, user);
                return;
        }
        if (c->kind == COMMAND_PUT || c->kind == COMMAND_REMOVE || c->kind == COMMAND_FORGET_CACHE) {
                if (catalog_waits(rt, c))
                        command_defer(rt, c, done, user);
                else
                        catalog_command(rt, c, done, user);
                return;
        }
        struct arena *a = arena_new();
        struct run_row row = {0};
        struct live_run *r;
        bool ok = true;
        for (r = rt->runs; r; r = r->hh.next) /* not stored yet, perhaps */
                if (str_eq_c(c->run, r->uid) || str_eq(c->run, r->fixed.name))
                        break;
        if ((r && !r->stored) || catalog_waits(rt, c)) { /* its first commit is under way */
                command_defer(rt, c, done, user);
                arena_free(a);
                return;
        }
        ok = run_lookup(rt, r ? str_from(r->uid) : c->run, a, &row, &e);
        if (!ok)
                command_refuse(done, user, &e);
        else if (c->kind == COMMAND_META || c->kind == COMMAND_METRIC)
                catalog_on_run(rt, c, &row, done, user);
        else if (c->kind == COMMAND_DELETE)
                command_delete(rt, c, &row, done, user);
        else
                command_on_run(rt, c, &row, done, user);
        arena_free(a);
}

void runtime_command(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        command_now(rt, c, done, user);
        rt_turn(rt);
        struct error e;
        if (c->kind == COMMAND_RUN && rt->runs && !executor_ready(rt, &e)) /* while the first commit is being written */
                rt_fail(rt, &e);
}
