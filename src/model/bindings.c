#include "model/bindings.h"
#include "text/json.h"

const struct val *bindings_param(const struct bindings *b, struct str name)
{
        for (size_t i = 0; b && i < b->params_n; i++)
                if (str_eq(b->params[i].name, name))
                        return &b->params[i].value;
        return NULL;
}

const struct artifact *bindings_artifact(const struct bindings *b, struct str name)
{
        for (size_t i = 0; b && i < b->artifacts_n; i++)
                if (str_eq(b->artifacts[i].name, name))
                        return &b->artifacts[i];
        return NULL;
}

struct bindings bindings_copy(const struct bindings *b, struct arena *a)
{
        struct bindings c = *b;
        c.params = arena_alloc_array(a, sizeof *c.params, b->params_n);
        c.artifacts = arena_alloc_array(a, sizeof *c.artifacts, b->artifacts_n);
        for (size_t i = 0; i < b->params_n; i++) {
                c.params[i] = b->params[i];
                c.params[i].name = arena_str(a, b->params[i].name);
                c.params[i].value.text = arena_str(a, b->params[i].value.text);
        }
        for (size_t i = 0; i < b->artifacts_n; i++) {
                const struct artifact *x = &b->artifacts[i];
                c.artifacts[i] = (struct artifact){arena_str(a, x->name),     arena_str(a, x->uri),    arena_str(a, x->type),
                                                   arena_str(a, x->metadata), arena_str(a, x->digest), x->size_bytes, x->list};
        }
        c.result.text = arena_str(a, b->result.text);
        return c;
}

static void field(struct buf *o, const char *key, struct str s)
{
        buf_addf(o, ",\"%s\":", key);
        json_write_string(s, 0, o);
}

static void val(struct buf *o, struct val v)
{
        if (v.kind == VAL_TEXT && !str_is_utf8(v.text)) {
                buf_add_c(o, ",\"x\":\"");
                for (size_t i = 0; i < v.text.n; i++)
                        buf_addf(o, "%02x", (unsigned char)v.text.p[i]);
                buf_add_char(o, '"');
        } else if (v.kind != VAL_NONE)
                field(o, v.kind == VAL_TEXT ? "t" : "j", v.text);
}

struct str bindings_encode(const struct bindings *b, struct arena *a)
{
        if (!b->params_n && !b->artifacts_n && b->result.kind == VAL_NONE)
                return STR("");
        struct buf o = BUF((size_t)1 << 30);
        buf_add_c(&o, "{\"p\":[");
        for (size_t i = 0; i < b->params_n; i++) {
                buf_add_c(&o, i ? ",{\"n\":" : "{\"n\":");
                json_write_string(b->params[i].name, 0, &o);
                val(&o, b->params[i].value);
                buf_add_c(&o, b->params[i].secret ? ",\"s\":true}" : "}");
        }
        buf_add_c(&o, "],\"a\":[");
        for (size_t i = 0; i < b->artifacts_n; i++) {
                const struct artifact *x = &b->artifacts[i];
                buf_add_c(&o, i ? ",{\"n\":" : "{\"n\":");
                json_write_string(x->name, 0, &o);
                if (x->uri.n)
                        field(&o, "u", x->uri);
                if (x->type.n)
                        field(&o, "t", x->type);
                if (x->metadata.n)
                        field(&o, "m", x->metadata);
                if (x->digest.n)
                        field(&o, "d", x->digest);
                buf_addf(&o, ",\"z\":%lld%s}", (long long)x->size_bytes, x->list ? ",\"l\":true" : "");
        }
        buf_add_c(&o, "]");
        val(&o, b->result);
        buf_add_c(&o, "}");
        struct str s = arena_str(a, buf_str(&o));
        buf_free(&o);
        return s;
}

static struct str text_of(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_STRING ? v->text : STR_NONE;
}

static bool flag(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_BOOL && v->boolean;
}

static struct str unhex(struct str s, struct arena *a)
{
        static const char digits[] = "0123456789abcdef";
        char *p = arena_alloc(a, s.n / 2 + 1);
        for (size_t i = 0; i + 1 < s.n; i += 2) {
                const char *high = memchr(digits, s.p[i], 16), *low = memchr(digits, s.p[i + 1], 16);
                p[i / 2] = (char)((high ? high - digits : 0) << 4 | (low ? low - digits : 0));
        }
        return (struct str){p, s.n / 2};
}

static struct val val_of(const struct value *map, struct arena *a)
{
        const struct value *t = value_get_c(map, "t"), *j = value_get_c(map, "j"), *x = value_get_c(map, "x");
        if (x && x->kind == VALUE_STRING)
                return val_text(unhex(x->text, a));
        if (t && t->kind == VALUE_STRING)
                return val_text(t->text);
        return j && j->kind == VALUE_STRING ? val_json(j->text) : VAL_NOTHING;
}

bool bindings_decode(struct str text, struct arena *a, struct bindings *ret, struct error *e)
{
        struct value v;
        *ret = (struct bindings){0};
        if (!text.n)
                return true;
        const struct json_limits own = {.bytes_max = (size_t)1 << 30}; /* what was stored kept its limits, and escapes make it longer */
        if (!json_read(text, &own, a, &v, e)) {
                if (e)
                        e->kind = ERROR_CORRUPT;
                return error_wrap(e, "reading stored values");
        }
        const struct value *p = value_get_c(&v, "p"), *x = value_get_c(&v, "a");
        if (!p || p->kind != VALUE_LIST || !x || x->kind != VALUE_LIST)
                return error_set(e, ERROR_CORRUPT, "reading stored values: not in the stored form");
        ret->params_n = p->list.n;
        ret->params = arena_alloc_array(a, sizeof *ret->params, p->list.n);
        for (size_t i = 0; i < p->list.n; i++)
                ret->params[i] = (struct param){text_of(&p->list.items[i], "n"), val_of(&p->list.items[i], a), flag(&p->list.items[i], "s")};
        ret->artifacts_n = x->list.n;
        ret->artifacts = arena_alloc_array(a, sizeof *ret->artifacts, x->list.n);
        for (size_t i = 0; i < x->list.n; i++) {
                const struct value *m = &x->list.items[i];
                struct artifact *o = &ret->artifacts[i];
                *o = (struct artifact){text_of(m, "n"), text_of(m, "u"), text_of(m, "t"), text_of(m, "m"), text_of(m, "d"), -1, flag(m, "l")};
                (void)value_to_i64(value_get_c(m, "z"), &o->size_bytes);
        }
        ret->result = val_of(&v, a);
        return true;
}
