/* The rules of records: what may be put, what hangs together, and what people change about runs.
 *
 * K1  What is refused is refused before it is in a batch: a commit that the store would not take stops the owner of the folder. So a command
 *     that needs to look at something which a batch that is not durable changes, waits until it is (catalog_waits).
 * K2  Asking again is harmless: an id chosen by who asks, with what is stored already, is a success that writes nothing.
 * K3  What goes over many rows (archiving an experiment, forgetting the cache) goes in steps of a commit each, and what was asked for comes last: who has no
 *     answer asks again, and it goes on where it stopped. */
#include "runtime/internal.h"
#include "text/json.h"
#include <math.h>
#include <stdlib.h>

enum { PAGE = 500, CACHE_PAGE = 2000 };

void experiment_default_id(struct str ns, char ret[37])
{
        char key[128];
        snprintf(key, sizeof key, "experiment/%.*s/Default", STR_FMT(ns));
        uuid_derive(str_from(key), ret);
}

static bool default_known(const struct runtime *rt, struct str id)
{
        for (struct known_default *d = rt->defaults; d; d = d->next)
                if (str_eq_c(id, d->id))
                        return true;
        return false;
}

/* ---- what is in batches that are not durable ---- */

static bool relates(const struct batch *b, const struct record *r)
{
        for (size_t i = 0; b && i < b->records_n; i++) {
                const struct record *p = b->records[i];
                if (p->kind == RECORD_AUDIT)
                        continue;
                if (p->kind == r->kind && ((r->id.n && str_eq(p->id, r->id)) || (str_eq(p->name, r->name) && str_eq(p->parent, r->parent))))
                        return true;
                if ((r->parent.n && str_eq(p->id, r->parent)) || (r->id.n && str_eq(p->parent, r->id)))
                        return true;
        }
        for (size_t i = 0; b && i < b->removed_n; i++) /* a name may become free */
                if (b->removed[i].kind == r->kind || (r->parent.n && str_eq(b->removed[i].id, r->parent)))
                        return true;
        return false;
}

static bool holds_id(const struct batch *b, struct str id)
{
        for (size_t i = 0; b && i < b->records_n; i++)
                if (str_eq(b->records[i]->id, id))
                        return true;
        for (size_t i = 0; b && i < b->removed_n; i++)
                if (str_eq(b->removed[i].id, id))
                        return true;
        return false;
}

/* Somebody is making an experiment with the name of the default one. */
static bool default_waits(struct runtime *rt, struct str ns)
{
        char id[37];
        experiment_default_id(ns.n ? ns : rt->o.settings->text[SET_NAMESPACE], id);
        struct record r = {.kind = RECORD_EXPERIMENT, .name = STR("Default")};
        return !default_known(rt, str_from(id)) && (relates(rt->open, &r) || relates(rt->flying, &r));
}

bool catalog_waits(struct runtime *rt, const struct command *c)
{
        if (c->kind == COMMAND_PUT || c->kind == COMMAND_REMOVE)
                return relates(rt->open, &c->record) || relates(rt->flying, &c->record) ||
                       (c->kind == COMMAND_PUT && c->record.kind == RECORD_RECURRING && !c->record.parent.n && default_waits(rt, c->record.ns));
        if (c->kind == COMMAND_RUN && !c->meta.experiment.n)
                return default_waits(rt, c->submission.ns);
        if ((c->kind == COMMAND_RUN || c->kind == COMMAND_META) && c->meta.experiment.n)
                return !default_known(rt, c->meta.experiment) && (holds_id(rt->open, c->meta.experiment) || holds_id(rt->flying, c->meta.experiment));
        return false;
}

/* ---- reading ---- */

bool catalog_record(struct runtime *rt, enum record_kind kind, struct str id, struct arena *a, bool *ret_found, struct record *ret, struct error *e)
{
        return reader_ready(rt, e) && rt->o.store->record(rt->reader, kind, id, a, ret_found, ret, e);
}

bool catalog_each(struct runtime *rt, enum record_kind kind, const char *key, struct str value, record_visitor *each, void *user, struct error *e)
{
        struct arena *a = arena_new();
        struct query_value v = {.type = QUERY_TEXT, .text = value};
        struct query_predicate p = {.key = str_from(key), .op = QUERY_EQ, .values = &v, .values_n = 1};
        struct query q = {.kind = kind, .predicates = &p, .predicates_n = key ? 1 : 0, .limit = PAGE};
        struct query_page page = {0};
        bool ok = reader_ready(rt, e);
        do {
                q.after = page.next;
                ok = ok && rt->o.store->query_records(rt->reader, &q, each, user, a, &page, e);
        } while (ok && page.next.n);
        arena_free(a);
        return ok;
}

