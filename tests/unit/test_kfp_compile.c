/* Reading pipelines: what becomes of them, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "dialect/kfp/kfp.h"
#include "kfp_fixture.h"

#define HEAD "pipelineInfo: {name: p}\nschemaVersion: 2.1.0\nsdkVersion: kfp-2.17.0\n"
#define EXECUTORS "deploymentSpec: {executors: {exec-a: {container: {image: i, command: [echo, \"{{$.inputs.parameters['n']}}\"]}}}}\n"
#define COMPONENT_A                                                                                                                           \
        "  comp-a:\n    executorLabel: exec-a\n    inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}, o: {parameterType: "    \
        "STRING, isOptional: true}}}\n    outputDefinitions: {parameters: {out: {parameterType: NUMBER_INTEGER}, many: {parameterType: LIST}}}\n"
#define ROOT_INPUT "  inputDefinitions: {parameters: {x: {parameterType: NUMBER_INTEGER, defaultValue: 3.0}}}\n"

/* A pipeline of tasks that call comp-a; `tasks` is indented by six. */
static struct kfp_case *with_tasks(const char *tasks)
{
        char *text = NULL;
        if (asprintf(&text, "%s%scomponents:\n%sroot:\n%s  dag:\n    tasks:\n%s", HEAD, EXECUTORS, COMPONENT_A, ROOT_INPUT, tasks) < 0)
                abort();
        struct kfp_case *c = kfp_case_new(text, NULL);
        free(text);
        return c;
}

#define FIRST "      first: {componentRef: {name: comp-a}, inputs: {parameters: {n: {componentInputParameter: x}}}}\n"
#define AFTER "inputs: {parameters: {n: {taskOutputParameter: {producerTask: first, outputParameterKey: out}}}}"

static const struct task *task_of(const struct kfp_case *c, const char *name)
{
        const struct template *t = &c->workflow->templates[c->workflow->root.template];
        for (uint32_t i = 0; i < t->tasks_n; i++)
                if (str_eq_c(t->tasks[i].name, name))
                        return &t->tasks[i];
        return NULL;
}

static void refused(const char *tasks, const char *part, const char *path)
{
        struct kfp_case *c = with_tasks(tasks);
        const struct problem *p = kfp_case_problem(c, part);
        if (!p)
                for (size_t i = 0; i < c->problems.n; i++)
                        print_message("%.*s: %.*s\n", STR_FMT(c->problems.items[i].path), STR_FMT(c->problems.items[i].text));
        assert_null(c->workflow);
        assert_non_null(p);
        assert_true(p->line > 0);
        if (path)
                assert_string_equal(arena_cstr(c->arena, p->path), path);
        kfp_case_free(c);
}

static void a_dependency_is_what_is_named_or_read(void **state)
{
        struct kfp_case *c = with_tasks(FIRST "      second: {componentRef: {name: comp-a}, " AFTER "}\n"
                                              "      third: {componentRef: {name: comp-a}, dependentTasks: [second, first], inputs: {parameters: {n: {runtimeValue: "
                                              "{constant: 1.0}}}}}\n");
        assert_non_null(c->workflow);
        const struct task *second = task_of(c, "second"), *third = task_of(c, "third");
        assert_int_equal(second->deps_n, 1);
        assert_int_equal(second->reads_n, 1);
        assert_int_equal(second->trigger->results, RESULT_SUCCEEDED);
        assert_int_equal(third->deps_n, 2);
        assert_int_equal(third->reads_n, 0);
        assert_int_equal(third->trigger->op, TRIGGER_AND);
        assert_false(third->on_stop);
        assert_true(str_eq_c(c->workflow->generate_name, "p-"));
        kfp_case_free(c);
}

