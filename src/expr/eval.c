/* Walks the tree. Every step is counted; the first failure wins and carries the place that vm->at names. */
#include "expr/internal.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

bool vm_fail(struct vm *vm, const char *format, ...) {
        if (vm->failed)
                return false;
        vm->failed = true;
        char message[900];
        va_list ap;
        va_start(ap, format);
        vsnprintf(message, sizeof message, format, ap);
        va_end(ap);
        place_error(vm->e, vm->kind ? vm->kind : ERROR_INVALID, vm->x->source, vm->at, message);
        return false;
}

static bool vm_limit(struct vm *vm, const char *what) {
        vm->kind = ERROR_LIMIT;
        return vm_fail(vm, "the expression takes more %s than one evaluation may; make it simpler or its data smaller", what);
}

bool vm_step(struct vm *vm, uint64_t steps) {
        if (vm->failed)
                return false;
        vm->steps += steps;
        if (vm->steps > vm->steps_max)
                return vm_limit(vm, "steps");
        if (arena_used(vm->a) - vm->bytes_start > vm->bytes_max)
                return vm_limit(vm, "memory");
        return true;
}

void *vm_alloc(struct vm *vm, size_t n, size_t size) {
        size_t used = arena_used(vm->a) - vm->bytes_start, bytes;
        if (vm->failed)
                return NULL;
        if (__builtin_mul_overflow(n, size, &bytes) || used > vm->bytes_max || bytes > vm->bytes_max - used) {
                vm_limit(vm, "memory");
                return NULL;
        }
        if (!vm_step(vm, n / 64))
                return NULL;
        return arena_alloc_raw(vm->a, bytes ? bytes : 1, size == 1 ? 1 : 16);
}

bool list_push(struct vm *vm, struct list_builder *b, struct xvalue v) {
        if (b->n == b->cap) {
                size_t cap = b->cap ? b->cap * 2 : 8;
                struct xvalue *items = VM_ARRAY(vm, struct xvalue, cap);
                if (!items)
                        return false;
                if (b->n)
                        memcpy(items, b->items, b->n * sizeof *items);
                b->items = items;
                b->cap = cap;
        }
        b->items[b->n++] = v;
        return true;
}

/* --- operators --- */

bool vm_compare(struct vm *vm, enum binary op, const struct xvalue *l, const struct xvalue *r, bool *ret) {
        int order;
        if (l->kind == X_INT && r->kind == X_INT)
                order = l->integer < r->integer ? -1 : l->integer > r->integer;
        else if (x_is_number(l) && x_is_number(r)) {
                double a = x_double(l), b = x_double(r);
                if (isnan(a) || isnan(b)) {
                        *ret = false;
                        return true;
                }
                order = a < b ? -1 : a > b;
        } else if (l->kind == X_STRING && r->kind == X_STRING)
                order = str_cmp(l->text, r->text);
        else if (l->kind == r->kind && (l->kind == X_TIME || l->kind == X_DURATION))
                order = l->integer < r->integer ? -1 : l->integer > r->integer;
        else if (vm->x->grammar == EXPR_KFP && l->kind == X_BOOL && r->kind == X_BOOL)
                order = (int)l->boolean - (int)r->boolean;
        else
                return vm_fail(vm, "invalid operation: %s %s %s", x_go_type(l), binary_names[op], x_go_type(r));
        *ret = op == B_LT ? order < 0 : op == B_GT ? order > 0 : op == B_GE ? order >= 0 : order <= 0;
        return true;
}

static int64_t wrap_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t wrap_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t wrap_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }

static bool concat(struct vm *vm, struct str l, struct str r, struct xvalue *ret) {
        char *p = vm_alloc(vm, l.n + r.n + 1, 1);
        if (!p)
                return false;
        if (l.n)
                memcpy(p, l.p, l.n);
        if (r.n)
                memcpy(p + l.n, r.p, r.n);
        *ret = x_text((struct str){p, l.n + r.n});
        return true;
}

