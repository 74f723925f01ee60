/* Life of a node: resolved, entered, final, settled; hooks, permits and timers on the way. */
#include "engine/internal.h"
#include <assert.h>
#include <stdlib.h>

void set_reason(struct node *n, const char *reason) { n->row.reason = str_from(reason); }

void timer_set(struct run *r, struct node *n)
{
        if (n->row.wake_at.us)
                heap_push(&r->timers, (uint64_t)n->row.wake_at.us, n->row.no, n->row.epoch);
        if (n->row.deadline_at.us)
                heap_push(&r->timers, (uint64_t)n->row.deadline_at.us, n->row.no, n->row.epoch);
}

bool call_resolve(struct run *r, struct node *n, struct site *s)
{
        struct call call = {.template = n->hook ? n->hook->template : n->task->template};
        struct error e = {0};
        if (!r->w->language->resolve_call(s, &call, &e)) {
                node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                return false;
        }
        assert(call.template < r->w->templates_n);
        struct str large;
        if (!values_admit(r, &call.inputs, &large)) {
                node_finish(r, n, NODE_ERROR, large);
                return false;
        }
        n->row.template = call.template;
        n->template = &r->w->templates[call.template];
        n->in = box_new(r, &call.inputs);
        n->limits.retry = call.retry;
        n->limits.has_retry = n->template->has_retry;
        n->limits.timeout_us = call.timeout_us;
        n->limits.deadline_us = call.deadline_us;
        n->limits.no_cache = call.no_cache;
        n->limits.timeout_at_us = call.timeout_us ? r->now.us + call.timeout_us : 0;
        limits_encode(r, n);
        n->row.deadline_at.us = n->limits.timeout_at_us;
        timer_set(r, n);
        return true;
}

void deadline_begin(struct run *r, struct node *n, struct wall from)
{
        if (!n->limits.deadline_us)
                return;
        int64_t at = from.us + n->limits.deadline_us, timeout = n->limits.timeout_at_us;
        n->row.deadline_at.us = timeout && timeout < at ? timeout : at;
        timer_set(r, n);
}

bool node_is_leaf(const struct node *n)
{
        return n->row.kind == NODE_KIND_TASK || n->row.kind == NODE_KIND_SUSPEND || n->row.kind == NODE_KIND_CHILD;
}

void kind_set(struct run *r, struct node *n, enum node_kind k)
{
        bool was = node_is_leaf(n);
        n->row.kind = k;
        r->row.nodes_total += node_is_leaf(n) && !was;
}

void node_set_state(struct run *r, struct node *n, enum node_state s)
{
        assert(!node_state_final(n->row.state)); /* E1 */
        if (n->row.state == NODE_SUSPENDED)
                r->suspended_n--;
        n->row.state = s;
        if (s == NODE_SUSPENDED)
                r->suspended_n++;
        if (s != NODE_WAITING)
                n->row.reason = STR_NONE;
        node_dirty(r, n);
        if (!node_state_final(s))
                fire_hooks(r, n);
}

/* Units take a permit of the nearest graph above that has a limit: commands, child runs and called graphs. */
bool node_is_unit(const struct node *n)
{
        return n->row.kind == NODE_KIND_TASK || n->row.kind == NODE_KIND_GRAPH || n->row.kind == NODE_KIND_CHILD;
}

struct node *permit_graph(const struct node *n)
{
        for (; n->parent && n->row.role != NODE_ROLE_HOOK; n = n->parent) {
                struct node *p = n->parent;
                if (p->row.kind == NODE_KIND_GRAPH || p->row.kind == NODE_KIND_GROUP) {
                        if (p->template->parallelism)
                                return p;
                        if (p->row.kind == NODE_KIND_GRAPH)
                                return NULL;
                }
        }
        return NULL;
}

/* Did a retry leave something below this node? When the run ends, such a node is opened, so that what is below it ends too. */
static bool has_children(const struct node *n)
{
        for (uint32_t i = 0; i < n->slots_n; i++)
                if (n->slots[i])
                        return true;
        return (n->row.kind == NODE_KIND_FANOUT && n->items_n) || (n->attempt_node && n->attempt_node->reopened);
}

