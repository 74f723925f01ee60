/* The public face: compile, evaluate, and what callers do with results. */
#include "expr/internal.h"
#include "text/json.h"
#include <stdio.h>

bool expr_parse(enum expr_grammar grammar, struct str source, struct arena *a, const struct expr **ret, struct error *e) {
        if (source.n > SOURCE_MAX)
                return error_set(e, ERROR_LIMIT, "an expression of %zu bytes; at most %d are allowed", source.n, SOURCE_MAX);
        struct expr *x = ARENA_NEW(a, struct expr);
        *x = (struct expr){.grammar = grammar, .source = arena_str(a, source)};
        if (!str_is_utf8(source))
                return error_set(e, ERROR_INVALID, "the expression is not valid UTF-8");
        if (grammar == EXPR_WHEN) { /* parsed when it is evaluated: its operators depend on its texts */
                *ret = x;
                return true;
        }
        struct parser p = {.grammar = grammar, .source = x->source, .a = a, .e = e};
        struct node *root = NULL;
        if (!(grammar == EXPR_KFP ? cel_parse(&p, &root) : argo_parse(&p, &root)))
                return false;
        x->root = root;
        if (!paths_collect(x, a))
                return place_error(e, ERROR_LIMIT, x->source, 0, "the expression reads more than 1000 names");
        x->wrong = grammar == EXPR_ARGO && !expr_check(x, NULL, NULL);
        *ret = x;
        return true;
}

struct str expr_source(const struct expr *x) { return x->source; }

static struct shape shape_of(const struct xvalue *v) {
        static const enum stype types[] = {[X_NIL] = S_NIL, [X_BOOL] = S_BOOL, [X_INT] = S_INT, [X_FLOAT] = S_FLOAT, [X_STRING] = S_STRING,
                                           [X_LIST] = S_LIST, [X_MAP] = S_MAP, [X_TIME] = S_TIME, [X_DURATION] = S_DURATION, [X_FUNCTION] = S_UNKNOWN};
        return (struct shape){types[v->kind], S_UNKNOWN};
}

/* Asks for every root identifier before anything runs, as Argo's compiler does: an unknown one is an error even where it is not reached. */
static bool look_up(struct vm *vm) {
        const struct expr *x = vm->x;
        struct shape *shapes = ARENA_ARRAY(vm->a, struct shape, x->idents_n + 1);
        vm->slots = ARENA_ARRAY(vm->a, struct xvalue, x->idents_n + 1);
        bool typed = false;
        for (size_t i = 0; i < x->idents_n; i++) {
                struct value v = value_null;
                if (!vm->env->lookup || !vm->env->lookup(vm->env->ctx, x->idents[i], vm->a, &v)) {
                        for (size_t k = 0; k < x->paths.n; k++)
                                if (str_eq(x->paths.items[k].parts[0], x->idents[i])) {
                                        vm->at = x->paths.items[k].offset;
                                        break;
                                }
                        return vm_fail(vm, x->grammar == EXPR_KFP ? "undeclared reference to '%.*s'" : "unknown name %.*s", STR_FMT(x->idents[i]));
                }
                vm->slots[i] = from_value(&v, vm->a, false);
                shapes[i] = shape_of(&vm->slots[i]);
                typed = typed || shapes[i].type != S_UNKNOWN;
        }
        return x->grammar != EXPR_ARGO || !(typed || x->wrong) || expr_check(x, shapes, vm->e);
}

bool expr_eval(const struct expr *x, const struct expr_env *env, struct arena *a, struct xvalue *ret, struct error *e) {
        static const struct expr_env nothing;
        struct vm vm = {.x = x, .env = env ? env : &nothing, .a = a, .e = e, .bytes_start = arena_used(a)};
        vm.steps_max = vm.env->steps_max ? vm.env->steps_max : 1000000;
        vm.bytes_max = vm.env->bytes_max ? vm.env->bytes_max : (size_t)64 << 20;
        vm.random.state = vm.env->seed;
        if (x->grammar == EXPR_WHEN) {
                bool yes;
                if (!expr_when(x->source, a, &yes, e))
                        return false;
                *ret = x_bool(yes);
                return true;
        }
        struct xvalue v;
        if (!look_up(&vm) || !vm_eval(&vm, x->root, &v))
                return false;
        *ret = v;
        return true;
}

bool expr_eval_bool(const struct expr *x, const struct expr_env *env, struct arena *a, bool *ret, struct error *e) {
        struct xvalue v;
        if (!expr_eval(x, env, a, &v, e))
                return false;
        if (v.kind != X_BOOL)
                return error_set(e, ERROR_INVALID, "unable to cast expression result '%.*s' to bool", STR_FMT(expr_result_print(&v, a)));
        *ret = v.boolean;
        return true;
}

bool expr_substitute(const struct expr *x, const struct expr_env *env, struct arena *a, struct str *ret, struct error *e) {
        struct xvalue v;
        if (!expr_eval(x, env, a, &v, e))
                return error_set(e, e ? e->kind : ERROR_INVALID, "failed to evaluate expression: %s", e ? arena_cstr(a, str_from(e->text)) : "");
        if (v.kind == X_NIL)
                return error_set(e, ERROR_INVALID, "failed to evaluate expression \"%.*s\"", STR_FMT(x->source));
        return expr_result_text(&v, a, ret, e);
}
