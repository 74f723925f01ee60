/* The HTTP server: from a connection to a handler and back.
 *
 *   first call     the route is found, the body's limit is known; what is refused already is answered at once
 *   more calls     the body is gathered, a form taken apart
 *   last call      GET, HEAD: the handler runs here. Else the connection is suspended and a worker runs it (work.c)
 *   after a worker the same call comes again, and the answer is queued
 *
 * Nothing here waits, but for the store's reader. */
#include "api/internal.h"
#include "api/network.h"
#include "base/log.h"
#include "runtime/files.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_BYTES = 1 << 20, ID_MAX = 64, LOGGED_PATH_MAX = 200, DRAIN_STEP_MS = 20, DROP_BYTES_MAX = 64 << 20 };

static enum MHD_Result queue(struct exchange *x);

static struct str request_id(struct api *api, struct MHD_Connection *c, struct arena *a)
{
        struct str given = str_from(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Request-Id"));
        bool good = given.n && given.n <= ID_MAX;
        for (size_t i = 0; good && i < given.n; i++)
                good = (given.p[i] >= '0' && given.p[i] <= '9') || ((given.p[i] | 32) >= 'a' && (given.p[i] | 32) <= 'z') || given.p[i] == '-' || given.p[i] == '_';
        if (good)
                return arena_str(a, given);
        return arena_printf(a, "%08llx-%llx", (unsigned long long)(api->id_prefix & 0xffffffff), (unsigned long long)atomic_fetch_add(&api->id_next, 1));
}

static void refuse(struct exchange *x, enum error_kind kind, int status, const char *text)
{
        struct error e;
        error_set(&e, kind, "%s", text);
        request_fail(&x->r, &e);
        x->r.answer.status = status;
        x->handled = true;
}

/* Called by the library with the whole of what was asked for, before anything else. */
static void *on_uri(void *user, const char *uri, struct MHD_Connection *connection)
{
        struct api *api = user;
        struct arena *a = arena_new();
        struct exchange *x = ARENA_NEW(a, struct exchange);
        x->api = api;
        x->arena = a;
        x->connection = connection;
        x->url = arena_cstr(a, str_from(uri));
        x->began = clock_mono();
        struct str rest = str_from(x->url);
        x->raw_path = str_cut(&rest, '?');
        x->raw_query = rest;
        x->r = (struct request){.arena = a, .path = x->raw_path, .store = api->o.store, .executor = api->o.executor, .settings = api->o.settings, .folder = api->o.folder, .api = api};
        x->r.answer.body = BUF(256u << 20);
        x->r.answer.fd = -1;
        atomic_fetch_add(&api->active, 1);
        return x;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
        struct api *api = user;
        struct exchange *x = *context;
        *context = NULL;
        if (!x)
                return;
        int status = x->r.answer.status ? x->r.answer.status : 200;
        int64_t took = clock_mono().us - x->began.us;
        struct route_stats *s = x->r.route ? &api->stats[x->route_number] : &api->unrouted;
        histogram_add(&s->time, took);
        atomic_fetch_add(&s->by_class[status / 100 < 6 ? status / 100 : 5], 1);
        if (x->r.id.n)
                log_request(status >= 500 ? LOG_WARNING : LOG_INFO, clock_wall().us,
                            &(struct log_request){.id = x->r.id, .method = x->r.method, .path = str_sub(x->raw_path, 0, LOGGED_PATH_MAX), .user = x->r.who.user, .status = status,
                                                  .bytes = x->answer_bytes, .took_us = took, .cut_off = code != MHD_REQUEST_TERMINATED_COMPLETED_OK});
        if (x->r.answer.stream && x->r.answer.stream->close)
                x->r.answer.stream->close(x->r.answer.stream); /* the client left before it began */
        line_phase(connection, LINE_WAITS);
        atomic_fetch_sub(&api->body_bytes, x->counted);
        if (x->post)
                MHD_destroy_post_processor(x->post);
        buf_free(&x->body);
        buf_free(&x->r.answer.body);
        if (x->r.answer.fd >= 0)
                close(x->r.answer.fd);
        arena_free(x->arena);
        atomic_fetch_sub(&api->active, 1);
}

/* ---- the body ---- */

static bool is_form(struct exchange *x)
{
        struct str type = request_header(&x->r, "Content-Type");
        return type.n >= 19 && strncasecmp(type.p, "multipart/form-data", 19) == 0;
}

static void begin(struct exchange *x, const char *method)
{
        struct api *api = x->api;
        struct str allowed;
        struct error e;
        x->r.method = arena_str(x->arena, str_from(method));
        x->r.id = request_id(api, x->connection, x->arena);
        x->r.route = router_find(api->router, x->r.method, x->raw_path, x, &x->route_number, &allowed);
        x->body_max = (size_t)api->o.settings->number[SET_API_BODY_BYTES_MAX];
        if (x->r.route && x->r.route->body_bytes_max)
                x->body_max = x->r.route->body_bytes_max;
        x->body = BUF(x->body_max);
        x->form = is_form(x);
        line_phase(x->connection, LINE_SENDS);
        if (!x->r.route && allowed.n) {
                request_set_header(&x->r, "Allow", allowed);
                refuse(x, ERROR_USAGE, 405, arena_printf(x->arena, "%s is not for this path; it takes %.*s", method, STR_FMT(allowed)).p);
                if (str_eq_c(x->r.method, "OPTIONS")) {
                        x->r.answer.status = 204;
                        buf_clear(&x->r.answer.body);
                }
        } else if (!x->r.route)
                refuse(x, ERROR_NOT_FOUND, 404, arena_printf(x->arena, "there is nothing at %.*s", STR_FMT(str_sub(x->raw_path, 0, 200))).p);
        x->r.reader = x->r.route ? thread_store_reader(api, &e) : NULL;
        if (x->r.route && (!x->r.reader || !auth_identify(x, &e) || !origin_check(x, &e))) { /* before its body costs anything */
                request_fail(&x->r, &e);
                x->handled = true;
        }
        int64_t length;
        if (!x->handled && str_to_i64(request_header(&x->r, "Content-Length"), &length) && length > (int64_t)x->body_max)
                x->too_large = true;
}

/* What is refused already still has a body on its way. It is read and dropped, because who is cut off while sending does not get to read the
 * answer; unless it is very large, or the client waits for a word before it sends. */
static bool answer_now(const struct exchange *x)
{
        int64_t length = 0;
        str_to_i64(request_header(&x->r, "Content-Length"), &length);
        return length > DROP_BYTES_MAX || request_header(&x->r, "Expect").n; /* it also ends the connection */
}

static void count(struct exchange *x)
{
        struct api *api = x->api;
        size_t more = x->body.cap - x->counted;
        x->counted += more;
        if (more && atomic_fetch_add(&api->body_bytes, more) + more > (uint64_t)api->o.settings->number[SET_API_BODIES_BYTES_MAX] && !x->handled) {
                refuse(x, ERROR_BUSY, 503, "the bodies of the requests that are under way take all the memory they may (api.bodies_bytes_max); try again later");
                request_set_header(&x->r, "Retry-After", STR("1"));
        }
}

static bool take(struct exchange *x, const char *data, size_t n)
{
        if (x->too_large || x->handled)
                return (x->dropped += n) <= DROP_BYTES_MAX;
        if (x->form) {
                if (!multipart_feed(x, data, n) && !x->too_large)
                        refuse(x, ERROR_INVALID, 400, "the form in the body is malformed: multipart/form-data with a boundary was expected");
        } else
                buf_add(&x->body, (struct str){data, n});
        x->too_large |= x->body.overflow;
        count(x);
        return true;
}

/* ---- the answer ---- */

static const char *const fixed_headers[][2] = {
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy", "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"},
};

static enum MHD_Result queue(struct exchange *x)
{
        struct request *r = &x->r;
        struct MHD_Response *m = NULL;
        int status = r->answer.status ? r->answer.status : 200;
        if (r->answer.stream) {
                if (r->answer.stream->events) {
                        r->answer.type = "text/event-stream";
                        request_set_header(r, "X-Accel-Buffering", STR("no")); /* proxies of that family would hold events back */
                }
                m = stream_response(x, r->answer.stream);
                r->answer.stream = m ? NULL : r->answer.stream;
        } else if (r->answer.fd >= 0) {
                x->answer_bytes = r->answer.fd_bytes;
                m = MHD_create_response_from_fd_at_offset64(r->answer.fd_bytes, r->answer.fd, r->answer.fd_from);
                r->answer.fd = m ? -1 : r->answer.fd;
        } else {
                x->answer_bytes = r->answer.body.n;
                m = MHD_create_response_from_buffer(r->answer.body.n, r->answer.body.p ? r->answer.body.p : (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT); /* lives until on_completed */
        }
        if (!m)
                return MHD_NO;
        line_phase(x->connection, x->answer_bytes && r->answer.body.n ? LINE_READS : LINE_WORKS);
        bool own_type = false, own_policy = false, own_cache = false;
        for (size_t i = 0; i < x->headers_n; i++) {
                MHD_add_response_header(m, x->headers[i].name, x->headers[i].value.p);
                own_type |= !strcasecmp(x->headers[i].name, "Content-Type");
                own_policy |= !strcasecmp(x->headers[i].name, "Content-Security-Policy");
                own_cache |= !strcasecmp(x->headers[i].name, "Cache-Control");
        }
        for (size_t i = 0; i < sizeof fixed_headers / sizeof *fixed_headers; i++)
                if (!own_policy || strcmp(fixed_headers[i][0], "Content-Security-Policy"))
                        MHD_add_response_header(m, fixed_headers[i][0], fixed_headers[i][1]);
        if (!own_type && status != 204)
                MHD_add_response_header(m, "Content-Type", r->answer.type ? r->answer.type : "application/json");
        if (!own_cache)
                MHD_add_response_header(m, "Cache-Control", "no-store");
        MHD_add_response_header(m, "X-Request-Id", r->id.p);
        if (status == 401)
                MHD_add_response_header(m, "WWW-Authenticate", "Bearer");
        if (atomic_load(&x->api->closing))
                MHD_add_response_header(m, "Connection", "close");
        enum MHD_Result done = MHD_queue_response(x->connection, (unsigned)status, m);
        MHD_destroy_response(m);
        return done;
}

void exchange_run(struct exchange *x)
{
        struct error e;
        x->handled = true;
        x->r.reader = thread_store_reader(x->api, &e);
        if (!x->r.reader) {
                request_fail(&x->r, &e);
                return;
        }
        x->r.route->handle(&x->r);
        if (x->r.answer.stream && atomic_load(&x->api->streams_open) >= (uint64_t)x->api->o.settings->number[SET_API_STREAMS_MAX]) {
                if (x->r.answer.stream->close)
                        x->r.answer.stream->close(x->r.answer.stream);
                x->r.answer.stream = NULL;
                error_set(&e, ERROR_BUSY, "as many live streams are open as may be (api.streams_max); try again later");
                request_fail(&x->r, &e);
        }
        if (x->r.answer.body.overflow) {
                error_set(&e, ERROR_LIMIT, "the answer is larger than %zu bytes: ask for less at a time", x->r.answer.body.max);
                request_fail(&x->r, &e);
        }
}

static enum MHD_Result refused(struct exchange *x)
{
        if (x->too_large && !x->handled)
                refuse(x, ERROR_LIMIT, 413, arena_printf(x->arena, "the body is larger than %zu bytes, which is the limit here", x->body_max).p);
        return queue(x);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data, size_t *n, void **context)
{
        struct exchange *x = *context;
        (void)url, (void)version, (void)user;
        if (!x)
                return MHD_NO;
        if (!x->r.method.p) { /* the first call: the headers are there */
                x->connection = connection;
                begin(x, method);
                return (x->too_large || x->handled) && answer_now(x) ? refused(x) : MHD_YES;
        }
        if (*n) {
                bool goes_on = take(x, data, *n);
                *n = 0;
                return goes_on ? MHD_YES : MHD_NO;
        }
        if (x->too_large || x->handled)
                return refused(x);
        line_phase(connection, LINE_WORKS);
        exchange_prepare(x);
        atomic_fetch_add(&x->api->requests, 1);
        if (str_eq_c(x->r.method, "GET") || str_eq_c(x->r.method, "HEAD")) {
                exchange_run(x);
                return queue(x);
        }
        MHD_suspend_connection(connection);
        work_give(x->api, x);
        return MHD_YES;
}

static size_t leave_escaped(void *user, struct MHD_Connection *c, char *s)
{
        (void)user, (void)c;
        return strlen(s);
}

static void on_message(void *user, const char *format, va_list args)
{
        char text[1024];
        (void)user;
        int n = vsnprintf(text, sizeof text, format, args);
        while (n > 0 && n < (int)sizeof text && (text[n - 1] == '\n' || text[n - 1] == '.'))
                text[--n] = 0;
        log_line(LOG_DEBUG, clock_wall().us, STR_NONE, 0, "connection: %s", text);
}

/* ---- opening ---- */

/* "127.0.0.1:8080", "[::1]:8080", ":8080" (everywhere), "localhost:8080". */
static int listen_on(struct api *api, struct str address, struct error *e)
{
        struct str host = address, port = STR_NONE;
        for (size_t i = address.n; i-- > 0;)
                if (address.p[i] == ':') {
                        host = str_sub(address, 0, i);
                        port = str_sub(address, i + 1, address.n);
                        break;
                }
        if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
                host = str_sub(host, 1, host.n - 1);
        int64_t number;
        if (!str_to_i64(port, &number) || number < 0 || number > 65535) {
                error_set(e, ERROR_USAGE, "an address to listen on looks like 127.0.0.1:8080, not \"%.*s\"", STR_FMT(address));
                return -1;
        }
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
        int why = getaddrinfo(host.n ? arena_cstr(api->arena, host) : NULL, arena_cstr(api->arena, port), &hints, &found), fd = -1, error = 0;
        if (why) {
                error_set(e, ERROR_USAGE, "listening on %.*s: %s", STR_FMT(address), gai_strerror(why));
                return -1;
        }
        for (struct addrinfo *x = found; x && fd < 0; x = x->ai_next) {
                int one = 1;
                fd = socket(x->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                if (fd >= 0)
                        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
                if (fd >= 0 && (bind(fd, x->ai_addr, x->ai_addrlen) || listen(fd, 1024))) {
                        error = errno;
                        close(fd);
                        fd = -1;
                }
        }
        freeaddrinfo(found);
        if (fd < 0) {
                error_set(e, error == EADDRINUSE ? ERROR_CONFLICT : ERROR_IO, "listening on %.*s: %s%s", STR_FMT(address), strerror(error),
                          error == EADDRINUSE ? ": another server has it; `--listen 127.0.0.1:0` takes any free port" : "");
                return -1;
        }
        struct sockaddr_storage own;
        socklen_t n = sizeof own;
        char name[INET6_ADDRSTRLEN] = "localhost", service[16] = "0";
        getsockname(fd, (struct sockaddr *)&own, &n);
        api->loopback = address_is_loopback((struct sockaddr *)&own);
        getnameinfo((struct sockaddr *)&own, n, name, sizeof name, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV);
        snprintf(api->url, sizeof api->url, "%s://%s%s%s:%s", api->tls ? "https" : "http", strchr(name, ':') ? "[" : "", name, strchr(name, ':') ? "]" : "", service);
        return fd;
}

static bool tls_read(struct api *api, struct str *certificate, struct str *key, struct error *e)
{
        const struct settings *s = api->o.settings;
        api->tls = s->text[SET_API_TLS_CERTIFICATE].n > 0;
        if (api->tls != (s->text[SET_API_TLS_KEY].n > 0))
                return error_set(e, ERROR_USAGE, "api.tls_certificate and api.tls_key belong together: give both files, or none");
        if (api->tls && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
                return error_set(e, ERROR_UNSUPPORTED, "this libmicrohttpd was built without TLS: put a proxy in front that has it");
        return !api->tls || (file_read(s->text[SET_API_TLS_CERTIFICATE].p, 1 << 20, api->arena, certificate, e) && file_read(s->text[SET_API_TLS_KEY].p, 1 << 20, api->arena, key, e));
}

static bool daemon_start(struct api *api, int fd, struct str certificate, struct str key, struct error *e)
{
        const struct settings *s = api->o.settings;
        unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (api->tls ? MHD_USE_TLS : 0);
        struct MHD_OptionItem tls[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate.p},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key.p},
                {MHD_OPTION_END, 0, NULL},
        };
        struct MHD_OptionItem no_tls[] = {{MHD_OPTION_END, 0, NULL}};
        api->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, api, MHD_OPTION_EXTERNAL_LOGGER, on_message, api, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
                                       (unsigned)s->number[SET_API_THREADS], MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->number[SET_API_CONNECTIONS_MAX], MHD_OPTION_CONNECTION_TIMEOUT,
                                       (unsigned)(s->number[SET_API_TIMEOUT] / US_PER_S), MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)s->number[SET_API_HEADER_BYTES_MAX],
                                       MHD_OPTION_NOTIFY_COMPLETED, on_completed, api, MHD_OPTION_NOTIFY_CONNECTION, on_line, api, MHD_OPTION_URI_LOG_CALLBACK, on_uri, api, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, api,
                                       MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES, MHD_OPTION_ARRAY, api->tls ? tls : no_tls, MHD_OPTION_END);
        return api->daemon || error_set(e, ERROR_USAGE, "the HTTP server does not start%s", api->tls ? ": are certificate and key in PEM form, and do they belong together?" : "");
}

