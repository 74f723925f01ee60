/* Turns a struct query into SQL that both databases understand. Only the back ends include this. */
#pragma once
#include "store/store.h"

/* What differs between databases. */
struct query_dialect {
        const char *mark;     /* of a parameter, for printf with its number: "?%u" */
        const char *contains; /* for printf with a column and a mark: does the column hold the text, ignoring the case of ASCII? */
        /* An index over parts of names. NULL: `contains` does all. Else the tables to read from, given as "… run" so that run.id is
         * `search_id`, and the condition with `search_text` as its parameter; the result may hold too much, `contains` is asked as well. */
        const char *search_from, *search_id, *search_where;
        /* False: this part cannot be looked up that way. */
        bool (*search_text)(const char *column, struct str part, struct arena *a, struct str *ret);
};

enum query_param_kind { QUERY_PARAM_TEXT, QUERY_PARAM_INTEGER, QUERY_PARAM_REAL };
struct query_param {
        enum query_param_kind kind;
        struct str text;
        int64_t integer;
        double real;
};

enum { QUERY_PARAMS_MAX = 500, QUERY_COUNT_MAX = 1000, QUERY_COUNT_FOUND_MAX = 200 };
struct query_text {
        struct str sql;
        struct query_param params[QUERY_PARAMS_MAX]; /* number 1 is the first */
        unsigned params_n;
};

/* The order of a list ends in run.id or record.number, which is the order of creation. */
struct query_sql {
        struct query_text list;          /* SELECT `columns`, sort key, id …: one row more than the limit when there is a next page */
        struct query_text count;         /* one number; empty: not asked for */
        unsigned count_max;              /* it stops at one more than this; 0: it counts all */
        enum query_param_kind sort_kind; /* of the column behind `columns` */
};

/* `columns` are qualified by "run." or "record.". ERROR_INVALID names what is wrong with the query. */
bool query_build(const struct query *q, const struct query_dialect *d, struct str columns, struct arena *a, struct query_sql *ret, struct error *e);
/* What query.after is to be for the page that begins after a row with this sort key and id. */
struct str query_next(const struct query *q, const struct query_param *key, int64_t id, struct arena *a);
