/* One graph: its tasks with what they read and wait for, and its outputs. */
#include "dialect/kfp/kfp.h"
#include <stdarg.h>
#include <stdio.h>
#include "text/json.h"

struct graph {
        struct kfp_reader *r;
        struct kfp_component *c;
        const struct value *tasks; /* the document's map; may be NULL */
        struct kfp_names names;
        struct kfp_task *made;
        struct str path;           /* of the graph */
};

static struct str text_of(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_STRING ? v->text : STR("");
}

static struct str dot(const struct graph *g, struct str path, const char *member) { return kfp_path(g->r->arena, path, str_from(member)); }

static __attribute__((format(printf, 4, 5))) void bad(const struct graph *g, const struct value *at, struct str path, const char *format, ...)
{
        char text[1024];
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
        problem_add(g->r->ps, ERROR_INVALID, false, at, path, "%s", text);
}

static const struct kfp_component *component_of(const struct graph *g, uint32_t task) { return g->made[task].component; }

/* The task of this name; a problem when there is none. */
static bool find_task(const struct graph *g, const struct value *at, struct str name, struct str path, uint32_t *ret)
{
        if (kfp_names_find(&g->names, name, ret))
                return component_of(g, *ret) != NULL;
        bad(g, at, path, "there is no task '%.*s' in this graph%.*s", STR_FMT(name), STR_FMT(kfp_nearest(g->tasks, name, g->r->arena)));
        return false;
}

static struct str nearest_param(const struct kfp_io *io, struct str name, bool artifact, struct arena *a)
{
        size_t best = name.n < 4 ? 2 : 4;
        struct str near = STR("");
        for (size_t i = 0; i < (artifact ? io->artifacts_n : io->params_n); i++) {
                struct str other = artifact ? io->artifacts[i].name : io->params[i].name;
                size_t d = str_distance(other, name, best);
                if (d < best) {
                        best = d;
                        near = other;
                }
        }
        return near.n ? arena_printf(a, " (did you mean '%.*s'?)", STR_FMT(near)) : near;
}

static bool has_member(const struct kfp_io *io, struct str name, bool artifact)
{
        return artifact ? kfp_artifact_of(io, name) != NULL : kfp_param_of(io, name) != NULL;
}

static bool read_from_task(struct graph *g, const struct value *from, const char *key, bool artifact, struct str path, struct kfp_source *s)
{
        s->kind = KFP_OUTPUT;
        s->key = text_of(from, key);
        if (!find_task(g, from, text_of(from, "producerTask"), path, &s->producer))
                return false;
        const struct kfp_component *p = component_of(g, s->producer);
        if (has_member(&p->out, s->key, artifact))
                return true;
        bad(g, from, path, "the task '%.*s' has no output %s '%.*s'%.*s", STR_FMT(text_of(from, "producerTask")), artifact ? "artifact" : "parameter",
            STR_FMT(s->key), STR_FMT(nearest_param(&p->out, s->key, artifact, g->r->arena)));
        return false;
}

static bool read_from_input(struct graph *g, const struct value *at, bool artifact, struct str path, struct kfp_source *s)
{
        s->kind = KFP_INPUT;
        s->key = at->text;
        if (has_member(&g->c->in, s->key, artifact))
                return true;
        bad(g, at, path, "the component '%.*s' around it has no input %s '%.*s'%.*s", STR_FMT(g->c->name), artifact ? "artifact" : "parameter",
            STR_FMT(s->key), STR_FMT(nearest_param(&g->c->in, s->key, artifact, g->r->arena)));
        return false;
}

static bool read_runtime(struct graph *g, const struct value *rv, struct str path, struct kfp_source *s)
{
        const struct value *old = value_get_c(rv, "constantValue");
        s->constant = value_get_c(rv, "constant");
        s->key = text_of(rv, "runtimeParameter");
        s->kind = s->key.n ? KFP_RUNTIME : KFP_CONSTANT;
        if (!s->constant && old && old->kind == VALUE_MAP && old->map.n == 1)
                s->constant = &old->map.members[0].value;
        if (s->constant || s->key.n)
                return true;
        bad(g, rv, path, "the runtimeValue has no constant");
        return false;
}

