/* Retries: after a failed attempt, is there another, and when. */
#include "engine/internal.h"

void retry_next(struct run *r, struct node *n)
{
        uint32_t index = n->attempts_n++;
        struct node *a = node_create(r, n, NODE_ROLE_ATTEMPT, n->row.task, index);
        a->task = n->task;
        a->hook = n->hook;
        a->row.name = n->row.name;
        a->row.item = n->row.item;
        a->template = n->template;
        a->row.template = n->row.template;
        a->in = box_ref(n->in);
        a->limits = n->limits;
        a->limits.has_retry = false;
        a->limits.timeout_us = a->limits.timeout_at_us = 0;
        limits_encode(r, a);
        if (n->attempt_before) {
                node_free_below(r, n->attempt_before);
                node_free(r, n->attempt_before);
        }
        n->attempt_before = n->attempt_node;
        n->attempt_node = a;
        node_dirty(r, a);
        node_enter(r, a);
}

static void done(struct run *r, struct node *n, struct node *a, struct str message)
{
        n->row.has_exit_code = a->row.has_exit_code;
        n->row.exit_code = a->row.exit_code;
        n->out = box_ref(a->out);
        n->transient = a->transient;
        node_finish(r, n, a->row.state, message);
}

/* Delay before attempt number `next` of this epoch (1 is the second attempt). */
static int64_t delay_us(const struct retry_policy *p, uint32_t next)
{
        double d = (double)p->backoff_us, f = p->backoff_factor > 0 ? p->backoff_factor : 1;
        double cap = p->backoff_cap_us ? (double)p->backoff_cap_us : 365.0 * 86400.0 * 1e6;
        for (uint32_t i = 1; i < next && d < cap && f != 1; i++)
                d *= f;
        return (int64_t)(d < cap ? d : cap);
}

void retry_decide(struct run *r, struct node *n, struct node *a)
{
        const struct retry_policy *p = &n->limits.retry;
        if (node_state_final(n->row.state))
                return;
        if (!node_state_bad(a->row.state) || is_closing(r, n) || a->row.state == NODE_STOPPED) {
                done(r, n, a, n->closing ? n->row.message : a->row.message);
                return;
        }
        bool failed = a->row.state == NODE_FAILED;
        if (!(failed ? p->on & RETRY_ON_FAILED : (p->on & RETRY_ON_ERROR) || (a->transient && p->on & RETRY_ON_TRANSIENT))) {
                done(r, n, a, a->row.message);
                return;
        }
        uint32_t made = n->attempts_n - n->limits.base;
        if ((p->limit >= 0 && made > p->limit) || r->row.nodes_next >= r->set.nodes_max) {
                done(r, n, a, STR("No more retries left"));
                return;
        }
        if (p->conditional) {
                struct scope scope;
                struct self_views views;
                struct site s;
                struct error e = {0};
                enum verdict v = VERDICT_YES;
                site_self(r, n, &scope, &views, &s);
                if (!r->w->language->eval_retry(&s, &v, &e)) {
                        node_finish(r, n, NODE_ERROR, arena_str(r->arena, str_from(e.text)));
                        return;
                }
                if (v == VERDICT_NO) {
                        done(r, n, a, STR("retryStrategy.expression evaluated to false"));
                        return;
                }
        }
        int64_t wait = p->backoff_us ? delay_us(p, made) : 0;
        int64_t at = a->row.finished_at.us + wait;
        if (p->backoff_total_us && (at > r->now.us ? at : r->now.us) > n->row.started_at.us + p->backoff_total_us) {
                done(r, n, a, STR("Backoff would exceed max duration limit"));
                return;
        }
        if (at <= r->now.us) {
                retry_next(r, n);
                return;
        }
        n->row.wake_at.us = at;
        timer_set(r, n);
        node_set_state(r, n, NODE_WAITING);
        set_reason(n, WAITS_FOR_BACKOFF);
        r->busy++;
        r->hard = true;
}
