/* The shepherd: one small process per data folder. It starts tasks when Weft asks, reaps them, takes down their output with a time per line, and
 * outlives Weft; a Weft that comes back asks it what became of its tasks.
 *
 *   start ──▶ intent journaled ──▶ running ── main process exits ──▶ exited ── no kin left ──▶ ended: journaled, then told ── forget ──▶ gone
 *
 * S1  An attempt is started at most once: a second start of a known one only repeats what is known.
 * S2  The intent is in the journal before the process is made, its start before anybody is told, its exit before anybody is told.
 * S3  When the end of an attempt is told, none of its processes is alive (killed, if need be).
 * S4  A shepherd that takes over from a dead one kills what that one had running, and calls it lost, before it answers anybody.
 * S5  It never blocks on Weft: what it has to say is queued.
 * S6  It ends by itself when no Weft is connected and nothing runs; when its data folder is gone, so that no Weft can come back, it ends what runs. */
#include "executor/process/shepherd.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IDLE_MS = 3000, SWEEP_MS = 2, COMPACT_BYTES = 4 << 20, KEY_MAX = 400, WATCH_US = 2000 };
static const int64_t SWEEP_US = 30 * US_PER_S; /* how long a process may take to die of SIGKILL before its end is told all the same */

struct task **task_slot(struct shepherd *s, struct str key)
{
        uint32_t h = 2166136261u;
        for (size_t i = 0; i < key.n; i++)
                h = (h ^ (unsigned char)key.p[i]) * 16777619u;
        struct task **p = &s->table[h % BUCKETS];
        while (*p && !str_eq_c(key, (*p)->key))
                p = &(*p)->next;
        return p;
}

struct task *task_new(struct shepherd *s, struct str key)
{
        struct task *t = calloc(1, sizeof *t), **p;
        if (!t)
                abort();
        t->key = strndup(key.p, key.n);
        t->log = -1;
        t->streams[0].duct = t->streams[1].duct = (struct duct){-1, -1, 0};
        t->streams[0].letter = 'o';
        t->streams[1].letter = 'e';
        t->streams[0].line = t->streams[1].line = BUF(LINE_MAX_BYTES + 16);
        t->result = BUF(4 * RESULT_MAX);
        p = task_slot(s, key);
        t->next = *p;
        *p = t;
        s->known++;
        return t;
}

static void duct_close(struct duct *d)
{
        if (d->read >= 0) {
                close(d->read);
                close(d->write);
        }
        *d = (struct duct){-1, -1, 0};
}

void task_free(struct shepherd *s, struct task *t)
{
        *task_slot(s, str_from(t->key)) = t->next;
        s->known--;
        for (int i = 0; i < 2; i++) {
                duct_close(&t->streams[i].duct);
                buf_free(&t->streams[i].line);
        }
        if (t->log >= 0)
                close(t->log);
        if (t->status)
                munmap(t->status, sizeof *t->status);
        buf_free(&t->result);
        free(t->key);
        free(t->folder);
        free(t->message);
        free(t);
}

struct record record_of(const struct shepherd *s, const struct task *t, char kind)
{
        struct record r = t->start;
        r.kind = kind;
        r.key = str_from(t->key);
        r.boot = s->boot;
        return r;
}

/* S2: in one write for all that a turn has to note, before anything of it is told. */
static void journal_now(struct shepherd *s)
{
        s->journal_bytes += (int64_t)s->lines.n;
        if (s->lines.n && !journal_write(s->journal, &s->lines))
                fprintf(stderr, "weft shepherd: writing its journal: %s\n", strerror(errno));
}

/* ---- telling ---- */

static void tell_task(struct shepherd *s, struct task *t)
{
        if (s->owner < 0)
                return;
        struct buf *b = &s->frame;
        buf_clear(b);
        field_put(b, FIELD_KEY, str_from(t->key));
        field_int(b, FIELD_STARTED, t->start.started_us);
        if (t->start.private)
                field_int(b, FIELD_PRIVATE, 1);
        field_int(b, FIELD_SCRATCH, t->start.scratch);
        if (t->ended) {
                field_put(b, FIELD_END, (struct str){&t->end.kind, 1});
                field_int(b, FIELD_STATUS, t->end.status);
                field_int(b, FIELD_ENDED, t->end.ended_us);
                field_int(b, FIELD_CPU_US, t->end.cpu_us);
                field_int(b, FIELD_RSS, t->end.rss_bytes);
                if (t->end.oom)
                        field_int(b, FIELD_OOM, 1);
                if (t->message)
                        field_put(b, FIELD_MESSAGE, str_from(t->message));
        }
        frame_put(&s->out, buf_str(b));
        s->urgent |= t->ended || t->told;
        t->told = true;
}

