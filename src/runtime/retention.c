/* What is kept for how long. A sweep goes in small steps on the loop: each looks at one page and asks for what is beyond its age to go, and the next step comes when that
 * is durable, so that nothing else waits for it. Runs go the way that the command delete takes: with artifacts and logs, except those that a cached
 * result of another run still needs. A sweep begins with the server and then every hour, when anything has an age at all. */
#include "runtime/internal.h"
#include <stdlib.h>

enum { RUNS_A_STEP = 20, RECORDS_A_STEP = 200, CACHE_A_STEP = 1000, BREATH_MS = 10, HOUR_MS = 3600 * 1000 };

enum phase { PHASE_RUNS, PHASE_AUDIT, PHASE_CACHE, PHASES };

struct retention {
        struct runtime *rt;
        uv_timer_t timer;
        struct arena *arena;          /* of this sweep */
        enum phase phase;
        struct str after;
        size_t waiting;               /* for answers */
        bool closing;
};

static void on_timer(uv_timer_t *t);

static void closed(uv_handle_t *h)
{
        struct retention *x = h->data;
        arena_free(x->arena);
        free(x);
}

static void maybe_next(struct retention *x)
{
        if (x->waiting)
                return;
        if (x->closing)
                uv_close((uv_handle_t *)&x->timer, closed);
        else
                uv_timer_start(&x->timer, on_timer, x->phase == PHASES ? HOUR_MS : BREATH_MS, 0);
}

static void on_gone(void *user, const struct answer *answer)
{
        struct retention *x = user;
        (void)answer; /* one that may not go stays until the next sweep */
        x->waiting--;
        maybe_next(x);
}

static int64_t age(const struct retention *x, enum setting_id id) { return x->rt->o.settings->number[id]; }

struct found_runs { struct arena *arena; struct str uids[RUNS_A_STEP]; size_t n; };
static bool on_old_run(void *user, const struct run_row *row)
{
        struct found_runs *f = user;
        if (f->n < RUNS_A_STEP)
                f->uids[f->n++] = arena_str(f->arena, row->uid);
        return true;
}

static bool runs_step(struct retention *x, struct wall now, struct query_page *page, struct error *e)
{
        struct runtime *rt = x->rt;
        struct found_runs f = {.arena = x->arena};
        struct query_value ended = {.type = QUERY_NUMBER, .number = RUN_SUCCEEDED}, before = {.type = QUERY_TIME, .time = {now.us - age(x, SET_RETENTION_RUNS)}};
        struct query_predicate p[] = {{STR("state"), QUERY_GE, &ended, 1}, {STR("finished_at"), QUERY_LT, &before, 1}};
        struct query q = {.kind = RECORD_RUN, .predicates = p, .predicates_n = 2, .sort_key = STR("created_at"), .after = x->after, .limit = RUNS_A_STEP};
        if (!rt->o.store->query_runs(rt->reader, &q, on_old_run, &f, x->arena, page, e))
                return false;
        x->waiting += f.n;
        for (size_t i = 0; i < f.n; i++)
                command_now(rt, &(struct command){.kind = COMMAND_DELETE, .run = f.uids[i]}, on_gone, x);
        return true;
}

static bool on_old_record(void *user, const struct record *r)
{
        struct retention *x = user;
        batch_remove(batch_open(x->rt), r->kind, r->id);
        x->waiting = 1;
        return true;
}

static bool audit_step(struct retention *x, struct wall now, struct query_page *page, struct error *e)
{
        struct query_value before = {.type = QUERY_TIME, .time = {now.us - age(x, SET_RETENTION_AUDIT)}};
        struct query_predicate p = {STR("created_at"), QUERY_LT, &before, 1};
        struct query q = {.kind = RECORD_AUDIT, .predicates = &p, .predicates_n = 1, .after = x->after, .limit = RECORDS_A_STEP};
        return x->rt->o.store->query_records(x->rt->reader, &q, on_old_record, x, x->arena, page, e);
}

struct cache_page { struct retention *x; struct wall before; size_t n; struct str last; };
static bool on_cache(void *user, const struct commit_cache *c)
{
        struct cache_page *p = user;
        p->n++;
        p->last = arena_str(p->x->arena, c->key);
        if (c->at.us < p->before.us) {
                batch_forget_cache(batch_open(p->x->rt), c->key);
                p->x->waiting = 1;
        }
        return true;
}

static bool cache_step(struct retention *x, struct wall now, struct query_page *page, struct error *e)
{
        struct cache_page p = {.x = x, .before = {now.us - age(x, SET_RETENTION_CACHE)}};
        if (!x->rt->o.store->cache(x->rt->reader, x->after, CACHE_A_STEP, on_cache, &p, e))
                return false;
        page->next = p.n == CACHE_A_STEP ? p.last : STR_NONE;
        return true;
}

static void on_timer(uv_timer_t *t)
{
        static const struct { enum setting_id age; bool (*step)(struct retention *, struct wall, struct query_page *, struct error *); } phases[PHASES] = {
                [PHASE_RUNS] = {SET_RETENTION_RUNS, runs_step}, [PHASE_AUDIT] = {SET_RETENTION_AUDIT, audit_step}, [PHASE_CACHE] = {SET_RETENTION_CACHE, cache_step}};
        struct retention *x = t->data;
        struct runtime *rt = x->rt;
        struct query_page page = {0};
        struct error e;
        if (rt->failed || rt->closing)
                return;
        if (x->phase == PHASES) {
                arena_reset(x->arena);
                x->phase = PHASE_RUNS;
                x->after = STR_NONE;
        }
        while (x->phase < PHASES && !age(x, phases[x->phase].age))
                x->phase++;
        bool ok = x->phase == PHASES || (reader_ready(rt, &e) && phases[x->phase].step(x, rt_now(rt), &page, &e));
        if (!ok && rt->note)
                rt->note(rt->note_user, STR_NONE, str_from(e.text));
        bool one_answer = x->waiting == 1 && x->phase != PHASE_RUNS;
        x->after = page.next;
        if (x->phase < PHASES && (!ok || !page.next.n)) {
                x->phase++;
                x->after = STR_NONE;
        }
        if (one_answer)
                batch_reply(batch_open(rt), on_gone, x, &(struct answer){.ok = true}, STR_NONE);
        maybe_next(x);
        rt_turn(rt);
}

void retention_open(struct runtime *rt)
{
        const int64_t *n = rt->o.settings->number;
        if (!n[SET_RETENTION_RUNS] && !n[SET_RETENTION_AUDIT] && !n[SET_RETENTION_CACHE])
                return;
        struct retention *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        x->rt = rt;
        x->arena = arena_new();
        uv_timer_init(rt->loop, &x->timer);
        x->timer.data = x;
        rt->retention = x;
        uv_timer_start(&x->timer, on_timer, BREATH_MS, 0);
}

/* After the last batch: nobody answers any more. */
void retention_close(struct runtime *rt)
{
        if (!rt->retention)
                return;
        struct retention *x = rt->retention;
        rt->retention = NULL;
        uv_timer_stop(&x->timer);
        x->closing = true;
        x->waiting = 0;
        maybe_next(x);
}