static void policies_of_tasks(void **state)
{
        struct kfp_case *c = with_tasks(FIRST
                                        "      twice: {componentRef: {name: comp-a}, " AFTER ", retryPolicy: {maxRetryCount: 2, backoffDuration: 5s, backoffFactor: 3.0, "
                                        "backoffMaxDuration: 60s}, cachingOptions: {enableCache: true}}\n"
                                        "      again: {componentRef: {name: comp-a}, " AFTER ", retryPolicy: {maxRetryCount: 2, backoffDuration: 5s, backoffFactor: 3.0, "
                                        "backoffMaxDuration: 60s}}\n"
                                        "      last: {componentRef: {name: comp-a}, " AFTER ", dependentTasks: [twice], triggerPolicy: {strategy: ALL_UPSTREAM_TASKS_COMPLETED}}\n"
                                        "      many: {componentRef: {name: comp-a}, parameterIterator: {itemInput: n, items: {raw: '[1, 2]'}}, iteratorPolicy: {parallelismLimit: "
                                        "2}, triggerPolicy: {condition: \"1 == 1\"}}\n");
        assert_non_null(c->workflow);
        const struct task *first = task_of(c, "first"), *twice = task_of(c, "twice"), *again = task_of(c, "again"), *last = task_of(c, "last"), *many = task_of(c, "many");
        assert_int_not_equal(first->template, twice->template);
        assert_int_equal(twice->template, again->template);
        assert_true(c->workflow->templates[twice->template].has_retry && c->workflow->templates[twice->template].cacheable);
        assert_false(c->workflow->templates[first->template].has_retry);
        const struct kfp_template *t = c->workflow->templates[twice->template].dialect;
        assert_int_equal(t->retry.limit, 2);
        assert_int_equal(t->retry.on, RETRY_ON_FAILED | RETRY_ON_ERROR);
        assert_int_equal(t->retry.backoff_us, 5000000);
        assert_true(t->retry.backoff_factor == 3);
        assert_int_equal(t->retry.backoff_cap_us, 60000000);
        assert_true(last->on_stop && last->trigger->left->results == RESULT_COMPLETED);
        assert_true(many->fans_out && many->has_when && !many->collects);
        assert_int_equal(many->items_parallelism, 2);
        kfp_case_free(c);
}

static void misspelt_fields(void **state)
{
        refused(FIRST "      second: {componentRef: {name: comp-a}, dependantTasks: [first], " AFTER "}\n", "'dependantTasks' is no field of a task; did you mean 'dependentTasks'?",
                "root.dag.tasks.second.dependantTasks");
        refused("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {runtimeValue: {constnat: 1}}}}}\n", "did you mean 'constant'?",
                "root.dag.tasks.t.inputs.parameters.n.runtimeValue.constnat");
        struct kfp_case *c = with_tasks(FIRST "      second: {componentRef: {name: comp-a},\n        zzzzzzzz: 1}\n");
        const struct problem *p = kfp_case_problem(c, "zzzzzzzz");
        assert_int_equal(p->line, 16);
        assert_int_equal(p->column, 9);
        kfp_case_free(c);
}

static void wrong_types(void **state)
{
        refused("      t: {componentRef: comp-a}\n", "must be a map, and is a string", "root.dag.tasks.t.componentRef");
        refused(FIRST "      t: {componentRef: {name: comp-a}, dependentTasks: first, " AFTER "}\n", "must be a list, and is a string", "root.dag.tasks.t.dependentTasks");
        refused("      t: {componentRef: {name: comp-a}, cachingOptions: {enableCache: maybe}}\n", "must be a boolean", "root.dag.tasks.t.cachingOptions.enableCache");
}

static const struct problem *warning_of(const struct kfp_case *c, const char *part)
{
        for (size_t i = 0; i < c->problems.n; i++)
                if (c->problems.items[i].warning && str_find(c->problems.items[i].text, str_from(part), 0) != SIZE_MAX)
                        return &c->problems.items[i];
        return NULL;
}

