/* The process executor against real processes: each test has a data folder and a shepherd of its own. */
#include "base/buf.h"
#include "executor_fixture.h"
#include "executor/process/process.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct fixture *f;

static int with(const char *isolation)
{
        f = fixture_new(isolation);
        return 0;
}

static int none(void **state) { (void)state; return with("none"); }
static int private(void **state) { (void)state; return with("private"); }
static int sandbox(void **state) { (void)state; return with("sandbox"); }
static int after(void **state)
{
        (void)state;
        fixture_free(f);
        return 0;
}

static void put(const char *path, const char *text)
{
        FILE *out = fopen(path, "we");
        assert_non_null(out);
        fputs(text, out);
        fclose(out);
}

static const char *under(const char *name) { return arena_printf(f->arena, "%s/%s", f->folder, name).p; }

static void assert_str(struct str s, const char *text) { assert_string_equal(arena_cstr(f->arena, s), text); }
static void assert_has(struct str s, const char *text)
{
        if (str_find(s, str_from(text), 0) == SIZE_MAX)
                fail_msg("'%s' is not in '%.*s'", text, STR_FMT(s));
}

static bool alive(int pid)
{
        char path[64], text[512] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        (void)!read(fd, text, sizeof text - 1);
        close(fd);
        const char *p = strrchr(text, ')');
        return p && p[2] != 'Z' && p[2] != 'X';
}

static int pid_from(const char *path) /* waits until a task has written one there */
{
        for (int i = 0; i < 6000; i++) {
                FILE *in = fopen(path, "re");
                int pid = 0, n = in ? fscanf(in, "%d\n", &pid) : 0;
                if (in)
                        fclose(in);
                if (n == 1)
                        return pid;
                fixture_run_ms(f, 10);
        }
        fail_msg("nothing was written to %s", path);
        return 0;
}

/* ---- running ---- */

static void exit_codes(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, "exit 0");
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.end, TASK_EXITED);
        assert_int_equal(o->o.exit_code, 0);
        assert_int_equal(o->started, 1);
        assert_true(o->o.started_at.us > 0 && o->o.finished_at.us >= o->o.started_at.us);
        assert_true(o->o.cpu_us >= 0 && o->o.rss_max_bytes > 0);
        s = fixture_sh(f, "exit 7");
        assert_int_equal(fixture_run(f, 2, &s)->o.exit_code, 7);
        s = fixture_sh(f, "kill -SEGV $$");
        o = fixture_run(f, 3, &s);
        assert_int_equal(o->o.end, TASK_EXITED);
        assert_int_equal(o->o.signal, SIGSEGV);
        assert_int_equal(o->o.exit_code, 128 + SIGSEGV);
}

static void starting_twice_runs_once(void **state)
{
        (void)state;
        const char *mark = under("mark");
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "echo x >> %s; exit 3", mark).p);
        fixture_start(f, 1, &s);
        fixture_start(f, 1, &s);
        fixture_wait(f, 1);
        int before = fixture_seen(f, 1)->ended;
        fixture_start(f, 1, &s);
        fixture_run_ms(f, 300);
        assert_true(fixture_seen(f, 1)->ended > before);
        assert_int_equal(fixture_seen(f, 1)->o.exit_code, 3);
        struct stat st;
        assert_int_equal(stat(mark, &st), 0);
        assert_int_equal(st.st_size, 2);
}

static void slots_are_a_limit(void **state)
{
        (void)state;
        fixture_close(f);
        f->set.slots = 2;
        fixture_open(f);
        struct task_spec s = fixture_sh(f, "sleep 0.3");
        struct error e = {0};
        struct attempt_id third = fixture_id(3);
        fixture_start(f, 1, &s);
        fixture_start(f, 2, &s);
        assert_false(executor_process.start(f->x, &third, &s, &e));
        assert_int_equal(e.kind, ERROR_BUSY);
        fixture_wait(f, 1);
        fixture_wait(f, 2);
        assert_int_equal(fixture_run(f, 3, &s)->o.exit_code, 0);
}

static void environment_is_clean(void **state)
{
        (void)state;
        setenv("WEFT_TEST_SECRET_OF_THE_OWNER", "x", 1);
        struct env_var v[] = {{STR("GIVEN"), STR("a b=c\n\"d"), false}, {STR("LANG"), STR("de_DE"), false}};
        struct task_spec s = fixture_sh(f, "[ -z \"$WEFT_TEST_SECRET_OF_THE_OWNER\" ] || exit 1; printf '%s|%s' \"$GIVEN\" \"$LANG\"; [ -d \"$HOME\" ] && [ -d \"$TMPDIR\" ] && "
                                           "[ -w . ] || exit 2; read x && exit 3; exit 0");
        s.env = v;
        s.env_n = 2;
        s.wants_result = true;
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.exit_code, 0);
        assert_str(o->o.result.content, "a b=c\n\"d|de_DE");
}

static void no_such_command(void **state)
{
        (void)state;
        struct str argv[] = {STR("no-such-program-here")};
        struct task_spec s = {.command = argv, .command_n = 1, .image = STR("alpine:3")};
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.end, TASK_NOT_RUN);
        assert_has(o->o.message, "no-such-program-here");
        assert_has(o->o.message, "/usr/bin"); /* where it looked */
        struct task_spec bare = {.image = STR("example/trainer:1")};
        o = fixture_run(f, 2, &bare);
        assert_int_equal(o->o.end, TASK_NOT_RUN);
        assert_has(o->o.message, "example/trainer:1");
        assert_has(o->o.message, "executor.process.images");
        put(under("not-a-program"), "neither binary nor script");
        chmod(under("not-a-program"), 0755);
        argv[0] = str_from(under("not-a-program"));
        o = fixture_run(f, 3, &s);
        assert_int_equal(o->o.end, TASK_NOT_RUN);
        assert_has(o->o.message, "not-a-program");
        s = fixture_sh(f, "true");
        s.workdir = STR("/no/such/folder");
        o = fixture_run(f, 4, &s);
        assert_true(o->o.end == TASK_NOT_RUN || o->o.exit_code == 0);
        if (o->o.end == TASK_NOT_RUN)
                assert_has(o->o.message, "/no/such/folder");
}

static void image_map(void **state)
{
        (void)state;
        fixture_close(f);
        f->set.images = STR("[{\"pattern\": \"example/*:1\", \"entrypoint\": [\"/bin/sh\", \"-c\"], \"env\": {\"FROM_MAP\": \"m\"}}]");
        fixture_open(f);
        struct str args[] = {STR("printf '%s' \"$FROM_MAP\"")};
        struct task_spec s = {.image = STR("example/trainer:1"), .args = args, .args_n = 1, .wants_result = true};
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.end, TASK_EXITED);
        assert_str(o->o.result.content, "m");
        fixture_close(f);
        f->set.images = STR("[{\"pattern\": \"example/*\", \"path\": \"/no/such/tools\"}]"); /* in front of PATH, not in its place */
        fixture_open(f);
        struct str argv[] = {STR("sh"), STR("-c"), STR("printf '%s' \"${PATH%%:*}\"")};
        s = (struct task_spec){.image = STR("example/trainer:1"), .command = argv, .command_n = 3, .wants_result = true};
        o = fixture_run(f, 2, &s);
        assert_int_equal(o->o.end, TASK_EXITED);
        assert_str(o->o.result.content, "/no/such/tools");
        fixture_close(f);
        f->set.images = STR("[{\"pattern\": ");
        uv_loop_t loop;
        struct executor *x;
        struct error e;
        uv_loop_init(&loop);
        assert_false(executor_process.open(&f->set, &loop, NULL, NULL, &x, &e));
        assert_has(str_from(e.text), "executor.process.images");
        uv_loop_close(&loop);
        f->set.images = STR_NONE;
        fixture_open(f);
}

