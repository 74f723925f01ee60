/* What Weft and its shepherd read from each other: frames of fields from a socket, and lines of a journal, damaged or with a true checksum. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/hash.h"
#include "executor/process/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void frames(struct str bytes, struct arena *a)
{
        _cleanup_buf_ struct buf in = BUF(1 << 20), again = BUF(1 << 20);
        struct str frame, text;
        size_t at = 0;
        char field;
        buf_add(&in, bytes);
        while (frame_take(&in, &at, &frame)) {
                frame_put(&again, frame);
                while (field_next(&frame, &field, &text)) {
                        struct attempt_id id, same;
                        (void)field_number(text);
                        if (attempt_parse(text, &id))
                                check(attempt_parse(attempt_key(&id, a), &same) && same.node == id.node && same.epoch == id.epoch && same.attempt == id.attempt && str_eq(same.run, id.run));
                }
        }
        check(at <= in.n && again.n == at && (!at || !memcmp(again.p, in.p, at)));
}

/* What is read is written again as the same. */
static void record(void *user, const struct record *r)
{
        struct buf *b = user;
        journal_put(b, r);
}

static void journal(struct str text, struct buf *ret)
{
        char path[64];
        int fd = memfd_create("journal", MFD_CLOEXEC);
        check(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        journal_read(path, record, ret);
        close(fd);
}

static void journals(struct str text)
{
        _cleanup_buf_ struct buf sealed = BUF(1 << 20), once = BUF(4 << 20), twice = BUF(4 << 20);
        struct str rest = text;
        journal(text, &once);
        while (rest.p) {
                struct str line = str_cut(&rest, '\n');
                buf_add(&sealed, line);
                buf_addf(&sealed, " %08x\n", hash_fnv1a32(line));
        }
        buf_clear(&once);
        journal(buf_str(&sealed), &once);
        journal(buf_str(&once), &twice);
        check(str_eq(buf_str(&once), buf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct str bytes = {(const char *)data, size};
        if (!size)
                return 0;
        frames(bytes, a);
        journals(bytes);
        return 0;
}
