/* KFP's conditions and selectors: the grammar, CEL's semantics, places of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "expr/expr.h"
#include "text/json.h"

static struct arena *a;
static int set_up(void **state) { a = arena_new(); return 0; }
static int tear_down(void **state) { arena_free(a); return 0; }

#define INPUTS                                                                                                                                        \
        "{\"parameter_values\":{\"n\":7.0,\"half\":0.5,\"s\":\"abc\",\"yes\":true,\"list\":[1.0,2.0,3.0],\"map\":{\"k\":\"v\"},\"none\":null,\"number\":\"12\",\"json\":"       \
        "\"{\\\"a\\\":[1,{\\\"b\\\":\\\"x\\\"}],\\\"id\\\":1234567890123456789}\",\"odd-name\":\"o\",\"in\":\"keyword\"},\"artifacts\":{\"m\":{\"artifacts\":[{\"metadata\":{\"accuracy\":0.95}}]}}}"

static bool look_up(void *ctx, struct str name, struct arena *to, struct value *ret)
{
        struct str text = str_eq_c(name, "inputs") ? STR(INPUTS) : str_eq_c(name, "string_value") ? STR("\"[10,{\\\"k\\\":\\\"v\\\"}]\"") : STR_NONE;
        return text.n && json_read(text, NULL, to, ret, NULL);
}

static const char *of(const char *source)
{
        const struct expr *x;
        struct xvalue v;
        struct error e = {0};
        struct str text;
        struct expr_env env = {.lookup = look_up};
        if (!expr_parse(EXPR_KFP, str_from(source), a, &x, &e) || !expr_eval(x, &env, a, &v, &e) || !expr_result_text(&v, a, &text, &e))
                return arena_cstr(a, arena_printf(a, "error: %s", e.text));
        return arena_cstr(a, text);
}

static void is(const char *source, const char *result)
{
        const char *got = of(source);
        if (strcmp(got, result) != 0)
                fail_msg("%s: %s, not %s", source, got, result);
}

static void fails(const char *source, uint32_t column, const char *part)
{
        const struct expr *x;
        struct xvalue v;
        struct error e = {0};
        struct expr_env env = {.lookup = look_up};
        if (expr_parse(EXPR_KFP, str_from(source), a, &x, &e) && expr_eval(x, &env, a, &v, &e))
                fail_msg("%s: accepted, with %s", source, of(source));
        if (!strstr(e.text, part) || e.column != column)
                fail_msg("%s: column %u, %s; not column %u, %s", source, e.column, e.text, column, part);
}

static void what_the_sdk_compiles(void **state)
{
        is("inputs.parameter_values['s'] == 'abc'", "true");
        is("inputs.parameter_values['s'] != 'abc'", "false");
        is("int(inputs.parameter_values['n']) > 5", "true");
        is("inputs.parameter_values['half'] >= 0.5", "true");
        is("inputs.parameter_values['yes'] == true", "true");
        is("!(int(inputs.parameter_values['n']) == 7) && inputs.parameter_values['yes'] == false", "false");
        is("inputs.parameter_values['odd-name'] == 'o'", "true");
        is("inputs.parameter_values[\"n\"] == 7", "true");
        is("parseJson(string_value)[1][\"k\"]", "v");
        is("parseJson(string_value)[0]", "10");
        is("parseJson(inputs.parameter_values['json']).a[1].b", "x");
        is("parseJson(inputs.parameter_values['json'])['id']", "1234567890123456789");
        is("inputs.artifacts['m'].artifacts[0].metadata['accuracy'] * 100.0 > 90.0", "true");
}

static void numbers(void **state)
{
        is("7 / 2", "3");
        is("-7 / 2", "-3");
        is("-7 % 2", "-1");
        is("7.0 / 2.0", "3.5");
        is("inputs.parameter_values['n'] / 2", "3.5"); /* a value of KFP is a double */
        is("1 == 1.0", "true");
        is("1 + 2 * 3 - 4", "3");
        is("(1 + 2) * 3", "9");
        is("0x10 + 1u", "17");
        is(".5 + 1e2", "100.5");
        is("-9223372036854775808", "-9223372036854775808");
        is("--1", "1");
        is("9007199254740993", "9007199254740993");
        fails("9223372036854775807 + 1", 21, "integer overflow");
        fails("-9223372036854775807 - 2", 22, "integer overflow");
        fails("4611686018427387904 * 2", 21, "integer overflow");
        fails("-9223372036854775808 / -1", 22, "integer overflow");
        fails("1 / 0", 3, "division by zero");
        fails("1 % 0", 3, "modulus by zero");
        fails("9223372036854775808", 1, "beyond 64 bits");
        fails("1e999", 1, "no number that a double can hold");
        fails("12abc", 1, "no number");
        fails("0x", 1, "0x without digits");
}