/* ---- audit ---- */

static void audit_text(struct map_builder *m, const char *key, struct str s)
{
        if (s.n)
                map_push(m, str_from(key), value_string(s));
}

void catalog_audit(struct runtime *rt, struct batch *b, const struct command *c, struct str ns, const char *kind, struct str id, struct str name)
{
        if (!c->who.n || !str_eq_c(rt->o.settings->text[SET_AUDIT_ENABLED], "true"))
                return;
        char uid[37];
        uuid_make(uid);
        struct map_builder m = {.arena = b->arena};
        audit_text(&m, "action", str_from(command_name(c->kind)));
        audit_text(&m, "kind", str_from(kind));
        audit_text(&m, "id", id);
        audit_text(&m, "name", name);
        if (c->kind == COMMAND_META && c->meta_set & 1u << META_ARCHIVED)
                map_push(&m, STR("archived"), value_bool(c->meta.archived));
        struct value body = value_map(m.members, m.n);
        struct wall now = rt_now(rt);
        batch_put(b, &(struct record){.kind = RECORD_AUDIT, .id = str_from(uid), .ns = ns, .name = str_from(uid), .owner = c->who, .created_at = now, .updated_at = now,
                                      .body = json_text(&body, JSON_COMPACT, b->arena), .revision = 1});
}

/* ---- the default experiment ---- */

static void default_note(struct runtime *rt, struct str id)
{
        struct known_default *d = arena_alloc(rt->arena, sizeof *d);
        snprintf(d->id, sizeof d->id, "%.*s", STR_FMT(id));
        d->next = rt->defaults;
        rt->defaults = d;
}

void catalog_forget_defaults(struct runtime *rt) { rt->defaults = NULL; }

static bool removing(const struct batch *b, struct str id)
{
        for (size_t i = 0; b && i < b->removed_n; i++)
                if (str_eq(b->removed[i].id, id))
                        return true;
        return false;
}

void catalog_default(struct runtime *rt, struct str ns, struct str id)
{
        char mine[37];
        experiment_default_id(ns, mine);
        if (!str_eq_c(id, mine) || default_known(rt, id))
                return;
        struct arena *a = arena_new();
        struct record stored;
        bool found = false;
        struct error e;
        bool ok = catalog_record(rt, RECORD_EXPERIMENT, id, a, &found, &stored, &e);
        if (ok && (!found || removing(rt->open, id) || removing(rt->flying, id))) {
                struct wall now = rt_now(rt);
                batch_put(batch_open(rt), &(struct record){.kind = RECORD_EXPERIMENT, .id = id, .ns = ns, .name = STR("Default"), .display_name = STR("Default"),
                                                           .description = STR("Runs that were started without naming an experiment."), .created_at = now, .updated_at = now,
                                                           .revision = 1});
        }
        if (ok)
                default_note(rt, id);
        arena_free(a);
}

static bool experiment_there(struct runtime *rt, struct str ns, struct str id, struct arena *a, struct record *ret, struct error *e)
{
        bool found = false;
        *ret = (struct record){0};
        if (!catalog_record(rt, RECORD_EXPERIMENT, id, a, &found, ret, e))
                return false;
        return (found && str_eq(ret->ns, ns)) || error_set(e, ERROR_NOT_FOUND, "there is no experiment %.*s in namespace %.*s", STR_FMT(id), STR_FMT(ns));
}

/* An experiment that somebody else named Default is as good as ours. */
bool catalog_place(struct runtime *rt, struct str ns, struct run_meta *meta, struct arena *a, struct error *e)
{
        char id[37];
        struct record x;
        bool found = false;
        experiment_default_id(ns, id);
        if (!meta->experiment.n && !default_known(rt, str_from(id))) {
                if (!reader_ready(rt, e) || !rt->o.store->record_named(rt->reader, RECORD_EXPERIMENT, ns, STR_NONE, STR("Default"), a, &found, &x, e))
                        return false;
                meta->experiment = found ? x.id : arena_str(a, str_from(id));
                return true;
        }
        if (!meta->experiment.n)
                meta->experiment = arena_str(a, str_from(id));
        return str_eq_c(meta->experiment, id) || experiment_there(rt, ns, meta->experiment, a, &x, e);
}

/* ---- PUT ---- */

