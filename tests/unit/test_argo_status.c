/* Argo's Workflow document of runs that no probe ends in: under way, stopped, enormous, of a document that does not compile any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "dialect/argo/argo.h"
#include "text/yaml.h"

struct fixture {
        struct arena *arena;
        struct workflow *workflow;
        struct run_row run;
        struct node_row *rows;
        size_t n, cap;
        struct value document;
};

static struct fixture *fixture_new(const char *yaml)
{
        struct arena *a = arena_new();
        struct fixture *f = ARENA_NEW(a, struct fixture);
        struct problems problems = {.arena = a};
        struct value *documents;
        struct str message = STR_NONE;
        struct error e;
        size_t n;
        f->arena = a;
        struct submission s = {.name = STR("wf"), .ns = STR("default")};
        assert_true(yaml_read(str_from(yaml), YAML_KUBERNETES, NULL, a, &documents, &n, &e));
        f->workflow = dialect_argo.compile(documents, n, &s, &problems, &message);
        assert_non_null(f->workflow);
        f->run = (struct run_row){.uid = STR("0f1e"), .name = STR("wf"), .ns = STR("default"), .language = STR("argo"), .document = str_from(yaml), .state = RUN_RUNNING,
                                  .created_at = {US_PER_S}, .started_at = {2 * US_PER_S}};
        return f;
}

static void fixture_free(struct fixture *f)
{
        workflow_free(f->workflow);
        struct arena *a = f->arena;
        arena_free(a);
}

static uint32_t template_no(const struct fixture *f, const char *name)
{
        for (uint32_t i = 0; i < f->workflow->templates_n; i++)
                if (str_eq_c(f->workflow->templates[i].name, name))
                        return i;
        fail_msg("there is no template %s", name);
        return 0;
}

static struct node_row *add(struct fixture *f, uint32_t parent, enum node_kind kind, const char *name, const char *template, enum node_state state)
{
        if (f->n == f->cap) {
                f->cap = f->cap ? f->cap * 2 : 16;
                struct node_row *more = arena_alloc_array(f->arena, sizeof *more, f->cap);
                if (f->n)
                        memcpy(more, f->rows, f->n * sizeof *more);
                f->rows = more;
        }
        struct node_row *r = &f->rows[f->n++];
        *r = (struct node_row){.no = (uint32_t)f->n, .parent = parent, .kind = kind, .name = str_from(name), .state = state, .created_at = {2 * US_PER_S},
                               .template = template ? template_no(f, template) : UINT32_MAX};
        return r;
}

static struct node_row *add_item(struct fixture *f, uint32_t parent, uint32_t task, uint32_t index, const char *name, const char *template, enum node_state state)
{
        struct node_row *r = add(f, parent, NODE_KIND_TASK, name, template, state);
        r->role = NODE_ROLE_ITEM;
        r->task = task;
        r->index = index;
        r->item = arena_printf(f->arena, "%u", index);
        return r;
}

static size_t write(struct fixture *f, const struct workflow *w)
{
        struct buf out = BUF((size_t)1 << 30);
        struct error e = {0};
        argo_write_status(w, &f->run, f->rows, f->n, &out);
        assert_false(out.overflow);
        size_t size = out.n;
        struct str text = arena_str(f->arena, buf_str(&out));
        buf_free(&out);
        struct json_limits limits = {.bytes_max = (size_t)1 << 30};
        if (!json_read(text, &limits, f->arena, &f->document, &e))
                fail_msg("%s", e.text);
        return size;
}

static const struct value *status(const struct fixture *f) { return value_get_c(&f->document, "status"); }

static const struct value *node(const struct fixture *f, const char *name)
{
        const struct value *nodes = value_get_c(status(f), "nodes");
        struct str id = argo_node_id(STR("wf"), str_from(name), f->arena);
        return value_get(nodes, id);
}

static void says(const struct fixture *f, const struct value *of, const char *key, const char *want)
{
        const struct value *v = value_get_c(of, key);
        struct str got = v ? v->kind == VALUE_STRING ? v->text : json_text(v, JSON_COMPACT, f->arena) : STR("nothing");
        assert_non_null(of);
        if (!str_eq_c(got, want ? want : "nothing"))
                fail_msg("%s is %.*s, not %s", key, STR_FMT(got), want ? want : "nothing");
}

/* `key` of a node lists the ids of these nodes, in this order. */
static void lists(const struct fixture *f, const char *name, const char *key, const char *const *others)
{
        const struct value *v = value_get_c(node(f, name), key);
        size_t n = 0;
        for (; others[n]; n++) {
                assert_non_null(v);
                assert_true(n < v->list.n);
                struct str id = argo_node_id(STR("wf"), str_from(others[n]), f->arena);
                if (!str_eq(v->list.items[n].text, id))
                        fail_msg("%s of %s: %.*s is not %s", key, name, STR_FMT(v->list.items[n].text), others[n]);
        }
        assert_int_equal(v ? v->list.n : 0, n);
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

#define HEAD "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: wf, labels: {team: vision}, annotations: {note: x}}\nspec:\n  entrypoint: main\n"
#define LEAF "  - {name: leaf, container: {image: i, command: [\"true\"]}}\n"

#define LOOP HEAD "  templates:\n  - name: main\n    steps:\n    - - {name: a, template: leaf, withSequence: {count: \"3\"}}\n    - - {name: b, template: leaf}\n" LEAF
#define NESTED HEAD \
        "  templates:\n  - name: main\n    dag:\n      tasks:\n      - {name: loop, template: leaf, withSequence: {count: \"2\"}}\n" \
        "      - {name: inner, template: inner, depends: loop}\n      - {name: last, template: leaf, depends: inner}\n" \
        "  - name: inner\n    retryStrategy: {limit: 1}\n    steps: [[{name: x, template: leaf}, {name: 'y', template: leaf}]]\n" LEAF

/* The rows of LOOP when `n` items have ended and the second group runs. */
static struct fixture *loop(uint32_t n)
{
        struct fixture *f = fixture_new(LOOP);
        add(f, 0, NODE_KIND_GRAPH, "main", "main", NODE_RUNNING);
        add(f, 1, NODE_KIND_GROUP, "[0]", "main[0]", NODE_SUCCEEDED);
        add(f, 2, NODE_KIND_FANOUT, "a", NULL, NODE_SUCCEEDED);
        for (uint32_t i = 0; i < n; i++)
                add_item(f, 3, 0, i, "a", "leaf", NODE_SUCCEEDED)->finished_at.us = 3 * US_PER_S;
        uint32_t group = (uint32_t)f->n + 1;
        add(f, 1, NODE_KIND_GROUP, "[1]", "main[1]", NODE_RUNNING)->task = 1;
        add(f, group, NODE_KIND_TASK, "b", "leaf", NODE_PENDING);
        return f;
}

static void loops_of_steps_have_no_node(void **state)
{
        (void)state;
        struct fixture *f = loop(3);
        write(f, f->workflow);
        assert_null(node(f, "wf[0].a"));
        lists(f, "wf", "children", LIST("wf[0]"));
        lists(f, "wf[0]", "children", LIST("wf[0].a(0:0)", "wf[0].a(1:1)", "wf[0].a(2:2)"));
        lists(f, "wf[0].a(1:1)", "children", LIST("wf[1]"));
        says(f, node(f, "wf[0].a(1:1)"), "boundaryID", "wf");
        says(f, node(f, "wf[0].a(1:1)"), "displayName", "a(1:1)");
        says(f, node(f, "wf[1].b"), "phase", "Pending");
        says(f, node(f, "wf[1].b"), "finishedAt", "null");
        says(f, node(f, "wf"), "outboundNodes", NULL);
        says(f, status(f), "progress", "3/4");
        says(f, status(f), "phase", "Running");
        const struct value *labels = value_get_c(value_get_c(&f->document, "metadata"), "labels");
        says(f, labels, "team", "vision");
        says(f, labels, "workflows.argoproj.io/phase", "Running");
        says(f, labels, "workflows.argoproj.io/completed", NULL);
        fixture_free(f);
}

static void size_is_linear(void **state)
{
        (void)state;
        struct fixture *small = loop(2000), *large = loop(20000);
        size_t a = write(small, small->workflow), b = write(large, large->workflow);
        assert_true(b < 11 * a);
        assert_int_equal(value_get_c(status(large), "nodes")->map.n, 20000 + 4);
        fixture_free(small);
        fixture_free(large);
}

/* "wf[0].a(14678:14678)" and "wf[0].a(36503:36503)" have one hash. */
static void names_with_one_hash(void **state)
{
        (void)state;
        struct fixture *f = loop(2);
        f->rows[3].index = 14678;
        f->rows[3].item = STR("14678");
        f->rows[4].index = 36503;
        f->rows[4].item = STR("36503");
        write(f, f->workflow);
        struct str id = argo_node_id(STR("wf"), STR("wf[0].a(14678:14678)"), f->arena);
        struct str second = arena_printf(f->arena, "%.*s-5", STR_FMT(id));
        const struct value *nodes = value_get_c(status(f), "nodes");
        assert_true(str_eq(id, argo_node_id(STR("wf"), STR("wf[0].a(36503:36503)"), f->arena)));
        assert_int_equal(nodes->map.n, 6);
        says(f, value_get(nodes, id), "name", "wf[0].a(14678:14678)");
        says(f, value_get(nodes, second), "name", "wf[0].a(36503:36503)");
        says(f, value_get(nodes, second), "id", arena_cstr(f->arena, second));
        fixture_free(f);
}

static void graphs_in_graphs(void **state)
{
        (void)state;
        struct fixture *f = fixture_new(NESTED);
        add(f, 0, NODE_KIND_GRAPH, "main", "main", NODE_SUCCEEDED);
        add(f, 1, NODE_KIND_FANOUT, "loop", NULL, NODE_SUCCEEDED);
        add_item(f, 2, 0, 0, "loop", "leaf", NODE_SUCCEEDED);
        add_item(f, 2, 0, 1, "loop", "leaf", NODE_SUCCEEDED);
        add(f, 1, NODE_KIND_RETRY, "inner", "inner", NODE_SUCCEEDED)->task = 1;
        struct node_row *r = add(f, 5, NODE_KIND_GRAPH, "inner", "inner", NODE_SUCCEEDED);
        r->role = NODE_ROLE_ATTEMPT;
        r->task = 1;
        add(f, 6, NODE_KIND_GROUP, "[0]", "inner[0]", NODE_SUCCEEDED);
        add(f, 7, NODE_KIND_TASK, "x", "leaf", NODE_SUCCEEDED);
        add(f, 7, NODE_KIND_TASK, "y", "leaf", NODE_SUCCEEDED)->task = 1;
        add(f, 1, NODE_KIND_TASK, "last", "leaf", NODE_SUCCEEDED)->task = 2;
        f->run.state = RUN_SUCCEEDED;
        write(f, f->workflow);
        says(f, node(f, "wf.loop"), "type", "TaskGroup");
        says(f, node(f, "wf.loop"), "templateName", "leaf");
        lists(f, "wf", "children", LIST("wf.loop"));
        lists(f, "wf.loop", "children", LIST("wf.loop(0:0)", "wf.loop(1:1)"));
        lists(f, "wf.loop(0:0)", "children", LIST("wf.inner"));
        lists(f, "wf.inner", "children", LIST("wf.inner(0)"));
        lists(f, "wf.inner(0)", "children", LIST("wf.inner(0)[0]", "wf.last"));
        lists(f, "wf.inner(0)", "outboundNodes", LIST("wf.inner(0)[0].x", "wf.inner(0)[0].y"));
        lists(f, "wf", "outboundNodes", LIST("wf.last"));
        says(f, node(f, "wf.inner(0)"), "nodeFlag", "{\"retried\":true}");
        says(f, node(f, "wf.inner(0)"), "displayName", "inner(0)");
        struct str boundary = argo_node_id(STR("wf"), STR("wf.inner(0)"), f->arena);
        says(f, node(f, "wf.inner(0)[0].x"), "boundaryID", arena_cstr(f->arena, boundary));
        says(f, node(f, "wf.inner(0)"), "boundaryID", "wf");
        fixture_free(f);
}

static void a_stopped_run(void **state)
{
        (void)state;
        struct fixture *f = fixture_new(LOOP);
        add(f, 0, NODE_KIND_GRAPH, "main", "main", NODE_STOPPED)->message = STR("'a': 2 of 3 items did not succeed");
        add(f, 1, NODE_KIND_GROUP, "[0]", "main[0]", NODE_STOPPED)->message = STR("'a': 2 of 3 items did not succeed");
        add(f, 2, NODE_KIND_FANOUT, "a", NULL, NODE_STOPPED);
        add_item(f, 3, 0, 0, "a", "leaf", NODE_SUCCEEDED);
        add_item(f, 3, 0, 1, "a", "leaf", NODE_STOPPED);
        struct node_row *r = add_item(f, 3, 0, 2, "a", NULL, NODE_OMITTED);
        r->kind = NODE_KIND_CALL;
        r->stop_ordered = true;
        r = add(f, 1, NODE_KIND_CALL, "[1]", NULL, NODE_OMITTED);
        r->task = 1;
        f->run.state = RUN_STOPPED;
        write(f, f->workflow);
        says(f, status(f), "phase", "Failed");
        says(f, status(f), "message", "Stopped with strategy 'Stop'");
        assert_null(node(f, "wf[0].a(2:2)"));
        assert_null(node(f, "wf[1]"));
        struct str id = argo_node_id(STR("wf"), STR("wf[0].a(1:1)"), f->arena);
        const char *message = arena_cstr(f->arena, arena_printf(f->arena, "child '%.*s' failed", STR_FMT(id)));
        says(f, node(f, "wf[0]"), "message", message);
        says(f, node(f, "wf"), "message", message);
        f->run.state = RUN_TERMINATED;
        write(f, f->workflow);
        says(f, status(f), "message", "Stopped with strategy 'Terminate'");
        fixture_free(f);
}

static void values_that_are_not_for_show(void **state)
{
        (void)state;
        struct fixture *f = fixture_new(HEAD "  onExit: leaf\n  templates:\n" LEAF "  - name: main\n    container: {image: i, command: [\"true\"]}\n"
                                             "    outputs: {parameters: [{name: o, globalName: g, valueFrom: {path: /tmp/o}}]}\n");
        struct param in[] = {{STR("p"), val_text(STR("secret")), true}, {STR("q"), val_text(STR("a\"b")), false}};
        struct param hidden[] = {{ARGO_STATUS, val_text(STR("Failed")), false}};
        struct param out[] = {{STR("o"), val_text(STR("1")), false}};
        struct artifact kept[] = {{.name = STR("m"), .uri = STR("s3://bucket/a/b.tgz")}};
        struct node_row *r = add(f, 0, NODE_KIND_TASK, "main", "main", NODE_SUCCEEDED);
        struct artifact given[] = {{.name = STR("t"), .uri = STR("raw://t"), .metadata = STR("{\"raw\":\"some text\"}")}};
        r->inputs = (struct bindings){.params = in, .params_n = 2, .artifacts = given, .artifacts_n = 1};
        r->outputs = (struct bindings){.params = out, .params_n = 1, .artifacts = kept, .artifacts_n = 1, .result = val_text(STR(""))};
        r->has_exit_code = true;
        r = add(f, 1, NODE_KIND_TASK, "exit", "leaf", NODE_FAILED);
        r->role = NODE_ROLE_HOOK;
        r->message = STR("main: Error (exit code 3)");
        r->inputs = (struct bindings){.params = hidden, .params_n = 1};
        f->run.state = RUN_FAILED;
        f->run.globals = (struct bindings){.params = out, .params_n = 1};
        f->run.outputs = f->rows[0].outputs;
        write(f, f->workflow);
        says(f, node(f, "wf"), "inputs", "{\"parameters\":[{\"name\":\"p\",\"value\":\"***\"},{\"name\":\"q\",\"value\":\"a\\\"b\"}],"
             "\"artifacts\":[{\"name\":\"t\",\"raw\":{\"data\":\"some text\"}}]}");
        says(f, node(f, "wf"), "outputs",
             "{\"parameters\":[{\"name\":\"o\",\"value\":\"1\",\"valueFrom\":{\"path\":\"/tmp/o\"},\"globalName\":\"g\"}],"
             "\"artifacts\":[{\"name\":\"m\",\"s3\":{\"bucket\":\"bucket\",\"key\":\"a/b.tgz\"}}],\"result\":\"\",\"exitCode\":\"0\"}");
        says(f, node(f, "wf"), "children", NULL);
        says(f, node(f, "wf.onExit"), "inputs", NULL);
        says(f, node(f, "wf.onExit"), "nodeFlag", "{\"hooked\":true}");
        says(f, node(f, "wf.onExit"), "boundaryID", NULL);
        says(f, status(f), "message", "main: Error (exit code 3)");
        says(f, status(f), "outputs", "{\"parameters\":[{\"name\":\"o\",\"value\":\"1\"}]}");
        struct str outputs = argo_run_outputs(f->workflow, &f->run, f->rows, f->n, f->arena);
        assert_true(str_eq_c(outputs, "{\"o\":\"1\"}"));
        fixture_free(f);
}

static void a_document_that_does_not_compile(void **state)
{
        (void)state;
        struct fixture *f = loop(2);
        write(f, NULL);
        says(f, node(f, "wf[0].a(1:1)"), "phase", "Succeeded");
        says(f, value_get_c(&f->document, "spec"), "entrypoint", "main");
        f->run.document = STR("kind: Workflow\nspec: [");
        f->run.state = RUN_FAILED;
        f->run.message = STR("invalid spec: x");
        f->n = 0;
        write(f, NULL);
        says(f, &f->document, "spec", "{}");
        says(f, status(f), "nodes", "{}");
        says(f, status(f), "message", "invalid spec: x");
        fixture_free(f);
}

/* Rows that no engine writes: whoever reads them must not read beyond them. */
static void rows_that_do_not_fit(void **state)
{
        (void)state;
        struct fixture *f = loop(1);
        f->rows[1].task = 99;
        f->rows[3].template = 99;
        f->rows[3].task = 99;
        f->rows[5].parent = 77;
        write(f, f->workflow);
        says(f, node(f, "wf[0].a(0:0)"), "phase", "Succeeded");
        assert_null(node(f, "wf[1].b"));
        fixture_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(loops_of_steps_have_no_node), cmocka_unit_test(size_is_linear),
                                           cmocka_unit_test(names_with_one_hash),
                                           cmocka_unit_test(graphs_in_graphs),            cmocka_unit_test(a_stopped_run),
                                           cmocka_unit_test(values_that_are_not_for_show), cmocka_unit_test(a_document_that_does_not_compile),
                                           cmocka_unit_test(rows_that_do_not_fit)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
