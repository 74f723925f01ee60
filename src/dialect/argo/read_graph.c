/* Steps and dags: their tasks, hooks, dependencies, and which tasks each of them reads. */
#include "dialect/argo/argo.h"
#include <stdlib.h>

static size_t list_n(const struct value *v) { return v && v->kind == VALUE_LIST ? v->list.n : 0; }
static bool flag(const struct value *v) { return v && (v->kind == VALUE_BOOL ? v->boolean : str_eq_c(argo_scalar(v, NULL), "true")); }

static void read_hook(struct argo_reader *r, const struct value *v, struct argo_hook *x, struct hook *h, bool run)
{
        struct error e = {0};
        argo_read_call(r, v, &x->call);
        x->expression = argo_scalar(value_get_c(v, "expression"), r->arena);
        if (x->expression.n && !expr_parse(EXPR_ARGO, x->expression, r->arena, &x->expr, &e)) {
                x->expr = NULL;
                x->trouble = arena_printf(r->arena, "unable to evaluate expression '%.*s': %s", STR_FMT(x->expression), e.text);
        }
        h->template = argo_find_template(r, x->call.template);
        h->when = str_eq_c(h->name, "exit") ? HOOK_EXIT : HOOK_CHANGE;
        h->conditional = x->expression.n > 0;
        h->fails_owner = run && h->when == HOOK_EXIT;
        h->dialect = x;
        h->line = v->line;
        h->column = v->column;
}

void argo_read_hooks(struct argo_reader *r, const struct value *owner, bool run, struct argo_hook **ret, const struct hook **ret_model, uint32_t *ret_n)
{
        enum { HOOKS_MAX = 32 };
        const struct value *m = value_get_c(owner, "hooks"), *on_exit = value_get_c(owner, "onExit");
        size_t n = m && m->kind == VALUE_MAP ? m->map.n : 0;
        *ret = NULL;
        *ret_n = 0;
        if (n + (on_exit != NULL) > HOOKS_MAX) {
                problem_add(r->problems, ERROR_LIMIT, false, m, STR("hooks"), "there are more than %d hooks in one place", HOOKS_MAX);
                return;
        }
        if (!n && !on_exit)
                return;
        struct argo_hook *x = arena_alloc_array(r->arena, sizeof *x, n + 1);
        struct hook *h = arena_alloc_array(r->arena, sizeof *h, n + 1);
        uint32_t k = 0;
        for (size_t i = 0; i < n; i++) {
                h[k].name = m->map.members[i].key;
                if (m->map.members[i].value.kind == VALUE_MAP) {
                        read_hook(r, &m->map.members[i].value, &x[k], &h[k], run);
                        k++;
                }
        }
        if (on_exit && argo_scalar(on_exit, r->arena).n && !value_get_c(m, "exit")) {
                h[k] = (struct hook){.name = STR("exit"), .when = HOOK_EXIT, .fails_owner = run, .dialect = &x[k], .line = on_exit->line, .column = on_exit->column};
                if (run)
                        x[k].call = r->argo->root;
                else
                        argo_read_call(r, owner, &x[k].call); /* Argo hands the owner's arguments on */
                x[k].call.template = argo_scalar(on_exit, r->arena);
                h[k].template = argo_find_template(r, x[k].call.template);
                k++;
        }
        *ret = x;
        *ret_model = h;
        *ret_n = k;
}

static void read_loop(struct argo_reader *r, const struct value *v, struct argo_task *x)
{
        const struct value *items = value_get_c(v, "withItems"), *s = value_get_c(v, "withSequence");
        x->param = argo_text_of(value_get_c(v, "withParam"), r->arena);
        if (x->param.given && !x->param.source.n)
                x->param.given = false;
        if (list_n(items)) {
                x->items = items;
                x->item_texts = arena_alloc_array(r->arena, sizeof *x->item_texts, items->list.n);
                for (size_t i = 0; i < items->list.n; i++) {
                        struct str json = json_text(&items->list.items[i], 0, r->arena);
                        if (argo_has_tag(json) && items->list.items[i].kind == VALUE_STRING)
                                x->item_texts[i] = argo_text(items->list.items[i].text, r->arena);
                }
        }
        if (s && s->kind == VALUE_MAP) {
                x->sequence.given = true;
                x->sequence.count = argo_text_of(value_get_c(s, "count"), r->arena);
                x->sequence.start = argo_text_of(value_get_c(s, "start"), r->arena);
                x->sequence.end = argo_text_of(value_get_c(s, "end"), r->arena);
                x->sequence.format = argo_text_of(value_get_c(s, "format"), r->arena);
        }
        x->loops = x->items || x->param.given || x->sequence.given;
}

