/* Our rows as Argo's nodes.
 *
 * Most rows are nodes as they stand. These are not:
 *  - a loop in a group of steps has no node of its own: its items hang on the group; in a dag it is a TaskGroup. A loop over nothing is one
 *    Skipped node in both;
 *  - a group of steps that was not reached, and a call that was not made because the run was ending, have no node;
 *  - a call that never became anything is a node of type Skipped, whatever its phase.
 *
 * Argo's words on why a graph failed name nodes by id, so messages of graphs are made here and not taken from the engine. A group fails by
 * its first failed child. Steps have the message of the group that ended them; a dag has none.
 *
 * Children in Argo's sense are what comes next in the graph: a group of steps hangs on where the steps before it end (argo_outbound), a
 * task of a dag on where its dependencies end, a hook on its owner. Only the exit handler of the whole run hangs on nothing.
 *
 * Time and memory are linear in rows and edges. */
#include "dialect/argo/nodes.h"
#include "base/hash.h"

const char *argo_node_type_name(enum argo_node_type t)
{
        static const char *const names[] = {"", "Pod", "Steps", "StepGroup", "DAG", "TaskGroup", "Retry", "Skipped", "Suspend", "HTTP", "Plugin"};
        return names[t];
}

/* ---- where a row stands, and its name ---- */

static void adopt(struct argo_nodes *v, uint32_t i, uint32_t parent)
{
        struct argo_node *p = &v->p[parent];
        if (p->first == ARGO_NO_NODE)
                p->first = i;
        else
                v->p[p->last].next = i;
        p->last = i;
}

static bool is_graph(const struct argo_node *n) { return n->row->kind == NODE_KIND_GRAPH || n->row->kind == NODE_KIND_GROUP; }

static bool is_steps(const struct argo_node *n)
{
        return n->row->kind == NODE_KIND_GRAPH && n->template && n->template->dialect && argo_template_of(n->template)->type == ARGO_STEPS;
}

static void place(struct argo_nodes *v, uint32_t i)
{
        struct argo_node *n = &v->p[i];
        n->graph = n->boundary = ARGO_NO_NODE;
        if (n->parent == ARGO_NO_NODE)
                return;
        const struct argo_node *p = &v->p[n->parent];
        bool hook = n->row->role == NODE_ROLE_HOOK; /* stands beside its owner */
        n->graph = is_graph(p) && !hook ? n->parent : p->graph;
        n->boundary = p->row->kind == NODE_KIND_GRAPH && !hook ? n->parent : p->boundary;
        n->hooked = hook || (n->row->role == NODE_ROLE_ATTEMPT && p->hooked);
        adopt(v, i, n->parent);
}

static void find_call(struct argo_nodes *v, struct argo_node *n)
{
        const struct workflow *w = v->workflow;
        if (!w)
                return;
        if (n->row->template < w->templates_n)
                n->template = &w->templates[n->row->template];
        const struct template *g = n->graph == ARGO_NO_NODE ? NULL : v->p[n->graph].template;
        if (n->graph == ARGO_NO_NODE)
                n->task = &w->root;
        else if (g && n->row->task < g->tasks_n)
                n->task = &g->tasks[n->row->task];
}

static struct str called(const struct argo_nodes *v, const struct argo_node *n)
{
        const struct node_row *r = n->row;
        if (n->template)
                return r->kind == NODE_KIND_GROUP ? STR_NONE : n->template->name;
        const struct argo_task *t = n->task ? argo_task_of(n->task) : NULL;
        if (!t)
                return STR_NONE;
        if (r->role == NODE_ROLE_HOOK) {
                if (n->task == &v->workflow->root) {
                        const struct argo_workflow *w = argo_workflow_of(v->workflow);
                        return r->index < w->hooks_n ? w->hooks[r->index].call.template : STR_NONE;
                }
                return r->index < t->hooks_n ? t->hooks[r->index].call.template : STR_NONE;
        }
        return n->task == &v->workflow->root ? argo_workflow_of(v->workflow)->entrypoint : t->call.template;
}