static void epoll_set(struct shepherd *s, int op, int fd, uint32_t events, void *what)
{
        struct epoll_event x = {.events = events, .data.ptr = what};
        epoll_ctl(s->epoll, op, fd, &x);
}

/* A child that has not closed its copies yet (the parent goes on before execve does that) keeps what is behind a descriptor alive: closing
 * alone would not take it out of the queue. */
static void unwatch_close(struct shepherd *s, int fd)
{
        epoll_set(s, EPOLL_CTL_DEL, fd, 0, NULL);
        close(fd);
}

static void owner_gone(struct shepherd *s)
{
        if (s->owner >= 0)
                unwatch_close(s, s->owner);
        s->owner = -1;
        s->owner_waits = false;
        buf_clear(&s->in);
        buf_clear(&s->out);
}

/* That a task has begun can wait as long as its pipes are not watched: one that ends before is told of in one piece. */
static void tell_now(struct shepherd *s)
{
        if (s->owner < 0 || !s->out.n || (!s->urgent && !s->owner_waits && s->unwatched))
                return;
        s->urgent = false;
        journal_now(s);
        if (!frame_flush(s->owner, &s->out)) {
                owner_gone(s); /* it comes back and is told everything */
                return;
        }
        if (s->owner_waits != (s->out.n > 0)) {
                s->owner_waits = s->out.n > 0;
                epoll_set(s, EPOLL_CTL_MOD, s->owner, s->owner_waits ? EPOLLIN | EPOLLOUT : EPOLLIN, &s->owner);
        }
}

/* ---- ending ---- */

static void unwatch(struct shepherd *s, struct task *t)
{
        for (int i = 0; t->watched && i < 2; i++)
                epoll_set(s, EPOLL_CTL_DEL, t->streams[i].duct.read, 0, NULL);
        s->unwatched -= t->start.pid && !t->watched;
        t->watched = false;
}

/* Most tasks are over before it is worth the while to wait for what they say: it is read when they end. */
static void watch_overdue(struct shepherd *s)
{
        int64_t now = clock_us();
        EACH_TASK(s, t) {
                if (t->ended || !t->start.pid || t->watched || t->watch_at_us > now)
                        continue;
                for (int i = 0; i < 2; i++)
                        epoll_set(s, EPOLL_CTL_ADD, t->streams[i].duct.read, EPOLLIN, t);
                t->watched = true;
                s->unwatched--;
        }
}

/* "scratch/<device>.<inode>.<number>": this attempt's among all of the machine. */
static const char *scratch_name(struct shepherd *s, const struct task *t, struct arena *a)
{
        struct str prefix = s->scratch_prefix;
        size_t at = 0, next;
        if (t->start.scratch < 0 || !prefix.n)
                return NULL;
        while ((next = str_find(prefix, STR("/scratch/"), at)) != SIZE_MAX)
                at = next + 1;
        return arena_printf(a, "%.*s%lld", STR_FMT(str_sub(prefix, at, prefix.n)), (long long)t->start.scratch).p;
}

static const char *mount_of(struct shepherd *s, const struct task *t, struct arena *a)
{
        const char *name = t->start.private ? scratch_name(s, t, a) : NULL;
        return name ? arena_printf(a, "/%s/", name).p : NULL;
}

const char *group_of(struct shepherd *s, const struct task *t)
{
        const char *name = scratch_name(s, t, s->scratch);
        return name ? name + strlen("scratch/") : t->key;
}

static void group_end(struct shepherd *s, struct task *t)
{
        if (t->grouped)
                t->end.oom = cgroup_end(&s->cgroups, group_of(s, t));
        t->grouped = false;
}

