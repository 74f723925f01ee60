/* What Argo checks when a workflow is submitted, in Argo's order and words ("invalid spec: …").
 *
 * A template is checked where it is called for the first time, so that the message begins with the way there; then once more at each call, for
 * the inputs that the call has to supply. scope.c knows which tags a place may name. */
#include "dialect/argo/check.h"
#include <stdlib.h>

enum { NAME_MAX_BYTES = 128, RUN_NAME_MAX_BYTES = 63 };

bool argo_check_fail(struct argo_check *c, const struct value *at, const char *format, ...)
{
        char text[ERROR_TEXT_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        c->trouble = arena_str(c->r->arena, str_from(text));
        c->at = at;
        return false;
}

/* Puts the way there in front of what was found. */
static bool within(struct argo_check *c, struct str where)
{
        c->trouble = arena_printf(c->r->arena, "%.*s %.*s", STR_FMT(where), STR_FMT(c->trouble));
        return false;
}

static bool is_list(const struct value *v) { return v && v->kind == VALUE_LIST; }
static bool given(const struct value *v) { return v && v->kind != VALUE_NULL; }
static bool text_given(const struct value *v) { return argo_scalar(v, NULL).n > 0; }

static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/* Of templates, steps and tasks; empty: fine. */
static struct str name_trouble(struct str name, struct arena *a)
{
        bool good = name.n && letter(name.p[0]);
        for (size_t i = 0; i < name.n; i++)
                good = good && (letter(name.p[i]) || name.p[i] == '-');
        struct str out = name.n > NAME_MAX_BYTES ? arena_printf(a, "must be no more than %d characters", NAME_MAX_BYTES) : STR("");
        if (good)
                return out;
        return arena_printf(a, "%.*s%sname must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character (e.g. My-name1-2, 123-NAME)", STR_FMT(out), out.n ? ";" : "");
}

static bool good_parameter_name(struct str name)
{
        for (size_t i = 0; i < name.n; i++)
                if (!letter(name.p[i]) && name.p[i] != '-' && name.p[i] != '_')
                        return false;
        return name.n > 0;
}

#define PARAMETER_NAME "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"

struct named { struct str name; size_t at; };
static int by_name(const void *a, const void *b)
{
        const struct named *x = a, *y = b;
        int c = str_cmp(x->name, y->name);
        return c ? c : x->at < y->at ? -1 : x->at > y->at;
}

/* Names of a list: there, well formed, no two alike. */
static bool names(struct argo_check *c, const struct value *list, struct str prefix, bool parameters)
{
        size_t n = is_list(list) ? list->list.n : 0, twice = SIZE_MAX;
        struct named *all = arena_alloc_array(c->r->arena, sizeof *all, n + 1);
        for (size_t i = 0; i < n; i++)
                all[i] = (struct named){argo_scalar(value_get_c(&list->list.items[i], "name"), c->r->arena), i};
        struct named *sorted = arena_alloc_array(c->r->arena, sizeof *sorted, n + 1);
        memcpy(sorted, all, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_name);
        for (size_t i = 1; i < n; i++)
                if (sorted[i].at < twice && str_eq(sorted[i].name, sorted[i - 1].name))
                        twice = sorted[i].at;
        for (size_t i = 0; i < n; i++) {
                const struct value *at = &list->list.items[i];
                struct str name = all[i].name, trouble = STR("");
                if (!name.n)
                        return argo_check_fail(c, at, "%.*s[%zu].name is required", STR_FMT(prefix), i);
                if (!parameters)
                        trouble = name_trouble(name, c->r->arena);
                else if (!good_parameter_name(name))
                        trouble = STR(PARAMETER_NAME);
                if (trouble.n)
                        return argo_check_fail(c, at, "%.*s[%zu].name: '%.*s' is invalid: %.*s", STR_FMT(prefix), i, STR_FMT(name), STR_FMT(trouble));
                if (twice == i)
                        return argo_check_fail(c, at, "%.*s[%zu].name '%.*s' is not unique", STR_FMT(prefix), i, STR_FMT(name));
        }
        return true;
}

/* ---- arguments ---- */

static bool among(const struct value *choices, struct str text)
{
        for (size_t i = 0; i < choices->list.n; i++)
                if (str_eq(argo_scalar(&choices->list.items[i], NULL), text))
                        return true;
        return false;
}

static bool argument(struct argo_check *c, const struct value *p, struct str prefix)
{
        const struct value *value = value_get_c(p, "value"), *from = value_get_c(p, "valueFrom"), *choices = value_get_c(p, "enum");
        struct str name = argo_scalar(value_get_c(p, "name"), c->r->arena), full = arena_printf(c->r->arena, "%.*s%.*s", STR_FMT(prefix), STR_FMT(name));
        const struct val *submitted = c->run_arguments ? bindings_param(&c->r->argo->submission.parameters, name) : NULL;
        if (submitted)
                from = NULL;
        else if (!given(from) && !given(value))
                return c->lenient || argo_check_fail(c, p, "%.*s.value or %.*s.valueFrom is required", STR_FMT(full), STR_FMT(full));
        if (given(from) && (!given(value_get_c(from, "supplied")) || text_given(value_get_c(from, "path")) || text_given(value_get_c(from, "parameter")) || text_given(value_get_c(from, "expression"))))
                return argo_check_fail(c, from, "%.*s.valueFrom only allows: default, configMapKeyRef and supplied", STR_FMT(full));
        if (!is_list(choices))
                return true;
        if (!choices->list.n)
                return argo_check_fail(c, choices, "%.*s.enum should contain at least one value", STR_FMT(full));
        if (!submitted && !given(value))
                return c->lenient || argo_check_fail(c, p, "%.*s.value is required", STR_FMT(full));
        return among(choices, submitted ? submitted->text : argo_scalar(value, c->r->arena)) ||
               argo_check_fail(c, p, "%.*s.value should be present in %.*s.enum list", STR_FMT(full), STR_FMT(full));
}

static bool arguments(struct argo_check *c, const struct value *owner, struct str prefix)
{
        const struct value *args = value_get_c(owner, "arguments"), *params = value_get_c(args, "parameters"), *artifacts = value_get_c(args, "artifacts");
        if (!names(c, params, arena_printf(c->r->arena, "%.*sparameters", STR_FMT(prefix)), true) || !names(c, artifacts, arena_printf(c->r->arena, "%.*sartifacts", STR_FMT(prefix)), true))
                return false;
        for (size_t i = 0; is_list(params) && i < params->list.n; i++)
                if (!argument(c, &params->list.items[i], prefix))
                        return false;
        for (size_t i = 0; is_list(artifacts) && i < artifacts->list.n; i++) {
                const struct value *x = &artifacts->list.items[i];
                struct str name = argo_scalar(value_get_c(x, "name"), c->r->arena);
                bool from = text_given(value_get_c(x, "from")), expression = text_given(value_get_c(x, "fromExpression"));
                if (!from && !expression && !given(value_get_c(x, "raw")))
                        return argo_check_fail(c, x, "%.*s%.*s.from, artifact location, or key is required", STR_FMT(prefix), STR_FMT(name));
                if (from && expression)
                        return argo_check_fail(c, x, "%.*s%.*s shouldn't have both `from` and `fromExpression` in Artifact", STR_FMT(prefix), STR_FMT(name));
        }
        return true;
}

/* ---- inputs and outputs of a template ---- */

static bool inputs(struct argo_check *c, const struct argo_template *x)
{
        const struct value *in = value_get_c(x->source, "inputs"), *list = value_get_c(in, "artifacts");
        struct arena *a = c->r->arena;
        if (!names(c, value_get_c(in, "parameters"), arena_printf(a, "templates.%.*s.inputs.parameters", STR_FMT(x->name)), true) ||
            !names(c, list, arena_printf(a, "templates.%.*s.inputs.artifacts", STR_FMT(x->name)), true))
                return false;
        for (size_t i = 0; i < x->artifacts_in_n; i++) {
                const struct argo_artifact *f = &x->artifacts_in[i];
                const struct value *at = &list->list.items[i];
                if (argo_is_leaf(x) && !f->path.source.n)
                        return argo_check_fail(c, at, "error in templates.%.*s.inputs.artifacts.%.*s: Artifact '%.*s' did not specify a path", STR_FMT(x->name), STR_FMT(f->name), STR_FMT(f->name));
                if (!argo_is_leaf(x) && f->path.source.n)
                        return argo_check_fail(c, at, "templates.%.*s.inputs.artifacts.%.*s.path only valid in container/script templates", STR_FMT(x->name), STR_FMT(f->name));
                if (f->from.source.n)
                        return argo_check_fail(c, at, "templates.%.*s.inputs.artifacts.%.*s.from not valid in inputs", STR_FMT(x->name), STR_FMT(f->name));
        }
        return true;
}

static bool global_name(struct argo_check *c, const struct value *at, struct str name, struct str ref)
{
        return !name.n || argo_has_tag(name) || good_parameter_name(name) || argo_check_fail(c, at, "%.*s.globalName: %s", STR_FMT(ref), PARAMETER_NAME);
}

static bool output(struct argo_check *c, const struct argo_template *x, const struct argo_output *o, const struct value *p)
{
        static const char *const kinds[] = {"path", "jqFilter", "jsonPath", "parameter", "expression"};
        const struct value *value = value_get_c(p, "value"), *from = value_get_c(p, "valueFrom");
        struct str ref = arena_printf(c->r->arena, "templates.%.*s.outputs.parameters.%.*s", STR_FMT(x->name), STR_FMT(o->name));
        int count = given(value_get_c(from, "supplied"));
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                count += text_given(value_get_c(from, kinds[i]));
        if (given(from) && given(value))
                return argo_check_fail(c, p, "%.*s has both valueFrom and value specified, choose one", STR_FMT(ref));
        if (!given(from) && !given(value))
                return argo_check_fail(c, p, "%.*s does not have valueFrom or value specified", STR_FMT(ref));
        if (given(from) && count == 0)
                return argo_check_fail(c, from, "valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, expression");
        if (count > 1)
                return argo_check_fail(c, from, "multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw");
        if (given(from) && (x->type == ARGO_CONTAINER || x->type == ARGO_SCRIPT) && o->from != OUTPUT_PATH)
                return argo_check_fail(c, from, "%.*s.path must be specified for %s templates", STR_FMT(ref), x->type == ARGO_SCRIPT ? "Script" : "Container");
        if (given(from) && (x->type == ARGO_STEPS || x->type == ARGO_DAG) && o->from != OUTPUT_PARAMETER && o->from != OUTPUT_EXPRESSION)
                return argo_check_fail(c, from, "%.*s.parameter or expression must be specified for %s templates", STR_FMT(ref), x->type == ARGO_STEPS ? "Steps" : "DAG");
        return global_name(c, p, o->global_name, ref);
}

static bool outputs(struct argo_check *c, struct argo_scope *s)
{
        const struct argo_template *x = s->owner;
        const struct value *out = value_get_c(x->source, "outputs"), *params = value_get_c(out, "parameters"), *artifacts = value_get_c(out, "artifacts");
        struct arena *a = c->r->arena;
        if (!names(c, params, arena_printf(a, "templates.%.*s.outputs.parameters ", STR_FMT(x->name)), true) ||
            !names(c, artifacts, arena_printf(a, "templates.%.*s.outputs.artifacts ", STR_FMT(x->name)), true))
                return false;
        if (given(out) && !argo_check_tags(s, out))
                return within(c, arena_printf(a, "templates.%.*s.outputs", STR_FMT(x->name)));
        for (size_t i = 0; i < x->artifacts_out_n; i++) {
                const struct argo_artifact *f = &x->artifacts_out[i];
                struct str ref = arena_printf(a, "templates.%.*s.outputs.artifacts.%.*s", STR_FMT(x->name), STR_FMT(f->name));
                if (argo_is_leaf(x) && !f->path.source.n)
                        return argo_check_fail(c, &artifacts->list.items[i], "error in %.*s: Artifact '%.*s' did not specify a path", STR_FMT(ref), STR_FMT(f->name));
                if (!argo_is_leaf(x) && f->path.source.n)
                        return argo_check_fail(c, &artifacts->list.items[i], "%.*s.path only valid in container/script templates", STR_FMT(ref));
                if (!global_name(c, &artifacts->list.items[i], f->global_name, ref))
                        return false;
        }
        for (size_t i = 0; i < x->outputs_n; i++)
                if (!output(c, x, &x->outputs[i], &params->list.items[i]))
                        return false;
        return true;
}

/* ---- templates ---- */

static bool call(struct argo_check *c, const struct argo_vertex *v, bool with_arguments);

static bool leaf(struct argo_check *c, struct argo_scope *s)
{
        const struct argo_template *x = s->owner;
        const struct value *deadline = value_get_c(x->source, "activeDeadlineSeconds");
        const char *type = x->type == ARGO_SCRIPT ? "script" : "container";
        int64_t seconds = 0;
        if (!argo_check_tags(s, x->source))
                return within(c, arena_printf(c->r->arena, "templates.%.*s:", STR_FMT(x->name)));
        if ((x->type == ARGO_CONTAINER || x->type == ARGO_SCRIPT) && !x->image.source.n)
                return argo_check_fail(c, value_get_c(x->source, type), "templates.%.*s.%s.image may not be empty", STR_FMT(x->name), type);
        if (given(deadline) && !argo_has_tag(argo_scalar(deadline, NULL)) && (!str_to_i64(argo_scalar(deadline, NULL), &seconds) || seconds < 0))
                return argo_check_fail(c, deadline, "templates.%.*s.activeDeadlineSeconds must be a positive integer > 0 or an argo variable", STR_FMT(x->name));
        if (given(value_get_c(x->source, "parallelism")))
                return argo_check_fail(c, value_get_c(x->source, "parallelism"), "templates.%.*s.parallelism is only valid for steps and dag templates", STR_FMT(x->name));
        return true;
}

static bool not_a_leaf(struct argo_check *c, const struct argo_template *x)
{
        const struct value *deadline = value_get_c(x->source, "activeDeadlineSeconds");
        return !given(deadline) || argo_check_fail(c, deadline, "templates.%.*s.activeDeadlineSeconds is only valid for leaf templates", STR_FMT(x->name));
}

static bool hooks(struct argo_check *c, const struct value *owner, struct str where)
{
        const struct value *m = value_get_c(owner, "hooks");
        for (size_t i = 0; m && m->kind == VALUE_MAP && i < m->map.n; i++)
                if (!str_eq_c(m->map.members[i].key, "exit") && !text_given(value_get_c(&m->map.members[i].value, "expression")))
                        return argo_check_fail(c, &m->map.members[i].value, "%.*s.%.*s Expression required", STR_FMT(where), STR_FMT(m->map.members[i].key));
        return true;
}

/* A hook's expression that names a step which does not exist fails whenever it is asked. Argo finds out while the step runs. */
static bool hook_names(struct argo_check *c, const struct argo_template *x, const struct argo_vertex *v)
{
        for (uint32_t i = 0; i < v->task->hooks_n; i++) {
                const struct argo_hook *h = &v->task->hooks[i];
                struct expr_paths paths = h->expr ? expr_identifiers(h->expr) : (struct expr_paths){0};
                for (size_t k = 0; k < paths.n; k++) {
                        const struct expr_path *p = &paths.items[k];
                        bool task = str_eq_c(p->parts[0], x->type == ARGO_STEPS ? "steps" : "tasks");
                        if (task && p->n > 2 && !p->optional && !argo_find_name(x, p->parts[1]))
                                return argo_check_fail(c, value_get_c(v->source, "hooks"), "unable to evaluate expression '%.*s': there is no %.*s.%.*s", STR_FMT(h->expression), STR_FMT(p->parts[0]),
                                                       STR_FMT(p->parts[1]));
                }
        }
        return true;
}

static bool loop(struct argo_check *c, const struct argo_vertex *v)
{
        const struct argo_task *t = v->task;
        if ((t->items != NULL) + t->param.given + t->sequence.given > 1)
                return argo_check_fail(c, v->source, "only one of withItems, withParam, withSequence can be specified");
        if (t->sequence.count.given && t->sequence.end.given)
                return argo_check_fail(c, v->source, "only one of count or end can be defined in withSequence");
        return true;
}

static bool step(struct argo_check *c, struct argo_scope *s, const struct argo_vertex *v, uint32_t at)
{
        const struct argo_template *x = s->owner;
        struct str trouble = name_trouble(v->name, c->r->arena), where = arena_printf(c->r->arena, "templates.%.*s.steps[%u].%.*s", STR_FMT(x->name), v->group, STR_FMT(v->name));
        if (!v->name.n)
                return argo_check_fail(c, v->source, "templates.%.*s.steps[%u].name is required", STR_FMT(x->name), v->group);
        if (argo_seen_before(s, v->name, at))
                return argo_check_fail(c, v->source, "templates.%.*s.steps[%u].name '%.*s' is not unique", STR_FMT(x->name), v->group, STR_FMT(v->name));
        if (trouble.n)
                return argo_check_fail(c, v->source, "templates.%.*s.steps[%u].name '%.*s' is invalid: %.*s", STR_FMT(x->name), v->group, STR_FMT(v->name), STR_FMT(trouble));
        s->self = v;
        if (!loop(c, v))
                return within(c, where);
        argo_scope_items(s, v->task);
        if (!arguments(c, v->source, arena_printf(c->r->arena, "%.*s.arguments.", STR_FMT(where))))
                return false;
        if (!call(c, v, false))
                return within(c, where);
        if (!hooks(c, v->source, where) || !hook_names(c, x, v))
                return false;
        if (!argo_check_tags(s, v->source))
                return within(c, arena_printf(c->r->arena, "templates.%.*s.steps", STR_FMT(x->name)));
        argo_scope_outputs(c, v);
        return call(c, v, true) || within(c, where);
}

static bool steps(struct argo_check *c, struct argo_scope *s)
{
        if (!not_a_leaf(c, s->owner))
                return false;
        for (uint32_t i = 0; i < s->owner->graph->n; i++) {
                s->visible_n = i;
                if (!step(c, s, &s->owner->graph->all[i], i))
                        return false;
        }
        s->visible_n = (uint32_t)s->owner->graph->n;
        s->self = NULL;
        return true;
}

/* Every task that must end before task `i` starts. */
static void ancestors(const struct template *m, uint32_t i, bool *seen, uint32_t *stack)
{
        uint32_t n = 0;
        memset(seen, 0, m->tasks_n);
        stack[n++] = i;
        while (n) {
                const struct task *t = &m->tasks[stack[--n]];
                for (uint32_t k = 0; k < t->deps_n; k++)
                        if (!seen[t->deps[k]]) {
                                seen[t->deps[k]] = true;
                                stack[n++] = t->deps[k];
                        }
        }
}

static bool acyclic(const struct template *m, struct arena *a)
{
        uint32_t *left = arena_alloc_array(a, sizeof *left, m->tasks_n + 1u), *first = arena_alloc_array(a, sizeof *first, m->tasks_n + 2u), edges = 0, gone = 0, tail = 0;
        for (uint32_t i = 0; i < m->tasks_n; i++)
                for (uint32_t k = 0; k < m->tasks[i].deps_n; k++, edges++)
                        first[m->tasks[i].deps[k] + 1]++;
        for (uint32_t i = 1; i <= m->tasks_n; i++)
                first[i] += first[i - 1];
        uint32_t *after = arena_alloc_array(a, sizeof *after, edges + 1u), *fill = arena_alloc_array(a, sizeof *fill, m->tasks_n + 1u), *queue = arena_alloc_array(a, sizeof *queue, m->tasks_n + 1u);
        memcpy(fill, first, m->tasks_n * sizeof *fill);
        for (uint32_t i = 0; i < m->tasks_n; i++) {
                left[i] = m->tasks[i].deps_n;
                if (!left[i])
                        queue[tail++] = i;
                for (uint32_t k = 0; k < m->tasks[i].deps_n; k++)
                        after[fill[m->tasks[i].deps[k]]++] = i;
        }
        for (; gone < tail; gone++)
                for (uint32_t k = first[queue[gone]]; k < first[queue[gone] + 1]; k++)
                        if (!--left[after[k]])
                                queue[tail++] = after[k];
        return gone == m->tasks_n;
}

/* A result over items asked of a task that has none. */
static bool trigger(struct argo_check *c, const struct argo_template *x, const struct template *m, const struct argo_vertex *v, const struct trigger *t)
{
        if (t->op != TRIGGER_TEST)
                return trigger(c, x, m, v, t->left) && (t->op == TRIGGER_NOT || trigger(c, x, m, v, t->right));
        struct str name = m->tasks[t->task].name;
        return !(t->results & (RESULT_ANY_SUCCEEDED | RESULT_ALL_FAILED)) || m->tasks[t->task].fans_out ||
               argo_check_fail(c, v->source, "templates.%.*s.tasks.%.*s dependency '%.*s' uses an items-based condition such as .AnySucceeded or .AllFailed but does not contain any items",
                               STR_FMT(x->name), STR_FMT(name), STR_FMT(name));
}

static bool declared(struct argo_check *c, struct argo_scope *s, const struct template *m)
{
        const struct argo_template *x = s->owner;
        bool depends = false;
        for (size_t i = 0; i < x->graph->n; i++)
                depends = depends || x->graph->all[i].depends.n;
        for (uint32_t i = 0; i < m->tasks_n; i++) {
                const struct argo_vertex *v = &x->graph->all[i];
                const struct value *list = value_get_c(v->source, "dependencies");
                bool dependencies = is_list(list) && list->list.n;
                struct str where = arena_printf(c->r->arena, "templates.%.*s.tasks.%.*s", STR_FMT(x->name), STR_FMT(v->name));
                if ((depends || dependencies) && v->name.p[0] >= '0' && v->name.p[0] <= '9')
                        return argo_check_fail(c, v->source, "%.*s name cannot begin with a digit when using either 'depends' or 'dependencies'", STR_FMT(where));
                if (depends && dependencies)
                        return argo_check_fail(c, list, "templates.%.*s cannot use both 'depends' and 'dependencies' in the same DAG template", STR_FMT(x->name));
                if (depends && given(value_get_c(v->source, "continueOn")))
                        return argo_check_fail(c, v->source, "templates.%.*s cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'", STR_FMT(x->name));
                if (!call(c, v, false))
                        return within(c, where);
                argo_scope_outputs(c, v);
                if (m->tasks[i].trigger && !trigger(c, x, m, v, m->tasks[i].trigger))
                        return false;
        }
        return true;
}

/* An argument that is the output of a task which need not have ended. */
static bool waits(struct argo_check *c, const struct argo_template *x, const struct argo_vertex *v, const struct argo_scope *s)
{
        const struct argo_call *k = &v->task->call;
        for (size_t i = 0; i < k->params_n + k->artifacts_n; i++) {
                bool param = i < k->params_n;
                struct str text = param ? k->params[i].value.source : k->artifacts[i - k->params_n].from.source, name = param ? k->params[i].name : k->artifacts[i - k->params_n].name;
                if (!str_starts(text, STR("{{tasks.")))
                        continue;
                text = str_sub(text, 8, text.n);
                struct str of = str_cut(&text, '.');
                const struct argo_name *n = argo_find_name(x, of);
                if (!n || !s->ancestors[n->ref.task])
                        return argo_check_fail(c, v->source, "missing dependency '%.*s' for %s '%.*s'", STR_FMT(of), param ? "parameter" : "artifact", STR_FMT(name));
        }
        return true;
}

static bool tasks(struct argo_check *c, struct argo_scope *s, const struct template *m)
{
        const struct argo_template *x = s->owner;
        uint32_t *stack = arena_alloc_array(c->r->arena, sizeof *stack, m->tasks_n + 1u);
        s->ancestors = arena_alloc(c->r->arena, m->tasks_n + 1u);
        for (uint32_t i = 0; i < m->tasks_n; i++) {
                const struct argo_vertex *v = &x->graph->all[i];
                struct str where = arena_printf(c->r->arena, "templates.%.*s.tasks.%.*s", STR_FMT(x->name), STR_FMT(v->name));
                s->self = v;
                argo_scope_reset_items(s);
                ancestors(m, i, s->ancestors, stack);
                if (!loop(c, v))
                        return within(c, where);
                argo_scope_items(s, v->task);
                if (!argo_check_tags(s, v->source))
                        return within(c, where);
                if (!arguments(c, v->source, arena_printf(c->r->arena, "%.*s.arguments.", STR_FMT(where))))
                        return false;
                if (!waits(c, x, v, s) || !call(c, v, true))
                        return within(c, where);
                if (!hook_names(c, x, v))
                        return false;
        }
        s->self = NULL;
        s->ancestors = NULL;
        argo_scope_reset_items(s);
        return true;
}

static bool dag(struct argo_check *c, struct argo_scope *s, const struct template *m)
{
        const struct argo_template *x = s->owner;
        const struct value *list = value_get_c(value_get_c(x->source, "dag"), "tasks"), *target = value_get_c(value_get_c(x->source, "dag"), "target");
        if (!not_a_leaf(c, x))
                return false;
        if (!m->tasks_n)
                return argo_check_fail(c, x->source, "templates.%.*s must have at least one task", STR_FMT(x->name));
        if (x->graph->trouble.n)
                return argo_check_fail(c, x->graph->trouble_at, "%.*s", STR_FMT(x->graph->trouble));
        if (!acyclic(m, c->r->arena))
                return argo_check_fail(c, list, "templates.%.*s sorting failed: graph with cycle", STR_FMT(x->name));
        s->visible_n = (uint32_t)x->graph->n;
        if (!names(c, list, arena_printf(c->r->arena, "templates.%.*s.tasks", STR_FMT(x->name)), false) || !declared(c, s, m))
                return false;
        if (x->graph->target_trouble.n)
                return argo_check_fail(c, target, "%.*s", STR_FMT(x->graph->target_trouble));
        return tasks(c, s, m);
}

/* The inputs that have no value of their own must be among the arguments. */
static bool supplied(struct argo_check *c, const struct argo_template *x, const struct argo_call *args)
{
        for (size_t i = 0; i < x->inputs_n; i++) {
                const struct argo_param *p = &x->inputs[i];
                bool found = p->value.given || p->fallback.given || (c->run_arguments && bindings_param(&c->r->argo->submission.parameters, p->name));
                for (size_t k = 0; k < args->params_n && !found; k++)
                        found = str_eq(args->params[k].name, p->name);
                if (!found)
                        return argo_check_fail(c, x->source, "templates.%.*s inputs.parameters.%.*s was not supplied", STR_FMT(x->name), STR_FMT(p->name));
        }
        return true;
}

static bool timeout(struct argo_check *c, const struct argo_template *x)
{
        const struct value *t = value_get_c(x->source, "timeout");
        int64_t whole;
        if (!text_given(t))
                return true;
        if (!argo_is_leaf(x))
                return argo_check_fail(c, t, "%s template doesn't support timeout field", x->type == ARGO_STEPS ? "Steps" : x->type == ARGO_DAG ? "DAG" : "Suspend");
        return !str_to_i64(argo_scalar(t, NULL), &whole) || argo_check_fail(c, t, "%.*s has invalid duration format in timeout", STR_FMT(x->name));
}

/* `args` NULL: whatever the template needs is there. */
static bool template(struct argo_check *c, uint32_t index, const struct argo_call *args)
{
        const struct template *m = &c->r->templates[index];
        struct argo_template *x = (struct argo_template *)(uintptr_t)m->dialect;
        struct argo_scope s = {.check = c, .owner = x};
        if (x->retry.policy.n && !str_eq_c(x->retry.policy, "Always") && !str_eq_c(x->retry.policy, "OnFailure") && !str_eq_c(x->retry.policy, "OnError") && !str_eq_c(x->retry.policy, "OnTransientError"))
                return argo_check_fail(c, value_get_c(x->source, "retryStrategy"), "%.*s is not a valid RetryPolicy", STR_FMT(x->retry.policy));
        if (x->types != 1)
                return argo_check_fail(c, x->source, "templates.%.*s %s. choose one of: container, containerSet, steps, script, resource, dag, suspend, template, template ref", STR_FMT(x->name),
                                       x->types ? "multiple template types specified" : "template type unspecified");
        if (!inputs(c, x) || (args && !supplied(c, x, args)))
                return false;
        if (!argo_check_json(&s, x->source, args))
                return argo_check_fail(c, x->source, "templates.%.*s cannot finish template replacement because the result was invalid JSON", STR_FMT(x->name));
        if (!timeout(c, x))
                return false;
        if (c->done[index] || c->depth >= ARGO_VALIDATION_DEPTH)
                return true;
        c->done[index] = true;
        c->depth++;
        bool ok = x->type == ARGO_STEPS ? steps(c, &s) : x->type == ARGO_DAG ? dag(c, &s, m) : leaf(c, &s);
        c->depth--;
        return ok && outputs(c, &s);
}

/* Argo drops an argument that the template does not ask for, and says nothing. */
static void unasked(struct argo_check *c, const struct argo_template *x, const struct argo_call *k)
{
        for (size_t i = 0; i < k->params_n; i++) {
                const struct argo_param *p = &k->params[i];
                struct value place = {.line = p->line, .column = p->column};
                bool asked = false;
                for (size_t n = 0; n < x->inputs_n && !asked; n++)
                        asked = str_eq(x->inputs[n].name, p->name);
                if (!asked)
                        problem_add(c->r->problems, ERROR_INVALID, true, &place, STR("arguments.parameters"), "the template '%.*s' has no input '%.*s': the argument is not used", STR_FMT(x->name), STR_FMT(p->name));
        }
}

static bool call(struct argo_check *c, const struct argo_vertex *v, bool with_arguments)
{
        if (v->template == UINT32_MAX)
                return argo_check_fail(c, v->source, "template name '%.*s' undefined", STR_FMT(v->task->call.template));
        bool run = c->run_arguments;
        c->run_arguments = false;
        bool ok = template(c, v->template, with_arguments ? &v->task->call : NULL);
        if (ok && with_arguments)
                unasked(c, argo_template_of(&c->r->templates[v->template]), &v->task->call);
        c->run_arguments = run;
        return ok;
}

static bool named(struct argo_check *c, struct str name, const struct value *at, const struct argo_call *args)
{
        uint32_t i = argo_find_template(c->r, name);
        if (i == UINT32_MAX)
                return argo_check_fail(c, at, "template name '%.*s' undefined", STR_FMT(name));
        return template(c, i, args);
}

static bool everything(struct argo_check *c)
{
        struct argo_reader *r = c->r;
        const struct value *spec = r->argo->spec, *list = value_get_c(spec, "templates"), *on_exit = value_get_c(spec, "onExit");
        if (r->workflow->name.n > RUN_NAME_MAX_BYTES)
                return argo_check_fail(c, value_get_c(r->argo->metadata, "name"), "workflow name \"%.*s\" must not be more than 63 characters long (currently %zu)", STR_FMT(r->workflow->name),
                                       r->workflow->name.n);
        if (!names(c, list, STR("spec.templates"), false) || !arguments(c, spec, STR("spec.arguments.")))
                return false;
        if (!r->argo->entrypoint.n && !c->isolated) /* templates for others to use need none */
                return argo_check_fail(c, spec, "spec.entrypoint is required");
        if (r->argo->entrypoint.n && !named(c, r->argo->entrypoint, value_get_c(spec, "entrypoint"), c->lenient ? NULL : &r->argo->root))
                return false;
        if (text_given(on_exit)) {
                c->exit = true;
                if (!named(c, argo_scalar(on_exit, r->arena), on_exit, c->lenient ? NULL : &r->argo->root))
                        return false;
        }
        c->run_arguments = false;
        if (!hooks(c, spec, STR("hooks")))
                return false;
        for (size_t i = 0; is_list(list) && i < list->list.n; i++)
                if (!template(c, (uint32_t)i, NULL))
                        return within(c, arena_printf(r->arena, "templates.%.*s", STR_FMT(r->templates[i].name)));
        for (uint32_t i = 0; i < r->templates_n; i++) /* inline ones that stand too deep to be reached from where they are called */
                if (!c->done[i] && !argo_template_of(&r->templates[i])->group && !template(c, i, NULL))
                        return false;
        return true;
}

bool argo_validate(struct argo_reader *r)
{
        struct argo_check c = {.r = r, .run_arguments = true, .lenient = r->lenient, .done = arena_alloc(r->arena, r->templates_n + 1u)};
        c.isolated = r->lenient && !str_eq_c(argo_scalar(value_get_c(r->workflow->document, "kind"), r->arena), "Workflow");
        if (r->invalid)
                return false;
        return everything(&c) || argo_invalid(r, c.at, "%.*s", STR_FMT(c.trouble));
}
