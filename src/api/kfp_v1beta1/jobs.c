/* v1beta1: jobs, which are recurring runs. */
#include "api/kfp_v1beta1/v1.h"

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

static struct value spec_message(struct request *r, const struct value *body)
{
        struct map_builder m = {.arena = r->arena};
        struct value_builder list = {.arena = r->arena};
        const struct value *parameters = value_get_c(body, "parameters");
        kubeflow_put(&m, "pipeline_id", kubeflow_text(body, "pipeline"));
        kubeflow_put(&m, "workflow_manifest", kubeflow_text(body, "document"));
        for (size_t i = 0; parameters && parameters->kind == VALUE_MAP && i < parameters->map.n; i++) {
                const struct value_member *x = &parameters->map.members[i];
                struct map_builder p = {.arena = r->arena};
                kubeflow_put(&p, "name", x->key);
                kubeflow_put(&p, "value", x->value.kind == VALUE_STRING ? x->value.text : json_text(&x->value, JSON_COMPACT, r->arena));
                value_push(&list, value_map(p.members, p.n));
        }
        map_push(&m, STR("parameters"), value_list(list.items, list.n));
        return value_map(m.members, m.n);
}

static struct value message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena};
        struct value_builder list = {.arena = r->arena};
        struct value body;
        (void)user;
        if (!kubeflow_record_body(r, x, &body, NULL))
                body = value_map(NULL, 0);
        kubeflow_put(&m, "id", x->id);
        kubeflow_put(&m, "name", x->name);
        kubeflow_put(&m, "description", x->description);
        map_push(&m, STR("pipeline_spec"), spec_message(r, &body));
        v1_put_reference(&list, "EXPERIMENT", x->parent, STR_NONE, "OWNER");
        v1_put_reference(&list, "PIPELINE_VERSION", kubeflow_text(&body, "version"), STR_NONE, "CREATOR");
        map_push(&m, STR("resource_references"), value_list(list.items, list.n));
        kubeflow_put(&m, "service_account", kubeflow_text(&body, "service_account"));
        kubeflow_put_i64(&m, "max_concurrency", kubeflow_number(&body, "max_concurrency", 1));
        map_push(&m, STR("trigger"), trigger_message(r, &body));
        kubeflow_put_c(&m, "mode", x->state == RECORD_ACTIVE ? "ENABLED" : "DISABLED");
        kubeflow_put_time(&m, "created_at", x->created_at);
        kubeflow_put_time(&m, "updated_at", x->updated_at);
        kubeflow_put_c(&m, "status", x->state == RECORD_ACTIVE ? "Enabled" : "Disabled");
        kubeflow_put(&m, "error", kubeflow_text(&body, "problem"));
        map_push(&m, STR("enabled"), value_bool(x->state == RECORD_ACTIVE));
        map_push(&m, STR("no_catchup"), value_bool(!kubeflow_true(&body, "catchup")));
        return value_map(m.members, m.n);
}

/* The old API says it in two ways. */
static bool enabled(const struct value *v)
{
        struct str mode = kubeflow_text(v, "mode");
        return mode.n ? str_eq_c(mode, "ENABLED") : kubeflow_true(v, "enabled");
}

static bool do_v1_create_job(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct kubeflow_submission s;
        struct kubeflow_trigger t;
        struct record x;
        if (!kubeflow_read(r, v1_job, &v, e) || !v1_submission(r, &v, &s, e) || !kubeflow_trigger_of(&v, enabled(&v), &t, e) || !kubeflow_create_recurring(r, &s, &t, &x, e))
                return false;
        *ret = message(r, &x, NULL);
        return true;
}

static bool do_v1_list_jobs(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct record x;
        struct str experiment = v1_scope(r, "resource_reference_key", "EXPERIMENT"), ns = v1_scope(r, "resource_reference_key", "NAMESPACE");
        if (!kubeflow_list_open(r, RECORD_RECURRING, v1_job_keys, experiment.n ? experiment : ns, &l, e))
                return false;
        if (experiment.n ? !kubeflow_record(r, RECORD_EXPERIMENT, experiment, MAY_VIEW, &x, e) : !kubeflow_list_in(r, &l, ns, true, e))
                return false;
        if (experiment.n)
                kubeflow_list_where(r, &l, "parent", experiment);
        return kubeflow_list_records(r, &l, "jobs", message, NULL, ret, e);
}

static bool do_v1_get_job(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_RECURRING, request_variable(r, "id"), MAY_VIEW, &x, e))
                return false;
        *ret = message(r, &x, NULL);
        return true;
}

static bool do_v1_delete_job(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        (void)ret;
        return kubeflow_record(r, RECORD_RECURRING, request_variable(r, "id"), MAY_RUN, &x, e) && kubeflow_remove(r, RECORD_RECURRING, x.id, false, e);
}

static bool do_v1_enable_job(struct request *r, struct value *ret, struct error *e) { (void)ret; return kubeflow_enable_recurring(r, request_variable(r, "id"), true, e); }
static bool do_v1_disable_job(struct request *r, struct value *ret, struct error *e) { (void)ret; return kubeflow_enable_recurring(r, request_variable(r, "id"), false, e); }

KUBEFLOW_HANDLER(v1_create_job)
KUBEFLOW_HANDLER(v1_list_jobs)
KUBEFLOW_HANDLER(v1_get_job)
KUBEFLOW_HANDLER(v1_delete_job)
KUBEFLOW_HANDLER(v1_enable_job)
KUBEFLOW_HANDLER(v1_disable_job)
