#include "store_suite.h"
#include <dirent.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/arena.h"

static const struct store_ops *ops;

#define UID_A "11111111-0000-4000-8000-000000000001"
#define UID_B "11111111-0000-4000-8000-000000000002"
#define UID_C "22222222-0000-4000-8000-000000000003"

/* --- what tests share --- */

void store_place_make(struct store_place *p)
{
        snprintf(p->folder, sizeof p->folder, "/tmp/weft-store-XXXXXX");
        assert_non_null(mkdtemp(p->folder));
        snprintf(p->path, sizeof p->path, "%s/weft.db", p->folder);
        p->url[0] = '\0';
}

static void execute(const char *sql)
{
        PGconn *db = PQconnectdb(getenv("WEFT_TEST_POSTGRES"));
        PGresult *r = PQexec(db, sql);
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
                fail_msg("%s: %s", sql, PQerrorMessage(db));
        PQclear(r);
        PQfinish(db);
}

void store_place_make_for(const struct store_ops *o, struct store_place *p)
{
        static int n;
        char sql[128];
        store_place_make(p);
        if (strcmp(o->name, "postgres") != 0)
                return;
        if (!getenv("WEFT_TEST_POSTGRES"))
                fail_msg("no server: run this under tests/with_postgres.py");
        snprintf(p->url, sizeof p->url, "%s&options=-csearch_path%%3Dt%d_%d", getenv("WEFT_TEST_POSTGRES"), (int)getpid(), ++n);
        snprintf(sql, sizeof sql, "CREATE SCHEMA %s", strrchr(p->url, 'D') + 1);
        execute(sql);
}

void store_place_remove(const struct store_place *p)
{
        char sql[128];
        if (p->url[0]) {
                snprintf(sql, sizeof sql, "SET client_min_messages = error; DROP SCHEMA %s CASCADE", strrchr(p->url, 'D') + 1);
                execute(sql);
        }
        DIR *d = opendir(p->folder);
        for (struct dirent *x; d && (x = readdir(d));)
                if (x->d_name[0] != '.')
                        unlinkat(dirfd(d), x->d_name, 0);
        if (d)
                closedir(d);
        rmdir(p->folder);
}

struct store_settings store_place_settings(const struct store_place *p)
{
        return (struct store_settings){.path = str_from(p->path), .url = str_from(p->url), .create = true};
}

struct store *suite_open(const struct store_ops *o, const struct store_settings *settings)
{
        struct store *s = NULL;
        struct error e = {0};
        if (!o->open(settings, &s, &e))
                fail_msg("opening: %s", e.text);
        return s;
}

static struct store_reader *open_reader(const struct store_settings *settings)
{
        struct store_reader *r = NULL;
        struct error e = {0};
        if (!ops->reader_open(settings, &r, &e))
                fail_msg("opening a reader: %s", e.text);
        return r;
}

uint64_t suite_commit(const struct store_ops *o, struct store *s, const struct commit *c)
{
        uint64_t seq = 0;
        struct error e = {0};
        if (!o->commit(s, c, &seq, &e))
                fail_msg("committing: %s", e.text);
        return seq;
}

struct run_row suite_run(const char *uid, const char *name)
{
        return (struct run_row){
                .uid = str_from(uid), .name = str_from(name), .ns = STR("default"), .language = STR("argo"), .state = RUN_RUNNING};
}

struct node_row suite_node(uint32_t no) { return (struct node_row){.no = no, .name = STR("step"), .cpu_us = -1, .rss_max_bytes = -1}; }

static bool count_node(void *user, const struct node_row *row)
{
        (void)row;
        ++*(size_t *)user;
        return true;
}

size_t suite_count(const struct store_ops *o, struct store_reader *r, const char *uid, uint64_t after)
{
        size_t n = 0;
        struct error e = {0};
        if (!o->nodes(r, str_from(uid), after, count_node, &n, &e))
                fail_msg("reading nodes: %s", e.text);
        return n;
}

static bool count_run(void *user, const struct run_row *row)
{
        (void)row;
        ++*(size_t *)user;
        return true;
}

static size_t count_runs(struct store_reader *r, struct run_query q)
{
        size_t n = 0;
        struct error e = {0};
        if (!ops->runs(r, &q, count_run, &n, &e))
                fail_msg("reading runs: %s", e.text);
        return n;
}

struct fixture {
        struct store_place place;
        struct store_settings settings;
        struct store *s;
        struct store_reader *r;
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);
        store_place_make_for(ops, &f->place);
        f->settings = store_place_settings(&f->place);
        f->settings.unsafe_no_sync = true;
        f->s = suite_open(ops, &f->settings);
        f->r = open_reader(&f->settings);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        ops->reader_close(f->r);
        ops->close(f->s);
        store_place_remove(&f->place);
        free(f);
        return 0;
}

