/* Documents: uploads as versions of a pipeline, checks, and what a version asks for and looks like before it ever ran. */
#include "api/native/native.h"
#include "text/yaml.h"

/* ---- parameters as a JSON schema ---- */

static const char *json_type(struct str kfp)
{
        static const char *const types[][2] = {{"STRING", "string"}, {"NUMBER_INTEGER", "integer"}, {"NUMBER_DOUBLE", "number"}, {"BOOLEAN", "boolean"}, {"LIST", "array"}, {"STRUCT", "object"}};
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                if (str_eq_c(kfp, types[i][0]))
                        return types[i][1];
        return NULL;
}

static void property(struct object *properties, struct value_builder *required, struct str name, const char *type, const struct value *standard, const struct value *choices, struct str help, bool optional)
{
        struct object o = {{.arena = properties->m.arena}};
        if (type)
                put_str(&o, "type", str_from(type));
        put_str(&o, "description", help);
        if (standard && standard->kind != VALUE_NULL)
                put_value(&o, "default", *standard);
        if (choices && choices->kind == VALUE_LIST && choices->list.n)
                put_value(&o, "enum", *choices);
        map_set(&properties->m, name, object_value(&o));
        if (!optional && !(standard && standard->kind != VALUE_NULL))
                value_push(required, value_string(name));
}

static void kfp_schema(const struct value *document, struct object *properties, struct value_builder *required)
{
        const struct value *root = value_get_c(document, "root");
        const struct value *p = value_get_c(value_get_c(root, "inputDefinitions"), "parameters");
        for (size_t i = 0; p && p->kind == VALUE_MAP && i < p->map.n; i++) {
                const struct value *x = &p->map.members[i].value;
                property(properties, required, p->map.members[i].key, json_type(text_of(x, "parameterType")), value_get_c(x, "defaultValue"), value_get_c(x, "literals"), text_of(x, "description"),
                         flag_of(x, "isOptional"));
        }
}

static void argo_schema(const struct value *document, struct object *properties, struct value_builder *required)
{
        const struct value *p = value_get_c(value_get_c(value_get_c(document, "spec"), "arguments"), "parameters");
        for (size_t i = 0; p && p->kind == VALUE_LIST && i < p->list.n; i++) {
                const struct value *x = &p->list.items[i], *v = value_get_c(x, "value");
                if (text_of(x, "name").n)
                        property(properties, required, text_of(x, "name"), NULL, v ? v : value_get_c(x, "default"), value_get_c(x, "enum"), text_of(x, "description"), false);
        }
}

/* The document among those of a file that its language runs. */
static const struct value *runnable(const struct value *documents, size_t n, const struct dialect *d)
{
        for (size_t i = 0; i < n; i++)
                if (d->recognises(&documents[i]))
                        return &documents[i];
        return n ? &documents[0] : &value_null;
}

static struct value schema_of(struct request *q, struct str text)
{
        struct value *documents;
        size_t n;
        const struct dialect *d;
        struct object o = object_new(q), properties = object_new(q);
        struct value_builder required = {.arena = q->arena};
        put_str(&o, "$schema", STR("https://json-schema.org/draft/2020-12/schema"));
        put_str(&o, "type", STR("object"));
        if (dialect_detect(text, q->arena, &documents, &n, &d, NULL)) {
                const struct value *document = runnable(documents, n, d);
                (str_eq_c(str_from(d->name), "kfp") ? kfp_schema : argo_schema)(document, &properties, &required);
        }
        put_value(&o, "properties", object_value(&properties));
        if (required.n)
                put_value(&o, "required", value_list(required.items, required.n));
        return object_value(&o);
}

/* ---- the graph ---- */

static struct value task_value(struct request *q, const struct workflow *w, const struct template *t, const struct task *x)
{
        struct object o = object_new(q);
        struct value_builder deps = {.arena = q->arena};
        put_value(&o, "name", value_string(arena_str(q->arena, x->name)));
        if (x->template < w->templates_n)
                put_str(&o, "template", arena_str(q->arena, w->templates[x->template].name));
        for (uint32_t i = 0; i < x->deps_n; i++)
                value_push(&deps, value_string(arena_str(q->arena, t->tasks[x->deps[i]].name)));
        put_value(&o, "depends_on", value_list(deps.items, deps.n));
        put_bool(&o, "conditional", x->has_when);
        put_bool(&o, "fans_out", x->fans_out);
        put_bool(&o, "exit", x->on_stop);
        return object_value(&o);
}

static struct value graph_of(struct request *q, const struct workflow *w)
{
        static const char *const kinds[] = {"task", "graph", "suspend", "child"};
        struct object o = object_new(q);
        struct value_builder templates = {.arena = q->arena};
        for (uint32_t i = 0; i < w->templates_n; i++) {
                const struct template *t = &w->templates[i];
                struct object x = object_new(q);
                struct value_builder tasks = {.arena = q->arena};
                put_value(&x, "name", value_string(arena_str(q->arena, t->name)));
                put_str(&x, "kind", str_from(kinds[t->kind]));
                for (uint32_t k = 0; k < t->tasks_n; k++)
                        value_push(&tasks, task_value(q, w, t, &t->tasks[k]));
                put_value(&x, "tasks", value_list(tasks.items, tasks.n));
                value_push(&templates, object_value(&x));
        }
        put_str(&o, "root", w->root.template < w->templates_n ? arena_str(q->arena, w->templates[w->root.template].name) : STR_NONE);
        put_value(&o, "templates", value_list(templates.items, templates.n));
        return object_value(&o);
}

