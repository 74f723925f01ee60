/* What the files of the runtime share. */
#pragma once
#include "engine/engine.h"
#include "runtime/admission.h"
#include "runtime/files.h"
#include "runtime/runtime.h"
#include <uthash.h>
#include <uv.h>

/* A run in memory. Counted by the batches, queue entries and the table that point to it. */
struct live_run {
        struct runtime *rt;
        uint32_t refs;
        char uid[37];
        struct arena *arena;          /* texts of `fixed` */
        struct run_row fixed;         /* what never changes; the rest is as it was when loaded or made */
        const struct dialect *dialect;
        struct workflow *workflow;
        struct run *engine;           /* NULL: it ended, or its memory was dropped */
        bool suspended;               /* the run's own flag, as last stepped */
        bool ending;                  /* its final state is in a batch that is not durable */
        bool continuing;              /* in rt->continuing */
        bool noted, warned;           /* images are not used; what the executor has to say: said */
        bool queued;                  /* it waits for a place: no engine, and gone when that is durable */
        bool told;                    /* its row says why its steps wait */
        bool stored;                  /* its row is durable */
        const struct run_row *final;  /* its last row, once that is durable */
        struct live_child { struct live_child *next; char uid[37]; uint32_t node, epoch, attempt; } *children; /* in `arena` */
        struct admission_flow *flow;  /* its steps; NULL: none has been ordered */
        struct wall wake;
        struct live_run *next_continuing;
        UT_hash_handle hh;
};

struct batch_action { struct live_run *run; struct action action; };
struct batch_forget { struct live_run *run; struct attempt_id id; };
struct batch_reply { command_done *done; void *user; struct answer answer; struct str remove; };
struct batch_slot { struct live_run *run; uint32_t no, at; };

struct batch {
        struct arena *arena;
        uint32_t refs;
        bool hard;
        struct mono began;
        size_t held_bytes, held_n;    /* it is kept for the sake of starts that wait */
        struct commit_node *nodes; size_t nodes_n, nodes_cap;
        struct batch_slot *map; size_t map_cap;
        const struct run_row **runs; struct live_run **run_of; size_t runs_n, runs_cap;
        struct commit_history *history; size_t history_n, history_cap;
        struct commit_cache *cache; size_t cache_n, cache_cap;
        struct commit_event *events; size_t events_n, events_cap;
        struct str *deleted; size_t deleted_n, deleted_cap;
        const struct record **records; size_t records_n, records_cap;
        struct record_id *removed; size_t removed_n, removed_cap;
        struct commit_meta *metas; size_t metas_n, metas_cap;
        struct commit_metric *metrics; size_t metrics_n, metrics_cap;
        struct str *forgotten; size_t forgotten_n, forgotten_cap; /* keys of the cache */
        struct batch_action *actions; size_t actions_n, actions_cap;
        struct batch_forget *forgets; size_t forgets_n, forgets_cap;
        struct batch_reply *replies; size_t replies_n, replies_cap;
        struct live_run **touched; size_t touched_n, touched_cap;
        /* the writer's answer */
        struct commit commit;
        bool ok;
        uint64_t seq;
        struct error error;
};

struct attempt_key { struct live_run *run; uint32_t node, epoch, attempt; };
struct in_flight { struct attempt_key key; UT_hash_handle hh; };
struct deferred { struct deferred *next; struct arena *arena; struct command command; command_done *done; void *user; };

struct server;

