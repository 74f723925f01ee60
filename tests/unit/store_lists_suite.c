/* What every store must do about records, lists in pages, what people say about runs, metrics, changes and counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/arena.h"
#include "store_suite.h"

static const struct store_ops *ops;

struct fixture {
        struct store_place place;
        struct store_settings settings;
        struct store *s;
        struct store_reader *r;
        struct arena *a;
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);
        struct error e = {0};
        store_place_make_for(ops, &f->place);
        f->settings = store_place_settings(&f->place);
        f->settings.unsafe_no_sync = true;
        f->s = suite_open(ops, &f->settings);
        f->a = arena_new();
        if (!ops->reader_open(&f->settings, &f->r, &e))
                fail_msg("opening a reader: %s", e.text);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        ops->reader_close(f->r);
        ops->close(f->s);
        store_place_remove(&f->place);
        arena_free(f->a);
        free(f);
        return 0;
}

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* --- runs and records to look for --- */

static struct str text(struct fixture *f, const char *format, int n)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        char line[128];
        snprintf(line, sizeof line, format, n);
#pragma GCC diagnostic pop
        return arena_str(f->a, str_from(line));
}

/* Run i of many: its number decides all that is said about it. */
static struct run_row make_run(struct fixture *f, int i)
{
        return (struct run_row){
                .uid = text(f, "%08d-0000-4000-8000-000000000000", i),
                .name = text(f, "train-%05d", i),
                .display_name = text(f, i % 3 ? "Training No. %d" : "Pr\xc3\xbc" "fung \"%d\"", i),
                .ns = i % 4 == 3 ? STR("other") : i % 4 == 2 ? STR("third") : STR("default"),
                .language = STR("argo"),
                .document = STR("{}"),
                .options = STR("{}"),
                .state = i % 5 == 0 ? RUN_FAILED : i % 7 == 0 ? RUN_RUNNING : RUN_SUCCEEDED,
                .created_at = {(i + 1) * US_PER_S},
                .finished_at = {i % 5 ? (1000 - i) * US_PER_S : 0},
                .meta = {.owner = i % 2 ? STR("ada") : STR("bob"),
                         .pipeline = text(f, "pipeline-%d", i % 3),
                         .experiment = i % 3 ? STR("one") : STR_NONE,
                         .labels = i % 6 == 0 ? STR("{\"team\":\"blue\",\"it's\":\"x\"}") : i % 6 == 1 ? STR("{\"team\":\"red\"}") : STR_NONE,
                         .priority = i % 3 - 1,
                         .archived = i % 10 == 9}};
}

static uint64_t put_run(struct fixture *f, const struct run_row *row)
{
        return suite_commit(ops, f->s, &(struct commit){.runs = &row, .runs_n = 1, .now = {1}});
}

enum { RUNS = 120 };
static void fill(struct fixture *f)
{
        for (int i = 0; i < RUNS; i++) {
                struct run_row row = make_run(f, i);
                put_run(f, &row);
        }
}

struct uids { struct fixture *f; struct str *items; size_t n, stop_at; };
static bool see_run(void *user, const struct run_row *row)
{
        struct uids *u = user;
        assert_true(u->n < 1000);
        u->items[u->n++] = arena_str(u->f->a, row->uid);
        return u->stop_at != u->n;
}
static bool see_record(void *user, const struct record *r)
{
        struct uids *u = user;
        assert_true(u->n < 1000);
        u->items[u->n++] = arena_str(u->f->a, r->id);
        return u->stop_at != u->n;
}

/* All pages of a list. */
static struct uids all(struct fixture *f, struct query q)
{
        struct uids u = {.f = f, .items = ARENA_ARRAY(f->a, struct str, 1000)};
        struct query_page page = {0};
        struct error e = {0};
        bool total = q.total;
        for (int pages = 0;; pages++) {
                size_t before = u.n;
                assert_true(pages < 1000);
                if (!(q.kind == RECORD_RUN ? ops->query_runs(f->r, &q, see_run, &u, f->a, &page, &e) : ops->query_records(f->r, &q, see_record, &u, f->a, &page, &e)))
                        fail_msg("listing: %s", e.text);
                assert_true(u.n - before <= q.limit);
                if (!page.next.n)
                        break;
                assert_int_equal(u.n - before, q.limit);
                assert_true(page.next.n <= 1024);
                q.after = page.next;
        }
        if (total)
                assert_int_equal(page.total, u.n);
        return u;
}

typedef bool wanted(const struct run_row *row);

/* The list must be exactly the wanted runs, in this order of `number`. */
static void expect(struct fixture *f, struct query q, wanted *want)
{
        for (int way = 0; way < 2; way++) {
                q.descending = way;
                q.limit = 7;
                q.total = true;
                struct uids u = all(f, q);
                size_t n = 0;
                for (int k = 0; k < RUNS; k++) {
                        struct run_row row = make_run(f, way ? RUNS - 1 - k : k);
                        if (!want(&row))
                                continue;
                        assert_true(n < u.n);
                        if (!str_eq(u.items[n], row.uid))
                                fail_msg("place %zu has %.*s, not %.*s", n, STR_FMT(u.items[n]), STR_FMT(row.uid));
                        n++;
                }
                assert_int_equal(n, u.n);
                assert_true(n > 0);
        }
}