static bool read_selector(struct graph *g, const struct value *v, struct str path, struct kfp_source *s)
{
        const struct value *x = value_get_c(v, "parameterExpressionSelector");
        struct error e = {0};
        if (!x || !x->text.n)
                return true;
        s->selector = kfp_expr_compile(x->text, g->r->arena, &e);
        if (s->selector && kfp_expr_check_selector(s->selector, &e))
                return true;
        bad(g, x, dot(g, path, "parameterExpressionSelector"), "%s", e.text);
        return false;
}

static void read_param_source(struct graph *g, const struct value_member *m, struct str path, struct kfp_task *k)
{
        const struct value *v = &m->value, *from;
        struct kfp_source s = {.name = m->key};
        bool ok;
        if ((from = value_get_c(v, "taskOutputParameter")))
                ok = read_from_task(g, from, "outputParameterKey", false, dot(g, path, "taskOutputParameter"), &s);
        else if ((from = value_get_c(v, "runtimeValue")))
                ok = read_runtime(g, from, dot(g, path, "runtimeValue"), &s);
        else if ((from = value_get_c(v, "componentInputParameter")))
                ok = read_from_input(g, from, false, dot(g, path, "componentInputParameter"), &s);
        else if ((from = value_get_c(v, "taskFinalStatus"))) {
                s.kind = KFP_STATUS;
                ok = find_task(g, from, text_of(from, "producerTask"), dot(g, path, "taskFinalStatus"), &s.producer);
        } else {
                bad(g, v, path, "the input '%.*s' has no source: taskOutputParameter, runtimeValue, componentInputParameter or taskFinalStatus", STR_FMT(m->key));
                ok = false;
        }
        const struct kfp_param *p = kfp_param_of(&k->component->in, s.name);
        if (ok && s.kind == KFP_CONSTANT && p)
                s.constant = kfp_written(s.constant, p->type, g->r->arena);
        if (ok && read_selector(g, v, path, &s))
                k->params[k->params_n++] = s;
}

static void read_artifact_source(struct graph *g, const struct value_member *m, struct str path, struct kfp_task *k)
{
        const struct value *v = &m->value, *from;
        struct kfp_source s = {.name = m->key};
        bool ok = false;
        if ((from = value_get_c(v, "taskOutputArtifact")))
                ok = read_from_task(g, from, "outputArtifactKey", true, dot(g, path, "taskOutputArtifact"), &s);
        else if ((from = value_get_c(v, "componentInputArtifact")))
                ok = read_from_input(g, from, true, dot(g, path, "componentInputArtifact"), &s);
        else
                bad(g, v, path, "the input artifact '%.*s' has no source: taskOutputArtifact or componentInputArtifact", STR_FMT(m->key));
        if (ok)
                k->artifacts[k->artifacts_n++] = s;
}

/* Every input that the component demands has a source. */
static void check_demands(struct graph *g, const struct value *t, const struct kfp_task *k, struct str path, bool artifact)
{
        const char *kind = artifact ? "artifacts" : "parameters";
        const struct value *given = value_get_c(value_get_c(t, "inputs"), kind);
        const struct kfp_io *io = &k->component->in;
        for (size_t i = 0; i < (artifact ? io->artifacts_n : io->params_n); i++) {
                struct str name = artifact ? io->artifacts[i].name : io->params[i].name;
                bool optional = artifact ? io->artifacts[i].optional : io->params[i].optional;
                if (!optional && !value_get(given, name) && !str_eq(name, k->item_input))
                        bad(g, t, dot(g, dot(g, path, "inputs"), kind), "the component '%.*s' needs the input '%.*s', and the task gives none",
                            STR_FMT(k->component->name), STR_FMT(name));
        }
}

/* The SDK adds inputs of its own, which the component does not declare: what constants and conditions read (their names tell), what
 * iterators iterate over, and the image and resources of a task that are known only when it runs. Any other is harmless to a component that never asks
 * for it, unless it is nearly the name of an input: then it was meant for that. */