static void api_free(struct api *api)
{
        free(api->stats);
        arena_free(api->arena);
        free(api);
}

bool api_open(const struct api_options *o, struct api **ret, struct error *e)
{
        struct api *api = calloc(1, sizeof *api);
        struct str certificate = STR_NONE, key = STR_NONE;
        if (!api)
                abort();
        api->arena = arena_new();
        api->o = *o;
        api->workers_max = (uint32_t)o->settings->number[SET_API_WORKERS];
        if (getrandom(&api->id_prefix, sizeof api->id_prefix, 0) < 0)
                api->id_prefix = (uint64_t)getpid();
        api->router = router_new(o->routes, api->arena);
        api->stats = calloc(router_routes(api->router) + 1, sizeof *api->stats);
        int fd = -1;
        if (!mhd_load(e) || !tls_read(api, &certificate, &key, e) || (fd = listen_on(api, o->settings->text[SET_API_LISTEN], e)) < 0 || !auth_open(api, e)) {
                if (fd >= 0)
                        close(fd);
                api_free(api);
                return false;
        }
        if (!work_open(api, e) || !streams_open(api, e) || !lines_open(api, e) || !daemon_start(api, fd, certificate, key, e)) {
                close(fd); /* the process ends on this: what is open goes with it */
                return false;
        }
        *ret = api;
        return true;
}

