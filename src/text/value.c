#include "text/value.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct value value_null = {.kind = VALUE_NULL};

struct value value_bool(bool b) { return (struct value){.kind = VALUE_BOOL, .boolean = b}; }
struct value value_string(struct str s) { return (struct value){.kind = VALUE_STRING, .text = s}; }
struct value value_list(struct value *items, size_t n) { return (struct value){.kind = VALUE_LIST, .list = {items, n}}; }
struct value value_map(struct value_member *members, size_t n) { return (struct value){.kind = VALUE_MAP, .map = {members, n}}; }

struct value value_i64(int64_t i, struct arena *a)
{
        return (struct value){.kind = VALUE_NUMBER, .text = arena_printf(a, "%lld", (long long)i)};
}

/* The next larger decimal of as many digits; false when it would have one more. */
static bool digits_up(char *t)
{
        char *p = strchr(t, 'e');
        while (--p >= t && *p != '-') {
                if (*p == '.')
                        continue;
                if (*p != '9') {
                        (*p)++;
                        return true;
                }
                *p = '0';
        }
        return false;
}

/* The fewest digits that read back as d, in the form of "%e". Of n digits the nearest decimal is tried; a power of two lies
 * nearer to the number below it than to the one above, so there the next decimal can be right where the nearest is wrong. */
static void shortest(double d, char *t, size_t size)
{
        int ignored;
        bool lopsided = fabs(frexp(d, &ignored)) == 0.5;
        double back = 0;
        for (int precision = 0; precision < 18; precision++) {
                snprintf(t, size, "%.*e", precision, d);
                (void)str_to_double(str_from(t), &back);
                if (back != d && lopsided && digits_up(t))
                        (void)str_to_double(str_from(t), &back);
                if (back == d)
                        return;
        }
}

/* The digits, placed as Go's encoding/json does. */
struct value value_double(double d, struct arena *a)
{
        assert(isfinite(d));
        char t[40], digits[24];
        shortest(d, t, sizeof t);
        size_t n = 0;
        const char *p = t;
        bool negative = *p == '-';
        for (; *p && *p != 'e'; p++)
                if (*p >= '0' && *p <= '9')
                        digits[n++] = *p;
        int64_t exponent = 0;
        (void)str_to_i64(str_from(p + 1), &exponent);
        while (n > 1 && digits[n - 1] == '0')
                n--;
        const char *sign = negative ? "-" : "";
        struct str s;
        if (d == 0)
                s = arena_printf(a, "%s0", sign);
        else if (exponent < -6 || exponent >= 21)
                s = arena_printf(a, "%s%c%s%.*se%c%lld", sign, digits[0], n > 1 ? "." : "", (int)n - 1, digits + 1, exponent < 0 ? '-' : '+',
                                 (long long)(exponent < 0 ? -exponent : exponent));
        else if (exponent < 0)
                s = arena_printf(a, "%s0.%0*d%.*s", sign, (int)(-exponent - 1), 0, (int)n, digits);
        else if ((size_t)exponent + 1 >= n)
                s = arena_printf(a, "%s%.*s%.*s", sign, (int)n, digits, (int)((size_t)exponent + 1 - n), "000000000000000000000");
        else
                s = arena_printf(a, "%s%.*s.%.*s", sign, (int)exponent + 1, digits, (int)(n - (size_t)exponent - 1), digits + exponent + 1);
        if (d != 0 && exponent == -1) /* a field width of 0 would still print one zero */
                s = arena_printf(a, "%s0.%.*s", sign, (int)n, digits);
        return (struct value){.kind = VALUE_NUMBER, .text = s};
}

const struct value *value_get(const struct value *map, struct str key)
{
        if (!map || map->kind != VALUE_MAP)
                return NULL;
        for (size_t i = 0; i < map->map.n; i++)
                if (str_eq(map->map.members[i].key, key))
                        return &map->map.members[i].value;
        return NULL;
}

const struct value *value_get_c(const struct value *map, const char *key) { return value_get(map, str_from(key)); }

bool value_to_double(const struct value *v, double *ret)
{
        double d;
        if (!v || v->kind != VALUE_NUMBER || !str_to_double(v->text, &d) || !isfinite(d))
                return false;
        *ret = d;
        return true;
}

bool value_to_i64(const struct value *v, int64_t *ret)
{
        double d;
        if (!v || v->kind != VALUE_NUMBER)
                return false;
        if (str_to_i64(v->text, ret))
                return true;
        if (!str_to_double(v->text, &d) || d != floor(d) || d < -9007199254740992.0 || d > 9007199254740992.0)
                return false;
        *ret = (int64_t)d;
        return true;
}

static int by_key(const void *a, const void *b)
{
        const struct value_member *const *x = a, *const *y = b;
        return str_cmp((*x)->key, (*y)->key);
}

