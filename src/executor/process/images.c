/* What an image stands for on this machine, and where programs are. */
#include "executor/process/process.h"
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

static struct str *texts(const struct value *list, struct arena *a, size_t *ret_n)
{
        *ret_n = 0;
        if (!list || list->kind != VALUE_LIST)
                return NULL;
        struct str *p = arena_alloc_array(a, sizeof *p, list->list.n);
        for (size_t i = 0; i < list->list.n; i++)
                if (list->list.items[i].kind == VALUE_STRING)
                        p[(*ret_n)++] = list->list.items[i].text;
        return p;
}

static struct str text(const struct value *map, const char *key)
{
        const struct value *v = value_get_c(map, key);
        return v && v->kind == VALUE_STRING ? v->text : STR_NONE;
}

bool image_find(const struct value *map, struct str image, struct arena *a, struct image *ret)
{
        *ret = (struct image){0};
        for (size_t i = 0; map && map->kind == VALUE_LIST && i < map->list.n; i++) {
                const struct value *m = &map->list.items[i];
                struct str pattern = text(m, "pattern");
                if (!pattern.n || fnmatch(arena_cstr(a, pattern), arena_cstr(a, image), 0))
                        continue;
                ret->entrypoint = texts(value_get_c(m, "entrypoint"), a, &ret->entrypoint_n);
                ret->path = text(m, "path");
                ret->python = text(m, "python");
                ret->env = value_get_c(m, "env");
                return true;
        }
        return false;
}

static bool runs(const char *path)
{
        struct stat st;
        return !access(path, X_OK) && !stat(path, &st) && S_ISREG(st.st_mode);
}

struct str program_find(struct str name, struct str path, struct arena *a)
{
        while (path.p && name.n) {
                struct str dir = str_cut(&path, ':');
                struct str full = arena_printf(a, "%.*s/%.*s", STR_FMT(dir), STR_FMT(name));
                if (dir.n && runs(full.p))
                        return full;
        }
        return STR_NONE;
}
