#include "base/time.h"

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Days since 1970-01-01 of a civil date: years begin in March, so that the leap day is the last of its year. */
static int64_t days_of(int64_t y, int m, int d)
{
        y -= m <= 2;
        int64_t era = floor_div(y, 400), yoe = y - era * 400;
        int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
        return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct civil wall_civil(struct wall t)
{
        int64_t s = floor_div(t.us, US_PER_S), day = floor_div(s, 86400), rest = s - day * 86400;
        int64_t z = day + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
        int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
        struct civil c = {.day = (int)(doy - (153 * mp + 2) / 5 + 1), .month = (int)(mp < 10 ? mp + 3 : mp - 9)};
        c.year = yoe + era * 400 + (c.month <= 2);
        c.hour = (int)(rest / 3600);
        c.minute = (int)(rest % 3600 / 60);
        c.second = (int)(rest % 60);
        c.microsecond = (int)(t.us % US_PER_S + (t.us % US_PER_S < 0 ? US_PER_S : 0));
        c.weekday = (int)(((day + 4) % 7 + 7) % 7);
        c.yearday = (int)(day - days_of(c.year, 1, 1));
        return c;
}

struct wall civil_wall(struct civil c)
{
        return (struct wall){((days_of(c.year, c.month, c.day) * 24 + c.hour) * 60 + c.minute) * 60 * US_PER_S + c.second * US_PER_S + c.microsecond};
}

struct str wall_rfc3339(struct wall t, int digits, struct arena *a)
{
        struct civil c = wall_civil(t);
        struct str s = arena_printf(a, "%04lld-%02d-%02dT%02d:%02d:%02d.%06d", (long long)c.year, c.month, c.day, c.hour, c.minute, c.second, c.microsecond);
        size_t keep = s.n - 6 + (size_t)(digits < 0 ? 0 : digits > 6 ? 6 : digits);
        if (digits <= 0)
                keep--;
        return arena_printf(a, "%.*sZ", (int)keep, s.p);
}

static bool digits(struct str *s, size_t n, int *ret)
{
        int v = 0;
        if (s->n < n)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (s->p[i] < '0' || s->p[i] > '9')
                        return false;
                v = v * 10 + (s->p[i] - '0');
        }
        *s = str_sub(*s, n, s->n);
        *ret = v;
        return true;
}

static bool lit(struct str *s, char c)
{
        if (!s->n || s->p[0] != c)
                return false;
        *s = str_sub(*s, 1, s->n);
        return true;
}

static int days_in(int y, int m)
{
        if (m == 2)
                return 28 + ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0);
        return m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31;
}

bool wall_parse(struct str s, struct wall *ret)
{
        int y, mo, d, h = 0, mi = 0, se = 0, us = 0, oh = 0, om = 0, sign = 0;
        if (!digits(&s, 4, &y) || !lit(&s, '-') || !digits(&s, 2, &mo) || !lit(&s, '-') || !digits(&s, 2, &d))
                return false;
        if (s.n) {
                if (!lit(&s, 'T') && !lit(&s, 't') && !lit(&s, ' '))
                        return false;
                if (!digits(&s, 2, &h) || !lit(&s, ':') || !digits(&s, 2, &mi) || !lit(&s, ':') || !digits(&s, 2, &se))
                        return false;
                if (lit(&s, '.')) {
                        int scale = 100000, one;
                        if (!s.n || s.p[0] < '0' || s.p[0] > '9')
                                return false;
                        while (s.n && s.p[0] >= '0' && s.p[0] <= '9') {
                                digits(&s, 1, &one);
                                us += one * scale;
                                scale /= 10;
                        }
                }
                if (!lit(&s, 'Z') && !lit(&s, 'z')) {
                        sign = lit(&s, '+') ? 1 : lit(&s, '-') ? -1 : 0;
                        if (!sign || !digits(&s, 2, &oh) || !lit(&s, ':') || !digits(&s, 2, &om))
                                return false;
                }
        }
        if (s.n || mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo) || h > 23 || mi > 59 || se > 60 || oh > 23 || om > 59)
                return false;
        ret->us = civil_wall((struct civil){y, mo, d, h, mi, se, us, 0, 0}).us - sign * (oh * 60 + om) * 60 * US_PER_S;
        return true;
}

bool duration_parse(struct str s, int64_t *ret)
{
        static const struct { const char *name; double us; } units[] = {{"ns", 1e-3}, {"us", 1}, {"\u00B5s", 1}, {"\u03BCs", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 6e7}, {"h", 3.6e9}, {"d", 8.64e10}};
        double total = 0, v;
        if (!s.n)
                return false;
        bool negative = false;
        if (str_to_double(s, &v)) {
                total = v * 1e6;
                s = STR_NONE;
        } else if (lit(&s, '-'))
                negative = true;
        else
                lit(&s, '+');
        if (s.p && !s.n)
                return false;
        while (s.n) {
                size_t k = 0;
                while (k < s.n && ((s.p[k] >= '0' && s.p[k] <= '9') || s.p[k] == '.'))
                        k++;
                if (!str_to_double(str_sub(s, 0, k), &v))
                        return false;
                s = str_sub(s, k, s.n);
                size_t u = 0, n = sizeof units / sizeof *units;
                while (u < n && !str_starts(s, str_from(units[u].name)))
                        u++;
                if (u == n)
                        return false;
                total += v * units[u].us;
                s = str_sub(s, strlen(units[u].name), s.n);
        }
        if (total > 9e18 || total < -9e18)
                return false;
        total = negative ? -total : total;
        *ret = (int64_t)(total < 0 ? total - 0.5 : total + 0.5); /* to the nearest: 1.001 s is not one microsecond less */
        return true;
}

struct str duration_short(int64_t us, struct arena *a)
{
        if (us < 0)
                us = 0;
        if (us < 10 * US_PER_S)
                return arena_printf(a, "%lld.%llds", (long long)(us / US_PER_S), (long long)(us % US_PER_S / 100000));
        int64_t s = us / US_PER_S;
        if (s < 60)
                return arena_printf(a, "%llds", (long long)s);
        if (s < 3600)
                return arena_printf(a, "%lldm%02llds", (long long)(s / 60), (long long)(s % 60));
        if (s < 86400)
                return arena_printf(a, "%lldh%02lldm", (long long)(s / 3600), (long long)(s % 3600 / 60));
        return arena_printf(a, "%lldd%02lldh", (long long)(s / 86400), (long long)(s % 86400 / 3600));
}
