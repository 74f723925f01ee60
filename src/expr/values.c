/* Values: equality, conversions from and to the JSON-like value, and Go's ways of printing them. */
#include "expr/internal.h"
#include "text/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int64_t x_truncate(double d) {
        if (isnan(d) || d <= -9223372036854775808.0)
                return INT64_MIN;
        return d >= 9223372036854775808.0 ? INT64_MAX : (int64_t)d;
}

double x_pow(double base, double exponent) { return pow(base, exponent); }

struct xvalue x_time(int64_t us, int32_t zone_s) { return (struct xvalue){.kind = X_TIME, .zone_s = zone_s, .integer = us}; }
struct xvalue x_duration(int64_t ns) { return (struct xvalue){.kind = X_DURATION, .integer = ns}; }

static bool equal_at(const struct xvalue *a, const struct xvalue *b, int depth) {
        if (x_is_number(a) && x_is_number(b))
                return a->kind == X_INT && b->kind == X_INT ? a->integer == b->integer : x_double(a) == x_double(b);
        if (a->kind != b->kind || depth > VALUE_DEPTH_MAX)
                return false;
        switch (a->kind) {
        case X_NIL: return true;
        case X_BOOL: return a->boolean == b->boolean;
        case X_INT: case X_FLOAT: break;
        case X_STRING: return str_eq(a->text, b->text);
        case X_TIME: case X_DURATION: return a->integer == b->integer;
        case X_FUNCTION: return a->function == b->function;
        case X_LIST:
                for (size_t i = 0; a->list.n == b->list.n && i < a->list.n; i++)
                        if (!equal_at(&a->list.items[i], &b->list.items[i], depth + 1))
                                return false;
                return a->list.n == b->list.n;
        case X_MAP:
                for (size_t i = 0; a->map.n == b->map.n && i < a->map.n; i++)
                        if (!str_eq(a->map.members[i].key, b->map.members[i].key) ||
                            !equal_at(&a->map.members[i].value, &b->map.members[i].value, depth + 1))
                                return false;
                return a->map.n == b->map.n;
        }
        return false;
}

bool x_equal(const struct xvalue *a, const struct xvalue *b) { return equal_at(a, b, 0); }

const struct xvalue *x_get(const struct xvalue *map, struct str key) {
        if (map->kind != X_MAP)
                return NULL;
        size_t low = 0, high = map->map.n;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = str_cmp(map->map.members[middle].key, key);
                if (order == 0)
                        return &map->map.members[middle].value;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

/* Merge sort, stable, so that the last of equal keys is the last written. */
static void sort_range(struct xmember *m, struct xmember *spare, size_t n) {
        if (n < 2)
                return;
        size_t half = n / 2, i = 0, k = half;
        sort_range(m, spare, half);
        sort_range(m + half, spare, n - half);
        memcpy(spare, m, n * sizeof *m);
        for (size_t out = 0; out < n; out++)
                m[out] = k >= n || (i < half && str_cmp(spare[i].key, spare[k].key) <= 0) ? spare[i++] : spare[k++];
}

size_t members_sort(struct xmember *m, size_t n) {
        bool sorted = true;
        for (size_t i = 1; i < n && sorted; i++)
                sorted = str_cmp(m[i - 1].key, m[i].key) < 0;
        if (sorted)
                return n;
        struct xmember few[16], *spare = n <= 16 ? few : malloc(n * sizeof *m);
        if (!spare)
                abort();
        sort_range(m, spare, n);
        if (spare != few)
                free(spare);
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
                if (kept && str_eq(m[kept - 1].key, m[i].key))
                        kept--;
                m[kept++] = m[i];
        }
        return kept;
}