static void answer_record(struct runtime *rt, const struct command *c, const struct record *r, bool changed, command_done *done, void *user)
{
        struct answer x = {.ok = true, .uid = r->id, .name = r->name};
        if (!changed) {
                done(user, &x);
                return;
        }
        struct batch *b = batch_open(rt);
        catalog_audit(rt, b, c, r->ns, record_kind_name(r->kind), r->id, r->name);
        batch_reply(b, done, user, &x, STR_NONE);
}

static bool id_check(struct str id, struct error *e)
{
        bool good = id.n == 36;
        for (size_t i = 0; good && i < 36; i++) {
                char c = id.p[i];
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;
                good = dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        }
        return good || error_set(e, ERROR_USAGE, "\"%.*s\" is no id: a UUID in lower case is", STR_FMT(str_sub(id, 0, 100)));
}

static bool same_json(struct str x, struct str y)
{
        if (str_eq(x, y))
                return true;
        _cleanup_arena_ struct arena *a = arena_new();
        struct value v = value_map(NULL, 0), w = v;
        return (!x.n || json_read(x, NULL, a, &v, NULL)) && (!y.n || json_read(y, NULL, a, &w, NULL)) && value_equal(&v, &w);
}

static bool same(const struct record *x, const struct record *y)
{
        return str_eq(x->ns, y->ns) && str_eq(x->parent, y->parent) && str_eq(x->name, y->name) && str_eq(x->display_name, y->display_name) &&
               str_eq(x->description, y->description) && str_eq(x->owner, y->owner) && x->state == y->state && same_json(x->tags, y->tags) && same_json(x->body, y->body);
}

static enum record_kind parent_kind(enum record_kind k)
{
        if (k == RECORD_VERSION || k == RECORD_PRESET)
                return RECORD_PIPELINE;
        return k == RECORD_RECURRING ? RECORD_EXPERIMENT : k == RECORD_DELIVERY ? RECORD_NOTIFICATION : RECORD_RUN;
}

/* Where it belongs: its namespace follows from its parent, or is the default one. */
static bool place(struct runtime *rt, struct record *r, struct arena *a, struct error *e)
{
        enum record_kind above = parent_kind(r->kind);
        bool found = false;
        struct record parent;
        if (r->kind == RECORD_NAMESPACE)
                r->ns = r->name;
        else if (!r->ns.n && r->kind != RECORD_TOKEN && r->kind != RECORD_GRANT && (above == RECORD_RUN || !r->parent.n))
                r->ns = rt->o.settings->text[SET_NAMESPACE];
        if (r->ns.n && !namespace_check(r->ns, e))
                return false;
        if (r->kind == RECORD_RECURRING && !r->parent.n) {
                struct run_meta m = {0};
                if (!catalog_place(rt, r->ns, &m, a, e))
                        return false;
                r->parent = m.experiment;
                return true;
        }
        if (above == RECORD_RUN)
                return !r->parent.n || error_set(e, ERROR_INVALID, "a %s belongs to nothing", record_kind_name(r->kind));
        if (!r->parent.n)
                return error_set(e, ERROR_INVALID, "a %s belongs to a %s: say to which", record_kind_name(r->kind), record_kind_name(above));
        if (!catalog_record(rt, above, r->parent, a, &found, &parent, e))
                return false;
        if (!found || (r->ns.n && !str_eq(r->ns, parent.ns)))
                return error_set(e, ERROR_NOT_FOUND, "there is no %s %.*s", record_kind_name(above), STR_FMT(r->parent));
        r->ns = parent.ns;
        return true;
}

static bool named(struct runtime *rt, const struct record *r, struct arena *a, bool *ret_found, struct record *ret, struct error *e)
{
        *ret_found = false;
        return reader_ready(rt, e) && rt->o.store->record_named(rt->reader, r->kind, r->ns, r->parent, r->name, a, ret_found, ret, e);
}

