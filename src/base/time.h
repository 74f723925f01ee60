/* Types for time, and no clock: the pure parts are told what time it is. */
#pragma once
#include "base/arena.h"

struct wall { int64_t us; }; /* microseconds since 1970-01-01 UTC; 0 is "not set" */
struct mono { int64_t us; }; /* microseconds of a monotonic clock; differences only */

#define US_PER_S INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

/* "2026-01-02T03:04:05Z"; "2026-01-02T03:04:05.678901Z" with `fraction_digits` of 1 to 6. */
struct str wall_rfc3339(struct wall t, int fraction_digits, struct arena *a);
/* RFC 3339 with any offset and fraction, also a date alone. False when it is anything else. */
bool wall_parse(struct str s, struct wall *ret);

struct civil { int64_t year; int month, day, hour, minute, second, microsecond, weekday /* 0 Sunday */, yearday /* from 0 */; };
struct civil wall_civil(struct wall t); /* UTC, proleptic Gregorian */
struct wall civil_wall(struct civil c);

/* "1h2m3s", "1.5s", "300ms": Go's durations; also a bare number, of seconds. Result in microseconds; false when
 * malformed or out of range. */
bool duration_parse(struct str s, int64_t *ret_us);
/* For people: "0.3s", "12s", "4m07s", "2h05m", "3d04h". */
struct str duration_short(int64_t us, struct arena *a);
