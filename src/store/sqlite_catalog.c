/* The part of a commit that is not the engine's: what people say about runs, records, metrics. The counters, labels and the index over
 * names that lists are read by are the schema's triggers: they cannot differ from the rows. */
#include <math.h>
#include "store/sqlite.h"

bool sqlite_find_run(struct store *s, struct str uid, const char *what, int64_t *ret, struct error *e)
{
        return values_run(s, uid, ret, e) &&
               (*ret != 0 || error_set(e, ERROR_NOT_FOUND, "storing %s: run %.*s does not exist (any more)", what, STR_FMT(uid)));
}

bool sqlite_bury(struct store *s, enum record_kind kind, struct str id, uint64_t seq, struct wall now, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&s->c, S_TOMBSTONE_PUT, e);
        if (!q)
                return false;
        sqlite3_bind_int(q, 1, (int)kind);
        rows_bind_text_any(q, 2, id);
        sqlite3_bind_int64(q, 3, (int64_t)seq);
        sqlite3_bind_int64(q, 4, now.us);
        if (now.us < s->tombstone_oldest_us)
                s->tombstone_oldest_us = now.us;
        return connection_run(&s->c, q, "deleting", e);
}

static bool put_meta(struct store *s, const struct commit_meta *m, uint64_t seq, struct error *e)
{
        int64_t run;
        if (!sqlite_find_run(s, m->run, "what is said about a run", &run, e))
                return false;
        sqlite3_stmt *q = connection_statement(&s->c, S_RUN_META, e);
        if (!q || !rows_bind_meta(s, q, m->meta, e))
                return false;
        sqlite3_bind_int64(q, 1, run);
        sqlite3_bind_int64(q, 2, (int64_t)seq);
        return connection_run(&s->c, q, "storing what is said about a run", e);
}

static bool put_metric(struct store *s, const struct commit_metric *m, struct error *e)
{
        int64_t run;
        if (isnan(m->value)) /* has no place in an order; the outputs that it came from still say it */
                return true;
        if (!sqlite_find_run(s, m->run, "a metric", &run, e))
                return false;
        sqlite3_stmt *q = connection_statement(&s->c, S_METRIC_PUT, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, run);
        rows_bind_text_any(q, 2, m->name);
        sqlite3_bind_int64(q, 3, m->node);
        sqlite3_bind_double(q, 4, m->value);
        return connection_run(&s->c, q, "storing a metric", e);
}

static bool put_record(struct store *s, const struct record *r, uint64_t seq, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&s->c, S_RECORD_PUT, e);
        if (!q)
                return false;
        const struct str texts[] = {r->id, r->ns, r->parent, r->name, r->display_name, r->description, r->owner, r->tags};
        const int64_t numbers[] = {r->state, r->created_at.us, r->updated_at.us, (int64_t)r->revision, (int64_t)seq};
        sqlite3_bind_int(q, 1, (int)r->kind);
        for (int i = 0; i < 8; i++)
                rows_bind_text_any(q, i + 2, texts[i]);
        for (int i = 0; i < 5; i++)
                sqlite3_bind_int64(q, i + 10, numbers[i]);
        rows_bind_text_any(q, 15, r->body);
        int code = sqlite3_step(q);
        sqlite3_reset(q);
        if (code == SQLITE_CONSTRAINT_UNIQUE)
                return error_set(e, ERROR_CONFLICT, "a %s named \"%.*s\" exists already: choose another name", record_kind_name(r->kind), STR_FMT(r->name));
        return code == SQLITE_DONE || connection_error(&s->c, code, "storing a record", e);
}

/* Deleting what is not there is done already. */
static bool delete_record(struct store *s, const struct record_id *r, uint64_t seq, struct wall now, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&s->c, S_RECORD_DROP, e);
        if (!q)
                return false;
        sqlite3_bind_int(q, 1, (int)r->kind);
        rows_bind_text_any(q, 2, r->id);
        return connection_run(&s->c, q, "deleting a record", e) && (sqlite3_changes(s->c.db) == 0 || sqlite_bury(s, r->kind, r->id, seq, now, e));
}

static bool delete_cache(struct store *s, struct str key, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&s->c, S_CACHE_DROP, e);
        if (!q)
                return false;
        rows_bind_key(q, 1, key);
        return connection_run(&s->c, q, "deleting a cache entry", e);
}

bool sqlite_write_catalog(struct store *s, const struct commit *c, uint64_t seq, struct error *e)
{
        for (size_t i = 0; i < c->metas_n; i++)
                if (!put_meta(s, &c->metas[i], seq, e))
                        return false;
        for (size_t i = 0; i < c->metrics_n; i++)
                if (!put_metric(s, &c->metrics[i], e))
                        return false;
        for (size_t i = 0; i < c->deleted_records_n; i++)
                if (!delete_record(s, &c->deleted_records[i], seq, c->now, e))
                        return false;
        for (size_t i = 0; i < c->records_n; i++)
                if (!put_record(s, c->records[i], seq, e))
                        return false;
        for (size_t i = 0; i < c->deleted_cache_n; i++)
                if (!delete_cache(s, c->deleted_cache[i], e))
                        return false;
        return true;
}
