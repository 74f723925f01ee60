/* Sprig's functions on lists. The forms that begin with "must" differ in Go by how they fail; here both fail the expression. */
#include "expr/internal.h"

bool sprig_empty(const struct xvalue *v) {
        switch (v->kind) {
        case X_NIL: return true;
        case X_BOOL: return !v->boolean;
        case X_INT: case X_DURATION: return v->integer == 0;
        case X_FLOAT: return v->number == 0;
        case X_STRING: return v->text.n == 0;
        case X_LIST: return v->list.n == 0;
        case X_MAP: return v->map.n == 0;
        case X_TIME: case X_FUNCTION: break;
        }
        return false;
}

static bool equal_at(const struct xvalue *a, const struct xvalue *b, int depth) {
        if (a->kind != b->kind || depth > VALUE_DEPTH_MAX)
                return false;
        bool same = true;
        if (a->kind == X_LIST) {
                same = a->list.n == b->list.n;
                for (size_t i = 0; same && i < a->list.n; i++)
                        same = equal_at(&a->list.items[i], &b->list.items[i], depth + 1);
        } else if (a->kind == X_MAP) {
                same = a->map.n == b->map.n;
                for (size_t i = 0; same && i < a->map.n; i++)
                        same = str_eq(a->map.members[i].key, b->map.members[i].key) && equal_at(&a->map.members[i].value, &b->map.members[i].value, depth + 1);
        } else
                same = x_equal(a, b);
        return same;
}

bool sprig_equal(const struct xvalue *a, const struct xvalue *b) { return equal_at(a, b, 0); }

struct str sprig_text_of(const struct xvalue *v, struct arena *a) { return x_print(v, a); }

bool sprig_strings(struct vm *vm, const struct xvalue *v, struct list_builder *ret) {
        size_t n = v->kind == X_LIST ? v->list.n : v->kind == X_NIL ? 0 : 1;
        for (size_t i = 0; i < n; i++) {
                const struct xvalue *item = v->kind == X_LIST ? &v->list.items[i] : v;
                if (item->kind != X_NIL && (!vm_step(vm, 1) || !list_push(vm, ret, x_text(sprig_text_of(item, vm->a)))))
                        return false;
        }
        return true;
}

static bool is_list(struct vm *vm, const struct xvalue *v, const char *what) {
        return v->kind == X_LIST || vm_fail(vm, "Cannot %s type %s", what, x_go_kind(v));
}

static bool list(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_list(args, n);
        return true;
}

enum { APPEND, PREPEND };

static bool push(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        bool front = vm->function->flag == PREPEND;
        if (!is_list(vm, &args[0], front ? "prepend on" : "push on"))
                return false;
        size_t count = args[0].list.n;
        struct xvalue *items = VM_ARRAY(vm, struct xvalue, count + 1);
        if (!items)
                return false;
        if (count)
                memcpy(items + front, args[0].list.items, count * sizeof *items);
        items[front ? 0 : count] = args[1];
        *ret = x_list(items, count + 1);
        return true;
}

enum { FIRST, LAST, REST, INITIAL };

static bool part(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        static const char *const names[] = {"find first on", "find last on", "find rest on", "find initial on"};
        int which = vm->function->flag;
        if (!is_list(vm, &args[0], names[which]))
                return false;
        const struct xvalue *items = args[0].list.items;
        size_t count = args[0].list.n;
        if (count == 0)
                *ret = which <= LAST ? x_nil() : x_list(NULL, 0);
        else if (which <= LAST)
                *ret = items[which == FIRST ? 0 : count - 1];
        else
                *ret = x_list(which == REST ? items + 1 : items, count - 1);
        return true;
}

static bool reverse(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xvalue *items = is_list(vm, &args[0], "find reverse on") ? VM_ARRAY(vm, struct xvalue, args[0].list.n) : NULL;
        if (!items)
                return false;
        for (size_t i = 0; i < args[0].list.n; i++)
                items[i] = args[0].list.items[args[0].list.n - 1 - i];
        *ret = x_list(items, args[0].list.n);
        return true;
}

static bool in_list(struct vm *vm, const struct xvalue *items, size_t n, const struct xvalue *v, bool *ret) {
        *ret = false;
        if (!vm_step(vm, 1 + n / 8))
                return false;
        for (size_t i = 0; i < n && !*ret; i++)
                *ret = sprig_equal(&items[i], v);
        return true;
}

enum { COMPACT, UNIQ, WITHOUT };

static bool sift(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        static const char *const names[] = {"compact on", "find uniq on", "find without on"};
        int which = vm->function->flag;
        struct list_builder b = {0};
        if (!is_list(vm, &args[0], names[which]))
                return false;
        for (size_t i = 0; i < args[0].list.n; i++) {
                const struct xvalue *v = &args[0].list.items[i];
                bool out = false;
                if (which == COMPACT)
                        out = sprig_empty(v);
                else if (!in_list(vm, which == UNIQ ? b.items : args + 1, which == UNIQ ? b.n : n - 1, v, &out))
                        return false;
                if (!out && !list_push(vm, &b, *v))
                        return false;
        }
        *ret = x_list(b.items, b.n);
        return true;
}

static bool has(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        bool yes = false;
        if (args[1].kind != X_NIL && (!is_list(vm, &args[1], "find has on") || !in_list(vm, args[1].list.items, args[1].list.n, &args[0], &yes)))
                return false;
        *ret = x_bool(yes);
        return true;
}

