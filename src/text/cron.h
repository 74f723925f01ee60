/* Schedules as cron writes them, over the civil time of a zone.
 *
 *   five fields    minute hour day month weekday
 *   six            second first, as KFP writes them
 *   @yearly @annually @monthly @weekly @daily @midnight @hourly, and @every DURATION, which counts from its start
 *
 * A field is a list of numbers, names (jan, mon), ranges (1-5), steps (star/15, 10/5, 8-18/2), "*" or "?". Weekday 7 is Sunday too. When neither day nor weekday
 * is "*", a moment fits that fits one of them; else both must fit.
 *
 * When clocks change: a schedule that names its hours fires once for a time that is left out, at the first moment after the gap, and once for a time that comes
 * twice, the first time. One whose hour is "*" or a step of it goes on in real time through both. */
#pragma once
#include "base/error.h"
#include "base/time.h"

struct cron {
        uint64_t seconds, minutes;      /* bits */
        uint32_t hours, days, months;
        uint8_t weekdays;
        bool day_star, weekday_star, hour_star;
        int64_t every_us;               /* @every; 0: the fields count */
};

bool cron_parse(struct str text, struct cron *ret, struct error *e);

/* A zone, as far as it is needed: its offset to UTC at a moment, and the next moment at which that changes (0: none within two years). */
struct cron_zone {
        int64_t (*offset_us)(const void *zone, struct wall at);
        struct wall (*next_change)(const void *zone, struct wall after);
        const void *zone;               /* both NULL: UTC */
};
/* The first firing strictly after `after`; 0 when there is none within some eight years (the 30th of February). @every: `start` plus a multiple. */
struct wall cron_next(const struct cron *c, const struct cron_zone *zone, struct wall start, struct wall after);
