/* Runs in memory: making, finding, loading, dropping. */
#include "runtime/internal.h"
#include <stdlib.h>

struct workflow *document_compile(struct str text, const struct submission *s, struct problems *p, const struct dialect **ret_dialect,
                                  struct str *ret_message, struct error *e)
{
        struct value *documents;
        size_t n;
        if (!dialect_detect(text, p->arena, &documents, &n, ret_dialect, e))
                return NULL;
        return (*ret_dialect)->compile(documents, n, s, p, ret_message);
}

bool reader_ready(struct runtime *rt, struct error *e)
{
        if (rt->reader)
                return true;
        struct store_settings s = runtime_store_settings(rt->o.folder, rt->o.settings, false, rt->arena);
        return rt->o.store->reader_open(&s, &rt->reader, e);
}

struct live_run *run_find(struct runtime *rt, struct str uid)
{
        struct live_run *r;
        HASH_FIND(hh, rt->runs, uid.p, uid.n, r);
        return r;
}

static struct live_run *run_add(struct runtime *rt, struct str uid)
{
        struct live_run *r = calloc(1, sizeof *r);
        if (!r)
                abort();
        r->rt = rt;
        r->refs = 1;
        r->arena = arena_new();
        memcpy(r->uid, uid.p, uid.n < 36 ? uid.n : 36);
        HASH_ADD(hh, rt->runs, uid, strlen(r->uid), r);
        return r;
}

void run_drop(struct live_run *r)
{
        HASH_DELETE(hh, r->rt->runs, r);
        starts_forget(r);
        engine_free(r->engine);
        r->engine = NULL;
        r->wake = (struct wall){0};
        run_unref(r);
}

/* ---- names ---- */

enum { NAME_MAX_BYTES = 253, NAMESPACE_MAX_BYTES = 63, SUFFIX = 5 };

static struct str dns_safe(struct str s, struct arena *a)
{
        char *p = arena_alloc(a, s.n + 2);
        size_t n = 0;
        for (size_t i = 0; i < s.n && n < NAME_MAX_BYTES - SUFFIX - 1; i++) {
                char c = s.p[i];
                if (c >= 'A' && c <= 'Z')
                        c = (char)(c - 'A' + 'a');
                bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
                if (!good)
                        c = '-';
                if (n == 0 && (c == '-' || c == '.'))
                        continue;
                p[n++] = c;
        }
        return n ? (struct str){p, n} : STR("run");
}

static struct str with_suffix(struct str prefix, struct arena *a)
{
        static const char letters[] = "bcdfghjklmnpqrstvwxz2456789"; /* as Kubernetes' suffixes: no words come out */
        char uid[37], suffix[SUFFIX + 1] = {0};
        uuid_make(uid);
        for (int i = 0; i < SUFFIX; i++) {
                char pair[3] = {uid[24 + 2 * i], uid[25 + 2 * i], 0};
                suffix[i] = letters[strtoul(pair, NULL, 16) % (sizeof letters - 1)];
        }
        return arena_printf(a, "%.*s%s", STR_FMT(prefix), suffix);
}

static bool taken(struct runtime *rt, struct str ns, struct str name, bool *ret, struct error *e)
{
        *ret = true;
        for (struct live_run *r = rt->runs; r; r = r->hh.next)
                if (str_eq(r->fixed.name, name) && str_eq(r->fixed.ns, ns))
                        return true;
        return reader_ready(rt, e) && rt->o.store->name_taken(rt->reader, ns, name, ret, e);
}

