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
        bool watched;              /* its ducts are in the event queue */
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
struct request { struct str what, key, folder; struct spawn spawn; bool wants_result; int64_t log_max, grace_us, scratch; };
void request_read(struct str frame, struct arena *a, struct request *r);
