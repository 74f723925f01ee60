/* Which tags a place may name, as Argo looks at it when a workflow is submitted.
 *
 * Argo looks for tags in the JSON of a step, task or template, not in each string: a tag that is not closed in its own string goes on in
 * the next. So the text looked at here is that JSON, with the fields in the order in which Argo writes them. */
#include "dialect/argo/check.h"
#include <stdlib.h>

bool argo_is_leaf(const struct argo_template *x) { return x->type == ARGO_CONTAINER || x->type == ARGO_SCRIPT; }

/* ---- JSON in Go's order of fields ---- */

static size_t rank(struct str key)
{
        static const char *const order[] = {"name", "template", "inline", "inputs", "outputs", "arguments", "templateRef", "dependencies", "withItems", "withParam", "withSequence", "count", "start", "end",
                                            "format", "when", "continueOn", "onExit", "hooks", "depends", "parameters", "artifacts", "default", "value", "valueFrom", "path", "jsonPath", "jqFilter",
                                            "parameter", "mode", "from", "steps", "container", "script", "dag", "suspend", "image", "command", "args", "workingDir", "env", "resources", "source"};
        size_t n = sizeof order / sizeof *order, i = 0;
        while (i < n && !str_eq_c(key, order[i]))
                i++;
        return i;
}

static int by_rank(const void *a, const void *b)
{
        const struct value_member *x = a, *y = b;
        size_t i = rank(x->key), k = rank(y->key);
        if (i != k)
                return i < k ? -1 : 1;
        return x->line != y->line ? (x->line < y->line ? -1 : 1) : x->column < y->column ? -1 : x->column > y->column;
}

static struct value in_order(const struct value *v, struct arena *a)
{
        struct value out = *v;
        if (v->kind == VALUE_LIST) {
                out.list.items = arena_alloc_array(a, sizeof *out.list.items, v->list.n + 1);
                for (size_t i = 0; i < v->list.n; i++)
                        out.list.items[i] = in_order(&v->list.items[i], a);
        } else if (v->kind == VALUE_MAP) {
                out.map.members = arena_alloc_array(a, sizeof *out.map.members, v->map.n + 1);
                for (size_t i = 0; i < v->map.n; i++) {
                        out.map.members[i] = v->map.members[i];
                        out.map.members[i].value = in_order(&v->map.members[i].value, a);
                }
                qsort(out.map.members, v->map.n, sizeof *out.map.members, by_rank);
        }
        return out;
}

/* ---- what is known ---- */

static bool behind(struct str key, const char *prefix, struct str *rest)
{
        struct str p = str_from(prefix);
        if (!str_starts(key, p))
                return false;
        *rest = str_sub(key, p.n, key.n);
        return true;
}

static const struct argo_param *run_param(const struct argo_check *c, struct str name)
{
        for (size_t i = 0; i < c->r->argo->root.params_n; i++)
                if (str_eq(c->r->argo->root.params[i].name, name))
                        return &c->r->argo->root.params[i];
        return NULL;
}

static bool knows_global(const struct argo_check *c, struct str key)
{
        for (size_t i = 0; i < c->globals_n; i++)
                if (str_eq(c->globals[i], key))
                        return true;
        return (c->any_global_parameter && str_starts(key, STR("outputs.parameters."))) || (c->any_global_artifact && str_starts(key, STR("outputs.artifacts.")));
}

static bool knows_workflow(const struct argo_check *c, struct str key)
{
        static const char *const plain[] = {"name", "namespace", "mainEntrypoint", "serviceAccountName", "uid", "status", "annotations", "annotations.json", "labels", "labels.json"};
        const struct value *m = c->r->argo->metadata;
        struct str rest;
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
                if (str_eq_c(key, plain[i]))
                        return true;
        if (behind(key, "annotations.", &rest))
                return value_get(value_get_c(m, "annotations"), rest) != NULL;
        if (behind(key, "labels.", &rest))
                return value_get(value_get_c(m, "labels"), rest) != NULL;
        if (str_eq(key, STR("failures")))
                return c->exit;
        if (str_eq(key, STR("priority")))
                return value_get_c(c->r->argo->spec, "priority") != NULL;
        if (str_starts(key, STR("creationTimestamp")) || str_starts(key, STR("scheduledTime")) || str_starts(key, STR("duration")))
                return true;
        if (c->isolated && str_starts(key, STR("parameters")))
                return true;
        if (str_eq(key, STR("parameters")) || str_eq(key, STR("parameters.json")))
                return c->r->argo->root.params_n + c->r->argo->submission.parameters.params_n > 0;
        if (behind(key, "parameters.", &rest))
                return run_param(c, rest) || bindings_param(&c->r->argo->submission.parameters, rest);
        return knows_global(c, key);
}

