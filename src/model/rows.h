/* What is stored of a run: one row for the run, one for each node. The engine makes rows, the store keeps them, the
 * projections (native, Argo, KFP) read them. All texts are borrowed; whoever fills a row says what they live in. */
#pragma once
#include "base/time.h"
#include "model/bindings.h"
#include "model/states.h"

/* What people and the server say about a run, apart from its execution: changed without loading the run (commit_meta), never written by
 * the engine. */
struct run_meta {
        struct str owner;         /* who started it */
        struct str experiment, pipeline, version, recurring; /* ids of records; empty: none */
        struct str description, service_account;
        struct str labels;        /* JSON map of strings; empty: none */
        struct wall scheduled_at; /* the firing that it stands for; 0: none */
        int32_t priority;         /* higher goes first */
        bool archived;
};

struct run_row {
        struct str uid;           /* UUID, lower case */
        struct str name;          /* DNS-safe, unique in its namespace */
        struct str ns;
        struct str display_name;
        struct str language;      /* "argo" | "kfp" */
        struct str document;      /* the submitted text, verbatim */
        struct str options;       /* JSON map of what the submission added: {"entrypoint":…,"parameters":…}; compiled with the document */
        enum run_state state;
        struct str reason;        /* why it waits */
        struct str message;
        struct wall created_at, started_at, finished_at;
        uint32_t epoch;           /* 0 at first; +1 a retry */
        uint32_t nodes_next;      /* the next node number to give */
        enum run_state stopping;  /* RUN_STOPPED or RUN_TERMINATED while it is being stopped by request; else RUN_QUEUED */
        bool suspended;
        bool deadline_passed;
        struct bindings parameters; /* the run's own */
        struct bindings globals;    /* exported outputs */
        struct bindings outputs;    /* of the root node, when final */
        struct str parent_run; uint32_t parent_node; uint32_t depth; /* child runs */
        uint32_t nodes_total, nodes_done; /* leaves that exist, and that are final */
        struct run_meta meta;     /* stored when the row is new; later by commit_meta alone */
        uint64_t seq;             /* of the commit that wrote it; set by the store */
};

/* Identity of a node: (run, no, epoch). `no` counts from 1 in the order of creation and never changes; where a node stands is
 * (parent, role, task, index). A retry moves the old row to the history and goes on with the next epoch under the same number. */
struct node_row {
        uint32_t no, epoch, parent;  /* parent 0: the root call */
        enum node_kind kind;
        enum node_role role;
        uint32_t task;               /* index in the parent's graph template */
        uint32_t index;              /* item, attempt or hook */
        uint32_t template;           /* index in the workflow; UINT32_MAX: not resolved */
        struct str name;             /* the task's or hook's name */
        struct str item;             /* JSON text of the item; empty: none */
        enum node_state state;
        struct str reason, message;
        bool has_exit_code; int exit_code;
        uint32_t attempt;            /* how often this leaf was dispatched; lost attempts count here */
        bool dispatched;             /* its start was ordered in a commit, and its end has not come */
        bool reported;               /* the executor said that it runs */
        bool stop_ordered;
        bool on_stop;                /* runs also while the run is being stopped (exit handlers and what they call) */
        struct wall created_at, started_at, finished_at;
        struct wall wake_at;         /* a timer: back-off, suspend's end, timeout; 0: none */
        struct wall deadline_at;     /* 0: none */
        uint32_t hooks_fired;        /* bits of the owner's hooks that have been called */
        uint32_t children_total, children_done; /* fan-outs: items; graphs: tasks */
        struct bindings inputs, outputs;
        struct str items;            /* fan-out: JSON list, as expanded */
        struct str retry;            /* policy and limits of the call, as the engine encodes them; empty: none */
        struct str cache_key;
        struct str cached_from;      /* "run/node" whose outputs these are */
        struct str child_run;        /* uid */
        int64_t cpu_us, rss_max_bytes;
        uint64_t seq;
};

/* Deep copies: every text is the arena's. */
struct run_meta run_meta_copy(const struct run_meta *from, struct arena *a);
struct run_row run_row_copy(const struct run_row *from, struct arena *a);
struct node_row node_row_copy(const struct node_row *from, struct arena *a);
