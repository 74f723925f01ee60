/* Contradictions of types that expr-lang reports before it evaluates anything: `1 == '1'` is an error even where it is never reached.
 * Only what is certain is known: literals, operators, built-ins; what comes from the environment is unknown unless `shapes` says. */
#include "expr/internal.h"
#include <stdarg.h>
#include <stdio.h>

struct local_shape { struct str name; struct shape shape; const struct local_shape *up; };
struct checker {
        const struct expr *x;
        const struct shape *shapes;
        struct error *e;
        bool failed;
        const struct local_shape *locals;
        const struct local_shape *items; /* of predicates: the element */
        bool indexed, reducing; /* #index, #acc exist */
};

static struct shape check(struct checker *c, const struct node *n);

/* What an element of a list, a member of a map or a function of anything gives: as little known, but with a name of its own. */
static struct shape element(enum stype t) { return (struct shape){t == S_UNKNOWN ? S_ANY : t, S_UNKNOWN}; }

static struct shape plain(enum stype t) { return (struct shape){t, S_UNKNOWN}; }

static const char *shape_name(struct shape s) {
        static const char *const names[] = {"unknown", "unknown", "bool", "int", "float64", "string", "[]interface {}", "map[string]interface {}", "time.Time",
                                            "time.Duration", "interface {}"};
        return names[s.type];
}

static struct shape fail(struct checker *c, const struct node *n, const char *format, ...) __attribute__((format(printf, 3, 4)));
static struct shape fail(struct checker *c, const struct node *n, const char *format, ...) {
        if (!c->failed) {
                char message[600];
                va_list ap;
                va_start(ap, format);
                vsnprintf(message, sizeof message, format, ap);
                va_end(ap);
                c->failed = true;
                place_error(c->e, ERROR_INVALID, c->x->source, n->at, message);
        }
        return plain(S_UNKNOWN);
}

enum { NUMBER = 1 << S_INT | 1 << S_FLOAT, INTEGER = 1 << S_INT, BOOL = 1 << S_BOOL, STRING = 1 << S_STRING, TIME = 1 << S_TIME,
       DURATION = 1 << S_DURATION, LIST = 1 << S_LIST, MAP = 1 << S_MAP, UNKNOWN = 1 << S_UNKNOWN | 1 << S_ANY };

static bool any_of(struct shape s, unsigned set) { return (1u << s.type & set) != 0; }
static bool both(struct shape l, struct shape r, unsigned set) { return any_of(l, set) && any_of(r, set); }

/* At least one side is unknown, and the other fits. */
static bool perhaps(struct shape l, struct shape r, unsigned set) {
        set |= (unsigned)UNKNOWN;
        return (any_of(l, UNKNOWN) || any_of(r, UNKNOWN)) && any_of(l, set) && any_of(r, set);
}

static bool comparable(struct shape l, struct shape r) {
        return any_of(l, (unsigned)UNKNOWN | 1u << S_NIL) || any_of(r, (unsigned)UNKNOWN | 1u << S_NIL) || both(l, r, NUMBER) || l.type == r.type;
}

static bool ordered(struct shape l, struct shape r) {
        return both(l, r, NUMBER) || both(l, r, STRING) || both(l, r, TIME) || both(l, r, DURATION) || perhaps(l, r, NUMBER | STRING | TIME | DURATION);
}

static struct shape arithmetic(enum binary op, struct shape l, struct shape r, bool *fits) {
        bool wide = l.type == S_FLOAT || r.type == S_FLOAT;
        *fits = true;
        if (both(l, r, NUMBER))
                return plain(wide ? S_FLOAT : S_INT);
        if (op == B_ADD && both(l, r, STRING))
                return plain(S_STRING);
        if (op == B_ADD && ((l.type == S_TIME && r.type == S_DURATION) || (l.type == S_DURATION && r.type == S_TIME)))
                return plain(S_TIME);
        if (op == B_SUB && l.type == S_TIME && any_of(r, TIME | DURATION))
                return plain(r.type == S_TIME ? S_DURATION : S_TIME);
        if (both(l, r, DURATION) || (op == B_MUL && both(l, r, DURATION | NUMBER)))
                return plain(S_DURATION);
        *fits = perhaps(l, r, NUMBER | DURATION | (op != B_MUL ? TIME : 0u) | (op == B_ADD ? STRING : 0u));
        return plain(S_UNKNOWN);
}