/* ---- output ---- */

static void logs_and_result(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, "echo one; echo two >&2; printf last");
        s.wants_result = true;
        struct seen *o = fixture_run(f, 1, &s);
        assert_str(o->o.result.content, "one\nlast");
        struct str log = fixture_log(f, 1);
        assert_has(log, "Z o one\n");
        assert_has(log, "Z e two\n");
        assert_has(log, "Z o last\n");
        assert_int_equal(log.p[4], '-');
        assert_int_equal(log.p[19], '.');
        s = fixture_sh(f, "true");
        fixture_run(f, 2, &s);
        struct attempt_id id = fixture_id(2);
        assert_int_not_equal(access(executor_process.log_path(f->set.folder, &id, f->arena).p, F_OK), 0); /* nothing was said: no log */
        s = fixture_sh(f, "head -c 400000 /dev/zero | tr '\\0' x; printf END");
        s.wants_result = true;
        o = fixture_run(f, 3, &s);
        assert_int_equal(o->o.result.content.n, 256 << 10);
        assert_true(str_ends(o->o.result.content, STR("xEND")));
        assert_true(o->o.result.truncated);
}

static void log_limit(void **state)
{
        (void)state;
        fixture_close(f);
        f->set.log_bytes_max = 100000;
        fixture_open(f);
        struct task_spec s = fixture_sh(f, "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 4");
        assert_int_equal(fixture_run(f, 1, &s)->o.exit_code, 4); /* the task itself is not disturbed */
        struct str log = fixture_log(f, 1);
        assert_in_range(log.n, 90000, 101000);
        assert_has(log, "log limit of 100000 bytes reached");
        assert_has(log, "executor.process.log_bytes_max");
        assert_has(log, "o line 100\n");
}

/* ---- files ---- */

static void outputs(void **state)
{
        (void)state;
        fixture_close(f);
        f->set.value_bytes_max = 1000;
        fixture_open(f);
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("none");
        mkdir(at, 0755);
        const char *keep = under("kept/tree"), *keep_file = under("kept/file");
#define AT(x) arena_printf(f->arena, "%s/" x, at)
        struct task_param_out p[] = {{STR("a"), AT("out")}, {STR("big"), AT("deep/er/big")}, {STR("missing"), AT("missing")}};
        struct task_artifact_out art[] = {{STR("tree"), AT("tree"), str_from(keep), false, STR_NONE}, {STR("file"), AT("file"), str_from(keep_file), false, STR_NONE},
                                          {STR("gone"), AT("gone"), str_from(under("kept/gone")), true, STR_NONE}};
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "cd %s; printf value > out; head -c 2000 /dev/zero > deep/er/big; mkdir -p tree/sub; echo t > tree/sub/leaf; ln -s leaf tree/sub/link; "
                                                                   "printf hello > file; echo whole > outcome", at).p);
        s.params_out = p;
        s.params_out_n = 3;
        s.artifacts_out = art;
        s.artifacts_out_n = 3;
        s.outcome_file = AT("outcome");
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.exit_code, 0);
        assert_str(o->o.params[0].content, "value");
        assert_str(o->o.params[0].name, "a");
        assert_true(o->o.params[1].present && o->o.params[1].truncated && o->o.params[1].content.n == 1000);
        assert_false(o->o.params[2].present);
        assert_str(o->o.params[2].name, "missing");
        assert_str(o->o.file.content, "whole\n");
        assert_true(o->o.artifacts[0].present);
        assert_str(o->o.artifacts[0].uri, keep);
        assert_int_equal(access(arena_printf(f->arena, "%s/sub/link", keep).p, R_OK), 0);
        assert_str(o->o.artifacts[1].digest, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_int_equal(o->o.artifacts[1].size_bytes, 5);
        assert_false(o->o.artifacts[2].present);
}

/* The outcome file names other paths for two of three; one of them is not there. */
static void outputs_where_the_task_says(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("told");
        mkdir(at, 0755);
        const char *keep[] = {under("told-kept/a"), under("told-kept/b"), under("told-kept/c")};
        struct task_artifact_out art[] = {{STR("a"), AT("a"), str_from(keep[0]), true, STR("at/a/1/path")}, {STR("b"), AT("b"), str_from(keep[1]), true, STR("at/b/0/path")},
                                          {STR("c"), AT("c"), str_from(keep[2]), true, STR("at/c/0/path")}};
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "cd %s; printf wrong > a; printf wrong > b; printf c > c; printf a > elsewhere; "
                                                                   "printf '{\"at\": {\"a\": [0, {\"path\": \"%s/elsewhere\"}], \"b\": [{\"path\": \"%s/none\"}], \"c\": []}}' > outcome", at, at, at).p);
        s.artifacts_out = art;
        s.artifacts_out_n = 3;
        s.outcome_file = AT("outcome");
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.exit_code, 0);
        assert_true(o->o.artifacts[0].present);
        assert_str(o->o.artifacts[0].uri, keep[0]);
        assert_str(o->o.artifacts[0].digest, "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
        assert_false(o->o.artifacts[1].present);
        assert_true(o->o.artifacts[2].present);
        assert_str(o->o.artifacts[2].digest, "sha256:2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6");
}

static void inputs(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp/in" : under("in");
        mkdir(under("src"), 0755);
        put(under("src/leaf"), "leaf");
        put(under("place"), "in place");
        struct task_file files[] = {{AT("script.sh"), STR("#!/bin/sh\nprintf '%s ' \"$@\"; cat $1/tree/leaf $1/raw"), 0755}};
        struct task_artifact_in in[] = {{STR("tree"), AT("tree"), str_from(under("src")), STR_NONE, 0, false},
                                        {STR("raw"), AT("raw"), STR_NONE, STR("raw content"), 0600, false},
                                        {STR("place"), str_from(under("place")), str_from(under("place")), STR_NONE, 0, false},
                                        {STR("none"), AT("none"), str_from(under("nowhere")), STR_NONE, 0, true}};
        struct str argv[] = {AT("script.sh"), AT(""), str_from(under("place"))};
        struct str folders[] = {AT("made/for/me")};
        struct task_spec s = {.command = argv, .command_n = 3, .files = files, .files_n = 1, .artifacts_in = in, .artifacts_in_n = 4, .folders = folders, .folders_n = 1, .wants_result = true};
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.end, TASK_EXITED);
        assert_has(o->o.result.content, "leafraw content");
        s = fixture_sh(f, arena_printf(f->arena, "cd %s/made/for/me && cat %s && echo changed >> %s/tree/leaf", at, under("place"), at).p);
        s.artifacts_in = in;
        s.artifacts_in_n = 4;
        s.folders = folders;
        s.folders_n = 1;
        s.wants_result = true;
        o = fixture_run(f, 2, &s);
        assert_int_equal(o->o.exit_code, 0);
        assert_str(o->o.result.content, "in place");
        struct stat st;
        assert_int_equal(stat(under("src/leaf"), &st), 0);
        assert_int_equal(st.st_size, 4); /* what the task does to its copy does not reach the original */
        in[3].optional = false;
        o = fixture_run(f, 3, &s);
        assert_int_equal(o->o.end, TASK_NOT_RUN);
        assert_has(o->o.message, "nowhere");
        in[3].optional = true;
        in[1].uri = str_from(under("src"));
        in[1].mode = 0;
        in[1].path = AT("made/../../..//in/dotted");
        o = fixture_run(f, 4, &s); /* dots in a path neither escape nor harm */
        assert_true(o->o.end == TASK_NOT_RUN || o->o.exit_code == 0);
}

