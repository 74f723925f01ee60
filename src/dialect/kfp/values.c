/* Types of KFP parameters, conversions between them, and their text forms. */
#include "dialect/kfp/kfp.h"
#include "text/json.h"
#include <strings.h>

const struct val kfp_null = {VAL_JSON, {"null", 4}};

static const struct { const char *name, *for_people; } types[KFP_TYPES] = {
        [KFP_STRING] = {"STRING", "a string"},
        [KFP_INTEGER] = {"NUMBER_INTEGER", "an integer"},
        [KFP_DOUBLE] = {"NUMBER_DOUBLE", "a number"},
        [KFP_BOOLEAN] = {"BOOLEAN", "true or false"},
        [KFP_LIST] = {"LIST", "a list in JSON"},
        [KFP_STRUCT] = {"STRUCT", "a map in JSON"},
        [KFP_FINAL_STATUS] = {"TASK_FINAL_STATUS", "the final status of a task"},
        [KFP_TASK_CONFIG] = {"TASK_CONFIG", "the configuration of a task"},
};

bool kfp_type_parse(struct str name, enum kfp_type *ret)
{
        for (int i = 0; i < KFP_TYPES; i++)
                if (str_eq_c(name, types[i].name)) {
                        *ret = (enum kfp_type)i;
                        return true;
                }
        return false;
}

const char *kfp_type_name(enum kfp_type t) { return types[t].for_people; }

static bool plain_integer(struct str s)
{
        for (size_t i = s.n && s.p[0] == '-'; i < s.n; i++)
                if (s.p[i] < '0' || s.p[i] > '9')
                        return false;
        return s.n > 0;
}

static struct value normal_number(const struct value *v, struct arena *a)
{
        double d;
        if (plain_integer(v->text) || !value_to_double(v, &d))
                return *v;
        if (d > -1e15 && d < 1e15 && d == (double)(int64_t)d)
                return value_i64((int64_t)d, a);
        return value_double(d, a);
}

/* Depth is bounded by the reader of the document or of the JSON text. */
struct value kfp_map_numbers(const struct value *v, struct value (*number)(const struct value *, struct arena *), struct arena *a)
{
        struct value out = *v;
        switch (v->kind) {
        case VALUE_NUMBER:
                out = number(v, a);
                break;
        case VALUE_LIST:
                out.list.items = ARENA_ARRAY(a, struct value, v->list.n + 1);
                for (size_t i = 0; i < v->list.n; i++)
                        out.list.items[i] = kfp_map_numbers(&v->list.items[i], number, a);
                break;
        case VALUE_MAP:
                out.map.members = ARENA_ARRAY(a, struct value_member, v->map.n + 1);
                for (size_t i = 0; i < v->map.n; i++) {
                        out.map.members[i] = v->map.members[i];
                        out.map.members[i].value = kfp_map_numbers(&v->map.members[i].value, number, a);
                }
                break;
        case VALUE_NULL:
        case VALUE_BOOL:
        case VALUE_STRING:
                break;
        }
        return out;
}

struct value kfp_normal(const struct value *v, struct arena *a) { return kfp_map_numbers(v, normal_number, a); }

const struct value *kfp_written(const struct value *v, enum kfp_type type, struct arena *a)
{
        bool exponent = v->kind == VALUE_NUMBER && (str_find_char(v->text, 'e', 0) != SIZE_MAX || str_find_char(v->text, 'E', 0) != SIZE_MAX);
        if (type != KFP_STRING || !exponent || str_find_char(v->text, '.', 0) != SIZE_MAX)
                return v;
        struct value *out = ARENA_NEW(a, struct value);
        *out = value_string(v->text);
        out->line = v->line;
        out->column = v->column;
        return out;
}

struct val kfp_val(const struct value *v, struct arena *a)
{
        if (v->kind == VALUE_STRING)
                return val_text(v->text);
        struct value n = kfp_normal(v, a);
        return val_json(json_text(&n, JSON_COMPACT, a));
}

struct value kfp_value(struct val v, struct arena *a)
{
        struct value out;
        if (v.kind == VAL_NONE)
                return value_null;
        if (v.kind == VAL_TEXT || !json_read(v.text, NULL, a, &out, NULL))
                return value_string(v.text);
        return out;
}

bool kfp_is_null(struct val v) { return v.kind == VAL_NONE || (v.kind == VAL_JSON && str_eq_c(v.text, "null")); }

