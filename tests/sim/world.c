/* The world around a run: an executor that runs attempts, a cache, child runs, people who approve. How long a thing takes and
 * how it ends is a hash of (seed, ident, epoch, attempt), so that a run that is crashed and loaded again meets the same world.
 * Events come in order of their time, which is any order as far as the engine can tell; some come twice, some long after they
 * have lost their meaning, some name attempts that never were.
 *
 * The world keeps the executor's half of the contract: an attempt is started once however often it is ordered, and what has
 * ended is reported again when somebody asks. It aborts the simulation when the engine breaks its half. */
#include <stdlib.h>
#include "sim.h"

enum { LATENCY_MAX_US = 400000, ECHOES_MAX = 3 };

struct queued { int64_t at_us; uint64_t tie; struct event event; bool first; };

struct wnode { /* the last attempt of a node */
        uint32_t epoch, attempt, starts, echoes;
        bool known, live, child, seen_suspended, told, told_to_terminate;
        int64_t ends_us;
        struct event end;
};

struct world {
        uint64_t seed;
        const struct workflow *w;
        const struct sim_workflow *sw;
        enum sim_mode mode;
        struct arena *arena;
        struct queued *heap; uint32_t heap_n, heap_cap;
        struct wnode *nodes; uint32_t nodes_cap;
        uint32_t live;
        uint64_t ties;
};

struct sim_outcome sim_outcome(uint64_t seed, const struct sim_template *t, uint64_t ident, enum sim_mode mode) {
        uint64_t h = sim_mix(sim_mix(seed, 21), ident);
        struct sim_outcome o = {.end = TASK_EXITED};
        if (sim_roll(sim_mix(h, 1), t->losses))
                o.losses = 1 + (uint32_t)(h % 2);
        if (mode == MODE_ALL_GOOD)
                return o;
        if (sim_roll(sim_mix(h, 2), t->errors))
                o.end = TASK_NOT_RUN;
        else if (sim_roll(sim_mix(h, 3), t->fails))
                o.exit_code = 1 + (int)(h % 3);
        return o;
}

enum run_state sim_child_state(uint64_t seed, const struct sim_template *t, uint64_t ident, enum sim_mode mode) {
        struct sim_outcome o = sim_outcome(seed, t, ident, mode);
        return o.end == TASK_NOT_RUN ? RUN_ERROR : o.exit_code != 0 ? RUN_FAILED : RUN_SUCCEEDED;
}

bool sim_rejects(uint64_t seed, uint64_t ident, enum sim_mode mode) {
        return mode == MODE_SEEDED && sim_roll(sim_mix(sim_mix(seed, 22), ident), 80);
}

uint64_t sim_supplied(uint64_t in) { return sim_mix(in, 23); }

bool sim_cache_hit(const struct sim_workflow *w, uint64_t key) { return sim_roll(sim_mix(sim_mix(w->salt, 24), key), w->cache_hits); }

struct world *world_new(uint64_t seed, const struct workflow *w) {
        struct world *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        *x = (struct world){.seed = seed, .w = w, .sw = w->dialect, .arena = arena_new()};
        return x;
}

void world_free(struct world *x) {
        if (!x)
                return;
        arena_free(x->arena);
        free(x->heap);
        free(x->nodes);
        free(x);
}

void world_mode(struct world *x, enum sim_mode mode) { x->mode = mode; }

static bool sooner(const struct queued *a, const struct queued *b) {
        return a->at_us != b->at_us ? a->at_us < b->at_us : a->tie < b->tie;
}

static void push(struct world *x, const struct event *e, int64_t at_us, bool first) {
        if (x->heap_n == x->heap_cap) {
                x->heap_cap = x->heap_cap * 2 + 64;
                x->heap = realloc(x->heap, x->heap_cap * sizeof *x->heap);
                if (!x->heap)
                        abort();
        }
        struct queued q = {at_us, x->ties++, *e, first};
        uint32_t i = x->heap_n++;
        for (; i > 0 && sooner(&q, &x->heap[(i - 1) / 2]); i = (i - 1) / 2)
                x->heap[i] = x->heap[(i - 1) / 2];
        x->heap[i] = q;
}

static struct queued pop(struct world *x) {
        struct queued top = x->heap[0], last = x->heap[--x->heap_n];
        uint32_t i = 0;
        for (;;) {
                uint32_t k = 2 * i + 1;
                if (k >= x->heap_n)
                        break;
                if (k + 1 < x->heap_n && sooner(&x->heap[k + 1], &x->heap[k]))
                        k++;
                if (!sooner(&x->heap[k], &last))
                        break;
                x->heap[i] = x->heap[k];
                i = k;
        }
        x->heap[i] = last;
        return top;
}

