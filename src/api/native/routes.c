/* The table of the native API. */
#include "api/native/native.h"

#define RUNS API_ROOT "/runs"
#define RUN RUNS "/{run}"
#define NODE RUN "/nodes/{node}"
#define PIPELINE API_ROOT "/pipelines/{pipeline}"

#define GET(p, f, may, name, summary, query, answer) {"GET", p, f, may, name, summary, query, NULL, answer, 0}
#define POST(p, f, may, name, summary, query, body, answer) {"POST", p, f, may, name, summary, query, body, answer, 0}

/* The five requests of a kind of record. */
#define RECORDS(p, single, plural, list_name, t, page, write_table, may)                                                                     \
        {"GET", p, api_record_list, MAY_BE_SOMEBODY, "list" list_name, "List " plural ".", record_list_members, NULL, page, 0},                   \
        {"POST", p, api_record_create, may, "create" list_name, "Make a " single ".", where_members, write_table, t, 0},                          \
        {"GET", p "/{record}", api_record_get, MAY_BE_SOMEBODY, "get" list_name, "Show a " single ", by id or name.", where_members, NULL, t, 0}, \
        {"PATCH", p "/{record}", api_record_update, may, "update" list_name, "Change what is given of a " single ".", where_members, write_table, t, 0}, \
        {"DELETE", p "/{record}", api_record_delete, may, "delete" list_name, "Delete a " single ".", remove_members, NULL, done_members, 0}

