/* The loop: steps, batches, the writer thread, timers. The invariants are in runtime.h. */
#include "runtime/internal.h"
#include <assert.h>
#include <stdlib.h>

struct wall rt_now(struct runtime *rt)
{
        struct wall now = clock_wall();
        if (now.us < rt->last_now.us) /* the clock was set back: events stay in order */
                now = rt->last_now;
        return rt->last_now = now;
}

static void reply_all(struct batch *b, const struct error *failed);

void rt_fail(struct runtime *rt, const struct error *e)
{
        if (rt->failed)
                return;
        rt->failed = true;
        while (rt->deferred) { /* nobody waits for a commit that will not come */
                struct deferred *d = rt->deferred;
                rt->deferred = d->next;
                d->done(d->user, &(struct answer){.error = *e});
                arena_free(d->arena);
                free(d);
        }
        rt->deferred_end = &rt->deferred;
        if (rt->open) {
                reply_all(rt->open, e);
                rt->open->replies_n = 0;
        }
        if (rt->fatal)
                rt->fatal(rt->fatal_user, e);
}

/* ---- the writer thread ---- */

static void writer(void *arg)
{
        struct runtime *rt = arg;
        uv_mutex_lock(&rt->lock);
        for (;;) {
                while (!rt->job && !rt->quit)
                        uv_cond_wait(&rt->wanted, &rt->lock);
                struct batch *b = rt->job;
                if (!b)
                        break;
                uv_mutex_unlock(&rt->lock);
                struct mono began = clock_mono();
                b->ok = rt->o.store->commit(rt->store, &b->commit, &b->seq, &b->error);
                histogram_add(&rt->metrics.commit, clock_mono().us - began.us);
                if (!b->ok)
                        atomic_fetch_add(&rt->metrics.commits_failed, 1);
                uv_mutex_lock(&rt->lock);
                rt->job = NULL;
                uv_async_send(&rt->committed);
        }
        uv_mutex_unlock(&rt->lock);
}

static void submit(struct runtime *rt)
{
        struct batch *b = rt->open;
        rt->open = NULL;
        rt->flying = b;
        uv_timer_stop(&rt->soft);
        batch_seal(b, rt_now(rt));
        uv_mutex_lock(&rt->lock);
        rt->job = b;
        uv_cond_signal(&rt->wanted);
        uv_mutex_unlock(&rt->lock);
}

/* ---- what follows a commit ---- */

static void reply_all(struct batch *b, const struct error *failed)
{
        for (size_t i = 0; i < b->replies_n; i++) {
                struct batch_reply *r = &b->replies[i];
                if (failed) {
                        r->answer.ok = false;
                        r->answer.error = *failed;
                }
                r->done(r->user, &r->answer);
        }
}

static void remove_work(uv_work_t *w) { folder_remove(w->data); }
static void remove_done(uv_work_t *w, int status)
{
        (void)status;
        free(w->data);
        free(w);
}

static void remove_folders(struct runtime *rt, struct batch *b)
{
        for (size_t i = 0; i < b->replies_n; i++) {
                struct str rest = b->replies[i].remove; /* one path a line */
                while (rest.n) {
                        struct str path = str_cut(&rest, '\n');
                        uv_work_t *w = calloc(1, sizeof *w);
                        if (!w || !(w->data = strndup(path.p, path.n)))
                                abort();
                        uv_queue_work(rt->loop, w, remove_work, remove_done);
                }
        }
}

static void runs_ended(struct runtime *rt, struct batch *b)
{
        for (size_t i = 0; i < b->runs_n; i++) {
                struct live_run *r = b->run_of[i];
                r->stored = true;
                if (!run_state_final(b->runs[i]->state))
                        continue;
                struct run_row *last = arena_alloc(r->arena, sizeof *last);
                *last = run_row_copy(b->runs[i], r->arena);
                r->final = last;
        }
        bool ended = false;
        for (size_t i = 0; i < b->touched_n; i++) {
                struct live_run *r = b->touched[i];
                if (r->queued && r->stored && !batch_holds(rt->open, r) && run_find(rt, str_from(r->uid)) == r)
                        run_drop(r);
                if (!r->ending || !r->final || !r->engine || batch_holds(rt->open, r))
                        continue;
                if (r->final->parent_run.n)
                        child_run_ended(rt, r->final);
                place_end(rt, str_from(r->uid));
                run_drop(r);
                ended = true;
        }
        if (ended && !rt->resuming)
                places_pump(rt, UINT32_MAX);
}

