/* What a language may see from where it is asked: views of nodes, names, paths. */
#include "engine/internal.h"
#include "base/hash.h"

void view_of(const struct node *n, struct node_view *ret)
{
        *ret = (struct node_view){.no = n->row.no,
                                  .epoch = n->row.epoch,
                                  .kind = n->row.kind,
                                  .state = n->row.state,
                                  .message = n->row.message,
                                  .created_at = n->row.created_at,
                                  .started_at = n->row.started_at,
                                  .finished_at = n->row.finished_at,
                                  .has_exit_code = n->row.has_exit_code,
                                  .exit_code = n->row.exit_code,
                                  .index = n->row.index,
                                  .inputs = n->in ? &n->in->b : NULL,
                                  .outputs = n->out ? &n->out->b : NULL,
                                  .children_n = n->row.kind == NODE_KIND_FANOUT ? n->row.children_total : n->attempts_n};
}

static struct node *task_node(const struct scope *s, struct task_ref ref)
{
        struct node *g = s->names;
        if (g && ref.group != REF_NO_GROUP)
                g = ref.group < g->slots_n ? g->slots[ref.group] : NULL;
        return g && ref.task < g->slots_n ? g->slots[ref.task] : NULL;
}

static bool scope_task(const struct scope *s, struct task_ref ref, struct node_view *ret)
{
        struct node *n = task_node(s, ref);
        if (!n)
                return false;
        view_of(n, ret);
        return true;
}

static bool child_view(const struct node *n, uint32_t i, struct node_view *ret)
{
        if (!n)
                return false;
        if (n->row.kind == NODE_KIND_RETRY) {
                const struct node *c = n->attempt_node;
                if (!c || c->row.index != i)
                        c = n->attempt_before;
                if (!c || c->row.index != i)
                        return false;
                view_of(c, ret);
                return true;
        }
        if (i >= n->items_n && (i >= n->row.children_total || !node_state_final(n->row.state)))
                return false;
        if (i >= n->items_n) { /* the end of the run came before it */
                *ret = (struct node_view){.kind = NODE_KIND_CALL, .state = NODE_OMITTED, .index = i};
                return true;
        }
        const struct item *it = &n->items[i];
        if (it->node) {
                view_of(it->node, ret);
                return true;
        }
        *ret = (struct node_view){.no = it->no,
                                  .kind = NODE_KIND_TASK,
                                  .state = (enum node_state)it->state,
                                  .index = i,
                                  .has_exit_code = it->has_exit_code,
                                  .exit_code = it->exit_code,
                                  .outputs = it->outputs ? &it->outputs->b : NULL};
        return true;
}

static bool scope_child(const struct scope *s, uint32_t i, struct node_view *ret) { return child_view(s->self, i, ret); }

static bool scope_task_child(const struct scope *s, struct task_ref ref, uint32_t i, struct node_view *ret)
{
        return child_view(task_node(s, ref), i, ret);
}

static size_t scope_failures(const struct scope *s, struct arena *a, struct failure **ret)
{
        struct run *r = s->run;
        struct failure *f = arena_alloc_array(a, sizeof *f, r->failures_n + 1);
        size_t n = 0;
        for (uint32_t i = 0; i < r->failures_n; i++) {
                const struct failure_note *x = &r->failures[i];
                f[n++] = (struct failure){.node = {.no = x->no,
                                                   .epoch = x->epoch,
                                                   .state = x->state,
                                                   .message = str_from(x->message),
                                                   .finished_at = x->finished_at,
                                                   .has_exit_code = x->has_exit_code,
                                                   .exit_code = x->exit_code},
                                          .task_name = str_from(x->task),
                                          .template_name = str_from(x->template),
                                          .path = str_from(x->path)};
        }
        *ret = f;
        return n;
}

/* From the root down, each part as its role writes it; written backwards so that no recursion is needed. */
struct str node_path(const struct node *n, struct arena *a)
{
        struct str out = STR_NONE;
        for (; n; n = n->parent) {
                struct str part = STR("");
                switch (n->row.role) {
                case NODE_ROLE_TASK:
                        part = arena_printf(a, "%s%.*s", n->parent ? "." : "", STR_FMT(n->row.name));
                        break;
                case NODE_ROLE_ITEM:
                        part = arena_printf(a, "(%u)", n->row.index);
                        break;
                case NODE_ROLE_ATTEMPT:
                        part = arena_printf(a, "#%u", n->row.index);
                        break;
                case NODE_ROLE_HOOK:
                        part = arena_printf(a, ".hook:%.*s", STR_FMT(n->row.name));
                        break;
                }
                out = arena_printf(a, "%.*s%.*s", STR_FMT(part), STR_FMT(out));
        }
        return out;
}

