/* v2beta1: runs. The dialect writes the message. */
#include "api/kfp_v2beta1/v2.h"

static void write_run(const struct run_row *run, const struct node_rows *nodes, struct buf *out)
{
        dialect_kfp.write_status(NULL, run, nodes ? nodes->p : NULL, nodes ? nodes->n : 0, out);
}

static struct value list_message(struct request *r, const struct run_row *run, void *user)
{
        struct buf b = BUF((size_t)128 << 20);
        struct value v = value_map(NULL, 0);
        (void)user;
        write_run(run, NULL, &b);
        (void)json_read(arena_str(r->arena, buf_str(&b)), NULL, r->arena, &v, NULL);
        buf_free(&b);
        return v;
}

bool v2_submission(struct request *r, const struct value *v, struct kubeflow_submission *ret, struct error *e)
{
        const struct value *reference = value_get_c(v, "pipeline_version_reference"), *spec = value_get_c(v, "pipeline_spec"), *config = value_get_c(v, "runtime_config");
        const struct value *parameters = value_get_c(config, "parameters");
        *ret = (struct kubeflow_submission){.display_name = kubeflow_text(v, "display_name"), .description = kubeflow_text(v, "description"), .ns = kubeflow_text(v, "namespace"),
                                            .service_account = kubeflow_text(v, "service_account"), .pipeline_root = kubeflow_text(config, "pipeline_root"),
                                            .experiment = kubeflow_text(v, "experiment_id"), .pipeline = kubeflow_text(reference, "pipeline_id"),
                                            .version = kubeflow_text(reference, "pipeline_version_id")};
        if (!ret->version.n)
                ret->version = kubeflow_text(v, "pipeline_version_id");
        if (spec && (ret->pipeline.n || ret->version.n))
                return error_set(e, ERROR_INVALID, "there are a pipeline_spec and a pipeline_version_reference: which is it?");
        if (spec)
                ret->document = kubeflow_document_of_spec(spec, r->arena);
        return kubeflow_parameters(r, parameters, &ret->parameters, e);
}

static bool do_v2_create_run(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct kubeflow_submission s;
        struct run_row run;
        if (!kubeflow_read(r, v2_run, &v, e) || !v2_submission(r, &v, &s, e))
                return false;
        if (!s.experiment.n)
                s.experiment = request_query(r, "experiment_id");
        if (!kubeflow_create_run(r, &s, &run, e))
                return false;
        *ret = list_message(r, &run, NULL);
        return true;
}

static bool do_v2_list_runs(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct record x;
        struct str experiment = request_query(r, "experiment_id"), ns = request_query(r, "namespace");
        if (!kubeflow_list_open(r, RECORD_RUN, v2_run_keys, experiment.n ? experiment : ns, &l, e))
                return false;
        if (!experiment.n)
                return kubeflow_list_in(r, &l, ns, true, e) && kubeflow_list_runs(r, &l, "runs", list_message, NULL, ret, e);
        if (!kubeflow_record(r, RECORD_EXPERIMENT, experiment, MAY_VIEW, &x, e))
                return false;
        kubeflow_list_where(r, &l, "experiment", experiment);
        return kubeflow_list_runs(r, &l, "runs", list_message, NULL, ret, e);
}

void v2_get_run(struct request *r)
{
        struct run_row run;
        struct node_rows nodes;
        struct error e = {0};
        if (kubeflow_run(r, request_variable(r, "run_id"), MAY_VIEW, &run, &e) && kubeflow_nodes(r, &run, &nodes, &e))
                write_run(&run, &nodes, &r->answer.body);
        else
                kubeflow_fail(r, &e);
}

static bool act(struct request *r, enum command_kind kind, struct error *e)
{
        struct run_row run;
        return kubeflow_run(r, request_variable(r, "run_id"), MAY_RUN, &run, e) && kubeflow_run_command(r, kind, &run, e);
}

static bool archive(struct request *r, bool archived, struct error *e)
{
        struct run_row run;
        return kubeflow_run(r, request_variable(r, "run_id"), MAY_RUN, &run, e) && kubeflow_archive_run(r, &run, archived, e);
}

static bool do_v2_delete_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return act(r, COMMAND_DELETE, e); }
static bool do_v2_terminate_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return act(r, COMMAND_TERMINATE, e); }
static bool do_v2_retry_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return act(r, COMMAND_RETRY, e); }
static bool do_v2_archive_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return archive(r, true, e); }
static bool do_v2_unarchive_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return archive(r, false, e); }
static bool do_v2_read_artifact(struct request *r, struct value *ret, struct error *e) { return kubeflow_read_artifact(r, ret, e); }

KUBEFLOW_HANDLER(v2_create_run)
KUBEFLOW_HANDLER(v2_list_runs)
KUBEFLOW_HANDLER(v2_delete_run)
KUBEFLOW_HANDLER(v2_terminate_run)
KUBEFLOW_HANDLER(v2_retry_run)
KUBEFLOW_HANDLER(v2_archive_run)
KUBEFLOW_HANDLER(v2_unarchive_run)
KUBEFLOW_FILE_HANDLER(v2_read_artifact)
