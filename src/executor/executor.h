/* Executors carry tasks out. A back end is one struct of functions; it knows processes or pods, never graphs.
 *
 * An attempt is named by (run uid, node, epoch, attempt); every operation is idempotent on it: starting one that is alive or has
 * ended does nothing but report again. Events arrive through `sink`, on the thread that runs the loop given at opening, never
 * from within a call of an operation. */
#pragma once
#include "base/error.h"
#include "model/task.h"

struct uv_loop_s;
struct executor;

struct attempt_id {
        struct str run;           /* uid */
        uint32_t node, epoch, attempt;
};

enum executor_event_kind { EXECUTOR_STARTED, EXECUTOR_ENDED };
struct executor_event {       /* borrowed for the duration of the call */
        enum executor_event_kind kind;
        struct attempt_id id;
        struct wall at;
        const struct task_outcome *outcome; /* ENDED */
};
typedef void executor_sink(void *user, const struct executor_event *);

struct executor_settings {    /* the process executor's; others add theirs */
        struct str folder;        /* <data>: runs/<uid>/<node>.<epoch>.<attempt>/ below it holds scratch, logs and outputs */
        struct str self_exe;      /* path of the weft binary: started as `weft shepherd …` */
        struct str isolation;     /* "none" | "private" | "sandbox" */
        uint32_t slots;           /* attempts at once; more are refused with ERROR_BUSY: the runtime queues */
        size_t log_bytes_max, value_bytes_max;
        struct str images;        /* JSON text of the image map: [{"pattern","entrypoint":[],"path","env":{},"python"}] */
        int64_t grace_us;
        /* Of an attempt that has ended under a Weft before this one: is its result committed, or its run deleted? Then it is forgotten, as that one
         * may have died before it could say so. Called from within an operation, on its thread. NULL: never. */
        bool (*settled)(void *user, const struct attempt_id *);
};

struct executor_ops {
        const char *name;
        /* Starts what it needs (the shepherd) and adopts what is alive. */
        bool (*open)(const struct executor_settings *, struct uv_loop_s *, executor_sink *, void *user, struct executor **ret, struct error *e);
        /* Orders the start. Copies what it needs of `spec`. A task that cannot start is reported by an ENDED event with TASK_NOT_RUN; false
         * means that the executor itself is in trouble. */
        bool (*start)(struct executor *, const struct attempt_id *, const struct task_spec *spec, struct error *e);
        /* Orders the end: SIGTERM, after the grace SIGKILL, to all its processes. Unknown attempts: reported ENDED with TASK_STOPPED. */
        bool (*stop)(struct executor *, const struct attempt_id *, struct error *e);
        /* After a restart, once for each attempt that the store says is under way, with the spec that the language gives for it again. Reports ENDED soon if it has
         * ended meanwhile, STARTED if it is alive, ENDED with TASK_LOST if it was started and what became of it cannot be known any more (it is
         * then proved dead or killed). *ret_known false: never heard of, start it. */
        bool (*adopt)(struct executor *, const struct attempt_id *, const struct task_spec *spec, bool *ret_known, struct error *e);
        /* The result of an attempt is committed: its scratch may go (logs stay). */
        void (*forget)(struct executor *, const struct attempt_id *);
        /* Path of the attempt's log file, for readers (any thread). Lines: "<RFC 3339 time, 6 digits> <o|e> <text>\n". */
        struct str (*log_path)(struct str folder, const struct attempt_id *, struct arena *a);
        void (*close)(struct executor *); /* tasks go on; no event after it */
        /* What a person should be told once per run, such as an isolation that this machine does not allow; empty: nothing. */
        struct str (*notice)(const struct executor *);
};

extern const struct executor_ops executor_process; /* src/executor/process/ */
extern const struct executor_ops executor_null;    /* completes everything at once with exit code 0: benchmarks, tests */

/* main() of `weft shepherd`: src/executor/process/shepherd.c. */
int shepherd_main(int argc, char **argv);
