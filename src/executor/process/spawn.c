/* Starting one process. The child is cloned like vfork (memory shared, parent held until exec), so that its cost does not depend on the size of
 * the parent; in the child only system calls are made. Isolation adds a mount namespace to the same call.
 *
 * The sandbox has a PID namespace too, whose first process reaps and whose end ends all others: that one is a fork of the shepherd (small as it is),
 * and the command is its child. It stays in the session's group, so that signals to the group reach the command. */
#include "executor/process/process.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEEP_MAX = 64 };

struct failure { int error; const char *step; };
struct child { const struct spawn *s; struct failure f; unsigned uid, gid; bool user_ns; int report; };

static bool fail(struct child *c, const char *step)
{
        c->f = (struct failure){errno, step};
        return false;
}

static bool put(const char *path, const char *text, size_t n)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;
        if (fd >= 0)
                close(fd);
        return ok;
}

/* snprintf is not safe here. */
static size_t decimal(char *o, unsigned v)
{
        char t[12];
        size_t n = 0, k = 0;
        do
                t[n++] = (char)('0' + v % 10);
        while (v /= 10);
        while (n)
                o[k++] = t[--n];
        return k;
}

static bool map_user(struct child *c)
{
        char t[64];
        size_t n = decimal(t, c->uid);
        t[n++] = ' ';
        n += decimal(t + n, c->uid);
        memcpy(t + n, " 1", 2);
        if (!put("/proc/self/setgroups", "deny", 4) || !put("/proc/self/uid_map", t, n + 2))
                return fail(c, "mapping the user");
        n = decimal(t, c->gid);
        t[n++] = ' ';
        n += decimal(t + n, c->gid);
        memcpy(t + n, " 1", 2);
        return put("/proc/self/gid_map", t, n + 2) || fail(c, "mapping the group");
}

static size_t append(char *o, size_t n, const char *s)
{
        while (*s && n < 4094)
                o[n++] = *s++;
        o[n] = 0;
        return n;
}

static void make_way(char *path) /* the folder and those above it, where it can */
{
        for (size_t i = 1;; i++)
                if (path[i] == '/' || !path[i]) {
                        char old = path[i];
                        path[i] = 0;
                        mkdir(path, 0755);
                        path[i] = old;
                        if (!old)
                                return;
                }
}

static bool overlay(struct child *c, const struct mount_over *m)
{
        char t[4096];
        size_t n = append(t, 0, "lowerdir=");
        n = append(t, n, m->to);
        n = append(t, n, ",upperdir=");
        n = append(t, n, m->upper);
        n = append(t, n, ",workdir=");
        n = append(t, n, m->work);
        append(t, n, c->user_ns ? ",userxattr" : "");
        return !mount("overlay", m->to, "overlay", 0, t) || fail(c, "laying the task's files over a folder");
}

/* Each entry of the folder appears in `upper`, which then takes the folder's place. */
static bool mirror(struct child *c, const struct mount_over *m)
{
        char from[4096], to[4096];
        bool root = !m->to[1];
        size_t f = append(from, 0, root ? "" : m->to), t = append(to, 0, m->upper);
        f = append(from, f, "/");
        t = append(to, t, "/");
        for (char *const *e = m->entries; e && *e; e++) {
                append(from, f, *e);
                append(to, t, *e);
                mount(from, to, NULL, MS_BIND | MS_REC, NULL); /* one that vanished meanwhile is not missed */
        }
        if (mount(m->upper, root ? m->upper : m->to, NULL, MS_BIND | MS_REC, NULL))
                return fail(c, "putting the task's files in the place of a folder");
        return !root || !chroot(m->upper) || fail(c, "entering the task's root folder");
}

struct mount_flags { uint64_t set, clear, propagation, userns; };

static bool flags_change(const char *path, bool below, uint64_t set, uint64_t clear)
{
        enum { RECURSIVE = 0x8000, MOUNT_SETATTR = 442 };
        struct mount_flags m = {set, clear, 0, 0};
        return !syscall(MOUNT_SETATTR, AT_FDCWD, path, below ? RECURSIVE : 0, &m, sizeof m);
}

static bool read_only(struct child *c)
{
        const struct spawn *s = c->s;
        enum { RDONLY = 1 };
        for (char *const *w = s->writable; w && *w; w++)
                if (mount(*w, *w, NULL, MS_BIND | MS_REC, NULL))
                        return fail(c, "keeping the folder of an output writable");
        if (!flags_change("/", true, RDONLY, 0))
                return fail(c, "making the machine read-only");
        bool ok = !s->tmp || flags_change("/tmp", false, 0, RDONLY);
        for (size_t i = 0; i < s->mounts_n; i++)
                ok = flags_change(s->mounts[i].to, false, 0, RDONLY) && ok;
        for (char *const *w = s->writable; w && *w; w++)
                ok = flags_change(*w, true, 0, RDONLY) && ok;
        return ok || fail(c, "keeping the task's own folders writable");
}

