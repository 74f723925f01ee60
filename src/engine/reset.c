/* Retry of a final run (rule 4 of the design): a new epoch for every leaf that did not succeed and for all that read something
 * of them; what succeeded and read nothing of the set stays as it is. Works on a run loaded whole. */
#include "engine/internal.h"
#include <stdlib.h>

static bool unsuccessful(const struct node *n)
{
        if (!n)
                return true;
        switch (n->row.kind) {
        case NODE_KIND_TASK:
        case NODE_KIND_SUSPEND:
        case NODE_KIND_CHILD:
                return !node_state_good(n->row.state);
        case NODE_KIND_CALL:
                return n->row.stop_ordered || (n->row.state != NODE_SKIPPED && n->row.state != NODE_OMITTED);
        case NODE_KIND_RETRY:
                return !node_state_good(n->row.state) || unsuccessful(n->attempt_node);
        case NODE_KIND_FANOUT:
                if (n->row.state != NODE_SKIPPED && !node_state_good(n->row.state))
                        return true;
                for (uint32_t i = 0; i < n->items_n; i++)
                        if (unsuccessful(n->items[i].node))
                                return true;
                return false;
        case NODE_KIND_GRAPH:
        case NODE_KIND_GROUP:
                if (!n->opened || !node_state_good(n->row.state))
                        return true;
                for (uint32_t i = 0; i < n->slots_n; i++)
                        if (n->slots[i] && unsuccessful(n->slots[i]))
                                return true;
                return false;
        case NODE_KINDS:
                break;
        }
        return true;
}

/* Hooks of n that have to run (again): they did not succeed, or the end of the run came before them. */
static bool own_hooks_incomplete(struct run *r, struct node *n);

/* The same of everything below n, which itself succeeded. */
static bool hooks_below(struct run *r, struct node *n)
{
        for (uint32_t i = 0; i < n->slots_n; i++)
                if (n->slots[i] && (own_hooks_incomplete(r, n->slots[i]) || hooks_below(r, n->slots[i])))
                        return true;
        for (uint32_t i = 0; n->row.kind == NODE_KIND_FANOUT && i < n->items_n; i++)
                if (n->items[i].node && (own_hooks_incomplete(r, n->items[i].node) || hooks_below(r, n->items[i].node)))
                        return true;
        return n->attempt_node && hooks_below(r, n->attempt_node);
}

static bool own_hooks_incomplete(struct run *r, struct node *n)
{
        for (uint32_t i = 0; i < n->hooks_n; i++)
                if (unsuccessful(n->hooks[i]) || hooks_below(r, n->hooks[i]) || own_hooks_incomplete(r, n->hooks[i]))
                        return true;
        return hooks_wanted(r, n);
}

static void to_history(struct run *r, const struct node *n)
{
        r->history = engine_grow(r->history, &r->history_cap, r->history_n, sizeof *r->history);
        r->history[r->history_n++] = n->row.no;
}

static void all_to_history(struct run *r, const struct node *n)
{
        to_history(r, n);
        for (uint32_t i = 0; i < n->slots_n; i++)
                if (n->slots[i])
                        all_to_history(r, n->slots[i]);
        for (uint32_t i = 0; i < n->items_n; i++)
                if (n->items[i].node)
                        all_to_history(r, n->items[i].node);
        for (uint32_t i = 0; i < n->hooks_n; i++)
                all_to_history(r, n->hooks[i]);
        if (n->attempt_before)
                all_to_history(r, n->attempt_before);
        if (n->attempt_node)
                all_to_history(r, n->attempt_node);
}

static void remove_tree(struct run *r, struct node *n)
{
        all_to_history(r, n);
        node_free_below(r, n);
        node_free(r, n);
}

static void reopen(struct run *r, struct node *n);

/* n succeeded and read nothing of the set: it stays, and only what its hooks left undone is done. True when that is something. */
static bool keep(struct run *r, struct node *n)
{
        if (hooks_below(r, n)) {
                reopen(r, n);
                return true;
        }
        if (!own_hooks_incomplete(r, n))
                return false;
        for (uint32_t i = 0; i < n->hooks_n; i++)
                if (unsuccessful(n->hooks[i]) || hooks_below(r, n->hooks[i])) {
                        if (n->hooks[i]->row.kind == NODE_KIND_CALL) {
                                n->row.hooks_fired &= ~(1u << n->hooks[i]->row.index);
                                remove_tree(r, n->hooks[i]);
                                n->hooks[i--] = n->hooks[--n->hooks_n];
                                continue;
                        }
                        reopen(r, n->hooks[i]);
                        n->hooks_live++;
                }
        n->settled = false;
        r->rehooked = engine_grow(r->rehooked, &r->rehooked_cap, r->rehooked_n, sizeof *r->rehooked);
        r->rehooked[r->rehooked_n++] = n;
        return true;
}

