/* Limits by control groups, where this process may make one: as root as a rule, or where the folder of its own group was given to it. One group a
 * task that has a limit, made when it starts and removed when it has ended. Without them memory is limited by what a process may map. */
#include "executor/process/shepherd.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PERIOD_US = 100000, CGROUP2 = 0x63677270 };

static bool put(const char *folder, const char *file, const char *text)
{
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, file);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        if (fd >= 0)
                close(fd);
        return ok;
}

static struct str get(const char *folder, const char *file, char *data, size_t size)
{
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, file);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, data, size) : 0;
        if (fd >= 0)
                close(fd);
        return (struct str){data, n > 0 ? (size_t)n : 0};
}

/* A group below `base` can be made and has a limit for memory. */
static bool try_base(struct cgroups *g, const char *base, bool v2)
{
        char path[4096];
        if (v2)
                put(base, "cgroup.subtree_control", "+memory +cpu"); /* refused where processes are in it: then the next is tried */
        snprintf(g->base, sizeof g->base, "%s", base);
        snprintf(path, sizeof path, "%s/weft-%d", base, (int)getpid());
        if (mkdir(path, 0755))
                return false;
        g->v2 = v2;
        g->usable = put(path, v2 ? "memory.max" : "memory.limit_in_bytes", "1073741824");
        rmdir(path);
        return g->usable;
}

void cgroups_find(struct cgroups *g)
{
        char data[4096], base[4096];
        struct statfs fs;
        struct str rest = get("/proc/self", "cgroup", data, sizeof data);
        bool v2 = !statfs("/sys/fs/cgroup", &fs) && fs.f_type == CGROUP2;
        g->asked = true;
        while (rest.p && rest.n && !g->usable) {
                struct str line = str_cut(&rest, '\n'), path = line;
                str_cut(&path, ':');
                struct str controllers = str_cut(&path, ':');
                if (!path.p || (v2 ? controllers.n != 0 : str_find(controllers, STR("memory"), 0) == SIZE_MAX))
                        continue;
                snprintf(base, sizeof base, "/sys/fs/cgroup%s%.*s", v2 ? "" : "/memory", STR_FMT(path));
                if (!try_base(g, base, v2))
                        try_base(g, v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory", v2);
        }
}

static void group_path(const struct cgroups *g, const char *name, char *path, size_t size) { snprintf(path, size, "%s/weft-%s", g->base, name); }

int cgroup_make(const struct cgroups *g, const char *name, int64_t memory_bytes, int64_t cpu_milli)
{
        char path[4096 + 256], text[64];
        group_path(g, name, path, sizeof path);
        if (mkdir(path, 0755) && (rmdir(path) || mkdir(path, 0755)))
                return -1;
        bool ok = true;
        snprintf(text, sizeof text, "%lld", (long long)memory_bytes);
        if (memory_bytes)
                ok = put(path, g->v2 ? "memory.max" : "memory.limit_in_bytes", text);
        if (memory_bytes) /* where there is no swap there is no such file */
                put(path, g->v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes", g->v2 ? "0" : text);
        snprintf(text, sizeof text, "%lld %d", (long long)cpu_milli * PERIOD_US / 1000, PERIOD_US);
        if (cpu_milli && g->v2)
                put(path, "cpu.max", text);
        char file[sizeof path + 16];
        snprintf(file, sizeof file, "%s/cgroup.procs", path);
        int fd = ok ? open(file, O_WRONLY | O_CLOEXEC) : -1;
        if (fd < 0)
                rmdir(path);
        return fd;
}

bool cgroup_end(const struct cgroups *g, const char *name)
{
        char path[4096 + 256], data[4096];
        group_path(g, name, path, sizeof path);
        struct str events = get(path, g->v2 ? "memory.events" : "memory.oom_control", data, sizeof data);
        size_t at = str_find(events, STR("oom_kill "), 0);
        bool killed = at != SIZE_MAX && at + 9 < events.n && events.p[at + 9] != '0';
        rmdir(path);
        return killed;
}
