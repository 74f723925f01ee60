/* Help, shell completion and the man page: all from the tables. */
#include "cli/cmd.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct backends backends;

const struct command_def *const command_table[] = {
        &cmd_run, &cmd_lint, &cmd_list, &cmd_get, &cmd_logs, &cmd_stop, &cmd_terminate, &cmd_retry, &cmd_approve, &cmd_resume, &cmd_delete, &cmd_token, &cmd_backup,
        &cmd_serve, &cmd_config, &cmd_login, &cmd_pipeline, &cmd_experiment, &cmd_recurring, &cmd_apply, &cmd_version, &cmd_help, &cmd_completion, &cmd_man, NULL};

bool output_check(const struct args *a, struct error *e)
{
        static const char *const forms[] = {"tree", "json", "yaml", "argo", "kfp", "quiet"};
        if (!a->given[OPT_OUTPUT])
                return true;
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
                if (str_eq_c(a->value[OPT_OUTPUT], forms[i]))
                        return true;
        const char *near = suggest(a->value[OPT_OUTPUT], forms, sizeof forms / sizeof *forms);
        return error_set(e, ERROR_USAGE, "-o is one of tree, json, yaml, argo, kfp, quiet; not \"%.*s\"%s%s%s", STR_FMT(a->value[OPT_OUTPUT]), near ? "; did you mean " : "",
                         near ? near : "", near ? "?" : "");
}

void help_overview(void)
{
        printf("Weft runs Argo workflows and KFP pipelines.\n\nusage: weft COMMAND [OPTIONS] …\n\n");
        for (size_t i = 0; command_table[i]; i++)
                if (!command_table[i]->hidden)
                        printf("  %-11s %s\n", command_table[i]->name, command_table[i]->summary);
        printf("\n`weft help COMMAND` tells more, `weft help settings` lists the settings, `weft help argo` and `weft help kfp` the fields of the languages.\n"
               "Exit status: 0 succeeded, 1 the run did not succeed, 2 wrong usage or invalid input, 3 Weft itself failed.\n");
}

void help_command(const struct command_def *def)
{
        printf("usage: weft %s %s%s\n\n%s.\n", def->name, def->options ? "[OPTIONS] " : "", def->arguments, def->summary);
        if (def->text)
                printf("\n%s\n", def->text);
        printf("\noptions:\n");
        for (int i = 0; i < OPTIONS; i++) {
                const struct option_def *o = &option_table[i];
                char left[64];
                if (!(def->options & BIT(i)))
                        continue;
                snprintf(left, sizeof left, "%c%c%s%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name, o->argument ? " " : "",
                         o->argument ? o->argument : "");
                printf("  %-26s %s\n", left, o->help);
        }
}

static void help_settings(struct arena *a)
{
        printf("Settings, by --set NAME=VALUE, the environment, or the configuration file ($WEFT_CONFIG, else weft/config.yaml in the XDG configuration folder):\n\n");
        for (int i = 0; i < SETTINGS; i++) {
                const struct setting *t = &setting_table[i];
                printf("  %s%s%s\n      %s", t->name, t->value[0] ? " = " : "", t->value, t->help);
                if (t->choices)
                        printf(" (%s)", t->choices);
                printf("\n      %s\n", setting_env(t, a).p);
        }
}

struct field_list { struct str place; bool any; };

static void print_field(void *user, struct str place, const char *field, enum field_use use, const char *hint)
{
        static const char *const words[] = {[FIELD_USED] = "used", [FIELD_NO_EFFECT] = "no effect", [FIELD_WARNED] = "warned", [FIELD_REFUSED] = "refused"};
        struct field_list *l = user;
        if (!l->any || !str_eq(place, l->place))
                printf("\n%.*s\n", STR_FMT(place.n ? place : STR("(document)")));
        l->any = true;
        l->place = place;
        printf("  %-28s %-9s%s%s\n", field, words[use], hint ? "  " : "", hint ? hint : "");
}

static void help_language(const struct dialect *d, struct arena *a)
{
        printf("The fields of the language %s, and what becomes of each on this machine: used; no effect (accepted, means nothing here); warned (accepted, the run does\n"
               "without it, and `weft lint` says so); refused (the run would not do what the document asks for). A field that is not listed is an error.\n", d->name);
        d->fields(print_field, &(struct field_list){0}, a);
}

static const struct command_def *command_of(struct str name)
{
        for (size_t i = 0; command_table[i]; i++)
                if (str_eq_c(name, command_table[i]->name))
                        return command_table[i];
        return NULL;
}

static int unknown_command(struct str name)
{
        struct error e;
        const char *names[64];
        size_t n = 0;
        for (; command_table[n]; n++)
                names[n] = command_table[n]->name;
        const char *near = suggest(name, names, n);
        if (near)
                error_set(&e, ERROR_USAGE, "there is no command %.*s; did you mean `weft %s`?", STR_FMT(name), near);
        else
                error_set(&e, ERROR_USAGE, "there is no command %.*s; `weft help` lists them", STR_FMT(name));
        return fail(&e);
}

