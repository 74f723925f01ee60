/* The engine's memory of one run, and how its parts call each other.
 *
 * Nodes form a tree. A node is in memory while somebody may still ask for it: it is live, or its enclosing graph is. When a
 * node is final and settled, what is below it leaves memory (the tasks of a transparent group stay, because their names are
 * visible in the graph around it); an item of a fan-out shrinks to a struct item. What waits is kept in heaps ordered by
 * node number, so that everything in memory is a function of the stored rows: loading gives what there was.
 *
 * Invariants (engine_check):
 *  E1  a node that is final never changes within its epoch;
 *  E2  live equals the number of leaves in memory that are dispatched and not final;
 *  E3  permits_used of a graph equals the number of units below it that hold one;
 *  E4  a graph's unsettled equals the number of its wanted tasks without a settled node. */
#pragma once
#include "engine/engine.h"

/* Places where a fault can be planted, to see that the simulation finds it (tests/sim/defects.md). Only a build with
 * WEFT_DEFECTS has them. */
#ifdef WEFT_DEFECTS
extern int engine_defect;
#define DEFECT(n) (engine_defect == (n))
#else
#define DEFECT(n) false
#endif

/* Values that come from or go into a node: one allocation, shared by count. */
struct blob;
struct box { uint32_t refs; uint32_t size_bytes; struct bindings b; };

struct text { struct text *next; size_t size_bytes; char p[]; };

/* What is left of a final item. */
struct item { struct node *node; struct box *outputs; uint32_t no; int exit_code; uint8_t state; bool settled, has_exit_code; };

struct heap { struct heap_entry { uint64_t key; uint32_t no, epoch; } *p; uint32_t n, cap; };

struct limits { /* of a call; encoded in row.retry */
        struct retry_policy retry;
        int64_t timeout_us, deadline_us;
        int64_t timeout_at_us; /* when timeout_us is over; 0: there is none */
        uint32_t base;     /* number of the first attempt of this epoch */
        bool no_cache, each, has_retry;
};

struct node {
        struct node_row row;
        struct node *parent;
        const struct template *template; /* NULL until resolved */
        const struct task *task;         /* the call it came from; items and attempts: that of the node above; hooks: the owner's */
        const struct hook *hook;         /* role HOOK, and what stands for it below a retry */
        struct box *in, *out;
        struct text *texts;
        struct node *next_dead;
        struct limits limits;
        uint32_t depth;
        bool dirty, dead, settled, counted /* in its graph's `unsettled` and `deps_left` */, opened, holds_permit, in_wait, closing, transient;
        bool unresolved;                 /* what it executes could not be said again after loading: its timer ends it */
        bool reopened;                   /* a retry gave it a new epoch, and it has not been entered since */
        uint32_t hooks_live;
        struct node **hooks; uint32_t hooks_n; /* in memory, any order */
        struct node **slots; uint32_t slots_n; /* graphs: by task */
        uint32_t *deps_left;             /* graphs: by task */
        uint32_t unsettled;              /* graphs */
        uint32_t failed;                 /* graphs: tasks whose failure counts for fail-fast */
        uint32_t permits_used;
        struct heap waiting;             /* graphs with parallelism */
        struct item *items; uint32_t items_n; /* fan-outs: those created so far */
        uint32_t items_cap, items_active, items_settled, items_good, items_bad;
        uint32_t items_scan;             /* reopened items below this index have been entered */
        uint32_t *item_at;               /* offsets into row.items, children_total + 1 */
        struct node *attempt_node;       /* retries: the latest */
        struct node *attempt_before;     /* the one before it, for lastRetry */
        uint32_t attempts_n;
};

struct plan { /* of a graph template: derived once a run */
        uint32_t *after_at, *after;      /* dependents of task t: after[after_at[t] .. after_at[t + 1]) */
        uint32_t *order;                 /* all tasks, dependencies first */
        bool *wanted; uint32_t wanted_n;
        bool ready;
};

