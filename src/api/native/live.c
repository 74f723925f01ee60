/* Server-sent events: of one run, and of everything.
 *
 *  V1  Rows are read by number of commit: a pass shows what changed after `seen` up to where the store stood when the pass began. A pass may take several calls, by
 *      number of node; only its end gives an event an id, so that a client that comes back never leaves anything out.
 *  V2  A row that changes during a pass has a higher number, and is shown again in the next. */
#include "api/native/native.h"
#include <stdlib.h>

enum { PIECE = 65536 };

struct live {
        struct answer_stream s;
        struct arena *arena, *scratch;
        struct request q;        /* only what show.c asks: the arena */
        const struct store_ops *store;
        struct str run;
        const struct str *ns; size_t ns_n;
        bool all_ns;
        uint64_t seen, until;    /* until 0: no pass is under way */
        uint32_t after;
        bool final, gone, ended, greeted;
        struct buf *out;
};

#define NO_ID UINT64_MAX
static void event(struct live *l, const char *name, uint64_t id, const struct value *data)
{
        struct buf *b = l->out;
        if (id != NO_ID)
                buf_addf(b, "id: %llu\n", (unsigned long long)id);
        buf_addf(b, "event: %s\ndata: ", name);
        json_write(data, JSON_COMPACT, b);
        buf_add_c(b, "\n\n");
}

static void event_seq(struct live *l, const char *name, uint64_t seq)
{
        struct object o = object_new(&l->q);
        put_int(&o, "seq", (int64_t)seq);
        struct value v = object_value(&o);
        event(l, name, seq, &v);
}

/* ---- one run ---- */

static bool on_run(void *user, const struct run_row *r)
{
        struct live *l = user;
        l->gone = false;
        l->final = run_state_final(r->state);
        if (r->seq > l->seen) {
                struct value v = show_run(&l->q, r, false);
                event(l, "run", NO_ID, &v);
        }
        return false;
}

static bool on_node(void *user, const struct node_row *n)
{
        struct live *l = user;
        if (n->no <= l->after)
                return true;
        if (l->out->n >= PIECE)
                return false;
        arena_reset(l->scratch);
        struct value v = show_node(&l->q, n, false);
        event(l, "node", NO_ID, &v);
        l->after = n->no;
        return true;
}

static bool next_of_run(struct answer_stream *x, struct store_reader *reader, struct buf *out)
{
        struct live *l = x->user;
        struct error e;
        l->out = out;
        arena_reset(l->scratch);
        if (l->ended)
                return false;
        if (!l->until) {
                if (!l->store->seq(reader, &l->until, &e))
                        return false;
                if (l->until <= l->seen && l->greeted) {
                        l->until = 0;
                        return true;
                }
                l->after = 0;
                l->gone = true;
                if (!l->store->runs(reader, &(struct run_query){.name_or_uid = l->run, .limit = 1}, on_run, l, &e))
                        return false;
        }
        if (!l->gone && !l->store->nodes(reader, l->run, l->seen, on_node, l, &e))
                return false;
        if (out->n >= PIECE)
                return true; /* the pass goes on */
        arena_reset(l->scratch);
        l->ended = l->gone || l->final;
        if (l->until > l->seen || !l->greeted)
                event_seq(l, l->gone ? "deleted" : l->final ? "end" : "synced", l->until);
        l->greeted = true;
        l->seen = l->until;
        l->until = 0;
        return true;
}

/* ---- everything ---- */

struct change_list { struct live *l; struct { enum record_kind kind; char id[40]; uint64_t seq; bool deleted; } items[256]; size_t n; };
static bool on_change(void *user, const struct change *c)
{
        struct change_list *list = user;
        list->items[list->n].kind = c->kind;
        list->items[list->n].seq = c->seq;
        list->items[list->n].deleted = c->deleted;
        size_t n = c->id.n < 39 ? c->id.n : 39;
        memcpy(list->items[list->n].id, c->id.p, n);
        list->items[list->n].id[n] = 0;
        return ++list->n < sizeof list->items / sizeof *list->items;
}

static bool in_sight(const struct live *l, struct str ns)
{
        for (size_t i = 0; i < l->ns_n; i++)
                if (str_eq(l->ns[i], ns))
                        return true;
        return l->all_ns;
}

struct shown_run { struct live *l; struct value v; bool found; };
static bool on_changed_run(void *user, const struct run_row *r)
{
        struct shown_run *s = user;
        s->found = in_sight(s->l, r->ns);
        if (s->found)
                s->v = show_run(&s->l->q, r, false);
        return false;
}