static void name(struct argo_nodes *v, struct argo_node *n, struct arena *a)
{
        const struct node_row *r = n->row;
        const struct argo_node *p = n->parent == ARGO_NO_NODE ? NULL : &v->p[n->parent];
        size_t shown = 0; /* where the display name begins */
        if (!p)
                n->name = v->run->name;
        else if (r->role == NODE_ROLE_TASK) {
                bool group = r->name.n && r->name.p[0] == '[';
                n->name = arena_printf(a, "%.*s%s%.*s", STR_FMT(p->name), group ? "" : ".", STR_FMT(r->name));
                shown = n->name.n - r->name.n;
        } else {
                shown = p->name.n - p->display.n;
                if (r->role == NODE_ROLE_ITEM)
                        n->name = arena_printf(a, "%.*s(%.*s)", STR_FMT(p->name), STR_FMT(argo_item_name(r->item, r->index, a)));
                else if (r->role == NODE_ROLE_ATTEMPT)
                        n->name = arena_printf(a, "%.*s(%u)", STR_FMT(p->name), r->index);
                else if (str_eq(r->name, STR("exit")))
                        n->name = arena_printf(a, "%.*s.onExit", STR_FMT(p->name));
                else
                        n->name = arena_printf(a, "%.*s.hooks.%.*s", STR_FMT(p->name), STR_FMT(r->name));
        }
        n->display = str_sub(n->name, shown, n->name.n);
}

/* A hash of 32 bits is not enough for a hundred thousand names: whoever comes second with one gets its number in addition. */
static void identify(struct argo_nodes *v, struct arena *a)
{
        size_t size = 16;
        while (size < 2 * (size_t)v->n)
                size *= 2;
        uint32_t *taken = arena_alloc_array(a, sizeof *taken, size); /* hashes; 0: free */
        bool zero = false;
        for (uint32_t i = 0; i < v->n; i++) {
                struct argo_node *n = &v->p[i];
                uint32_t hash = hash_fnv1a32(n->name);
                size_t at = hash & (size - 1);
                while (hash && taken[at] && taken[at] != hash)
                        at = (at + 1) & (size - 1);
                bool again = hash ? taken[at] == hash : zero;
                taken[at] = hash ? hash : taken[at];
                zero = zero || !hash;
                n->id = argo_node_id(v->run->name, n->name, a);
                if (again)
                        n->id = arena_printf(a, "%.*s-%u", STR_FMT(n->id), n->row->no);
        }
}

static uint32_t index_of(const uint32_t *by_no, uint32_t top, uint32_t no) { return no && no <= top ? by_no[no] : ARGO_NO_NODE; }

static void read_rows(struct argo_nodes *v, const struct node_row *rows, size_t n, struct arena *a)
{
        uint32_t top = 0, slots = 0;
        for (size_t i = 0; i < n; i++)
                if (rows[i].no > top)
                        top = rows[i].no;
        uint32_t *by_no = arena_alloc_array(a, sizeof *by_no, (size_t)top + 1);
        memset(by_no, 0xFF, ((size_t)top + 1) * sizeof *by_no);
        for (size_t i = 0; i < n; i++) {
                struct argo_node *x = &v->p[v->n];
                *x = (struct argo_node){.row = &rows[i], .state = rows[i].state, .message = rows[i].message, .first = ARGO_NO_NODE, .last = ARGO_NO_NODE,
                                        .next = ARGO_NO_NODE, .gathers_badly = ARGO_NO_NODE};
                x->parent = index_of(by_no, top, rows[i].parent);
                if (x->parent == ARGO_NO_NODE && (rows[i].parent || v->root != ARGO_NO_NODE))
                        continue; /* without what it hangs on there is nothing to call it */
                if (x->parent == ARGO_NO_NODE)
                        v->root = v->n;
                by_no[rows[i].no] = v->n;
                place(v, v->n);
                find_call(v, x);
                x->template_name = called(v, x);
                name(v, x, a);
                x->slots = slots;
                x->slots_n = is_graph(x) && x->template ? x->template->tasks_n : 0;
                slots += x->slots_n;
                v->n++;
        }
        identify(v, a);
        v->slots = arena_alloc_array(a, sizeof *v->slots, (size_t)slots + 1);
        memset(v->slots, 0xFF, ((size_t)slots + 1) * sizeof *v->slots);
        for (uint32_t i = 0; i < v->n; i++) {
                const struct argo_node *x = &v->p[i], *g = x->graph == ARGO_NO_NODE ? NULL : &v->p[x->graph];
                if (g && x->parent == x->graph && x->row->role == NODE_ROLE_TASK && x->row->task < g->slots_n)
                        v->slots[g->slots + x->row->task] = i;
        }
}

