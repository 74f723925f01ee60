/* Borrowed text, errors and hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void test_compare(void **state)
{
        (void)state;
        assert_true(str_cmp(STR("a"), STR("b")) < 0);
        assert_true(str_cmp(STR("ab"), STR("a")) > 0);
        assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
        assert_true(str_cmp(STR("\xff"), STR("a")) > 0); /* bytes, not chars with a sign */
        assert_true(str_eq(STR_NONE, STR("")));
        assert_false(str_eq(STR("a"), STR("b")));
        assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR_NONE) && !str_starts(STR("a"), STR("ab")));
        assert_true(str_ends(STR("abc"), STR("bc")) && str_ends(STR_NONE, STR("")) && !str_ends(STR("c"), STR("bc")));
}

static void test_find_and_cut(void **state)
{
        (void)state;
        assert_int_equal(str_find(STR("abcabc"), STR("ca"), 0), 2);
        assert_int_equal(str_find(STR("abcabc"), STR("abc"), 1), 3);
        assert_true(str_find(STR("abc"), STR("abcd"), 0) == SIZE_MAX);
        assert_true(str_find(STR("abc"), STR("a"), 9) == SIZE_MAX);
        assert_int_equal(str_find(STR("abc"), STR(""), 3), 3);
        assert_int_equal(str_find_char(STR("a\0b"), 'b', 0), 2);
        assert_true(str_find_char(STR_NONE, 'b', 0) == SIZE_MAX);
        assert_true(str_eq_c(str_sub(STR("abcdef"), 2, 4), "cd"));
        assert_true(str_eq_c(str_sub(STR("abc"), 2, 99), "c"));
        assert_int_equal(str_sub(STR("abc"), 9, 1).n, 0);
        assert_true(str_eq_c(str_trim(STR(" \t\r\n a b \v\f")), "a b"));
        struct str rest = STR("a,,b");
        assert_true(str_eq_c(str_cut(&rest, ','), "a"));
        assert_true(str_eq_c(str_cut(&rest, ','), ""));
        assert_non_null(rest.p);
        assert_true(str_eq_c(str_cut(&rest, ','), "b"));
        assert_null(rest.p);
}

