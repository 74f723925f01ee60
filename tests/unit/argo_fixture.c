/* See argo_fixture.h. */
#include "argo_fixture.h"
#include "base/buf.h"
#include "text/yaml.h"
#include <assert.h>
#include <stdlib.h>

static struct argo_case *compile(const char *yaml, const char *const *parameters, struct str uid)
{
        struct argo_case *c = calloc(1, sizeof *c);
        struct value *documents;
        size_t n;
        struct error e = {0};
        c->arena = arena_new();
        c->problems.arena = c->arena;
        struct submission s = {.uid = uid, .ns = STR("default"), .created_at = {1000000}};
        s.parameters.params = arena_alloc_array(c->arena, sizeof(struct param), 20);
        for (; parameters && *parameters; parameters += 2)
                s.parameters.params[s.parameters.params_n++] = (struct param){.name = str_from(parameters[0]), .value = val_text(str_from(parameters[1]))};
        if (!yaml_read(str_from(yaml), YAML_KUBERNETES, NULL, c->arena, &documents, &n, &e)) {
                problem_add(&c->problems, e.kind, false, NULL, STR(""), "%s", e.text);
                return c;
        }
        c->workflow = dialect_argo.compile(documents, n, &s, &c->problems, &c->message);
        return c;
}

struct argo_case *argo_case_new(const char *yaml, const char *const *parameters) { return compile(yaml, parameters, STR("0f1e-uid")); }

struct argo_case *argo_case_lint(const char *yaml) { return compile(yaml, NULL, STR("")); }

