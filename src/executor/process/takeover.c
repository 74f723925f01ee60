/* Taking over after a shepherd that died: what its journal says is known again, and what it had running is ended. */
#include "executor/process/shepherd.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const int64_t TAKE_OVER_US = 10 * US_PER_S;

void recovered(void *user, const struct record *r)
{
        struct shepherd *s = user;
        struct task *t = *task_slot(s, r->key);
        if (r->kind == RECORD_FORGET) {
                if (t)
                        task_free(s, t);
                return;
        }
        if (!t)
                t = task_new(s, r->key);
        t->start = *r;
        t->start.boot = str_eq(r->boot, s->boot) ? s->boot : STR("another");
        t->exited = true;
        t->ended = r->kind != RECORD_INTENT && r->kind != RECORD_START;
        t->start.message = STR_NONE;
        if (t->ended)
                t->end = record_of(s, t, r->kind);
        if (r->message.n && !t->message) {
                t->message = strndup(r->message.p, r->message.n);
                t->end.message = str_from(t->message);
        }
}

static void lost(struct shepherd *s, struct task *t, bool proved)
{
        if (!s->cgroups.asked)
                cgroups_find(&s->cgroups);
        if (s->cgroups.usable)
                cgroup_end(&s->cgroups, group_of(s, t));
        t->ended = true;
        t->end = record_of(s, t, RECORD_LOST);
        t->end.ended_us = clock_us();
        t->end.cpu_us = t->end.rss_bytes = -1;
        t->message = strdup(!str_eq(t->start.boot, s->boot) ? "the machine was restarted while it ran"
                            : proved ? "the process that watched over it was ended while it ran: what it would have returned is not known, and what was left of it was killed"
                                     : "the process that watched over it was ended while it ran; some of its processes could not be killed");
        t->end.message = str_from(t->message);
        journal_put(&s->lines, &t->end);
}

/* S4. Another boot id is proof enough; else what is still alive of the attempt is killed until nothing is found. */
void take_over(struct shepherd *s)
{
        struct kin *k = arena_alloc_array(s->arena, sizeof *k, s->known + 1u);
        size_t n = 0;
        int left = 0;
        EACH_TASK(s, t) {
                if (t->ended || !str_eq(t->start.boot, s->boot))
                        continue;
                int64_t since = t->start.pid ? process_start_time((int)t->start.pid) : 0;
                bool same = since && since >= t->start.start && since <= t->start.start + t->start.slack;
                k[n] = kin_of(s, t, s->arena);
                if (since && !same)
                        k[n].leader = 0; /* the number has been given to somebody else, so nobody of its session is left */
                if (same)
                        kill((int)-t->start.pid, SIGKILL);
                n++;
        }
        for (int64_t until = clock_us() + TAKE_OVER_US; n && (left = kin_signal_all(k, n, SIGKILL)) && clock_us() < until;)
                usleep(2000);
        EACH_TASK(s, t)
                if (!t->ended)
                        lost(s, t, !left);
}
