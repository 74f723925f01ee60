/* The run's parameters: what was submitted, by the declared types, and the defaults. */
#include "dialect/kfp/kfp.h"

static struct str known_names(const struct kfp_io *io, struct arena *a)
{
        struct str out = STR("");
        for (size_t i = 0; i < io->params_n && i < 20; i++)
                out = arena_printf(a, "%.*s%s%.*s", STR_FMT(out), i ? ", " : "", STR_FMT(io->params[i].name));
        return out.n ? out : STR("it has none");
}

static void unknown(const struct kfp_io *io, struct str name, struct arena *a, struct problems *ps)
{
        size_t best = name.n < 2 ? 1 : name.n < 4 ? 2 : 4; /* all names of one letter are near to each other */
        struct str near = STR("");
        for (size_t i = 0; i < io->params_n; i++) {
                size_t d = str_distance(io->params[i].name, name, best);
                if (d < best) {
                        best = d;
                        near = io->params[i].name;
                }
        }
        struct str path = kfp_path(a, STR("parameters"), name);
        if (near.n)
                problem_add(ps, ERROR_INVALID, false, NULL, path, "the pipeline has no parameter '%.*s'; did you mean '%.*s'?", STR_FMT(name), STR_FMT(near));
        else
                problem_add(ps, ERROR_INVALID, false, NULL, path, "the pipeline has no parameter '%.*s'; its parameters: %.*s", STR_FMT(name),
                            STR_FMT(known_names(io, a)));
}

/* What is written as JSON says its type: the text "5" is no integer, and 5 is no text. What is given as text may be anything. */
static bool of_kind(struct val given, enum kfp_type type, struct str what, struct arena *a, struct error *e)
{
        static const enum value_kind kinds[KFP_TYPES] = {[KFP_STRING] = VALUE_STRING, [KFP_INTEGER] = VALUE_NUMBER, [KFP_DOUBLE] = VALUE_NUMBER,
                [KFP_BOOLEAN] = VALUE_BOOL, [KFP_LIST] = VALUE_LIST, [KFP_STRUCT] = VALUE_MAP, [KFP_FINAL_STATUS] = VALUE_MAP, [KFP_TASK_CONFIG] = VALUE_MAP};
        struct value v = kfp_value(given, a);
        if (given.kind != VAL_JSON || v.kind == kinds[type])
                return true;
        return error_set(e, ERROR_INVALID, "%.*s must be %s, and is %.*s%s", STR_FMT(what), kfp_type_name(type), STR_FMT(str_sub(given.text, 0, 200)),
                         type == KFP_STRING ? ": put it in quotes" : v.kind == VALUE_STRING ? ": take the quotes off" : "");
}

static void from_submission(const struct kfp_param *p, struct val given, struct arena *a, struct problems *ps, struct val *ret)
{
        struct error e = {0};
        struct str path = kfp_path(a, STR("parameters"), p->name), what = arena_printf(a, "the parameter '%.*s'", STR_FMT(p->name));
        if (kfp_is_null(given)) {
                if (!p->optional)
                        problem_add(ps, ERROR_INVALID, false, NULL, path, "%.*s must be %s, and is null", STR_FMT(what), kfp_type_name(p->type));
                *ret = kfp_null;
                return;
        }
        if (!of_kind(given, p->type, what, a, &e) || !kfp_fit(given, p, what, a, ret, &e))
                problem_add(ps, ERROR_INVALID, false, NULL, path, "%s", e.text);
}

void kfp_parameters(const struct kfp_component *root, const struct submission *s, bool lint, struct arena *a, struct bindings *ret,
                    struct problems *ps)
{
        const struct kfp_io *io = &root->in;
        *ret = (struct bindings){.params = ARENA_ARRAY(a, struct param, io->params_n + 1)};
        for (size_t i = 0; i < s->parameters.params_n; i++)
                if (!kfp_param_of(io, s->parameters.params[i].name))
                        unknown(io, s->parameters.params[i].name, a, ps);
        for (size_t i = 0; i < io->params_n; i++) {
                const struct kfp_param *p = &io->params[i];
                const struct val *given = bindings_param(&s->parameters, p->name);
                struct param *out = &ret->params[ret->params_n++];
                out->name = p->name;
                if (given)
                        from_submission(p, *given, a, ps, &out->value);
                else if (p->fallback.kind != VAL_NONE)
                        out->value = p->fallback;
                else if (p->optional || lint)
                        out->value = kfp_null;
                else
                        problem_add(ps, ERROR_INVALID, false, NULL, kfp_path(a, STR("parameters"), p->name),
                                    "the pipeline needs the parameter '%.*s', %s: give it with -p %.*s=VALUE", STR_FMT(p->name), kfp_type_name(p->type),
                                    STR_FMT(p->name));
        }
        /* The document's arena is not the submission's. */
        *ret = bindings_copy(ret, a);
}
