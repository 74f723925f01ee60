/* Files of an attempt: what is put in its places before the command runs, what is read from them after. */
#include "executor/process/process.h"
#include "text/json.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- before ---- */

/* Something to bind each entry of a mirrored folder onto; its links are made anew. */
static bool make_entries(const struct place *d, struct str upper, struct arena *a, struct error *e)
{
        for (char **entry = d->entries; *entry; entry++) {
                const char *from = arena_printf(a, "%.*s/%s", STR_FMT(d->dir), *entry).p, *to = arena_printf(a, "%.*s/%s", STR_FMT(upper), *entry).p;
                struct stat st;
                char link[4096];
                if (lstat(from, &st))
                        continue; /* gone again */
                if (S_ISDIR(st.st_mode)) {
                        if (!make_folders(to, e))
                                return false;
                } else if (S_ISLNK(st.st_mode)) {
                        ssize_t n = readlink(from, link, sizeof link - 1);
                        if (n > 0) {
                                link[n] = 0;
                                if (symlink(link, to) && errno != EEXIST)
                                        return error_set(e, ERROR_IO, "making the link %s: %s", to, strerror(errno));
                        }
                } else if (!write_file(to, STR(""), 0, e))
                        return false;
        }
        return true;
}

static bool stage_places(const struct places *p, struct arena *a, struct error *e)
{
        for (size_t i = 0; i < p->dirs_n; i++) {
                struct str upper = place_upper(p, i, a);
                if (!make_folders(upper.p, e))
                        return false;
                if (!p->dirs[i].mirror && !make_folders(arena_printf(a, "%.*s/over%zu/work", STR_FMT(p->folder), i).p, e))
                        return false;
                if (p->dirs[i].mirror && !make_entries(&p->dirs[i], upper, a, e))
                        return false;
        }
        return true;
}

static bool stage_artifact(const struct places *p, const struct task_artifact_in *x, struct arena *a, struct error *e)
{
        struct str to = place_of(p, x->path, a);
        struct stat st;
        int64_t bytes;
        if (!x->uri.n)
                return write_file(to.p, x->raw, x->mode, e);
        /* Read in place, but for what the task's own /tmp would hide. The same file may be wanted twice. */
        bool there = str_eq(to, x->path) || !path_within(x->path, STR("/tmp")) || (!lstat(to.p, &st) && S_ISREG(st.st_mode));
        if (str_eq(x->uri, x->path) && there)
                return true;
        const char *from = arena_cstr(a, x->uri);
        if (lstat(from, &st))
                return x->optional || error_set(e, ERROR_NOT_FOUND, "%s: %s", from, strerror(errno));
        if (!copy_tree(from, to.p, &bytes, e))
                return false;
        return !x->mode || !chmod(to.p, x->mode & 07777) || error_set(e, ERROR_IO, "changing the mode of %s: %s", to.p, strerror(errno));
}

bool stage(const struct places *p, const struct task_spec *spec, struct arena *a, struct error *e)
{
        if (!stage_places(p, a, e))
                return false;
        for (size_t i = 0; i < spec->folders_n; i++)
                if (!make_folders(place_of(p, spec->folders[i], a).p, e))
                        return false;
        for (size_t i = 0; i < spec->files_n; i++)
                if (!write_file(place_of(p, spec->files[i].path, a).p, spec->files[i].content, spec->files[i].mode, e))
                        return false;
        for (size_t i = 0; i < spec->artifacts_in_n; i++)
                if (!stage_artifact(p, &spec->artifacts_in[i], a, e))
                        return error_wrap(e, "input artifact '%.*s'", STR_FMT(spec->artifacts_in[i].name));
        for (size_t i = 0; i < spec->params_out_n; i++)
                if (!make_parents(place_of(p, spec->params_out[i].path, a).p, e))
                        return false;
        for (size_t i = 0; i < spec->artifacts_out_n; i++)
                if (!make_parents(place_of(p, spec->artifacts_out[i].path, a).p, e))
                        return false;
        return !spec->outcome_file.n || make_parents(place_of(p, spec->outcome_file, a).p, e);
}

