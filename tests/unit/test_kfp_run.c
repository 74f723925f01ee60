/* Pipelines carried out by the engine, with made-up answers: inputs, conditions, loops, gathered outputs, exit handlers, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kfp_fixture.h"
#include "text/json.h"

#define HEAD "pipelineInfo: {name: p}\nschemaVersion: 2.1.0\n"
#define INT(name) "{parameters: {" name ": {parameterType: NUMBER_INTEGER}}}"

static const char *joined(const struct kfp_case *c, const struct task_spec *s)
{
        struct str t = STR("");
        for (size_t i = 0; i < s->command_n + s->args_n; i++)
                t = arena_printf(c->arena, "%.*s%s%.*s", STR_FMT(t), i ? "|" : "", STR_FMT(i < s->command_n ? s->command[i] : s->args[i - s->command_n]));
        return arena_cstr(c->arena, t);
}

struct seen { const char *text[20]; struct task_spec spec[20]; size_t n; };

static void look(void *user, struct kfp_case *c, const struct task_spec *s, struct task_outcome *o)
{
        struct seen *seen = user;
        if (seen->n == 20)
                return;
        seen->spec[seen->n] = *s;
        seen->text[seen->n++] = joined(c, s);
}

/* One task that gets `inputs` and runs `words`, given as YAML. */
static struct kfp_case *one_task(struct seen *seen, const char *definitions, const char *inputs, const char *words, const char *const *parameters)
{
        struct arena *a = arena_new();
        struct str yaml = arena_printf(a, HEAD "deploymentSpec: {executors: {e: {container: {image: i, command: %s}}}}\n"
                                               "components:\n  c:\n    executorLabel: e\n%sroot:\n  inputDefinitions: {parameters: {s: {parameterType: STRING, defaultValue: hi}, o: "
                                               "{parameterType: STRING, isOptional: true}}}\n  dag: {tasks: {t: {componentRef: {name: c}, inputs: {parameters: %s}}}}\n",
                                       words, definitions, inputs);
        struct kfp_case *c = kfp_case_new(yaml.p, parameters);
        for (size_t i = 0; i < c->problems.n; i++)
                print_message("%.*s: %.*s\n", STR_FMT(c->problems.items[i].path), STR_FMT(c->problems.items[i].text));
        *seen = (struct seen){0};
        assert_non_null(c->workflow);
        kfp_case_run(c, look, seen);
        arena_free(a);
        return c;
}


static void words_of_a_command(void **state)
{
        struct seen seen;
        struct kfp_case *c = one_task(
                &seen,
                "    inputDefinitions: {parameters: {a: {parameterType: STRING}, n: {parameterType: NUMBER_DOUBLE}, l: {parameterType: LIST}, o: {parameterType: STRING, "
                "isOptional: true}}}\n"
                "    outputDefinitions: {parameters: {r: {parameterType: STRING}}, artifacts: {m: {artifactType: {schemaTitle: system.Model}, metadata: {k: 5.0}}}}\n",
                "{a: {componentInputParameter: s}, n: {runtimeValue: {constant: 2.0}}, l: {runtimeValue: {constant: [1.0, x]}}, o: {componentInputParameter: o}}",
                "['x{{$.inputs.parameters[''a'']}}y{{$.inputs.parameters[''n'']}}', '{{$.inputs.parameters[''l'']}}', '{{$.outputs.parameters[''r''].output_file}}', "
                "'{{$.outputs.artifacts[''m''].uri}}', '{{$.outputs.artifacts[''m''].path}}', '{{$.outputs.artifacts[''m''].metadata[''k'']}}', '{{$.outputs.output_file}}', "
                "'{\"Concat\": [\"a\", {\"Concat\": [\"{{$.inputs.parameters[''a'']}}\", \"-\"]}, {\"IfPresent\": {\"InputName\": \"o\", \"Then\": \"no\"}}, 7]}', "
                "'{\"IfPresent\": {\"InputName\": \"o\", \"Then\": [\"--o\"], \"Else\": [\"else\", \"{{$.inputs.parameters[''a'']}}\"]}}', "
                "'{\"IfPresent\": {\"InputName\": \"a\", \"Then\": [\"--a\", {\"Concat\": [\"=\", \"{{$.inputs.parameters[''a'']}}\"]}]}}', "
                "'{\"IfPresent\": {\"InputName\": \"o\", \"Then\": [\"gone\"]}}', '{\"other\": 1}']",
                NULL);
        assert_string_equal(seen.text[0], "xhiy2|[1,\"x\"]|/data/artifacts/t.2.0.0/.kfp/parameters/r|/data/artifacts/t.2.0.0/m|/data/artifacts/t.2.0.0/m|5|"
                                          "/data/artifacts/t.2.0.0/.kfp/executor_output.json|ahi-7|else|hi|--a|=hi|{\"other\": 1}");
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        kfp_case_free(c);
}

