/* The PostgreSQL store: connections, errors, the schema. Writing is in postgres_write.c, reading in postgres_read.c.
 *
 *  P1  One commit is one transaction, sent as one pipeline: a handful of statements over arrays, one wait. Its number comes from the one
 *      row of `state`, which the transaction holds to its end, so numbers have no gaps and commits have an order.
 *  P2  A commit has a name of its own (a random number kept in `state`). When the connection breaks before the answer, the writer connects
 *      again, ends what is left of its old process on the server, and looks: what came about is reported as done, what did not is sent again.
 *      So a restart of the server delays a commit, and makes none doubtful.
 *  P3  What the writer remembers (numbers of runs and values) is a copy of what is stored. After any failure it is dropped and read again.
 *  P4  With a lease, its epoch is checked by the first statement of each commit (commit_begin), which also locks it until the commit's end:
 *      an engine that was fenced off can commit nothing.
 *  P5  Readers have connections of their own. An operation of more than one statement is one repeatable-read transaction: it sees one commit.
 *
 * Statements are prepared once a connection, so a pooler between must pool sessions, not transactions. */
#include "store/postgres.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CONNECT_TIMEOUT_S = 10, PAUSE_FIRST_MS = 20, PAUSE_MAX_MS = 2000 };
static const int64_t OPEN_PATIENCE_US = 0;

static int64_t now_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

/* --- errors --- */

bool pg_broken(const struct pg *c) { return !c->db || PQstatus(c->db) != CONNECTION_OK; }

static enum error_kind kind_of(const char *state)
{
        static const struct { const char *prefix; enum error_kind kind; } kinds[] = {
                {"WF001", ERROR_CONFLICT}, {"53100", ERROR_FULL},  {"42501", ERROR_DENIED}, {"28", ERROR_DENIED}, {"3D000", ERROR_NOT_FOUND},
                {"3F000", ERROR_NOT_FOUND}, {"XX001", ERROR_CORRUPT}, {"XX002", ERROR_CORRUPT}, {"40", ERROR_BUSY}, {"55P03", ERROR_BUSY},
                {"53", ERROR_BUSY},        {"57", ERROR_IO},       {"58", ERROR_IO},        {"08", ERROR_IO},     {"25006", ERROR_DENIED},
                {"23505", ERROR_CONFLICT}, {"54", ERROR_LIMIT}};
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (strncmp(state, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
                        return kinds[i].kind;
        return ERROR_INTERNAL;
}

/* The server's or the library's own words, in one line. */
static void words_of(const struct pg *c, const PGresult *r, char *ret, size_t size)
{
        const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
        snprintf(ret, size, "%s", text && *text ? text : c->db ? PQerrorMessage(c->db) : "no connection");
        for (char *p = ret; *p; p++)
                if (*p == '\n')
                        *p = p[1] ? ' ' : '\0';
}

bool pg_error(struct pg *c, const PGresult *r, const char *doing, struct error *e)
{
        const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL, *name = r ? PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME) : NULL;
        const char *detail = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL) : NULL;
        char words[512];
        words_of(c, r, words, sizeof words);
        if (!state || !*state)
                return error_set(e, strstr(words, "password") || strstr(words, "authentication") ? ERROR_DENIED : ERROR_IO,
                                 "%s: no connection to %s: %s; check that the server runs, the setting store.url and the password file ($PGPASSFILE)", doing, c->place,
                                 words);
        enum error_kind kind = kind_of(state);
        if (strcmp(state, "WF001") == 0)
                return error_set(e, kind, "%s: another server has become the engine of %s: this one was not heard from for longer than the lease; nothing was stored, and it goes "
                                          "on as a follower", doing, c->place);
        if (kind == ERROR_CONFLICT && name && strcmp(name, "run_name") == 0)
                return error_set(e, kind, "a run of this name exists in its namespace: %s choose another name, or delete that run", detail ? detail : "");
        if (kind == ERROR_CONFLICT && name && strcmp(name, "record_name") == 0) {
                const char *first = detail ? strstr(detail, ")=(") : NULL;
                int number = first ? atoi(first + 3) : 0;
                return error_set(e, kind, "a %s of this name exists already: %s choose another name", number > 0 && number < RECORD_KINDS ? record_kind_name((enum record_kind)number) : "record",
                                 detail ? detail : "");
        }
        if (kind == ERROR_CONFLICT)
                return error_set(e, kind, "%s: it exists already: %s", doing, detail ? detail : words);
        if (kind == ERROR_FULL)
                return error_set(e, kind, "%s: no space left for %s; what was stored is unharmed: free some space there, then continue with `weft resume`", doing, c->place);
        if (kind == ERROR_DENIED)
                return error_set(e, kind, "%s: %s refuses it: %s; grant the role of store.url what it needs", doing, c->place, words);
        if (kind == ERROR_CORRUPT)
                return error_set(e, kind, "%s: %s is damaged (%s): restore a backup", doing, c->place, words);
        if (kind == ERROR_BUSY)
                return error_set(e, kind, "%s: %s is busy (%s): try again", doing, c->place, words);
        if (kind == ERROR_NOT_FOUND)
                return error_set(e, kind, "%s: %s: create the database, or correct store.url", doing, words);
        return error_set(e, kind, "%s: %s: %s (SQLSTATE %s)", doing, c->place, words, state);
}

