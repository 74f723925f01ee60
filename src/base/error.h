/* What went wrong, for a person: kind, place in their document, and a sentence that says what was being done, to what,
 * and what to do next. It lives on the caller's stack. Functions of libraries fill it in and return false; they never
 * log it. */
#pragma once
#include "base/str.h"

enum error_kind {
        ERROR_NONE,
        ERROR_USAGE,       /* the command line or a request is malformed */
        ERROR_INVALID,     /* a document, parameter or expression is wrong */
        ERROR_UNSUPPORTED, /* correct, but not executed by this version or back end */
        ERROR_NOT_FOUND,
        ERROR_CONFLICT,    /* exists already, or the state does not allow it */
        ERROR_LIMIT,       /* a setting's limit was passed; the text names the setting */
        ERROR_DENIED,
        ERROR_BUSY,        /* try again */
        ERROR_FULL,        /* no space */
        ERROR_VERSION,     /* stored by a newer Weft */
        ERROR_CORRUPT,     /* stored data is damaged */
        ERROR_IO,
        ERROR_INTERNAL,
        ERROR_KINDS
};

enum { ERROR_TEXT_MAX = 2048 };

struct error {
        enum error_kind kind;
        uint32_t line, column; /* from 1; 0 when there is no place */
        char file[256];        /* the document; empty when there is none or the caller knows */
        char text[ERROR_TEXT_MAX];
};

/* How a kind shows outside: one table. */
struct error_class {
        const char *name;  /* "invalid" */
        int exit_status;   /* of the command line: 2 wrong usage or input, 3 Weft's own failure */
        int http_status;
        bool retry;        /* the same request may succeed later */
};
const struct error_class *error_class(enum error_kind kind);

/* Fill in; both return false, so that a function can `return error_set(e, …)`. `e` may be NULL. */
bool error_set(struct error *e, enum error_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool error_at(struct error *e, enum error_kind kind, uint32_t line, uint32_t column, const char *format, ...)
        __attribute__((format(printf, 5, 6)));
/* The same, at byte `offset` of the document `text`: counts its lines, and the characters of the last one. */
bool error_at_byte(struct error *e, enum error_kind kind, struct str text, size_t offset, const char *format, ...)
        __attribute__((format(printf, 5, 6)));
/* Adds what was being done in front: "reading x.yaml: …". Returns false. */
bool error_wrap(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "file:line:column: text", as editors understand it; parts that are not known are left out. */
void error_print(const struct error *e, char *buffer, size_t size_bytes);
