/* Reading requests by their tables, and writing answers. */
#include "api/native/native.h"

struct object object_new(struct request *q) { return (struct object){{.arena = q->arena}}; }

void put_value(struct object *o, const char *key, struct value v) { map_push(&o->m, str_from(key), v); }

void put_str(struct object *o, const char *key, struct str s)
{
        if (s.n)
                put_value(o, key, value_string(s));
}

void put_int(struct object *o, const char *key, int64_t i) { put_value(o, key, value_i64(i, o->m.arena)); }
void put_bool(struct object *o, const char *key, bool b) { put_value(o, key, value_bool(b)); }

void put_time(struct object *o, const char *key, struct wall t)
{
        if (t.us)
                put_value(o, key, value_string(wall_rfc3339(t, 6, o->m.arena)));
}

void put_json(struct object *o, const char *key, struct str text)
{
        struct value v = value_map(NULL, 0);
        if (text.n && !json_read(arena_str(o->m.arena, text), NULL, o->m.arena, &v, NULL))
                v = value_map(NULL, 0);
        put_value(o, key, v);
}

struct value object_value(const struct object *o) { return value_map(o->m.members, o->m.n); }

void answer(struct request *q, struct value v) { json_write(&v, JSON_COMPACT, &q->answer.body); }

void answer_object(struct request *q, int status, const struct object *o)
{
        q->answer.status = status;
        answer(q, object_value(o));
}

bool body_read(struct request *q, struct value *ret, struct error *e)
{
        struct value v;
        *ret = value_map(NULL, 0);
        if (!q->body.n)
                v = *ret;
        else if (!request_json(q, &v, e))
                return false;
        return members_read(&v, q->route->body, false, q->arena, ret, e);
}

static bool query_value(struct request *q, const struct member *m, struct str s, struct value *ret, struct error *e)
{
        struct wall t;
        if (m->type == MEMBER_BOOL) {
                bool on = str_eq_c(s, "true") || str_eq_c(s, "1");
                *ret = value_bool(on);
                return on || str_eq_c(s, "false") || str_eq_c(s, "0") || error_set(e, ERROR_INVALID, "the parameter %s is true or false, not \"%.*s\"", m->name, STR_FMT(str_sub(s, 0, 100)));
        }
        if (m->type == MEMBER_INT32 || m->type == MEMBER_INT64) {
                int64_t i;
                if (!str_to_i64(s, &i) || (m->type == MEMBER_INT32 && (i < INT32_MIN || i > INT32_MAX)))
                        return error_set(e, ERROR_INVALID, "the parameter %s is a whole number, not \"%.*s\"", m->name, STR_FMT(str_sub(s, 0, 100)));
                *ret = value_i64(i, q->arena);
                return true;
        }
        if (m->type == MEMBER_TIME && !wall_parse(s, &t))
                return error_set(e, ERROR_INVALID, "the parameter %s is a time as in 2026-01-02T03:04:05Z, not \"%.*s\"", m->name, STR_FMT(str_sub(s, 0, 100)));
        bool good = m->type != MEMBER_ENUM;
        for (struct str rest = str_from(m->choices); !good && rest.p;)
                good = str_eq(str_cut(&rest, '|'), s);
        *ret = value_string(s);
        return good || error_set(e, ERROR_INVALID, "the parameter %s is one of %s, not \"%.*s\"", m->name, m->choices, STR_FMT(str_sub(s, 0, 100)));
}

bool query_read(struct request *q, struct value *ret, struct error *e)
{
        struct map_builder b = {.arena = q->arena};
        for (const struct member *m = q->route->query; m && m->name; m++) {
                struct str s = request_query(q, m->name);
                struct value v;
                if (!s.n && m->required)
                        return error_set(e, ERROR_INVALID, "the parameter %s is missing in the query", m->name);
                if (!s.n)
                        continue;
                if (!query_value(q, m, s, &v, e))
                        return false;
                map_push(&b, str_from(m->name), v);
        }
        *ret = value_map(b.members, b.n);
        return true;
}

bool has(const struct value *v, const char *key) { return value_get_c(v, key) != NULL; }

struct str text_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

bool flag_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_BOOL && x->boolean;
}

int64_t int_of(const struct value *v, const char *key, int64_t otherwise)
{
        const struct value *x = value_get_c(v, key);
        int64_t i;
        return x && value_to_i64(x, &i) ? i : otherwise;
}

struct str json_of(const struct value *v, const char *key, struct arena *a)
{
        const struct value *x = value_get_c(v, key);
        return x ? json_text(x, JSON_COMPACT, a) : STR_NONE;
}

bool page_size(const struct value *query, uint32_t *ret, struct error *e)
{
        int64_t n = int_of(query, "page_size", PAGE_DEFAULT);
        *ret = (uint32_t)n;
        return (n >= 1 && n <= PAGE_MAX) || error_set(e, ERROR_INVALID, "page_size is from 1 to %d, not %lld", PAGE_MAX, (long long)n);
}
