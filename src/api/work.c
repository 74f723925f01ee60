/* Worker threads for what may wait, and the way of commands to the loop.
 *
 * W1  A worker takes one exchange, runs its handler and gives the connection back. Threads are made when work waits and none is idle, up to
 *     api.workers, and stay until the server ends.
 * W2  A command crosses to the loop's thread in an errand on the worker's stack; the loop fills in the answer and wakes it. The loop answers
 *     every errand that it was given, also while it ends, so that no worker waits for ever. */
#include "api/internal.h"
#include <stdlib.h>

enum { STACK_BYTES = 1 << 20 };

struct thread_reader { struct thread_reader *next; struct store_reader *reader; };

struct store_reader *thread_store_reader(struct api *api, struct error *e)
{
        struct thread_reader *t = pthread_getspecific(api->reader_key);
        if (t)
                return t->reader;
        t = calloc(1, sizeof *t);
        if (!t)
                abort();
        if (!api->o.store->reader_open(&api->o.store_settings, &t->reader, e)) {
                free(t);
                return NULL;
        }
        pthread_mutex_lock(&api->readers_lock);
        t->next = api->readers;
        api->readers = t;
        pthread_mutex_unlock(&api->readers_lock);
        pthread_setspecific(api->reader_key, t);
        return t->reader;
}

/* ---- workers ---- */

static void *work(void *user)
{
        struct api *api = user;
        pthread_mutex_lock(&api->work_lock);
        for (;;) {
                api->idle++;
                while (!api->work && !api->work_quit)
                        pthread_cond_wait(&api->work_cond, &api->work_lock);
                api->idle--;
                struct exchange *x = api->work;
                if (!x)
                        break;
                api->work = x->next_work;
                if (!api->work)
                        api->work_end = &api->work;
                api->work_n--;
                pthread_mutex_unlock(&api->work_lock);
                exchange_run(x);
                MHD_resume_connection(x->connection);
                pthread_mutex_lock(&api->work_lock);
        }
        api->workers--;
        pthread_cond_broadcast(&api->work_cond);
        pthread_mutex_unlock(&api->work_lock);
        return NULL;
}

static bool thread_make(struct api *api)
{
        pthread_attr_t attr;
        pthread_t thread;
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        bool ok = !pthread_create(&thread, &attr, work, api);
        pthread_attr_destroy(&attr);
        api->workers += ok;
        return ok;
}

/* The connection is suspended by the caller. */
void work_give(struct api *api, struct exchange *x)
{
        pthread_mutex_lock(&api->work_lock);
        x->next_work = NULL;
        *api->work_end = x;
        api->work_end = &x->next_work;
        api->work_n++;
        if (api->work_n > api->idle && api->workers < api->workers_max)
                thread_make(api); /* when the system has none to give, those that are there get to it */
        pthread_cond_signal(&api->work_cond);
        pthread_mutex_unlock(&api->work_lock);
}

/* ---- errands ---- */

static void answered(void *user, const struct answer *x)
{
        struct errand *r = user;
        struct answer *to = r->answer;
        pthread_mutex_lock(&r->lock);
        *to = *x;
        to->uid = arena_str(r->arena, x->uid);
        to->name = arena_str(r->arena, x->name);
        to->text = arena_str(r->arena, x->text);
        r->done = true;
        pthread_cond_signal(&r->cond); /* under the lock: the errand is gone as soon as it is let go */
        pthread_mutex_unlock(&r->lock);
}

static struct errand *take_errands(struct api *api)
{
        pthread_mutex_lock(&api->inbox_lock);
        struct errand *all = api->inbox;
        api->inbox = NULL;
        api->inbox_end = &api->inbox;
        pthread_mutex_unlock(&api->inbox_lock);
        return all;
}

static void on_inbox(uv_async_t *a)
{
        struct api *api = a->data;
        for (struct errand *r = take_errands(api), *next; r; r = next) {
                next = r->next;
                runtime_command(api->o.runtime, r->command, answered, r);
        }
}

bool request_command(struct request *q, struct command *c, struct answer *ret, struct error *e)
{
        struct api *api = q->api;
        struct errand r = {.command = c, .answer = ret, .arena = q->arena};
        if (!c->who.n)
                c->who = q->who.user;
        pthread_mutex_init(&r.lock, NULL);
        pthread_cond_init(&r.cond, NULL);
        pthread_mutex_lock(&api->inbox_lock);
        *api->inbox_end = &r;
        api->inbox_end = &r.next;
        uv_async_send(&api->inbox_async);
        pthread_mutex_unlock(&api->inbox_lock);
        pthread_mutex_lock(&r.lock);
        while (!r.done)
                pthread_cond_wait(&r.cond, &r.lock);
        pthread_mutex_unlock(&r.lock);
        pthread_cond_destroy(&r.cond);
        pthread_mutex_destroy(&r.lock);
        if (!ret->ok && e)
                *e = ret->error;
        return ret->ok;
}

bool work_open(struct api *api, struct error *e)
{
        pthread_mutex_init(&api->work_lock, NULL);
        pthread_cond_init(&api->work_cond, NULL);
        pthread_mutex_init(&api->inbox_lock, NULL);
        pthread_mutex_init(&api->readers_lock, NULL);
        api->work_end = &api->work;
        api->inbox_end = &api->inbox;
        if (pthread_key_create(&api->reader_key, NULL) || uv_async_init(api->o.loop, &api->inbox_async, on_inbox))
                return error_set(e, ERROR_INTERNAL, "beginning to serve: the system has no more of what threads need");
        api->inbox_async.data = api;
        return true;
}

/* No request is under way any more. */
void work_close(struct api *api)
{
        pthread_mutex_lock(&api->work_lock);
        api->work_quit = true;
        pthread_cond_broadcast(&api->work_cond);
        while (api->workers)
                pthread_cond_wait(&api->work_cond, &api->work_lock);
        pthread_mutex_unlock(&api->work_lock);
        for (struct thread_reader *t = api->readers, *next; t; t = next) {
                next = t->next;
                api->o.store->reader_close(t->reader);
                free(t);
        }
        api->readers = NULL;
        pthread_key_delete(api->reader_key);
        pthread_mutex_destroy(&api->readers_lock);
        pthread_mutex_destroy(&api->inbox_lock);
        pthread_cond_destroy(&api->work_cond);
        pthread_mutex_destroy(&api->work_lock);
}
