/* Argo's `when` and `depends`. */
#include "expr_fixture.h"

/* As Argo has them with govaluate, messages included. */
static const struct expr_case conditions[] = {
        {"1 < 2", "true"}, {"a == a", "true"}, {"'a' == 'a'", "true"}, {"true && false", "false"}, {"!true", "false"},
        {"! !true", "error: Invalid 'when' expression '! !true': Invalid token: '!' (hint: try wrapping the affected expression in quotes (\"))"},
        {"!!true", "error: Invalid 'when' expression '!!true': Invalid token: '!!' (hint: try wrapping the affected expression in quotes (\"))"},
        {"1 in (1,2,3)", "true"}, {"4 in (1,2,3)", "false"}, {"a in (a,b)", "true"}, {"'a' =~ '^a$'", "true"}, {"a =~ a", "true"},
        {"a !~ b", "true"}, {"abc =~ 'b'", "true"},
        {" != foo", "error: Invalid 'when' expression ' != foo': Cannot transition token types from UNKNOWN [<nil>] to COMPARATOR [!=]"},
        {"'1'", "error: Expected boolean evaluation for ''1''. Got 1"}, {"''", "error: Expected boolean evaluation for ''''. Got "},
        {"\"true\"", "error: Expected boolean evaluation for '\"true\"'. Got true"},
        {"1", "error: Expected boolean evaluation for '1'. Got 1"}, {"1.50", "error: Expected boolean evaluation for '1.50'. Got 1.5"},
        {"100000000", "error: Expected boolean evaluation for '100000000'. Got 1e+08"},
        {"0.00001", "error: Expected boolean evaluation for '0.00001'. Got 1e-05"},
        {"(1,2)", "error: Expected boolean evaluation for '(1,2)'. Got [1 2]"}, {"2020-01-01 == 2020-01-01", "true"},
        {"'2020-01-02' > '2020-01-01'", "true"}, {"'2020-01-02' > '2020-01-01 10:00'", "true"},
        {"'2020-01-02' == '2020-01-02T00:00:00Z'", "true"}, {"'2020-01-02T00:00:00+01:00' == '2020-01-01T23:00:00Z'", "true"},
        {"'3:04PM' > '3:03PM'", "true"},
        {"'2020-01-01' x", "error: Invalid 'when' expression ''2020-01-01' x': Cannot transition token types from TIME [2020-01-01 00:00:00 +0000 UTC] to VARIABLE [x]"},
        {"1.0 == 1", "true"}, {"'1' == 1", "false"}, {"5 == \"5\"", "false"},
        {"'he said \"hi\"' == x", "error: Invalid 'when' expression ''he said \"hi\"' == x': Cannot transition token types from STRING [he said ] to VARIABLE [hi]"},
        {"1.2.0 >= 1.2.0", "error: Invalid 'when' expression '1.2.0 >= 1.2.0': Unable to parse numeric value '1.2.0' to float64\n"},
        {"a.b == a.b", "error: Invalid 'when' expression 'a.b == a.b': Unable to access unexported field 'b' in token 'a.b'"},
        {"foo.Bar == 1", "error: Failed to evaluate 'when' expresion 'foo.Bar == 1': No parameter 'foo' found."},
        {"foo. == 1", "error: Invalid 'when' expression 'foo. == 1': Hanging accessor on token 'foo.'"},
        {"foo.Bar(1) == 2", "error: Failed to evaluate 'when' expresion 'foo.Bar(1) == 2': No parameter 'foo' found."},
        {"true || foo.Bar", "true"}, {"foo_bar == foo_bar", "true"},
        {"_a == b", "error: Invalid 'when' expression '_a == b': Invalid token: '_' (hint: try wrapping the affected expression in quotes (\"))"},
        {"{{item}} == 1", "error: Invalid 'when' expression '{{item}} == 1': Invalid token: '{{' (hint: try wrapping the affected expression in quotes (\"))"},
        {"null == null", "true"}, {"a", "error: Expected boolean evaluation for 'a'. Got a"}, {"'a' + 'b' == 'ab'", "true"},
        {"'a' + 1 == 'a1'", "true"}, {"1 + 1 == 2", "true"}, {"2 ** 3 == 8", "true"}, {"2 ** 3 ** 2 == 512", "false"},
        {"2 ** 3 ** 2 == 64", "true"}, {"-2 ** 2 == 4", "true"}, {"10 - 3 - 2 == 5", "true"}, {"10 - 3 - 2 - 1 == 4", "true"},
        {"10 - 3 - 2 - 1 - 1 == 3", "true"}, {"100 / 10 / 5 == 2", "true"}, {"100 / 10 / 5 / 2 == 1", "true"},
        {"100 / 10 * 5 == 50", "true"}, {"7 % 4 % 2 == 1", "true"}, {"1 - 2 + 3 == 2", "true"}, {"1 + 2 * 3 - 4 / 2 == 5", "true"},
        {"1 << 2 << 1 == 8", "true"}, {"7 & 3 | 8 == 11", "true"}, {"1 | 6 ^ 2 == 5", "true"}, {"~1 == -2", "true"}, {"-1 == -1", "true"},
        {"1 == -1", "false"},
        {"1+-1 == 0", "error: Invalid 'when' expression '1+-1 == 0': Invalid token: '+-' (hint: try wrapping the affected expression in quotes (\"))"},
        {"a ?\? b", "error: Expected boolean evaluation for 'a ?\? b'. Got a"},
        {"true ? 1 : 2", "error: Expected boolean evaluation for 'true ? 1 : 2'. Got 1"}, {"(true ? 1 : 2) == 1", "true"},
        {"(false ? 1 : 2) == 2", "true"}, {"false ? true : false", "false"}, {"true ? false : true", "false"},
        {"1 ? 2 : 3", "error: Failed to evaluate 'when' expresion '1 ? 2 : 3': Value '1' cannot be used with the ternary operator '?', it is not a bool"},
        {"a ? 2 : 3", "error: Failed to evaluate 'when' expresion 'a ? 2 : 3': Value 'a' cannot be used with the ternary operator '?', it is not a bool"},
        {"1 ? , 2", "error: Invalid 'when' expression '1 ? , 2': Unable to plan token kind: 'SEPARATOR', value: ','"},
        {"1e3 == 1000", "error: Invalid 'when' expression '1e3 == 1000': Cannot transition token types from NUMERIC [1] to VARIABLE [e3]"},
        {"'it''s' == 'x'", "error: Invalid 'when' expression ''it''s' == 'x'': Cannot transition token types from STRING [it] to STRING [s]"},
        {"'it\\'s' == x", "false"}, {"true == 'true'", "false"}, {"a==a", "true"}, {"'a'=='b'||'c'=='c'", "true"},
        {"1==1 and 2==2", "error: Invalid 'when' expression '1==1 and 2==2': Cannot transition token types from NUMERIC [1] to VARIABLE [and]"},
        {"not true", "error: Invalid 'when' expression 'not true': Cannot transition token types from VARIABLE [not] to BOOLEAN [true]"},
        {"a == a && b != c", "true"},
        {"$a == $a", "error: Invalid 'when' expression '$a == $a': Invalid token: '$' (hint: try wrapping the affected expression in quotes (\"))"},
        {"!a", "error: Failed to parse 'when' expression '!a': Cannot transition token types from PREFIX [!] to STRING [a]"},
        {"-a == 1", "error: Failed to parse 'when' expression '-a == 1': Cannot transition token types from PREFIX [-] to STRING [a]"},
        {"1 && true", "error: Failed to evaluate 'when' expresion '1 && true': Value '1' cannot be used with the logical operator '&&', it is not a bool"},
        {"true && 1", "error: Failed to evaluate 'when' expresion 'true && 1': Value '1' cannot be used with the logical operator '&&', it is not a bool"},
        {"false && 1", "false"}, {"true || 1", "true"},
        {"false || 1", "error: Failed to evaluate 'when' expresion 'false || 1': Value '1' cannot be used with the logical operator '||', it is not a bool"},
        {"1 || true", "error: Failed to evaluate 'when' expresion '1 || true': Value '1' cannot be used with the logical operator '||', it is not a bool"},
        {"'2' < '10'", "false"}, {"2 < 10", "true"}, {"a < b", "true"},
        {"a < 1", "error: Failed to evaluate 'when' expresion 'a < 1': Value 'a' cannot be used with the comparator '<', it is not a number"},
        {"1 < a", "error: Failed to evaluate 'when' expresion '1 < a': Value '1' cannot be used with the comparator '<', it is not a number"},
        {"true < false", "error: Failed to evaluate 'when' expresion 'true < false': Value 'true' cannot be used with the comparator '<', it is not a number"},
        {"(1) == (1)", "true"}, {"((1)) == 1", "true"}, {"() == ()", "true"},
        {"()", "error: Expected boolean evaluation for '()'. Got <nil>"},
        {"(", "error: Invalid 'when' expression '(': Unbalanced parenthesis"},
        {")", "error: Invalid 'when' expression ')': Unbalanced parenthesis"},
        {") == (", "error: Invalid 'when' expression ') == (': Cannot transition token types from UNKNOWN [<nil>] to CLAUSE_CLOSE [41]"},
        {"(1 == 1", "error: Invalid 'when' expression '(1 == 1': Unbalanced parenthesis"},
        {"1 == 1)", "error: Invalid 'when' expression '1 == 1)': Unbalanced parenthesis"}, {"1 == 1) && (false", "true"},
        {"[a b] == 'a b'", "true"}, {"[a", "error: Invalid 'when' expression '[a': Unclosed parameter bracket"},
        {"a =~ '['", "error: Invalid 'when' expression 'a =~ '['': error parsing regexp: missing closing ]: `[`"},
        {"a =~ [(]", "error: Failed to parse 'when' expression 'a =~ [(]': error parsing regexp: missing closing ): `(`"},
        {"'a", "error: Invalid 'when' expression ''a': Unclosed string literal"}, {"1 / 0 > 5", "true"}, {"1 % 0 == 1", "false"},
        {"a, b", "error: Expected boolean evaluation for 'a, b'. Got [a b]"},
        {"1 in 1", "error: Failed to evaluate 'when' expresion '1 in 1': Value '1' cannot be used with the comparator 'in', it is not a number"},
        {"1 in (1)", "error: Failed to evaluate 'when' expresion '1 in (1)': Value '1' cannot be used with the comparator 'in', it is not a number"},
        {"(1,2) == (1,2)", "true"}, {"1, 2 == 1", "error: Expected boolean evaluation for '1, 2 == 1'. Got [1 false]"},
        {"0x1F == 31", "true"}, {"0x == 1", "error: Invalid 'when' expression '0x == 1': Unable to parse hex value '' to uint64\n"},
        {"0xZ == 1", "error: Invalid 'when' expression '0xZ == 1': Unable to parse hex value '' to uint64\n"}, {".5 == 0.5", "true"},
        {"5. == 5", "true"}, {". == 1", "error: Invalid 'when' expression '. == 1': Unable to parse numeric value '.' to float64\n"},
        {"1..2 == 1", "error: Invalid 'when' expression '1..2 == 1': Unable to parse numeric value '1..2' to float64\n"},
        {"a-b == a-b", "error: Failed to evaluate 'when' expresion 'a-b == a-b': Value 'a' cannot be used with the modifier '-', it is not a number"},
        {"a/b == c", "error: Failed to evaluate 'when' expresion 'a/b == c': Value 'a' cannot be used with the modifier '/', it is not a number"},
        {"a b == c", "error: Invalid 'when' expression 'a b == c': Cannot transition token types from VARIABLE [a] to VARIABLE [b]"},
        {"= = =", "error: Invalid 'when' expression '= = =': Invalid token: '=' (hint: try wrapping the affected expression in quotes (\"))"},
        {"a = b", "error: Invalid 'when' expression 'a = b': Invalid token: '=' (hint: try wrapping the affected expression in quotes (\"))"},
        {"a & b", "error: Failed to evaluate 'when' expresion 'a & b': Value 'a' cannot be used with the modifier '&', it is not a number"},
        {"1 & a", "error: Failed to evaluate 'when' expresion '1 & a': Value 'a' cannot be used with the modifier '&', it is not a number"},
        {"1 - a", "error: Failed to evaluate 'when' expresion '1 - a': Value 'a' cannot be used with the modifier '-', it is not a number"},
        {"a - 1", "error: Failed to evaluate 'when' expresion 'a - 1': Value 'a' cannot be used with the modifier '-', it is not a number"},
        {"a + b == ab", "true"}, {"a + true == atrue", "true"},
        {"1 + true == 1", "error: Failed to evaluate 'when' expresion '1 + true == 1': Value '1' cannot be used with the modifier '+', it is not a number"},
        {"true + true == 2", "error: Failed to evaluate 'when' expresion 'true + true == 2': Value 'true' cannot be used with the modifier '+', it is not a number"},
        {"1 == 1 == true", "true"},
        {"1 < 2 < 3", "error: Failed to evaluate 'when' expresion '1 < 2 < 3': Value 'true' cannot be used with the comparator '<', it is not a number"},
        {"1 < 2 == true", "true"},
        {"a in (a)", "error: Failed to evaluate 'when' expresion 'a in (a)': Value 'a' cannot be used with the comparator 'in', it is not a number"},
        {"a IN (a,b)", "true"}, {"'' == ''", "true"}, {"\"\" == ''", "true"}, {"Succeeded == Succeeded", "true"},
        {"Succeeded == \"Succeeded\" && 1 == 1", "true"}, {"x(1)", "error: Invalid 'when' expression 'x(1)': Undefined function x"},
        {"x (1)", "error: Invalid 'when' expression 'x (1)': Undefined function x"},
        {"1 (2)", "error: Invalid 'when' expression '1 (2)': Cannot transition token types from NUMERIC [1] to CLAUSE [40]"},
        {"'a' 'b'", "error: Invalid 'when' expression ''a' 'b'': Cannot transition token types from STRING [a] to STRING [b]"},
        {"a ?", "error: Invalid 'when' expression 'a ?': Unexpected end of expression"},
        {"a :", "error: Invalid 'when' expression 'a :': Unexpected end of expression"},
        {"a ? b", "error: Failed to evaluate 'when' expresion 'a ? b': Value 'a' cannot be used with the ternary operator '?', it is not a bool"},
        {": a", "error: Invalid 'when' expression ': a': Cannot transition token types from UNKNOWN [<nil>] to TERNARY [:]"},
        {"1 ? 2", "error: Failed to evaluate 'when' expresion '1 ? 2': Value '1' cannot be used with the ternary operator '?', it is not a bool"},
        {"true ? 2", "error: Expected boolean evaluation for 'true ? 2'. Got 2"},
        {"false ? 2", "error: Expected boolean evaluation for 'false ? 2'. Got <nil>"},
        {"null ?\? true", "error: Expected boolean evaluation for 'null ?\? true'. Got null"},
        {"a && b", "error: Failed to evaluate 'when' expresion 'a && b': Value 'a' cannot be used with the logical operator '&&', it is not a bool"},
        {"true && a", "error: Failed to evaluate 'when' expresion 'true && a': Value 'a' cannot be used with the logical operator '&&', it is not a bool"},
        {"'a' > 1", "error: Failed to evaluate 'when' expresion ''a' > 1': Value 'a' cannot be used with the comparator '>', it is not a number"},
        {"é == é", "true"}, {"日本 == 日本", "true"}, {"a=='b c'", "false"},
        {"\\a == a", "error: Invalid 'when' expression '\\a == a': Invalid token: 'a' (hint: try wrapping the affected expression in quotes (\"))"},
        {"a\\-b == 'a-b'", "true"},
        {"a;b", "error: Invalid 'when' expression 'a;b': Invalid token: ';' (hint: try wrapping the affected expression in quotes (\"))"},
        {"\"a\" != \"b\" || (\"c\" == \"d\" && !(\"e\" == \"e\"))", "true"},
        {"true&&!false", "error: Invalid 'when' expression 'true&&!false': Invalid token: '&&!' (hint: try wrapping the affected expression in quotes (\"))"},
        {"!(1==2)", "true"}, {"!1", "error: Failed to evaluate 'when' expresion '!1': Value '1' cannot be used with the prefix '!'"},
        {"~a", "error: Failed to parse 'when' expression '~a': Cannot transition token types from PREFIX [~] to STRING [a]"},
        {"-true", "error: Failed to evaluate 'when' expresion '-true': Value 'true' cannot be used with the prefix '-'"},
        {"1 >= 1 && 1 <= 1", "true"},
        {"'x' =~ 1", "error: Failed to evaluate 'when' expresion ''x' =~ 1': Value '1' cannot be used with the comparator '=~', it is not a number"},
        {"1 =~ 'x'", "error: Failed to evaluate 'when' expresion '1 =~ 'x'': Value '1' cannot be used with the comparator '=~', it is not a number"},
        {"x =~ y =~ z", "error: Failed to evaluate 'when' expresion 'x =~ y =~ z': Value 'false' cannot be used with the comparator '=~', it is not a number"},
        {"", "true"}, {"  ", "true"},
};

