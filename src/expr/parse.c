/* The grammar of expr-lang, by precedence climbing. Also what every parser here uses to make nodes and to fail. */
#include "expr/internal.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const char *const binary_names[BINARY_COUNT] = {
        [B_OR] = "||",        [B_AND] = "&&",          [B_EQ] = "==",         [B_NE] = "!=",      [B_LT] = "<",   [B_GT] = ">",   [B_GE] = ">=",
        [B_LE] = "<=",        [B_IN] = "in",           [B_MATCHES] = "matches", [B_CONTAINS] = "contains", [B_STARTS] = "startsWith",
        [B_ENDS] = "endsWith", [B_RANGE] = "..",       [B_ADD] = "+",         [B_SUB] = "-",      [B_MUL] = "*",  [B_DIV] = "/",  [B_MOD] = "%",
        [B_POW] = "**",       [B_COALESCE] = "??",
};

/* Line and column count characters, from 1. A long line is not shown, an empty one has no place. */
bool place_error(struct error *e, enum error_kind kind, struct str source, uint32_t at, const char *message) {
        if (!source.p)
                return error_set(e, kind, "%s", message);
        uint32_t line = 1, column = 0, c;
        size_t start = 0;
        for (size_t i = 0; i < source.n && i < at;) {
                size_t n = utf8_next(source, i, &c);
                i += n;
                column++;
                if (c == '\n') {
                        line++;
                        column = 0;
                        start = i;
                }
        }
        struct str text = str_sub(source, start, str_find_char(source, '\n', start));
        if (text.n == 0)
                return error_at(e, kind, line, column + 1, "%s", message);
        if (text.n > 400 || column > 400)
                return error_at(e, kind, line, column + 1, "%s (%u:%u)", message, line, column + 1);
        char shown[404], dots[404];
        for (size_t i = 0; i < text.n; i++)
                shown[i] = text.p[i] == '\t' ? ' ' : text.p[i];
        memset(dots, '.', column);
        dots[column] = '^';
        return error_at(e, kind, line, column + 1, "%s (%u:%u)\n | %.*s\n | %.*s", message, line, column + 1, (int)text.n, shown, (int)column + 1, dots);
}

bool parse_fail(struct parser *p, uint32_t at, const char *format, ...) {
        if (p->failed)
                return false;
        p->failed = true;
        char message[600];
        va_list ap;
        va_start(ap, format);
        vsnprintf(message, sizeof message, format, ap);
        va_end(ap);
        return place_error(p->e, ERROR_INVALID, p->source, at, message);
}

struct node *node_list(struct parser *p, enum op op, uint32_t at, struct node **kids, size_t n) {
        struct node *x = ARENA_NEW(p->a, struct node);
        *x = (struct node){.op = op, .at = at, .start = at, .n = (uint32_t)n};
        x->kids = n ? ARENA_ARRAY(p->a, struct node *, n) : NULL;
        unsigned depth = 0;
        for (size_t i = 0; i < n; i++) {
                x->kids[i] = kids[i];
                if (kids[i] && kids[i]->depth > depth)
                        depth = kids[i]->depth;
        }
        if (depth >= DEPTH_MAX)
                parse_fail(p, at, "the expression is nested more than %d levels deep; split it", DEPTH_MAX);
        x->depth = (uint16_t)(depth + 1);
        return x;
}

struct node *node_new(struct parser *p, enum op op, uint32_t at, size_t kids_n, ...) {
        struct node *kids[4] = {0};
        va_list ap;
        va_start(ap, kids_n);
        for (size_t i = 0; i < kids_n; i++)
                kids[i] = va_arg(ap, struct node *);
        va_end(ap);
        return node_list(p, op, at, kids, kids_n);
}

void node_push(struct parser *p, struct node_builder *b, struct node *n) {
        if (b->n == b->cap) {
                size_t cap = b->cap ? b->cap * 2 : 8;
                struct node **items = ARENA_ARRAY(p->a, struct node *, cap);
                if (b->n)
                        memcpy(items, b->items, b->n * sizeof(struct node *));
                b->items = items;
                b->cap = cap;
        }
        b->items[b->n++] = n;
}

