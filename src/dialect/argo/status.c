/* A run as Argo writes it: the Workflow document with its status, streamed into one buffer as a JSON object. What its nodes are is in nodes.c. */
#include "dialect/argo/nodes.h"
#include <math.h>

/* ---- writing members ---- */

struct json { struct buf *o; bool more; }; /* an object or a list under way */

static struct json json_open(struct buf *o, char bracket)
{
        buf_add_char(o, bracket);
        return (struct json){o, false};
}

static void json_key(struct json *j, struct str key)
{
        if (j->more)
                buf_add_char(j->o, ',');
        j->more = true;
        if (!key.n)
                return;
        json_write_string(key, 0, j->o);
        buf_add_char(j->o, ':');
}

static void put(struct json *j, const char *key, struct str s)
{
        json_key(j, str_from(key));
        json_write_string(s, 0, j->o);
}

static void put_some(struct json *j, const char *key, struct str s)
{
        if (s.n)
                put(j, key, s);
}

static void put_true(struct json *j, const char *key)
{
        json_key(j, str_from(key));
        buf_add_c(j->o, "true");
}

static void put_value(struct json *j, struct str key, const struct value *v)
{
        if (!v)
                return;
        json_key(j, key);
        json_write(v, JSON_COMPACT, j->o);
}

/* Argo writes a time that is not set as null. */
static void put_time(struct json *j, const char *key, struct wall t)
{
        struct civil c = wall_civil(t);
        json_key(j, str_from(key));
        if (!t.us)
                buf_add_c(j->o, "null");
        else
                buf_addf(j->o, "\"%04lld-%02d-%02dT%02d:%02d:%02dZ\"", (long long)c.year, c.month, c.day, c.hour, c.minute, c.second);
}

static void put_progress(struct json *j, uint32_t done, uint32_t all)
{
        if (!all)
                return;
        json_key(j, STR("progress"));
        buf_addf(j->o, "\"%u/%u\"", done, all);
}

/* ---- metadata ---- */

struct outcome { const char *phase; struct str message; bool completed; };

static void put_texts(struct json *j, const struct value *map, const char *own)
{
        for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->map.n; i++) {
                const struct value_member *m = &map->map.members[i];
                if (str_starts(m->key, str_from(own)))
                        continue;
                json_key(j, m->key);
                json_write_string(argo_scalar(&m->value, NULL), 0, j->o);
        }
}

static void put_metadata(struct json *j, const struct value *metadata, const struct run_row *run, const struct outcome *end)
{
        struct json m, labels, notes;
        json_key(j, STR("metadata"));
        m = json_open(j->o, '{');
        put(&m, "name", run->name);
        put_some(&m, "generateName", argo_scalar(value_get_c(metadata, "generateName"), NULL));
        put(&m, "namespace", run->ns);
        put(&m, "uid", run->uid);
        put_time(&m, "creationTimestamp", run->created_at);
        json_key(&m, STR("labels"));
        labels = json_open(j->o, '{');
        put_texts(&labels, value_get_c(metadata, "labels"), "workflows.argoproj.io/phase");
        if (end->completed)
                put(&labels, "workflows.argoproj.io/completed", STR("true"));
        put(&labels, "workflows.argoproj.io/phase", str_from(end->phase));
        buf_add_char(j->o, '}');
        json_key(&m, STR("annotations"));
        notes = json_open(j->o, '{');
        put_texts(&notes, value_get_c(metadata, "annotations"), "workflows.argoproj.io/pod-name-format");
        put(&notes, "workflows.argoproj.io/pod-name-format", STR("v2"));
        buf_add_c(j->o, "}}");
}

/* ---- inputs and outputs ---- */

/* What the template says of an input or output: templates.X.<section>.<list>[name]. */
static const struct value *definition(const struct argo_node *n, const char *section, const char *list, struct str name)
{
        const struct value *source = n && n->template && n->template->dialect ? argo_template_of(n->template)->source : NULL;
        const struct value *all = value_get_c(value_get_c(source, section), list);
        for (size_t i = 0; all && all->kind == VALUE_LIST && i < all->list.n; i++) {
                const struct value *key = value_get_c(&all->list.items[i], "name");
                if (key && key->kind == VALUE_STRING && str_eq(key->text, name))
                        return &all->list.items[i];
        }
        return NULL;
}

static void put_param(struct json *list, const struct param *p, const struct value *defined)
{
        struct json j;
        json_key(list, STR_NONE);
        j = json_open(list->o, '{');
        put(&j, "name", p->name);
        put(&j, "value", p->secret ? STR("***") : p->value.text);
        put_value(&j, STR("valueFrom"), value_get_c(defined, "valueFrom"));
        put_value(&j, STR("globalName"), value_get_c(defined, "globalName"));
        buf_add_char(list->o, '}');
}

