/* Descriptions of JSON messages, as tables: from one come reading with checks, and the schema in the OpenAPI document. */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "text/value.h"

enum member_type {
        MEMBER_STRING, MEMBER_BOOL, MEMBER_INT32,
        MEMBER_INT64,   /* KFP: a string in answers, string or number in requests; native: a number */
        MEMBER_DOUBLE,
        MEMBER_TIME,    /* RFC 3339 */
        MEMBER_ENUM,    /* `choices`: "A|B|C"; KFP: also by number, counted from 0 */
        MEMBER_MAP,     /* any JSON map; with `members`: a map of them */
        MEMBER_ANY,
        MEMBER_OBJECT,  /* `members` */
};

struct member {
        const char *name;              /* snake_case; NULL ends the table */
        enum member_type type;
        bool list, required;
        const struct member *members;
        const char *choices;
        const char *help;              /* one sentence; may be NULL */
};

/* Checks `v` against the table and gives a copy with names as in the table and scalars in one form (64-bit numbers as VALUE_NUMBER, enums by name). `camel`:
 * names are understood in lowerCamelCase too, enums and 64-bit numbers in every spelling of proto3's JSON. An unknown name is ERROR_INVALID that names it, with its place and what
 * is nearest. Nulls are as absent. */
bool members_read(const struct value *v, const struct member *table, bool camel, struct arena *a, struct value *ret, struct error *e);