static bool knows_input(const struct argo_template *x, struct str key)
{
        struct str rest;
        if (str_eq(key, STR("parameters")))
                return x->inputs_n > 0;
        for (size_t i = 0; behind(key, "parameters.", &rest) && i < x->inputs_n; i++)
                if (str_eq(x->inputs[i].name, rest))
                        return true;
        for (size_t i = 0; behind(key, "artifacts.", &rest) && i < x->artifacts_in_n; i++) {
                struct str name = x->artifacts_in[i].name;
                if (str_eq(name, rest) || (argo_is_leaf(x) && rest.n == name.n + 5 && str_starts(rest, name) && str_ends(rest, STR(".path"))))
                        return true;
        }
        return false;
}

bool argo_seen_before(const struct argo_scope *s, struct str name, uint32_t at)
{
        const struct argo_template *x = s->owner;
        const struct argo_name *n = argo_find_name(x, name);
        if (!n || x->names_n < 2)
                return false;
        while (n > x->names && str_eq(n[-1].name, name))
                n--;
        for (; n < x->names + x->names_n && str_eq(n->name, name); n++) {
                const struct argo_vertex *v = &x->graph->all[at];
                if (n->ref.group < v->group || (n->ref.group == v->group && n->ref.task < v->index))
                        return true;
        }
        return false;
}

static bool has_result(const struct argo_template *x) { return x->type == ARGO_CONTAINER || x->type == ARGO_SCRIPT || x->type == ARGO_OTHER; }

/* `key` of a task whose template is x: "outputs.result". */
static bool knows_output(const struct argo_template *x, struct str key, bool loops)
{
        static const char *const always[] = {"id", "startedAt", "finishedAt", "hostNodeName"};
        struct str rest;
        for (size_t i = 0; i < 4; i++)
                if (str_eq_c(key, always[i]))
                        return true;
        if (str_eq(key, STR("outputs.result")) || str_eq(key, STR("exitCode")))
                return x && has_result(x);
        if (str_eq(key, STR("outputs.parameters")))
                return loops;
        for (size_t i = 0; x && behind(key, "outputs.parameters.", &rest) && i < x->outputs_n; i++)
                if (str_eq(x->outputs[i].name, rest))
                        return true;
        for (size_t i = 0; x && behind(key, "outputs.artifacts.", &rest) && i < x->artifacts_out_n; i++)
                if (str_eq(x->artifacts_out[i].name, rest))
                        return true;
        return false;
}

static bool has_hooks(const struct argo_vertex *v, bool exit)
{
        const struct value *m = value_get_c(v->source, "hooks");
        if (!exit)
                return m && m->kind == VALUE_MAP;
        return value_get_c(m, "exit") || value_get_c(v->source, "onExit");
}

static bool knows_task(const struct argo_scope *s, struct str key, bool is_steps)
{
        const struct argo_template *x = s->owner;
        struct str rest = key, name = str_cut(&rest, '.');
        if (str_starts(key, STR("name")))
                return true;
        if (!x->graph || is_steps != (x->type == ARGO_STEPS) || !rest.p)
                return false;
        const struct argo_name *n = argo_find_name(x, name);
        if (!n)
                return false;
        uint32_t at = is_steps ? x->graph->first[n->ref.group] + n->ref.task : n->ref.task;
        const struct argo_vertex *v = &x->graph->all[at];
        const struct argo_template *of = v->template == UINT32_MAX ? NULL : argo_template_of(&s->check->r->templates[v->template]);
        bool loops = v->task->items || v->task->param.given;
        if (is_steps) {
                if (at >= s->visible_n && v != s->self)
                        return false;
                if (str_eq(rest, STR("status")))
                        return true;
                return (v != s->self || has_hooks(v, true)) && knows_output(of, rest, loops && v != s->self);
        }
        if (str_eq(rest, STR("status")))
                return (s->ancestors && s->ancestors[at]) || has_hooks(v, false);
        return knows_output(of, rest, loops);
}

