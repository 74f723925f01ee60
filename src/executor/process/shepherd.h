/* What the parts of the shepherd share. */
#pragma once
#include "executor/process/process.h"

enum { RESULT_MAX = RESULT_BYTES_MAX, LINE_MAX_BYTES = 64 << 10 };

struct stream { int fd; char letter; struct buf line; };

struct task {
        struct task *next;
        char *key, *folder;
        struct record start, end;  /* end: once it has exited or could not be started */
        struct stream streams[2];  /* o, e */
        bool wants_result, log_full, stopping;
        bool exited;               /* the main process is gone */
        bool ended;                /* all are, and it is journaled */
        int log;
        struct buf result;         /* the last RESULT_MAX to 2 * RESULT_MAX bytes of standard output */
        int64_t log_bytes, log_max, grace_us, kill_at_us, sweep_until_us;
        int *status;               /* sandbox: shared with its first process */
        char *message;
};

/* ---- output.c ---- */
/* Reads what is there, at most a few buffers of it (*ret_more: there may be more); false at the end of the stream. `scratch` is reset by the caller. */
bool stream_drain(struct task *t, struct stream *o, struct arena *scratch, bool *ret_more);
void stream_close(struct task *t, struct stream *o, struct arena *scratch);
void result_write(struct task *t);