/* What the runtime keeps in the body of a recurring run stays, whatever the client sends there. */
static void keep_position(struct record *r, const struct record *old, struct wall now, struct arena *a)
{
        static const char *const kept[] = {"last_firing", "index", "problem"}, *const when[] = {"cron", "timezone", "interval_second", "start"};
        struct value body = value_map(NULL, 0), before = body;
        bool moved = false;
        if ((r->body.n && !json_read(r->body, NULL, a, &body, NULL)) || body.kind != VALUE_MAP || (old && old->body.n && !json_read(old->body, NULL, a, &before, NULL)))
                return;
        struct map_builder m = {.arena = a};
        for (size_t i = 0; i < body.map.n; i++) {
                bool mine = false;
                for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
                        mine |= str_eq_c(body.map.members[i].key, kept[k]);
                if (!mine)
                        map_push(&m, body.map.members[i].key, body.map.members[i].value);
        }
        for (size_t i = 0; old && i < sizeof when / sizeof *when; i++) {
                const struct value *x = value_get_c(&body, when[i]), *y = value_get_c(&before, when[i]);
                moved |= x && y ? !value_equal(x, y) : x != y;
        }
        for (size_t k = 0; old && k < sizeof kept / sizeof *kept; k++) {
                const struct value *x = value_get_c(&before, kept[k]);
                if (k == 0 && moved) /* another clockwork: what it would have fired before now is not made up for */
                        map_push(&m, str_from(kept[k]), value_string(wall_rfc3339(now, 6, a)));
                else if (x)
                        map_push(&m, str_from(kept[k]), *x);
        }
        body = value_map(m.members, m.n);
        r->body = json_text(&body, JSON_COMPACT, a);
}

static bool fill(struct runtime *rt, const struct command *c, struct record *r, const struct record *old, struct arena *a, struct error *e)
{
        struct wall now = rt_now(rt);
        if (old) {
                if (c->revision && c->revision != old->revision)
                        return error_set(e, ERROR_CONFLICT, "somebody else changed the %s %.*s meanwhile (it is at revision %llu, not %llu); look at it again", record_kind_name(r->kind),
                                         STR_FMT(old->name), (unsigned long long)old->revision, (unsigned long long)c->revision);
                if ((c->record.ns.n && !str_eq(c->record.ns, old->ns)) || (c->record.parent.n && !str_eq(c->record.parent, old->parent)))
                        return error_set(e, ERROR_NOT_FOUND, "there is no such %s there", record_kind_name(r->kind));
                r->id = old->id;
                r->ns = old->ns;
                r->parent = old->parent;
                if (!r->name.n)
                        r->name = old->name;
                if (!r->owner.n)
                        r->owner = old->owner;
        } else if (!r->owner.n)
                r->owner = c->who;
        r->created_at = old ? old->created_at : now;
        r->updated_at = now;
        r->revision = old ? old->revision + 1 : 1;
        if (r->kind == RECORD_RECURRING)
                keep_position(r, old, now, a);
        if (!record_check(r, e) || (r->kind == RECORD_RECURRING && !schedule_check(r, e)))
                return false;
        const struct value *document;
        struct value body;
        if (r->kind != RECORD_VERSION || !json_read(r->body, NULL, a, &body, NULL) || !(document = value_get_c(&body, "document")))
                return true;
        int64_t max = rt->o.settings->number[SET_DOCUMENT_BYTES_MAX];
        return (int64_t)document->text.n <= max ||
               error_set(e, ERROR_LIMIT, "the document has %zu bytes; the limit is %lld (setting runs.document_bytes_max)", document->text.n, (long long)max);
}

/* What is to be written, or that it is there already. `old` is the stored one; its id is empty when there is none. */
static bool put_prepare(struct runtime *rt, const struct command *c, struct arena *a, struct record *r, struct record *old, bool *ret_same, struct error *e)
{
        const char *kind = record_kind_name(c->record.kind);
        bool by_id = false, by_name = false;
        struct record other = {0};
        *r = record_copy(&c->record, a);
        *old = (struct record){0};
        *ret_same = false;
        if (r->kind == RECORD_RUN || r->kind >= RECORD_KINDS || r->kind == RECORD_AUDIT)
                return error_set(e, ERROR_USAGE, "a %s is not put", kind);
        if (r->id.n && (!id_check(r->id, e) || !catalog_record(rt, r->kind, r->id, a, &by_id, old, e)))
                return false;
        if (!by_id) {
                *old = (struct record){0};
                if (!r->id.n && (c->mode == PUT_CREATE || !r->name.n)) {
                        char id[37];
                        uuid_make(id);
                        r->id = arena_str(a, str_from(id));
                }
                if (!r->name.n) /* what is told apart by its id alone */
                        r->name = r->id;
                if (!place(rt, r, a, e) || !named(rt, r, a, &by_name, &other, e))
                        return false;
                if (by_name && (c->mode == PUT_CREATE || (r->id.n && !str_eq(r->id, other.id))))
                        return error_set(e, ERROR_CONFLICT, "there is a %s named %.*s already", kind, STR_FMT(r->name));
                if (by_name)
                        *old = other;
                else if (c->mode == PUT_UPDATE)
                        return error_set(e, ERROR_NOT_FOUND, "there is no %s %.*s", kind, STR_FMT(r->name.n && !c->record.id.n ? r->name : c->record.id));
                if (!r->id.n && !by_name) {
                        char id[37];
                        uuid_make(id);
                        r->id = arena_str(a, str_from(id));
                }
        }
        if (!fill(rt, c, r, old->id.n ? old : NULL, a, e))
                return false;
        *ret_same = old->id.n && same(r, old);
        if (by_id && c->mode == PUT_CREATE && !*ret_same)
                return error_set(e, ERROR_CONFLICT, "there is a %s with the id %.*s already, and it is another", kind, STR_FMT(r->id));
        if (!by_id || str_eq(r->name, old->name))
                return true;
        if (!named(rt, r, a, &by_name, &other, e))
                return false;
        return !by_name || error_set(e, ERROR_CONFLICT, "there is a %s named %.*s already", kind, STR_FMT(r->name));
}

