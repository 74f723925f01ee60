/* Workflows carried out by the engine, with made-up answers: conditions, depends, retries, hooks, outputs, artifacts, what a container gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "argo_fixture.h"
#include "text/json.h"

#define HEAD "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  entrypoint: main\n"
#define TEMPLATES "  - {name: ok, container: {image: i, command: ['true']}}\n  - {name: bad, container: {image: i, command: [fail, '3']}}\n" \
        "  - {name: echo, inputs: {parameters: [{name: v, default: dv}]}, container: {image: i, command: [echo, '{{inputs.parameters.v}}']}}\n" \
        "  - {name: gen, inputs: {parameters: [{name: v, value: g}]}, outputs: {parameters: [{name: o, globalName: glob, valueFrom: {path: /tmp/o}}]}, container: {image: i, command: [out, o, '{{inputs.parameters.v}}']}}\n"

static struct argo_case *run(const char *spec, argo_answer *answer, void *user)
{
        struct arena *a = arena_new();
        struct argo_case *c = argo_case_new(arena_printf(a, HEAD "%s" TEMPLATES, spec).p, NULL);
        arena_free(a);
        if (!c->workflow)
                fail_msg("refused: %.*s\n%s", STR_FMT(c->problems.items[0].text), spec);
        argo_case_run(c, answer, user);
        return c;
}

static void expect(const struct argo_case *c, const char *name, size_t i, const char *shown)
{
        const struct node_row *n = argo_case_node(c, name, i);
        if (!n)
                fail_msg("there is no node %s; the run: %.*s", name, STR_FMT(c->run.message));
        assert_string_equal(argo_shown(c, n), shown);
}

static void conditions(void **state)
{
        struct argo_case *c = run("  templates:\n  - {name: main, steps: [[{name: a, template: echo, arguments: {parameters: [{name: v, value: '7'}]}}], [{name: b, template: ok, when: '{{steps.a.outputs.result}} == 7'}, "
                                  "{name: c, template: ok, when: '{{steps.a.outputs.result}} == 8'}, {name: d, template: echo, when: '{{item}} > 1', withItems: [1, 2], arguments: {parameters: [{name: v, value: '{{item}}'}]}}]]}\n",
                                  NULL, NULL);
        expect(c, "a", 0, "a Succeeded < v=7 = 7");
        expect(c, "b", 0, "b Succeeded");
        expect(c, "c", 0, "c Skipped [when '7 == 8' evaluated false]");
        expect(c, "d", 1, "d Skipped [when '1 > 1' evaluated false]");
        expect(c, "d", 2, "d Succeeded < v=2");
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        argo_case_free(c);
        c = run("  templates:\n  - {name: main, steps: [[{name: a, template: ok, when: '1'}]]}\n", NULL, NULL);
        expect(c, "[0]", 0, "[0] Error [failed to resolve references: Expected boolean evaluation for '1'. Got 1]");
        argo_case_free(c);
}

/* A skipped producer: its own default is in its outputs; then the consumer's; then ??; else an error. */
static void skipped_producers(void **state)
{
#define SKIPPED(value, template) "  templates:\n  - {name: main, steps: [[{name: a, template: gen, when: 'false'}], [{name: b, template: " template ", arguments: {parameters: [{name: v, value: '" value "'}]}}]]}\n" \
        "  - {name: strict, inputs: {parameters: [{name: v}]}, container: {image: i, command: [echo]}}\n"
        struct argo_case *c = run(SKIPPED("{{steps.a.outputs.parameters.o}}", "echo"), NULL, NULL);
        expect(c, "b", 0, "b Succeeded < v=dv");
        argo_case_free(c);
        c = run(SKIPPED("{{=steps.a.outputs?.parameters?.o ?? \"none\"}}", "strict"), NULL, NULL);
        expect(c, "b", 0, "b Succeeded < v=none");
        argo_case_free(c);
        c = run(SKIPPED("{{steps.a.outputs.parameters.o}}", "strict"), NULL, NULL);
        expect(c, "[1]", 0, "[1] Error [the argument 'v' of 'b': there is no value for {{steps.a.outputs.parameters.o}}: was the step that gives it skipped, or did it fail? Give a default]");
        assert_int_equal(c->run.state, RUN_FAILED);
        argo_case_free(c);
}

