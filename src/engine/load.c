/* Coldplug: a run as it was stored. What stands in memory is a function of the rows, so a run that is loaded goes on as if it had never
 * been away. The rows may come from a damaged file: whatever does not fit together is an error, never a crash. */
#include "engine/internal.h"
#include <stdlib.h>

static const struct task *task_of(const struct run *r, const struct node *n)
{
        if (!n->parent)
                return &r->w->root;
        if (n->row.role == NODE_ROLE_TASK)
                return n->parent->template && n->row.task < n->parent->template->tasks_n ? &n->parent->template->tasks[n->row.task] : NULL;
        return n->parent->task;
}

static struct node *node_load(struct run *r, const struct node_row *row)
{
        struct node *n = engine_alloc(sizeof *n);
        n->row = *row;
        n->in = box_new(r, &row->inputs);
        n->out = box_new(r, &row->outputs);
        n->row.inputs = n->row.outputs = (struct bindings){0};
        struct str *texts[] = {&n->row.message, &n->row.items, &n->row.retry, &n->row.cache_key, &n->row.cached_from, &n->row.child_run};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                *texts[i] = texts[i]->n ? node_text(r, n, *texts[i]) : STR_NONE;
        static const char *const reasons[] = {WAITS_FOR_TEMPLATE, WAITS_FOR_RUN, WAITS_FOR_CACHE, WAITS_FOR_BACKOFF, WAITS_FOR_CHILD};
        n->row.reason = STR_NONE;
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
                if (str_eq_c(row->reason, reasons[i]))
                        set_reason(n, reasons[i]);
        n->row.name = n->row.item = STR_NONE;
        limits_decode(n->row.retry, &n->limits);
        values_known(r, row);
        return n;
}

/* Does the row's kind go with its template, and with what is above it? */
static bool fits(const struct node *n, const struct node *parent)
{
        const struct template *t = n->template;
        if (n->row.state >= NODE_STATES || (parent && (n->row.role == NODE_ROLE_ATTEMPT) != (parent->row.kind == NODE_KIND_RETRY) && n->row.role != NODE_ROLE_HOOK))
                return false;
        switch (n->row.kind) {
        case NODE_KIND_TASK:
                return t && t->kind == TEMPLATE_TASK;
        case NODE_KIND_GRAPH:
        case NODE_KIND_GROUP:
                return t && t->kind == TEMPLATE_GRAPH && t->transparent == (n->row.kind == NODE_KIND_GROUP);
        case NODE_KIND_SUSPEND:
                return t && t->kind == TEMPLATE_SUSPEND;
        case NODE_KIND_CHILD:
                return t && t->kind == TEMPLATE_CHILD;
        case NODE_KIND_RETRY:
                return t != NULL;
        case NODE_KIND_FANOUT:
                return n->task->fans_out;
        case NODE_KIND_CALL:
                return true;
        case NODE_KINDS:
                break;
        }
        return false;
}

