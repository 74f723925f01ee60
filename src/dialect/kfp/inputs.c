/* What a call gets: condition, items, and inputs from every kind of source. */
#include "dialect/kfp/kfp.h"
#include "text/json.h"

/* Has its outputs, or was a fan-out over nothing, whose gathered outputs are empty lists. */
static bool empty_fanout(const struct node_view *v) { return v->kind == NODE_KIND_FANOUT && v->state == NODE_SKIPPED; }

static struct val from_task(const struct site *s, const struct kfp_source *x)
{
        struct node_view v;
        if (!s->ops->task(s->scope, (struct task_ref){REF_NO_GROUP, x->producer}, &v))
                return VAL_NOTHING;
        if (empty_fanout(&v))
                return val_json(STR("[]"));
        const struct val *out = v.outputs ? bindings_param(v.outputs, x->key) : NULL;
        return out ? *out : VAL_NOTHING;
}

/* As KFP's back end words it: COMPLETE or FAILED. */
static struct val final_status(const struct site *s, const struct kfp_source *x)
{
        enum { RPC_FAILED_PRECONDITION = 9 };
        struct node_view v = {0};
        struct arena *a = s->arena;
        struct map_builder m = {.arena = a};
        bool known = s->ops->task(s->scope, (struct task_ref){REF_NO_GROUP, x->producer}, &v);
        bool good = known && !node_state_bad(v.state);
        map_push(&m, STR("state"), value_string(good ? STR("COMPLETE") : STR("FAILED")));
        map_push(&m, STR("pipelineTaskName"), value_string(s->graph->tasks[x->producer].name));
        map_push(&m, STR("pipelineJobResourceName"), value_string(s->run->name));
        if (!good) {
                struct map_builder e = {.arena = a};
                map_push(&e, STR("code"), value_i64(RPC_FAILED_PRECONDITION, a));
                map_push(&e, STR("message"), value_string(v.message.n ? v.message : STR("the task did not succeed")));
                map_push(&m, STR("error"), value_map(e.members, e.n));
        }
        struct value out = value_map(m.members, m.n);
        return kfp_val(&out, a);
}

static struct val from_bindings(const struct bindings *b, struct str key)
{
        const struct val *v = b ? bindings_param(b, key) : NULL;
        return v ? *v : VAL_NOTHING;
}

static bool constant_value(const struct site *s, const struct kfp_source *x, struct bindings *sofar, struct val *ret, struct error *e)
{
        struct kfp_place place = {.site = s, .inputs = sofar, .arena = s->arena};
        struct value v;
        if (!kfp_place_value(&place, x->constant, &v, e))
                return false;
        *ret = kfp_val(&v, s->arena);
        return true;
}

static bool source_value(const struct site *s, const struct kfp_source *x, struct bindings *sofar, struct val *ret, struct error *e)
{
        switch (x->kind) {
        case KFP_CONSTANT:
                return constant_value(s, x, sofar, ret, e);
        case KFP_RUNTIME:
                *ret = from_bindings(s->run->parameters, x->key);
                return true;
        case KFP_INPUT:
                *ret = from_bindings(s->graph_inputs, x->key);
                return true;
        case KFP_OUTPUT:
                *ret = from_task(s, x);
                return true;
        case KFP_STATUS:
                *ret = final_status(s, x);
                return true;
        }
        return false;
}

static struct str call_name(const struct site *s, struct str input)
{
        return arena_printf(s->arena, "the input '%.*s' of task '%.*s'", STR_FMT(input), STR_FMT(s->task->name));
}

static bool gather_param(const struct site *s, const struct kfp_task *k, const struct kfp_source *x, struct bindings *ret, struct error *e)
{
        struct val v = VAL_NOTHING;
        const struct kfp_param *p = kfp_param_of(&k->component->in, x->name);
        if (!source_value(s, x, ret, &v, e))
                return error_wrap(e, "%.*s", STR_FMT(call_name(s, x->name)));
        if (kfp_is_null(v) && v.kind == VAL_NONE)
                return true;
        if (x->selector && !kfp_expr_select(x->selector, v, s->arena, &v, e))
                return error_wrap(e, "%.*s", STR_FMT(call_name(s, x->name)));
        if (p && !kfp_fit(v, p, call_name(s, x->name), s->arena, &v, e))
                return false;
        ret->params[ret->params_n++] = (struct param){.name = x->name, .value = v};
        return true;
}