static void depends(void **state)
{
        struct argo_case *c = run("  templates:\n  - name: main\n    dag:\n      tasks:\n      - {name: a, template: bad}\n      - {name: b, template: ok, depends: a.Failed}\n      - {name: c, template: ok, depends: a}\n"
                                  "      - {name: d, template: ok, depends: 'c.Omitted && !a.Succeeded'}\n      - {name: l, template: bad, withItems: [1, 2], depends: b}\n      - {name: f, template: ok, depends: l.AllFailed}\n"
                                  "      - {name: e, template: ok, withParam: '[]', depends: b}\n      - {name: g, template: ok, depends: e.Skipped}\n",
                                  NULL, NULL);
        expect(c, "a", 0, "a Failed [main: Error (exit code 3)]");
        expect(c, "b", 0, "b Succeeded");
        expect(c, "c", 0, "c Omitted [omitted: depends condition not met]");
        expect(c, "d", 0, "d Succeeded");
        expect(c, "f", 0, "f Succeeded");
        expect(c, "g", 0, "g Succeeded");
        argo_case_free(c);
        c = run("  templates:\n  - {name: main, dag: {target: b, tasks: [{name: a, template: bad, continueOn: {failed: true}}, {name: b, template: ok, dependencies: [a]}, {name: x, template: bad}]}}\n", NULL, NULL);
        expect(c, "b", 0, "b Succeeded");
        assert_null(argo_case_node(c, "x", 0));
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        argo_case_free(c);
}

static void retries(void **state)
{
        static const struct { const char *strategy, *shown; uint32_t attempts; } all[] = {
                {"{limit: 2}", "main Failed [No more retries left]", 3},
                {"{limit: '{{workflow.parameters.lim}}'}", "main Failed [No more retries left]", 2},
                {"{limit: 2, retryPolicy: OnError}", "main Failed [main: Error (exit code 3)]", 1},
                {"{limit: 5, expression: 'asInt(retries) < 1'}", "main Failed [retryStrategy.expression evaluated to false]", 2},
                {"{limit: 5, expression: 'lastRetry.exitCode == \"3\" && lastRetry.status == \"Failed\" && lastRetry.message contains \"exit code\"'}", "main Failed [No more retries left]", 6},
                {"{limit: 5, expression: 'asInt(lastRetry.duration) > 3'}", "main Failed [retryStrategy.expression evaluated to false]", 1},
                {"{limit: 5, expression: retries}", "main Error [unable to cast expression result '0' to bool]", 1},
                {"{limit: 5, backoff: {duration: 1s, factor: 2, maxDuration: 2s}}", "main Failed [Backoff would exceed max duration limit]", 2},
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                struct arena *a = arena_new();
                struct argo_case *c = run(arena_printf(a, "  arguments: {parameters: [{name: lim, value: '1'}]}\n  templates:\n  - {name: main, retryStrategy: %s, container: {image: i, command: [fail, '3']}}\n", all[i].strategy).p, NULL, NULL);
                expect(c, "main", 0, all[i].shown);
                assert_int_equal(c->started, all[i].attempts);
                argo_case_free(c);
                arena_free(a);
        }
}

static void outputs(void **state)
{
        struct argo_case *c = run("  templates:\n  - name: main\n    steps: [[{name: i, template: inner}], [{name: b, template: echo, arguments: {parameters: [{name: v, value: '{{steps.i.outputs.parameters.p}} {{workflow.outputs.parameters.glob}}'}]}}]]\n"
                                  "  - name: inner\n    steps: [[{name: g, template: gen}, {name: k, template: gen, when: 'false'}]]\n    outputs: {parameters: [{name: p, valueFrom: {parameter: '{{steps.g.outputs.parameters.o}}'}}, "
                                  "{name: q, valueFrom: {expression: '[1,2]'}}, {name: r, valueFrom: {parameter: '{{steps.k.outputs.parameters.o}}', default: dd}}, {name: s, globalName: '{{steps.g.status}}', valueFrom: {expression: '1.0'}}]}\n",
                                  NULL, NULL);
        expect(c, "g", 0, "g Succeeded < v=g > o=g");
        expect(c, "i", 0, "i Succeeded > p=g;q=[1 2];r=dd;s=1");
        expect(c, "b", 0, "b Succeeded < v=g g");
        assert_true(str_eq_c(bindings_param(&c->run.globals, STR("Succeeded"))->text, "1"));
        argo_case_free(c);
        static const struct { const char *from, *message; } wrong[] = {
                {"{parameter: '{{steps.k.outputs.parameters.o}}'}", "Unable to resolve: \"steps.k.outputs.parameters.o\""},
                {"{expression: nil}", "failed to evaluate expression \"nil\""},
                {"null, value: x", "output parameters must have a valueFrom specified"},
                {"{expression: 'steps.zz.outputs.result'}", "cannot fetch outputs from <nil> (1:10)\n | steps.zz.outputs.result\n | .........^"},
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                struct arena *a = arena_new();
                c = run(arena_printf(a, "  templates:\n  - {name: main, steps: [[{name: k, template: gen, when: 'false'}]], outputs: {parameters: [{name: o, valueFrom: %s}]}}\n", wrong[i].from).p, NULL, NULL);
                assert_string_equal(arena_cstr(c->arena, c->nodes[0].message), wrong[i].message);
                assert_int_equal(c->run.state, RUN_ERROR);
                argo_case_free(c);
                arena_free(a);
        }
}

