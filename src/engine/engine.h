/* The engine: a pure state machine, (run, event, now) → delta + actions. No clock, no I/O, no threads, no randomness, no order that
 * depends on addresses. The cost of an event does not grow with the number of nodes in the run.
 *
 * The caller (runtime, simulator) keeps this order: step; commit the delta; only then act. What an action asks for is idempotent on
 * (run, node, epoch, attempt), so after a crash between commit and action engine_pending() gives the same actions again.
 *
 * A struct run belongs to one thread. */
#pragma once
#include "base/error.h"
#include "model/language.h"
#include "model/rows.h"

struct run;

struct engine_settings { /* limits, each a setting */
        uint32_t nodes_max;       /* of a run; 0: 1,000,000 */
        uint32_t depth_max;       /* nesting of graphs; 0: 100 (Argo's recursion limit) */
        uint32_t items_max;       /* of one fan-out; 0: 200,000 */
        uint32_t window;          /* leaves of a run that are dispatched and not ended, at once; 0: 4,096. More are created as these end */
        size_t run_bytes_max;     /* of distinct long values; 0: 64 MiB */
        size_t value_bytes_max;   /* of one; 0: 1 MiB */
        uint32_t step_nodes_max;  /* nodes created in one step before it asks to be continued; 0: 1,000 */
};

enum event_kind {
        EVENT_BEGIN,         /* a new run begins: creates the root node */
        EVENT_STARTED,       /* executor: the attempt runs */
        EVENT_ENDED,         /* executor: the attempt ended, with `outcome` (TASK_LOST included) */
        EVENT_CACHE_ANSWER,  /* `hit`, `outputs`, `text` = "run/node" it came from */
        EVENT_CHILD_CREATED, /* `text` = the child's uid */
        EVENT_CHILD_ENDED,   /* `child_state`, `outputs`, `text` = message */
        EVENT_TICK,          /* time passed: engine_wake_at() ≤ now */
        EVENT_CONTINUE,      /* engine_wants_continue() */
        EVENT_STOP,          /* stop: kill what runs, run exit handlers, end Stopped */
        EVENT_TERMINATE,     /* kill, no exit handlers, end Terminated */
        EVENT_SUSPEND,       /* start nothing new */
        EVENT_RESUME,        /* undo SUSPEND; and let every suspended node without required values go on */
        EVENT_APPROVE,       /* `node` (0: the only suspended one), `outputs` = values supplied; `reject` true: it fails */
        EVENT_REASON,        /* `text` = why its steps wait, empty: none does; of a run that goes on */
        EVENT_RETRY,         /* of a final run: a new epoch; rule 4 */
};

struct event {
        enum event_kind kind;
        uint32_t node, epoch, attempt;        /* STARTED, ENDED, CACHE_ANSWER, CHILD_*: must match or the event is stale and ignored */
        const struct task_outcome *outcome;
        bool hit, reject;
        const struct bindings *outputs;
        enum run_state child_state;
        struct str text;
        struct wall at;                       /* STARTED, ENDED: when it happened; 0: now */
};

enum action_kind { ACTION_START, ACTION_STOP, ACTION_CACHE_LOOKUP, ACTION_CHILD_CREATE, ACTION_CHILD_STOP };
struct action {
        enum action_kind kind;
        uint32_t node, epoch, attempt;
        const struct task_spec *spec;  /* START; in the delta's arena */
        struct str text;               /* CACHE_LOOKUP: key; CHILD_CREATE: document; CHILD_STOP: uid */
        bool terminate;                /* CHILD_STOP */
};

struct delta_cache { struct str key; uint32_t node; struct bindings outputs; };
struct delta_event { uint32_t node; struct str kind, text; };

/* What a step changed. Rows are views into engine memory and the delta's arena: encode or copy them before the next step of
 * this run. A row that changed twice in one delta appears once. */
struct delta {
        struct arena *arena;
        const struct node_row *nodes; size_t nodes_n;
        const uint32_t *history; size_t history_n;   /* node numbers whose stored row moves to the history, before `nodes` are written */
        const struct delta_cache *cache; size_t cache_n;   /* written in the commit of the succeeded attempt */
        const struct delta_event *events; size_t events_n; /* for people */
        const struct action *actions; size_t actions_n;
        const struct run_row *run;     /* NULL: unchanged */
        bool soft;                     /* nothing in it is worth a sync of its own: it may wait for the next delta */
};

/* A new run: `row` as made by the submission (state Queued, no nodes). Copies what it needs; borrows `workflow` for its life.
 * `run` views (uid, name, artifact_root …) are copied. */
struct run *engine_new(const struct workflow *, const struct run_row *row, struct str artifact_root, const struct engine_settings *);

/* Coldplug: exactly what was stored. `next` yields the run's rows in order of number and false at the end. */
bool engine_load(const struct workflow *, const struct run_row *row, struct str artifact_root, const struct engine_settings *,
                 bool (*next)(void *user, struct node_row *ret), void *user, struct run **ret, struct error *e);
void engine_free(struct run *);

/* One event. Never fails for what the world does: a stale or senseless event changes nothing. A command that the run's state does not
 * allow (approve with nothing suspended, retry of a run that is not final) is refused with false and `e`, and changes nothing.
 * `delta->arena` is the caller's; it is reset by the caller after the delta is used. */
bool engine_step(struct run *, const struct event *, struct wall now, struct delta *delta, struct error *e);

/* Actions that were ordered by earlier commits and whose answer has not come: START (with the spec resolved again), CACHE_LOOKUP,
 * CHILD_CREATE, CHILD_STOP, STOP. For catching up after engine_load. A leaf that cannot be resolved again (another release reads its
 * document otherwise) gives none; it ends with the next EVENT_TICK, for which engine_wake_at() asks at once. */
void engine_pending(struct run *, struct wall now, struct arena *a, const struct action **ret, size_t *ret_n);

/* The spec of an attempt that was ordered and has not ended, resolved again. NULL: it is not under way any more, or cannot be resolved: then it ends with
 * the next EVENT_TICK. */
const struct task_spec *engine_spec(struct run *, uint32_t node, uint32_t epoch, uint32_t attempt, struct wall now, struct arena *a);

struct wall engine_wake_at(const struct run *);   /* 0: no timer */
bool engine_wants_continue(const struct run *);
enum run_state engine_state(const struct run *);
struct str engine_uid(const struct run *);
/* Dispatched and not ended. */
uint32_t engine_live(const struct run *);
size_t engine_memory_bytes(const struct run *); /* O(nodes in memory) */
/* For tests: aborts when an internal invariant does not hold. O(nodes in memory). */
void engine_check(const struct run *);
