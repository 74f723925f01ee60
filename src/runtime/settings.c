/* Settings: the table, and reading values into it. */
#include "runtime/settings.h"
#include "runtime/files.h"
#include "base/time.h"
#include "text/json.h"
#include "text/yaml.h"
#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

const struct setting setting_table[SETTINGS] = {
        [SET_ISOLATION] = {"executor.process.isolation", SETTING_CHOICE, "private", "none|private|sandbox", 0, 0,
                           "how far a task on this machine is kept apart from others: not at all, own folders and /tmp, or a read-only machine as well"},
        [SET_SLOTS] = {"executor.process.slots", SETTING_COUNT, "", NULL, 1, 100000, "tasks that run at once (default: the number of processors, at least 4)"},
        [SET_IMAGES] = {"executor.process.images", SETTING_TEXT, "", NULL, 0, 0,
                        "what container images stand for on this machine: a JSON list of {\"pattern\", \"entrypoint\", \"path\", \"env\", \"python\"}, or @FILE"},
        [SET_LOG_BYTES_MAX] = {"executor.process.log_bytes_max", SETTING_BYTES, "64Mi", NULL, 4096, 1 << 30, "size of one attempt's log; what comes after is dropped, and the log says so"},
        [SET_GRACE] = {"executor.process.grace", SETTING_DURATION, "10s", NULL, 0, 3600 * US_PER_S, "time between asking a task to end and killing it"},
        [SET_NODES_MAX] = {"engine.nodes_max", SETTING_COUNT, "1000000", NULL, 1, 100000000, "nodes of one run"},
        [SET_DEPTH_MAX] = {"engine.depth_max", SETTING_COUNT, "100", NULL, 1, 10000, "nesting of graphs, recursion included"},
        [SET_ITEMS_MAX] = {"engine.items_max", SETTING_COUNT, "200000", NULL, 1, 100000000, "items of one fan-out"},
        [SET_WINDOW] = {"engine.window", SETTING_COUNT, "4096", NULL, 1, 1000000, "tasks of one run that are under way at once"},
        [SET_STEP_NODES_MAX] = {"engine.step_nodes_max", SETTING_COUNT, "1000", NULL, 1, 1000000, "nodes created before other events get their turn"},
        [SET_VALUE_BYTES_MAX] = {"store.value_bytes_max", SETTING_BYTES, "1Mi", NULL, 1024, 1 << 30, "size of one parameter value"},
        [SET_RUN_BYTES_MAX] = {"store.run_bytes_max", SETTING_BYTES, "64Mi", NULL, 1024, INT64_C(1) << 40, "size of all values of one run"},
        [SET_DOCUMENT_BYTES_MAX] = {"runs.document_bytes_max", SETTING_BYTES, "16Mi", NULL, 1024, 1 << 30, "size of a submitted document"},
        [SET_CHILD_DEPTH_MAX] = {"runs.child_depth_max", SETTING_COUNT, "10", NULL, 0, 1000, "how deep runs may create runs"},
        [SET_NAMESPACE] = {"runs.namespace", SETTING_TEXT, "default", NULL, 0, 0, "namespace of new runs"},
        [SET_LIMIT_RUNS] = {"limits.runs", SETTING_COUNT, "0", NULL, 0, 10000000, "runs under way at once; more are Queued until it is their turn; 0: no limit"},
        [SET_LIMIT_RUNS_NAMESPACE] = {"limits.runs_per_namespace", SETTING_COUNT, "0", NULL, 0, 10000000, "runs of one namespace under way at once; 0: no limit of its own"},
        [SET_LIMIT_RUNS_PIPELINE] = {"limits.runs_per_pipeline", SETTING_COUNT, "0", NULL, 0, 10000000, "runs of one pipeline under way at once; 0: no limit of its own"},
        [SET_LIMIT_RUNS_USER] = {"limits.runs_per_user", SETTING_COUNT, "0", NULL, 0, 10000000, "runs of one user under way at once; 0: no limit of its own"},
        [SET_LIMIT_STEPS] = {"limits.steps", SETTING_COUNT, "0", NULL, 0, 10000000, "steps of all runs that run at once; 0: as many as the executor takes"},
        [SET_LIMIT_STEPS_NAMESPACE] = {"limits.steps_per_namespace", SETTING_COUNT, "0", NULL, 0, 10000000, "steps of one namespace that run at once; 0: no limit of its own"},
        [SET_LIMIT_STEPS_PIPELINE] = {"limits.steps_per_pipeline", SETTING_COUNT, "0", NULL, 0, 10000000, "steps of all runs of one pipeline that run at once; 0: no limit of its own"},
        [SET_LIMIT_STEPS_USER] = {"limits.steps_per_user", SETTING_COUNT, "0", NULL, 0, 10000000, "steps of one user that run at once; 0: no limit of its own"},
        [SET_LIMIT_EXCEPTIONS] = {"limits.exceptions", SETTING_TEXT, "", NULL, 0, 0,
                                  "other limits for some: a JSON list of {\"user\" or \"namespace\" or \"pipeline\" (its id), \"steps\", \"runs\"}, 0 for none; or @FILE"},
        [SET_NOTIFY_PRIVATE_ADDRESSES] = {"notify.private_addresses", SETTING_CHOICE, "allow", "allow|forbid", 0, 0,
                                          "may notifications go to loopback, private and link-local addresses? Forbid it where users who write rules must not reach the server's own network"},
        [SET_NOTIFY_TIMEOUT] = {"notify.timeout", SETTING_DURATION, "10s", NULL, 100000, 600 * US_PER_S, "time for one try to deliver a notification"},
        [SET_NOTIFY_TRIES_MAX] = {"notify.tries_max", SETTING_COUNT, "12", NULL, 1, 1000, "tries to deliver a notification before it is given up"},
        [SET_NOTIFY_RETRY_DELAY] = {"notify.retry_delay", SETTING_DURATION, "5s", NULL, 10000, 3600 * US_PER_S, "time before the second try; it doubles with each, up to 1,024 times"},
        [SET_NOTIFY_SMTP] = {"notify.smtp", SETTING_TEXT, "", NULL, 0, 0, "mail server for notifications: smtp://HOST:PORT or smtps://HOST:PORT; empty: no mail is sent"},
        [SET_NOTIFY_SMTP_USER] = {"notify.smtp_user", SETTING_TEXT, "", NULL, 0, 0, "user of the mail server; with one, TLS is insisted upon"},
        [SET_NOTIFY_SMTP_PASSWORD] = {"notify.smtp_password", SETTING_TEXT, "", NULL, 0, 0, "password of that user, or @FILE"},
        [SET_NOTIFY_MAIL_FROM] = {"notify.mail_from", SETTING_TEXT, "weft@localhost", NULL, 0, 0, "sender of mails"},
        [SET_SOFT_DELAY] = {"store.soft_delay", SETTING_DURATION, "50ms", NULL, 0, 10 * US_PER_S, "how long a change that nothing waits for may wait for company on its way to disk"},
        [SET_AUDIT_ENABLED] = {"audit.enabled", SETTING_CHOICE, "true", "true|false", 0, 0, "keep who changed what and when; what the owner of the data folder does alone is not kept"},
        [SET_STORE_URL] = {"store.url", SETTING_TEXT, "", NULL, 0, 0,
                           "PostgreSQL in place of the SQLite file: postgresql://USER@HOST/DATABASE, or @FILE; the password is best kept in $PGPASSFILE"},
        [SET_STORE_LEASE] = {"store.lease", SETTING_DURATION, "10s", NULL, US_PER_S, 3600 * US_PER_S, "with PostgreSQL: how long the server that runs steps may be silent before another takes its place"},
        [SET_RETENTION_RUNS] = {"retention.runs_age", SETTING_DURATION, "0s", NULL, 0, INT64_C(36500) * 86400 * US_PER_S, "runs that ended so long ago are deleted, with their artifacts and logs; 0: never"},
        [SET_RETENTION_AUDIT] = {"retention.audit_age", SETTING_DURATION, "2160h", NULL, 0, INT64_C(36500) * 86400 * US_PER_S, "the audit log goes back so far; 0: for ever"},
        [SET_RETENTION_CACHE] = {"retention.cache_age", SETTING_DURATION, "0s", NULL, 0, INT64_C(36500) * 86400 * US_PER_S, "cached results older than that are forgotten; 0: never"},
        [SET_API_LISTEN] = {"api.listen", SETTING_TEXT, "127.0.0.1:8080", NULL, 0, 0, "address that the server listens on; port 0 takes any that is free"},
        [SET_API_HOSTS] = {"api.hosts", SETTING_TEXT, "", NULL, 0, 0,
                           "names, with commas between, that a server without authentication answers to beside localhost; any other may be a page that leads a browser here; * is any"},
        [SET_API_TLS_CERTIFICATE] = {"api.tls_certificate", SETTING_TEXT, "", NULL, 0, 0, "file with the server's certificate and those above it, PEM; with api.tls_key the server speaks HTTPS"},
        [SET_API_TLS_KEY] = {"api.tls_key", SETTING_TEXT, "", NULL, 0, 0, "file with the certificate's private key, PEM"},
        [SET_API_THREADS] = {"api.threads", SETTING_COUNT, "2", NULL, 1, 256, "threads that move requests and answer reads"},
        [SET_API_WORKERS] = {"api.workers", SETTING_COUNT, "64", NULL, 1, 1024, "changing requests that are carried out at once"},
        [SET_API_CONNECTIONS_MAX] = {"api.connections_max", SETTING_COUNT, "4000", NULL, 1, 1000000, "connections at once; more are refused"},
        [SET_API_BODY_BYTES_MAX] = {"api.body_bytes_max", SETTING_BYTES, "33Mi", NULL, 1024, 1 << 30, "size of the body of one request"},
        [SET_API_HEADER_BYTES_MAX] = {"api.header_bytes_max", SETTING_BYTES, "24Ki", NULL, 4096, 1 << 20, "memory for one connection: first line, headers, and what is being sent"},
        [SET_API_TIMEOUT] = {"api.timeout", SETTING_DURATION, "60s", NULL, US_PER_S, 3600 * US_PER_S, "a connection on which nothing moves for so long is closed"},
        [SET_API_REQUEST_TIME] = {"api.request_time", SETTING_DURATION, "300s", NULL, US_PER_S, 24 * 3600 * US_PER_S, "time in which the body of a request must have come, and its answer been read (streams and files take as long as they move)"},
        [SET_API_PULSE] = {"api.pulse", SETTING_DURATION, "15s", NULL, US_PER_S, 24 * 3600 * US_PER_S, "how often an idle live stream says that it is alive, and is looked at whether its client still is"},
        [SET_API_STREAMS_MAX] = {"api.streams_max", SETTING_COUNT, "2000", NULL, 1, 1000000, "live streams that are open at once; more are refused with 503"},
        [SET_API_BODIES_BYTES_MAX] = {"api.bodies_bytes_max", SETTING_BYTES, "512Mi", NULL, 1 << 20, INT64_C(1) << 40, "memory for the bodies of all requests under way; what does not fit is refused with 503"},
        [SET_API_GRACE] = {"api.grace", SETTING_DURATION, "10s", NULL, 0, 3600 * US_PER_S, "time for requests under way when the server is asked to stop"},
        [SET_LOG_FORMAT] = {"log.format", SETTING_CHOICE, "text", "text|json", 0, 0, "how the server's log lines look"},
        [SET_LOG_LEVEL] = {"log.level", SETTING_CHOICE, "info", "debug|info|warning|error", 0, 0, "what the server logs at least"},
        [SET_AUTH_MODE] = {"auth.mode", SETTING_CHOICE, "none", "none|required", 0, 0, "whether the server asks who somebody is; none is for one's own machine"},
        [SET_AUTH_ADMINS] = {"auth.admins", SETTING_TEXT, "", NULL, 0, 0, "users who may do everything everywhere, with commas between them"},
        [SET_AUTH_DEFAULT_ROLE] = {"auth.default_role", SETTING_CHOICE, "none", "none|viewer|runner|publisher|admin", 0, 0, "role of every known user in every namespace; grants add to it"},
        [SET_AUTH_TOKEN_AGE] = {"auth.token_age", SETTING_DURATION, "2160h", NULL, US_PER_S, INT64_C(10) * 366 * 86400 * US_PER_S, "how long a token lives, at most and by default"},
        [SET_AUTH_PROXY_ADDRESSES] = {"auth.proxy.addresses", SETTING_TEXT, "", NULL, 0, 0,
                                      "networks of the authenticating proxy, with commas between them (10.0.0.0/8, ::1); only from there the header that names a user counts"},
        [SET_AUTH_PROXY_HEADER] = {"auth.proxy.header", SETTING_TEXT, "kubeflow-userid", NULL, 0, 0, "header in which the proxy names the user"},
        [SET_AUTH_PROXY_PREFIX] = {"auth.proxy.prefix", SETTING_TEXT, "", NULL, 0, 0, "what stands before the name in that header, and is cut off"},
        [SET_AUTH_PROXY_GROUPS_HEADER] = {"auth.proxy.groups_header", SETTING_TEXT, "", NULL, 0, 0, "header in which the proxy lists the user's groups, with commas between them"},
};

