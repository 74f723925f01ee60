#include "executor/process/process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t clock_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

int64_t boot_ticks(void)
{
        struct timespec t;
        clock_gettime(CLOCK_BOOTTIME, &t);
        return (int64_t)t.tv_sec * 100 + t.tv_nsec / 10000000; /* USER_HZ is 100 on every Linux that /proc speaks of */
}

void frame_put(struct buf *out, struct str json)
{
        uint32_t n = (uint32_t)json.n;
        buf_add(out, (struct str){(const char *)&n, 4});
        buf_add(out, json);
}

bool frame_flush(int fd, struct buf *out)
{
        size_t at = 0;
        bool ok = !out->overflow;
        while (ok && at < out->n) {
                ssize_t k = send(fd, out->p + at, out->n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (k >= 0)
                        at += (size_t)k;
                else if (errno == EAGAIN || errno == EWOULDBLOCK)
                        break;
                else
                        ok = errno == EINTR;
        }
        if (at == out->n || !ok)
                buf_clear(out);
        else if (at) {
                memmove(out->p, out->p + at, out->n - at);
                out->n -= at;
        }
        return ok;
}

bool frame_take(struct buf *in, size_t *at, struct str *ret)
{
        uint32_t n;
        if (in->n - *at < 4)
                return false;
        memcpy(&n, in->p + *at, 4);
        if (in->n - *at - 4 < n)
                return false;
        *ret = (struct str){in->p + *at + 4, n};
        *at += 4u + n;
        return true;
}

struct str frame_text(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_STRING ? v->text : STR_NONE;
}

int64_t frame_int(const struct value *map, const char *key, int64_t otherwise)
{
        const struct value *v = value_get_c(map, key);
        int64_t i;
        return v && value_to_i64(v, &i) ? i : otherwise;
}

struct str attempt_key(const struct attempt_id *id, struct arena *a)
{
        return arena_printf(a, "%.*s/%u.%u.%u", STR_FMT(id->run), id->node, id->epoch, id->attempt);
}

bool attempt_parse(struct str key, struct attempt_id *ret)
{
        struct str rest = key;
        int64_t v[3];
        ret->run = str_cut(&rest, '/');
        for (int i = 0; i < 3; i++)
                if (!rest.p || !str_to_i64(str_cut(&rest, '.'), &v[i]) || v[i] < 0 || v[i] > UINT32_MAX)
                        return false;
        ret->node = (uint32_t)v[0];
        ret->epoch = (uint32_t)v[1];
        ret->attempt = (uint32_t)v[2];
        return true;
}

int socket_in(struct str folder, const char *name, bool listening, struct error *e)
{
        char dir[4096];
        if (folder.n >= sizeof dir) {
                error_set(e, ERROR_INVALID, "the path of the data folder is longer than %zu bytes", sizeof dir);
                return -1;
        }
        memcpy(dir, folder.p, folder.n);
        dir[folder.n] = 0;
        int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
        if (at < 0) {
                error_set(e, ERROR_IO, "opening the data folder %s: %s", dir, strerror(errno));
                return -1;
        }
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", at, name);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (listening ? SOCK_NONBLOCK : 0), 0);
        if (listening)
                unlinkat(at, name, 0);
        bool ok = fd >= 0 && (listening ? !bind(fd, (struct sockaddr *)&address, sizeof address) && !chmod(address.sun_path, 0600) && !listen(fd, 16)
                                        : !connect(fd, (struct sockaddr *)&address, sizeof address));
        if (!ok) {
                error_set(e, ERROR_IO, "%s the socket %s/%s: %s", listening ? "opening" : "connecting to", dir, name, strerror(errno));
                if (fd >= 0)
                        close(fd);
                fd = -1;
        }
        close(at);
        return fd;
}
