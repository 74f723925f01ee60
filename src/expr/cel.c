/* The part of CEL that KFP's conditions and selectors use: operators, indexing, literals, the macros over lists and maps, conversions,
 * methods of strings, parseJson.
 *
 *   conditional  or ["?" or ":" conditional]
 *   or, and, relation, sum, product: left to right, `||` `&&` `== != < <= > >= in` `+ -` `* / %`
 *   unary        "!" or "-", repeated, before a member
 *   member       primary {"." name ["(" arguments ")"] | "[" conditional "]"}
 *
 * Names resolve while parsing: functions and methods become N_BUILTIN nodes (a method's receiver is its first argument), so that an
 * unknown one is an error even where it is never reached. A macro binds its variable by `let`: list.all(x, p) is a loop over
 * "let x = the current item; p", which gives nested macros each their own variable.
 *
 * Numbers: as in CEL an integer and a double differ (7 / 2 is 3, 7.0 / 2.0 is 3.5), but where CEL refuses to mix them they mix, because
 * KFP's values are doubles even where the pipeline says integer. For the same reason parseJson gives doubles; a whole number that a double
 * cannot hold stays an integer, so that identifiers with many digits survive. */
#include "expr/internal.h"
#include "text/json.h"
#include <math.h>

/* --- tokens --- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static char at_or_nul(struct str s, size_t i) { return i < s.n ? s.p[i] : '\0'; }

static bool lex_fail(struct tokens *out, size_t at, const char *message) {
        token_push(out, T_ERROR, (uint32_t)at, str_from(message));
        return false;
}

/* `i` is at the opening quote; one or three of them. */
static bool lex_string(struct str s, size_t *i, size_t start, bool raw, struct tokens *out) {
        char quote = s.p[*i];
        bool triple = at_or_nul(s, *i + 1) == quote && at_or_nul(s, *i + 2) == quote;
        size_t quotes = triple ? 3 : 1, from = *i + quotes, k = from;
        for (;; k++) {
                if (k + quotes > s.n || (!triple && s.p[k] == '\n'))
                        return lex_fail(out, start, "the text is not closed by a quote");
                if (s.p[k] == quote && (!triple || (s.p[k + 1] == quote && s.p[k + 2] == quote)))
                        break;
                if (s.p[k] == '\\' && !raw)
                        k++;
        }
        struct str text = str_sub(s, from, k);
        const char *wrong = raw ? NULL : string_unescape(text, true, out->arena, &text);
        if (wrong)
                return lex_fail(out, start, wrong);
        token_push(out, T_STRING, (uint32_t)start, text);
        *i = k + quotes;
        return true;
}

static bool lex_number(struct str s, size_t *i, struct tokens *out) {
        size_t start = *i, k = start;
        if (s.p[k] == '0' && (at_or_nul(s, k + 1) | 32) == 'x') {
                for (k += 2; k < s.n && (is_digit(s.p[k]) || ((s.p[k] | 32) >= 'a' && (s.p[k] | 32) <= 'f')); k++)
                        ;
        } else {
                for (; k < s.n && is_digit(s.p[k]); k++)
                        ;
                if (at_or_nul(s, k) == '.' && is_digit(at_or_nul(s, k + 1)))
                        for (k++; k < s.n && is_digit(s.p[k]); k++)
                                ;
                size_t sign = at_or_nul(s, k + 1) == '+' || at_or_nul(s, k + 1) == '-';
                if ((at_or_nul(s, k) | 32) == 'e' && is_digit(at_or_nul(s, k + 1 + sign)))
                        for (k += 1 + sign; k < s.n && is_digit(s.p[k]); k++)
                                ;
        }
        size_t end = k;
        if ((at_or_nul(s, k) | 32) == 'u')
                k++;
        if (is_letter(at_or_nul(s, k)) || is_digit(at_or_nul(s, k)))
                return lex_fail(out, start, "this is no number");
        token_push(out, T_NUMBER, (uint32_t)start, str_sub(s, start, end));
        *i = k;
        return true;
}

