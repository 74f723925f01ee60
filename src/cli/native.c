/* A run in Weft's own words. */
#include "cli/cli.h"
#include "text/json.h"
#include "text/yaml.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void put_value(struct map_builder *m, struct str name, const struct val *v, bool secret)
{
        struct value parsed;
        if (secret)
                map_push(m, name, value_string(STR("***")));
        else if (v->kind == VAL_TEXT)
                map_push(m, name, value_string(v->text));
        else if (v->kind == VAL_JSON && json_read(v->text, NULL, m->arena, &parsed, NULL))
                map_push(m, name, parsed);
        else
                map_push(m, name, value_null);
}

static struct value params_value(const struct bindings *b, struct arena *a)
{
        struct map_builder m = {.arena = a};
        for (size_t i = 0; i < b->params_n; i++)
                put_value(&m, b->params[i].name, &b->params[i].value, b->params[i].secret);
        if (b->result.kind != VAL_NONE)
                put_value(&m, STR("result"), &b->result, false);
        return value_map(m.members, m.n);
}

static struct value artifact_value(const struct artifact *x, struct arena *a)
{
        struct map_builder m = {.arena = a};
        map_push(&m, STR("uri"), value_string(x->uri));
        if (x->type.n)
                map_push(&m, STR("type"), value_string(x->type));
        struct value meta;
        if (x->metadata.n && json_read(x->metadata, NULL, a, &meta, NULL))
                map_push(&m, STR("metadata"), meta);
        if (x->digest.n)
                map_push(&m, STR("digest"), value_string(x->digest));
        if (x->size_bytes >= 0)
                map_push(&m, STR("size_bytes"), value_i64(x->size_bytes, a));
        return value_map(m.members, m.n);
}

static struct value artifacts_value(const struct bindings *b, struct arena *a)
{
        struct map_builder m = {.arena = a};
        for (size_t i = 0; i < b->artifacts_n;) {
                size_t end = i;
                struct value_builder list = {.arena = a};
                while (end < b->artifacts_n && str_eq(b->artifacts[end].name, b->artifacts[i].name))
                        value_push(&list, artifact_value(&b->artifacts[end++], a));
                map_push(&m, b->artifacts[i].name, list.n > 1 || b->artifacts[i].list ? value_list(list.items, list.n) : list.items[0]);
                i = end;
        }
        return value_map(m.members, m.n);
}

static void put_text(struct map_builder *m, const char *key, struct str s)
{
        map_push(m, str_from(key), s.n ? value_string(s) : value_null);
}

static void put_time(struct map_builder *m, const char *key, struct wall t)
{
        map_push(m, str_from(key), t.us ? value_string(wall_rfc3339(t, 6, m->arena)) : value_null);
}

static struct value id_value(uint32_t no, struct arena *a) { return no ? value_string(arena_printf(a, "%u", no)) : value_null; }

struct str node_label(const struct node_row *n, const struct node_row *parent, struct arena *a)
{
        switch (n->role) {
        case NODE_ROLE_ITEM:
                return arena_printf(a, "%.*s(%u)", STR_FMT(n->name), n->index);
        case NODE_ROLE_ATTEMPT:
                if (parent && parent->role == NODE_ROLE_ITEM)
                        return arena_printf(a, "%.*s(%u)#%u", STR_FMT(n->name), parent->index, n->index);
                return arena_printf(a, "%.*s#%u", STR_FMT(n->name), n->index);
        case NODE_ROLE_HOOK:
                return parent && parent->name.n ? arena_printf(a, "%.*s.%.*s", STR_FMT(parent->name), STR_FMT(n->name)) : n->name;
        case NODE_ROLE_TASK:
                break;
        }
        return n->name;
}

/* Nodes by number: numbers count from 1, rows come in order. */
static const struct node_row *node_of(const struct node_list *l, uint32_t no)
{
        size_t from = 0, to = l->n;
        while (from < to) {
                size_t at = (from + to) / 2;
                if (l->p[at].no == no)
                        return &l->p[at];
                if (l->p[at].no < no)
                        from = at + 1;
                else
                        to = at;
        }
        return NULL;
}