static struct shape check_in(struct checker *c, const struct node *n, struct shape l, struct shape r, bool *fits) {
        *fits = true;
        if (r.type == S_MAP && !any_of(l, STRING | (unsigned)UNKNOWN))
                return fail(c, n, "cannot use %s as type string in map key", shape_name(l));
        if (r.type == S_LIST && !comparable(l, plain(r.item)))
                return fail(c, n, "cannot use %s as type %s in array", shape_name(l), shape_name(plain(r.item)));
        *fits = any_of(r, MAP | LIST | (unsigned)UNKNOWN) || (any_of(l, UNKNOWN) && r.type == S_STRING);
        return plain(S_BOOL);
}

static struct shape check_binary(struct checker *c, const struct node *n) {
        struct shape l = check(c, n->kids[0]), r = check(c, n->kids[1]), gives = plain(S_BOOL);
        bool fits = true;
        switch ((enum binary)n->sub) {
        case B_OR: case B_AND: fits = both(l, r, BOOL) || perhaps(l, r, BOOL); break;
        case B_EQ: case B_NE: fits = comparable(l, r); break;
        case B_LT: case B_GT: case B_GE: case B_LE: fits = ordered(l, r); break;
        case B_IN: gives = check_in(c, n, l, r, &fits); break;
        case B_MATCHES: case B_CONTAINS: case B_STARTS: case B_ENDS: fits = both(l, r, STRING) || perhaps(l, r, STRING); break;
        case B_RANGE:
                fits = both(l, r, INTEGER) || perhaps(l, r, INTEGER);
                gives = (struct shape){S_LIST, S_INT};
                break;
        case B_ADD: case B_SUB: case B_MUL: gives = arithmetic((enum binary)n->sub, l, r, &fits); break;
        case B_DIV: case B_POW:
                fits = both(l, r, NUMBER) || perhaps(l, r, NUMBER);
                gives = plain(S_FLOAT);
                break;
        case B_MOD:
                fits = both(l, r, INTEGER) || perhaps(l, r, INTEGER);
                gives = plain(S_INT);
                break;
        case B_COALESCE: return l.type == S_NIL || l.type == r.type ? r : r.type == S_NIL ? l : plain(S_ANY);
        case BINARY_COUNT: break;
        }
        if (!fits)
                return fail(c, n, "invalid operation: %.*s (mismatched types %s and %s)", STR_FMT(n->name.n ? n->name : str_from(binary_names[n->sub])),
                            shape_name(l), shape_name(r));
        return gives;
}

static struct shape check_unary(struct checker *c, const struct node *n) {
        struct shape of = check(c, n->kids[0]);
        unsigned set = (n->op == N_NOT ? BOOL : (unsigned)NUMBER) | (unsigned)UNKNOWN;
        if (!any_of(of, set))
                return fail(c, n, "invalid operation: %.*s (mismatched type %s)", STR_FMT(n->name), shape_name(of));
        return n->op == N_NOT ? plain(S_BOOL) : of;
}

static struct shape check_member(struct checker *c, const struct node *n) {
        struct shape of = check(c, n->kids[0]), key = check(c, n->kids[1]);
        const struct node *k = n->kids[1];
        switch (of.type) {
        case S_UNKNOWN: case S_ANY: return plain(S_UNKNOWN);
        case S_MAP:
                if (!any_of(key, STRING) && !(any_of(key, UNKNOWN) && k->op != N_NIL))
                        return fail(c, k, "cannot use %s to get an element from %s", shape_name(key), shape_name(of));
                return plain(S_ANY);
        case S_LIST:
                if (!any_of(key, INTEGER | (unsigned)UNKNOWN)) {
                        return fail(c, k, "array elements can only be selected using an integer (got %s)", shape_name(key));
                }
                return element(of.item);
        case S_TIME: case S_DURATION: return plain(S_UNKNOWN);
        case S_NIL: case S_BOOL: case S_INT: case S_FLOAT: case S_STRING:
                if (k->op == N_STRING)
                        return fail(c, n, "type %s has no field %.*s", of.type == S_NIL ? "nil" : shape_name(of), STR_FMT(k->text));
                return fail(c, n, "type %s[%s] is undefined", shape_name(of), shape_name(key));
        }
        return plain(S_UNKNOWN);
}

