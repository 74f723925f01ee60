/* HTTP to a server, by libcurl. */
#include "base/late.h"
#include "cli/web.h"
#include "text/json.h"
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LATE_LIST(X) X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_perform) X(curl_easy_cleanup) X(curl_easy_reset) X(curl_easy_strerror) X(curl_slist_append) X(curl_slist_free_all)
#define LATE_STATIC(name) static __typeof__(&name) late_##name;
LATE_LIST(LATE_STATIC)

#define ROOT "/api/weft/v1"
enum { ANSWER_BYTES_MAX = 256 << 20, LOGIN_BYTES_MAX = 1 << 20 };

struct str web_server(const struct args *a)
{
        struct str s = a->given[OPT_SERVER] ? a->value[OPT_SERVER] : str_from(getenv("WEFT_SERVER"));
        while (s.n && s.p[s.n - 1] == '/')
                s.n--;
        return s;
}

/* ---- what `weft login` keeps: {"URL": "token"} ---- */

static struct str login_folder(struct arena *a)
{
        const char *home = getenv("XDG_CONFIG_HOME");
        return home && *home ? arena_printf(a, "%s/weft", home) : arena_printf(a, "%s/.config/weft", getenv("HOME") ? getenv("HOME") : "");
}

static struct value logins_read(struct arena *a)
{
        struct str path = arena_printf(a, "%s/login.json", login_folder(a).p), text;
        struct value v = value_map(NULL, 0);
        if (access(path.p, R_OK) == 0 && file_read(path.p, LOGIN_BYTES_MAX, a, &text, NULL) && json_read(text, NULL, a, &v, NULL) && v.kind == VALUE_MAP)
                return v;
        return value_map(NULL, 0);
}

static bool folder_make(struct str path)
{
        char *p = strndup(path.p, path.n);
        if (!p)
                abort();
        for (char *s = p + 1; *s; s++)
                if (*s == '/') {
                        *s = 0;
                        mkdir(p, 0700);
                        *s = '/';
                }
        bool ok = mkdir(p, 0700) == 0 || errno == EEXIST;
        free(p);
        return ok;
}

/* A file of its own, renamed into place: never readable by others, never half. */
bool web_login_save(const struct args *a, struct str server, struct str token, struct error *e)
{
        struct arena *x = a->arena;
        struct value before = logins_read(x);
        struct map_builder b = {.arena = x};
        for (size_t i = 0; i < before.map.n; i++)
                map_push(&b, before.map.members[i].key, before.map.members[i].value);
        map_set(&b, server, value_string(token));
        struct value v = value_map(b.members, b.n);
        struct str text = json_text(&v, JSON_INDENT, x), folder = login_folder(x);
        const char *path = arena_printf(x, "%s/login.json", folder.p).p, *fresh = arena_printf(x, "%s.%d", path, (int)getpid()).p;
        int fd = folder_make(folder) ? open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
        bool ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
        if (fd >= 0)
                ok &= close(fd) == 0;
        ok = ok && rename(fresh, path) == 0;
        if (!ok && fd >= 0)
                unlink(fresh);
        return ok || error_set(e, ERROR_IO, "keeping the token in %s: %s", path, strerror(errno));
}

/* ---- requests ---- */

bool web_open(struct web *w, const struct args *a, struct error *e)
{
        static const struct late_function functions[] = {LATE_LIST(LATE_ENTRY)};
        const char *token = getenv("WEFT_TOKEN");
        *w = (struct web){.arena = a->arena, .server = web_server(a), .token = str_from(token)};
        if (!w->server.n)
                return error_set(e, ERROR_USAGE, "which server? Give --server URL, or set WEFT_SERVER");
        if (!str_starts(w->server, STR("http://")) && !str_starts(w->server, STR("https://")))
                return error_set(e, ERROR_USAGE, "a server is named by its URL, as in http://127.0.0.1:8080, not \"%.*s\"", STR_FMT(w->server));
        if (!w->token.n) {
                struct value logins = logins_read(w->arena);
                const struct value *v = value_get(&logins, w->server);
                w->token = v && v->kind == VALUE_STRING ? v->text : STR_NONE;
        }
        if (!late_load("libcurl.so.4", "libcurl4", functions, sizeof functions / sizeof *functions, e))
                return false;
        w->curl = late_curl_easy_init();
        return w->curl || error_set(e, ERROR_INTERNAL, "beginning to speak HTTP");
}

void web_close(struct web *w)
{
        if (w->curl)
                late_curl_easy_cleanup(w->curl);
        w->curl = NULL;
}

