/* v2beta1: experiments. */
#include "api/kfp_v2beta1/v2.h"

static struct value message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena};
        struct wall last = {0};
        (void)user;
        (void)kubeflow_last_run(r, x->id, &last, NULL);
        kubeflow_put(&m, "experiment_id", x->id);
        kubeflow_put(&m, "display_name", x->display_name.n ? x->display_name : x->name);
        kubeflow_put(&m, "description", x->description);
        kubeflow_put_time(&m, "created_at", x->created_at);
        kubeflow_put(&m, "namespace", x->ns);
        kubeflow_put_c(&m, "storage_state", x->state == RECORD_ARCHIVED ? "ARCHIVED" : "AVAILABLE");
        kubeflow_put_time(&m, "last_run_created_at", last);
        return value_map(m.members, m.n);
}

static bool do_v2_create_experiment(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct record x = {.kind = RECORD_EXPERIMENT}, made;
        if (!kubeflow_read(r, v2_experiment, &v, e))
                return false;
        x.name = x.display_name = kubeflow_text(&v, "display_name");
        x.description = kubeflow_text(&v, "description");
        if (!x.name.n)
                return error_set(e, ERROR_INVALID, "the experiment has no display_name");
        if (!kubeflow_namespace(r, MAY_RUN, kubeflow_text(&v, "namespace"), &x.ns, e) || !kubeflow_create(r, &x, &made, e))
                return false;
        *ret = message(r, &made, NULL);
        return true;
}

static bool do_v2_list_experiments(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        return kubeflow_list_open(r, RECORD_EXPERIMENT, v2_experiment_keys, request_query(r, "namespace"), &l, e) && kubeflow_list_in(r, &l, request_query(r, "namespace"), true, e) &&
               kubeflow_list_records(r, &l, "experiments", message, NULL, ret, e);
}

static bool do_v2_get_experiment(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_EXPERIMENT, request_variable(r, "experiment_id"), MAY_VIEW, &x, e))
                return false;
        *ret = message(r, &x, NULL);
        return true;
}

static bool do_v2_delete_experiment(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        (void)ret;
        return kubeflow_record(r, RECORD_EXPERIMENT, request_variable(r, "experiment_id"), MAY_RUN, &x, e) && kubeflow_remove(r, RECORD_EXPERIMENT, x.id, false, e);
}

static bool do_v2_archive_experiment(struct request *r, struct value *ret, struct error *e)
{
        (void)ret;
        return kubeflow_archive_experiment(r, request_variable(r, "experiment_id"), true, e);
}

static bool do_v2_unarchive_experiment(struct request *r, struct value *ret, struct error *e)
{
        (void)ret;
        return kubeflow_archive_experiment(r, request_variable(r, "experiment_id"), false, e);
}

KUBEFLOW_HANDLER(v2_create_experiment)
KUBEFLOW_HANDLER(v2_list_experiments)
KUBEFLOW_HANDLER(v2_get_experiment)
KUBEFLOW_HANDLER(v2_delete_experiment)
KUBEFLOW_HANDLER(v2_archive_experiment)
KUBEFLOW_HANDLER(v2_unarchive_experiment)
