/* The contract of stores. A store keeps rows and parameter values; one writer, many readers. */
#pragma once
#include "base/error.h"
#include "model/records.h"

struct store;        /* the writer: one thread at a time */
struct store_reader; /* a read connection: one thread at a time, never waits for the writer */

/* One batch: all of it becomes durable, or nothing. Everything is borrowed until store_commit returns. */
struct commit_node { struct str run; const struct node_row *row; };
struct commit_history { struct str run; uint32_t node, epoch; }; /* move the stored row to the history */
struct commit_cache { struct str key, run; uint32_t node; struct wall at; struct bindings outputs; };
struct commit_event { struct str run; uint32_t node; struct wall at; struct str kind, text; }; /* for people: retried, lost, … */
struct commit_meta { struct str run; const struct run_meta *meta; }; /* the run's row gets the commit's number */
struct commit_metric { struct str run; uint32_t node; struct str name; double value; }; /* the newest of a name in a run wins */
struct record_id { enum record_kind kind; struct str id; };
struct commit {
        const struct run_row **runs; size_t runs_n;
        const struct commit_history *history; size_t history_n; /* carried out before `nodes` */
        const struct commit_node *nodes; size_t nodes_n;
        const struct commit_cache *cache; size_t cache_n;
        const struct commit_event *events; size_t events_n;
        const struct str *deleted_runs; size_t deleted_runs_n; /* uids: rows, nodes, history, events; a tombstone stays an hour */
        const struct commit_meta *metas; size_t metas_n; /* after `runs` */
        const struct commit_metric *metrics; size_t metrics_n;
        const struct record **records; size_t records_n; /* put: new, or in place of the one with this kind and id */
        const struct record_id *deleted_records; size_t deleted_records_n; /* before `records`; a tombstone stays an hour */
        const struct str *deleted_cache; size_t deleted_cache_n;           /* keys */
        struct wall now;
};

struct store_settings {
        struct str path;           /* SQLite: the database file */
        struct str url;            /* PostgreSQL: a connection string; empty: the store is SQLite */
        uint64_t epoch;            /* PostgreSQL with several servers: of the writer's lease, checked by every commit; 0: there are no others */
        size_t value_bytes_max;    /* 0: 1 MiB */
        size_t run_bytes_max;      /* 0: 64 MiB of values a run */
        bool create;
        bool unsafe_no_sync;       /* tests */
};

struct run_query {
        struct str ns;             /* empty: all */
        struct str name_or_uid;    /* exact name, uid, or unique prefix of uid (at least 4 characters) ; empty: all */
        uint32_t states;           /* bits 1 << run_state; 0: all */
        bool unfinished;
        uint32_t limit;            /* 0: none; newest first */
};
/* ---- lists: filtered, sorted, in pages ---- */

enum query_op { QUERY_EQ, QUERY_NE, QUERY_GT, QUERY_GE, QUERY_LT, QUERY_LE, QUERY_IN, QUERY_CONTAINS /* text, ignoring case of ASCII */ };
enum query_type { QUERY_TEXT, QUERY_NUMBER, QUERY_TIME };
struct query_value { enum query_type type; struct str text; double number; struct wall time; };
/* All predicates must hold. Runs are in the order of creation when they are sorted by created_at, and a list sorted by metric:<name> holds
 * only those that have it. `label:a` NE b holds for a run without that label, too. Keys of runs: uid name display_name ns state (number) owner experiment pipeline version recurring archived (number) language priority
 * created_at started_at finished_at scheduled_at description parent_run metric:<name> label:<name>. Keys of records: id name display_name
 * ns parent owner state created_at updated_at description tag:<name>. Another key is ERROR_INVALID with the keys that there are. */
struct query_predicate { struct str key; enum query_op op; const struct query_value *values; size_t values_n; };
struct query {
        enum record_kind kind;                  /* RECORD_RUN: runs */
        const struct str *ns; size_t ns_n;      /* only these namespaces; ns_n 0: all */
        const struct query_predicate *predicates; size_t predicates_n;
        struct str sort_key; bool descending;   /* empty: created_at; ties are broken by id, so that pages never repeat or leave out */
        struct str after;                       /* query_page.next of the page before; it belongs to the same sort key and direction */
        uint32_t limit;                         /* at least 1 */
        bool total;                             /* query_page.total is wanted */
        bool whole;                             /* runs: also document, options, globals and outputs; else these stay empty */
};
struct query_page {
        struct str next;                        /* empty: that was all; printable, at most 1 KiB */
        uint64_t total;                         /* over all pages; from counters kept by commits where they suffice */
        bool total_at_least;                    /* it stopped counting there */
};
typedef bool record_visitor(void *user, const struct record *);
typedef bool metric_visitor(void *user, const struct commit_metric *);
typedef bool cache_visitor(void *user, const struct commit_cache *);
struct change { enum record_kind kind; struct str id; uint64_t seq; bool deleted; };
typedef bool change_visitor(void *user, const struct change *);
struct store_counts { uint64_t runs[RUN_STATES], records[RECORD_KINDS], cache; };

