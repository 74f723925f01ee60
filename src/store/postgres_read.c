/* The readers (P5 in postgres.c). Rows come in pieces by key, so that a run of any size takes little memory and one statement never holds the
 * server for long; all pieces are of one snapshot. */
#include "store/postgres.h"
#include <stdlib.h>

enum { PIECE = 500, RECONNECT_US = 2 * US_PER_S };

/* --- transactions --- */

static const char begin_text[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/* The connection may have broken since the last operation: that shows here, where beginning again is harmless. */
bool pg_begin_read(struct store_reader *r, struct error *e)
{
        struct error own;
        if (!pg_broken(&r->c) && pg_run(&r->c, begin_text, "reading", &own))
                return true;
        return pg_reconnect(&r->c, RECONNECT_US, e) && pg_run(&r->c, begin_text, "reading", e);
}

bool pg_end_read(struct store_reader *r, bool good)
{
        if (!pg_broken(&r->c) && PQtransactionStatus(r->c.db) != PQTRANS_IDLE)
                pg_run(&r->c, "ROLLBACK", "reading", NULL);
        return good;
}

static PGresult *first_query(struct store_reader *r, const char *sql, struct pg_params *p, const char *doing, struct error *e)
{
        struct error own;
        PGresult *x = pg_broken(&r->c) ? NULL : pg_query(&r->c, sql, p, doing, e ? e : &own);
        if (!x && pg_broken(&r->c) && pg_reconnect(&r->c, RECONNECT_US, e))
                x = pg_query(&r->c, sql, p, doing, e);
        return x;
}

/* *ret 0: there is no such run. */
static bool find_run(struct store_reader *r, struct str uid, int64_t *ret, struct error *e)
{
        static const char sql[] = "SELECT id FROM run WHERE uid = $1";
        _cleanup_params_ struct pg_params p = {0};
        pg_text(&p, uid);
        _cleanup_result_ PGresult *x = pg_query(&r->c, sql, &p, "looking for a run", e);
        *ret = x && PQntuples(x) ? pg_get_int8(x, 0, 0) : 0;
        return x != NULL;
}

/* --- nodes --- */

/* *ret_more: there may be rows after these, and they are wanted. */
static bool visit_piece(struct store_reader *r, const PGresult *x, node_visitor *visit, void *user, bool *ret_more, struct error *e)
{
        struct node_row *rows;
        arena_reset(r->row);
        if (!pg_rows_nodes(&r->c, x, r->row, &rows, e))
                return false;
        *ret_more = PQntuples(x) == PIECE;
        for (int i = 0; i < PQntuples(x); i++)
                if (!visit(user, &rows[i])) {
                        *ret_more = false;
                        break;
                }
        return true;
}

enum nodes_of { NODES_ALL, NODES_CHANGED, NODES_HISTORY, NODES_ONE };
static const char *nodes_text(enum nodes_of which)
{
        static char *texts[4];
        if (!texts[which]) { /* two threads may make the same text: one of them is kept */
                char *t = NULL;
                static const char *const rest[] = {"node WHERE run = $1 AND no > $2 ORDER BY no LIMIT 500",
                                                   "node WHERE run = $1 AND no > $2 AND seq > $3 ORDER BY no LIMIT 500",
                                                   "history WHERE run = $1 AND (no, epoch) > ($2, $3::int8) ORDER BY no, epoch LIMIT 500", "node WHERE run = $1 AND no = $2"};
                if (asprintf(&t, "SELECT %s FROM %s", pg_texts()->node_columns, rest[which]) < 0)
                        abort();
                char *expected = NULL;
                if (!__atomic_compare_exchange_n(&texts[which], &expected, t, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                        free(t);
        }
        return texts[which];
}

static bool in_pieces(struct store_reader *r, struct str run, bool history, uint64_t after, node_visitor *visit, void *user, struct error *e)
{
        int64_t id, last = -1, epoch = -1;
        const char *sql = nodes_text(history ? NODES_HISTORY : after ? NODES_CHANGED : NODES_ALL);
        bool more = true;
        if (!find_run(r, run, &id, e))
                return false;
        while (id && more) {
                _cleanup_params_ struct pg_params p = {0};
                pg_int8(&p, id);
                pg_int8(&p, last);
                if (history)
                        pg_int8(&p, epoch);
                else if (after)
                        pg_int8(&p, after > INT64_MAX ? INT64_MAX : (int64_t)after);
                _cleanup_result_ PGresult *x = pg_query(&r->c, sql, &p, "reading nodes", e);
                if (!x || !visit_piece(r, x, visit, user, &more, e))
                        return false;
                if (more) {
                        last = pg_get_int8(x, PIECE - 1, 1);
                        epoch = pg_get_int8(x, PIECE - 1, 3);
                }
        }
        return true;
}

bool postgres_nodes(struct store_reader *r, struct str run, uint64_t changed_after, node_visitor *visit, void *user, struct error *e)
{
        return pg_begin_read(r, e) && pg_end_read(r, in_pieces(r, run, false, changed_after, visit, user, e));
}

bool postgres_history(struct store_reader *r, struct str run, node_visitor *visit, void *user, struct error *e)
{
        return pg_begin_read(r, e) && pg_end_read(r, in_pieces(r, run, true, 0, visit, user, e));
}

static bool one_node(struct store_reader *r, struct str run, uint32_t no, struct arena *a, bool *ret_found, struct node_row *ret, struct error *e)
{
        int64_t id;
        struct node_row *rows;
        *ret_found = false;
        if (!find_run(r, run, &id, e) || !id)
                return id == 0 && !pg_broken(&r->c);
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, id);
        pg_int8(&p, no);
        _cleanup_result_ PGresult *x = pg_query(&r->c, nodes_text(NODES_ONE), &p, "reading a node", e);
        if (!x || !pg_rows_nodes(&r->c, x, a, &rows, e))
                return false;
        if ((*ret_found = PQntuples(x) > 0))
                *ret = rows[0];
        return true;
}

bool postgres_node(struct store_reader *r, struct str run, uint32_t no, struct arena *a, bool *ret_found, struct node_row *ret, struct error *e)
{
        return pg_begin_read(r, e) && pg_end_read(r, one_node(r, run, no, a, ret_found, ret, e));
}

/* --- events --- */

static bool all_events(struct store_reader *r, struct str run, event_visitor *visit, void *user, struct error *e)
{
        static const char sql[] = "SELECT no, node, at, kind, text FROM event WHERE run = $1 AND no > $2 ORDER BY no LIMIT 500";
        int64_t id, last = -1;
        if (!find_run(r, run, &id, e))
                return false;
        for (bool more = id != 0; more;) {
                _cleanup_params_ struct pg_params p = {0};
                pg_int8(&p, id);
                pg_int8(&p, last);
                _cleanup_result_ PGresult *x = pg_query(&r->c, sql, &p, "reading events", e);
                if (!x)
                        return false;
                more = PQntuples(x) == PIECE;
                for (int i = 0; i < PQntuples(x); i++) {
                        last = pg_get_int8(x, i, 0);
                        struct commit_event v = {.run = run, .node = (uint32_t)pg_get_int8(x, i, 1), .at = {pg_get_int8(x, i, 2)}, .kind = pg_get(x, i, 3), .text = pg_get(x, i, 4)};
                        if (!visit(user, &v))
                                return true;
                }
        }
        return true;
}

bool postgres_events(struct store_reader *r, struct str run, event_visitor *visit, void *user, struct error *e)
{
        return pg_begin_read(r, e) && pg_end_read(r, all_events(r, run, visit, user, e));
}

/* --- runs --- */

struct found {
        run_visitor *visit;
        void *user;
        uint32_t n;
        bool stopped;
};

/* `which` selects by identity, with $3 and $4; empty: all. Newest first. */
static bool select_runs(struct store_reader *r, const struct run_query *query, const char *which, struct str low, struct str high, uint32_t limit, struct found *found,
                        struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        int64_t before = INT64_MAX;
        for (bool more = true; more && !found->stopped;) {
                uint32_t left = limit ? limit - found->n : PIECE;
                int piece = left < PIECE / 10 ? (int)left : PIECE / 10; /* documents may be large */
                struct str sql = arena_printf(a, "SELECT %s FROM run WHERE id < $5 AND ($1 = '' OR ns = $1) AND ($2 = 0 OR ((1::int8 << state) & $2) <> 0) AND ($3 || $4) IS NOT NULL%s%s "
                                                 "ORDER BY id DESC LIMIT %d", pg_texts()->run_columns, query->unfinished ? " AND state < 4" : "", which, piece);
                _cleanup_params_ struct pg_params p = {0};
                pg_text(&p, query->ns);
                pg_int8(&p, query->states);
                pg_text(&p, low);
                pg_text(&p, high);
                pg_int8(&p, before);
                _cleanup_result_ PGresult *x = piece ? pg_query_once(&r->c, sql.p, &p, "looking for runs", e) : NULL;
                struct run_row *rows;
                if (piece == 0)
                        return true;
                arena_reset(r->row);
                if (!x || !pg_rows_runs(&r->c, x, r->row, &rows, e))
                        return false;
                more = PQntuples(x) == piece;
                for (int i = 0; i < PQntuples(x) && !found->stopped; i++) {
                        before = pg_get_int8(x, i, 0);
                        found->n++;
                        found->stopped = found->visit && !found->visit(found->user, &rows[i]);
                }
        }
        return true;
}

static bool runs_named(struct store_reader *r, const struct run_query *query, run_visitor *visit, void *user, struct error *e)
{
        enum { PREFIX_MIN = 4 };
        struct found found = {visit, user, 0, false}, count = {0};
        struct str name = query->name_or_uid;
        if (name.n == 0)
                return select_runs(r, query, "", STR_NONE, STR_NONE, query->limit, &found, e);
        if (!select_runs(r, query, " AND (uid = $3 OR name = $3)", name, STR_NONE, query->limit, &found, e))
                return false;
        if (found.n > 0 || name.n < PREFIX_MIN)
                return true;
        _cleanup_arena_ struct arena *a = arena_new();
        struct str high = arena_printf(a, "%.*s\x7f", STR_FMT(name)); /* behind every uid that begins so: they are ASCII */
        static const char prefix[] = " AND uid >= $3 AND uid < $4";
        if (!select_runs(r, query, prefix, name, high, 2, &count, e))
                return false;
        if (count.n > 1)
                return error_set(e, ERROR_CONFLICT, "\"%.*s\" is the beginning of more than one run's id: give more of it (`weft list` shows them)", STR_FMT(name));
        return select_runs(r, query, prefix, name, high, 1, &found, e);
}

bool postgres_runs(struct store_reader *r, const struct run_query *query, run_visitor *visit, void *user, struct error *e)
{
        return pg_begin_read(r, e) && pg_end_read(r, runs_named(r, query, visit, user, e));
}

/* --- the cache --- */

static bool decode_outputs(struct str text, struct arena *a, struct bindings *ret, struct error *e)
{
        if (bindings_decode(text, a, ret, e))
                return true;
        if (e)
                e->kind = ERROR_CORRUPT;
        return error_wrap(e, "reading a cache entry");
}

bool postgres_cache_get(struct store_reader *r, struct str key, struct arena *a, bool *ret_found, struct str *ret_from, struct wall *ret_at, struct bindings *ret_outputs,
                        struct error *e)
{
        static const char sql[] = "SELECT run, node, at, outputs FROM cache WHERE key = $1";
        *ret_found = false;
        _cleanup_params_ struct pg_params p = {0};
        pg_bytea(&p, key);
        _cleanup_result_ PGresult *x = first_query(r, sql, &p, "looking into the cache", e);
        if (!x || PQntuples(x) == 0)
                return x != NULL;
        *ret_from = arena_printf(a, "%.*s/%u", STR_FMT(pg_get(x, 0, 0)), (uint32_t)pg_get_int8(x, 0, 1));
        ret_at->us = pg_get_int8(x, 0, 2);
        return *ret_found = decode_outputs(arena_str(a, pg_get(x, 0, 3)), a, ret_outputs, e);
}

bool postgres_cache(struct store_reader *r, struct str after, uint32_t limit, cache_visitor *visit, void *user, struct error *e)
{
        static const char sql[] = "SELECT key, run, node, at, outputs FROM cache WHERE key > $1 ORDER BY key LIMIT $2";
        static const char first[] = "SELECT key, run, node, at, outputs FROM cache ORDER BY key LIMIT $1";
        _cleanup_params_ struct pg_params p = {0};
        if (after.n)
                pg_bytea(&p, after);
        pg_int8(&p, limit ? limit : INT64_MAX);
        _cleanup_result_ PGresult *x = first_query(r, after.n ? sql : first, &p, "reading the cache", e);
        if (!x)
                return false;
        for (int i = 0; i < PQntuples(x); i++) {
                arena_reset(r->row);
                struct commit_cache k = {.key = pg_get(x, i, 0), .run = pg_get(x, i, 1), .node = (uint32_t)pg_get_int8(x, i, 2), .at = {pg_get_int8(x, i, 3)}};
                if (!decode_outputs(pg_get(x, i, 4), r->row, &k.outputs, e))
                        return false;
                if (!visit(user, &k))
                        return true;
        }
        return true;
}

/* --- records --- */

const char *const pg_record_columns = "record.kind, record.id, record.ns, record.parent, record.name, record.display_name, record.description, record.owner, record.tags, "
                                      "record.state, record.created_at, record.updated_at, record.body, record.revision, record.seq";
#define RECORD_COLUMNS "kind, id, ns, parent, name, display_name, description, owner, tags, state, created_at, updated_at, body, revision, seq"

struct record pg_get_record(const PGresult *x, int row, struct arena *a)
{
        return (struct record){.kind = (enum record_kind)pg_get_int4(x, row, 0), .id = arena_str(a, pg_get(x, row, 1)), .ns = arena_str(a, pg_get(x, row, 2)),
                               .parent = arena_str(a, pg_get(x, row, 3)), .name = arena_str(a, pg_get(x, row, 4)), .display_name = arena_str(a, pg_get(x, row, 5)),
                               .description = arena_str(a, pg_get(x, row, 6)), .owner = arena_str(a, pg_get(x, row, 7)), .tags = arena_str(a, pg_get(x, row, 8)),
                               .state = (enum record_state)pg_get_int4(x, row, 9), .created_at = {pg_get_int8(x, row, 10)}, .updated_at = {pg_get_int8(x, row, 11)},
                               .body = arena_str(a, pg_get(x, row, 12)), .revision = (uint64_t)pg_get_int8(x, row, 13), .seq = (uint64_t)pg_get_int8(x, row, 14)};
}

static bool first_record(struct store_reader *r, const char *sql, struct pg_params *p, struct arena *a, bool *ret_found, struct record *ret, struct error *e)
{
        _cleanup_result_ PGresult *x = first_query(r, sql, p, "reading a record", e);
        *ret_found = x && PQntuples(x) > 0;
        if (*ret_found)
                *ret = pg_get_record(x, 0, a);
        return x != NULL;
}

bool postgres_record(struct store_reader *r, enum record_kind kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e)
{
        static const char sql[] = "SELECT " RECORD_COLUMNS " FROM record WHERE kind = $1 AND id = $2";
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, kind);
        pg_text(&p, id);
        return first_record(r, sql, &p, a, ret_found, ret, e);
}

bool postgres_record_named(struct store_reader *r, enum record_kind kind, struct str ns, struct str parent, struct str name, struct arena *a, bool *ret_found, struct record *ret,
                           struct error *e)
{
        static const char sql[] = "SELECT " RECORD_COLUMNS " FROM record WHERE kind = $1 AND ns = $2 AND parent = $3 AND name = $4 AND name <> ''";
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, kind);
        pg_text(&p, ns);
        pg_text(&p, parent);
        pg_text(&p, name);
        return first_record(r, sql, &p, a, ret_found, ret, e);
}