static bool private_kind(enum record_kind k) { return k == RECORD_TOKEN || k == RECORD_GRANT || k == RECORD_AUDIT || k == RECORD_DELIVERY; }

static bool show_change(struct live *l, struct store_reader *reader, const struct change_list *list, size_t i)
{
        struct error e;
        struct str id = str_from(list->items[i].id);
        struct object o = object_new(&l->q);
        enum record_kind kind = list->items[i].kind;
        put_str(&o, "kind", str_from(record_kind_name(kind)));
        put_str(&o, "id", id);
        put_bool(&o, "deleted", list->items[i].deleted);
        bool show = !private_kind(kind);
        if (!list->items[i].deleted && kind == RECORD_RUN) {
                struct shown_run s = {.l = l};
                if (!l->store->runs(reader, &(struct run_query){.name_or_uid = id, .limit = 1}, on_changed_run, &s, &e))
                        return false;
                show = s.found;
                if (show)
                        put_value(&o, "run", s.v);
        } else if (!list->items[i].deleted && show) {
                struct record r;
                if (!l->store->record(reader, kind, id, l->scratch, &show, &r, &e))
                        return false;
                show = show && in_sight(l, r.ns);
                if (show)
                        put_value(&o, "record", show_record(&l->q, &r, false));
        }
        struct value v = object_value(&o);
        if (show)
                event(l, "change", list->items[i].seq, &v);
        return true;
}

static bool next_of_all(struct answer_stream *x, struct store_reader *reader, struct buf *out)
{
        struct live *l = x->user;
        struct error e;
        bool too_old = false;
        l->out = out;
        arena_reset(l->scratch);
        if (!l->greeted) {
                l->greeted = true;
                if (!l->store->seq(reader, &l->seen, &e))
                        return false;
                event_seq(l, "hello", l->seen);
                return true;
        }
        struct change_list list = {.l = l};
        if (!l->store->changes(reader, l->seen, 200, on_change, &list, &too_old, &e))
                return false;
        if (too_old) { /* the client begins again with what there is */
                if (!l->store->seq(reader, &l->seen, &e))
                        return false;
                event_seq(l, "reset", l->seen);
                return true;
        }
        for (size_t i = 0; i < list.n; i++) {
                if (!show_change(l, reader, &list, i))
                        return false;
                if (i + 1 == list.n || list.items[i + 1].seq != list.items[i].seq)
                        l->seen = list.items[i].seq;
        }
        return true;
}

static void close_live(struct answer_stream *x)
{
        struct live *l = x->user;
        struct arena *a = l->arena;
        arena_free(l->scratch);
        arena_free(a);
}

static struct live *live_new(struct request *q, const struct value *query)
{
        struct arena *a = arena_new();
        struct live *l = ARENA_NEW(a, struct live);
        int64_t since = int_of(query, "since", 0);
        l->arena = a;
        l->scratch = arena_new();
        l->q = (struct request){.arena = l->scratch};
        l->store = q->store;
        str_to_i64(request_header(q, "Last-Event-ID"), &since);
        l->seen = since > 0 ? (uint64_t)since : 0;
        l->s = (struct answer_stream){.close = close_live, .events = true, .user = l};
        return l;
}

void api_run_watch(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row run;
        if (!query_read(q, &query, &e) || !find_run(q, MAY_VIEW, &run, &e)) {
                request_fail(q, &e);
                return;
        }
        struct live *l = live_new(q, &query);
        l->run = l->s.wake_run = arena_str(l->arena, run.uid);
        l->s.next = next_of_run;
        q->answer.stream = &l->s;
}

void api_watch(struct request *q)
{
        struct error e;
        struct value query;
        const struct str *ns;
        if (!query_read(q, &query, &e)) {
                request_fail(q, &e);
                return;
        }
        struct live *l = live_new(q, &query);
        bool any = request_namespaces(q, &ns, &l->ns_n);
        struct str *copy = ARENA_ARRAY(l->arena, struct str, l->ns_n + 1);
        for (size_t i = 0; any && i < l->ns_n; i++)
                copy[i] = arena_str(l->arena, ns[i]);
        l->ns = copy;
        l->all_ns = any && !l->ns_n;
        l->greeted = has(&query, "since") || request_header(q, "Last-Event-ID").n;
        l->s.next = next_of_all;
        q->answer.stream = &l->s;
}
