/* The fields of the pipeline IR and of the Kubernetes platform document, as tables, and the check of a document against them: every
 * field is known, has the right shape, and is either executed or refused. What passes here has the types that the compiler relies on. */
#include "dialect/kfp/kfp.h"
#include <assert.h>

enum shape { ANY, STRING, NUMBER, BOOLEAN, STRINGS, LIST, OBJECT, OBJECT_MAP, OBJECT_LIST, STRUCTURE, UNSUPPORTED, NO_EFFECT };

struct object;
struct field {
        const char *name;
        enum shape shape;
        const struct object *object;
        const char *hint; /* UNSUPPORTED and NO_EFFECT: what to do or know. Of another shape: why the field means nothing on this machine */
};
struct object { const char *what; const struct field *fields; };
#define FIELDS(name, title, ...) static const struct object name = {title, (const struct field[]){__VA_ARGS__, {NULL}}}

#define FOR_PEOPLE "it is for people"
#define NO_SCHEDULER "there is one machine, and nothing to place tasks on"
FIELDS(artifact_type, "an artifact type", {"schemaTitle", STRING}, {"schemaVersion", STRING}, {"instanceSchema", STRING}, {"schemaUri", STRING});
FIELDS(param_def, "a parameter", {"parameterType", STRING}, {"type", STRING}, {"defaultValue", ANY}, {"isOptional", BOOLEAN}, {"description", STRING, NULL, FOR_PEOPLE},
       {"literals", LIST});
FIELDS(artifact_def, "an artifact", {"artifactType", OBJECT, &artifact_type}, {"isArtifactList", BOOLEAN}, {"isOptional", BOOLEAN},
       {"description", STRING, NULL, FOR_PEOPLE}, {"properties", STRUCTURE}, {"customProperties", STRUCTURE}, {"metadata", STRUCTURE});
FIELDS(io_def, "inputs or outputs", {"parameters", OBJECT_MAP, &param_def}, {"artifacts", OBJECT_MAP, &artifact_def});

FIELDS(param_selector, "a selector", {"producerSubtask", STRING}, {"outputParameterKey", STRING});
FIELDS(artifact_selector, "a selector", {"producerSubtask", STRING}, {"outputArtifactKey", STRING});
FIELDS(one_of, "valueFromOneof", {"parameterSelectors", OBJECT_LIST, &param_selector});
FIELDS(dag_param, "an output", {"valueFromParameter", OBJECT, &param_selector}, {"valueFromOneof", OBJECT, &one_of});
FIELDS(dag_artifact, "an output", {"artifactSelectors", OBJECT_LIST, &artifact_selector});
FIELDS(dag_outputs, "the outputs of a graph", {"parameters", OBJECT_MAP, &dag_param}, {"artifacts", OBJECT_MAP, &dag_artifact});

FIELDS(task_info, "taskInfo", {"name", STRING}, {"taskName", STRING});
FIELDS(task_param, "a source", {"parameter", STRING}, {"producerTask", STRING}, {"outputParameterKey", STRING});
FIELDS(task_artifact, "a source", {"producerTask", STRING}, {"outputArtifactKey", STRING});
FIELDS(final_status, "taskFinalStatus", {"producerTask", STRING});
FIELDS(runtime_value, "runtimeValue", {"constant", ANY}, {"constantValue", STRUCTURE}, {"runtimeParameter", STRING});
FIELDS(input_param, "an input", {"taskOutputParameter", OBJECT, &task_param}, {"runtimeValue", OBJECT, &runtime_value},
       {"componentInputParameter", STRING}, {"taskFinalStatus", OBJECT, &final_status}, {"parameterExpressionSelector", STRING});
