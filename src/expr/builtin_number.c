/* expr-lang's built-ins on numbers. */
#include "expr/internal.h"
#include <math.h>

static bool absolute(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = args[0];
        if (ret->kind == X_INT && ret->integer < 0)
                ret->integer = (int64_t)(0 - (uint64_t)ret->integer);
        else if (ret->kind == X_FLOAT && ret->number < 0)
                ret->number = -ret->number;
        return true;
}

enum { CEIL, FLOOR, ROUND };

static bool rounded(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        double d = x_double(&args[0]);
        *ret = x_float(vm->function->flag == CEIL ? ceil(d) : vm->function->flag == FLOOR ? floor(d) : round(d));
        return true;
}

static bool to_int(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t i = 0;
        const struct xvalue *v = &args[0];
        if (v->kind == X_STRING && !str_to_i64(v->text, &i))
                return vm_fail(vm, "invalid operation: int(%.*s)", STR_FMT(v->text));
        if (v->kind != X_STRING && v->kind != X_INT && v->kind != X_FLOAT && v->kind != X_DURATION)
                return vm_fail(vm, "invalid operation: int(%s)", x_go_type(v));
        *ret = x_int(v->kind == X_STRING ? i : v->kind == X_FLOAT ? x_truncate(v->number) : v->integer);
        return true;
}

static bool to_float(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        double d = 0;
        const struct xvalue *v = &args[0];
        if (v->kind == X_STRING && !text_to_double(v->text, &d))
                return vm_fail(vm, "invalid operation: float(%.*s)", STR_FMT(v->text));
        if (v->kind != X_STRING && !x_is_number(v))
                return vm_fail(vm, "invalid operation: float(%s)", x_go_type(v));
        *ret = x_float(v->kind == X_STRING ? d : x_double(v));
        return true;
}

/* The least or the greatest of numbers and of lists of them; a single argument that is none of these is its own. */
static bool extreme(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret, int depth) {
        bool greatest = vm->function->flag != 0;
        *ret = x_nil();
        if (depth > VALUE_DEPTH_MAX || !vm_step(vm, n))
                return vm_fail(vm, "the list is nested too deeply");
        for (size_t i = 0; i < n; i++) {
                const struct xvalue *v = &args[i];
                size_t count = v->kind == X_LIST ? v->list.n : 1;
                for (size_t k = 0; k < count; k++) {
                        struct xvalue one = v->kind == X_LIST ? v->list.items[k] : *v;
                        if (v->kind == X_LIST && one.kind == X_LIST && !extreme(vm, &v->list.items[k], 1, &one, depth + 1))
                                return false;
                        if (!x_is_number(&one) && v->kind != X_LIST && n == 1) {
                                *ret = one;
                                return true;
                        }
                        bool better = ret->kind == X_NIL;
                        if (!x_is_number(&one))
                                return vm_fail(vm, "invalid argument for %s (type %s)", vm->function->name, x_go_type(&one));
                        if (!better && !vm_compare(vm, greatest ? B_LT : B_GT, ret, &one, &better))
                                return false;
                        if (better)
                                *ret = one;
                }
        }
        return true;
}

