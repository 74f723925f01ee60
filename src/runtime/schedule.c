/* Recurring runs.
 *
 * S1  Each firing makes one run, whatever happens: the run's uid is derived from (recurring run, moment), and the moment up to which firings are dealt
 *     with (body.last_firing) is written in the commit that makes the run. A clock that is set back asks for nothing that has been before.
 * S2  There is one timer, for the nearest firing of all. It is the kernel's for the wall clock, which also says when that is set: nothing is polled.
 * S3  A firing that has to wait, because max_concurrency of its runs have not ended, is due again when one of them ends.
 * S4  Without catchup, of several missed firings only the last makes a run. */
#include "runtime/internal.h"
#include "runtime/schedule.h"
#include "runtime/zone.h"
#include "text/json.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CONCURRENCY_DEFAULT = 10, STEPS_MAX = 100000 };

/* What the body of a record says about time. */
struct plan {
        struct cron cron;
        struct zone *zone;
        int64_t interval_us;          /* 0: cron */
        struct wall start, end, base, last;
        bool catchup;
        int64_t concurrency;
};

static struct str text_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

static int64_t number_of(const struct value *v, const char *key, int64_t none)
{
        int64_t n;
        const struct value *x = value_get_c(v, key);
        return x && value_to_i64(x, &n) ? n : none;
}

static struct wall time_of(const struct value *v, const char *key)
{
        struct wall t = {0};
        struct str s = text_of(v, key);
        return s.n && wall_parse(s, &t) ? t : (struct wall){0};
}

/* zone_close(ret->zone) afterwards. */
static bool plan_read(const struct record *r, const struct value *body, struct plan *ret, struct error *e)
{
        const struct value *catchup = value_get_c(body, "catchup");
        *ret = (struct plan){.interval_us = number_of(body, "interval_second", 0) * US_PER_S, .start = time_of(body, "start"), .end = time_of(body, "end"),
                             .last = time_of(body, "last_firing"), .catchup = catchup && catchup->kind == VALUE_BOOL && catchup->boolean,
                             .concurrency = number_of(body, "max_concurrency", CONCURRENCY_DEFAULT)};
        ret->base = ret->start.us ? ret->start : r->created_at;
        struct str line = text_of(body, "cron");
        if (line.n && (!cron_parse(line, &ret->cron, e) || !zone_open(text_of(body, "timezone"), &ret->zone, e)))
                return false;
        return line.n || ret->interval_us > 0 || error_set(e, ERROR_INVALID, "recurring run %.*s says no time", STR_FMT(r->name));
}

/* The first firing strictly after `after`; 0: there is none. A cron line may fire at its start, an interval first has to pass. */
static struct wall plan_next(const struct plan *p, struct wall after)
{
        struct wall t;
        if (p->interval_us) {
                int64_t n = after.us < p->base.us ? 1 : (after.us - p->base.us) / p->interval_us + 1;
                t.us = p->base.us + n * p->interval_us;
        } else {
                struct cron_zone zone = p->zone ? zone_cron(p->zone) : (struct cron_zone){0};
                if (p->start.us && after.us < p->start.us - 1 && !p->cron.every_us)
                        after.us = p->start.us - 1;
                t = cron_next(&p->cron, p->zone ? &zone : NULL, p->base, after);
        }
        return p->end.us && t.us > p->end.us ? (struct wall){0} : t;
}

static struct wall plan_position(const struct plan *p) { return p->last.us ? p->last : p->start.us ? (struct wall){p->start.us - 1} : p->base; }

static bool body_read(const struct record *r, struct arena *a, struct value *ret, struct error *e)
{
        return json_read(r->body, NULL, a, ret, e) || error_wrap(e, "reading recurring run %.*s", STR_FMT(r->name));
}

bool schedule_check(const struct record *r, struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct value body;
        struct plan p = {0};
        bool ok = body_read(r, a, &body, e) && plan_read(r, &body, &p, e);
        zone_close(p.zone);
        return ok;
}

