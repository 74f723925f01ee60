/* The states of a run and of a node (the table in the design). Stored by number: never renumber, only add. */
#pragma once
#include <stdbool.h>
#include "base/str.h"

enum run_state {
        RUN_QUEUED = 0,
        RUN_RUNNING = 1,
        RUN_SUSPENDED = 2,
        RUN_STOPPING = 3,
        RUN_SUCCEEDED = 4,
        RUN_FAILED = 5,
        RUN_ERROR = 6,
        RUN_STOPPED = 7,    /* exit handlers ran */
        RUN_TERMINATED = 8, /* they did not */
        RUN_STATES
};

enum node_state {
        NODE_PENDING = 0, /* exists, nothing started */
        NODE_WAITING = 1, /* held back; the row's reason says by what */
        NODE_RUNNING = 2,
        NODE_SUSPENDED = 3,
        NODE_SUCCEEDED = 4,
        NODE_CACHED = 5,
        NODE_FAILED = 6,
        NODE_ERROR = 7,
        NODE_STOPPED = 8,
        NODE_SKIPPED = 9,  /* its condition said no, or its fan-out had no items */
        NODE_OMITTED = 10, /* what it depends on did not come about */
        NODE_LOST = 11,    /* an attempt only: the machine under it went away */
        NODE_STATES
};

const char *run_state_name(enum run_state s);   /* "Running" */
const char *node_state_name(enum node_state s); /* "Running" */
bool run_state_final(enum run_state s);
bool node_state_final(enum node_state s);
/* Succeeded or Cached. */
bool node_state_good(enum node_state s);
/* Failed, Error or Stopped. */
bool node_state_bad(enum node_state s);

enum node_kind {
        NODE_KIND_TASK = 0,    /* a leaf: one command */
        NODE_KIND_GRAPH = 1,   /* a called graph template */
        NODE_KIND_GROUP = 2,   /* a transparent graph: a group of steps */
        NODE_KIND_FANOUT = 3,  /* holds one child an item */
        NODE_KIND_RETRY = 4,   /* holds one child an attempt */
        NODE_KIND_SUSPEND = 5,
        NODE_KIND_CHILD = 6,   /* another run */
        NODE_KIND_CALL = 7,    /* a call that never became anything: skipped, omitted, or its resolution failed */
        NODE_KINDS
};
const char *node_kind_name(enum node_kind k); /* "task", "graph", "group", "fan-out", "retry", "suspend", "child", "call" */

/* What a node is to its parent. */
enum node_role {
        NODE_ROLE_TASK = 0,    /* `task` of the parent's graph (the run's root call has no parent) */
        NODE_ROLE_ITEM = 1,    /* item `index` of the parent fan-out */
        NODE_ROLE_ATTEMPT = 2, /* attempt `index` of the parent retry */
        NODE_ROLE_HOOK = 3,    /* hook `index` of the parent's task */
};
