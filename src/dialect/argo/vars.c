/* What a place of the document may name: one look-up by dotted key for tags, and the same as nested maps for expressions.
 *
 * Nothing is prepared in advance: a key is looked up when a text names it, so that a call costs what its own texts cost. */
#include "dialect/argo/argo.h"
#include "base/hash.h"
#include "text/json.h"
#include <math.h>
#include <stdio.h>

const char *argo_phase(enum node_state s)
{
        switch (s) {
        case NODE_PENDING:
        case NODE_WAITING:
                return "Pending";
        case NODE_RUNNING:
        case NODE_SUSPENDED:
        case NODE_LOST:
                return "Running";
        case NODE_SUCCEEDED:
        case NODE_CACHED:
                return "Succeeded";
        case NODE_FAILED:
        case NODE_STOPPED:
                return "Failed";
        case NODE_ERROR:
                return "Error";
        case NODE_SKIPPED:
                return "Skipped";
        case NODE_OMITTED:
                return "Omitted";
        case NODE_STATES:
                break;
        }
        return "";
}

const char *argo_run_phase(enum run_state s)
{
        switch (s) {
        case RUN_QUEUED:
                return "Pending";
        case RUN_RUNNING:
        case RUN_SUSPENDED:
        case RUN_STOPPING:
                return "Running";
        case RUN_SUCCEEDED:
                return "Succeeded";
        case RUN_ERROR:
                return "Error";
        case RUN_FAILED:
        case RUN_STOPPED:
        case RUN_TERMINATED:
                return "Failed";
        case RUN_STATES:
                break;
        }
        return "";
}

static struct vars base(const struct site *s)
{
        return (struct vars){.site = s, .argo = argo_workflow_of(s->workflow), .arena = s->arena};
}

struct vars argo_vars_call(const struct site *s)
{
        struct vars v = base(s);
        if (s->scope_graph) {
                v.owner = v.names = argo_template_of(s->scope_graph);
                v.inputs = s->graph_inputs;
        }
        v.has_item = s->has_item;
        v.item = s->item;
        v.hook = s->hook != NULL;
        v.task = s->task ? argo_task_of(s->task) : NULL;
        return v;
}

struct vars argo_vars_inside(const struct site *s)
{
        struct vars v = base(s);
        v.owner = s->self ? argo_template_of(s->self) : NULL;
        v.inputs = s->inputs;
        if (s->self && s->self->kind == TEMPLATE_GRAPH)
                v.names = v.owner;
        v.retry = v.owner && v.owner->retry.given;
        v.outputs_paths = true;
        return v;
}

const struct argo_name *argo_find_name(const struct argo_template *t, struct str name)
{
        size_t low = 0, high = t ? t->names_n : 0;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = str_cmp(name, t->names[middle].name);
                if (!c)
                        return &t->names[middle];
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* `rest` behind `prefix`; false when key does not begin with it. */
static bool behind(struct str key, const char *prefix, struct str *rest)
{
        struct str p = str_from(prefix);
        if (!str_starts(key, p))
                return false;
        *rest = str_sub(key, p.n, key.n);
        return true;
}

static struct str text_of(const struct val *v) { return v && v->kind != VAL_NONE ? v->text : STR(""); }

/* [{"name":…,"value":…}] as Go writes it. */
static struct str params_json(const struct bindings *b, struct arena *a)
{
        struct buf o = BUF((size_t)64 << 20);
        buf_add_char(&o, '[');
        for (size_t i = 0; b && i < b->params_n; i++) {
                if (argo_hidden_input(b->params[i].name))
                        continue;
                buf_add_c(&o, o.n > 1 ? ",{\"name\":" : "{\"name\":");
                json_write_string(b->params[i].name, JSON_HTML, &o);
                buf_add_c(&o, ",\"value\":");
                json_write_string(b->params[i].value.text, JSON_HTML, &o);
                buf_add_char(&o, '}');
        }
        buf_add_char(&o, ']');
        struct str s = arena_str(a, buf_str(&o));
        buf_free(&o);
        return s;
}

static struct str status_of_run(const struct vars *v)
{
        const struct val *told = v->inputs ? bindings_param(v->inputs, ARGO_STATUS) : NULL;
        if (told)
                return told->text;
        if (v->site->hook && !v->site->graph)
                return str_from(argo_run_phase(v->site->run->state));
        /* Argo has given the workflow no phase yet when it looks at it for the first time. */
        return v->site->now.us <= v->site->run->started_at.us ? STR("") : STR("Running");
}

static struct str failures_of_run(struct vars *v)
{
        struct failure *f;
        struct buf o = BUF((size_t)16 << 20), q = BUF((size_t)32 << 20);
        size_t n = v->site->ops->failures(v->site->scope, v->arena, &f);
        buf_add_char(&o, '[');
        for (size_t i = 0; i < n; i++) {
                struct str texts[] = {f[i].task_name, f[i].node.message, f[i].template_name, str_from(argo_phase(f[i].node.state)),
                                      argo_pod_name(v->site->run->name, f[i].template_name, f[i].path, v->arena), wall_rfc3339(f[i].node.finished_at, 0, v->arena)};
                static const char *const names[] = {"displayName", "message", "templateName", "phase", "podName", "finishedAt"};
                for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
                        buf_addf(&o, "%s\"%s\":", k ? "," : i ? ",{" : "{", names[k]);
                        json_write_string(texts[k], JSON_HTML, &o);
                }
                buf_add_char(&o, '}');
        }
        buf_add_char(&o, ']');
        json_write_string(buf_str(&o), 0, &q); /* Argo gives a JSON string that holds JSON */
        struct str s = arena_str(v->arena, buf_str(&q));
        buf_free(&o);
        buf_free(&q);
        return s;
}