static struct wnode *node_of(struct world *x, uint32_t no) {
        if (no >= x->nodes_cap) {
                uint32_t cap = no * 2 + 64;
                x->nodes = realloc(x->nodes, cap * sizeof *x->nodes);
                if (!x->nodes)
                        abort();
                memset(x->nodes + x->nodes_cap, 0, (cap - x->nodes_cap) * sizeof *x->nodes);
                x->nodes_cap = cap;
        }
        return &x->nodes[no];
}

static uint64_t action_hash(const struct world *x, const struct sim_row *r, const struct action *a) {
        return sim_mix(sim_mix(sim_mix(x->seed, r->ident), (uint64_t)a->epoch << 32 | a->attempt), a->kind);
}

static const struct sim_template *template_of(const struct world *x, const struct sim_row *r) {
        if (r->row.template >= x->w->templates_n)
                sim_fail("node %u acts and has no template", r->row.no);
        return x->w->templates[r->row.template].dialect;
}

/* Duplicates of an event, and relatives of it that name attempts that are over or never were. */
static void push_noise(struct world *x, const struct event *e, int64_t at_us, uint64_t h) {
        if (sim_roll(sim_mix(h, 31), 60))
                push(x, e, at_us + (int64_t)(h % 3000000), false);
        struct event stale = *e;
        if (sim_roll(sim_mix(h, 32), 40)) {
                stale.attempt = e->attempt > 0 ? e->attempt - 1 : 7;
                push(x, &stale, at_us + (int64_t)(h % 2000000), false);
        }
        stale = *e;
        if (sim_roll(sim_mix(h, 33), 20)) {
                stale.epoch = e->epoch + 1;
                push(x, &stale, at_us - (int64_t)(h % 1000), false);
        }
        stale = *e;
        if (sim_roll(sim_mix(h, 34), 10)) {
                stale.node = e->node + 100000;
                push(x, &stale, at_us, false);
        }
}

static struct task_outcome *outcome_new(struct world *x, enum task_end end, int exit_code) {
        struct task_outcome *o = ARENA_NEW(x->arena, struct task_outcome);
        *o = (struct task_outcome){.end = end, .exit_code = exit_code, .cpu_us = -1, .rss_max_bytes = -1};
        if (end == TASK_NOT_RUN)
                o->message = STR("there is no such command");
        return o;
}

static void start(struct world *x, const struct sim_row *r, const struct action *a, int64_t now, struct wnode *n) {
        const struct sim_template *t = template_of(x, r);
        uint64_t h = action_hash(x, r, a), in = sim_value(&r->row.inputs, "v");
        if (!a->spec || a->spec->command_n != 2 || sim_parse(a->spec->command[0]) != t->salt || sim_parse(a->spec->command[1]) != in)
                sim_fail("node %u is started with a specification that is not its own", a->node);
        n->starts++;
        x->live++;
        int64_t begins = now + 1 + (int64_t)(h % LATENCY_MAX_US);
        int64_t lasts = 1 + (int64_t)(sim_mix(h, 35) % (sim_roll(sim_mix(h, 36), t->slow) ? 600 * US_PER_S : 3 * US_PER_S));
        n->ends_us = begins + lasts;
        struct sim_outcome o = sim_outcome(x->seed, t, r->ident, x->mode);
        struct task_outcome *end = outcome_new(x, n->starts <= o.losses ? TASK_LOST : o.end, o.exit_code);
        end->started_at.us = begins;
        end->finished_at.us = n->ends_us;
        if (end->end == TASK_EXITED && end->exit_code == 0) {
                end->params = ARENA_NEW(x->arena, struct task_output);
                end->params_n = 1;
                end->params[0] = (struct task_output){STR("v"), true, sim_hex(sim_leaf_out(t, in, 0), x->arena), false};
        }
        struct event e = {.kind = EVENT_STARTED, .node = a->node, .epoch = a->epoch, .attempt = a->attempt, .at.us = begins};
        bool late = sim_roll(sim_mix(h, 37), 50);
        if (!sim_roll(sim_mix(h, 38), 50))
                push(x, &e, late ? n->ends_us + 5000 : begins, false);
        e.kind = EVENT_ENDED;
        e.outcome = end;
        e.at.us = n->ends_us;
        n->end = e;
        push(x, &e, n->ends_us, true);
        push_noise(x, &e, n->ends_us, h);
}

