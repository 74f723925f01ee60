/* Every field that Argo knows, and what Weft does with it: one table an object. A field that is in no table is a mistake in the document,
 * and the nearest name is suggested. */
#include "dialect/argo/argo.h"
#include <assert.h>

enum use {
        USED,
        QUIET,   /* means nothing for a local process, or is kept as it is */
        NOTED,   /* a warning: the run does without it */
        LATER,   /* refused: what the document asks for would not happen */
};

enum shape { ANY, SCALAR, BOOL, MAP, LIST, LIST_OF_LISTS };

struct fields;
struct field { const char *name; enum use use; enum shape shape; const struct fields *inner; const char *hint; };
struct fields { const char *what; const struct field *items; };

#define FIELDS(id, text, ...) static const struct field id##_items[] = {__VA_ARGS__, {0}}; static const struct fields id = {text, id##_items}

FIELDS(value_from, "valueFrom", {"path", USED, SCALAR}, {"parameter", USED, SCALAR}, {"expression", USED, SCALAR}, {"default", USED, SCALAR}, {"supplied", USED, MAP},
       {"configMapKeyRef", LATER, MAP, NULL, "give the value in the parameter instead"}, {"event", LATER, SCALAR, NULL, "give the value in the parameter instead"},
       {"jqFilter", LATER, SCALAR, NULL, "it belongs to resource templates"}, {"jsonPath", LATER, SCALAR, NULL, "it belongs to resource templates"});
FIELDS(parameter, "parameter", {"name", USED, SCALAR}, {"value", USED, ANY}, {"default", USED, ANY}, {"enum", USED, LIST}, {"description", QUIET, SCALAR}, {"globalName", USED, SCALAR},
       {"valueFrom", USED, MAP, &value_from});
FIELDS(raw, "raw artifact", {"data", USED, SCALAR});
#define STORE(use_, hint_) {"s3", use_, MAP, NULL, hint_}, {"gcs", use_, MAP, NULL, hint_}, {"oss", use_, MAP, NULL, hint_}, {"hdfs", use_, MAP, NULL, hint_}, \
        {"azure", use_, MAP, NULL, hint_}, {"artifactory", use_, MAP, NULL, hint_}, {"http", use_, MAP, NULL, hint_}, {"git", use_, MAP, NULL, hint_}, {"plugin", use_, MAP, NULL, hint_}
#define ARTIFACT_COMMON {"name", USED, SCALAR}, {"path", USED, SCALAR}, {"mode", USED, SCALAR}, {"optional", USED, BOOL}, {"archive", QUIET, MAP}, {"archiveLogs", QUIET, BOOL}, \
        {"globalName", USED, SCALAR}, {"artifactGC", QUIET, MAP}, {"deleted", QUIET, BOOL}, {"description", QUIET, SCALAR}, {"recurseMode", QUIET, BOOL}
FIELDS(artifact_in, "artifact", ARTIFACT_COMMON, {"from", USED, SCALAR}, {"fromExpression", USED, SCALAR}, {"raw", USED, MAP, &raw},
       {"subPath", LATER, SCALAR, NULL, "pass the whole folder and use the path within it"}, STORE(LATER, "Weft does not fetch from stores yet: fetch it in a step of its own, or use `raw`"));
FIELDS(artifact_out, "artifact", ARTIFACT_COMMON, {"from", USED, SCALAR}, {"fromExpression", USED, SCALAR}, {"raw", USED, MAP, &raw}, {"subPath", LATER, SCALAR, NULL, "leave it out"},
       STORE(NOTED, "it is kept in Weft's own store instead"));
