/* Moving files about: writing, copying, reading with a limit, digests. */
#include "executor/process/process.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH_MAX = 100, CHUNK_BYTES = 16 << 20 };

struct copying { const atomic_bool *cancel; int64_t bytes; struct error *e; };

static bool failed(struct error *e, const char *doing, const char *path)
{
        return error_set(e, errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_IO, "%s %s: %s", doing, path, strerror(errno));
}

bool make_folders(const char *path, struct error *e)
{
        char t[4096];
        size_t n = strlen(path);
        struct stat st;
        if (!mkdir(path, 0755) || (errno == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode)))
                return true;
        if (n >= sizeof t)
                return error_set(e, ERROR_INVALID, "the path %.80s… is too long", path);
        memcpy(t, path, n + 1);
        for (size_t i = 1; i <= n; i++)
                if (t[i] == '/' || !t[i]) {
                        char old = t[i];
                        t[i] = 0;
                        if (mkdir(t, 0755) && errno != EEXIST)
                                return failed(e, "making the folder", t);
                        t[i] = old;
                }
        return !stat(path, &st) && S_ISDIR(st.st_mode) ? true : error_set(e, ERROR_IO, "making the folder %s: something else is in its place", path);
}

bool make_parents(const char *path, struct error *e)
{
        const char *slash = strrchr(path, '/');
        char t[4096];
        if (!slash || slash == path)
                return true;
        if ((size_t)(slash - path) >= sizeof t)
                return error_set(e, ERROR_INVALID, "the path %.80s… is too long", path);
        memcpy(t, path, (size_t)(slash - path));
        t[slash - path] = 0;
        return make_folders(t, e);
}

bool write_file(const char *path, struct str content, uint32_t mode, struct error *e)
{
        if (!make_parents(path, e))
                return false;
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode ? mode & 07777 : 0644);
        bool ok = fd >= 0;
        while (ok && content.n) {
                ssize_t n = write(fd, content.p, content.n);
                ok = n > 0 || (n < 0 && errno == EINTR);
                content = str_sub(content, n > 0 ? (size_t)n : 0, content.n);
        }
        if (!ok)
                failed(e, "writing", path);
        if (ok && mode)
                fchmod(fd, mode & 07777);
        if (fd >= 0)
                close(fd);
        return ok;
}

static bool cancelled(const struct copying *c)
{
        return atomic_load_explicit(c->cancel, memory_order_relaxed) && !error_set(c->e, ERROR_BUSY, "copying was given up");
}

static bool copy_content(struct copying *c, int in, int out, const char *to)
{
        enum { CLONE = 0x40049409 }; /* FICLONE: shares the blocks where the file system can */
        struct stat st;
        if (!fstat(in, &st) && st.st_size > 1 << 20 && !ioctl(out, CLONE, in)) {
                c->bytes += st.st_size;
                return true;
        }
        for (ssize_t n = 1; n;) {
                if (cancelled(c))
                        return false;
                n = copy_file_range(in, NULL, out, NULL, CHUNK_BYTES, 0);
                if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
                        n = sendfile(out, in, NULL, CHUNK_BYTES);
                if (n < 0)
                        return failed(c->e, "copying to", to);
                c->bytes += n;
        }
        return true;
}

static bool copy_file(struct copying *c, const char *from, const char *to, mode_t mode)
{
        int in = open(from, O_RDONLY | O_CLOEXEC);
        if (in < 0)
                return failed(c->e, "reading", from);
        int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 0777);
        bool ok = out >= 0 ? copy_content(c, in, out, to) : failed(c->e, "copying to", to);
        close(in);
        if (out >= 0)
                close(out);
        return ok;
}

static bool copy_link(const char *from, const char *to, struct error *e)
{
        char target[4096];
        ssize_t n = readlink(from, target, sizeof target - 1);
        if (n < 0)
                return failed(e, "copying the link", from);
        target[n] = 0;
        unlink(to);
        return !symlink(target, to) || failed(e, "making the link", to);
}