static bool min_max(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { return extreme(vm, args, n, ret, 0); }

static bool numbers(struct vm *vm, const struct xvalue *args, size_t n, struct list_builder *b, int depth) {
        if (depth > VALUE_DEPTH_MAX || !vm_step(vm, n))
                return vm_fail(vm, "the list is nested too deeply");
        for (size_t i = 0; i < n; i++) {
                if (args[i].kind == X_LIST) {
                        if (!numbers(vm, args[i].list.items, args[i].list.n, b, depth + 1))
                                return false;
                        continue;
                }
                if (!x_is_number(&args[i]))
                        return vm_fail(vm, "invalid argument for %s (type %s)", vm->function->name, x_go_type(&args[i]));
                if (!list_push(vm, b, x_float(x_double(&args[i]))))
                        return false;
        }
        return true;
}

static bool mean(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        double sum = 0;
        if (!numbers(vm, args, n, &b, 0))
                return false;
        for (size_t i = 0; i < b.n; i++)
                sum += b.items[i].number;
        *ret = x_float(b.n ? sum / (double)b.n : 0);
        return true;
}

static bool median(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        if (!numbers(vm, args, n, &b, 0) || !sort_values(vm, b.items, b.n, false))
                return false;
        *ret = x_float(b.n == 0 ? 0 : b.n % 2 ? b.items[b.n / 2].number : (b.items[b.n / 2 - 1].number + b.items[b.n / 2].number) / 2);
        return true;
}

enum { AND, OR, XOR, NAND, SHL, SHR, USHR, NOT };

static bool bits(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int which = vm->function->flag;
        for (size_t i = 0; i < n; i++)
                if (args[i].kind != X_INT)
                        return vm_fail(vm, "cannot use %s as argument (type int) to call %s", x_go_type(&args[i]), vm->function->name);
        int64_t x = args[0].integer, y = n > 1 ? args[1].integer : 0;
        if (which >= SHL && which <= USHR && y < 0)
                return vm_fail(vm, "invalid operation: negative shift count %lld (type int)", (long long)y);
        uint64_t u = (uint64_t)x;
        switch (which) {
        case AND: x &= y; break;
        case OR: x |= y; break;
        case XOR: x ^= y; break;
        case NAND: x &= ~y; break;
        case SHL: x = y > 63 ? 0 : (int64_t)(u << y); break;
        case SHR: x = x >> (y > 63 ? 63 : y); break;
        case USHR: x = y > 63 ? 0 : (int64_t)(u >> y); break;
        default: x = ~x; break;
        }
        *ret = x_int(x);
        return true;
}

FUNCS(builtins_number,
        {"abs", absolute, 1, 1, S_UNKNOWN, "n", 0, "invalid argument for abs (type %s)"},
        {"bitand", bits, 2, 2, S_INT, "J", AND},
        {"bitnand", bits, 2, 2, S_INT, "J", NAND},
        {"bitnot", bits, 1, 1, S_INT, "J", NOT},
        {"bitor", bits, 2, 2, S_INT, "J", OR},
        {"bitshl", bits, 2, 2, S_INT, "J", SHL},
        {"bitshr", bits, 2, 2, S_INT, "J", SHR},
        {"bitushr", bits, 2, 2, S_INT, "J", USHR},
        {"bitxor", bits, 2, 2, S_INT, "J", XOR},
        {"ceil", rounded, 1, 1, S_FLOAT, "n", CEIL, "invalid argument for ceil (type %s)"},
        {"float", to_float, 1, 1, S_FLOAT, "N", 0, "invalid argument for float (type %s)"},
        {"floor", rounded, 1, 1, S_FLOAT, "n", FLOOR, "invalid argument for floor (type %s)"},
        {"int", to_int, 1, 1, S_INT, "N", 0, "invalid argument for int (type %s)"},
        {"max", min_max, 1, -1, S_UNKNOWN, "A", 1, "invalid argument for max (type %s)"},
        {"mean", mean, 1, -1, S_UNKNOWN, "A", 0, "invalid argument for mean (type %s)"},
        {"median", median, 1, -1, S_UNKNOWN, "A", 0, "invalid argument for median (type %s)"},
        {"min", min_max, 1, -1, S_UNKNOWN, "A", 0, "invalid argument for min (type %s)"},
        {"round", rounded, 1, 1, S_FLOAT, "n", ROUND, "invalid argument for round (type %s)"},
);

/* Argo's older names for int and float, known to the checker only as functions of anything. */
FUNCS(builtins_as,
        {"asFloat", to_float, 1, 1, S_UNKNOWN, "."},
        {"asInt", to_int, 1, 1, S_UNKNOWN, "."},
);
