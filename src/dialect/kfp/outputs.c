/* What a node leaves: a component's output file and files, a graph's chosen outputs, a fan-out's gathered ones. */
#include "dialect/kfp/kfp.h"
#include "text/json.h"

/* Room for one more artifact. */
static void add_artifact(struct bindings *b, struct artifact x, struct arena *a)
{
        if ((b->artifacts_n & (b->artifacts_n + 1)) == 0) { /* 0, 1, 3, 7 …: full */
                struct artifact *more = ARENA_ARRAY(a, struct artifact, 2 * b->artifacts_n + 1);
                if (b->artifacts_n)
                        memcpy(more, b->artifacts, b->artifacts_n * sizeof *more);
                b->artifacts = more;
        }
        b->artifacts[b->artifacts_n++] = x;
}

static struct str output_name(const struct site *s, struct str output)
{
        return arena_printf(s->arena, "the output '%.*s' of task '%.*s'", STR_FMT(output), STR_FMT(s->task->name));
}

static const struct task_output *reported(const struct task_outcome *o, struct str name)
{
        for (size_t i = 0; i < o->params_n; i++)
                if (str_eq(o->params[i].name, name))
                        return o->params[i].present ? &o->params[i] : NULL;
        return NULL;
}

static bool output_param(const struct site *s, const struct task_outcome *o, const struct value *file, const struct kfp_param *p, struct bindings *ret,
                         struct error *e)
{
        const struct value *v = value_get(value_get_c(file, "parameterValues"), p->name);
        const struct task_output *own = reported(o, p->name);
        struct val raw = VAL_NOTHING;
        if (v)
                raw = kfp_val(v, s->arena);
        else if (own && own->truncated)
                return error_set(e, ERROR_LIMIT, "%.*s is larger than a value may be (setting store.value_bytes_max); write it to an artifact instead", STR_FMT(output_name(s, p->name)));
        else if (own)
                raw = val_text(own->content);
        else
                return true;
        if (raw.kind == VAL_TEXT && !str_is_utf8(raw.text))
                return error_set(e, ERROR_INVALID, "%.*s is not UTF-8 text; write it to an artifact instead", STR_FMT(output_name(s, p->name)));
        struct param *out = &ret->params[ret->params_n++];
        out->name = p->name;
        return kfp_convert(raw, p->type, output_name(s, p->name), s->arena, &out->value, e);
}

static struct str text_of(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_STRING ? v->text : STR("");
}

static struct str metadata_text(const struct value *written, const struct value *declared, struct arena *a)
{
        const struct value *v = written && written->kind == VALUE_MAP ? written : declared;
        if (!v || v->kind != VALUE_MAP || !v->map.n)
                return STR("");
        struct value n = kfp_normal(v, a);
        return json_text(&n, JSON_COMPACT, a);
}

static bool is_kept(const struct task_outcome *o, struct str artifact)
{
        for (size_t k = 0; k < o->artifacts_n; k++)
                if (o->artifacts[k].present && str_eq(o->artifacts[k].name, artifact))
                        return true;
        return false;
}

static void output_artifact(const struct site *s, const struct task_outcome *o, const struct value *file, const struct kfp_artifact *d, struct str folder,
                            struct bindings *ret)
{
        const struct value *list = value_get_c(value_get(value_get_c(file, "artifacts"), d->name), "artifacts");
        size_t n = list && list->kind == VALUE_LIST ? list->list.n : 0;
        struct str uri = arena_printf(s->arena, "%.*s/%.*s", STR_FMT(folder), STR_FMT(d->name));
        for (size_t i = 0; i < (n ? n : 1); i++) {
                const struct value *w = n ? &list->list.items[i] : NULL;
                struct str own = text_of(w, "custom_path"), other = own, type = text_of(value_get_c(w, "type"), "schemaTitle");
                if (own.n && !i && is_kept(o, d->name)) /* from there to the place of the output */
                        other = uri;
                if (!other.n)
                        other = text_of(w, "uri");
                struct artifact x = {.name = d->name,
                                     .uri = other.n ? other : uri,
                                     .type = type.n ? type : d->type,
                                     .metadata = metadata_text(value_get_c(w, "metadata"), d->metadata, s->arena),
                                     .size_bytes = -1,
                                     .list = d->list};
                for (size_t k = 0; k < o->artifacts_n; k++)
                        if (o->artifacts[k].present && str_eq(o->artifacts[k].name, d->name) && str_eq(x.uri, uri)) {
                                x.digest = o->artifacts[k].digest;
                                x.size_bytes = o->artifacts[k].size_bytes;
                        }
                add_artifact(ret, x, s->arena);
        }
}

