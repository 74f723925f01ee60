/* Objects in a folder: the key is the path. What is being written lies in ".weft-new" beside them until a rename puts it in place; what
 * was there goes out in the same rename and is removed then. What a killed process left there is removed when the folder is
 * opened again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "objects/tree.h"

#define STAGING ".weft-new"
enum { KEY_MAX = 1024, SEGMENT_MAX = 255 };

struct objects {
        int root, staging;
        bool sync;
        char *folder;
        atomic_uint_fast64_t next;
};

static void closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}
#define _cleanup_close_ __attribute__((cleanup(closep)))

static bool check_key(struct str key, struct error *e)
{
        struct str rest = key;
        bool good = key.n > 0 && key.n <= KEY_MAX && str_find_char(key, 0, 0) == SIZE_MAX;
        while (good && rest.p) {
                struct str segment = str_cut(&rest, '/');
                good = segment.n > 0 && segment.n <= SEGMENT_MAX && !str_eq(segment, STR(".")) && !str_eq(segment, STR("..")) &&
                       !str_starts(segment, STR(".weft-"));
        }
        return good || error_set(e, ERROR_INVALID,
                                 "\"%.*s\" is no key of an object: it must be a relative path without \"..\", of at most %d bytes",
                                 STR_FMT(str_sub(key, 0, 200)), KEY_MAX);
}

/* Opens the folder that holds the key's last segment, made when `make`; *ret -1 with true: there is none. */
static bool open_parent(struct objects *o, struct str key, bool make, int *ret, char *ret_name, struct error *e)
{
        int at = fcntl(o->root, F_DUPFD_CLOEXEC, 0);
        char name[SEGMENT_MAX + 1];
        struct str rest = key;
        *ret = -1;
        for (;;) {
                struct str segment = str_cut(&rest, '/');
                snprintf(name, sizeof name, "%.*s", STR_FMT(segment));
                if (!rest.p)
                        break;
                int next = at < 0 ? -1 : openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (next < 0 && at >= 0 && errno == ENOENT && make && (mkdirat(at, name, 0755) == 0 || errno == EEXIST))
                        next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                /* The entry of a folder that was made now, or just before by somebody else, must not be lost below the object. */
                if (next >= 0 && make && o->sync && fsync(at) != 0) {
                        close(next);
                        next = -1;
                }
                int code = errno;
                closep(&at);
                at = next;
                errno = code;
                if (at < 0)
                        break;
        }
        memcpy(ret_name, name, sizeof name);
        *ret = at;
        if (at >= 0 || (!make && (errno == ENOENT || errno == ENOTDIR)))
                return true;
        if (errno == ENOTDIR || errno == ELOOP)
                return error_set(e, ERROR_CONFLICT, "storing object %.*s: \"%s\" is an object itself: choose another key", STR_FMT(key),
                                 name);
        return tree_error("opening", o->folder, e);
}

static const char *describe(struct str key, char *buffer, size_t size)
{
        snprintf(buffer, size, "object %.*s", STR_FMT(str_sub(key, 0, 300)));
        return buffer;
}