/* --- small answers --- */

static bool seq_and_gone(struct store_reader *r, int64_t *ret_seq, int64_t *ret_gone, struct error *e)
{
        static const char sql[] = "SELECT seq, tombstones_gone FROM state";
        struct pg_params none = {0};
        _cleanup_result_ PGresult *x = first_query(r, sql, &none, "reading the number of the last commit", e);
        if (!x)
                return false;
        if (PQntuples(x) != 1)
                return error_set(e, ERROR_CORRUPT, "reading the number of the last commit: it is missing from %s: restore a backup", r->c.place);
        *ret_seq = pg_get_int8(x, 0, 0);
        *ret_gone = pg_get_int8(x, 0, 1);
        return true;
}

bool postgres_seq(struct store_reader *r, uint64_t *ret, struct error *e)
{
        int64_t seq, gone;
        if (!seq_and_gone(r, &seq, &gone, e))
                return false;
        *ret = (uint64_t)seq;
        return true;
}

bool postgres_name_taken(struct store_reader *r, struct str ns, struct str name, bool *ret, struct error *e)
{
        static const char sql[] = "SELECT 1 FROM run WHERE ns = $1 AND name = $2";
        _cleanup_params_ struct pg_params p = {0};
        pg_text(&p, ns);
        pg_text(&p, name);
        _cleanup_result_ PGresult *x = first_query(r, sql, &p, "looking for a name", e);
        *ret = x && PQntuples(x) > 0;
        return x != NULL;
}

