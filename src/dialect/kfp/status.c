/* A run as KFP's v2beta1 API writes it, and its outputs. */
#include "dialect/kfp/kfp.h"
#include "text/json.h"
#include "text/yaml.h"

static const char *run_state(enum run_state s)
{
        switch (s) {
        case RUN_QUEUED:
                return "PENDING";
        case RUN_RUNNING:
                return "RUNNING";
        case RUN_SUSPENDED:
                return "PAUSED";
        case RUN_STOPPING:
                return "CANCELING";
        case RUN_SUCCEEDED:
                return "SUCCEEDED";
        case RUN_FAILED:
        case RUN_ERROR:
        case RUN_STOPPED: /* the SDK waits for ever on CANCELED: the error says so instead */
        case RUN_TERMINATED:
        case RUN_STATES:
                break;
        }
        return "FAILED";
}

static const char *node_state(enum node_state s)
{
        switch (s) {
        case NODE_PENDING:
        case NODE_WAITING:
                return "PENDING";
        case NODE_RUNNING:
                return "RUNNING";
        case NODE_SUSPENDED:
                return "PAUSED";
        case NODE_SUCCEEDED:
        case NODE_CACHED:
                return "SUCCEEDED";
        case NODE_SKIPPED:
        case NODE_OMITTED:
                return "SKIPPED";
        case NODE_FAILED:
        case NODE_ERROR:
        case NODE_STOPPED:
        case NODE_LOST:
        case NODE_STATES:
                break;
        }
        return "FAILED";
}

static void put_text(struct map_builder *m, const char *key, struct str s)
{
        if (s.n)
                map_push(m, str_from(key), value_string(s));
}

static void put_time(struct map_builder *m, const char *key, struct wall t)
{
        if (t.us)
                map_push(m, str_from(key), value_string(wall_rfc3339(t, 0, m->arena)));
}

static struct value error_value(enum error_kind kind, struct str message, struct arena *a)
{
        enum { RPC_CANCELLED = 1, RPC_INTERNAL = 13 };
        struct map_builder m = {.arena = a};
        map_push(&m, STR("code"), value_i64(kind == ERROR_NONE ? RPC_CANCELLED : RPC_INTERNAL, a));
        map_push(&m, STR("message"), value_string(message));
        return value_map(m.members, m.n);
}

/* When it began to wait, to run, and to be what it is. */
static struct value state_history(const char *state, struct wall created, struct wall started, struct wall finished, struct arena *a)
{
        const struct { const char *state; struct wall at; } steps[] = {{"PENDING", created}, {"RUNNING", started}, {state, finished}};
        struct value_builder list = {.arena = a};
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                struct map_builder m = {.arena = a};
                if (!steps[i].at.us)
                        continue;
                put_time(&m, "update_time", steps[i].at);
                map_push(&m, STR("state"), value_string(str_from(steps[i].state)));
                value_push(&list, value_map(m.members, m.n));
        }
        return value_list(list.items, list.n);
}

static struct str task_id(const struct run_row *run, uint32_t no, struct arena *a) { return arena_printf(a, "%.*s-%u", STR_FMT(run->uid), no); }

struct children { uint32_t *first, *next; uint32_t top; }; /* by number: lists of rows' numbers */

static struct children children_of(const struct node_row *nodes, size_t n, struct arena *a)
{
        struct children c = {0};
        for (size_t i = 0; i < n; i++)
                if (nodes[i].no > c.top)
                        c.top = nodes[i].no;
        c.first = ARENA_ARRAY(a, uint32_t, (size_t)c.top + 1);
        c.next = ARENA_ARRAY(a, uint32_t, (size_t)c.top + 1);
        for (size_t i = n; i-- > 0;)
                if (nodes[i].parent && nodes[i].parent <= c.top) {
                        c.next[nodes[i].no] = c.first[nodes[i].parent];
                        c.first[nodes[i].parent] = nodes[i].no;
                }
        return c;
}

static struct value child_tasks(const struct run_row *run, const struct children *c, uint32_t no, struct arena *a)
{
        struct value_builder list = {.arena = a};
        for (uint32_t k = c->first[no]; k; k = c->next[k]) {
                struct map_builder m = {.arena = a};
                map_push(&m, STR("task_id"), value_string(task_id(run, k, a)));
                value_push(&list, value_map(m.members, m.n));
        }
        return value_list(list.items, list.n);
}

static struct str node_name(const struct node_row *r, struct arena *a)
{
        if (!r->parent)
                return STR("root");
        if (r->role == NODE_ROLE_ITEM)
                return arena_printf(a, "%.*s-iteration-%u", STR_FMT(r->name), r->index);
        if (r->role == NODE_ROLE_ATTEMPT)
                return arena_printf(a, "%.*s-attempt-%u", STR_FMT(r->name), r->index);
        return r->name;
}