static void missing_outputs(void **state)
{
        struct argo_case *c = run("  templates:\n  - {name: main, outputs: {parameters: [{name: o, valueFrom: {path: /tmp/o}}]}, container: {image: i, command: ['true']}}\n", NULL, NULL);
        expect(c, "main", 0, "main Error [wait: Error (exit code 64): the step left no file /tmp/o for its output parameter 'o']");
        argo_case_free(c);
        c = run("  templates:\n  - {name: main, outputs: {parameters: [{name: o, valueFrom: {path: /tmp/o, default: ''}}]}, container: {image: i, command: ['true']}}\n", NULL, NULL);
        expect(c, "main", 0, "main Succeeded > o=");
        argo_case_free(c);
        c = run("  templates:\n  - {name: main, outputs: {parameters: [{name: o, valueFrom: {path: /tmp/o}}]}, container: {image: i, command: [fail, '2']}}\n", NULL, NULL);
        expect(c, "main", 0, "main Failed [main: Error (exit code 2)]");
        argo_case_free(c);
}

static void gathered(void **state)
{
        struct argo_case *c = run("  templates:\n  - {name: main, steps: [[{name: a, template: gen, withItems: ['[1.50]', x, '<'], arguments: {parameters: [{name: v, value: '{{item}}'}]}}], "
                                  "[{name: b, template: echo, arguments: {parameters: [{name: v, value: '{{steps.a.outputs.parameters.o}} {{steps.a.outputs.parameters}}'}]}}]]}\n",
                                  NULL, NULL);
        expect(c, "b", 0, "b Succeeded < v=[\"[1.50]\",\"x\",\"\\u003c\"] [{\"o\":\"[1.50]\"},{\"o\":\"x\"},{\"o\":\"\\u003c\"}]");
        argo_case_free(c);
        c = run("  templates:\n  - {name: main, steps: [[{name: a, template: gen, withItems: ['[1.50]', '{\"z\": 1, \"a\": 2}'], arguments: {parameters: [{name: v, value: '{{item}}'}]}}], "
                "[{name: b, template: echo, arguments: {parameters: [{name: v, value: '{{steps.a.outputs.parameters.o}}'}]}}]]}\n",
                NULL, NULL);
        expect(c, "b", 0, "b Succeeded < v=[[1.5],{\"a\":2,\"z\":1}]");
        argo_case_free(c);
#define RESULTS(items) "  templates:\n  - {name: main, steps: [[{name: a, template: echo, withItems: " items ", when: \"'{{item}}' != skip\", arguments: {parameters: [{name: v, value: '{{item}}'}]}}], " \
        "[{name: b, template: echo, arguments: {parameters: [{name: v, value: '{{steps.a.outputs.result}}'}]}}]]}\n"
        c = run(RESULTS("['1.50', skip, '[ 1, 2 ]', 'null']"), NULL, NULL);
        expect(c, "b", 0, "b Succeeded < v=[1.50,[1,2],null]");
        argo_case_free(c);
        c = run(RESULTS("[text]"), NULL, NULL);
        expect(c, "a", 0, "a Error [invalid character 'e' in literal true (expecting 'r')]");
        argo_case_free(c);
}