/* ---- large artifacts ---- */

/* Stands in for the C library's: notes what is brought to disk, and can fail. */
static struct { char paths[64][512]; size_t n; bool fail; pthread_mutex_t lock; } synced = {.lock = PTHREAD_MUTEX_INITIALIZER};

int fsync(int fd)
{
        char link[64];
        pthread_mutex_lock(&synced.lock);
        bool fail = synced.fail;
        if (synced.n < sizeof synced.paths / sizeof *synced.paths) {
                snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
                ssize_t n = readlink(link, synced.paths[synced.n], sizeof *synced.paths - 1);
                synced.paths[synced.n++][n > 0 ? n : 0] = 0;
        }
        pthread_mutex_unlock(&synced.lock);
        errno = EIO;
        return fail ? -1 : (int)syscall(SYS_fsync, fd);
}

static bool was_synced(const char *path, const char *name) /* in the folder `path`: `name` at the end; NULL: the folder itself */
{
        for (size_t i = 0; i < synced.n; i++)
                if (name ? !strncmp(synced.paths[i], path, strlen(path)) && str_ends(str_from(synced.paths[i]), str_from(name)) : !strcmp(synced.paths[i], path))
                        return true;
        return false;
}

static struct task_spec leaving(struct task_artifact_out *art, const char *script)
{
        struct task_spec s = fixture_sh(f, script);
        s.artifacts_out = art;
        s.artifacts_out_n = 1;
        return s;
}

static struct str read_whole(const char *path)
{
        char text[256];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
        if (fd >= 0)
                close(fd);
        return arena_str(f->arena, (struct str){text, n > 0 ? (size_t)n : 0});
}

static void artifacts_are_on_disk_and_whole(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("left"), *kept = under("artifacts/run/step.1"), *uri = under("artifacts/run/step.1/model");
        mkdir(at, 0755);
        struct task_artifact_out art = {STR("model"), AT("model"), str_from(uri), false};
        synced.n = 0;
        struct task_spec s = leaving(&art, arena_printf(f->arena, "cd %s; rm -rf model; mkdir -p model/sub; echo one > model/sub/leaf; ln -s nowhere model/link", at).p);
        assert_true(fixture_run(f, 1, &s)->o.artifacts[0].present);
        assert_true(was_synced(kept, "/sub/leaf") && was_synced(kept, "/sub"));
        assert_true(was_synced(kept, NULL) && was_synced(under("artifacts/run"), NULL) && was_synced(under("artifacts"), NULL) && was_synced(f->folder, NULL));
        assert_true(strcmp(synced.paths[synced.n - 1], f->folder) == 0); /* entries after what they lead to */
        synced.n = 0;
        struct task_spec plain = fixture_sh(f, "exit 0");
        fixture_run(f, 2, &plain);
        assert_int_equal(synced.n, 0); /* a step without artifacts pays nothing */
        /* A disk that fails: said, and what was there stays. */
        synced.fail = true;
        s = leaving(&art, arena_printf(f->arena, "cd %s; rm -rf model; echo two > model", at).p);
        struct seen *o = fixture_run(f, 3, &s);
        synced.fail = false;
        assert_false(o->o.artifacts[0].present);
        assert_has(o->o.message, "keeping artifact 'model'");
        assert_has(o->o.message, "Input/output error");
        assert_str(read_whole(under("artifacts/run/step.1/model/sub/leaf")), "one\n");
        /* Once more: a file in the place of the folder, whole, and nothing beside it. */
        assert_true(fixture_run(f, 4, &s)->o.artifacts[0].present);
        assert_str(read_whole(uri), "two\n");
        s = leaving(&art, arena_printf(f->arena, "cd %s; rm -rf model; mkdir model; echo three > model/other", at).p);
        assert_true(fixture_run(f, 5, &s)->o.artifacts[0].present);
        assert_str(read_whole(under("artifacts/run/step.1/model/other")), "three\n");
        struct stat st;
        assert_int_equal(stat(kept, &st), 0);
        assert_int_equal(st.st_nlink, 3); /* ".", "..", "model": nothing is left of the attempts to keep it */
        /* One that the task wrote where it stays. */
        const char *place = under("artifacts/place/file");
        struct str folders[] = {str_from(under("artifacts/place"))};
        art = (struct task_artifact_out){STR("m"), str_from(place), str_from(place), false};
        s = leaving(&art, arena_printf(f->arena, "echo hi > %s", place).p);
        s.folders = folders;
        s.folders_n = 1;
        synced.n = 0;
        assert_true(fixture_run(f, 6, &s)->o.artifacts[0].present);
        assert_true(was_synced(place, "") && was_synced(under("artifacts/place"), NULL) && was_synced(under("artifacts"), NULL));
}

enum { LARGE_FILES = 500 };

static struct task_artifact_in large(const char *at)
{
        mkdir(under("large"), 0755);
        for (int i = 0; i < LARGE_FILES; i++) {
                char path[512];
                snprintf(path, sizeof path, "%s/large/%d", f->folder, i);
                int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
                assert_true(fd >= 0 && write(fd, "x", 1) == 1);
                close(fd);
        }
        return (struct task_artifact_in){STR("large"), AT("in"), str_from(under("large")), STR_NONE, 0, false};
}

static struct task_spec counting(struct task_artifact_in *in, const char *at)
{
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "[ $(ls %s/in | wc -l) = %d ] || exit 9; exit 7", at, LARGE_FILES).p);
        s.artifacts_in = in;
        s.artifacts_in_n = 1;
        return s;
}

static void staging_lets_others_go_on(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("work");
        struct task_artifact_in in = large(at);
        struct task_spec s = counting(&in, at), quick = fixture_sh(f, "exit 3");
        fixture_start(f, 1, &s);
        assert_int_equal(fixture_seen(f, 1)->started, 0);
        fixture_start(f, 1, &s); /* once more is once */
        assert_int_equal(fixture_run(f, 2, &quick)->o.exit_code, 3);
        assert_int_equal(fixture_wait(f, 1)->o.exit_code, 7);
        assert_int_equal(fixture_seen(f, 1)->ended, 1);
        /* A program in the task's /tmp that only staging brings. */
        put(under("program"), "#!/bin/sh\nexit 8\n");
        struct str argv[] = {AT("program")};
        struct task_artifact_in program = {STR("program"), argv[0], str_from(under("program")), STR_NONE, 0755, false};
        struct task_spec p = {.command = argv, .command_n = 1, .artifacts_in = &program, .artifacts_in_n = 1};
        assert_int_equal(fixture_run(f, 3, &p)->o.exit_code, 8);
        program.uri = str_from(under("nowhere"));
        program.optional = true;
        unlink(arena_cstr(f->arena, argv[0]));
        assert_int_equal(fixture_run(f, 4, &p)->o.end, TASK_NOT_RUN);
}

static void stop_during_staging(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("work");
        struct task_artifact_in in = large(at);
        struct task_spec s = counting(&in, at);
        struct error e;
        fixture_close(f);
        f->set.slots = 2;
        fixture_open(f);
        for (uint32_t i = 1; i <= 6; i += 2) {
                struct attempt_id id = fixture_id(i), other = fixture_id(i + 1);
                fixture_start(f, i, &s);
                fixture_start(f, i + 1, &s);
                executor_process.forget(f->x, &other); /* nothing of it is told any more, and its slot is free again */
                assert_true(executor_process.stop(f->x, &id, &e));
                struct seen *o = fixture_wait(f, i);
                assert_int_equal(o->o.end, TASK_STOPPED);
                assert_int_equal(o->started, 0);
                fixture_run_ms(f, 50);
                executor_process.forget(f->x, &id);
        }
        assert_int_equal(fixture_seen(f, 2)->ended, 0);
        assert_int_equal(fixture_run(f, 9, &s)->o.exit_code, 7); /* whole, in a folder that half a copy was in */
}