/* workflow.creationTimestamp.X */
static bool timestamp(struct wall t, struct str letter, struct arena *a, struct str *ret)
{
        static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
        static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
        struct civil c = wall_civil(t);
        if (str_eq(letter, STR("s"))) {
                *ret = arena_printf(a, "%lld", (long long)(t.us / US_PER_S));
                return true;
        }
        if (str_eq(letter, STR("RFC3339"))) {
                *ret = wall_rfc3339(t, 0, a);
                return true;
        }
        if (letter.n != 1)
                return false;
        int hour12 = c.hour % 12 ? c.hour % 12 : 12;
        switch (letter.p[0]) {
        case 'B': *ret = str_from(months[c.month - 1]); break;
        case 'b': *ret = str_sub(str_from(months[c.month - 1]), 0, 3); break;
        case 'm': *ret = arena_printf(a, "%02d", c.month); break;
        case 'A': *ret = str_from(days[c.weekday]); break;
        case 'a': *ret = str_sub(str_from(days[c.weekday]), 0, 3); break;
        case 'd': *ret = arena_printf(a, "%02d", c.day); break;
        case 'H': *ret = arena_printf(a, "%02d", c.hour); break;
        case 'I': *ret = arena_printf(a, "%02d", hour12); break;
        case 'M': *ret = arena_printf(a, "%02d", c.minute); break;
        case 'S': *ret = arena_printf(a, "%02d", c.second); break;
        case 'Y': *ret = arena_printf(a, "%04lld", (long long)c.year); break;
        case 'y': *ret = arena_printf(a, "%02lld", (long long)(c.year % 100)); break;
        case 'p': *ret = c.hour < 12 ? STR("AM") : STR("PM"); break;
        case 'Z': *ret = STR("UTC"); break;
        case 'z': *ret = STR("+0000"); break;
        case 'L': *ret = arena_printf(a, ".%03d", c.microsecond / 1000); break;
        case 'j': *ret = arena_printf(a, "%03d", c.yearday + 1); break;
        case 'F': *ret = arena_printf(a, "%04lld-%02d-%02d", (long long)c.year, c.month, c.day); break;
        case 'T': *ret = arena_printf(a, "%02d:%02d:%02d", c.hour, c.minute, c.second); break;
        default: return false;
        }
        return true;
}

static const struct value *labels(const struct vars *v, const char *which) { return value_get_c(v->argo->metadata, which); }

