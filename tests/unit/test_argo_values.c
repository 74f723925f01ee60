/* What texts with tags and expressions become, what loops loop over, and how items read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "argo_fixture.h"
#include "dialect/argo/argo.h"

#define HEAD "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w, labels: {app: demo, a.b/c: lv}}\nspec:\n  entrypoint: main\n" \
        "  arguments: {parameters: [{name: x, value: '5'}, {name: s, value: 'he said \"hi\"'}, {name: k, value: x}, {name: ref, value: '<{{workflow.parameters.x}}>'}, {name: e, value: ''},\n" \
        "    {name: list, value: '[1, \"two\", {\"b\":1.50,\"a\":null}]'}, {name: late, value: '{{=1+1}}'}]}\n  templates:\n" \
        "  - {name: echo, inputs: {parameters: [{name: v}]}, container: {image: i, command: [echo, '{{inputs.parameters.v}}']}}\n"

/* The first child named `a` of a workflow whose main template has the step that is given. */
static struct argo_case *one_step(const char *step)
{
        struct arena *a = arena_new();
        struct argo_case *c = argo_case_new(arena_printf(a, HEAD "  - {name: main, steps: [[%s]]}\n", step).p, NULL);
        arena_free(a);
        if (!c->workflow)
                fail_msg("refused: %.*s\n%s", STR_FMT(c->problems.items[0].text), step);
        argo_case_run(c, NULL, NULL);
        return c;
}

static void arguments(void **state)
{
        static const struct { const char *text, *value; } all[] = {
                {"plain", "plain"},
                {"{{ workflow.parameters.x }}", "5"},
                {"{{workflow.parameters.s}}", "he said \"hi\""},
                {"a{{workflow.parameters.e}}b", "ab"},
                {"{{workflow.parameters.{{workflow.parameters.k}}}}", "5"},
                {"{{workflow.parameters.ref}}", "<5>"},
                {"{{workflow.parameters.late}}", "2"},
                {"$${{workflow.parameters.x}}", "$$5"},
                {"{{foo.bar}}", "{{foo.bar}}"},
                {"{{ }}", "{{ }}"},
                {"}}", "}}"},
                {"{ {workflow.parameters.x} }", "{ {workflow.parameters.x} }"},
                {"{{workflow.name}}.{{workflow.namespace}}.{{workflow.uid}}", "wf.default.0f1e-uid"},
                {"{{workflow.labels.app}}", "demo"},
                {"{{workflow.labels.a.b/c}}", "lv"},
                {"{{workflow.creationTimestamp}}", "2026-01-02T03:04:05Z"},
                {"{{workflow.creationTimestamp.Y}}-{{workflow.creationTimestamp.s}}", "2026-1767323045"},
                {"{{workflow.creationTimestamp.Q}}", "{{workflow.creationTimestamp.Q}}"},
                {"{{workflow.mainEntrypoint}}", "main"},
                {"{{node.name}}", "wf"},
                {"{{steps.name}}", ""},
                {"{{item}}", "{{item}}"},
                {"{{=1 + 1}}", "2"},
                {"{{=7 / 2}}{{workflow.parameters.x}}", "3.55"},
                {"{{=workflow.parameters.missing}}", "{{=workflow.parameters.missing}}"},
                {"{{=workflow.parameters.missing ?? \"d\"}}", "d"},
                {"{{=workflow.missing ?? \"d\"}}", "d"},
                {"{{=missing ?? \"d\"}}", "{{=missing ?? \"d\"}}"},
                {"{{=workflow.parameters[\"x\"]}}", "5"},
                {"{{=[1, nil, true]}}", "[1,null,true]"},
                {"{{=inputs.parameters.zz}}", "{{=inputs.parameters.zz}}"},
                {"{{{workflow.parameters.x}}}", "{{{workflow.parameters.x}}}"},
                {"{{{{workflow.parameters.x}}}}", "{{{{workflow.parameters.x}}}}"},
                {"{\"a\":{{workflow.parameters.x}}}", "{\"a\":5}"},
                {"{{=item}}", "{{=item}}"},
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                char step[500];
                snprintf(step, sizeof step, "{name: a, template: echo, arguments: {parameters: [{name: v, value: '%s'}]}}", all[i].text);
                struct argo_case *c = one_step(step);
                const struct node_row *n = argo_case_node(c, "a", 0);
                const struct val *v = n ? bindings_param(&n->inputs, STR("v")) : NULL;
                if (!v || !str_eq_c(v->text, all[i].value))
                        fail_msg("%s: '%.*s' and not '%s'", all[i].text, STR_FMT(v ? v->text : n ? n->message : c->run.message), all[i].value);
                argo_case_free(c);
        }
}

