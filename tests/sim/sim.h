/* The simulator of the engine. From a 64-bit seed it makes a workflow (gen.c) in a small language whose outputs are functions
 * of inputs (simlang.c), a world that executes it with failures, losses, duplicates and delays (world.c), and a store that
 * keeps what was committed (store.c). sim.c drives a run through them, crashes it, and checks what must hold; naive.c says
 * independently what the end has to be; check.c compares; coverage.c counts what occurred.
 *
 * Everything that happens is a function of the seed. Where a node stands is named by an `ident`, a hash over (ident of the parent,
 * role, task, index), because numbers of nodes depend on the order of events and idents do not. */
#pragma once
#include "engine/engine.h"
#include "base/hash.h"

/* ---- The language: values are 64-bit hashes, kept as 16 hex digits in a parameter "v". ---- */

struct sim_ref { struct task_ref ref; bool items; /* a fan-out: look at each item */ };

struct sim_task { /* task->dialect */
        uint64_t salt;
        const struct sim_ref *refs; uint32_t refs_n;
        unsigned when_no, when_error, item_no; /* permille */
        bool when_each;
        unsigned items_least, items_most, items_error;
        unsigned call_error;
        uint32_t choices[3]; uint32_t choices_n; /* TEMPLATE_BY_CALL */
        uint32_t recursion;                      /* own graph is called again: when_no applies */
};

struct sim_template { /* template->dialect */
        uint64_t salt;
        struct retry_policy retry;
        int64_t timeout_us, deadline_us;
        bool no_cache;
        int64_t suspend_us;                      /* -1: until approved */
        bool supply;                             /* "v" is asked for; with suspend_us ≥ 0 it has a default */
        unsigned collect_error;
        const struct sim_ref *collect; uint32_t collect_n; /* what a graph's outputs are made of */
        unsigned fails, errors, losses, slow;    /* permille: how the world treats it */
        bool exports;
};

struct sim_hook { /* hook->dialect */
        uint64_t salt;
        unsigned call_error;
        unsigned mode;                           /* conditional: 0 owner good, 1 owner bad, 2 owner runs */
};

struct sim_workflow { /* workflow->dialect */
        uint64_t salt;
        bool racy;           /* its end depends on the order of events */
        bool timed;          /* it has timeouts: also a run without failures may end otherwise */
        bool watched;        /* a hook looks at states that come and go: naive.c does not know when */
        bool broken;         /* the language itself fails at places */
        uint32_t cache_hits; /* permille of keys */
        uint32_t nodes_wanted;
};

enum sim_class { CLASS_NONE, CLASS_GOOD, CLASS_FAILED, CLASS_ERROR, CLASS_SKIPPED, CLASS_OMITTED, CLASS_OPEN };
struct sim_seen { enum sim_class class; uint64_t value; };

enum sim_answer { ANSWER_NO, ANSWER_YES, ANSWER_EACH, ANSWER_ERROR };

uint64_t sim_mix(uint64_t a, uint64_t b);
bool sim_roll(uint64_t key, unsigned permille);
enum sim_class sim_class_of(enum node_state s);
/* What the call's site amounts to: graph's input and everything that is seen. */
uint64_t sim_site_hash(const struct sim_task *t, uint64_t graph_in, const struct sim_seen *seen, size_t n);
enum sim_answer sim_when(const struct sim_task *t, uint64_t site, bool fans_out);
enum sim_answer sim_when_item(const struct sim_task *t, uint64_t site, uint64_t item);
bool sim_items(const struct sim_task *t, uint64_t site, uint32_t *ret_n); /* false: error */
uint64_t sim_item(uint64_t site, uint32_t i);
bool sim_call(const struct task *t, uint64_t site, uint64_t item, uint32_t *ret_template, uint64_t *ret_in); /* false: error */
bool sim_hook_call(const struct sim_hook *h, struct sim_seen owner, uint64_t *ret_in);
uint64_t sim_leaf_out(const struct sim_template *t, uint64_t in, uint64_t supplied);
bool sim_collect_fails(const struct sim_template *t, uint64_t key);
uint64_t sim_graph_out(const struct sim_template *t, uint64_t in, const struct sim_seen *seen, size_t n);
uint64_t sim_fanout_out(const struct sim_seen *seen, size_t n);
bool sim_retry_goes_on(const struct sim_template *t, uint32_t failed_attempt);
uint64_t sim_cache_key(const struct sim_template *t, uint64_t in);
uint64_t sim_parse(struct str hex);
uint64_t sim_value(const struct bindings *b, const char *name); /* 0 when absent */
struct str sim_hex(uint64_t v, struct arena *a);
struct bindings sim_bindings(const char *name, uint64_t v, struct arena *a);
extern const struct language sim_language;

/* ---- gen.c ---- */
struct workflow *gen_workflow(uint64_t seed);

