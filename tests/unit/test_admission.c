/* Fair queueing: the rules of admission.h by example, and by random users, limits, priorities and ends beside a plain count of everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "runtime/admission.h"

static const uint32_t none[ADMIT_KINDS];

static struct admission_flow *flow_of(struct admission *a, const char *user, const char *ns, const char *pipeline, int32_t priority, void *owner)
{
        struct str names[ADMIT_KINDS] = {[ADMIT_USER] = str_from(user), [ADMIT_NAMESPACE] = str_from(ns), [ADMIT_PIPELINE] = str_from(pipeline)};
        return admission_flow_new(a, names, priority, owner);
}

static void push(struct admission *a, struct admission_flow *f, uint32_t n)
{
        for (uint32_t i = 1; i <= n; i++)
                admission_push(a, f, &(struct admission_item){.node = i, .attempt = 1});
}

static void clear(struct admission *a, struct admission_flow *f)
{
        struct admission_item x;
        while (admission_pop_any(a, f, &x)) {
        }
        admission_flow_free(a, f);
}

static struct admission_flow *start_one(struct admission *a, uint32_t *ret_node)
{
        struct admission_flow *f;
        struct admission_item x;
        if (!admission_next(a, &f, &x))
                return NULL;
        if (ret_node)
                *ret_node = x.node;
        admission_start(a, f);
        admission_check(a);
        return f;
}

static void a_single_step_does_not_wait_behind_a_large_fan_out(void **state)
{
        (void)state;
        struct admission *a = admission_new("steps", 4, none);
        struct admission_flow *ann = flow_of(a, "ann", "default", "", 0, NULL), *bob = flow_of(a, "bob", "default", "", 0, NULL);
        push(a, ann, 10000);
        for (uint32_t i = 1; i <= 4; i++) {
                uint32_t node;
                assert_ptr_equal(start_one(a, &node), ann);
                assert_int_equal(node, i);
        }
        assert_null(start_one(a, NULL));
        push(a, bob, 1);
        admission_ended(a, ann);
        assert_ptr_equal(start_one(a, NULL), bob);
        admission_ended(a, bob);
        assert_ptr_equal(start_one(a, NULL), ann);
        clear(a, ann);
        clear(a, bob);
        admission_free(a);
}

static void priorities_order_the_runs_of_one_user_alone(void **state)
{
        (void)state;
        struct admission *a = admission_new("steps", 1, none);
        struct admission_flow *low = flow_of(a, "ann", "x", "", 0, NULL), *high = flow_of(a, "ann", "y", "p", 5, NULL), *bob = flow_of(a, "bob", "x", "", -9, NULL);
        push(a, low, 2);
        push(a, high, 2);
        push(a, bob, 2);
        struct admission_flow *want[] = {high, bob, high, bob, low, low};
        for (int i = 0; i < 6; i++) {
                struct admission_flow *f = start_one(a, NULL);
                assert_ptr_equal(f, want[i]);
                admission_ended(a, f);
        }
        push(a, low, 1);
        push(a, high, 1);
        admission_prioritize(a, low, 6);
        assert_ptr_equal(start_one(a, NULL), low);
        clear(a, low);
        clear(a, high);
        clear(a, bob);
        admission_free(a);
}

static void limits_hold_and_say_so(void **state)
{
        (void)state;
        const uint32_t each[ADMIT_KINDS] = {[ADMIT_USER] = 3, [ADMIT_NAMESPACE] = 4, [ADMIT_PIPELINE] = 2};
        struct admission *a = admission_new("steps", 100, each);
        admission_except(a, ADMIT_USER, STR("bob"), 0);
        admission_except(a, ADMIT_PIPELINE, STR("big"), 1);
        struct admission_flow *ann = flow_of(a, "ann", "one", "", 0, NULL), *bob = flow_of(a, "bob", "one", "", 0, NULL), *big = flow_of(a, "bob", "two", "big", 0, NULL),
                              *small = flow_of(a, "cy", "two", "small", 0, NULL);
        struct admission_flow *all[] = {ann, bob, big, small};
        for (int i = 0; i < 4; i++)
                push(a, all[i], 10);
        while (start_one(a, NULL)) {
        }
        assert_int_equal(admission_flow_running(ann) + admission_flow_running(bob), 4);
        assert_int_equal(admission_flow_running(big), 1);
        assert_int_equal(admission_flow_running(small), 2);
        struct buf b = BUF(1000);
        assert_true(admission_limit(a, bob, &b));
        assert_string_equal(b.p, "4 of 4 steps of namespace one run");
        buf_clear(&b);
        assert_true(admission_limit(a, big, &b));
        assert_string_equal(b.p, "1 of 1 steps of pipeline big run");
        buf_clear(&b);
        admission_except(a, ADMIT_NAMESPACE, STR("one"), 0);
        while (start_one(a, NULL)) {
        }
        assert_int_equal(admission_flow_running(ann), 3);
        assert_int_equal(admission_flow_running(bob), 10);
        assert_true(admission_limit(a, ann, &b));
        assert_string_equal(b.p, "3 of 3 steps of user ann run");
        assert_false(admission_limit(a, bob, &b));
        buf_free(&b);
        for (int i = 0; i < 4; i++)
                clear(a, all[i]);
        admission_free(a);
}

static void what_is_stopped_waits_no_longer(void **state)
{
        (void)state;
        struct admission *a = admission_new("steps", 1, none);
        struct admission_flow *f = flow_of(a, "", "default", "", 0, NULL);
        struct admission_item x;
        push(a, f, 1000);
        for (uint32_t i = 1; i <= 1000; i++)
                if (i % 10) {
                        assert_true(admission_remove(a, f, i, 0, 1, &x));
                        assert_int_equal(x.node, i);
                        assert_false(admission_remove(a, f, i, 0, 1, &x));
                }
        assert_int_equal(admission_waiting(a), 100);
        push(a, f, 500);
        admission_check(a);
        for (uint32_t i = 0; i < 600; i++) {
                uint32_t node;
                assert_ptr_equal(start_one(a, &node), f);
                assert_int_equal(node, i < 100 ? (i + 1) * 10 : i - 99);
                admission_ended(a, f);
        }
        assert_null(start_one(a, NULL));
        admission_flow_free(a, f);
        admission_free(a);
}

/* ---- by chance, beside counts of its own ---- */

