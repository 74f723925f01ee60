#include "engine_fixture.h"
#include <stdlib.h>

static bool when(const struct site *s, enum verdict *ret, struct str *ret_message, struct error *e)
{
        (void)s, (void)ret_message, (void)e;
        *ret = VERDICT_YES;
        return true;
}

static bool items(const struct site *s, struct items *ret, struct error *e)
{
        (void)e;
        ret->n = ((const struct fan *)s->task->dialect)->n;
        ret->texts = ARENA_ARRAY(s->arena, struct str, ret->n);
        for (uint32_t i = 0; i < ret->n; i++)
                ret->texts[i] = arena_printf(s->arena, "{\"a\":[%u,\"]\\\"\"]}", i);
        return true;
}

static struct bindings one(struct arena *a, const char *name, size_t bytes, char fill)
{
        struct param *p = ARENA_NEW(a, struct param);
        char *text = arena_alloc(a, bytes + 1);
        memset(text, fill, bytes);
        *p = (struct param){.name = str_from(name), .value = val_text((struct str){text, bytes})};
        return (struct bindings){.params = p, .params_n = 1};
}

static bool resolve(const struct site *s, struct call *ret, struct error *e)
{
        (void)e;
        const struct template *t = &s->workflow->templates[s->hook ? s->hook->template : ret->template];
        const struct leaf *l = t->dialect;
        ret->template = (uint32_t)(t - s->workflow->templates);
        if (!l)
                return true;
        ret->retry = (struct retry_policy){.limit = l->retries, .on = RETRY_ON_FAILED | RETRY_ON_ERROR};
        ret->timeout_us = l->timeout_us;
        ret->deadline_us = l->deadline_us;
        if (l->input_bytes)
                ret->inputs = one(s->arena, "in", l->input_bytes, (char)('a' + s->item_index));
        return true;
}

static bool hook(const struct site *s, enum verdict *ret, struct error *e)
{
        (void)s, (void)e;
        *ret = VERDICT_YES;
        return true;
}

static bool attempt(const struct site *s, struct task_spec *ret, struct error *e)
{
        const struct leaf *l = s->self->dialect;
        if (l && l->unresolvable)
                return error_set(e, ERROR_INVALID, "no such variable");
        ret->command = ARENA_NEW(s->arena, struct str);
        ret->command[0] = s->self->name;
        ret->command_n = 1;
        return true;
}

static bool suspend(const struct site *s, struct suspend_spec *ret, struct error *e)
{
        (void)e;
        const struct leaf *l = s->self->dialect;
        if (l && l->supply) {
                ret->supply = ARENA_NEW(s->arena, struct str);
                ret->supply[0] = str_from(l->supply);
                ret->supply_n = 1;
        }
        return true;
}

static bool child(const struct site *s, struct str *ret, struct error *e)
{
        const struct leaf *l = s->self->dialect;
        *ret = STR("a document");
        return !(l && l->unresolvable) || error_set(e, ERROR_INVALID, "no such variable");
}

static bool collect(const struct site *s, const struct task_outcome *o, struct collected *ret, struct error *e)
{
        (void)e;
        if (o && o->params_n)
                ret->outputs = one(s->arena, "out", o->params[0].content.n, 'o');
        return true;
}

static bool retry(const struct site *s, enum verdict *ret, struct error *e)
{
        (void)s, (void)e;
        *ret = VERDICT_YES;
        return true;
}

static bool key(const struct site *s, const struct task_spec *spec, struct str *ret, struct error *e)
{
        (void)spec, (void)e;
        *ret = s->self->name;
        return true;
}

static const struct language plain = {"plain", when, items, resolve, hook, attempt, suspend, child, collect, retry, key};

/* ---- the hand ---- */

static void keep(struct rig *g, const struct action *a, size_t n)
{
        assert_true(n <= ACTIONS_MAX);
        for (g->actions_n = 0; g->actions_n < n; g->actions_n++)
                g->actions[g->actions_n] = a[g->actions_n];
}

bool rig_event(struct rig *g, struct event e)
{
        arena_reset(g->step);
        g->delta = (struct delta){.arena = g->step};
        g->error = (struct error){0};
        bool ok = engine_step(g->run, &e, (struct wall){g->now_us}, &g->delta, &g->error);
        engine_check(g->run);
        g->history_n = 0;
        for (size_t i = 0; i < g->delta.history_n; i++) {
                g->history[g->history_n++] = g->delta.history[i];
                g->rows[g->delta.history[i]].no = 0;
        }
        for (size_t i = 0; i < g->delta.nodes_n; i++) {
                assert_true(g->delta.nodes[i].no < ROWS_MAX);
                g->rows[g->delta.nodes[i].no] = node_row_copy(&g->delta.nodes[i], g->arena);
        }
        if (g->delta.run)
                g->row = run_row_copy(g->delta.run, g->arena);
        keep(g, g->delta.actions, g->delta.actions_n);
        return ok;
}

