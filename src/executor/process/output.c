/* What a task says: into its log, a line with its time, and, when it is the step's result, the tail of standard output into a file beside it. */
#include "executor/process/shepherd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { READS_MAX = 8 }; /* a task that never pauses must not keep the others waiting */

static bool write_all(int fd, struct str s)
{
        while (s.n) {
                ssize_t n = write(fd, s.p, s.n);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                s = str_sub(s, (size_t)n, s.n);
        }
        return true;
}

static int create_in(const struct task *t, const char *name, int flags)
{
        char path[4096];
        if (snprintf(path, sizeof path, "%s/%s", t->folder, name) >= (int)sizeof path)
                return -1;
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
        if (fd < 0 && errno == ENOENT && make_folders(t->folder, NULL))
                fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
        return fd;
}

static void log_write(struct task *t, struct str lines)
{
        if (t->log < 0)
                t->log = create_in(t, "log", O_APPEND);
        if (t->log >= 0 && write_all(t->log, lines))
                return;
        if (t->log >= 0)
                close(t->log);
        t->log = -1;
        t->log_full = true;
}

/* Adds a line to those of this turn, or the notice that there will be no more. */
static void line_add(struct task *t, char letter, struct str at, struct str line, struct buf *lines)
{
        if (t->log_full)
                return;
        if (t->log_bytes + (int64_t)(line.n + at.n + 4) > t->log_max) {
                buf_addf(lines, "%.*s e [log limit of %lld bytes reached: what follows is not kept; the setting is executor.process.log_bytes_max]\n", STR_FMT(at), (long long)t->log_max);
                t->log_full = true;
                return;
        }
        t->log_bytes += (int64_t)(line.n + at.n + 4);
        buf_add(lines, at);
        buf_add_char(lines, ' ');
        buf_add_char(lines, letter);
        buf_add_char(lines, ' ');
        buf_add(lines, line);
        buf_add_char(lines, '\n');
}

static void keep_tail(struct task *t, struct str data)
{
        if (t->result.n + data.n > 2 * RESULT_MAX) {
                size_t keep = t->result.n < RESULT_MAX ? t->result.n : RESULT_MAX;
                memmove(t->result.p, t->result.p + t->result.n - keep, keep);
                t->result.n = keep;
        }
        buf_add(&t->result, data);
}

static void output(struct task *t, struct stream *o, struct str data, struct str at, struct buf *lines)
{
        if (o->letter == 'o' && t->wants_result)
                keep_tail(t, data);
        while (data.n && !t->log_full) {
                size_t end = str_find_char(data, '\n', 0), n = end == SIZE_MAX ? data.n : end;
                size_t room = LINE_MAX_BYTES - o->line.n;
                bool cut = n > room, whole = !cut && end != SIZE_MAX;
                struct str part = str_sub(data, 0, cut ? room : n);
                if (whole && !o->line.n)
                        line_add(t, o->letter, at, part, lines);
                else {
                        buf_add(&o->line, part);
                        if (cut || whole) {
                                line_add(t, o->letter, at, buf_str(&o->line), lines);
                                buf_clear(&o->line);
                        }
                }
                data = str_sub(data, part.n + whole, data.n);
        }
}

bool stream_drain(struct task *t, struct stream *o, struct arena *scratch)
{
        static char data[65536];
        struct buf lines = BUF(64 << 20);
        struct str at = STR_NONE;
        bool more = true;
        for (int i = 0; more && i < READS_MAX; i++) {
                ssize_t n = read(o->duct.read, data, sizeof data);
                more = n == (ssize_t)sizeof data;
                if (n <= 0)
                        break;
                if (!at.n)
                        at = wall_rfc3339((struct wall){clock_us()}, 6, scratch);
                output(t, o, (struct str){data, (size_t)n}, at, &lines);
        }
        if (lines.n)
                log_write(t, buf_str(&lines));
        buf_free(&lines);
        return more;
}

void stream_flush(struct task *t, struct stream *o, struct arena *scratch)
{
        if (o->line.n && !t->log_full) {
                struct buf lines = BUF(1 << 20);
                line_add(t, o->letter, wall_rfc3339((struct wall){clock_us()}, 6, scratch), buf_str(&o->line), &lines);
                log_write(t, buf_str(&lines));
                buf_free(&lines);
        }
        buf_free(&o->line);
}

/* One byte longer than the limit when something was cut off, so that the reader can tell. */
void result_write(struct task *t)
{
        if (t->wants_result && t->result.n) {
                size_t from = t->result.n > RESULT_MAX ? t->result.n - RESULT_MAX - 1 : 0;
                int fd = create_in(t, "result", O_TRUNC);
                if (fd >= 0) {
                        write_all(fd, (struct str){t->result.p + from, t->result.n - from});
                        close(fd);
                }
        }
        buf_free(&t->result);
}
