/* Memory of a run: nodes, shared values, texts, heaps, the map from numbers to nodes. */
#include "engine/internal.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void *engine_alloc(size_t size_bytes)
{
        void *p = calloc(1, size_bytes ? size_bytes : 1);
        if (!p)
                abort();
        return p;
}

void *engine_grow(void *p, uint32_t *cap, uint32_t n, size_t item_bytes)
{
        if (n < *cap)
                return p;
        uint32_t want = *cap ? *cap * 2 : 8;
        while (want <= n)
                want *= 2;
        p = realloc(p, want * item_bytes);
        if (!p)
                abort();
        memset((char *)p + *cap * item_bytes, 0, (want - *cap) * item_bytes);
        *cap = want;
        return p;
}

static struct str text_add(struct text **list, struct str s)
{
        if (!s.n)
                return STR("");
        struct text *t = engine_alloc(sizeof *t + s.n + 1);
        t->size_bytes = sizeof *t + s.n + 1;
        memcpy(t->p, s.p, s.n);
        t->next = *list;
        *list = t;
        return (struct str){t->p, s.n};
}

static void texts_free(struct text *t)
{
        while (t) {
                struct text *next = t->next;
                free(t);
                t = next;
        }
}

struct str node_text(struct run *r, struct node *n, struct str s) { return text_add(&n->texts, s); }

struct str run_text(struct run *r, struct str s) { return text_add(&r->texts, s); }

void heap_push(struct heap *h, uint64_t key, uint32_t no, uint32_t epoch)
{
        h->p = engine_grow(h->p, &h->cap, h->n, sizeof *h->p);
        uint32_t i = h->n++;
        while (i) {
                uint32_t up = (i - 1) / 2;
                if (h->p[up].key < key || (h->p[up].key == key && h->p[up].no <= no))
                        break;
                h->p[i] = h->p[up];
                i = up;
        }
        h->p[i] = (struct heap_entry){key, no, epoch};
}

static bool before(const struct heap_entry *a, const struct heap_entry *b) { return a->key < b->key || (a->key == b->key && a->no < b->no); }

bool heap_pop(struct heap *h, struct heap_entry *ret)
{
        if (!h->n)
                return false;
        *ret = h->p[0];
        struct heap_entry last = h->p[--h->n];
        uint32_t i = 0;
        for (;;) {
                uint32_t c = 2 * i + 1;
                if (c >= h->n)
                        break;
                if (c + 1 < h->n && before(&h->p[c + 1], &h->p[c]))
                        c++;
                if (!before(&h->p[c], &last))
                        break;
                h->p[i] = h->p[c];
                i = c;
        }
        if (h->n)
                h->p[i] = last;
        return true;
}

static uint32_t mix(uint32_t no) { return no * 2654435761u; }

static void map_insert(struct node **p, uint32_t cap, struct node *n)
{
        uint32_t i = mix(n->row.no) & (cap - 1);
        while (p[i])
                i = (i + 1) & (cap - 1);
        p[i] = n;
}

void map_put(struct run *r, struct node *n)
{
        if (r->map.n * 2 >= r->map.cap) {
                uint32_t cap = r->map.cap ? r->map.cap * 2 : 64;
                struct node **p = engine_alloc(cap * sizeof *p);
                for (uint32_t i = 0; i < r->map.cap; i++)
                        if (r->map.p[i])
                                map_insert(p, cap, r->map.p[i]);
                free(r->map.p);
                r->map.p = p;
                r->map.cap = cap;
        }
        map_insert(r->map.p, r->map.cap, n);
        r->map.n++;
}

struct node *map_get(const struct run *r, uint32_t no)
{
        if (!r->map.cap || !no)
                return NULL;
        for (uint32_t i = mix(no) & (r->map.cap - 1); r->map.p[i]; i = (i + 1) & (r->map.cap - 1))
                if (r->map.p[i]->row.no == no)
                        return r->map.p[i];
        return NULL;
}

void map_remove(struct run *r, uint32_t no)
{
        uint32_t mask = r->map.cap - 1, i = mix(no) & mask;
        while (r->map.p[i] && r->map.p[i]->row.no != no)
                i = (i + 1) & mask;
        if (!r->map.p[i])
                return;
        r->map.n--;
        for (uint32_t j = i;;) { /* close the gap so that later probes still find what lies behind it */
                j = (j + 1) & mask;
                if (!r->map.p[j])
                        break;
                uint32_t home = mix(r->map.p[j]->row.no) & mask;
                if (((j - home) & mask) >= ((j - i) & mask)) {
                        r->map.p[i] = r->map.p[j];
                        i = j;
                }
        }
        r->map.p[i] = NULL;
}

