/* Argo documents that are refused, with what is said and where; what is only warned about; names, parameters, several documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "argo_fixture.h"
#include "model/language.h"

#define HEAD "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  entrypoint: main\n"
#define OK_T "  - {name: ok, container: {image: i, command: [echo]}}\n"
#define ECHO_T "  - {name: echo, inputs: {parameters: [{name: v}]}, container: {image: i, command: [echo, '{{inputs.parameters.v}}']}}\n"

struct refusal { const char *yaml, *text; uint32_t line, column; };

static void refuse(const struct refusal *x)
{
        struct argo_case *c = argo_case_new(x->yaml, NULL);
        if (c->workflow)
                fail_msg("accepted, but it should say: %s\n%s", x->text, x->yaml);
        const struct problem *p = argo_case_problem(c, x->text, false);
        if (!p)
                fail_msg("said '%.*s' and not '%s'\n%s", STR_FMT(c->problems.n ? c->problems.items[0].text : STR("nothing")), x->text, x->yaml);
        if (x->line && (p->line != x->line || (x->column && p->column != x->column)))
                fail_msg("%s: at %u:%u and not at %u:%u", x->text, p->line, p->column, x->line, x->column);
        argo_case_free(c);
}

static void fields(void **state)
{
        static const struct refusal all[] = {
                {HEAD "  templates:\n  - {name: main, container: {image: i, comand: [x]}}\n", "a container has no field 'comand': did you mean 'command'?", 7, 40},
                {HEAD "  templates:\n  - name: main\n    container: {image: i}\n    outputs: {paramters: []}\n", "did you mean 'parameters'?", 9, 0},
                {HEAD "  templates:\n  - {name: main, container: [1]}\n", "'container' is a list; it should be a map", 7, 0},
                {HEAD "  templates: {}\n", "'templates' is a map; it should be a list", 0, 0},
                {HEAD "  templates:\n  - {name: main, resource: {action: create}}\n", "'resource' is not executed by this version of Weft", 7, 0},
                {HEAD "  templates:\n  - {name: main, container: {image: i, envFrom: [{secretRef: {name: s}}]}}\n", "'envFrom' is not executed", 0, 0},
                {HEAD "  templates:\n  - {name: main, container: {image: i, env: [{name: A, valueFrom: {fieldRef: {}}}]}}\n", "give a `value`", 0, 0},
                {HEAD "  volumes: []\n  templates: []\n", "'volumes' is not executed", 0, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[x]]}\n", "it should be a map: a step", 0, 0},
                {HEAD "  templates:\n  - {name: main, dag: {tasks: [{name: a, templat: x}]}}\n", "did you mean 'template'?", 0, 0},
                {HEAD "  templates:\n  - {name: main, container: {image: i}, synchronization: {mutex: {name: m}}}\n", "mutexes and semaphores come later", 0, 0},
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                refuse(&all[i]);
}

static void specs(void **state)
{
        static const struct refusal all[] = {
                {HEAD "  templates:\n" OK_T, "template name 'main' undefined", 5, 15},
                {"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  templates:\n" OK_T, "spec.entrypoint is required", 0, 0},
                {HEAD "  templates:\n" OK_T OK_T, "spec.templates[1].name 'ok' is not unique", 8, 5},
                {HEAD "  templates:\n  - {name: a_b, container: {image: i}}\n", "spec.templates[0].name: 'a_b' is invalid: name must consist of", 0, 0},
                {HEAD "  arguments: {parameters: [{name: p}]}\n  templates:\n" OK_T, "spec.arguments.p.value or spec.arguments.p.valueFrom is required", 0, 0},
                {HEAD "  arguments: {parameters: [{name: p, value: z, enum: [x, y]}]}\n  templates:\n" OK_T, "spec.arguments.p.value should be present in spec.arguments.p.enum list", 0, 0},
                {HEAD "  arguments: {parameters: [{name: p, value: z}, {name: p, value: z}]}\n  templates:\n" OK_T, "spec.arguments.parameters[1].name 'p' is not unique", 0, 0},
                {HEAD "  templates:\n  - {name: main, container: {image: i}, suspend: {}}\n", "templates.main multiple template types specified", 0, 0},
                {HEAD "  templates:\n  - {name: main}\n", "templates.main template type unspecified", 0, 0},
                {HEAD "  templates:\n  - {name: main, container: {command: [x]}}\n", "templates.main.container.image may not be empty", 0, 0},
                {HEAD "  templates:\n  - {name: main, container: {image: i}, retryStrategy: {retryPolicy: Bogus}}\n", "Bogus is not a valid RetryPolicy", 0, 0},
                {HEAD "  templates:\n  - {name: main, container: {image: i}, timeout: '30'}\n", "main has invalid duration format in timeout", 0, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: nope}]]}\n", "templates.main.steps[0].a template name 'nope' undefined", 7, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: ok}], [{name: a, template: ok}]]}\n" OK_T, "templates.main.steps[1].name 'a' is not unique", 0, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: echo}]]}\n" ECHO_T, "templates.main.steps[0].a templates.echo inputs.parameters.v was not supplied", 0, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: ok, hooks: {running: {template: ok}}}]]}\n" OK_T, "templates.main.steps[0].a.running Expression required", 0, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: ok, hooks: {h: {template: ok, expression: \"steps.nope.status == 'x'\"}}}]]}\n" OK_T,
                 "unable to evaluate expression 'steps.nope.status == 'x'': there is no steps.nope", 7, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: ok, withSequence: {count: 2, end: 3}}]]}\n" OK_T,
                 "templates.main.steps[0].a only one of count or end can be defined in withSequence", 0, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: g}]]}\n  - {name: g, container: {image: i}, outputs: {parameters: [{name: o, valueFrom: {expression: '1'}}]}}\n",
                 "templates.main.steps[0].a templates.g.outputs.parameters.o.path must be specified for Container templates", 0, 0},
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                refuse(&all[i]);
        struct argo_case *c = argo_case_new(HEAD "  templates:\n" OK_T, NULL);
        assert_true(str_eq_c(c->message, "invalid spec: template name 'main' undefined"));
        argo_case_free(c);
}

#define STEP(value) HEAD "  arguments: {parameters: [{name: x, value: '5'}, {name: bell, value: \"\\x7f\"}]}\n  templates:\n" \
        "  - {name: main, steps: [[{name: a, template: echo, arguments: {parameters: [{name: v, value: '" value "'}]}}], [{name: b, template: ok}]]}\n" ECHO_T OK_T
#define DAG(tasks) HEAD "  templates:\n  - {name: main, dag: {tasks: [" tasks "]}}\n" ECHO_T OK_T

static void tags(void **state)
{
        static const struct refusal all[] = {
                {STEP("{{workflow.parameters.missing}}"), "templates.main.steps failed to resolve {{workflow.parameters.missing}}", 8, 0},
                {STEP("{{inputs.parameters.nope}}"), "templates.main.steps failed to resolve {{inputs.parameters.nope}}", 0, 0},
                {STEP("{{steps.b.outputs.result}}"), "templates.main.steps failed to resolve {{steps.b.outputs.result}}", 0, 0},
                {STEP("{{item.k}}"), "templates.main.steps failed to resolve {{item.k}}", 0, 0},
                {STEP("{{workflow.parameters.x"), "templates.main.steps failed to resolve {{workflow.parameters.x\"}]}}", 0, 0},
                {STEP("{{workflow.failures}}"), "failed to resolve {{workflow.failures}}", 0, 0},
                {STEP("{{workflow.parameters.bell}}"), "templates.main cannot finish template replacement because the result was invalid JSON", 0, 0},
                {HEAD "  templates:\n  - {name: main, container: {image: i, args: ['{{foo}} {{workflow.nope}}']}}\n", "templates.main: failed to resolve {{workflow.nope}}", 0, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: ok}]], outputs: {parameters: [{name: o, valueFrom: {parameter: '{{steps.zz.outputs.result}}'}}]}}\n" OK_T,
                 "templates.main.outputs failed to resolve {{steps.zz.outputs.result}}", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: echo, arguments: {parameters: [{name: v, value: '{{tasks.a.outputs.result}}'}]}}"),
                 "templates.main.tasks.b missing dependency 'a' for parameter 'v'", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: echo, arguments: {parameters: [{name: v, value: 'x {{tasks.a.status}}'}]}}"),
                 "templates.main.tasks.b failed to resolve {{tasks.a.status}}", 0, 0},
        };
        static const char *const fine[] = {STEP("{{foo.bar}} {{ }} {{=workflow.nope}}"), STEP("{{workflow.creationTimestamp.Q}}"), STEP("{{ workflow.parameters.x }}"), STEP("{{item}} {{steps.name}}"),
                                           STEP("{{workflow.parameters.{{workflow.parameters.x}}}}x")};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                refuse(&all[i]);
        for (size_t i = 0; i + 1 < sizeof fine / sizeof *fine; i++) {
                struct argo_case *c = argo_case_new(fine[i], NULL);
                if (!c->workflow)
                        fail_msg("refused: %.*s\n%s", STR_FMT(c->problems.items[0].text), fine[i]);
                argo_case_free(c);
        }
        refuse(&(struct refusal){fine[4], "failed to resolve {{workflow.parameters.5}}", 0, 0});
}

static void dags(void **state)
{
        static const struct refusal all[] = {
                {DAG(""), "templates.main must have at least one task", 0, 0},
                {DAG("{name: a, template: ok, dependencies: [b]}, {name: b, template: ok, dependencies: [a]}"), "templates.main sorting failed: graph with cycle", 0, 0},
                {DAG("{name: a, template: ok, dependencies: [a]}"), "templates.main sorting failed: graph with cycle", 0, 0},
                {DAG("{name: a, template: ok}, {name: a, template: ok}"), "templates.main sorting failed: duplicated nodeName a", 0, 0},
                {DAG("{name: a, template: ok, depends: zz}"), "templates.main sorting failed: invalid dependency zz", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: ok, depends: a && zz}"), "templates.main sorting failed: invalid dependency zz", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: ok, dependencies: [a, zz]}"), "templates.main sorting failed: invalid dependency zz", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: ok, depends: 'a and a'}"), "templates.main sorting failed: invalid dependency and", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: ok, depends: a.AnySucceeded}"),
                 "templates.main.tasks.a dependency 'a' uses an items-based condition such as .AnySucceeded or .AllFailed but does not contain any items", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: ok, depends: a, continueOn: {failed: true}}"), "templates.main cannot use 'continueOn' when using 'depends'", 0, 0},
                {DAG("{name: a, template: ok}, {name: b, template: ok, depends: a}, {name: c, template: ok, dependencies: [a]}"), "cannot use both 'depends' and 'dependencies'", 0, 0},
                {HEAD "  templates:\n  - {name: main, dag: {target: 'a zz', tasks: [{name: a, template: ok}]}}\n" OK_T, "templates.main.targets: target 'zz' is not defined", 0, 0},
                {HEAD "  arguments: {parameters: [{name: t, value: b}]}\n  templates:\n  - {name: main, dag: {target: 'a {{workflow.parameters.t}}', tasks: [{name: a, template: ok}]}}\n" OK_T,
                 "templates.main.targets: target 'b' is not defined", 8, 0},
                {HEAD "  templates:\n  - {name: main, inputs: {parameters: [{name: t, value: a}]}, dag: {target: '{{inputs.parameters.t}}', tasks: [{name: a, template: ok}]}}\n" OK_T,
                 "'target' is read when a run is made, so {{inputs.parameters.t}} cannot stand in it", 7, 0},
                {HEAD "  templates:\n  - {name: main, steps: [[{name: s, inline: {dag: {tasks: [{name: a, template: ok, depends: b}, {name: b, template: ok, depends: a}]}}}]]}\n" OK_T,
                 "sorting failed: graph with cycle", 0, 0},
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                refuse(&all[i]);
}

static void warnings(void **state)
{
        struct argo_case *c = argo_case_lint(HEAD "  arguments: {parameters: [{name: l, value: [1, 2]}, {name: later}]}\n  templates:\n"
                                                  "  - {name: main, container: {image: i, securityContext: {}}, memoize: {key: k}}\n");
        assert_non_null(c->workflow); /* lint accepts a parameter that a run will have to give */
        const struct problem *p = argo_case_problem(c, "Argo makes an empty one of this list", true);
        assert_non_null(p);
        assert_int_equal(p->line, 6);
        assert_non_null(argo_case_problem(c, "'memoize' is not used here: every step is executed", true));
        assert_non_null(argo_case_problem(c, "'securityContext' is not used here", true));
        argo_case_free(c);
}

