/* What a client says before any handler sees it: a path with its query (the first byte is even), or a form (odd), which takes the whole way through the HTTP
 * library. */
#include "api/internal.h"
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 1 << 20, TURNS = 1000 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void nothing(struct request *r) { (void)r; }
static const struct route table[] = {
        {.method = "GET", .path = "/runs", .handle = nothing},
        {.method = "GET", .path = "/runs/{run_id}", .handle = nothing},
        {.method = "GET", .path = "/runs/{run_id}/nodes/{node}", .handle = nothing},
        {.method = "GET", .path = "/runs/{run_id}:archive", .handle = nothing},
        {.method = "POST", .path = "/runs/{run_id}:terminate", .handle = nothing},
        {.method = "GET", .path = "/artifacts/{path...}", .handle = nothing},
        {.method = "GET", .path = "/", .handle = nothing},
        {0},
};
static const struct route *const tables[] = {table, NULL};

static bool within(struct str part, struct str whole) { return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n); }

static void path(struct str text, struct arena *a)
{
        struct exchange x = {.arena = a};
        struct str rest = text, allowed;
        size_t number = SIZE_MAX;
        x.raw_path = str_cut(&rest, '?');
        x.raw_query = rest;
        struct router *r = router_new(tables, a);
        const struct route *found = router_find(r, STR("GET"), x.raw_path, &x, &number, &allowed);
        check(!found || (number < router_routes(r) && router_route(r, number) == found));
        for (size_t i = 0; i < x.variables_n; i++)
                check(str_is_utf8(x.variables[i].value) && str_find_char(x.variables[i].value, 0, 0) == SIZE_MAX);
        struct str value = request_query(&x.r, "filter");
        check(str_is_utf8(value) && value.n <= text.n);
        request_variable(&x.r, "run_id");
}

/* ---- forms ---- */

struct form { struct exchange x; bool answered; };

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data, size_t *n, void **context)
{
        struct form *f = user;
        (void)url, (void)method, (void)version;
        if (!*context) {
                f->x.connection = connection;
                *context = f;
                return MHD_YES;
        }
        if (*n) {
                multipart_feed(&f->x, data, *n);
                *n = 0;
                return MHD_YES;
        }
        f->answered = true;
        exchange_prepare(&f->x);
        for (size_t i = 0; i < f->x.r.parts_n; i++)
                check(within(f->x.r.parts[i].content, buf_str(&f->x.body)));
        struct MHD_Response *m = MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
        MHD_add_response_header(m, "Connection", "close");
        enum MHD_Result done = MHD_queue_response(connection, 200, m);
        MHD_destroy_response(m);
        return done;
}

static void form(struct str text, struct arena *a)
{
        struct form f = {.x = {.arena = a, .body = BUF(BODY_MAX), .body_max = BODY_MAX, .form = true}};
        struct error e;
        struct sockaddr address = {.sa_family = AF_UNIX};
        int pair[2];
        f.x.r.arena = a;
        check(mhd_load(&e) && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
        struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, &f, MHD_OPTION_END);
        check(daemon && MHD_add_connection(daemon, pair[0], &address, sizeof address) == MHD_YES);
        struct str head = arena_printf(a, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %zu\r\n\r\n", text.n);
        struct str all = arena_printf(a, "%.*s%*s", STR_FMT(head), (int)text.n, "");
        memcpy((char *)(uintptr_t)all.p + head.n, text.p ? text.p : "", text.n);
        for (size_t sent = 0, turn = 0; turn < TURNS && !f.answered; turn++) {
                size_t piece = 1 + (text.n ? (unsigned char)text.p[turn % text.n] : 0); /* cut where the input says */
                ssize_t n = sent < all.n ? send(pair[1], all.p + sent, piece * 7 < all.n - sent ? piece * 7 : all.n - sent, MSG_NOSIGNAL) : 0;
                sent += n > 0 ? (size_t)n : 0;
                MHD_run(daemon);
        }
        close(pair[1]);
        MHD_stop_daemon(daemon);
        if (f.x.post)
                MHD_destroy_post_processor(f.x.post);
        buf_free(&f.x.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (!size || size > 65536)
                return 0;
        _cleanup_arena_ struct arena *a = arena_new();
        struct str text = {(const char *)data + 1, size - 1};
        if (data[0] % 2)
                form(text, a);
        else
                path(text, a);
        return 0;
}
