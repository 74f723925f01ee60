/* The messages that v2beta1's requests carry, with the members that only answers fill: clients send back what they got. */
#include "api/kfp_v2beta1/v2.h"

const struct member v2_pipeline[] = {
        {"pipeline_id", MEMBER_STRING},
        {"display_name", MEMBER_STRING},
        {"name", MEMBER_STRING},
        {"description", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"namespace", MEMBER_STRING},
        {"error", MEMBER_ANY},
        {"tags", MEMBER_MAP},
        {NULL},
};

static const struct member url[] = {{"pipeline_url", MEMBER_STRING}, {NULL}};
const struct member v2_version[] = {
        {"pipeline_id", MEMBER_STRING},
        {"pipeline_version_id", MEMBER_STRING},
        {"display_name", MEMBER_STRING},
        {"name", MEMBER_STRING},
        {"description", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"package_url", MEMBER_OBJECT, .members = url},
        {"code_source_url", MEMBER_STRING},
        {"pipeline_spec", MEMBER_MAP},
        {"error", MEMBER_ANY},
        {"tags", MEMBER_MAP},
        {NULL},
};
const struct member v2_create_pipeline[] = {
        {"pipeline", MEMBER_OBJECT, .required = true, .members = v2_pipeline},
        {"pipeline_version", MEMBER_OBJECT, .required = true, .members = v2_version},
        {NULL},
};

static const struct member reference[] = {{"pipeline_id", MEMBER_STRING}, {"pipeline_version_id", MEMBER_STRING}, {NULL}};
static const struct member config[] = {{"parameters", MEMBER_MAP}, {"pipeline_root", MEMBER_STRING}, {NULL}};
#define STATES "RUNTIME_STATE_UNSPECIFIED|PENDING|RUNNING|SUCCEEDED|SKIPPED|FAILED|CANCELING|CANCELED|PAUSED"
const struct member v2_run[] = {
        {"experiment_id", MEMBER_STRING},
        {"run_id", MEMBER_STRING},
        {"display_name", MEMBER_STRING},
        {"storage_state", MEMBER_ENUM, .choices = "STORAGE_STATE_UNSPECIFIED|AVAILABLE|ARCHIVED"},
        {"description", MEMBER_STRING},
        {"pipeline_version_id", MEMBER_STRING},
        {"pipeline_spec", MEMBER_MAP},
        {"pipeline_version_reference", MEMBER_OBJECT, .members = reference},
        {"runtime_config", MEMBER_OBJECT, .members = config},
        {"service_account", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"scheduled_at", MEMBER_TIME},
        {"finished_at", MEMBER_TIME},
        {"state", MEMBER_ENUM, .choices = STATES},
        {"error", MEMBER_ANY},
        {"run_details", MEMBER_ANY},
        {"recurring_run_id", MEMBER_STRING},
        {"state_history", MEMBER_ANY},
        {"plugins_input", MEMBER_MAP},
        {"plugins_output", MEMBER_MAP},
        {NULL},
};

static const struct member cron[] = {{"start_time", MEMBER_TIME}, {"end_time", MEMBER_TIME}, {"cron", MEMBER_STRING}, {NULL}};
static const struct member periodic[] = {{"start_time", MEMBER_TIME}, {"end_time", MEMBER_TIME}, {"interval_second", MEMBER_INT64}, {NULL}};
static const struct member trigger[] = {{"cron_schedule", MEMBER_OBJECT, .members = cron}, {"periodic_schedule", MEMBER_OBJECT, .members = periodic}, {NULL}};
const struct member v2_recurring[] = {
        {"recurring_run_id", MEMBER_STRING},
        {"display_name", MEMBER_STRING},
        {"description", MEMBER_STRING},
        {"pipeline_version_id", MEMBER_STRING},
        {"pipeline_spec", MEMBER_MAP},
        {"pipeline_version_reference", MEMBER_OBJECT, .members = reference},
        {"runtime_config", MEMBER_OBJECT, .members = config},
        {"service_account", MEMBER_STRING},
        {"max_concurrency", MEMBER_INT64},
        {"trigger", MEMBER_OBJECT, .members = trigger},
        {"mode", MEMBER_ENUM, .choices = "MODE_UNSPECIFIED|ENABLE|DISABLE"},
        {"created_at", MEMBER_TIME},
        {"updated_at", MEMBER_TIME},
        {"status", MEMBER_ENUM, .choices = "STATUS_UNSPECIFIED|ENABLED|DISABLED"},
        {"error", MEMBER_ANY},
        {"no_catchup", MEMBER_BOOL},
        {"namespace", MEMBER_STRING},
        {"experiment_id", MEMBER_STRING},
        {"plugins_input", MEMBER_MAP},
        {NULL},
};