enum { USERS = 7, SPACES = 3, PIPELINES = 4, FLOWS = 24, STEPS = 3000 };
struct model_flow { struct admission_flow *f; uint32_t user, ns, pipeline, next, at, end, running, queue[STEPS]; int32_t priority; };
struct model {
        struct admission *a;
        uint32_t max, each[ADMIT_KINDS];
        struct model_flow flows[FLOWS];
        uint32_t running, of_user[USERS], of_ns[SPACES], of_pipeline[PIPELINES], served[USERS], turn;
};

static bool held(const struct model *m, const struct model_flow *f)
{
        return (m->max && m->running >= m->max) || (m->each[ADMIT_USER] && m->of_user[f->user] >= m->each[ADMIT_USER]) ||
               (m->each[ADMIT_NAMESPACE] && m->of_ns[f->ns] >= m->each[ADMIT_NAMESPACE]) ||
               (f->pipeline && m->each[ADMIT_PIPELINE] && m->of_pipeline[f->pipeline] >= m->each[ADMIT_PIPELINE]);
}

static void counted(struct model *m, struct model_flow *f, int by)
{
        uint32_t *all[] = {&m->running, &f->running, &m->of_user[f->user], &m->of_ns[f->ns], &m->of_pipeline[f->pipeline]};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                *all[i] += (uint32_t)by;
}

static void take_turns(struct model *m)
{
        struct admission_flow *got;
        struct admission_item x;
        while (admission_next(m->a, &got, &x)) {
                struct model_flow *f = admission_owner(got);
                assert_false(held(m, f));                        /* A1 */
                assert_int_equal(x.node, f->queue[f->at]);       /* A5 */
                for (int i = 0; i < FLOWS; i++) {
                        const struct model_flow *o = &m->flows[i];
                        if (!o->f || o->at == o->end || held(m, o))
                                continue;
                        assert_true(m->of_user[f->user] <= m->of_user[o->user]); /* A3 */
                        if (o->user != f->user && m->of_user[f->user] == m->of_user[o->user])
                                assert_true(m->served[f->user] <= m->served[o->user]);
                        if (o->user == f->user)                  /* A4 */
                                assert_true(f->priority > o->priority || (f->priority == o->priority && f->running <= o->running));
                }
                admission_start(m->a, got);
                f->at++;
                counted(m, f, 1);
                m->served[f->user] = ++m->turn;
        }
        for (int i = 0; i < FLOWS; i++)
                if (m->flows[i].f && m->flows[i].at < m->flows[i].end)
                        assert_true(held(m, &m->flows[i]));      /* A2 */
        admission_check(m->a);
}

static void flow_make(struct model *m, struct model_flow *f, struct random_source *r)
{
        static const char *const users[] = {"", "ann", "bob", "cy", "dee", "eli", "fay"}, *const spaces[] = {"one", "two", "three"}, *const pipelines[] = {"", "p", "q", "r"};
        *f = (struct model_flow){.user = (uint32_t)random_below(r, USERS), .ns = (uint32_t)random_below(r, SPACES), .pipeline = (uint32_t)random_below(r, PIPELINES),
                                 .priority = (int32_t)random_below(r, 3) - 1};
        f->f = flow_of(m->a, users[f->user], spaces[f->ns], pipelines[f->pipeline], f->priority, f);
}