static void hooks(void **state)
{
        struct argo_case *c = run("  onExit: fin\n  hooks: {running: {template: ok, expression: 'workflow.status == \"Running\"'}}\n  arguments: {parameters: [{name: p, value: pv}]}\n  templates:\n"
                                  "  - {name: main, steps: [[{name: a, template: bad, hooks: {exit: {template: echo, arguments: {parameters: [{name: v, value: '{{steps.a.status}} {{steps.a.outputs.result}}'}]}}}}]]}\n"
                                  "  - {name: fin, inputs: {parameters: [{name: p}]}, steps: [[{name: tell, template: echo, arguments: {parameters: [{name: v, value: '{{workflow.status}} {{inputs.parameters.p}}'}]}}]]}\n",
                                  NULL, NULL);
        assert_int_equal(c->run.state, RUN_FAILED);
        expect(c, "exit", 0, "exit Succeeded < v=Failed {{steps.a.outputs.result}}");
        expect(c, "tell", 0, "tell Succeeded < v=Failed pv;workflow.status=Failed");
        expect(c, "running", 0, "running Succeeded < workflow.status=Running");
        argo_case_free(c);
}

/* To the hook of an item the step that it names is the item, not the loop. */
static void hooks_of_items(void **state)
{
        struct argo_case *c = run("  templates:\n  - {name: main, steps: [[{name: a, template: gen, withItems: [x, z], arguments: {parameters: [{name: v, value: '{{item}}'}]}, hooks: {"
                                  "exit: {template: echo, arguments: {parameters: [{name: v, value: '{{item}} {{steps.a.status}} {{steps.a.outputs.parameters.o}}'}]}}, "
                                  "late: {template: ok, expression: 'steps.a.status == \"Succeeded\"'}}}]]}\n",
                                  argo_answer_words, NULL);
        expect(c, "exit", 0, "exit Succeeded < v=x Succeeded x");
        expect(c, "exit", 1, "exit Succeeded < v=z Succeeded z");
        assert_non_null(argo_case_node(c, "late", 1));
        argo_case_free(c);
}

/* A loop of a dag does not fail for results that are no JSON: whoever reads them does. */
static void results_that_are_no_json(void **state)
{
        struct argo_case *c = run("  templates:\n  - {name: main, dag: {tasks: [{name: a, template: echo, withItems: [x, y]}, {name: b, template: say, depends: a,"
                                  " arguments: {parameters: [{name: v, value: '{{tasks.a.outputs.result}}'}]}}]}}\n  - {name: say, inputs: {parameters: [{name: v}]}, container: {image: i, command: [echo]}}\n",
                                  argo_answer_words, NULL);
        assert_int_equal(argo_case_node(c, "a", 0)->state, NODE_SUCCEEDED);
        assert_int_equal(argo_case_node(c, "b", 0)->state, NODE_ERROR);
        argo_case_free(c);
}

/* What waits for the parallelism of its template, a step or an item, does not start after a failure when the template fails fast. */
static void failing_fast(void **state)
{
#define FAIL_FAST "  templates:\n  - {name: main, parallelism: 1, failFast: %s, steps: [[{name: a, template: bad, withItems: [1, 2, 3]}, {name: b, template: ok}]]}\n"
        for (int fast = 0; fast < 2; fast++) {
                struct arena *a = arena_new();
                struct argo_case *c = run(arena_cstr(a, arena_printf(a, FAIL_FAST, fast ? "true" : "false")), argo_answer_words, NULL);
                assert_int_equal(c->run.state, RUN_FAILED);
                assert_int_equal(c->started, fast ? 1 : 4);
                assert_int_equal(argo_case_node(c, "b", 0)->state, fast ? NODE_OMITTED : NODE_SUCCEEDED);
                argo_case_free(c);
                arena_free(a);
        }
}

static void failures(void **state)
{
        struct argo_case *c = run("  onExit: fin\n  templates:\n  - {name: main, steps: [[{name: a, template: bad}]]}\n"
                                  "  - {name: fin, inputs: {parameters: [{name: v, value: '{{workflow.failures}}'}]}, container: {image: i, command: [echo]}}\n",
                                  NULL, NULL);
        const struct node_row *n = argo_case_node(c, "exit", 0);
        struct value outer, inner;
        assert_non_null(n);
        struct str text = bindings_param(&n->inputs, STR("v"))->text;
        assert_true(json_read(text, NULL, c->arena, &outer, NULL)); /* a JSON string that holds JSON */
        assert_true(json_read(outer.text, NULL, c->arena, &inner, NULL));
        assert_true(str_eq_c(value_get_c(&inner.list.items[0], "displayName")->text, "a"));
        assert_true(str_eq_c(value_get_c(&inner.list.items[0], "message")->text, "main: Error (exit code 3)"));
        argo_case_free(c);
}