static bool attach(struct run *r, struct node *n, struct error *e)
{
        struct node *p = n->parent = map_get(r, n->row.parent);
        if (n->row.parent && !p)
                return error_set(e, ERROR_CORRUPT, "node %u of run %.*s has lost its parent %u", n->row.no, STR_FMT(r->row.name), n->row.parent);
        n->task = task_of(r, n);
        if (!n->task || (n->row.template != UINT32_MAX && n->row.template >= r->w->templates_n))
                return error_set(e, ERROR_CORRUPT, "node %u of run %.*s does not fit the run's document", n->row.no, STR_FMT(r->row.name));
        n->template = n->row.template == UINT32_MAX ? NULL : &r->w->templates[n->row.template];
        if (!fits(n, p))
                return error_set(e, ERROR_CORRUPT, "node %u of run %.*s is no %s of the run's document", n->row.no, STR_FMT(r->row.name), node_kind_name(n->row.kind));
        n->depth = p ? p->depth + (p->row.kind == NODE_KIND_GRAPH ? 1 : 0) : 0;
        n->row.name = n->task->name;
        if (p && n->row.role != NODE_ROLE_HOOK)
                n->hook = p->row.kind == NODE_KIND_RETRY ? p->hook : NULL;
        if (n->row.kind == NODE_KIND_FANOUT && n->row.items.n && (n->row.children_total > n->row.items.n || !fanout_index(n)))
                return error_set(e, ERROR_CORRUPT, "the items of node %u of run %.*s are damaged", n->row.no, STR_FMT(r->row.name));
        if (n->row.kind == NODE_KIND_GRAPH || n->row.kind == NODE_KIND_GROUP) {
                n->slots_n = n->template->tasks_n;
                n->slots = engine_alloc(n->slots_n * sizeof *n->slots);
                n->deps_left = engine_alloc(n->slots_n * sizeof *n->deps_left);
                n->opened = n->row.started_at.us != 0 && n->row.state != NODE_PENDING && n->row.state != NODE_WAITING;
                n->closing = n->row.stop_ordered;
        } else if (n->row.kind == NODE_KIND_FANOUT || n->row.kind == NODE_KIND_RETRY)
                n->closing = n->row.stop_ordered;
        if (!p) {
                r->root = n;
                return true;
        }
        switch (n->row.role) {
        case NODE_ROLE_TASK:
                if (n->row.task >= p->slots_n)
                        return error_set(e, ERROR_CORRUPT, "node %u of run %.*s stands in no graph", n->row.no, STR_FMT(r->row.name));
                p->slots[n->row.task] = n;
                break;
        case NODE_ROLE_ITEM:
                if (!p->item_at || n->row.index >= p->row.children_total)
                        return error_set(e, ERROR_CORRUPT, "node %u of run %.*s is no item of its fan-out", n->row.no, STR_FMT(r->row.name));
                while (p->items_n <= n->row.index) {
                        p->items = engine_grow(p->items, &p->items_cap, p->items_n, sizeof *p->items);
                        p->items_n++;
                }
                p->items[n->row.index] = (struct item){.node = n, .no = n->row.no};
                n->row.item = fanout_item(p, n->row.index);
                break;
        case NODE_ROLE_ATTEMPT:
                n->row.item = p->row.item;
                if (p->attempt_before) {
                        p->items = engine_grow(p->items, &p->items_cap, p->items_n, sizeof *p->items);
                        p->items[p->items_n++] = (struct item){.node = p->attempt_before};
                }
                p->attempt_before = p->attempt_node;
                p->attempt_node = n;
                if (p->attempts_n <= n->row.index)
                        p->attempts_n = n->row.index + 1;
                break;
        case NODE_ROLE_HOOK:
                if (n->row.index >= n->task->hooks_n)
                        return error_set(e, ERROR_CORRUPT, "node %u of run %.*s is a hook that its task does not have", n->row.no, STR_FMT(r->row.name));
                n->hook = &n->task->hooks[n->row.index];
                n->row.name = n->hook->name;
                p->hooks = realloc(p->hooks, (p->hooks_n + 1) * sizeof *p->hooks);
                if (!p->hooks)
                        abort();
                p->hooks[p->hooks_n++] = n;
                break;
        }
        return true;
}

static void restore_live(struct run *r, struct node *n)
{
        bool waits = n->row.state == NODE_WAITING;
        if (!DEFECT(9))
                timer_set(r, n);
        if (n->row.state == NODE_SUSPENDED)
                r->suspended_n++;
        if (n->row.dispatched)
                r->live++;
        if (waits && (str_eq_c(n->row.reason, WAITS_FOR_CACHE) || str_eq_c(n->row.reason, WAITS_FOR_BACKOFF)))
                r->busy++;
        bool for_run = waits && str_eq_c(n->row.reason, WAITS_FOR_RUN), for_template = waits && str_eq_c(n->row.reason, WAITS_FOR_TEMPLATE);
        n->reopened = n->row.state == NODE_PENDING && !n->row.dispatched;
        struct node *g = node_is_unit(n) && n->row.role != NODE_ROLE_HOOK ? permit_graph(n) : NULL;
        /* A graph that is only unwound was opened without a permit: the limit caps what is counted. */
        if (g && (n->row.dispatched || n->opened || for_run) && g->permits_used < g->template->parallelism) {
                n->holds_permit = true;
                g->permits_used++;
        }
        n->in_wait = for_run || for_template;
        if (for_run)
                heap_push(&r->waiting, n->row.no, n->row.no, n->row.epoch);
        else if (for_template && g)
                heap_push(&g->waiting, n->row.no, n->row.no, n->row.epoch);
}