/* What the SDK gives a task beside the component's inputs, and what somebody gives by mistake. */
static void inputs_that_the_component_does_not_declare(void **state)
{
        struct kfp_case *c = with_tasks("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {runtimeValue: {constant: 1}}, cpu_limit: {runtimeValue: {constant: "
                                        "\"{{$.inputs.parameters['pipelineparam--x']}}\"}}, accelerator_count: {runtimeValue: {constant: '1'}}, "
                                        "pipelineparam--x: {componentInputParameter: x}}}}\n");
        assert_non_null(c->workflow);
        assert_int_equal(c->problems.n, 0);
        kfp_case_free(c);
        c = with_tasks("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {runtimeValue: {constant: 1}}, zebra: {runtimeValue: {constant: 1}}}}}\n");
        assert_non_null(c->workflow);
        const struct problem *p = warning_of(c, "the component 'comp-a' has no input 'zebra'");
        assert_non_null(p);
        assert_true(p->line > 0);
        kfp_case_free(c);
}

static void a_pipeline_in_the_wrapping_of_the_api(void **state)
{
        static const char *const wrappings[][2] = {{"pipelineSpec", "platformSpec"}, {"pipeline_spec", "platform_spec"}};
        for (size_t i = 0; i < 2; i++) {
                char *text = NULL;
                if (asprintf(&text,
                             "%s:\n  pipelineInfo: {name: p}\n  schemaVersion: 2.0.0\n  root: {dag: {}}\n%s:\n  platforms: {kubernetes: {pipelineConfig: "
                             "{activeDeadlineSeconds: 7}}}\nruntimeConfig: {parameters: {x: {intValue: '1'}}}\n",
                             wrappings[i][0], wrappings[i][1]) < 0)
                        abort();
                struct kfp_case *c = kfp_case_new(text, NULL);
                free(text);
                assert_non_null(c->workflow);
                assert_int_equal(c->workflow->deadline_us, 7 * US_PER_S);
                const struct problem *p = warning_of(c, "only the pipeline within this document is read");
                assert_non_null(p);
                assert_int_equal(p->line, 7);
                kfp_case_free(c);
        }
}

static void names_that_are_not_there(void **state)
{
        refused("      t: {componentRef: {name: comp-b}}\n", "there is no component 'comp-b' (did you mean 'comp-a'?)", "root.dag.tasks.t.componentRef.name");
        refused(FIRST "      t: {componentRef: {name: comp-a}, dependentTasks: [frist], " AFTER "}\n", "no task 'frist' in this graph (did you mean 'first'?)",
                "root.dag.tasks.t.dependentTasks");
        refused(FIRST "      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {taskOutputParameter: {producerTask: first, outputParameterKey: uot}}}}}\n",
                "the task 'first' has no output parameter 'uot' (did you mean 'out'?)", NULL);
        refused("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {componentInputParameter: y}}}}\n", "has no input parameter 'y'", NULL);
        refused("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {runtimeValue: {constant: 1}}, p: {runtimeValue: {constant: 1}}}}}\n",
                "the component 'comp-a' has no input 'p'", "root.dag.tasks.t.inputs.parameters.p");
        refused("      t: {componentRef: {name: comp-a}}\n", "the component 'comp-a' needs the input 'n', and the task gives none", NULL);
        refused("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {}}}}\n", "the input 'n' has no source", NULL);
}

static void circles(void **state)
{
        refused("      a: {componentRef: {name: comp-a}, dependentTasks: [b], inputs: {parameters: {n: {componentInputParameter: x}}}}\n"
                "      b: {componentRef: {name: comp-a}, dependentTasks: [a], inputs: {parameters: {n: {componentInputParameter: x}}}}\n",
                "in a circle that 'a' is part of", "root.dag.tasks.a");
        refused("      a: {componentRef: {name: comp-a}, dependentTasks: [a], inputs: {parameters: {n: {componentInputParameter: x}}}}\n", "waits for itself",
                "root.dag.tasks.a");
}

