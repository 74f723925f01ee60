/* Expressions: one evaluator, three grammars.
 *
 *   EXPR_ARGO  Argo's {{=…}}, hook and retry expressions: the language of expr-lang 1.17, with Sprig's functions below `sprig`,
 *              and Argo's asInt, asFloat, jsonpath and toJson.
 *   EXPR_WHEN  Argo's `when`, after substitution: govaluate's language, in which a bare word is a string.
 *   EXPR_KFP   KFP's conditions and parameter selectors: the part of CEL that KFP compiles to, and parseJson.
 *
 * Pure: no clock, locale, environment, file or system random source. `now` and the seed of random functions come from the
 * caller. What a user can write is bounded: depth at parsing; steps, bytes and regular expressions' work at evaluation.
 *
 * Errors of EXPR_ARGO read as expr-lang's: "cannot fetch status from <nil> (1:12)\n | the line\n | ...........^". Their kind is
 * ERROR_INVALID (ERROR_LIMIT for a passed limit), with line and column within the expression. */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"
#include "text/value.h"

enum expr_grammar { EXPR_ARGO, EXPR_WHEN, EXPR_KFP };

struct expr; /* compiled; immutable, may be used from several threads at once */

/* Compiles `source`. `a` keeps the result and a copy of the source, which may go away. Types that can never fit (EXPR_ARGO) are no error here
 * but of every evaluation. */
bool expr_parse(enum expr_grammar grammar, struct str source, struct arena *a, const struct expr **ret, struct error *e);
struct str expr_source(const struct expr *x);

/* What an expression works on. Integers and floating-point numbers differ: 7/2 is 3.5, type(1) is "int". Maps are sorted by key in
 * byte order and have unique keys. Times are microseconds since 1970 UTC with an offset for display; durations are nanoseconds. */
enum xkind { X_NIL, X_BOOL, X_INT, X_FLOAT, X_STRING, X_LIST, X_MAP, X_TIME, X_DURATION, X_FUNCTION };

struct xmember;
struct xvalue {
        enum xkind kind;
        int32_t zone_s; /* TIME: seconds east of UTC */
        union {
                bool boolean;
                int64_t integer; /* INT; TIME: microseconds; DURATION: nanoseconds */
                double number;
                struct str text;
                struct { const struct xvalue *items; size_t n; } list;
                struct { const struct xmember *members; size_t n; } map;
                const void *function; /* the evaluator's own */
        };
};
struct xmember { struct str key; struct xvalue value; };

struct expr_env {
        /* The value of a root identifier ("workflow", "inputs", "string_value"). False: unknown. Borrowed until the evaluation's arena is
         * freed. Asked at most once an identifier and evaluation. NULL: every identifier is unknown.
         * A number whose text is a whole number in 64 bits becomes an INT, any other a FLOAT; null is nil. */
        bool (*lookup)(void *ctx, struct str name, struct arena *a, struct value *ret);
        void *ctx;
        struct wall now; /* time of the event: now(), date arithmetic */
        uint64_t seed;   /* of random functions: the same seed gives the same values */
        uint64_t steps_max;  /* 0: 1,000,000 */
        size_t bytes_max;    /* memory that one evaluation may take; 0: 64 MiB */
};

/* Evaluates. The result lives in `a` (and borrows from what lookup gave). */
bool expr_eval(const struct expr *x, const struct expr_env *env, struct arena *a, struct xvalue *ret, struct error *e);

/* The same for places that need a boolean. A result of another type is an error: "unable to cast expression result 'str' to bool". */
bool expr_eval_bool(const struct expr *x, const struct expr_env *env, struct arena *a, bool *ret, struct error *e);

/* What Argo puts in place of {{=…}}: a string as it is, anything else as Go's compact JSON. Errors are complete messages:
 * "failed to evaluate expression: …", or `failed to evaluate expression "nil"` when the result is nil. */
bool expr_substitute(const struct expr *x, const struct expr_env *env, struct arena *a, struct str *ret, struct error *e);

/* The text of a result as expr_substitute gives it; nil gives "null". False for what JSON cannot express (NaN, infinity). */
bool expr_result_text(const struct xvalue *v, struct arena *a, struct str *ret, struct error *e);
/* As Go's fmt prints it with %v, which valueFrom.expression uses: "[1 2]", "map[a:1]", "1e+06", "<nil>". */
struct str expr_result_print(const struct xvalue *v, struct arena *a);
/* As a JSON-like value: times as RFC 3339 text, durations as whole nanoseconds. False as expr_result_text. */
bool expr_to_value(const struct xvalue *v, struct arena *a, struct value *ret, struct error *e);
/* The reverse, by the rule of expr_env.lookup. */
struct xvalue expr_from_value(const struct value *v, struct arena *a);

/* What an expression reads of its environment: one entry a place, in order of the source. For `a.b['c-d'][0].e` with base "a": parts are
 * a, b, c-d and complete is false, because what follows is not a constant member. Variables of `let`, function names and what
 * predicates bind are not listed. */
struct expr_path {
        const struct str *parts; /* parts[0] is the root identifier */
        size_t n;                /* at least 1 */
        size_t dotted_n;         /* of which the first so many are joined by plain dots: what Argo looks up as one key */
        bool complete;           /* false: an index that is not constant, or on a list, follows */
        bool optional;           /* some member is fetched by ?. , or the place is the left side of ?? */
        uint32_t offset;         /* in bytes, of the root identifier in the source */
};
struct expr_paths { const struct expr_path *items; size_t n; };
struct expr_paths expr_identifiers(const struct expr *x);

/* Text of an Argo `when` or cron `when` after substitution, to its verdict. Empty (or white space alone) is true. Messages as Argo
 * has them: "Invalid 'when' expression '…': …", "Expected boolean evaluation for '1'. Got 1". */
bool expr_when(struct str text, struct arena *a, bool *ret, struct error *e);

/* Argo's `depends`: a boolean combination of task results. */
enum depends_op { DEPENDS_RESULT, DEPENDS_NOT, DEPENDS_AND, DEPENDS_OR };
struct depends {
        enum depends_op op;
        struct str task;              /* RESULT */
        struct str result;            /* "Succeeded", …; empty for a bare name. Checked: one of the eight, as written by Argo */
        uint32_t offset;              /* in bytes, in the text */
        uint32_t depth;
        const struct depends *left, *right; /* NOT: left */
};
/* Operators: && || ! and parentheses; words: task names, or task.Result. An empty text is an error. Errors have line and column
 * within the text, and name what was probably meant. `a` copies the texts. */
bool expr_depends_parse(struct str text, struct arena *a, const struct depends **ret, struct error *e);
/* The distinct task names of a tree, in order of appearance. */
size_t expr_depends_tasks(const struct depends *d, struct arena *a, const struct str **ret);
/* Evaluates: `holds` answers for one (task, result); result is empty for a bare name. */
bool expr_depends_eval(const struct depends *d, bool (*holds)(void *ctx, struct str task, struct str result), void *ctx);
