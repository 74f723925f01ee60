/* v1beta1: pipelines and their versions. The default version is the newest, until somebody chooses: then the pipeline's body names it. */
#include "api/kfp_v1beta1/v1.h"

static struct value version_message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena};
        struct value_builder list = {.arena = r->arena};
        struct kubeflow_document d;
        struct value body;
        (void)user;
        kubeflow_put(&m, "id", x->id);
        kubeflow_put(&m, "name", x->name);
        kubeflow_put_time(&m, "created_at", x->created_at);
        if (kubeflow_record_body(r, x, &body, NULL)) {
                kubeflow_put(&m, "code_source_url", kubeflow_text(&body, "source_url"));
                if (kubeflow_document(r, kubeflow_text(&body, "document"), &d, NULL))
                        map_push(&m, STR("parameters"), v1_parameters(&d.parameters, r->arena));
        }
        v1_put_reference(&list, "PIPELINE", x->parent, STR_NONE, "OWNER");
        map_push(&m, STR("resource_references"), value_list(list.items, list.n));
        kubeflow_put(&m, "description", x->description);
        return value_map(m.members, m.n);
}

bool v1_default_version(struct request *r, const struct record *pipeline, bool *ret_found, struct record *ret, struct error *e)
{
        struct value body;
        struct str chosen = STR_NONE;
        *ret_found = false;
        if (kubeflow_record_body(r, pipeline, &body, NULL))
                chosen = kubeflow_text(&body, "default_version");
        if (chosen.n && !r->store->record(r->reader, RECORD_VERSION, chosen, r->arena, ret_found, ret, e))
                return false;
        return *ret_found || kubeflow_latest_version(r, pipeline->id, ret_found, ret, e);
}

static struct value pipeline_message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena};
        struct value_builder list = {.arena = r->arena};
        struct record version;
        bool found = false;
        (void)user;
        kubeflow_put(&m, "id", x->id);
        kubeflow_put_time(&m, "created_at", x->created_at);
        kubeflow_put(&m, "name", x->name);
        kubeflow_put(&m, "description", x->description);
        if (v1_default_version(r, x, &found, &version, NULL) && found) {
                struct value v = version_message(r, &version, NULL);
                const struct value *parameters = value_get_c(&v, "parameters");
                if (parameters)
                        map_push(&m, STR("parameters"), *parameters);
                map_push(&m, STR("default_version"), v);
        }
        v1_put_reference(&list, "NAMESPACE", x->ns, STR_NONE, "OWNER");
        map_push(&m, STR("resource_references"), value_list(list.items, list.n));
        return value_map(m.members, m.n);
}

static bool do_v1_create_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        (void)ret;
        return kubeflow_read(r, v1_pipeline, &v, e) && error_set(e, ERROR_UNSUPPORTED, "Weft fetches nothing from other servers: upload the pipeline's file");
}

static bool do_v1_create_version(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        (void)ret;
        return kubeflow_read(r, v1_version, &v, e) && error_set(e, ERROR_UNSUPPORTED, "Weft fetches nothing from other servers: upload the version's file");
}

static bool do_v1_list_pipelines(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct str ns = v1_scope(r, "resource_reference_key", "NAMESPACE");
        return kubeflow_list_open(r, RECORD_PIPELINE, v1_pipeline_keys, ns, &l, e) && kubeflow_list_in(r, &l, ns, false, e) &&
               kubeflow_list_records(r, &l, "pipelines", pipeline_message, NULL, ret, e);
}

static bool do_v1_get_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "id"), MAY_VIEW, &x, e))
                return false;
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

/* Version 1 knows no cascade: a pipeline goes with its versions. */
static bool do_v1_delete_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        (void)ret;
        return kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "id"), MAY_PUBLISH, &x, e) && kubeflow_remove(r, RECORD_PIPELINE, x.id, true, e);
}

static bool template_of(struct request *r, const struct record *version, struct value *ret, struct error *e)
{
        struct map_builder m = {.arena = r->arena};
        struct value body;
        if (!kubeflow_record_body(r, version, &body, e))
                return false;
        kubeflow_put(&m, "template", kubeflow_text(&body, "document"));
        *ret = value_map(m.members, m.n);
        return true;
}

static bool do_v1_get_template(struct request *r, struct value *ret, struct error *e)
{
        struct record x, version;
        bool found = false;
        if (!kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "id"), MAY_VIEW, &x, e) || !v1_default_version(r, &x, &found, &version, e))
                return false;
        return found ? template_of(r, &version, ret, e) : error_set(e, ERROR_NOT_FOUND, "the pipeline %.*s has no version yet", STR_FMT(x.name));
}

