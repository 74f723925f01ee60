/* JSON paths, as Argo's jsonpath() takes them: $ .name ..name .* [0] [-1] ['name'] ["a","b"] [1,2] [0:2] [::2] [*] [?(@.price < 10)]
 * [(@.length-1)]. Filters and scripts are expressions of expr-lang, in which @ is the item, $ the document and .length a size.
 *
 * A step hands each value that it finds to the rest of the path. What fails below a step that may find several (wildcard, slice, union,
 * filter, `..`) is left out of the list; below the others it is an error. */
#include "expr/internal.h"

enum step_kind { STEP_KEY, STEP_INDEX, STEP_ALL, STEP_DEEP, STEP_UNION, STEP_SLICE, STEP_FILTER, STEP_SCRIPT, STEP_LENGTH };
struct step {
        enum step_kind kind;
        struct str text;                        /* KEY; FILTER and SCRIPT: the expression */
        int64_t index, ends[3];                 /* SLICE: from, to, step */
        bool given[3];
        struct xvalue *choices;                 /* UNION: texts or integers */
        size_t choices_n;
        const struct expr *x;                   /* FILTER, SCRIPT */
};
enum { STEPS_MAX = 100 };

struct path { struct vm *vm; struct str s; size_t i; struct step *steps; size_t n; const struct xvalue *root; };

static bool wrong(struct path *p) { return vm_fail(p->vm, "invalid JSONPath selector '%.*s' at byte %zu", STR_FMT(p->s), p->i); }

static char peek(const struct path *p) { return p->i < p->s.n ? p->s.p[p->i] : '\0'; }

static void skip_space(struct path *p) {
        while (peek(p) == ' ')
                p->i++;
}

static struct step *add(struct path *p, enum step_kind kind) {
        if (p->n == STEPS_MAX) {
                vm_fail(p->vm, "the JSONPath has more than %d steps", STEPS_MAX);
                return NULL;
        }
        struct step *s = &p->steps[p->n++];
        *s = (struct step){.kind = kind};
        return s;
}

/* @.length is a size here, and not a member. */
static void sizes(struct node *n) {
        for (uint32_t i = 0; i < n->n; i++)
                if (n->kids[i])
                        sizes(n->kids[i]);
        if (n->op == N_MEMBER && n->dotted && n->kids[1]->op == N_STRING && str_eq_c(n->kids[1]->text, "length")) {
                n->op = N_BUILTIN;
                n->n = 1;
                n->func = builtin_find(STR("len"));
        }
}

static bool compile(struct path *p, struct step *s) {
        struct arena *a = p->vm->a;
        struct error e = {0};
        struct expr *x = ARENA_NEW(a, struct expr);
        *x = (struct expr){.grammar = EXPR_ARGO, .source = s->text};
        struct parser parser = {.grammar = EXPR_ARGO, .source = s->text, .a = a, .e = &e, .at_pointer = true, .predicates = 1};
        struct node *root = NULL;
        if (!vm_step(p->vm, s->text.n / 4))
                return false;
        if (!argo_parse(&parser, &root))
                return vm_fail(p->vm, "invalid JSONPath selector '%.*s': %.*s", STR_FMT(p->s), STR_FMT(str_sub(str_from(e.text), 0, str_find_char(str_from(e.text), '\n', 0))));
        sizes(root);
        x->root = root;
        if (!paths_collect(x, a))
                return wrong(p);
        for (size_t i = 0; i < x->idents_n; i++)
                if (!str_eq_c(x->idents[i], "$"))
                        return vm_fail(p->vm, "invalid JSONPath selector '%.*s': unknown name %.*s", STR_FMT(p->s), STR_FMT(x->idents[i]));
        s->x = x;
        return true;
}

/* To the parenthesis that closes the one before p->i, over quoted texts. */
static bool take_expression(struct path *p, enum step_kind kind) {
        struct step *s = add(p, kind);
        size_t from = p->i;
        int open = 1;
        for (char quote = '\0'; s && p->i < p->s.n; p->i++) {
                char c = p->s.p[p->i];
                if (quote) {
                        quote = c == quote ? '\0' : quote;
                        p->i += c == '\\' ? 1 : 0;
                } else if (c == '\'' || c == '"')
                        quote = c;
                else if (c == '(' || c == ')')
                        open += c == '(' ? 1 : -1;
                if (open == 0)
                        break;
        }
        if (!s || open || p->i >= p->s.n)
                return s && wrong(p);
        s->text = str_trim(str_sub(p->s, from, p->i++));
        return s->text.n ? compile(p, s) : wrong(p);
}