FIELDS(input_artifact, "an input", {"taskOutputArtifact", OBJECT, &task_artifact}, {"componentInputArtifact", STRING});
FIELDS(task_inputs, "the inputs of a task", {"parameters", OBJECT_MAP, &input_param}, {"artifacts", OBJECT_MAP, &input_artifact});
FIELDS(caching, "cachingOptions", {"enableCache", BOOLEAN}, {"cacheKey", STRING});
FIELDS(component_ref, "componentRef", {"name", STRING});
FIELDS(trigger_policy, "triggerPolicy", {"condition", STRING}, {"strategy", STRING});
FIELDS(artifact_items, "items", {"inputArtifact", STRING});
FIELDS(artifact_iterator, "artifactIterator", {"items", OBJECT, &artifact_items}, {"itemInput", STRING});
FIELDS(param_items, "items", {"raw", STRING}, {"inputParameter", STRING});
FIELDS(param_iterator, "parameterIterator", {"items", OBJECT, &param_items}, {"itemInput", STRING});
FIELDS(retry_policy, "retryPolicy", {"maxRetryCount", NUMBER}, {"backoffDuration", STRING}, {"backoffFactor", NUMBER}, {"backoffMaxDuration", STRING});
FIELDS(iterator_policy, "iteratorPolicy", {"parallelismLimit", NUMBER});
FIELDS(task_def, "a task", {"taskInfo", OBJECT, &task_info}, {"inputs", OBJECT, &task_inputs}, {"dependentTasks", STRINGS},
       {"cachingOptions", OBJECT, &caching}, {"componentRef", OBJECT, &component_ref}, {"triggerPolicy", OBJECT, &trigger_policy},
       {"artifactIterator", OBJECT, &artifact_iterator}, {"parameterIterator", OBJECT, &param_iterator}, {"retryPolicy", OBJECT, &retry_policy},
       {"iteratorPolicy", OBJECT, &iterator_policy});
FIELDS(dag_def, "a graph", {"tasks", OBJECT_MAP, &task_def}, {"outputs", OBJECT, &dag_outputs});
FIELDS(component_def, "a component", {"inputDefinitions", OBJECT, &io_def}, {"outputDefinitions", OBJECT, &io_def}, {"dag", OBJECT, &dag_def},
       {"executorLabel", STRING},
       {"singlePlatformSpecs", UNSUPPORTED, NULL, "compile the pipeline with a KFP SDK that writes platforms as a second document"},
       {"taskConfigPassthroughs", UNSUPPORTED, NULL, "set resources and environment on the task itself"});

FIELDS(accelerator, "an accelerator", {"type", STRING}, {"count", ANY}, {"resourceType", STRING}, {"resourceCount", ANY});
FIELDS(resources, "resources", {"cpuLimit", NUMBER}, {"memoryLimit", NUMBER}, {"cpuRequest", NUMBER, NULL, NO_SCHEDULER},
       {"memoryRequest", NUMBER, NULL, NO_SCHEDULER},
       {"resourceCpuLimit", STRING}, {"resourceMemoryLimit", STRING}, {"resourceCpuRequest", STRING, NULL, NO_SCHEDULER},
       {"resourceMemoryRequest", STRING, NULL, NO_SCHEDULER},
       {"accelerator", OBJECT, &accelerator});
FIELDS(env_def, "an environment variable", {"name", STRING}, {"value", STRING});
FIELDS(container, "a container", {"image", STRING}, {"command", STRINGS}, {"args", STRINGS}, {"env", OBJECT_LIST, &env_def},
       {"resources", OBJECT, &resources},
       {"lifecycle", UNSUPPORTED, NULL, "remove it: Weft decides about the cache without a command of the component"});
FIELDS(importer_uri, "artifactUri", {"constant", ANY}, {"constantValue", STRUCTURE}, {"runtimeParameter", STRING});
FIELDS(importer, "an importer", {"artifactUri", OBJECT, &importer_uri}, {"typeSchema", OBJECT, &artifact_type}, {"reimport", BOOLEAN, NULL, "an import is a reference to what is there; it is always made anew"},
       {"downloadToWorkspace", BOOLEAN},
       {"metadata", STRUCTURE}, {"properties", STRUCTURE}, {"customProperties", STRUCTURE});
