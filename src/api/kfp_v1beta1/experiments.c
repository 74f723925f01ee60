/* v1beta1: experiments. */
#include "api/kfp_v1beta1/v1.h"

static struct value message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena};
        struct value_builder list = {.arena = r->arena};
        (void)user;
        kubeflow_put(&m, "id", x->id);
        kubeflow_put(&m, "name", x->name);
        kubeflow_put(&m, "description", x->description);
        kubeflow_put_time(&m, "created_at", x->created_at);
        v1_put_reference(&list, "NAMESPACE", x->ns, STR_NONE, "OWNER");
        map_push(&m, STR("resource_references"), value_list(list.items, list.n));
        kubeflow_put_c(&m, "storage_state", x->state == RECORD_ARCHIVED ? "STORAGESTATE_ARCHIVED" : "STORAGESTATE_AVAILABLE");
        return value_map(m.members, m.n);
}

static bool do_v1_create_experiment(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct record x = {.kind = RECORD_EXPERIMENT}, made;
        if (!kubeflow_read(r, v1_experiment, &v, e))
                return false;
        x.name = x.display_name = kubeflow_text(&v, "name");
        x.description = kubeflow_text(&v, "description");
        if (!x.name.n)
                return error_set(e, ERROR_INVALID, "the experiment has no name");
        if (!kubeflow_namespace(r, MAY_RUN, v1_references_of(&v).ns, &x.ns, e) || !kubeflow_create(r, &x, &made, e))
                return false;
        *ret = message(r, &made, NULL);
        return true;
}

static bool do_v1_list_experiments(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct str ns = v1_scope(r, "resource_reference_key", "NAMESPACE");
        return kubeflow_list_open(r, RECORD_EXPERIMENT, v1_experiment_keys, ns, &l, e) && kubeflow_list_in(r, &l, ns, true, e) &&
               kubeflow_list_records(r, &l, "experiments", message, NULL, ret, e);
}

static bool do_v1_get_experiment(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_EXPERIMENT, request_variable(r, "id"), MAY_VIEW, &x, e))
                return false;
        *ret = message(r, &x, NULL);
        return true;
}

static bool do_v1_delete_experiment(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        (void)ret;
        return kubeflow_record(r, RECORD_EXPERIMENT, request_variable(r, "id"), MAY_RUN, &x, e) && kubeflow_remove(r, RECORD_EXPERIMENT, x.id, false, e);
}

static bool do_v1_archive_experiment(struct request *r, struct value *ret, struct error *e) { (void)ret; return kubeflow_archive_experiment(r, request_variable(r, "id"), true, e); }
static bool do_v1_unarchive_experiment(struct request *r, struct value *ret, struct error *e) { (void)ret; return kubeflow_archive_experiment(r, request_variable(r, "id"), false, e); }

KUBEFLOW_HANDLER(v1_create_experiment)
KUBEFLOW_HANDLER(v1_list_experiments)
KUBEFLOW_HANDLER(v1_get_experiment)
KUBEFLOW_HANDLER(v1_delete_experiment)
KUBEFLOW_HANDLER(v1_archive_experiment)
KUBEFLOW_HANDLER(v1_unarchive_experiment)