static const char *verdict(struct str text, struct arena *to)
{
        bool yes;
        struct error e = {0};
        return expr_when(text, to, &yes, &e) ? (yes ? "true" : "false") : arena_cstr(to, arena_printf(to, "error: %s", e.text));
}

static void test_when(void **state)
{
        size_t wrong = 0;
        for (size_t i = 0; i < COUNT(conditions); i++) {
                const char *got = verdict(str_from(conditions[i].source), a);
                if (strcmp(got, conditions[i].result) != 0) {
                        print_message("%s\n    gives  %s\n    not    %s\n", conditions[i].source, got, conditions[i].result);
                        wrong++;
                }
        }
        assert_int_equal(wrong, 0);
}

static struct str repeated(const char *part, size_t n, const char *end)
{
        struct buf b = BUF(1 << 22);
        for (size_t i = 0; i < n; i++)
                buf_add_c(&b, part);
        buf_add_c(&b, end);
        struct str s = arena_str(a, buf_str(&b));
        buf_free(&b);
        return s;
}

static void test_when_is_bounded(void **state)
{
        assert_string_equal(verdict(repeated("1 + ", 10000, "1 == 10001"), a), "true");
        assert_string_equal(verdict(repeated("true && ", 20000, "false"), a), "false");
        assert_non_null(strstr(verdict(repeated("(", 5000, ""), a), "Unbalanced parenthesis"));
        struct str open = repeated("(", 5000, "1 == 1"), close = repeated(")", 5000, "");
        assert_non_null(strstr(verdict(arena_printf(a, "%.*s%.*s", STR_FMT(open), STR_FMT(close)), a), "nested more than"));
        assert_non_null(strstr(verdict(repeated("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' + ", 2500, "'' == ''"), a), "takes more"));
        assert_non_null(strstr(verdict(STR("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' =~ '^(a+)+$'"), a), "error: "));
        assert_non_null(strstr(verdict(repeated("a", 300000, ""), a), "at most"));
        assert_non_null(strstr(verdict(STR("a\\"), a), "Got a"));
}

