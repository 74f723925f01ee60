/* From the pipeline's document to the model: executors, components, templates. */
#include "dialect/kfp/kfp.h"
#include "base/time.h"
#include <stdlib.h>

static int by_name(const void *a, const void *b) { return str_cmp(((const struct kfp_name *)a)->name, ((const struct kfp_name *)b)->name); }

struct kfp_names kfp_names_of(const struct value *map, struct arena *a)
{
        struct kfp_names names = {0};
        if (!map || map->kind != VALUE_MAP || !map->map.n)
                return names;
        names.items = ARENA_ARRAY(a, struct kfp_name, map->map.n);
        for (size_t i = 0; i < map->map.n; i++)
                names.items[names.n++] = (struct kfp_name){map->map.members[i].key, (uint32_t)i};
        qsort(names.items, names.n, sizeof *names.items, by_name);
        return names;
}

bool kfp_names_find(const struct kfp_names *names, struct str name, uint32_t *ret)
{
        struct kfp_name key = {name, 0};
        const struct kfp_name *found = names->n ? bsearch(&key, names->items, names->n, sizeof key, by_name) : NULL;
        if (found)
                *ret = found->index;
        return found;
}

struct kfp_component *kfp_find_component(struct kfp_reader *r, struct str name)
{
        uint32_t i;
        return kfp_names_find(&r->component_names, name, &i) ? &r->components[i] : NULL;
}

const struct kfp_param *kfp_param_of(const struct kfp_io *io, struct str name)
{
        for (size_t i = 0; i < io->params_n; i++)
                if (str_eq(io->params[i].name, name))
                        return &io->params[i];
        return NULL;
}

const struct kfp_artifact *kfp_artifact_of(const struct kfp_io *io, struct str name)
{
        for (size_t i = 0; i < io->artifacts_n; i++)
                if (str_eq(io->artifacts[i].name, name))
                        return &io->artifacts[i];
        return NULL;
}

bool kfp_is_channel(struct str input) { return str_starts(input, STR("pipelinechannel--")) || str_starts(input, STR("pipelineparam--")); }

static struct str text_of(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_STRING ? v->text : STR("");
}

static bool is_true(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_BOOL && v->boolean;
}

static size_t members_of(const struct value *v) { return v && v->kind == VALUE_MAP ? v->map.n : 0; }

/* Names of outputs become names of files. */
static bool file_name(struct str s)
{
        return s.n && s.n <= 200 && s.p[0] != '.' && str_find_char(s, '/', 0) == SIZE_MAX && str_find_char(s, '\0', 0) == SIZE_MAX;
}

static void read_param(struct kfp_reader *r, const struct value_member *m, struct str path, struct kfp_param *ret)
{
        struct str type = text_of(&m->value, "parameterType"), old = text_of(&m->value, "type");
        *ret = (struct kfp_param){.name = m->key, .optional = is_true(&m->value, "isOptional")};
        if (!type.n && old.n)
                type = str_eq_c(old, "INT") ? STR("NUMBER_INTEGER") : str_eq_c(old, "DOUBLE") ? STR("NUMBER_DOUBLE") : old;
        if (!kfp_type_parse(type, &ret->type))
                problem_add(r->ps, ERROR_INVALID, false, &m->value, path,
                            type.n ? "'%.*s' is no type of a parameter: NUMBER_INTEGER, NUMBER_DOUBLE, STRING, BOOLEAN, LIST or STRUCT"
                                   : "the parameter has no type: add parameterType%.*s",
                            STR_FMT(type));
        if (ret->type == KFP_TASK_CONFIG)
                problem_add(r->ps, ERROR_UNSUPPORTED, false, &m->value, path,
                            "a TASK_CONFIG input is not executed by this version of Weft; remove it from the component");
        ret->literals = value_get_c(&m->value, "literals");
        const struct value *v = value_get_c(&m->value, "defaultValue");
        if (!v || v->kind == VALUE_NULL)
                return;
        v = kfp_written(v, ret->type, r->arena);
        struct error e = {0};
        if (!kfp_fit(kfp_val(v, r->arena), ret, STR("the default"), r->arena, &ret->fallback, &e))
                problem_add(r->ps, ERROR_INVALID, false, v, kfp_path(r->arena, path, STR("defaultValue")), "%s", e.text);
        ret->optional = true;
}

