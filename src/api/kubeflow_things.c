/* Records and runs as the KFP APIs look them up and make them: each with the question whether who asks may. */
#include "api/kubeflow.h"
#include "text/yaml.h"

bool kubeflow_record(struct request *r, enum record_kind kind, struct str id, enum permission may, struct record *ret, struct error *e)
{
        bool found = false;
        if (!r->store->record(r->reader, kind, id, r->arena, &found, ret, e))
                return false;
        if (!found)
                return error_set(e, ERROR_NOT_FOUND, "there is no %s %.*s", record_kind_name(kind), STR_FMT(str_sub(id, 0, 100)));
        return request_allow(r, may, ret->ns, arena_printf(r->arena, "%s %.*s", record_kind_name(kind), STR_FMT(str_sub(id, 0, 100))).p, e);
}

bool kubeflow_record_body(struct request *r, const struct record *x, struct value *ret, struct error *e)
{
        *ret = value_map(NULL, 0);
        return !x->body.n || json_read(x->body, NULL, r->arena, ret, e) || error_wrap(e, "reading the stored %s %.*s", record_kind_name(x->kind), STR_FMT(x->id));
}

struct one { struct arena *arena; struct str uid; bool found; struct run_row row; };
static bool on_run(void *user, const struct run_row *row)
{
        struct one *x = user;
        if (!str_eq(row->uid, x->uid))
                return true;
        x->found = true;
        x->row = run_row_copy(row, x->arena);
        return false;
}

bool kubeflow_run(struct request *r, struct str uid, enum permission may, struct run_row *ret, struct error *e)
{
        struct one x = {.arena = r->arena, .uid = uid};
        struct run_query q = {.name_or_uid = uid, .limit = 2};
        if (uid.n == 36 && !r->store->runs(r->reader, &q, on_run, &x, e))
                return false;
        if (!x.found)
                return error_set(e, ERROR_NOT_FOUND, "there is no run %.*s", STR_FMT(str_sub(uid, 0, 100)));
        *ret = x.row;
        return request_allow(r, may, x.row.ns, arena_printf(r->arena, "run %.*s", STR_FMT(str_sub(uid, 0, 100))).p, e);
}

static bool on_node(void *user, const struct node_row *row)
{
        struct node_rows *x = user;
        if (x->n == x->cap) {
                x->cap = x->cap ? x->cap * 2 : 64;
                struct node_row *more = ARENA_ARRAY(x->arena, struct node_row, x->cap);
                if (x->n)
                        memcpy(more, x->p, x->n * sizeof *more);
                x->p = more;
        }
        x->p[x->n++] = node_row_copy(row, x->arena);
        return true;
}

bool kubeflow_nodes(struct request *r, const struct run_row *run, struct node_rows *ret, struct error *e)
{
        *ret = (struct node_rows){.arena = r->arena};
        return r->store->nodes(r->reader, run->uid, 0, on_node, ret, e);
}

struct newest { struct arena *arena; bool found; struct record record; };
static bool on_newest(void *user, const struct record *x)
{
        struct newest *n = user;
        n->found = true;
        n->record = record_copy(x, n->arena);
        return false;
}

bool kubeflow_latest_version(struct request *r, struct str pipeline, bool *ret_found, struct record *ret, struct error *e)
{
        struct newest n = {.arena = r->arena};
        struct query_value v = {.type = QUERY_TEXT, .text = pipeline};
        struct query_predicate p = {STR("parent"), QUERY_EQ, &v, 1};
        struct query q = {.kind = RECORD_VERSION, .predicates = &p, .predicates_n = 1, .descending = true, .limit = 1};
        struct query_page page = {0};
        if (!r->store->query_records(r->reader, &q, on_newest, &n, r->arena, &page, e))
                return false;
        *ret_found = n.found;
        *ret = n.record;
        return true;
}

/* ---- commands ---- */