static bool isolate(struct child *c)
{
        const struct spawn *s = c->s;
        int keep[KEEP_MAX];
        size_t keep_n = 0;
        if (c->user_ns && !map_user(c))
                return false;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
                return fail(c, "making the mounts private");
        for (char *const *k = s->keep; k && *k && keep_n < KEEP_MAX; k++)
                keep[keep_n++] = open(*k, O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < s->mounts_n && s->mounts[i].to[1]; i++)
                if (!(s->mounts[i].work ? overlay(c, &s->mounts[i]) : mirror(c, &s->mounts[i])))
                        return false;
        if (s->tmp && mount(s->tmp, "/tmp", NULL, MS_BIND, NULL))
                return fail(c, "making a private /tmp");
        for (size_t i = 0; i < keep_n; i++) {
                char from[64] = "/proc/self/fd/", to[4096];
                if (keep[i] < 0)
                        continue;
                from[14 + decimal(from + 14, (unsigned)keep[i])] = 0;
                append(to, 0, s->keep[i]);
                make_way(to);
                if (mount(from, to, NULL, MS_BIND | MS_REC, NULL))
                        return fail(c, "showing the data folder");
                close(keep[i]);
        }
        if (s->sandbox)
                mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL); /* without it ps shows nothing, which harms nobody */
        if (s->mounts_n && !s->mounts[s->mounts_n - 1].to[1] && !mirror(c, &s->mounts[s->mounts_n - 1]))
                return false;
        return !s->sandbox || read_only(c);
}

/* The last of the child: never comes back on success. */
static void run(struct child *c)
{
        const struct spawn *s = c->s;
        if (s->cwd && chdir(s->cwd)) {
                fail(c, "entering the working folder");
                return;
        }
        if (s->memory_bytes) {
                struct rlimit limit = {(rlim_t)s->memory_bytes, (rlim_t)s->memory_bytes};
                setrlimit(RLIMIT_AS, &limit);
        }
        struct rlimit files;
        if (s->files_max && !getrlimit(RLIMIT_NOFILE, &files)) {
                files.rlim_cur = s->files_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }
        if (s->sandbox)
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        execve(s->path, s->argv, s->envp);
        fail(c, "starting the command");
}

/* Signals have their default action in the shepherd, which blocks what it does not want. */
static bool prepare(struct child *c)
{
        const struct spawn *s = c->s;
        sigset_t nothing;
        sigemptyset(&nothing);
        sigprocmask(SIG_SETMASK, &nothing, NULL);
        setsid();
        if (s->path && (dup2(s->in, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->err, 2) < 0))
                return fail(c, "connecting its output");
        if (s->group > 0 && write(s->group, "0", 1) != 1)
                return fail(c, "entering its control group");
        return !s->private || isolate(c);
}

static int child_main(void *user)
{
        struct child *c = user;
        if (prepare(c) && c->s->path)
                run(c);
        _exit(c->f.error ? 126 : 0);
}

static void report(const struct child *c)
{
        struct failure f = c->f;
        (void)!write(c->report, &f, sizeof f);
}

/* The first process of a PID namespace; a fork, so its memory is its own. */
static int first_main(void *user)
{
        struct child *c = user;
        if (prepare(c) && c->s->path) {
                pid_t pid = fork(), ended;
                int status;
                if (!pid) {
                        run(c);
                        report(c);
                        _exit(126);
                }
                if (pid < 0)
                        fail(c, "starting the command");
                else {
                        syscall(SYS_close_range, 0u, ~0u, 0u);
                        while ((ended = wait(&status)) != pid)
                                if (ended < 0 && errno != EINTR)
                                        break;
                        *c->s->status = status;
                        _exit(0);
                }
        }
        if (c->f.error)
                report(c);
        _exit(c->f.error ? 126 : 0);
}

static int clone_and_learn(struct child *c, int flags)
{
        enum { STACK = 256 << 10 };
        static _Alignas(16) char stack[STACK]; /* the parent waits, or has its own copy: one is enough */
        int report[2] = {-1, -1};
        if (c->s->sandbox && pipe2(report, O_CLOEXEC))
                return -1;
        c->report = report[1];
        sigset_t all, old;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old);
        int pid = clone(c->s->sandbox ? first_main : child_main, stack + STACK, flags | SIGCHLD | (c->s->sandbox ? 0 : CLONE_VM | CLONE_VFORK), c);
        int error = errno;
        sigprocmask(SIG_SETMASK, &old, NULL);
        if (c->s->sandbox) {
                close(report[1]);
                while (pid > 0 && read(report[0], &c->f, sizeof c->f) < 0 && errno == EINTR)
                        ;
                close(report[0]);
        }
        errno = error;
        return pid;
}

int spawn_process(const struct spawn *s, const char **step)
{
        static unsigned uid, gid;
        static bool asked;
        if (!asked) {
                uid = geteuid();
                gid = getegid();
                asked = true;
        }
        struct child c = {.s = s, .uid = uid, .gid = gid, .user_ns = s->private && uid != 0};
        int flags = (s->private ? CLONE_NEWNS : 0) | (c.user_ns ? CLONE_NEWUSER : 0) |
                    (s->sandbox ? CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS : 0);
        int pid = clone_and_learn(&c, flags);
        if (pid < 0) {
                *step = s->private ? "making namespaces" : "making a process";
                return -errno;
        }
        if (c.f.error) {
                waitpid(pid, NULL, 0);
                *step = c.f.step;
                return -c.f.error;
        }
        return pid;
}

int spawn_try(struct spawn *s, const char **step)
{
        int status, pid = spawn_process(s, step);
        if (pid < 0)
                return -pid;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return 0;
}
