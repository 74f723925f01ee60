/* weft run */
#include "cli/cmd.h"
#include "cli/web.h"
#include "text/json.h"
#include "text/yaml.h"
#include <stdio.h>

static bool params_file(struct args *a, struct str given, struct bindings *b, size_t *cap, struct error *e);

static void param_set(struct args *a, struct bindings *b, size_t *cap, struct str name, struct val v)
{
        for (size_t i = 0; i < b->params_n; i++)
                if (str_eq(b->params[i].name, name)) { /* the later one wins: -p over --params */
                        b->params[i].value = v;
                        return;
                }
        if (b->params_n == *cap) {
                *cap = *cap ? *cap * 2 : 8;
                struct param *p = arena_alloc_array(a->arena, sizeof *p, *cap);
                if (b->params_n)
                        memcpy(p, b->params, b->params_n * sizeof *p);
                b->params = p;
        }
        b->params[b->params_n++] = (struct param){.name = name, .value = v};
}

bool params_of(struct args *a, struct bindings *ret, struct error *e)
{
        size_t cap = 0;
        *ret = (struct bindings){0};
        if (a->given[OPT_PARAMS] && !params_file(a, a->value[OPT_PARAMS], ret, &cap, e))
                return false;
        for (size_t i = 0; i < a->many[OPT_PARAM].n; i++) {
                struct str value = a->many[OPT_PARAM].p[i], name = str_cut(&value, '=');
                if (!value.p || !name.n)
                        return error_set(e, ERROR_USAGE, "-p wants NAME=VALUE, not \"%.*s\"", STR_FMT(a->many[OPT_PARAM].p[i]));
                if (!str_is_utf8(value))
                        return error_set(e, ERROR_INVALID, "the value of parameter %.*s is not UTF-8 text", STR_FMT(name));
                param_set(a, ret, &cap, name, val_text(value));
        }
        return true;
}

static bool params_file(struct args *a, struct str given, struct bindings *b, size_t *cap, struct error *e)
{
        struct str text = str_trim(given), file = STR("--params");
        if (!text.n || text.p[0] != '{') {
                file = given;
                if (!file_read(arena_cstr(a->arena, given), 64u << 20, a->arena, &text, e))
                        return false;
        }
        struct value *documents;
        size_t n;
        bool ok = yaml_read(text, YAML_CORE, NULL, a->arena, &documents, &n, e);
        if (ok && n == 0)
                return true;
        if (ok && (n != 1 || documents[0].kind != VALUE_MAP))
                ok = error_at(e, ERROR_INVALID, documents[0].line, documents[0].column, "parameters are one map: {\"name\": value, …}");
        if (!ok) {
                snprintf(e->file, sizeof e->file, "%.*s", STR_FMT(file));
                return false;
        }
        for (size_t i = 0; i < documents[0].map.n; i++)
                param_set(a, b, cap, documents[0].map.members[i].key, val_json(json_text(&documents[0].map.members[i].value, JSON_COMPACT, a->arena)));
        return true;
}

/* Argo keeps a workflow that it refuses, in phase Failed with the reason. */
static void print_refused(struct args *a, const struct dialect *d, const struct drive *x, struct str message)
{
        struct buf out = BUF(64u << 20);
        const struct command *c = &x->command;
        struct wall now = clock_wall();
        struct run_row row = {.uid = c->submission.uid, .name = c->submission.name.n ? c->submission.name : STR("invalid"), .ns = STR("default"), .language = str_from(d->name),
                              .document = c->document, .state = RUN_FAILED, .message = message, .created_at = now, .started_at = now, .finished_at = now};
        (void)a;
        d->write_status(NULL, &row, NULL, 0, &out);
        buf_add_char(&out, '\n');
        put_out(buf_str(&out));
        buf_free(&out);
}

static int run(struct args *a)
{
        if (web_server(a).n)
                return remote_run(a);
        struct error e;
        struct settings settings;
        struct drive x = {.args = a, .follow = true, .output = a->given[OPT_OUTPUT] ? a->value[OPT_OUTPUT] : STR("tree")};
        struct command *c = &x.command;
        c->kind = COMMAND_RUN;
        if (!output_check(a, &e) || !settings_of(a, &settings, &e) || !params_of(a, &c->submission.parameters, &e))
                return fail(&e);
        const char *file = arena_cstr(a->arena, a->words[0]);
        if (!file_read(file, (size_t)settings.number[SET_DOCUMENT_BYTES_MAX], a->arena, &c->document, &e))
                return fail(&e);
        c->submission.entrypoint = a->value[OPT_ENTRYPOINT];
        c->submission.ns = a->value[OPT_NAMESPACE].n ? a->value[OPT_NAMESPACE] : settings.text[SET_NAMESPACE];
        c->submission.name = a->value[OPT_NAME];
        c->submission.created_at = clock_wall();
        struct problems p = {.arena = a->arena};
        const struct dialect *d = NULL;
        struct str message = STR_NONE;
        struct submission checked = c->submission; /* with a uid, values that are missing are errors, as they will be in the run */
        checked.uid = STR("-");
        struct workflow *w = document_compile(c->document, &checked, &p, &d, &message, &e);
        struct str shown = str_eq_c(a->words[0], "-") ? STR("standard input") : a->words[0];
        if (!w && !d) {
                snprintf(e.file, sizeof e.file, "%.*s", STR_FMT(shown));
                return fail(&e) == EXIT_WEFT ? EXIT_WEFT : EXIT_USAGE;
        }
        problems_print(&p, shown);
        if (!w) {
                if (!p.n && message.n)
                        fprintf(stderr, "%.*s: %.*s\n", STR_FMT(shown), STR_FMT(message));
                const struct problem *first = problems_first_error(&p);
                if (str_eq_c(x.output, d->name))
                        print_refused(a, d, &x, message.n || !first ? message : first->text);
                return EXIT_USAGE;
        }
        if ((str_eq_c(x.output, "argo") || str_eq_c(x.output, "kfp")) && !str_eq_c(x.output, d->name)) {
                error_set(&e, ERROR_USAGE, "%.*s is written in the language %s: -o %.*s cannot show its runs", STR_FMT(shown), d->name, STR_FMT(x.output));
                workflow_free(w);
                return fail(&e);
        }
        c->base_name = arena_str(a->arena, w->name);
        c->generate_name = arena_str(a->arena, w->generate_name);
        workflow_free(w);
        return drive(&x);
}

const struct command_def cmd_run = {
        "run", "FILE", "run a workflow or a pipeline, and show it until it ends",
        "FILE is an Argo Workflow (or WorkflowTemplate), or a pipeline that the KFP SDK compiled; - reads standard input.\n"
        "The first Ctrl-C stops the run: what runs is ended, exit handlers run, and `weft retry` goes on from there. The second leaves at once: the run stays Running, and `weft resume` continues it.\n"
        "When another process owns the data folder, the run is handed to it and followed.",
        BIT(OPT_PARAM) | BIT(OPT_PARAMS) | BIT(OPT_ENTRYPOINT) | BIT(OPT_NAME) | BIT(OPT_NAMESPACE) | BIT(OPT_EXECUTOR) | BIT(OPT_OUTPUT) | BIT(OPT_SERVER) | BIT(OPT_DATA) | BIT(OPT_SET) | BIT(OPT_HELP),
        1, 1, run, false};
