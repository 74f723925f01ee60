/* Carrying out what the engine asks for, once it is durable; and what executors report. */
#include "runtime/internal.h"
#include <stdlib.h>

/* ---- events of the executor ---- */

static void on_executor(void *user, const struct executor_event *x)
{
        struct runtime *rt = user;
        struct live_run *r = run_find(rt, x->id.run);
        if (!r)
                return;
        struct event ev = {.kind = x->kind == EXECUTOR_STARTED ? EVENT_STARTED : EVENT_ENDED, .node = x->id.node, .epoch = x->id.epoch,
                           .attempt = x->id.attempt, .outcome = x->outcome, .at = x->at};
        rt_step(r, &ev, NULL);
        if (x->kind != EXECUTOR_ENDED || rt->failed)
                return;
        batch_forget(batch_open(rt), r, &x->id);
        start_ended(r, &x->id);
        starts_pump(rt);
}

static bool count_run(void *user, const struct run_row *row)
{
        (void)row;
        ++*(size_t *)user;
        return true;
}

/* An attempt that its row has left behind, or whose run is gone. When the store cannot tell, it is kept. */
static bool is_settled(void *user, const struct attempt_id *id)
{
        struct runtime *rt = user;
        struct arena *a = arena_new();
        struct node_row row;
        struct error e;
        bool found = false;
        size_t runs = 0;
        bool ok = reader_ready(rt, &e) && rt->o.store->node(rt->reader, id->run, id->node, a, &found, &row, &e);
        if (ok && found)
                ok = row.epoch != id->epoch ? row.epoch > id->epoch : row.attempt != id->attempt ? row.attempt > id->attempt : node_state_final(row.state);
        else
                ok = ok && rt->o.store->runs(rt->reader, &(struct run_query){.name_or_uid = id->run, .limit = 1}, count_run, &runs, &e) && !runs;
        arena_free(a);
        return ok;
}

bool executor_ready(struct runtime *rt, struct error *e)
{
        if (rt->executor)
                return true;
        const struct settings *s = rt->o.settings;
        struct executor_settings x = {.folder = rt->o.folder, .self_exe = rt->o.self_exe, .isolation = s->text[SET_ISOLATION], .slots = rt->slots,
                                      .log_bytes_max = (size_t)s->number[SET_LOG_BYTES_MAX], .value_bytes_max = (size_t)s->number[SET_VALUE_BYTES_MAX],
                                      .images = s->text[SET_IMAGES], .grace_us = s->number[SET_GRACE],
                                      .settled = is_settled};
        if (rt->o.executor->open(&x, rt->loop, on_executor, rt, &rt->executor, e))
                return true;
        return error_wrap(e, "starting the %s executor", rt->o.executor->name);
}

static void stop_attempt(struct live_run *r, const struct action *x)
{
        struct runtime *rt = r->rt;
        struct error e;
        if (start_remove(r, x)) {
                struct task_outcome o = {.end = TASK_STOPPED, .cpu_us = -1, .rss_max_bytes = -1};
                rt_step(r, &(struct event){.kind = EVENT_ENDED, .node = x->node, .epoch = x->epoch, .attempt = x->attempt, .outcome = &o}, NULL);
                return;
        }
        struct attempt_id id = start_id(r, x);
        if (!executor_ready(rt, &e) || !rt->o.executor->stop(rt->executor, &id, &e))
                rt_fail(rt, &e);
}

/* ---- the cache ---- */

static void cache_lookup(struct live_run *r, const struct action *x)
{
        struct runtime *rt = r->rt;
        struct arena *a = arena_new();
        struct error e;
        bool found = false;
        struct str from = STR_NONE;
        struct wall at;
        struct bindings outputs = {0};
        if (!reader_ready(rt, &e) || !rt->o.store->cache_get(rt->reader, x->text, a, &found, &from, &at, &outputs, &e))
                found = false; /* a cache that cannot be read is one that has nothing: the task runs */
        rt_step(r, &(struct event){.kind = EVENT_CACHE_ANSWER, .node = x->node, .epoch = x->epoch, .attempt = x->attempt, .hit = found, .outputs = &outputs, .text = from}, NULL);
        arena_free(a);
}

/* ---- child runs ---- */

void child_note(struct live_run *parent, struct str uid, uint32_t node, uint32_t epoch, uint32_t attempt)
{
        struct live_child *c = arena_alloc(parent->arena, sizeof *c);
        *c = (struct live_child){.next = parent->children, .node = node, .epoch = epoch, .attempt = attempt};
        memcpy(c->uid, uid.p, uid.n < 36 ? uid.n : 36);
        parent->children = c;
}

static void tell_parent(struct live_run *parent, const struct live_child *c, enum run_state state, const struct bindings *outputs, struct str text)
{
        rt_step(parent, &(struct event){.kind = EVENT_CHILD_ENDED, .node = c->node, .epoch = c->epoch, .attempt = c->attempt, .child_state = state, .outputs = outputs, .text = text}, NULL);
}

void child_run_ended(struct runtime *rt, const struct run_row *row)
{
        struct live_run *parent = run_find(rt, row->parent_run);
        for (struct live_child *c = parent ? parent->children : NULL; c; c = c->next)
                if (str_eq_c(row->uid, c->uid)) {
                        tell_parent(parent, c, row->state, &row->outputs, row->message);
                        return;
                }
}

/* Loads it when it is not final, and tells the parent when it is. False: there is no such run. */
static bool child_resume(struct live_run *parent, struct live_child *c)
{
        struct runtime *rt = parent->rt;
        struct error e;
        struct run_row row;
        struct live_run *loaded;
        if (run_find(rt, str_from(c->uid)))
                return true;
        struct arena *a = arena_new();
        bool found = run_lookup(rt, str_from(c->uid), a, &row, &e);
        if (found && run_state_final(row.state))
                tell_parent(parent, c, row.state, &row.outputs, row.message);
        else if (found && !run_load(rt, row.uid, false, &loaded, &e))
                tell_parent(parent, c, RUN_ERROR, NULL, str_from(e.text));
        arena_free(a);
        return found;
}

