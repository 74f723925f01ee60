/* Placeholders: {{$…}} in texts, and whole words that are {"Concat": …} or {"IfPresent": …}. */
#include "dialect/kfp/kfp.h"
#include "text/json.h"
#include <openssl/sha.h>

enum { TEXT_MAX = 64 << 20 };

struct str kfp_artifact_path(struct str uri, struct arena *a)
{
        static const struct { struct str scheme, folder; } mounts[] = {
                {{"gs://", 5}, {"/gcs/", 5}}, {{"minio://", 8}, {"/minio/", 7}}, {{"s3://", 5}, {"/s3/", 4}}};
        for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++)
                if (str_starts(uri, mounts[i].scheme))
                        return arena_printf(a, "%.*s%.*s", STR_FMT(mounts[i].folder), STR_FMT(str_sub(uri, mounts[i].scheme.n, uri.n)));
        if (str_starts(uri, STR("file://")))
                return str_sub(uri, 7, uri.n);
        return uri;
}

struct str kfp_output_uri(const struct kfp_place *p, struct str artifact)
{
        return arena_printf(p->arena, "%.*s/%.*s", STR_FMT(p->folder), STR_FMT(artifact));
}

struct str kfp_output_file(const struct kfp_place *p, struct str parameter)
{
        if (!parameter.n)
                return arena_printf(p->arena, "%.*s/.kfp/executor_output.json", STR_FMT(p->folder));
        return arena_printf(p->arena, "%.*s/.kfp/parameters/%.*s", STR_FMT(p->folder), STR_FMT(parameter));
}

struct str kfp_workspace(const struct site *s) { return arena_printf(s->arena, "%.*s/.workspace", STR_FMT(s->run->artifact_root)); }

static struct value artifact_type(const struct kfp_place *p, const struct kfp_artifact *declared, struct str actual)
{
        struct map_builder t = {.arena = p->arena};
        bool own = actual.n && declared && !str_eq(actual, declared->type);
        struct str title = own || !declared ? actual : declared->type;
        if (!title.n)
                title = STR("system.Artifact");
        bool instance = str_find_char(title, '\n', 0) != SIZE_MAX || str_find_char(title, ':', 0) != SIZE_MAX || (!own && declared && declared->is_instance);
        map_push(&t, instance ? STR("instanceSchema") : STR("schemaTitle"), value_string(title));
        if (!instance)
                map_push(&t, STR("schemaVersion"), value_string(!own && declared && declared->version.n ? declared->version : STR("0.0.1")));
        return value_map(t.members, t.n);
}

static struct value metadata_of(struct str text, struct arena *a)
{
        struct value v;
        if (text.n && json_read(text, NULL, a, &v, NULL) && v.kind == VALUE_MAP)
                return kfp_normal(&v, a);
        return value_map(NULL, 0);
}

static struct str input_uri(const struct kfp_place *p, const struct artifact *a) { return p->for_cache && a->digest.n ? a->digest : a->uri; }

static struct value artifact_value(const struct kfp_place *p, struct str name, const struct kfp_artifact *declared, struct str type, struct str uri,
                                   struct value metadata)
{
        struct map_builder m = {.arena = p->arena};
        map_push(&m, STR("name"), value_string(name));
        map_push(&m, STR("type"), artifact_type(p, declared, type));
        map_push(&m, STR("uri"), value_string(uri));
        map_push(&m, STR("metadata"), metadata);
        return value_map(m.members, m.n);
}

static struct value artifact_list(const struct kfp_place *p, struct value_builder *list)
{
        struct map_builder m = {.arena = p->arena};
        map_push(&m, STR("artifacts"), value_list(list->items, list->n));
        return value_map(m.members, m.n);
}