static bool version_of(struct request *q, struct str *ret_document, struct error *e)
{
        struct value query;
        struct record pipeline, version;
        if (!query_read(q, &query, e) || !find_record(q, RECORD_PIPELINE, namespace_of(q, &query), STR_NONE, request_variable(q, "pipeline"), MAY_VIEW, &pipeline, e) ||
            !find_version(q, &pipeline, request_variable(q, "version"), &version, e))
                return false;
        *ret_document = version_document(q, &version);
        return true;
}

void api_version_schema(struct request *q)
{
        struct error e;
        struct str document;
        if (version_of(q, &document, &e))
                answer(q, schema_of(q, document));
        else
                request_fail(q, &e);
}

void api_version_graph(struct request *q)
{
        struct error e;
        struct str document;
        const struct dialect *d;
        if (!version_of(q, &document, &e)) {
                request_fail(q, &e);
                return;
        }
        struct submission s = {0};
        struct workflow *w = compile_or_answer(q, document, &s, &d);
        if (w)
                answer(q, graph_of(q, w));
        workflow_free(w);
}

/* Checks without keeping: a document with problems is a good answer, too. */
void api_document_check(struct request *q)
{
        struct error e = {.kind = ERROR_INVALID};
        struct value body;
        struct problems p = {.arena = q->arena};
        const struct dialect *d = NULL;
        struct str message = STR_NONE;
        if (!body_read(q, &body, &e)) {
                request_fail(q, &e);
                return;
        }
        struct submission s = {0};
        struct str text = text_of(&body, "document");
        struct workflow *w = document_compile(text, &s, &p, &d, &message, &e);
        struct object o = object_new(q);
        if (!w && !d)
                problem_add(&p, e.kind, false, &(struct value){.line = e.line, .column = e.column}, STR_NONE, "%s", e.text);
        else if (!w && !problems_first_error(&p))
                problem_add(&p, ERROR_INVALID, false, NULL, STR_NONE, "%.*s", STR_FMT(message));
        put_bool(&o, "valid", w != NULL);
        if (d)
                put_str(&o, "language", str_from(d->name));
        put_value(&o, "problems", show_problems(q, &p));
        if (w) {
                put_str(&o, "name", arena_str(q->arena, w->name));
                put_value(&o, "parameters", schema_of(q, text));
                put_value(&o, "graph", graph_of(q, w));
        }
        workflow_free(w);
        answer_object(q, 200, &o);
}

/* ---- uploads ---- */

static bool upload_read(struct request *q, struct value *ret, struct error *e)
{
        struct map_builder b = {.arena = q->arena};
        if (!q->parts_n)
                return body_read(q, ret, e);
        for (size_t i = 0; i < q->parts_n; i++)
                map_set(&b, q->parts[i].file_name.n ? STR("document") : q->parts[i].name, value_string(arena_str(q->arena, q->parts[i].content)));
        struct value v = value_map(b.members, b.n);
        return members_read(&v, q->route->body, false, q->arena, ret, e);
}

void api_version_create(struct request *q)
{
        struct error e;
        struct value body, query;
        struct record pipeline;
        const struct dialect *d;
        struct answer x;
        if (!query_read(q, &query, &e) || !upload_read(q, &body, &e) ||
            !find_record(q, RECORD_PIPELINE, namespace_of(q, &query), STR_NONE, request_variable(q, "pipeline"), MAY_PUBLISH, &pipeline, &e)) {
                request_fail(q, &e);
                return;
        }
        struct submission s = {0};
        struct str document = text_of(&body, "document");
        struct workflow *w = compile_or_answer(q, document, &s, &d);
        if (!w)
                return;
        workflow_free(w);
        struct object o = object_new(q);
        put_str(&o, "document", document);
        put_str(&o, "language", str_from(d->name));
        put_str(&o, "source_url", text_of(&body, "source_url"));
        struct value v = object_value(&o);
        char id[37];
        uuid_make(id);
        struct str name = text_of(&body, "name");
        struct command c = {.kind = COMMAND_PUT, .mode = PUT_CREATE,
                            .record = {.kind = RECORD_VERSION, .ns = pipeline.ns, .parent = pipeline.id, .name = name.n ? name : arena_printf(q->arena, "v-%.8s", id),
                                       .display_name = text_of(&body, "display_name"), .description = text_of(&body, "description"), .owner = q->who.user,
                                       .tags = json_of(&body, "tags", q->arena), .body = json_text(&v, JSON_COMPACT, q->arena)}};
        bool found = false;
        struct record stored;
        if (!request_command(q, &c, &x, &e) || !q->store->record(q->reader, RECORD_VERSION, x.uid, q->arena, &found, &stored, &e) ||
            (!found && !error_set(&e, ERROR_NOT_FOUND, "the version is gone again"))) {
                request_fail(q, &e);
                return;
        }
        q->answer.status = 201;
        answer(q, show_record(q, &stored, true));
}