static void read_artifact(const struct value_member *m, struct kfp_artifact *ret)
{
        const struct value *t = value_get_c(&m->value, "artifactType");
        *ret = (struct kfp_artifact){.name = m->key,
                                     .type = text_of(t, "schemaTitle"),
                                     .version = text_of(t, "schemaVersion"),
                                     .optional = is_true(&m->value, "isOptional"),
                                     .list = is_true(&m->value, "isArtifactList"),
                                     .metadata = value_get_c(&m->value, "metadata")};
        if (!ret->type.n && (ret->is_instance = text_of(t, "instanceSchema").n > 0))
                ret->type = text_of(t, "instanceSchema");
        if (!ret->type.n)
                ret->type = STR("system.Artifact");
}

static void read_io(struct kfp_reader *r, const struct value *v, struct str path, bool outputs, struct kfp_io *ret)
{
        const struct value *params = value_get_c(v, "parameters"), *artifacts = value_get_c(v, "artifacts");
        ret->params_n = members_of(params);
        ret->artifacts_n = members_of(artifacts);
        ret->params = ARENA_ARRAY(r->arena, struct kfp_param, ret->params_n + 1);
        ret->artifacts = ARENA_ARRAY(r->arena, struct kfp_artifact, ret->artifacts_n + 1);
        for (size_t i = 0; i < ret->params_n + ret->artifacts_n; i++) {
                bool param = i < ret->params_n;
                const struct value_member *m = param ? &params->map.members[i] : &artifacts->map.members[i - ret->params_n];
                struct str at = kfp_path(r->arena, kfp_path(r->arena, path, param ? STR("parameters") : STR("artifacts")), m->key);
                if (outputs && !file_name(m->key))
                        problem_add(r->ps, ERROR_INVALID, false, &m->value, at,
                                    "'%.*s' cannot be the name of an output: it becomes a file, so it may not be empty, start with '.' or hold '/'",
                                    STR_FMT(str_sub(m->key, 0, 200)));
                if (param)
                        read_param(r, m, at, &ret->params[i]);
                else
                        read_artifact(m, &ret->artifacts[i - ret->params_n]);
        }
}

static struct str *strings_of(struct arena *a, const struct value *list, size_t *ret_n)
{
        *ret_n = list && list->kind == VALUE_LIST ? list->list.n : 0;
        struct str *out = ARENA_ARRAY(a, struct str, *ret_n + 1);
        for (size_t i = 0; i < *ret_n; i++)
                out[i] = list->list.items[i].text;
        return out;
}

/* The older fields are numbers: cores, and gigabytes of 10^9. */
static struct str old_quantity(struct arena *a, const struct value *resources, const char *key, double unit)
{
        const struct value *v = value_get_c(resources, key);
        double d;
        if (!v || !value_to_double(v, &d) || d <= 0 || d > 1e9)
                return STR("");
        return arena_printf(a, "%.0f%s", d * unit, unit < 1e4 ? "m" : "");
}

static void read_container(struct kfp_reader *r, const struct value *c, struct str path, struct kfp_executor *ret)
{
        const struct value *env = value_get_c(c, "env"), *resources = value_get_c(c, "resources"), *accelerator = value_get_c(resources, "accelerator");
        ret->image = text_of(c, "image");
        ret->command = strings_of(r->arena, value_get_c(c, "command"), &ret->command_n);
        ret->args = strings_of(r->arena, value_get_c(c, "args"), &ret->args_n);
        ret->env_n = env && env->kind == VALUE_LIST ? env->list.n : 0;
        ret->env = arena_alloc_array(r->arena, sizeof *ret->env, ret->env_n + 1);
        for (size_t i = 0; i < ret->env_n; i++) {
                ret->env[i].name = text_of(&env->list.items[i], "name");
                ret->env[i].value = text_of(&env->list.items[i], "value");
        }
        ret->cpu = text_of(resources, "resourceCpuLimit");
        ret->memory = text_of(resources, "resourceMemoryLimit");
        if (!ret->cpu.n)
                ret->cpu = old_quantity(r->arena, resources, "cpuLimit", 1e3);
        if (!ret->memory.n)
                ret->memory = old_quantity(r->arena, resources, "memoryLimit", 1e9);
        if (accelerator)
                problem_add(r->ps, ERROR_UNSUPPORTED, true, accelerator, kfp_path(r->arena, path, STR("container.resources.accelerator")),
                            "accelerators are not reserved on this machine: the task sees those that are there");
        if (str_find(ret->image, STR("argostub/"), 0) != SIZE_MAX)
                problem_add(r->ps, ERROR_UNSUPPORTED, false, value_get_c(c, "image"), kfp_path(r->arena, path, STR("container.image")),
                            "'%.*s' makes or removes a volume of a cluster, and there is none on this machine; pass files as artifacts, or use the workspace", STR_FMT(ret->image));
        kfp_python_detect(ret, text_of(r->spec, "sdkVersion"), r->arena);
}

