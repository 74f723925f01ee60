/* Lists in pages, as store/query.c builds them. */
#include <stdlib.h>
#include "store/postgres.h"
#include "store/query.h"

static const struct query_dialect dialect = {.mark = "$%u", .contains = "strpos(lower(%s), lower(%s COLLATE \"C\")) > 0"};

static PGresult *ask(struct store_reader *r, const struct query_text *t, const char *doing, struct error *e)
{
        _cleanup_params_ struct pg_params p = {0};
        for (unsigned i = 0; i < t->params_n; i++) {
                const struct query_param *x = &t->params[i];
                if (x->kind == QUERY_PARAM_TEXT)
                        pg_text(&p, x->text);
                else if (x->kind == QUERY_PARAM_INTEGER)
                        pg_int8(&p, x->integer);
                else
                        pg_float8(&p, x->real);
        }
        return pg_query_once(&r->c, t->sql.p, &p, doing, e);
}

static bool count(struct store_reader *r, const struct query_sql *sql, struct query_page *ret, struct error *e)
{
        if (!sql->count.sql.n)
                return true;
        _cleanup_arena_ struct arena *a = arena_new();
        struct query_text *whole = ARENA_NEW(a, struct query_text); /* a sum is of another type than what it adds up */
        *whole = sql->count;
        whole->sql = arena_printf(a, "SELECT (%.*s)::int8", STR_FMT(sql->count.sql));
        _cleanup_result_ PGresult *x = ask(r, whole, "counting", e);
        if (!x)
                return false;
        ret->total = PQntuples(x) ? (uint64_t)pg_get_int8(x, 0, 0) : 0;
        if (sql->count_max && ret->total > sql->count_max) {
                ret->total = sql->count_max;
                ret->total_at_least = true;
        }
        return true;
}

/* Of row `at`, behind which the next page begins. */
static struct str next_of(const struct query *q, const struct query_sql *sql, const PGresult *x, int at, int columns_n, struct arena *a)
{
        struct query_param key = {.kind = sql->sort_kind};
        if (key.kind == QUERY_PARAM_TEXT)
                key.text = pg_get(x, at, columns_n);
        else if (key.kind == QUERY_PARAM_INTEGER)
                key.integer = pg_get_int8(x, at, columns_n);
        else
                key.real = pg_get_float8(x, at, columns_n);
        return query_next(q, &key, pg_get_int8(x, at, columns_n + 1), a);
}

/* The list's rows; the one behind the limit only tells that there is one. */
static PGresult *list(struct store_reader *r, const struct query *q, struct str columns, struct query_sql *sql, struct arena *scratch, struct query_page *ret, struct error *e)
{
        *ret = (struct query_page){0};
        if (!query_build(q, &dialect, columns, scratch, sql, e))
                return NULL;
        PGresult *x = ask(r, &sql->list, "reading a list", e);
        if (x && !count(r, sql, ret, e)) {
                PQclear(x);
                return NULL;
        }
        return x;
}

static int shown(const PGresult *x, const struct query *q) { return (uint32_t)PQntuples(x) > q->limit ? (int)q->limit : PQntuples(x); }

static bool list_runs(struct store_reader *r, const struct query *q, run_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        _cleanup_arena_ struct arena *scratch = arena_new();
        struct query_sql *sql = ARENA_NEW(scratch, struct query_sql);
        struct run_row *rows;
        _cleanup_result_ PGresult *x = list(r, q, str_from(q->whole ? pg_texts()->run_columns : pg_texts()->run_columns_brief), sql, scratch, ret, e);
        arena_reset(r->row);
        if (!x || !pg_rows_runs(&r->c, x, r->row, &rows, e))
                return false;
        int n = shown(x, q), columns_n = PQnfields(x) - 2;
        for (int i = 0; i < n; i++)
                if (!visit(user, &rows[i])) {
                        ret->next = next_of(q, sql, x, i, columns_n, a);
                        return true;
                }
        if (PQntuples(x) > n)
                ret->next = next_of(q, sql, x, n - 1, columns_n, a);
        return true;
}

bool postgres_query_runs(struct store_reader *r, const struct query *q, run_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        if (q->kind != RECORD_RUN)
                return error_set(e, ERROR_INTERNAL, "listing runs: asked for records of kind %s", record_kind_name(q->kind));
        return pg_begin_read(r, e) && pg_end_read(r, list_runs(r, q, visit, user, a, ret, e));
}

static bool list_records(struct store_reader *r, const struct query *q, record_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        _cleanup_arena_ struct arena *scratch = arena_new();
        struct query_sql *sql = ARENA_NEW(scratch, struct query_sql);
        _cleanup_result_ PGresult *x = list(r, q, str_from(pg_record_columns), sql, scratch, ret, e);
        if (!x)
                return false;
        int n = shown(x, q), columns_n = PQnfields(x) - 2;
        for (int i = 0; i < n; i++) {
                arena_reset(r->row);
                struct record row = pg_get_record(x, i, r->row);
                if (!visit(user, &row)) {
                        ret->next = next_of(q, sql, x, i, columns_n, a);
                        return true;
                }
        }
        if (PQntuples(x) > n)
                ret->next = next_of(q, sql, x, n - 1, columns_n, a);
        return true;
}

bool postgres_query_records(struct store_reader *r, const struct query *q, record_visitor *visit, void *user, struct arena *a, struct query_page *ret, struct error *e)
{
        if (q->kind == RECORD_RUN || q->kind >= RECORD_KINDS)
                return error_set(e, ERROR_INTERNAL, "listing records: %d is no kind of record", (int)q->kind);
        return pg_begin_read(r, e) && pg_end_read(r, list_records(r, q, visit, user, a, ret, e));
}

bool postgres_cache_users(struct store_reader *r, struct str run, uid_visitor *visit, void *user, struct error *e)
{
        static const char sql[] = "SELECT DISTINCT uid FROM node JOIN run ON run.id = node.run WHERE cached_from >= $1 AND cached_from < $2 ORDER BY uid";
        _cleanup_arena_ struct arena *a = arena_new();
        if (!pg_begin_read(r, e))
                return false;
        _cleanup_params_ struct pg_params p = {0};
        pg_bytea(&p, arena_printf(a, "%.*s/", STR_FMT(run)));
        pg_bytea(&p, arena_printf(a, "%.*s0", STR_FMT(run))); /* '0' comes after '/' */
        _cleanup_result_ PGresult *x = pg_query(&r->c, sql, &p, "looking for users of outputs", e);
        for (int i = 0; x && i < PQntuples(x); i++)
                if (!visit(user, pg_get(x, i, 0)))
                        break;
        return pg_end_read(r, x != NULL);
}
