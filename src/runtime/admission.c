/* The structure behind admission.h:
 *
 *   groups     what a limit is for: a namespace, a pipeline, a user; by name, while a flow is in it
 *   users      those with something waiting, in a heap by (running, served)
 *   classes    of a user: flows that the same limits hold back. Whether a flow may start is asked once for all of its class
 *   flows      of a class: those with something waiting, in a heap by (priority, running, served, order of coming)
 *
 * Invariants (admission_check):
 *  C1  a flow is in its class's heap, and a user in the heap of users, exactly while something waits in it;
 *  C2  the counts of a group are the sums over its flows. */
#include "runtime/admission.h"
#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

enum { NOWHERE = UINT32_MAX, ITEMS_KEPT = 64 };

struct heap { void **p; uint32_t n, cap; };

struct class;
struct group {
        enum admission_kind kind;
        uint32_t max, running, refs;
        char *key;                    /* one letter for the kind, and the name */
        UT_hash_handle hh;
        /* users */
        uint32_t at, waiting;
        uint64_t served;
        struct class *classes;
};

struct class {
        struct class *next;
        struct group *of[ADMIT_KINDS]; /* the pipeline: NULL when there is none */
        uint32_t refs;
        struct heap flows;
};

struct admission_flow {
        struct class *class;
        void *owner;
        uint64_t served, came;
        struct admission_item *items;
        uint32_t first, end, cap, waiting, hint; /* items[first..end); taken out: node 0 */
        uint32_t at, running;
        int32_t priority;
};

struct exception { struct exception *next; uint32_t max; char key[]; };

struct admission {
        const char *what;
        uint32_t max, each_max[ADMIT_KINDS], running, waiting;
        uint64_t turn;
        struct group *groups;
        struct heap users;
        struct exception *exceptions;
};

static void *need(void *p)
{
        if (!p)
                abort();
        return p;
}

/* ---- heaps whose members know where they are ---- */

typedef bool before_fn(const void *a, const void *b);
typedef uint32_t *at_fn(void *x);

static bool user_before(const void *a, const void *b)
{
        const struct group *x = a, *y = b;
        if (x->running != y->running)
                return x->running < y->running;
        return x->served != y->served ? x->served < y->served : strcmp(x->key, y->key) < 0;
}
static uint32_t *user_at(void *x) { return &((struct group *)x)->at; }

static bool flow_before(const void *a, const void *b)
{
        const struct admission_flow *x = a, *y = b;
        if (x->priority != y->priority)
                return x->priority > y->priority;
        if (x->running != y->running)
                return x->running < y->running;
        return x->served != y->served ? x->served < y->served : x->came < y->came;
}
static uint32_t *flow_at(void *x) { return &((struct admission_flow *)x)->at; }

static void heap_place(struct heap *h, uint32_t i, void *x, at_fn *at)
{
        h->p[i] = x;
        *at(x) = i;
}

static void heap_fix(struct heap *h, uint32_t i, before_fn *before, at_fn *at)
{
        void *x = h->p[i];
        while (i && before(x, h->p[(i - 1) / 2])) {
                heap_place(h, i, h->p[(i - 1) / 2], at);
                i = (i - 1) / 2;
        }
        for (;;) {
                uint32_t c = 2 * i + 1;
                if (c + 1 < h->n && before(h->p[c + 1], h->p[c]))
                        c++;
                if (c >= h->n || !before(h->p[c], x))
                        break;
                heap_place(h, i, h->p[c], at);
                i = c;
        }
        heap_place(h, i, x, at);
}

static void heap_add(struct heap *h, void *x, before_fn *before, at_fn *at)
{
        if (h->n == h->cap) {
                h->cap = h->cap ? h->cap * 2 : 4;
                h->p = need(realloc(h->p, h->cap * sizeof *h->p));
        }
        heap_place(h, h->n++, x, at);
        heap_fix(h, h->n - 1, before, at);
}

