/* Outputs: of a leaf from what the executor brought back, of a graph from its tasks, of a loop gathered over its items. */
#include "dialect/argo/argo.h"

enum { GATHERED_MAX = 64 << 20 };

static struct str without_newline(struct str s) { return s.n && s.p[s.n - 1] == '\n' ? str_sub(s, 0, s.n - 1) : s; }

static bool export(struct collected *c, struct vars *v, struct str global_name, struct str value, struct error *e)
{
        struct str name;
        if (!global_name.n)
                return true;
        if (!argo_render_text(global_name, v, &name, e))
                return false;
        c->exports.params[c->exports.params_n++] = (struct param){name, val_text(value), false};
        return true;
}

static void export_artifact(struct collected *c, struct str global_name, const struct artifact *x)
{
        if (!global_name.n)
                return;
        struct artifact *out = &c->exports.artifacts[c->exports.artifacts_n++];
        *out = *x;
        out->name = global_name;
}

static bool put(struct collected *c, struct vars *v, const struct argo_output *o, struct str value, struct error *e)
{
        c->outputs.params[c->outputs.params_n++] = (struct param){o->name, val_text(value), false};
        return export(c, v, o->global_name, value, e);
}

static void make_room(struct collected *c, const struct argo_template *x, struct arena *a)
{
        c->outputs = c->exports = (struct bindings){0};
        c->outputs.params = arena_alloc_array(a, sizeof *c->outputs.params, x->outputs_n + 1);
        c->exports.params = arena_alloc_array(a, sizeof *c->exports.params, x->outputs_n + 1);
        c->outputs.artifacts = arena_alloc_array(a, sizeof *c->outputs.artifacts, x->artifacts_out_n + 1);
        c->exports.artifacts = arena_alloc_array(a, sizeof *c->exports.artifacts, x->artifacts_out_n + 1);
}

/* ---- leaves ---- */

static const struct task_output *output_of(const struct task_outcome *o, struct str name)
{
        for (size_t i = 0; i < o->params_n; i++)
                if (str_eq(o->params[i].name, name))
                        return &o->params[i];
        return NULL;
}

/* A missing output turns a success into an Error; after a failure what is there is kept. */
static bool leaf_param(const struct argo_output *p, const struct task_outcome *o, struct vars *v, struct collected *c, struct error *e)
{
        const struct task_output *out = output_of(o, p->name);
        struct str text;
        if (p->from == OUTPUT_VALUE)
                return argo_render(&p->text, v, &text, e) && put(c, v, p, text, e);
        if (p->from != OUTPUT_PATH)
                return true;
        if (out && out->present) {
                if (out->truncated)
                        return error_set(e, ERROR_LIMIT, "the output parameter '%.*s' is larger than a value may be (setting store.value_bytes_max): write it as an artifact", STR_FMT(p->name));
                return put(c, v, p, without_newline(out->content), e);
        }
        if (node_state_bad(c->state))
                return true;
        if (p->fallback.given)
                return argo_render(&p->fallback, v, &text, e) && put(c, v, p, text, e);
        c->state = NODE_ERROR;
        c->message = arena_printf(v->arena, "wait: Error (exit code 64): the step left no file %.*s for its output parameter '%.*s'", STR_FMT(p->text.source), STR_FMT(p->name));
        return true;
}

static void leaf_artifact(const struct argo_artifact *x, const struct task_outcome *o, struct vars *v, struct collected *c)
{
        for (size_t i = 0; i < o->artifacts_n; i++) {
                const struct task_artifact_result *r = &o->artifacts[i];
                if (!r->present || !str_eq(r->name, x->name))
                        continue;
                struct artifact out = {.name = x->name, .uri = r->uri, .digest = r->digest, .size_bytes = r->size_bytes};
                c->outputs.artifacts[c->outputs.artifacts_n++] = out;
                export_artifact(c, x->global_name, &out);
                return;
        }
        if (x->optional || node_state_bad(c->state))
                return;
        c->state = NODE_ERROR;
        c->message = arena_printf(v->arena, "wait: Error (exit code 64): the step left nothing at %.*s for its output artifact '%.*s'", STR_FMT(x->path.source), STR_FMT(x->name));
}

