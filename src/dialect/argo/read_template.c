/* One template of the document: inputs, outputs, what it executes. */
#include "dialect/argo/argo.h"
#include <math.h>

static size_t list_n(const struct value *v) { return v && v->kind == VALUE_LIST ? v->list.n : 0; }

static bool flag(const struct value *v) { return v && (v->kind == VALUE_BOOL ? v->boolean : str_eq_c(argo_scalar(v, NULL), "true")); }

/* An expression without braces. */
static const struct expr *bare(struct argo_reader *r, struct str source, struct str *ret_trouble)
{
        const struct expr *x = NULL;
        struct error e = {0};
        if (!source.n || expr_parse(EXPR_ARGO, source, r->arena, &x, &e))
                return x;
        *ret_trouble = arena_printf(r->arena, "unable to evaluate expression '%.*s': %s", STR_FMT(source), e.text);
        return NULL;
}

/* A parameter's value. Argo writes a number out in full: 1e+21 has its twenty-one zeros. */
static struct atext value_text(const struct value *v, struct arena *a)
{
        enum { DIGITS_MAX = 400 };
        struct str s = argo_scalar(v, a);
        size_t e = v && v->kind == VALUE_NUMBER ? str_find_char(s, 'e', 0) : SIZE_MAX;
        int64_t exponent = 0;
        if (e == SIZE_MAX || !str_to_i64(str_sub(s, e + 1 + (s.p[e + 1] == '+'), s.n), &exponent) || exponent > DIGITS_MAX || exponent < -DIGITS_MAX)
                return argo_text_of(v, a);
        struct buf digits = BUF(2 * DIGITS_MAX + 64), out = BUF(2 * DIGITS_MAX + 64);
        bool negative = s.p[0] == '-', point = false;
        int64_t whole = exponent; /* digits before the point */
        for (size_t i = negative; i < e; i++) {
                point = point || s.p[i] == '.';
                whole += !point;
                if (s.p[i] != '.')
                        buf_add_char(&digits, s.p[i]);
        }
        buf_add_c(&out, negative ? "-" : "");
        if (whole <= 0)
                buf_add_c(&out, "0.");
        for (int64_t i = whole; i < 0; i++)
                buf_add_char(&out, '0');
        for (size_t i = 0; i < digits.n; i++) {
                if (whole > 0 && i == (size_t)whole)
                        buf_add_char(&out, '.');
                buf_add_char(&out, digits.p[i]);
        }
        for (int64_t i = (int64_t)digits.n; i < whole; i++)
                buf_add_char(&out, '0');
        struct atext t = argo_text(arena_str(a, buf_str(&out)), a);
        buf_free(&digits);
        buf_free(&out);
        return t;
}

struct argo_param *argo_read_params(struct argo_reader *r, const struct value *list, size_t *ret_n)
{
        size_t n = *ret_n = list_n(list);
        struct argo_param *params = arena_alloc_array(r->arena, sizeof *params, n + 1);
        for (size_t i = 0; i < n; i++) {
                const struct value *v = &list->list.items[i], *from = value_get_c(v, "valueFrom");
                struct argo_param *p = &params[i];
                struct str trouble;
                p->name = argo_scalar(value_get_c(v, "name"), r->arena);
                p->value = value_text(value_get_c(v, "value"), r->arena);
                p->fallback = value_text(value_get_c(v, "default"), r->arena);
                if (!p->fallback.given)
                        p->fallback = value_text(value_get_c(from, "default"), r->arena);
                p->expression = bare(r, argo_scalar(value_get_c(from, "expression"), r->arena), &trouble);
                p->supplied = value_get_c(from, "supplied") != NULL;
                p->choices = value_get_c(v, "enum");
                p->line = v->line;
                p->column = v->column;
        }
        return params;
}

struct argo_artifact *argo_read_artifacts(struct argo_reader *r, const struct value *list, size_t *ret_n)
{
        size_t n = *ret_n = list_n(list);
        struct argo_artifact *all = arena_alloc_array(r->arena, sizeof *all, n + 1);
        for (size_t i = 0; i < n; i++) {
                const struct value *v = &list->list.items[i];
                struct argo_artifact *x = &all[i];
                struct str trouble;
                int64_t mode = 0;
                x->name = argo_scalar(value_get_c(v, "name"), r->arena);
                x->global_name = argo_scalar(value_get_c(v, "globalName"), r->arena);
                x->path = argo_text_of(value_get_c(v, "path"), r->arena);
                x->from = argo_text_of(value_get_c(v, "from"), r->arena);
                x->raw = argo_text_of(value_get_c(value_get_c(v, "raw"), "data"), r->arena);
                x->from_expression = bare(r, argo_scalar(value_get_c(v, "fromExpression"), r->arena), &trouble);
                x->optional = flag(value_get_c(v, "optional"));
                (void)str_to_i64(argo_scalar(value_get_c(v, "mode"), r->arena), &mode);
                x->mode = (uint32_t)mode;
        }
        return all;
}