static void heap_remove(struct heap *h, void *x, before_fn *before, at_fn *at)
{
        uint32_t i = *at(x);
        *at(x) = NOWHERE;
        if (i != --h->n) {
                heap_place(h, i, h->p[h->n], at);
                heap_fix(h, i, before, at);
        }
        if (!h->n) {
                free(h->p);
                *h = (struct heap){0};
        }
}

/* ---- groups and classes ---- */

static char *key_of(enum admission_kind kind, struct str name)
{
        char *key = need(malloc(name.n + 2));
        key[0] = "npu"[kind];
        if (name.n)
                memcpy(key + 1, name.p, name.n);
        key[name.n + 1] = 0;
        return key;
}

static struct group *group_ref(struct admission *a, enum admission_kind kind, struct str name)
{
        char *key = key_of(kind, name);
        struct group *g;
        HASH_FIND_STR(a->groups, key, g);
        if (g) {
                free(key);
                g->refs++;
                return g;
        }
        g = need(calloc(1, sizeof *g));
        *g = (struct group){.kind = kind, .max = a->each_max[kind], .refs = 1, .key = key, .at = NOWHERE};
        for (const struct exception *x = a->exceptions; x; x = x->next)
                if (strcmp(x->key, key) == 0)
                        g->max = x->max;
        HASH_ADD_KEYPTR(hh, a->groups, g->key, strlen(g->key), g);
        return g;
}

static void group_unref(struct admission *a, struct group *g)
{
        if (!g || --g->refs)
                return;
        HASH_DEL(a->groups, g);
        free(g->key);
        free(g);
}

static struct class *class_ref(struct admission *a, const struct str names[ADMIT_KINDS])
{
        struct group *of[ADMIT_KINDS];
        for (int k = 0; k < ADMIT_KINDS; k++)
                of[k] = k == ADMIT_PIPELINE && !names[k].n ? NULL : group_ref(a, (enum admission_kind)k, names[k]);
        struct class *c = of[ADMIT_USER]->classes;
        while (c && memcmp(c->of, of, sizeof of) != 0)
                c = c->next;
        if (c) {
                c->refs++;
                for (int k = 0; k < ADMIT_KINDS; k++)
                        group_unref(a, of[k]);
                return c;
        }
        c = need(calloc(1, sizeof *c));
        memcpy(c->of, of, sizeof of);
        c->refs = 1;
        c->next = of[ADMIT_USER]->classes;
        of[ADMIT_USER]->classes = c;
        return c;
}

static void class_unref(struct admission *a, struct class *c)
{
        if (--c->refs)
                return;
        struct class **at = &c->of[ADMIT_USER]->classes;
        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        for (int k = 0; k < ADMIT_KINDS; k++)
                group_unref(a, c->of[k]);
        free(c);
}

/* ---- making and freeing ---- */

struct admission *admission_new(const char *what, uint32_t max, const uint32_t each_max[ADMIT_KINDS])
{
        struct admission *a = need(calloc(1, sizeof *a));
        a->what = what;
        a->max = max;
        memcpy(a->each_max, each_max, sizeof a->each_max);
        return a;
}

void admission_free(struct admission *a)
{
        if (!a)
                return;
        assert(!a->groups);
        for (struct exception *x = a->exceptions, *next; x; x = next) {
                next = x->next;
                free(x);
        }
        free(a->users.p);
        free(a);
}

void admission_except(struct admission *a, enum admission_kind kind, struct str name, uint32_t max)
{
        char *key = key_of(kind, name);
        struct exception *x = need(malloc(sizeof *x + strlen(key) + 1));
        strcpy(x->key, key);
        x->max = max;
        struct exception **end = &a->exceptions; /* of two for one name the later counts */
        while (*end)
                end = &(*end)->next;
        x->next = NULL;
        *end = x;
        struct group *g;
        HASH_FIND_STR(a->groups, key, g);
        if (g)
                g->max = max;
        free(key);
}