static bool workflow_var(struct vars *v, struct str key, struct str *ret)
{
        const struct run_view *run = v->site->run;
        struct str rest;
        if (str_eq(key, STR("name")))
                *ret = run->name;
        else if (str_eq(key, STR("namespace")))
                *ret = run->ns;
        else if (str_eq(key, STR("uid")))
                *ret = run->uid;
        else if (str_eq(key, STR("mainEntrypoint")))
                *ret = v->argo->entrypoint;
        else if (str_eq(key, STR("serviceAccountName")))
                *ret = v->argo->service_account;
        else if (str_eq(key, STR("status")))
                *ret = status_of_run(v);
        else if (str_eq(key, STR("failures"))) {
                const struct val *told = v->inputs ? bindings_param(v->inputs, ARGO_FAILURES) : NULL;
                if (!told && !(v->site->hook && !v->site->graph))
                        return false;
                *ret = told ? told->text : failures_of_run(v);
        } else if (str_eq(key, STR("priority"))) {
                if (!value_get_c(v->argo->spec, "priority"))
                        return false;
                *ret = arena_printf(v->arena, "%d", run->priority);
        } else if (str_eq(key, STR("scheduledTime"))) {
                if (!run->scheduled_at.us)
                        return false;
                *ret = wall_rfc3339(run->scheduled_at, 0, v->arena);
        } else if (str_eq(key, STR("duration"))) {
                int64_t us = v->site->now.us - run->started_at.us;
                *ret = arena_printf(v->arena, "%lld.%06lld", (long long)(us / US_PER_S), (long long)(us % US_PER_S));
        } else if (str_eq(key, STR("creationTimestamp")))
                *ret = wall_rfc3339(run->created_at, 0, v->arena);
        else if (behind(key, "creationTimestamp.", &rest))
                return timestamp(run->created_at, rest, v->arena, ret);
        else if (str_eq(key, STR("parameters")) || str_eq(key, STR("parameters.json")))
                *ret = params_json(run->parameters, v->arena);
        else if (behind(key, "parameters.", &rest)) {
                const struct val *p = bindings_param(run->parameters, rest);
                if (!p)
                        return false;
                *ret = p->text;
        } else if (str_eq(key, STR("labels")) || str_eq(key, STR("labels.json")) || str_eq(key, STR("annotations")) || str_eq(key, STR("annotations.json"))) {
                const struct value *m = labels(v, str_starts(key, STR("labels")) ? "labels" : "annotations");
                *ret = m ? json_text(m, JSON_SORTED | JSON_HTML, v->arena) : STR("{}");
        } else if (behind(key, "labels.", &rest) || behind(key, "annotations.", &rest)) {
                const struct value *m = value_get(labels(v, str_starts(key, STR("labels")) ? "labels" : "annotations"), rest);
                if (!m)
                        return false;
                *ret = argo_scalar(m, v->arena);
        } else if (behind(key, "outputs.parameters.", &rest)) {
                const struct val *p = bindings_param(run->globals, rest);
                if (!p)
                        return false;
                *ret = p->text;
        } else
                return false;
        return true;
}

static const struct argo_artifact *artifact_named(const struct argo_artifact *list, size_t n, struct str name)
{
        for (size_t i = 0; i < n; i++)
                if (str_eq(list[i].name, name))
                        return &list[i];
        return NULL;
}

/* "X.path" of an input or output that is a file. */
static bool path_var(struct vars *v, struct str key, bool in, bool parameter, struct str *ret)
{
        if (!v->owner || !str_ends(key, STR(".path")))
                return false;
        struct str name = str_sub(key, 0, key.n - 5);
        if (parameter) {
                for (size_t i = 0; i < v->owner->outputs_n; i++)
                        if (str_eq(v->owner->outputs[i].name, name) && v->owner->outputs[i].from == OUTPUT_PATH) {
                                *ret = v->owner->outputs[i].text.source;
                                return true;
                        }
                return false;
        }
        const struct argo_artifact *x = in ? artifact_named(v->owner->artifacts_in, v->owner->artifacts_in_n, name)
                                           : artifact_named(v->owner->artifacts_out, v->owner->artifacts_out_n, name);
        if (!x || !x->path.given)
                return false;
        *ret = x->path.source;
        return true;
}

static bool item_var(struct vars *v, struct str key, struct str *ret)
{
        struct value item;
        struct str rest;
        if (!v->has_item)
                return false;
        if (str_eq(key, STR("item"))) {
                *ret = argo_item_text(v->item, v->arena);
                return true;
        }
        if (!behind(key, "item.", &rest) || !json_read(v->item, NULL, v->arena, &item, NULL))
                return false;
        const struct value *m = value_get(&item, rest);
        if (!m)
                return false;
        *ret = m->kind == VALUE_STRING ? m->text : json_text(m, JSON_SORTED, v->arena);
        return true;
}