static bool collect_leaf(const struct site *s, const struct task_outcome *o, struct collected *c, struct error *e)
{
        const struct argo_template *x = argo_template_of(s->self);
        struct vars v = argo_vars_inside(s);
        if (o->end == TASK_EXITED && o->exit_code)
                c->message = arena_printf(s->arena, "main: %s (exit code %d)%s%.*s", o->out_of_memory ? "OOMKilled" : "Error", o->exit_code, o->message.n ? ": " : "", STR_FMT(o->message));
        if (o->end != TASK_EXITED)
                return true;
        make_room(c, x, s->arena);
        for (size_t i = 0; i < x->outputs_n; i++)
                if (!leaf_param(&x->outputs[i], o, &v, c, e))
                        return false;
        for (size_t i = 0; i < x->artifacts_out_n; i++)
                leaf_artifact(&x->artifacts_out[i], o, &v, c);
        if (o->result.present)
                c->outputs.result = val_text(without_newline(o->result.content));
        return true;
}

/* A suspend point: what was supplied is there already, with defaults. */
static bool collect_supplied(const struct site *s, struct collected *c, struct error *e)
{
        const struct argo_template *x = argo_template_of(s->self);
        struct vars v = argo_vars_inside(s);
        struct bindings given = c->outputs;
        make_room(c, x, s->arena);
        for (size_t i = 0; i < x->outputs_n; i++) {
                const struct argo_output *o = &x->outputs[i];
                const struct val *p = bindings_param(&given, o->name);
                struct str text;
                if (p && p->kind != VAL_NONE) {
                        if (!put(c, &v, o, p->text, e))
                                return false;
                } else if (o->from == OUTPUT_VALUE) {
                        if (!argo_render(&o->text, &v, &text, e) || !put(c, &v, o, text, e))
                                return false;
                } else if (o->from == OUTPUT_SUPPLIED)
                        return error_set(e, ERROR_INVALID, "raw output parameter '%.*s' has not been set and does not have a default value", STR_FMT(o->name));
        }
        return true;
}

/* ---- graphs ---- */

/* `valueFrom.parameter`: one tag, whose value it is. */
static bool from_tag(const struct argo_output *o, struct vars *v, struct str *ret, struct error *e)
{
        if (!argo_render(&o->text, v, ret, e))
                return false;
        if (!v->left)
                return true;
        struct atext left = argo_text(*ret, v->arena);
        for (size_t i = left.parts_n; i-- > 0;)
                if (left.parts[i].kind == TEXT_TAG)
                        return error_set(e, ERROR_INVALID, "Unable to resolve: \"%.*s\"", STR_FMT(left.parts[i].key));
        return error_set(e, ERROR_INVALID, "failed to evaluate expression: %.*s", STR_FMT(*ret));
}

static bool graph_value(const struct argo_output *o, struct vars *v, struct str *ret, struct error *e)
{
        struct xvalue x;
        switch (o->from) {
        case OUTPUT_PARAMETER:
                return from_tag(o, v, ret, e);
        case OUTPUT_EXPRESSION:
                if (!o->expr)
                        return error_set(e, ERROR_INVALID, "%.*s", STR_FMT(o->trouble));
                if (!argo_eval(o->expr, v, &x, e))
                        return false;
                if (x.kind == X_NIL)
                        return error_set(e, ERROR_INVALID, "failed to evaluate expression \"%.*s\"", STR_FMT(o->expression));
                *ret = expr_result_print(&x, v->arena);
                return true;
        case OUTPUT_NONE:
        case OUTPUT_PATH:
        case OUTPUT_SUPPLIED:
        case OUTPUT_VALUE: /* Argo accepts it at submission and refuses it here */
                break;
        }
        return error_set(e, ERROR_INVALID, "output parameters must have a valueFrom specified");
}

