/* Sprig's functions on maps. Values never change here, so set and unset give a changed copy. */
#include "expr/internal.h"

static bool dict(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xmember *m = VM_ARRAY(vm, struct xmember, n / 2 + 1);
        if (!m)
                return false;
        for (size_t i = 0; i < n; i += 2)
                m[i / 2] = (struct xmember){sprig_text_of(&args[i], vm->a), i + 1 < n ? args[i + 1] : x_text(STR(""))};
        *ret = x_map(m, members_sort(m, (n + 1) / 2));
        return true;
}

static bool get(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        const struct xvalue *v = x_get(&args[0], args[1].text);
        *ret = v ? *v : x_text(STR(""));
        return true;
}

static bool has_key(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_bool(x_get(&args[0], args[1].text) != NULL);
        return true;
}

static bool set(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        size_t count = args[0].map.n;
        struct xmember *m = VM_ARRAY(vm, struct xmember, count + 1);
        if (!m)
                return false;
        if (count)
                memcpy(m, args[0].map.members, count * sizeof *m);
        m[count] = (struct xmember){args[1].text, args[2]};
        *ret = x_map(m, members_sort(m, count + 1));
        return true;
}

enum { PICK, OMIT };

/* pick, omit, unset: members by whether their key is among the texts that follow. */
static bool choose(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xmember *m = VM_ARRAY(vm, struct xmember, args[0].map.n);
        size_t kept = 0;
        if (!m || !vm_step(vm, args[0].map.n * n / 8))
                return false;
        for (size_t i = 0; i < args[0].map.n; i++) {
                bool named = false;
                for (size_t k = 1; k < n && !named; k++)
                        named = str_eq(args[0].map.members[i].key, args[k].text);
                if (named == (vm->function->flag == PICK))
                        m[kept++] = args[0].map.members[i];
        }
        *ret = x_map(m, kept);
        return true;
}

static bool keys(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < args[i].map.n; k++)
                        if (!list_push(vm, &b, x_text(args[i].map.members[k].key)))
                                return false;
        *ret = x_list(b.items, b.n);
        return true;
}

static bool values(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        for (size_t k = 0; k < args[0].map.n; k++)
                if (!list_push(vm, &b, args[0].map.members[k].value))
                        return false;
        *ret = x_list(b.items, b.n);
        return true;
}

static bool pluck(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        for (size_t i = 1; i < n; i++) {
                const struct xvalue *v = x_get(&args[i], args[0].text);
                if (v && !list_push(vm, &b, *v))
                        return false;
        }
        *ret = x_list(b.items, b.n);
        return true;
}

/* Members of `from` come into `to` where it has none, or only an empty one; with `overwrite` always. Maps on both sides are merged within. */
static bool merge_two(struct vm *vm, const struct xvalue *to, const struct xvalue *from, bool overwrite, int depth, struct xvalue *ret) {
        size_t a = to->map.n, b = from->map.n, i = 0, k = 0, n = 0;
        if (depth > VALUE_DEPTH_MAX)
                return vm_fail(vm, "the maps are nested more than %d levels deep", VALUE_DEPTH_MAX);
        struct xmember *m = VM_ARRAY(vm, struct xmember, a + b);
        if (!m)
                return false;
        while (i < a || k < b) {
                const struct xmember *l = i < a ? &to->map.members[i] : NULL, *r = k < b ? &from->map.members[k] : NULL;
                int order = !l ? 1 : !r ? -1 : str_cmp(l->key, r->key);
                m[n] = order <= 0 ? *l : *r;
                if (order == 0 && l->value.kind == X_MAP && r->value.kind == X_MAP) {
                        if (!merge_two(vm, &l->value, &r->value, overwrite, depth + 1, &m[n].value))
                                return false;
                } else if (order == 0 && (overwrite || sprig_empty(&l->value)))
                        m[n].value = r->value;
                n++;
                i += order <= 0;
                k += order >= 0;
        }
        *ret = x_map(m, n);
        return true;
}

static bool merge(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xvalue sum = args[0];
        for (size_t i = 1; i < n; i++)
                if (!merge_two(vm, &sum, &args[i], vm->function->flag != 0, 0, &sum))
                        return false;
        *ret = sum;
        return true;
}

/* dig(key, key, …, default, map) */
static bool dig(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        if (n < 3)
                return vm_fail(vm, "dig needs at least three arguments");
        const struct xvalue *at = &args[n - 1];
        for (size_t i = 0; i + 2 < n; i++) {
                if (args[i].kind != X_STRING || at->kind != X_MAP)
                        return vm_fail(vm, "interface conversion: interface {} is %s, not %s", at->kind == X_MAP ? x_go_type(&args[i]) : at->kind == X_NIL ? "nil" : x_go_type(at),
                                       at->kind == X_MAP ? "string" : "map[string]interface {}");
                at = x_get(at, args[i].text);
                if (!at) {
                        *ret = args[n - 2];
                        return true;
                }
        }
        *ret = *at;
        return true;
}

static bool copy(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = args[0];
        return true;
}

FUNCS(sprig_map,
        SPRIG("deepCopy", copy, 1, 1, ".", 0), SPRIG("dict", dict, 0, -1, ".", 0), SPRIG("dig", dig, 0, -1, ".", 0), SPRIG("get", get, 2, 2, "ms", 0),
        SPRIG("hasKey", has_key, 2, 2, "ms", 0), SPRIG("keys", keys, 0, -1, "m", 0), SPRIG("merge", merge, 1, -1, "m", 0), SPRIG("mergeOverwrite", merge, 1, -1, "m", 1),
        SPRIG("mustDeepCopy", copy, 1, 1, ".", 0), SPRIG("mustMerge", merge, 1, -1, "m", 0), SPRIG("mustMergeOverwrite", merge, 1, -1, "m", 1),
        SPRIG("omit", choose, 1, -1, "ms", OMIT), SPRIG("pick", choose, 1, -1, "ms", PICK), SPRIG("pluck", pluck, 1, -1, "sm", 0), SPRIG("set", set, 3, 3, "ms.", 0),
        SPRIG("unset", choose, 2, 2, "ms", OMIT), SPRIG("values", values, 1, 1, "m", 0),
);