static unsigned taken(char take) {
        switch (take) {
        case 's': return STRING;
        case 'i': case 'J': return INTEGER;
        case 'n': return NUMBER;
        case 'l': case 'L': return LIST;
        case 'm': case 'M': return MAP;
        case 'N': return NUMBER | STRING;
        case 'A': return NUMBER | LIST;
        case 'C': return STRING | LIST | MAP;
        default: return ~0u;
        }
}

static bool check_count(struct checker *c, const struct node *n, const struct func *f, int given) {
        bool few = given < f->least, many = f->most >= 0 && given > f->most;
        if (f->refuse && f->least == f->most && (few || many))
                fail(c, n, "invalid number of arguments (expected %d, got %d)", f->least, given);
        else if (few && f->refuse && strncmp(f->refuse, "cannot", 6) == 0)
                fail(c, n, "invalid number of arguments (expected at least %d, got %d)", f->least, given);
        else if (few || many)
                fail(c, n, "%s arguments to call %s", few ? "not enough" : "too many", f->name);
        return !c->failed;
}

static void check_arguments(struct checker *c, const struct node *n, const struct func *f) {
        if (!check_count(c, n, f, (int)n->n))
                return;
        const char *take = f->takes ? f->takes : ".";
        for (size_t i = 0; i < n->n && !c->failed; i++, take += take[1] ? 1 : 0) {
                struct shape s = check(c, n->kids[i]);
                const char *mark = f->refuse ? strstr(f->refuse, "%s") : NULL;
                if (any_of(s, taken(*take) | (unsigned)UNKNOWN))
                        continue;
                if (mark)
                        fail(c, n, "%.*s%s%s", (int)(mark - f->refuse), f->refuse, s.type == S_NIL ? "%!s(<nil>)" : shape_name(s), mark + 2); /* as Go prints it */
                else
                        fail(c, n->kids[i], "cannot use %s as argument (type %s) to call %s%s", s.type == S_NIL ? "nil" : shape_name(s),
                             *take == 's' ? "string" : *take == 'i' || *take == 'J' ? "int" : *take == 'm' ? "map[string]interface {}" : "[]interface {}", f->name, s.type == S_NIL ? "" : " ");
        }
}

static struct shape check_loop(struct checker *c, const struct node *n) {
        struct shape of = check(c, n->kids[0]), body = plain(S_UNKNOWN);
        enum loop loop = (enum loop)n->sub;
        if (!any_of(of, LIST | (unsigned)UNKNOWN))
                return fail(c, n->kids[0], "builtin %.*s takes only array (got %s)", STR_FMT(n->name), shape_name(of));
        if (n->n > 1 && n->kids[1]) {
                struct local_shape here = {STR_NONE, element(of.item), c->items};
                bool indexed = c->indexed, reducing = c->reducing;
                c->items = &here;
                c->indexed = loop == L_MAP || loop == L_REDUCE;
                c->reducing = loop == L_REDUCE;
                body = check(c, n->kids[1]);
                c->indexed = indexed;
                c->reducing = reducing;
                c->items = here.up;
        }
        if (n->n > 2 && n->kids[2])
                check(c, n->kids[2]);
        bool boolean = loop != L_MAP && loop != L_SUM && loop != L_GROUP_BY && loop != L_SORT_BY && loop != L_REDUCE;
        if (boolean && !any_of(body, BOOL | (unsigned)UNKNOWN))
                return fail(c, n->kids[1], "predicate should return boolean (got %s)", shape_name(body));
        switch (loop) {
        case L_ALL: case L_NONE: case L_ANY: case L_ONE: case L_EXISTS_ONE: return plain(S_BOOL);
        case L_FILTER: case L_SORT_BY: return (struct shape){S_LIST, of.item};
        case L_MAP: return (struct shape){S_LIST, body.type};
        case L_COUNT: case L_FIND_INDEX: case L_FIND_LAST_INDEX: return plain(S_INT);
        case L_FIND: case L_FIND_LAST: return element(of.item);
        case L_GROUP_BY: return plain(S_MAP);
        case L_SUM: return plain(S_ANY);
        case L_REDUCE: break;
        }
        return plain(S_UNKNOWN);
}

static struct shape check_let(struct checker *c, const struct node *n) {
        struct local_shape here = {n->name, check(c, n->kids[0]), c->locals};
        c->locals = &here;
        struct shape s = check(c, n->kids[1]);
        c->locals = here.up;
        return s;
}

