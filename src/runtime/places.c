/* Places: how many runs may be under way, and who is next. Every run that has not ended has a place, except child runs: these go on inside the place of
 * the run that everything began with, or a parent could wait for a child that waits for its parent's place.
 *
 * P1  A run that waits for a place is stored as Queued with the reason, has no nodes, and is in memory only until that is durable: what is kept is its uid.
 * P2  Whose turn it is, is admission.c's to say: users share fairly, a user's runs go by priority, then in the order in which they came. After a restart
 *     the order is the same, because it comes from the stored rows.
 * P3  A run that began before, or is retried, is never sent back to wait: it counts, also beyond a limit. */
#include "runtime/internal.h"
#include <stdlib.h>

struct place { struct admission_flow *flow; bool waits; char uid[37]; UT_hash_handle hh; };

static struct place *place_of(struct runtime *rt, struct str uid)
{
        struct place *p;
        HASH_FIND(hh, rt->places, uid.p, uid.n, p);
        return p;
}

static struct place *place_make(struct runtime *rt, const struct run_row *row)
{
        struct place *p = calloc(1, sizeof *p);
        if (!p)
                abort();
        memcpy(p->uid, row->uid.p, row->uid.n < 36 ? row->uid.n : 36);
        const struct str names[ADMIT_KINDS] = {[ADMIT_NAMESPACE] = row->ns, [ADMIT_PIPELINE] = row->meta.pipeline, [ADMIT_USER] = row->meta.owner};
        p->flow = admission_flow_new(rt->admitted, names, row->meta.priority, p);
        HASH_ADD(hh, rt->places, uid, strlen(p->uid), p);
        return p;
}

void places_open(struct runtime *rt)
{
        const int64_t *n = rt->o.settings->number;
        const uint32_t each[ADMIT_KINDS] = {[ADMIT_NAMESPACE] = (uint32_t)n[SET_LIMIT_RUNS_NAMESPACE], [ADMIT_PIPELINE] = (uint32_t)n[SET_LIMIT_RUNS_PIPELINE],
                                            [ADMIT_USER] = (uint32_t)n[SET_LIMIT_RUNS_USER]};
        rt->admitted = admission_new("runs", (uint32_t)n[SET_LIMIT_RUNS], each);
}

static void place_free(struct runtime *rt, struct place *p)
{
        struct admission_item x;
        while (admission_pop_any(rt->admitted, p->flow, &x)) {
        }
        admission_flow_free(rt->admitted, p->flow);
        HASH_DEL(rt->places, p);
        free(p);
}

void places_close(struct runtime *rt)
{
        struct place *p, *next;
        HASH_ITER(hh, rt->places, p, next)
                place_free(rt, p);
        admission_free(rt->admitted);
}

void place_wait(struct runtime *rt, const struct run_row *row)
{
        if (row->parent_run.n || place_of(rt, row->uid))
                return;
        struct place *p = place_make(rt, row);
        p->waits = true;
        admission_push(rt->admitted, p->flow, &(struct admission_item){.node = 1});
}

void place_take(struct runtime *rt, const struct run_row *row)
{
        if (row->parent_run.n || place_of(rt, row->uid))
                return;
        admission_adopt(rt->admitted, place_make(rt, row)->flow);
}

bool place_waits(struct runtime *rt, struct str uid)
{
        const struct place *p = place_of(rt, uid);
        return p && p->waits;
}

void place_end(struct runtime *rt, struct str uid)
{
        struct place *p = place_of(rt, uid);
        if (p)
                place_free(rt, p);
}

void place_prioritize(struct runtime *rt, struct str uid, int32_t priority)
{
        struct place *p = place_of(rt, uid);
        if (p)
                admission_prioritize(rt->admitted, p->flow, priority);
        struct live_run *r = run_find(rt, uid);
        if (r && r->flow)
                admission_prioritize(rt->steps, r->flow, priority);
}

struct str place_reason(struct runtime *rt, struct str uid, struct arena *a)
{
        const struct place *p = place_of(rt, uid);
        struct buf why = BUF(1024);
        buf_add_c(&why, "waits for its turn: ");
        if (!p || !admission_limit(rt->admitted, p->flow, &why))
                buf_add_c(&why, "runs of before a restart come first");
        struct str text = arena_str(a, buf_str(&why));
        buf_free(&why);
        return text;
}

bool places_pump(struct runtime *rt, uint32_t max)
{
        struct admission_flow *f;
        struct admission_item x;
        while (!rt->failed && !rt->closing && admission_next(rt->admitted, &f, &x)) {
                if (!max--)
                        return true;
                struct place *p = admission_owner(f);
                admission_start(rt->admitted, f);
                p->waits = false;
                struct live_run *r = run_find(rt, str_from(p->uid));
                struct error e;
                if (r)
                        run_begin(r); /* that it waits is not on disk yet */
                else if (!run_load(rt, str_from(p->uid), false, &r, &e)) {
                        if (e.kind != ERROR_CONFLICT && rt->note)
                                rt->note(rt->note_user, str_from(p->uid), str_from(e.text));
                        place_free(rt, p);
                }
        }
        return false;
}
