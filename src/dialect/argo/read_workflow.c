/* A Workflow or WorkflowTemplate document → the model. */
#include "dialect/argo/argo.h"
#include "text/json.h"
#include <stdarg.h>
#include <stdio.h>

struct str argo_scalar(const struct value *v, struct arena *a)
{
        (void)a;
        if (!v)
                return STR("");
        if (v->kind == VALUE_BOOL)
                return v->boolean ? STR("true") : STR("false");
        return v->kind == VALUE_STRING || v->kind == VALUE_NUMBER ? v->text : STR("");
}

bool argo_invalid(struct argo_reader *r, const struct value *at, const char *format, ...)
{
        char text[ERROR_TEXT_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        if (!r->invalid) {
                *r->ret_message = arena_printf(r->problems->arena, "invalid spec: %s", text);
                problem_add(r->problems, ERROR_INVALID, false, at, STR_NONE, "%s", text);
        }
        r->invalid = true;
        return false;
}

uint32_t argo_add_template(struct argo_reader *r, struct template t)
{
        if (r->templates_n == r->templates_cap) {
                r->templates_cap = r->templates_cap ? r->templates_cap * 2 : 16;
                struct template *more = arena_alloc_array(r->arena, sizeof *more, r->templates_cap);
                if (r->templates_n)
                        memcpy(more, r->templates, r->templates_n * sizeof *more);
                r->templates = more;
        }
        r->templates[r->templates_n] = t;
        return r->templates_n++;
}

/* Only the document's own templates come first; hidden ones have names that no document can give. */
uint32_t argo_find_template(const struct argo_reader *r, struct str name)
{
        const struct value *list = value_get_c(r->argo->spec, "templates");
        for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->list.n; i++) {
                const struct value *n = value_get_c(&list->list.items[i], "name");
                if (n && str_eq(argo_scalar(n, r->arena), name))
                        return (uint32_t)i;
        }
        return UINT32_MAX;
}

void argo_read_call(struct argo_reader *r, const struct value *owner, struct argo_call *ret)
{
        const struct value *args = value_get_c(owner, "arguments");
        ret->template = argo_scalar(value_get_c(owner, "template"), r->arena);
        ret->params = argo_read_params(r, value_get_c(args, "parameters"), &ret->params_n);
        ret->artifacts = argo_read_artifacts(r, value_get_c(args, "artifacts"), &ret->artifacts_n);
}

static int64_t whole(const struct value *v)
{
        int64_t n = 0;
        if (v && v->kind == VALUE_STRING)
                return str_to_i64(v->text, &n) ? n : 0;
        return v && value_to_i64(v, &n) ? n : 0;
}

static bool flag(const struct value *v) { return v && (v->kind == VALUE_BOOL ? v->boolean : str_eq_c(argo_scalar(v, NULL), "true")); }

/* A parameter of Argo is a text: a JSON string from a file of parameters is what it says, any other JSON value its own text. */
static struct str given_text(const struct val *v, struct arena *a)
{
        struct value x;
        if (v->kind == VAL_JSON && json_read(v->text, NULL, a, &x, NULL) && x.kind == VALUE_STRING)
                return x.text;
        return v->text;
}

/* A submitted parameter that the document neither declares nor mentions is most likely misspelt. */
static void warn_of_stranger(struct argo_reader *r, struct str name)
{
        const struct value *spec = r->argo->spec;
        size_t best = name.n < 4 ? 2 : 4;
        struct str near = STR_NONE;
        if (argo_mentions(spec, arena_printf(r->arena, "workflow.parameters.%.*s", STR_FMT(name))) || argo_mentions(spec, STR("workflow.parameters.json")) ||
            argo_mentions(spec, STR("workflow.parameters}")))
                return;
        for (size_t i = 0; i < r->argo->root.params_n; i++) {
                size_t d = str_distance(r->argo->root.params[i].name, name, best);
                if (d < best) {
                        best = d;
                        near = r->argo->root.params[i].name;
                }
        }
        problem_add(r->problems, ERROR_INVALID, true, NULL, STR_NONE, "the workflow has no parameter '%.*s', and nothing in it reads one%s%.*s%s", STR_FMT(name),
                    near.n ? ": did you mean '" : "", STR_FMT(near), near.n ? "'?" : "");
}

static struct str root_text(const struct argo_reader *r, const struct argo_param *p)
{
        const struct val *v = bindings_param(&r->argo->submission.parameters, p->name);
        return v ? given_text(v, r->arena) : p->value.given ? p->value.source : p->fallback.source;
}

bool argo_run_parameter(const struct argo_reader *r, struct str name, struct str *ret)
{
        const struct val *v = bindings_param(&r->argo->submission.parameters, name);
        for (size_t i = 0; i < r->argo->root.params_n; i++) {
                const struct argo_param *p = &r->argo->root.params[i];
                if (str_eq(p->name, name) && (v || p->value.given || p->fallback.given)) {
                        *ret = root_text(r, p);
                        return true;
                }
        }
        if (v)
                *ret = given_text(v, r->arena);
        return v;
}

