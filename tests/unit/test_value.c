/* Values: numbers as text, comparing, copying, building. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
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

static void test_doubles_are_written_shortest(void **state)
{
        (void)state;
        static const struct { double d; const char *s; } t[] = {
                {0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {1.0 / 3, "0.3333333333333333"}, {2.0 / 3, "0.6666666666666666"}, {100, "100"}, {1234567.25, "1234567.25"},
                {1e20, "100000000000000000000"}, {123456789012345680000.0, "123456789012345680000"}, {1e21, "1e+21"}, {1.5e300, "1.5e+300"}, {1e-6, "0.000001"}, {1.25e-6, "0.00000125"},
                {9.5e-7, "9.5e-7"}, {5e-324, "5e-324"}, {5.684341886080802e-14, "5.684341886080802e-14"}, {1.7976931348623157e308, "1.7976931348623157e+308"}, {12345678901234567890.0, "12345678901234567000"}, {2251799813685249.5, "2251799813685249.5"},
        };
        for (size_t i = 0; i < COUNT(t); i++)
                assert_string_equal(value_double(t[i].d, a).text.p, t[i].s);
}

static void test_doubles_read_back(void **state)
{
        (void)state;
        struct random_source r = {11};
        for (int i = 0; i < 20000; i++) {
                union { uint64_t u; double d; } x = {.u = random_next(&r)};
                if (i & 1)
                        x.d = (double)(int64_t)(x.u >> (x.u & 63)) / 1000;
                if (!isfinite(x.d))
                        continue;
                struct value v = value_double(x.d, a);
                double back;
                assert_true(value_is_number_text(v.text));
                assert_true(value_to_double(&v, &back));
                assert_true(back == x.d);
                arena_reset(a);
        }
}

static void test_number_grammar(void **state)
{
        (void)state;
        static const char *const good[] = {"0", "-0", "1", "10", "1.0", "1.50", "1e5", "1E+5", "1.5e-10", "123456789012345678901234567890", "-0.0e0"};
        static const char *const bad[] = {"", "-", "+1", "01", "-01", ".5", "5.", "1e", "1e+", "0x1", "1_0", " 1", "1 ", "NaN", "1.e5", "--1", "1-1"};
        for (size_t i = 0; i < COUNT(good); i++)
                assert_true(value_is_number_text(str_from(good[i])));
        for (size_t i = 0; i < COUNT(bad); i++)
                if (value_is_number_text(str_from(bad[i])))
                        fail_msg("accepted: %s", bad[i]);
}

static void test_whole_numbers(void **state)
{
        (void)state;
        int64_t i = 0;
        static const struct { const char *s; int64_t i; } t[] = {{"3", 3}, {"3.0", 3}, {"3e2", 300}, {"-0", 0}, {"-2.50e1", -25}, {"9223372036854775807", INT64_MAX}, {"9007199254740992.0", INT64_C(9007199254740992)}};
        for (size_t k = 0; k < COUNT(t); k++) {
                struct value v = read(t[k].s);
                assert_true(value_to_i64(&v, &i) && i == t[k].i);
        }
        static const char *const bad[] = {"3.5", "9223372036854775808", "1e400", "1e30", "\"3\"", "true", "null", "[3]"};
        for (size_t k = 0; k < COUNT(bad); k++) {
                struct value v = read(bad[k]);
                assert_false(value_to_i64(&v, &i));
        }
        double d;
        struct value text = value_string(STR("3"));
        assert_false(value_to_double(&text, &d));
        assert_false(value_to_double(NULL, &d) || value_to_i64(NULL, &i));
        assert_string_equal(value_i64(INT64_MIN, a).text.p, "-9223372036854775808");
}

static void test_equality(void **state)
{
        (void)state;
        static const struct { const char *a, *b; bool equal; } t[] = {
                {"1", "1.0", true}, {"100", "1e2", true}, {"1", "2", false}, {"1", "\"1\"", false}, {"null", "false", false}, {"true", "true", true}, {"true", "false", false},
                {"[1,2]", "[1,2.0]", true}, {"[1,2]", "[2,1]", false}, {"[1]", "[1,1]", false}, {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true}, {"{\"a\":1}", "{\"b\":1}", false},
                {"{\"a\":1}", "{\"a\":2}", false}, {"{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}", false}, {"{}", "{}", true}, {"{}", "[]", false}, {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        };
        for (size_t i = 0; i < COUNT(t); i++) {
                struct value x = read(t[i].a), y = read(t[i].b);
                assert_true(value_equal(&x, &y) == t[i].equal);
                assert_true(value_equal(&y, &x) == t[i].equal);
        }
}

/* Comparing must stay near linear: these are 100,000 members in opposite orders. */
static void test_equality_of_large_maps(void **state)
{
        (void)state;
        enum { N = 100000 };
        struct map_builder up = {.arena = a}, down = {.arena = a};
        for (int i = 0; i < N; i++) {
                map_push(&up, arena_printf(a, "k%d", i), value_i64(i, a));
                map_push(&down, arena_printf(a, "k%d", N - 1 - i), value_i64(N - 1 - i, a));
        }
        struct value x = value_map(up.members, up.n), y = value_map(down.members, down.n);
        assert_true(value_equal(&x, &y));
        down.members[N / 2].value = value_null;
        assert_false(value_equal(&x, &y));
}

static void test_get(void **state)
{
        (void)state;
        struct value v = read("{\"a\":{\"b\":[true]},\"\":null}");
        assert_int_equal(value_get_c(value_get_c(&v, "a"), "b")->list.n, 1);
        assert_int_equal(value_get(&v, STR(""))->kind, VALUE_NULL);
        assert_null(value_get_c(&v, "c"));
        assert_null(value_get_c(NULL, "c"));
        assert_null(value_get_c(value_get_c(value_get_c(&v, "a"), "b"), "0"));
        assert_string_equal(value_kind_name(v.kind), "map");
}

static void test_copies_stand_alone(void **state)
{
        (void)state;
        struct arena *other = arena_new();
        char text[] = "{\"a\":[1.50,\"x\",{\"k\":null}],\"b\":true}";
        struct value v, copy;
        assert_true(json_read((struct str){text, sizeof text - 1}, NULL, other, &v, &e));
        copy = value_copy(&v, a);
        memset(text, '#', sizeof text - 1);
        arena_free(other);
        assert_string_equal(json_text(&copy, 0, a).p, "{\"a\":[1.50,\"x\",{\"k\":null}],\"b\":true}");
        assert_int_equal(value_get_c(&copy, "b")->column, 32);
}

static void test_builders(void **state)
{
        (void)state;
        struct value_builder list = {.arena = a};
        struct map_builder map = {.arena = a};
        for (int i = 0; i < 100; i++) {
                value_push(&list, value_i64(i, a));
                map_set(&map, arena_printf(a, "%d", i % 10), value_i64(i, a));
        }
        assert_int_equal(list.n, 100);
        assert_string_equal(list.items[99].text.p, "99");
        assert_int_equal(map.n, 10);
        struct value v = value_map(map.members, map.n);
        assert_string_equal(value_get_c(&v, "3")->text.p, "93");
        assert_string_equal(json_text(&(struct value){.kind = VALUE_LIST}, 0, a).p, "[]");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_doubles_are_written_shortest), T(test_doubles_read_back), T(test_number_grammar), T(test_whole_numbers), T(test_equality),
                T(test_equality_of_large_maps), T(test_get), T(test_copies_stand_alone), T(test_builders),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
