/* KFP's way of answering: messages, errors, pages. */
#include "api/kubeflow.h"
#include "base/hash.h"
#include <stdarg.h>
#include <stdio.h>

/* ---- errors ---- */

enum { RPC_INVALID = 3, RPC_NOT_FOUND = 5, RPC_EXISTS = 6, RPC_DENIED = 7, RPC_STATE = 9, RPC_UNIMPLEMENTED = 12, RPC_INTERNAL = 13, RPC_UNAVAILABLE = 14, RPC_NOBODY = 16 };
static const struct { int rpc, http; } codes[ERROR_KINDS] = {
        [ERROR_NONE] = {RPC_INTERNAL, 500},
        [ERROR_USAGE] = {RPC_STATE, 400}, /* kubeflow_refuse_state */
        [ERROR_INVALID] = {RPC_INVALID, 400},
        [ERROR_UNSUPPORTED] = {RPC_UNIMPLEMENTED, 501},
        [ERROR_NOT_FOUND] = {RPC_NOT_FOUND, 404},
        [ERROR_CONFLICT] = {RPC_EXISTS, 409},
        [ERROR_LIMIT] = {RPC_INVALID, 400},
        [ERROR_DENIED] = {RPC_DENIED, 403},
        [ERROR_BUSY] = {RPC_UNAVAILABLE, 503},
        [ERROR_FULL] = {RPC_UNAVAILABLE, 503},
        [ERROR_VERSION] = {RPC_INTERNAL, 500},
        [ERROR_CORRUPT] = {RPC_INTERNAL, 500},
        [ERROR_IO] = {RPC_INTERNAL, 500},
        [ERROR_INTERNAL] = {RPC_INTERNAL, 500},
};

