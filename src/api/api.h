/* What a handler of the server sees: one request, its answer, and the way to the store and the runtime. It knows nothing of HTTP's library.
 *
 * Threads: GET and HEAD are answered on the server's own threads and must not wait for anything but the store's reader. Every other method runs
 * on a worker thread, where waiting for a command's commit is fine. A handler fills in the answer and returns; what it allocates from
 * `arena` lives until the answer is sent.
 *
 * A route is one row of a table: from the rows come the router, the check of permissions, the OpenAPI document and the client. */
#pragma once
#include "base/buf.h"
#include "api/member.h"
#include "base/error.h"
#include "runtime/runtime.h"
#include "text/value.h"

enum permission {       /* ordered: each includes those before it */
        MAY_NOTHING,    /* anybody, also without a name: health, sign-in */
        MAY_BE_SOMEBODY,/* any known user */
        MAY_VIEW, MAY_RUN, MAY_PUBLISH, MAY_ADMIN, /* in the namespace of what is asked for: request_allow */
};

struct identity {
        struct str user;            /* empty: nobody */
        const struct str *groups; size_t groups_n;
        bool everything;            /* the server runs without authentication, for its owner alone */
        enum permission most;       /* a token for less than its user may: at most this; MAY_NOTHING: no such limit */
        struct str how;             /* "token", "proxy", "oidc", "jwt", "none" */
};

struct part { struct str name, file_name, content; }; /* of multipart/form-data */

struct request;
struct answer_stream;

struct route {
        const char *method;         /* "GET" */
        const char *path;           /* "/apis/v2beta1/runs/{run_id}:archive"; {name} is one segment, {name...} the rest */
        void (*handle)(struct request *);
        enum permission may;        /* at least; what the namespace needs is the handler's to ask */
        const char *name;           /* operationId, "archiveRun" */
        const char *summary;        /* one sentence; NULL: not in the OpenAPI document */
        const struct member *query, *body, *answer; /* NULL: none */
        size_t body_bytes_max;      /* 0: api.body_bytes_max */
};
/* Ends in a row without a path. */
extern const struct route routes_core[], routes_native[], routes_kfp_v2beta1[], routes_kfp_v1beta1[], routes_auth[];

struct request {
        const struct route *route;
        struct str method, path;    /* path: decoded where it is in `variables`, as sent here */
        struct arena *arena;
        struct identity who;
        struct str id;              /* X-Request-Id */
        struct str body;            /* whole, at most body_bytes_max */
        struct part *parts; size_t parts_n;
        struct store_reader *reader;     /* this thread's */
        const struct store_ops *store;
        const struct executor_ops *executor; /* log_path */
        const struct settings *settings;
        struct str folder;          /* the data folder */
        struct api *api;
        struct {                    /* the answer */
                int status;         /* 0: 200 */
                const char *type;   /* NULL: "application/json" */
                struct buf body;
                struct answer_stream *stream; /* instead of body */
                int fd; uint64_t fd_from, fd_bytes; /* instead of body when fd >= 0: closed by the server */
        } answer;
};

struct str request_variable(const struct request *, const char *name);           /* of the path; empty: none */
struct str request_query(const struct request *, const char *name);              /* "+" and %xx decoded; empty: none or empty */
struct str request_header(const struct request *, const char *name);             /* any case */
void request_set_header(struct request *, const char *name, struct str value);   /* of the answer */
/* Body as JSON; false: the error names line and column, kind ERROR_INVALID. */
bool request_json(struct request *, struct value *ret, struct error *e);

/* May who asks do this there? When they may not even see it the error is ERROR_NOT_FOUND, "there is no WHAT", as it must be when it is really not there, else ERROR_DENIED. ERROR_DENIED
 * without a name becomes 401. */
bool request_allow(const struct request *, enum permission, struct str ns, const char *what, struct error *e);
/* The namespaces that who asks may see, for struct query; *ret_n 0 with true: all. False: none at all. */
bool request_namespaces(const struct request *, const struct str **ret, size_t *ret_n);

/* Worker threads only. Returns when what was asked for is durable or refused; texts of `ret` live in the request's arena. Fills in
 * command.who. False: e. */
bool request_command(struct request *, struct command *, struct answer *ret, struct error *e);

/* A stream of events (text/event-stream) or lines: pulled by the server whenever the client takes more. `next` appends at most about 64 KiB to
 * `out`: true, more may come: nothing appended means wait until woken; false: the end. It runs on a server thread with that thread's reader and must not block. */
struct answer_stream {
        bool (*next)(struct answer_stream *, struct store_reader *, struct buf *out);
        void (*close)(struct answer_stream *);
        bool events;             /* text/event-stream: the server adds a comment line now and then so that proxies keep it open */
        struct str wake_run;     /* woken by commits that touch this run; empty: by every commit */
        struct str wake_file;    /* also when this file grows (a log that is being written); empty: none */
        void *user;
        struct stream *of;       /* the server's */
};
/* Within `next`: the stream is also woken when this file grows, or something appears in this folder. False: not there, or too many. */
bool answer_stream_watch(struct answer_stream *, const char *path);

/* The default error shape, {"error": {"kind", "message", "line", "column"}}; APIs of others write their own. */
void request_fail(struct request *, const struct error *e);