/* ---- what kind of node it is ---- */

static enum argo_node_type leaf_type(const struct argo_node *n)
{
        const struct value *source = n->template && n->template->dialect ? argo_template_of(n->template)->source : NULL;
        return value_get_c(source, "http") ? ARGO_NODE_HTTP : value_get_c(source, "plugin") ? ARGO_NODE_PLUGIN : ARGO_NODE_POD;
}

static enum argo_node_type fanout_type(const struct argo_nodes *v, const struct argo_node *n)
{
        if (n->row->state == NODE_SKIPPED)
                return ARGO_NODE_SKIPPED;
        if (v->p[n->graph].row->kind == NODE_KIND_GRAPH)
                return ARGO_NODE_TASK_GROUP;
        return n->first == ARGO_NO_NODE && node_state_bad(n->row->state) ? ARGO_NODE_SKIPPED : ARGO_NODE_HIDDEN;
}

static enum argo_node_type type_of(const struct argo_nodes *v, const struct argo_node *n)
{
        const struct node_row *r = n->row;
        if (r->state == NODE_OMITTED && (r->stop_ordered || r->kind != NODE_KIND_CALL))
                return ARGO_NODE_HIDDEN;
        switch (r->kind) {
        case NODE_KIND_TASK:
        case NODE_KIND_CHILD:
                return leaf_type(n);
        case NODE_KIND_GRAPH:
                return is_steps(n) ? ARGO_NODE_STEPS : ARGO_NODE_DAG;
        case NODE_KIND_GROUP:
                return ARGO_NODE_STEP_GROUP;
        case NODE_KIND_FANOUT:
                return n->graph == ARGO_NO_NODE ? ARGO_NODE_TASK_GROUP : fanout_type(v, n);
        case NODE_KIND_RETRY:
                return ARGO_NODE_RETRY;
        case NODE_KIND_SUSPEND:
                return ARGO_NODE_SUSPEND;
        case NODE_KIND_CALL:
                if (r->state == NODE_OMITTED && n->parent != ARGO_NO_NODE && is_steps(&v->p[n->parent]) && r->role == NODE_ROLE_TASK)
                        return ARGO_NODE_HIDDEN; /* a group of steps that was not reached */
                return node_state_final(r->state) ? ARGO_NODE_SKIPPED : leaf_type(n);
        case NODE_KINDS:
                break;
        }
        return ARGO_NODE_HIDDEN;
}

/* ---- phases and messages, children first ---- */

/* Did the engine take this message from a task of the graph? It names the task, or is what the graph below said. The task may have been
 * omitted for what happened before it. */
static bool from_task(const struct argo_nodes *v, const struct argo_node *g)
{
        struct str m = g->row->message;
        for (uint32_t i = g->first; i != ARGO_NO_NODE; i = v->p[i].next) {
                const struct node_row *r = v->p[i].row;
                if (r->role != NODE_ROLE_TASK || node_state_good(r->state))
                        continue;
                if (is_graph(&v->p[i]) && r->message.n && str_eq(m, r->message))
                        return true;
                if (m.n > r->name.n + 2 && m.p[0] == '\'' && str_starts(str_sub(m, 1, m.n), r->name) && m.p[r->name.n + 1] == '\'')
                        return true;
        }
        return false;
}

static bool counts_as_failed(const struct argo_node *n)
{
        uint32_t bit = n->state == NODE_ERROR ? RESULT_ERRORED : RESULT_FAILED;
        return node_state_bad(n->state) && !(n->task && n->task->continue_on & bit);
}

/* The first failed step of a group; an item when the step loops. */
static const struct argo_node *failed_step(const struct argo_nodes *v, const struct argo_node *g)
{
        for (uint32_t i = g->first; i != ARGO_NO_NODE; i = v->p[i].next) {
                const struct argo_node *n = &v->p[i];
                if (n->row->role != NODE_ROLE_TASK)
                        continue;
                if (n->type != ARGO_NODE_HIDDEN && counts_as_failed(n))
                        return n;
                for (uint32_t k = n->row->kind == NODE_KIND_FANOUT ? n->first : ARGO_NO_NODE; k != ARGO_NO_NODE; k = v->p[k].next)
                        if (v->p[k].type != ARGO_NODE_HIDDEN && counts_as_failed(&v->p[k]))
                                return &v->p[k];
        }
        return NULL;
}