struct node *node_create(struct run *r, struct node *parent, enum node_role role, uint32_t task, uint32_t index)
{
        struct node *n = engine_alloc(sizeof *n);
        n->row.no = r->row.nodes_next++;
        n->row.epoch = r->row.epoch;
        n->row.parent = parent ? parent->row.no : 0;
        n->row.role = role;
        n->row.task = task;
        n->row.index = index;
        n->row.kind = NODE_KIND_CALL;
        n->row.template = UINT32_MAX;
        n->row.created_at = r->now;
        n->row.cpu_us = n->row.rss_max_bytes = -1;
        n->parent = parent;
        n->depth = parent ? parent->depth + (parent->row.kind == NODE_KIND_GRAPH ? 1 : 0) : 0;
        n->row.on_stop = parent && parent->row.on_stop;
        r->created++;
        map_put(r, n);
        return n;
}

void node_dirty(struct run *r, struct node *n)
{
        if (n->dirty)
                return;
        n->dirty = true;
        r->dirty = engine_grow(r->dirty, &r->dirty_cap, r->dirty_n, sizeof(struct node *));
        r->dirty[r->dirty_n++] = n;
}

void node_free(struct run *r, struct node *n)
{
        if (n->dead)
                return;
        n->dead = true;
        map_remove(r, n->row.no);
        n->next_dead = r->dead;
        r->dead = n;
}

static void free_tree(struct run *r, struct node *n)
{
        node_free_below(r, n);
        node_free(r, n);
}

void node_free_children(struct run *r, struct node *n)
{
        for (uint32_t i = 0; i < n->slots_n; i++)
                if (n->slots[i]) {
                        free_tree(r, n->slots[i]);
                        n->slots[i] = NULL;
                }
        for (uint32_t i = 0; i < n->items_n; i++)
                if (n->items[i].node) {
                        free_tree(r, n->items[i].node);
                        n->items[i].node = NULL;
                }
        if (n->attempt_node)
                free_tree(r, n->attempt_node);
        if (n->attempt_before)
                free_tree(r, n->attempt_before);
        n->attempt_node = n->attempt_before = NULL;
}

void node_free_below(struct run *r, struct node *n)
{
        node_free_children(r, n);
        for (uint32_t i = 0; i < n->hooks_n; i++)
                free_tree(r, n->hooks[i]);
        n->hooks_n = 0;
}

static void node_destroy(struct run *r, struct node *n)
{
        for (uint32_t i = 0; i < n->items_n; i++)
                box_release(r, n->items[i].outputs);
        box_release(r, n->in);
        box_release(r, n->out);
        texts_free(n->texts);
        free(n->hooks);
        free(n->slots);
        free(n->deps_left);
        free(n->waiting.p);
        free(n->items);
        free(n->item_at);
        free(n);
}

void engine_bury(struct run *r)
{
        while (r->dead) {
                struct node *n = r->dead;
                r->dead = n->next_dead;
                node_destroy(r, n);
        }
        for (uint32_t i = 0; i < r->dead_boxes_n; i++)
                box_free(r, r->dead_boxes[i]);
        r->dead_boxes_n = 0;
}

void engine_free(struct run *r)
{
        if (!r)
                return;
        for (uint32_t i = 0; i < r->map.cap; i++) /* not by the tree: a run that could not be loaded has none */
                if (r->map.p[i]) {
                        r->map.p[i]->dead = true;
                        r->map.p[i]->next_dead = r->dead;
                        r->dead = r->map.p[i];
                }
        box_release(r, r->parameters);
        box_release(r, r->globals);
        box_release(r, r->outputs);
        engine_bury(r);
        for (uint32_t i = 0; r->plans && i < r->w->templates_n; i++) {
                free(r->plans[i].after_at);
                free(r->plans[i].after);
                free(r->plans[i].wanted);
                free(r->plans[i].order);
        }
        failures_forget(r);
        free(r->failures);
        free(r->plans);
        free(r->map.p);
        free(r->timers.p);
        free(r->waiting.p);
        free(r->expanding.p);
        free(r->dirty);
        free(r->work);
        free(r->dead_boxes);
        free(r->stored.p);
        free(r->blobs.p);
        free(r->history);
        free(r->resumed);
        free(r->rehooked);
        texts_free(r->texts);
        free(r);
}

static size_t texts_bytes(const struct text *t)
{
        size_t n = 0;
        for (; t; t = t->next)
                n += t->size_bytes;
        return n;
}

static size_t node_bytes(const struct node *n)
{
        return sizeof *n + texts_bytes(n->texts) + n->slots_n * (sizeof *n->slots + sizeof *n->deps_left) + n->waiting.cap * sizeof *n->waiting.p +
               n->items_cap * sizeof *n->items + n->hooks_n * sizeof *n->hooks + (n->item_at ? (n->row.children_total + 2) * sizeof *n->item_at : 0);
}

