/* Rows as the native API shows them: what is not set is left out. */
#include "api/native/native.h"

static struct value shown(const struct val *v, bool secret, struct arena *a)
{
        struct value parsed;
        if (secret)
                return value_string(STR("***"));
        if (v->kind == VAL_TEXT)
                return value_string(arena_str(a, v->text));
        if (v->kind == VAL_JSON && json_read(arena_str(a, v->text), NULL, a, &parsed, NULL))
                return parsed;
        return value_null;
}

struct value show_bindings(const struct bindings *b, struct arena *a)
{
        struct map_builder m = {.arena = a};
        for (size_t i = 0; i < b->params_n; i++)
                map_push(&m, arena_str(a, b->params[i].name), shown(&b->params[i].value, b->params[i].secret, a));
        if (b->result.kind != VAL_NONE && !value_get_c(&(struct value){.kind = VALUE_MAP, .map = {m.members, m.n}}, "result"))
                map_push(&m, STR("result"), shown(&b->result, false, a));
        return value_map(m.members, m.n);
}

struct value show_artifacts(const struct bindings *b, struct arena *a)
{
        struct value_builder list = {.arena = a};
        for (size_t i = 0, index = 0; i < b->artifacts_n; i++) {
                const struct artifact *x = &b->artifacts[i];
                struct object o = {{.arena = a}};
                index = i && str_eq(x->name, b->artifacts[i - 1].name) ? index + 1 : 0;
                put_value(&o, "name", value_string(arena_str(a, x->name)));
                put_int(&o, "index", (int64_t)index);
                put_str(&o, "uri", arena_str(a, x->uri));
                put_str(&o, "type", arena_str(a, x->type));
                put_json(&o, "metadata", x->metadata);
                put_str(&o, "digest", arena_str(a, x->digest));
                if (x->size_bytes >= 0)
                        put_int(&o, "size_bytes", x->size_bytes);
                value_push(&list, object_value(&o));
        }
        return value_list(list.items, list.n);
}

static struct str kept(struct request *q, struct str s) { return arena_str(q->arena, s); }

static void put_meta(struct request *q, struct object *o, const struct run_meta *m)
{
        put_str(o, "owner", kept(q, m->owner));
        put_str(o, "experiment", kept(q, m->experiment));
        put_str(o, "pipeline", kept(q, m->pipeline));
        put_str(o, "version", kept(q, m->version));
        put_str(o, "recurring", kept(q, m->recurring));
        put_str(o, "description", kept(q, m->description));
        put_str(o, "service_account", kept(q, m->service_account));
        put_json(o, "labels", m->labels);
        put_int(o, "priority", m->priority);
        put_bool(o, "archived", m->archived);
        put_time(o, "scheduled_at", m->scheduled_at);
}

struct value show_run(struct request *q, const struct run_row *r, bool whole)
{
        struct object o = object_new(q);
        put_str(&o, "id", kept(q, r->uid));
        put_str(&o, "name", kept(q, r->name));
        put_str(&o, "namespace", kept(q, r->ns));
        put_str(&o, "display_name", kept(q, r->display_name));
        put_str(&o, "language", kept(q, r->language));
        put_str(&o, "state", str_from(run_state_name(r->state)));
        put_str(&o, "reason", kept(q, r->reason));
        put_str(&o, "message", kept(q, r->message));
        put_bool(&o, "final", run_state_final(r->state));
        put_bool(&o, "suspended", r->suspended);
        put_meta(q, &o, &r->meta);
        put_time(&o, "created_at", r->created_at);
        put_time(&o, "started_at", r->started_at);
        put_time(&o, "finished_at", r->finished_at);
        put_int(&o, "epoch", r->epoch);
        put_int(&o, "nodes_total", r->nodes_total);
        put_int(&o, "nodes_done", r->nodes_done);
        put_str(&o, "parent_run", kept(q, r->parent_run));
        if (r->parent_node)
                put_int(&o, "parent_node", r->parent_node);
        put_int(&o, "seq", (int64_t)r->seq);
        put_value(&o, "parameters", show_bindings(&r->parameters, q->arena));
        if (whole) {
                put_value(&o, "outputs", show_bindings(&r->outputs, q->arena));
                put_value(&o, "artifacts", show_artifacts(&r->outputs, q->arena));
        }
        return object_value(&o);
}

static struct str node_role_text(enum node_role r)
{
        static const char *const names[] = {"task", "item", "attempt", "hook"};
        return str_from(names[r]);
}