/* Times and durations, and CEL's lists; false when the operands are none of these. */
static bool special(struct vm *vm, enum binary op, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret) {
        if (op == B_ADD && l->kind == X_DURATION && r->kind == X_TIME)
                return special(vm, op, r, l, ret);
        if (l->kind == X_TIME && r->kind == X_DURATION && op != B_MUL) {
                *ret = x_time(op == B_ADD ? wrap_add(l->integer, r->integer / 1000) : wrap_sub(l->integer, r->integer / 1000), l->zone_s);
                return true;
        }
        if (l->kind == X_TIME && r->kind == X_TIME && op == B_SUB) {
                *ret = x_duration(wrap_mul(wrap_sub(l->integer, r->integer), 1000));
                return true;
        }
        if (l->kind == X_DURATION && r->kind == X_DURATION) {
                *ret = x_duration(op == B_ADD ? wrap_add(l->integer, r->integer) : op == B_SUB ? wrap_sub(l->integer, r->integer) : wrap_mul(l->integer, r->integer));
                return true;
        }
        if (op == B_MUL && r->kind == X_DURATION && x_is_number(l))
                return special(vm, op, r, l, ret);
        if (op == B_MUL && l->kind == X_DURATION && x_is_number(r)) {
                *ret = x_duration(r->kind == X_INT ? wrap_mul(l->integer, r->integer) : x_truncate((double)l->integer * r->number));
                return true;
        }
        if (vm->x->grammar == EXPR_KFP && op == B_ADD && l->kind == X_LIST && r->kind == X_LIST) {
                struct xvalue *items = VM_ARRAY(vm, struct xvalue, l->list.n + r->list.n);
                if (!items)
                        return true;
                if (l->list.n)
                        memcpy(items, l->list.items, l->list.n * sizeof *items);
                if (r->list.n)
                        memcpy(items + l->list.n, r->list.items, r->list.n * sizeof *items);
                *ret = x_list(items, l->list.n + r->list.n);
                return true;
        }
        return false;
}

/* CEL divides whole numbers to whole numbers, wraps none, and says when it cannot. */
static bool cel_whole(struct vm *vm, enum binary op, int64_t a, int64_t b, struct xvalue *ret) {
        int64_t n = 0;
        bool over = op == B_ADD ? __builtin_add_overflow(a, b, &n) : op == B_SUB ? __builtin_sub_overflow(a, b, &n) : op == B_MUL ? __builtin_mul_overflow(a, b, &n) : false;
        if (over || (op == B_DIV && a == INT64_MIN && b == -1))
                return vm_fail(vm, "integer overflow");
        if (op <= B_MUL) {
                *ret = x_int(n);
                return true;
        }
        if (b == 0)
                return vm_fail(vm, op == B_DIV ? "division by zero" : "modulus by zero");
        if (b == -1)
                *ret = x_int(op == B_DIV ? -a : 0);
        else
                *ret = x_int(op == B_DIV ? a / b : a % b);
        return true;
}

static bool arithmetic(struct vm *vm, enum binary op, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret) {
        if (op == B_ADD && l->kind == X_STRING && r->kind == X_STRING)
                return concat(vm, l->text, r->text, ret);
        if (op <= B_MUL && special(vm, op, l, r, ret))
                return !vm->failed;
        if (!x_is_number(l) || !x_is_number(r))
                return vm_fail(vm, "invalid operation: %s %s %s", x_go_type(l), binary_names[op], x_go_type(r));
        bool whole = l->kind == X_INT && r->kind == X_INT;
        int64_t a = whole ? l->integer : 0, b = whole ? r->integer : 0;
        double x = x_double(l), y = x_double(r);
        if (vm->x->grammar == EXPR_KFP && whole)
                return cel_whole(vm, op, a, b, ret);
        switch ((int)op) {
        case B_ADD: *ret = whole ? x_int(wrap_add(a, b)) : x_float(x + y); return true;
        case B_SUB: *ret = whole ? x_int(wrap_sub(a, b)) : x_float(x - y); return true;
        case B_MUL: *ret = whole ? x_int(wrap_mul(a, b)) : x_float(x * y); return true;
        case B_DIV: *ret = x_float(x / y); return true;
        case B_POW: *ret = x_float(x_pow(x, y)); return true;
        default: break;
        }
        if (!whole) /* remainders of whole numbers only */
                return vm_fail(vm, "invalid operation: %s %% %s", x_go_type(l), x_go_type(r));
        if (b == 0)
                return vm_fail(vm, "integer divide by zero");
        *ret = x_int(b == -1 ? 0 : a % b);
        return true;
}