/* --- depends --- */

static void describe(const struct depends *d, struct buf *b)
{
        switch (d->op) {
        case DEPENDS_RESULT:
                buf_addf(b, "%.*s%s%.*s", STR_FMT(d->task), d->result.n ? "." : "", STR_FMT(d->result));
                break;
        case DEPENDS_NOT:
                buf_add_char(b, '!');
                describe(d->left, b);
                break;
        case DEPENDS_AND:
        case DEPENDS_OR:
                buf_add_char(b, '(');
                describe(d->left, b);
                buf_add_c(b, d->op == DEPENDS_AND ? " && " : " || ");
                describe(d->right, b);
                buf_add_char(b, ')');
                break;
        }
}

static void test_depends(void **state)
{
        static const struct { const char *text, *tree; } cases[] = {
                {"A", "A"}, {" A.Succeeded ", "A.Succeeded"}, {"!A", "!A"}, {"A && B || C", "((A && B) || C)"}, {"A || B && C", "(A || (B && C))"}, {"(A || B) && !C.Failed", "((A || B) && !C.Failed)"},
                {"!(A && B)", "!(A && B)"}, {"!!A", "!!A"}, {"task-1.AnySucceeded&&task-2.AllFailed", "(task-1.AnySucceeded && task-2.AllFailed)"}, {"a\n&&\tb", "(a && b)"},
                {"A && B && C && D", "((A && B) && (C && D))"}, {"true", "true"}, {"1a.Omitted || B.Daemoned || C.Errored || D.Skipped", "((1a.Omitted || B.Daemoned) || (C.Errored || D.Skipped))"},
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
                const struct depends *d;
                struct error e = {0};
                struct buf b = BUF(1000);
                if (!expr_depends_parse(str_from(cases[i].text), a, &d, &e))
                        fail_msg("%s: %s", cases[i].text, e.text);
                describe(d, &b);
                assert_string_equal(b.p, cases[i].tree);
                buf_free(&b);
        }
}