/* Hooks that are called now; until all that is above them is open again, they run by themselves. */
static void rehook(struct run *r)
{
        for (uint32_t i = 0; i < r->rehooked_n; i++) {
                struct node *n = r->rehooked[i];
                for (uint32_t k = 0; k < n->hooks_n; k++)
                        if (n->hooks[k]->reopened)
                                work_add(r, WORK_ENTER, n->hooks[k], 0);
                fire_hooks(r, n);
                if (!n->hooks_live)
                        node_settled(r, n);
        }
        r->rehooked_n = 0;
}

/* Tasks of g in an order in which dependencies come first: what reads of the set joins it. */
static void reset_graph(struct run *r, struct node *g)
{
        const struct template *t = g->template;
        const struct plan *p = plan_of(r, t);
        uint32_t n = t->tasks_n, head = 0, tail = 0;
        uint32_t *left = arena_alloc_array(r->arena, sizeof *left, n + 1), *queue = arena_alloc_array(r->arena, sizeof *queue, n + 1);
        bool *touched = arena_alloc(r->arena, n + 1);
        for (uint32_t i = 0; i < n; i++)
                if (!(left[i] = t->tasks[i].deps_n))
                        queue[tail++] = i;
        while (head < tail) {
                uint32_t i = queue[head++];
                bool reads = false;
                for (uint32_t k = 0; k < t->tasks[i].deps_n; k++)
                        reads |= touched[t->tasks[i].deps[k]] && !DEFECT(8);
                for (uint32_t k = 0; !t->transparent && k < t->tasks[i].reads_n; k++)
                        reads |= t->tasks[i].reads[k] < n && touched[t->tasks[i].reads[k]];
                struct node *s = g->slots[i];
                touched[i] = reads || (p->wanted[i] && unsuccessful(s));
                for (uint32_t k = p->after_at[i]; k < p->after_at[i + 1]; k++)
                        if (!--left[p->after[k]])
                                queue[tail++] = p->after[k];
                if (!s)
                        continue;
                if (!touched[i]) {
                        (void)keep(r, s);
                        continue;
                }
                if (reads || s->row.kind == NODE_KIND_CALL || (s->row.kind == NODE_KIND_FANOUT && !s->items_n)) {
                        remove_tree(r, s);
                        g->slots[i] = NULL;
                } else
                        reopen(r, s);
        }
}

static void reopen(struct run *r, struct node *n)
{
        to_history(r, n);
        for (uint32_t i = 0; i < n->hooks_n; i++)
                remove_tree(r, n->hooks[i]);
        n->hooks_n = n->hooks_live = 0;
        n->row.hooks_fired = 0;
        n->row.epoch = r->row.epoch;
        n->row.state = NODE_PENDING;
        n->row.reason = n->row.message = n->row.cache_key = n->row.cached_from = n->row.child_run = STR_NONE;
        n->row.finished_at.us = n->row.wake_at.us = n->row.deadline_at.us = 0;
        n->row.has_exit_code = n->row.dispatched = n->row.reported = n->row.stop_ordered = false;
        n->row.attempt = 0;
        n->row.cpu_us = n->row.rss_max_bytes = -1;
        n->settled = n->opened = n->closing = n->transient = n->holds_permit = n->in_wait = n->unresolved = false;
        n->row.children_done = 0;
        n->permits_used = 0;
        n->waiting.n = 0;
        n->reopened = true;
        box_release(r, n->out);
        n->out = NULL;
        node_dirty(r, n);
        switch (n->row.kind) {
        case NODE_KIND_GRAPH:
        case NODE_KIND_GROUP:
                if (n->slots)
                        reset_graph(r, n);
                break;
        case NODE_KIND_FANOUT:
                n->items_active = n->items_settled = n->items_good = n->items_bad = n->items_scan = 0;
                for (uint32_t i = 0; i < n->items_n; i++) {
                        struct item *it = &n->items[i];
                        box_release(r, it->outputs);
                        it->outputs = NULL;
                        if (unsuccessful(it->node)) {
                                it->settled = false;
                                reopen(r, it->node);
                                continue;
                        }
                        bool again = it->node && keep(r, it->node);
                        if (again) {
                                it->settled = false;
                                n->items_active += !it->node->reopened;
                                continue;
                        }
                        if (n->task->collects)
                                it->outputs = box_ref(it->node->out);
                        n->items_settled++;
                        n->items_good += node_state_good(it->node->row.state);
                }
                break;
        case NODE_KIND_RETRY:
                if (n->attempt_node && n->attempt_node->row.kind == NODE_KIND_GRAPH && (unsuccessful(n->attempt_node) || hooks_below(r, n->attempt_node))) {
                        n->limits.base = n->attempts_n - 1;
                        reopen(r, n->attempt_node);
                } else {
                        for (uint32_t i = 0; i < n->items_n; i++)
                                if (n->items[i].node) {
                                        remove_tree(r, n->items[i].node);
                                        n->items[i].node = NULL;
                                }
                        if (n->attempt_before)
                                remove_tree(r, n->attempt_before);
                        if (n->attempt_node)
                                remove_tree(r, n->attempt_node);
                        n->attempt_node = n->attempt_before = NULL;
                        n->attempts_n = n->limits.base = 0;
                }
                limits_encode(r, n);
                break;
        case NODE_KIND_TASK:
        case NODE_KIND_SUSPEND:
        case NODE_KIND_CHILD:
        case NODE_KIND_CALL:
        case NODE_KINDS:
                break;
        }
}

