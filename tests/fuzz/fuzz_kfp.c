/* Any bytes as a KFP pipeline: read, checked, compiled; what compiles also answers the first questions of the engine. */
#include "dialect/dialect.h"
#include "engine/engine.h"
#include "text/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(struct run *run, const struct delta *d, struct arena *a)
{
        for (size_t i = 0; i < d->actions_n && i < 50; i++) {
                struct task_outcome outcome = {0};
                struct event e = {.kind = d->actions[i].kind == ACTION_START ? EVENT_ENDED : EVENT_CACHE_ANSWER,
                                  .node = d->actions[i].node,
                                  .epoch = d->actions[i].epoch,
                                  .attempt = d->actions[i].attempt,
                                  .outcome = &outcome};
                struct delta next = {.arena = a};
                struct error problem = {0};
                if (d->actions[i].kind == ACTION_START || d->actions[i].kind == ACTION_CACHE_LOOKUP)
                        (void)engine_step(run, &e, (struct wall){2000000}, &next, &problem);
        }
}

static void begin(const struct workflow *w, struct arena *a)
{
        struct run_row row = {.uid = STR("u"), .name = STR("n"), .ns = STR("default"), .language = STR("kfp"), .nodes_next = 1, .parameters = w->parameters};
        struct engine_settings settings = {.nodes_max = 1000, .items_max = 1000, .depth_max = 20};
        struct run *run = engine_new(w, &row, STR("/artifacts"), &settings);
        struct event e = {.kind = EVENT_BEGIN};
        struct delta d = {.arena = a};
        struct error problem = {0};
        if (engine_step(run, &e, (struct wall){1000000}, &d, &problem))
                answer(run, &d, a);
        engine_free(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena *a = arena_new();
        struct value *documents;
        size_t n;
        struct error e = {0};
        struct yaml_limits limits = {.values_max = 20000};
        if (yaml_read((struct str){(const char *)data, size}, YAML_KFP, &limits, a, &documents, &n, &e)) {
                struct problems problems = {.arena = a};
                struct submission s = {0};
                struct workflow *w = dialect_kfp.compile(documents, n, &s, &problems, NULL);
                if (w)
                        begin(w, a);
                workflow_free(w);
        }
        arena_free(a);
        return 0;
}