struct kin kin_of(struct shepherd *s, const struct task *t, struct arena *a)
{
        return (struct kin){t->key, (int)t->start.pid, {(uint64_t)t->start.pipes[0], (uint64_t)t->start.pipes[1]}, mount_of(s, t, a)};
}

static int by_number(const void *a, const void *b) { return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b); }

/* Main processes that live, or wait to be reaped; sorted. */
static int *mains(struct shepherd *s, size_t *ret_n)
{
        int *pids = arena_alloc_array(s->scratch, sizeof *pids, s->running + 1u);
        size_t n = 0;
        EACH_TASK(s, x)
                if (x->start.pid && !x->exited && n < s->running)
                        pids[n++] = (int)x->start.pid;
        qsort(pids, n, sizeof *pids, by_number);
        *ret_n = n;
        return pids;
}

/* Signals what an attempt has running besides its main process; how many that were. */
static int signal_kin(struct shepherd *s, const struct task *t, int sig)
{
        size_t n;
        int *pids = mains(s, &n);
        struct kin k = kin_of(s, t, s->scratch);
        int below = t->exited ? 0 : descendants_signal((int)t->start.pid, sig);
        return below + kin_signal(&k, sig, pids, n);
}

/* `clean`: nobody is left who could write into its ducts. */
static void finish(struct shepherd *s, struct task *t, bool clean)
{
        unwatch(s, t);
        for (int i = 0; i < 2; i++) {
                struct stream *o = &t->streams[i];
                while (stream_drain(t, o, s->scratch) && clean) /* what is in the pipe is all there will be */
                        ;
                stream_flush(t, o, s->scratch);
                if (clean && s->ducts_n < DUCTS_KEPT && !fcntl(o->duct.write, F_SETFL, 0)) {
                        s->ducts[s->ducts_n++] = o->duct;
                        o->duct = (struct duct){-1, -1, 0};
                }
                duct_close(&o->duct);
        }
        if (t->log >= 0)
                close(t->log);
        t->log = -1;
        result_write(t);
        group_end(s, t);
        t->ended = true;
        s->sweeping--;
        s->running--;
        s->stopping -= t->stopping;
        journal_put(&s->lines, &t->end);
        tell_task(s, t);
}

/* S3: the main process is gone; so are the others, or they are killed, and then it has ended. */
static void sweep(struct shepherd *s, struct task *t)
{
        bool left = signal_kin(s, t, SIGKILL) > 0;
        if (!left || clock_us() >= t->sweep_until_us)
                finish(s, t, !left);
}

static void sweep_all(struct shepherd *s)
{
        size_t n;
        int *pids = mains(s, &n);
        bool strays = kin_strays(pids, n) > 0;
        EACH_TASK(s, t)
                if (t->exited && !t->ended) {
                        if (strays)
                                sweep(s, t);
                        else
                                finish(s, t, true);
                }
}

static void exited(struct shepherd *s, struct task *t, int status, const struct rusage *use)
{
        t->exited = true;
        if (t->status && WIFEXITED(status) && !WEXITSTATUS(status))
                status = *t->status;
        t->end = record_of(s, t, t->stopping ? RECORD_STOPPED : RECORD_EXIT);
        t->end.status = status;
        t->end.ended_us = clock_us();
        t->end.cpu_us = (use->ru_utime.tv_sec + use->ru_stime.tv_sec) * US_PER_S + use->ru_utime.tv_usec + use->ru_stime.tv_usec;
        t->end.rss_bytes = use->ru_maxrss * 1024;
        t->sweep_until_us = t->end.ended_us + SWEEP_US;
        s->sweeping++;
}

static void reap(struct shepherd *s)
{
        siginfo_t info;
        for (;;) {
                info.si_pid = 0;
                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
                        break;
                struct task *task = NULL;
                EACH_TASK(s, t)
                        if (!t->exited && t->start.pid == info.si_pid)
                                task = t;
                if (task)
                        kill(-info.si_pid, SIGKILL); /* its number cannot have been given away: it is not reaped yet */
                int status;
                struct rusage use;
                if (wait4(info.si_pid, &status, WNOHANG, &use) == info.si_pid && task)
                        exited(s, task, status, &use);
        }
        if (s->sweeping)
                sweep_all(s);
}