static const struct bindings *artifact_home(const struct site *s, const struct kfp_source *x)
{
        struct node_view v;
        if (x->kind == KFP_INPUT)
                return s->graph_inputs;
        return s->ops->task(s->scope, (struct task_ref){REF_NO_GROUP, x->producer}, &v) ? v.outputs : NULL;
}

static size_t count_artifacts(const struct bindings *b, struct str key)
{
        size_t n = 0;
        for (size_t i = 0; b && i < b->artifacts_n; i++)
                n += str_eq(b->artifacts[i].name, key);
        return n;
}

/* All artifacts of one source, or with `only` one of them, under another name. */
static void take_artifacts(const struct site *s, const struct kfp_source *x, struct str name, bool list, const uint32_t *only, struct bindings *ret)
{
        const struct bindings *home = artifact_home(s, x);
        size_t n = count_artifacts(home, x->key), k = 0;
        struct artifact *more = ARENA_ARRAY(s->arena, struct artifact, ret->artifacts_n + n + 1);
        if (ret->artifacts_n)
                memcpy(more, ret->artifacts, ret->artifacts_n * sizeof *more);
        ret->artifacts = more;
        for (size_t i = 0; n && i < home->artifacts_n; i++) {
                if (!str_eq(home->artifacts[i].name, x->key) || (only && k++ != *only))
                        continue;
                struct artifact *a = &more[ret->artifacts_n++];
                *a = home->artifacts[i];
                a->name = name;
                a->list = list;
        }
}

/* Constants last: their placeholders read the other inputs. What has no value is left out. */
static bool gather(const struct site *s, const struct kfp_task *k, struct bindings *ret, struct error *e)
{
        *ret = (struct bindings){.params = ARENA_ARRAY(s->arena, struct param, k->params_n + k->component->in.params_n + 2)};
        for (int constants = 0; constants < 2; constants++)
                for (size_t i = 0; i < k->params_n; i++)
                        if ((k->params[i].kind == KFP_CONSTANT) == constants && !gather_param(s, k, &k->params[i], ret, e))
                                return false;
        for (size_t i = 0; i < k->artifacts_n; i++) {
                const struct kfp_artifact *a = kfp_artifact_of(&k->component->in, k->artifacts[i].name);
                take_artifacts(s, &k->artifacts[i], k->artifacts[i].name, a && a->list, NULL, ret);
        }
        return true;
}

bool kfp_eval_when(const struct site *s, enum verdict *ret, struct str *ret_message, struct error *e)
{
        const struct kfp_task *k = s->task->dialect;
        struct bindings in;
        bool yes;
        if (!gather(s, k, &in, e))
                return false;
        if (!kfp_expr_condition(k->condition, &in, s->arena, &yes, e))
                return error_wrap(e, "the condition of task '%.*s'", STR_FMT(s->task->name));
        *ret = yes ? VERDICT_YES : VERDICT_NO;
        if (!yes)
                *ret_message = arena_printf(s->arena, "the condition is false: %.*s", STR_FMT(k->condition_text));
        return true;
}

static const struct kfp_source *artifact_source(const struct kfp_task *k, struct str name)
{
        for (size_t i = 0; i < k->artifacts_n; i++)
                if (str_eq(k->artifacts[i].name, name))
                        return &k->artifacts[i];
        return NULL;
}

static bool items_of(const struct site *s, const struct kfp_task *k, struct value *ret, struct error *e)
{
        struct bindings in;
        struct val list;
        if (!gather(s, k, &in, e))
                return false;
        if (k->items_raw) {
                struct kfp_place place = {.site = s, .inputs = &in, .arena = s->arena};
                return kfp_place_value(&place, k->items_raw, ret, e);
        }
        struct val v = from_bindings(&in, k->items_input);
        if (kfp_is_null(v))
                return error_set(e, ERROR_INVALID, "task '%.*s' iterates over '%.*s', which has no value", STR_FMT(s->task->name), STR_FMT(k->items_input));
        if (!kfp_convert(v, KFP_LIST, arena_printf(s->arena, "'%.*s', over which task '%.*s' iterates,", STR_FMT(k->items_input), STR_FMT(s->task->name)),
                         s->arena, &list, e))
                return false;
        *ret = kfp_value(list, s->arena);
        return true;
}