static void files_of_an_attempt(void **state)
{
        struct seen seen;
        struct kfp_case *c = one_task(&seen,
                                      "    outputDefinitions: {parameters: {r: {parameterType: STRING}}, artifacts: {m: {artifactType: {schemaTitle: system.Model}}}}\n", "{}",
                                      "['true']", NULL);
        const struct task_spec *s = &seen.spec[0];
        assert_true(str_eq_c(s->outcome_file, "/data/artifacts/t.2.0.0/.kfp/executor_output.json"));
        assert_int_equal(s->params_out_n, 1);
        assert_true(str_eq_c(s->params_out[0].path, "/data/artifacts/t.2.0.0/.kfp/parameters/r"));
        assert_int_equal(s->artifacts_out_n, 1);
        assert_true(str_eq(s->artifacts_out[0].path, s->artifacts_out[0].uri) && s->artifacts_out[0].optional);
        assert_int_equal(s->folders_n, 2);
        assert_true(str_eq_c(s->folders[0], "/data/artifacts/t.2.0.0"));
        assert_true(str_eq_c(s->folders[1], "/data/artifacts/t.2.0.0/.kfp/parameters"));
        kfp_case_free(c);
}

static void facts_of_the_run(void **state)
{
        struct seen seen;
        struct kfp_case *c = one_task(&seen, "    inputDefinitions: {parameters: {a: {parameterType: STRING}, d: {parameterType: STRUCT}}}\n",
                                      "{pipelinechannel--s: {componentInputParameter: s}, a: {runtimeValue: {constant: \"{{$.inputs.parameters['pipelinechannel--s']}}/"
                                      "{{$.pipeline_job_name}}/{{$.pipeline_task_name}}/{{$.pipeline_task_uuid}}\"}}, d: {runtimeValue: {constant: {k: [\"{{$.inputs.parameters['pipelinechannel--s']}}\"]}}}}",
                                      "[\"{{$.inputs.parameters['a']}}\", \"{{$.inputs.parameters['d']}}\", '{{$.pipeline_job_uuid}}', '{{$.pipeline_job_resource_name}}', "
                                      "'{{$.pipeline_task_uuid}}', '{{$.pipeline_job_create_time_utc}}', '{{$.workspace_path}}']",
                                      (const char *const[]){"s", "ho", NULL});
        assert_string_equal(seen.text[0], "ho/A run/t/c78ee3a4-ab07-859e-bab8-d9e0badbdccb|{\"k\":[\"ho\"]}|0f1e-uid|a-run|c78ee3a4-ab07-859e-bab8-d9e0badbdccb|2023-11-14T22:13:20Z|/data/artifacts/.workspace");
        assert_true(str_eq_c(seen.spec[0].folders[2], "/data/artifacts/.workspace"));
        kfp_case_free(c);
}

