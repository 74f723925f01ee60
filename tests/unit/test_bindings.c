/* Named values, their stored form, and the tables of states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "model/bindings.h"
#include "model/states.h"

static struct arena *a;
static struct error e;
static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static void same_val(struct val x, struct val y)
{
        assert_int_equal(x.kind, y.kind);
        assert_true(str_eq(x.text, y.text));
}

static void same(const struct bindings *x, const struct bindings *y)
{
        assert_int_equal(x->params_n, y->params_n);
        assert_int_equal(x->artifacts_n, y->artifacts_n);
        for (size_t i = 0; i < x->params_n; i++) {
                assert_true(str_eq(x->params[i].name, y->params[i].name));
                same_val(x->params[i].value, y->params[i].value);
                assert_int_equal(x->params[i].secret, y->params[i].secret);
        }
        for (size_t i = 0; i < x->artifacts_n; i++) {
                const struct artifact *p = &x->artifacts[i], *q = &y->artifacts[i];
                assert_true(str_eq(p->name, q->name) && str_eq(p->uri, q->uri) && str_eq(p->type, q->type) && str_eq(p->metadata, q->metadata) && str_eq(p->digest, q->digest));
                assert_true(p->size_bytes == q->size_bytes && p->list == q->list);
        }
        same_val(x->result, y->result);
}

static struct bindings example(void)
{
        static struct param params[] = {
                {STR("text"), {VAL_TEXT, STR("two\nlines \"quoted\" \\ \xc3\xa9\x01")}, false},
                {STR("json"), {VAL_JSON, STR("{\"a\": [1.50, null]}")}, true},
                {STR("none"), {VAL_NONE, STR_NONE}, false},
                {STR("empty"), {VAL_TEXT, STR("")}, true},
                {STR("bytes"), {VAL_TEXT, STR("\xff\x00\x80 a\xc3")}, false},
                {STR("zero"), {VAL_TEXT, STR("a\0b")}, false},
        };
        static struct artifact artifacts[] = {
                {STR("model"), STR("file:///x y"), STR("system.Model"), STR("{\"k\":1}"), STR("sha256:00"), INT64_C(5000000000), false},
                {STR("many"), STR("s3://b/1"), STR_NONE, STR_NONE, STR_NONE, -1, true},
                {STR("many"), STR("s3://b/2"), STR_NONE, STR_NONE, STR_NONE, 0, true},
        };
        return (struct bindings){params, 6, artifacts, 3, {VAL_TEXT, STR("\xfe done")}};
}

static void test_round_trip(void **state)
{
        (void)state;
        struct bindings b = example(), back;
        struct str text = bindings_encode(&b, a);
        assert_true(str_is_utf8(text));
        assert_true(bindings_decode(text, a, &back, &e));
        same(&b, &back);
        b.result = val_json(STR("[1]"));
        assert_true(bindings_decode(bindings_encode(&b, a), a, &back, &e));
        same(&b, &back);
        b = (struct bindings){0};
        assert_int_equal(bindings_encode(&b, a).n, 0);
        assert_true(bindings_decode(STR(""), a, &back, &e));
        same(&b, &back);
        b.result = val_text(STR(""));
        assert_true(bindings_decode(bindings_encode(&b, a), a, &back, &e));
        same(&b, &back);
}

/* Escapes make a value longer than the limit of a JSON document: what was stored must come back all the same. */
static void test_large(void **state)
{
        (void)state;
        enum { N = 12 << 20 };
        char *many = memset(arena_alloc(a, N), 1, N);
        struct param p = {STR("p"), {VAL_TEXT, {many, N}}, false};
        struct bindings b = {.params = &p, .params_n = 1}, back;
        struct str text = bindings_encode(&b, a);
        assert_true(text.n > (size_t)64 << 20);
        assert_true(bindings_decode(text, a, &back, &e));
        same(&b, &back);
}

static void test_lookup(void **state)
{
        (void)state;
        struct bindings b = example();
        assert_int_equal(bindings_param(&b, STR("json"))->kind, VAL_JSON);
        assert_int_equal(bindings_param(&b, STR("none"))->kind, VAL_NONE);
        assert_null(bindings_param(&b, STR("other")));
        assert_null(bindings_param(NULL, STR("text")));
        assert_true(str_eq_c(bindings_artifact(&b, STR("many"))->uri, "s3://b/1"));
        assert_null(bindings_artifact(&b, STR("text")));
        assert_null(bindings_artifact(NULL, STR("text")));
}

static void test_copies_stand_alone(void **state)
{
        (void)state;
        struct arena *other = arena_new();
        struct bindings b = example(), decoded;
        assert_true(bindings_decode(bindings_encode(&b, other), other, &decoded, &e));
        struct bindings copy = bindings_copy(&decoded, a);
        arena_free(other);
        same(&b, &copy);
}

static void test_damaged(void **state)
{
        (void)state;
        static const char *const bad[] = {"x", "{", "[]", "5", "{}", "{\"p\":[]}", "{\"p\":{},\"a\":[]}", "{\"p\":[],\"a\":5}", "{\"p\":[],\"a\":[]}x"};
        struct bindings b;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                assert_false(bindings_decode(str_from(bad[i]), a, &b, &e));
                assert_int_equal(e.kind, ERROR_CORRUPT);
                assert_non_null(strstr(e.text, "reading stored values"));
                assert_false(bindings_decode(str_from(bad[i]), a, &b, NULL));
        }
        assert_true(bindings_decode(STR("{\"p\":[5,{\"n\":1,\"x\":\"zz9\"}],\"a\":[null],\"t\":7}"), a, &b, &e));
        assert_int_equal(b.params_n, 2);
        assert_int_equal(b.params[0].value.kind, VAL_NONE);
}

static void test_states(void **state)
{
        (void)state;
        int final = 0;
        for (int s = 0; s < RUN_STATES; s++) {
                assert_string_not_equal(run_state_name((enum run_state)s), "?");
                final += run_state_final((enum run_state)s);
        }
        assert_int_equal(final, 5);
        assert_false(run_state_final(RUN_STOPPING));
        for (int s = 0; s < NODE_STATES; s++) {
                enum node_state n = (enum node_state)s;
                assert_string_not_equal(node_state_name(n), "?");
                assert_false(node_state_good(n) && node_state_bad(n));
                assert_true(node_state_final(n) || !(node_state_good(n) || node_state_bad(n)));
        }
        assert_true(node_state_good(NODE_CACHED) && node_state_bad(NODE_STOPPED) && node_state_final(NODE_LOST) && !node_state_final(NODE_SUSPENDED));
        for (int k = 0; k < NODE_KINDS; k++)
                assert_string_not_equal(node_kind_name((enum node_kind)k), "?");
        assert_string_equal(run_state_name(RUN_STATES), "?");
        assert_string_equal(node_state_name(NODE_LOST), "Lost");
        assert_string_equal(node_kind_name(NODE_KIND_FANOUT), "fan-out");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
        const struct CMUnitTest tests[] = {T(test_round_trip), T(test_large), T(test_lookup), T(test_copies_stand_alone), T(test_damaged), T(test_states)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
