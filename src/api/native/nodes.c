/* Nodes of a run, in pages: a run may have 100,000 of them. */
#include "api/native/native.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct listing {
        struct request *q;
        struct value_builder list;
        const struct workflow *workflow;
        struct str states;
        int64_t parent;         /* -1: any */
        uint32_t after, limit, last;
        uint64_t newest;
        bool more, whole;
        struct node_row *rows;  /* the graph: the page's, for the edges */
};

static bool state_wanted(struct str states, enum node_state s)
{
        if (!states.n)
                return true;
        while (states.p)
                if (str_eq_c(str_trim(str_cut(&states, ',')), node_state_name(s)))
                        return true;
        return false;
}

static bool on_node(void *user, const struct node_row *n)
{
        struct listing *l = user;
        if (n->no <= l->after || (l->parent >= 0 && n->parent != l->parent) || !state_wanted(l->states, n->state))
                return true;
        if (l->list.n == l->limit) {
                l->more = true;
                return false;
        }
        if (l->rows)
                l->rows[l->list.n] = node_row_copy(n, l->q->arena);
        value_push(&l->list, show_node(l->q, n, l->whole));
        l->last = n->no;
        if (n->seq > l->newest)
                l->newest = n->seq;
        return true;
}

static bool states_check(struct str states, struct error *e)
{
        while (states.p) {
                struct str name = str_trim(str_cut(&states, ','));
                int s = 0;
                while (s < NODE_STATES && !str_eq_c(name, node_state_name((enum node_state)s)))
                        s++;
                if (s == NODE_STATES)
                        return error_set(e, ERROR_INVALID, "\"%.*s\" is no state of a node", STR_FMT(str_sub(name, 0, 100)));
        }
        return true;
}

static bool listing_read(struct request *q, struct listing *l, struct value *query, struct run_row *run, struct error *e)
{
        *l = (struct listing){.q = q, .list = {.arena = q->arena}};
        if (!query_read(q, query, e) || !page_size(query, &l->limit, e) || !find_run(q, MAY_VIEW, run, e))
                return false;
        int64_t after = int_of(query, "after", 0), parent = int_of(query, "parent", -1);
        if (after < 0 || after > UINT32_MAX || parent < -1 || parent > UINT32_MAX)
                return error_set(e, ERROR_INVALID, "nodes are numbered from 1 to 4294967295");
        l->after = (uint32_t)after;
        l->parent = parent;
        l->states = text_of(query, "state");
        l->whole = flag_of(query, "whole");
        return !l->states.n || states_check(l->states, e);
}

