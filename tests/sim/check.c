/* What must hold after each commit and at the end of a run. */
#include <inttypes.h>
#include <stdlib.h>
#include "sim.h"

static bool is_leaf(const struct node_row *r)
{
        return r->kind == NODE_KIND_TASK || r->kind == NODE_KIND_SUSPEND || r->kind == NODE_KIND_CHILD || r->kind == NODE_KIND_CALL;
}

static bool has_begun(const struct node_row *r)
{
        if (r->kind == NODE_KIND_CALL)
                return false;
        return r->dispatched || r->state == NODE_RUNNING || r->state == NODE_SUSPENDED || node_state_good(r->state);
}

static void must_be_settled(const struct sim_store *s, const struct workflow *w, const struct template *graph, const struct sim_row *r, uint32_t dep)
{
        uint64_t ident = sim_ident(r->parent_ident, NODE_ROLE_TASK, dep, 0);
        uint32_t no = store_find(s, ident);
        if (no == 0)
                sim_fail("node %u began and the task %u it depends on does not exist", r->row.no, dep);
        if (!node_state_final(s->rows[no].row.state))
                sim_fail("node %u began and node %u, which it depends on, is %s", r->row.no, no, node_state_name(s->rows[no].row.state));
        for (uint32_t k = 0; k < graph->tasks[dep].hooks_n; k++) {
                uint32_t hook = store_find(s, sim_ident(ident, NODE_ROLE_HOOK, 0, k));
                if (hook && !node_state_final(s->rows[hook].row.state))
                        sim_fail("node %u began and hook %u of node %u, which it depends on, is not done", r->row.no, hook, no);
        }
}

/* When a part of the run ends, what a retry had opened in it is opened once more so that it can end: nothing starts in it. */
static bool is_ending(const struct sim_store *s, const struct sim_row *r)
{
        if (s->run.stopping != RUN_QUEUED || s->run.deadline_passed)
                return true;
        for (; !r->row.stop_ordered; r = &s->rows[r->row.parent])
                if (r->row.parent == 0)
                        return false;
        return true;
}

/* No node begins before what it depends on is final, nor outside of what it belongs to. */
static void check_begin(const struct sim_store *s, const struct workflow *w, const struct sim_row *r)
{
        if (r->row.parent == 0)
                return;
        const struct sim_row *p = &s->rows[r->row.parent];
        if (!p->live)
                sim_fail("node %u began below node %u, which is history", r->row.no, r->row.parent);
        bool together = node_state_final(r->row.state);
        if (r->row.role != NODE_ROLE_HOOK && node_state_final(p->row.state) && !together)
                sim_fail("node %u began below node %u, which is %s", r->row.no, r->row.parent, node_state_name(p->row.state));
        if (r->row.role != NODE_ROLE_TASK || (p->row.kind != NODE_KIND_GRAPH && p->row.kind != NODE_KIND_GROUP))
                return;
        const struct template *graph = &w->templates[p->row.template];
        const struct task *t = &graph->tasks[r->row.task];
        for (uint32_t i = 0; i < t->deps_n; i++)
                must_be_settled(s, w, graph, r, t->deps[i]);
}

/* Fail-fast: what still waited for its graph's limit when a failure of another step counted does not begin. */
static void check_fail_fast(const struct sim_store *s, const struct workflow *w, const struct sim_row *r)
{
        const struct sim_row *p = &s->rows[r->row.parent];
        if (!r->waited || r->row.epoch > 0 || r->row.role != NODE_ROLE_TASK || p->row.kind != NODE_KIND_GRAPH || !w->templates[p->row.template].fail_fast)
                return;
        const struct template *graph = &w->templates[p->row.template];
        uint64_t until = r->waited == STILL_WAITS ? s->writes : r->waited;
        for (uint32_t i = 0; i < graph->tasks_n; i++) {
                uint32_t no = store_find(s, sim_ident(r->parent_ident, NODE_ROLE_TASK, i, 0));
                enum node_state state = no ? s->rows[no].row.state : NODE_PENDING;
                bool counts = node_state_bad(state) && !(graph->tasks[i].continue_on & (state == NODE_ERROR ? RESULT_ERRORED : RESULT_FAILED));
                if (counts && s->rows[no].ended < until)
                        sim_fail("node %u began after node %u, of the same graph, that fails fast, had failed", r->row.no, no);
        }
}

