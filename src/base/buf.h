/* A growable buffer of bytes that must be told its maximum. Past it, additions are dropped and `overflow` is set;
 * the caller looks once, at the end. */
#pragma once
#include "base/str.h"

struct buf {
        char *p;   /* owned; NUL-terminated whenever not NULL */
        size_t n;
        size_t cap;
        size_t max;
        bool overflow;
};

#define BUF(max_bytes) ((struct buf){.max = (max_bytes)})

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, clears overflow */
bool buf_reserve(struct buf *b, size_t more); /* false past the maximum */
void buf_add(struct buf *b, struct str s);
void buf_add_c(struct buf *b, const char *c_string);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline struct str buf_str(const struct buf *b) { return (struct str){b->p, b->n}; }

#define _cleanup_buf_ __attribute__((cleanup(buf_free)))
