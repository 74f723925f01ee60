/* Times by Go's layouts ("Mon Jan 2 15:04:05 2006"), and Go's durations. Fixed offsets only: a database of time zones would be a file. */
#include "expr/internal.h"
#include <stdio.h>

enum piece { P_TEXT, P_MONTH_LONG, P_MONTH, P_MONTH_N, P_MONTH_0, P_DAY_LONG, P_DAY_NAME, P_DAY, P_DAY__, P_DAY_0, P_YEARDAY, P_HOUR, P_HOUR12, P_HOUR12_0,
             P_MINUTE, P_MINUTE_0, P_SECOND, P_SECOND_0, P_YEAR, P_YEAR_2, P_PM, P_PM_LOW, P_ZONE, P_ISO_Z, P_ISO_COLON_Z, P_ISO_HOUR_Z, P_OFFSET,
             P_OFFSET_COLON, P_OFFSET_HOUR, P_FRACTION_0, P_FRACTION_9 };

static const struct { const char *text; enum piece piece; } pieces[] = { /* longer ones before their beginnings */
        {"January", P_MONTH_LONG}, {"Jan", P_MONTH}, {"Monday", P_DAY_LONG}, {"Mon", P_DAY_NAME}, {"MST", P_ZONE}, {"002", P_YEARDAY}, {"01", P_MONTH_0},
        {"02", P_DAY_0}, {"03", P_HOUR12_0}, {"04", P_MINUTE_0}, {"05", P_SECOND_0}, {"06", P_YEAR_2}, {"15", P_HOUR}, {"1", P_MONTH_N}, {"2006", P_YEAR},
        {"_2006", P_TEXT}, {"_2", P_DAY__}, {"2", P_DAY}, {"3", P_HOUR12}, {"4", P_MINUTE}, {"5", P_SECOND}, {"PM", P_PM}, {"pm", P_PM_LOW},
        {"-07:00", P_OFFSET_COLON}, {"-0700", P_OFFSET}, {"-07", P_OFFSET_HOUR}, {"Z07:00", P_ISO_COLON_Z}, {"Z0700", P_ISO_Z}, {"Z07", P_ISO_HOUR_Z},
};
static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

static enum piece piece_at(struct str layout, size_t at, size_t *ret_n) {
        struct str rest = str_sub(layout, at, layout.n);
        if (rest.n >= 2 && (rest.p[0] == '.' || rest.p[0] == ',') && (rest.p[1] == '0' || rest.p[1] == '9')) {
                size_t n = 1;
                while (n < rest.n && rest.p[n] == rest.p[1])
                        n++;
                if (n == rest.n || rest.p[n] < '0' || rest.p[n] > '9') {
                        *ret_n = n;
                        return rest.p[1] == '0' ? P_FRACTION_0 : P_FRACTION_9;
                }
        }
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
                struct str t = str_from(pieces[i].text);
                bool lower_follows = rest.n > t.n && rest.p[t.n] >= 'a' && rest.p[t.n] <= 'z';
                if (!str_starts(rest, t) || ((pieces[i].piece == P_MONTH || pieces[i].piece == P_DAY_NAME) && lower_follows))
                        continue;
                *ret_n = pieces[i].piece == P_TEXT ? 1 : t.n; /* "_2006" is "_" and a year */
                return pieces[i].piece;
        }
        *ret_n = 1;
        return P_TEXT;
}

static void add_offset(struct buf *b, int32_t zone_s, enum piece piece) {
        int32_t minutes = zone_s / 60;
        char sign = minutes < 0 ? '-' : '+';
        minutes = minutes < 0 ? -minutes : minutes;
        buf_addf(b, "%c%02d", sign, minutes / 60);
        if (piece == P_OFFSET_HOUR || piece == P_ISO_HOUR_Z)
                return;
        buf_addf(b, piece == P_OFFSET_COLON || piece == P_ISO_COLON_Z ? ":%02d" : "%02d", minutes % 60);
}

