/* Rules of the engine, each as an example that can be read. That they hold together, in any order of events and with crashes, is what
 * tests/sim/ shows. */
#include "engine_fixture.h"

/* Templates 0 to 3 of every workflow here: the graph under test, a command, a suspend point, a child run. */
enum { GRAPH, LEAF, PAUSE, CHILD, HANDLER, TEMPLATES };

static struct leaf leaf, pause, child, handler;
static struct task tasks[8];
static struct template templates[TEMPLATES];
static struct rig rig;

static void graph_of(uint32_t n)
{
        rig = (struct rig){0};
        leaf = pause = child = handler = (struct leaf){0};
        memset(tasks, 0, sizeof tasks);
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        for (uint32_t i = 0; i < n; i++)
                tasks[i] = (struct task){.name = str_from(names[i]), .template = LEAF};
        templates[GRAPH] = (struct template){.name = STR("graph"), .kind = TEMPLATE_GRAPH, .tasks = tasks, .tasks_n = n};
        templates[LEAF] = (struct template){.name = STR("leaf"), .kind = TEMPLATE_TASK, .dialect = &leaf};
        templates[PAUSE] = (struct template){.name = STR("pause"), .kind = TEMPLATE_SUSPEND, .dialect = &pause};
        templates[CHILD] = (struct template){.name = STR("child"), .kind = TEMPLATE_CHILD, .dialect = &child};
        templates[HANDLER] = (struct template){.name = STR("handler"), .kind = TEMPLATE_TASK, .dialect = &handler};
        rig.w.templates = templates;
        rig.w.templates_n = TEMPLATES;
}

static const uint32_t first[] = {0}, second[] = {1};

static void after(uint32_t task, const uint32_t *dep)
{
        tasks[task].deps = dep;
        tasks[task].deps_n = 1;
}

static const struct hook exit_hook[] = {{.name = STR("exit"), .when = HOOK_EXIT, .template = HANDLER}};

static void exit_handler(void)
{
        rig.w.root.hooks = exit_hook;
        rig.w.root.hooks_n = 1;
}

static void ends(const char *name, int exit_code) { rig_ends(&rig, rig_node(&rig, name), TASK_EXITED, exit_code); }
static enum node_state state(const char *name) { return rig_node(&rig, name)->state; }
static bool command(enum event_kind kind) { return rig_event(&rig, (struct event){.kind = kind}); }

/* ---- retry of a run ---- */

static void test_retry_resets_what_failed_and_what_read_it(void **s)
{
        (void)s;
        graph_of(4); /* a ─▶ b ─▶ c, and d */
        after(1, first);
        after(2, second);
        rig_begin(&rig);
        ends("a", 0);
        ends("d", 0);
        ends("b", 1);
        assert_int_equal(state("c"), NODE_OMITTED);
        assert_int_equal(rig.row.state, RUN_FAILED);
        assert_true(str_eq(rig.row.message, STR("'b': exit code 1")));
        assert_int_equal(rig.row.nodes_total, 3);
        struct node_row a = *rig_node(&rig, "a"), d = *rig_node(&rig, "d");
        assert_false(command(EVENT_RETRY)); /* what is below is not in memory: load it first */
        rig_load(&rig);
        assert_true(command(EVENT_RETRY));
        assert_int_equal(rig_actions(&rig, ACTION_START), 1);
        assert_non_null(rig_action(&rig, ACTION_START, "b"));
        assert_int_equal(rig_node(&rig, "b")->epoch, 1);
        ends("b", 0);
        assert_non_null(rig_action(&rig, ACTION_START, "c"));
        ends("c", 0);
        assert_int_equal(rig.row.state, RUN_SUCCEEDED);
        assert_memory_equal(&a.finished_at, &rig_node(&rig, "a")->finished_at, sizeof a.finished_at);
        assert_int_equal(rig_node(&rig, "a")->epoch, 0);
        assert_int_equal(rig_node(&rig, "d")->epoch, d.epoch);
        assert_int_equal(rig.row.nodes_total, 4);
        assert_int_equal(rig.row.nodes_done, 4);
        rig_load(&rig);
        assert_false(command(EVENT_RETRY));
        assert_int_equal(rig.error.kind, ERROR_CONFLICT);
        rig_end(&rig);
}