/* The caller's name, and the node's: in a graph, in a leaf, in an item of a loop. */
static void names_of_callers(void **state)
{
        struct argo_case *c = argo_case_new(HEAD "  - {name: leaf, inputs: {parameters: [{name: v, default: '{{steps.name}}|{{node.name}}|{{tasks.name}}'}]}, container: {image: i, command: [echo]}}\n"
                                                 "  - {name: inner, dag: {tasks: [{name: t, template: leaf, arguments: {parameters: [{name: v, value: '{{steps.name}}|{{node.name}}'}]}}, {name: u, template: leaf}]}}\n"
                                                 "  - {name: main, steps: [[{name: one, template: inner}, {name: two, template: leaf, withItems: [q]}]]}\n",
                                            NULL);
        assert_non_null(c->workflow);
        argo_case_run(c, NULL, NULL);
        assert_string_equal(argo_shown(c, argo_case_node(c, "t", 0)), "t Succeeded < v=one|wf[0].one");
        assert_string_equal(argo_shown(c, argo_case_node(c, "u", 0)), "u Succeeded < v={{steps.name}}|wf[0].one.u|u");
        assert_string_equal(argo_shown(c, argo_case_node(c, "two", 1)), "two Succeeded < v=two(0:q)|wf[0].two(0:q)|{{tasks.name}}");
        argo_case_free(c);
}

static void expressions_that_fail(void **state)
{
        static const struct { const char *text, *message; } all[] = {
                {"{{=workflow.parameters.x + 1}}", "failed to resolve references: failed to evaluate expression: invalid operation: string + int (1:23)\n | workflow.parameters.x + 1\n | ......................^"},
                {"{{=nil}}", "failed to resolve references: failed to evaluate expression \"nil\""},
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                char step[500];
                snprintf(step, sizeof step, "{name: a, template: echo, arguments: {parameters: [{name: v, value: '%s'}]}}", all[i].text);
                struct argo_case *c = one_step(step);
                const struct node_row *n = argo_case_node(c, "[0]", 0);
                assert_int_equal(n->state, NODE_ERROR);
                assert_string_equal(arena_cstr(c->arena, n->message), all[i].message);
                argo_case_free(c);
        }
        struct argo_case *c = one_step("{name: a, template: echo, arguments: {parameters: [{name: v, value: '{{=1 +}}'}]}}"); /* the whole template is at fault */
        assert_int_equal(c->run.state, RUN_ERROR);
        assert_int_equal(c->nodes_n, 1);
        assert_string_equal(arena_cstr(c->arena, c->nodes[0].message), "failed to evaluate expression: unexpected token EOF (1:3)\n | 1 +\n | ..^");
        argo_case_free(c);
}

