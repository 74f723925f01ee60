/* The process executor: Weft's side. It prepares an attempt's files, asks the shepherd to start it, and reads what it left when the shepherd
 * says that it ended.
 *
 *   start ──▶ ordered ── the shepherd says started ──▶ started ── it says ended ──▶ ended: outputs read, told ── forget ──▶ gone
 *
 * P1  An order is kept until the shepherd has answered it: one that fell into the gap between two shepherds is given again (the shepherd starts
 *     nothing twice).
 * P2  Nothing is sent before the shepherd's greeting has been read: it says what is known, so an attempt it does not name was never started.
 * P3  The sink is called from the loop only; what is known already waits as `due` for the next turn.
 * P4  Files that may be large are moved by a thread of the pool: input artifacts before an attempt is sent, output artifacts before its end is told.
 *     Meanwhile the attempt is `busy`: neither sent, told nor dropped. What is asked of it then (stop, forget, close) makes the thread give up, and is
 *     done when it has. */
#include "executor/process/process.h"
#include "base/hash.h"
#include "text/json.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

struct known {
        struct known *next;
        struct arena *arena;      /* holds all its texts */
        struct str key;
        struct attempt_id id;
        struct task_spec spec;    /* what collecting needs */
        struct places places;
        struct buf order;         /* until it is answered */
        struct report report;
        int64_t scratch;          /* number of its folder; -1: none */
        bool has_spec, sent, live, started, ended, stopping, due, busy, forgotten;
        bool staging;             /* busy before it is sent */
        atomic_bool cancel;       /* tells the thread to give up */
        bool named;               /* in the greeting */
};

enum {
        BUCKETS = 1024,
        GREETING_MS = 60000, /* a shepherd that takes over may need ten seconds to see the end of what it kills, and a disk its time to sync */
        ATTACH_TRIES = 5,
};

struct wire { uv_poll_t poll; struct executor *x; int fd; bool writing; };

struct executor {
        struct executor_settings set;
        struct order order;
        executor_sink *sink;
        void *user;
        uv_loop_t *loop;
        struct wire *wire;        /* NULL: between two shepherds */
        uv_prepare_t flush;       /* sends what one turn of the loop queued */
        uv_idle_t idle;           /* for what is due */
        uv_timer_t again;         /* a shepherd could not be started */
        struct buf in, out;
        struct arena *arena, *scratch;
        struct value images;
        bool private, overlay_tried, overlay, greeted, greeted_once, closing;
        struct known *table[BUCKETS];
        struct scratch scratches;
        uint32_t live;            /* ordered and not ended */
        uint32_t due;
        int failures;             /* shepherds in a row that did not greet */
        struct error trouble;
        int handles;              /* what must be closed before this is freed */
        char notice[512];
};

#define EACH_KNOWN(x, k) for (size_t i_ = 0; i_ < BUCKETS; i_++) for (struct known *k = (x)->table[i_]; k; k = k->next)

/* ---- the table ---- */

static struct known **slot(struct executor *x, struct str key)
{
        struct known **p = &x->table[hash_fnv1a32(key) % BUCKETS];
        while (*p && !str_eq(key, (*p)->key))
                p = &(*p)->next;
        return p;
}

static struct known *known_get(struct executor *x, struct str key) { return *slot(x, key); }

static struct known *known_add(struct executor *x, struct str key)
{
        struct known **p = slot(x, key), *k = *p;
        if (k)
                return k;
        struct arena *a = arena_new();
        *p = k = ARENA_NEW(a, struct known);
        k->arena = a;
        k->key = arena_str(a, key);
        k->order = BUF(FRAME_MAX);
        k->scratch = -1;
        return attempt_parse(k->key, &k->id) ? k : NULL;
}

static void known_drop(struct executor *x, struct known *k)
{
        *slot(x, k->key) = k->next;
        x->due -= k->due;
        x->live -= k->live;
        buf_free(&k->order);
        arena_free(k->arena);
}

