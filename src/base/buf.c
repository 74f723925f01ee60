#include "base/buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
        free(b->p);
        *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
        b->n = 0;
        b->overflow = false;
        if (b->p)
                b->p[0] = 0;
}

bool buf_reserve(struct buf *b, size_t more)
{
        if (more > b->max || b->n > b->max - more) {
                b->overflow = true;
                return false;
        }
        if (b->n + more < b->cap)
                return true;
        size_t cap = b->cap ? b->cap : 64;
        while (cap <= b->n + more)
                cap *= 2;
        b->p = realloc(b->p, cap);
        if (!b->p)
                abort();
        b->cap = cap;
        return true;
}

void buf_add(struct buf *b, struct str s)
{
        if (!buf_reserve(b, s.n))
                return;
        if (s.n)
                memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
        b->p[b->n] = 0;
}

void buf_add_c(struct buf *b, const char *s) { buf_add(b, str_from(s)); }
void buf_add_char(struct buf *b, char c) { buf_add(b, (struct str){&c, 1}); }

void buf_addf(struct buf *b, const char *format, ...)
{
        va_list args, again;
        va_start(args, format);
        va_copy(again, args);
        int n = vsnprintf(NULL, 0, format, args);
        va_end(args);
        if (n >= 0 && buf_reserve(b, (size_t)n)) {
                vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
                b->n += (size_t)n;
        }
        va_end(again);
}
