/* The SQLite store and the faulty wrapper: the shared suite, then what only they can show. */
#include "store_suite.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store/faulty.h"
#include "store/sqlite.h"

#define UID_A "11111111-0000-4000-8000-000000000001"

static struct store_place place;
static struct store_settings settings;

static int setup(void **state)
{
        (void)state;
        store_place_make(&place);
        settings = store_place_settings(&place);
        settings.unsafe_no_sync = true;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        chmod(place.folder, 0700);
        store_place_remove(&place);
        store_faulty_plan(&(struct faulty_plan){0});
        return 0;
}

static bool put(struct store *s, uint32_t first, uint32_t n, size_t message_bytes, struct error *e)
{
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        struct node_row rows[100];
        struct commit_node nodes[100];
        static char texts[100][1024];
        memset(texts, 'x', sizeof texts);
        for (uint32_t i = 0; i < n; i++) {
                rows[i] = suite_node(first + i);
                snprintf(texts[i], 16, "%015u", first + i);
                rows[i].message = (struct str){texts[i], message_bytes};
                nodes[i] = (struct commit_node){run.uid, &rows[i]};
        }
        uint64_t seq;
        return store_sqlite.commit(s, &(struct commit){.runs = runs, .runs_n = 1, .nodes = nodes, .nodes_n = n}, &seq, e);
}

static void fill(uint32_t commits, size_t message_bytes)
{
        struct store *s = suite_open(&store_sqlite, &settings);
        struct error e;
        for (uint32_t i = 0; i < commits; i++)
                assert_true(put(s, i * 100 + 1, 100, message_bytes, &e));
        store_sqlite.close(s);
}