bool recurring_firings(const struct record *r, struct wall after, struct wall *ret, size_t n, size_t *ret_n, struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct value body;
        struct plan p = {0};
        *ret_n = 0;
        if (r->state != RECORD_ACTIVE)
                return true;
        bool ok = body_read(r, a, &body, e) && plan_read(r, &body, &p, e);
        struct wall position = plan_position(&p);
        if (ok && p.last.us > after.us)
                after = position;
        while (ok && *ret_n < n && (after = plan_next(&p, after)).us)
                ret[(*ret_n)++] = after;
        zone_close(p.zone);
        return ok;
}

/* ---- what is run ---- */

/* Go's layout, as KFP's macros take it: 2006 01 02 15 04 05 stand for the parts of the moment. */
static void layout(struct str format, struct wall t, struct buf *out)
{
        struct civil c = wall_civil(t);
        const struct { const char *token; int64_t n; int digits; } parts[] = {{"2006", c.year, 4}, {"01", c.month, 2}, {"02", c.day, 2}, {"15", c.hour, 2}, {"04", c.minute, 2}, {"05", c.second, 2}};
        for (size_t i = 0; i < format.n;) {
                size_t k = 0;
                while (k < 6 && !str_starts(str_sub(format, i, format.n), str_from(parts[k].token)))
                        k++;
                if (k < 6) {
                        buf_addf(out, "%0*lld", parts[k].digits, (long long)parts[k].n);
                        i += strlen(parts[k].token);
                } else
                        buf_add_char(out, format.p[i++]);
        }
}

struct macros { struct wall scheduled, now; struct str uid; uint64_t index; };

static bool macro(struct str name, const struct macros *m, struct buf *out)
{
        struct str format = name, word = str_cut(&format, '.');
        if (!format.p)
                format = STR("20060102150405");
        if (str_eq_c(word, "ScheduledTime"))
                layout(format, m->scheduled.us ? m->scheduled : m->now, out);
        else if (str_eq_c(word, "CurrentTime"))
                layout(format, m->now, out);
        else if (str_eq_c(name, "RunUUID"))
                buf_add(out, m->uid);
        else if (str_eq_c(name, "Index"))
                buf_addf(out, "%llu", (unsigned long long)m->index);
        else
                return false;
        return true;
}

static struct str expand(struct str s, const struct macros *m, struct arena *a)
{
        struct buf out = BUF(1u << 26);
        for (size_t at = 0; at < s.n;) {
                size_t open = str_find(s, STR("[["), at), close = open == SIZE_MAX ? SIZE_MAX : str_find(s, STR("]]"), open);
                if (close == SIZE_MAX) {
                        buf_add(&out, str_sub(s, at, s.n));
                        break;
                }
                buf_add(&out, str_sub(s, at, open));
                if (macro(str_sub(s, open + 2, close), m, &out))
                        at = close + 2;
                else {
                        buf_add(&out, STR("[["));
                        at = open + 2;
                }
        }
        struct str done = arena_str(a, buf_str(&out));
        buf_free(&out);
        return done;
}

struct newest { struct arena *arena; struct record record; bool found; };
static bool on_newest(void *user, const struct record *r)
{
        struct newest *x = user;
        x->record = record_copy(r, x->arena);
        x->found = true;
        return false;
}

static bool document_of(const struct store_ops *store, struct store_reader *reader, const struct record *r, const struct value *body, struct command *c, struct arena *a, struct error *e)
{
        struct newest x = {.arena = a};
        struct str pipeline = text_of(body, "pipeline"), version = text_of(body, "version");
        struct value v;
        c->document = text_of(body, "document");
        if (!pipeline.n)
                return true;
        struct query_value parent = {.type = QUERY_TEXT, .text = pipeline}, active = {.type = QUERY_NUMBER, .number = RECORD_ACTIVE};
        struct query_predicate p[] = {{STR("parent"), QUERY_EQ, &parent, 1}, {STR("state"), QUERY_EQ, &active, 1}};
        struct query q = {.kind = RECORD_VERSION, .predicates = p, .predicates_n = 2, .descending = true, .limit = 1};
        struct query_page page;
        if (!(version.n ? store->record(reader, RECORD_VERSION, version, a, &x.found, &x.record, e) : store->query_records(reader, &q, on_newest, &x, a, &page, e)))
                return false;
        if (!x.found || !str_eq(x.record.parent, pipeline) || !str_eq(x.record.ns, r->ns))
                return error_set(e, ERROR_NOT_FOUND, version.n ? "the version that recurring run %.*s starts is gone" : "the pipeline that recurring run %.*s starts has no version", STR_FMT(r->name));
        if (!json_read(x.record.body, NULL, a, &v, e))
                return error_wrap(e, "reading version %.*s", STR_FMT(x.record.name));
        c->document = text_of(&v, "document");
        c->meta.pipeline = pipeline;
        c->meta.version = x.record.id;
        return true;
}