static void iterators_and_triggers(void **state)
{
        refused("      t: {componentRef: {name: comp-a}, parameterIterator: {itemInput: n, items: {raw: '[1'}}}\n", "the items are no JSON",
                "root.dag.tasks.t.parameterIterator.items.raw");
        refused("      t: {componentRef: {name: comp-a}, parameterIterator: {itemInput: n, items: {raw: '{}'}}}\n", "must be a JSON list", NULL);
        refused("      t: {componentRef: {name: comp-a}, parameterIterator: {itemInput: n, items: {}}}\n", "does not say over what", NULL);
        refused("      t: {componentRef: {name: comp-a}, parameterIterator: {itemInput: n, items: {inputParameter: q}}}\n", "no input 'q' to iterate over", NULL);
        refused("      t: {componentRef: {name: comp-a}, parameterIterator: {itemInput: m, items: {raw: '[]'}}}\n", "has no input 'm'", NULL);
        refused(FIRST "      t: {componentRef: {name: comp-a}, " AFTER ", triggerPolicy: {strategy: SOMETIMES}}\n", "'SOMETIMES' is no strategy",
                "root.dag.tasks.t.triggerPolicy.strategy");
        refused(FIRST "      t: {componentRef: {name: comp-a}, " AFTER ", triggerPolicy: {condition: \"int((\"}}\n", "", "root.dag.tasks.t.triggerPolicy.condition");
        refused(FIRST "      t: {componentRef: {name: comp-a}, " AFTER ", retryPolicy: {maxRetryCount: 1, backoffDuration: soon}}\n", "must be a duration", NULL);
}

static void whole(const char *yaml, enum error_kind kind, const char *part)
{
        struct kfp_case *c = kfp_case_new(yaml, NULL);
        const struct problem *p = kfp_case_problem(c, part);
        assert_null(c->workflow);
        assert_non_null(p);
        assert_int_equal(p->kind, kind);
        kfp_case_free(c);
}

static void frames(void **state)
{
        whole("pipelineInfo: {name: p}\nschemaVersion: 2.1.0\n", ERROR_INVALID, "no root");
        whole("pipelineInfo: {}\nschemaVersion: 2.1.0\nroot: {dag: {}}\n", ERROR_INVALID, "no name");
        whole("pipelineInfo: {name: p}\nschemaVersion: 3.0.0\nroot: {dag: {}}\n", ERROR_UNSUPPORTED, "3.0.0");
        whole("a: 1\n", ERROR_INVALID, "there is no pipeline in this file");
        whole(HEAD "root: {}\n", ERROR_INVALID, "neither an executorLabel nor a dag");
        whole(HEAD "root: {executorLabel: x}\n", ERROR_INVALID, "deploymentSpec.executors has no 'x'");
        whole(HEAD "root: {dag: {}}\n---\nkind: Other\n", ERROR_INVALID, "document 2 of the file is neither");
        whole(HEAD "deploymentSpec: {executors: {e: {container: {image: i, lifecycle: {}}}}}\nroot: {dag: {}}\n", ERROR_UNSUPPORTED, "lifecycle is not executed");
        whole(HEAD "components: {c: {dag: {}, outputDefinitions: {parameters: {../x: {parameterType: STRING}}}}}\nroot: {dag: {}}\n", ERROR_INVALID, "cannot be the name of an output");
        whole(HEAD "root: {dag: {}, inputDefinitions: {parameters: {x: {parameterType: NUMBER}}}}\n", ERROR_INVALID, "'NUMBER' is no type");
        whole(HEAD "root: {dag: {}, inputDefinitions: {artifacts: {x: {artifactType: {schemaTitle: system.Model}}}}}\n", ERROR_UNSUPPORTED, "cannot be given artifacts");
        whole(HEAD "deploymentSpec: {executors: {e: {container: {image: argostub/createpvc}}}}\nroot: {dag: {}}\n", ERROR_UNSUPPORTED, "a volume of a cluster");
        whole(HEAD "deploymentSpec: {executors: {e: {importer: {artifactUri: {constant: /x}, downloadToWorkspace: true}}}}\nroot: {dag: {}}\n", ERROR_UNSUPPORTED,
              "not copied into the workspace");
        whole(HEAD "root: {dag: {}}\n---\nplatforms: {kubernetes: {deploymentSpec: {executors: {e: {}}}}}\n", ERROR_INVALID, "no executor of this name");
}