static void test_depends_errors(void **state)
{
        static const struct { const char *text; uint32_t column; const char *message; } cases[] = {
                {"", 1, "the condition is empty"}, {"A &&", 5, "ends where the name of a task"}, {"A & B", 3, "did you mean '&&'"}, {"A | B", 3, "did you mean '||'"},
                {"A and B", 3, "did you mean '&&'"}, {"A or B", 3, "did you mean '||'"}, {"A B", 3, "expected && or || between"}, {"(A", 1, "not closed"}, {"A)", 2, "never opened"},
                {"A.succeeded", 3, "task result 'succeeded' for task 'A' is invalid; did you mean Succeeded?"}, {"A.Suceeded", 3, "did you mean Succeeded?"},
                {"A.", 3, "use Succeeded, Failed"}, {"A.Nothing", 3, "is invalid"}, {"-A", 1, "expected the name of a task, not '-'"}, {"{{x}}", 1, "not '{'"}, {"!", 2, "ends where"},
                {"A.Failed.B", 9, "expected && or ||"},
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
                const struct depends *d;
                struct error e = {0};
                if (expr_depends_parse(str_from(cases[i].text), a, &d, &e))
                        fail_msg("%s: accepted", cases[i].text);
                if (!strstr(e.text, cases[i].message) || e.column != cases[i].column || e.line != 1)
                        fail_msg("%s: column %u, %s", cases[i].text, e.column, e.text);
        }
}