static uint32_t limit_of(const struct sim_store *s, const struct workflow *w, const struct sim_row *r)
{
        if (r->row.kind == NODE_KIND_GRAPH)
                return w->templates[r->row.template].parallelism;
        if (r->row.parent == 0)
                return w->root.items_parallelism;
        const struct sim_row *p = &s->rows[r->row.parent];
        return w->templates[p->row.template].tasks[r->row.task].items_parallelism;
}

void check_delta(struct sim_store *s, const struct workflow *w, const struct delta *d)
{
        for (size_t i = 0; i < d->nodes_n; i++) {
                uint32_t no = d->nodes[i].no;
                for (size_t k = i + 1; d->nodes_n < 30 && k < d->nodes_n; k++)
                        if (d->nodes[k].no == no)
                                sim_fail("node %u appears twice in one delta", no);
                struct sim_row *r = &s->rows[no];
                if (r->checked_epoch == r->row.epoch + 1 || !has_begun(&r->row) || (!is_leaf(&r->row) && is_ending(s, r)))
                        continue;
                check_begin(s, w, r);
                check_fail_fast(s, w, r);
                r->checked_epoch = r->row.epoch + 1;
        }
        for (uint32_t i = 0; i < s->grown_n; i++) {
                const struct sim_row *r = &s->rows[s->grown[i]];
                uint32_t limit = limit_of(s, w, r);
                if (limit > 0 && r->active > (int32_t)limit && store_count_active(s, s->grown[i], is_ending) > (int32_t)limit)
                        sim_fail("%d run at once below node %u, whose limit is %u", r->active, r->row.no, limit);
        }
        if (w->parallelism > 0 && s->grown_n > 0 && s->active > (int32_t)w->parallelism)
                sim_fail("%d leaves run at once; the run's limit is %u", s->active, w->parallelism);
        if (d->soft && d->actions_n > 0)
                sim_fail("a delta with actions says that it may wait");
}

/* An attempt that went on after its time, and nobody ended it. */
static void check_times(const struct sim_store *s, const struct sim_template *t, const struct node_row *old, const struct node_row *now)
{
        if (!old->dispatched || !node_state_final(now->state) || now->stop_ordered)
                return;
        int64_t end = now->finished_at.us;
        if (now->kind == NODE_KIND_CHILD && !s->exact) /* after a crash its end is known later, and nothing says when it was */
                return;
        if (old->deadline_at.us && end > old->deadline_at.us)
                sim_fail("node %u ended %" PRId64 " µs after its deadline", now->no, end - old->deadline_at.us);
        if (t->timeout_us && now->epoch == 0 && now->role != NODE_ROLE_ATTEMPT && end > now->created_at.us + t->timeout_us)
                sim_fail("node %u ended %" PRId64 " µs after its timeout", now->no, end - now->created_at.us - t->timeout_us);
        if (t->deadline_us && old->reported && (!old->deadline_at.us || old->deadline_at.us > old->started_at.us + t->deadline_us))
                sim_fail("node %u ran without the deadline that it should have had", now->no);
}

void check_row(const struct sim_store *s, const struct workflow *w, const struct sim_row *before, const struct node_row *now)
{
        const struct sim_template *t = now->template < w->templates_n ? w->templates[now->template].dialect : NULL;
        if (before) {
                if (t && before->live && before->row.epoch == now->epoch && (now->kind == NODE_KIND_TASK || now->kind == NODE_KIND_CHILD))
                        check_times(s, t, &before->row, now);
                return;
        }
        if (now->role == NODE_ROLE_HOOK && s->run.stopping == RUN_TERMINATED)
                sim_fail("hook node %u is made in a run that is being terminated", now->no);
        if (now->role == NODE_ROLE_ATTEMPT && now->index > 0 && t && t->retry.backoff_total_us && s->exact && now->epoch == 0 &&
            now->created_at.us > s->rows[now->parent].row.started_at.us + t->retry.backoff_total_us)
                sim_fail("attempt node %u is made after the time for attempts", now->no);
}

