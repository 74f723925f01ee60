/* What a run must come to, computed without an engine: by recursion over the workflow, in no order of time, with the outcomes that
 * the world will give. It knows nothing of events, limits, timers or crashes, because in a run whose end does not
 * depend on the order of events none of these can change a state or an output. */
#include <stdlib.h>
#include "sim.h"

struct result {
        bool done, fanned;
        enum node_state state;
        uint64_t out;
        struct result *items; uint32_t items_n, good, bad;
        struct frame *group;          /* its tasks, when it called a group */
};

struct frame { /* one graph that is being evaluated */
        const struct template *graph;
        const struct frame *names;    /* where references are looked up */
        uint64_t ident, in;
        struct result *tasks;
};

struct eval {
        uint64_t seed;
        const struct workflow *w;
        const struct sim_workflow *sw;
        enum sim_mode mode;
        uint32_t attempts;            /* how many retries we are inside of */
        struct naive *to;
};

static struct result eval_template(struct eval *x, const struct frame *around, uint32_t template, uint64_t in, uint64_t ident);
static struct result *eval_task(struct eval *x, struct frame *f, uint32_t i);

static void put(struct naive *n, struct naive_result r)
{
        if (n->n * 2 >= n->cap) {
                struct naive_result *old = n->table;
                uint32_t cap = n->cap;
                n->cap = cap ? cap * 4 : 256;
                n->table = ARENA_ARRAY(n->arena, struct naive_result, n->cap);
                n->n = 0;
                for (uint32_t i = 0; i < cap; i++)
                        if (old[i].ident)
                                put(n, old[i]);
        }
        uint32_t i = (uint32_t)r.ident & (n->cap - 1);
        while (n->table[i].ident)
                i = (i + 1) & (n->cap - 1);
        n->table[i] = r;
        n->n++;
}

const struct naive_result *naive_get(const struct naive *n, uint64_t ident)
{
        for (uint32_t i = (uint32_t)ident & (n->cap - 1); n->table[i].ident; i = (i + 1) & (n->cap - 1))
                if (n->table[i].ident == ident)
                        return &n->table[i];
        return NULL;
}

static struct result record(struct eval *x, uint64_t ident, struct result r)
{
        r.done = true;
        put(x->to, (struct naive_result){ident, r.state, node_state_good(r.state) ? r.out : 0, x->attempts > 0});
        return r;
}

static struct result plain(enum node_state s) { return (struct result){.state = s}; }

/* ---- Leaves ---- */

static void export(struct naive *n, uint64_t name, uint64_t value)
{
        if (n->exports_n + 2 > n->exports_cap) {
                uint64_t *old = n->exports;
                n->exports_cap = n->exports_cap ? n->exports_cap * 2 : 16;
                n->exports = ARENA_ARRAY(n->arena, uint64_t, n->exports_cap);
                memcpy(n->exports, old ? old : n->exports, n->exports_n * sizeof *old);
        }
        n->exports[n->exports_n++] = name;
        n->exports[n->exports_n++] = value;
}

static struct result eval_leaf(struct eval *x, const struct template *t, uint64_t in, uint64_t ident)
{
        const struct sim_template *s = t->dialect;
        struct result r = plain(NODE_SUCCEEDED);
        uint64_t supplied = 0;
        if (t->kind == TEMPLATE_SUSPEND) {
                if (s->suspend_us < 0 && s->supply && sim_rejects(x->seed, ident, x->mode))
                        return plain(NODE_FAILED);
                supplied = !s->supply ? 0 : s->suspend_us < 0 ? sim_supplied(in) : s->salt;
        } else if (t->kind == TEMPLATE_CHILD) {
                enum run_state c = sim_child_state(x->seed, s, ident, x->mode);
                supplied = sim_mix(in, 41);
                r.state = c == RUN_SUCCEEDED ? NODE_SUCCEEDED : c == RUN_ERROR ? NODE_ERROR : NODE_FAILED;
        } else {
                r.out = sim_leaf_out(s, in, 0);
                if (t->cacheable && !s->no_cache && sim_cache_hit(x->sw, sim_cache_key(s, in))) {
                        r.state = NODE_CACHED;
                        return r;
                }
                struct sim_outcome o = sim_outcome(x->seed, s, ident, x->mode);
                r.state = o.end == TASK_NOT_RUN ? NODE_ERROR : o.exit_code ? NODE_FAILED : NODE_SUCCEEDED;
        }
        if (r.state != NODE_SUCCEEDED)
                return r;
        if (sim_collect_fails(s, in))
                return plain(NODE_ERROR);
        if (t->kind != TEMPLATE_TASK)
                r.out = sim_leaf_out(s, in, supplied);
        else if (s->exports)
                export(x->to, sim_mix(s->salt, in), r.out);
        return r;
}

