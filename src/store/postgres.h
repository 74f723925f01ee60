/* What the files of the PostgreSQL store share. Nobody else includes this, except its tests. */
#pragma once
#include "store/pq.h"
#include "base/arena.h"
#include "base/buf.h"
#include "store/store.h"

struct migration {
        const char *name, *sql;
};
extern const struct migration postgres_schema[]; /* generated from schema/postgres/ */
extern const int postgres_schema_n;

enum {
        PG_INT4 = 23,
        PG_INT8 = 20,
        PG_TEXT = 25,
        PG_BYTEA = 17,
        PG_FLOAT8 = 701,
        PG_PARAMS_MAX = 500,
        PG_PREPARED_MAX = 96,
        PG_BYTES_MAX = 1 << 30, /* of one parameter */
};

/* --- postgres.c: connections, errors, the schema --- */

struct pg {
        PGconn *db;
        char *url;
        char *place;            /* "database weft at /run/postgresql": for people, without a password */
        char started[64];       /* of the server's process for this connection, as it says: with the number, tells it from a later one */
        int backend;
        bool writes;
        const char *prepared[PG_PREPARED_MAX]; /* texts prepared on this connection; compared by address */
        int prepared_n;
};

bool pg_open(const struct store_settings *, bool writes, struct pg *ret, struct error *e);
void pg_close(struct pg *c);
/* A new connection in place of a broken one: tries again, with pauses that grow, for at most about `patience_us`. */
bool pg_reconnect(struct pg *c, int64_t patience_us, struct error *e);
bool pg_broken(const struct pg *c);
/* Fills `e` from a failed result, or from the connection when there is none. Returns false. */
bool pg_error(struct pg *c, const PGresult *r, const char *doing, struct error *e);
/* Runs what has no parameters and whose rows do not matter. */
bool pg_run(struct pg *c, const char *sql, const char *doing, struct error *e);
bool pg_migrate(struct pg *c, const struct migration *steps, int n, struct error *e);

static inline void pg_clearp(PGresult **r) { PQclear(*r); }
#define _cleanup_result_ __attribute__((cleanup(pg_clearp)))

/* --- postgres_wire.c: parameters and results in binary --- */

/* The parameters of one statement. Arrays are filled one element at a time. */
struct pg_param {
        Oid type;      /* of the elements */
        bool array, null;
        uint32_t n;
        struct buf data;
};
struct pg_params {
        struct pg_param *p;
        int n, cap;
};
void pg_params_free(struct pg_params *p);
#define _cleanup_params_ __attribute__((cleanup(pg_params_free)))

void pg_int8(struct pg_params *p, int64_t v);
void pg_float8(struct pg_params *p, double v);
void pg_text(struct pg_params *p, struct str s);  /* what PostgreSQL's text cannot hold is replaced by U+FFFD */
void pg_bytea(struct pg_params *p, struct str s); /* empty: NULL */
int pg_array(struct pg_params *p, Oid type);      /* its index */
void pg_add_int4(struct pg_params *p, int at, int32_t v);
void pg_add_int8(struct pg_params *p, int at, int64_t v);
void pg_add_float8(struct pg_params *p, int at, double v);
void pg_add_text(struct pg_params *p, int at, struct str s);
void pg_add_bytea(struct pg_params *p, int at, struct str s); /* empty: NULL */
void pg_add_bytes(struct pg_params *p, int at, struct str s); /* empty: no bytes */

/* `sql` must be a text that stays: it is prepared once a connection. NULL: e. */
PGresult *pg_query(struct pg *c, const char *sql, struct pg_params *p, const char *doing, struct error *e);
/* The same for a text that is made for the occasion. */
PGresult *pg_query_once(struct pg *c, const char *sql, struct pg_params *p, const char *doing, struct error *e);
/* For the pipeline: prepares (which must be outside of it), then sends without waiting. */
bool pg_prepare(struct pg *c, const char *sql, const struct pg_params *p, const char *doing, struct error *e);
bool pg_send(struct pg *c, const char *sql, struct pg_params *p, const char *doing, struct error *e);

int32_t pg_get_int4(const PGresult *r, int row, int column);
int64_t pg_get_int8(const PGresult *r, int row, int column); /* of int4 or int8; NULL: 0 */
double pg_get_float8(const PGresult *r, int row, int column);
struct str pg_get(const PGresult *r, int row, int column);   /* borrowed from the result; NULL: empty */

/* --- postgres_values.c: values of a run, once each --- */