static uint64_t put(struct fixture *f, const struct run_row *run, const struct node_row *node)
{
        struct commit_node n = {run->uid, node};
        struct commit c = {.runs = &run, .runs_n = 1, .nodes = &n, .nodes_n = node != NULL, .now = {1}};
        return suite_commit(ops, f->s, &c);
}

/* --- round trip --- */

static void dump_bindings(FILE *out, const struct bindings *b)
{
        for (size_t i = 0; i < b->params_n; i++)
                fprintf(out, "p %.*s %d %zu:%.*s %d;", STR_FMT(b->params[i].name), b->params[i].value.kind, b->params[i].value.text.n,
                        STR_FMT(b->params[i].value.text), b->params[i].secret);
        for (size_t i = 0; i < b->artifacts_n; i++) {
                const struct artifact *x = &b->artifacts[i];
                fprintf(out, "a %.*s|%.*s|%.*s|%.*s|%.*s|%lld|%d;", STR_FMT(x->name), STR_FMT(x->uri), STR_FMT(x->type),
                        STR_FMT(x->metadata), STR_FMT(x->digest), (long long)x->size_bytes, x->list);
        }
        fprintf(out, "r %d %.*s\n", b->result.kind, STR_FMT(b->result.text));
}

static void dump_texts(FILE *out, const struct str *texts, size_t n)
{
        for (size_t i = 0; i < n; i++)
                fprintf(out, "%zu:%.*s\n", texts[i].n, STR_FMT(texts[i]));
}

static void dump_numbers(FILE *out, const long long *numbers, size_t n)
{
        for (size_t i = 0; i < n; i++)
                fprintf(out, "%lld ", numbers[i]);
}

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Every field but seq. */
static char *dump_node(const struct node_row *r)
{
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        const struct str texts[] = {r->name,  r->item,      r->reason,      r->message,  r->items,
                                    r->retry, r->cache_key, r->cached_from, r->child_run};
        const long long numbers[] = {
                r->no,           r->epoch,          r->parent,        r->kind,          r->role,           r->task,       r->index,
                r->template,     r->state,          r->has_exit_code, r->exit_code,     r->attempt,        r->dispatched, r->reported,
                r->stop_ordered, r->on_stop,        r->created_at.us, r->started_at.us, r->finished_at.us, r->wake_at.us, r->deadline_at.us,
                r->hooks_fired,  r->children_total, r->children_done, r->cpu_us,        r->rss_max_bytes};
        dump_texts(out, texts, LENGTH(texts));
        dump_numbers(out, numbers, LENGTH(numbers));
        dump_bindings(out, &r->inputs);
        dump_bindings(out, &r->outputs);
        fclose(out);
        return text;
}

static char *dump_run(const struct run_row *r)
{
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        const struct str texts[] = {r->uid,      r->name,    r->ns,     r->display_name, r->language,
                                    r->document, r->options, r->reason, r->message,      r->parent_run};
        const long long numbers[] = {r->state,      r->created_at.us, r->started_at.us, r->finished_at.us,  r->epoch,
                                     r->nodes_next, r->stopping,      r->suspended,     r->deadline_passed, r->parent_node,
                                     r->depth,      r->nodes_total,   r->nodes_done};
        dump_texts(out, texts, LENGTH(texts));
        dump_numbers(out, numbers, LENGTH(numbers));
        dump_bindings(out, &r->parameters);
        dump_bindings(out, &r->globals);
        dump_bindings(out, &r->outputs);
        fclose(out);
        return text;
}

static char long_text[5000];
static struct param every_param[] = {
        {STR("plain"), {VAL_TEXT, STR("x")}, false},
        {STR("empty"), {VAL_TEXT, STR("")}, true},
        {STR("none"), {VAL_NONE, STR_NONE}, false},
        {STR("json"), {VAL_JSON, STR("{\"a\": [1.50, \"\\u00e9\"]}")}, false},
        {STR("long"), {VAL_TEXT, {long_text, sizeof long_text}}, true},
        {STR("looks like a reference"),
         {VAL_TEXT, STR("\x7f"
                        "12")},
         false},
        {STR("bytes"), {VAL_TEXT, STR("\xff\xfe\0z")}, false},
};
static struct artifact every_artifact[] = {
        {STR("model"), STR("file:///a b"), STR("system.Model"), STR("{\"k\":1}"), STR("sha256:00"), 12345678901, false},
        {STR("model"), STR_NONE, STR_NONE, {long_text, sizeof long_text}, STR_NONE, -1, true},
};
static const struct bindings every_binding = {
        every_param, LENGTH(every_param), every_artifact, LENGTH(every_artifact), {VAL_TEXT, STR("result")}};