static void durable(struct runtime *rt, struct batch *b)
{
        rt->failures = 0;
        histogram_add(&rt->metrics.durable, clock_mono().us - b->began.us);
        for (size_t i = 0; i < rt->watchers_n; i++)
                rt->watchers[i].call(rt->watchers[i].user, &b->commit, b->seq);
        notify_committed(rt, &b->commit);
        if (rt->server)
                server_committed(rt->server, b);
        for (size_t i = 0; i < b->forgets_n; i++)
                if (rt->executor)
                        rt->o.executor->forget(rt->executor, &b->forgets[i].id);
        actions_release(b);
        runs_ended(rt, b);
        schedule_committed(rt, b);
        remove_folders(rt, b);
        reply_all(b, NULL);
}

/* R3: start over from what is stored. */
static void undo(struct runtime *rt, struct batch *b)
{
        if (b->error.kind == ERROR_FULL || b->error.kind == ERROR_VERSION || b->error.kind == ERROR_CORRUPT || b->error.kind == ERROR_LIMIT || ++rt->failures >= 3) {
                reply_all(b, &b->error);
                rt_fail(rt, &b->error);
                return;
        }
        starts_drop(rt);
        catalog_forget_defaults(rt);
        schedule_undone(rt);
        size_t n = 0;
        struct arena *a = arena_new();
        struct str *again = arena_alloc_array(a, sizeof *again, HASH_COUNT(rt->runs) + 1);
        struct live_run *r, *next;
        HASH_ITER(hh, rt->runs, r, next) {
                if (!r->stored)
                        place_end(rt, str_from(r->uid));
                else if (!r->queued)
                        again[n++] = arena_str(a, str_from(r->uid));
                run_drop(r);
        }
        reply_all(b, &b->error);
        if (rt->open)
                reply_all(rt->open, &b->error);
        batch_unref(rt->open);
        rt->open = NULL;
        for (size_t i = 0; i < n; i++) {
                struct error e;
                struct live_run *loaded;
                if (!run_load(rt, again[i], false, &loaded, &e))
                        rt_fail(rt, &e);
        }
        arena_free(a);
}

static void deferred_again(struct runtime *rt)
{
        struct deferred *d = rt->deferred;
        rt->deferred = NULL;
        rt->deferred_end = &rt->deferred;
        atomic_store(&rt->metrics.commands_waiting, 0);
        while (d) {
                struct deferred *next = d->next;
                command_now(rt, &d->command, d->done, d->user);
                arena_free(d->arena);
                free(d);
                d = next;
        }
}

static void on_committed(uv_async_t *async)
{
        struct runtime *rt = async->data;
        struct batch *b = rt->flying;
        uv_mutex_lock(&rt->lock);
        bool busy = rt->job != NULL;
        uv_mutex_unlock(&rt->lock);
        if (!b || busy)
                return;
        rt->flying = NULL;
        if (b->ok)
                durable(rt, b);
        else
                undo(rt, b);
        batch_unref(b);
        if (!rt->failed)
                deferred_again(rt);
        rt_turn(rt);
}

/* ---- steps ---- */

static void arm(struct runtime *rt)
{
        struct wall first = {0};
        for (struct live_run *r = rt->runs; r; r = r->hh.next)
                if (r->wake.us && (!first.us || r->wake.us < first.us))
                        first = r->wake;
        rt->wake = first;
}

static void on_timer(uv_timer_t *t) { rt_turn(t->data); }