static bool knows_item(const struct argo_scope *s, struct str key)
{
        if (s->any_item)
                return true;
        for (size_t i = 0; i < s->loops_n; i++) {
                const struct value *items = s->loops[i]->items;
                for (size_t k = 0; k < items->list.n; k++)
                        if (value_get(&items->list.items[k], key))
                                return true;
        }
        return false;
}

/* A tag, trimmed; those whose first word is not Argo's are nobody's business. */
static bool knows(const struct argo_scope *s, struct str key)
{
        struct str rest;
        if (behind(key, "workflow.", &rest))
                return knows_workflow(s->check, rest);
        if (behind(key, "inputs.", &rest))
                return knows_input(s->owner, rest) || (s->self && value_get_c(s->self->source, "inline") && str_starts(rest, STR("parameters.")));
        if (behind(key, "steps.", &rest))
                return knows_task(s, rest, true);
        if (behind(key, "tasks.", &rest))
                return knows_task(s, rest, false);
        if (behind(key, "item.", &rest))
                return knows_item(s, rest);
        if (behind(key, "pod.", &rest))
                return argo_is_leaf(s->owner) && str_eq(rest, STR("name"));
        return true;
}

void argo_scope_items(struct argo_scope *s, const struct argo_task *t)
{
        s->any_item = s->any_item || (t->param.given && !t->items);
        if (!t->items)
                return;
        if (s->loops_n == s->loops_cap) {
                size_t cap = s->loops_cap ? s->loops_cap * 2 : 4;
                const struct argo_task **more = arena_alloc_array(s->check->r->arena, sizeof *more, cap);
                if (s->loops_n)
                        memcpy(more, s->loops, s->loops_n * sizeof *more);
                s->loops = more;
                s->loops_cap = cap;
        }
        s->loops[s->loops_n++] = t;
}

void argo_scope_reset_items(struct argo_scope *s)
{
        s->any_item = false;
        s->loops_n = 0;
}

static void add_global(struct argo_check *c, const char *kind, struct str name)
{
        struct str key = arena_printf(c->r->arena, "outputs.%s.%.*s", kind, STR_FMT(name));
        if (knows_global(c, key))
                return;
        if (c->globals_n == c->globals_cap) {
                size_t cap = c->globals_cap ? c->globals_cap * 2 : 8;
                struct str *more = arena_alloc_array(c->r->arena, sizeof *more, cap);
                if (c->globals_n)
                        memcpy(more, c->globals, c->globals_n * sizeof *more);
                c->globals = more;
                c->globals_cap = cap;
        }
        c->globals[c->globals_n++] = key;
}

void argo_scope_outputs(struct argo_check *c, const struct argo_vertex *v)
{
        if (v->template == UINT32_MAX)
                return;
        const struct argo_template *x = argo_template_of(&c->r->templates[v->template]);
        for (size_t i = 0; i < x->outputs_n; i++) {
                if (argo_has_tag(x->outputs[i].global_name))
                        c->any_global_parameter = true;
                else if (x->outputs[i].global_name.n)
                        add_global(c, "parameters", x->outputs[i].global_name);
        }
        for (size_t i = 0; i < x->artifacts_out_n; i++) {
                if (argo_has_tag(x->artifacts_out[i].global_name))
                        c->any_global_artifact = true;
                else if (x->artifacts_out[i].global_name.n)
                        add_global(c, "artifacts", x->artifacts_out[i].global_name);
        }
}

/* ---- tags in a text ---- */

/* The value that a nested tag has when the workflow is submitted; only that of a run's parameter matters. */
static struct str nested_value(const struct argo_scope *s, struct str key)
{
        struct str rest;
        if (!behind(key, "workflow.parameters.", &rest))
                return STR("placeholder");
        const struct val *v = bindings_param(&s->check->r->argo->submission.parameters, rest);
        const struct argo_param *p = run_param(s->check, rest);
        return v ? v->text : p ? p->value.source : STR("");
}

