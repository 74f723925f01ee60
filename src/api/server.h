/* The HTTP server: sockets, threads, limits, streams, TLS; hands requests to routes. */
#pragma once
#include "api/api.h"

struct api;
struct api_options {
        struct runtime *runtime;           /* on `loop`; commands are carried over to its thread */
        struct uv_loop_s *loop;
        const struct store_ops *store;
        const struct executor_ops *executor; /* where its logs are */
        struct store_settings store_settings;
        const struct settings *settings;   /* listen address, TLS, limits */
        struct str folder;
        bool insecure;                     /* off loopback without asking who somebody is */
        const struct route *const *routes; /* tables, ends in NULL */
};
bool api_open(const struct api_options *, struct api **ret, struct error *e);
/* No new connections; requests under way are answered, at most `grace_us`. */
void api_close(struct api *, int64_t grace_us);
/* "http://127.0.0.1:8080", with the real port when 0 was asked for. */
struct str api_url(const struct api *);
