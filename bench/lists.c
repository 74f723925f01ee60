/* Lists over a large store: makes RUNS finished runs of five nodes each through the store's own commits, then asks for pages as a server does.
 *
 *   bench_lists FOLDER [RUNS] [ROUNDS]     the database is made in FOLDER (without syncs) unless it is there, and kept
 *
 * Prints one line a question: its name, p50 and p99 of the time and p50 and p99 of the thread's processor time, in microseconds, and how many rows
 * came. The first is SQLite alone: a row by its primary key. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "store/query.h"
#include "store/sqlite.h"

enum { NODES = 5, BATCH = 2000, PAGE = 50, PIPELINES = 200, EXPERIMENTS = 60, OWNERS = 30, ROUNDS_MAX = 100000 };

static const char *const words[] = {"train", "evaluate", "forecast", "churn", "ranking", "vision", "embed", "nightly", "backfill", "sweep", "fraud", "pricing"};
enum { WORDS = sizeof words / sizeof *words };

static uint64_t random_state = 42;
static uint32_t draw(uint32_t below)
{
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)((random_state >> 33) % below);
}

static int64_t now_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static void die(const struct error *e)
{
        fprintf(stderr, "bench_lists: %s\n", e->text);
        exit(3);
}

/* --- making it --- */

static struct str ns_of(struct arena *a, uint32_t n) { return n < 10 ? STR("default") : arena_printf(a, "team-%u", n % 10); }

static struct run_row make_run(struct arena *a, uint32_t i)
{
        uint32_t pipeline = draw(PIPELINES), state = draw(100);
        const char *word = words[draw(WORDS)], *second = words[draw(WORDS)];
        struct param *p = ARENA_ARRAY(a, struct param, 2);
        p[0] = (struct param){.name = STR("learning_rate"), .value = val_text(arena_printf(a, "0.%u", draw(10000)))};
        p[1] = (struct param){.name = STR("data"), .value = val_text(arena_printf(a, "s3://bucket/part-%u", draw(100000)))};
        return (struct run_row){
                .uid = arena_printf(a, "%08x-%04x-4000-8000-%012x", draw(UINT32_MAX), draw(65536), i),
                .name = arena_printf(a, "%s-%s-%u", word, second, i),
                .display_name = arena_printf(a, "%s %s %u", word, second, i),
                .ns = ns_of(a, draw(20)),
                .language = STR("kfp"),
                .document = STR("{\"pipelineInfo\":{\"name\":\"a stand-in of a hundred bytes or so for what a run keeps of its own document\"}}"),
                .state = state < 92 ? RUN_SUCCEEDED : state < 97 ? RUN_FAILED : state < 98 ? RUN_ERROR : RUN_STOPPED,
                .created_at = {(1700000000 + (int64_t)i * 30) * US_PER_S},
                .started_at = {(1700000001 + (int64_t)i * 30) * US_PER_S},
                .finished_at = {(1700000100 + (int64_t)i * 30) * US_PER_S},
                .nodes_total = NODES,
                .nodes_done = NODES,
                .parameters = {.params = p, .params_n = 2},
                .meta = {.owner = arena_printf(a, "user-%u", draw(OWNERS)),
                         .pipeline = arena_printf(a, "00000000-0000-4000-8000-%012u", pipeline),
                         .version = arena_printf(a, "00000000-0000-4000-9000-%012u", pipeline),
                         .experiment = arena_printf(a, "00000000-0000-4000-a000-%012u", pipeline % EXPERIMENTS),
                         .labels = draw(10) ? STR_NONE : arena_printf(a, "{\"sweep\":\"s%u\"}", draw(500)),
                         .archived = draw(20) == 0}};
}