static void check_inputs(struct graph *g, const struct value *t, const struct kfp_task *k, struct str path)
{
        static const char *const kinds[] = {"parameters", "artifacts"};
        static const char *const resources[] = {"base_image", "cpu_limit", "cpu_request", "memory_limit", "memory_request", "accelerator_type", "accelerator_count"};
        for (int kind = 0; kind < 2; kind++) {
                const struct value *given = value_get_c(value_get_c(t, "inputs"), kinds[kind]);
                const struct kfp_io *io = &k->component->in;
                for (size_t i = 0; given && given->kind == VALUE_MAP && i < given->map.n; i++) {
                        const struct value_member *m = &given->map.members[i];
                        bool known = has_member(io, m->key, kind) || kfp_is_channel(m->key) || str_eq(m->key, k->items_input);
                        for (size_t r = 0; !kind && r < sizeof resources / sizeof *resources; r++)
                                known = known || str_eq_c(m->key, resources[r]);
                        if (known)
                                continue;
                        struct str near = nearest_param(io, m->key, kind, g->r->arena);
                        problem_add(g->r->ps, ERROR_INVALID, !near.n, &m->value, kfp_path(g->r->arena, dot(g, dot(g, path, "inputs"), kinds[kind]), m->key),
                                    "the component '%.*s' has no input '%.*s'%.*s", STR_FMT(k->component->name), STR_FMT(m->key), STR_FMT(near));
                }
                check_demands(g, t, k, path, kind);
        }
}

static void read_sources(struct graph *g, const struct value *t, struct str path, struct kfp_task *k)
{
        const struct value *inputs = value_get_c(t, "inputs"), *params = value_get_c(inputs, "parameters"), *artifacts = value_get_c(inputs, "artifacts");
        size_t n = params && params->kind == VALUE_MAP ? params->map.n : 0, m = artifacts && artifacts->kind == VALUE_MAP ? artifacts->map.n : 0;
        k->params = ARENA_ARRAY(g->r->arena, struct kfp_source, n + 1);
        k->artifacts = ARENA_ARRAY(g->r->arena, struct kfp_source, m + 1);
        for (size_t i = 0; i < n; i++)
                read_param_source(g, &params->map.members[i], kfp_path(g->r->arena, dot(g, dot(g, path, "inputs"), "parameters"), params->map.members[i].key), k);
        for (size_t i = 0; i < m; i++)
                read_artifact_source(g, &artifacts->map.members[i],
                                     kfp_path(g->r->arena, dot(g, dot(g, path, "inputs"), "artifacts"), artifacts->map.members[i].key), k);
}

static bool has_source(const struct value *t, const char *kind, struct str name) { return value_get(value_get_c(value_get_c(t, "inputs"), kind), name); }

static void read_raw_items(struct graph *g, const struct value *raw, struct str path, struct kfp_task *k)
{
        struct error e = {0};
        struct value *v = ARENA_NEW(g->r->arena, struct value);
        if (!json_read(str_trim(raw->text), NULL, g->r->arena, v, &e))
                bad(g, raw, path, "the items are no JSON: %s", e.text);
        else if (v->kind != VALUE_LIST)
                bad(g, raw, path, "the items must be a JSON list, and are a %s", value_kind_name(v->kind));
        else
                k->items_raw = v;
}

static void read_iterator(struct graph *g, const struct value *t, struct str path, struct kfp_task *k, struct task *task)
{
        const struct value *p = value_get_c(t, "parameterIterator"), *a = value_get_c(t, "artifactIterator"), *it = p ? p : a;
        const struct value *limit = value_get_c(value_get_c(t, "iteratorPolicy"), "parallelismLimit");
        struct str at = dot(g, path, p ? "parameterIterator" : "artifactIterator");
        if (!it)
                return;
        if (p && a)
                bad(g, t, path, "the task iterates over parameters and over artifacts: it can do only one of them");
        const struct value *items = value_get_c(it, "items"), *raw = p ? value_get_c(items, "raw") : NULL;
        task->fans_out = true;
        k->item_input = text_of(it, "itemInput");
        k->items_input = text_of(items, p ? "inputParameter" : "inputArtifact");
        k->over_artifacts = !p;
        if (raw)
                read_raw_items(g, raw, dot(g, at, "items.raw"), k);
        else if (!k->items_input.n)
                bad(g, it, dot(g, at, "items"), "the iterator does not say over what: give items %s", p ? "raw or inputParameter" : "inputArtifact");
        else if (!has_source(t, p ? "parameters" : "artifacts", k->items_input))
                bad(g, items, dot(g, at, "items"), "the task has no input '%.*s' to iterate over", STR_FMT(k->items_input));
        if (!has_member(&k->component->in, k->item_input, !p))
                bad(g, it, dot(g, at, "itemInput"), "the component '%.*s' has no input '%.*s'%.*s", STR_FMT(k->component->name), STR_FMT(k->item_input),
                    STR_FMT(nearest_param(&k->component->in, k->item_input, !p, g->r->arena)));
        int64_t n = 0;
        if (limit && (!value_to_i64(limit, &n) || n < 0 || n > UINT32_MAX))
                bad(g, limit, dot(g, path, "iteratorPolicy.parallelismLimit"), "the limit must be a whole number from 0");
        else
                task->items_parallelism = (uint32_t)n;
}

