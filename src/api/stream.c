/* Streams: answers without a known end, pulled by the client.
 *
 * L1  A stream holds what `next` gave and the client has not taken yet; `next` is asked only when that is empty. So a slow client costs one
 *     piece of about 64 KiB.
 * L2  A stream with nothing to say is suspended: no thread, no polling. A commit that touches its run (or any commit, for streams of lists), the
 *     growth of its file, or the pulse that keeps proxies patient wakes it. `woken` closes the gap between asking and being suspended.
 * L3  Streams of everything are woken at most every LIST_PERIOD_MS, however many commits there are.
 * L4  All of this is under one lock, which nobody holds while reading the store. */
#include "api/internal.h"
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { PIECE_BYTES = 16384, WATCHES_MAX = 64, NEXT_BYTES_MAX = 4 << 20, LIST_PERIOD_MS = 100 };

struct stream {
        struct streams *all;
        struct api *api;
        struct answer_stream *s;
        struct MHD_Connection *connection;
        struct buf out;
        size_t sent;
        int fd;                      /* of the connection */
        bool suspended, woken, ended, pulse;
        int *watches; size_t watches_n;
        char run[40];
        struct stream *next, *previous;
};

struct streams {
        struct api *api;
        pthread_mutex_t lock;
        struct stream *first;
        size_t n;
        uv_timer_t pulse, lists;
        uv_poll_t files;
        uv_async_t arm;              /* the first stream is there: the pulse begins */
        int inotify;
        uint64_t pulse_ms;
        bool lists_armed, closing;
};

/* With the lock. */
static void wake(struct stream *t)
{
        if (t->suspended) {
                t->suspended = false;
                MHD_resume_connection(t->connection);
        } else
                t->woken = true;
}

static bool touches(const struct commit *c, const struct stream *t)
{
        for (size_t i = 0; i < c->runs_n; i++)
                if (str_eq_c(c->runs[i]->uid, t->run))
                        return true;
        for (size_t i = 0; i < c->nodes_n; i++)
                if ((i == 0 || c->nodes[i].run.p != c->nodes[i - 1].run.p) && str_eq_c(c->nodes[i].run, t->run))
                        return true;
        for (size_t i = 0; i < c->metas_n; i++)
                if (str_eq_c(c->metas[i].run, t->run))
                        return true;
        for (size_t i = 0; i < c->deleted_runs_n; i++)
                if (str_eq_c(c->deleted_runs[i], t->run))
                        return true;
        return false;
}

static void on_lists(uv_timer_t *timer)
{
        struct streams *all = timer->data;
        pthread_mutex_lock(&all->lock);
        all->lists_armed = false;
        for (struct stream *t = all->first; t; t = t->next)
                if (!t->run[0])
                        wake(t);
        pthread_mutex_unlock(&all->lock);
}

static void on_commit(void *user, const struct commit *c, uint64_t seq)
{
        struct streams *all = user;
        (void)seq;
        pthread_mutex_lock(&all->lock);
        bool lists = false;
        for (struct stream *t = all->first; t; t = t->next) {
                lists |= !t->run[0];
                if (t->run[0] && touches(c, t))
                        wake(t);
        }
        if (lists && !all->lists_armed && !all->closing) {
                all->lists_armed = true;
                uv_timer_start(&all->lists, on_lists, LIST_PERIOD_MS, 0);
        }
        pthread_mutex_unlock(&all->lock);
}