struct value show_node(struct request *q, const struct node_row *n, bool whole)
{
        struct object o = object_new(q);
        put_int(&o, "id", n->no);
        put_int(&o, "parent", n->parent);
        put_value(&o, "name", value_string(kept(q, n->name)));
        put_str(&o, "kind", str_from(node_kind_name(n->kind)));
        put_str(&o, "role", node_role_text(n->role));
        put_int(&o, "task", n->task);
        put_int(&o, "index", n->index);
        put_int(&o, "epoch", n->epoch);
        put_int(&o, "attempt", n->attempt);
        put_str(&o, "state", str_from(node_state_name(n->state)));
        put_str(&o, "reason", kept(q, n->reason));
        put_str(&o, "message", kept(q, n->message));
        if (n->has_exit_code)
                put_int(&o, "exit_code", n->exit_code);
        put_time(&o, "created_at", n->created_at);
        put_time(&o, "started_at", n->started_at);
        put_time(&o, "finished_at", n->finished_at);
        put_int(&o, "children_total", n->children_total);
        put_int(&o, "children_done", n->children_done);
        put_str(&o, "cached_from", kept(q, n->cached_from));
        put_str(&o, "child_run", kept(q, n->child_run));
        put_int(&o, "seq", (int64_t)n->seq);
        struct value item;
        if (n->item.n && n->role == NODE_ROLE_ITEM && json_read(kept(q, n->item), NULL, q->arena, &item, NULL))
                put_value(&o, "item", item);
        if (whole) {
                put_time(&o, "wakes_at", n->wake_at);
                put_time(&o, "deadline_at", n->deadline_at);
                put_str(&o, "cache_key", kept(q, n->cache_key));
                put_int(&o, "cpu_us", n->cpu_us);
                put_int(&o, "rss_max_bytes", n->rss_max_bytes);
                put_value(&o, "inputs", show_bindings(&n->inputs, q->arena));
                put_value(&o, "input_artifacts", show_artifacts(&n->inputs, q->arena));
                put_value(&o, "outputs", show_bindings(&n->outputs, q->arena));
                put_value(&o, "artifacts", show_artifacts(&n->outputs, q->arena));
        }
        return object_value(&o);
}

/* What only the server may know. */
static bool confidential(enum record_kind kind, struct str key)
{
        return (kind == RECORD_TOKEN && str_eq_c(key, "hash")) || (kind == RECORD_NOTIFICATION && str_eq_c(key, "secret"));
}

struct value show_record(struct request *q, const struct record *r, bool whole)
{
        static const char *const states[] = {"active", "archived", "disabled"};
        struct object o = object_new(q);
        put_str(&o, "id", kept(q, r->id));
        put_str(&o, "namespace", kept(q, r->ns));
        put_str(&o, "parent", kept(q, r->parent));
        put_value(&o, "name", value_string(kept(q, r->name)));
        put_str(&o, "display_name", kept(q, r->display_name));
        put_str(&o, "description", kept(q, r->description));
        put_str(&o, "owner", kept(q, r->owner));
        put_json(&o, "tags", r->tags);
        put_str(&o, "state", str_from(states[r->state]));
        put_time(&o, "created_at", r->created_at);
        put_time(&o, "updated_at", r->updated_at);
        put_int(&o, "revision", (int64_t)r->revision);
        put_int(&o, "seq", (int64_t)r->seq);
        struct value body = value_map(NULL, 0);
        if (r->body.n && json_read(kept(q, r->body), NULL, q->arena, &body, NULL) && body.kind == VALUE_MAP)
                for (size_t i = 0; i < body.map.n; i++) {
                        struct value_member *m = &body.map.members[i];
                        struct value so_far = object_value(&o);
                        bool large = str_eq_c(m->key, "document");
                        if (!value_get(&so_far, m->key) && !confidential(r->kind, m->key) && (whole || !large) && m->value.kind != VALUE_NULL)
                                map_push(&o.m, m->key, m->value);
                }
        return object_value(&o);
}

struct value show_problems(struct request *q, const struct problems *p)
{
        struct value_builder list = {.arena = q->arena};
        for (size_t i = 0; i < p->n && i < 200; i++) {
                const struct problem *x = &p->items[i];
                struct object o = object_new(q);
                put_str(&o, "kind", str_from(error_class(x->kind)->name));
                put_bool(&o, "warning", x->warning);
                if (x->line) {
                        put_int(&o, "line", x->line);
                        put_int(&o, "column", x->column);
                }
                put_str(&o, "path", x->path);
                put_str(&o, "message", x->text);
                value_push(&list, object_value(&o));
        }
        return value_list(list.items, list.n);
}
