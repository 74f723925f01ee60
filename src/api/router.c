/* Routes: a sorted table of path patterns, looked up by the segments of a path. A fixed segment is better than a variable one, and a variable
 * with a suffix (":archive") better than one without. */
#include "api/internal.h"

enum { SEGMENTS_MAX = 24 };

struct segment { struct str fixed, variable, suffix; bool rest; };
struct entry { const struct route *route; struct segment segments[SEGMENTS_MAX]; size_t n; };
struct router { struct entry *entries; size_t n; };

static int digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool percent_decode(struct str s, bool plus, struct arena *a, struct str *ret)
{
        char *out = arena_alloc_raw(a, s.n + 1, 1);
        size_t n = 0;
        for (size_t i = 0; i < s.n; i++) {
                if (s.p[i] == '%') {
                        int hi = i + 2 < s.n ? digit(s.p[i + 1]) : -1;
                        int lo = hi >= 0 ? digit(s.p[i + 2]) : -1;
                        if (lo < 0 || (hi == 0 && lo == 0))
                                return false;
                        out[n++] = (char)(hi * 16 + lo);
                        i += 2;
                } else if (!s.p[i])
                        return false;
                else
                        out[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
        }
        out[n] = 0;
        *ret = (struct str){out, n};
        return str_is_utf8(*ret);
}

static struct segment segment_of(struct str s)
{
        if (!s.n || s.p[0] != '{')
                return (struct segment){.fixed = s};
        size_t end = str_find_char(s, '}', 0);
        struct str name = str_sub(s, 1, end);
        bool rest = str_ends(name, STR("..."));
        return (struct segment){.variable = rest ? str_sub(name, 0, name.n - 3) : name, .suffix = str_sub(s, end + 1, s.n), .rest = rest};
}

static size_t split(struct str path, struct str *ret)
{
        size_t n = 0;
        if (path.n && path.p[0] == '/')
                path = str_sub(path, 1, path.n);
        while (path.p && n < SEGMENTS_MAX)
                ret[n++] = str_cut(&path, '/');
        return path.p ? SIZE_MAX : n;
}

struct router *router_new(const struct route *const *tables, struct arena *a)
{
        struct router *r = ARENA_NEW(a, struct router);
        for (size_t t = 0; tables[t]; t++)
                for (const struct route *x = tables[t]; x->path; x++)
                        r->n++;
        r->entries = ARENA_ARRAY(a, struct entry, r->n);
        size_t k = 0;
        for (size_t t = 0; tables[t]; t++)
                for (const struct route *x = tables[t]; x->path; x++) {
                        struct entry *e = &r->entries[k++];
                        struct str parts[SEGMENTS_MAX];
                        e->route = x;
                        e->n = split(str_from(x->path), parts);
                        for (size_t i = 0; i < e->n; i++)
                                e->segments[i] = segment_of(parts[i]);
                }
        return r;
}

size_t router_routes(const struct router *r) { return r->n; }
const struct route *router_route(const struct router *r, size_t number) { return r->entries[number].route; }

/* How well the entry fits: 0 not at all; more is better. */
static uint64_t fits(const struct entry *e, const struct str *parts, size_t n)
{
        uint64_t score = 1;
        for (size_t i = 0; i < e->n; i++) {
                const struct segment *s = &e->segments[i];
                if (s->rest)
                        return n >= i + 1 ? score * 4 + 1 : 0;
                if (i >= n)
                        return 0;
                if (s->fixed.p) {
                        if (!str_eq(s->fixed, parts[i]))
                                return 0;
                        score = score * 4 + 3;
                } else {
                        if (parts[i].n <= s->suffix.n || !str_ends(parts[i], s->suffix))
                                return 0;
                        score = score * 4 + (s->suffix.n ? 2 : 1);
                }
        }
        return e->n == n ? score : 0;
}

static bool take_variables(const struct entry *e, const struct str *parts, size_t n, struct str path, struct exchange *x)
{
        for (size_t i = 0; i < e->n; i++) {
                const struct segment *s = &e->segments[i];
                if (!s->variable.p || x->variables_n == sizeof x->variables / sizeof *x->variables)
                        continue;
                struct str text = s->rest ? (struct str){parts[i].p, (size_t)(path.p + path.n - parts[i].p)} : str_sub(parts[i], 0, parts[i].n - s->suffix.n), value;
                if (!percent_decode(text, false, x->arena, &value))
                        return false;
                x->variables[x->variables_n].name = s->variable;
                x->variables[x->variables_n++].value = value;
        }
        (void)n;
        return true;
}

const struct route *router_find(const struct router *r, struct str method, struct str path, struct exchange *x, size_t *ret_number, struct str *ret_allowed)
{
        struct str parts[SEGMENTS_MAX];
        size_t n = split(path, parts), best = SIZE_MAX;
        uint64_t score = 0;
        *ret_allowed = STR_NONE;
        if (n == SIZE_MAX)
                return NULL;
        if (str_eq_c(method, "HEAD"))
                method = STR("GET");
        for (size_t i = 0; i < r->n; i++) {
                uint64_t f = fits(&r->entries[i], parts, n);
                if (!f)
                        continue;
                if (str_eq_c(method, r->entries[i].route->method)) {
                        if (f > score) {
                                score = f;
                                best = i;
                        }
                } else if (str_find(*ret_allowed, str_from(r->entries[i].route->method), 0) == SIZE_MAX)
                        *ret_allowed = arena_printf(x->arena, "%.*s%s%s", STR_FMT(*ret_allowed), ret_allowed->n ? ", " : "", r->entries[i].route->method);
        }
        if (best == SIZE_MAX || !take_variables(&r->entries[best], parts, n, path, x))
                return NULL;
        *ret_number = best;
        return r->entries[best].route;
}