bool pg_run(struct pg *c, const char *sql, const char *doing, struct error *e)
{
        _cleanup_result_ PGresult *r = PQexec(c->db, sql);
        ExecStatusType status = PQresultStatus(r);
        return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || pg_error(c, r, doing, e);
}

/* --- connections --- */

static void be_quiet(void *user, const char *text) { (void)user, (void)text; }

static void set_place(struct pg *c)
{
        PQconninfoOption *all = PQconninfoParse(c->url, NULL);
        const char *host = getenv("PGHOST"), *database = getenv("PGDATABASE");
        for (PQconninfoOption *o = all; o && o->keyword; o++) {
                if (strcmp(o->keyword, "host") == 0 && o->val)
                        host = o->val;
                if (strcmp(o->keyword, "dbname") == 0 && o->val)
                        database = o->val;
        }
        free(c->place);
        if (asprintf(&c->place, "PostgreSQL database %s at %s", database ? database : "(default)", host && *host ? host : "the local socket") < 0)
                abort();
        PQconninfoFree(all);
}

static bool connect_once(struct pg *c, struct error *e)
{
        static const char *const names[] = {"dbname", "fallback_application_name", "connect_timeout", "client_encoding", "keepalives_idle", "keepalives_interval",
                                            "keepalives_count", NULL};
        char timeout[8];
        snprintf(timeout, sizeof timeout, "%d", CONNECT_TIMEOUT_S);
        const char *values[] = {c->url, "weft", timeout, "UTF8", "30", "10", "3", NULL};
        PQfinish(c->db);
        c->prepared_n = 0;
        c->backend = 0;
        c->db = PQconnectdbParams(names, values, 1);
        if (PQstatus(c->db) != CONNECTION_OK)
                return pg_error(c, NULL, "opening the database", e);
        PQsetNoticeProcessor(c->db, be_quiet, NULL);
        if (PQserverVersion(c->db) < 130000)
                return error_set(e, ERROR_UNSUPPORTED, "opening the database: %s is PostgreSQL %d; Weft needs 13 or later", c->place, PQserverVersion(c->db) / 10000);
        _cleanup_result_ PGresult *r = PQexec(c->db, "SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()");
        if (PQresultStatus(r) != PGRES_TUPLES_OK)
                return pg_error(c, r, "opening the database", e);
        snprintf(c->started, sizeof c->started, "%s", PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
        c->backend = PQbackendPID(c->db);
        return true;
}

/* Of a server that is starting, stopping, or away: worth another try. */
static bool may_come_back(const struct error *e) { return e->kind == ERROR_IO || e->kind == ERROR_BUSY; }

bool pg_reconnect(struct pg *c, int64_t patience_us, struct error *e)
{
        int64_t end = now_us() + patience_us;
        for (int pause = PAUSE_FIRST_MS;; pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS) {
                struct error own = {0};
                if (connect_once(c, &own))
                        return true;
                if (!may_come_back(&own) || now_us() + pause * US_PER_MS > end) {
                        if (e)
                                *e = own;
                        return false;
                }
                nanosleep(&(struct timespec){pause / 1000, pause % 1000 * 1000000L}, NULL);
        }
}

void pg_close(struct pg *c)
{
        PQfinish(c->db);
        free(c->url);
        free(c->place);
        *c = (struct pg){0};
}

/* --- the schema --- */

/* *ret: how many migrations the database has had; 0: none of ours. */
static bool schema_version(struct pg *c, int newest, int *ret, struct error *e)
{
        *ret = 0;
        _cleanup_result_ PGresult *r = PQexec(c->db, "SELECT current_schema() IS NULL, to_regclass('weft_schema') IS NOT NULL, to_regclass('run') IS NOT NULL");
        if (PQresultStatus(r) != PGRES_TUPLES_OK)
                return pg_error(c, r, "opening the database", e);
        if (*PQgetvalue(r, 0, 0) == 't')
                return error_set(e, ERROR_NOT_FOUND, "opening the database: %s has no schema that this role may use: create one, or correct store.url", c->place);
        bool ours = *PQgetvalue(r, 0, 1) == 't';
        if (!ours && *PQgetvalue(r, 0, 2) == 't')
                return error_set(e, ERROR_CONFLICT, "opening the database: %s belongs to another program: choose another database or schema in store.url", c->place);
        if (!ours)
                return true;
        _cleanup_result_ PGresult *v = PQexec(c->db, "SELECT version FROM weft_schema");
        if (PQresultStatus(v) != PGRES_TUPLES_OK)
                return pg_error(c, v, "opening the database", e);
        *ret = PQntuples(v) == 1 ? atoi(PQgetvalue(v, 0, 0)) : 0;
        if (*ret < 1)
                return error_set(e, ERROR_CORRUPT, "opening the database: %s has a schema without a version: restore a backup", c->place);
        return *ret <= newest || error_set(e, ERROR_VERSION,
                                           "opening the database: %s was written by a newer Weft (schema %d; this one knows up to %d): use that release or a later one; nothing "
                                           "was changed", c->place, *ret, newest);
}

static bool step_forward(struct pg *c, const struct migration *m, int version, struct error *e)
{
        char mark[160];
        snprintf(mark, sizeof mark, version ? "UPDATE weft_schema SET version = %d" : "CREATE TABLE weft_schema (version INTEGER NOT NULL); INSERT INTO weft_schema VALUES (%d)",
                 version + 1);
        return pg_run(c, m->sql, m->name, e) && pg_run(c, mark, m->name, e);
}

bool pg_migrate(struct pg *c, const struct migration *steps, int n, struct error *e)
{
        enum { KEY = 0x57656674 }; /* of an advisory lock: servers that start together take turns */
        int version;
        if (!schema_version(c, n, &version, e))
                return false;
        while (version < n) {
                char lock[64];
                int now;
                snprintf(lock, sizeof lock, "SELECT pg_advisory_xact_lock(%d)", KEY);
                bool good = pg_run(c, "BEGIN", "changing the schema", e) && pg_run(c, lock, "changing the schema", e) && schema_version(c, n, &now, e) &&
                            (now != version || step_forward(c, &steps[version], version, e)) && pg_run(c, "COMMIT", "changing the schema", e);
                if (!good) {
                        pg_run(c, "ROLLBACK", "changing the schema", NULL);
                        return error_wrap(e, "bringing the database to schema %d", version + 1);
                }
                version++;
        }
        return true;
}

static bool open_reader(struct pg *c, struct error *e)
{
        int version;
        if (!schema_version(c, postgres_schema_n, &version, e))
                return false;
        if (version == 0)
                return error_set(e, ERROR_NOT_FOUND, "opening the database: nothing was stored in %s yet", c->place);
        return version == postgres_schema_n || error_set(e, ERROR_VERSION,
                                                         "opening the database: %s was written by an older Weft (schema %d of %d): any command that changes something, such as "
                                                         "`weft resume`, brings it forward", c->place, version, postgres_schema_n);
}

bool pg_open(const struct store_settings *settings, bool writes, struct pg *ret, struct error *e)
{
        if (!pq_load(e))
                return false;
        struct pg c = {.url = strndup(settings->url.p, settings->url.n), .writes = writes};
        if (!c.url)
                abort();
        set_place(&c);
        if (!pg_reconnect(&c, OPEN_PATIENCE_US, e) || (writes && !pg_migrate(&c, postgres_schema, postgres_schema_n, e)) || !open_reader(&c, e) ||
            (writes && settings->unsafe_no_sync && !pg_run(&c, "SET synchronous_commit = off", "opening the database", e))) {
                pg_close(&c);
                return false;
        }
        *ret = c;
        return true;
}

/* --- the operations --- */

static bool writer_open(const struct store_settings *settings, struct store **ret, struct error *e)
{
        struct pg c;
        if (!pg_open(settings, true, &c, e))
                return false;
        struct store *s = calloc(1, sizeof *s);
        if (!s)
                abort();
        *s = (struct store){.c = c, .scratch = arena_new(), .epoch = settings->epoch,
                            .value_bytes_max = settings->value_bytes_max ? settings->value_bytes_max : (size_t)1 << 20,
                            .run_bytes_max = settings->run_bytes_max ? settings->run_bytes_max : (size_t)64 << 20};
        *ret = s;
        return true;
}

static void writer_close(struct store *s)
{
        if (!s)
                return;
        pg_close(&s->c);
        pg_values_forget_all(s);
        pg_params_free(&s->values.fresh);
        arena_free(s->scratch);
        free(s);
}

static bool reader_open(const struct store_settings *settings, struct store_reader **ret, struct error *e)
{
        struct pg c;
        if (!pg_open(settings, false, &c, e))
                return false;
        struct store_reader *r = calloc(1, sizeof *r);
        if (!r)
                abort();
        *r = (struct store_reader){.c = c, .row = arena_new()};
        *ret = r;
        return true;
}

static void reader_close(struct store_reader *r)
{
        if (!r)
                return;
        pg_close(&r->c);
        arena_free(r->row);
        free(r);
}

static bool backup(const struct store_settings *settings, struct str to, struct error *e)
{
        (void)settings;
        return error_set(e, ERROR_UNSUPPORTED, "backing up to %.*s: the database is PostgreSQL's, whose pg_dump copies it while Weft works", STR_FMT(str_sub(to, 0, 500)));
}

const struct store_ops store_postgres = {
        .name = "postgres",
        .open = writer_open,
        .close = writer_close,
        .commit = postgres_commit,
        .cache_get = postgres_cache_get,
        .backup = backup,
        .reader_open = reader_open,
        .reader_close = reader_close,
        .runs = postgres_runs,
        .nodes = postgres_nodes,
        .node = postgres_node,
        .history = postgres_history,
        .events = postgres_events,
        .seq = postgres_seq,
        .name_taken = postgres_name_taken,
        .query_runs = postgres_query_runs,
        .query_records = postgres_query_records,
        .cache_users = postgres_cache_users,
        .record = postgres_record,
        .record_named = postgres_record_named,
        .metrics = postgres_metrics,
        .cache = postgres_cache,
        .changes = postgres_changes,
        .counts = postgres_counts,
        .deleted = postgres_deleted,
};