/* The workflow's parameters: what the document says, what was submitted in its place, and submitted ones that it does not name. */
static void read_parameters(struct argo_reader *r)
{
        struct workflow *w = r->workflow;
        const struct bindings *given = &r->argo->submission.parameters;
        struct bindings *b = &w->parameters;
        b->params = arena_alloc_array(r->arena, sizeof *b->params, r->argo->root.params_n + given->params_n + 1);
        for (size_t i = 0; i < r->argo->root.params_n; i++) {
                const struct argo_param *p = &r->argo->root.params[i];
                b->params[b->params_n++] = (struct param){p->name, val_text(root_text(r, p)), false};
        }
        for (size_t i = 0; i < given->params_n; i++)
                if (!bindings_param(b, given->params[i].name)) { /* Argo's submit adds parameters that the document lacks */
                        warn_of_stranger(r, given->params[i].name);
                        b->params[b->params_n++] =
                                (struct param){arena_str(r->arena, given->params[i].name), val_text(given_text(&given->params[i].value, r->arena)), given->params[i].secret};
                }
        for (size_t i = 0; i < b->params_n; i++)
                b->params[i].value.text = arena_str(r->arena, b->params[i].value.text);
}

static void read_labels(struct argo_reader *r)
{
        const struct value *l = value_get_c(r->argo->metadata, "labels");
        if (!l || l->kind != VALUE_MAP)
                return;
        r->workflow->labels = arena_alloc_array(r->arena, sizeof *r->workflow->labels, l->map.n);
        for (size_t i = 0; i < l->map.n; i++)
                r->workflow->labels[r->workflow->labels_n++] =
                        arena_printf(r->arena, "%.*s=%.*s", STR_FMT(l->map.members[i].key), STR_FMT(argo_scalar(&l->map.members[i].value, r->arena)));
}

static void read_names(struct argo_reader *r)
{
        struct workflow *w = r->workflow;
        const struct value *m = r->argo->metadata;
        struct str kind = argo_scalar(value_get_c(w->document, "kind"), r->arena), name = argo_scalar(value_get_c(m, "name"), r->arena);
        w->generate_name = argo_scalar(value_get_c(m, "generateName"), r->arena);
        if (str_eq_c(kind, "Workflow"))
                w->name = name;
        else if (name.n) /* a template's name is only the beginning of a run's */
                w->generate_name = arena_printf(r->arena, "%.*s-", STR_FMT(name));
        const struct value *title = value_get_c(value_get_c(m, "annotations"), "workflows.argoproj.io/title");
        w->display_name = title ? argo_scalar(title, r->arena) : STR_NONE;
}

static void read_templates(struct argo_reader *r)
{
        const struct value *list = value_get_c(r->argo->spec, "templates");
        size_t n = list && list->kind == VALUE_LIST ? list->list.n : 0;
        for (size_t i = 0; i < n; i++) /* the document's templates have the indices of the document */
                argo_add_template(r, (struct template){.name = argo_scalar(value_get_c(&list->list.items[i], "name"), r->arena)});
        for (size_t i = 0; i < n; i++) {
                uint32_t at = argo_read_template(r, &list->list.items[i], r->templates[i].name);
                r->templates[i] = r->templates[at];
                if (at + 1 == r->templates_n)
                        r->templates_n--;
        }
}

static void read_root(struct argo_reader *r)
{
        struct workflow *w = r->workflow;
        struct argo_task *t = ARENA_NEW(r->arena, struct argo_task);
        t->call = r->argo->root;
        t->source = r->argo->spec;
        w->root = (struct task){.name = r->argo->entrypoint.n ? r->argo->entrypoint : STR("main"), .template = argo_find_template(r, r->argo->entrypoint), .dialect = t};
        argo_read_hooks(r, r->argo->spec, true, &r->argo->hooks, &w->root.hooks, &w->root.hooks_n);
        r->argo->hooks_n = w->root.hooks_n;
}

static void read_settings(struct argo_reader *r)
{
        const struct value *s = r->argo->spec;
        struct workflow *w = r->workflow;
        int64_t parallelism = whole(value_get_c(s, "parallelism"));
        w->parallelism = parallelism > 0 && parallelism < UINT32_MAX ? (uint32_t)parallelism : 0;
        int64_t seconds = whole(value_get_c(s, "activeDeadlineSeconds"));
        w->deadline_us = seconds > 0 && seconds < INT64_MAX / US_PER_S ? seconds * US_PER_S : 0;
        w->priority = (int32_t)whole(value_get_c(s, "priority"));
        w->suspended = flag(value_get_c(s, "suspend"));
        struct str shutdown = argo_scalar(value_get_c(s, "shutdown"), r->arena);
        w->shutdown = str_eq_c(shutdown, "Stop") ? SHUTDOWN_STOP : str_eq_c(shutdown, "Terminate") ? SHUTDOWN_TERMINATE : SHUTDOWN_NONE;
        r->argo->service_account = argo_scalar(value_get_c(s, "serviceAccountName"), r->arena);
        r->argo->uses_failures = argo_mentions(s, STR("workflow.failures"));
}