static int help(struct args *a)
{
        if (!a->words_n) {
                help_overview();
                return EXIT_OK;
        }
        if (str_eq_c(a->words[0], "settings")) {
                help_settings(a->arena);
                return EXIT_OK;
        }
        const struct dialect *d = dialect_by_name(a->words[0]);
        if (d) {
                help_language(d, a->arena);
                return EXIT_OK;
        }
        const struct command_def *def = command_of(a->words[0]);
        if (!def)
                return unknown_command(a->words[0]);
        help_command(def);
        return EXIT_OK;
}

static int version(struct args *a)
{
        (void)a;
        printf("weft %s\n", WEFT_VERSION);
        for (size_t i = 0; backends.libraries && backends.libraries[i]; i++)
                printf("  %s\n", backends.libraries[i]);
        return EXIT_OK;
}

/* ---- completion ---- */

static void words_of(uint32_t options)
{
        for (int i = 0; i < OPTIONS; i++)
                if (options & BIT(i)) {
                        if (option_table[i].letter)
                                printf("-%c ", option_table[i].letter);
                        printf("%s ", option_table[i].name);
                }
}

static bool takes_run(const struct command_def *d) { return strncmp(d->arguments, "RUN", 3) == 0; }

static void command_words(void)
{
        for (size_t i = 0; command_table[i]; i++)
                if (!command_table[i]->hidden)
                        printf("%s ", command_table[i]->name);
}

/* What stands for a command's words in bash. */
static void bash_words(const struct command_def *d)
{
        if (takes_run(d)) { /* of the data folder that the line names */
                printf("local i data=(); for ((i = 2; i < COMP_CWORD; i++)); do case ${COMP_WORDS[i]} in -d|--data) data=(--data \"${COMP_WORDS[i+1]}\");; esac; done\n"
                       "            COMPREPLY=($(compgen -W \"$(weft list -o quiet \"${data[@]}\" 2>/dev/null)\" -- \"$cur\"))");
                return;
        }
        if (strncmp(d->arguments, "FILE", 4) == 0) {
                printf("local IFS=$'\\n'; COMPREPLY=($(compgen -f -- \"$cur\"))"); /* a name may have spaces */
                return;
        }
        printf("COMPREPLY=($(compgen -W \"");
        if (d == &cmd_help) {
                command_words();
                printf("settings argo kfp");
        } else if (d == &cmd_completion)
                printf("bash zsh fish");
        printf("\" -- \"$cur\"))");
}

