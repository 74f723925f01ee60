/* KFP's filters as queries, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "api/filter.h"
#include "base/buf.h"

static struct arena *a;
static struct error e;
static struct query_predicate *p;
static size_t n;
static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static const struct filter_word words[] = {{"UNSPECIFIED", 0}, {"RUNNING", 2}, {"FAILED", 4 + 8}, {NULL}};
static const struct filter_key keys[] = {{"name", "display_name", QUERY_TEXT}, {"created_at", "created_at", QUERY_TIME}, {"metric:", "metric:", QUERY_NUMBER},
                                         {"tags.", "tag:", QUERY_TEXT}, {"state", "state", QUERY_NUMBER, words}, {NULL}};

static bool read(const char *text)
{
        p = NULL;
        n = 0;
        e = (struct error){0};
        return filter_read(str_from(text), keys, a, &p, &n, &e);
}

static void understood(const char *text, size_t wanted)
{
        if (!read(text))
                fail_msg("%s: %s", text, e.text);
        assert_int_equal(n, wanted);
}

static void refused(const char *text, const char *says)
{
        if (read(text))
                fail_msg("accepted: %s", text);
        assert_int_equal(e.kind, ERROR_INVALID);
        if (!strstr(e.text, says))
                fail_msg("%s: %s", text, e.text);
}

static void is_text(size_t i, const char *key, enum query_op op, const char *text)
{
        assert_true(str_eq_c(p[i].key, key));
        assert_int_equal(p[i].op, op);
        assert_int_equal(p[i].values_n, 1);
        assert_int_equal(p[i].values[0].type, QUERY_TEXT);
        assert_true(str_eq_c(p[i].values[0].text, text));
}

static void test_spellings(void **state)
{
        (void)state;
        static const char *const same[] = {
                "{\"predicates\":[{\"operation\":1,\"key\":\"name\",\"stringValue\":\"a b\"}]}",
                "{\"predicates\":[{\"op\":\"EQUALS\",\"key\":\"name\",\"string_value\":\"a b\"}]}",
                "%7B%22predicates%22%3A%5B%7B%22operation%22%3A%22EQUALS%22%2C%22key%22%3A%22name%22%2C%22stringValue%22%3A%22a+b%22%7D%5D%7D",
                "\"{\\\"predicates\\\":[{\\\"op\\\":1,\\\"key\\\":\\\"name\\\",\\\"string_value\\\":\\\"a b\\\"}]}\""};
        for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
                understood(same[i], 1);
                is_text(0, "display_name", QUERY_EQ, "a b");
        }
        understood("", 0);
        understood("{}", 0);
        understood("{\"predicates\":[]}", 0);
}

static void test_kinds(void **state)
{
        (void)state;
        understood("{\"predicates\":[{\"operation\":9,\"key\":\"tags.team\",\"string_value\":\"x\"},{\"operation\":6,\"key\":\"metric:loss\",\"long_value\":\"3\"},"
                   "{\"operation\":5,\"key\":\"created_at\",\"timestamp_value\":\"1970-01-01T00:00:01Z\"}]}", 3);
        is_text(0, "tag:team", QUERY_CONTAINS, "x");
        assert_true(str_eq_c(p[1].key, "metric:loss") && p[1].op == QUERY_LT && p[1].values[0].number == 3);
        assert_true(p[2].op == QUERY_GE && p[2].values[0].type == QUERY_TIME && p[2].values[0].time.us == US_PER_S);
        understood("{\"predicates\":[{\"operation\":8,\"key\":\"name\",\"string_values\":{\"values\":[\"a\",\"b\"]}}]}", 1);
        assert_int_equal(p[0].values_n, 2);
        understood("{\"predicates\":[{\"operation\":8,\"key\":\"name\",\"string_values\":{}}]}", 1);
        assert_true(p[0].values[0].time.us == -1);
}

static void test_words(void **state)
{
        (void)state;
        understood("{\"predicates\":[{\"operation\":1,\"key\":\"state\",\"string_value\":\"FAILED\"}]}", 1);
        assert_true(p[0].op == QUERY_IN && p[0].values_n == 2 && p[0].values[0].number == 2 && p[0].values[1].number == 3);
        understood("{\"predicates\":[{\"operation\":2,\"key\":\"state\",\"string_value\":\"FAILED\"}]}", 2);
        assert_true(p[0].op == QUERY_NE && p[1].op == QUERY_NE && p[1].values[0].number == 3);
        understood("{\"predicates\":[{\"operation\":1,\"key\":\"state\",\"int_value\":1}]}", 1);
        assert_true(p[0].values_n == 1 && p[0].values[0].number == 1);
        understood("{\"predicates\":[{\"operation\":9,\"key\":\"state\",\"string_value\":\"running\"}]}", 1);
        assert_true(p[0].values_n == 1 && p[0].values[0].number == 1);
        understood("{\"predicates\":[{\"operation\":9,\"key\":\"state\",\"string_value\":\"nothing\"}]}", 1);
        assert_true(p[0].values_n == 1 && p[0].values[0].number < 0);
        refused("{\"predicates\":[{\"operation\":1,\"key\":\"state\",\"string_value\":\"DONE\"}]}", "cannot be 'DONE'");
        refused("{\"predicates\":[{\"operation\":3,\"key\":\"state\",\"int_value\":1}]}", "has no order");
}

static void test_wrong(void **state)
{
        (void)state;
        refused("{", "no JSON");
        refused("[]", "must be a map");
        refused("{\"predicate\":[]}", "did you mean 'predicates'");
        refused("{\"predicates\":[{\"operation\":1,\"string_value\":\"x\"}]}", "predicates[0].key is missing");
        refused("{\"predicates\":[{\"key\":\"name\",\"string_value\":\"x\"}]}", "has no operation");
        refused("{\"predicates\":[{\"operation\":4,\"key\":\"name\",\"string_value\":\"x\"}]}", "has no operation");
        refused("{\"predicates\":[{\"operation\":1,\"key\":\"name\"}]}", "has no value");
        refused("{\"predicates\":[{\"operation\":1,\"key\":\"name\",\"string_value\":\"x\",\"int_value\":1}]}", "several values");
        refused("{\"predicates\":[{\"operation\":1,\"key\":\"name\",\"int_value\":1}]}", "string_value");
        refused("{\"predicates\":[{\"operation\":8,\"key\":\"name\",\"string_value\":\"x\"}]}", "IN needs");
        refused("{\"predicates\":[{\"operation\":1,\"key\":\"name\",\"string_values\":{\"values\":[]}}]}", "goes with IN");
        refused("{\"predicates\":[{\"operation\":9,\"key\":\"created_at\",\"timestamp_value\":\"2026-01-01T00:00:00Z\"}]}", "no text");
        refused("{\"predicates\":[{\"operation\":1,\"key\":\"secret\",\"string_value\":\"x\"}]}", "there are name, created_at, metric:<name>, tags.<name>, state");
        struct buf b = BUF(1 << 20);
        buf_add_c(&b, "{\"predicates\":[");
        for (int i = 0; i <= FILTER_PREDICATES_MAX; i++)
                buf_addf(&b, "%s{\"op\":1,\"key\":\"name\",\"string_value\":\"x\"}", i ? "," : "");
        buf_add_c(&b, "]}");
        refused(b.p, "more than 32 predicates");
        buf_clear(&b);
        buf_add_c(&b, "{\"predicates\":[{\"op\":8,\"key\":\"name\",\"string_values\":{\"values\":[\"x\"");
        for (int i = 0; i < FILTER_VALUES_MAX; i++)
                buf_add_c(&b, ",\"x\"");
        buf_add_c(&b, "]}}]}");
        refused(b.p, "more than 64 values");
        buf_free(&b);
}

static void test_sort(void **state)
{
        (void)state;
        struct str key = STR_NONE;
        bool down = false;
        assert_true(filter_sort(STR(""), keys, a, &key, &down, &e) && !key.n);
        assert_true(filter_sort(STR("name desc"), keys, a, &key, &down, &e) && str_eq_c(key, "display_name") && down);
        assert_true(filter_sort(STR("metric:loss  asc"), keys, a, &key, &down, &e) && str_eq_c(key, "metric:loss") && !down);
        assert_false(filter_sort(STR("name down"), keys, a, &key, &down, &e));
        assert_false(filter_sort(STR("metric:"), keys, a, &key, &down, &e));
        assert_non_null(strstr(e.text, "cannot sort or filter by 'metric:'"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_spellings, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_words, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
                cmocka_unit_test_setup_teardown(test_sort, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
