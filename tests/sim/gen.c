/* Random workflows. One draw decides the size and the mood (how much fails, whether the end may depend on the order of
 * events); the rest is recursion with a budget of nodes. A task reads what it depends on, directly or not, so that everything it is
 * asked is decided when it is asked. */
#include "sim.h"

enum { TASKS_MAX = 14 };

struct gen {
        struct random_source random;
        struct arena *arena;
        struct workflow *w;
        struct template *templates;
        struct sim_workflow *sim;
        uint32_t templates_n, templates_max;
        unsigned fails, errors, losses, language_errors; /* permille */
        bool in_hook;
};

static uint64_t draw(struct gen *g) { return random_next(&g->random); }
static uint32_t below(struct gen *g, uint32_t n) { return (uint32_t)random_below(&g->random, n); }
static bool chance(struct gen *g, unsigned permille) { return below(g, 1000) < permille; }
static uint32_t between(struct gen *g, uint32_t least, uint32_t most) { return least + below(g, most - least + 1); }

static uint32_t gen_graph(struct gen *g, uint32_t budget, uint32_t depth);

static struct sim_template *new_template(struct gen *g, enum template_kind kind, uint32_t *ret_index)
{
        uint32_t i = *ret_index = g->templates_n++;
        if (i >= g->templates_max)
                sim_fail("more templates than there is room for");
        struct sim_template *s = ARENA_NEW(g->arena, struct sim_template);
        *s = (struct sim_template){.salt = draw(g), .fails = g->fails, .errors = g->errors, .losses = g->losses};
        g->templates[i] = (struct template){.name = arena_printf(g->arena, "t%u", i), .kind = kind, .dialect = s};
        return s;
}

static void gen_retry(struct gen *g, uint32_t template, struct sim_template *s)
{
        g->templates[template].has_retry = true;
        s->retry = (struct retry_policy){.limit = between(g, 0, 3), .on = RETRY_ON_FAILED, .conditional = chance(g, 200)};
        if (chance(g, 600))
                s->retry.on |= RETRY_ON_ERROR;
        if (chance(g, 100))
                s->retry.on = RETRY_ON_ERROR;
        if (chance(g, 500)) {
                s->retry.backoff_us = (int64_t)between(g, 1, 5000) * US_PER_MS;
                s->retry.backoff_factor = chance(g, 500) ? 2 : 0;
                s->retry.backoff_cap_us = chance(g, 300) ? 6 * US_PER_S : 0;
        }
        if (g->sim->racy && chance(g, 200))
                s->retry.backoff_total_us = 4 * US_PER_S;
}

static void gen_times(struct gen *g, struct sim_template *s)
{
        if (!g->sim->timed || !chance(g, 250))
                return;
        if (chance(g, 500))
                s->timeout_us = (int64_t)between(g, 1, 20) * US_PER_S;
        else
                s->deadline_us = (int64_t)between(g, 1, 10) * US_PER_S;
        s->slow = 200;
}

static uint32_t gen_leaf(struct gen *g)
{
        enum template_kind kind = chance(g, 100) ? TEMPLATE_SUSPEND : chance(g, 100) ? TEMPLATE_CHILD : TEMPLATE_TASK;
        uint32_t i;
        struct sim_template *s = new_template(g, kind, &i);
        gen_times(g, s);
        if (chance(g, g->language_errors))
                s->collect_error = 200;
        if (kind == TEMPLATE_SUSPEND) {
                s->suspend_us = chance(g, 500) ? -1 : (int64_t)between(g, 0, 8000) * US_PER_MS;
                s->supply = chance(g, 500);
                return i;
        }
        if (chance(g, 180))
                gen_retry(g, i, s);
        if (kind == TEMPLATE_TASK) {
                g->templates[i].cacheable = chance(g, 150);
                s->no_cache = chance(g, 100);
                s->exports = !g->templates[i].cacheable && chance(g, 50);
        }
        return i;
}

/* What a hook calls, in a run of any size: something small. */
static uint32_t gen_small(struct gen *g, bool root)
{
        bool before = g->in_hook;
        g->in_hook = true;
        uint32_t t = chance(g, root ? 300 : 600) ? gen_leaf(g) : gen_graph(g, root ? between(g, 4, 20) : between(g, 2, 8), 5);
        g->in_hook = before;
        return t;
}