static void restore_fanout(struct run *r, struct node *f)
{
        for (uint32_t i = 0; i < f->items_n; i++) {
                struct item *it = &f->items[i];
                if (!it->node)
                        continue;
                if (it->node->settled) {
                        const struct node *n = it->node;
                        it->settled = true;
                        it->state = (uint8_t)n->row.state;
                        it->has_exit_code = n->row.has_exit_code;
                        it->exit_code = n->row.exit_code;
                        if (f->task->collects)
                                it->outputs = box_ref(n->out);
                        f->items_settled++;
                        f->items_good += node_state_good(n->row.state);
                        f->items_bad += node_state_bad(n->row.state);
                } else if (!it->node->reopened)
                        f->items_active++;
        }
        if (!node_state_final(f->row.state) && !f->reopened && f->items_n < f->row.children_total && f->items_active < r->set.window)
                heap_push(&r->expanding, f->row.no, f->row.no, f->row.epoch);
}

/* What is below a settled node leaves memory, as it did when it happened. */
static void prune(struct run *r, struct node *n)
{
        if (n->row.kind == NODE_KIND_FANOUT)
                for (uint32_t i = 0; i < n->items_n; i++)
                        if (n->items[i].node && n->items[i].settled) {
                                node_free_below(r, n->items[i].node);
                                node_free(r, n->items[i].node);
                                n->items[i].node = NULL;
                        }
        if (node_state_final(n->row.state) && n->row.kind != NODE_KIND_GROUP && n->settled)
                node_free_below(r, n);
}

static void restore(struct run *r, struct node **all, uint32_t n)
{
        struct arena *scratch = arena_new();
        r->arena = scratch;
        for (uint32_t i = n; i-- > 0;) { /* children have larger numbers than their parents */
                struct node *x = all[i];
                for (uint32_t k = 0; k < x->hooks_n; k++)
                        x->hooks_live += !x->hooks[k]->settled;
                x->settled = node_state_final(x->row.state) && !x->hooks_live;
                if (!node_state_final(x->row.state))
                        restore_live(r, x);
        }
        for (uint32_t i = n; i-- > 0;) {
                struct node *x = all[i];
                if (x->row.kind == NODE_KIND_FANOUT)
                        restore_fanout(r, x);
                else if ((x->row.kind == NODE_KIND_GRAPH || x->row.kind == NODE_KIND_GROUP))
                        graph_restore(r, x);
        }
        r->row.nodes_total = r->row.nodes_done = 0;
        for (uint32_t i = 0; i < n; i++) {
                bool leaf = node_is_leaf(all[i]);
                r->row.nodes_total += leaf;
                r->row.nodes_done += leaf && node_state_final(all[i]->row.state);
                if ((all[i]->row.state == NODE_FAILED || all[i]->row.state == NODE_ERROR) && (leaf || all[i]->row.kind == NODE_KIND_CALL))
                        note_failure(r, all[i]);
        }
        for (uint32_t i = 0; r->root && i < r->root->hooks_n; i++) {
                const struct node *h = r->root->hooks[i];
                r->hook_failed |= h->hook->fails_owner && node_state_bad(h->row.state) && node_state_good(r->root->row.state);
        }
        r->full = run_state_final(r->row.state);
        for (uint32_t i = 0; i < n && !r->full; i++)
                if (!all[i]->dead)
                        prune(r, all[i]);
        engine_bury(r);
        r->arena = NULL;
        arena_free(scratch);
}

bool engine_load(const struct workflow *w, const struct run_row *row, struct str artifact_root, const struct engine_settings *set,
                 bool (*next)(void *user, struct node_row *ret), void *user, struct run **ret, struct error *e)
{
        struct run *r = engine_new(w, row, artifact_root, set);
        struct node **all = NULL;
        uint32_t n = 0, cap = 0;
        struct node_row one;
        while (next(user, &one)) {
                if (one.no == 0 || map_get(r, one.no) || one.parent >= one.no) {
                        error_set(e, ERROR_CORRUPT, "run %.*s has an impossible node %u", STR_FMT(r->row.name), one.no);
                        free(all);
                        engine_free(r);
                        return false;
                }
                struct node *x = node_load(r, &one);
                map_put(r, x);
                all = engine_grow(all, &cap, n, sizeof(struct node *));
                all[n++] = x;
                if (x->row.no >= r->row.nodes_next)
                        r->row.nodes_next = x->row.no + 1;
                if (!attach(r, x, e)) {
                        free(all);
                        engine_free(r);
                        return false;
                }
        }
        restore(r, all, n);
        free(all);
        if (w->deadline_us && r->row.started_at.us && !r->row.deadline_passed && !run_state_final(r->row.state))
                heap_push(&r->timers, (uint64_t)(r->row.started_at.us + w->deadline_us), 0, 0);
        *ret = r;
        return true;
}