static void timer_start(struct runtime *rt)
{
        if (!rt->wake.us) {
                uv_timer_stop(&rt->timer);
                return;
        }
        int64_t us = rt->wake.us - clock_wall().us;
        uv_timer_start(&rt->timer, on_timer, us <= 0 ? 0 : (uint64_t)((us + 999) / 1000), 0);
}

bool rt_step(struct live_run *r, const struct event *event, struct error *e)
{
        struct runtime *rt = r->rt;
        if (!r->engine || rt->failed)
                return true;
        struct batch *b = batch_open(rt);
        struct delta d = {.arena = b->arena};
        struct wall now = rt_now(rt);
        bool ok = engine_step(r->engine, event, now, &d, e);
        batch_take(b, r, &d, now);
        if (d.run)
                r->suspended = d.run->suspended;
        bool ended = run_state_final(engine_state(r->engine)) && !r->ending;
        r->ending = run_state_final(engine_state(r->engine));
        if (ended && d.run)
                notify_ended(r, d.run);
        if (engine_wants_continue(r->engine) && !r->continuing) {
                r->continuing = true;
                r->next_continuing = rt->continuing;
                rt->continuing = r;
                r->refs++;
        }
        struct wall wake = {0};
        if (!r->ending)
                wake = engine_wake_at(r->engine);
        if (wake.us != r->wake.us) {
                bool was_first = r->wake.us && r->wake.us == rt->wake.us;
                r->wake = wake;
                if (was_first)
                        arm(rt);
                else if (wake.us && (!rt->wake.us || wake.us < rt->wake.us))
                        rt->wake = wake;
        }
        return ok;
}

static void on_soft(uv_timer_t *t)
{
        struct runtime *rt = t->data;
        if (rt->open)
                rt->open->hard = true;
        rt_turn(rt);
}

static void ticks(struct runtime *rt)
{
        struct wall now = clock_wall();
        while (rt->wake.us && rt->wake.us <= now.us && !batch_full(rt->open)) {
                struct live_run *r = rt->runs;
                while (r && (!r->wake.us || r->wake.us != rt->wake.us))
                        r = r->hh.next;
                if (!r) {
                        arm(rt);
                        continue;
                }
                struct wall before = r->wake;
                rt_step(r, &(struct event){.kind = EVENT_TICK}, NULL);
                if (r->wake.us == before.us) { /* cannot be, and must not spin */
                        r->wake = (struct wall){0};
                        arm(rt);
                }
        }
}

static void continues(struct runtime *rt)
{
        while (rt->continuing && !batch_full(rt->open)) {
                struct live_run *r = rt->continuing;
                rt->continuing = r->next_continuing;
                r->continuing = false;
                rt_step(r, &(struct event){.kind = EVENT_CONTINUE}, NULL);
                run_unref(r);
                if (!rt->flying)
                        return; /* let the writer have the first of it meanwhile */
        }
}

static void on_idle(uv_idle_t *idle) { (void)idle; } /* keeps the loop from blocking: the turn is in on_prepare */

void rt_turn(struct runtime *rt)
{
        if (rt->in_turn || rt->failed)
                return;
        rt->in_turn = true;
        continues(rt);
        ticks(rt);
        if (rt->open && batch_empty(rt->open)) {
                batch_unref(rt->open);
                rt->open = NULL;
        }
        if (rt->open && !rt->flying && (rt->open->hard || rt->closing || batch_full(rt->open)))
                submit(rt);
        else if (rt->open && !rt->flying && !uv_is_active((uv_handle_t *)&rt->soft))
                uv_timer_start(&rt->soft, on_soft, (uint64_t)rt->o.settings->number[SET_SOFT_DELAY] / 1000, 0);
        if (rt->continuing && !batch_full(rt->open))
                uv_idle_start(&rt->idle, on_idle);
        else
                uv_idle_stop(&rt->idle);
        timer_start(rt);
        rt->in_turn = false;
}