const char *x_go_type(const struct xvalue *v) {
        static const char *const names[] = {[X_NIL] = "<nil>", [X_BOOL] = "bool", [X_INT] = "int", [X_FLOAT] = "float64", [X_STRING] = "string",
                                            [X_LIST] = "[]interface {}", [X_MAP] = "map[string]interface {}", [X_TIME] = "time.Time",
                                            [X_DURATION] = "time.Duration", [X_FUNCTION] = "func"};
        return names[v->kind];
}

const char *x_go_kind(const struct xvalue *v) {
        static const char *const names[] = {[X_NIL] = "invalid", [X_BOOL] = "bool", [X_INT] = "int", [X_FLOAT] = "float64", [X_STRING] = "string", [X_LIST] = "slice",
                                            [X_MAP] = "map", [X_TIME] = "struct", [X_DURATION] = "int64", [X_FUNCTION] = "func"};
        return names[v->kind];
}

const char *x_type_name(const struct xvalue *v) {
        static const char *const names[] = {[X_NIL] = "nil", [X_BOOL] = "bool", [X_INT] = "int", [X_FLOAT] = "float", [X_STRING] = "string", [X_LIST] = "array",
                                            [X_MAP] = "map", [X_TIME] = "time.Time", [X_DURATION] = "time.Duration", [X_FUNCTION] = "func"};
        return names[v->kind];
}

/* --- from and to values --- */

static struct xvalue from_number(const struct value *v, bool all_float) {
        int64_t i;
        double d = 0;
        if (!all_float && str_to_i64(v->text, &i))
                return x_int(i);
        (void)value_to_double(v, &d);
        return x_float(d);
}

static struct xvalue from_at(const struct value *v, struct arena *a, bool all_float, int depth) {
        if (depth > VALUE_DEPTH_MAX)
                return x_nil();
        switch (v->kind) {
        case VALUE_NULL: break;
        case VALUE_BOOL: return x_bool(v->boolean);
        case VALUE_NUMBER: return from_number(v, all_float);
        case VALUE_STRING: return x_text(v->text);
        case VALUE_LIST: {
                struct xvalue *items = arena_alloc_array(a, sizeof *items, v->list.n);
                for (size_t i = 0; i < v->list.n; i++)
                        items[i] = from_at(&v->list.items[i], a, all_float, depth + 1);
                return x_list(items, v->list.n);
        }
        case VALUE_MAP: {
                struct xmember *m = arena_alloc_array(a, sizeof *m, v->map.n);
                for (size_t i = 0; i < v->map.n; i++)
                        m[i] = (struct xmember){v->map.members[i].key, from_at(&v->map.members[i].value, a, all_float, depth + 1)};
                return x_map(m, members_sort(m, v->map.n));
        }
        }
        return x_nil();
}

struct xvalue from_value(const struct value *v, struct arena *a, bool all_float) { return from_at(v, a, all_float, 0); }
struct xvalue expr_from_value(const struct value *v, struct arena *a) { return from_value(v, a, false); }

static struct str time_json(const struct xvalue *v, struct arena *a) {
        return time_format(v->integer, v->zone_s, STR("2006-01-02T15:04:05.999999999Z07:00"), a);
}

/* Go's JSON writes 1e-7 where its other printing has 1e-07. */
static struct value json_number(double d, struct arena *a) {
        struct value v = value_double(d, a);
        size_t e = str_find(v.text, STR("e-0"), 0);
        if (e != SIZE_MAX)
                v.text = arena_printf(a, "%.*se-%.*s", (int)e, v.text.p, (int)(v.text.n - e - 3), v.text.p + e + 3);
        return v;
}