static void close_during_staging(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("work");
        struct task_artifact_in in = large(at);
        struct task_spec s = counting(&in, at);
        struct attempt_id id = fixture_id(1);
        struct error e;
        bool known;
        fixture_start(f, 1, &s);
        fixture_close(f);
        fixture_open(f);
        assert_true(executor_process.adopt(f->x, &id, &s, &known, &e));
        assert_false(known); /* it was never given to the shepherd */
        assert_int_equal(fixture_run(f, 1, &s)->o.exit_code, 7);
        assert_int_equal(fixture_seen(f, 1)->ended, 1);
}

static void killed_during_staging(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("work");
        struct task_artifact_in in = large(at);
        struct task_spec s = counting(&in, at);
        struct attempt_id id = fixture_id(1);
        struct error e;
        bool known;
        int status;
        fixture_close(f);
        pid_t pid = fork(); /* a Weft that is gone in the middle of it */
        if (!pid) {
                fixture_open(f);
                if (!executor_process.start(f->x, &id, &s, &e))
                        _exit(1);
                kill(getpid(), SIGKILL);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        fixture_open(f);
        assert_true(executor_process.adopt(f->x, &id, &s, &known, &e));
        assert_false(known);
        assert_int_equal(fixture_run(f, 1, &s)->o.exit_code, 7);
}

static void the_shepherd_dies_during_staging(void **state)
{
        (void)state;
        const char *at = !str_eq_c(f->set.isolation, "none") ? "/tmp" : under("work");
        struct task_artifact_in in = large(at);
        struct task_spec s = counting(&in, at), quick = fixture_sh(f, "exit 3");
        fixture_run(f, 2, &quick);
        fixture_start(f, 1, &s);
        kill(fixture_shepherd(f), SIGKILL);
        assert_int_equal(fixture_wait(f, 1)->o.exit_code, 7);
}

static void scratch_is_clean_each_time(void **state)
{
        (void)state;
        struct attempt_id id = fixture_id(1);
        struct task_spec s = fixture_sh(f, "cd $HOME; mkdir -p a/b; touch a/b/c .hidden; ln -s / link; chmod 0 a/b a; chmod 0 .");
        assert_int_equal(fixture_run(f, 1, &s)->o.exit_code, 0);
        executor_process.forget(f->x, &id);
        s = fixture_sh(f, "ls -A $HOME | grep -vc ^weft-executor; stat -c %a $HOME");
        s.wants_result = true;
        struct seen *o = fixture_run(f, 2, &s); /* in the folder of the first */
        assert_str(o->o.result.content, str_eq_c(f->set.isolation, "none") ? "0\n755\n" : "0\n1777\n");
        assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void private_paths(void **state)
{
        (void)state;
        static const char *const paths[] = {"/tmp/out", "/mnt/out", "/weft-test-result.txt", "/weft-test/deep/out", "/opt/out", "/var/lib/weft-test/x"};
        enum { N = sizeof paths / sizeof *paths };
        struct task_param_out p[N];
        struct buf script = BUF(4096);
        for (size_t i = 0; i < N; i++) {
                p[i] = (struct task_param_out){str_from(paths[i]), str_from(paths[i])};
                buf_addf(&script, "printf '%%s' \"$ME\" > %s || exit 1; ", paths[i]);
        }
        buf_add_c(&script, "sleep 0.2; test -d /proc/self && ls / >/dev/null && cat /etc/passwd > /dev/null");
        struct env_var v = {STR("ME"), STR_NONE, false};
        struct task_spec s = fixture_sh(f, script.p);
        s.params_out = p;
        s.params_out_n = N;
        s.env = &v;
        s.env_n = 1;
        for (uint32_t n = 1; n <= 4; n++) {
                v.value = arena_printf(f->arena, "%u", n);
                fixture_start(f, n, &s);
        }
        for (uint32_t n = 1; n <= 4; n++) {
                struct seen *o = fixture_wait(f, n);
                if (o->o.exit_code || o->o.end != TASK_EXITED)
                        fail_msg("end %d exit %d: %.*s %.*s", o->o.end, o->o.exit_code, STR_FMT(o->o.message), STR_FMT(fixture_log(f, n)));
                for (size_t i = 0; i < N; i++)
                        assert_str(o->o.params[i].content, arena_printf(f->arena, "%u", n).p);
        }
        for (size_t i = 0; i < N; i++)
                assert_int_not_equal(access(paths[i], F_OK), 0); /* the machine itself has not seen it */
        buf_free(&script);
}

static void data_folder_is_seen_as_it_is(void **state)
{
        (void)state;
        const char *path = under("objects/a/out"); /* the folder is below /tmp, which is private otherwise */
        struct str folders[] = {str_from(under("objects/a"))};
        struct task_artifact_out art = {STR("m"), str_from(path), str_from(path), false, STR_NONE};
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "echo hi > %s", path).p);
        s.folders = folders;
        s.folders_n = 1;
        s.artifacts_out = &art;
        s.artifacts_out_n = 1;
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.exit_code, 0);
        assert_true(o->o.artifacts[0].present);
        assert_str(o->o.artifacts[0].uri, path);
        assert_int_equal(o->o.artifacts[0].size_bytes, 3);
        assert_int_equal(access(path, R_OK), 0);
}

static void output_links_do_not_leave_the_sandbox(void **state)
{
        (void)state;
        put(under("../weft-secret-of-the-machine"), "secret"); /* /tmp/… of the machine */
        struct task_param_out p[] = {{STR("a"), STR("/tmp/out")}, {STR("b"), STR("/tmp/real-link")}};
        struct task_spec s = fixture_sh(f, "ln -s /tmp/weft-secret-of-the-machine /tmp/out; echo mine > /tmp/real; ln -s real /tmp/real-link");
        s.params_out = p;
        s.params_out_n = 2;
        struct seen *o = fixture_run(f, 1, &s);
        unlink(under("../weft-secret-of-the-machine"));
        assert_int_equal(o->o.exit_code, 0);
        assert_false(o->o.params[0].present); /* in the task's world there is nothing at the link's end */
        assert_str(o->o.params[1].content, "mine\n");
}

static void sandbox_shuts_off(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, "touch /etc/weft-test 2>/dev/null && exit 1; touch /tmp/x || exit 2; [ \"$(cat /proc/net/dev | grep -c :)\" -le 1 ] || exit 3; "
                                           "[ \"$(ls /proc | grep -c '^[0-9]')\" -lt 10 ] || exit 4; exit 0");
        struct seen *o = fixture_run(f, 1, &s);
        if (o->o.exit_code || o->o.end != TASK_EXITED)
                fail_msg("end %d exit %d: %.*s %.*s", o->o.end, o->o.exit_code, STR_FMT(o->o.message), STR_FMT(fixture_log(f, 1)));
}

