/* The model's own checks and its end. */
#include "model/workflow.h"
#include <assert.h>

void workflow_free(struct workflow *w)
{
        if (w)
                arena_free(w->arena);
}

static void check_trigger(const struct task *t, const struct trigger *x)
{
        if (x->op == TRIGGER_TEST) { /* W2 */
                bool found = false;
                for (uint32_t i = 0; i < t->deps_n && !found; i++)
                        found = t->deps[i] == x->task;
                assert(found);
                return;
        }
        check_trigger(t, x->left);
        if (x->op != TRIGGER_NOT)
                check_trigger(t, x->right);
}

static void check_graph(const struct workflow *w, const struct template *t)
{
        for (uint32_t i = 0; i < t->tasks_n; i++) {
                const struct task *k = &t->tasks[i];
                assert(k->template == TEMPLATE_BY_CALL || k->template < w->templates_n);
                for (uint32_t d = 0; d < k->deps_n; d++)
                        assert(k->deps[d] < t->tasks_n && k->deps[d] != i); /* W1 */
                if (k->trigger)
                        check_trigger(k, k->trigger);
                if (k->template != TEMPLATE_BY_CALL && w->templates[k->template].transparent)
                        assert(!k->fans_out && !k->has_when && !w->templates[k->template].has_retry); /* W4 */
        }
        for (uint32_t i = 0; i < t->targets_n; i++)
                assert(t->targets[i] < t->tasks_n);
        struct arena *a = arena_new(); /* W1: acyclic, by taking away what has nothing before it */
        uint32_t *left = arena_alloc_array(a, sizeof *left, t->tasks_n + 1u), gone = 0;
        for (uint32_t i = 0; i < t->tasks_n; i++)
                left[i] = t->tasks[i].deps_n;
        uint32_t edges = 0;
        for (uint32_t i = 0; i < t->tasks_n; i++)
                edges += t->tasks[i].deps_n;
        uint32_t *first = arena_alloc_array(a, sizeof *first, t->tasks_n + 2u), *after = arena_alloc_array(a, sizeof *after, edges + 1u);
        for (uint32_t i = 0; i < t->tasks_n; i++)
                for (uint32_t d = 0; d < t->tasks[i].deps_n; d++)
                        first[t->tasks[i].deps[d] + 1]++;
        for (uint32_t i = 1; i <= t->tasks_n; i++)
                first[i] += first[i - 1];
        uint32_t *at = arena_alloc_array(a, sizeof *at, t->tasks_n + 1u), *queue = arena_alloc_array(a, sizeof *queue, t->tasks_n + 1u), tail = 0;
        memcpy(at, first, t->tasks_n * sizeof *at);
        for (uint32_t i = 0; i < t->tasks_n; i++)
                for (uint32_t d = 0; d < t->tasks[i].deps_n; d++)
                        after[at[t->tasks[i].deps[d]]++] = i;
        for (uint32_t i = 0; i < t->tasks_n; i++)
                if (!left[i])
                        queue[tail++] = i;
        while (gone < tail) {
                uint32_t i = queue[gone++];
                for (uint32_t k = first[i]; k < first[i + 1]; k++)
                        if (!--left[after[k]])
                                queue[tail++] = after[k];
        }
        assert(gone == t->tasks_n);
        arena_free(a);
}

void workflow_check(const struct workflow *w)
{
        assert(w->root.template == TEMPLATE_BY_CALL || w->root.template < w->templates_n);
        for (uint32_t i = 0; i < w->templates_n; i++)
                if (w->templates[i].kind == TEMPLATE_GRAPH)
                        check_graph(w, &w->templates[i]);
}
