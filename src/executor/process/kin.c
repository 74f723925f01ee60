/* Which processes belong to an attempt.
 *
 * A task may fork, start sessions, wipe its environment and lose its parents: the shepherd is the subreaper, so whoever lost its parents
 * becomes its child. Such a child is kin of an attempt when one of four things says so: the session it was born in, the mark in its environment, the
 * pipe its output goes to, or, with private mounts, where its mounts come from. All of these look at /proc, and only when something ends. */
#include "executor/process/process.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXITING = 4 }; /* PF_EXITING of the kernel's flags */
enum { DEPTH_MAX = 100 }; /* what is deeper comes to the shepherd when what is above has died */

static struct str proc_read(int pid, const char *name, char *data, size_t size)
{
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t n = 0;
        while (fd >= 0 && n < size - 1) {
                ssize_t k = read(fd, data + n, size - 1 - n);
                if (k <= 0)
                        break;
                n += (size_t)k;
        }
        if (fd >= 0)
                close(fd);
        data[n] = 0;
        return (struct str){data, n};
}

struct stat_line { char state; bool dying; int session; int64_t start; };

static bool stat_of(int pid, struct stat_line *ret)
{
        char t[1024];
        proc_read(pid, "stat", t, sizeof t);
        const char *p = strrchr(t, ')'); /* the name may hold anything */
        if (!p || !p[1])
                return false;
        ret->state = p[2];
        for (int i = 0; p && i < 4; i++)
                p = strchr(p + 1, ' ');
        ret->session = p ? atoi(p) : 0;
        for (int i = 0; p && i < 3; i++)
                p = strchr(p + 1, ' ');
        ret->dying = p && strtoull(p + 1, NULL, 10) & EXITING;
        for (int i = 0; p && i < 13; i++)
                p = strchr(p + 1, ' ');
        ret->start = p ? strtoll(p + 1, NULL, 10) : 0;
        return ret->state != 'Z' && ret->state != 'X';
}

int64_t process_start_time(int pid)
{
        struct stat_line s;
        return stat_of(pid, &s) ? s.start : 0;
}

static bool marked(int pid, const char *key)
{
        static char data[1 << 20];
        struct str all = proc_read(pid, "environ", data, sizeof data), mark = STR("WEFT_ATTEMPT=");
        size_t at = 0, k = strlen(key);
        while ((at = str_find(all, mark, at)) != SIZE_MAX) {
                at += mark.n;
                if (all.n >= at + k && !memcmp(all.p + at, key, k) && (all.n == at + k || !all.p[at + k]))
                        return true;
        }
        return false;
}

static bool writes_to(int pid, const uint64_t *pipes)
{
        char path[64], link[64], want[64];
        for (int fd = 1; fd <= 2; fd++) {
                snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
                ssize_t n = readlink(path, link, sizeof link - 1);
                if (n <= 0)
                        continue;
                link[n] = 0;
                for (int i = 0; i < 2; i++) {
                        snprintf(want, sizeof want, "pipe:[%llu]", (unsigned long long)pipes[i]);
                        if (pipes[i] && !strcmp(link, want))
                                return true;
                }
        }
        return false;
}

static bool mounts_of(int pid, const char *want)
{
        static char data[1 << 20];
        return str_find(proc_read(pid, "mountinfo", data, sizeof data), str_from(want), 0) != SIZE_MAX;
}

/* A process that is on its way out loses its marks one after the other before it is dead: `dying` says what to take it for. */
static bool is_kin(int pid, const struct kin *k, bool dying)
{
        struct stat_line s;
        if (!stat_of(pid, &s))
                return false; /* dead */
        return (s.dying && dying) || (k->leader && s.session == k->leader) || marked(pid, k->key) || writes_to(pid, k->pipes) || (k->mount && mounts_of(pid, k->mount));
}

