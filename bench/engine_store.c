/* The engine and the store without anything around them: a fan-out whose items end at once. Prints steps a second, bytes in memory and bytes
 * written for each, at three sizes, so that it shows whether the time is linear and the rest constant.
 *
 *   bench_engine [FOLDER]     the database is made there (synchronous FULL) and removed; by default below /tmp */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "engine/engine.h"
#include "store/sqlite.h"

enum { BATCH_EVENTS = 1000 };

/* ---- a language with nothing in it ---- */

static uint32_t items_n;

static bool no_when(const struct site *s, enum verdict *ret, struct str *ret_message, struct error *e)
{
        (void)s, (void)ret_message, (void)e;
        *ret = VERDICT_YES;
        return true;
}

static bool items(const struct site *s, struct items *ret, struct error *e)
{
        (void)e;
        ret->n = items_n;
        ret->texts = ARENA_ARRAY(s->arena, struct str, items_n);
        for (uint32_t i = 0; i < items_n; i++)
                ret->texts[i] = arena_printf(s->arena, "%u", i);
        return true;
}

static struct bindings one(struct arena *a, const char *name, struct str text)
{
        struct param *p = ARENA_NEW(a, struct param);
        *p = (struct param){.name = str_from(name), .value = val_text(text)};
        return (struct bindings){.params = p, .params_n = 1};
}

static bool call(const struct site *s, struct call *ret, struct error *e)
{
        (void)e;
        ret->inputs = one(s->arena, "item", s->has_item ? s->item : STR("-"));
        return true;
}

static bool hook(const struct site *s, enum verdict *ret, struct error *e)
{
        (void)s, (void)e;
        *ret = VERDICT_NO;
        return true;
}

static bool attempt(const struct site *s, struct task_spec *ret, struct error *e)
{
        (void)e;
        ret->command = ARENA_ARRAY(s->arena, struct str, 2);
        ret->command[0] = STR("/bin/true");
        ret->command[1] = bindings_param(s->inputs, STR("item"))->text;
        ret->command_n = 2;
        return true;
}

static bool suspend(const struct site *s, struct suspend_spec *ret, struct error *e)
{
        (void)s, (void)ret, (void)e;
        return true;
}

static bool child(const struct site *s, struct str *ret, struct error *e)
{
        (void)s, (void)ret, (void)e;
        return true;
}

static bool collect(const struct site *s, const struct task_outcome *o, struct collected *ret, struct error *e)
{
        (void)e;
        if (o)
                ret->outputs = one(s->arena, "out", bindings_param(s->inputs, STR("item"))->text);
        return true;
}

static bool retry(const struct site *s, enum verdict *ret, struct error *e)
{
        (void)s, (void)e;
        *ret = VERDICT_NO;
        return true;
}

static bool key(const struct site *s, const struct task_spec *spec, struct str *ret, struct error *e)
{
        (void)s, (void)spec, (void)ret, (void)e;
        return true;
}

static const struct language language = {"bench", no_when, items, call, hook, attempt, suspend, child, collect, retry, key};

/* ---- one run ---- */

struct start { uint32_t node, epoch, attempt; };
struct bench {
        struct run *run;
        struct store *store;
        struct arena *arena;
        struct start *starts; size_t at, starts_n, cap; /* ordered and not answered */
        struct commit_node *nodes; size_t nodes_n, nodes_cap;
        const struct run_row *row;
        uint64_t ended, commits;
        size_t heap_most, engine_most;
};

static double seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long long written(void)
{
        char line[128];
        long long n = 0;
        FILE *io = fopen("/proc/self/io", "r");
        while (io && fgets(line, sizeof line, io))
                sscanf(line, "wchar: %lld", &n);
        if (io)
                fclose(io);
        return n;
}

static size_t heap(void) { return mallinfo2().uordblks + mallinfo2().hblkhd; }

static void take(struct bench *b, struct event e)
{
        struct delta d = {.arena = b->arena};
        struct error error;
        if (!engine_step(b->run, &e, (struct wall){1767225600000000 + (int64_t)b->ended}, &d, &error))
                exit(1);
        if (d.run) {
                struct run_row *row = ARENA_NEW(b->arena, struct run_row);
                *row = run_row_copy(d.run, b->arena);
                b->row = row;
        }
        for (size_t i = 0; i < d.nodes_n; i++) {
                if (b->nodes_n == b->nodes_cap && !(b->nodes = realloc(b->nodes, (b->nodes_cap = b->nodes_cap * 2 + 64) * sizeof *b->nodes)))
                        exit(1);
                struct node_row *row = ARENA_NEW(b->arena, struct node_row);
                *row = node_row_copy(&d.nodes[i], b->arena);
                b->nodes[b->nodes_n++] = (struct commit_node){STR("uid"), row};
        }
        for (size_t i = 0; i < d.actions_n; i++) {
                if (b->starts_n == b->cap && !(b->starts = realloc(b->starts, (b->cap = b->cap * 2 + 64) * sizeof *b->starts)))
                        exit(1);
                b->starts[b->starts_n++] = (struct start){d.actions[i].node, d.actions[i].epoch, d.actions[i].attempt};
        }
}

