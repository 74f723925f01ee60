#include "objects/tree.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"

enum { DEPTH_MAX = 200, ENTRIES_MAX = 1000000, CHUNK_BYTES = 256 * 1024, TARGET_MAX = 4096 };

struct copy {
        const char *what; /* for errors */
        bool sync;
        int64_t bytes;
        uint32_t entries;
        char *chunk;
        struct arena *arena;
        struct line {
                struct str path, text;
        } * lines;
        size_t lines_cap;
        struct error *e;
};

static void closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}
#define _cleanup_close_ __attribute__((cleanup(closep)))

bool tree_error(const char *doing, const char *what, struct error *e)
{
        int code = errno;
        const char *advice = "";
        enum error_kind kind = ERROR_IO;
        if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
                kind = ERROR_FULL;
                advice = ": free some space on that disk";
        } else if (code == EACCES || code == EPERM || code == EROFS) {
                kind = ERROR_DENIED;
                advice = ": give this user the permission";
        } else if (code == ENOENT)
                kind = ERROR_NOT_FOUND;
        return error_set(e, kind, "%s %s: %s%s", doing, what, strerror(code), advice);
}

static void hex(const uint8_t *sum, char *ret)
{
        strcpy(ret, "sha256:");
        for (int i = 0; i < 32; i++)
                snprintf(ret + 7 + 2 * i, 3, "%02x", sum[i]);
}

static void hash_text(struct str s, char *ret)
{
        uint8_t sum[32];
        if (EVP_Digest(s.p ? s.p : "", s.n, sum, NULL, EVP_sha256(), NULL) != 1)
                abort();
        hex(sum, ret);
}

static bool write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t k = write(fd, p, n);
                if (k < 0 && errno != EINTR)
                        return false;
                p += k > 0 ? k : 0;
                n -= k > 0 ? (size_t)k : 0;
        }
        return true;
}

/* `to` -1: hash only. */
static bool copy_content(struct copy *c, int from, int to, char *ret_digest)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t sum[32];
        ssize_t n;
        bool good = true;
        if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
                abort();
        while (good && (n = read(from, c->chunk, CHUNK_BYTES)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        good = tree_error("reading", c->what, c->e);
                else if (EVP_DigestUpdate(ctx, c->chunk, (size_t)n) != 1)
                        abort();
                else if (to >= 0 && !write_all(to, c->chunk, (size_t)n))
                        good = tree_error("copying", c->what, c->e);
                else
                        c->bytes += n;
        }
        if (good && to >= 0 && c->sync && fsync(to) != 0)
                good = tree_error("copying", c->what, c->e);
        if (EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
                abort();
        EVP_MD_CTX_free(ctx);
        hex(sum, ret_digest);
        return good;
}

static bool copy_file(struct copy *c, int dir, const char *name, int to_dir, const char *to_name, bool *ret_executable, char *ret_digest)
{
        struct stat st;
        /* O_NONBLOCK: what was a file a moment ago may be a pipe now, and opening one waits. */
        int from _cleanup_close_ = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), to _cleanup_close_ = -1;
        if (from < 0 || fstat(from, &st) != 0)
                return tree_error("reading", c->what, c->e);
        if (!S_ISREG(st.st_mode))
                return error_set(c->e, ERROR_INVALID,
                                 "reading %s: \"%s\" is neither file, folder nor link: remove it from what the task leaves", c->what, name);
        *ret_executable = (st.st_mode & 0111) != 0;
        if (to_dir != -1) {
                to = openat(to_dir, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, *ret_executable ? 0755 : 0644);
                if (to < 0)
                        return tree_error("copying", c->what, c->e);
        }
        return copy_content(c, from, to, ret_digest);
}

static bool copy_link(struct copy *c, int dir, const char *name, int to_dir, const char *to_name, char *ret_digest)
{
        char target[TARGET_MAX];
        ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
        if (n < 0)
                return tree_error("reading", c->what, c->e);
        target[n] = 0;
        hash_text((struct str){target, (size_t)n}, ret_digest);
        return to_dir == -1 || symlinkat(target, to_dir, to_name) == 0 || tree_error("copying", c->what, c->e);
}

static void add_line(struct copy *c, char type, const char *digest, struct str path)
{
        if (c->entries >= c->lines_cap) {
                c->lines_cap = c->lines_cap ? c->lines_cap * 2 : 64;
                c->lines = realloc(c->lines, c->lines_cap * sizeof *c->lines);
                if (!c->lines)
                        abort();
        }
        c->lines[c->entries++] = (struct line){path, arena_printf(c->arena, "%c %s %.*s\n", type, digest, STR_FMT(path))};
}

