/* Memory that is freed together. An arena is a parameter named by its lifetime (scratch, request, run); it is never
 * implicit. Running out of memory aborts the process: durable state makes that safe. Not thread-safe: an arena
 * belongs to one thread at a time, and moves with what it holds. */
#pragma once
#include "base/str.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */
/* Forgets everything, keeps the first block for reuse. */
void arena_reset(struct arena *a);
/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);

void *arena_alloc(struct arena *a, size_t size_bytes); /* zeroed, aligned to 16 */
void *arena_alloc_raw(struct arena *a, size_t size_bytes, size_t align); /* not zeroed */
struct str arena_str(struct arena *a, struct str s); /* a copy, NUL-terminated */
const char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc_array((a), sizeof(type), (n)))
void *arena_alloc_array(struct arena *a, size_t item_bytes, size_t n); /* aborts on overflow */

static inline void arena_freep(struct arena **a) { arena_free(*a); }
#define _cleanup_arena_ __attribute__((cleanup(arena_freep)))