static bool lex_symbol(struct str s, size_t *i, struct tokens *out) {
        static const char *const pairs[] = {"==", "!=", "<=", ">=", "&&", "||"};
        char c = s.p[*i];
        if (!c || !strchr("!<>=&|+-*/%?:.,()[]{}", c))
                return lex_fail(out, *i, "a character that expressions do not have");
        size_t n = strchr("=&|", c) ? 0 : 1;
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
                if (str_eq_c(str_sub(s, *i, *i + 2), pairs[k]))
                        n = 2;
        if (n == 0)
                return lex_fail(out, *i, c == '=' ? "a single '='; comparing is '=='" : c == '&' ? "a single '&'; the logical and is '&&'"
                                                                                    : "a single '|'; the logical or is '||'");
        token_push(out, T_OP, (uint32_t)*i, str_sub(s, *i, *i + n));
        *i += n;
        return true;
}

static void lex(struct str s, struct tokens *out) {
        for (size_t i = 0; i < s.n;) {
                char c = s.p[i];
                bool ok = true;
                if (c == ' ' || (c >= 9 && c <= 13)) {
                        i++;
                } else if (c == '/' && at_or_nul(s, i + 1) == '/') {
                        size_t end = str_find_char(s, '\n', i);
                        i = end == SIZE_MAX ? s.n : end;
                } else if (c == '\'' || c == '"') {
                        ok = lex_string(s, &i, i, false, out);
                } else if ((c | 32) == 'r' && (at_or_nul(s, i + 1) == '\'' || at_or_nul(s, i + 1) == '"')) {
                        size_t start = i++;
                        ok = lex_string(s, &i, start, true, out);
                } else if (is_digit(c) || (c == '.' && is_digit(at_or_nul(s, i + 1)))) {
                        ok = lex_number(s, &i, out);
                } else if (is_letter(c)) {
                        size_t start = i;
                        while (is_letter(at_or_nul(s, i)) || is_digit(at_or_nul(s, i)))
                                i++;
                        token_push(out, T_IDENT, (uint32_t)start, str_sub(s, start, i));
                } else
                        ok = lex_symbol(s, &i, out);
                if (!ok)
                        return;
        }
        token_push(out, T_EOF, (uint32_t)s.n, STR_NONE);
}

/* --- functions --- */

static bool no_overload(struct vm *vm, const char *name, const struct xvalue *v) {
        return vm_fail(vm, "no such overload: %s(%s)", name, v->kind == X_NIL ? "null" : x_go_type(v));
}

static bool cel_int(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        (void)n;
        const struct xvalue *v = &args[0];
        int64_t i;
        double d;
        if (v->kind == X_INT) {
                *ret = *v;
                return true;
        }
        if (v->kind == X_STRING) {
                if (str_to_i64(v->text, &i)) {
                        *ret = x_int(i);
                        return true;
                }
                if (!str_to_double(v->text, &d) || d != trunc(d)) /* the text of a whole double is one, too */
                        return vm_fail(vm, "int('%.*s'): the text is no integer", STR_FMT(v->text));
        } else if (v->kind == X_FLOAT)
                d = v->number;
        else
                return no_overload(vm, "int", v);
        if (!(d > -9223372036854775808.0 && d < 9223372036854775808.0))
                return vm_fail(vm, "int(): the number is beyond 64 bits");
        *ret = x_int((int64_t)d);
        return true;
}

static bool cel_double(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        (void)n;
        double d;
        if (x_is_number(&args[0]))
                d = x_double(&args[0]);
        else if (args[0].kind != X_STRING)
                return no_overload(vm, "double", &args[0]);
        else if (!str_to_double(args[0].text, &d))
                return vm_fail(vm, "double('%.*s'): the text is no number", STR_FMT(args[0].text));
        *ret = x_float(d);
        return true;
}

static bool cel_string(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        (void)n;
        const struct xvalue *v = &args[0];
        if (v->kind == X_STRING)
                *ret = *v;
        else if (v->kind == X_BOOL)
                *ret = x_text(v->boolean ? STR("true") : STR("false"));
        else if (v->kind == X_INT || (v->kind == X_FLOAT && v->number == trunc(v->number) && fabs(v->number) < 1e15))
                *ret = x_text(arena_printf(vm->a, "%lld", (long long)(v->kind == X_INT ? v->integer : (int64_t)v->number)));
        else if (v->kind == X_FLOAT)
                *ret = x_text(float_text(v->number, vm->a));
        else
                return no_overload(vm, "string", v);
        return true;
}

