/* What a server keeps beside runs: one shape for every kind, so that uniqueness, paging, filters, live changes and tombstones are made
 * once. What only one kind has is in `body`, a JSON map whose members model/records.c documents and checks. */
#pragma once
#include "base/error.h"
#include "base/time.h"
#include "model/rows.h"

enum record_kind {
        RECORD_RUN,          /* queries only: runs have rows of their own */
        RECORD_NAMESPACE,
        RECORD_PIPELINE,
        RECORD_VERSION,      /* parent: the pipeline; body: {"document", "language", "source_url"} */
        RECORD_EXPERIMENT,
        RECORD_RECURRING,    /* parent: the experiment; body: see model/records.c */
        RECORD_PRESET,       /* parent: the pipeline; body: {"parameters": {}} */
        RECORD_TOKEN,        /* body: {"hash", "user", "groups", "expires_at", "last_used_at"}; never the token */
        RECORD_GRANT,        /* who has which role in `ns` (empty: everywhere): body {"subject": "user:x"|"group:y", "role"} */
        RECORD_NOTIFICATION, /* a rule: body {"on": [states], "kind": "webhook"|"mail"|"slack", "target", "secret", "pipeline"|"recurring"|"user"} */
        RECORD_DELIVERY,     /* parent: the rule */
        RECORD_AUDIT,
        RECORD_TEMPLATE,     /* stored workflow templates */
        RECORD_KINDS
};
const char *record_kind_name(enum record_kind k); /* "pipeline" */

enum record_state { RECORD_ACTIVE, RECORD_ARCHIVED, RECORD_DISABLED };

struct record {
        enum record_kind kind;
        struct str id;           /* UUID, lower case */
        struct str ns;
        struct str parent;       /* id of what it belongs to; empty: nothing */
        struct str name;         /* unique among (kind, ns, parent) */
        struct str display_name, description, owner;
        struct str tags;         /* JSON map of strings; empty: none */
        enum record_state state;
        struct wall created_at, updated_at;
        struct str body;         /* JSON map; empty: {} */
        uint64_t revision;       /* counts the writes; for `if nobody changed it meanwhile` */
        uint64_t seq;            /* of the commit that wrote it; set by the store */
};
/* Names, tags and what the body of this kind must have, by themselves: what a record refers to is the runtime's to look up. */
bool record_check(const struct record *r, struct error *e);
struct record record_copy(const struct record *from, struct arena *a);