static bool do_v1_set_default_version(struct request *r, struct value *ret, struct error *e)
{
        struct record x, version;
        struct value body;
        (void)ret;
        if (!kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "id"), MAY_PUBLISH, &x, e) || !kubeflow_record(r, RECORD_VERSION, request_variable(r, "version_id"), MAY_VIEW, &version, e) ||
            !kubeflow_record_body(r, &x, &body, e))
                return false;
        if (!str_eq(version.parent, x.id))
                return error_set(e, ERROR_NOT_FOUND, "the pipeline %.*s has no version %.*s", STR_FMT(x.name), STR_FMT(version.id));
        struct map_builder m = {.arena = r->arena};
        for (size_t i = 0; i < body.map.n; i++)
                map_push(&m, body.map.members[i].key, body.map.members[i].value);
        map_set(&m, STR("default_version"), value_string(version.id));
        struct value v = value_map(m.members, m.n);
        x.body = json_text(&v, JSON_COMPACT, r->arena);
        return kubeflow_update(r, &x, e);
}

/* ---- uploads ---- */

static bool do_v1_upload_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_upload up;
        struct record x, version;
        if (!kubeflow_upload(r, &up, e))
                return false;
        struct kubeflow_new_pipeline p = {.name = request_query(r, "name"), .description = request_query(r, "description"), .ns = request_query(r, "namespace")};
        if (!p.name.n)
                p.name = up.stem;
        struct kubeflow_new_version v = {.description = p.description, .document = up.document};
        if (!kubeflow_create_pipeline(r, &p, &v, &x, &version, e))
                return false;
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

static bool do_v1_upload_version(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_upload up;
        struct record pipeline, x;
        struct str id = request_query(r, "pipelineid");
        if (!id.n)
                return error_set(e, ERROR_INVALID, "pipelineid is missing: of which pipeline is this a version?");
        if (!kubeflow_record(r, RECORD_PIPELINE, id, MAY_PUBLISH, &pipeline, e) || !kubeflow_upload(r, &up, e))
                return false;
        struct kubeflow_new_version v = {.name = request_query(r, "name"), .description = request_query(r, "description"), .document = up.document};
        if (!v.name.n)
                v.name = up.stem;
        if (!kubeflow_create_version(r, &pipeline, &v, &x, e))
                return false;
        *ret = version_message(r, &x, NULL);
        return true;
}

/* ---- versions ---- */

static bool do_v1_list_versions(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct record pipeline;
        struct str id = v1_scope(r, "resource_key", "PIPELINE");
        if (!id.n)
                return error_set(e, ERROR_INVALID, "resource_key.type must be PIPELINE, and resource_key.id the pipeline's id");
        if (!kubeflow_record(r, RECORD_PIPELINE, id, MAY_VIEW, &pipeline, e) || !kubeflow_list_open(r, RECORD_VERSION, v1_version_keys, id, &l, e))
                return false;
        kubeflow_list_where(r, &l, "parent", id);
        return kubeflow_list_records(r, &l, "versions", version_message, NULL, ret, e);
}

static bool do_v1_get_version(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_VERSION, request_variable(r, "version_id"), MAY_VIEW, &x, e))
                return false;
        *ret = version_message(r, &x, NULL);
        return true;
}

static bool do_v1_delete_version(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        (void)ret;
        return kubeflow_record(r, RECORD_VERSION, request_variable(r, "version_id"), MAY_PUBLISH, &x, e) && kubeflow_remove(r, RECORD_VERSION, x.id, false, e);
}

static bool do_v1_get_version_template(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        return kubeflow_record(r, RECORD_VERSION, request_variable(r, "version_id"), MAY_VIEW, &x, e) && template_of(r, &x, ret, e);
}

KUBEFLOW_HANDLER(v1_create_pipeline)
KUBEFLOW_HANDLER(v1_create_version)
KUBEFLOW_HANDLER(v1_list_pipelines)
KUBEFLOW_HANDLER(v1_get_pipeline)
KUBEFLOW_HANDLER(v1_delete_pipeline)
KUBEFLOW_HANDLER(v1_get_template)
KUBEFLOW_HANDLER(v1_set_default_version)
KUBEFLOW_FILE_HANDLER(v1_upload_pipeline)
KUBEFLOW_FILE_HANDLER(v1_upload_version)
KUBEFLOW_HANDLER(v1_list_versions)
KUBEFLOW_HANDLER(v1_get_version)
KUBEFLOW_HANDLER(v1_delete_version)
KUBEFLOW_HANDLER(v1_get_version_template)
