/* Leaves: commands, suspend points and child runs. */
#include "engine/internal.h"
#include <stdlib.h>

static bool self_spec(struct run *r, struct node *n, struct arena *a, struct task_spec *ret, struct error *e)
{
        struct scope scope;
        struct self_views views;
        struct site s;
        site_self(r, n, &scope, &views, &s);
        s.arena = a;
        *ret = (struct task_spec){.display_name = n->row.name};
        return r->w->language->resolve_attempt(&s, ret, e);
}

/* A cacheable leaf: the cache is asked before anything is held. */
void leaf_begin(struct run *r, struct node *n)
{
        struct task_spec spec;
        struct error e = {0};
        struct str key = STR_NONE;
        struct scope scope;
        struct self_views views;
        struct site s;
        if (!self_spec(r, n, r->arena, &spec, &e)) {
                node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                return;
        }
        site_self(r, n, &scope, &views, &s);
        if (!r->w->language->cache_key(&s, &spec, &key, &e)) {
                node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                return;
        }
        if (!key.n) {
                n->limits.no_cache = true;
                limits_encode(r, n);
                node_enter(r, n);
                return;
        }
        n->row.cache_key = node_text(r, n, key);
        node_set_state(r, n, NODE_WAITING);
        set_reason(n, WAITS_FOR_CACHE);
        r->busy++;
        action_add(r, ACTION_CACHE_LOOKUP, n)->text = n->row.cache_key;
}

void leaf_cache_answer(struct run *r, struct node *n, const struct event *e)
{
        if (n->row.state != NODE_WAITING || !str_eq_c(n->row.reason, WAITS_FOR_CACHE))
                return;
        r->busy--;
        if (e->hit) {
                struct collected c = {.state = NODE_CACHED, .message = STR("")};
                if (e->outputs)
                        c.outputs = *e->outputs;
                n->row.cached_from = node_text(r, n, e->text);
                n->row.started_at = r->now;
                node_collect(r, n, &c, r->now);
                return;
        }
        node_set_state(r, n, NODE_PENDING);
        node_enter(r, n);
}

static bool run_has_room(const struct run *r)
{
        if (r->row.suspended || r->live >= r->set.window)
                return false;
        return !r->w->parallelism || r->live < r->w->parallelism;
}

bool can_wake(const struct run *r) { return r->waiting.n && run_has_room(r); }

void leaf_admit(struct run *r, struct node *n)
{
        if (!r->waiting.n && run_has_room(r)) {
                leaf_dispatch(r, n);
                return;
        }
        n->in_wait = true;
        heap_push(&r->waiting, n->row.no, n->row.no, n->row.epoch);
        node_set_state(r, n, NODE_WAITING);
        set_reason(n, WAITS_FOR_RUN);
}

void wake_waiting(struct run *r)
{
        struct heap_entry e;
        while (r->waiting.n && run_has_room(r) && heap_pop(&r->waiting, &e)) {
                struct node *n = map_get(r, e.no);
                if (!n || n->row.epoch != e.epoch || !n->in_wait || node_state_final(n->row.state))
                        continue;
                n->in_wait = false;
                node_set_state(r, n, NODE_PENDING);
                leaf_dispatch(r, n);
        }
}

/* The action that starts a leaf. */
static bool order(struct run *r, struct node *n, struct error *e)
{
        if (n->row.kind == NODE_KIND_CHILD) {
                struct scope scope;
                struct self_views views;
                struct site s;
                struct str document = STR_NONE;
                site_self(r, n, &scope, &views, &s);
                if (!r->w->language->resolve_child(&s, &document, e))
                        return false;
                action_add(r, ACTION_CHILD_CREATE, n)->text = document;
                return true;
        }
        struct task_spec *spec = arena_alloc(r->arena, sizeof *spec);
        if (!self_spec(r, n, r->arena, spec, e))
                return false;
        action_add(r, ACTION_START, n)->spec = spec;
        return true;
}

static void not_resolved(struct run *r, struct node *n, const struct error *e)
{
        if (n->row.dispatched)
                r->live--;
        n->row.dispatched = false;
        node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e->text)));
}

void leaf_dispatch(struct run *r, struct node *n)
{
        struct error e = {0};
        if (!order(r, n, &e)) {
                not_resolved(r, n, &e);
                return;
        }
        if (!n->row.dispatched)
                r->live++;
        n->row.dispatched = true;
        n->row.reported = false;
        node_dirty(r, n);
}

