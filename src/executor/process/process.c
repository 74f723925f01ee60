/* The process executor: Weft's side. It prepares an attempt's files, asks the shepherd to start it, and reads what it left when the shepherd
 * says that it ended. */
#include "executor/process/process.h"
#include "text/json.h"
#include <errno.h>
#include <openssl/evp.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

struct known { struct known *next; char *key; struct arena *arena; struct task_spec spec; struct places places; struct value *end; bool has_spec, ended, told; };

enum { BUCKETS = 1024 };

struct executor {
        struct executor_settings set;
        executor_sink *sink;
        void *user;
        uv_loop_t *loop;
        uv_poll_t poll;
        uv_idle_t idle;        /* ends that are known already are told from the loop, never from within a call */
        int fd;
        struct buf in;
        struct arena *arena, *scratch;
        struct value images;
        bool private, sandbox, closing;
        struct known *table[BUCKETS];
        struct { char *key; struct str message; char *text; } *due; size_t due_n, due_cap;
        int handles;
};

static struct known **slot(struct executor *x, struct str key)
{
        uint32_t h = 2166136261u;
        for (size_t i = 0; i < key.n; i++)
                h = (h ^ (unsigned char)key.p[i]) * 16777619u;
        struct known **p = &x->table[h % BUCKETS];
        while (*p && !str_eq_c(key, (*p)->key))
                p = &(*p)->next;
        return p;
}

static struct known *known_get(struct executor *x, struct str key) { return *slot(x, key); }

static struct known *known_add(struct executor *x, struct str key)
{
        struct known **p = slot(x, key);
        if (!*p) {
                *p = calloc(1, sizeof **p);
                if (!*p)
                        abort();
                (*p)->key = strndup(key.p, key.n);
                (*p)->arena = arena_new();
        }
        return *p;
}

static void known_drop(struct executor *x, struct str key)
{
        struct known **p = slot(x, key), *k = *p;
        if (!k)
                return;
        *p = k->next;
        arena_free(k->arena);
        free(k->key);
        free(k);
}

static struct str *copy_strs(const struct str *s, size_t n, struct arena *a)
{
        struct str *p = arena_alloc_array(a, sizeof *p, n);
        for (size_t i = 0; i < n; i++)
                p[i] = arena_str(a, s[i]);
        return p;
}

/* What collecting will need of the spec. */
static void remember(struct executor *x, struct known *k, const struct attempt_id *id, const struct task_spec *spec)
{
        struct arena *a = k->arena;
        struct task_spec *c = &k->spec;
        *c = (struct task_spec){.wants_result = spec->wants_result, .outcome_file = arena_str(a, spec->outcome_file)};
        c->params_out = arena_alloc_array(a, sizeof *c->params_out, spec->params_out_n);
        c->params_out_n = spec->params_out_n;
        for (size_t i = 0; i < spec->params_out_n; i++)
                c->params_out[i] = (struct task_param_out){arena_str(a, spec->params_out[i].name), arena_str(a, spec->params_out[i].path)};
        c->artifacts_out = arena_alloc_array(a, sizeof *c->artifacts_out, spec->artifacts_out_n);
        c->artifacts_out_n = spec->artifacts_out_n;
        for (size_t i = 0; i < spec->artifacts_out_n; i++) {
                const struct task_artifact_out *o = &spec->artifacts_out[i];
                c->artifacts_out[i] = (struct task_artifact_out){arena_str(a, o->name), arena_str(a, o->path), arena_str(a, o->uri), o->optional};
        }
        k->places = (struct places){.folder = arena_printf(a, "%.*s/runs/%.*s/%u.%u.%u", STR_FMT(x->set.folder), STR_FMT(id->run), id->node, id->epoch, id->attempt),
                                    .data = x->set.folder,
                                    .private = x->private};
        places_plan(&k->places, spec, a);
        k->has_spec = true;
}

/* ---- ends ---- */

