/* The messages that v1beta1's requests carry, and the parts that several of them have. */
#include "api/kfp_v1beta1/v1.h"

static const struct member key[] = {{"type", MEMBER_ENUM, .choices = "UNKNOWN_RESOURCE_TYPE|EXPERIMENT|JOB|PIPELINE|PIPELINE_VERSION|NAMESPACE"}, {"id", MEMBER_STRING}, {NULL}};
static const struct member reference[] = {
        {"key", MEMBER_OBJECT, .members = key}, {"name", MEMBER_STRING}, {"relationship", MEMBER_ENUM, .choices = "UNKNOWN_RELATIONSHIP|OWNER|CREATOR"}, {NULL}};
static const struct member url[] = {{"pipeline_url", MEMBER_STRING}, {NULL}};
static const struct member parameter[] = {{"name", MEMBER_STRING, .required = true}, {"value", MEMBER_STRING}, {NULL}};
#define STORAGE "STORAGESTATE_AVAILABLE|STORAGESTATE_ARCHIVED"

const struct member v1_experiment[] = {
        {"id", MEMBER_STRING},
        {"name", MEMBER_STRING},
        {"description", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"resource_references", MEMBER_OBJECT, .list = true, .members = reference},
        {"storage_state", MEMBER_ENUM, .choices = "STORAGESTATE_UNSPECIFIED|" STORAGE},
        {NULL},
};
const struct member v1_version[] = {
        {"id", MEMBER_STRING},
        {"name", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"parameters", MEMBER_OBJECT, .list = true, .members = parameter},
        {"code_source_url", MEMBER_STRING},
        {"package_url", MEMBER_OBJECT, .members = url},
        {"resource_references", MEMBER_OBJECT, .list = true, .members = reference},
        {"description", MEMBER_STRING},
        {NULL},
};
const struct member v1_pipeline[] = {
        {"id", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"name", MEMBER_STRING},
        {"description", MEMBER_STRING},
        {"parameters", MEMBER_OBJECT, .list = true, .members = parameter},
        {"url", MEMBER_OBJECT, .members = url},
        {"error", MEMBER_STRING},
        {"default_version", MEMBER_OBJECT, .members = v1_version},
        {"resource_references", MEMBER_OBJECT, .list = true, .members = reference},
        {NULL},
};
static const struct member typed[] = {{"int_value", MEMBER_INT64}, {"double_value", MEMBER_DOUBLE}, {"string_value", MEMBER_STRING}, {NULL}};
static const struct member config[] = {{"parameters", MEMBER_MAP, .members = typed}, {"pipeline_root", MEMBER_STRING}, {NULL}};
static const struct member spec[] = {
        {"pipeline_id", MEMBER_STRING},
        {"pipeline_name", MEMBER_STRING},
        {"workflow_manifest", MEMBER_STRING},
        {"pipeline_manifest", MEMBER_STRING},
        {"parameters", MEMBER_OBJECT, .list = true, .members = parameter},
        {"runtime_config", MEMBER_OBJECT, .members = config},
        {NULL},
};
static const struct member metric[] = {
        {"name", MEMBER_STRING}, {"node_id", MEMBER_STRING}, {"number_value", MEMBER_DOUBLE}, {"format", MEMBER_ENUM, .choices = "UNSPECIFIED|RAW|PERCENTAGE"}, {NULL}};
const struct member v1_run[] = {
        {"id", MEMBER_STRING},
        {"name", MEMBER_STRING},
        {"storage_state", MEMBER_ENUM, .choices = STORAGE},
        {"description", MEMBER_STRING},
        {"pipeline_spec", MEMBER_OBJECT, .members = spec},
        {"resource_references", MEMBER_OBJECT, .list = true, .members = reference},
        {"service_account", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"scheduled_at", MEMBER_TIME},
        {"finished_at", MEMBER_TIME},
        {"status", MEMBER_STRING},
        {"error", MEMBER_STRING},
        {"metrics", MEMBER_OBJECT, .list = true, .members = metric},
        {NULL},
};
const struct member v1_metrics[] = {{"run_id", MEMBER_STRING}, {"metrics", MEMBER_OBJECT, .list = true, .members = metric}, {NULL}};

