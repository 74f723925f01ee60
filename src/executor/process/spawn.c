/* Starting one process. The child is cloned like vfork (memory shared, parent held until exec), so that its cost does not depend on the size of
 * the parent; in the child only system calls are made. Isolation adds a mount namespace to the same call.
 *
 * The sandbox has a PID namespace too, whose first process reaps and whose end ends all others: that one is a fork of the shepherd (small as it is),
 * and the command is its child. It stays in the session's group, so that signals to the group reach the command. */
#include "executor/process/process.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
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

/* Nothing that a task may have left there as a link leads out of the folder. */
static int open_below(int folder, const char *path)
{
        struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
        return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static bool show(struct child *c, int folder, const char *path)
{
        size_t n = strlen(c->s->hide);
        char from[64] = "/proc/self/fd/", to[4096];
        struct stat st;
        if (strncmp(path, c->s->hide, n) || path[n] != '/')
                return true;
        int fd = open_below(folder, path + n + 1);
        if (fd < 0)
                return true; /* what is not there is not shown */
        bool ok = !fstat(fd, &st) && (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode));
        if (ok) {
                size_t end = append(to, 0, path);
                while (S_ISREG(st.st_mode) && to[end] != '/')
                        end--;
                to[end] = 0;
                make_way(to);
                int made = S_ISREG(st.st_mode) ? open(path, O_CREAT | O_CLOEXEC, 0644) : -1;
                if (made >= 0)
                        close(made);
                from[14 + decimal(from + 14, (unsigned)fd)] = 0;
                ok = !mount(from, path, NULL, MS_BIND | MS_REC, NULL);
        } else
                errno = EINVAL;
        close(fd);
        return ok || fail(c, "showing the task its inputs");
}

/* The data folder holds the database, the sockets, the logs and everybody's artifacts: of it the task sees its own. The sockets of the machine's
 * services are out of its sight too. */
static bool veil(struct child *c)
{
        const struct spawn *s = c->s;
        if (!s->hide)
                return true;
        int folder = open(s->hide, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
                return fail(c, "finding the data folder");
        if (mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") && errno != ENOENT)
                return fail(c, "hiding the sockets of services");
        make_way(memcpy((char[4096]){0}, s->hide, strnlen(s->hide, 4095)));
        if (mount("data", s->hide, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m"))
                return fail(c, "hiding the data folder");
        for (char *const *p = s->show; p && *p; p++)
                if (!show(c, folder, *p))
                        return false;
        for (char *const *p = s->writable; p && *p; p++)
                if (!show(c, folder, *p))
                        return false;
        close(folder);
        return true;
}

/* What a task never needs and an attack begins with. A list of what is refused, for what programs need is anybody's guess. */
static bool filter(struct child *c)
{
#if defined __x86_64__
        enum { ARCH = AUDIT_ARCH_X86_64 };
#elif defined __aarch64__
        enum { ARCH = AUDIT_ARCH_AARCH64 };
#else
#error "the sandbox has no filter of system calls for this processor"
#endif
        enum { NAMESPACES = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP, X32 = 0x40000000 };
        static const unsigned refused[] = {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns,
                SYS_unshare, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, 442 /* mount_setattr */, SYS_open_by_handle_at, SYS_name_to_handle_at,
                SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_kexec_load,
                SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_acct, SYS_quotactl, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex,
                SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_syslog, SYS_mknodat,
#ifdef SYS_mknod
                SYS_mknod,
#endif
        };
        enum { N = sizeof refused / sizeof *refused };
        struct sock_filter f[2 * N + 16];
        unsigned short n = 0;
        f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1); /* its flags are in memory; libraries fall back to clone */
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
        for (size_t i = 0; i < N; i++) {
                f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i], 0, 1);
                f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
        }
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])); /* the low half: both processors are little-endian */
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = {n, f};
        return !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) || fail(c, "setting the filter of system calls");
}

/* Also root is nobody afterwards: what execve would give back is out of the bounding set. */
static bool give_up_power(struct child *c)
{
        enum { CAPABILITIES = 64 };
        for (int i = 0; i < CAPABILITIES; i++)
                if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) && errno != EINVAL)
                        return fail(c, "giving up capabilities");
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
                return fail(c, "giving up new privileges");
        struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct none[2] = {0};
        return !syscall(SYS_capset, &head, none) || fail(c, "giving up capabilities");
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
        return !s->sandbox || (veil(c) && read_only(c));
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
        if (s->sandbox && (!give_up_power(c) || !filter(c)))
                return;
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
                        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* its environment and memory are the shepherd's */
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
