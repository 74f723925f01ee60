/* Sprig's functions on numbers. What is no number counts as zero, as in Sprig; texts are read as Go's literals are. */
#include "expr/internal.h"
#include <math.h>
#include <stdio.h>

static bool read_integer(struct str s, int64_t *ret) {
        size_t dot = str_find_char(s, '.', 0), i = 0;
        bool zeros = dot != SIZE_MAX;
        for (size_t k = dot; zeros && ++k < s.n;)
                zeros = s.p[k] == '0';
        if (zeros)
                s.n = dot;
        bool negative = s.n && s.p[0] == '-';
        i += s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
        char mark = i + 1 < s.n && s.p[i] == '0' ? (char)(s.p[i + 1] | 32) : '\0';
        unsigned base = mark == 'x' ? 16 : mark == 'o' || (mark >= '0' && mark <= '9') ? 8 : mark == 'b' ? 2 : 10;
        i += mark == 'x' || mark == 'o' || mark == 'b' ? 2 : 0;
        uint64_t v = 0, most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
        if (i >= s.n)
                return false;
        for (; i < s.n; i++) {
                unsigned d = s.p[i] >= '0' && s.p[i] <= '9' ? (unsigned)(s.p[i] - '0') : (s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'f' ? (unsigned)((s.p[i] | 32) - 'a' + 10) : 99;
                if (s.p[i] == '_' && mark)
                        continue;
                if (d >= base || v > (most - d) / base)
                        return false;
                v = v * base + d;
        }
        *ret = (int64_t)(negative ? 0 - v : v);
        return true;
}

int64_t sprig_int(const struct xvalue *v) {
        int64_t i = 0;
        if (v->kind == X_STRING)
                return read_integer(v->text, &i) ? i : 0;
        return v->kind == X_INT ? v->integer : v->kind == X_FLOAT ? x_truncate(v->number) : v->kind == X_BOOL ? v->boolean : 0;
}

double sprig_float(const struct xvalue *v) {
        double d = 0;
        if (v->kind == X_STRING)
                return text_to_double(v->text, &d) ? d : 0;
        return x_is_number(v) ? x_double(v) : v->kind == X_BOOL ? v->boolean : 0;
}

enum { ADD, SUB, MUL, DIV, MOD, MAX, MIN, ADD_ONE };

static bool integers(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int op = vm->function->flag;
        uint64_t sum = op == ADD && n == 0 ? 0 : (uint64_t)sprig_int(&args[0]);
        if (op == ADD_ONE)
                sum++;
        for (size_t i = 1; i < n; i++) {
                int64_t a = (int64_t)sum, b = sprig_int(&args[i]);
                if ((op == DIV || op == MOD) && b == 0)
                        return vm_fail(vm, "runtime error: integer divide by zero");
                switch (op) {
                case ADD: sum += (uint64_t)b; break;
                case SUB: sum -= (uint64_t)b; break;
                case MUL: sum *= (uint64_t)b; break;
                case DIV: sum = b == -1 ? 0 - sum : (uint64_t)(a / b); break;
                case MOD: sum = b == -1 ? 0 : (uint64_t)(a % b); break;
                case MAX: sum = (uint64_t)(b > a ? b : a); break;
                default: sum = (uint64_t)(b < a ? b : a); break;
                }
        }
        *ret = x_int((int64_t)sum);
        return true;
}

/* Sprig adds and multiplies in decimal, so that 0.1 + 0.2 is 0.3: numbers of at most 17 digits and their sums and products are exact
 * in a long double's 18 to within its last digit, and rounding to 16 digits gives the decimal result. */
static double decimal(long double d) {
        char text[64];
        double near = (double)d, r;
        if (!isfinite(near) || near == 0)
                return near;
        snprintf(text, sizeof text, "%.17Lg", d);
        return str_to_double(str_from(text), &r) ? r : near;
}

static long double exact(const struct xvalue *v, struct arena *a) {
        double d = sprig_float(v);
        struct str s = isfinite(d) ? value_double(d, a).text : STR("0");
        long double r = 0, scale = 1;
        bool point = false;
        size_t e = str_find_char(s, 'e', 0);
        for (size_t i = s.p[0] == '-' ? 1 : 0; i < s.n && i < e; i++) {
                if (s.p[i] == '.') {
                        point = true;
                        continue;
                }
                r = r * 10 + (s.p[i] - '0');
                scale *= point ? 10 : 1;
        }
        return e != SIZE_MAX || scale > 1e18L ? (long double)d : s.p[0] == '-' ? -(r / scale) : r / scale;
}

static bool floats(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int op = vm->function->flag;
        long double sum = n ? exact(&args[0], vm->a) : 0;
        if (op == ADD_ONE)
                sum += 1;
        for (size_t i = 1; i < n; i++) {
                long double b = exact(&args[i], vm->a);
                if (op == DIV && b == 0)
                        return vm_fail(vm, "decimal division by 0");
                sum = op == ADD ? sum + b : op == SUB ? sum - b : op == MUL ? sum * b : sum / b;
        }
        *ret = x_float(decimal(sum));
        return true;
}

static bool extremes(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        double best = sprig_float(&args[0]);
        for (size_t i = 1; i < n; i++) {
                double d = sprig_float(&args[i]);
                best = isnan(d) || isnan(best) ? (double)NAN : vm->function->flag == MAX ? (d > best ? d : best) : (d < best ? d : best);
        }
        *ret = x_float(best);
        return true;
}

static bool floor_ceil(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        double d = sprig_float(&args[0]);
        *ret = x_float(vm->function->flag ? ceil(d) : floor(d));
        return true;
}

/* round(number, places [, from which fraction on it goes up]); a negative number goes toward minus infinity, as in Sprig. */
static bool rounded(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        double on = n > 2 ? sprig_float(&args[2]) : 0.5, power = x_pow(10, (double)args[1].integer), digit = power * sprig_float(&args[0]);
        *ret = x_float((digit - trunc(digit) >= on ? ceil(digit) : floor(digit)) / power);
        return true;
}

static bool convert(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = vm->function->flag ? x_float(sprig_float(&args[0])) : x_int(sprig_int(&args[0]));
        return true;
}

static bool atoi(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t i = 0;
        *ret = x_int(str_to_i64(args[0].text, &i) ? i : 0);
        return true;
}

static bool from_octal(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s = x_print(&args[0], vm->a);
        struct xvalue text;
        bool negative = s.n && (s.p[0] == '-' || s.p[0] == '+');
        for (size_t i = negative ? 1 : 0; i < s.n; i++)
                if (s.p[i] < '0' || s.p[i] > '7')
                        s.n = 0;
        text = x_text(arena_printf(vm->a, "%.*s0o%.*s", negative && s.n ? 1 : 0, s.p, (int)s.n - (negative && s.n ? 1 : 0), s.p + (negative && s.n ? 1 : 0)));
        *ret = x_int(s.n ? sprig_int(&text) : 0);
        return true;
}

static bool steps(struct vm *vm, int64_t start, int64_t stop, int64_t step, struct list_builder *b) {
        if (stop < start ? step >= 0 : step <= 0)
                return true;
        for (int64_t i = start; stop < start ? i > stop : i < stop;) {
                if (!vm_step(vm, 1) || !list_push(vm, b, x_int(i)))
                        return false;
                if (__builtin_add_overflow(i, step, &i))
                        break;
        }
        return true;
}

static bool until(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        int64_t count = args[0].integer;
        bool ok = n == 1 ? steps(vm, 0, count, count < 0 ? -1 : 1, &b) : steps(vm, count, args[1].integer, args[2].integer, &b);
        *ret = x_list(b.items, b.n);
        return ok;
}

/* seq(end), seq(start, end), seq(start, step, end): a text, as the program of that name writes it. */
static bool seq(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        struct buf text = vm_buf(vm);
        int64_t start = n > 1 ? args[0].integer : 1, end = n ? args[n - 1].integer : 0, by = end < start ? -1 : 1, step = n == 3 ? args[1].integer : by, stop;
        if (__builtin_add_overflow(end, by, &stop))
                stop = end;
        bool none = n == 0 || n > 3 || (n == 3 && end < start && step > 0);
        if (!none && !steps(vm, start, stop, step, &b))
                return false;
        for (size_t i = 0; i < b.n; i++)
                buf_addf(&text, "%s%lld", i ? " " : "", (long long)b.items[i].integer);
        return vm_text(vm, &text, ret);
}

static bool random_int(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t low = args[0].integer, width;
        if (__builtin_sub_overflow(args[1].integer, low, &width) || width <= 0)
                return vm_fail(vm, "invalid argument to Intn");
        *ret = x_int(low + (int64_t)random_below(&vm->random, (uint64_t)width));
        return true;
}

FUNCS(sprig_math,
        SPRIG("add", integers, 0, -1, ".", ADD), SPRIG("add1", integers, 1, 1, ".", ADD_ONE), SPRIG("add1f", floats, 1, 1, ".", ADD_ONE), SPRIG("addf", floats, 0, -1, ".", ADD),
        SPRIG("atoi", atoi, 1, 1, "s", 0), SPRIG("biggest", integers, 1, -1, ".", MAX), SPRIG("ceil", floor_ceil, 1, 1, ".", 1), SPRIG("div", integers, 2, 2, ".", DIV),
        SPRIG("divf", floats, 1, -1, ".", DIV), SPRIG("float64", convert, 1, 1, ".", 1), SPRIG("floor", floor_ceil, 1, 1, ".", 0), SPRIG("int", convert, 1, 1, ".", 0),
        SPRIG("int64", convert, 1, 1, ".", 0), SPRIG("max", integers, 1, -1, ".", MAX), SPRIG("maxf", extremes, 1, -1, ".", MAX), SPRIG("min", integers, 1, -1, ".", MIN),
        SPRIG("minf", extremes, 1, -1, ".", MIN), SPRIG("mod", integers, 2, 2, ".", MOD), SPRIG("mul", integers, 1, -1, ".", MUL), SPRIG("mulf", floats, 1, -1, ".", MUL),
        SPRIG("randInt", random_int, 2, 2, "I", 0), SPRIG("round", rounded, 2, -1, ".IF", 0), SPRIG("seq", seq, 0, -1, "I", 0), SPRIG("sub", integers, 2, 2, ".", SUB),
        SPRIG("subf", floats, 1, -1, ".", SUB), SPRIG("toDecimal", from_octal, 1, 1, ".", 0), SPRIG("until", until, 1, 1, "I", 0), SPRIG("untilStep", until, 3, 3, "I", 0),
);