struct run {
        const struct workflow *w;
        struct engine_settings set;
        struct run_row row;
        struct run_view view;
        struct text *texts;
        struct box *parameters, *globals, *outputs;
        struct plan *plans;
        struct node *root;
        struct { struct node **p; uint32_t cap, n; } map; /* by number, open addressing */
        struct node *dead;
        struct box **dead_boxes; uint32_t dead_boxes_n, dead_boxes_cap;
        struct heap timers;              /* key: microseconds */
        struct heap waiting;             /* leaves that wait for the run's own limits; key: number */
        struct heap expanding;           /* fan-outs with items to create; key: number */
        uint32_t live, suspended_n, busy; /* busy: cache look-ups, child runs being made, back-offs */
        size_t value_bytes;              /* in memory */
        struct { struct blob **p; uint32_t cap, n; } blobs; /* long values in memory, by content */
        struct { uint64_t *p; uint32_t cap, n; size_t bytes; } stored; /* long values that the store has of this run, by hash */
        char reason[256];                /* row.reason, once EVENT_REASON has come */
        bool run_dirty, reason_dirty, full, hook_failed;
        struct failure_note { uint32_t no, epoch; enum node_state state; char *path, *task, *template, *message; int exit_code; bool has_exit_code;
                              struct wall finished_at; } *failures;
        uint32_t failures_n, failures_cap;

        /* this step */
        struct wall now;
        struct arena *arena;
        struct delta *delta;
        struct node **dirty; uint32_t dirty_n, dirty_cap;
        struct action *actions; uint32_t actions_n, actions_cap;
        struct delta_cache *cache; uint32_t cache_n, cache_cap;
        struct delta_event *events; uint32_t events_n, events_cap;
        uint32_t *history; uint32_t history_n, history_cap;
        uint32_t created;
        uint32_t *resumed, resumed_n, resumed_cap;
        struct node **rehooked; uint32_t rehooked_n, rehooked_cap; /* kept by a retry, with hooks to be called */
        bool hard;
        struct work { enum { WORK_READY, WORK_SETTLED, WORK_ENTER, WORK_FINISH_GRAPH } kind; struct node *node; uint32_t task; } *work;
        uint32_t work_n, work_cap, work_at;
};

/* values.c */
struct box *box_new(struct run *r, const struct bindings *b); /* NULL for nothing in it */
struct box *box_ref(struct box *b);
void box_release(struct run *r, struct box *b); /* freed at the start of the next step */
void box_free(struct run *r, struct box *b);
/* Would the store take these values? Counts them when it would; otherwise *ret_message says what is too large. */
bool values_admit(struct run *r, const struct bindings *b, struct str *ret_message);
bool values_admit_items(struct run *r, const struct str *items, size_t n, struct str list, struct str *ret_message);
void values_known(struct run *r, const struct node_row *row);

/* memory.c */
void *engine_alloc(size_t size_bytes);
struct str node_text(struct run *r, struct node *n, struct str s);
struct str run_text(struct run *r, struct str s);
void heap_push(struct heap *h, uint64_t key, uint32_t no, uint32_t epoch);
bool heap_pop(struct heap *h, struct heap_entry *ret);
void map_put(struct run *r, struct node *n);
struct node *map_get(const struct run *r, uint32_t no);
void map_remove(struct run *r, uint32_t no);
struct node *node_create(struct run *r, struct node *parent, enum node_role role, uint32_t task, uint32_t index);
void node_free_children(struct run *r, struct node *n); /* its descendants leave memory, but not its hooks: they may still run */
void node_free_below(struct run *r, struct node *n); /* its descendants and hooks leave memory */
void node_free(struct run *r, struct node *n);        /* it too */
void engine_bury(struct run *r);
void node_dirty(struct run *r, struct node *n);
void limits_encode(struct run *r, struct node *n);
void limits_decode(struct str s, struct limits *ret);
const struct plan *plan_of(struct run *r, const struct template *t);
void *engine_grow(void *p, uint32_t *cap, uint32_t n, size_t item_bytes);

/* delta.c */
void delta_begin(struct run *r, struct delta *d, struct wall now);
void delta_end(struct run *r);
struct action *action_add(struct run *r, enum action_kind kind, const struct node *n);
void event_add(struct run *r, uint32_t node, const char *kind, struct str text);

/* scope.c */
struct scope { struct run *run; struct node *names; struct node *self; struct node *parent; const struct task *task; uint32_t index; const struct hook *hook; bool has_item; };
void view_of(const struct node *n, struct node_view *ret);
/* A call of `task` in `graph` (NULL: the root). */
void site_call(struct run *r, struct node *graph, uint32_t task, struct scope *scope, struct site *ret);
void site_item(struct site *s, struct scope *scope, struct str item, uint32_t index);
void site_hook(struct run *r, struct node *owner, const struct hook *hook, struct scope *scope, struct node_view *view, struct site *ret);
/* A node's own questions. */
struct self_views { struct node_view self, last; };
void site_self(struct run *r, struct node *n, struct scope *scope, struct self_views *views, struct site *ret);
struct str node_path(const struct node *n, struct arena *a);