/* What collecting will need of the spec. */
static void remember(struct executor *x, struct known *k, const struct task_spec *spec)
{
        struct arena *a = k->arena;
        struct task_spec *c = &k->spec;
        *c = (struct task_spec){.wants_result = spec->wants_result, .outcome_file = arena_str(a, spec->outcome_file)};
        c->params_out = arena_alloc_array(a, sizeof *c->params_out, spec->params_out_n);
        c->params_out_n = spec->params_out_n;
        for (size_t i = 0; i < spec->params_out_n; i++)
                c->params_out[i] = (struct task_param_out){arena_str(a, spec->params_out[i].name), arena_str(a, spec->params_out[i].path)};
        c->artifacts_out = arena_alloc_array(a, sizeof *c->artifacts_out, spec->artifacts_out_n);
        c->artifacts_out_n = spec->artifacts_out_n;
        for (size_t i = 0; i < spec->artifacts_out_n; i++) {
                const struct task_artifact_out *o = &spec->artifacts_out[i];
                c->artifacts_out[i] = (struct task_artifact_out){arena_str(a, o->name), arena_str(a, o->path), arena_str(a, o->uri), o->optional, arena_str(a, o->told)};
        }
        k->places = (struct places){.folder = scratch_path(&x->scratches, k->scratch, a),
                                    .logs = arena_printf(a, "%.*s/runs/%.*s", STR_FMT(x->set.folder), STR_FMT(k->key)),
                                    .data = x->set.folder,
                                    .private = k->named ? k->report.private : x->private,
                                    .overlay = x->overlay,
                                    .adopted = k->named};
        places_plan(&k->places, spec, a);
        k->has_spec = true;
}

/* ---- what has ended ---- */

static void outcome_of(const struct executor *x, const struct known *k, struct arena *a, struct task_outcome *o)
{
        const struct report *r = &k->report;
        int status = (int)r->status;
        *o = (struct task_outcome){.started_at.us = r->started_us, .finished_at.us = r->ended_us, .cpu_us = r->cpu_us, .rss_max_bytes = r->rss_bytes, .message = r->message};
        switch (r->end) {
        case RECORD_EXIT:
        case RECORD_STOPPED:
                o->end = r->end == RECORD_EXIT ? TASK_EXITED : TASK_STOPPED;
                o->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
                o->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
                o->out_of_memory = r->oom;
                if (r->oom)
                        o->message = STR("it used more memory than its limit");
                else if (o->signal && o->end == TASK_EXITED)
                        o->message = arena_printf(a, "ended by signal %d (%s)", o->signal, strsignal(o->signal));
                break;
        case RECORD_NOT_RUN:
                o->end = TASK_NOT_RUN;
                break;
        case RECORD_LOST:
                o->end = TASK_LOST;
                break;
        default:
                o->end = TASK_STOPPED;
        }
        if (o->end == TASK_EXITED)
                collect(&k->places, &k->spec, x->set.value_bytes_max, &k->cancel, a, o);
}

struct collecting { uv_work_t work; struct executor *x; struct known *k; struct arena *arena; struct task_outcome outcome; };

static void released(struct executor *x);

/* Nobody needs its files any more, but for the log. */
static void release(struct executor *x, struct known *k)
{
        if (!k->has_spec || k->spec.wants_result)
                unlink(arena_printf(k->arena, "%.*s/runs/%.*s/result", STR_FMT(x->set.folder), STR_FMT(k->key)).p);
        if (k->places.folder.n)
                scratch_release(&x->scratches, k->scratch, k->places.private, k->places.dirs_n > 0);
        else
                scratch_leave(&x->scratches, k->scratch);
        known_drop(x, k);
}

static void tell_end(struct executor *x, const struct known *k, const struct task_outcome *o)
{
        x->sink(x->user, &(struct executor_event){EXECUTOR_ENDED, k->id, o->finished_at, o}); /* k may be gone after it */
}

static void collect_work(uv_work_t *work)
{
        struct collecting *c = work->data;
        outcome_of(c->x, c->k, c->arena, &c->outcome);
}

static void collect_done(uv_work_t *work, int status)
{
        struct collecting *c = work->data;
        struct executor *x = c->x;
        (void)status;
        c->k->busy = false;
        if (!x->closing && !c->k->forgotten)
                tell_end(x, c->k, &c->outcome);
        else if (c->k->forgotten)
                release(x, c->k);
        arena_free(c->arena);
        free(c);
        released(x);
}