bool postgres_metrics(struct store_reader *r, struct str run, metric_visitor *visit, void *user, struct error *e)
{
        static const char sql[] = "SELECT m.node, m.name, m.value FROM metric m JOIN run ON run.id = m.run WHERE uid = $1 ORDER BY m.name";
        _cleanup_params_ struct pg_params p = {0};
        pg_text(&p, run);
        _cleanup_result_ PGresult *x = first_query(r, sql, &p, "reading metrics", e);
        for (int i = 0; x && i < PQntuples(x); i++) {
                struct commit_metric m = {run, (uint32_t)pg_get_int8(x, i, 0), pg_get(x, i, 1), pg_get_float8(x, i, 2)};
                if (!visit(user, &m))
                        break;
        }
        return x != NULL;
}

static bool runs_deleted(struct store_reader *r, uint64_t after, tombstone_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        static const char sql[] = "SELECT id, seq FROM tombstone WHERE seq > $1 AND kind = 0 ORDER BY seq, id";
        int64_t seq, gone;
        if (!seq_and_gone(r, &seq, &gone, e))
                return false;
        if ((*ret_too_old = after < (uint64_t)gone))
                return true;
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, after > INT64_MAX ? INT64_MAX : (int64_t)after);
        _cleanup_result_ PGresult *x = pg_query(&r->c, sql, &p, "reading tombstones", e);
        for (int i = 0; x && i < PQntuples(x); i++)
                if (!visit(user, pg_get(x, i, 0), (uint64_t)pg_get_int8(x, i, 1)))
                        break;
        return x != NULL;
}

