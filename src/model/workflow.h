/* The one model of a workflow: what both languages compile to, what the engine runs. Immutable, in one arena.
 *
 * A workflow is a set of templates. A leaf template is a command, a suspend point or a child run; a graph template holds
 * tasks, which call templates. A task waits for the tasks it depends on, asks its trigger whether it comes about, asks
 * its condition, may fan out over items, and then calls its template once, or once an item. Everything that only run time
 * can know is asked through `struct language`.
 *
 * Invariants (model_check() asserts them; engine and languages rely on them):
 *  W1  every `deps` entry is a smaller-or-larger index of the same graph, never itself, and the graph is acyclic;
 *  W2  a trigger names only tasks among `deps`;
 *  W3  `reads` holds every task of the same graph (or, in a transparent graph, of the enclosing one) whose state or
 *      outputs the task's condition, items or arguments read; `deps` are implied;
 *  W4  a transparent graph is called only by tasks of one graph, without fan-out, retry or condition. */
#pragma once
#include "model/bindings.h"
#include "model/states.h"

struct language;
struct workflow;

/* Results of a task that a trigger can ask for; bits, several may hold at once. */
enum task_result {
        RESULT_SUCCEEDED = 1 << 0,  /* also Cached */
        RESULT_FAILED = 1 << 1,     /* also Stopped */
        RESULT_ERRORED = 1 << 2,
        RESULT_SKIPPED = 1 << 3,    /* also a fan-out over nothing */
        RESULT_OMITTED = 1 << 4,
        RESULT_DAEMONED = 1 << 5,
        RESULT_ANY_SUCCEEDED = 1 << 6, /* of a fan-out: at least one item */
        RESULT_ALL_FAILED = 1 << 7,    /* of a fan-out: every item, and there are some */
        RESULT_COMPLETED = RESULT_SUCCEEDED | RESULT_FAILED | RESULT_ERRORED | RESULT_SKIPPED | RESULT_OMITTED,
};

enum trigger_op { TRIGGER_TEST, TRIGGER_AND, TRIGGER_OR, TRIGGER_NOT };
struct trigger { /* a tree; depth bounded by the reader */
        enum trigger_op op;
        uint32_t task;    /* TEST */
        uint32_t results; /* TEST: true when the task has any of these */
        const struct trigger *left, *right; /* NOT: left */
};

enum hook_when {
        HOOK_EXIT,    /* when its owner is final */
        HOOK_CHANGE,  /* the first time its expression holds, asked at every change of state of its owner */
};
struct hook {
        struct str name;      /* "exit", "running", … */
        enum hook_when when;
        bool conditional;     /* language->eval_hook decides; otherwise it always runs */
        bool fails_owner;     /* when it fails, a successful owner fails (the run's own exit handler) */
        uint32_t template;    /* or TEMPLATE_BY_CALL */
        const void *dialect;
        uint32_t line, column;
};

#define TEMPLATE_BY_CALL UINT32_MAX /* resolve_call tells which */

struct task {
        struct str name;
        uint32_t template;             /* index into workflow->templates, or TEMPLATE_BY_CALL */
        const uint32_t *deps; uint32_t deps_n;   /* tasks of this graph that must be final (and settled) first */
        const struct trigger *trigger; /* NULL: every dependency succeeded or was skipped, or its continue_on holds */
        const uint32_t *reads; uint32_t reads_n; /* W3 */
        bool has_when;                 /* ask eval_when */
        bool fans_out;                 /* ask expand_items */
        bool collects;                 /* somebody reads the gathered outputs of this fan-out */
        bool on_stop;                  /* an exit task: starts even when the run is being stopped (not when terminated) */
        uint32_t continue_on;          /* task_result bits that count as success for default triggers and for assessment */
        uint32_t items_parallelism;    /* items of this fan-out running at once; 0: no limit */
        const struct hook *hooks; uint32_t hooks_n;
        const void *dialect;
        uint32_t line, column;
};

enum template_kind { TEMPLATE_TASK, TEMPLATE_GRAPH, TEMPLATE_SUSPEND, TEMPLATE_CHILD };

/* How a graph's state follows from its tasks, once nothing in it can still start. */
enum graph_assess {
        ASSESS_ANY,     /* Failed if any task ended Failed, Error or Stopped, unless its continue_on covers it */
        ASSESS_TARGETS, /* from the targets: a target's own state; an Omitted one inherits the worst completed state of the tasks
                         * it depends on, transitively; continue_on of a target covers it */
};

struct template {
        struct str name;
        enum template_kind kind;
        /* graphs */
        const struct task *tasks; uint32_t tasks_n;
        enum graph_assess assess;
        const uint32_t *targets; uint32_t targets_n; /* ASSESS_TARGETS; only these and what they depend on run */
        bool fail_fast;       /* after a failure that counts, what waits for one of the graph's own permits (parallelism) is omitted */
        bool transparent;     /* a group: names are looked up in the enclosing graph */
        bool atomic;          /* all tasks are resolved before any starts; an error in one is the group's Error */
        uint32_t parallelism; /* leaves and graphs directly below that run at once; 0: no limit */
        bool has_outputs;     /* graphs: ask collect_outputs at the end */
        /* leaves */
        bool cacheable;       /* ask cache_key */
        /* all */
        bool has_retry;       /* resolve_call fills call.retry; the node becomes a RETRY with attempts below it */
        bool singleton_items; /* unused by the engine; for languages */
        const void *dialect;
        uint32_t line, column;
};

struct workflow {
        const struct language *language;
        struct str name;             /* of the document: metadata.name or pipelineInfo.name */
        struct str generate_name;    /* prefix, when the name is to be made; may be empty */
        struct str display_name;
        const struct template *templates; uint32_t templates_n;
        struct task root;            /* the call of the entrypoint; its hooks are the run's exit handlers and hooks */
        struct bindings parameters;  /* the run's, after defaults and what was submitted */
        uint32_t parallelism;        /* leaves of the run at once; 0: no limit */
        int64_t deadline_us;         /* of the run since it started; 0: none */
        int32_t priority;
        bool suspended;              /* starts suspended */
        enum { SHUTDOWN_NONE, SHUTDOWN_STOP, SHUTDOWN_TERMINATE } shutdown; /* asked for in the document itself */
        const struct value *document; /* as parsed, for status documents */
        struct str *labels; /* "key=value" pairs, n below; for lists */
        size_t labels_n;
        const void *dialect;
        struct arena *arena;         /* owns everything above */
};
void workflow_free(struct workflow *w);
/* Asserts W1 to W4. For tests, and once after each compile. */
void workflow_check(const struct workflow *w);