static void put_location(struct json *j, const struct artifact *x)
{
        _cleanup_arena_ struct arena *a = x->metadata.n ? arena_new() : NULL;
        struct json where;
        struct str uri = x->uri, rest = uri, raw;
        if (a && argo_artifact_raw(x, a, &raw)) {
                json_key(j, STR("raw"));
                where = json_open(j->o, '{');
                put(&where, "data", raw);
        } else if (!uri.n)
                return;
        else if (str_starts(uri, STR("s3://"))) {
                rest = str_sub(uri, 5, uri.n);
                struct str bucket = str_cut(&rest, '/');
                json_key(j, STR("s3"));
                where = json_open(j->o, '{');
                put(&where, "bucket", bucket);
                put(&where, "key", rest);
        } else {
                json_key(j, STR("http"));
                where = json_open(j->o, '{');
                put(&where, "url", uri);
        }
        buf_add_char(j->o, '}');
}

static void put_artifact(struct json *list, const struct artifact *x, const struct value *defined)
{
        struct json j;
        json_key(list, STR_NONE);
        j = json_open(list->o, '{');
        put(&j, "name", x->name);
        put_value(&j, STR("path"), value_get_c(defined, "path"));
        put_value(&j, STR("globalName"), value_get_c(defined, "globalName"));
        put_location(&j, x);
        buf_add_char(list->o, '}');
}

static bool shown(struct str name) { return !argo_hidden_input(name); }

static void put_bindings(struct json *j, const struct bindings *b, const struct argo_node *n, const char *section)
{
        struct json list = {j->o, false};
        for (size_t i = 0; i < b->params_n; i++)
                if (shown(b->params[i].name)) {
                        if (!list.more) {
                                json_key(j, STR("parameters"));
                                list = json_open(j->o, '[');
                        }
                        put_param(&list, &b->params[i], definition(n, section, "parameters", b->params[i].name));
                }
        if (list.more)
                buf_add_char(j->o, ']');
        if (!b->artifacts_n)
                return;
        json_key(j, STR("artifacts"));
        list = json_open(j->o, '[');
        for (size_t i = 0; i < b->artifacts_n; i++)
                put_artifact(&list, &b->artifacts[i], definition(n, section, "artifacts", b->artifacts[i].name));
        buf_add_char(j->o, ']');
}

static bool something(const struct bindings *b)
{
        for (size_t i = 0; i < b->params_n; i++)
                if (shown(b->params[i].name))
                        return true;
        return b->artifacts_n > 0;
}

static void put_inputs(struct json *j, const struct argo_node *n)
{
        const struct bindings *b = &n->row->inputs;
        if (n->type == ARGO_NODE_STEP_GROUP || n->type == ARGO_NODE_TASK_GROUP || n->type == ARGO_NODE_SKIPPED || !something(b))
                return;
        json_key(j, STR("inputs"));
        struct json in = json_open(j->o, '{');
        put_bindings(&in, b, n, "inputs");
        buf_add_char(j->o, '}');
}

static void put_outputs(struct json *j, const struct argo_node *n)
{
        const struct bindings *b = &n->row->outputs;
        bool leaf = n->type == ARGO_NODE_POD || (n->type == ARGO_NODE_RETRY && node_state_good(n->state));
        bool code = leaf && n->row->has_exit_code, result = b->result.kind != VAL_NONE;
        if (n->type == ARGO_NODE_STEP_GROUP || n->type == ARGO_NODE_TASK_GROUP || (!code && !result && !something(b)))
                return;
        json_key(j, STR("outputs"));
        struct json out = json_open(j->o, '{');
        put_bindings(&out, b, n, "outputs");
        if (result)
                put(&out, "result", b->result.text);
        if (code) {
                json_key(&out, STR("exitCode"));
                buf_addf(j->o, "\"%d\"", n->row->exit_code);
        }
        buf_add_char(j->o, '}');
}

/* ---- nodes ---- */

struct ids { const struct argo_nodes *v; struct json *list; };

static void put_id(void *ctx, uint32_t i)
{
        struct ids *x = ctx;
        json_key(x->list, STR_NONE);
        json_write_string(x->v->p[i].id, 0, x->list->o);
}