static void add_fraction(struct buf *b, int microsecond, enum piece piece, char mark, size_t n) {
        char digits[16];
        snprintf(digits, sizeof digits, "%06d000", microsecond);
        size_t count = n - 1 > 9 ? 9 : n - 1;
        if (piece == P_FRACTION_9)
                while (count > 0 && digits[count - 1] == '0')
                        count--;
        if (count)
                buf_addf(b, "%c%.*s", mark, (int)count, digits);
}

struct str time_format(int64_t us, int32_t zone_s, struct str layout, struct arena *a) {
        int64_t local;
        if (__builtin_add_overflow(us, zone_s * US_PER_S, &local))
                local = us;
        struct civil c = wall_civil((struct wall){local});
        int hour12 = c.hour % 12 ? c.hour % 12 : 12;
        struct buf b = BUF(1 << 20);
        for (size_t i = 0, n; i < layout.n; i += n) {
                enum piece p = piece_at(layout, i, &n);
                switch (p) {
                case P_TEXT: buf_add(&b, str_sub(layout, i, i + n)); break;
                case P_MONTH_LONG: buf_add_c(&b, months[c.month - 1]); break;
                case P_MONTH: buf_addf(&b, "%.3s", months[c.month - 1]); break;
                case P_MONTH_N: buf_addf(&b, "%d", c.month); break;
                case P_MONTH_0: buf_addf(&b, "%02d", c.month); break;
                case P_DAY_LONG: buf_add_c(&b, days[c.weekday]); break;
                case P_DAY_NAME: buf_addf(&b, "%.3s", days[c.weekday]); break;
                case P_DAY: buf_addf(&b, "%d", c.day); break;
                case P_DAY__: buf_addf(&b, "%2d", c.day); break;
                case P_DAY_0: buf_addf(&b, "%02d", c.day); break;
                case P_YEARDAY: buf_addf(&b, "%03d", c.yearday + 1); break;
                case P_HOUR: buf_addf(&b, "%02d", c.hour); break;
                case P_HOUR12: buf_addf(&b, "%d", hour12); break;
                case P_HOUR12_0: buf_addf(&b, "%02d", hour12); break;
                case P_MINUTE: buf_addf(&b, "%d", c.minute); break;
                case P_MINUTE_0: buf_addf(&b, "%02d", c.minute); break;
                case P_SECOND: buf_addf(&b, "%d", c.second); break;
                case P_SECOND_0: buf_addf(&b, "%02d", c.second); break;
                case P_YEAR: buf_addf(&b, "%04lld", (long long)c.year); break;
                case P_YEAR_2: buf_addf(&b, "%02d", (int)((c.year % 100 + 100) % 100)); break;
                case P_PM: buf_add_c(&b, c.hour >= 12 ? "PM" : "AM"); break;
                case P_PM_LOW: buf_add_c(&b, c.hour >= 12 ? "pm" : "am"); break;
                case P_ZONE:
                        if (zone_s == 0)
                                buf_add_c(&b, "UTC");
                        else
                                add_offset(&b, zone_s, zone_s % 3600 ? P_OFFSET : P_OFFSET_HOUR);
                        break;
                case P_ISO_Z: case P_ISO_COLON_Z: case P_ISO_HOUR_Z:
                        if (zone_s == 0)
                                buf_add_char(&b, 'Z');
                        else
                                add_offset(&b, zone_s, p);
                        break;
                case P_OFFSET: case P_OFFSET_COLON: case P_OFFSET_HOUR: add_offset(&b, zone_s, p); break;
                case P_FRACTION_0: case P_FRACTION_9: add_fraction(&b, c.microsecond, p, layout.p[i], n); break;
                }
        }
        struct str s = arena_str(a, buf_str(&b));
        buf_free(&b);
        return s;
}

/* --- parsing --- */