static struct value input_artifacts(const struct kfp_place *p)
{
        struct map_builder m = {.arena = p->arena};
        for (size_t d = 0; d < p->component->in.artifacts_n; d++) {
                const struct kfp_artifact *declared = &p->component->in.artifacts[d];
                struct value_builder list = {.arena = p->arena};
                for (size_t i = 0; i < p->inputs->artifacts_n; i++) {
                        const struct artifact *a = &p->inputs->artifacts[i];
                        if (str_eq(a->name, declared->name))
                                value_push(&list, artifact_value(p, a->name, declared, a->type, input_uri(p, a), metadata_of(a->metadata, p->arena)));
                }
                if (list.n || (declared->list && !declared->optional))
                        map_push(&m, declared->name, artifact_list(p, &list));
        }
        return value_map(m.members, m.n);
}

struct value kfp_executor_input(struct kfp_place *p)
{
        struct map_builder values = {.arena = p->arena}, inputs = values, params = values, artifacts = values, outputs = values, all = values;
        for (size_t i = 0; i < p->inputs->params_n; i++)
                map_push(&values, p->inputs->params[i].name, kfp_value(p->inputs->params[i].value, p->arena));
        map_push(&inputs, STR("parameterValues"), value_map(values.members, values.n));
        map_push(&inputs, STR("artifacts"), input_artifacts(p));
        for (size_t i = 0; i < p->component->out.params_n; i++) {
                struct map_builder file = {.arena = p->arena};
                map_push(&file, STR("outputFile"), value_string(kfp_output_file(p, p->component->out.params[i].name)));
                map_push(&params, p->component->out.params[i].name, value_map(file.members, file.n));
        }
        for (size_t i = 0; i < p->component->out.artifacts_n; i++) {
                const struct kfp_artifact *d = &p->component->out.artifacts[i];
                struct value_builder list = {.arena = p->arena};
                value_push(&list, artifact_value(p, d->name, d, d->type, kfp_output_uri(p, d->name), d->metadata ? kfp_normal(d->metadata, p->arena) : value_map(NULL, 0)));
                map_push(&artifacts, d->name, artifact_list(p, &list));
        }
        map_push(&outputs, STR("parameters"), value_map(params.members, params.n));
        map_push(&outputs, STR("artifacts"), value_map(artifacts.members, artifacts.n));
        map_push(&outputs, STR("outputFile"), value_string(kfp_output_file(p, STR(""))));
        map_push(&all, STR("inputs"), value_map(inputs.members, inputs.n));
        map_push(&all, STR("outputs"), value_map(outputs.members, outputs.n));
        return value_map(all.members, all.n);
}

/* ['name'] or ["name"] at the start of *s; moves behind it. */
static bool take_key(struct str *s, struct str *ret)
{
        if (s->n < 4 || s->p[0] != '[' || (s->p[1] != '\'' && s->p[1] != '"'))
                return false;
        const char end[] = {s->p[1], ']'};
        size_t at = str_find(*s, (struct str){end, 2}, 2);
        if (at == SIZE_MAX)
                return false;
        *ret = str_sub(*s, 2, at);
        *s = str_sub(*s, at + 2, s->n);
        return true;
}

static bool take(struct str *s, const char *prefix)
{
        if (!str_starts(*s, str_from(prefix)))
                return false;
        *s = str_sub(*s, strlen(prefix), s->n);
        return true;
}

static bool no_such(struct str name, const char *what, struct error *e)
{
        return error_set(e, ERROR_INVALID, "a placeholder names the %s '%.*s', which the component does not have", what, STR_FMT(name));
}

static bool artifact_field(struct kfp_place *p, struct str field, struct str uri, struct value metadata, struct val *ret, struct error *e)
{
        struct str key;
        if (str_eq_c(field, ".uri"))
                *ret = val_text(uri);
        else if (str_eq_c(field, ".path"))
                *ret = val_text(kfp_artifact_path(uri, p->arena));
        else if (take(&field, ".metadata")) {
                const struct value *v = &metadata;
                while (v && take_key(&field, &key))
                        v = value_get(v, key);
                if (field.n)
                        return error_set(e, ERROR_INVALID, "after .metadata a placeholder may have only ['key']");
                *ret = v ? kfp_val(v, p->arena) : val_text(STR(""));
        } else
                return error_set(e, ERROR_INVALID, "an artifact has .uri, .path and .metadata['key'], not '%.*s'", STR_FMT(field));
        return true;
}

