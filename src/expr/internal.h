/* What the parts of the expression library share.
 *
 * DESIGN. Every grammar is parsed into the same small tree (lex.c and parse.c for Argo's, cel.c for KFP's, when.c for govaluate's),
 * which eval.c walks. A tree is never deeper than DEPTH_MAX, counted where nodes are made, so that walking it recursively is bounded;
 * values cannot be nested deeper than VALUE_DEPTH_MAX for the same reason (vm_step and value_depth look after it).
 * Whatever takes time or memory in proportion to data asks vm_step or vm_alloc first. */
#pragma once
#include "expr/expr.h"
#include "base/buf.h"
#include "base/hash.h"

enum { DEPTH_MAX = 300, NESTING_MAX = 200, VALUE_DEPTH_MAX = 200, SOURCE_MAX = 1 << 18, IDENTS_MAX = 1000, TEXT_RESULT_MAX = 64 << 20 };

/* --- tokens --- */
enum token_kind { T_EOF, T_IDENT, T_NUMBER, T_STRING, T_OP, T_BRACKET, T_ERROR };
struct token {
        enum token_kind kind;
        uint32_t at;     /* bytes */
        struct str text; /* STRING: decoded; ERROR: the message */
};
struct tokens { struct token *items; size_t n, cap; struct arena *arena; };
void token_push(struct tokens *ts, enum token_kind kind, uint32_t at, struct str text);
/* Always ends in T_EOF or T_ERROR. */
void expr_lex(struct str source, struct arena *a, struct tokens *ret);
/* One character of UTF-8 at `at`; a broken byte is a character of its own. Returns its length, at least 1. */
size_t utf8_next(struct str s, size_t at, uint32_t *ret);
void utf8_add(struct buf *b, uint32_t c);
size_t utf8_put(char *to, uint32_t c); /* at most 4 bytes */
size_t utf8_count(struct str s);
bool rune_is_word(uint32_t c);
bool rune_is_letter(uint32_t c);
bool rune_is_space(uint32_t c);
/* Escapes within quotes, as expr-lang (and, with `cel`, CEL) knows them. NULL, or what is wrong. */
const char *string_unescape(struct str body, bool cel, struct arena *a, struct str *ret);

/* --- the tree --- */
enum op {
        N_NIL, N_BOOL, N_INT, N_FLOAT, N_STRING,
        N_IDENT,   /* slot */
        N_ENV,     /* $env alone */
        N_VAR,     /* name: of `let` */
        N_POINTER, /* name: "", "index", "acc" */
        N_FUNCTION, /* func */
        N_NOT, N_MINUS, N_PLUS,
        N_BINARY,  /* binary, kids 0 and 1 */
        N_CHAIN, N_MEMBER, N_SLICE /* kids: of, from, to; the last two may be NULL */,
        N_CALL,    /* kids[0] is what is called */
        N_BUILTIN, /* func, kids: arguments */
        N_LOOP,    /* loop, kids: collection, predicate, more */
        N_LET,     /* name, kids: value, body */
        N_SEQUENCE, N_CONDITION, N_LIST, N_MAP /* kids: key, value, key, value */,
};
enum binary {
        B_OR, B_AND, B_EQ, B_NE, B_LT, B_GT, B_GE, B_LE, B_IN, B_MATCHES, B_CONTAINS, B_STARTS, B_ENDS, B_RANGE, B_ADD, B_SUB, B_MUL, B_DIV,
        B_MOD, B_POW, B_COALESCE,
        BINARY_COUNT
};
extern const char *const binary_names[BINARY_COUNT];
enum loop {
        L_ALL, L_NONE, L_ANY, L_ONE, L_FILTER, L_MAP, L_COUNT, L_SUM, L_FIND, L_FIND_INDEX, L_FIND_LAST, L_FIND_LAST_INDEX, L_GROUP_BY, L_SORT_BY, L_REDUCE,
        L_EXISTS_ONE
};

/* Static types, as far as they are known without the environment. */
enum stype { S_UNKNOWN, S_NIL, S_BOOL, S_INT, S_FLOAT, S_STRING, S_LIST, S_MAP, S_TIME, S_DURATION, S_ANY /* unknown too: Go's interface {} */ };
struct shape { enum stype type, item; /* of a LIST */ };

