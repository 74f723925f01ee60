/* Our JSON reader and json-c's on the same texts, generated from a seed and damaged: both must take or refuse them, and see the same values.
 * Where json-c is known to be laxer, or to lose something, the difference is named here and nothing else is let through. */
#include <json.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/hash.h"
#include "text/json.h"

enum { DEPTH = 12, TEXTS = 30000 };

/* ---- texts from a seed ---- */

static void pick(struct random_source *r, const char *const *from, size_t n, struct buf *b) { buf_add_c(b, from[random_below(r, n)]); }

static void random_string(struct random_source *r, struct buf *b)
{
        static const char *const parts[] = {"a", "Z", "0", " ", "/", "\\/", "\\\"", "\\\\", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0041", "\\u0000", "\\u001f", "\\u00e9", "\\u20AC", "\\ud83d\\ude00",
                                            "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f", "\xe2\x80\xa8", "'", "{", "]", ",", ":", "//"};
        buf_add_char(b, '"');
        for (uint64_t n = random_below(r, 8); n; n--)
                pick(r, parts, sizeof parts / sizeof *parts, b);
        buf_add_char(b, '"');
}

static void random_number(struct random_source *r, struct buf *b)
{
        static const char *const numbers[] = {"0", "-0", "1", "-1", "0.1", "1.50", "1e3", "1E+3", "-2.5e-7", "12345678901234567890", "9223372036854775807", "-9223372036854775808", "1e308", "5e-324", "0.0", "100000000000000000000"};
        if (random_below(r, 2))
                pick(r, numbers, sizeof numbers / sizeof *numbers, b);
        else
                buf_addf(b, "%lld", (long long)(int64_t)random_next(r) >> random_below(r, 64));
}

static void blank(struct random_source *r, struct buf *b)
{
        static const char *const blanks[] = {"", "", "", " ", "\n", "\t", "\r\n", "  "};
        pick(r, blanks, sizeof blanks / sizeof *blanks, b);
}

static void random_value(struct random_source *r, unsigned depth, struct buf *b)
{
        static const char *const words[] = {"true", "false", "null"};
        uint64_t kind = random_below(r, depth ? 7 : 4), n = random_below(r, 5);
        blank(r, b);
        if (kind < 1)
                pick(r, words, 3, b);
        else if (kind < 2)
                random_number(r, b);
        else if (kind < 4)
                random_string(r, b);
        else if (kind < 5) {
                buf_add_char(b, '[');
                for (uint64_t i = 0; i < n; i++) {
                        buf_add_c(b, i ? "," : "");
                        random_value(r, depth - 1, b);
                }
                buf_add_char(b, ']');
        } else {
                buf_add_char(b, '{');
                for (uint64_t i = 0; i < n; i++) {
                        buf_add_c(b, i ? "," : "");
                        blank(r, b);
                        random_string(r, b);
                        blank(r, b);
                        buf_add_char(b, ':');
                        random_value(r, depth - 1, b);
                }
                buf_add_char(b, '}');
        }
        blank(r, b);
}

static void damage(struct random_source *r, struct buf *b)
{
        static const char bytes[] = "\"\\{}[],:+-.eE0123456789tfnu'/*#aN \n\t\x01\x1f\x7f\x80\xc3\xe2\xed\xf0\xff";
        for (uint64_t k = random_below(r, 3) + 1; k && b->n; k--) {
                size_t at = random_below(r, b->n);
                char c = bytes[random_below(r, sizeof bytes - 1)];
                switch (random_below(r, 3)) {
                case 0:
                        b->p[at] = c;
                        break;
                case 1:
                        memmove(b->p + at, b->p + at + 1, b->n - at); /* the end too */
                        b->n--;
                        break;
                default:
                        buf_add_char(b, 0);
                        memmove(b->p + at + 1, b->p + at, b->n - at - 1);
                        b->p[at] = c;
                }
        }
}

/* ---- the comparison ---- */

static struct json_object *theirs(struct str text, bool *ret_ok)
{
        struct json_tokener *t = json_tokener_new_ex(DEPTH + 1);
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        struct json_object *o = json_tokener_parse_ex(t, text.p, (int)text.n + 1); /* with the NUL, which ends a number at the top */
        *ret_ok = json_tokener_get_error(t) == json_tokener_success && json_tokener_get_parse_end(t) >= text.n;
        json_tokener_free(t);
        return o;
}

static bool same_number(const struct value *v, struct json_object *o)
{
        double d = NAN;
        int64_t i;
        if (!value_to_double(v, &d)) /* beyond a double: json-c makes it an infinity */
                return json_object_get_type(o) == json_type_double && isinf(json_object_get_double(o));
        if (json_object_get_type(o) == json_type_double)
                return json_object_get_double(o) == d;
        if (str_to_i64(v->text, &i))
                return json_object_get_int64(o) == i;
        return fabs(d) >= 9.2e18; /* json-c's integers end at 64 bits */
}