static void test_retry_keeps_the_list_of_a_fanout(void **s)
{
        (void)s;
        struct fan fan = {3};
        graph_of(1);
        tasks[0].fans_out = true;
        tasks[0].dialect = &fan;
        rig_begin(&rig);
        assert_int_equal(rig_actions(&rig, ACTION_START), 3);
        for (uint32_t i = 0; i < 3; i++)
                rig_ends(&rig, rig_item(&rig, "a", i), TASK_EXITED, i == 1);
        assert_int_equal(rig.row.state, RUN_FAILED);
        assert_true(str_eq(rig_node(&rig, "a")->message, STR("1 of 3 items did not succeed")));
        rig_load(&rig);
        fan.n = 5; /* nobody asks again */
        assert_true(command(EVENT_RETRY));
        assert_int_equal(rig_actions(&rig, ACTION_START), 1);
        assert_int_equal(rig_item(&rig, "a", 1)->epoch, 1);
        rig_ends(&rig, rig_item(&rig, "a", 1), TASK_EXITED, 0);
        assert_int_equal(rig.row.state, RUN_SUCCEEDED);
        assert_int_equal(rig_node(&rig, "a")->children_total, 3);
        rig_end(&rig);
}

static void test_a_deadline_begins_again_with_a_retry(void **s)
{
        (void)s;
        graph_of(1);
        rig.w.deadline_us = 60 * US_PER_S;
        rig_begin(&rig);
        ends("a", 1);
        rig.now_us += 3600 * US_PER_S;
        rig_load(&rig);
        assert_true(command(EVENT_RETRY));
        assert_int_equal(engine_wake_at(rig.run).us, rig.now_us + 60 * US_PER_S);
        assert_true(command(EVENT_TICK));
        assert_false(rig.row.deadline_passed);
        rig.now_us += 60 * US_PER_S;
        assert_true(command(EVENT_TICK));
        assert_true(rig.row.deadline_passed);
        assert_non_null(rig_action(&rig, ACTION_STOP, "a"));
        rig_ends(&rig, rig_node(&rig, "a"), TASK_STOPPED, 0);
        assert_int_equal(rig.row.state, RUN_FAILED);
        assert_true(str_eq(rig.row.message, STR("the run passed its deadline")));
        rig_end(&rig);
}

/* ---- attempts ---- */

static void test_attempts(void **s)
{
        (void)s;
        graph_of(1);
        templates[LEAF].has_retry = true;
        leaf.retries = 1;
        rig_begin(&rig);
        rig_ends(&rig, rig_item(&rig, "a", 0), TASK_EXITED, 7);
        assert_int_equal(rig_actions(&rig, ACTION_START), 1);
        rig_ends(&rig, rig_item(&rig, "a", 1), TASK_EXITED, 8);
        assert_int_equal(state("a"), NODE_FAILED);
        assert_true(str_eq(rig_node(&rig, "a")->message, STR("No more retries left")));
        assert_int_equal(rig_node(&rig, "a")->exit_code, 8);
        rig_end(&rig);
}

static void test_a_lost_attempt_starts_again_with_its_own_deadline(void **s)
{
        (void)s;
        graph_of(1);
        leaf.deadline_us = 10 * US_PER_S;
        rig_begin(&rig);
        struct event started = {.kind = EVENT_STARTED, .node = rig_node(&rig, "a")->no};
        rig_event(&rig, started);
        rig.now_us += 8 * US_PER_S;
        rig_ends(&rig, rig_node(&rig, "a"), TASK_LOST, 0);
        assert_int_equal(rig_node(&rig, "a")->attempt, 1);
        assert_int_equal(rig_action(&rig, ACTION_START, "a")->attempt, 1);
        started.attempt = 1;
        rig_event(&rig, started);
        rig.now_us += 5 * US_PER_S;
        command(EVENT_TICK);
        assert_null(rig_action(&rig, ACTION_STOP, "a"));
        rig.now_us += 5 * US_PER_S;
        command(EVENT_TICK);
        assert_non_null(rig_action(&rig, ACTION_STOP, "a"));
        rig_end(&rig);
}