/* One pass over nested tags: {{a.{{b}}}} becomes {{a.value}}. */
static struct str without_nested(const struct argo_scope *s, struct str text, bool *ret_changed)
{
        struct buf b = BUF((size_t)64 << 20);
        size_t done = 0;
        *ret_changed = false;
        for (;;) {
                size_t open = str_find(text, STR("{{"), done), close = open == SIZE_MAX ? SIZE_MAX : str_find(text, STR("}}"), open + 2);
                if (close == SIZE_MAX)
                        break;
                size_t inner = open;
                for (size_t next = open + 2; (next = str_find(text, STR("{{"), next)) != SIZE_MAX && next + 2 <= close; next++)
                        inner = next;
                struct str key = str_trim(str_sub(text, inner + 2, close));
                if (inner > open + 2 && text.p[open + 2] != '=' && (str_starts(key, STR("workflow.")) || str_starts(key, STR("inputs."))) && knows(s, key)) {
                        buf_add(&b, str_sub(text, done, inner));
                        buf_add(&b, nested_value(s, key));
                        *ret_changed = true;
                } else
                        buf_add(&b, str_sub(text, done, close + 2));
                done = close + 2;
        }
        buf_add(&b, str_sub(text, done, text.n));
        struct str out = arena_str(s->check->r->arena, buf_str(&b));
        buf_free(&b);
        return out;
}

static bool look(struct argo_scope *s, struct str text, const struct value *at)
{
        for (size_t done = 0;;) {
                size_t open = str_find(text, STR("{{"), done), close = open == SIZE_MAX ? SIZE_MAX : str_find(text, STR("}}"), open + 2);
                if (close == SIZE_MAX)
                        return true;
                struct str tag = str_sub(text, open + 2, close);
                if (tag.n && tag.p[0] != '=' && !knows(s, str_trim(tag)))
                        return argo_check_fail(s->check, at, "failed to resolve {{%.*s}}", STR_FMT(tag));
                done = close + 2;
        }
}

bool argo_check_tags(struct argo_scope *s, const struct value *v)
{
        struct arena *a = s->check->r->arena;
        if (!argo_mentions(v, STR("{{")))
                return true;
        struct value sorted = in_order(v, a);
        struct str text = json_text(&sorted, JSON_HTML, a);
        bool changed = true;
        for (int i = 0; i < 2 && changed; i++) /* one pass for the run's values, one for the inputs */
                text = without_nested(s, text, &changed);
        return look(s, text, v);
}

/* Go's quoting of a text is JSON except for these: control characters other than \b \f \n \r \t, DEL, and what is no character. */
static bool quotes_as_json(struct str s)
{
        if (!str_is_utf8(s))
                return false;
        for (size_t i = 0; i < s.n; i++) {
                unsigned char c = (unsigned char)s.p[i];
                if (c == 0x7f || (c < 0x20 && !strchr("\b\f\n\r\t", (char)c)) || !c)
                        return false;
        }
        return true;
}

struct broken { const struct argo_scope *s; const struct argo_call *args; };

static bool breaks(void *ctx, struct str text)
{
        const struct broken *b = ctx;
        struct str rest;
        for (size_t done = 0;;) {
                size_t open = str_find(text, STR("{{"), done), close = open == SIZE_MAX ? SIZE_MAX : str_find(text, STR("}}"), open + 2);
                if (close == SIZE_MAX)
                        return false;
                struct str key = str_trim(str_sub(text, open + 2, close)), value = STR("");
                if (str_starts(key, STR("workflow.parameters.")))
                        value = nested_value(b->s, key);
                else if (behind(key, "inputs.parameters.", &rest) && b->args)
                        for (size_t i = 0; i < b->args->params_n; i++)
                                if (str_eq(b->args->params[i].name, rest))
                                        value = b->args->params[i].value.source;
                if (!quotes_as_json(value))
                        return true;
                done = close + 2;
        }
}

bool argo_check_json(struct argo_scope *s, const struct value *v, const struct argo_call *args)
{
        struct broken b = {s, args};
        return !argo_each_text(v, breaks, &b);
}