static void the_executor_input(void **state)
{
        struct seen seen;
        struct kfp_case *c = one_task(&seen,
                                      "    inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}, b: {parameterType: BOOLEAN}, o: {parameterType: STRING, isOptional: true}}}\n"
                                      "    outputDefinitions: {parameters: {r: {parameterType: STRING}}, artifacts: {m: {artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.2}}}}\n",
                                      "{n: {runtimeValue: {constant: 3.0}}, b: {runtimeValue: {constant: true}}}", "['{{$}}']", NULL);
        assert_string_equal(seen.text[0],
                            "{\"inputs\":{\"parameterValues\":{\"n\":3,\"b\":true,\"o\":null},\"artifacts\":{}},\"outputs\":{\"parameters\":{\"r\":{\"outputFile\":"
                            "\"/data/artifacts/t.2.0.0/.kfp/parameters/r\"}},\"artifacts\":{\"m\":{\"artifacts\":[{\"name\":\"m\",\"type\":{\"schemaTitle\":\"system.Model\","
                            "\"schemaVersion\":\"0.0.2\"},\"uri\":\"/data/artifacts/t.2.0.0/m\",\"metadata\":{}}]}},\"outputFile\":\"/data/artifacts/t.2.0.0/.kfp/executor_output.json\"}}");
        kfp_case_free(c);
}

#define MAKER                                                                                                                                                     \
        HEAD "deploymentSpec: {executors: {e: {container: {image: i, command: [make]}}, u: {container: {image: i, command: [use, "                                  \
             "\"{{$.inputs.parameters['n']}}\", \"{{$.inputs.artifacts['m'].path}}\", \"{{$.inputs.artifacts['m'].metadata['acc']}}\"]}}}}\n"                        \
             "components:\n  make: {executorLabel: e, outputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}}, artifacts: {m: {artifactType: "           \
             "{schemaTitle: system.Metrics}}}}}\n"                                                                                                                 \
             "  use: {executorLabel: u, inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}}, artifacts: {m: {artifactType: {schemaTitle: "            \
             "system.Artifact}}}}}\nroot:\n  outputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}}, artifacts: {m: {artifactType: {schemaTitle: "     \
             "system.Metrics}}}}\n  dag:\n    outputs: {parameters: {n: {valueFromParameter: {producerSubtask: make, outputParameterKey: n}}}, artifacts: {m: "     \
             "{artifactSelectors: [{producerSubtask: make, outputArtifactKey: m}]}}}\n    tasks:\n      make: {componentRef: {name: make}}\n      use: "            \
             "{componentRef: {name: use}, inputs: {parameters: {n: {taskOutputParameter: {producerTask: make, outputParameterKey: n}}}, artifacts: {m: "            \
             "{taskOutputArtifact: {producerTask: make, outputArtifactKey: m}}}}}\n"

struct written { const char *file, *param; struct seen seen; };
static void write_outputs(void *user, struct kfp_case *c, const struct task_spec *s, struct task_outcome *o)
{
        struct written *w = user;
        look(&w->seen, c, s, o);
        if (!str_eq_c(s->command[0], "make"))
                return;
        if (w->file)
                kfp_answer_file(c, o, w->file);
        if (w->param)
                kfp_answer_param(c, o, "n", w->param);
}

static struct kfp_case *made(struct written *w)
{
        struct kfp_case *c = kfp_case_new(MAKER, NULL);
        assert_non_null(c->workflow);
        kfp_case_run(c, write_outputs, w);
        return c;
}

static void outputs_are_passed_on(void **state)
{
        struct written w = {.file = "{\"parameterValues\": {\"n\": 4.0}, \"artifacts\": {\"m\": {\"artifacts\": [{\"name\": \"x\", \"metadata\": {\"acc\": 0.5, \"of\": 10.0}}]}}}",
                            .param = "7"};
        struct kfp_case *c = made(&w);
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        assert_string_equal(w.seen.text[1], "use|4|/data/artifacts/make.2.0.0/m|0.5");
        assert_int_equal(w.seen.spec[1].artifacts_in_n, 1);
        assert_string_equal(kfp_run_text(c), "{\"n\":4,\"m\":{\"name\":\"m\",\"type\":\"system.Metrics\",\"uri\":\"/data/artifacts/make.2.0.0/m\",\"metadata\":{\"acc\":0.5,\"of\":10}}}");
        kfp_case_free(c);
        w = (struct written){.param = " 7\n"};
        c = made(&w);
        assert_string_equal(w.seen.text[1], "use|7|/data/artifacts/make.2.0.0/m|");
        kfp_case_free(c);
        w = (struct written){.file = "{\"artifacts\": {\"m\": {\"artifacts\": [{\"uri\": \"gs://b/k\"}]}}}", .param = "7"};
        c = made(&w);
        assert_string_equal(w.seen.text[1], "use|7|/gcs/b/k|");
        kfp_case_free(c);
}