struct admission_flow *admission_flow_new(struct admission *a, const struct str names[ADMIT_KINDS], int32_t priority, void *owner)
{
        struct admission_flow *f = need(calloc(1, sizeof *f));
        *f = (struct admission_flow){.class = class_ref(a, names), .owner = owner, .priority = priority, .at = NOWHERE, .came = ++a->turn};
        return f;
}

static void count(struct admission *a, struct admission_flow *f, uint32_t more, uint32_t less)
{
        a->running += more - less;
        f->running += more - less;
        for (int k = 0; k < ADMIT_KINDS; k++)
                if (f->class->of[k])
                        f->class->of[k]->running += more - less;
        struct group *u = f->class->of[ADMIT_USER];
        if (f->at != NOWHERE)
                heap_fix(&f->class->flows, f->at, flow_before, flow_at);
        if (u->at != NOWHERE)
                heap_fix(&a->users, u->at, user_before, user_at);
}

void admission_flow_free(struct admission *a, struct admission_flow *f)
{
        if (!f)
                return;
        assert(!f->waiting);
        count(a, f, 0, f->running);
        class_unref(a, f->class);
        free(f->items);
        free(f);
}

void *admission_owner(const struct admission_flow *f) { return f->owner; }

void admission_prioritize(struct admission *a, struct admission_flow *f, int32_t priority)
{
        (void)a;
        f->priority = priority;
        if (f->at != NOWHERE)
                heap_fix(&f->class->flows, f->at, flow_before, flow_at);
}

/* ---- what waits ---- */

static void make_room(struct admission_flow *f)
{
        if (f->end < f->cap)
                return;
        if (f->waiting * 2 <= f->cap && f->cap) { /* holes */
                uint32_t n = 0;
                for (uint32_t i = f->first; i < f->end; i++)
                        if (f->items[i].node)
                                f->items[n++] = f->items[i];
                f->first = f->hint = 0;
                f->end = n;
                return;
        }
        f->cap = f->cap ? f->cap * 2 : 2;
        f->items = need(realloc(f->items, f->cap * sizeof *f->items));
}

void admission_push(struct admission *a, struct admission_flow *f, const struct admission_item *item)
{
        assert(item->node);
        make_room(f);
        f->items[f->end++] = *item;
        struct group *u = f->class->of[ADMIT_USER];
        a->waiting++;
        if (!f->waiting++)
                heap_add(&f->class->flows, f, flow_before, flow_at);
        if (!u->waiting++)
                heap_add(&a->users, u, user_before, user_at);
}

static struct admission_item take(struct admission *a, struct admission_flow *f, uint32_t i)
{
        struct admission_item x = f->items[i];
        f->items[i].node = 0;
        struct group *u = f->class->of[ADMIT_USER];
        a->waiting--;
        if (!--f->waiting) {
                heap_remove(&f->class->flows, f, flow_before, flow_at);
                f->first = f->end = f->hint = 0;
                if (f->cap > ITEMS_KEPT) {
                        free(f->items);
                        f->items = NULL;
                        f->cap = 0;
                }
        } else
                while (!f->items[f->first].node)
                        f->first++;
        if (!--u->waiting)
                heap_remove(&a->users, u, user_before, user_at);
        return x;
}

bool admission_remove(struct admission *a, struct admission_flow *f, uint32_t node, uint32_t epoch, uint32_t attempt, struct admission_item *ret)
{
        uint32_t from = f->hint < f->first || f->hint >= f->end ? f->first : f->hint;
        for (uint32_t k = 0, n = f->end - f->first; k < n; k++) {
                uint32_t i = from + k < f->end ? from + k : from + k - n;
                const struct admission_item *x = &f->items[i];
                if (x->node != node || x->epoch != epoch || x->attempt != attempt)
                        continue;
                f->hint = i + 1;
                *ret = take(a, f, i);
                return true;
        }
        return false;
}

bool admission_pop_any(struct admission *a, struct admission_flow *f, struct admission_item *ret)
{
        if (!f->waiting)
                return false;
        *ret = take(a, f, f->first);
        return true;
}

/* ---- whose turn it is ---- */

static bool full(const struct group *g) { return g && g->max && g->running >= g->max; }

