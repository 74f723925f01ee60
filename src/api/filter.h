/* KFP's filters and sort orders → queries of the store. */
#pragma once
#include "store/store.h"

/* A word that stands for numbers of the store: FAILED is several of our states. `n` words, in the order of KFP's own numbers. */
struct filter_word { const char *word; uint32_t numbers; /* bits */ };

/* A key that a list may be sorted and filtered by; the table ends in a row without name. */
struct filter_key {
        const char *name;                 /* as clients write it, "display_name"; ending in '.' or ':': a prefix, the rest is the user's ("tags.") */
        const char *store;                /* the store's key, or its prefix */
        enum query_type type;
        const struct filter_word *words;  /* NULL: none; ends in a row without word */
};

enum { FILTER_BYTES_MAX = 64 * 1024, FILTER_PREDICATES_MAX = 32, FILTER_VALUES_MAX = 64 };

/* `text`: JSON as {"predicates": [{"operation": "EQUALS", "key": "name", "string_value": "x"}]}, possibly encoded once more, by % or as a JSON
 * string. Adds to `ret` (an array in `a`). ERROR_INVALID says which predicate is wrong and what there is. */
bool filter_read(struct str text, const struct filter_key *keys, struct arena *a, struct query_predicate **ret, size_t *ret_n, struct error *e);
/* "created_at desc"; empty: nothing is changed. */
bool filter_sort(struct str text, const struct filter_key *keys, struct arena *a, struct str *ret_key, bool *ret_descending, struct error *e);