static bool take_quoted(struct path *p, struct xvalue *ret) {
        char quote = p->s.p[p->i++], *text = vm_alloc(p->vm, p->s.n, 1);
        size_t n = 0;
        if (!text)
                return false;
        for (; p->i < p->s.n && p->s.p[p->i] != quote; p->i++) {
                if (p->s.p[p->i] == '\\' && p->i + 1 < p->s.n && p->s.p[p->i + 1] == quote)
                        p->i++;
                text[n++] = p->s.p[p->i];
        }
        if (p->i >= p->s.n)
                return wrong(p);
        p->i++;
        *ret = x_text((struct str){text, n});
        return true;
}

static bool take_integer(struct path *p, int64_t *ret) {
        size_t from = p->i;
        while (peek(p) == '-' || (peek(p) >= '0' && peek(p) <= '9'))
                p->i++;
        return str_to_i64(str_sub(p->s, from, p->i), ret) || wrong(p);
}

static bool at_integer(const struct path *p) { return peek(p) == '-' || (peek(p) >= '0' && peek(p) <= '9'); }

/* After the first colon or before it: [from:to:step]. */
static bool take_slice(struct path *p, bool has_from, int64_t from) {
        struct step *s = add(p, STEP_SLICE);
        if (!s)
                return false;
        s->ends[0] = from;
        s->given[0] = has_from;
        for (int i = 1; i < 3 && peek(p) == ':'; i++) {
                p->i++;
                skip_space(p);
                s->given[i] = at_integer(p);
                if (s->given[i] && !take_integer(p, &s->ends[i]))
                        return false;
                skip_space(p);
        }
        return true;
}

static bool take_choices(struct path *p) {
        struct list_builder b = {0};
        for (;;) {
                struct xvalue v;
                int64_t i = 0;
                skip_space(p);
                if (peek(p) == '\'' || peek(p) == '"') {
                        if (!take_quoted(p, &v))
                                return false;
                } else if (!at_integer(p) || !take_integer(p, &i))
                        return wrong(p);
                else
                        v = x_int(i);
                skip_space(p);
                if (b.n == 0 && v.kind == X_INT && peek(p) == ':')
                        return take_slice(p, true, i);
                if (b.n && b.items[0].kind != v.kind)
                        return wrong(p);
                if (!list_push(p->vm, &b, v))
                        return false;
                if (peek(p) != ',')
                        break;
                p->i++;
        }
        struct step *s = add(p, b.n > 1 ? STEP_UNION : b.items[0].kind == X_INT ? STEP_INDEX : STEP_KEY);
        if (!s)
                return false;
        s->choices = b.items;
        s->choices_n = b.n;
        s->index = s->kind == STEP_INDEX ? b.items[0].integer : 0;
        s->text = s->kind == STEP_KEY ? b.items[0].text : STR_NONE;
        return true;
}

static bool take_bracket(struct path *p) {
        bool ok;
        p->i++;
        skip_space(p);
        if (peek(p) == '*') {
                p->i++;
                ok = add(p, STEP_ALL) != NULL;
        } else if (peek(p) == '?') {
                p->i++;
                skip_space(p);
                if (peek(p) != '(')
                        return wrong(p);
                p->i++;
                ok = take_expression(p, STEP_FILTER);
        } else if (peek(p) == '(') {
                p->i++;
                ok = take_expression(p, STEP_SCRIPT);
        } else
                ok = peek(p) == ':' ? take_slice(p, false, 0) : take_choices(p);
        skip_space(p);
        if (!ok || peek(p) != ']')
                return ok && wrong(p);
        p->i++;
        return true;
}

