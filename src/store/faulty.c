#include "store/faulty.h"
#include <stdatomic.h>

static struct faulty_plan plan;
static atomic_uint_fast64_t counted;

void store_faulty_plan(const struct faulty_plan *p)
{
        plan = *p;
        atomic_store(&counted, 0);
}

uint64_t store_faulty_count(void) { return atomic_load(&counted); }

static const struct store_ops *under(void) { return plan.under ? plan.under : &store_sqlite; }

static bool due(enum faulty_operation operation)
{
        if (!(plan.operations & operation))
                return false;
        uint64_t n = atomic_fetch_add(&counted, 1) + 1, times = plan.times ? plan.times : 1;
        return n >= plan.nth && n - plan.nth < times;
}

static bool fail(const char *doing, struct error *e)
{
        return error_set(e, plan.kind ? plan.kind : ERROR_IO, "%s: failed as the test's plan says", doing);
}

static bool faulty_open(const struct store_settings *settings, struct store **ret, struct error *e)
{
        return due(FAULTY_OPEN) ? fail("opening the store", e) : under()->open(settings, ret, e);
}

static void faulty_close(struct store *s) { under()->close(s); }

static bool faulty_commit(struct store *s, const struct commit *c, uint64_t *ret_seq, struct error *e)
{
        bool now = due(FAULTY_COMMIT);
        if (now && !plan.after)
                return fail("committing", e);
        return under()->commit(s, c, ret_seq, e) && (!now || fail("after committing", e));
}

static bool faulty_cache_get(struct store_reader *r, struct str key, struct arena *a, bool *ret_found, struct str *ret_from,
                             struct wall *ret_at, struct bindings *ret_outputs, struct error *e)
{
        return due(FAULTY_READ) ? fail("looking into the cache", e)
                                : under()->cache_get(r, key, a, ret_found, ret_from, ret_at, ret_outputs, e);
}

static bool faulty_backup(const struct store_settings *settings, struct str to, struct error *e)
{
        return due(FAULTY_READ) ? fail("backing up", e) : under()->backup(settings, to, e);
}

static bool faulty_reader_open(const struct store_settings *settings, struct store_reader **ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("opening a reader", e) : under()->reader_open(settings, ret, e);
}

static void faulty_reader_close(struct store_reader *r) { under()->reader_close(r); }

static bool faulty_runs(struct store_reader *r, const struct run_query *query, run_visitor *visit, void *user, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading runs", e) : under()->runs(r, query, visit, user, e);
}

static bool faulty_nodes(struct store_reader *r, struct str run, uint64_t changed_after, node_visitor *visit, void *user, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading nodes", e) : under()->nodes(r, run, changed_after, visit, user, e);
}

static bool faulty_node(struct store_reader *r, struct str run, uint32_t no, struct arena *a, bool *ret_found, struct node_row *ret,
                        struct error *e)
{
        return due(FAULTY_READ) ? fail("reading a node", e) : under()->node(r, run, no, a, ret_found, ret, e);
}

static bool faulty_history(struct store_reader *r, struct str run, node_visitor *visit, void *user, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading the history", e) : under()->history(r, run, visit, user, e);
}

static bool faulty_events(struct store_reader *r, struct str run, event_visitor *visit, void *user, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading events", e) : under()->events(r, run, visit, user, e);
}

static bool faulty_seq(struct store_reader *r, uint64_t *ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading the last number", e) : under()->seq(r, ret, e);
}

static bool faulty_name_taken(struct store_reader *r, struct str ns, struct str name, bool *ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("looking for a name", e) : under()->name_taken(r, ns, name, ret, e);
}

static bool faulty_deleted(struct store_reader *r, uint64_t after, tombstone_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading tombstones", e) : under()->deleted(r, after, visit, user, ret_too_old, e);
}

static bool faulty_query_runs(struct store_reader *r, const struct query *q, run_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("listing runs", e) : under()->query_runs(r, q, visit, user, a, ret, e);
}

static bool faulty_query_records(struct store_reader *r, const struct query *q, record_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("listing records", e) : under()->query_records(r, q, visit, user, a, ret, e);
}

static bool faulty_record(struct store_reader *r, enum record_kind kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading a record", e) : under()->record(r, kind, id, a, ret_found, ret, e);
}

static bool faulty_record_named(struct store_reader *r, enum record_kind kind, struct str ns, struct str parent, struct str name, struct arena *a, bool *ret_found,
                                struct record *ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading a record", e) : under()->record_named(r, kind, ns, parent, name, a, ret_found, ret, e);
}

static bool faulty_metrics(struct store_reader *r, struct str run, metric_visitor *visit, void *user, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading metrics", e) : under()->metrics(r, run, visit, user, e);
}

static bool faulty_cache(struct store_reader *r, struct str after, uint32_t limit, cache_visitor *visit, void *user, struct error *e)
{
        return due(FAULTY_READ) ? fail("listing the cache", e) : under()->cache(r, after, limit, visit, user, e);
}

static bool faulty_cache_users(struct store_reader *r, struct str run, uid_visitor *visit, void *user, struct error *e)
{
        return due(FAULTY_READ) ? fail("looking for users of outputs", e) : under()->cache_users(r, run, visit, user, e);
}

static bool faulty_changes(struct store_reader *r, uint64_t after, uint32_t limit, change_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        return due(FAULTY_READ) ? fail("reading changes", e) : under()->changes(r, after, limit, visit, user, ret_too_old, e);
}

static bool faulty_counts(struct store_reader *r, struct store_counts *ret, struct error *e)
{
        return due(FAULTY_READ) ? fail("counting", e) : under()->counts(r, ret, e);
}

const struct store_ops store_faulty = {
        .name = "faulty",
        .open = faulty_open,
        .close = faulty_close,
        .commit = faulty_commit,
        .cache_get = faulty_cache_get,
        .backup = faulty_backup,
        .reader_open = faulty_reader_open,
        .reader_close = faulty_reader_close,
        .runs = faulty_runs,
        .nodes = faulty_nodes,
        .node = faulty_node,
        .history = faulty_history,
        .events = faulty_events,
        .seq = faulty_seq,
        .name_taken = faulty_name_taken,
        .query_runs = faulty_query_runs,
        .query_records = faulty_query_records,
        .record = faulty_record,
        .record_named = faulty_record_named,
        .metrics = faulty_metrics,
        .cache = faulty_cache,
        .cache_users = faulty_cache_users,
        .changes = faulty_changes,
        .counts = faulty_counts,
        .deleted = faulty_deleted,
};
