/* Records: their names and copies. */
#include "model/records.h"

static const char *const names[RECORD_KINDS] = {"run", "namespace", "pipeline", "version", "experiment", "recurring", "preset",
                                                "token", "grant", "notification", "delivery", "audit", "template"};

const char *record_kind_name(enum record_kind k) { return k < RECORD_KINDS ? names[k] : "?"; }

struct record record_copy(const struct record *from, struct arena *a)
{
        struct record r = *from;
        struct str *const texts[] = {&r.id, &r.ns, &r.parent, &r.name, &r.display_name, &r.description, &r.owner, &r.tags, &r.body};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                *texts[i] = arena_str(a, *texts[i]);
        return r;
}
