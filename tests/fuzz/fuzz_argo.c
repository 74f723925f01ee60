/* Any bytes as an Argo workflow: read, checked, compiled; what compiles also answers the questions of the engine, a few steps far. */
#include "dialect/dialect.h"
#include "engine/engine.h"
#include "text/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 60 };


/* Every command leaves the same things behind, and fails now and then. */
static void outcome(const struct task_spec *spec, size_t i, struct arena *a, struct task_outcome *o)
{
        o->exit_code = i % 5 == 4;
        o->params = arena_alloc_array(a, sizeof *o->params, spec->params_out_n + 1);
        for (size_t k = 0; k < spec->params_out_n; k++)
                o->params[o->params_n++] = (struct task_output){spec->params_out[k].name, i % 3 != 2, STR("[1, {\"a\": \"b\"}]\n"), false};
        o->artifacts = arena_alloc_array(a, sizeof *o->artifacts, spec->artifacts_out_n + 1);
        for (size_t k = 0; k < spec->artifacts_out_n; k++)
                o->artifacts[o->artifacts_n++] = (struct task_artifact_result){spec->artifacts_out[k].name, true, spec->artifacts_out[k].uri, STR("sha256:0"), 1};
        o->result = (struct task_output){.present = spec->wants_result, .content = STR("7\n")};
}

static void begin(const struct workflow *w, struct arena *a)
{
        struct run_row row = {.uid = STR("u"), .name = STR("n"), .ns = STR("default"), .language = STR("argo"), .nodes_next = 1, .parameters = w->parameters};
        struct engine_settings settings = {.nodes_max = 300, .items_max = 100, .depth_max = 10, .run_bytes_max = 1 << 20};
        struct run *run = engine_new(w, &row, STR("/artifacts"), &settings);
        struct event queue[STEPS_MAX + 1] = {{.kind = EVENT_BEGIN}};
        size_t n = 1;
        for (size_t i = 0; i < n; i++) {
                struct delta d = {.arena = a};
                struct error e = {0};
                if (!engine_step(run, &queue[i], (struct wall){1000000 + (int64_t)i * 3600000000}, &d, &e))
                        break;
                for (size_t k = 0; k < d.actions_n && n < STEPS_MAX; k++) {
                        const struct action *x = &d.actions[k];
                        struct task_outcome *o = ARENA_NEW(a, struct task_outcome);
                        if (x->kind != ACTION_START)
                                continue;
                        outcome(x->spec, n, a, o);
                        queue[n++] = (struct event){.kind = EVENT_ENDED, .node = x->node, .epoch = x->epoch, .attempt = x->attempt, .outcome = o};
                }
                if (i + 1 == n && n < STEPS_MAX && engine_wake_at(run).us)
                        queue[n++] = (struct event){.kind = EVENT_TICK};
                else if (i + 1 == n && n < STEPS_MAX && engine_wants_continue(run))
                        queue[n++] = (struct event){.kind = EVENT_CONTINUE};
        }
        engine_free(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena *a = arena_new();
        struct value *documents;
        size_t n;
        struct error e = {0};
        struct yaml_limits limits = {.values_max = 20000};
        if (yaml_read((struct str){(const char *)data, size}, YAML_KUBERNETES, &limits, a, &documents, &n, &e)) {
                struct problems problems = {.arena = a};
                struct submission s = {.uid = STR("u"), .created_at = {1000000}};
                struct str message;
                struct workflow *w = dialect_argo.compile(documents, n, &s, &problems, &message);
                if (w)
                        begin(w, a);
                workflow_free(w);
        }
        arena_free(a);
        return 0;
}
