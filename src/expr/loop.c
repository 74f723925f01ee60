/* The built-ins that take a predicate: one body, evaluated once an element. */
#include "expr/internal.h"

struct looping {
        struct vm *vm;
        const struct node *n;
        struct frame frame;
        const struct xvalue *items;
        size_t count;
};

static bool body(struct looping *l, size_t i, struct xvalue *ret) {
        l->frame.item = &l->items[i];
        l->frame.index = i;
        if (l->n->n < 2 || !l->n->kids[1]) { /* count(list), sum(list) */
                *ret = l->items[i];
                return true;
        }
        l->vm->frame = &l->frame;
        bool ok = vm_eval(l->vm, l->n->kids[1], ret);
        l->vm->frame = l->frame.up;
        return ok;
}

static bool holds(struct looping *l, size_t i, bool *ret) {
        struct xvalue v;
        if (!body(l, i, &v))
                return false;
        l->vm->at = l->n->at;
        if (v.kind != X_BOOL)
                return vm_fail(l->vm, "interface conversion: interface {} is %s, not bool", v.kind == X_NIL ? "nil" : x_go_type(&v));
        *ret = v.boolean;
        return true;
}

/* CEL's all and exists: an error in one element does not matter when another decides. */
static bool cel_deciding(struct looping *l, bool decides, struct xvalue *ret) {
        struct vm *vm = l->vm;
        struct error first = {0}, *outer = vm->e;
        bool lost = false;
        for (size_t i = 0; i < l->count; i++) {
                bool h = !decides;
                vm->e = lost || !outer ? NULL : &first;
                bool ok = holds(l, i, &h);
                vm->e = outer;
                if (ok && h == decides) {
                        *ret = x_bool(decides);
                        return true;
                }
                lost = lost || !ok;
                if (!ok && vm->kind == ERROR_LIMIT)
                        break;
                vm->failed = false;
        }
        vm->failed = lost;
        if (lost && outer)
                *outer = first;
        *ret = x_bool(!decides);
        return !lost;
}

/* all, none, any, one, count: how many elements hold, as far as the answer needs it. */
static bool counting(struct looping *l, enum loop loop, struct xvalue *ret) {
        size_t yes = 0, no = 0;
        if (l->vm->x->grammar == EXPR_KFP && (loop == L_ALL || loop == L_ANY))
                return cel_deciding(l, loop == L_ANY, ret);
        for (size_t i = 0; i < l->count; i++) {
                bool h;
                if (!holds(l, i, &h))
                        return false;
                yes += h;
                no += !h;
                if ((loop == L_ALL && no) || ((loop == L_ANY || loop == L_NONE) && yes))
                        break;
        }
        *ret = loop == L_COUNT ? x_int((int64_t)yes) : x_bool(loop == L_ALL ? no == 0 : loop == L_NONE ? yes == 0 : loop == L_ANY ? yes > 0 : yes == 1);
        return true;
}

static bool finding(struct looping *l, enum loop loop, struct xvalue *ret) {
        bool backward = loop == L_FIND_LAST || loop == L_FIND_LAST_INDEX, index = loop == L_FIND_INDEX || loop == L_FIND_LAST_INDEX;
        *ret = x_nil();
        for (size_t k = 0; k < l->count; k++) {
                size_t i = backward ? l->count - 1 - k : k;
                bool h;
                if (!holds(l, i, &h))
                        return false;
                if (h) {
                        *ret = index ? x_int((int64_t)i) : l->items[i];
                        return true;
                }
        }
        return true;
}

static bool building(struct looping *l, enum loop loop, struct xvalue *ret) {
        struct list_builder b = {0};
        for (size_t i = 0; i < l->count; i++) {
                struct xvalue v;
                bool h = true;
                if (loop == L_FILTER ? !holds(l, i, &h) : !body(l, i, &v))
                        return false;
                if (h && !list_push(l->vm, &b, loop == L_FILTER ? l->items[i] : v))
                        return false;
        }
        *ret = x_list(b.items, b.n);
        return true;
}

static bool summing(struct looping *l, struct xvalue *ret) {
        *ret = x_int(0);
        for (size_t i = 0; i < l->count; i++) {
                struct xvalue v, sum = *ret;
                if (!body(l, i, &v))
                        return false;
                l->vm->at = l->n->at;
                if (!vm_binary(l->vm, B_ADD, &v, &sum, ret))
                        return false;
        }
        return true;
}

static bool reducing(struct looping *l, struct xvalue *ret) {
        struct xvalue acc = x_nil();
        size_t from = 0;
        if (l->n->n > 2 && l->n->kids[2]) {
                if (!vm_eval(l->vm, l->n->kids[2], &acc))
                        return false;
        } else if (l->count == 0) {
                l->vm->at = l->n->at;
                return vm_fail(l->vm, "reduce of empty array with no initial value");
        } else {
                acc = l->items[0];
                from = 1;
        }
        for (size_t i = from; i < l->count; i++) {
                struct xvalue v;
                l->frame.acc = &acc;
                if (!body(l, i, &v))
                        return false;
                acc = v;
        }
        *ret = acc;
        return true;
}

struct keyed { struct xvalue key, item; };

