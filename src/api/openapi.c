/* The OpenAPI 3.1 document, made from the tables of routes and their members whenever it is asked for. What a table does not say is not in it, and what it says
 * is what handlers check by. */
#include "api/internal.h"
#include "text/json.h"

static void put(struct map_builder *m, const char *key, struct value v) { map_push(m, arena_str(m->arena, str_from(key)), v); }
static void put_text(struct map_builder *m, const char *key, const char *s) { put(m, key, value_string(str_from(s))); }
static struct value map_of(const struct map_builder *m) { return value_map(m->members, m->n); }

static struct value object_schema(const struct member *table, bool open, struct arena *a);

static struct value schema_of(const struct member *m, bool open, struct arena *a)
{
        static const char *const types[] = {[MEMBER_STRING] = "string", [MEMBER_BOOL] = "boolean", [MEMBER_INT32] = "integer", [MEMBER_INT64] = "integer", [MEMBER_DOUBLE] = "number",
                                            [MEMBER_TIME] = "string", [MEMBER_ENUM] = "string", [MEMBER_MAP] = "object", [MEMBER_OBJECT] = "object", [MEMBER_ANY] = NULL};
        struct map_builder o = {.arena = a};
        if (m->type == MEMBER_OBJECT)
                return object_schema(m->members, open, a);
        if (types[m->type])
                put_text(&o, "type", types[m->type]);
        if (m->type == MEMBER_INT32 || m->type == MEMBER_INT64)
                put_text(&o, "format", m->type == MEMBER_INT32 ? "int32" : "int64");
        if (m->type == MEMBER_TIME)
                put_text(&o, "format", "date-time");
        if (m->type == MEMBER_ENUM) {
                struct value_builder names = {.arena = a};
                for (struct str rest = str_from(m->choices); rest.p;)
                        value_push(&names, value_string(str_cut(&rest, '|')));
                put(&o, "enum", value_list(names.items, names.n));
        }
        if (m->type == MEMBER_MAP && m->members)
                put(&o, "additionalProperties", object_schema(m->members, open, a));
        return map_of(&o);
}

static struct value member_schema(const struct member *m, bool open, struct arena *a)
{
        struct map_builder o = {.arena = a};
        struct value v = schema_of(m, open, a);
        if (m->list) {
                put_text(&o, "type", "array");
                put(&o, "items", v);
        } else
                for (size_t i = 0; i < v.map.n; i++)
                        map_push(&o, v.map.members[i].key, v.map.members[i].value);
        if (m->help)
                map_set(&o, STR("description"), value_string(str_from(m->help)));
        return map_of(&o);
}

/* A request may hold nothing else; an answer may get more with the next release. */
static struct value object_schema(const struct member *table, bool open, struct arena *a)
{
        struct map_builder o = {.arena = a}, properties = {.arena = a};
        struct value_builder required = {.arena = a};
        put_text(&o, "type", "object");
        for (const struct member *m = table; m && m->name; m++) {
                put(&properties, m->name, member_schema(m, open, a));
                if (m->required)
                        value_push(&required, value_string(str_from(m->name)));
        }
        put(&o, "properties", map_of(&properties));
        if (required.n)
                put(&o, "required", value_list(required.items, required.n));
        if (!open)
                put(&o, "additionalProperties", value_bool(false));
        return map_of(&o);
}

static void parameter(struct value_builder *list, const char *in, struct str name, bool required, struct value schema, const char *help)
{
        struct map_builder o = {.arena = list->arena};
        put_text(&o, "name", arena_cstr(list->arena, name));
        put_text(&o, "in", in);
        put(&o, "required", value_bool(required));
        if (help)
                put_text(&o, "description", help);
        put(&o, "schema", schema);
        value_push(list, map_of(&o));
}

/* {name...} is {name} in the document's path. */
static struct str path_of(const struct route *r, struct value_builder *parameters, struct arena *a)
{
        struct buf b = BUF(4096);
        for (struct str rest = str_from(r->path); rest.n;) {
                struct str before = str_cut(&rest, '{');
                buf_add(&b, before);
                if (!rest.p)
                        break;
                struct str name = str_cut(&rest, '}');
                if (str_ends(name, STR("...")))
                        name.n -= 3;
                buf_addf(&b, "{%.*s}", STR_FMT(name));
                struct map_builder type = {.arena = a};
                put_text(&type, "type", "string");
                put(&type, "minLength", value_i64(1, a));
                parameter(parameters, "path", name, true, map_of(&type), NULL);
        }
        struct str path = arena_str(a, buf_str(&b));
        buf_free(&b);
        return path;
}

static struct value content_of(const char *type, struct value schema, struct arena *a)
{
        struct map_builder media = {.arena = a}, content = {.arena = a};
        put(&media, "schema", schema);
        put(&content, type, map_of(&media));
        return map_of(&content);
}

static struct value reference(const char *to, struct arena *a)
{
        struct map_builder o = {.arena = a};
        put_text(&o, "$ref", to);
        return map_of(&o);
}