/* A tree of low depth over deps[from, to). */
static const struct trigger *trigger_over(struct graph *g, const uint32_t *deps, uint32_t from, uint32_t to, bool completed)
{
        struct trigger *x = ARENA_NEW(g->r->arena, struct trigger);
        if (to - from == 1) {
                /* Nothing to iterate over is success: only a condition makes a fan-out skipped for good. */
                const struct value *t = &g->tasks->map.members[deps[from]].value;
                bool empty_is_good = value_get_c(t, "parameterIterator") || value_get_c(t, "artifactIterator");
                empty_is_good = empty_is_good && !text_of(value_get_c(t, "triggerPolicy"), "condition").n;
                *x = (struct trigger){.op = TRIGGER_TEST, .task = deps[from]};
                x->results = completed ? RESULT_COMPLETED : RESULT_SUCCEEDED | (empty_is_good ? RESULT_SKIPPED : 0);
                return x;
        }
        uint32_t mid = from + (to - from) / 2;
        *x = (struct trigger){.op = TRIGGER_AND, .left = trigger_over(g, deps, from, mid, completed), .right = trigger_over(g, deps, mid, to, completed)};
        return x;
}

static void read_trigger(struct graph *g, const struct value *t, struct str path, struct kfp_task *k, struct task *task)
{
        const struct value *policy = value_get_c(t, "triggerPolicy"), *condition = value_get_c(policy, "condition");
        struct str strategy = text_of(policy, "strategy"), at = dot(g, path, "triggerPolicy");
        bool completed = str_eq_c(strategy, "ALL_UPSTREAM_TASKS_COMPLETED");
        if (strategy.n && !completed && !str_eq_c(strategy, "ALL_UPSTREAM_TASKS_SUCCEEDED") && !str_eq_c(strategy, "TRIGGER_STRATEGY_UNSPECIFIED"))
                bad(g, policy, dot(g, at, "strategy"), "'%.*s' is no strategy: ALL_UPSTREAM_TASKS_SUCCEEDED or ALL_UPSTREAM_TASKS_COMPLETED", STR_FMT(strategy));
        if (condition && condition->text.n) {
                struct error e = {0};
                k->condition_text = condition->text;
                k->condition = kfp_expr_compile(condition->text, g->r->arena, &e);
                task->has_when = true;
                if (!k->condition || !kfp_expr_check_condition(k->condition, k, &e))
                        bad(g, condition, dot(g, at, "condition"), "%s", e.text);
        }
        if (task->deps_n)
                task->trigger = trigger_over(g, task->deps, 0, task->deps_n, completed);
        task->on_stop = completed;
}

static void add_once(uint32_t *list, uint32_t *n, bool *seen, uint32_t i)
{
        if (!seen[i]) {
                seen[i] = true;
                list[(*n)++] = i;
        }
}

static void read_dependencies(struct graph *g, const struct value *t, uint32_t self, struct str path, bool *seen, struct task *task)
{
        const struct kfp_task *k = &g->made[self];
        const struct value *named = value_get_c(t, "dependentTasks");
        size_t named_n = named && named->kind == VALUE_LIST ? named->list.n : 0;
        uint32_t *deps = ARENA_ARRAY(g->r->arena, uint32_t, named_n + k->params_n + k->artifacts_n + 1), n = 0, i;
        uint32_t *reads = ARENA_ARRAY(g->r->arena, uint32_t, k->params_n + k->artifacts_n + 1), reads_n = 0;
        for (size_t s = 0; s < k->params_n + k->artifacts_n; s++) {
                const struct kfp_source *x = s < k->params_n ? &k->params[s] : &k->artifacts[s - k->params_n];
                if (x->kind == KFP_OUTPUT || x->kind == KFP_STATUS)
                        add_once(deps, &n, seen, x->producer);
                if (x->kind == KFP_OUTPUT)
                        g->c->tasks[x->producer].collects = g->c->tasks[x->producer].fans_out;
        }
        for (; reads_n < n; reads_n++)
                reads[reads_n] = deps[reads_n];
        for (size_t d = 0; d < named_n; d++)
                if (find_task(g, &named->list.items[d], named->list.items[d].text, dot(g, path, "dependentTasks"), &i))
                        add_once(deps, &n, seen, i);
        for (uint32_t d = 0; d < n; d++) {
                seen[deps[d]] = false;
                if (deps[d] == self) {
                        bad(g, t, path, "the task waits for itself");
                        deps[d] = deps[--n];
                        reads_n = 0;
                        d--;
                }
        }
        seen[self] = false;
        task->deps = deps;
        task->deps_n = n;
        task->reads = reads;
        task->reads_n = reads_n;
}