bool postgres_deleted(struct store_reader *r, uint64_t after, tombstone_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        return pg_begin_read(r, e) && pg_end_read(r, runs_deleted(r, after, visit, user, ret_too_old, e));
}

static bool all_changes(struct store_reader *r, uint64_t after, uint32_t limit, change_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        /* Whole commits: the last one of the limit is given to its end, so that its number is a place to go on from. */
        static const char sql[] = "WITH c AS ((SELECT 0 AS kind, uid AS id, seq, false AS gone FROM run WHERE seq > $1 ORDER BY seq FETCH FIRST $2 ROWS WITH TIES) UNION ALL "
                                  "(SELECT kind, id, seq, false FROM record WHERE seq > $1 ORDER BY seq FETCH FIRST $2 ROWS WITH TIES) UNION ALL "
                                  "(SELECT kind, id, seq, true FROM tombstone WHERE seq > $1 ORDER BY seq FETCH FIRST $2 ROWS WITH TIES)) "
                                  "SELECT kind, id, seq, gone::int4 FROM c ORDER BY seq FETCH FIRST $2 ROWS WITH TIES";
        int64_t seq, gone;
        if (!seq_and_gone(r, &seq, &gone, e))
                return false;
        if ((*ret_too_old = after < (uint64_t)gone))
                return true;
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, after > INT64_MAX ? INT64_MAX : (int64_t)after);
        pg_int8(&p, limit ? limit : INT32_MAX);
        _cleanup_result_ PGresult *x = pg_query(&r->c, sql, &p, "reading changes", e);
        for (int i = 0; x && i < PQntuples(x); i++) {
                struct change c = {(enum record_kind)pg_get_int4(x, i, 0), pg_get(x, i, 1), (uint64_t)pg_get_int8(x, i, 2), pg_get_int4(x, i, 3) != 0};
                if (!visit(user, &c))
                        break;
        }
        return x != NULL;
}

bool postgres_changes(struct store_reader *r, uint64_t after, uint32_t limit, change_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        return pg_begin_read(r, e) && pg_end_read(r, all_changes(r, after, limit, visit, user, ret_too_old, e));
}

bool postgres_counts(struct store_reader *r, struct store_counts *ret, struct error *e)
{
        static const char sql[] = "SELECT -1, state, sum(n)::int8 FROM run_count GROUP BY state UNION ALL SELECT kind, 0, n FROM counter";
        struct pg_params none = {0};
        _cleanup_result_ PGresult *x = first_query(r, sql, &none, "counting", e);
        *ret = (struct store_counts){0};
        for (int i = 0; x && i < PQntuples(x); i++) {
                int32_t kind = pg_get_int4(x, i, 0), state = pg_get_int4(x, i, 1);
                uint64_t n = (uint64_t)pg_get_int8(x, i, 2);
                if (kind < 0 && state >= 0 && state < RUN_STATES)
                        ret->runs[state] = n;
                else if (kind == 0)
                        ret->cache = n;
                else if (kind > 0 && kind < RECORD_KINDS)
                        ret->records[kind] = n;
        }
        return x != NULL;
}
