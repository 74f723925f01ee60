/* The writer: one batch, one transaction, one pipeline (P1 to P4 in postgres.c).
 *
 * First every statement's arrays are filled, which may ask for numbers of runs and values that are not known yet; then all is sent without
 * waiting, and the answers are read. Of several rows with one key in a batch the last counts: ON CONFLICT may meet a key only once. */
#include "store/postgres.h"
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>
#include <uthash.h>

enum { TOMBSTONE_S = 3600, STATEMENTS_MAX = 32 };
static const int64_t PATIENCE_US = 60 * US_PER_S; /* a server that restarts is waited for so long */

struct statement { const char *sql, *doing; struct pg_params *p; };
struct batch {
        struct statement s[STATEMENTS_MAX];
        int n;
        int64_t name;
};

/* The parameters are freed with the batch. */
static struct pg_params *add(struct batch *b, const char *sql, const char *doing)
{
        if (b->n == STATEMENTS_MAX)
                abort();
        struct pg_params *p = calloc(1, sizeof *p);
        if (!p)
                abort();
        b->s[b->n++] = (struct statement){sql, doing, p};
        return p;
}

static void batch_free(struct batch *b)
{
        for (int i = 0; i < b->n; i++) {
                pg_params_free(b->s[i].p);
                free(b->s[i].p);
        }
        free(b);
}

/* Keys that a statement has already. */
struct seen { struct str key; UT_hash_handle hh; };
static bool again(struct store *s, struct seen **all, struct str key)
{
        struct seen *x;
        HASH_FIND(hh, *all, key.p, key.n, x);
        if (x)
                return true;
        x = arena_alloc(s->scratch, sizeof *x);
        x->key = arena_str(s->scratch, key);
        HASH_ADD_KEYPTR(hh, *all, x->key.p, x->key.n, x);
        return false;
}

#define SEQ "(SELECT seq FROM state)"

/* --- runs --- */

static bool put_runs(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        struct seen *all = NULL;
        struct pg_params *p = NULL;
        bool good = true;
        for (size_t i = 0; i < c->runs_n; i++) { /* numbers in the order of creation */
                int64_t id;
                if (!pg_values_run(s, c->runs[i]->uid, &id, e))
                        return false;
                if (id == 0)
                        pg_values_create(s, c->runs[i]->uid);
        }
        for (size_t i = c->runs_n; i-- > 0 && good;) {
                int64_t id;
                const struct run_row *row = c->runs[i];
                if (again(s, &all, row->uid))
                        continue;
                if (!p)
                        pg_run_arrays(p = add(b, pg_texts()->run_put, "storing a run"));
                good = pg_values_run(s, row->uid, &id, e) && pg_add_run(s, p, id, pg_values_is_new(s), row, e);
        }
        HASH_CLEAR(hh, all);
        return good;
}

/* *ret is its number; a run that is not there is the caller's mistake. */
static bool find_run(struct store *s, struct str uid, const char *what, int64_t *ret, struct error *e)
{
        return pg_values_run(s, uid, ret, e) &&
               (*ret != 0 || error_set(e, ERROR_NOT_FOUND, "storing %s: run %.*s does not exist (any more)", what, STR_FMT(uid)));
}

