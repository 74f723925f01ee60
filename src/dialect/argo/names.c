/* Argo's names of nodes, and what is derived from them. */
#include "dialect/argo/argo.h"
#include "base/hash.h"

struct str argo_node_id(struct str workflow, struct str node_name, struct arena *a)
{
        if (str_eq(workflow, node_name))
                return workflow;
        return arena_printf(a, "%.*s-%u", STR_FMT(workflow), hash_fnv1a32(node_name));
}

struct str argo_pod_name(struct str workflow, struct str template, struct str node_name, struct arena *a)
{
        if (str_eq(workflow, node_name))
                return workflow;
        enum { NAME_MAX_BYTES = 253 };
        struct str prefix = arena_printf(a, "%.*s-%.*s", STR_FMT(workflow), STR_FMT(template));
        return arena_printf(a, "%.*s-%u", STR_FMT(str_sub(prefix, 0, NAME_MAX_BYTES - 11)), hash_fnv1a32(node_name));
}

/* The engine's path "main.[0].a(3)#1.hook:exit" in Argo's words. The texts of items further up are not known here: their index stands alone. */
struct str argo_site_name(const struct site *s)
{
        struct str path = s->ops->path(s->scope, s->arena), run = s->run->name;
        char *out = arena_alloc_raw(s->arena, run.n + path.n * 2 + 1, 1);
        size_t n = 0, i = s->workflow->root.name.n;
        memcpy(out, run.p ? run.p : "", run.n);
        n = run.n;
        for (; i < path.n; i++) {
                struct str rest = str_sub(path, i, path.n);
                if (str_starts(rest, STR(".[")))
                        continue;
                if (str_starts(rest, STR(".hook:"))) {
                        bool exit = str_starts(rest, STR(".hook:exit")) && (rest.n == 10 || strchr(".(#", rest.p[10]));
                        const char *word = exit ? ".onExit" : ".hooks.";
                        memcpy(out + n, word, strlen(word));
                        n += strlen(word);
                        i += exit ? 9 : 5;
                        continue;
                }
                if (path.p[i] == '#') {
                        out[n++] = '(';
                        for (i++; i < path.n && path.p[i] >= '0' && path.p[i] <= '9'; i++)
                                out[n++] = path.p[i];
                        out[n++] = ')';
                        i--;
                        continue;
                }
                out[n++] = path.p[i];
        }
        struct str name = {out, n};
        /* The innermost item's text is known when the name ends in its index. */
        if (s->has_item && n && out[n - 1] == ')') {
                struct str plain = arena_printf(s->arena, "(%u)", s->item_index);
                if (str_ends(name, plain))
                        name = arena_printf(s->arena, "%.*s(%.*s)", STR_FMT(str_sub(name, 0, n - plain.n)), STR_FMT(argo_item_name(s->item, s->item_index, s->arena)));
        }
        return name;
}
