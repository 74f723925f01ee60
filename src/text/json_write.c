#include "text/json.h"
#include <stdlib.h>

/* The letter of a character's short escape, as Go (from 1.22) and Python write it, or 0. */
static char short_escape(unsigned char c)
{
        switch (c) {
        case '"':
        case '\\':
                return (char)c;
        case '\b':
                return 'b';
        case '\f':
                return 'f';
        case '\n':
                return 'n';
        case '\r':
                return 'r';
        case '\t':
                return 't';
        default:
                return 0;
        }
}

/* Bytes that are no UTF-8 become U+FFFD, as Go writes them: what is written can always be read. */
static void string(struct str s, unsigned style, struct buf *b)
{
        static const char hex[] = "0123456789abcdef";
        /* All that is not written as it is, in one style at least. */
        static const bool special[256] = {[0 ... 31] = true, ['"'] = true, ['\\'] = true, ['<'] = true, ['>'] = true, ['&'] = true, [128 ... 255] = true};
        char letter;
        size_t from = 0, valid = 0; /* bytes up to `valid` are known to be UTF-8 */
        size_t plain = 0;
        while (plain < s.n && !special[(unsigned char)s.p[plain]])
                plain++;
        if (plain == s.n && buf_reserve(b, s.n + 2)) { /* most are: one step instead of three */
                char *p = b->p + b->n;
                *p++ = '"';
                if (s.n)
                        memcpy(p, s.p, s.n);
                p[s.n] = '"';
                p[s.n + 1] = 0;
                b->n += s.n + 2;
                return;
        }
        buf_add_char(b, '"');
        for (size_t i = plain; i < s.n; i++) {
                unsigned char c = (unsigned char)s.p[i];
                if (!special[c])
                        continue;
                if (c >= 0x80 && i >= valid) {
                        valid = i + str_utf8_prefix(str_sub(s, i, s.n));
                        if (i == valid) {
                                buf_add(b, str_sub(s, from, i));
                                buf_add_c(b, "\xEF\xBF\xBD");
                                from = i + 1;
                                continue;
                        }
                }
                bool html = (style & JSON_HTML) && (c == '<' || c == '>' || c == '&');
                bool separator = (style & JSON_HTML) && c == 0xE2 && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0x80 &&
                                 ((unsigned char)s.p[i + 2] & 0xFE) == 0xA8; /* U+2028 and U+2029 */
                if (c >= ' ' && c != '"' && c != '\\' && !html && !separator)
                        continue;
                buf_add(b, str_sub(s, from, i));
                from = i + 1;
                if (separator) {
                        buf_addf(b, "\\u202%x", (unsigned char)s.p[i + 2] - 0xA0u);
                        i += 2;
                        from = i + 1;
                } else if ((letter = short_escape(c)))
                        buf_add(b, (struct str){(char[]){'\\', letter}, 2});
                else
                        buf_add(b, (struct str){(char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6});
        }
        buf_add(b, str_sub(s, from, s.n));
        buf_add_char(b, '"');
}

void json_write_string(struct str s, unsigned style, struct buf *out) { string(s, style, out); }

static void line(struct buf *b, unsigned style, unsigned depth)
{
        if (!(style & JSON_INDENT))
                return;
        buf_add_char(b, '\n');
        for (unsigned i = 0; i < depth; i++)
                buf_add_c(b, "  ");
}

static int by_key(const void *a, const void *b)
{
        const struct value_member *const *x = a, *const *y = b;
        return str_cmp((*x)->key, (*y)->key);
}

static void write(const struct value *v, unsigned style, unsigned depth, struct buf *b);

static void comma(struct buf *b, unsigned style, bool first, unsigned depth)
{
        if (!first) {
                buf_add_char(b, ',');
                if ((style & JSON_SPACED) && !(style & JSON_INDENT))
                        buf_add_char(b, ' ');
        }
        line(b, style, depth);
}

static void map(const struct value *v, unsigned style, unsigned depth, struct buf *b)
{
        const struct value_member **order = NULL;
        if ((style & JSON_SORTED) && v->map.n > 1) {
                order = malloc(v->map.n * sizeof *order);
                if (!order)
                        abort();
                for (size_t i = 0; i < v->map.n; i++)
                        order[i] = &v->map.members[i];
                qsort(order, v->map.n, sizeof *order, by_key);
        }
        buf_add_char(b, '{');
        for (size_t i = 0; i < v->map.n; i++) {
                const struct value_member *m = order ? order[i] : &v->map.members[i];
                comma(b, style, !i, depth + 1);
                string(m->key, style, b);
                buf_add(b, style & (JSON_INDENT | JSON_SPACED) ? STR(": ") : STR(":"));
                write(&m->value, style, depth + 1, b);
        }
        if (v->map.n)
                line(b, style, depth);
        buf_add_char(b, '}');
        free(order);
}

/* Values are as deep as their reader allowed: recursion is bounded. */
static void write(const struct value *v, unsigned style, unsigned depth, struct buf *b)
{
        switch (v->kind) {
        case VALUE_NULL:
                buf_add(b, STR("null"));
                break;
        case VALUE_BOOL:
                buf_add(b, v->boolean ? STR("true") : STR("false"));
                break;
        case VALUE_NUMBER:
                buf_add(b, v->text);
                break;
        case VALUE_STRING:
                string(v->text, style, b);
                break;
        case VALUE_LIST:
                buf_add_char(b, '[');
                for (size_t i = 0; i < v->list.n; i++) {
                        comma(b, style, !i, depth + 1);
                        write(&v->list.items[i], style, depth + 1, b);
                }
                if (v->list.n)
                        line(b, style, depth);
                buf_add_char(b, ']');
                break;
        case VALUE_MAP:
                map(v, style, depth, b);
                break;
        }
}

void json_write(const struct value *v, unsigned style, struct buf *out) { write(v, style, 0, out); }

struct str json_text(const struct value *v, unsigned style, struct arena *a)
{
        struct buf b = BUF((size_t)1 << 30);
        write(v, style, 0, &b);
        struct str s = arena_str(a, buf_str(&b));
        buf_free(&b);
        return s;
}
