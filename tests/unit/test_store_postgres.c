/* The PostgreSQL store: the shared suites, then what only it can show. Runs under tests/with_postgres.py. */
#include "store_suite.h"
#include <stdio.h>
#include <stdlib.h>
#include "store/lease.h"
#include "store/postgres.h"

#define UID_A "11111111-0000-4000-8000-000000000001"

static struct store_place place;
static struct store_settings settings;

static int setup(void **state)
{
        (void)state;
        store_place_make_for(&store_postgres, &place);
        settings = store_place_settings(&place);
        settings.unsafe_no_sync = true;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        store_place_remove(&place);
        return 0;
}

static long long ask(const char *sql)
{
        PGconn *db = PQconnectdb(place.url);
        PGresult *r = PQexec(db, sql);
        if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
                fail_msg("%s: %s", sql, PQerrorMessage(db));
        long long n = PQntuples(r) ? atoll(PQgetvalue(r, 0, 0)) : 0;
        PQclear(r);
        PQfinish(db);
        return n;
}

static bool put(struct store *s, uint32_t no, uint64_t *ret_seq, struct error *e)
{
        static char text[1000];
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        struct node_row row = suite_node(no);
        struct commit_node n = {run.uid, &row};
        memset(text, 'x', sizeof text);
        snprintf(text, 16, "%015u", no);
        row.message = (struct str){text, sizeof text};
        return store_postgres.commit(s, &(struct commit){.runs = runs, .runs_n = 1, .nodes = &n, .nodes_n = 1}, ret_seq, e);
}