bool check_exempt(const struct sim_store *s, const struct workflow *w, const struct node_row *r)
{
        for (; r->parent != 0; r = &s->rows[r->parent].row) {
                const struct node_row *p = &s->rows[r->parent].row;
                if (r->role == NODE_ROLE_HOOK) {
                        const struct node_row *owner = p;
                        while (owner->parent != 0 && owner->role != NODE_ROLE_TASK)
                                owner = &s->rows[owner->parent].row;
                        const struct task *t = owner->parent == 0 ? &w->root : &w->templates[s->rows[owner->parent].row.template].tasks[owner->task];
                        if (t->hooks[r->index].when == HOOK_EXIT)
                                return true;
                } else if (r->role == NODE_ROLE_TASK && w->templates[p->template].tasks[r->task].on_stop)
                        return true;
        }
        return false;
}

void check_stopping(const struct sim_store *s, const struct workflow *w, const struct world *world)
{
        bool terminate = s->run.stopping == RUN_TERMINATED;
        if (s->run.stopping == RUN_QUEUED)
                return;
        for (uint32_t i = 1; i < s->rows_n; i++) {
                const struct node_row *r = &s->rows[i].row;
                if (!s->rows[i].live || !r->dispatched || (r->kind == NODE_KIND_CHILD && !r->child_run.n) || (!terminate && check_exempt(s, w, r)))
                        continue;
                if (!world_told(world, i, r->epoch, terminate))
                        sim_fail("the run is being %s, and node %u is alive and was not told to end", terminate ? "terminated" : "stopped", i);
        }
}

void check_suspended(const struct sim_store *s)
{
        bool waits = false, suspended = false;
        for (uint32_t i = 1; i < s->rows_n; i++) {
                const struct node_row *r = &s->rows[i].row;
                suspended |= s->rows[i].live && r->state == NODE_SUSPENDED;
                waits |= s->rows[i].live && !node_state_final(r->state) &&
                         (r->dispatched || (r->state == NODE_WAITING && !str_eq_c(r->reason, "waits for the parallelism of its template")));
        }
        if (s->run.state != RUN_RUNNING && s->run.state != RUN_SUSPENDED)
                return;
        enum run_state expected = s->run.suspended || (suspended && !waits) ? RUN_SUSPENDED : RUN_RUNNING;
        if (s->run.state != expected)
                sim_fail("the run says that it is %s and is %s", run_state_name(s->run.state), run_state_name(expected));
}

void check_end(const struct sim_store *s, const struct workflow *w)
{
        uint32_t leaves = 0;
        for (uint32_t i = 1; i < s->rows_n; i++) {
                const struct sim_row *r = &s->rows[i];
                if (!r->live)
                        continue;
                leaves += r->row.kind == NODE_KIND_TASK || r->row.kind == NODE_KIND_SUSPEND || r->row.kind == NODE_KIND_CHILD;
                if (!node_state_final(r->row.state) || r->row.state == NODE_LOST)
                        sim_fail("the run is %s and node %u is %s", run_state_name(s->run.state), i, node_state_name(r->row.state));
                if (r->row.dispatched)
                        sim_fail("the run is %s and node %u is still dispatched", run_state_name(s->run.state), i);
        }
        if (s->active != 0)
                sim_fail("the run is %s and %d leaves still run", run_state_name(s->run.state), s->active);
        if (s->run.nodes_done != leaves || s->run.nodes_total != leaves)
                sim_fail("the run is %s and has %u leaves; it says that %u of %u are done", run_state_name(s->run.state), leaves, s->run.nodes_done, s->run.nodes_total);
}

/* Marks what stands below an attempt. */
static bool *below_attempts(const struct sim_store *s)
{
        bool *below = calloc(s->rows_n + 1, sizeof *below);
        if (!below)
                abort();
        for (uint32_t i = 1; i < s->rows_n; i++) {
                const struct node_row *r = &s->rows[i].row;
                below[i] = r->role == NODE_ROLE_ATTEMPT || (r->parent && below[r->parent]);
        }
        return below;
}

static void check_exports(const struct sim_store *s, const struct naive *n, bool again)
{
        size_t found = 0;
        for (size_t i = 0; i < s->run.globals.params_n; i++) {
                const struct param *p = &s->run.globals.params[i];
                uint64_t name = sim_parse(str_sub(p->name, 1, p->name.n)), value = sim_parse(p->value.text);
                for (uint32_t k = 0; k < n->exports_n; k += 2)
                        if (n->exports[k] == name && n->exports[k + 1] == value)
                                found++;
        }
        /* What an earlier epoch exported is still there, when it has another name. */
        if ((!again && found != s->run.globals.params_n) || found != n->exports_n / 2)
                sim_fail("the run exported %zu values, of which %zu are right; %u are expected", s->run.globals.params_n, found, n->exports_n / 2);
}