static bool copy_depth(struct copying *c, const char *from, const char *to, unsigned depth)
{
        struct error *e = c->e;
        struct stat st;
        char a[4096], b[4096];
        if (cancelled(c))
                return false;
        if (lstat(from, &st))
                return failed(e, "copying", from);
        if (S_ISLNK(st.st_mode))
                return copy_link(from, to, e);
        if (!S_ISDIR(st.st_mode))
                return S_ISREG(st.st_mode) ? copy_file(c, from, to, st.st_mode) : true;
        if (depth > DEPTH_MAX)
                return error_set(e, ERROR_LIMIT, "copying %s: folders nested more than %d deep", from, DEPTH_MAX);
        if (mkdir(to, (st.st_mode & 0777) | 0700) && errno != EEXIST)
                return failed(e, "making the folder", to);
        DIR *d = opendir(from);
        bool ok = d || failed(e, "reading the folder", from);
        for (struct dirent *x; ok && (x = readdir(d));) {
                if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, ".."))
                        continue;
                ok = (snprintf(a, sizeof a, "%s/%s", from, x->d_name) < (int)sizeof a && snprintf(b, sizeof b, "%s/%s", to, x->d_name) < (int)sizeof b) ||
                     error_set(e, ERROR_LIMIT, "copying %s: a path in it is too long", from);
                ok = ok && copy_depth(c, a, b, depth + 1);
        }
        if (d)
                closedir(d);
        return ok;
}

/* A link at the top stands for what it points to. */
bool copy_tree(const char *from, const char *to, const atomic_bool *cancel, int64_t *ret_bytes, struct error *e)
{
        struct copying c = {.cancel = cancel, .e = e};
        struct stat st;
        bool ok;
        if (stat(from, &st))
                return failed(e, "copying", from);
        if (!make_parents(to, e))
                return false;
        char inside[4096];
        if (snprintf(inside, sizeof inside, "%s/.", from) >= (int)sizeof inside)
                return error_set(e, ERROR_INVALID, "the path %.80s… is too long", from);
        ok = S_ISREG(st.st_mode) ? copy_file(&c, from, to, st.st_mode) : copy_depth(&c, S_ISDIR(st.st_mode) ? inside : from, to, 0);
        *ret_bytes = c.bytes;
        return ok;
}

/* ---- on disk ---- */

/* Some file systems have nothing to sync in a folder, and say so. */
static bool sync_fd(int fd, const char *path, struct error *e)
{
        return !fsync(fd) || errno == EINVAL || errno == EROFS || errno == EOPNOTSUPP || errno == ENOSYS || failed(e, "bringing to disk", path);
}

static bool sync_depth(const char *path, unsigned depth, struct error *e)
{
        struct stat st;
        char t[4096];
        if (depth ? lstat(path, &st) : stat(path, &st))
                return failed(e, "bringing to disk", path);
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return true;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) /* closed even to us: nobody will read it either */
                return errno == EACCES || failed(e, "bringing to disk", path);
        DIR *d = S_ISDIR(st.st_mode) && depth <= DEPTH_MAX ? fdopendir(fd) : NULL;
        bool ok = true;
        for (struct dirent *x; ok && d && (x = readdir(d));)
                if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
                        ok = (snprintf(t, sizeof t, "%s/%s", path, x->d_name) < (int)sizeof t || error_set(e, ERROR_LIMIT, "bringing %s to disk: a path in it is too long", path)) &&
                             sync_depth(t, depth + 1, e);
        ok = ok && sync_fd(fd, path, e);
        if (d)
                closedir(d);
        else
                close(fd);
        return ok;
}

bool sync_tree(const char *path, struct error *e) { return sync_depth(path, 0, e); }

bool sync_parents(const char *path, struct str top, struct error *e)
{
        char t[4096];
        struct str at = str_from(path);
        do {
                while (at.n > 1 && at.p[at.n - 1] != '/')
                        at.n--;
                at.n -= at.n > 1;
                if (at.n >= sizeof t)
                        return error_set(e, ERROR_INVALID, "the path %.80s… is too long", path);
                memcpy(t, at.p, at.n);
                t[at.n] = 0;
                int fd = open(t, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                bool ok = fd >= 0 ? sync_fd(fd, t, e) : errno == EACCES || failed(e, "bringing to disk", t);
                if (fd >= 0)
                        close(fd);
                if (!ok)
                        return false;
        } while (at.n > top.n && path_within(at, top));
        return true;
}

bool replace_tree(const char *staged, const char *path, struct error *e)
{
        int bad = renameat2(AT_FDCWD, staged, AT_FDCWD, path, RENAME_NOREPLACE);
        if (bad && errno == EEXIST)
                bad = renameat2(AT_FDCWD, staged, AT_FDCWD, path, RENAME_EXCHANGE);
        if (bad && errno == EINVAL) { /* a file system without these: files are still replaced at once */
                bad = rename(staged, path);
                if (bad && (errno == ENOTEMPTY || errno == EEXIST || errno == EISDIR || errno == ENOTDIR)) {
                        remove_tree(path);
                        bad = rename(staged, path);
                }
        }
        if (bad)
                return failed(e, "putting in place", path);
        remove_tree(staged); /* what was there */
        return true;
}

bool read_fd(int fd, size_t max, struct arena *a, struct task_output *ret)
{
        struct stat st;
        if (fd < 0)
                return false;
        if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
                close(fd);
                return false;
        }
        size_t size = (size_t)st.st_size < max ? (size_t)st.st_size : max, n = 0;
        char *p = arena_alloc_raw(a, size + 1, 1);
        while (n < size) {
                ssize_t k = read(fd, p + n, size - n);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        break;
                n += (size_t)k;
        }
        close(fd);
        p[n] = 0;
        *ret = (struct task_output){ret->name, true, {p, n}, (size_t)st.st_size > max};
        return true;
}

