/* What a container or script executes, how long a suspend point waits, and whether a conditional retry goes on. */
#include "dialect/argo/argo.h"

/* Where Argo puts a script; its path is the last argument of the command. */
#define SCRIPT_PATH STR("/argo/staging/script")

static bool words(const struct atext *from, size_t n, struct vars *v, struct str **ret, size_t *ret_n, struct error *e)
{
        *ret = arena_alloc_array(v->arena, sizeof **ret, n + 2);
        *ret_n = n;
        for (size_t i = 0; i < n; i++)
                if (!argo_render(&from[i], v, &(*ret)[i], e))
                        return false;
        return true;
}

/* Kubernetes replaces $(NAME) by the variable of that name; $$(NAME) stands for the text $(NAME); a name that is unknown stays. */
static struct str with_variables(struct str s, const struct env_var *env, size_t n, struct arena *a)
{
        if (str_find(s, STR("$("), 0) == SIZE_MAX)
                return s;
        struct buf b = BUF((size_t)64 << 20);
        for (size_t i = 0; i < s.n; i++) {
                size_t end = s.p[i] == '$' && i + 1 < s.n && s.p[i + 1] == '(' ? str_find_char(s, ')', i) : SIZE_MAX;
                const struct env_var *found = NULL;
                for (size_t k = n; end != SIZE_MAX && k-- > 0 && !found;)
                        found = str_eq(env[k].name, str_sub(s, i + 2, end)) ? &env[k] : NULL;
                if (found) {
                        buf_add(&b, found->value);
                        i = end;
                } else {
                        bool escaped = s.p[i] == '$' && i + 2 < s.n && s.p[i + 1] == '$' && s.p[i + 2] == '(';
                        buf_add_char(&b, s.p[i]);
                        if (escaped) {
                                buf_add_char(&b, '(');
                                i += 2;
                        }
                }
        }
        struct str out = arena_str(a, buf_str(&b));
        buf_free(&b);
        return out;
}

static bool environment(const struct argo_template *x, struct vars *v, struct task_spec *ret, struct error *e)
{
        ret->env = arena_alloc_array(v->arena, sizeof *ret->env, x->env_n + 1);
        for (size_t i = 0; i < x->env_n; i++) {
                struct str value;
                if (!argo_render(&x->env[i].value, v, &value, e))
                        return error_wrap(e, "the environment variable '%.*s'", STR_FMT(x->env[i].name));
                ret->env[i] = (struct env_var){x->env[i].name, with_variables(value, ret->env, i, v->arena), false};
                ret->env_n++;
        }
        for (size_t i = 0; i < ret->command_n; i++)
                ret->command[i] = with_variables(ret->command[i], ret->env, ret->env_n, v->arena);
        for (size_t i = 0; i < ret->args_n; i++)
                ret->args[i] = with_variables(ret->args[i], ret->env, ret->env_n, v->arena);
        return true;
}

/* A path of the document: absolute, or below the working directory, which is `/` when none is given. */
static bool path(const struct atext *t, struct vars *v, struct str workdir, const char *what, struct str name, struct str *ret, struct error *e)
{
        if (!argo_render(t, v, ret, e))
                return error_wrap(e, "the path of the %s '%.*s'", what, STR_FMT(name));
        if (!ret->n)
                return error_set(e, ERROR_INVALID, "the %s '%.*s' has an empty path", what, STR_FMT(name));
        if (ret->p[0] != '/')
                *ret = arena_printf(v->arena, "%.*s/%.*s", STR_FMT(workdir), STR_FMT(*ret));
        return true;
}

static bool inputs(const struct site *s, const struct argo_template *x, struct vars *v, struct task_spec *ret, struct error *e)
{
        ret->artifacts_in = arena_alloc_array(s->arena, sizeof *ret->artifacts_in, x->artifacts_in_n + 1);
        for (size_t i = 0; i < x->artifacts_in_n; i++) {
                const struct argo_artifact *in = &x->artifacts_in[i];
                const struct artifact *given = bindings_artifact(s->inputs, in->name);
                struct str where, raw = STR_NONE;
                if (!given)
                        continue; /* optional */
                if (!path(&in->path, v, ret->workdir, "input artifact", in->name, &where, e))
                        return false;
                bool is_raw = argo_artifact_raw(given, s->arena, &raw);
                ret->artifacts_in[ret->artifacts_in_n++] =
                        (struct task_artifact_in){.name = in->name, .path = where, .uri = is_raw ? STR_NONE : given->uri, .raw = raw, .mode = in->mode, .optional = in->optional};
        }
        return true;
}