static void gen_hooks(struct gen *g, struct task *t, bool root)
{
        uint32_t n = chance(g, root ? 350 : 90) ? between(g, 1, 2) : 0;
        if (n == 0 || (g->in_hook && chance(g, 300)))
                return;
        struct hook *hooks = ARENA_ARRAY(g->arena, struct hook, n);
        for (uint32_t i = 0; i < n; i++) {
                struct sim_hook *s = ARENA_NEW(g->arena, struct sim_hook);
                *s = (struct sim_hook){.salt = draw(g), .call_error = g->language_errors, .mode = below(g, g->sim->racy ? 3 : 2)};
                hooks[i] = (struct hook){.name = i == 0 ? STR("exit") : STR("other"), .when = i == 0 ? HOOK_EXIT : HOOK_CHANGE, .dialect = s};
                if (!root && i == 0 && chance(g, 300))
                        hooks[i].when = HOOK_CHANGE;
                hooks[i].conditional = hooks[i].when == HOOK_CHANGE || chance(g, 300);
                if (hooks[i].when == HOOK_CHANGE && s->mode == 2)
                        g->sim->watched = true;
                if (hooks[i].when == HOOK_EXIT && s->mode == 2)
                        s->mode = 1;
                hooks[i].fails_owner = root && i == 0 && chance(g, 700);
                hooks[i].template = gen_small(g, root);
        }
        t->hooks = hooks;
        t->hooks_n = n;
}

/* The making of one graph: `after[i]` are the bits of all tasks that i depends on, directly or not. */
struct making {
        struct task *tasks;
        uint32_t n;
        uint32_t after[TASKS_MAX];
};

static const struct trigger *gen_trigger(struct gen *g, const uint32_t *deps, uint32_t n, uint32_t depth)
{
        struct trigger *t = ARENA_NEW(g->arena, struct trigger);
        if (depth == 0 || chance(g, 450)) {
                static const uint32_t results[] = {RESULT_SUCCEEDED, RESULT_FAILED, RESULT_ERRORED, RESULT_SKIPPED, RESULT_OMITTED, RESULT_ANY_SUCCEEDED,
                        RESULT_ALL_FAILED, RESULT_COMPLETED, RESULT_SUCCEEDED | RESULT_SKIPPED, RESULT_FAILED | RESULT_ERRORED, RESULT_COMPLETED,
                        RESULT_SUCCEEDED | RESULT_SKIPPED, RESULT_SUCCEEDED | RESULT_SKIPPED | RESULT_FAILED};
                *t = (struct trigger){TRIGGER_TEST, deps[below(g, n)], results[below(g, sizeof results / sizeof *results)], NULL, NULL};
                return t;
        }
        t->op = chance(g, 150) ? TRIGGER_NOT : chance(g, 500) ? TRIGGER_AND : TRIGGER_OR;
        t->left = gen_trigger(g, deps, n, depth - 1);
        t->right = t->op == TRIGGER_NOT ? NULL : gen_trigger(g, deps, n, depth - 1);
        return t;
}

/* The tasks whose bits are in `seen` of the graph `m`; reads of the same, and of single tasks inside groups. */
static void gen_refs(struct gen *g, struct task *t, struct sim_task *s, const struct making *m, uint32_t seen)
{
        struct sim_ref *refs = ARENA_ARRAY(g->arena, struct sim_ref, TASKS_MAX * 2);
        uint32_t *reads = ARENA_ARRAY(g->arena, uint32_t, TASKS_MAX);
        for (uint32_t i = 0; i < m->n; i++) {
                if (!(seen >> i & 1))
                        continue;
                reads[t->reads_n++] = i;
                refs[s->refs_n++] = (struct sim_ref){{REF_NO_GROUP, i}, m->tasks[i].collects && chance(g, 500)};
                if (m->tasks[i].template < g->templates_n && g->templates[m->tasks[i].template].transparent) {
                        const struct template *group = &g->templates[m->tasks[i].template];
                        uint32_t k = below(g, group->tasks_n);
                        refs[s->refs_n++] = (struct sim_ref){{i, k}, group->tasks[k].collects && chance(g, 500)};
                }
        }
        t->reads = reads;
        s->refs = refs;
}

