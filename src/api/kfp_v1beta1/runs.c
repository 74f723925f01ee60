/* v1beta1: runs. Their state is Argo's Workflow, which the dialect writes. */
#include "api/kfp_v1beta1/v1.h"

static const char *status_word(const struct run_row *run)
{
        switch (run->state) {
        case RUN_QUEUED:
                return "Pending";
        case RUN_RUNNING:
        case RUN_SUSPENDED:
                return "Running";
        case RUN_STOPPING:
                return "Terminating";
        case RUN_SUCCEEDED:
                return "Succeeded";
        case RUN_ERROR:
                return "Error";
        case RUN_FAILED:
        case RUN_STOPPED:
        case RUN_TERMINATED:
        case RUN_STATES:
                break;
        }
        return "Failed";
}

struct metrics { struct value_builder list; };
static bool on_metric(void *user, const struct commit_metric *x)
{
        struct metrics *all = user;
        struct arena *a = all->list.arena;
        struct map_builder m = {.arena = a};
        kubeflow_put(&m, "name", arena_str(a, x->name));
        kubeflow_put(&m, "node_id", arena_printf(a, "%u", x->node));
        map_push(&m, STR("number_value"), value_double(x->value, a));
        kubeflow_put_c(&m, "format", "RAW");
        value_push(&all->list, value_map(m.members, m.n));
        return true;
}

static struct value spec_message(struct request *r, const struct run_row *run)
{
        struct map_builder m = {.arena = r->arena};
        struct value document = kfp_spec_of_document(run->document, run->language, r->arena);
        kubeflow_put(&m, "pipeline_id", run->meta.pipeline);
        kubeflow_put(&m, str_eq_c(run->language, "kfp") ? "pipeline_manifest" : "workflow_manifest", json_text(&document, JSON_COMPACT, r->arena));
        map_push(&m, STR("parameters"), v1_parameters(&run->parameters, r->arena));
        return value_map(m.members, m.n);
}

static struct value message(struct request *r, const struct run_row *run, void *user)
{
        struct map_builder m = {.arena = r->arena};
        struct value_builder list = {.arena = r->arena};
        struct metrics metrics = {.list = {.arena = r->arena}};
        const char *stopped = run->state == RUN_STOPPED ? "the run was stopped on request" : run->state == RUN_TERMINATED ? "the run was terminated on request" : "";
        (void)user;
        kubeflow_put(&m, "id", run->uid);
        kubeflow_put(&m, "name", run->display_name.n ? run->display_name : run->name);
        kubeflow_put_c(&m, "storage_state", run->meta.archived ? "STORAGESTATE_ARCHIVED" : "STORAGESTATE_AVAILABLE");
        kubeflow_put(&m, "description", run->meta.description);
        map_push(&m, STR("pipeline_spec"), spec_message(r, run));
        v1_put_reference(&list, "EXPERIMENT", run->meta.experiment, STR_NONE, "OWNER");
        v1_put_reference(&list, "PIPELINE_VERSION", run->meta.version, STR_NONE, "CREATOR");
        v1_put_reference(&list, "JOB", run->meta.recurring, STR_NONE, "CREATOR");
        map_push(&m, STR("resource_references"), value_list(list.items, list.n));
        kubeflow_put(&m, "service_account", run->meta.service_account);
        kubeflow_put_time(&m, "created_at", run->created_at);
        kubeflow_put_time(&m, "scheduled_at", run->meta.scheduled_at.us ? run->meta.scheduled_at : run->created_at);
        kubeflow_put_time(&m, "finished_at", run->finished_at);
        kubeflow_put_c(&m, "status", status_word(run));
        kubeflow_put(&m, "error", stopped[0] ? str_from(stopped) : run->message);
        if (r->store->metrics(r->reader, run->uid, on_metric, &metrics, NULL) && metrics.list.n)
                map_push(&m, STR("metrics"), value_list(metrics.list.items, metrics.list.n));
        return value_map(m.members, m.n);
}

static bool manifest(struct request *r, const struct run_row *run, struct str *ret, struct error *e)
{
        struct node_rows nodes;
        struct problems problems = {.arena = r->arena};
        const struct dialect *d = dialect_by_name(run->language);
        struct str said = STR_NONE;
        struct submission s;
        if (!kubeflow_nodes(r, run, &nodes, e) || !submission_decode(run->options, r->arena, &s, e))
                return false;
        struct workflow *w = document_compile(run->document, &s, &problems, &d, &said, NULL);
        struct buf b = BUF((size_t)200 << 20);
        if (d)
                d->write_status(w, run, nodes.p, nodes.n, &b);
        *ret = arena_str(r->arena, buf_str(&b));
        buf_free(&b);
        if (w)
                workflow_free(w);
        return true;
}

static bool detail(struct request *r, const struct run_row *run, struct value *ret, struct error *e)
{
        struct map_builder m = {.arena = r->arena}, runtime = m;
        struct str text;
        if (!manifest(r, run, &text, e))
                return false;
        kubeflow_put(&runtime, str_eq_c(run->language, "kfp") ? "pipeline_manifest" : "workflow_manifest", text);
        map_push(&m, STR("run"), message(r, run, NULL));
        map_push(&m, STR("pipeline_runtime"), value_map(runtime.members, runtime.n));
        *ret = value_map(m.members, m.n);
        return true;
}

