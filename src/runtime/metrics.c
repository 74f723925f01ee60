#include "runtime/metrics.h"

const double latency_bounds_s[LATENCY_BUCKETS] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

void histogram_add(struct histogram *h, int64_t us)
{
        size_t i = 0;
        while (i < LATENCY_BUCKETS && (double)us > latency_bounds_s[i] * 1e6)
                i++;
        atomic_fetch_add_explicit(&h->counts[i], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&h->sum_us, (uint64_t)(us > 0 ? us : 0), memory_order_relaxed);
}