bool recurring_command(const struct store_ops *store, struct store_reader *reader, const struct record *r, struct wall scheduled, struct wall now, struct str uid, uint64_t index,
                       struct arena *a, struct command *ret, struct error *e)
{
        struct value *body = ARENA_NEW(a, struct value);
        struct macros m = {scheduled, now, uid, index};
        *ret = (struct command){.kind = COMMAND_RUN, .uid = uid, .again = true};
        if (!body_read(r, a, body, e) || !document_of(store, reader, r, body, ret, a, e))
                return false;
        const struct value *parameters = value_get_c(body, "parameters"), *labels = value_get_c(body, "labels");
        ret->meta.owner = r->owner;
        ret->meta.experiment = r->parent;
        ret->meta.recurring = r->id;
        ret->meta.scheduled_at = scheduled;
        ret->meta.service_account = text_of(body, "service_account");
        ret->meta.priority = (int32_t)number_of(body, "priority", 0);
        ret->meta.labels = labels && labels->kind == VALUE_MAP ? json_text(labels, JSON_COMPACT, a) : STR_NONE;
        ret->submission.ns = r->ns;
        ret->submission.entrypoint = text_of(body, "entrypoint");
        struct str shown = r->display_name.n ? r->display_name : r->name;
        ret->submission.display_name = scheduled.us ? arena_printf(a, "%.*s %.*s", STR_FMT(shown), STR_FMT(wall_rfc3339(scheduled, 0, a))) : shown;
        ret->generate_name = arena_printf(a, "%.*s-", STR_FMT(shown));
        size_t n = parameters && parameters->kind == VALUE_MAP ? parameters->map.n : 0;
        ret->submission.parameters.params = ARENA_ARRAY(a, struct param, n + 1);
        for (size_t i = 0; i < n; i++) {
                const struct value_member *x = &parameters->map.members[i];
                ret->submission.parameters.params[i] =
                        (struct param){.name = x->key, .value = x->value.kind == VALUE_STRING ? val_text(expand(x->value.text, &m, a)) : val_json(json_text(&x->value, JSON_COMPACT, a))};
        }
        ret->submission.parameters.params_n = n;
        return true;
}

/* ---- the loop's part ---- */

struct entry { struct entry *next; char id[37]; struct wall due; bool waits; /* S3 */ };
struct schedule {
        struct runtime *rt;
        struct entry *entries;
        int fd;
        uv_poll_t poll;
};

static struct entry *entry_of(struct schedule *s, struct str id, bool make)
{
        for (struct entry *x = s->entries; x; x = x->next)
                if (str_eq_c(id, x->id))
                        return x;
        if (!make)
                return NULL;
        struct entry *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        snprintf(x->id, sizeof x->id, "%.*s", STR_FMT(id));
        x->next = s->entries;
        return s->entries = x;
}

static void entry_drop(struct schedule *s, struct str id)
{
        for (struct entry **at = &s->entries; *at; at = &(*at)->next)
                if (str_eq_c(id, (*at)->id)) {
                        struct entry *x = *at;
                        *at = x->next;
                        free(x);
                        return;
                }
}

static void take(struct schedule *s, const struct record *r)
{
        struct arena *a = arena_new();
        struct value body;
        struct plan p = {0};
        struct error e;
        struct wall due = {0};
        if (r->state == RECORD_ACTIVE && body_read(r, a, &body, &e) && plan_read(r, &body, &p, &e))
                due = plan_next(&p, plan_position(&p));
        zone_close(p.zone);
        arena_free(a);
        if (!due.us) {
                entry_drop(s, r->id);
                return;
        }
        struct entry *x = entry_of(s, r->id, true);
        x->due = due;
        x->waits = false;
}

