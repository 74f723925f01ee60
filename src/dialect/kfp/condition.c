/* The expressions of a pipeline: conditions over the inputs of a task, and selectors that take a part of one value. */
#include "dialect/kfp/kfp.h"
#include "expr/expr.h"
#include "text/json.h"

const struct kfp_expr *kfp_expr_compile(struct str text, struct arena *a, struct error *e)
{
        const struct expr *x;
        return expr_parse(EXPR_KFP, text, a, &x, e) ? (const struct kfp_expr *)x : NULL;
}

/* Numbers of KFP are doubles, whatever their declared type: 7 / 2 is 3.5 when the 7 is a value. A whole number becomes an integer where
 * an expression gets it, so that its text says otherwise here; one that a double cannot hold stays what it is. */
static struct value with_point(const struct value *v, struct arena *a)
{
        struct value out = *v;
        int64_t i;
        if (str_to_i64(v->text, &i) && i >= -(INT64_C(1) << 53) && i <= INT64_C(1) << 53)
                out.text = arena_printf(a, "%lld.0", (long long)i);
        return out;
}

static struct value doubles(const struct value *v, struct arena *a) { return kfp_map_numbers(v, with_point, a); }

static struct value parameter_values(const struct bindings *in, struct arena *a)
{
        struct map_builder values = {.arena = a};
        for (size_t i = 0; i < in->params_n; i++) {
                struct value v = kfp_value(in->params[i].value, a);
                map_push(&values, in->params[i].name, doubles(&v, a));
        }
        return value_map(values.members, values.n);
}

static struct value artifact_value(const struct artifact *x, struct arena *a)
{
        struct map_builder m = {.arena = a}, type = m;
        struct value metadata;
        if (!x->metadata.n || !json_read(x->metadata, NULL, a, &metadata, NULL))
                metadata = value_map(NULL, 0);
        map_push(&type, STR("schema_title"), value_string(x->type));
        map_push(&m, STR("name"), value_string(x->name));
        map_push(&m, STR("uri"), value_string(x->uri));
        map_push(&m, STR("type"), value_map(type.members, type.n));
        map_push(&m, STR("metadata"), doubles(&metadata, a));
        return value_map(m.members, m.n);
}

/* Name → {"artifacts": […]}; the entries of one name stand together. */
static struct value artifacts(const struct bindings *in, struct arena *a)
{
        struct map_builder all = {.arena = a};
        for (size_t i = 0; i < in->artifacts_n;) {
                struct str name = in->artifacts[i].name;
                struct value_builder list = {.arena = a};
                struct map_builder m = {.arena = a};
                for (; i < in->artifacts_n && str_eq(in->artifacts[i].name, name); i++)
                        value_push(&list, artifact_value(&in->artifacts[i], a));
                map_push(&m, STR("artifacts"), value_list(list.items, list.n));
                map_push(&all, name, value_map(m.members, m.n));
        }
        return value_map(all.members, all.n);
}

/* Strings stay strings; parseJson in the expression opens them. */
static bool look_up_inputs(void *ctx, struct str name, struct arena *a, struct value *ret)
{
        struct map_builder inputs = {.arena = a};
        if (!str_eq_c(name, "inputs"))
                return false;
        map_push(&inputs, STR("parameter_values"), parameter_values(ctx, a));
        map_push(&inputs, STR("artifacts"), artifacts(ctx, a));
        *ret = value_map(inputs.members, inputs.n);
        return true;
}

bool kfp_expr_condition(const struct kfp_expr *x, const struct bindings *inputs, struct arena *a, bool *ret, struct error *e)
{
        struct expr_env env = {.lookup = look_up_inputs, .ctx = (void *)inputs};
        return expr_eval_bool((const struct expr *)x, &env, a, ret, e);
}

static bool has_source(const struct kfp_source *list, size_t n, struct str name)
{
        for (size_t i = 0; i < n; i++)
                if (str_eq(list[i].name, name))
                        return true;
        return false;
}

bool kfp_expr_check_condition(const struct kfp_expr *x, const struct kfp_task *k, struct error *e)
{
        struct expr_paths paths = expr_identifiers((const struct expr *)x);
        for (size_t i = 0; i < paths.n; i++) {
                const struct expr_path *p = &paths.items[i];
                bool param = p->n > 1 && str_eq_c(p->parts[1], "parameter_values"), artifact = p->n > 1 && str_eq_c(p->parts[1], "artifacts");
                if (!str_eq_c(p->parts[0], "inputs"))
                        return error_set(e, ERROR_INVALID, "the condition reads '%.*s'; it may read inputs.parameter_values['name'] and inputs.artifacts['name']",
                                         STR_FMT(p->parts[0]));
                if (p->n > 1 && !param && !artifact)
                        return error_set(e, ERROR_INVALID, "inputs has parameter_values and artifacts, not '%.*s'", STR_FMT(p->parts[1]));
                if (p->n > 2 && !(param ? has_source(k->params, k->params_n, p->parts[2]) : has_source(k->artifacts, k->artifacts_n, p->parts[2])))
                        return error_set(e, ERROR_INVALID, "the condition reads '%.*s', which is no input%s of the task", STR_FMT(p->parts[2]),
                                         artifact ? " artifact" : "");
        }
        return true;
}

bool kfp_expr_check_selector(const struct kfp_expr *x, struct error *e)
{
        static const char *const known[] = {"string_value", "struct_value", "list_value", "number_value", "bool_value"};
        struct expr_paths paths = expr_identifiers((const struct expr *)x);
        for (size_t i = 0; i < paths.n; i++) {
                bool found = false;
                for (size_t k = 0; k < sizeof known / sizeof *known; k++)
                        found = found || str_eq_c(paths.items[i].parts[0], known[k]);
                if (!found)
                        return error_set(e, ERROR_INVALID, "a selector reads string_value, struct_value, list_value, number_value or bool_value, not '%.*s'",
                                         STR_FMT(paths.items[i].parts[0]));
        }
        return true;
}

/* The value as text under string_value always, and as what it is under the name of its kind. */
static bool look_up_value(void *ctx, struct str name, struct arena *a, struct value *ret)
{
        const struct val *from = ctx;
        struct value v = kfp_value(*from, a);
        if (str_eq_c(name, "string_value"))
                *ret = value_string(kfp_text(*from, a));
        else if ((str_eq_c(name, "struct_value") && v.kind == VALUE_MAP) || (str_eq_c(name, "list_value") && v.kind == VALUE_LIST) ||
                 (str_eq_c(name, "number_value") && v.kind == VALUE_NUMBER) || (str_eq_c(name, "bool_value") && v.kind == VALUE_BOOL))
                *ret = doubles(&v, a);
        else
                return false;
        return true;
}

bool kfp_expr_select(const struct kfp_expr *x, struct val from, struct arena *a, struct val *ret, struct error *e)
{
        struct expr_env env = {.lookup = look_up_value, .ctx = &from};
        struct xvalue v;
        struct value out;
        if (!expr_eval((const struct expr *)x, &env, a, &v, e) || !expr_to_value(&v, a, &out, e))
                return false;
        *ret = kfp_val(&out, a);
        return true;
}
