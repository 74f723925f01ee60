/* v2beta1: recurring runs. */
#include "api/kfp_v2beta1/v2.h"

static struct value trigger_message(struct request *r, const struct value *body)
{
        struct map_builder m = {.arena = r->arena}, s = m;
        struct str cron = kubeflow_text(body, "cron");
        kubeflow_put(&s, "start_time", kubeflow_text(body, "start"));
        kubeflow_put(&s, "end_time", kubeflow_text(body, "end"));
        if (cron.n)
                kubeflow_put(&s, "cron", cron);
        else
                kubeflow_put_i64(&s, "interval_second", kubeflow_number(body, "interval_second", 0));
        map_push(&m, cron.n ? STR("cron_schedule") : STR("periodic_schedule"), value_map(s.members, s.n));
        return value_map(m.members, m.n);
}

static void put_source(struct request *r, struct map_builder *m, const struct value *body)
{
        struct map_builder reference = {.arena = r->arena};
        struct str document = kubeflow_text(body, "document");
        kubeflow_put(&reference, "pipeline_id", kubeflow_text(body, "pipeline"));
        kubeflow_put(&reference, "pipeline_version_id", kubeflow_text(body, "version"));
        if (reference.n)
                map_push(m, STR("pipeline_version_reference"), value_map(reference.members, reference.n));
        else if (document.n)
                map_push(m, STR("pipeline_spec"), kfp_spec_of_document(document, STR("kfp"), r->arena));
}

static struct value message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena}, config = m;
        struct value body;
        const struct value *parameters;
        (void)user;
        if (!kubeflow_record_body(r, x, &body, NULL))
                body = value_map(NULL, 0);
        kubeflow_put(&m, "recurring_run_id", x->id);
        kubeflow_put(&m, "display_name", x->display_name.n ? x->display_name : x->name);
        kubeflow_put(&m, "description", x->description);
        put_source(r, &m, &body);
        parameters = value_get_c(&body, "parameters");
        if (parameters && parameters->kind == VALUE_MAP && parameters->map.n)
                map_push(&config, STR("parameters"), *parameters);
        kubeflow_put(&config, "pipeline_root", kubeflow_text(value_get_c(&body, "labels"), KFP_LABEL_ROOT));
        map_push(&m, STR("runtime_config"), value_map(config.members, config.n));
        kubeflow_put(&m, "service_account", kubeflow_text(&body, "service_account"));
        kubeflow_put_i64(&m, "max_concurrency", kubeflow_number(&body, "max_concurrency", 1));
        map_push(&m, STR("trigger"), trigger_message(r, &body));
        kubeflow_put_c(&m, "mode", x->state == RECORD_ACTIVE ? "ENABLE" : "DISABLE");
        kubeflow_put_time(&m, "created_at", x->created_at);
        kubeflow_put_time(&m, "updated_at", x->updated_at);
        kubeflow_put_c(&m, "status", x->state == RECORD_ACTIVE ? "ENABLED" : "DISABLED");
        map_push(&m, STR("no_catchup"), value_bool(!kubeflow_true(&body, "catchup")));
        kubeflow_put(&m, "namespace", x->ns);
        kubeflow_put(&m, "experiment_id", x->parent);
        return value_map(m.members, m.n);
}

static bool do_v2_create_recurring(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct kubeflow_submission s;
        struct kubeflow_trigger t;
        struct record x;
        if (!kubeflow_read(r, v2_recurring, &v, e) || !v2_submission(r, &v, &s, e) || !kubeflow_trigger_of(&v, !str_eq_c(kubeflow_text(&v, "mode"), "DISABLE"), &t, e) || !kubeflow_create_recurring(r, &s, &t, &x, e))
                return false;
        *ret = message(r, &x, NULL);
        return true;
}

static bool do_v2_list_recurring(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct record x;
        struct str experiment = request_query(r, "experiment_id"), ns = request_query(r, "namespace");
        if (!kubeflow_list_open(r, RECORD_RECURRING, v2_recurring_keys, experiment.n ? experiment : ns, &l, e))
                return false;
        if (experiment.n ? !kubeflow_record(r, RECORD_EXPERIMENT, experiment, MAY_VIEW, &x, e) : !kubeflow_list_in(r, &l, ns, true, e))
                return false;
        if (experiment.n)
                kubeflow_list_where(r, &l, "parent", experiment);
        return kubeflow_list_records(r, &l, "recurringRuns", message, NULL, ret, e); /* the one name that clients read in camel case */
}

static bool do_v2_get_recurring(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_RECURRING, request_variable(r, "recurring_run_id"), MAY_VIEW, &x, e))
                return false;
        *ret = message(r, &x, NULL);
        return true;
}

static bool do_v2_delete_recurring(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        (void)ret;
        return kubeflow_record(r, RECORD_RECURRING, request_variable(r, "recurring_run_id"), MAY_RUN, &x, e) && kubeflow_remove(r, RECORD_RECURRING, x.id, false, e);
}

static bool do_v2_enable_recurring(struct request *r, struct value *ret, struct error *e)
{
        (void)ret;
        return kubeflow_enable_recurring(r, request_variable(r, "recurring_run_id"), true, e);
}

static bool do_v2_disable_recurring(struct request *r, struct value *ret, struct error *e)
{
        (void)ret;
        return kubeflow_enable_recurring(r, request_variable(r, "recurring_run_id"), false, e);
}

KUBEFLOW_HANDLER(v2_create_recurring)
KUBEFLOW_HANDLER(v2_list_recurring)
KUBEFLOW_HANDLER(v2_get_recurring)
KUBEFLOW_HANDLER(v2_delete_recurring)
KUBEFLOW_HANDLER(v2_enable_recurring)
KUBEFLOW_HANDLER(v2_disable_recurring)
