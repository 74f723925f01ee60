/* What the files of the SQLite store share. Nobody else includes this, except its tests. */
#pragma once
#include <sqlite3.h>
#include "base/arena.h"
#include "store/store.h"

/* --- sqlite.c: connections, errors, statements, the schema --- */

/* "Weft", in the header of the file: tells our databases from others. */
enum { SQLITE_APPLICATION = 0x57656674 };

struct migration {
        const char *name, *sql;
};
extern const struct migration sqlite_schema[]; /* generated from schema/; the version of a database is how many were applied */
extern const int sqlite_schema_n;

enum statement {
        S_BEGIN,
        S_COMMIT,
        S_ROLLBACK,
        S_STATE_GET,
        S_STATE_SET,
        S_RUN_ID,
        S_RUN_NEXT,
        S_RUN_INSERT,
        S_RUN_UPDATE,
        S_RUN_UPDATE_SAME_STATE,
        S_RUN_META,
        S_METRIC_PUT,
        S_RECORD_PUT,
        S_RECORD_DROP,
        S_CACHE_DROP,
        S_NODE_PUT,
        S_HISTORY_COPY,
        S_HISTORY_CUT,
        S_VALUE_LIST,
        S_VALUE_PUT,
        S_VALUE_GET,
        S_EVENT_PUT,
        S_CACHE_PUT,
        S_CACHE_GET,
        S_RUN_DROP_CACHE,
        S_RUN_DROP_NODES,
        S_RUN_DROP_HISTORY,
        S_RUN_DROP_EVENTS,
        S_RUN_DROP_VALUES,
        S_RUN_DROP_METRICS,
        S_RUN_DROP,
        S_TOMBSTONE_PUT,
        S_TOMBSTONE_OLDEST,
        S_TOMBSTONE_LAST,
        S_TOMBSTONE_PRUNE,
        S_TOMBSTONE_GONE,
        S_TOMBSTONES,
        S_NODES,
        S_NODES_CHANGED,
        S_NODE,
        S_HISTORY,
        S_EVENTS,
        S_NAME,
        S_RECORD,
        S_RECORD_NAMED,
        S_METRICS,
        S_CACHE,
        S_CACHE_USERS,
        S_CHANGES,
        S_COUNT_RUNS,
        S_COUNT_RECORDS,
        STATEMENTS
};

/* One connection with its statements, prepared when first used. */
struct connection {
        sqlite3 *db;
        char *path;
        bool writes;
        int64_t log_bytes, log_end; /* of the write-ahead log: used, and as far as it is filled up */
        sqlite3_stmt *statements[STATEMENTS];
};

/* Ready to be bound; NULL with `e` on failure. */
sqlite3_stmt *connection_statement(struct connection *c, enum statement which, struct error *e);
/* Fills `e` from the connection's last failure: what was being done, to which file, and what to do. Returns false. */
bool connection_error(struct connection *c, int code, const char *doing, struct error *e);
/* Steps a statement that yields no row, and resets it. */
bool connection_run(struct connection *c, sqlite3_stmt *s, const char *doing, struct error *e);
/* Brings the schema forward to version `n`; refuses a newer one. Each step with its version is one transaction. */
bool sqlite_migrate(struct connection *c, const struct migration *steps, int n, struct error *e);

/* --- sqlite_values.c: values of a run, once each --- */

/* A run that the writer has met. */
struct known_run;
struct sqlite_values; /* of all runs */

struct store {
        struct connection c;
        struct arena *scratch; /* of one row */
        struct sqlite_values *values;
        size_t value_bytes_max, run_bytes_max;
        bool state_known; /* the two below are what the file says */
        uint64_t seq, tombstones_gone;
        int64_t tombstone_oldest_us; /* INT64_MAX: there is none */
};

struct sqlite_values *values_new(void);
void values_free(struct sqlite_values *);
/* After a rollback: whatever was learnt may not be true. */
void values_forget_all(struct sqlite_values *);
void values_forget(struct sqlite_values *, struct str uid);
/* The run's row id, looked up once; *ret 0: there is no such run. */
bool values_run(struct store *s, struct str uid, int64_t *ret, struct error *e);
void values_run_created(struct store *s, struct str uid, int64_t id);
/* The state that the current run was last written with; -1: not known. */
int values_state(const struct store *s);
void values_set_state(struct store *s, int state);

enum value_limit {
        VALUE_FRAME,     /* not counted: a text around values, or one that has limits elsewhere */
        VALUE_AGGREGATE, /* counted towards the run */
        VALUE_SINGLE,    /* and limited itself */
};
/* Numbers the value within its run: the same content has the same number. `what` and `name` are for errors. The last run that
 * values_run() answered is meant. */
bool values_put(struct store *s, struct str bytes, enum value_limit limit, const char *what, struct str name, uint32_t *ret,
                struct error *e);
bool values_fits(struct store *s, struct str bytes, const char *what, struct str name, struct error *e);
/* Reads one and checks its hash. */
bool values_get(struct connection *c, int64_t run_id, uint32_t no, struct arena *a, struct str *ret, struct error *e);

/* --- sqlite_rows.c: rows to columns and back --- */

enum { INLINE_BYTES_MAX = 256 }; /* longer texts are values */