static void flow_drop(struct model *m, struct model_flow *f)
{
        clear(m->a, f->f);
        while (f->running)
                counted(m, f, -1);
        f->f = NULL;
        bool more = false;
        for (int i = 0; i < FLOWS; i++)
                more |= m->flows[i].f && m->flows[i].user == f->user;
        if (!more) /* who has nothing left is forgotten */
                m->served[f->user] = 0;
}

static void one_step(struct model *m, struct random_source *r)
{
        struct model_flow *f = &m->flows[random_below(r, FLOWS)];
        uint64_t what = random_below(r, 100);
        if (!f->f)
                flow_make(m, f, r);
        else if (what < 2)
                flow_drop(m, f);
        else if (what < 40)
                for (uint64_t n = 1 + random_below(r, what < 5 ? 60 : 3); n && f->end < STEPS; n--) {
                        f->queue[f->end++] = ++f->next;
                        admission_push(m->a, f->f, &(struct admission_item){.node = f->next, .epoch = 1, .attempt = 2});
                }
        else if (what < 48 && f->at < f->end) {
                uint32_t k = f->at + (uint32_t)random_below(r, f->end - f->at);
                struct admission_item x;
                assert_true(admission_remove(m->a, f->f, f->queue[k], 1, 2, &x));
                memmove(f->queue + k, f->queue + k + 1, (f->end - k - 1) * sizeof *f->queue);
                f->end--;
        } else if (f->running) {
                admission_ended(m->a, f->f);
                counted(m, f, -1);
        }
}

static void random_histories_keep_the_rules(void **state)
{
        (void)state;
        struct model *m = malloc(sizeof *m);
        for (uint64_t seed = 1; seed <= 60; seed++) {
                struct random_source r = {seed};
                *m = (struct model){.max = (uint32_t)random_below(&r, 3) ? 1 + (uint32_t)random_below(&r, 12) : 0};
                for (int k = 0; k < ADMIT_KINDS; k++)
                        m->each[k] = random_below(&r, 2) ? 1 + (uint32_t)random_below(&r, 5) : 0;
                m->a = admission_new("steps", m->max, m->each);
                for (int i = 0; i < 4000; i++) {
                        one_step(m, &r);
                        take_turns(m);
                }
                for (int i = 0; i < FLOWS; i++)
                        if (m->flows[i].f)
                                flow_drop(m, &m->flows[i]);
                assert_int_equal(admission_running(m->a), 0);
                assert_int_equal(admission_waiting(m->a), 0);
                admission_free(m->a);
        }
        free(m);
}

/* Everybody always wants more; steps take equally long: the shares are equal, however unequal the heaps of work. */
static void shares_are_equal_whatever_waits(void **state)
{
        (void)state;
        enum { EAGER = 5, SLOTS = 12, ROUNDS = 6000 };
        struct admission *a = admission_new("steps", SLOTS, none);
        struct admission_flow *flows[EAGER], *running[SLOTS];
        uint32_t served[EAGER] = {0}, n = 0;
        for (int u = 0; u < EAGER; u++) {
                char name[2] = {(char)('a' + u), 0};
                flows[u] = flow_of(a, name, "default", "", u, &served[u]);
                push(a, flows[u], 2000u << u);
        }
        for (int i = 0; i < ROUNDS; i++) {
                struct admission_flow *f = start_one(a, NULL);
                assert_non_null(f);
                ++*(uint32_t *)admission_owner(f);
                if (n == SLOTS - 1) { /* the oldest ends */
                        admission_ended(a, running[0]);
                        memmove(running, running + 1, (SLOTS - 2) * sizeof *running);
                        running[n - 1] = f;
                } else
                        running[n++] = f;
        }
        for (int u = 0; u < EAGER; u++) {
                assert_true(served[u] >= ROUNDS / EAGER - SLOTS && served[u] <= ROUNDS / EAGER + SLOTS);
                clear(a, flows[u]);
        }
        admission_free(a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_single_step_does_not_wait_behind_a_large_fan_out),
                cmocka_unit_test(priorities_order_the_runs_of_one_user_alone),
                cmocka_unit_test(limits_hold_and_say_so),
                cmocka_unit_test(what_is_stopped_waits_no_longer),
                cmocka_unit_test(random_histories_keep_the_rules),
                cmocka_unit_test(shares_are_equal_whatever_waits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