static bool holds(void *ctx, struct str task, struct str result)
{
        ++*(int *)ctx;
        return str_eq_c(task, "S") && (result.n == 0 || str_eq_c(result, "Succeeded"));
}

static void test_depends_meaning(void **state)
{
        static const struct { const char *text; bool yes; int asked; } cases[] = {
                {"S", true, 1}, {"S.Failed", false, 1}, {"!F", true, 1}, {"S && F", false, 2}, {"S || F", true, 1}, {"F && S", false, 1}, {"F || S.Succeeded", true, 2}, {"!(F || S)", false, 2}, {"!!S", true, 1},
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
                const struct depends *d;
                struct error e = {0};
                int asked = 0;
                assert_true(expr_depends_parse(str_from(cases[i].text), a, &d, &e));
                assert_int_equal(expr_depends_eval(d, holds, &asked), cases[i].yes);
                assert_int_equal(asked, cases[i].asked);
        }
}

static void test_depends_tasks(void **state)
{
        const struct depends *d;
        const struct str *names;
        struct error e = {0};
        assert_true(expr_depends_parse(STR("b && (a.Failed || b.Failed) && !c-1"), a, &d, &e));
        assert_int_equal(expr_depends_tasks(d, a, &names), 3);
        assert_true(str_eq_c(names[0], "b") && str_eq_c(names[1], "a") && str_eq_c(names[2], "c-1"));
}

static void test_depends_is_bounded(void **state)
{
        const struct depends *d;
        const struct str *names;
        struct error e = {0};
        struct buf b = BUF(1 << 20);
        for (int i = 0; i < 10000; i++)
                buf_addf(&b, "%stask-%d", i ? " && " : "", i);
        assert_true(expr_depends_parse(buf_str(&b), a, &d, &e));
        assert_true(d->depth < 20);
        assert_int_equal(expr_depends_tasks(d, a, &names), 10000);
        buf_free(&b);
        assert_false(expr_depends_parse(repeated("(", 10000, "A"), a, &d, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        assert_false(expr_depends_parse(repeated("!", 10000, "A"), a, &d, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_when, set_up, tear_down), cmocka_unit_test_setup_teardown(test_when_is_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_depends, set_up, tear_down), cmocka_unit_test_setup_teardown(test_depends_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_depends_meaning, set_up, tear_down), cmocka_unit_test_setup_teardown(test_depends_tasks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_depends_is_bounded, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
