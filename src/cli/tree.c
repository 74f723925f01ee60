/* What a terminal shows of a run: a tree that is drawn over itself while the run goes on, or plain lines when nobody watches. */
#include "cli/cli.h"
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct leaf { /* what is kept of a node */
        bool known;
        uint8_t kind, role, state;
        uint32_t parent, index, first, last, next, total;
        uint32_t done, bad, live;   /* of a fan-out's items */
        char *name, *message;
        struct wall started, finished;
        uint8_t shown;              /* plain lines: the state that was printed, +1 */
};

struct tree {
        int fd;
        bool live, color, unicode;
        struct leaf *p;             /* by number */
        size_t n, cap;
        char *run, *message;
        enum run_state state;
        struct wall started, finished;
        bool known;
        unsigned width, height, drawn;
        struct buf out;
        struct arena *scratch;
        struct wall now;
        char **lines; size_t lines_n, lines_cap;
        bool *line_done;
        uint32_t *changed; size_t changed_n, changed_cap; /* plain lines: nodes told of since the last drawing */
};

bool is_terminal(int fd)
{
        const char *term = getenv("TERM");
        return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool wants_color(int fd)
{
        const char *no = getenv("NO_COLOR");
        return is_terminal(fd) && !(no && *no);
}

struct tree *tree_new(int fd, bool live)
{
        struct tree *t = calloc(1, sizeof *t);
        if (!t)
                abort();
        t->fd = fd;
        t->live = live;
        t->color = wants_color(fd);
        setlocale(LC_CTYPE, "");
        t->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
        t->out = BUF(64u << 20);
        t->scratch = arena_new();
        return t;
}

void tree_free(struct tree *t)
{
        for (size_t i = 0; i < t->n; i++) {
                free(t->p[i].name);
                free(t->p[i].message);
        }
        free(t->p);
        free(t->run);
        free(t->message);
        free(t->lines);
        free(t->line_done);
        free(t->changed);
        buf_free(&t->out);
        arena_free(t->scratch);
        free(t);
}

/* One line of text that can do nothing to the terminal. */
static void keep(char **to, struct str s)
{
        free(*to);
        *to = strndup(s.p ? s.p : "", s.n < 2000 ? s.n : 2000);
        if (!*to)
                abort();
        for (char *c = *to; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 127)
                        *c = ' ';
}

void tree_run(struct tree *t, const struct run_row *row)
{
        keep(&t->run, row->name);
        keep(&t->message, row->message.n ? row->message : row->reason);
        t->state = row->state;
        t->started = row->started_at;
        t->finished = row->finished_at;
        t->known = true;
}

static struct leaf *leaf_at(struct tree *t, uint32_t no)
{
        if (no >= t->cap) {
                size_t cap = t->cap ? t->cap * 2 : 64;
                while (cap <= no)
                        cap *= 2;
                t->p = realloc(t->p, cap * sizeof *t->p);
                if (!t->p)
                        abort();
                memset(t->p + t->cap, 0, (cap - t->cap) * sizeof *t->p);
                t->cap = cap;
        }
        if (no >= t->n)
                t->n = no + 1u;
        return &t->p[no];
}

static void count(struct tree *t, const struct leaf *x, int sign)
{
        struct leaf *f = x->role == NODE_ROLE_ITEM ? &t->p[x->parent] : NULL;
        if (!f)
                return;
        if (node_state_final(x->state)) {
                f->done += (unsigned)sign;
                if (node_state_bad(x->state))
                        f->bad += (unsigned)sign;
        } else if (x->state == NODE_RUNNING)
                f->live += (unsigned)sign;
}

static void note_change(struct tree *t, uint32_t no)
{
        if (t->changed_n == t->changed_cap) {
                t->changed_cap = t->changed_cap ? t->changed_cap * 2 : 64;
                t->changed = realloc(t->changed, t->changed_cap * sizeof *t->changed);
                if (!t->changed)
                        abort();
        }
        t->changed[t->changed_n++] = no;
}

void tree_node(struct tree *t, const struct node_row *row)
{
        leaf_at(t, row->parent);
        struct leaf *x = leaf_at(t, row->no);
        if (x->known)
                count(t, x, -1);
        else {
                struct leaf *p = &t->p[row->parent];
                if (p->last)
                        t->p[p->last].next = row->no;
                else
                        p->first = row->no;
                p->last = row->no;
        }
        x->known = true;
        x->kind = (uint8_t)row->kind;
        x->role = (uint8_t)row->role;
        x->state = (uint8_t)row->state;
        x->parent = row->parent;
        x->index = row->index;
        x->total = row->children_total;
        x->started = row->started_at;
        x->finished = row->finished_at;
        if (row->name.n || !x->name)
                keep(&x->name, row->name);
        keep(&x->message, row->message.n ? row->message : row->reason);
        count(t, x, 1);
        if (!t->live && x->shown != x->state + 1)
                note_change(t, row->no);
}

/* ---- lines ---- */

static const struct { const char *glyph, *plain, *color; } marks[NODE_STATES] = {
        [NODE_PENDING] = {"○", "-", "2"},   [NODE_WAITING] = {"◌", "-", "2"},   [NODE_RUNNING] = {"●", ">", "33"},   [NODE_SUSPENDED] = {"◫", "?", "36"},
        [NODE_SUCCEEDED] = {"✓", "+", "32"}, [NODE_CACHED] = {"✓", "=", "32"},    [NODE_FAILED] = {"✗", "x", "31"},    [NODE_ERROR] = {"✗", "!", "31"},
        [NODE_STOPPED] = {"■", "#", "35"},   [NODE_SKIPPED] = {"–", "~", "2"},    [NODE_OMITTED] = {"–", "~", "2"},    [NODE_LOST] = {"✗", "!", "31"},
};

static void add_line(struct tree *t, bool done, struct str s)
{
        if (t->lines_n == t->lines_cap) {
                t->lines_cap = t->lines_cap ? t->lines_cap * 2 : 64;
                t->lines = realloc(t->lines, t->lines_cap * sizeof *t->lines);
                t->line_done = realloc(t->line_done, t->lines_cap * sizeof *t->line_done);
                if (!t->lines || !t->line_done)
                        abort();
        }
        t->line_done[t->lines_n] = done;
        t->lines[t->lines_n++] = (char *)arena_cstr(t->scratch, s);
}

/* Cuts at `width` columns; every character that is not an escape or a continuation byte counts as one. */
static struct str fit(struct tree *t, struct str s)
{
        if (!t->width)
                return s;
        unsigned columns = 0;
        for (size_t i = 0; i < s.n; i++) {
                if (s.p[i] == '\033') {
                        while (i < s.n && s.p[i] != 'm')
                                i++;
                        continue;
                }
                if (((unsigned char)s.p[i] & 0xc0) == 0x80)
                        continue;
                if (++columns >= t->width)
                        return arena_printf(t->scratch, "%.*s%s%s", (int)i, s.p, t->unicode ? "…" : ">", t->color ? "\033[0m" : "");
        }
        return s;
}

static struct str elapsed(struct tree *t, struct wall from, struct wall to)
{
        if (!from.us)
                return STR_NONE;
        int64_t us = (to.us ? to.us : t->now.us) - from.us;
        return duration_short(us > 0 ? us : 0, t->scratch);
}

static struct str label_of(struct tree *t, uint32_t no)
{
        const struct leaf *x = &t->p[no];
        if (x->role == NODE_ROLE_ITEM)
                return arena_printf(t->scratch, "%s(%u)", x->name, x->index);
        if (x->role == NODE_ROLE_ATTEMPT)
                return arena_printf(t->scratch, "%.*s#%u", STR_FMT(label_of(t, x->parent)), x->index);
        return str_from(x->name);
}

/* On a line of its own a step in a loop's item is told from its siblings by the item: "for-loop-1(2)/convert". */
static struct str full_label(struct tree *t, uint32_t no)
{
        struct str label = label_of(t, no);
        uint32_t up = t->p[no].parent;
        if (t->p[no].role == NODE_ROLE_ATTEMPT) /* its label has its parent's in it */
                up = t->p[up].parent;
        for (; up; up = t->p[up].parent)
                if (t->p[up].role == NODE_ROLE_ITEM)
                        label = arena_printf(t->scratch, "%.*s/%.*s", STR_FMT(label_of(t, up)), STR_FMT(label));
        return label;
}

static struct str progress(struct tree *t, const struct leaf *f)
{
        char bar[64] = "";
        unsigned cells = t->width && t->width < 60 ? 0 : 20, full = f->total ? (unsigned)((uint64_t)f->done * cells / f->total) : 0;
        char *p = bar;
        if (t->unicode)
                for (unsigned i = 0; i < cells; i++)
                        p += sprintf(p, "%s", i < full ? "━" : "╌");
        else
                for (unsigned i = 0; i < cells; i++)
                        p += sprintf(p, "%s", i < full ? "=" : ".");
        struct str more = STR_NONE;
        if (f->live)
                more = arena_printf(t->scratch, ", %u running", f->live);
        if (f->bad)
                more = arena_printf(t->scratch, "%.*s, %u failed", STR_FMT(more), f->bad);
        return arena_printf(t->scratch, "%s%s%u/%u%.*s", bar, cells ? " " : "", f->done, f->total, STR_FMT(more));
}

static void node_line(struct tree *t, uint32_t no, unsigned depth, uint32_t attempts)
{
        const struct leaf *x = &t->p[no];
        struct str took = elapsed(t, x->started, x->finished), label = label_of(t, no), extra = STR_NONE;
        if (x->kind == NODE_KIND_FANOUT && x->total)
                extra = progress(t, x);
        if (attempts > 1)
                extra = arena_printf(t->scratch, "attempt %u", attempts);
        if (x->state == NODE_CACHED)
                extra = STR("cached");
        struct str s = arena_printf(t->scratch, "%*s%s%s%s%s %.*s%s%.*s%s%s%.*s%s%s", (int)depth * 2, "", t->color ? "\033[" : "", t->color ? marks[x->state].color : "",
                                    t->color ? "m" : "", t->unicode ? marks[x->state].glyph : marks[x->state].plain, STR_FMT(label), t->color ? "\033[0m  " : "  ", STR_FMT(took),
                                    extra.n && took.n ? "  " : "", t->color ? "\033[2m" : "", STR_FMT(extra), x->message[0] ? "  " : "", x->message);
        if (t->color)
                s = arena_printf(t->scratch, "%.*s\033[0m", STR_FMT(s));
        add_line(t, node_state_final(x->state), fit(t, s));
}

static void walk(struct tree *t, uint32_t no, unsigned depth);

static void walk_children(struct tree *t, uint32_t no, unsigned depth)
{
        for (uint32_t c = t->p[no].first; c; c = t->p[c].next)
                walk(t, c, depth);
}

/* A large fan-out is its progress line, with what runs and what failed below it. */
static void walk_items(struct tree *t, uint32_t no, unsigned depth)
{
        enum { ALL = 12, SOME = 5 };
        const struct leaf *f = &t->p[no];
        unsigned live = 0, bad = 0;
        for (uint32_t c = f->first; c; c = t->p[c].next) {
                const struct leaf *x = &t->p[c];
                bool show = f->total <= ALL;
                if (!show && node_state_bad(x->state))
                        show = bad++ < SOME;
                else if (!show && x->state == NODE_RUNNING)
                        show = live++ < SOME;
                if (show)
                        walk(t, c, depth);
        }
        if (bad > SOME)
                add_line(t, true, fit(t, arena_printf(t->scratch, "%*s  and %u more that failed", (int)depth * 2, "", bad - SOME)));
}

static void walk(struct tree *t, uint32_t no, unsigned depth)
{
        const struct leaf *x = &t->p[no];
        if (!x->known || depth > 200)
                return;
        uint32_t tries = 0, last = 0;
        switch ((enum node_kind)x->kind) {
        case NODE_KIND_GROUP:
                walk_children(t, no, depth);
                return;
        case NODE_KIND_FANOUT:
                node_line(t, no, depth, 0);
                walk_items(t, no, depth + 1);
                return;
        case NODE_KIND_RETRY:
                for (uint32_t c = x->first; c; c = t->p[c].next)
                        if (t->p[c].role == NODE_ROLE_ATTEMPT) {
                                tries++;
                                last = c;
                        }
                node_line(t, no, depth, tries);
                if (last)
                        walk_children(t, last, depth + 1);
                return;
        case NODE_KIND_TASK:
        case NODE_KIND_GRAPH:
        case NODE_KIND_SUSPEND:
        case NODE_KIND_CHILD:
        case NODE_KIND_CALL:
        case NODE_KINDS:
                break;
        }
        node_line(t, no, depth, 0);
        walk_children(t, no, depth + 1);
}

static void head_line(struct tree *t)
{
        unsigned leaves = 0, done = 0;
        for (size_t i = 1; i < t->n; i++) {
                const struct leaf *x = &t->p[i];
                if (!x->known || x->role == NODE_ROLE_ATTEMPT || x->kind == NODE_KIND_GRAPH || x->kind == NODE_KIND_GROUP || x->kind == NODE_KIND_FANOUT)
                        continue;
                leaves++;
                done += node_state_final(x->state);
        }
        static const char *const colors[RUN_STATES] = {"2", "33", "36", "35", "32", "31", "31", "35", "35"};
        struct str took = elapsed(t, t->started, t->finished);
        struct str s = arena_printf(t->scratch, "%s%s%s  %s%s%s%s%s  %.*s  %u/%u steps%s%s", t->color ? "\033[1m" : "", t->run, t->color ? "\033[0m" : "", t->color ? "\033[" : "",
                                    t->color ? colors[t->state] : "", t->color ? "m" : "", run_state_name(t->state), t->color ? "\033[0m" : "", STR_FMT(took), done, leaves,
                                    t->message[0] ? "  " : "", t->message);
        add_line(t, false, fit(t, s));
}

static void collect(struct tree *t)
{
        arena_reset(t->scratch);
        t->lines_n = 0;
        t->now = clock_wall();
        struct winsize w;
        t->width = t->height = 0;
        if (is_terminal(t->fd) && ioctl(t->fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) {
                t->width = w.ws_col;
                t->height = w.ws_row;
        }
        head_line(t);
        if (t->n)
                walk_children(t, 0, 0);
}

static void rewind_screen(struct tree *t)
{
        if (t->drawn)
                buf_addf(&t->out, "\033[%uA\r\033[J", t->drawn);
        t->drawn = 0;
}

static void flush_out(struct tree *t)
{
        put_out(buf_str(&t->out));
        buf_clear(&t->out);
}

/* ---- plain lines ---- */

static void plain(struct tree *t)
{
        arena_reset(t->scratch);
        t->now = clock_wall();
        for (size_t k = 0; k < t->changed_n; k++) {
                uint32_t i = t->changed[k];
                struct leaf *x = &t->p[i];
                bool leaf = x->kind == NODE_KIND_TASK || x->kind == NODE_KIND_SUSPEND || x->kind == NODE_KIND_CHILD || x->kind == NODE_KIND_CALL;
                bool worth = x->state == NODE_RUNNING || x->state == NODE_SUSPENDED || node_state_final(x->state);
                if (!x->known || !leaf || !worth || x->shown == x->state + 1)
                        continue;
                x->shown = (uint8_t)(x->state + 1);
                struct str took = node_state_final(x->state) ? elapsed(t, x->started, x->finished) : STR_NONE;
                buf_addf(&t->out, "%-9s  %.*s", node_state_name(x->state), STR_FMT(full_label(t, i)));
                if (took.n)
                        buf_addf(&t->out, "  %.*s", STR_FMT(took));
                if (x->message[0])
                        buf_addf(&t->out, "  %s", x->message);
                buf_add_char(&t->out, '\n');
        }
        t->changed_n = 0;
}

void tree_draw(struct tree *t)
{
        if (!t->known)
                return;
        if (!t->live) {
                plain(t);
                flush_out(t);
                return;
        }
        collect(t);
        rewind_screen(t);
        unsigned room = t->height > 2 ? t->height - 1 : 24, hidden = 0;
        size_t over = t->lines_n > room ? t->lines_n - room + 1 : 0;
        for (size_t i = 0; i < t->lines_n && t->drawn < room; i++) {
                if (hidden < over && t->line_done[i]) { /* what is done makes room for what is not */
                        hidden++;
                        continue;
                }
                buf_addf(&t->out, "%s\n", t->lines[i]);
                t->drawn++;
        }
        flush_out(t);
}

void tree_finish(struct tree *t)
{
        if (!t->known)
                return;
        if (t->live)
                rewind_screen(t);
        collect(t);
        for (size_t i = 0; i < t->lines_n; i++)
                buf_addf(&t->out, "%s\n", t->lines[i]);
        flush_out(t);
}

void tree_note(struct tree *t, struct str text)
{
        if (t->live) {
                rewind_screen(t);
                flush_out(t);
        }
        say("%.*s", STR_FMT(text));
        if (t->live)
                tree_draw(t);
}