FIELDS(arguments, "arguments", {"parameters", USED, LIST, &parameter}, {"artifacts", USED, LIST, &artifact_in});
FIELDS(inputs, "inputs", {"parameters", USED, LIST, &parameter}, {"artifacts", USED, LIST, &artifact_in});
FIELDS(outputs, "outputs", {"parameters", USED, LIST, &parameter}, {"artifacts", USED, LIST, &artifact_out}, {"result", QUIET, SCALAR}, {"exitCode", QUIET, SCALAR});
FIELDS(env_var, "environment variable", {"name", USED, SCALAR}, {"value", USED, SCALAR}, {"valueFrom", LATER, MAP, NULL, "give a `value`: secrets, config maps and field references are not read yet"});
FIELDS(resources, "resources", {"limits", USED, MAP}, {"requests", QUIET, MAP}, {"claims", QUIET, LIST});
#define CONTAINER_FIELDS {"image", USED, SCALAR}, {"command", USED, LIST}, {"args", USED, LIST}, {"env", USED, LIST, &env_var}, {"workingDir", USED, SCALAR}, {"resources", USED, MAP, &resources}, \
        {"name", QUIET, SCALAR}, {"imagePullPolicy", QUIET, SCALAR}, {"ports", QUIET, LIST}, {"terminationMessagePath", QUIET, SCALAR}, {"terminationMessagePolicy", QUIET, SCALAR}, \
        {"stdin", QUIET, BOOL}, {"stdinOnce", QUIET, BOOL}, {"tty", QUIET, BOOL}, {"resizePolicy", QUIET, LIST}, {"restartPolicy", QUIET, SCALAR}, \
        {"securityContext", NOTED, MAP, NULL, "the task runs as the user who runs Weft"}, {"livenessProbe", NOTED, MAP, NULL, "no probe is made of a local process"}, \
        {"readinessProbe", NOTED, MAP, NULL, "no probe is made of a local process"}, {"startupProbe", NOTED, MAP, NULL, "no probe is made of a local process"}, \
        {"lifecycle", LATER, MAP, NULL, "put what it does into the command"}, {"envFrom", LATER, LIST, NULL, "name each variable under `env` with its value"}, \
        {"volumeMounts", LATER, LIST, NULL, "volumes do not exist for local processes: pass files between steps as artifacts"}, {"volumeDevices", LATER, LIST, NULL, "leave it out"}
FIELDS(container, "container", CONTAINER_FIELDS);
FIELDS(script, "script", CONTAINER_FIELDS, {"source", USED, SCALAR});
FIELDS(backoff, "backoff", {"duration", USED, SCALAR}, {"factor", USED, SCALAR}, {"cap", USED, SCALAR}, {"maxDuration", USED, SCALAR});
FIELDS(retry, "retryStrategy", {"limit", USED, SCALAR}, {"retryPolicy", USED, SCALAR}, {"backoff", USED, MAP, &backoff}, {"expression", USED, SCALAR}, {"affinity", QUIET, MAP});
FIELDS(continue_on, "continueOn", {"error", USED, BOOL}, {"failed", USED, BOOL});
FIELDS(sequence, "withSequence", {"count", USED, SCALAR}, {"start", USED, SCALAR}, {"end", USED, SCALAR}, {"format", USED, SCALAR});
FIELDS(hook, "hook", {"template", USED, SCALAR}, {"arguments", USED, MAP, &arguments}, {"expression", USED, SCALAR},
       {"templateRef", LATER, MAP, NULL, "put the template into this document and name it with `template`"});
static const struct fields template_;
#define CALL_FIELDS {"name", USED, SCALAR}, {"template", USED, SCALAR}, {"arguments", USED, MAP, &arguments}, {"when", USED, SCALAR}, {"withItems", USED, LIST}, {"withParam", USED, SCALAR}, \
        {"withSequence", USED, MAP, &sequence}, {"continueOn", USED, MAP, &continue_on}, {"onExit", USED, SCALAR}, {"hooks", USED, MAP}, {"inline", USED, MAP, &template_}, \
        {"templateRef", LATER, MAP, NULL, "put the template into this document and name it with `template`"}
