/* Completes everything at once: for measuring the engine and the store without processes. */
#include "executor/executor.h"
#include <stdlib.h>
#include <uv.h>

struct ended { struct attempt_id id; char run[64]; };

struct executor {
        uv_idle_t idle;
        executor_sink *sink;
        void *user;
        struct ended *queue;
        size_t n, cap;
        int64_t (*clock)(void);
};

static int64_t now_us(void)
{
        uv_timeval64_t t;
        uv_gettimeofday(&t);
        return t.tv_sec * US_PER_S + t.tv_usec;
}

static void on_idle(uv_idle_t *idle)
{
        struct executor *x = idle->data;
        size_t n = x->n;
        struct ended *queue = x->queue;
        x->queue = NULL;
        x->n = x->cap = 0;
        for (size_t i = 0; i < n; i++) {
                queue[i].id.run = str_from(queue[i].run);
                struct wall now = {now_us()};
                struct task_outcome o = {.end = TASK_EXITED, .started_at = now, .finished_at = now, .cpu_us = -1, .rss_max_bytes = -1};
                x->sink(x->user, &(struct executor_event){EXECUTOR_ENDED, queue[i].id, now, &o});
        }
        free(queue);
        if (!x->n)
                uv_idle_stop(idle);
}

static bool null_open(const struct executor_settings *s, struct uv_loop_s *loop, executor_sink *sink, void *user, struct executor **ret, struct error *e)
{
        (void)s;
        (void)e;
        struct executor *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        x->sink = sink;
        x->user = user;
        uv_idle_init(loop, &x->idle);
        x->idle.data = x;
        *ret = x;
        return true;
}

static bool null_start(struct executor *x, const struct attempt_id *id, const struct task_spec *spec, struct error *e)
{
        (void)spec;
        if (id->run.n >= sizeof x->queue->run)
                return error_set(e, ERROR_INTERNAL, "the run's id is too long");
        if (x->n == x->cap) {
                x->cap = x->cap ? x->cap * 2 : 64;
                x->queue = realloc(x->queue, x->cap * sizeof *x->queue);
                if (!x->queue)
                        abort();
        }
        struct ended *q = &x->queue[x->n++];
        q->id = *id;
        memcpy(q->run, id->run.p, id->run.n);
        q->run[id->run.n] = 0;
        uv_idle_start(&x->idle, on_idle);
        return true;
}

static bool null_stop(struct executor *x, const struct attempt_id *id, struct error *e)
{
        return null_start(x, id, NULL, e);
}

static bool null_adopt(struct executor *x, const struct attempt_id *id, const struct task_spec *spec, bool *ret_known, struct error *e)
{
        (void)x;
        (void)id;
        (void)spec;
        (void)e;
        *ret_known = false;
        return true;
}

static void null_forget(struct executor *x, const struct attempt_id *id)
{
        (void)x;
        (void)id;
}

static struct str null_log_path(struct str folder, const struct attempt_id *id, struct arena *a)
{
        return arena_printf(a, "%.*s/runs/%.*s/%u.%u.%u/log", STR_FMT(folder), STR_FMT(id->run), id->node, id->epoch, id->attempt);
}

static void closed(uv_handle_t *h)
{
        struct executor *x = h->data;
        free(x->queue);
        free(x);
}

static void null_close(struct executor *x)
{
        uv_idle_stop(&x->idle);
        uv_close((uv_handle_t *)&x->idle, closed);
}

static struct str null_notice(const struct executor *x)
{
        (void)x;
        return STR_NONE;
}

const struct executor_ops executor_null = {"null", null_open, null_start, null_stop, null_adopt, null_forget, null_log_path, null_close, null_notice};