/* What an attack would begin with: each line that gets through ends the task with its number. */
static void sandbox_keeps_attacks_out(void **state)
{
        (void)state;
        put(under("weft.db"), "secret");
        mkdir(under("objects"), 0755);
        mkdir(under("objects/mine"), 0755);
        mkdir(under("objects/others"), 0755);
        put(under("objects/in"), "given\n");
        put(under("objects/others/out"), "secret");
        assert_int_equal(symlink("../weft.db", under("objects/link")), 0);
        struct sockaddr_un abstract = {.sun_family = AF_UNIX};
        snprintf(abstract.sun_path + 1, sizeof abstract.sun_path - 1, "weft-test-%d", getpid());
        int abstract_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(abstract_fd, (struct sockaddr *)&abstract, sizeof abstract), 0);
        assert_int_equal(listen(abstract_fd, 1), 0);
        struct error e;
        int named_fd = socket_in(str_from(f->folder), "attacked", true, &e);
        assert_true(named_fd >= 0);
        struct task_artifact_in in[] = {{.name = STR("in"), .path = str_from(under("objects/in")), .uri = str_from(under("objects/in"))},
                                        {.name = STR("link"), .path = str_from(under("objects/link")), .uri = str_from(under("objects/link")), .optional = true}};
        struct str folders[] = {str_from(under("objects/mine"))};
        struct task_spec s = fixture_sh(f, arena_printf(f->arena,
                "D=%s; [ \"$(cat $D/objects/in)\" = given ] || exit 10; cat $D/weft.db && exit 11; cat $D/objects/link && exit 12; ls $D/objects/others && exit 13; ls $D/logs && exit 14;"
                "echo x > $D/new && exit 15; echo x > $D/objects/in && exit 16; echo mine > $D/objects/mine/out || exit 17;"
                "cat /proc/1/environ && exit 18; [ -z \"$(ls /proc/1/fd 2>/dev/null)\" ] || exit 19; kill -0 %d && exit 20;"
                "grep -q '^CapEff:.0*$' /proc/self/status || exit 21; grep -q '^CapBnd:.0*$' /proc/self/status || exit 22; grep -q '^Seccomp:.2$' /proc/self/status || exit 23;"
                "grep -q '^NoNewPrivs:.1$' /proc/self/status || exit 24; unshare -U true && exit 25; mount -t tmpfs x /tmp && exit 26; chroot / true && exit 27; [ -z \"$(ls /run)\" ] || exit 28;"
                "python3 -c 'import ctypes; c = ctypes.CDLL(None, use_errno=True); exit(c.ptrace(16, 1, 0, 0) >= 0 or ctypes.get_errno() != 1)' || exit 29;"
                "python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); sys.exit(s.connect_ex(sys.argv[1]) == 0)' $D/attacked || exit 30;"
                "python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); sys.exit(s.connect_ex(chr(0) + sys.argv[1]) == 0)' weft-test-%d || exit 31;"
                "python3 -c 'import socket; a, b = socket.socketpair(); a.send(b\"x\"); import threading; t = threading.Thread(target=print); t.start(); t.join()' || exit 32; exit 0",
                f->folder, getpid(), getpid()).p);
        s.artifacts_in = in;
        s.artifacts_in_n = 2;
        s.folders = folders;
        s.folders_n = 1;
        struct seen *o = fixture_run(f, 1, &s);
        close(abstract_fd);
        close(named_fd);
        if (o->o.exit_code || o->o.end != TASK_EXITED)
                fail_msg("end %d exit %d: %.*s %.*s", o->o.end, o->o.exit_code, STR_FMT(o->o.message), STR_FMT(fixture_log(f, 1)));
        assert_int_equal(access(under("objects/mine/out"), R_OK), 0);
}

static void memory_limit(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, "ulimit -c; x=$(head -c 300000000 /dev/zero | tr '\\0' x); exit 0");
        s.memory_bytes = 64 << 20;
        s.wants_result = true;
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.end, TASK_EXITED);
        assert_int_not_equal(o->o.exit_code, 0);
        assert_true(str_starts(o->o.result.content, STR("0\n"))); /* no core files */
        if (o->o.signal == SIGKILL) /* by a control group */
                assert_true(o->o.out_of_memory && o->o.message.n);
        s = fixture_sh(f, "exit 4");
        s.memory_bytes = 64 << 20;
        s.cpu_milli = 500;
        o = fixture_run(f, 2, &s);
        assert_int_equal(o->o.exit_code, 4);
        assert_false(o->o.out_of_memory);
        s = fixture_sh(f, "kill -KILL $$");
        s.memory_bytes = 64 << 20;
        assert_false(fixture_run(f, 3, &s)->o.out_of_memory);
}

/* ---- Python ---- */

static void python_environment_is_kept(void **state)
{
        (void)state;
        const char *cache = arena_printf(f->arena, "%s-cache", f->folder).p; /* below /tmp, which is private: it must be seen all the same */
        setenv("WEFT_CACHE", cache, 1);
        struct str packages[] = {STR("--no-index"), STR("--no-deps")}; /* nothing to fetch: the tests have no network */
        struct task_spec s = fixture_sh(f, "python3 -c 'import sys, os; print(sys.prefix)'; python3 -m pip --version >/dev/null; env | grep -c ^PIP_");
        s.python_packages = packages;
        s.python_packages_n = 1;
        s.wants_result = true;
        setenv("PIP_INDEX_URL", "http://nobody.invalid/simple", 1);
        struct seen *o = fixture_run(f, 1, &s);
        assert_has(o->o.result.content, arena_printf(f->arena, "%s/venvs/", cache).p);
        assert_true(str_ends(o->o.result.content, STR("\n0\n"))); /* what pip needs is not the task's business */
        assert_has(fixture_log(f, 1), "preparing a Python environment");
        struct str first = o->o.result.content;
        o = fixture_run(f, 2, &s);
        assert_true(str_eq(o->o.result.content, first));
        assert_int_equal(str_find(fixture_log(f, 2), STR("preparing"), 0), SIZE_MAX);
        packages[1] = STR("no-such-package-anywhere");
        s.python_packages_n = 2;
        o = fixture_run(f, 3, &s);
        assert_int_not_equal(o->o.exit_code, 0);
        assert_has(fixture_log(f, 3), "no-such-package-anywhere");
        unsetenv("PIP_INDEX_URL");
        unsetenv("WEFT_CACHE");
        fixture_remove_folder(cache);
}

/* ---- stopping ---- */

/* Files that tasks leave for the test: in a folder that the sandbox lets them write to. */
static const char *mark(const char *name) { return arena_printf(f->arena, "%s/marks/%s", f->folder, name).p; }

static struct task_spec marking_sh(const char *script)
{
        struct task_spec s = fixture_sh(f, script);
        s.folders = arena_alloc_array(f->arena, sizeof *s.folders, 1);
        s.folders[s.folders_n++] = arena_printf(f->arena, "%s/marks", f->folder);
        return s;
}

static void stop_is_gentle_then_not(void **state)
{
        (void)state;
        struct attempt_id id = fixture_id(1);
        struct error e;
        const char *said = mark("said");
        struct task_spec s = marking_sh(arena_printf(f->arena, "trap 'echo bye > %s; exit 5' TERM; echo $$ > %s; while :; do sleep 0.05; done", said, mark("ready")).p);
        fixture_start(f, 1, &s);
        pid_from(mark("ready"));
        assert_true(executor_process.stop(f->x, &id, &e));
        struct seen *o = fixture_wait(f, 1);
        assert_int_equal(o->o.end, TASK_STOPPED);
        assert_int_equal(o->o.exit_code, 5);
        assert_int_equal(access(said, F_OK), 0);
        id = fixture_id(2);
        s = marking_sh(arena_printf(f->arena, "trap '' TERM; echo $$ > %s; while :; do sleep 0.05; done", mark("ready2")).p);
        fixture_start(f, 2, &s);
        pid_from(mark("ready2"));
        assert_true(executor_process.stop(f->x, &id, &e));
        o = fixture_wait(f, 2);
        assert_int_equal(o->o.end, TASK_STOPPED);
        assert_int_equal(o->o.signal, SIGKILL);
        id = fixture_id(3); /* never heard of */
        assert_true(executor_process.stop(f->x, &id, &e));
        assert_int_equal(fixture_wait(f, 3)->o.end, TASK_STOPPED);
}