FIELDS(step, "step", CALL_FIELDS);
FIELDS(task, "task", CALL_FIELDS, {"depends", USED, SCALAR}, {"dependencies", USED, LIST});
FIELDS(dag, "dag", {"tasks", USED, LIST, &task}, {"target", USED, SCALAR}, {"failFast", USED, BOOL});
FIELDS(suspend, "suspend", {"duration", USED, SCALAR});
#define POD_FIELDS {"nodeSelector", QUIET, MAP}, {"affinity", QUIET, MAP}, {"tolerations", QUIET, LIST}, {"schedulerName", QUIET, SCALAR}, {"serviceAccountName", USED, SCALAR}, \
        {"automountServiceAccountToken", QUIET, BOOL}, {"executor", QUIET, MAP}, {"hostAliases", QUIET, LIST}, {"podPriorityClassName", QUIET, SCALAR}, {"podPriority", QUIET, SCALAR}, {"priority", USED, SCALAR}, \
        {"podSpecPatch", NOTED, SCALAR, NULL, "there is no pod to patch"}, {"securityContext", NOTED, MAP, NULL, "the task runs as the user who runs Weft"}, \
        {"metrics", NOTED, MAP, NULL, "Weft does not publish them yet"}, {"archiveLocation", NOTED, MAP, NULL, "Weft keeps logs and artifacts in its own store"}, \
        {"synchronization", LATER, MAP, NULL, "mutexes and semaphores come later: use `parallelism`, or leave it out if the runs may overlap"}, \
        {"volumes", LATER, LIST, NULL, "volumes do not exist for local processes: pass files between steps as artifacts"}
static const struct field template_items[] = {
        {"name", USED, SCALAR}, {"inputs", USED, MAP, &inputs}, {"outputs", USED, MAP, &outputs}, {"container", USED, MAP, &container}, {"script", USED, MAP, &script},
        {"steps", USED, LIST_OF_LISTS, &step}, {"dag", USED, MAP, &dag}, {"suspend", USED, MAP, &suspend}, {"retryStrategy", USED, MAP, &retry}, {"timeout", USED, SCALAR},
        {"activeDeadlineSeconds", USED, SCALAR}, {"parallelism", USED, SCALAR}, {"failFast", USED, BOOL}, {"metadata", QUIET, MAP}, {"annotations", QUIET, MAP}, POD_FIELDS,
        {"arguments", QUIET, MAP}, {"daemon", LATER, BOOL, NULL, "daemons come later: start the service in the step that uses it"},
        {"memoize", NOTED, MAP, NULL, "every step is executed"}, {"resource", LATER, MAP, NULL, "resource templates need a cluster"}, {"http", LATER, MAP, NULL, "use a container with curl"},
        {"data", LATER, MAP, NULL, "list the files in a script step"}, {"plugin", LATER, MAP, NULL, "use a container"}, {"containerSet", LATER, MAP, NULL, "make a dag of its containers"},
        {"initContainers", LATER, LIST, NULL, "make them steps of their own"}, {"sidecars", LATER, LIST, NULL, "start what they do within the command"}, {0}};
static const struct fields template_ = {"template", template_items};
FIELDS(spec, "spec", {"entrypoint", USED, SCALAR}, {"arguments", USED, MAP, &arguments}, {"templates", USED, LIST, &template_}, {"onExit", USED, SCALAR}, {"hooks", USED, MAP}, {"parallelism", USED, SCALAR},
       {"activeDeadlineSeconds", USED, SCALAR}, {"suspend", USED, BOOL}, {"shutdown", USED, SCALAR}, {"templateDefaults", USED, MAP, &template_}, {"retryStrategy", QUIET, MAP}, POD_FIELDS,
       {"imagePullSecrets", QUIET, LIST}, {"hostNetwork", QUIET, BOOL}, {"dnsPolicy", QUIET, SCALAR}, {"dnsConfig", QUIET, MAP}, {"ttlStrategy", QUIET, MAP}, {"ttlSecondsAfterFinished", QUIET, SCALAR},
       {"podGC", QUIET, MAP}, {"podDisruptionBudget", QUIET, MAP}, {"podMetadata", QUIET, MAP}, {"volumeClaimGC", QUIET, MAP}, {"artifactGC", QUIET, MAP}, {"archiveLogs", QUIET, BOOL},
       {"artifactRepositoryRef", QUIET, MAP}, {"workflowMetadata", NOTED, MAP, NULL, "only the labels of `metadata` are kept"},
       {"volumeClaimTemplates", LATER, LIST, NULL, "volumes do not exist for local processes: pass files between steps as artifacts"},
       {"workflowTemplateRef", LATER, MAP, NULL, "give `weft run` the WorkflowTemplate itself, with -p for its parameters"});