/* Fan-out, condition, template and hooks of a task whose place in the graph is decided. */
static void gen_call(struct gen *g, struct task *t, struct sim_task *s, uint32_t budget, uint32_t depth)
{
        bool fan = (budget >= 3 && chance(g, 250)) || budget > 150;
        uint32_t items = 1;
        if (fan) {
                items = budget > 150 ? between(g, 8, 45) : between(g, 2, budget < 8 ? budget : 8);
                t->fans_out = true;
                s->items_least = budget > 150 ? items * 9 / 10 : chance(g, 300) ? 0 : 1 + items / 2;
                s->items_most = items;
                s->items_error = g->language_errors;
                t->items_parallelism = chance(g, 350) ? between(g, 1, 4) : 0;
                t->collects = chance(g, 600);
        }
        if (budget <= 150 && chance(g, 200)) {
                t->has_when = true;
                s->when_no = s->item_no = 300;
                s->when_error = g->language_errors;
                s->when_each = fan && chance(g, 600);
        }
        s->call_error = g->language_errors / 2;
        if (chance(g, 120))
                t->continue_on = chance(g, 500) ? RESULT_FAILED : RESULT_FAILED | RESULT_ERRORED;
        uint32_t rest = budget / items;
        t->template = rest <= 2 || depth > 7 || chance(g, budget > 150 ? 30 : 150) ? gen_leaf(g) : gen_graph(g, rest - 1, depth + 1);
        if (chance(g, 50)) {
                s->choices[0] = t->template;
                s->choices[1] = gen_leaf(g);
                s->choices_n = 2;
                t->template = TEMPLATE_BY_CALL;
        }
        gen_hooks(g, t, false);
}

static struct sim_task *new_task(struct gen *g, struct task *t, uint32_t i)
{
        struct sim_task *s = ARENA_NEW(g->arena, struct sim_task);
        s->salt = draw(g);
        *t = (struct task){.name = arena_printf(g->arena, "k%u", i), .dialect = s};
        return s;
}

/* A group: its tasks see the graph around, as far as the group itself is after it. */
static uint32_t gen_group(struct gen *g, const struct making *around, uint32_t seen, uint32_t budget, uint32_t depth)
{
        uint32_t index;
        new_template(g, TEMPLATE_GRAPH, &index);
        struct making m = {.n = between(g, 1, budget < 4 ? 2 : 4)};
        m.tasks = ARENA_ARRAY(g->arena, struct task, m.n);
        bool atomic = chance(g, 600);
        for (uint32_t i = 0; i < m.n; i++) {
                struct sim_task *s = new_task(g, &m.tasks[i], i);
                gen_refs(g, &m.tasks[i], s, around, seen);
                if (!atomic && i > 0 && chance(g, 300)) {
                        uint32_t *deps = ARENA_NEW(g->arena, uint32_t);
                        deps[0] = i - 1;
                        m.tasks[i].deps = deps;
                        m.tasks[i].deps_n = 1;
                }
                gen_call(g, &m.tasks[i], s, 1 + budget / m.n, depth + 1);
        }
        struct template *t = &g->templates[index];
        t->tasks = m.tasks;
        t->tasks_n = m.n;
        t->transparent = true;
        t->atomic = atomic;
        t->assess = ASSESS_ANY;
        return index;
}

static void gen_place(struct gen *g, struct making *m, uint32_t i, bool chain)
{
        struct task *t = &m->tasks[i];
        uint32_t bits = 0;
        if (i > 0 && chain)
                bits = UINT32_C(1) << (i - 1);
        else if (i > 0 && chance(g, 750))
                for (uint32_t k = between(g, 1, 3); k > 0; k--)
                        bits |= UINT32_C(1) << below(g, i);
        uint32_t *deps = ARENA_ARRAY(g->arena, uint32_t, TASKS_MAX);
        m->after[i] = bits;
        for (uint32_t k = 0; k < i; k++)
                if (bits >> k & 1) {
                        deps[t->deps_n++] = k;
                        m->after[i] |= m->after[k];
                }
        t->deps = deps;
        t->on_stop = chance(g, 100);
        if (t->deps_n > 0 && chance(g, 220))
                t->trigger = gen_trigger(g, deps, t->deps_n, 2);
}

/* Calls the graph again, while the condition says yes: recursion. */
static void gen_recursion(struct gen *g, struct making *m, uint32_t template)
{
        struct task *t = &m->tasks[m->n];
        struct sim_task *s = new_task(g, t, m->n);
        gen_place(g, m, m->n, false);
        gen_refs(g, t, s, m, m->after[m->n]);
        t->template = template;
        t->has_when = true;
        s->when_no = 650;
        s->recursion = 1;
        m->n++;
}

static void gen_assessment(struct gen *g, struct template *t, const struct making *m)
{
        t->assess = chance(g, 400) ? ASSESS_ANY : ASSESS_TARGETS;
        if (t->assess == ASSESS_ANY)
                return;
        uint32_t *targets = ARENA_ARRAY(g->arena, uint32_t, m->n), needed = 0;
        bool some = chance(g, 200);
        for (uint32_t i = 0; i < m->n; i++)
                needed |= m->after[i];
        for (uint32_t i = 0; i < m->n; i++)
                if (some ? chance(g, 400) || i == m->n - 1 : !(needed >> i & 1))
                        targets[t->targets_n++] = i;
        t->targets = targets;
}

