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

void field_put(struct buf *b, enum field f, struct str text)
{
        const char *nul = text.n ? memchr(text.p, 0, text.n) : NULL;
        buf_add_char(b, (char)f);
        buf_add(b, (struct str){text.p, nul ? (size_t)(nul - text.p) : text.n});
        buf_add_char(b, 0);
}

void field_int(struct buf *b, enum field f, int64_t v)
{
        char t[24];
        int n = snprintf(t, sizeof t, "%lld", (long long)v);
        field_put(b, f, (struct str){t, (size_t)n});
}

bool field_next(struct str *rest, char *ret_field, struct str *ret)
{
        const char *nul = rest->n ? memchr(rest->p, 0, rest->n) : NULL;
        if (!nul || nul == rest->p)
                return false;
        *ret_field = rest->p[0];
        *ret = (struct str){rest->p + 1, (size_t)(nul - rest->p) - 1};
        *rest = str_sub(*rest, (size_t)(nul - rest->p) + 1, rest->n);
        return true;
}

int64_t field_number(struct str text)
{
        int64_t v;
        return str_to_i64(text, &v) ? v : 0;
}

void frame_put(struct buf *out, struct str fields)
{
        uint32_t n = (uint32_t)fields.n;
        buf_add(out, (struct str){(const char *)&n, 4});
        buf_add(out, fields);
}

void frame_drop(struct buf *in, size_t n)
{
        if (n)
                memmove(in->p, in->p + n, in->n - n);
        in->n -= n;
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
        else
                frame_drop(out, at);
        return ok;
}

bool frame_take(const struct buf *in, size_t *at, struct str *ret)
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

struct str scratch_prefix(struct str data, struct arena *a)
{
        struct stat st;
        if (stat(arena_cstr(a, data), &st))
                return STR_NONE;
        return arena_printf(a, "%.*s/scratch/%llx.%llx.", STR_FMT(data), (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
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

bool report_read(struct str frame, struct str *ret_key, struct report *r)
{
        struct str text;
        char f;
        *r = (struct report){.cpu_us = -1, .rss_bytes = -1, .scratch = -1};
        *ret_key = STR_NONE;
        while (field_next(&frame, &f, &text))
                switch (f) {
                case FIELD_KEY: *ret_key = text; break;
                case FIELD_STARTED: r->started_us = field_number(text); break;
                case FIELD_END: r->end = text.n ? text.p[0] : END_UNKNOWN; break;
                case FIELD_STATUS: r->status = field_number(text); break;
                case FIELD_ENDED: r->ended_us = field_number(text); break;
                case FIELD_CPU_US: r->cpu_us = field_number(text); break;
                case FIELD_RSS: r->rss_bytes = field_number(text); break;
                case FIELD_OOM: r->oom = true; break;
                case FIELD_PRIVATE: r->private = true; break;
                case FIELD_SCRATCH: r->scratch = field_number(text); break;
                case FIELD_MESSAGE: r->message = text; break;
                default: break;
                }
        return ret_key->n > 0;
}
