/* Block style; every string that another reader could take for something else is quoted, as JSON quotes it (which YAML reads too). */
#include "text/json.h"
#include "text/yaml.h"

static bool safe(struct str s)
{
        static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL};
        if (!s.n || s.n > 200)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
                bool inner = i && ((c >= '0' && c <= '9') || c == '-' || c == '.');
                if (!letter && !inner)
                        return false;
        }
        for (const char *const *w = words; *w; w++)
                if (s.n == strlen(*w)) {
                        bool same = true;
                        for (size_t i = 0; i < s.n; i++)
                                same &= (s.p[i] | 32) == (*w)[i];
                        if (same)
                                return false;
                }
        return true;
}

/* The character at `i` as a code point, and its bytes; U+FFFD for a byte that is no UTF-8. */
static uint32_t character(struct str s, size_t i, size_t *ret_n)
{
        unsigned char c = (unsigned char)s.p[i];
        size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        *ret_n = 1;
        if (!str_is_utf8(str_sub(s, i, i + n)) || n > s.n - i)
                return 0xFFFD;
        uint32_t v = n == 1 ? c : c & (0x7Fu >> n);
        for (size_t k = 1; k < n; k++)
                v = v << 6 | ((unsigned char)s.p[i + k] & 63u);
        *ret_n = n;
        return v;
}

/* JSON's quoting is not enough: YAML readers refuse control characters that JSON lets stand, and fold line separators. */
static void quoted(struct str s, struct buf *b)
{
        buf_add_char(b, '"');
        for (size_t i = 0, n; i < s.n; i += n) {
                uint32_t v = character(s, i, &n);
                bool plain = (v >= 0x20 && v < 0x7F) || (v >= 0xA0 && v != 0x2028 && v != 0x2029 && v != 0xFEFF && v != 0xFFFE && v != 0xFFFF);
                if (v == '"' || v == '\\')
                        buf_addf(b, "\\%c", (int)v);
                else if (v == '\n')
                        buf_add_c(b, "\\n");
                else if (v == '\t')
                        buf_add_c(b, "\\t");
                else if (!plain)
                        buf_addf(b, "\\u%04X", v);
                else if (v == 0xFFFD)
                        buf_add_c(b, "\xEF\xBF\xBD");
                else
                        buf_add(b, str_sub(s, i, i + n));
        }
        buf_add_char(b, '"');
}

static void text(struct str s, struct buf *b)
{
        if (safe(s))
                buf_add(b, s);
        else
                quoted(s, b);
}

static void indent(struct buf *b, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                buf_add_c(b, "  ");
}

/* YAML limits what stands before a colon to 1,024 characters; a longer key needs the mark of a key. */
static void key(struct str s, unsigned depth, struct buf *b)
{
        enum { SIMPLE_MAX = 160 }; /* even if every character becomes an escape */
        if (s.n <= SIMPLE_MAX) {
                text(s, b);
                return;
        }
        buf_add_c(b, "? ");
        quoted(s, b);
        buf_add_char(b, '\n');
        indent(b, depth);
}

static void write(const struct value *v, unsigned depth, bool after_dash, struct buf *b)
{
        if (v->kind == VALUE_MAP && v->map.n) {
                for (size_t i = 0; i < v->map.n; i++) {
                        const struct value *x = &v->map.members[i].value;
                        if (i || !after_dash)
                                indent(b, depth);
                        key(v->map.members[i].key, depth, b);
                        bool nested = (x->kind == VALUE_MAP && x->map.n) || (x->kind == VALUE_LIST && x->list.n);
                        buf_add_c(b, nested ? ":\n" : ": ");
                        write(x, depth + 1, false, b);
                }
        } else if (v->kind == VALUE_LIST && v->list.n) {
                for (size_t i = 0; i < v->list.n; i++) {
                        if (i || !after_dash)
                                indent(b, depth);
                        buf_add_c(b, "- ");
                        write(&v->list.items[i], depth + 1, true, b);
                }
        } else {
                if (v->kind == VALUE_STRING)
                        text(v->text, b);
                else
                        json_write(v, 0, b);
                buf_add_char(b, '\n');
        }
}

void yaml_write(const struct value *v, struct buf *out) { write(v, 0, false, out); }