static bool bytes_parse(struct str s, int64_t *ret)
{
        static const struct { const char *suffix; int64_t times; } units[] = {
                {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}};
        int64_t times = 1;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
                if (str_ends(s, str_from(units[i].suffix))) {
                        times = units[i].times;
                        s.n -= strlen(units[i].suffix);
                        break;
                }
        return str_to_i64(s, ret) && !__builtin_mul_overflow(*ret, times, ret);
}

static bool choice_has(const char *choices, struct str value)
{
        struct str rest = str_from(choices);
        while (rest.p)
                if (str_eq(str_cut(&rest, '|'), value))
                        return true;
        return false;
}

static bool unknown(struct str name, struct error *e)
{
        size_t best = 6;
        const char *near = NULL;
        for (int i = 0; i < SETTINGS; i++) {
                struct str full = str_from(setting_table[i].name), last = full;
                while (str_find_char(last, '.', 0) != SIZE_MAX)
                        str_cut(&last, '.');
                size_t d = str_distance(name, full, 5), d2 = str_distance(name, last, 3);
                if (d2 < d)
                        d = d2;
                if (d < best) {
                        best = d;
                        near = setting_table[i].name;
                }
        }
        if (near)
                return error_set(e, ERROR_USAGE, "there is no setting %.*s; did you mean %s? `weft help settings` lists them", STR_FMT(name), near);
        return error_set(e, ERROR_USAGE, "there is no setting %.*s; `weft help settings` lists them", STR_FMT(name));
}