static bool put_metas(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        static const char sql[] = "UPDATE run SET seq = " SEQ ", owner = t.owner, experiment = t.experiment, pipeline = t.pipeline, version = t.version, recurring = t.recurring, "
                                  "description = t.description, service_account = t.service_account, labels = t.labels, scheduled_at = t.scheduled_at, priority = t.priority, "
                                  "archived = t.archived FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], "
                                  "$10::int8[], $11::int4[], $12::int4[]) AS t(i, owner, experiment, pipeline, version, recurring, description, service_account, labels, scheduled_at, "
                                  "priority, archived) WHERE run.id = t.i";
        static const Oid types[] = {PG_INT8, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_INT8, PG_INT4, PG_INT4};
        struct seen *all = NULL;
        if (!c->metas_n)
                return true;
        struct pg_params *p = add(b, sql, "changing a run");
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                pg_array(p, types[i]);
        bool good = true;
        for (size_t i = c->metas_n; i-- > 0 && good;) {
                const struct run_meta *m = c->metas[i].meta;
                const struct str texts[] = {m->owner, m->experiment, m->pipeline, m->version, m->recurring, m->description, m->service_account, m->labels};
                int64_t run;
                if (again(s, &all, c->metas[i].run))
                        continue;
                good = find_run(s, c->metas[i].run, "what is said about a run", &run, e);
                pg_add_int8(p, 0, run);
                for (int k = 0; k < 8; k++)
                        pg_add_text(p, k + 1, texts[k]);
                pg_add_int8(p, 9, m->scheduled_at.us);
                pg_add_int4(p, 10, m->priority);
                pg_add_int4(p, 11, m->archived);
        }
        HASH_CLEAR(hh, all);
        return good;
}

static bool put_metrics(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        static const char sql[] = "INSERT INTO metric (run, name, node, value) SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::float8[]) "
                                  "ON CONFLICT (run, name) DO UPDATE SET node = excluded.node, value = excluded.value";
        struct seen *all = NULL;
        if (!c->metrics_n)
                return true;
        struct pg_params *p = add(b, sql, "storing a metric");
        pg_array(p, PG_INT8), pg_array(p, PG_TEXT), pg_array(p, PG_INT8), pg_array(p, PG_FLOAT8);
        bool good = true;
        for (size_t i = c->metrics_n; i-- > 0 && good;) {
                const struct commit_metric *m = &c->metrics[i];
                int64_t run;
                if (isnan(m->value) || again(s, &all, arena_printf(s->scratch, "%.*s %.*s", STR_FMT(m->run), STR_FMT(m->name))))
                        continue; /* NaN has no place in an order; the outputs that it came from still say it */
                good = find_run(s, m->run, "a metric", &run, e);
                pg_add_int8(p, 0, run);
                pg_add_text(p, 1, m->name);
                pg_add_int8(p, 2, m->node);
                pg_add_float8(p, 3, m->value);
        }
        HASH_CLEAR(hh, all);
        return good;
}

/* --- nodes, events --- */

static bool move_to_history(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        if (!c->history_n)
                return true;
        struct pg_params *p = add(b, pg_texts()->history, "moving nodes to the history");
        pg_array(p, PG_INT8), pg_array(p, PG_INT8);
        for (size_t i = 0; i < c->history_n; i++) {
                int64_t run;
                if (!find_run(s, c->history[i].run, "history", &run, e))
                        return false;
                pg_add_int8(p, 0, run);
                pg_add_int8(p, 1, c->history[i].node);
        }
        return true;
}

static bool put_nodes(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        struct seen *all = NULL;
        if (!c->nodes_n)
                return true;
        struct pg_params *p = add(b, pg_texts()->node_put, "storing nodes");
        pg_node_arrays(p);
        bool good = true;
        for (size_t i = c->nodes_n; i-- > 0 && good;) {
                int64_t key[2] = {0};
                good = find_run(s, c->nodes[i].run, "a node", &key[0], e);
                key[1] = c->nodes[i].row->no;
                if (good && !again(s, &all, (struct str){(const char *)key, sizeof key}))
                        good = pg_add_node(s, p, key[0], c->nodes[i].row, e) || error_wrap(e, "run %.*s", STR_FMT(c->nodes[i].run));
        }
        HASH_CLEAR(hh, all);
        return good;
}

static bool put_events(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        static const char sql[] = "INSERT INTO event (run, node, at, kind, text) SELECT r, n, a, k, t FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::bytea[], $5::bytea[]) "
                                  "WITH ORDINALITY AS x(r, n, a, k, t, o) ORDER BY o";
        if (!c->events_n)
                return true;
        struct pg_params *p = add(b, sql, "storing events");
        pg_array(p, PG_INT8), pg_array(p, PG_INT8), pg_array(p, PG_INT8), pg_array(p, PG_BYTEA), pg_array(p, PG_BYTEA);
        for (size_t i = 0; i < c->events_n; i++) {
                int64_t run;
                if (!find_run(s, c->events[i].run, "an event", &run, e))
                        return false;
                pg_add_int8(p, 0, run);
                pg_add_int8(p, 1, c->events[i].node);
                pg_add_int8(p, 2, c->events[i].at.us);
                pg_add_bytes(p, 3, c->events[i].kind);
                pg_add_bytes(p, 4, c->events[i].text);
        }
        return true;
}