/* Leaves of the new epoch: what went to the history is not among them. */
static void count_leaves(struct run *r)
{
        r->row.nodes_total = r->row.nodes_done = 0;
        for (uint32_t i = 0; i < r->map.cap; i++)
                if (r->map.p[i] && node_is_leaf(r->map.p[i])) {
                        r->row.nodes_total++;
                        r->row.nodes_done += node_state_final(r->map.p[i]->row.state);
                }
}

bool run_retry(struct run *r, struct error *e)
{
        if (!run_state_final(r->row.state))
                return error_set(e, ERROR_CONFLICT, "run %.*s is %s: only a run that has ended can be retried", STR_FMT(r->row.name), run_state_name(r->row.state));
        if (!r->full)
                return error_set(e, ERROR_CONFLICT, "run %.*s must be loaded again before it can be retried", STR_FMT(r->row.name));
        if (r->row.state == RUN_SUCCEEDED && r->root && !unsuccessful(r->root))
                return error_set(e, ERROR_CONFLICT, "run %.*s succeeded: there is nothing to retry", STR_FMT(r->row.name));
        r->full = false;
        r->row.epoch++;
        r->row.state = RUN_RUNNING;
        r->row.stopping = RUN_QUEUED;
        r->row.suspended = r->row.deadline_passed = r->hook_failed = false;
        r->row.message = r->row.reason = STR_NONE;
        r->row.finished_at.us = 0;
        r->row.started_at = r->now;
        r->view.started_at = r->now;
        failures_forget(r);
        r->live = r->busy = r->suspended_n = 0;
        r->run_dirty = true;
        box_release(r, r->outputs);
        r->outputs = NULL;
        if (r->w->deadline_us)
                heap_push(&r->timers, (uint64_t)(r->now.us + r->w->deadline_us), 0, 0);
        if (!r->root || r->root->row.kind == NODE_KIND_CALL) {
                if (r->root)
                        remove_tree(r, r->root);
                r->root = NULL;
                count_leaves(r);
                return true; /* the caller begins anew */
        }
        if (unsuccessful(r->root) || hooks_below(r, r->root)) {
                reopen(r, r->root);
                count_leaves(r);
                rehook(r);
        } else { /* only an exit handler failed */
                to_history(r, r->root);
                for (uint32_t i = 0; i < r->root->hooks_n; i++)
                        remove_tree(r, r->root->hooks[i]);
                r->root->hooks_n = r->root->hooks_live = 0;
                r->root->row.hooks_fired = 0;
                r->root->row.epoch = r->row.epoch;
                node_dirty(r, r->root);
                r->root->settled = false;
                count_leaves(r);
                fire_hooks(r, r->root);
                if (!r->root->hooks_live)
                        node_settled(r, r->root);
                return true;
        }
        work_add(r, WORK_ENTER, r->root, 0);
        return true;
}
