/* weft serve: the runtime and the HTTP server on one loop, until somebody asks them to stop. weft config. */
#include "cli/cmd.h"
#include "api/server.h"
#include "base/log.h"
#include "runtime/follow.h"
#include "text/json.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

static const struct route *const route_tables[] = {routes_core, routes_auth, routes_native, routes_kfp_v2beta1, routes_kfp_v1beta1, NULL};

struct serving {
        uv_loop_t loop;
        uv_signal_t terminate, interrupt;
        struct runtime *runtime;
        struct api *api;
        struct leadership *leadership; /* with store.url */
        uv_async_t lost;
        struct error lost_error;
        int status, asked;
};

/* To the service manager, as sd_notify does: a datagram to the socket that it named. */
static void tell_manager(const char *what)
{
        const char *to = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (!to || (to[0] != '/' && to[0] != '@') || strlen(to) >= sizeof address.sun_path)
                return;
        memcpy(address.sun_path, to, strlen(to) + 1);
        socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(to));
        if (to[0] == '@')
                address.sun_path[0] = 0;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0) {
                if (sendto(fd, what, strlen(what), MSG_NOSIGNAL, (struct sockaddr *)&address, n) < 0)
                        log_line(LOG_WARNING, clock_wall().us, STR_NONE, 0, "telling the service manager %s: %s", what, strerror(errno));
                close(fd);
        }
}

static void on_note(void *user, struct str run, struct str text)
{
        (void)user;
        log_line(LOG_WARNING, clock_wall().us, run, 0, "%.*s", STR_FMT(text));
}

static void on_fatal(void *user, const struct error *e)
{
        struct serving *s = user;
        s->status = fail(e);
        uv_stop(&s->loop);
}

/* The second one does not wait for requests that are under way. */
static void on_signal(uv_signal_t *h, int number)
{
        struct serving *s = h->data;
        if (s->asked++)
                _exit(128 + number);
        uv_stop(&s->loop);
}

static void log_from(const struct settings *s)
{
        static const char *const levels[] = {"debug", "info", "warning", "error"};
        for (int i = 0; i < 4; i++)
                if (str_eq_c(s->text[SET_LOG_LEVEL], levels[i]))
                        log_set((enum log_level)i, str_eq_c(s->text[SET_LOG_FORMAT], "json"));
}

static void on_said(void *user, const char *text)
{
        (void)user;
        log_line(LOG_WARNING, clock_wall().us, STR_NONE, 0, "%s", text);
}

static void on_lost(void *user, const struct error *e)
{
        struct serving *s = user;
        s->lost_error = *e;
        uv_async_send(&s->lost);
}

static void on_lost_here(uv_async_t *h)
{
        struct serving *s = h->data;
        on_fatal(s, &s->lost_error);
}

/* Several servers may share a database: this one goes on from here when it is the engine. */
static bool lead(struct serving *s, struct args *a, const struct settings *settings, struct str folder, struct error *e)
{
        struct store_settings store = runtime_store_settings(folder, settings, true, a->arena);
        return !store.url.n || leadership_win(&store, settings, folder, on_said, on_lost, s, &s->leadership, e);
}

static bool start(struct serving *s, struct args *a, const struct settings *settings, struct str folder, struct error *e)
{
        const struct executor_ops *x = executor_named(a->value[OPT_EXECUTOR], a->arena, e);
        struct runtime_options o = {.folder = folder, .self_exe = self_path(a->arena), .settings = settings, .store = backends.store, .executor = x};
        if (!x || !lead(s, a, settings, folder, e))
                return false;
        o.epoch = s->leadership ? leadership_epoch(s->leadership) : 0;
        if (!runtime_open(&o, &s->loop, &s->runtime, e))
                return false;
        runtime_on_note(s->runtime, on_note, s);
        runtime_on_fatal(s->runtime, on_fatal, s);
        struct api_options p = {.runtime = s->runtime, .loop = &s->loop, .store = backends.store, .executor = x, .store_settings = runtime_store_settings(folder, settings, false, a->arena),
                                .settings = settings, .folder = folder, .insecure = a->given[OPT_INSECURE], .routes = route_tables};
        return runtime_serve(s->runtime, e) && api_open(&p, &s->api, e) && runtime_resume(s->runtime, on_note, s, e);
}

static int serve_in(struct args *a, const struct settings *settings, struct str folder)
{
        struct serving s = {0};
        struct error e;
        uv_loop_init(&s.loop);
        uv_async_init(&s.loop, &s.lost, on_lost_here);
        uv_unref((uv_handle_t *)&s.lost);
        s.lost.data = &s;
        if (!start(&s, a, settings, folder, &e)) {
                int status = fail(&e);
                if (s.api)
                        api_close(s.api, 0);
                uv_close((uv_handle_t *)&s.lost, NULL);
                if (s.runtime)
                        runtime_close(s.runtime);
                leadership_end(s.leadership);
                uv_run(&s.loop, UV_RUN_NOWAIT);
                uv_loop_close(&s.loop);
                return status;
        }
        uv_signal_init(&s.loop, &s.terminate);
        uv_signal_init(&s.loop, &s.interrupt);
        s.terminate.data = s.interrupt.data = &s;
        uv_signal_start(&s.terminate, on_signal, SIGTERM);
        uv_signal_start(&s.interrupt, on_signal, SIGINT);
        struct str url = api_url(s.api);
        printf("weft: serving %.*s (data in %.*s)\n", STR_FMT(url), STR_FMT(folder));
        fflush(stdout);
        tell_manager("READY=1");
        if (!s.status)
                uv_run(&s.loop, UV_RUN_DEFAULT);
        tell_manager("STOPPING=1");
        api_close(s.api, settings->number[SET_API_GRACE]);
        uv_close((uv_handle_t *)&s.terminate, NULL);
        uv_close((uv_handle_t *)&s.interrupt, NULL);
        uv_close((uv_handle_t *)&s.lost, NULL);
        runtime_close(s.runtime);
        leadership_end(s.leadership);
        uv_loop_close(&s.loop);
        return s.status;
}

