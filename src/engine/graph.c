/* Graphs: which tasks are ready, what becomes of them, when the graph is done. */
#include "engine/internal.h"
#include <stdlib.h>

struct node *graph_of(const struct node *n)
{
        struct node *p = n->parent;
        while (p && p->row.kind != NODE_KIND_GRAPH && p->row.kind != NODE_KIND_GROUP)
                p = p->parent;
        /* A hook stands beside its owner: its names are those of the graph around the owner. */
        return p;
}

struct node *names_graph(struct node *graph)
{
        while (graph->row.kind == NODE_KIND_GROUP) {
                struct node *up = graph_of(graph);
                if (!up)
                        break;
                graph = up;
        }
        return graph;
}

bool is_exempt(const struct run *r, const struct node *n)
{
        if (r->row.stopping == RUN_TERMINATED || !n->row.on_stop)
                return false;
        return n->row.role == NODE_ROLE_HOOK ? n->hook->when == HOOK_EXIT : n->row.role == NODE_ROLE_TASK && n->task->on_stop;
}

/* Is this part of the run being ended? */
bool is_closing(const struct run *r, const struct node *n)
{
        if (r->row.stopping == RUN_TERMINATED)
                return true;
        for (const struct node *x = n; x; x = x->parent) {
                if (x->closing)
                        return true;
                if (is_exempt(r, x))
                        return false;
        }
        return r->row.stopping == RUN_STOPPED || r->row.deadline_passed;
}

void work_add(struct run *r, int kind, struct node *n, uint32_t task)
{
        r->work = engine_grow(r->work, &r->work_cap, r->work_n, sizeof *r->work);
        r->work[r->work_n].kind = kind;
        r->work[r->work_n].node = n;
        r->work[r->work_n++].task = task;
}

static uint32_t results_of(const struct node *n)
{
        uint32_t bits = 0;
        switch (n->row.state) {
        case NODE_SUCCEEDED:
        case NODE_CACHED:
                bits = RESULT_SUCCEEDED;
                break;
        case NODE_FAILED:
        case NODE_STOPPED:
                bits = RESULT_FAILED;
                break;
        case NODE_ERROR:
                bits = RESULT_ERRORED;
                break;
        case NODE_SKIPPED:
                bits = RESULT_SKIPPED;
                break;
        case NODE_OMITTED:
                bits = RESULT_OMITTED;
                break;
        case NODE_PENDING:
        case NODE_WAITING:
        case NODE_RUNNING:
        case NODE_SUSPENDED:
        case NODE_LOST:
        case NODE_STATES:
                return 0;
        }
        if (n->row.kind == NODE_KIND_FANOUT) {
                if (n->items_good)
                        bits |= RESULT_ANY_SUCCEEDED;
                if (n->row.children_total && n->items_bad == n->row.children_total)
                        bits |= RESULT_ALL_FAILED;
        }
        return bits;
}

/* Triggers are trees of bounded depth (the readers bound it). */
static bool trigger_holds(const struct node *g, const struct trigger *t)
{
        switch (t->op) {
        case TRIGGER_TEST:
                return g->slots[t->task] && (results_of(g->slots[t->task]) & t->results);
        case TRIGGER_AND:
                return trigger_holds(g, t->left) && trigger_holds(g, t->right);
        case TRIGGER_OR:
                return trigger_holds(g, t->left) || trigger_holds(g, t->right);
        case TRIGGER_NOT:
                return !trigger_holds(g, t->left);
        }
        return false;
}

static bool comes_about(const struct node *g, const struct task *t)
{
        if (t->trigger)
                return trigger_holds(g, t->trigger);
        for (uint32_t i = 0; i < t->deps_n; i++) {
                const struct task *d = &g->template->tasks[t->deps[i]];
                if (!(results_of(g->slots[t->deps[i]]) & (RESULT_SUCCEEDED | RESULT_SKIPPED | d->continue_on)))
                        return false;
        }
        return true;
}

/* A group whose tasks are all resolved before any starts: looks for the first that cannot be. */
static bool group_resolves(struct run *r, struct node *g, struct error *e)
{
        enum { ITEMS_LOOKED_AT = 1000 };
        for (uint32_t i = 0; i < g->template->tasks_n; i++) {
                struct scope scope;
                struct site s;
                site_call(r, g, i, &scope, &s);
                enum verdict v = VERDICT_YES;
                struct str message = STR("");
                if (s.task->has_when && !r->w->language->eval_when(&s, &v, &message, e))
                        return false;
                if (v == VERDICT_NO)
                        continue;
                struct items items = {.n = 1};
                if (s.task->fans_out && !r->w->language->expand_items(&s, &items, e))
                        return false;
                for (uint32_t k = 0; k < items.n && k < ITEMS_LOOKED_AT; k++) {
                        if (s.task->fans_out)
                                site_item(&s, &scope, items.texts[k], k);
                        if (v == VERDICT_EACH) {
                                enum verdict each;
                                if (!r->w->language->eval_when(&s, &each, &message, e))
                                        return false;
                                if (each == VERDICT_NO)
                                        continue;
                        }
                        struct call call = {.template = s.task->template};
                        if (!r->w->language->resolve_call(&s, &call, e))
                                return false;
                }
        }
        return true;
}