/* S2 */
static void arm(struct schedule *s)
{
        struct wall first = {0};
        for (struct entry *x = s->entries; x; x = x->next)
                if (!x->waits && (!first.us || x->due.us < first.us))
                        first = x->due;
        struct itimerspec t = {.it_value = {first.us / US_PER_S, first.us % US_PER_S * 1000}};
        if (first.us && first.us < US_PER_S)
                t.it_value = (struct timespec){1, 0};
        timerfd_settime(s->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL);
}

static struct str new_body(const struct value *body, struct wall position, uint64_t index, struct str problem, struct arena *a)
{
        struct map_builder m = {.arena = a};
        for (size_t i = 0; i < body->map.n; i++)
                map_push(&m, body->map.members[i].key, body->map.members[i].value);
        map_set(&m, STR("last_firing"), value_string(wall_rfc3339(position, 6, a)));
        map_set(&m, STR("index"), value_i64((int64_t)index, a));
        map_set(&m, STR("problem"), value_string(problem));
        struct value v = value_map(m.members, m.n);
        return json_text(&v, JSON_COMPACT, a);
}

struct busy { struct runtime *rt; int64_t n; };
static bool on_busy(void *user, const struct run_row *row)
{
        struct busy *x = user;
        const struct live_run *r = run_find(x->rt, row->uid);
        x->n += !r || (!r->ending && r->stored); /* those that are not stored are counted in memory */
        return true;
}

/* Its runs that have not ended. */
static bool running(struct runtime *rt, struct str id, int64_t *ret, struct arena *a, struct error *e)
{
        struct query_value recurring = {.type = QUERY_TEXT, .text = id}, ends = {.type = QUERY_NUMBER, .number = RUN_SUCCEEDED};
        struct query_predicate p[] = {{STR("recurring"), QUERY_EQ, &recurring, 1}, {STR("state"), QUERY_LT, &ends, 1}};
        struct query q = {.kind = RECORD_RUN, .predicates = p, .predicates_n = 2, .limit = 32};
        struct query_page page;
        struct busy x = {.rt = rt};
        if (!rt->o.store->query_runs(rt->reader, &q, on_busy, &x, a, &page, e))
                return false;
        for (struct live_run *r = rt->runs; r; r = r->hh.next)
                x.n += !r->stored && !r->ending && str_eq(r->fixed.meta.recurring, id);
        *ret = x.n;
        return true;
}

static bool pending(const struct batch *b, struct str id)
{
        for (size_t i = 0; b && i < b->records_n; i++)
                if (b->records[i]->kind == RECORD_RECURRING && str_eq(b->records[i]->id, id))
                        return true;
        for (size_t i = 0; b && i < b->removed_n; i++)
                if (b->removed[i].kind == RECORD_RECURRING && str_eq(b->removed[i].id, id))
                        return true;
        return false;
}

/* S1: the run and the position in one batch. A run that is refused uses up its firing, and the record says why. */
static void start(struct runtime *rt, struct record *r, const struct value *body, struct wall at, struct arena *a)
{
        char key[128], uid[37];
        struct command c;
        struct error e = {0};
        struct run_row row;
        struct live_run *made;
        bool renamed;
        uint64_t index = (uint64_t)number_of(body, "index", 0) + 1;
        snprintf(key, sizeof key, "recurring/%.*s/%lld", STR_FMT(r->id), (long long)at.us);
        uuid_derive(str_from(key), uid);
        bool there = run_find(rt, str_from(uid)) || run_lookup(rt, str_from(uid), a, &row, &e);
        bool ok = there || (recurring_command(rt->o.store, rt->reader, r, at, rt_now(rt), str_from(uid), index, a, &c, &e) && run_create(rt, &c, &made, &renamed, &e));
        r->body = new_body(body, at, index, ok ? STR_NONE : str_from(e.text), a);
        r->updated_at = rt_now(rt);
        r->revision++;
        batch_put(batch_open(rt), r);
        if (!ok && rt->note)
                rt->note(rt->note_user, STR_NONE, arena_printf(a, "recurring run %.*s made no run: %s", STR_FMT(r->name), e.text));
}