static bool outputs(const struct site *s, const struct argo_template *x, struct vars *v, struct task_spec *ret, struct error *e)
{
        ret->params_out = arena_alloc_array(s->arena, sizeof *ret->params_out, x->outputs_n + 1);
        for (size_t i = 0; i < x->outputs_n; i++) {
                struct str where;
                if (x->outputs[i].from != OUTPUT_PATH)
                        continue;
                if (!path(&x->outputs[i].text, v, ret->workdir, "output parameter", x->outputs[i].name, &where, e))
                        return false;
                ret->params_out[ret->params_out_n++] = (struct task_param_out){x->outputs[i].name, where};
        }
        ret->artifacts_out = arena_alloc_array(s->arena, sizeof *ret->artifacts_out, x->artifacts_out_n + 1);
        for (size_t i = 0; i < x->artifacts_out_n; i++) {
                const struct argo_artifact *out = &x->artifacts_out[i];
                struct str where;
                if (!path(&out->path, v, ret->workdir, "output artifact", out->name, &where, e))
                        return false;
                ret->artifacts_out[ret->artifacts_out_n++] = (struct task_artifact_out){out->name, where, argo_artifact_uri(s, out->name), out->optional, STR_NONE};
        }
        return true;
}

static void script(const struct argo_template *x, struct str source, struct task_spec *ret, struct arena *a)
{
        ret->files = arena_alloc_array(a, sizeof *ret->files, 1);
        ret->files[ret->files_n++] = (struct task_file){SCRIPT_PATH, source, 0755};
        ret->args[ret->args_n++] = SCRIPT_PATH;
}

bool argo_resolve_attempt(const struct site *s, struct task_spec *ret, struct error *e)
{
        const struct argo_template *x = argo_template_of(s->self);
        struct vars v = argo_vars_inside(s);
        struct str source = STR_NONE;
        if (!ret->display_name.n)
                ret->display_name = s->task->name;
        if (!argo_render(&x->image, &v, &ret->image, e) || !argo_render(&x->workdir, &v, &ret->workdir, e) || !argo_render(&x->script, &v, &source, e) ||
            !words(x->command, x->command_n, &v, &ret->command, &ret->command_n, e) || !words(x->args, x->args_n, &v, &ret->args, &ret->args_n, e) || !environment(x, &v, ret, e) ||
            !inputs(s, x, &v, ret, e) || !outputs(s, x, &v, ret, e))
                return false;
        if (x->type == ARGO_SCRIPT)
                script(x, source, ret, s->arena);
        ret->cpu_milli = x->cpu_milli;
        ret->memory_bytes = x->memory_bytes;
        ret->wants_result = !s->hook && argo_task_of(s->task)->wants_result;
        return true;
}

bool argo_resolve_suspend(const struct site *s, struct suspend_spec *ret, struct error *e)
{
        const struct argo_template *x = argo_template_of(s->self);
        struct vars v = argo_vars_inside(s);
        struct bindings *defaults = ARENA_NEW(s->arena, struct bindings);
        struct str text = STR_NONE;
        if (!argo_render(&x->duration, &v, &text, e))
                return false;
        if (str_trim(text).n && !duration_parse(str_trim(text), &ret->duration_us))
                return error_set(e, ERROR_INVALID, "unable to parse suspend duration '%.*s': write 30, 30s or 1h30m", STR_FMT(text));
        ret->supply = arena_alloc_array(s->arena, sizeof *ret->supply, x->outputs_n + 1);
        defaults->params = arena_alloc_array(s->arena, sizeof *defaults->params, x->outputs_n + 1);
        for (size_t i = 0; i < x->outputs_n; i++) {
                if (x->outputs[i].from != OUTPUT_SUPPLIED)
                        continue;
                ret->supply[ret->supply_n++] = x->outputs[i].name;
                if (!x->outputs[i].fallback.given)
                        continue;
                if (!argo_render(&x->outputs[i].fallback, &v, &text, e))
                        return false;
                defaults->params[defaults->params_n++] = (struct param){x->outputs[i].name, val_text(text), false};
        }
        ret->defaults = defaults->params_n ? defaults : NULL;
        return true;
}

/* The reader makes no child template of this language: resource templates are refused by the table of fields. */
bool argo_resolve_child(const struct site *s, struct str *ret_document, struct error *e)
{
        (void)ret_document;
        return error_set(e, ERROR_UNSUPPORTED, "the template '%.*s' creates a resource, which this version of Weft does not do", STR_FMT(s->self->name));
}

bool argo_eval_retry(const struct site *s, enum verdict *ret, struct error *e)
{
        const struct argo_template *x = argo_template_of(s->self);
        struct vars v = argo_vars_inside(s);
        struct expr_paths paths;
        bool yes = false;
        if (!x->retry.expr)
                return error_set(e, ERROR_INVALID, "%.*s", STR_FMT(x->retry.trouble));
        paths = expr_identifiers(x->retry.expr);
        v.paths = &paths;
        struct expr_env env = argo_env_of(&v);
        if (!expr_eval_bool(x->retry.expr, &env, s->arena, &yes, e))
                return false;
        *ret = yes ? VERDICT_YES : VERDICT_NO;
        return true;
}

/* Argo's memoize is not used by this version: every step is executed. */
bool argo_cache_key(const struct site *s, const struct task_spec *spec, struct str *ret, struct error *e)
{
        (void)s;
        (void)spec;
        (void)e;
        *ret = STR_NONE;
        return true;
}
