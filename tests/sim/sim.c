/* Drives runs of the engine from seeds, and looks for what must not be.
 *
 *   sim [--seed N] [--runs N] [--jobs N] [--least N] [--defect K] [--expect-failure] [--quiet] [--verbose]
 *
 * Each seed is one workflow, run up to four times: straight through; again, to see that it repeats exactly (some seeds); with
 * crashes at commits, half of them before the commit and half after it and before its actions; and a retry of that one
 * when it did not succeed, with all outcomes good. A failing seed prints the command that repeats it. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim.h"

enum { BATCH_MAX = 6, CRASH_EVERY_MAX_NODES = 50, JOBS_MAX = 64, SECONDS_PER_RUN_MAX = 60 };

uint64_t sim_seed;
unsigned sim_defect;
bool sim_verbose;
#ifdef WEFT_DEFECTS
int engine_defect; /* the engine's DEFECT() points read it */
#endif

struct options { uint64_t first, runs, least; unsigned jobs; bool expect_failure, quiet; } options = {.first = 1, .runs = 1000, .jobs = 1};

/* What processes of one simulation share. */
struct shared { uint64_t failed; uint64_t failing_seed; };
static struct shared *shared;

static void print_repeat(void)
{
        char line[200];
        int n = snprintf(line, sizeof line, "repeat with: sim%s --seed %" PRIu64 " --runs 1", sim_defect ? "_defects" : "", sim_seed);
        if (sim_defect)
                n += snprintf(line + n, sizeof line - n, " --defect %u", sim_defect);
        line[n++] = '\n';
        if (write(STDOUT_FILENO, line, n) < 0)
                _exit(4);
        shared->failing_seed = sim_seed;
        shared->failed = 1;
}

void sim_fail(const char *format, ...)
{
        va_list args;
        printf("seed %" PRIu64 ": ", sim_seed);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("\n");
        fflush(stdout);
        print_repeat();
        _exit(1);
}

static void on_signal(int number)
{
        const char *what = number == SIGALRM ? "the run does not end\n" : number == SIGABRT ? "an assertion failed\n" : "crashed\n";
        fflush(stdout);
        if (write(STDOUT_FILENO, what, strlen(what)) < 0)
                _exit(4);
        print_repeat();
        _exit(1);
}

/* ---- One run ---- */

struct noticed { struct event event; int64_t at_us; };
struct ordered { struct action action; int64_t at_us; };

struct drive {
        uint64_t seed;
        const struct workflow *w;
        struct world *world;
        struct sim_store *store;
        struct run *run;
        struct arena *arena, *batch; /* of the delta; of the actions that wait for their commit */
        int64_t now_us;
        bool crashes, soft, suspends; /* suspends: nodes became suspended since the last commit */
        uint64_t steps, tries, reloads, rolls;
        struct noticed taken[BATCH_MAX * 40]; uint32_t taken_n; /* since the last commit */
        struct ordered *actions; uint32_t actions_n, actions_cap;
        uint32_t unsaved;            /* hard deltas since the last commit */
};

static uint64_t drive_draw(struct drive *d) { return sim_mix(sim_mix(d->seed, 61), d->rolls++); }

static const struct engine_settings *settings_of(const struct drive *d)
{
        static struct engine_settings s;
        s = (struct engine_settings){0};
        if (d->seed % 5 == 0)
                s.window = 1 + (uint32_t)(d->seed / 5 % 40);
        if (d->seed % 7 == 0)
                s.step_nodes_max = 1 + (uint32_t)(d->seed / 7 % 30);
        return &s;
}

static void release_actions(struct drive *d)
{
        for (uint32_t i = 0; i < d->actions_n; i++)
                world_act(d->world, d->store, &d->actions[i].action, d->actions[i].at_us, false);
        d->actions_n = 0;
        arena_reset(d->batch);
}

/* Whoever approves sees what is committed, and nothing else. */
static void see_suspended(struct drive *d)
{
        d->suspends = false;
        check_suspended(d->store);
        for (uint32_t i = 1; i < d->store->rows_n; i++)
                if (d->store->rows[i].live && d->store->rows[i].row.state == NODE_SUSPENDED)
                        world_saw_suspended(d->world, d->store, i, d->now_us);
}

static void load(struct drive *d)
{
        struct error e = {0};
        struct sim_cursor c = {d->store, 1};
        engine_free(d->run);
        if (!engine_load(d->w, &d->store->run, STR("mem://run"), settings_of(d), store_next, &c, &d->run, &e))
                sim_fail("what was stored cannot be loaded: %s", e.text);
        engine_check(d->run);
        d->reloads++;
}