FIELDS(executor_def, "an executor", {"container", OBJECT, &container}, {"importer", OBJECT, &importer},
       {"resolver", UNSUPPORTED, NULL, "pass the artifact in, or use an importer"},
       {"customJob", UNSUPPORTED, NULL, "use a container component"});
FIELDS(deployment, "deploymentSpec", {"executors", OBJECT_MAP, &executor_def});
FIELDS(pipeline_info, "pipelineInfo", {"name", STRING}, {"displayName", STRING}, {"description", STRING, NULL, FOR_PEOPLE});
FIELDS(spec_def, "a pipeline", {"pipelineInfo", OBJECT, &pipeline_info}, {"deploymentSpec", OBJECT, &deployment}, {"schemaVersion", STRING},
       {"sdkVersion", STRING}, {"components", OBJECT_MAP, &component_def}, {"root", OBJECT, &component_def}, 
       {"defaultPipelineRoot", NO_EFFECT, NULL, "artifacts are kept in the data folder"});

#define ON_CLUSTER "it needs a cluster; on this machine leave it out, or set the environment of the task"
#define NO_POD "it is about the pod, and there is none on this machine"
FIELDS(platform_executor, "an executor", {"secretAsVolume", UNSUPPORTED, NULL, ON_CLUSTER}, {"secretAsEnv", UNSUPPORTED, NULL, ON_CLUSTER},
       {"configMapAsVolume", UNSUPPORTED, NULL, ON_CLUSTER}, {"configMapAsEnv", UNSUPPORTED, NULL, ON_CLUSTER},
       {"pvcMount", UNSUPPORTED, NULL, ON_CLUSTER}, {"genericEphemeralVolume", UNSUPPORTED, NULL, ON_CLUSTER},
       {"emptyDirMounts", UNSUPPORTED, NULL, ON_CLUSTER}, {"fieldPathAsEnv", UNSUPPORTED, NULL, ON_CLUSTER},
       {"nodeSelector", NO_EFFECT, NULL, NO_POD}, {"podMetadata", NO_EFFECT, NULL, NO_POD}, {"imagePullSecret", NO_EFFECT, NULL, NO_POD},
       {"imagePullPolicy", NO_EFFECT, NULL, NO_POD}, {"tolerations", NO_EFFECT, NULL, NO_POD}, {"nodeAffinity", NO_EFFECT, NULL, NO_POD},
       {"podAffinity", NO_EFFECT, NULL, NO_POD}, {"enabledSharedMemory", NO_EFFECT, NULL, NO_POD}, {"securityContext", NO_EFFECT, NULL, NO_POD},
       {"activeDeadlineSeconds", ANY});
FIELDS(platform_deployment, "deploymentSpec", {"executors", OBJECT_MAP, &platform_executor});
FIELDS(workspace, "the workspace", {"size", STRING, NULL, "the workspace is a folder of the run"},
       {"kubernetes", STRUCTURE, NULL, "the workspace is a folder of the run, and no volume of a cluster"});
#define RUNS_STAY "finished runs stay until they are deleted"
FIELDS(pipeline_config, "pipelineConfig", {"workspace", OBJECT, &workspace},
       {"pipelineTtl", NO_EFFECT, NULL, RUNS_STAY}, {"resourceTtlOnCompletion", NO_EFFECT, NULL, RUNS_STAY},
       {"resourceTtlOnSuccess", NO_EFFECT, NULL, RUNS_STAY}, {"resourceTtlOnFailure", NO_EFFECT, NULL, RUNS_STAY},
       {"activeDeadlineSeconds", ANY},
       {"semaphoreKey", UNSUPPORTED, NULL, "limit the runs that are started instead"}, {"mutexName", UNSUPPORTED, NULL, "limit the runs that are started instead"});