static void read_importer(struct kfp_reader *r, const struct value *i, struct str path, struct kfp_executor *ret)
{
        const struct value *uri = value_get_c(i, "artifactUri"), *constant = value_get_c(uri, "constant");
        ret->importer = true;
        ret->metadata = value_get_c(i, "metadata");
        if (is_true(i, "downloadToWorkspace"))
                problem_add(r->ps, ERROR_UNSUPPORTED, false, value_get_c(i, "downloadToWorkspace"), kfp_path(r->arena, path, STR("importer.downloadToWorkspace")),
                            "an imported artifact is not copied into the workspace by this version of Weft; read it where it is, or copy it in a component");
        ret->uri_parameter = text_of(uri, "runtimeParameter");
        if (!constant)
                constant = value_get_c(value_get_c(uri, "constantValue"), "stringValue");
        if (constant && constant->kind == VALUE_STRING)
                ret->uri = constant->text;
        if (!ret->uri.n && !ret->uri_parameter.n)
                problem_add(r->ps, ERROR_INVALID, false, i, kfp_path(r->arena, path, STR("importer.artifactUri")),
                            "the importer does not say what to import: give artifactUri a constant or a runtimeParameter");
}

static void read_executors(struct kfp_reader *r)
{
        const struct value *all = value_get_c(value_get_c(r->spec, "deploymentSpec"), "executors");
        r->executors_n = members_of(all);
        r->executors = ARENA_ARRAY(r->arena, struct kfp_executor, r->executors_n + 1);
        r->executor_names = kfp_names_of(all, r->arena);
        for (size_t i = 0; i < r->executors_n; i++) {
                const struct value_member *m = &all->map.members[i];
                struct str path = kfp_path(r->arena, STR("deploymentSpec.executors"), m->key);
                const struct value *container = value_get_c(&m->value, "container"), *importer = value_get_c(&m->value, "importer");
                r->executors[i].name = m->key;
                r->executors[i].at = container ? container : importer;
                if (container)
                        read_container(r, container, path, &r->executors[i]);
                else if (importer)
                        read_importer(r, importer, path, &r->executors[i]);
                else
                        problem_add(r->ps, ERROR_INVALID, false, &m->value, path, "the executor has no container and is no importer");
        }
}

static void read_component(struct kfp_reader *r, struct str name, const struct value *v, struct str path, struct kfp_component *ret)
{
        *ret = (struct kfp_component){.name = name, .dag = value_get_c(v, "dag"), .line = v->line, .column = v->column};
        read_io(r, value_get_c(v, "inputDefinitions"), kfp_path(r->arena, path, STR("inputDefinitions")), false, &ret->in);
        read_io(r, value_get_c(v, "outputDefinitions"), kfp_path(r->arena, path, STR("outputDefinitions")), true, &ret->out);
        struct str label = text_of(v, "executorLabel");
        uint32_t i;
        if (label.n && ret->dag)
                problem_add(r->ps, ERROR_INVALID, false, v, path, "the component has an executorLabel and a dag: it can be only one of them");
        else if (label.n && kfp_names_find(&r->executor_names, label, &i))
                ret->executor = &r->executors[i];
        else if (label.n)
                problem_add(r->ps, ERROR_INVALID, false, value_get_c(v, "executorLabel"), kfp_path(r->arena, path, STR("executorLabel")),
                            "deploymentSpec.executors has no '%.*s'%.*s", STR_FMT(label),
                            STR_FMT(kfp_nearest(value_get_c(value_get_c(r->spec, "deploymentSpec"), "executors"), label, r->arena)));
        else if (!ret->dag)
                problem_add(r->ps, ERROR_INVALID, false, v, path, "the component has neither an executorLabel nor a dag");
}