static bool take_name(struct path *p) {
        size_t from = p->i;
        while (p->i < p->s.n && peek(p) != '.' && peek(p) != '[')
                p->i++;
        struct str name = str_trim(str_sub(p->s, from, p->i));
        if (name.n == 0)
                return wrong(p);
        struct step *s = add(p, str_eq_c(name, "*") ? STEP_ALL : str_eq_c(name, "length") ? STEP_LENGTH : STEP_KEY);
        if (s)
                s->text = name;
        return s != NULL;
}

static bool read_path(struct path *p) {
        p->steps = VM_ARRAY(p->vm, struct step, STEPS_MAX);
        if (!p->steps)
                return false;
        skip_space(p);
        if (peek(p) != '$')
                return vm_fail(p->vm, "invalid JSONPath selector '%.*s' unexpected token '%.*s' at index 0", STR_FMT(p->s), p->s.n ? 1 : 0, p->s.p ? p->s.p : "");
        for (p->i++; p->i < p->s.n;) {
                bool ok = true;
                if (peek(p) == '[') {
                        if (!take_bracket(p))
                                return false;
                        continue;
                }
                if (peek(p) != '.')
                        return wrong(p);
                p->i++;
                if (peek(p) == '.') {
                        p->i++;
                        ok = add(p, STEP_DEEP) != NULL;
                        if (ok && p->i == p->s.n)
                                return true;
                }
                if (ok && peek(p) != '[')
                        ok = take_name(p);
                if (!ok)
                        return false;
        }
        return true;
}

/* --- walking --- */

/* `found` is false and nothing has failed: the path does not lead anywhere, for the reason in *why. */
struct outcome { bool found; const char *why; };

static bool walk(struct path *p, size_t at, const struct xvalue *v, struct xvalue *ret, struct outcome *o);

static bool none(struct path *p, struct outcome *o, const char *format, struct str what) {
        const char *mark = strstr(format, "%s");
        o->found = false;
        o->why = mark ? arena_printf(p->vm->a, "%.*s%.*s%s", (int)(mark - format), format, STR_FMT(what), mark + 2).p : format;
        return vm_step(p->vm, 0);
}

static bool target(struct path *p, struct outcome *o, const char *step, const struct xvalue *v, const char *wanted) {
        if (v->kind == X_NIL)
                return none(p, o, arena_printf(p->vm->a, "%s: invalid token target. expected [%s] got [nil]", step, wanted).p, STR_NONE);
        return none(p, o, arena_printf(p->vm->a, "%s: invalid token target. expected [%s] got [%s]", step, wanted, x_go_kind(v)).p, STR_NONE);
}

/* Continues with one of several: what leads nowhere is left out. */
static bool branch(struct path *p, size_t at, const struct xvalue *v, struct list_builder *b) {
        struct xvalue r;
        struct outcome o = {.found = true};
        if (!walk(p, at, v, &r, &o))
                return false;
        if (!o.found || (r.kind == X_NIL && at < p->n))
                return true;
        return list_push(p->vm, b, r);
}

/* What a union, a slice or a filter chose: an index right after it counts within the list of these. */
static bool go_on(struct path *p, size_t at, struct list_builder *chosen, struct xvalue *ret, struct outcome *o) {
        struct xvalue list = x_list(chosen->items, chosen->n);
        if (at < p->n && p->steps[at].kind == STEP_INDEX)
                return walk(p, at, &list, ret, o);
        struct list_builder b = {0};
        for (size_t i = 0; i < chosen->n; i++)
                if (!branch(p, at, &chosen->items[i], &b))
                        return false;
        *ret = x_list(b.items, b.n);
        return true;
}

static size_t size_of(const struct xvalue *v) { return v->kind == X_LIST ? v->list.n : v->kind == X_MAP ? v->map.n : 0; }

static const struct xvalue *child(const struct xvalue *v, size_t i) { return v->kind == X_LIST ? &v->list.items[i] : &v->map.members[i].value; }