struct reading { struct str s; size_t i; struct civil c; int32_t zone_s; bool pm, has_pm, bad; };

static int64_t digits(struct reading *r, size_t least, size_t most) {
        int64_t v = 0;
        size_t n = 0;
        for (; n < most && r->i < r->s.n && r->s.p[r->i] >= '0' && r->s.p[r->i] <= '9'; n++)
                v = v * 10 + (r->s.p[r->i++] - '0');
        r->bad = r->bad || n < least;
        return v;
}

static int name(struct reading *r, const char *const *names, int n, size_t length) {
        for (int k = 0; k < n; k++) {
                size_t size = length ? length : strlen(names[k]);
                bool same = r->i + size <= r->s.n;
                for (size_t i = 0; i < size && same; i++)
                        same = (r->s.p[r->i + i] | 32) == (names[k][i] | 32);
                if (same) {
                        r->i += size;
                        return k;
                }
        }
        r->bad = true;
        return 0;
}

static bool take(struct reading *r, char c) {
        if (r->i >= r->s.n || r->s.p[r->i] != c)
                return false;
        r->i++;
        return true;
}

static void read_offset(struct reading *r, enum piece p) {
        if ((p == P_ISO_Z || p == P_ISO_COLON_Z || p == P_ISO_HOUR_Z) && take(r, 'Z'))
                return;
        int sign = take(r, '-') ? -1 : take(r, '+') ? 1 : 0;
        int64_t hours = digits(r, 2, 2), minutes = 0;
        if (p == P_OFFSET_COLON || p == P_ISO_COLON_Z)
                r->bad = r->bad || !take(r, ':');
        if (p != P_OFFSET_HOUR && p != P_ISO_HOUR_Z)
                minutes = digits(r, 2, 2);
        r->bad = r->bad || sign == 0 || hours > 24 || minutes > 59;
        r->zone_s = (int32_t)(sign * (hours * 3600 + minutes * 60));
}

/* ".5", up to nine digits of which six count. */
static void read_fraction(struct reading *r) {
        r->i++;
        size_t from = r->i;
        int64_t v = digits(r, 1, 9);
        for (size_t n = r->i - from; n < 6; n++)
                v *= 10;
        for (size_t n = r->i - from; n > 6; n--)
                v /= 10;
        r->c.microsecond = (int)v;
}