static bool item_counts(const struct node *f, bool bad)
{
        return bad && !(f->task->continue_on & (RESULT_FAILED | RESULT_ERRORED));
}

/* Is it too late for what waits? In a group also after an item of a loop failed: `ended`, which is not counted yet, or one before. */
static bool fails_fast(const struct node *g, const struct node *waits, const struct node *ended)
{
        const struct node *f = waits->parent, *of = ended ? ended->parent : NULL;
        if (!g->template->fail_fast || has_children(waits))
                return false;
        if (g->failed && (f == g || f->parent == g))
                return f == g || g->row.kind == NODE_KIND_GROUP;
        if (g->row.kind != NODE_KIND_GROUP)
                return false;
        if (of && of->row.kind == NODE_KIND_FANOUT && of->parent == g && (f == g || f->parent == g) && item_counts(of, node_state_bad(ended->row.state)))
                return true;
        return f->row.kind == NODE_KIND_FANOUT && f->parent == g && item_counts(f, f->items_bad > 0);
}

#define FAILS_FAST STR("not started: another task failed and the graph fails fast")

static bool permit_take(struct run *r, struct node *n)
{
        if (n->holds_permit || n->row.role == NODE_ROLE_HOOK)
                return true;
        struct node *g = permit_graph(n);
        if (!g)
                return true;
        if (n->row.role == NODE_ROLE_ITEM && fails_fast(g, n, NULL)) { /* made when others have failed already */
                node_finish(r, n, NODE_OMITTED, FAILS_FAST);
                return false;
        }
        if (g->permits_used >= g->template->parallelism && !(has_children(n) && is_closing(r, n))) {
                n->in_wait = true;
                heap_push(&g->waiting, n->row.no, n->row.no, n->row.epoch);
                node_set_state(r, n, NODE_WAITING);
                set_reason(n, WAITS_FOR_TEMPLATE);
                return false;
        }
        g->permits_used++;
        n->holds_permit = true;
        return true;
}

void wait_release(struct run *r, struct node *n)
{
        if (!n->holds_permit)
                return;
        n->holds_permit = false;
        struct node *g = permit_graph(n);
        assert(g && g->permits_used); /* E3 */
        g->permits_used -= !(DEFECT(3) && n->row.state == NODE_FAILED);
        struct heap_entry e;
        while (g->permits_used < g->template->parallelism && heap_pop(&g->waiting, &e)) {
                struct node *next = map_get(r, e.no);
                if (!next || next->row.epoch != e.epoch || !next->in_wait || node_state_final(next->row.state))
                        continue;
                next->in_wait = false;
                if (fails_fast(g, next, n)) {
                        node_finish(r, next, NODE_OMITTED, FAILS_FAST);
                        continue;
                }
                g->permits_used++;
                next->holds_permit = true;
                node_set_state(r, next, NODE_PENDING);
                work_add(r, WORK_ENTER, next, 0);
        }
}

static enum node_kind kind_of(const struct template *t)
{
        switch (t->kind) {
        case TEMPLATE_TASK:
                return NODE_KIND_TASK;
        case TEMPLATE_GRAPH:
                return t->transparent ? NODE_KIND_GROUP : NODE_KIND_GRAPH;
        case TEMPLATE_SUSPEND:
                return NODE_KIND_SUSPEND;
        case TEMPLATE_CHILD:
                return NODE_KIND_CHILD;
        }
        abort();
}

