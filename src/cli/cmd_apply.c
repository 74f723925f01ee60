/* weft apply: a folder of pipelines, schedules and presets, and a server that is to have them. What is the same is left alone, so that it can be run again at any
 * time; nothing is ever deleted.
 *
 *   DIR/…/NAME.yaml   a workflow or a compiled pipeline: becomes the pipeline NAME, a change of it a new version
 *   DIR/weft.yaml     {"recurring": [{"name", "pipeline": its name, …}], "presets": [{"name", "pipeline", "parameters"}]}: the rest as in the API */
#include "cli/cmd.h"
#include "cli/web.h"
#include "text/json.h"
#include "text/yaml.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 8, FILES_MAX = 10000, SHOWN_MAX = 20 };

struct applying {
        struct args *a;
        struct web w;
        bool dry;
        size_t made, changed, same;
        struct str *files; size_t files_n;
};

static bool is_document(const char *name)
{
        struct str s = str_from(name);
        return str_ends(s, STR(".yaml")) || str_ends(s, STR(".yml")) || str_ends(s, STR(".json"));
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

static bool collect(struct applying *x, const char *dir, int depth, struct error *e)
{
        DIR *d = opendir(dir);
        if (!d)
                return error_set(e, ERROR_USAGE, "reading the folder %s: %s", dir, strerror(errno));
        bool ok = true;
        for (struct dirent *f; ok && (f = readdir(d));) {
                struct stat st;
                struct str path = arena_printf(x->a->arena, "%s/%s", dir, f->d_name);
                if (f->d_name[0] == '.' || stat(path.p, &st))
                        continue;
                if (S_ISDIR(st.st_mode))
                        ok = depth == DEPTH_MAX ? error_set(e, ERROR_LIMIT, "the folder %s is more than %d deep", dir, DEPTH_MAX) : collect(x, path.p, depth + 1, e);
                else if (is_document(f->d_name) && !(depth == 0 && !strcmp(f->d_name, "weft.yaml"))) {
                        if (x->files_n == FILES_MAX)
                                ok = error_set(e, ERROR_LIMIT, "there are more than %d documents in the folder", FILES_MAX);
                        else
                                x->files[x->files_n++] = path;
                }
        }
        closedir(d);
        return ok;
}

static struct str text_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

static struct str scoped(struct applying *x, struct str path)
{
        struct str ns = web_escape(x->a->value[OPT_NAMESPACE], x->a->arena);
        return ns.n ? arena_printf(x->a->arena, "%.*s?namespace=%.*s", STR_FMT(path), STR_FMT(ns)) : path;
}

/* *ret_there false: the server does not know it (or not for us). */
static bool get(struct applying *x, struct str path, struct value *ret, bool *ret_there, struct error *e)
{
        *ret_there = web_call(&x->w, "GET", scoped(x, path), NULL, ret, e);
        return *ret_there || e->kind == ERROR_NOT_FOUND;
}

/* ---- pipelines ---- */

static size_t count_lines(struct str s)
{
        size_t n = 0;
        while (s.p && s.n) {
                str_cut(&s, '\n');
                n++;
        }
        return n;
}

static void show_lines(struct str s, char mark)
{
        for (size_t i = 0; s.p && s.n; i++) {
                struct str line = str_cut(&s, '\n');
                if (i == SHOWN_MAX) {
                        printf("    %c … %zu more lines\n", mark, count_lines(s) + 1);
                        return;
                }
                printf("    %c %.*s\n", mark, STR_FMT(line));
        }
}

/* What is between the lines that both begin and end with. */
static void show_difference(struct str old, struct str new)
{
        size_t head = 0, last = 0, tail = 0, max;
        while (head < old.n && head < new.n && old.p[head] == new.p[head])
                if (old.p[head++] == '\n')
                        last = head;
        head = last;
        max = (old.n < new.n ? old.n : new.n) - head;
        last = 0;
        while (tail < max && old.p[old.n - 1 - tail] == new.p[new.n - 1 - tail]) {
                if (new.p[new.n - 1 - tail] == '\n')
                        last = tail;
                tail++;
        }
        show_lines(str_sub(old, head, old.n - last), '-');
        show_lines(str_sub(new, head, new.n - last), '+');
}

static bool publish(struct applying *x, struct str name, struct str document, bool there, struct error *e)
{
        struct map_builder p = {.arena = x->a->arena}, m = {.arena = x->a->arena};
        struct value v;
        map_push(&p, STR("name"), value_string(name));
        if (x->a->value[OPT_NAMESPACE].n)
                map_push(&p, STR("namespace"), value_string(x->a->value[OPT_NAMESPACE]));
        map_push(&m, STR("document"), value_string(document));
        struct value pipeline = value_map(p.members, p.n), version = value_map(m.members, m.n);
        struct str escaped = web_escape(name, x->a->arena);
        return (there || web_call(&x->w, "POST", STR("/pipelines"), &pipeline, &v, e)) &&
               web_call(&x->w, "POST", scoped(x, arena_printf(x->a->arena, "/pipelines/%.*s/versions", STR_FMT(escaped))), &version, &v, e);
}

static struct str pipeline_name(struct str path)
{
        while (str_find_char(path, '/', 0) != SIZE_MAX)
                str_cut(&path, '/');
        return str_cut(&path, '.');
}

static bool apply_pipeline(struct applying *x, struct str path, struct error *e)
{
        struct arena *a = x->a->arena;
        struct str document, name = pipeline_name(path), escaped = web_escape(name, a);
        struct value pipeline, latest, checked, body;
        bool there, published = false;
        struct map_builder m = {.arena = a};
        if (!file_read(path.p, 64u << 20, a, &document, e) || !get(x, arena_printf(a, "/pipelines/%.*s", STR_FMT(escaped)), &pipeline, &there, e))
                return false;
        if (there && !get(x, arena_printf(a, "/pipelines/%.*s/versions/latest", STR_FMT(escaped)), &latest, &published, e))
                return false;
        struct str old = published ? text_of(&latest, "document") : STR_NONE;
        if (published && str_eq(old, document)) {
                x->same++;
                return true;
        }
        map_push(&m, STR("document"), value_string(document));
        body = value_map(m.members, m.n);
        if (!web_call(&x->w, "POST", STR("/check"), &body, &checked, e)) /* a dry run says as well what is wrong */
                return false;
        const struct value *valid = value_get_c(&checked, "valid"), *problems = value_get_c(&checked, "problems");
        for (size_t i = 0; valid && !valid->boolean && problems && problems->kind == VALUE_LIST && i < problems->list.n; i++) {
                int64_t line = 0;
                const struct value *at = value_get_c(&problems->list.items[i], "line"), *warning = value_get_c(&problems->list.items[i], "warning");
                if (warning && warning->kind == VALUE_BOOL && warning->boolean)
                        continue;
                if (at)
                        value_to_i64(at, &line);
                struct str what = text_of(&problems->list.items[i], "message");
                error_at(e, ERROR_INVALID, (uint32_t)line, 0, "%.*s", STR_FMT(what));
                snprintf(e->file, sizeof e->file, "%.*s", STR_FMT(path));
                return false;
        }
        printf("%s pipeline %.*s%s\n", published ? "~" : "+", STR_FMT(name), published ? ": a new version" : "");
        if (published)
                show_difference(old, document);
        *(published ? &x->changed : &x->made) += 1;
        return x->dry || publish(x, name, document, there, e);
}

/* ---- what weft.yaml lists ---- */

/* The members of `want` that the server has otherwise are said; false: nothing is different. */
static bool differs(const struct value *want, const struct value *has, struct arena *a, struct buf *said)
{
        bool any = false;
        for (size_t i = 0; i < want->map.n; i++) {
                const struct value_member *m = &want->map.members[i];
                const struct value *now = value_get(has, m->key);
                if (now && value_equal(now, &m->value))
                        continue;
                any = true;
                buf_addf(said, "    %.*s: %.*s -> %.*s\n", STR_FMT(m->key), STR_FMT(now ? json_text(now, JSON_COMPACT, a) : STR("none")), STR_FMT(json_text(&m->value, JSON_COMPACT, a)));
        }
        return any;
}

/* The entry without what only places it; `pipeline` as the id that the server gave. */
static struct value entry_body(struct applying *x, const struct value *entry, struct str pipeline_id, bool keeps_pipeline)
{
        struct map_builder m = {.arena = x->a->arena};
        for (size_t i = 0; i < entry->map.n; i++) {
                const struct value_member *k = &entry->map.members[i];
                if (!str_eq_c(k->key, "pipeline"))
                        map_push(&m, k->key, k->value);
                else if (keeps_pipeline)
                        map_push(&m, k->key, value_string(pipeline_id));
        }
        return value_map(m.members, m.n);
}

static bool apply_entry(struct applying *x, const struct value *entry, bool preset, struct error *e)
{
        struct arena *a = x->a->arena;
        struct str name = text_of(entry, "name"), pipeline = text_of(entry, "pipeline"), what = preset ? STR("preset") : STR("recurring run");
        struct value found, has;
        bool there = false, known = false;
        if (entry->kind != VALUE_MAP || !name.n || (preset && !pipeline.n))
                return error_at(e, ERROR_INVALID, entry->line, entry->column, "a %.*s has a name%s", STR_FMT(what), preset ? " and a pipeline" : "");
        struct str escaped = web_escape(pipeline, a), own = web_escape(name, a);
        if (pipeline.n && !get(x, arena_printf(a, "/pipelines/%.*s", STR_FMT(escaped)), &found, &known, e))
                return false;
        if (pipeline.n && !known && !x->dry)
                return error_at(e, ERROR_NOT_FOUND, entry->line, entry->column, "the pipeline %.*s of %.*s %.*s is neither in the folder nor on the server", STR_FMT(pipeline), STR_FMT(what), STR_FMT(name));
        struct str all = preset ? arena_printf(a, "/pipelines/%.*s/presets", STR_FMT(escaped)) : STR("/recurring"), one = arena_printf(a, "%.*s/%.*s", STR_FMT(all), STR_FMT(own));
        struct value body = entry_body(x, entry, known ? text_of(&found, "id") : pipeline, !preset), v;
        if ((!preset || known) && !get(x, one, &has, &there, e))
                return false;
        struct buf said = BUF(1 << 20);
        bool different = there && differs(&body, &has, a, &said);
        if (there && !different)
                x->same++;
        else {
                printf("%s %.*s %.*s\n", there ? "~" : "+", STR_FMT(what), STR_FMT(name));
                printf("%.*s", STR_FMT(buf_str(&said)));
                *(there ? &x->changed : &x->made) += 1;
        }
        buf_free(&said);
        if (x->dry || (there && !different))
                return true;
        return web_call(&x->w, there ? "PATCH" : "POST", scoped(x, there ? one : all), &body, &v, e) ||
               error_wrap(e, "%.*s %.*s (line %u)", STR_FMT(what), STR_FMT(name), entry->line);
}

static bool apply_list(struct applying *x, const struct value *map, const char *key, bool preset, struct error *e)
{
        const struct value *list = value_get_c(map, key);
        if (list && list->kind != VALUE_LIST)
                return error_at(e, ERROR_INVALID, list->line, list->column, "%s is a list", key);
        for (size_t i = 0; list && i < list->list.n; i++)
                if (!apply_entry(x, &list->list.items[i], preset, e))
                        return false;
        return true;
}

static bool apply_file(struct applying *x, const char *dir, struct error *e)
{
        struct str path = arena_printf(x->a->arena, "%s/weft.yaml", dir), text;
        struct value *documents;
        size_t n;
        struct stat st;
        if (stat(path.p, &st))
                return true;
        bool ok = file_read(path.p, 16u << 20, x->a->arena, &text, e) && yaml_read(text, YAML_CORE, NULL, x->a->arena, &documents, &n, e);
        for (size_t i = 0; ok && i < n; i++) {
                if (documents[i].kind != VALUE_MAP)
                        ok = error_at(e, ERROR_INVALID, documents[i].line, documents[i].column, "weft.yaml is a map with the lists `recurring` and `presets`");
                for (size_t k = 0; ok && k < documents[i].map.n; k++)
                        if (!str_eq_c(documents[i].map.members[k].key, "recurring") && !str_eq_c(documents[i].map.members[k].key, "presets"))
                                ok = error_at(e, ERROR_INVALID, documents[i].map.members[k].line, documents[i].map.members[k].column, "weft.yaml has no \"%.*s\": it has `recurring` and `presets`",
                                              STR_FMT(documents[i].map.members[k].key));
                ok = ok && apply_list(x, &documents[i], "recurring", false, e) && apply_list(x, &documents[i], "presets", true, e);
        }
        if (!ok && e->line && !e->file[0])
                snprintf(e->file, sizeof e->file, "%.*s", STR_FMT(path));
        return ok;
}

static int apply(struct args *a)
{
        struct error e;
        struct applying x = {.a = a, .dry = a->given[OPT_DRY_RUN], .files = ARENA_ARRAY(a->arena, struct str, FILES_MAX)};
        if (!a->given[OPT_FROM]) {
                error_set(&e, ERROR_USAGE, "`weft apply` needs a folder: -f DIR");
                return fail(&e);
        }
        if (!web_server(a).n) {
                error_set(&e, ERROR_USAGE, "`weft apply` publishes to a server: say which with --server URL, or $WEFT_SERVER");
                return fail(&e);
        }
        const char *dir = arena_cstr(a->arena, a->value[OPT_FROM]);
        bool ok = collect(&x, dir, 0, &e) && web_open(&x.w, a, &e);
        if (ok)
                qsort(x.files, x.files_n, sizeof *x.files, by_text);
        for (size_t i = 0; ok && i < x.files_n; i++) {
                for (size_t k = 0; ok && k < i; k++)
                        if (str_eq(pipeline_name(x.files[k]), pipeline_name(x.files[i])))
                                ok = error_set(&e, ERROR_INVALID, "%.*s and %.*s are both the pipeline %.*s: rename one", STR_FMT(x.files[k]), STR_FMT(x.files[i]), STR_FMT(pipeline_name(x.files[i])));
                ok = ok && apply_pipeline(&x, x.files[i], &e);
        }
        ok = ok && apply_file(&x, dir, &e);
        if (ok)
                printf("%s%zu made, %zu changed, %zu the same\n", x.dry ? "would be: " : "", x.made, x.changed, x.same);
        web_close(&x.w);
        return put_status(ok ? EXIT_OK : fail(&e));
}

const struct command_def cmd_apply = {"apply", "", "publish a folder of pipelines, schedules and presets to a server",
                                      "Each NAME.yaml in the folder and below it is the pipeline NAME; a change of it becomes a new version. `weft.yaml` at its top lists `recurring` runs and `presets`, which name their pipeline. What "
                                      "the server has already is left alone, and nothing is deleted, so that it can be run after every change in Git.",
                                      BIT(OPT_FROM) | BIT(OPT_DRY_RUN) | BIT(OPT_SERVER) | BIT(OPT_NAMESPACE) | BIT(OPT_HELP), 0, 0, apply, false};
