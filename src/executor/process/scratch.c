/* Scratch folders: numbered, used again, and clean when they are handed out. Making and removing a folder costs more than all else that Weft does
 * for a short task; looking whether it is empty costs little. */
#include "executor/process/process.h"
#include <stdlib.h>
#include <unistd.h>

enum state { UNKNOWN, CLEAN, USED };

void scratch_init(struct scratch *s, struct str data, struct arena *a) { *s = (struct scratch){.prefix = scratch_prefix(data, a)}; }

void scratch_free(struct scratch *s) { free(s->state); }

static void grow(struct scratch *s, size_t n)
{
        if (n <= s->n)
                return;
        size_t cap = s->n * 2 > n ? s->n * 2 : n + 8;
        s->state = realloc(s->state, cap);
        if (!s->state)
                abort();
        memset(s->state + s->n, UNKNOWN, cap - s->n);
        s->n = cap;
}

struct str scratch_path(const struct scratch *s, int64_t no, struct arena *a) { return arena_printf(a, "%.*s%lld", STR_FMT(s->prefix), (long long)no); }

void scratch_reserve(struct scratch *s, int64_t no)
{
        if (no < 0 || no > SCRATCH_MAX)
                return;
        grow(s, (size_t)no + 1);
        s->state[no] = USED;
}

static bool clean(const struct scratch *s, int64_t no, bool private, bool over, struct error *e)
{
        struct arena *a = arena_new();
        struct str path = scratch_path(s, no, a);
        if (over)
                remove_tree(path.p);
        bool ok = private ? fresh_folder(arena_printf(a, "%.*s/tmp", STR_FMT(path)).p, 01777, e) : fresh_folder(path.p, 0755, e);
        arena_free(a);
        return ok;
}

bool scratch_take(struct scratch *s, bool private, int64_t *ret, struct error *e)
{
        size_t no = 0;
        while (no < s->n && s->state[no] == USED)
                no++;
        if (no > SCRATCH_MAX)
                return error_set(e, ERROR_LIMIT, "more than %d steps at once", SCRATCH_MAX);
        grow(s, no + 1);
        if (s->state[no] == UNKNOWN && !clean(s, (int64_t)no, private, private, e))
                return false;
        s->state[no] = USED;
        *ret = (int64_t)no;
        return true;
}

void scratch_leave(struct scratch *s, int64_t no)
{
        if (no >= 0 && (size_t)no < s->n)
                s->state[no] = UNKNOWN;
}

void scratch_release(struct scratch *s, int64_t no, bool private, bool over)
{
        if (no >= 0 && (size_t)no < s->n)
                s->state[no] = clean(s, no, private, over, NULL) ? CLEAN : UNKNOWN;
}
