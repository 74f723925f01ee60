/* The socket in the data folder: other processes of the same user hand over commands, one JSON line each, and may follow a run. */
#include "runtime/internal.h"
#include "text/json.h"
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection lives until its pipe is closed and no command of it is under way. */
struct connection {
        struct server *server;
        struct connection *next, **at;
        uv_pipe_t pipe;
        struct buf in;
        uint32_t commands;
        bool closing, closed;
        char follows[37];
};

struct server {
        struct runtime *rt;
        uv_poll_t poll;
        int fd;
        struct connection *connections;
};

struct asked { struct connection *c; bool follow; };
struct write { uv_write_t w; struct arena *arena; };

static void maybe_free(struct connection *c)
{
        if (!c->closed || c->commands)
                return;
        buf_free(&c->in);
        free(c);
}

static void on_closed(uv_handle_t *h)
{
        struct connection *c = h->data;
        c->closed = true;
        maybe_free(c);
}

static void hang_up(struct connection *c)
{
        if (c->closing)
                return;
        c->closing = true;
        *c->at = c->next;
        if (c->next)
                c->next->at = c->at;
        uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
        (void)status;
        arena_free(((struct write *)w)->arena);
}

static void send_line(struct connection *c, struct str line, struct arena *a)
{
        if (c->closing) {
                arena_free(a);
                return;
        }
        struct write *w = arena_alloc(a, sizeof *w);
        w->arena = a;
        uv_buf_t b = uv_buf_init((char *)line.p, (unsigned)line.n);
        if (uv_write(&w->w, (uv_stream_t *)&c->pipe, &b, 1, on_written) < 0)
                arena_free(a);
}

static void on_answer(void *user, const struct answer *x)
{
        struct asked *q = user;
        struct connection *c = q->c;
        struct arena *a = arena_new();
        if (x->ok && q->follow)
                snprintf(c->follows, sizeof c->follows, "%.*s", STR_FMT(x->uid));
        send_line(c, answer_encode(x, a), a);
        c->commands--;
        free(q);
        maybe_free(c);
}

static void take_line(struct connection *c, struct str line)
{
        struct arena *a = arena_new();
        struct command command;
        struct error e;
        struct asked *q = calloc(1, sizeof *q);
        if (!q)
                abort();
        q->c = c;
        c->commands++;
        if (command_decode(line, a, &command, &e)) {
                q->follow = command.follow || command.kind == COMMAND_FOLLOW;
                runtime_command(c->server->rt, &command, on_answer, q);
        } else
                on_answer(q, &(struct answer){.error = e});
        arena_free(a);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *ret)
{
        (void)want;
        struct connection *c = h->data;
        if (buf_reserve(&c->in, 65536))
                *ret = uv_buf_init(c->in.p + c->in.n, 65535);
        else
                *ret = uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
        (void)b;
        struct connection *c = s->data;
        if (n < 0) {
                hang_up(c);
                return;
        }
        c->in.n += (size_t)n;
        size_t from = 0, end;
        while (!c->closing && (end = str_find_char(buf_str(&c->in), '\n', from)) != SIZE_MAX) {
                take_line(c, str_sub(buf_str(&c->in), from, end));
                from = end + 1;
        }
        if (from) {
                memmove(c->in.p, c->in.p + from, c->in.n - from);
                c->in.n -= from;
        }
}

static void on_poll(uv_poll_t *p, int status, int events)
{
        struct server *s = p->data;
        (void)events;
        int fd = status < 0 ? -1 : accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
                abort();
        c->server = s;
        c->in = BUF((size_t)s->rt->o.settings->number[SET_DOCUMENT_BYTES_MAX] * 2 + (1u << 20));
        uv_pipe_init(s->rt->loop, &c->pipe, 0);
        c->pipe.data = c;
        c->next = s->connections;
        c->at = &s->connections;
        if (c->next)
                c->next->at = &c->next;
        s->connections = c;
        if (uv_pipe_open(&c->pipe, fd) < 0 || uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) < 0)
                hang_up(c);
}

static bool touches(const struct batch *b, const char *uid)
{
        for (size_t i = 0; i < b->touched_n; i++)
                if (strcmp(b->touched[i]->uid, uid) == 0)
                        return true;
        return false;
}

void server_committed(struct server *s, const struct batch *b)
{
        for (struct connection *c = s->connections, *next; c; c = next) {
                next = c->next;
                if (!c->follows[0] || !touches(b, c->follows) || uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > 65536)
                        continue; /* whoever reads slowly reads the store when it gets there */
                struct arena *a = arena_new();
                send_line(c, arena_printf(a, "{\"changed\":\"%s\",\"seq\":%llu}\n", c->follows, (unsigned long long)b->seq), a);
        }
}

bool runtime_serve(struct runtime *rt, struct error *e)
{
        int fd = socket_listen(rt->o.folder, e);
        if (fd < 0)
                return false;
        struct server *s = calloc(1, sizeof *s);
        if (!s)
                abort();
        s->rt = rt;
        s->fd = fd;
        uv_poll_init(rt->loop, &s->poll, fd);
        s->poll.data = s;
        uv_poll_start(&s->poll, UV_READABLE, on_poll);
        rt->server = s;
        return true;
}

static void server_free(uv_handle_t *h)
{
        struct server *s = h->data;
        close(s->fd);
        free(s);
}

void server_close(struct server *s)
{
        char path[4096];
        snprintf(path, sizeof path, "%.*s/socket", STR_FMT(s->rt->o.folder));
        unlink(path);
        s->rt->server = NULL;
        while (s->connections)
                hang_up(s->connections);
        uv_poll_stop(&s->poll);
        uv_close((uv_handle_t *)&s->poll, server_free);
}
