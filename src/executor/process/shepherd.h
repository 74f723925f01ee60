/* What the parts of the shepherd share. */
#pragma once
#include "executor/process/process.h"

enum { RESULT_MAX = RESULT_BYTES_MAX, LINE_MAX_BYTES = 64 << 10 };

/* A pipe of which the shepherd keeps both ends, so that it can be used again. */
struct duct { int read, write; int64_t id; };
struct stream { struct duct duct; char letter; struct buf line; };

struct task {
        struct task *next;
        char *key, *folder;
        struct record start, end;  /* end: once it has exited or could not be started */
        struct stream streams[2];  /* o, e */
        bool wants_result, log_full, stopping;
        bool grouped;              /* it has a control group */
        bool watched;              /* its ducts are in the event queue */
        bool told;                 /* its owner knows that it began, or will in a moment */
        bool exited;               /* the main process is gone */
        bool ended;                /* all are, and it is journaled */
        int log;
        struct buf result;         /* the last RESULT_MAX to 2 * RESULT_MAX bytes of standard output */
        int64_t log_bytes, log_max, grace_us, watch_at_us, kill_at_us, sweep_until_us;
        int *status;               /* sandbox: shared with its first process */
        char *message;
};

/* ---- output.c ---- */
/* Reads what is there, at most a few buffers of it; true: there may be more. `scratch` is reset by the caller. */
bool stream_drain(struct task *t, struct stream *o, struct arena *scratch);
void stream_flush(struct task *t, struct stream *o, struct arena *scratch); /* the last line, which has no end */
void result_write(struct task *t);

/* ---- request.c ---- */
/* A request, whose texts stay in the frame it came in. */
struct request { struct str what, key, folder; struct spawn spawn; bool wants_result; int64_t log_max, grace_us, scratch, cpu_milli; };
void request_read(struct str frame, struct arena *a, struct request *r);

/* ---- cgroup.c ---- */
struct cgroups { bool asked, usable, v2; char base[4096]; };
void cgroups_find(struct cgroups *g);
/* Makes a group and returns the descriptor that a process enters it by; -1: it cannot be. A limit of 0 is none. */
int cgroup_make(const struct cgroups *g, const char *name, int64_t memory_bytes, int64_t cpu_milli);
bool cgroup_end(const struct cgroups *g, const char *name); /* removes it; was a process of it killed for its use of memory? */

/* ---- shepherd.c ---- */
enum { BUCKETS = 256, DUCTS_KEPT = 64 };
struct shepherd {
        const char *folder;
        int epoll, listener, owner, signals, journal, null, dir;
        struct duct ducts[DUCTS_KEPT]; /* free ones */
        uint32_t ducts_n;
        int64_t journal_bytes;     /* written by this shepherd */
        uint64_t files_max;        /* soft limit of descriptors, when it has been raised */
        struct str scratch_prefix;
        struct cgroups cgroups;
        bool owner_waits;          /* for the socket to be writable */
        bool urgent;               /* what is to be told is more than that tasks have begun */
        struct buf in, out, lines; /* lines: of the journal */
        struct buf frame;          /* being made */
        struct task *table[BUCKETS];
        uint32_t known, running, sweeping, stopping, unwatched;
        struct str boot;
        struct arena *arena;   /* of the process */
        struct arena *scratch; /* of a turn */
};

#define EACH_TASK(s, t) for (size_t i_ = 0; i_ < BUCKETS; i_++) for (struct task *t = (s)->table[i_]; t; t = t->next)

struct task **task_slot(struct shepherd *s, struct str key); /* where the pointer to it is, or would be */
struct task *task_new(struct shepherd *s, struct str key);
void task_free(struct shepherd *s, struct task *t);
struct record record_of(const struct shepherd *s, const struct task *t, char kind);
struct kin kin_of(struct shepherd *s, const struct task *t, struct arena *a);
const char *group_of(struct shepherd *s, const struct task *t); /* name of its control group; in the turn's arena */

/* ---- takeover.c ---- */
void recovered(void *shepherd, const struct record *r); /* a line of the journal: what is known again */
void take_over(struct shepherd *s); /* S4 */