static bool contains_value(struct vm *vm, const struct xvalue *needle, const struct xvalue *in, bool *ret) {
        *ret = false;
        switch (in->kind) {
        case X_NIL: return true;
        case X_LIST:
                if (!vm_step(vm, in->list.n / 4))
                        return false;
                for (size_t i = 0; i < in->list.n && !*ret; i++)
                        *ret = x_equal(needle, &in->list.items[i]);
                return true;
        case X_MAP:
                if (needle->kind != X_STRING)
                        return needle->kind == X_NIL || vm_fail(vm, "cannot use %s as type string in map key", x_go_type(needle));
                *ret = x_get(in, needle->text) != NULL;
                return true;
        case X_BOOL: case X_INT: case X_FLOAT: case X_STRING: case X_TIME: case X_DURATION: case X_FUNCTION: break;
        }
        return vm_fail(vm, "operator \"in\" not defined on %s", x_go_type(in));
}

static bool text_operator(struct vm *vm, enum binary op, const struct xvalue *l, const struct xvalue *r, bool *ret) {
        *ret = false;
        if (op == B_MATCHES && (l->kind == X_NIL || r->kind == X_NIL))
                return true;
        if (r->kind != X_STRING || l->kind != X_STRING)
                return vm_fail(vm, "interface conversion: interface {} is %s, not string", x_go_type(r->kind != X_STRING ? r : l));
        struct str s = l->text, t = r->text;
        if (!vm_step(vm, s.n / 256))
                return false;
        if (op == B_MATCHES)
                return regex_matches(vm, t, s, ret);
        *ret = op == B_CONTAINS ? str_find(s, t, 0) != SIZE_MAX : op == B_STARTS ? str_starts(s, t) : str_ends(s, t);
        return true;
}

static bool range(struct vm *vm, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret) {
        if (!x_is_number(l) || !x_is_number(r))
                return vm_fail(vm, "invalid operation: int(%s)", x_go_type(x_is_number(l) ? r : l));
        int64_t from = l->kind == X_INT ? l->integer : x_truncate(l->number), to = r->kind == X_INT ? r->integer : x_truncate(r->number);
        uint64_t n = to < from ? 0 : (uint64_t)to - (uint64_t)from + 1;
        if (n > 1000000 || (n == 0 && to >= from)) {
                vm->kind = ERROR_LIMIT;
                return vm_fail(vm, "memory budget exceeded");
        }
        struct xvalue *items = VM_ARRAY(vm, struct xvalue, n);
        if (!items)
                return false;
        for (uint64_t i = 0; i < n; i++)
                items[i] = x_int(from + (int64_t)i);
        *ret = x_list(items, n);
        return true;
}

bool vm_binary(struct vm *vm, enum binary op, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret) {
        bool yes = false;
        switch (op) {
        case B_EQ: case B_NE: yes = x_equal(l, r) == (op == B_EQ); break;
        case B_LT: case B_GT: case B_GE: case B_LE:
                if (!vm_compare(vm, op, l, r, &yes))
                        return false;
                break;
        case B_IN:
                if (!contains_value(vm, l, r, &yes))
                        return false;
                break;
        case B_MATCHES: case B_CONTAINS: case B_STARTS: case B_ENDS:
                if (!text_operator(vm, op, l, r, &yes))
                        return false;
                break;
        case B_RANGE: return range(vm, l, r, ret);
        case B_ADD: case B_SUB: case B_MUL: case B_DIV: case B_MOD: case B_POW: return arithmetic(vm, op, l, r, ret);
        case B_OR: case B_AND: case B_COALESCE: case BINARY_COUNT: break; /* the walk itself does these */
        }
        *ret = x_bool(yes);
        return true;
}

/* --- members --- */

static bool index_of(struct vm *vm, const struct xvalue *key, int64_t *ret) {
        if (!x_is_number(key))
                return vm_fail(vm, "invalid operation: int(%s)", x_go_type(key));
        *ret = key->kind == X_INT ? key->integer : x_truncate(key->number);
        return true;
}