static void read_task(struct graph *g, uint32_t i, struct str path)
{
        const struct value *t = &g->tasks->map.members[i].value, *caching = value_get_c(t, "cachingOptions"), *on = value_get_c(caching, "enableCache");
        struct kfp_task *k = &g->made[i];
        struct task *task = &g->c->tasks[i];
        k->display_name = text_of(value_get_c(t, "taskInfo"), "name");
        k->cache = on && on->kind == VALUE_BOOL && on->boolean;
        k->cache_key = text_of(caching, "cacheKey");
        if (k->cache)
                k->component->cacheable = true;
        read_sources(g, t, path, k);
        read_iterator(g, t, path, k, task);
        check_inputs(g, t, k, path);
        kfp_lint_task(g->r, k, t, path);
        const struct value *policy = value_get_c(t, "retryPolicy"), *count = value_get_c(policy, "maxRetryCount");
        bool retries = policy && count && !str_eq_c(count->text, "0");
        task->template = kfp_template_of(g->r, k->component, retries ? policy : NULL);
}

static void find_components(struct graph *g)
{
        for (uint32_t i = 0; i < g->c->tasks_n; i++) {
                const struct value_member *m = &g->tasks->map.members[i];
                const struct value *ref = value_get_c(&m->value, "componentRef");
                struct str name = text_of(ref, "name"), path = kfp_path(g->r->arena, dot(g, g->path, "tasks"), m->key);
                g->c->tasks[i] = (struct task){.name = m->key, .dialect = &g->made[i], .line = m->line, .column = m->column};
                g->made[i].component = kfp_find_component(g->r, name);
                if (!g->made[i].component)
                        bad(g, ref ? ref : &m->value, dot(g, path, "componentRef.name"), "there is no component '%.*s'%.*s", STR_FMT(name),
                            STR_FMT(kfp_nearest(value_get_c(g->r->spec, "components"), name, g->r->arena)));
        }
}

/* W1. */
static void check_cycles(struct graph *g)
{
        uint32_t n = g->c->tasks_n, done = 0;
        bool *gone = ARENA_ARRAY(g->r->arena, bool, n + 1);
        uint32_t *left = ARENA_ARRAY(g->r->arena, uint32_t, n + 1), *first = ARENA_ARRAY(g->r->arena, uint32_t, n + 2), edges = 0;
        for (uint32_t i = 0; i < n; i++) {
                left[i] = g->c->tasks[i].deps_n;
                edges += left[i];
                for (uint32_t d = 0; d < left[i]; d++)
                        first[g->c->tasks[i].deps[d] + 1]++;
        }
        for (uint32_t i = 1; i <= n; i++)
                first[i] += first[i - 1];
        uint32_t *at = ARENA_ARRAY(g->r->arena, uint32_t, n + 1), *after = ARENA_ARRAY(g->r->arena, uint32_t, edges + 1),
                 *queue = ARENA_ARRAY(g->r->arena, uint32_t, n + 1), tail = 0;
        for (uint32_t i = 0; i < n; i++) {
                at[i] = first[i];
                if (!left[i])
                        queue[tail++] = i;
        }
        for (uint32_t i = 0; i < n; i++)
                for (uint32_t d = 0; d < g->c->tasks[i].deps_n; d++)
                        after[at[g->c->tasks[i].deps[d]]++] = i;
        while (done < tail) {
                uint32_t i = queue[done++];
                gone[i] = true;
                for (uint32_t k = first[i]; k < first[i + 1]; k++)
                        if (!--left[after[k]])
                                queue[tail++] = after[k];
        }
        for (uint32_t i = 0; i < n && done < n; i++)
                if (!gone[i]) {
                        bad(g, &g->tasks->map.members[i].value, kfp_path(g->r->arena, dot(g, g->path, "tasks"), g->c->tasks[i].name),
                            "the tasks wait for each other in a circle that '%.*s' is part of or waits for", STR_FMT(g->c->tasks[i].name));
                        return;
                }
}