static void make(const struct store_settings *settings, uint32_t runs_n)
{
        struct store *s;
        struct error e = {0};
        if (!store_sqlite.open(settings, &s, &e))
                die(&e);
        struct arena *a = arena_new();
        struct run_row *rows = calloc(BATCH, sizeof *rows);
        const struct run_row **runs = calloc(BATCH, sizeof *runs);
        struct node_row *node_rows = calloc(BATCH * NODES, sizeof *node_rows);
        struct commit_node *nodes = calloc(BATCH * NODES, sizeof *nodes);
        struct commit_metric *metrics = calloc(BATCH, sizeof *metrics);
        int64_t start = now_us();
        for (uint32_t first = 0; first < runs_n; first += BATCH) {
                uint32_t n = runs_n - first < BATCH ? runs_n - first : BATCH;
                arena_reset(a);
                for (uint32_t i = 0; i < n; i++) {
                        rows[i] = make_run(a, first + i);
                        runs[i] = &rows[i];
                        metrics[i] = (struct commit_metric){rows[i].uid, 5, STR("accuracy"), draw(1000000) / 1e6};
                        for (uint32_t k = 0; k < NODES; k++) {
                                node_rows[i * NODES + k] = (struct node_row){.no = k + 1, .parent = k ? 1 : 0, .kind = k ? NODE_KIND_TASK : NODE_KIND_GRAPH, .name = STR("step"), .state = NODE_SUCCEEDED, .has_exit_code = true,
                                                                             .attempt = 1, .created_at = rows[i].created_at, .started_at = rows[i].started_at, .finished_at = rows[i].finished_at, .cpu_us = 1000, .rss_max_bytes = 1 << 20};
                                nodes[i * NODES + k] = (struct commit_node){rows[i].uid, &node_rows[i * NODES + k]};
                        }
                }
                uint64_t seq;
                struct commit c = {.runs = runs, .runs_n = n, .nodes = nodes, .nodes_n = n * NODES, .metrics = metrics, .metrics_n = draw(2) ? n : n / 2, .now = {1}};
                if (!store_sqlite.commit(s, &c, &seq, &e))
                        die(&e);
        }
        int64_t took = now_us() - start;
        store_sqlite.close(s);
        fprintf(stderr, "made %u runs with %u nodes in %.1f s: %.0f runs/s\n", runs_n, runs_n * NODES, (double)took / 1e6, runs_n / ((double)took / 1e6));
        free(rows);
        free(runs);
        free(node_rows);
        free(nodes);
        free(metrics);
        arena_free(a);
}

/* --- asking --- */

static int64_t times_ns[ROUNDS_MAX], cpu_ns[ROUNDS_MAX];
static int compare(const void *a, const void *b) { return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b); }

static void report(const char *name, uint32_t rounds, uint64_t rows)
{
        qsort(times_ns, rounds, sizeof *times_ns, compare);
        qsort(cpu_ns, rounds, sizeof *cpu_ns, compare);
        printf("%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n", name, (double)times_ns[rounds / 2] / 1e3, (double)times_ns[rounds * 99 / 100] / 1e3, (double)cpu_ns[rounds / 2] / 1e3, (double)cpu_ns[rounds * 99 / 100] / 1e3,
               (double)rows / rounds);
        fflush(stdout);
}

static int64_t now_ns(clockid_t clock)
{
        struct timespec t;
        clock_gettime(clock, &t);
        return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void bare(const char *path, uint32_t runs, uint32_t rounds)
{
        sqlite3 *db;
        sqlite3_stmt *q;
        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || sqlite3_prepare_v2(db, "SELECT * FROM run WHERE id = ?", -1, &q, NULL) != SQLITE_OK)
                exit(3);
        uint64_t rows = 0;
        for (uint32_t i = 0; i < rounds; i++) {
                int64_t start = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
                sqlite3_bind_int64(q, 1, 1 + draw(runs));
                rows += sqlite3_step(q) == SQLITE_ROW;
                sqlite3_reset(q);
                cpu_ns[i] = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
                times_ns[i] = now_ns(CLOCK_MONOTONIC) - start;
        }
        sqlite3_finalize(q);
        sqlite3_close(db);
        report("SQLite alone: a row by its key", rounds, rows);
}

static bool see(void *user, const struct run_row *row)
{
        *(uint64_t *)user += row->uid.n > 0;
        return true;
}

struct question {
        const char *name;
        bool ns, deep, descending_metric;
        const char *key;
        enum query_op op;
        enum { NOTHING, PIPELINE, FAILED, FAILED_ALL, WORD, NUMBER, TWO_WORDS, LABEL, OWNER, UNARCHIVED, ABSENT, TEAMS } value;
};
static const struct question questions[] = {
        {.name = "newest 50"},
        {.name = "newest 50 of a namespace", .ns = true},
        {.name = "newest 50 of three namespaces", .value = TEAMS},
        {.name = "newest 50 not archived of a namespace", .ns = true, .key = "archived", .value = UNARCHIVED},
        {.name = "newest 50 of a pipeline", .key = "pipeline", .value = PIPELINE},
        {.name = "newest 50 of a pipeline in a namespace", .ns = true, .key = "pipeline", .value = PIPELINE},
        {.name = "newest 50 of an owner", .ns = true, .key = "owner", .value = OWNER},
        {.name = "failed in a namespace", .ns = true, .key = "state", .value = FAILED},
        {.name = "failed, error or stopped in a namespace", .ns = true, .key = "state", .op = QUERY_IN, .value = FAILED_ALL},
        {.name = "a page deep inside a namespace", .ns = true, .deep = true},
        {.name = "a page deep inside a pipeline", .deep = true, .key = "pipeline", .value = PIPELINE},
        {.name = "name part: a word", .ns = true, .key = "name", .op = QUERY_CONTAINS, .value = WORD},
        {.name = "name part: two words", .ns = true, .key = "display_name", .op = QUERY_CONTAINS, .value = TWO_WORDS},
        {.name = "name part: one run's number", .key = "name", .op = QUERY_CONTAINS, .value = NUMBER},
        {.name = "name part: in no name", .key = "name", .op = QUERY_CONTAINS, .value = ABSENT},
        {.name = "by a label", .key = "label:sweep", .value = LABEL},
        {.name = "best 50 by a metric", .descending_metric = true},
};