static bool collect_graph(const struct site *s, struct collected *c, struct error *e)
{
        const struct argo_template *x = argo_template_of(s->self);
        struct vars v = argo_vars_inside(s);
        make_room(c, x, s->arena);
        for (size_t i = 0; i < x->outputs_n; i++) {
                const struct argo_output *o = &x->outputs[i];
                struct str text;
                if (!graph_value(o, &v, &text, e) && !(o->fallback.given && argo_render(&o->fallback, &v, &text, e)))
                        return false;
                if (!put(c, &v, o, text, e))
                        return false;
        }
        for (size_t i = 0; i < x->artifacts_out_n; i++) {
                struct artifact out;
                bool found;
                if (!argo_artifact_value(&x->artifacts_out[i], &v, &out, &found, e))
                        return false;
                if (!found && !x->artifacts_out[i].optional)
                        return error_set(e, ERROR_INVALID, "the output artifact '%.*s' could not be found: the step that makes it left none", STR_FMT(x->artifacts_out[i].name));
                if (!found)
                        continue;
                out.name = x->artifacts_out[i].name;
                c->outputs.artifacts[c->outputs.artifacts_n++] = out;
                export_artifact(c, x->artifacts_out[i].global_name, &out);
        }
        return true;
}

/* ---- loops ---- */

/* Go's encoder keeps a raw value but for white space between its parts, and makes three signs harmless. */
static void add_compact(struct buf *b, struct str json)
{
        bool quoted = false;
        for (size_t i = 0; i < json.n; i++) {
                char ch = json.p[i];
                if (quoted && ch == '\\' && i + 1 < json.n) {
                        buf_add_char(b, ch);
                        buf_add_char(b, json.p[++i]);
                        continue;
                }
                if (ch == '"')
                        quoted = !quoted;
                if (!quoted && strchr(" \t\r\n", ch))
                        continue;
                if (ch == '<' || ch == '>' || ch == '&')
                        buf_addf(b, "\\u%04x", (unsigned)ch);
                else
                        buf_add_char(b, ch);
        }
}

/* Argo puts the results of a group's loops together when the group is done, and those of a dag's when a task reads them: there it is the
 * reader that fails. */
static bool gather_results(const struct site *s, struct collected *c, struct error *e)
{
        struct buf b = BUF(GATHERED_MAX);
        struct node_view child;
        struct str trouble;
        buf_add_char(&b, '[');
        for (uint32_t i = 0; i < s->self_node->children_n; i++) {
                if (!s->ops->child(s->scope, i, &child) || !node_state_good(child.state) || !child.outputs || child.outputs->result.kind == VAL_NONE)
                        continue;
                if (argo_json_trouble(child.outputs->result.text, s->arena, &trouble)) {
                        buf_free(&b);
                        if (argo_template_of(s->graph)->group)
                                return error_set(e, ERROR_INVALID, "%.*s", STR_FMT(trouble));
                        c->message = arena_printf(s->arena, "its results cannot be gathered: %.*s", STR_FMT(trouble));
                        return true;
                }
                if (b.n > 1)
                        buf_add_char(&b, ',');
                add_compact(&b, child.outputs->result.text);
        }
        buf_add_char(&b, ']');
        c->outputs.result = val_text(arena_str(s->arena, buf_str(&b)));
        bool overflow = b.overflow;
        buf_free(&b);
        return !overflow || error_set(e, ERROR_LIMIT, "the gathered results of '%.*s' pass %d bytes: write them as artifacts", STR_FMT(s->task->name), GATHERED_MAX);
}

/* A value as Go's decoder and encoder would bring it back: numbers pass through floating point. */
static struct value through_go(const struct value *v, struct arena *a)
{
        struct value out = *v;
        double d;
        if (v->kind == VALUE_NUMBER && value_to_double(v, &d))
                return value_double(d, a);
        if (v->kind == VALUE_LIST) {
                out.list.items = arena_alloc_array(a, sizeof *out.list.items, v->list.n + 1);
                for (size_t i = 0; i < v->list.n; i++)
                        out.list.items[i] = through_go(&v->list.items[i], a);
        }
        if (v->kind == VALUE_MAP) {
                out.map.members = arena_alloc_array(a, sizeof *out.map.members, v->map.n + 1);
                for (size_t i = 0; i < v->map.n; i++) {
                        out.map.members[i] = v->map.members[i];
                        out.map.members[i].value = through_go(&v->map.members[i].value, a);
                }
        }
        return out;
}

