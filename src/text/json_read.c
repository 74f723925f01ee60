/* One pass over the text. Nesting is recursion, bounded by depth_max. Columns count characters: the reader remembers where the current
 * line began, moved on by the bytes that only continue a character. Such bytes stand in strings alone. */
#include "text/json.h"
#include <stdlib.h>

struct reader {
        const char *p, *end, *line_start;
        struct str text;
        uint32_t line, depth_max;
        size_t values, values_max;
        struct arena *arena;
        struct error *e;
};

static uint32_t column(const struct reader *r, const char *at) { return (uint32_t)(at - r->line_start) + 1; }

static bool fail(struct reader *r, const char *what)
{
        return error_at_byte(r->e, ERROR_INVALID, r->text, (size_t)(r->p - r->text.p), "reading JSON: %s", what);
}

static void blank(struct reader *r)
{
        for (; r->p < r->end; r->p++) {
                char c = *r->p;
                if (c == '\n') {
                        r->line++;
                        r->line_start = r->p + 1;
                } else if (c != ' ' && c != '\t' && c != '\r')
                        return;
        }
}

static bool hex4(struct reader *r, uint32_t *ret)
{
        uint32_t v = 0;
        if (r->end - r->p < 4)
                return fail(r, "the text ends within an escape");
        for (int i = 0; i < 4; i++) {
                char c = *r->p++;
                int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
                if (d < 0)
                        return fail(r, "\\u needs four hexadecimal digits");
                v = v << 4 | (uint32_t)d;
        }
        *ret = v;
        return true;
}

static char *utf8(char *o, uint32_t v)
{
        if (v < 0x80)
                *o++ = (char)v;
        else if (v < 0x800) {
                *o++ = (char)(0xC0 | v >> 6);
                *o++ = (char)(0x80 | (v & 63));
        } else if (v < 0x10000) {
                *o++ = (char)(0xE0 | v >> 12);
                *o++ = (char)(0x80 | (v >> 6 & 63));
                *o++ = (char)(0x80 | (v & 63));
        } else {
                *o++ = (char)(0xF0 | v >> 18);
                *o++ = (char)(0x80 | (v >> 12 & 63));
                *o++ = (char)(0x80 | (v >> 6 & 63));
                *o++ = (char)(0x80 | (v & 63));
        }
        return o;
}

static bool escape(struct reader *r, char **o)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        if (r->p == r->end)
                return fail(r, "the text ends within a string");
        char c = *r->p++;
        const char *at = c ? strchr(from, c) : NULL;
        if (at) {
                *(*o)++ = to[at - from];
                return true;
        }
        uint32_t v, low;
        if (c != 'u')
                return fail(r, "unknown escape in a string");
        if (!hex4(r, &v))
                return false;
        if (v >= 0xD800 && v < 0xDC00) {
                if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
                        return fail(r, "half of a surrogate pair");
                r->p += 2;
                if (!hex4(r, &low))
                        return false;
                if (low < 0xDC00 || low > 0xDFFF)
                        return fail(r, "half of a surrogate pair");
                v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
        } else if (v >= 0xDC00 && v < 0xE000)
                return fail(r, "half of a surrogate pair");
        *o = utf8(*o, v);
        return true;
}

static bool string(struct reader *r, struct str *ret)
{
        const char *start = ++r->p;
        while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= ' ')
                r->line_start += ((unsigned char)*r->p++ & 0xC0) == 0x80;
        if (r->p < r->end && *r->p == '"') {
                *ret = (struct str){start, (size_t)(r->p++ - start)};
                return true;
        }
        const char *close = r->p; /* an upper bound of the length: escapes only shrink */
        while (close < r->end && *close != '"')
                close += *close == '\\' && close + 1 < r->end ? 2 : 1;
        char *out = arena_alloc_raw(r->arena, (size_t)(close - start) + 1, 1), *o = out + (r->p - start);
        memcpy(out, start, (size_t)(r->p - start));
        for (;;) {
                if (r->p >= r->end)
                        return fail(r, "the text ends within a string");
                char c = *r->p;
                if (c == '"')
                        break;
                if ((unsigned char)c < ' ')
                        return fail(r, "a control character in a string: write it as an escape");
                r->p++;
                r->line_start += ((unsigned char)c & 0xC0) == 0x80;
                if (c != '\\')
                        *o++ = c;
                else if (!escape(r, &o))
                        return false;
        }
        r->p++;
        *ret = (struct str){out, (size_t)(o - out)};
        return true;
}

static bool read_value(struct reader *r, uint32_t depth, struct value *ret);

static bool list(struct reader *r, uint32_t depth, struct value *ret)
{
        struct value *items = NULL;
        size_t n = 0, cap = 0;
        r->p++;
        blank(r);
        if (r->p < r->end && *r->p == ']')
                r->p++;
        else
                for (;;) {
                        if (n == cap) {
                                cap = cap ? cap * 2 : 4;
                                struct value *more = arena_alloc_raw(r->arena, cap * sizeof *more, 16);
                                if (n)
                                        memcpy(more, items, n * sizeof *more);
                                items = more;
                        }
                        if (!read_value(r, depth + 1, &items[n++]))
                                return false;
                        blank(r);
                        if (r->p == r->end)
                                return fail(r, "the text ends within a list");
                        char c = *r->p;
                        if (c != ',' && c != ']')
                                return fail(r, "expected ',' or ']' in a list");
                        r->p++;
                        if (c == ']')
                                break;
                }
        ret->kind = VALUE_LIST;
        ret->list.items = items;
        ret->list.n = n;
        return true;
}

static int by_key(const void *a, const void *b)
{
        const struct value_member *const *x = a, *const *y = b;
        int c = str_cmp((*x)->key, (*y)->key);
        return c ? c : (*x > *y) - (*x < *y);
}