static void read_task(struct argo_reader *r, const struct value *v, struct argo_task *x, struct task *t)
{
        argo_read_call(r, v, &x->call);
        x->source = v;
        x->when = argo_text_of(value_get_c(v, "when"), r->arena);
        read_loop(r, v, x);
        t->name = argo_scalar(value_get_c(v, "name"), r->arena);
        t->dialect = x;
        t->line = v->line;
        t->column = v->column;
        t->has_when = x->when.given && x->when.source.n > 0;
        t->fans_out = x->loops;
        const struct value *on = value_get_c(v, "continueOn"), *inside = value_get_c(v, "inline");
        t->continue_on = (flag(value_get_c(on, "failed")) ? RESULT_FAILED : 0u) | (flag(value_get_c(on, "error")) ? RESULT_ERRORED : 0u);
        if (inside && inside->kind == VALUE_MAP) {
                struct str name = argo_scalar(value_get_c(inside, "name"), r->arena);
                t->template = argo_read_template(r, inside, name);
                x->call.template = name;
        } else
                t->template = argo_find_template(r, x->call.template);
        argo_read_hooks(r, v, false, &x->hooks, &t->hooks, &t->hooks_n);
        x->hooks_n = t->hooks_n;
}

static int by_name(const void *a, const void *b) { return str_cmp(((const struct argo_name *)a)->name, ((const struct argo_name *)b)->name); }

static void sort_names(struct argo_template *x) { qsort(x->names, x->names_n, sizeof *x->names, by_name); }

/* What texts say about the steps or tasks of a graph. */
struct reads {
        const struct argo_template *graph;
        bool *seen; uint32_t *found, found_n; /* groups of steps, or tasks */
        bool *outputs, *result;
        bool groups;
};