static void fire(struct schedule *s, struct entry *x, struct wall now)
{
        struct runtime *rt = s->rt;
        struct arena *a = arena_new();
        struct record r;
        struct value body;
        struct plan p = {0};
        struct error e;
        bool found = false;
        int64_t busy = 0;
        if (pending(rt->open, str_from(x->id)) || pending(rt->flying, str_from(x->id))) { /* its commit brings it back */
                x->waits = true;
                arena_free(a);
                return;
        }
        bool ok = catalog_record(rt, RECORD_RECURRING, str_from(x->id), a, &found, &r, &e);
        ok = ok && found && r.state == RECORD_ACTIVE && body_read(&r, a, &body, &e) && plan_read(&r, &body, &p, &e) && running(rt, r.id, &busy, a, &e);
        struct wall at = ok ? plan_next(&p, plan_position(&p)) : (struct wall){0};
        x->due = at;
        x->waits = true; /* until the commit, or the end of a run */
        if (at.us && at.us > now.us)
                x->waits = false;
        else if (at.us && busy < p.concurrency) {
                struct wall next;
                for (int i = 0; !p.catchup && i < STEPS_MAX && (next = plan_next(&p, at)).us && next.us <= now.us; i++) /* S4 */
                        at = next;
                start(rt, &r, &body, at, a);
        }
        zone_close(p.zone);
        arena_free(a);
}

static void fire_due(struct schedule *s)
{
        struct runtime *rt = s->rt;
        struct wall now = clock_wall();
        if (rt->failed || rt->closing)
                return;
        for (struct entry *x = s->entries; x; x = x->next)
                if (!x->waits && x->due.us <= now.us)
                        fire(s, x, now);
        arm(s);
}

static void on_alarm(uv_poll_t *h, int status, int events)
{
        struct schedule *s = h->data;
        uint64_t n;
        (void)status;
        (void)events;
        if (read(s->fd, &n, sizeof n) < 0 && errno == EAGAIN)
                return;
        fire_due(s); /* also when the clock was set */
        rt_turn(s->rt);
}

static bool on_record(void *user, const struct record *r)
{
        take(user, r);
        return true;
}

bool schedule_open(struct runtime *rt, struct error *e)
{
        struct schedule *s = calloc(1, sizeof *s);
        if (!s)
                abort();
        s->rt = rt;
        s->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        if (s->fd < 0) {
                free(s);
                return error_set(e, ERROR_IO, "making the timer of recurring runs: %s", strerror(errno));
        }
        uv_poll_init(rt->loop, &s->poll, s->fd);
        s->poll.data = s;
        uv_poll_start(&s->poll, UV_READABLE, on_alarm);
        rt->schedule = s;
        if (!catalog_each(rt, RECORD_RECURRING, NULL, STR_NONE, on_record, s, e))
                return false;
        arm(s);
        return true;
}

void schedule_committed(struct runtime *rt, const struct batch *b)
{
        struct schedule *s = rt->schedule;
        bool changed = false;
        if (!s)
                return;
        for (size_t i = 0; i < b->removed_n; i++)
                if (b->removed[i].kind == RECORD_RECURRING) {
                        entry_drop(s, b->removed[i].id);
                        changed = true;
                }
        for (size_t i = 0; i < b->records_n; i++)
                if (b->records[i]->kind == RECORD_RECURRING) {
                        take(s, b->records[i]);
                        changed = true;
                }
        for (size_t i = 0; i < b->runs_n; i++) {
                struct entry *x = run_state_final(b->runs[i]->state) && b->runs[i]->meta.recurring.n ? entry_of(s, b->runs[i]->meta.recurring, false) : NULL;
                if (x) { /* S3 */
                        x->waits = false;
                        changed = true;
                }
        }
        if (changed)
                arm(s); /* what is due comes with the loop's next round, when this commit is behind us */
}

/* A commit failed, and with it perhaps a firing: all are read again, from what is stored. */
void schedule_undone(struct runtime *rt)
{
        if (!rt->schedule)
                return;
        for (struct entry *x = rt->schedule->entries; x; x = x->next)
                x->waits = false;
        arm(rt->schedule);
}

static void on_closed(uv_handle_t *h)
{
        struct schedule *s = h->data;
        close(s->fd);
        while (s->entries) {
                struct entry *x = s->entries;
                s->entries = x->next;
                free(x);
        }
        free(s);
}

void schedule_close(struct runtime *rt)
{
        if (!rt->schedule)
                return;
        uv_close((uv_handle_t *)&rt->schedule->poll, on_closed);
        rt->schedule = NULL;
}
