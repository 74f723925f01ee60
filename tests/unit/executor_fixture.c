#include "executor_fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define RUN "0f0f0f0f-0000-4000-8000-000000000001"

struct attempt_id fixture_id(uint32_t node) { return (struct attempt_id){STR(RUN), node, 0, 1}; }

struct seen *fixture_seen(struct fixture *f, uint32_t node)
{
        for (size_t i = 0; i < f->seen_n; i++)
                if (f->seen[i].id.node == node)
                        return &f->seen[i];
        assert_true(f->seen_n < ENDS_MAX);
        f->seen[f->seen_n] = (struct seen){.id = fixture_id(node)};
        return &f->seen[f->seen_n++];
}

static struct task_output copy(struct fixture *f, struct task_output o)
{
        o.name = arena_str(f->arena, o.name);
        o.content = arena_str(f->arena, o.content);
        return o;
}

static void sink(void *user, const struct executor_event *e)
{
        struct fixture *f = user;
        struct seen *s = fixture_seen(f, e->id.node);
        assert_true(str_eq_c(e->id.run, RUN));
        if (e->kind == EXECUTOR_STARTED) {
                s->started++;
                return;
        }
        if (!s->ended++)
                f->ended_n++;
        s->o = *e->outcome;
        s->o.message = arena_str(f->arena, e->outcome->message);
        s->o.result = copy(f, e->outcome->result);
        s->o.file = copy(f, e->outcome->file);
        s->o.params = arena_alloc_array(f->arena, sizeof *s->o.params, s->o.params_n);
        for (size_t i = 0; i < s->o.params_n; i++)
                s->o.params[i] = copy(f, e->outcome->params[i]);
        s->o.artifacts = arena_alloc_array(f->arena, sizeof *s->o.artifacts, s->o.artifacts_n);
        for (size_t i = 0; i < s->o.artifacts_n; i++) {
                s->o.artifacts[i] = e->outcome->artifacts[i];
                s->o.artifacts[i].name = arena_str(f->arena, s->o.artifacts[i].name);
                s->o.artifacts[i].uri = arena_str(f->arena, s->o.artifacts[i].uri);
                s->o.artifacts[i].digest = arena_str(f->arena, s->o.artifacts[i].digest);
        }
}

void fixture_open(struct fixture *f)
{
        struct error e = {0};
        assert_int_equal(uv_loop_init(&f->loop), 0);
        if (!executor_process.open(&f->set, &f->loop, sink, f, &f->x, &e))
                fail_msg("opening: %s", e.text);
}

struct fixture *fixture_new(const char *isolation)
{
        struct fixture *f = calloc(1, sizeof *f);
        assert_non_null(f);
        snprintf(f->folder, sizeof f->folder, "/tmp/weft-executor-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        f->arena = arena_new();
        f->set = (struct executor_settings){.folder = str_from(f->folder), .self_exe = STR("/proc/self/exe"), .isolation = str_from(isolation), .grace_us = 500000};
        fixture_open(f);
        return f;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        (void)at;
        return remove(path), 0;
}

void fixture_close(struct fixture *f)
{
        if (!f->x)
                return;
        executor_process.close(f->x);
        f->x = NULL;
        while (uv_run(&f->loop, UV_RUN_DEFAULT))
                ;
        assert_int_equal(uv_loop_close(&f->loop), 0);
}

int fixture_shepherd(struct fixture *f)
{
        char path[512], text[32] = "";
        snprintf(path, sizeof path, "%s/shepherd.lock", f->folder);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
                (void)!read(fd, text, sizeof text - 1);
                close(fd);
        }
        int pid = atoi(text);
        return pid > 0 && !kill(pid, 0) ? pid : 0;
}

void fixture_remove_folder(const char *path)
{
        for (int i = 0; i < 100 && nftw(path, drop, 16, FTW_DEPTH | FTW_PHYS) == 0 && !access(path, F_OK); i++)
                usleep(10000); /* a shepherd that is leaving may add a file */
}

void fixture_remove(struct fixture *f) { fixture_remove_folder(f->folder); }

void fixture_free(struct fixture *f)
{
        fixture_close(f);
        int pid = fixture_shepherd(f);
        if (pid)
                kill(pid, SIGKILL);
        fixture_remove(f);
        arena_free(f->arena);
        free(f);
}

struct task_spec fixture_sh(struct fixture *f, const char *script)
{
        struct str *argv = arena_alloc_array(f->arena, sizeof *argv, 3);
        argv[0] = STR("/bin/sh");
        argv[1] = STR("-c");
        argv[2] = str_from(script);
        return (struct task_spec){.command = argv, .command_n = 3};
}

void fixture_start(struct fixture *f, uint32_t node, const struct task_spec *spec)
{
        struct error e = {0};
        struct attempt_id id = fixture_id(node);
        if (!executor_process.start(f->x, &id, spec, &e))
                fail_msg("starting: %s", e.text);
}

static void wake(uv_timer_t *t) { *(bool *)t->data = true; }

static void until(struct fixture *f, const int *what, int64_t ms)
{
        uv_timer_t timer;
        bool over = false;
        uv_timer_init(&f->loop, &timer);
        timer.data = &over;
        uv_timer_start(&timer, wake, (uint64_t)ms, 0);
        while (!over && !(what && *what))
                uv_run(&f->loop, UV_RUN_ONCE);
        uv_close((uv_handle_t *)&timer, NULL);
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

void fixture_run_ms(struct fixture *f, int64_t ms) { until(f, NULL, ms); }

struct seen *fixture_wait(struct fixture *f, uint32_t node)
{
        struct seen *s = fixture_seen(f, node);
        until(f, &s->ended, 60000);
        if (!s->ended)
                fail_msg("attempt %u has not ended", node);
        return s;
}

void fixture_wait_started(struct fixture *f, uint32_t node)
{
        struct seen *s = fixture_seen(f, node);
        until(f, &s->started, 60000);
        assert_true(s->started);
}

struct seen *fixture_run(struct fixture *f, uint32_t node, const struct task_spec *spec)
{
        fixture_start(f, node, spec);
        return fixture_wait(f, node);
}

struct str fixture_log(struct fixture *f, uint32_t node)
{
        struct attempt_id id = fixture_id(node);
        struct str path = executor_process.log_path(f->set.folder, &id, f->arena);
        FILE *in = fopen(path.p, "re");
        if (!in)
                return STR("");
        size_t cap = 8 << 20;
        char *text = arena_alloc_raw(f->arena, cap, 1);
        size_t n = fread(text, 1, cap - 1, in);
        text[n] = 0;
        fclose(in);
        return (struct str){text, n};
}