bool parse_enter(struct parser *p) {
        if (++p->nesting <= NESTING_MAX)
                return true;
        return parse_fail(p, p->tokens.items[p->i].at, "the expression is nested more than %d levels deep; split it", NESTING_MAX);
}

struct node *node_ident(struct parser *p, struct str name, uint32_t at) {
        for (const struct local *l = p->locals; l; l = l->up)
                if (str_eq(l->name, name)) {
                        struct node *v = node_new(p, N_VAR, at, 0);
                        v->name = name;
                        return v;
                }
        struct node *x = node_new(p, N_IDENT, at, 0);
        x->name = name;
        return x;
}

/* --- tokens --- */

static const struct token *now(const struct parser *p) { return &p->tokens.items[p->i]; }

static bool is(const struct parser *p, enum token_kind kind, const char *text) { return now(p)->kind == kind && str_eq_c(now(p)->text, text); }

static void unexpected(struct parser *p, const struct token *t) {
        static const char *const kinds[] = {[T_IDENT] = "Identifier", [T_NUMBER] = "Number", [T_STRING] = "String", [T_OP] = "Operator", [T_BRACKET] = "Bracket"};
        if (t->kind == T_ERROR)
                parse_fail(p, t->at, "%.*s", STR_FMT(t->text));
        else if (t->kind == T_EOF)
                parse_fail(p, t->at, "unexpected token EOF");
        else
                parse_fail(p, t->at, "unexpected token %s(\"%.*s\")", kinds[t->kind], STR_FMT(t->text));
}

static void next(struct parser *p) {
        if (now(p)->kind != T_EOF && now(p)->kind != T_ERROR)
                p->i++;
        if (now(p)->kind == T_ERROR)
                unexpected(p, now(p));
        else if (now(p)->kind == T_OP && str_eq_c(now(p)->text, "@") && !p->at_pointer)
                parse_fail(p, now(p)->at, "unrecognized character: U+0040 '@'");
}

static bool expect(struct parser *p, enum token_kind kind, const char *text) {
        if (now(p)->kind == kind && (!text || str_eq_c(now(p)->text, text))) {
                next(p);
                return true;
        }
        unexpected(p, now(p));
        return false;
}

/* --- the grammar --- */

static struct node *expression(struct parser *p, int precedence);
static struct node *sequence(struct parser *p);
static struct node *postfix(struct parser *p, struct node *n);

static const struct { const char *text; enum binary op; int precedence; bool right; } binaries[] = {
        {"or", B_OR, 10, false},        {"||", B_OR, 10, false},         {"and", B_AND, 15, false},       {"&&", B_AND, 15, false},
        {"==", B_EQ, 20, false},        {"!=", B_NE, 20, false},         {"<", B_LT, 20, false},          {">", B_GT, 20, false},
        {">=", B_GE, 20, false},        {"<=", B_LE, 20, false},         {"in", B_IN, 20, false},         {"matches", B_MATCHES, 20, false},
        {"contains", B_CONTAINS, 20, false}, {"startsWith", B_STARTS, 20, false}, {"endsWith", B_ENDS, 20, false}, {"..", B_RANGE, 25, false},
        {"+", B_ADD, 30, false},        {"-", B_SUB, 30, false},         {"*", B_MUL, 60, false},         {"/", B_DIV, 60, false},
        {"%", B_MOD, 60, false},        {"**", B_POW, 100, true},        {"^", B_POW, 100, true},         {"??", B_COALESCE, 500, false},
};
enum { BINARIES = sizeof binaries / sizeof *binaries };

static size_t find_binary(const struct token *t) {
        size_t i = 0;
        while (i < BINARIES && !(t->kind == T_OP && str_eq_c(t->text, binaries[i].text)))
                i++;
        return i;
}

static struct node *binary_node(struct parser *p, enum binary op, uint32_t at, struct node *l, struct node *r) {
        struct node *n = node_new(p, N_BINARY, at, 2, l, r);
        n->sub = (uint8_t)op;
        return n;
}

