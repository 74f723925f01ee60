/* weft backup: a copy of the data folder that is consistent, made while the owner works.
 *
 * The database first, as it is after some commit; then the files. An artifact is on disk before the row that names it is stored, so whatever a
 * row of the copy names is there to be copied, unless its run is deleted meanwhile. Folders are made under another name and get their own when
 * everything is in them and on disk: what has the right name is whole. */
#include "cli/cmd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 64 };

struct copying { uint64_t files, bytes; struct error *e; };

static bool failed(struct copying *c, const char *name)
{
        int code = errno;
        return error_set(c->e, code == ENOSPC || code == EDQUOT ? ERROR_FULL : code == EACCES || code == EPERM ? ERROR_DENIED : ERROR_IO, "backing up %s: %s", name, strerror(code));
}

static bool copy_file(struct copying *c, int from, int to, const char *name, mode_t mode)
{
        int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (in < 0)
                return errno == ENOENT || failed(c, name); /* deleted meanwhile */
        int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
        ssize_t n = -1;
        while (out >= 0 && (n = sendfile(out, in, NULL, 1 << 20)) > 0)
                c->bytes += (uint64_t)n;
        bool good = (out >= 0 && n == 0) || failed(c, name);
        if (out >= 0)
                close(out);
        close(in);
        c->files++;
        return good;
}

static bool copy_link(struct copying *c, int from, int to, const char *name)
{
        char target[4096];
        ssize_t n = readlinkat(from, name, target, sizeof target - 1);
        if (n < 0)
                return errno == ENOENT || failed(c, name);
        target[n] = 0;
        return symlinkat(target, to, name) == 0 || failed(c, name);
}

static bool copy_folder(struct copying *c, int from, int to, const char *name, int depth);

static bool copy_entry(struct copying *c, int from, int to, const char *name, int depth)
{
        struct stat st;
        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
                return errno == ENOENT || failed(c, name);
        if (S_ISDIR(st.st_mode))
                return depth < DEPTH_MAX ? copy_folder(c, from, to, name, depth + 1) : error_set(c->e, ERROR_LIMIT, "backing up %s: folders are nested deeper than %d", name, DEPTH_MAX);
        if (S_ISREG(st.st_mode))
                return copy_file(c, from, to, name, st.st_mode);
        return !S_ISLNK(st.st_mode) || copy_link(c, from, to, name); /* sockets and pipes mean nothing in a copy */
}

/* What is not there is copied already. */
static bool copy_folder(struct copying *c, int from, int to, const char *name, int depth)
{
        int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (in < 0)
                return errno == ENOENT || failed(c, name);
        int out = mkdirat(to, name, 0700) == 0 ? openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        DIR *d = out >= 0 ? fdopendir(in) : NULL;
        bool good = d || failed(c, name);
        for (struct dirent *x; good && d && (x = readdir(d));)
                if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
                        good = copy_entry(c, in, out, x->d_name, depth);
        if (d)
                closedir(d);
        else
                close(in);
        if (out >= 0)
                close(out);
        return good;
}

static bool backup_folder(struct args *a, struct str folder, const struct store_settings *s, struct str to, struct copying *c)
{
        struct error *e = c->e;
        const char *target = arena_cstr(a->arena, to), *partial = arena_printf(a->arena, "%.*s.partial-%d", STR_FMT(to), (int)getpid()).p;
        if (access(target, F_OK) == 0 && rmdir(target) != 0)
                return error_set(e, ERROR_CONFLICT, "backing up to %s: that exists already, and is not an empty folder; give another name", target);
        if (mkdir(partial, 0700) != 0)
                return failed(c, partial);
        bool good = backends.store->backup(s, arena_printf(a->arena, "%s/weft.db", partial), e);
        int from = open(arena_cstr(a->arena, folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC), into = open(partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (good && (from < 0 || into < 0))
                good = failed(c, partial);
        good = good && copy_folder(c, from, into, "artifacts", 0) && copy_folder(c, from, into, "runs", 0) && (syncfs(into) == 0 || failed(c, partial)) &&
               (rename(partial, target) == 0 || failed(c, target)) && (syncfs(into) == 0 || failed(c, target));
        if (from >= 0)
                close(from);
        if (into >= 0)
                close(into);
        if (!good)
                folder_remove(partial);
        return good;
}

static int backup(struct args *a)
{
        struct error e;
        struct settings settings;
        struct str folder, to = a->words[0];
        if (!settings_of(a, &settings, &e) || !folder_of(a, false, &folder, &e))
                return fail(&e);
        while (to.n > 1 && to.p[to.n - 1] == '/')
                to.n--;
        struct store_settings s = runtime_store_settings(folder, &settings, false, a->arena);
        struct copying c = {.e = &e};
        bool alone = str_ends(to, STR(".db"));
        if (!(alone ? backends.store->backup(&s, to, &e) : backup_folder(a, folder, &s, to, &c)))
                return fail(&e);
        if (alone)
                fprintf(stderr, "the database is in %.*s; logs and artifacts are not\n", STR_FMT(to));
        else
                fprintf(stderr, "the data folder is in %.*s: the database and %llu files with %llu bytes\n", STR_FMT(to), (unsigned long long)c.files, (unsigned long long)c.bytes);
        return EXIT_OK;
}

const struct command_def cmd_backup = {"backup", "DIR|FILE.db", "copy the data folder, while Weft works in it",
                                       "DIR must be new or empty. It is a data folder itself: to restore, stop Weft and put it in the old one's place. "
                                       "A name that ends in .db takes the database alone, without logs and artifacts.", COMMON, 1, 1, backup, false};