static void outputs_that_are_wrong(void **state)
{
        struct written w = {.file = "{\"parameterValues\": {\"n\": \"many\"}}"};
        struct kfp_case *c = made(&w);
        assert_string_equal(arena_cstr(c->arena, kfp_case_node(c, "make", 0)->message), "the output 'n' of task 'make' must be an integer, and is 'many'");
        assert_int_equal(kfp_case_node(c, "use", 0)->state, NODE_OMITTED);
        assert_int_equal(c->run.state, RUN_FAILED);
        kfp_case_free(c);
        w = (struct written){.file = "{"};
        c = made(&w);
        assert_int_equal(kfp_case_node(c, "make", 0)->state, NODE_ERROR);
        kfp_case_free(c);
        w = (struct written){0}; /* nothing written: the reader has no value */
        c = made(&w);
        assert_int_equal(kfp_case_node(c, "make", 0)->state, NODE_SUCCEEDED);
        assert_true(str_find(kfp_case_node(c, "use", 0)->message, STR("the task 'make' ended Succeeded without giving its output 'n'"), 0) != SIZE_MAX);
        kfp_case_free(c);
}

#define LOOP                                                                                                                                                        \
        HEAD "deploymentSpec: {executors: {e: {container: {image: i, command: [item, \"{{$.inputs.parameters['n']}}\"]}}, s: {container: {image: i, command: [sum, "  \
             "\"{{$.inputs.parameters['l']}}\", \"{{$}}\"]}}}}\n"                                                                                                    \
             "components:\n  item: {executorLabel: e, inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}}}, outputDefinitions: {parameters: {n: "     \
             "{parameterType: NUMBER_INTEGER}}, artifacts: {m: {artifactType: {schemaTitle: system.Dataset}}}}}\n"                                                   \
             "  sum: {executorLabel: s, inputDefinitions: {parameters: {l: {parameterType: LIST}}, artifacts: {m: {artifactType: {schemaTitle: system.Dataset}, "     \
             "isArtifactList: true}}}}\n"                                                                                                                            \
             "  body:\n    inputDefinitions: {parameters: {x: {parameterType: NUMBER_INTEGER}, l: {parameterType: LIST}}}\n    outputDefinitions: {parameters: {n: "  \
             "{parameterType: LIST}}, artifacts: {m: {artifactType: {schemaTitle: system.Dataset}, isArtifactList: true}}}\n    dag:\n      outputs: {parameters: "  \
             "{n: {valueFromParameter: {producerSubtask: item, outputParameterKey: n}}}, artifacts: {m: {artifactSelectors: [{producerSubtask: item, "                \
             "outputArtifactKey: m}]}}}\n      tasks: {item: {componentRef: {name: item}, inputs: {parameters: {n: {componentInputParameter: x}}}}}\n"               \
             "root:\n  inputDefinitions: {parameters: {l: {parameterType: LIST, defaultValue: [1.0, 2.0, 3.0]}}}\n  dag:\n    tasks:\n"                              \
             "      loop: {componentRef: {name: body}, inputs: {parameters: {l: {componentInputParameter: l}}}, parameterIterator: {itemInput: x, items: "           \
             "{inputParameter: l}}, iteratorPolicy: {parallelismLimit: 2}}\n"                                                                                        \
             "      sum: {componentRef: {name: sum}, inputs: {parameters: {l: {taskOutputParameter: {producerTask: loop, outputParameterKey: n}}}, artifacts: {m: "  \
             "{taskOutputArtifact: {producerTask: loop, outputArtifactKey: m}}}}}\n"

static void square(void *user, struct kfp_case *c, const struct task_spec *s, struct task_outcome *o)
{
        int64_t n;
        look(user, c, s, o);
        if (str_eq_c(s->command[0], "item") && str_to_i64(s->command[1], &n) && n != 2) /* the second one gives nothing */
                kfp_answer_param(c, o, "n", arena_printf(c->arena, "%lld", (long long)(n * n)).p);
}