bool kfp_expand_items(const struct site *s, struct items *ret, struct error *e)
{
        const struct kfp_task *k = s->task->dialect;
        struct value list = value_list(NULL, 0);
        const struct kfp_source *x = k->over_artifacts ? artifact_source(k, k->items_input) : NULL;
        size_t n = x ? count_artifacts(artifact_home(s, x), x->key) : 0;
        if (!k->over_artifacts) {
                if (!items_of(s, k, &list, e))
                        return false;
                n = list.list.n;
        }
        *ret = (struct items){.texts = ARENA_ARRAY(s->arena, struct str, n + 1), .n = n, .message = STR("there is nothing to iterate over")};
        for (size_t i = 0; i < n; i++) {
                struct value item = x ? value_i64((int64_t)i, s->arena) : kfp_normal(&list.list.items[i], s->arena);
                ret->texts[i] = json_text(&item, JSON_COMPACT, s->arena);
        }
        return true;
}

static bool add_item(const struct site *s, const struct kfp_task *k, struct bindings *in, struct error *e)
{
        if (!k->over_artifacts) {
                const struct kfp_param *p = kfp_param_of(&k->component->in, k->item_input);
                struct param *out = &in->params[in->params_n++];
                out->name = k->item_input;
                struct value item = kfp_value(val_json(s->item), s->arena);
                return kfp_fit(kfp_val(&item, s->arena), p, call_name(s, k->item_input), s->arena, &out->value, e);
        }
        uint32_t only = s->item_index;
        const struct kfp_source *x = artifact_source(k, k->items_input);
        const struct kfp_artifact *a = kfp_artifact_of(&k->component->in, k->item_input);
        if (x)
                take_artifacts(s, x, k->item_input, a && a->list, &only, in);
        return true;
}

static struct str why_missing(const struct site *s, const struct kfp_task *k, struct str name, bool artifact)
{
        const struct kfp_source *list = artifact ? k->artifacts : k->params;
        for (size_t i = 0; i < (artifact ? k->artifacts_n : k->params_n); i++) {
                const struct kfp_source *x = &list[i];
                struct node_view v;
                if (!str_eq(x->name, name) || x->kind != KFP_OUTPUT)
                        continue;
                if (s->ops->task(s->scope, (struct task_ref){REF_NO_GROUP, x->producer}, &v))
                        return arena_printf(s->arena, ": the task '%.*s' ended %s without giving its output '%.*s'",
                                            STR_FMT(s->graph->tasks[x->producer].name), node_state_name(v.state), STR_FMT(x->key));
        }
        return STR(": give it one, or give the input a default in the component");
}

/* Defaults for what has no value; null where the component can do without. */
static bool complete(const struct site *s, const struct kfp_task *k, struct bindings *in, struct error *e)
{
        const struct kfp_io *io = &k->component->in;
        size_t kept = 0;
        for (size_t i = 0; i < in->params_n; i++) /* a graph hands on only what it declares */
                if (k->component->executor || kfp_param_of(io, in->params[i].name))
                        in->params[kept++] = in->params[i];
        in->params_n = kept;
        for (size_t i = 0; i < io->params_n; i++) {
                const struct kfp_param *p = &io->params[i];
                struct val *v = (struct val *)bindings_param(in, p->name);
                if (v && !kfp_is_null(*v))
                        continue;
                if (!p->optional)
                        return error_set(e, ERROR_INVALID, "%.*s has no value%.*s", STR_FMT(call_name(s, p->name)), STR_FMT(why_missing(s, k, p->name, false)));
                if (!v)
                        in->params[in->params_n++] = (struct param){.name = p->name, .value = p->fallback.kind ? p->fallback : kfp_null};
                else
                        *v = p->fallback.kind ? p->fallback : kfp_null;
        }
        for (size_t i = 0; i < io->artifacts_n; i++) {
                const struct kfp_artifact *a = &io->artifacts[i];
                if (!a->optional && !a->list && !bindings_artifact(in, a->name))
                        return error_set(e, ERROR_INVALID, "%.*s has no artifact%.*s", STR_FMT(call_name(s, a->name)), STR_FMT(why_missing(s, k, a->name, true)));
        }
        return true;
}

bool kfp_resolve_call(const struct site *s, struct call *ret, struct error *e)
{
        const struct kfp_task *k = s->task->dialect;
        if (!s->graph) { /* the pipeline itself */
                ret->inputs = s->run->parameters ? *s->run->parameters : s->workflow->parameters;
                return true;
        }
        if (!gather(s, k, &ret->inputs, e))
                return false;
        if (s->has_item && k->item_input.n && !add_item(s, k, &ret->inputs, e))
                return false;
        if (!complete(s, k, &ret->inputs, e))
                return false;
        const struct kfp_template *t = s->workflow->templates[s->task->template].dialect;
        ret->retry = t->retry;
        ret->no_cache = !k->cache;
        if (k->component->executor)
                ret->deadline_us = k->component->executor->deadline_us;
        return true;
}