static void commit(struct bench *b)
{
        uint64_t seq;
        struct error e = {0};
        const struct run_row *runs[] = {b->row};
        if (b->store && !store_sqlite.commit(b->store, &(struct commit){.runs = runs, .runs_n = b->row != NULL, .nodes = b->nodes, .nodes_n = b->nodes_n}, &seq, &e)) {
                fprintf(stderr, "%s\n", e.text);
                exit(1);
        }
        b->commits++;
        b->nodes_n = 0;
        b->row = NULL;
        arena_reset(b->arena);
}

static void measure(struct bench *b, size_t before)
{
        size_t now = heap() - before;
        if (now < b->heap_most)
                return;
        b->heap_most = now;
        b->engine_most = engine_memory_bytes(b->run);
}

static void run(const struct workflow *w, const char *path, uint32_t n, uint32_t window)
{
        struct bench b = {.arena = arena_new()};
        struct error e = {0};
        if (path && !store_sqlite.open(&(struct store_settings){.path = str_from(path), .create = true}, &b.store, &e)) {
                fprintf(stderr, "%s\n", e.text);
                exit(1);
        }
        items_n = n;
        struct engine_settings set = {.window = window, .step_nodes_max = BATCH_EVENTS};
        struct run_row row = {.uid = STR("uid"), .name = STR("bench"), .ns = STR("default"), .language = STR("bench")};
        size_t before = heap();
        long long bytes = written();
        double begin = seconds();
        b.run = engine_new(w, &row, STR("mem://"), &set);
        b.row = &row;
        take(&b, (struct event){.kind = EVENT_BEGIN});
        size_t waiting = b.starts_n;
        commit(&b);
        struct task_outcome done = {.end = TASK_EXITED};
        while (!run_state_final(engine_state(b.run))) {
                if (engine_wants_continue(b.run))
                        take(&b, (struct event){.kind = EVENT_CONTINUE});
                for (int k = 0; b.at < waiting && k < BATCH_EVENTS && !(window > n && b.starts_n < n); k++, b.at++, b.ended++)
                        take(&b, (struct event){.kind = EVENT_ENDED, .node = b.starts[b.at].node, .epoch = b.starts[b.at].epoch, .attempt = b.starts[b.at].attempt,
                                                .outcome = &done});
                commit(&b);
                waiting = b.starts_n;
                if (b.commits % 8 == 0 || (window > n && b.starts_n == n && b.at < 2 * BATCH_EVENTS))
                        measure(&b, before + b.cap * sizeof *b.starts + b.nodes_cap * sizeof *b.nodes);
        }
        double took = seconds() - begin;
        printf("%7u items, %-9s %7.0f steps/s in %6.2f s; %4llu commits, %4.0f bytes written a step; at most %4zu bytes in memory a step (the engine: %4zu), "
               "%2.0f at the end\n", n, path ? "stored:" : "engine:", n / took, took, (unsigned long long)b.commits, (double)(written() - bytes) / n, b.heap_most / n,
               b.engine_most / n, (double)engine_memory_bytes(b.run) / n);
        fflush(stdout);
        engine_free(b.run);
        store_sqlite.close(b.store);
        arena_free(b.arena);
        free(b.starts);
        free(b.nodes);
}

int main(int argc, char **argv)
{
        char folder[256], path[300];
        snprintf(folder, sizeof folder, "%s/weft-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
        if (!mkdtemp(folder)) {
                perror(folder);
                return 1;
        }
        snprintf(path, sizeof path, "%s/weft.db", folder);
        static const struct task task = {.name = STR("work"), .template = 1, .fans_out = true};
        static const struct template templates[] = {{.name = STR("graph"), .kind = TEMPLATE_GRAPH, .tasks = &task, .tasks_n = 1},
                                                    {.name = STR("leaf"), .kind = TEMPLATE_TASK}};
        static const struct workflow w = {.language = &language, .templates = templates, .templates_n = 2, .root = {.name = STR("main")}};
        static const uint32_t sizes[] = {25000, 50000, 100000};
        for (int stored = 0; stored < 2; stored++)
                for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                        run(&w, stored ? path : NULL, sizes[i], 4096);
                        static const char *const names[] = {"", "-wal", "-shm"};
                        for (size_t k = 0; k < 3; k++) {
                                char file[320];
                                snprintf(file, sizeof file, "%s%s", path, names[k]);
                                unlink(file);
                        }
                }
        printf("all of them alive at once:\n");
        run(&w, NULL, 100000, 200000);
        rmdir(folder);
        return 0;
}
