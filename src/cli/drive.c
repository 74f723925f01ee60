/* Bringing a command to where it is carried out: in this process, when nobody owns the data folder, or through the owner's socket;
 * and showing the run until it ends. When an owner leaves while its run goes on, whoever follows it becomes the next owner. */
#include "cli/cli.h"
#include "text/json.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

struct session {
        struct drive *d;
        struct view_store view;
        uv_loop_t loop;
        uv_timer_t timer;
        uv_signal_t interrupt, terminate, hangup;
        uv_poll_t poll;
        struct runtime *runtime;     /* owner */
        int fd;                      /* follower */
        struct buf in;
        bool answered, ended, detached, lost, stopping, failed, drawing;
        int status;
        enum run_state state;
        struct str uid, name;
        uint64_t seen;
        struct tree *tree;
        struct settings settings;
};

const struct executor_ops *executor_named(struct str name, struct arena *a, struct error *e)
{
        const char *names[16];
        size_t n = 0;
        for (; backends.executors[n]; n++) {
                names[n] = backends.executors[n]->name;
                if (str_eq_c(name, names[n]) || !name.n)
                        return backends.executors[n];
        }
        const char *near = suggest(name, names, n);
        error_set(e, ERROR_USAGE, "there is no executor %.*s%s%s; there are process and null", STR_FMT(name), near ? " (did you mean " : "", near ? arena_printf(a, "%s?)", near).p : "");
        return NULL;
}

/* ---- what is seen of the run ---- */

static void seen_run(struct session *s, const struct run_row *row)
{
        s->state = row->state;
        if (!s->name.n)
                s->name = arena_str(s->d->args->arena, row->name);
        if (s->tree)
                tree_run(s->tree, row);
        if (run_state_final(row->state) && s->d->follow && !s->ended) {
                s->ended = true;
                s->status = exit_of(row->state);
                uv_stop(&s->loop);
        }
}

static void on_commit(void *user, const struct commit *c, uint64_t seq)
{
        struct session *s = user;
        (void)seq;
        if (!s->uid.n && !s->d->command.uid.n)
                return;
        bool mine = false;
        for (size_t i = 0; s->tree && i < c->nodes_n; i++)
                if (str_eq(c->nodes[i].run, s->uid)) {
                        tree_node(s->tree, c->nodes[i].row);
                        mine = true;
                }
        for (size_t i = 0; i < c->runs_n; i++)
                if (str_eq(c->runs[i]->uid, s->uid)) {
                        seen_run(s, c->runs[i]);
                        mine = true;
                }
        if (mine && s->tree && !s->drawing)
                tree_draw(s->tree);
}

static bool on_stored_run(void *user, const struct run_row *row)
{
        seen_run(user, row);
        return false;
}

static bool on_stored_node(void *user, const struct node_row *row)
{
        struct session *s = user;
        tree_node(s->tree, row);
        return true;
}

/* What is stored and was not seen yet. */
static void refresh(struct session *s)
{
        struct error e;
        uint64_t now = 0;
        bool exists = true;
        if (!s->view.reader && (!store_view_open(&s->view, s->d->args, &exists, &e) || !exists))
                return;
        backends.store->seq(s->view.reader, &now, &e);
        if (now == s->seen && s->seen)
                return;
        if (s->tree)
                backends.store->nodes(s->view.reader, s->uid, s->seen, on_stored_node, s, &e);
        backends.store->runs(s->view.reader, &(struct run_query){.name_or_uid = s->uid, .limit = 1}, on_stored_run, s, &e);
        s->seen = now;
        if (s->tree && !s->drawing)
                tree_draw(s->tree);
}

static void on_note(void *user, struct str run, struct str text)
{
        struct session *s = user;
        if (str_eq(run, s->uid) && s->tree)
                tree_note(s->tree, text);
}

static void on_fatal(void *user, const struct error *e)
{
        struct session *s = user;
        s->failed = true;
        s->status = EXIT_WEFT;
        fail(e);
        say("nothing that was stored is harmed; `weft resume %.*s` continues the run when this is put right", STR_FMT(s->name.n ? s->name : STR("RUN")));
        uv_stop(&s->loop);
}