bool kubeflow_create(struct request *r, const struct record *x, struct record *ret, struct error *e)
{
        struct command c = {.kind = COMMAND_PUT, .record = *x, .mode = PUT_CREATE};
        struct answer a = {0};
        bool found = false;
        c.record.owner = r->who.user;
        if (!request_command(r, &c, &a, e) || !r->store->record(r->reader, x->kind, a.uid, r->arena, &found, ret, e))
                return false;
        return found || error_set(e, ERROR_NOT_FOUND, "the %s was deleted as soon as it was made", record_kind_name(x->kind));
}

bool kubeflow_update(struct request *r, const struct record *x, struct error *e)
{
        struct command c = {.kind = COMMAND_PUT, .record = *x, .mode = PUT_UPDATE, .revision = x->revision};
        struct answer a = {0};
        return request_command(r, &c, &a, e);
}

bool kubeflow_remove(struct request *r, enum record_kind kind, struct str id, bool cascade, struct error *e)
{
        struct command c = {.kind = COMMAND_REMOVE, .record = {.kind = kind, .id = id}, .cascade = cascade};
        struct answer a = {0};
        if (request_command(r, &c, &a, e))
                return true;
        if (e && e->kind == ERROR_CONFLICT) /* something hangs on it: no matter of a name */
                e->kind = ERROR_USAGE;
        return false;
}

bool kubeflow_run_command(struct request *r, enum command_kind kind, const struct run_row *run, struct error *e)
{
        struct command c = {.kind = kind, .run = run->uid, .force = kind == COMMAND_DELETE};
        struct answer a = {0};
        if (request_command(r, &c, &a, e))
                return true;
        if (e && e->kind == ERROR_CONFLICT)
                e->kind = ERROR_USAGE;
        return false;
}

static bool archived_experiment(struct request *r, struct str id, bool *ret, struct error *e)
{
        struct record x;
        bool found = false;
        if (id.n && !r->store->record(r->reader, RECORD_EXPERIMENT, id, r->arena, &found, &x, e))
                return false;
        *ret = found && x.state == RECORD_ARCHIVED;
        return true;
}

bool kubeflow_archive_run(struct request *r, const struct run_row *run, bool archived, struct error *e)
{
        struct command c = {.kind = COMMAND_META, .run = run->uid, .meta_set = 1u << META_ARCHIVED, .meta = {.archived = archived}};
        struct answer a = {0};
        bool closed = false;
        if (!archived && !archived_experiment(r, run->meta.experiment, &closed, e))
                return false;
        if (closed)
                return kubeflow_refuse_state(e, "the run's experiment is archived: unarchive that first");
        return request_command(r, &c, &a, e);
}

bool kubeflow_archive_experiment(struct request *r, struct str id, bool archived, struct error *e)
{
        struct record x;
        if (!kubeflow_record(r, RECORD_EXPERIMENT, id, MAY_RUN, &x, e))
                return false;
        enum record_state state = archived ? RECORD_ARCHIVED : RECORD_ACTIVE;
        if (x.state == state)
                return true;
        x.state = state;
        return kubeflow_update(r, &x, e);
}

bool kubeflow_enable_recurring(struct request *r, struct str id, bool enabled, struct error *e)
{
        struct record x;
        bool closed = false;
        if (!kubeflow_record(r, RECORD_RECURRING, id, MAY_RUN, &x, e) || (enabled && !archived_experiment(r, x.parent, &closed, e)))
                return false;
        if (closed)
                return kubeflow_refuse_state(e, "the recurring run's experiment is archived: unarchive that first");
        enum record_state state = enabled ? RECORD_ACTIVE : RECORD_DISABLED;
        if (x.state == state)
                return true;
        x.state = state;
        return kubeflow_update(r, &x, e);
}

static bool on_last(void *user, const struct run_row *row)
{
        *(struct wall *)user = row->created_at;
        return false;
}

bool kubeflow_last_run(struct request *r, struct str experiment, struct wall *ret, struct error *e)
{
        struct query_value v = {.type = QUERY_TEXT, .text = experiment};
        struct query_predicate p = {STR("experiment"), QUERY_EQ, &v, 1};
        struct query q = {.kind = RECORD_RUN, .predicates = &p, .predicates_n = 1, .descending = true, .limit = 1};
        struct query_page page = {0};
        *ret = (struct wall){0};
        return r->store->query_runs(r->reader, &q, on_last, ret, r->arena, &page, e);
}

