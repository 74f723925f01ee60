/* KFP's API v2beta1: its messages, keys and handlers. */
#pragma once
#include "api/kubeflow.h"

extern const struct member v2_pipeline[], v2_version[], v2_create_pipeline[], v2_run[], v2_recurring[], v2_experiment[];
extern const struct filter_key v2_pipeline_keys[], v2_version_keys[], v2_run_keys[], v2_recurring_keys[], v2_experiment_keys[];

/* experiments.c */
void v2_create_experiment(struct request *);
void v2_list_experiments(struct request *);
void v2_get_experiment(struct request *);
void v2_delete_experiment(struct request *);
void v2_archive_experiment(struct request *);
void v2_unarchive_experiment(struct request *);

/* pipelines.c */
void v2_create_pipeline_only(struct request *);
void v2_create_pipeline_and_version(struct request *);
void v2_list_pipelines(struct request *);
void v2_get_pipeline(struct request *);
void v2_get_pipeline_by_name(struct request *);
void v2_update_pipeline(struct request *);
void v2_delete_pipeline(struct request *);
void v2_upload_pipeline(struct request *);
void v2_upload_version(struct request *);
void v2_create_version(struct request *);
void v2_list_versions(struct request *);
void v2_get_version(struct request *);
void v2_update_version(struct request *);
void v2_delete_version(struct request *);

/* runs.c */
void v2_create_run(struct request *);
void v2_list_runs(struct request *);
void v2_get_run(struct request *);
void v2_delete_run(struct request *);
void v2_archive_run(struct request *);
void v2_unarchive_run(struct request *);
void v2_terminate_run(struct request *);
void v2_retry_run(struct request *);
void v2_read_artifact(struct request *);

/* recurring.c */
void v2_create_recurring(struct request *);
void v2_list_recurring(struct request *);
void v2_get_recurring(struct request *);
void v2_delete_recurring(struct request *);
void v2_enable_recurring(struct request *);
void v2_disable_recurring(struct request *);

/* From the parts that a run and a recurring run have in common. */
bool v2_submission(struct request *, const struct value *message, struct kubeflow_submission *ret, struct error *);