/* Power off, power on: what was not committed is gone, and everybody who is asked says again what he knows. */
static void crash(struct drive *d)
{
        store_rollback(d->store);
        for (uint32_t i = 0; i < d->taken_n; i++)
                world_untake(d->world, &d->taken[i].event, d->taken[i].at_us);
        d->taken_n = d->actions_n = d->unsaved = 0;
        arena_reset(d->batch);
        load(d);
        arena_reset(d->arena);
        const struct action *pending;
        size_t n;
        engine_pending(d->run, (struct wall){d->now_us}, d->arena, &pending, &n);
        for (size_t i = 0; i < n; i++)
                world_act(d->world, d->store, &pending[i], d->now_us, true);
        see_suspended(d);
        if (sim_verbose)
                printf("  crash, %zu actions pending\n", n);
}

static bool crash_now(struct drive *d, uint64_t what)
{
        if (!d->crashes)
                return false;
        uint32_t nodes = d->store->rows_n;
        unsigned permille = nodes <= CRASH_EVERY_MAX_NODES ? 1000 : CRASH_EVERY_MAX_NODES * 100 / nodes + 2;
        return sim_roll(sim_mix(sim_mix(d->seed, what), d->tries), permille);
}

static void commit(struct drive *d)
{
        d->tries++;
        bool here = crash_now(d, 62), before = here && sim_roll(sim_mix(d->seed ^ d->tries, 63), 400);
        if (before) { /* and then it may succeed */
                crash(d);
                return;
        }
        store_harden(d->store);
        d->taken_n = 0;
        if (d->suspends)
                see_suspended(d);
        if (!here || sim_roll(sim_mix(d->seed ^ d->tries, 64), 300))
                release_actions(d);
        if (here)
                crash(d);
        d->unsaved = 0;
        check_stopping(d->store, d->w, d->world);
}

static void keep_actions(struct drive *d, const struct delta *delta)
{
        for (size_t i = 0; i < delta->actions_n; i++) {
                if (d->actions_n == d->actions_cap) {
                        d->actions_cap = d->actions_cap * 2 + 64;
                        d->actions = realloc(d->actions, d->actions_cap * sizeof *d->actions);
                        if (!d->actions)
                                abort();
                }
                struct action a = delta->actions[i];
                a.text = arena_str(d->batch, a.text);
                if (a.spec) {
                        struct task_spec *s = ARENA_NEW(d->batch, struct task_spec);
                        *s = *a.spec;
                        s->command = ARENA_ARRAY(d->batch, struct str, s->command_n);
                        for (size_t k = 0; k < s->command_n; k++)
                                s->command[k] = arena_str(d->batch, a.spec->command[k]);
                        a.spec = s;
                }
                d->actions[d->actions_n++] = (struct ordered){a, d->now_us};
        }
}

static void print_step(const struct drive *d, const struct event *e, const struct delta *delta)
{
        static const char *const kinds[] = {"begin", "started", "ended", "cache answer", "child created", "child ended", "tick", "continue", "stop",
                "terminate", "suspend", "resume", "approve", "retry"};
        printf("%10.3f %s node %u.%u.%u%s\n", (double)d->now_us / 1e6, kinds[e->kind], e->node, e->epoch, e->attempt, delta->soft ? " (soft)" : "");
        for (size_t i = 0; i < delta->history_n; i++)
                printf("    %u to the history\n", delta->history[i]);
        for (size_t i = 0; i < delta->nodes_n; i++) {
                const struct node_row *r = &delta->nodes[i];
                printf("    node %u.%u in %u: role %d task %u index %u %s %s%s%s template %d attempt %u %.*s %.*s\n", r->no, r->epoch, r->parent, r->role, r->task, r->index,
                       node_kind_name(r->kind), node_state_name(r->state), r->dispatched ? " dispatched" : "", r->stop_ordered ? " stop" : "", (int)r->template,
                       r->attempt, STR_FMT(r->reason), STR_FMT(r->message));
        }
        for (size_t i = 0; i < delta->actions_n; i++)
                printf("    action %d node %u.%u.%u\n", delta->actions[i].kind, delta->actions[i].node, delta->actions[i].epoch, delta->actions[i].attempt);
        if (delta->run)
                printf("    run %s %.*s\n", run_state_name(delta->run->state), STR_FMT(delta->run->message));
}