static bool retry_var(struct vars *v, struct str key, struct str *ret)
{
        if (!v->retry)
                return false;
        const struct node_view *last = v->site->last_attempt;
        if (str_eq(key, STR("retries")))
                *ret = arena_printf(v->arena, "%u", v->site->attempt);
        else if (str_eq(key, STR("lastRetry.exitCode")))
                *ret = last && last->has_exit_code ? arena_printf(v->arena, "%d", last->exit_code) : last || v->paths ? STR("-1") : STR("0");
        else if (str_eq(key, STR("lastRetry.status")))
                *ret = last ? str_from(argo_phase(last->state)) : STR("");
        else if (str_eq(key, STR("lastRetry.message")))
                *ret = last ? last->message : STR("");
        else if (str_eq(key, STR("lastRetry.duration")))
                *ret = last ? arena_printf(v->arena, "%lld", (long long)(last->finished_at.us / US_PER_S - last->started_at.us / US_PER_S)) : STR("0"); /* Argo's times are whole seconds */
        else
                return false;
        return true;
}

/* Name of the graph's node whose steps or tasks are named here. */
static struct str graph_name(const struct vars *v)
{
        struct str s = argo_site_name(v->site);
        if (v->site->self || v->called) /* in the graph itself, or in a leaf */
                return s;
        size_t at = s.n;
        int parens = 0;
        while (at > 0) {
                char c = s.p[--at];
                parens += c == ')' ? 1 : c == '(' ? -1 : 0;
                if (!parens && c == '.')
                        break;
        }
        s = str_sub(s, 0, at);
        if (s.n && s.p[s.n - 1] == ']')
                while (s.n && s.p[--s.n] != '[')
                        ;
        return s;
}

static struct str task_name(const struct vars *v, const struct argo_name *n)
{
        struct str g = graph_name(v);
        if (n->ref.group == REF_NO_GROUP)
                return arena_printf(v->arena, "%.*s.%.*s", STR_FMT(g), STR_FMT(n->name));
        return arena_printf(v->arena, "%.*s[%u].%.*s", STR_FMT(g), n->ref.group, STR_FMT(n->name));
}

/* steps.name and tasks.name: of the step or task that called the template whose texts these are. The entrypoint and hooks count as steps
 * without a name. */
static bool caller_name(const struct vars *v, bool step, struct str *ret)
{
        struct str rest = graph_name(v);
        size_t at = 0, n;
        int parens = 0;
        rest = str_sub(rest, v->site->run->name.n, rest.n);
        for (n = rest.n; n > 1 && rest.p[n - 1] == ')';) { /* the number of an attempt */
                size_t open = n - 1;
                while (open > 0 && rest.p[open - 1] >= '0' && rest.p[open - 1] <= '9')
                        open--;
                if (open == n - 1 || !open || rest.p[open - 1] != '(')
                        break;
                n = open - 1;
        }
        rest = str_sub(rest, 0, n);
        for (at = rest.n; at > 0; at--) {
                parens += rest.p[at - 1] == ')' ? 1 : rest.p[at - 1] == '(' ? -1 : 0;
                if (!parens && rest.p[at - 1] == '.')
                        break;
        }
        struct str name = str_sub(rest, at, rest.n), before = str_sub(rest, 0, at ? at - 1 : 0);
        bool unnamed = !at || str_eq(name, STR("onExit")) || str_ends(before, STR(".hooks"));
        if ((unnamed || str_ends(before, STR("]"))) != step)
                return false;
        *ret = unnamed ? STR("") : name;
        return true;
}

/* A step or task by its name, once it has ended; hooks see what still runs. To the hook of an item the item's own step is the item. */
bool argo_task_view(const struct vars *v, const struct argo_name *n, struct node_view *ret)
{
        const struct site *s = v->site;
        if (s->hook && s->has_item && s->owner && s->task && str_eq(s->task->name, n->name)) {
                *ret = *s->owner;
                return true;
        }
        return s->ops->task(s->scope, n->ref, ret) && (v->hook || node_state_final(ret->state));
}