/* A node that should be and is not: where, found by trying. */
static void say_missing(const struct sim_store *s, const struct naive *n)
{
        enum { TRIED = 64 };
        for (uint32_t i = 1; i < s->rows_n; i++)
                for (uint32_t role = NODE_ROLE_TASK; s->rows[i].live && role <= NODE_ROLE_HOOK; role++)
                        for (uint32_t k = 0; k < TRIED; k++) {
                                uint64_t ident = sim_ident(s->rows[i].ident, role, k, k);
                                const struct naive_result *x = naive_get(n, ident);
                                if (x && store_find(s, ident) == 0)
                                        sim_fail("node %u has nothing in role %u at %u and should have a node that is %s", i, role, k, node_state_name(x->state));
                        }
}

void check_naive(const struct sim_store *s, const struct naive *n, bool again)
{
        bool *below = below_attempts(s);
        uint32_t seen = 0, expected = 0;
        for (uint32_t i = 1; i < s->rows_n; i++) {
                const struct sim_row *r = &s->rows[i];
                if (!r->live || (again && below[i]))
                        continue;
                const struct naive_result *x = naive_get(n, r->ident);
                if (!x)
                        sim_fail("node %u (%s, role %d, parent %u, index %u) exists and should not", i, node_state_name(r->row.state), r->row.role,
                                 r->row.parent, r->row.index);
                if (x->state != r->row.state)
                        sim_fail("node %u (parent %u) is %s and should be %s", i, r->row.parent, node_state_name(r->row.state), node_state_name(x->state));
                if (node_state_good(x->state) && sim_value(&r->row.outputs, "v") != x->out)
                        sim_fail("node %u (parent %u) is %s and has wrong outputs", i, r->row.parent, node_state_name(x->state));
                seen++;
        }
        for (uint32_t i = 0; i < n->cap; i++)
                expected += n->table[i].ident != 0 && !(again && n->table[i].in_attempt);
        if (seen != expected)
                say_missing(s, n);
        if (seen != expected)
                sim_fail("the run has %u nodes and should have %u", seen, expected);
        if (s->run.state != n->run)
                sim_fail("the run is %s and should be %s", run_state_name(s->run.state), run_state_name(n->run));
        check_exports(s, n, again);
        free(below);
}

/* Name of what differs, times and numbers aside; NULL: nothing. */
static const char *difference(const struct node_row *a, const struct node_row *b)
{
        if (a->state != b->state)
                return "state";
        if (a->kind != b->kind || a->epoch != b->epoch || a->template != b->template)
                return "kind, epoch or template";
        if (a->attempt != b->attempt)
                return "attempt";
        if (a->has_exit_code != b->has_exit_code || a->exit_code != b->exit_code)
                return "exit code";
        if (a->on_stop != b->on_stop || a->hooks_fired != b->hooks_fired)
                return "hooks";
        if (a->children_total != b->children_total || a->children_done != b->children_done)
                return "number of children";
        if (!str_eq(a->message, b->message))
                return "message";
        if (!str_eq(a->item, b->item) || !str_eq(a->items, b->items))
                return "items";
        if (!str_eq(a->cached_from, b->cached_from) || !str_eq(a->cache_key, b->cache_key))
                return "cache";
        if (sim_value(&a->inputs, "v") != sim_value(&b->inputs, "v"))
                return "inputs";
        return sim_value(&a->outputs, "v") != sim_value(&b->outputs, "v") ? "outputs" : NULL;
}

void check_same(const struct sim_store *a, const struct sim_store *b)
{
        uint32_t n = 0;
        for (uint32_t i = 1; i < a->rows_n; i++) {
                if (!a->rows[i].live)
                        continue;
                uint32_t k = store_find(b, a->rows[i].ident);
                if (k == 0)
                        sim_fail("node %u exists only without crashes", i);
                const struct node_row *x = &a->rows[i].row, *y = &b->rows[k].row;
                const char *what = difference(x, y);
                if (what)
                        sim_fail("node %u (%s, %.*s) came out as node %u (%s, %.*s) with crashes: another %s", i, node_state_name(x->state),
                                 STR_FMT(x->message), k, node_state_name(y->state), STR_FMT(y->message), what);
                n++;
        }
        for (uint32_t i = 1; i < b->rows_n; i++)
                n -= b->rows[i].live;
        if (n != 0)
                sim_fail("with crashes there are other nodes than without");
        if (a->run.state != b->run.state || a->run.globals.params_n != b->run.globals.params_n ||
            sim_value(&a->run.outputs, "v") != sim_value(&b->run.outputs, "v") || a->run.nodes_total != b->run.nodes_total)
                sim_fail("the run is %s without and %s with crashes", run_state_name(a->run.state), run_state_name(b->run.state));
}