/* A node that a retry reopened. True when that was all there is to do. */
static bool reenter(struct run *r, struct node *n)
{
        n->reopened = false;
        n->row.started_at = r->now;
        if (n->limits.timeout_us && n->row.role != NODE_ROLE_ATTEMPT) { /* its time begins now, as that of a new node does */
                n->row.deadline_at.us = n->limits.timeout_at_us = r->now.us + n->limits.timeout_us;
                limits_encode(r, n);
                timer_set(r, n);
        }
        switch (n->row.kind) {
        case NODE_KIND_FANOUT:
                node_set_state(r, n, NODE_RUNNING);
                if (is_closing(r, n)) {
                        for (uint32_t i = 0; i < n->items_n; i++)
                                if (n->items[i].node && n->items[i].node->reopened)
                                        fanout_reenter_item(r, n, n->items[i].node);
                        if (!n->items_active)
                                fanout_done(r, n);
                        return true;
                }
                fanout_expand(r, n);
                if (!n->items_active && n->items_settled == n->row.children_total)
                        fanout_done(r, n);
                return true;
        case NODE_KIND_RETRY:
                node_set_state(r, n, NODE_RUNNING);
                if (n->attempt_node && n->attempt_node->reopened)
                        work_add(r, WORK_ENTER, n->attempt_node, 0);
                else
                        retry_next(r, n);
                return true;
        case NODE_KIND_CALL:
                item_start(r, n->parent, n, n->parent->limits.each);
                return true;
        case NODE_KIND_TASK:
        case NODE_KIND_SUSPEND:
        case NODE_KIND_CHILD:
                n->row.started_at.us = 0;
                return false;
        case NODE_KIND_GRAPH:
        case NODE_KIND_GROUP:
        case NODE_KINDS:
                return false;
        }
        return false;
}

/* A node can be asked twice in one step: when its graph is opened, and when it ends at once. The second time nothing is left to do. */
static bool can_enter(const struct node *n)
{
        if (node_state_final(n->row.state) || n->opened)
                return false;
        if (n->reopened)
                return true;
        if (node_is_leaf(n))
                return n->row.state == NODE_PENDING && !n->row.dispatched;
        return n->row.kind != NODE_KIND_FANOUT && n->row.kind != NODE_KIND_RETRY;
}

void node_enter(struct run *r, struct node *n)
{
        if (!can_enter(n))
                return;
        bool ending = is_closing(r, n);
        node_dirty(r, n);
        if (ending && !has_children(n)) {
                node_finish(r, n, r->row.stopping ? NODE_STOPPED : NODE_FAILED, STR("not started: the run is ending"));
                return;
        }
        if (n->reopened && reenter(r, n))
                return;
        if (n->limits.has_retry && n->row.role != NODE_ROLE_ATTEMPT && n->row.kind != NODE_KIND_RETRY) {
                kind_set(r, n, NODE_KIND_RETRY);
                n->row.started_at = r->now;
                node_set_state(r, n, NODE_RUNNING);
                retry_next(r, n);
                return;
        }
        kind_set(r, n, kind_of(n->template));
        if (n->row.kind == NODE_KIND_GRAPH && n->depth >= r->set.depth_max) {
                node_finish(r, n, NODE_ERROR,
                            arena_printf(r->arena, "graphs call each other more than %u deep (setting engine.depth_max): is there a recursion that never ends?",
                                         r->set.depth_max));
                return;
        }
        if (n->row.no >= r->set.nodes_max) {
                node_finish(r, n, NODE_ERROR, arena_printf(r->arena, "the run has more than %u nodes (setting engine.nodes_max)", r->set.nodes_max));
                return;
        }
        if (n->row.kind == NODE_KIND_TASK && !n->row.cache_key.n && n->template->cacheable && !n->limits.no_cache) {
                leaf_begin(r, n);
                return;
        }
        if (node_is_unit(n) && !permit_take(r, n))
                return;
        switch (n->row.kind) {
        case NODE_KIND_GRAPH:
        case NODE_KIND_GROUP:
                deadline_begin(r, n, r->now);
                graph_open(r, n);
                break;
        case NODE_KIND_TASK:
        case NODE_KIND_CHILD:
                leaf_admit(r, n);
                break;
        case NODE_KIND_SUSPEND:
                suspend_begin(r, n);
                break;
        case NODE_KIND_FANOUT:
        case NODE_KIND_RETRY:
        case NODE_KIND_CALL:
        case NODE_KINDS:
                abort();
        }
}

static char *copy(struct str s)
{
        char *p = engine_alloc(s.n + 1);
        if (s.n)
                memcpy(p, s.p, s.n);
        return p;
}

static void note_forget(struct failure_note *x)
{
        free(x->path);
        free(x->task);
        free(x->template);
        free(x->message);
}

void failures_forget(struct run *r)
{
        while (r->failures_n)
                note_forget(&r->failures[--r->failures_n]);
}