struct seen { struct task_spec spec[8]; size_t n; };

static void look(void *user, struct argo_case *c, const struct task_spec *s, struct task_outcome *o)
{
        struct seen *seen = user;
        if (seen->n < 8)
                seen->spec[seen->n++] = *s;
        if (!s->artifacts_out_n)
                return;
        o->artifacts = arena_alloc_array(c->arena, sizeof *o->artifacts, s->artifacts_out_n);
        for (size_t i = 0; i < s->artifacts_out_n; i++)
                o->artifacts[o->artifacts_n++] = (struct task_artifact_result){s->artifacts_out[i].name, true, s->artifacts_out[i].uri, STR("sha256:d"), 3};
}

static void containers(void **state)
{
        struct seen seen = {0};
        struct argo_case *c = run("  arguments: {parameters: [{name: x, value: '5'}]}\n  templates:\n  - name: main\n    retryStrategy: {limit: 1}\n    script:\n      image: 'py:{{workflow.parameters.x}}'\n      command: [python, '$(A)', '$$(A)', '$(NO)']\n"
                                  "      args: ['{{retries}}', '{{lastRetry.exitCode}}']\n      workingDir: /desk\n      env: [{name: A, value: 'a{{workflow.parameters.x}}'}, {name: B, value: '$(A)b'}]\n      resources: {limits: {cpu: 500m, memory: 1Gi}}\n"
                                  "      source: |\n        print({{workflow.parameters.x}})\n    outputs: {parameters: [{name: o, valueFrom: {path: out.txt, default: d}}]}\n",
                                  look, &seen);
        const struct task_spec *s = &seen.spec[0];
        assert_int_equal(seen.n, 1);
        assert_true(str_eq_c(s->image, "py:5") && str_eq_c(s->workdir, "/desk"));
        assert_true(str_eq_c(s->command[1], "a5") && str_eq_c(s->command[2], "$(A)") && str_eq_c(s->command[3], "$(NO)"));
        assert_int_equal(s->args_n, 3);
        assert_true(str_eq_c(s->args[0], "0") && str_eq_c(s->args[1], "0") && str_eq(s->args[2], s->files[0].path));
        assert_true(str_eq_c(s->files[0].content, "print(5)\n"));
        assert_true(str_eq_c(s->env[1].value, "a5b"));
        assert_int_equal(s->cpu_milli, 500);
        assert_int_equal(s->memory_bytes, 1 << 30);
        assert_true(str_eq_c(s->params_out[0].path, "/desk/out.txt"));
        argo_case_free(c);
}

static void artifacts(void **state)
{
        struct seen seen = {0};
        struct argo_case *c = run("  templates:\n  - name: main\n    dag:\n      tasks:\n      - {name: a, template: make}\n      - {name: k, template: make, when: 'false'}\n"
                                  "      - {name: b, template: use, depends: a && k, arguments: {artifacts: [{name: in, from: '{{tasks.a.outputs.artifacts.f}}'}, {name: text, raw: {data: 'hi {{tasks.a.status}}'}}, "
                                  "{name: maybe, from: '{{tasks.k.outputs.artifacts.f}}'}, {name: either, fromExpression: 'tasks.k.status == \"Succeeded\" ? tasks.k.outputs.artifacts.f : tasks.a.outputs.artifacts.f'}]}}\n"
                                  "  - {name: make, container: {image: i, command: [make]}, outputs: {artifacts: [{name: f, path: /tmp/f, globalName: everywhere}]}}\n"
                                  "  - {name: use, container: {image: i, command: [use, '{{inputs.artifacts.in.path}}']}, inputs: {artifacts: [{name: in, path: /tmp/in, mode: 0700}, {name: text, path: /tmp/text}, "
                                  "{name: maybe, path: /m, optional: true}, {name: either, path: /e}]}}\n",
                                  look, &seen);
        if (c->run.state != RUN_SUCCEEDED)
                fail_msg("%.*s", STR_FMT(c->run.message));
        const struct task_spec *make = &seen.spec[0], *use = &seen.spec[1];
        assert_true(str_starts(make->artifacts_out[0].uri, STR("/data/artifacts/a.")));
        assert_int_equal(use->artifacts_in_n, 3);
        assert_true(str_eq(use->artifacts_in[0].uri, make->artifacts_out[0].uri));
        assert_int_equal(use->artifacts_in[0].mode, 0700);
        assert_true(!use->artifacts_in[1].uri.n && str_eq_c(use->artifacts_in[1].raw, "hi Succeeded"));
        assert_true(str_eq(use->artifacts_in[2].uri, make->artifacts_out[0].uri));
        assert_true(str_eq_c(use->command[1], "/tmp/in"));
        assert_non_null(bindings_artifact(&c->run.globals, STR("everywhere")));
        argo_case_free(c);
}