/* A grandchild in a session of its own, with its environment wiped, whose parent is gone. All of them hold a lock, which tells from any
 * namespace whether one is alive. */
static const char *daemon_script(const char *pid_file, const char *then)
{
        return arena_printf(f->arena,
                            "exec 9> %s; flock 9; setsid sh -c 'trap \"\" TERM; env -i /bin/sh -c \"trap \\\"\\\" TERM; echo \\$\\$ > %s; while :; do /bin/sleep 0.05; done\" & exit 0' & "
                            "while [ ! -s %s ]; do sleep 0.01; done; %s",
                            mark("lock"), pid_file, pid_file, then)
                .p;
}

static bool held(void)
{
        int fd = open(mark("lock"), O_RDONLY | O_CLOEXEC);
        bool free_now = fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);
        assert_true(fd >= 0);
        close(fd);
        return !free_now;
}

static void stop_reaches_every_descendant(void **state)
{
        (void)state;
        struct attempt_id id = fixture_id(1);
        struct error e;
        struct task_spec s = marking_sh(daemon_script(mark("daemon"), "sleep 100"));
        fixture_start(f, 1, &s);
        pid_from(mark("daemon"));
        assert_true(held());
        executor_process.stop(f->x, &id, &e);
        assert_int_equal(fixture_wait(f, 1)->o.end, TASK_STOPPED);
        assert_false(held());
}

static void an_end_takes_descendants_along(void **state)
{
        (void)state;
        struct task_spec other = fixture_sh(f, "sleep 0.5; exit 9"), s = marking_sh(daemon_script(mark("daemon"), "exit 6"));
        fixture_start(f, 2, &other);
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.end, TASK_EXITED);
        assert_int_equal(o->o.exit_code, 6);
        assert_false(held());
        assert_int_equal(fixture_wait(f, 2)->o.exit_code, 9); /* the neighbour is left alone */
}

/* ---- outliving ---- */

static void adopted_with_its_true_exit_code(void **state)
{
        (void)state;
        struct task_param_out p = {STR("p"), str_eq_c(f->set.isolation, "none") ? str_from(under("p")) : STR("/tmp/p")};
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "sleep 0.5; printf v > %.*s; echo out; exit 42", STR_FMT(p.path)).p), quick = fixture_sh(f, "exit 3");
        s.params_out = &p;
        s.params_out_n = 1;
        s.wants_result = true;
        fixture_start(f, 1, &s);
        fixture_start(f, 2, &quick);
        fixture_wait_started(f, 1);
        fixture_wait(f, 2);
        int shepherd = fixture_shepherd(f);
        fixture_close(f); /* the shepherd sees no difference to a death */
        f->seen_n = f->ended_n = 0;
        memset(f->seen, 0, sizeof f->seen);
        fixture_open(f);
        struct attempt_id one = fixture_id(1), two = fixture_id(2), three = fixture_id(3);
        struct error e;
        bool known;
        if (!executor_process.adopt(f->x, &one, &s, &known, &e))
                fail_msg("%s", e.text);
        assert_true(known);
        assert_int_equal(fixture_shepherd(f), shepherd);
        if (!executor_process.adopt(f->x, &two, &quick, &known, &e))
                fail_msg("%s", e.text);
        assert_true(known);
        assert_true(executor_process.adopt(f->x, &three, &quick, &known, &e));
        assert_false(known);
        assert_int_equal(fixture_wait(f, 2)->o.exit_code, 3);
        struct seen *o = fixture_wait(f, 1);
        assert_true(o->started);
        assert_int_equal(o->o.exit_code, 42);
        assert_str(o->o.params[0].content, "v");
        assert_str(o->o.result.content, "out\n");
}

static void lost_with_the_shepherd(void **state)
{
        (void)state;
        struct task_spec s = marking_sh(daemon_script(mark("daemon"), arena_printf(f->arena, "echo $$ > %s; sleep 100", mark("main")).p)), quick = fixture_sh(f, "exit 3");
        fixture_start(f, 1, &s);
        fixture_run(f, 2, &quick);
        pid_from(mark("daemon"));
        pid_from(mark("main"));
        int shepherd = fixture_shepherd(f);
        assert_true(shepherd > 0);
        fixture_close(f);
        kill(shepherd, SIGKILL);
        f->seen_n = f->ended_n = 0;
        memset(f->seen, 0, sizeof f->seen);
        fixture_open(f);
        struct attempt_id one = fixture_id(1), two = fixture_id(2);
        struct error e;
        bool known;
        if (!executor_process.adopt(f->x, &one, &s, &known, &e))
                fail_msg("%s", e.text);
        assert_true(known);
        assert_int_not_equal(fixture_shepherd(f), shepherd);
        if (!executor_process.adopt(f->x, &two, &quick, &known, &e))
                fail_msg("%s", e.text);
        assert_true(known);
        struct seen *o = fixture_wait(f, 1);
        assert_int_equal(o->o.end, TASK_LOST);
        assert_true(o->o.message.n > 0);
        assert_false(held());
        assert_int_equal(fixture_wait(f, 2)->o.exit_code, 3); /* what was journaled is not lost */
}

static void the_shepherd_dies_under_a_living_owner(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "echo $$ > %s; sleep 100", under("main")).p), quick = fixture_sh(f, "exit 3");
        fixture_start(f, 1, &s);
        int main_pid = pid_from(under("main"));
        kill(fixture_shepherd(f), SIGKILL);
        fixture_start(f, 2, &quick); /* the order falls into the gap */
        assert_int_equal(fixture_wait(f, 1)->o.end, TASK_LOST);
        assert_false(alive(main_pid));
        struct seen *o = fixture_wait(f, 2);
        assert_true(o->o.end == TASK_LOST || o->o.exit_code == 3);
        assert_int_equal(fixture_run(f, 3, &quick)->o.exit_code, 3);
}

static void a_torn_journal(void **state)
{
        (void)state;
        struct task_spec quick = fixture_sh(f, "exit 3");
        fixture_run(f, 1, &quick);
        int shepherd = fixture_shepherd(f);
        fixture_close(f);
        kill(shepherd, SIGKILL);
        FILE *out = fopen(under("shepherd.journal"), "ae");
        fputs("E garbage 1 2 3\nE 0f0f/1.0.1 5 5 5 5 5 5 5 x 00000000\nS 0f0f0f0f-torn", out);
        fclose(out);
        fixture_open(f);
        struct attempt_id id = fixture_id(1);
        struct error e;
        bool known;
        fixture_seen(f, 1)->ended = 0;
        assert_true(executor_process.adopt(f->x, &id, &quick, &known, &e) && known);
        assert_int_equal(fixture_wait(f, 1)->o.exit_code, 3);
        assert_int_equal(fixture_run(f, 2, &quick)->o.exit_code, 3); /* what is written after the torn line can be read */
        shepherd = fixture_shepherd(f);
        fixture_close(f);
        kill(shepherd, SIGKILL);
        fixture_open(f);
        id = fixture_id(2);
        assert_true(executor_process.adopt(f->x, &id, &quick, &known, &e) && known);
}

