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

struct stat_line { char state; int session; int64_t start; };

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
        for (int i = 0; p && i < 16; i++)
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

static bool mounts_of(int pid, const char *key)
{
        static char data[1 << 20];
        char want[512];
        int n = snprintf(want, sizeof want, "/runs/%s/", key);
        return n > 0 && (size_t)n < sizeof want && str_find(proc_read(pid, "mountinfo", data, sizeof data), (struct str){want, (size_t)n}, 0) != SIZE_MAX;
}

static bool is_kin(int pid, const struct kin *k)
{
        struct stat_line s;
        if (!stat_of(pid, &s))
                return false; /* dead */
        return (k->leader && s.session == k->leader) || marked(pid, k->key) || writes_to(pid, k->pipes) || (k->private && mounts_of(pid, k->key));
}

static size_t children(int pid, int *pids, size_t max)
{
        char path[64], data[65536];
        snprintf(path, sizeof path, "task/%d/children", pid);
        struct str rest = proc_read(pid, path, data, sizeof data);
        size_t n = 0;
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

static bool listed(int pid, const int *pids, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

int kin_signal(const struct kin *k, int sig, const int *except, size_t except_n)
{
        enum { MAX = 8192 };
        static int pids[MAX];
        size_t n = children((int)getpid(), pids, MAX);
        int found = 0;
        for (size_t i = 0; i < n; i++)
                if (!listed(pids[i], except, except_n) && is_kin(pids[i], k)) {
                        tree_signal(pids[i], sig, 0);
                        kill(pids[i], sig);
                        found++;
                }
        return found;
}

int kin_signal_all(const struct kin *k, size_t n, int sig)
{
        DIR *d = opendir("/proc");
        int found = 0;
        for (struct dirent *x; d && (x = readdir(d));) {
                int pid = atoi(x->d_name);
                bool ours = false;
                for (size_t i = 0; pid > 1 && pid != (int)getpid() && i < n && !ours; i++)
                        ours = is_kin(pid, &k[i]);
                if (!ours)
                        continue;
                tree_signal(pid, sig, 0);
                kill(pid, sig);
                found++;
        }
        if (d)
                closedir(d);
        return found;
}