static struct shape check_condition(struct checker *c, const struct node *n) {
        struct shape of = check(c, n->kids[0]), yes = check(c, n->kids[1]), no = check(c, n->kids[2]);
        if (!any_of(of, BOOL | (unsigned)UNKNOWN))
                return fail(c, n->kids[0], "non-bool expression (type %s) used as condition", shape_name(of));
        return yes.type == no.type ? yes : yes.type == S_NIL ? no : no.type == S_NIL ? yes : plain(S_UNKNOWN);
}

static struct shape check_each(struct checker *c, const struct node *n) {
        struct shape last = plain(S_UNKNOWN);
        enum stype common = S_UNKNOWN;
        for (uint32_t i = 0; i < n->n; i++) {
                last = n->kids[i] ? check(c, n->kids[i]) : plain(S_UNKNOWN);
                common = i == 0 || last.type == common ? last.type : S_UNKNOWN;
        }
        if (n->op == N_LIST)
                return (struct shape){S_LIST, common};
        return n->op == N_MAP ? plain(S_MAP) : n->op == N_SEQUENCE || n->op == N_CHAIN ? last : plain(S_UNKNOWN);
}

static struct shape check(struct checker *c, const struct node *n) {
        if (c->failed)
                return plain(S_UNKNOWN);
        switch (n->op) {
        case N_NIL: return plain(S_NIL);
        case N_BOOL: return plain(S_BOOL);
        case N_INT: return plain(S_INT);
        case N_FLOAT: return plain(S_FLOAT);
        case N_STRING: return plain(S_STRING);
        case N_IDENT: return c->shapes ? c->shapes[n->slot] : plain(S_UNKNOWN);
        case N_VAR:
                for (const struct local_shape *l = c->locals; l; l = l->up)
                        if (str_eq(l->name, n->name))
                                return l->shape;
                return plain(S_UNKNOWN);
        case N_POINTER:
                if (n->name.n && !(str_eq_c(n->name, "index") && c->indexed) && !(str_eq_c(n->name, "acc") && c->reducing))
                        return fail(c, n, "unknown pointer #%.*s", STR_FMT(n->name));
                return n->name.n == 0 && c->items ? c->items->shape : plain(str_eq_c(n->name, "index") ? S_INT : S_UNKNOWN);
        case N_NOT: case N_MINUS: case N_PLUS: return check_unary(c, n);
        case N_BINARY: return check_binary(c, n);
        case N_MEMBER: return check_member(c, n);
        case N_SLICE: {
                struct shape of = check(c, n->kids[0]);
                if (!any_of(of, LIST | STRING | (unsigned)UNKNOWN))
                        return fail(c, n, "cannot slice %s", shape_name(of));
                for (int i = 1; i < 3; i++) {
                        struct shape s = n->kids[i] ? check(c, n->kids[i]) : plain(S_INT);
                        if (!any_of(s, INTEGER | (unsigned)UNKNOWN))
                                return fail(c, n->kids[i], "non-integer slice index %s", shape_name(s));
                }
                return of;
        }
        case N_BUILTIN:
                check_arguments(c, n, n->func);
                return element(n->func->gives);
        case N_LOOP: return check_loop(c, n);
        case N_LET: return check_let(c, n);
        case N_CONDITION: return check_condition(c, n);
        case N_CALL: /* what a Sprig function gives and takes is known only when it runs, and its arguments are not looked at before */
                return n->kids[0]->op == N_FUNCTION ? plain(S_UNKNOWN) : check_each(c, n);
        case N_CHAIN: case N_SEQUENCE: case N_LIST: case N_MAP: return check_each(c, n);
        case N_FUNCTION: case N_ENV: break;
        }
        return plain(S_UNKNOWN);
}

bool expr_check(const struct expr *x, const struct shape *shapes, struct error *e) {
        struct checker c = {.x = x, .shapes = shapes, .e = e};
        check(&c, x->root);
        return !c.failed;
}

/* --- what an expression reads --- */

struct collector { struct expr *x; struct arena *a; struct expr_path *items; size_t n, cap; size_t idents_cap; bool full; };

