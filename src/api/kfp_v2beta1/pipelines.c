/* v2beta1: pipelines and their versions. */
#include "api/kfp_v2beta1/v2.h"

static struct value pipeline_message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena};
        (void)user;
        kubeflow_put(&m, "pipeline_id", x->id);
        kubeflow_put(&m, "display_name", x->display_name.n ? x->display_name : x->name);
        kubeflow_put(&m, "name", x->name);
        kubeflow_put(&m, "description", x->description);
        kubeflow_put_time(&m, "created_at", x->created_at);
        kubeflow_put(&m, "namespace", x->ns);
        kubeflow_put_json(&m, "tags", x->tags);
        return value_map(m.members, m.n);
}

static struct value version_message(struct request *r, const struct record *x, void *user)
{
        struct map_builder m = {.arena = r->arena};
        struct value body;
        (void)user;
        kubeflow_put(&m, "pipeline_id", x->parent);
        kubeflow_put(&m, "pipeline_version_id", x->id);
        kubeflow_put(&m, "display_name", x->display_name.n ? x->display_name : x->name);
        kubeflow_put(&m, "name", x->name);
        kubeflow_put(&m, "description", x->description);
        kubeflow_put_time(&m, "created_at", x->created_at);
        if (kubeflow_record_body(r, x, &body, NULL)) {
                kubeflow_put(&m, "code_source_url", kubeflow_text(&body, "source_url"));
                map_push(&m, STR("pipeline_spec"), kfp_spec_of_document(kubeflow_text(&body, "document"), kubeflow_text(&body, "language"), r->arena));
        }
        kubeflow_put_json(&m, "tags", x->tags);
        return value_map(m.members, m.n);
}

/* ---- what requests say ---- */

static bool pipeline_of(struct request *r, const struct value *v, struct kubeflow_new_pipeline *ret, struct error *e)
{
        *ret = (struct kubeflow_new_pipeline){.name = kubeflow_text(v, "name"), .display_name = kubeflow_text(v, "display_name"), .description = kubeflow_text(v, "description"),
                                              .ns = kubeflow_text(v, "namespace")};
        return kubeflow_tags(r, value_get_c(v, "tags"), &ret->tags, e);
}

static bool version_of(struct request *r, const struct value *v, struct kubeflow_new_version *ret, struct error *e)
{
        const struct value *spec = value_get_c(v, "pipeline_spec");
        *ret = (struct kubeflow_new_version){.name = kubeflow_text(v, "name"), .display_name = kubeflow_text(v, "display_name"), .description = kubeflow_text(v, "description"),
                                             .source_url = kubeflow_text(v, "code_source_url")};
        if (!ret->name.n)
                ret->name = ret->display_name;
        if (!spec && value_get_c(v, "package_url"))
                return error_set(e, ERROR_UNSUPPORTED, "Weft fetches nothing from other servers: send pipeline_spec, or upload the file");
        if (!spec)
                return error_set(e, ERROR_INVALID, "the version has no pipeline_spec");
        ret->document = kubeflow_document_of_spec(spec, r->arena);
        return kubeflow_tags(r, value_get_c(v, "tags"), &ret->tags, e);
}

/* `tags` of an upload: JSON in the URL. */
static bool tags_of_query(struct request *r, struct str *ret, struct error *e)
{
        struct str text = request_query(r, "tags");
        struct value v;
        *ret = STR_NONE;
        if (!text.n)
                return true;
        if (!json_read(text, NULL, r->arena, &v, e)) {
                e->kind = ERROR_INVALID;
                return error_wrap(e, "tags is no JSON");
        }
        return kubeflow_tags(r, &v, ret, e);
}

/* ---- pipelines ---- */