static void exec(const char *sql)
{
        sqlite3 *db;
        assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

/* A short log stays beside the file when the writer closes: for tests of the file itself. */
static void fill_file(uint32_t commits, size_t message_bytes)
{
        fill(commits, message_bytes);
        exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

static void write_at(off_t at, const void *bytes, size_t n)
{
        int fd = open(place.path, O_RDWR | O_CLOEXEC);
        assert_int_equal(pwrite(fd, bytes, n, at), n);
        close(fd);
}

static char *file_bytes(size_t *ret_n)
{
        FILE *in = fopen(place.path, "rb");
        char *p = malloc(16 << 20);
        *ret_n = fread(p, 1, 16 << 20, in);
        fclose(in);
        return p;
}

static void expect_open(const struct store_settings *with, enum error_kind writer, enum error_kind reader)
{
        struct store *s = NULL;
        struct store_reader *r = NULL;
        struct error e = {0};
        assert_int_equal(store_sqlite.open(with, &s, &e), writer == ERROR_NONE);
        assert_int_equal(e.kind, writer);
        store_sqlite.close(s);
        e = (struct error){0};
        assert_int_equal(store_sqlite.reader_open(with, &r, &e), reader == ERROR_NONE);
        assert_int_equal(e.kind, reader);
        store_sqlite.reader_close(r);
}

/* --- versions --- */

static void test_newer_schema(void **state)
{
        (void)state;
        fill(1, 10);
        exec("PRAGMA user_version = 99");
        size_t before_n, after_n;
        char *before = file_bytes(&before_n);
        expect_open(&settings, ERROR_VERSION, ERROR_VERSION);
        char *after = file_bytes(&after_n);
        assert_int_equal(before_n, after_n);
        assert_memory_equal(before, after, before_n);
        free(before);
        free(after);
}

static void test_migration(void **state)
{
        (void)state;
        const struct migration good[] = {{"first", sqlite_schema[0].sql}, {"0002", "CREATE TABLE more (x); INSERT INTO more VALUES (42);"}};
        const struct migration bad[] = {{"first", sqlite_schema[0].sql},
                                        {"0002", "CREATE TABLE half (x); INSERT INTO nothing VALUES (1);"}};
        fill(2, 500);
        struct connection c;
        struct error e;
        assert_true(sqlite_connect(&settings, true, &c, &e));
        assert_false(sqlite_migrate(&c, bad, 2, &e));
        assert_non_null(strstr(e.text, "schema 2"));
        assert_int_equal(sqlite3_exec(c.db, "SELECT x FROM half", NULL, NULL, NULL), SQLITE_ERROR);
        assert_true(sqlite_migrate(&c, good, 2, &e));
        assert_true(sqlite_migrate(&c, good, 2, &e));
        assert_int_equal(sqlite3_exec(c.db, "SELECT x FROM more", NULL, NULL, NULL), SQLITE_OK);
        sqlite_disconnect(&c);
        expect_open(&settings, ERROR_VERSION, ERROR_VERSION); /* this version does not know the second step */
        exec("PRAGMA user_version = 1; DROP TABLE more");
        struct store_reader *r;
        assert_true(store_sqlite.reader_open(&settings, &r, &e));
        assert_int_equal(suite_count(&store_sqlite, r, UID_A, 0), 200);
        store_sqlite.reader_close(r);
}

static void test_history_has_the_columns_of_node(void **state)
{
        (void)state;
        fill(1, 10);
        struct connection c;
        struct error e;
        assert_true(sqlite_connect(&settings, true, &c, &e));
        sqlite3_stmt *q;
        static const char sql[] =
                "SELECT count(*), (SELECT count(*) FROM pragma_table_info('node') JOIN pragma_table_info('history') USING (name, type)) "
                "FROM pragma_table_info('node')";
        assert_int_equal(sqlite3_prepare_v2(c.db, sql, -1, &q, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        assert_true(sqlite3_column_int(q, 0) > 30);
        assert_int_equal(sqlite3_column_int(q, 0), sqlite3_column_int(q, 1));
        sqlite3_finalize(q);
        sqlite_disconnect(&c);
}

/* A copy made while another thread commits: some commit of it, whole. */
struct writing { struct store *s; atomic_bool end; };
static void *keep_writing(void *user)
{
        struct writing *w = user;
        struct error e;
        for (uint32_t i = 1; !atomic_load(&w->end) && i < 100000; i++)
                if (!put(w->s, 1, 100, 16 + i % 200, &e)) /* all hundred nodes again, with another length */
                        abort();
        return NULL;
}

static bool same_length(void *user, const struct node_row *row)
{
        size_t *length = user;
        assert_true(*length == 0 || row->message.n == *length);
        *length = row->message.n;
        return true;
}

static void test_backup(void **state)
{
        (void)state;
        struct error e = {0};
        fill(1, 16);
        struct writing w = {.s = suite_open(&store_sqlite, &settings)};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, keep_writing, &w), 0);
        uint64_t last = 0;
        for (int i = 0; i < 8; i++) {
                char path[120];
                snprintf(path, sizeof path, "%s/copy-%d.db", place.folder, i);
                struct store_settings copy = settings;
                copy.path = str_from(path);
                if (!store_sqlite.backup(&settings, copy.path, &e))
                        fail_msg("%s", e.text);
                assert_false(store_sqlite.backup(&settings, copy.path, &e)); /* never over what is there */
                assert_int_equal(e.kind, ERROR_CONFLICT);
                struct stat st;
                assert_int_equal(stat(path, &st), 0);
                assert_int_equal(st.st_mode & 0777, 0600);
                struct store *s = suite_open(&store_sqlite, &copy); /* it is a database like any other, and goes on */
                struct store_reader *r;
                uint64_t seq = 0;
                size_t length = 0;
                assert_true(store_sqlite.reader_open(&copy, &r, &e));
                assert_true(store_sqlite.seq(r, &seq, &e));
                assert_true(seq >= last);
                assert_true(store_sqlite.nodes(r, STR(UID_A), 0, same_length, &length, &e));
                assert_int_equal(suite_count(&store_sqlite, r, UID_A, 0), 100);
                last = seq;
                assert_true(put(s, 1, 1, 16, &e));
                store_sqlite.reader_close(r);
                store_sqlite.close(s);
        }
        atomic_store(&w.end, true);
        pthread_join(thread, NULL);
        store_sqlite.close(w.s);
        struct store_settings nowhere = settings;
        nowhere.path = STR("/nonexistent/weft.db");
        assert_false(store_sqlite.backup(&nowhere, STR("/nonexistent/copy.db"), &e));
        assert_false(store_sqlite.backup(&settings, STR("/nonexistent/copy.db"), &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
}

/* --- files that are not as they should be --- */

static void test_other_files(void **state)
{
        (void)state;
        struct store_settings none = settings;
        none.create = false;
        expect_open(&none, ERROR_NOT_FOUND, ERROR_NOT_FOUND);
        none.path = str_from(place.folder);
        expect_open(&none, ERROR_IO, ERROR_IO);
        FILE *out = fopen(place.path, "w");
        for (int i = 0; i < 1000; i++)
                fputs("this is a text of somebody's, and no database\n", out);
        fclose(out);
        expect_open(&settings, ERROR_CORRUPT, ERROR_CORRUPT);
        unlink(place.path);
        exec("CREATE TABLE theirs (x)");
        expect_open(&settings, ERROR_CONFLICT, ERROR_CONFLICT);
}

static void test_empty_file(void **state)
{
        (void)state;
        close(open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        struct store_reader *r = NULL;
        struct error e;
        assert_false(store_sqlite.reader_open(&settings, &r, &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
        fill(1, 10); /* as after a crash right after the file was made */
}

static void test_damaged_file(void **state)
{
        (void)state;
        fill_file(30, 200);
        struct stat st;
        assert_int_equal(stat(place.path, &st), 0);
        char garbage[4096];
        memset(garbage, 0x5a, sizeof garbage);
        for (off_t at = 4096 * 100; /* behind the schema and the first page of every table */ at + 4096 < st.st_size; at += 4096 * 2)
                write_at(at, garbage, sizeof garbage);
        struct store_reader *r = NULL;
        struct error e = {0};
        assert_true(store_sqlite.reader_open(&settings, &r, &e));
        struct node_row row;
        _cleanup_arena_ struct arena *a = arena_new();
        bool found, good = true;
        for (uint32_t no = 1; no <= 3000 && good; no++)
                good = store_sqlite.node(r, STR(UID_A), no, a, &found, &row, &e);
        assert_false(good);
        assert_int_equal(e.kind, ERROR_CORRUPT);
        assert_non_null(strstr(e.text, place.path));
        store_sqlite.reader_close(r);
}

static void test_damaged_value(void **state)
{
        (void)state;
        fill_file(1, 1000);
        size_t n;
        char *bytes = file_bytes(&n);
        char *at = memmem(bytes, n, "000000000000042", 15);
        assert_non_null(at);
        write_at(at + 100 - bytes, "?", 1);
        free(bytes);
        struct store_reader *r = NULL;
        struct error e = {0};
        struct node_row row;
        bool found;
        _cleanup_arena_ struct arena *a = arena_new();
        assert_true(store_sqlite.reader_open(&settings, &r, &e));
        assert_true(store_sqlite.node(r, STR(UID_A), 41, a, &found, &row, &e));
        assert_int_equal(row.message.n, 1000);
        assert_false(store_sqlite.node(r, STR(UID_A), 42, a, &found, &row, &e));
        assert_int_equal(e.kind, ERROR_CORRUPT);
        store_sqlite.reader_close(r);
}

/* --- the world around the file. Each in a process of its own, because it changes what that may do. --- */

static void in_child(void (*f)(void))
{
        pid_t child = fork();
        if (child == 0) {
                f();
                fflush(NULL);
                _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

#define REQUIRE(x)                                                                                                                         \
        do {                                                                                                                               \
                if (!(x)) {                                                                                                                \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                                            \
                        _exit(1);                                                                                                          \
                }                                                                                                                          \
        } while (0)

static bool count_node(void *user, const struct node_row *row)
{
        (void)row;
        ++*(size_t *)user;
        return true;
}

static void folder_is_read_only(void)
{
        REQUIRE(geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        struct store *s = NULL;
        struct store_reader *r = NULL;
        struct error e = {0};
        size_t n = 0;
        REQUIRE(!store_sqlite.open(&settings, &s, &e));
        REQUIRE(e.kind == ERROR_DENIED && strstr(e.text, "--data"));
        REQUIRE(store_sqlite.reader_open(&settings, &r, &e));
        REQUIRE(store_sqlite.nodes(r, STR(UID_A), 0, count_node, &n, &e));
        REQUIRE(n == 300);
        store_sqlite.reader_close(r);
}

static void make_read_only(void)
{
        static const char *const names[] = {"", "-wal", "-shm"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                char path[128];
                snprintf(path, sizeof path, "%s%s", place.path, names[i]);
                if (chmod(path, 0444) != 0)
                        assert_int_equal(errno, ENOENT);
        }
        chmod(place.folder, 0555);
}

static bool log_is_there(const char *suffix)
{
        char path[128];
        snprintf(path, sizeof path, "%s%s", place.path, suffix);
        return access(path, F_OK) == 0;
}

static void test_read_only_folder(void **state)
{
        (void)state;
        fill_file(3, 100);
        assert_false(log_is_there("-wal"));
        make_read_only();
        in_child(folder_is_read_only);
}

static void test_read_only_folder_with_log(void **state)
{
        (void)state;
        fill(3, 100);
        assert_true(log_is_there("-wal"));
        make_read_only();
        in_child(folder_is_read_only);
}

static void log_cannot_be_used(void)
{
        REQUIRE(geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        struct store_reader *r = NULL;
        struct error e = {0};
        REQUIRE(!store_sqlite.reader_open(&settings, &r, &e));
        REQUIRE(e.kind == ERROR_DENIED && strstr(e.text, "--data"));
}

/* What is only in the log is never left out in silence. */
static void test_read_only_folder_with_log_alone(void **state)
{
        (void)state;
        fill(3, 100);
        char path[128];
        snprintf(path, sizeof path, "%s-shm", place.path);
        unlink(path);
        make_read_only();
        in_child(log_cannot_be_used);
}

static void folder_cannot_be_written(void)
{
        REQUIRE(geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        struct store *s = NULL;
        struct error e = {0};
        REQUIRE(!store_sqlite.open(&settings, &s, &e));
        REQUIRE(e.kind == ERROR_DENIED);
}

static void test_create_denied(void **state)
{
        (void)state;
        chmod(place.folder, 0555);
        in_child(folder_cannot_be_written);
}

static size_t fill_up(struct store *s, struct error *e)
{
        size_t commits = 0;
        while (commits < 1000 && put(s, (uint32_t)commits * 100 + 1, 100, 900, e))
                commits++;
        return commits;
}

/* A full disk: what was committed stays, and when there is room again it goes on with the next number. */
static void disk_is_full(void (*room)(void))
{
        struct error e = {0};
        struct store *s = NULL;
        struct store_reader *r = NULL;
        size_t n = 0;
        uint64_t seq = 0;
        REQUIRE(store_sqlite.open(&settings, &s, &e));
        size_t commits = fill_up(s, &e);
        REQUIRE(commits > 0 && commits < 1000);
        if (e.kind != ERROR_FULL)
                fprintf(stderr, "%s\n", e.text);
        REQUIRE(e.kind == ERROR_FULL);
        REQUIRE(!put(s, 1, 100, 901, &e) && e.kind == ERROR_FULL);
        REQUIRE(store_sqlite.reader_open(&settings, &r, &e));
        REQUIRE(store_sqlite.nodes(r, STR(UID_A), 0, count_node, &n, &e));
        REQUIRE(n == commits * 100);
        room();
        REQUIRE(put(s, (uint32_t)commits * 100 + 1, 100, 900, &e));
        REQUIRE(store_sqlite.seq(r, &seq, &e));
        REQUIRE(seq == commits + 1);
        store_sqlite.reader_close(r);
        store_sqlite.close(s);
}

static void limit_file_size(rlim_t bytes)
{
        struct rlimit limit;
        REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
        limit.rlim_cur = bytes;
        REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void lift_limit(void) { limit_file_size(RLIM_INFINITY); }

static void file_size_is_limited(void)
{
        signal(SIGXFSZ, SIG_IGN);
        limit_file_size(2 << 20);
        disk_is_full(lift_limit);
}

static void test_file_size_limit(void **state)
{
        (void)state;
        in_child(file_size_is_limited);
}

static char ballast[128];

static void remove_ballast(void) { unlink(ballast); }

static bool write_file(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        if (fd >= 0)
                close(fd);
        return good;
}

/* Root of a namespace, or of the machine. */
static bool own_mounts(void)
{
        char map[32];
        snprintf(map, sizeof map, "0 %u 1", geteuid());
        if (geteuid() == 0)
                return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
        return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/uid_map", map);
}

static void small_disk(void)
{
        if (!own_mounts() || mount("none", place.folder, "tmpfs", 0, "size=6m") != 0) {
                fprintf(stderr, "no mount namespaces here: a really full disk is not tried\n");
                return;
        }
        snprintf(ballast, sizeof ballast, "%s/ballast", place.folder);
        int fd = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        REQUIRE(posix_fallocate(fd, 0, 3 << 20) == 0);
        close(fd);
        disk_is_full(remove_ballast);
}

static void test_full_disk(void **state)
{
        (void)state;
        in_child(small_disk);
}

/* --- the wrapper --- */

static void test_faults(void **state)
{
        (void)state;
        struct store *s = suite_open(&store_faulty, &settings);
        struct run_row run = suite_run(UID_A, "a");
        const struct run_row *runs[] = {&run};
        struct commit c = {.runs = runs, .runs_n = 1};
        struct error e;
        uint64_t seq;
        store_faulty_plan(&(struct faulty_plan){.operations = FAULTY_COMMIT, .nth = 2, .kind = ERROR_FULL});
        assert_int_equal(suite_commit(&store_faulty, s, &c), 1);
        assert_false(store_faulty.commit(s, &c, &seq, &e));
        assert_int_equal(e.kind, ERROR_FULL);
        assert_int_equal(suite_commit(&store_faulty, s, &c), 2);
        assert_int_equal(store_faulty_count(), 3);
        store_faulty_plan(&(struct faulty_plan){.operations = FAULTY_COMMIT, .nth = 1, .after = true, .times = 2});
        assert_false(store_faulty.commit(s, &c, &seq, &e));
        assert_false(store_faulty.commit(s, &c, &seq, &e));
        assert_int_equal(e.kind, ERROR_IO);
        assert_int_equal(suite_commit(&store_faulty, s, &c), 5);
        store_faulty_plan(
                &(struct faulty_plan){.operations = FAULTY_READ | FAULTY_OPEN, .nth = 1, .times = UINT64_MAX, .kind = ERROR_BUSY});
        struct store_reader *r;
        struct store *other;
        assert_false(store_faulty.reader_open(&settings, &r, &e));
        assert_false(store_faulty.open(&settings, &other, &e));
        assert_int_equal(e.kind, ERROR_BUSY);
        store_faulty.close(s);
}

/* A batch that fails half way leaves nothing, in the file or in what the writer remembers. */
static void test_failed_batch(void **state)
{
        (void)state;
        struct store *s = suite_open(&store_sqlite, &settings);
        struct error e;
        assert_true(put(s, 1, 10, 1000, &e));
        struct node_row good = suite_node(50), orphan = suite_node(51);
        char text[600];
        memset(text, 'q', sizeof text);
        good.message = (struct str){text, sizeof text};
        struct commit_node nodes[] = {{STR(UID_A), &good}, {STR("nobody"), &orphan}};
        uint64_t seq;
        assert_false(store_sqlite.commit(s, &(struct commit){.nodes = nodes, .nodes_n = 2}, &seq, &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
        /* The value of the failed batch must not be taken for stored. */
        assert_true(store_sqlite.commit(s, &(struct commit){.nodes = nodes, .nodes_n = 1}, &seq, &e));
        assert_int_equal(seq, 2);
        struct store_reader *r;
        struct node_row row;
        bool found;
        _cleanup_arena_ struct arena *a = arena_new();
        assert_true(store_sqlite.reader_open(&settings, &r, &e));
        assert_true(store_sqlite.node(r, STR(UID_A), 50, a, &found, &row, &e));
        assert_true(str_eq(row.message, good.message));
        store_sqlite.reader_close(r);
        store_sqlite.close(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_backup), TEST(test_newer_schema),    TEST(test_migration),        TEST(test_history_has_the_columns_of_node),
                TEST(test_other_files),     TEST(test_empty_file),       TEST(test_damaged_file),
                TEST(test_damaged_value),   TEST(test_read_only_folder), TEST(test_create_denied),
                TEST(test_read_only_folder_with_log), TEST(test_read_only_folder_with_log_alone),
                TEST(test_file_size_limit), TEST(test_full_disk),        TEST(test_faults),
                TEST(test_failed_batch),
        };
        int failed = store_suite(&store_sqlite);
        failed += store_suite(&store_faulty);
        failed += store_lists_suite(&store_sqlite) + store_lists_suite(&store_faulty);
        return failed + cmocka_run_group_tests_name("sqlite alone", tests, NULL, NULL);
}