static void platform_documents(void **state)
{
        struct kfp_case *c = kfp_case_new(HEAD EXECUTORS "components:\n" COMPONENT_A "root:\n" ROOT_INPUT "  dag: {tasks: {t: {componentRef: {name: comp-a}, inputs: "
                                                         "{parameters: {n: {componentInputParameter: x}}}}}}\n---\nplatforms: {kubernetes: {deploymentSpec: {executors: "
                                                         "{exec-a: {imagePullPolicy: Always, activeDeadlineSeconds: '9'}}}, pipelineConfig: {activeDeadlineSeconds: 60}}}\n",
                                          NULL);
        assert_non_null(c->workflow);
        assert_int_equal(c->workflow->deadline_us, 60000000);
        assert_int_equal(c->problems.n, 1);
        assert_true(c->problems.items[0].warning);
        kfp_case_free(c);
        whole(HEAD EXECUTORS "root: {dag: {}}\n---\nplatforms: {kubernetes: {deploymentSpec: {executors: {exec-a: {secretAsEnv: []}}}}}\n", ERROR_UNSUPPORTED, "secretAsEnv is not executed");
}

static void what_has_no_effect_is_said(void **state)
{
        struct kfp_case *c = kfp_case_new(HEAD "defaultPipelineRoot: gs://b/root\ndeploymentSpec: {executors: {e: {importer: {artifactUri: {constant: 's3://b/x'}}}, f: {importer: "
                                               "{artifactUri: {constant: /srv/x}}}}}\ncomponents: {i: {executorLabel: e}, j: {executorLabel: f}}\nroot: {dag: {tasks: {i: {componentRef: {name: i}}, j: "
                                               "{componentRef: {name: j}}}}}\n", NULL);
        assert_non_null(c->workflow);
        assert_int_equal(c->problems.n, 2);
        assert_string_equal(arena_cstr(c->arena, c->problems.items[0].path), "defaultPipelineRoot");
        assert_true(c->problems.items[0].line == 4 && c->problems.items[0].warning);
        assert_string_equal(arena_cstr(c->arena, c->problems.items[1].path), "deploymentSpec.executors.e.importer.artifactUri");
        assert_string_equal(arena_cstr(c->arena, c->problems.items[1].text),
                            "'s3://b/x' is not fetched on this machine: its readers look for it at /s3/b/x, where it must be mounted");
        assert_true(c->problems.items[1].line == 5 && c->problems.items[1].warning);
        kfp_case_free(c);
}

static void constants_have_the_type_of_the_input(void **state)
{
        refused("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {runtimeValue: {constant: many}}}}}\n", "the input 'n' must be an integer, and is 'many'",
                "root.dag.tasks.t.inputs.parameters.n");
        refused("      t: {componentRef: {name: comp-a}, parameterIterator: {itemInput: n, items: {raw: '[1, 2.5]'}}}\n", "item 1 must be an integer, and is 2.5",
                "root.dag.tasks.t.parameterIterator.items.raw");
        struct kfp_case *c = with_tasks("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {runtimeValue: {constant: \"{{$.pipeline_job_name}}\"}}, o: {runtimeValue: "
                                        "{constant: 12345e7}}}}}\n");
        assert_non_null(c->workflow);
        const struct kfp_task *k = task_of(c, "t")->dialect;
        assert_true(k->params[1].constant->kind == VALUE_STRING && str_eq_c(k->params[1].constant->text, "12345e7"));
        kfp_case_free(c);
}