/* ---- starting ---- */

/* What the kernel's word leaves open about a command. */
static const char *not_run_hint(const char *path, int error)
{
        struct stat st;
        bool there = path && *path && !stat(path, &st);
        switch (error) {
        case E2BIG: return " (large values belong in files and artifacts, not in arguments and variables)";
        case ENOEXEC: return " (it is neither a program of this machine nor a script that begins with #!)";
        case EACCES: return there && S_ISDIR(st.st_mode) ? " (it is a folder)" : there && !(st.st_mode & 0111) ? " (it is not executable: chmod +x)" : "";
        case ENOENT: return there && S_ISREG(st.st_mode) ? " (it is there, but not what its first line names as its interpreter)" : "";
        default: return "";
        }
}

static void not_run(struct shepherd *s, struct task *t, const char *what, const char *subject, int error)
{
        char text[4096];
        snprintf(text, sizeof text, "%s %s: %s%s", what, subject ? subject : "", strerror(error), !strcmp(what, "starting the command") ? not_run_hint(subject, error) : "");
        t->message = strdup(text);
        t->exited = t->ended = true;
        t->end = record_of(s, t, RECORD_NOT_RUN);
        t->end.message = str_from(t->message);
        t->end.ended_us = clock_us();
        for (int i = 0; i < 2; i++)
                duct_close(&t->streams[i].duct);
        journal_put(&s->lines, &t->end);
        tell_task(s, t);
}

/* More tasks at once than the soft limit of descriptors allows: raised here, and put back in the children. */
static bool raise_files(struct shepherd *s)
{
        struct rlimit limit;
        if (s->files_max || getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max)
                return false;
        s->files_max = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        return !setrlimit(RLIMIT_NOFILE, &limit);
}

static bool duct_take(struct shepherd *s, struct duct *ret)
{
        int p[2];
        struct stat st;
        if (s->ducts_n) {
                *ret = s->ducts[--s->ducts_n];
                return true;
        }
        if (pipe2(p, O_CLOEXEC) && (errno != EMFILE || !raise_files(s) || pipe2(p, O_CLOEXEC)))
                return false;
        fcntl(p[0], F_SETFL, O_NONBLOCK);
        *ret = (struct duct){p[0], p[1], fstat(p[0], &st) ? 0 : (int64_t)st.st_ino};
        return true;
}

struct starting { struct starting *next; struct task *t; struct request r; };

/* The first half of a start: all that can be noted before there is a process. */
static struct task *prepare(struct shepherd *s, const struct request *r)
{
        struct task *t = *task_slot(s, r->key);
        if (t) { /* S1 */
                tell_task(s, t);
                return NULL;
        }
        if (!r->key.n || r->key.n > KEY_MAX || !r->folder.n || !r->spawn.argv[0])
                return NULL;
        t = task_new(s, r->key);
        t->folder = strndup(r->folder.p, r->folder.n);
        t->wants_result = r->wants_result;
        t->log_max = r->log_max;
        t->grace_us = r->grace_us;
        t->start.private = r->spawn.private;
        t->start.scratch = r->scratch;
        t->start.started_us = clock_us();
        for (int i = 0; i < 2; i++) {
                if (!duct_take(s, &t->streams[i].duct)) {
                        not_run(s, t, "making a pipe for its output", "", errno);
                        return NULL;
                }
                t->start.pipes[i] = t->streams[i].duct.id;
        }
        struct record intent = record_of(s, t, RECORD_INTENT);
        journal_put(&s->lines, &intent);
        return t;
}

/* By a control group, else by address space. */
static void limit(struct shepherd *s, struct task *t, const struct request *r, struct spawn *x)
{
        if (!r->spawn.memory_bytes && !r->cpu_milli)
                return;
        if (!s->cgroups.asked)
                cgroups_find(&s->cgroups);
        if (!r->spawn.memory_bytes && !s->cgroups.v2)
                return; /* the older hierarchy has a tree of its own for processor time */
        int fd = s->cgroups.usable ? cgroup_make(&s->cgroups, group_of(s, t), r->spawn.memory_bytes, r->cpu_milli) : -1;
        if (fd < 0)
                return;
        t->grouped = true;
        x->group = fd;
        x->memory_bytes = 0;
}