struct runtime {
        struct runtime_options o;
        struct arena *arena;
        struct engine_settings engine;
        uv_loop_t *loop;
        uv_prepare_t prepare;
        uv_check_t check;
        uv_idle_t idle;
        uv_timer_t timer, soft;
        uv_async_t committed;
        struct store *store;
        struct store_reader *reader;
        struct executor *executor;
        bool executor_opening;
        struct live_run *runs, *continuing;
        struct batch *open, *flying;
        struct admission *admitted;   /* runs */
        struct place *places;
        struct admission *steps;      /* who waits for a free slot, and who has one */
        size_t held_bytes;
        uv_timer_t tell;
        struct in_flight *in_flight;
        uint32_t slots;
        struct deferred *deferred, **deferred_end;
        struct wall last_now, wake;
        uint32_t failures;            /* commits in a row */
        bool failed, closing, in_turn;
        uint32_t handles;
        struct { runtime_watcher *call; void *user; } watchers[8]; size_t watchers_n;
        runtime_note *note; void *note_user;
        runtime_fatal *fatal; void *fatal_user;
        struct server *server;
        struct retention *retention;  /* NULL: everything is kept */
        struct schedule *schedule;    /* NULL: this process makes no recurring runs */
        struct notify *notify;
        struct known_default { struct known_default *next; char id[37]; } *defaults; /* experiments that are stored, or in a batch */
        uv_timer_t *resuming;         /* NULL: every run that has not ended is loaded */
        struct runtime_metrics metrics;
        struct mono turn_began;

        uv_thread_t writer;
        uv_mutex_t lock;
        uv_cond_t wanted;
        struct batch *job;            /* under the lock */
        bool quit;                    /* under the lock */
};

/* loop.c */
struct wall rt_now(struct runtime *rt);
bool rt_step(struct live_run *r, const struct event *event, struct error *e);
void rt_turn(struct runtime *rt);
void rt_fail(struct runtime *rt, const struct error *e);

/* batch.c */
struct batch *batch_open(struct runtime *rt);
void batch_unref(struct batch *b);
void batch_take(struct batch *b, struct live_run *r, const struct delta *d, struct wall now);
void batch_run(struct batch *b, struct live_run *r, const struct run_row *row);
void batch_touch(struct batch *b, struct live_run *r);
bool batch_empty(const struct batch *b);
bool batch_full(const struct batch *b);
bool batch_holds(const struct batch *b, const struct live_run *r);
void batch_forget(struct batch *b, struct live_run *r, const struct attempt_id *id);
void batch_reply(struct batch *b, command_done *done, void *user, const struct answer *answer, struct str remove);
void batch_delete(struct batch *b, struct str uid);
void batch_put(struct batch *b, const struct record *r);
void batch_remove(struct batch *b, enum record_kind kind, struct str id);
void batch_meta(struct batch *b, struct str run, const struct run_meta *meta);
void batch_metric(struct batch *b, struct str run, uint32_t node, struct str name, double value);
void batch_forget_cache(struct batch *b, struct str key);
void batch_seal(struct batch *b, struct wall now);
void run_unref(struct live_run *r);

/* runs.c */
bool run_create(struct runtime *rt, const struct command *c, struct live_run **ret, bool *ret_renamed, struct error *e);
/* From memory or from the store; catches up with the executor. A run that is final is loaded only when `final` is asked for. */
bool run_load(struct runtime *rt, struct str uid, bool final, struct live_run **ret, struct error *e);
void run_begin(struct live_run *r); /* one that waited for its place in memory */
struct live_run *run_find(struct runtime *rt, struct str uid);
/* By name, uid or prefix of it. */
bool run_lookup(struct runtime *rt, struct str ref, struct arena *a, struct run_row *ret, struct error *e);
void run_drop(struct live_run *r);
bool namespace_check(struct str s, struct error *e);
bool reader_ready(struct runtime *rt, struct error *e);

/* scalars.c */
void scalars_take(struct batch *b, struct live_run *r, const struct delta *d);

/* retention.c */
void retention_open(struct runtime *rt);
void retention_close(struct runtime *rt);

/* schedule.c */
bool schedule_check(const struct record *r, struct error *e); /* its cron line and time zone */
bool schedule_open(struct runtime *rt, struct error *e);
void schedule_committed(struct runtime *rt, const struct batch *b);
void schedule_undone(struct runtime *rt);
void schedule_close(struct runtime *rt);

