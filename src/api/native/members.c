/* The messages of the native API. From these tables come the checks of what is sent, and the schemas in the OpenAPI document. */
#include "api/native/native.h"

#define END {.name = NULL}
#define TEXT(n, h) {.name = n, .type = MEMBER_STRING, .help = h}
#define FLAG(n, h) {.name = n, .type = MEMBER_BOOL, .help = h}
#define WHOLE(n, h) {.name = n, .type = MEMBER_INT64, .help = h}
#define TIME(n, h) {.name = n, .type = MEMBER_TIME, .help = h}
#define MAP(n, h) {.name = n, .type = MEMBER_MAP, .help = h}
#define LIST(n, t, h) {.name = n, .type = MEMBER_OBJECT, .list = true, .required = true, .members = t, .help = h}

#define RUN_STATE_NAMES "Queued|Running|Suspended|Stopping|Succeeded|Failed|Error|Stopped|Terminated"
#define NODE_STATE_NAMES "Pending|Waiting|Running|Suspended|Succeeded|Cached|Failed|Error|Stopped|Skipped|Omitted|Lost"

/* ---- what several take ---- */

const struct member where_members[] = {TEXT("namespace", "The namespace in which names are looked up; else the default one."), END};
const struct member done_members[] = {{.name = "id", .type = MEMBER_STRING, .required = true, .help = "What it was."}, TEXT("message", "What should be known about it."), END};
const struct member force_members[] = {TEXT("namespace", "The namespace in which names are looked up."), FLAG("force", "Also when the run has not ended."), END};
const struct member remove_members[] = {TEXT("namespace", "The namespace in which names are looked up."), FLAG("cascade", "With everything that hangs on it."), END};

#define PAGING                                                                                                                              \
        {.name = "page_size", .type = MEMBER_INT32, .help = "How many at most, 1 to 1000; 50 when it is not given."},                        \
        TEXT("page_token", "What the page before gave as next_page_token."), FLAG("total", "Count them all, too."),                          \
        TEXT("sort", "The key to sort by, with - in front for the largest first.")

/* ---- artifacts ---- */

#define ARTIFACT                                                                                                                             \
        {.name = "name", .type = MEMBER_STRING, .required = true}, {.name = "index", .type = MEMBER_INT32, .required = true, .help = "Among those of the name."}, \
        TEXT("uri", "Where it is kept."), TEXT("type", "The schema of KFP that it follows."), MAP("metadata", NULL), TEXT("digest", "Of its content."), WHOLE("size_bytes", NULL)

static const struct member artifact_item[] = {ARTIFACT, END};
static const struct member run_artifact_item[] = {WHOLE("node", "The node that made it."), TEXT("node_name", NULL), ARTIFACT, END};
const struct member artifact_page_members[] = {LIST("artifacts", run_artifact_item, NULL), WHOLE("next_after", "Give it as `after` for the page that follows."), END};
const struct member artifact_list_members[] = {TEXT("namespace", NULL), {.name = "page_size", .type = MEMBER_INT32, .help = "How many at most, 1 to 1000; 50 when it is not given."}, WHOLE("after", "Only of nodes with a higher number."), END};
const struct member artifact_members[] = {TEXT("namespace", NULL), {.name = "index", .type = MEMBER_INT32, .help = "Which of a list of artifacts, from 0."}, END};

/* ---- runs ---- */

#define RUN                                                                                                                                  \
        {.name = "id", .type = MEMBER_STRING, .required = true}, {.name = "name", .type = MEMBER_STRING, .required = true},                   \
        {.name = "namespace", .type = MEMBER_STRING, .required = true}, TEXT("display_name", NULL), TEXT("language", "argo or kfp."),         \
        {.name = "state", .type = MEMBER_ENUM, .required = true, .choices = RUN_STATE_NAMES}, TEXT("reason", "Why it waits."), TEXT("message", NULL), \
        {.name = "final", .type = MEMBER_BOOL, .required = true, .help = "It has ended."}, FLAG("suspended", NULL), TEXT("owner", "Who started it."), \
        TEXT("experiment", NULL), TEXT("pipeline", NULL), TEXT("version", NULL), TEXT("recurring", NULL), TEXT("description", NULL),          \
        TEXT("service_account", NULL), MAP("labels", NULL), {.name = "priority", .type = MEMBER_INT32, .help = "Higher goes first."},         \
        FLAG("archived", NULL), TIME("scheduled_at", "The firing that it stands for."), TIME("created_at", NULL), TIME("started_at", NULL),   \
        TIME("finished_at", NULL), WHOLE("epoch", "How often it was retried."), WHOLE("nodes_total", "Its steps."),                           \
        WHOLE("nodes_done", "Those that have ended."), TEXT("parent_run", NULL), WHOLE("parent_node", NULL),                                 \
        WHOLE("seq", "The commit that wrote it."), MAP("parameters", NULL), MAP("outputs", NULL),                                            \
        {.name = "artifacts", .type = MEMBER_OBJECT, .list = true, .members = artifact_item}, MAP("metrics", "The newest value of each.")

