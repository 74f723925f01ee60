/* Schedules: reading them, and the next moment that fits.
 *
 * Time in a zone is a row of stretches with one offset each. Within a stretch the search is over civil time, field by field from the largest; at its end the two
 * rules for changing clocks apply, and the next stretch follows. */
#include "text/cron.h"
#include <strings.h>

enum { YEARS_MAX = 8 };

/* ---- reading ---- */

struct range { const char *what; int min, max; const char *const *names; int names_from; };
static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };
static const struct range ranges[FIELDS] = {
        {"second", 0, 59, NULL, 0}, {"minute", 0, 59, NULL, 0}, {"hour", 0, 23, NULL, 0}, {"day of the month", 1, 31, NULL, 0}, {"month", 1, 12, month_names, 1},
        {"day of the week", 0, 7, weekday_names, 0},
};

static bool wrong(const struct range *r, struct str text, struct error *e)
{
        return error_set(e, ERROR_INVALID, "\"%.*s\" is no %s of a schedule: a number from %d to %d%s, a range such as %d-%d, a step such as */2, a list of these, or *", STR_FMT(text), r->what, r->min,
                         r->max, r->names ? " or a name of three letters" : "", r->min, r->max);
}

static bool number_of(const struct range *r, struct str s, int *ret)
{
        int64_t n;
        for (int i = 0; r->names && r->names[i]; i++)
                if (s.n == 3 && strncasecmp(s.p, r->names[i], 3) == 0) {
                        *ret = i + r->names_from;
                        return true;
                }
        if (!s.n || s.p[0] == '-' || s.p[0] == '+' || !str_to_i64(s, &n) || n < r->min || n > r->max)
                return false;
        *ret = (int)n;
        return true;
}

/* One part of a list. */
static bool part_of(const struct range *r, struct str part, uint64_t *bits, bool *star)
{
        struct str step = part, from = str_cut(&step, '/'), to = from;
        int a, b, by = 1;
        bool has_step = step.p != NULL, all = str_eq_c(from, "*") || str_eq_c(from, "?");
        int64_t n = 1;
        if (has_step && (!str_to_i64(step, &n) || n < 1 || n > r->max || step.p[0] == '+'))
                return false;
        by = (int)n;
        if (all) {
                a = r->min;
                b = r->max == 7 ? 6 : r->max;
                *star |= by == 1;
        } else {
                struct str first = str_cut(&to, '-');
                if (!number_of(r, first, &a))
                        return false;
                b = has_step ? (r->max == 7 ? 6 : r->max) : a;
                if (to.p && !number_of(r, to, &b))
                        return false;
                if (b < a)
                        return false;
        }
        for (int i = a; i <= b; i += by)
                *bits |= UINT64_C(1) << (r->max == 7 && i == 7 ? 0 : i);
        return true;
}

static bool field_of(const struct range *r, struct str text, uint64_t *bits, bool *star, struct error *e)
{
        struct str rest = text;
        *bits = 0;
        *star = false;
        while (rest.p)
                if (!part_of(r, str_cut(&rest, ','), bits, star))
                        return wrong(r, text, e);
        return true;
}