static void read_output(struct graph *g, const struct value_member *m, bool artifact, struct str path, struct kfp_graph_output *ret)
{
        const struct value *one = artifact ? NULL : value_get_c(&m->value, "valueFromParameter");
        const struct value *many = artifact ? value_get_c(&m->value, "artifactSelectors") : value_get_c(value_get_c(&m->value, "valueFromOneof"), "parameterSelectors");
        const char *key = artifact ? "outputArtifactKey" : "outputParameterKey";
        size_t n = one ? 1 : many && many->kind == VALUE_LIST ? many->list.n : 0;
        *ret = (struct kfp_graph_output){.name = m->key, .from = ARENA_ARRAY(g->r->arena, struct kfp_selector, n + 1)};
        if (!n)
                bad(g, &m->value, path, "the output '%.*s' has no source", STR_FMT(m->key));
        for (size_t i = 0; i < n; i++) {
                const struct value *s = one ? one : &many->list.items[i];
                struct kfp_selector x = {.key = text_of(s, key)};
                if (!find_task(g, s, text_of(s, "producerSubtask"), path, &x.task))
                        continue;
                const struct kfp_component *p = component_of(g, x.task);
                if (!has_member(&p->out, x.key, artifact))
                        bad(g, s, path, "the task '%.*s' has no output '%.*s'%.*s", STR_FMT(g->c->tasks[x.task].name), STR_FMT(x.key),
                            STR_FMT(nearest_param(&p->out, x.key, artifact, g->r->arena)));
                g->c->tasks[x.task].collects = g->c->tasks[x.task].fans_out;
                ret->from[ret->from_n++] = x;
        }
}

static void read_outputs(struct graph *g)
{
        const struct value *out = value_get_c(g->c->dag, "outputs"), *params = value_get_c(out, "parameters"), *artifacts = value_get_c(out, "artifacts");
        g->c->params_n = params && params->kind == VALUE_MAP ? params->map.n : 0;
        g->c->artifacts_n = artifacts && artifacts->kind == VALUE_MAP ? artifacts->map.n : 0;
        g->c->params = ARENA_ARRAY(g->r->arena, struct kfp_graph_output, g->c->params_n + 1);
        g->c->artifacts = ARENA_ARRAY(g->r->arena, struct kfp_graph_output, g->c->artifacts_n + 1);
        for (size_t i = 0; i < g->c->params_n; i++)
                read_output(g, &params->map.members[i], false, kfp_path(g->r->arena, dot(g, g->path, "outputs.parameters"), params->map.members[i].key),
                            &g->c->params[i]);
        for (size_t i = 0; i < g->c->artifacts_n; i++)
                read_output(g, &artifacts->map.members[i], true, kfp_path(g->r->arena, dot(g, g->path, "outputs.artifacts"), artifacts->map.members[i].key),
                            &g->c->artifacts[i]);
}

void kfp_compile_graph(struct kfp_reader *r, struct kfp_component *c, struct str path)
{
        const struct value *tasks = value_get_c(c->dag, "tasks");
        struct graph g = {.r = r, .c = c, .tasks = tasks, .names = kfp_names_of(tasks, r->arena), .path = path};
        c->tasks_n = tasks && tasks->kind == VALUE_MAP ? (uint32_t)tasks->map.n : 0;
        c->tasks = ARENA_ARRAY(r->arena, struct task, c->tasks_n + 1);
        g.made = ARENA_ARRAY(r->arena, struct kfp_task, c->tasks_n + 1);
        find_components(&g);
        for (uint32_t i = 0; i < c->tasks_n; i++)
                if (!g.made[i].component)
                        return;
        struct str below = dot(&g, path, "tasks");
        for (uint32_t i = 0; i < c->tasks_n; i++)
                read_task(&g, i, kfp_path(r->arena, below, c->tasks[i].name));
        bool *seen = ARENA_ARRAY(r->arena, bool, c->tasks_n + 1);
        for (uint32_t i = 0; i < c->tasks_n; i++) {
                struct str at = kfp_path(r->arena, below, c->tasks[i].name);
                const struct value *t = &tasks->map.members[i].value;
                read_dependencies(&g, t, i, at, seen, &c->tasks[i]);
                read_trigger(&g, t, at, &g.made[i], &c->tasks[i]);
        }
        check_cycles(&g);
        read_outputs(&g);
}
