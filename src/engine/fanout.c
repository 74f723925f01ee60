/* Fan-outs: items are created in order, as many at a time as may be under way; a final item shrinks to what is gathered. */
#include "engine/internal.h"
#include <stdlib.h>

/* Offsets of the elements in the JSON list `items`, so that an item's text is a slice of it. False: it has another number of them. */
bool fanout_index(struct node *f)
{
        struct str s = f->row.items;
        f->item_at = engine_alloc((f->row.children_total + 2) * sizeof *f->item_at);
        uint32_t n = 0, depth = 0;
        bool quoted = false;
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                if (quoted) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                quoted = false;
                        continue;
                }
                if (c == '"')
                        quoted = true;
                else if (c == '[' || c == '{')
                        depth++;
                else if (c == ']' || c == '}')
                        depth--;
                if ((c == '[' && i == 0) || (c == ',' && depth == 1)) {
                        if (n == f->row.children_total)
                                return false;
                        f->item_at[n++] = (uint32_t)i + 1;
                }
        }
        f->item_at[f->row.children_total] = (uint32_t)s.n;
        return n == f->row.children_total && depth == 0;
}

struct str fanout_item(const struct node *f, uint32_t i)
{
        return str_sub(f->row.items, f->item_at[i], f->item_at[i + 1] - 1u);
}

void item_start(struct run *r, struct node *f, struct node *n, bool each)
{
        struct scope scope;
        struct site s;
        struct error e = {0};
        if (is_closing(r, n)) {
                n->row.stop_ordered = true;
                node_finish(r, n, NODE_OMITTED, STR("not started: the run is ending"));
                return;
        }
        site_call(r, graph_of(f), f->row.task, &scope, &s);
        site_item(&s, &scope, n->row.item, n->row.index);
        if (each) {
                enum verdict v = VERDICT_YES;
                struct str message = STR("");
                if (!r->w->language->eval_when(&s, &v, &message, &e)) {
                        node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                        return;
                }
                if (v == VERDICT_NO) {
                        node_finish(r, n, NODE_SKIPPED, message);
                        return;
                }
        }
        if (call_resolve(r, n, &s))
                node_enter(r, n);
}

static uint32_t items_at_once(const struct run *r, const struct node *f)
{
        uint32_t limit = f->task->items_parallelism;
        return limit && limit < r->set.window ? limit : r->set.window;
}

void fanout_reenter_item(struct run *r, struct node *f, struct node *n)
{
        f->items_active++;
        work_add(r, WORK_ENTER, n, 0);
}

static struct node *next_reopened(struct node *f)
{
        while (f->items_scan < f->items_n) {
                struct node *n = f->items[f->items_scan++].node;
                if (n && n->reopened)
                        return n;
        }
        return NULL;
}

void fanout_expand(struct run *r, struct node *f)
{
        if (node_state_final(f->row.state) || is_closing(r, f))
                return;
        while (f->items_active < items_at_once(r, f)) {
                struct node *again = next_reopened(f);
                if (again) {
                        fanout_reenter_item(r, f, again);
                        continue;
                }
                if (f->items_n >= f->row.children_total)
                        return;
                if (r->created >= r->set.step_nodes_max) {
                        heap_push(&r->expanding, f->row.no, f->row.no, f->row.epoch);
                        return;
                }
                uint32_t i = f->items_n;
                struct node *n = node_create(r, f, NODE_ROLE_ITEM, f->row.task, i);
                n->task = f->task;
                n->row.name = f->task->name;
                n->row.item = fanout_item(f, i);
                f->items = engine_grow(f->items, &f->items_cap, i, sizeof *f->items);
                f->items_n++;
                f->items_active++;
                f->items[i] = (struct item){.node = n, .no = n->row.no};
                node_dirty(r, n);
                item_start(r, f, n, f->limits.each);
        }
}

void fanout_done(struct run *r, struct node *f)
{
        bool closing = is_closing(r, f);
        enum node_state s = NODE_SUCCEEDED;
        struct str message = STR("");
        for (uint32_t i = 0; i < f->items_n && s != NODE_ERROR; i++) {
                enum node_state x = (enum node_state)f->items[i].state;
                if (node_state_bad(x) && (s == NODE_SUCCEEDED || x == NODE_ERROR || (s == NODE_STOPPED && x == NODE_FAILED)))
                        s = x;
        }
        if (closing && (s == NODE_SUCCEEDED && f->items_n < f->row.children_total))
                s = r->row.stopping && !f->closing ? NODE_STOPPED : NODE_FAILED;
        if (node_state_bad(s))
                message = f->row.message.n ? f->row.message
                                           : arena_printf(r->arena, "%u of %u items did not succeed", f->row.children_total - f->items_good, f->row.children_total);
        struct collected c = {.state = s, .message = message};
        if (f->task->collects && (!closing || node_state_good(s))) {
                struct scope scope;
                struct self_views views;
                struct site site;
                struct error e = {0};
                site_self(r, f, &scope, &views, &site);
                if (!r->w->language->collect_outputs(&site, NULL, &c, &e))
                        c = (struct collected){.state = NODE_ERROR, .message = arena_str(r->arena, str_from(e.text))};
        }
        f->row.children_done = f->items_settled;
        node_collect(r, f, &c, r->now);
}

void fanout_item_settled(struct run *r, struct node *f, struct node *n)
{
        struct item *it = &f->items[n->row.index];
        it->state = (uint8_t)n->row.state;
        it->settled = true;
        it->has_exit_code = n->row.has_exit_code;
        it->exit_code = n->row.exit_code;
        if (f->task->collects)
                (DEFECT(6) ? &f->items[f->items_settled] : it)->outputs = box_ref(n->out);
        f->items_good += node_state_good(n->row.state);
        f->items_bad += node_state_bad(n->row.state);
        f->items_settled++;
        f->items_active--;
        it->node = NULL;
        node_free_below(r, n);
        node_free(r, n);
        if (f->reopened) /* by a retry, and not yet entered: only an old item's hooks ran */
                return;
        fanout_expand(r, f);
        if (!f->items_active && (f->items_settled == f->row.children_total || is_closing(r, f)))
                fanout_done(r, f);
}
