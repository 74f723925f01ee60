/* Looks at the placeholders of commands and constants before anything runs: each must name something that there will be. */
#include "dialect/kfp/kfp.h"

/* A run in which everything is there. */
static const struct run_view some_run = {.uid = {"uid", 3}, .name = {"name", 4}, .artifact_root = {"/artifacts", 10}};
static const struct task some_task = {.name = {"task", 4}};

static struct site some_site(struct arena *a) { return (struct site){.run = &some_run, .task = &some_task, .arena = a}; }

static struct bindings all_inputs(const struct kfp_io *io, struct arena *a)
{
        struct bindings b = {.params = ARENA_ARRAY(a, struct param, io->params_n + 1), .artifacts = ARENA_ARRAY(a, struct artifact, io->artifacts_n + 1)};
        for (size_t i = 0; i < io->params_n; i++)
                b.params[b.params_n++] = (struct param){.name = io->params[i].name, .value = val_text(STR(""))};
        for (size_t i = 0; i < io->artifacts_n; i++)
                b.artifacts[b.artifacts_n++] = (struct artifact){.name = io->artifacts[i].name, .uri = STR("/x")};
        return b;
}

static void report(struct kfp_reader *r, const struct kfp_executor *x, const char *part, const struct error *e)
{
        problem_add(r->ps, ERROR_INVALID, false, x->at, arena_printf(r->arena, "deploymentSpec.executors.%.*s.%s", STR_FMT(x->name), part), "%s", e->text);
}

void kfp_lint_component(struct kfp_reader *r, const struct kfp_component *c)
{
        const struct kfp_executor *x = c->executor;
        if (!x || !c->variants)
                return;
        struct site s = some_site(r->arena);
        struct bindings in = all_inputs(&c->in, r->arena);
        struct kfp_place p = {.site = &s, .inputs = &in, .component = c, .folder = STR("/outputs"), .for_lint = true, .arena = r->arena};
        struct str *words;
        size_t n;
        struct error e = {0};
        struct value v;
        bool ok;
        if (x->importer) {
                if (x->metadata && !kfp_place_value(&p, x->metadata, &v, &e))
                        report(r, x, "importer.metadata", &e);
                if (x->uri_parameter.n && !kfp_param_of(&c->in, x->uri_parameter)) {
                        error_set(&e, ERROR_INVALID, "the component '%.*s' has no input '%.*s' to take the URI from", STR_FMT(c->name), STR_FMT(x->uri_parameter));
                        report(r, x, "importer.artifactUri", &e);
                }
                return;
        }
        if (!kfp_place_words(&p, x->command + x->python.skip, x->command_n - x->python.skip, &words, &n, &e))
                report(r, x, "container.command", &e);
        if (!kfp_place_words(&p, x->args, x->args_n, &words, &n, &e))
                report(r, x, "container.args", &e);
        for (size_t i = 0; i < x->env_n; i++) {
                (void)kfp_place_text(&p, x->env[i].value, &e, &ok);
                if (!ok)
                        report(r, x, "container.env", &e);
        }
}

void kfp_lint_task(struct kfp_reader *r, const struct kfp_task *k, const struct value *at, struct str path)
{
        struct site s = some_site(r->arena);
        struct bindings in = {.params = ARENA_ARRAY(r->arena, struct param, k->params_n + 1)};
        struct kfp_place p = {.site = &s, .inputs = &in, .arena = r->arena};
        struct error e = {0};
        struct value v;
        for (size_t i = 0; i < k->params_n; i++)
                in.params[in.params_n++] = (struct param){.name = k->params[i].name, .value = val_text(STR(""))};
        for (size_t i = 0; i < k->params_n; i++)
                if (k->params[i].kind == KFP_CONSTANT && !kfp_place_value(&p, k->params[i].constant, &v, &e))
                        problem_add(r->ps, ERROR_INVALID, false, k->params[i].constant,
                                    kfp_path(r->arena, kfp_path(r->arena, path, STR("inputs.parameters")), k->params[i].name), "%s", e.text);
        if (k->items_raw && !kfp_place_value(&p, k->items_raw, &v, &e))
                problem_add(r->ps, ERROR_INVALID, false, at, kfp_path(r->arena, path, STR("parameterIterator.items.raw")), "%s", e.text);
}
