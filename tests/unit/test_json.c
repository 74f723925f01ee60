/* JSON: what is kept, what is refused and where, how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"
#include "text/json.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct arena *a;
static struct error e;
static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static struct value read(const char *s)
{
        struct value v;
        if (!json_read(str_from(s), NULL, a, &v, &e))
                fail_msg("%s: %s", s, e.text);
        return v;
}

static void same(const char *in, const char *out)
{
        struct value v = read(in);
        assert_string_equal(json_text(&v, 0, a).p, out);
}

static void refused(const char *in, uint32_t line, uint32_t column, const char *says)
{
        struct value v;
        e = (struct error){0};
        if (json_read(str_from(in), NULL, a, &v, &e))
                fail_msg("accepted: %s", in);
        assert_int_equal(e.kind, ERROR_INVALID);
        if (e.line != line || e.column != column || !strstr(e.text, says))
                fail_msg("%s: %u:%u %s", in, e.line, e.column, e.text);
}

static void test_kept_as_written(void **state)
{
        (void)state;
        same(" [ 1.50 , 1e3, -0, 0.10, 1E+2, 123456789012345678901234567890, 1e400 ] ", "[1.50,1e3,-0,0.10,1E+2,123456789012345678901234567890,1e400]");
        same("{\"z\":1,\"a\":{\"y\":[],\"b\":{}}}", "{\"z\":1,\"a\":{\"y\":[],\"b\":{}}}");
        same("\t\r\n true \n", "true");
        same("\"\"", "\"\"");
}

static void test_strings(void **state)
{
        (void)state;
        struct value v = read("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"");
        assert_true(str_eq_c(v.text, "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
        v = read("\"a\\u0000b\"");
        assert_true(str_eq(v.text, STR("a\0b")));
        assert_string_equal(json_text(&v, 0, a).p, "\"a\\u0000b\"");
        same("\"\\u0001\\u001f\x7f\"", "\"\\u0001\\u001f\x7f\"");
}

static void test_borrowed(void **state)
{
        (void)state;
        const char *text = "[\"plain\",\"esc\\n\",12]";
        struct value v = read(text);
        assert_ptr_equal(v.list.items[0].text.p, text + 2);
        assert_ptr_equal(v.list.items[2].text.p, strstr(text, "12"));
        assert_true(str_eq_c(v.list.items[1].text, "esc\n"));
}

static void test_positions(void **state)
{
        (void)state;
        struct value v = read("{\n  \"a\": [1,\n   {\"b\": null}]\n}");
        const struct value *list = value_get_c(&v, "a");
        assert_int_equal(v.map.members[0].line, 2);
        assert_int_equal(v.map.members[0].column, 3);
        assert_int_equal(list->column, 8);
        assert_int_equal(list->list.items[1].line, 3);
        assert_int_equal(list->list.items[1].column, 4);
        assert_int_equal(list->list.items[1].map.members[0].value.column, 10);
}

/* Columns count characters, as editors do. */
static void test_positions_behind_characters_of_several_bytes(void **state)
{
        (void)state;
        struct value v = read("{\"\xc3\xa9\xe2\x82\xac\": [\"\xf0\x9f\x98\x80\\n\xc3\xa9\", 1,\n \"\xc3\xa9\", 2]}");
        const struct value *list = &v.map.members[0].value;
        assert_int_equal(list->column, 8);
        assert_int_equal(list->list.items[1].column, 17);
        assert_int_equal(list->list.items[3].line, 2);
        assert_int_equal(list->list.items[3].column, 7);
        refused("[\"\xc3\xa9\xc3\xa9\", x]", 1, 8, "expected a value");
        refused("[\"\xc3\xa9\xc3\xa9\x01\"]", 1, 5, "control character");
        refused("[\"\xf0\x9f\x98\x80\\q\"]", 1, 6, "unknown escape");
        refused("{\"\xc3\xa9\":1,\r\n\t\"\xc3\xa9\":2}", 2, 2, "stands twice");
}

