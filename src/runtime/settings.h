/* Every setting in one table: name, default, bounds, what it does. From it come validation, `weft help settings` and the man page.
 *
 * A value comes from, later ones winning: the table; the configuration file ($WEFT_CONFIG, else weft/config.yaml in the XDG configuration folder); the
 * environment (WEFT_EXECUTOR_PROCESS_SLOTS for executor.process.slots); `--set name=value`. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum setting_id {
        SET_ISOLATION, SET_SLOTS, SET_IMAGES, SET_LOG_BYTES_MAX, SET_GRACE,
        SET_NODES_MAX, SET_DEPTH_MAX, SET_ITEMS_MAX, SET_WINDOW, SET_STEP_NODES_MAX,
        SET_VALUE_BYTES_MAX, SET_RUN_BYTES_MAX, SET_DOCUMENT_BYTES_MAX,
        SET_CHILD_DEPTH_MAX, SET_NAMESPACE, SET_SOFT_DELAY, SET_STORE_URL, SET_STORE_LEASE,
        SET_NOTIFY_PRIVATE_ADDRESSES, SET_NOTIFY_TIMEOUT, SET_NOTIFY_TRIES_MAX, SET_NOTIFY_RETRY_DELAY, SET_NOTIFY_SMTP, SET_NOTIFY_SMTP_USER, SET_NOTIFY_SMTP_PASSWORD, SET_NOTIFY_MAIL_FROM,
        SET_LIMIT_RUNS, SET_LIMIT_RUNS_NAMESPACE, SET_LIMIT_RUNS_PIPELINE, SET_LIMIT_RUNS_USER,
        SET_LIMIT_STEPS, SET_LIMIT_STEPS_NAMESPACE, SET_LIMIT_STEPS_PIPELINE, SET_LIMIT_STEPS_USER, SET_LIMIT_EXCEPTIONS,
        SET_AUDIT_ENABLED, SET_RETENTION_RUNS, SET_RETENTION_AUDIT, SET_RETENTION_CACHE,
        SET_API_LISTEN, SET_API_HOSTS, SET_API_TLS_CERTIFICATE, SET_API_TLS_KEY, SET_API_THREADS, SET_API_WORKERS, SET_API_CONNECTIONS_MAX, SET_API_BODY_BYTES_MAX, SET_API_HEADER_BYTES_MAX,
        SET_API_TIMEOUT, SET_API_REQUEST_TIME, SET_API_PULSE, SET_API_STREAMS_MAX, SET_API_BODIES_BYTES_MAX, SET_API_GRACE, SET_LOG_FORMAT, SET_LOG_LEVEL,
        SET_AUTH_MODE, SET_AUTH_ADMINS, SET_AUTH_DEFAULT_ROLE, SET_AUTH_TOKEN_AGE, SET_AUTH_PROXY_ADDRESSES, SET_AUTH_PROXY_HEADER, SET_AUTH_PROXY_PREFIX, SET_AUTH_PROXY_GROUPS_HEADER,
        SETTINGS
};

enum setting_kind { SETTING_TEXT, SETTING_CHOICE, SETTING_COUNT, SETTING_BYTES, SETTING_DURATION };
struct setting {
        const char *name;
        enum setting_kind kind;
        const char *value;      /* the default; empty for a count: worked out from the machine */
        const char *choices;    /* CHOICE: "a|b|c" */
        int64_t min, max;
        const char *help;
};
extern const struct setting setting_table[SETTINGS];

struct settings {
        struct arena *arena;                      /* of the caller */
        struct str text[SETTINGS];
        int64_t number[SETTINGS];                 /* COUNT, BYTES; DURATION in microseconds */
        const char *from[SETTINGS];               /* "default", "configuration file", "environment", "--set" */
};
void settings_init(struct settings *s, struct arena *a);
/* An unknown name gets a suggestion, a value out of bounds says the bounds. TEXT values of the form @PATH are read from the file. */
bool settings_set(struct settings *s, struct str name, struct str value, const char *from, struct error *e);
/* The configuration file and the environment. */
bool settings_load(struct settings *s, struct error *e);
/* WEFT_… */
struct str setting_env(const struct setting *t, struct arena *a);
