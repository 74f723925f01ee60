/* Reading the command line by the tables. */
#include "cli/cli.h"

const struct option_def option_table[OPTIONS] = {
        [OPT_DATA] = {"--data", 'd', "DIR", false, "the data folder (default: $WEFT_DATA, else weft in the XDG data folder)", NULL},
        [OPT_SET] = {"--set", 0, "NAME=VALUE", true, "a setting for this command; `weft help settings` lists them", NULL},
        [OPT_PARAM] = {"--param", 'p', "NAME=VALUE", true, "a parameter; may be given again", NULL},
        [OPT_PARAMS] = {"--params", 0, "FILE|JSON", false, "parameters as a map: a JSON or YAML file, or JSON text", NULL},
        [OPT_ENTRYPOINT] = {"--entrypoint", 0, "TEMPLATE", false, "start with another template (Argo)", NULL},
        [OPT_EXECUTOR] = {"--executor", 0, "NAME", false, "what carries the steps out: process, or null (everything succeeds at once)", "process null"},
        [OPT_OUTPUT] = {"--output", 'o', "FORM", false, "tree, json, yaml, argo, kfp or quiet", "tree json yaml argo kfp quiet"},
        [OPT_NAME] = {"--name", 0, "NAME", false, "name of the run", NULL},
        [OPT_NAMESPACE] = {"--namespace", 'n', "NAME", false, "namespace of the run", NULL},
        [OPT_FOLLOW] = {"--follow", 'f', NULL, false, "go on as lines come, until the run has ended", NULL},
        [OPT_REJECT] = {"--reject", 0, NULL, false, "the step fails instead of going on", NULL},
        [OPT_FORCE] = {"--force", 0, NULL, false, "also when the run has not ended", NULL},
        [OPT_LISTEN] = {"--listen", 0, "ADDRESS:PORT", false, "where to listen (default: the setting api.listen, 127.0.0.1:8080)", NULL},
        [OPT_CONFIG] = {"--config", 0, "FILE", false, "the configuration file (default: $WEFT_CONFIG, else weft/config.yaml in the XDG configuration folder)", NULL},
        [OPT_INSECURE] = {"--insecure", 0, NULL, false, "serve others than this machine without asking who they are", NULL},
        [OPT_SERVER] = {"--server", 0, "URL", false, "a server to ask, instead of a data folder (default: $WEFT_SERVER)", NULL},
        [OPT_USER] = {"--user", 0, "NAME", false, "whom the token stands for", NULL},
        [OPT_GROUP] = {"--group", 0, "NAME", true, "a group that the user belongs to; may be given again", NULL},
        [OPT_EXPIRES] = {"--expires", 0, "DURATION", false, "how long the token lives (default: the setting auth.token_age)", NULL},
        [OPT_FROM] = {"--from", 'f', "DIR", false, "the folder with what is to be published", NULL},
        [OPT_DRY_RUN] = {"--dry-run", 0, NULL, false, "say what would change, and change nothing", NULL},
        [OPT_HELP] = {"--help", 'h', NULL, false, "show this", NULL},
};

const char *suggest(struct str word, const char *const *words, size_t n)
{
        size_t best = word.n < 4 ? 2 : 3;
        const char *near = NULL;
        for (size_t i = 0; i < n; i++) {
                size_t d = str_distance(word, str_from(words[i]), best);
                if (d < best || (word.n >= 3 && !near && str_starts(str_from(words[i]), word))) {
                        best = d < best ? d : best;
                        near = words[i];
                }
        }
        return near;
}

static void push(struct arena *a, struct str **p, size_t *n, size_t *cap, struct str s)
{
        if (*n == *cap) {
                *cap = *cap ? *cap * 2 : 8;
                struct str *q = arena_alloc_array(a, sizeof *q, *cap);
                if (*n)
                        memcpy(q, *p, *n * sizeof *q);
                *p = q;
        }
        (*p)[(*n)++] = s;
}