/* ---- archiving an experiment: its runs first, in steps (K3) ---- */

struct archiving { struct runtime *rt; struct arena *arena; struct command command; command_done *done; void *user; struct record record; };
struct archive_page { struct runtime *rt; struct batch *batch; size_t n; };

static const struct run_meta *pending_meta(const struct batch *b, struct str run)
{
        for (size_t i = b ? b->metas_n : 0; i-- > 0;)
                if (str_eq(b->metas[i].run, run))
                        return b->metas[i].meta;
        return NULL;
}

/* What is true of it now, on disk or on its way there. */
static struct run_meta meta_now(struct runtime *rt, struct str run, const struct run_meta *stored)
{
        const struct live_run *r = run_find(rt, run);
        const struct run_meta *m = r ? &r->fixed.meta : pending_meta(rt->open, run);
        if (!m)
                m = pending_meta(rt->flying, run);
        return m ? *m : *stored;
}

static void meta_put(struct runtime *rt, struct str run, const struct run_meta *m)
{
        struct live_run *r = run_find(rt, run);
        batch_meta(batch_open(rt), run, m);
        if (r)
                r->fixed.meta = run_meta_copy(m, r->arena);
}

static bool on_archived_run(void *user, const struct run_row *row)
{
        struct archive_page *p = user;
        struct run_meta m = meta_now(p->rt, row->uid, &row->meta);
        m.archived = true;
        meta_put(p->rt, row->uid, &m);
        p->n++;
        return true;
}

static bool on_scheduled(void *user, const struct record *r)
{
        struct archive_page *p = user;
        struct record x = *r;
        if (x.state == RECORD_DISABLED)
                return true;
        x.state = RECORD_DISABLED;
        x.updated_at = rt_now(p->rt);
        x.revision++;
        batch_put(batch_open(p->rt), &x);
        return true;
}

static void archive_step(void *user, const struct answer *before)
{
        struct archiving *x = user;
        struct runtime *rt = x->rt;
        struct error e;
        struct arena *a = arena_new();
        struct query_value id = {.type = QUERY_TEXT, .text = x->record.id}, no = {.type = QUERY_NUMBER, .number = 0};
        struct query_predicate p[] = {{STR("experiment"), QUERY_EQ, &id, 1}, {STR("archived"), QUERY_EQ, &no, 1}};
        struct query q = {.kind = RECORD_RUN, .predicates = p, .predicates_n = 2, .limit = PAGE};
        struct query_page page = {0};
        struct archive_page state = {.rt = rt};
        bool ok = before->ok;
        if (!ok)
                e = before->error;
        for (struct live_run *r = rt->runs; ok && r; r = r->hh.next) /* its first row may be on its way */
                if (!r->stored && str_eq(r->fixed.meta.experiment, x->record.id) && !r->fixed.meta.archived)
                        on_archived_run(&state, &r->fixed);
        ok = ok && reader_ready(rt, &e) && rt->o.store->query_runs(rt->reader, &q, on_archived_run, &state, a, &page, &e);
        arena_free(a);
        if (ok && state.n) {
                batch_reply(batch_open(rt), archive_step, x, &(struct answer){.ok = true}, STR_NONE);
                return;
        }
        if (ok)
                ok = catalog_each(rt, RECORD_RECURRING, "parent", x->record.id, on_scheduled, &state, &e);
        if (ok) {
                batch_put(batch_open(rt), &x->record);
                answer_record(rt, &x->command, &x->record, true, x->done, x->user);
        } else
                command_refuse(x->done, x->user, &e);
        arena_free(x->arena);
        free(x);
}