static void child_create(struct live_run *r, const struct action *x)
{
        struct runtime *rt = r->rt;
        char uid[37], key[128];
        snprintf(key, sizeof key, "%s/%u.%u.%u", r->uid, x->node, x->epoch, x->attempt);
        uuid_derive(str_from(key), uid);
        child_note(r, str_from(uid), x->node, x->epoch, x->attempt);
        struct live_child *c = r->children;
        struct event created = {.kind = EVENT_CHILD_CREATED, .node = x->node, .epoch = x->epoch, .attempt = x->attempt, .text = str_from(uid)};
        struct error e;
        if (r->fixed.depth + 1 > rt->o.settings->number[SET_CHILD_DEPTH_MAX]) {
                error_set(&e, ERROR_LIMIT, "runs may create runs %lld deep, no deeper (setting runs.child_depth_max)", (long long)rt->o.settings->number[SET_CHILD_DEPTH_MAX]);
                tell_parent(r, c, RUN_ERROR, NULL, str_from(e.text));
                return;
        }
        struct arena *a = arena_new();
        struct run_row row;
        if (run_lookup(rt, str_from(uid), a, &row, &e)) { /* made before a crash */
                rt_step(r, &created, NULL);
                child_resume(r, c);
                arena_free(a);
                return;
        }
        struct problems p = {.arena = a};
        struct submission s = {.ns = r->fixed.ns};
        const struct dialect *d = NULL;
        struct str message = STR_NONE;
        struct workflow *w = document_compile(x->text, &s, &p, &d, &message, &e);
        const struct problem *first = problems_first_error(&p);
        if (!w && d)
                error_set(&e, ERROR_INVALID, "%.*s", STR_FMT(first ? first->text : message));
        bool ok = w != NULL, renamed;
        if (ok) {
                struct command run = {.kind = COMMAND_RUN, .document = x->text, .submission = s, .base_name = w->name, .generate_name = w->generate_name,
                                      .uid = str_from(uid), .parent_run = str_from(r->uid), .parent_node = x->node, .depth = r->fixed.depth + 1,
                                      .meta = r->fixed.meta};
                run.meta.archived = false;
                run.meta.recurring = STR_NONE; /* it is no firing of its own */
                run.meta.scheduled_at = (struct wall){0};
                struct live_run *child;
                ok = run_create(rt, &run, &child, &renamed, &e);
                if (ok)
                        rt_step(r, &created, NULL);
                workflow_free(w);
        }
        if (!ok)
                tell_parent(r, c, RUN_ERROR, NULL, arena_printf(a, "the child run was refused: %s", e.text));
        arena_free(a);
}

static void child_stop(struct live_run *r, const struct action *x)
{
        struct live_run *child = run_find(r->rt, x->text);
        if (child)
                rt_step(child, &(struct event){.kind = x->terminate ? EVENT_TERMINATE : EVENT_STOP}, NULL);
}

/* ---- all of them ---- */

static void carry_out(struct batch *b, struct live_run *r, const struct action *x)
{
        switch (x->kind) {
        case ACTION_START:
                start_add(b, r, x);
                break;
        case ACTION_STOP:
                stop_attempt(r, x);
                break;
        case ACTION_CACHE_LOOKUP:
                cache_lookup(r, x);
                break;
        case ACTION_CHILD_CREATE:
                child_create(r, x);
                break;
        case ACTION_CHILD_STOP:
                child_stop(r, x);
                break;
        }
}

void actions_release(struct batch *b)
{
        struct runtime *rt = NULL;
        for (size_t i = 0; i < b->actions_n; i++) {
                struct live_run *r = b->actions[i].run;
                rt = r->rt;
                if (r->engine)
                        carry_out(b, r, &b->actions[i].action);
        }
        if (rt)
                starts_pump(rt);
}

void catch_up(struct live_run *r)
{
        struct runtime *rt = r->rt;
        struct batch *b = calloc(1, sizeof *b);
        if (!b)
                abort();
        b->refs = 1;
        b->arena = arena_new();
        const struct action *actions;
        size_t n;
        struct error e;
        engine_pending(r->engine, rt_now(rt), b->arena, &actions, &n);
        for (size_t i = 0; i < n && !rt->failed; i++) {
                bool known = false;
                struct attempt_id id = start_id(r, &actions[i]);
                if (actions[i].kind == ACTION_START) {
                        if (!executor_ready(rt, &e) || !rt->o.executor->adopt(rt->executor, &id, actions[i].spec, &known, &e)) {
                                rt_fail(rt, &e);
                                break;
                        }
                        if (known) {
                                start_adopted(r, &id);
                                continue;
                        }
                        if (rt->o.epoch) { /* it may be at work elsewhere under this very name: only another attempt is safe to start */
                                struct task_outcome o = {.end = TASK_LOST, .cpu_us = -1, .rss_max_bytes = -1, .message = STR("the server that started it was replaced by another")};
                                rt_step(r, &(struct event){.kind = EVENT_ENDED, .node = id.node, .epoch = id.epoch, .attempt = id.attempt, .outcome = &o}, NULL);
                                continue;
                        }
                }
                carry_out(b, r, &actions[i]);
        }
        for (struct live_child *c = r->children; c && !rt->failed; c = c->next)
                if (!child_resume(r, c))
                        tell_parent(r, c, RUN_ERROR, NULL, STR("the child run was deleted"));
        batch_unref(b);
        starts_pump(rt);
}