static void literals(void **state)
{
        static const char yaml[] = HEAD "root: {dag: {}, inputDefinitions: {parameters: {c: {parameterType: STRING, defaultValue: red, literals: [red, blue]}, n: {parameterType: "
                                        "NUMBER_INTEGER, defaultValue: 1.0, literals: [1.0, 2.0]}}}}\n";
        struct kfp_case *c = kfp_case_new(yaml, (const char *const[]){"c", "blue", "n", "2", NULL});
        assert_non_null(c->workflow);
        kfp_case_free(c);
        c = kfp_case_new(yaml, (const char *const[]){"c", "green", "n", "3", NULL});
        assert_non_null(kfp_case_problem(c, "the parameter 'c' must be one of 'red', 'blue', and is 'green'"));
        assert_non_null(kfp_case_problem(c, "the parameter 'n' must be one of 1, 2, and is '3'"));
        kfp_case_free(c);
        whole(HEAD "root: {dag: {}, inputDefinitions: {parameters: {c: {parameterType: STRING, defaultValue: rde, literals: [red]}}}}\n", ERROR_INVALID, "must be one of 'red'");
}

static void what_expressions_may_read(void **state)
{
        refused(FIRST "      t: {componentRef: {name: comp-a}, " AFTER ", triggerPolicy: {condition: \"input.parameter_values['n'] == 1\"}}\n", "it may read inputs.parameter_values",
                "root.dag.tasks.t.triggerPolicy.condition");
        refused(FIRST "      t: {componentRef: {name: comp-a}, " AFTER ", triggerPolicy: {condition: \"inputs.parameters['n'] == 1\"}}\n",
                "inputs has parameter_values and artifacts, not 'parameters'", NULL);
        refused(FIRST "      t: {componentRef: {name: comp-a}, " AFTER ", triggerPolicy: {condition: \"inputs.artifacts['m'].artifacts[0].uri == ''\"}}\n",
                "reads 'm', which is no input artifact of the task", NULL);
        refused("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {componentInputParameter: x, parameterExpressionSelector: 'parseJson(value)'}}}}\n",
                "a selector reads string_value", "root.dag.tasks.t.inputs.parameters.n.parameterExpressionSelector");
}

static void placeholder(const char *word, const char *part)
{
        char *text = NULL;
        if (asprintf(&text, HEAD "deploymentSpec: {executors: {e: {container: {image: i, args: [%s]}}}}\ncomponents: {c: {executorLabel: e, outputDefinitions: {artifacts: {m: "
                                 "{artifactType: {schemaTitle: system.Model}}}}}}\nroot: {dag: {tasks: {t: {componentRef: {name: c}}}}}\n", word) < 0)
                abort();
        struct kfp_case *c = kfp_case_new(text, NULL);
        const struct problem *p = kfp_case_problem(c, part);
        assert_non_null(p);
        assert_int_equal(p->line, 4);
        assert_string_equal(arena_cstr(c->arena, p->path), "deploymentSpec.executors.e.container.args");
        kfp_case_free(c);
        free(text);
}

static void placeholders_that_name_nothing(void **state)
{
        placeholder("\"{{$.inputs.parameters['z']}}\"", "names the input 'z'");
        placeholder("\"{{$.inputs.artifacts['z'].uri}}\"", "names the input artifact 'z'");
        placeholder("\"{{$.outputs.artifacts['m'].url}}\"", "not '.url'");
        placeholder("\"{{$.outputs.parameters['z'].output_file}}\"", "names the output 'z'");
        placeholder("'{{$.pipeline_job_nam}}'", "'{{$.pipeline_job_nam}}' is not known");
        placeholder("\"{{$.inputs}}\"", "may name .parameters['name']");
        placeholder("'{\"IfPresent\": {\"InputName\": \"x\", \"Then\": [\"{{$.oops}}\"]}}'", "'{{$.oops}}' is not known");
        refused("      t: {componentRef: {name: comp-a}, inputs: {parameters: {n: {runtimeValue: {constant: \"{{$.inputs.parameters['q']}}\"}}}}}\n", "names the input 'q'",
                "root.dag.tasks.t.inputs.parameters.n");
        refused(FIRST "      t: {componentRef: {name: comp-a}, " AFTER ", triggerPolicy: {condition: \"inputs.parameter_values['q'] == 1\"}}\n",
                "the condition reads 'q', which is no input of the task", "root.dag.tasks.t.triggerPolicy.condition");
}