FIELDS(document, "workflow", {"apiVersion", QUIET, SCALAR}, {"kind", QUIET, SCALAR}, {"metadata", USED, MAP}, {"spec", USED, MAP, &spec}, {"status", QUIET, MAP});

struct checker { struct problems *p; };

static const struct field *find(const struct fields *f, struct str name)
{
        for (const struct field *x = f->items; x->name; x++)
                if (str_eq_c(name, x->name))
                        return x;
        return NULL;
}

static const struct field *nearest(const struct fields *f, struct str name)
{
        const struct field *best = NULL;
        size_t least = name.n / 3 + 2;
        for (const struct field *x = f->items; x->name; x++) {
                size_t d = str_distance(name, str_from(x->name), least);
                if (d < least) {
                        least = d;
                        best = x;
                }
        }
        return best;
}

static bool fits(const struct value *v, enum shape s)
{
        switch (s) {
        case ANY:
                return true;
        case SCALAR:
                return v->kind == VALUE_STRING || v->kind == VALUE_NUMBER || v->kind == VALUE_BOOL;
        case BOOL:
                return v->kind == VALUE_BOOL || v->kind == VALUE_STRING;
        case MAP:
                return v->kind == VALUE_MAP;
        case LIST:
        case LIST_OF_LISTS:
                return v->kind == VALUE_LIST;
        }
        return false;
}

static const char *shape_name(enum shape s)
{
        static const char *const names[] = {"anything", "a single value", "true or false", "a map", "a list", "a list of lists"};
        return names[s];
}

static void check(struct checker *c, const struct value *v, const struct fields *f, struct str path);

static struct str below(struct checker *c, struct str path, struct str key)
{
        return path.n ? arena_printf(c->p->arena, "%.*s.%.*s", STR_FMT(path), STR_FMT(key)) : key;
}

static void check_list(struct checker *c, const struct value *v, const struct fields *f, struct str path, bool lists)
{
        for (size_t i = 0; i < v->list.n; i++) {
                const struct value *item = &v->list.items[i];
                struct str at = arena_printf(c->p->arena, "%.*s[%zu]", STR_FMT(path), i);
                if (lists && item->kind == VALUE_LIST)
                        check_list(c, item, f, at, false);
                else if (item->kind == VALUE_MAP)
                        check(c, item, f, at);
                else
                        problem_add(c->p, ERROR_INVALID, false, item, at, "this is %s; it should be a map: a %s", value_kind_name(item->kind), f->what);
        }
}

static void check_hooks(struct checker *c, const struct value *v, struct str path)
{
        for (size_t i = 0; v->kind == VALUE_MAP && i < v->map.n; i++)
                if (v->map.members[i].value.kind == VALUE_MAP)
                        check(c, &v->map.members[i].value, &hook, below(c, path, v->map.members[i].key));
}

