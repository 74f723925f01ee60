/* Lists, records, metrics, changes and counts: the readers of what a server shows. */
#include <stdlib.h>
#include "base/buf.h"
#include "store/query.h"
#include "store/sqlite.h"

/* --- the dialect --- */

/* Three letters of the part each, all of which a name must have: the index knows no order. Every other three do, because the names found
 * are looked at. Shorter parts it cannot find. */
static bool name_part(const char *column, struct str part, struct arena *a, struct str *ret)
{
        enum { TRIGRAMS_MAX = 24 };
        size_t starts[TRIGRAMS_MAX + 4], n = 0;
        if (!str_is_utf8(part))
                return false;
        for (size_t i = 0; i < part.n && n < TRIGRAMS_MAX + 3; i++)
                if (((uint8_t)part.p[i] & 0xc0) != 0x80)
                        starts[n++] = i;
        if (n < 3)
                return false;
        if (n == TRIGRAMS_MAX + 3)
                n--; /* where the last of many begins is where the one before it ends */
        else
                starts[n] = part.n;
        struct buf b = BUF(8192);
        buf_addf(&b, "%s : (", column);
        for (size_t i = 0, last = n - 3; i <= last; i += i + 1 == last ? 1 : 2) {
                buf_add_c(&b, i ? " AND \"" : "\"");
                for (size_t k = starts[i]; k < starts[i + 3]; k++) {
                        if (part.p[k] == '"')
                                buf_add_char(&b, '"');
                        buf_add_char(&b, part.p[k]);
                }
                buf_add_c(&b, "\"");
        }
        buf_add_c(&b, ")");
        *ret = arena_str(a, buf_str(&b));
        buf_free(&b);
        return true;
}

static const struct query_dialect dialect = {
        .mark = "?%u",
        .contains = "instr(lower(%s), lower(%s)) > 0",
        .search_from = "run_name CROSS JOIN run ON run.id = run_name.rowid", /* CROSS: in this order, whatever the planner thinks */
        .search_id = "run_name.rowid",
        .search_where = "run_name MATCH %s",
        .search_text = name_part,
};

/* --- statements --- */

void sqlite_lists_free(struct store_reader *r)
{
        for (int i = 0; i < LISTS_KEPT; i++) {
                sqlite3_finalize(r->lists[i].s);
                free(r->lists[i].sql);
                r->lists[i] = (struct kept_list){0};
        }
}

static sqlite3_stmt *kept_statement(struct store_reader *r, const struct query_text *t, struct error *e)
{
        struct kept_list *oldest = &r->lists[0], *k = NULL;
        for (int i = 0; i < LISTS_KEPT && !k; i++) {
                if (r->lists[i].sql && str_eq_c(t->sql, r->lists[i].sql))
                        k = &r->lists[i];
                else if (r->lists[i].used < oldest->used)
                        oldest = &r->lists[i];
        }
        if (!k) {
                k = oldest;
                sqlite3_finalize(k->s);
                free(k->sql);
                *k = (struct kept_list){0};
                int code = sqlite3_prepare_v3(r->c.db, t->sql.p, (int)t->sql.n, SQLITE_PREPARE_PERSISTENT, &k->s, NULL);
                if (code != SQLITE_OK) {
                        connection_error(&r->c, code, "preparing a list", e);
                        return NULL;
                }
                if (!(k->sql = strndup(t->sql.p, t->sql.n)))
                        abort();
        }
        k->used = ++r->lists_used;
        sqlite3_reset(k->s);
        for (unsigned i = 0; i < t->params_n; i++) {
                const struct query_param *p = &t->params[i];
                if (p->kind == QUERY_PARAM_TEXT)
                        rows_bind_text_any(k->s, (int)i + 1, p->text);
                else if (p->kind == QUERY_PARAM_INTEGER)
                        sqlite3_bind_int64(k->s, (int)i + 1, p->integer);
                else
                        sqlite3_bind_double(k->s, (int)i + 1, p->real);
        }
        return k->s;
}