static const struct { const char *name; enum loop loop; const char *takes; } loops[] = {
        {"all", L_ALL, "ep"},           {"none", L_NONE, "ep"},       {"any", L_ANY, "ep"},          {"one", L_ONE, "ep"},
        {"filter", L_FILTER, "ep"},     {"map", L_MAP, "ep"},         {"count", L_COUNT, "eP"},      {"sum", L_SUM, "eP"},
        {"find", L_FIND, "ep"},         {"findIndex", L_FIND_INDEX, "ep"}, {"findLast", L_FIND_LAST, "ep"}, {"findLastIndex", L_FIND_LAST_INDEX, "ep"},
        {"groupBy", L_GROUP_BY, "ep"},  {"sortBy", L_SORT_BY, "epE"}, {"reduce", L_REDUCE, "epE"},
};

static struct node *predicate(struct parser *p) {
        bool braces = is(p, T_BRACKET, "{");
        if (braces)
                next(p);
        p->predicates++;
        struct node *n = braces ? sequence(p) : expression(p, 0);
        if (!braces && is(p, T_OP, ";"))
                parse_fail(p, now(p)->at, "wrap predicate with brackets { and }");
        p->predicates--;
        if (braces)
                expect(p, T_BRACKET, "}");
        return n;
}

static struct node *loop_call(struct parser *p, size_t which, const struct token *name, struct node *first) {
        struct node *args[3] = {first};
        size_t n = first ? 1 : 0;
        expect(p, T_BRACKET, "(");
        for (size_t i = 0; loops[which].takes[n] && !p->failed; i++, n++) {
                char take = loops[which].takes[n];
                if (is(p, T_BRACKET, ")")) {
                        if (take < 'a')
                                break;
                        parse_fail(p, now(p)->at, "expected at least %zu arguments", strlen(loops[which].takes) - (first ? 1u : 0u));
                }
                if (i > 0)
                        expect(p, T_OP, ",");
                if (take < 'a' && is(p, T_BRACKET, ")"))
                        break;
                args[n] = (take | 32) == 'p' ? predicate(p) : expression(p, 0);
        }
        if (is(p, T_OP, ","))
                next(p);
        expect(p, T_BRACKET, ")");
        struct node *x = node_list(p, N_LOOP, name->at, args, n);
        x->sub = (uint8_t)loops[which].loop;
        x->name = name->text;
        return x;
}

static void arguments(struct parser *p, struct node_builder *b) {
        expect(p, T_BRACKET, "(");
        for (bool first = true; !is(p, T_BRACKET, ")") && !p->failed; first = false) {
                if (!first)
                        expect(p, T_OP, ",");
                if (is(p, T_BRACKET, ")"))
                        break;
                node_push(p, b, expression(p, 0));
        }
        expect(p, T_BRACKET, ")");
}

static bool is_local(const struct parser *p, struct str name) {
        for (const struct local *l = p->locals; l; l = l->up)
                if (str_eq(l->name, name))
                        return true;
        return false;
}

static struct node *call(struct parser *p, const struct token *name, struct node *first) {
        for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
                if (str_eq_c(name->text, loops[i].name))
                        return loop_call(p, i, name, first);
        struct node_builder b = {0};
        const struct func *f = builtin_find(name->text);
        if (!f && !is_local(p, name->text))
                f = argo_find(name->text);
        if (!f)
                node_push(p, &b, node_ident(p, name->text, name->at));
        if (first)
                node_push(p, &b, first);
        arguments(p, &b);
        struct node *n = node_list(p, f ? N_BUILTIN : N_CALL, name->at, b.items, b.n);
        n->func = f;
        return n;
}

