/* Time zones, by GLib's: it reads the system's database, and says the offset of any moment. Loaded with the first schedule that names a zone. */
#define LATE_HERE
#include "runtime/zone.h"
#include "base/late.h"
#include <ctype.h>
#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define LATE_LIST(X) X(g_time_zone_new_identifier) X(g_time_zone_find_interval) X(g_time_zone_get_offset) X(g_time_zone_unref)
LATE_LIST(LATE_EXTERN)
LATE_LIST(LATE_DEFINE)

enum { CHANGE_DAYS_MAX = 732, STEP_DAYS = 30 };

struct zone { GTimeZone *tz; };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;
static struct error load_error;

static void load(void)
{
        static const struct late_function functions[] = {LATE_LIST(LATE_ENTRY)};
        loaded = late_load(GLIB_SONAME, "libglib2.0-0", functions, sizeof functions / sizeof *functions, &load_error);
}

/* A name of the database, and nothing that leads out of it. */
static bool name_good(struct str name)
{
        bool good = name.n && name.n < 100 && isalpha((unsigned char)name.p[0]) && str_find(name, STR(".."), 0) == SIZE_MAX;
        for (size_t i = 0; good && i < name.n; i++)
                good = isalnum((unsigned char)name.p[i]) || strchr("/_+-", name.p[i]);
        return good;
}

bool zone_open(struct str name, struct zone **ret, struct error *e)
{
        struct zone *z = calloc(1, sizeof *z);
        char id[128];
        if (!z)
                abort();
        if (!name.n || str_eq_c(name, "UTC") || str_eq_c(name, "Etc/UTC")) {
                *ret = z;
                return true;
        }
        pthread_once(&once, load);
        snprintf(id, sizeof id, "%.*s", STR_FMT(str_sub(name, 0, 100)));
        z->tz = loaded && name_good(name) ? late_g_time_zone_new_identifier(id) : NULL;
        if (z->tz) {
                *ret = z;
                return true;
        }
        free(z);
        if (!loaded) {
                if (e)
                        *e = load_error;
                return false;
        }
        return error_set(e, ERROR_INVALID, "there is no time zone \"%.*s\" on this machine: a name such as Europe/Berlin or UTC was expected (package tzdata)", STR_FMT(str_sub(name, 0, 100)));
}

void zone_close(struct zone *z)
{
        if (z && z->tz)
                late_g_time_zone_unref(z->tz);
        free(z);
}

static int64_t seconds(struct wall t) { return t.us / US_PER_S - (t.us % US_PER_S < 0); }

static int interval(const struct zone *z, int64_t second) { return late_g_time_zone_find_interval(z->tz, G_TIME_TYPE_UNIVERSAL, second); }

static int64_t offset_us(const void *zone, struct wall at)
{
        const struct zone *z = zone;
        return z->tz ? late_g_time_zone_get_offset(z->tz, interval(z, seconds(at))) * US_PER_S : 0;
}

/* The first second of the next interval: steps find one that lies behind it, halving finds its beginning. */
static struct wall next_change(const void *zone, struct wall after)
{
        const struct zone *z = zone;
        int64_t low = seconds(after), high = low;
        if (!z->tz)
                return (struct wall){0};
        int own = interval(z, low);
        for (int days = 0; days < CHANGE_DAYS_MAX && high == low; days += STEP_DAYS) {
                int64_t next = low + STEP_DAYS * INT64_C(86400);
                if (interval(z, next) != own)
                        high = next;
                else
                        low = high = next;
        }
        if (high == low)
                return (struct wall){0};
        while (high - low > 1) {
                int64_t middle = low + (high - low) / 2;
                if (interval(z, middle) == own)
                        low = middle;
                else
                        high = middle;
        }
        return (struct wall){high * US_PER_S};
}

struct cron_zone zone_cron(const struct zone *z) { return (struct cron_zone){offset_us, next_change, z}; }