static void read_outputs(struct argo_reader *r, const struct value *t, struct argo_template *x)
{
        const struct value *outputs = value_get_c(t, "outputs"), *list = value_get_c(outputs, "parameters");
        size_t n = x->outputs_n = list_n(list);
        x->outputs = arena_alloc_array(r->arena, sizeof *x->outputs, n + 1);
        for (size_t i = 0; i < n; i++) {
                const struct value *v = &list->list.items[i], *from = value_get_c(v, "valueFrom");
                struct argo_output *o = &x->outputs[i];
                o->name = argo_scalar(value_get_c(v, "name"), r->arena);
                o->global_name = argo_scalar(value_get_c(v, "globalName"), r->arena);
                o->fallback = argo_text_of(value_get_c(from, "default"), r->arena);
                if (!o->fallback.given)
                        o->fallback = argo_text_of(value_get_c(v, "default"), r->arena);
                if (value_get_c(from, "path")) {
                        o->from = OUTPUT_PATH;
                        o->text = argo_text_of(value_get_c(from, "path"), r->arena);
                } else if (value_get_c(from, "parameter")) {
                        o->from = OUTPUT_PARAMETER;
                        o->text = argo_text_of(value_get_c(from, "parameter"), r->arena);
                } else if (value_get_c(from, "expression")) {
                        o->from = OUTPUT_EXPRESSION;
                        o->expression = argo_scalar(value_get_c(from, "expression"), r->arena);
                        o->expr = bare(r, o->expression, &o->trouble);
                } else if (value_get_c(from, "supplied"))
                        o->from = OUTPUT_SUPPLIED;
                else if (value_get_c(v, "value")) {
                        o->from = OUTPUT_VALUE;
                        o->text = argo_text_of(value_get_c(v, "value"), r->arena);
                }
        }
        x->artifacts_out = argo_read_artifacts(r, value_get_c(outputs, "artifacts"), &x->artifacts_out_n);
}

static struct atext *texts(struct argo_reader *r, const struct value *list, size_t *ret_n)
{
        size_t n = *ret_n = list_n(list);
        struct atext *t = arena_alloc_array(r->arena, sizeof *t, n + 1);
        for (size_t i = 0; i < n; i++)
                t[i] = argo_text(argo_scalar(&list->list.items[i], r->arena), r->arena);
        return t;
}

/* Kubernetes' quantities: "500m", "2Gi", "1e9"; in thousandths when `milli`. 0 when it is none. */
static int64_t quantity(struct str s, bool milli)
{
        static const struct { const char *suffix; double by; } units[] = {{"Ki", 1024.}, {"Mi", 1048576.}, {"Gi", 1073741824.}, {"Ti", 1099511627776.}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"m", 1e-3}};
        double by = 1, d;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
                if (str_ends(s, str_from(units[i].suffix))) {
                        by = units[i].by;
                        s = str_sub(s, 0, s.n - strlen(units[i].suffix));
                        break;
                }
        if (!str_to_double(s, &d) || !(d > 0) || d * by > 9e15)
                return 0;
        return (int64_t)ceil(d * by * (milli ? 1000 : 1));
}

static void read_container(struct argo_reader *r, const struct value *c, struct argo_template *x)
{
        x->image = argo_text_of(value_get_c(c, "image"), r->arena);
        x->workdir = argo_text_of(value_get_c(c, "workingDir"), r->arena);
        x->script = argo_text_of(value_get_c(c, "source"), r->arena);
        x->command = texts(r, value_get_c(c, "command"), &x->command_n);
        x->args = texts(r, value_get_c(c, "args"), &x->args_n);
        const struct value *env = value_get_c(c, "env"), *limits = value_get_c(value_get_c(c, "resources"), "limits");
        x->env_n = list_n(env);
        x->env = arena_alloc_array(r->arena, sizeof *x->env, x->env_n + 1);
        for (size_t i = 0; i < x->env_n; i++)
                x->env[i] = (struct argo_env){argo_scalar(value_get_c(&env->list.items[i], "name"), r->arena), argo_text(argo_scalar(value_get_c(&env->list.items[i], "value"), r->arena), r->arena)};
        x->cpu_milli = quantity(argo_scalar(value_get_c(limits, "cpu"), r->arena), true);
        x->memory_bytes = quantity(argo_scalar(value_get_c(limits, "memory"), r->arena), false);
}

static void read_retry(struct argo_reader *r, const struct value *t, struct argo_template *x)
{
        const struct value *v = value_get_c(t, "retryStrategy"), *b = value_get_c(v, "backoff");
        if (!v || v->kind != VALUE_MAP)
                return;
        struct argo_retry *s = &x->retry;
        s->given = true;
        s->limit = argo_text_of(value_get_c(v, "limit"), r->arena);
        s->policy = argo_scalar(value_get_c(v, "retryPolicy"), r->arena);
        s->expression = argo_scalar(value_get_c(v, "expression"), r->arena);
        s->expr = bare(r, s->expression, &s->trouble);
        s->duration = argo_text_of(value_get_c(b, "duration"), r->arena);
        s->factor = argo_text_of(value_get_c(b, "factor"), r->arena);
        s->cap = argo_text_of(value_get_c(b, "cap"), r->arena);
        s->total = argo_text_of(value_get_c(b, "maxDuration"), r->arena);
}