/* What Argo loses without a word. */
static void lost_arguments(void **state)
{
        struct argo_case *c = argo_case_new(HEAD "  templates:\n  - name: main\n    steps:\n    - - name: a\n        template: ok\n        arguments: {parameters: [{name: zz, value: x}]}\n" OK_T, NULL);
        const struct problem *p = argo_case_problem(c, "the template 'ok' has no input 'zz': the argument is not used", true);
        assert_non_null(c->workflow);
        assert_non_null(p);
        assert_int_equal(p->line, 11);
        argo_case_free(c);
}

static void documents(void **state)
{
        static const char *const given[] = {"p", "submitted", "extra", "more", NULL};
        struct argo_case *c = argo_case_new("apiVersion: v1\nkind: ConfigMap\n---\napiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: t, labels: {team: ml}}\n"
                                            "spec:\n  entrypoint: main\n  parallelism: 3\n  activeDeadlineSeconds: 20\n  arguments: {parameters: [{name: p}, {name: q, value: 010}]}\n  templates:\n"
                                            "  - {name: main, container: {image: i}}\n",
                                            given);
        assert_non_null(c->workflow);
        assert_true(str_eq_c(c->workflow->generate_name, "t-"));
        assert_int_equal(c->workflow->parallelism, 3);
        assert_int_equal(c->workflow->deadline_us, 20000000);
        assert_true(str_eq_c(c->workflow->labels[0], "team=ml"));
        const struct bindings *b = &c->workflow->parameters;
        assert_true(str_eq_c(bindings_param(b, STR("p"))->text, "submitted"));
        assert_true(str_eq_c(bindings_param(b, STR("q"))->text, "8"));
        assert_true(str_eq_c(bindings_param(b, STR("extra"))->text, "more"));
        argo_case_free(c);
}

