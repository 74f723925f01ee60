#define LATE_HERE
#include "api/mhd.h"

LATE_LIST(LATE_DEFINE)

bool mhd_load(struct error *e)
{
        static const struct late_function functions[] = {LATE_LIST(LATE_ENTRY)};
        return late_load(MHD_SONAME, "libmicrohttpd12", functions, sizeof functions / sizeof *functions, e);
}