static bool slice(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        if (args[0].kind != X_LIST)
                return vm_fail(vm, "list should be type of slice or array but %s", x_go_kind(&args[0]));
        int64_t count = (int64_t)args[0].list.n, from = n > 1 ? sprig_int(&args[1]) : 0, to = n > 2 ? sprig_int(&args[2]) : count;
        *ret = x_nil();
        if (count == 0)
                return true;
        if (from < 0 || to < from || to > count)
                return vm_fail(vm, "reflect.Value.Slice: slice index out of bounds");
        *ret = x_list(args[0].list.items + from, (size_t)(to - from));
        return true;
}

static bool concat(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        for (size_t i = 0; i < n; i++) {
                if (args[i].kind != X_LIST)
                        return vm_fail(vm, "Cannot concat type %s as list", x_go_kind(&args[i]));
                for (size_t k = 0; k < args[i].list.n; k++)
                        if (!list_push(vm, &b, args[i].list.items[k]))
                                return false;
        }
        *ret = x_list(b.items, b.n);
        return true;
}

static bool chunk(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        if (!is_list(vm, &args[1], "chunk"))
                return false;
        if (args[0].integer <= 0)
                return vm_fail(vm, "chunk: the size must be positive, not %lld", (long long)args[0].integer);
        uint64_t size = (uint64_t)args[0].integer;
        for (size_t i = 0; i < args[1].list.n; i += size) {
                size_t left = args[1].list.n - i;
                if (!list_push(vm, &b, x_list(args[1].list.items + i, left < size ? left : (size_t)size)))
                        return false;
                if (left <= size)
                        break;
        }
        *ret = x_list(b.items, b.n);
        return true;
}

static bool sort_alpha(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        if (!sprig_strings(vm, &args[0], &b) || !sort_values(vm, b.items, b.n, false))
                return false;
        *ret = x_list(b.items, b.n);
        return true;
}

static bool to_strings(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        bool ok = sprig_strings(vm, &args[0], &b);
        *ret = x_list(b.items, b.n);
        return ok;
}

static bool join(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        if (!sprig_strings(vm, &args[1], &b))
                return false;
        struct buf text = vm_buf(vm);
        for (size_t i = 0; i < b.n; i++) {
                if (i)
                        buf_add(&text, args[0].text);
                buf_add(&text, b.items[i].text);
        }
        return vm_text(vm, &text, ret);
}

enum { ALL, ANY, COALESCE };

static bool choose(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int which = vm->function->flag;
        size_t i = 0;
        while (i < n && sprig_empty(&args[i]) == (which != ALL))
                i++;
        *ret = which == ALL ? x_bool(i == n) : which == ANY ? x_bool(i < n) : i < n ? args[i] : x_nil();
        return true;
}

static bool empty(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_bool(sprig_empty(&args[0]));
        return true;
}

static bool or_default(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = n < 2 || sprig_empty(&args[1]) ? args[0] : args[1];
        return true;
}

static bool ternary(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = args[2].boolean ? args[0] : args[1];
        return true;
}

FUNCS(sprig_list,
        SPRIG("all", choose, 0, -1, ".", ALL), SPRIG("any", choose, 0, -1, ".", ANY), SPRIG("append", push, 2, 2, ".", APPEND), SPRIG("chunk", chunk, 2, 2, "I.", 0),
        SPRIG("coalesce", choose, 0, -1, ".", COALESCE), SPRIG("compact", sift, 1, 1, ".", COMPACT), SPRIG("concat", concat, 0, -1, ".", 0),
        SPRIG("default", or_default, 1, -1, ".", 0), SPRIG("empty", empty, 1, 1, ".", 0), SPRIG("first", part, 1, 1, ".", FIRST), SPRIG("has", has, 2, 2, ".", 0),
        SPRIG("initial", part, 1, 1, ".", INITIAL), SPRIG("join", join, 2, 2, "s.", 0), SPRIG("last", part, 1, 1, ".", LAST), SPRIG("list", list, 0, -1, ".", 0),
        SPRIG("mustAppend", push, 2, 2, ".", APPEND), SPRIG("mustChunk", chunk, 2, 2, "I.", 0), SPRIG("mustCompact", sift, 1, 1, ".", COMPACT),
        SPRIG("mustFirst", part, 1, 1, ".", FIRST), SPRIG("mustHas", has, 2, 2, ".", 0), SPRIG("mustInitial", part, 1, 1, ".", INITIAL),
        SPRIG("mustLast", part, 1, 1, ".", LAST), SPRIG("mustPrepend", push, 2, 2, ".", PREPEND), SPRIG("mustPush", push, 2, 2, ".", APPEND),
        SPRIG("mustRest", part, 1, 1, ".", REST), SPRIG("mustReverse", reverse, 1, 1, ".", 0), SPRIG("mustSlice", slice, 1, -1, ".", 0),
        SPRIG("mustUniq", sift, 1, 1, ".", UNIQ), SPRIG("mustWithout", sift, 1, -1, ".", WITHOUT), SPRIG("prepend", push, 2, 2, ".", PREPEND),
        SPRIG("push", push, 2, 2, ".", APPEND), SPRIG("rest", part, 1, 1, ".", REST), SPRIG("reverse", reverse, 1, 1, ".", 0), SPRIG("slice", slice, 1, -1, ".", 0),
        SPRIG("sortAlpha", sort_alpha, 1, 1, ".", 0), SPRIG("ternary", ternary, 3, 3, "..b", 0), SPRIG("toStrings", to_strings, 1, 1, ".", 0),
        SPRIG("tuple", list, 0, -1, ".", 0), SPRIG("uniq", sift, 1, 1, ".", UNIQ), SPRIG("without", sift, 1, -1, ".", WITHOUT),
);
