/* The engine's door: new runs, loading, one event at a time. */
#include "engine/internal.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void defaults(struct engine_settings *s)
{
        if (!s->nodes_max)
                s->nodes_max = 1000000;
        if (!s->depth_max)
                s->depth_max = 100;
        if (!s->items_max)
                s->items_max = 200000;
        if (!s->window)
                s->window = 4096;
        if (!s->run_bytes_max)
                s->run_bytes_max = 64u << 20;
        if (!s->value_bytes_max)
                s->value_bytes_max = 1u << 20;
        if (!s->step_nodes_max)
                s->step_nodes_max = 1000;
}

struct run *engine_new(const struct workflow *w, const struct run_row *row, struct str artifact_root, const struct engine_settings *set)
{
        struct run *r = engine_alloc(sizeof *r);
        r->w = w;
        r->set = set ? *set : (struct engine_settings){0};
        defaults(&r->set);
        r->plans = engine_alloc(w->templates_n * sizeof *r->plans);
        r->row = *row;
        struct str *texts[] = {&r->row.uid,     &r->row.name,   &r->row.ns,      &r->row.display_name, &r->row.language,
                               &r->row.document, &r->row.options, &r->row.reason, &r->row.message,      &r->row.parent_run};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                *texts[i] = run_text(r, *texts[i]);
        r->parameters = box_new(r, row->parameters.params_n || row->parameters.artifacts_n ? &row->parameters : &w->parameters);
        r->row.parameters = r->parameters ? r->parameters->b : (struct bindings){0};
        r->globals = box_new(r, &row->globals);
        r->outputs = box_new(r, &row->outputs);
        values_known(r, &(struct node_row){.inputs = r->row.parameters, .outputs = row->globals});
        if (!r->row.nodes_next)
                r->row.nodes_next = 1;
        r->view = (struct run_view){.uid = r->row.uid,
                                    .name = r->row.name,
                                    .ns = r->row.ns,
                                    .display_name = r->row.display_name,
                                    .created_at = r->row.created_at,
                                    .started_at = r->row.started_at,
                                    .state = r->row.state,
                                    .message = r->row.message,
                                    .parameters = &r->row.parameters,
                                    .artifact_root = run_text(r, artifact_root),
                                    .priority = w->priority};
        return r;
}

/* ---- events ---- */

void run_export(struct run *r, const struct bindings *b)
{
        struct bindings g = {0};
        const struct bindings *old = r->globals ? &r->globals->b : &g;
        g.params = arena_alloc_array(r->arena, sizeof *g.params, old->params_n + b->params_n + 1);
        g.artifacts = arena_alloc_array(r->arena, sizeof *g.artifacts, old->artifacts_n + b->artifacts_n + 1);
        for (size_t i = 0; i < old->params_n; i++)
                if (!bindings_param(b, old->params[i].name))
                        g.params[g.params_n++] = old->params[i];
        for (size_t i = 0; i < b->params_n; i++)
                g.params[g.params_n++] = b->params[i];
        for (size_t i = 0; i < old->artifacts_n; i++)
                if (!bindings_artifact(b, old->artifacts[i].name))
                        g.artifacts[g.artifacts_n++] = old->artifacts[i];
        for (size_t i = 0; i < b->artifacts_n; i++)
                g.artifacts[g.artifacts_n++] = b->artifacts[i];
        struct box *x = box_new(r, &g);
        box_release(r, r->globals);
        r->globals = x;
        r->run_dirty = true;
}

void run_end(struct run *r)
{
        const struct node *n = r->root;
        enum run_state s = RUN_FAILED;
        if (r->row.stopping)
                s = r->row.stopping;
        else if (n->row.state == NODE_ERROR)
                s = RUN_ERROR;
        else if (n->row.state == NODE_STOPPED)
                s = RUN_STOPPED;
        else if (!node_state_bad(n->row.state))
                s = r->hook_failed ? RUN_FAILED : RUN_SUCCEEDED;
        if (!r->hook_failed && s != RUN_SUCCEEDED)
                r->row.message = r->row.deadline_passed ? STR("the run passed its deadline") : run_text(r, n->row.message);
        r->row.state = s;
        r->row.reason = STR_NONE;
        r->row.finished_at = r->now;
        r->outputs = box_ref(n->out);
        r->run_dirty = true;
}