struct pg_known;
struct pg_values {
        struct pg_known *runs, *current;
        size_t entries_n;
        struct pg_params fresh; /* values to store with the batch: run, no, counted, hash, bytes */
        int64_t runs_last;      /* the highest number given to a run */
        bool known;             /* runs_last is what is stored */
};
struct store {
        struct pg c;
        struct arena *scratch; /* of one batch */
        struct pg_values values;
        size_t value_bytes_max, run_bytes_max;
        uint64_t epoch;        /* of the lease; 0: there are no others */
};
void pg_values_begin(struct store *s);
void pg_values_forget_all(struct store *s);
void pg_values_forget(struct store *s, struct str uid);
/* Looks up the runs that have not been met, at once. */
bool pg_values_meet(struct store *s, const struct str *uids, size_t n, struct error *e);
/* *ret 0: there is no such run. The run becomes the one that values are put to. */
bool pg_values_run(struct store *s, struct str uid, int64_t *ret, struct error *e);
int64_t pg_values_create(struct store *s, struct str uid);
bool pg_values_is_new(const struct store *s);             /* the run of the last pg_values_run() has no row yet */
void pg_values_stored(struct store *s, struct str uid);   /* now it has */
enum pg_limit { PG_FRAME, PG_AGGREGATE, PG_SINGLE }; /* not counted; counted; counted and itself limited */
bool pg_values_put(struct store *s, struct str bytes, enum pg_limit limit, const char *what, struct str name, uint32_t *ret, struct error *e);
bool pg_digest(struct str bytes, uint8_t ret[32]);
bool pg_values_fits(struct store *s, struct str bytes, const char *what, struct str name, struct error *e);

/* --- postgres_rows.c: rows to columns and back --- */

enum { PG_INLINE_MAX = 256, PG_REFERENCE = 0x7f };

/* Made once, and for good. */
struct pg_texts {
        char *run_columns, *run_columns_brief, *node_columns; /* as selected; brief: without document, options, globals and outputs */
        char *run_put, *node_put, *history;
};
const struct pg_texts *pg_texts(void);
void pg_run_arrays(struct pg_params *p);  /* id, then the columns */
void pg_node_arrays(struct pg_params *p); /* run, no, then the columns */
bool pg_add_run(struct store *s, struct pg_params *p, int64_t id, bool fresh, const struct run_row *row, struct error *e);
bool pg_add_node(struct store *s, struct pg_params *p, int64_t run, const struct node_row *row, struct error *e);

/* All rows of a result, with their values, which are fetched a few at a time over the same connection. In `a`. */
bool pg_rows_runs(struct pg *c, const PGresult *r, struct arena *a, struct run_row **ret, struct error *e);
bool pg_rows_nodes(struct pg *c, const PGresult *r, struct arena *a, struct node_row **ret, struct error *e);

/* --- postgres_write.c, postgres_read.c: the operations --- */
struct store_reader {
        struct pg c;
        struct arena *row;
};
bool postgres_commit(struct store *s, const struct commit *c, uint64_t *ret_seq, struct error *e);
bool postgres_cache_get(struct store_reader *, struct str key, struct arena *a, bool *ret_found, struct str *ret_from, struct wall *ret_at,
                        struct bindings *ret_outputs, struct error *e);
bool postgres_runs(struct store_reader *, const struct run_query *, run_visitor *, void *user, struct error *e);
bool postgres_nodes(struct store_reader *, struct str run, uint64_t changed_after, node_visitor *, void *user, struct error *e);
bool postgres_node(struct store_reader *, struct str run, uint32_t no, struct arena *a, bool *ret_found, struct node_row *ret, struct error *e);
bool postgres_history(struct store_reader *, struct str run, node_visitor *, void *user, struct error *e);
bool postgres_events(struct store_reader *, struct str run, event_visitor *, void *user, struct error *e);
bool postgres_seq(struct store_reader *, uint64_t *ret, struct error *e);
bool postgres_name_taken(struct store_reader *, struct str ns, struct str name, bool *ret, struct error *e);
bool postgres_deleted(struct store_reader *, uint64_t after, tombstone_visitor *, void *user, bool *ret_too_old, struct error *e);
bool postgres_record(struct store_reader *, enum record_kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e);
bool postgres_record_named(struct store_reader *, enum record_kind, struct str ns, struct str parent, struct str name, struct arena *a, bool *ret_found,
                           struct record *ret, struct error *e);
bool postgres_metrics(struct store_reader *, struct str run, metric_visitor *, void *user, struct error *e);
bool postgres_cache(struct store_reader *, struct str after, uint32_t limit, cache_visitor *, void *user, struct error *e);
bool postgres_changes(struct store_reader *, uint64_t after, uint32_t limit, change_visitor *, void *user, bool *ret_too_old, struct error *e);
bool postgres_counts(struct store_reader *, struct store_counts *ret, struct error *e);

bool postgres_cache_users(struct store_reader *, struct str run, uid_visitor *, void *user, struct error *e);
bool postgres_query_runs(struct store_reader *, const struct query *, run_visitor *, void *user, struct arena *a, struct query_page *ret, struct error *e);
bool postgres_query_records(struct store_reader *, const struct query *, record_visitor *, void *user, struct arena *a, struct query_page *ret, struct error *e);
/* A snapshot for an operation of several statements, over a connection that is made anew when it has broken. */
bool pg_begin_read(struct store_reader *r, struct error *e);
bool pg_end_read(struct store_reader *r, bool good); /* returns `good` */

/* Column list of a record as selected, and one row of it. */
extern const char *const pg_record_columns;
struct record pg_get_record(const PGresult *r, int row, struct arena *a);