static void put_links(struct json *j, const struct argo_nodes *v, uint32_t i)
{
        const struct argo_node *n = &v->p[i];
        struct json list;
        if (v->edge_at[i] < v->edge_at[i + 1]) {
                json_key(j, STR("children"));
                list = json_open(j->o, '[');
                struct ids x = {v, &list};
                for (uint32_t k = v->edge_at[i]; k < v->edge_at[i + 1]; k++)
                        put_id(&x, v->edges[k]);
                buf_add_char(j->o, ']');
        }
        if ((n->type != ARGO_NODE_STEPS && n->type != ARGO_NODE_DAG) || !node_state_final(n->state))
                return;
        json_key(j, STR("outboundNodes"));
        list = json_open(j->o, '[');
        struct ids x = {v, &list};
        argo_outbound(v, i, put_id, &x);
        buf_add_char(j->o, ']');
}

static void put_flags(struct json *j, const struct argo_node *n)
{
        bool attempt = n->row->role == NODE_ROLE_ATTEMPT;
        if (!attempt && !n->hooked)
                return;
        json_key(j, STR("nodeFlag"));
        struct json flags = json_open(j->o, '{');
        if (n->hooked)
                put_true(&flags, "hooked");
        if (attempt)
                put_true(&flags, "retried");
        buf_add_char(j->o, '}');
}

/* Argo counts what was asked for, not what was used: seconds of a core, and of 100 MiB. */
static void put_resources(struct json *j, const struct argo_node *n)
{
        const struct argo_template *t = n->template && n->template->dialect ? argo_template_of(n->template) : NULL;
        const struct node_row *r = n->row;
        if (n->type != ARGO_NODE_POD || !t || (!t->cpu_milli && !t->memory_bytes) || !r->started_at.us || r->finished_at.us < r->started_at.us)
                return;
        double seconds = (double)(r->finished_at.us - r->started_at.us) / (double)US_PER_S, hundred = 100.0 * 1024 * 1024;
        json_key(j, STR("resourcesDuration"));
        struct json m = json_open(j->o, '{');
        if (t->cpu_milli) {
                json_key(&m, STR("cpu"));
                buf_addf(j->o, "%.0f", ceil(seconds * (double)t->cpu_milli / 1000));
        }
        if (t->memory_bytes) {
                json_key(&m, STR("memory"));
                buf_addf(j->o, "%.0f", ceil(seconds * (double)t->memory_bytes / hundred));
        }
        buf_add_char(j->o, '}');
}

static void put_cache(struct json *j, const struct argo_node *n)
{
        if (n->state != NODE_CACHED)
                return;
        json_key(j, STR("memoizationStatus"));
        struct json m = json_open(j->o, '{');
        put_true(&m, "hit");
        put(&m, "key", n->row->cache_key);
        put(&m, "cacheName", STR(""));
        buf_add_char(j->o, '}');
}

static void put_node(struct json *all, const struct argo_nodes *v, uint32_t i)
{
        const struct argo_node *n = &v->p[i];
        const struct node_row *r = n->row;
        json_key(all, n->id);
        struct json j = json_open(all->o, '{');
        put(&j, "id", n->id);
        put(&j, "name", n->name);
        put(&j, "displayName", n->display);
        put(&j, "type", str_from(argo_node_type_name(n->type)));
        put_some(&j, "templateName", n->template_name);
        json_key(&j, STR("templateScope"));
        buf_add_c(all->o, "\"local/");
        buf_add(all->o, v->run->name); /* a DNS name: nothing to escape */
        buf_add_char(all->o, '"');
        put(&j, "phase", str_from(argo_phase(n->state)));
        if (n->boundary != ARGO_NO_NODE)
                put(&j, "boundaryID", v->p[n->boundary].id);
        put_some(&j, "message", n->message);
        put_time(&j, "startedAt", r->started_at.us ? r->started_at : r->created_at);
        put_time(&j, "finishedAt", r->finished_at);
        put_progress(&j, n->pods_done, n->pods);
        put_resources(&j, n);
        put_inputs(&j, n);
        put_outputs(&j, n);
        put_links(&j, v, i);
        put_flags(&j, n);
        put_cache(&j, n);
        buf_add_char(all->o, '}');
}

/* ---- the run ---- */

static const struct argo_node *exit_handler(const struct argo_nodes *v)
{
        for (uint32_t i = v->root == ARGO_NO_NODE ? ARGO_NO_NODE : v->p[v->root].first; i != ARGO_NO_NODE; i = v->p[i].next)
                if (v->p[i].row->role == NODE_ROLE_HOOK && str_eq(v->p[i].row->name, STR("exit")))
                        return &v->p[i];
        return NULL;
}

