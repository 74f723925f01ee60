/* Strings with {{tags}} and {{=expressions}}.
 *
 * A tag ends at the first }} behind it; of nested tags the innermost is the tag. An expression begins with {{= and ends at the
 * first }} too. What cannot be resolved stays as it is. Where a value that was put in holds tags itself, or an inner tag completed an outer
 * one, the result is looked through again, a bounded number of times. */
#include "dialect/argo/argo.h"
#include "base/buf.h"

enum { RENDERED_MAX = 16 << 20 };

bool argo_has_tag(struct str s) { return str_find(s, STR("{{"), 0) != SIZE_MAX; }

static struct str parse_trouble(struct str source, struct arena *a, const struct expr **ret)
{
        struct error e = {0};
        if (expr_parse(EXPR_ARGO, source, a, ret, &e))
                return STR_NONE;
        *ret = NULL;
        return arena_printf(a, "failed to evaluate expression: %s", e.text);
}

struct parts { struct text_part *p; size_t n, cap; struct arena *a; };

static void push(struct parts *l, struct text_part part)
{
        if (l->n == l->cap) {
                size_t cap = l->cap ? l->cap * 2 : 4;
                struct text_part *more = arena_alloc_array(l->a, sizeof *more, cap);
                if (l->n)
                        memcpy(more, l->p, l->n * sizeof *more);
                l->p = more;
                l->cap = cap;
        }
        l->p[l->n++] = part;
}

/* Where the innermost tag begins of those that end at `end`. Argo takes {{{{x}} and {{{x}} for one tag with a strange name. */
static size_t innermost(struct str s, size_t from, size_t end)
{
        size_t at = from;
        for (size_t next = from + 2; (next = str_find(s, STR("{{"), next)) != SIZE_MAX && next + 2 <= end; next++)
                at = next;
        return at > from + 2 ? at : from;
}

struct atext argo_text(struct str source, struct arena *a)
{
        struct atext t = {.source = source, .given = true};
        if (!argo_has_tag(source))
                return t;
        struct parts l = {.a = a};
        size_t done = 0;
        for (;;) {
                size_t open = str_find(source, STR("{{"), done);
                size_t close = open == SIZE_MAX ? SIZE_MAX : str_find(source, STR("}}"), open + 2);
                if (close == SIZE_MAX)
                        break;
                if (open + 2 < source.n && source.p[open + 2] != '=')
                        open = innermost(source, open, close);
                if (open > done)
                        push(&l, (struct text_part){.kind = TEXT_LITERAL, .text = str_sub(source, done, open)});
                struct text_part part = {.kind = TEXT_TAG, .text = str_sub(source, open, close + 2)};
                if (source.p[open + 2] == '=') {
                        part.kind = TEXT_EXPR;
                        part.trouble = parse_trouble(str_sub(source, open + 3, close), a, &part.expr);
                } else
                        part.key = str_trim(str_sub(source, open + 2, close));
                push(&l, part);
                done = close + 2;
        }
        if (done < source.n)
                push(&l, (struct text_part){.kind = TEXT_LITERAL, .text = str_sub(source, done, source.n)});
        t.parts = l.p;
        t.parts_n = l.n;
        return t;
}

struct atext argo_text_of(const struct value *v, struct arena *a)
{
        if (!v || v->kind == VALUE_NULL)
                return (struct atext){0};
        return argo_text(argo_scalar(v, a), a);
}

/* One pass. *changed: something was put in that may complete or hold a tag. */
static bool pass(const struct atext *t, struct vars *v, struct str *ret, bool *changed, struct error *e)
{
        struct buf b = BUF(RENDERED_MAX);
        *changed = false;
        for (size_t i = 0; i < t->parts_n; i++) {
                const struct text_part *p = &t->parts[i];
                struct str s = p->text;
                bool left = true;
                if (p->kind != TEXT_LITERAL) {
                        if (!argo_eval_tag(v, p, &s, &left, e)) {
                                buf_free(&b);
                                return false;
                        }
                        *changed = *changed || !left;
                }
                buf_add(&b, s);
        }
        bool overflow = b.overflow;
        *ret = arena_str(v->arena, buf_str(&b));
        buf_free(&b);
        if (overflow)
                return error_set(e, ERROR_LIMIT, "a text grows past %d bytes when its tags are replaced", RENDERED_MAX);
        return true;
}

bool argo_render(const struct atext *t, struct vars *v, struct str *ret, struct error *e)
{
        *ret = t->source;
        v->left = false;
        v->left_tag = STR_NONE;
        if (!t->parts_n)
                return true;
        bool changed = false;
        if (!pass(t, v, ret, &changed, e))
                return false;
        for (int i = 0; changed && i < ARGO_PASSES_MAX && argo_has_tag(*ret); i++) {
                struct str before = *ret;
                struct atext again = argo_text(before, v->arena);
                v->left = false;
                v->left_tag = STR_NONE;
                if (!pass(&again, v, ret, &changed, e))
                        return false;
                if (str_eq(before, *ret))
                        break;
        }
        return true;
}

bool argo_render_text(struct str source, struct vars *v, struct str *ret, struct error *e)
{
        struct atext t = argo_text(source, v->arena);
        return argo_render(&t, v, ret, e);
}

/* Calls `each` for every string below v until it returns true. Documents have bounded depth. */
bool argo_each_text(const struct value *v, bool (*each)(void *, struct str), void *ctx)
{
        if (!v)
                return false;
        if (v->kind == VALUE_STRING)
                return each(ctx, v->text);
        if (v->kind == VALUE_LIST)
                for (size_t i = 0; i < v->list.n; i++)
                        if (argo_each_text(&v->list.items[i], each, ctx))
                                return true;
        if (v->kind == VALUE_MAP)
                for (size_t i = 0; i < v->map.n; i++)
                        if (argo_each_text(&v->map.members[i].value, each, ctx))
                                return true;
        return false;
}

struct trouble { struct arena *a; struct str found; };

static bool find_trouble(void *ctx, struct str s)
{
        struct trouble *t = ctx;
        if (str_find(s, STR("{{="), 0) == SIZE_MAX)
                return false;
        struct atext x = argo_text(s, t->a);
        for (size_t i = 0; i < x.parts_n; i++)
                if (x.parts[i].trouble.n) {
                        t->found = x.parts[i].trouble;
                        return true;
                }
        return false;
}

struct str argo_text_trouble(const struct value *v, struct arena *a)
{
        struct trouble t = {a, STR_NONE};
        (void)argo_each_text(v, find_trouble, &t);
        return t.found;
}

static bool find_text(void *ctx, struct str s) { return str_find(s, *(struct str *)ctx, 0) != SIZE_MAX; }

bool argo_mentions(const struct value *v, struct str needle) { return argo_each_text(v, find_text, &needle); }