static bool named(struct str text, struct cron *ret, struct error *e)
{
        static const struct { const char *name, *means; } table[] = {{"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
                                                                     {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"}};
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
                if (str_eq_c(text, table[i].name))
                        return cron_parse(str_from(table[i].means), ret, e);
        if (str_starts(text, STR("@every "))) {
                *ret = (struct cron){0};
                if (duration_parse(str_trim(str_sub(text, 7, text.n)), &ret->every_us) && ret->every_us >= US_PER_S)
                        return true;
                return error_set(e, ERROR_INVALID, "\"%.*s\": @every wants a duration of at least a second, such as 1h30m", STR_FMT(text));
        }
        return error_set(e, ERROR_INVALID, "\"%.*s\" is no schedule: there are @yearly, @monthly, @weekly, @daily, @hourly and @every DURATION", STR_FMT(text));
}

bool cron_parse(struct str text, struct cron *ret, struct error *e)
{
        struct str fields[FIELDS + 1], rest = str_trim(text);
        size_t n = 0;
        if (rest.n && rest.p[0] == '@')
                return named(rest, ret, e);
        while (rest.p && n <= FIELDS) {
                struct str word = str_cut(&rest, ' ');
                word = str_trim(word);
                if (word.n)
                        fields[n++] = word;
        }
        if (rest.p || n < FIELDS - 1 || n > FIELDS)
                return error_set(e, ERROR_INVALID, "\"%.*s\" is no schedule: five fields are minute, hour, day, month and weekday; six begin with the second", STR_FMT(str_sub(text, 0, 200)));
        uint64_t bits[FIELDS];
        bool star[FIELDS];
        size_t skip = FIELDS - n;
        bits[SECOND] = 1;
        for (size_t i = 0; i < n; i++)
                if (!field_of(&ranges[i + skip], fields[i], &bits[i + skip], &star[i + skip], e))
                        return error_wrap(e, "the schedule \"%.*s\"", STR_FMT(str_sub(text, 0, 200)));
        struct str hour = fields[HOUR - skip];
        *ret = (struct cron){.seconds = bits[SECOND], .minutes = bits[MINUTE], .hours = (uint32_t)bits[HOUR], .days = (uint32_t)bits[DAY], .months = (uint32_t)bits[MONTH],
                             .weekdays = (uint8_t)bits[WEEKDAY], .day_star = star[DAY], .weekday_star = star[WEEKDAY], .hour_star = hour.p[0] == '*' || hour.p[0] == '?'};
        return true;
}

/* ---- the next moment ---- */

static bool leap(int64_t y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }
static int month_days(int64_t y, int m) { return m == 2 ? 28 + leap(y) : 30 + ((m + (m > 7)) & 1); }

static bool day_fits(const struct cron *c, int64_t y, int m, int d)
{
        int weekday = wall_civil(civil_wall((struct civil){.year = y, .month = m, .day = d})).weekday;
        bool day = c->days >> d & 1, week = c->weekdays >> weekday & 1;
        return c->day_star || c->weekday_star ? day && week : day || week;
}

static int next_bit(uint64_t bits, int from)
{
        for (; from < 60; from++)
                if (bits >> from & 1)
                        return from;
        return -1;
}

/* The first time of day at or after h:m:s; false: none that day. */
static bool time_fits(const struct cron *c, int h, int m, int s, struct civil *ret)
{
        for (int hour = next_bit(c->hours, h); hour >= 0; hour = next_bit(c->hours, hour + 1)) {
                int minute = next_bit(c->minutes, hour == h ? m : 0);
                while (minute >= 0) {
                        int second = next_bit(c->seconds, hour == h && minute == m ? s : 0);
                        if (second >= 0) {
                                ret->hour = hour;
                                ret->minute = minute;
                                ret->second = second;
                                return true;
                        }
                        minute = next_bit(c->minutes, minute + 1);
                }
        }
        return false;
}

/* The first civil time at or after `from` (whole seconds) that fits; as a moment of that civil clock. 0: none. */
static struct wall civil_next(const struct cron *c, struct wall from)
{
        struct civil t = wall_civil(from);
        int64_t last = t.year + YEARS_MAX;
        int h = t.hour, m = t.minute, s = t.second;
        for (int64_t y = t.year; y <= last; y++)
                for (int month = y == t.year ? t.month : 1; month <= 12; month++) {
                        bool first_month = y == t.year && month == t.month;
                        if (!(c->months >> month & 1))
                                continue;
                        for (int d = first_month ? t.day : 1; d <= month_days(y, month); d++) {
                                bool today = first_month && d == t.day;
                                struct civil found = {.year = y, .month = month, .day = d};
                                if (day_fits(c, y, month, d) && time_fits(c, today ? h : 0, today ? m : 0, today ? s : 0, &found))
                                        return civil_wall(found);
                        }
                }
        return (struct wall){0};
}

static int64_t offset(const struct cron_zone *z, struct wall at) { return z && z->offset_us ? z->offset_us(z->zone, at) : 0; }
static struct wall change(const struct cron_zone *z, struct wall after) { return z && z->next_change ? z->next_change(z->zone, after) : (struct wall){0}; }

static int64_t whole_second_after(int64_t us)
{
        int64_t s = us / US_PER_S;
        if (us % US_PER_S < 0)
                s--;
        return (s + 1) * US_PER_S;
}

struct wall cron_next(const struct cron *c, const struct cron_zone *zone, struct wall start, struct wall after)
{
        if (c->every_us) {
                int64_t n = after.us < start.us ? 0 : (after.us - start.us) / c->every_us + 1;
                return (struct wall){n ? start.us + n * c->every_us : start.us + c->every_us};
        }
        int64_t from = whole_second_after(after.us), limit = from + INT64_C(366) * YEARS_MAX * 86400 * US_PER_S;
        int64_t not_before = INT64_MIN; /* civil: what is before has been, when the clock was set back */
        int64_t own = offset(zone, (struct wall){from});
        /* Is `from` in an hour that comes the second time? Then look at the change before it. */
        struct wall before = {from - INT64_C(24) * 3600 * US_PER_S}, turned = change(zone, before);
        if (!c->hour_star && turned.us && turned.us <= from) {
                int64_t old = offset(zone, (struct wall){turned.us - 1});
                if (old > own)
                        not_before = turned.us + old;
        }
        while (from < limit) {
                struct wall end = change(zone, (struct wall){from});
                int64_t civil_from = from + own > not_before ? from + own : not_before;
                struct wall found = civil_next(c, (struct wall){civil_from});
                if (found.us && (!end.us || found.us - own < end.us))
                        return (struct wall){found.us - own};
                if (!found.us && !end.us)
                        return (struct wall){0};
                if (!end.us)
                        return (struct wall){0};
                int64_t later = offset(zone, end);
                /* Left out: what would have been between the two readings of the clock at the change. */
                if (!c->hour_star && later > own && found.us && found.us >= end.us + own && found.us < end.us + later)
                        return end;
                not_before = !c->hour_star && later < own ? end.us + own : INT64_MIN;
                own = later;
                from = end.us;
        }
        return (struct wall){0};
}