static bool serve_settings(struct args *a, struct settings *ret, struct error *e)
{
        if (a->given[OPT_CONFIG])
                setenv("WEFT_CONFIG", arena_cstr(a->arena, a->value[OPT_CONFIG]), 1);
        return settings_of(a, ret, e) && (!a->given[OPT_LISTEN] || settings_set(ret, STR("api.listen"), a->value[OPT_LISTEN], "--listen", e));
}

/* Where others than the owner of this machine may start tasks, these are kept from the machine and from each other. */
static bool isolate(const struct args *a, struct settings *s, struct error *e)
{
        bool others = str_eq_c(s->text[SET_AUTH_MODE], "required") || a->given[OPT_INSECURE];
        if (!others || str_eq_c(s->text[SET_ISOLATION], "sandbox"))
                return true;
        if (!strcmp(s->from[SET_ISOLATION], "default"))
                return settings_set(s, STR("executor.process.isolation"), STR("sandbox"), "a server for several users", e);
        return error_set(e, ERROR_USAGE, "executor.process.isolation is %.*s (%s): a server for several users runs their tasks in the sandbox only; leave that setting out",
                         STR_FMT(s->text[SET_ISOLATION]), s->from[SET_ISOLATION]);
}

static int serve(struct args *a)
{
        struct error e;
        struct settings settings;
        struct str folder;
        int lock;
        bool owned;
        if (!serve_settings(a, &settings, &e) || !isolate(a, &settings, &e) || !folder_of(a, true, &folder, &e) || !data_lock(folder, &lock, &owned, &e))
                return fail(&e);
        if (!owned) {
                error_set(&e, ERROR_CONFLICT, "another weft owns the data folder %.*s: a server, or a `weft run` that is under way; stop that, or choose another --data", STR_FMT(folder));
                return fail(&e);
        }
        log_from(&settings);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        int status = serve_in(a, &settings, folder);
        close(lock);
        return status;
}

/* A connection string is shown unless it has a password in it: as a word, or as user:password@. */
static bool has_password(struct str url)
{
        size_t user = str_find(url, STR("://"), 0), at = str_find_char(url, '@', 0), colon = user == SIZE_MAX ? SIZE_MAX : str_find_char(url, ':', user + 3);
        return str_find(url, STR("password"), 0) != SIZE_MAX || (at != SIZE_MAX && colon != SIZE_MAX && colon < at);
}

static bool confidential(enum setting_id id, struct str value)
{
        struct str name = str_from(setting_table[id].name);
        if (id == SET_STORE_URL)
                return has_password(value);
        return str_find(name, STR("secret"), 0) != SIZE_MAX || str_find(name, STR("password"), 0) != SIZE_MAX;
}

static int config(struct args *a)
{
        struct error e;
        struct settings s;
        if (!serve_settings(a, &s, &e))
                return fail(&e);
        struct buf b = BUF(16u << 20);
        for (int i = 0; i < SETTINGS; i++) {
                struct str value = confidential((enum setting_id)i, s.text[i]) && s.text[i].n ? STR("(kept to itself)") : s.text[i];
                struct buf line = BUF(16u << 20);
                buf_addf(&line, "%s: ", setting_table[i].name);
                if (setting_table[i].kind == SETTING_TEXT)
                        json_write_string(value, JSON_COMPACT, &line);
                else
                        buf_add(&line, value);
                buf_addf(&b, "%-60.*s # %s\n", STR_FMT(buf_str(&line)), s.from[i]);
                buf_free(&line);
        }
        put_out(buf_str(&b));
        buf_free(&b);
        return EXIT_OK;
}

const struct command_def cmd_serve = {"serve", "", "serve pipelines, runs and users over HTTP",
                                      "Runs that an earlier process left are continued. SIGTERM ends the server: requests under way are answered, steps go on, and the next start takes them over.",
                                      BIT(OPT_LISTEN) | BIT(OPT_CONFIG) | BIT(OPT_EXECUTOR) | BIT(OPT_INSECURE) | COMMON, 0, 0, serve, false};
const struct command_def cmd_config = {"config", "", "print the settings in force, and where each comes from",
                                       "The output is a configuration file. Secrets are left out.", BIT(OPT_LISTEN) | BIT(OPT_CONFIG) | COMMON, 0, 0, config, false};