struct str api_url(const struct api *api) { return str_from(api->url); }

static void on_step(uv_timer_t *t) { (void)t; }

/* The loop goes on meanwhile: what is under way needs it for its commits. */
void api_close(struct api *api, int64_t grace_us)
{
        struct mono began = clock_mono();
        uv_timer_t step;
        atomic_store(&api->closing, true);
        int fd = MHD_quiesce_daemon(api->daemon);
        if (fd >= 0)
                close(fd);
        streams_close(api);
        lines_close(api);
        uv_timer_init(api->o.loop, &step);
        uv_timer_start(&step, on_step, DRAIN_STEP_MS, DRAIN_STEP_MS);
        while (atomic_load(&api->active) && clock_mono().us - began.us < grace_us)
                uv_run(api->o.loop, UV_RUN_ONCE);
        pthread_mutex_lock(&api->work_lock);
        api->work_quit = true; /* those that work go on until their errand is answered */
        pthread_cond_broadcast(&api->work_cond);
        while (api->workers) {
                pthread_mutex_unlock(&api->work_lock);
                uv_run(api->o.loop, UV_RUN_ONCE);
                pthread_mutex_lock(&api->work_lock);
        }
        pthread_mutex_unlock(&api->work_lock);
        MHD_stop_daemon(api->daemon);
        uv_close((uv_handle_t *)&step, NULL);
        uv_close((uv_handle_t *)&api->inbox_async, NULL);
        uv_run(api->o.loop, UV_RUN_NOWAIT);
        runtime_unwatch(api->o.runtime, api->streams);
        streams_free(api);
        lines_free(api);
        work_close(api);
        auth_close(api);
        api_free(api);
}
