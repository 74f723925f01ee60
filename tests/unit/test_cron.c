/* Schedules: what they read as, and when they fire next; with real zones where clocks change. */
#include "runtime/zone.h"
#include "text/cron.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static struct wall at(const char *text)
{
        struct wall t;
        if (!wall_parse(str_from(text), &t))
                fail_msg("no time: %s", text);
        return t;
}

static void expect(const char *schedule, const char *zone_name, const char *after, const char *const *firings)
{
        struct cron c;
        struct error e;
        struct zone *z;
        _cleanup_arena_ struct arena *a = arena_new();
        if (!cron_parse(str_from(schedule), &c, &e) || !zone_open(str_from(zone_name), &z, &e))
                fail_msg("%s", e.text);
        struct cron_zone cz = zone_cron(z);
        struct wall t = at(after);
        for (; *firings; firings++) {
                t = cron_next(&c, &cz, at("2026-01-01T00:00:00Z"), t);
                struct str got = t.us ? wall_rfc3339(t, 0, a) : STR("never");
                if (!str_eq_c(got, *firings))
                        fail_msg("%s in %s: %.*s, not %s", schedule, zone_name, STR_FMT(got), *firings);
        }
        zone_close(z);
}
#define EXPECT(schedule, zone, after, ...) expect(schedule, zone, after, (const char *const[]){__VA_ARGS__, NULL})

static void fields(void **state)
{
        (void)state;
        EXPECT("* * * * *", "", "2026-03-01T10:00:30Z", "2026-03-01T10:01:00Z", "2026-03-01T10:02:00Z");
        EXPECT("0 0 9 * * 1-5", "UTC", "2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z", "2026-12-01T09:00:00Z");
        EXPECT("*/15 8-9 * * *", "", "2026-01-01T09:30:00Z", "2026-01-01T09:45:00Z", "2026-01-02T08:00:00Z");
        EXPECT("30 0,12 1 JAN,jul *", "", "2026-01-01T00:30:00Z", "2026-01-01T12:30:00Z", "2026-07-01T00:30:00Z", "2026-07-01T12:30:00Z", "2027-01-01T00:30:00Z");
        EXPECT("5/20 * * * *", "", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:25:00Z", "2026-01-01T00:45:00Z", "2026-01-01T01:05:00Z");
        EXPECT("10 * * * * ?", "", "2026-01-01T00:00:10Z", "2026-01-01T00:01:10Z");
        EXPECT("0 0 29 2 *", "", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z");
        EXPECT("0 0 31 * *", "", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z");
        EXPECT("0 0 30 2 *", "", "2026-01-01T00:00:00Z", "never");
        EXPECT("0 0 13 * 5", "", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z"); /* either */
        EXPECT("0 0 * * 7", "", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00Z");
        EXPECT("@weekly", "", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00Z");
        EXPECT("@every 90m", "", "2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z", "2026-01-01T04:30:00Z");
}

/* Europe/Berlin: 2026-03-29 01:00 UTC, 2:00 becomes 3:00; 2026-10-25 01:00 UTC, 3:00 becomes 2:00. */
static void clocks_change(void **state)
{
        (void)state;
        EXPECT("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z");
        EXPECT("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z");
        EXPECT("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
        EXPECT("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"); /* asked in the hour that comes again */
        EXPECT("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z");
        EXPECT("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z");
        /* America/New_York: 2026-03-08 07:00 UTC, 2:00 becomes 3:00; 2026-11-01 06:00 UTC, 2:00 becomes 1:00. */
        EXPECT("15 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:15:00Z");
        EXPECT("15 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T05:15:00Z", "2026-11-02T06:15:00Z");
        EXPECT("0 9 * * *", "Asia/Kolkata", "2026-05-01T00:00:00Z", "2026-05-01T03:30:00Z");
        EXPECT("0 9 * * 1", "Asia/Tokyo", "2026-05-01T00:00:00Z", "2026-05-04T00:00:00Z");
}

static void refused(void **state)
{
        (void)state;
        static const char *const bad[] = {"", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "1, * * * *",
                                          "-1 * * * *", "+1 * * * *", "@sometimes", "@every", "@every 0s", "@every x", "*-5 * * * *", "1/ * * * *", "/ * * * *"};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct cron c;
                struct error e = {0};
                if (cron_parse(str_from(bad[i]), &c, &e))
                        fail_msg("\"%s\" was read", bad[i]);
                assert_int_equal(e.kind, ERROR_INVALID);
        }
        static const char *const zones[] = {"Europe/Nowhere", "../etc/passwd", "/etc/localtime", "Europe/../Europe/Berlin", "x y"};
        for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
                struct zone *z;
                struct error e = {0};
                if (zone_open(str_from(zones[i]), &z, &e))
                        fail_msg("\"%s\" was found", zones[i]);
                assert_int_equal(e.kind, ERROR_INVALID);
        }
}

/* Every firing comes after the one before, over two years of odd schedules and zones. */
static void always_later(void **state)
{
        (void)state;
        static const char *const schedules[] = {"0 * * * *", "59 1,2,3 * * *", "*/7 */3 * * *", "30 30 2 * * 0", "0 0 1 * *"};
        static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "UTC"};
        for (size_t i = 0; i < 5; i++)
                for (size_t k = 0; k < 6; k++) {
                        struct cron c;
                        struct zone *z;
                        struct error e;
                        assert_true(cron_parse(str_from(schedules[i]), &c, &e) && zone_open(str_from(zones[k]), &z, &e));
                        struct cron_zone cz = zone_cron(z);
                        struct wall t = at("2026-01-01T00:00:00Z");
                        for (int n = 0; n < 800; n++) {
                                struct wall next = cron_next(&c, &cz, t, t);
                                assert_true(next.us > t.us);
                                assert_true(next.us % US_PER_S == 0);
                                t = next;
                        }
                        zone_close(z);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(fields), cmocka_unit_test(clocks_change), cmocka_unit_test(refused), cmocka_unit_test(always_later)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
