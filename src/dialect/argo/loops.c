/* Items of a loop: withItems, withParam, withSequence; how an item reads in a tag and in a node's name. */
#include "dialect/argo/argo.h"
#include <stdio.h>
#include <stdlib.h>

enum { SEQUENCE_MAX = 1000000 }; /* where no limit is known */

static struct str json_string(struct str s, struct arena *a)
{
        struct buf b = BUF((size_t)64 << 20);
        json_write_string(s, 0, &b);
        struct str out = arena_str(a, buf_str(&b));
        buf_free(&b);
        return out;
}

struct str argo_item_text(struct str json, struct arena *a)
{
        struct value v;
        if (!json_read(json, NULL, a, &v, NULL))
                return json;
        return v.kind == VALUE_STRING ? v.text : json_text(&v, JSON_SORTED, a);
}

/* A member as Go's %v prints Argo's items: texts bare, everything else as JSON. */
static void print_member(const struct value *v, struct buf *b)
{
        if (v->kind != VALUE_STRING) {
                json_write(v, JSON_SORTED, b);
                return;
        }
        size_t from = b->n;
        json_write_string(v->text, 0, b); /* Argo puts the text into JSON: escapes stay, the quotes go */
        if (b->n >= from + 2) {
                memmove(b->p + from, b->p + from + 1, b->n - from - 2);
                b->n -= 2;
        }
}

static int by_key(const void *a, const void *b) { return str_cmp((*(const struct value_member *const *)a)->key, (*(const struct value_member *const *)b)->key); }

static void print_map(const struct value *v, struct arena *a, struct buf *b)
{
        const struct value_member **sorted = arena_alloc_array(a, sizeof *sorted, v->map.n + 1);
        for (size_t i = 0; i < v->map.n; i++)
                sorted[i] = &v->map.members[i];
        qsort(sorted, v->map.n, sizeof *sorted, by_key);
        for (size_t i = 0; i < v->map.n; i++) {
                buf_addf(b, "%s%.*s:", i ? "," : "", STR_FMT(sorted[i]->key));
                print_member(&sorted[i]->value, b);
        }
}

struct str argo_item_name(struct str json, uint32_t index, struct arena *a)
{
        struct value v;
        struct buf b = BUF((size_t)64 << 20);
        if (!json_read(json, NULL, a, &v, NULL))
                v = value_null;
        if (v.kind == VALUE_MAP)
                print_map(&v, a, &b);
        else if (v.kind == VALUE_LIST || v.kind == VALUE_NULL) {
                buf_add_char(&b, '[');
                for (size_t i = 0; v.kind == VALUE_LIST && i < v.list.n; i++) {
                        buf_add_c(&b, i ? " " : "");
                        print_member(&v.list.items[i], &b);
                }
                buf_add_char(&b, ']');
        } else
                print_member(&v, &b);
        char *out = arena_alloc_raw(a, b.n + 24, 1);
        size_t n = (size_t)snprintf(out, 24, "%u:", index);
        for (size_t i = 0; i < b.n; i++)
                if (b.p[i] != '(' && b.p[i] != ')')
                        out[n++] = b.p[i];
        buf_free(&b);
        return (struct str){out, n};
}

/* ---- what Go's JSON decoder says about a text that is none ---- */

struct scan { struct str s; size_t at; struct arena *a; struct str trouble; };

static bool wrong(struct scan *c, const char *context)
{
        if (c->trouble.n)
                return false;
        if (c->at >= c->s.n) {
                c->trouble = STR("unexpected end of JSON input");
                return false;
        }
        /* A whole character, as Go quotes it. */
        size_t n = 1;
        unsigned char lead = (unsigned char)c->s.p[c->at];
        if (lead >= 0xc0)
                while (n < 4 && c->at + n < c->s.n && ((unsigned char)c->s.p[c->at + n] & 0xc0) == 0x80)
                        n++;
        struct str ch = str_sub(c->s, c->at, c->at + n);
        const char *shown = lead == '\'' ? "\\'" : lead == '\n' ? "\\n" : lead == '\t' ? "\\t" : lead == '\r' ? "\\r" : lead == '\\' ? "\\\\" : NULL;
        c->trouble = shown ? arena_printf(c->a, "invalid character '%s' %s", shown, context) : arena_printf(c->a, "invalid character '%.*s' %s", STR_FMT(ch), context);
        return false;
}