static struct node *number(struct parser *p, const struct token *t) {
        char digits[400];
        size_t n = 0;
        bool exact = true;
        for (size_t i = 0; i < t->text.n; i++)
                if (t->text.p[i] != '_') {
                        if (n + 1 >= sizeof digits) {
                                exact = false;
                                break;
                        }
                        digits[n++] = t->text.p[i];
                }
        struct str s = {digits, n};
        char mark = n > 1 && digits[0] == '0' ? (char)(digits[1] | 32) : '\0';
        int base = mark == 'x' ? 16 : mark == 'b' ? 2 : mark == 'o' ? 8 : 10;
        struct node *x = node_new(p, N_INT, t->at, 0);
        bool is_float = base != 16 && (str_find_char(s, '.', 0) != SIZE_MAX || str_find_char(s, 'e', 0) != SIZE_MAX || str_find_char(s, 'E', 0) != SIZE_MAX);
        if (is_float) {
                x->op = N_FLOAT;
                if (n && digits[0] == '.') { /* ".5" */
                        s = arena_printf(p->a, "0%.*s", STR_FMT(s));
                } else if (n && digits[n - 1] == '.') /* "5." */
                        s.n--;
                if (!exact || !str_to_double(s, &x->number) || !isfinite(x->number))
                        parse_fail(p, now(p)->at, "invalid float literal: strconv.ParseFloat: parsing \"%.*s\": %s", STR_FMT(t->text), exact && isfinite(x->number) ? "invalid syntax" : "value out of range");
                return x;
        }
        uint64_t v = 0;
        for (size_t i = base == 10 ? 0 : 2; i < n; i++) {
                uint64_t d = (uint64_t)(digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 32) - 'a' + 10);
                if (v > (INT64_MAX - d) / (uint64_t)base || d >= (uint64_t)base) {
                        exact = false;
                        break;
                }
                v = v * (uint64_t)base + d;
        }
        if (!exact || (base != 10 && n < 3))
                parse_fail(p, now(p)->at, "invalid %s literal: strconv.ParseInt: parsing \"%.*s\": %s", base == 16 ? "hex" : base == 8 ? "octal" : base == 2 ? "binary" : "integer",
                           STR_FMT(t->text), exact ? "invalid syntax" : "value out of range");
        x->integer = (int64_t)v;
        return x;
}

static struct node *list_literal(struct parser *p, uint32_t at) {
        struct node_builder b = {0};
        expect(p, T_BRACKET, "[");
        while (!is(p, T_BRACKET, "]") && !p->failed) {
                if (b.n > 0)
                        expect(p, T_OP, ",");
                if (b.n > 0 && is(p, T_BRACKET, "]"))
                        break;
                node_push(p, &b, expression(p, 0));
        }
        expect(p, T_BRACKET, "]");
        return node_list(p, N_LIST, at, b.items, b.n);
}

static struct node *map_key(struct parser *p) {
        const struct token *t = now(p);
        if (t->kind == T_NUMBER || t->kind == T_STRING || t->kind == T_IDENT) {
                struct node *key = node_new(p, N_STRING, t->at, 0);
                key->text = t->text;
                next(p);
                return key;
        }
        if (is(p, T_BRACKET, "("))
                return expression(p, 0);
        if (t->kind == T_EOF)
                parse_fail(p, t->at, "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token EOF)");
        else
                parse_fail(p, t->at, "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses "
                                     "(unexpected token %s(\"%.*s\"))", t->kind == T_OP ? "Operator" : "Bracket", STR_FMT(t->text));
        return NULL;
}

static struct node *map_literal(struct parser *p, uint32_t at) {
        struct node_builder b = {0};
        expect(p, T_BRACKET, "{");
        while (!is(p, T_BRACKET, "}") && !p->failed) {
                if (b.n > 0)
                        expect(p, T_OP, ",");
                if (b.n > 0 && is(p, T_BRACKET, "}"))
                        break;
                node_push(p, &b, map_key(p));
                expect(p, T_OP, ":");
                node_push(p, &b, expression(p, 0));
        }
        expect(p, T_BRACKET, "}");
        return node_list(p, N_MAP, at, b.items, b.n);
}

