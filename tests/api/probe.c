/* A server with routes made for the tests of the server itself: `probe serve --listen A --data DIR [--set NAME=VALUE]…`, as `weft serve`. */
#include "api/server.h"
#include "runtime/files.h"
#include "text/json.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

static void fail(const struct error *e)
{
        fprintf(stderr, "probe: %s\n", e->text);
        exit(3);
}

static void member(struct map_builder *m, const char *name, struct str s) { map_push(m, str_from(name), value_string(s)); }

static void answer_map(struct request *r, struct map_builder *m)
{
        struct value v = value_map(m->members, m->n);
        json_write(&v, JSON_COMPACT, &r->answer.body);
}

static void get_echo(struct request *r)
{
        struct map_builder m = {.arena = r->arena};
        member(&m, "name", request_variable(r, "name"));
        member(&m, "rest", request_variable(r, "rest"));
        member(&m, "q", request_query(r, "q"));
        member(&m, "header", request_header(r, "X-Probe"));
        answer_map(r, &m);
}

static void act_echo(struct request *r)
{
        struct map_builder m = {.arena = r->arena};
        member(&m, "acted", request_variable(r, "name"));
        answer_map(r, &m);
}

static void post_echo(struct request *r)
{
        buf_add(&r->answer.body, r->body);
        r->answer.type = "application/octet-stream";
}

static void post_json(struct request *r)
{
        struct value v;
        struct error e;
        if (!request_json(r, &v, &e))
                request_fail(r, &e);
        else
                json_write(&v, JSON_COMPACT, &r->answer.body);
}

static void post_form(struct request *r)
{
        struct value_builder list = {.arena = r->arena};
        for (size_t i = 0; i < r->parts_n; i++) {
                struct map_builder m = {.arena = r->arena};
                member(&m, "name", r->parts[i].name);
                member(&m, "file", r->parts[i].file_name);
                map_push(&m, STR("bytes"), value_i64((int64_t)r->parts[i].content.n, r->arena));
                member(&m, "start", str_sub(r->parts[i].content, 0, 20));
                value_push(&list, value_map(m.members, m.n));
        }
        struct value v = value_list(list.items, list.n);
        json_write(&v, JSON_COMPACT, &r->answer.body);
}

static void post_run(struct request *r)
{
        struct answer x;
        struct error e;
        struct command c = {.kind = COMMAND_RUN, .document = r->body, .submission = {.name = request_query(r, "name")}};
        struct map_builder m = {.arena = r->arena};
        if (!request_command(r, &c, &x, &e)) {
                request_fail(r, &e);
                return;
        }
        member(&m, "uid", x.uid);
        member(&m, "name", x.name);
        answer_map(r, &m);
}

static void post_slow(struct request *r)
{
        int64_t ms = 0;
        str_to_i64(request_query(r, "ms"), &ms);
        usleep((useconds_t)ms * 1000);
        buf_add_c(&r->answer.body, "{}");
}

static void get_big(struct request *r)
{
        int64_t n = 0;
        str_to_i64(request_query(r, "n"), &n);
        if (n > 0 && buf_reserve(&r->answer.body, (size_t)n)) {
                memset(r->answer.body.p, 'x', (size_t)n);
                r->answer.body.n = (size_t)n;
        }
}

static void get_file(struct request *r)
{
        struct str path = request_query(r, "path");
        struct stat st;
        r->answer.fd = open(arena_cstr(r->arena, path), O_RDONLY | O_CLOEXEC);
        if (r->answer.fd >= 0 && !fstat(r->answer.fd, &st)) {
                r->answer.fd_from = 1;
                r->answer.fd_bytes = (uint64_t)st.st_size - 1;
        }
        r->answer.type = "text/plain";
}

/* ---- streams ---- */

static _Atomic int open_streams;
struct probe_stream { struct answer_stream s; const struct store_ops *store; uint64_t seq; uint64_t sent; FILE *f; char run[40], path[1024]; };

static void stream_close(struct answer_stream *s)
{
        struct probe_stream *p = s->user;
        open_streams--;
        if (p->f)
                fclose(p->f);
        free(p);
}

static bool next_event(struct answer_stream *s, struct store_reader *reader, struct buf *out)
{
        struct probe_stream *p = s->user;
        uint64_t now = 0;
        struct error e;
        if (!p->store->seq(reader, &now, &e))
                return false;
        if (now != p->seq || !p->sent)
                buf_addf(out, "id: %llu\ndata: {}\n\n", (unsigned long long)now);
        p->seq = now;
        p->sent = 1;
        return true;
}

static bool next_line(struct answer_stream *s, struct store_reader *reader, struct buf *out)
{
        struct probe_stream *p = s->user;
        char piece[65536];
        (void)reader;
        clearerr(p->f);
        size_t n = fread(piece, 1, sizeof piece, p->f);
        buf_add(out, (struct str){piece, n});
        return !(n >= 4 && !memcmp(piece + n - 4, "END\n", 4));
}