const struct member v2_experiment[] = {
        {"experiment_id", MEMBER_STRING},
        {"display_name", MEMBER_STRING},
        {"description", MEMBER_STRING},
        {"created_at", MEMBER_TIME},
        {"namespace", MEMBER_STRING},
        {"storage_state", MEMBER_ENUM, .choices = "STORAGE_STATE_UNSPECIFIED|AVAILABLE|ARCHIVED"},
        {"last_run_created_at", MEMBER_TIME},
        {NULL},
};

/* ---- keys ---- */

const struct filter_key v2_pipeline_keys[] = {
        {"id", "id", QUERY_TEXT}, {"pipeline_id", "id", QUERY_TEXT}, {"name", "name", QUERY_TEXT}, {"display_name", "display_name", QUERY_TEXT},
        {"created_at", "created_at", QUERY_TIME}, {"description", "description", QUERY_TEXT}, {"namespace", "ns", QUERY_TEXT}, {"tags.", "tag:", QUERY_TEXT}, {NULL}};
const struct filter_key v2_version_keys[] = {
        {"id", "id", QUERY_TEXT}, {"pipeline_version_id", "id", QUERY_TEXT}, {"name", "name", QUERY_TEXT}, {"display_name", "display_name", QUERY_TEXT},
        {"created_at", "created_at", QUERY_TIME}, {"description", "description", QUERY_TEXT}, {"pipeline_id", "parent", QUERY_TEXT}, {"tags.", "tag:", QUERY_TEXT}, {NULL}};

static const struct filter_word run_words[] = {
        {"RUNTIME_STATE_UNSPECIFIED", 0}, {"PENDING", 1u << RUN_QUEUED}, {"RUNNING", 1u << RUN_RUNNING}, {"SUCCEEDED", 1u << RUN_SUCCEEDED}, {"SKIPPED", 0},
        {"FAILED", 1u << RUN_FAILED | 1u << RUN_ERROR | 1u << RUN_STOPPED | 1u << RUN_TERMINATED}, {"CANCELING", 1u << RUN_STOPPING}, {"CANCELED", 0},
        {"PAUSED", 1u << RUN_SUSPENDED}, {NULL}};
static const struct filter_word run_storage[] = {{"STORAGE_STATE_UNSPECIFIED", 0}, {"AVAILABLE", 1u << 0}, {"ARCHIVED", 1u << 1}, {NULL}};
static const struct filter_word storage[] = {{"STORAGE_STATE_UNSPECIFIED", 0}, {"AVAILABLE", 1u << RECORD_ACTIVE | 1u << RECORD_DISABLED}, {"ARCHIVED", 1u << RECORD_ARCHIVED}, {NULL}};
static const struct filter_word status[] = {{"STATUS_UNSPECIFIED", 0}, {"ENABLED", 1u << RECORD_ACTIVE}, {"DISABLED", 1u << RECORD_DISABLED | 1u << RECORD_ARCHIVED}, {NULL}};

const struct filter_key v2_run_keys[] = {
        {"id", "uid", QUERY_TEXT}, {"run_id", "uid", QUERY_TEXT}, {"name", "display_name", QUERY_TEXT}, {"display_name", "display_name", QUERY_TEXT},
        {"created_at", "created_at", QUERY_TIME}, {"finished_at", "finished_at", QUERY_TIME}, {"scheduled_at", "scheduled_at", QUERY_TIME},
        {"description", "description", QUERY_TEXT}, {"storage_state", "archived", QUERY_NUMBER, run_storage}, {"state", "state", QUERY_NUMBER, run_words},
        {"status", "state", QUERY_NUMBER, run_words}, {"experiment_id", "experiment", QUERY_TEXT}, {"recurring_run_id", "recurring", QUERY_TEXT},
        {"pipeline_id", "pipeline", QUERY_TEXT}, {"pipeline_version_id", "version", QUERY_TEXT}, {"namespace", "ns", QUERY_TEXT}, {"metric:", "metric:", QUERY_NUMBER}, {NULL}};
const struct filter_key v2_recurring_keys[] = {
        {"id", "id", QUERY_TEXT}, {"recurring_run_id", "id", QUERY_TEXT}, {"name", "name", QUERY_TEXT}, {"display_name", "display_name", QUERY_TEXT},
        {"created_at", "created_at", QUERY_TIME}, {"updated_at", "updated_at", QUERY_TIME}, {"description", "description", QUERY_TEXT}, {"namespace", "ns", QUERY_TEXT},
        {"experiment_id", "parent", QUERY_TEXT}, {"status", "state", QUERY_NUMBER, status}, {NULL}};
const struct filter_key v2_experiment_keys[] = {
        {"id", "id", QUERY_TEXT}, {"experiment_id", "id", QUERY_TEXT}, {"name", "name", QUERY_TEXT}, {"display_name", "display_name", QUERY_TEXT},
        {"created_at", "created_at", QUERY_TIME}, {"description", "description", QUERY_TEXT}, {"namespace", "ns", QUERY_TEXT},
        {"storage_state", "state", QUERY_NUMBER, storage}, {NULL}};
