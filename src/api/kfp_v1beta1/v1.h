/* KFP's API v1beta1: its messages, keys and handlers. */
#pragma once
#include "api/kubeflow.h"

extern const struct member v1_experiment[], v1_pipeline[], v1_version[], v1_run[], v1_job[], v1_metrics[];
extern const struct filter_key v1_experiment_keys[], v1_pipeline_keys[], v1_version_keys[], v1_run_keys[], v1_job_keys[];

/* resource_references: what a thing belongs to. */
struct v1_references { struct str experiment, ns, pipeline, version; };
struct v1_references v1_references_of(const struct value *message);
void v1_put_reference(struct value_builder *list, const char *type, struct str id, struct str name, const char *relationship);
/* A list's scope: the id, when the type is this one; `prefix`: "resource_reference_key" or "resource_key". */
struct str v1_scope(struct request *, const char *prefix, const char *type);
/* From the parts that a run and a job have in common. */
bool v1_submission(struct request *, const struct value *message, struct kubeflow_submission *ret, struct error *);
/* `parameters`: [{"name", "value"}]. */
struct value v1_parameters(const struct bindings *, struct arena *);
/* The version of a pipeline that is taken when none is named. */
bool v1_default_version(struct request *, const struct record *pipeline, bool *ret_found, struct record *ret, struct error *);

void v1_create_experiment(struct request *);
void v1_list_experiments(struct request *);
void v1_get_experiment(struct request *);
void v1_delete_experiment(struct request *);
void v1_archive_experiment(struct request *);
void v1_unarchive_experiment(struct request *);

void v1_create_pipeline(struct request *);
void v1_list_pipelines(struct request *);
void v1_get_pipeline(struct request *);
void v1_delete_pipeline(struct request *);
void v1_get_template(struct request *);
void v1_set_default_version(struct request *);
void v1_upload_pipeline(struct request *);
void v1_upload_version(struct request *);
void v1_create_version(struct request *);
void v1_list_versions(struct request *);
void v1_get_version(struct request *);
void v1_delete_version(struct request *);
void v1_get_version_template(struct request *);

void v1_create_run(struct request *);
void v1_list_runs(struct request *);
void v1_get_run(struct request *);
void v1_delete_run(struct request *);
void v1_archive_run(struct request *);
void v1_unarchive_run(struct request *);
void v1_terminate_run(struct request *);
void v1_retry_run(struct request *);
void v1_report_metrics(struct request *);
void v1_read_artifact(struct request *);

void v1_create_job(struct request *);
void v1_list_jobs(struct request *);
void v1_get_job(struct request *);
void v1_delete_job(struct request *);
void v1_enable_job(struct request *);
void v1_disable_job(struct request *);