static bool do_v2_create_pipeline_only(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct kubeflow_new_pipeline p;
        struct record x, none;
        if (!kubeflow_read(r, v2_pipeline, &v, e) || !pipeline_of(r, &v, &p, e) || !kubeflow_create_pipeline(r, &p, NULL, &x, &none, e))
                return false;
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

static bool do_v2_create_pipeline_and_version(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct kubeflow_new_pipeline p;
        struct kubeflow_new_version n;
        struct record x, version;
        if (!kubeflow_read(r, v2_create_pipeline, &v, e) || !pipeline_of(r, value_get_c(&v, "pipeline"), &p, e) || !version_of(r, value_get_c(&v, "pipeline_version"), &n, e) ||
            !kubeflow_create_pipeline(r, &p, &n, &x, &version, e))
                return false;
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

static bool do_v2_list_pipelines(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        return kubeflow_list_open(r, RECORD_PIPELINE, v2_pipeline_keys, request_query(r, "namespace"), &l, e) && kubeflow_list_in(r, &l, request_query(r, "namespace"), false, e) &&
               kubeflow_list_records(r, &l, "pipelines", pipeline_message, NULL, ret, e);
}

static bool do_v2_get_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "pipeline_id"), MAY_VIEW, &x, e))
                return false;
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

static bool do_v2_get_pipeline_by_name(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        struct str ns, name = request_variable(r, "name");
        bool found = false;
        if (!kubeflow_namespace(r, MAY_VIEW, request_query(r, "namespace"), &ns, e) || !r->store->record_named(r->reader, RECORD_PIPELINE, ns, STR_NONE, name, r->arena, &found, &x, e))
                return false;
        if (!found)
                return error_set(e, ERROR_NOT_FOUND, "there is no pipeline named %.*s", STR_FMT(str_sub(name, 0, 100)));
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

static bool update(struct request *r, struct record *x, const struct value *v, struct error *e)
{
        const struct value *tags = value_get_c(v, "tags");
        if (value_get_c(v, "display_name"))
                x->display_name = kubeflow_text(v, "display_name");
        if (value_get_c(v, "description"))
                x->description = kubeflow_text(v, "description");
        return (!tags || kubeflow_tags(r, tags, &x->tags, e)) && kubeflow_update(r, x, e);
}

static bool do_v2_update_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct record x;
        if (!kubeflow_read(r, v2_pipeline, &v, e) || !kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "pipeline_id"), MAY_PUBLISH, &x, e) || !update(r, &x, &v, e) ||
            !kubeflow_record(r, RECORD_PIPELINE, x.id, MAY_VIEW, &x, e))
                return false;
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

/* Go's and Python's spellings. */
static bool query_true(struct request *r, const char *name)
{
        struct str s = request_query(r, name);
        return str_eq_c(s, "true") || str_eq_c(s, "True") || str_eq_c(s, "TRUE") || str_eq_c(s, "t") || str_eq_c(s, "1");
}

static bool do_v2_delete_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct record x, version;
        bool some, cascade = query_true(r, "cascade");
        (void)ret;
        if (!kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "pipeline_id"), MAY_PUBLISH, &x, e) || !kubeflow_latest_version(r, x.id, &some, &version, e))
                return false;
        if (some && !cascade)
                return kubeflow_refuse_state(e, "the pipeline %.*s has versions: delete them first, or say cascade=true", STR_FMT(x.name));
        return kubeflow_remove(r, RECORD_PIPELINE, x.id, cascade, e);
}

/* ---- uploads ---- */

static bool do_v2_upload_pipeline(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_upload up;
        struct record x, version;
        if (!kubeflow_upload(r, &up, e))
                return false;
        struct kubeflow_new_pipeline p = {.name = request_query(r, "name"), .display_name = request_query(r, "display_name"), .description = request_query(r, "description"),
                                          .ns = request_query(r, "namespace")};
        if (!p.name.n && !p.display_name.n)
                p.name = up.stem;
        struct kubeflow_new_version v = {.description = p.description, .document = up.document};
        if (!tags_of_query(r, &p.tags, e) || !kubeflow_create_pipeline(r, &p, &v, &x, &version, e))
                return false;
        *ret = pipeline_message(r, &x, NULL);
        return true;
}

