/* Borrowed text. A `struct str` is a view, passed by value; it never owns what it points to.
 * It need not end in NUL, and may hold any bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
        const char *p;
        size_t n; /* bytes */
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf: ("%.*s", STR_FMT(s)) */
#define STR_FMT(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_from(const char *c_string) {
        return (struct str){c_string, c_string ? strlen(c_string) : 0};
}

static inline bool str_eq(struct str a, struct str b) {
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_eq_c(struct str a, const char *b) { return str_eq(a, str_from(b)); }

/* Byte order, as strcmp. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Offset of the first occurrence at or after `from`, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle, size_t from);
size_t str_find_char(struct str s, char c, size_t from);
/* Bytes [from, to), clamped to the string. */
struct str str_sub(struct str s, size_t from, size_t to);
/* Without ASCII white space at both ends. */
struct str str_trim(struct str s);
/* Splits at the first `separator`: returns what is before it and moves *rest behind it. When there is none,
 * returns everything and sets rest->p to NULL. */
struct str str_cut(struct str *rest, char separator);
/* The whole of `s` as a decimal integer; false when it is anything else or out of range. */
bool str_to_i64(struct str s, int64_t *ret);
/* The whole of `s` as a decimal floating-point number, independent of locale; false when it is anything else. */
bool str_to_double(struct str s, double *ret);
bool str_is_utf8(struct str s);
/* How many bytes at the start of `s` are whole characters of valid UTF-8. */
size_t str_utf8_prefix(struct str s);

/* Edit distance (Damerau, adjacent transpositions), at most `max` + 1; for "did you mean". */
size_t str_distance(struct str a, struct str b, size_t max);
