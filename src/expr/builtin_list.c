/* expr-lang's built-ins on lists and maps. Maps are walked in the order of their keys, where Go takes any. */
#include "expr/internal.h"

static bool len(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        const struct xvalue *v = &args[0];
        if (v->kind == X_STRING && !vm_step(vm, v->text.n / 64))
                return false;
        if (v->kind != X_STRING && v->kind != X_LIST && v->kind != X_MAP)
                return vm_fail(vm, "invalid argument for len (type %s)", x_go_type(v));
        *ret = x_int((int64_t)(v->kind == X_STRING ? utf8_count(v->text) : v->kind == X_LIST ? v->list.n : v->map.n));
        return true;
}

static bool type(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_text(str_from(x_type_name(&args[0])));
        return true;
}

static bool end(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xvalue at = x_int(vm->function->flag);
        return vm_fetch(vm, &args[0], &at, true, ret);
}

static bool get(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        bool indexed = args[0].kind == X_LIST || args[0].kind == X_STRING;
        if (indexed && !x_is_number(&args[1]))
                return vm_fail(vm, "invalid operation: int(%s)", x_go_type(&args[1]));
        return vm_fetch(vm, &args[0], &args[1], true, ret);
}

static bool take(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        if (args[1].kind != X_INT)
                return vm_fail(vm, "cannot take %s elements", x_go_kind(&args[1]));
        int64_t most = args[1].integer;
        if (most < 0)
                return vm_fail(vm, "reflect.Value.Slice: slice index out of bounds");
        *ret = x_list(args[0].list.items, (uint64_t)most > args[0].list.n ? args[0].list.n : (size_t)most);
        return true;
}

enum { KEYS, VALUES, PAIRS };

static bool members(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int which = vm->function->flag;
        size_t count = args[0].map.n;
        struct xvalue *items = VM_ARRAY(vm, struct xvalue, count), *pairs = items && which == PAIRS ? VM_ARRAY(vm, struct xvalue, 2 * count) : items;
        if (!pairs)
                return false;
        for (size_t i = 0; i < count; i++) {
                const struct xmember *m = &args[0].map.members[i];
                struct xvalue key = x_text(m->key);
                items[i] = which == KEYS ? key : m->value;
                if (which == PAIRS) {
                        pairs[2 * i] = key;
                        pairs[2 * i + 1] = m->value;
                        items[i] = x_list(&pairs[2 * i], 2);
                }
        }
        *ret = x_list(items, count);
        return true;
}

static bool from_pairs(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xmember *m = VM_ARRAY(vm, struct xmember, args[0].list.n);
        if (!m)
                return false;
        for (size_t i = 0; i < args[0].list.n; i++) {
                const struct xvalue *pair = &args[0].list.items[i];
                if (pair->kind != X_LIST)
                        return vm_fail(vm, "invalid pair %.*s", STR_FMT(x_print(pair, vm->a)));
                if (pair->list.n != 2)
                        return vm_fail(vm, "invalid pair length %.*s", STR_FMT(x_print(pair, vm->a)));
                m[i] = (struct xmember){x_print(&pair->list.items[0], vm->a), pair->list.items[1]};
        }
        *ret = x_map(m, members_sort(m, args[0].list.n));
        return vm_step(vm, 0);
}

static bool reverse(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        size_t count = args[0].list.n;
        struct xvalue *items = VM_ARRAY(vm, struct xvalue, count);
        if (!items)
                return false;
        for (size_t i = 0; i < count; i++)
                items[i] = args[0].list.items[count - 1 - i];
        *ret = x_list(items, count);
        return true;
}

static bool uniq(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        for (size_t i = 0; i < args[0].list.n; i++) {
                bool known = false;
                if (!vm_step(vm, 1 + b.n / 8))
                        return false;
                for (size_t k = 0; k < b.n && !known; k++)
                        known = x_equal(&b.items[k], &args[0].list.items[i]);
                if (!known && !list_push(vm, &b, args[0].list.items[i]))
                        return false;
        }
        *ret = x_list(b.items, b.n);
        return true;
}

