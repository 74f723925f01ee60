/* Metrics in Prometheus' text form, and health. */
#include "api/internal.h"
#include <stdio.h>
#include <unistd.h>

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

static void gauge(struct buf *b, const char *name, const char *help, uint64_t n)
{
        family(b, name, "gauge", help);
        buf_addf(b, "%s %llu\n", name, (unsigned long long)n);
}

static void counter(struct buf *b, const char *name, const char *help, uint64_t n)
{
        family(b, name, "counter", help);
        buf_addf(b, "%s %llu\n", name, (unsigned long long)n);
}

static void runtime_write(struct api *api, struct buf *b)
{
        struct runtime_metrics *m = runtime_metrics(api->o.runtime);
        gauge(b, "weft_runs_in_memory", "Runs that the engine holds.", atomic_load(&m->runs));
        gauge(b, "weft_steps_running", "Attempts that the executor has.", atomic_load(&m->running));
        gauge(b, "weft_commands_waiting", "Commands that wait for an earlier commit.", atomic_load(&m->commands_waiting));
        counter(b, "weft_commits_failed_total", "Commits that the store did not take.", atomic_load(&m->commits_failed));
        family(b, "weft_nodes_finished_total", "counter", "Nodes that ended since the server started, by state.");
        for (int s = 0; s < NODE_STATES; s++)
                if (node_state_final((enum node_state)s))
                        buf_addf(b, "weft_nodes_finished_total{state=\"%s\"} %llu\n", node_state_name((enum node_state)s), (unsigned long long)atomic_load(&m->nodes_finished[s]));
        family(b, "weft_commit_seconds", "histogram", "Time of one commit.");
        histogram_write(b, "weft_commit_seconds", "", &m->commit);
        family(b, "weft_durable_seconds", "histogram", "From the first change of a batch until it is durable: how long an event waits at most.");
        histogram_write(b, "weft_durable_seconds", "", &m->durable);
        family(b, "weft_loop_turn_seconds", "histogram", "Time between two waits of the loop: its lag.");
        histogram_write(b, "weft_loop_turn_seconds", "", &m->turn);
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
        runtime_write(api, b);
        gauge(b, "weft_streams", "Live streams that are open.", atomic_load(&api->streams_open));
        gauge(b, "weft_http_connections", "Connections.", atomic_load(&api->connections));
        gauge(b, "weft_http_requests_active", "Requests under way.", atomic_load(&api->active));
        gauge(b, "weft_http_body_bytes", "Memory for the bodies of requests under way.", atomic_load(&api->body_bytes));
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
