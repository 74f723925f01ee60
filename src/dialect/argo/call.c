/* Questions 1 to 4 of the language: does a call come about, over which items, with which inputs, and does a hook run.
 *
 * Inputs of a call, in Argo's order:
 *   1. the argument, resolved where the call stands (steps.X, tasks.X, item, the caller's inputs); else the input's `value`; else its `default`;
 *   2. what the whole run may name is put into the result, wherever the value came from;
 *   3. then inputs that name other inputs of the same template get those, as they were after 2.
 * An argument that names the output of a step that was skipped counts as not given. Argo hangs there; here the input's default stands in, and without
 * one the call is an error. Hooks are lenient: what cannot be resolved stays in their arguments as it is written. */
#include "dialect/argo/argo.h"
#include <math.h>

/* While a group of steps is resolved Argo says so; a task of a dag fails with the bare reason. */
static bool unresolved(const struct site *s, struct error *e)
{
        if (s->graph && s->graph->transparent && !s->hook)
                error_wrap(e, "failed to resolve references");
        return false;
}

static bool nothing_there(struct str tag, const char *where, struct error *e)
{
        return error_set(e, ERROR_INVALID, "%s: there is no value for %.*s: was the step that gives it skipped, or did it fail? Give a default", where, STR_FMT(tag));
}

bool argo_eval_when(const struct site *s, enum verdict *ret, struct str *ret_message, struct error *e)
{
        const struct argo_task *t = argo_task_of(s->task);
        struct vars v = argo_vars_call(s);
        bool expands = s->task->fans_out && !s->has_item, yes = false;
        struct str text;
        if (!argo_render(&t->when, &v, &text, e))
                return unresolved(s, e);
        if (v.left_tag.n && !expands)
                return nothing_there(v.left_tag, "when", e) || unresolved(s, e);
        if (expands && argo_has_tag(text)) {
                *ret = VERDICT_EACH;
                return true;
        }
        if (!expr_when(text, s->arena, &yes, e)) {
                *ret = VERDICT_EACH; /* of a loop, each item says so */
                return expands || unresolved(s, e);
        }
        *ret = yes ? VERDICT_YES : expands ? VERDICT_EACH : VERDICT_NO;
        if (!yes)
                *ret_message = arena_printf(s->arena, "when '%.*s' evaluated false", STR_FMT(text));
        return true;
}

bool argo_expand_items(const struct site *s, struct items *ret, struct error *e)
{
        struct vars v = argo_vars_call(s);
        return argo_items(argo_task_of(s->task), &v, ret, e);
}

bool argo_eval_hook(const struct site *s, enum verdict *ret, struct error *e)
{
        const struct argo_hook *h = s->hook->dialect;
        struct vars v = argo_vars_call(s);
        struct xvalue x;
        if (!h->expr)
                return error_set(e, ERROR_INVALID, "%.*s", STR_FMT(h->trouble));
        if (!argo_eval(h->expr, &v, &x, e))
                return error_wrap(e, "unable to evaluate expression '%.*s'", STR_FMT(h->expression));
        if (x.kind != X_BOOL) {
                struct str got = expr_result_print(&x, s->arena);
                return error_set(e, ERROR_INVALID, "unable to evaluate expression '%.*s': unable to cast expression result '%.*s' to bool", STR_FMT(h->expression), STR_FMT(got));
        }
        *ret = x.boolean ? VERDICT_YES : VERDICT_NO;
        return true;
}

/* ---- arguments ---- */

static const struct argo_call *call_of(const struct site *s)
{
        return s->hook ? &((const struct argo_hook *)s->hook->dialect)->call : &argo_task_of(s->task)->call;
}

/* The arguments of the run itself: of its entrypoint, and of an exit handler that is only named. */
static bool takes_run_arguments(const struct site *s, const struct argo_call *c)
{
        return !s->graph && (!s->hook || c->params == argo_workflow_of(s->workflow)->root.params);
}

/* *ret_given false: there is no such argument, or no value for it. */
static bool argument(const struct site *s, struct vars *v, struct str name, struct str *ret, bool *ret_given, struct str *ret_tag, struct error *e)
{
        const struct argo_call *c = call_of(s);
        *ret_given = false;
        if (takes_run_arguments(s, c)) {
                const struct val *p = bindings_param(s->run->parameters, name);
                *ret_given = p && p->kind != VAL_NONE;
                if (*ret_given)
                        *ret = p->text;
                return true;
        }
        for (size_t i = 0; i < c->params_n; i++) {
                const struct argo_param *p = &c->params[i];
                struct xvalue x;
                if (!str_eq(p->name, name))
                        continue;
                if (p->value.given) {
                        if (!argo_render(&p->value, v, ret, e))
                                return unresolved(s, e);
                        *ret_tag = v->left_tag;
                        *ret_given = s->hook || !v->left_tag.n;
                } else if (p->expression) {
                        if (!argo_eval(p->expression, v, &x, e))
                                return unresolved(s, e);
                        *ret = expr_result_print(&x, s->arena);
                        *ret_given = x.kind != X_NIL;
                }
                return true;
        }
        return true;
}