static void suspend_points(void **state)
{
        struct argo_case *c = run("  templates:\n  - {name: main, steps: [[{name: w, template: wait}], [{name: b, template: echo, arguments: {parameters: [{name: v, value: '{{steps.w.outputs.parameters.answer}}'}]}}]]}\n"
                                  "  - {name: wait, suspend: {}, outputs: {parameters: [{name: answer, valueFrom: {supplied: {}, default: maybe}}]}}\n",
                                  NULL, NULL);
        expect(c, "w", 0, "w Succeeded > answer=maybe");
        expect(c, "b", 0, "b Succeeded < v=maybe");
        argo_case_free(c);
        c = run("  templates:\n  - {name: main, inputs: {parameters: [{name: d, value: 10s}]}, suspend: {duration: '{{inputs.parameters.d}}'}}\n", NULL, NULL);
        assert_int_equal(c->nodes[0].state, NODE_SUCCEEDED);
        assert_true(c->nodes[0].finished_at.us - c->nodes[0].started_at.us >= 10000000);
        argo_case_free(c);
}

/* spec.templateDefaults lies under every template; what belongs to other types of templates does not count. */
static void defaults(void **state)
{
        struct seen seen = {0};
        struct argo_case *c = run("  templateDefaults: {retryStrategy: {limit: 1}, timeout: 30s, container: {image: d, env: [{name: A, value: x}], resources: {limits: {cpu: 2}}}, script: {image: s, source: x}}\n  templates:\n"
                                  "  - {name: main, steps: [[{name: a, template: own}]]}\n  - {name: own, container: {command: [go], image: mine}}\n",
                                  look, &seen);
        const struct task_spec *s = &seen.spec[0];
        assert_int_equal(c->nodes[0].kind, NODE_KIND_RETRY);
        assert_true(str_eq_c(s->image, "mine") && str_eq_c(s->env[0].value, "x") && !s->files_n);
        assert_int_equal(s->cpu_milli, 2000);
        argo_case_free(c);
}

/* Inputs: the argument, else value, else default; then what the run may name; then other inputs. */
static void inputs(void **state)
{
        struct argo_case *c = run("  templates:\n  - {name: main, steps: [[{name: a, template: t, arguments: {parameters: [{name: p, value: ''}]}}], [{name: b, template: t}], [{name: r, template: count, arguments: {parameters: [{name: num, value: '2'}]}}]]}\n"
                                  "  - {name: t, inputs: {parameters: [{name: p, value: vv, default: dv}, {name: q, default: '{{workflow.name}}'}, {name: s, value: '{{inputs.parameters.p}}-s'}]}, container: {image: i, command: ['true']}}\n"
                                  "  - {name: count, inputs: {parameters: [{name: num}]}, steps: [[{name: again, template: count, when: '{{inputs.parameters.num}} > 0', arguments: {parameters: [{name: num, value: '{{=asInt(inputs.parameters.num) - 1}}'}]}}]]}\n",
                                  NULL, NULL);
        expect(c, "a", 0, "a Succeeded < p=;q=wf;s=-s");
        expect(c, "b", 0, "b Succeeded < p=vv;q=wf;s=vv-s");
        expect(c, "again", 1, "again Succeeded < num=0");
        expect(c, "again", 2, "again Skipped [when '0 > 0' evaluated false]");
        argo_case_free(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(conditions), cmocka_unit_test(skipped_producers), cmocka_unit_test(depends), cmocka_unit_test(retries), cmocka_unit_test(outputs), cmocka_unit_test(missing_outputs),
                cmocka_unit_test(gathered), cmocka_unit_test(hooks), cmocka_unit_test(hooks_of_items), cmocka_unit_test(failing_fast), cmocka_unit_test(results_that_are_no_json), cmocka_unit_test(failures), cmocka_unit_test(containers), cmocka_unit_test(artifacts), cmocka_unit_test(suspend_points), cmocka_unit_test(inputs), cmocka_unit_test(defaults),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