static bool parse(const struct setting *t, struct str value, int64_t *ret, struct error *e)
{
        bool ok = true;
        switch (t->kind) {
        case SETTING_TEXT:
                return true;
        case SETTING_CHOICE:
                return choice_has(t->choices, value) ||
                       error_set(e, ERROR_USAGE, "setting %s is one of %s, not \"%.*s\"", t->name, t->choices, STR_FMT(value));
        case SETTING_COUNT:
                ok = str_to_i64(value, ret);
                break;
        case SETTING_BYTES:
                ok = bytes_parse(value, ret);
                break;
        case SETTING_DURATION:
                ok = duration_parse(value, ret);
                break;
        }
        if (ok && *ret >= t->min && *ret <= t->max)
                return true;
        const char *what = t->kind == SETTING_COUNT ? "a whole number" : t->kind == SETTING_BYTES ? "a size such as 64Mi" : "a duration such as 10s";
        return error_set(e, ERROR_USAGE, "setting %s takes %s between %lld and %lld%s, not \"%.*s\"", t->name, what, (long long)t->min, (long long)t->max,
                         t->kind == SETTING_DURATION ? " microseconds" : t->kind == SETTING_BYTES ? " bytes" : "", STR_FMT(value));
}

void settings_init(struct settings *s, struct arena *a)
{
        *s = (struct settings){.arena = a};
        for (int i = 0; i < SETTINGS; i++) {
                s->text[i] = str_from(setting_table[i].value);
                s->from[i] = "default";
                if (s->text[i].n)
                        parse(&setting_table[i], s->text[i], &s->number[i], NULL);
        }
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        s->number[SET_SLOTS] = n > 4 ? n : 4;
        s->text[SET_SLOTS] = arena_printf(a, "%lld", (long long)s->number[SET_SLOTS]);
}

