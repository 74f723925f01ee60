#define LATE_HERE
#include "api/archive_late.h"
#include <pthread.h>

LATE_LIST(LATE_DEFINE)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;
static struct error why;

static void load(void)
{
        static const struct late_function functions[] = {LATE_LIST(LATE_ENTRY)};
        loaded = late_load(ARCHIVE_SONAME, "libarchive13", functions, sizeof functions / sizeof *functions, &why);
}

bool archive_load(struct error *e)
{
        pthread_once(&once, load);
        if (!loaded && e)
                *e = why;
        return loaded;
}
