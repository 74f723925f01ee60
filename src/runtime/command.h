/* What the world asks of the runtime: in the process itself, or as one JSON line through the owner's socket. */
#pragma once
#include "dialect/dialect.h"
#include "model/records.h"

enum command_kind { COMMAND_RUN, COMMAND_STOP, COMMAND_TERMINATE, COMMAND_RETRY, COMMAND_APPROVE, COMMAND_RESUME, COMMAND_DELETE, COMMAND_FOLLOW,
        COMMAND_PUT, COMMAND_REMOVE, COMMAND_META, COMMAND_METRIC, COMMAND_FORGET_CACHE, COMMANDS };
const char *command_name(enum command_kind k); /* "run" */

enum meta_field { META_OWNER, META_EXPERIMENT, META_PIPELINE, META_VERSION, META_RECURRING, META_DESCRIPTION, META_SERVICE_ACCOUNT, META_LABELS, META_PRIORITY, META_ARCHIVED };

struct command {
        enum command_kind kind;
        struct str run;              /* name, uid or prefix of uid; not for RUN */
        struct str node;             /* APPROVE: number or name; empty: the only one */
        struct bindings values;      /* APPROVE */
        bool reject;                 /* APPROVE */
        bool force;                  /* DELETE: also one that is not final */
        bool follow;                 /* the answer is followed by a line for each commit that touches the run */
        /* RUN */
        struct str document;
        struct submission submission; /* name: asked for, and refused when it is taken */
        struct str base_name;         /* of the document; a suffix is added when it is taken */
        struct str generate_name;     /* prefix; a suffix is always added */
        struct str executor;          /* the one that the caller wants; empty: any */
        struct str uid;               /* chosen by who asks, so that asking again makes no second run; empty: the runtime's choice */
        bool again;                   /* it may have been carried out already: the answer did not arrive */
        struct run_meta meta;        /* RUN; META: only what `meta_set` names */
        uint32_t meta_set;           /* META: bits 1 << enum meta_field */
        struct str who;              /* on whose behalf, for the audit log; empty: who owns the data folder */
        /* PUT, REMOVE. `record.id` may be empty in a PUT that creates: the runtime chooses; the answer's uid tells. What hangs together is the runtime's to keep
         * (runtime/catalog.c): a pipeline goes with its versions, an archived experiment archives its runs and disables its schedules. */
        struct record record;
        enum put_mode { PUT_CREATE, PUT_UPDATE, PUT_EITHER } mode; /* CREATE: ERROR_CONFLICT when the name is taken; UPDATE: ERROR_NOT_FOUND when it is not there */
        uint64_t revision;           /* UPDATE: ERROR_CONFLICT unless it is the stored one; 0: any */
        bool cascade;                /* REMOVE: with all that hangs on it */
        /* METRIC (run, node by number or name) and FORGET_CACHE */
        struct str metric; double value;
        struct str cache_key;        /* empty: all */
        /* a child run */
        struct str parent_run;
        uint32_t parent_node, depth;
};

struct answer {
        bool ok;
        struct error error;
        struct str uid, name;        /* of the run */
        enum run_state state;
        bool renamed;                /* `name` is not what the document says, because that is taken */
        struct str text;             /* for people; may be empty */
};
/* Called once, when what was asked for is durable, or was refused. On the loop's thread. */
typedef void command_done(void *user, const struct answer *);

struct str command_encode(const struct command *c, struct arena *a);             /* one line, with its end */
bool command_decode(struct str line, struct arena *a, struct command *ret, struct error *e);
struct command command_copy(const struct command *c, struct arena *a);
struct str answer_encode(const struct answer *x, struct arena *a);
bool answer_decode(struct str line, struct arena *a, struct answer *ret);