static void test_a_timeout_counts_through_lost_attempts(void **s)
{
        (void)s;
        graph_of(1);
        leaf.timeout_us = 10 * US_PER_S;
        rig_begin(&rig);
        rig.now_us += 8 * US_PER_S;
        rig_ends(&rig, rig_node(&rig, "a"), TASK_LOST, 0);
        rig_load(&rig);
        assert_int_equal(engine_wake_at(rig.run).us, rig.now_us + 2 * US_PER_S);
        rig_end(&rig);
}

static void test_attempts_that_are_always_lost(void **s)
{
        (void)s;
        graph_of(1);
        rig_begin(&rig);
        for (int i = 0; i < 20; i++)
                rig_ends(&rig, rig_node(&rig, "a"), TASK_LOST, 0);
        assert_int_equal(state("a"), NODE_ERROR);
        assert_int_equal(engine_live(rig.run), 0);
        rig_end(&rig);
}

/* ---- limits ---- */

static void test_permits(void **s)
{
        (void)s;
        graph_of(4);
        templates[GRAPH].parallelism = 2;
        rig_begin(&rig);
        assert_int_equal(rig_actions(&rig, ACTION_START), 2);
        assert_int_equal(state("c"), NODE_WAITING);
        assert_true(str_eq(rig_node(&rig, "c")->reason, STR("waits for the parallelism of its template")));
        rig_load(&rig);
        ends("b", 0);
        assert_int_equal(rig_actions(&rig, ACTION_START), 1);
        assert_non_null(rig_action(&rig, ACTION_START, "c")); /* in order of number */
        ends("a", 1);
        assert_non_null(rig_action(&rig, ACTION_START, "d"));
        rig_end(&rig);
}

static void test_fail_fast(void **s)
{
        (void)s;
        for (int loaded = 0; loaded < 2; loaded++) {
                graph_of(3);
                templates[GRAPH].parallelism = 1;
                templates[GRAPH].fail_fast = true;
                tasks[0].continue_on = RESULT_FAILED;
                tasks[1].continue_on = RESULT_ERRORED;
                rig_begin(&rig);
                ends("a", 1); /* does not count */
                if (loaded)
                        rig_load(&rig);
                assert_int_equal(state("b"), NODE_PENDING);
                ends("b", 1); /* counts: it failed, and only an error is let pass */
                assert_int_equal(state("c"), NODE_OMITTED);
                assert_int_equal(rig.row.state, RUN_FAILED);
                rig_end(&rig);
        }
}

static void test_values_that_are_too_large(void **s)
{
        (void)s;
        graph_of(1);
        rig.settings.value_bytes_max = 1000;
        leaf.input_bytes = 1001;
        rig_begin(&rig);
        assert_int_equal(state("a"), NODE_ERROR);
        assert_non_null(memmem(rig.row.message.p, rig.row.message.n, "store.value_bytes_max", 21));
        rig_end(&rig);
        graph_of(1);
        rig.settings.value_bytes_max = 1000;
        rig_begin(&rig);
        rig_ends_with(&rig, rig_node(&rig, "a"), 1001);
        assert_int_equal(state("a"), NODE_ERROR);
        assert_int_equal(rig_node(&rig, "a")->outputs.params_n, 0);
        rig_end(&rig);
}

static void test_all_values_of_a_run(void **s)
{
        (void)s;
        for (int loaded = 0; loaded < 2; loaded++) {
                struct fan fan = {4};
                graph_of(3);
                after(1, first);
                tasks[1].fans_out = true;
                tasks[1].dialect = &fan;
                after(2, second);
                rig.settings.run_bytes_max = 2600;
                rig_begin(&rig);
                rig_ends_with(&rig, rig_node(&rig, "a"), 1000);
                if (loaded)
                        rig_load(&rig);
                for (uint32_t i = 0; i < 4; i++) /* the same value four times is stored once */
                        rig_ends_with(&rig, rig_item(&rig, "b", i), 1500);
                assert_int_equal(state("b"), NODE_SUCCEEDED);
                rig_ends_with(&rig, rig_node(&rig, "c"), 500);
                assert_int_equal(state("c"), NODE_ERROR);
                assert_non_null(memmem(rig.row.message.p, rig.row.message.n, "store.run_bytes_max", 19));
                rig_end(&rig);
        }
}