/* ---- Sites: what a call sees ---- */

static struct sim_seen see(const struct result *r)
{
        enum sim_class class = r && r->done ? sim_class_of(r->state) : CLASS_NONE;
        return (struct sim_seen){class, class == CLASS_GOOD ? r->out : 0};
}

static struct sim_seen *see_all(struct eval *x, const struct frame *names, const struct sim_ref *refs, uint32_t n)
{
        struct sim_seen *seen = ARENA_ARRAY(x->to->arena, struct sim_seen, n + 1);
        for (uint32_t i = 0; i < n; i++) {
                bool grouped = refs[i].ref.group != REF_NO_GROUP;
                const struct result *r = &names->tasks[grouped ? refs[i].ref.group : refs[i].ref.task];
                if (grouped)
                        r = r->group ? &r->group->tasks[refs[i].ref.task] : NULL;
                seen[i] = see(r);
                if (refs[i].items && r && r->fanned) {
                        struct sim_seen *items = ARENA_ARRAY(x->to->arena, struct sim_seen, r->items_n + 1);
                        for (uint32_t k = 0; k < r->items_n; k++)
                                items[k] = see(&r->items[k]);
                        seen[i].value = sim_fanout_out(items, r->items_n);
                }
        }
        return seen;
}

static uint64_t site_of(struct eval *x, const struct frame *f, const struct task *t)
{
        const struct sim_task *s = t->dialect;
        if (!f)
                return sim_site_hash(s, x->sw->salt, NULL, 0);
        return sim_site_hash(s, f->names->in, see_all(x, f->names, s->refs, s->refs_n), s->refs_n);
}

/* ---- Calls ---- */

static void run_hooks(struct eval *x, const struct task *t, const struct result *owner, uint64_t ident, bool *ret_failed)
{
        struct sim_seen seen = see(owner);
        if (!node_state_good(owner->state) && !node_state_bad(owner->state))
                return;
        for (uint32_t i = 0; i < t->hooks_n; i++) {
                const struct sim_hook *h = t->hooks[i].dialect;
                uint64_t in, hook = sim_ident(ident, NODE_ROLE_HOOK, 0, i);
                if (t->hooks[i].conditional && (h->mode == 0) != (seen.class == CLASS_GOOD))
                        continue;
                struct result r = plain(NODE_ERROR);
                if (sim_hook_call(h, t->hooks[i].when == HOOK_EXIT ? seen : (struct sim_seen){0}, &in))
                        r = eval_template(x, NULL, t->hooks[i].template, in, hook);
                else
                        record(x, hook, r);
                if (t->hooks[i].fails_owner && node_state_bad(r.state) && ret_failed)
                        *ret_failed = true;
        }
}

static struct result eval_call(struct eval *x, const struct frame *f, const struct task *t, uint64_t site, uint64_t item, uint64_t ident, bool *ret_hook_failed)
{
        uint32_t template;
        uint64_t in;
        struct result r = plain(NODE_ERROR);
        if (sim_call(t, site, item, &template, &in))
                r = eval_template(x, f, template, in, ident);
        else
                r = record(x, ident, r);
        run_hooks(x, t, &r, ident, ret_hook_failed);
        return r;
}

static struct result eval_fanout(struct eval *x, const struct frame *f, const struct task *t, uint64_t site, uint64_t ident, bool each)
{
        const struct sim_task *s = t->dialect;
        struct result r = {.state = NODE_SUCCEEDED, .fanned = true};
        sim_items(s, site, &r.items_n);
        if (r.items_n == 0) {
                r.state = NODE_SKIPPED;
                return record(x, ident, r);
        }
        r.items = ARENA_ARRAY(x->to->arena, struct result, r.items_n);
        struct sim_seen *seen = ARENA_ARRAY(x->to->arena, struct sim_seen, r.items_n);
        for (uint32_t i = 0; i < r.items_n; i++) {
                uint64_t item = sim_item(site, i), id = sim_ident(ident, NODE_ROLE_ITEM, 0, i);
                enum sim_answer a = each ? sim_when_item(s, site, item) : ANSWER_YES;
                if (a == ANSWER_YES) {
                        r.items[i] = eval_call(x, f, t, site, item, id, NULL);
                } else {
                        r.items[i] = record(x, id, plain(a == ANSWER_NO ? NODE_SKIPPED : NODE_ERROR));
                        run_hooks(x, t, &r.items[i], id, NULL);
                }
                seen[i] = see(&r.items[i]);
                r.good += node_state_good(r.items[i].state);
                r.bad += node_state_bad(r.items[i].state);
                if (node_state_bad(r.items[i].state) && r.state != NODE_ERROR)
                        r.state = r.items[i].state;
        }
        if (t->collects)
                r.out = sim_fanout_out(seen, r.items_n);
        return record(x, ident, r);
}