static void read_components(struct kfp_reader *r)
{
        const struct value *all = value_get_c(r->spec, "components"), *root = value_get_c(r->spec, "root");
        size_t n = members_of(all);
        r->components = ARENA_ARRAY(r->arena, struct kfp_component, n + 1);
        r->component_names = kfp_names_of(all, r->arena);
        for (size_t i = 0; i < n; i++)
                read_component(r, all->map.members[i].key, &all->map.members[i].value, kfp_path(r->arena, STR("components"), all->map.members[i].key),
                               &r->components[i]);
        r->components_n = n + 1;
        read_component(r, STR("root"), root, STR("root"), &r->components[n]);
}

static int64_t duration(struct kfp_reader *r, const struct value *policy, const char *key, int64_t fallback)
{
        const struct value *v = value_get_c(policy, key);
        int64_t us = fallback;
        if (v && v->kind == VALUE_STRING && (!duration_parse(v->text, &us) || us < 0))
                problem_add(r->ps, ERROR_INVALID, false, v, STR("retryPolicy"), "%s must be a duration as '30s', and is '%.*s'", key, STR_FMT(v->text));
        return us;
}

static struct retry_policy retry_of(struct kfp_reader *r, const struct value *policy)
{
        struct retry_policy out = {.on = RETRY_ON_FAILED | RETRY_ON_ERROR, .backoff_factor = 2};
        const struct value *count = value_get_c(policy, "maxRetryCount"), *factor = value_get_c(policy, "backoffFactor");
        if (count && (!value_to_i64(count, &out.limit) || out.limit < 0))
                problem_add(r->ps, ERROR_INVALID, false, count, STR("retryPolicy"), "maxRetryCount must be a whole number from 0");
        if (factor && (!value_to_double(factor, &out.backoff_factor) || out.backoff_factor < 0))
                problem_add(r->ps, ERROR_INVALID, false, factor, STR("retryPolicy"), "backoffFactor must be a number from 0");
        out.backoff_us = duration(r, policy, "backoffDuration", 0);
        out.backoff_cap_us = duration(r, policy, "backoffMaxDuration", 3600 * US_PER_S);
        return out;
}

static void fill_template(struct kfp_reader *r, const struct kfp_template *x)
{
        const struct kfp_component *c = x->component;
        struct template *t = &r->templates[x->index];
        t->name = c->name;
        t->kind = c->executor ? TEMPLATE_TASK : TEMPLATE_GRAPH;
        t->tasks = c->tasks;
        t->tasks_n = c->tasks_n;
        t->assess = ASSESS_ANY;
        t->has_outputs = c->params_n || c->artifacts_n;
        t->cacheable = c->executor && !c->executor->importer && c->cacheable;
        t->has_retry = x->policy;
        t->dialect = x;
        t->line = c->line;
        t->column = c->column;
}

uint32_t kfp_template_of(struct kfp_reader *r, struct kfp_component *c, const struct value *policy)
{
        for (struct kfp_template *x = c->variants; x; x = x->next)
                if (policy ? x->policy && value_equal(x->policy, policy) : !x->policy)
                        return x->index;
        struct kfp_template *x = ARENA_NEW(r->arena, struct kfp_template);
        *x = (struct kfp_template){.component = c, .policy = policy, .index = r->templates_n++, .next = c->variants};
        if (policy)
                x->retry = retry_of(r, policy);
        c->variants = x;
        return x->index;
}

static void make_templates(struct kfp_reader *r)
{
        r->templates = ARENA_ARRAY(r->arena, struct template, r->templates_n + 1);
        for (size_t i = 0; i < r->components_n; i++)
                for (const struct kfp_template *x = r->components[i].variants; x; x = x->next)
                        fill_template(r, x);
}