/* `target` of a graph may name the run's parameters: what it reaches depends on what is submitted. */
static void targets(void **state)
{
        static const char yaml[] = HEAD "  arguments: {parameters: [{name: goal, value: c}]}\n  templates:\n  - name: main\n    dag:\n      target: '{{ workflow.parameters.goal }}'\n      tasks:\n"
                                        "      - {name: a, template: ok}\n      - {name: b, template: ok, depends: a}\n      - {name: c, template: ok, depends: a}\n" OK_T;
        static const char *const both[] = {"goal", "b c", NULL}, *const none[] = {"goal", "", NULL};
        static const struct { const char *const *given; uint32_t started; } all[] = {{NULL, 2}, {both, 3}, {none, 3}};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                struct argo_case *c = argo_case_new(yaml, all[i].given);
                assert_non_null(c->workflow);
                argo_case_run(c, NULL, NULL);
                assert_int_equal(c->run.state, RUN_SUCCEEDED);
                assert_int_equal(c->started, all[i].started);
                argo_case_free(c);
        }
        struct argo_case *c = argo_case_lint(HEAD "  arguments: {parameters: [{name: goal}]}\n  templates:\n  - {name: main, dag: {target: '{{workflow.parameters.goal}}', tasks: [{name: a, template: ok}]}}\n" OK_T);
        assert_non_null(c->workflow); /* the value comes with the run */
        argo_case_free(c);
}

