/* Environments of Python, kept per list of required packages, and the variables that a command is given. */
#include "executor/process/process.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void env_put(struct environment *env, struct str name, struct str value)
{
        struct str line = arena_printf(env->arena, "%.*s=%.*s", STR_FMT(name), STR_FMT(value));
        for (size_t i = 0; i < env->n; i++)
                if (str_starts(env->lines[i], str_sub(line, 0, name.n + 1))) {
                        env->lines[i] = line;
                        return;
                }
        if (env->n == env->cap) {
                size_t cap = env->cap ? env->cap * 2 : 16;
                struct str *lines = arena_alloc_array(env->arena, sizeof *lines, cap);
                if (env->n)
                        memcpy(lines, env->lines, env->n * sizeof *lines);
                env->lines = lines;
                env->cap = cap;
        }
        env->lines[env->n++] = line;
}

struct str env_get(const struct environment *env, struct str name)
{
        for (size_t i = 0; i < env->n; i++)
                if (env->lines[i].n > name.n && str_starts(env->lines[i], name) && env->lines[i].p[name.n] == '=')
                        return str_sub(env->lines[i], name.n + 1, env->lines[i].n);
        return STR_NONE;
}

/* The folder of environments: $WEFT_CACHE, else the XDG cache folder. */
static struct str cache_folder(struct arena *a)
{
        const char *own = getenv("WEFT_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        if (own && *own == '/')
                return arena_printf(a, "%s/venvs", own);
        if (xdg && *xdg == '/')
                return arena_printf(a, "%s/weft/venvs", xdg);
        return arena_printf(a, "%s/.cache/weft/venvs", home && *home == '/' ? home : "/tmp");
}

/* Which environment: the interpreter and the list as it is, since the place of an option in it counts. */
static struct str digest(const struct task_spec *spec, struct str interpreter, struct arena *a)
{
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        EVP_DigestUpdate(md, interpreter.p, interpreter.n);
        for (size_t i = 0; i < spec->python_packages_n; i++) {
                EVP_DigestUpdate(md, "\n", 1);
                EVP_DigestUpdate(md, spec->python_packages[i].p, spec->python_packages[i].n);
        }
        EVP_DigestFinal_ex(md, sum, &n);
        EVP_MD_CTX_free(md);
        char hex[33];
        for (unsigned i = 0; i < 16; i++)
                snprintf(hex + 2 * i, 3, "%02x", sum[i]);
        return arena_str(a, str_from(hex));
}

static void quoted(struct buf *b, struct str s)
{
        buf_add_c(b, " '");
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] == '\'')
                        buf_add_c(b, "'\\''");
                else
                        buf_add_char(b, s.p[i]);
        buf_add_char(b, '\'');
}

/* One call of pip for all packages that the same options are for. */
static void installs(struct buf *b, const struct task_spec *spec)
{
        size_t options = 0; /* the first `options` of `seen` words are options */
        for (size_t i = 0; i < spec->python_packages_n;) {
                while (i < spec->python_packages_n && spec->python_packages[i].n && spec->python_packages[i].p[0] == '-')
                        options = ++i;
                if (i == spec->python_packages_n)
                        return;
                buf_add_c(b, "  \"$d/bin/python\" -m pip install -q --disable-pip-version-check");
                for (size_t k = 0; k < options; k++)
                        if (spec->python_packages[k].n && spec->python_packages[k].p[0] == '-')
                                quoted(b, spec->python_packages[k]);
                for (; i < spec->python_packages_n && !(spec->python_packages[i].n && spec->python_packages[i].p[0] == '-'); i++)
                        quoted(b, spec->python_packages[i]);
                buf_add_c(b, " >&2\n");
        }
}

/* How pip reaches its index is the machine's business: it gets these variables, the command itself does not. */
static void lend_variables(struct environment *env, struct buf *unset)
{
        extern char **environ;
        for (char **p = environ; *p; p++) {
                struct str value = str_from(*p), name = str_cut(&value, '=');
                bool wanted = str_starts(name, STR("PIP_")) || str_starts(name, STR("SSL_CERT")) || str_eq_c(name, "REQUESTS_CA_BUNDLE") || str_ends(name, STR("_proxy")) ||
                              str_ends(name, STR("_PROXY"));
                if (!wanted || env_get(env, name).p)
                        continue;
                env_put(env, name, value);
                buf_addf(unset, " %.*s", STR_FMT(name));
        }
}

static struct str make_script(const struct task_spec *spec, struct str dir, struct environment *env)
{
        struct buf b = BUF(4 << 20), unset = BUF(1 << 20);
        lend_variables(env, &unset);
        buf_add_c(&b, "set -e\nset --");
        quoted(&b, dir);
        buf_add_c(&b, " \"$@\"\nd=$1\nshift\nexec 9>\"$d.lock\"\nflock 9\nif [ ! -e \"$d/.complete\" ]; then\n  echo 'preparing a Python environment, kept for later runs' >&2\n"
                      "  rm -rf \"$d\"\n  python3 -m venv \"$d\" >&2 || { echo 'python3 -m venv failed: the package python3-venv may be missing on this machine' >&2; exit 1; }\n");
        installs(&b, spec);
        buf_add_c(&b, "  : > \"$d/.complete\"\nfi\nexec 9>&-\n");
        if (unset.n)
                buf_addf(&b, "unset%s\n", unset.p);
        buf_add_c(&b, "PATH=\"$d/bin:$PATH\"\nexport PATH\nexec \"$@\"\n");
        struct str script = arena_str(env->arena, buf_str(&b));
        buf_free(&b);
        buf_free(&unset);
        return script;
}

struct str *python_environment(const struct task_spec *spec, struct environment *env, size_t *ret_n, struct str *ret_keep)
{
        struct arena *a = env->arena;
        *ret_n = 0;
        *ret_keep = STR_NONE;
        if (!spec->python_packages_n)
                return NULL;
        struct str folder = cache_folder(a), path = env_get(env, STR("PATH"));
        struct str dir = arena_printf(a, "%.*s/%.*s", STR_FMT(folder), STR_FMT(digest(spec, program_find(STR("python3"), path, a), a)));
        struct error e;
        *ret_keep = folder;
        make_folders(folder.p, &e); /* when it cannot be made, the script says so in the log */
        if (!access(arena_printf(a, "%.*s/.complete", STR_FMT(dir)).p, F_OK)) {
                env_put(env, STR("PATH"), arena_printf(a, "%.*s/bin:%.*s", STR_FMT(dir), STR_FMT(path)));
                return NULL;
        }
        struct str *words = arena_alloc_array(a, sizeof *words, 4);
        words[(*ret_n)++] = STR("/bin/sh");
        words[(*ret_n)++] = STR("-c");
        words[(*ret_n)++] = make_script(spec, dir, env);
        words[(*ret_n)++] = STR("weft");
        return words;
}