static void check_quiet(const struct drive *d, const struct event *e, const struct delta *delta, bool was_suspended, bool was_final)
{
        for (size_t i = 0; i < delta->actions_n; i++) {
                const struct action *a = &delta->actions[i];
                if (was_suspended && d->store->run.suspended && a->kind == ACTION_START && a->attempt == 0)
                        sim_fail("node %u starts while the run is suspended", a->node);
        }
        if (was_final && e->kind != EVENT_RETRY && (delta->nodes_n || delta->actions_n || delta->run))
                sim_fail("an event after the end of the run changed something (node %u)", e->node);
}

/* False: the engine refused. */
static bool step(struct drive *d, const struct event *e)
{
        struct delta delta = {.arena = d->arena};
        struct error error = {0};
        bool was_suspended = d->store->run.suspended, was_final = run_state_final(d->store->run.state);
        arena_reset(d->arena);
        d->steps++;
        bool ok = engine_step(d->run, e, (struct wall){d->now_us}, &delta, &error);
        if (sim_verbose)
                print_step(d, e, &delta);
        if (!ok && (delta.nodes_n || delta.actions_n || delta.run))
                sim_fail("the engine refused an event (%s) and changed something", error.text);
        if (sim_verbose || d->store->rows_n < 200 || d->steps % 64 == 0)
                engine_check(d->run);
        if (sim_defect == 4 && delta.actions_n > 0 && delta.actions[0].kind == ACTION_START && drive_draw(d) % 100 == 0)
                world_act(d->world, d->store, &delta.actions[0], d->now_us, false);
        store_write(d->store, &delta);
        check_delta(d->store, d->w, &delta);
        if (d->store->grown_n > 0 && settings_of(d)->window && d->store->active > (int32_t)settings_of(d)->window)
                sim_fail("%d leaves run at once; the window is %u", d->store->active, settings_of(d)->window);
        check_quiet(d, e, &delta, was_suspended, was_final);
        keep_actions(d, &delta);
        for (size_t i = 0; i < delta.nodes_n; i++)
                d->suspends |= delta.nodes[i].state == NODE_SUSPENDED;
        bool nothing = !delta.nodes_n && !delta.actions_n && !delta.history_n && !delta.run;
        if (!delta.soft && !nothing)
                d->unsaved++;
        d->soft = delta.soft || nothing;
        return ok;
}

static uint64_t steps_max(const struct drive *d) { return 5000 + 400 * (uint64_t)d->store->rows_n; }

static void note_taken(struct drive *d, const struct event *e, int64_t at)
{
        if (d->taken_n == sizeof d->taken / sizeof *d->taken)
                commit(d);
        d->taken[d->taken_n++] = (struct noticed){*e, at};
}

/* Takes one thing that is due. False: nothing will ever come. */
static bool advance(struct drive *d)
{
        struct event e = {.kind = EVENT_CONTINUE};
        int64_t at, wake = engine_wake_at(d->run).us, next = world_next_at(d->world);
        if (engine_wants_continue(d->run) && (next == INT64_MAX || drive_draw(d) % 2)) {
                step(d, &e);
                return true;
        }
        if (wake && wake <= next) {
                if (wake > d->now_us)
                        d->now_us = wake;
                e.kind = EVENT_TICK;
                step(d, &e);
                return true;
        }
        if (!world_take(d->world, &e, &at))
                return false;
        if (at > d->now_us)
                d->now_us = at;
        note_taken(d, &e, at);
        if (!step(d, &e) && e.kind == EVENT_APPROVE)
                world_unsee(d->world, e.node); /* came too early, or too late */
        if (d->soft && d->taken_n > 0)
                d->taken_n--; /* whoever reported it will report it again */
        return true;
}

static void drive_to_end(struct drive *d)
{
        for (;;) {
                if (d->steps > steps_max(d))
                        sim_fail("the run did not end within %" PRIu64 " steps", d->steps);
                if (d->unsaved > 0 && (d->unsaved >= BATCH_MAX || drive_draw(d) % 10 < 6 || run_state_final(engine_state(d->run)))) {
                        commit(d);
                        continue;
                }
                if (run_state_final(engine_state(d->run)) && d->unsaved == 0)
                        break;
                if (advance(d))
                        continue;
                if (d->unsaved == 0)
                        sim_fail("the run is %s, nothing runs and nothing will come", run_state_name(engine_state(d->run)));
                commit(d);
        }
        if (world_live(d->world) > 0)
                sim_fail("the run is %s and %u attempts are alive", run_state_name(d->store->run.state), world_live(d->world));
        check_end(d->store, d->w);
        if (d->store->run.stopping != RUN_QUEUED && d->store->run.state != d->store->run.stopping)
                sim_fail("the run was stopped and ended %s", run_state_name(d->store->run.state));
        while (world_queued(d->world) > 0) { /* late news */
                advance(d);
                d->taken_n = 0;
        }
        store_harden(d->store);
        d->unsaved = 0;
}

