/* Files of an attempt: what is put in its places before the command runs, what is read from them after. */
#include "executor/process/process.h"
#include "base/hash.h"
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

static bool stage_artifact(const struct task_artifact_in *x, const atomic_bool *cancel, struct arena *a, struct error *e)
{
        const char *to = arena_cstr(a, x->path), *from = arena_cstr(a, x->uri);
        struct stat st;
        int64_t bytes;
        if (!x->uri.n)
                return write_file(to, x->raw, x->mode, e);
        if (lstat(from, &st))
                return x->optional || error_set(e, ERROR_NOT_FOUND, "%s: %s", from, strerror(errno));
        if (!copy_tree(from, to, cancel, &bytes, e))
                return false;
        return !x->mode || !chmod(to, x->mode & 07777) || error_set(e, ERROR_IO, "changing the mode of %s: %s", to, strerror(errno));
}

bool stage_later(const struct later *later, const atomic_bool *cancel, struct arena *a, struct error *e)
{
        for (size_t i = 0; i < later->n; i++)
                if (!stage_artifact(&later->in[i], cancel, a, e))
                        return error_wrap(e, "input artifact '%.*s'", STR_FMT(later->in[i].name));
        return true;
}

/* Is it read in place? Not what the task's own /tmp would hide, unless the task has a file there. */
static bool is_there(const struct task_artifact_in *x, struct str to)
{
        struct stat st;
        return x->uri.n && str_eq(x->uri, x->path) && (str_eq(to, x->path) || !path_within(x->path, STR("/tmp")) || (!lstat(to.p, &st) && S_ISREG(st.st_mode)));
}

/* They are put there in their order, as one may lie in the folder of another. */
static void plan_artifacts(const struct places *p, const struct task_spec *spec, struct arena *a, struct later *ret)
{
        ret->in = arena_alloc_array(a, sizeof *ret->in, spec->artifacts_in_n);
        for (size_t i = 0; i < spec->artifacts_in_n; i++) {
                const struct task_artifact_in *x = &spec->artifacts_in[i];
                struct str to = place_of(p, x->path, a);
                if (!is_there(x, to))
                        ret->in[ret->n++] = (struct task_artifact_in){arena_str(a, x->name), to, arena_str(a, x->uri), arena_str(a, x->raw), x->mode, x->optional};
        }
}

/* What is not copied costs no more than a file of the task, and is written at once. */
static bool stage_artifacts(const struct places *p, const struct task_spec *spec, struct arena *a, struct later *ret, struct error *e)
{
        struct later all = {0};
        size_t n = 0;
        plan_artifacts(p, spec, a, &all);
        while (n < all.n && !all.in[n].uri.n)
                n++;
        *ret = (struct later){.in = all.in + n, .n = all.n - n};
        all.n = n;
        return stage_later(&all, NULL, a, e);
}

bool stage(const struct places *p, const struct task_spec *spec, struct arena *a, struct later *ret, struct error *e)
{
        if (!stage_places(p, a, e))
                return false;
        for (size_t i = 0; i < spec->folders_n; i++)
                if (!make_folders(place_of(p, spec->folders[i], a).p, e))
                        return false;
        for (size_t i = 0; i < spec->files_n; i++)
                if (!write_file(place_of(p, spec->files[i].path, a).p, spec->files[i].content, spec->files[i].mode, e))
                        return false;
        if (!stage_artifacts(p, spec, a, ret, e))
                return false;
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

/* Copied beside its place, under a name that a try which was cut off has left it, brought to disk, and put in place. */
static bool keep_copy(const struct places *p, const char *from, const char *to, const atomic_bool *cancel, struct arena *a, struct task_artifact_result *r, struct error *e)
{
        const char *slash = strrchr(to, '/'), *name = slash ? slash + 1 : to;
        const char *staged = arena_printf(a, "%.*s.weft-new-%08x", (int)(name - to), to, hash_fnv1a32(str_from(name))).p;
        remove_tree(staged);
        if (path_within(str_from(to), str_from(from)) && strcmp(from, to) != 0)
                return error_set(e, ERROR_INVALID, "%s holds the place where it is to be kept", from);
        bool ok = copy_tree(from, staged, cancel, &r->size_bytes, e) && sync_tree(staged, e);
        if (ok)
                r->digest = file_digest(staged, a);
        ok = ok && replace_tree(staged, to, e) && sync_parents(to, p->data, e);
        if (!ok)
                remove_tree(staged);
        return ok;
}

static bool keep_there(const struct places *p, const char *at, struct arena *a, struct task_artifact_result *r, struct error *e)
{
        r->size_bytes = tree_size(at);
        r->digest = file_digest(at, a);
        return sync_tree(at, e) && sync_parents(at, p->data, e);
}

/* `told`: where the task says that it left it; empty: where it was asked to. */
static void keep_artifact(const struct places *p, const struct task_artifact_out *x, struct str told, const atomic_bool *cancel, struct arena *a, struct task_artifact_result *r,
                          struct task_outcome *o)
{
        struct str from;
        struct stat st;
        struct error e = {0};
        struct str path = told.n ? told : x->path;
        bool in_place = !x->uri.n || str_eq(x->uri, path);
        *r = (struct task_artifact_result){x->name, false, in_place ? x->path : x->uri, STR_NONE, -1};
        if (!place_find(p, path, a, &from) || stat(from.p, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
                return;
        r->present = in_place ? keep_there(p, from.p, a, r, &e) : keep_copy(p, from.p, arena_cstr(a, x->uri), cancel, a, r, &e);
        if (!r->present)
                o->message = arena_printf(a, "keeping artifact '%.*s': %s", STR_FMT(x->name), e.text);
}

void collect(const struct places *p, const struct task_spec *spec, size_t max, const atomic_bool *cancel, struct arena *a, struct task_outcome *o)
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
                keep_artifact(p, x, readable && x->told.n ? told_path(&file, x->told) : STR(""), cancel, a, &o->artifacts[i], o);
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
