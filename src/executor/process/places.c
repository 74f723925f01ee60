/* Where a path of the task is on this side.
 *
 * With a mount namespace of its own the task sees the machine with its own changes laid over the folders in which it declares files: what it
 * writes there goes to an `upper` below the attempt's folder, and `/tmp` is a folder of the attempt altogether. The rest, the data folder
 * included, it sees as it is. A path is taken as the task means it: `..` and links are followed in its world, never in the machine's. */
#include "executor/process/process.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LINKS_MAX = 40, ENTRIES_MAX = 4096 };

bool path_within(struct str path, struct str folder)
{
        return folder.n == 1 || (str_starts(path, folder) && (path.n == folder.n || path.p[folder.n] == '/'));
}

struct str path_clean(struct str path, struct arena *a)
{
        char *out = arena_alloc(a, path.n + 2);
        size_t n = 0;
        while (path.p && path.n) {
                struct str part = str_cut(&path, '/');
                if (!part.n || str_eq_c(part, "."))
                        continue;
                if (str_eq_c(part, "..")) {
                        while (n && out[--n] != '/')
                                ;
                        continue;
                }
                out[n++] = '/';
                memcpy(out + n, part.p, part.n);
                n += part.n;
        }
        if (!n)
                out[n++] = '/';
        out[n] = 0;
        return (struct str){out, n};
}

static struct str absolute(const struct places *p, struct str path, struct arena *a)
{
        if (path.n && path.p[0] == '/')
                return path_clean(path, a);
        return path_clean(arena_printf(a, "%.*s/%.*s", STR_FMT(p->cwd), STR_FMT(path)), a);
}

/* ---- planning ---- */

static bool seen_as_it_is(const struct places *p, struct str path)
{
        return path_within(path, p->data) || path_within(path, STR("/dev")) || path_within(path, STR("/proc")) || path_within(path, STR("/sys"));
}

/* The deepest folder above `path` that exists on this machine; *ret_rest: what is below it. */
static struct str existing_above(struct str path, struct str *ret_rest, struct arena *a)
{
        struct stat st;
        size_t n = path.n;
        while (n > 1) {
                while (path.p[n - 1] != '/')
                        n--;
                struct str dir = n > 1 ? arena_str(a, str_sub(path, 0, n - 1)) : STR("/");
                *ret_rest = str_sub(path, n, path.n);
                if (n == 1 || (!stat(dir.p, &st) && S_ISDIR(st.st_mode)))
                        return dir;
                n--;
        }
        *ret_rest = STR("");
        return STR("/");
}

/* The same path with no link of the machine above its last part that exists, so that one place has one name. */
static struct str canonical(const struct places *p, struct str path, struct arena *a)
{
        path = absolute(p, path, a);
        if (!p->private || seen_as_it_is(p, path) || path_within(path, STR("/tmp")))
                return path;
        struct str rest, dir = existing_above(path, &rest, a);
        char real[PATH_MAX];
        return realpath(dir.p, real) ? path_clean(arena_printf(a, "%s/%.*s", real, STR_FMT(rest)), a) : path;
}

static void want(struct places *p, struct str path, struct arena *a)
{
        if (!path.n)
                return;
        path = canonical(p, path, a);
        if (seen_as_it_is(p, path) || path_within(path, STR("/tmp")))
                return;
        struct str rest, dir = existing_above(path, &rest, a);
        bool root = dir.n == 1;
        size_t n = 0;
        for (size_t i = 0; i < p->dirs_n; i++)
                if (root ? p->dirs[i].dir.n == 1 : p->dirs[i].dir.n > 1 && path_within(dir, p->dirs[i].dir))
                        return;
        for (size_t i = 0; i < p->dirs_n; i++) /* a folder above takes the place of those below it; "/" only has the files that are right in it */
                if (root || p->dirs[i].dir.n == 1 || !path_within(p->dirs[i].dir, dir))
                        p->dirs[n++] = p->dirs[i];
        p->dirs[n++] = (struct place){.dir = dir, .mirror = root};
        if (n > 1 && p->dirs[n - 2].dir.n == 1) {
                struct place last = p->dirs[n - 2];
                p->dirs[n - 2] = p->dirs[n - 1];
                p->dirs[n - 1] = last;
        }
        p->dirs_n = n;
}