static void put_values(struct store *s, struct batch *b)
{
        static const char sql[] = "INSERT INTO value (run, no, counted, hash, bytes) SELECT * FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::bytea[], $5::bytea[])";
        if (s->values.fresh.p[0].n == 0)
                return;
        *add(b, sql, "storing values") = s->values.fresh;
        s->values.fresh = (struct pg_params){0}; /* the batch has them now */
}

/* --- the cache --- */

static void put_cache(struct store *s, struct batch *b, const struct commit *c)
{
        static const char drop[] = "DELETE FROM cache WHERE key = ANY ($1::bytea[])";
        static const char put[] = "INSERT INTO cache (key, run, node, at, outputs) SELECT * FROM unnest($1::bytea[], $2::text[], $3::int8[], $4::int8[], $5::bytea[]) "
                                  "ON CONFLICT (key) DO UPDATE SET run = excluded.run, node = excluded.node, at = excluded.at, outputs = excluded.outputs";
        struct seen *all = NULL;
        if (c->cache_n) {
                struct pg_params *p = add(b, put, "storing cache entries");
                pg_array(p, PG_BYTEA), pg_array(p, PG_TEXT), pg_array(p, PG_INT8), pg_array(p, PG_INT8), pg_array(p, PG_BYTEA);
                for (size_t i = c->cache_n; i-- > 0;) {
                        const struct commit_cache *k = &c->cache[i];
                        if (again(s, &all, k->key))
                                continue;
                        pg_add_bytes(p, 0, k->key);
                        pg_add_text(p, 1, k->run);
                        pg_add_int8(p, 2, k->node);
                        pg_add_int8(p, 3, k->at.us);
                        pg_add_bytes(p, 4, bindings_encode(&k->outputs, s->scratch));
                }
                HASH_CLEAR(hh, all);
        }
        if (c->deleted_cache_n) {
                struct pg_params *p = add(b, drop, "dropping cache entries");
                pg_array(p, PG_BYTEA);
                for (size_t i = 0; i < c->deleted_cache_n; i++)
                        pg_add_bytes(p, 0, c->deleted_cache[i]);
        }
}

/* --- deleting --- */

/* Deleting what is not there is done already. */
static bool delete_runs(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        static const char *const by_id[] = {"DELETE FROM node WHERE run = ANY ($1::int8[])", "DELETE FROM history WHERE run = ANY ($1::int8[])",
                                            "DELETE FROM event WHERE run = ANY ($1::int8[])", "DELETE FROM value WHERE run = ANY ($1::int8[])",
                                            "DELETE FROM run WHERE id = ANY ($1::int8[])"};
        static const char cache[] = "DELETE FROM cache WHERE run = ANY ($1::text[])";
        static const char bury[] = "INSERT INTO tombstone (kind, id, seq, at) SELECT DISTINCT 0, uid, " SEQ ", $2::int8 FROM unnest($1::text[]) AS t(uid) "
                                   "ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq, at = excluded.at";
        struct str *uids = ARENA_ARRAY(s->scratch, struct str, c->deleted_runs_n);
        int64_t *ids = ARENA_ARRAY(s->scratch, int64_t, c->deleted_runs_n);
        size_t n = 0;
        for (size_t i = 0; i < c->deleted_runs_n; i++) {
                if (!pg_values_run(s, c->deleted_runs[i], &ids[n], e))
                        return false;
                uids[n] = c->deleted_runs[i];
                n += ids[n] != 0;
        }
        for (size_t k = 0; n && k < sizeof by_id / sizeof *by_id; k++) {
                struct pg_params *p = add(b, by_id[k], "deleting a run");
                pg_array(p, PG_INT8);
                for (size_t i = 0; i < n; i++)
                        pg_add_int8(p, 0, ids[i]);
        }
        for (int k = 0; n && k < 2; k++) {
                struct pg_params *p = add(b, k ? bury : cache, "deleting a run");
                pg_array(p, PG_TEXT);
                for (size_t i = 0; i < n; i++)
                        pg_add_text(p, 0, uids[i]);
                if (k)
                        pg_int8(p, c->now.us);
        }
        return true;
}