static void check_member(struct checker *c, const struct value_member *m, const struct fields *f, struct str path)
{
        struct str at = below(c, path, m->key);
        const struct field *x = find(f, m->key);
        struct value place = {.line = m->line, .column = m->column};
        if (!x) {
                const struct field *near = nearest(f, m->key);
                if (near)
                        problem_add(c->p, ERROR_INVALID, false, &place, at, "a %s has no field '%.*s': did you mean '%s'?", f->what, STR_FMT(m->key), near->name);
                else
                        problem_add(c->p, ERROR_INVALID, false, &place, at, "a %s has no field '%.*s'", f->what, STR_FMT(m->key));
                return;
        }
        if (m->value.kind == VALUE_NULL)
                return;
        if (x->use == LATER) {
                if (x->shape == BOOL && m->value.kind == VALUE_BOOL && !m->value.boolean)
                        return;
                problem_add(c->p, ERROR_UNSUPPORTED, false, &place, at, "'%s' is not executed by this version of Weft: %s", x->name, x->hint);
                return;
        }
        if (x->use == NOTED)
                problem_add(c->p, ERROR_UNSUPPORTED, true, &place, at, "'%s' is not used here: %s", x->name, x->hint);
        if (m->value.kind == VALUE_BOOL && (str_eq_c(m->key, "name") || str_eq_c(m->key, "template") || str_eq_c(m->key, "entrypoint"))) {
                problem_add(c->p, ERROR_INVALID, false, &m->value, at, "a name is a text, and YAML reads yes, no, on, off, y, n, true and false without quotes as booleans: put it in quotes");
                return;
        }
        if (!fits(&m->value, x->shape)) {
                problem_add(c->p, ERROR_INVALID, false, &m->value, at, "'%s' is a %s; it should be %s", x->name, value_kind_name(m->value.kind), shape_name(x->shape));
                return;
        }
        if (f->items == parameter_items && str_eq_c(m->key, "value") && (m->value.kind == VALUE_LIST || m->value.kind == VALUE_MAP))
                problem_add(c->p, ERROR_INVALID, true, &m->value, at, "a parameter's value is a text, and Argo makes an empty one of this %s: put it in quotes", value_kind_name(m->value.kind));
        if (str_eq_c(m->key, "hooks") && !x->inner)
                check_hooks(c, &m->value, at);
        if (x->inner && m->value.kind == VALUE_MAP)
                check(c, &m->value, x->inner, at);
        else if (x->inner && m->value.kind == VALUE_LIST)
                check_list(c, &m->value, x->inner, at, x->shape == LIST_OF_LISTS);
}

static void check(struct checker *c, const struct value *v, const struct fields *f, struct str path)
{
        for (size_t i = 0; i < v->map.n; i++)
                check_member(c, &v->map.members[i], f, path);
}

void argo_check_fields(const struct value *v, struct problems *p)
{
        struct checker c = {p};
        if (v->kind == VALUE_MAP)
                check(&c, v, &document, STR_NONE);
}

/* ---- for help ---- */

struct listing { field_visitor *each; void *user; struct arena *arena; const struct fields *seen[64]; size_t seen_n; };

static void list_fields(struct listing *l, const struct fields *f, struct str place)
{
        static const enum field_use uses[] = {[USED] = FIELD_USED, [QUIET] = FIELD_NO_EFFECT, [NOTED] = FIELD_WARNED, [LATER] = FIELD_REFUSED};
        for (size_t i = 0; i < l->seen_n; i++)
                if (l->seen[i] == f)
                        return;
        assert(l->seen_n < sizeof l->seen / sizeof *l->seen);
        l->seen[l->seen_n++] = f;
        for (const struct field *x = f->items; x->name; x++)
                l->each(l->user, place, x->name, uses[x->use], x->hint);
        for (const struct field *x = f->items; x->name; x++) {
                const struct fields *inner = strcmp(x->name, "hooks") == 0 && !x->inner ? &hook : x->inner;
                const char *many = x->shape == LIST_OF_LISTS ? "[][]" : x->shape == LIST ? "[]" : inner == &hook ? ".*" : "";
                if (inner)
                        list_fields(l, inner, arena_printf(l->arena, "%.*s%s%s%s", STR_FMT(place), place.n ? "." : "", x->name, many));
        }
}

void argo_list_fields(field_visitor *each, void *user, struct arena *a)
{
        struct listing l = {.each = each, .user = user, .arena = a};
        list_fields(&l, &document, STR(""));
}
