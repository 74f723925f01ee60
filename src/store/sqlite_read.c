/* The readers. Each operation is one statement, so it sees one commit; the values it fetches meanwhile are of the same one. */
#include "store/sqlite.h"

static bool find_run(struct store_reader *r, struct str uid, int64_t *ret, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&r->c, S_RUN_ID, e);
        if (!q)
                return false;
        rows_bind_text_any(q, 1, uid);
        int code = sqlite3_step(q);
        *ret = code == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
        sqlite3_reset(q);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "looking for a run", e);
}

/* The statement for what belongs to a run, bound to its range. *ret NULL with true: there is no such run. */
static bool of_run(struct store_reader *r, enum statement which, struct str uid, sqlite3_stmt **ret, struct error *e)
{
        int64_t run;
        *ret = NULL;
        if (!find_run(r, uid, &run, e))
                return false;
        if (run == 0)
                return true;
        sqlite3_stmt *q = connection_statement(&r->c, which, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, row_id(run, 0));
        sqlite3_bind_int64(q, 2, row_id(run, UINT32_MAX));
        *ret = q;
        return true;
}

static bool visit_nodes(struct store_reader *r, sqlite3_stmt *q, node_visitor *visit, void *user, struct error *e)
{
        int code;
        bool good = true;
        while (good && (code = sqlite3_step(q)) == SQLITE_ROW) {
                struct node_row row;
                arena_reset(r->row);
                good = rows_read_node(&r->c, q, r->row, &row, e);
                if (good && !visit(user, &row))
                        break;
        }
        sqlite3_reset(q);
        return good && (code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading nodes", e));
}

bool sqlite_nodes(struct store_reader *r, struct str run, uint64_t changed_after, node_visitor *visit, void *user, struct error *e)
{
        sqlite3_stmt *q;
        if (!of_run(r, changed_after ? S_NODES_CHANGED : S_NODES, run, &q, e))
                return false;
        if (!q)
                return true;
        if (changed_after)
                sqlite3_bind_int64(q, 3, changed_after > INT64_MAX ? INT64_MAX : (int64_t)changed_after);
        return visit_nodes(r, q, visit, user, e);
}

bool sqlite_history(struct store_reader *r, struct str run, node_visitor *visit, void *user, struct error *e)
{
        sqlite3_stmt *q;
        if (!of_run(r, S_HISTORY, run, &q, e))
                return false;
        return !q || visit_nodes(r, q, visit, user, e);
}

bool sqlite_node(struct store_reader *r, struct str run, uint32_t no, struct arena *a, bool *ret_found, struct node_row *ret,
                 struct error *e)
{
        int64_t id;
        *ret_found = false;
        if (!find_run(r, run, &id, e))
                return false;
        if (id == 0)
                return true;
        sqlite3_stmt *q = connection_statement(&r->c, S_NODE, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, row_id(id, no));
        int code = sqlite3_step(q);
        bool good = code == SQLITE_DONE ||
                    (code == SQLITE_ROW ? rows_read_node(&r->c, q, a, ret, e) : connection_error(&r->c, code, "reading a node", e));
        *ret_found = good && code == SQLITE_ROW;
        sqlite3_reset(q);
        return good;
}

bool sqlite_events(struct store_reader *r, struct str run, event_visitor *visit, void *user, struct error *e)
{
        sqlite3_stmt *q;
        int code;
        if (!of_run(r, S_EVENTS, run, &q, e))
                return false;
        if (!q)
                return true;
        while ((code = sqlite3_step(q)) == SQLITE_ROW) {
                arena_reset(r->row);
                struct commit_event v = {.run = run, .node = (uint32_t)sqlite3_column_int64(q, 0), .at = {sqlite3_column_int64(q, 1)}};
                v.kind = arena_str(r->row, rows_column(q, 2));
                v.text = arena_str(r->row, rows_column(q, 3));
                if (!visit(user, &v))
                        break;
        }
        sqlite3_reset(q);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading events", e);
}

/* --- runs --- */

struct found {
        run_visitor *visit;
        void *user;
        uint32_t n;
        bool stopped;
};

/* `which` selects by identity: "uid = ?3 OR name = ?3", or the range of uids that begin alike; empty: all. */
static bool select_runs(struct store_reader *r, const struct run_query *query, const char *which, struct str low, struct str high,
                        uint32_t limit, struct found *found, struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct str rest = arena_printf(a, " WHERE (?1 = '' OR ns = ?1) AND (?2 = 0 OR (1 << state) & ?2)%s%s ORDER BY id DESC LIMIT %lld",
                                       query->unfinished ? " AND state < 4" : "", which, limit ? (long long)limit : -1LL);
        struct str sql = rows_run_select_sql(a, rest.p);
        sqlite3_stmt *q = NULL;
        int code = sqlite3_prepare_v2(r->c.db, sql.p, (int)sql.n, &q, NULL);
        if (code != SQLITE_OK)
                return connection_error(&r->c, code, "looking for runs", e);
        rows_bind_text_any(q, 1, query->ns);
        sqlite3_bind_int64(q, 2, query->states);
        rows_bind_text_any(q, 3, low);
        rows_bind_text_any(q, 4, high);
        bool good = true;
        while (good && !found->stopped && (code = sqlite3_step(q)) == SQLITE_ROW) {
                struct run_row row;
                arena_reset(r->row);
                good = rows_read_run(&r->c, q, r->row, &row, e);
                found->n += good;
                if (good && found->visit)
                        found->stopped = !found->visit(found->user, &row);
        }
        if (good && code != SQLITE_ROW && code != SQLITE_DONE)
                good = connection_error(&r->c, code, "reading runs", e);
        sqlite3_finalize(q);
        return good;
}

bool sqlite_runs(struct store_reader *r, const struct run_query *query, run_visitor *visit, void *user, struct error *e)
{
        enum { PREFIX_MIN = 4 };
        struct found found = {visit, user, 0, false}, count = {0};
        struct str name = query->name_or_uid;
        if (name.n == 0)
                return select_runs(r, query, "", STR_NONE, STR_NONE, query->limit, &found, e);
        if (!select_runs(r, query, " AND (uid = ?3 OR name = ?3)", name, STR_NONE, query->limit, &found, e))
                return false;
        if (found.n > 0 || name.n < PREFIX_MIN)
                return true;
        _cleanup_arena_ struct arena *a = arena_new();
        struct str high = arena_printf(a, "%.*s\x7f", STR_FMT(name)); /* behind every uid that begins so: they are ASCII */
        static const char prefix[] = " AND uid >= ?3 AND uid < ?4";
        if (!select_runs(r, query, prefix, name, high, 2, &count, e))
                return false;
        if (count.n > 1)
                return error_set(e, ERROR_CONFLICT,
                                 "\"%.*s\" is the beginning of more than one run's id: give more of it (`weft list` shows them)",
                                 STR_FMT(name));
        return select_runs(r, query, prefix, name, high, 1, &found, e);
}

/* --- small answers --- */

bool sqlite_cache_get(struct store_reader *r, struct str key, struct arena *a, bool *ret_found, struct str *ret_from, struct wall *ret_at,
                      struct bindings *ret_outputs, struct error *e)
{
        *ret_found = false;
        sqlite3_stmt *q = connection_statement(&r->c, S_CACHE_GET, e);
        if (!q)
                return false;
        rows_bind_key(q, 1, key);
        int code = sqlite3_step(q);
        bool good = code == SQLITE_DONE || code == SQLITE_ROW || connection_error(&r->c, code, "looking into the cache", e);
        if (code == SQLITE_ROW) {
                *ret_from = arena_printf(a, "%.*s/%u", STR_FMT(rows_column(q, 0)), (uint32_t)sqlite3_column_int64(q, 1));
                ret_at->us = sqlite3_column_int64(q, 2);
                good = bindings_decode(arena_str(a, rows_column(q, 3)), a, ret_outputs, e);
                if (!good && e)
                        e->kind = ERROR_CORRUPT;
                *ret_found = good;
        }
        sqlite3_reset(q);
        return good;
}

static bool first_number(struct store_reader *r, sqlite3_stmt *q, int column, bool *ret_found, int64_t *ret, struct error *e)
{
        int code = q ? sqlite3_step(q) : SQLITE_DONE;
        *ret_found = code == SQLITE_ROW;
        if (*ret_found)
                *ret = sqlite3_column_int64(q, column);
        if (q)
                sqlite3_reset(q);
        return q && (code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading", e));
}

bool sqlite_seq(struct store_reader *r, uint64_t *ret, struct error *e)
{
        bool found;
        int64_t n = 0;
        if (!first_number(r, connection_statement(&r->c, S_STATE_GET, e), 0, &found, &n, e))
                return false;
        *ret = (uint64_t)n;
        return true;
}

bool sqlite_name_taken(struct store_reader *r, struct str ns, struct str name, bool *ret, struct error *e)
{
        int64_t one;
        sqlite3_stmt *q = connection_statement(&r->c, S_NAME, e);
        if (!q)
                return false;
        rows_bind_text_any(q, 1, ns);
        rows_bind_text_any(q, 2, name);
        return first_number(r, q, 0, ret, &one, e);
}

bool sqlite_deleted(struct store_reader *r, uint64_t after, tombstone_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        bool found;
        int64_t gone = 0;
        int code;
        sqlite3_stmt *q = connection_statement(&r->c, S_TOMBSTONES, e);
        if (!q)
                return false;
        /* Tombstones first: the statement holds the snapshot in which the other number is read. */
        sqlite3_bind_int64(q, 1, after > INT64_MAX ? INT64_MAX : (int64_t)after);
        code = sqlite3_step(q);
        if (!first_number(r, connection_statement(&r->c, S_STATE_GET, e), 1, &found, &gone, e)) {
                sqlite3_reset(q);
                return false;
        }
        *ret_too_old = after < (uint64_t)gone;
        for (; !*ret_too_old && code == SQLITE_ROW; code = sqlite3_step(q)) {
                arena_reset(r->row);
                if (!visit(user, arena_str(r->row, rows_column(q, 0)), (uint64_t)sqlite3_column_int64(q, 1)))
                        break;
        }
        sqlite3_reset(q);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading tombstones", e);
}