static void conversions(void **state)
{
        is("int('42') + int(3.9) + int(-3.9)", "42");
        is("int(inputs.parameter_values['number'])", "12");
        is("int('7.0')", "7");
        is("double('1.5') + double(1)", "2.5");
        is("string(7) + string(0.5) + string(true) + string('x')", "70.5truex");
        is("string(inputs.parameter_values['n'])", "7");
        is("bool('True') && !bool('f')", "true");
        is("dyn(1) == 1", "true");
        fails("int('x')", 1, "int('x'): the text is no integer");
        fails("int(1e30)", 1, "beyond 64 bits");
        fails("int(true)", 1, "no such overload: int(bool)");
        fails("double('')", 1, "no number");
        fails("double([1])", 1, "no such overload");
        fails("string(null)", 1, "no such overload: string(null)");
        fails("bool('yes')", 1, "neither true nor false");
        fails("int(1, 2)", 1, "another number of arguments");
}

static void logic_does_not_mind_errors_that_do_not_matter(void **state)
{
        is("true || 1 / 0 == 1", "true");
        is("1 / 0 == 1 || true", "true");
        is("false && inputs.parameter_values['absent'] == 1", "false");
        is("inputs.parameter_values['absent'] == 1 && false", "false");
        is("1 < 2 ? 'a' : 'b'", "a");
        is("false ? 1 : true ? 2 : 3", "2");
        fails("inputs.parameter_values['absent'] == 1", 24, "no such key: absent");
        fails("1 / 0 == 1 || false", 3, "division by zero");
        fails("true && 1 / 0 == 1", 11, "division by zero");
        fails("1 && true", 1, "no such overload");
        fails("'a' < 1", 5, "string < int");
        fails("'a' + 1", 5, "string + int");
        fails("nothing == 1", 1, "undeclared reference to 'nothing'");
}

static void texts(void **state)
{
        is("'a' + \"b\" + '''c''' + r'\\d'", "abc\\d");
        is("'\\x41\\u00e9\\n' == 'A\303\251' + '\\012'", "true");
        is("'''it's'''", "it's");
        is("'it\\'s'", "it's");
        is("'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.contains('b') && 'abc'.matches('^a.c$') && matches('abc', 'b')", "true");
        is("size('h\303\251') == 2 && 'abc'.size() == 3", "true");
        is("'b' > 'a'", "true");
        is("'' // a remark", "");
        fails("'abc", 1, "not closed by a quote");
        fails("'a\nb'", 1, "not closed by a quote");
        fails("'\\q'", 1, "unable to unescape");
        fails("'abc'.startswith('a')", 7, "there is no method 'startswith'; 'startsWith' may be meant");
        fails("parsejson('1')", 1, "there is no function 'parsejson'; 'parseJson' may be meant");
        fails("'abc'.matches('(')", 7, "regexp");
        fails("parseJson('{')", 1, "not valid JSON");
        fails("frobnicate()", 1, "there is no function 'frobnicate'");
        fails("(7).startsWith('a')", 5, "argument 1 is int, not string");
}

static void lists_and_maps(void **state)
{
        is("[1, 'a', [true], null,]", "[1,\"a\",[true],null]");
        is("{'b': 1, 'a': {}}", "{\"a\":{},\"b\":1}");
        is("2 in [1, 2] && !(3 in [1, 2]) && 'k' in inputs.parameter_values['map']", "true");
        is("size([1, 2]) + size({'a': 1}) + [].size()", "3");
        is("[1, 2] + [3] == [1, 2, 3]", "true");
        is("[1, 2, 3][1]", "2");
        is("has(inputs.parameter_values.s) && !has(inputs.parameter_values['absent'])", "true");
        is("inputs.parameter_values.map.k", "v");
        fails("[1][1]", 4, "index out of range: 1");
        fails("[1][-1]", 4, "index out of range");
        fails("{1: 2}", 2, "keys of a map are texts");
        fails("has(1)", 5, "has() takes a member");
        fails("size(1)", 1, "no such overload");
        fails("'a'['b']", 4, "cannot fetch b from string");
}

