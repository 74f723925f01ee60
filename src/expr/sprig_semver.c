/* Semantic versions: semver() normalizes one, semverCompare() holds one against a constraint: comparisons joined by commas or spaces (all
 * must hold) and by || (one must), with ~ ^ wildcards and ranges "1.2 - 1.4". A version with a pre-release part ("1.2.0-beta") meets only
 * comparisons that name one too. */
#include "expr/internal.h"

struct version { uint64_t part[3]; int parts; bool wild[3]; struct str pre, build; };

static bool ident_char(char c) { return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '.'; }

static bool take_part(struct str s, size_t *i, bool wild, struct version *v) {
        int at = v->parts;
        if (*i < s.n && (s.p[*i] == '*' || (s.p[*i] | 32) == 'x')) {
                v->wild[at] = true;
                v->parts++;
                ++*i;
                return wild;
        }
        size_t from = *i;
        uint64_t n = 0;
        for (; *i < s.n && s.p[*i] >= '0' && s.p[*i] <= '9'; ++*i) {
                if (n > UINT64_MAX / 20)
                        return false;
                n = n * 10 + (uint64_t)(s.p[*i] - '0');
        }
        v->part[at] = n;
        v->parts++;
        return *i > from;
}

static bool take_tail(struct str s, size_t *i, struct str *ret) {
        size_t from = ++*i;
        while (*i < s.n && ident_char(s.p[*i]))
                ++*i;
        *ret = str_sub(s, from, *i);
        return ret->n > 0 && ret->p[0] != '.' && ret->p[ret->n - 1] != '.' && str_find(*ret, STR(".."), 0) == SIZE_MAX;
}

static bool read_version(struct str s, bool wild, struct version *ret) {
        size_t i = s.n && s.p[0] == 'v' ? 1 : 0;
        *ret = (struct version){0};
        do {
                if (ret->parts == 3 || !take_part(s, &i, wild, ret))
                        return false;
        } while (i < s.n && s.p[i] == '.' && ++i);
        if (i < s.n && s.p[i] == '-' && !take_tail(s, &i, &ret->pre))
                return false;
        if (i < s.n && s.p[i] == '+' && !take_tail(s, &i, &ret->build))
                return false;
        return i == s.n;
}

static int compare_ident(struct str a, struct str b) {
        int64_t x, y;
        bool n = str_to_i64(a, &x), m = str_to_i64(b, &y);
        if (n && m)
                return x < y ? -1 : x > y;
        return n != m ? (n ? -1 : 1) : str_cmp(a, b);
}

static int compare(const struct version *a, const struct version *b) {
        for (int i = 0; i < 3; i++)
                if (a->part[i] != b->part[i])
                        return a->part[i] < b->part[i] ? -1 : 1;
        struct str x = a->pre, y = b->pre;
        if (!x.n || !y.n)
                return x.n ? -1 : y.n ? 1 : 0;
        while (x.p && y.p) {
                int order = compare_ident(str_cut(&x, '.'), str_cut(&y, '.'));
                if (order)
                        return order;
        }
        return x.p ? 1 : y.p ? -1 : 0;
}

/* The first version past what ~ and ^ allow. */
static struct version bound(const struct version *v, bool caret) {
        struct version top = {.part = {v->part[0]}};
        bool minor = v->parts > 1 && !v->wild[1], patch = v->parts > 2 && !v->wild[2];
        if (caret && (v->part[0] > 0 || !minor))
                top.part[0]++;
        else if (caret && (v->part[1] > 0 || !patch))
                top.part[1] = v->part[1] + 1;
        else if (caret) {
                top.part[1] = v->part[1];
                top.part[2] = v->part[2] + 1;
        } else if (!minor)
                top.part[0]++;
        else
                top.part[1] = v->part[1] + 1;
        return top;
}