struct vm;
struct func {
        const char *name;
        bool (*run)(struct vm *, const struct xvalue *args, size_t n, struct xvalue *ret);
        int8_t least, most; /* most -1: any number */
        enum stype gives;
        /* A letter an argument, the last repeats: s string, i int, n number, l list, m map, . anything; and for what only the checker
         * looks at: J int, L list, M map, N number or string, A number or list, C text, list or map. */
        const char *takes;
        int32_t flag;       /* what tells functions apart that share `run` */
        const char *refuse; /* what is said of an argument of a wrong type (%s); NULL: as expr-lang says it of typed functions */
};

struct node {
        enum op op;
        uint32_t at;       /* where errors point to, in bytes */
        uint32_t start;    /* of the identifier, for expr_identifiers */
        uint16_t depth;
        uint8_t sub;       /* enum binary or enum loop */
        bool optional;     /* MEMBER */
        bool dotted;       /* MEMBER: written with a dot */
        uint32_t n;
        struct node **kids;
        union {
                bool boolean;
                int64_t integer;
                double number;
                struct str text;
                const struct func *func;
        };
        uint32_t slot;
        struct str name;
};

struct expr {
        enum expr_grammar grammar;
        struct str source;
        const struct node *root;
        const struct str *idents; /* by slot */
        size_t idents_n;
        struct expr_paths paths;
        bool wrong; /* its types contradict each other whatever its names stand for: an error of each evaluation, as in Argo */
};