static bool place_input(struct kfp_place *p, struct str s, struct val *ret, struct error *e)
{
        struct str name;
        if (take(&s, ".parameters") && take_key(&s, &name) && !s.n) {
                const struct val *v = bindings_param(p->inputs, name);
                bool may_come = p->for_lint && kfp_is_channel(name); /* from the task */
                if (!v && !may_come && !(p->component && kfp_param_of(&p->component->in, name)))
                        return no_such(name, "input", e);
                *ret = v ? *v : kfp_null;
                return true;
        }
        if (take(&s, ".artifacts") && take_key(&s, &name)) {
                const struct artifact *a = bindings_artifact(p->inputs, name);
                if (a)
                        return artifact_field(p, s, input_uri(p, a), metadata_of(a->metadata, p->arena), ret, e);
                if (!p->component || !kfp_artifact_of(&p->component->in, name))
                        return no_such(name, "input artifact", e);
                *ret = kfp_null;
                return true;
        }
        return error_set(e, ERROR_INVALID, "of inputs, a placeholder may name .parameters['name'] or .artifacts['name']");
}

static bool place_output(struct kfp_place *p, struct str s, struct val *ret, struct error *e)
{
        struct str name;
        if (!p->component)
                return error_set(e, ERROR_INVALID, "outputs have no place outside of a command");
        if (str_eq_c(s, ".output_file") || str_eq_c(s, ".outputFile")) {
                *ret = val_text(kfp_output_file(p, STR("")));
                return true;
        }
        if (take(&s, ".parameters") && take_key(&s, &name) && (str_eq_c(s, ".output_file") || str_eq_c(s, ".outputFile"))) {
                *ret = val_text(kfp_output_file(p, name));
                return kfp_param_of(&p->component->out, name) || no_such(name, "output", e);
        }
        if (take(&s, ".artifacts") && take_key(&s, &name)) {
                const struct kfp_artifact *d = kfp_artifact_of(&p->component->out, name);
                if (!d)
                        return no_such(name, "output artifact", e);
                return artifact_field(p, s, kfp_output_uri(p, name), d->metadata ? *d->metadata : value_map(NULL, 0), ret, e);
        }
        return error_set(e, ERROR_INVALID, "of outputs, a placeholder may name .parameters['name'].output_file, .artifacts['name'] or .output_file");
}