/* ---- after ---- */

static int open_found(const char *path, bool links) { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (links ? 0 : O_NOFOLLOW)); }

static void read_output(const struct places *p, struct str path, size_t max, struct arena *a, struct task_output *ret)
{
        struct str at;
        if (place_find(p, path, a, &at))
                read_fd(open_found(at.p, !p->private), max, a, ret);
}

/* What stands in the outcome file at `keys`; empty: no text does. */
static struct str told_path(const struct value *file, struct str keys)
{
        const struct value *v = file;
        int64_t i;
        while (v && keys.p && keys.n) {
                struct str key = str_cut(&keys, '/');
                if (v->kind == VALUE_LIST)
                        v = str_to_i64(key, &i) && i >= 0 && (uint64_t)i < v->list.n ? &v->list.items[i] : NULL;
                else
                        v = value_get(v, key);
        }
        return v && v->kind == VALUE_STRING ? v->text : STR("");
}

/* `told`: where the task says that it left it; empty: where it was asked to. */
static void keep_artifact(const struct places *p, const struct task_artifact_out *x, struct str told, struct arena *a, struct task_artifact_result *r, struct task_outcome *o)
{
        struct str from;
        struct stat st;
        struct error e = {0};
        *r = (struct task_artifact_result){x->name, false, x->uri, STR_NONE, -1};
        if (!place_find(p, told.n ? told : x->path, a, &from) || stat(from.p, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
                return;
        if (!x->uri.n || str_eq(x->uri, told.n ? told : x->path)) { /* it stays where it is */
                r->uri = x->path;
                r->size_bytes = tree_size(from.p);
                r->digest = file_digest(from.p, a);
                r->present = true;
                return;
        }
        const char *to = arena_cstr(a, x->uri);
        remove_tree(to); /* of a try to keep it that was cut off */
        if (!copy_tree(from.p, to, &r->size_bytes, &e)) {
                o->message = arena_printf(a, "keeping artifact '%.*s': %s", STR_FMT(x->name), e.text);
                return;
        }
        r->digest = file_digest(to, a);
        r->present = true;
}

void collect(const struct places *p, const struct task_spec *spec, size_t max, struct arena *a, struct task_outcome *o)
{
        o->params = arena_alloc_array(a, sizeof *o->params, spec->params_out_n);
        o->params_n = spec->params_out_n;
        for (size_t i = 0; i < spec->params_out_n; i++) {
                o->params[i].name = spec->params_out[i].name;
                read_output(p, spec->params_out[i].path, max, a, &o->params[i]);
        }
        if (spec->outcome_file.n)
                read_output(p, spec->outcome_file, max, a, &o->file);
        o->artifacts = arena_alloc_array(a, sizeof *o->artifacts, spec->artifacts_out_n);
        o->artifacts_n = spec->artifacts_out_n;
        struct value file = value_null;
        bool readable = spec->artifacts_out_n && o->file.present && !o->file.truncated && json_read(o->file.content, NULL, a, &file, NULL);
        for (size_t i = 0; i < spec->artifacts_out_n; i++) {
                const struct task_artifact_out *x = &spec->artifacts_out[i];
                keep_artifact(p, x, readable && x->told.n ? told_path(&file, x->told) : STR(""), a, &o->artifacts[i], o);
        }
        if (spec->wants_result) {
                o->result.present = true;
                o->result.content = STR("");
                /* it is written with one byte more than that when something was cut off */
                read_fd(open_found(arena_printf(a, "%.*s/result", STR_FMT(p->logs)).p, false), RESULT_BYTES_MAX + 1, a, &o->result);
                o->result.truncated = o->result.content.n > RESULT_BYTES_MAX;
                if (o->result.truncated)
                        o->result.content = str_sub(o->result.content, 1, o->result.content.n);
        }
}