static const struct value_member **sorted(const struct value *map)
{
        const struct value_member **order = malloc((map->map.n + 1) * sizeof *order);
        if (!order)
                abort();
        for (size_t i = 0; i < map->map.n; i++)
                order[i] = &map->map.members[i];
        qsort(order, map->map.n, sizeof *order, by_key);
        return order;
}

/* Most maps that are equal are so in the same order; else both are sorted, for maps of parameters may be large. */
static bool map_equal(const struct value *a, const struct value *b)
{
        if (a->map.n != b->map.n)
                return false;
        size_t i = 0;
        while (i < a->map.n && str_eq(a->map.members[i].key, b->map.members[i].key)) {
                if (!value_equal(&a->map.members[i].value, &b->map.members[i].value))
                        return false;
                i++;
        }
        if (i == a->map.n)
                return true;
        const struct value_member **x = sorted(a), **y = sorted(b);
        bool equal = true;
        for (i = 0; equal && i < a->map.n; i++)
                equal = str_eq(x[i]->key, y[i]->key) && value_equal(&x[i]->value, &y[i]->value);
        free(x);
        free(y);
        return equal;
}

bool value_equal(const struct value *a, const struct value *b)
{
        double x, y;
        if (a->kind != b->kind)
                return false;
        switch (a->kind) {
        case VALUE_NULL:
                return true;
        case VALUE_BOOL:
                return a->boolean == b->boolean;
        case VALUE_NUMBER:
                return str_eq(a->text, b->text) || (str_to_double(a->text, &x) && str_to_double(b->text, &y) && x == y);
        case VALUE_STRING:
                return str_eq(a->text, b->text);
        case VALUE_LIST:
                if (a->list.n != b->list.n)
                        return false;
                for (size_t i = 0; i < a->list.n; i++)
                        if (!value_equal(&a->list.items[i], &b->list.items[i]))
                                return false;
                return true;
        case VALUE_MAP:
                return map_equal(a, b);
        }
        return false;
}

bool value_is_number_text(struct str s)
{
        size_t i = 0;
        if (i < s.n && s.p[i] == '-')
                i++;
        if (i == s.n || s.p[i] < '0' || s.p[i] > '9')
                return false;
        if (s.p[i] == '0')
                i++;
        else
                while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
                        i++;
        if (i < s.n && s.p[i] == '.') {
                size_t at = ++i;
                while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
                        i++;
                if (i == at)
                        return false;
        }
        if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
                i++;
                if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
                        i++;
                size_t at = i;
                while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
                        i++;
                if (i == at)
                        return false;
        }
        return i == s.n;
}

const char *value_kind_name(enum value_kind k)
{
        static const char *const names[] = {"null", "boolean", "number", "string", "list", "map"};
        return k <= VALUE_MAP ? names[k] : "?";
}

struct value value_copy(const struct value *v, struct arena *a)
{
        struct value c = *v;
        if (v->kind == VALUE_NUMBER || v->kind == VALUE_STRING)
                c.text = arena_str(a, v->text);
        else if (v->kind == VALUE_LIST) {
                c.list.items = arena_alloc_array(a, sizeof *c.list.items, c.list.n);
                for (size_t i = 0; i < c.list.n; i++)
                        c.list.items[i] = value_copy(&v->list.items[i], a);
        } else if (v->kind == VALUE_MAP) {
                c.map.members = arena_alloc_array(a, sizeof *c.map.members, c.map.n);
                for (size_t i = 0; i < c.map.n; i++) {
                        c.map.members[i] = v->map.members[i];
                        c.map.members[i].key = arena_str(a, v->map.members[i].key);
                        c.map.members[i].value = value_copy(&v->map.members[i].value, a);
                }
        }
        return c;
}

static void *grow(struct arena *a, void *p, size_t *cap, size_t n, size_t item)
{
        if (n < *cap)
                return p;
        *cap = *cap ? *cap * 2 : 8;
        void *q = arena_alloc_array(a, item, *cap);
        if (n)
                memcpy(q, p, n * item);
        return q;
}

void value_push(struct value_builder *b, struct value v)
{
        b->items = grow(b->arena, b->items, &b->cap, b->n, sizeof *b->items);
        b->items[b->n++] = v;
}

void map_push(struct map_builder *b, struct str key, struct value v)
{
        b->members = grow(b->arena, b->members, &b->cap, b->n, sizeof *b->members);
        b->members[b->n++] = (struct value_member){.key = key, .value = v};
}

void map_set(struct map_builder *b, struct str key, struct value v)
{
        for (size_t i = 0; i < b->n; i++)
                if (str_eq(b->members[i].key, key)) {
                        b->members[i].value = v;
                        return;
                }
        map_push(b, key, v);
}