static bool choose_name(struct runtime *rt, const struct command *c, struct arena *a, struct str *ret, bool *ret_renamed, struct error *e)
{
        bool used;
        struct str ns = c->submission.ns, asked = c->submission.name;
        *ret_renamed = false;
        if (asked.n) {
                if (!str_eq(dns_safe(asked, a), asked) || asked.p[asked.n - 1] == '-' || asked.p[asked.n - 1] == '.')
                        return error_set(e, ERROR_USAGE, "\"%.*s\" cannot be the name of a run: lower-case letters, digits, '-' and '.', with a letter or digit at both ends", STR_FMT(asked));
                *ret = asked;
                if (!taken(rt, ns, asked, &used, e))
                        return false;
                return !used || error_set(e, ERROR_CONFLICT, "there is a run named %.*s already; choose another --name, or delete it with `weft delete %.*s`",
                                          STR_FMT(asked), STR_FMT(asked));
        }
        struct str base = c->generate_name.n ? STR_NONE : dns_safe(c->base_name, a);
        while (base.n > 1 && (base.p[base.n - 1] == '-' || base.p[base.n - 1] == '.'))
                base.n--;
        if (base.n) {
                *ret = base;
                if (!taken(rt, ns, base, &used, e))
                        return false;
                if (!used)
                        return true;
                *ret_renamed = true;
        }
        struct str prefix = base.n ? arena_printf(a, "%.*s-", STR_FMT(base)) : dns_safe(c->generate_name, a);
        for (int i = 0; i < 100; i++) {
                *ret = with_suffix(prefix, a);
                if (!taken(rt, ns, *ret, &used, e))
                        return false;
                if (!used)
                        return true;
        }
        return error_set(e, ERROR_CONFLICT, "no free name was found for %.*s", STR_FMT(prefix));
}

/* ---- new runs ---- */

static struct workflow *compile(struct str document, const struct submission *s, const struct dialect **ret_dialect, struct error *e)
{
        struct arena *scratch = arena_new();
        struct problems p = {.arena = scratch};
        struct str message = STR_NONE;
        *ret_dialect = NULL;
        struct workflow *w = document_compile(document, s, &p, ret_dialect, &message, e);
        if (!w && *ret_dialect) {
                const struct problem *first = problems_first_error(&p);
                if (first && first->path.n)
                        error_at(e, first->kind, first->line, first->column, "%.*s: %.*s", STR_FMT(first->path), STR_FMT(first->text));
                else if (first)
                        error_at(e, first->kind, first->line, first->column, "%.*s", STR_FMT(first->text));
                else
                        error_set(e, ERROR_INVALID, "%.*s", STR_FMT(message));
        }
        arena_free(scratch);
        return w;
}

static bool compile_run(struct live_run *r, const struct submission *s, struct error *e)
{
        r->workflow = compile(r->fixed.document, s, &r->dialect, e);
        return r->workflow != NULL;
}

/* As a run is compiled: with an id and a time, so that nothing counts as lint. */
bool submission_check(struct str document, const struct submission *asked, struct error *e)
{
        const struct dialect *d;
        struct submission s = *asked;
        if (!s.uid.n)
                s.uid = STR("00000000-0000-0000-0000-000000000000");
        if (!s.name.n)
                s.name = STR("run");
        if (!s.created_at.us)
                s.created_at.us = 1;
        struct workflow *w = compile(document, &s, &d, e);
        workflow_free(w);
        return w != NULL;
}

bool namespace_check(struct str s, struct error *e)
{
        bool good = s.n <= NAMESPACE_MAX_BYTES;
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                good &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i && i + 1 < s.n);
        }
        return good || error_set(e, ERROR_USAGE, "\"%.*s\" cannot be a namespace: at most %d lower-case letters, digits and '-', with a letter or digit at both ends", STR_FMT(s), NAMESPACE_MAX_BYTES);
}