static void schedule_commands(struct drive *d, const struct sim_workflow *sw, uint64_t salt)
{
        struct random_source r = {sim_mix(d->seed, salt)};
        if (random_below(&r, 100) < 15) {
                int64_t at = d->now_us + (int64_t)random_below(&r, 6 * US_PER_S);
                world_command(d->world, EVENT_SUSPEND, at);
                world_command(d->world, EVENT_RESUME, at + 1 + (int64_t)random_below(&r, 9 * US_PER_S));
        }
        if (!sw->racy || random_below(&r, 100) >= 45)
                return;
        int64_t at = d->now_us + (int64_t)random_below(&r, 12 * US_PER_S);
        uint64_t how = random_below(&r, 3);
        if (how != 1)
                world_command(d->world, EVENT_STOP, at);
        if (how != 0)
                world_command(d->world, EVENT_TERMINATE, at + (int64_t)random_below(&r, 2 * US_PER_S));
}

static void drive_begin(struct drive *d, uint64_t seed, const struct workflow *w, struct sim_store *store, bool crashes)
{
        *d = (struct drive){.seed = seed, .w = w, .store = store, .crashes = crashes, .now_us = INT64_C(1700000000) * US_PER_S};
        d->arena = arena_new();
        d->batch = arena_new();
        d->world = world_new(seed, w);
        struct run_row row = {.uid = STR("00000000-0000-4000-8000-000000000001"), .name = STR("simulated"), .ns = STR("default"), .language = STR("sim"),
                .state = RUN_QUEUED, .created_at.us = d->now_us, .nodes_next = 1};
        store_init(store, w, &row);
        store->exact = !crashes;
        d->run = engine_new(w, &row, STR("mem://run"), settings_of(d));
        schedule_commands(d, w->dialect, 65);
        struct event begin = {.kind = EVENT_BEGIN};
        note_taken(d, &begin, d->now_us);
        step(d, &begin);
}

static void drive_free(struct drive *d)
{
        engine_free(d->run);
        world_free(d->world);
        arena_free(d->arena);
        arena_free(d->batch);
        free(d->actions);
}

/* ---- One seed ---- */

static void check_kept(const struct drive *d, const bool *keep, const int64_t *ends, uint32_t n)
{
        for (uint32_t i = 1; i < n; i++)
                if (keep[i] && (!d->store->rows[i].live || d->store->rows[i].row.finished_at.us != ends[i]))
                        sim_fail("node %u had succeeded and read nothing of what failed, and the retry ran it again", i);
}

/* The run of `d` has ended otherwise than well: retried with good outcomes it comes to what it would have come to without failures. */
static void retry(struct drive *d, struct arena *a)
{
        const struct sim_workflow *sw = d->w->dialect;
        uint32_t n = d->store->rows_n;
        bool *keep = check_keep_set(d->store, d->w, a);
        int64_t *ends = ARENA_ARRAY(a, int64_t, n);
        for (uint32_t i = 1; i < n; i++)
                ends[i] = d->store->rows[i].row.finished_at.us;
        load(d);
        world_mode(d->world, MODE_ALL_GOOD);
        d->steps = 0;
        d->now_us += 3600 * US_PER_S;
        struct event e = {.kind = EVENT_RETRY};
        if (sim_verbose)
                printf("  retry\n");
        for (uint32_t epoch = d->store->run.epoch; d->store->run.epoch == epoch; commit(d)) /* a crash before the commit undoes it */
                if (!step(d, &e))
                        sim_fail("a run that ended %s cannot be retried", run_state_name(d->store->run.state));
        bool stops = sw->racy && sim_roll(sim_mix(d->seed, 66), 150);
        if (stops)
                schedule_commands(d, sw, 67);
        drive_to_end(d);
        if (!sw->timed) /* with timeouts it may have failed again, for other reasons */
                check_kept(d, keep, ends, n);
        if (stops || sw->timed || sw->watched || (sw->racy && sw->broken))
                return;
        struct naive good;
        naive_evaluate(d->seed, d->w, MODE_ALL_GOOD, a, &good);
        check_naive(d->store, &good, true);
}