/* Argo's workflow ends as its root node does, unless it was stopped or its exit handler failed. */
static struct outcome outcome_of(const struct run_row *run, const struct argo_nodes *v, struct arena *a)
{
        struct outcome end = {argo_run_phase(run->state), run->state == RUN_QUEUED ? run->reason : STR_NONE, run_state_final(run->state)};
        const struct argo_node *root = v->root == ARGO_NO_NODE ? NULL : &v->p[v->root], *handler = exit_handler(v);
        if (!end.completed || run->state == RUN_SUCCEEDED)
                return end;
        if (run->state == RUN_STOPPED || run->state == RUN_TERMINATED)
                end.message = run->state == RUN_STOPPED ? STR("Stopped with strategy 'Stop'") : STR("Stopped with strategy 'Terminate'");
        else if (run->deadline_passed)
                end.message = STR("Max duration limit exceeded");
        else if (!root)
                end.message = run->message;
        else if (!node_state_bad(root->state) && handler && node_state_bad(handler->state)) {
                end.phase = argo_phase(handler->state);
                end.message = handler->message;
        } else {
                end.message = root->message;
                if (node_state_bad(root->state))
                        end.phase = argo_phase(root->state);
                if (root->wrong)
                        end.message = arena_printf(a, "error in entry template execution: %.*s", STR_FMT(root->message));
        }
        return end;
}

static void put_globals(struct json *j, const struct run_row *run)
{
        if (!something(&run->globals))
                return;
        json_key(j, STR("outputs"));
        struct json out = json_open(j->o, '{');
        put_bindings(&out, &run->globals, NULL, "outputs");
        buf_add_char(j->o, '}');
}

static void put_status(struct json *j, const struct argo_nodes *v, const struct outcome *end)
{
        json_key(j, STR("status"));
        struct json s = json_open(j->o, '{');
        put(&s, "phase", str_from(end->phase));
        put_some(&s, "message", end->message);
        put_time(&s, "startedAt", v->run->started_at);
        put_time(&s, "finishedAt", v->run->finished_at);
        if (v->root != ARGO_NO_NODE)
                put_progress(&s, v->p[v->root].pods_done, v->p[v->root].pods);
        json_key(&s, STR("nodes"));
        struct json nodes = json_open(j->o, '{');
        for (uint32_t i = 0; i < v->n; i++)
                if (v->p[i].type != ARGO_NODE_HIDDEN)
                        put_node(&nodes, v, i);
        buf_add_char(j->o, '}');
        put_globals(&s, v->run);
        json_key(&s, STR("conditions"));
        buf_addf(j->o, "[{\"type\":\"PodRunning\",\"status\":\"%s\"}", v->run->state == RUN_RUNNING ? "True" : "False");
        if (end->completed)
                buf_add_c(j->o, ",{\"type\":\"Completed\",\"status\":\"True\"}");
        buf_add_c(j->o, "]}");
}

/* The document of a run that was refused, or that this release does not compile. */
static const struct value *document_again(const struct run_row *run, struct arena *a)
{
        struct value *documents;
        size_t n;
        const struct dialect *d;
        struct error e;
        if (!dialect_detect(run->document, a, &documents, &n, &d, &e))
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (dialect_argo.recognises(&documents[i]))
                        return &documents[i];
        return NULL;
}

void argo_write_status(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct buf *out)
{
        _cleanup_arena_ struct arena *a = arena_new();
        const struct value *document = w ? w->document : document_again(run, a);
        struct argo_nodes v = argo_nodes_of(w, run, nodes, n, a);
        struct outcome end = outcome_of(run, &v, a);
        struct json j = json_open(out, '{');
        put(&j, "apiVersion", STR("argoproj.io/v1alpha1"));
        put(&j, "kind", STR("Workflow"));
        put_metadata(&j, value_get_c(document, "metadata"), run, &end);
        json_key(&j, STR("spec"));
        const struct value *spec = value_get_c(document, "spec");
        if (spec)
                json_write(spec, JSON_COMPACT, out);
        else
                buf_add_c(out, "{}");
        put_status(&j, &v, &end);
        buf_add_char(out, '}');
}

struct str argo_run_outputs(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct arena *a)
{
        struct map_builder m = {.arena = a};
        (void)w;
        (void)nodes;
        (void)n;
        for (size_t i = 0; i < run->outputs.params_n; i++) {
                const struct param *p = &run->outputs.params[i];
                map_push(&m, p->name, value_string(p->secret ? STR("***") : p->value.text));
        }
        struct value all = value_map(m.members, m.n);
        return json_text(&all, JSON_COMPACT, a);
}