/* P2: a connection that breaks costs time, and no number. */
static void test_broken_connections(void **state)
{
        (void)state;
        struct store *s = suite_open(&store_postgres, &settings);
        struct store_reader *r = NULL;
        struct error e = {0};
        uint64_t seq = 0;
        assert_true(store_postgres.reader_open(&settings, &r, &e));
        for (uint32_t i = 1; i <= 8; i++) {
                if (!put(s, i, &seq, &e))
                        fail_msg("committing: %s", e.text);
                assert_int_equal(seq, i);
                ask("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
                assert_int_equal(suite_count(&store_postgres, r, UID_A, 0), i);
        }
        store_postgres.reader_close(r);
        store_postgres.close(s);
        assert_int_equal(ask("SELECT count(*) FROM value"), 8);
}

/* A connection that breaks in the middle of every try: nothing comes about, and it ends with an error, not for ever. */
static void test_commit_that_never_arrives(void **state)
{
        (void)state;
        struct store *s = suite_open(&store_postgres, &settings);
        struct error e = {0};
        uint64_t seq = 0;
        assert_true(put(s, 1, &seq, &e));
        ask("CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; "
            "CREATE TRIGGER hang_up AFTER INSERT ON node FOR EACH STATEMENT EXECUTE FUNCTION hang_up()");
        assert_false(put(s, 2, &seq, &e));
        assert_int_equal(e.kind, ERROR_IO);
        ask("DROP TRIGGER hang_up ON node");
        assert_true(put(s, 3, &seq, &e));
        assert_int_equal(seq, 2);
        assert_int_equal(ask("SELECT count(*) FROM node"), 2);
        store_postgres.close(s);
}

static void test_newer_schema(void **state)
{
        (void)state;
        struct store *s = suite_open(&store_postgres, &settings);
        struct store_reader *r = NULL;
        struct error e = {0};
        store_postgres.close(s);
        ask("UPDATE weft_schema SET version = 99");
        assert_false(store_postgres.open(&settings, &s, &e));
        assert_int_equal(e.kind, ERROR_VERSION);
        assert_false(store_postgres.reader_open(&settings, &r, &e));
        assert_int_equal(e.kind, ERROR_VERSION);
        ask("DROP TABLE weft_schema");
        assert_false(store_postgres.open(&settings, &s, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
}

static void test_no_server(void **state)
{
        (void)state;
        struct store_settings nowhere = settings;
        struct store *s = NULL;
        struct error e = {0};
        nowhere.url = STR("postgresql://somebody:secret-word@/weft?host=/nonexistent");
        assert_false(store_postgres.open(&nowhere, &s, &e));
        assert_int_equal(e.kind, ERROR_IO);
        assert_non_null(strstr(e.text, "/nonexistent"));
        assert_null(strstr(e.text, "secret-word"));
}

static uint64_t step(struct lease *l, int64_t at_s)
{
        uint64_t epoch = 99;
        struct error e = {0};
        if (!lease_step(l, (struct mono){at_s * US_PER_S}, &epoch, &e))
                fail_msg("%s", e.text);
        return epoch;
}

/* L1 to L3, with clocks that have nothing to do with each other. */
static void test_lease(void **state)
{
        (void)state;
        struct lease *a = NULL, *b = NULL;
        struct error e = {0};
        uint64_t seq;
        assert_true(lease_open(&settings, STR("a"), 10 * US_PER_S, &a, &e));
        assert_true(lease_open(&settings, STR("b"), 10 * US_PER_S, &b, &e));
        assert_int_equal(step(a, 500000), 1);
        assert_int_equal(step(b, 3), 0);
        struct store_settings with = settings;
        with.epoch = 1;
        struct store *first = suite_open(&store_postgres, &with);
        assert_true(put(first, 1, &seq, &e));
        assert_int_equal(step(b, 12), 0);
        assert_int_equal(step(a, 1), 1); /* renewed: for b the time begins again */
        assert_int_equal(step(b, 14), 0);
        assert_int_equal(step(b, 23), 0);
        assert_true(put(first, 2, &seq, &e));
        assert_int_equal(step(b, 24), 2);
        with.epoch = 2;
        struct store *second = suite_open(&store_postgres, &with);
        assert_true(put(second, 3, &seq, &e));
        assert_int_equal(seq, 3);
        assert_false(put(first, 4, &seq, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
        assert_non_null(strstr(e.text, "another server"));
        assert_int_equal(ask("SELECT count(*) FROM node"), 3);
        assert_int_equal(step(a, 2), 0);
        lease_close(b); /* given up: nobody has to wait */
        assert_int_equal(step(a, 3), 3);
        assert_false(put(second, 5, &seq, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
        lease_close(a);
        store_postgres.close(first);
        store_postgres.close(second);
}

/* L4: a commit that hangs in the middle does not hold the next engine up, and comes to nothing. */
static void test_hanging_commit(void **state)
{
        (void)state;
        struct lease *a = NULL, *b = NULL;
        struct error e = {0};
        assert_true(lease_open(&settings, STR("a"), 10 * US_PER_S, &a, &e));
        assert_true(lease_open(&settings, STR("b"), 10 * US_PER_S, &b, &e));
        assert_int_equal(step(a, 1), 1);
        PGconn *hangs = PQconnectdb(place.url);
        PQclear(PQexec(hangs, "BEGIN"));
        PGresult *r = PQexec(hangs, "SELECT commit_begin(1, 7, 0)");
        assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
        PQclear(r);
        assert_int_equal(step(b, 1), 0);
        assert_int_equal(step(b, 20), 2);
        r = PQexec(hangs, "COMMIT");
        assert_int_not_equal(PQresultStatus(r), PGRES_COMMAND_OK);
        PQclear(r);
        PQfinish(hangs);
        assert_int_equal(ask("SELECT seq FROM state"), 0);
        lease_close(a);
        lease_close(b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_broken_connections), TEST(test_commit_that_never_arrives), TEST(test_newer_schema), TEST(test_no_server), TEST(test_lease), TEST(test_hanging_commit),
        };
        int failed = cmocka_run_group_tests_name("postgres alone", tests, NULL, NULL);
        return failed + store_suite(&store_postgres) + store_lists_suite(&store_postgres);
}