static bool list_entries(struct place *p, struct arena *a)
{
        DIR *d = opendir(arena_cstr(a, p->dir));
        size_t n = 0;
        p->entries = arena_alloc_array(a, sizeof *p->entries, ENTRIES_MAX + 1);
        for (struct dirent *x; d && n < ENTRIES_MAX && (x = readdir(d));)
                if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
                        p->entries[n++] = (char *)arena_cstr(a, str_from(x->d_name));
        if (d)
                closedir(d);
        return d != NULL;
}

/* An overlay shows its lower folder without what is mounted in it, and in a user namespace the kernel refuses it altogether. */
static bool has_mounts_below(struct str dir)
{
        FILE *f = fopen("/proc/self/mountinfo", "re");
        char *line = NULL;
        size_t cap = 0;
        ssize_t n;
        bool found = false;
        while (f && !found && (n = getline(&line, &cap, f)) > 0) {
                struct str rest = {line, (size_t)n}, point = STR_NONE;
                for (int i = 0; i < 5 && rest.p; i++)
                        point = str_cut(&rest, ' ');
                found = point.n > dir.n && path_within(point, dir);
        }
        free(line);
        if (f)
                fclose(f);
        return found;
}

void places_plan(struct places *p, const struct task_spec *spec, struct arena *a)
{
        size_t n = spec->files_n + spec->artifacts_in_n + spec->params_out_n + spec->artifacts_out_n + spec->folders_n;
        p->cwd_given = spec->workdir.n > 0;
        p->cwd = spec->workdir.n ? arena_str(a, spec->workdir) : p->private ? STR("/tmp") : p->folder;
        if (!p->private || (!n && !spec->outcome_file.n))
                return;
        p->dirs = arena_alloc_array(a, sizeof *p->dirs, n + 2);
        for (size_t i = 0; i < spec->files_n; i++)
                want(p, spec->files[i].path, a);
        for (size_t i = 0; i < spec->artifacts_in_n; i++)
                want(p, spec->artifacts_in[i].path, a);
        for (size_t i = 0; i < spec->params_out_n; i++)
                want(p, spec->params_out[i].path, a);
        for (size_t i = 0; i < spec->artifacts_out_n; i++)
                want(p, spec->artifacts_out[i].path, a);
        want(p, spec->outcome_file, a);
        for (size_t i = 0; i < spec->folders_n; i++)
                want(p, spec->folders[i], a);
        for (size_t i = 0; i < p->dirs_n; i++) {
                struct place *d = &p->dirs[i];
                if (p->adopted)
                        d->mirror = access(arena_printf(a, "%.*s/over%zu/work", STR_FMT(p->folder), i).p, F_OK) != 0;
                else
                        d->mirror = d->mirror || !p->overlay || has_mounts_below(d->dir);
                if (d->mirror)
                        list_entries(d, a);
        }
}

struct str place_upper(const struct places *p, size_t i, struct arena *a)
{
        return arena_printf(a, "%.*s/over%zu/upper", STR_FMT(p->folder), i);
}

bool places_cover(const struct places *p, struct str folder)
{
        if (p->private && path_within(folder, STR("/tmp")))
                return true;
        for (size_t i = 0; i < p->dirs_n; i++)
                if (p->dirs[i].dir.n > 1 && path_within(folder, p->dirs[i].dir))
                        return true;
        return false;
}

/* ---- where something is put before the command runs ---- */

static size_t covering(const struct places *p, struct str path)
{
        for (size_t i = 0; i < p->dirs_n; i++) /* "/" is the last */
                if (path_within(path, p->dirs[i].dir))
                        return i;
        return SIZE_MAX;
}

static bool mirrored(const struct place *d, struct str rest)
{
        struct str first = str_cut(&rest, '/');
        for (char **e = d->entries; e && *e; e++)
                if (str_eq_c(first, *e))
                        return true;
        return false;
}

static struct str below(struct str path, struct str dir) { return str_sub(path, dir.n == 1 ? 1 : dir.n + 1, path.n); }

struct str place_of(const struct places *p, struct str path, struct arena *a)
{
        path = canonical(p, path, a);
        if (!p->private || seen_as_it_is(p, path))
                return path;
        if (path_within(path, STR("/tmp")))
                return arena_printf(a, "%.*s%.*s", STR_FMT(p->folder), STR_FMT(path));
        size_t i = covering(p, path);
        return i == SIZE_MAX ? path : arena_printf(a, "%.*s/%.*s", STR_FMT(place_upper(p, i, a)), STR_FMT(below(path, p->dirs[i].dir)));
}