static bool same(const struct value *v, struct json_object *o)
{
        switch (v->kind) {
        case VALUE_NULL:
                return !o;
        case VALUE_BOOL:
                return json_object_is_type(o, json_type_boolean) && json_object_get_boolean(o) == v->boolean;
        case VALUE_NUMBER:
                return same_number(v, o);
        case VALUE_STRING:
                return json_object_is_type(o, json_type_string) && str_eq(v->text, (struct str){json_object_get_string(o), (size_t)json_object_get_string_len(o)});
        case VALUE_LIST:
                if (!json_object_is_type(o, json_type_array) || json_object_array_length(o) != v->list.n)
                        return false;
                for (size_t i = 0; i < v->list.n; i++)
                        if (!same(&v->list.items[i], json_object_array_get_idx(o, i)))
                                return false;
                return true;
        case VALUE_MAP:
                if (!json_object_is_type(o, json_type_object) || (size_t)json_object_object_length(o) != v->map.n)
                        return false;
                for (size_t i = 0; i < v->map.n; i++) {
                        struct json_object *x;
                        if (!json_object_object_get_ex(o, v->map.members[i].key.p, &x) || !same(&v->map.members[i].value, x))
                                return false;
                }
                return true;
        }
        return false;
}

static bool has(struct str text, const char *part) { return str_find(text, str_from(part), 0) != SIZE_MAX; }

/* What json-c takes although RFC 8259 does not. */
static bool laxer(const struct error *e)
{
        static const char *const said[] = {"stands twice",      /* the last one wins */
                                           "surrogate",         /* becomes U+FFFD */
                                           "control character", /* taken as it is */
                                           "no number",         /* "1." and "00" are taken */
                                           "is not UTF-8"};     /* longer forms than needed and halves of pairs are taken */
        for (size_t i = 0; i < sizeof said / sizeof *said; i++)
                if (strstr(e->text, said[i]))
                        return true;
        return false;
}

static bool compare(struct str text, struct arena *a)
{
        struct value v;
        struct error e = {0};
        bool they;
        const struct json_limits limits = {.depth_max = DEPTH};
        bool we = json_read(text, &limits, a, &v, &e);
        struct json_object *o = theirs(text, &they);
        if (they && !we && !laxer(&e))
                fail_msg("only json-c takes it, and we say %u:%u %s: %.*s", e.line, e.column, e.text, STR_FMT(text));
        if (we && !they)
                fail_msg("only we take it: %.*s", STR_FMT(text));
        if (we) {
                struct value copy = value_copy(&v, a); /* json-c asks for keys as C strings, and ours then end in NUL */
                if (!has(text, "\\u0000") && !same(&copy, o))
                        fail_msg("we do not see the same: %.*s", STR_FMT(text));
        }
        json_object_put(o);
        return we;
}

static void test_generated(void **state)
{
        (void)state;
        struct random_source r = {2024};
        struct buf b = BUF(1 << 20);
        struct arena *a = arena_new();
        size_t taken = 0;
        for (int i = 0; i < TEXTS; i++) {
                buf_clear(&b);
                random_value(&r, 5, &b);
                if (i % 3)
                        damage(&r, &b);
                taken += compare(buf_str(&b), a);
                arena_reset(a);
        }
        assert_true(taken > TEXTS / 4 && taken < TEXTS * 3 / 4); /* both sides of the comparison are there */
        arena_free(a);
        buf_free(&b);
}

static void test_fixed(void **state)
{
        (void)state;
        static const struct { bool taken; const char *text; } texts[] = {
                {true, "0"}, {true, " null "}, {true, "\"\""}, {true, "[]"}, {true, "{}"}, {true, "[[[[[[[[[[[[1]]]]]]]]]]]]"}, {true, "{\"\":{\"\":{\"\":0}}}"}, {true, "{\"a\":1,\"A\":2}"},
                {true, "1234567890123456789012345678901234567890"}, {true, "-0.0"}, {true, "1e-400"}, {true, "0.1234567890123456789012345678901234567890"}, {true, "\"\\ud800\\udc00\""},
                {true, "\"\\udbff\\udfff\""}, {true, "[true,false,null]"}, {true, "\"\x7f\xef\xbf\xbf\""}, {true, "9007199254740993"}, {true, "2.2250738585072011e-308"}, {true, "17976931348623157e292"},
                {false, ""}, {false, " "}, {false, "["}, {false, "{"}, {false, "\""}, {false, "\"\\"}, {false, "\"\\u"}, {false, "\"\\u00g0\""}, {false, "tru"}, {false, "nulll"}, {false, "True"}, {false, "[1,]"}, {false, "{\"a\":1,}"},
                {false, "{\"a\"}"}, {false, "{\"a\":}"}, {false, "{a:1}"}, {false, "{1:1}"}, {false, "['a']"}, {false, "1 2"}, {false, "[1 2]"}, {false, "// c\n1"}, {false, "/* c */1"}, {false, "+1"}, {false, ".5"}, {false, "-"}, {false, "1e"},
                {false, "0x10"}, {false, "1,"}, {false, "]"}, {false, "[}"}, {false, "[[[[[[[[[[[[[1]]]]]]]]]]]]]"}, {false, "\"\x80\""}, {false, "\"\xc0\x80\""}, {false, "\"\xed\xa0\x80\""}, {false, "\"\xf4\x90\x80\x80\""}, {false, "\xef\xbb\xbf{}"},
        };
        struct arena *a = arena_new();
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                if (compare(str_from(texts[i].text), a) != texts[i].taken)
                        fail_msg("%s: %s", texts[i].taken ? "refused" : "taken", texts[i].text);
        arena_free(a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_fixed), cmocka_unit_test(test_generated)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