static bool ended_before(const struct node *n, const struct failure_note *x)
{
        return n->row.finished_at.us < x->finished_at.us || (n->row.finished_at.us == x->finished_at.us && n->row.no < x->no);
}

/* Kept in order of their end, not of its news, so that they are the same after loading. */
void note_failure(struct run *r, const struct node *n)
{
        enum { KEPT = 1000 };
        uint32_t at = r->failures_n;
        while (at > 0 && ended_before(n, &r->failures[at - 1]))
                at--;
        if (at == KEPT)
                return;
        r->failures = engine_grow(r->failures, &r->failures_cap, r->failures_n, sizeof *r->failures);
        if (r->failures_n == KEPT)
                note_forget(&r->failures[--r->failures_n]);
        memmove(r->failures + at + 1, r->failures + at, (r->failures_n++ - at) * sizeof *r->failures);
        r->failures[at] = (struct failure_note){n->row.no,
                                                n->row.epoch,
                                                n->row.state,
                                                copy(node_path(n, r->arena)),
                                                copy(n->row.name),
                                                copy(n->template ? n->template->name : STR("")),
                                                copy(n->row.message),
                                                n->row.exit_code,
                                                n->row.has_exit_code,
                                                n->row.finished_at};
}

/* Would this end of a task let its graph fail? */
bool failure_counts(const struct node *g, const struct node *n)
{
        return node_state_bad(n->row.state) &&
               !(g->template->tasks[n->row.task].continue_on & (n->row.state == NODE_ERROR ? RESULT_ERRORED : RESULT_FAILED));
}

static void finish(struct run *r, struct node *n, enum node_state s, struct str message, struct wall at)
{
        n->in_wait = false;
        node_set_state(r, n, s);
        n->row.finished_at = at;
        if (message.p != n->row.message.p)
                n->row.message = node_text(r, n, message);
        n->row.wake_at.us = n->row.deadline_at.us = 0;
        r->hard = true;
        r->row.nodes_done += node_is_leaf(n);
        if (n->row.role == NODE_ROLE_TASK && n->parent && n->parent->slots)
                n->parent->failed += failure_counts(n->parent, n);
        if ((s == NODE_FAILED || s == NODE_ERROR) && (node_is_leaf(n) || n->row.kind == NODE_KIND_CALL))
                note_failure(r, n);
        if (n->row.kind == NODE_KIND_GRAPH || n->row.kind == NODE_KIND_RETRY || n->row.kind == NODE_KIND_FANOUT)
                node_free_children(r, n);
        wait_release(r, n);
        if (n->row.role != NODE_ROLE_ATTEMPT)
                fire_hooks(r, n);
        if (!n->hooks_live)
                node_settled(r, n);
}

void node_finish(struct run *r, struct node *n, enum node_state s, struct str message)
{
        if (!node_state_final(n->row.state))
                finish(r, n, s, message, r->now);
}

void node_collect(struct run *r, struct node *n, struct collected *c, struct wall at)
{
        struct str large;
        if (node_state_final(n->row.state))
                return;
        if (!values_admit(r, &c->outputs, &large) || !values_admit(r, &c->exports, &large))
                *c = (struct collected){.state = NODE_ERROR, .message = large};
        n->out = box_new(r, &c->outputs);
        n->transient = c->transient;
        if (c->exports.params_n || c->exports.artifacts_n)
                run_export(r, &c->exports);
        finish(r, n, c->state, c->message, at);
}

void node_settled(struct run *r, struct node *n)
{
        n->settled = true;
        work_add(r, WORK_SETTLED, n, 0);
}

static void hook_start(struct run *r, struct node *owner, uint32_t k, struct site *s)
{
        const struct hook *h = &owner->task->hooks[k];
        struct node *n = node_create(r, owner, NODE_ROLE_HOOK, owner->row.task, k);
        n->task = owner->task;
        n->hook = h;
        n->row.name = h->name;
        if (h->when == HOOK_EXIT)
                n->row.on_stop = true;
        owner->hooks = realloc(owner->hooks, (owner->hooks_n + 1) * sizeof *owner->hooks);
        if (!owner->hooks)
                abort();
        owner->hooks[owner->hooks_n++] = n;
        owner->hooks_live++;
        owner->row.hooks_fired |= 1u << k;
        node_dirty(r, owner);
        node_dirty(r, n);
        if (call_resolve(r, n, s))
                node_enter(r, n);
}