static bool unique(struct reader *r, const struct value_member *m, size_t n)
{
        enum { FEW = 16 };
        const struct value_member *twice = NULL;
        if (n <= FEW) {
                for (size_t i = 1; i < n && !twice; i++)
                        for (size_t k = 0; k < i; k++)
                                if (str_eq(m[i].key, m[k].key))
                                        twice = &m[i];
        } else {
                const struct value_member **order = malloc(n * sizeof *order);
                if (!order)
                        abort();
                for (size_t i = 0; i < n; i++)
                        order[i] = &m[i];
                qsort(order, n, sizeof *order, by_key);
                for (size_t i = 1; i < n; i++)
                        if (str_eq(order[i]->key, order[i - 1]->key) && (!twice || order[i] < twice))
                                twice = order[i];
                free(order);
        }
        if (twice)
                return error_at(r->e, ERROR_INVALID, twice->line, twice->column, "reading JSON: the key '%.*s' stands twice in one object", STR_FMT(twice->key));
        return true;
}

static bool map(struct reader *r, uint32_t depth, struct value *ret)
{
        struct value_member *members = NULL;
        size_t n = 0, cap = 0;
        r->p++;
        blank(r);
        if (r->p < r->end && *r->p == '}')
                r->p++;
        else
                for (;;) {
                        if (n == cap) {
                                cap = cap ? cap * 2 : 4;
                                struct value_member *more = arena_alloc_raw(r->arena, cap * sizeof *more, 16);
                                if (n)
                                        memcpy(more, members, n * sizeof *more);
                                members = more;
                        }
                        struct value_member *m = &members[n++];
                        blank(r);
                        if (r->p == r->end || *r->p != '"')
                                return fail(r, "expected a key in double quotes");
                        m->line = r->line;
                        m->column = column(r, r->p);
                        if (!string(r, &m->key))
                                return false;
                        blank(r);
                        if (r->p == r->end || *r->p != ':')
                                return fail(r, "expected ':' after a key");
                        r->p++;
                        if (!read_value(r, depth + 1, &m->value))
                                return false;
                        blank(r);
                        if (r->p == r->end)
                                return fail(r, "the text ends within an object");
                        char c = *r->p;
                        if (c != ',' && c != '}')
                                return fail(r, "expected ',' or '}' in an object");
                        r->p++;
                        if (c == '}')
                                break;
                }
        ret->kind = VALUE_MAP;
        ret->map.members = members;
        ret->map.n = n;
        return unique(r, members, n);
}

static bool word(struct reader *r, const char *w)
{
        size_t n = strlen(w);
        if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n))
                return fail(r, "expected a value (strings need double quotes)");
        r->p += n;
        return true;
}

static bool number(struct reader *r, struct value *ret)
{
        const char *start = r->p;
        while (r->p < r->end && ((*r->p >= '0' && *r->p <= '9') || *r->p == '-' || *r->p == '+' || *r->p == '.' || *r->p == 'e' || *r->p == 'E'))
                r->p++;
        ret->kind = VALUE_NUMBER;
        ret->text = (struct str){start, (size_t)(r->p - start)};
        if (value_is_number_text(ret->text))
                return true;
        r->p = start;
        return fail(r, "this is no number as JSON writes them");
}

static bool read_value(struct reader *r, uint32_t depth, struct value *ret)
{
        blank(r);
        if (r->p == r->end)
                return fail(r, "the text ends where a value should be");
        if (depth == r->depth_max && (*r->p == '[' || *r->p == '{'))
                return error_at(r->e, ERROR_LIMIT, r->line, column(r, r->p), "reading JSON: nested more than %u deep", r->depth_max);
        if (r->values++ == r->values_max)
                return error_at(r->e, ERROR_LIMIT, r->line, column(r, r->p), "reading JSON: more than %zu values", r->values_max);
        memset(ret, 0, sizeof *ret);
        ret->line = r->line;
        ret->column = column(r, r->p);
        switch (*r->p) {
        case '{':
                return map(r, depth, ret);
        case '[':
                return list(r, depth, ret);
        case '"':
                ret->kind = VALUE_STRING;
                return string(r, &ret->text);
        case 't':
                ret->kind = VALUE_BOOL;
                ret->boolean = true;
                return word(r, "true");
        case 'f':
                ret->kind = VALUE_BOOL;
                return word(r, "false");
        case 'n':
                return word(r, "null");
        default:
                if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))
                        return number(r, ret);
                return fail(r, "expected a value (strings need double quotes)");
        }
}

bool json_read(struct str text, const struct json_limits *limits, struct arena *arena, struct value *ret, struct error *e)
{
        size_t bytes_max = limits && limits->bytes_max ? limits->bytes_max : (size_t)64 << 20;
        uint32_t depth_max = limits && limits->depth_max ? limits->depth_max : 200;
        if (text.n > bytes_max)
                return error_set(e, ERROR_LIMIT, "reading JSON: %zu bytes are more than the limit of %zu", text.n, bytes_max);
        size_t valid = str_utf8_prefix(text);
        if (valid < text.n)
                return error_at_byte(e, ERROR_INVALID, text, valid, "reading JSON: the byte 0x%02x is not UTF-8", (unsigned char)text.p[valid]);
        if (!text.p)
                text = STR("");
        struct reader r = {.p = text.p, .end = text.p + text.n, .line_start = text.p, .text = text, .line = 1, .depth_max = depth_max, .arena = arena, .e = e};
        r.values_max = limits && limits->values_max ? limits->values_max : 5000000;
        if (!read_value(&r, 0, ret))
                return false;
        blank(&r);
        if (r.p != r.end)
                return fail(&r, "something follows the value");
        return true;
}
