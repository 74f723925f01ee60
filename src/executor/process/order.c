/* What the shepherd is told to start: command, environment, folders and mounts of one attempt, as one frame. */
#include "executor/process/process.h"
#include <stdlib.h>

static struct str default_path(void)
{
        const char *path = getenv("PATH");
        return path && *path ? str_from(path) : STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

/* Nothing of Weft's own environment but PATH: what the executor says, then the image, then the task. */
static void environment_make(struct environment *env, const struct places *p, const struct task_spec *spec, const struct image *image)
{
        struct str path = default_path();
        env_put(env, STR("PATH"), image->path.n ? arena_printf(env->arena, "%.*s:%.*s", STR_FMT(image->path), STR_FMT(path)) : path);
        env_put(env, STR("HOME"), p->private ? STR("/tmp") : p->folder);
        env_put(env, STR("LANG"), STR("C.UTF-8"));
        env_put(env, STR("TMPDIR"), STR("/tmp"));
        if (image->env && image->env->kind == VALUE_MAP)
                for (size_t i = 0; i < image->env->map.n; i++)
                        if (image->env->map.members[i].value.kind == VALUE_STRING)
                                env_put(env, image->env->map.members[i].key, image->env->map.members[i].value.text);
        for (size_t i = 0; i < spec->env_n; i++)
                env_put(env, spec->env[i].name, spec->env[i].value);
}

/* ---- the command ---- */

struct words { struct str *w; size_t n; };

static void words_add(struct words *to, const struct str *w, size_t n)
{
        if (n)
                memcpy(to->w + to->n, w, n * sizeof *w);
        to->n += n;
}

/* Folder of the interpreter that the image map names. */
static struct str python_bin(const struct image *image)
{
        struct str p = image->python;
        while (p.n && p.p[p.n - 1] != '/')
                p.n--;
        return p.n > 1 ? str_sub(p, 0, p.n - 1) : STR_NONE;
}

static void command_make(const struct task_spec *spec, const struct image *image, struct environment *env, struct words *ret, struct str *ret_keep)
{
        struct str bin = python_bin(image), path = env_get(env, STR("PATH"));
        struct str *before = NULL;
        size_t before_n = 0;
        if (bin.n)
                env_put(env, STR("PATH"), arena_printf(env->arena, "%.*s:%.*s", STR_FMT(bin), STR_FMT(path)));
        else
                before = python_environment(spec, env, &before_n, ret_keep);
        ret->w = arena_alloc_array(env->arena, sizeof *ret->w, before_n + spec->command_n + image->entrypoint_n + spec->args_n + 1);
        words_add(ret, before, before_n);
        if (spec->command_n)
                words_add(ret, spec->command, spec->command_n);
        else
                words_add(ret, image->entrypoint, image->entrypoint_n);
        words_add(ret, spec->args, spec->args_n);
}

/* What only isolation explains. */
static bool program_there(const struct places *p, struct str name, struct arena *a, struct error *e)
{
        struct str at;
        return !name.n || place_find(p, name, a, &at) ||
               error_set(e, ERROR_NOT_FOUND, "the command '%.*s' is not there: each step has a /tmp of its own (setting executor.process.isolation)", STR_FMT(name));
}

bool order_finish(const struct places *p, const struct later *later, const atomic_bool *cancel, struct arena *a, struct error *e)
{
        return stage_later(later, cancel, a, e) && program_there(p, later->program, a, e);
}

/* A name without a slash is looked up; one with a slash is the kernel's business, but in the task's own /tmp, once all is there. */
static bool program_of(const struct places *p, struct str name, const struct environment *env, struct arena *a, struct later *later, struct str *ret, struct error *e)
{
        *ret = name;
        if (str_find_char(name, '/', 0) == SIZE_MAX) {
                *ret = program_find(name, env_get(env, STR("PATH")), a);
                return ret->n || error_set(e, ERROR_NOT_FOUND, "the command '%.*s' is not on this machine (looked in %.*s); images are not used here", STR_FMT(name),
                                           STR_FMT(env_get(env, STR("PATH"))));
        }
        if (p->private && path_within(name, STR("/tmp")) && !path_within(name, p->data))
                later->program = arena_str(a, name);
        return later->n || program_there(p, later->program, a, e);
}

/* ---- writing ---- */

static void put_list(struct buf *b, enum field f, const struct str *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                field_put(b, f, s[i]);
}

static void put_mounts(struct buf *b, const struct places *p, struct arena *a)
{
        for (size_t i = 0; i < p->dirs_n; i++) {
                field_put(b, FIELD_OVER, p->dirs[i].dir);
                field_put(b, FIELD_UPPER, place_upper(p, i, a));
                if (!p->dirs[i].mirror)
                        field_put(b, FIELD_WORK, arena_printf(a, "%.*s/over%zu/work", STR_FMT(p->folder), i));
                for (char **entry = p->dirs[i].entries; entry && *entry; entry++)
                        field_put(b, FIELD_ENTRY, str_from(*entry));
        }
}

static struct str parent_of(struct str path)
{
        while (path.n > 1 && path.p[path.n - 1] != '/')
                path.n--;
        return path.n > 1 ? str_sub(path, 0, path.n - 1) : path;
}

static void writable_add(struct words *w, const struct places *p, struct str folder)
{
        if (!folder.n || !path_within(folder, p->data))
                return;
        for (size_t i = 0; i < w->n; i++)
                if (path_within(folder, w->w[i]))
                        return;
        w->w[w->n++] = folder;
}

/* In the sandbox: the folders of the data folder that the task writes to. */
static void put_writable(struct buf *b, const struct places *p, const struct task_spec *spec, struct str also, struct arena *a)
{
        struct words w = {arena_alloc_array(a, sizeof *w.w, spec->folders_n + spec->params_out_n + spec->artifacts_out_n + 2), 0};
        for (size_t i = 0; i < spec->folders_n; i++)
                writable_add(&w, p, path_clean(spec->folders[i], a));
        for (size_t i = 0; i < spec->params_out_n; i++)
                writable_add(&w, p, parent_of(path_clean(spec->params_out[i].path, a)));
        for (size_t i = 0; i < spec->artifacts_out_n; i++)
                writable_add(&w, p, parent_of(path_clean(spec->artifacts_out[i].path, a)));
        if (spec->outcome_file.n)
                writable_add(&w, p, parent_of(path_clean(spec->outcome_file, a)));
        if (also.n)
                w.w[w.n++] = also;
        put_list(b, FIELD_WRITABLE, w.w, w.n);
}

static void put_isolation(struct buf *b, const struct order *o, const struct places *p, const struct task_spec *spec, struct str environments, struct arena *a)
{
        struct str keep[2];
        size_t n = 0;
        field_put(b, FIELD_TMP, arena_printf(a, "%.*s/tmp", STR_FMT(p->folder)));
        if (places_cover(p, p->data))
                keep[n++] = p->data;
        if (environments.n && places_cover(p, environments))
                keep[n++] = environments;
        put_list(b, FIELD_KEEP, keep, n);
        put_mounts(b, p, a);
        if (o->sandbox) {
                field_int(b, FIELD_SANDBOX, 1);
                put_writable(b, p, spec, environments, a);
                field_put(b, FIELD_HIDE, p->data);
                for (size_t i = 0; i < spec->artifacts_in_n; i++) { /* those that are read in place */
                        struct str path = path_clean(spec->artifacts_in[i].path, a);
                        if (path.n > p->data.n && path_within(path, p->data))
                                field_put(b, FIELD_SHOW, path);
                }
                if (environments.n && path_within(environments, p->data))
                        field_put(b, FIELD_SHOW, environments);
        }
}

static bool plain(const struct str *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i].n && memchr(s[i].p, 0, s[i].n))
                        return false;
        return true;
}