static void test_depth(void **s)
{
        (void)s;
        graph_of(1);
        tasks[0].template = GRAPH; /* calls itself without end */
        rig.settings.depth_max = 10;
        rig_begin(&rig);
        assert_true(run_state_final(rig.row.state) && rig.row.state != RUN_SUCCEEDED);
        assert_non_null(memmem(rig.row.message.p, rig.row.message.n, "engine.depth_max", 16));
        rig_end(&rig);
}

/* ---- ends ---- */

static void test_exit_handler(void **s)
{
        (void)s;
        graph_of(1);
        exit_handler();
        rig_begin(&rig);
        ends("a", 1);
        assert_non_null(rig_action(&rig, ACTION_START, "exit"));
        assert_int_equal(rig.row.state, RUN_RUNNING);
        ends("exit", 0);
        assert_int_equal(rig.row.state, RUN_FAILED);
        rig_end(&rig);
}

static void test_deadlines_hold_in_an_exit_handler(void **s)
{
        (void)s;
        graph_of(1);
        exit_handler();
        handler.deadline_us = US_PER_S;
        rig_begin(&rig);
        ends("a", 0);
        rig_event(&rig, (struct event){.kind = EVENT_STARTED, .node = rig_node(&rig, "exit")->no});
        rig.now_us += US_PER_S;
        command(EVENT_TICK);
        assert_non_null(rig_action(&rig, ACTION_STOP, "exit"));
        rig_ends(&rig, rig_node(&rig, "exit"), TASK_STOPPED, 0);
        assert_int_equal(state("exit"), NODE_FAILED);
        rig_end(&rig);
}

static void test_stop(void **s)
{
        (void)s;
        graph_of(2);
        after(1, first);
        exit_handler();
        rig_begin(&rig);
        assert_true(command(EVENT_STOP));
        assert_int_equal(rig.row.state, RUN_STOPPING);
        assert_non_null(rig_action(&rig, ACTION_STOP, "a"));
        rig_load(&rig); /* both are ordered again: the start may never have been carried out */
        rig_pending(&rig);
        assert_int_equal(rig_actions(&rig, ACTION_START), 1);
        assert_int_equal(rig_actions(&rig, ACTION_STOP), 1);
        rig_ends(&rig, rig_node(&rig, "a"), TASK_STOPPED, 0);
        assert_int_equal(state("a"), NODE_STOPPED);
        assert_int_equal(state("b"), NODE_OMITTED);
        assert_non_null(rig_action(&rig, ACTION_START, "exit"));
        ends("exit", 0);
        assert_int_equal(rig.row.state, RUN_STOPPED);
        rig_load(&rig);
        assert_true(command(EVENT_RETRY));
        ends("a", 0);
        ends("b", 0);
        ends("exit", 0);
        assert_int_equal(rig.row.state, RUN_SUCCEEDED);
        rig_end(&rig);
}

static void test_terminate(void **s)
{
        (void)s;
        graph_of(1);
        exit_handler();
        rig_begin(&rig);
        assert_true(command(EVENT_TERMINATE));
        rig_ends(&rig, rig_node(&rig, "a"), TASK_STOPPED, 0);
        assert_int_equal(rig_count(&rig, "exit", NODE_PENDING), 0);
        assert_int_equal(rig.row.state, RUN_TERMINATED);
        rig_end(&rig);
}

static void test_termination_reaches_a_child_that_is_being_stopped(void **s)
{
        (void)s;
        graph_of(1);
        tasks[0].template = CHILD;
        rig_begin(&rig);
        rig_event(&rig, (struct event){.kind = EVENT_CHILD_CREATED, .node = rig_node(&rig, "a")->no, .text = STR("kid")});
        assert_true(command(EVENT_STOP));
        assert_false(rig_action(&rig, ACTION_CHILD_STOP, "a")->terminate);
        assert_true(command(EVENT_TERMINATE));
        assert_non_null(rig_action(&rig, ACTION_CHILD_STOP, "a"));
        assert_true(rig_action(&rig, ACTION_CHILD_STOP, "a")->terminate);
        rig_load(&rig);
        rig_pending(&rig);
        assert_true(rig_action(&rig, ACTION_CHILD_STOP, "a")->terminate);
        assert_true(str_eq(rig_action(&rig, ACTION_CHILD_STOP, "a")->text, STR("kid")));
        rig_end(&rig);
}

