/* Lightweight Python components: their command installs packages with pip, then runs kfp's executor on the source, which is
 * one of its arguments. Knowing the packages, an executor can prepare an environment once and run only the second part. */
#include "dialect/kfp/kfp.h"

/* The next word of shell text: quotes are taken off; false at the end of the simple command. */
static bool next_word(struct str *s, struct str *ret, struct arena *a)
{
        size_t i = 0;
        while (i < s->n && (s->p[i] == ' ' || s->p[i] == '\t' || s->p[i] == '\n'))
                i++;
        if (i == s->n || strchr("&|;", s->p[i])) {
                *s = str_sub(*s, i, s->n);
                return false;
        }
        char *out = arena_alloc(a, s->n - i + 1);
        size_t n = 0;
        for (char quote = 0; i < s->n; i++) {
                char c = s->p[i];
                if (quote ? c == quote : c == '\'' || c == '"')
                        quote = quote ? 0 : c;
                else if (!quote && (strchr(" \t\n&|;", c)))
                        break;
                else
                        out[n++] = c;
        }
        *s = str_sub(*s, i, s->n);
        *ret = (struct str){out, n};
        return true;
}

static bool option_to_drop(struct str w) { return str_eq_c(w, "--quiet") || str_eq_c(w, "--no-warn-script-location"); }

static bool option_with_value(struct str w)
{
        return str_eq_c(w, "--index-url") || str_eq_c(w, "--extra-index-url") || str_eq_c(w, "--trusted-host") || str_eq_c(w, "--find-links");
}

/* An option in the list is for what follows it: steps without dependencies come last. */
static void add_packages(struct str words, bool wanted_no_deps, struct kfp_python *py, struct arena *a)
{
        struct str w, rest = words;
        bool no_deps = false;
        while (next_word(&rest, &w, a))
                no_deps = no_deps || str_eq_c(w, "--no-deps");
        if (no_deps != wanted_no_deps)
                return;
        if (no_deps)
                py->packages[py->packages_n++] = STR("--no-deps");
        while (next_word(&words, &w, a)) {
                struct str value;
                if (option_to_drop(w) || str_eq_c(w, "--no-deps"))
                        continue;
                if (option_with_value(w) && next_word(&words, &value, a))
                        w = arena_printf(a, "%.*s=%.*s", STR_FMT(w), STR_FMT(value));
                py->packages[py->packages_n++] = w;
        }
}

static bool has(struct str s, const char *needle) { return str_find(s, str_from(needle), 0) != SIZE_MAX; }

static bool has_kfp(const struct kfp_python *py)
{
        for (size_t i = 0; i < py->packages_n; i++)
                if (str_starts(py->packages[i], STR("kfp")) && !str_starts(py->packages[i], STR("kfp-")))
                        return true;
        return false;
}

/* The module of the executor: of the current SDK, of 2.0, of the version 2 mode of 1.8. */
static bool runs_executor(struct str word)
{
        return has(word, "kfp.dsl.executor_main") || has(word, "kfp.components.executor_main") || has(word, "kfp.v2.components.executor_main");
}

static bool is_sh(const struct str *words, size_t n, struct str *ret_script)
{
        if (n < 3 || !str_eq_c(words[0], "sh") || words[1].n < 2 || words[1].p[0] != '-' || words[1].p[words[1].n - 1] != 'c')
                return false;
        *ret_script = words[2];
        return true;
}

void kfp_python_detect(struct kfp_executor *x, struct str sdk_version, struct arena *a)
{
        static const struct str install = {"pip install", 11};
        struct kfp_python *py = &x->python;
        for (size_t i = 0; i < x->command_n; i++)
                py->is = py->is || runs_executor(x->command[i]);
        if (!py->is)
                return;
        struct str script = STR("");
        bool installs = is_sh(x->command, x->command_n, &script) && has(script, "pip install") && !runs_executor(script);
        py->packages = ARENA_ARRAY(a, struct str, (installs ? script.n / 2 : 0) + 8);
        if (installs) {
                py->skip = 3;
                for (int no_deps = 0; no_deps < 2; no_deps++)
                        for (size_t at = 0; (at = str_find(script, install, at)) != SIZE_MAX; at += install.n)
                                add_packages(str_sub(script, at + install.n, script.n), no_deps, py, a);
        }
        if (!has_kfp(py) && str_starts(sdk_version, STR("kfp-"))) { /* its image has it */
                py->packages[py->packages_n++] = STR("--no-deps");
                py->packages[py->packages_n++] = arena_printf(a, "kfp==%.*s", STR_FMT(str_sub(sdk_version, 4, sdk_version.n)));
                py->packages[py->packages_n++] = STR("typing-extensions>=3.7.4,<5; python_version<\"3.9\"");
        }
}
