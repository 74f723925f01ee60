/* Argo's `when`, after substitution: the language of govaluate, in which a bare word stands for its own text. Its oddities are kept,
 * because workflows rest on them: any quote ends a text, a text that looks like a date is a number of seconds, `[a b]` is a word, an
 * operator takes all symbols that follow each other, and what may follow what is checked twice, before and after words become texts.
 *
 * It is evaluated while it is read: what is cut short is read without being evaluated. So nothing here grows deeper than the parentheses. */
#include "expr/internal.h"
#include <math.h>

enum kind { K_START, K_OPEN, K_CLOSE, K_NUMBER, K_BOOLEAN, K_TEXT, K_TIME, K_PATTERN, K_WORD, K_MODIFIER, K_COMPARATOR, K_LOGICAL, K_PREFIX, K_TERNARY,
            K_ACCESSOR, K_SEPARATOR };

enum { VALUES = 1 << K_NUMBER | 1 << K_BOOLEAN | 1 << K_WORD | 1 << K_OPEN, AFTER_VALUE = 1 << K_MODIFIER | 1 << K_COMPARATOR | 1 << K_LOGICAL | 1 << K_CLOSE | 1 << K_SEPARATOR };

/* What may come next, and whether the expression may end here. */
static const struct { const char *name; unsigned next; bool end; } states[] = {
        [K_START] = {"UNKNOWN", VALUES | 1 << K_PREFIX | 1 << K_ACCESSOR | 1 << K_PATTERN | 1 << K_TEXT | 1 << K_TIME, false},
        [K_OPEN] = {"CLAUSE", VALUES | 1 << K_PREFIX | 1 << K_ACCESSOR | 1 << K_PATTERN | 1 << K_TEXT | 1 << K_TIME | 1 << K_CLOSE, false},
        [K_CLOSE] = {"CLAUSE_CLOSE", VALUES | AFTER_VALUE | 1 << K_TERNARY | 1 << K_PATTERN | 1 << K_TEXT | 1 << K_TIME, true},
        [K_NUMBER] = {"NUMERIC", AFTER_VALUE | 1 << K_TERNARY, true},
        [K_BOOLEAN] = {"BOOLEAN", AFTER_VALUE | 1 << K_TERNARY, true},
        [K_TEXT] = {"STRING", AFTER_VALUE | 1 << K_TERNARY, true},
        [K_TIME] = {"TIME", AFTER_VALUE, true},
        [K_PATTERN] = {"PATTERN", AFTER_VALUE, true},
        [K_WORD] = {"VARIABLE", AFTER_VALUE | 1 << K_TERNARY, true},
        [K_MODIFIER] = {"MODIFIER", VALUES | 1 << K_PREFIX | 1 << K_ACCESSOR | 1 << K_TEXT | 1 << K_CLOSE, false},
        [K_COMPARATOR] = {"COMPARATOR", VALUES | 1 << K_PREFIX | 1 << K_ACCESSOR | 1 << K_TEXT | 1 << K_TIME | 1 << K_CLOSE | 1 << K_PATTERN, false},
        [K_LOGICAL] = {"LOGICALOP", VALUES | 1 << K_PREFIX | 1 << K_ACCESSOR | 1 << K_TEXT | 1 << K_TIME | 1 << K_CLOSE, false},
        [K_PREFIX] = {"PREFIX", VALUES | 1 << K_ACCESSOR | 1 << K_CLOSE, false},
        [K_TERNARY] = {"TERNARY", VALUES | 1 << K_PREFIX | 1 << K_TEXT | 1 << K_TIME | 1 << K_ACCESSOR | 1 << K_SEPARATOR, false},
        [K_ACCESSOR] = {"ACCESSOR", AFTER_VALUE | 1 << K_TERNARY | 1 << K_OPEN, true},
        [K_SEPARATOR] = {"SEPARATOR", VALUES | 1 << K_PREFIX | 1 << K_TEXT | 1 << K_TIME | 1 << K_ACCESSOR, false},
};

