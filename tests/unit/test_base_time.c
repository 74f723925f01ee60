/* Times and durations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"
#include "base/time.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct arena *a;
static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static void test_rfc3339(void **state)
{
        (void)state;
        static const struct { const char *in; int64_t us; const char *out; } t[] = {
                {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000Z"},
                {"1970-01-01", 0, "1970-01-01T00:00:00.000000Z"},
                {"2026-01-02T03:04:05.678901Z", INT64_C(1767323045678901), "2026-01-02T03:04:05.678901Z"},
                {"2026-01-02T03:04:05.6789019Z", INT64_C(1767323045678901), "2026-01-02T03:04:05.678901Z"},
                {"2026-01-02T05:04:05.5+02:00", INT64_C(1767323045500000), "2026-01-02T03:04:05.500000Z"},
                {"2026-01-01 22:04:05-05:00", INT64_C(1767323045000000), "2026-01-02T03:04:05.000000Z"},
                {"1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z"},
                {"2000-02-29T00:00:00z", INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z"},
        };
        for (size_t i = 0; i < COUNT(t); i++) {
                struct wall w;
                assert_true(wall_parse(str_from(t[i].in), &w));
                assert_true(w.us == t[i].us);
                assert_string_equal(wall_rfc3339(w, 6, a).p, t[i].out);
        }
        assert_string_equal(wall_rfc3339((struct wall){INT64_C(1767323045678901)}, 0, a).p, "2026-01-02T03:04:05Z");
        assert_string_equal(wall_rfc3339((struct wall){INT64_C(1767323045678901)}, 3, a).p, "2026-01-02T03:04:05.678Z");
}

static void test_refused_times(void **state)
{
        (void)state;
        static const char *const bad[] = {"", "2026", "2026-13-01", "2026-00-01", "2026-01-32", "2026-02-29", "1900-02-29", "2026-04-31", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
                                          "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+2:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Zx", "26-01-01", "2026-1-1", "2026-01-01T"};
        struct wall w;
        for (size_t i = 0; i < COUNT(bad); i++)
                if (wall_parse(str_from(bad[i]), &w))
                        fail_msg("accepted: %s", bad[i]);
}

static void test_civil_round_trip(void **state)
{
        (void)state;
        struct random_source r = {3};
        for (int i = 0; i < 20000; i++) {
                struct wall w = {(int64_t)random_below(&r, UINT64_C(8000000000000000)) - INT64_C(4000000000000000)};
                struct civil c = wall_civil(w);
                assert_true(civil_wall(c).us == w.us);
                assert_true(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= 31 && c.weekday >= 0 && c.weekday < 7 && c.yearday >= 0 && c.yearday < 366);
        }
        struct civil c = wall_civil((struct wall){INT64_C(1767323045000000)}); /* Friday, the second of January 2026 */
        assert_int_equal(c.weekday, 5);
        assert_int_equal(c.yearday, 1);
}

/* Every time that the type holds has a date, which leads back to it. */
static void test_years_far_away(void **state)
{
        (void)state;
        static const struct { int64_t us; const char *text; } t[] = {
                {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"}, {INT64_C(253402300800000000), "10000-01-01T00:00:00.000000Z"}, {INT64_C(-62167219200000000), "0000-01-01T00:00:00.000000Z"},
                {INT64_C(-11676096000000000), "1600-01-01T00:00:00.000000Z"}, {INT64_MAX, "294247-01-10T04:00:54.775807Z"}, {INT64_MIN, "-290308-12-21T19:59:05.224192Z"},
        };
        struct wall w;
        for (size_t i = 0; i < COUNT(t); i++) {
                assert_string_equal(wall_rfc3339((struct wall){t[i].us}, 6, a).p, t[i].text);
                if (t[i].text[4] == '-' && t[i].text[0] != '-') {
                        assert_true(wall_parse(str_from(t[i].text), &w));
                        assert_true(w.us == t[i].us);
                }
        }
        assert_false(wall_parse(STR("10000-01-01"), &w));
        assert_false(wall_parse(STR("-001-01-01"), &w));
        assert_true(wall_parse(STR("0000-01-01T00:00:00+23:59"), &w));
        assert_true(wall_parse(STR("9999-12-31T23:59:60-23:59"), &w)); /* a leap second is the next one */
        assert_string_equal(wall_rfc3339(w, 0, a).p, "10000-01-01T23:59:00Z");
}

static void test_durations(void **state)
{
        (void)state;
        static const struct { const char *in; int64_t us; } t[] = {
                {"1h2m3s", INT64_C(3723000000)}, {"1.5s", 1500000}, {"300ms", 300000}, {"10", 10000000}, {"0.5", 500000}, {"1.001", 1001000}, {"1.001s", 1001000}, {"4.35s", 4350000},
                {"-2m", -120000000}, {"+2m", 120000000}, {"2d", INT64_C(172800000000)}, {"7us", 7}, {"7\xc2\xb5s", 7}, {"7\xce\xbcs", 7}, {".5s", 500000}, {"5.s", 5000000}, {"2562047h47m16.854775807s", INT64_C(9223372036854776)}, {"1500ns", 2}, {"0", 0}, {"1h1ms", INT64_C(3600001000)}, {"-5", -5000000},
        };
        int64_t us = 0;
        for (size_t i = 0; i < COUNT(t); i++) {
                if (!duration_parse(str_from(t[i].in), &us) || us != t[i].us)
                        fail_msg("%s gave %lld", t[i].in, (long long)us);
        }
        static const char *const bad[] = {"", "-", "+", "s", "1x", "1h2", "h1", "1e400", "9999999999999h", "1 s", ".s", "--1s", "1..2s", "inf", "1h-2m"};
        for (size_t i = 0; i < COUNT(bad); i++)
                if (duration_parse(str_from(bad[i]), &us))
                        fail_msg("accepted: %s", bad[i]);
}

static void test_short_durations(void **state)
{
        (void)state;
        static const struct { int64_t us; const char *s; } t[] = {{-5, "0.0s"}, {300000, "0.3s"}, {12 * US_PER_S, "12s"}, {247 * US_PER_S, "4m07s"}, {7500 * US_PER_S, "2h05m"}, {273600 * US_PER_S, "3d04h"}};
        for (size_t i = 0; i < COUNT(t); i++)
                assert_string_equal(duration_short(t[i].us, a).p, t[i].s);
        assert_string_equal(duration_short(9990000, a).p, "9.9s"); /* what is not over is not shown as if it were */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_rfc3339, setup, teardown), cmocka_unit_test(test_refused_times), cmocka_unit_test(test_civil_round_trip),
                cmocka_unit_test_setup_teardown(test_years_far_away, setup, teardown), cmocka_unit_test(test_durations), cmocka_unit_test_setup_teardown(test_short_durations, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