static uint32_t slot_of(struct collector *c, struct str name) {
        struct expr *x = c->x;
        for (size_t i = 0; i < x->idents_n; i++)
                if (str_eq(x->idents[i], name))
                        return (uint32_t)i;
        if (x->idents_n == IDENTS_MAX) {
                c->full = true;
                return 0;
        }
        if (x->idents_n == c->idents_cap) {
                size_t cap = c->idents_cap ? c->idents_cap * 2 : 8;
                struct str *items = ARENA_ARRAY(c->a, struct str, cap);
                if (x->idents_n)
                        memcpy(items, x->idents, x->idents_n * sizeof *items);
                x->idents = items;
                c->idents_cap = cap;
        }
        ((struct str *)x->idents)[x->idents_n] = name;
        return (uint32_t)x->idents_n++;
}

static void add_path(struct collector *c, struct expr_path path) {
        if (c->n == c->cap) {
                size_t cap = c->cap ? c->cap * 2 : 8;
                struct expr_path *items = ARENA_ARRAY(c->a, struct expr_path, cap);
                if (c->n)
                        memcpy(items, c->items, c->n * sizeof *items);
                c->items = items;
                c->cap = cap;
        }
        c->items[c->n++] = path;
}

/* The members from the root identifier outward, when `n` is a place; returns the identifier. */
static struct node *place_root(struct node *n, size_t *members, bool *optional) {
        for (;; n = n->kids[0]) {
                if (n->op == N_CHAIN)
                        *optional = true;
                else if (n->op == N_MEMBER) {
                        ++*members;
                        *optional = *optional || n->optional;
                } else
                        return n->op == N_IDENT || n->op == N_ENV ? n : NULL;
        }
}

static void walk(struct collector *c, struct node *n, bool optional);

static void walk_place(struct collector *c, struct node *n, struct node *root, size_t members, bool optional) {
        struct node **chain = ARENA_ARRAY(c->a, struct node *, members + 1);
        size_t at = members;
        for (struct node *m = n; m != root; m = m->kids[0])
                if (m->op == N_MEMBER)
                        chain[--at] = m;
        struct str *parts = ARENA_ARRAY(c->a, struct str, members + 1);
        struct expr_path path = {.parts = parts, .complete = true, .optional = optional, .offset = root->at};
        if (root->op == N_IDENT)
                parts[path.n++] = root->name;
        bool dotted = true;
        path.dotted_n = path.n;
        for (size_t i = 0; i < members && path.complete; i++) {
                const struct node *key = chain[i]->kids[1];
                if (key->op != N_STRING) {
                        path.complete = false;
                        break;
                }
                parts[path.n++] = key->text;
                dotted = dotted && chain[i]->dotted && !chain[i]->optional;
                path.dotted_n = dotted || path.n == 1 ? path.n : path.dotted_n;
        }
        for (size_t i = 0; i < members; i++)
                if (chain[i]->kids[1]->op != N_STRING)
                        walk(c, chain[i]->kids[1], false);
        if (path.n) {
                root->slot = slot_of(c, path.parts[0]);
                add_path(c, path);
        }
}

static void walk(struct collector *c, struct node *n, bool optional) {
        size_t members = 0;
        struct node *root = n->op == N_IDENT || n->op == N_ENV || n->op == N_CHAIN || n->op == N_MEMBER ? place_root(n, &members, &optional) : NULL;
        if (root) {
                walk_place(c, n, root, members, optional);
                return;
        }
        for (uint32_t i = 0; i < n->n; i++)
                if (n->kids[i])
                        walk(c, n->kids[i], n->op == N_BINARY && n->sub == B_COALESCE && i == 0);
}

static int path_order(const struct expr_path *a, const struct expr_path *b) { return a->offset < b->offset ? -1 : a->offset > b->offset; }

bool paths_collect(struct expr *x, struct arena *a) {
        struct collector c = {.x = x, .a = a};
        walk(&c, (struct node *)x->root, false);
        for (size_t i = 1; i < c.n; i++) /* nearly sorted already: only places within an index come before it */
                for (size_t k = i; k > 0 && path_order(&c.items[k - 1], &c.items[k]) > 0; k--) {
                        struct expr_path t = c.items[k];
                        c.items[k] = c.items[k - 1];
                        c.items[k - 1] = t;
                }
        x->paths = (struct expr_paths){c.items, c.n};
        return !c.full;
}

struct expr_paths expr_identifiers(const struct expr *x) { return x->paths; }