/* A client that went away says nothing more, and a stream with nothing to say would never find out. */
static bool client_left(const struct stream *t)
{
        struct pollfd p = {.fd = t->fd, .events = POLLRDHUP};
        return t->fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void on_pulse(uv_timer_t *timer)
{
        struct streams *all = timer->data;
        pthread_mutex_lock(&all->lock);
        for (struct stream *t = all->first; t; t = t->next)
                if (t->suspended && client_left(t)) { /* suspended: its fields are nobody else's now */
                        t->ended = true;
                        wake(t);
                } else if (t->s->events) {
                        t->pulse = true;
                        wake(t);
                }
        if (!all->first)
                uv_timer_stop(timer);
        pthread_mutex_unlock(&all->lock);
}

static void on_arm(uv_async_t *a)
{
        struct streams *all = a->data;
        if (!all->closing && !uv_is_active((uv_handle_t *)&all->pulse))
                uv_timer_start(&all->pulse, on_pulse, all->pulse_ms, all->pulse_ms);
}

static bool watches(const struct stream *t, int wd)
{
        for (size_t i = 0; i < t->watches_n; i++)
                if (t->watches[i] == wd)
                        return true;
        return false;
}

static void on_file(uv_poll_t *p, int status, int events)
{
        struct streams *all = p->data;
        (void)status, (void)events;
        _Alignas(struct inotify_event) char data[16384];
        ssize_t n;
        while ((n = read(all->inotify, data, sizeof data)) > 0)
                for (char *at = data; at < data + n; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
                        const struct inotify_event *v = (struct inotify_event *)at;
                        pthread_mutex_lock(&all->lock);
                        for (struct stream *t = all->first; t; t = t->next)
                                if (watches(t, v->wd))
                                        wake(t);
                        pthread_mutex_unlock(&all->lock);
                }
}

/* ---- one stream; on the server's threads ---- */

static ssize_t pull(void *user, uint64_t pos, char *to, size_t max)
{
        struct stream *t = user;
        (void)pos;
        if (t->sent == t->out.n && !t->ended) {
                struct error e;
                struct store_reader *reader = thread_store_reader(t->api, &e);
                buf_clear(&t->out);
                t->sent = 0;
                pthread_mutex_lock(&t->all->lock);
                t->woken = false;
                bool closing = t->all->closing, pulse = t->pulse;
                t->pulse = false;
                pthread_mutex_unlock(&t->all->lock);
                t->ended = closing || !reader || !t->s->next(t->s, reader, &t->out) || t->out.overflow;
                if (pulse && !t->out.n && !t->ended)
                        buf_add_c(&t->out, ": alive\n\n");
        }
        if (t->sent == t->out.n) {
                if (t->ended)
                        return MHD_CONTENT_READER_END_OF_STREAM;
                pthread_mutex_lock(&t->all->lock);
                if (!t->woken && !t->all->closing) {
                        t->suspended = true;
                        MHD_suspend_connection(t->connection);
                }
                pthread_mutex_unlock(&t->all->lock);
                return 0;
        }
        size_t n = t->out.n - t->sent < max ? t->out.n - t->sent : max;
        memcpy(to, t->out.p + t->sent, n);
        t->sent += n;
        if (t->sent == t->out.n)
                buf_free(&t->out), t->out = BUF(NEXT_BYTES_MAX), t->sent = 0; /* an idle stream keeps no memory */
        return (ssize_t)n;
}

static void stream_free(void *user)
{
        struct stream *t = user;
        struct streams *all = t->all;
        pthread_mutex_lock(&all->lock);
        if (t->previous)
                t->previous->next = t->next;
        else
                all->first = t->next;
        if (t->next)
                t->next->previous = t->previous;
        all->n--;
        for (size_t i = 0; i < t->watches_n; i++) {
                bool shared = false;
                for (struct stream *o = all->first; o && !shared; o = o->next)
                        shared = watches(o, t->watches[i]);
                if (!shared)
                        inotify_rm_watch(all->inotify, t->watches[i]);
        }
        pthread_mutex_unlock(&all->lock);
        atomic_fetch_sub(&t->api->streams_open, 1);
        if (t->s->close)
                t->s->close(t->s);
        buf_free(&t->out);
        free(t->watches);
        free(t);
}

/* With the lock. Watching the same file again changes nothing. */
static bool watch(struct stream *t, const char *path)
{
        int wd = inotify_add_watch(t->all->inotify, path, IN_MODIFY | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF);
        if (wd < 0 || watches(t, wd))
                return wd >= 0;
        if (t->watches_n == WATCHES_MAX)
                return false;
        t->watches = realloc(t->watches, (t->watches_n + 1) * sizeof *t->watches);
        if (!t->watches)
                abort();
        t->watches[t->watches_n++] = wd;
        return true;
}

bool answer_stream_watch(struct answer_stream *s, const char *path)
{
        struct stream *t = s->of;
        pthread_mutex_lock(&t->all->lock);
        bool watched = watch(t, path);
        pthread_mutex_unlock(&t->all->lock);
        return watched;
}

/* Takes over `s`, whose memory is its own or its `close`'s to free. */
struct MHD_Response *stream_response(struct exchange *x, struct answer_stream *s)
{
        struct api *api = x->api;
        struct streams *all = api->streams;
        struct stream *t = calloc(1, sizeof *t);
        if (!t)
                abort();
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *t = (struct stream){.fd = i ? i->connect_fd : -1, .all = all, .api = api, .s = s, .connection = x->connection, .out = BUF(NEXT_BYTES_MAX)};
        snprintf(t->run, sizeof t->run, "%.*s", STR_FMT(s->wake_run));
        s->of = t;
        pthread_mutex_lock(&all->lock);
        if (s->wake_file.n)
                watch(t, arena_cstr(x->arena, s->wake_file));
        t->next = all->first;
        if (all->first)
                all->first->previous = t;
        all->first = t;
        if (!all->n++ && !all->closing)
                uv_async_send(&all->arm);
        pthread_mutex_unlock(&all->lock);
        atomic_fetch_add(&api->streams_open, 1);
        struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, pull, t, stream_free);
        if (!response)
                stream_free(t);
        return response;
}

/* ---- all of them ---- */

bool streams_open(struct api *api, struct error *e)
{
        struct streams *all = calloc(1, sizeof *all);
        if (!all)
                abort();
        all->api = api;
        all->pulse_ms = (uint64_t)api->o.settings->number[SET_API_PULSE] / US_PER_MS;
        api->streams = all;
        pthread_mutex_init(&all->lock, NULL);
        all->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (all->inotify < 0 || uv_poll_init(api->o.loop, &all->files, all->inotify))
                return error_set(e, ERROR_INTERNAL, "beginning to serve: the system gives no more watches of files");
        uv_timer_init(api->o.loop, &all->pulse);
        uv_timer_init(api->o.loop, &all->lists);
        uv_async_init(api->o.loop, &all->arm, on_arm);
        all->pulse.data = all->lists.data = all->files.data = all->arm.data = all;
        uv_poll_start(&all->files, UV_READABLE, on_file);
        runtime_watch(api->o.runtime, on_commit, all);
        return true;
}

void streams_close(struct api *api)
{
        struct streams *all = api->streams;
        pthread_mutex_lock(&all->lock);
        all->closing = true;
        for (struct stream *t = all->first; t; t = t->next)
                wake(t);
        pthread_mutex_unlock(&all->lock);
        uv_close((uv_handle_t *)&all->pulse, NULL);
        uv_close((uv_handle_t *)&all->lists, NULL);
        uv_close((uv_handle_t *)&all->files, NULL);
        uv_close((uv_handle_t *)&all->arm, NULL);
}

/* After the loop has let go of the handles and of the watcher. */
void streams_free(struct api *api)
{
        close(api->streams->inotify);
        pthread_mutex_destroy(&api->streams->lock);
        free(api->streams);
}