const struct member run_members[] = {RUN, END};
const struct member run_page_members[] = {LIST("runs", run_members, NULL), TEXT("next_page_token", "Absent on the last page."), WHOLE("total", NULL), FLAG("total_at_least", "Counting stopped there."), END};
const struct member run_list_members[] = {
        TEXT("namespace", NULL), TEXT("state", "One or more, with commas between."), TEXT("pipeline", "The id of a pipeline."), TEXT("version", "The id of a version."),
        TEXT("experiment", "The id of an experiment."), TEXT("recurring", "The id of a recurring run."), TEXT("owner", "Who started it."), TEXT("parent_run", "The id of the run that made it."),
        TEXT("language", "argo or kfp."), TEXT("name", "A part of the name."), TIME("created_after", "Then or later."), TIME("created_before", "Before then."),
        {.name = "archived", .type = MEMBER_ENUM, .choices = "no|yes|any", .help = "Archived runs are left out when this is not given."},
        TEXT("where", "Conditions with ; between: a key, = != > >= < <= or ~ (contains), a value. Keys are those of a run, label:NAME and metric:NAME."),
        FLAG("metrics", "With the metrics of each."), PAGING, END};
const struct member run_create_members[] = {
        TEXT("id", "A UUID of the client's choice: asking again with it makes no second run."), TEXT("namespace", NULL), TEXT("pipeline", "Id or name of a pipeline, or"),
        TEXT("document", "the text of a workflow or a compiled pipeline."), TEXT("version", "Of the pipeline: id or name; the newest when it is not given."), TEXT("preset", "Parameters that were kept under a name."),
        TEXT("name", "It must be free; made from the document's when it is not given."), TEXT("display_name", NULL), TEXT("entrypoint", "Another template to start with (Argo)."),
        MAP("parameters", "By name, as JSON values."), MAP("parameters_text", "By name, as texts that are read as the parameter's type asks."), TEXT("experiment", "Id or name."),
        TEXT("description", NULL), TEXT("service_account", NULL), MAP("labels", "Texts by name."), {.name = "priority", .type = MEMBER_INT32, .help = "Higher goes first."}, END};
const struct member run_change_members[] = {TEXT("description", NULL), MAP("labels", "In place of those that it has."), {.name = "priority", .type = MEMBER_INT32}, END};
const struct member document_members[] = {TEXT("language", NULL), {.name = "document", .type = MEMBER_STRING, .required = true}, MAP("options", "What the submission added."), END};

const struct member event_list_members[] = {TEXT("namespace", NULL), WHOLE("node", "Only those of this node."), END};
static const struct member event_item[] = {WHOLE("node", NULL), TIME("at", NULL), {.name = "kind", .type = MEMBER_STRING, .required = true}, TEXT("text", NULL), END};
const struct member event_page_members[] = {LIST("events", event_item, NULL), END};

/* ---- nodes ---- */

#define NODE                                                                                                                                 \
        {.name = "id", .type = MEMBER_INT64, .required = true, .help = "Its number."}, WHOLE("parent", "0: the run itself."), TEXT("name", NULL), TEXT("kind", NULL), \
        {.name = "role", .type = MEMBER_ENUM, .choices = "task|item|attempt|hook"}, WHOLE("task", "Its index in the parent's graph."),                \
        WHOLE("index", "Of the item, attempt or hook."), WHOLE("epoch", NULL), WHOLE("attempt", NULL),                                       \
        {.name = "state", .type = MEMBER_ENUM, .required = true, .choices = NODE_STATE_NAMES}, TEXT("reason", "Why it waits."), TEXT("message", NULL), WHOLE("exit_code", NULL), \
        TIME("created_at", NULL), TIME("started_at", NULL), TIME("finished_at", NULL), WHOLE("children_total", NULL), WHOLE("children_done", NULL), \
        TEXT("cached_from", "The run and node whose outputs these are."), TEXT("child_run", NULL), WHOLE("seq", "The commit that wrote it."),  \
        {.name = "item", .type = MEMBER_ANY}, TIME("wakes_at", NULL), TIME("deadline_at", NULL), TEXT("cache_key", NULL), WHOLE("cpu_us", NULL), WHOLE("rss_max_bytes", NULL), \
        MAP("inputs", NULL), {.name = "input_artifacts", .type = MEMBER_OBJECT, .list = true, .members = artifact_item}, MAP("outputs", NULL), \
        {.name = "artifacts", .type = MEMBER_OBJECT, .list = true, .members = artifact_item}