/* While the list's statement is open: of the same commit. */
static bool count(struct store_reader *r, const struct query_sql *sql, struct query_page *ret, struct error *e)
{
        if (!sql->count.sql.n)
                return true;
        sqlite3_stmt *q = kept_statement(r, &sql->count, e);
        if (!q)
                return false;
        int code = sqlite3_step(q);
        ret->total = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(q, 0) : 0;
        sqlite3_reset(q);
        if (sql->count_max && ret->total > sql->count_max) {
                ret->total = sql->count_max;
                ret->total_at_least = true;
        }
        return code == SQLITE_ROW || connection_error(&r->c, code, "counting", e);
}

static struct query_param sort_key(sqlite3_stmt *q, int at, enum query_param_kind kind)
{
        struct query_param p = {.kind = kind};
        if (kind == QUERY_PARAM_TEXT)
                p.text = rows_column(q, at);
        else if (kind == QUERY_PARAM_INTEGER)
                p.integer = sqlite3_column_int64(q, at);
        else
                p.real = sqlite3_column_double(q, at);
        return p;
}

typedef bool row_reader(struct store_reader *r, sqlite3_stmt *q, void *visit, void *user, bool *ret_more, struct error *e);

/* Visits at most query.limit rows; the row behind them only tells that there is one. */
static bool list(struct store_reader *r, const struct query *query, struct str columns, int columns_n, row_reader *read, void *visit, void *user, struct arena *a,
                 struct query_page *ret, struct error *e)
{
        _cleanup_arena_ struct arena *scratch = arena_new();
        struct query_sql *sql = ARENA_NEW(scratch, struct query_sql);
        *ret = (struct query_page){0};
        if (!query_build(query, &dialect, columns, scratch, sql, e))
                return false;
        sqlite3_stmt *q = kept_statement(r, &sql->list, e);
        if (!q)
                return false;
        bool good = true, more = true;
        struct str next = STR_NONE;
        int code = sqlite3_step(q);
        if (code == SQLITE_ROW || code == SQLITE_DONE)
                good = count(r, sql, ret, e);
        for (uint32_t n = 1; good && more && code == SQLITE_ROW; n++) {
                struct query_param key = sort_key(q, columns_n, sql->sort_kind);
                if (n > query->limit) {
                        ret->next = arena_str(a, next);
                        break;
                }
                arena_reset(r->row);
                good = read(r, q, visit, user, &more, e);
                if (n == query->limit || !more)
                        next = query_next(query, &key, sqlite3_column_int64(q, columns_n + 1), scratch);
                if (good && !more)
                        ret->next = arena_str(a, next);
                else if (good)
                        code = sqlite3_step(q);
        }
        sqlite3_reset(q);
        return good && (code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading a list", e));
}

/* --- runs --- */

static bool read_run(struct store_reader *r, sqlite3_stmt *q, void *visit, void *user, bool *ret_more, struct error *e)
{
        struct run_row row;
        run_visitor *const *f = visit;
        if (!rows_read_run(&r->c, q, r->row, &row, e))
                return false;
        *ret_more = (*f)(user, &row);
        return true;
}

bool sqlite_query_runs(struct store_reader *r, const struct query *query, run_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        _cleanup_arena_ struct arena *scratch = arena_new();
        if (query->kind != RECORD_RUN)
                return error_set(e, ERROR_INTERNAL, "listing runs: asked for records of kind %s", record_kind_name(query->kind));
        return list(r, query, rows_run_columns(scratch, query->whole), rows_run_columns_n(), read_run, &visit, user, a, ret, e);
}

/* --- records --- */

static struct record record_row(sqlite3_stmt *q, struct arena *a)
{
        struct record x = {.kind = (enum record_kind)sqlite3_column_int(q, 0)};
        struct str *const texts[] = {&x.id, &x.ns, &x.parent, &x.name, &x.display_name, &x.description, &x.owner, &x.tags};
        for (int i = 0; i < 8; i++)
                *texts[i] = arena_str(a, rows_column(q, i + 1));
        x.state = (enum record_state)sqlite3_column_int(q, 9);
        x.created_at.us = sqlite3_column_int64(q, 10);
        x.updated_at.us = sqlite3_column_int64(q, 11);
        x.revision = (uint64_t)sqlite3_column_int64(q, 12);
        x.seq = (uint64_t)sqlite3_column_int64(q, 13);
        x.body = arena_str(a, rows_column(q, 14));
        return x;
}

static bool read_record(struct store_reader *r, sqlite3_stmt *q, void *visit, void *user, bool *ret_more, struct error *e)
{
        (void)e;
        record_visitor *const *f = visit;
        struct record x = record_row(q, r->row);
        *ret_more = (*f)(user, &x);
        return true;
}

bool sqlite_query_records(struct store_reader *r, const struct query *query, record_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        if (query->kind == RECORD_RUN || query->kind >= RECORD_KINDS)
                return error_set(e, ERROR_INTERNAL, "listing records: %d is no kind of record", (int)query->kind);
        return list(r, query, STR(RECORD_COLUMNS), RECORD_COLUMNS_N, read_record, &visit, user, a, ret, e);
}

static bool one_record(struct store_reader *r, sqlite3_stmt *q, struct arena *a, bool *ret_found, struct record *ret, struct error *e)
{
        int code = sqlite3_step(q);
        *ret_found = code == SQLITE_ROW;
        if (*ret_found)
                *ret = record_row(q, a);
        sqlite3_reset(q);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading a record", e);
}

bool sqlite_record(struct store_reader *r, enum record_kind kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&r->c, S_RECORD, e);
        if (!q)
                return false;
        sqlite3_bind_int(q, 1, (int)kind);
        rows_bind_text_any(q, 2, id);
        return one_record(r, q, a, ret_found, ret, e);
}