static bool hides_result(const struct vars *v, struct str name) { return v->hook && v->site->task && str_eq(v->site->task->name, name); }

/* steps.X.key, tasks.X.key */
static bool task_var(struct vars *v, struct str key, struct str *ret)
{
        struct str rest = key, name = str_cut(&rest, '.'), member;
        const struct argo_name *n = argo_find_name(v->names, name);
        struct node_view x;
        if (!n || !rest.p || !argo_task_view(v, n, &x))
                return false;
        if (str_eq(rest, STR("status")))
                *ret = str_from(argo_phase(x.state));
        else if (str_eq(rest, STR("id")))
                *ret = argo_node_id(v->site->run->name, task_name(v, n), v->arena);
        else if (str_eq(rest, STR("startedAt")) || str_eq(rest, STR("finishedAt"))) {
                struct wall t = rest.p[0] == 's' ? x.started_at : x.finished_at;
                if (!t.us)
                        t = x.finished_at;
                *ret = t.us ? wall_rfc3339(t, 0, v->arena) : STR("");
        } else if (str_eq(rest, STR("exitCode"))) {
                if (!x.has_exit_code)
                        return false;
                *ret = arena_printf(v->arena, "%d", x.exit_code);
        } else if (str_eq(rest, STR("hostNodeName")) || str_eq(rest, STR("ip"))) {
                if (x.kind != NODE_KIND_TASK && x.kind != NODE_KIND_RETRY)
                        return false;
                *ret = rest.p[0] == 'i' ? STR("127.0.0.1") : STR("localhost");
        } else if (str_eq(rest, STR("outputs.result"))) {
                if (!x.outputs || x.outputs->result.kind == VAL_NONE || hides_result(v, name))
                        return false;
                *ret = x.outputs->result.text;
        } else if (str_eq(rest, STR("outputs.parameters"))) {
                const struct val *all = x.outputs ? bindings_param(x.outputs, rest) : NULL;
                if (!all)
                        return false;
                *ret = all->text;
        } else if (behind(rest, "outputs.parameters.", &member)) {
                const struct val *p = x.outputs ? bindings_param(x.outputs, member) : NULL;
                if (!p || p->kind == VAL_NONE)
                        return false;
                *ret = p->text;
        } else
                return false;
        return true;
}

bool argo_var(struct vars *v, struct str key, struct str *ret)
{
        struct str rest;
        if (behind(key, "workflow.", &rest))
                return workflow_var(v, rest, ret);
        if (behind(key, "inputs.parameters.", &rest)) {
                const struct val *p = v->inputs ? bindings_param(v->inputs, rest) : NULL;
                if (!p || p->kind == VAL_NONE)
                        return false;
                *ret = text_of(p);
                return true;
        }
        if (str_eq(key, STR("inputs.parameters")) && v->inputs) {
                *ret = params_json(v->inputs, v->arena);
                return true;
        }
        if (behind(key, "inputs.artifacts.", &rest))
                return path_var(v, rest, true, false, ret);
        if (v->outputs_paths && behind(key, "outputs.artifacts.", &rest))
                return path_var(v, rest, false, false, ret);
        if (v->outputs_paths && behind(key, "outputs.parameters.", &rest))
                return path_var(v, rest, false, true, ret);
        if (str_eq(key, STR("steps.name")) || str_eq(key, STR("tasks.name")))
                return caller_name(v, key.p[0] == 's', ret);
        if (behind(key, "steps.", &rest) || behind(key, "tasks.", &rest))
                return v->names && task_var(v, rest, ret);
        if (str_starts(key, STR("item")))
                return item_var(v, key, ret);
        if (str_eq(key, STR("node.name"))) {
                *ret = graph_name(v);
                return true;
        }
        if (str_eq(key, STR("pod.name"))) {
                if (!v->owner || (v->owner->type != ARGO_CONTAINER && v->owner->type != ARGO_SCRIPT))
                        return false;
                *ret = argo_pod_name(v->site->run->name, v->owner->name, argo_site_name(v->site), v->arena);
                return true;
        }
        return retry_var(v, key, ret);
}

/* ---- the same for expressions ---- */

static void put(struct map_builder *m, const char *key, struct str text) { map_push(m, str_from(key), value_string(text)); }