static void spaces(struct scan *c)
{
        while (c->at < c->s.n && strchr(" \t\r\n", c->s.p[c->at]))
                c->at++;
}

static bool scan_value(struct scan *c, int depth);

static bool scan_string(struct scan *c)
{
        for (c->at++;; c->at++) {
                if (c->at >= c->s.n)
                        return wrong(c, "");
                unsigned char ch = (unsigned char)c->s.p[c->at];
                if (ch == '"') {
                        c->at++;
                        return true;
                }
                if (ch < 0x20)
                        return wrong(c, "in string literal");
                if (ch != '\\')
                        continue;
                c->at++;
                if (c->at >= c->s.n)
                        return wrong(c, "");
                if (!strchr("\"\\/bfnrtu", c->s.p[c->at]))
                        return wrong(c, "in string escape code");
        }
}

static bool scan_literal(struct scan *c, const char *word)
{
        for (size_t i = 0; word[i]; i++, c->at++)
                if (c->at >= c->s.n || c->s.p[c->at] != word[i]) {
                        char context[64];
                        snprintf(context, sizeof context, "in literal %s (expecting '%c')", word, word[i]);
                        return wrong(c, context);
                }
        return true;
}

static bool digits(struct scan *c, const char *context)
{
        if (c->at >= c->s.n || c->s.p[c->at] < '0' || c->s.p[c->at] > '9')
                return wrong(c, context);
        while (c->at < c->s.n && c->s.p[c->at] >= '0' && c->s.p[c->at] <= '9')
                c->at++;
        return true;
}

static bool scan_number(struct scan *c)
{
        if (c->s.p[c->at] == '-')
                c->at++;
        if (c->at < c->s.n && c->s.p[c->at] == '0')
                c->at++;
        else if (!digits(c, "in numeric literal"))
                return false;
        if (c->at < c->s.n && c->s.p[c->at] == '.') {
                c->at++;
                if (!digits(c, "after decimal point in numeric literal"))
                        return false;
        }
        if (c->at < c->s.n && (c->s.p[c->at] == 'e' || c->s.p[c->at] == 'E')) {
                c->at++;
                if (c->at < c->s.n && (c->s.p[c->at] == '+' || c->s.p[c->at] == '-'))
                        c->at++;
                return digits(c, "in exponent of numeric literal");
        }
        return true;
}

static bool scan_object(struct scan *c, int depth)
{
        c->at++;
        spaces(c);
        if (c->at < c->s.n && c->s.p[c->at] == '}') {
                c->at++;
                return true;
        }
        for (;;) {
                spaces(c);
                if (c->at >= c->s.n || c->s.p[c->at] != '"')
                        return wrong(c, "looking for beginning of object key string");
                if (!scan_string(c))
                        return false;
                spaces(c);
                if (c->at >= c->s.n || c->s.p[c->at] != ':')
                        return wrong(c, "after object key");
                c->at++;
                if (!scan_value(c, depth + 1))
                        return false;
                spaces(c);
                if (c->at < c->s.n && c->s.p[c->at] == '}') {
                        c->at++;
                        return true;
                }
                if (c->at >= c->s.n || c->s.p[c->at] != ',')
                        return wrong(c, "after object key:value pair");
                c->at++;
        }
}

static bool scan_list(struct scan *c, int depth)
{
        c->at++;
        spaces(c);
        if (c->at < c->s.n && c->s.p[c->at] == ']') {
                c->at++;
                return true;
        }
        for (;;) {
                if (!scan_value(c, depth + 1))
                        return false;
                spaces(c);
                if (c->at < c->s.n && c->s.p[c->at] == ']') {
                        c->at++;
                        return true;
                }
                if (c->at >= c->s.n || c->s.p[c->at] != ',')
                        return wrong(c, "after array element");
                c->at++;
        }
}

