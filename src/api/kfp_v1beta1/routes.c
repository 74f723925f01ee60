/* The routes of KFP's API v1beta1. */
#include "api/kfp_v1beta1/v1.h"
#include "api/upload.h"

#define UPLOAD_BODY_MAX (UPLOAD_BYTES_MAX + (64u << 10)) /* with what the form adds */
#define ROOT "/apis/v1beta1"

static bool do_healthz(struct request *r, struct value *ret, struct error *e)
{
        struct map_builder m = {.arena = r->arena};
        (void)e;
        kubeflow_put_c(&m, "commit_sha", "weft");
        kubeflow_put_c(&m, "tag_name", WEFT_VERSION);
        map_push(&m, STR("multi_user"), value_bool(!r->who.everything));
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

const struct route routes_kfp_v1beta1[] = {
        {"GET", ROOT "/healthz", healthz, MAY_NOTHING, "kfp1Healthz", NULL},
        {"GET", ROOT "/auth", auth, MAY_BE_SOMEBODY, "kfp1Authorize", NULL},

        {"POST", ROOT "/experiments", v1_create_experiment, MAY_RUN, "kfp1CreateExperiment", NULL, .body = v1_experiment},
        {"GET", ROOT "/experiments", v1_list_experiments, MAY_VIEW, "kfp1ListExperiments", NULL},
        {"GET", ROOT "/experiments/{id}", v1_get_experiment, MAY_VIEW, "kfp1GetExperiment", NULL},
        {"DELETE", ROOT "/experiments/{id}", v1_delete_experiment, MAY_RUN, "kfp1DeleteExperiment", NULL},
        {"POST", ROOT "/experiments/{id}:archive", v1_archive_experiment, MAY_RUN, "kfp1ArchiveExperiment", NULL},
        {"POST", ROOT "/experiments/{id}:unarchive", v1_unarchive_experiment, MAY_RUN, "kfp1UnarchiveExperiment", NULL},

        {"POST", ROOT "/pipelines", v1_create_pipeline, MAY_PUBLISH, "kfp1CreatePipeline", NULL, .body = v1_pipeline},
        {"GET", ROOT "/pipelines", v1_list_pipelines, MAY_VIEW, "kfp1ListPipelines", NULL},
        {"POST", ROOT "/pipelines/upload", v1_upload_pipeline, MAY_PUBLISH, "kfp1UploadPipeline", NULL, .body_bytes_max = UPLOAD_BODY_MAX},
        {"POST", ROOT "/pipelines/upload_version", v1_upload_version, MAY_PUBLISH, "kfp1UploadPipelineVersion", NULL, .body_bytes_max = UPLOAD_BODY_MAX},
        {"GET", ROOT "/pipelines/{id}", v1_get_pipeline, MAY_VIEW, "kfp1GetPipeline", NULL},
        {"DELETE", ROOT "/pipelines/{id}", v1_delete_pipeline, MAY_PUBLISH, "kfp1DeletePipeline", NULL},
        {"GET", ROOT "/pipelines/{id}/templates", v1_get_template, MAY_VIEW, "kfp1GetTemplate", NULL},
        {"POST", ROOT "/pipelines/{id}/default_version/{version_id}", v1_set_default_version, MAY_PUBLISH, "kfp1UpdatePipelineDefaultVersion", NULL},
        {"POST", ROOT "/pipeline_versions", v1_create_version, MAY_PUBLISH, "kfp1CreatePipelineVersion", NULL, .body = v1_version},
        {"GET", ROOT "/pipeline_versions", v1_list_versions, MAY_VIEW, "kfp1ListPipelineVersions", NULL},
        {"GET", ROOT "/pipeline_versions/{version_id}", v1_get_version, MAY_VIEW, "kfp1GetPipelineVersion", NULL},
        {"DELETE", ROOT "/pipeline_versions/{version_id}", v1_delete_version, MAY_PUBLISH, "kfp1DeletePipelineVersion", NULL},
        {"GET", ROOT "/pipeline_versions/{version_id}/templates", v1_get_version_template, MAY_VIEW, "kfp1GetPipelineVersionTemplate", NULL},

        {"POST", ROOT "/runs", v1_create_run, MAY_RUN, "kfp1CreateRun", NULL, .body = v1_run, .body_bytes_max = UPLOAD_BODY_MAX},
        {"GET", ROOT "/runs", v1_list_runs, MAY_VIEW, "kfp1ListRuns", NULL},
        {"GET", ROOT "/runs/{run_id}", v1_get_run, MAY_VIEW, "kfp1GetRun", NULL},
        {"DELETE", ROOT "/runs/{run_id}", v1_delete_run, MAY_RUN, "kfp1DeleteRun", NULL},
        {"POST", ROOT "/runs/{run_id}:archive", v1_archive_run, MAY_RUN, "kfp1ArchiveRun", NULL},
        {"POST", ROOT "/runs/{run_id}:unarchive", v1_unarchive_run, MAY_RUN, "kfp1UnarchiveRun", NULL},
        {"POST", ROOT "/runs/{run_id}/terminate", v1_terminate_run, MAY_RUN, "kfp1TerminateRun", NULL},
        {"POST", ROOT "/runs/{run_id}/retry", v1_retry_run, MAY_RUN, "kfp1RetryRun", NULL},
        {"POST", ROOT "/runs/{run_id}:reportMetrics", v1_report_metrics, MAY_RUN, "kfp1ReportRunMetrics", NULL, .body = v1_metrics},
        {"GET", ROOT "/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read", v1_read_artifact, MAY_VIEW, "kfp1ReadArtifact", NULL},

        {"POST", ROOT "/jobs", v1_create_job, MAY_RUN, "kfp1CreateJob", NULL, .body = v1_job, .body_bytes_max = UPLOAD_BODY_MAX},
        {"GET", ROOT "/jobs", v1_list_jobs, MAY_VIEW, "kfp1ListJobs", NULL},
        {"GET", ROOT "/jobs/{id}", v1_get_job, MAY_VIEW, "kfp1GetJob", NULL},
        {"DELETE", ROOT "/jobs/{id}", v1_delete_job, MAY_RUN, "kfp1DeleteJob", NULL},
        {"POST", ROOT "/jobs/{id}/enable", v1_enable_job, MAY_RUN, "kfp1EnableJob", NULL},
        {"POST", ROOT "/jobs/{id}/disable", v1_disable_job, MAY_RUN, "kfp1DisableJob", NULL},
        {NULL},
};