/* What the store could not take would stop the owner of the folder, and with it every other run. */
static bool parameters_fit(struct runtime *rt, const struct bindings *b, struct error *e)
{
        int64_t one = rt->o.settings->number[SET_VALUE_BYTES_MAX], all = rt->o.settings->number[SET_RUN_BYTES_MAX], sum = 0;
        for (size_t i = 0; i < b->params_n; i++) {
                struct str name = str_sub(b->params[i].name, 0, 200);
                size_t n = b->params[i].value.text.n;
                sum += (int64_t)n;
                if ((int64_t)n > one)
                        return error_set(e, ERROR_LIMIT, "parameter \"%.*s\" has %zu bytes; the limit is %lld (setting store.value_bytes_max): give large data as a file that the steps read, or raise the setting",
                                         STR_FMT(name), n, (long long)one);
                if (sum > all)
                        return error_set(e, ERROR_LIMIT, "the parameters have more than %lld bytes together (setting store.run_bytes_max): give large data as files that the steps read, or raise the setting",
                                         (long long)all);
        }
        return true;
}

void run_begin(struct live_run *r)
{
        r->queued = false;
        r->engine = engine_new(r->workflow, &r->fixed, runtime_artifact_root(r->rt->o.folder, str_from(r->uid), r->arena), &r->rt->engine);
        rt_step(r, &(struct event){.kind = EVENT_BEGIN}, NULL);
}

static void store_queued(struct live_run *r)
{
        struct batch *b = batch_open(r->rt);
        struct run_row row = r->fixed;
        row.reason = place_reason(r->rt, str_from(r->uid), b->arena);
        batch_touch(b, r);
        batch_run(b, r, &row);
        b->hard = true;
}

bool run_create(struct runtime *rt, const struct command *c, struct live_run **ret, bool *ret_renamed, struct error *e)
{
        char uid[37];
        if (c->uid.n)
                snprintf(uid, sizeof uid, "%.*s", STR_FMT(c->uid));
        else
                uuid_make(uid);
        struct arena *scratch = arena_new();
        struct submission s = c->submission;
        struct command named = *c;
        if (!s.ns.n)
                s.ns = named.submission.ns = rt->o.settings->text[SET_NAMESPACE];
        bool ok = namespace_check(s.ns, e) && choose_name(rt, &named, scratch, &s.name, ret_renamed, e);
        if (!ok) {
                arena_free(scratch);
                return false;
        }
        struct run_meta meta = c->meta;
        if (!meta.owner.n)
                meta.owner = c->who;
        if (!catalog_place(rt, s.ns, &meta, scratch, e)) {
                arena_free(scratch);
                return false;
        }
        s.uid = str_from(uid);
        s.created_at = rt_now(rt);
        struct live_run *r = run_add(rt, s.uid);
        r->fixed = (struct run_row){.uid = str_from(r->uid), .name = arena_str(r->arena, s.name), .ns = arena_str(r->arena, s.ns),
                                    .document = arena_str(r->arena, c->document), .options = submission_encode(&s, r->arena), .created_at = s.created_at,
                                    .parent_run = arena_str(r->arena, c->parent_run), .parent_node = c->parent_node, .depth = c->depth,
                                    .meta = run_meta_copy(&meta, r->arena)};
        ok = compile_run(r, &s, e) && parameters_fit(rt, &r->workflow->parameters, e);
        arena_free(scratch);
        if (!ok) {
                run_drop(r);
                return false;
        }
        catalog_default(rt, r->fixed.ns, r->fixed.meta.experiment);
        struct workflow *w = r->workflow;
        r->fixed.language = str_from(r->dialect->name);
        r->fixed.display_name = arena_str(r->arena, s.display_name.n ? s.display_name : w->display_name.n ? w->display_name : w->name);
        r->fixed.parameters = bindings_copy(&w->parameters, r->arena);
        r->queued = true;
        place_wait(rt, &r->fixed);
        if (r->fixed.parent_run.n)
                run_begin(r);
        else if (!rt->resuming)
                places_pump(rt, UINT32_MAX);
        if (r->queued)
                store_queued(r);
        *ret = r;
        return true;
}

/* ---- stored runs ---- */