bool vm_fetch(struct vm *vm, const struct xvalue *of, const struct xvalue *key, bool lenient, struct xvalue *ret) {
        *ret = x_nil();
        bool indexed = of->kind == X_LIST || of->kind == X_STRING;
        if (of->kind == X_MAP) {
                const struct xvalue *v = key->kind == X_STRING ? x_get(of, key->text) : NULL;
                if (v)
                        *ret = *v;
                else if (vm->x->grammar == EXPR_KFP && !lenient)
                        return vm_fail(vm, "no such key: %.*s", STR_FMT(x_print(key, vm->a)));
                else if (key->kind != X_STRING && key->kind != X_NIL && !lenient)
                        return vm_fail(vm, "cannot use %s as a key of a map", x_go_type(key));
                return true;
        }
        if (indexed && (x_is_number(key) || !lenient)) {
                if (key->kind == X_STRING && of->kind == X_STRING && vm->x->grammar == EXPR_KFP)
                        return vm_fail(vm, "cannot fetch %.*s from string", STR_FMT(key->text));
                int64_t i, n = (int64_t)(of->kind == X_LIST ? of->list.n : of->text.n);
                if (!index_of(vm, key, &i))
                        return false;
                i = i < 0 && vm->x->grammar != EXPR_KFP ? i + n : i;
                if (i < 0 || i >= n)
                        return lenient || vm_fail(vm, "index out of range: %lld (array length is %lld)", (long long)i, (long long)n);
                *ret = of->kind == X_LIST ? of->list.items[i] : x_int((unsigned char)of->text.p[i]);
                return true;
        }
        if (lenient)
                return true;
        return vm_fail(vm, "cannot fetch %.*s from %s", STR_FMT(x_print(key, vm->a)), x_go_type(of));
}

bool vm_slice(struct vm *vm, const struct xvalue *of, const struct xvalue *from, const struct xvalue *to, struct xvalue *ret) {
        if (of->kind != X_LIST && of->kind != X_STRING)
                return vm_fail(vm, "cannot slice %.*s", STR_FMT(x_print(of, vm->a)));
        int64_t n = (int64_t)(of->kind == X_LIST ? of->list.n : of->text.n), ends[2] = {0, n};
        const struct xvalue *given[2] = {from, to};
        for (int i = 0; i < 2; i++) {
                if (given[i] && !index_of(vm, given[i], &ends[i]))
                        return false;
                ends[i] = ends[i] < 0 ? ends[i] + n : ends[i];
                ends[i] = ends[i] < 0 ? 0 : ends[i] > n ? n : ends[i];
        }
        size_t a = (size_t)(ends[0] > ends[1] ? ends[1] : ends[0]), b = (size_t)ends[1];
        *ret = of->kind == X_LIST ? x_list(of->list.items ? of->list.items + a : NULL, b - a) : x_text(str_sub(of->text, a, b));
        return true;
}

/* --- the walk --- */

static bool boolean(struct vm *vm, const struct node *n, bool *ret) {
        struct xvalue v;
        if (!vm_eval(vm, n, &v))
                return false;
        if (v.kind != X_BOOL) {
                const char *type = v.kind == X_NIL ? "nil" : x_go_type(&v);
                return vm_fail(vm, vm->x->grammar == EXPR_KFP ? "no such overload: a condition is %s, not bool" : "interface conversion: interface {} is %s, not bool", type);
        }
        *ret = v.boolean;
        return true;
}

/* CEL: an error on one side does not matter when the other decides. */
static bool cel_logic(struct vm *vm, const struct node *n, struct xvalue *ret) {
        bool decides = n->sub == B_OR, l = false, r = false;
        struct error first = {0}, *outer = vm->e;
        vm->e = &first;
        bool left = boolean(vm, n->kids[0], &l);
        bool lost = vm->failed && vm->kind != ERROR_LIMIT;
        vm->e = outer;
        if (left && l == decides) {
                *ret = x_bool(decides);
                return true;
        }
        if (!left && !lost) {
                if (outer)
                        *outer = first;
                return false;
        }
        vm->failed = false;
        if (!boolean(vm, n->kids[1], &r))
                return false;
        if (!left && r != decides) {
                vm->failed = true;
                if (outer)
                        *outer = first;
                return false;
        }
        *ret = x_bool(r);
        return true;
}

