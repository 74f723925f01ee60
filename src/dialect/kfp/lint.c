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
                struct str path = kfp_artifact_path(x->uri, r->arena);
                if (!x->uri_parameter.n && !str_eq(path, x->uri) && !str_starts(x->uri, STR("file:")))
                        problem_add(r->ps, ERROR_UNSUPPORTED, true, x->at, arena_printf(r->arena, "deploymentSpec.executors.%.*s.importer.artifactUri", STR_FMT(x->name)),
                                    "'%.*s' is not fetched on this machine: its readers look for it at %.*s, where it must be mounted", STR_FMT(x->uri), STR_FMT(path));
                if (x->metadata && !kfp_place_value(&p, x->metadata, &v, &e))
                        report(r, x, "importer.metadata", &e);
                if (x->uri_parameter.n && !kfp_param_of(&c->in, x->uri_parameter)) {
                        error_set(&e, ERROR_INVALID, "the component '%.*s' has no input '%.*s' to take the URI from", STR_FMT(c->name), STR_FMT(x->uri_parameter));
                        report(r, x, "importer.artifactUri", &e);
                }
                return;
        }
        (void)kfp_place_text(&p, x->image, &e, &ok);
        if (!ok)
                report(r, x, "container.image", &e);
        if (!kfp_place_words(&p, x->command + x->python.skip, x->command_n - x->python.skip, &words, &n, &e))
                report(r, x, "container.command", &e);
        if (!kfp_place_words(&p, x->args, x->args_n, &words, &n, &e))
                report(r, x, "container.args", &e);
        for (size_t i = 0; i < x->env_n; i++) {
                (void)kfp_place_text(&p, x->env[i].value, &e, &ok);
                if (!ok)
                        report(r, x, "container.env", &e);
        }
        r->uses_workspace = r->uses_workspace || p.uses_workspace;
}

static bool has_placeholder(const struct value *v)
{
        bool found = v->kind == VALUE_STRING && str_find(v->text, STR("{{$"), 0) != SIZE_MAX;
        for (size_t i = 0; v->kind == VALUE_LIST && i < v->list.n && !found; i++)
                found = has_placeholder(&v->list.items[i]);
        for (size_t i = 0; v->kind == VALUE_MAP && i < v->map.n && !found; i++)
                found = has_placeholder(&v->map.members[i].value);
        return found;
}

/* A constant is what it is: whether it fits is known now. */
static void check_type(struct kfp_reader *r, const struct kfp_param *p, const struct value *constant, struct str what, const struct value *at, struct str path)
{
        struct val fits;
        struct error e = {0};
        if (p && !has_placeholder(constant) && !kfp_fit(kfp_val(constant, r->arena), p, what, r->arena, &fits, &e))
                problem_add(r->ps, ERROR_INVALID, false, at, path, "%s", e.text);
}

static void lint_constant(struct kfp_reader *r, struct kfp_place *p, const struct kfp_task *k, const struct kfp_source *x, struct str path)
{
        struct error e = {0};
        struct value v;
        if (!kfp_place_value(p, x->constant, &v, &e))
                problem_add(r->ps, ERROR_INVALID, false, x->constant, path, "%s", e.text);
        else if (!x->selector)
                check_type(r, kfp_param_of(&k->component->in, x->name), x->constant, arena_printf(r->arena, "the input '%.*s'", STR_FMT(x->name)), x->constant, path);
}

static void lint_items(struct kfp_reader *r, struct kfp_place *p, const struct kfp_task *k, const struct value *at, struct str path)
{
        struct error e = {0};
        struct value v;
        if (!kfp_place_value(p, k->items_raw, &v, &e))
                problem_add(r->ps, ERROR_INVALID, false, at, path, "%s", e.text);
        for (size_t i = 0; i < k->items_raw->list.n; i++)
                check_type(r, kfp_param_of(&k->component->in, k->item_input), &k->items_raw->list.items[i], arena_printf(r->arena, "item %zu", i), at, path);
}

void kfp_lint_task(struct kfp_reader *r, const struct kfp_task *k, const struct value *at, struct str path)
{
        struct site s = some_site(r->arena);
        struct bindings in = {.params = ARENA_ARRAY(r->arena, struct param, k->params_n + 1)};
        struct kfp_place p = {.site = &s, .inputs = &in, .arena = r->arena};
        for (size_t i = 0; i < k->params_n; i++)
                in.params[in.params_n++] = (struct param){.name = k->params[i].name, .value = val_text(STR(""))};
        for (size_t i = 0; i < k->params_n; i++)
                if (k->params[i].kind == KFP_CONSTANT)
                        lint_constant(r, &p, k, &k->params[i], kfp_path(r->arena, kfp_path(r->arena, path, STR("inputs.parameters")), k->params[i].name));
        if (k->items_raw)
                lint_items(r, &p, k, at, kfp_path(r->arena, path, STR("parameterIterator.items.raw")));
        r->uses_workspace = r->uses_workspace || p.uses_workspace;
}