void rig_begin(struct rig *g)
{
        g->arena = arena_new();
        g->step = arena_new();
        g->w.language = &plain;
        g->w.root.name = STR("main");
        g->now_us = INT64_C(1700000000) * US_PER_S;
        workflow_check(&g->w);
        g->row = (struct run_row){.uid = STR("u"), .name = STR("r"), .ns = STR("default"), .created_at.us = g->now_us};
        g->run = engine_new(&g->w, &g->row, STR("mem://"), &g->settings);
        assert_true(rig_event(g, (struct event){.kind = EVENT_BEGIN}));
}

void rig_end(struct rig *g)
{
        engine_free(g->run);
        arena_free(g->arena);
        arena_free(g->step);
}

struct cursor { const struct rig *g; uint32_t next; };

static bool next_row(void *user, struct node_row *ret)
{
        struct cursor *c = user;
        for (; c->next < ROWS_MAX; c->next++)
                if (c->g->rows[c->next].no) {
                        *ret = c->g->rows[c->next++];
                        return true;
                }
        return false;
}

void rig_load(struct rig *g)
{
        engine_free(g->run);
        struct cursor c = {g, 1};
        if (!engine_load(&g->w, &g->row, STR("mem://"), &g->settings, next_row, &c, &g->run, &g->error)) {
                g->run = NULL;
                return;
        }
        engine_check(g->run);
}

void rig_pending(struct rig *g)
{
        const struct action *a;
        size_t n;
        arena_reset(g->step);
        engine_pending(g->run, (struct wall){g->now_us}, g->step, &a, &n);
        keep(g, a, n);
}

struct node_row *rig_node(struct rig *g, const char *name)
{
        for (uint32_t i = ROWS_MAX; i-- > 1;)
                if (g->rows[i].no && str_eq_c(g->rows[i].name, name) && (g->rows[i].role == NODE_ROLE_TASK || g->rows[i].role == NODE_ROLE_HOOK))
                        return &g->rows[i];
        fail_msg("there is no node '%s'", name);
        return NULL;
}

struct node_row *rig_item(struct rig *g, const char *name, uint32_t index)
{
        for (uint32_t i = 1; i < ROWS_MAX; i++)
                if (g->rows[i].no && str_eq_c(g->rows[i].name, name) && (g->rows[i].role == NODE_ROLE_ITEM || g->rows[i].role == NODE_ROLE_ATTEMPT) &&
                    g->rows[i].index == index)
                        return &g->rows[i];
        fail_msg("there is no %s(%u)", name, index);
        return NULL;
}

uint32_t rig_count(const struct rig *g, const char *name, enum node_state s)
{
        uint32_t n = 0;
        for (uint32_t i = 1; i < ROWS_MAX; i++)
                n += g->rows[i].no && str_eq_c(g->rows[i].name, name) && g->rows[i].state == s;
        return n;
}

const struct action *rig_action(const struct rig *g, enum action_kind kind, const char *name)
{
        for (size_t i = 0; i < g->actions_n; i++)
                if (g->actions[i].kind == kind && str_eq_c(g->rows[g->actions[i].node].name, name))
                        return &g->actions[i];
        return NULL;
}

size_t rig_actions(const struct rig *g, enum action_kind kind)
{
        size_t n = 0;
        for (size_t i = 0; i < g->actions_n; i++)
                n += g->actions[i].kind == kind;
        return n;
}

void rig_ends(struct rig *g, struct node_row *n, enum task_end end, int exit_code)
{
        struct task_outcome o = {.end = end, .exit_code = exit_code, .message = end == TASK_NOT_RUN ? STR("no such command") : STR_NONE};
        rig_event(g, (struct event){.kind = EVENT_ENDED, .node = n->no, .epoch = n->epoch, .attempt = n->attempt, .outcome = &o});
}

void rig_ends_with(struct rig *g, struct node_row *n, size_t output_bytes)
{
        struct task_output out = {STR("out"), true, {calloc(1, output_bytes), output_bytes}, false};
        struct task_outcome o = {.end = TASK_EXITED, .params = &out, .params_n = 1};
        rig_event(g, (struct event){.kind = EVENT_ENDED, .node = n->no, .epoch = n->epoch, .attempt = n->attempt, .outcome = &o});
        free((void *)out.content.p);
}
