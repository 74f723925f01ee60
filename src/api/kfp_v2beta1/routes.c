/* The routes of KFP's API v2beta1. */
#include "api/kfp_v2beta1/v2.h"
#include "api/upload.h"

#define UPLOAD_BODY_MAX (UPLOAD_BYTES_MAX + (64u << 10)) /* with what the form adds */
#define ROOT "/apis/v2beta1"

static bool do_healthz(struct request *r, struct value *ret, struct error *e)
{
        struct map_builder m = {.arena = r->arena};
        (void)e;
        kubeflow_put_c(&m, "commit_sha", "weft");
        kubeflow_put_c(&m, "tag_name", WEFT_VERSION);
        map_push(&m, STR("multi_user"), value_bool(!r->who.everything));
        kubeflow_put_c(&m, "pipeline_store", "database");
        *ret = value_map(m.members, m.n);
        return true;
}

static bool do_auth(struct request *r, struct value *ret, struct error *e)
{
        struct str ns, verb = request_query(r, "verb");
        (void)ret;
        return kubeflow_namespace(r, str_eq_c(verb, "CREATE") || str_eq_c(verb, "DELETE") ? MAY_RUN : MAY_VIEW, request_query(r, "namespace"), &ns, e);
}

static KUBEFLOW_HANDLER(healthz)
static KUBEFLOW_HANDLER(auth)

#define PAGE {"page_token", MEMBER_STRING}, {"page_size", MEMBER_INT32}, {"sort_by", MEMBER_STRING}, {"filter", MEMBER_STRING}
static const struct member list_query[] = {{"namespace", MEMBER_STRING}, PAGE, {NULL}};
static const struct member versions_query[] = {PAGE, {NULL}};
static const struct member runs_query[] = {{"namespace", MEMBER_STRING}, {"experiment_id", MEMBER_STRING}, PAGE, {NULL}};
static const struct member cascade_query[] = {{"cascade", MEMBER_BOOL}, {NULL}};
static const struct member upload_query[] = {{"name", MEMBER_STRING}, {"display_name", MEMBER_STRING}, {"description", MEMBER_STRING}, {"namespace", MEMBER_STRING}, {"tags", MEMBER_STRING}, {NULL}};
static const struct member upload_version_query[] = {{"pipelineid", MEMBER_STRING, .required = true}, {"name", MEMBER_STRING}, {"display_name", MEMBER_STRING}, {"description", MEMBER_STRING},
                                                     {"tags", MEMBER_STRING}, {NULL}};

