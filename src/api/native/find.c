/* What a request's path names. What who asks may not see is not there. */
#include "api/native/native.h"

struct str namespace_of(struct request *q, const struct value *from)
{
        struct str ns = text_of(from, "namespace");
        return ns.n ? ns : q->settings->text[SET_NAMESPACE];
}

bool visible(struct request *q, struct query *ret) { return request_namespaces(q, &ret->ns, &ret->ns_n); }

struct found_runs { struct request *q; struct run_row rows[8]; size_t n; };
static bool on_run(void *user, const struct run_row *row)
{
        struct found_runs *f = user;
        f->rows[f->n++] = run_row_copy(row, f->q->arena);
        return f->n < sizeof f->rows / sizeof *f->rows;
}

/* A name may be there in several namespaces: the one asked for, or the first that may be seen. */
bool find_run_ref(struct request *q, struct str ref, enum permission may, struct run_row *ret, struct error *e)
{
        struct found_runs f = {.q = q};
        struct run_query query = {.ns = request_query(q, "namespace"), .name_or_uid = ref, .limit = 8};
        struct str what = arena_printf(q->arena, "run %.*s", STR_FMT(str_sub(ref, 0, 200)));
        if (!q->store->runs(q->reader, &query, on_run, &f, e))
                return false;
        struct error denied = {.kind = ERROR_NONE};
        for (size_t i = 0; i < f.n; i++) {
                *ret = f.rows[i];
                if (request_allow(q, may, ret->ns, what.p, e))
                        return true;
                if (e->kind != ERROR_NOT_FOUND)
                        denied = *e;
        }
        if (denied.kind != ERROR_NONE) {
                *e = denied;
                return false;
        }
        return error_set(e, ERROR_NOT_FOUND, "there is no %.*s", STR_FMT(what));
}

bool find_run(struct request *q, enum permission may, struct run_row *ret, struct error *e)
{
        return find_run_ref(q, request_variable(q, "run"), may, ret, e);
}

bool find_node(struct request *q, const struct run_row *run, struct node_row *ret, struct error *e)
{
        struct str ref = request_variable(q, "node");
        int64_t no;
        bool found = false;
        if (!str_to_i64(ref, &no) || no < 1 || no > UINT32_MAX)
                return error_set(e, ERROR_NOT_FOUND, "a node is named by its number, not \"%.*s\"", STR_FMT(str_sub(ref, 0, 100)));
        if (!q->store->node(q->reader, run->uid, (uint32_t)no, q->arena, &found, ret, e))
                return false;
        return found || error_set(e, ERROR_NOT_FOUND, "run %.*s has no node %lld", STR_FMT(run->name), (long long)no);
}

bool find_record(struct request *q, enum record_kind kind, struct str ns, struct str parent, struct str ref, enum permission may, struct record *ret, struct error *e)
{
        bool found = false;
        struct str what = arena_printf(q->arena, "%s %.*s", record_kind_name(kind), STR_FMT(str_sub(ref, 0, 200)));
        if (!q->store->record(q->reader, kind, ref, q->arena, &found, ret, e))
                return false;
        if (found && parent.n && !str_eq(ret->parent, parent))
                found = false;
        if (!found && !q->store->record_named(q->reader, kind, ns, parent, ref, q->arena, &found, ret, e))
                return false;
        if (!found)
                return error_set(e, ERROR_NOT_FOUND, "there is no %.*s", STR_FMT(what));
        return request_allow(q, may, ret->ns, what.p, e);
}

/* ---- recurring runs: their names count within their experiment ---- */

struct named { struct arena *a; struct record record; size_t n; };
static bool on_named(void *user, const struct record *r)
{
        struct named *x = user;
        if (!x->n++)
                x->record = record_copy(r, x->a);
        return x->n < 2;
}