static bool evaluate(struct path *p, const struct expr *x, const struct xvalue *item, struct xvalue *ret, bool *ok) {
        struct vm *vm = p->vm;
        struct error quiet = {0};
        struct xvalue slots[1] = {*p->root};
        struct frame frame = {.item = item};
        struct vm inner = *vm;
        inner.x = x;
        inner.e = &quiet;
        inner.slots = slots;
        inner.frame = &frame;
        inner.bindings = NULL;
        inner.shorted = false;
        *ok = vm_eval(&inner, x->root, ret);
        vm->steps = inner.steps;
        vm->random = inner.random;
        if (inner.failed && inner.kind == ERROR_LIMIT) {
                vm->kind = ERROR_LIMIT;
                return vm_fail(vm, "%s", arena_cstr(vm->a, str_sub(str_from(quiet.text), 0, str_find_char(str_from(quiet.text), '\n', 0))));
        }
        return vm_step(vm, 1);
}

static bool truthy(const struct xvalue *v) {
        switch (v->kind) {
        case X_NIL: return false;
        case X_BOOL: return v->boolean;
        case X_INT: return v->integer != 0;
        case X_FLOAT: return v->number != 0;
        case X_STRING: return v->text.n > 0;
        case X_LIST: case X_MAP: return size_of(v) > 0;
        case X_TIME: case X_DURATION: case X_FUNCTION: break;
        }
        return true;
}

static bool filter(struct path *p, size_t at, const struct xvalue *v, struct xvalue *ret, struct outcome *o) {
        struct list_builder chosen = {0};
        if (v->kind != X_LIST && v->kind != X_MAP)
                return target(p, o, "filter", v, "array map slice");
        for (size_t i = 0; i < size_of(v); i++) {
                struct xvalue yes;
                bool ok;
                if (!evaluate(p, p->steps[at].x, child(v, i), &yes, &ok))
                        return false;
                if (ok && truthy(&yes) && !list_push(p->vm, &chosen, *child(v, i)))
                        return false;
        }
        return go_on(p, at + 1, &chosen, ret, o);
}

static bool deep(struct path *p, size_t at, const struct xvalue *v, int depth, struct list_builder *b) {
        struct xvalue r = *v;
        struct outcome o = {.found = true};
        if (v->kind == X_NIL || depth > VALUE_DEPTH_MAX)
                return true;
        if (!vm_step(p->vm, 1) || !walk(p, at, v, &r, &o))
                return false;
        bool several = r.kind == X_LIST && at < p->n;
        for (size_t i = 0; o.found && i < (several ? r.list.n : 1); i++)
                if ((several || r.kind != X_NIL) && !list_push(p->vm, b, several ? r.list.items[i] : r))
                        return false;
        for (size_t i = 0; i < size_of(v); i++)
                if (!deep(p, at, child(v, i), depth + 1, b))
                        return false;
        return true;
}

static bool choose(struct path *p, const struct step *s, const struct xvalue *v, struct list_builder *chosen, struct outcome *o) {
        bool keys = s->choices[0].kind == X_STRING;
        if (v->kind != (keys ? X_MAP : X_LIST))
                return target(p, o, "union", v, keys ? "map" : "array slice");
        for (size_t i = 0; i < s->choices_n; i++) {
                const struct xvalue *c = &s->choices[i], *found = NULL;
                if (keys)
                        found = x_get(v, c->text);
                else {
                        int64_t k = c->integer < 0 ? c->integer + (int64_t)v->list.n : c->integer;
                        found = k >= 0 && k < (int64_t)v->list.n ? &v->list.items[k] : NULL;
                }
                if (found && !list_push(p->vm, chosen, *found))
                        return false;
        }
        return true;
}

static int64_t clamp(int64_t i, int64_t n, int64_t low, int64_t high) {
        i = i < 0 ? i + n : i;
        return i < low ? low : i > high ? high : i;
}

static bool slice(struct path *p, const struct step *s, const struct xvalue *v, struct list_builder *chosen, struct outcome *o) {
        if (v->kind != X_LIST)
                return target(p, o, "range", v, "array slice");
        int64_t n = (int64_t)v->list.n, by = s->given[2] ? s->ends[2] : 1;
        if (by == 0)
                return none(p, o, "range: invalid token out of range", STR_NONE);
        bool down = by < 0;
        int64_t from = s->given[0] ? clamp(s->ends[0], n, down ? -1 : 0, down ? n - 1 : n) : down ? n - 1 : 0;
        int64_t to = s->given[1] ? clamp(s->ends[1], n, down ? -1 : 0, down ? n - 1 : n) : down ? -1 : n;
        for (int64_t i = from; down ? i > to : i < to;) {
                if (!list_push(p->vm, chosen, v->list.items[i]))
                        return false;
                if (__builtin_add_overflow(i, by, &i))
                        break;
        }
        return true;
}