static bool input_source(const struct site *s, struct vars *v, const struct argo_param *in, struct str *ret, struct error *e)
{
        bool given;
        struct str tag = STR_NONE;
        if (!argument(s, v, in->name, ret, &given, &tag, e))
                return false;
        if (given)
                return true;
        const struct atext *t = in->value.given ? &in->value : &in->fallback;
        if (tag.n && in->fallback.given)
                t = &in->fallback;
        if (t->given) {
                *ret = t->source;
                return true;
        }
        struct str where = arena_printf(s->arena, "the argument '%.*s' of '%.*s'", STR_FMT(in->name), STR_FMT(s->hook ? s->hook->name : s->task->name));
        if (tag.n)
                return nothing_there(tag, where.p, e);
        return error_set(e, ERROR_INVALID, "inputs.parameters.%.*s was not supplied", STR_FMT(in->name));
}

/* What the called template's own texts may name: the run, and itself. */
static struct vars vars_called(const struct site *s, const struct argo_template *x, const struct bindings *inputs)
{
        struct vars v = {.site = s, .argo = argo_workflow_of(s->workflow), .arena = s->arena, .owner = x, .inputs = inputs, .called = true};
        v.retry = x->retry.given;
        return v;
}

static bool put_inputs(const struct site *s, const struct argo_template *x, struct bindings *ret, struct error *e)
{
        struct vars call = argo_vars_call(s);
        ret->params = arena_alloc_array(s->arena, sizeof *ret->params, x->inputs_n + 3);
        bool tagged = false;
        for (size_t i = 0; i < x->inputs_n; i++) {
                struct str text;
                if (!input_source(s, &call, &x->inputs[i], &text, e))
                        return false;
                if (argo_has_tag(text)) {
                        struct vars run = vars_called(s, x, NULL);
                        if (!argo_render_text(text, &run, &text, e))
                                return unresolved(s, e);
                        tagged = tagged || argo_has_tag(text);
                }
                ret->params[ret->params_n++] = (struct param){x->inputs[i].name, val_text(text), false};
        }
        if (!tagged)
                return true;
        struct bindings before = *ret;
        before.params = arena_alloc_array(s->arena, sizeof *before.params, ret->params_n + 1);
        if (ret->params_n)
                memcpy(before.params, ret->params, ret->params_n * sizeof *before.params);
        struct vars own = vars_called(s, x, &before);
        for (size_t i = 0; i < ret->params_n; i++)
                if (argo_has_tag(ret->params[i].value.text) && !argo_render_text(ret->params[i].value.text, &own, &ret->params[i].value.text, e))
                        return unresolved(s, e);
        return true;
}

/* How the run ends is told to its exit handlers, and by them to what they call. */
static void put_ending(const struct site *s, struct bindings *ret)
{
        struct vars v = argo_vars_call(s);
        bool told = s->graph_inputs && bindings_param(s->graph_inputs, ARGO_STATUS);
        struct str text;
        if (!told && !(s->hook && !s->graph))
                return;
        if (argo_var(&v, STR("workflow.status"), &text))
                ret->params[ret->params_n++] = (struct param){ARGO_STATUS, val_text(text), false};
        if (argo_workflow_of(s->workflow)->uses_failures && argo_var(&v, STR("workflow.failures"), &text))
                ret->params[ret->params_n++] = (struct param){ARGO_FAILURES, val_text(text), false};
}

static const struct argo_artifact *artifact_argument(const struct site *s, struct str name)
{
        const struct argo_call *c = call_of(s);
        for (size_t i = 0; i < c->artifacts_n; i++)
                if (str_eq(c->artifacts[i].name, name))
                        return &c->artifacts[i];
        return NULL;
}