/* Argo makes nested maps of dotted keys: "a.b/c" is the member "b/c" of "a". */
static void put_dotted(struct map_builder *m, struct str key, struct value x)
{
        struct str rest = key, first = str_cut(&rest, '.');
        if (!rest.p) {
                map_set(m, key, x);
                return;
        }
        struct map_builder inner = {.arena = m->arena};
        for (size_t i = 0; i < m->n; i++)
                if (str_eq(m->members[i].key, first) && m->members[i].value.kind == VALUE_MAP)
                        for (size_t k = 0; k < m->members[i].value.map.n; k++)
                                map_push(&inner, m->members[i].value.map.members[k].key, m->members[i].value.map.members[k].value);
        put_dotted(&inner, rest, x);
        map_set(m, first, value_map(inner.members, inner.n));
}

static struct value param_map(const struct bindings *b, struct map_builder *m)
{
        for (size_t i = 0; b && i < b->params_n; i++)
                if (!argo_hidden_input(b->params[i].name) && b->params[i].value.kind != VAL_NONE && !str_eq_c(b->params[i].name, "outputs.parameters"))
                        put_dotted(m, b->params[i].name, value_string(b->params[i].value.text));
        return value_map(m->members, m->n);
}

static struct value label_map(struct vars *v, const char *which)
{
        const struct value *l = labels(v, which);
        struct map_builder m = {.arena = v->arena};
        struct str json;
        for (size_t i = 0; l && l->kind == VALUE_MAP && i < l->map.n; i++)
                put_dotted(&m, l->map.members[i].key, value_string(argo_scalar(&l->map.members[i].value, v->arena)));
        if (workflow_var(v, arena_printf(v->arena, "%s.json", which), &json))
                put(&m, "json", json);
        return value_map(m.members, m.n);
}

static bool path_wants(const struct vars *v, const char *first, const char *second, bool third)
{
        for (size_t i = 0; v->paths && i < v->paths->n; i++) {
                const struct expr_path *p = &v->paths->items[i];
                if (p->n >= (third ? 3u : 2u) && str_eq_c(p->parts[0], first) && str_eq_c(p->parts[1], second))
                        return true;
        }
        return false;
}

static struct value workflow_map(struct vars *v)
{
        static const char *const plain[] = {"name", "namespace", "uid", "mainEntrypoint", "serviceAccountName", "status", "failures", "priority", "scheduledTime", "duration"};
        struct map_builder m = {.arena = v->arena};
        struct str s;
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
                if (workflow_var(v, str_from(plain[i]), &s))
                        put(&m, plain[i], s);
        if (path_wants(v, "workflow", "creationTimestamp", true)) {
                static const char letters[] = "BbmAadHIMSYypZzLs";
                struct map_builder t = {.arena = v->arena};
                for (size_t i = 0; letters[i]; i++)
                        if (timestamp(v->site->run->created_at, (struct str){&letters[i], 1}, v->arena, &s))
                                map_push(&t, (struct str){&letters[i], 1}, value_string(s));
                put(&t, "RFC3339", wall_rfc3339(v->site->run->created_at, 0, v->arena));
                map_push(&m, STR("creationTimestamp"), value_map(t.members, t.n));
        } else
                put(&m, "creationTimestamp", wall_rfc3339(v->site->run->created_at, 0, v->arena));
        struct map_builder params = {.arena = v->arena}, globals = {.arena = v->arena}, outputs = {.arena = v->arena};
        if (workflow_var(v, STR("parameters.json"), &s))
                put(&params, "json", s);
        map_push(&m, STR("parameters"), param_map(v->site->run->parameters, &params));
        map_push(&m, STR("labels"), label_map(v, "labels"));
        map_push(&m, STR("annotations"), label_map(v, "annotations"));
        if (v->site->run->globals && v->site->run->globals->params_n) {
                map_push(&outputs, STR("parameters"), param_map(v->site->run->globals, &globals));
                map_push(&m, STR("outputs"), value_map(outputs.members, outputs.n));
        }
        return value_map(m.members, m.n);
}

