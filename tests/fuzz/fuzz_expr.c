/* Any bytes as an expression of each grammar, as a condition and as dependencies. What compiles is evaluated within a small budget; its result
 * can be written, and written values can be read back. Errors have a text and stay within the source. */
#include <stdlib.h>
#include "expr/expr.h"
#include "text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void check_error(const struct error *e, size_t size)
{
        check((e->kind == ERROR_INVALID || e->kind == ERROR_LIMIT) && e->text[0]);
        check(e->line <= size + 1 && e->column <= size + 2);
}

static bool lookup(void *ctx, struct str name, struct arena *a, struct value *ret)
{
        static const char text[] = "{\"s\":\"hello\",\"n\":5,\"f\":2.5,\"b\":true,\"z\":null,\"l\":[3,1,2],\"m\":{\"a\":1,\"b\":{\"c\":\"x\"}},\"inputs\":{\"parameters\":{\"x\":\"1\"},"
                                   "\"parameter_values\":{\"x\":1}}}";
        struct value all;
        check(json_read(str_from(text), NULL, a, &all, NULL));
        const struct value *v = value_get(&all, name);
        if (v)
                *ret = *v;
        return v != NULL;
}

static void evaluate(enum expr_grammar grammar, struct str source)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct expr_env env = {.lookup = lookup, .now = {1767323045000000}, .seed = 1, .steps_max = 20000, .bytes_max = 4 << 20};
        const struct expr *x;
        struct xvalue v, again;
        struct value json;
        struct str text;
        bool yes;
        struct error e = {0};
        if (!expr_parse(grammar, source, a, &x, &e)) {
                check_error(&e, source.n);
                return;
        }
        struct expr_paths paths = expr_identifiers(x);
        for (size_t i = 0; i < paths.n; i++)
                check(paths.items[i].n > 0 && paths.items[i].dotted_n <= paths.items[i].n && paths.items[i].offset < source.n);
        if (!expr_eval(x, &env, a, &v, &e)) {
                check_error(&e, source.n);
                return;
        }
        (void)expr_result_print(&v, a);
        (void)expr_eval_bool(x, &env, a, &yes, NULL);
        (void)expr_substitute(x, &env, a, &text, NULL);
        if (!expr_to_value(&v, a, &json, &e))
                return;
        again = expr_from_value(&json, a);
        check(expr_to_value(&again, a, &json, &e));
}

static bool holds(void *ctx, struct str task, struct str result)
{
        return (task.n + result.n) % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str source = {(const char *)data, size};
        _cleanup_arena_ struct arena *a = arena_new();
        const struct depends *d;
        const struct str *names;
        bool yes;
        struct error e = {0};
        evaluate(EXPR_ARGO, source);
        evaluate(EXPR_KFP, source);
        evaluate(EXPR_WHEN, source);
        if (expr_when(source, a, &yes, &e))
                check(e.kind == ERROR_NONE);
        else
                check_error(&e, size);
        e = (struct error){0};
        if (!expr_depends_parse(source, a, &d, &e)) {
                check_error(&e, size);
                return 0;
        }
        check(expr_depends_tasks(d, a, &names) > 0);
        (void)expr_depends_eval(d, holds, NULL);
        return 0;
}