/* What a process left that is no more. Its number comes first in the name. */
static void remove_leftovers(int staging)
{
        int fd = openat(staging, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        if (!d) {
                closep(&fd);
                return;
        }
        for (struct dirent *x; (x = readdir(d));) {
                long pid = strtol(x->d_name, NULL, 10);
                if (pid > 0 && pid != getpid() && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
                        tree_remove(staging, x->d_name);
        }
        closedir(d);
}

static bool folder_open(const struct objects_settings *settings, struct objects **ret, struct error *e)
{
        struct objects o = {.root = -1,
                            .staging = -1,
                            .sync = !settings->unsafe_no_sync,
                            .folder = strndup(settings->folder.p ? settings->folder.p : "", settings->folder.n)};
        if (!o.folder)
                abort();
        if (mkdir(o.folder, 0700) != 0 && errno != EEXIST)
                goto fail;
        o.root = open(o.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (o.root < 0)
                goto fail;
        /* In a folder that can only be read there is no staging: then only put() fails. */
        if (mkdirat(o.root, STAGING, 0700) == 0 || errno == EEXIST || errno == EROFS || errno == EACCES)
                o.staging = openat(o.root, STAGING, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        else
                goto fail;
        if (o.staging >= 0)
                remove_leftovers(o.staging);
        *ret = malloc(sizeof **ret);
        if (!*ret)
                abort();
        **ret = o;
        return true;
fail:
        tree_error("opening the folder of objects", o.folder, e);
        closep(&o.root);
        free(o.folder);
        return false;
}

static void folder_close(struct objects *o)
{
        if (!o)
                return;
        closep(&o->root);
        closep(&o->staging);
        free(o->folder);
        free(o);
}

/* Unique among all processes and threads that stage at once. */
static void staging_name(struct objects *o, char *ret, size_t size)
{
        snprintf(ret, size, "%ld-%llu", (long)getpid(), (unsigned long long)atomic_fetch_add(&o->next, 1));
}

/* Puts what was staged in place of what is there. */
static bool put_in_place(struct objects *o, const char *staged, int parent, const char *name, const char *what, struct error *e)
{
        bool good = renameat2(o->staging, staged, parent, name, RENAME_NOREPLACE) == 0;
        if (!good && errno == EEXIST)
                good = renameat2(o->staging, staged, parent, name, RENAME_EXCHANGE) == 0;
        if (!good && errno == EINVAL) /* a file system without these: files are still replaced at once */
                good = renameat(o->staging, staged, parent, name) == 0;
        if (!good)
                return tree_error("storing", what, e);
        tree_remove(o->staging, staged);
        return !o->sync || fsync(parent) == 0 || tree_error("storing", what, e);
}

static bool folder_put(struct objects *o, struct str key, const char *path, struct object_info *ret, struct error *e)
{
        char name[SEGMENT_MAX + 1], staged[64], what[320];
        int parent _cleanup_close_ = -1;
        struct object_info info;
        if (!check_key(key, e))
                return false;
        if (o->staging < 0)
                return error_set(e, ERROR_DENIED, "storing object %.*s: %s cannot be written: give this user the permission", STR_FMT(key),
                                 o->folder);
        staging_name(o, staged, sizeof staged);
        bool good = tree_copy(AT_FDCWD, path, o->staging, staged, o->sync, path, &info, e) && open_parent(o, key, true, &parent, name, e) &&
                    put_in_place(o, staged, parent, name, describe(key, what, sizeof what), e);
        if (!good) {
                tree_remove(o->staging, staged);
                return false;
        }
        *ret = info;
        return true;
}

/* *ret_parent -1: there is no such object. */
static bool find(struct objects *o, struct str key, int *ret_parent, char *ret_name, struct error *e)
{
        struct stat st;
        *ret_parent = -1;
        if (!check_key(key, e) || !open_parent(o, key, false, ret_parent, ret_name, e))
                return false;
        if (*ret_parent >= 0 && fstatat(*ret_parent, ret_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno != ENOENT)
                        return tree_error("opening", o->folder, e);
                closep(ret_parent);
                *ret_parent = -1;
        }
        return true;
}

static bool must_find(struct objects *o, struct str key, int *ret_parent, char *ret_name, struct error *e)
{
        return find(o, key, ret_parent, ret_name, e) &&
               (*ret_parent >= 0 || error_set(e, ERROR_NOT_FOUND, "object %.*s does not exist in %s (deleted?)", STR_FMT(key), o->folder));
}

static bool folder_get(struct objects *o, struct str key, const char *path, struct error *e)
{
        char name[SEGMENT_MAX + 1], what[320];
        int parent _cleanup_close_ = -1;
        struct object_info info;
        struct stat st;
        if (!must_find(o, key, &parent, name, e))
                return false;
        if (lstat(path, &st) == 0)
                return error_set(e, ERROR_CONFLICT, "fetching object %.*s: %s exists already", STR_FMT(key), path);
        if (tree_copy(parent, name, AT_FDCWD, path, false, describe(key, what, sizeof what), &info, e))
                return true;
        tree_remove(AT_FDCWD, path);
        return false;
}

static bool folder_read(struct objects *o, struct str key, int *ret_fd, struct error *e)
{
        char name[SEGMENT_MAX + 1], what[320];
        int parent _cleanup_close_ = -1;
        struct stat st;
        if (!must_find(o, key, &parent, name, e))
                return false;
        int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) != 0) {
                closep(&fd);
                return tree_error("reading", describe(key, what, sizeof what), e);
        }
        if (!S_ISREG(st.st_mode)) {
                close(fd);
                return error_set(e, ERROR_CONFLICT, "reading object %.*s: it is a folder: fetch it, or name a file in it", STR_FMT(key));
        }
        *ret_fd = fd;
        return true;
}

static bool folder_stat(struct objects *o, struct str key, bool *ret_found, struct object_info *ret, struct error *e)
{
        char name[SEGMENT_MAX + 1], what[320];
        int parent _cleanup_close_ = -1;
        if (!find(o, key, &parent, name, e))
                return false;
        *ret_found = parent >= 0;
        return parent < 0 || tree_copy(parent, name, -1, NULL, false, describe(key, what, sizeof what), ret, e);
}

static bool folder_exists(struct objects *o, struct str key, bool *ret, struct error *e)
{
        char name[SEGMENT_MAX + 1];
        int parent _cleanup_close_ = -1;
        if (!find(o, key, &parent, name, e))
                return false;
        *ret = parent >= 0;
        return true;
}

static bool folder_remove(struct objects *o, struct str key, struct error *e)
{
        char name[SEGMENT_MAX + 1], staged[64], what[320];
        int parent _cleanup_close_ = -1;
        if (!find(o, key, &parent, name, e))
                return false;
        if (parent < 0)
                return true;
        /* Gone at once for everybody, then piece by piece. */
        staging_name(o, staged, sizeof staged);
        if (o->staging < 0)
                return error_set(e, ERROR_DENIED, "removing object %.*s: %s cannot be written: give this user the permission", STR_FMT(key),
                                 o->folder);
        if (renameat(parent, name, o->staging, staged) != 0)
                return errno == ENOENT || tree_error("removing", describe(key, what, sizeof what), e);
        return tree_remove(o->staging, staged) || tree_error("removing", describe(key, what, sizeof what), e);
}

const struct objects_ops objects_folder = {
        .name = "folder",
        .open = folder_open,
        .close = folder_close,
        .put = folder_put,
        .get = folder_get,
        .read = folder_read,
        .stat = folder_stat,
        .exists = folder_exists,
        .remove = folder_remove,
};