struct sibling { uint32_t parent, task, no; };
static int by_place(const void *x, const void *y)
{
        const struct sibling *a = x, *b = y;
        return a->parent != b->parent ? (a->parent < b->parent ? -1 : 1) : a->task < b->task ? -1 : a->task > b->task;
}

struct places { struct sibling *p; size_t n; };
static struct places places_of(const struct node_list *l, struct arena *a)
{
        struct places x = {arena_alloc_array(a, sizeof *x.p, l->n + 1), 0};
        for (size_t i = 0; i < l->n; i++)
                if (l->p[i].role == NODE_ROLE_TASK)
                        x.p[x.n++] = (struct sibling){l->p[i].parent, l->p[i].task, l->p[i].no};
        qsort(x.p, x.n, sizeof *x.p, by_place);
        return x;
}

static struct value depends_on(const struct workflow *w, const struct node_list *l, const struct places *at, const struct node_row *n, struct arena *a)
{
        struct value_builder b = {.arena = a};
        const struct node_row *parent = node_of(l, n->parent);
        if (w && parent && n->role == NODE_ROLE_TASK && parent->template < w->templates_n && n->task < w->templates[parent->template].tasks_n) {
                const struct task *t = &w->templates[parent->template].tasks[n->task];
                for (uint32_t i = 0; i < t->deps_n; i++) {
                        struct sibling key = {n->parent, t->deps[i], 0}, *s = bsearch(&key, at->p, at->n, sizeof key, by_place);
                        if (s)
                                value_push(&b, id_value(s->no, a));
                }
        }
        return value_list(b.items, b.n);
}

static struct value node_value(const struct workflow *w, const struct node_list *l, const struct places *at, const struct node_row *n, struct arena *a)
{
        struct map_builder m = {.arena = a}, outputs = {.arena = a};
        const struct node_row *parent = node_of(l, n->parent);
        map_push(&m, STR("id"), id_value(n->no, a));
        put_text(&m, "name", node_label(n, parent, a));
        put_text(&m, "task", n->name);
        put_text(&m, "template", w && n->template < w->templates_n ? w->templates[n->template].name : STR_NONE);
        put_text(&m, "kind", str_from(node_kind_name(n->kind)));
        put_text(&m, "state", str_from(node_state_name(n->state)));
        map_push(&m, STR("attempt"), value_i64(n->role == NODE_ROLE_ATTEMPT ? n->index : n->attempt, a));
        put_time(&m, "started_at", n->started_at);
        put_time(&m, "finished_at", n->finished_at);
        put_text(&m, "message", n->message.n ? n->message : n->reason);
        map_push(&m, STR("exit_code"), n->has_exit_code ? value_i64(n->exit_code, a) : value_null);
        map_push(&m, STR("inputs"), params_value(&n->inputs, a));
        map_push(&outputs, STR("parameters"), params_value(&n->outputs, a));
        map_push(&outputs, STR("artifacts"), artifacts_value(&n->outputs, a));
        map_push(&m, STR("outputs"), value_map(outputs.members, outputs.n));
        map_push(&m, STR("parent"), id_value(n->parent, a));
        map_push(&m, STR("depends_on"), depends_on(w, l, at, n, a));
        if (n->item.n && n->role == NODE_ROLE_ITEM) {
                struct value item;
                if (json_read(n->item, NULL, a, &item, NULL))
                        map_push(&m, STR("item"), item);
        }
        if (n->cached_from.n)
                put_text(&m, "cached_from", n->cached_from);
        if (n->child_run.n)
                put_text(&m, "child_run", n->child_run);
        return value_map(m.members, m.n);
}

