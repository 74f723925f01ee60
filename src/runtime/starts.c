/* Starts: what the engine has ordered waits here for a free slot, is handed to the executor when its turn comes, and counts until it has ended. Whose turn
 * it is, is admission.c's to say; here is what a start needs besides.
 *
 * S1  While something waits in a run's flow the run's engine is in memory: run_drop() empties the flow first.
 * S2  What waits holds its batch, and with it the spec, while all that is held so is at most HELD_BYTES; beyond that a start is 24 bytes, and its spec is
 *     resolved again.
 * S3  Why steps wait is told in their run's row, some time after they began to wait, and again when that changes: one row, however many wait. */
#include "runtime/internal.h"
#include "text/json.h"
#include <stdlib.h>

enum { HELD_BYTES = 4 << 20, TELL_MS = 500 };

struct held { struct batch *batch; const struct task_spec *spec; };

/* ---- limits ---- */

static bool one_exception(struct runtime *rt, const struct value *v, struct error *e)
{
        static const char *const kinds[ADMIT_KINDS] = {[ADMIT_NAMESPACE] = "namespace", [ADMIT_PIPELINE] = "pipeline", [ADMIT_USER] = "user"};
        const struct value *name = NULL;
        enum admission_kind kind = ADMIT_USER;
        for (size_t i = 0; v->kind == VALUE_MAP && i < v->map.n; i++) {
                const struct value_member *m = &v->map.members[i];
                int k = 0;
                while (k < ADMIT_KINDS && !str_eq_c(m->key, kinds[k]))
                        k++;
                int64_t n;
                if (k < ADMIT_KINDS ? name || m->value.kind != VALUE_STRING
                                    : (!str_eq_c(m->key, "steps") && !str_eq_c(m->key, "runs")) || !value_to_i64(&m->value, &n) || n < 0 || n > 10000000)
                        return error_set(e, ERROR_USAGE, "an entry has one of \"user\", \"namespace\" and \"pipeline\" with a name, and \"steps\" or \"runs\" with a whole number; \"%.*s\" is something else",
                                         STR_FMT(m->key));
                if (k < ADMIT_KINDS) {
                        name = &m->value;
                        kind = (enum admission_kind)k;
                }
        }
        if (!name)
                return error_set(e, ERROR_USAGE, "an entry is a map that names a \"user\", a \"namespace\" or a \"pipeline\"");
        int64_t n;
        if (value_get_c(v, "steps") && value_to_i64(value_get_c(v, "steps"), &n))
                admission_except(rt->steps, kind, name->text, (uint32_t)n);
        if (value_get_c(v, "runs") && value_to_i64(value_get_c(v, "runs"), &n))
                admission_except(rt->admitted, kind, name->text, (uint32_t)n);
        return true;
}

static bool exceptions(struct runtime *rt, struct error *e)
{
        struct str text = rt->o.settings->text[SET_LIMIT_EXCEPTIONS];
        struct value list;
        if (!text.n)
                return true;
        bool ok = json_read(text, NULL, rt->arena, &list, e);
        if (ok && list.kind != VALUE_LIST)
                ok = error_set(e, ERROR_USAGE, "it is a list, not a %s", value_kind_name(list.kind));
        for (size_t i = 0; ok && i < list.list.n; i++)
                ok = one_exception(rt, &list.list.items[i], e);
        return ok || error_wrap(e, "setting limits.exceptions");
}

bool starts_open(struct runtime *rt, struct error *e)
{
        const int64_t *n = rt->o.settings->number;
        const uint32_t each[ADMIT_KINDS] = {[ADMIT_NAMESPACE] = (uint32_t)n[SET_LIMIT_STEPS_NAMESPACE], [ADMIT_PIPELINE] = (uint32_t)n[SET_LIMIT_STEPS_PIPELINE],
                                            [ADMIT_USER] = (uint32_t)n[SET_LIMIT_STEPS_USER]};
        uint32_t all = (uint32_t)n[SET_LIMIT_STEPS];
        rt->steps = admission_new("steps", all && all < rt->slots ? all : rt->slots, each);
        return exceptions(rt, e);
}