FIELDS(platform_spec, "a platform", {"deploymentSpec", OBJECT, &platform_deployment}, {"pipelineConfig", OBJECT, &pipeline_config},
       {"platform", STRING, NULL, "it is the name under which this stands"},
       {"config", UNSUPPORTED, NULL, "compile the pipeline with the kubernetes extension of the KFP SDK"});
FIELDS(platforms, "platforms", {"kubernetes", OBJECT, &platform_spec});
FIELDS(platform_document, "a platform document", {"platforms", OBJECT, &platforms});

struct str kfp_path(struct arena *a, struct str path, struct str member)
{
        return arena_printf(a, "%.*s%s%.*s", STR_FMT(path), path.n ? "." : "", STR_FMT(member));
}

struct str kfp_nearest(const struct value *map, struct str wrong, struct arena *a)
{
        size_t best = wrong.n < 4 ? 2 : 4;
        struct str found = STR_NONE;
        for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->map.n; i++) {
                size_t d = str_distance(map->map.members[i].key, wrong, best);
                if (d < best) {
                        best = d;
                        found = map->map.members[i].key;
                }
        }
        return found.n ? arena_printf(a, " (did you mean '%.*s'?)", STR_FMT(found)) : STR("");
}

static void unknown(struct problems *ps, const struct object *o, const struct value_member *m, struct str path)
{
        size_t best = m->key.n < 4 ? 2 : 5;
        const char *found = NULL;
        for (const struct field *f = o->fields; f->name; f++) {
                size_t d = str_distance(str_from(f->name), m->key, best);
                if (d < best) {
                        best = d;
                        found = f->name;
                }
        }
        struct value at = {.line = m->line, .column = m->column};
        if (found)
                problem_add(ps, ERROR_INVALID, false, &at, path, "'%.*s' is no field of %s; did you mean '%s'?", STR_FMT(m->key), o->what, found);
        else
                problem_add(ps, ERROR_INVALID, false, &at, path, "'%.*s' is no field of %s that Weft knows; remove it, or look at its spelling",
                            STR_FMT(m->key), o->what);
}

static bool expect(struct problems *ps, const struct value *v, enum value_kind kind, struct str path)
{
        if (v->kind == kind)
                return true;
        problem_add(ps, ERROR_INVALID, false, v, path, "this must be a %s, and is a %s", value_kind_name(kind), value_kind_name(v->kind));
        return false;
}

static void check_object(struct problems *ps, const struct value *v, const struct object *o, struct str path);

static void check_members(struct problems *ps, const struct value *v, const struct object *o, struct str path)
{
        if (!expect(ps, v, VALUE_MAP, path))
                return;
        for (size_t i = 0; i < v->map.n; i++)
                check_object(ps, &v->map.members[i].value, o, kfp_path(ps->arena, path, v->map.members[i].key));
}

static void check_list(struct problems *ps, const struct value *v, const struct object *o, struct str path)
{
        if (!expect(ps, v, VALUE_LIST, path))
                return;
        for (size_t i = 0; i < v->list.n; i++) {
                struct str at = arena_printf(ps->arena, "%.*s[%zu]", STR_FMT(path), i);
                if (o)
                        check_object(ps, &v->list.items[i], o, at);
                else
                        expect(ps, &v->list.items[i], VALUE_STRING, at);
        }
}

static void check_field(struct problems *ps, const struct value_member *m, const struct field *f, struct str path)
{
        const struct value *v = &m->value;
        struct value at = {.line = m->line, .column = m->column};
        switch (f->shape) {
        case ANY:
                break;
        case STRING:
                expect(ps, v, VALUE_STRING, path);
                break;
        case NUMBER:
                expect(ps, v, VALUE_NUMBER, path);
                break;
        case BOOLEAN:
                expect(ps, v, VALUE_BOOL, path);
                break;
        case STRUCTURE:
                expect(ps, v, VALUE_MAP, path);
                break;
        case LIST:
                expect(ps, v, VALUE_LIST, path);
                break;
        case STRINGS:
                check_list(ps, v, NULL, path);
                break;
        case OBJECT:
                check_object(ps, v, f->object, path);
                break;
        case OBJECT_MAP:
                check_members(ps, v, f->object, path);
                break;
        case OBJECT_LIST:
                check_list(ps, v, f->object, path);
                break;
        case UNSUPPORTED:
                problem_add(ps, ERROR_UNSUPPORTED, false, &at, path, "%s is not executed by this version of Weft; %s", f->name, f->hint);
                break;
        case NO_EFFECT:
                problem_add(ps, ERROR_UNSUPPORTED, true, &at, path, "%s has no effect here: %s", f->name, f->hint);
                break;
        }
}