static void deliver(struct executor *x, struct known *k)
{
        if (k->busy)
                return;
        if (k->report.end != RECORD_EXIT || !k->spec.artifacts_out_n) {
                struct task_outcome o;
                outcome_of(x, k, x->scratch, &o);
                tell_end(x, k, &o);
                return;
        }
        struct collecting *c = calloc(1, sizeof *c);
        if (!c)
                abort();
        *c = (struct collecting){.work.data = c, .x = x, .k = k, .arena = arena_new()};
        k->busy = true; /* P4 */
        x->handles++;
        if (uv_queue_work(x->loop, &c->work, collect_work, collect_done)) {
                collect_work(&c->work);
                collect_done(&c->work, 0);
        }
}

static void tell(struct executor *x, struct known *k)
{
        if (k->ended)
                deliver(x, k);
        else if (k->started)
                x->sink(x->user, &(struct executor_event){EXECUTOR_STARTED, k->id, {k->report.started_us}, NULL});
}

static void on_idle(uv_idle_t *idle);

static void due(struct executor *x, struct known *k)
{
        x->due += !k->due;
        k->due = true;
        uv_idle_start(&x->idle, on_idle);
}

static void on_idle(uv_idle_t *idle)
{
        struct executor *x = idle->data;
        struct str *keys = arena_alloc_array(x->scratch, sizeof *keys, x->due + 1u);
        size_t n = 0;
        uv_idle_stop(idle);
        EACH_KNOWN(x, k)
                if (k->due)
                        keys[n++] = arena_str(x->scratch, k->key);
        for (size_t i = 0; i < n && !x->closing; i++) {
                struct known *k = known_get(x, keys[i]); /* the sink may have had others forgotten */
                if (!k || !k->due)
                        continue;
                k->due = false;
                x->due--;
                tell(x, k);
        }
        arena_reset(x->scratch);
}

static void mark_live(struct executor *x, struct known *k)
{
        x->live += !k->live && !k->ended;
        k->live = !k->ended;
}

static void mark_ended(struct executor *x, struct known *k, char end, struct str message)
{
        x->live -= k->live;
        k->live = false;
        k->ended = true;
        k->report.end = end;
        k->report.message = message;
        buf_free(&k->order);
}

/* An end that is Weft's own finding. */
static void end_here(struct executor *x, struct known *k, char end, struct str message)
{
        k->report = (struct report){.started_us = clock_us(), .ended_us = clock_us(), .cpu_us = -1, .rss_bytes = -1};
        mark_ended(x, k, end, arena_str(k->arena, message));
        due(x, k);
}

/* ---- frames ---- */

static void on_prepare(uv_prepare_t *p);

static void send_frame(struct executor *x, struct str fields)
{
        frame_put(&x->out, fields);
        uv_prepare_start(&x->flush, on_prepare);
}

static void send_simple(struct executor *x, const char *what, struct str key)
{
        struct buf b = BUF(4096);
        field_put(&b, FIELD_DO, str_from(what));
        field_put(&b, FIELD_KEY, key);
        send_frame(x, buf_str(&b));
        buf_free(&b);
}

/* What a Weft before this one had committed, but died before it could have it forgotten. */
static void drop_settled(struct executor *x)
{
        for (size_t i = 0; i < BUCKETS && x->set.settled; i++)
                for (struct known *k = x->table[i], *next; k; k = next) {
                        next = k->next;
                        if (!k->ended || k->has_spec || !x->set.settled(x->user, &k->id))
                                continue;
                        send_simple(x, "forget", k->key);
                        release(x, k);
                }
}

/* P1, P2: what the shepherd has not named, it has never been told of. */
static void greeted(struct executor *x)
{
        if (!x->greeted_once)
                drop_settled(x);
        x->greeted = x->greeted_once = true;
        x->failures = 0;
        EACH_KNOWN(x, k) {
                if (!k->has_spec || k->ended || k->staging)
                        continue;
                if (k->named && k->stopping)
                        send_simple(x, "stop", k->key);
                else if (!k->named && k->stopping)
                        end_here(x, k, END_UNKNOWN, STR_NONE);
                else if (!k->named && k->order.n) {
                        k->sent = true;
                        send_frame(x, buf_str(&k->order));
                } else if (!k->named)
                        end_here(x, k, RECORD_LOST, STR("the shepherd's journal has nothing about it any more"));
        }
}

