/* What occurred: for each feature the number of runs in which a node had it, and for each pair the number of runs in which
 * a node with the one stood below a node with the other. */
#include <stdio.h>
#include <stdlib.h>
#include "sim.h"

enum feature {
        F_LEAF, F_GRAPH, F_GROUP, F_ATOMIC, F_FANOUT, F_WHEN, F_TRIGGER, F_CONTINUE, F_RETRY_LEAF, F_RETRY_GRAPH, F_BACKOFF, F_EXIT, F_CHANGE, F_RUN_EXIT,
        F_SUSPEND, F_APPROVE, F_CHILD, F_LIMIT_RUN, F_LIMIT_GRAPH, F_LIMIT_ITEMS, F_CACHE, F_FAIL_FAST, F_TARGETS, F_OUTPUTS, F_COLLECTS, F_BY_CALL,
        F_RECURSION, F_EXIT_TASK, F_FAILS, F_ERROR, F_SKIPPED, F_OMITTED, F_LOST, FEATURES
};
/* `holds`: something can stand below it. `whole`: of the run, so that it stands below nothing. */
static const struct { const char *name, *mark; bool holds, whole; } features[FEATURES] = {
        [F_LEAF] = {"leaf", "lf"}, [F_GRAPH] = {"graph", "gr", true}, [F_GROUP] = {"group", "gp", true}, [F_ATOMIC] = {"atomic group", "at", true},
        [F_FANOUT] = {"fan-out", "fo", true}, [F_WHEN] = {"condition", "wh", true}, [F_TRIGGER] = {"trigger", "tr", true},
        [F_CONTINUE] = {"continue on", "co", true}, [F_RETRY_LEAF] = {"retry of a leaf", "rl"}, [F_RETRY_GRAPH] = {"retry of a graph", "rg", true},
        [F_BACKOFF] = {"back-off", "bo"}, [F_EXIT] = {"exit hook", "xh", true}, [F_CHANGE] = {"change hook", "ch", true},
        [F_RUN_EXIT] = {"the run's exit handler", "rx", true, true}, [F_SUSPEND] = {"suspend for a time", "su"}, [F_APPROVE] = {"approval", "ap"},
        [F_CHILD] = {"child run", "cr"}, [F_LIMIT_RUN] = {"limit of the run", "lr", true, true}, [F_LIMIT_GRAPH] = {"limit of a graph", "lg", true},
        [F_LIMIT_ITEMS] = {"limit of items", "li", true}, [F_CACHE] = {"cache", "ca"}, [F_FAIL_FAST] = {"fail fast", "ff", true},
        [F_TARGETS] = {"targets", "tg", true}, [F_OUTPUTS] = {"graph outputs", "go", true}, [F_COLLECTS] = {"gathered outputs", "ga", true},
        [F_BY_CALL] = {"template by call", "bc"}, [F_RECURSION] = {"recursion", "re", true}, [F_EXIT_TASK] = {"exit task", "xt", true}, [F_FAILS] = {"failed", "fa"}, [F_ERROR] = {"error", "er"},
        [F_SKIPPED] = {"skipped", "sk"}, [F_OMITTED] = {"omitted", "om"}, [F_LOST] = {"lost attempt", "lo"},
};

enum { SIZES = 4 };
struct coverage {
        uint64_t runs, nodes, sizes[SIZES]; /* up to 29, 30 to 50, 51 to 1,000, more */
        uint64_t states[RUN_STATES];
        uint64_t crashes, largest_crashed, retried;
        uint64_t alone[FEATURES];
        uint64_t pairs[FEATURES][FEATURES]; /* [outer][inner] */
};

size_t coverage_size(void) { return sizeof(struct coverage); }

#define BIT(f) (UINT64_C(1) << (f))

static const struct task *task_of(const struct sim_store *s, const struct workflow *w, const struct node_row *r)
{
        while (r->parent && r->role != NODE_ROLE_TASK && r->role != NODE_ROLE_HOOK)
                r = &s->rows[r->parent].row;
        if (r->role == NODE_ROLE_HOOK)
                return NULL;
        return r->parent == 0 ? &w->root : &w->templates[s->rows[r->parent].row.template].tasks[r->task];
}

static uint64_t features_of_task(const struct task *t, const struct node_row *r)
{
        const struct sim_task *st = t->dialect;
        uint64_t f = 0;
        if (t->has_when)
                f |= BIT(F_WHEN);
        if (t->trigger)
                f |= BIT(F_TRIGGER);
        if (t->continue_on)
                f |= BIT(F_CONTINUE);
        if (t->template == TEMPLATE_BY_CALL)
                f |= BIT(F_BY_CALL);
        if (st->recursion)
                f |= BIT(F_RECURSION);
        if (t->on_stop)
                f |= BIT(F_EXIT_TASK);
        if (t->fans_out && r->kind == NODE_KIND_FANOUT)
                f |= BIT(F_FANOUT) | (t->items_parallelism ? BIT(F_LIMIT_ITEMS) : 0) | (t->collects ? BIT(F_COLLECTS) : 0);
        return f;
}