static bool to_at(const struct xvalue *v, struct arena *a, struct value *ret, struct error *e, int depth) {
        if (depth > VALUE_DEPTH_MAX)
                return error_set(e, ERROR_LIMIT, "the result of the expression is nested more than %d levels deep", VALUE_DEPTH_MAX);
        *ret = value_null;
        switch (v->kind) {
        case X_NIL: return true;
        case X_BOOL: *ret = value_bool(v->boolean); return true;
        case X_INT: case X_DURATION: *ret = value_i64(v->integer, a); return true;
        case X_FLOAT:
                if (!isfinite(v->number))
                        return error_set(e, ERROR_INVALID, "json: unsupported value: %.*s", STR_FMT(float_text(v->number, a)));
                *ret = json_number(v->number, a);
                return true;
        case X_STRING: *ret = value_string(v->text); return true;
        case X_TIME: *ret = value_string(time_json(v, a)); return true;
        case X_FUNCTION: return error_set(e, ERROR_INVALID, "json: unsupported type: func");
        case X_LIST: {
                struct value *items = ARENA_ARRAY(a, struct value, v->list.n);
                for (size_t i = 0; i < v->list.n; i++)
                        if (!to_at(&v->list.items[i], a, &items[i], e, depth + 1))
                                return false;
                *ret = value_list(items, v->list.n);
                return true;
        }
        case X_MAP: {
                struct value_member *m = ARENA_ARRAY(a, struct value_member, v->map.n);
                for (size_t i = 0; i < v->map.n; i++) {
                        m[i].key = v->map.members[i].key;
                        if (!to_at(&v->map.members[i].value, a, &m[i].value, e, depth + 1))
                                return false;
                }
                *ret = value_map(m, v->map.n);
                return true;
        }
        }
        return true;
}

bool expr_to_value(const struct xvalue *v, struct arena *a, struct value *ret, struct error *e) { return to_at(v, a, ret, e, 0); }

bool expr_result_text(const struct xvalue *v, struct arena *a, struct str *ret, struct error *e) {
        struct value out;
        if (v->kind == X_STRING) {
                *ret = v->text;
                return true;
        }
        if (!expr_to_value(v, a, &out, e))
                return false;
        *ret = out.kind == VALUE_STRING ? out.text : json_text(&out, JSON_COMPACT | JSON_HTML, a);
        return true;
}

/* --- Go's fmt --- */

/* %v of a float64: the shortest digits, with an exponent below 1e-4 and from 1e6 on. */
struct str float_text(double d, struct arena *a) {
        if (isnan(d))
                return STR("NaN");
        if (isinf(d))
                return d > 0 ? STR("+Inf") : STR("-Inf");
        struct str plain = value_double(d, a).text;
        size_t exponent_at = str_find_char(plain, 'e', 0);
        if (exponent_at != SIZE_MAX && plain.n - exponent_at == 3) /* JSON's exponent may have one digit, %v's has two */
                return arena_printf(a, "%.*s0%c", (int)plain.n - 1, plain.p, plain.p[plain.n - 1]);
        if (d == 0 || exponent_at != SIZE_MAX)
                return plain;
        /* Digits without leading zeros and point, and where the point was. */
        char digits[64];
        size_t n = 0;
        int64_t exponent = -1;
        bool point = false, leading = true;
        for (size_t i = plain.p[0] == '-' ? 1 : 0; i < plain.n; i++) {
                if (plain.p[i] == '.') {
                        point = true;
                        continue;
                }
                if (leading && plain.p[i] == '0') {
                        exponent -= point ? 1 : 0;
                        continue;
                }
                leading = false;
                exponent += point ? 0 : 1;
                if (n < sizeof digits)
                        digits[n++] = plain.p[i];
        }
        while (n > 1 && digits[n - 1] == '0')
                n--;
        if (exponent >= -4 && exponent < 6)
                return plain;
        return arena_printf(a, "%s%c%s%.*se%c%02lld", d < 0 ? "-" : "", digits[0], n > 1 ? "." : "", (int)n - 1, digits + 1, exponent < 0 ? '-' : '+',
                            (long long)(exponent < 0 ? -exponent : exponent));
}