static bool scan_value(struct scan *c, int depth)
{
        enum { DEPTH_MAX = 200 };
        spaces(c);
        if (depth > DEPTH_MAX) {
                c->trouble = STR("exceeded max depth");
                return false;
        }
        if (c->at >= c->s.n)
                return wrong(c, "");
        switch (c->s.p[c->at]) {
        case '{': return scan_object(c, depth);
        case '[': return scan_list(c, depth);
        case '"': return scan_string(c);
        case 't': return scan_literal(c, "true");
        case 'f': return scan_literal(c, "false");
        case 'n': return scan_literal(c, "null");
        default: break;
        }
        if (c->s.p[c->at] == '-' || (c->s.p[c->at] >= '0' && c->s.p[c->at] <= '9'))
                return scan_number(c);
        return wrong(c, "looking for beginning of value");
}

bool argo_json_trouble(struct str text, struct arena *a, struct str *ret)
{
        struct scan c = {.s = text, .a = a};
        bool ok = scan_value(&c, 0);
        spaces(&c);
        if (ok && c.at < c.s.n)
                ok = wrong(&c, "after top-level value");
        *ret = c.trouble;
        return !ok;
}

/* ---- the three kinds of loop ---- */

static bool put_items(const struct value *list, struct vars *v, struct items *ret)
{
        ret->texts = arena_alloc_array(v->arena, sizeof *ret->texts, list->list.n + 1);
        ret->n = list->list.n;
        for (size_t i = 0; i < list->list.n; i++)
                ret->texts[i] = json_text(&list->list.items[i], JSON_SORTED, v->arena);
        return true;
}

static bool with_items(const struct argo_task *t, struct vars *v, struct items *ret, struct error *e)
{
        put_items(t->items, v, ret);
        for (size_t i = 0; i < ret->n; i++) {
                struct str s;
                bool tagged = argo_has_tag(ret->texts[i]);
                if (!tagged)
                        continue;
                if (t->item_texts[i].given) {
                        if (!argo_render(&t->item_texts[i], v, &s, e))
                                return false;
                        ret->texts[i] = json_string(s, v->arena);
                } else if (!argo_render_text(ret->texts[i], v, &ret->texts[i], e))
                        return false;
        }
        return true;
}

static bool with_param(const struct argo_task *t, struct vars *v, struct items *ret, struct error *e)
{
        struct str text, trouble;
        struct value list;
        if (!argo_render(&t->param, v, &text, e))
                return false;
        if (v->left_tag.n)
                return error_set(e, ERROR_INVALID, "withParam: there is no value for %.*s (was the step that gives it skipped?)", STR_FMT(v->left_tag));
        if (argo_json_trouble(text, v->arena, &trouble))
                return error_set(e, ERROR_INVALID, "withParam value could not be parsed as a JSON list: %.*s: %.*s", STR_FMT(text), STR_FMT(trouble));
        if (!json_read(text, NULL, v->arena, &list, e))
                return error_wrap(e, "withParam value could not be parsed as a JSON list");
        if (list.kind == VALUE_NULL)
                return true;
        if (list.kind != VALUE_LIST)
                return error_set(e, ERROR_INVALID, "withParam value could not be parsed as a JSON list: %.*s: json: cannot unmarshal %s into Go value of type []v1alpha1.Item", STR_FMT(text),
                                 list.kind == VALUE_BOOL ? "bool" : list.kind == VALUE_MAP ? "object" : value_kind_name(list.kind));
        return put_items(&list, v, ret);
}

static bool whole(const struct atext *t, struct vars *v, const char *what, int64_t *ret, struct error *e)
{
        struct str s;
        if (!argo_render(t, v, &s, e))
                return false;
        if (!str_to_i64(str_trim(s), ret))
                return error_set(e, ERROR_INVALID, "withSequence: %s is '%.*s', which is no whole number", what, STR_FMT(s));
        return true;
}