static void create_child(struct world *x, const struct sim_row *r, const struct action *a, int64_t now, struct wnode *n) {
        const struct sim_template *t = template_of(x, r);
        uint64_t h = action_hash(x, r, a), in = sim_value(&r->row.inputs, "v");
        if (sim_parse(a->text) != in)
                sim_fail("node %u creates a child from a document that is not its own", a->node);
        n->starts++;
        n->child = true;
        x->live++;
        struct str uid = arena_printf(x->arena, "%u.%u.%u", a->node, a->epoch, a->attempt);
        struct event e = {.kind = EVENT_CHILD_CREATED, .node = a->node, .epoch = a->epoch, .attempt = a->attempt, .text = uid};
        int64_t at = now + 1 + (int64_t)(h % LATENCY_MAX_US);
        push(x, &e, at, false);
        e.kind = EVENT_CHILD_ENDED;
        e.text = STR_NONE;
        e.child_state = sim_child_state(x->seed, t, r->ident, x->mode);
        if (e.child_state == RUN_SUCCEEDED) {
                struct bindings *b = ARENA_NEW(x->arena, struct bindings);
                *b = sim_bindings("v", sim_mix(in, 41), x->arena);
                e.outputs = b;
        }
        n->ends_us = at + 1 + (int64_t)(sim_mix(h, 35) % (5 * US_PER_S));
        n->end = e;
        push(x, &e, n->ends_us, true);
        push_noise(x, &e, n->ends_us, h);
}

static void stop(struct world *x, const struct action *a, int64_t now, struct wnode *n) {
        struct event e = {.kind = EVENT_ENDED, .node = a->node, .epoch = a->epoch, .attempt = a->attempt};
        bool same = n->known && n->epoch == a->epoch && n->attempt == a->attempt;
        n->told |= same;
        if (same && !n->live) {
                push(x, &n->end, now + 1, false);
                return;
        }
        e.outcome = outcome_new(x, TASK_STOPPED, 143);
        push(x, &e, now + 1 + (int64_t)(sim_mix(a->node, now) % 100000), same);
}

static void stop_child(struct world *x, const struct action *a, int64_t now, struct wnode *n) {
        if (!n->known || !n->child || a->text.n == 0)
                sim_fail("node %u stops a child run that it never created", a->node);
        struct event e = n->end;
        n->told = true;
        n->told_to_terminate |= a->terminate;
        if (n->live) {
                e.child_state = a->terminate ? RUN_TERMINATED : RUN_STOPPED;
                e.outputs = NULL;
        }
        push(x, &e, now + 1000, n->live);
}

static void answer_cache(struct world *x, const struct sim_row *r, const struct action *a, int64_t now) {
        const struct sim_template *t = template_of(x, r);
        uint64_t h = action_hash(x, r, a), in = sim_value(&r->row.inputs, "v"), key = sim_parse(a->text);
        if (key != sim_cache_key(t, in))
                sim_fail("node %u looks up a key that is not its own", a->node);
        struct event e = {.kind = EVENT_CACHE_ANSWER, .node = a->node, .epoch = a->epoch, .attempt = a->attempt};
        e.hit = sim_cache_hit(x->sw, key);
        if (e.hit) {
                struct bindings *b = ARENA_NEW(x->arena, struct bindings);
                *b = sim_bindings("v", sim_leaf_out(t, in, 0), x->arena);
                e.outputs = b;
                e.text = STR("11111111-2222/7");
        }
        int64_t at = now + 1 + (int64_t)(h % LATENCY_MAX_US);
        push(x, &e, at, false);
        push_noise(x, &e, at, h);
}

/* Once more for what is known: reports its present state again, as an executor does after a restart. */
static void report_again(struct world *x, struct wnode *n, const struct action *a, int64_t now) {
        if (n->echoes++ >= ECHOES_MAX)
                return;
        struct event e = {.kind = n->child ? EVENT_CHILD_CREATED : EVENT_STARTED, .node = a->node, .epoch = a->epoch, .attempt = a->attempt};
        if (n->child)
                e.text = arena_printf(x->arena, "%u.%u.%u", a->node, a->epoch, a->attempt);
        push(x, &e, now + 1, false);
        if (!n->live)
                push(x, &n->end, now + 2, false);
}

static void begin_attempt(struct world *x, const struct sim_row *r, const struct action *a, int64_t now, bool again, struct wnode *n) {
        bool same = n->known && n->epoch == a->epoch && n->attempt == a->attempt;
        if (same) {
                if (!again)
                        sim_fail("node %u attempt %u is started twice", a->node, a->attempt);
                report_again(x, n, a, now);
                return;
        }
        if (n->live)
                sim_fail("node %u has two live attempts: %u.%u runs and %u.%u is started", a->node, n->epoch, n->attempt, a->epoch, a->attempt);
        if (n->known && (a->epoch < n->epoch || (a->epoch == n->epoch && a->attempt < n->attempt)))
                sim_fail("node %u starts the old attempt %u", a->node, a->attempt);
        uint32_t starts = n->epoch == a->epoch ? n->starts : 0;
        *n = (struct wnode){.epoch = a->epoch, .attempt = a->attempt, .known = true, .live = true, .starts = starts};
        if (a->kind == ACTION_START)
                start(x, r, a, now, n);
        else
                create_child(x, r, a, now, n);
}