static void launch(struct shepherd *s, struct task *t, const struct request *r)
{
        struct spawn x = r->spawn;
        const char *step = "";
        x.in = s->null;
        x.out = t->streams[0].duct.write;
        x.err = t->streams[1].duct.write;
        x.files_max = s->files_max;
        limit(s, t, r, &x);
        if (x.sandbox)
                x.status = t->status = mmap(NULL, sizeof *t->status, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        t->start.start = boot_ticks();
        int pid = !x.path ? -ENOENT : x.status == MAP_FAILED ? -ENOMEM : spawn_process(&x, &step);
        t->start.slack = boot_ticks() - t->start.start;
        if (x.group)
                close(x.group);
        if (x.status == MAP_FAILED)
                t->status = NULL;
        if (pid < 0) {
                group_end(s, t);
                not_run(s, t, step, !strcmp(step, "entering the working folder") ? x.cwd : x.path, -pid);
                return;
        }
        t->start.pid = pid;
        t->watch_at_us = t->start.started_us + WATCH_US;
        s->running++;
        s->unwatched++;
        struct record began = record_of(s, t, RECORD_START);
        journal_put(&s->lines, &began);
        tell_task(s, t);
}

/* S2: the intents are in the journal before the first process is made. */
static void launch_all(struct shepherd *s, struct starting **list)
{
        if (*list)
                journal_now(s);
        for (struct starting *x = *list; x; x = x->next)
                launch(s, x->t, &x->r);
        *list = NULL;
}

/* ---- stopping ---- */

static void tell_unknown(struct shepherd *s, struct str key)
{
        const char unknown = END_UNKNOWN;
        buf_clear(&s->frame);
        field_put(&s->frame, FIELD_KEY, key);
        field_put(&s->frame, FIELD_END, (struct str){&unknown, 1});
        frame_put(&s->out, buf_str(&s->frame));
        s->urgent = true;
}

static void stop(struct shepherd *s, struct str key)
{
        reap(s); /* what has ended already was not stopped */
        struct task *t = *task_slot(s, key);
        if (!t) {
                tell_unknown(s, key);
                return;
        }
        if (t->ended) {
                tell_task(s, t);
                return;
        }
        if (t->stopping || t->exited)
                return;
        t->stopping = true;
        s->stopping++;
        t->kill_at_us = clock_us() + t->grace_us;
        signal_kin(s, t, SIGTERM);
        kill((int)-t->start.pid, SIGTERM);
}

/* S6 */
static void end_orphans(struct shepherd *s)
{
        struct stat st;
        if (fstat(s->dir, &st) || st.st_nlink)
                return;
        EACH_TASK(s, t)
                if (!t->ended && !t->exited && !t->stopping) {
                        t->stopping = true;
                        t->kill_at_us = 0;
                        s->stopping++;
                }
}

static void kill_overdue(struct shepherd *s)
{
        int64_t now = clock_us();
        EACH_TASK(s, t)
                if (t->stopping && !t->exited && t->kill_at_us <= now) {
                        signal_kin(s, t, SIGKILL);
                        kill((int)-t->start.pid, SIGKILL);
                        kill((int)t->start.pid, SIGKILL);
                        t->kill_at_us = now + US_PER_S / 10; /* again, should something have slipped through */
                }
}

/* ---- the journal's length ---- */

/* Writes what is still known to a new journal when most of the old one is about attempts that are forgotten. */
static void compact(struct shepherd *s)
{
        if (s->journal_bytes < COMPACT_BYTES || s->journal_bytes < (int64_t)s->known * 2000)
                return;
        char new[4096], old[4096];
        snprintf(new, sizeof new, "%s/shepherd.journal.new", s->folder);
        snprintf(old, sizeof old, "%s/shepherd.journal", s->folder);
        int fd = open(new, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        EACH_TASK(s, t) {
                struct record r = t->ended ? t->end : record_of(s, t, RECORD_START);
                journal_put(&s->lines, &r);
        }
        s->journal_bytes = (int64_t)s->lines.n;
        if (fd >= 0 && journal_write(fd, &s->lines) && !rename(new, old)) {
                close(s->journal);
                s->journal = fd;
        } else if (fd >= 0)
                close(fd);
        buf_clear(&s->lines);
}

static void forget(struct shepherd *s, struct str key)
{
        struct task *t = *task_slot(s, key);
        if (!t || !t->ended)
                return;
        struct record r = record_of(s, t, RECORD_FORGET);
        r.key = key;
        journal_put(&s->lines, &r);
        task_free(s, t);
}

/* ---- the loop ---- */

static void from_owner(struct shepherd *s)
{
        static char data[65536];
        ssize_t n = recv(s->owner, data, sizeof data, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                owner_gone(s);
                return;
        }
        buf_add(&s->in, (struct str){data, (size_t)n});
        size_t at = 0;
        struct str frame;
        struct starting *starts = NULL, **end = &starts;
        while (frame_take(&s->in, &at, &frame)) {
                struct starting *x = ARENA_NEW(s->scratch, struct starting);
                request_read(frame, s->scratch, &x->r);
                if (str_eq_c(x->r.what, "start")) {
                        x->t = prepare(s, &x->r);
                        if (x->t) {
                                *end = x;
                                end = &x->next;
                        }
                } else if (str_eq_c(x->r.what, "stop")) {
                        launch_all(s, &starts);
                        end = &starts;
                        stop(s, x->r.key);
                } else if (str_eq_c(x->r.what, "forget"))
                        forget(s, x->r.key);
        }
        launch_all(s, &starts);
        frame_drop(&s->in, at);
}

static void greet(struct shepherd *s, int fd)
{
        owner_gone(s);
        s->owner = fd;
        epoll_set(s, EPOLL_CTL_ADD, fd, EPOLLIN, &s->owner);
        EACH_TASK(s, t)
                tell_task(s, t);
        buf_clear(&s->frame);
        field_int(&s->frame, FIELD_GREETED, 1);
        frame_put(&s->out, buf_str(&s->frame));
        s->urgent = true;
}

static void accept_owner(struct shepherd *s)
{
        struct ucred who;
        socklen_t size = sizeof who;
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
                return;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) || (who.uid != geteuid() && who.uid != 0)) {
                close(fd);
                return;
        }
        greet(s, fd);
}

