/* Reading a JSON message by its table. */
#include "api/member.h"
#include "base/time.h"
#include <stdio.h>

enum { PLACE_MAX = 160 };

struct reader { bool camel; struct arena *arena; struct error *error; };
/* Where one is in the message, outermost last; a text is made of it only for an error. */
struct place { const struct place *above; struct str name; size_t index; };
#define NO_INDEX SIZE_MAX

static size_t place_write(const struct place *p, char *to, size_t size)
{
        size_t n = p->above ? place_write(p->above, to, size) : 0;
        if (n >= size)
                return n;
        int more = p->index != NO_INDEX ? snprintf(to + n, size - n, "[%zu]", p->index)
                                        : snprintf(to + n, size - n, "%s%.*s", n ? "." : "", (int)(p->name.n < 60 ? p->name.n : 60), p->name.p ? p->name.p : "");
        return n + (size_t)(more > 0 ? more : 0);
}

static const char *place_text(const struct place *p, char to[PLACE_MAX])
{
        to[0] = 0;
        place_write(p, to, PLACE_MAX);
        return to[0] ? to : "the message";
}

/* Is `key` `name` in lowerCamelCase? */
static bool camel_eq(struct str key, const char *name)
{
        size_t i = 0;
        for (; *name; name++) {
                char c = *name;
                if (c == '_' && name[1]) {
                        c = *++name;
                        if (c >= 'a' && c <= 'z')
                                c = (char)(c - 'a' + 'A');
                }
                if (i == key.n || key.p[i++] != c)
                        return false;
        }
        return i == key.n;
}

static const struct member *find(const struct reader *r, const struct member *table, struct str key)
{
        for (const struct member *m = table; m->name; m++)
                if (str_eq_c(key, m->name) || (r->camel && camel_eq(key, m->name)))
                        return m;
        return NULL;
}

static bool unknown(const struct reader *r, const struct member *table, const struct value_member *x, const struct place *at)
{
        const char *best = NULL;
        size_t distance = 4;
        char where[PLACE_MAX];
        for (const struct member *m = table; m->name; m++) {
                size_t d = str_distance(x->key, str_from(m->name), 3);
                if (d < distance && d < strlen(m->name)) {
                        distance = d;
                        best = m->name;
                }
        }
        struct str key = str_sub(x->key, 0, 100);
        return error_at(r->error, ERROR_INVALID, x->line, x->column, best ? "unknown field '%.*s' in %s (did you mean '%s'?)" : "unknown field '%.*s' in %s",
                        STR_FMT(key), place_text(at, where), best);
}

static bool wrong(const struct reader *r, const struct value *v, const struct place *at, const char *wanted)
{
        char where[PLACE_MAX];
        return error_at(r->error, ERROR_INVALID, v->line, v->column, "%s must be %s, not a %s", place_text(at, where), wanted, value_kind_name(v->kind));
}

static bool read_enum(const struct reader *r, const struct value *v, const struct member *m, const struct place *at, struct value *ret)
{
        struct str rest = str_from(m->choices);
        int64_t number = -1;
        char where[PLACE_MAX];
        if (v->kind != VALUE_STRING && !(r->camel && value_to_i64(v, &number)))
                return wrong(r, v, at, "a name");
        for (int64_t i = 0; rest.p; i++) {
                struct str name = str_cut(&rest, '|');
                if (v->kind == VALUE_STRING ? str_eq(v->text, name) : i == number) {
                        *ret = value_string(name);
                        return true;
                }
        }
        struct str said = v->text;
        return error_at(r->error, ERROR_INVALID, v->line, v->column, "%s cannot be '%.*s': it is one of %s", place_text(at, where), STR_FMT(str_sub(said, 0, 100)), m->choices);
}

static bool read_integer(const struct reader *r, const struct value *v, const struct member *m, const struct place *at, struct value *ret)
{
        int64_t i;
        bool good = value_to_i64(v, &i);
        if (!good && r->camel && v->kind == VALUE_STRING)
                good = str_to_i64(v->text, &i);
        if (!good || (m->type == MEMBER_INT32 && (i < INT32_MIN || i > INT32_MAX)))
                return wrong(r, v, at, m->type == MEMBER_INT32 ? "a whole number of 32 bits" : "a whole number of 64 bits");
        *ret = value_i64(i, r->arena);
        return true;
}

static bool read_double(const struct reader *r, const struct value *v, const struct place *at, struct value *ret)
{
        double d;
        if (value_to_double(v, &d)) {
                *ret = value_copy(v, r->arena);
                return true;
        }
        /* proto3 also writes numbers as text; its NaN and infinities are no values of ours */
        if (!r->camel || v->kind != VALUE_STRING || !value_is_number_text(v->text) || !str_to_double(v->text, &d))
                return wrong(r, v, at, "a number");
        *ret = (struct value){.kind = VALUE_NUMBER, .text = arena_str(r->arena, v->text)};
        return true;
}