static bool concat(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < args[i].list.n; k++)
                        if (!list_push(vm, &b, args[i].list.items[k]))
                                return false;
        *ret = x_list(b.items, b.n);
        return true;
}

static bool flatten_into(struct vm *vm, const struct xvalue *v, int depth, struct list_builder *b) {
        if (depth > VALUE_DEPTH_MAX)
                return vm_fail(vm, "the list is nested more than %d levels deep", VALUE_DEPTH_MAX);
        if (!vm_step(vm, 1))
                return false;
        for (size_t i = 0; i < v->list.n; i++)
                if (v->list.items[i].kind == X_LIST ? !flatten_into(vm, &v->list.items[i], depth + 1, b) : !list_push(vm, b, v->list.items[i]))
                        return false;
        return true;
}

static bool flatten(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        bool ok = flatten_into(vm, &args[0], 0, &b);
        *ret = x_list(b.items, b.n);
        return ok;
}

static bool sort_range(struct vm *vm, struct xvalue *k, struct xvalue *spare, size_t n, bool descending) {
        if (n < 2)
                return true;
        size_t half = n / 2, i = 0, j = half;
        if (!sort_range(vm, k, spare, half, descending) || !sort_range(vm, k + half, spare, n - half, descending) || !vm_step(vm, n / 2))
                return false;
        memcpy(spare, k, n * sizeof *k);
        for (size_t out = 0; out < n; out++) {
                bool second = i >= half;
                if (!second && j < n && !vm_compare(vm, descending ? B_GT : B_LT, &spare[j], &spare[i], &second))
                        return false;
                k[out] = second ? spare[j++] : spare[i++];
        }
        return true;
}

bool sort_values(struct vm *vm, struct xvalue *items, size_t n, bool descending) {
        struct xvalue *spare = VM_ARRAY(vm, struct xvalue, n);
        return spare && sort_range(vm, items, spare, n, descending);
}

static bool sort(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        size_t count = args[0].kind == X_LIST ? args[0].list.n : 0;
        bool descending = n == 2 && str_eq_c(args[1].text, "desc");
        if (n == 2 && !descending && !str_eq_c(args[1].text, "asc"))
                return vm_fail(vm, "invalid order %.*s, expected asc or desc", STR_FMT(args[1].text));
        struct xvalue *items = VM_ARRAY(vm, struct xvalue, count);
        if (!items)
                return false;
        if (count)
                memcpy(items, args[0].list.items, count * sizeof *items);
        *ret = x_list(items, count);
        return sort_values(vm, items, count, descending);
}

FUNCS(builtins_list,
        {"concat", concat, 1, -1, S_LIST, "l", 0, "cannot concat %s"},
        {"first", end, 1, 1, S_UNKNOWN, "L", 0, "cannot get first element from %s"},
        {"flatten", flatten, 1, 1, S_LIST, "l", 0, "cannot flatten %s"},
        {"fromPairs", from_pairs, 1, 1, S_MAP, "l", 0, "cannot transform %s from pairs"},
        {"get", get, 2, 2, S_UNKNOWN, "."},
        {"keys", members, 1, 1, S_LIST, "m", KEYS, "cannot get keys from %s"},
        {"last", end, 1, 1, S_UNKNOWN, "L", -1, "cannot get last element from %s"},
        {"len", len, 1, 1, S_INT, "C", 0, "invalid argument for len (type %s)"},
        {"reverse", reverse, 1, 1, S_LIST, "l", 0, "cannot reverse %s"},
        {"sort", sort, 1, 2, S_LIST, "Ls"},
        {"take", take, 2, 2, S_LIST, "l.", 0, "cannot take from %s"},
        {"toPairs", members, 1, 1, S_LIST, "m", PAIRS, "cannot transform %s to pairs"},
        {"type", type, 1, 1, S_STRING, "."},
        {"uniq", uniq, 1, 1, S_LIST, "l", 0, "cannot uniq %s"},
        {"values", members, 1, 1, S_LIST, "m", VALUES, "cannot get values from %s"},
);