struct str file_digest(const char *path, struct arena *a)
{
        struct stat st;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return STR_NONE;
        if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
                close(fd);
                return STR_NONE;
        }
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        unsigned char data[65536], sum[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        ssize_t k;
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        while ((k = read(fd, data, sizeof data)) > 0)
                EVP_DigestUpdate(md, data, (size_t)k);
        EVP_DigestFinal_ex(md, sum, &n);
        EVP_MD_CTX_free(md);
        close(fd);
        char text[80] = "sha256:";
        for (unsigned i = 0; i < n; i++)
                snprintf(text + 7 + 2 * i, 3, "%02x", sum[i]);
        return k < 0 ? STR_NONE : arena_str(a, str_from(text));
}

static int64_t size_depth(const char *path, unsigned depth)
{
        struct stat st;
        char t[4096];
        if (lstat(path, &st))
                return 0;
        if (!S_ISDIR(st.st_mode))
                return S_ISREG(st.st_mode) ? st.st_size : 0;
        int64_t total = 0;
        DIR *d = depth > DEPTH_MAX ? NULL : opendir(path);
        for (struct dirent *x; d && (x = readdir(d));)
                if (strcmp(x->d_name, ".") && strcmp(x->d_name, "..") && snprintf(t, sizeof t, "%s/%s", path, x->d_name) < (int)sizeof t)
                        total += size_depth(t, depth + 1);
        if (d)
                closedir(d);
        return total;
}

int64_t tree_size(const char *path) { return size_depth(path, 0); }

static int remove_any(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        (void)at;
        return remove(path), 0;
}

/* A task may leave folders that it closed to itself. */
static void remove_at(int at, const char *name, unsigned depth)
{
        if (!unlinkat(at, name, 0) || errno == ENOENT || !unlinkat(at, name, AT_REMOVEDIR) || depth > DEPTH_MAX)
                return;
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        bool closed = fd < 0 ? errno == EACCES : !fstat(fd, &st) && (st.st_mode & 0700) != 0700;
        if (closed && fd < 0 && !fchmodat(at, name, 0700, 0)) /* no link: one would have been unlinked */
                fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        else if (closed && fd >= 0)
                fchmod(fd, 0700);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        for (struct dirent *x; d && (x = readdir(d));)
                if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
                        remove_at(fd, x->d_name, depth + 1);
        if (d)
                closedir(d);
        unlinkat(at, name, AT_REMOVEDIR);
}

void remove_tree(const char *path)
{
        struct stat st;
        remove_at(AT_FDCWD, path, 0);
        if (!lstat(path, &st)) /* deeper than that holds a descriptor for */
                nftw(path, remove_any, 16, FTW_DEPTH | FTW_PHYS);
}

static bool is_empty(int fd)
{
        char data[1024] __attribute__((aligned(8)));
        long n = syscall(SYS_getdents64, fd, data, sizeof data);
        int entries = 0;
        for (long at = 0; at < n; at += ((struct dirent64 *)(data + at))->d_reclen)
                entries++;
        return n > 0 && entries <= 2; /* "." and ".." */
}

bool fresh_folder(const char *path, uint32_t mode, struct error *e)
{
        struct stat st;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        bool good = fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid() && is_empty(fd) && ((st.st_mode & 07777) == mode || !fchmod(fd, mode));
        if (fd >= 0)
                close(fd);
        if (good)
                return true;
        remove_tree(path);
        if (mkdir(path, 0700) && (!make_parents(path, e) || mkdir(path, 0700)))
                return failed(e, "making the folder", path);
        return !chmod(path, mode) || failed(e, "changing the mode of", path);
}