static bool next_flood(struct answer_stream *s, struct store_reader *reader, struct buf *out)
{
        struct probe_stream *p = s->user;
        (void)reader;
        if (buf_reserve(out, 65536)) {
                memset(out->p, 'f', 65536);
                out->n = 65536;
                out->p[65536] = 0;
        }
        return (p->sent += 65536) < 400000000;
}

static struct probe_stream *stream_new(struct request *r, bool (*next)(struct answer_stream *, struct store_reader *, struct buf *))
{
        struct probe_stream *p = calloc(1, sizeof *p);
        if (!p)
                abort();
        p->store = r->store;
        p->s = (struct answer_stream){.next = next, .close = stream_close, .user = p};
        r->answer.stream = &p->s;
        open_streams++;
        return p;
}

static void get_events(struct request *r)
{
        struct probe_stream *p = stream_new(r, next_event);
        snprintf(p->run, sizeof p->run, "%.*s", STR_FMT(request_query(r, "run")));
        p->s.events = true;
        p->s.wake_run = str_from(p->run);
}

static void get_lines(struct request *r)
{
        struct probe_stream *p = stream_new(r, next_line);
        snprintf(p->path, sizeof p->path, "%.*s", STR_FMT(request_query(r, "path")));
        p->f = fopen(p->path, "re");
        p->s.wake_file = str_from(p->path);
        snprintf(p->run, sizeof p->run, "none");
        p->s.wake_run = str_from(p->run);
        r->answer.type = "text/plain";
        if (!p->f)
                abort();
}

static void get_flood(struct request *r)
{
        stream_new(r, next_flood);
        r->answer.type = "text/plain";
}

static void get_state(struct request *r) { buf_addf(&r->answer.body, "{\"streams\":%d}", open_streams); }

static const struct route routes[] = {
        {.method = "GET", .path = "/echo/{name}", .handle = get_echo},
        {.method = "GET", .path = "/echo/{name}/{rest...}", .handle = get_echo},
        {.method = "GET", .path = "/echo/fixed", .handle = get_state},
        {.method = "POST", .path = "/echo/{name}:act", .handle = act_echo},
        {.method = "POST", .path = "/echo", .handle = post_echo},
        {.method = "POST", .path = "/small", .handle = post_echo, .body_bytes_max = 1000},
        {.method = "POST", .path = "/json", .handle = post_json},
        {.method = "POST", .path = "/form", .handle = post_form},
        {.method = "POST", .path = "/run", .handle = post_run},
        {.method = "POST", .path = "/slow", .handle = post_slow},
        {.method = "GET", .path = "/big", .handle = get_big},
        {.method = "GET", .path = "/file", .handle = get_file},
        {.method = "GET", .path = "/events", .handle = get_events},
        {.method = "GET", .path = "/lines", .handle = get_lines},
        {.method = "GET", .path = "/flood", .handle = get_flood},
        {.method = "GET", .path = "/state", .handle = get_state},
        {0},
};
static const struct route *const tables[] = {routes, routes_core, NULL};

static void on_signal(uv_signal_t *h, int number)
{
        (void)number;
        uv_stop(h->loop);
}

int main(int argc, char **argv)
{
        struct arena *a = arena_new();
        struct settings settings;
        struct error e;
        struct str folder = STR_NONE;
        int lock;
        bool owned;
        uv_loop_t loop;
        uv_signal_t terminate;
        struct runtime *rt;
        struct api *api;
        settings_init(&settings, a);
        for (int i = 2; i + 1 < argc; i += 2) {
                struct str value = str_from(argv[i + 1]), name = STR("api.listen");
                if (!strcmp(argv[i], "--data")) {
                        if (!data_folder(value, true, a, &folder, &e))
                                fail(&e);
                        continue;
                }
                if (!strcmp(argv[i], "--set"))
                        name = str_cut(&value, '=');
                if (!settings_set(&settings, name, value, "--set", &e))
                        fail(&e);
        }
        if (!data_lock(folder, &lock, &owned, &e) || !owned)
                fail(&e);
        uv_loop_init(&loop);
        struct runtime_options o = {.folder = folder, .self_exe = str_from(argv[0]), .settings = &settings, .store = &store_sqlite, .executor = &executor_null};
        if (!runtime_open(&o, &loop, &rt, &e))
                fail(&e);
        struct api_options p = {.runtime = rt, .loop = &loop, .store = &store_sqlite, .store_settings = runtime_store_settings(folder, &settings, false, a),
                                .settings = &settings, .folder = folder, .routes = tables};
        if (!api_open(&p, &api, &e))
                fail(&e);
        uv_signal_init(&loop, &terminate);
        uv_signal_start(&terminate, on_signal, SIGTERM);
        printf("probe: serving %.*s\n", STR_FMT(api_url(api)));
        fflush(stdout);
        uv_run(&loop, UV_RUN_DEFAULT);
        api_close(api, settings.number[SET_API_GRACE]);
        uv_close((uv_handle_t *)&terminate, NULL);
        runtime_close(rt);
        uv_loop_close(&loop);
        close(lock);
        arena_free(a);
        if (open_streams)
                fprintf(stderr, "probe: %d streams were not closed\n", open_streams);
        return open_streams ? 4 : 0;
}