static bool copy_folder(struct copy *c, int dir, const char *name, int to_dir, const char *to_name, struct str path, int depth);

static bool copy_entry(struct copy *c, int dir, const char *name, int to_dir, struct str path, int depth)
{
        struct stat st;
        char digest[OBJECT_DIGEST_SIZE] = "-";
        bool executable = false;
        struct str at = path.n ? arena_printf(c->arena, "%.*s/%s", STR_FMT(path), name) : arena_str(c->arena, str_from(name));
        if (c->entries >= ENTRIES_MAX || depth > DEPTH_MAX)
                return error_set(c->e, ERROR_LIMIT, "reading %s: a folder may have %d entries and be %d deep: pack it into one file",
                                 c->what, ENTRIES_MAX, DEPTH_MAX);
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
                return tree_error("reading", c->what, c->e);
        if (S_ISDIR(st.st_mode)) {
                add_line(c, 'd', digest, at);
                return copy_folder(c, dir, name, to_dir, name, at, depth + 1);
        }
        if (S_ISLNK(st.st_mode)) {
                if (!copy_link(c, dir, name, to_dir, name, digest))
                        return false;
        } else if (!copy_file(c, dir, name, to_dir, name, &executable, digest))
                return false;
        add_line(c, S_ISLNK(st.st_mode) ? 'l' : executable ? 'x' : 'f', digest, at);
        return true;
}

static bool copy_folder(struct copy *c, int dir, const char *name, int to_dir, const char *to_name, struct str path, int depth)
{
        int from = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), to _cleanup_close_ = -1;
        DIR *d = from >= 0 ? fdopendir(from) : NULL;
        if (!d) {
                closep(&from);
                return tree_error("reading", c->what, c->e);
        }
        bool good = true;
        if (to_dir != -1) {
                good = mkdirat(to_dir, to_name, 0755) == 0 &&
                       (to = openat(to_dir, to_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) >= 0;
                if (!good)
                        tree_error("copying", c->what, c->e);
        }
        struct dirent *x;
        while (good && (errno = 0, x = readdir(d)))
                if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
                        good = copy_entry(c, from, x->d_name, to, path, depth);
        if (good && errno != 0)
                good = tree_error("reading", c->what, c->e);
        if (good && to >= 0 && c->sync && fsync(to) != 0)
                good = tree_error("copying", c->what, c->e);
        closedir(d);
        return good;
}

static int by_path(const void *a, const void *b)
{
        const struct line *x = a, *y = b;
        return str_cmp(x->path, y->path);
}

static void hash_listing(struct copy *c, char *ret)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t sum[32];
        if (c->entries > 0)
                qsort(c->lines, c->entries, sizeof *c->lines, by_path);
        if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
                abort();
        for (uint32_t i = 0; i < c->entries; i++)
                if (EVP_DigestUpdate(ctx, c->lines[i].text.p, c->lines[i].text.n) != 1)
                        abort();
        if (EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
                abort();
        EVP_MD_CTX_free(ctx);
        hex(sum, ret);
}

bool tree_copy(int dir, const char *name, int to_dir, const char *to_name, bool sync, const char *what, struct object_info *ret,
               struct error *e)
{
        struct stat st;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
                return tree_error("reading", what, e);
        struct copy c = {.what = what, .sync = sync, .chunk = malloc(CHUNK_BYTES), .arena = arena_new(), .e = e};
        struct object_info info = {.is_folder = S_ISDIR(st.st_mode)};
        bool executable, good;
        if (!c.chunk)
                abort();
        if (info.is_folder) {
                good = copy_folder(&c, dir, name, to_dir, to_name, STR_NONE, 0);
                hash_listing(&c, info.digest);
        } else
                good = copy_file(&c, dir, name, to_dir, to_name, &executable, info.digest);
        info.size_bytes = c.bytes;
        free(c.chunk);
        free(c.lines);
        arena_free(c.arena);
        if (good)
                *ret = info;
        return good;
}

static bool remove_depth(int dir, const char *name, int depth)
{
        if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
                return true;
        if ((errno != EISDIR && errno != EPERM) || depth > DEPTH_MAX + 10)
                return false;
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        if (!d) {
                closep(&fd);
                return false;
        }
        bool good = true;
        for (struct dirent *x; good && (x = readdir(d));)
                if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
                        good = remove_depth(fd, x->d_name, depth + 1);
        closedir(d);
        return good && (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

bool tree_remove(int dir, const char *name) { return remove_depth(dir, name, 0); }