void api_node_list(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row run;
        struct listing l;
        bool ok = listing_read(q, &l, &query, &run, &e);
        int64_t since = ok ? int_of(&query, "changed_since", 0) : 0;
        if (ok && since < 0)
                ok = error_set(&e, ERROR_INVALID, "changed_since is the number of a commit");
        if (!ok || !q->store->nodes(q->reader, run.uid, (uint64_t)since, on_node, &l, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, "nodes", value_list(l.list.items, l.list.n));
        if (l.more)
                put_int(&o, "next_after", l.last);
        put_int(&o, "seq", (int64_t)l.newest);
        answer_object(q, 200, &o);
}

/* ---- the graph ---- */

static struct workflow *workflow_of(struct request *q, const struct run_row *run)
{
        struct submission s;
        struct error e;
        struct problems p = {.arena = q->arena};
        const struct dialect *d;
        struct str message;
        if (!submission_decode(run->options, q->arena, &s, &e))
                return NULL;
        s.uid = run->uid;
        s.name = run->name;
        s.ns = run->ns;
        s.created_at = run->created_at;
        return document_compile(run->document, &s, &p, &d, &message, &e);
}

/* Where a task of this parent stands: its node's number, by the task's index. */
struct standing { struct request *q; uint32_t parent, *by_task; size_t n; };
static bool on_standing(void *user, const struct node_row *n)
{
        struct standing *s = user;
        if (n->parent == s->parent && n->role == NODE_ROLE_TASK && n->task < s->n)
                s->by_task[n->task] = n->no;
        return true;
}

static bool edges_below(struct request *q, const struct workflow *w, const struct run_row *run, const struct node_row *parent, const struct listing *l, struct value_builder *edges, struct error *e)
{
        if (!w || parent->template >= w->templates_n)
                return true;
        const struct template *t = &w->templates[parent->template];
        struct standing s = {q, parent->no, ARENA_ARRAY(q->arena, uint32_t, t->tasks_n + 1), t->tasks_n};
        if (!q->store->nodes(q->reader, run->uid, 0, on_standing, &s, e))
                return false;
        for (size_t i = 0; i < l->list.n; i++) {
                const struct node_row *n = &l->rows[i];
                if (n->role != NODE_ROLE_TASK || n->parent != parent->no || n->task >= t->tasks_n)
                        continue;
                for (uint32_t k = 0; k < t->tasks[n->task].deps_n; k++) {
                        uint32_t dep = t->tasks[n->task].deps[k];
                        struct object o = object_new(q);
                        if (dep >= t->tasks_n || !s.by_task[dep])
                                continue;
                        put_int(&o, "from", s.by_task[dep]);
                        put_int(&o, "to", n->no);
                        value_push(edges, object_value(&o));
                }
        }
        return true;
}

/* The children of one node, a page of them, and what they wait for. The top is the node below 0. */
void api_run_graph(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row run;
        struct node_row parent = {0};
        struct listing l;
        bool found = false, ok = listing_read(q, &l, &query, &run, &e);
        if (ok && l.parent < 0)
                l.parent = 0;
        if (ok && l.parent)
                ok = q->store->node(q->reader, run.uid, (uint32_t)l.parent, q->arena, &found, &parent, &e) &&
                     (found || error_set(&e, ERROR_NOT_FOUND, "run %.*s has no node %lld", STR_FMT(run.name), (long long)l.parent));
        if (ok)
                l.rows = ARENA_ARRAY(q->arena, struct node_row, l.limit);
        ok = ok && q->store->nodes(q->reader, run.uid, 0, on_node, &l, &e);
        struct value_builder edges = {.arena = q->arena};
        struct workflow *w = ok && found ? workflow_of(q, &run) : NULL;
        ok = ok && (!found || edges_below(q, w, &run, &parent, &l, &edges, &e));
        workflow_free(w);
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        if (found)
                put_value(&o, "parent", show_node(q, &parent, false));
        put_value(&o, "nodes", value_list(l.list.items, l.list.n));
        put_value(&o, "edges", value_list(edges.items, edges.n));
        if (l.more)
                put_int(&o, "next_after", l.last);
        answer_object(q, 200, &o);
}

/* ---- one node ---- */

struct past { struct request *q; struct value_builder list; uint32_t no; };
static bool on_past(void *user, const struct node_row *n)
{
        struct past *p = user;
        if (n->no == p->no && p->list.n < 1000)
                value_push(&p->list, show_node(p->q, n, false));
        return true;
}

static bool on_attempt(void *user, const struct node_row *n)
{
        struct past *p = user;
        if (n->parent == p->no && n->role == NODE_ROLE_ATTEMPT && p->list.n < 1000)
                value_push(&p->list, show_node(p->q, n, false));
        return true;
}

void api_node_get(struct request *q)
{
        struct error e;
        struct run_row run;
        struct node_row n;
        if (!find_run(q, MAY_VIEW, &run, &e) || !find_node(q, &run, &n, &e)) {
                request_fail(q, &e);
                return;
        }
        struct past before = {q, {.arena = q->arena}, n.no}, attempts = before;
        struct value shown = show_node(q, &n, true);
        struct object o = object_new(q);
        for (size_t i = 0; i < shown.map.n; i++)
                map_push(&o.m, shown.map.members[i].key, shown.map.members[i].value);
        bool ok = q->store->history(q->reader, run.uid, on_past, &before, &e);
        if (ok && n.kind == NODE_KIND_RETRY)
                ok = q->store->nodes(q->reader, run.uid, 0, on_attempt, &attempts, &e);
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        put_value(&o, "attempts", value_list(attempts.list.items, attempts.list.n));
        put_value(&o, "history", value_list(before.list.items, before.list.n));
        answer_object(q, 200, &o);
}

/* ---- artifacts ---- */

struct artifact_listing { struct request *q; struct value_builder list; uint32_t after, limit, last; bool more; };
static bool on_artifacts(void *user, const struct node_row *n)
{
        struct artifact_listing *l = user;
        bool made_here = n->kind == NODE_KIND_TASK || n->kind == NODE_KIND_SUSPEND;
        if (n->no <= l->after || !n->outputs.artifacts_n || !made_here)
                return true;
        if (l->list.n >= l->limit) { /* a node's artifacts stay together */
                l->more = true;
                return false;
        }
        struct value these = show_artifacts(&n->outputs, l->q->arena);
        for (size_t i = 0; i < these.list.n; i++) {
                struct object o = object_new(l->q);
                put_int(&o, "node", n->no);
                put_str(&o, "node_name", arena_str(l->q->arena, n->name));
                for (size_t k = 0; k < these.list.items[i].map.n; k++)
                        map_push(&o.m, these.list.items[i].map.members[k].key, these.list.items[i].map.members[k].value);
                value_push(&l->list, object_value(&o));
        }
        l->last = n->no;
        return true;
}

void api_run_artifacts(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row run;
        struct artifact_listing l = {.q = q, .list = {.arena = q->arena}};
        bool ok = query_read(q, &query, &e) && page_size(&query, &l.limit, &e) && find_run(q, MAY_VIEW, &run, &e);
        int64_t after = ok ? int_of(&query, "after", 0) : 0;
        if (ok && (after < 0 || after > UINT32_MAX))
                ok = error_set(&e, ERROR_INVALID, "nodes are numbered from 1 to 4294967295");
        l.after = (uint32_t)after;
        if (!ok || !q->store->nodes(q->reader, run.uid, 0, on_artifacts, &l, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, "artifacts", value_list(l.list.items, l.list.n));
        if (l.more)
                put_int(&o, "next_after", l.last);
        answer_object(q, 200, &o);
}

static bool inside(struct str path, struct str folder)
{
        return str_starts(path, folder) && path.n > folder.n && path.p[folder.n] == '/';
}

/* A step says itself where its artifacts are: those of a run that who asks may not see stay out of sight, unless the cache gave them. */
static bool owner_visible(struct request *q, const struct run_row *run, const struct node_row *n, struct str rest)
{
        struct str uid = str_cut(&rest, '/');
        struct run_row other;
        struct error e;
        return str_eq(uid, run->uid) || (uid.n && str_starts(n->cached_from, uid)) || (uid.n == 36 && find_run_ref(q, uid, MAY_VIEW, &other, &e));
}

/* What is kept under the data folder's artifacts is served, and nothing else, wherever a URI or a link points to. */
static bool artifact_open(struct request *q, const struct run_row *run, const struct node_row *n, const struct artifact *x, int *ret_fd, int64_t *ret_bytes, struct error *e)
{
        struct str uri = x->uri;
        struct stat s;
        if (str_starts(uri, STR("file://")))
                uri = str_sub(uri, 7, uri.n);
        if (!uri.n || uri.p[0] != '/')
                return error_set(e, ERROR_UNSUPPORTED, "the artifact %.*s is kept at %.*s, which this server does not fetch from", STR_FMT(x->name), STR_FMT(str_sub(x->uri, 0, 300)));
        char *real = realpath(arena_cstr(q->arena, uri), NULL);
        char *top = realpath(arena_printf(q->arena, "%.*s/artifacts", STR_FMT(q->folder)).p, NULL);
        bool ok = real && top && inside(str_from(real), str_from(top)) && owner_visible(q, run, n, str_sub(str_from(real), strlen(top) + 1, SIZE_MAX));
        if (!real)
                error_set(e, ERROR_NOT_FOUND, "the artifact %.*s is gone", STR_FMT(x->name));
        else if (!ok)
                error_set(e, ERROR_DENIED, "the artifact %.*s is not among those that this server keeps", STR_FMT(x->name));
        *ret_fd = ok ? open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
        if (ok && (*ret_fd < 0 || fstat(*ret_fd, &s)))
                ok = error_set(e, ERROR_NOT_FOUND, "the artifact %.*s cannot be read", STR_FMT(x->name));
        else if (ok && !S_ISREG(s.st_mode))
                ok = error_set(e, ERROR_UNSUPPORTED, "the artifact %.*s is a folder: its files are not served one by one", STR_FMT(x->name));
        if (!ok && *ret_fd >= 0) {
                close(*ret_fd);
                *ret_fd = -1;
        }
        *ret_bytes = ok ? s.st_size : 0;
        free(real);
        free(top);
        return ok;
}

void api_artifact_get(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row run;
        struct node_row n;
        if (!query_read(q, &query, &e) || !find_run(q, MAY_VIEW, &run, &e) || !find_node(q, &run, &n, &e)) {
                request_fail(q, &e);
                return;
        }
        struct str name = request_variable(q, "artifact");
        int64_t skip = int_of(&query, "index", 0), bytes;
        const struct artifact *x = NULL;
        for (size_t i = 0; i < n.outputs.artifacts_n && !x; i++)
                if (str_eq(n.outputs.artifacts[i].name, name) && skip-- == 0)
                        x = &n.outputs.artifacts[i];
        bool ok = x || error_set(&e, ERROR_NOT_FOUND, "node %u of run %.*s has no artifact %.*s", n.no, STR_FMT(run.name), STR_FMT(str_sub(name, 0, 200)));
        if (!ok || !artifact_open(q, &run, &n, x, &q->answer.fd, &bytes, &e)) {
                request_fail(q, &e);
                return;
        }
        q->answer.fd_bytes = (uint64_t)bytes;
        q->answer.type = "application/octet-stream";
        request_set_header(q, "Content-Disposition", STR("attachment"));
}