static void run_seed(uint64_t seed, struct coverage *coverage, struct sim_store stores[3])
{
        sim_seed = seed;
        alarm(SECONDS_PER_RUN_MAX);
        struct workflow *w = gen_workflow(seed);
        const struct sim_workflow *sw = w->dialect;
        workflow_check(w);
        struct arena *a = arena_new();
        struct drive d;
        if (sim_verbose)
                printf("straight through\n");
        drive_begin(&d, seed, w, &stores[0], false);
        drive_to_end(&d);
        drive_free(&d);
        coverage_count(coverage, &stores[0], w);
        if (!sw->racy) {
                struct naive expected;
                naive_evaluate(seed, w, MODE_SEEDED, a, &expected);
                check_naive(&stores[0], &expected, false);
        }
        if (seed % 4 == 0) {
                drive_begin(&d, seed, w, &stores[1], false);
                drive_to_end(&d);
                drive_free(&d);
                if (stores[0].digest != stores[1].digest)
                        sim_fail("the same seed gives two different runs");
        }
        if (sim_verbose)
                printf("with crashes\n");
        drive_begin(&d, seed, w, &stores[2], true);
        drive_to_end(&d);
        if (!sw->racy)
                check_same(&stores[0], &stores[2]);
        bool again = stores[2].run.state != RUN_SUCCEEDED;
        if (again)
                retry(&d, a);
        coverage_drive(coverage, d.reloads - again, stores[2].rows_n - 1, again);
        drive_free(&d);
        arena_free(a);
        arena_free(w->arena);
}

/* ---- Many seeds ---- */

static void run_seeds(unsigned job, struct coverage *coverage)
{
        struct sim_store stores[3] = {0};
        for (uint64_t i = job; i < options.runs && !shared->failed; i += options.jobs)
                run_seed(options.first + i, coverage, stores);
        for (int i = 0; i < 3; i++)
                store_free(&stores[i]);
}

static bool run_jobs(struct coverage **coverages)
{
        bool fine = true;
        pid_t jobs[JOBS_MAX];
        fflush(stdout);
        for (unsigned j = 0; j < options.jobs; j++) {
                jobs[j] = fork();
                if (jobs[j] < 0)
                        exit(4);
                if (jobs[j] == 0) {
                        run_seeds(j, coverages[j]);
                        exit(0); /* so that a leak is found where leaks are looked for */
                }
        }
        for (unsigned j = 0; j < options.jobs; j++) {
                int status;
                fine &= waitpid(jobs[j], &status, 0) == jobs[j] && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        return fine;
}

static void *share(size_t size)
{
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
                exit(4);
        return p;
}

static bool number(const char *text, uint64_t *ret)
{
        char *end;
        if (!text || !*text)
                return false;
        *ret = strtoull(text, &end, 0);
        return *end == 0;
}

static bool read_options(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                uint64_t n = 0;
                bool has = i + 1 < argc && number(argv[i + 1], &n);
                struct str name = str_from(argv[i]);
                if (str_eq_c(name, "--expect-failure"))
                        options.expect_failure = true;
                else if (str_eq_c(name, "--quiet"))
                        options.quiet = true;
                else if (str_eq_c(name, "--verbose"))
                        sim_verbose = true;
                else if (!has)
                        return false;
                else if (str_eq_c(name, "--seed"))
                        options.first = n, options.runs = options.runs == 1000 ? 1 : options.runs, i++;
                else if (str_eq_c(name, "--runs"))
                        options.runs = n, i++;
                else if (str_eq_c(name, "--jobs") && n > 0 && n <= JOBS_MAX)
                        options.jobs = (unsigned)n, i++;
                else if (str_eq_c(name, "--least"))
                        options.least = n, i++;
                else if (str_eq_c(name, "--defect"))
                        sim_defect = (unsigned)n, i++;
                else
                        return false;
        }
        return true;
}

int main(int argc, char **argv)
{
        if (!read_options(argc, argv)) {
                fprintf(stderr, "sim [--seed N] [--runs N] [--jobs N] [--least N] [--defect K] [--expect-failure] [--quiet] [--verbose]\n");
                return 2;
        }
#ifdef WEFT_DEFECTS
        engine_defect = (int)sim_defect;
#endif
        shared = share(sizeof *shared);
        for (int s = 0; s < 5; s++)
                signal((int[]){SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM}[s], on_signal);
        static struct coverage *coverages[JOBS_MAX], *all; /* static: a job that exits holds them too */
        all = calloc(1, coverage_size());
        for (unsigned j = 0; j < options.jobs; j++)
                coverages[j] = share(coverage_size());
        bool fine = run_jobs(coverages);
        for (unsigned j = 0; j < options.jobs; j++)
                coverage_add(all, coverages[j]);
        if (options.expect_failure) {
                printf(fine ? "nothing was found\n" : "found\n");
                return fine ? 1 : 0;
        }
        if (fine && !options.quiet)
                fine = coverage_print(all, options.least);
        free(all);
        return fine ? 0 : 1;
}