static void test_refused(void **state)
{
        (void)state;
        refused("", 1, 1, "ends where a value should be");
        refused(" \n ", 2, 2, "ends where a value should be");
        refused("[1,2", 1, 5, "ends within a list");
        refused("[1,]", 1, 4, "expected a value");
        refused("[1 2]", 1, 4, "',' or ']'");
        refused("{\"a\":1", 1, 7, "ends within an object");
        refused("{\"a\" 1}", 1, 6, "':'");
        refused("{a:1}", 1, 2, "key in double quotes");
        refused("{\"a\":1,}", 1, 8, "key in double quotes");
        refused("{\"a\":1 \"b\":2}", 1, 8, "',' or '}'");
        refused("'a'", 1, 1, "double quotes");
        refused("nul", 1, 1, "expected a value");
        refused("truex", 1, 5, "something follows");
        refused("1 1", 1, 3, "something follows");
        refused("NaN", 1, 1, "expected a value");
        refused("-", 1, 1, "no number");
        refused("[1.]", 1, 2, "no number");
        refused("[+1]", 1, 2, "expected a value");
        refused("\"abc", 1, 5, "ends within a string");
        refused("\"abc\\", 1, 6, "ends within a string");
        refused("\"a\nb\"", 1, 3, "control character");
        refused("\"\\x41\"", 1, 4, "unknown escape");
        refused("\"\\u12", 1, 4, "within an escape");
        refused("\"\\u12g4\"", 1, 7, "hexadecimal");
        refused("\"\\ud800\"", 1, 8, "surrogate");
        refused("\"\\ud800\\u0041\"", 1, 14, "surrogate");
        refused("\"\\udc00\"", 1, 8, "surrogate");
        refused("{\"a\":1,\n \"b\":2,\n \"a\":3}", 3, 2, "'a' stands twice");
        refused("{\"a\":1,\"\\u0061\":3}", 1, 8, "'a' stands twice");
        refused("\xef\xbb\xbf{}", 1, 1, "expected a value");
        refused("{\"a\":\n\"\xc3\xa9\xff\"}", 2, 3, "0xff is not UTF-8");
}

static void test_duplicates_among_many(void **state)
{
        (void)state;
        struct buf b = BUF(1 << 20);
        buf_add_char(&b, '{');
        for (int i = 0; i < 1000; i++)
                buf_addf(&b, "\"k%d\":%d,\n", i == 700 ? 300 : i == 900 ? 1 : i, i);
        buf_add_c(&b, "\"last\":1}");
        struct value v;
        assert_false(json_read(buf_str(&b), NULL, a, &v, &e));
        assert_int_equal(e.line, 701);
        assert_non_null(strstr(e.text, "'k300' stands twice"));
        buf_free(&b);
}