void world_act(struct world *x, const struct sim_store *s, const struct action *a, int64_t now, bool again) {
        const struct sim_row *r = a->node < s->rows_n ? &s->rows[a->node] : NULL;
        if (!r || !r->live || r->row.epoch != a->epoch)
                sim_fail("action %d for node %u before its row is committed", a->kind, a->node);
        if (node_state_final(r->row.state) && (a->kind == ACTION_START || a->kind == ACTION_CHILD_CREATE))
                sim_fail("action %d for node %u, which is committed as %s", a->kind, a->node, node_state_name(r->row.state));
        struct wnode *n = node_of(x, a->node);
        if ((a->kind == ACTION_STOP || a->kind == ACTION_CHILD_STOP) && s->run.stopping == RUN_STOPPED && !x->sw->timed && check_exempt(s, x->w, &r->row))
                sim_fail("node %u, in an exit handler, is told to end though the run is only stopped", a->node);
        switch (a->kind) {
        case ACTION_START:
        case ACTION_CHILD_CREATE:
                if (!r->row.dispatched || r->row.attempt != a->attempt)
                        sim_fail("node %u is started (attempt %u) before the commit that says so", a->node, a->attempt);
                begin_attempt(x, r, a, now, again, n);
                break;
        case ACTION_STOP:
                stop(x, a, now, n);
                break;
        case ACTION_CHILD_STOP:
                stop_child(x, a, now, n);
                break;
        case ACTION_CACHE_LOOKUP:
                answer_cache(x, r, a, now);
                break;
        }
}

void world_saw_suspended(struct world *x, const struct sim_store *s, uint32_t no, int64_t now) {
        const struct sim_row *r = &s->rows[no];
        const struct sim_template *t = template_of(x, r);
        struct wnode *n = node_of(x, no);
        if (t->suspend_us >= 0 || (n->seen_suspended && n->epoch == r->row.epoch))
                return;
        *n = (struct wnode){.epoch = r->row.epoch, .seen_suspended = true};
        struct event e = {.kind = EVENT_APPROVE, .node = no, .epoch = r->row.epoch};
        if (t->supply) {
                struct bindings *b = ARENA_NEW(x->arena, struct bindings);
                *b = sim_bindings("v", sim_supplied(sim_value(&r->row.inputs, "v")), x->arena);
                e.outputs = b;
                e.reject = sim_rejects(x->seed, r->ident, x->mode);
        }
        push(x, &e, now + 1 + (int64_t)(sim_mix(r->ident, 39) % (4 * US_PER_S)), true);
}

void world_unsee(struct world *x, uint32_t no)
{
        if (no < x->nodes_cap)
                x->nodes[no].seen_suspended = false;
}

void world_command(struct world *x, enum event_kind kind, int64_t at_us) {
        struct event e = {.kind = kind};
        push(x, &e, at_us, true);
}

int64_t world_next_at(const struct world *x) { return x->heap_n > 0 ? x->heap[0].at_us : INT64_MAX; }

static bool ends_attempt(struct world *x, const struct event *e, bool first) {
        if (!first || (e->kind != EVENT_ENDED && e->kind != EVENT_CHILD_ENDED))
                return false;
        const struct wnode *n = node_of(x, e->node);
        return n->known && n->epoch == e->epoch && n->attempt == e->attempt;
}

bool world_take(struct world *x, struct event *ret, int64_t *ret_at_us) {
        if (x->heap_n == 0)
                return false;
        struct queued q = pop(x);
        if (ends_attempt(x, &q.event, q.first)) {
                struct wnode *n = node_of(x, q.event.node);
                if (n->live) {
                        n->live = false;
                        n->end = q.event;
                        x->live--;
                } else { /* stopped and ended by itself at once: the second word is an echo of the first */
                        q.event = n->end;
                }
        }
        *ret = q.event;
        *ret_at_us = q.at_us;
        return true;
}

void world_untake(struct world *x, const struct event *e, int64_t at_us) { push(x, e, at_us, false); }

bool world_told(const struct world *x, uint32_t no, uint32_t epoch, bool terminate) {
        const struct wnode *n = no < x->nodes_cap ? &x->nodes[no] : NULL;
        return !n || !n->known || !n->live || n->epoch != epoch || (n->told && (n->told_to_terminate || !n->child || !terminate));
}

uint32_t world_live(const struct world *x) { return x->live; }
uint32_t world_queued(const struct world *x) { return x->heap_n; }
