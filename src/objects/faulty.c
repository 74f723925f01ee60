#include "objects/faulty.h"
#include <stdatomic.h>

static struct objects_plan plan;
static atomic_uint_fast64_t counted;

void objects_faulty_plan(const struct objects_plan *p)
{
        plan = *p;
        atomic_store(&counted, 0);
}

static bool due(enum objects_operation operation)
{
        if (!(plan.operations & operation))
                return false;
        uint64_t n = atomic_fetch_add(&counted, 1) + 1;
        return n >= plan.nth && n - plan.nth < (plan.times ? plan.times : 1);
}

static bool fail(const char *doing, struct error *e)
{
        return error_set(e, plan.kind ? plan.kind : ERROR_IO, "%s: failed as the test's plan says", doing);
}

static bool faulty_open(const struct objects_settings *settings, struct objects **ret, struct error *e)
{
        return due(OBJECTS_OPEN) ? fail("opening the object store", e) : objects_folder.open(settings, ret, e);
}

static void faulty_close(struct objects *o) { objects_folder.close(o); }

static bool faulty_put(struct objects *o, struct str key, const char *path, struct object_info *ret, struct error *e)
{
        struct object_info info;
        bool now = due(OBJECTS_PUT);
        if (now && !plan.after)
                return fail("storing", e);
        if (!objects_folder.put(o, key, path, &info, e))
                return false;
        if (now)
                return fail("after storing", e);
        *ret = info;
        return true;
}

static bool faulty_get(struct objects *o, struct str key, const char *path, struct error *e)
{
        return due(OBJECTS_GET) ? fail("fetching", e) : objects_folder.get(o, key, path, e);
}

static bool faulty_read(struct objects *o, struct str key, int *ret_fd, struct error *e)
{
        return due(OBJECTS_READ) ? fail("reading", e) : objects_folder.read(o, key, ret_fd, e);
}

static bool faulty_stat(struct objects *o, struct str key, bool *ret_found, struct object_info *ret, struct error *e)
{
        return due(OBJECTS_LOOK) ? fail("looking", e) : objects_folder.stat(o, key, ret_found, ret, e);
}

static bool faulty_exists(struct objects *o, struct str key, bool *ret, struct error *e)
{
        return due(OBJECTS_LOOK) ? fail("looking", e) : objects_folder.exists(o, key, ret, e);
}

static bool faulty_remove(struct objects *o, struct str key, struct error *e)
{
        bool now = due(OBJECTS_REMOVE);
        if (now && !plan.after)
                return fail("removing", e);
        return objects_folder.remove(o, key, e) && (!now || fail("after removing", e));
}

const struct objects_ops objects_faulty = {
        .name = "faulty",
        .open = faulty_open,
        .close = faulty_close,
        .put = faulty_put,
        .get = faulty_get,
        .read = faulty_read,
        .stat = faulty_stat,
        .exists = faulty_exists,
        .remove = faulty_remove,
};
