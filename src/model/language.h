/* What the engine asks a language at run time. All functions are pure: (compiled workflow, site) → answer, in `site->arena`, which
 * lives until the engine has taken over what it needs (it copies and interns). They get no clock, no file and no thread;
 * `site->now` is the time of the event, `site->seed` keys random functions.
 *
 * On failure a function returns false and fills `e`; the engine puts the node in Error with e->text as its message. */
#pragma once
#include "model/task.h"
#include "model/workflow.h"

/* A finished or running node, as others may see it. Borrowed from the engine for the duration of the call. */
struct node_view {
        uint32_t no;                /* 0: no such node exists (yet, or it was never created) */
        uint32_t epoch;
        enum node_kind kind;
        enum node_state state;
        struct str message;
        struct wall created_at, started_at, finished_at;
        bool has_exit_code;
        int exit_code;
        uint32_t index;             /* item or attempt */
        const struct bindings *inputs;  /* may be NULL once the node is final */
        const struct bindings *outputs; /* may be NULL */
        uint32_t children_n;        /* fan-outs and retries */
};

/* Names a task as a task's tag does: in this graph, or inside a group of this graph. */
#define REF_NO_GROUP UINT32_MAX
struct task_ref { uint32_t group, task; }; /* group: the task that calls the transparent graph; task: within it */

struct failure { /* of a leaf; workflow.failures */
        struct node_view node;
        struct str task_name, template_name;
        struct str path; /* the node's path, see node_path() in engine.h */
};

struct scope; /* the engine's */
struct scope_ops {
        /* A task of the scope's graph (for sites inside a transparent graph: of the graph around it). False: no node for it. */
        bool (*task)(const struct scope *, struct task_ref, struct node_view *ret);
        /* For a fan-out or retry (site->self_node): its i-th child, 0 ≤ i < children_n; children that have left memory still answer
         * state and outputs. An item that was never made, because the run was ending, is Omitted and has the number 0. For a graph use `task`. */
        bool (*child)(const struct scope *, uint32_t i, struct node_view *ret);
        /* The same for a task of the graph that fanned out: its i-th item. */
        bool (*task_child)(const struct scope *, struct task_ref, uint32_t i, struct node_view *ret);
        /* The run's leaves that ended Failed or Error, in order of ending; at most 1,000. */
        size_t (*failures)(const struct scope *, struct arena *a, struct failure **ret);
        /* Path of the current node or of the would-be node (a stable, readable identity): "root.task(3).leaf"; see engine.h. */
        struct str (*path)(const struct scope *, struct arena *a);
};

struct run_view {
        struct str uid, name, ns, display_name, service_account;
        struct wall created_at, started_at;
        struct wall scheduled_at;              /* of a recurring run; 0 */
        enum run_state state;                  /* in exit handlers: what the run's end will be */
        struct str message;                    /* the same */
        const struct bindings *parameters;
        const struct bindings *globals;        /* outputs that nodes exported under a global name so far */
        struct str artifact_root;              /* URI prefix under which this run's artifacts are kept, no '/' at the end */
        struct str work_root;                  /* unused by pure code except to build paths that executors will make */
        int32_t priority;
};

/* Where a question is asked from. */
struct site {
        const struct workflow *workflow;
        const struct run_view *run;
        const struct scope *scope;
        const struct scope_ops *ops;
        struct wall now;
        uint64_t seed;
        struct arena *arena;
        uint32_t items_max;                    /* of one fan-out: a list that would be longer is not built; 0: not known */

        /* The call: questions 1 to 4 and hooks */
        const struct template *graph;          /* innermost graph template around the call; NULL for the root call and its hooks */
        const struct template *scope_graph;    /* the one whose names are visible: `graph`, or what encloses it when transparent */
        const struct task *task;               /* never NULL in 1 to 4 */
        const struct bindings *graph_inputs;   /* inputs of scope_graph's node; NULL for the root call */
        bool has_item;
        struct str item;                       /* JSON text of the item */
        uint32_t item_index;
        const struct hook *hook;               /* a hook's call: else NULL */
        const struct node_view *owner;         /* a hook's owner */

        /* The node itself: questions 5 to 8 */
        const struct template *self;
        const struct bindings *inputs;         /* of self */
        const struct node_view *self_node;
        uint32_t attempt;                      /* of the retry around it, from 0; 0 without one */
        const struct node_view *last_attempt;  /* the previous one, NULL at the first */
        const struct template *retried;        /* unused by most: template of the retry node */
};