static bool inputs_map(struct vars *v, struct value *ret)
{
        struct map_builder m = {.arena = v->arena}, params = {.arena = v->arena}, artifacts = {.arena = v->arena};
        bool any = false;
        for (size_t i = 0; v->inputs && i < v->inputs->params_n; i++)
                any = any || !argo_hidden_input(v->inputs->params[i].name);
        if (any)
                map_push(&m, STR("parameters"), param_map(v->inputs, &params));
        for (size_t i = 0; v->owner && i < v->owner->artifacts_in_n; i++) {
                const struct argo_artifact *in = &v->owner->artifacts_in[i];
                const struct artifact *given = v->inputs ? bindings_artifact(v->inputs, in->name) : NULL;
                struct artifact none = {.name = in->name, .size_bytes = -1};
                map_push(&artifacts, in->name, argo_artifact_map(given ? given : &none, in->path.source, v->arena));
        }
        if (artifacts.n)
                map_push(&m, STR("artifacts"), value_map(artifacts.members, artifacts.n));
        *ret = value_map(m.members, m.n);
        return m.n > 0;
}

static bool item_value(struct vars *v, struct value *ret)
{
        struct value item;
        if (!v->has_item || !json_read(v->item, NULL, v->arena, &item, NULL))
                return false;
        if (item.kind != VALUE_MAP) {
                *ret = value_string(argo_item_text(v->item, v->arena));
                return true;
        }
        struct map_builder m = {.arena = v->arena};
        for (size_t i = 0; i < item.map.n; i++) {
                const struct value *x = &item.map.members[i].value;
                map_push(&m, item.map.members[i].key, value_string(x->kind == VALUE_STRING ? x->text : json_text(x, JSON_SORTED, v->arena)));
        }
        *ret = value_map(m.members, m.n);
        return true;
}

static bool task_map(struct vars *v, const struct argo_name *n, struct value *ret)
{
        static const char *const plain[] = {"id", "status", "startedAt", "finishedAt", "exitCode", "ip", "hostNodeName"};
        struct map_builder m = {.arena = v->arena}, outputs = {.arena = v->arena}, params = {.arena = v->arena};
        struct node_view x;
        struct str s;
        if (!argo_task_view(v, n, &x))
                return false;
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
                if (task_var(v, arena_printf(v->arena, "%.*s.%s", STR_FMT(n->name), plain[i]), &s))
                        put(&m, plain[i], s);
        if (x.outputs && x.outputs->result.kind != VAL_NONE && !hides_result(v, n->name))
                put(&outputs, "result", x.outputs->result.text);
        if (x.outputs && x.outputs->params_n) {
                const struct val *all = bindings_param(x.outputs, STR("outputs.parameters"));
                if (all && !path_wants(v, "steps", "outputs", true) && x.outputs->params_n == 1)
                        put(&outputs, "parameters", all->text);
                else
                        map_push(&outputs, STR("parameters"), param_map(x.outputs, &params));
        }
        struct map_builder artifacts = {.arena = v->arena};
        for (size_t i = 0; x.outputs && i < x.outputs->artifacts_n; i++)
                map_push(&artifacts, x.outputs->artifacts[i].name, argo_artifact_map(&x.outputs->artifacts[i], STR_NONE, v->arena));
        if (artifacts.n)
                map_push(&outputs, STR("artifacts"), value_map(artifacts.members, artifacts.n));
        if (outputs.n)
                map_push(&m, STR("outputs"), value_map(outputs.members, outputs.n));
        *ret = value_map(m.members, m.n);
        return true;
}

/* Only what the expression names, unless it asks for all. Before anything has ended there is no such name at all. */
static bool tasks_map(struct vars *v, struct str root, struct value *ret)
{
        struct map_builder m = {.arena = v->arena};
        bool all = !v->paths;
        if (!v->names || (v->names->type == ARGO_STEPS) != (root.p[0] == 's'))
                return false;
        for (size_t i = 0; v->paths && i < v->paths->n; i++) {
                const struct expr_path *p = &v->paths->items[i];
                if (!str_eq(p->parts[0], root))
                        continue;
                const struct argo_name *n = p->n > 1 ? argo_find_name(v->names, p->parts[1]) : NULL;
                struct value x;
                if (p->n < 2)
                        all = true;
                else if (n && !value_get(&(struct value){.kind = VALUE_MAP, .map = {m.members, m.n}}, n->name) && task_map(v, n, &x))
                        map_push(&m, n->name, x);
        }
        if (all) {
                m.n = 0;
                for (size_t i = 0; v->names && i < v->names->names_n; i++) {
                        struct value x;
                        if (task_map(v, &v->names->names[i], &x))
                                map_push(&m, v->names->names[i].name, x);
                }
        }
        *ret = value_map(m.members, m.n);
        bool any = m.n > 0;
        struct node_view x;
        for (size_t i = 0; v->names && !any && i < v->names->names_n; i++)
                any = argo_task_view(v, &v->names->names[i], &x);
        return any;
}