enum sign { G_COMMA, G_IF, G_ELSE, G_COALESCE, G_OR, G_AND, G_EQ, G_NE, G_GT, G_GE, G_LT, G_LE, G_LIKE, G_UNLIKE, G_IN, G_XOR, G_BITAND, G_BITOR, G_RIGHT, G_LEFT,
            G_ADD, G_SUB, G_MUL, G_DIV, G_MOD, G_POW, G_NEGATE, G_INVERT, G_BITNOT, SIGNS };

static const struct { const char *text; enum kind kind; uint8_t precedence; } signs[SIGNS] = {
        [G_COMMA] = {",", K_SEPARATOR, 1}, [G_IF] = {"?", K_TERNARY, 2},      [G_ELSE] = {":", K_TERNARY, 2},    [G_COALESCE] = {"??", K_TERNARY, 2},
        [G_OR] = {"||", K_LOGICAL, 3},     [G_AND] = {"&&", K_LOGICAL, 4},    [G_EQ] = {"==", K_COMPARATOR, 5},  [G_NE] = {"!=", K_COMPARATOR, 5},
        [G_GT] = {">", K_COMPARATOR, 5},   [G_GE] = {">=", K_COMPARATOR, 5},  [G_LT] = {"<", K_COMPARATOR, 5},   [G_LE] = {"<=", K_COMPARATOR, 5},
        [G_LIKE] = {"=~", K_COMPARATOR, 5}, [G_UNLIKE] = {"!~", K_COMPARATOR, 5}, [G_IN] = {"in", K_COMPARATOR, 5}, [G_XOR] = {"^", K_MODIFIER, 6},
        [G_BITAND] = {"&", K_MODIFIER, 6}, [G_BITOR] = {"|", K_MODIFIER, 6},  [G_RIGHT] = {">>", K_MODIFIER, 7}, [G_LEFT] = {"<<", K_MODIFIER, 7},
        [G_ADD] = {"+", K_MODIFIER, 8},    [G_SUB] = {"-", K_MODIFIER, 8},    [G_MUL] = {"*", K_MODIFIER, 9},    [G_DIV] = {"/", K_MODIFIER, 9},
        [G_MOD] = {"%", K_MODIFIER, 9},    [G_POW] = {"**", K_MODIFIER, 10},  [G_NEGATE] = {"-", K_PREFIX, 11},  [G_INVERT] = {"!", K_PREFIX, 11},
        [G_BITNOT] = {"~", K_PREFIX, 11},
};

struct lexeme { enum kind kind; enum sign sign; struct str text; struct xvalue value; };

struct when {
        struct str s;
        size_t i; /* of the text while it is cut into lexemes, then of the lexemes */
        char *pool;
        size_t pool_n;
        struct lexeme *items;
        size_t n;
        struct arena *a;
        struct error *e;
        struct vm vm; /* its budget, and where regular expressions fail */
        struct error vm_error;
};

/* A long text is not repeated whole: what is said of it must find its place too. */
static struct str quoted(struct when *w) {
        return w->s.n <= 1000 ? w->s : arena_printf(w->a, "%.*s\xE2\x80\xA6", (int)str_utf8_prefix(str_sub(w->s, 0, 500)), w->s.p);
}

static bool invalid(struct when *w, const char *what, const char *why) {
        const char *hint = strncmp(why, "Invalid token", 13) == 0 ? " (hint: try wrapping the affected expression in quotes (\"))" : "";
        return error_set(w->e, ERROR_INVALID, "%s '%.*s': %s%s", what, STR_FMT(quoted(w)), why, hint);
}

#define PARSING "Invalid 'when' expression"
#define REPARSING "Failed to parse 'when' expression"
#define EVALUATING "Failed to evaluate 'when' expresion" /* as Argo spells it */

/* --- cutting into lexemes --- */

