/* Metrics in Prometheus' text form, and health. */
#include "api/internal.h"
#include <stdio.h>
#include <unistd.h>

const double latency_bounds_s[LATENCY_BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

void histogram_add(struct histogram *h, int64_t us)
{
        size_t i = 0;
        while (i < LATENCY_BUCKETS && (double)us > latency_bounds_s[i] * 1e6)
                i++;
        atomic_fetch_add(&h->counts[i], 1);
        atomic_fetch_add(&h->sum_us, (uint64_t)(us > 0 ? us : 0));
}

static void family(struct buf *b, const char *name, const char *type, const char *help) { buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type); }

static void histogram_write(struct buf *b, const char *name, const char *labels, struct histogram *h)
{
        uint64_t total = 0;
        for (size_t i = 0; i <= LATENCY_BUCKETS; i++) {
                char bound[32] = "+Inf";
                total += atomic_load(&h->counts[i]);
                if (i < LATENCY_BUCKETS)
                        snprintf(bound, sizeof bound, "%g", latency_bounds_s[i]);
                buf_addf(b, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels, *labels ? "," : "", bound, (unsigned long long)total);
        }
        buf_addf(b, "%s_sum%s%s%s %.6f\n%s_count%s%s%s %llu\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", (double)atomic_load(&h->sum_us) / 1e6, name, *labels ? "{" : "", labels,
                 *labels ? "}" : "", (unsigned long long)total);
}

static void http_write(struct api *api, struct buf *b)
{
        char labels[512];
        size_t n = router_routes(api->router);
        family(b, "weft_http_requests_total", "counter", "Requests answered, by route and class of status.");
        for (size_t i = 0; i <= n; i++) {
                struct route_stats *s = i < n ? &api->stats[i] : &api->unrouted;
                const struct route *r = i < n ? router_route(api->router, i) : NULL;
                for (int c = 1; c < 6; c++)
                        if (atomic_load(&s->by_class[c]))
                                buf_addf(b, "weft_http_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} %llu\n", r ? r->method : "", r ? r->path : "", c,
                                         (unsigned long long)atomic_load(&s->by_class[c]));
        }
        family(b, "weft_http_request_seconds", "histogram", "Time from the first line of a request to the end of its answer.");
        for (size_t i = 0; i < n; i++) {
                const struct route *r = router_route(api->router, i);
                bool any = false;
                for (size_t k = 0; k <= LATENCY_BUCKETS; k++)
                        any |= atomic_load(&api->stats[i].time.counts[k]) > 0;
                snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\"", r->method, r->path);
                if (any)
                        histogram_write(b, "weft_http_request_seconds", labels, &api->stats[i].time);
        }
}

static void memory_write(struct buf *b)
{
        FILE *f = fopen("/proc/self/statm", "re");
        long size = 0, resident = 0;
        if (f && fscanf(f, "%ld %ld", &size, &resident) == 2) {
                family(b, "process_resident_memory_bytes", "gauge", "Memory in use.");
                buf_addf(b, "process_resident_memory_bytes %lld\n", (long long)resident * sysconf(_SC_PAGESIZE));
        }
        if (f)
                fclose(f);
}

void metrics_write(struct api *api, struct store_reader *reader, const struct store_ops *store, struct buf *b)
{
        struct store_counts c = {0};
        struct error e;
        if (store->counts && store->counts(reader, &c, &e)) {
                family(b, "weft_runs", "gauge", "Runs that are stored, by state.");
                for (int s = 0; s < RUN_STATES; s++)
                        buf_addf(b, "weft_runs{state=\"%s\"} %llu\n", run_state_name((enum run_state)s), (unsigned long long)c.runs[s]);
                family(b, "weft_records", "gauge", "What is stored beside runs, by kind.");
                for (int k = RECORD_RUN + 1; k < RECORD_KINDS; k++)
                        buf_addf(b, "weft_records{kind=\"%s\"} %llu\n", record_kind_name((enum record_kind)k), (unsigned long long)c.records[k]);
                family(b, "weft_cache_entries", "gauge", "Entries of the cache.");
                buf_addf(b, "weft_cache_entries %llu\n", (unsigned long long)c.cache);
        }
        family(b, "weft_streams", "gauge", "Live streams that are open.");
        buf_addf(b, "weft_streams %llu\n", (unsigned long long)atomic_load(&api->streams_open));
        family(b, "weft_http_requests_active", "gauge", "Requests under way.");
        buf_addf(b, "weft_http_requests_active %llu\n", (unsigned long long)atomic_load(&api->active));
        http_write(api, b);
        memory_write(b);
}

static void get_metrics(struct request *r)
{
        metrics_write(r->api, r->reader, r->store, &r->answer.body);
        r->answer.type = "text/plain; version=0.0.4; charset=utf-8";
}

static void get_health(struct request *r) { buf_add_c(&r->answer.body, "{\"status\":\"ok\",\"version\":\"" WEFT_VERSION "\"}"); }

/* Ready: the store answers. */
static void get_ready(struct request *r)
{
        struct error e;
        uint64_t seq;
        if (atomic_load(&r->api->closing))
                error_set(&e, ERROR_BUSY, "the server is stopping");
        else if (r->store->seq(r->reader, &seq, &e)) {
                buf_addf(&r->answer.body, "{\"status\":\"ready\",\"seq\":%llu}", (unsigned long long)seq);
                return;
        }
        request_fail(r, &e);
        r->answer.status = 503;
}

const struct route routes_core[] = {
        {"GET", "/healthz", get_health, MAY_NOTHING, "getHealth", "The process answers.", NULL, NULL, NULL, 0},
        {"GET", "/readyz", get_ready, MAY_NOTHING, "getReadiness", "The server can read its store and is not stopping.", NULL, NULL, NULL, 0},
        {"GET", "/metrics", get_metrics, MAY_NOTHING, "getMetrics", "Figures for Prometheus.", NULL, NULL, NULL, 0},
        {0},
};