static int timeout_ms(const struct shepherd *s)
{
        if (s->sweeping || s->unwatched)
                return SWEEP_MS;
        if (!s->stopping)
                return s->owner < 0 ? IDLE_MS : -1;
        int64_t now = clock_us(), least = INT64_MAX;
        EACH_TASK(s, t)
                if (t->stopping && !t->exited && t->kill_at_us < least)
                        least = t->kill_at_us;
        return least <= now ? 0 : least == INT64_MAX ? SWEEP_MS : (int)((least - now) / 1000 + 1);
}

/* A turn of the loop. Requests come last: only they free tasks, which the events before them point to. */
static bool turn(struct shepherd *s)
{
        enum { EVENTS = 64 };
        struct epoll_event events[EVENTS];
        bool child = false, owner = false, listener = false;
        int n = epoll_wait(s->epoll, events, EVENTS, timeout_ms(s));
        for (int i = 0; i < n; i++) {
                void *what = events[i].data.ptr;
                if (what == &s->signals)
                        child = true;
                else if (what == &s->owner)
                        owner = true;
                else if (what == &s->listener)
                        listener = true;
                else
                        for (int k = 0; k < 2; k++)
                                stream_drain(what, &((struct task *)what)->streams[k], s->scratch);
        }
        if (child) {
                struct signalfd_siginfo info;
                (void)!read(s->signals, &info, sizeof info);
                reap(s);
        }
        if (s->sweeping && !n)
                sweep_all(s);
        if (s->unwatched)
                watch_overdue(s);
        if (!n && s->owner < 0 && s->running)
                end_orphans(s);
        if (s->stopping)
                kill_overdue(s);
        if (owner && s->owner >= 0)
                from_owner(s);
        if (listener)
                accept_owner(s);
        tell_now(s);
        journal_now(s);
        compact(s);
        arena_reset(s->scratch);
        return n != 0 || s->owner >= 0 || s->running;
}