/* graph.c */
void work_add(struct run *r, int kind, struct node *n, uint32_t task);
void work_run(struct run *r);
struct node *graph_of(const struct node *n);        /* nearest graph or group above */
struct node *names_graph(struct node *graph);       /* where names are looked up */
/* An exit handler or exit task: the end of what is around it does not reach into it, except by termination. Its own deadline does. */
bool is_exempt(const struct run *r, const struct node *n);
bool is_closing(const struct run *r, const struct node *n);
void graph_open(struct run *r, struct node *g);
void graph_restore(struct run *r, struct node *g);  /* counters from slots */
void graph_resume(struct run *r, struct node *g);   /* queue what is ready and has no node */
void fanout_expand(struct run *r, struct node *f);
bool fanout_index(struct node *f);
void item_start(struct run *r, struct node *f, struct node *n, bool each);
struct str fanout_item(const struct node *f, uint32_t i);

void fanout_reenter_item(struct run *r, struct node *f, struct node *n); /* one that a retry reopened */
void fanout_item_settled(struct run *r, struct node *f, struct node *n);

/* node.c */
#define WAITS_FOR_TEMPLATE "waits for the parallelism of its template"
#define WAITS_FOR_RUN "waits for the run's limits"
#define WAITS_FOR_CACHE "looking in the cache"
#define WAITS_FOR_BACKOFF "waits before the next attempt"
#define WAITS_FOR_CHILD "the child run is being created"
struct node *permit_graph(const struct node *n);
bool node_is_unit(const struct node *n);
void set_reason(struct node *n, const char *reason);
void timer_set(struct run *r, struct node *n);
void deadline_begin(struct run *r, struct node *n, struct wall from); /* of an attempt or a graph that started then */
void kind_set(struct run *r, struct node *n, enum node_kind k);
bool node_is_leaf(const struct node *n); /* counts in nodes_total */
bool failure_counts(const struct node *graph, const struct node *task);
struct node *child_of(struct run *r, struct node *parent, enum node_role role, uint32_t index);
void leaf_admit(struct run *r, struct node *n);
void leaf_begin(struct run *r, struct node *n);
void update_run_state(struct run *r);
void note_failure(struct run *r, const struct node *n);
void failures_forget(struct run *r);
void fanout_done(struct run *r, struct node *f);
void suspend_begin(struct run *r, struct node *n);
void child_stop(struct run *r, struct node *n);
void child_ended(struct run *r, struct node *n, const struct event *e);
void hook_failed(struct run *r, struct node *owner, struct node *hook);
void run_export(struct run *r, const struct bindings *b);
void node_enter(struct run *r, struct node *n);     /* a freshly resolved or reopened node starts */
void node_set_state(struct run *r, struct node *n, enum node_state s);
void node_finish(struct run *r, struct node *n, enum node_state s, struct str message);
/* What came out of a node is checked against the limits, kept, and becomes its end at `at`. */
void node_collect(struct run *r, struct node *n, struct collected *c, struct wall at);
void node_settled(struct run *r, struct node *n);
bool call_resolve(struct run *r, struct node *n, struct site *s); /* fills template, inputs, limits; on error finishes the node */
void fire_hooks(struct run *r, struct node *n);
bool hooks_wanted(struct run *r, struct node *n);   /* would fire_hooks call one? */
void wait_release(struct run *r, struct node *n);
void wake_waiting(struct run *r);
bool can_wake(const struct run *r); /* somebody waits for the run's limits, and they have room */
void node_stop_below(struct run *r, struct node *n, struct str message);
void leaf_ended(struct run *r, struct node *n, const struct event *e);
void leaf_cache_answer(struct run *r, struct node *n, const struct event *e);
void leaf_dispatch(struct run *r, struct node *n);
void leaf_order(struct run *r, struct node *n);      /* of a dispatched leaf: its action once more */
void leaf_unresolved(struct run *r, struct node *n); /* leaf_order() could not: it ends */
void leaf_stop(struct run *r, struct node *n, struct str message); /* of a dispatched leaf */
void retry_decide(struct run *r, struct node *n, struct node *attempt);
void retry_next(struct run *r, struct node *n);
void suspend_end(struct run *r, struct node *n, const struct bindings *supplied, bool reject, struct str text);
void node_timer(struct run *r, struct node *n);
void run_end(struct run *r);
uint64_t seed_of(const struct run *r, uint32_t a, uint32_t b, uint32_t c);

/* reset.c */
bool run_retry(struct run *r, struct error *e);