void starts_close(struct runtime *rt) { admission_free(rt->steps); }

/* Whom a run's work is counted for: a child run's for the user and the pipeline of the run that everything began with, when that is in memory. */
static struct admission_flow *flow_of(struct live_run *r)
{
        if (r->flow)
                return r->flow;
        const struct live_run *root = r, *up;
        while (root->fixed.parent_run.n && (up = run_find(r->rt, root->fixed.parent_run)))
                root = up;
        const struct str names[ADMIT_KINDS] = {[ADMIT_NAMESPACE] = r->fixed.ns, [ADMIT_PIPELINE] = root->fixed.meta.pipeline, [ADMIT_USER] = root->fixed.meta.owner};
        return r->flow = admission_flow_new(r->rt->steps, names, root->fixed.meta.priority, r);
}

/* ---- in flight ---- */

struct attempt_id start_id(const struct live_run *r, const struct action *x)
{
        return (struct attempt_id){str_from(r->uid), x->node, x->epoch, x->attempt};
}

static struct in_flight *flight_of(struct live_run *r, const struct attempt_id *id)
{
        struct attempt_key key;
        memset(&key, 0, sizeof key);
        key.run = r;
        key.node = id->node;
        key.epoch = id->epoch;
        key.attempt = id->attempt;
        struct in_flight *f;
        HASH_FIND(hh, r->rt->in_flight, &key, sizeof key, f);
        return f;
}

static void flight_add(struct live_run *r, const struct attempt_id *id)
{
        struct in_flight *f = calloc(1, sizeof *f);
        if (!f)
                abort();
        f->key.run = r;
        f->key.node = id->node;
        f->key.epoch = id->epoch;
        f->key.attempt = id->attempt;
        r->refs++;
        HASH_ADD(hh, r->rt->in_flight, key, sizeof f->key, f);
}

static void flight_end(struct in_flight *f)
{
        struct live_run *r = f->key.run;
        HASH_DELETE(hh, r->rt->in_flight, f);
        free(f);
        admission_ended(r->rt->steps, r->flow);
        run_unref(r);
}

void start_adopted(struct live_run *r, const struct attempt_id *id)
{
        if (flight_of(r, id))
                return;
        admission_adopt(r->rt->steps, flow_of(r));
        flight_add(r, id);
}

void start_ended(struct live_run *r, const struct attempt_id *id)
{
        struct in_flight *f = flight_of(r, id);
        if (f)
                flight_end(f);
}

/* ---- why they wait ---- */

static void tell(uv_timer_t *t)
{
        struct runtime *rt = t->data;
        bool more = false;
        for (struct live_run *r = rt->runs; r && !rt->failed; r = r->hh.next) {
                if (!r->engine || r->ending)
                        continue;
                uint32_t n = r->flow ? admission_flow_waiting(r->flow) : 0;
                if (!n && !r->told)
                        continue;
                struct buf why = BUF(1024);
                if (n) {
                        buf_add_c(&why, "steps wait for a free slot: ");
                        if (!admission_limit(rt->steps, r->flow, &why))
                                buf_add_c(&why, "others come first");
                }
                rt_step(r, &(struct event){.kind = EVENT_REASON, .text = buf_str(&why)}, NULL);
                r->told = n > 0;
                more |= n > 0;
                buf_free(&why);
        }
        if (more)
                uv_timer_start(t, tell, TELL_MS, 0);
        rt_turn(rt);
}

/* ---- what waits ---- */

static void let_go(struct runtime *rt, struct admission_item *x)
{
        struct held *h = x->tag;
        if (!h)
                return;
        if (!--h->batch->held_n) {
                rt->held_bytes -= h->batch->held_bytes;
                h->batch->held_bytes = 0;
        }
        batch_unref(h->batch);
        free(h);
}