static void outcome_of(struct executor *x, struct known *k, const struct value *m, struct arena *a, struct task_outcome *o)
{
        int status = (int)frame_int(m, "status", 0);
        char how = frame_text(m, "end").p[0];
        *o = (struct task_outcome){.started_at.us = frame_int(m, "started", 0),
                                   .finished_at.us = frame_int(m, "ended", 0),
                                   .cpu_us = frame_int(m, "cpu", -1),
                                   .rss_max_bytes = frame_int(m, "rss", -1),
                                   .message = frame_text(m, "message")};
        if (how == 'E' || how == 'K') {
                o->end = how == 'K' ? TASK_STOPPED : TASK_EXITED;
                o->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
                o->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
                if (o->signal && how == 'E')
                        o->message = arena_printf(a, "ended by signal %d (%s)", o->signal, strsignal(o->signal));
        } else
                o->end = how == 'N' ? TASK_NOT_RUN : how == 'L' ? TASK_LOST : TASK_STOPPED;
        if (how != 'E' || !k || !k->has_spec)
                return;
        collect(&k->places, &k->spec, x->set.value_bytes_max, a, o);
        if (k->spec.wants_result) {
                struct str path = arena_printf(a, "%.*s/result", STR_FMT(k->places.folder));
                if (!read_file(path.p, 256 << 10, a, &o->result))
                        o->result = (struct task_output){.present = true, .content = STR("")};
        }
}

static void tell_end(struct executor *x, struct str key, const struct value *m)
{
        struct attempt_id id;
        struct known *k = known_get(x, key);
        struct task_outcome o;
        if (!attempt_parse(key, &id))
                return;
        outcome_of(x, k, m, x->scratch, &o);
        x->sink(x->user, &(struct executor_event){EXECUTOR_ENDED, id, o.finished_at, &o});
}

static void frame(struct executor *x, struct str text, bool *ret_hello)
{
        struct value m;
        struct error e;
        if (!json_read(text, NULL, x->scratch, &m, &e))
                return;
        if (value_get_c(&m, "hello")) {
                if (ret_hello)
                        *ret_hello = true;
                return;
        }
        struct str key = frame_text(&m, "id");
        bool ended = value_get_c(&m, "end") != NULL;
        struct known *k = known_get(x, key);
        if (ret_hello || !k) { /* part of the greeting: kept until somebody adopts it */
                k = known_add(x, key);
                k->end = ARENA_NEW(k->arena, struct value);
                *k->end = value_copy(&m, k->arena);
                k->ended = ended;
                if (!ret_hello && ended)
                        tell_end(x, key, &m);
                return;
        }
        if (ended) {
                k->ended = true;
                tell_end(x, key, &m);
                return;
        }
        struct attempt_id id;
        if (attempt_parse(key, &id))
                x->sink(x->user, &(struct executor_event){EXECUTOR_STARTED, id, {frame_int(&m, "started", 0)}, NULL});
}

static void take_frames(struct executor *x, bool *ret_hello)
{
        size_t at = 0;
        struct str text;
        while (frame_take(&x->in, &at, &text)) {
                text = arena_str(x->scratch, text);
                frame(x, text, ret_hello);
                if (!ret_hello)
                        arena_reset(x->scratch);
        }
        if (at) {
                memmove(x->in.p, x->in.p + at, x->in.n - at);
                x->in.n -= at;
        }
}

static bool receive(struct executor *x)
{
        char data[65536];
        ssize_t n;
        while ((n = recv(x->fd, data, sizeof data, MSG_DONTWAIT)) > 0)
                buf_add(&x->in, (struct str){data, (size_t)n});
        return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- the shepherd ---- */

static bool shepherd_start(struct executor *x, struct error *e)
{
        struct arena *a = arena_new();
        const char *exe = arena_cstr(a, x->set.self_exe);
        char *argv[] = {(char *)"weft", (char *)"shepherd", (char *)arena_cstr(a, x->set.folder), NULL};
        extern char **environ;
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attr;
        pid_t pid;
        struct str log = arena_printf(a, "%.*s/shepherd.log", STR_FMT(x->set.folder));
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attr);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&files, 2, log.p, O_WRONLY | O_CREAT | O_APPEND, 0600);
        posix_spawn_file_actions_addclosefrom_np(&files, 3);
        int error = posix_spawn(&pid, exe, &files, &attr, argv, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attr);
        arena_free(a);
        return error ? error_set(e, ERROR_IO, "starting the shepherd %.*s: %s", STR_FMT(x->set.self_exe), strerror(error)) : true;
}

