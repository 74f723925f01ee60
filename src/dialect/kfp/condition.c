/* The expressions of a pipeline: conditions over the inputs of a task, and selectors that take a part of one value. */
#include "dialect/kfp/kfp.h"
#include "expr/expr.h"

const struct kfp_expr *kfp_expr_compile(struct str text, struct arena *a, struct error *e)
{
        const struct expr *x;
        return expr_parse(EXPR_KFP, text, a, &x, e) ? (const struct kfp_expr *)x : NULL;
}

/* `inputs`, with its parameter_values. Strings stay strings; parseJson in the expression opens them. */
static bool look_up_inputs(void *ctx, struct str name, struct arena *a, struct value *ret)
{
        const struct bindings *in = ctx;
        struct map_builder values = {.arena = a}, inputs = {.arena = a};
        if (!str_eq_c(name, "inputs"))
                return false;
        for (size_t i = 0; i < in->params_n; i++)
                map_push(&values, in->params[i].name, kfp_value(in->params[i].value, a));
        map_push(&inputs, STR("parameter_values"), value_map(values.members, values.n));
        *ret = value_map(inputs.members, inputs.n);
        return true;
}

bool kfp_expr_condition(const struct kfp_expr *x, const struct bindings *inputs, struct arena *a, bool *ret, struct error *e)
{
        struct expr_env env = {.lookup = look_up_inputs, .ctx = (void *)inputs};
        return expr_eval_bool((const struct expr *)x, &env, a, ret, e);
}

bool kfp_expr_known(const struct kfp_expr *x, const struct kfp_source *inputs, size_t n, struct str *ret_unknown)
{
        struct expr_paths paths = expr_identifiers((const struct expr *)x);
        for (size_t i = 0; i < paths.n; i++) {
                const struct expr_path *p = &paths.items[i];
                bool known = p->n < 3 || !str_eq_c(p->parts[1], "parameter_values");
                for (size_t k = 0; k < n && !known; k++)
                        known = str_eq(inputs[k].name, p->parts[2]);
                if (!known) {
                        *ret_unknown = p->parts[2];
                        return false;
                }
        }
        return true;
}

static bool look_up_text(void *ctx, struct str name, struct arena *a, struct value *ret)
{
        const struct val *from = ctx;
        if (!str_eq_c(name, "string_value"))
                return false;
        *ret = value_string(kfp_text(*from, a));
        return true;
}

bool kfp_expr_select(const struct kfp_expr *x, struct val from, struct arena *a, struct val *ret, struct error *e)
{
        struct expr_env env = {.lookup = look_up_text, .ctx = &from};
        struct xvalue v;
        struct value out;
        if (!expr_eval((const struct expr *)x, &env, a, &v, e) || !expr_to_value(&v, a, &out, e))
                return false;
        *ret = kfp_val(&out, a);
        return true;
}