enum verdict { VERDICT_NO, VERDICT_YES, VERDICT_EACH /* eval_when of a fan-out, before expansion: ask again for each item */ };

enum retry_on { RETRY_ON_FAILED = 1, RETRY_ON_ERROR = 2, RETRY_ON_TRANSIENT = 4 /* Error only when the executor says it may pass */ };

struct retry_policy {
        int64_t limit;            /* further attempts after the first; -1: no limit */
        uint32_t on;              /* retry_on bits */
        int64_t backoff_us;       /* before the second attempt; 0: at once */
        double backoff_factor;    /* 0 or 1: constant */
        int64_t backoff_cap_us;   /* 0: none */
        int64_t backoff_total_us; /* no attempt starts later than this after the first started; 0: none */
        bool conditional;         /* ask eval_retry */
};

struct call {
        uint32_t template;         /* filled in advance with the task's; set it when TEMPLATE_BY_CALL */
        struct bindings inputs;
        struct retry_policy retry; /* when templates[template].has_retry */
        int64_t timeout_us;        /* of the node since it was created, waiting included; 0: none */
        int64_t deadline_us;       /* of each attempt since it started; 0: none */
        uint32_t items_parallelism; /* unused here */
        bool no_cache;
};

struct items {
        struct str *texts;          /* JSON text of each */
        size_t n;
        struct str message;         /* when n is 0: the Skipped node's message */
};

struct suspend_spec {
        int64_t duration_us;        /* -1: until somebody approves */
        struct str *supply; size_t supply_n; /* names of values that approving must or may give */
        const struct bindings *defaults;     /* used when it ends without them; NULL: none */
};

struct collected {
        enum node_state state;      /* filled in advance; a language may turn it (success into Error: output missing) */
        struct str message;         /* filled in advance; may be replaced */
        struct bindings outputs;
        struct bindings exports;    /* into the run's globals */
        bool transient;             /* this Error may pass (RETRY_ON_TRANSIENT) */
};

struct language {
        const char *name; /* "argo", "kfp": stored with runs */

        /* 1. Does the call come about? *ret_message explains a NO. With has_item false and task->fans_out it is asked before expansion. */
        bool (*eval_when)(const struct site *, enum verdict *ret, struct str *ret_message, struct error *e);
        /* 2. The items of task->fans_out. */
        bool (*expand_items)(const struct site *, struct items *ret, struct error *e);
        /* 3. Template and arguments of the call (of a task, an item, a hook, the root). */
        bool (*resolve_call)(const struct site *, struct call *ret, struct error *e);
        /* 4. Asked of conditional hooks. */
        bool (*eval_hook)(const struct site *, enum verdict *ret, struct error *e);
        /* 5. What to execute: TEMPLATE_TASK. */
        bool (*resolve_attempt)(const struct site *, struct task_spec *ret, struct error *e);
        /* 5b. TEMPLATE_SUSPEND. */
        bool (*resolve_suspend)(const struct site *, struct suspend_spec *ret, struct error *e);
        /* 5c. TEMPLATE_CHILD: the document of the run to create. */
        bool (*resolve_child)(const struct site *, struct str *ret_document, struct error *e);
        /* 6. Outputs of a node that is about to be final. For a leaf `outcome` is what the executor reported (for a suspend point or a child run: NULL,
         * and ret->outputs is filled in advance with what was supplied). For a graph it is NULL and scope.task() shows its tasks; asked
         * when has_outputs and the graph succeeded, or always when it is KIND_TASK. For a fan-out (task->collects) scope.child() shows the items.
         * A false return is Error. */
        bool (*collect_outputs)(const struct site *, const struct task_outcome *outcome, struct collected *ret, struct error *e);
        /* 7. Does a conditional retry go on? Asked with self_node = the retry node, last_attempt = the failed one. */
        bool (*eval_retry)(const struct site *, enum verdict *ret, struct error *e);
        /* 8. Key of a cacheable leaf, 64 hex digits or any text; empty: not this time. `spec` is what would be executed. */
        bool (*cache_key)(const struct site *, const struct task_spec *spec, struct str *ret, struct error *e);
};