static bool connect_shepherd(struct executor *x, struct error *e)
{
        enum { TRIES = 2000 };
        bool started = false;
        for (int i = 0; i < TRIES; i++) {
                x->fd = socket_in(x->set.folder, "shepherd.socket", false, e);
                if (x->fd >= 0)
                        return true;
                if (!started || i % 500 == 499) {
                        if (!shepherd_start(x, e))
                                return false;
                        started = true;
                }
                usleep(500 + 5 * (useconds_t)i);
        }
        return error_wrap(e, "the shepherd does not answer (see shepherd.log in the data folder)");
}

static bool wait_greeting(struct executor *x, struct error *e)
{
        bool hello = false;
        while (!hello) {
                struct pollfd p = {x->fd, POLLIN, 0};
                if (poll(&p, 1, 10000) <= 0 || !receive(x))
                        return error_set(e, ERROR_IO, "the shepherd does not answer (see shepherd.log in the data folder)");
                take_frames(x, &hello);
        }
        arena_reset(x->scratch);
        return true;
}

static void flush_due(struct executor *x)
{
        size_t n = x->due_n;
        x->due_n = 0;
        for (size_t i = 0; i < n; i++) {
                struct str key = str_from(x->due[i].key);
                struct known *k = known_get(x, key);
                if (x->due[i].text) { /* could not be started */
                        struct attempt_id id;
                        struct task_outcome o = {.end = TASK_NOT_RUN, .message = str_from(x->due[i].text), .cpu_us = -1, .rss_max_bytes = -1};
                        o.started_at.us = o.finished_at.us = clock_us();
                        if (attempt_parse(key, &id))
                                x->sink(x->user, &(struct executor_event){EXECUTOR_ENDED, id, o.finished_at, &o});
                } else if (k && k->end && k->ended)
                        tell_end(x, key, k->end);
                else if (k && k->end) {
                        struct attempt_id id;
                        if (attempt_parse(key, &id))
                                x->sink(x->user, &(struct executor_event){EXECUTOR_STARTED, id, {frame_int(k->end, "started", 0)}, NULL});
                }
                free(x->due[i].key);
                free(x->due[i].text);
        }
        arena_reset(x->scratch);
}

static void on_idle(uv_idle_t *idle)
{
        struct executor *x = idle->data;
        uv_idle_stop(idle);
        flush_due(x);
        if (x->due_n)
                uv_idle_start(idle, on_idle);
}

static void due(struct executor *x, struct str key, const char *text)
{
        if (x->due_n == x->due_cap) {
                x->due_cap = x->due_cap ? x->due_cap * 2 : 16;
                x->due = realloc(x->due, x->due_cap * sizeof *x->due);
                if (!x->due)
                        abort();
        }
        x->due[x->due_n].key = strndup(key.p, key.n);
        x->due[x->due_n++].text = text ? strdup(text) : NULL;
        uv_idle_start(&x->idle, on_idle);
}

static void on_readable(uv_poll_t *poll_handle, int status, int events);

static void watch(struct executor *x)
{
        uv_poll_init(x->loop, &x->poll, x->fd);
        x->poll.data = x;
        uv_poll_start(&x->poll, UV_READABLE, on_readable);
}

static void reconnected(uv_handle_t *h)
{
        struct executor *x = h->data;
        struct error e;
        if (x->closing)
                return;
        x->in.n = 0;
        if (!connect_shepherd(x, &e) || !wait_greeting(x, &e)) {
                fprintf(stderr, "weft: %s\n", e.text);
                exit(3);
        }
        for (size_t i = 0; i < BUCKETS; i++) /* what was lost or ended meanwhile is told; what nobody knows was never started */
                for (struct known *k = x->table[i]; k; k = k->next)
                        if (k->end && k->ended)
                                due(x, str_from(k->key), NULL);
        watch(x);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
        struct executor *x = p->data;
        bool alive = status >= 0 && receive(x);
        (void)events;
        take_frames(x, NULL);
        if (alive)
                return;
        uv_poll_stop(p);
        close(x->fd);
        x->fd = -1;
        uv_close((uv_handle_t *)p, reconnected);
}