static bool touched(const struct sim_store *s, const bool *set, const bool *has, uint64_t graph, uint32_t task)
{
        uint32_t no = store_find(s, sim_ident(graph, NODE_ROLE_TASK, task, 0));
        return no != 0 && (set[no] || has[no]);
}

/* Does the call of node r read something of the set? */
static bool reads_set(const struct sim_store *s, const struct workflow *w, const bool *set, const bool *has, const bool *hooks, const struct sim_row *r)
{
        if (r->row.role == NODE_ROLE_HOOK && s->rows[r->row.parent].row.parent == 0)
                return true; /* reads the end of the run, which is a new one */
        if (r->row.role == NODE_ROLE_HOOK)
                return has[r->row.parent] || hooks[r->row.parent];
        if (r->row.role != NODE_ROLE_TASK || r->row.parent == 0)
                return false;
        const struct sim_row *p = &s->rows[r->row.parent];
        const struct template *graph = &w->templates[p->row.template];
        const struct task *t = &graph->tasks[r->row.task];
        for (uint32_t i = 0; i < t->deps_n; i++)
                if (touched(s, set, has, r->parent_ident, t->deps[i]))
                        return true;
        for (uint32_t i = 0; i < t->reads_n; i++)
                if (touched(s, set, has, graph->transparent ? p->parent_ident : r->parent_ident, t->reads[i]))
                        return true;
        return false;
}

bool *check_keep_set(const struct sim_store *s, const struct workflow *w, struct arena *a)
{
        uint32_t n = s->rows_n;
        bool *set = ARENA_ARRAY(a, bool, n), *has = ARENA_ARRAY(a, bool, n), *over = ARENA_ARRAY(a, bool, n), *keep = ARENA_ARRAY(a, bool, n);
        for (uint32_t i = 1; i < n; i++) {
                const struct sim_row *r = &s->rows[i];
                over[i] = !r->live || (r->row.parent && over[r->row.parent]) ||
                          (r->row.role == NODE_ROLE_ATTEMPT && store_find(s, sim_ident(r->parent_ident, NODE_ROLE_ATTEMPT, 0, r->row.index + 1)) != 0);
                set[i] = r->live && !over[i] && is_leaf(&r->row) && node_state_bad(r->row.state);
                /* What was left out because something else failed comes about when that does not fail. */
                bool left_out = r->row.kind != NODE_KIND_CALL && r->row.state == NODE_OMITTED;
                has[i] = r->live && !over[i] && (left_out || node_state_bad(r->row.state));
        }
        /* `hooks`: below is a hook that is in the set. Nobody reads it; but the exit handlers of what is around it are called again. */
        bool *hooks = ARENA_ARRAY(a, bool, n);
        for (bool changed = true; changed;) {
                changed = false;
                for (uint32_t i = 1; i < n; i++) {
                        const struct sim_row *r = &s->rows[i];
                        if (set[i] || over[i] || !((r->row.parent && set[r->row.parent]) || reads_set(s, w, set, has, hooks, r)))
                                continue;
                        set[i] = changed = true;
                }
                for (uint32_t i = n; i-- > 1;) {
                        uint32_t p = s->rows[i].row.parent;
                        if (p == 0 || over[i] || !(has[i] || set[i] || hooks[i]))
                                continue;
                        bool *to = s->rows[i].row.role == NODE_ROLE_HOOK || !(has[i] || set[i]) ? hooks : has;
                        changed |= !to[p];
                        to[p] = true;
                }
        }
        for (uint32_t i = 1; i < n; i++)
                keep[i] = !over[i] && !set[i] && is_leaf(&s->rows[i].row) && node_state_good(s->rows[i].row.state);
        return keep;
}