static void why_it_was_not_run_outlives_the_shepherd(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, "true"), long_one = fixture_sh(f, "sleep 100");
        s.workdir = STR("/no/such/folder of mine");
        struct seen *o = fixture_run(f, 1, &s);
        assert_int_equal(o->o.end, TASK_NOT_RUN);
        struct str said = o->o.message;
        assert_has(said, "/no/such/folder of mine");
        fixture_start(f, 2, &long_one);
        fixture_wait_started(f, 2);
        struct str lost = STR_NONE;
        for (int i = 0; i < 2; i++) {
                int shepherd = fixture_shepherd(f);
                struct attempt_id one = fixture_id(1), two = fixture_id(2);
                struct error e;
                bool known;
                fixture_close(f);
                kill(shepherd, SIGKILL);
                f->seen_n = f->ended_n = 0;
                memset(f->seen, 0, sizeof f->seen);
                fixture_open(f);
                assert_true(executor_process.adopt(f->x, &one, &s, &known, &e) && known);
                assert_true(executor_process.adopt(f->x, &two, &long_one, &known, &e) && known);
                o = fixture_wait(f, 1);
                assert_int_equal(o->o.end, TASK_NOT_RUN);
                assert_true(str_eq(o->o.message, said));
                o = fixture_wait(f, 2);
                assert_int_equal(o->o.end, TASK_LOST);
                assert_true(o->o.message.n && (!i || str_eq(o->o.message, lost)));
                lost = o->o.message;
        }
}

static void forgetting_keeps_the_log(void **state)
{
        (void)state;
        struct task_param_out p = {STR("p"), str_eq_c(f->set.isolation, "none") ? str_from(under("p")) : STR("/mnt/p")};
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "echo kept; echo x > %.*s", STR_FMT(p.path)).p);
        s.params_out = &p;
        s.params_out_n = 1;
        fixture_run(f, 1, &s);
        struct attempt_id id = fixture_id(1);
        executor_process.forget(f->x, &id);
        fixture_run_ms(f, 100);
        assert_has(fixture_log(f, 1), "o kept\n");
        struct str log = executor_process.log_path(f->set.folder, &id, f->arena);
        struct str folder = str_sub(log, 0, log.n - 4);
        assert_int_not_equal(access(arena_printf(f->arena, "%.*s/tmp", STR_FMT(folder)).p, F_OK), 0);
}

static void many_at_once(void **state)
{
        (void)state;
        enum { N = 400 };
        for (uint32_t i = 1; i <= N; i++) {
                struct task_spec s = fixture_sh(f, arena_printf(f->arena, "echo %u; exit %u", i, i % 100).p);
                s.wants_result = true;
                fixture_start(f, i, &s);
        }
        for (uint32_t i = 1; i <= N; i++) {
                struct seen *o = fixture_wait(f, i);
                assert_int_equal(o->o.exit_code, (int)(i % 100));
                assert_str(o->o.result.content, arena_printf(f->arena, "%u\n", i).p);
        }
}

static void big_orders_do_not_lock_up(void **state)
{
        (void)state;
        enum { N = 60 };
        char *big = malloc(120001);
        memset(big, 'y', 120000);
        big[120000] = 0;
        struct env_var v = {STR("BIG"), str_from(big), false};
        for (uint32_t i = 1; i <= N; i++) {
                struct task_spec s = fixture_sh(f, "exit ${#BIG}");
                s.env = &v;
                s.env_n = 1;
                fixture_start(f, i, &s);
        }
        for (uint32_t i = 1; i <= N; i++)
                assert_int_equal(fixture_wait(f, i)->o.end, TASK_EXITED);
        free(big);
}

static void long_data_folder(void **state)
{
        (void)state;
        fixture_close(f);
        char name[101];
        memset(name, 'd', 100);
        name[100] = 0;
        const char *deep = under(arena_printf(f->arena, "%s/%s", name, name).p);
        mkdir(under(name), 0755);
        mkdir(deep, 0755);
        struct str before = f->set.folder;
        f->set.folder = str_from(deep);
        fixture_open(f);
        struct task_spec s = fixture_sh(f, "exit 3");
        assert_int_equal(fixture_run(f, 1, &s)->o.exit_code, 3);
        fixture_close(f);
        f->set.folder = before;
        fixture_open(f);
}

static uint32_t asked;

static bool one_is_settled(void *user, const struct attempt_id *id)
{
        assert_ptr_equal(user, f);
        assert_true(id->node != 3); /* it runs */
        asked |= 1u << id->node;
        return id->node == 1;
}

static void a_lost_forget_is_made_good(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, "touch $HOME/left; echo $PWD; exit 3"), long_one = fixture_sh(f, "sleep 100");
        struct attempt_id one = fixture_id(1), two = fixture_id(2), three = fixture_id(3);
        struct error e;
        bool known;
        s.wants_result = true;
        fixture_run(f, 1, &s);
        fixture_run(f, 2, &s);
        fixture_start(f, 3, &long_one);
        fixture_wait_started(f, 3);
        fixture_close(f); /* committed, but killed before it said so */
        f->set.settled = one_is_settled;
        asked = 0;
        fixture_open(f);
        if (!executor_process.adopt(f->x, &one, &s, &known, &e))
                fail_msg("%s", e.text);
        assert_false(known);
        assert_int_equal(asked, 1 << 1 | 1 << 2);
        assert_true(executor_process.adopt(f->x, &two, &s, &known, &e) && known);
        assert_true(executor_process.adopt(f->x, &three, &long_one, &known, &e) && known);
        struct task_spec look = fixture_sh(f, "ls -A $HOME | grep -vc ^weft-executor; echo $PWD");
        look.wants_result = true;
        struct str said = fixture_run(f, 4, &look)->o.result.content; /* in the folder of the first, which is clean */
        assert_true(str_starts(said, STR("0\n")));
        if (str_eq_c(f->set.isolation, "none"))
                assert_has(said, ".0\n");
        fixture_close(f);
        asked = 0;
        fixture_open(f);
        if (!executor_process.adopt(f->x, &one, &s, &known, &e))
                fail_msg("%s", e.text);
        assert_int_equal(asked & 1 << 1, 0); /* the shepherd has forgotten it */
        executor_process.stop(f->x, &three, &e);
}

static void the_shepherd_leaves_when_not_needed(void **state)
{
        (void)state;
        struct task_spec s = fixture_sh(f, "exit 3");
        fixture_run(f, 9, &s);
        int pid = fixture_shepherd(f);
        assert_true(pid > 0);
        fixture_close(f);
        for (int i = 0; i < 2000 && alive(pid); i++)
                usleep(10000);
        assert_false(alive(pid));
        fixture_open(f);
        assert_int_equal(fixture_run(f, 1, &s)->o.exit_code, 3);
}

static void a_folder_that_vanishes_takes_its_tasks_along(void **state)
{
        (void)state;
        const char *ready = arena_printf(f->arena, "%s-ready", f->folder).p;
        struct task_spec s = fixture_sh(f, arena_printf(f->arena, "trap '' TERM HUP; echo $$ > %s; while :; do sleep 0.05; done", ready).p);
        fixture_start(f, 1, &s);
        int task = pid_from(ready), shepherd = fixture_shepherd(f);
        unlink(ready);
        fixture_close(f);
        fixture_remove(f);
        for (int i = 0; i < 2000 && (alive(task) || alive(shepherd)); i++)
                usleep(10000);
        assert_false(alive(task));
        assert_false(alive(shepherd));
}

/* ---- other circumstances: the same tests in a process that has less ---- */