static void answered(struct session *s, const struct answer *x)
{
        if (s->answered)
                return;
        s->answered = true;
        if (!x->ok) {
                struct error e = x->error;
                s->status = fail(&e);
                s->failed = true;
                uv_stop(&s->loop);
                return;
        }
        s->uid = arena_str(s->d->args->arena, x->uid);
        s->name = arena_str(s->d->args->arena, x->name);
        if (x->renamed && s->tree)
                tree_note(s->tree, arena_printf(s->d->args->arena, "there is a run of this name already; this one is %.*s", STR_FMT(x->name)));
        if (x->text.n)
                say("%.*s", STR_FMT(x->text));
}

/* ---- signals, the clock ---- */

static void nothing(void *user, const struct answer *x)
{
        (void)user;
        (void)x;
}

static void ask_stop(struct session *s)
{
        struct arena *a = arena_new();
        struct command c = {.kind = COMMAND_STOP, .run = s->uid};
        if (s->runtime)
                runtime_command(s->runtime, &c, nothing, s);
        else {
                struct str line = command_encode(&c, a);
                if (write(s->fd, line.p, line.n) < 0)
                        s->lost = true;
        }
        arena_free(a);
}

static void on_interrupt(uv_signal_t *h, int signal)
{
        struct session *s = h->data;
        if (signal == SIGINT && !s->stopping && s->uid.n && s->d->follow) {
                s->stopping = true;
                if (s->tree)
                        tree_note(s->tree, STR("stopping the run; Ctrl-C again leaves it running"));
                ask_stop(s);
                return;
        }
        s->detached = true;
        s->status = EXIT_RUN_FAILED;
        uv_stop(&s->loop);
}

static void on_timer(uv_timer_t *t)
{
        struct session *s = t->data;
        if (!s->runtime && s->uid.n)
                refresh(s);
        if (s->tree && s->drawing && !s->ended)
                tree_draw(s->tree);
}

static bool session_begin(struct session *s)
{
        int why = uv_loop_init(&s->loop);
        if (why < 0) {
                say("cannot begin: %s", uv_strerror(why));
                s->failed = true;
                return false;
        }
        s->loop.data = s;
        uv_timer_init(&s->loop, &s->timer);
        uv_signal_init(&s->loop, &s->interrupt);
        uv_signal_init(&s->loop, &s->terminate);
        uv_signal_init(&s->loop, &s->hangup);
        s->timer.data = s->interrupt.data = s->terminate.data = s->hangup.data = s;
        uv_timer_start(&s->timer, on_timer, 100, 100);
        uv_signal_start(&s->interrupt, on_interrupt, SIGINT);
        uv_signal_start(&s->terminate, on_interrupt, SIGTERM);
        uv_signal_start(&s->hangup, on_interrupt, SIGHUP);
        return true;
}

static void session_close_handles(struct session *s)
{
        uv_close((uv_handle_t *)&s->timer, NULL);
        uv_close((uv_handle_t *)&s->interrupt, NULL);
        uv_close((uv_handle_t *)&s->terminate, NULL);
        uv_close((uv_handle_t *)&s->hangup, NULL);
        signal(SIGINT, SIG_IGN); /* a second Ctrl-C that comes too late must not cut off the result */
}

/* ---- this process as the owner ---- */

static void on_answer(void *user, const struct answer *x)
{
        struct session *s = user;
        bool first = !s->answered;
        answered(s, x);
        if (!first || !x->ok)
                return;
        if (s->d->command.kind != COMMAND_RUN && s->d->command.kind != COMMAND_DELETE)
                refresh(s);
        if (!s->d->follow) {
                s->ended = true;
                uv_stop(&s->loop);
        }
}

/* The rows of a new run come with the commit that is told of before the answer: its uid must be known by then. */
static void name_new_run(struct session *s)
{
        struct command *c = &s->d->command;
        if (c->kind != COMMAND_RUN || c->uid.n)
                return;
        char uid[37];
        uuid_make(uid);
        c->uid = s->uid = arena_str(s->d->args->arena, str_from(uid));
}

struct str self_path(struct arena *a)
{
        char path[4096];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        return n > 0 ? arena_str(a, (struct str){path, (size_t)n}) : STR("/usr/bin/weft");
}

