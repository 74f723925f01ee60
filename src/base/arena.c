/* Blocks in a list; the newest is filled from its start. Each block is at least twice the one before, up to a maximum. */
#include "base/arena.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct block { struct block *before; size_t size, used; _Alignas(16) char p[]; };
struct arena { struct block *block; size_t used, next_size; };

enum { FIRST = 4096 - sizeof(struct block), LARGEST = 1 << 20 };

static struct block *block_new(size_t size, struct block *before)
{
        struct block *b = malloc(sizeof *b + size);
        if (!b)
                abort();
        b->before = before;
        b->size = size;
        b->used = 0;
        return b;
}

struct arena *arena_new(void)
{
        struct arena *a = calloc(1, sizeof *a);
        if (!a)
                abort();
        a->next_size = FIRST;
        return a;
}

void arena_free(struct arena *a)
{
        if (!a)
                return;
        for (struct block *b = a->block; b;) {
                struct block *before = b->before;
                free(b);
                b = before;
        }
        free(a);
}

void arena_reset(struct arena *a)
{
        struct block *first = a->block;
        while (first && first->before) {
                struct block *before = first->before;
                free(first);
                first = before;
        }
        if (first)
                first->used = 0;
        a->block = first;
        a->used = 0;
        a->next_size = FIRST;
}

size_t arena_used(const struct arena *a) { return a->used; }

void *arena_alloc_raw(struct arena *a, size_t size, size_t align)
{
        assert(align && align <= 16 && !(align & (align - 1)));
        struct block *b = a->block;
        size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
        if (!b || at > b->size || size > b->size - at) {
                size_t want = a->next_size;
                if (want < LARGEST)
                        a->next_size *= 2;
                if (size > SIZE_MAX / 2)
                        abort();
                b = a->block = block_new(want < size ? size : want, b);
                at = 0;
        }
        b->used = at + size;
        a->used += size;
        return b->p + at;
}

void *arena_alloc(struct arena *a, size_t size)
{
        void *p = arena_alloc_raw(a, size, 16);
        return size ? memset(p, 0, size) : p;
}

void *arena_alloc_array(struct arena *a, size_t item, size_t n)
{
        if (item && n > SIZE_MAX / 2 / item)
                abort();
        return arena_alloc(a, item * n);
}

struct str arena_str(struct arena *a, struct str s)
{
        char *p = arena_alloc_raw(a, s.n + 1, 1);
        if (s.n)
                memcpy(p, s.p, s.n);
        p[s.n] = 0;
        return (struct str){p, s.n};
}

const char *arena_cstr(struct arena *a, struct str s) { return arena_str(a, s).p; }

struct str arena_printf(struct arena *a, const char *format, ...)
{
        va_list args, again;
        assert(format); /* gcc 12 under the undefined-behaviour sanitizer warns of a NULL that nobody passes */
        va_start(args, format);
        va_copy(again, args);
        int n = vsnprintf(NULL, 0, format, args);
        va_end(args);
        if (n < 0)
                abort();
        char *p = arena_alloc_raw(a, (size_t)n + 1, 1);
        vsnprintf(p, (size_t)n + 1, format, again);
        va_end(again);
        return (struct str){p, (size_t)n};
}