#define FAILED_FAST STR("template has failed or errored children and failFast enabled")

static void judge_group(struct argo_nodes *v, struct argo_node *g, struct arena *a)
{
        if (!node_state_bad(g->state) || g->state == NODE_ERROR)
                return;
        const struct argo_node *bad = failed_step(v, g);
        if (bad && bad->wrong) {
                g->state = NODE_ERROR;
                g->message = arena_printf(a, "step group deemed errored due to child %.*s error: %.*s", STR_FMT(bad->name), STR_FMT(bad->message));
        } else if (bad && g->template && g->template->fail_fast)
                g->message = FAILED_FAST;
        else if (bad)
                g->message = arena_printf(a, "child '%.*s' failed", STR_FMT(bad->id));
        else if (g->gathers_badly != ARGO_NO_NODE) {
                g->state = NODE_SUCCEEDED;
                g->message = STR_NONE;
        }
}

static void judge_steps(struct argo_nodes *v, struct argo_node *s)
{
        for (uint32_t i = s->first; i != ARGO_NO_NODE; i = v->p[i].next) {
                const struct argo_node *g = &v->p[i];
                if (g->type != ARGO_NODE_STEP_GROUP)
                        continue;
                if (g->gathers_badly != ARGO_NO_NODE && !node_state_bad(g->state)) {
                        s->state = NODE_ERROR;
                        s->wrong = true;
                        s->message = v->p[g->gathers_badly].row->message;
                        return;
                }
                if (node_state_bad(g->state)) {
                        s->message = g->message;
                        return;
                }
        }
}

static void judge_graph(struct argo_nodes *v, struct argo_node *g)
{
        if (!node_state_bad(g->state) || g->row->stop_ordered)
                return;
        if (!from_task(v, g)) {
                g->wrong = g->state == NODE_ERROR;
                return;
        }
        const struct value *fast = g->template && g->template->dialect ? value_get_c(argo_template_of(g->template)->source, "failFast") : NULL;
        g->message = fast && fast->kind == VALUE_BOOL && fast->boolean ? FAILED_FAST : STR_NONE;
        if (g->type == ARGO_NODE_STEPS)
                judge_steps(v, g);
}

/* A fan-out whose items did well, and whose outputs could not be put together. */
static void judge_fanout(struct argo_nodes *v, struct argo_node *f)
{
        bool bad = f->first == ARGO_NO_NODE;
        for (uint32_t i = f->first; i != ARGO_NO_NODE && !bad; i = v->p[i].next)
                bad = node_state_bad(v->p[i].row->state);
        if (f->state == NODE_ERROR && !bad && f->graph != ARGO_NO_NODE)
                v->p[f->graph].gathers_badly = (uint32_t)(f - v->p);
        else if (f->type == ARGO_NODE_TASK_GROUP)
                f->message = STR_NONE;
}

static void judge_retry(struct argo_nodes *v, struct argo_node *n)
{
        const struct argo_node *last = NULL;
        for (uint32_t i = n->first; i != ARGO_NO_NODE; i = v->p[i].next)
                if (v->p[i].row->role == NODE_ROLE_ATTEMPT)
                        last = &v->p[i];
        if (n->state == NODE_WAITING)
                n->state = NODE_RUNNING;
        if (!last || !node_state_bad(n->state))
                return;
        n->wrong = n->state == NODE_ERROR && (last->wrong || last->row->state != NODE_ERROR);
        if (str_eq(n->message, last->row->message))
                n->message = last->message;
}

