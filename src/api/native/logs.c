/* Logs of steps as a stream of lines: whole, from a place on, the last lines, or followed while they are written.
 *
 *  G1  A stream has a descriptor at most, and one piece of the file at a time.
 *  G2  Whether an attempt has ended is asked of the store before its file is read to the end: what comes after that is no longer written.
 *  G3  Of a whole run, steps come in order of number, each to its end before the next, while they are not followed; followed, what each has
 *      new, in turns. */
#include "api/native/native.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536, STEPS_MAX = 100000 };

struct step { uint32_t node, epoch, attempt; off_t at; bool done, watched; };
struct log_stream {
        struct answer_stream s;
        struct arena *arena, *scratch;
        const struct store_ops *store;
        const struct executor_ops *executor;
        struct str run, folder;
        struct step *steps; size_t n, cap, turn;
        off_t until;             /* of one step's range; 0: to the end */
        uint32_t only;           /* one node; 0: all */
        bool follow, times, prefix, fixed, run_final, listed;
        char *chunk;
};

static struct step *step_of(struct log_stream *l, uint32_t node, uint32_t epoch, uint32_t attempt)
{
        for (size_t i = l->n; i-- > 0;)
                if (l->steps[i].node == node && l->steps[i].epoch == epoch && l->steps[i].attempt == attempt)
                        return &l->steps[i];
        if (l->n == STEPS_MAX)
                return NULL;
        if (l->n == l->cap) {
                l->cap = l->cap ? l->cap * 2 : 16;
                l->steps = realloc(l->steps, l->cap * sizeof *l->steps);
                if (!l->steps)
                        abort();
        }
        l->steps[l->n] = (struct step){node, epoch, attempt, 0, false};
        return &l->steps[l->n++];
}

static bool on_step(void *user, const struct node_row *n)
{
        struct log_stream *l = user;
        if (n->kind != NODE_KIND_TASK || (l->only && n->no != l->only))
                return true;
        for (uint32_t k = 0; k <= n->attempt; k++) {
                struct step *s = step_of(l, n->no, n->epoch, k);
                if (s && (node_state_final(n->state) || k < n->attempt))
                        s->done = true;
        }
        return true;
}

static bool on_run(void *user, const struct run_row *r)
{
        struct log_stream *l = user;
        l->run_final = run_state_final(r->state);
        return false;
}

/* Which attempts there are, and which have ended (G2). */
static bool look(struct log_stream *l, struct store_reader *reader)
{
        struct error e;
        bool before = l->run_final;
        l->run_final = true; /* a run that was deleted has ended */
        bool ok = l->store->runs(reader, &(struct run_query){.name_or_uid = l->run, .limit = 1}, on_run, l, &e);
        if (ok && !l->fixed && !(before && l->listed))
                ok = l->store->nodes(reader, l->run, 0, on_step, l, &e);
        l->listed = true;
        return ok;
}

static void put_lines(struct log_stream *l, const struct step *s, struct str text, struct buf *out)
{
        while (text.n) {
                struct str line = str_cut(&text, '\n');
                size_t t = str_find_char(line, ' ', 0);
                struct str said = l->times || t == SIZE_MAX || t + 3 > line.n ? line : str_sub(line, t + 3, line.n);
                if (l->prefix)
                        buf_addf(out, "%u: ", s->node);
                buf_add(out, said);
                buf_add_char(out, '\n');
        }
}

/* Before it is read, so that nothing falls between. While there is no log, its folder is watched for one. */
static void watch_log(struct log_stream *l, struct step *s)
{
        if (!l->follow || s->done || s->watched)
                return;
        struct attempt_id id = {l->run, s->node, s->epoch, s->attempt};
        arena_reset(l->scratch);
        struct str path = l->executor->log_path(l->folder, &id, l->scratch), folder = path;
        s->watched = answer_stream_watch(&l->s, arena_cstr(l->scratch, path));
        while (folder.n && folder.p[folder.n - 1] != '/')
                folder.n--;
        if (!s->watched && answer_stream_watch(&l->s, arena_cstr(l->scratch, folder)))
                s->watched = answer_stream_watch(&l->s, arena_cstr(l->scratch, path)); /* it may have come meanwhile */
}

