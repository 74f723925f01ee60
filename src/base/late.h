/* Libraries that only some commands need, loaded when the first of them does: mapping and binding the server's libraries, with the forty that they bring along,
 * takes longer than a whole `weft run` of one step.
 *
 * A header names the functions that are used (LATE_LIST in api/mhd.h is the pattern); each becomes a pointer of the function's own type, and a macro of
 * the function's name leads to it. Nothing else of the program changes. */
#pragma once
#include "base/error.h"

struct late_function { const char *name; void **slot; };

/* Loads the library by its soname and fills in the slots; once is enough, more do no harm. Not thread-safe: call it before threads are made. The library stays
 * until the process ends. ERROR_UNSUPPORTED names the Debian package that is missing. */
bool late_load(const char *soname, const char *package, const struct late_function *functions, size_t n, struct error *e);

#define LATE_EXTERN(name) extern __typeof__(&name) late_##name;
#define LATE_DEFINE(name) __typeof__(&name) late_##name;
#define LATE_ENTRY(name) {#name, (void **)&late_##name},
