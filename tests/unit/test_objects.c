#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "objects/faulty.h"
#include "objects/tree.h"

static const struct objects_ops *ops;
static char folder[64];
static struct objects *o;
static int work; /* a folder beside, for what goes in and comes out */

#define ABC_DIGEST "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void open_it(void)
{
        char root[96];
        struct error e;
        snprintf(root, sizeof root, "%s/objects", folder);
        if (!ops->open(&(struct objects_settings){.folder = str_from(root), .unsafe_no_sync = true}, &o, &e))
                fail_msg("%s", e.text);
}

static int setup(void **state)
{
        ops = *state;
        objects_faulty_plan(&(struct objects_plan){0});
        snprintf(folder, sizeof folder, "/tmp/weft-objects-XXXXXX");
        assert_non_null(mkdtemp(folder));
        work = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        open_it();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        ops->close(o);
        close(work);
        assert_true(tree_remove(AT_FDCWD, folder));
        return 0;
}

static const char *path(const char *name)
{
        static char paths[4][256];
        static int at;
        at = (at + 1) % 4;
        snprintf(paths[at], sizeof paths[at], "%s/%s", folder, name);
        return paths[at];
}

static void write_file(const char *name, const char *text, mode_t mode)
{
        int fd = openat(work, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void expect_file(const char *name, const char *text)
{
        char bytes[256] = {0};
        int fd = openat(work, name, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, bytes, sizeof bytes - 1), strlen(text));
        assert_string_equal(bytes, text);
        close(fd);
}

static struct object_info put(const char *key, const char *name)
{
        struct object_info info;
        struct error e;
        if (!ops->put(o, str_from(key), path(name), &info, &e))
                fail_msg("%s", e.text);
        return info;
}

static void expect_nothing_staged(void)
{
        DIR *d = opendir(path("objects/.weft-new"));
        assert_non_null(d);
        for (struct dirent *x; (x = readdir(d));)
                assert_int_equal(x->d_name[0], '.');
        closedir(d);
}

static bool exists(const char *key)
{
        bool found;
        struct error e;
        assert_true(ops->exists(o, str_from(key), &found, &e));
        return found;
}

static void test_file(void **state)
{
        (void)state;
        struct error e;
        struct object_info info;
        bool found;
        int fd;
        char bytes[8] = {0};
        write_file("in", "abc", 0700);
        info = put("runs/1/model.bin", "in");
        assert_string_equal(info.digest, ABC_DIGEST);
        assert_int_equal(info.size_bytes, 3);
        assert_false(info.is_folder);
        assert_true(ops->stat(o, STR("runs/1/model.bin"), &found, &info, &e));
        assert_true(found);
        assert_string_equal(info.digest, ABC_DIGEST);
        assert_true(ops->read(o, STR("runs/1/model.bin"), &fd, &e));
        write_file("in", "other", 0600);
        put("runs/1/model.bin", "in");
        assert_int_equal(read(fd, bytes, sizeof bytes), 3); /* the old one: it was open */
        close(fd);
        assert_true(ops->get(o, STR("runs/1/model.bin"), path("out"), &e));
        expect_file("out", "other");
        assert_false(ops->get(o, STR("runs/1/model.bin"), path("out"), &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
        expect_file("out", "other");
}

/* Stands in for the C library's: notes what is brought to disk. */
static char synced[32][256];
static size_t synced_n;

int fsync(int fd)
{
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (synced_n < 32) {
                ssize_t n = readlink(link, synced[synced_n], sizeof *synced - 1);
                synced[synced_n++][n > 0 ? n : 0] = 0;
        }
        return (int)syscall(SYS_fsync, fd);
}

static bool was_synced(const char *name)
{
        for (size_t i = 0; i < synced_n; i++)
                if (strcmp(synced[i], path(name)) == 0)
                        return true;
        return false;
}

/* Not the content only: each folder that was made for it is an entry that a power cut could take. */
static void test_on_disk(void **state)
{
        (void)state;
        struct error e;
        struct object_info info;
        struct objects *real;
        write_file("in", "abc", 0600);
        synced_n = 0;
        put("x", "in");
        assert_int_equal(synced_n, 0); /* as the test's setting says */
        assert_true(ops->open(&(struct objects_settings){.folder = str_from(path("objects"))}, &real, &e));
        assert_true(ops->put(real, STR("runs/1/a"), path("in"), &info, &e));
        assert_non_null(strstr(synced[0], ".weft-new/"));
        assert_true(was_synced("objects/runs/1") && was_synced("objects/runs") && was_synced("objects"));
        ops->close(real);
}

static void make_tree(const char *name, bool reverse)
{
        char at[64];
        mkdirat(work, name, 0755);
        snprintf(at, sizeof at, "%s/sub", name);
        mkdirat(work, at, 0755);
        for (int i = 0; i < 20; i++) {
                snprintf(at, sizeof at, "%s/sub/%d", name, reverse ? 19 - i : i);
                write_file(at, "abc", 0600);
        }
        snprintf(at, sizeof at, "%s/run.sh", name);
        write_file(at, "exit 0", 0755);
        snprintf(at, sizeof at, "%s/link", name);
        assert_int_equal(symlinkat("sub/1", work, at), 0);
}

static void test_folder(void **state)
{
        (void)state;
        struct error e;
        struct stat st;
        bool found;
        make_tree("one", false);
        make_tree("two", true);
        struct object_info one = put("a/tree", "one"), two = put("b/tree", "two"), there;
        assert_true(one.is_folder);
        assert_int_equal(one.size_bytes, 66);
        assert_string_equal(one.digest, two.digest);
        assert_true(ops->get(o, STR("a/tree"), path("out"), &e));
        expect_file("out/sub/7", "abc");
        assert_int_equal(fstatat(work, "out/run.sh", &st, 0), 0);
        assert_true(st.st_mode & 0100);
        assert_int_equal(fstatat(work, "out/link", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISLNK(st.st_mode));
        /* A name, a target, a mode: each makes another digest. */
        unlinkat(work, "two/link", 0);
        assert_int_equal(symlinkat("sub/2", work, "two/link"), 0);
        two = put("b/tree", "two");
        assert_string_not_equal(one.digest, two.digest);
        assert_true(ops->stat(o, STR("b/tree"), &found, &there, &e));
        assert_string_equal(there.digest, two.digest);
        /* A file takes the place of a folder, whole. */
        write_file("in", "abc", 0600);
        put("a/tree", "in");
        assert_true(ops->stat(o, STR("a/tree"), &found, &there, &e));
        assert_string_equal(there.digest, ABC_DIGEST);
        assert_false(ops->put(o, STR("a/tree/below"), path("in"), &there, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
}

static void test_remove(void **state)
{
        (void)state;
        struct error e;
        write_file("in", "abc", 0600);
        make_tree("one", false);
        put("runs/1/a", "in");
        put("runs/1/b", "one");
        put("runs/10/a", "in");
        assert_true(ops->remove(o, STR("runs/1/b"), &e));
        assert_false(exists("runs/1/b"));
        assert_true(exists("runs/1/a"));
        assert_true(ops->remove(o, STR("runs/1"), &e));
        assert_true(ops->remove(o, STR("runs/1"), &e));
        assert_true(ops->remove(o, STR("never/was"), &e));
        assert_false(exists("runs/1/a"));
        assert_true(exists("runs/10/a"));
        expect_nothing_staged();
}

static void test_bad_keys(void **state)
{
        (void)state;
        static const struct str keys[] = {STR_NONE,      {"/a", 2}, {"a/", 2},   {"a//b", 4},        {"..", 2},
                                          {"a/../b", 6}, {".", 1},  {"a\0b", 3}, {".weft-new/x", 11}};
        char endless[2000];
        struct error e;
        struct object_info info;
        bool found;
        int fd;
        write_file("in", "abc", 0600);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                assert_false(ops->put(o, keys[i], path("in"), &info, &e));
                assert_int_equal(e.kind, ERROR_INVALID);
                assert_false(ops->get(o, keys[i], path("out"), &e));
                assert_false(ops->read(o, keys[i], &fd, &e));
                assert_false(ops->remove(o, keys[i], &e));
                assert_false(ops->exists(o, keys[i], &found, &e));
        }
        memset(endless, 'a', sizeof endless);
        assert_false(ops->exists(o, (struct str){endless, 256}, &found, &e));
        assert_true(ops->exists(o, (struct str){endless, 255}, &found, &e));
        for (size_t i = 100; i < sizeof endless; i += 100)
                endless[i] = '/';
        assert_false(ops->put(o, (struct str){endless, sizeof endless}, path("in"), &info, &e));
}

static void test_bad_content(void **state)
{
        (void)state;
        struct error e;
        struct object_info info;
        int fd;
        assert_false(ops->put(o, STR("k"), path("missing"), &info, &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
        make_tree("one", false);
        assert_int_equal(mkfifoat(work, "one/pipe", 0600), 0);
        assert_false(ops->put(o, STR("k"), path("one"), &info, &e));
        assert_int_equal(e.kind, ERROR_INVALID);
        assert_non_null(strstr(e.text, "pipe"));
        assert_false(exists("k"));
        expect_nothing_staged();
        assert_false(ops->get(o, STR("k"), path("out"), &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
        assert_false(ops->read(o, STR("k"), &fd, &e));
        assert_int_equal(e.kind, ERROR_NOT_FOUND);
        unlinkat(work, "one/pipe", 0);
        put("k", "one");
        assert_false(ops->read(o, STR("k"), &fd, &e));
        assert_int_equal(e.kind, ERROR_CONFLICT);
}

/* A link in the folder of objects leads nowhere. */
static void test_no_links(void **state)
{
        (void)state;
        struct error e;
        struct object_info info;
        int fd;
        mkdirat(work, "outside", 0755);
        write_file("outside/secret", "abc", 0600);
        write_file("in", "abc", 0600);
        assert_int_equal(symlinkat("../outside", work, "objects/way"), 0);
        assert_false(ops->put(o, STR("way/x"), path("in"), &info, &e));
        assert_false(ops->read(o, STR("way/secret"), &fd, &e));
        assert_true(ops->remove(o, STR("way"), &e));
        expect_file("outside/secret", "abc");
}

struct replacing {
        atomic_bool end;
};

static void *replace_all_the_time(void *user)
{
        struct replacing *r = user;
        struct error e;
        struct object_info info;
        for (int i = 0; !atomic_load(&r->end); i++)
                if (!ops->put(o, STR("hot"), path(i % 2 ? "a" : "b"), &info, &e))
                        abort();
        return NULL;
}

/* Whoever reads while it is replaced sees one of both, whole. */
static void test_replaced_at_once(void **state)
{
        (void)state;
        struct replacing r = {0};
        pthread_t thread;
        char *bytes = malloc(300001);
        memset(bytes, 'a', 300000);
        bytes[300000] = 0;
        write_file("a", bytes, 0600);
        memset(bytes, 'b', 300000);
        write_file("b", bytes, 0600);
        put("hot", "a");
        assert_int_equal(pthread_create(&thread, NULL, replace_all_the_time, &r), 0);
        for (int i = 0; i < 100; i++) {
                int fd;
                struct error e;
                assert_true(ops->read(o, STR("hot"), &fd, &e));
                assert_int_equal(read(fd, bytes, 300000), 300000);
                assert_int_equal(bytes[0], bytes[299999]);
                close(fd);
        }
        atomic_store(&r.end, true);
        pthread_join(thread, NULL);
        free(bytes);
}

static void test_leftovers(void **state)
{
        (void)state;
        pid_t child = fork();
        if (child == 0) {
                char at[96];
                snprintf(at, sizeof at, "%s/objects/.weft-new/%ld-0", folder, (long)getpid());
                _exit(mkdir(at, 0700) != 0);
        }
        int status;
        waitpid(child, &status, 0);
        assert_int_equal(status, 0);
        ops->close(o);
        open_it();
        expect_nothing_staged();
}

/* A failure says so, sets nothing and leaves what was there; trying again does it, also when it had been done and only the answer was lost. */
static void test_faults(void **state)
{
        (void)state;
        struct error e;
        struct object_info info = {.size_bytes = -7};
        bool found = true;
        int fd = -7;
        write_file("in", "abc", 0600);
        put("k", "in");
        write_file("in", "other", 0600);
        for (int after = 0; after < 2; after++) {
                objects_faulty_plan(&(struct objects_plan){.operations = OBJECTS_PUT, .nth = 1, .times = 2, .kind = ERROR_FULL, .after = after});
                for (int i = 0; i < 2; i++) {
                        assert_false(ops->put(o, STR("k"), path("in"), &info, &e));
                        assert_int_equal(e.kind, ERROR_FULL);
                        assert_int_equal(info.size_bytes, -7);
                }
                ops->get(o, STR("k"), path("out"), &e);
                expect_file("out", after ? "other" : "abc");
                unlinkat(work, "out", 0);
        }
        assert_int_equal(put("k", "in").size_bytes, 5);
        expect_nothing_staged();
        objects_faulty_plan(&(struct objects_plan){.operations = OBJECTS_GET | OBJECTS_READ | OBJECTS_LOOK, .nth = 1, .times = 4});
        assert_false(ops->get(o, STR("k"), path("out"), &e));
        assert_int_equal(faccessat(work, "out", F_OK, 0), -1);
        assert_false(ops->read(o, STR("k"), &fd, &e));
        assert_int_equal(fd, -7);
        assert_false(ops->stat(o, STR("k"), &found, &info, &e));
        assert_false(ops->exists(o, STR("k"), &found, &e));
        assert_true(found && info.size_bytes == -7);
        assert_true(ops->get(o, STR("k"), path("out"), &e));
        for (int after = 0; after < 2; after++) {
                objects_faulty_plan(&(struct objects_plan){.operations = OBJECTS_REMOVE, .nth = 1, .after = after});
                assert_false(ops->remove(o, STR("k"), &e));
                assert_int_equal(exists("k"), !after);
        }
        assert_true(ops->remove(o, STR("k"), &e));
        struct objects *other = NULL;
        objects_faulty_plan(&(struct objects_plan){.operations = OBJECTS_OPEN, .nth = 1});
        assert_false(ops->open(&(struct objects_settings){.folder = str_from(path("objects")), .unsafe_no_sync = true}, &other, &e));
        assert_null(other);
}

int main(void)
{
        /* Each back end passes all of it; the wrapper without a plan too. */
#define TEST(f, ops) {#f " (" #ops ")", f, setup, teardown, (void *)&(ops)}
#define SUITE(ops)                                                                                                                          \
        TEST(test_file, ops), TEST(test_folder, ops), TEST(test_remove, ops), TEST(test_on_disk, ops), TEST(test_bad_keys, ops), TEST(test_bad_content, ops),        \
                TEST(test_no_links, ops), TEST(test_replaced_at_once, ops), TEST(test_leftovers, ops)
        const struct CMUnitTest tests[] = {SUITE(objects_folder), SUITE(objects_faulty), TEST(test_faults, objects_faulty)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