/* Which artifacts there are, by name: an artifact's id is where it is kept. */
static void put_artifacts(struct map_builder *m, const char *key, const struct bindings *b)
{
        struct map_builder all = {.arena = m->arena};
        for (size_t i = 0; i < b->artifacts_n; i++) {
                struct value_builder ids = {.arena = m->arena};
                struct map_builder list = {.arena = m->arena};
                if (i && str_eq(b->artifacts[i].name, b->artifacts[i - 1].name))
                        continue;
                for (size_t k = i; k < b->artifacts_n && str_eq(b->artifacts[k].name, b->artifacts[i].name); k++)
                        value_push(&ids, value_string(b->artifacts[k].uri));
                map_push(&list, STR("artifact_ids"), value_list(ids.items, ids.n));
                map_set(&all, b->artifacts[i].name, value_map(list.members, list.n));
        }
        if (all.n)
                map_push(m, str_from(key), value_map(all.members, all.n));
}

static struct value task_detail(const struct run_row *run, const struct node_row *r, const struct children *c, struct arena *a)
{
        struct map_builder m = {.arena = a};
        map_push(&m, STR("run_id"), value_string(run->uid));
        map_push(&m, STR("task_id"), value_string(task_id(run, r->no, a)));
        map_push(&m, STR("display_name"), value_string(node_name(r, a)));
        put_time(&m, "create_time", r->created_at);
        put_time(&m, "start_time", r->started_at);
        put_time(&m, "end_time", r->finished_at);
        map_push(&m, STR("state"), value_string(str_from(node_state(r->state))));
        map_push(&m, STR("execution_id"), value_string(arena_printf(a, "%u", r->no)));
        map_push(&m, STR("state_history"), state_history(node_state(r->state), r->created_at, r->started_at, r->finished_at, a));
        if (node_state_bad(r->state))
                map_push(&m, STR("error"), error_value(ERROR_INTERNAL, r->message, a));
        if (r->parent)
                map_push(&m, STR("parent_task_id"), value_string(task_id(run, r->parent, a)));
        put_artifacts(&m, "inputs", &r->inputs);
        put_artifacts(&m, "outputs", &r->outputs);
        if (c->first[r->no])
                map_push(&m, STR("child_tasks"), child_tasks(run, c, r->no, a));
        return value_map(m.members, m.n);
}

static struct value parameter_map(const struct bindings *b, struct arena *a)
{
        struct map_builder m = {.arena = a};
        for (size_t i = 0; i < b->params_n; i++)
                map_push(&m, b->params[i].name, b->params[i].secret ? value_string(STR("***")) : kfp_value(b->params[i].value, a));
        return value_map(m.members, m.n);
}

static void put_error(struct map_builder *m, const struct run_row *run)
{
        struct arena *a = m->arena;
        if (run->state == RUN_STOPPED || run->state == RUN_TERMINATED)
                map_push(m, STR("error"),
                         error_value(ERROR_NONE, run->state == RUN_STOPPED ? STR("the run was stopped on request") : STR("the run was terminated on request"), a));
        else if (run->state == RUN_FAILED || run->state == RUN_ERROR)
                map_push(m, STR("error"), error_value(ERROR_INTERNAL, run->message.n ? run->message : STR("the run failed"), a));
}

struct value kfp_spec_of_document(struct str text, struct str language, struct arena *a)
{
        struct value *documents, one;
        struct map_builder m = {.arena = a};
        const struct dialect *d = dialect_by_name(language);
        size_t n;
        if (text.n && text.p[0] == '{' && json_read(text, NULL, a, &one, NULL))
                return one;
        if (!yaml_read(text, d ? d->schema : YAML_CORE, NULL, a, &documents, &n, NULL) || !n)
                return value_map(NULL, 0);
        if (n < 2 || !str_eq_c(language, "kfp"))
                return documents[0];
        map_push(&m, STR("pipeline_spec"), documents[0]);
        map_push(&m, STR("platform_spec"), documents[1]);
        return value_map(m.members, m.n);
}

/* The bare pipeline, or with its platform document as one map. */
static struct value pipeline_spec(const struct kfp_workflow *x, struct arena *a)
{
        struct map_builder m = {.arena = a};
        if (!x->platform)
                return *x->spec;
        map_push(&m, STR("pipeline_spec"), *x->spec);
        map_push(&m, STR("platform_spec"), *x->platform);
        return value_map(m.members, m.n);
}