static void on_report(struct executor *x, struct str key, const struct report *r)
{
        struct known *k = x->greeted ? known_get(x, key) : known_add(x, key);
        if (!k || k->ended)
                return;
        k->named = true;
        k->report = *r;
        if (r->end == END_UNKNOWN)
                k->report.started_us = k->report.ended_us = clock_us();
        k->started = k->started || r->end != END_UNKNOWN;
        if (k->scratch < 0 && r->scratch >= 0) {
                k->scratch = r->scratch;
                scratch_reserve(&x->scratches, k->scratch);
        }
        if (r->end)
                mark_ended(x, k, r->end, arena_str(k->arena, r->message));
        buf_free(&k->order);
        if (!k->has_spec)
                return; /* until somebody adopts it */
        if (x->greeted)
                tell(x, k);
        else
                due(x, k);
}

/* Handles what has come in; with `only_greeting` up to its end. */
static void take_frames(struct executor *x, bool only_greeting)
{
        struct wire *w = x->wire;
        size_t at = 0;
        struct str frame, key;
        struct report r;
        while (!(only_greeting && x->greeted) && x->wire == w && frame_take(&x->in, &at, &frame))
                if (frame.n && frame.p[0] == FIELD_GREETED)
                        greeted(x);
                else if (report_read(frame, &key, &r))
                        on_report(x, key, &r);
        frame_drop(&x->in, at);
}

static bool receive(struct executor *x)
{
        ssize_t n = 1;
        while (n > 0) {
                if (!buf_reserve(&x->in, 65536))
                        return false;
                n = recv(x->wire->fd, x->in.p + x->in.n, 65536, MSG_DONTWAIT);
                x->in.n += n > 0 ? (size_t)n : 0;
                if (n > 0 && n < 65536)
                        return true;
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- the shepherd ---- */

static bool shepherd_start(struct executor *x, int *ret_fd, struct error *e)
{
        extern char **environ;
        struct arena *a = arena_new();
        char *argv[] = {(char *)"weft", (char *)"shepherd", (char *)arena_cstr(a, x->set.folder), NULL};
        struct str log = arena_printf(a, "%.*s/shepherd.log", STR_FMT(x->set.folder));
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attr;
        pid_t pid;
        int pair[2], error = 0;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
                arena_free(a);
                return error_set(e, ERROR_IO, "making a connection for the shepherd: %s", strerror(errno));
        }
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attr);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&files, 2, log.p, O_WRONLY | O_CREAT | O_APPEND, 0600);
        posix_spawn_file_actions_adddup2(&files, pair[1], OWNER_FD);
        posix_spawn_file_actions_addclosefrom_np(&files, OWNER_FD + 1);
        error = posix_spawn(&pid, arena_cstr(a, x->set.self_exe), &files, &attr, argv, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attr);
        arena_free(a);
        close(pair[1]);
        if (error) {
                close(pair[0]);
                return error_set(e, ERROR_IO, "starting the shepherd %.*s: %s", STR_FMT(x->set.self_exe), strerror(error));
        }
        *ret_fd = pair[0];
        return true;
}

static void on_wire(uv_poll_t *poll_handle, int status, int events);

static void watch(struct executor *x)
{
        x->wire->writing = x->out.n > 0;
        uv_poll_start(&x->wire->poll, UV_READABLE | (x->wire->writing ? UV_WRITABLE : 0), on_wire);
}

static bool attach(struct executor *x, struct error *e)
{
        int fd = socket_in(x->set.folder, "shepherd.socket", false, e);
        if (fd < 0 && !shepherd_start(x, &fd, e))
                return false;
        struct wire *w = calloc(1, sizeof *w);
        if (!w)
                abort();
        *w = (struct wire){.x = x, .fd = fd};
        w->poll.data = w;
        if (uv_poll_init(x->loop, &w->poll, fd)) {
                close(fd);
                free(w);
                return error_set(e, ERROR_INTERNAL, "watching the shepherd's socket");
        }
        x->wire = w;
        x->handles++;
        watch(x);
        return true;
}

static void wire_closed(uv_handle_t *h)
{
        struct wire *w = h->data;
        struct executor *x = w->x;
        free(w);
        released(x);
}

static void detach(struct executor *x)
{
        struct wire *w = x->wire;
        if (!w)
                return;
        x->wire = NULL;
        x->greeted = false;
        uv_poll_stop(&w->poll);
        close(w->fd);
        uv_close((uv_handle_t *)&w->poll, wire_closed);
        buf_clear(&x->in);
        buf_clear(&x->out);
        EACH_KNOWN(x, k)
                k->named = false;
}