static bool import(const struct site *s, const struct kfp_component *c, struct bindings *ret, struct error *e)
{
        const struct kfp_executor *x = c->executor;
        struct kfp_place p = {.site = s, .inputs = s->inputs, .component = c, .folder = kfp_attempt_folder(s, s->arena), .arena = s->arena};
        struct str uri = x->uri;
        struct value metadata = value_map(NULL, 0);
        bool ok = true;
        if (x->uri_parameter.n) {
                const struct val *v = bindings_param(s->inputs, x->uri_parameter);
                uri = v ? kfp_text(*v, s->arena) : STR("");
        }
        uri = kfp_place_text(&p, uri, e, &ok);
        if (!ok || (x->metadata && !kfp_place_value(&p, x->metadata, &metadata, e)))
                return error_wrap(e, "importing for task '%.*s'", STR_FMT(s->task->name));
        if (!uri.n)
                return error_set(e, ERROR_INVALID, "task '%.*s' imports an artifact without a URI: give its input '%.*s' a value", STR_FMT(s->task->name),
                                 STR_FMT(x->uri_parameter));
        for (size_t i = 0; i < c->out.artifacts_n; i++)
                add_artifact(ret,
                             (struct artifact){.name = c->out.artifacts[i].name,
                                               .uri = uri,
                                               .type = c->out.artifacts[i].type,
                                               .metadata = metadata_text(&metadata, NULL, s->arena),
                                               .size_bytes = -1},
                             s->arena);
        return true;
}

static bool collect_leaf(const struct site *s, const struct task_outcome *o, struct bindings *ret, struct error *e)
{
        const struct kfp_component *c = ((const struct kfp_template *)s->self->dialect)->component;
        struct str folder = kfp_attempt_folder(s, s->arena);
        struct value file = value_null;
        if (c->executor->importer)
                return import(s, c, ret, e);
        if (o->file.present && o->file.truncated)
                return error_set(e, ERROR_LIMIT, "the outputs of task '%.*s' are larger than a value may be (setting store.value_bytes_max); write large ones to artifacts instead",
                                 STR_FMT(s->task->name));
        if (o->file.present && str_trim(o->file.content).n && !json_read(o->file.content, NULL, s->arena, &file, e))
                return error_wrap(e, "reading the output file of task '%.*s'", STR_FMT(s->task->name));
        ret->params = ARENA_ARRAY(s->arena, struct param, c->out.params_n + 1);
        for (size_t i = 0; i < c->out.params_n; i++)
                if (!output_param(s, o, &file, &c->out.params[i], ret, e))
                        return false;
        for (size_t i = 0; i < c->out.artifacts_n; i++)
                output_artifact(s, o, &file, &c->out.artifacts[i], folder, ret);
        return true;
}

static bool empty_fanout(const struct node_view *v) { return v->kind == NODE_KIND_FANOUT && v->state == NODE_SKIPPED; }