static void put_source(struct map_builder *m, const struct workflow *w, const struct run_row *run)
{
        struct map_builder reference = {.arena = m->arena};
        if (!run->meta.pipeline.n && !run->meta.version.n) {
                if (w && w->document)
                        map_push(m, STR("pipeline_spec"), pipeline_spec(w->dialect, m->arena));
                else if (run->document.n)
                        map_push(m, STR("pipeline_spec"), kfp_spec_of_document(run->document, run->language, m->arena));
                return;
        }
        put_text(&reference, "pipeline_id", run->meta.pipeline);
        put_text(&reference, "pipeline_version_id", run->meta.version);
        map_push(m, STR("pipeline_version_reference"), value_map(reference.members, reference.n));
}

static void put_config(struct map_builder *m, const struct run_row *run)
{
        struct map_builder config = {.arena = m->arena};
        struct value labels;
        if (run->parameters.params_n)
                map_push(&config, STR("parameters"), parameter_map(&run->parameters, m->arena));
        if (run->meta.labels.n && json_read(run->meta.labels, NULL, m->arena, &labels, NULL)) {
                const struct value *root = value_get_c(&labels, KFP_LABEL_ROOT);
                if (root && root->kind == VALUE_STRING)
                        put_text(&config, "pipeline_root", root->text);
        }
        map_push(m, STR("runtime_config"), value_map(config.members, config.n));
}

void kfp_write_status(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct buf *out)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct map_builder m = {.arena = a}, details = m;
        struct value_builder tasks = {.arena = a};
        struct children c = children_of(nodes, n, a);
        map_push(&m, STR("run_id"), value_string(run->uid));
        map_push(&m, STR("display_name"), value_string(run->display_name.n ? run->display_name : run->name));
        put_text(&m, "experiment_id", run->meta.experiment);
        map_push(&m, STR("storage_state"), value_string(run->meta.archived ? STR("ARCHIVED") : STR("AVAILABLE")));
        put_text(&m, "description", run->meta.description);
        put_source(&m, w, run);
        put_config(&m, run);
        put_text(&m, "service_account", run->meta.service_account);
        put_text(&m, "recurring_run_id", run->meta.recurring);
        put_time(&m, "created_at", run->created_at);
        put_time(&m, "scheduled_at", run->meta.scheduled_at.us ? run->meta.scheduled_at : run->created_at);
        put_time(&m, "finished_at", run->finished_at);
        map_push(&m, STR("state"), value_string(str_from(run_state(run->state))));
        put_error(&m, run);
        for (size_t i = 0; i < n; i++)
                value_push(&tasks, task_detail(run, &nodes[i], &c, a));
        map_push(&details, STR("task_details"), value_list(tasks.items, tasks.n));
        if (nodes)
                map_push(&m, STR("run_details"), value_map(details.members, details.n));
        map_push(&m, STR("state_history"), state_history(run_state(run->state), run->created_at, run->started_at, run->finished_at, a));
        struct value all = value_map(m.members, m.n);
        json_write(&all, JSON_COMPACT, out);
}

static struct value artifact_out(const struct artifact *x, struct arena *a)
{
        struct map_builder m = {.arena = a};
        struct value metadata;
        map_push(&m, STR("name"), value_string(x->name));
        put_text(&m, "type", x->type);
        map_push(&m, STR("uri"), value_string(x->uri));
        if (!x->metadata.n || !json_read(x->metadata, NULL, a, &metadata, NULL))
                metadata = value_map(NULL, 0);
        map_push(&m, STR("metadata"), metadata);
        return value_map(m.members, m.n);
}

struct str kfp_run_outputs(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct arena *a)
{
        const struct bindings *b = &run->outputs;
        struct value v = parameter_map(b, a);
        struct map_builder m = {.members = v.map.members, .n = v.map.n, .cap = v.map.n, .arena = a};
        for (size_t i = 0; i < b->artifacts_n; i++) {
                struct value_builder list = {.arena = a};
                bool first = true;
                for (size_t k = 0; k < i; k++)
                        first = first && !str_eq(b->artifacts[k].name, b->artifacts[i].name);
                if (!first)
                        continue;
                for (size_t k = i; k < b->artifacts_n; k++)
                        if (str_eq(b->artifacts[k].name, b->artifacts[i].name))
                                value_push(&list, artifact_out(&b->artifacts[k], a));
                map_push(&m, b->artifacts[i].name, b->artifacts[i].list || list.n > 1 ? value_list(list.items, list.n) : list.items[0]);
        }
        struct value all = value_map(m.members, m.n);
        return json_text(&all, JSON_COMPACT, a);
}