void leaf_order(struct run *r, struct node *n)
{
        struct error e = {0};
        if (order(r, n, &e))
                return;
        n->unresolved = true;
        n->row.wake_at = r->now;
        timer_set(r, n);
}

void leaf_unresolved(struct run *r, struct node *n)
{
        struct error e = {0};
        n->unresolved = false;
        if (!n->row.dispatched || order(r, n, &e))
                return;
        if (n->row.kind == NODE_KIND_TASK) /* it may be alive all the same */
                action_add(r, ACTION_STOP, n);
        not_resolved(r, n, &e);
}

void child_stop(struct run *r, struct node *n)
{
        struct action *a = action_add(r, ACTION_CHILD_STOP, n);
        a->text = n->row.child_run;
        a->terminate = r->row.stopping == RUN_TERMINATED;
}

void leaf_stop(struct run *r, struct node *n, struct str message)
{
        bool child = n->row.kind == NODE_KIND_CHILD;
        if (n->row.stop_ordered && !(child && r->row.stopping == RUN_TERMINATED)) /* a child that is being stopped can still be terminated */
                return;
        if (!n->row.stop_ordered && !r->row.stopping)
                n->row.message = node_text(r, n, message);
        n->row.stop_ordered = true;
        node_dirty(r, n);
        r->hard = true;
        if (!child)
                action_add(r, ACTION_STOP, n);
        else if (n->row.child_run.n) /* otherwise it is stopped when it is known */
                child_stop(r, n);
}

static void lost(struct run *r, struct node *n)
{
        enum { LOST_MAX = 20 };
        event_add(r, n->row.no, "lost", arena_printf(r->arena, "attempt %u was lost and starts again", n->row.attempt));
        n->row.attempt++;
        n->row.reported = false;
        if (n->row.attempt >= LOST_MAX) {
                n->row.dispatched = false;
                r->live--;
                node_finish(r, n, NODE_ERROR, arena_printf(r->arena, "lost %d times in a row: the machines under it keep going away", LOST_MAX));
                return;
        }
        n->row.started_at.us = 0;
        n->row.deadline_at.us = n->limits.timeout_at_us;
        node_set_state(r, n, NODE_PENDING);
        leaf_dispatch(r, n);
}

static void preset(struct run *r, struct node *n, const struct task_outcome *o, struct collected *c)
{
        switch (o->end) {
        case TASK_EXITED:
                c->state = o->exit_code ? NODE_FAILED : NODE_SUCCEEDED;
                if (o->exit_code)
                        c->message = o->message.n ? o->message : arena_printf(r->arena, "exit code %d", o->exit_code);
                if (o->exit_code && n->row.stop_ordered) {
                        c->state = r->row.stopping ? NODE_STOPPED : NODE_FAILED;
                        c->message = n->row.message.n ? n->row.message : STR("stopped");
                }
                break;
        case TASK_NOT_RUN:
                c->state = NODE_ERROR;
                c->message = o->message;
                break;
        case TASK_STOPPED:
        case TASK_LOST:
                c->state = n->row.stop_ordered && r->row.stopping ? NODE_STOPPED : n->row.stop_ordered ? NODE_FAILED : NODE_ERROR;
                c->message = n->row.message.n ? n->row.message : n->row.stop_ordered ? STR("stopped") : STR("stopped from outside");
                break;
        }
}

void leaf_ended(struct run *r, struct node *n, const struct event *e)
{
        const struct task_outcome *o = e->outcome;
        if (o->end == TASK_LOST && !n->row.stop_ordered) {
                lost(r, n);
                return;
        }
        n->row.dispatched = false;
        r->live--;
        if (o->started_at.us)
                n->row.started_at = o->started_at;
        else if (!n->row.started_at.us)
                n->row.started_at = r->now;
        if (o->end == TASK_EXITED) {
                n->row.has_exit_code = true;
                n->row.exit_code = o->exit_code;
        }
        n->row.cpu_us = o->cpu_us;
        n->row.rss_max_bytes = o->rss_max_bytes;
        struct collected c = {0};
        preset(r, n, o, &c);
        bool asked = o->end == TASK_EXITED || o->end == TASK_NOT_RUN;
        if (asked && !(n->row.stop_ordered && node_state_bad(c.state))) {
                struct scope scope;
                struct self_views views;
                struct site s;
                struct error err = {0};
                site_self(r, n, &scope, &views, &s);
                if (!r->w->language->collect_outputs(&s, o, &c, &err))
                        c = (struct collected){.state = NODE_ERROR, .message = arena_str(r->arena, str_from(err.text))};
        }
        struct wall at = r->now;
        if (o->finished_at.us && o->finished_at.us < at.us && o->finished_at.us >= n->row.started_at.us)
                at = o->finished_at;
        node_collect(r, n, &c, at);
        if (n->row.state == NODE_SUCCEEDED && n->row.cache_key.n) {
                r->cache = r->cache_n ? r->cache : NULL;
                if (r->cache_n == r->cache_cap) {
                        uint32_t cap = r->cache_cap ? r->cache_cap * 2 : 8;
                        struct delta_cache *p = arena_alloc_array(r->arena, sizeof *p, cap);
                        if (r->cache_n)
                                memcpy(p, r->cache, r->cache_n * sizeof *p);
                        r->cache = p;
                        r->cache_cap = cap;
                }
                r->cache[r->cache_n++] = (struct delta_cache){n->row.cache_key, n->row.no, n->out ? n->out->b : (struct bindings){0}};
        }
}

