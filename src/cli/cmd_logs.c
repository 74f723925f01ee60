/* weft logs */
#include "cli/cmd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How far each attempt's log has been printed. */
struct printed { uint32_t node, epoch, attempt; off_t at; };
struct logs {
        struct args *a;
        struct view_store v;
        struct run_row run;
        struct str node;
        struct printed *p; size_t n, cap;
        bool prefix, found;
        struct arena *scratch;
};

static struct printed *printed_of(struct logs *l, uint32_t node, uint32_t epoch, uint32_t attempt)
{
        for (size_t i = l->n; i-- > 0;)
                if (l->p[i].node == node && l->p[i].epoch == epoch && l->p[i].attempt == attempt)
                        return &l->p[i];
        if (l->n == l->cap) {
                l->cap = l->cap ? l->cap * 2 : 32;
                l->p = realloc(l->p, l->cap * sizeof *l->p);
                if (!l->p)
                        abort();
        }
        l->p[l->n] = (struct printed){node, epoch, attempt, 0};
        return &l->p[l->n++];
}

/* A stored line is "<time> <o|e> <text>": people want the text. */
static void print_lines(struct logs *l, struct str label, struct str text)
{
        while (text.n) {
                struct str line = str_cut(&text, '\n');
                size_t t = str_find_char(line, ' ', 0);
                struct str said = t == SIZE_MAX || t + 3 > line.n ? line : str_sub(line, t + 3, line.n);
                if (l->prefix)
                        printf("%.*s: ", STR_FMT(label));
                printf("%.*s\n", STR_FMT(said));
        }
}

static void print_log(struct logs *l, const struct node_row *n, uint32_t attempt, struct str label)
{
        struct attempt_id id = {l->run.uid, n->no, n->epoch, attempt};
        struct str path = backends.executors[0]->log_path(l->v.folder, &id, l->scratch);
        int fd = open(arena_cstr(l->scratch, path), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        struct printed *at = printed_of(l, n->no, n->epoch, attempt);
        static char chunk[1 << 20];
        ssize_t got;
        while ((got = pread(fd, chunk, sizeof chunk, at->at)) > 0) {
                ssize_t whole = got;
                while (whole > 0 && chunk[whole - 1] != '\n')
                        whole--;
                if (!whole && got < (ssize_t)sizeof chunk)
                        break; /* the line is not finished */
                if (!whole)
                        whole = got;
                print_lines(l, label, (struct str){chunk, (size_t)whole});
                at->at += whole;
        }
        close(fd);
}

static bool wanted(const struct logs *l, const struct node_row *n, struct str label)
{
        int64_t no;
        if (!l->node.n)
                return true;
        return str_eq(l->node, label) || str_eq(l->node, n->name) || (str_to_i64(l->node, &no) && no == n->no);
}

struct visited { struct logs *l; struct node_list nodes; };

static const struct node_row *row_of(const struct node_list *list, uint32_t no)
{
        for (size_t from = 0, to = list->n; from < to;) {
                size_t at = (from + to) / 2;
                if (list->p[at].no == no)
                        return &list->p[at];
                if (list->p[at].no < no)
                        from = at + 1;
                else
                        to = at;
        }
        return NULL;
}

/* A step may be named by any of the nodes around its attempt. */
static bool wanted_above(const struct logs *l, const struct node_list *list, const struct node_row *n)
{
        for (int up = 0; n && up < 1000; up++, n = row_of(list, n->parent))
                if (wanted(l, n, node_label(n, row_of(list, n->parent), l->scratch)))
                        return true;
        return false;
}

static bool print_all(struct logs *l, struct error *e)
{
        struct arena *keep = l->v.arena;
        struct node_list list = {0};
        l->v.arena = l->scratch;
        bool ok = store_view_run(&l->v, l->run.uid, &l->run, e) && store_view_nodes(&l->v, l->run.uid, &list, e);
        l->v.arena = keep;
        for (size_t i = 0; ok && i < list.n; i++) {
                const struct node_row *n = &list.p[i];
                if (n->kind != NODE_KIND_TASK && !l->node.n)
                        continue;
                if (!wanted_above(l, &list, n))
                        continue;
                l->found = true;
                struct str label = node_label(n, row_of(&list, n->parent), l->scratch);
                for (uint32_t k = 0; n->kind == NODE_KIND_TASK && k <= n->attempt; k++)
                        print_log(l, n, k, label);
        }
        free(list.p);
        fflush(stdout);
        return ok;
}

static int logs(struct args *a)
{
        struct error e;
        bool exists;
        struct logs l = {.a = a, .node = a->words_n > 1 ? a->words[1] : STR_NONE, .prefix = a->words_n < 2, .scratch = arena_new()};
        if (!store_view_open(&l.v, a, &exists, &e) || !store_view_run(&l.v, a->words[0], &l.run, &e)) {
                arena_free(l.scratch);
                store_view_close(&l.v);
                return fail(&e);
        }
        struct str uid = l.run.uid, name = l.run.name;
        bool ok, end;
        do {
                arena_reset(l.scratch);
                l.run.uid = uid;
                ok = print_all(&l, &e);
                end = !ok || !a->given[OPT_FOLLOW] || run_state_final(l.run.state) || ferror(stdout);
                if (!end)
                        usleep(100000);
        } while (!end);
        if (ok && l.node.n && !l.found)
                ok = error_set(&e, ERROR_NOT_FOUND, "run %.*s has no step %.*s; `weft get %.*s` shows its steps", STR_FMT(name), STR_FMT(l.node), STR_FMT(name));
        free(l.p);
        arena_free(l.scratch);
        store_view_close(&l.v);
        return ok ? EXIT_OK : fail(&e);
}

const struct command_def cmd_logs = {"logs", "RUN [NODE]", "print what the steps of a run said",
                                     "NODE is a step's name, or its number as `weft get RUN -o json` shows it. Without it every line starts with the step it is from.",
                                     BIT(OPT_FOLLOW) | COMMON, 1, 2, logs, false};