/* actions.c */
bool executor_ready(struct runtime *rt, struct error *e);
void actions_release(struct batch *b);
void catch_up(struct live_run *r);
void child_note(struct live_run *parent, struct str uid, uint32_t node, uint32_t epoch, uint32_t attempt);
void child_run_ended(struct runtime *rt, const struct run_row *row);

/* places.c: may a run begin? */
void places_open(struct runtime *rt);
void places_close(struct runtime *rt);
void place_wait(struct runtime *rt, const struct run_row *row);  /* a new run, or one that waited before a restart */
void place_take(struct runtime *rt, const struct run_row *row);  /* one that is under way; nothing when it has a place */
bool place_waits(struct runtime *rt, struct str uid);
void place_end(struct runtime *rt, struct str uid);
void place_prioritize(struct runtime *rt, struct str uid, int32_t priority); /* its steps, too */
struct str place_reason(struct runtime *rt, struct str uid, struct arena *a);
/* Begins those whose turn it is, at most so many. True: there are more. */
bool places_pump(struct runtime *rt, uint32_t max);

/* notify.c */
void notify_open(struct runtime *rt);
bool notify_resume(struct runtime *rt, struct error *e);            /* what an earlier process had not delivered */
void notify_ended(struct live_run *r, const struct run_row *row);   /* its deliveries, into the open batch */
void notify_committed(struct runtime *rt, const struct commit *c);
void notify_stop(struct runtime *rt);                               /* before the loop ends */
void notify_free(struct runtime *rt);

/* starts.c */
bool starts_open(struct runtime *rt, struct error *e);
void starts_close(struct runtime *rt);
struct attempt_id start_id(const struct live_run *r, const struct action *x);
/* What waits keeps no more of its batch than fits; the rest is resolved again when its turn comes. */
void start_add(struct batch *b, struct live_run *r, const struct action *x);
bool start_remove(struct live_run *r, const struct action *x); /* true: it had not been handed over yet, and never will be */
void start_adopted(struct live_run *r, const struct attempt_id *id);
void start_ended(struct live_run *r, const struct attempt_id *id);
void starts_pump(struct runtime *rt);
void starts_forget(struct live_run *r); /* what waits of it */
void starts_drop(struct runtime *rt);
void starts_tell(struct runtime *rt);    /* soon: in the runs' rows, why their steps wait */

/* commands.c */
void command_now(struct runtime *rt, const struct command *c, command_done *done, void *user);
void command_refuse(command_done *done, void *user, const struct error *e);
void command_defer(struct runtime *rt, const struct command *c, command_done *done, void *user);

/* catalog.c */
void catalog_command(struct runtime *rt, const struct command *c, command_done *done, void *user); /* PUT, REMOVE, FORGET_CACHE */
void catalog_on_run(struct runtime *rt, const struct command *c, const struct run_row *row, command_done *done, void *user); /* META, METRIC */
/* True: what it needs to look at is in a batch that is not durable yet. */
bool catalog_waits(struct runtime *rt, const struct command *c);
/* Where a new run belongs: checks the experiment that is asked for; without one it is the namespace's default. */
bool catalog_place(struct runtime *rt, struct str ns, struct run_meta *meta, struct arena *a, struct error *e);
void catalog_default(struct runtime *rt, struct str ns, struct str id); /* makes it, in the open batch, unless it is there */
void catalog_forget_defaults(struct runtime *rt);
void catalog_audit(struct runtime *rt, struct batch *b, const struct command *c, struct str ns, const char *kind, struct str id, struct str name);
/* Pages through records: `each` for all of a kind whose `key` is `value`. */
bool catalog_each(struct runtime *rt, enum record_kind kind, const char *key, struct str value, record_visitor *each, void *user, struct error *e);
bool catalog_record(struct runtime *rt, enum record_kind kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e);

/* resume.c */
void resume_close(struct runtime *rt);

/* server.c */
void server_committed(struct server *s, const struct batch *b);
void server_close(struct server *s);