static bool eval_binary(struct vm *vm, const struct node *n, struct xvalue *ret) {
        struct xvalue l, r;
        bool yes;
        if (n->sub == B_OR || n->sub == B_AND) {
                if (vm->x->grammar == EXPR_KFP)
                        return cel_logic(vm, n, ret);
                if (!boolean(vm, n->kids[0], &yes))
                        return false;
                if (yes != (n->sub == B_OR) && !boolean(vm, n->kids[1], &yes))
                        return false;
                *ret = x_bool(yes);
                return true;
        }
        if (!vm_eval(vm, n->kids[0], &l))
                return false;
        if (n->sub == B_COALESCE) {
                *ret = l;
                return l.kind != X_NIL || vm_eval(vm, n->kids[1], ret);
        }
        if (!vm_eval(vm, n->kids[1], &r))
                return false;
        vm->at = n->at;
        return vm_binary(vm, (enum binary)n->sub, &l, &r, ret);
}

static bool eval_unary(struct vm *vm, const struct node *n, struct xvalue *ret) {
        if (n->op == N_NOT) {
                bool yes;
                if (!boolean(vm, n->kids[0], &yes))
                        return false;
                *ret = x_bool(!yes);
                return true;
        }
        if (!vm_eval(vm, n->kids[0], ret))
                return false;
        vm->at = n->at;
        if (n->op == N_MINUS) {
                if (ret->kind == X_INT || ret->kind == X_DURATION)
                        ret->integer = wrap_sub(0, ret->integer);
                else if (ret->kind == X_FLOAT)
                        ret->number = -ret->number;
                else
                        return vm_fail(vm, "invalid operation: - %s", x_go_type(ret));
        }
        return true;
}

static bool eval_member(struct vm *vm, const struct node *n, struct xvalue *ret) {
        struct xvalue of, key;
        if (n->kids[0]->op == N_ENV) {
                if (n->kids[1]->op != N_STRING)
                        return vm_fail(vm, "$env is indexed by constant texts only");
                *ret = vm->slots[n->kids[0]->slot];
                return true;
        }
        if (!vm_eval(vm, n->kids[0], &of))
                return false;
        if (vm->shorted || (n->optional && of.kind == X_NIL)) {
                vm->shorted = true;
                *ret = x_nil();
                return true;
        }
        if (!vm_eval(vm, n->kids[1], &key))
                return false;
        vm->at = n->at;
        return vm_fetch(vm, &of, &key, false, ret);
}

static bool eval_slice(struct vm *vm, const struct node *n, struct xvalue *ret) {
        struct xvalue of, ends[2];
        if (!vm_eval(vm, n->kids[0], &of) || vm->shorted)
                return !vm->failed;
        for (int i = 0; i < 2; i++)
                if (n->kids[i + 1] && !vm_eval(vm, n->kids[i + 1], &ends[i]))
                        return false;
        vm->at = n->at;
        return vm_slice(vm, &of, n->kids[1] ? &ends[0] : NULL, n->kids[2] ? &ends[1] : NULL, ret);
}

const char sprig_refusal[] = "reflect: Call using %s as type %s";

/* An argument of a type that the function does not take. */
static bool refuse(struct vm *vm, const struct func *f, char take, size_t which, const struct xvalue *v) {
        if (vm->x->grammar == EXPR_KFP)
                return vm_fail(vm, "invalid argument for %s (argument %zu is %s, not string)", f->name, which, x_go_type(v));
        if (f->refuse == sprig_refusal) {
                const char *type = take == 's' ? "string" : take == 'I' ? "int" : take == 'F' ? "float64" : take == 'b' ? "bool" : take == 't' ? "time.Time" : take == 'm' ? "map[string]interface {}" : "[]interface {}";
                bool repeated = f->most < 0 && (int)which > f->least;
                return vm_fail(vm, repeated ? "reflect: cannot use %s as type %s in Call" : "reflect: Call using %s as type %s", x_go_type(v), type);
        }
        if (take == 's')
                return vm_fail(vm, "interface conversion: interface {} is %s, not string", v->kind == X_NIL ? "nil" : x_go_type(v));
        if (take == 'i')
                return vm_fail(vm, "invalid operation: int(%s)", x_go_type(v));
        const char *mark = f->refuse ? strstr(f->refuse, "%s") : NULL;
        if (!mark)
                return vm_fail(vm, "invalid argument for %s (type %s)", f->name, x_go_type(v));
        bool typed = str_ends(str_from(f->refuse), STR("(type %s)"));
        return vm_fail(vm, "%.*s%s%s", (int)(mark - f->refuse), f->refuse, typed ? x_go_type(v) : x_go_kind(v), mark + 2);
}