static int own(struct session *s, struct str folder, int lock)
{
        struct error e;
        struct args *args = s->d->args;
        const struct executor_ops *x = executor_named(args->value[OPT_EXECUTOR], args->arena, &e);
        struct runtime_options o = {.folder = folder, .self_exe = self_path(args->arena), .settings = &s->settings, .store = backends.store, .executor = x};
        if (!x)
                return fail(&e);
        if (s->settings.text[SET_STORE_URL].n) {
                error_set(&e, ERROR_UNSUPPORTED, "with store.url runs belong to the servers of that database: start `weft serve`, or leave the setting out here");
                return fail(&e);
        }
        if (!session_begin(s))
                return EXIT_WEFT;
        if (!runtime_open(&o, &s->loop, &s->runtime, &e)) {
                session_close_handles(s);
                uv_run(&s->loop, UV_RUN_DEFAULT);
                uv_loop_close(&s->loop);
                return fail(&e);
        }
        runtime_watch(s->runtime, on_commit, s);
        runtime_on_note(s->runtime, on_note, s);
        runtime_on_fatal(s->runtime, on_fatal, s);
        if (!runtime_serve(s->runtime, &e))
                say("%s; other commands cannot reach this run", e.text);
        runtime_command(s->runtime, &s->d->command, on_answer, s);
        if (!s->ended && !s->failed)
                uv_run(&s->loop, UV_RUN_DEFAULT);
        session_close_handles(s);
        struct runtime *rt = s->runtime;
        s->runtime = NULL;
        runtime_close(rt);
        uv_loop_close(&s->loop);
        close(lock);
        return s->status;
}

/* ---- another process is the owner ---- */

static void take_line(struct session *s, struct str line)
{
        struct arena *a = arena_new();
        struct answer x;
        bool changed = str_starts(line, STR("{\"changed\""));
        if (!changed && answer_decode(line, a, &x)) {
                bool first = !s->answered;
                answered(s, &x);
                if (first && x.ok && s->d->follow)
                        refresh(s);
                else if (first && x.ok) {
                        s->ended = true;
                        uv_stop(&s->loop);
                }
        } else if (changed && (!s->drawing || !s->tree))
                refresh(s);
        arena_free(a);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
        struct session *s = p->data;
        (void)events;
        char chunk[65536];
        ssize_t n = status < 0 ? 0 : read(s->fd, chunk, sizeof chunk);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                s->lost = true;
                uv_stop(&s->loop);
                return;
        }
        buf_add(&s->in, (struct str){chunk, (size_t)n});
        size_t from = 0, end;
        while ((end = str_find_char(buf_str(&s->in), '\n', from)) != SIZE_MAX) {
                take_line(s, str_sub(buf_str(&s->in), from, end));
                from = end + 1;
        }
        memmove(s->in.p, s->in.p + from, s->in.n - from);
        s->in.n -= from;
}

static bool send_all(int fd, struct str s)
{
        while (s.n) {
                ssize_t n = write(fd, s.p, s.n);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                s.p += n;
                s.n -= (size_t)n;
        }
        return true;
}

/* Through the socket. `lost` is set when the owner has gone before the end. */
static int reach(struct session *s)
{
        struct arena *a = arena_new();
        struct command c = s->d->command;
        c.follow = s->d->follow;
        c.executor = s->d->args->value[OPT_EXECUTOR];
        s->lost = !send_all(s->fd, command_encode(&c, a));
        arena_free(a);
        if (s->lost)
                return EXIT_WEFT;
        if (!session_begin(s))
                return EXIT_WEFT;
        s->in = BUF(64u << 20);
        uv_poll_init(&s->loop, &s->poll, s->fd);
        s->poll.data = s;
        uv_poll_start(&s->poll, UV_READABLE | UV_DISCONNECT, on_readable);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&s->poll, NULL);
        session_close_handles(s);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        uv_loop_close(&s->loop);
        buf_free(&s->in);
        return s->status;
}

/* ---- the end ---- */