static struct query_value words(const char *s) { return (struct query_value){.type = QUERY_TEXT, .text = str_from(s)}; }
static struct query_value number(double n) { return (struct query_value){.type = QUERY_NUMBER, .number = n}; }
static struct query_value at(int64_t s) { return (struct query_value){.type = QUERY_TIME, .time = {s * US_PER_S}}; }

/* --- runs --- */

static bool any(const struct run_row *row) { return row->uid.n > 0; }
static bool in_default(const struct run_row *row) { return str_eq_c(row->ns, "default"); }
static bool in_two(const struct run_row *row) { return !str_eq_c(row->ns, "third"); }
static bool failed(const struct run_row *row) { return row->state == RUN_FAILED; }
static bool failed_or_running_in_two(const struct run_row *row) { return in_two(row) && (failed(row) || row->state == RUN_RUNNING); }
static bool of_pipeline(const struct run_row *row) { return str_eq_c(row->meta.pipeline, "pipeline-1"); }
static bool not_of_pipeline(const struct run_row *row) { return !of_pipeline(row); }
static bool without_experiment(const struct run_row *row) { return row->meta.experiment.n == 0; }
static bool of_two_pipelines(const struct run_row *row) { return !str_eq_c(row->meta.pipeline, "pipeline-2") && !row->meta.archived; }
static bool archived(const struct run_row *row) { return row->meta.archived; }
static bool blue(const struct run_row *row) { return str_starts(row->meta.labels, STR("{\"team\":\"blue\"")); }
static bool red(const struct run_row *row) { return str_starts(row->meta.labels, STR("{\"team\":\"red\"")); }
static bool coloured(const struct run_row *row) { return blue(row) || red(row); }
static bool not_blue(const struct run_row *row) { return !blue(row); }
static bool late(const struct run_row *row) { return row->created_at.us > 100 * US_PER_S; }
static bool named_001(const struct run_row *row) { return str_find(row->name, STR("-0001"), 0) != SIZE_MAX; }
static bool training_1(const struct run_row *row) { return str_find(row->display_name, STR("Training No. 1"), 0) != SIZE_MAX; }
static bool trial(const struct run_row *row) { return str_starts(row->display_name, STR("Pr")); }
static bool trial_default(const struct run_row *row) { return trial(row) && in_default(row) && !failed(row); }
static bool low(const struct run_row *row) { return row->meta.priority < 0; }
static bool not_high(const struct run_row *row) { return row->meta.priority < 1; }
static bool of_ada(const struct run_row *row) { return str_eq_c(row->meta.owner, "ada"); }

static void test_filters(void **state)
{
        struct fixture *f = *state;
        fill(f);
        struct str two[] = {STR("default"), STR("other")};
        const struct query_value states[] = {number(RUN_FAILED), number(RUN_RUNNING)}, pipelines[] = {words("pipeline-0"), words("pipeline-1")}, colours[] = {words("red"), words("blue")};
        const struct query_value v[] = {number(RUN_FAILED), words("pipeline-1"), words(""), number(1), words("blue"), at(100), words("-0001"), words("tRaining no. 1"), words("pr\xc3\xbc" "fung \""),
                                        number(0), words("ada"), words(""), number(0.5)};
        const struct query_predicate failed_p = {STR("state"), QUERY_EQ, &v[0], 1}, states_p = {STR("state"), QUERY_IN, states, 2}, pipeline_p = {STR("pipeline"), QUERY_EQ, &v[1], 1},
                                     not_pipeline_p = {STR("pipeline"), QUERY_NE, &v[1], 1}, no_experiment_p = {STR("experiment"), QUERY_EQ, &v[2], 1},
                                     archived_p = {STR("archived"), QUERY_EQ, &v[3], 1}, blue_p = {STR("label:team"), QUERY_EQ, &v[4], 1}, not_blue_p = {STR("label:team"), QUERY_NE, &v[4], 1},
                                     colours_p = {STR("label:team"), QUERY_IN, colours, 2}, late_p = {STR("created_at"), QUERY_GT, &v[5], 1}, name_p = {STR("name"), QUERY_CONTAINS, &v[6], 1},
                                     display_p = {STR("display_name"), QUERY_CONTAINS, &v[7], 1}, low_p = {STR("priority"), QUERY_LT, &v[9], 1}, ada_p = {STR("owner"), QUERY_EQ, &v[10], 1},
                                     fraction_p = {STR("priority"), QUERY_LT, &v[12], 1};
        const struct query_predicate pipelines_p[] = {{STR("pipeline"), QUERY_IN, pipelines, 2}, {STR("archived"), QUERY_EQ, &v[9], 1}};
        const struct query_predicate trial_p[] = {{STR("display_name"), QUERY_CONTAINS, &v[8], 1}, {STR("state"), QUERY_NE, &v[0], 1}};
        expect(f, (struct query){0}, any);
        expect(f, (struct query){.ns = two, .ns_n = 1}, in_default);
        expect(f, (struct query){.ns = two, .ns_n = 2}, in_two);
        expect(f, (struct query){.predicates = &failed_p, .predicates_n = 1}, failed);
        expect(f, (struct query){.ns = two, .ns_n = 2, .predicates = &states_p, .predicates_n = 1}, failed_or_running_in_two);
        expect(f, (struct query){.predicates = &pipeline_p, .predicates_n = 1}, of_pipeline);
        expect(f, (struct query){.predicates = &not_pipeline_p, .predicates_n = 1}, not_of_pipeline);
        expect(f, (struct query){.predicates = &no_experiment_p, .predicates_n = 1}, without_experiment);
        expect(f, (struct query){.predicates = pipelines_p, .predicates_n = 2}, of_two_pipelines);
        expect(f, (struct query){.predicates = &archived_p, .predicates_n = 1}, archived);
        expect(f, (struct query){.predicates = &blue_p, .predicates_n = 1}, blue);
        expect(f, (struct query){.predicates = &not_blue_p, .predicates_n = 1}, not_blue);
        expect(f, (struct query){.predicates = &colours_p, .predicates_n = 1}, coloured);
        expect(f, (struct query){.predicates = &late_p, .predicates_n = 1}, late);
        expect(f, (struct query){.predicates = &name_p, .predicates_n = 1}, named_001);
        expect(f, (struct query){.predicates = &display_p, .predicates_n = 1}, training_1);
        expect(f, (struct query){.predicates = trial_p, .predicates_n = 2, .ns = two, .ns_n = 1}, trial_default);
        expect(f, (struct query){.predicates = &low_p, .predicates_n = 1}, low);
        expect(f, (struct query){.predicates = &ada_p, .predicates_n = 1}, of_ada);
        expect(f, (struct query){.predicates = &fraction_p, .predicates_n = 1, .sort_key = STR("name")}, not_high); /* names are in the order of creation */
}