struct str kfp_text(struct val v, struct arena *a)
{
        if (kfp_is_null(v))
                return STR("");
        if (v.kind == VAL_TEXT)
                return v.text;
        struct value x = kfp_value(v, a);
        if (x.kind == VALUE_STRING)
                return x.text;
        x = kfp_normal(&x, a);
        return json_text(&x, JSON_COMPACT, a);
}

static bool wrong(struct val v, enum kfp_type type, struct str what, struct error *e)
{
        return error_set(e, ERROR_INVALID, "%.*s must be %s, and is %s%.*s%s", STR_FMT(what), types[type].for_people,
                         v.kind == VAL_TEXT ? "'" : "", STR_FMT(str_sub(v.text, 0, 200)), v.kind == VAL_TEXT ? "'" : "");
}

static bool to_number(struct value x, enum kfp_type type, struct arena *a, struct value *ret)
{
        if (x.kind == VALUE_STRING) {
                struct str t = str_trim(x.text);
                double d;
                if (value_is_number_text(t))
                        x = (struct value){.kind = VALUE_NUMBER, .text = t};
                else if (t.n && t.p[0] != '+' && t.n < 64 && str_to_double(t, &d) && d - d == 0)
                        x = value_double(d, a);
        }
        if (x.kind != VALUE_NUMBER)
                return false;
        int64_t i;
        double d;
        if (!value_to_double(&x, &d) || (type == KFP_INTEGER && !plain_integer(x.text) && !value_to_i64(&x, &i)))
                return false;
        *ret = x;
        return true;
}

static bool to_boolean(struct value x, struct value *ret)
{
        if (x.kind == VALUE_STRING) {
                struct str t = str_trim(x.text);
                bool yes = t.n == 4 && !strncasecmp(t.p, "true", 4), no = t.n == 5 && !strncasecmp(t.p, "false", 5);
                if (yes || no)
                        x = value_bool(yes);
        }
        *ret = x;
        return x.kind == VALUE_BOOL;
}

bool kfp_convert(struct val v, enum kfp_type type, struct str what, struct arena *a, struct val *ret, struct error *e)
{
        if (kfp_is_null(v)) {
                *ret = kfp_null;
                return true;
        }
        struct value x = kfp_value(v, a), parsed;
        switch (type) {
        case KFP_STRING:
                *ret = val_text(kfp_text(v, a));
                return true;
        case KFP_INTEGER:
        case KFP_DOUBLE:
                if (!to_number(x, type, a, &x))
                        return wrong(v, type, what, e);
                break;
        case KFP_BOOLEAN:
                if (!to_boolean(x, &x))
                        return wrong(v, type, what, e);
                break;
        case KFP_LIST:
        case KFP_STRUCT:
        case KFP_FINAL_STATUS:
        case KFP_TASK_CONFIG:
                if (x.kind == VALUE_STRING && json_read(str_trim(x.text), NULL, a, &parsed, NULL))
                        x = parsed;
                if (x.kind != (type == KFP_LIST ? VALUE_LIST : VALUE_MAP))
                        return wrong(v, type, what, e);
                break;
        case KFP_TYPES:
                break;
        }
        *ret = kfp_val(&x, a);
        return true;
}

static struct str list_literals(const struct value *literals, struct arena *a)
{
        struct str out = STR("");
        for (size_t i = 0; i < literals->list.n && i < 20; i++) {
                const struct value *x = &literals->list.items[i];
                struct str text = kfp_text(kfp_val(x, a), a);
                const char *quote = x->kind == VALUE_STRING ? "'" : "";
                out = arena_printf(a, "%.*s%s%s%.*s%s", STR_FMT(out), i ? ", " : "", quote, STR_FMT(text), quote);
        }
        return out;
}

bool kfp_fit(struct val v, const struct kfp_param *p, struct str what, struct arena *a, struct val *ret, struct error *e)
{
        if (!kfp_convert(v, p->type, what, a, ret, e))
                return false;
        if (!p->literals || !p->literals->list.n || kfp_is_null(*ret))
                return true;
        for (size_t i = 0; i < p->literals->list.n; i++) {
                struct val x;
                if (kfp_convert(kfp_val(&p->literals->list.items[i], a), p->type, what, a, &x, NULL) && str_eq(x.text, ret->text))
                        return true;
        }
        return error_set(e, ERROR_INVALID, "%.*s must be one of %.*s, and is '%.*s'", STR_FMT(what), STR_FMT(list_literals(p->literals, a)),
                         STR_FMT(str_sub(ret->text, 0, 200)));
}