/* A copy of the arguments in which one that is nil is the zero value of its type. */
static const struct xvalue *with_zero(struct vm *vm, const struct xvalue *args, size_t n, size_t at, char take) {
        struct xvalue *copy = VM_ARRAY(vm, struct xvalue, n);
        if (!copy)
                return NULL;
        memcpy(copy, args, n * sizeof *copy);
        copy[at] = take == 's' ? x_text(STR("")) : take == 'I' ? x_int(0) : take == 'F' ? x_float(0) : take == 'b' ? x_bool(false) : take == 'm' ? x_map(NULL, 0)
                 : take == 't' ? x_time(-INT64_C(62135596800) * US_PER_S, 0) : x_list(NULL, 0);
        return copy;
}

bool vm_call(struct vm *vm, const struct func *f, const struct xvalue *args, size_t n, struct xvalue *ret) {
        if ((int)n < f->least || (f->most >= 0 && (int)n > f->most))
                return f->refuse == sprig_refusal ? vm_fail(vm, "invalid number of arguments: expected %s%d, got %zu", f->most < 0 ? "at least " : "", f->least, n)
                                                  : vm_fail(vm, "%s arguments to call %s", (int)n < f->least ? "not enough" : "too many", f->name);
        const char *take = f->takes ? f->takes : ".";
        for (size_t i = 0; i < n; i++, take += take[1] ? 1 : 0) {
                enum xkind k = args[i].kind;
                bool fits = *take == 's' ? k == X_STRING : *take == 'i' || *take == 'n' ? x_is_number(&args[i]) : *take == 'l' ? k == X_LIST : *take == 'm' ? k == X_MAP
                          : *take == 'I' ? k == X_INT : *take == 'F' ? k == X_FLOAT : *take == 'b' ? k == X_BOOL : *take != 't' || k == X_TIME;
                if (!fits && k == X_NIL && f->refuse == sprig_refusal) {
                        if (!(args = with_zero(vm, args, n, i, *take)))
                                return false;
                } else if (!fits)
                        return refuse(vm, f, *take, i + 1, &args[i]);
        }
        const struct func *outer = vm->function;
        vm->function = f;
        bool ok = vm_step(vm, 1 + n) && f->run(vm, args, n, ret) && !vm->failed;
        vm->function = outer;
        return ok;
}

static bool eval_arguments(struct vm *vm, struct node *const *kids, uint32_t n, struct xvalue **ret) {
        *ret = VM_ARRAY(vm, struct xvalue, n);
        if (!*ret)
                return false;
        for (uint32_t i = 0; i < n; i++)
                if (!vm_eval(vm, kids[i], &(*ret)[i]))
                        return false;
        return true;
}

static bool eval_call(struct vm *vm, const struct node *n, struct xvalue *ret) {
        const struct node *callee = n->kids[0];
        struct xvalue f, *args, of = x_nil();
        bool method = callee->op == N_MEMBER && callee->dotted;
        if (method ? !vm_eval(vm, callee->kids[0], &of) : !vm_eval(vm, callee, &f))
                return false;
        if (vm->shorted || (method && callee->optional && of.kind == X_NIL)) {
                vm->shorted = true;
                *ret = x_nil();
                return true;
        }
        if (!eval_arguments(vm, n->kids + 1, n->n - 1, &args))
                return false;
        vm->at = n->at;
        if (method && (of.kind == X_TIME || of.kind == X_DURATION || vm->x->grammar == EXPR_KFP))
                return vm_method(vm, &of, callee->kids[1]->text, args, n->n - 1, ret);
        if (method) {
                struct xvalue key = x_text(callee->kids[1]->text);
                if (!vm_fetch(vm, &of, &key, false, &f))
                        return false;
        }
        if (f.kind != X_FUNCTION)
                return vm_fail(vm, "%s is not callable", f.kind == X_NIL ? "nil" : x_go_type(&f));
        return vm_call(vm, f.function, args, n->n - 1, ret);
}

static bool eval_map(struct vm *vm, const struct node *n, struct xvalue *ret) {
        struct xmember *m = VM_ARRAY(vm, struct xmember, n->n / 2);
        if (!m)
                return false;
        for (uint32_t i = 0; i < n->n / 2; i++) {
                struct xvalue key, value;
                if (!vm_eval(vm, n->kids[2 * i], &key) || !vm_eval(vm, n->kids[2 * i + 1], &value))
                        return false;
                vm->at = n->at;
                if (key.kind != X_STRING)
                        return vm_fail(vm, "interface conversion: interface {} is %s, not string", x_go_type(&key));
                m[n->n / 2 - 1 - i] = (struct xmember){key.text, value}; /* of equal keys the first counts */
        }
        *ret = x_map(m, members_sort(m, n->n / 2));
        return true;
}