static bool hook_due(const struct run *r, const struct node *n, const struct hook *h)
{
        bool final = node_state_final(n->row.state);
        if (DEFECT(10) && h->when == HOOK_EXIT && node_state_bad(n->row.state))
                return false;
        if (h->when == HOOK_EXIT)
                return final && r->row.stopping != RUN_TERMINATED && (node_state_good(n->row.state) || node_state_bad(n->row.state));
        return !is_closing(r, n) && (!final || node_state_good(n->row.state) || node_state_bad(n->row.state));
}

bool hooks_wanted(struct run *r, struct node *n)
{
        if (!n->task || n->hook || (n->row.role != NODE_ROLE_TASK && n->row.role != NODE_ROLE_ITEM) || n->row.kind == NODE_KIND_FANOUT)
                return false;
        for (uint32_t k = 0; k < n->task->hooks_n && k < 32; k++) {
                const struct hook *h = &n->task->hooks[k];
                struct scope scope;
                struct site s;
                struct node_view view;
                enum verdict v = VERDICT_YES;
                if ((n->row.hooks_fired & 1u << k) || !hook_due(r, n, h))
                        continue;
                site_hook(r, n, h, &scope, &view, &s);
                if (!h->conditional || (r->w->language->eval_hook(&s, &v, NULL) && v != VERDICT_NO))
                        return true;
        }
        return false;
}

void fire_hooks(struct run *r, struct node *n)
{
        if (!n->task || !n->task->hooks_n || (n->row.role != NODE_ROLE_TASK && n->row.role != NODE_ROLE_ITEM) || n->row.kind == NODE_KIND_FANOUT)
                return;
        for (uint32_t k = 0; k < n->task->hooks_n && k < 32; k++) {
                const struct hook *h = &n->task->hooks[k];
                if ((n->row.hooks_fired & 1u << k) || !hook_due(r, n, h))
                        continue;
                struct scope scope;
                struct site s;
                struct node_view view;
                struct error e = {0};
                enum verdict v = VERDICT_YES;
                site_hook(r, n, h, &scope, &view, &s);
                if (!n->parent) { /* the run's own: it is told what the run's end will be */
                        r->view.state = n->row.state == NODE_STOPPED || r->row.stopping ? r->row.stopping ? r->row.stopping : RUN_STOPPED
                                        : node_state_good(n->row.state)                 ? RUN_SUCCEEDED
                                        : n->row.state == NODE_ERROR                    ? RUN_ERROR
                                        : node_state_bad(n->row.state)                  ? RUN_FAILED
                                                                                        : RUN_RUNNING;
                        r->view.message = n->row.message;
                }
                if (h->conditional && !r->w->language->eval_hook(&s, &v, &e)) {
                        event_add(r, n->row.no, "hook", str_from(e.text));
                        n->row.hooks_fired |= 1u << k;
                        node_dirty(r, n);
                        continue;
                }
                if (v != VERDICT_NO)
                        hook_start(r, n, k, &s);
        }
}

void hook_failed(struct run *r, struct node *owner, struct node *hook)
{
        /* Only the run's root has such hooks: its node keeps its state (E1), the run takes the failure. */
        (void)owner;
        r->row.message = run_text(r, arena_printf(r->arena, "the exit handler '%.*s' failed: %.*s", STR_FMT(hook->row.name), STR_FMT(hook->row.message)));
        r->hook_failed = true;
}

static void stop_inner(struct run *r, struct node *n, struct str message)
{
        if (!is_exempt(r, n))
                node_stop_below(r, n, message);
}

/* Of what a retry has kept below a node that is not open again yet, hooks may run already. */
static void stop_hooks_below(struct run *r, struct node *n, struct str message)
{
        for (uint32_t i = 0; i < n->hooks_n; i++)
                stop_inner(r, n->hooks[i], message);
        for (uint32_t i = 0; i < n->slots_n; i++)
                if (n->slots[i])
                        stop_hooks_below(r, n->slots[i], message);
        for (uint32_t i = 0; n->row.kind == NODE_KIND_FANOUT && i < n->items_n; i++)
                if (n->items[i].node)
                        stop_hooks_below(r, n->items[i].node, message);
        if (n->attempt_node)
                stop_hooks_below(r, n->attempt_node, message);
}