/* A file of templates for others to use has no entrypoint, and often several documents, of which only the first is read. */
static void template_files(void **state)
{
        static const char yaml[] = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: tools}\nspec:\n  templates:\n" OK_T
                                   "---\napiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: others}\nspec:\n  templates:\n" OK_T;
        struct argo_case *c = argo_case_lint(yaml);
        assert_non_null(c->workflow);
        const struct problem *p = argo_case_problem(c, "only the first workflow of a file is looked at", true);
        assert_non_null(p);
        assert_int_equal(p->line, 8);
        argo_case_free(c);
        refuse(&(struct refusal){yaml, "spec.entrypoint is required", 0, 0}); /* to run it is another matter */
        c = argo_case_lint("apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: tools}\nspec:\n  templates:\n  - {name: x, steps: [[{name: s, template: gone}]]}\n");
        assert_null(c->workflow); /* its templates are looked at all the same */
        assert_non_null(argo_case_problem(c, "template name 'gone' undefined", false));
        argo_case_free(c);
}

/* A chain of templates that each call the next, and one that calls itself: both are read without deep recursion. */
static void depth(void **state)
{
        enum { CHAIN = 3000 };
        struct arena *a = arena_new();
        struct str yaml = STR(HEAD "  templates:\n  - {name: main, steps: [[{name: a, template: t0}]]}\n");
        char *all = arena_alloc(a, 64 * CHAIN + yaml.n + 200);
        size_t n = yaml.n;
        memcpy(all, yaml.p, n);
        for (int i = 0; i < CHAIN; i++)
                n += (size_t)snprintf(all + n, 64, "  - {name: t%d, steps: [[{name: a, template: t%d}]]}\n", i, i + 1);
        n += (size_t)snprintf(all + n, 64, "  - {name: t%d, steps: [[{name: a, template: t%d}]]}\n", CHAIN, CHAIN);
        struct argo_case *c = argo_case_new(all, NULL);
        assert_non_null(c->workflow);
        argo_case_run(c, NULL, NULL);
        assert_int_equal(c->run.state, RUN_FAILED);
        argo_case_free(c);
        arena_free(a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields), cmocka_unit_test(specs), cmocka_unit_test(tags), cmocka_unit_test(dags), cmocka_unit_test(warnings), cmocka_unit_test(lost_arguments), cmocka_unit_test(documents), cmocka_unit_test(targets), cmocka_unit_test(template_files), cmocka_unit_test(depth),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