static struct str scope_path(const struct scope *s, struct arena *a)
{
        if (s->self)
                return node_path(s->self, a);
        struct str up = s->parent ? node_path(s->parent, a) : STR("");
        if (s->hook)
                return arena_printf(a, "%.*s.hook:%.*s", STR_FMT(up), STR_FMT(s->hook->name));
        struct str call = arena_printf(a, "%.*s%s%.*s", STR_FMT(up), up.n ? "." : "", STR_FMT(s->task->name));
        return s->has_item ? arena_printf(a, "%.*s(%u)", STR_FMT(call), s->index) : call;
}

static const struct scope_ops ops = {scope_task, scope_child, scope_task_child, scope_failures, scope_path};

uint64_t seed_of(const struct run *r, uint32_t a, uint32_t b, uint32_t c)
{
        uint32_t key[3] = {a, b, c};
        return hash_64((struct str){(const char *)key, sizeof key}, hash_64(r->row.uid, r->row.epoch));
}

static void site_base(struct run *r, struct scope *scope, struct site *ret)
{
        *scope = (struct scope){.run = r};
        r->view.state = r->row.state;
        r->view.globals = r->globals ? &r->globals->b : NULL;
        *ret = (struct site){.workflow = r->w, .run = &r->view, .scope = scope, .ops = &ops, .now = r->now, .arena = r->arena, .items_max = r->set.items_max};
}

static const struct bindings nothing;

static void site_graph(struct node *graph, struct scope *scope, struct site *ret)
{
        scope->parent = graph;
        if (!graph)
                return;
        struct node *names = names_graph(graph);
        scope->names = names;
        ret->graph = graph->template;
        ret->scope_graph = names->template;
        ret->graph_inputs = names->in ? &names->in->b : &nothing;
}

void site_call(struct run *r, struct node *graph, uint32_t task, struct scope *scope, struct site *ret)
{
        site_base(r, scope, ret);
        site_graph(graph, scope, ret);
        ret->task = graph ? &graph->template->tasks[task] : &r->w->root;
        scope->task = ret->task;
        ret->seed = seed_of(r, graph ? graph->row.no : 0, task, UINT32_MAX);
}

void site_item(struct site *s, struct scope *scope, struct str item, uint32_t index)
{
        s->has_item = true;
        s->item = item;
        s->item_index = index;
        scope->has_item = true;
        scope->index = index;
        s->seed = seed_of(scope->run, scope->parent ? scope->parent->row.no : 0, (uint32_t)(s->task - (s->graph ? s->graph->tasks : s->task)), index);
}

void site_hook(struct run *r, struct node *owner, const struct hook *hook, struct scope *scope, struct node_view *view, struct site *ret)
{
        struct node *g = graph_of(owner);
        site_base(r, scope, ret);
        site_graph(g, scope, ret);
        scope->parent = owner;
        ret->task = owner->task;
        scope->task = ret->task;
        if (owner->row.item.n) {
                ret->has_item = true;
                ret->item = owner->row.item;
                ret->item_index = owner->row.index;
        }
        ret->hook = hook;
        scope->hook = hook;
        view_of(owner, view);
        ret->owner = view;
        ret->seed = seed_of(r, owner->row.no, (uint32_t)(hook - owner->task->hooks), UINT32_MAX - 1);
}

void site_self(struct run *r, struct node *n, struct scope *scope, struct self_views *views, struct site *ret)
{
        site_base(r, scope, ret);
        site_graph(graph_of(n), scope, ret);
        scope->self = n;
        scope->task = ret->task = n->task;
        ret->hook = n->hook;
        if (n->row.kind == NODE_KIND_GRAPH || n->row.kind == NODE_KIND_GROUP)
                scope->names = names_graph(n);
        for (const struct node *x = n; x && x->row.role != NODE_ROLE_TASK; x = x->parent)
                if (x->row.role == NODE_ROLE_ITEM) {
                        ret->has_item = true;
                        ret->item = x->row.item;
                        ret->item_index = x->row.index;
                        break;
                }
        ret->self = n->template;
        ret->inputs = n->in ? &n->in->b : &nothing;
        view_of(n, &views->self);
        ret->self_node = &views->self;
        const struct node *retry = n->row.kind == NODE_KIND_RETRY ? n : n->row.role == NODE_ROLE_ATTEMPT ? n->parent : NULL;
        if (retry) {
                const struct node *last = retry == n ? n->attempt_node : retry->attempt_node == n ? retry->attempt_before : retry->attempt_node;
                ret->retried = retry->template;
                if (retry != n)
                        ret->attempt = n->row.index;
                else if (last)
                        ret->attempt = last->row.index;
                if (last) {
                        view_of(last, &views->last);
                        ret->last_attempt = &views->last;
                }
        }
        ret->seed = seed_of(r, n->row.no, n->row.attempt, 0);
}