static const char *const types[] = {"container", "containerSet", "steps", "script", "resource", "dag", "suspend", "data", "http", "plugin"};

static void read_type(const struct value *t, struct argo_template *x)
{
        static const enum argo_type known[] = {ARGO_CONTAINER, ARGO_OTHER, ARGO_STEPS, ARGO_SCRIPT, ARGO_OTHER, ARGO_DAG, ARGO_SUSPEND, ARGO_OTHER, ARGO_OTHER, ARGO_OTHER};
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
                const struct value *v = value_get_c(t, types[i]);
                if (!v || v->kind == VALUE_NULL)
                        continue;
                x->types++;
                if (v->kind != VALUE_LIST || v->list.n) /* `steps: []` is a type to the check and none to the run */
                        x->type = known[i];
        }
}

/* `over` in front of `under`: maps are put together, anything else is replaced. */
static struct value merged(const struct value *under, const struct value *over, struct arena *a)
{
        struct map_builder m = {.arena = a};
        if (under->kind != VALUE_MAP || over->kind != VALUE_MAP)
                return *over;
        for (size_t i = 0; i < under->map.n; i++)
                if (!value_get(over, under->map.members[i].key))
                        map_push(&m, under->map.members[i].key, under->map.members[i].value);
        for (size_t i = 0; i < over->map.n; i++) {
                const struct value *below = value_get(under, over->map.members[i].key);
                map_push(&m, over->map.members[i].key, below ? merged(below, &over->map.members[i].value, a) : over->map.members[i].value);
        }
        struct value out = value_map(m.members, m.n);
        out.line = over->line;
        out.column = over->column;
        return out;
}

/* The template with spec.templateDefaults under it; of these, what belongs to other types of templates is left out. */
static const struct value *with_defaults(struct argo_reader *r, const struct value *t)
{
        if (!r->defaults || r->defaults->kind != VALUE_MAP || t->kind != VALUE_MAP)
                return t;
        struct map_builder m = {.arena = r->arena};
        for (size_t i = 0; i < r->defaults->map.n; i++) {
                struct str key = r->defaults->map.members[i].key;
                bool type = false;
                for (size_t k = 0; k < sizeof types / sizeof *types; k++)
                        type = type || str_eq_c(key, types[k]);
                if ((!type || value_get(t, key)) && !str_eq_c(key, "name"))
                        map_push(&m, key, r->defaults->map.members[i].value);
        }
        struct value under = value_map(m.members, m.n), *out = ARENA_NEW(r->arena, struct value);
        *out = merged(&under, t, r->arena);
        return out;
}

uint32_t argo_read_template(struct argo_reader *r, const struct value *given, struct str name)
{
        const struct value *t = with_defaults(r, given);
        struct argo_template *x = ARENA_NEW(r->arena, struct argo_template);
        struct template m = {.name = name, .dialect = x, .line = t->line, .column = t->column};
        x->name = name;
        x->source = given; /* what the document says here: defaults are not checked with each template */
        x->inputs = argo_read_params(r, value_get_c(value_get_c(t, "inputs"), "parameters"), &x->inputs_n);
        x->artifacts_in = argo_read_artifacts(r, value_get_c(value_get_c(t, "inputs"), "artifacts"), &x->artifacts_in_n);
        read_outputs(r, t, x);
        read_retry(r, t, x);
        read_type(t, x);
        x->timeout = argo_text_of(value_get_c(t, "timeout"), r->arena);
        x->deadline = argo_text_of(value_get_c(t, "activeDeadlineSeconds"), r->arena);
        x->trouble = argo_text_trouble(t, r->arena);
        m.has_retry = x->retry.given;
        m.has_outputs = x->outputs_n + x->artifacts_out_n > 0;
        int64_t parallelism = 0;
        if (str_to_i64(argo_scalar(value_get_c(t, "parallelism"), r->arena), &parallelism) && parallelism > 0 && parallelism < UINT32_MAX)
                m.parallelism = (uint32_t)parallelism;
        m.fail_fast = flag(value_get_c(t, "failFast"));
        switch (x->type) {
        case ARGO_CONTAINER:
        case ARGO_SCRIPT:
                read_container(r, value_get_c(t, x->type == ARGO_SCRIPT ? "script" : "container"), x);
                m.kind = TEMPLATE_TASK;
                break;
        case ARGO_SUSPEND:
                x->duration = argo_text_of(value_get_c(value_get_c(t, "suspend"), "duration"), r->arena);
                m.kind = TEMPLATE_SUSPEND;
                break;
        case ARGO_STEPS:
                argo_read_steps(r, t, x, &m);
                break;
        case ARGO_DAG:
                argo_read_dag(r, t, x, &m);
                break;
        case ARGO_NOTHING:
        case ARGO_OTHER:
                m.kind = TEMPLATE_TASK;
                if (!x->trouble.n)
                        x->trouble = arena_printf(r->arena, "Template '%.*s' missing specification", STR_FMT(name));
                break;
        }
        return argo_add_template(r, m);
}
