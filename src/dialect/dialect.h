/* What a dialect offers to the rest: reading a document into the model, and writing its own status document from our rows.
 * The table of dialects is in dialect.c. */
#pragma once
#include "base/buf.h"
#include "base/error.h"
#include "model/rows.h"
#include "model/workflow.h"
#include "text/yaml.h"

/* What the submission adds to the document; kept as run_row.options (submission_encode), so that a stored run compiles again. */
struct submission {
        struct str entrypoint;        /* Argo: another template; empty: the document's */
        struct bindings parameters;   /* name → value; VAL_TEXT from -p, VAL_JSON from a params file */
        struct str name;              /* of the run; empty: the document's, or generated from generateName / pipeline name by the runtime */
        struct str display_name;      /* of the run; empty: the document's */
        struct str uid;               /* Argo substitutes some of these while compiling; empty in lint */
        struct wall created_at;       /* 0 in lint: nothing is submitted */
        struct str ns;
};
struct str submission_encode(const struct submission *, struct arena *a);
bool submission_decode(struct str text, struct arena *a, struct submission *ret, struct error *e);

/* Problems found in a document: all of them, not only the first. */
struct problem {
        enum error_kind kind;          /* ERROR_INVALID, ERROR_UNSUPPORTED, ERROR_LIMIT */
        bool warning;
        uint32_t line, column;
        struct str path;               /* "spec.templates[2].container.imagee" */
        struct str text;               /* what, and what to do */
};
struct problems { struct problem *items; size_t n, cap; struct arena *arena; };
void problem_add(struct problems *, enum error_kind, bool warning, const struct value *at /* may be NULL */, struct str path, const char *format, ...)
        __attribute__((format(printf, 6, 7)));
/* The first that is no warning, or NULL. */
const struct problem *problems_first_error(const struct problems *);

/* What becomes of a field of a document: for help, documents and their tests. */
enum field_use {
        FIELD_USED,
        FIELD_NO_EFFECT, /* accepted; means nothing on this machine */
        FIELD_WARNED,    /* accepted with a warning: the run does without it */
        FIELD_REFUSED,   /* `hint` says what to do instead */
};
/* `place`: where the object that has the field stands first, "spec.templates[].container"; empty for the document itself. */
typedef void field_visitor(void *user, struct str place, const char *field, enum field_use, const char *hint /* may be NULL */);

struct dialect {
        const char *name;              /* "argo", "kfp" */
        enum yaml_schema schema;       /* how the language's own server reads YAML */
        /* Is this document (one of possibly several in a file) in this language and runnable (Workflow, WorkflowTemplate, pipeline spec)? */
        bool (*recognises)(const struct value *document);
        /* Compiles. `documents` is everything in the file: KFP's platform document, other templates. Returns NULL when there is an error among
         * problems. The workflow owns its arena (into which the documents are copied as needed). For a whole-document failure that Argo
         * reports in status.message ("invalid spec: …") the text stands in *ret_message. */
        struct workflow *(*compile)(const struct value *documents, size_t n, const struct submission *, struct problems *, struct str *ret_message);
        /* Status document from rows: Argo's Workflow with status; KFP's run. `nodes` in order of number. `w` may be NULL when compilation
         * failed: then run->message tells. */
        void (*write_status)(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct buf *out);
        /* The outputs of the run as `weft run -o json` shows them: a JSON map. */
        struct str (*run_outputs)(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct arena *a);
        /* Every field that the language has, object by object, each object once. */
        void (*fields)(field_visitor *each, void *user, struct arena *a);
};
extern const struct dialect dialect_argo, dialect_kfp;
extern const struct dialect *const dialects[]; /* ends in NULL */

/* Reads a file's text as YAML or JSON, finds the dialect and the document. Each dialect is asked about the text as its own server reads it:
 * what is an unquoted `y` differs. On failure `e` says where. */
bool dialect_detect(struct str text, struct arena *a, struct value **ret_documents, size_t *ret_n, const struct dialect **ret, struct error *e);
const struct dialect *dialect_by_name(struct str name);