/* Stable merge sort; a pair that cannot be compared fails the evaluation. */
static bool sort_keyed(struct vm *vm, struct keyed *k, struct keyed *spare, size_t n, bool descending) {
        if (n < 2)
                return true;
        size_t half = n / 2, i = 0, j = half;
        if (!sort_keyed(vm, k, spare, half, descending) || !sort_keyed(vm, k + half, spare, n - half, descending) || !vm_step(vm, n / 2))
                return false;
        memcpy(spare, k, n * sizeof *k);
        for (size_t out = 0; out < n; out++) {
                bool second = i >= half;
                if (!second && j < n && !vm_compare(vm, descending ? B_GT : B_LT, &spare[j].key, &spare[i].key, &second))
                        return false;
                k[out] = second ? spare[j++] : spare[i++];
        }
        return true;
}

static bool sorting(struct looping *l, struct xvalue *ret) {
        struct vm *vm = l->vm;
        bool descending = false;
        if (l->n->n > 2 && l->n->kids[2]) {
                struct xvalue order;
                if (!vm_eval(vm, l->n->kids[2], &order))
                        return false;
                descending = order.kind == X_STRING && str_eq_c(order.text, "desc");
                vm->at = l->n->at;
                if (!descending && !(order.kind == X_STRING && str_eq_c(order.text, "asc")))
                        return vm_fail(vm, "unknown order, use asc or desc");
        }
        struct keyed *k = VM_ARRAY(vm, struct keyed, l->count), *spare = k ? VM_ARRAY(vm, struct keyed, l->count) : NULL;
        struct xvalue *items = spare ? VM_ARRAY(vm, struct xvalue, l->count) : NULL;
        if (!items)
                return false;
        for (size_t i = 0; i < l->count; i++) {
                k[i].item = l->items[i];
                if (!body(l, i, &k[i].key))
                        return false;
        }
        vm->at = l->n->at;
        if (!sort_keyed(vm, k, spare, l->count, descending))
                return false;
        for (size_t i = 0; i < l->count; i++)
                items[i] = k[i].item;
        *ret = x_list(items, l->count);
        return true;
}

/* Keys become texts, as they are when a map is printed. */
static bool grouping(struct looping *l, struct xvalue *ret) {
        struct vm *vm = l->vm;
        struct xmember *all = VM_ARRAY(vm, struct xmember, l->count);
        struct keyed *k = all ? VM_ARRAY(vm, struct keyed, l->count) : NULL, *spare = k ? VM_ARRAY(vm, struct keyed, l->count) : NULL;
        struct xvalue *items = spare ? VM_ARRAY(vm, struct xvalue, l->count) : NULL;
        if (!items)
                return false;
        for (size_t i = 0; i < l->count; i++) {
                struct xvalue v;
                if (!body(l, i, &v))
                        return false;
                k[i] = (struct keyed){x_text(x_print(&v, vm->a)), l->items[i]};
        }
        if (!sort_keyed(vm, k, spare, l->count, false))
                return false;
        size_t groups = 0;
        for (size_t i = 0; i < l->count; i++) {
                items[i] = k[i].item;
                if (groups && str_eq(all[groups - 1].key, k[i].key.text))
                        all[groups - 1].value.list.n++;
                else
                        all[groups++] = (struct xmember){k[i].key.text, x_list(&items[i], 1)};
        }
        *ret = x_map(all, groups);
        return true;
}

/* CEL loops over the keys of a map. */
static bool keys_of(struct vm *vm, struct xvalue *of) {
        struct xvalue *keys = VM_ARRAY(vm, struct xvalue, of->map.n);
        if (!keys)
                return false;
        for (size_t i = 0; i < of->map.n; i++)
                keys[i] = x_text(of->map.members[i].key);
        *of = x_list(keys, of->map.n);
        return true;
}

bool vm_loop(struct vm *vm, const struct node *n, struct xvalue *ret) {
        struct xvalue of;
        if (!vm_eval(vm, n->kids[0], &of))
                return false;
        vm->at = n->at;
        if (of.kind == X_MAP && vm->x->grammar == EXPR_KFP && !keys_of(vm, &of))
                return false;
        if (of.kind != X_LIST)
                return vm_fail(vm, "invalid argument for %.*s (type %s)", STR_FMT(n->name), of.kind == X_NIL ? "nil" : x_go_type(&of));
        struct looping l = {.vm = vm, .n = n, .frame = {.up = vm->frame}, .items = of.list.items, .count = of.list.n};
        enum loop loop = (enum loop)n->sub;
        switch (loop) {
        case L_ALL: case L_NONE: case L_ANY: case L_ONE: case L_EXISTS_ONE: case L_COUNT: return counting(&l, loop, ret);
        case L_FIND: case L_FIND_INDEX: case L_FIND_LAST: case L_FIND_LAST_INDEX: return finding(&l, loop, ret);
        case L_FILTER: case L_MAP: return building(&l, loop, ret);
        case L_SUM: return summing(&l, ret);
        case L_REDUCE: return reducing(&l, ret);
        case L_SORT_BY: return sorting(&l, ret);
        case L_GROUP_BY: return grouping(&l, ret);
        }
        return false;
}