static void attach_again(struct executor *x);

static void on_again(uv_timer_t *t) { attach_again(t->data); }

/* No shepherd stays up. What was never handed to one is known not to have run; the rest waits for one that can tell. */
static void in_trouble(struct executor *x, const struct error *e)
{
        error_set(&x->trouble, ERROR_IO, "the process that watches over steps cannot be started%s%s (see shepherd.log in the data folder)", e && e->kind ? ": " : "", e ? e->text : "");
        EACH_KNOWN(x, k)
                if (k->order.n && !k->sent && !k->ended && !k->staging)
                        end_here(x, k, RECORD_NOT_RUN, str_from(x->trouble.text));
        uv_timer_start(&x->again, on_again, 1000, 0);
}

static void attach_again(struct executor *x)
{
        struct error e = {0};
        if (x->closing || x->wire)
                return;
        if (x->failures++ >= ATTACH_TRIES || !attach(x, &e))
                in_trouble(x, &e);
        x->failures = x->failures > ATTACH_TRIES ? 0 : x->failures;
}

static void on_wire(uv_poll_t *p, int status, int events)
{
        struct wire *w = p->data;
        struct executor *x = w->x;
        bool alive = status >= 0 && (!(events & UV_READABLE) || receive(x));
        take_frames(x, false);
        if (alive && x->wire == w && (events & UV_WRITABLE)) {
                alive = frame_flush(w->fd, &x->out);
                if (alive && !x->out.n)
                        watch(x);
        }
        arena_reset(x->scratch);
        if (alive || x->wire != w)
                return;
        detach(x);
        attach_again(x);
}

static void on_prepare(uv_prepare_t *p)
{
        struct executor *x = p->data;
        uv_prepare_stop(p);
        if (x->wire && frame_flush(x->wire->fd, &x->out) && x->wire->writing != (x->out.n > 0))
                watch(x); /* an end of the connection is the reader's to notice */
}

/* Blocks until the shepherd has said what it knows. */
static bool wait_greeting(struct executor *x, struct error *e)
{
        for (int tries = 0; !x->greeted; ) {
                if (!x->wire && !attach(x, e))
                        return false;
                struct pollfd p = {x->wire->fd, POLLIN, 0};
                int n = poll(&p, 1, GREETING_MS);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n == 0)
                        return error_set(e, ERROR_IO, "the shepherd does not answer (see shepherd.log in the data folder)");
                bool alive = receive(x);
                take_frames(x, true);
                if (alive || x->greeted)
                        continue;
                detach(x);
                if (++tries == ATTACH_TRIES)
                        return error_set(e, ERROR_IO, "the process that watches over steps does not stay up (see shepherd.log in the data folder)");
        }
        return true;
}

/* ---- opening ---- */

/* Can the kernel do it? An explicit wish for the sandbox is not given less. */
static bool choose_isolation(struct executor *x, struct error *e)
{
        const char *step = "";
        bool sandbox = str_eq_c(x->set.isolation, "sandbox"), wanted = sandbox || str_eq_c(x->set.isolation, "private");
        char *const none[] = {NULL};
        struct spawn s = {.tmp = "/tmp", .private = true, .sandbox = sandbox, .keep = none, .writable = none, .out = -1, .err = -1};
        int error = wanted ? spawn_try(&s, &step) : 0;
        x->private = wanted && !error;
        x->order.sandbox = sandbox;
        if (sandbox && error)
                return error_set(e, ERROR_UNSUPPORTED, "executor.process.isolation=sandbox is not possible on this machine: %s: %s; private and none ask for less", step, strerror(error));
        if (error)
                snprintf(x->notice, sizeof x->notice, "steps are not isolated from each other, because this machine does not allow it (%s: %s): they share /tmp and all paths", step,
                         strerror(error));
        return true;
}

static void settings_copy(struct executor *x, const struct executor_settings *s)
{
        x->set = *s;
        x->set.folder = path_clean(s->folder, x->arena);
        x->set.self_exe = arena_str(x->arena, s->self_exe);
        x->set.isolation = arena_str(x->arena, s->isolation);
        if (!x->set.log_bytes_max)
                x->set.log_bytes_max = 64 << 20;
        if (!x->set.value_bytes_max)
                x->set.value_bytes_max = 1 << 20;
        x->order.set = &x->set;
        x->order.images = &x->images;
}