static bool lookup(void *ctx, struct str name, struct arena *a, struct value *ret)
{
        struct vars *v = ctx;
        struct map_builder m = {.arena = v->arena};
        struct str s;
        (void)a;
        if (str_eq(name, STR("workflow"))) {
                *ret = workflow_map(v);
                return true;
        }
        if (str_eq(name, STR("inputs")))
                return inputs_map(v, ret);
        if (str_eq(name, STR("steps")) || str_eq(name, STR("tasks")))
                return tasks_map(v, name, ret);
        if (str_eq(name, STR("item")))
                return item_value(v, ret);
        if (str_eq(name, STR("retries")) && retry_var(v, name, &s)) {
                *ret = value_string(s);
                return true;
        }
        if (str_eq(name, STR("lastRetry")) && v->retry) {
                static const char *const keys[] = {"exitCode", "status", "message", "duration"};
                for (size_t i = 0; i < 4; i++)
                        if (retry_var(v, arena_printf(v->arena, "lastRetry.%s", keys[i]), &s))
                                put(&m, keys[i], s);
        } else if ((str_eq(name, STR("pod")) || str_eq(name, STR("node"))) && argo_var(v, arena_printf(v->arena, "%.*s.name", STR_FMT(name)), &s))
                put(&m, "name", s);
        *ret = value_map(m.members, m.n);
        return m.n > 0;
}

struct expr_env argo_env_of(struct vars *v)
{
        return (struct expr_env){.lookup = lookup, .ctx = v, .now = v->site->now, .seed = v->site->seed};
}

bool argo_eval(const struct expr *x, struct vars *v, struct xvalue *ret, struct error *e)
{
        struct expr_paths paths = expr_identifiers(x);
        v->paths = &paths;
        struct expr_env env = argo_env_of(v);
        bool ok = expr_eval(x, &env, v->arena, ret, e);
        v->paths = NULL;
        return ok;
}

static void leave(struct vars *v, struct str root, struct str text)
{
        bool name = str_eq(root, STR("steps.name")) || str_eq(root, STR("tasks.name"));
        v->left = true;
        if (!v->left_tag.n && !name && (str_starts(root, STR("steps")) || str_starts(root, STR("tasks"))))
                v->left_tag = text;
}

/* Does the expression name something that is not there (yet)? */
static bool lacks(struct vars *v, const struct expr_paths *paths, struct str text)
{
        for (size_t i = 0; i < paths->n; i++) {
                const struct expr_path *p = &paths->items[i];
                struct value root;
                const struct value *at = &root;
                bool there = lookup(v, p->parts[0], v->arena, &root);
                for (size_t k = 1; there && !p->optional && k < p->dotted_n; k++) {
                        at = value_get(at, p->parts[k]);
                        there = at != NULL;
                }
                if (!there) {
                        leave(v, p->parts[0], text);
                        return true;
                }
        }
        return false;
}

bool argo_eval_tag(struct vars *v, const struct text_part *p, struct str *ret, bool *ret_left, struct error *e)
{
        *ret_left = false;
        if (p->kind == TEXT_TAG) {
                if (argo_var(v, p->key, ret))
                        return true;
                leave(v, p->key, p->text);
                *ret = p->text;
                *ret_left = true;
                return true;
        }
        if (!p->expr)
                return error_set(e, ERROR_INVALID, "%.*s", STR_FMT(p->trouble));
        struct expr_paths paths = expr_identifiers(p->expr);
        v->paths = &paths;
        bool ok = true;
        if (lacks(v, &paths, p->text)) {
                *ret = p->text;
                *ret_left = true;
        } else {
                struct expr_env env = argo_env_of(v);
                ok = expr_substitute(p->expr, &env, v->arena, ret, e);
        }
        v->paths = NULL;
        return ok;
}