static uint64_t features_of_template(const struct template *t, const struct node_row *r)
{
        const struct sim_template *st = t->dialect;
        uint64_t f = 0;
        if (r->kind == NODE_KIND_RETRY)
                f |= BIT(t->kind == TEMPLATE_GRAPH ? F_RETRY_GRAPH : F_RETRY_LEAF) | (st->retry.backoff_us ? BIT(F_BACKOFF) : 0);
        if (r->kind == NODE_KIND_TASK)
                f |= BIT(F_LEAF) | (t->cacheable ? BIT(F_CACHE) : 0) | (r->attempt > 0 ? BIT(F_LOST) : 0);
        if (r->kind == NODE_KIND_SUSPEND)
                f |= BIT(st->suspend_us < 0 ? F_APPROVE : F_SUSPEND);
        if (r->kind == NODE_KIND_CHILD)
                f |= BIT(F_CHILD);
        if (r->kind == NODE_KIND_GROUP)
                f |= BIT(F_GROUP) | (t->atomic ? BIT(F_ATOMIC) : 0);
        if (r->kind == NODE_KIND_GRAPH)
                f |= BIT(F_GRAPH) | (t->parallelism ? BIT(F_LIMIT_GRAPH) : 0) | (t->fail_fast ? BIT(F_FAIL_FAST) : 0) |
                     (t->assess == ASSESS_TARGETS ? BIT(F_TARGETS) : 0) | (t->has_outputs ? BIT(F_OUTPUTS) : 0);
        return f;
}

static uint64_t features_of(const struct sim_store *s, const struct workflow *w, const struct node_row *r)
{
        uint64_t f = 0;
        const struct task *t = r->role == NODE_ROLE_HOOK ? NULL : task_of(s, w, r);
        if (t && r->role != NODE_ROLE_ATTEMPT)
                f |= features_of_task(t, r);
        if (r->role == NODE_ROLE_HOOK) {
                t = task_of(s, w, &s->rows[r->parent].row);
                f |= t && t->hooks[r->index].when == HOOK_EXIT ? BIT(r->parent == 1 ? F_RUN_EXIT : F_EXIT) : BIT(F_CHANGE);
        }
        if (r->template < w->templates_n)
                f |= features_of_template(&w->templates[r->template], r);
        switch (sim_class_of(r->state)) {
        case CLASS_FAILED:
                return f | BIT(F_FAILS);
        case CLASS_ERROR:
                return f | BIT(F_ERROR);
        case CLASS_SKIPPED:
                return f | BIT(F_SKIPPED);
        case CLASS_OMITTED:
                return f | BIT(F_OMITTED);
        case CLASS_NONE:
        case CLASS_GOOD:
        case CLASS_OPEN:
                break;
        }
        return f;
}

void coverage_count(struct coverage *c, const struct sim_store *s, const struct workflow *w)
{
        uint64_t seen = 0, inner[FEATURES] = {0}, *around = calloc(s->rows_n + 1, sizeof *around);
        if (!around)
                abort();
        uint32_t n = 0;
        around[0] = w->parallelism ? BIT(F_LIMIT_RUN) : 0;
        for (uint32_t i = 1; i < s->rows_n; i++) {
                if (!s->rows[i].live)
                        continue;
                const struct node_row *r = &s->rows[i].row;
                uint64_t f = features_of(s, w, r), above = around[r->parent];
                n++;
                seen |= f | around[0];
                around[i] = above | f;
                for (uint64_t left = above; left; left &= left - 1)
                        inner[__builtin_ctzll(left)] |= f;
        }
        free(around);
        c->runs++;
        c->nodes += n;
        c->sizes[n < 30 ? 0 : n <= 50 ? 1 : n <= 1000 ? 2 : 3]++;
        c->states[s->run.state]++;
        for (int f = 0; f < FEATURES; f++) {
                c->alone[f] += seen >> f & 1;
                for (int k = 0; k < FEATURES; k++)
                        c->pairs[f][k] += inner[f] >> k & 1;
        }
}

void coverage_drive(struct coverage *c, uint64_t crashes, uint64_t largest_crashed, bool retried)
{
        c->crashes += crashes;
        c->retried += retried;
        if (crashes && largest_crashed > c->largest_crashed)
                c->largest_crashed = largest_crashed;
}

void coverage_add(struct coverage *to, const struct coverage *from)
{
        uint64_t largest = to->largest_crashed > from->largest_crashed ? to->largest_crashed : from->largest_crashed;
        uint64_t *a = (uint64_t *)to;
        const uint64_t *b = (const uint64_t *)from;
        for (size_t i = 0; i < sizeof *to / sizeof *a; i++)
                a[i] += b[i];
        to->largest_crashed = largest;
}

bool coverage_print(const struct coverage *c, uint64_t least)
{
        bool enough = true;
        printf("%lu runs, %lu nodes; runs with under 30 nodes %lu, 30 to 50 %lu, 51 to 1,000 %lu, more %lu\n", c->runs, c->nodes, c->sizes[0], c->sizes[1],
               c->sizes[2], c->sizes[3]);
        for (int i = 0; i < RUN_STATES; i++)
                if (run_state_final(i)) {
                        printf("  ended %s: %lu\n", run_state_name(i), c->states[i]);
                        enough &= c->states[i] >= least;
                }
        printf("  %lu crashes, in runs of up to %lu nodes; %lu runs retried\n", c->crashes, c->largest_crashed, c->retried);
        enough &= c->crashes >= least && c->retried >= least;
        printf("runs in which a feature occurs, and in which the one on top stands below the one on the left\n%-24s%9s", "", "");
        for (int k = 0; k < FEATURES; k++)
                printf("%7s", features[k].mark);
        printf("\n");
        for (int f = 0; f < FEATURES; f++) {
                printf("%2s %-21s%9lu", features[f].mark, features[f].name, c->alone[f]);
                enough &= c->alone[f] >= least;
                for (int k = 0; k < FEATURES && features[f].holds; k++) {
                        if (features[k].whole) {
                                printf("%6s ", "-");
                                continue;
                        }
                        bool low = c->pairs[f][k] < least;
                        printf("%6lu%c", c->pairs[f][k], low ? '!' : ' ');
                        enough &= !low;
                }
                printf("\n");
        }
        if (least > 0 && (c->sizes[0] * 2 > c->runs || c->sizes[3] * 50 < c->runs)) {
                printf("too few large runs\n");
                enough = false;
        }
        return enough;
}