static void archive(struct runtime *rt, const struct command *c, const struct record *r, command_done *done, void *user)
{
        struct archiving *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        *x = (struct archiving){.rt = rt, .arena = arena_new(), .done = done, .user = user};
        x->command = command_copy(c, x->arena);
        x->record = record_copy(r, x->arena);
        archive_step(x, &(struct answer){.ok = true});
}

static void put(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        struct arena *a = arena_new();
        struct record r, old;
        struct error e;
        bool unchanged;
        if (!put_prepare(rt, c, a, &r, &old, &unchanged, &e))
                command_refuse(done, user, &e);
        else if (r.kind == RECORD_EXPERIMENT && old.id.n && r.state == RECORD_ARCHIVED) /* also again: some of it may be left from before */
                archive(rt, c, &r, done, user);
        else {
                if (!unchanged && r.kind == RECORD_RECURRING)
                        catalog_default(rt, r.ns, r.parent);
                if (!unchanged)
                        batch_put(batch_open(rt), &r);
                answer_record(rt, c, &r, !unchanged, done, user);
        }
        arena_free(a);
}

/* ---- REMOVE ---- */

struct below { struct arena *arena; struct record_id *ids; size_t n, cap; };
static bool on_below(void *user, const struct record *r)
{
        struct below *x = user;
        if (x->n == x->cap) {
                size_t cap = x->cap ? x->cap * 2 : 64;
                struct record_id *p = arena_alloc_array(x->arena, sizeof *p, cap);
                if (x->n)
                        memcpy(p, x->ids, x->n * sizeof *p);
                x->ids = p;
                x->cap = cap;
        }
        x->ids[x->n++] = (struct record_id){r->kind, arena_str(x->arena, r->id)};
        return true;
}

static bool one_run(void *user, const struct run_row *row)
{
        (void)row;
        ++*(size_t *)user;
        return false;
}

/* What goes with it, or why it stays. */
static bool hangs_on(struct runtime *rt, const struct command *c, const struct record *r, struct below *x, struct error *e)
{
        if (r->kind == RECORD_PIPELINE) {
                if (!catalog_each(rt, RECORD_VERSION, "parent", r->id, on_below, x, e))
                        return false;
                if (x->n && !c->cascade)
                        return error_set(e, ERROR_CONFLICT, "pipeline %.*s has %zu version%s; delete %s first, or ask for the pipeline with all its versions (cascade)", STR_FMT(r->name), x->n,
                                         x->n == 1 ? "" : "s", x->n == 1 ? "it" : "them");
                return catalog_each(rt, RECORD_PRESET, "parent", r->id, on_below, x, e);
        }
        if (r->kind == RECORD_EXPERIMENT)
                return !c->cascade || catalog_each(rt, RECORD_RECURRING, "parent", r->id, on_below, x, e);
        if (r->kind == RECORD_NOTIFICATION)
                return catalog_each(rt, RECORD_DELIVERY, "parent", r->id, on_below, x, e);
        if (r->kind != RECORD_NAMESPACE)
                return true;
        size_t runs = 0;
        struct below pipelines = {.arena = x->arena};
        if (!reader_ready(rt, e) || !rt->o.store->runs(rt->reader, &(struct run_query){.ns = r->name, .limit = 1}, one_run, &runs, e) ||
            !catalog_each(rt, RECORD_PIPELINE, "ns", r->name, on_below, &pipelines, e))
                return false;
        return (!runs && !pipelines.n) || error_set(e, ERROR_CONFLICT, "namespace %.*s still has %s; delete them first", STR_FMT(r->name), runs ? "runs" : "pipelines");
}

static bool remove_prepare(struct runtime *rt, const struct command *c, struct arena *a, struct record *ret, struct below *x, struct error *e)
{
        const struct record *asked = &c->record;
        const char *kind = record_kind_name(asked->kind);
        bool found = false;
        struct record named_as = *asked;
        if (asked->kind == RECORD_RUN || asked->kind >= RECORD_KINDS)
                return error_set(e, ERROR_USAGE, "a run is deleted by the command delete");
        if (!named_as.ns.n && asked->kind == RECORD_NAMESPACE)
                named_as.ns = asked->name;
        else if (!named_as.ns.n && asked->kind != RECORD_TOKEN && asked->kind != RECORD_GRANT)
                named_as.ns = rt->o.settings->text[SET_NAMESPACE];
        if (!(asked->id.n ? catalog_record(rt, asked->kind, asked->id, a, &found, ret, e) : named(rt, &named_as, a, &found, ret, e)))
                return false;
        if (!found || (asked->ns.n && !str_eq(asked->ns, ret->ns)) || (asked->parent.n && !str_eq(asked->parent, ret->parent)))
                return error_set(e, ERROR_NOT_FOUND, "there is no %s %.*s", kind, STR_FMT(asked->id.n ? asked->id : asked->name));
        if (c->revision && c->revision != ret->revision)
                return error_set(e, ERROR_CONFLICT, "somebody else changed the %s %.*s meanwhile (it is at revision %llu, not %llu); look at it again", kind, STR_FMT(ret->name),
                                 (unsigned long long)ret->revision, (unsigned long long)c->revision);
        return hangs_on(rt, c, ret, x, e);
}