static void test_limits(void **state)
{
        (void)state;
        char deep[400001];
        memset(deep, '[', sizeof deep - 1);
        deep[sizeof deep - 1] = 0;
        struct value v;
        assert_false(json_read(str_from(deep), NULL, a, &v, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        assert_int_equal(e.column, 201);
        for (size_t i = 0; i + 5 < sizeof deep; i += 5)
                memcpy(deep + i, "{\"a\":", 5);
        assert_false(json_read(str_from(deep), NULL, a, &v, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        const struct json_limits small = {.bytes_max = 4, .depth_max = 2};
        assert_true(json_read(STR("[[]]"), &small, a, &v, &e));
        assert_true(json_read(STR("[[1]]"), &(struct json_limits){.depth_max = 2}, a, &v, &e));
        assert_false(json_read(STR("[[1]]"), &(struct json_limits){.depth_max = 1}, a, &v, &e));
        assert_false(json_read(STR("[[1]]"), &small, a, &v, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        assert_true(json_read(STR("[1,{\"a\":2}]"), &(struct json_limits){.values_max = 4}, a, &v, &e));
        assert_false(json_read(STR("[1,{\"a\":2}]"), &(struct json_limits){.values_max = 3}, a, &v, &e));
        assert_true(e.kind == ERROR_LIMIT && e.line == 1 && e.column == 9);
        assert_false(json_read(STR_NONE, NULL, a, &v, &e));
        assert_false(json_read(STR("["), NULL, a, &v, NULL));
}

/* A document cut off anywhere, or with a byte changed, is read or refused, never more. */
static void test_damaged(void **state)
{
        (void)state;
        const char *whole = "{\"a\":[1.5e3,\"x\\u00e9\\ud83d\\ude00\",{\"b\":null,\"c\":[true,false,{}]}],\"d\":\"\\\"\\\\\"}";
        size_t n = strlen(whole);
        for (size_t cut = 0; cut < n; cut++) {
                struct value v;
                char *part = memcpy(test_malloc(cut + 1), whole, cut); /* its own block, so that reading past it is seen */
                assert_false(json_read((struct str){part, cut}, NULL, a, &v, &e));
                assert_true(e.line == 1 && e.column >= 1);
                test_free(part);
        }
        struct random_source r = {5};
        for (int i = 0; i < 20000; i++) {
                char copy[200];
                struct value v;
                memcpy(copy, whole, n);
                for (uint64_t k = 0, m = 1 + random_below(&r, 3); k < m; k++)
                        copy[random_below(&r, n)] = (char)random_next(&r);
                if (!json_read((struct str){copy, n}, NULL, a, &v, &e))
                        assert_true(e.kind != ERROR_NONE && e.text[0]);
                arena_reset(a);
        }
}

static void test_styles(void **state)
{
        (void)state;
        struct value v = read("{\"b\":[1,{\"z\":true,\"y\":null}],\"a\":\"<&>\\u2028\",\"c\":{},\"d\":[]}");
        assert_string_equal(json_text(&v, 0, a).p, "{\"b\":[1,{\"z\":true,\"y\":null}],\"a\":\"<&>\xe2\x80\xa8\",\"c\":{},\"d\":[]}");
        assert_string_equal(json_text(&v, JSON_SORTED | JSON_HTML, a).p, "{\"a\":\"\\u003c\\u0026\\u003e\\u2028\",\"b\":[1,{\"y\":null,\"z\":true}],\"c\":{},\"d\":[]}");
        assert_string_equal(json_text(&v, JSON_SPACED, a).p, "{\"b\": [1, {\"z\": true, \"y\": null}], \"a\": \"<&>\xe2\x80\xa8\", \"c\": {}, \"d\": []}");
        assert_string_equal(json_text(&v, JSON_INDENT, a).p,
                            "{\n  \"b\": [\n    1,\n    {\n      \"z\": true,\n      \"y\": null\n    }\n  ],\n  \"a\": \"<&>\xe2\x80\xa8\",\n  \"c\": {},\n  \"d\": []\n}");
}

static void test_bytes_that_are_no_text(void **state)
{
        (void)state;
        struct value v = value_string(STR("\xff" "ab\xc3\xa9\xe2\x82" "c\x80"));
        struct str s = json_text(&v, 0, a);
        assert_string_equal(s.p, "\"\xef\xbf\xbd" "ab\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd" "c\xef\xbf\xbd\"");
        assert_true(json_read(s, NULL, a, &v, &e));
}

static void test_written_to_a_full_buffer(void **state)
{
        (void)state;
        struct value v = read("[1,2,3,4,5,6,7,8,9]");
        struct buf b = BUF(8);
        json_write(&v, 0, &b);
        assert_true(b.overflow);
        buf_free(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_kept_as_written), T(test_strings), T(test_borrowed), T(test_positions), T(test_positions_behind_characters_of_several_bytes), T(test_refused), T(test_duplicates_among_many), T(test_limits), T(test_damaged), T(test_styles),
                T(test_bytes_that_are_no_text), T(test_written_to_a_full_buffer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