void argo_case_free(struct argo_case *c)
{
        if (c->engine)
                engine_free(c->engine);
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

static void keep_rows(struct argo_case *c, const struct delta *d)
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

static void act(struct argo_case *c, const struct delta *d, struct queue *q, argo_answer *answer, void *user)
{
        for (size_t i = 0; i < d->actions_n; i++) {
                const struct action *a = &d->actions[i];
                if (a->kind != ACTION_START)
                        continue;
                struct task_outcome *o = ARENA_NEW(c->arena, struct task_outcome);
                struct event started = {.kind = EVENT_STARTED, .node = a->node, .epoch = a->epoch, .attempt = a->attempt}, ended = started;
                c->started++;
                answer(user, c, a->spec, o);
                ended.kind = EVENT_ENDED;
                ended.outcome = o;
                push(q, started);
                push(q, ended);
        }
}

static bool approve(const struct argo_case *c, struct queue *q)
{
        for (size_t i = 0; i < c->nodes_n; i++)
                if (c->nodes[i].state == NODE_SUSPENDED) {
                        static const struct bindings nothing;
                        push(q, (struct event){.kind = EVENT_APPROVE, .node = c->nodes[i].no, .outputs = &nothing});
                        return true;
                }
        return false;
}

void argo_case_run(struct argo_case *c, argo_answer *answer, void *user)
{
        struct run_row row = {.uid = STR("0f1e-uid"), .name = STR("wf"), .ns = STR("default"), .display_name = STR("wf"), .language = STR("argo"),
                              .created_at = {1767323045000000}, .nodes_next = 1};
        struct engine_settings settings = {0};
        struct queue q = {0};
        struct wall now = {1767323045000000};
        assert(c->workflow);
        row.parameters = c->workflow->parameters;
        struct run *run = engine_new(c->workflow, &row, STR("/data/artifacts"), &settings);
        c->nodes = NULL;
        c->nodes_n = 0;
        push(&q, (struct event){.kind = EVENT_BEGIN});
        for (size_t steps = 0; steps < 10000; steps++) {
                if (q.at == q.n && engine_wants_continue(run))
                        push(&q, (struct event){.kind = EVENT_CONTINUE});
                else if (q.at == q.n && engine_wake_at(run).us) {
                        now = engine_wake_at(run);
                        push(&q, (struct event){.kind = EVENT_TICK});
                }
                if (q.at == q.n && !approve(c, &q))
                        break;
                struct delta d = {.arena = c->arena}; /* specs stay for the test to look at */
                struct error e = {0};
                now.us += 1000;
                assert(engine_step(run, &q.items[q.at++], now, &d, &e));
                engine_check(run);
                keep_rows(c, &d);
                act(c, &d, &q, answer ? answer : argo_answer_words, user);
        }
        c->engine = run; /* specs borrow from it */
        free(q.items);
        struct node_row *kept = arena_alloc_array(c->arena, sizeof *kept, c->nodes_n + 1);
        if (c->nodes_n)
                memcpy(kept, c->nodes, c->nodes_n * sizeof *kept);
        free(c->nodes);
        c->nodes = kept;
}

void argo_answer_param(struct argo_case *c, struct task_outcome *o, const char *name, const char *text)
{
        enum { MOST = 16 };
        if (!o->params)
                o->params = arena_alloc_array(c->arena, sizeof *o->params, MOST);
        assert(o->params_n < MOST);
        o->params[o->params_n++] = (struct task_output){arena_str(c->arena, str_from(name)), true, arena_str(c->arena, str_from(text)), false};
}

void argo_answer_result(struct argo_case *c, struct task_outcome *o, const char *text)
{
        o->result = (struct task_output){.name = STR("result"), .present = true, .content = arena_str(c->arena, str_from(text))};
}

void argo_answer_words(void *user, struct argo_case *c, const struct task_spec *spec, struct task_outcome *ret)
{
        struct str text = STR("");
        (void)user;
        for (size_t i = 0; i < spec->command_n + spec->args_n; i++)
                text = arena_printf(c->arena, "%.*s%s%.*s", STR_FMT(text), i ? " " : "", STR_FMT(i < spec->command_n ? spec->command[i] : spec->args[i - spec->command_n]));
        struct str rest = text, word = str_cut(&rest, ' ');
        int64_t code = 1;
        if (spec->wants_result)
                argo_answer_result(c, ret, str_eq_c(word, "echo") ? arena_printf(c->arena, "%.*s\n", STR_FMT(rest)).p : "");
        if (str_eq_c(word, "fail")) {
                (void)str_to_i64(rest, &code);
                ret->exit_code = (int)code;
        }
        if (str_eq_c(word, "out")) {
                struct str name = str_cut(&rest, ' ');
                argo_answer_param(c, ret, arena_cstr(c->arena, name), arena_printf(c->arena, "%.*s\n", STR_FMT(rest)).p);
        }
}

const struct problem *argo_case_problem(const struct argo_case *c, const char *part, bool warning)
{
        for (size_t i = 0; i < c->problems.n; i++)
                if (c->problems.items[i].warning == warning && str_find(c->problems.items[i].text, str_from(part), 0) != SIZE_MAX)
                        return &c->problems.items[i];
        return NULL;
}

const struct node_row *argo_case_node(const struct argo_case *c, const char *name, size_t i)
{
        for (size_t k = 0; k < c->nodes_n; k++)
                if (str_eq_c(c->nodes[k].name, name) && !i--)
                        return &c->nodes[k];
        return NULL;
}

static void show(struct buf *b, const char *what, const struct bindings *x)
{
        for (size_t i = 0; i < x->params_n; i++)
                buf_addf(b, "%s%.*s=%.*s", i ? ";" : what, STR_FMT(x->params[i].name), STR_FMT(x->params[i].value.text));
        for (size_t i = 0; i < x->artifacts_n; i++)
                buf_addf(b, "%s%.*s@%.*s%.*s", i || x->params_n ? ";" : what, STR_FMT(x->artifacts[i].name), STR_FMT(x->artifacts[i].uri), STR_FMT(x->artifacts[i].metadata));
}

const char *argo_shown(const struct argo_case *c, const struct node_row *n)
{
        struct buf b = BUF(1 << 20);
        assert(n);
        buf_addf(&b, "%.*s %s", STR_FMT(n->name), node_state_name(n->state));
        if (n->message.n)
                buf_addf(&b, " [%.*s]", STR_FMT(n->message));
        show(&b, " < ", &n->inputs);
        show(&b, " > ", &n->outputs);
        if (n->outputs.result.kind != VAL_NONE)
                buf_addf(&b, " = %.*s", STR_FMT(n->outputs.result.text));
        const char *s = arena_cstr(c->arena, buf_str(&b));
        buf_free(&b);
        return s;
}