static void remove_record(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        struct arena *a = arena_new();
        struct record r = {0};
        struct below x = {.arena = a};
        struct error e;
        if (remove_prepare(rt, c, a, &r, &x, &e)) {
                struct batch *b = batch_open(rt);
                for (size_t i = 0; i < x.n; i++)
                        batch_remove(b, x.ids[i].kind, x.ids[i].id);
                batch_remove(b, r.kind, r.id);
                if (r.kind == RECORD_EXPERIMENT)
                        catalog_forget_defaults(rt);
                answer_record(rt, c, &r, true, done, user);
        } else
                command_refuse(done, user, &e);
        arena_free(a);
}

/* ---- the cache ---- */

struct forgetting { struct runtime *rt; struct arena *arena; struct command command; command_done *done; void *user; struct str after; uint64_t n; };
static bool on_entry(void *user, const struct commit_cache *x)
{
        struct forgetting *f = user;
        batch_forget_cache(batch_open(f->rt), x->key);
        f->after = arena_str(f->arena, x->key);
        f->n++;
        return true;
}

static void forget_step(void *user, const struct answer *before)
{
        struct forgetting *f = user;
        struct runtime *rt = f->rt;
        struct error e;
        uint64_t n = f->n;
        bool ok = before->ok;
        if (!ok)
                e = before->error;
        ok = ok && reader_ready(rt, &e) && rt->o.store->cache(rt->reader, f->after, CACHE_PAGE, on_entry, f, &e);
        if (ok && f->n > n) {
                batch_reply(batch_open(rt), forget_step, f, &(struct answer){.ok = true}, STR_NONE);
                return;
        }
        struct answer x = {.ok = true, .text = arena_printf(f->arena, "%llu cached result%s forgotten", (unsigned long long)f->n, f->n == 1 ? "" : "s")};
        if (ok) {
                struct batch *b = batch_open(rt);
                catalog_audit(rt, b, &f->command, STR_NONE, "cache", STR_NONE, STR_NONE);
                batch_reply(b, f->done, f->user, &x, STR_NONE);
        } else
                command_refuse(f->done, f->user, &e);
        arena_free(f->arena);
        free(f);
}

static void forget_cache(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        if (c->cache_key.n) {
                struct batch *b = batch_open(rt);
                batch_forget_cache(b, c->cache_key);
                catalog_audit(rt, b, c, STR_NONE, "cache", c->cache_key, STR_NONE);
                batch_reply(b, done, user, &(struct answer){.ok = true}, STR_NONE);
                return;
        }
        struct forgetting *f = calloc(1, sizeof *f);
        if (!f)
                abort();
        *f = (struct forgetting){.rt = rt, .arena = arena_new(), .done = done, .user = user};
        f->command = command_copy(c, f->arena);
        forget_step(f, &(struct answer){.ok = true});
}

void catalog_command(struct runtime *rt, const struct command *c, command_done *done, void *user)
{
        if (c->kind == COMMAND_PUT)
                put(rt, c, done, user);
        else if (c->kind == COMMAND_REMOVE)
                remove_record(rt, c, done, user);
        else
                forget_cache(rt, c, done, user);
}

/* ---- META and METRIC ---- */

static bool labels_check(struct str labels, struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct value v;
        if (!labels.n)
                return true;
        if (!json_read(labels, NULL, a, &v, e))
                return error_wrap(e, "reading labels");
        bool good = v.kind == VALUE_MAP && labels.n <= 65536;
        for (size_t i = 0; good && i < v.map.n; i++)
                good = v.map.members[i].value.kind == VALUE_STRING;
        return good || error_set(e, ERROR_INVALID, "labels are a map of strings of at most 64 KiB");
}

