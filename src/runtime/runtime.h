/* The imperative shell: the one thread that owns engine state.
 *
 *   turn:    what came in is stepped at once into the open batch; when no batch is in flight and the open one has something that
 *            cannot wait, it goes to the writer thread
 *   durable: the actions of the batch are released, who waits for it is told, runs that ended leave memory
 *
 * R1  An action is carried out only after the commit that ordered it is durable. Actions are idempotent on (run, node, epoch, attempt), so
 *     what is lost between commit and action is repaired by engine_pending() when the run is loaded again.
 * R2  One batch is in flight; the next one is filled meanwhile. What it holds are copies, because the engine goes on.
 * R3  When a commit fails, all engine memory and the open batch are dropped and every run is loaded again: memory never runs ahead of
 *     what is stored by more than the batches that are still to come.
 * R4  A change that is soft waits for the next one that is not, or for store.soft_delay.
 *
 * Everything here belongs to the loop's thread. */
#pragma once
#include "executor/executor.h"
#include "runtime/command.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "store/store.h"

struct runtime;

struct runtime_options {
        struct str folder;                 /* the data folder; the caller holds its lock */
        struct str self_exe;
        const struct settings *settings;
        const struct store_ops *store;
        const struct executor_ops *executor;
        uint64_t epoch;                    /* of the lease that this server holds (runtime/follow.h); 0: it has the store to itself. With a lease, a step under
                                            * way that this executor does not know is lost: it may be at work elsewhere */
};

/* Opens the store. The executor is opened when the first run needs it. */
bool runtime_open(const struct runtime_options *, struct uv_loop_s *, struct runtime **ret, struct error *e);
/* Writes what is left in the open batch; tasks go on. Runs the loop until its handles are closed. */
void runtime_close(struct runtime *);

/* Copies what it needs of the command. */
void runtime_command(struct runtime *, const struct command *, command_done *done, void *user);

/* Told of every commit once it is durable; the rows are borrowed for the call. */
typedef void runtime_watcher(void *user, const struct commit *, uint64_t seq);
void runtime_watch(struct runtime *, runtime_watcher *, void *user);
void runtime_unwatch(struct runtime *, void *user); /* those of this `user`; not from within a watcher */
/* Notes for people that belong to no node: "images are not used …". */
typedef void runtime_note(void *user, struct str run, struct str text);
void runtime_on_note(struct runtime *, runtime_note *, void *user);

/* Something that the runtime cannot go on after: no space on disk, an executor that is gone. Called once. */
typedef void runtime_fatal(void *user, const struct error *);
void runtime_on_fatal(struct runtime *, runtime_fatal *, void *user);

/* Loads every run that has not ended, little by little; `note` is told of those that cannot be. */
bool runtime_resume(struct runtime *, runtime_note *note, void *user, struct error *e);

/* Lets other processes in: the socket in the data folder. */
bool runtime_serve(struct runtime *, struct error *e);

struct runtime_metrics *runtime_metrics(struct runtime *); /* any thread may read */
size_t runtime_runs(const struct runtime *); /* in memory */

/* The experiment of a namespace's runs that were given none; made with the first of them. */
void experiment_default_id(struct str ns, char ret[37]);
/* Would a run of this document with these parameters be taken? What is missing, unknown or of another type is refused, with its place. Any thread. */
bool submission_check(struct str document, const struct submission *, struct error *e);

/* The file of the database in a data folder, and the store's settings for it. */
struct store_settings runtime_store_settings(struct str folder, const struct settings *, bool create, struct arena *a);
/* Where a run keeps its artifacts. */
struct str runtime_artifact_root(struct str folder, struct str uid, struct arena *a);

/* Reads and compiles a document. NULL when it has errors: they are in `problems`, or, when it is no document at all, in `e`.
 * *ret_dialect may be set all the same. The workflow owns its memory. */
struct workflow *document_compile(struct str text, const struct submission *, struct problems *, const struct dialect **ret_dialect,
                                  struct str *ret_message, struct error *e);