static void loops_gather_in_order(void **state)
{
        struct kfp_case *c = kfp_case_new(LOOP, NULL);
        struct seen seen = {0};
        assert_non_null(c->workflow);
        kfp_case_run(c, square, &seen);
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        assert_int_equal(seen.n, 4);
        assert_int_equal(strncmp(seen.text[3], "sum|[1,9]|", 10), 0);
        size_t artifacts = 0, at = 0;
        while ((at = str_find(str_from(seen.text[3]), STR("system.Dataset"), at)) != SIZE_MAX)
                artifacts++, at++;
        assert_int_equal(artifacts, 3);
        kfp_case_free(c);
}

static void a_loop_over_nothing_is_empty(void **state)
{
        struct kfp_case *c = kfp_case_new(LOOP, (const char *const[]){"l", "[]", NULL});
        struct seen seen = {0};
        kfp_case_run(c, square, &seen);
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        assert_int_equal(kfp_case_node(c, "loop", 0)->state, NODE_SKIPPED);
        assert_int_equal(strncmp(seen.text[0], "sum|[]|", 7), 0);
        kfp_case_free(c);
        c = kfp_case_new(LOOP, (const char *const[]){"l", "[1, \"x\"]", NULL});
        kfp_case_run(c, square, &seen);
        assert_string_equal(arena_cstr(c->arena, kfp_case_node(c, "loop", 2)->message), "the input 'x' of task 'loop' must be an integer, and is 'x'");
        kfp_case_free(c);
}

#define BRANCHES                                                                                                                                                    \
        HEAD "deploymentSpec: {executors: {e: {container: {image: i, command: [say, \"{{$.inputs.parameters['t']}}\"]}}}}\n"                                          \
             "components:\n  say: {executorLabel: e, inputDefinitions: {parameters: {t: {parameterType: STRING}}}, outputDefinitions: {parameters: {o: "              \
             "{parameterType: STRING}}}}\n"                                                                                                                          \
             "  pick:\n    inputDefinitions: {parameters: {x: {parameterType: NUMBER_INTEGER}}}\n    outputDefinitions: {parameters: {o: {parameterType: STRING}}}\n" \
             "    dag:\n      outputs: {parameters: {o: {valueFromOneof: {parameterSelectors: [{producerSubtask: big, outputParameterKey: o}, {producerSubtask: "    \
             "small, outputParameterKey: o}]}}}}\n      tasks:\n        big: {componentRef: {name: say}, inputs: {parameters: {pipelinechannel--x: "                  \
             "{componentInputParameter: x}, t: {runtimeValue: {constant: big}}}}, triggerPolicy: {condition: \"int(inputs.parameter_values['pipelinechannel--x']) > " \
             "4\"}}\n        small: {componentRef: {name: say}, inputs: {parameters: {pipelinechannel--x: {componentInputParameter: x}, t: {runtimeValue: "         \
             "{constant: small}}}}, triggerPolicy: {condition: \"!(int(inputs.parameter_values['pipelinechannel--x']) > 4)\"}}\n"                                    \
             "root:\n  inputDefinitions: {parameters: {x: {parameterType: NUMBER_INTEGER, defaultValue: 3.0}}}\n  outputDefinitions: {parameters: {o: "              \
             "{parameterType: STRING}}}\n  dag:\n    outputs: {parameters: {o: {valueFromParameter: {producerSubtask: pick, outputParameterKey: o}}}}\n    "         \
             "tasks: {pick: {componentRef: {name: pick}, inputs: {parameters: {x: {componentInputParameter: x}}}}}\n"

static void echo(void *user, struct kfp_case *c, const struct task_spec *s, struct task_outcome *o) { kfp_answer_param(c, o, "o", arena_cstr(c->arena, s->command[1])); }