#define TYPED                                                                                                                              \
        HEAD "root:\n  dag: {}\n  inputDefinitions:\n    parameters:\n      count: {parameterType: NUMBER_INTEGER}\n      rate: "          \
             "{parameterType: NUMBER_DOUBLE, defaultValue: 0.5}\n      name: {parameterType: STRING, isOptional: true}\n      tags: "         \
             "{parameterType: LIST, defaultValue: [1.0, 2.0]}\n"

static const char *parameters(const char *const *given, struct kfp_case **ret)
{
        *ret = kfp_case_new(TYPED, given);
        return (*ret)->workflow ? arena_cstr((*ret)->arena, bindings_encode(&(*ret)->workflow->parameters, (*ret)->arena)) : NULL;
}

static void parameters_by_type(void **state)
{
        struct kfp_case *c;
        assert_string_equal(parameters((const char *const[]){"count", "4", NULL}, &c),
                            "{\"p\":[{\"n\":\"count\",\"j\":\"4\"},{\"n\":\"rate\",\"j\":\"0.5\"},{\"n\":\"name\",\"j\":\"null\"},{\"n\":\"tags\",\"j\":\"[1,2]\"}],\"a\":[]}");
        kfp_case_free(c);
        assert_string_equal(parameters((const char *const[]){"name", "007", "count", "1", "tags", "[\"x\"]", "rate", "2", NULL}, &c),
                            "{\"p\":[{\"n\":\"count\",\"j\":\"1\"},{\"n\":\"rate\",\"j\":\"2\"},{\"n\":\"name\",\"t\":\"007\"},{\"n\":\"tags\",\"j\":\"[\\\"x\\\"]\"}],\"a\":[]}");
        kfp_case_free(c);
        assert_null(parameters((const char *const[]){"conut", "4", "rate", "fast", NULL}, &c));
        assert_non_null(kfp_case_problem(c, "no parameter 'conut'; did you mean 'count'?"));
        assert_non_null(kfp_case_problem(c, "the parameter 'rate' must be a number, and is 'fast'"));
        assert_non_null(kfp_case_problem(c, "needs the parameter 'count', an integer: give it with -p count=VALUE"));
        kfp_case_free(c);
        c = kfp_case_lint(TYPED);
        assert_non_null(c->workflow);
        kfp_case_free(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_dependency_is_what_is_named_or_read),
                cmocka_unit_test(policies_of_tasks),
                cmocka_unit_test(misspelt_fields),
                cmocka_unit_test(wrong_types),
                cmocka_unit_test(names_that_are_not_there),
                cmocka_unit_test(inputs_that_the_component_does_not_declare),
                cmocka_unit_test(a_pipeline_in_the_wrapping_of_the_api),
                cmocka_unit_test(circles),
                cmocka_unit_test(iterators_and_triggers),
                cmocka_unit_test(frames),
                cmocka_unit_test(platform_documents),
                cmocka_unit_test(placeholders_that_name_nothing),
                cmocka_unit_test(what_has_no_effect_is_said),
                cmocka_unit_test(constants_have_the_type_of_the_input),
                cmocka_unit_test(literals),
                cmocka_unit_test(what_expressions_may_read),
                cmocka_unit_test(parameters_by_type),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