static const struct member node_item[] = {NODE, END};
const struct member node_members[] = {NODE, {.name = "attempts", .type = MEMBER_OBJECT, .list = true, .members = node_item, .help = "Of a retry: its tries."},
                                      {.name = "history", .type = MEMBER_OBJECT, .list = true, .members = node_item, .help = "As it was before retries of the run."}, END};
#define NODE_QUERY                                                                                                                           \
        TEXT("namespace", NULL), TEXT("state", "One or more, with commas between."), WHOLE("parent", "Only the children of this node; 0: the top."), \
        {.name = "page_size", .type = MEMBER_INT32, .help = "How many at most, 1 to 1000; 50 when it is not given."}, WHOLE("after", "Only nodes with a higher number.")
const struct member node_list_members[] = {NODE_QUERY, WHOLE("changed_since", "Only what commits after this number wrote."), FLAG("whole", "With inputs and outputs."), END};
const struct member node_page_members[] = {LIST("nodes", node_item, NULL), WHOLE("next_after", "Give it as `after` for the page that follows; absent on the last."), WHOLE("seq", "The newest commit among these."), END};
static const struct member edge_item[] = {{.name = "from", .type = MEMBER_INT64, .required = true}, {.name = "to", .type = MEMBER_INT64, .required = true}, END};
const struct member graph_list_members[] = {NODE_QUERY, END};
const struct member graph_members[] = {{.name = "parent", .type = MEMBER_OBJECT, .members = node_item}, LIST("nodes", node_item, "The children."), LIST("edges", edge_item, "What they wait for."), WHOLE("next_after", NULL), END};
const struct member approve_members[] = {MAP("values", "By name of the parameters that it waits for."), FLAG("reject", "It fails instead."), END};
const struct member run_log_members[] = {TEXT("namespace", NULL), FLAG("follow", "Go on until the run has ended."), FLAG("times", "Each line with its time and whether it is of standard output or error."), END};
const struct member log_members[] = {TEXT("namespace", NULL), FLAG("follow", "Go on while lines come."), FLAG("times", "Each line with its time and whether it is of standard output or error."),
                                     WHOLE("attempt", "Another than the newest."), WHOLE("epoch", "Before a retry of the run."), WHOLE("tail", "Only the last lines."),
                                     WHOLE("from", "From this byte of what is kept on; X-Log-Bytes says how many there are."), WHOLE("bytes", "How many."), END};

/* ---- records ---- */

#define RECORD_HEAD                                                                                                                          \
        {.name = "id", .type = MEMBER_STRING, .required = true}, TEXT("namespace", NULL), TEXT("parent", NULL), {.name = "name", .type = MEMBER_STRING, .required = true}, \
        TEXT("display_name", NULL), TEXT("description", NULL), TEXT("owner", NULL), MAP("tags", NULL),                                       \
        {.name = "state", .type = MEMBER_ENUM, .required = true, .choices = "active|archived|disabled"}, TIME("created_at", NULL), TIME("updated_at", NULL), \
        {.name = "revision", .type = MEMBER_INT64, .help = "Counts the writes."}, WHOLE("seq", "The commit that wrote it.")
#define RECORD_WRITE                                                                                                                         \
        TEXT("id", "New: a UUID of the client's choice."), TEXT("namespace", NULL), TEXT("name", NULL), TEXT("display_name", NULL), TEXT("description", NULL), TEXT("owner", NULL), \
        MAP("tags", "Texts by name."), {.name = "state", .type = MEMBER_ENUM, .choices = "active|archived|disabled"}, {.name = "revision", .type = MEMBER_INT64, .help = "Change it only when this is the stored one."}
#define PAGE(list, item) {LIST(list, item, NULL), TEXT("next_page_token", "Absent on the last page."), WHOLE("total", NULL), END}

const struct member record_list_members[] = {TEXT("namespace", NULL), TEXT("name", "A part of the name."), {.name = "state", .type = MEMBER_ENUM, .choices = "active|archived|disabled"}, PAGING, END};