static int run_again_as(const char *how)
{
        int status;
        pid_t pid = fork();
        if (!pid) {
                execl("/proc/self/exe", "test", how, (char *)NULL);
                _exit(127);
        }
        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void without_namespaces(void **state)
{
        (void)state;
        assert_int_equal(run_again_as("--denied"), 0);
}

static void as_a_user(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip(); /* it is what the others do then */
        assert_int_equal(run_again_as("--user"), 0);
}

/* Makes the kernel refuse namespaces to this process and its children, as containers and some distributions do. */
static void deny_namespaces(void)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWNS | CLONE_NEWUSER, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog filter = {sizeof code / sizeof *code, code};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
                exit(99);
}

static void falls_back_and_says_so(void **state)
{
        (void)state;
        assert_has(executor_process.notice(f->x), "Operation not permitted");
        struct task_spec s = fixture_sh(f, "echo here > /tmp/weft-executor-test-shared; exit 5");
        unlink("/tmp/weft-executor-test-shared");
        assert_int_equal(fixture_run(f, 1, &s)->o.exit_code, 5);
        assert_int_equal(unlink("/tmp/weft-executor-test-shared"), 0); /* the machine's own /tmp */
}

static void sandbox_is_not_given_up(void **state)
{
        (void)state;
        fixture_close(f);
        struct executor_settings set = f->set;
        struct executor *x;
        struct error e = {0};
        uv_loop_t loop;
        set.isolation = STR("sandbox");
        uv_loop_init(&loop);
        assert_false(executor_process.open(&set, &loop, NULL, NULL, &x, &e));
        assert_int_equal(e.kind, ERROR_UNSUPPORTED);
        assert_has(str_from(e.text), "sandbox");
        while (uv_run(&loop, UV_RUN_DEFAULT))
                ;
        uv_loop_close(&loop);
        fixture_open(f);
}

static void isolation_is_said_when_it_works(void **state)
{
        (void)state;
        assert_int_equal(executor_process.notice(f->x).n, 0);
}

static void unwritable_folder(void **state)
{
        (void)state;
        if (geteuid() == 0)
                skip(); /* root writes everywhere */
        fixture_close(f);
        const char *folder = under("closed");
        assert_int_equal(mkdir(folder, 0500), 0);
        struct executor_settings set = f->set;
        struct executor *x;
        struct error e = {0};
        uv_loop_t loop;
        uv_loop_init(&loop);
        for (int deeper = 0; deeper < 2; deeper++) {
                set.folder = deeper ? arena_printf(f->arena, "%s/data", folder) : str_from(folder);
                assert_false(executor_process.open(&set, &loop, NULL, NULL, &x, &e));
                assert_int_equal(e.kind, ERROR_IO);
                assert_has(str_from(e.text), folder);
        }
        uv_loop_close(&loop);
        fixture_open(f);
}

#define IN(how, t) {#t " (" #how ")", t, how, after, NULL}

int main(int argc, char **argv)
{
        const struct CMUnitTest denied[] = {IN(private, falls_back_and_says_so), IN(private, sandbox_is_not_given_up), IN(private, exit_codes), IN(private, stop_reaches_every_descendant)};
        const struct CMUnitTest user[] = {
                IN(private, exit_codes), IN(private, isolation_is_said_when_it_works), IN(private, environment_is_clean), IN(private, outputs), IN(sandbox, outputs),
                IN(private, inputs), IN(none, scratch_is_clean_each_time), IN(private, scratch_is_clean_each_time), IN(private, private_paths), IN(sandbox, private_paths), IN(private, data_folder_is_seen_as_it_is), IN(sandbox, data_folder_is_seen_as_it_is),
                IN(private, output_links_do_not_leave_the_sandbox), IN(sandbox, sandbox_shuts_off), IN(sandbox, sandbox_keeps_attacks_out), IN(private, stop_reaches_every_descendant),
                IN(sandbox, stop_reaches_every_descendant), IN(private, lost_with_the_shepherd), IN(sandbox, lost_with_the_shepherd), IN(none, unwritable_folder),
                IN(private, forgetting_keeps_the_log)};
        if (argc > 1 && strcmp(argv[1], "shepherd") == 0)
                return shepherd_main(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "--denied") == 0) {
                deny_namespaces();
                return cmocka_run_group_tests_name("without namespaces", denied, NULL, NULL);
        }
        if (argc > 1 && strcmp(argv[1], "--user") == 0) {
                enum { NOBODY = 65534 };
                if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
                        return 99;
                return cmocka_run_group_tests_name("as a user", user, NULL, NULL);
        }
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        const struct CMUnitTest tests[] = {
                IN(none, exit_codes), IN(private, exit_codes), IN(none, starting_twice_runs_once), IN(none, slots_are_a_limit), IN(none, environment_is_clean),
                IN(private, environment_is_clean), IN(none, no_such_command), IN(private, no_such_command), IN(none, image_map), IN(none, logs_and_result),
                IN(private, logs_and_result), IN(none, log_limit), IN(none, outputs), IN(private, outputs), IN(sandbox, outputs), IN(none, outputs_where_the_task_says), IN(private, outputs_where_the_task_says), IN(none, inputs), IN(private, inputs),
                IN(none, scratch_is_clean_each_time), IN(private, scratch_is_clean_each_time), IN(private, private_paths), IN(sandbox, private_paths), IN(private, data_folder_is_seen_as_it_is), IN(sandbox, data_folder_is_seen_as_it_is),
                IN(private, output_links_do_not_leave_the_sandbox), IN(sandbox, sandbox_shuts_off), IN(sandbox, sandbox_keeps_attacks_out), IN(none, memory_limit), IN(private, memory_limit), IN(private, python_environment_is_kept),
                IN(none, stop_is_gentle_then_not), IN(private, stop_is_gentle_then_not), IN(sandbox, stop_is_gentle_then_not), IN(none, stop_reaches_every_descendant),
                IN(private, stop_reaches_every_descendant), IN(sandbox, stop_reaches_every_descendant), IN(none, an_end_takes_descendants_along),
                IN(private, an_end_takes_descendants_along), IN(none, adopted_with_its_true_exit_code), IN(private, adopted_with_its_true_exit_code),
                IN(none, lost_with_the_shepherd), IN(private, lost_with_the_shepherd), IN(sandbox, lost_with_the_shepherd), IN(none, the_shepherd_dies_under_a_living_owner),
                IN(none, a_torn_journal), IN(none, a_lost_forget_is_made_good), IN(private, a_lost_forget_is_made_good), IN(none, why_it_was_not_run_outlives_the_shepherd), IN(none, artifacts_are_on_disk_and_whole),
                IN(private, artifacts_are_on_disk_and_whole), IN(none, staging_lets_others_go_on), IN(private, staging_lets_others_go_on), IN(none, stop_during_staging),
                IN(private, stop_during_staging), IN(none, close_during_staging), IN(private, close_during_staging), IN(private, killed_during_staging),
                IN(private, the_shepherd_dies_during_staging), IN(none, forgetting_keeps_the_log), IN(private, forgetting_keeps_the_log), IN(none, many_at_once), IN(private, many_at_once),
                IN(none, big_orders_do_not_lock_up), IN(none, long_data_folder), IN(none, the_shepherd_leaves_when_not_needed), IN(private, isolation_is_said_when_it_works), IN(none, unwritable_folder),
                IN(none, a_folder_that_vanishes_takes_its_tasks_along), {"without_namespaces", without_namespaces, NULL, NULL, NULL}, {"as_a_user", as_a_user, NULL, NULL, NULL}};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
