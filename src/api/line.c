/* Connections, and how long each may take. The HTTP library closes one on which nothing moves; a client that sends a byte now and then would
 * stay for ever, so every phase of a request has an end of its own, which a sweep looks after.
 *
 * A sweep only shuts the socket down, and only while the connection is in the list, from which the library takes it before it closes the socket: so
 * it never hits a descriptor that has become another's. There is no sweep while there is no connection. */
#include "api/internal.h"
#include "runtime/files.h"
#include <stdlib.h>
#include <sys/socket.h>

enum { SWEEP_MS = 1000 };

struct line {
        struct line *next, *previous;
        int fd;
        _Atomic int phase;
        _Atomic int64_t since_us;
};

struct lines {
        pthread_mutex_t lock;        /* of the list */
        struct line *first;
        uv_async_t arm;
        uv_timer_t sweep;
        bool closing;
        int64_t wait_us, request_us;
};

static int64_t allowed_us(const struct lines *all, int phase)
{
        return phase == LINE_WAITS ? all->wait_us : phase == LINE_WORKS ? INT64_MAX : all->request_us;
}

static void on_sweep(uv_timer_t *t)
{
        struct lines *all = t->data;
        int64_t now = clock_mono().us;
        pthread_mutex_lock(&all->lock);
        for (struct line *l = all->first; l; l = l->next)
                if (now - atomic_load(&l->since_us) > allowed_us(all, atomic_load(&l->phase)))
                        shutdown(l->fd, SHUT_RDWR);
        if (!all->first)
                uv_timer_stop(t);
        pthread_mutex_unlock(&all->lock);
}

static void on_arm(uv_async_t *a)
{
        struct lines *all = a->data;
        if (!uv_is_active((uv_handle_t *)&all->sweep))
                uv_timer_start(&all->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

static struct line *line_of(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        return i ? i->socket_context : NULL;
}

void line_phase(struct MHD_Connection *connection, enum line_phase phase)
{
        struct line *l = line_of(connection);
        if (!l)
                return;
        atomic_store(&l->phase, LINE_WORKS); /* no sweep sees the new phase with the old time */
        atomic_store(&l->since_us, clock_mono().us);
        atomic_store(&l->phase, phase);
}

static void begins(struct api *api, struct MHD_Connection *connection, void **context)
{
        struct lines *all = api->lines;
        struct line *l = calloc(1, sizeof *l);
        if (!l)
                abort();
        l->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        l->since_us = clock_mono().us;
        *context = l;
        atomic_fetch_add(&api->connections, 1);
        pthread_mutex_lock(&all->lock);
        bool first = !all->first;
        l->next = all->first;
        if (l->next)
                l->next->previous = l;
        all->first = l;
        if (first && !all->closing)
                uv_async_send(&all->arm);
        pthread_mutex_unlock(&all->lock);
}

static void ends(struct api *api, void **context)
{
        struct lines *all = api->lines;
        struct line *l = *context;
        if (!l)
                return;
        pthread_mutex_lock(&all->lock);
        if (l->previous)
                l->previous->next = l->next;
        else
                all->first = l->next;
        if (l->next)
                l->next->previous = l->previous;
        pthread_mutex_unlock(&all->lock);
        free(l);
        *context = NULL;
        atomic_fetch_sub(&api->connections, 1);
}

void on_line(void *user, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
        if (code == MHD_CONNECTION_NOTIFY_STARTED)
                begins(user, connection, context);
        else
                ends(user, context);
}

bool lines_open(struct api *api, struct error *e)
{
        struct lines *all = calloc(1, sizeof *all);
        if (!all)
                abort();
        api->lines = all;
        all->wait_us = api->o.settings->number[SET_API_TIMEOUT];
        all->request_us = api->o.settings->number[SET_API_REQUEST_TIME];
        pthread_mutex_init(&all->lock, NULL);
        if (uv_async_init(api->o.loop, &all->arm, on_arm))
                return error_set(e, ERROR_INTERNAL, "beginning to serve: the system has no more of what loops need");
        uv_timer_init(api->o.loop, &all->sweep);
        all->arm.data = all->sweep.data = all;
        return true;
}

void lines_close(struct api *api)
{
        struct lines *all = api->lines;
        pthread_mutex_lock(&all->lock);
        all->closing = true;
        pthread_mutex_unlock(&all->lock);
        uv_close((uv_handle_t *)&all->arm, NULL);
        uv_close((uv_handle_t *)&all->sweep, NULL);
}

void lines_free(struct api *api)
{
        pthread_mutex_destroy(&api->lines->lock);
        free(api->lines);
}