bool order_make(const struct order *o, struct str key, int64_t scratch, const struct places *p, const struct task_spec *spec, struct arena *a, struct buf *b, struct later *later,
                struct error *e)
{
        struct image image = {0};
        struct environment env = {.arena = a};
        struct words argv = {0};
        struct str environments = STR_NONE, program;
        if (spec->image.n)
                image_find(o->images, spec->image, a, &image);
        environment_make(&env, p, spec, &image);
        if (!spec->command_n && !image.entrypoint_n)
                return error_set(e, ERROR_INVALID,
                                 "the step names no command, and what image '%.*s' would run is not known on this machine: add a command, or an entry for the image to the setting "
                                 "executor.process.images",
                                 STR_FMT(spec->image));
        command_make(spec, &image, &env, &argv, &environments);
        if (!plain(argv.w, argv.n) || !plain(env.lines, env.n))
                return error_set(e, ERROR_INVALID, "an argument or environment variable holds a NUL byte, which no process can be given");
        if (!stage(p, spec, a, later, e) || !program_of(p, argv.w[0], &env, a, later, &program, e))
                return false;
        int64_t grace_us = spec->grace_us ? spec->grace_us : o->set->grace_us ? o->set->grace_us : 10 * US_PER_S;
        field_put(b, FIELD_DO, STR("start"));
        field_put(b, FIELD_KEY, key);
        field_put(b, FIELD_PROGRAM, program);
        field_put(b, FIELD_FOLDER, p->logs);
        field_int(b, FIELD_SCRATCH, scratch);
        put_list(b, FIELD_ARG, argv.w, argv.n);
        put_list(b, FIELD_ENV, env.lines, env.n);
        field_put(b, FIELD_CWD, p->cwd);
        if (spec->wants_result)
                field_int(b, FIELD_RESULT, 1);
        field_int(b, FIELD_LOG_MAX, (int64_t)o->set->log_bytes_max);
        field_int(b, FIELD_GRACE, grace_us);
        if (spec->memory_bytes)
                field_int(b, FIELD_MEMORY, spec->memory_bytes);
        if (spec->cpu_milli)
                field_int(b, FIELD_CPU, spec->cpu_milli);
        if (p->private)
                put_isolation(b, o, p, spec, environments, a);
        return !b->overflow || error_set(e, ERROR_LIMIT, "its command, arguments and environment are longer than %d bytes together", FRAME_MAX);
}