static void test_sorted(void **state)
{
        struct fixture *f = *state;
        fill(f);
        static const char *const keys[] = {"uid", "name", "display_name", "ns", "state", "owner", "finished_at", "priority", "pipeline", "archived", "created_at", "description"};
        for (size_t i = 0; i < LENGTH(keys); i++)
                for (uint32_t limit = 1; limit < 200; limit = limit * 5 + 1) {
                        struct uids up = all(f, (struct query){.sort_key = str_from(keys[i]), .limit = limit, .total = true});
                        struct uids down = all(f, (struct query){.sort_key = str_from(keys[i]), .limit = limit, .descending = true});
                        assert_int_equal(up.n, RUNS);
                        assert_int_equal(down.n, RUNS);
                        for (size_t k = 0; k < RUNS; k++) /* ties too are turned round: nothing is left out or comes twice */
                                assert_true(str_eq(up.items[k], down.items[RUNS - 1 - k]));
                }
        struct uids u = all(f, (struct query){.sort_key = STR("finished_at"), .limit = 5});
        assert_true(str_starts(u.items[0], STR("00000000")));
        assert_true(str_starts(u.items[RUNS - 1], STR("00000001")));
}

static void test_long_sort_keys(void **state)
{
        struct fixture *f = *state;
        char *long_name = arena_alloc(f->a, 3000);
        memset(long_name, 'x', 2999);
        for (int i = 0; i < 9; i++) {
                struct run_row row = make_run(f, i);
                row.display_name = (struct str){long_name, 2990 + (size_t)i / 2};
                put_run(f, &row);
        }
        struct uids u = all(f, (struct query){.sort_key = STR("display_name"), .limit = 2});
        assert_int_equal(u.n, 9);
        for (int i = 0; i < 9; i++)
                assert_true(str_eq(u.items[i], make_run(f, i).uid));
}

static void test_page_of_a_visitor_that_stops(void **state)
{
        struct fixture *f = *state;
        fill(f);
        struct uids u = {.f = f, .items = ARENA_ARRAY(f->a, struct str, 1000), .stop_at = 3};
        struct query_page page;
        struct error e = {0};
        struct query q = {.limit = 10};
        assert_true(ops->query_runs(f->r, &q, see_run, &u, f->a, &page, &e));
        assert_int_equal(u.n, 3);
        q.after = page.next;
        u.stop_at = 4;
        assert_true(ops->query_runs(f->r, &q, see_run, &u, f->a, &page, &e));
        assert_true(str_eq(u.items[3], make_run(f, 3).uid));
}

static void refused(struct fixture *f, struct query q, const char *says)
{
        struct uids u = {.f = f, .items = ARENA_ARRAY(f->a, struct str, 1000)};
        struct query_page page;
        struct error e = {0};
        assert_false(q.kind == RECORD_RUN ? ops->query_runs(f->r, &q, see_run, &u, f->a, &page, &e) : ops->query_records(f->r, &q, see_record, &u, f->a, &page, &e));
        assert_true(e.kind == ERROR_INVALID || e.kind == ERROR_LIMIT);
        if (!strstr(e.text, says))
                fail_msg("\"%s\" does not say %s", e.text, says);
        assert_int_equal(u.n, 0);
}