static const struct member cron[] = {{"start_time", MEMBER_TIME}, {"end_time", MEMBER_TIME}, {"cron", MEMBER_STRING}, {NULL}};
static const struct member periodic[] = {{"start_time", MEMBER_TIME}, {"end_time", MEMBER_TIME}, {"interval_second", MEMBER_INT64}, {NULL}};
static const struct member trigger[] = {{"cron_schedule", MEMBER_OBJECT, .members = cron}, {"periodic_schedule", MEMBER_OBJECT, .members = periodic}, {NULL}};
const struct member v1_job[] = {
        {"id", MEMBER_STRING},
        {"name", MEMBER_STRING},
        {"description", MEMBER_STRING},
        {"pipeline_spec", MEMBER_OBJECT, .members = spec},
        {"resource_references", MEMBER_OBJECT, .list = true, .members = reference},
        {"service_account", MEMBER_STRING},
        {"max_concurrency", MEMBER_INT64},
        {"trigger", MEMBER_OBJECT, .members = trigger},
        {"mode", MEMBER_ENUM, .choices = "UNKNOWN_MODE|ENABLED|DISABLED"},
        {"created_at", MEMBER_TIME},
        {"updated_at", MEMBER_TIME},
        {"status", MEMBER_STRING},
        {"error", MEMBER_STRING},
        {"enabled", MEMBER_BOOL},
        {"no_catchup", MEMBER_BOOL},
        {NULL},
};

/* ---- keys ---- */

#define COMMON {"id", "id", QUERY_TEXT}, {"name", "name", QUERY_TEXT}, {"created_at", "created_at", QUERY_TIME}, {"description", "description", QUERY_TEXT}, {"namespace", "ns", QUERY_TEXT}
static const struct filter_word run_words[] = {
        {"Pending", 1u << RUN_QUEUED}, {"Running", 1u << RUN_RUNNING | 1u << RUN_SUSPENDED}, {"Succeeded", 1u << RUN_SUCCEEDED}, {"Skipped", 0},
        {"Failed", 1u << RUN_FAILED | 1u << RUN_STOPPED | 1u << RUN_TERMINATED}, {"Error", 1u << RUN_ERROR}, {"Terminating", 1u << RUN_STOPPING}, {NULL}};
static const struct filter_word run_storage[] = {{"STORAGESTATE_AVAILABLE", 1u << 0}, {"STORAGESTATE_ARCHIVED", 1u << 1}, {NULL}};
static const struct filter_word storage[] = {
        {"STORAGESTATE_UNSPECIFIED", 0}, {"STORAGESTATE_AVAILABLE", 1u << RECORD_ACTIVE | 1u << RECORD_DISABLED}, {"STORAGESTATE_ARCHIVED", 1u << RECORD_ARCHIVED}, {NULL}};
static const struct filter_word job_words[] = {{"NO_STATUS", 0}, {"Enabled", 1u << RECORD_ACTIVE}, {"Disabled", 1u << RECORD_DISABLED | 1u << RECORD_ARCHIVED}, {NULL}};

const struct filter_key v1_experiment_keys[] = {COMMON, {"storage_state", "state", QUERY_NUMBER, storage}, {NULL}};
const struct filter_key v1_pipeline_keys[] = {COMMON, {NULL}};
const struct filter_key v1_version_keys[] = {COMMON, {NULL}};
const struct filter_key v1_job_keys[] = {COMMON, {"updated_at", "updated_at", QUERY_TIME}, {"status", "state", QUERY_NUMBER, job_words}, {NULL}};
const struct filter_key v1_run_keys[] = {
        {"id", "uid", QUERY_TEXT}, {"name", "display_name", QUERY_TEXT}, {"created_at", "created_at", QUERY_TIME}, {"finished_at", "finished_at", QUERY_TIME},
        {"scheduled_at", "scheduled_at", QUERY_TIME}, {"description", "description", QUERY_TEXT}, {"storage_state", "archived", QUERY_NUMBER, run_storage},
        {"status", "state", QUERY_NUMBER, run_words}, {"namespace", "ns", QUERY_TEXT}, {"metric:", "metric:", QUERY_NUMBER}, {NULL}};

/* ---- parts ---- */