static void the_branch_that_ran_gives_the_output(void **state)
{
        struct kfp_case *c = kfp_case_new(BRANCHES, NULL);
        for (size_t i = 0; i < c->problems.n; i++)
                print_message("%.*s\n", STR_FMT(c->problems.items[i].text));
        assert_non_null(c->workflow);
        kfp_case_run(c, echo, NULL);
        assert_string_equal(kfp_run_text(c), "{\"o\":\"small\"}");
        assert_int_equal(kfp_case_node(c, "big", 0)->state, NODE_SKIPPED);
        kfp_case_free(c);
        c = kfp_case_new(BRANCHES, (const char *const[]){"x", "5", NULL});
        kfp_case_run(c, echo, NULL);
        assert_string_equal(kfp_run_text(c), "{\"o\":\"big\"}");
        kfp_case_free(c);
}

#define STRUCTS                                                                                                                                                     \
        HEAD "deploymentSpec: {executors: {e: {container: {image: i, command: [say, \"{{$.inputs.parameters['a']}}\", \"{{$.inputs.parameters['b']}}\"]}}}}\n"         \
             "components:\n  say: {executorLabel: e, inputDefinitions: {parameters: {a: {parameterType: NUMBER_INTEGER}, b: {parameterType: STRING}}}}\n"            \
             "  body: {inputDefinitions: {parameters: {it: {parameterType: STRUCT}}}, dag: {tasks: {say: {componentRef: {name: say}, inputs: {parameters: {a: "      \
             "{componentInputParameter: it, parameterExpressionSelector: 'parseJson(string_value)[\"a\"]'}, b: {componentInputParameter: it, "                       \
             "parameterExpressionSelector: 'parseJson(string_value)[\"b\"]'}}}}}}}\nroot: {dag: {tasks: {loop: {componentRef: {name: body}, parameterIterator: "     \
             "{itemInput: it, items: {raw: '[{\"a\": 1, \"b\": \"x\"}, {\"a\": 2, \"b\": 7}]'}}}}}}\n"

static void selectors_take_a_part(void **state)
{
        struct kfp_case *c = kfp_case_new(STRUCTS, NULL);
        struct seen seen = {0};
        assert_non_null(c->workflow);
        kfp_case_run(c, look, &seen);
        assert_int_equal(seen.n, 2);
        assert_string_equal(seen.text[0], "say|1|x");
        assert_string_equal(seen.text[1], "say|2|7");
        kfp_case_free(c);
}

#define OVER_METADATA                                                                                                                                                \
        HEAD "deploymentSpec: {executors: {e: {container: {image: i, command: [make]}}, u: {container: {image: i, command: [use, \"{{$.inputs.parameters['n']}}\"]}}}}\n"     \
             "components:\n  make: {executorLabel: e, outputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}, s: {parameterType: STRUCT}}, artifacts: {m: "           \
             "{artifactType: {schemaTitle: system.Metrics}}}}}\n  use: {executorLabel: u, inputDefinitions: {parameters: {n: {parameterType: NUMBER_DOUBLE}}, artifacts: {m: "    \
             "{artifactType: {schemaTitle: system.Metrics}}}}}\nroot: {dag: {tasks: {make: {componentRef: {name: make}}, use: {componentRef: {name: use}, inputs: {parameters: "    \
             "{n: {taskOutputParameter: {producerTask: make, outputParameterKey: s}, parameterExpressionSelector: 'struct_value.deep[1] / 2'}, pipelinechannel--n: "              \
             "{taskOutputParameter: {producerTask: make, outputParameterKey: n}}}, artifacts: {m: {taskOutputArtifact: {producerTask: make, outputArtifactKey: m}}}}, "          \
             "triggerPolicy: {condition: \"inputs.artifacts['m'].artifacts[0].metadata['acc'] * 100.0 > 90.0 && inputs.parameter_values['pipelinechannel--n'] / 2 == 3.5\"}}}}}\n"

static void write_metadata(void *user, struct kfp_case *c, const struct task_spec *s, struct task_outcome *o)
{
        look(user, c, s, o);
        if (str_eq_c(s->command[0], "make"))
                kfp_answer_file(c, o, "{\"parameterValues\": {\"n\": 7, \"s\": {\"deep\": [0, 5]}}, \"artifacts\": {\"m\": {\"artifacts\": [{\"metadata\": {\"acc\": 1}}]}}}");
}