static void macros(void **state)
{
        is("[1, 2, 3].all(x, x > 0) && [1, 2].exists(x, x == 2) && ![].exists(x, true) && [].all(x, false)", "true");
        is("[1, 2, 2].exists_one(x, x == 2)", "false");
        is("[1, 2, 3].exists_one(x, x == 2)", "true");
        is("[1, 2, 3].filter(x, x % 2 == 1)", "[1,3]");
        is("[1, 2].map(x, x * 10)", "[10,20]");
        is("[1, 2, 3].map(x, x > 1, x * 10)", "[20,30]");
        is("[1, 2].map(x, [10, 20].map(y, x + y))", "[[11,21],[12,22]]");
        is("[[1], [2]].map(x, x.map(x, x + 1))", "[[2],[3]]"); /* the inner hides the outer */
        is("{'b': 1, 'a': 2}.map(k, k)", "[\"a\",\"b\"]");
        is("inputs.parameter_values['list'].exists(x, x == 3)", "true");
        is("[0, 2].exists(x, 4 / x == 2) && ![0, 2].all(x, 4 / x == 3)", "true");
        fails("[0, 2].exists(x, 4 / x == 3)", 20, "division by zero");
        fails("[2, 0, 1].all(x, 4 / x > 1)", 20, "division by zero");
        fails("[1].all(1, true)", 9, "the name of a variable is expected, not '1'");
        fails("[1].all(x, x)", 5, "not bool");
        fails("[1].map(x, y)", 12, "undeclared reference to 'y'");
        fails("[1].all(x, true) && x", 21, "undeclared reference to 'x'");
}

static void places_of_errors(void **state)
{
        fails("", 1, "the expression ends where a value is expected");
        fails("1 +", 4, "the expression ends where a value is expected");
        fails("(1", 3, "the expression ends where ')' is expected");
        fails("1 2", 3, "an operator or the end is expected, not '2'");
        fails("a = 1", 3, "comparing is '=='");
        fails("a & b", 3, "the logical and is '&&'");
        fails("a | b", 3, "the logical or is '||'");
        fails("a ; b", 3, "a character that expressions do not have");
        fails("a.", 3, "the name of a member");
        fails("a[1", 4, "']' is expected");
        fails("1 ? 2", 6, "':' is expected");
        fails("in == 1", 1, "a value is expected, not 'in'");
        fails("\303\251 == 1", 1, "a character that expressions do not have");
        struct error e = {0};
        const struct expr *x;
        assert_false(expr_parse(EXPR_KFP, STR("1 ==\n  *"), a, &x, &e));
        assert_int_equal(e.line, 2);
        assert_int_equal(e.column, 3);
}

static void depth_is_bounded(void **state)
{
        char text[40001];
        const struct expr *x;
        static const char *const opens[] = {"(", "[", "!", "-", "{'a':", "1+(", "a[", "x?1:", "[1].all(x,", "has("};
        for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
                size_t n = strlen(opens[i]), at = 0;
                for (; at + n < 40000; at += n)
                        memcpy(text + at, opens[i], n);
                struct error e = {0};
                assert_false(expr_parse(EXPR_KFP, (struct str){text, at}, a, &x, &e));
                assert_non_null(strstr(e.text, "nested more than"));
        }
        memset(text, '1', sizeof text);
        for (size_t i = 1; i < 40000; i += 2)
                text[i] = '+';
        struct error e = {0};
        assert_false(expr_parse(EXPR_KFP, (struct str){text, 40001}, a, &x, &e));
        assert_non_null(strstr(e.text, "nested more than"));
}

static void what_it_reads(void **state)
{
        const struct expr *x;
        struct error e = {0};
        assert_true(expr_parse(EXPR_KFP, STR("inputs.parameter_values['a'] == 1 && [1].all(v, v == inputs.parameter_values.b)"), a, &x, &e));
        struct expr_paths paths = expr_identifiers(x);
        assert_int_equal(paths.n, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(paths.items[i].n, 3);
                assert_true(str_eq_c(paths.items[i].parts[0], "inputs") && str_eq_c(paths.items[i].parts[2], i ? "b" : "a"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_the_sdk_compiles, set_up, tear_down),
                cmocka_unit_test_setup_teardown(numbers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(conversions, set_up, tear_down),
                cmocka_unit_test_setup_teardown(logic_does_not_mind_errors_that_do_not_matter, set_up, tear_down),
                cmocka_unit_test_setup_teardown(texts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(lists_and_maps, set_up, tear_down),
                cmocka_unit_test_setup_teardown(macros, set_up, tear_down),
                cmocka_unit_test_setup_teardown(places_of_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(depth_is_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_it_reads, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