static void choose_param(const struct site *s, const struct kfp_graph_output *out, struct bindings *ret)
{
        for (size_t i = 0; i < out->from_n; i++) {
                struct node_view v;
                if (!s->ops->task(s->scope, (struct task_ref){REF_NO_GROUP, out->from[i].task}, &v))
                        continue;
                const struct val *x = v.outputs ? bindings_param(v.outputs, out->from[i].key) : NULL;
                struct val empty = val_json(STR("[]"));
                if (!x && empty_fanout(&v))
                        x = &empty;
                if (!x)
                        continue;
                ret->params[ret->params_n++] = (struct param){.name = out->name, .value = *x};
                return;
        }
}

static void choose_artifact(const struct site *s, const struct kfp_graph_output *out, struct bindings *ret)
{
        bool found = false;
        for (size_t i = 0; i < out->from_n && !found; i++) {
                struct node_view v;
                if (!s->ops->task(s->scope, (struct task_ref){REF_NO_GROUP, out->from[i].task}, &v) || !v.outputs)
                        continue;
                for (size_t k = 0; k < v.outputs->artifacts_n; k++) {
                        struct artifact x = v.outputs->artifacts[k];
                        if (!str_eq(x.name, out->from[i].key))
                                continue;
                        x.name = out->name;
                        add_artifact(ret, x, s->arena);
                        found = true;
                }
        }
}

static void collect_graph(const struct site *s, struct bindings *ret)
{
        const struct kfp_component *c = ((const struct kfp_template *)s->self->dialect)->component;
        ret->params = ARENA_ARRAY(s->arena, struct param, c->params_n + 1);
        for (size_t i = 0; i < c->params_n; i++)
                choose_param(s, &c->params[i], ret);
        for (size_t i = 0; i < c->artifacts_n; i++)
                choose_artifact(s, &c->artifacts[i], ret);
}

/* Lists in the order of the items; what an item did not give drops out. */
static void collect_fanout(const struct site *s, struct bindings *ret)
{
        enum { LIST_MAX = 1 << 30 };
        const struct kfp_component *c = ((const struct kfp_task *)s->task->dialect)->component;
        uint32_t n = s->self_node->children_n;
        ret->params = ARENA_ARRAY(s->arena, struct param, c->out.params_n + 1);
        for (size_t p = 0; p < c->out.params_n; p++) {
                struct buf b = BUF(LIST_MAX);
                buf_add_char(&b, '[');
                for (uint32_t i = 0; i < n; i++) {
                        struct node_view v;
                        const struct val *x = s->ops->child(s->scope, i, &v) && v.outputs ? bindings_param(v.outputs, c->out.params[p].name) : NULL;
                        if (!x)
                                continue;
                        if (b.n > 1)
                                buf_add_char(&b, ',');
                        if (x->kind == VAL_TEXT)
                                json_write_string(x->text, JSON_COMPACT, &b);
                        else
                                buf_add(&b, x->text);
                }
                buf_add_char(&b, ']');
                ret->params[ret->params_n++] = (struct param){.name = c->out.params[p].name, .value = val_json(arena_str(s->arena, buf_str(&b)))};
                buf_free(&b);
        }
        for (size_t a = 0; a < c->out.artifacts_n; a++)
                for (uint32_t i = 0; i < n; i++) {
                        struct node_view v;
                        if (!s->ops->child(s->scope, i, &v) || !v.outputs)
                                continue;
                        for (size_t k = 0; k < v.outputs->artifacts_n; k++) {
                                struct artifact x = v.outputs->artifacts[k];
                                x.list = true;
                                if (str_eq(x.name, c->out.artifacts[a].name))
                                        add_artifact(ret, x, s->arena);
                        }
                }
}

bool kfp_collect_outputs(const struct site *s, const struct task_outcome *outcome, struct collected *ret, struct error *e)
{
        if (s->self_node->kind == NODE_KIND_FANOUT) {
                collect_fanout(s, &ret->outputs);
                return true;
        }
        if (!node_state_good(ret->state))
                return true;
        if (!outcome) {
                collect_graph(s, &ret->outputs);
                return true;
        }
        return collect_leaf(s, outcome, &ret->outputs, e);
}