static bool unknown_option(const struct command_def *def, struct str name, struct error *e)
{
        const char *names[OPTIONS];
        size_t n = 0;
        for (int i = 0; i < OPTIONS; i++)
                if (def->options & BIT(i))
                        names[n++] = option_table[i].name;
        const char *near = suggest(name, names, n);
        for (int i = 0; i < OPTIONS && !near; i++)
                if (str_eq_c(name, option_table[i].name))
                        return error_set(e, ERROR_USAGE, "`weft %s` does not take %.*s; `weft help %s` shows what it takes", def->name, STR_FMT(name), def->name);
        if (near)
                return error_set(e, ERROR_USAGE, "`weft %s` has no option %.*s; did you mean %s?", def->name, STR_FMT(name), near);
        return error_set(e, ERROR_USAGE, "`weft %s` has no option %.*s; `weft help %s` shows what it takes", def->name, STR_FMT(name), def->name);
}

static int option_of(const struct command_def *def, struct str name)
{
        for (int i = 0; i < OPTIONS; i++) {
                bool same = name.n == 2 && name.p[0] == '-' && name.p[1] == option_table[i].letter;
                if ((same || str_eq_c(name, option_table[i].name)) && def->options & BIT(i))
                        return i;
        }
        return -1;
}

static bool take_option(const struct command_def *def, struct args *x, int argc, char **argv, int *at, struct error *e)
{
        struct str word = str_from(argv[*at]), value = word, name = str_cut(&value, '=');
        bool has_value = value.p != NULL && str_starts(word, STR("--"));
        if (!has_value)
                name = word;
        if (name.n > 2 && name.p[1] != '-') { /* -pNAME=VALUE, -ojson */
                value = str_sub(name, 2, name.n);
                name.n = 2;
                has_value = true;
        }
        int i = option_of(def, name);
        if (i < 0)
                return unknown_option(def, name, e);
        const struct option_def *o = &option_table[i];
        if (!o->argument && has_value)
                return error_set(e, ERROR_USAGE, "%s takes no value", o->name);
        if (o->argument && !has_value) {
                if (++*at >= argc)
                        return error_set(e, ERROR_USAGE, "%.*s needs a value: %s", STR_FMT(name), o->argument);
                value = str_from(argv[*at]);
        }
        if (o->argument && !value.n)
                return error_set(e, ERROR_USAGE, "%s is given without a value: %s is empty", o->name, o->argument);
        if (x->given[i] && !o->many && o->argument)
                return error_set(e, ERROR_USAGE, "%s is given twice", o->name);
        x->given[i] = true;
        x->value[i] = value;
        if (o->many)
                push(x->arena, &x->many[i].p, &x->many[i].n, &x->many[i].cap, value);
        return true;
}

bool args_parse(const struct command_def *def, int argc, char **argv, struct args *x, struct error *e)
{
        bool only_words = false;
        x->command = def->name;
        for (int i = 0; i < argc; i++) {
                if (!only_words && strcmp(argv[i], "--") == 0)
                        only_words = true;
                else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
                        if (!take_option(def, x, argc, argv, &i, e))
                                return false;
                } else
                        push(x->arena, &x->words, &x->words_n, &x->words_cap, str_from(argv[i]));
        }
        if (x->given[OPT_HELP])
                return true;
        if (x->words_n < def->words_min)
                return error_set(e, ERROR_USAGE, "`weft %s` needs %s; `weft help %s` shows how", def->name, def->arguments, def->name);
        for (size_t i = 0; i < x->words_n; i++)
                if (!x->words[i].n) /* an unset variable of a script: it must not name the newest run */
                        return error_set(e, ERROR_USAGE, "`weft %s` takes %s, and word %zu is empty", def->name, def->arguments[0] ? def->arguments : "nothing", i + 1);
        if (x->words_n > def->words_max)
                return error_set(e, ERROR_USAGE, "`weft %s` does not know what to do with \"%.*s\"; it takes: %s", def->name, STR_FMT(x->words[def->words_max]),
                                 def->arguments[0] ? def->arguments : "nothing");
        return true;
}