static void test_a_document_that_asks_for_its_own_stop(void **s)
{
        (void)s;
        for (uint32_t root = GRAPH; root <= CHILD; root++) {
                graph_of(2);
                exit_handler();
                rig.w.root.template = root;
                rig.w.shutdown = SHUTDOWN_STOP;
                rig_begin(&rig);
                assert_int_equal(rig_actions(&rig, ACTION_START), 1);
                assert_non_null(rig_action(&rig, ACTION_START, "exit"));
                ends("exit", 0);
                assert_int_equal(rig.row.state, RUN_STOPPED);
                rig_end(&rig);
        }
}

static void test_a_deadline_that_passes_before_the_first_step(void **s)
{
        (void)s;
        graph_of(1);
        rig.w.suspended = true;
        rig.w.deadline_us = US_PER_S;
        rig_begin(&rig);
        assert_int_equal(rig.row.state, RUN_SUSPENDED);
        rig.now_us += 2 * US_PER_S;
        command(EVENT_TICK);
        assert_int_equal(rig.row.state, RUN_SUSPENDED);
        command(EVENT_RESUME);
        assert_int_equal(rig_actions(&rig, ACTION_START), 0);
        assert_int_equal(rig.row.state, RUN_FAILED);
        assert_true(str_eq(rig.row.message, STR("the run passed its deadline")));
        rig_end(&rig);
}

/* ---- suspension ---- */

static void test_approval(void **s)
{
        (void)s;
        graph_of(2);
        tasks[0].template = PAUSE;
        pause.supply = "v";
        after(1, first);
        rig_begin(&rig);
        assert_int_equal(rig.row.state, RUN_SUSPENDED);
        assert_false(command(EVENT_APPROVE));
        assert_int_equal(rig.error.kind, ERROR_INVALID);
        assert_true(command(EVENT_RESUME)); /* cannot give the value */
        assert_int_equal(state("a"), NODE_SUSPENDED);
        struct param p[] = {{STR("w"), val_text(STR("5")), false}};
        struct bindings b = {.params = p, .params_n = 1};
        assert_false(rig_event(&rig, (struct event){.kind = EVENT_APPROVE, .outputs = &b}));
        p[0].name = STR("v");
        rig_load(&rig);
        assert_true(rig_event(&rig, (struct event){.kind = EVENT_APPROVE, .outputs = &b}));
        assert_int_equal(state("a"), NODE_SUCCEEDED);
        assert_true(str_eq(bindings_param(&rig_node(&rig, "a")->outputs, STR("v"))->text, STR("5")));
        assert_int_equal(rig.row.state, RUN_RUNNING);
        ends("b", 0);
        assert_int_equal(rig.row.state, RUN_SUCCEEDED);
        assert_false(command(EVENT_APPROVE));
        rig_end(&rig);
}

static void test_approval_must_say_which(void **s)
{
        (void)s;
        graph_of(2);
        tasks[0].template = tasks[1].template = PAUSE;
        rig_begin(&rig);
        assert_false(command(EVENT_APPROVE));
        assert_true(rig_event(&rig, (struct event){.kind = EVENT_APPROVE, .node = rig_node(&rig, "b")->no, .reject = true, .text = STR("no")}));
        assert_int_equal(state("b"), NODE_FAILED);
        assert_true(command(EVENT_APPROVE));
        assert_int_equal(rig.row.state, RUN_FAILED);
        assert_true(str_eq(rig.row.message, STR("'b': no")));
        rig_end(&rig);
}

static void test_a_suspended_run_starts_nothing(void **s)
{
        (void)s;
        graph_of(2);
        after(1, first);
        rig_begin(&rig);
        assert_true(command(EVENT_SUSPEND));
        ends("a", 0);
        assert_int_equal(rig_actions(&rig, ACTION_START), 0);
        assert_int_equal(state("b"), NODE_WAITING);
        rig_load(&rig);
        assert_true(command(EVENT_RESUME));
        assert_non_null(rig_action(&rig, ACTION_START, "b"));
        rig_end(&rig);
}

/* ---- loading ---- */

