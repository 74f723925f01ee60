/* weft lint */
#include "cli/cmd.h"
#include <stdio.h>

static int lint_one(struct args *a, struct str file, size_t bytes_max)
{
        struct error e;
        struct str text, message = STR_NONE;
        if (!file_read(arena_cstr(a->arena, file), bytes_max, a->arena, &text, &e))
                return fail(&e);
        struct submission s = {.entrypoint = a->value[OPT_ENTRYPOINT]};
        if (!params_of(a, &s.parameters, &e))
                return fail(&e);
        struct problems p = {.arena = a->arena};
        const struct dialect *d = NULL;
        struct workflow *w = document_compile(text, &s, &p, &d, &message, &e);
        problems_print(&p, file);
        if (!w && !d) {
                snprintf(e.file, sizeof e.file, "%.*s", STR_FMT(file));
                fail(&e);
        } else if (!w && !problems_first_error(&p))
                fprintf(stderr, "%.*s: %.*s\n", STR_FMT(file), STR_FMT(message));
        else if (w)
                printf("%.*s: good (%s, %u templates)\n", STR_FMT(file), d->name, w->templates_n);
        bool good = w != NULL;
        workflow_free(w);
        return good ? EXIT_OK : EXIT_USAGE;
}

static int lint(struct args *a)
{
        struct error e;
        struct settings settings;
        int worst = EXIT_OK;
        if (!settings_of(a, &settings, &e))
                return fail(&e);
        for (size_t i = 0; i < a->words_n; i++) {
                int status = lint_one(a, a->words[i], (size_t)settings.number[SET_DOCUMENT_BYTES_MAX]);
                if (status > worst)
                        worst = status;
        }
        return worst;
}

const struct command_def cmd_lint = {
        "lint", "FILE…", "say what is wrong in documents, without running them",
        "Every problem is a line file:line:column: path: what it is and what to do.",
        BIT(OPT_PARAM) | BIT(OPT_PARAMS) | BIT(OPT_ENTRYPOINT) | BIT(OPT_SET) | BIT(OPT_HELP), 1, 100000, lint, false};