/* Before the loop waits, and after it. */
static void on_prepare(uv_prepare_t *h)
{
        struct runtime *rt = h->data;
        rt_turn(rt);
        if (rt->turn_began.us)
                histogram_add(&rt->metrics.turn, clock_mono().us - rt->turn_began.us);
        atomic_store_explicit(&rt->metrics.runs, HASH_COUNT(rt->runs), memory_order_relaxed);
        atomic_store_explicit(&rt->metrics.running, HASH_COUNT(rt->in_flight), memory_order_relaxed);
}

static void on_check(uv_check_t *h)
{
        struct runtime *rt = h->data;
        rt->turn_began = clock_mono();
        rt_turn(rt);
}

/* ---- opening and closing ---- */

struct store_settings runtime_store_settings(struct str folder, const struct settings *s, bool create, struct arena *a)
{
        /* The engine holds a run to its limit and ends a node that would pass it; the store refuses a whole batch, so it gets room for
         * what only it still knows: the values of earlier epochs. */
        return (struct store_settings){.path = arena_printf(a, "%.*s/weft.db", STR_FMT(folder)), .url = s->text[SET_STORE_URL], .create = create,
                                       .value_bytes_max = (size_t)s->number[SET_VALUE_BYTES_MAX], .run_bytes_max = 4 * (size_t)s->number[SET_RUN_BYTES_MAX]};
}

struct str runtime_artifact_root(struct str folder, struct str uid, struct arena *a)
{
        return arena_printf(a, "%.*s/artifacts/%.*s", STR_FMT(folder), STR_FMT(uid));
}

bool runtime_open(const struct runtime_options *o, struct uv_loop_s *loop, struct runtime **ret, struct error *e)
{
        struct runtime *rt = calloc(1, sizeof *rt);
        if (!rt)
                abort();
        rt->arena = arena_new();
        rt->o = *o;
        rt->o.folder = arena_str(rt->arena, o->folder);
        rt->o.self_exe = arena_str(rt->arena, o->self_exe);
        rt->loop = loop;
        rt->deferred_end = &rt->deferred;
        const int64_t *n = o->settings->number;
        rt->engine = (struct engine_settings){.nodes_max = (uint32_t)n[SET_NODES_MAX], .depth_max = (uint32_t)n[SET_DEPTH_MAX], .items_max = (uint32_t)n[SET_ITEMS_MAX],
                                              .window = (uint32_t)n[SET_WINDOW], .run_bytes_max = (size_t)n[SET_RUN_BYTES_MAX],
                                              .value_bytes_max = (size_t)n[SET_VALUE_BYTES_MAX], .step_nodes_max = (uint32_t)n[SET_STEP_NODES_MAX]};
        rt->slots = strcmp(o->executor->name, "null") == 0 ? rt->engine.window : (uint32_t)n[SET_SLOTS];
        struct store_settings ss = runtime_store_settings(rt->o.folder, o->settings, true, rt->arena);
        ss.epoch = o->epoch;
        places_open(rt);
        if (!starts_open(rt, e) || !o->store->open(&ss, &rt->store, e)) {
                admission_free(rt->steps);
                places_close(rt);
                arena_free(rt->arena);
                free(rt);
                return false;
        }
        uv_prepare_init(loop, &rt->prepare);
        uv_check_init(loop, &rt->check);
        uv_idle_init(loop, &rt->idle);
        uv_timer_init(loop, &rt->timer);
        uv_timer_init(loop, &rt->soft);
        uv_timer_init(loop, &rt->tell);
        uv_async_init(loop, &rt->committed, on_committed);
        rt->prepare.data = rt->check.data = rt->idle.data = rt->timer.data = rt->soft.data = rt->tell.data = rt->committed.data = rt;
        notify_open(rt);
        uv_prepare_start(&rt->prepare, on_prepare);
        uv_check_start(&rt->check, on_check);
        uv_mutex_init(&rt->lock);
        uv_cond_init(&rt->wanted);
        uv_thread_create(&rt->writer, writer, rt);
        *ret = rt;
        return true;
}

void runtime_watch(struct runtime *rt, runtime_watcher *call, void *user)
{
        assert(rt->watchers_n < sizeof rt->watchers / sizeof *rt->watchers);
        rt->watchers[rt->watchers_n].call = call;
        rt->watchers[rt->watchers_n++].user = user;
}