static struct held *hold(struct runtime *rt, struct batch *b, const struct task_spec *spec)
{
        if (!b->held_n) {
                size_t bytes = arena_used(b->arena);
                if (rt->held_bytes + bytes > HELD_BYTES)
                        return NULL;
                rt->held_bytes += b->held_bytes = bytes;
        }
        struct held *h = malloc(sizeof *h);
        if (!h)
                abort();
        *h = (struct held){b, spec};
        b->held_n++;
        b->refs++;
        return h;
}

void starts_tell(struct runtime *rt)
{
        if (!uv_is_active((uv_handle_t *)&rt->tell))
                uv_timer_start(&rt->tell, tell, TELL_MS, 0);
}

void start_add(struct batch *b, struct live_run *r, const struct action *x)
{
        struct runtime *rt = r->rt;
        admission_push(rt->steps, flow_of(r), &(struct admission_item){x->node, x->epoch, x->attempt, hold(rt, b, x->spec)});
        starts_tell(rt);
}

bool start_remove(struct live_run *r, const struct action *x)
{
        struct admission_item item;
        if (!r->flow || !admission_remove(r->rt->steps, r->flow, x->node, x->epoch, x->attempt, &item))
                return false;
        let_go(r->rt, &item);
        return true;
}

void starts_forget(struct live_run *r)
{
        struct admission_item x;
        while (r->flow && admission_pop_any(r->rt->steps, r->flow, &x))
                let_go(r->rt, &x);
}

void starts_drop(struct runtime *rt)
{
        for (struct live_run *r = rt->runs; r; r = r->hh.next)
                starts_forget(r);
        struct in_flight *f, *next;
        HASH_ITER(hh, rt->in_flight, f, next)
                flight_end(f);
}

/* ---- handing over ---- */

static void note_image(struct live_run *r, const struct task_spec *spec)
{
        struct runtime *rt = r->rt;
        struct str notice = rt->o.executor->notice(rt->executor);
        if (notice.n && !r->warned && rt->note) {
                r->warned = true;
                rt->note(rt->note_user, str_from(r->uid), notice);
        }
        if (r->noted || !spec->image.n || !rt->note || strcmp(rt->o.executor->name, "process") != 0)
                return;
        r->noted = true;
        rt->note(rt->note_user, str_from(r->uid), STR("the steps run as processes of this machine: their images are not used"));
}

/* False: nothing more can be started now. */
static bool hand_over(struct runtime *rt, struct admission_flow *f, struct admission_item x, struct arena *a)
{
        struct live_run *r = admission_owner(f);
        const struct attempt_id id = {str_from(r->uid), x.node, x.epoch, x.attempt};
        const struct held *h = x.tag;
        const struct task_spec *spec = h ? h->spec : engine_spec(r->engine, x.node, x.epoch, x.attempt, rt_now(rt), a);
        struct error e;
        if (!spec || flight_of(r, &id)) {
                admission_skip(rt->steps, f);
                let_go(rt, &x);
                if (!spec)
                        rt_step(r, &(struct event){.kind = EVENT_TICK}, NULL);
                return true;
        }
        if (!executor_ready(rt, &e)) {
                rt_fail(rt, &e);
                return false;
        }
        note_image(r, spec);
        if (!rt->o.executor->start(rt->executor, &id, spec, &e)) {
                if (e.kind != ERROR_BUSY) /* then again when something has ended */
                        rt_fail(rt, &e);
                return false;
        }
        admission_start(rt->steps, f);
        flight_add(r, &id);
        let_go(rt, &x);
        return true;
}

void starts_pump(struct runtime *rt)
{
        struct admission_flow *f;
        struct admission_item x;
        struct arena *a = NULL;
        bool more = true;
        while (more && !rt->failed && admission_next(rt->steps, &f, &x)) {
                if (!a)
                        a = arena_new();
                more = hand_over(rt, f, x, a);
                if (arena_used(a) > 65536) /* the executor has copied what it needs */
                        arena_reset(a);
        }
        arena_free(a);
}