struct receiving { struct buf body; struct buf errors; web_piece *piece; void *user; struct web *w; bool enough; };
static size_t on_data(char *p, size_t size, size_t n, void *user)
{
        struct receiving *r = user;
        long status = 0;
        late_curl_easy_getinfo(r->w->curl, CURLINFO_RESPONSE_CODE, &status);
        if (!r->piece || status >= 300) {
                buf_add(&r->body, (struct str){p, size * n});
                return r->body.overflow ? 0 : size * n;
        }
        r->enough = !r->piece(r->user, (struct str){p, size * n});
        return r->enough ? 0 : size * n;
}

static enum error_kind kind_named(struct str name)
{
        for (int k = 1; k < ERROR_KINDS; k++)
                if (str_eq_c(name, error_class((enum error_kind)k)->name))
                        return (enum error_kind)k;
        return ERROR_INTERNAL;
}

static struct str text_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

static bool refused(struct web *w, long status, struct str body, struct error *e)
{
        struct value v = value_null;
        const struct value *x;
        int64_t line = 0, column = 0;
        json_read(body, NULL, w->arena, &v, NULL);
        x = value_get_c(&v, "error");
        if (!x || !text_of(x, "message").n)
                return error_set(e, status == 401 || status == 403 ? ERROR_DENIED : ERROR_IO, "%.*s answered with status %ld", STR_FMT(w->server), status);
        if (value_get_c(x, "line"))
                value_to_i64(value_get_c(x, "line"), &line);
        if (value_get_c(x, "column"))
                value_to_i64(value_get_c(x, "column"), &column);
        return error_at(e, kind_named(text_of(x, "kind")), (uint32_t)line, (uint32_t)column, "%.*s", STR_FMT(text_of(x, "message")));
}

static bool perform(struct web *w, const char *method, struct str path, const struct value *body, struct receiving *r, struct error *e)
{
        CURL *c = w->curl;
        struct curl_slist *headers = late_curl_slist_append(NULL, "Content-Type: application/json");
        struct str sent = body ? json_text(body, JSON_COMPACT, w->arena) : STR("");
        char why[CURL_ERROR_SIZE] = "";
        long status = 0;
        late_curl_easy_reset(c);
        if (w->token.n)
                headers = late_curl_slist_append(headers, arena_printf(w->arena, "Authorization: Bearer %.*s", STR_FMT(w->token)).p);
        headers = late_curl_slist_append(headers, "Expect:");
        late_curl_easy_setopt(c, CURLOPT_URL, arena_printf(w->arena, "%.*s" ROOT "%.*s", STR_FMT(w->server), STR_FMT(path)).p);
        late_curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
        if (body || !strcmp(method, "POST")) {
                late_curl_easy_setopt(c, CURLOPT_POSTFIELDS, sent.p);
                late_curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)sent.n);
        }
        late_curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
        late_curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
        late_curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
        late_curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
        late_curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        late_curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 20L);
        late_curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
        CURLcode done = late_curl_easy_perform(c);
        late_curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        late_curl_slist_free_all(headers);
        if (done != CURLE_OK && !r->enough)
                return error_set(e, ERROR_IO, "asking %.*s: %s", STR_FMT(w->server), why[0] ? why : late_curl_easy_strerror(done));
        return status < 300 || refused(w, status, arena_str(w->arena, buf_str(&r->body)), e);
}

bool web_call(struct web *w, const char *method, struct str path, const struct value *body, struct value *ret, struct error *e)
{
        struct receiving r = {.body = BUF(ANSWER_BYTES_MAX), .w = w};
        bool ok = perform(w, method, path, body, &r, e);
        if (ok && !json_read(arena_str(w->arena, buf_str(&r.body)), NULL, w->arena, ret, e))
                ok = error_wrap(e, "reading the answer of %.*s", STR_FMT(w->server));
        buf_free(&r.body);
        return ok;
}

bool web_stream(struct web *w, struct str path, web_piece *piece, void *user, struct error *e)
{
        struct receiving r = {.body = BUF(1u << 20), .w = w, .piece = piece, .user = user};
        bool ok = perform(w, "GET", path, NULL, &r, e);
        buf_free(&r.body);
        return ok;
}

struct str web_escape(struct str s, struct arena *a)
{
        struct buf b = BUF(1u << 20);
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '_' || c == '.' || c == '~';
                if (plain)
                        buf_add_char(&b, c);
                else
                        buf_addf(&b, "%%%02X", (unsigned char)c);
        }
        struct str escaped = arena_str(a, buf_str(&b));
        buf_free(&b);
        return escaped;
}
