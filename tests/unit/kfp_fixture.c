/* See kfp_fixture.h. */
#include "kfp_fixture.h"
#include "text/yaml.h"
#include <assert.h>
#include <stdlib.h>

static struct kfp_case *compile(const char *yaml, const char *const *parameters, struct str uid)
{
        struct kfp_case *c = calloc(1, sizeof *c);
        struct value *documents;
        size_t n;
        struct error e = {0};
        c->arena = arena_new();
        c->problems.arena = c->arena;
        struct submission s = {.uid = uid, .ns = STR("default"), .created_at = {1000000}};
        s.parameters.params = arena_alloc_array(c->arena, sizeof(struct param), 20);
        for (; parameters && *parameters; parameters += 2)
                s.parameters.params[s.parameters.params_n++] = (struct param){.name = str_from(parameters[0]), .value = val_text(str_from(parameters[1]))};
        if (!yaml_read(str_from(yaml), YAML_KFP, NULL, c->arena, &documents, &n, &e)) {
                problem_add(&c->problems, e.kind, false, NULL, STR(""), "%s", e.text);
                return c;
        }
        c->workflow = dialect_kfp.compile(documents, n, &s, &c->problems, NULL);
        return c;
}

struct kfp_case *kfp_case_new(const char *yaml, const char *const *parameters) { return compile(yaml, parameters, STR("0f1e-uid")); }

struct kfp_case *kfp_case_lint(const char *yaml) { return compile(yaml, NULL, STR("")); }

void kfp_case_free(struct kfp_case *c)
{
        workflow_free(c->workflow);
        arena_free(c->arena);
        free(c);
}

struct queue { struct event *items; size_t at, n, cap; };

static void push(struct queue *q, struct event e)
{
        if (q->n == q->cap) {
                q->cap = q->cap ? 2 * q->cap : 64;
                q->items = realloc(q->items, q->cap * sizeof *q->items);
        }
        q->items[q->n++] = e;
}

static void keep_rows(struct kfp_case *c, const struct delta *d)
{
        for (size_t i = 0; i < d->nodes_n; i++) {
                uint32_t no = d->nodes[i].no;
                if (no > c->nodes_n) {
                        c->nodes = realloc(c->nodes, no * sizeof *c->nodes);
                        memset(c->nodes + c->nodes_n, 0, (no - c->nodes_n) * sizeof *c->nodes);
                        c->nodes_n = no;
                }
                c->nodes[no - 1] = node_row_copy(&d->nodes[i], c->arena);
        }
        if (d->run)
                c->run = run_row_copy(d->run, c->arena);
}

static void act(struct kfp_case *c, const struct delta *d, struct queue *q, kfp_answer *answer, void *user)
{
        for (size_t i = 0; i < d->actions_n; i++) {
                const struct action *a = &d->actions[i];
                struct event e = {.kind = EVENT_ENDED, .node = a->node, .epoch = a->epoch, .attempt = a->attempt};
                if (a->kind == ACTION_CACHE_LOOKUP)
                        e.kind = EVENT_CACHE_ANSWER;
                if (a->kind == ACTION_START) {
                        struct task_outcome *o = ARENA_NEW(c->arena, struct task_outcome);
                        c->started++;
                        if (answer)
                                answer(user, c, a->spec, o);
                        e.outcome = o;
                }
                if (a->kind == ACTION_START || a->kind == ACTION_CACHE_LOOKUP)
                        push(q, e);
        }
}

void kfp_case_run(struct kfp_case *c, kfp_answer *answer, void *user)
{
        struct run_row row = {.uid = STR("0f1e-uid"), .name = STR("a-run"), .ns = STR("default"), .display_name = STR("A run"), .language = STR("kfp"),
                              .created_at = {1700000000000000}, .nodes_next = 1};
        struct engine_settings settings = {0};
        struct queue q = {0};
        struct wall now = {1700000000000000};
        assert(c->workflow);
        row.parameters = c->workflow->parameters;
        struct run *run = engine_new(c->workflow, &row, STR("/data/artifacts"), &settings);
        c->nodes = NULL;
        push(&q, (struct event){.kind = EVENT_BEGIN});
        for (size_t steps = 0; steps < 10000; steps++) {
                if (q.at == q.n && engine_wants_continue(run))
                        push(&q, (struct event){.kind = EVENT_CONTINUE});
                else if (q.at == q.n && engine_wake_at(run).us) {
                        now = engine_wake_at(run);
                        push(&q, (struct event){.kind = EVENT_TICK});
                }
                if (q.at == q.n)
                        break;
                struct delta d = {.arena = c->arena}; /* specs stay for the test to look at */
                struct error e = {0};
                now.us += 1000;
                assert(engine_step(run, &q.items[q.at++], now, &d, &e));
                engine_check(run);
                keep_rows(c, &d);
                act(c, &d, &q, answer, user);
        }
        engine_free(run);
        free(q.items);
        struct node_row *kept = arena_alloc_array(c->arena, sizeof *kept, c->nodes_n + 1);
        if (c->nodes_n)
                memcpy(kept, c->nodes, c->nodes_n * sizeof *kept);
        free(c->nodes);
        c->nodes = kept;
}

void kfp_answer_file(struct kfp_case *c, struct task_outcome *o, const char *text)
{
        o->file = (struct task_output){.name = STR("file"), .present = true, .content = arena_str(c->arena, str_from(text))};
}

void kfp_answer_param(struct kfp_case *c, struct task_outcome *o, const char *name, const char *text)
{
        enum { MOST = 16 };
        if (!o->params)
                o->params = arena_alloc_array(c->arena, sizeof *o->params, MOST);
        assert(o->params_n < MOST);
        o->params[o->params_n++] = (struct task_output){arena_str(c->arena, str_from(name)), true, arena_str(c->arena, str_from(text)), false};
}

const struct problem *kfp_case_problem(const struct kfp_case *c, const char *part)
{
        for (size_t i = 0; i < c->problems.n; i++)
                if (!c->problems.items[i].warning && str_find(c->problems.items[i].text, str_from(part), 0) != SIZE_MAX)
                        return &c->problems.items[i];
        return NULL;
}

const struct node_row *kfp_case_node(const struct kfp_case *c, const char *name, size_t i)
{
        for (size_t k = 0; k < c->nodes_n; k++)
                if (str_eq_c(c->nodes[k].name, name) && !i--)
                        return &c->nodes[k];
        return NULL;
}

const char *kfp_outputs(const struct kfp_case *c, const struct node_row *n) { return arena_cstr(c->arena, bindings_encode(&n->outputs, c->arena)); }

const char *kfp_inputs(const struct kfp_case *c, const struct node_row *n) { return arena_cstr(c->arena, bindings_encode(&n->inputs, c->arena)); }

const char *kfp_run_text(const struct kfp_case *c)
{
        return arena_cstr(c->arena, dialect_kfp.run_outputs(c->workflow, &c->run, c->nodes, c->nodes_n, c->arena));
}