static bool lock(const char *folder)
{
        char path[4096], pid[32];
        snprintf(path, sizeof path, "%s/shepherd.lock", folder);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); i++) { /* the one before may be on its way out */
                if (i == 100) {
                        close(fd);
                        return false;
                }
                usleep(10000);
        }
        int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
        return fd >= 0 && !ftruncate(fd, 0) && write(fd, pid, (size_t)n) == n;
}

/* Blocked here rather than ignored, so that a child only has to open the mask to have every signal's default action. */
static void keep_signals_out(void)
{
        static const int blocked[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP};
        sigset_t mask;
        sigemptyset(&mask);
        for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
                sigaddset(&mask, blocked[i]);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        for (int i = 1; i < NSIG; i++)
                signal(i, SIG_DFL);
}

static bool set_up(struct shepherd *s, struct error *e)
{
        char path[4096];
        sigset_t mask;
        snprintf(path, sizeof path, "%s/shepherd.journal", s->folder);
        s->journal = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (s->journal < 0)
                return error_set(e, ERROR_IO, "opening %s: %s", path, strerror(errno));
        journal_read(path, recovered, s);
        if (write(s->journal, "\n", s->known > 0) < 0) /* behind a torn line */
                return error_set(e, ERROR_IO, "writing %s: %s", path, strerror(errno));
        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        keep_signals_out();
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core); /* of the children */
        s->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (s->null < 0)
                return error_set(e, ERROR_IO, "opening /dev/null: %s", strerror(errno));
        s->dir = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        s->scratch_prefix = scratch_prefix(str_from(s->folder), s->arena);
        take_over(s);
        journal_now(s);
        s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        s->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (s->signals < 0 || s->epoll < 0)
                return error_set(e, ERROR_IO, "making its event queue: %s", strerror(errno));
        s->listener = socket_in(str_from(s->folder), "shepherd.socket", true, e);
        if (s->listener < 0)
                return false;
        epoll_set(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, &s->signals);
        epoll_set(s, EPOLL_CTL_ADD, s->listener, EPOLLIN, &s->listener);
        return true;
}

int shepherd_main(int argc, char **argv)
{
        struct error e = {0};
        if (argc < 2 || argv[argc - 1][0] != '/' || strlen(argv[argc - 1]) > 3800) {
                fprintf(stderr, "weft shepherd: started by weft itself, with the whole path of a data folder\n");
                return 2;
        }
        struct shepherd s = {.folder = argv[argc - 1], .owner = -1, .in = BUF(2u * FRAME_MAX), .out = BUF(QUEUE_MAX), .lines = BUF(QUEUE_MAX), .frame = BUF(1 << 20), .arena = arena_new(), .scratch = arena_new()};
        struct stat st;
        bool owned = !fstat(OWNER_FD, &st) && S_ISSOCK(st.st_mode) && !fcntl(OWNER_FD, F_SETFD, FD_CLOEXEC); /* before anything else is opened */
        if (!lock(s.folder))
                return 0; /* another is there */
        if (chdir("/")) /* it must not hold on to a folder that somebody wants to unmount */
                fprintf(stderr, "weft shepherd: entering /: %s\n", strerror(errno));
        s.boot = boot_id(s.arena);
        if (!set_up(&s, &e)) {
                fprintf(stderr, "weft shepherd: %s\n", e.text);
                return 3;
        }
        if (owned) {
                greet(&s, OWNER_FD);
                tell_now(&s);
        }
        while (turn(&s))
                ;
        char path[4096];
        snprintf(path, sizeof path, "%s/shepherd.socket", s.folder);
        unlink(path); /* who connected in this moment sees the end, and starts another */
        for (size_t i = 0; i < BUCKETS; i++)
                while (s.table[i])
                        task_free(&s, s.table[i]);
        journal_now(&s);
        if (!s.known && ftruncate(s.journal, 0))
                fprintf(stderr, "weft shepherd: emptying its journal: %s\n", strerror(errno));
        for (uint32_t i = 0; i < s.ducts_n; i++)
                duct_close(&s.ducts[i]);
        buf_free(&s.in);
        buf_free(&s.out);
        buf_free(&s.lines);
        buf_free(&s.frame);
        arena_free(s.scratch);
        arena_free(s.arena);
        return 0;
}