/* Numbers of KFP are doubles: 7 / 2 is 3.5. */
static void conditions_on_metadata(void **state)
{
        struct kfp_case *c = kfp_case_new(OVER_METADATA, NULL);
        struct seen seen = {0};
        for (size_t i = 0; i < c->problems.n; i++)
                print_message("%.*s\n", STR_FMT(c->problems.items[i].text));
        assert_non_null(c->workflow);
        kfp_case_run(c, write_metadata, &seen);
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        assert_int_equal(seen.n, 2);
        assert_string_equal(seen.text[1], "use|2.5");
        kfp_case_free(c);
}

#define GUARDED                                                                                                                                                     \
        HEAD "deploymentSpec: {executors: {w: {container: {image: i, command: [work]}}, n: {container: {image: i, command: [notify, "                                 \
             "\"{{$.inputs.parameters['s']}}\"]}}}}\n"                                                                                                               \
             "components:\n  work: {executorLabel: w}\n  notify: {executorLabel: n, inputDefinitions: {parameters: {s: {parameterType: TASK_FINAL_STATUS, "            \
             "isOptional: true}}}}\n  guard: {dag: {tasks: {work: {componentRef: {name: work}, retryPolicy: {maxRetryCount: 2, backoffDuration: 1s}}}}}\n"            \
             "root: {dag: {tasks: {guard: {componentRef: {name: guard}}, notify: {componentRef: {name: notify}, dependentTasks: [guard], inputs: {parameters: {s: "   \
             "{taskFinalStatus: {producerTask: guard}}}}, triggerPolicy: {strategy: ALL_UPSTREAM_TASKS_COMPLETED}}}}}\n"

struct failing { int times; struct seen seen; };
static void fail_some(void *user, struct kfp_case *c, const struct task_spec *s, struct task_outcome *o)
{
        struct failing *f = user;
        look(&f->seen, c, s, o);
        o->exit_code = str_eq_c(s->command[0], "work") && f->times-- > 0;
}

static void exit_handlers_and_retries(void **state)
{
        struct kfp_case *c = kfp_case_new(GUARDED, NULL);
        struct failing f = {.times = 2};
        assert_non_null(c->workflow);
        kfp_case_run(c, fail_some, &f);
        assert_int_equal(c->run.state, RUN_SUCCEEDED);
        assert_int_equal(f.seen.n, 4);
        assert_string_equal(f.seen.text[3], "notify|{\"state\":\"COMPLETE\",\"pipelineTaskName\":\"guard\",\"pipelineJobResourceName\":\"a-run\"}");
        kfp_case_free(c);
        c = kfp_case_new(GUARDED, NULL);
        f = (struct failing){.times = 9};
        kfp_case_run(c, fail_some, &f);
        assert_int_equal(c->run.state, RUN_FAILED);
        assert_int_equal(f.seen.n, 4);
        assert_non_null(strstr(f.seen.text[3], "{\"state\":\"FAILED\",\"pipelineTaskName\":\"guard\""));
        assert_non_null(strstr(f.seen.text[3], "\"error\":{\"code\":9,\"message\":\""));
        kfp_case_free(c);
}

#define IMPORT                                                                                                                                                      \
        HEAD "deploymentSpec: {executors: {i: {importer: {artifactUri: {runtimeParameter: uri}, typeSchema: {schemaTitle: system.Dataset}, metadata: {k: "             \
             "\"{{$.inputs.parameters['uri']}}\"}}}, e: {container: {image: i, command: [cat, \"{{$.inputs.artifacts['d'].path}}\", "                                \
             "\"{{$.inputs.artifacts['d'].metadata['k']}}\"]}}}}\n"                                                                                                  \
             "components:\n  imp: {executorLabel: i, inputDefinitions: {parameters: {uri: {parameterType: STRING}}}, outputDefinitions: {artifacts: {artifact: "       \
             "{artifactType: {schemaTitle: system.Dataset}}}}}\n  cat: {executorLabel: e, inputDefinitions: {artifacts: {d: {artifactType: {schemaTitle: "            \
             "system.Dataset}}}}}\nroot: {dag: {tasks: {imp: {componentRef: {name: imp}, inputs: {parameters: {uri: {runtimeValue: {constant: /srv/data.csv}}}}}, "   \
             "cat: {componentRef: {name: cat}, inputs: {artifacts: {d: {taskOutputArtifact: {producerTask: imp, outputArtifactKey: artifact}}}}}}}}\n"

