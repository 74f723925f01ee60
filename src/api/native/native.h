/* The native API, /api/weft/v1: what its handlers share. A handler reads its request by the tables of its route, answers with one JSON value, or
 * fails with an error of ours. Everything lives in the request's arena. */
#pragma once
#include "api/api.h"
#include "runtime/files.h"
#include "text/json.h"

#define API_ROOT "/api/weft/v1"

/* members.c: the tables of bodies and answers */
extern const struct member run_members[], run_page_members[], run_create_members[], run_change_members[], run_list_members[];
extern const struct member node_members[], node_page_members[], node_list_members[], graph_members[], graph_list_members[];
extern const struct member approve_members[], force_members[], done_members[], where_members[];
extern const struct member log_members[], run_log_members[], event_list_members[], event_page_members[], artifact_page_members[], artifact_list_members[], artifact_members[];
extern const struct member record_list_members[], remove_members[], pipeline_members[], pipeline_page_members[], pipeline_write_members[];
extern const struct member version_members[], version_page_members[], version_write_members[], version_schema_members[], version_graph_members[];
extern const struct member check_members[], check_answer_members[], document_members[];
extern const struct member experiment_members[], experiment_page_members[], experiment_write_members[];
extern const struct member firing_query_members[], firing_members[];
extern const struct member recurring_members[], recurring_page_members[], recurring_write_members[];
extern const struct member preset_members[], preset_page_members[], preset_write_members[];
extern const struct member notification_members[], notification_page_members[], notification_write_members[];
extern const struct member watch_members[], bulk_members[], bulk_answer_members[], compare_query_members[], compare_members[], search_query_members[], search_members[];
extern const struct member usage_query_members[], usage_members[], cache_query_members[], cache_members[], info_members[], settings_members[];
extern const struct member plain_members[], plain_page_members[], plain_write_members[];

/* answer.c */
struct object { struct map_builder m; };
struct object object_new(struct request *q);
void put_str(struct object *o, const char *key, struct str s);       /* left out when empty */
void put_int(struct object *o, const char *key, int64_t i);
void put_bool(struct object *o, const char *key, bool b);
void put_time(struct object *o, const char *key, struct wall t);      /* left out when not set */
void put_value(struct object *o, const char *key, struct value v);
void put_json(struct object *o, const char *key, struct str text);    /* JSON text; an empty one is {} */
struct value object_value(const struct object *o);
void answer(struct request *q, struct value v);
void answer_object(struct request *q, int status, const struct object *o);
/* The body by the route's table; a request without one is {}. */
bool body_read(struct request *q, struct value *ret, struct error *e);
/* The query's parameters, checked against the route's table; those that are absent are absent. */
bool query_read(struct request *q, struct value *ret, struct error *e);
struct str text_of(const struct value *v, const char *key);
bool flag_of(const struct value *v, const char *key);
int64_t int_of(const struct value *v, const char *key, int64_t otherwise);
struct str json_of(const struct value *v, const char *key, struct arena *a); /* text of a member; empty: absent */
bool has(const struct value *v, const char *key);
enum { PAGE_DEFAULT = 50, PAGE_MAX = 1000 };
bool page_size(const struct value *query, uint32_t *ret, struct error *e);

/* show.c: rows as values */
struct value show_run(struct request *q, const struct run_row *r, bool whole);
struct value show_node(struct request *q, const struct node_row *n, bool whole);
struct value show_bindings(const struct bindings *b, struct arena *a);
struct value show_artifacts(const struct bindings *b, struct arena *a); /* a list, with name and index */
struct value show_record(struct request *q, const struct record *r, bool whole);
struct value show_problems(struct request *q, const struct problems *p);

/* find.c: what a path names, for who may see it */
/* The run by its id, its name or the beginning of its id. */
bool find_run(struct request *q, enum permission may, struct run_row *ret, struct error *e);
bool find_run_ref(struct request *q, struct str ref, enum permission may, struct run_row *ret, struct error *e);
void answer_run(struct request *q, struct str uid, int status); /* runs.c: the whole of it */
bool find_node(struct request *q, const struct run_row *run, struct node_row *ret, struct error *e);
/* A record by id or name in `ns` (empty: the default namespace). */
bool find_record(struct request *q, enum record_kind kind, struct str ns, struct str parent, struct str ref, enum permission may, struct record *ret, struct error *e);
/* By id, or by name where only one experiment of the namespace has it. */
bool find_recurring(struct request *q, struct str ns, struct str ref, enum permission may, struct record *ret, struct error *e);
/* The newest version of a pipeline that is not archived, or the one named. */
bool find_version(struct request *q, const struct record *pipeline, struct str ref, struct record *ret, struct error *e);
struct str namespace_of(struct request *q, const struct value *from);
bool visible(struct request *q, struct query *ret); /* puts the namespaces in; false: none */
struct str version_document(struct request *q, const struct record *version);
/* Every problem of a document that does not compile is in the answer, with its place. NULL: answered. */
struct workflow *compile_or_answer(struct request *q, struct str document, struct submission *s, const struct dialect **ret_dialect);

void openapi_get(struct request *q); /* ../openapi.c */
void api_run_list(struct request *q);
void api_run_create(struct request *q);
void api_run_get(struct request *q);
void api_run_document(struct request *q);
void api_run_change(struct request *q);
void api_run_stop(struct request *q);
void api_run_terminate(struct request *q);
void api_run_retry(struct request *q);
void api_run_resume(struct request *q);
void api_run_archive(struct request *q);
void api_run_unarchive(struct request *q);
void api_run_delete(struct request *q);
void api_run_events(struct request *q);
void api_node_list(struct request *q);
void api_node_get(struct request *q);
void api_node_approve(struct request *q);
void api_run_graph(struct request *q);
void api_run_artifacts(struct request *q);
void api_artifact_get(struct request *q);
void api_node_logs(struct request *q);
void api_run_logs(struct request *q);
void api_record_list(struct request *q);
void api_recurring_firings(struct request *q);
void api_recurring_run(struct request *q);
void api_record_get(struct request *q);
void api_record_create(struct request *q);
void api_record_update(struct request *q);
void api_record_delete(struct request *q);
void api_version_create(struct request *q);
void api_version_schema(struct request *q);
void api_version_graph(struct request *q);
void api_document_check(struct request *q);
void api_run_watch(struct request *q);
void api_watch(struct request *q);
void api_bulk(struct request *q);
void api_compare(struct request *q);
void api_search(struct request *q);
void api_usage(struct request *q);
void api_cache_list(struct request *q);
void api_cache_clear(struct request *q);
void api_info(struct request *q);
void api_settings(struct request *q);