/* Of this process, which has one thread. The list's descriptor is kept; a read takes the list anew. */
static size_t children(int *pids, size_t max)
{
        static int fd = -1, of;
        static char data[1 << 16];
        size_t got = 0, n = 0;
        if (of != (int)getpid()) {
                snprintf(data, sizeof data, "/proc/self/task/%d/children", (int)getpid());
                fd = open(data, O_RDONLY | O_CLOEXEC);
                of = (int)getpid();
        }
        while (got < sizeof data) {
                ssize_t k = pread(fd, data + got, sizeof data - got, (off_t)got);
                if (k <= 0)
                        break;
                got += (size_t)k;
                if (k < 2048) /* the kernel fills pages: what is shorter by that much was the end */
                        break;
        }
        struct str rest = {data, got};
        while (rest.p && rest.n && n < max) {
                int64_t child;
                if (str_to_i64(str_cut(&rest, ' '), &child))
                        pids[n++] = (int)child;
        }
        return n;
}

/* Children are listed by the thread that made them. */
static size_t children_of_threads(int pid, int *pids, size_t max)
{
        char path[64];
        size_t n = 0;
        snprintf(path, sizeof path, "/proc/%d/task", pid);
        DIR *d = opendir(path);
        for (struct dirent *x; d && n < max && (x = readdir(d));) {
                int tid = atoi(x->d_name);
                char name[64], data[4096];
                if (tid <= 0)
                        continue;
                snprintf(name, sizeof name, "task/%d/children", tid);
                struct str rest = proc_read(pid, name, data, sizeof data);
                while (rest.p && rest.n && n < max) {
                        int64_t child;
                        if (str_to_i64(str_cut(&rest, ' '), &child))
                                pids[n++] = (int)child;
                }
        }
        if (d)
                closedir(d);
        return n;
}

static int tree_signal(int pid, int sig, int depth)
{
        enum { MAX = 512 };
        int pids[MAX], signalled = 0;
        size_t n = depth < DEPTH_MAX ? children_of_threads(pid, pids, MAX) : 0;
        for (size_t i = 0; i < n; i++) {
                signalled += tree_signal(pids[i], sig, depth + 1);
                signalled += !kill(pids[i], sig);
        }
        return signalled;
}

int descendants_signal(int pid, int sig) { return tree_signal(pid, sig, 0); }

static int by_number(const void *a, const void *b) { return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b); }

static bool listed(int pid, const int *pids, size_t n) { return bsearch(&pid, pids, n, sizeof pid, by_number) != NULL; }

enum { CHILDREN_MAX = 8192 };
static int child_pids[CHILDREN_MAX];

size_t kin_strays(const int *except, size_t except_n)
{
        size_t n = children(child_pids, CHILDREN_MAX), strays = 0;
        for (size_t i = 0; i < n; i++)
                strays += !listed(child_pids[i], except, except_n);
        return strays;
}

int kin_signal(const struct kin *k, int sig, const int *except, size_t except_n)
{
        size_t n = children(child_pids, CHILDREN_MAX);
        int found = 0;
        for (size_t i = 0; i < n; i++)
                if (!listed(child_pids[i], except, except_n) && is_kin(child_pids[i], k, true)) {
                        tree_signal(child_pids[i], sig, 0);
                        kill(child_pids[i], sig);
                        found++;
                }
        return found;
}

int kin_signal_all(const struct kin *k, size_t n, int sig)
{
        static struct { int pid; int64_t start; } hit[CHILDREN_MAX]; /* until they are gone they count */
        static size_t hit_n;
        DIR *d = opendir("/proc");
        int found = 0;
        for (size_t i = 0; i < hit_n; i++)
                found += process_start_time(hit[i].pid) == hit[i].start;
        for (struct dirent *x; d && (x = readdir(d));) {
                int pid = atoi(x->d_name);
                bool ours = false;
                for (size_t i = 0; pid > 1 && pid != (int)getpid() && i < n && !ours; i++)
                        ours = is_kin(pid, &k[i], false);
                if (!ours)
                        continue;
                int64_t start = process_start_time(pid);
                if (!start)
                        continue; /* it died just now: nothing tells it from another dead one later */
                if (hit_n < CHILDREN_MAX) {
                        hit[hit_n].start = start;
                        hit[hit_n++].pid = pid;
                }
                tree_signal(pid, sig, 0);
                kill(pid, sig);
                found++;
        }
        if (d)
                closedir(d);
        return found;
}