bool kubeflow_refuse_state(struct error *e, const char *format, ...)
{
        char text[ERROR_TEXT_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        return error_set(e, ERROR_USAGE, "%s", text);
}

static bool nobody(const struct request *r, const struct error *e) { return e->kind == ERROR_DENIED && !r->who.user.n && !r->who.everything; }

/* With its place in the document or the body, where there is one. */
static struct str sentence(struct request *r, const struct error *e)
{
        return e->line ? arena_printf(r->arena, "line %u, column %u: %s", e->line, e->column, e->text) : arena_str(r->arena, str_from(e->text));
}

static void answer(struct request *r, int status, const struct value *v)
{
        r->answer.status = status;
        r->answer.type = NULL;
        buf_clear(&r->answer.body);
        json_write(v, JSON_COMPACT, &r->answer.body);
}

void kubeflow_fail(struct request *r, const struct error *e)
{
        struct map_builder m = {.arena = r->arena}, d = m;
        struct value code = value_i64(nobody(r, e) ? RPC_NOBODY : codes[e->kind].rpc, r->arena), message = value_string(sentence(r, e));
        map_push(&d, STR("@type"), value_string(STR("type.googleapis.com/google.rpc.Status")));
        map_push(&d, STR("code"), code);
        map_push(&d, STR("message"), message);
        struct value detail = value_map(d.members, d.n);
        map_push(&m, STR("error"), message);
        map_push(&m, STR("code"), code);
        map_push(&m, STR("message"), message);
        map_push(&m, STR("details"), value_list(&detail, 1));
        struct value v = value_map(m.members, m.n);
        answer(r, nobody(r, e) ? 401 : codes[e->kind].http, &v);
}

void kubeflow_fail_file(struct request *r, const struct error *e)
{
        struct map_builder m = {.arena = r->arena};
        map_push(&m, STR("error_message"), value_string(sentence(r, e)));
        map_push(&m, STR("error_details"), value_string(str_from(error_class(e->kind)->name)));
        struct value v = value_map(m.members, m.n);
        answer(r, nobody(r, e) ? 401 : codes[e->kind].http, &v);
}

void kubeflow_answer(struct request *r, const struct value *v) { answer(r, 200, v); }

void kubeflow_handle(struct request *r, kubeflow_handler *f, void (*fail)(struct request *, const struct error *))
{
        struct error e = {0};
        struct value v = value_map(NULL, 0);
        if (f(r, &v, &e))
                kubeflow_answer(r, &v);
        else
                fail(r, &e);
}

/* ---- messages ---- */

void kubeflow_put(struct map_builder *m, const char *key, struct str s)
{
        if (s.n)
                map_push(m, str_from(key), value_string(s));
}

void kubeflow_put_c(struct map_builder *m, const char *key, const char *word) { map_push(m, str_from(key), value_string(str_from(word))); }
void kubeflow_put_time(struct map_builder *m, const char *key, struct wall t) { map_push(m, str_from(key), value_string(wall_rfc3339(t, 0, m->arena))); }
void kubeflow_put_i64(struct map_builder *m, const char *key, int64_t i) { map_push(m, str_from(key), value_string(arena_printf(m->arena, "%lld", (long long)i))); }

void kubeflow_put_json(struct map_builder *m, const char *key, struct str json)
{
        struct value v;
        if (json.n && json_read(json, NULL, m->arena, &v, NULL))
                map_push(m, str_from(key), v);
}

struct str kubeflow_text(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_STRING ? v->text : STR_NONE;
}

int64_t kubeflow_number(const struct value *map, const char *key, int64_t otherwise)
{
        int64_t i;
        const struct value *v = value_get_c(map, key);
        return v && value_to_i64(v, &i) ? i : otherwise;
}

bool kubeflow_true(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_BOOL && v->boolean;
}

bool kubeflow_read(struct request *r, const struct member *table, struct value *ret, struct error *e)
{
        struct value v;
        return request_json(r, &v, e) && members_read(&v, table, true, r->arena, ret, e);
}

bool kubeflow_tags(struct request *r, const struct value *tags, struct str *ret, struct error *e)
{
        *ret = STR_NONE;
        if (!tags)
                return true;
        if (tags->kind != VALUE_MAP)
                return error_at(e, ERROR_INVALID, tags->line, tags->column, "tags must be a map of texts");
        for (size_t i = 0; i < tags->map.n; i++) {
                const struct value_member *x = &tags->map.members[i];
                if (x->value.kind != VALUE_STRING)
                        return error_at(e, ERROR_INVALID, x->line, x->column, "the tag '%.*s' must be a text", STR_FMT(str_sub(x->key, 0, 100)));
        }
        if (tags->map.n)
                *ret = json_text(tags, JSON_COMPACT, r->arena);
        return true;
}

bool kubeflow_parameters(struct request *r, const struct value *parameters, struct bindings *ret, struct error *e)
{
        *ret = (struct bindings){0};
        if (!parameters)
                return true;
        if (parameters->kind != VALUE_MAP)
                return error_set(e, ERROR_INVALID, "parameters must be a map");
        ret->params = ARENA_ARRAY(r->arena, struct param, parameters->map.n + 1);
        for (size_t i = 0; i < parameters->map.n; i++)
                ret->params[ret->params_n++] = (struct param){parameters->map.members[i].key, val_json(json_text(&parameters->map.members[i].value, JSON_COMPACT, r->arena)), false};
        return true;
}

bool kubeflow_namespace(struct request *r, enum permission may, struct str asked, struct str *ret, struct error *e)
{
        if (r->who.everything) {
                *ret = r->settings->text[SET_NAMESPACE];
                return true;
        }
        if (!r->who.user.n)
                return error_set(e, ERROR_DENIED, "who is asking? Send a token, or the header of the proxy that knows the user");
        if (!asked.n)
                return error_set(e, ERROR_INVALID, "the namespace is missing");
        *ret = asked;
        return request_allow(r, may, asked, "namespace", e);
}

/* ---- pages ---- */

enum { PAGE_DEFAULT = 20, PAGE_MAX = 200 };

static bool page_size(struct request *r, uint32_t *ret, struct error *e)
{
        struct str text = request_query(r, "page_size");
        int64_t n = 0;
        if (text.n && !str_to_i64(text, &n))
                return error_set(e, ERROR_INVALID, "page_size is no number: '%.*s'", STR_FMT(str_sub(text, 0, 50)));
        if (n < 0)
                return error_set(e, ERROR_INVALID, "page_size is negative: %lld", (long long)n);
        *ret = n == 0 ? PAGE_DEFAULT : n > PAGE_MAX ? PAGE_MAX : (uint32_t)n;
        return true;
}

/* A token carries what it belongs to: "<16 hex digits>.<the store's>". */
static bool page_token(struct request *r, uint64_t bound_to, struct str *ret, struct error *e)
{
        struct str text = request_query(r, "page_token");
        if (!text.n)
                return true;
        if (text.n < 18 || text.n > 2048 || text.p[16] != '.' || !str_eq(str_sub(text, 0, 16), arena_printf(r->arena, "%016llx", (unsigned long long)bound_to)))
                return error_set(e, ERROR_INVALID, "page_token does not belong to this list: it is good only with the sort_by, filter and scope of the list that gave it");
        *ret = str_sub(text, 17, text.n);
        return true;
}

bool kubeflow_list_open(struct request *r, enum record_kind kind, const struct filter_key *keys, struct str scope, struct kubeflow_list *ret, struct error *e)
{
        struct query_predicate *predicates = NULL;
        struct str sort = request_query(r, "sort_by"), filter = request_query(r, "filter");
        *ret = (struct kubeflow_list){.query = {.kind = kind, .total = true}};
        uint64_t seed = hash_64(scope, (uint64_t)kind);
        ret->bound_to = hash_64(filter, hash_64(sort, seed));
        if (!page_size(r, &ret->query.limit, e) || !page_token(r, ret->bound_to, &ret->query.after, e) || !filter_sort(sort, keys, r->arena, &ret->query.sort_key, &ret->query.descending, e) ||
            !filter_read(filter, keys, r->arena, &predicates, &ret->query.predicates_n, e))
                return false;
        ret->query.predicates = predicates;
        return true;
}

bool kubeflow_list_in(struct request *r, struct kubeflow_list *l, struct str asked, bool needed, struct error *e)
{
        struct str *ns = ARENA_NEW(r->arena, struct str);
        if (r->who.everything || asked.n || needed) {
                if (!kubeflow_namespace(r, MAY_VIEW, asked, ns, e))
                        return false;
                l->query.ns = ns;
                l->query.ns_n = 1;
                return true;
        }
        if (!r->who.user.n)
                return error_set(e, ERROR_DENIED, "who is asking? Send a token, or the header of the proxy that knows the user");
        if (!request_namespaces(r, &l->query.ns, &l->query.ns_n))
                l->query.limit = 0; /* nothing to see: no query */
        return true;
}

void kubeflow_list_where(struct request *r, struct kubeflow_list *l, const char *key, struct str text)
{
        struct query_predicate *p = ARENA_ARRAY(r->arena, struct query_predicate, l->query.predicates_n + 1);
        struct query_value *v = ARENA_NEW(r->arena, struct query_value);
        if (l->query.predicates_n)
                memcpy(p, l->query.predicates, l->query.predicates_n * sizeof *p);
        *v = (struct query_value){.type = QUERY_TEXT, .text = text};
        p[l->query.predicates_n++] = (struct query_predicate){str_from(key), QUERY_EQ, v, 1};
        l->query.predicates = p;
}

/* Rows are copied: what is written of one may ask the store again. */
struct records { struct record *p; size_t n; struct arena *arena; };
static bool on_record(void *user, const struct record *x)
{
        struct records *all = user;
        all->p[all->n++] = record_copy(x, all->arena);
        return true;
}

struct runs { struct run_row *p; size_t n; struct arena *arena; };
static bool on_run(void *user, const struct run_row *x)
{
        struct runs *all = user;
        all->p[all->n++] = run_row_copy(x, all->arena);
        return true;
}

static struct value page(struct request *r, const struct kubeflow_list *l, const char *member, const struct value_builder *items, const struct query_page *p)
{
        struct map_builder m = {.arena = r->arena};
        if (items->n)
                map_push(&m, str_from(member), value_list(items->items, items->n));
        map_push(&m, STR("total_size"), value_i64((int64_t)p->total, r->arena));
        if (p->next.n)
                map_push(&m, STR("next_page_token"), value_string(arena_printf(r->arena, "%016llx.%.*s", (unsigned long long)l->bound_to, STR_FMT(p->next))));
        return value_map(m.members, m.n);
}

bool kubeflow_list_records(struct request *r, struct kubeflow_list *l, const char *member, struct value (*write)(struct request *, const struct record *, void *), void *user,
                           struct value *ret, struct error *e)
{
        struct records all = {ARENA_ARRAY(r->arena, struct record, l->query.limit + 1), 0, r->arena};
        struct value_builder items = {.arena = r->arena};
        struct query_page p = {0};
        if (l->query.limit && !r->store->query_records(r->reader, &l->query, on_record, &all, r->arena, &p, e))
                return false;
        for (size_t i = 0; i < all.n; i++)
                value_push(&items, write(r, &all.p[i], user));
        *ret = page(r, l, member, &items, &p);
        return true;
}

bool kubeflow_list_runs(struct request *r, struct kubeflow_list *l, const char *member, struct value (*write)(struct request *, const struct run_row *, void *), void *user,
                        struct value *ret, struct error *e)
{
        struct runs all = {ARENA_ARRAY(r->arena, struct run_row, l->query.limit + 1), 0, r->arena};
        struct value_builder items = {.arena = r->arena};
        struct query_page p = {0};
        l->query.whole = true;
        if (l->query.limit && !r->store->query_runs(r->reader, &l->query, on_run, &all, r->arena, &p, e))
                return false;
        for (size_t i = 0; i < all.n; i++)
                value_push(&items, write(r, &all.p[i], user));
        *ret = page(r, l, member, &items, &p);
        return true;
}