void x_print_to(const struct xvalue *v, struct buf *b, struct arena *a, int depth) {
        if (depth > VALUE_DEPTH_MAX)
                return;
        switch (v->kind) {
        case X_NIL: buf_add_c(b, "<nil>"); break;
        case X_BOOL: buf_add_c(b, v->boolean ? "true" : "false"); break;
        case X_INT: buf_addf(b, "%lld", (long long)v->integer); break;
        case X_FLOAT: buf_add(b, float_text(v->number, a)); break;
        case X_STRING: buf_add(b, v->text); break;
        case X_TIME:
                buf_add(b, time_format(v->integer, v->zone_s, v->zone_s ? STR("2006-01-02 15:04:05.999999999 -0700 -0700") : STR("2006-01-02 15:04:05.999999999 -0700 UTC"), a));
                break;
        case X_DURATION: buf_add(b, duration_text(v->integer, a)); break;
        case X_FUNCTION: buf_addf(b, "func %s", ((const struct func *)v->function)->name); break;
        case X_LIST:
                buf_add_char(b, '[');
                for (size_t i = 0; i < v->list.n && !b->overflow; i++) {
                        if (i)
                                buf_add_char(b, ' ');
                        x_print_to(&v->list.items[i], b, a, depth + 1);
                }
                buf_add_char(b, ']');
                break;
        case X_MAP:
                buf_add_c(b, "map[");
                for (size_t i = 0; i < v->map.n && !b->overflow; i++) {
                        if (i)
                                buf_add_char(b, ' ');
                        buf_add(b, v->map.members[i].key);
                        buf_add_char(b, ':');
                        x_print_to(&v->map.members[i].value, b, a, depth + 1);
                }
                buf_add_char(b, ']');
                break;
        }
}

struct str x_print(const struct xvalue *v, struct arena *a) {
        if (v->kind == X_STRING)
                return v->text;
        struct buf b = BUF(TEXT_RESULT_MAX);
        x_print_to(v, &b, a, 0);
        struct str s = arena_str(a, buf_str(&b));
        buf_free(&b);
        return s;
}

struct str expr_result_print(const struct xvalue *v, struct arena *a) { return x_print(v, a); }

/* --- buffers and JSON within the budget --- */

struct buf vm_buf(struct vm *vm) {
        size_t used = arena_used(vm->a) - vm->bytes_start;
        return BUF(used < vm->bytes_max ? vm->bytes_max - used : 0);
}

bool vm_text(struct vm *vm, struct buf *b, struct xvalue *ret) {
        char *p = b->overflow ? vm_alloc(vm, SIZE_MAX / 2, 1) : vm_alloc(vm, b->n + 1, 1);
        bool ok = p != NULL;
        if (ok) {
                if (b->n)
                        memcpy(p, b->p, b->n);
                *ret = x_text((struct str){p, b->n});
        }
        buf_free(b);
        return ok;
}

bool vm_json(struct vm *vm, const struct xvalue *v, unsigned style, struct str *ret) {
        struct value out;
        struct error e = {0};
        if (!vm_step(vm, 1))
                return false;
        if (!expr_to_value(v, vm->a, &out, &e))
                return vm_fail(vm, "%s", e.text);
        struct buf b = vm_buf(vm);
        json_write(&out, style, &b);
        struct xvalue text;
        if (!vm_text(vm, &b, &text))
                return false;
        *ret = text.text;
        return true;
}

bool vm_json_read(struct vm *vm, struct str text, bool all_float, struct xvalue *ret) {
        struct value v;
        struct error e = {0};
        if (!vm_step(vm, 1 + text.n / 64))
                return false;
        if (str_trim(text).n == 0)
                return vm_fail(vm, "unexpected end of JSON input");
        if (!json_read(text, &(struct json_limits){.depth_max = VALUE_DEPTH_MAX / 2}, vm->a, &v, &e))
                return vm_fail(vm, "not valid JSON: %s", e.text);
        *ret = from_value(&v, vm->a, all_float);
        return vm_step(vm, 0);
}