static void begin(struct run *r)
{
        if (r->row.suspended)
                return;
        struct node *n = node_create(r, NULL, NODE_ROLE_TASK, 0, 0);
        n->task = &r->w->root;
        n->row.name = r->w->root.name;
        r->root = n;
        node_dirty(r, n);
        struct scope scope;
        struct site s;
        site_call(r, NULL, 0, &scope, &s);
        if (call_resolve(r, n, &s))
                node_enter(r, n);
}

static void tell_reason(struct run *r, struct str text)
{
        text.n = str_utf8_prefix(str_sub(text, 0, sizeof r->reason));
        if (run_state_final(r->row.state) || str_eq(r->row.reason, text))
                return;
        if (text.n)
                memcpy(r->reason, text.p, text.n);
        r->row.reason = (struct str){r->reason, text.n};
        r->reason_dirty = true;
}

static void stop(struct run *r, enum run_state how)
{
        if (run_state_final(r->row.state) || r->row.stopping == RUN_TERMINATED || r->row.stopping == how)
                return;
        r->row.stopping = how;
        r->row.state = RUN_STOPPING;
        r->row.suspended = false;
        r->run_dirty = true;
        if (!r->root) {
                r->row.state = how;
                r->row.reason = STR_NONE;
                r->row.finished_at = r->now;
                r->row.message = STR("stopped before it started");
                return;
        }
        node_stop_below(r, r->root, STR("the run was stopped"));
}

void update_run_state(struct run *r)
{
        if (run_state_final(r->row.state) || r->row.state == RUN_STOPPING || !r->row.started_at.us)
                return;
        bool idle = !r->live && !r->busy && !r->waiting.n && r->suspended_n;
        enum run_state s = r->row.suspended || idle ? RUN_SUSPENDED : RUN_RUNNING;
        if (s != r->row.state) {
                r->row.state = s;
                r->run_dirty = true;
        }
}