static struct node_row full_node(void)
{
        memset(long_text, 'v', sizeof long_text);
        return (struct node_row){.no = 7,
                                 .epoch = 2,
                                 .parent = 3,
                                 .kind = NODE_KIND_RETRY,
                                 .role = NODE_ROLE_HOOK,
                                 .task = 4,
                                 .index = UINT32_MAX - 1,
                                 .template = UINT32_MAX,
                                 .name = STR("na\xc3\xafve (1:x)"),
                                 .item = STR("{\"i\":[1]}"),
                                 .state = NODE_LOST,
                                 .reason = STR("why"),
                                 .message = {long_text, 300},
                                 .has_exit_code = true,
                                 .exit_code = -9,
                                 .attempt = 11,
                                 .dispatched = true,
                                 .reported = true,
                                 .stop_ordered = true,
                                 .on_stop = true,
                                 .created_at = {1767225600000001},
                                 .started_at = {1767225600000002},
                                 .finished_at = {1767225600000003},
                                 .wake_at = {1767225600000004},
                                 .deadline_at = {INT64_MAX},
                                 .hooks_fired = 0x80000001,
                                 .children_total = 100000,
                                 .children_done = 99999,
                                 .inputs = every_binding,
                                 .outputs = {every_param + 4, 1, NULL, 0, {VAL_JSON, {long_text, 400}}},
                                 .items = {long_text, 3000},
                                 .retry = STR("{\"limit\":3}"),
                                 .cache_key = STR("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
                                 .cached_from = STR(UID_B "/4"),
                                 .child_run = STR(UID_C),
                                 .cpu_us = 12345,
                                 .rss_max_bytes = INT64_C(1) << 40};
}

struct seen {
        char *text;
        uint64_t seq;
        size_t n;
};
static bool see_node(void *user, const struct node_row *row)
{
        struct seen *seen = user;
        free(seen->text);
        *seen = (struct seen){dump_node(row), row->seq, seen->n + 1};
        return true;
}
static bool see_run(void *user, const struct run_row *row)
{
        struct seen *seen = user;
        free(seen->text);
        *seen = (struct seen){dump_run(row), row->seq, seen->n + 1};
        return true;
}

static void test_node_round_trip(void **state)
{
        struct fixture *f = *state;
        struct run_row run = suite_run(UID_A, "a");
        struct node_row rows[] = {full_node(), full_node(), suite_node(9)};
        rows[1].no = 8;
        rows[1].cache_key = STR("no hexadecimal digits");
        for (size_t i = 0; i < LENGTH(rows); i++) {
                uint64_t seq = put(f, &run, &rows[i]);
                _cleanup_arena_ struct arena *a = arena_new();
                struct node_row row;
                bool found;
                struct error e;
                assert_true(ops->node(f->r, run.uid, rows[i].no, a, &found, &row, &e));
                assert_true(found);
                char *want = dump_node(&rows[i]), *got = dump_node(&row);
                assert_string_equal(want, got);
                assert_int_equal(row.seq, seq);
                struct seen seen = {0};
                assert_true(ops->nodes(f->r, run.uid, seq - 1, see_node, &seen, &e));
                assert_string_equal(want, seen.text);
                assert_int_equal(seen.n, 1);
                free(seen.text);
                free(want);
                free(got);
        }
        assert_int_equal(suite_count(ops, f->r, UID_A, 0), 3);
        assert_int_equal(suite_count(ops, f->r, UID_B, 0), 0);
}

static void test_run_round_trip(void **state)
{
        struct fixture *f = *state;
        full_node(); /* fills the long text */
        struct run_row row = {.uid = STR(UID_A),
                              .name = STR("a"),
                              .ns = STR("team"),
                              .display_name = STR("A run"),
                              .language = STR("kfp"),
                              .document = {long_text, sizeof long_text},
                              .options = STR("{}"),
                              .state = RUN_STOPPING,
                              .reason = STR("queue"),
                              .message = STR("m"),
                              .created_at = {1},
                              .started_at = {2},
                              .finished_at = {3},
                              .epoch = 4,
                              .nodes_next = 5,
                              .stopping = RUN_TERMINATED,
                              .suspended = true,
                              .deadline_passed = true,
                              .parameters = every_binding,
                              .globals = {every_param, 2, NULL, 0, VAL_NOTHING},
                              .outputs = every_binding,
                              .parent_run = STR(UID_B),
                              .parent_node = 6,
                              .depth = 7,
                              .nodes_total = 8,
                              .nodes_done = 9};
        put(f, &row, NULL);
        row.state = RUN_FAILED;
        row.nodes_done = 10;
        row.message = (struct str){long_text, 700};
        uint64_t seq = put(f, &row, NULL);
        struct seen seen = {0};
        struct error e;
        assert_true(ops->runs(f->r, &(struct run_query){.name_or_uid = STR(UID_A)}, see_run, &seen, &e));
        char *want = dump_run(&row);
        assert_string_equal(want, seen.text);
        assert_int_equal(seen.seq, seq);
        free(want);
        free(seen.text);
}

static void test_events_and_cache(void **state)
{
        struct fixture *f = *state;
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        full_node();
        struct commit_event events[] = {{run.uid, 1, {5}, STR("lost"), STR("the machine went away")},
                                        {run.uid, 0, {6}, STR("retried"), {long_text, 4000}}};
        struct commit_cache cache = {STR("some key"), run.uid, 12, {77}, {every_param, 5, every_artifact, 2, VAL_NOTHING}};
        suite_commit(ops, f->s,
                     &(struct commit){.runs = runs, .runs_n = 1, .events = events, .events_n = 2, .cache = &cache, .cache_n = 1});

        struct error e = {0};
        bool found;
        struct str from;
        struct wall at;
        struct bindings outputs;
        _cleanup_arena_ struct arena *a = arena_new();
        assert_true(ops->cache_get(f->r, STR("other key"), a, &found, &from, &at, &outputs, &e));
        assert_false(found);
        assert_true(ops->cache_get(f->r, STR("some key"), a, &found, &from, &at, &outputs, &e));
        assert_true(found);
        assert_true(str_eq_c(from, UID_A "/12"));
        assert_int_equal(at.us, 77);
        assert_int_equal(outputs.params_n, 5);
        assert_int_equal(outputs.params[4].value.text.n, sizeof long_text);
        assert_int_equal(outputs.artifacts[0].size_bytes, 12345678901);
}

static bool see_event(void *user, const struct commit_event *v)
{
        size_t *n = user;
        assert_true(str_eq_c(v->run, UID_A));
        assert_int_equal(v->node, *n);
        assert_int_equal(v->at.us, 100 + *n);
        ++*n;
        return *n < 150;
}

static void test_events_in_order(void **state)
{
        struct fixture *f = *state;
        struct run_row a = suite_run(UID_A, "a"), b = suite_run(UID_B, "b");
        const struct run_row *runs[] = {&a, &b};
        suite_commit(ops, f->s, &(struct commit){.runs = runs, .runs_n = 2});
        for (uint32_t i = 0; i < 200; i++) {
                struct commit_event events[] = {{a.uid, i, {100 + i}, STR("k"), STR("")}, {b.uid, i, {0}, STR("k"), STR("t")}};
                suite_commit(ops, f->s, &(struct commit){.events = events, .events_n = 2});
        }
        size_t n = 0;
        struct error e;
        assert_true(ops->events(f->r, a.uid, see_event, &n, &e));
        assert_int_equal(n, 150);
}

/* --- history, deleting, numbers --- */

static void test_history(void **state)
{
        struct fixture *f = *state;
        struct run_row run = suite_run(UID_A, "a");
        struct node_row row = full_node();
        put(f, &run, &row);
        char *old = dump_node(&row);
        struct commit_history h = {run.uid, row.no, row.epoch};
        struct node_row again = suite_node(row.no);
        again.epoch = 3;
        struct commit_node n = {run.uid, &again};
        suite_commit(ops, f->s, &(struct commit){.history = &h, .history_n = 1, .nodes = &n, .nodes_n = 1});
        struct seen now = {0}, then = {0};
        struct error e;
        assert_true(ops->nodes(f->r, run.uid, 0, see_node, &now, &e));
        assert_true(ops->history(f->r, run.uid, see_node, &then, &e));
        char *want = dump_node(&again);
        assert_string_equal(now.text, want);
        assert_string_equal(then.text, old);
        assert_int_equal(then.n, 1);
        free(want);
        free(old);
        free(now.text);
        free(then.text);
}

static bool see_tombstone(void *user, struct str run, uint64_t seq)
{
        (void)seq;
        assert_true(str_eq_c(run, UID_A));
        ++*(size_t *)user;
        return true;
}

static void test_delete(void **state)
{
        struct fixture *f = *state;
        struct run_row a = suite_run(UID_A, "a"), b = suite_run(UID_B, "b");
        struct node_row row = full_node();
        put(f, &a, &row);
        put(f, &b, &row);
        struct commit_cache cache = {row.cache_key, a.uid, row.no, {1}, row.outputs};
        suite_commit(ops, f->s, &(struct commit){.cache = &cache, .cache_n = 1});
        struct str gone[] = {a.uid, STR("never heard of")};
        uint64_t seq = suite_commit(ops, f->s, &(struct commit){.deleted_runs = gone, .deleted_runs_n = 2, .now = {1000 * US_PER_S}});

        struct error e;
        bool too_old, taken, found;
        size_t n = 0;
        assert_int_equal(suite_count(ops, f->r, UID_A, 0), 0);
        assert_int_equal(suite_count(ops, f->r, UID_B, 0), 1);
        assert_int_equal(count_runs(f->r, (struct run_query){0}), 1);
        assert_true(ops->name_taken(f->r, STR("default"), STR("a"), &taken, &e));
        assert_false(taken);
        assert_true(ops->name_taken(f->r, STR("default"), STR("b"), &taken, &e));
        assert_true(taken);
        _cleanup_arena_ struct arena *arena = arena_new();
        struct str from;
        struct wall at;
        struct bindings outputs;
        assert_true(ops->cache_get(f->r, row.cache_key, arena, &found, &from, &at, &outputs, &e));
        assert_false(found);
        assert_true(ops->deleted(f->r, seq - 1, see_tombstone, &n, &too_old, &e));
        assert_false(too_old);
        assert_int_equal(n, 1);
        assert_true(ops->deleted(f->r, seq, see_tombstone, &n, &too_old, &e));
        assert_int_equal(n, 1);
        /* After an hour the tombstone goes, and what came before it is too old. */
        put(f, &b, NULL);
        suite_commit(ops, f->s, &(struct commit){.now = {4700 * US_PER_S}});
        assert_true(ops->deleted(f->r, seq - 1, see_tombstone, &n, &too_old, &e));
        assert_true(too_old);
        assert_true(ops->deleted(f->r, seq, see_tombstone, &n, &too_old, &e));
        assert_false(too_old);
        /* Its number and name may be used again. */
        put(f, &a, &row);
        assert_int_equal(suite_count(ops, f->r, UID_A, 0), 1);
}

static void test_numbers_without_gaps(void **state)
{
        struct fixture *f = *state;
        struct run_row a = suite_run(UID_A, "a"), same_name = suite_run(UID_B, "a");
        const struct run_row *runs[] = {&same_name};
        assert_int_equal(put(f, &a, NULL), 1);
        struct error e;
        uint64_t seq = 0;
        assert_false(ops->commit(f->s, &(struct commit){.runs = runs, .runs_n = 1}, &seq, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
        struct node_row row = suite_node(1);
        struct commit_node n = {STR(UID_C), &row};
        assert_false(ops->commit(f->s, &(struct commit){.nodes = &n, .nodes_n = 1}, &seq, &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
        assert_int_equal(put(f, &a, NULL), 2);
        assert_true(ops->seq(f->r, &seq, &e));
        assert_int_equal(seq, 2);
        ops->close(f->s);
        f->s = suite_open(ops, &f->settings);
        assert_int_equal(put(f, &a, &row), 3);
}

static void test_changed_after(void **state)
{
        struct fixture *f = *state;
        struct run_row a = suite_run(UID_A, "a"), b = suite_run(UID_B, "b");
        uint64_t first[21];
        for (uint32_t i = 1; i <= 20; i++) {
                struct node_row row = suite_node(i);
                first[i] = put(f, &a, &row);
                put(f, &b, &row);
        }
        assert_int_equal(suite_count(ops, f->r, UID_A, first[15]), 5);
        struct node_row row = suite_node(3);
        row.state = NODE_FAILED;
        uint64_t last = put(f, &a, &row);
        assert_int_equal(suite_count(ops, f->r, UID_A, first[15]), 6);
        assert_int_equal(suite_count(ops, f->r, UID_A, last), 0);
        assert_int_equal(suite_count(ops, f->r, UID_A, UINT64_MAX), 0);
        assert_int_equal(suite_count(ops, f->r, UID_A, 0), 20);
}

static void test_queries(void **state)
{
        struct fixture *f = *state;
        struct run_row a = suite_run(UID_A, "a"), b = suite_run(UID_B, "b"), c = suite_run(UID_C, "c");
        b.state = RUN_SUCCEEDED;
        c.ns = STR("other");
        put(f, &a, NULL);
        put(f, &b, NULL);
        put(f, &c, NULL);
        struct error e;
        size_t n = 0;
        assert_int_equal(count_runs(f->r, (struct run_query){0}), 3);
        assert_int_equal(count_runs(f->r, (struct run_query){.limit = 2}), 2);
        assert_int_equal(count_runs(f->r, (struct run_query){.unfinished = true}), 2);
        assert_int_equal(count_runs(f->r, (struct run_query){.states = 1u << RUN_SUCCEEDED}), 1);
        assert_int_equal(count_runs(f->r, (struct run_query){.ns = STR("other")}), 1);
        assert_int_equal(count_runs(f->r, (struct run_query){.name_or_uid = STR("b")}), 1);
        assert_int_equal(count_runs(f->r, (struct run_query){.name_or_uid = STR("2222")}), 1);
        assert_int_equal(count_runs(f->r, (struct run_query){.name_or_uid = STR("222")}), 0);
        assert_int_equal(count_runs(f->r, (struct run_query){.name_or_uid = STR("2222"), .ns = STR("default")}), 0);
        assert_int_equal(count_runs(f->r, (struct run_query){.name_or_uid = STR("%_*'\"; DROP TABLE run")}), 0);
        assert_false(ops->runs(f->r, &(struct run_query){.name_or_uid = STR("1111")}, count_run, &n, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
        struct seen newest = {0};
        assert_true(ops->runs(f->r, &(struct run_query){.limit = 1}, see_run, &newest, &e));
        char *want = dump_run(&c);
        assert_string_equal(newest.text, want);
        free(want);
        free(newest.text);
}

/* --- limits --- */

static void expect_limit(const struct store_settings *settings, const struct bindings *inputs, const char *setting)
{
        struct store *s = suite_open(ops, settings);
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        struct node_row row = suite_node(1);
        row.inputs = *inputs;
        struct commit_node n = {run.uid, &row};
        uint64_t seq;
        struct error e;
        assert_false(ops->commit(s, &(struct commit){.runs = runs, .runs_n = 1, .nodes = &n, .nodes_n = 1}, &seq, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        assert_non_null(strstr(e.text, setting));
        assert_non_null(strstr(e.text, "\"big"));
        ops->close(s);
        struct store_reader *r = open_reader(settings);
        assert_int_equal(count_runs(r, (struct run_query){0}), 0);
        ops->reader_close(r);
}

static void test_limits(void **state)
{
        struct fixture *f = *state;
        full_node();
        char other[3000];
        memset(other, 'w', sizeof other);
        struct param params[] = {{STR("big0"), {VAL_TEXT, {long_text, 3000}}, false},
                                 {STR("big1"), {VAL_TEXT, {long_text, 3000}}, false},
                                 {STR("big2"), {VAL_TEXT, {other, 3000}}, false}};
        struct store_settings settings = f->settings;
        settings.value_bytes_max = 2999;
        expect_limit(&settings, &(struct bindings){.params = params, .params_n = 1}, "store.value_bytes_max");
        settings.value_bytes_max = 200;
        params[0].value.text.n = 201;
        expect_limit(&settings, &(struct bindings){.params = params, .params_n = 1}, "store.value_bytes_max");
        params[0].value.text.n = 3000;
        settings.value_bytes_max = 0;
        settings.run_bytes_max = 5999;
        expect_limit(&settings, &(struct bindings){.params = params, .params_n = 3}, "store.run_bytes_max");

        /* The same content counts once, in however many nodes; and what is stored counts after the store was opened again. */
        ops->close(f->s);
        f->s = suite_open(ops, &settings);
        struct run_row run = suite_run(UID_A, "a");
        for (uint32_t i = 1; i <= 50; i++) {
                struct node_row row = suite_node(i);
                row.inputs = (struct bindings){.params = params, .params_n = 2};
                put(f, &run, &row);
        }
        for (int round = 0; round < 2; round++) {
                struct node_row row = suite_node(51);
                row.inputs = (struct bindings){.params = params + 2, .params_n = 1};
                struct commit_node n = {run.uid, &row};
                uint64_t seq;
                struct error e;
                assert_false(ops->commit(f->s, &(struct commit){.nodes = &n, .nodes_n = 1}, &seq, &e));
                assert_int_equal(e.kind, ERROR_LIMIT);
                row.inputs.params = params;
                put(f, &run, &row);
                ops->close(f->s);
                f->s = suite_open(ops, &settings);
        }
}

/* --- crash --- */

/* Node i is made by commit i, and the run's row counts it: whatever is there tells which commits are. */
static void commit_until_killed(const struct store_settings *settings, int tell)
{
        struct store *s;
        struct error e;
        if (!ops->open(settings, &s, &e))
                _exit(1);
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        struct store_reader *r;
        uint64_t seq = 0;
        if (!ops->reader_open(settings, &r, &e) || !ops->seq(r, &seq, &e))
                _exit(1);
        ops->reader_close(r);
        full_node();
        for (uint32_t i = (uint32_t)seq + 1;; i++) {
                struct node_row row = suite_node(i);
                char text[400];
                memset(text, 'a' + (int)(i % 26), sizeof text);
                row.message = (struct str){text, sizeof text};
                run.nodes_total = i;
                struct commit_node n = {run.uid, &row};
                if (!ops->commit(s, &(struct commit){.runs = runs, .runs_n = 1, .nodes = &n, .nodes_n = 1}, &seq, &e) || seq != i)
                        _exit(2);
                if (write(tell, &seq, sizeof seq) != sizeof seq)
                        _exit(3);
        }
}

struct sequence {
        uint32_t next;
};
static bool in_sequence(void *user, const struct node_row *row)
{
        struct sequence *q = user;
        assert_int_equal(row->no, q->next);
        assert_int_equal(row->seq, q->next);
        assert_int_equal(row->message.n, 400);
        q->next++;
        return true;
}

static bool total_of(void *user, const struct run_row *row)
{
        *(uint32_t *)user = row->nodes_total;
        return true;
}

static void test_crash(void **state)
{
        struct fixture *f = *state;
        ops->reader_close(f->r);
        ops->close(f->s);
        struct store_settings settings = f->settings;
        settings.unsafe_no_sync = false;
        uint64_t acknowledged = 0;
        for (int round = 0; round < 12; round++) {
                int tell[2];
                assert_int_equal(pipe(tell), 0);
                pid_t child = fork();
                assert_true(child >= 0);
                if (child == 0) {
                        close(tell[0]);
                        commit_until_killed(&settings, tell[1]);
                }
                close(tell[1]);
                /* After a different number of commits each time; whatever it does just then. */
                uint64_t seq;
                for (int i = 0; i < 5 + round * 7; i++)
                        assert_int_equal(read(tell[0], &seq, sizeof seq), sizeof seq);
                kill(child, SIGKILL);
                while (read(tell[0], &seq, sizeof seq) == sizeof seq)
                        acknowledged = seq;
                close(tell[0]);
                int status;
                waitpid(child, &status, 0);
                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

                struct store_reader *r = open_reader(&settings);
                struct sequence q = {1};
                struct error e;
                uint32_t total = 0;
                uint64_t before;
                do { /* a server may still be at the last commit of the one that was killed */
                        assert_true(ops->seq(r, &before, &e));
                        usleep(strcmp(ops->name, "postgres") == 0 ? 50000 : 0);
                        assert_true(ops->seq(r, &seq, &e));
                } while (before != seq);
                assert_true(seq >= acknowledged);
                assert_true(ops->nodes(r, STR(UID_A), 0, in_sequence, &q, &e));
                assert_int_equal(q.next, seq + 1);
                assert_true(ops->runs(r, &(struct run_query){0}, total_of, &total, &e));
                assert_int_equal(total, seq);
                ops->reader_close(r);
        }
        f->s = suite_open(ops, &f->settings);
        f->r = open_reader(&f->settings);
}

/* --- readers beside the writer --- */

struct watch {
        const struct store_settings *settings;
        atomic_bool end;
        atomic_uint reads;
};

/* Each commit adds a node and moves all messages to the next generation, so a torn read would show two. */
struct generation {
        uint32_t n;
        char first;
};
static bool same_generation(void *user, const struct node_row *row)
{
        struct generation *g = user;
        if (g->n++ == 0)
                g->first = row->message.p[0];
        if (row->no != g->n || row->message.n != 300 || row->message.p[0] != g->first || row->message.p[299] != g->first)
                abort();
        return true;
}

static void *watch(void *user)
{
        struct watch *w = user;
        struct store_reader *r = open_reader(w->settings);
        uint64_t last = 0;
        while (!atomic_load(&w->end)) {
                struct generation g = {0};
                struct error e;
                uint64_t seq;
                if (!ops->seq(r, &seq, &e) || seq < last || !ops->nodes(r, STR(UID_A), 0, same_generation, &g, &e) || g.n < last)
                        abort();
                last = seq;
                atomic_fetch_add(&w->reads, 1);
        }
        ops->reader_close(r);
        return NULL;
}

static void test_readers_during_writes(void **state)
{
        struct fixture *f = *state;
        struct watch w = {.settings = &f->settings};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, watch, &w), 0);
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        enum { COMMITS = 150 };
        static struct node_row rows[COMMITS + 1];
        static struct commit_node nodes[COMMITS];
        for (uint32_t i = 1; i <= COMMITS || atomic_load(&w.reads) < 4; i++) {
                uint32_t n = i < COMMITS ? i : COMMITS;
                char text[300];
                memset(text, 'a' + (int)(i % 26), sizeof text);
                for (uint32_t k = 1; k <= n; k++) {
                        rows[k] = suite_node(k);
                        rows[k].message = (struct str){text, sizeof text};
                        nodes[k - 1] = (struct commit_node){run.uid, &rows[k]};
                }
                if (i <= COMMITS)
                        suite_commit(ops, f->s, &(struct commit){.runs = runs, .runs_n = 1, .nodes = nodes, .nodes_n = n});
                else
                        usleep(1000);
        }
        atomic_store(&w.end, true);
        for (int i = 0; i < 2; i++)
                pthread_join(threads[i], NULL);
}

/* --- cost --- */

static long long bytes_logged(void)
{
        PGconn *db = PQconnectdb(getenv("WEFT_TEST_POSTGRES"));
        PGresult *r = PQexec(db, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')");
        long long n = PQntuples(r) ? atoll(PQgetvalue(r, 0, 0)) : -1;
        PQclear(r);
        PQfinish(db);
        return n;
}

static long long bytes_written(void)
{
        long long n = -1;
        if (strcmp(ops->name, "postgres") == 0)
                return bytes_logged();
        char line[128];
        FILE *io = fopen("/proc/self/io", "r");
        while (io && fgets(line, sizeof line, io))
                sscanf(line, "wchar: %lld", &n);
        if (io)
                fclose(io);
        return n;
}

/* A fan-out as the engine writes it: each batch ends some nodes and makes the next. */
static void test_cost_of_a_fan_out(void **state)
{
        struct fixture *f = *state;
        enum { NODES = 100000, BATCH = 500 };
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        static struct node_row rows[2 * BATCH];
        static struct commit_node nodes[2 * BATCH];
        static char names[2 * BATCH][32], items[2 * BATCH][32];
        static struct param params[2 * BATCH];
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        long long start = bytes_written(), half = 0;
        for (uint32_t first = 1; first <= NODES + BATCH; first += BATCH) {
                uint32_t n = 0;
                for (uint32_t no = first > BATCH ? first - BATCH : first; no < first + BATCH && no <= NODES; no++, n++) {
                        rows[n] = suite_node(no);
                        rows[n].state = no < first ? NODE_SUCCEEDED : NODE_RUNNING;
                        rows[n].created_at = rows[n].started_at = (struct wall){1767225600000000 + no};
                        rows[n].finished_at = no < first ? (struct wall){1767225600000000 + no} : (struct wall){0};
                        snprintf(names[n], sizeof names[n], "work(%u:%u)", no, no);
                        snprintf(items[n], sizeof items[n], "%u", no);
                        params[n] = (struct param){STR("item"), {VAL_TEXT, str_from(items[n])}, false};
                        rows[n].name = str_from(names[n]);
                        rows[n].item = str_from(items[n]);
                        rows[n].inputs = (struct bindings){.params = &params[n], .params_n = 1};
                        nodes[n] = (struct commit_node){run.uid, &rows[n]};
                }
                run.nodes_done = first;
                suite_commit(ops, f->s, &(struct commit){.runs = runs, .runs_n = 1, .nodes = nodes, .nodes_n = n});
                if (first <= NODES / 2 && first + BATCH > NODES / 2)
                        half = bytes_written();
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        long long all = bytes_written();
        double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
        double early = (double)(half - start) / (NODES / 2), late = (double)(all - half) / (NODES / 2);
        print_message("%s: %d nodes, each written twice: %.0f nodes/s; bytes written a node: %.0f, then %.0f\n", ops->name, NODES,
                      NODES / seconds, early, late);
        assert_int_equal(suite_count(ops, f->r, UID_A, 0), NODES);
        if (start >= 0) {
                assert_true(late < 5000);
                assert_true(late < 1.5 * early);
        }
}

int store_suite(const struct store_ops *o)
{
        ops = o;
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_node_round_trip),
                TEST(test_run_round_trip),
                TEST(test_events_and_cache),
                TEST(test_events_in_order),
                TEST(test_history),
                TEST(test_delete),
                TEST(test_numbers_without_gaps),
                TEST(test_changed_after),
                TEST(test_queries),
                TEST(test_limits),
                TEST(test_crash),
                TEST(test_readers_during_writes),
                TEST(test_cost_of_a_fan_out),
        };
        return cmocka_run_group_tests_name(o->name, tests, NULL, NULL);
}
