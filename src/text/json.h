/* Reading and writing JSON (RFC 8259). */
#pragma once
#include "base/buf.h"
#include "text/value.h"

struct json_limits {
        size_t bytes_max; /* 0: 64 MiB */
        uint32_t depth_max; /* 0: 200 */
        size_t values_max;  /* 0: 5,000,000; a value takes 32 bytes and more, a text of two bytes can hold one */
};

/* Reads exactly one value with nothing but white space around it. Refuses duplicate keys, invalid UTF-8, lone
 * surrogates, NaN. Strings without escapes borrow from `text`; everything else is in `arena`. Errors say line and column. */
bool json_read(struct str text, const struct json_limits *limits /* NULL: defaults */, struct arena *arena, struct value *ret,
               struct error *e);

enum json_style {
        JSON_COMPACT = 0,
        JSON_INDENT = 1,      /* two spaces */
        JSON_SORTED = 2,      /* keys in byte order */
        JSON_HTML = 4,        /* <, > and & as \u003c …, as Go writes them */
        JSON_SPACED = 8,      /* ", " and ": ", as Python's json.dumps */
};
void json_write(const struct value *v, unsigned style, struct buf *out);
struct str json_text(const struct value *v, unsigned style, struct arena *a);
/* One string with its quotes. What is not UTF-8 in it becomes U+FFFD. */
void json_write_string(struct str s, unsigned style, struct buf *out);