bool sqlite_record_named(struct store_reader *r, enum record_kind kind, struct str ns, struct str parent, struct str name, struct arena *a, bool *ret_found, struct record *ret,
                         struct error *e)
{
        sqlite3_stmt *q = connection_statement(&r->c, S_RECORD_NAMED, e);
        if (!q)
                return false;
        sqlite3_bind_int(q, 1, (int)kind);
        rows_bind_text_any(q, 2, ns);
        rows_bind_text_any(q, 3, parent);
        rows_bind_text_any(q, 4, name);
        return one_record(r, q, a, ret_found, ret, e);
}

/* --- small lists --- */

bool sqlite_metrics(struct store_reader *r, struct str run, metric_visitor *visit, void *user, struct error *e)
{
        sqlite3_stmt *id = connection_statement(&r->c, S_RUN_ID, e), *q = id ? connection_statement(&r->c, S_METRICS, e) : NULL;
        if (!q)
                return false;
        rows_bind_text_any(id, 1, run);
        int code = sqlite3_step(id); /* stays open: the metrics are of the same commit */
        if (code == SQLITE_ROW) {
                sqlite3_bind_int64(q, 1, sqlite3_column_int64(id, 0));
                while ((code = sqlite3_step(q)) == SQLITE_ROW) {
                        arena_reset(r->row);
                        struct commit_metric m = {.run = run, .name = arena_str(r->row, rows_column(q, 0)), .node = (uint32_t)sqlite3_column_int64(q, 1), .value = sqlite3_column_double(q, 2)};
                        if (!visit(user, &m))
                                break;
                }
        }
        sqlite3_reset(q);
        sqlite3_reset(id);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading metrics", e);
}

bool sqlite_cache(struct store_reader *r, struct str after, uint32_t limit, cache_visitor *visit, void *user, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&r->c, S_CACHE, e);
        if (!q)
                return false;
        rows_bind_key(q, 1, after);
        sqlite3_bind_int64(q, 2, limit);
        int code;
        bool good = true;
        while (good && (code = sqlite3_step(q)) == SQLITE_ROW) {
                arena_reset(r->row);
                struct commit_cache k = {.key = rows_read_key(q, 0, r->row), .run = arena_str(r->row, rows_column(q, 1)), .node = (uint32_t)sqlite3_column_int64(q, 2), .at = {sqlite3_column_int64(q, 3)}};
                good = bindings_decode(arena_str(r->row, rows_column(q, 4)), r->row, &k.outputs, e);
                if (!good && e)
                        e->kind = ERROR_CORRUPT;
                if (good && !visit(user, &k))
                        break;
        }
        sqlite3_reset(q);
        return good && (code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "listing the cache", e));
}

