/* The contract of stores. A store keeps rows and parameter values; one writer, many readers. */
#pragma once
#include "base/error.h"
#include "model/rows.h"

struct store;        /* the writer: one thread at a time */
struct store_reader; /* a read connection: one thread at a time, never waits for the writer */

/* One batch: all of it becomes durable, or nothing. Everything is borrowed until store_commit returns. */
struct commit_node { struct str run; const struct node_row *row; };
struct commit_history { struct str run; uint32_t node, epoch; }; /* move the stored row to the history */
struct commit_cache { struct str key, run; uint32_t node; struct wall at; struct bindings outputs; };
struct commit_event { struct str run; uint32_t node; struct wall at; struct str kind, text; }; /* for people: retried, lost, … */
struct commit {
        const struct run_row **runs; size_t runs_n;
        const struct commit_history *history; size_t history_n; /* carried out before `nodes` */
        const struct commit_node *nodes; size_t nodes_n;
        const struct commit_cache *cache; size_t cache_n;
        const struct commit_event *events; size_t events_n;
        const struct str *deleted_runs; size_t deleted_runs_n; /* uids: rows, nodes, history, events; a tombstone stays an hour */
        struct wall now;
};

struct store_settings {
        struct str path;           /* SQLite: the database file */
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
typedef bool run_visitor(void *user, const struct run_row *);   /* false: enough */
typedef bool node_visitor(void *user, const struct node_row *); /* false: enough */
typedef bool event_visitor(void *user, const struct commit_event *);
typedef bool tombstone_visitor(void *user, struct str run, uint64_t seq);

struct store_ops {
        const char *name;
        bool (*open)(const struct store_settings *, struct store **ret, struct error *e);
        void (*close)(struct store *);
        /* Atomic and durable on return; gives the gapless number of the commit. */
        bool (*commit)(struct store *, const struct commit *, uint64_t *ret_seq, struct error *e);
        bool (*cache_get)(struct store_reader *, struct str key, struct arena *a, bool *ret_found, struct str *ret_from /* "uid/node" */,
                          struct wall *ret_at, struct bindings *ret_outputs, struct error *e);

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
        /* Runs deleted by commits after `after`, in order. *ret_too_old: some of their tombstones are gone; start over with what exists. */
        bool (*deleted)(struct store_reader *, uint64_t after, tombstone_visitor *, void *user, bool *ret_too_old, struct error *e);
};
extern const struct store_ops store_sqlite;
/* store/faulty.h wraps another store and fails the operation it is told to: for tests. */
