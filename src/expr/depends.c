/* Argo's `depends`: task results joined by && || ! and parentheses. It has no values and no types, so it needs neither the lexer nor the
 * tree of the other grammars. A tree is bounded by DEPTH_MAX; a chain of one operator is balanced as it is read, so that a task may
 * depend on thousands of others. */
#include "expr/internal.h"

static const char *const results[] = {"Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"};
enum { RESULTS = sizeof results / sizeof *results };

struct reader {
        struct str s;
        size_t i;
        struct arena *a;
        struct error *e;
        uint32_t nesting;
        bool failed;
};

static const struct depends *fail(struct reader *r, size_t at, enum error_kind kind, const char *text) {
        if (!r->failed)
                error_at_byte(r->e, kind, r->s, at, "%s", text);
        r->failed = true;
        return NULL;
}

static void skip_space(struct reader *r) {
        while (r->i < r->s.n && strchr(" \t\r\n", r->s.p[r->i]) && r->s.p[r->i])
                r->i++;
}

static bool word_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

static struct str take_word(struct reader *r) {
        size_t from = r->i;
        while (r->i < r->s.n && word_char(r->s.p[r->i]))
                r->i++;
        return str_sub(r->s, from, r->i);
}

static const struct depends *node(struct reader *r, enum depends_op op, size_t at, const struct depends *left, const struct depends *right) {
        if (r->failed)
                return NULL;
        struct depends *d = ARENA_NEW(r->a, struct depends);
        uint32_t l = left ? left->depth : 0, m = right ? right->depth : 0;
        *d = (struct depends){.op = op, .offset = (uint32_t)at, .depth = 1 + (l > m ? l : m), .left = left, .right = right};
        if (d->depth > DEPTH_MAX)
                return fail(r, at, ERROR_LIMIT, "the condition is nested too deeply; split the task's dependencies");
        return d;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static const char *nearest_result(struct str s) {
        const char *best = NULL;
        size_t least = 4;
        for (size_t i = 0; i < RESULTS; i++) {
                char low[2][16];
                size_t n = strlen(results[i]);
                if (s.n >= sizeof low[0])
                        return NULL;
                for (size_t k = 0; k < s.n; k++)
                        low[0][k] = lower(s.p[k]);
                for (size_t k = 0; k < n; k++)
                        low[1][k] = lower(results[i][k]);
                size_t distance = str_distance((struct str){low[0], s.n}, (struct str){low[1], n}, 3);
                if (distance < least) {
                        least = distance;
                        best = results[i];
                }
        }
        return best;
}

static const struct depends *task(struct reader *r) {
        size_t at = r->i;
        struct str name = take_word(r), result = STR_NONE;
        if (r->i < r->s.n && r->s.p[r->i] == '.') {
                size_t result_at = ++r->i;
                bool known = false;
                result = take_word(r);
                for (size_t i = 0; i < RESULTS; i++)
                        known = known || str_eq_c(result, results[i]);
                const char *meant = known ? NULL : nearest_result(result);
                if (!known) {
                        struct str text = meant ? arena_printf(r->a, "task result '%.*s' for task '%.*s' is invalid; did you mean %s?", STR_FMT(result), STR_FMT(name), meant)
                                                : arena_printf(r->a, "task result '%.*s' for task '%.*s' is invalid; use Succeeded, Failed, Errored, Skipped, "
                                                                     "Omitted, Daemoned, AnySucceeded or AllFailed", STR_FMT(result), STR_FMT(name));
                        return fail(r, result_at, ERROR_INVALID, text.p);
                }
        }
        struct depends *d = (struct depends *)node(r, DEPENDS_RESULT, at, NULL, NULL);
        if (d) {
                d->task = name;
                d->result = result;
        }
        return d;
}

static const struct depends *either(struct reader *r);

static const struct depends *single(struct reader *r) {
        skip_space(r);
        size_t at = r->i;
        char c = at < r->s.n ? r->s.p[at] : '\0';
        const struct depends *d;
        if (r->failed)
                return NULL;
        if (++r->nesting > NESTING_MAX)
                return fail(r, at, ERROR_LIMIT, "the condition is nested too deeply; split the task's dependencies");
        if (c == '!') {
                r->i++;
                d = node(r, DEPENDS_NOT, at, single(r), NULL);
        } else if (c == '(') {
                r->i++;
                d = either(r);
                skip_space(r);
                if (!r->failed && (r->i >= r->s.n || r->s.p[r->i++] != ')'))
                        d = fail(r, at, ERROR_INVALID, "this parenthesis is not closed");
        } else if (word_char(c) && c != '-')
                d = task(r);
        else if (at >= r->s.n)
                d = fail(r, r->s.n, ERROR_INVALID, r->s.n ? "the condition ends where the name of a task is expected" : "the condition is empty");
        else
                d = fail(r, at, ERROR_INVALID, arena_printf(r->a, "expected the name of a task, not '%c'", c).p);
        r->nesting--;
        return d;
}

/* A balanced tree over what one operator joins: order and meaning are those of a chain. */
static const struct depends *join(struct reader *r, enum depends_op op, size_t at, const struct depends *const *items, size_t n) {
        if (n == 1)
                return items[0];
        return node(r, op, at, join(r, op, at, items, n / 2), join(r, op, at, items + n / 2, n - n / 2));
}

static const struct depends *chain(struct reader *r, enum depends_op op, const char *sign, const struct depends *(*operand)(struct reader *)) {
        size_t n = 0, cap = 8, at = r->i;
        const struct depends **items = ARENA_ARRAY(r->a, const struct depends *, cap);
        for (;;) {
                if (n == cap) {
                        const struct depends **more = ARENA_ARRAY(r->a, const struct depends *, 2 * cap);
                        memcpy(more, items, n * sizeof *items);
                        items = more;
                        cap *= 2;
                }
                items[n++] = operand(r);
                skip_space(r);
                if (r->failed || !str_starts(str_sub(r->s, r->i, r->s.n), str_from(sign)))
                        return r->failed ? NULL : join(r, op, at, items, n);
                r->i += 2;
        }
}

static const struct depends *all(struct reader *r) { return chain(r, DEPENDS_AND, "&&", single); }
static const struct depends *either(struct reader *r) { return chain(r, DEPENDS_OR, "||", all); }

bool expr_depends_parse(struct str text, struct arena *a, const struct depends **ret, struct error *e) {
        if (text.n > SOURCE_MAX)
                return error_set(e, ERROR_LIMIT, "a condition of %zu bytes; at most %d are allowed", text.n, SOURCE_MAX);
        struct reader r = {.s = arena_str(a, text), .a = a, .e = e};
        const struct depends *d = either(&r);
        if (!r.failed && r.i < r.s.n) {
                char c = r.s.p[r.i];
                if (c == '&' || c == '|')
                        fail(&r, r.i, ERROR_INVALID, arena_printf(a, "expected && or ||; did you mean '%c%c'?", c, c).p);
                else if (c == ')')
                        fail(&r, r.i, ERROR_INVALID, "this parenthesis was never opened");
                else {
                        size_t from = r.i;
                        struct str word = take_word(&r);
                        if (str_eq_c(word, "and") || str_eq_c(word, "or"))
                                fail(&r, from, ERROR_INVALID, str_eq_c(word, "and") ? "expected && or ||; did you mean '&&'?" : "expected && or ||; did you mean '||'?");
                        else
                                fail(&r, from, ERROR_INVALID, "expected && or || between the names of tasks");
                }
        }
        *ret = d;
        return !r.failed;
}

static size_t count(const struct depends *d) {
        return !d ? 0 : d->op == DEPENDS_RESULT ? 1 : count(d->left) + count(d->right);
}

/* Open addressing by the name's hash: a join of thousands of tasks must not compare each with each. */
struct names { struct str *out; size_t n; uint32_t *slots; size_t mask; };

static void collect(const struct depends *d, struct names *names) {
        if (!d)
                return;
        if (d->op != DEPENDS_RESULT) {
                collect(d->left, names);
                collect(d->right, names);
                return;
        }
        size_t i = hash_64(d->task, 0) & names->mask;
        for (; names->slots[i]; i = (i + 1) & names->mask)
                if (str_eq(names->out[names->slots[i] - 1], d->task))
                        return;
        names->out[names->n++] = d->task;
        names->slots[i] = (uint32_t)names->n;
}

size_t expr_depends_tasks(const struct depends *d, struct arena *a, const struct str **ret) {
        size_t n = count(d), size = 8;
        while (size < 2 * n)
                size *= 2;
        struct names names = {.out = ARENA_ARRAY(a, struct str, n + 1), .slots = ARENA_ARRAY(a, uint32_t, size), .mask = size - 1};
        collect(d, &names);
        *ret = names.out;
        return names.n;
}

bool expr_depends_eval(const struct depends *d, bool (*holds)(void *ctx, struct str task, struct str result), void *ctx) {
        switch (d->op) {
        case DEPENDS_RESULT: return holds(ctx, d->task, d->result);
        case DEPENDS_NOT: return !expr_depends_eval(d->left, holds, ctx);
        case DEPENDS_AND: return expr_depends_eval(d->left, holds, ctx) && expr_depends_eval(d->right, holds, ctx);
        case DEPENDS_OR: return expr_depends_eval(d->left, holds, ctx) || expr_depends_eval(d->right, holds, ctx);
        }
        return false;
}
