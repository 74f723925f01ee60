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

bool image_find(const struct value *map, struct str image, struct arena *a, struct image *ret)
{
        *ret = (struct image){0};
        for (size_t i = 0; map && map->kind == VALUE_LIST && i < map->list.n; i++) {
                const struct value *m = &map->list.items[i];
                struct str pattern = frame_text(m, "pattern");
                if (!pattern.n || fnmatch(arena_cstr(a, pattern), arena_cstr(a, image), 0))
                        continue;
                ret->entrypoint = texts(value_get_c(m, "entrypoint"), a, &ret->entrypoint_n);
                ret->path = frame_text(m, "path");
                ret->python = frame_text(m, "python");
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
        if (str_find_char(name, '/', 0) != SIZE_MAX)
                return runs(arena_cstr(a, name)) ? name : STR_NONE;
        while (path.p && name.n) {
                struct str dir = str_cut(&path, ':');
                struct str full = arena_printf(a, "%.*s/%.*s", STR_FMT(dir), STR_FMT(name));
                if (runs(full.p))
                        return full;
        }
        return STR_NONE;
}