bool find_recurring(struct request *q, struct str ns, struct str ref, enum permission may, struct record *ret, struct error *e)
{
        bool found;
        struct named x = {.a = q->arena};
        if (!q->store->record(q->reader, RECORD_RECURRING, ref, q->arena, &found, ret, e))
                return false;
        struct str what = arena_printf(q->arena, "recurring run %.*s", STR_FMT(str_sub(ref, 0, 200)));
        if (found)
                return request_allow(q, may, ret->ns, what.p, e);
        struct query_value name = {.type = QUERY_TEXT, .text = ref};
        struct query_predicate p = {STR("name"), QUERY_EQ, &name, 1};
        struct query query = {.kind = RECORD_RECURRING, .ns = &ns, .ns_n = 1, .predicates = &p, .predicates_n = 1, .limit = 2};
        struct query_page page;
        if (!request_allow(q, may, ns, what.p, e) || !q->store->query_records(q->reader, &query, on_named, &x, q->arena, &page, e))
                return false;
        *ret = x.record;
        if (x.n > 1)
                return error_set(e, ERROR_CONFLICT, "several experiments have a recurring run named %.*s: say which by its id", STR_FMT(ref));
        return x.n == 1 || error_set(e, ERROR_NOT_FOUND, "there is no %.*s", STR_FMT(what));
}

struct newest { struct arena *a; struct record *ret; bool found; };
static bool on_version(void *user, const struct record *r)
{
        struct newest *n = user;
        *n->ret = record_copy(r, n->a);
        n->found = true;
        return false;
}

bool find_version(struct request *q, const struct record *pipeline, struct str ref, struct record *ret, struct error *e)
{
        if (ref.n && !str_eq_c(ref, "latest"))
                return find_record(q, RECORD_VERSION, pipeline->ns, pipeline->id, ref, MAY_VIEW, ret, e);
        struct newest n = {q->arena, ret, false};
        struct query_value of = {.type = QUERY_TEXT, .text = pipeline->id}, active = {.type = QUERY_NUMBER, .number = RECORD_ACTIVE};
        struct query_predicate p[] = {{STR("parent"), QUERY_EQ, &of, 1}, {STR("state"), QUERY_EQ, &active, 1}};
        struct query query = {.kind = RECORD_VERSION, .predicates = p, .predicates_n = 2, .sort_key = STR("created_at"), .descending = true, .limit = 1};
        struct query_page page;
        if (!q->store->query_records(q->reader, &query, on_version, &n, q->arena, &page, e))
                return false;
        return n.found || error_set(e, ERROR_NOT_FOUND, "pipeline %.*s has no version yet", STR_FMT(pipeline->name));
}

struct str version_document(struct request *q, const struct record *version)
{
        struct value body;
        if (!version->body.n || !json_read(version->body, NULL, q->arena, &body, NULL))
                return STR_NONE;
        return text_of(&body, "document");
}

struct workflow *compile_or_answer(struct request *q, struct str document, struct submission *s, const struct dialect **ret_dialect)
{
        struct problems p = {.arena = q->arena};
        struct str message = STR_NONE;
        struct error e = {.kind = ERROR_INVALID};
        *ret_dialect = NULL;
        struct workflow *w = document_compile(document, s, &p, ret_dialect, &message, &e);
        if (w)
                return w;
        const struct problem *first = problems_first_error(&p);
        if (*ret_dialect && first)
                error_at(&e, first->kind, first->line, first->column, "%.*s%s%.*s", STR_FMT(first->path), first->path.n ? ": " : "", STR_FMT(first->text));
        else if (*ret_dialect)
                error_set(&e, ERROR_INVALID, "%.*s", STR_FMT(message));
        request_fail(q, &e);
        struct value v;
        if (p.n && json_read(arena_str(q->arena, buf_str(&q->answer.body)), NULL, q->arena, &v, NULL) && v.kind == VALUE_MAP && v.map.n) {
                struct map_builder b = {.arena = q->arena};
                for (size_t i = 0; i < v.map.members[0].value.map.n; i++)
                        map_push(&b, v.map.members[0].value.map.members[i].key, v.map.members[0].value.map.members[i].value);
                map_push(&b, STR("problems"), show_problems(q, &p));
                struct object o = object_new(q);
                put_value(&o, "error", value_map(b.members, b.n));
                buf_clear(&q->answer.body);
                answer(q, object_value(&o));
        }
        return NULL;
}
