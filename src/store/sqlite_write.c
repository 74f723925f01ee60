/* The writer: one batch, one transaction. */
#include "store/sqlite.h"

enum { TOMBSTONE_S = 3600 };

static bool read_state(struct store *s, struct error *e)
{
        if (s->state_known)
                return true;
        sqlite3_stmt *q = connection_statement(&s->c, S_STATE_GET, e), *t = q ? connection_statement(&s->c, S_TOMBSTONE_OLDEST, e) : NULL;
        if (!t)
                return false;
        int code = sqlite3_step(q), oldest = sqlite3_step(t);
        if (code == SQLITE_ROW && oldest == SQLITE_ROW) {
                s->seq = (uint64_t)sqlite3_column_int64(q, 0);
                s->tombstones_gone = (uint64_t)sqlite3_column_int64(q, 1);
                s->tombstone_oldest_us = sqlite3_column_type(t, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(t, 0);
                s->state_known = true;
        }
        sqlite3_reset(q);
        sqlite3_reset(t);
        if (code == SQLITE_DONE)
                return error_set(e, ERROR_CORRUPT,
                                 "reading the number of the last commit: it is missing from %s: restore a copy of the folder", s->c.path);
        return s->state_known || connection_error(&s->c, code != SQLITE_ROW ? code : oldest, "reading the number of the last commit", e);
}

static bool put_run(struct store *s, const struct run_row *row, uint64_t seq, struct error *e)
{
        int64_t id;
        if (!values_run(s, row->uid, &id, e))
                return false;
        bool insert = id == 0;
        if (insert) {
                /* The row's id is needed before the row: its long texts are stored first. */
                sqlite3_stmt *next = connection_statement(&s->c, S_RUN_NEXT, e);
                if (!next)
                        return false;
                int code = sqlite3_step(next);
                id = code == SQLITE_ROW ? sqlite3_column_int64(next, 0) : 0;
                sqlite3_reset(next);
                if (code != SQLITE_ROW)
                        return connection_error(&s->c, code, "storing a run", e);
                if (id >= INT32_MAX)
                        return error_set(e, ERROR_LIMIT,
                                         "storing a run: %s holds as many runs as it can: delete the newest, or begin another folder",
                                         s->c.path);
                values_run_created(s, row->uid, id);
        }
        bool same_state = !insert && values_state(s) == (int)row->state;
        sqlite3_stmt *q = connection_statement(&s->c, insert ? S_RUN_INSERT : same_state ? S_RUN_UPDATE_SAME_STATE : S_RUN_UPDATE, e);
        if (!q || !rows_bind_run(s, q, row, insert, e))
                return false;
        sqlite3_bind_int64(q, 1, id);
        sqlite3_bind_int64(q, 2, (int64_t)seq);
        int code = sqlite3_step(q);
        sqlite3_reset(q);
        values_set_state(s, (int)row->state);
        if (code == SQLITE_CONSTRAINT_UNIQUE)
                return error_set(e, ERROR_CONFLICT,
                                 "a run named \"%.*s\" exists in namespace \"%.*s\": choose another name, or delete that run",
                                 STR_FMT(row->name), STR_FMT(row->ns));
        return code == SQLITE_DONE || connection_error(&s->c, code, "storing a run", e);
}

static bool move_to_history(struct store *s, const struct commit_history *h, struct error *e)
{
        int64_t run;
        if (!sqlite_find_run(s, h->run, "history", &run, e))
                return false;
        sqlite3_stmt *copy = connection_statement(&s->c, S_HISTORY_COPY, e),
                     *cut = copy ? connection_statement(&s->c, S_HISTORY_CUT, e) : NULL;
        if (!cut)
                return false;
        sqlite3_bind_int64(copy, 1, row_id(run, h->node));
        sqlite3_bind_int64(cut, 1, row_id(run, h->node));
        return connection_run(&s->c, copy, "moving a node to the history", e) &&
               connection_run(&s->c, cut, "moving a node to the history", e);
}

static bool put_node(struct store *s, const struct commit_node *n, uint64_t seq, struct error *e)
{
        int64_t run;
        if (!sqlite_find_run(s, n->run, "a node", &run, e))
                return false;
        sqlite3_stmt *q = connection_statement(&s->c, S_NODE_PUT, e);
        if (!q)
                return false;
        arena_reset(s->scratch);
        if (!rows_bind_node(s, q, n->row, e))
                return error_wrap(e, "node %u (%.*s) of run %.*s", n->row->no, STR_FMT(str_sub(n->row->name, 0, 200)), STR_FMT(n->run));
        sqlite3_bind_int64(q, 1, row_id(run, n->row->no));
        sqlite3_bind_int64(q, 2, (int64_t)seq);
        return connection_run(&s->c, q, "storing a node", e);
}

static bool put_cache(struct store *s, const struct commit_cache *k, struct error *e)
{
        arena_reset(s->scratch);
        struct str outputs = bindings_encode(&k->outputs, s->scratch);
        if (!str_is_utf8(outputs))
                return true; /* could not be read back; the task runs again, that is all */
        sqlite3_stmt *q = connection_statement(&s->c, S_CACHE_PUT, e);
        if (!q)
                return false;
        rows_bind_key(q, 1, k->key);
        rows_bind_text_any(q, 2, k->run);
        sqlite3_bind_int64(q, 3, k->node);
        sqlite3_bind_int64(q, 4, k->at.us);
        sqlite3_bind_blob64(q, 5, outputs.n ? outputs.p : "", outputs.n, SQLITE_STATIC);
        return connection_run(&s->c, q, "storing a cache entry", e);
}

static bool put_event(struct store *s, const struct commit_event *v, struct error *e)
{
        int64_t run;
        if (!sqlite_find_run(s, v->run, "an event", &run, e))
                return false;
        sqlite3_stmt *q = connection_statement(&s->c, S_EVENT_PUT, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, row_id(run, 0));
        sqlite3_bind_int64(q, 2, row_id(run, UINT32_MAX));
        sqlite3_bind_int64(q, 3, v->node);
        sqlite3_bind_int64(q, 4, v->at.us);
        rows_bind_text_any(q, 5, v->kind);
        rows_bind_text_any(q, 6, v->text);
        return connection_run(&s->c, q, "storing an event", e);
}

/* Deleting what is not there is done already. */
static bool delete_run(struct store *s, struct str uid, uint64_t seq, struct wall now, struct error *e)
{
        static const enum statement drops[] = {S_RUN_DROP_CACHE,  S_RUN_DROP_NODES,  S_RUN_DROP_HISTORY,
                                               S_RUN_DROP_EVENTS, S_RUN_DROP_VALUES, S_RUN_DROP_METRICS, S_RUN_DROP};
        int64_t run;
        if (!values_run(s, uid, &run, e))
                return false;
        if (run == 0)
                return true;
        for (size_t i = 0; i < sizeof drops / sizeof *drops; i++) {
                sqlite3_stmt *q = connection_statement(&s->c, drops[i], e);
                if (!q)
                        return false;
                bool by_run = drops[i] == S_RUN_DROP || drops[i] == S_RUN_DROP_METRICS;
                sqlite3_bind_int64(q, 1, by_run ? run : row_id(run, 0));
                if (!by_run)
                        sqlite3_bind_int64(q, 2, row_id(run, UINT32_MAX));
                if (drops[i] == S_RUN_DROP_CACHE)
                        rows_bind_text_any(q, 3, uid);
                if (!connection_run(&s->c, q, "deleting a run", e))
                        return false;
        }
        values_forget(s->values, uid);
        return sqlite_bury(s, RECORD_RUN, uid, seq, now, e);
}

/* Tombstones older than an hour, and all that came before them, so that what is left has no gap. */
static bool prune_tombstones(struct store *s, struct wall now, struct error *e)
{
        int64_t limit = now.us - TOMBSTONE_S * US_PER_S;
        if (s->tombstone_oldest_us >= limit)
                return true;
        sqlite3_stmt *last = connection_statement(&s->c, S_TOMBSTONE_LAST, e),
                     *prune = last ? connection_statement(&s->c, S_TOMBSTONE_PRUNE, e) : NULL,
                     *gone = prune ? connection_statement(&s->c, S_TOMBSTONE_GONE, e) : NULL;
        if (!gone)
                return false;
        sqlite3_bind_int64(last, 1, limit);
        int code = sqlite3_step(last);
        int64_t up_to = code == SQLITE_ROW ? sqlite3_column_int64(last, 0) : 0;
        sqlite3_reset(last);
        if (code != SQLITE_ROW)
                return connection_error(&s->c, code, "dropping old tombstones", e);
        sqlite3_bind_int64(prune, 1, up_to);
        sqlite3_bind_int64(gone, 1, up_to);
        s->state_known = false; /* the oldest is another one now */
        return connection_run(&s->c, prune, "dropping old tombstones", e) && connection_run(&s->c, gone, "dropping old tombstones", e);
}

static bool write_all(struct store *s, const struct commit *c, uint64_t seq, struct error *e)
{
        for (size_t i = 0; i < c->runs_n; i++) {
                arena_reset(s->scratch);
                if (!put_run(s, c->runs[i], seq, e))
                        return error_wrap(e, "run %.*s", STR_FMT(c->runs[i]->uid));
        }
        for (size_t i = 0; i < c->history_n; i++)
                if (!move_to_history(s, &c->history[i], e))
                        return false;
        for (size_t i = 0; i < c->nodes_n; i++)
                if (!put_node(s, &c->nodes[i], seq, e))
                        return false;
        for (size_t i = 0; i < c->cache_n; i++)
                if (!put_cache(s, &c->cache[i], e))
                        return false;
        for (size_t i = 0; i < c->events_n; i++)
                if (!put_event(s, &c->events[i], e))
                        return false;
        if (!sqlite_write_catalog(s, c, seq, e))
                return false;
        for (size_t i = 0; i < c->deleted_runs_n; i++)
                if (!delete_run(s, c->deleted_runs[i], seq, c->now, e))
                        return false;
        sqlite3_stmt *q = connection_statement(&s->c, S_STATE_SET, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, (int64_t)seq);
        return prune_tombstones(s, c->now, e) && connection_run(&s->c, q, "committing", e);
}

/* T2: nothing that was learnt during a transaction that failed is kept. */
static void roll_back(struct store *s)
{
        sqlite3_stmt *q = connection_statement(&s->c, S_ROLLBACK, NULL);
        if (q && !sqlite3_get_autocommit(s->c.db)) {
                sqlite3_step(q);
                sqlite3_reset(q);
        }
        values_forget_all(s->values);
        s->state_known = false;
}

static bool step(struct store *s, enum statement which, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&s->c, which, e);
        return q && connection_run(&s->c, q, "committing", e);
}

bool sqlite_commit(struct store *s, const struct commit *c, uint64_t *ret_seq, struct error *e)
{
        struct error own = {0};
        bool begun = step(s, S_BEGIN, &own);
        bool good = begun && read_state(s, &own);
        uint64_t seq = s->seq + 1;
        good = good && write_all(s, c, seq, &own) && step(s, S_COMMIT, &own);
        if (!good) {
                roll_back(s);
                if (e)
                        *e = own;
                return false;
        }
        s->seq = seq;
        /* A final run's values are not looked up again, unless it is retried: then they are read from the file. */
        for (size_t i = 0; i < c->runs_n; i++)
                if (run_state_final(c->runs[i]->state))
                        values_forget(s->values, c->runs[i]->uid);
        *ret_seq = seq;
        return true;
}