const struct route routes_kfp_v2beta1[] = {
        {"GET", ROOT "/healthz", healthz, MAY_NOTHING, "kfpHealthz", NULL},
        {"GET", ROOT "/auth", auth, MAY_BE_SOMEBODY, "kfpAuthorize", NULL},

        {"POST", ROOT "/pipelines", v2_create_pipeline_only, MAY_PUBLISH, "kfpCreatePipeline", NULL, .body = v2_pipeline, .answer = v2_pipeline},
        {"GET", ROOT "/pipelines", v2_list_pipelines, MAY_VIEW, "kfpListPipelines", NULL, .query = list_query},
        {"POST", ROOT "/pipelines/create", v2_create_pipeline_and_version, MAY_PUBLISH, "kfpCreatePipelineAndVersion", NULL, .body = v2_create_pipeline, .answer = v2_pipeline,
         .body_bytes_max = UPLOAD_BODY_MAX},
        {"POST", ROOT "/pipelines/upload", v2_upload_pipeline, MAY_PUBLISH, "kfpUploadPipeline", NULL, .query = upload_query, .answer = v2_pipeline, .body_bytes_max = UPLOAD_BODY_MAX},
        {"POST", ROOT "/pipelines/upload_version", v2_upload_version, MAY_PUBLISH, "kfpUploadPipelineVersion", NULL, .query = upload_version_query, .answer = v2_version,
         .body_bytes_max = UPLOAD_BODY_MAX},
        {"GET", ROOT "/pipelines/names/{name}", v2_get_pipeline_by_name, MAY_VIEW, "kfpGetPipelineByName", NULL, .answer = v2_pipeline},
        {"GET", ROOT "/pipelines/{pipeline_id}", v2_get_pipeline, MAY_VIEW, "kfpGetPipeline", NULL, .answer = v2_pipeline},
        {"PATCH", ROOT "/pipelines/{pipeline_id}", v2_update_pipeline, MAY_PUBLISH, "kfpUpdatePipeline", NULL, .body = v2_pipeline, .answer = v2_pipeline},
        {"DELETE", ROOT "/pipelines/{pipeline_id}", v2_delete_pipeline, MAY_PUBLISH, "kfpDeletePipeline", NULL, .query = cascade_query},
        {"POST", ROOT "/pipelines/{pipeline_id}/versions", v2_create_version, MAY_PUBLISH, "kfpCreatePipelineVersion", NULL, .body = v2_version, .answer = v2_version,
         .body_bytes_max = UPLOAD_BODY_MAX},
        {"GET", ROOT "/pipelines/{pipeline_id}/versions", v2_list_versions, MAY_VIEW, "kfpListPipelineVersions", NULL, .query = versions_query},
        {"GET", ROOT "/pipelines/{pipeline_id}/versions/{pipeline_version_id}", v2_get_version, MAY_VIEW, "kfpGetPipelineVersion", NULL, .answer = v2_version},
        {"PATCH", ROOT "/pipelines/{pipeline_id}/versions/{pipeline_version_id}", v2_update_version, MAY_PUBLISH, "kfpUpdatePipelineVersion", NULL, .body = v2_version, .answer = v2_version},
        {"DELETE", ROOT "/pipelines/{pipeline_id}/versions/{pipeline_version_id}", v2_delete_version, MAY_PUBLISH, "kfpDeletePipelineVersion", NULL},

        {"POST", ROOT "/runs", v2_create_run, MAY_RUN, "kfpCreateRun", NULL, .body = v2_run, .answer = v2_run, .body_bytes_max = UPLOAD_BODY_MAX},
        {"GET", ROOT "/runs", v2_list_runs, MAY_VIEW, "kfpListRuns", NULL, .query = runs_query},
        {"GET", ROOT "/runs/{run_id}", v2_get_run, MAY_VIEW, "kfpGetRun", NULL, .answer = v2_run},
        {"DELETE", ROOT "/runs/{run_id}", v2_delete_run, MAY_RUN, "kfpDeleteRun", NULL},
        {"POST", ROOT "/runs/{run_id}:archive", v2_archive_run, MAY_RUN, "kfpArchiveRun", NULL},
        {"POST", ROOT "/runs/{run_id}:unarchive", v2_unarchive_run, MAY_RUN, "kfpUnarchiveRun", NULL},
        {"POST", ROOT "/runs/{run_id}:terminate", v2_terminate_run, MAY_RUN, "kfpTerminateRun", NULL},
        {"POST", ROOT "/runs/{run_id}:retry", v2_retry_run, MAY_RUN, "kfpRetryRun", NULL},
        {"GET", ROOT "/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read", v2_read_artifact, MAY_VIEW, "kfpReadArtifact", NULL},
        {"GET", "/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log", kubeflow_read_log, MAY_VIEW, "kfpReadLog", NULL},

        {"POST", ROOT "/recurringruns", v2_create_recurring, MAY_RUN, "kfpCreateRecurringRun", NULL, .body = v2_recurring, .answer = v2_recurring, .body_bytes_max = UPLOAD_BODY_MAX},
        {"GET", ROOT "/recurringruns", v2_list_recurring, MAY_VIEW, "kfpListRecurringRuns", NULL, .query = runs_query},
        {"GET", ROOT "/recurringruns/{recurring_run_id}", v2_get_recurring, MAY_VIEW, "kfpGetRecurringRun", NULL, .answer = v2_recurring},
        {"DELETE", ROOT "/recurringruns/{recurring_run_id}", v2_delete_recurring, MAY_RUN, "kfpDeleteRecurringRun", NULL},
        {"POST", ROOT "/recurringruns/{recurring_run_id}:enable", v2_enable_recurring, MAY_RUN, "kfpEnableRecurringRun", NULL},
        {"POST", ROOT "/recurringruns/{recurring_run_id}:disable", v2_disable_recurring, MAY_RUN, "kfpDisableRecurringRun", NULL},

        {"POST", ROOT "/experiments", v2_create_experiment, MAY_RUN, "kfpCreateExperiment", NULL, .body = v2_experiment, .answer = v2_experiment},
        {"GET", ROOT "/experiments", v2_list_experiments, MAY_VIEW, "kfpListExperiments", NULL, .query = list_query},
        {"GET", ROOT "/experiments/{experiment_id}", v2_get_experiment, MAY_VIEW, "kfpGetExperiment", NULL, .answer = v2_experiment},
        {"DELETE", ROOT "/experiments/{experiment_id}", v2_delete_experiment, MAY_RUN, "kfpDeleteExperiment", NULL},
        {"POST", ROOT "/experiments/{experiment_id}:archive", v2_archive_experiment, MAY_RUN, "kfpArchiveExperiment", NULL},
        {"POST", ROOT "/experiments/{experiment_id}:unarchive", v2_unarchive_experiment, MAY_RUN, "kfpUnarchiveExperiment", NULL},
        {NULL},
};