static void bash(void)
{
        printf("_weft() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=${COMP_WORDS[1]}\n"
               "    COMPREPLY=()\n    if [ $COMP_CWORD -eq 1 ]; then COMPREPLY=($(compgen -W \"");
        command_words();
        printf("\" -- \"$cur\")); return; fi\n    case $prev in\n    --data|-d) local IFS=$'\\n'; COMPREPLY=($(compgen -d -- \"$cur\")); return;;\n    --params) local IFS=$'\\n'; COMPREPLY=($(compgen -f -- \"$cur\")); return;;\n");
        for (int i = 0; i < OPTIONS; i++)
                if (option_table[i].choices)
                        printf("    %s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return;;\n", option_table[i].name, option_table[i].choices);
        printf("    -o) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return;;\n    esac\n    case $cmd in\n", option_table[OPT_OUTPUT].choices);
        for (size_t i = 0; command_table[i]; i++) {
                printf("    %s) if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"", command_table[i]->name);
                words_of(command_table[i]->options);
                printf("\" -- \"$cur\")); else\n            ");
                bash_words(command_table[i]);
                printf("; fi;;\n");
        }
        printf("    esac\n}\ncomplete -o filenames -F _weft weft\n");
}

static void fish(void)
{
        printf("complete -c weft -f\n");
        for (size_t i = 0; command_table[i]; i++) {
                const struct command_def *d = command_table[i];
                printf("complete -c weft -n __fish_use_subcommand -a %s -d '%s'\n", d->name, d->summary);
                if (takes_run(d))
                        printf("complete -c weft -n '__fish_seen_subcommand_from %s' -a '(weft list -o quiet 2>/dev/null)'\n", d->name);
                else if (strncmp(d->arguments, "FILE", 4) == 0)
                        printf("complete -c weft -n '__fish_seen_subcommand_from %s' -F\n", d->name);
                for (int k = 0; k < OPTIONS; k++) {
                        const struct option_def *o = &option_table[k];
                        if (!(d->options & BIT(k)))
                                continue;
                        printf("complete -c weft -n '__fish_seen_subcommand_from %s' -l %s", d->name, o->name + 2);
                        if (o->letter)
                                printf(" -s %c", o->letter);
                        if (o->argument)
                                printf(" -r");
                        if (o->choices)
                                printf(" -a '%s'", o->choices);
                        printf(" -d \"%s\"\n", o->argument ? o->argument : o->name + 2);
                }
        }
}

static int completion(struct args *a)
{
        struct error e;
        struct str shell = a->words[0];
        if (str_eq_c(shell, "bash"))
                bash();
        else if (str_eq_c(shell, "zsh")) {
                printf("#compdef weft\nautoload -U +X bashcompinit && bashcompinit\n");
                bash();
        } else if (str_eq_c(shell, "fish"))
                fish();
        else {
                error_set(&e, ERROR_USAGE, "completion is there for bash, zsh and fish, not for %.*s", STR_FMT(shell));
                return fail(&e);
        }
        return EXIT_OK;
}

/* ---- the man page ---- */

static void roff(const char *s)
{
        bool start = true;
        for (; *s; s++) {
                if (start && (*s == '.' || *s == '\''))
                        fputs("\\&", stdout);
                if (*s == '-')
                        fputs("\\-", stdout);
                else if (*s == '\\')
                        fputs("\\e", stdout);
                else if (strncmp(s, "…", strlen("…")) == 0) { /* for a groff that is not told of UTF-8 */
                        fputs("...", stdout);
                        s += strlen("…") - 1;
                }
                else
                        putchar(*s);
                start = *s == '\n';
        }
}

static int man(struct args *a)
{
        printf(".TH WEFT 1 \"\" \"weft %s\" \"User Commands\"\n.SH NAME\nweft \\- run Argo workflows and KFP pipelines\n.SH SYNOPSIS\n.B weft\nCOMMAND [OPTIONS] ...\n.SH COMMANDS\n", WEFT_VERSION);
        for (size_t i = 0; command_table[i]; i++) {
                const struct command_def *d = command_table[i];
                printf(".SS \"weft %s%s", d->name, d->arguments[0] ? " " : "");
                roff(d->arguments);
                printf("\"\n");
                roff(d->summary);
                printf(".\n");
                if (d->text) {
                        printf(".PP\n");
                        roff(d->text);
                        printf("\n");
                }
                for (int k = 0; k < OPTIONS; k++)
                        if (d->options & BIT(k)) {
                                const struct option_def *o = &option_table[k];
                                printf(".TP\n.B ");
                                if (o->letter)
                                        printf("\\-%c, ", o->letter);
                                roff(o->name);
                                printf("%s%s\n", o->argument ? " " : "", o->argument ? o->argument : "");
                                roff(o->help);
                                printf("\n");
                        }
        }
        printf(".SH SETTINGS\n");
        for (int i = 0; i < SETTINGS; i++) {
                printf(".TP\n.B %s\n", setting_table[i].name);
                roff(setting_table[i].help);
                printf(" (environment: %s", setting_env(&setting_table[i], a->arena).p);
                if (setting_table[i].value[0])
                        printf("; default: %s", setting_table[i].value);
                printf(")\n");
        }
        printf(".SH EXIT STATUS\n0: succeeded. 1: the run did not succeed. 2: wrong usage or invalid input. 3: Weft itself failed.\n");
        return EXIT_OK;
}

const struct command_def cmd_version = {"version", "", "print the version", NULL, BIT(OPT_HELP), 0, 0, version, false};
const struct command_def cmd_help = {"help", "[TOPIC]", "tell what commands, settings and the fields of documents do", NULL, BIT(OPT_HELP), 0, 1, help, false};
const struct command_def cmd_completion = {"completion", "SHELL", "print the completion script for bash, zsh or fish", "For example: weft completion bash > /etc/bash_completion.d/weft",
                                           BIT(OPT_HELP), 1, 1, completion, false};
const struct command_def cmd_man = {"man", "", "print the manual page", NULL, BIT(OPT_HELP), 0, 0, man, true};

/* A database must not be opened as a standard stream that was closed: what is printed would be written into it.
 * A file that may not grow and a reader that went away are errors of a write, and no signals. */
static void streams_ready(void)
{
        int fd;
        while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {
        }
        if (fd >= 0)
                close(fd);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN);
}

int cli_main(int argc, char **argv)
{
        struct error e;
        streams_ready();
        if (argc < 2) {
                help_overview();
                return EXIT_USAGE;
        }
        struct str name = str_from(argv[1]);
        if (str_eq_c(name, "--help") || str_eq_c(name, "-h"))
                name = STR("help");
        else if (str_eq_c(name, "--version"))
                name = STR("version");
        const struct command_def *def = command_of(name);
        if (!def)
                return unknown_command(name);
        struct args a = {.arena = arena_new()};
        int status;
        if (!args_parse(def, argc - 2, argv + 2, &a, &e))
                status = fail(&e);
        else if (a.given[OPT_HELP]) {
                help_command(def);
                status = EXIT_OK;
        } else
                status = def->function(&a);
        arena_free(a.arena);
        return put_status(status);
}