static struct node *word(struct parser *p, const struct token *t) {
        static const struct { const char *text; enum op op; bool yes; } literals[] = {{"true", N_BOOL, true}, {"false", N_BOOL, false}, {"nil", N_NIL, false}};
        next(p);
        for (size_t i = 0; i < 3; i++)
                if (str_eq_c(t->text, literals[i].text)) {
                        struct node *n = node_new(p, literals[i].op, t->at, 0);
                        n->boolean = literals[i].yes;
                        return n;
                }
        if (str_eq_c(t->text, "null") && p->at_pointer)
                return node_new(p, N_NIL, t->at, 0);
        if (is(p, T_BRACKET, "("))
                return postfix(p, call(p, t, NULL));
        if (str_eq_c(t->text, "$env"))
                return postfix(p, node_new(p, N_ENV, t->at, 0));
        const struct func *f = is_local(p, t->text) ? NULL : argo_find(t->text);
        if (f) {
                struct node *n = node_new(p, N_FUNCTION, t->at, 0);
                n->func = f;
                return postfix(p, n);
        }
        return postfix(p, node_ident(p, t->text, t->at));
}

static struct node *secondary(struct parser *p) {
        const struct token *t = now(p);
        struct node *n = NULL;
        switch (t->kind) {
        case T_IDENT:
                return word(p, t);
        case T_NUMBER:
                next(p);
                return number(p, t); /* no member of a number */
        case T_STRING:
                next(p);
                n = node_new(p, N_STRING, t->at, 0);
                n->text = t->text;
                return postfix(p, n);
        case T_BRACKET:
                if (str_eq_c(t->text, "["))
                        return postfix(p, list_literal(p, t->at));
                if (str_eq_c(t->text, "{"))
                        return postfix(p, map_literal(p, t->at));
                break;
        case T_OP: case T_EOF: case T_ERROR:
                break;
        }
        unexpected(p, t);
        return NULL;
}

static struct node *pointer(struct parser *p, const struct token *t) {
        struct node *n = node_new(p, N_POINTER, t->at, 0);
        if (!str_eq_c(t->text, ".")) {
                next(p);
                if (str_eq_c(t->text, "#") && now(p)->kind == T_IDENT) {
                        n->name = now(p)->text;
                        next(p);
                }
        }
        return postfix(p, n);
}

static struct node *primary(struct parser *p) {
        const struct token *t = now(p);
        if (t->kind == T_OP) {
                bool negation = str_eq_c(t->text, "not") || str_eq_c(t->text, "!");
                if (negation || str_eq_c(t->text, "-") || str_eq_c(t->text, "+")) {
                        next(p);
                        struct node *of = expression(p, negation ? 50 : 90);
                        enum op op = negation ? N_NOT : str_eq_c(t->text, "-") ? N_MINUS : N_PLUS;
                        struct node *n = node_new(p, op, t->at, 1, of);
                        n->name = t->text;
                        return postfix(p, n);
                }
                if (p->predicates > 0 && (str_eq_c(t->text, "#") || str_eq_c(t->text, ".") || str_eq_c(t->text, "@")))
                        return pointer(p, t);
                if (str_eq_c(t->text, "::")) {
                        next(p);
                        t = now(p);
                        expect(p, T_IDENT, NULL);
                        return postfix(p, call(p, t, NULL));
                }
        }
        if (is(p, T_BRACKET, "(")) {
                next(p);
                struct node *n = sequence(p);
                expect(p, T_BRACKET, ")");
                return postfix(p, n);
        }
        return secondary(p);
}