/* ---- where something is found after it ---- */

/* Has the task removed what the machine has there? Whiteouts, and folders made anew in the place of removed ones. */
static bool hidden(struct str upper, struct str rest, struct arena *a)
{
        struct stat st;
        char text[4];
        struct str at = upper;
        while (rest.p && rest.n) {
                for (int user = 0; user < 2; user++)
                        if (getxattr(at.p, user ? "user.overlay.opaque" : "trusted.overlay.opaque", text, sizeof text) == 1 && text[0] == 'y')
                                return true;
                at = arena_printf(a, "%.*s/%.*s", STR_FMT(at), STR_FMT(str_cut(&rest, '/')));
                if (lstat(at.p, &st))
                        return false;
                if (S_ISCHR(st.st_mode) && !st.st_rdev)
                        return true;
        }
        return false;
}

/* `path` is clean and has no link above its last part, as the task sees it. */
static struct str seen_at(const struct places *p, struct str path, struct arena *a)
{
        struct stat st;
        if (seen_as_it_is(p, path))
                return path;
        if (path_within(path, STR("/tmp")))
                return arena_printf(a, "%.*s%.*s", STR_FMT(p->folder), STR_FMT(path));
        size_t i = covering(p, path);
        if (i == SIZE_MAX)
                return path;
        const struct place *d = &p->dirs[i];
        struct str rest = below(path, d->dir), upper = place_upper(p, i, a);
        if (d->mirror && mirrored(d, rest))
                return path;
        struct str at = arena_printf(a, "%.*s/%.*s", STR_FMT(upper), STR_FMT(rest));
        return d->mirror || !lstat(at.p, &st) || hidden(upper, rest, a) ? at : path;
}

static bool find_exactly(const struct places *p, struct str path, struct arena *a, struct str *ret)
{
        char link[PATH_MAX];
        struct stat st;
        struct str todo = absolute(p, path, a), done = STR("/");
        *ret = todo;
        if (!p->private)
                return !lstat(todo.p, &st);
        for (int links = 0; todo.p && todo.n;) {
                struct str part = str_cut(&todo, '/');
                if (!part.n)
                        continue;
                struct str next = path_clean(arena_printf(a, "%.*s/%.*s", STR_FMT(done), STR_FMT(part)), a);
                *ret = seen_at(p, next, a);
                if (lstat(ret->p, &st))
                        return false;
                bool last = !todo.p || !todo.n;
                if (!S_ISLNK(st.st_mode)) {
                        if (!last && !S_ISDIR(st.st_mode))
                                return false;
                        done = next;
                        continue;
                }
                ssize_t n = readlink(ret->p, link, sizeof link - 1);
                if (n <= 0 || ++links > LINKS_MAX)
                        return false;
                todo = arena_printf(a, "%.*s/%.*s", (int)n, link, STR_FMT(todo));
                if (link[0] == '/')
                        done = STR("/");
        }
        return true;
}

bool place_find(const struct places *p, struct str path, struct arena *a, struct str *ret)
{
        if (find_exactly(p, path, a, ret))
                return true;
        /* A container usually works in "/": what a task writes by a bare name, and declares as /NAME, is in its working folder here. */
        bool top = path.n > 1 && path.p[0] == '/' && str_find_char(path, '/', 1) == SIZE_MAX;
        return top && !p->cwd_given && find_exactly(p, arena_printf(a, "%.*s%.*s", STR_FMT(p->cwd), STR_FMT(path)), a, ret);
}

bool overlay_try(struct str data)
{
        struct arena *a = arena_new();
        const char *base = arena_printf(a, "%.*s/runs/.overlay", STR_FMT(data)).p, *step;
        char *const none[] = {NULL};
        struct mount_over m = {arena_printf(a, "%s/to", base).p, arena_printf(a, "%s/upper", base).p, arena_printf(a, "%s/work", base).p, none};
        struct spawn s = {.mounts = &m, .mounts_n = 1, .private = true, .keep = none, .writable = none, .out = -1, .err = -1};
        bool ok = make_folders(m.to, NULL) && make_folders(m.upper, NULL) && make_folders(m.work, NULL) && !spawn_try(&s, &step);
        remove_tree(base);
        arena_free(a);
        return ok;
}