/* What the platform document says that is carried out on this machine. */
static void read_platform(struct kfp_reader *r, const struct value *platform, struct workflow *w)
{
        const struct value *k = value_get_c(value_get_c(platform, "platforms"), "kubernetes");
        const struct value *all = value_get_c(value_get_c(k, "deploymentSpec"), "executors");
        const struct value *deadline = value_get_c(value_get_c(k, "pipelineConfig"), "activeDeadlineSeconds");
        int64_t seconds;
        uint32_t i;
        if (deadline && value_to_i64(deadline, &seconds) && seconds > 0 && seconds < INT64_C(1000000000))
                w->deadline_us = seconds * US_PER_S;
        for (size_t m = 0; m < members_of(all); m++) {
                const struct value *own = value_get_c(&all->map.members[m].value, "activeDeadlineSeconds");
                if (own && kfp_names_find(&r->executor_names, all->map.members[m].key, &i) && value_to_i64(own, &seconds) && seconds > 0 &&
                    seconds < INT64_C(1000000000))
                        r->executors[i].deadline_us = seconds * US_PER_S;
        }
}

static bool is_bare_spec(const struct value *d)
{
        static const char *const keys[] = {"pipelineInfo", "deploymentSpec", "components", "root", "schemaVersion"};
        size_t found = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                found += value_get_c(d, keys[i]) != NULL;
        return found >= 2 && !value_get_c(d, "apiVersion");
}

static const struct value *either(const struct value *d, const char *camel, const char *snake)
{
        const struct value *v = value_get_c(d, camel);
        return v ? v : value_get_c(d, snake);
}

/* The pipeline as KFP's API wraps it, with its platform document beside it, and as the version 2 mode of SDK 1.8 wrote it. */
static const struct value *wrapped_spec(const struct value *d)
{
        const struct value *spec = either(d, "pipelineSpec", "pipeline_spec");
        return spec && is_bare_spec(spec) && !value_get_c(d, "apiVersion") ? spec : NULL;
}

static bool is_spec(const struct value *d) { return is_bare_spec(d) || wrapped_spec(d); }

static const struct value *unwrap(const struct value *d, struct problems *ps, const struct value **ret_platform)
{
        const struct value *spec = wrapped_spec(d), *platform = either(d, "platformSpec", "platform_spec");
        if (!spec)
                return d;
        if (platform && value_get_c(platform, "platforms") && !*ret_platform)
                *ret_platform = platform;
        for (size_t i = 0; i < d->map.n; i++) {
                const struct value_member *m = &d->map.members[i];
                struct value at = {.line = m->line, .column = m->column};
                if (&m->value != spec && &m->value != platform)
                        problem_add(ps, ERROR_UNSUPPORTED, true, &at, m->key, "only the pipeline within this document is read; give parameters with -p or --params");
        }
        return spec;
}

static const struct value *find_documents(const struct value *documents, size_t n, struct problems *ps, const struct value **ret_platform)
{
        const struct value *spec = NULL;
        *ret_platform = NULL;
        for (size_t i = 0; i < n; i++)
                if (is_spec(&documents[i]) && !spec)
                        spec = unwrap(&documents[i], ps, ret_platform);
                else if (value_get_c(&documents[i], "platforms") && !*ret_platform)
                        *ret_platform = &documents[i];
                else
                        problem_add(ps, ERROR_INVALID, false, &documents[i], STR(""),
                                    "document %zu of the file is neither the pipeline nor its platform document; remove it", i + 1);
        if (!spec)
                problem_add(ps, ERROR_INVALID, false, n ? documents : NULL, STR(""), "there is no pipeline in this file");
        return spec;
}

static void check_frame(const struct value *spec, struct problems *ps)
{
        struct str version = text_of(spec, "schemaVersion");
        if (!value_get_c(spec, "root"))
                problem_add(ps, ERROR_INVALID, false, spec, STR("root"), "the pipeline has no root: compile it again");
        if (!text_of(value_get_c(spec, "pipelineInfo"), "name").n)
                problem_add(ps, ERROR_INVALID, false, spec, STR("pipelineInfo.name"), "the pipeline has no name: set pipelineInfo.name");
        if (!str_starts(version, STR("2.")))
                problem_add(ps, version.n ? ERROR_UNSUPPORTED : ERROR_INVALID, false, value_get_c(spec, "schemaVersion"), STR("schemaVersion"),
                            "the schema version is '%.*s'; Weft reads 2.0 and 2.1: compile the pipeline with a KFP SDK of version 2", STR_FMT(version));
}