static void read_piece(struct reading *r, enum piece p, struct str text) {
        switch (p) {
        case P_TEXT:
                if (text.p[0] == ' ') {
                        r->bad = r->bad || !take(r, ' ');
                        while (take(r, ' '))
                                ;
                } else
                        r->bad = r->bad || !take(r, text.p[0]);
                break;
        case P_MONTH_LONG: r->c.month = name(r, months, 12, 0) + 1; break;
        case P_MONTH: r->c.month = name(r, months, 12, 3) + 1; break;
        case P_MONTH_N: r->c.month = (int)digits(r, 1, 2); break;
        case P_MONTH_0: r->c.month = (int)digits(r, 2, 2); break;
        case P_DAY_LONG: name(r, days, 7, 0); break;
        case P_DAY_NAME: name(r, days, 7, 3); break;
        case P_DAY__:
                take(r, ' ');
                r->c.day = (int)digits(r, 1, 2);
                break;
        case P_DAY: r->c.day = (int)digits(r, 1, 2); break;
        case P_DAY_0: r->c.day = (int)digits(r, 2, 2); break;
        case P_YEARDAY:
                r->c.month = 1;
                r->c.day = (int)digits(r, 3, 3);
                break;
        case P_HOUR: r->c.hour = (int)digits(r, 1, 2); break;
        case P_HOUR12: r->c.hour = (int)digits(r, 1, 2); break;
        case P_HOUR12_0: r->c.hour = (int)digits(r, 2, 2); break;
        case P_MINUTE: r->c.minute = (int)digits(r, 1, 2); break;
        case P_MINUTE_0: r->c.minute = (int)digits(r, 2, 2); break;
        case P_SECOND: r->c.second = (int)digits(r, 1, 2); break;
        case P_SECOND_0: r->c.second = (int)digits(r, 2, 2); break;
        case P_YEAR: r->c.year = digits(r, 4, 4); break;
        case P_YEAR_2: {
                int64_t y = digits(r, 2, 2);
                r->c.year = y >= 69 ? 1900 + y : 2000 + y;
                break;
        }
        case P_PM: case P_PM_LOW:
                r->pm = r->i < r->s.n && (r->s.p[r->i] | 32) == 'p';
                r->has_pm = true;
                r->bad = r->bad || !(r->pm || take(r, 'A') || take(r, 'a')) || (r->pm && ++r->i == 0) || !(take(r, 'M') || take(r, 'm'));
                break;
        case P_ZONE: /* a name that is not an offset counts as UTC */
                if (r->i + 3 > r->s.n)
                        r->bad = true;
                for (int k = 0; k < 5 && r->i < r->s.n && r->s.p[r->i] >= 'A' && r->s.p[r->i] <= 'Z'; k++)
                        r->i++;
                break;
        case P_ISO_Z: case P_ISO_COLON_Z: case P_ISO_HOUR_Z: case P_OFFSET: case P_OFFSET_COLON: case P_OFFSET_HOUR: read_offset(r, p); break;
        case P_FRACTION_0: case P_FRACTION_9:
                if (r->i < r->s.n && (r->s.p[r->i] == '.' || r->s.p[r->i] == ','))
                        read_fraction(r);
                else
                        r->bad = r->bad || p == P_FRACTION_0;
                break;
        }
        /* Go takes a fraction after seconds even when the layout has none. */
        if ((p == P_SECOND || p == P_SECOND_0) && r->i + 1 < r->s.n && r->s.p[r->i] == '.' && r->s.p[r->i + 1] >= '0' && r->s.p[r->i + 1] <= '9')
                read_fraction(r);
}

static int days_in(int64_t year, int month) {
        static const int n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return month == 2 && leap ? 29 : n[month - 1];
}

bool time_parse(struct str layout, struct str text, int64_t *ret_us, int32_t *ret_zone_s) {
        struct reading r = {.s = text, .c = {.year = 0, .month = 1, .day = 1}};
        bool yearday = false;
        for (size_t i = 0, n; i < layout.n && !r.bad; i += n) {
                enum piece p = piece_at(layout, i, &n);
                read_piece(&r, p, str_sub(layout, i, i + n));
                yearday = yearday || p == P_YEARDAY;
        }
        if (r.bad || r.i != text.n)
                return false;
        if (r.has_pm) {
                if (r.c.hour < 0 || r.c.hour > 12)
                        return false;
                r.c.hour = r.c.hour % 12 + (r.pm ? 12 : 0);
        }
        if (r.c.month < 1 || r.c.month > 12 || r.c.hour > 23 || r.c.minute > 59 || r.c.second > 59 || r.c.day < 1 ||
            r.c.day > (yearday ? 366 : days_in(r.c.year, r.c.month)))
                return false;
        int day = r.c.day;
        r.c.day = yearday ? 1 : day;
        *ret_us = civil_wall(r.c).us + (yearday ? (day - 1) * 86400 * US_PER_S : 0) - r.zone_s * US_PER_S;
        *ret_zone_s = r.zone_s;
        return true;
}

bool time_parse_any(struct str text, int64_t *ret_us, int32_t *ret_zone_s) {
        static const char *const layouts[] = {"2006-01-02", "15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "02 Jan 06 15:04 MST",
                                              "Monday, 02-Jan-06 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 MST"};
        for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
                if (time_parse(str_from(layouts[i]), text, ret_us, ret_zone_s))
                        return true;
        return false;
}