static uint32_t gen_graph(struct gen *g, uint32_t budget, uint32_t depth)
{
        uint32_t index;
        struct sim_template *s = new_template(g, TEMPLATE_GRAPH, &index);
        uint32_t most = budget > 150 ? 4 : budget < 8 ? budget < 2 ? 2 : budget : 8;
        struct making m = {.n = between(g, 2, most < 2 ? 2 : most)};
        m.tasks = ARENA_ARRAY(g->arena, struct task, m.n + 1);
        bool chain = chance(g, 250);
        for (uint32_t i = 0, n = m.n; i < n; i++) {
                uint32_t share = budget / n, b = share < 2 ? share : between(g, share / 2 + 1, share + share / 2);
                m.n = i; /* what is made so far can be seen */
                struct sim_task *st = new_task(g, &m.tasks[i], i);
                gen_place(g, &m, i, chain);
                uint32_t extra = m.after[i];
                if (g->templates_n + 200 < g->templates_max && b <= 150 && chance(g, chain ? 600 : 150)) {
                        m.tasks[i].template = gen_group(g, &m, extra, b, depth);
                        m.tasks[i].trigger = NULL;
                } else {
                        gen_refs(g, &m.tasks[i], st, &m, extra);
                        gen_call(g, &m.tasks[i], st, b, g->templates_n + 200 < g->templates_max ? depth : 9);
                }
                m.n = n;
        }
        if (budget <= 60 && chance(g, 100))
                gen_recursion(g, &m, index);
        struct template *t = &g->templates[index];
        t->tasks = m.tasks;
        t->tasks_n = m.n;
        gen_assessment(g, t, &m);
        t->parallelism = chance(g, 180) ? between(g, 1, 3) : 0;
        t->fail_fast = g->sim->racy && chance(g, 600);
        t->has_outputs = chance(g, 500);
        if (t->has_outputs) {
                struct sim_task all = {0};
                struct task none = {0};
                gen_refs(g, &none, &all, &m, (uint32_t)draw(g));
                s->collect = all.refs;
                s->collect_n = all.refs_n;
                s->collect_error = g->language_errors / 2;
        }
        if (depth > 0 && budget <= 150 && chance(g, 120))
                gen_retry(g, index, s);
        gen_times(g, s);
        return index;
}

static void gen_mood(struct gen *g)
{
        uint32_t mood = below(g, 10);
        if (mood >= 3)
                g->fails = mood >= 7 ? 150 : 40, g->errors = mood >= 7 ? 50 : 15;
        g->losses = chance(g, 300) ? 80 : 0;
        g->language_errors = mood >= 5 && mood <= 7 ? 15 : 0;
        g->sim->racy = chance(g, 180);
        g->sim->timed = g->sim->racy && chance(g, 400);
        g->sim->cache_hits = chance(g, 500) ? 400 : 0;
        g->sim->salt = draw(g);
}

struct workflow *gen_workflow(uint64_t seed)
{
        struct arena *a = arena_new();
        struct gen g = {.random.state = sim_mix(seed, 51), .arena = a};
        g.w = ARENA_NEW(a, struct workflow);
        g.sim = ARENA_NEW(a, struct sim_workflow);
        gen_mood(&g);
        uint32_t size = below(&g, 1000), budget = size < 30 ? between(&g, 1500, 3500) : size < 620 ? between(&g, 50, 110) : between(&g, 2, 35);
        if (budget > 1000 && g.fails > 0)
                g.fails = 5, g.errors = 2, g.language_errors = 0;
        g.sim->broken = g.language_errors > 0;
        g.sim->nodes_wanted = budget;
        g.templates_max = budget > 1000 ? 3000 : 300 + budget * 4;
        g.templates = ARENA_ARRAY(a, struct template, g.templates_max);
        *g.w = (struct workflow){.language = &sim_language, .name = STR("simulated"), .arena = a, .dialect = g.sim};
        struct sim_task *root = new_task(&g, &g.w->root, 0);
        (void)root;
        g.w->root.name = STR("main");
        gen_hooks(&g, &g.w->root, true);
        g.w->root.template = budget < 3 ? gen_leaf(&g) : gen_graph(&g, budget, 0);
        g.w->templates = g.templates;
        g.w->templates_n = g.templates_n;
        g.w->parallelism = chance(&g, 250) ? between(&g, 1, budget > 1000 ? 40 : 5) : 0;
        if (g.sim->timed && chance(&g, 200))
                g.w->deadline_us = (int64_t)between(&g, 1, 60) * US_PER_S;
        return g.w;
}
