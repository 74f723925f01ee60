/* Named values that go into and come out of nodes. Everything here is borrowed: whoever makes one says what it lives in. */
#pragma once
#include "base/arena.h"
#include "text/value.h"

/* A parameter's value: raw text (every Argo parameter; a KFP string), or the text of a JSON value (KFP's numbers,
 * booleans, lists, structs and null). VAL_NONE: there is no value. */
enum val_kind { VAL_NONE = 0, VAL_TEXT = 1, VAL_JSON = 2 };
struct val {
        enum val_kind kind;
        struct str text;
};
#define VAL_NOTHING ((struct val){VAL_NONE, STR_NONE})
static inline struct val val_text(struct str s) { return (struct val){VAL_TEXT, s}; }
static inline struct val val_json(struct str s) { return (struct val){VAL_JSON, s}; }

struct param {
        struct str name;
        struct val value;
        bool secret; /* masked wherever it is shown */
};

/* Several entries of one name, in order, are a list of artifacts. */
struct artifact {
        struct str name;
        struct str uri;      /* where it is kept; empty when there is none */
        struct str type;     /* KFP's schema title ("system.Model"); empty for Argo */
        struct str metadata; /* text of a JSON map; empty for none */
        struct str digest;   /* "sha256:…" of the content; empty when unknown */
        int64_t size_bytes;  /* -1 when unknown */
        bool list;           /* part of an artifact list, also when it is the only entry */
};

struct bindings {
        struct param *params;
        size_t params_n;
        struct artifact *artifacts;
        size_t artifacts_n;
        struct val result; /* standard output's last part, where the language has it as an output */
};

const struct val *bindings_param(const struct bindings *b, struct str name);       /* NULL when absent */
const struct artifact *bindings_artifact(const struct bindings *b, struct str name); /* the first; NULL */
struct bindings bindings_copy(const struct bindings *b, struct arena *a);             /* deep */
/* The stored form, a JSON map {"p":[{"n","t"|"j"|"x","s"}],"a":[{"n","u","t","m","d","z","l"}],"t"|"j"|"x"}, where the last is the result;
 * "x" is text in hexadecimal, for what is not UTF-8. Round-trips values exactly. Nothing at all is the empty text. */
struct str bindings_encode(const struct bindings *b, struct arena *a);
bool bindings_decode(struct str text, struct arena *a, struct bindings *ret, struct error *e);