static void judge(struct argo_nodes *v, struct argo_node *n, struct arena *a)
{
        switch (n->row->kind) {
        case NODE_KIND_GROUP:
                judge_group(v, n, a);
                break;
        case NODE_KIND_GRAPH:
                judge_graph(v, n);
                break;
        case NODE_KIND_FANOUT:
                judge_fanout(v, n);
                break;
        case NODE_KIND_RETRY:
                judge_retry(v, n);
                break;
        case NODE_KIND_CALL:
                n->wrong = n->state == NODE_ERROR;
                break;
        case NODE_KIND_TASK:
        case NODE_KIND_CHILD:
        case NODE_KIND_SUSPEND:
        case NODE_KINDS:
                break;
        }
        if (!n->message.n && !node_state_final(n->state))
                n->message = n->row->reason;
        if (n->type == ARGO_NODE_POD) {
                n->pods += 1;
                n->pods_done += node_state_final(n->state);
        }
        if (n->parent != ARGO_NO_NODE) {
                v->p[n->parent].pods += n->pods;
                v->p[n->parent].pods_done += n->pods_done;
        }
}

/* ---- what hangs on what ---- */

static uint32_t slot(const struct argo_nodes *v, const struct argo_node *g, uint32_t task)
{
        uint32_t i = task < g->slots_n ? v->slots[g->slots + task] : ARGO_NO_NODE;
        return i;
}

/* The steps of a group, or what a loop in it consists of. */
static uint32_t each_step(const struct argo_nodes *v, uint32_t group, void (*each)(const struct argo_nodes *, uint32_t, void *), void *ctx)
{
        uint32_t n = 0;
        for (uint32_t i = v->p[group].first; i != ARGO_NO_NODE; i = v->p[i].next) {
                const struct argo_node *x = &v->p[i];
                if (x->row->role != NODE_ROLE_TASK)
                        continue;
                if (x->type != ARGO_NODE_HIDDEN) {
                        each(v, i, ctx);
                        n++;
                        continue;
                }
                for (uint32_t k = x->row->kind == NODE_KIND_FANOUT ? x->first : ARGO_NO_NODE; k != ARGO_NO_NODE; k = v->p[k].next)
                        if (v->p[k].type != ARGO_NODE_HIDDEN) {
                                each(v, k, ctx);
                                n++;
                        }
        }
        return n;
}

struct outbound { void (*each)(void *, uint32_t); void *ctx; uint32_t n; };

static void collect(const struct argo_nodes *v, uint32_t i, void *ctx);

static void collect_steps(const struct argo_nodes *v, const struct argo_node *s, struct outbound *o)
{
        uint32_t last = ARGO_NO_NODE;
        for (uint32_t k = 0; k < s->slots_n; k++) {
                uint32_t g = slot(v, s, k);
                if (g != ARGO_NO_NODE && v->p[g].type == ARGO_NODE_STEP_GROUP)
                        last = g;
        }
        if (last != ARGO_NO_NODE && !each_step(v, last, collect, o)) {
                o->each(o->ctx, last);
                o->n++;
        }
}

static void collect_targets(const struct argo_nodes *v, const struct argo_node *d, struct outbound *o)
{
        const struct template *t = d->template;
        for (uint32_t k = 0; t && k < t->targets_n; k++) {
                uint32_t i = slot(v, d, t->targets[k]);
                if (i != ARGO_NO_NODE && v->p[i].type != ARGO_NODE_HIDDEN)
                        collect(v, i, o);
        }
}

/* As deep as graphs are nested. */
static void collect(const struct argo_nodes *v, uint32_t i, void *ctx)
{
        struct outbound *o = ctx;
        const struct argo_node *n = &v->p[i];
        uint32_t before = o->n, last = ARGO_NO_NODE;
        switch (n->type) {
        case ARGO_NODE_STEPS:
                collect_steps(v, n, o);
                break;
        case ARGO_NODE_DAG:
                collect_targets(v, n, o);
                break;
        case ARGO_NODE_TASK_GROUP:
                for (uint32_t k = n->first; k != ARGO_NO_NODE; k = v->p[k].next)
                        if (v->p[k].type != ARGO_NODE_HIDDEN)
                                collect(v, k, o);
                break;
        case ARGO_NODE_RETRY:
                for (uint32_t k = n->first; k != ARGO_NO_NODE; k = v->p[k].next)
                        if (v->p[k].row->role == NODE_ROLE_ATTEMPT)
                                last = k;
                if (last != ARGO_NO_NODE) {
                        o->each(o->ctx, last);
                        o->n++;
                }
                break;
        case ARGO_NODE_POD:
        case ARGO_NODE_STEP_GROUP:
        case ARGO_NODE_SKIPPED:
        case ARGO_NODE_SUSPEND:
        case ARGO_NODE_HTTP:
        case ARGO_NODE_PLUGIN:
        case ARGO_NODE_HIDDEN:
                break;
        }
        if (o->n == before) {
                o->each(o->ctx, i);
                o->n++;
        }
}