static bool recognises(const struct value *d)
{
        const struct value *kind = value_get_c(d, "kind"), *api = value_get_c(d, "apiVersion");
        if (!kind || kind->kind != VALUE_STRING || (api && api->kind == VALUE_STRING && !str_starts(api->text, STR("argoproj.io/"))))
                return false;
        return str_eq_c(kind->text, "Workflow") || str_eq_c(kind->text, "WorkflowTemplate") || str_eq_c(kind->text, "ClusterWorkflowTemplate");
}

static struct submission submission_copy(const struct submission *s, struct arena *a)
{
        struct submission c = *s;
        c.entrypoint = arena_str(a, s->entrypoint);
        c.name = arena_str(a, s->name);
        c.uid = arena_str(a, s->uid);
        c.ns = arena_str(a, s->ns);
        c.parameters = bindings_copy(&s->parameters, a);
        return c;
}

static void read_all(struct argo_reader *r)
{
        const struct value *d = r->workflow->document, *entry = value_get_c(value_get_c(d, "spec"), "entrypoint");
        r->argo->metadata = value_get_c(d, "metadata");
        r->argo->spec = value_get_c(d, "spec");
        r->argo->entrypoint = r->argo->submission.entrypoint.n ? r->argo->submission.entrypoint : argo_scalar(entry, r->arena);
        r->defaults = value_get_c(r->argo->spec, "templateDefaults");
        read_names(r);
        read_labels(r);
        read_settings(r);
        argo_read_call(r, r->argo->spec, &r->argo->root);
        read_templates(r);
        read_root(r);
        if (!argo_validate(r))
                return;
        read_parameters(r);
}

static struct workflow *compile(const struct value *documents, size_t n, const struct submission *s, struct problems *problems, struct str *ret_message)
{
        const struct value *d = NULL;
        struct str unwanted;
        if (!ret_message)
                ret_message = &unwanted;
        *ret_message = STR_NONE;
        for (size_t i = 0; i < n; i++) {
                if (recognises(&documents[i]) && d)
                        problem_add(problems, ERROR_UNSUPPORTED, true, &documents[i], STR_NONE, "only the first workflow of a file is looked at, and this is another: put it in a file of its own");
                else if (recognises(&documents[i]))
                        d = &documents[i];
        }
        if (!d) {
                problem_add(problems, ERROR_INVALID, false, n ? &documents[0] : NULL, STR_NONE, "there is no Workflow or WorkflowTemplate in the file");
                return NULL;
        }
        argo_check_fields(d, problems);
        if (problems_first_error(problems))
                return NULL;
        const struct value *spec = value_get_c(d, "spec");
        if (!spec || spec->kind != VALUE_MAP) {
                problem_add(problems, ERROR_INVALID, false, d, STR("spec"), "the document has no `spec`: it says what the workflow does");
                return NULL;
        }
        struct arena *a = arena_new();
        struct workflow *w = ARENA_NEW(a, struct workflow);
        struct value *copy = ARENA_NEW(a, struct value);
        *copy = value_copy(d, a);
        *w = (struct workflow){.language = &argo_language, .arena = a, .document = copy, .dialect = ARENA_NEW(a, struct argo_workflow)};
        struct argo_reader r = {.arena = a, .problems = problems, .workflow = w, .argo = (struct argo_workflow *)(uintptr_t)w->dialect, .ret_message = ret_message,
                                .lenient = !s->uid.n};
        r.argo->submission = submission_copy(s, a);
        read_all(&r);
        w->templates = r.templates;
        w->templates_n = r.templates_n;
        if (r.invalid || problems_first_error(problems)) {
                workflow_free(w);
                return NULL;
        }
        workflow_check(w);
        return w;
}

const struct language argo_language = {
        .name = "argo",
        .eval_when = argo_eval_when,
        .expand_items = argo_expand_items,
        .resolve_call = argo_resolve_call,
        .eval_hook = argo_eval_hook,
        .resolve_attempt = argo_resolve_attempt,
        .resolve_suspend = argo_resolve_suspend,
        .resolve_child = argo_resolve_child,
        .collect_outputs = argo_collect_outputs,
        .eval_retry = argo_eval_retry,
        .cache_key = argo_cache_key,
};

const struct dialect dialect_argo = {
        .name = "argo",
        .schema = YAML_KUBERNETES,
        .recognises = recognises,
        .compile = compile,
        .write_status = argo_write_status,
        .run_outputs = argo_run_outputs,
        .fields = argo_list_fields,
};