/* ---- store.c: rows as committed. ---- */
struct sim_row {
        struct node_row row;
        uint64_t ident, parent_ident;
        bool live;                        /* exists in the current epoch */
        int32_t active;                   /* leaves and graphs below that take a place under its limit */
        uint32_t checked_epoch;           /* +1: check_delta has seen it start in this epoch */
        uint64_t waited;                  /* the limit of its graph held it back, until this value of `writes`; STILL_WAITS; 0: never */
        uint64_t ended;                   /* `writes` when it became final */
};
#define STILL_WAITS UINT64_MAX
struct sim_store {
        struct arena *arena;
        const struct workflow *w;
        struct run_row run;
        struct sim_row *rows; uint32_t rows_n, rows_cap; /* by number; [0] unused */
        uint32_t history_n;
        struct sim_undo { uint32_t no; bool existed, live; uint64_t waited, ended; struct node_row row; } *undo; uint32_t undo_n, undo_cap;
        struct run_row undo_run; bool undo_run_set;
        uint64_t commits, writes;
        bool exact;                       /* no crashes: times are what they would be */
        int32_t active;                   /* leaves that run */
        uint32_t *grown; uint32_t grown_n, grown_cap; /* nodes whose `active` grew in the last delta */
        uint64_t digest;                  /* of everything that was ever written and ordered, in order */
        uint32_t *by_ident; uint32_t by_ident_cap;
};
void store_init(struct sim_store *s, const struct workflow *w, const struct run_row *run);
void store_free(struct sim_store *s);
/* Writes a delta; it is durable with the next store_harden(). Checks what a row may become. */
void store_write(struct sim_store *s, const struct delta *d);
/* Leaves and graphs that are active below `no` and not excepted, counted anew. */
int32_t store_count_active(const struct sim_store *s, uint32_t no, bool (*except)(const struct sim_store *, const struct sim_row *));
void store_harden(struct sim_store *s);
void store_rollback(struct sim_store *s);
uint32_t store_find(const struct sim_store *s, uint64_t ident); /* number of the live node; 0: none */
struct sim_cursor { const struct sim_store *store; uint32_t next; };
bool store_next(void *user, struct node_row *ret);
uint64_t sim_ident(uint64_t parent, enum node_role role, uint32_t task, uint32_t index);
#define IDENT_ROOT UINT64_C(0x526f6f74)

/* ---- world.c ---- */
enum sim_mode { MODE_SEEDED, MODE_ALL_GOOD };
struct sim_outcome { enum task_end end; int exit_code; uint32_t losses; };
struct sim_outcome sim_outcome(uint64_t seed, const struct sim_template *t, uint64_t ident, enum sim_mode mode);
enum run_state sim_child_state(uint64_t seed, const struct sim_template *t, uint64_t ident, enum sim_mode mode);
bool sim_rejects(uint64_t seed, uint64_t ident, enum sim_mode mode);
uint64_t sim_supplied(uint64_t in);
bool sim_cache_hit(const struct sim_workflow *w, uint64_t key);

struct world;
struct world *world_new(uint64_t seed, const struct workflow *w);
void world_free(struct world *w);
void world_mode(struct world *w, enum sim_mode mode);
/* An action whose commit is durable. Aborts the simulation when it was not. */
void world_act(struct world *w, const struct sim_store *s, const struct action *a, int64_t now_us, bool again);
/* A suspended node was committed: somebody will see to it. */
void world_saw_suspended(struct world *w, const struct sim_store *s, uint32_t no, int64_t now_us);
void world_unsee(struct world *w, uint32_t no); /* that approval was refused */
/* Order a command for later. */
void world_command(struct world *w, enum event_kind kind, int64_t at_us);
int64_t world_next_at(const struct world *w); /* INT64_MAX: nothing will come */
/* Takes the next event; what it points to lives until the next call but one. */
bool world_take(struct world *w, struct event *ret, int64_t *ret_at_us);
void world_untake(struct world *w, const struct event *e, int64_t at_us);
/* Was the attempt, if it is alive, told to end? A child run: told to terminate, when `terminate`. */
bool world_told(const struct world *w, uint32_t no, uint32_t epoch, bool terminate);
uint32_t world_live(const struct world *w);
uint32_t world_queued(const struct world *w);

/* ---- naive.c ---- */
struct naive_result { uint64_t ident; enum node_state state; uint64_t out; bool in_attempt; };
struct naive {
        struct naive_result *table; uint32_t cap, n;
        uint64_t *exports; uint32_t exports_n, exports_cap; /* name, value; in order of name, each once */
        enum run_state run;
        struct arena *arena;
};
void naive_evaluate(uint64_t seed, const struct workflow *w, enum sim_mode mode, struct arena *a, struct naive *ret);
const struct naive_result *naive_get(const struct naive *n, uint64_t ident);

/* ---- check.c ---- */
void check_delta(struct sim_store *s, const struct workflow *w, const struct delta *d); /* after store_write */
void check_end(const struct sim_store *s, const struct workflow *w);
void check_row(const struct sim_store *s, const struct workflow *w, const struct sim_row *before, const struct node_row *now); /* before it is written */
/* All that is committed has been acted upon: in a run that is being stopped, whoever has to end has been told. */
void check_stopping(const struct sim_store *s, const struct workflow *w, const struct world *world);
void check_suspended(const struct sim_store *s);
/* Exit handlers and exit tasks, and what is below them, go on when the run is stopped. */
bool check_exempt(const struct sim_store *s, const struct workflow *w, const struct node_row *r);
/* `again` after a retry, where the number of attempts says nothing. */
void check_naive(const struct sim_store *s, const struct naive *n, bool again);
void check_same(const struct sim_store *a, const struct sim_store *b);
/* Numbers of good leaves that a retry must not run again, as flags by number. */
bool *check_keep_set(const struct sim_store *s, const struct workflow *w, struct arena *a);

/* ---- coverage.c ---- */
struct coverage;
size_t coverage_size(void);
void coverage_count(struct coverage *c, const struct sim_store *s, const struct workflow *w);
void coverage_drive(struct coverage *c, uint64_t crashes, uint64_t largest_crashed, bool retried); /* of one seed */
void coverage_add(struct coverage *to, const struct coverage *from);
bool coverage_print(const struct coverage *c, uint64_t least); /* false: something occurred less often */

/* ---- sim.c ---- */
extern uint64_t sim_seed;
extern unsigned sim_defect;   /* simulator's side of the planted defects */
extern bool sim_verbose;
/* Ends the process: what must hold did not. */
void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