bool settings_set(struct settings *s, struct str name, struct str value, const char *from, struct error *e)
{
        int i = 0;
        while (i < SETTINGS && !str_eq_c(name, setting_table[i].name))
                i++;
        if (i == SETTINGS)
                return unknown(name, e);
        value = arena_str(s->arena, value);
        if (setting_table[i].kind == SETTING_TEXT && value.n && value.p[0] == '@' &&
            !file_read(arena_cstr(s->arena, str_sub(value, 1, value.n)), 16u << 20, s->arena, &value, e))
                return error_wrap(e, "reading the value of setting %s", setting_table[i].name);
        if (!parse(&setting_table[i], value, &s->number[i], e))
                return false;
        s->text[i] = value;
        s->from[i] = from;
        return true;
}

struct str setting_env(const struct setting *t, struct arena *a)
{
        struct str s = arena_printf(a, "WEFT_%s", t->name);
        char *p = (char *)arena_cstr(a, s);
        for (size_t i = 0; i < s.n; i++)
                p[i] = p[i] == '.' ? '_' : (char)toupper((unsigned char)p[i]);
        return (struct str){p, s.n};
}

static bool apply(struct settings *s, const struct value *v, struct str prefix, struct error *e)
{
        if (v->kind == VALUE_MAP) {
                for (size_t i = 0; i < v->map.n; i++) {
                        struct str key = v->map.members[i].key;
                        struct str name = prefix.n ? arena_printf(s->arena, "%.*s.%.*s", STR_FMT(prefix), STR_FMT(key)) : key;
                        if (!apply(s, &v->map.members[i].value, name, e)) {
                                if (!e->line) {
                                        e->line = v->map.members[i].line;
                                        e->column = v->map.members[i].column;
                                }
                                return false;
                        }
                }
                return true;
        }
        struct str text = STR_NONE;
        if (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER)
                text = v->text;
        else {
                struct buf b = BUF(16u << 20);
                json_write(v, 0, &b);
                text = arena_str(s->arena, buf_str(&b));
                buf_free(&b);
        }
        return settings_set(s, prefix, text, "configuration file", e);
}

