/* expr-lang's built-ins on texts. */
#include "expr/internal.h"
#include "text/json.h"

static bool trim(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_text(n == 2 ? text_trim_set(args[0].text, args[1].text, true, true) : text_trim_space(args[0].text));
        return true;
}

enum { PREFIX, SUFFIX };

static bool trim_end(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s = args[0].text, end = n == 2 ? args[1].text : STR(" ");
        bool prefix = vm->function->flag == PREFIX;
        if (prefix ? str_starts(s, end) : str_ends(s, end))
                s = prefix ? str_sub(s, end.n, s.n) : str_sub(s, 0, s.n - end.n);
        *ret = x_text(s);
        return true;
}

static bool has_end(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_bool(vm->function->flag == PREFIX ? str_starts(args[0].text, args[1].text) : str_ends(args[0].text, args[1].text));
        return true;
}

static bool change_case(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_text(text_case(vm, args[0].text, vm->function->flag != 0));
        return true;
}

static int64_t whole(const struct xvalue *v) { return v->kind == X_INT ? v->integer : x_truncate(v->number); }

static bool split(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        int64_t most = n == 3 ? whole(&args[2]) : SPLIT_ALL;
        if (!text_split(vm, args[0].text, args[1].text, most, vm->function->flag != 0, &b))
                return false;
        *ret = x_list(b.items, b.n);
        return true;
}

static bool replace(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        return text_replace(vm, args[0].text, args[1].text, args[2].text, n == 4 ? whole(&args[3]) : SPLIT_ALL, ret);
}

static bool repeat(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t times = whole(&args[1]);
        if (times < 0)
                return vm_fail(vm, "invalid argument for repeat (expected positive integer, got %lld)", (long long)times);
        if (times > 1000000) {
                vm->kind = ERROR_LIMIT;
                return vm_fail(vm, "memory budget exceeded");
        }
        return text_repeat(vm, args[0].text, times, ret);
}

static bool join(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str glue = n == 2 ? args[1].text : STR("");
        struct buf b = vm_buf(vm);
        for (size_t i = 0; i < args[0].list.n && !b.overflow; i++) {
                const struct xvalue *v = &args[0].list.items[i];
                if (v->kind != X_STRING) {
                        buf_free(&b);
                        return vm_fail(vm, "interface conversion: interface {} is %s, not string", v->kind == X_NIL ? "nil" : x_go_type(v));
                }
                if (i)
                        buf_add(&b, glue);
                buf_add(&b, v->text);
        }
        return vm_text(vm, &b, ret);
}

static bool index_of(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s = args[0].text, needle = args[1].text;
        if (!vm_step(vm, s.n / 64))
                return false;
        size_t at = vm->function->flag ? text_find_last(s, needle) : str_find(s, needle, 0);
        *ret = x_int(at == SIZE_MAX ? -1 : (int64_t)at);
        return true;
}

static bool to_string(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct buf b = vm_buf(vm);
        x_print_to(&args[0], &b, vm->a, 0);
        return vm_text(vm, &b, ret);
}

static bool to_json(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s;
        if (!vm_json(vm, &args[0], (unsigned)vm->function->flag, &s))
                return false;
        *ret = x_text(s);
        return true;
}

static bool from_json(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { return vm_json_read(vm, args[0].text, true, ret); }

static bool to_base64(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { return text_encode(vm, args[0].text, BASE64, ret); }

static bool from_base64(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s;
        const char *wrong;
        if (!text_decode(vm, args[0].text, BASE64, &s, &wrong))
                return false;
        *ret = x_text(s);
        return !wrong || vm_fail(vm, "%s", wrong);
}

FUNCS(builtins_text,
        {"fromBase64", from_base64, 1, 1, S_STRING, "s"},
        {"fromJSON", from_json, 1, 1, S_UNKNOWN, "s"},
        {"hasPrefix", has_end, 2, 2, S_BOOL, "s", PREFIX},
        {"hasSuffix", has_end, 2, 2, S_BOOL, "s", SUFFIX},
        {"indexOf", index_of, 2, 2, S_INT, "s"},
        {"join", join, 1, 2, S_STRING, "ls"},
        {"lastIndexOf", index_of, 2, 2, S_INT, "s", 1},
        {"lower", change_case, 1, 1, S_STRING, "s"},
        {"repeat", repeat, 2, 2, S_STRING, "si"},
        {"replace", replace, 3, 4, S_STRING, "sssi"},
        {"split", split, 2, 3, S_LIST, "ssi"},
        {"splitAfter", split, 2, 3, S_LIST, "ssi", 1},
        {"string", to_string, 1, 1, S_STRING, "."},
        {"toBase64", to_base64, 1, 1, S_STRING, "s"},
        {"toJSON", to_json, 1, 1, S_STRING, ".", JSON_INDENT | JSON_HTML},
        {"trim", trim, 1, 2, S_STRING, "s"},
        {"trimPrefix", trim_end, 1, 2, S_STRING, "s", PREFIX},
        {"trimSuffix", trim_end, 1, 2, S_STRING, "s", SUFFIX},
        {"upper", change_case, 1, 1, S_STRING, "s", 1},
);