/* Tombstones older than an hour, and all that came before them, so that what is left has no gap. */
static void prune_tombstones(struct batch *b, struct wall now)
{
        static const char sql[] = "WITH old AS (SELECT max(seq) AS up_to FROM tombstone WHERE at < $1), cut AS (DELETE FROM tombstone USING old WHERE seq <= up_to) "
                                  "UPDATE state SET tombstones_gone = greatest(tombstones_gone, up_to) FROM old WHERE up_to IS NOT NULL";
        pg_int8(add(b, sql, "dropping old tombstones"), now.us - TOMBSTONE_S * US_PER_S);
}

/* --- records --- */

static void put_records(struct store *s, struct batch *b, const struct commit *c)
{
        static const char drop[] = "WITH t AS (SELECT k, i FROM unnest($1::int4[], $2::text[]) AS t(k, i)), gone AS (DELETE FROM record USING t WHERE kind = k AND id = i RETURNING kind, id) "
                                   "INSERT INTO tombstone (kind, id, seq, at) SELECT kind, id, " SEQ ", $3 FROM gone ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq, at = excluded.at";
        static const char put[] = "INSERT INTO record (kind, id, ns, parent, name, display_name, description, owner, tags, state, created_at, updated_at, body, revision, seq) "
                                  "SELECT t.*, " SEQ " FROM unnest($1::int4[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int4[], "
                                  "$11::int8[], $12::int8[], $13::bytea[], $14::int8[]) AS t ON CONFLICT (kind, id) DO UPDATE SET ns = excluded.ns, parent = excluded.parent, "
                                  "name = excluded.name, display_name = excluded.display_name, description = excluded.description, owner = excluded.owner, tags = excluded.tags, "
                                  "state = excluded.state, created_at = excluded.created_at, updated_at = excluded.updated_at, body = excluded.body, revision = excluded.revision, "
                                  "seq = excluded.seq";
        static const Oid types[] = {PG_INT4, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_INT4, PG_INT8, PG_INT8, PG_BYTEA, PG_INT8};
        struct seen *all = NULL;
        if (c->deleted_records_n) {
                struct pg_params *p = add(b, drop, "deleting records");
                pg_array(p, PG_INT4), pg_array(p, PG_TEXT);
                pg_int8(p, c->now.us);
                for (size_t i = 0; i < c->deleted_records_n; i++) {
                        pg_add_int4(p, 0, (int32_t)c->deleted_records[i].kind);
                        pg_add_text(p, 1, c->deleted_records[i].id);
                }
        }
        if (!c->records_n)
                return;
        const struct record **last = ARENA_ARRAY(s->scratch, const struct record *, c->records_n);
        for (size_t i = c->records_n; i-- > 0;)
                if (!again(s, &all, arena_printf(s->scratch, "%d %.*s", (int)c->records[i]->kind, STR_FMT(c->records[i]->id))))
                        last[i] = c->records[i];
        HASH_CLEAR(hh, all);
        struct pg_params *p = add(b, put, "storing records");
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                pg_array(p, types[i]);
        for (size_t i = 0; i < c->records_n; i++) {
                const struct record *r = last[i];
                if (!r)
                        continue;
                const struct str texts[] = {r->id, r->ns, r->parent, r->name, r->display_name, r->description, r->owner, r->tags};
                pg_add_int4(p, 0, (int32_t)r->kind);
                for (int k = 0; k < 8; k++)
                        pg_add_text(p, k + 1, texts[k]);
                pg_add_int4(p, 9, (int32_t)r->state);
                pg_add_int8(p, 10, r->created_at.us);
                pg_add_int8(p, 11, r->updated_at.us);
                pg_add_bytes(p, 12, r->body);
                pg_add_int8(p, 13, (int64_t)r->revision);
        }
}