static void executor_free(struct executor *x)
{
        for (size_t i = 0; i < BUCKETS; i++)
                while (x->table[i])
                        known_drop(x, x->table[i]);
        scratch_free(&x->scratches);
        buf_free(&x->in);
        buf_free(&x->out);
        arena_free(x->scratch);
        arena_free(x->arena);
        free(x);
}

static void released(struct executor *x)
{
        if (--x->handles == 0)
                executor_free(x);
}

static void own_closed(uv_handle_t *h) { released(h->data); }

static void process_close(struct executor *x)
{
        uv_handle_t *own[] = {(uv_handle_t *)&x->flush, (uv_handle_t *)&x->idle, (uv_handle_t *)&x->again};
        if (x->wire) /* what was ordered goes out, as far as the socket takes it */
                frame_flush(x->wire->fd, &x->out);
        x->closing = true;
        EACH_KNOWN(x, k)
                atomic_store(&k->cancel, true);
        detach(x);
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
                uv_close(own[i], own_closed);
}

static bool process_open(const struct executor_settings *s, struct uv_loop_s *loop, executor_sink *sink, void *user, struct executor **ret, struct error *e)
{
        struct executor *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        *x = (struct executor){.sink = sink, .user = user, .loop = loop, .arena = arena_new(), .scratch = arena_new(), .in = BUF(QUEUE_MAX), .out = BUF(QUEUE_MAX), .images = value_null};
        settings_copy(x, s);
        bool ok = s->folder.n && s->folder.p[0] == '/' ? true : error_set(e, ERROR_INTERNAL, "the path of the data folder is not absolute");
        ok = ok && (!s->images.n || json_read(arena_str(x->arena, s->images), NULL, x->arena, &x->images, e) || error_wrap(e, "setting executor.process.images"));
        ok = ok && make_folders(x->set.folder.p, e);
        ok = ok && (!access(x->set.folder.p, W_OK) || error_set(e, ERROR_IO, "the data folder %.*s cannot be written: %s", STR_FMT(x->set.folder), strerror(errno)));
        if (ok)
                scratch_init(&x->scratches, x->set.folder, x->arena);
        if (!ok || !choose_isolation(x, e)) {
                executor_free(x);
                return false;
        }
        uv_idle_init(loop, &x->idle);
        uv_prepare_init(loop, &x->flush);
        uv_timer_init(loop, &x->again);
        x->idle.data = x->flush.data = x->again.data = x;
        x->handles = 3;
        if (!attach(x, e)) {
                process_close(x);
                return false;
        }
        *ret = x;
        return true;
}

/* ---- operations ---- */

static bool declares_files(const struct task_spec *s)
{
        return s->files_n || s->artifacts_in_n || s->params_out_n || s->artifacts_out_n || s->folders_n || s->outcome_file.n;
}

/* Everything of it is in its place; or not, and why. */
static void order_give(struct executor *x, struct known *k, bool ok, const struct error *problem)
{
        if (!ok) {
                end_here(x, k, RECORD_NOT_RUN, str_from(problem->text));
                return;
        }
        mark_live(x, k);
        k->sent = x->greeted;
        if (x->greeted)
                send_frame(x, buf_str(&k->order));
}

struct staging { uv_work_t work; struct executor *x; struct known *k; struct arena *arena; struct later later; struct error problem; bool ok; };

static void stage_work(uv_work_t *work)
{
        struct staging *s = work->data;
        s->ok = order_finish(&s->k->places, &s->later, &s->k->cancel, s->arena, &s->problem);
}

static void stage_done(uv_work_t *work, int status)
{
        struct staging *s = work->data;
        struct executor *x = s->x;
        struct known *k = s->k;
        (void)status;
        k->busy = k->staging = false;
        if (k->forgotten)
                release(x, k);
        else if (!x->closing && k->stopping)
                end_here(x, k, END_UNKNOWN, STR_NONE); /* nothing of it has run */
        else if (!x->closing)
                order_give(x, k, s->ok, &s->problem);
        arena_free(s->arena);
        free(s);
        released(x);
}

