/* The shepherd's journal: one line a record, each with a checksum, so that a torn or damaged line is told from a whole one. It outlives the
 * shepherd by the page cache; a crash of the machine is told by the boot id, so nothing here needs a sync. */
#include "executor/process/process.h"
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct str boot_id(struct arena *a)
{
        char t[64];
        int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, t, sizeof t) : 0;
        if (fd >= 0)
                close(fd);
        return arena_str(a, str_trim((struct str){t, n > 0 ? (size_t)n : 0}));
}

static void number(struct buf *b, int64_t v)
{
        char t[24], *p = t + sizeof t;
        uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
        do
                *--p = (char)('0' + u % 10);
        while (u /= 10);
        if (v < 0)
                *--p = '-';
        *--p = ' ';
        buf_add(b, (struct str){p, (size_t)(t + sizeof t - p)});
}

/* Keys and boot ids hold neither spaces nor line ends; the message is last, and its line ends become spaces. */
void journal_put(struct buf *b, const struct record *r)
{
        const int64_t fields[] = {r->pid, r->start, r->slack, r->pipes[0], r->pipes[1], r->private, r->scratch, r->oom, r->status, r->started_us, r->ended_us, r->cpu_us, r->rss_bytes};
        size_t from = b->n;
        buf_add_char(b, r->kind);
        buf_add_char(b, ' ');
        buf_add(b, r->key);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                number(b, fields[i]);
        buf_add_char(b, ' ');
        buf_add(b, r->boot);
        if (r->message.n)
                buf_add_char(b, ' ');
        for (size_t i = 0; i < r->message.n; i++)
                buf_add_char(b, (unsigned char)r->message.p[i] < ' ' ? ' ' : r->message.p[i]);
        if (!b->overflow)
                buf_addf(b, " %08x\n", hash_fnv1a32((struct str){b->p + from, b->n - from}));
}

bool journal_write(int fd, struct buf *b)
{
        size_t at = 0;
        while (at < b->n) {
                ssize_t n = write(fd, b->p + at, b->n - at);
                if (n < 0 && errno != EINTR)
                        break;
                at += n > 0 ? (size_t)n : 0;
        }
        bool ok = at == b->n && !b->overflow;
        buf_clear(b);
        return ok;
}

static bool parse(struct str line, struct record *r)
{
        if (line.n < 12 || line.p[line.n - 9] != ' ')
                return false;
        char sum[9];
        struct str body = str_sub(line, 0, line.n - 9);
        snprintf(sum, sizeof sum, "%08x", hash_fnv1a32(body));
        if (memcmp(sum, line.p + line.n - 8, 8))
                return false;
        int64_t *fields[] = {&r->pid, &r->start, &r->slack, &r->pipes[0], &r->pipes[1], &r->private, &r->scratch, &r->oom, &r->status, &r->started_us, &r->ended_us, &r->cpu_us, &r->rss_bytes};
        r->kind = body.p[0];
        body = str_sub(body, 2, body.n);
        r->key = str_cut(&body, ' ');
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                if (!body.p || !str_to_i64(str_cut(&body, ' '), fields[i]))
                        return false;
        if (!body.p)
                return false;
        r->boot = str_cut(&body, ' ');
        r->message = body;
        return true;
}

void journal_read(const char *path, void (*each)(void *user, const struct record *), void *user)
{
        FILE *f = fopen(path, "re");
        char *line = NULL;
        size_t cap = 0;
        ssize_t n;
        while (f && (n = getline(&line, &cap, f)) > 0) {
                struct record r = {0};
                if (line[n - 1] == '\n' && parse((struct str){line, (size_t)n - 1}, &r))
                        each(user, &r);
        }
        free(line);
        if (f)
                fclose(f);
}