static bool read_object(const struct reader *r, const struct value *v, const struct member *table, const struct place *at, struct value *ret);

static bool read_map(const struct reader *r, const struct value *v, const struct member *m, const struct place *at, struct value *ret)
{
        struct map_builder b = {.arena = r->arena};
        if (v->kind != VALUE_MAP)
                return wrong(r, v, at, "a map");
        if (!m->members) {
                *ret = value_copy(v, r->arena);
                return true;
        }
        for (size_t i = 0; i < v->map.n; i++) {
                const struct value_member *x = &v->map.members[i];
                struct value item;
                if (!read_object(r, &x->value, m->members, &(struct place){at, x->key, NO_INDEX}, &item))
                        return false;
                map_push(&b, arena_str(r->arena, x->key), item);
        }
        *ret = value_map(b.members, b.n);
        return true;
}

static bool read_one(const struct reader *r, const struct value *v, const struct member *m, const struct place *at, struct value *ret)
{
        struct wall t;
        switch (m->type) {
        case MEMBER_STRING:
                if (v->kind != VALUE_STRING)
                        return wrong(r, v, at, "a text");
                break;
        case MEMBER_BOOL:
                if (v->kind != VALUE_BOOL)
                        return wrong(r, v, at, "true or false");
                break;
        case MEMBER_TIME:
                if (v->kind != VALUE_STRING || !wall_parse(v->text, &t))
                        return wrong(r, v, at, "a time as in 2026-01-02T03:04:05Z");
                break;
        case MEMBER_INT32:
        case MEMBER_INT64:
                return read_integer(r, v, m, at, ret);
        case MEMBER_DOUBLE:
                return read_double(r, v, at, ret);
        case MEMBER_ENUM:
                return read_enum(r, v, m, at, ret);
        case MEMBER_MAP:
                return read_map(r, v, m, at, ret);
        case MEMBER_OBJECT:
                return read_object(r, v, m->members, at, ret);
        case MEMBER_ANY:
                break;
        }
        *ret = value_copy(v, r->arena);
        return true;
}

static bool read_list(const struct reader *r, const struct value *v, const struct member *m, const struct place *at, struct value *ret)
{
        if (v->kind != VALUE_LIST)
                return wrong(r, v, at, "a list");
        struct value *items = ARENA_ARRAY(r->arena, struct value, v->list.n ? v->list.n : 1);
        for (size_t i = 0; i < v->list.n; i++)
                if (!read_one(r, &v->list.items[i], m, &(struct place){at, STR_NONE, i}, &items[i]))
                        return false;
        *ret = value_list(items, v->list.n);
        return true;
}

static bool read_object(const struct reader *r, const struct value *v, const struct member *table, const struct place *at, struct value *ret)
{
        struct map_builder b = {.arena = r->arena};
        char where[PLACE_MAX];
        if (v->kind != VALUE_MAP)
                return wrong(r, v, at, "a map");
        for (size_t i = 0; i < v->map.n; i++) {
                const struct value_member *x = &v->map.members[i];
                const struct member *m = find(r, table, x->key);
                struct value item;
                if (!m)
                        return unknown(r, table, x, at);
                if (x->value.kind == VALUE_NULL)
                        continue;
                const struct place inside = {at, str_from(m->name), NO_INDEX};
                for (size_t k = 0; k < b.n; k++)
                        if (str_eq_c(b.members[k].key, m->name))
                                return error_at(r->error, ERROR_INVALID, x->line, x->column, "%s is there twice", place_text(&inside, where));
                if (!(m->list ? read_list : read_one)(r, &x->value, m, &inside, &item))
                        return false;
                item.line = x->value.line;
                item.column = x->value.column;
                map_push(&b, str_from(m->name), item);
        }
        *ret = value_map(b.members, b.n);
        for (const struct member *m = table; m->name; m++)
                if (m->required && !value_get_c(ret, m->name))
                        return error_at(r->error, ERROR_INVALID, v->line, v->column, "%s is missing", place_text(&(struct place){at, str_from(m->name), NO_INDEX}, where));
        return true;
}

bool members_read(const struct value *v, const struct member *table, bool camel, struct arena *a, struct value *ret, struct error *e)
{
        const struct reader r = {camel, a, e};
        const struct place top = {NULL, STR_NONE, NO_INDEX};
        return read_object(&r, v, table, &top, ret);
}