void runtime_unwatch(struct runtime *rt, void *user)
{
        size_t n = 0;
        for (size_t i = 0; i < rt->watchers_n; i++)
                if (rt->watchers[i].user != user)
                        rt->watchers[n++] = rt->watchers[i];
        rt->watchers_n = n;
}

void runtime_on_note(struct runtime *rt, runtime_note *note, void *user)
{
        rt->note = note;
        rt->note_user = user;
}

void runtime_on_fatal(struct runtime *rt, runtime_fatal *fatal, void *user)
{
        rt->fatal = fatal;
        rt->fatal_user = user;
}

struct runtime_metrics *runtime_metrics(struct runtime *rt) { return &rt->metrics; }

size_t runtime_runs(const struct runtime *rt) { return HASH_COUNT(rt->runs); }

static void flush(struct runtime *rt)
{
        rt->closing = true;
        while (!rt->failed && (rt->flying || !batch_empty(rt->open))) {
                if (!rt->flying)
                        submit(rt);
                uv_mutex_lock(&rt->lock);
                while (rt->job) { /* the writer says so through the loop too, but nothing else is to be let in now */
                        uv_mutex_unlock(&rt->lock);
                        uv_sleep(1);
                        uv_mutex_lock(&rt->lock);
                }
                uv_mutex_unlock(&rt->lock);
                struct batch *b = rt->flying;
                rt->flying = NULL;
                if (!b->ok)
                        rt->failed = true;
                for (size_t i = 0; b->ok && i < b->forgets_n; i++)
                        if (rt->executor)
                                rt->o.executor->forget(rt->executor, &b->forgets[i].id);
                reply_all(b, b->ok ? NULL : &b->error);
                batch_unref(b);
        }
        struct error leaving;
        error_set(&leaving, ERROR_BUSY, "the owner of the data folder is leaving");
        for (struct deferred *d = rt->deferred; d; d = d->next)
                d->done(d->user, &(struct answer){.error = leaving});
        if (rt->open)
                reply_all(rt->open, &leaving);
        uv_mutex_lock(&rt->lock);
        rt->quit = true;
        uv_cond_signal(&rt->wanted);
        uv_mutex_unlock(&rt->lock);
        uv_thread_join(&rt->writer);
}

void runtime_close(struct runtime *rt)
{
        resume_close(rt);
        schedule_close(rt);
        flush(rt);
        retention_close(rt);
        if (rt->server)
                server_close(rt->server);
        if (rt->executor)
                rt->o.executor->close(rt->executor);
        starts_drop(rt);
        struct live_run *r, *next;
        HASH_ITER(hh, rt->runs, r, next)
                run_drop(r);
        while (rt->continuing) {
                r = rt->continuing;
                rt->continuing = r->next_continuing;
                run_unref(r);
        }
        batch_unref(rt->open);
        batch_unref(rt->flying);
        notify_stop(rt);
        uv_handle_t *handles[] = {(uv_handle_t *)&rt->prepare, (uv_handle_t *)&rt->check, (uv_handle_t *)&rt->idle, (uv_handle_t *)&rt->timer,
                                  (uv_handle_t *)&rt->soft, (uv_handle_t *)&rt->tell, (uv_handle_t *)&rt->committed};
        for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
                uv_close(handles[i], NULL);
        while (uv_run(rt->loop, UV_RUN_DEFAULT) != 0) { /* again, when somebody had asked the loop to stop; the caller closes its own handles first */
        }
        for (struct deferred *d = rt->deferred, *after; d; d = after) {
                after = d->next;
                arena_free(d->arena);
                free(d);
        }
        if (rt->reader)
                rt->o.store->reader_close(rt->reader);
        rt->o.store->close(rt->store);
        uv_mutex_destroy(&rt->lock);
        uv_cond_destroy(&rt->wanted);
        notify_free(rt);
        starts_close(rt);
        places_close(rt);
        arena_free(rt->arena);
        free(rt);
}