static bool do_v1_create_run(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct kubeflow_submission s;
        struct run_row run;
        return kubeflow_read(r, v1_run, &v, e) && v1_submission(r, &v, &s, e) && kubeflow_create_run(r, &s, &run, e) && detail(r, &run, ret, e);
}

static bool do_v1_list_runs(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct record x;
        struct str experiment = v1_scope(r, "resource_reference_key", "EXPERIMENT"), ns = v1_scope(r, "resource_reference_key", "NAMESPACE");
        if (!kubeflow_list_open(r, RECORD_RUN, v1_run_keys, experiment.n ? experiment : ns, &l, e))
                return false;
        if (experiment.n ? !kubeflow_record(r, RECORD_EXPERIMENT, experiment, MAY_VIEW, &x, e) : !kubeflow_list_in(r, &l, ns, true, e))
                return false;
        if (experiment.n)
                kubeflow_list_where(r, &l, "experiment", experiment);
        return kubeflow_list_runs(r, &l, "runs", message, NULL, ret, e);
}

static bool do_v1_get_run(struct request *r, struct value *ret, struct error *e)
{
        struct run_row run;
        return kubeflow_run(r, request_variable(r, "run_id"), MAY_VIEW, &run, e) && detail(r, &run, ret, e);
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

static bool do_v1_delete_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return act(r, COMMAND_DELETE, e); }
static bool do_v1_terminate_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return act(r, COMMAND_TERMINATE, e); }
static bool do_v1_retry_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return act(r, COMMAND_RETRY, e); }
static bool do_v1_archive_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return archive(r, true, e); }
static bool do_v1_unarchive_run(struct request *r, struct value *ret, struct error *e) { (void)ret; return archive(r, false, e); }
static bool do_v1_read_artifact(struct request *r, struct value *ret, struct error *e) { return kubeflow_read_artifact(r, ret, e); }

/* ---- metrics ---- */

static bool metric_name_good(struct str s)
{
        bool good = s.n >= 1 && s.n <= 64 && ((s.p[0] | 32) >= 'a' && (s.p[0] | 32) <= 'z') && s.p[s.n - 1] != '-' && s.p[s.n - 1] != '_';
        for (size_t i = 0; good && i < s.n; i++)
                good = ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_';
        return good;
}

/* Stores one; what is wrong with it is said in its result, and the others go on. */
static struct value report(struct request *r, const struct run_row *run, const struct node_rows *nodes, const struct value *x)
{
        struct map_builder m = {.arena = r->arena};
        struct str name = kubeflow_text(x, "name"), node_id = kubeflow_text(x, "node_id");
        const struct value *number = value_get_c(x, "number_value");
        const struct node_row *node = NULL;
        struct error e = {0};
        struct answer a = {0};
        struct command c = {.kind = COMMAND_METRIC, .run = run->uid, .metric = name};
        bool ok = metric_name_good(name) || error_set(&e, ERROR_INVALID, "a metric's name is of letters, digits, '-' and '_', at most 64, begins with a letter and ends with a letter or digit");
        ok = ok && (!number || value_to_double(number, &c.value));
        ok = ok && (!node_id.n || kubeflow_node(r, run, nodes, node_id, &node, &e));
        if (ok && node)
                c.node = arena_printf(r->arena, "%u", node->no);
        ok = ok && request_command(r, &c, &a, &e);
        kubeflow_put(&m, "metric_name", name);
        kubeflow_put(&m, "metric_node_id", node_id);
        kubeflow_put_c(&m, "status", ok ? "OK" : e.kind == ERROR_INVALID || e.kind == ERROR_NOT_FOUND || e.kind == ERROR_USAGE ? "INVALID_ARGUMENT" : e.kind == ERROR_CONFLICT ? "DUPLICATE_REPORTING" : "INTERNAL_ERROR");
        kubeflow_put(&m, "message", arena_str(r->arena, str_from(e.text)));
        return value_map(m.members, m.n);
}

static bool do_v1_report_metrics(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct run_row run;
        struct node_rows nodes;
        struct value_builder list = {.arena = r->arena};
        struct map_builder m = {.arena = r->arena};
        enum { METRICS_MAX = 100 };
        if (!kubeflow_read(r, v1_metrics, &v, e) || !kubeflow_run(r, request_variable(r, "run_id"), MAY_RUN, &run, e) || !kubeflow_nodes(r, &run, &nodes, e))
                return false;
        const struct value *metrics = value_get_c(&v, "metrics");
        if (metrics && metrics->list.n > METRICS_MAX)
                return error_set(e, ERROR_INVALID, "at most %d metrics are reported at once", METRICS_MAX);
        for (size_t i = 0; metrics && i < metrics->list.n; i++)
                value_push(&list, report(r, &run, &nodes, &metrics->list.items[i]));
        map_push(&m, STR("results"), value_list(list.items, list.n));
        *ret = value_map(m.members, m.n);
        return true;
}

KUBEFLOW_HANDLER(v1_create_run)
KUBEFLOW_HANDLER(v1_list_runs)
KUBEFLOW_HANDLER(v1_get_run)
KUBEFLOW_HANDLER(v1_delete_run)
KUBEFLOW_HANDLER(v1_terminate_run)
KUBEFLOW_HANDLER(v1_retry_run)
KUBEFLOW_HANDLER(v1_archive_run)
KUBEFLOW_HANDLER(v1_unarchive_run)
KUBEFLOW_HANDLER(v1_report_metrics)
KUBEFLOW_FILE_HANDLER(v1_read_artifact)