void argo_outbound(const struct argo_nodes *v, uint32_t i, void (*each)(void *, uint32_t), void *ctx)
{
        struct outbound o = {each, ctx, 0};
        collect(v, i, &o);
}

/* What a task of a graph hangs on. */
static void each_source_of_task(const struct argo_nodes *v, const struct argo_node *n, void (*each)(void *, uint32_t), void *ctx)
{
        const struct argo_node *g = &v->p[n->parent];
        struct outbound o = {each, ctx, 0};
        if (n->type == ARGO_NODE_STEP_GROUP && n->row->task > 0) {
                uint32_t before = slot(v, g, n->row->task - 1);
                if (before != ARGO_NO_NODE && v->p[before].type == ARGO_NODE_STEP_GROUP && !each_step(v, before, collect, &o)) {
                        each(ctx, before);
                        o.n++;
                }
        } else if (g->type == ARGO_NODE_DAG && n->task)
                for (uint32_t k = 0; k < n->task->deps_n; k++) {
                        uint32_t dep = slot(v, g, n->task->deps[k]);
                        if (dep != ARGO_NO_NODE && v->p[dep].type != ARGO_NODE_HIDDEN)
                                collect(v, dep, &o);
                }
        if (!o.n)
                each(ctx, n->parent);
}

static void each_source(const struct argo_nodes *v, uint32_t i, void (*each)(void *, uint32_t), void *ctx)
{
        const struct argo_node *n = &v->p[i];
        if (n->type == ARGO_NODE_HIDDEN || n->parent == ARGO_NO_NODE)
                return;
        if (n->row->role == NODE_ROLE_TASK)
                each_source_of_task(v, n, each, ctx);
        else if (v->p[n->parent].type == ARGO_NODE_HIDDEN)
                each(ctx, v->p[n->parent].parent);
        else if (n->row->role != NODE_ROLE_HOOK || n->parent != v->root || !str_eq(n->row->name, STR("exit")))
                each(ctx, n->parent);
}

struct filling { struct argo_nodes *v; uint32_t *at, to; };
static void count(void *ctx, uint32_t source) { ((struct filling *)ctx)->at[source + 1]++; }
static void fill(void *ctx, uint32_t source)
{
        struct filling *f = ctx;
        f->v->edges[f->at[source]++] = f->to;
}

static void connect(struct argo_nodes *v, struct arena *a)
{
        v->edge_at = arena_alloc_array(a, sizeof *v->edge_at, (size_t)v->n + 2);
        struct filling f = {v, v->edge_at, 0};
        for (uint32_t i = 0; i < v->n; i++)
                each_source(v, i, count, &f);
        for (uint32_t i = 0; i < v->n; i++)
                v->edge_at[i + 1] += v->edge_at[i];
        v->edges = arena_alloc_array(a, sizeof *v->edges, (size_t)v->edge_at[v->n] + 1);
        f.at = arena_alloc_array(a, sizeof *f.at, (size_t)v->n + 1);
        memcpy(f.at, v->edge_at, (size_t)v->n * sizeof *f.at);
        for (f.to = 0; f.to < v->n; f.to++)
                each_source(v, f.to, fill, &f);
}

struct argo_nodes argo_nodes_of(const struct workflow *w, const struct run_row *run, const struct node_row *rows, size_t n, struct arena *a)
{
        struct argo_nodes v = {.root = ARGO_NO_NODE, .workflow = w, .run = run};
        v.p = arena_alloc_array(a, sizeof *v.p, n + 1);
        read_rows(&v, rows, n, a);
        for (uint32_t i = 0; i < v.n; i++)
                v.p[i].type = type_of(&v, &v.p[i]);
        for (uint32_t i = v.n; i-- > 0;)
                judge(&v, &v.p[i], a);
        connect(&v, a);
        return v;
}