static bool self_suspend(struct run *r, struct node *n, struct suspend_spec *ret, struct error *e)
{
        struct scope scope;
        struct self_views views;
        struct site s;
        site_self(r, n, &scope, &views, &s);
        *ret = (struct suspend_spec){.duration_us = -1};
        return r->w->language->resolve_suspend(&s, ret, e);
}

void suspend_begin(struct run *r, struct node *n)
{
        struct suspend_spec spec;
        struct error e = {0};
        if (!self_suspend(r, n, &spec, &e)) {
                node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                return;
        }
        n->row.started_at = r->now;
        if (spec.duration_us >= 0) {
                n->row.wake_at.us = r->now.us + spec.duration_us;
                timer_set(r, n);
        }
        r->hard = true;
        node_set_state(r, n, NODE_SUSPENDED);
}

/* Values that were supplied win over the defaults. */
static struct bindings with_defaults(struct run *r, const struct bindings *supplied, const struct bindings *defaults)
{
        struct bindings b = {0};
        size_t n = (supplied ? supplied->params_n : 0) + (defaults ? defaults->params_n : 0);
        b.params = arena_alloc_array(r->arena, sizeof *b.params, n + 1);
        for (size_t i = 0; supplied && i < supplied->params_n; i++)
                b.params[b.params_n++] = supplied->params[i];
        for (size_t i = 0; defaults && i < defaults->params_n; i++)
                if (!supplied || !bindings_param(supplied, defaults->params[i].name))
                        b.params[b.params_n++] = defaults->params[i];
        return b;
}

void suspend_end(struct run *r, struct node *n, const struct bindings *supplied, bool reject, struct str text)
{
        struct suspend_spec spec;
        struct error e = {0};
        struct collected c = {.state = reject ? NODE_FAILED : NODE_SUCCEEDED, .message = text};
        if (!self_suspend(r, n, &spec, &e))
                spec = (struct suspend_spec){0};
        c.outputs = with_defaults(r, supplied, spec.defaults);
        if (!reject) {
                struct scope scope;
                struct self_views views;
                struct site s;
                site_self(r, n, &scope, &views, &s);
                if (!r->w->language->collect_outputs(&s, NULL, &c, &e))
                        c = (struct collected){.state = NODE_ERROR, .message = arena_str(r->arena, str_from(e.text))};
        }
        node_collect(r, n, &c, r->now);
}

void child_ended(struct run *r, struct node *n, const struct event *e)
{
        n->row.dispatched = false;
        r->live--;
        struct collected c = {.state = e->child_state == RUN_SUCCEEDED                                    ? NODE_SUCCEEDED
                                       : e->child_state == RUN_ERROR                                      ? NODE_ERROR
                                       : e->child_state == RUN_STOPPED || e->child_state == RUN_TERMINATED ? NODE_STOPPED
                                                                                                          : NODE_FAILED,
                              .message = e->text};
        if (e->outputs)
                c.outputs = *e->outputs;
        if (c.state == NODE_SUCCEEDED) {
                struct scope scope;
                struct self_views views;
                struct site s;
                struct error err = {0};
                site_self(r, n, &scope, &views, &s);
                if (!r->w->language->collect_outputs(&s, NULL, &c, &err))
                        c = (struct collected){.state = NODE_ERROR, .message = arena_str(r->arena, str_from(err.text))};
        }
        node_collect(r, n, &c, r->now);
}