bool sqlite_cache_users(struct store_reader *r, struct str run, uid_visitor *visit, void *user, struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        sqlite3_stmt *q = connection_statement(&r->c, S_CACHE_USERS, e);
        if (!q)
                return false;
        rows_bind_text_any(q, 1, arena_printf(a, "%.*s/", STR_FMT(run)));
        rows_bind_text_any(q, 2, arena_printf(a, "%.*s0", STR_FMT(run))); /* '0' comes after '/' */
        int code;
        while ((code = sqlite3_step(q)) == SQLITE_ROW) {
                arena_reset(r->row);
                if (!visit(user, arena_str(r->row, rows_column(q, 0))))
                        break;
        }
        sqlite3_reset(q);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "looking for users of outputs", e);
}

/* Not within a commit: who continues after the last number must have seen all of it. */
bool sqlite_changes(struct store_reader *r, uint64_t after, uint32_t limit, change_visitor *visit, void *user, bool *ret_too_old, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&r->c, S_CHANGES, e), *state = q ? connection_statement(&r->c, S_STATE_GET, e) : NULL;
        if (!state)
                return false;
        sqlite3_bind_int64(q, 1, after > INT64_MAX ? INT64_MAX : (int64_t)after);
        int code = sqlite3_step(q), known = sqlite3_step(state);
        *ret_too_old = known == SQLITE_ROW && after < (uint64_t)sqlite3_column_int64(state, 1);
        sqlite3_reset(state);
        uint64_t last = 0;
        for (uint32_t n = 0; known == SQLITE_ROW && !*ret_too_old && code == SQLITE_ROW; n++) {
                struct change c = {.kind = (enum record_kind)sqlite3_column_int(q, 0), .seq = (uint64_t)sqlite3_column_int64(q, 2), .deleted = sqlite3_column_int(q, 3) != 0};
                if (limit && n >= limit && c.seq != last)
                        break;
                last = c.seq;
                arena_reset(r->row);
                c.id = arena_str(r->row, rows_column(q, 1));
                if (!visit(user, &c))
                        break;
                code = sqlite3_step(q);
        }
        sqlite3_reset(q);
        if (known != SQLITE_ROW)
                return connection_error(&r->c, known, "reading changes", e);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(&r->c, code, "reading changes", e);
}

bool sqlite_counts(struct store_reader *r, struct store_counts *ret, struct error *e)
{
        sqlite3_stmt *runs = connection_statement(&r->c, S_COUNT_RUNS, e), *records = runs ? connection_statement(&r->c, S_COUNT_RECORDS, e) : NULL;
        *ret = (struct store_counts){0};
        if (!records)
                return false;
        int code = sqlite3_step(runs), other; /* the first stays open: both are of one commit */
        while ((other = sqlite3_step(records)) == SQLITE_ROW) {
                int kind = sqlite3_column_int(records, 0);
                if (kind == 0)
                        ret->cache = (uint64_t)sqlite3_column_int64(records, 1);
                else if (kind > 0 && kind < RECORD_KINDS)
                        ret->records[kind] = (uint64_t)sqlite3_column_int64(records, 1);
        }
        for (; code == SQLITE_ROW; code = sqlite3_step(runs))
                if (sqlite3_column_int(runs, 0) >= 0 && sqlite3_column_int(runs, 0) < RUN_STATES)
                        ret->runs[sqlite3_column_int(runs, 0)] = (uint64_t)sqlite3_column_int64(runs, 1);
        sqlite3_reset(runs);
        sqlite3_reset(records);
        code = other == SQLITE_DONE ? code : other;
        return code == SQLITE_DONE || connection_error(&r->c, code, "counting", e);
}