/* Depth is that of the tables. */
static void check_object(struct problems *ps, const struct value *v, const struct object *o, struct str path)
{
        if (v->kind == VALUE_NULL || !expect(ps, v, VALUE_MAP, path)) /* an empty mapping is often written as nothing */
                return;
        for (size_t i = 0; i < v->map.n; i++) {
                const struct value_member *m = &v->map.members[i];
                struct str below = kfp_path(ps->arena, path, m->key);
                const struct field *f = o->fields;
                while (f->name && !str_eq_c(m->key, f->name))
                        f++;
                if (f->name)
                        check_field(ps, m, f, below);
                else
                        unknown(ps, o, m, below);
        }
}

void kfp_check_spec(const struct value *spec, struct problems *ps) { check_object(ps, spec, &spec_def, STR("")); }

void kfp_check_platform(const struct value *platform, const struct value *spec, struct problems *ps)
{
        check_object(ps, platform, &platform_document, STR(""));
        const struct value *k = value_get_c(value_get_c(platform, "platforms"), "kubernetes");
        const struct value *mine = value_get_c(value_get_c(k, "deploymentSpec"), "executors");
        const struct value *known = value_get_c(value_get_c(spec, "deploymentSpec"), "executors");
        for (size_t i = 0; mine && mine->kind == VALUE_MAP && i < mine->map.n; i++) {
                const struct value_member *m = &mine->map.members[i];
                if (!value_get(known, m->key))
                        problem_add(ps, ERROR_INVALID, false, &m->value, kfp_path(ps->arena, STR("platforms.kubernetes.deploymentSpec.executors"), m->key),
                                    "the pipeline has no executor of this name%.*s", STR_FMT(kfp_nearest(known, m->key, ps->arena)));
        }
}

/* ---- for help ---- */

struct listing { field_visitor *each; void *user; struct arena *arena; const struct object *seen[64]; size_t seen_n; };

static enum field_use use_of(const struct field *f)
{
        if (f->shape == UNSUPPORTED)
                return FIELD_REFUSED;
        return f->shape == NO_EFFECT ? FIELD_WARNED : f->hint ? FIELD_NO_EFFECT : FIELD_USED;
}

static void list_fields(struct listing *l, const struct object *o, struct str place)
{
        for (size_t i = 0; i < l->seen_n; i++)
                if (l->seen[i] == o)
                        return;
        assert(l->seen_n < sizeof l->seen / sizeof *l->seen);
        l->seen[l->seen_n++] = o;
        for (const struct field *f = o->fields; f->name; f++)
                l->each(l->user, place, f->name, use_of(f), f->hint);
        for (const struct field *f = o->fields; f->name; f++) {
                const char *many = f->shape == OBJECT_MAP ? ".*" : f->shape == OBJECT_LIST ? "[]" : "";
                if (f->object)
                        list_fields(l, f->object, arena_printf(l->arena, "%.*s%s%s%s", STR_FMT(place), place.n ? "." : "", f->name, many));
        }
}

void kfp_list_fields(field_visitor *each, void *user, struct arena *a)
{
        struct listing l = {.each = each, .user = user, .arena = a};
        list_fields(&l, &spec_def, STR(""));
        list_fields(&l, &platform_document, STR(""));
}