/* ---- Graphs ---- */

static uint32_t results_of(const struct result *r)
{
        static const uint32_t bits[] = {[CLASS_GOOD] = RESULT_SUCCEEDED, [CLASS_FAILED] = RESULT_FAILED, [CLASS_ERROR] = RESULT_ERRORED,
                [CLASS_SKIPPED] = RESULT_SKIPPED, [CLASS_OMITTED] = RESULT_OMITTED, [CLASS_OPEN] = 0};
        uint32_t all = bits[sim_class_of(r->state)];
        if (r->fanned && r->good > 0)
                all |= RESULT_ANY_SUCCEEDED;
        if (r->fanned && r->items_n > 0 && r->bad == r->items_n)
                all |= RESULT_ALL_FAILED;
        return all;
}

static bool holds(const struct frame *f, const struct trigger *t)
{
        switch (t->op) {
        case TRIGGER_TEST:
                return results_of(&f->tasks[t->task]) & t->results;
        case TRIGGER_AND:
                return holds(f, t->left) && holds(f, t->right);
        case TRIGGER_OR:
                return holds(f, t->left) || holds(f, t->right);
        case TRIGGER_NOT:
                return !holds(f, t->left);
        }
        return false;
}

static bool comes_about(const struct frame *f, const struct task *t)
{
        if (t->trigger)
                return holds(f, t->trigger);
        for (uint32_t i = 0; i < t->deps_n; i++) {
                uint32_t enough = RESULT_SUCCEEDED | RESULT_SKIPPED | f->graph->tasks[t->deps[i]].continue_on;
                if (!(results_of(&f->tasks[t->deps[i]]) & enough))
                        return false;
        }
        return true;
}

static struct result decide_task(struct eval *x, struct frame *f, const struct task *t, uint64_t ident)
{
        const struct sim_task *s = t->dialect;
        if (!comes_about(f, t))
                return record(x, ident, plain(NODE_OMITTED));
        uint64_t site = site_of(x, f, t);
        enum sim_answer a = t->has_when ? sim_when(s, site, t->fans_out) : ANSWER_YES;
        uint32_t n;
        if (a == ANSWER_NO)
                return record(x, ident, plain(NODE_SKIPPED));
        if (a == ANSWER_ERROR || (t->fans_out && !sim_items(s, site, &n))) {
                struct result r = record(x, ident, plain(NODE_ERROR));
                run_hooks(x, t, &r, ident, NULL);
                return r;
        }
        if (t->fans_out)
                return eval_fanout(x, f, t, site, ident, a == ANSWER_EACH);
        return eval_call(x, f, t, site, 0, ident, NULL);
}

static struct result *eval_task(struct eval *x, struct frame *f, uint32_t i)
{
        const struct task *t = &f->graph->tasks[i];
        struct result *r = &f->tasks[i];
        if (r->done)
                return r;
        for (uint32_t k = 0; k < t->deps_n; k++)
                eval_task(x, f, t->deps[k]);
        *r = decide_task(x, f, t, sim_ident(f->ident, NODE_ROLE_TASK, i, 0));
        return r;
}

/* A group of which one task cannot be resolved does not begin. */
static bool resolves(struct eval *x, const struct frame *f)
{
        for (uint32_t i = 0; i < f->graph->tasks_n; i++) {
                const struct task *t = &f->graph->tasks[i];
                const struct sim_task *s = t->dialect;
                uint64_t site = site_of(x, f, t), in;
                enum sim_answer a = t->has_when ? sim_when(s, site, t->fans_out) : ANSWER_YES;
                uint32_t n = 1, template;
                if (a == ANSWER_NO)
                        continue;
                if (a == ANSWER_ERROR || (t->fans_out && !sim_items(s, site, &n)))
                        return false;
                for (uint32_t k = 0; k < n; k++) {
                        uint64_t item = t->fans_out ? sim_item(site, k) : 0;
                        enum sim_answer each = a == ANSWER_EACH ? sim_when_item(s, site, item) : ANSWER_YES;
                        if (each == ANSWER_ERROR || (each == ANSWER_YES && !sim_call(t, site, item, &template, &in)))
                                return false;
                }
        }
        return true;
}

/* The state that task i stands for: its own, or the worst that it waited for. */
static enum node_state stands_for(const struct frame *f, uint32_t i)
{
        enum node_state own = f->tasks[i].state, worst = NODE_SUCCEEDED;
        if (own != NODE_OMITTED && own != NODE_SKIPPED)
                return own;
        const struct task *t = &f->graph->tasks[i];
        for (uint32_t k = 0; k < t->deps_n; k++) {
                enum node_state d = stands_for(f, t->deps[k]);
                if (node_state_bad(d) && worst != NODE_ERROR)
                        worst = d;
        }
        return worst;
}