/* Whole lines from where it stands. False: nothing new. */
static bool take(struct log_stream *l, struct step *s, struct buf *out)
{
        struct attempt_id id = {l->run, s->node, s->epoch, s->attempt};
        arena_reset(l->scratch);
        int fd = open(arena_cstr(l->scratch, l->executor->log_path(l->folder, &id, l->scratch)), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        size_t want = CHUNK;
        if (l->until && l->until - s->at < CHUNK)
                want = l->until > s->at ? (size_t)(l->until - s->at) : 0;
        ssize_t got = want ? pread(fd, l->chunk, want, s->at) : 0, whole = got;
        close(fd);
        if (got <= 0)
                return false;
        while (whole > 0 && l->chunk[whole - 1] != '\n')
                whole--;
        if (!whole && got < CHUNK && !s->done && l->follow)
                return false; /* the line is not finished */
        if (!whole)
                whole = got;
        put_lines(l, s, (struct str){l->chunk, (size_t)whole}, out);
        s->at += whole;
        return true;
}

static bool next(struct answer_stream *x, struct store_reader *reader, struct buf *out)
{
        struct log_stream *l = x->user;
        if ((l->follow || !l->listed) && !look(l, reader))
                return false;
        for (size_t seen = 0; l->turn < l->n || (l->follow && seen < l->n); seen++) {
                if (l->turn >= l->n)
                        l->turn = 0;
                struct step *s = &l->steps[l->turn];
                watch_log(l, s);
                while (out->n < CHUNK && take(l, s, out)) {
                }
                if (out->n >= CHUNK)
                        return true;
                l->turn++;
        }
        if (!l->follow)
                return false;
        bool all = true;
        for (size_t i = 0; i < l->n; i++)
                all &= l->steps[i].done;
        return out->n > 0 || !(l->run_final || ((l->fixed || l->only) && l->n && all));
}

static void close_stream(struct answer_stream *x)
{
        struct log_stream *l = x->user;
        struct arena *a = l->arena;
        arena_free(l->scratch);
        free(l->steps);
        free(l->chunk);
        arena_free(a);
}

static struct log_stream *stream_new(struct request *q, const struct run_row *run, const struct value *query)
{
        struct arena *a = arena_new();
        struct log_stream *l = ARENA_NEW(a, struct log_stream);
        *l = (struct log_stream){.arena = a, .scratch = arena_new(), .store = q->store, .executor = q->executor, .run = arena_str(a, run->uid), .folder = arena_str(a, q->folder),
                                 .follow = flag_of(query, "follow"), .times = flag_of(query, "times"), .chunk = malloc(CHUNK)};
        if (!l->chunk)
                abort();
        l->s = (struct answer_stream){.next = next, .close = close_stream, .wake_run = l->run, .user = l};
        q->answer.type = "text/plain; charset=utf-8";
        return l;
}

void api_run_logs(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row run;
        if (!query_read(q, &query, &e) || !find_run(q, MAY_VIEW, &run, &e)) {
                request_fail(q, &e);
                return;
        }
        struct log_stream *l = stream_new(q, &run, &query);
        l->prefix = true;
        q->answer.stream = &l->s;
}

/* Where the last `lines` lines of a file begin. */
static off_t tail_of(int fd, off_t size, int64_t lines)
{
        char chunk[4096];
        int64_t seen = 0;
        for (off_t end = size; end > 0;) {
                size_t n = end > (off_t)sizeof chunk ? sizeof chunk : (size_t)end;
                if (pread(fd, chunk, n, end - (off_t)n) != (ssize_t)n)
                        return 0;
                for (size_t i = n; i-- > 0;)
                        if (chunk[i] == '\n' && end - (off_t)(n - i) + 1 < size && ++seen == lines)
                                return end - (off_t)(n - i) + 1;
                end -= (off_t)n;
        }
        return 0;
}

static bool place(struct request *q, struct log_stream *l, struct step *s, const struct value *query, struct error *e)
{
        int64_t tail = int_of(query, "tail", 0), from = int_of(query, "from", 0), bytes = int_of(query, "bytes", 0);
        struct attempt_id id = {l->run, s->node, s->epoch, s->attempt};
        struct stat st;
        if (tail < 0 || from < 0 || bytes < 0 || (tail && (from || bytes)))
                return error_set(e, ERROR_INVALID, "tail, from and bytes are not negative, and tail stands alone");
        s->at = from;
        l->until = bytes ? from + bytes : 0;
        int fd = open(arena_cstr(q->arena, l->executor->log_path(l->folder, &id, q->arena)), O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && !fstat(fd, &st)) {
                request_set_header(q, "X-Log-Bytes", arena_printf(q->arena, "%lld", (long long)st.st_size));
                if (tail)
                        s->at = tail_of(fd, st.st_size, tail);
        }
        if (fd >= 0)
                close(fd);
        return true;
}

struct latest { struct request *q; uint32_t parent; struct node_row *ret; };
static bool on_latest(void *user, const struct node_row *n)
{
        struct latest *l = user;
        if (n->parent == l->parent && n->role == NODE_ROLE_ATTEMPT)
                *l->ret = node_row_copy(n, l->q->arena);
        return true;
}

/* A retry's log is its newest attempt's. */
void api_node_logs(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row run;
        struct node_row n;
        bool ok = query_read(q, &query, &e) && find_run(q, MAY_VIEW, &run, &e) && find_node(q, &run, &n, &e);
        if (ok && n.kind == NODE_KIND_RETRY)
                ok = q->store->nodes(q->reader, run.uid, 0, on_latest, &(struct latest){q, n.no, &n}, &e);
        if (ok && n.kind != NODE_KIND_TASK)
                ok = error_set(&e, ERROR_INVALID, "node %u of run %.*s is a %s: only tasks have logs", n.no, STR_FMT(run.name), node_kind_name(n.kind));
        int64_t attempt = ok ? int_of(&query, "attempt", n.attempt) : 0, epoch = ok ? int_of(&query, "epoch", n.epoch) : 0;
        if (ok && (attempt < 0 || attempt > n.attempt + (epoch < n.epoch ? INT32_MAX : 0) || epoch < 0 || epoch > n.epoch))
                ok = error_set(&e, ERROR_NOT_FOUND, "node %u of run %.*s has no attempt %lld of epoch %lld", n.no, STR_FMT(run.name), (long long)attempt, (long long)epoch);
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        struct log_stream *l = stream_new(q, &run, &query);
        l->only = n.no;
        bool older = epoch < n.epoch || attempt < n.attempt;
        struct step *s = step_of(l, n.no, (uint32_t)epoch, (uint32_t)attempt);
        s->done = older || node_state_final(n.state);
        l->fixed = s->done || !l->follow;
        if (!place(q, l, s, &query, &e)) {
                close_stream(&l->s);
                request_fail(q, &e);
                return;
        }
        q->answer.stream = &l->s;
}