/* --- the whole --- */

static bool meet_all(struct store *s, const struct commit *c, struct error *e)
{
        size_t n = 0;
        struct str *uids = ARENA_ARRAY(s->scratch, struct str, c->runs_n + c->history_n + c->nodes_n + c->events_n + c->metas_n + c->metrics_n + c->deleted_runs_n);
        for (size_t i = 0; i < c->runs_n; i++)
                uids[n++] = c->runs[i]->uid;
        for (size_t i = 0; i < c->history_n; i++)
                uids[n++] = c->history[i].run;
        for (size_t i = 0; i < c->nodes_n; i++)
                if (!i || !str_eq(c->nodes[i].run, c->nodes[i - 1].run))
                        uids[n++] = c->nodes[i].run;
        for (size_t i = 0; i < c->events_n; i++)
                uids[n++] = c->events[i].run;
        for (size_t i = 0; i < c->metas_n; i++)
                uids[n++] = c->metas[i].run;
        for (size_t i = 0; i < c->metrics_n; i++)
                uids[n++] = c->metrics[i].run;
        for (size_t i = 0; i < c->deleted_runs_n; i++)
                uids[n++] = c->deleted_runs[i];
        return pg_values_meet(s, uids, n, e);
}

static bool fill(struct store *s, struct batch *b, const struct commit *c, struct error *e)
{
        static const char begin[] = "SELECT commit_begin($1, $2, $3)";
        pg_values_begin(s);
        if (!meet_all(s, c, e))
                return false;
        struct pg_params *p = add(b, begin, "committing");
        pg_int8(p, (int64_t)s->epoch);
        pg_int8(p, b->name);
        if (!put_runs(s, b, c, e) || !put_metas(s, b, c, e) || !put_metrics(s, b, c, e) || !move_to_history(s, b, c, e) || !put_nodes(s, b, c, e))
                return false;
        put_values(s, b);
        put_cache(s, b, c);
        put_records(s, b, c);
        pg_int8(p, s->values.runs_last);
        if (!put_events(s, b, c, e) || !delete_runs(s, b, c, e))
                return false;
        prune_tombstones(b, c->now);
        return true;
}