static void test_refused(void **state)
{
        struct fixture *f = *state;
        fill(f);
        struct query_value many[200] = {{0}}, one = words("x"), nan = number(NAN), nul = {.type = QUERY_TEXT, .text = STR("a\0b")};
        const struct query_predicate unknown = {STR("name; DROP TABLE run"), QUERY_EQ, &one, 1}, kind = {STR("created_at"), QUERY_EQ, &one, 1}, part = {STR("state"), QUERY_CONTAINS, &nan, 1},
                                     none = {STR("name"), QUERY_EQ, NULL, 0}, lots = {STR("name"), QUERY_IN, many, 200}, not_a_number = {STR("priority"), QUERY_LT, &nan, 1},
                                     tag = {STR("tag:x"), QUERY_EQ, &one, 1}, empty_label = {STR("label:"), QUERY_EQ, &one, 1}, with_nul = {STR("name"), QUERY_EQ, &nul, 1};
        refused(f, (struct query){.limit = 1, .predicates = &unknown, .predicates_n = 1}, "finished_at");
        refused(f, (struct query){.limit = 1, .predicates = &kind, .predicates_n = 1}, "a time");
        refused(f, (struct query){.limit = 1, .predicates = &part, .predicates_n = 1}, "state");
        refused(f, (struct query){.limit = 1, .predicates = &none, .predicates_n = 1}, "one value");
        refused(f, (struct query){.limit = 1, .predicates = &lots, .predicates_n = 1}, "200");
        refused(f, (struct query){.limit = 1, .predicates = &not_a_number, .predicates_n = 1}, "priority");
        refused(f, (struct query){.limit = 1, .predicates = &tag, .predicates_n = 1}, "label:NAME");
        refused(f, (struct query){.limit = 1, .predicates = &empty_label, .predicates_n = 1}, "label:NAME");
        refused(f, (struct query){.limit = 1, .predicates = &with_nul, .predicates_n = 1}, "NUL");
        refused(f, (struct query){.limit = 1, .sort_key = STR("document")}, "document");
        refused(f, (struct query){.kind = RECORD_PIPELINE, .limit = 1, .sort_key = STR("metric:x")}, "tag:NAME");
        refused(f, (struct query){0}, "at least one");

        struct query_page page;
        struct error e = {0};
        struct uids u = {.f = f, .items = ARENA_ARRAY(f->a, struct str, 1000)};
        assert_true(ops->query_runs(f->r, &(struct query){.sort_key = STR("name"), .limit = 3}, see_run, &u, f->a, &page, &e));
        refused(f, (struct query){.sort_key = STR("name"), .descending = true, .limit = 3, .after = page.next}, "order");
        refused(f, (struct query){.sort_key = STR("uid"), .limit = 3, .after = page.next}, "order");
        for (size_t i = 0; i < page.next.n; i++) /* whatever becomes of a token, it is refused or read, and nothing else */
                for (int way = 0; way < 3; way++) {
                        struct str token = arena_str(f->a, page.next);
                        if (way == 0)
                                token.n = i;
                        else
                                ((char *)(uintptr_t)token.p)[i] = way == 1 ? '.' : '\'';
                        struct query q = {.sort_key = STR("name"), .limit = 3, .after = token};
                        u.n = 0;
                        if (!ops->query_runs(f->r, &q, see_run, &u, f->a, &page, &e))
                                assert_int_equal(e.kind, ERROR_INVALID);
                }
}

/* --- what people say --- */

static bool copy_run(void *user, const struct run_row *row)
{
        struct { struct arena *a; struct run_row row; } *x = user;
        x->row = run_row_copy(row, x->a);
        return true;
}

static struct run_row get_run(struct fixture *f, struct str uid, bool whole)
{
        struct { struct arena *a; struct run_row row; } x = {.a = f->a};
        struct query_value v = {.type = QUERY_TEXT, .text = uid};
        struct query_predicate p = {STR("uid"), QUERY_EQ, &v, 1};
        struct query_page page;
        struct error e = {0};
        if (!ops->query_runs(f->r, &(struct query){.predicates = &p, .predicates_n = 1, .limit = 1, .whole = whole}, copy_run, &x, f->a, &page, &e))
                fail_msg("%s", e.text);
        return x.row;
}