const struct member plain_members[] = {RECORD_HEAD, END}; /* and whatever the record holds */
const struct member plain_write_members[] = {RECORD_WRITE, END};
const struct member pipeline_members[] = {RECORD_HEAD, END};
const struct member pipeline_page_members[] = PAGE("pipelines", pipeline_members);
const struct member pipeline_write_members[] = {RECORD_WRITE, END};
const struct member experiment_members[] = {RECORD_HEAD, END};
const struct member experiment_page_members[] = PAGE("experiments", experiment_members);
const struct member experiment_write_members[] = {RECORD_WRITE, END};

const struct member version_members[] = {RECORD_HEAD, TEXT("language", "argo or kfp."), TEXT("source_url", NULL), TEXT("document", "Left out in lists."), END};
const struct member version_page_members[] = PAGE("versions", version_members);
const struct member version_write_members[] = {{.name = "document", .type = MEMBER_STRING, .required = true, .help = "A workflow or a compiled pipeline."}, TEXT("name", "Made when it is not given."), TEXT("display_name", NULL),
                                               TEXT("description", NULL), MAP("tags", NULL), TEXT("source_url", NULL), END};
const struct member version_schema_members[] = {TEXT("$schema", NULL), TEXT("type", NULL), MAP("properties", "One for each parameter."), {.name = "required", .type = MEMBER_STRING, .list = true}, END};
static const struct member graph_task_item[] = {TEXT("name", NULL), TEXT("template", NULL), {.name = "depends_on", .type = MEMBER_STRING, .list = true}, FLAG("conditional", NULL), FLAG("fans_out", NULL),
                                                FLAG("exit", "It runs also when the run is stopped."), END};
static const struct member graph_template_item[] = {TEXT("name", NULL), {.name = "kind", .type = MEMBER_ENUM, .choices = "task|graph|suspend|child"}, {.name = "tasks", .type = MEMBER_OBJECT, .list = true, .members = graph_task_item}, END};
const struct member version_graph_members[] = {TEXT("root", "The template that it begins with."), LIST("templates", graph_template_item, NULL), END};
const struct member check_members[] = {{.name = "document", .type = MEMBER_STRING, .required = true}, END};
static const struct member problem_item[] = {TEXT("kind", NULL), FLAG("warning", NULL), WHOLE("line", NULL), WHOLE("column", NULL), TEXT("path", NULL), TEXT("message", NULL), END};
const struct member check_answer_members[] = {{.name = "valid", .type = MEMBER_BOOL, .required = true}, TEXT("language", NULL), LIST("problems", problem_item, NULL), TEXT("name", NULL),
                                              {.name = "parameters", .type = MEMBER_OBJECT, .members = version_schema_members}, {.name = "graph", .type = MEMBER_OBJECT, .members = version_graph_members}, END};

#define RECURRING                                                                                                                            \
        TEXT("pipeline", "Id of a pipeline, or"), TEXT("document", "a document."), TEXT("version", "Empty: the newest when it fires."), MAP("parameters", NULL),      \
        TEXT("entrypoint", NULL), MAP("labels", NULL), TEXT("service_account", NULL), {.name = "priority", .type = MEMBER_INT32},              \
        TEXT("cron", "Five or six fields, or"), WHOLE("interval_second", "a distance."), TEXT("timezone", "As in Europe/Berlin; else UTC."),   \
        TIME("start", NULL), TIME("end", NULL), FLAG("catchup", "All firings that were missed, not only the last."), {.name = "max_concurrency", .type = MEMBER_INT32, .help = "Its runs that have not ended, 1 to 10."}
const struct member recurring_members[] = {RECORD_HEAD, RECURRING, TIME("last_firing", NULL), WHOLE("index", "How many firings there were."), TEXT("problem", "Why the last one made no run."), END};
const struct member recurring_page_members[] = PAGE("recurring", recurring_members);
const struct member recurring_write_members[] = {RECORD_WRITE, TEXT("experiment", "Id or name."), RECURRING, END};

const struct member firing_query_members[] = {TEXT("namespace", "The namespace in which names are looked up; else the default one."), WHOLE("count", "How many, at most 100; else 5."), END};
const struct member firing_members[] = {{.name = "firings", .type = MEMBER_TIME, .list = true, .required = true, .help = "The next ones; fewer at its end, none while it is disabled."}, END};

const struct member preset_members[] = {RECORD_HEAD, MAP("parameters", NULL), END};
const struct member preset_page_members[] = PAGE("presets", preset_members);
const struct member preset_write_members[] = {RECORD_WRITE, MAP("parameters", "By name, as JSON values."), END};