static bool holds(struct str op, const struct version *c, const struct version *v) {
        bool any = c->wild[0], partial = c->parts < 3 || c->wild[1] || c->wild[2], not = str_eq_c(op, "!=");
        if (v->pre.n && !c->pre.n)
                return false;
        if (any)
                return !not && !str_eq_c(op, ">") && !str_eq_c(op, "<");
        struct version low = *c, top = bound(c, str_eq_c(op, "^"));
        bool within = compare(v, &low) >= 0 && compare(v, &top) < 0;
        if (str_eq_c(op, "^") || op.p[0] == '~')
                return within;
        if (op.n == 0 || str_eq_c(op, "=") || not)
                return (partial ? within : compare(v, c) == 0) != not;
        bool or_equal = op.n == 2;
        bool greater = str_find_char(op, '>', 0) != SIZE_MAX;
        if (greater)
                return or_equal ? compare(v, c) >= 0 : partial ? compare(v, &top) >= 0 : compare(v, c) > 0;
        return or_equal ? (partial ? compare(v, &top) < 0 : compare(v, c) <= 0) : compare(v, c) < 0;
}

static struct str next_word(struct str s, size_t *i) {
        while (*i < s.n && (s.p[*i] == ' ' || s.p[*i] == ','))
                ++*i;
        size_t from = *i;
        while (*i < s.n && strchr("=!<>~^", s.p[*i]) && s.p[*i])
                ++*i;
        while (*i > from && *i < s.n && s.p[*i] == ' ')
                ++*i;
        while (*i < s.n && s.p[*i] != ' ' && s.p[*i] != ',')
                ++*i;
        return str_sub(s, from, *i);
}

/* Comparisons that must all hold. False in *good: not a constraint. */
static bool all_hold(struct str s, const struct version *v, bool *good) {
        bool yes = true;
        size_t n = 0;
        for (size_t i = 0;;) {
                struct str word = next_word(s, &i);
                size_t sign = 0;
                if (word.n == 0)
                        break;
                while (sign < word.n && strchr("=!<>~^", word.p[sign]) && word.p[sign])
                        sign++;
                struct str op = str_sub(word, 0, sign);
                struct version c, to;
                static const char *const ops[] = {"", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"};
                bool known = false;
                for (size_t k = 0; k < sizeof ops / sizeof *ops; k++)
                        known = known || str_eq_c(op, ops[k]);
                *good = *good && known && read_version(str_trim(str_sub(word, sign, word.n)), true, &c);
                if (!*good)
                        return false;
                n++;
                size_t after = i;
                if (str_eq_c(next_word(s, &after), "-")) { /* 1.2 - 1.4: both ends belong to it */
                        struct str end = next_word(s, &after);
                        *good = op.n == 0 && read_version(end, true, &to);
                        if (!*good)
                                return false;
                        yes = yes && holds(STR(">="), &c, v) && holds(STR("<="), &to, v);
                        i = after;
                } else
                        yes = yes && holds(op, &c, v);
        }
        *good = *good && n > 0;
        return yes;
}

bool semver_normal(struct vm *vm, struct str text, struct str *ret) {
        struct version v;
        if (!read_version(text, false, &v))
                return vm_fail(vm, "Invalid Semantic Version");
        *ret = arena_printf(vm->a, "%llu.%llu.%llu%s%.*s%s%.*s", (unsigned long long)v.part[0], (unsigned long long)v.part[1], (unsigned long long)v.part[2], v.pre.n ? "-" : "",
                            STR_FMT(v.pre), v.build.n ? "+" : "", STR_FMT(v.build));
        return true;
}

bool semver_holds(struct vm *vm, struct str constraint, struct str text, bool *ret) {
        struct version v;
        bool good = true, yes = false;
        if (!vm_step(vm, constraint.n / 4))
                return false;
        bool version = read_version(text, false, &v);
        for (size_t from = 0; from <= constraint.n && good;) {
                size_t bar = str_find(constraint, STR("||"), from), to = bar == SIZE_MAX ? constraint.n : bar;
                bool part = all_hold(str_sub(constraint, from, to), &v, &good);
                yes = yes || part;
                from = to + (bar == SIZE_MAX ? 1 : 2);
        }
        if (!good)
                return vm_fail(vm, "improper constraint: %.*s", STR_FMT(constraint));
        if (!version)
                return vm_fail(vm, "Invalid Semantic Version");
        *ret = yes;
        return true;
}