/* Made of the run and where the task stands in it, so that its inputs and its command are told the same, at every attempt. */
static struct str task_uuid(const struct site *s, struct arena *a)
{
        unsigned char h[SHA256_DIGEST_LENGTH];
        struct str path = s->ops ? s->ops->path(s->scope, a) : s->task->name;
        while (s->retried && path.n && path.p[path.n - 1] != '#') /* the number of the attempt */
                path.n--;
        path.n -= s->retried && path.n;
        struct str text = arena_printf(a, "%.*s/%.*s", STR_FMT(s->run->uid), STR_FMT(path));
        SHA256((const unsigned char *)text.p, text.n, h);
        return arena_printf(a, "%02x%02x%02x%02x-%02x%02x-8%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1], h[2], h[3], h[4], h[5], h[6] & 15, h[7],
                            (h[8] & 0x3f) | 0x80, h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}

static bool place_fact(struct kfp_place *p, struct str s, struct val *ret, struct error *e)
{
        const struct run_view *r = p->site->run;
        struct str v;
        if (str_eq_c(s, ".pipeline_job_name"))
                v = r->display_name.n ? r->display_name : r->name;
        else if (str_eq_c(s, ".pipeline_job_resource_name"))
                v = r->name;
        else if (str_eq_c(s, ".pipeline_job_uuid"))
                v = r->uid;
        else if (str_eq_c(s, ".pipeline_task_name"))
                v = p->site->task->name;
        else if (str_eq_c(s, ".pipeline_task_uuid"))
                v = task_uuid(p->site, p->arena);
        else if (str_eq_c(s, ".pipeline_job_create_time_utc"))
                v = wall_rfc3339(r->created_at, 0, p->arena);
        else if (str_eq_c(s, ".pipeline_job_schedule_time_utc"))
                v = wall_rfc3339(r->scheduled_at.us ? r->scheduled_at : r->created_at, 0, p->arena);
        else if (str_eq_c(s, ".pipeline_root"))
                v = r->artifact_root;
        else if (str_eq_c(s, ".workspace_path")) {
                v = kfp_workspace(p->site);
                p->uses_workspace = true;
        } else
                return error_set(e, ERROR_INVALID, "the placeholder '{{$%.*s}}' is not known to this version of Weft", STR_FMT(str_sub(s, 0, 100)));
        *ret = val_text(v);
        return true;
}

static bool place_one(struct kfp_place *p, struct str s, struct val *ret, struct error *e)
{
        if (!s.n && p->component) {
                struct value v = kfp_executor_input(p);
                *ret = val_json(json_text(&v, JSON_COMPACT, p->arena));
                return true;
        }
        if (take(&s, ".inputs"))
                return place_input(p, s, ret, e);
        if (take(&s, ".outputs"))
                return place_output(p, s, ret, e);
        return place_fact(p, s, ret, e);
}

/* Where the next placeholder is: [from, to) of the text, and what stands in it after the '$'. */
static bool next_place(struct str text, size_t at, size_t *ret_from, size_t *ret_to, struct str *ret)
{
        size_t from = str_find(text, STR("{{$"), at), to = from == SIZE_MAX ? SIZE_MAX : str_find(text, STR("}}"), from);
        if (to == SIZE_MAX)
                return false;
        *ret_from = from;
        *ret_to = to + 2;
        *ret = str_trim(str_sub(text, from + 3, to));
        return true;
}

struct str kfp_place_text(struct kfp_place *p, struct str text, struct error *e, bool *ok)
{
        size_t from, to, at = 0;
        struct str inner;
        struct buf out = BUF(TEXT_MAX);
        *ok = true;
        if (!next_place(text, 0, &from, &to, &inner))
                return text;
        while (*ok && next_place(text, at, &from, &to, &inner)) {
                struct val v = VAL_NOTHING;
                buf_add(&out, str_sub(text, at, from));
                *ok = place_one(p, inner, &v, e);
                buf_add(&out, kfp_text(v, p->arena));
                at = to;
        }
        buf_add(&out, str_sub(text, at, text.n));
        if (*ok && out.overflow)
                *ok = error_set(e, ERROR_LIMIT, "a text with its placeholders filled in is longer than %d bytes", TEXT_MAX);
        struct str result = *ok ? arena_str(p->arena, buf_str(&out)) : STR("");
        buf_free(&out);
        return result;
}

/* A string that is one placeholder becomes what it stands for, with its type; names of members become texts. Depth is the document's. */
bool kfp_place_value(struct kfp_place *p, const struct value *v, struct value *ret, struct error *e)
{
        size_t from, to;
        struct str inner;
        bool ok = true;
        *ret = *v;
        switch (v->kind) {
        case VALUE_STRING:
                if (next_place(v->text, 0, &from, &to, &inner) && from == 0 && to == v->text.n) {
                        struct val x;
                        ok = place_one(p, inner, &x, e);
                        if (ok)
                                *ret = kfp_value(x, p->arena);
                } else
                        ret->text = kfp_place_text(p, v->text, e, &ok);
                return ok;
        case VALUE_LIST:
                ret->list.items = ARENA_ARRAY(p->arena, struct value, v->list.n + 1);
                for (size_t i = 0; ok && i < v->list.n; i++)
                        ok = kfp_place_value(p, &v->list.items[i], &ret->list.items[i], e);
                return ok;
        case VALUE_MAP:
                ret->map.members = ARENA_ARRAY(p->arena, struct value_member, v->map.n + 1);
                for (size_t i = 0; ok && i < v->map.n; i++) {
                        ret->map.members[i] = v->map.members[i];
                        ret->map.members[i].key = kfp_place_text(p, v->map.members[i].key, e, &ok);
                        ok = ok && kfp_place_value(p, &v->map.members[i].value, &ret->map.members[i].value, e);
                }
                return ok;
        case VALUE_NULL:
        case VALUE_BOOL:
        case VALUE_NUMBER:
                break;
        }
        return true;
}

struct words { struct str *items; size_t n, cap; struct arena *arena; };

static void push(struct words *w, struct str s)
{
        if (w->n == w->cap) {
                w->cap = w->cap ? w->cap * 2 : 8;
                struct str *more = ARENA_ARRAY(w->arena, struct str, w->cap);
                if (w->n)
                        memcpy(more, w->items, w->n * sizeof *more);
                w->items = more;
        }
        w->items[w->n++] = s;
}

static bool is_present(const struct kfp_place *p, struct str name)
{
        const struct val *v = bindings_param(p->inputs, name);
        return (v && !kfp_is_null(*v)) || bindings_artifact(p->inputs, name);
}

static bool place_part(struct kfp_place *p, const struct value *v, struct words *out, struct error *e);

static bool place_parts(struct kfp_place *p, const struct value *v, struct words *out, struct error *e)
{
        if (!v || v->kind == VALUE_NULL)
                return true;
        if (v->kind != VALUE_LIST)
                return place_part(p, v, out, e);
        for (size_t i = 0; i < v->list.n; i++)
                if (!place_part(p, &v->list.items[i], out, e))
                        return false;
        return true;
}

static bool place_part(struct kfp_place *p, const struct value *v, struct words *out, struct error *e)
{
        const struct value *concat = value_get_c(v, "Concat"), *present = value_get_c(v, "IfPresent");
        bool ok = true;
        if (concat) {
                struct words parts = {.arena = p->arena};
                struct buf b = BUF(TEXT_MAX);
                ok = place_parts(p, concat, &parts, e);
                for (size_t i = 0; ok && i < parts.n; i++)
                        buf_add(&b, parts.items[i]);
                push(out, arena_str(p->arena, buf_str(&b)));
                buf_free(&b);
                return ok;
        }
        if (present) {
                const struct value *name = value_get_c(present, "InputName");
                bool there = name && name->kind == VALUE_STRING && is_present(p, name->text);
                if (p->for_lint && !place_parts(p, value_get_c(present, there ? "Else" : "Then"), out, e))
                        return false;
                return place_parts(p, value_get_c(present, there ? "Then" : "Else"), out, e);
        }
        if (v->kind == VALUE_LIST)
                return place_parts(p, v, out, e);
        push(out, kfp_place_text(p, kfp_text(kfp_val(v, p->arena), p->arena), e, &ok));
        return ok;
}

bool kfp_place_words(struct kfp_place *p, const struct str *words, size_t n, struct str **ret, size_t *ret_n, struct error *e)
{
        struct words out = {.arena = p->arena};
        for (size_t i = 0; i < n; i++) {
                struct value v;
                struct str s = str_trim(words[i]);
                bool ok = true;
                if (s.n && s.p[0] == '{' && (str_find(s, STR("\"Concat\""), 0) != SIZE_MAX || str_find(s, STR("\"IfPresent\""), 0) != SIZE_MAX) &&
                    json_read(s, NULL, p->arena, &v, NULL) && v.kind == VALUE_MAP && v.map.n == 1 &&
                    (value_get_c(&v, "Concat") || value_get_c(&v, "IfPresent")))
                        ok = place_part(p, &v, &out, e);
                else
                        push(&out, kfp_place_text(p, words[i], e, &ok));
                if (!ok)
                        return false;
        }
        *ret = out.items;
        *ret_n = out.n;
        return true;
}