/* ---- operations ---- */

static bool process_open(const struct executor_settings *s, struct uv_loop_s *loop, executor_sink *sink, void *user, struct executor **ret, struct error *e)
{
        struct executor *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        x->arena = arena_new();
        x->scratch = arena_new();
        x->set = *s;
        x->set.folder = arena_str(x->arena, s->folder);
        x->set.self_exe = arena_str(x->arena, s->self_exe);
        x->in = BUF(2u * FRAME_MAX);
        x->sink = sink;
        x->user = user;
        x->loop = loop;
        x->fd = -1;
        x->sandbox = str_eq_c(s->isolation, "sandbox");
        x->private = x->sandbox || str_eq_c(s->isolation, "private");
        x->images = value_null;
        if (!x->set.log_bytes_max)
                x->set.log_bytes_max = 100 << 20;
        if (!x->set.value_bytes_max)
                x->set.value_bytes_max = 1 << 20;
        bool ok = !s->images.n || json_read(arena_str(x->arena, s->images), NULL, x->arena, &x->images, e) || error_wrap(e, "setting executor.process.images");
        ok = ok && make_folders(x->set.folder.p, e) && connect_shepherd(x, e) && wait_greeting(x, e);
        if (!ok) {
                if (x->fd >= 0)
                        close(x->fd);
                buf_free(&x->in);
                arena_free(x->scratch);
                arena_free(x->arena);
                free(x);
                return false;
        }
        uv_idle_init(loop, &x->idle);
        x->idle.data = x;
        watch(x);
        *ret = x;
        return true;
}

static void list(struct buf *b, const char *key, const struct str *s, size_t n, const struct str *t, size_t m)
{
        buf_addf(b, ",\"%s\":[", key);
        for (size_t i = 0; i < n + m; i++) {
                if (i)
                        buf_add_char(b, ',');
                json_write_string(i < n ? s[i] : t[i - n], 0, b);
        }
        buf_add_char(b, ']');
}

static void text(struct buf *b, const char *key, struct str s)
{
        buf_addf(b, ",\"%s\":", key);
        json_write_string(s, 0, b);
}

static void env_put(struct str *env, size_t *n, struct str name, struct str value, struct arena *a)
{
        struct str line = arena_printf(a, "%.*s=%.*s", STR_FMT(name), STR_FMT(value));
        for (size_t i = 0; i < *n; i++)
                if (str_starts(env[i], str_sub(line, 0, name.n + 1))) {
                        env[i] = line;
                        return;
                }
        env[(*n)++] = line;
}

static struct str env_get(const struct str *env, size_t n, struct str name)
{
        for (size_t i = 0; i < n; i++)
                if (env[i].n > name.n && str_starts(env[i], name) && env[i].p[name.n] == '=')
                        return str_sub(env[i], name.n + 1, env[i].n);
        return STR_NONE;
}

static struct str *environment(struct executor *x, const struct task_spec *spec, const struct image *image, bool has_image, struct str home, struct arena *a, size_t *ret_n)
{
        size_t n = 0, extra = has_image && image->env && image->env->kind == VALUE_MAP ? image->env->map.n : 0;
        struct str *env = arena_alloc_array(a, sizeof *env, spec->env_n + extra + 80);
        const char *path = getenv("PATH");
        (void)x;
        env_put(env, &n, STR("PATH"), path ? str_from(path) : STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), a);
        env_put(env, &n, STR("HOME"), home, a);
        env_put(env, &n, STR("LANG"), STR("C.UTF-8"), a);
        env_put(env, &n, STR("TMPDIR"), STR("/tmp"), a);
        if (has_image && image->path.n)
                env_put(env, &n, STR("PATH"), image->path, a);
        for (size_t i = 0; i < extra; i++)
                if (image->env->map.members[i].value.kind == VALUE_STRING)
                        env_put(env, &n, image->env->map.members[i].key, image->env->map.members[i].value.text, a);
        for (size_t i = 0; i < spec->env_n; i++)
                env_put(env, &n, spec->env[i].name, spec->env[i].value, a);
        *ret_n = n;
        return env;
}