void graph_restore(struct run *r, struct node *g)
{
        const struct template *t = g->template;
        const struct plan *p = plan_of(r, t);
        if (!g->slots) {
                g->slots = engine_alloc(t->tasks_n * sizeof *g->slots);
                g->deps_left = engine_alloc(t->tasks_n * sizeof *g->deps_left);
                g->slots_n = t->tasks_n;
        }
        g->unsettled = p->wanted_n;
        g->failed = 0;
        for (uint32_t i = 0; i < t->tasks_n; i++)
                g->deps_left[i] = t->tasks[i].deps_n;
        for (uint32_t at = 0; at < t->tasks_n; at++) {
                uint32_t i = p->order[at];
                struct node *n = g->slots[i];
                /* After a retry a task may have kept its end while one before it runs again for its hooks: it counts once that one does, so
                 * that whoever comes later finds all that it reads final. */
                if (n && g->deps_left[i] && !node_state_final(g->row.state))
                        n->settled = false;
                else if (n && node_state_final(n->row.state) && !n->hooks_live)
                        n->settled = true;
                if (n) {
                        n->counted = n->settled;
                        g->failed += failure_counts(g, n);
                }
                if (!n || !n->settled)
                        continue;
                g->unsettled--;
                for (uint32_t k = p->after_at[i]; k < p->after_at[i + 1]; k++)
                        g->deps_left[p->after[k]]--;
        }
}

void graph_resume(struct run *r, struct node *g)
{
        const struct plan *p = plan_of(r, g->template);
        for (uint32_t i = 0; i < g->slots_n; i++)
                if (p->wanted[i] && !g->slots[i] && !g->deps_left[i])
                        work_add(r, WORK_READY, g, i);
                else if (g->slots[i] && g->slots[i]->reopened && !g->deps_left[i])
                        work_add(r, WORK_ENTER, g->slots[i], 0);
        if (!g->unsettled)
                work_add(r, WORK_FINISH_GRAPH, g, 0);
}