static bool eval_pointer(struct vm *vm, const struct node *n, struct xvalue *ret) {
        const struct frame *f = vm->frame;
        if (!f)
                return vm_fail(vm, "cannot use pointer accessor outside predicate");
        *ret = str_eq_c(n->name, "index") ? x_int((int64_t)f->index) : str_eq_c(n->name, "acc") ? (f->acc ? *f->acc : x_nil()) : *f->item;
        return true;
}

static bool eval_let(struct vm *vm, const struct node *n, struct xvalue *ret) {
        struct binding here = {.name = n->name, .up = vm->bindings};
        if (!vm_eval(vm, n->kids[0], &here.value))
                return false;
        vm->bindings = &here;
        bool ok = vm_eval(vm, n->kids[1], ret);
        vm->bindings = here.up;
        return ok;
}

static bool eval_name(struct vm *vm, const struct node *n, struct xvalue *ret) {
        if (n->op == N_IDENT) {
                *ret = vm->slots[n->slot];
                return true;
        }
        for (const struct binding *b = vm->bindings; b; b = b->up)
                if (str_eq(b->name, n->name)) {
                        *ret = b->value;
                        return true;
                }
        return vm_fail(vm, "unknown name %.*s", STR_FMT(n->name));
}

static bool eval_rest(struct vm *vm, const struct node *n, struct xvalue *ret) {
        struct xvalue *items;
        bool yes;
        switch ((int)n->op) {
        case N_CONDITION: return boolean(vm, n->kids[0], &yes) && vm_eval(vm, n->kids[yes ? 1 : 2], ret);
        case N_SEQUENCE:
                for (uint32_t i = 0; i < n->n; i++)
                        if (!vm_eval(vm, n->kids[i], ret))
                                return false;
                return true;
        case N_LIST:
                if (!eval_arguments(vm, n->kids, n->n, &items))
                        return false;
                *ret = x_list(items, n->n);
                return true;
        case N_BUILTIN:
                if (!eval_arguments(vm, n->kids, n->n, &items))
                        return false;
                vm->at = n->at;
                return vm_call(vm, n->func, items, n->n, ret);
        default: return vm_fail(vm, "$env can only be asked for one of its members");
        }
}

bool vm_eval(struct vm *vm, const struct node *n, struct xvalue *ret) {
        if (!vm_step(vm, 1))
                return false;
        vm->at = n->at;
        bool shorted = vm->shorted, ok;
        switch (n->op) {
        case N_NIL: *ret = x_nil(); return true;
        case N_BOOL: *ret = x_bool(n->boolean); return true;
        case N_INT: *ret = x_int(n->integer); return true;
        case N_FLOAT: *ret = x_float(n->number); return true;
        case N_STRING: *ret = x_text(n->text); return true;
        case N_FUNCTION: *ret = (struct xvalue){.kind = X_FUNCTION, .function = n->func}; return true;
        case N_IDENT: case N_VAR: return eval_name(vm, n, ret);
        case N_POINTER: return eval_pointer(vm, n, ret);
        case N_NOT: case N_MINUS: case N_PLUS: return eval_unary(vm, n, ret);
        case N_BINARY: return eval_binary(vm, n, ret);
        case N_CHAIN: /* only what is within the chain is cut short */
                vm->shorted = false;
                ok = vm_eval(vm, n->kids[0], ret);
                if (vm->shorted)
                        *ret = x_nil();
                vm->shorted = shorted;
                return ok;
        case N_MEMBER: return eval_member(vm, n, ret);
        case N_SLICE: return eval_slice(vm, n, ret);
        case N_CALL: return eval_call(vm, n, ret);
        case N_LOOP: return vm_loop(vm, n, ret);
        case N_LET: return eval_let(vm, n, ret);
        case N_MAP: return eval_map(vm, n, ret);
        case N_CONDITION: case N_SEQUENCE: case N_LIST: case N_BUILTIN: case N_ENV: break;
        }
        return eval_rest(vm, n, ret);
}