static void test_integers(void **state)
{
        (void)state;
        int64_t i = 0;
        assert_true(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
        assert_true(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
        assert_true(str_to_i64(STR("+007"), &i) && i == 7);
        static const struct str bad[] = {STR("9223372036854775808"), STR("-9223372036854775809"), STR(""), STR("-"), STR(" 1"), STR("1 "), STR("0x1"), STR("1.0"), STR("99999999999999999999")};
        for (size_t k = 0; k < COUNT(bad); k++)
                assert_false(str_to_i64(bad[k], &i));
}

static void test_doubles(void **state)
{
        (void)state;
        double d;
        assert_true(str_to_double(STR("1.5e3"), &d) && d == 1500);
        assert_true(str_to_double(STR("-.5"), &d) && d == -0.5);
        assert_true(str_to_double(STR("+5."), &d) && d == 5);
        assert_true(str_to_double(STR("1e999"), &d) && isinf(d));
        char many[1500];
        memset(many, '0', sizeof many);
        many[1] = '.';
        many[sizeof many - 1] = '1';
        assert_true(str_to_double((struct str){many, sizeof many}, &d) && d == 0);
        many[0] = '7';
        assert_true(str_to_double((struct str){many, sizeof many}, &d) && d == 7);
        static const struct str bad[] = {STR(""), STR("."), STR("-"), STR("inf"), STR("nan"), STR("0x10"), STR("1e"), STR("1e+"), STR("1,5"), STR(" 1"), STR("1 "), STR("1\0"), STR("infinity"), STR("1_0")};
        for (size_t k = 0; k < COUNT(bad); k++)
                assert_false(str_to_double(bad[k], &d));
}

static void test_utf8(void **state)
{
        (void)state;
        assert_true(str_is_utf8(STR("")) && str_is_utf8(STR("plain, longer than a word\0")) && str_is_utf8(STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
        assert_true(str_is_utf8(STR("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf")));
        static const struct { struct str s; size_t good; } bad[] = {
                {STR("\x80"), 0},         {STR("\xc0\x80"), 0},         {STR("\xc1\xbf"), 0},         {STR("a\xc3"), 1},
                {STR("\xe0\x9f\xbf"), 0}, {STR("\xed\xa0\x80"), 0},     {STR("\xf0\x8f\xbf\xbf"), 0}, {STR("\xf4\x90\x80\x80"), 0},
                {STR("\xf5\x80\x80\x80"), 0}, {STR("\xff"), 0},         {STR("12345678\xfe"), 8},     {STR("1234567\xc3\xa9 12345678901\xe2\x82"), 21},
        };
        for (size_t k = 0; k < COUNT(bad); k++) {
                assert_false(str_is_utf8(bad[k].s));
                assert_int_equal(str_utf8_prefix(bad[k].s), bad[k].good);
        }
}

static void test_distance(void **state)
{
        (void)state;
        static const struct { struct str a, b; size_t max, d; } t[] = {
                {STR("template"), STR("template"), 3, 0}, {STR("tempalte"), STR("template"), 3, 1}, {STR("tmplate"), STR("template"), 3, 1},
                {STR("image"), STR("images"), 2, 1},      {STR("abc"), STR("xyz"), 2, 3},           {STR(""), STR("ab"), 2, 2},
                {STR("kitten"), STR("sitting"), 9, 3},    {STR("a"), STR("abcdef"), 2, 3},
        };
        for (size_t k = 0; k < COUNT(t); k++) {
                assert_int_equal(str_distance(t[k].a, t[k].b, t[k].max), t[k].d);
                assert_int_equal(str_distance(t[k].b, t[k].a, t[k].max), t[k].d);
        }
}

static void test_error_places(void **state)
{
        (void)state;
        struct error e = {0};
        char text[400];
        assert_false(error_at(&e, ERROR_INVALID, 3, 5, "'%s' is wrong", "x"));
        assert_false(error_wrap(&e, "reading %s", "a"));
        error_print(&e, text, sizeof text);
        assert_string_equal(text, "line 3, column 5: reading a: 'x' is wrong");
        snprintf(e.file, sizeof e.file, "f.yaml");
        error_print(&e, text, sizeof text);
        assert_string_equal(text, "f.yaml:3:5: reading a: 'x' is wrong");
        assert_false(error_set(&e, ERROR_LIMIT, "too much"));
        error_print(&e, text, sizeof text);
        assert_string_equal(text, "too much");
        assert_false(error_at_byte(&e, ERROR_INVALID, STR("one\ntw\xc3\xa9\xff"), 8, "here"));
        assert_int_equal(e.line, 2);
        assert_int_equal(e.column, 4);
        assert_false(error_set(NULL, ERROR_LIMIT, "nobody listens"));
        assert_false(error_at_byte(NULL, ERROR_LIMIT, STR(""), 0, "nobody listens"));
        assert_false(error_wrap(NULL, "nobody listens"));
}

static void test_error_cut(void **state)
{
        (void)state;
        struct error e;
        char euros[ERROR_TEXT_MAX + 100];
        for (size_t shift = 0; shift < 4; shift++) {
                memset(euros, ' ', shift);
                for (size_t i = shift; i + 4 < sizeof euros; i += 3)
                        memcpy(euros + i, "\xe2\x82\xac", 4);
                error_set(&e, ERROR_INVALID, "%s", euros);
                assert_true(strlen(e.text) > ERROR_TEXT_MAX - 5);
                assert_true(str_is_utf8(str_from(e.text)));
                error_wrap(&e, "wrapped");
                assert_true(strlen(e.text) > ERROR_TEXT_MAX - 5);
                assert_true(str_is_utf8(str_from(e.text)));
        }
}

/* A key with an escape sequence in it must not steer the terminal of whoever reads the error. */
static void test_error_without_control_characters(void **state)
{
        (void)state;
        struct error e;
        error_set(&e, ERROR_INVALID, "the key '%s' is\n\tunknown", "\x1b[31mx\x07\x7f\r\xc3\xa9");
        assert_string_equal(e.text, "the key '?[31mx???\xc3\xa9' is\n\tunknown");
        error_wrap(&e, "reading %s", "a\x1b");
        assert_string_equal(e.text, "reading a?: the key '?[31mx???\xc3\xa9' is\n\tunknown");
}

static void test_error_table(void **state)
{
        (void)state;
        for (int k = 0; k < ERROR_KINDS; k++) {
                const struct error_class *c = error_class((enum error_kind)k);
                assert_non_null(c->name);
                assert_in_range(c->http_status, 200, 599);
                assert_true(k == ERROR_NONE ? c->exit_status == 0 : c->exit_status == 2 || c->exit_status == 3);
        }
        assert_ptr_equal(error_class((enum error_kind)99), error_class(ERROR_INTERNAL));
}

static void test_hashes_never_change(void **state)
{
        (void)state;
        assert_int_equal(hash_fnv1a32(STR("")), 2166136261u);
        assert_int_equal(hash_fnv1a32(STR("foobar")), 0xbf9cf968u);
        assert_true(hash_64(STR(""), 0) == UINT64_C(0x48218226ff3cd4bf));
        assert_true(hash_64(STR("foobar"), 0) == UINT64_C(0x190977abff25a2ae));
        assert_true(hash_64(STR("a longer text of thirty bytes."), 7) == UINT64_C(0xfb2d3f9ced41eb4a));
        assert_true(hash_64(STR("a"), 0) != hash_64(STR("a"), 1));
        assert_true(hash_64(STR("a"), 0) != hash_64(STR("a\0"), 0));
        struct random_source r = {0};
        assert_true(random_next(&r) == UINT64_C(0xe220a8397b1dcdaf)); /* splitmix64 from 0 */
        assert_true(random_next(&r) == UINT64_C(0x6e789e6aa1b965f4));
        bool seen[7] = {false};
        for (int i = 0; i < 1000; i++) {
                uint64_t x = random_below(&r, 7);
                assert_true(x < 7);
                seen[x] = true;
        }
        for (size_t i = 0; i < 7; i++)
                assert_true(seen[i]);
        assert_true(random_below(&r, 1) == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_compare),      cmocka_unit_test(test_find_and_cut), cmocka_unit_test(test_integers),    cmocka_unit_test(test_doubles),
                cmocka_unit_test(test_utf8),         cmocka_unit_test(test_distance),     cmocka_unit_test(test_error_places), cmocka_unit_test(test_error_cut),
                cmocka_unit_test(test_error_without_control_characters), cmocka_unit_test(test_error_table),  cmocka_unit_test(test_hashes_never_change),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