static bool by_key(struct path *p, size_t at, struct str key, const struct xvalue *v, struct xvalue *ret, struct outcome *o) {
        if (v->kind != X_MAP)
                return target(p, o, "key", v, "map");
        const struct xvalue *found = x_get(v, key);
        return found ? walk(p, at + 1, found, ret, o) : none(p, o, "key: invalid token key '%s' not found", key);
}

static bool by_index(struct path *p, size_t at, int64_t i, const struct xvalue *v, struct xvalue *ret, struct outcome *o) {
        if (v->kind != X_LIST)
                return target(p, o, "index", v, "array slice");
        i = i < 0 ? i + (int64_t)v->list.n : i;
        if (i < 0 || i >= (int64_t)v->list.n)
                return none(p, o, "index: invalid token out of range", STR_NONE);
        return walk(p, at + 1, &v->list.items[i], ret, o);
}

static bool script(struct path *p, size_t at, const struct xvalue *v, struct xvalue *ret, struct outcome *o) {
        struct xvalue r;
        bool ok;
        if (!evaluate(p, p->steps[at].x, v, &r, &ok))
                return false;
        if (ok && r.kind == X_STRING)
                return by_key(p, at, r.text, v, ret, o);
        if (ok && x_is_number(&r) && (r.kind == X_INT || r.number == (double)x_truncate(r.number)))
                return by_index(p, at, r.kind == X_INT ? r.integer : x_truncate(r.number), v, ret, o);
        return none(p, o, "invalid expression '%s': it gives neither an index nor a key", p->steps[at].text);
}

static bool walk(struct path *p, size_t at, const struct xvalue *v, struct xvalue *ret, struct outcome *o) {
        struct list_builder b = {0};
        if (!vm_step(p->vm, 1))
                return false;
        *ret = *v;
        if (at == p->n)
                return true;
        const struct step *s = &p->steps[at];
        switch (s->kind) {
        case STEP_KEY: return by_key(p, at, s->text, v, ret, o);
        case STEP_INDEX: return by_index(p, at, s->index, v, ret, o);
        case STEP_SCRIPT: return script(p, at, v, ret, o);
        case STEP_FILTER: return filter(p, at, v, ret, o);
        case STEP_UNION: return choose(p, s, v, &b, o) && (!o->found || go_on(p, at + 1, &b, ret, o));
        case STEP_SLICE: return slice(p, s, v, &b, o) && (!o->found || go_on(p, at + 1, &b, ret, o));
        case STEP_LENGTH: {
                struct xvalue key = x_text(STR("length")), n;
                if (v->kind == X_MAP && x_get(v, key.text))
                        return by_key(p, at, key.text, v, ret, o);
                if (v->kind != X_LIST && v->kind != X_MAP && v->kind != X_STRING)
                        return target(p, o, "length", v, "array map slice string");
                n = x_int((int64_t)(v->kind == X_STRING ? v->text.n : size_of(v)));
                return walk(p, at + 1, &n, ret, o);
        }
        case STEP_ALL:
                if (v->kind != X_LIST && v->kind != X_MAP)
                        return target(p, o, "wildcard", v, "array map slice");
                for (size_t i = 0; i < size_of(v); i++)
                        if (!branch(p, at + 1, child(v, i), &b))
                                return false;
                break;
        case STEP_DEEP:
                if (!deep(p, at + 1, v, 0, &b))
                        return false;
                break;
        }
        *ret = x_list(b.items, b.n);
        return true;
}

bool jsonpath(struct vm *vm, const struct xvalue *doc, struct str text, struct xvalue *ret) {
        struct path p = {.vm = vm, .s = str_trim(text), .root = doc};
        struct outcome o = {.found = true};
        if (!read_path(&p) || !walk(&p, 0, doc, ret, &o))
                return false;
        return o.found || vm_fail(vm, "%s", o.why);
}
