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
        if (row->state == RUN_QUEUED && !row->started_at.us && !row->parent_run.n) {
                place_wait(x->rt, row);
                return true;
        }
        place_take(x->rt, row);
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
        for (size_t i = 0; i < RUNS_A_STEP && x->at < x->n && !rt->closing && !rt->failed; i++) {
                struct live_run *r;
                struct error e;
                struct str uid = x->uids[x->at++];
                if (!run_load(rt, uid, false, &r, &e) && e.kind != ERROR_CONFLICT && x->note)
                        x->note(x->user, uid, str_from(e.text));
        }
        bool more = x->at < x->n || places_pump(rt, RUNS_A_STEP);
        rt_turn(rt);
        if (more && !rt->closing && !rt->failed)
                return;
        struct error e;
        if (!rt->closing && !rt->failed)
                retention_open(rt);
        if (!rt->closing && !rt->failed && !schedule_open(rt, &e) && x->note) /* after what has begun, so that what is under way counts */
                x->note(x->user, STR_NONE, str_from(e.text));
        uv_timer_stop(t);
        if (rt->resuming == t)
                rt->resuming = NULL;
        uv_close((uv_handle_t *)t, closed);
}

/* Oldest first, without their documents. */
static bool find_all(struct resuming *x, struct error *e)
{
        const struct query_value ends = {.type = QUERY_NUMBER, .number = RUN_SUCCEEDED};
        const struct query_predicate unfinished = {.key = STR("state"), .op = QUERY_LT, .values = &ends, .values_n = 1};
        struct query q = {.kind = RECORD_RUN, .predicates = &unfinished, .predicates_n = 1, .limit = 1000};
        struct query_page page;
        do {
                if (!x->rt->o.store->query_runs(x->rt->reader, &q, on_run, x, x->arena, &page, e))
                        return false;
                q.after = page.next;
        } while (q.after.n);
        return true;
}

bool runtime_resume(struct runtime *rt, runtime_note *note, void *user, struct error *e)
{
        struct resuming *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        *x = (struct resuming){.rt = rt, .arena = arena_new(), .note = note, .user = user};
        bool ok = reader_ready(rt, e) && find_all(x, e) && notify_resume(rt, e);
        uv_timer_init(rt->loop, &x->timer);
        x->timer.data = x;
        rt->resuming = &x->timer;
        uv_timer_start(&x->timer, step, 0, 1);
        if (!ok)
                x->n = x->at;
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
