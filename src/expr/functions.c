/* Where names of functions are looked up. Each table is sorted by name (a unit test looks), so that finding is a few comparisons. */
#include "expr/internal.h"
#include "text/json.h"

const struct func *func_find(const struct func *table, size_t n, struct str name) {
        size_t low = 0, high = n;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = str_cmp(str_from(table[middle].name), name);
                if (order == 0)
                        return &table[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

struct table { const struct func *items; const size_t *n; };

static const struct func *find_in(const struct table *tables, size_t n, struct str name) {
        const struct func *f = NULL;
        for (size_t i = 0; i < n && !f; i++)
                f = func_find(tables[i].items, *tables[i].n, name);
        return f;
}

const struct func *builtin_find(struct str name) {
        static const struct table tables[] = {{builtins_text, &builtins_text_n}, {builtins_list, &builtins_list_n}, {builtins_number, &builtins_number_n},
                                              {builtins_time, &builtins_time_n}};
        return find_in(tables, sizeof tables / sizeof *tables, name);
}

const struct func *argo_find(struct str name) {
        static const struct table tables[] = {{builtins_argo, &builtins_argo_n}, {builtins_as, &builtins_as_n}};
        return find_in(tables, sizeof tables / sizeof *tables, name);
}

const struct func *sprig_find(struct str name) {
        static const struct table tables[] = {{sprig_text, &sprig_text_n}, {sprig_list, &sprig_list_n}, {sprig_map, &sprig_map_n}, {sprig_math, &sprig_math_n},
                                              {sprig_misc, &sprig_misc_n}, {sprig_encode, &sprig_encode_n}};
        return find_in(tables, sizeof tables / sizeof *tables, name);
}

/* --- what Argo adds to the language --- */

static bool argo_json(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s;
        if (!vm_json(vm, &args[0], JSON_COMPACT | JSON_HTML, &s))
                return false;
        *ret = x_text(s);
        return true;
}

static bool argo_jsonpath(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xvalue doc;
        return vm_json_read(vm, args[0].text, true, &doc) && jsonpath(vm, &doc, args[1].text, ret);
}

FUNCS(builtins_argo,
        {"jsonpath", argo_jsonpath, 2, 2, S_UNKNOWN, "s"},
        {"toJson", argo_json, 1, 1, S_STRING, "."},
);
