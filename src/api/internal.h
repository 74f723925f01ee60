/* What the files of the server share. */
#pragma once
#include "api/server.h"
#include "api/token.h"
#include "api/mhd.h"
#include "runtime/metrics.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>
#include <uv.h>

struct api;

/* One request from its first line to the end of its answer. It belongs to one thread at a time: the HTTP library's, or a worker while the connection is
 * suspended. */
struct exchange {
        struct request r;
        struct api *api;
        struct MHD_Connection *connection;
        struct arena *arena;
        const char *url;             /* as sent, with the query */
        struct str raw_path, raw_query;
        struct { struct str name, value; } variables[8]; size_t variables_n;
        struct { const char *name; struct str value; } headers[16]; size_t headers_n;
        struct buf body;
        size_t body_max;
        bool too_large, form, handled;
        struct MHD_PostProcessor *post;
        struct mono began;
        size_t route_number;         /* of r.route */
        size_t counted, dropped;     /* bytes of the body: those in api->body_bytes; those that nobody wants */
        struct exchange *next_work;
        size_t answer_bytes;
};

/* A request that waits for the loop. */
struct errand {
        struct errand *next;
        const struct command *command;
        struct answer *answer;
        struct arena *arena;         /* texts of the answer */
        bool done;
        pthread_mutex_t lock;
        pthread_cond_t cond;
};

struct route_stats { struct histogram time; _Atomic uint64_t by_class[6]; };

struct streams;
struct lines;

struct api {
        struct api_options o;
        struct arena *arena;
        struct MHD_Daemon *daemon;
        char url[128];
        bool tls, loopback;
        pthread_key_t reader_key;    /* each thread's store reader */
        pthread_mutex_t readers_lock;
        struct thread_reader *readers;

        struct router *router;
        struct route_stats *stats;   /* by number of the route */
        struct route_stats unrouted;
        _Atomic uint64_t requests, active, connections, streams_open, body_bytes;
        _Atomic bool closing;
        uint64_t id_prefix;
        _Atomic uint64_t id_next;

        pthread_mutex_t work_lock;
        pthread_cond_t work_cond;
        struct exchange *work, **work_end;
        uint32_t workers, idle, workers_max, work_n;
        bool work_quit;

        pthread_mutex_t inbox_lock;
        struct errand *inbox, **inbox_end;
        uv_async_t inbox_async;
        uint32_t handles;

        struct streams *streams;
        struct lines *lines;
        struct auth *auth;           /* NULL: none is asked for */
        struct histogram commit_lag; /* from the arrival of a command at the loop to its answer */
};

/* router.c */
struct router *router_new(const struct route *const *tables, struct arena *a);
size_t router_routes(const struct router *r);
/* NULL: no such path; then *ret_allowed, when not empty, lists the methods that the path has. */
const struct route *router_find(const struct router *r, struct str method, struct str path, struct exchange *x, size_t *ret_number, struct str *ret_allowed);
const struct route *router_route(const struct router *r, size_t number);
bool percent_decode(struct str s, bool plus, struct arena *a, struct str *ret); /* false: malformed */

/* request.c */
bool multipart_feed(struct exchange *x, const char *data, size_t n);
void exchange_prepare(struct exchange *x); /* the body is whole */

/* work.c */
bool work_open(struct api *api, struct error *e);
void work_give(struct api *api, struct exchange *x);
void work_close(struct api *api);
struct store_reader *thread_store_reader(struct api *api, struct error *e);

/* server.c */
void exchange_run(struct exchange *x); /* calls the handler */

/* line.c */
enum line_phase {
        LINE_WAITS,                  /* for the whole of a request's headers: api.timeout */
        LINE_SENDS,                  /* the body comes: api.request_time */
        LINE_WORKS,                  /* ours to be slow, or a stream or file, which may take as long as it moves */
        LINE_READS,                  /* an answer from memory goes out: api.request_time */
};
bool lines_open(struct api *api, struct error *e);
void lines_close(struct api *api); /* no more sweeps */
void lines_free(struct api *api);  /* no more connections */
void on_line(void *user, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code);
void line_phase(struct MHD_Connection *connection, enum line_phase phase);

/* stream.c */
bool streams_open(struct api *api, struct error *e);
void streams_close(struct api *api); /* every stream ends */
void streams_free(struct api *api);
struct MHD_Response *stream_response(struct exchange *x, struct answer_stream *s);

/* auth.c */
bool auth_open(struct api *api, struct error *e);
void auth_close(struct api *api);
/* Fills in r->who. False: the request is refused. */
bool auth_identify(struct exchange *x, struct error *e);

/* origin.c: who asks is known. */
bool origin_check(const struct exchange *x, struct error *e);

bool role_parse(struct str name, enum permission *ret);   /* "viewer", … */

/* prom.c */
void metrics_write(struct api *api, struct store_reader *reader, const struct store_ops *store, struct buf *out);

/* openapi.c */
void openapi_get(struct request *q);