/* n, and everything live below it, is asked to end. */
void node_stop_below(struct run *r, struct node *n, struct str message)
{
        for (uint32_t i = 0; i < n->hooks_n; i++)
                stop_inner(r, n->hooks[i], message);
        if (node_state_final(n->row.state))
                return;
        enum node_state s = r->row.stopping ? NODE_STOPPED : NODE_FAILED;
        if (n->reopened && !has_children(n)) {
                if (n->row.role == NODE_ROLE_ITEM)
                        n->parent->items_active++; /* its end takes one off */
                node_finish(r, n, s, message);
                return;
        }
        if (n->reopened) {
                stop_hooks_below(r, n, message);
                if (n->row.role == NODE_ROLE_ITEM)
                        fanout_reenter_item(r, n->parent, n);
                else
                        work_add(r, WORK_ENTER, n, 0);
                return;
        }
        switch (n->row.kind) {
        case NODE_KIND_TASK:
        case NODE_KIND_CHILD:
                if (n->row.dispatched) {
                        leaf_stop(r, n, message);
                        return;
                }
                if (n->row.state == NODE_WAITING && str_eq_c(n->row.reason, WAITS_FOR_CACHE))
                        r->busy--;
                node_finish(r, n, s, message);
                return;
        case NODE_KIND_SUSPEND:
        case NODE_KIND_CALL:
                node_finish(r, n, s, message);
                return;
        case NODE_KIND_GRAPH:
        case NODE_KIND_GROUP:
                if (!n->opened && has_children(n)) {
                        stop_hooks_below(r, n, message);
                        n->in_wait = false;
                        work_add(r, WORK_ENTER, n, 0);
                        return;
                }
                if (!n->opened) {
                        node_finish(r, n, s, message);
                        return;
                }
                for (uint32_t i = 0; i < n->slots_n; i++)
                        if (n->slots[i])
                                stop_inner(r, n->slots[i], message);
                return;
        case NODE_KIND_FANOUT:
                for (uint32_t i = 0; i < n->items_n; i++)
                        if (n->items[i].node)
                                stop_inner(r, n->items[i].node, message);
                if (!n->items_active)
                        fanout_done(r, n);
                return;
        case NODE_KIND_RETRY:
                if (n->row.state == NODE_WAITING) {
                        r->busy--;
                        node_finish(r, n, s, message);
                } else if (n->attempt_node)
                        stop_inner(r, n->attempt_node, message);
                return;
        case NODE_KINDS:
                return;
        }
}

static void deadline(struct run *r, struct node *n)
{
        struct str message = STR("exceeded its deadline");
        n->row.deadline_at.us = 0;
        if (n->row.kind == NODE_KIND_TASK || n->row.kind == NODE_KIND_CHILD || n->row.kind == NODE_KIND_SUSPEND) {
                node_stop_below(r, n, message);
                return;
        }
        n->closing = n->row.stop_ordered = true;
        n->row.message = node_text(r, n, message);
        node_dirty(r, n);
        node_stop_below(r, n, message);
}

void node_timer(struct run *r, struct node *n)
{
        if (node_state_final(n->row.state))
                return;
        if (n->row.deadline_at.us && n->row.deadline_at.us <= r->now.us)
                deadline(r, n);
        if (node_state_final(n->row.state) || !n->row.wake_at.us || n->row.wake_at.us > r->now.us)
                return;
        n->row.wake_at.us = 0;
        if (n->unresolved)
                leaf_unresolved(r, n);
        else if (n->row.kind == NODE_KIND_SUSPEND)
                suspend_end(r, n, NULL, false, STR_NONE);
        else if (n->row.kind == NODE_KIND_RETRY && n->row.state == NODE_WAITING) {
                r->busy--;
                node_set_state(r, n, NODE_RUNNING);
                retry_next(r, n);
        }
}