static bool covered(const struct task *t, enum node_state s) { return t->continue_on & (s == NODE_ERROR ? RESULT_ERRORED : RESULT_FAILED); }

static enum node_state assess(const struct frame *f)
{
        const struct template *t = f->graph;
        for (uint32_t i = 0; t->assess == ASSESS_ANY && i < t->tasks_n; i++)
                if (node_state_bad(f->tasks[i].state) && !covered(&t->tasks[i], f->tasks[i].state))
                        return NODE_FAILED;
        for (uint32_t k = 0; t->assess == ASSESS_TARGETS && k < t->targets_n; k++) {
                uint32_t i = t->targets[k];
                enum node_state s = f->tasks[i].state == NODE_SKIPPED ? NODE_SKIPPED : stands_for(f, i);
                if (node_state_bad(s) && !covered(&t->tasks[i], s))
                        return s;
        }
        return NODE_SUCCEEDED;
}

static struct result eval_graph(struct eval *x, const struct frame *around, const struct template *t, uint64_t in, uint64_t ident)
{
        const struct sim_template *s = t->dialect;
        struct frame *f = ARENA_NEW(x->to->arena, struct frame);
        *f = (struct frame){.graph = t, .ident = ident, .in = in};
        f->names = t->transparent ? around->names : f;
        f->tasks = ARENA_ARRAY(x->to->arena, struct result, t->tasks_n);
        struct result r = {.state = NODE_ERROR, .group = t->transparent ? f : NULL};
        if (t->atomic && !resolves(x, f))
                return r;
        for (uint32_t i = 0; t->assess == ASSESS_ANY && i < t->tasks_n; i++)
                eval_task(x, f, i);
        for (uint32_t i = 0; i < t->targets_n; i++)
                eval_task(x, f, t->targets[i]);
        r.state = assess(f);
        if (r.state == NODE_SUCCEEDED && t->has_outputs) {
                r.out = sim_graph_out(s, in, see_all(x, f, s->collect, s->collect_n), s->collect_n);
                if (sim_collect_fails(s, r.out))
                        r.state = NODE_ERROR;
        }
        return r;
}

static struct result eval_once(struct eval *x, const struct frame *around, const struct template *t, uint64_t in, uint64_t ident)
{
        struct result r = t->kind == TEMPLATE_GRAPH ? eval_graph(x, around, t, in, ident) : eval_leaf(x, t, in, ident);
        return record(x, ident, r);
}

static struct result eval_template(struct eval *x, const struct frame *around, uint32_t template, uint64_t in, uint64_t ident)
{
        const struct template *t = &x->w->templates[template];
        const struct retry_policy *p = &((const struct sim_template *)t->dialect)->retry;
        if (!t->has_retry)
                return eval_once(x, around, t, in, ident);
        struct result r;
        x->attempts++;
        for (uint32_t i = 0;; i++) {
                r = eval_once(x, around, t, in, sim_ident(ident, NODE_ROLE_ATTEMPT, 0, i));
                bool again = node_state_bad(r.state) && (p->on & (r.state == NODE_FAILED ? RETRY_ON_FAILED : RETRY_ON_ERROR)) && (p->limit < 0 || i < p->limit);
                if (!again || (p->conditional && !sim_retry_goes_on(t->dialect, i)))
                        break;
        }
        x->attempts--;
        return record(x, ident, r);
}

static int by_name(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

void naive_evaluate(uint64_t seed, const struct workflow *w, enum sim_mode mode, struct arena *a, struct naive *ret)
{
        *ret = (struct naive){.arena = a};
        struct eval x = {.seed = seed, .w = w, .sw = w->dialect, .mode = mode, .to = ret};
        bool hook_failed = false;
        struct result root = eval_call(&x, NULL, &w->root, site_of(&x, NULL, &w->root), 0, sim_ident(IDENT_ROOT, NODE_ROLE_TASK, 0, 0), &hook_failed);
        ret->run = root.state == NODE_ERROR ? RUN_ERROR : root.state == NODE_FAILED ? RUN_FAILED : hook_failed ? RUN_FAILED : RUN_SUCCEEDED;
        if (ret->exports_n > 0)
                qsort(ret->exports, ret->exports_n / 2, 2 * sizeof *ret->exports, by_name);
        uint32_t n = 0;
        for (uint32_t i = 0; i < ret->exports_n; i += 2)
                if (n == 0 || ret->exports[n - 2] != ret->exports[i]) {
                        ret->exports[n++] = ret->exports[i];
                        ret->exports[n++] = ret->exports[i + 1];
                }
        ret->exports_n = n;
}