static void put_head(struct map_builder *m, const struct run_row *run)
{
        put_text(m, "id", run->uid);
        put_text(m, "name", run->name);
        put_text(m, "namespace", run->ns);
        put_text(m, "language", run->language);
        put_text(m, "state", str_from(run_state_name(run->state)));
        put_text(m, "message", run->message.n ? run->message : run->reason);
        put_time(m, "created_at", run->created_at);
        put_time(m, "started_at", run->started_at);
        put_time(m, "finished_at", run->finished_at);
}

struct str native_run_summary(const struct run_row *run, struct arena *a)
{
        struct map_builder m = {.arena = a};
        put_head(&m, run);
        struct value v = value_map(m.members, m.n);
        return json_text(&v, JSON_COMPACT, a);
}

static struct value native_value(struct view_store *v, const struct run_row *run, const struct node_list *nodes, struct arena *a)
{
        const struct dialect *d;
        struct workflow *w = store_view_workflow(v, run, &d);
        struct map_builder m = {.arena = a};
        put_head(&m, run);
        map_push(&m, STR("parameters"), params_value(&run->parameters, a));
        struct value outputs = value_map(NULL, 0);
        struct str text = d ? d->run_outputs(w, run, nodes->p, nodes->n, a) : STR_NONE;
        if (text.n)
                json_read(text, NULL, a, &outputs, NULL);
        map_push(&m, STR("outputs"), value_copy(&outputs, a));
        struct places at = places_of(nodes, a);
        struct value_builder list = {.arena = a};
        for (size_t i = 0; i < nodes->n; i++)
                value_push(&list, node_value(w, nodes, &at, &nodes->p[i], a));
        map_push(&m, STR("nodes"), value_list(list.items, list.n));
        struct value all = value_map(m.members, m.n);
        all = value_copy(&all, a); /* names of templates are the workflow's */
        workflow_free(w);
        return all;
}

void native_json(struct view_store *v, const struct run_row *run, const struct node_list *nodes, struct buf *out)
{
        struct value x = native_value(v, run, nodes, v->arena);
        json_write(&x, JSON_INDENT, out);
        buf_add_char(out, '\n');
}

static void print_status(struct view_store *v, const struct run_row *run, const struct node_list *nodes, struct buf *out)
{
        const struct dialect *d;
        struct workflow *w = store_view_workflow(v, run, &d);
        d->write_status(w, run, nodes->p, nodes->n, out);
        buf_add_char(out, '\n');
        workflow_free(w);
}

static int print_tree(const struct run_row *run, const struct node_list *nodes)
{
        struct tree *t = tree_new(STDOUT_FILENO, false);
        tree_run(t, run);
        for (size_t i = 0; i < nodes->n; i++)
                tree_node(t, &nodes->p[i]);
        tree_finish(t);
        tree_free(t);
        return EXIT_OK;
}

int print_run(struct view_store *v, struct str ref, struct str form)
{
        struct error e;
        struct run_row run;
        struct node_list nodes = {0};
        if (!store_view_run(v, ref, &run, &e) || !store_view_nodes(v, run.uid, &nodes, &e)) {
                free(nodes.p);
                return fail(&e);
        }
        struct buf out = BUF(SIZE_MAX / 2);
        int status = EXIT_OK;
        bool foreign = str_eq_c(form, "argo") || str_eq_c(form, "kfp");
        if (foreign && !str_eq(form, run.language)) {
                error_set(&e, ERROR_USAGE, "run %.*s is written in the language %.*s: -o %.*s cannot show it; use -o %.*s or -o json", STR_FMT(run.name), STR_FMT(run.language),
                          STR_FMT(form), STR_FMT(run.language));
                status = fail(&e);
        } else if (foreign)
                print_status(v, &run, &nodes, &out);
        else if (str_eq_c(form, "json"))
                native_json(v, &run, &nodes, &out);
        else if (str_eq_c(form, "yaml")) {
                struct value x = native_value(v, &run, &nodes, v->arena);
                yaml_write(&x, &out);
        } else
                status = print_tree(&run, &nodes);
        put_out(buf_str(&out));
        buf_free(&out);
        free(nodes.p);
        return status;
}