static void test_what_cannot_be_resolved_again(void **s)
{
        (void)s;
        graph_of(2);
        tasks[1].template = CHILD;
        rig_begin(&rig);
        leaf.unresolvable = child.unresolvable = true; /* as by another release */
        rig_load(&rig);
        rig_pending(&rig);
        assert_int_equal(rig.actions_n, 0);
        assert_int_equal(engine_wake_at(rig.run).us, rig.now_us);
        command(EVENT_TICK);
        assert_int_equal(state("a"), NODE_ERROR);
        assert_int_equal(state("b"), NODE_ERROR);
        assert_non_null(rig_action(&rig, ACTION_STOP, "a"));
        assert_int_equal(engine_live(rig.run), 0);
        assert_true(run_state_final(rig.row.state));
        rig_end(&rig);
}

/* Rows of a damaged file: an error, whatever is wrong with them. */
static void test_rows_that_do_not_fit(void **s)
{
        (void)s;
        for (int what = 0; what < 12; what++) {
                struct fan fan = {3};
                graph_of(2);
                tasks[0].fans_out = true;
                tasks[0].dialect = &fan;
                templates[LEAF].has_retry = what == 11;
                rig_begin(&rig);
                struct node_row *a = rig_node(&rig, "a"), *item = rig_item(&rig, "a", 1), *b = rig_node(&rig, "b"), *root = rig_node(&rig, "main");
                if (what == 0)
                        item->parent = 63;
                else if (what == 1)
                        item->index = 3;
                else if (what == 2)
                        b->task = 2;
                else if (what == 3)
                        b->template = TEMPLATES;
                else if (what == 4)
                        a->children_total = 4;
                else if (what == 5)
                        a->children_total = UINT32_MAX - 1;
                else if (what == 6)
                        a->items = STR("[1,2,3");
                else if (what == 7)
                        b->kind = NODE_KIND_GRAPH;
                else if (what == 8)
                        root->template = UINT32_MAX;
                else if (what == 9)
                        b->state = NODE_STATES;
                else if (what == 10)
                        b->parent = a->no;
                else
                        b->role = NODE_ROLE_HOOK;
                rig_load(&rig);
                assert_null(rig.run);
                assert_int_equal(rig.error.kind, ERROR_CORRUPT);
                rig_end(&rig);
        }
}

static void test_memory_falls_as_items_end(void **s)
{
        (void)s;
        struct fan fan = {40};
        graph_of(2);
        tasks[0].fans_out = true;
        tasks[0].dialect = &fan;
        rig_begin(&rig);
        size_t most = engine_memory_bytes(rig.run);
        for (uint32_t i = 0; i < 40; i++)
                rig_ends(&rig, rig_item(&rig, "a", i), TASK_EXITED, 0);
        assert_true(engine_memory_bytes(rig.run) < most - 39 * 600);
        rig_end(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_retry_resets_what_failed_and_what_read_it),
                cmocka_unit_test(test_retry_keeps_the_list_of_a_fanout),
                cmocka_unit_test(test_a_deadline_begins_again_with_a_retry),
                cmocka_unit_test(test_attempts),
                cmocka_unit_test(test_a_lost_attempt_starts_again_with_its_own_deadline),
                cmocka_unit_test(test_a_timeout_counts_through_lost_attempts),
                cmocka_unit_test(test_attempts_that_are_always_lost),
                cmocka_unit_test(test_permits),
                cmocka_unit_test(test_fail_fast),
                cmocka_unit_test(test_values_that_are_too_large),
                cmocka_unit_test(test_all_values_of_a_run),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_exit_handler),
                cmocka_unit_test(test_deadlines_hold_in_an_exit_handler),
                cmocka_unit_test(test_stop),
                cmocka_unit_test(test_terminate),
                cmocka_unit_test(test_termination_reaches_a_child_that_is_being_stopped),
                cmocka_unit_test(test_a_document_that_asks_for_its_own_stop),
                cmocka_unit_test(test_a_deadline_that_passes_before_the_first_step),
                cmocka_unit_test(test_approval),
                cmocka_unit_test(test_approval_must_say_which),
                cmocka_unit_test(test_a_suspended_run_starts_nothing),
                cmocka_unit_test(test_what_cannot_be_resolved_again),
                cmocka_unit_test(test_rows_that_do_not_fit),
                cmocka_unit_test(test_memory_falls_as_items_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