/* Reads the answers; the first error is the one that counts. */
static bool collect(struct store *s, struct batch *b, uint64_t *ret_seq, struct error *e)
{
        bool good = true, synced = false;
        for (int i = -1; !synced; i++) { /* BEGIN, the statements, COMMIT */
                PGresult *r;
                while ((r = PQgetResult(s->c.db))) {
                        ExecStatusType status = PQresultStatus(r);
                        if (status == PGRES_PIPELINE_SYNC)
                                synced = true;
                        else if (status == PGRES_TUPLES_OK && i == 0)
                                *ret_seq = (uint64_t)pg_get_int8(r, 0, 0);
                        else if (good && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
                                good = pg_error(&s->c, r, i >= 0 && i < b->n ? b->s[i].doing : "committing", e);
                        PQclear(r);
                        if (synced)
                                break;
                }
                if (!synced && pg_broken(&s->c))
                        return good ? pg_error(&s->c, NULL, "committing", e) : false;
        }
        return good;
}

static bool send_all(struct store *s, struct batch *b, uint64_t *ret_seq, struct error *e)
{
        static const char begin[] = "BEGIN", commit[] = "COMMIT";
        PGconn *db = s->c.db;
        struct pg_params none = {0};
        for (int i = 0; i < b->n; i++)
                if (!pg_prepare(&s->c, b->s[i].sql, b->s[i].p, b->s[i].doing, e))
                        return false;
        if (!pg_prepare(&s->c, begin, &none, "committing", e) || !pg_prepare(&s->c, commit, &none, "committing", e))
                return false;
        if (!PQenterPipelineMode(db))
                return pg_error(&s->c, NULL, "committing", e);
        bool good = pg_send(&s->c, begin, &none, "committing", e);
        for (int i = 0; i < b->n && good; i++)
                good = pg_send(&s->c, b->s[i].sql, b->s[i].p, b->s[i].doing, e);
        good = good && pg_send(&s->c, commit, &none, "committing", e);
        good = good && (PQpipelineSync(db) || pg_error(&s->c, NULL, "committing", e)) && collect(s, b, ret_seq, e);
        if (!PQexitPipelineMode(db) && !pg_broken(&s->c)) /* half sent: a new connection is the way out */
                PQfinish(db), s->c.db = NULL;
        else if (!good && !pg_broken(&s->c) && PQtransactionStatus(db) != PQTRANS_IDLE)
                pg_run(&s->c, "ROLLBACK", "committing", NULL);
        return good;
}

/* P2. After this nothing of the old connection is at work any more. *ret_done: the commit came about. */
static bool settle(struct store *s, const struct batch *b, bool *ret_done, uint64_t *ret_seq, struct error *e)
{
        static const char end[] = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";
        static const char look[] = "SELECT last_commit, seq FROM state FOR UPDATE";
        int old = s->c.backend;
        char started[sizeof s->c.started];
        memcpy(started, s->c.started, sizeof started);
        if (!pg_reconnect(&s->c, PATIENCE_US, e))
                return false;
        _cleanup_params_ struct pg_params p = {0}, none = {0};
        pg_int8(&p, old);
        pg_text(&p, str_from(started));
        _cleanup_result_ PGresult *ended = pg_query(&s->c, end, &p, "ending the connection before", e);
        _cleanup_result_ PGresult *r = ended ? pg_query(&s->c, look, &none, "looking whether the last commit came about", e) : NULL;
        if (!r)
                return false;
        *ret_done = b && PQntuples(r) == 1 && pg_get_int8(r, 0, 0) == b->name;
        if (*ret_done)
                *ret_seq = (uint64_t)pg_get_int8(r, 0, 1);
        return true;
}

static bool attempt(struct store *s, struct batch *b, const struct commit *c, uint64_t *ret_seq, struct error *e)
{
        arena_reset(s->scratch);
        if (fill(s, b, c, e) && send_all(s, b, ret_seq, e))
                return true;
        pg_values_forget_all(s); /* P3 */
        return false;
}

/* A connection that breaks is made anew and the batch tried again; a refusal is final. */
static bool commit_surely(struct store *s, const struct commit *c, uint64_t *ret_seq, struct error *e)
{
        enum { TRIES_MAX = 5 };
        for (int i = 0; i < TRIES_MAX; i++) {
                bool done = false;
                if (pg_broken(&s->c) && !settle(s, NULL, &done, ret_seq, e))
                        return false;
                struct batch *b = calloc(1, sizeof *b);
                if (!b || getrandom(&b->name, sizeof b->name, 0) != sizeof b->name)
                        abort();
                done = attempt(s, b, c, ret_seq, e);
                bool final = done || !pg_broken(&s->c) || !settle(s, b, &done, ret_seq, e);
                batch_free(b);
                if (done || final)
                        return done;
        }
        return false;
}

bool postgres_commit(struct store *s, const struct commit *c, uint64_t *ret_seq, struct error *e)
{
        struct error own = {0};
        uint64_t seq;
        if (!commit_surely(s, c, &seq, &own)) {
                if (e)
                        *e = own;
                return false;
        }
        /* A final run's values are not looked up again, unless it is retried; a deleted run is gone. */
        for (size_t i = 0; i < c->runs_n; i++)
                if (run_state_final(c->runs[i]->state))
                        pg_values_forget(s, c->runs[i]->uid);
                else
                        pg_values_stored(s, c->runs[i]->uid);
        for (size_t i = 0; i < c->deleted_runs_n; i++)
                pg_values_forget(s, c->deleted_runs[i]);
        *ret_seq = seq;
        return true;
}