struct found { struct arena *arena; struct run_row row; size_t n; };
static bool on_run(void *user, const struct run_row *row)
{
        struct found *f = user;
        if (!f->n++)
                f->row = run_row_copy(row, f->arena);
        return f->n < 2;
}

bool run_lookup(struct runtime *rt, struct str ref, struct arena *a, struct run_row *ret, struct error *e)
{
        struct found f = {.arena = a};
        struct run_query q = {.name_or_uid = ref, .limit = 2};
        if (!reader_ready(rt, e) || !rt->o.store->runs(rt->reader, &q, on_run, &f, e))
                return false;
        if (!f.n)
                return error_set(e, ERROR_NOT_FOUND, "there is no run %.*s; `weft list` shows those that exist", STR_FMT(ref));
        *ret = f.row;
        return true;
}

struct rows { struct live_run *run; struct arena *arena; struct node_row *p; size_t n, cap, at; };
static bool on_node(void *user, const struct node_row *row)
{
        struct rows *x = user;
        if (x->n == x->cap) {
                x->cap = x->cap ? x->cap * 2 : 64;
                x->p = realloc(x->p, x->cap * sizeof *x->p);
                if (!x->p)
                        abort();
        }
        x->p[x->n++] = node_row_copy(row, x->arena);
        if (row->kind == NODE_KIND_CHILD && row->child_run.n && !node_state_final(row->state))
                child_note(x->run, row->child_run, row->no, row->epoch, row->attempt);
        return true;
}

static bool next_row(void *user, struct node_row *ret)
{
        struct rows *x = user;
        if (x->at == x->n)
                return false;
        *ret = x->p[x->at++];
        return true;
}

static bool engine_from_rows(struct live_run *r, struct error *e)
{
        struct runtime *rt = r->rt;
        struct rows rows = {.run = r, .arena = arena_new()};
        bool ok = rt->o.store->nodes(rt->reader, str_from(r->uid), 0, on_node, &rows, e) &&
                  engine_load(r->workflow, &r->fixed, runtime_artifact_root(rt->o.folder, str_from(r->uid), r->arena), &rt->engine, next_row, &rows, &r->engine, e);
        free(rows.p);
        arena_free(rows.arena);
        return ok;
}

bool run_load(struct runtime *rt, struct str uid, bool final, struct live_run **ret, struct error *e)
{
        *ret = run_find(rt, uid);
        if (*ret)
                return true;
        struct arena *scratch = arena_new();
        struct run_row row;
        bool ok = run_lookup(rt, uid, scratch, &row, e);
        if (ok && run_state_final(row.state) && !final)
                ok = error_set(e, ERROR_CONFLICT, "run %.*s is %s already", STR_FMT(row.name), run_state_name(row.state));
        if (!ok) {
                arena_free(scratch);
                return false;
        }
        struct live_run *r = run_add(rt, row.uid);
        r->fixed = run_row_copy(&row, r->arena);
        r->fixed.uid = str_from(r->uid);
        r->suspended = row.suspended;
        r->stored = true;
        r->told = row.reason.n > 0;
        struct submission s;
        ok = submission_decode(r->fixed.options, scratch, &s, e);
        if (ok) {
                s.uid = r->fixed.uid;
                s.name = r->fixed.name;
                s.ns = r->fixed.ns;
                s.created_at = r->fixed.created_at;
                ok = compile_run(r, &s, e) && engine_from_rows(r, e);
        }
        arena_free(scratch);
        if (!ok) {
                error_wrap(e, "loading run %.*s", STR_FMT(r->fixed.name));
                run_drop(r);
                return false;
        }
        r->ending = false;
        if (!run_state_final(engine_state(r->engine)) && !place_waits(rt, uid)) {
                place_take(rt, &r->fixed);
                rt_step(r, &(struct event){.kind = EVENT_BEGIN}, NULL);
                catch_up(r);
                if (r->told)
                        starts_tell(rt);
        }
        *ret = r;
        return true;
}