/* ---- documents ---- */

bool kubeflow_document(struct request *r, struct str text, struct kubeflow_document *ret, struct error *e)
{
        struct problems problems = {.arena = r->arena};
        const struct dialect *d = NULL;
        struct str message = STR_NONE;
        struct submission s = {0};
        struct workflow *w = document_compile(text, &s, &problems, &d, &message, e);
        const struct problem *p = problems_first_error(&problems);
        if (!w && p)
                return error_at(e, p->kind == ERROR_UNSUPPORTED ? ERROR_UNSUPPORTED : ERROR_INVALID, p->line, p->column, "%.*s%s%.*s", STR_FMT(p->path), p->path.n ? ": " : "", STR_FMT(p->text));
        if (!w)
                return message.n ? error_set(e, ERROR_INVALID, "%.*s", STR_FMT(message)) : false;
        *ret = (struct kubeflow_document){text, str_from(d->name), arena_str(r->arena, w->name), bindings_copy(&w->parameters, r->arena)};
        workflow_free(w);
        return true;
}

struct str kubeflow_document_of_spec(const struct value *spec, struct arena *a)
{
        const struct value *inner = value_get_c(spec, "pipeline_spec"), *platform = value_get_c(spec, "platform_spec");
        if (!inner)
                return json_text(spec, JSON_COMPACT, a);
        if (!platform || platform->kind != VALUE_MAP || !platform->map.n)
                return json_text(inner, JSON_COMPACT, a);
        struct buf b = BUF((size_t)64 << 20);
        yaml_write(inner, &b);
        buf_add_c(&b, "---\n");
        yaml_write(platform, &b);
        struct str text = arena_str(a, buf_str(&b));
        buf_free(&b);
        return text;
}

/* ---- pipelines ---- */

static struct str version_body(struct request *r, const struct kubeflow_new_version *v, const struct kubeflow_document *d)
{
        struct map_builder m = {.arena = r->arena};
        map_push(&m, STR("document"), value_string(v->document));
        map_push(&m, STR("language"), value_string(d->language));
        kubeflow_put(&m, "source_url", v->source_url);
        struct value body = value_map(m.members, m.n);
        return json_text(&body, JSON_COMPACT, r->arena);
}

static bool put_version(struct request *r, const struct record *pipeline, const struct kubeflow_new_version *v, const struct kubeflow_document *d, struct record *ret, struct error *e)
{
        struct record x = {.kind = RECORD_VERSION, .ns = pipeline->ns, .parent = pipeline->id, .name = v->name.n ? v->name : pipeline->name,
                           .display_name = v->display_name.n ? v->display_name : v->name.n ? v->name : pipeline->name, .description = v->description, .tags = v->tags,
                           .body = version_body(r, v, d)};
        return kubeflow_create(r, &x, ret, e);
}

bool kubeflow_create_version(struct request *r, const struct record *pipeline, const struct kubeflow_new_version *v, struct record *ret, struct error *e)
{
        struct kubeflow_document d;
        return kubeflow_document(r, v->document, &d, e) && put_version(r, pipeline, v, &d, ret, e);
}

bool kubeflow_create_pipeline(struct request *r, const struct kubeflow_new_pipeline *p, const struct kubeflow_new_version *v, struct record *ret, struct record *ret_version,
                              struct error *e)
{
        struct kubeflow_document d;
        struct record x = {.kind = RECORD_PIPELINE, .name = p->name.n ? p->name : p->display_name, .display_name = p->display_name.n ? p->display_name : p->name,
                           .description = p->description, .tags = p->tags};
        if (!x.name.n)
                return error_set(e, ERROR_INVALID, "the pipeline has no name");
        if (!kubeflow_namespace(r, MAY_PUBLISH, p->ns, &x.ns, e) || (v && !kubeflow_document(r, v->document, &d, e)) || !kubeflow_create(r, &x, ret, e))
                return false;
        if (!v || put_version(r, ret, v, &d, ret_version, e))
                return true;
        struct error undone;
        (void)kubeflow_remove(r, RECORD_PIPELINE, ret->id, true, &undone);
        return false;
}