/* Column lists, from the tables of fields. `ret` is in the arena. */
struct str rows_run_insert_sql(struct arena *a);
enum run_columns { RUN_COLUMNS_CHANGING, RUN_COLUMNS_SAME_STATE, RUN_COLUMNS_META };
struct str rows_run_update_sql(struct arena *a, enum run_columns which);
struct str rows_node_put_sql(struct arena *a);
struct str rows_node_select_sql(struct arena *a, const char *table, const char *rest);
struct str rows_run_select_sql(struct arena *a, const char *rest);
struct str rows_history_copy_sql(struct arena *a);
/* What rows_read_run() reads, qualified; without the large columns unless `whole`. */
struct str rows_run_columns(struct arena *a, bool whole);
int rows_run_columns_n(void);

/* Bind all but `id` and `seq`, which are the caller's: parameter 1 is id, 2 is seq. */
bool rows_bind_run(struct store *s, sqlite3_stmt *q, const struct run_row *row, bool insert, struct error *e);
bool rows_bind_meta(struct store *s, sqlite3_stmt *q, const struct run_meta *meta, struct error *e);
bool rows_bind_node(struct store *s, sqlite3_stmt *q, const struct node_row *row, struct error *e);
/* Columns of the two selects above, values fetched. */
bool rows_read_run(struct connection *c, sqlite3_stmt *q, struct arena *a, struct run_row *ret, struct error *e);
bool rows_read_node(struct connection *c, sqlite3_stmt *q, struct arena *a, struct node_row *ret, struct error *e);

void rows_bind_text(sqlite3_stmt *q, int at, struct str s);     /* empty: NULL */
void rows_bind_text_any(sqlite3_stmt *q, int at, struct str s); /* empty: '' */
void rows_bind_key(sqlite3_stmt *q, int at, struct str key);
struct str rows_read_key(sqlite3_stmt *q, int at, struct arena *a);
struct str rows_column(sqlite3_stmt *q, int at); /* borrowed until the next step */

static inline int64_t row_id(int64_t run_id, uint32_t no) { return (int64_t)(((uint64_t)run_id << 32) | no); }

/* --- sqlite_write.c, sqlite_read.c: the operations --- */
bool sqlite_commit(struct store *s, const struct commit *c, uint64_t *ret_seq, struct error *e);
/* sqlite_catalog.c: what people say about runs, records, metrics; within a commit. */
bool sqlite_find_run(struct store *s, struct str uid, const char *what, int64_t *ret, struct error *e);
bool sqlite_bury(struct store *s, enum record_kind kind, struct str id, uint64_t seq, struct wall now, struct error *e);
bool sqlite_write_catalog(struct store *s, const struct commit *c, uint64_t seq, struct error *e);

#define RECORD_COLUMNS \
        "record.kind, record.id, record.ns, record.parent, record.name, record.display_name, record.description, record.owner, record.tags, record.state, " \
        "record.created_at, record.updated_at, record.revision, record.seq, record.body"
enum { RECORD_COLUMNS_N = 15 };

enum { LISTS_KEPT = 24 };
struct store_reader {
        struct connection c;
        struct arena *row;
        /* Statements of lists, by their text: preparing one costs more than carrying it out. */
        struct kept_list {
                char *sql;
                sqlite3_stmt *s;
                uint64_t used;
        } lists[LISTS_KEPT];
        uint64_t lists_used;
};
void sqlite_lists_free(struct store_reader *r);
bool sqlite_connect(const struct store_settings *settings, bool writes, struct connection *ret, struct error *e);
void sqlite_disconnect(struct connection *c);
bool sqlite_cache_get(struct store_reader *, struct str key, struct arena *a, bool *ret_found, struct str *ret_from, struct wall *ret_at,
                      struct bindings *ret_outputs, struct error *e);
bool sqlite_runs(struct store_reader *, const struct run_query *, run_visitor *, void *user, struct error *e);
bool sqlite_nodes(struct store_reader *, struct str run, uint64_t changed_after, node_visitor *, void *user, struct error *e);
bool sqlite_node(struct store_reader *, struct str run, uint32_t no, struct arena *a, bool *ret_found, struct node_row *ret,
                 struct error *e);
bool sqlite_history(struct store_reader *, struct str run, node_visitor *, void *user, struct error *e);
bool sqlite_events(struct store_reader *, struct str run, event_visitor *, void *user, struct error *e);
bool sqlite_seq(struct store_reader *, uint64_t *ret, struct error *e);
bool sqlite_name_taken(struct store_reader *, struct str ns, struct str name, bool *ret, struct error *e);
bool sqlite_deleted(struct store_reader *, uint64_t after, tombstone_visitor *, void *user, bool *ret_too_old, struct error *e);
bool sqlite_query_runs(struct store_reader *, const struct query *, run_visitor *, void *user, struct arena *a, struct query_page *ret, struct error *e);
bool sqlite_query_records(struct store_reader *, const struct query *, record_visitor *, void *user, struct arena *a, struct query_page *ret, struct error *e);
bool sqlite_record(struct store_reader *, enum record_kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e);
bool sqlite_record_named(struct store_reader *, enum record_kind, struct str ns, struct str parent, struct str name, struct arena *a, bool *ret_found, struct record *ret,
                         struct error *e);
bool sqlite_metrics(struct store_reader *, struct str run, metric_visitor *, void *user, struct error *e);
bool sqlite_cache(struct store_reader *, struct str after, uint32_t limit, cache_visitor *, void *user, struct error *e);
bool sqlite_cache_users(struct store_reader *, struct str run, uid_visitor *, void *user, struct error *e);
bool sqlite_changes(struct store_reader *, uint64_t after, uint32_t limit, change_visitor *, void *user, bool *ret_too_old, struct error *e);
bool sqlite_counts(struct store_reader *, struct store_counts *ret, struct error *e);
