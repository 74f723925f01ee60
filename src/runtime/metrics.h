/* Figures about the runtime: counted where things happen, read by whoever asks, on any thread. */
#pragma once
#include "model/states.h"
#include <stdatomic.h>

enum { LATENCY_BUCKETS = 16 };
extern const double latency_bounds_s[LATENCY_BUCKETS];
struct histogram { _Atomic uint64_t counts[LATENCY_BUCKETS + 1], sum_us; };
void histogram_add(struct histogram *h, int64_t us);

struct runtime_metrics {
        struct histogram commit;     /* of a batch, as the writer thread sees it */
        struct histogram durable;    /* from the first change of a batch to the news that it is on disk: what an event waits for at most */
        struct histogram turn;       /* between two waits of the loop: what an event waits before it is looked at */
        _Atomic uint64_t commits_failed;
        _Atomic uint64_t runs, running, commands_waiting; /* now: in memory; attempts with the executor; for an earlier commit */
        _Atomic uint64_t nodes_finished[NODE_STATES];
};