size_t engine_memory_bytes(const struct run *r)
{
        size_t n = sizeof *r + r->value_bytes + texts_bytes(r->texts) + (r->map.cap + r->dirty_cap + r->dead_boxes_cap) * sizeof(void *) +
                   (r->timers.cap + r->waiting.cap + r->expanding.cap) * sizeof(struct heap_entry) + r->work_cap * sizeof(struct work) +
                   r->stored.cap * sizeof *r->stored.p + r->blobs.cap * sizeof *r->blobs.p + r->failures_cap * sizeof *r->failures;
        for (uint32_t i = 0; i < r->map.cap; i++)
                if (r->map.p[i])
                        n += node_bytes(r->map.p[i]);
        return n;
}

/* "limit,on,backoff,factor*1e6,cap,total,conditional,timeout,deadline,base,flags,timeout's end"; empty when all is zero. */
void limits_encode(struct run *r, struct node *n)
{
        const struct limits *l = &n->limits;
        if (!l->has_retry && !l->timeout_us && !l->deadline_us && !l->no_cache && !l->each)
                return;
        char t[256];
        int k = snprintf(t, sizeof t, "%lld,%u,%lld,%lld,%lld,%lld,%d,%lld,%lld,%u,%d,%lld", (long long)l->retry.limit, l->retry.on,
                         (long long)l->retry.backoff_us, (long long)(l->retry.backoff_factor * 1e6), (long long)l->retry.backoff_cap_us,
                         (long long)l->retry.backoff_total_us, l->retry.conditional, (long long)l->timeout_us, (long long)l->deadline_us, l->base,
                         (int)l->no_cache | (int)l->each << 1 | (int)l->has_retry << 2,
                         (long long)l->timeout_at_us);
        n->row.retry = node_text(r, n, (struct str){t, (size_t)k});
}

void limits_decode(struct str s, struct limits *ret)
{
        int64_t v[12] = {0};
        for (int i = 0; i < 12 && s.p; i++) {
                struct str one = str_cut(&s, ',');
                (void)str_to_i64(one, &v[i]);
        }
        *ret = (struct limits){.retry = {v[0], (uint32_t)v[1], v[2], (double)v[3] / 1e6, v[4], v[5], v[6] != 0},
                               .timeout_us = v[7],
                               .deadline_us = v[8],
                               .base = (uint32_t)v[9],
                               .no_cache = v[10] & 1,
                               .each = v[10] & 2,
                               .has_retry = v[10] & 4,
                               .timeout_at_us = v[11]};
}

const struct plan *plan_of(struct run *r, const struct template *t)
{
        struct plan *p = &r->plans[t - r->w->templates];
        if (p->ready)
                return p;
        p->after_at = engine_alloc((t->tasks_n + 2) * sizeof(uint32_t));
        size_t edges = 0;
        for (uint32_t i = 0; i < t->tasks_n; i++) {
                edges += t->tasks[i].deps_n;
                for (uint32_t k = 0; k < t->tasks[i].deps_n; k++)
                        p->after_at[t->tasks[i].deps[k] + 2]++;
        }
        for (uint32_t i = 2; i < t->tasks_n + 2; i++)
                p->after_at[i] += p->after_at[i - 1];
        p->after = engine_alloc(edges * sizeof(uint32_t));
        for (uint32_t i = 0; i < t->tasks_n; i++)
                for (uint32_t k = 0; k < t->tasks[i].deps_n; k++)
                        p->after[p->after_at[t->tasks[i].deps[k] + 1]++] = i;
        p->order = engine_alloc((t->tasks_n + 1) * sizeof(uint32_t));
        uint32_t *left = engine_alloc((t->tasks_n + 1) * sizeof(uint32_t)), head = 0, tail = 0;
        for (uint32_t i = 0; i < t->tasks_n; i++)
                if (!(left[i] = t->tasks[i].deps_n))
                        p->order[tail++] = i;
        for (; head < tail; head++)
                for (uint32_t k = p->after_at[p->order[head]]; k < p->after_at[p->order[head] + 1]; k++)
                        if (!--left[p->after[k]])
                                p->order[tail++] = p->after[k];
        free(left);
        p->wanted = engine_alloc(t->tasks_n);
        if (t->assess == ASSESS_TARGETS) {
                uint32_t *stack = engine_alloc((edges + t->targets_n + 1) * sizeof(uint32_t)), n = 0;
                for (uint32_t i = 0; i < t->targets_n; i++)
                        stack[n++] = t->targets[i];
                while (n) {
                        uint32_t i = stack[--n];
                        if (p->wanted[i])
                                continue;
                        p->wanted[i] = true;
                        p->wanted_n++;
                        for (uint32_t k = 0; k < t->tasks[i].deps_n; k++)
                                stack[n++] = t->tasks[i].deps[k];
                }
                free(stack);
        } else {
                memset(p->wanted, 1, t->tasks_n);
                p->wanted_n = t->tasks_n;
        }
        p->ready = true;
        return p;
}
