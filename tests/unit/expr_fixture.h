/* What the tests of expressions share: an environment of a few names, and tables of (source, result). The results are those of expr-lang
 * 1.17.8, Sprig 3.3 and govaluate, but for the tables that say otherwise. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "expr/expr.h"
#include "text/json.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A result is its JSON (what JSON cannot say: as Go prints it); a failure is "error: " and the first line of the message. */
struct expr_case { const char *source, *result; };

static struct arena *a;
static int set_up(void **state) { a = arena_new(); return 0; }
static int tear_down(void **state) { arena_free(a); return 0; }

static inline bool expr_lookup(void *ctx, struct str name, struct arena *to, struct value *ret)
{
        static const char text[] = "{\"s\":\"hello\",\"n\":5,\"f\":2.5,\"b\":true,\"z\":null,\"l\":[3,1,2],\"ls\":[\"b\",\"a\"],\"m\":{\"a\":1,\"b\":{\"c\":\"x\"}},\"e\":[],"
                                   "\"lm\":[{\"n\":\"x\",\"v\":2},{\"n\":\"y\",\"v\":1}]}";
        struct value all;
        assert_true(json_read(str_from(text), NULL, to, &all, NULL));
        const struct value *v = value_get(&all, name);
        if (v)
                *ret = *v;
        return v != NULL;
}

static inline struct expr_env expr_test_env(void)
{
        return (struct expr_env){.lookup = expr_lookup, .now = {1767323045000000}, .seed = 42}; /* 2026-01-02T03:04:05Z */
}

static inline const char *expr_of(const char *source, struct arena *to)
{
        const struct expr *x;
        struct xvalue v;
        struct value json;
        struct error e = {0}, unsayable = {0};
        struct expr_env env = expr_test_env();
        if (!expr_parse(EXPR_ARGO, str_from(source), to, &x, &e) || !expr_eval(x, &env, to, &v, &e)) {
                assert_true(e.kind == ERROR_INVALID || e.kind == ERROR_LIMIT);
                struct str text = str_from(e.text);
                return arena_cstr(to, arena_printf(to, "error: %.*s", STR_FMT(str_sub(text, 0, str_find(text, STR("\n |"), 0)))));
        }
        if (!expr_to_value(&v, to, &json, &unsayable))
                return arena_cstr(to, expr_result_print(&v, to));
        return arena_cstr(to, json_text(&json, JSON_HTML, to));
}

static inline void expr_check_all(const struct expr_case *cases, size_t n)
{
        size_t wrong = 0;
        for (size_t i = 0; i < n; i++) {
                _cleanup_arena_ struct arena *scratch = arena_new();
                const char *got = expr_of(cases[i].source, scratch);
                if (strcmp(got, cases[i].result) != 0) {
                        print_message("%s\n    gives  %s\n    not    %s\n", cases[i].source, got, cases[i].result);
                        wrong++;
                }
        }
        assert_int_equal(wrong, 0);
}