static bool cel_bool(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        static const char *const words[2][6] = {{"0", "f", "F", "FALSE", "false", "False"}, {"1", "t", "T", "TRUE", "true", "True"}};
        (void)n;
        *ret = args[0];
        if (args[0].kind == X_BOOL)
                return true;
        if (args[0].kind != X_STRING)
                return no_overload(vm, "bool", &args[0]);
        for (int yes = 0; yes < 2; yes++)
                for (size_t i = 0; i < 6; i++)
                        if (str_eq_c(args[0].text, words[yes][i])) {
                                *ret = x_bool(yes);
                                return true;
                        }
        return vm_fail(vm, "bool('%.*s'): the text is neither true nor false", STR_FMT(args[0].text));
}

static bool cel_dyn(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        (void)vm, (void)n;
        *ret = args[0];
        return true;
}

static bool cel_size(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        (void)n;
        if (args[0].kind == X_STRING && !vm_step(vm, args[0].text.n / 64))
                return false;
        if (args[0].kind == X_STRING)
                *ret = x_int((int64_t)utf8_count(args[0].text));
        else if (args[0].kind == X_LIST || args[0].kind == X_MAP)
                *ret = x_int((int64_t)(args[0].kind == X_LIST ? args[0].list.n : args[0].map.n));
        else
                return no_overload(vm, "size", &args[0]);
        return true;
}

/* Integers that a double holds exactly become doubles, in place: the values are ours alone. */
static void to_doubles(struct xvalue *v) {
        if (v->kind == X_INT && v->integer >= -(1LL << 53) && v->integer <= 1LL << 53)
                *v = x_float((double)v->integer);
        for (size_t i = 0; v->kind == X_LIST && i < v->list.n; i++)
                to_doubles((struct xvalue *)&v->list.items[i]);
        for (size_t i = 0; v->kind == X_MAP && i < v->map.n; i++)
                to_doubles((struct xvalue *)&v->map.members[i].value);
}

static bool cel_parse_json(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        (void)n;
        struct xvalue v;
        if (!vm_json_read(vm, args[0].text, false, &v))
                return false;
        to_doubles(&v);
        *ret = v;
        return true;
}

static bool cel_has(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        (void)n;
        if (args[0].kind != X_MAP)
                return no_overload(vm, "has", &args[0]);
        *ret = x_bool(args[1].kind == X_STRING && x_get(&args[0], args[1].text));
        return true;
}

