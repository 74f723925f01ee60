/* JSON and YAML: what is kept, what is refused, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/time.h"
#include "text/json.h"
#include "text/yaml.h"

static struct arena *a;
static struct error e;

static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static void same(const char *in, const char *out)
{
        struct value v;
        assert_true(json_read(str_from(in), NULL, a, &v, &e));
        assert_string_equal(json_text(&v, 0, a).p, out);
}

static void refused(const char *in, uint32_t line, uint32_t column)
{
        struct value v;
        assert_false(json_read(str_from(in), NULL, a, &v, &e));
        assert_int_equal(e.line, line);
        assert_int_equal(e.column, column);
}

static void test_json_keeps(void **state)
{
        (void)state;
        same(" {\"a\" : [1.50, 12345678901234567890123, -0, 1e400, true, null], \"b\":\"x\\u00e9\\n\\ud83d\\ude00\"} ",
             "{\"a\":[1.50,12345678901234567890123,-0,1e400,true,null],\"b\":\"x\xc3\xa9\\n\xf0\x9f\x98\x80\"}");
        same("[]", "[]");
        same("\"\\u0001\\\"\\\\\"", "\"\\u0001\\\"\\\\\"");
}

static void test_json_refuses(void **state)
{
        (void)state;
        refused("{\"a\":1,\"a\":2}", 1, 8);
        refused("[1,\n 2,]", 2, 4);
        refused("[01]", 1, 2);
        refused("[\"\\ud800\"]", 1, 9);
        refused("", 1, 1);
        refused("[1] 2", 1, 5);
        refused("[", 1, 2);
        char deep[1000];
        memset(deep, '[', sizeof deep);
        struct value v;
        assert_false(json_read((struct str){deep, sizeof deep}, NULL, a, &v, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        assert_false(json_read(STR("\"\xff\""), NULL, a, &v, &e));
}

static void test_numbers(void **state)
{
        (void)state;
        static const struct { double d; const char *s; } t[] = {{3.5, "3.5"}, {3, "3"}, {1e21, "1e+21"}, {1e20, "100000000000000000000"}, {0.1, "0.1"}, {1e-6, "0.000001"},
                                                               {1e-7, "1e-07"}, {-0.25, "-0.25"}, {0.05, "0.05"}, {123456.789, "123456.789"}, {1.0 / 3, "0.3333333333333333"}};
        for (size_t i = 0; i < sizeof t / sizeof *t; i++)
                assert_string_equal(value_double(t[i].d, a).text.p, t[i].s);
}

static void yaml(const char *in, const char *out)
{
        struct value *d;
        size_t n;
        assert_true(yaml_read(str_from(in), YAML_KUBERNETES, NULL, a, &d, &n, &e));
        assert_int_equal(n, 1);
        assert_string_equal(json_text(&d[0], 0, a).p, out);
        struct buf b = BUF(1 << 20);
        struct value *again;
        yaml_write(&d[0], &b);
        assert_true(yaml_read(buf_str(&b), YAML_KUBERNETES, NULL, a, &again, &n, &e));
        assert_true(value_equal(&d[0], &again[0]));
        buf_free(&b);
}

static void test_yaml_scalars(void **state)
{
        (void)state;
        yaml("[yes, No, on, y, 010, 0o17, 0x1F, 0b11, 1_000, 08, 1e3, 1.10, 12:30, 2020-01-02, ~, 'yes', !!str 5]",
             "[true,false,true,true,8,15,31,3,1000,8,1000,1.1,\"12:30\",\"2020-01-02\",null,\"yes\",\"5\"]");
        yaml("a: 12345678901234567890\nyes: 1\n", "{\"a\":12345678901234567000,\"true\":1}");
        yaml("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n", "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"p\":1,\"q\":3}}");
        yaml("s: |\n  two\n  lines\n", "{\"s\":\"two\\nlines\\n\"}");
}

static void yaml_refused(const char *in, uint32_t line, uint32_t column)
{
        struct value *d;
        size_t n;
        assert_false(yaml_read(str_from(in), YAML_KUBERNETES, NULL, a, &d, &n, &e));
        assert_int_equal(e.line, line);
        assert_int_equal(e.column, column);
}

static void test_yaml_refuses(void **state)
{
        (void)state;
        yaml_refused("a: 1\nb: 2\na: 3\n", 3, 1);
        yaml_refused("a: &x [*x]\n", 1, 8);
        yaml_refused("a: *nobody\n", 1, 4);
        yaml_refused("a: .inf\n", 1, 4);
        yaml_refused("? [1]\n: 2\n", 1, 3);
        struct buf b = BUF(1 << 20);
        buf_add_c(&b, "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for (int i = 1; i < 12; i++)
                buf_addf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        struct value *d;
        size_t n;
        assert_false(yaml_read(buf_str(&b), YAML_KUBERNETES, NULL, a, &d, &n, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        buf_free(&b);
}

static void test_times(void **state)
{
        (void)state;
        struct wall t;
        int64_t us;
        assert_true(wall_parse(STR("2026-01-02T03:04:05.25+02:00"), &t));
        assert_string_equal(wall_rfc3339(t, 3, a).p, "2026-01-02T01:04:05.250Z");
        assert_false(wall_parse(STR("2026-13-02"), &t));
        assert_true(duration_parse(STR("1h2m3.5s"), &us));
        assert_int_equal(us, 3723500000);
        assert_true(duration_parse(STR("90"), &us));
        assert_int_equal(us, 90000000);
        assert_false(duration_parse(STR(""), &us));
        assert_false(duration_parse(STR("5 apples"), &us));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_json_keeps, setup, teardown),   cmocka_unit_test_setup_teardown(test_json_refuses, setup, teardown),
                cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),      cmocka_unit_test_setup_teardown(test_yaml_scalars, setup, teardown),
                cmocka_unit_test_setup_teardown(test_yaml_refuses, setup, teardown), cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
