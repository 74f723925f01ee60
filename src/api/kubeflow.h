/* What the two KFP APIs share: they are projections of the same records, runs and commands, and differ in the words of their messages.
 *
 * Handlers are written as `bool f(request, struct value *ret, struct error *)` and wrapped by KUBEFLOW_HANDLER, which writes the message or KFP's error. */
#pragma once
#include "api/api.h"
#include "api/filter.h"
#include "dialect/kfp/kfp.h"
#include "text/json.h"

/* ---- answers ---- */

/* {"code", "message", "details"} with gRPC's code for the kind and its HTTP status. */
void kubeflow_fail(struct request *, const struct error *);
/* {"error_message", "error_details"}: uploads, logs, artifacts. */
void kubeflow_fail_file(struct request *, const struct error *);
void kubeflow_answer(struct request *, const struct value *);
typedef bool kubeflow_handler(struct request *, struct value *ret, struct error *);
void kubeflow_handle(struct request *, kubeflow_handler *, void (*fail)(struct request *, const struct error *));
#define KUBEFLOW_HANDLER(name) void name(struct request *r) { kubeflow_handle(r, do_##name, kubeflow_fail); }
#define KUBEFLOW_FILE_HANDLER(name) void name(struct request *r) { kubeflow_handle(r, do_##name, kubeflow_fail_file); }
/* The thing is there, but its state does not allow it: 400, where a CONFLICT is a name that is taken. */
bool kubeflow_refuse_state(struct error *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Members of a message; what is empty is left out. */
void kubeflow_put(struct map_builder *, const char *key, struct str);
void kubeflow_put_c(struct map_builder *, const char *key, const char *word);
void kubeflow_put_time(struct map_builder *, const char *key, struct wall); /* not set: 1970 */
void kubeflow_put_i64(struct map_builder *, const char *key, int64_t);     /* as text */
void kubeflow_put_json(struct map_builder *, const char *key, struct str json); /* empty: left out */
struct str kubeflow_text(const struct value *map, const char *key);         /* STRING member, or empty */
int64_t kubeflow_number(const struct value *map, const char *key, int64_t otherwise);
bool kubeflow_true(const struct value *map, const char *key);

/* ---- requests ---- */

bool kubeflow_read(struct request *, const struct member *table, struct value *ret, struct error *);
/* A message's tags (NULL: none), a map of texts, as a record keeps them. */
bool kubeflow_tags(struct request *, const struct value *tags, struct str *ret, struct error *);
/* A message's parameters (NULL: none), each of any type. */
bool kubeflow_parameters(struct request *, const struct value *parameters, struct bindings *ret, struct error *);
/* The namespace that is meant. With a single user what is asked for is ignored; else it must be named, and `may` held there. */
bool kubeflow_namespace(struct request *, enum permission may, struct str asked, struct str *ret, struct error *);

/* A page of a list: page_size, page_token, sort_by, filter of the request. The query's namespaces are set by kubeflow_list_in. */
struct kubeflow_list { struct query query; uint64_t bound_to; };
bool kubeflow_list_open(struct request *, enum record_kind, const struct filter_key *keys, struct str scope, struct kubeflow_list *ret, struct error *);
/* Only those in `asked`, or, when it is empty and may be, in all namespaces that who asks may see. */
bool kubeflow_list_in(struct request *, struct kubeflow_list *, struct str asked, bool needed, struct error *);
void kubeflow_list_where(struct request *, struct kubeflow_list *, const char *key, struct str text);
bool kubeflow_list_records(struct request *, struct kubeflow_list *, const char *member, struct value (*write)(struct request *, const struct record *, void *), void *user,
                           struct value *ret, struct error *);
bool kubeflow_list_runs(struct request *, struct kubeflow_list *, const char *member, struct value (*write)(struct request *, const struct run_row *, void *), void *user,
                        struct value *ret, struct error *);

/* ---- things ---- */

bool kubeflow_record(struct request *, enum record_kind, struct str id, enum permission may, struct record *ret, struct error *);
bool kubeflow_record_body(struct request *, const struct record *, struct value *ret, struct error *);
bool kubeflow_run(struct request *, struct str uid, enum permission may, struct run_row *ret, struct error *);
struct node_rows { struct node_row *p; size_t n, cap; struct arena *arena; };
bool kubeflow_nodes(struct request *, const struct run_row *, struct node_rows *ret, struct error *);
/* The newest version of a pipeline; *ret_found false: it has none. */
bool kubeflow_latest_version(struct request *, struct str pipeline, bool *ret_found, struct record *ret, struct error *);

/* Makes the record and reads it back. */
bool kubeflow_create(struct request *, const struct record *, struct record *ret, struct error *);
/* Writes it in place of the one of its revision. */
bool kubeflow_update(struct request *, const struct record *, struct error *);
bool kubeflow_remove(struct request *, enum record_kind, struct str id, bool cascade, struct error *);
bool kubeflow_run_command(struct request *, enum command_kind, const struct run_row *, struct error *);
bool kubeflow_archive_run(struct request *, const struct run_row *, bool archived, struct error *);

/* A pipeline's document, checked as lint does: its language and what its parameters are. */
struct kubeflow_document { struct str text, language, name; struct bindings parameters; };
bool kubeflow_document(struct request *, struct str text, struct kubeflow_document *ret, struct error *);
/* From a request's pipeline_spec: the bare map, or {"pipeline_spec", "platform_spec"}. */
struct str kubeflow_document_of_spec(const struct value *spec, struct arena *a);

struct kubeflow_upload { struct str document, stem; };
bool kubeflow_upload(struct request *, struct kubeflow_upload *ret, struct error *);
struct kubeflow_new_pipeline { struct str name, display_name, description, ns, tags; };
struct kubeflow_new_version { struct str name, display_name, description, source_url, document, tags; };
/* A pipeline with its first version. */
bool kubeflow_create_pipeline(struct request *, const struct kubeflow_new_pipeline *, const struct kubeflow_new_version *, struct record *ret, struct record *ret_version,
                              struct error *);
bool kubeflow_create_version(struct request *, const struct record *pipeline, const struct kubeflow_new_version *, struct record *ret, struct error *);

/* What a run or a recurring run is to carry out, and in whose name. */
struct kubeflow_submission {
        struct str display_name, description, ns, service_account, pipeline_root;
        struct str experiment;         /* empty: Default */
        struct str pipeline, version;  /* pipeline alone: its newest version */
        struct str document;           /* instead */
        struct bindings parameters;
};
/* Looks up experiment, pipeline and version, and checks that who asks may run there; fills in ns, experiment and document. */
bool kubeflow_resolve(struct request *, struct kubeflow_submission *, bool keep_open /* a recurring run: the version stays open */, struct error *);
bool kubeflow_create_run(struct request *, struct kubeflow_submission *, struct run_row *ret, struct error *);
struct kubeflow_trigger { struct str cron, timezone; int64_t interval_s; struct str start, end; bool no_catchup, enabled; int64_t max_concurrency; };
/* Trigger, no_catchup and max_concurrency of a message `v` as both APIs write them; texts are borrowed from it. ERROR_INVALID: two kinds of trigger at once. */
bool kubeflow_trigger_of(const struct value *v, bool enabled, struct kubeflow_trigger *ret, struct error *);
bool kubeflow_create_recurring(struct request *, struct kubeflow_submission *, const struct kubeflow_trigger *, struct record *ret, struct error *);
bool kubeflow_enable_recurring(struct request *, struct str id, bool enabled, struct error *);
/* Archive, unarchive. */
bool kubeflow_archive_experiment(struct request *, struct str id, bool archived, struct error *);
bool kubeflow_last_run(struct request *, struct str experiment, struct wall *ret, struct error *);

/* `ref`: a task's id, number or name, or Argo's id of the node. */
bool kubeflow_node(struct request *, const struct run_row *, const struct node_rows *, struct str ref, const struct node_row **ret, struct error *);
/* An artifact's content, as it is stored. `node`: a task's id, number or name, or Argo's id of the node. */
bool kubeflow_artifact(struct request *, const struct run_row *, struct str node, struct str artifact, struct str *ret, struct error *);
/* {"data": base64} */
bool kubeflow_read_artifact(struct request *, struct value *ret, struct error *);
/* GET …/nodes/{node}/log */
void kubeflow_read_log(struct request *);