#define NOTIFICATION                                                                                                                         \
        {.name = "on", .type = MEMBER_ENUM, .list = true, .choices = RUN_STATE_NAMES, .help = "States of a run."}, {.name = "kind", .type = MEMBER_ENUM, .choices = "webhook|mail|slack"},        \
        TEXT("target", "Where it goes."), TEXT("pipeline", "Only runs of this pipeline."), TEXT("recurring", "Only runs of this recurring run."), TEXT("user", "Only runs of this user.")
const struct member notification_members[] = {RECORD_HEAD, NOTIFICATION, END};
const struct member notification_page_members[] = PAGE("notifications", notification_members);
const struct member notification_write_members[] = {RECORD_WRITE, NOTIFICATION, TEXT("secret", "Signs what is sent; never shown."), END};
const struct member plain_page_members[] = PAGE("namespaces", plain_members);

/* ---- over many ---- */

const struct member watch_members[] = {TEXT("namespace", NULL), WHOLE("since", "Only what commits after this number wrote, as Last-Event-ID asks for."), END};
const struct member bulk_members[] = {{.name = "action", .type = MEMBER_ENUM, .required = true, .choices = "stop|terminate|retry|resume|delete|archive|unarchive|label"},
                                      {.name = "runs", .type = MEMBER_STRING, .list = true, .required = true, .help = "Ids or names."}, FLAG("force", "Delete: also runs that have not ended."), MAP("labels", "For the action label."), END};
static const struct member bulk_item[] = {{.name = "run", .type = MEMBER_STRING, .required = true}, {.name = "ok", .type = MEMBER_BOOL, .required = true}, TEXT("kind", "Of the error."), TEXT("message", NULL), END};
const struct member bulk_answer_members[] = {LIST("results", bulk_item, "In the order that was asked for."), WHOLE("failed", NULL), END};
const struct member compare_query_members[] = {{.name = "runs", .type = MEMBER_STRING, .required = true, .help = "Ids or names with commas between, at most 50."}, TEXT("namespace", NULL), END};
static const struct member compare_item[] = {{.name = "name", .type = MEMBER_STRING, .required = true}, {.name = "values", .type = MEMBER_ANY, .list = true, .help = "One for each run; null where it has none."}, FLAG("differs", NULL), END};
const struct member compare_members[] = {LIST("runs", run_members, NULL), LIST("parameters", compare_item, NULL), LIST("metrics", compare_item, NULL), END};
const struct member search_query_members[] = {{.name = "q", .type = MEMBER_STRING, .required = true, .help = "A part of a name, a parameter, a label or a tag."}, END};
static const struct member search_item[] = {TEXT("kind", NULL), TEXT("id", NULL), TEXT("namespace", NULL), TEXT("name", NULL), TEXT("display_name", NULL), TEXT("found_in", NULL), END};
const struct member search_members[] = {LIST("found", search_item, "At most 20 of each kind, among the newest 2000."), END};
const struct member usage_query_members[] = {TIME("from", "30 days ago when it is not given."), TIME("to", "Now when it is not given."), {.name = "by", .type = MEMBER_ENUM, .choices = "user|pipeline|namespace"},
                                             {.name = "per", .type = MEMBER_ENUM, .choices = "day|hour"}, END};
static const struct member usage_item[] = {TIME("from", NULL), TEXT("of", NULL), WHOLE("runs", NULL), WHOLE("steps", NULL), {.name = "seconds", .type = MEMBER_DOUBLE}, END};
const struct member usage_members[] = {LIST("usage", usage_item, NULL), FLAG("cut_off", "There was more: ask for a shorter time."), END};
const struct member cache_query_members[] = {{.name = "page_size", .type = MEMBER_INT32, .help = "How many at most, 1 to 1000; 50 when it is not given."}, TEXT("after", "Only keys that come after this."), END};
static const struct member cache_item[] = {TEXT("key", NULL), TEXT("run", NULL), WHOLE("node", NULL), TIME("at", NULL), MAP("outputs", NULL), {.name = "artifacts", .type = MEMBER_OBJECT, .list = true, .members = artifact_item}, END};
const struct member cache_members[] = {LIST("entries", cache_item, NULL), TEXT("next_after", NULL), END};
const struct member info_members[] = {TEXT("version", NULL), TEXT("store", NULL), TEXT("executor", NULL), TEXT("namespace", "The default one."), TEXT("user", "Who asks."), TEXT("identity", "How that is known."),
                                      WHOLE("seq", "Of the last commit."), MAP("runs", "How many, by state."), END};
static const struct member setting_item[] = {TEXT("name", NULL), TEXT("value", NULL), TEXT("from", NULL), TEXT("help", NULL), END};
const struct member settings_members[] = {LIST("settings", setting_item, NULL), END};