static int by_number(const void *a, const void *b)
{
        const uint32_t *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

static void resume(struct run *r)
{
        if (r->row.suspended) {
                r->row.suspended = false;
                r->run_dirty = true;
                if (!r->root)
                        begin(r);
        }
        for (uint32_t i = 0, n = r->map.cap; i < n && r->suspended_n; i++) {
                struct node *x = r->map.p[i];
                if (!x || x->row.state != NODE_SUSPENDED)
                        continue;
                struct scope scope;
                struct self_views views;
                struct site s;
                struct error e = {0};
                struct suspend_spec spec = {.duration_us = -1};
                site_self(r, x, &scope, &views, &s);
                if (r->w->language->resolve_suspend(&s, &spec, &e) && spec.supply_n && !spec.defaults)
                        continue;
                r->resumed = engine_grow(r->resumed, &r->resumed_cap, r->resumed_n, sizeof *r->resumed);
                r->resumed[r->resumed_n++] = x->row.no;
        }
        if (r->resumed_n) /* in order of number, whatever the map's */
                qsort(r->resumed, r->resumed_n, sizeof *r->resumed, by_number);
        for (uint32_t i = 0; i < r->resumed_n; i++) {
                struct node *x = map_get(r, r->resumed[i]);
                if (x)
                        suspend_end(r, x, NULL, false, STR_NONE);
        }
        r->resumed_n = 0;
}

static struct node *only_suspended(const struct run *r)
{
        struct node *found = NULL;
        for (uint32_t i = 0; i < r->map.cap; i++)
                if (r->map.p[i] && r->map.p[i]->row.state == NODE_SUSPENDED) {
                        if (found)
                                return NULL;
                        found = r->map.p[i];
                }
        return found;
}

static bool approve(struct run *r, const struct event *ev, struct error *e)
{
        struct node *n = ev->node ? map_get(r, ev->node) : only_suspended(r);
        if (!ev->node && r->suspended_n > 1)
                return error_set(e, ERROR_CONFLICT, "%u steps of run %.*s wait for approval: name one", r->suspended_n, STR_FMT(r->row.name));
        if (!n || n->row.state != NODE_SUSPENDED)
                return error_set(e, ERROR_CONFLICT, "no such step of run %.*s waits for approval", STR_FMT(r->row.name));
        struct scope scope;
        struct self_views views;
        struct site s;
        struct suspend_spec spec = {.duration_us = -1};
        site_self(r, n, &scope, &views, &s);
        if (!r->w->language->resolve_suspend(&s, &spec, e))
                return false;
        for (size_t i = 0; ev->outputs && i < ev->outputs->params_n; i++) {
                bool known = false;
                for (size_t k = 0; k < spec.supply_n; k++)
                        known |= str_eq(spec.supply[k], ev->outputs->params[i].name);
                if (!known)
                        return error_set(e, ERROR_INVALID, "step '%.*s' asks for no value named '%.*s'", STR_FMT(n->row.name), STR_FMT(ev->outputs->params[i].name));
        }
        for (size_t k = 0; !ev->reject && k < spec.supply_n; k++)
                if (!(ev->outputs && bindings_param(ev->outputs, spec.supply[k])) && !(spec.defaults && bindings_param(spec.defaults, spec.supply[k])))
                        return error_set(e, ERROR_INVALID, "step '%.*s' asks for a value: give it with -p %.*s=…", STR_FMT(n->row.name), STR_FMT(spec.supply[k]));
        suspend_end(r, n, ev->outputs, ev->reject, ev->text.n ? ev->text : ev->reject ? STR("rejected") : STR_NONE);
        return true;
}

static void run_deadline(struct run *r, int64_t at_us)
{
        if (run_state_final(r->row.state) || r->row.deadline_passed || r->row.stopping || (r->root && node_state_final(r->root->row.state)) ||
            at_us != r->row.started_at.us + r->w->deadline_us) /* of an earlier epoch */
                return;
        r->row.deadline_passed = true;
        r->run_dirty = true;
        if (r->root) /* without one it is suspended, and ends when it is resumed */
                node_stop_below(r, r->root, STR("the run passed its deadline"));
}

static void tick(struct run *r)
{
        while (r->timers.n && (int64_t)r->timers.p[0].key <= r->now.us) {
                struct heap_entry t;
                heap_pop(&r->timers, &t);
                if (!t.no) {
                        run_deadline(r, (int64_t)t.key);
                        continue;
                }
                struct node *n = map_get(r, t.no);
                if (n && n->row.epoch == t.epoch)
                        node_timer(r, n);
        }
}

static void resume_expansion(struct run *r)
{
        struct heap_entry t;
        while (r->expanding.n && r->created < r->set.step_nodes_max) {
                heap_pop(&r->expanding, &t);
                struct node *f = map_get(r, t.no);
                if (f && f->row.epoch == t.epoch && f->row.kind == NODE_KIND_FANOUT)
                        fanout_expand(r, f);
        }
}

static struct node *addressed(struct run *r, const struct event *e)
{
        struct node *n = map_get(r, e->node);
        if (!n || n->row.epoch != e->epoch || node_state_final(n->row.state))
                return NULL;
        return n;
}

static bool start_run(struct run *r)
{
        if (r->row.started_at.us || run_state_final(r->row.state))
                return true;
        r->row.started_at = r->view.started_at = r->now;
        r->row.state = RUN_RUNNING;
        r->row.reason = STR_NONE;
        r->row.suspended = r->w->suspended;
        r->run_dirty = true;
        if (r->w->shutdown != SHUTDOWN_NONE) {
                r->row.stopping = r->w->shutdown == SHUTDOWN_STOP ? RUN_STOPPED : RUN_TERMINATED;
                r->row.state = RUN_STOPPING;
        }
        if (r->w->deadline_us)
                heap_push(&r->timers, (uint64_t)(r->now.us + r->w->deadline_us), 0, 0);
        begin(r);
        return true;
}

static bool take(struct run *r, const struct event *e, struct error *err)
{
        struct node *n;
        switch (e->kind) {
        case EVENT_BEGIN:
                return start_run(r);
        case EVENT_STARTED:
                n = addressed(r, e);
                if (DEFECT(7) && !n && (n = map_get(r, e->node)) && n->row.epoch == e->epoch) {
                        n->row.state = NODE_RUNNING;
                        node_dirty(r, n);
                        return true;
                }
                if (!n || !n->row.dispatched || n->row.attempt != e->attempt || n->row.reported || n->row.kind != NODE_KIND_TASK)
                        return true;
                n->row.reported = true;
                n->row.started_at = e->at.us ? e->at : r->now;
                deadline_begin(r, n, n->row.started_at); /* the news may be late */
                node_set_state(r, n, NODE_RUNNING);
                return true;
        case EVENT_ENDED:
                n = addressed(r, e);
                if (DEFECT(1) && n && n->row.role == NODE_ROLE_ITEM && n->row.index == 2)
                        return true;
                if (n && n->row.dispatched && n->row.attempt == e->attempt && n->row.kind == NODE_KIND_TASK)
                        leaf_ended(r, n, e);
                return true;
        case EVENT_CACHE_ANSWER:
                n = addressed(r, e);
                if (n && n->row.kind == NODE_KIND_TASK)
                        leaf_cache_answer(r, n, e);
                return true;
        case EVENT_CHILD_CREATED:
                n = addressed(r, e);
                if (n && n->row.kind == NODE_KIND_CHILD && n->row.dispatched && !n->row.child_run.n) {
                        n->row.child_run = node_text(r, n, e->text);
                        n->row.started_at = r->now;
                        node_set_state(r, n, NODE_RUNNING);
                        r->hard = true;
                        if (n->row.stop_ordered)
                                child_stop(r, n);
                }
                return true;
        case EVENT_CHILD_ENDED:
                n = addressed(r, e);
                if (n && n->row.kind == NODE_KIND_CHILD && n->row.dispatched)
                        child_ended(r, n, e);
                return true;
        case EVENT_TICK:
                tick(r);
                return true;
        case EVENT_CONTINUE:
                return true;
        case EVENT_STOP:
                stop(r, RUN_STOPPED);
                return true;
        case EVENT_TERMINATE:
                stop(r, RUN_TERMINATED);
                return true;
        case EVENT_SUSPEND:
                if (!run_state_final(r->row.state) && !r->row.stopping && !r->row.suspended)
                        r->row.suspended = r->run_dirty = true;
                return true;
        case EVENT_RESUME:
                if (!run_state_final(r->row.state))
                        resume(r);
                return true;
        case EVENT_APPROVE:
                return approve(r, e, err);
        case EVENT_REASON:
                tell_reason(r, e->text);
                return true;
        case EVENT_RETRY:
                if (!run_retry(r, err))
                        return false;
                if (!r->root)
                        begin(r);
                return true;
        }
        return true;
}

bool engine_step(struct run *r, const struct event *event, struct wall now, struct delta *delta, struct error *e)
{
        delta_begin(r, delta, now);
        bool ok = take(r, event, e);
        if (!ok) { /* changes nothing, also nothing that was going to happen anyway */
                delta_end(r);
                return false;
        }
        work_run(r);
        do { /* what has become free lets others start, which may end at once and free more */
                resume_expansion(r);
                wake_waiting(r);
                work_run(r);
        } while ((r->expanding.n && r->created < r->set.step_nodes_max) || r->work_n || can_wake(r));
        update_run_state(r);
        if (r->row.state == RUN_SUSPENDED || run_state_final(r->row.state) || r->row.state == RUN_STOPPING)
                r->hard = true;
        delta_end(r);
        return true;
}

static int by_no(const void *a, const void *b)
{
        const struct node *const *x = a, *const *y = b;
        return (*x)->row.no < (*y)->row.no ? -1 : (*x)->row.no > (*y)->row.no;
}

void engine_pending(struct run *r, struct wall now, struct arena *a, const struct action **ret, size_t *ret_n)
{
        struct delta d = {.arena = a};
        delta_begin(r, &d, now);
        struct node **live = engine_alloc((r->map.n + 1) * sizeof(struct node *));
        uint32_t n = 0;
        for (uint32_t i = 0; i < r->map.cap; i++)
                if (r->map.p[i] && !node_state_final(r->map.p[i]->row.state))
                        live[n++] = r->map.p[i];
        qsort(live, n, sizeof(struct node *), by_no);
        for (uint32_t i = 0; i < n; i++) {
                struct node *x = live[i];
                if (x->row.state == NODE_WAITING && str_eq_c(x->row.reason, WAITS_FOR_CACHE))
                        action_add(r, ACTION_CACHE_LOOKUP, x)->text = x->row.cache_key;
                if (!x->row.dispatched)
                        continue;
                if (x->row.kind == NODE_KIND_CHILD && x->row.child_run.n) {
                        if (x->row.stop_ordered)
                                child_stop(r, x);
                        continue;
                }
                bool reported = x->row.reported;
                if (DEFECT(2))
                        x->row.attempt++;
                leaf_order(r, x);
                x->row.reported = reported;
                if (x->row.stop_ordered && x->row.dispatched && x->row.kind == NODE_KIND_TASK)
                        action_add(r, ACTION_STOP, x);
        }
        free(live);
        for (uint32_t i = 0; i < r->dirty_n; i++)
                r->dirty[i]->dirty = false;
        r->dirty_n = 0;
        *ret = r->actions;
        *ret_n = r->actions_n;
        r->delta = NULL;
}

const struct task_spec *engine_spec(struct run *r, uint32_t node, uint32_t epoch, uint32_t attempt, struct wall now, struct arena *a)
{
        struct node *n = map_get(r, node);
        if (!n || n->row.epoch != epoch || n->row.attempt != attempt || !n->row.dispatched || n->row.kind != NODE_KIND_TASK)
                return NULL;
        struct delta d = {.arena = a};
        delta_begin(r, &d, now);
        leaf_order(r, n);
        r->delta = NULL;
        return r->actions_n ? r->actions[0].spec : NULL;
}

struct wall engine_wake_at(const struct run *r)
{
        if (run_state_final(r->row.state) || !r->timers.n)
                return (struct wall){0};
        return (struct wall){(int64_t)r->timers.p[0].key};
}

bool engine_wants_continue(const struct run *r) { return r->expanding.n > 0; }
enum run_state engine_state(const struct run *r) { return r->row.state; }
struct str engine_uid(const struct run *r) { return r->row.uid; }
uint32_t engine_live(const struct run *r) { return r->live; }

void engine_check(const struct run *r)
{
        uint32_t live = 0, suspended = 0, held = 0, permits = 0, busy = 0, leaves = 0, done = 0;
        for (uint32_t i = 0; i < r->map.cap; i++) {
                const struct node *n = r->map.p[i];
                if (!n)
                        continue;
                assert(!n->dead);
                bool final = node_state_final(n->row.state);
                live += n->row.dispatched && !final;
                suspended += n->row.state == NODE_SUSPENDED;
                busy += n->row.state == NODE_WAITING && (str_eq_c(n->row.reason, WAITS_FOR_CACHE) || str_eq_c(n->row.reason, WAITS_FOR_BACKOFF));
                leaves += node_is_leaf(n);
                done += node_is_leaf(n) && final;
                assert(!final || !n->holds_permit);
                held += n->holds_permit;
                permits += n->permits_used;
                if (!n->slots || !n->opened || final)
                        continue;
                const struct plan *p = &r->plans[n->template - r->w->templates];
                uint32_t unsettled = 0, failed = 0;
                for (uint32_t k = 0; k < n->slots_n; k++) {
                        unsettled += p->wanted[k] && !(n->slots[k] && n->slots[k]->settled);
                        failed += n->slots[k] && failure_counts(n, n->slots[k]);
                }
                assert(unsettled == n->unsettled); /* E4 */
                assert(failed == n->failed);
        }
        assert(held == permits);     /* E3 */
        assert(live == r->live); /* E2 */
        assert(suspended == r->suspended_n);
        assert(busy == r->busy);
        assert(r->row.nodes_total - r->row.nodes_done == leaves - done); /* those that left memory are done */
}