static struct value responses_of(const struct route *r, struct arena *a)
{
        struct map_builder o = {.arena = a}, good = {.arena = a};
        put_text(&good, "description", "What was asked for.");
        if (r->answer)
                put(&good, "content", content_of("application/json", object_schema(r->answer, true, a), a));
        else {
                struct value none = value_map(NULL, 0);
                put(&good, "content", content_of("*/*", none, a));
        }
        put(&o, "2XX", map_of(&good));
        put(&o, "4XX", reference("#/components/responses/Error", a));
        put(&o, "5XX", reference("#/components/responses/Error", a));
        return map_of(&o);
}

static struct value operation_of(const struct route *r, struct value_builder *parameters, struct arena *a)
{
        struct map_builder o = {.arena = a}, body = {.arena = a};
        struct value_builder tags = {.arena = a};
        for (const struct member *m = r->query; m && m->name; m++)
                parameter(parameters, "query", str_from(m->name), m->required, schema_of(m, false, a), m->help);
        put_text(&o, "operationId", r->name);
        put_text(&o, "summary", r->summary);
        value_push(&tags, value_string(str_starts(str_from(r->path), STR("/api/weft/")) ? STR("native") : str_starts(str_from(r->path), STR("/apis/")) ? STR("kfp") : STR("server")));
        put(&o, "tags", value_list(tags.items, tags.n));
        if (parameters->n)
                put(&o, "parameters", value_list(parameters->items, parameters->n));
        if (r->body) {
                bool required = false;
                for (const struct member *m = r->body; m->name; m++)
                        required |= m->required;
                put(&body, "required", value_bool(required));
                put(&body, "content", content_of("application/json", object_schema(r->body, false, a), a));
                put(&o, "requestBody", map_of(&body));
        }
        put(&o, "responses", responses_of(r, a));
        if (r->may == MAY_NOTHING) {
                struct value none = value_list(NULL, 0);
                put(&o, "security", none);
        }
        return map_of(&o);
}

static const struct member error_inner[] = {{.name = "kind", .type = MEMBER_STRING, .required = true}, {.name = "message", .type = MEMBER_STRING, .required = true},
                                            {.name = "line", .type = MEMBER_INT64}, {.name = "column", .type = MEMBER_INT64}, {.name = "request", .type = MEMBER_STRING}, {.name = NULL}};
static const struct member error_outer[] = {{.name = "error", .type = MEMBER_OBJECT, .members = error_inner, .required = false}, {.name = NULL}};

static struct value components(struct arena *a)
{
        struct map_builder o = {.arena = a}, responses = {.arena = a}, error = {.arena = a}, schemes = {.arena = a}, bearer = {.arena = a};
        put_text(&error, "description", "What went wrong, and what to do.");
        put(&error, "content", content_of("application/json", object_schema(error_outer, true, a), a));
        put(&responses, "Error", map_of(&error));
        put(&o, "responses", map_of(&responses));
        put_text(&bearer, "type", "http");
        put_text(&bearer, "scheme", "bearer");
        put(&schemes, "token", map_of(&bearer));
        put(&o, "securitySchemes", map_of(&schemes));
        return map_of(&o);
}

static void lower(char *s)
{
        for (; *s; s++)
                if (*s >= 'A' && *s <= 'Z')
                        *s = (char)(*s - 'A' + 'a');
}

static struct value openapi_document(const struct route *const *tables, const char *version, struct arena *a)
{
        struct map_builder o = {.arena = a}, info = {.arena = a}, paths = {.arena = a}, security = {.arena = a};
        struct value_builder secure = {.arena = a};
        put_text(&o, "openapi", "3.1.0");
        put_text(&info, "title", "Weft");
        put_text(&info, "version", version);
        put_text(&info, "description", "Pipelines, runs, schedules and users of a Weft server.");
        put(&o, "info", map_of(&info));
        for (size_t t = 0; tables[t]; t++)
                for (const struct route *r = tables[t]; r->path; r++) {
                        if (!r->summary)
                                continue;
                        struct value_builder parameters = {.arena = a};
                        struct str path = path_of(r, &parameters, a);
                        struct map_builder item = {.arena = a};
                        struct value so_far = map_of(&paths);
                        const struct value *there = value_get(&so_far, path);
                        for (size_t i = 0; there && i < there->map.n; i++)
                                map_push(&item, there->map.members[i].key, there->map.members[i].value);
                        char *method = (char *)(uintptr_t)arena_cstr(a, str_from(r->method));
                        lower(method);
                        map_set(&item, str_from(method), operation_of(r, &parameters, a));
                        map_set(&paths, path, map_of(&item));
                }
        put(&o, "paths", map_of(&paths));
        put(&o, "components", components(a));
        put(&security, "token", value_list(NULL, 0));
        value_push(&secure, map_of(&security));
        put(&o, "security", value_list(secure.items, secure.n));
        return map_of(&o);
}

void openapi_get(struct request *q)
{
        struct value v = openapi_document(q->api->o.routes, WEFT_VERSION, q->arena);
        json_write(&v, JSON_COMPACT, &q->answer.body);
}
