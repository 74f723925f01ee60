/* Artifacts: where one is kept, and what `from`, `fromExpression` and `raw` stand for.
 *
 * A raw artifact has no file: its content travels in the metadata as {"raw": "…"} until a step gets it as a file. */
#include "dialect/argo/argo.h"

struct str argo_artifact_uri(const struct site *s, struct str name)
{
        char task[64];
        size_t n = 0;
        for (size_t i = 0; i < s->task->name.n && n < sizeof task; i++) {
                char c = s->task->name.p[i];
                bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
                task[n++] = plain ? c : '-';
        }
        return arena_printf(s->arena, "%.*s/%.*s.%u.%u.%u/%.*s", STR_FMT(s->run->artifact_root), (int)n, task, s->self_node->no, s->self_node->epoch, s->attempt, STR_FMT(name));
}

bool argo_artifact_raw(const struct artifact *x, struct arena *a, struct str *ret)
{
        struct value m;
        if (!x->metadata.n || !json_read(x->metadata, NULL, a, &m, NULL))
                return false;
        const struct value *raw = value_get_c(&m, "raw");
        if (!raw || raw->kind != VALUE_STRING)
                return false;
        *ret = raw->text;
        return true;
}

static struct artifact raw_artifact(struct str name, struct str content, struct arena *a)
{
        struct map_builder m = {.arena = a};
        map_push(&m, STR("raw"), value_string(content));
        struct value v = value_map(m.members, m.n);
        return (struct artifact){.name = name, .metadata = json_text(&v, JSON_COMPACT, a), .size_bytes = (int64_t)content.n};
}

static bool copy_of(const struct artifact *x, struct artifact *ret)
{
        if (!x)
                return false;
        *ret = *x;
        return true;
}

/* "inputs.artifacts.X", "steps.X.outputs.artifacts.Y", "tasks.…", "workflow.outputs.artifacts.X" */
bool argo_artifact_named(struct vars *v, struct str key, struct artifact *ret)
{
        static const char *const own[] = {"inputs.artifacts.", "workflow.outputs.artifacts."};
        for (size_t i = 0; i < 2; i++)
                if (str_starts(key, str_from(own[i])))
                        return copy_of(bindings_artifact(i ? v->site->run->globals : v->inputs, str_sub(key, strlen(own[i]), key.n)), ret);
        if (!str_starts(key, STR("steps.")) && !str_starts(key, STR("tasks.")))
                return false;
        struct str rest = str_sub(key, 6, key.n), name = str_cut(&rest, '.'), middle = STR("outputs.artifacts.");
        const struct argo_name *n = argo_find_name(v->names, name);
        struct node_view x;
        if (!n || !str_starts(rest, middle) || !argo_task_view(v, n, &x) || !x.outputs)
                return false;
        return copy_of(bindings_artifact(x.outputs, str_sub(rest, middle.n, rest.n)), ret);
}

static void put(struct map_builder *m, const char *key, struct str text)
{
        if (text.n)
                map_push(m, str_from(key), value_string(text));
}

struct value argo_artifact_map(const struct artifact *x, struct str path, struct arena *a)
{
        struct map_builder m = {.arena = a};
        put(&m, "name", x->name);
        put(&m, "path", path);
        put(&m, "uri", x->uri);
        put(&m, "metadata", x->metadata);
        put(&m, "digest", x->digest);
        map_push(&m, STR("size"), value_i64(x->size_bytes, a));
        return value_map(m.members, m.n);
}

static bool from_expression(const struct argo_artifact *x, struct vars *v, struct artifact *ret, bool *ret_found, struct error *e)
{
        struct xvalue out;
        *ret = (struct artifact){.name = x->name, .size_bytes = -1};
        if (!argo_eval(x->from_expression, v, &out, e))
                return x->optional || error_wrap(e, "failed to evaluate the fromExpression of the artifact '%.*s'", STR_FMT(x->name));
        for (size_t i = 0; out.kind == X_MAP && i < out.map.n; i++) {
                const struct xmember *m = &out.map.members[i];
                bool text = m->value.kind == X_STRING;
                if (text && str_eq_c(m->key, "uri"))
                        ret->uri = m->value.text;
                else if (text && str_eq_c(m->key, "metadata"))
                        ret->metadata = m->value.text;
                else if (text && str_eq_c(m->key, "digest"))
                        ret->digest = m->value.text;
                else if (m->value.kind == X_INT && str_eq_c(m->key, "size"))
                        ret->size_bytes = m->value.integer;
        }
        *ret_found = ret->uri.n || ret->metadata.n;
        return *ret_found || out.kind == X_NIL || error_set(e, ERROR_INVALID, "the fromExpression of the artifact '%.*s' gives no artifact", STR_FMT(x->name));
}

bool argo_artifact_value(const struct argo_artifact *x, struct vars *v, struct artifact *ret, bool *ret_found, struct error *e)
{
        struct str text;
        *ret_found = false;
        if (x->raw.given) {
                if (!argo_render(&x->raw, v, &text, e))
                        return false;
                *ret = raw_artifact(x->name, text, v->arena);
                *ret_found = true;
                return true;
        }
        if (x->from_expression)
                return from_expression(x, v, ret, ret_found, e);
        if (!x->from.given)
                return true;
        if (!argo_render(&x->from, v, &text, e)) /* what is within the tag; the tag itself is no text and stays */
                return false;
        text = str_trim(text);
        if (str_starts(text, STR("{{")) && str_ends(text, STR("}}")))
                text = str_trim(str_sub(text, 2, text.n - 2));
        *ret_found = argo_artifact_named(v, text, ret);
        return true;
}
