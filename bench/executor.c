/* What the process executor adds to a task: executor FOLDER ISOLATION N AT_ONCE runs N times /bin/true, AT_ONCE at a time, with posix_spawn and wait and
 * then through the executor, and prints microseconds of CPU a task: of this process (Weft's side), of the shepherd, of the tasks themselves. */
#include "executor/executor.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

struct bench { struct executor *x; uv_loop_t loop; int n, started, ended, bad; struct task_spec spec; };

static double seconds(const struct rusage *u) { return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6; }

static double own(int who)
{
        struct rusage u;
        getrusage(who, &u);
        return seconds(&u);
}

/* On the processor so far, of another process. */
static double of_pid(int pid)
{
        char path[64];
        unsigned long long ns = 0;
        snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
        FILE *f = fopen(path, "re");
        if (f && fscanf(f, "%llu", &ns) != 1)
                ns = 0;
        if (f)
                fclose(f);
        return (double)ns / 1e9;
}

static void start_next(struct bench *b)
{
        struct error e = {0};
        if (b->started == b->n)
                return;
        struct attempt_id id = {STR("0f0f0f0f-0000-4000-8000-00000000be4c"), (uint32_t)++b->started, 0, 1};
        if (!b->x || !executor_process.start(b->x, &id, &b->spec, &e)) {
                fprintf(stderr, "starting: %s\n", e.text);
                exit(1);
        }
}

static void sink(void *user, const struct executor_event *ev)
{
        struct bench *b = user;
        if (ev->kind != EXECUTOR_ENDED)
                return;
        b->ended++;
        b->bad += ev->outcome->end != TASK_EXITED || ev->outcome->exit_code != 0;
        executor_process.forget(b->x, &ev->id);
        start_next(b);
}

static void yardstick(int n, int at_once)
{
        extern char **environ;
        char *argv[] = {(char *)"/bin/true", NULL};
        double self = own(RUSAGE_SELF), children = own(RUSAGE_CHILDREN);
        for (int started = 0, running = 0; started < n || running;) {
                pid_t pid;
                if (started < n && running < at_once) {
                        if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ))
                                exit(1);
                        started++;
                        running++;
                } else if (wait(NULL) > 0)
                        running--;
        }
        self = own(RUSAGE_SELF) - self;
        children = own(RUSAGE_CHILDREN) - children;
        printf("%-10s total %6.0f us: parent %5.0f, tasks %5.0f\n", "bare loop", (self + children) / n * 1e6, self / n * 1e6, children / n * 1e6);
}

static int shepherd_pid(const char *folder)
{
        char path[4096];
        int pid = 0;
        snprintf(path, sizeof path, "%s/shepherd.lock", folder);
        FILE *f = fopen(path, "re");
        if (f && fscanf(f, "%d", &pid) != 1)
                pid = 0;
        if (f)
                fclose(f);
        return pid;
}

int main(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "shepherd") == 0)
                return shepherd_main(argc, argv);
        if (argc < 5) {
                fprintf(stderr, "usage: executor FOLDER ISOLATION N AT_ONCE\n");
                return 2;
        }
        struct str command[] = {STR("/bin/true")};
        struct bench b = {.n = atoi(argv[3]), .spec = {.command = command, .command_n = 1}};
        struct executor_settings set = {.folder = str_from(argv[1]), .self_exe = STR("/proc/self/exe"), .isolation = str_from(argv[2])};
        struct error e = {0};
        int at_once = atoi(argv[4]);
        yardstick(b.n, at_once);
        uv_loop_init(&b.loop);
        if (!executor_process.open(&set, &b.loop, sink, &b, &b.x, &e)) {
                fprintf(stderr, "%s\n", e.text);
                return 1;
        }
        struct attempt_id none = {STR("0f0f0f0f-0000-4000-8000-00000000be4c"), 0, 0, 0};
        bool known;
        executor_process.adopt(b.x, &none, &b.spec, &known, &e); /* the shepherd is up */
        int pid = shepherd_pid(argv[1]);
        double self = own(RUSAGE_SELF), shepherd = of_pid(pid), wall = (double)uv_hrtime() / 1e9;
        long long child_before = 0;
        for (int i = 0; i < at_once; i++)
                start_next(&b);
        while (b.ended < b.n)
                uv_run(&b.loop, UV_RUN_ONCE);
        self = own(RUSAGE_SELF) - self;
        shepherd = of_pid(pid) - shepherd;
        wall = (double)uv_hrtime() / 1e9 - wall;
        (void)child_before;
        char path[64], text[1024] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = fopen(path, "re");
        long long cutime = 0, cstime = 0;
        if (f && fgets(text, sizeof text, f)) {
                const char *p = strrchr(text, ')');
                if (p)
                        sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lld %lld", &cutime, &cstime);
        }
        if (f)
                fclose(f);
        double tasks = (double)(cutime + cstime) / (double)sysconf(_SC_CLK_TCK);
        printf("%-10s total %6.0f us: Weft %5.0f, shepherd %5.0f, tasks %5.0f; wall %5.0f; %d failed\n", argv[2], (self + shepherd + tasks) / b.n * 1e6, self / b.n * 1e6,
               shepherd / b.n * 1e6, tasks / b.n * 1e6, wall / b.n * 1e6, b.bad);
        executor_process.close(b.x);
        while (uv_run(&b.loop, UV_RUN_DEFAULT))
                ;
        uv_loop_close(&b.loop);
        return b.bad != 0;
}