bool zone_find(struct str s, int32_t *ret_s) {
        *ret_s = 0;
        if (s.n == 0 || str_eq_c(s, "UTC") || str_eq_c(s, "Local") || str_eq_c(s, "Z") || str_eq_c(s, "GMT") || str_eq_c(s, "Etc/UTC") || str_eq_c(s, "Etc/GMT"))
                return true;
        struct str offset = str_starts(s, STR("UTC")) || str_starts(s, STR("GMT")) ? str_sub(s, 3, s.n) : s;
        struct reading r = {.s = offset};
        read_offset(&r, P_OFFSET_COLON);
        *ret_s = r.zone_s;
        return !r.bad && r.i == offset.n;
}

/* --- durations --- */

bool duration_ns(struct str s, int64_t *ret) {
        static const struct { const char *name; double ns; } units[] = {{"ns", 1}, {"us", 1e3}, {"\xC2\xB5s", 1e3}, {"\xCE\xBCs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
        bool negative = s.n && s.p[0] == '-';
        size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
        if (str_eq_c(str_sub(s, i, s.n), "0")) {
                *ret = 0;
                return true;
        }
        long double total = 0;
        if (i >= s.n)
                return false;
        while (i < s.n) {
                long double v = 0, scale = 1;
                size_t from = i;
                bool point = false, digit = false;
                for (; i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] == '.' && !point)); i++) {
                        if (s.p[i] == '.') {
                                point = true;
                                continue;
                        }
                        digit = true;
                        v = v * 10 + (s.p[i] - '0');
                        scale = point ? scale * 10 : scale;
                }
                size_t unit = i;
                while (i < s.n && s.p[i] != '.' && (s.p[i] < '0' || s.p[i] > '9'))
                        i++;
                struct str u = str_sub(s, unit, i);
                size_t k = 0;
                while (k < sizeof units / sizeof *units && !str_eq_c(u, units[k].name))
                        k++;
                if (!digit || from == unit || k == sizeof units / sizeof *units || unit - from > 40)
                        return false;
                total += v / scale * (long double)units[k].ns;
        }
        if (total >= 9223372036854775807.0L)
                return false;
        *ret = negative ? -(int64_t)total : (int64_t)total;
        return true;
}

static struct str with_fraction(uint64_t v, uint64_t unit, const char *name_, bool negative, struct arena *a) {
        struct str fraction = arena_printf(a, "%llu", (unsigned long long)(unit + v % unit));
        size_t n = fraction.n;
        while (n > 1 && fraction.p[n - 1] == '0')
                n--;
        return arena_printf(a, "%s%llu%s%.*s%s", negative ? "-" : "", (unsigned long long)(v / unit), n > 1 ? "." : "", (int)n - 1, fraction.p + 1, name_);
}

struct str duration_text(int64_t ns, struct arena *a) {
        bool negative = ns < 0;
        uint64_t v = negative ? (uint64_t)0 - (uint64_t)ns : (uint64_t)ns;
        if (v == 0)
                return STR("0s");
        if (v < 1000)
                return arena_printf(a, "%s%lluns", negative ? "-" : "", (unsigned long long)v);
        if (v < 1000000)
                return with_fraction(v, 1000, "\xC2\xB5s", negative, a);
        if (v < 1000000000)
                return with_fraction(v, 1000000, "ms", negative, a);
        uint64_t hours = v / 3600000000000u, minutes = v / 60000000000u % 60;
        struct str seconds = with_fraction(v % 60000000000u, 1000000000u, "s", false, a);
        const char *sign = negative ? "-" : "";
        if (hours)
                return arena_printf(a, "%s%lluh%llum%.*s", sign, (unsigned long long)hours, (unsigned long long)minutes, STR_FMT(seconds));
        if (minutes)
                return arena_printf(a, "%s%llum%.*s", sign, (unsigned long long)minutes, STR_FMT(seconds));
        return arena_printf(a, "%s%.*s", sign, STR_FMT(seconds));
}