static bool cel_text(struct vm *vm, const struct xvalue *args, enum binary op, struct xvalue *ret) { return vm_binary(vm, op, &args[0], &args[1], ret); }
static bool cel_starts(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { (void)n; return cel_text(vm, args, B_STARTS, ret); }
static bool cel_ends(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { (void)n; return cel_text(vm, args, B_ENDS, ret); }
static bool cel_contains(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { (void)n; return cel_text(vm, args, B_CONTAINS, ret); }
static bool cel_matches(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { (void)n; return cel_text(vm, args, B_MATCHES, ret); }

static FUNCS(cel_functions,
      {.name = "bool", .run = cel_bool, .least = 1, .most = 1, .gives = S_BOOL},
      {.name = "double", .run = cel_double, .least = 1, .most = 1, .gives = S_FLOAT},
      {.name = "dyn", .run = cel_dyn, .least = 1, .most = 1},
      {.name = "int", .run = cel_int, .least = 1, .most = 1, .gives = S_INT},
      {.name = "matches", .run = cel_matches, .least = 2, .most = 2, .gives = S_BOOL, .takes = "s"},
      {.name = "parseJson", .run = cel_parse_json, .least = 1, .most = 1, .takes = "s"},
      {.name = "size", .run = cel_size, .least = 1, .most = 1, .gives = S_INT},
      {.name = "string", .run = cel_string, .least = 1, .most = 1, .gives = S_STRING},
      {.name = "uint", .run = cel_int, .least = 1, .most = 1, .gives = S_INT});

static FUNCS(cel_methods,
      {.name = "contains", .run = cel_contains, .least = 2, .most = 2, .gives = S_BOOL, .takes = "s"},
      {.name = "endsWith", .run = cel_ends, .least = 2, .most = 2, .gives = S_BOOL, .takes = "s"},
      {.name = "matches", .run = cel_matches, .least = 2, .most = 2, .gives = S_BOOL, .takes = "s"},
      {.name = "size", .run = cel_size, .least = 1, .most = 1, .gives = S_INT},
      {.name = "startsWith", .run = cel_starts, .least = 2, .most = 2, .gives = S_BOOL, .takes = "s"});

static const struct func cel_has_func = {.name = "has", .run = cel_has, .least = 2, .most = 2, .gives = S_BOOL};

const struct func *cel_find(struct str name) { return func_find(cel_functions, cel_functions_n, name); }
const struct func *cel_method(struct str name) { return func_find(cel_methods, cel_methods_n, name); }

/* --- the grammar --- */

static struct node *conditional(struct parser *p);

static const struct token *now(const struct parser *p) { return &p->tokens.items[p->i]; }
static bool is(const struct parser *p, const char *text) { return now(p)->kind == T_OP && str_eq_c(now(p)->text, text); }
static bool is_word(const struct parser *p, const char *text) { return now(p)->kind == T_IDENT && str_eq_c(now(p)->text, text); }

static void next(struct parser *p) {
        if (now(p)->kind != T_EOF && now(p)->kind != T_ERROR)
                p->i++;
}

static struct node *unexpected(struct parser *p, const char *wanted) {
        const struct token *t = now(p);
        if (t->kind == T_ERROR)
                parse_fail(p, t->at, "%.*s", STR_FMT(t->text));
        else if (t->kind == T_EOF)
                parse_fail(p, t->at, "the expression ends where %s is expected", wanted);
        else
                parse_fail(p, t->at, "%s is expected, not %s%.*s%s", wanted, t->kind == T_STRING ? "the text '" : "'", STR_FMT(t->text), "'");
        return NULL;
}

static bool expect(struct parser *p, const char *text) {
        if (is(p, text)) {
                next(p);
                return true;
        }
        char wanted[8] = {'\'', text[0], '\''};
        unexpected(p, wanted);
        return false;
}

static struct node *number(struct parser *p, bool negative) {
        const struct token *t = now(p);
        struct str s = t->text;
        struct node *x = node_new(p, N_INT, t->at, 0);
        next(p);
        bool hex = s.n > 1 && (s.p[1] | 32) == 'x', whole = hex;
        uint64_t v = 0, limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
        if (!hex && str_find_char(s, '.', 0) == SIZE_MAX && str_find_char(s, 'e', 0) == SIZE_MAX && str_find_char(s, 'E', 0) == SIZE_MAX)
                whole = true;
        if (!whole) {
                x->op = N_FLOAT;
                if (s.p[0] == '.')
                        s = arena_printf(p->a, "0%.*s", STR_FMT(s));
                if (!str_to_double(s, &x->number) || !isfinite(x->number))
                        parse_fail(p, t->at, "%.*s is no number that a double can hold", STR_FMT(t->text));
                x->number = negative ? -x->number : x->number;
                return x;
        }
        for (size_t i = hex ? 2 : 0; i < s.n; i++) {
                uint64_t d = (uint64_t)(is_digit(s.p[i]) ? s.p[i] - '0' : (s.p[i] | 32) - 'a' + 10), base = hex ? 16 : 10;
                if (v > (limit - d) / base) {
                        parse_fail(p, t->at, "%.*s is beyond 64 bits", STR_FMT(t->text));
                        break;
                }
                v = v * base + d;
        }
        if (hex && s.n == 2)
                parse_fail(p, t->at, "0x without digits");
        x->integer = (int64_t)(negative ? 0 - v : v);
        return x;
}

static void arguments(struct parser *p, struct node_builder *b, const char *close) {
        next(p);
        while (!is(p, close) && !p->failed) {
                node_push(p, b, conditional(p));
                if (!is(p, ","))
                        break;
                next(p);
        }
        expect(p, close);
}

static struct node *map_literal(struct parser *p) {
        uint32_t at = now(p)->at;
        struct node_builder b = {0};
        next(p);
        while (!is(p, "}") && !p->failed) {
                uint32_t key_at = now(p)->at;
                struct node *key = conditional(p);
                if (key && (key->op == N_INT || key->op == N_FLOAT || key->op == N_BOOL || key->op == N_NIL))
                        parse_fail(p, key_at, "the keys of a map are texts; put this one in quotes");
                node_push(p, &b, key);
                expect(p, ":");
                node_push(p, &b, conditional(p));
                if (!is(p, ","))
                        break;
                next(p);
        }
        expect(p, "}");
        return node_list(p, N_MAP, at, b.items, b.n);
}

static const struct { const char *name; enum loop loop; } macros[] = {
        {"all", L_ALL}, {"exists", L_ANY}, {"exists_one", L_EXISTS_ONE}, {"filter", L_FILTER}, {"map", L_MAP},
};

/* let name = the loop's item; an expression */
static struct node *loop_body(struct parser *p, struct str name) {
        uint32_t at = now(p)->at;
        struct local here = {name, p->locals};
        p->locals = &here;
        struct node *body = conditional(p);
        p->locals = here.up;
        struct node *n = node_new(p, N_LET, at, 2, node_new(p, N_POINTER, at, 0), body);
        n->name = name;
        return n;
}

static struct node *loop_node(struct parser *p, const struct token *name, enum loop loop, struct node *over, struct node *body) {
        struct node *n = node_new(p, N_LOOP, name->at, 2, over, body);
        n->sub = (uint8_t)loop;
        n->name = name->text;
        return n;
}

static struct node *macro(struct parser *p, const struct token *name, enum loop loop, struct node *over) {
        next(p);
        const struct token *variable = now(p);
        if (variable->kind != T_IDENT)
                return unexpected(p, "the name of a variable");
        next(p);
        expect(p, ",");
        struct node *body = p->failed ? NULL : loop_body(p, variable->text);
        if (loop == L_MAP && is(p, ",")) { /* list.map(x, condition, value) */
                next(p);
                over = loop_node(p, name, L_FILTER, over, body);
                body = loop_body(p, variable->text);
        }
        expect(p, ")");
        return loop_node(p, name, loop, over, body);
}

static struct node *builtin(struct parser *p, const struct token *name, const struct func *f, struct node_builder *b) {
        if ((int)b->n < f->least || (f->most >= 0 && (int)b->n > f->most))
                parse_fail(p, name->at, "%.*s() takes another number of arguments", STR_FMT(name->text));
        struct node *n = node_list(p, N_BUILTIN, name->at, b->items, b->n);
        n->func = f;
        return n;
}

static struct node *nearest(struct parser *p, const struct token *name, const char *what, const struct func *table, size_t n) {
        const char *best = NULL;
        size_t distance = 3;
        for (size_t i = 0; i < n; i++) {
                size_t d = str_distance(name->text, str_from(table[i].name), 2);
                if (d < distance) {
                        distance = d;
                        best = table[i].name;
                }
        }
        if (best)
                parse_fail(p, name->at, "there is no %s '%.*s'; '%s' may be meant", what, STR_FMT(name->text), best);
        else
                parse_fail(p, name->at, "there is no %s '%.*s'", what, STR_FMT(name->text));
        return NULL;
}

static struct node *method(struct parser *p, const struct token *name, struct node *of) {
        for (size_t i = 0; i < sizeof macros / sizeof *macros; i++)
                if (str_eq_c(name->text, macros[i].name))
                        return macro(p, name, macros[i].loop, of);
        const struct func *f = cel_method(name->text);
        if (!f)
                return nearest(p, name, "method", cel_methods, cel_methods_n);
        struct node_builder b = {0};
        node_push(p, &b, of);
        arguments(p, &b, ")");
        return builtin(p, name, f, &b);
}

static struct node *member(struct parser *p, struct node *of) {
        next(p);
        const struct token *name = now(p);
        if (name->kind != T_IDENT)
                return unexpected(p, "the name of a member");
        next(p);
        if (is(p, "("))
                return method(p, name, of);
        struct node *key = node_new(p, N_STRING, name->at, 0);
        key->text = name->text;
        struct node *n = node_new(p, N_MEMBER, name->at, 2, of, key);
        n->dotted = true;
        return n;
}

/* has(a.b): is the member there? */
static struct node *has(struct parser *p, const struct token *name) {
        next(p);
        uint32_t at = now(p)->at;
        struct node *of = conditional(p);
        expect(p, ")");
        if (p->failed)
                return NULL;
        if (of->op != N_MEMBER) {
                parse_fail(p, at, "has() takes a member, as in has(a.b) or has(a['b'])");
                return NULL;
        }
        struct node_builder b = {of->kids, of->n, of->n};
        return builtin(p, name, &cel_has_func, &b);
}

static struct node *word(struct parser *p) {
        static const struct { const char *text; enum op op; bool yes; } literals[] = {{"true", N_BOOL, true}, {"false", N_BOOL, false}, {"null", N_NIL, false}};
        const struct token *t = now(p);
        next(p);
        for (size_t i = 0; i < 3; i++)
                if (str_eq_c(t->text, literals[i].text)) {
                        struct node *n = node_new(p, literals[i].op, t->at, 0);
                        n->boolean = literals[i].yes;
                        return n;
                }
        if (!is(p, "("))
                return node_ident(p, t->text, t->at);
        if (str_eq_c(t->text, "has"))
                return has(p, t);
        const struct func *f = cel_find(t->text);
        if (!f)
                return nearest(p, t, "function", cel_functions, cel_functions_n);
        struct node_builder b = {0};
        arguments(p, &b, ")");
        return builtin(p, t, f, &b);
}

static struct node *primary(struct parser *p) {
        const struct token *t = now(p);
        struct node *n;
        if (t->kind == T_IDENT && !str_eq_c(t->text, "in"))
                return word(p);
        if (t->kind == T_NUMBER)
                return number(p, false);
        if (t->kind == T_STRING) {
                next(p);
                n = node_new(p, N_STRING, t->at, 0);
                n->text = t->text;
                return n;
        }
        if (is(p, "(")) {
                next(p);
                n = conditional(p);
                expect(p, ")");
                return n;
        }
        if (is(p, "[")) {
                struct node_builder b = {0};
                arguments(p, &b, "]");
                return node_list(p, N_LIST, t->at, b.items, b.n);
        }
        return is(p, "{") ? map_literal(p) : unexpected(p, "a value");
}

static struct node *members(struct parser *p) {
        struct node *n = primary(p);
        while (!p->failed && (is(p, ".") || is(p, "["))) {
                if (is(p, ".")) {
                        n = member(p, n);
                        continue;
                }
                uint32_t at = now(p)->at;
                next(p);
                struct node *key = conditional(p);
                n = node_new(p, N_MEMBER, at, 2, n, key);
                expect(p, "]");
        }
        return n;
}

static struct node *unary(struct parser *p) {
        struct node *n = NULL;
        const struct token *t = now(p);
        if (!is(p, "!") && !is(p, "-"))
                return members(p);
        bool minus = is(p, "-"), entered = parse_enter(p);
        next(p);
        if (entered && minus && now(p)->kind == T_NUMBER)
                n = number(p, true);
        else if (entered)
                n = node_new(p, minus ? N_MINUS : N_NOT, t->at, 1, unary(p));
        p->nesting--;
        return n;
}

enum { LEVELS = 5 };
static const struct { const char *text; enum binary op; int level; } binaries[] = {
        {"||", B_OR, 0}, {"&&", B_AND, 1}, {"==", B_EQ, 2}, {"!=", B_NE, 2}, {"<", B_LT, 2}, {"<=", B_LE, 2},  {">", B_GT, 2},
        {">=", B_GE, 2}, {"+", B_ADD, 3},  {"-", B_SUB, 3}, {"*", B_MUL, 4}, {"/", B_DIV, 4}, {"%", B_MOD, 4},
};

static bool operator_at(const struct parser *p, int level, enum binary *ret) {
        if (level == 2 && is_word(p, "in")) {
                *ret = B_IN;
                return true;
        }
        for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
                if (binaries[i].level == level && is(p, binaries[i].text)) {
                        *ret = binaries[i].op;
                        return true;
                }
        return false;
}

static struct node *binary(struct parser *p, int level) {
        if (level == LEVELS)
                return unary(p);
        struct node *n = binary(p, level + 1);
        enum binary op;
        while (!p->failed && operator_at(p, level, &op)) {
                uint32_t at = now(p)->at;
                next(p);
                struct node *right = binary(p, level + 1);
                n = node_new(p, N_BINARY, at, 2, n, right);
                n->sub = (uint8_t)op;
        }
        return n;
}

static struct node *conditional(struct parser *p) {
        struct node *n = NULL;
        if (p->failed)
                return NULL;
        if (parse_enter(p)) {
                n = binary(p, 0);
                if (!p->failed && is(p, "?")) {
                        uint32_t at = now(p)->at;
                        next(p);
                        struct node *yes = binary(p, 0);
                        expect(p, ":");
                        struct node *no = conditional(p);
                        n = node_new(p, N_CONDITION, at, 3, n, yes, no);
                }
        }
        p->nesting--;
        return n;
}

bool cel_parse(struct parser *p, struct node **ret) {
        p->tokens.arena = p->a;
        lex(p->source, &p->tokens);
        struct node *n = conditional(p);
        if (!p->failed && now(p)->kind != T_EOF)
                unexpected(p, "an operator or the end");
        *ret = n;
        return !p->failed && n;
}