static struct node *member(struct parser *p, struct node *of, bool optional) {
        next(p);
        const struct token *t = now(p);
        uint32_t c = 0;
        bool name = t->kind == T_IDENT || (t->kind == T_OP && t->text.n && utf8_next(t->text, 0, &c) && rune_is_letter(c));
        if (t->kind == T_EOF)
                return parse_fail(p, t->at, "unexpected end of expression"), of;
        next(p);
        if (!name)
                return parse_fail(p, now(p)->at, "expected name"), of;
        bool chain = of && of->op == N_CHAIN;
        struct node *base = chain ? of->kids[0] : of;
        struct node *n;
        const struct func *f = base && base->op == N_IDENT && str_eq_c(base->name, "sprig") ? sprig_find(t->text) : NULL;
        if (f) {
                n = node_new(p, N_FUNCTION, t->at, 0);
                n->func = f;
        } else {
                struct node *key = node_new(p, N_STRING, t->at, 0);
                key->text = t->text;
                n = node_new(p, N_MEMBER, t->at, 2, base, key);
                n->optional = optional;
                n->dotted = true;
        }
        if (is(p, T_BRACKET, "(")) {
                struct node_builder b = {0};
                node_push(p, &b, n);
                arguments(p, &b);
                n = node_list(p, N_CALL, t->at, b.items, b.n);
        }
        return chain || optional ? node_new(p, N_CHAIN, t->at, 1, n) : n;
}

static struct node *bracketed(struct parser *p, struct node *of, bool optional) {
        uint32_t at = now(p)->at;
        next(p);
        struct node *from = is(p, T_OP, ":") ? NULL : expression(p, 0), *n;
        if (is(p, T_OP, ":")) {
                next(p);
                struct node *to = is(p, T_BRACKET, "]") ? NULL : expression(p, 0);
                n = node_new(p, N_SLICE, at, 3, of, from, to);
        } else {
                n = node_new(p, N_MEMBER, at, 2, of, from);
                n->optional = optional;
                if (optional)
                        n = node_new(p, N_CHAIN, at, 1, n);
        }
        expect(p, T_BRACKET, "]");
        return n;
}

static struct node *postfix(struct parser *p, struct node *n) {
        while (!p->failed) {
                if (is(p, T_OP, ".") || is(p, T_OP, "?.")) {
                        bool optional = now(p)->text.n == 2;
                        const struct token *after = now(p) + 1;
                        if (optional && after->kind == T_BRACKET && str_eq_c(after->text, "[")) {
                                next(p);
                                n = bracketed(p, n, true);
                        } else
                                n = member(p, n, optional);
                } else if (is(p, T_BRACKET, "["))
                        n = bracketed(p, n, false);
                else
                        break;
        }
        return n;
}

/* a < b < c is a < b && b < c. */
static struct node *comparison(struct parser *p, struct node *left, const struct token *t, size_t which) {
        struct node *all = NULL;
        for (;;) {
                struct node *right = expression(p, binaries[which].precedence + 1);
                struct node *one = binary_node(p, binaries[which].op, t->at, left, right);
                all = all ? binary_node(p, B_AND, now(p)->at, all, one) : one;
                left = right;
                t = now(p);
                which = find_binary(t);
                if (p->failed || which >= BINARIES || !(binaries[which].op >= B_LT && binaries[which].op <= B_LE))
                        return all;
                next(p);
        }
}

static struct node *let(struct parser *p) {
        next(p);
        const struct token *t = now(p);
        expect(p, T_IDENT, NULL);
        if (builtin_find(t->text) || argo_find(t->text))
                parse_fail(p, t->at, "cannot redeclare builtin %.*s", STR_FMT(t->text));
        for (const struct local *l = p->locals; l; l = l->up)
                if (str_eq(l->name, t->text))
                        parse_fail(p, t->at, "cannot redeclare variable %.*s", STR_FMT(t->text));
        expect(p, T_OP, "=");
        struct node *value = expression(p, 0);
        expect(p, T_OP, ";");
        struct local here = {t->text, p->locals};
        p->locals = &here;
        struct node *body = sequence(p);
        p->locals = here.up;
        struct node *n = node_new(p, N_LET, t->at, 2, value, body);
        n->name = t->text;
        return n;
}

static struct node *if_else(struct parser *p) {
        uint32_t at = now(p)->at;
        next(p);
        struct node *condition = expression(p, 0);
        expect(p, T_BRACKET, "{");
        struct node *yes = sequence(p);
        expect(p, T_BRACKET, "}");
        expect(p, T_OP, "else");
        struct node *no;
        if (is(p, T_OP, "if")) {
                no = parse_enter(p) ? if_else(p) : NULL;
                p->nesting--;
        } else {
                expect(p, T_BRACKET, "{");
                no = sequence(p);
                expect(p, T_BRACKET, "}");
        }
        return node_new(p, N_CONDITION, at, 3, condition, yes, no);
}