/* A list of texts, unless each of them is a JSON list or map. */
static struct str list_of(const struct str *texts, size_t n, struct arena *a)
{
        struct value *items = arena_alloc_array(a, sizeof *items, n + 1);
        bool all = true;
        for (size_t i = 0; i < n && all; i++) {
                struct value v;
                all = json_read(texts[i], NULL, a, &v, NULL) && (v.kind == VALUE_LIST || v.kind == VALUE_MAP);
                if (all)
                        items[i] = through_go(&v, a);
        }
        for (size_t i = 0; i < n && !all; i++)
                items[i] = value_string(texts[i]);
        struct value list = value_list(items, n);
        return json_text(&list, JSON_SORTED | JSON_HTML, a);
}

static void gather_param(const struct site *s, struct str name, struct collected *c)
{
        struct str *texts = arena_alloc_array(s->arena, sizeof *texts, s->self_node->children_n + 1u);
        struct node_view child;
        size_t n = 0;
        for (uint32_t i = 0; i < s->self_node->children_n; i++) {
                const struct val *v = s->ops->child(s->scope, i, &child) && node_state_good(child.state) && child.outputs ? bindings_param(child.outputs, name) : NULL;
                if (v && v->kind != VAL_NONE)
                        texts[n++] = v->text;
        }
        if (n)
                c->outputs.params[c->outputs.params_n++] = (struct param){name, val_text(list_of(texts, n, s->arena)), false};
}

/* `outputs.parameters`: a list of maps. */
static void gather_all(const struct site *s, struct collected *c)
{
        struct value *items = arena_alloc_array(s->arena, sizeof *items, s->self_node->children_n + 1u);
        struct node_view child;
        size_t n = 0;
        for (uint32_t i = 0; i < s->self_node->children_n; i++) {
                if (!s->ops->child(s->scope, i, &child) || !node_state_good(child.state) || !child.outputs || !child.outputs->params_n)
                        continue;
                struct map_builder m = {.arena = s->arena};
                for (size_t k = 0; k < child.outputs->params_n; k++)
                        map_push(&m, child.outputs->params[k].name, value_string(child.outputs->params[k].value.text));
                items[n++] = value_map(m.members, m.n);
        }
        struct value list = value_list(items, n);
        c->outputs.params[c->outputs.params_n++] = (struct param){STR("outputs.parameters"), val_text(json_text(&list, JSON_SORTED | JSON_HTML, s->arena)), false};
}

static bool collect_loop(const struct site *s, struct collected *c, struct error *e)
{
        const struct argo_template *x = argo_template_of(&s->workflow->templates[s->task->template]);
        c->outputs.params = arena_alloc_array(s->arena, sizeof *c->outputs.params, x->outputs_n + 2);
        for (size_t i = 0; i < x->outputs_n; i++)
                gather_param(s, x->outputs[i].name, c);
        gather_all(s, c);
        return !argo_task_of(s->task)->wants_result || gather_results(s, c, e);
}

bool argo_collect_outputs(const struct site *s, const struct task_outcome *outcome, struct collected *ret, struct error *e)
{
        switch (s->self_node->kind) {
        case NODE_KIND_FANOUT:
                return collect_loop(s, ret, e);
        case NODE_KIND_TASK:
                return !outcome || collect_leaf(s, outcome, ret, e);
        case NODE_KIND_SUSPEND:
                return collect_supplied(s, ret, e);
        case NODE_KIND_GRAPH:
                return !node_state_good(ret->state) || collect_graph(s, ret, e);
        case NODE_KIND_GROUP:
        case NODE_KIND_RETRY:
        case NODE_KIND_CHILD:
        case NODE_KIND_CALL:
        case NODE_KINDS:
                break;
        }
        return true;
}