static bool is_digit(uint32_t c) { return (c >= '0' && c <= '9') || (c >= 0x660 && c <= 0x669) || (c >= 0xFF10 && c <= 0xFF19); }
static bool in_number(uint32_t c) { return is_digit(c) || c == '.'; }
static bool in_hex(uint32_t c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
static bool in_word(uint32_t c) { return rune_is_letter(c) || is_digit(c) || c == '_' || c == '.'; }
static bool in_quotes(uint32_t c) { return c != '\'' && c != '"'; }
static bool in_brackets(uint32_t c) { return c != ']'; }
static bool in_symbol(uint32_t c) {
        return !is_digit(c) && !rune_is_letter(c) && c != '(' && c != ')' && c != '[' && c != ']' && in_quotes(c);
}

/* Characters for which `belongs` holds. A backslash makes the next one belong. White space ends what is not `quoted`. False: the text
 * ended first. */
static bool take(struct when *w, bool (*belongs)(uint32_t), bool quoted, struct str *ret) {
        size_t from = w->pool_n;
        bool ended = false;
        while (w->i < w->s.n && !ended) {
                uint32_t c;
                size_t n = utf8_next(w->s, w->i, &c);
                if (c == '\\') {
                        w->i += n;
                        n = w->i < w->s.n ? utf8_next(w->s, w->i, &c) : 0;
                } else if (!quoted && rune_is_space(c)) {
                        w->i += n;
                        ended = w->pool_n > from;
                        continue;
                } else if (!belongs(c)) {
                        ended = true;
                        break;
                }
                memcpy(w->pool + w->pool_n, w->s.p + w->i, n);
                w->pool_n += n;
                w->i += n;
        }
        *ret = (struct str){w->pool + from, w->pool_n - from};
        return ended;
}

static bool lex_number(struct when *w, struct lexeme *x) {
        double d = 0;
        x->kind = K_NUMBER;
        if (w->i + 1 < w->s.n && w->s.p[w->i] == '0' && w->s.p[w->i + 1] == 'x') {
                w->i += 2;
                take(w, in_hex, false, &x->text);
                uint64_t v = 0;
                bool good = x->text.n > 0 && x->text.n <= 16;
                for (size_t i = 0; i < x->text.n && good; i++) {
                        char c = x->text.p[i];
                        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
                        good = digit >= 0;
                        v = v << 4 | (uint64_t)(digit & 15);
                }
                x->value = x_float((double)v);
                return good || invalid(w, PARSING, arena_printf(w->a, "Unable to parse hex value '%.*s' to uint64\n", STR_FMT(x->text)).p);
        }
        take(w, in_number, false, &x->text);
        if (!str_to_double(x->text, &d) || !isfinite(d))
                return invalid(w, PARSING, arena_printf(w->a, "Unable to parse numeric value '%.*s' to float64\n", STR_FMT(x->text)).p);
        x->value = x_float(d);
        return true;
}

static bool lex_word(struct when *w, struct lexeme *x) {
        take(w, in_word, false, &x->text);
        struct str t = x->text;
        x->kind = K_WORD;
        if (str_eq_c(t, "true") || str_eq_c(t, "false")) {
                x->kind = K_BOOLEAN;
                x->value = x_bool(str_eq_c(t, "true"));
        } else if (str_eq_c(t, "in") || str_eq_c(t, "IN")) {
                x->kind = K_COMPARATOR;
                x->sign = G_IN;
                x->text = STR("in");
        }
        size_t dot = str_find_char(t, '.', 0);
        if (dot == SIZE_MAX || dot == 0)
                return true;
        x->kind = K_ACCESSOR;
        if (t.p[t.n - 1] == '.')
                return invalid(w, PARSING, arena_printf(w->a, "Hanging accessor on token '%.*s'", STR_FMT(t)).p);
        for (struct str rest = str_sub(t, dot + 1, t.n); rest.p;) {
                struct str part = str_cut(&rest, '.');
                if (part.n && part.p[0] >= 'a' && part.p[0] <= 'z')
                        return invalid(w, PARSING, arena_printf(w->a, "Unable to access unexported field '%.*s' in token '%.*s'", STR_FMT(part), STR_FMT(t)).p);
        }
        return true;
}

static bool parse_date(struct str s, int64_t *ret_us) {
        static const char *const layouts[] = {"Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 MST 2006", "Mon Jan 02 15:04:05 -0700 2006", "3:04PM", "2006-01-02T15:04:05Z07:00",
                                              "2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04:05-07:00", "2006-01-02T15Z0700", "2006-01-02T15:04Z0700",
                                              "2006-01-02T15:04:05Z0700"};
        int32_t zone;
        for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
                if (time_parse(str_from(layouts[i]), s, ret_us, &zone))
                        return true;
        return false;
}

static bool lex_text(struct when *w, struct lexeme *x) {
        int64_t us;
        w->i++;
        if (!take(w, in_quotes, true, &x->text))
                return invalid(w, PARSING, "Unclosed string literal");
        w->i++;
        x->kind = K_TEXT;
        x->value = x_text(x->text);
        if (parse_date(x->text, &us)) {
                struct xvalue t = x_time(us, 0);
                x->kind = K_TIME;
                x->text = x_print(&t, w->a);
                x->value = x_float(floor((double)us / 1e6));
        }
        return true;
}

static bool lex_symbol(struct when *w, enum kind before, struct lexeme *x) {
        take(w, in_symbol, false, &x->text);
        bool prefix = (states[before].next & 1 << K_PREFIX) != 0;
        for (int pass = prefix ? 0 : 1; pass < 2; pass++)
                for (int i = G_IF; i < SIGNS; i++)
                        if ((signs[i].kind == K_PREFIX) == (pass == 0) && str_eq_c(x->text, signs[i].text)) {
                                x->sign = (enum sign)i;
                                x->kind = signs[i].kind;
                                return true;
                        }
        return invalid(w, PARSING, arena_printf(w->a, "Invalid token: '%.*s'", STR_FMT(x->text)).p);
}

static bool lex_one(struct when *w, enum kind before, struct lexeme *x) {
        uint32_t c;
        utf8_next(w->s, w->i, &c);
        if (in_number(c))
                return lex_number(w, x);
        if (rune_is_letter(c))
                return lex_word(w, x);
        if (!in_quotes(c))
                return lex_text(w, x);
        if (c == ',' || c == '(' || c == ')') {
                x->kind = c == ',' ? K_SEPARATOR : c == '(' ? K_OPEN : K_CLOSE;
                x->text = c == ',' ? STR(",") : c == '(' ? STR("40") : STR("41"); /* Go prints the character's number */
                x->sign = G_COMMA;
                w->i++;
                return true;
        }
        if (c == '[') {
                w->i++;
                x->kind = K_WORD;
                if (!take(w, in_brackets, true, &x->text))
                        return invalid(w, PARSING, "Unclosed parameter bracket");
                w->i++;
                return true;
        }
        return lex_symbol(w, before, x);
}

static bool lex(struct when *w) {
        size_t cap = 16;
        w->items = ARENA_ARRAY(w->a, struct lexeme, cap);
        for (enum kind before = K_START;; before = w->items[w->n - 1].kind) {
                uint32_t c;
                while (w->i < w->s.n) {
                        size_t n = utf8_next(w->s, w->i, &c);
                        if (!rune_is_space(c))
                                break;
                        w->i += n;
                }
                if (w->i >= w->s.n)
                        return true;
                if (w->n == cap) {
                        struct lexeme *more = ARENA_ARRAY(w->a, struct lexeme, cap *= 2);
                        memcpy(more, w->items, w->n * sizeof *more);
                        w->items = more;
                }
                if (!lex_one(w, before, &w->items[w->n++]))
                        return false;
        }
}

/* --- what may follow what --- */

static struct str shown(struct when *w, const struct lexeme *x) {
        if (x->kind == K_NUMBER)
                return x_print(&x->value, w->a);
        if (x->kind != K_ACCESSOR)
                return x->text;
        char *s = (char *)arena_str(w->a, x->text).p;
        for (size_t i = 0; i < x->text.n; i++)
                s[i] = s[i] == '.' ? ' ' : s[i];
        return arena_printf(w->a, "[%s]", s);
}

static bool check_order(struct when *w, const char *phase) {
        enum kind state = K_START;
        struct str last = STR("<nil>");
        for (size_t i = 0; i < w->n; i++) {
                const struct lexeme *x = &w->items[i];
                if (!(states[state].next & 1u << x->kind)) {
                        if (state == K_WORD && x->kind == K_OPEN)
                                return invalid(w, phase, arena_printf(w->a, "Undefined function %.*s", STR_FMT(last)).p);
                        return invalid(w, phase, arena_printf(w->a, "Cannot transition token types from %s [%.*s] to %s [%.*s]", states[state].name, STR_FMT(last),
                                                              states[x->kind].name, STR_FMT(shown(w, x))).p);
                }
                state = x->kind;
                last = shown(w, x);
        }
        return states[state].end || invalid(w, phase, "Unexpected end of expression");
}

static const char *first_line(struct when *w) {
        struct str s = str_from(w->vm_error.text);
        return arena_cstr(w->a, str_sub(s, 0, str_find_char(s, '\n', 0)));
}

/* Patterns that are known are compiled before anything runs, so that a wrong one is an error wherever it stands. */
static bool check_patterns(struct when *w, const char *phase) {
        for (size_t i = 0; i + 1 < w->n; i++) {
                struct lexeme *x = &w->items[i + 1];
                if (w->items[i].kind != K_COMPARATOR || (w->items[i].sign != G_LIKE && w->items[i].sign != G_UNLIKE) || x->kind != K_TEXT)
                        continue;
                struct regex *r = regex_new(&w->vm, x->text);
                if (!r)
                        return invalid(w, phase, first_line(w));
                regex_free(r);
                x->kind = K_PATTERN;
        }
        return true;
}

static bool prepare(struct when *w) {
        int open = 0;
        for (size_t i = 0; i < w->n; i++)
                open += w->items[i].kind == K_OPEN ? 1 : w->items[i].kind == K_CLOSE ? -1 : 0;
        if (open != 0)
                return invalid(w, PARSING, "Unbalanced parenthesis");
        if (!check_order(w, PARSING) || !check_patterns(w, PARSING))
                return false;
        for (size_t i = 0; i + 1 < w->n; i++)
                if (w->items[i].kind == K_TERNARY && w->items[i + 1].kind == K_SEPARATOR)
                        return invalid(w, PARSING, "Unable to plan token kind: 'SEPARATOR', value: ','");
        for (size_t i = 0; i < w->n; i++)
                if (w->items[i].kind == K_WORD) {
                        w->items[i].kind = K_TEXT;
                        w->items[i].value = x_text(w->items[i].text);
                }
        return check_order(w, REPARSING) && check_patterns(w, REPARSING);
}

/* --- evaluation --- */

static bool refuse(struct when *w, const struct xvalue *v, enum sign sign) {
        static const char *const formats[] = {[K_LOGICAL] = "logical operator '%s', it is not a bool",  [K_MODIFIER] = "modifier '%s', it is not a number",
                                              [K_COMPARATOR] = "comparator '%s', it is not a number", [K_TERNARY] = "ternary operator '%s', it is not a bool",
                                              [K_PREFIX] = "prefix '%s'"};
        const char *format = formats[signs[sign].kind], *mark = strstr(format, "%s");
        struct str value = x_print(v, w->a);
        return invalid(w, EVALUATING, arena_printf(w->a, "Value '%.*s' cannot be used with the %.*s%s%s", STR_FMT(value), (int)(mark - format), format,
                                                   signs[sign].text, mark + 2).p);
}

static bool spend(struct when *w) {
        if (vm_step(&w->vm, 1))
                return true;
        return error_set(w->e, ERROR_LIMIT, EVALUATING " '%.*s': %s", STR_FMT(quoted(w)), first_line(w));
}

static double bits(enum sign sign, double l, double r) {
        int64_t a = x_truncate(l), b = x_truncate(r);
        uint64_t shift = (uint64_t)b;
        switch ((int)sign) {
        case G_BITAND: return (double)(a & b);
        case G_BITOR: return (double)(a | b);
        case G_XOR: return (double)(a ^ b);
        case G_LEFT: return shift > 63 ? 0 : (double)((uint64_t)a << shift);
        default: return shift > 63 ? 0 : (double)((uint64_t)a >> shift);
        }
}

static bool modify(struct when *w, enum sign sign, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret) {
        if (sign == G_ADD && (l->kind == X_STRING || r->kind == X_STRING)) {
                struct buf b = vm_buf(&w->vm);
                x_print_to(l, &b, w->a, 0);
                x_print_to(r, &b, w->a, 0);
                return vm_text(&w->vm, &b, ret) || spend(w);
        }
        if (l->kind != X_FLOAT || r->kind != X_FLOAT)
                return refuse(w, sign == G_ADD || l->kind != X_FLOAT ? l : r, sign);
        double a = l->number, b = r->number;
        switch ((int)sign) {
        case G_ADD: *ret = x_float(a + b); break;
        case G_SUB: *ret = x_float(a - b); break;
        case G_MUL: *ret = x_float(a * b); break;
        case G_DIV: *ret = x_float(a / b); break;
        case G_MOD: *ret = x_float(fmod(a, b)); break;
        case G_POW: *ret = x_float(x_pow(a, b)); break;
        default: *ret = x_float(bits(sign, a, b)); break;
        }
        return true;
}

static bool compare(struct when *w, enum sign sign, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret) {
        bool yes = false;
        static const enum binary orders[] = {[G_GT] = B_GT, [G_GE] = B_GE, [G_LT] = B_LT, [G_LE] = B_LE};
        switch ((int)sign) {
        case G_EQ: case G_NE: yes = x_equal(l, r) == (sign == G_EQ); break;
        case G_IN:
                if (r->kind != X_LIST)
                        return refuse(w, r, sign);
                for (size_t i = 0; i < r->list.n && !yes; i++)
                        yes = x_equal(l, &r->list.items[i]);
                break;
        case G_LIKE: case G_UNLIKE:
                if (l->kind != X_STRING || r->kind != X_STRING)
                        return refuse(w, l->kind != X_STRING ? l : r, sign);
                if (!regex_matches(&w->vm, r->text, l->text, &yes))
                        return error_set(w->e, w->vm.kind ? w->vm.kind : ERROR_INVALID, EVALUATING " '%.*s': %s", STR_FMT(quoted(w)), first_line(w));
                yes = yes == (sign == G_LIKE);
                break;
        default:
                if (l->kind != r->kind || (l->kind != X_FLOAT && l->kind != X_STRING))
                        return refuse(w, l, sign);
                if (!vm_compare(&w->vm, orders[sign], l, r, &yes))
                        return false;
        }
        *ret = x_bool(yes);
        return true;
}

static bool expression(struct when *w, int precedence, bool live, struct xvalue *ret);

static bool operand(struct when *w, bool live, struct xvalue *ret) {
        *ret = x_nil();
        if (w->i >= w->n || w->items[w->i].kind == K_CLOSE)
                return true;
        const struct lexeme *x = &w->items[w->i++];
        bool ok = true;
        if (++w->vm.nesting > NESTING_MAX)
                return error_set(w->e, ERROR_LIMIT, PARSING " '%.*s': it is nested more than %d levels deep", STR_FMT(quoted(w)), NESTING_MAX);
        if (x->kind == K_OPEN) {
                ok = expression(w, 1, live, ret);
                w->i += w->i < w->n ? 1 : 0;
        } else if (x->kind == K_PREFIX) {
                struct xvalue v;
                ok = operand(w, live, &v);
                if (ok && live && v.kind != (x->sign == G_INVERT ? X_BOOL : X_FLOAT))
                        ok = refuse(w, &v, x->sign);
                else if (ok && live)
                        *ret = x->sign == G_INVERT ? x_bool(!v.boolean) : x_float(x->sign == G_NEGATE ? -v.number : (double)~x_truncate(v.number));
        } else if (x->kind == K_ACCESSOR) {
                struct xvalue arguments;
                if (w->i < w->n && w->items[w->i].kind == K_OPEN)
                        ok = expression(w, 1, live, &arguments);
                struct str name = x->text;
                name = str_cut(&name, '.');
                if (ok && live)
                        ok = invalid(w, EVALUATING, arena_printf(w->a, "No parameter '%.*s' found.", STR_FMT(name)).p);
        } else if (live)
                *ret = x->value;
        w->vm.nesting--;
        return ok;
}

/* A list that grows by its separators: (1, 2, 3). */
static bool separated(struct when *w, bool live, struct xvalue *list) {
        struct list_builder b = {0};
        if (live && list->kind == X_LIST) {
                for (size_t i = 0; i < list->list.n; i++)
                        if (!list_push(&w->vm, &b, list->list.items[i]))
                                return spend(w);
        } else if (live && !list_push(&w->vm, &b, *list))
                return spend(w);
        while (w->i < w->n && w->items[w->i].kind == K_SEPARATOR) {
                struct xvalue v;
                w->i++;
                if (!expression(w, 2, live, &v))
                        return false;
                if (live && !list_push(&w->vm, &b, v))
                        return spend(w);
        }
        if (live)
                *list = x_list(b.items, b.n);
        return true;
}

/* Whether the left side decides, and what it decides. */
static bool decided(enum sign sign, const struct xvalue *l, struct xvalue *ret) {
        *ret = *l;
        switch ((int)sign) {
        case G_AND: return l->kind == X_BOOL && !l->boolean;
        case G_OR: return l->kind == X_BOOL && l->boolean;
        case G_ELSE: case G_COALESCE: return l->kind != X_NIL;
        case G_IF:
                *ret = x_nil();
                return l->kind == X_BOOL && !l->boolean;
        default: return false;
        }
}

static bool apply(struct when *w, enum sign sign, const struct xvalue *l, const struct xvalue *r, struct xvalue *ret) {
        switch ((int)signs[sign].kind) {
        case K_LOGICAL:
                if (l->kind != X_BOOL || r->kind != X_BOOL)
                        return refuse(w, l->kind != X_BOOL ? l : r, sign);
                *ret = *r;
                return true;
        case K_TERNARY:
                if (sign == G_IF && l->kind != X_BOOL)
                        return refuse(w, l, sign);
                *ret = *r;
                return true;
        case K_COMPARATOR: return compare(w, sign, l, r, ret);
        default: return modify(w, sign, l, r, ret);
        }
}

static bool expression(struct when *w, int precedence, bool live, struct xvalue *ret) {
        if (!operand(w, live, ret))
                return false;
        while (w->i < w->n) {
                const struct lexeme *x = &w->items[w->i];
                unsigned operators = 1 << K_MODIFIER | 1 << K_COMPARATOR | 1 << K_LOGICAL | 1 << K_TERNARY | 1 << K_SEPARATOR;
                if (!(operators & 1u << x->kind) || signs[x->sign].precedence < precedence)
                        return true;
                if (x->kind == K_SEPARATOR) {
                        if (!separated(w, live, ret))
                                return false;
                        continue;
                }
                struct xvalue l = *ret, r, made;
                bool known = live && decided(x->sign, &l, &made);
                w->i++;
                if (!spend(w) || !expression(w, signs[x->sign].precedence + 1, live && !known, &r))
                        return false;
                if (live && !known && !apply(w, x->sign, &l, &r, &made))
                        return false;
                *ret = live ? made : x_nil();
        }
        return true;
}

bool expr_when(struct str text, struct arena *a, bool *ret, struct error *e) {
        static const struct expr here = {.grammar = EXPR_WHEN};
        static const struct expr_env nothing;
        if (text.n > SOURCE_MAX)
                return error_set(e, ERROR_LIMIT, "a 'when' expression of %zu bytes; at most %d are allowed", text.n, SOURCE_MAX);
        *ret = true;
        if (str_trim(text).n == 0)
                return true;
        struct when w = {.s = text, .a = a, .e = e, .pool = arena_alloc_raw(a, text.n + 8, 1)};
        w.vm = (struct vm){.x = &here, .env = &nothing, .a = a, .e = &w.vm_error, .steps_max = 1000000, .bytes_max = (size_t)64 << 20, .bytes_start = arena_used(a)};
        if (!lex(&w) || !prepare(&w))
                return false;
        struct xvalue v;
        w.i = 0;
        if (!expression(&w, 1, true, &v))
                return false;
        if (v.kind != X_BOOL)
                return error_set(e, ERROR_INVALID, "Expected boolean evaluation for '%.*s'. Got %.*s", STR_FMT(quoted(&w)), STR_FMT(x_print(&v, a)));
        *ret = v.boolean;
        return true;
}
