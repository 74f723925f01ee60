/* Time zones by name, from the system's database. */
#pragma once
#include "base/error.h"
#include "text/cron.h"

struct zone;
/* "Europe/Berlin", "UTC"; empty: UTC. Unknown names are ERROR_INVALID. */
bool zone_open(struct str name, struct zone **ret, struct error *e);
void zone_close(struct zone *z);
struct cron_zone zone_cron(const struct zone *z); /* lives as long as the zone */