/* Where the image map names an interpreter, its folder comes first. */
static struct str python_bin(const struct image *image, bool has_image)
{
        struct str p = has_image ? image->python : STR_NONE;
        while (p.n && p.p[p.n - 1] != '/')
                p.n--;
        return p.n > 1 ? str_sub(p, 0, p.n - 1) : STR_NONE;
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

/* The command of a component with requirements is run by a line of shell that makes a kept environment for this set of packages the
 * first time, and puts it first in PATH. Returns the words before the command. */
static struct str *with_packages(const struct task_spec *spec, struct str *env, size_t *env_n, struct arena *a, size_t *ret_n)
{
        struct str *sorted = copy_strs(spec->python_packages, spec->python_packages_n, a);
        qsort(sorted, spec->python_packages_n, sizeof *sorted, by_text);
        struct buf all = BUF(1 << 20);
        for (size_t i = 0; i < spec->python_packages_n; i++)
                buf_addf(&all, "%.*s\n", STR_FMT(sorted[i]));
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        EVP_Digest(all.p, all.n, sum, &n, EVP_sha256(), NULL);
        buf_free(&all);
        char hex[33];
        for (unsigned i = 0; i < 16; i++)
                snprintf(hex + 2 * i, 3, "%02x", sum[i]);
        const char *own = getenv("WEFT_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        struct str dir = own ? arena_printf(a, "%s/venvs/%s", own, hex)
                             : xdg ? arena_printf(a, "%s/weft/venvs/%s", xdg, hex) : arena_printf(a, "%s/.cache/weft/venvs/%s", home ? home : "", hex);
        struct error ignored;
        make_parents(dir.p, &ignored);
        struct str ready = arena_printf(a, "%.*s/.complete", STR_FMT(dir));
        if (!access(ready.p, F_OK)) {
                env_put(env, env_n, STR("PATH"), arena_printf(a, "%.*s/bin:%.*s", STR_FMT(dir), STR_FMT(env_get(env, *env_n, STR("PATH")))), a);
                *ret_n = 0;
                return NULL;
        }
        extern char **environ;
        for (char **p = environ; *p; p++) { /* how pip reaches its index is the machine's business */
                struct str line = str_from(*p), name = str_cut(&line, '=');
                if (str_starts(name, STR("PIP_")) || str_starts(name, STR("SSL_CERT")) || str_eq_c(name, "REQUESTS_CA_BUNDLE") || str_ends(name, STR("_proxy")))
                        if (*env_n < spec->env_n + 60)
                                env_put(env, env_n, name, line, a);
        }
        static const char script[] =
                "set -e; d=$1; n=$2; shift 2; exec 9>\"$d.lock\"; flock 9\n"
                "if [ ! -e \"$d/.complete\" ]; then\n"
                "  i=0; list=; while [ $i -lt $n ]; do list=\"$list $1\"; set -- \"$@\" \"$1\"; shift; i=$((i+1)); done\n"
                "  echo \"preparing a Python environment, kept for later runs:$list\" >&2\n"
                "  rm -rf \"$d\"; python3 -m venv \"$d\"\n"
                "  c=$(($#-n)); i=0; while [ $i -lt $c ]; do set -- \"$@\" \"$1\"; shift; i=$((i+1)); done\n"
                "  i=0; o=; while [ $i -lt $n ]; do case \"$1\" in -*) o=\"$o $1\";;\n"
                "  *) \"$d/bin/pip\" install -q --disable-pip-version-check $o \"$1\" >&2;; esac; shift; i=$((i+1)); done\n"
                "  : > \"$d/.complete\"\n"
                "else i=0; while [ $i -lt $n ]; do shift; i=$((i+1)); done; fi\n"
                "exec 9>&-; PATH=\"$d/bin:$PATH\"; export PATH; exec \"$@\"\n";
        struct str *words = arena_alloc_array(a, sizeof *words, spec->python_packages_n + 8);
        size_t k = 0;
        words[k++] = STR("/bin/sh");
        words[k++] = STR("-c");
        words[k++] = str_from(script);
        words[k++] = STR("sh");
        words[k++] = dir;
        words[k++] = arena_printf(a, "%zu", spec->python_packages_n);
        for (size_t i = 0; i < spec->python_packages_n; i++)
                words[k++] = spec->python_packages[i];
        *ret_n = k;
        return words;
}

static bool process_start(struct executor *x, const struct attempt_id *id, const struct task_spec *spec, struct error *e)
{
        struct arena *a = arena_new();
        struct str key = attempt_key(id, a);
        struct known *k = known_add(x, key);
        struct image image;
        struct error problem = {0};
        (void)e;
        bool has_image = image_find(&x->images, spec->image, a, &image);
        if (!k->has_spec)
                remember(x, k, id, spec);
        const struct str *command = spec->command;
        size_t command_n = spec->command_n, env_n;
        if (!command_n && has_image) {
                command = image.entrypoint;
                command_n = image.entrypoint_n;
        }
        struct str home = x->private ? STR("/tmp") : k->places.folder;
        struct str *env = environment(x, spec, &image, has_image, home, a, &env_n);
        struct str bin = python_bin(&image, has_image);
        size_t before_n = 0;
        struct str *before = spec->python_packages_n && !bin.n ? with_packages(spec, env, &env_n, a, &before_n) : NULL;
        if (before_n) {
                struct str *words = arena_alloc_array(a, sizeof *words, before_n + command_n);
                memcpy(words, before, before_n * sizeof *words);
                for (size_t i = 0; i < command_n; i++)
                        words[before_n + i] = command[i];
                command = words;
                command_n += before_n;
        }
        if (bin.n)
                env_put(env, &env_n, STR("PATH"), arena_printf(a, "%.*s:%.*s", STR_FMT(bin), STR_FMT(env_get(env, env_n, STR("PATH")))), a);
        struct str name = command_n ? command[0] : spec->args_n ? spec->args[0] : STR_NONE;
        bool staged_program = false;
        for (size_t i = 0; i < spec->files_n; i++)
                staged_program |= str_eq(spec->files[i].path, name);
        struct str program = staged_program ? name : program_find(name, env_get(env, env_n, STR("PATH")), a);
        bool needs_folder = x->private || spec->files_n || spec->artifacts_in_n || spec->params_out_n || spec->artifacts_out_n || spec->folders_n ||
                            spec->outcome_file.n;
        if (!command_n)
                error_set(&problem, ERROR_INVALID,
                          "the step names no command, and what image '%.*s' would run is not known on this machine: add a command, or an entry for the image to the setting "
                          "executor.process.images",
                          STR_FMT(spec->image));
        else if (!program.n)
                error_set(&problem, ERROR_NOT_FOUND, "the command '%.*s' is not on this machine (looked in %.*s); images are not used here", STR_FMT(name),
                          STR_FMT(env_get(env, env_n, STR("PATH"))));
        else if (needs_folder || !x->private)
                (void)(make_folders(k->places.folder.p, &problem) && stage(&k->places, spec, a, &problem));
        if (problem.kind) {
                due(x, key, problem.text);
                arena_free(a);
                return true;
        }
        struct buf b = BUF(FRAME_MAX);
        buf_add_c(&b, "{\"do\":\"start\"");
        text(&b, "id", key);
        text(&b, "path", program);
        text(&b, "folder", k->places.folder);
        list(&b, "argv", command, command_n, spec->args, spec->args_n);
        list(&b, "env", env, env_n, NULL, 0);
        text(&b, "cwd", spec->workdir.n ? spec->workdir : x->private ? STR("/tmp") : k->places.folder);
        buf_addf(&b, ",\"result\":%d,\"log_max\":%lld,\"grace\":%lld,\"memory\":%lld", spec->wants_result, (long long)x->set.log_bytes_max,
                 (long long)(spec->grace_us ? spec->grace_us : x->set.grace_us ? x->set.grace_us : 10 * US_PER_S), (long long)spec->memory_bytes);
        if (x->private) {
                const struct places *p = &k->places;
                buf_addf(&b, ",\"private\":1,\"sandbox\":%d", x->sandbox);
                text(&b, "tmp", arena_printf(a, "%.*s/tmp", STR_FMT(p->folder)));
                text(&b, "keep", x->set.folder);
                if (p->root) {
                        text(&b, "root", arena_printf(a, "%.*s/root/merged", STR_FMT(p->folder)));
                        text(&b, "root_upper", arena_printf(a, "%.*s/root/upper", STR_FMT(p->folder)));
                        text(&b, "root_work", arena_printf(a, "%.*s/root/work", STR_FMT(p->folder)));
                }
                buf_add_c(&b, ",\"over\":[");
                for (size_t i = 0; i < p->dirs_n; i++) {
                        buf_add_c(&b, i ? ",{\"i\":0" : "{\"i\":0");
                        text(&b, "to", p->dirs[i]);
                        text(&b, "upper", arena_printf(a, "%.*s/over%zu/upper", STR_FMT(p->folder), i));
                        text(&b, "work", arena_printf(a, "%.*s/over%zu/work", STR_FMT(p->folder), i));
                        buf_add_char(&b, '}');
                }
                buf_add_c(&b, "]");
        }
        buf_add_c(&b, "}");
        if (b.overflow)
                due(x, key, "its command, arguments and environment are longer than 64 MiB");
        else
                frame_send(x->fd, buf_str(&b)); /* a shepherd that is gone is noticed by the reader */
        buf_free(&b);
        arena_free(a);
        return true;
}

static bool simple(struct executor *x, const char *what, const struct attempt_id *id)
{
        struct arena *a = arena_new();
        struct str key = attempt_key(id, a);
        bool ok = frame_send(x->fd, arena_printf(a, "{\"do\":\"%s\",\"id\":\"%.*s\"}", what, STR_FMT(key)));
        arena_free(a);
        return ok;
}

static bool process_stop(struct executor *x, const struct attempt_id *id, struct error *e)
{
        (void)e;
        simple(x, "stop", id);
        return true;
}

static bool process_adopt(struct executor *x, const struct attempt_id *id, const struct task_spec *spec, bool *ret_known, struct error *e)
{
        struct arena *a = arena_new();
        struct str key = attempt_key(id, a);
        struct known *k = known_get(x, key);
        (void)e;
        *ret_known = k != NULL;
        if (k) {
                if (!k->has_spec)
                        remember(x, k, id, spec);
                due(x, key, NULL);
        }
        arena_free(a);
        return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        if (at->level == 1 && (!strcmp(path + at->base, "log") || !strcmp(path + at->base, "result")))
                return 0;
        remove(path);
        return 0;
}

static void process_forget(struct executor *x, const struct attempt_id *id)
{
        struct arena *a = arena_new();
        struct str key = attempt_key(id, a);
        struct known *k = known_get(x, key);
        simple(x, "forget", id);
        if (k && k->has_spec)
                nftw(k->places.folder.p, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        known_drop(x, key);
        arena_free(a);
}

static struct str process_log_path(struct str folder, const struct attempt_id *id, struct arena *a)
{
        return arena_printf(a, "%.*s/runs/%.*s/%u.%u.%u/log", STR_FMT(folder), STR_FMT(id->run), id->node, id->epoch, id->attempt);
}

static void closed(uv_handle_t *h)
{
        struct executor *x = h->data;
        if (--x->handles)
                return;
        for (size_t i = 0; i < BUCKETS; i++)
                while (x->table[i])
                        known_drop(x, str_from(x->table[i]->key));
        for (size_t i = 0; i < x->due_n; i++) {
                free(x->due[i].key);
                free(x->due[i].text);
        }
        free(x->due);
        buf_free(&x->in);
        arena_free(x->scratch);
        arena_free(x->arena);
        free(x);
}

static void process_close(struct executor *x)
{
        x->closing = true;
        x->handles = 1;
        uv_idle_stop(&x->idle);
        if (x->fd >= 0) {
                x->handles++;
                uv_poll_stop(&x->poll);
                close(x->fd);
                uv_close((uv_handle_t *)&x->poll, closed);
        }
        uv_close((uv_handle_t *)&x->idle, closed);
}

const struct executor_ops executor_process = {"process",     process_open,   process_start,    process_stop,
                                              process_adopt, process_forget, process_log_path, process_close};
