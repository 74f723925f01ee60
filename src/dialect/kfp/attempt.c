/* What one attempt of a component executes: its command, files, environment and limits. */
#include "dialect/kfp/kfp.h"

/* Below the run's artifacts, with the task's name in front so that people find it. */
struct str kfp_attempt_folder(const struct site *s, struct arena *a)
{
        char name[64];
        size_t n = 0;
        for (size_t i = 0; i < s->task->name.n && n < sizeof name; i++) {
                char c = s->task->name.p[i];
                bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
                name[n++] = plain ? c : '-';
        }
        return arena_printf(a, "%.*s/%.*s.%u.%u.%u", STR_FMT(s->run->artifact_root), (int)n, name, s->self_node->no, s->self_node->epoch, s->attempt);
}

bool kfp_quantity(struct str s, double *ret)
{
        static const struct { const char *suffix; double factor; } units[] = {
                {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0}, {"Pi", 1125899906842624.0},
                {"m", 1e-3}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}, {"", 1}};
        s = str_trim(s);
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
                double d;
                if (str_ends(s, str_from(units[i].suffix)) && str_to_double(str_sub(s, 0, s.n - strlen(units[i].suffix)), &d)) {
                        *ret = d * units[i].factor;
                        return *ret > 0 && *ret < 9e18;
                }
        }
        return false;
}

static bool limit(struct kfp_place *p, struct str text, const char *what, double unit, int64_t *ret, struct error *e)
{
        bool ok = true;
        double d = 0;
        if (!text.n)
                return true;
        struct str s = kfp_place_text(p, text, e, &ok);
        if (!ok)
                return false;
        if (!s.n)
                return true;
        if (!kfp_quantity(s, &d) || d * unit >= 9e18)
                return error_set(e, ERROR_INVALID, "the limit of %s is '%.*s', which is no quantity such as 500m, 2 or 512Mi", what, STR_FMT(s));
        *ret = (int64_t)(d * unit + 0.5);
        return true;
}

static bool environment(struct kfp_place *p, const struct kfp_executor *x, struct task_spec *ret, struct error *e)
{
        ret->env = ARENA_ARRAY(p->arena, struct env_var, x->env_n + 1);
        for (size_t i = 0; i < x->env_n; i++) {
                bool ok;
                ret->env[ret->env_n++] = (struct env_var){.name = x->env[i].name, .value = kfp_place_text(p, x->env[i].value, e, &ok)};
                if (!ok)
                        return error_wrap(e, "the environment variable '%.*s'", STR_FMT(x->env[i].name));
        }
        return true;
}

static void files(struct kfp_place *p, struct task_spec *ret)
{
        const struct kfp_io *out = &p->component->out;
        ret->outcome_file = kfp_output_file(p, STR(""));
        ret->folders = ARENA_ARRAY(p->arena, struct str, 3);
        ret->folders[ret->folders_n++] = p->folder;
        ret->folders[ret->folders_n++] = arena_printf(p->arena, "%.*s/.kfp/parameters", STR_FMT(p->folder));
        if (((const struct kfp_workflow *)p->site->workflow->dialect)->uses_workspace)
                ret->folders[ret->folders_n++] = kfp_workspace(p->site);
        ret->params_out = ARENA_ARRAY(p->arena, struct task_param_out, out->params_n + 1);
        for (size_t i = 0; i < out->params_n; i++)
                ret->params_out[ret->params_out_n++] = (struct task_param_out){out->params[i].name, kfp_output_file(p, out->params[i].name)};
        ret->artifacts_out = ARENA_ARRAY(p->arena, struct task_artifact_out, out->artifacts_n + 1);
        for (size_t i = 0; i < out->artifacts_n; i++) {
                struct str name = out->artifacts[i].name, uri = kfp_output_uri(p, name);
                ret->artifacts_out[ret->artifacts_out_n++] = (struct task_artifact_out){
                        name, kfp_artifact_path(uri, p->arena), uri, true, arena_printf(p->arena, "artifacts/%.*s/artifacts/0/custom_path", STR_FMT(name))};
        }
        ret->artifacts_in = ARENA_ARRAY(p->arena, struct task_artifact_in, p->inputs->artifacts_n + 1);
        for (size_t i = 0; i < p->inputs->artifacts_n; i++) {
                struct str path = kfp_artifact_path(p->inputs->artifacts[i].uri, p->arena);
                if (path.n && path.p[0] == '/')
                        ret->artifacts_in[ret->artifacts_in_n++] = (struct task_artifact_in){.name = p->inputs->artifacts[i].name, .path = path, .uri = path, .optional = true};
        }
}

static void importer(struct site const *s, struct task_spec *ret)
{
        ret->command = ARENA_ARRAY(s->arena, struct str, 1);
        ret->command[ret->command_n++] = STR("true");
}

bool kfp_resolve_attempt(const struct site *s, struct task_spec *ret, struct error *e)
{
        const struct kfp_template *t = s->self->dialect;
        const struct kfp_executor *x = t->component->executor;
        struct kfp_place p = {.site = s, .inputs = s->inputs, .component = t->component, .folder = kfp_attempt_folder(s, s->arena), .arena = s->arena};
        bool ok;
        if (!ret->display_name.n)
                ret->display_name = s->task->name;
        if (x->importer) {
                importer(s, ret);
                return true;
        }
        ret->image = kfp_place_text(&p, x->image, e, &ok);
        ok = ok && kfp_place_words(&p, x->command + x->python.skip, x->command_n - x->python.skip, &ret->command, &ret->command_n, e) &&
             kfp_place_words(&p, x->args, x->args_n, &ret->args, &ret->args_n, e) && environment(&p, x, ret, e) &&
             limit(&p, x->cpu, "CPU", 1e3, &ret->cpu_milli, e) && limit(&p, x->memory, "memory", 1, &ret->memory_bytes, e);
        if (!ok)
                return error_wrap(e, "preparing task '%.*s'", STR_FMT(s->task->name));
        files(&p, ret);
        ret->python_component = x->python.is;
        ret->python_packages = x->python.packages;
        ret->python_packages_n = x->python.packages_n;
        return true;
}