static struct node *ternary(struct parser *p, struct node *n) {
        while (is(p, T_OP, "?") && !p->failed) {
                next(p);
                struct node *yes = n;
                if (!is(p, T_OP, ":"))
                        yes = expression(p, 0);
                expect(p, T_OP, ":");
                struct node *no = expression(p, 0);
                n = node_new(p, N_CONDITION, now(p)->at, 3, n, yes, no);
        }
        return n;
}

/* One operator and its right side; false: it does not belong to this level. */
static bool operation(struct parser *p, int precedence, struct node **n, bool *coalesced) {
        const struct token *t = now(p);
        if (is(p, T_OP, "|") && precedence == 0) {
                next(p);
                const struct token *name = now(p);
                expect(p, T_IDENT, NULL);
                *n = postfix(p, call(p, name, *n));
                *coalesced = false;
                return true;
        }
        bool negated = is(p, T_OP, "not");
        size_t which = find_binary(negated ? t + 1 : t);
        if (negated && !(which < BINARIES && (binaries[which].op >= B_IN && binaries[which].op <= B_ENDS)))
                return next(p), unexpected(p, now(p)), false;
        if (which >= BINARIES || binaries[which].precedence < precedence)
                return false;
        if (negated)
                next(p);
        t = now(p);
        if (*coalesced && binaries[which].op != B_COALESCE)
                return parse_fail(p, t->at, "Operator (%.*s) and coalesce expressions (?" "?) cannot be mixed. Wrap either by parentheses.", STR_FMT(t->text));
        next(p);
        *coalesced = binaries[which].op == B_COALESCE;
        if (binaries[which].op >= B_LT && binaries[which].op <= B_LE) {
                *n = comparison(p, *n, t, which);
                return true;
        }
        struct node *right = expression(p, binaries[which].precedence + (binaries[which].right ? 0 : 1));
        *n = binary_node(p, binaries[which].op, t->at, *n, right);
        (*n)->name = t->text;
        if (negated) {
                *n = node_new(p, N_NOT, t->at, 1, *n);
                (*n)->name = STR("not");
        }
        return true;
}

static struct node *expression(struct parser *p, int precedence) {
        struct node *n = NULL;
        if (!p->failed && parse_enter(p)) {
                if (precedence == 0 && is(p, T_OP, "let"))
                        n = let(p);
                else if (precedence == 0 && is(p, T_OP, "if"))
                        n = if_else(p);
                else {
                        n = primary(p);
                        bool coalesced = false;
                        while (!p->failed && now(p)->kind == T_OP && operation(p, precedence, &n, &coalesced))
                                ;
                        if (precedence == 0)
                                n = ternary(p, n);
                }
        }
        p->nesting--;
        return n;
}

static struct node *sequence(struct parser *p) {
        struct node_builder b = {0};
        uint32_t at = now(p)->at;
        node_push(p, &b, expression(p, 0));
        while (is(p, T_OP, ";") && !p->failed) {
                next(p);
                if (now(p)->kind == T_EOF)
                        break;
                node_push(p, &b, expression(p, 0));
        }
        return b.n == 1 ? b.items[0] : node_list(p, N_SEQUENCE, at, b.items, b.n);
}

bool argo_parse(struct parser *p, struct node **ret) {
        p->tokens.arena = p->a;
        expr_lex(p->source, p->a, &p->tokens);
        if (now(p)->kind == T_ERROR)
                unexpected(p, now(p));
        else if (now(p)->kind == T_OP && str_eq_c(now(p)->text, "@") && !p->at_pointer)
                parse_fail(p, now(p)->at, "unrecognized character: U+0040 '@'");
        struct node *n = p->failed ? NULL : sequence(p);
        if (!p->failed && now(p)->kind != T_EOF)
                unexpected(p, now(p));
        *ret = n;
        return !p->failed && n;
}