static void test_meta(void **state)
{
        struct fixture *f = *state;
        struct run_row row = make_run(f, 6);
        row.state = RUN_RUNNING;
        row.meta = (struct run_meta){STR("ada"), STR("e"), STR("p"), STR("v"), STR("r"), STR("why"), STR("robot"), STR("{\"a\":\"b\"}"), {77}, -3, true};
        put_run(f, &row);
        for (int round = 0; round < 2; round++) {
                struct run_row got = get_run(f, row.uid, round);
                assert_true(str_eq(got.document, round ? row.document : STR_NONE));
                assert_true(str_eq_c(got.meta.owner, "ada") && str_eq_c(got.meta.experiment, "e") && str_eq_c(got.meta.pipeline, "p") && str_eq_c(got.meta.version, "v"));
                assert_true(str_eq_c(got.meta.recurring, "r") && str_eq_c(got.meta.description, "why") && str_eq_c(got.meta.service_account, "robot"));
                assert_true(str_eq(got.meta.labels, row.meta.labels) && got.meta.scheduled_at.us == 77 && got.meta.priority == -3 && got.meta.archived);
        }
        /* The engine's later rows do not touch it, and what is said later does not touch the engine's. */
        struct run_row engine = row;
        engine.meta = (struct run_meta){.owner = STR("nobody")};
        engine.nodes_done = 5;
        put_run(f, &engine);
        engine.state = RUN_SUCCEEDED;
        put_run(f, &engine);
        assert_true(str_eq_c(get_run(f, row.uid, false).meta.owner, "ada"));
        struct run_meta later = {.owner = STR("bob"), .labels = STR("{\"a\":\"c\"}")};
        struct commit_meta meta = {row.uid, &later};
        uint64_t seq = suite_commit(ops, f->s, &(struct commit){.metas = &meta, .metas_n = 1});
        struct run_row got = get_run(f, row.uid, false);
        assert_int_equal(got.seq, seq);
        assert_int_equal(got.nodes_done, 5);
        assert_int_equal(got.state, RUN_SUCCEEDED);
        assert_true(str_eq_c(got.meta.owner, "bob") && got.meta.pipeline.n == 0 && !got.meta.archived);
        struct query_value b = words("b"), c = words("c");
        struct query_predicate was = {STR("label:a"), QUERY_EQ, &b, 1}, is = {STR("label:a"), QUERY_EQ, &c, 1};
        assert_int_equal(all(f, (struct query){.predicates = &was, .predicates_n = 1, .limit = 3, .total = true}).n, 0);
        assert_int_equal(all(f, (struct query){.predicates = &is, .predicates_n = 1, .limit = 3, .total = true}).n, 1);
        struct error e;
        uint64_t no;
        meta.run = STR("never heard of");
        assert_false(ops->commit(f->s, &(struct commit){.metas = &meta, .metas_n = 1}, &no, &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
}

static bool see_metric(void *user, const struct commit_metric *m)
{
        *(double *)user = *(double *)user * 1000 + m->value;
        return true;
}

static void test_metrics(void **state)
{
        struct fixture *f = *state;
        fill(f);
        struct commit_metric m[RUNS];
        size_t n = 0;
        for (int i = 0; i < RUNS; i += 2)
                m[n++] = (struct commit_metric){make_run(f, i).uid, 1, STR("loss"), i % 10 ? i / 10 + 0.5 : -INFINITY};
        m[n++] = (struct commit_metric){make_run(f, 4).uid, 2, STR("loss"), 99}; /* the newest wins */
        m[n++] = (struct commit_metric){make_run(f, 4).uid, 2, STR("acc"), 7};
        m[n++] = (struct commit_metric){make_run(f, 6).uid, 2, STR("acc"), NAN};
        suite_commit(ops, f->s, &(struct commit){.metrics = m, .metrics_n = n});
        struct error e = {0};
        double sum = 0;
        assert_true(ops->metrics(f->r, make_run(f, 4).uid, see_metric, &sum, &e));
        assert_true(sum == 7 * 1000 + 99); /* in the order of names */
        sum = 0;
        assert_true(ops->metrics(f->r, make_run(f, 1).uid, see_metric, &sum, &e) && sum == 0);
        struct uids u = all(f, (struct query){.sort_key = STR("metric:loss"), .descending = true, .limit = 3, .total = true});
        assert_int_equal(u.n, RUNS / 2);
        assert_true(str_eq(u.items[0], make_run(f, 4).uid));
        assert_true(str_eq(u.items[u.n - 1], make_run(f, 0).uid));
        struct query_value v = number(11);
        struct query_predicate p = {STR("metric:loss"), QUERY_GT, &v, 1};
        u = all(f, (struct query){.predicates = &p, .predicates_n = 1, .sort_key = STR("metric:loss"), .limit = 2, .total = true});
        assert_int_equal(u.n, 5); /* 112, 114, 116, 118 and 4 */
        assert_true(str_eq(u.items[0], make_run(f, 112).uid) && str_eq(u.items[4], make_run(f, 4).uid));
        u = all(f, (struct query){.sort_key = STR("metric:never"), .limit = 2, .total = true});
        assert_int_equal(u.n, 0);
        struct str gone = make_run(f, 4).uid;
        suite_commit(ops, f->s, &(struct commit){.deleted_runs = &gone, .deleted_runs_n = 1, .now = {1}});
        assert_int_equal(all(f, (struct query){.predicates = &p, .predicates_n = 1, .limit = 20}).n, 4);
}

/* --- records --- */

static struct record make_record(struct fixture *f, enum record_kind kind, int i)
{
        return (struct record){.kind = kind, .id = text(f, "%08d-aaaa-4000-8000-000000000000", i), .ns = i % 2 ? STR("other") : STR("default"), .name = text(f, "name-%d", i),
                               .display_name = text(f, "The Name %d", i), .description = STR("d"), .owner = STR("ada"), .tags = i % 3 ? STR_NONE : STR("{\"stage\":\"prod\"}"),
                               .state = i % 5 ? RECORD_ACTIVE : RECORD_ARCHIVED, .created_at = {(100 - i) * US_PER_S}, .updated_at = {5}, .body = STR("{\"k\":[1]}"), .revision = 3};
}

static bool put_record(struct fixture *f, const struct record *r, uint64_t *ret_seq, struct error *e)
{
        return ops->commit(f->s, &(struct commit){.records = &r, .records_n = 1, .now = {1}}, ret_seq, e);
}

static void expect_record(struct fixture *f, const struct record *want, uint64_t seq)
{
        struct record got;
        bool found;
        struct error e = {0};
        for (int by_name = 0; by_name < 2; by_name++) {
                assert_true(by_name ? ops->record_named(f->r, want->kind, want->ns, want->parent, want->name, f->a, &found, &got, &e)
                                    : ops->record(f->r, want->kind, want->id, f->a, &found, &got, &e));
                assert_true(found);
                assert_true(got.kind == want->kind && str_eq(got.id, want->id) && str_eq(got.ns, want->ns) && str_eq(got.parent, want->parent) && str_eq(got.name, want->name));
                assert_true(str_eq(got.display_name, want->display_name) && str_eq(got.description, want->description) && str_eq(got.owner, want->owner) && str_eq(got.tags, want->tags));
                assert_true(got.state == want->state && got.created_at.us == want->created_at.us && got.updated_at.us == want->updated_at.us && str_eq(got.body, want->body));
                assert_true(got.revision == want->revision && got.seq == seq);
        }
}

static bool has_record(struct fixture *f, enum record_kind kind, struct str id)
{
        struct record got;
        bool found = false;
        struct error e = {0};
        assert_true(ops->record(f->r, kind, id, f->a, &found, &got, &e));
        return found;
}

static void test_records(void **state)
{
        struct fixture *f = *state;
        struct error e = {0};
        uint64_t seq;
        struct record a = make_record(f, RECORD_PIPELINE, 1), b = make_record(f, RECORD_PIPELINE, 3), same = a, child = a, bare = {.kind = RECORD_AUDIT, .id = STR("x")}, bare_too = {.kind = RECORD_AUDIT, .id = STR("y")};
        assert_true(put_record(f, &a, &seq, &e));
        expect_record(f, &a, seq);
        a.body = STR("{}");
        a.tags = STR_NONE;
        a.name = STR("renamed");
        a.revision = 4;
        assert_true(put_record(f, &a, &seq, &e));
        expect_record(f, &a, seq);
        assert_true(put_record(f, &b, &seq, &e));
        /* A name is unique among its kind, namespace and parent; where there is no name, nothing is. */
        same.id = STR("another");
        same.name = a.name;
        assert_false(put_record(f, &same, &seq, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
        assert_non_null(strstr(e.text, "pipeline"));
        b.name = a.name;
        assert_false(put_record(f, &b, &seq, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
        same.ns = STR("default");
        assert_true(put_record(f, &same, &seq, &e));
        child.name = a.name;
        child.parent = a.id;
        child.id = STR("child");
        assert_true(put_record(f, &child, &seq, &e));
        child.kind = RECORD_PRESET;
        child.id = a.id;
        assert_true(put_record(f, &child, &seq, &e));
        assert_true(put_record(f, &bare, &seq, &e) && put_record(f, &bare_too, &seq, &e));
        /* In one commit a name goes from one to the other: deletions come first. */
        const struct record *puts[] = {&b};
        struct record_id ids[] = {{RECORD_PIPELINE, a.id}, {RECORD_PIPELINE, STR("never heard of")}};
        seq = suite_commit(ops, f->s, &(struct commit){.records = puts, .records_n = 1, .deleted_records = ids, .deleted_records_n = 2, .now = {1}});
        expect_record(f, &b, seq);
        assert_false(has_record(f, RECORD_PIPELINE, a.id));
        assert_true(has_record(f, RECORD_PRESET, a.id));
        struct store_counts counts;
        assert_true(ops->counts(f->r, &counts, &e));
        assert_int_equal(counts.records[RECORD_PIPELINE], 3);
        assert_int_equal(counts.records[RECORD_PRESET], 1);
        assert_int_equal(counts.records[RECORD_AUDIT], 2);
        assert_int_equal(counts.records[RECORD_TOKEN], 0);
}

static void test_record_lists(void **state)
{
        struct fixture *f = *state;
        struct error e = {0};
        uint64_t seq;
        for (int i = 0; i < 30; i++) {
                struct record r = make_record(f, RECORD_EXPERIMENT, i), other = make_record(f, RECORD_PIPELINE, i);
                assert_true(put_record(f, &r, &seq, &e) && put_record(f, &other, &seq, &e));
        }
        struct str one = STR("other");
        struct uids u = all(f, (struct query){.kind = RECORD_EXPERIMENT, .limit = 4, .total = true}); /* by time, which goes the other way */
        assert_int_equal(u.n, 30);
        assert_true(str_eq(u.items[0], make_record(f, RECORD_EXPERIMENT, 29).id));
        assert_int_equal(all(f, (struct query){.kind = RECORD_EXPERIMENT, .limit = 4, .total = true, .ns = &one, .ns_n = 1}).n, 15);
        struct query_value prod = words("prod"), part = words("NAME 2"), archived_v = number(RECORD_ARCHIVED);
        struct query_predicate p[] = {{STR("tag:stage"), QUERY_EQ, &prod, 1}, {STR("state"), QUERY_EQ, &archived_v, 1}, {STR("display_name"), QUERY_CONTAINS, &part, 1}};
        assert_int_equal(all(f, (struct query){.kind = RECORD_EXPERIMENT, .limit = 3, .total = true, .predicates = p, .predicates_n = 1}).n, 10);
        assert_int_equal(all(f, (struct query){.kind = RECORD_EXPERIMENT, .limit = 3, .total = true, .predicates = p, .predicates_n = 2}).n, 2);
        u = all(f, (struct query){.kind = RECORD_EXPERIMENT, .limit = 3, .total = true, .predicates = p + 2, .predicates_n = 1, .sort_key = STR("name"), .descending = true});
        assert_int_equal(u.n, 11); /* 2, 20 to 29 */
        assert_true(str_eq(u.items[0], make_record(f, RECORD_EXPERIMENT, 29).id) && str_eq(u.items[10], make_record(f, RECORD_EXPERIMENT, 2).id));
        /* A tag that is no longer there finds nothing. */
        struct record r = make_record(f, RECORD_EXPERIMENT, 0);
        r.tags = STR("{\"stage\":\"dev\"}");
        assert_true(put_record(f, &r, &seq, &e));
        struct record_id gone = {RECORD_EXPERIMENT, make_record(f, RECORD_EXPERIMENT, 3).id};
        suite_commit(ops, f->s, &(struct commit){.deleted_records = &gone, .deleted_records_n = 1, .now = {1}});
        assert_int_equal(all(f, (struct query){.kind = RECORD_EXPERIMENT, .limit = 3, .total = true, .predicates = p, .predicates_n = 1}).n, 8);
}

/* --- changes and counts --- */

struct changes { struct arena *a; struct change items[100]; size_t n; };
static bool see_change(void *user, const struct change *c)
{
        struct changes *x = user;
        assert_true(x->n < 100);
        x->items[x->n] = *c;
        x->items[x->n++].id = arena_str(x->a, c->id);
        return true;
}

static void test_changes(void **state)
{
        struct fixture *f = *state;
        struct error e = {0};
        struct run_row a = make_run(f, 1), b = make_run(f, 2);
        struct record r = make_record(f, RECORD_PIPELINE, 1);
        const struct run_row *runs[] = {&a, &b};
        const struct record *records[] = {&r};
        bool too_old;
        suite_commit(ops, f->s, &(struct commit){.runs = runs, .runs_n = 2, .records = records, .records_n = 1, .now = {US_PER_S}}); /* 1 */
        put_run(f, &a);                                                                                                             /* 2 */
        struct record_id id = {RECORD_PIPELINE, r.id};
        struct str uid = b.uid;
        suite_commit(ops, f->s, &(struct commit){.deleted_runs = &uid, .deleted_runs_n = 1, .deleted_records = &id, .deleted_records_n = 1, .now = {2 * US_PER_S}}); /* 3 */
        struct changes x = {.a = f->a};
        assert_true(ops->changes(f->r, 0, 100, see_change, &x, &too_old, &e));
        assert_false(too_old);
        assert_int_equal(x.n, 3);
        assert_true(str_eq(x.items[0].id, a.uid) && x.items[0].seq == 2 && !x.items[0].deleted && x.items[0].kind == RECORD_RUN);
        assert_true(x.items[1].deleted && x.items[2].deleted && x.items[1].seq == 3 && x.items[2].seq == 3);
        assert_true(x.items[1].kind + x.items[2].kind == RECORD_PIPELINE);
        /* Made again: it is not deleted any more. */
        suite_commit(ops, f->s, &(struct commit){.records = records, .records_n = 1, .now = {2 * US_PER_S}}); /* 4 */
        x.n = 0;
        assert_true(ops->changes(f->r, 2, 100, see_change, &x, &too_old, &e));
        assert_int_equal(x.n, 2);
        assert_true(str_eq(x.items[1].id, r.id) && !x.items[1].deleted && x.items[1].seq == 4);
        /* A limit does not cut a commit in two. */
        x.n = 0;
        put_run(f, &b); /* 5 */
        suite_commit(ops, f->s, &(struct commit){.runs = runs, .runs_n = 2, .now = {2 * US_PER_S}}); /* 6 */
        assert_true(ops->changes(f->r, 4, 1, see_change, &x, &too_old, &e));
        assert_int_equal(x.n, 2);
        assert_true(x.items[0].seq == 6 && x.items[1].seq == 6);
        x.n = 0;
        assert_true(ops->changes(f->r, 6, 1, see_change, &x, &too_old, &e) && x.n == 0);
        suite_commit(ops, f->s, &(struct commit){.deleted_records = &id, .deleted_records_n = 1, .now = {2 * US_PER_S}}); /* 7 */
        /* An hour later its tombstone is gone. */
        suite_commit(ops, f->s, &(struct commit){.now = {4000 * US_PER_S}});
        assert_true(ops->changes(f->r, 4, 10, see_change, &x, &too_old, &e));
        assert_true(too_old && x.n == 0);
}

static bool see_cache(void *user, const struct commit_cache *k)
{
        struct uids *u = user;
        assert_true(k->node == 7 && k->at.us == 5 && str_eq_c(k->outputs.result.text, "out"));
        u->items[u->n++] = arena_str(u->f->a, k->key);
        return true;
}

static bool see_uid(void *user, struct str run)
{
        struct uids *u = user;
        u->items[u->n++] = arena_str(u->f->a, run);
        return true;
}

static void test_cache_list(void **state)
{
        struct fixture *f = *state;
        struct error e = {0};
        struct run_row a = make_run(f, 1), b = make_run(f, 2), c = make_run(f, 12);
        struct commit_cache k[9];
        for (int i = 0; i < 9; i++)
                k[i] = (struct commit_cache){text(f, i % 2 ? "%064d" : "short %d", i), a.uid, 7, {5}, {.result = {VAL_TEXT, STR("out")}}};
        put_run(f, &a);
        suite_commit(ops, f->s, &(struct commit){.cache = k, .cache_n = 9});
        suite_commit(ops, f->s, &(struct commit){.cache = k, .cache_n = 2}); /* again: no more of them */
        struct store_counts counts;
        assert_true(ops->counts(f->r, &counts, &e) && counts.cache == 9);
        struct uids u = {.f = f, .items = ARENA_ARRAY(f->a, struct str, 1000)};
        for (size_t n = SIZE_MAX; n != u.n;) {
                n = u.n;
                assert_true(ops->cache(f->r, u.n ? u.items[u.n - 1] : STR_NONE, 2, see_cache, &u, &e));
        }
        assert_int_equal(u.n, 9);
        for (int i = 0; i < 9; i++) {
                int times = 0;
                for (size_t n = 0; n < u.n; n++)
                        times += str_eq(u.items[n], k[i].key);
                assert_int_equal(times, 1);
        }
        struct str gone[] = {k[0].key, k[1].key, STR("never heard of")};
        suite_commit(ops, f->s, &(struct commit){.deleted_cache = gone, .deleted_cache_n = 3});
        assert_true(ops->counts(f->r, &counts, &e) && counts.cache == 7);
        u.n = 0;
        assert_true(ops->cache(f->r, STR_NONE, 100, see_cache, &u, &e) && u.n == 7);

        /* Who took outputs of a: b did, of nodes 1 and 7; c of another. */
        struct node_row from_a = suite_node(1), from_a_too = suite_node(2), from_b = suite_node(1);
        from_a.cached_from = text(f, "%08d-0000-4000-8000-000000000000/1", 1);
        from_a_too.cached_from = text(f, "%08d-0000-4000-8000-000000000000/7", 1);
        from_b.cached_from = text(f, "%08d-0000-4000-8000-000000000000/7", 2);
        put_run(f, &b);
        put_run(f, &c);
        struct commit_node nodes[] = {{b.uid, &from_a}, {b.uid, &from_a_too}, {c.uid, &from_b}};
        suite_commit(ops, f->s, &(struct commit){.nodes = nodes, .nodes_n = 3});
        u.n = 0;
        assert_true(ops->cache_users(f->r, a.uid, see_uid, &u, &e));
        assert_true(u.n == 1 && str_eq(u.items[0], b.uid));
        assert_true(ops->cache_users(f->r, c.uid, see_uid, &u, &e) && u.n == 1);
}

static void test_counts(void **state)
{
        struct fixture *f = *state;
        struct error e = {0};
        fill(f);
        uint64_t want[RUN_STATES] = {0};
        struct store_counts counts;
        for (int i = 0; i < RUNS; i++) {
                struct run_row row = make_run(f, i);
                if (i % 11 == 0) {
                        row.state = RUN_STOPPED;
                        put_run(f, &row);
                } else if (i % 11 == 1) {
                        suite_commit(ops, f->s, &(struct commit){.deleted_runs = &row.uid, .deleted_runs_n = 1, .now = {1}});
                        continue;
                } else if (i % 11 == 2) {
                        struct run_meta moved = {.pipeline = STR("elsewhere")};
                        struct commit_meta m = {row.uid, &moved};
                        suite_commit(ops, f->s, &(struct commit){.metas = &m, .metas_n = 1});
                }
                want[row.state]++;
        }
        assert_true(ops->counts(f->r, &counts, &e));
        for (int i = 0; i < RUN_STATES; i++)
                assert_int_equal(counts.runs[i], want[i]);
        /* A list's total comes from the counters where it can: all() compares it with what is listed. */
        struct query_value stopped = number(RUN_STOPPED), elsewhere = words("elsewhere");
        struct query_predicate p[] = {{STR("state"), QUERY_EQ, &stopped, 1}, {STR("pipeline"), QUERY_EQ, &elsewhere, 1}};
        assert_int_equal(all(f, (struct query){.predicates = p, .predicates_n = 1, .limit = 50, .total = true}).n, want[RUN_STOPPED]);
        assert_int_equal(all(f, (struct query){.predicates = p + 1, .predicates_n = 1, .limit = 50, .total = true}).n, 11);
        assert_int_equal(all(f, (struct query){.limit = 50, .total = true}).n, RUNS - 11);
}

int store_lists_suite(const struct store_ops *o)
{
        ops = o;
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_filters), TEST(test_sorted), TEST(test_long_sort_keys), TEST(test_page_of_a_visitor_that_stops), TEST(test_refused), TEST(test_meta), TEST(test_metrics),
                TEST(test_records), TEST(test_record_lists), TEST(test_changes), TEST(test_cache_list), TEST(test_counts),
        };
        return cmocka_run_group_tests_name(o->name, tests, NULL, NULL);
}