const struct route routes_native[] = {
        {"GET", API_ROOT "/openapi.json", openapi_get, MAY_NOTHING, "getOpenApi", NULL, NULL, NULL, NULL, 0},

        GET(RUNS, api_run_list, MAY_BE_SOMEBODY, "listRuns", "List runs, newest first.", run_list_members, run_page_members),
        POST(RUNS, api_run_create, MAY_BE_SOMEBODY, "createRun", "Start a run of a pipeline's version, or of a document.", NULL, run_create_members, run_members),
        GET(RUN, api_run_get, MAY_BE_SOMEBODY, "getRun", "Show a run, by id, name or the beginning of its id.", where_members, run_members),
        {"PATCH", RUN, api_run_change, MAY_BE_SOMEBODY, "updateRun", "Change a run's description, labels or priority.", where_members, run_change_members, run_members, 0},
        {"DELETE", RUN, api_run_delete, MAY_BE_SOMEBODY, "deleteRun", "Delete a run and all it left.", force_members, NULL, done_members, 0},
        GET(RUN "/document", api_run_document, MAY_BE_SOMEBODY, "getRunDocument", "The document of a run, as it was submitted.", where_members, document_members),
        GET(RUN "/events", api_run_events, MAY_BE_SOMEBODY, "listRunEvents", "What happened in a run, for people.", event_list_members, event_page_members),
        GET(RUN "/nodes", api_node_list, MAY_BE_SOMEBODY, "listNodes", "The nodes of a run, in order of number.", node_list_members, node_page_members),
        GET(RUN "/graph", api_run_graph, MAY_BE_SOMEBODY, "getRunGraph", "The children of a node, and what they wait for.", graph_list_members, graph_members),
        GET(NODE, api_node_get, MAY_BE_SOMEBODY, "getNode", "A node with its inputs, outputs, attempts and history.", where_members, node_members),
        GET(NODE "/logs", api_node_logs, MAY_BE_SOMEBODY, "getNodeLogs", "What a step said.", log_members, NULL),
        GET(RUN "/logs", api_run_logs, MAY_BE_SOMEBODY, "getRunLogs", "What all steps said, each line after its node's number.", run_log_members, NULL),
        GET(RUN "/artifacts", api_run_artifacts, MAY_BE_SOMEBODY, "listArtifacts", "The artifacts that a run made.", artifact_list_members, artifact_page_members),
        GET(NODE "/artifacts/{artifact}", api_artifact_get, MAY_BE_SOMEBODY, "getArtifact", "The content of an artifact.", artifact_members, NULL),
        POST(RUN "/stop", api_run_stop, MAY_BE_SOMEBODY, "stopRun", "End what runs; exit handlers run.", where_members, NULL, run_members),
        POST(RUN "/terminate", api_run_terminate, MAY_BE_SOMEBODY, "terminateRun", "End what runs; exit handlers do not run.", where_members, NULL, run_members),
        POST(RUN "/retry", api_run_retry, MAY_BE_SOMEBODY, "retryRun", "Run again what did not succeed.", where_members, NULL, run_members),
        POST(RUN "/resume", api_run_resume, MAY_BE_SOMEBODY, "resumeRun", "Go on with a run that is suspended.", where_members, NULL, run_members),
        POST(RUN "/archive", api_run_archive, MAY_BE_SOMEBODY, "archiveRun", "Take a run out of the lists.", where_members, NULL, run_members),
        POST(RUN "/unarchive", api_run_unarchive, MAY_BE_SOMEBODY, "unarchiveRun", "Put a run back into the lists.", where_members, NULL, run_members),
        POST(NODE "/approve", api_node_approve, MAY_BE_SOMEBODY, "approveNode", "Let a step go on that waits for a person, with values, or reject it.", where_members, approve_members, run_members),

        RECORDS(API_ROOT "/pipelines", "pipeline", "pipelines", "Pipeline", pipeline_members, pipeline_page_members, pipeline_write_members, MAY_BE_SOMEBODY),
        GET(PIPELINE "/versions", api_record_list, MAY_BE_SOMEBODY, "listVersion", "List the versions of a pipeline.", record_list_members, version_page_members),
        POST(PIPELINE "/versions", api_version_create, MAY_BE_SOMEBODY, "createVersion", "Publish a version: a document, as JSON or as a form with a file.", where_members, version_write_members, version_members),
        GET(PIPELINE "/versions/{record}", api_record_get, MAY_BE_SOMEBODY, "getVersion", "Show a version, by id or name, or the `latest`.", where_members, version_members),
        {"PATCH", PIPELINE "/versions/{record}", api_record_update, MAY_BE_SOMEBODY, "updateVersion", "Change what is given of a version.", where_members, plain_write_members, version_members, 0},
        {"DELETE", PIPELINE "/versions/{record}", api_record_delete, MAY_BE_SOMEBODY, "deleteVersion", "Delete a version.", remove_members, NULL, done_members, 0},
        GET(PIPELINE "/versions/{version}/parameters", api_version_schema, MAY_BE_SOMEBODY, "getVersionParameters", "What a version asks for, as a JSON schema.", where_members, version_schema_members),
        GET(PIPELINE "/versions/{version}/graph", api_version_graph, MAY_BE_SOMEBODY, "getVersionGraph", "How a version looks before it ever ran.", where_members, version_graph_members),
        RECORDS(PIPELINE "/presets", "preset", "the presets of a pipeline", "Preset", preset_members, preset_page_members, preset_write_members, MAY_BE_SOMEBODY),
        RECORDS(API_ROOT "/experiments", "experiment", "experiments", "Experiment", experiment_members, experiment_page_members, experiment_write_members, MAY_BE_SOMEBODY),
        RECORDS(API_ROOT "/recurring", "recurring run", "recurring runs", "Recurring", recurring_members, recurring_page_members, recurring_write_members, MAY_BE_SOMEBODY),
        GET(API_ROOT "/recurring/{record}/firings", api_recurring_firings, MAY_BE_SOMEBODY, "listFirings", "The next firings of a recurring run.", firing_query_members, firing_members),
        POST(API_ROOT "/recurring/{record}/run", api_recurring_run, MAY_BE_SOMEBODY, "runRecurring", "Start one of its runs now.", where_members, NULL, run_members),
        RECORDS(API_ROOT "/notifications", "notification", "notifications", "Notification", notification_members, notification_page_members, notification_write_members, MAY_BE_SOMEBODY),
        RECORDS(API_ROOT "/namespaces", "namespace", "namespaces", "Namespace", plain_members, plain_page_members, plain_write_members, MAY_BE_SOMEBODY),
        POST(API_ROOT "/check", api_document_check, MAY_BE_SOMEBODY, "checkDocument", "Say what is wrong with a document, or what it asks for.", NULL, check_members, check_answer_members),
        POST(API_ROOT "/bulk", api_bulk, MAY_BE_SOMEBODY, "bulkRuns", "Do one thing to many runs, with a result for each.", where_members, bulk_members, bulk_answer_members),
        GET(API_ROOT "/compare", api_compare, MAY_BE_SOMEBODY, "compareRuns", "Parameters and metrics of several runs, side by side.", compare_query_members, compare_members),
        GET(API_ROOT "/search", api_search, MAY_BE_SOMEBODY, "search", "Pipelines, versions, experiments, recurring runs and runs that have a text in them.", search_query_members, search_members),
        GET(API_ROOT "/usage", api_usage, MAY_BE_SOMEBODY, "getUsage", "Runs, steps and seconds over time.", usage_query_members, usage_members),
        GET(API_ROOT "/watch", api_watch, MAY_BE_SOMEBODY, "watch", "Server-sent events: what changes, resumable by Last-Event-ID; `reset` when that is too old.", watch_members, NULL),
        GET(RUN "/watch", api_run_watch, MAY_BE_SOMEBODY, "watchRun", "Server-sent events of a run: what there is, then what changes, until it has ended.", watch_members, NULL),
        GET(API_ROOT "/cache", api_cache_list, MAY_BE_SOMEBODY, "listCache", "The outputs that are kept for steps like those that made them.", cache_query_members, cache_members),
        {"DELETE", API_ROOT "/cache", api_cache_clear, MAY_BE_SOMEBODY, "clearCache", "Forget all of them.", NULL, NULL, done_members, 0},
        {"DELETE", API_ROOT "/cache/{key}", api_cache_clear, MAY_BE_SOMEBODY, "forgetCached", "Forget one.", NULL, NULL, done_members, 0},
        GET(API_ROOT "/info", api_info, MAY_BE_SOMEBODY, "getInfo", "The server, and who asks.", NULL, info_members),
        GET(API_ROOT "/settings", api_settings, MAY_BE_SOMEBODY, "listSettings", "The settings in force, without secrets.", NULL, settings_members),
        {.path = NULL},
};
