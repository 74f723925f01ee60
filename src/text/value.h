/* The JSON-like value: what every document, parameter and expression result is made of. Immutable once built; lives in
 * an arena, as do its texts. Numbers keep the exact text that they were written with ("1.50", integers of any
 * length), because fan-outs and parameters must preserve it. Maps keep the order of the document and have unique keys. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING, VALUE_LIST, VALUE_MAP };

struct value {
        enum value_kind kind;
        uint32_t line, column; /* in the document, from 1; 0 when it comes from none */
        union {
                bool boolean;
                struct str text;                                          /* NUMBER: valid JSON number; STRING */
                struct { struct value *items; size_t n; } list;
                struct { struct value_member *members; size_t n; } map;
        };
};

struct value_member {
        struct str key;
        uint32_t line, column; /* of the key */
        struct value value;
};

extern const struct value value_null;

struct value value_bool(bool b);
struct value value_string(struct str s);                    /* borrows s */
struct value value_i64(int64_t i, struct arena *a);
/* As Go's encoding/json: the fewest digits that read back, 3.5, 3, 1e+21, 1e-7. Not for NaN and infinities (asserts). */
struct value value_double(double d, struct arena *a);
struct value value_list(struct value *items, size_t n);     /* borrows items */
struct value value_map(struct value_member *members, size_t n);

/* The member, or NULL when `map` is NULL, no map, or has no such key. */
const struct value *value_get(const struct value *map, struct str key);
const struct value *value_get_c(const struct value *map, const char *key);
bool value_equal(const struct value *a, const struct value *b); /* numbers by value, maps in any order */
bool value_to_double(const struct value *v, double *ret); /* a NUMBER that a double can hold */
bool value_to_i64(const struct value *v, int64_t *ret);   /* NUMBER that is a whole number in range (3, 3.0, 3e2) */
bool value_is_number_text(struct str s);                  /* the JSON number grammar */
const char *value_kind_name(enum value_kind k);           /* "null", "boolean", "number", "string", "list", "map" */
struct value value_copy(const struct value *v, struct arena *a); /* deep, texts too */

/* Building: append to arrays that grow in an arena. */
struct value_builder { struct value *items; size_t n, cap; struct arena *arena; };
void value_push(struct value_builder *b, struct value v);
struct map_builder { struct value_member *members; size_t n, cap; struct arena *arena; };
void map_push(struct map_builder *b, struct str key, struct value v); /* does not look for duplicates */
void map_set(struct map_builder *b, struct str key, struct value v);  /* replaces */