/* `a` is handed over. */
static void stage_aside(struct executor *x, struct known *k, const struct later *later, struct arena *a)
{
        struct staging *s = calloc(1, sizeof *s);
        if (!s)
                abort();
        *s = (struct staging){.work.data = s, .x = x, .k = k, .arena = a, .later = *later};
        k->busy = k->staging = true; /* P4 */
        mark_live(x, k);
        x->handles++;
        if (uv_queue_work(x->loop, &s->work, stage_work, stage_done)) {
                stage_work(&s->work);
                stage_done(&s->work, 0);
        }
}

static void prepare(struct executor *x, struct known *k, const struct task_spec *spec)
{
        struct arena *a = arena_new();
        struct error problem = {0};
        struct later later = {0};
        bool ok = order_make(&x->order, k->key, k->scratch, &k->places, spec, a, &k->order, &later, &problem);
        if (ok && later.n) {
                stage_aside(x, k, &later, a);
                return;
        }
        order_give(x, k, ok, &problem);
        arena_free(a);
}

static bool process_start(struct executor *x, const struct attempt_id *id, const struct task_spec *spec, struct error *e)
{
        if (!x->greeted_once && !wait_greeting(x, e)) /* which scratch folders are in use */
                return false;
        struct str key = attempt_key(id, x->scratch);
        struct known *k = known_get(x, key);
        struct error problem = {0};
        if (k) { /* it runs, or has ended: said once more */
                if (!k->has_spec)
                        remember(x, k, spec);
                mark_live(x, k);
                due(x, k);
                return true;
        }
        if (x->set.slots && x->live >= x->set.slots)
                return error_set(e, ERROR_BUSY, "%u steps are under way, which is the setting executor.process.slots", x->set.slots);
        k = known_add(x, key);
        if (!k)
                return error_set(e, ERROR_INTERNAL, "an attempt with an unusable id: %.*s", STR_FMT(key));
        if (x->private && !x->overlay_tried && declares_files(spec)) {
                x->overlay_tried = true;
                x->overlay = overlay_try(x->set.folder);
        }
        bool ok = scratch_take(&x->scratches, x->private, &k->scratch, &problem);
        remember(x, k, spec);
        if (ok)
                prepare(x, k, spec);
        else
                end_here(x, k, RECORD_NOT_RUN, str_from(problem.text));
        return true;
}

static bool process_stop(struct executor *x, const struct attempt_id *id, struct error *e)
{
        struct str key = attempt_key(id, x->scratch);
        struct known *k = known_get(x, key);
        bool new = !k;
        k = k ? k : known_add(x, key);
        if (!k)
                return error_set(e, ERROR_INTERNAL, "an attempt with an unusable id: %.*s", STR_FMT(key));
        k->has_spec = true; /* without what it should have left, if nobody said */
        k->stopping = true;
        if (k->staging)
                atomic_store(&k->cancel, true);
        else if (k->ended)
                due(x, k);
        else if (x->greeted && new)
                end_here(x, k, END_UNKNOWN, STR_NONE);
        else if (x->greeted)
                send_simple(x, "stop", key);
        return true;
}

static bool process_adopt(struct executor *x, const struct attempt_id *id, const struct task_spec *spec, bool *ret_known, struct error *e)
{
        if (!wait_greeting(x, e))
                return false;
        struct known *k = known_get(x, attempt_key(id, x->scratch));
        *ret_known = k != NULL;
        if (!k)
                return true;
        if (!k->has_spec)
                remember(x, k, spec);
        mark_live(x, k);
        due(x, k);
        return true;
}

static void process_forget(struct executor *x, const struct attempt_id *id)
{
        struct str key = attempt_key(id, x->scratch);
        struct known *k = known_get(x, key);
        if (x->greeted)
                send_simple(x, "forget", key);
        if (k && k->busy) {
                k->forgotten = true;
                atomic_store(&k->cancel, true);
        } else if (k)
                release(x, k);
}

static struct str process_log_path(struct str folder, const struct attempt_id *id, struct arena *a)
{
        return arena_printf(a, "%.*s/runs/%.*s/%u.%u.%u/log", STR_FMT(folder), STR_FMT(id->run), id->node, id->epoch, id->attempt);
}

static struct str process_notice(const struct executor *x) { return str_from(x->notice); }

const struct executor_ops executor_process = {"process",      process_open,     process_start, process_stop,  process_adopt,
                                              process_forget, process_log_path, process_close, process_notice};