struct v1_references v1_references_of(const struct value *message)
{
        struct v1_references r = {0};
        const struct value *list = value_get_c(message, "resource_references");
        for (size_t i = 0; list && i < list->list.n; i++) {
                const struct value *k = value_get_c(&list->list.items[i], "key");
                struct str type = kubeflow_text(k, "type"), id = kubeflow_text(k, "id");
                if (str_eq_c(type, "EXPERIMENT"))
                        r.experiment = id;
                else if (str_eq_c(type, "NAMESPACE"))
                        r.ns = id;
                else if (str_eq_c(type, "PIPELINE"))
                        r.pipeline = id;
                else if (str_eq_c(type, "PIPELINE_VERSION"))
                        r.version = id;
        }
        return r;
}

void v1_put_reference(struct value_builder *list, const char *type, struct str id, struct str name, const char *relationship)
{
        struct map_builder m = {.arena = list->arena}, k = m;
        if (!id.n)
                return;
        kubeflow_put_c(&k, "type", type);
        kubeflow_put(&k, "id", id);
        map_push(&m, STR("key"), value_map(k.members, k.n));
        kubeflow_put(&m, "name", name);
        kubeflow_put_c(&m, "relationship", relationship);
        value_push(list, value_map(m.members, m.n));
}

struct str v1_scope(struct request *r, const char *prefix, const char *type)
{
        struct str name = arena_printf(r->arena, "%s.type", prefix), id = arena_printf(r->arena, "%s.id", prefix);
        return str_eq_c(request_query(r, name.p), type) ? request_query(r, id.p) : STR_NONE;
}

struct value v1_parameters(const struct bindings *b, struct arena *a)
{
        struct value_builder list = {.arena = a};
        for (size_t i = 0; i < b->params_n; i++) {
                struct map_builder m = {.arena = a};
                kubeflow_put(&m, "name", b->params[i].name);
                if (!kfp_is_null(b->params[i].value))
                        kubeflow_put(&m, "value", b->params[i].secret ? STR("***") : b->params[i].value.text);
                value_push(&list, value_map(m.members, m.n));
        }
        return value_list(list.items, list.n);
}

/* Texts, which the pipeline's own types convert; and the typed ones of a manifest of version 2. */
static struct bindings parameters_of(const struct value *spec_value, struct arena *a)
{
        const struct value *list = value_get_c(spec_value, "parameters"), *map = value_get_c(value_get_c(spec_value, "runtime_config"), "parameters");
        struct bindings b = {.params = ARENA_ARRAY(a, struct param, (list ? list->list.n : 0) + (map ? map->map.n : 0) + 1)};
        for (size_t i = 0; list && i < list->list.n; i++) {
                struct str value = kubeflow_text(&list->list.items[i], "value");
                b.params[b.params_n++] = (struct param){kubeflow_text(&list->list.items[i], "name"), val_text(value.p ? value : STR("")), false};
        }
        for (size_t i = 0; map && i < map->map.n; i++) {
                const struct value *v = &map->map.members[i].value;
                if (v->map.n)
                        b.params[b.params_n++] = (struct param){map->map.members[i].key, val_json(json_text(&v->map.members[0].value, JSON_COMPACT, a)), false};
        }
        return b;
}

bool v1_submission(struct request *r, const struct value *message, struct kubeflow_submission *ret, struct error *e)
{
        const struct value *s = value_get_c(message, "pipeline_spec");
        struct v1_references of = v1_references_of(message);
        struct str argo = kubeflow_text(s, "workflow_manifest"), ir = kubeflow_text(s, "pipeline_manifest");
        struct record pipeline, version;
        bool found = false;
        *ret = (struct kubeflow_submission){.display_name = kubeflow_text(message, "name"), .description = kubeflow_text(message, "description"), .ns = of.ns,
                                            .service_account = kubeflow_text(message, "service_account"), .experiment = of.experiment, .version = of.version,
                                            .pipeline = kubeflow_text(s, "pipeline_id"), .pipeline_root = kubeflow_text(value_get_c(s, "runtime_config"), "pipeline_root"),
                                            .parameters = parameters_of(s, r->arena)};
        if (of.version.n) /* it is preferred, whatever pipeline is named */
                ret->pipeline = STR_NONE;
        else if (ret->pipeline.n) {
                if (!kubeflow_record(r, RECORD_PIPELINE, ret->pipeline, MAY_VIEW, &pipeline, e) || !v1_default_version(r, &pipeline, &found, &version, e))
                        return false;
                if (found && pipeline.body.n)
                        ret->version = version.id;
        } else
                ret->document = argo.n ? argo : ir;
        return true;
}
