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