static struct str value_text(const struct question *x, uint32_t runs, struct arena *a)
{
        switch (x->value) {
        case PIPELINE: return arena_printf(a, "00000000-0000-4000-8000-%012u", draw(PIPELINES));
        case WORD: return str_from(words[draw(WORDS)]);
        case TWO_WORDS: return arena_printf(a, "%s %s", words[draw(WORDS)], words[draw(WORDS)]);
        case NUMBER: return arena_printf(a, "-%u", runs / 10 + draw(runs - runs / 10));
        case LABEL: return arena_printf(a, "s%u", draw(500));
        case OWNER: return arena_printf(a, "user-%u", draw(OWNERS));
        case ABSENT: return arena_printf(a, "train-sw%u", draw(1000));
        case NOTHING:
        case FAILED:
        case FAILED_ALL:
        case UNARCHIVED:
        case TEAMS: break;
        }
        return STR_NONE;
}

static void ask(struct store_reader *r, const struct question *x, uint32_t runs, uint32_t rounds, bool total)
{
        uint64_t rows = 0;
        struct arena *a = arena_new();
        for (uint32_t i = 0; i < rounds; i++) {
                arena_reset(a);
                struct query_value v[3] = {{.type = QUERY_TEXT, .text = value_text(x, runs, a)}};
                struct query_predicate p = {str_from(x->key), x->op, v, 1};
                if (x->value == FAILED || x->value == FAILED_ALL || x->value == UNARCHIVED)
                        for (int k = 0; k < 3; k++)
                                v[k] = (struct query_value){.type = QUERY_NUMBER, .number = x->value == UNARCHIVED ? 0 : k == 0 ? RUN_FAILED : k == 1 ? RUN_ERROR : RUN_STOPPED};
                p.values_n = x->value == FAILED_ALL ? 3 : 1;
                struct str ns[3] = {ns_of(a, draw(20)), STR("team-1"), STR("team-2")};
                struct query q = {.ns = ns, .ns_n = x->value == TEAMS ? 3 : x->ns, .predicates = &p, .predicates_n = x->key != NULL, .descending = true, .limit = PAGE, .total = total,
                                  .sort_key = x->descending_metric ? STR("metric:accuracy") : STR_NONE};
                if (x->deep)
                        q.after = query_next(&q, &(struct query_param){.kind = QUERY_PARAM_INTEGER}, runs / 20 + draw(runs / 2), a);
                struct query_page page;
                struct error e = {0};
                int64_t start = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
                if (!store_sqlite.query_runs(r, &q, see, &rows, a, &page, &e))
                        die(&e);
                cpu_ns[i] = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
                times_ns[i] = now_ns(CLOCK_MONOTONIC) - start;
        }
        arena_free(a);
        char name[100];
        snprintf(name, sizeof name, "%s%s", x->name, total ? ", with total" : "");
        report(name, rounds, rows);
}

int main(int argc, char **argv)
{
        if (argc < 2) {
                fprintf(stderr, "usage: bench_lists FOLDER [RUNS] [ROUNDS]\n");
                return 2;
        }
        uint32_t runs = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000000, rounds = argc > 3 ? (uint32_t)atoi(argv[3]) : 1000;
        rounds = rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds < 1 ? 1 : rounds;
        struct arena *a = arena_new();
        struct store_settings settings = {.path = arena_printf(a, "%s/lists.db", argv[1]), .create = true, .unsafe_no_sync = true};
        struct store_reader *r;
        struct error e = {0};
        FILE *there = fopen(settings.path.p, "r");
        if (there)
                fclose(there);
        else
                make(&settings, runs);
        bare(settings.path.p, runs, rounds);
        if (!store_sqlite.reader_open(&settings, &r, &e))
                die(&e);
        for (int total = 0; total < 2; total++)
                for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
                        ask(r, &questions[i], runs, rounds, total);
        store_sqlite.reader_close(r);
        arena_free(a);
        return 0;
}