static void importers(void **state)
{
        struct kfp_case *c = kfp_case_new(IMPORT, NULL);
        struct seen seen = {0};
        assert_non_null(c->workflow);
        kfp_case_run(c, look, &seen);
        assert_string_equal(seen.text[1], "cat|/srv/data.csv|/srv/data.csv");
        kfp_case_free(c);
}

#define OVER_ARTIFACTS                                                                                                                                              \
        HEAD "deploymentSpec: {executors: {e: {container: {image: i, command: [make]}}, u: {container: {image: i, command: [use, "                                    \
             "\"{{$.inputs.artifacts['d'].uri}}\"]}}}}\n"                                                                                                            \
             "components:\n  make: {executorLabel: e, outputDefinitions: {artifacts: {d: {artifactType: {schemaTitle: system.Dataset}, isArtifactList: true}}}}\n"     \
             "  use: {executorLabel: u, inputDefinitions: {artifacts: {d: {artifactType: {schemaTitle: system.Dataset}}}}}\n"                                        \
             "root: {dag: {tasks: {make: {componentRef: {name: make}}, use: {componentRef: {name: use}, inputs: {artifacts: {all: {taskOutputArtifact: "             \
             "{producerTask: make, outputArtifactKey: d}}}}, artifactIterator: {itemInput: d, items: {inputArtifact: all}}}}}}\n"

static void write_two(void *user, struct kfp_case *c, const struct task_spec *s, struct task_outcome *o)
{
        look(user, c, s, o);
        if (str_eq_c(s->command[0], "make"))
                kfp_answer_file(c, o, "{\"artifacts\": {\"d\": {\"artifacts\": [{\"uri\": \"/a\"}, {\"uri\": \"/b\"}]}}}");
}

static void artifact_iterators(void **state)
{
        struct kfp_case *c = kfp_case_new(OVER_ARTIFACTS, NULL);
        struct seen seen = {0};
        for (size_t i = 0; i < c->problems.n; i++)
                print_message("%.*s\n", STR_FMT(c->problems.items[i].text));
        assert_non_null(c->workflow);
        kfp_case_run(c, write_two, &seen);
        assert_int_equal(seen.n, 3);
        assert_string_equal(seen.text[1], "use|/a");
        assert_string_equal(seen.text[2], "use|/b");
        kfp_case_free(c);
}

static void the_run_document(void **state)
{
        struct kfp_case *c = kfp_case_new(GUARDED, NULL);
        struct failing f = {.times = 9};
        struct buf b = BUF(1 << 20);
        struct value v;
        kfp_case_run(c, fail_some, &f);
        dialect_kfp.write_status(c->workflow, &c->run, c->nodes, c->nodes_n, &b);
        assert_true(json_read(buf_str(&b), NULL, c->arena, &v, NULL));
        assert_true(str_eq_c(value_get_c(&v, "state")->text, "FAILED"));
        assert_non_null(value_get_c(value_get_c(&v, "error"), "message"));
        assert_int_equal(value_get_c(value_get_c(&v, "run_details"), "task_details")->list.n, c->nodes_n);
        assert_non_null(value_get_c(value_get_c(&v, "pipeline_spec"), "root"));
        buf_free(&b);
        kfp_case_free(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_of_a_command),
                cmocka_unit_test(files_of_an_attempt),
                cmocka_unit_test(facts_of_the_run),
                cmocka_unit_test(the_executor_input),
                cmocka_unit_test(outputs_are_passed_on),
                cmocka_unit_test(outputs_that_are_wrong),
                cmocka_unit_test(loops_gather_in_order),
                cmocka_unit_test(a_loop_over_nothing_is_empty),
                cmocka_unit_test(the_branch_that_ran_gives_the_output),
                cmocka_unit_test(selectors_take_a_part),
                cmocka_unit_test(conditions_on_metadata),
                cmocka_unit_test(exit_handlers_and_retries),
                cmocka_unit_test(importers),
                cmocka_unit_test(artifact_iterators),
                cmocka_unit_test(the_run_document),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