/* --- parsing --- */
struct local { struct str name; const struct local *up; };
struct parser {
        enum expr_grammar grammar;
        struct str source;
        struct arena *a;
        struct error *e;
        bool failed;
        struct tokens tokens;
        size_t i;                  /* current token */
        uint32_t nesting;          /* of calls, so that the parser's own recursion is bounded too */
        uint32_t predicates;       /* > 0 within one */
        bool at_pointer;           /* '@' is the current item: filters of JSON paths */
        const struct local *locals;
        struct str *idents;
        size_t idents_n, idents_cap;
};
bool parse_fail(struct parser *p, uint32_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
struct node *node_new(struct parser *p, enum op op, uint32_t at, size_t kids_n, ...);
struct node *node_list(struct parser *p, enum op op, uint32_t at, struct node **kids, size_t n);
struct node *node_ident(struct parser *p, struct str name, uint32_t at);
bool parse_enter(struct parser *p); /* false past the depth; pairs with p->nesting-- */
struct node_builder { struct node **items; size_t n, cap; };
void node_push(struct parser *p, struct node_builder *b, struct node *n);
bool argo_parse(struct parser *p, struct node **ret);
bool cel_parse(struct parser *p, struct node **ret); /* resolves methods itself: they are N_BUILTIN nodes */
/* Finds contradictions of types that expr-lang finds before it runs anything. `shapes` by slot, or NULL. */
bool expr_check(const struct expr *x, const struct shape *shapes, struct error *e);
bool paths_collect(struct expr *x, struct arena *a); /* false past IDENTS_MAX */

/* Message and snippet as expr-lang prints them; `at` in bytes; the message alone when there is no source. Returns false. */
bool place_error(struct error *e, enum error_kind kind, struct str source, uint32_t at, const char *message);

/* --- evaluation --- */
struct binding { struct str name; struct xvalue value; const struct binding *up; };
struct frame { const struct xvalue *item; size_t index; const struct xvalue *acc; const struct frame *up; };
struct vm {
        const struct expr *x;
        const struct expr_env *env;
        struct arena *a;
        struct error *e;
        bool failed;
        enum error_kind kind;
        uint64_t steps, steps_max;
        size_t bytes_start, bytes_max;
        struct xvalue *slots;
        const struct binding *bindings;
        const struct frame *frame;
        bool shorted;   /* an optional member was fetched from nil: the chain ends */
        uint32_t at;    /* of what is being done */
        const struct func *function; /* which is running */
        uint32_t nesting;
        struct random_source random;
};
bool vm_fail(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool vm_step(struct vm *vm, uint64_t steps);            /* false past the budget */
void *vm_alloc(struct vm *vm, size_t n, size_t size);   /* n items, not zeroed; NULL past the budget */
#define VM_ARRAY(vm, type, n) ((type *)vm_alloc((vm), (n), sizeof(type)))
bool vm_eval(struct vm *vm, const struct node *n, struct xvalue *ret);
bool vm_call(struct vm *vm, const struct func *f, const struct xvalue *args, size_t n, struct xvalue *ret);
bool vm_binary(struct vm *vm, enum binary op, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret);
bool vm_compare(struct vm *vm, enum binary op, const struct xvalue *l, const struct xvalue *r, bool *ret);
bool vm_fetch(struct vm *vm, const struct xvalue *of, const struct xvalue *key, bool lenient, struct xvalue *ret);
bool vm_slice(struct vm *vm, const struct xvalue *of, const struct xvalue *from, const struct xvalue *to, struct xvalue *ret);
bool vm_loop(struct vm *vm, const struct node *n, struct xvalue *ret);
bool vm_method(struct vm *vm, const struct xvalue *of, struct str name, const struct xvalue *args, size_t n, struct xvalue *ret);

/* --- values --- */
static inline struct xvalue x_nil(void) { return (struct xvalue){.kind = X_NIL}; }
static inline struct xvalue x_bool(bool b) { return (struct xvalue){.kind = X_BOOL, .boolean = b}; }
static inline struct xvalue x_int(int64_t i) { return (struct xvalue){.kind = X_INT, .integer = i}; }
static inline struct xvalue x_float(double d) { return (struct xvalue){.kind = X_FLOAT, .number = d}; }
static inline struct xvalue x_text(struct str s) { return (struct xvalue){.kind = X_STRING, .text = s}; }
static inline struct xvalue x_list(const struct xvalue *items, size_t n) { return (struct xvalue){.kind = X_LIST, .list = {items, n}}; }
static inline struct xvalue x_map(const struct xmember *members, size_t n) { return (struct xvalue){.kind = X_MAP, .map = {members, n}}; }
static inline bool x_is_number(const struct xvalue *v) { return v->kind == X_INT || v->kind == X_FLOAT; }
static inline double x_double(const struct xvalue *v) { return v->kind == X_INT ? (double)v->integer : v->number; }
bool x_equal(const struct xvalue *a, const struct xvalue *b);
const struct xvalue *x_get(const struct xvalue *map, struct str key); /* NULL when absent or no map */
const char *x_go_type(const struct xvalue *v);   /* "string", "[]interface {}", "<nil>" as %T */
const char *x_type_name(const struct xvalue *v); /* as type() */
int64_t x_truncate(double d);                    /* toward zero, saturating */
double x_pow(double base, double exponent);
/* Sorts by key and keeps the last of equal ones, in place; the new count. */
size_t members_sort(struct xmember *m, size_t n);
struct xvalue from_value(const struct value *v, struct arena *a, bool all_float);
struct str float_text(double d, struct arena *a); /* Go's %v */
struct str x_print(const struct xvalue *v, struct arena *a);
void x_print_to(const struct xvalue *v, struct buf *b, struct arena *a, int depth);
bool vm_text(struct vm *vm, struct buf *b, struct xvalue *ret); /* a buffer's text as the result; false when it overflowed. Frees it */
struct buf vm_buf(struct vm *vm);                               /* limited by what is left of the budget */
bool vm_json(struct vm *vm, const struct xvalue *v, unsigned style, struct str *ret);
bool vm_json_read(struct vm *vm, struct str text, bool all_float, struct xvalue *ret);
struct str text_case(struct vm *vm, struct str s, bool upper);

/* Growing lists of values. */
struct list_builder { struct xvalue *items; size_t n, cap; };
bool list_push(struct vm *vm, struct list_builder *b, struct xvalue v);

/* --- texts: text_ops.c. Results are within the budget; false past it --- */
enum { SPLIT_ALL = -1 };
bool text_split(struct vm *vm, struct str s, struct str separator, int64_t most, bool keep, struct list_builder *ret);
bool text_replace(struct vm *vm, struct str s, struct str old, struct str new, int64_t most, struct xvalue *ret);
bool text_repeat(struct vm *vm, struct str s, int64_t n, struct xvalue *ret);
struct str text_trim_set(struct str s, struct str set, bool left, bool right); /* characters of `set` */
struct str text_trim_space(struct str s);
size_t text_find_last(struct str s, struct str needle);
enum { BASE64, BASE32 };
bool text_encode(struct vm *vm, struct str s, int base, struct xvalue *ret);
bool text_decode(struct vm *vm, struct str s, int base, struct str *ret, const char **wrong); /* *wrong: what is not right with the text */
bool text_to_double(struct str s, double *ret); /* as Go's ParseFloat: also ".5", "5.", "inf" */
const char *x_go_kind(const struct xvalue *v);  /* "slice", "float64" as reflect.Kind */
bool sort_values(struct vm *vm, struct xvalue *items, size_t n, bool descending);


/* --- functions --- */
const struct func *func_find(const struct func *table, size_t n, struct str name);
const struct func *builtin_find(struct str name);
const struct func *argo_find(struct str name);
const struct func *sprig_find(struct str name);
const struct func *cel_find(struct str name);
const struct func *cel_method(struct str name); /* args[0] is the receiver */
extern const struct func builtins_text[], builtins_list[], builtins_number[], builtins_time[], builtins_argo[], builtins_as[];
extern const size_t builtins_text_n, builtins_list_n, builtins_number_n, builtins_time_n, builtins_argo_n, builtins_as_n;
extern const struct func sprig_text[], sprig_list[], sprig_map[], sprig_math[], sprig_misc[], sprig_encode[];
extern const size_t sprig_text_n, sprig_list_n, sprig_map_n, sprig_math_n, sprig_misc_n, sprig_encode_n;
/* Go calls Sprig's functions by reflection; this is what it says of a wrong argument. Their letters in func.takes, besides s, l and m:
 * I exactly an int, F exactly a float, b bool, t time. nil stands for the zero value of each. */
extern const char sprig_refusal[];
#define SPRIG(name, run, least, most, takes, flag) {name, run, least, most, S_UNKNOWN, takes, flag, sprig_refusal}
int64_t sprig_int(const struct xvalue *v);    /* what is no number counts as 0 */
double sprig_float(const struct xvalue *v);
bool sprig_empty(const struct xvalue *v);     /* nil, false, 0, "" and what holds nothing */
bool sprig_equal(const struct xvalue *a, const struct xvalue *b); /* 1 and 1.0 differ */
struct str sprig_text_of(const struct xvalue *v, struct arena *a);
/* The list as Sprig's strslice: nil left out, everything else as text; a value that is no list is a list of one. */
bool sprig_strings(struct vm *vm, const struct xvalue *v, struct list_builder *ret);
bool semver_normal(struct vm *vm, struct str text, struct str *ret);
bool semver_holds(struct vm *vm, struct str constraint, struct str text, bool *ret);
#define FUNCS(name, ...) \
        const struct func name[] = {__VA_ARGS__}; \
        const size_t name##_n = sizeof name / sizeof name[0]

/* --- regular expressions: regex.c --- */
struct regex; /* freed with regex_free */
struct regex *regex_new(struct vm *vm, struct str pattern);
void regex_free(struct regex *r);
/* From byte `from`. *ret_n groups (0 is the match) as pairs of offsets; *ret_n is 0 when there is none. */
bool regex_find(struct vm *vm, struct regex *r, struct str subject, size_t from, const size_t **ret, uint32_t *ret_n);
bool regex_matches(struct vm *vm, struct str pattern, struct str subject, bool *ret);
uint32_t regex_group(const struct regex *r, struct str name); /* UINT32_MAX: none */

/* --- times: layout.c --- */
struct str time_format(int64_t us, int32_t zone_s, struct str layout, struct arena *a);
bool time_parse(struct str layout, struct str text, int64_t *ret_us, int32_t *ret_zone_s);
/* The usual layouts, in the order in which expr-lang tries them. */
bool time_parse_any(struct str text, int64_t *ret_us, int32_t *ret_zone_s);
/* "UTC", "", "Local" (which is UTC here) and fixed offsets. */
bool zone_find(struct str name, int32_t *ret_s);
bool duration_ns(struct str s, int64_t *ret); /* Go's time.ParseDuration */
struct str duration_text(int64_t ns, struct arena *a);
struct xvalue x_time(int64_t us, int32_t zone_s);
struct xvalue x_duration(int64_t ns);
int64_t duration_round(int64_t ns, int64_t unit, bool nearest); /* else toward zero */
bool zone_value(struct vm *vm, struct str name, struct xvalue *ret); /* a time zone as a value */

bool jsonpath(struct vm *vm, const struct xvalue *doc, struct str path, struct xvalue *ret);