static bool do_v2_upload_version(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_upload up;
        struct record pipeline, x;
        struct str id = request_query(r, "pipelineid");
        if (!id.n)
                return error_set(e, ERROR_INVALID, "pipelineid is missing: of which pipeline is this a version?");
        if (!kubeflow_record(r, RECORD_PIPELINE, id, MAY_PUBLISH, &pipeline, e) || !kubeflow_upload(r, &up, e))
                return false;
        struct kubeflow_new_version v = {.name = request_query(r, "name"), .display_name = request_query(r, "display_name"), .description = request_query(r, "description"),
                                         .document = up.document};
        if (!v.name.n)
                v.name = v.display_name.n ? v.display_name : up.stem;
        if (!tags_of_query(r, &v.tags, e) || !kubeflow_create_version(r, &pipeline, &v, &x, e))
                return false;
        *ret = version_message(r, &x, NULL);
        return true;
}

/* ---- versions ---- */

/* The version of the path, which must be of the path's pipeline. */
static bool version(struct request *r, enum permission may, struct record *ret, struct error *e)
{
        struct str pipeline = request_variable(r, "pipeline_id");
        if (!kubeflow_record(r, RECORD_VERSION, request_variable(r, "pipeline_version_id"), may, ret, e))
                return false;
        return str_eq(ret->parent, pipeline) || error_set(e, ERROR_NOT_FOUND, "the pipeline %.*s has no version %.*s", STR_FMT(str_sub(pipeline, 0, 100)), STR_FMT(ret->id));
}

static bool do_v2_create_version(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct kubeflow_new_version n;
        struct record pipeline, x;
        if (!kubeflow_read(r, v2_version, &v, e) || !kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "pipeline_id"), MAY_PUBLISH, &pipeline, e) || !version_of(r, &v, &n, e))
                return false;
        if (!n.name.n)
                return error_set(e, ERROR_INVALID, "the version has no display_name");
        if (!kubeflow_create_version(r, &pipeline, &n, &x, e))
                return false;
        *ret = version_message(r, &x, NULL);
        return true;
}

static bool do_v2_list_versions(struct request *r, struct value *ret, struct error *e)
{
        struct kubeflow_list l;
        struct record pipeline;
        if (!kubeflow_record(r, RECORD_PIPELINE, request_variable(r, "pipeline_id"), MAY_VIEW, &pipeline, e) || !kubeflow_list_open(r, RECORD_VERSION, v2_version_keys, pipeline.id, &l, e))
                return false;
        kubeflow_list_where(r, &l, "parent", pipeline.id);
        return kubeflow_list_records(r, &l, "pipeline_versions", version_message, NULL, ret, e);
}

static bool do_v2_get_version(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        if (!version(r, MAY_VIEW, &x, e))
                return false;
        *ret = version_message(r, &x, NULL);
        return true;
}

static bool do_v2_update_version(struct request *r, struct value *ret, struct error *e)
{
        struct value v;
        struct record x;
        if (!kubeflow_read(r, v2_version, &v, e) || !version(r, MAY_PUBLISH, &x, e) || !update(r, &x, &v, e) || !version(r, MAY_VIEW, &x, e))
                return false;
        *ret = version_message(r, &x, NULL);
        return true;
}

static bool do_v2_delete_version(struct request *r, struct value *ret, struct error *e)
{
        struct record x;
        (void)ret;
        return version(r, MAY_PUBLISH, &x, e) && kubeflow_remove(r, RECORD_VERSION, x.id, false, e);
}

KUBEFLOW_HANDLER(v2_create_pipeline_only)
KUBEFLOW_HANDLER(v2_create_pipeline_and_version)
KUBEFLOW_HANDLER(v2_list_pipelines)
KUBEFLOW_HANDLER(v2_get_pipeline)
KUBEFLOW_HANDLER(v2_get_pipeline_by_name)
KUBEFLOW_HANDLER(v2_update_pipeline)
KUBEFLOW_HANDLER(v2_delete_pipeline)
KUBEFLOW_FILE_HANDLER(v2_upload_pipeline)
KUBEFLOW_FILE_HANDLER(v2_upload_version)
KUBEFLOW_HANDLER(v2_create_version)
KUBEFLOW_HANDLER(v2_list_versions)
KUBEFLOW_HANDLER(v2_get_version)
KUBEFLOW_HANDLER(v2_update_version)
KUBEFLOW_HANDLER(v2_delete_version)
