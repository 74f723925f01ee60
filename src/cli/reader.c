/* Reading what is stored. */
#include "cli/cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool store_view_open(struct view_store *v, const struct args *a, bool *ret_exists, struct error *e)
{
        *v = (struct view_store){.arena = a->arena};
        *ret_exists = false;
        if (!settings_of(a, &v->settings, e) || !folder_of(a, false, &v->folder, e))
                return false;
        struct store_settings s = runtime_store_settings(v->folder, &v->settings, false, v->arena);
        if (!s.url.n && access(arena_cstr(v->arena, s.path), F_OK) < 0)
                return errno == ENOENT || error_set(e, ERROR_IO, "cannot read the data folder %.*s: %s", STR_FMT(v->folder), strerror(errno));
        *ret_exists = backends.store->reader_open(&s, &v->reader, e);
        return *ret_exists || e->kind == ERROR_NOT_FOUND; /* a file in which nothing was stored yet: its maker was killed, or is just at it */
}

void store_view_close(struct view_store *v)
{
        if (v->reader)
                backends.store->reader_close(v->reader);
        v->reader = NULL;
}

struct found { struct arena *a; struct run_row *row; size_t n; };
static bool on_run(void *user, const struct run_row *row)
{
        struct found *f = user;
        if (!f->n++)
                *f->row = run_row_copy(row, f->a);
        return true;
}

bool store_view_run(struct view_store *v, struct str ref, struct run_row *ret, struct error *e)
{
        struct found f = {v->arena, ret, 0};
        struct run_query q = {.name_or_uid = ref, .limit = 2};
        if (v->reader && !backends.store->runs(v->reader, &q, on_run, &f, e))
                return false;
        return f.n > 0 || error_set(e, ERROR_NOT_FOUND, "there is no run %.*s in %.*s; `weft list` shows those that exist", STR_FMT(ref), STR_FMT(v->folder));
}

struct filling { struct arena *a; struct node_list *list; };
static bool on_node(void *user, const struct node_row *row)
{
        struct filling *f = user;
        struct node_list *l = f->list;
        if (l->n == l->cap) {
                l->cap = l->cap ? l->cap * 2 : 64;
                l->p = realloc(l->p, l->cap * sizeof *l->p);
                if (!l->p)
                        abort();
        }
        l->p[l->n++] = node_row_copy(row, f->a);
        return true;
}

bool store_view_nodes(struct view_store *v, struct str uid, struct node_list *ret, struct error *e)
{
        struct filling f = {v->arena, ret};
        return backends.store->nodes(v->reader, uid, 0, on_node, &f, e);
}

struct workflow *store_view_workflow(struct view_store *v, const struct run_row *run, const struct dialect **ret_dialect)
{
        struct problems p = {.arena = v->arena};
        struct submission s;
        struct error e;
        struct str message;
        *ret_dialect = dialect_by_name(run->language);
        if (!submission_decode(run->options, v->arena, &s, &e))
                return NULL;
        s.uid = run->uid;
        s.name = run->name;
        s.ns = run->ns;
        s.created_at = run->created_at;
        return document_compile(run->document, &s, &p, ret_dialect, &message, &e);
}