typedef bool run_visitor(void *user, const struct run_row *);   /* false: enough */
typedef bool node_visitor(void *user, const struct node_row *); /* false: enough */
typedef bool event_visitor(void *user, const struct commit_event *);
typedef bool uid_visitor(void *user, struct str run);
typedef bool tombstone_visitor(void *user, struct str run, uint64_t seq);

struct store_ops {
        const char *name;
        bool (*open)(const struct store_settings *, struct store **ret, struct error *e);
        void (*close)(struct store *);
        /* Atomic and durable on return; gives the gapless number of the commit. */
        bool (*commit)(struct store *, const struct commit *, uint64_t *ret_seq, struct error *e);
        bool (*cache_get)(struct store_reader *, struct str key, struct arena *a, bool *ret_found, struct str *ret_from /* "uid/node" */,
                          struct wall *ret_at, struct bindings *ret_outputs, struct error *e);

        /* A copy of one commit, and all before it, while the writer goes on. The file `to` must not be there; it is the owner's alone, and on disk on
         * return. ERROR_UNSUPPORTED, with what to do instead, where the database has tools of its own. */
        bool (*backup)(const struct store_settings *, struct str to, struct error *e);
        bool (*reader_open)(const struct store_settings *, struct store_reader **ret, struct error *e);
        void (*reader_close)(struct store_reader *);
        /* Rows live in an arena of the reader's until the visitor returns. */
        bool (*runs)(struct store_reader *, const struct run_query *, run_visitor *, void *user, struct error *e);
        /* In order of number. changed_after 0: all; else rows with seq above it. */
        bool (*nodes)(struct store_reader *, struct str run, uint64_t changed_after, node_visitor *, void *user, struct error *e);
        bool (*node)(struct store_reader *, struct str run, uint32_t no, struct arena *a, bool *ret_found, struct node_row *ret, struct error *e);
        bool (*history)(struct store_reader *, struct str run, node_visitor *, void *user, struct error *e);
        bool (*events)(struct store_reader *, struct str run, event_visitor *, void *user, struct error *e);
        bool (*seq)(struct store_reader *, uint64_t *ret, struct error *e); /* of the last commit */
        bool (*name_taken)(struct store_reader *, struct str ns, struct str name, bool *ret, struct error *e);
        /* Rows live until the visitor returns; what `ret` holds lives in `a`. */
        bool (*query_runs)(struct store_reader *, const struct query *, run_visitor *, void *user, struct arena *a, struct query_page *ret, struct error *e);
        bool (*query_records)(struct store_reader *, const struct query *, record_visitor *, void *user, struct arena *a, struct query_page *ret, struct error *e);
        bool (*record)(struct store_reader *, enum record_kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e);
        bool (*record_named)(struct store_reader *, enum record_kind, struct str ns, struct str parent, struct str name, struct arena *a, bool *ret_found,
                             struct record *ret, struct error *e);
        bool (*metrics)(struct store_reader *, struct str run, metric_visitor *, void *user, struct error *e);
        /* Entries in order of key, after `after`. */
        bool (*cache)(struct store_reader *, struct str after, uint32_t limit, cache_visitor *, void *user, struct error *e);
        /* Runs with a node that took its outputs from this run by the cache: while there is one, its artifacts are needed. Children of a run are
         * a list, by parent_run. */
        bool (*cache_users)(struct store_reader *, struct str run, uid_visitor *, void *user, struct error *e);
        /* What was written or deleted by commits after `after`, runs and records, in order of seq, each thing once with its newest seq; at most about `limit`. */
        bool (*changes)(struct store_reader *, uint64_t after, uint32_t limit, change_visitor *, void *user, bool *ret_too_old, struct error *e);
        bool (*counts)(struct store_reader *, struct store_counts *ret, struct error *e); /* over everything; no scan */
        /* Runs deleted by commits after `after`, in order. *ret_too_old: some of their tombstones are gone; start over with what exists. */
        bool (*deleted)(struct store_reader *, uint64_t after, tombstone_visitor *, void *user, bool *ret_too_old, struct error *e);
};
extern const struct store_ops store_sqlite, store_postgres;
/* store/faulty.h wraps another store and fails the operation it is told to: for tests. */