static void hints(struct session *s)
{
        struct str n = s->name;
        if (s->detached && s->uid.n)
                say("run %.*s goes on being %s; `weft resume %.*s` continues it", STR_FMT(n), run_state_name(s->state), STR_FMT(n));
        else if (s->ended && s->d->follow && s->state != RUN_SUCCEEDED && s->tree)
                say("`weft logs %.*s` shows what the steps said; `weft retry %.*s` runs again what did not succeed", STR_FMT(n), STR_FMT(n));
}

static void print_outputs(struct session *s, struct str uid)
{
        struct error e;
        struct run_row run;
        struct node_list nodes = {0};
        const struct dialect *d;
        struct arena *a = s->d->args->arena;
        if (!store_view_run(&s->view, uid, &run, &e) || !store_view_nodes(&s->view, run.uid, &nodes, &e))
                return;
        struct workflow *w = store_view_workflow(&s->view, &run, &d);
        struct str text = d ? d->run_outputs(w, &run, nodes.p, nodes.n, a) : STR_NONE;
        struct value v;
        if (text.n && json_read(text, NULL, a, &v, &e) && v.kind == VALUE_MAP)
                for (size_t i = 0; i < v.map.n; i++) {
                        const struct value *x = &v.map.members[i].value;
                        struct str shown = x->kind == VALUE_STRING ? x->text : json_text(x, JSON_COMPACT, a);
                        printf("%.*s = %.*s\n", STR_FMT(v.map.members[i].key), STR_FMT(shown));
                }
        put_flush();
        workflow_free(w);
        free(nodes.p);
}

static int finish(struct session *s)
{
        bool exists;
        struct error e;
        if (s->tree && s->d->follow && (s->ended || s->detached))
                tree_finish(s->tree);
        if (s->ended && s->d->follow && !str_eq_c(s->d->output, "quiet")) {
                if (!s->view.reader && (!store_view_open(&s->view, s->d->args, &exists, &e) || !exists))
                        return fail(&e);
                if (s->tree)
                        print_outputs(s, s->uid);
                else
                        print_run(&s->view, s->uid, s->d->output);
        } else if (s->ended && s->d->follow)
                printf("%.*s\n", STR_FMT(s->name));
        else if (s->ended && s->d->verb.n)
                printf("run %.*s %.*s\n", STR_FMT(s->name), STR_FMT(s->d->verb));
        hints(s);
        store_view_close(&s->view);
        return s->status;
}

static bool owner_left(struct session *s)
{
        if (!s->lost || s->ended || s->detached || s->failed)
                return false;
        if (s->answered) { /* it took the command; what is left is to see the run to its end */
                if (!s->d->follow)
                        return false;
                s->d->command = (struct command){.kind = COMMAND_FOLLOW, .run = s->uid};
        } else
                s->d->command.again = true;
        s->lost = s->answered = false;
        return true;
}

int drive(struct drive *d)
{
        struct session s = {.d = d, .fd = -1};
        struct error e;
        struct str folder;
        int lock = -1, status = EXIT_WEFT;
        bool owned = false;
        if (!settings_of(d->args, &s.settings, &e) || !folder_of(d->args, true, &folder, &e))
                return fail(&e);
        if (d->follow && (str_eq_c(d->output, "tree") || !d->output.n)) {
                s.drawing = is_terminal(STDOUT_FILENO);
                s.tree = tree_new(STDOUT_FILENO, s.drawing);
        }
        name_new_run(&s);
        for (int tries = 0; tries < 200; tries++) {
                if (!data_lock(folder, &lock, &owned, &e)) {
                        status = fail(&e);
                        s.failed = true;
                        break;
                }
                if (owned) {
                        status = own(&s, folder, lock);
                        break;
                }
                s.fd = socket_connect(folder);
                if (s.fd < 0) { /* the owner is just starting or leaving */
                        usleep(25000);
                        continue;
                }
                status = reach(&s);
                close(s.fd);
                s.fd = -1;
                if (!owner_left(&s))
                        break;
                tries = 0;
        }
        if (!owned && !s.answered && !s.failed && !s.detached) {
                say("another weft owns the data folder %.*s and does not answer; is it stopped (Ctrl-Z)?", STR_FMT(folder));
                status = EXIT_WEFT;
        }
        s.status = status;
        if (!s.failed)
                status = finish(&s);
        store_view_close(&s.view);
        if (s.tree)
                tree_free(s.tree);
        return status;
}