static bool name_char(char c) { return c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static bool follows(struct str s, size_t at, const char *what) { return str_starts(str_sub(s, at, s.n), str_from(what)); }

/* Every steps.X, tasks.X, steps['X'] in a text, and what it takes of X. */
static bool note_reads(void *ctx, struct str s)
{
        struct reads *x = ctx;
        static const char *const roots[] = {"steps", "tasks"};
        for (size_t k = 0; k < 2; k++)
                for (size_t at = 0; (at = str_find(s, str_from(roots[k]), at)) != SIZE_MAX;) {
                        at += 5;
                        size_t from = at;
                        while (from < s.n && strchr(".?['\"", s.p[from]))
                                from++;
                        size_t to = from;
                        while (to < s.n && name_char(s.p[to]))
                                to++;
                        const struct argo_name *n = from > at ? argo_find_name(x->graph, str_sub(s, from, to)) : NULL;
                        if (!n)
                                continue;
                        size_t i = (size_t)(n - x->graph->names);
                        while (to < s.n && strchr("'\"]?", s.p[to]))
                                to++;
                        uint32_t at_graph = x->groups ? n->ref.group : n->ref.task;
                        if (x->seen && !x->seen[at_graph]) {
                                x->seen[at_graph] = true;
                                x->found[x->found_n++] = at_graph;
                        }
                        if (x->outputs && follows(s, to, ".outputs")) {
                                x->outputs[i] = true;
                                x->result[i] = x->result[i] || follows(s, to, ".outputs.result") || follows(s, to, ".outputs?.result");
                        }
                }
        return false;
}

/* Standard output is kept, and outputs of loops are gathered, only where something reads them. */
static void find_uses(struct argo_reader *r, const struct value *graph, struct argo_template *x, struct task *(*task_of)(void *, struct task_ref), void *ctx)
{
        struct reads c = {.graph = x, .outputs = arena_alloc_array(r->arena, sizeof *c.outputs, x->names_n + 1), .result = arena_alloc_array(r->arena, sizeof *c.result, x->names_n + 1)};
        (void)argo_each_text(graph, note_reads, &c);
        for (size_t i = 0; i < x->names_n; i++) {
                struct task *t = task_of(ctx, x->names[i].ref);
                struct argo_task *a = (struct argo_task *)(uintptr_t)t->dialect;
                a->wants_result = c.result[i];
                t->collects = a->loops && c.outputs[i];
        }
}

static struct task *step_at(void *ctx, struct task_ref ref) { return &((struct task **)ctx)[ref.group][ref.task]; }
static struct task *task_at(void *ctx, struct task_ref ref) { return &((struct task *)ctx)[ref.task]; }

static struct reads reads_new(struct argo_reader *r, const struct argo_template *x, uint32_t count, bool groups)
{
        return (struct reads){.graph = x, .groups = groups, .seen = arena_alloc(r->arena, count + 1u), .found = arena_alloc_array(r->arena, sizeof(uint32_t), count + 1u)};
}

/* `self`: not itself. `c` is used again for the next task, so that a graph costs what its texts cost. */
static void find_reads(struct argo_reader *r, struct reads *c, struct task *t, uint32_t self)
{
        (void)argo_each_text(argo_task_of(t)->source, note_reads, c);
        uint32_t *list = c->found_n ? arena_alloc_array(r->arena, sizeof *list, c->found_n) : NULL, n = 0;
        for (uint32_t i = 0; i < c->found_n; i++) {
                c->seen[c->found[i]] = false;
                if (c->found[i] != self)
                        list[n++] = c->found[i];
        }
        c->found_n = 0;
        t->reads = list;
        t->reads_n = n;
}

/* The limit of a template of steps is that of its groups, which never run at once. */
static uint32_t add_group(struct argo_reader *r, const struct argo_template *x, const struct template *m, const struct task *tasks, uint32_t n, uint32_t i)
{
        struct argo_template *g = ARENA_NEW(r->arena, struct argo_template);
        *g = (struct argo_template){.name = arena_printf(r->arena, "%.*s[%u]", STR_FMT(x->name), i), .type = ARGO_STEPS, .group = true};
        return argo_add_template(r, (struct template){.name = g->name, .kind = TEMPLATE_GRAPH, .tasks = tasks, .tasks_n = n, .assess = ASSESS_ANY, .transparent = true, .atomic = true, .parallelism = m->parallelism,
                                                      .fail_fast = m->fail_fast, .dialect = g});
}

void argo_read_steps(struct argo_reader *r, const struct value *t, struct argo_template *x, struct template *m)
{
        const struct value *groups = value_get_c(t, "steps");
        uint32_t n = (uint32_t)list_n(groups), total = 0, at = 0;
        struct task *outer = arena_alloc_array(r->arena, sizeof *outer, n + 1u), **inner = arena_alloc_array(r->arena, sizeof *inner, n + 1u);
        uint32_t *sizes = arena_alloc_array(r->arena, sizeof *sizes, n + 1u);
        for (uint32_t i = 0; i < n; i++) /* a group of one step may stand without its list */
                total += groups->list.items[i].kind == VALUE_LIST ? (uint32_t)groups->list.items[i].list.n : 1;
        x->graph = ARENA_NEW(r->arena, struct argo_graph);
        x->graph->all = arena_alloc_array(r->arena, sizeof *x->graph->all, total + 1u);
        x->graph->first = arena_alloc_array(r->arena, sizeof *x->graph->first, n + 1u);
        x->names = arena_alloc_array(r->arena, sizeof *x->names, total + 1u);
        for (uint32_t i = 0; i < n; i++) {
                const struct value *group = &groups->list.items[i];
                const struct value *first = group->kind == VALUE_LIST ? group->list.items : group;
                uint32_t size = group->kind == VALUE_LIST ? (uint32_t)group->list.n : 1;
                inner[i] = arena_alloc_array(r->arena, sizeof **inner, size + 1u);
                sizes[i] = size;
                x->graph->first[i] = at;
                for (uint32_t k = 0; k < size; k++) {
                        struct argo_task *task = ARENA_NEW(r->arena, struct argo_task);
                        read_task(r, &first[k], task, &inner[i][k]);
                        x->names[at] = (struct argo_name){inner[i][k].name, {i, k}};
                        x->graph->all[at++] = (struct argo_vertex){.name = inner[i][k].name, .source = &first[k], .task = task, .group = i, .index = k, .template = inner[i][k].template};
                }
        }
        x->names_n = x->graph->n = at;
        sort_names(x);
        find_uses(r, t, x, step_at, inner);
        struct reads reads = reads_new(r, x, n, true);
        for (uint32_t i = 0; i < n; i++) {
                for (uint32_t k = 0; k < sizes[i]; k++)
                        find_reads(r, &reads, &inner[i][k], i);
                uint32_t *dep = i ? arena_alloc_array(r->arena, sizeof *dep, 1) : NULL;
                if (dep)
                        *dep = i - 1;
                outer[i] = (struct task){.name = arena_printf(r->arena, "[%u]", i), .template = add_group(r, x, m, inner[i], sizes[i], i), .deps = dep, .deps_n = i ? 1 : 0,
                                         .dialect = ARENA_NEW(r->arena, struct argo_task), .line = groups->list.items[i].line, .column = groups->list.items[i].column};
        }
        m->kind = TEMPLATE_GRAPH;
        m->tasks = outer;
        m->tasks_n = n;
        m->assess = ASSESS_ANY;
        m->parallelism = 0;
}

static uint32_t result_bits(struct str s)
{
        static const struct { const char *name; uint32_t bits; } results[] = {
                {"", RESULT_SUCCEEDED | RESULT_SKIPPED | RESULT_DAEMONED}, {"Succeeded", RESULT_SUCCEEDED}, {"Failed", RESULT_FAILED}, {"Errored", RESULT_ERRORED},
                {"Skipped", RESULT_SKIPPED}, {"Omitted", RESULT_OMITTED}, {"Daemoned", RESULT_DAEMONED}, {"AnySucceeded", RESULT_ANY_SUCCEEDED}, {"AllFailed", RESULT_ALL_FAILED}};
        for (size_t i = 0; i < sizeof results / sizeof *results; i++)
                if (str_eq_c(s, results[i].name))
                        return results[i].bits;
        return 0;
}

static const struct trigger *trigger_of(struct argo_reader *r, const struct argo_template *x, const struct depends *d)
{
        struct trigger *t = ARENA_NEW(r->arena, struct trigger);
        const struct argo_name *n;
        switch (d->op) {
        case DEPENDS_RESULT:
                n = argo_find_name(x, d->task);
                *t = (struct trigger){.op = TRIGGER_TEST, .task = n ? n->ref.task : 0, .results = result_bits(d->result)};
                return n ? t : NULL;
        case DEPENDS_NOT:
                t->op = TRIGGER_NOT;
                t->left = trigger_of(r, x, d->left);
                return t->left ? t : NULL;
        case DEPENDS_AND:
        case DEPENDS_OR:
                t->op = d->op == DEPENDS_AND ? TRIGGER_AND : TRIGGER_OR;
                t->left = trigger_of(r, x, d->left);
                t->right = trigger_of(r, x, d->right);
                return t->left && t->right ? t : NULL;
        }
        return NULL;
}

static void trouble(struct argo_reader *r, const struct argo_template *x, const struct value *at, const char *what, struct str name)
{
        if (x->graph->trouble.n)
                return;
        x->graph->trouble = arena_printf(r->arena, "templates.%.*s sorting failed: %s%.*s", STR_FMT(x->name), what, STR_FMT(name));
        x->graph->trouble_at = at;
}

/* A text that is no combination of results: the first word that is no task, as Argo finds it, or what is wrong with the text. */
static void bad_depends(struct argo_reader *r, const struct argo_template *x, const struct argo_vertex *v, const struct error *e)
{
        const struct value *at = value_get_c(v->source, "depends");
        struct str s = v->depends;
        for (size_t from = 0, to; from < s.n; from = to) {
                to = from + 1;
                if (!name_char(s.p[from]))
                        continue;
                while (to < s.n && name_char(s.p[to]))
                        to++;
                struct str word = str_sub(s, from, to);
                if (!argo_find_name(x, word)) {
                        trouble(r, x, at, "invalid dependency ", word);
                        return;
                }
                if (to < s.n && s.p[to] == '.')
                        for (to++; to < s.n && name_char(s.p[to]);)
                                to++;
        }
        if (x->graph->trouble.n)
                return;
        x->graph->trouble = arena_printf(r->arena, "templates.%.*s.tasks.%.*s depends '%.*s': %s", STR_FMT(x->name), STR_FMT(v->name), STR_FMT(s), e->text);
        x->graph->trouble_at = at;
}

static void read_dependencies(struct argo_reader *r, const struct argo_template *x, struct argo_vertex *v, struct task *t, uint32_t self)
{
        const struct value *list = value_get_c(v->source, "dependencies");
        const struct str *names = NULL;
        size_t n = list_n(list);
        if (v->depends.n) {
                const struct depends *d = NULL;
                struct error e = {0};
                if (!expr_depends_parse(v->depends, r->arena, &d, &e)) {
                        bad_depends(r, x, v, &e);
                        return;
                }
                n = expr_depends_tasks(d, r->arena, &names);
                t->trigger = trigger_of(r, x, d);
        }
        uint32_t *deps = arena_alloc_array(r->arena, sizeof *deps, n + 1);
        t->deps = deps;
        for (size_t i = 0; i < n; i++) {
                struct str name = names ? names[i] : argo_scalar(&list->list.items[i], r->arena);
                const struct argo_name *found = argo_find_name(x, name);
                if (!found) {
                        trouble(r, x, v->source, "invalid dependency ", name);
                        return;
                }
                if (found->ref.task == self) {
                        trouble(r, x, v->source, "graph with cycle", STR(""));
                        return;
                }
                bool twice = false;
                for (uint32_t k = 0; k < t->deps_n; k++)
                        twice = twice || deps[k] == found->ref.task;
                if (!twice)
                        deps[t->deps_n++] = found->ref.task;
        }
}

/*
 * `target` with the run's parameters in place of their tags: which tasks a graph has to reach is settled when a run is made, so nothing that is only
 * known later can stand in it. False: a parameter has no value yet, or (then a problem says so) the tag names something else.
 */
static bool target_text(struct argo_reader *r, const struct argo_template *x, const struct value *at, struct str *ret)
{
        const struct str prefix = STR("workflow.parameters.");
        struct str rest = x->graph->target;
        *ret = STR("");
        for (;;) {
                size_t open = str_find(rest, STR("{{"), 0), end = open == SIZE_MAX ? SIZE_MAX : str_find(rest, STR("}}"), open);
                if (end == SIZE_MAX) {
                        *ret = arena_printf(r->arena, "%.*s%.*s", STR_FMT(*ret), STR_FMT(rest));
                        return true;
                }
                struct str key = str_trim(str_sub(rest, open + 2, end)), text;
                if (!str_starts(key, prefix)) {
                        problem_add(r->problems, ERROR_UNSUPPORTED, false, at, arena_printf(r->arena, "templates.%.*s.dag.target", STR_FMT(x->name)),
                                    "'target' is read when a run is made, so {{%.*s}} cannot stand in it: name the tasks, or use {{workflow.parameters.NAME}}", STR_FMT(key));
                        return false;
                }
                if (!argo_run_parameter(r, str_sub(key, prefix.n, key.n), &text))
                        return false;
                *ret = arena_printf(r->arena, "%.*s%.*s%.*s", STR_FMT(*ret), STR_FMT(str_sub(rest, 0, open)), STR_FMT(text));
                rest = str_sub(rest, end + 2, rest.n);
        }
}

/* Names that `target` lists, or else every task that no other depends on. */
static void read_targets(struct argo_reader *r, const struct argo_template *x, const struct value *at, const struct task *tasks, uint32_t n, struct template *m)
{
        uint32_t *targets = arena_alloc_array(r->arena, sizeof *targets, n + 1u), count = 0;
        bool *needed = arena_alloc_array(r->arena, sizeof *needed, n + 1u);
        struct str rest;
        bool known = target_text(r, x, at, &rest);
        rest = str_trim(rest);
        while (known && rest.n) {
                struct str name = str_trim(str_cut(&rest, ' '));
                const struct argo_name *found = argo_find_name(x, name);
                if (!name.n)
                        continue;
                if (!found) {
                        x->graph->target_trouble = arena_printf(r->arena, "templates.%.*s.targets: target '%.*s' is not defined", STR_FMT(x->name), STR_FMT(name));
                        break;
                }
                if (!needed[found->ref.task] && count < n)
                        targets[count++] = found->ref.task;
                needed[found->ref.task] = true;
        }
        if (!count) {
                for (uint32_t i = 0; i < n; i++)
                        for (uint32_t k = 0; k < tasks[i].deps_n; k++)
                                needed[tasks[i].deps[k]] = true;
                for (uint32_t i = 0; i < n; i++)
                        if (!needed[i])
                                targets[count++] = i;
        }
        m->targets = targets;
        m->targets_n = count;
}

void argo_read_dag(struct argo_reader *r, const struct value *t, struct argo_template *x, struct template *m)
{
        const struct value *dag = value_get_c(t, "dag"), *list = value_get_c(dag, "tasks"), *fail_fast = value_get_c(dag, "failFast");
        uint32_t n = (uint32_t)list_n(list);
        struct task *tasks = arena_alloc_array(r->arena, sizeof *tasks, n + 1u);
        x->graph = ARENA_NEW(r->arena, struct argo_graph);
        x->graph->all = arena_alloc_array(r->arena, sizeof *x->graph->all, n + 1u);
        x->graph->target = argo_scalar(value_get_c(dag, "target"), r->arena);
        x->graph->n = x->names_n = n;
        x->names = arena_alloc_array(r->arena, sizeof *x->names, n + 1u);
        for (uint32_t i = 0; i < n; i++) {
                struct argo_task *task = ARENA_NEW(r->arena, struct argo_task);
                const struct value *v = &list->list.items[i];
                read_task(r, v, task, &tasks[i]);
                x->names[i] = (struct argo_name){tasks[i].name, {REF_NO_GROUP, i}};
                x->graph->all[i] = (struct argo_vertex){.name = tasks[i].name, .source = v, .task = task, .index = i, .template = tasks[i].template, .depends = str_trim(argo_scalar(value_get_c(v, "depends"), r->arena))};
        }
        sort_names(x);
        for (uint32_t i = 0; i + 1 < n; i++)
                if (str_eq(x->names[i].name, x->names[i + 1].name))
                        trouble(r, x, x->graph->all[x->names[i + 1].ref.task].source, "duplicated nodeName ", x->names[i].name);
        find_uses(r, t, x, task_at, tasks);
        struct reads reads = reads_new(r, x, n, false);
        for (uint32_t i = 0; i < n && !x->graph->trouble.n; i++) {
                read_dependencies(r, x, &x->graph->all[i], &tasks[i], i);
                find_reads(r, &reads, &tasks[i], i);
        }
        m->kind = TEMPLATE_GRAPH;
        m->tasks = tasks;
        m->tasks_n = n;
        m->assess = ASSESS_TARGETS;
        m->fail_fast = !fail_fast || fail_fast->kind == VALUE_NULL || flag(fail_fast);
        read_targets(r, x, value_get_c(dag, "target"), tasks, n, m);
}