/* Go's Printf with one integer: %d %x %X %o %b %c %v with flags and width; what is wrong shows as Go shows it. */
static struct str go_format(struct str f, int64_t n, struct arena *a)
{
        struct buf b = BUF(65536);
        bool used = false;
        for (size_t i = 0; i < f.n; i++) {
                if (f.p[i] != '%') {
                        buf_add_char(&b, f.p[i]);
                        continue;
                }
                size_t from = i++;
                while (i < f.n && strchr("-+# 0", f.p[i]))
                        i++;
                while (i < f.n && f.p[i] >= '0' && f.p[i] <= '9')
                        i++;
                if (i >= f.n) {
                        buf_add_c(&b, "%!(NOVERB)");
                        break;
                }
                char verb = f.p[i];
                if (verb == '%') {
                        buf_add_char(&b, '%');
                        continue;
                }
                if (used) {
                        buf_addf(&b, "%%!%c(BADINDEX)", verb);
                        continue;
                }
                used = true;
                struct str flags = str_sub(f, from + 1, i);
                if (!strchr("dxXov", verb) || flags.n > 8) {
                        buf_addf(&b, "%%!%c(int=%lld)", verb, (long long)n);
                        continue;
                }
                char spec[24];
                snprintf(spec, sizeof spec, "%%%.*sll%c", STR_FMT(flags), verb == 'v' ? 'd' : verb);
                bool negative = n < 0 && (verb == 'x' || verb == 'X' || verb == 'o');
                if (negative)
                        buf_add_char(&b, '-');
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                buf_addf(&b, spec, (long long)(negative ? -n : n));
#pragma GCC diagnostic pop
        }
        if (!used)
                buf_addf(&b, "%%!(EXTRA int=%lld)", (long long)n);
        struct str s = arena_str(a, buf_str(&b));
        buf_free(&b);
        return s;
}

static bool with_sequence(const struct argo_task *t, struct vars *v, struct items *ret, struct error *e)
{
        const struct argo_sequence *q = &t->sequence;
        int64_t start = 0, end = 0, count = 0;
        struct str format = STR_NONE;
        if (q->start.given && !whole(&q->start, v, "start", &start, e))
                return false;
        if (q->end.given) {
                if (!whole(&q->end, v, "end", &end, e))
                        return false;
        } else if (q->count.given) {
                if (!whole(&q->count, v, "count", &count, e))
                        return false;
                if (!count)
                        return true;
                if (__builtin_add_overflow(start, count - 1, &end))
                        return error_set(e, ERROR_INVALID, "withSequence: start and count are too large");
        } else
                return error_set(e, ERROR_INVALID, "neither end nor count was specified in withSequence");
        if (q->format.given && !argo_render(&q->format, v, &format, e))
                return false;
        int64_t n, most = v->site->items_max ? v->site->items_max : SEQUENCE_MAX;
        if (__builtin_sub_overflow(end > start ? end : start, end > start ? start : end, &n) || n >= most)
                return error_set(e, ERROR_LIMIT, "the fan-out has more than %lld items, the limit (setting engine.items_max)", (long long)most);
        ret->n = (size_t)n + 1;
        ret->texts = arena_alloc_array(v->arena, sizeof *ret->texts, ret->n);
        for (size_t i = 0; i < ret->n; i++) {
                int64_t x = end >= start ? start + (int64_t)i : start - (int64_t)i;
                ret->texts[i] = format.n ? json_string(go_format(format, x, v->arena), v->arena) : arena_printf(v->arena, "\"%lld\"", (long long)x);
        }
        return true;
}

bool argo_items(const struct argo_task *t, struct vars *v, struct items *ret, struct error *e)
{
        *ret = (struct items){.message = STR("Skipped, empty params")};
        if (t->items)
                return with_items(t, v, ret, e);
        return t->param.given ? with_param(t, v, ret, e) : with_sequence(t, v, ret, e);
}