static bool put_artifacts(const struct site *s, const struct argo_template *x, struct bindings *ret, struct error *e)
{
        ret->artifacts = arena_alloc_array(s->arena, sizeof *ret->artifacts, x->artifacts_in_n + 1);
        for (size_t i = 0; i < x->artifacts_in_n; i++) {
                const struct argo_artifact *in = &x->artifacts_in[i], *given = in->raw.given ? NULL : artifact_argument(s, in->name);
                struct vars v = in->raw.given ? vars_called(s, x, ret) : argo_vars_call(s);
                struct artifact out;
                bool found = false;
                if ((given || in->raw.given) && !argo_artifact_value(given ? given : in, &v, &out, &found, e))
                        return unresolved(s, e);
                if (found) {
                        out.name = in->name;
                        ret->artifacts[ret->artifacts_n++] = out;
                } else if (!in->optional && !(given && given->optional))
                        return error_set(e, ERROR_INVALID, given ? "inputs.artifacts.%.*s: the step that makes it left none" : "inputs.artifacts.%.*s was not supplied", STR_FMT(in->name));
        }
        return true;
}

/* ---- limits of the called node ---- */

static bool span(const struct atext *t, struct vars *v, const char *what, int64_t *ret_us, struct error *e)
{
        struct str s;
        if (!t->given)
                return true;
        if (!argo_render(t, v, &s, e))
                return false;
        if (!str_trim(s).n)
                return true;
        if (!duration_parse(str_trim(s), ret_us) || *ret_us < 0)
                return error_set(e, ERROR_INVALID, "%s is '%.*s', which is no duration such as 90, 30s or 1h30m", what, STR_FMT(s));
        return true;
}

static uint32_t policy_bits(const struct argo_retry *r)
{
        if (str_eq_c(r->policy, "Always") || (!r->policy.n && r->expression.n))
                return RETRY_ON_FAILED | RETRY_ON_ERROR | RETRY_ON_TRANSIENT;
        if (str_eq_c(r->policy, "OnError"))
                return RETRY_ON_ERROR | RETRY_ON_TRANSIENT;
        return str_eq_c(r->policy, "OnTransientError") ? RETRY_ON_TRANSIENT : RETRY_ON_FAILED;
}

static bool put_retry(const struct argo_retry *r, struct vars *v, struct retry_policy *ret, struct error *e)
{
        struct str s;
        *ret = (struct retry_policy){.limit = -1, .on = policy_bits(r), .conditional = r->expression.n > 0};
        if (r->limit.given) {
                if (!argo_render(&r->limit, v, &s, e))
                        return false;
                if (!str_to_i64(str_trim(s), &ret->limit) || ret->limit < 0)
                        return error_set(e, ERROR_INVALID, "retryStrategy.limit is '%.*s', which is no whole number from 0", STR_FMT(s));
        }
        if (r->factor.given) {
                if (!argo_render(&r->factor, v, &s, e))
                        return false;
                if (str_trim(s).n && (!str_to_double(str_trim(s), &ret->backoff_factor) || !(ret->backoff_factor >= 0) || !isfinite(ret->backoff_factor)))
                        return error_set(e, ERROR_INVALID, "retryStrategy.backoff.factor is '%.*s', which is no number", STR_FMT(s));
        }
        return span(&r->duration, v, "retryStrategy.backoff.duration", &ret->backoff_us, e) && span(&r->cap, v, "retryStrategy.backoff.cap", &ret->backoff_cap_us, e) &&
               span(&r->total, v, "retryStrategy.backoff.maxDuration", &ret->backoff_total_us, e);
}

bool argo_resolve_call(const struct site *s, struct call *ret, struct error *e)
{
        if (ret->template == TEMPLATE_BY_CALL)
                return error_set(e, ERROR_INVALID, "template name '%.*s' undefined", STR_FMT(call_of(s)->template));
        const struct argo_template *x = argo_template_of(&s->workflow->templates[ret->template]);
        if (x->trouble.n)
                return error_set(e, ERROR_INVALID, "%.*s", STR_FMT(x->trouble));
        if (x->group)
                return true;
        if (!put_inputs(s, x, &ret->inputs, e) || !put_artifacts(s, x, &ret->inputs, e))
                return false;
        put_ending(s, &ret->inputs);
        struct vars v = vars_called(s, x, &ret->inputs);
        if (x->retry.given && !put_retry(&x->retry, &v, &ret->retry, e))
                return false;
        bool leaf = x->type == ARGO_CONTAINER || x->type == ARGO_SCRIPT || x->type == ARGO_SUSPEND;
        return !leaf || (span(&x->timeout, &v, "timeout", &ret->timeout_us, e) && span(&x->deadline, &v, "activeDeadlineSeconds", &ret->deadline_us, e));
}
