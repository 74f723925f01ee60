/* weft logs */
#include "cli/cmd.h"
#include "cli/web.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <uthash.h>

/* How far an attempt's log has been printed. */
struct place_key { uint32_t node, epoch, attempt; };
struct printed { struct place_key key; off_t at; bool done; UT_hash_handle hh; };
struct logs {
        struct args *a;
        struct view_store v;
        struct run_row run;
        struct str node;
        struct printed *printed;  /* -f: by attempt */
        int watch;                /* -f: an inotify descriptor */
        bool follow, prefix, found;
        struct arena *scratch;
};

static struct printed *printed_of(struct logs *l, uint32_t node, uint32_t epoch, uint32_t attempt)
{
        struct place_key key = {node, epoch, attempt};
        struct printed *p;
        HASH_FIND(hh, l->printed, &key, sizeof key, p);
        if (p)
                return p;
        p = calloc(1, sizeof *p);
        if (!p)
                abort();
        p->key = key;
        HASH_ADD(hh, l->printed, key, sizeof p->key, p);
        return p;
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

/* Whole lines from *at on; moves *at behind them. */
static void print_log(struct logs *l, int fd, struct str label, off_t *at)
{
        static char chunk[1 << 20];
        ssize_t got;
        while ((got = pread(fd, chunk, sizeof chunk, *at)) > 0) {
                ssize_t whole = got;
                while (whole > 0 && chunk[whole - 1] != '\n')
                        whole--;
                if (!whole && got < (ssize_t)sizeof chunk)
                        break; /* the line is not finished */
                if (!whole)
                        whole = got;
                print_lines(l, label, (struct str){chunk, (size_t)whole});
                *at += whole;
        }
}

static void attempt_log(struct logs *l, const struct node_row *n, uint32_t attempt, struct str label)
{
        struct attempt_id id = {l->run.uid, n->no, n->epoch, attempt};
        struct printed once = {0}, *p = l->follow ? printed_of(l, n->no, n->epoch, attempt) : &once;
        if (p->done)
                return;
        const char *path = arena_cstr(l->scratch, backends.executors[0]->log_path(l->v.folder, &id, l->scratch));
        bool last = node_state_final(n->state) || attempt < n->attempt; /* as stored before the log is read: nothing comes after */
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
                print_log(l, fd, label, &p->at);
                close(fd);
        }
        p->done = last;
        if (l->watch >= 0 && !last && inotify_add_watch(l->watch, path, IN_MODIFY) < 0) { /* not written yet: look for it in its folder */
                char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
                if (slash)
                        *slash = 0;
                if (slash)
                        inotify_add_watch(l->watch, folder, IN_CREATE);
                free(folder);
        }
}

static bool wanted(const struct logs *l, const struct node_row *n, struct str label)
{
        int64_t no;
        if (!l->node.n)
                return true;
        return str_eq(l->node, label) || str_eq(l->node, n->name) || (str_to_i64(l->node, &no) && no == n->no);
}

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

/* A step in a loop's item is told from its siblings by the item: "for-loop-1(2)/convert". */
static struct str full_label(const struct node_list *list, const struct node_row *n, struct arena *a)
{
        const struct node_row *up = row_of(list, n->parent);
        struct str label = node_label(n, up, a);
        if (n->role == NODE_ROLE_ATTEMPT && up) /* its label has its parent's in it */
                up = row_of(list, up->parent);
        for (; up; up = row_of(list, up->parent))
                if (up->role == NODE_ROLE_ITEM)
                        label = arena_printf(a, "%.*s/%.*s", STR_FMT(node_label(up, NULL, a)), STR_FMT(label));
        return label;
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
                struct str label = full_label(&list, n, l->scratch);
                for (uint32_t k = 0; n->kind == NODE_KIND_TASK && k <= n->attempt; k++)
                        attempt_log(l, n, k, label);
        }
        free(list.p);
        put_flush();
        return ok;
}

/* Until a log grows or the database has a commit. Where that cannot be watched, or a file appears between looking and watching, a second. */
static void wait_for_news(struct logs *l)
{
        static char news[65536];
        struct pollfd p = {.fd = l->watch, .events = POLLIN};
        if (poll(&p, l->watch >= 0, 1000) > 0)
                while (read(l->watch, news, sizeof news) > 0) {
                }
}

static void watch_begin(struct logs *l)
{
        l->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (l->watch >= 0)
                inotify_add_watch(l->watch, arena_cstr(l->v.arena, arena_printf(l->v.arena, "%.*s/weft.db-wal", STR_FMT(l->v.folder))), IN_MODIFY);
}

static bool print_to_the_end(struct logs *l, struct error *e)
{
        struct str uid = l->run.uid;
        if (l->follow)
                watch_begin(l);
        for (;;) {
                arena_reset(l->scratch);
                l->run.uid = uid;
                if (!print_all(l, e))
                        return false;
                if (!l->follow || run_state_final(l->run.state) || ferror(stdout))
                        return true;
                wait_for_news(l);
        }
}

static void logs_close(struct logs *l)
{
        struct printed *p, *next;
        HASH_ITER(hh, l->printed, p, next) {
                HASH_DEL(l->printed, p);
                free(p);
        }
        if (l->watch >= 0)
                close(l->watch);
        arena_free(l->scratch);
        store_view_close(&l->v);
}

static int logs(struct args *a)
{
        if (web_server(a).n)
                return remote_logs(a);
        struct error e;
        bool exists;
        struct logs l = {.a = a, .node = a->words_n > 1 ? a->words[1] : STR_NONE, .prefix = a->words_n < 2, .follow = a->given[OPT_FOLLOW], .watch = -1, .scratch = arena_new()};
        bool ok = store_view_open(&l.v, a, &exists, &e) && store_view_run(&l.v, a->words[0], &l.run, &e);
        struct str name = l.run.name;
        ok = ok && print_to_the_end(&l, &e);
        if (ok && l.node.n && !l.found)
                ok = error_set(&e, ERROR_NOT_FOUND, "run %.*s has no step %.*s; `weft get %.*s` shows its steps", STR_FMT(name), STR_FMT(l.node), STR_FMT(name));
        logs_close(&l);
        return ok ? EXIT_OK : fail(&e);
}

const struct command_def cmd_logs = {"logs", "RUN [NODE]", "print what the steps of a run said",
                                     "NODE is a step's name, or its number as `weft get RUN -o json` shows it. Without it every line starts with the step it is from.",
                                     BIT(OPT_FOLLOW) | BIT(OPT_SERVER) | COMMON, 1, 2, logs, false};
