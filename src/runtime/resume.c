/* Going on with what an earlier process left: every run that has not ended is loaded, some in each turn of the loop, so that the first requests
 * are answered meanwhile. One that cannot be loaded is said and left as it is. */
#include "runtime/internal.h"
#include <stdlib.h>

enum { RUNS_A_STEP = 16 };

struct resuming {
        struct runtime *rt;
        uv_timer_t timer;
        struct arena *arena;
        struct str *uids; size_t n, cap, at;
        runtime_note *note; void *user;
};

static bool on_run(void *user, const struct run_row *row)
{
        struct resuming *x = user;
        if (x->n == x->cap) {
                x->cap = x->cap ? x->cap * 2 : 64;
                x->uids = realloc(x->uids, x->cap * sizeof *x->uids);
                if (!x->uids)
                        abort();
        }
        x->uids[x->n++] = arena_str(x->arena, row->uid);
        return true;
}

static void closed(uv_handle_t *h)
{
        struct resuming *x = h->data;
        arena_free(x->arena);
        free(x->uids);
        free(x);
}

static void step(uv_timer_t *t)
{
        struct resuming *x = t->data;
        struct runtime *rt = x->rt;
        for (size_t i = 0; i < RUNS_A_STEP && x->n && !rt->closing && !rt->failed; i++) {
                struct live_run *r;
                struct error e;
                struct str uid = x->uids[--x->n]; /* they come newest first: the oldest go on first */
                if (!run_load(rt, uid, false, &r, &e) && e.kind != ERROR_CONFLICT && x->note)
                        x->note(x->user, uid, str_from(e.text));
        }
        rt_turn(rt);
        if (x->n && !rt->closing && !rt->failed)
                return;
        uv_timer_stop(t);
        if (rt->resuming == t)
                rt->resuming = NULL;
        uv_close((uv_handle_t *)t, closed);
}

bool runtime_resume(struct runtime *rt, runtime_note *note, void *user, struct error *e)
{
        struct resuming *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        *x = (struct resuming){.rt = rt, .arena = arena_new(), .note = note, .user = user};
        struct run_query q = {.unfinished = true};
        bool ok = reader_ready(rt, e) && rt->o.store->runs(rt->reader, &q, on_run, x, e);
        uv_timer_init(rt->loop, &x->timer);
        x->timer.data = x;
        rt->resuming = &x->timer;
        uv_timer_start(&x->timer, step, 0, 1);
        if (!ok)
                x->n = 0;
        return ok;
}

/* The loop is about to end. */
void resume_close(struct runtime *rt)
{
        if (!rt->resuming)
                return;
        uv_timer_t *t = rt->resuming;
        rt->resuming = NULL;
        uv_timer_stop(t);
        uv_close((uv_handle_t *)t, closed);
}