static const char *loop(const char *with, struct arena *a)
{
        char step[500];
        snprintf(step, sizeof step, "{name: a, template: echo, arguments: {parameters: [{name: v, value: '{{item}}'}]}, %s}", with);
        struct argo_case *c = one_step(step);
        struct str out = STR("");
        for (size_t i = 0; i < c->nodes_n; i++) {
                const struct node_row *n = &c->nodes[i];
                if (n->kind == NODE_KIND_GROUP && n->state == NODE_ERROR)
                        out = arena_printf(a, "! %.*s", STR_FMT(n->message));
                else if (n->role == NODE_ROLE_ITEM)
                        out = arena_printf(a, "%.*s%s(%.*s) %.*s", STR_FMT(out), out.n ? " | " : "", STR_FMT(argo_item_name(n->item, n->index, a)), STR_FMT(bindings_param(&n->inputs, STR("v"))->text));
                else if (n->state == NODE_SKIPPED)
                        out = arena_printf(a, "- %.*s", STR_FMT(n->message));
        }
        argo_case_free(c);
        return arena_cstr(a, out);
}

static void loops(void **state)
{
        struct arena *a = arena_new();
        assert_string_equal(loop("withItems: [1, a, 2.5, true, {b: 1, a: x}, [1, z], null]", a),
                            "(0:1) 1 | (1:a) a | (2:2.5) 2.5 | (3:true) true | (4:a:x,b:1) {\"a\":\"x\",\"b\":1} | (5:[1 z]) [1,\"z\"] | (6:[]) null");
        assert_string_equal(loop("withItems: ['(x) y']", a), "(0:x y) (x) y");
        assert_string_equal(loop("withItems: ['<{{workflow.parameters.x}}>']", a), "(0:<5>) <5>");
        assert_string_equal(loop("withParam: '{{workflow.parameters.list}}'", a), "(0:1) 1 | (1:two) two | (2:a:null,b:1.50) {\"a\":null,\"b\":1.50}");
        assert_string_equal(loop("withParam: '[]'", a), "- Skipped, empty params");
        assert_string_equal(loop("withParam: 'null'", a), "- Skipped, empty params");
        assert_string_equal(loop("withParam: 'notjson'", a), "! withParam value could not be parsed as a JSON list: notjson: invalid character 'o' in literal null (expecting 'u')");
        assert_string_equal(loop("withParam: '5'", a), "! withParam value could not be parsed as a JSON list: 5: json: cannot unmarshal number into Go value of type []v1alpha1.Item");
        assert_string_equal(loop("withSequence: {count: 3, start: 10}", a), "(0:10) 10 | (1:11) 11 | (2:12) 12");
        assert_string_equal(loop("withSequence: {count: 0}", a), "- Skipped, empty params");
        assert_string_equal(loop("withSequence: {count: -1}", a), "(0:0) 0 | (1:-1) -1 | (2:-2) -2");
        assert_string_equal(loop("withSequence: {start: 3, end: 1, format: 'n-%03d'}", a), "(0:n-003) n-003 | (1:n-002) n-002 | (2:n-001) n-001");
        assert_string_equal(loop("withSequence: {count: 1, format: x}", a), "(0:x%!EXTRA int=0) x%!(EXTRA int=0)");
        assert_string_equal(loop("withSequence: {start: 3}", a), "! neither end nor count was specified in withSequence");
        arena_free(a);
}

static void json_as_go_reads_it(void **state)
{
        static const struct { const char *text, *trouble; } all[] = {
                {"text1", "invalid character 'e' in literal true (expecting 'r')"}, {"x", "invalid character 'x' looking for beginning of value"}, {"", "unexpected end of JSON input"},
                {"[1,]", "invalid character ']' looking for beginning of value"}, {"{\"a\"}", "invalid character '}' after object key"}, {"1 2", "invalid character '2' after top-level value"},
        };
        struct arena *a = arena_new();
        struct str trouble;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                assert_true(argo_json_trouble(str_from(all[i].text), a, &trouble));
                assert_string_equal(arena_cstr(a, trouble), all[i].trouble);
        }
        assert_false(argo_json_trouble(STR(" {\"a\": [1.50, true, null]} "), a, &trouble));
        arena_free(a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(arguments), cmocka_unit_test(names_of_callers), cmocka_unit_test(expressions_that_fail), cmocka_unit_test(loops), cmocka_unit_test(json_as_go_reads_it)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