static void finish(struct kfp_reader *r, const struct submission *s, struct workflow *w)
{
        struct kfp_component *root = &r->components[r->components_n - 1];
        struct kfp_workflow *x = ARENA_NEW(r->arena, struct kfp_workflow);
        struct kfp_task *call = ARENA_NEW(r->arena, struct kfp_task);
        const struct value *info = value_get_c(r->spec, "pipelineInfo");
        *call = (struct kfp_task){.component = root, .display_name = text_of(info, "name")};
        *x = (struct kfp_workflow){.root = root, .components = r->components, .components_n = r->components_n,
                                   .sdk_version = text_of(r->spec, "sdkVersion"), .spec = r->spec, .platform = r->platform};
        for (size_t i = 0; i < root->in.artifacts_n; i++)
                if (!root->in.artifacts[i].optional)
                        problem_add(r->ps, ERROR_UNSUPPORTED, false, value_get_c(r->spec, "root"),
                                    kfp_path(r->arena, STR("root.inputDefinitions.artifacts"), root->in.artifacts[i].name),
                                    "a run cannot be given artifacts: import '%.*s' with dsl.importer in the pipeline", STR_FMT(root->in.artifacts[i].name));
        kfp_parameters(root, s, !s->uid.n, r->arena, &w->parameters, r->ps);
        w->language = &kfp_language;
        w->generate_name = arena_printf(r->arena, "%.*s-", STR_FMT(call->display_name));
        w->display_name = text_of(info, "displayName");
        if (!w->display_name.n)
                w->display_name = call->display_name;
        w->root = (struct task){.name = call->display_name, .template = kfp_template_of(r, root, NULL), .dialect = call};
        make_templates(r);
        for (size_t i = 0; i < r->components_n; i++)
                kfp_lint_component(r, &r->components[i]);
        x->uses_workspace = r->uses_workspace;
        w->templates = r->templates;
        w->templates_n = r->templates_n;
        w->document = r->spec;
        w->dialect = x;
}

static struct workflow *kfp_compile(const struct value *documents, size_t n, const struct submission *s, struct problems *ps, struct str *ret_message)
{
        static const struct submission nothing;
        struct arena *a = arena_new();
        struct workflow *w = ARENA_NEW(a, struct workflow);
        struct value *copies = ARENA_ARRAY(a, struct value, n + 1);
        const struct value *platform;
        w->arena = a;
        if (ret_message)
                *ret_message = STR_NONE;
        for (size_t i = 0; i < n; i++)
                copies[i] = value_copy(&documents[i], a);
        struct kfp_reader r = {.ps = ps, .arena = a, .spec = find_documents(copies, n, ps, &platform)};
        r.platform = platform;
        if (r.spec) {
                kfp_check_spec(r.spec, ps);
                check_frame(r.spec, ps);
                if (platform)
                        kfp_check_platform(platform, r.spec, ps);
        }
        /* What follows relies on the shapes; an unsupported field leaves them as they are. */
        bool shaped = r.spec != NULL;
        for (size_t i = 0; i < ps->n; i++)
                shaped = shaped && (ps->items[i].warning || ps->items[i].kind == ERROR_UNSUPPORTED);
        if (shaped) {
                read_executors(&r);
                read_components(&r);
                read_platform(&r, platform, w);
                for (size_t i = 0; i < r.components_n; i++)
                        if (r.components[i].dag && !r.components[i].executor)
                                kfp_compile_graph(&r, &r.components[i],
                                                  i + 1 < r.components_n ? arena_printf(a, "components.%.*s.dag", STR_FMT(r.components[i].name)) : STR("root.dag"));
                finish(&r, s ? s : &nothing, w);
        }
        if (!shaped || problems_first_error(ps)) {
                arena_free(a);
                return NULL;
        }
        workflow_check(w);
        return w;
}

const struct dialect dialect_kfp = {
        .name = "kfp",
        .schema = YAML_KFP,
        .recognises = is_spec,
        .compile = kfp_compile,
        .write_status = kfp_write_status,
        .run_outputs = kfp_run_outputs,
        .fields = kfp_list_fields,
};
