/* The data folder, the lock, the socket, clocks and random numbers: what only the shell may touch. */
#include "runtime/files.h"
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void closep(int *fd)
{
        if (*fd > STDERR_FILENO)
                close(*fd);
}
#define _cleanup_close_ __attribute__((cleanup(closep)))

bool file_read(const char *path, size_t bytes_max, struct arena *a, struct str *ret, struct error *e)
{
        bool in = strcmp(path, "-") == 0;
        _cleanup_close_ int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_set(e, errno == ENOENT ? ERROR_USAGE : ERROR_INVALID, "cannot read %s: %s", path, strerror(errno));
        size_t cap = 65536, n = 0;
        struct stat st;
        if (!in && fstat(fd, &st) == 0) {
                if (S_ISDIR(st.st_mode))
                        return error_set(e, ERROR_USAGE, "cannot read %s: it is a folder, a file is wanted", path);
                if (st.st_size > 0 && (size_t)st.st_size < bytes_max)
                        cap = (size_t)st.st_size + 1;
        }
        char *p = malloc(cap);
        if (!p)
                abort();
        for (;;) {
                ssize_t got = read(fd, p + n, cap - n);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0) {
                        free(p);
                        return error_set(e, ERROR_INVALID, "cannot read %s: %s", path, strerror(errno));
                }
                if (got == 0)
                        break;
                n += (size_t)got;
                if (n > bytes_max) {
                        free(p);
                        return error_set(e, ERROR_LIMIT, "%s is larger than %zu bytes, the limit (setting runs.document_bytes_max)", path, bytes_max);
                }
                if (n == cap) {
                        cap *= 2;
                        p = realloc(p, cap);
                        if (!p)
                                abort();
                }
        }
        *ret = arena_str(a, (struct str){p, n});
        free(p);
        return true;
}

static bool make_folder(char *path, struct error *e)
{
        for (char *c = path + 1;; c++) {
                if (*c && *c != '/')
                        continue;
                char keep = *c;
                *c = 0;
                if (mkdir(path, 0700) < 0 && errno != EEXIST)
                        return error_set(e, ERROR_IO, "cannot make the data folder %s: %s; choose another with --data or $WEFT_DATA", path, strerror(errno));
                *c = keep;
                if (!keep)
                        return true;
        }
}

bool data_folder(struct str option, bool create, struct arena *a, struct str *ret, struct error *e)
{
        const char *weft = getenv("WEFT_DATA"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
        struct str path = option.n          ? option
                          : weft && *weft   ? str_from(weft)
                          : xdg && *xdg == '/' ? arena_printf(a, "%s/weft", xdg)
                          : home && *home   ? arena_printf(a, "%s/.local/share/weft", home)
                                            : STR_NONE;
        if (!path.n)
                return error_set(e, ERROR_USAGE, "no data folder: give one with --data DIR or $WEFT_DATA ($HOME is not set)");
        if (path.p[0] != '/') {
                char *cwd = getcwd(NULL, 0);
                if (!cwd)
                        return error_set(e, ERROR_IO, "cannot tell the current folder: %s", strerror(errno));
                path = arena_printf(a, "%s/%.*s", cwd, STR_FMT(path));
                free(cwd);
        }
        while (path.n > 1 && path.p[path.n - 1] == '/')
                path.n--;
        char *c = (char *)arena_cstr(a, path);
        if (create && access(c, F_OK) < 0 && !make_folder(c, e))
                return false;
        char *real = realpath(c, NULL);
        *ret = arena_str(a, str_from(real ? real : c));
        free(real);
        return true;
}

bool data_lock(struct str folder, int *ret_fd, bool *ret_owned, struct error *e)
{
        char path[4096];
        snprintf(path, sizeof path, "%.*s/lock", STR_FMT(folder));
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set(e, errno == ENOSPC ? ERROR_FULL : ERROR_IO, "cannot write in the data folder %.*s: %s; choose another with --data or $WEFT_DATA",
                                 STR_FMT(folder), strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                int why = errno;
                close(fd);
                *ret_owned = false;
                return why == EWOULDBLOCK || error_set(e, ERROR_IO, "cannot lock %s: %s", path, strerror(why));
        }
        *ret_fd = fd;
        *ret_owned = true;
        return true;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void)st;
        (void)flag;
        (void)ftw;
        remove(path);
        return 0;
}

static int open_up(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void)ftw;
        if (flag == FTW_DNR || flag == FTW_D)
                chmod(path, st->st_mode | 0700);
        return 0;
}

void folder_remove(const char *path)
{
        nftw(path, open_up, 32, FTW_PHYS);
        nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

static int socket_address(struct str folder, struct sockaddr_un *ret, int *ret_folder)
{
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        char path[4096];
        snprintf(path, sizeof path, "%.*s", STR_FMT(folder));
        *ret_folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*ret_folder < 0)
                return -1;
        if (folder.n + sizeof "/socket" <= sizeof ret->sun_path)
                snprintf(ret->sun_path, sizeof ret->sun_path, "%.*s/socket", (int)(sizeof ret->sun_path - sizeof "/socket"), path);
        else
                snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/socket", *ret_folder);
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int socket_listen(struct str folder, struct error *e)
{
        struct sockaddr_un at;
        _cleanup_close_ int dir = -1;
        int fd = socket_address(folder, &at, &dir);
        if (fd >= 0) {
                unlink(at.sun_path); /* the lock is ours, so whoever made it is gone */
                mode_t old = umask(0077);
                bool ok = bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 64) == 0;
                umask(old);
                if (ok)
                        return fd;
        }
        error_set(e, ERROR_IO, "cannot listen on %.*s/socket: %s", STR_FMT(folder), strerror(errno));
        if (fd >= 0)
                close(fd);
        return -1;
}

int socket_connect(struct str folder)
{
        struct sockaddr_un at;
        _cleanup_close_ int dir = -1;
        int fd = socket_address(folder, &at, &dir);
        if (fd < 0)
                return -1;
        fcntl(fd, F_SETFL, 0);
        if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
                return fd;
        close(fd);
        return -1;
}

struct wall clock_wall(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (struct wall){t.tv_sec * US_PER_S + t.tv_nsec / 1000};
}

struct mono clock_mono(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (struct mono){t.tv_sec * US_PER_S + t.tv_nsec / 1000};
}

static void uuid_print(unsigned char b[16], int version, char ret[37])
{
        b[6] = (unsigned char)((b[6] & 0x0f) | version << 4);
        b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
        char *p = ret;
        for (int i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                p += sprintf(p, "%02x", b[i]);
        }
}

void uuid_make(char ret[37])
{
        unsigned char b[16];
        if (getrandom(b, sizeof b, 0) != sizeof b)
                abort();
        uuid_print(b, 4, ret);
}

void uuid_derive(struct str name, char ret[37])
{
        unsigned char b[16];
        uint64_t x = hash_64(name, 1), y = hash_64(name, 2);
        memcpy(b, &x, 8);
        memcpy(b + 8, &y, 8);
        uuid_print(b, 8, ret);
}