static bool meta_apply(struct runtime *rt, const struct command *c, const struct run_row *row, struct run_meta *m, struct arena *a, struct error *e)
{
        const struct { enum meta_field field; struct str *to; struct str from; } texts[] = {
                {META_OWNER, &m->owner, c->meta.owner},          {META_EXPERIMENT, &m->experiment, c->meta.experiment},
                {META_PIPELINE, &m->pipeline, c->meta.pipeline}, {META_VERSION, &m->version, c->meta.version},
                {META_RECURRING, &m->recurring, c->meta.recurring}, {META_DESCRIPTION, &m->description, c->meta.description},
                {META_SERVICE_ACCOUNT, &m->service_account, c->meta.service_account}, {META_LABELS, &m->labels, c->meta.labels},
        };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                if (c->meta_set & 1u << texts[i].field) {
                        if (texts[i].from.n > 65536 || !str_is_utf8(texts[i].from))
                                return error_set(e, ERROR_INVALID, "what is to be kept of run %.*s is no text of at most 64 KiB", STR_FMT(row->name));
                        *texts[i].to = texts[i].from;
                }
        if (c->meta_set & 1u << META_PRIORITY)
                m->priority = c->meta.priority;
        if (c->meta_set & 1u << META_LABELS && !labels_check(m->labels, e))
                return false;
        struct record x = {0};
        if (c->meta_set & 1u << META_EXPERIMENT && !(m->experiment.n ? experiment_there(rt, row->ns, m->experiment, a, &x, e) : catalog_place(rt, row->ns, m, a, e)))
                return false;
        if (!(c->meta_set & 1u << META_ARCHIVED))
                return true;
        bool found = false;
        if (m->archived && !c->meta.archived && m->experiment.n && !catalog_record(rt, RECORD_EXPERIMENT, m->experiment, a, &found, &x, e))
                return false;
        if (found && x.state == RECORD_ARCHIVED)
                return error_set(e, ERROR_CONFLICT, "the experiment %.*s of run %.*s is archived; bring that back first", STR_FMT(x.name), STR_FMT(row->name));
        m->archived = c->meta.archived;
        return true;
}

struct node_search { struct str ref; int64_t no; bool by_number; uint32_t found; };
static bool on_named(void *user, const struct node_row *row)
{
        struct node_search *s = user;
        if (s->by_number ? row->no == s->no : str_eq(row->name, s->ref))
                s->found = row->no;
        return !s->found;
}

static bool metric_check(struct runtime *rt, const struct command *c, const struct run_row *row, uint32_t *ret_node, struct error *e)
{
        *ret_node = 0;
        if (!c->metric.n || c->metric.n > 256 || !str_is_utf8(c->metric))
                return error_set(e, ERROR_INVALID, "the name of a metric is a text of 1 to 256 bytes");
        if (!isfinite(c->value))
                return error_set(e, ERROR_INVALID, "the value of metric %.*s is no finite number", STR_FMT(c->metric));
        struct node_search s = {.ref = c->node};
        s.by_number = str_to_i64(c->node, &s.no);
        if (!c->node.n)
                return true;
        if (!reader_ready(rt, e) || !rt->o.store->nodes(rt->reader, row->uid, 0, on_named, &s, e))
                return false;
        *ret_node = s.found;
        return s.found || error_set(e, ERROR_NOT_FOUND, "run %.*s has no step %.*s", STR_FMT(row->name), STR_FMT(c->node));
}

void catalog_on_run(struct runtime *rt, const struct command *c, const struct run_row *row, command_done *done, void *user)
{
        struct arena *a = arena_new();
        struct error e;
        struct run_meta m = meta_now(rt, row->uid, &row->meta);
        uint32_t node = 0;
        bool ok = c->kind == COMMAND_META ? meta_apply(rt, c, row, &m, a, &e) : metric_check(rt, c, row, &node, &e);
        if (ok) {
                struct batch *b = batch_open(rt);
                if (c->kind == COMMAND_META) {
                        meta_put(rt, row->uid, &m);
                        if (c->meta_set & 1u << META_PRIORITY)
                                place_prioritize(rt, row->uid, m.priority);
                } else
                        batch_metric(b, row->uid, node, c->metric, c->value);
                catalog_audit(rt, b, c, row->ns, "run", row->uid, row->name);
                batch_reply(b, done, user, &(struct answer){.ok = true, .uid = row->uid, .name = row->name, .state = row->state}, STR_NONE);
        } else
                command_refuse(done, user, &e);
        arena_free(a);
}