static struct admission_flow *next_of(const struct group *u)
{
        struct admission_flow *best = NULL;
        if (full(u))
                return NULL;
        for (struct class *c = u->classes; c; c = c->next)
                if (c->flows.n && !full(c->of[ADMIT_NAMESPACE]) && !full(c->of[ADMIT_PIPELINE]) && (!best || flow_before(c->flows.p[0], best)))
                        best = c->flows.p[0];
        return best;
}

bool admission_next(struct admission *a, struct admission_flow **ret, struct admission_item *ret_item)
{
        if (!a->waiting || (a->max && a->running >= a->max))
                return false;
        struct admission_flow *f = NULL;
        struct group **aside = NULL;
        uint32_t n = 0, all = a->users.n;
        while (a->users.n && !(f = next_of(a->users.p[0]))) {
                if (!aside)
                        aside = need(malloc(all * sizeof *aside));
                aside[n] = a->users.p[0];
                heap_remove(&a->users, aside[n++], user_before, user_at);
        }
        for (uint32_t i = 0; i < n; i++)
                heap_add(&a->users, aside[i], user_before, user_at);
        free(aside);
        if (!f)
                return false;
        *ret = f;
        *ret_item = f->items[f->first];
        return true;
}

void admission_start(struct admission *a, struct admission_flow *f)
{
        struct group *u = f->class->of[ADMIT_USER];
        f->served = u->served = ++a->turn;
        count(a, f, 1, 0); /* puts both where they belong now, while they are still in their heaps */
        take(a, f, f->first);
}

void admission_skip(struct admission *a, struct admission_flow *f) { take(a, f, f->first); }

void admission_adopt(struct admission *a, struct admission_flow *f) { count(a, f, 1, 0); }

void admission_ended(struct admission *a, struct admission_flow *f)
{
        assert(f->running);
        count(a, f, 0, 1);
}

/* ---- looking ---- */

uint32_t admission_waiting(const struct admission *a) { return a->waiting; }
uint32_t admission_running(const struct admission *a) { return a->running; }
uint32_t admission_flow_waiting(const struct admission_flow *f) { return f->waiting; }
uint32_t admission_flow_running(const struct admission_flow *f) { return f->running; }

bool admission_limit(const struct admission *a, const struct admission_flow *f, struct buf *out)
{
        static const char *const names[] = {"namespace", "pipeline", "user"};
        for (int k = ADMIT_KINDS; k-- > 0;) {
                const struct group *g = f->class->of[k];
                if (!full(g))
                        continue;
                buf_addf(out, "%u of %u %s of ", g->running, g->max, a->what);
                if (g->key[1])
                        buf_addf(out, "%s %s run", names[k], g->key + 1);
                else
                        buf_addf(out, "nobody's run");
                return true;
        }
        if (!a->max || a->running < a->max)
                return false;
        buf_addf(out, "%u of %u %s run", a->running, a->max, a->what);
        return true;
}

static void check_heap(const struct heap *h, before_fn *before, at_fn *at)
{
        for (uint32_t i = 0; i < h->n; i++) {
                assert(*at(h->p[i]) == i);
                assert(!i || !before(h->p[i], h->p[(i - 1) / 2]));
        }
}

void admission_check(const struct admission *a)
{
        uint32_t waiting = 0;
        check_heap(&a->users, user_before, user_at);
        for (const struct group *g = a->groups; g; g = g->hh.next) {
                uint32_t mine = 0;
                for (const struct class *c = g->classes; c; c = c->next) {
                        check_heap(&c->flows, flow_before, flow_at);
                        for (uint32_t i = 0; i < c->flows.n; i++) {
                                const struct admission_flow *f = c->flows.p[i];
                                assert(f->waiting && f->items[f->first].node);
                                mine += f->waiting;
                        }
                }
                assert(mine == g->waiting);
                assert((g->at != NOWHERE) == (g->waiting > 0));
                waiting += mine;
        }
        assert(waiting == a->waiting);
}