void graph_open(struct run *r, struct node *g)
{
        g->opened = true;
        g->row.started_at = r->now;
        g->row.finished_at.us = 0;
        g->row.children_total = g->template->tasks_n;
        graph_restore(r, g);
        node_set_state(r, g, NODE_RUNNING);
        struct error e;
        if (g->template->atomic && !is_closing(r, g) && !group_resolves(r, g, &e)) {
                node_finish(r, g, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                return;
        }
        graph_resume(r, g);
}

static struct node *slot_new(struct run *r, struct node *g, uint32_t i)
{
        struct node *n = node_create(r, g, NODE_ROLE_TASK, i, 0);
        n->task = &g->template->tasks[i];
        n->row.name = n->task->name;
        g->slots[i] = n;
        node_dirty(r, n);
        return n;
}

/* A task whose dependencies are all settled. */
static void task_ready(struct run *r, struct node *g, uint32_t i)
{
        const struct task *t = &g->template->tasks[i];
        if (node_state_final(g->row.state))
                return;
        struct node *n = g->slots[i];
        if (n) { /* from before a retry */
                if (n->reopened)
                        node_enter(r, n);
                else if (node_state_final(n->row.state) && !n->settled && !n->hooks_live)
                        node_settled(r, n);
                return;
        }
        n = slot_new(r, g, i);
        if (t->on_stop && r->row.stopping != RUN_TERMINATED)
                n->row.on_stop = true;
        if (is_closing(r, n)) {
                n->row.stop_ordered = true;
                node_finish(r, n, NODE_OMITTED, STR("not started: the run is ending"));
                return;
        }
        if (!comes_about(g, t)) {
                node_finish(r, n, NODE_OMITTED, STR("omitted: depends condition not met"));
                return;
        }
        struct scope scope;
        struct site s;
        struct error e = {0};
        site_call(r, g, i, &scope, &s);
        enum verdict v = VERDICT_YES;
        struct str message = STR("");
        if (t->has_when && !r->w->language->eval_when(&s, &v, &message, &e)) {
                node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                return;
        }
        if (v == VERDICT_NO) {
                node_finish(r, n, NODE_SKIPPED, message);
                return;
        }
        if (!t->fans_out) {
                if (call_resolve(r, n, &s))
                        node_enter(r, n);
                return;
        }
        struct items items = {0};
        if (!r->w->language->expand_items(&s, &items, &e)) {
                node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                return;
        }
        kind_set(r, n, NODE_KIND_FANOUT);
        n->limits.each = v == VERDICT_EACH;
        limits_encode(r, n);
        if (items.n > r->set.items_max) {
                node_finish(r, n, NODE_ERROR,
                            arena_printf(r->arena, "the fan-out has %zu items; the limit is %u (setting engine.items_max)", items.n, r->set.items_max));
                return;
        }
        if (!items.n) {
                node_finish(r, n, NODE_SKIPPED, items.message);
                return;
        }
        size_t size = 2;
        for (size_t k = 0; k < items.n; k++)
                size += items.texts[k].n + 1;
        char *list = arena_alloc(r->arena, size), *at = list;
        for (size_t k = 0; k < items.n; k++) {
                *at++ = k ? ',' : '[';
                if (items.texts[k].n)
                        memcpy(at, items.texts[k].p, items.texts[k].n);
                at += items.texts[k].n;
        }
        *at++ = ']';
        struct str whole = {list, (size_t)(at - list)}, large;
        if (!values_admit_items(r, items.texts, items.n, whole, &large)) {
                node_finish(r, n, NODE_ERROR, large);
                return;
        }
        n->row.items = node_text(r, n, whole);
        n->row.children_total = (uint32_t)items.n;
        n->row.started_at = r->now;
        (void)fanout_index(n); /* the list was made here */
        node_set_state(r, n, NODE_RUNNING);
        fanout_expand(r, n);
}

/* Worst completed state that task i stands for: its own, or when it did not come about that of what it depends on. memo: 0 unknown. */
static enum node_state branch_state(const struct node *g, uint32_t i, uint8_t *memo)
{
        enum { UNKNOWN = 0, BASE = 1 };
        if (memo[i] != UNKNOWN)
                return (enum node_state)(memo[i] - BASE);
        const struct node *n = g->slots[i];
        enum node_state s = n ? n->row.state : NODE_OMITTED;
        if (s == NODE_OMITTED || s == NODE_SKIPPED) {
                enum node_state worst = NODE_SUCCEEDED;
                const struct task *t = &g->template->tasks[i];
                for (uint32_t k = 0; k < t->deps_n; k++) {
                        enum node_state d = branch_state(g, t->deps[k], memo);
                        if (node_state_bad(d) && (worst == NODE_SUCCEEDED || d == NODE_ERROR))
                                worst = d;
                }
                s = worst;
        }
        memo[i] = (uint8_t)((int)s + BASE);
        return s;
}

/* Fills memo for every wanted task in an order in which dependencies come first, so that branch_state never recurses deep. */
static void branch_states(struct run *r, const struct node *g, uint8_t *memo)
{
        const struct plan *p = plan_of(r, g->template);
        uint32_t n = g->template->tasks_n, *left = arena_alloc_array(r->arena, sizeof *left, n + 1), *queue = arena_alloc_array(r->arena, sizeof *queue, n + 1);
        uint32_t head = 0, tail = 0;
        for (uint32_t i = 0; i < n; i++) {
                left[i] = g->template->tasks[i].deps_n;
                if (!left[i])
                        queue[tail++] = i;
        }
        while (head < tail) {
                uint32_t i = queue[head++];
                (void)branch_state(g, i, memo);
                for (uint32_t k = p->after_at[i]; k < p->after_at[i + 1]; k++)
                        if (!--left[p->after[k]])
                                queue[tail++] = p->after[k];
        }
}

static uint32_t result_bit(enum node_state s) { return s == NODE_ERROR ? RESULT_ERRORED : RESULT_FAILED; }

static const struct node *bad_task(struct run *r, const struct node *g, enum node_state *ret)
{
        const struct template *t = g->template;
        const struct node *first = NULL;
        if (t->assess == ASSESS_ANY) {
                for (uint32_t i = 0; i < t->tasks_n; i++) {
                        const struct node *n = g->slots[i];
                        if (n && failure_counts(g, n)) {
                                *ret = n->row.state == NODE_STOPPED ? NODE_STOPPED : NODE_FAILED;
                                return n;
                        }
                }
                return NULL;
        }
        uint8_t *memo = arena_alloc(r->arena, t->tasks_n + 1);
        branch_states(r, g, memo);
        for (uint32_t k = 0; k < t->targets_n; k++) {
                uint32_t i = t->targets[k];
                const struct node *n = g->slots[i];
                enum node_state s = n && n->row.state == NODE_SKIPPED ? NODE_SKIPPED : branch_state(g, i, memo);
                if (!node_state_bad(s) || (t->tasks[i].continue_on & result_bit(s)))
                        continue;
                *ret = s;
                first = n;
                if (s != NODE_STOPPED)
                        break;
        }
        return first;
}

static struct str cause(struct run *r, const struct node *n)
{
        if (!n->row.message.n)
                return arena_printf(r->arena, "'%.*s' ended %s", STR_FMT(n->row.name), node_state_name(n->row.state));
        if (n->row.kind == NODE_KIND_GRAPH || n->row.kind == NODE_KIND_GROUP)
                return n->row.message;
        return arena_printf(r->arena, "'%.*s': %.*s", STR_FMT(n->row.name), STR_FMT(str_sub(n->row.message, 0, 500)));
}

static void graph_finish(struct run *r, struct node *g)
{
        if (node_state_final(g->row.state))
                return;
        enum node_state s = NODE_SUCCEEDED;
        const struct node *bad = bad_task(r, g, &s);
        struct str message = STR("");
        if (g->closing || (is_closing(r, g) && (bad || r->row.stopping))) {
                s = r->row.stopping && !r->row.deadline_passed && !g->closing ? NODE_STOPPED : NODE_FAILED;
                message = g->row.message;
        }
        if (bad && !message.n)
                message = cause(r, bad);
        struct collected c = {.state = s, .message = message};
        if (s == NODE_SUCCEEDED && g->template->has_outputs) {
                struct scope scope;
                struct self_views views;
                struct site site;
                struct error e = {0};
                site_self(r, g, &scope, &views, &site);
                if (!r->w->language->collect_outputs(&site, NULL, &c, &e))
                        c = (struct collected){.state = NODE_ERROR, .message = arena_str(r->arena, str_from(e.text))};
        }
        node_collect(r, g, &c, r->now);
}

/* A task of graph g is settled: its dependents have one less to wait for. */
static void task_settled(struct run *r, struct node *g, struct node *n)
{
        const struct plan *p = plan_of(r, g->template);
        uint32_t i = n->row.task;
        if (node_state_final(g->row.state) || !g->opened || n->counted) /* opening counts what is settled */
                return;
        n->counted = true;
        for (uint32_t k = p->after_at[i]; k < p->after_at[i + 1]; k++) {
                uint32_t d = p->after[k];
                if ((!--g->deps_left[d] || (DEFECT(5) && g->deps_left[d] == 1)) && p->wanted[d])
                        work_add(r, WORK_READY, g, d);
        }
        if (!--g->unsettled)
                work_add(r, WORK_FINISH_GRAPH, g, 0);
}

/* A node kept by a retry, while one that it depends on runs again. */
static bool waits_for_deps(const struct node *n)
{
        const struct node *g = n->parent;
        return g && n->row.role == NODE_ROLE_TASK && g->opened && g->deps_left && g->deps_left[n->row.task] > 0;
}

static void settled(struct run *r, struct node *n)
{
        struct node *p = n->parent;
        if (n->row.role == NODE_ROLE_HOOK) {
                p->hooks_live--;
                if (n->hook->fails_owner && node_state_bad(n->row.state) && node_state_good(p->row.state))
                        hook_failed(r, p, n);
                if (!p->hooks_live && node_state_final(p->row.state) && !waits_for_deps(p))
                        node_settled(r, p);
                return;
        }
        if (!p) {
                run_end(r);
                return;
        }
        switch (p->row.kind) {
        case NODE_KIND_GRAPH:
        case NODE_KIND_GROUP:
                task_settled(r, p, n);
                break;
        case NODE_KIND_FANOUT:
                fanout_item_settled(r, p, n);
                break;
        case NODE_KIND_RETRY:
                retry_decide(r, p, n);
                break;
        case NODE_KIND_TASK:
        case NODE_KIND_SUSPEND:
        case NODE_KIND_CHILD:
        case NODE_KIND_CALL:
        case NODE_KINDS:
                break;
        }
}

void work_run(struct run *r)
{
        while (r->work_at < r->work_n) {
                struct work w = r->work[r->work_at++];
                if (w.node->dead)
                        continue;
                switch (w.kind) {
                case WORK_READY:
                        task_ready(r, w.node, w.task);
                        break;
                case WORK_SETTLED:
                        if (w.node->settled) /* not taken back since, by graph_restore() */
                                settled(r, w.node);
                        break;
                case WORK_ENTER:
                        node_enter(r, w.node);
                        break;
                case WORK_FINISH_GRAPH:
                        graph_finish(r, w.node);
                        break;
                }
        }
        r->work_at = r->work_n = 0;
}