static bool load_file(struct settings *s, struct error *e)
{
        const char *path = getenv("WEFT_CONFIG"), *home = getenv("XDG_CONFIG_HOME");
        bool asked = path && *path;
        if (!asked) {
                struct str p = home && *home ? arena_printf(s->arena, "%s/weft/config.yaml", home)
                                             : arena_printf(s->arena, "%s/.config/weft/config.yaml", getenv("HOME") ? getenv("HOME") : "");
                path = arena_cstr(s->arena, p);
                if (access(path, R_OK) < 0)
                        return true;
        }
        struct str text;
        struct value *documents;
        size_t n;
        if (!file_read(path, 16u << 20, s->arena, &text, e))
                return error_wrap(e, "reading the configuration");
        bool ok = yaml_read(text, YAML_CORE, NULL, s->arena, &documents, &n, e);
        for (size_t i = 0; ok && i < n; i++)
                ok = documents[i].kind == VALUE_MAP ? apply(s, &documents[i], STR_NONE, e)
                                                    : error_at(e, ERROR_USAGE, documents[i].line, documents[i].column, "a configuration is a map of settings");
        if (!ok)
                strncpy(e->file, path, sizeof e->file - 1);
        return ok;
}

bool settings_load(struct settings *s, struct error *e)
{
        if (!load_file(s, e))
                return false;
        for (int i = 0; i < SETTINGS; i++) {
                const char *v = getenv(setting_env(&setting_table[i], s->arena).p);
                if (v && !settings_set(s, str_from(setting_table[i].name), str_from(v), "environment", e))
                        return error_wrap(e, "in the environment");
        }
        return true;
}
