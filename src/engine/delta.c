/* Collecting what one step changes. */
#include "engine/internal.h"
#include <stdlib.h>

void delta_begin(struct run *r, struct delta *d, struct wall now)
{
        engine_bury(r);
        struct arena *a = d->arena;
        *d = (struct delta){.arena = a};
        r->delta = d;
        r->arena = a;
        r->now = now;
        r->dirty_n = 0;
        r->actions = NULL;
        r->cache = NULL;
        r->events = NULL;
        r->actions_n = r->actions_cap = r->cache_n = r->cache_cap = r->events_n = r->events_cap = r->history_n = 0;
        r->created = 0;
        r->run_dirty = r->reason_dirty = false;
        r->hard = false;
        r->work_n = r->work_at = 0;
}

/* Arrays of a delta live in its arena, which cannot grow them in place: copying on doubling keeps it linear. */
static void *grow_in_arena(struct run *r, void *p, uint32_t *cap, uint32_t n, size_t item_bytes)
{
        if (n < *cap)
                return p;
        uint32_t want = *cap ? *cap * 2 : 8;
        void *q = arena_alloc_array(r->arena, item_bytes, want);
        if (n)
                memcpy(q, p, n * item_bytes);
        *cap = want;
        return q;
}

struct action *action_add(struct run *r, enum action_kind kind, const struct node *n)
{
        r->actions = grow_in_arena(r, r->actions, &r->actions_cap, r->actions_n, sizeof *r->actions);
        struct action *a = &r->actions[r->actions_n++];
        *a = (struct action){.kind = kind, .node = n->row.no, .epoch = n->row.epoch, .attempt = n->row.attempt};
        r->hard = true;
        return a;
}

void event_add(struct run *r, uint32_t node, const char *kind, struct str text)
{
        r->events = grow_in_arena(r, r->events, &r->events_cap, r->events_n, sizeof *r->events);
        r->events[r->events_n++] = (struct delta_event){node, str_from(kind), arena_str(r->arena, text)};
}

void delta_end(struct run *r)
{
        struct delta *d = r->delta;
        struct node_row *rows = r->dirty_n ? arena_alloc_array(r->arena, sizeof *rows, r->dirty_n) : NULL;
        for (uint32_t i = 0; i < r->dirty_n; i++) {
                struct node *n = r->dirty[i];
                n->dirty = false;
                n->row.inputs = n->in ? n->in->b : (struct bindings){0};
                n->row.outputs = n->out ? n->out->b : (struct bindings){0};
                rows[d->nodes_n++] = n->row;
        }
        r->dirty_n = 0;
        d->nodes = rows;
        if (r->history_n) {
                uint32_t *h = arena_alloc_array(r->arena, sizeof *h, r->history_n);
                memcpy(h, r->history, r->history_n * sizeof *h);
                d->history = h;
                d->history_n = r->history_n;
        }
        if (r->cache_n) {
                d->cache = r->cache;
                d->cache_n = r->cache_n;
        }
        d->events = r->events;
        d->events_n = r->events_n;
        d->actions = r->actions;
        d->actions_n = r->actions_n;
        if (r->run_dirty || r->reason_dirty) {
                r->row.globals = r->globals ? r->globals->b : (struct bindings){0};
                r->row.outputs = r->outputs ? r->outputs->b : (struct bindings){0};
                struct run_row *row = arena_alloc(r->arena, sizeof *row);
                *row = r->row;
                d->run = row;
        }
        d->soft = !r->hard && !r->run_dirty && !d->history_n;
        r->delta = NULL;
}
