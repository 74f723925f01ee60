/* The filter and the sort order of a list, as they come in a URL. */
#include <stdlib.h>
#include "api/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct filter_word words[] = {{"ON", 1}, {"OFF", 6}, {NULL}};
static const struct filter_key keys[] = {{"name", "name", QUERY_TEXT}, {"created_at", "created_at", QUERY_TIME}, {"metric:", "metric:", QUERY_NUMBER},
                                         {"tags.", "tag:", QUERY_TEXT}, {"state", "state", QUERY_NUMBER, words}, {NULL}};

static void check(bool good)
{
        if (!good)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct str text = {(const char *)data, size}, key = STR_NONE;
        struct query_predicate *p = NULL;
        size_t n = 0;
        bool descending = false;
        struct error e = {0};
        if (!filter_read(text, keys, a, &p, &n, &e))
                check(e.kind == ERROR_INVALID && e.text[0] && !n);
        check(n <= 32 * FILTER_PREDICATES_MAX);
        for (size_t i = 0; i < n; i++)
                check(p[i].key.n && p[i].values_n >= 1 && p[i].values_n <= FILTER_VALUES_MAX && (p[i].op == QUERY_IN || p[i].values_n == 1));
        e = (struct error){0};
        if (!filter_sort(text, keys, a, &key, &descending, &e))
                check(e.kind == ERROR_INVALID && e.text[0]);
        return 0;
}
