/* Rows to columns and back: one table of fields for each kind of row, from which the statements, the arrays and both directions come.
 *
 * A long text is a value (postgres_values.c); its column holds DEL and the value's number. Bindings are stored in their own text form, in which
 * each long parameter is replaced in the same way. A text that begins with DEL itself, or a parameter that is not UTF-8 (which the text form
 * cannot hold), is a value whatever its length: so DEL at the beginning always means a number. */
#include "store/postgres.h"
#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>

enum field_kind {
        FIELD_U32, /* and enums; as a signed number */
        FIELD_I64, /* and struct wall */
        FIELD_BOOL,
        FIELD_NAME,      /* somebody looks for it: TEXT */
        FIELD_TEXT,      /* a value when long; not counted */
        FIELD_AGGREGATE, /* a value when long; counted */
        FIELD_SINGLE,    /* a value when long; counted and limited */
        FIELD_BINDINGS,
};
struct field {
        const char *column;
        enum field_kind kind;
        size_t at;
        bool fixed; /* written with a new row only */
};

#define R(column, kind) {#column, kind, offsetof(struct run_row, column), false}
#define F(column, kind) {#column, kind, offsetof(struct run_row, column), true}
#define M(column, kind) {#column, kind, offsetof(struct run_row, meta.column), true}
static const struct field run_fields[] = {
        F(uid, FIELD_NAME),          F(name, FIELD_NAME),         F(ns, FIELD_NAME),           F(display_name, FIELD_NAME),  F(language, FIELD_NAME),
        F(document, FIELD_TEXT),     F(created_at, FIELD_I64),    F(parent_run, FIELD_NAME),   F(parent_node, FIELD_U32),    F(depth, FIELD_U32),
        R(options, FIELD_TEXT),      R(state, FIELD_U32),         R(reason, FIELD_TEXT),       R(message, FIELD_TEXT),       R(started_at, FIELD_I64),
        R(finished_at, FIELD_I64),   R(epoch, FIELD_U32),         R(nodes_next, FIELD_U32),    R(stopping, FIELD_U32),       R(suspended, FIELD_BOOL),
        R(deadline_passed, FIELD_BOOL), R(parameters, FIELD_BINDINGS), R(globals, FIELD_BINDINGS), R(outputs, FIELD_BINDINGS), R(nodes_total, FIELD_U32),
        R(nodes_done, FIELD_U32),    M(owner, FIELD_NAME),        M(experiment, FIELD_NAME),   M(pipeline, FIELD_NAME),      M(version, FIELD_NAME),
        M(recurring, FIELD_NAME),    M(description, FIELD_NAME),  M(service_account, FIELD_NAME), M(labels, FIELD_NAME),     M(scheduled_at, FIELD_I64),
        M(priority, FIELD_U32),      M(archived, FIELD_BOOL),
};
#define N(column, kind) {#column, kind, offsetof(struct node_row, column), false}
static const struct field node_fields[] = {
        N(epoch, FIELD_U32),          N(parent, FIELD_U32),         N(kind, FIELD_U32),
        N(role, FIELD_U32),           N(task, FIELD_U32),           {"idx", FIELD_U32, offsetof(struct node_row, index), false},
        N(template, FIELD_U32),       N(name, FIELD_TEXT),          N(item, FIELD_SINGLE),
        N(state, FIELD_U32),          N(reason, FIELD_TEXT),        N(message, FIELD_TEXT),
        N(has_exit_code, FIELD_BOOL), N(exit_code, FIELD_U32),      N(attempt, FIELD_U32),
        N(dispatched, FIELD_BOOL),    N(reported, FIELD_BOOL),      N(stop_ordered, FIELD_BOOL),
        N(on_stop, FIELD_BOOL),       N(created_at, FIELD_I64),     N(started_at, FIELD_I64),
        N(finished_at, FIELD_I64),    N(wake_at, FIELD_I64),        N(deadline_at, FIELD_I64),
        N(hooks_fired, FIELD_U32),    N(children_total, FIELD_U32), N(children_done, FIELD_U32),
        N(inputs, FIELD_BINDINGS),    N(outputs, FIELD_BINDINGS),   N(items, FIELD_AGGREGATE),
        N(retry, FIELD_TEXT),         N(cache_key, FIELD_TEXT),     N(cached_from, FIELD_TEXT),
        N(child_run, FIELD_TEXT),     N(cpu_us, FIELD_I64),         N(rss_max_bytes, FIELD_I64),
};
enum { RUN_FIELDS = sizeof run_fields / sizeof *run_fields, NODE_FIELDS = sizeof node_fields / sizeof *node_fields };

/* --- statements --- */

static Oid type_of(enum field_kind k)
{
        return k == FIELD_U32 || k == FIELD_BOOL ? PG_INT4 : k == FIELD_I64 ? PG_INT8 : k == FIELD_NAME ? PG_TEXT : PG_BYTEA;
}

static const char *type_name(Oid type) { return type == PG_INT4 ? "int4" : type == PG_INT8 ? "int8" : type == PG_TEXT ? "text" : "bytea"; }

static void add_columns(struct buf *b, const struct field *fields, size_t n)
{
        for (size_t i = 0; i < n; i++)
                buf_addf(b, ", %s", fields[i].column);
}

static void add_updates(struct buf *b, const struct field *fields, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!fields[i].fixed)
                        buf_addf(b, ", %s = excluded.%s", fields[i].column, fields[i].column);
}

/* FROM unnest($1::int8[], …) AS t(…): `keys` are int8. */
static void add_unnest(struct buf *b, int keys, const char *key_columns, const struct field *fields, size_t n)
{
        int at = 1;
        buf_add_c(b, " FROM unnest(");
        for (; at <= keys; at++)
                buf_addf(b, "%s$%d::int8[]", at > 1 ? ", " : "", at);
        for (size_t i = 0; i < n; i++, at++)
                buf_addf(b, ", $%d::%s[]", at, type_name(type_of(fields[i].kind)));
        buf_addf(b, ") AS t(%s", key_columns);
        add_columns(b, fields, n);
        buf_add_c(b, ")");
}

static char *finish(struct buf *b)
{
        char *p = strndup(b->p, b->n);
        if (!p || b->overflow)
                abort();
        buf_free(b);
        return p;
}

#define SEQ "(SELECT seq FROM state)"
static char *put_text(const char *table, int keys, const char *key_columns, const struct field *fields, size_t n)
{
        struct buf b = BUF(16384);
        buf_addf(&b, "INSERT INTO %s (%s, seq", table, key_columns);
        add_columns(&b, fields, n);
        buf_addf(&b, ") SELECT %s, " SEQ, key_columns);
        add_columns(&b, fields, n);
        add_unnest(&b, keys, key_columns, fields, n);
        buf_addf(&b, " ON CONFLICT (%s) DO UPDATE SET seq = excluded.seq", key_columns);
        add_updates(&b, fields, n);
        return finish(&b);
}

static char *history_text(void)
{
        struct buf b = BUF(16384);
        buf_add_c(&b, "WITH gone AS (DELETE FROM node USING unnest($1::int8[], $2::int8[]) AS t(r, n) WHERE run = r AND no = n RETURNING node.*) "
                      "INSERT INTO history (run, no, seq");
        add_columns(&b, node_fields, NODE_FIELDS);
        buf_add_c(&b, ") SELECT run, no, seq");
        add_columns(&b, node_fields, NODE_FIELDS);
        buf_add_c(&b, " FROM gone ON CONFLICT (run, no, epoch) DO UPDATE SET seq = excluded.seq");
        add_updates(&b, node_fields, NODE_FIELDS);
        return finish(&b);
}

static char *columns_text(const char *keys, const struct field *fields, size_t n, bool brief)
{
        static const char *const large[] = {"document", "options", "globals", "outputs"};
        struct buf b = BUF(16384);
        const char *table = fields == run_fields ? "run." : "";
        buf_addf(&b, "%s%s, %sseq", table, keys, table);
        for (size_t i = 0; i < n; i++) {
                bool left_out = false;
                for (size_t k = 0; brief && k < sizeof large / sizeof *large; k++)
                        left_out = left_out || strcmp(large[k], fields[i].column) == 0;
                if (left_out)
                        buf_add_c(&b, ", NULL::bytea");
                else
                        buf_addf(&b, ", %s%s", table, fields[i].column);
        }
        return finish(&b);
}

static struct pg_texts texts;
static void make_texts(void)
{
        texts = (struct pg_texts){.run_columns = columns_text("id", run_fields, RUN_FIELDS, false), .run_columns_brief = columns_text("id", run_fields, RUN_FIELDS, true),
                                  .node_columns = columns_text("run, no", node_fields, NODE_FIELDS, false),
                                  .run_put = put_text("run", 1, "id", run_fields, RUN_FIELDS), .node_put = put_text("node", 2, "run, no", node_fields, NODE_FIELDS),
                                  .history = history_text()};
}

const struct pg_texts *pg_texts(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, make_texts);
        return &texts;
}

static void arrays(struct pg_params *p, int keys, const struct field *fields, size_t n)
{
        for (int i = 0; i < keys; i++)
                pg_array(p, PG_INT8);
        for (size_t i = 0; i < n; i++)
                pg_array(p, type_of(fields[i].kind));
}

void pg_run_arrays(struct pg_params *p) { arrays(p, 1, run_fields, RUN_FIELDS); }
void pg_node_arrays(struct pg_params *p) { arrays(p, 2, node_fields, NODE_FIELDS); }

/* --- writing --- */

static struct str reference(struct store *s, uint32_t no) { return arena_printf(s->scratch, "%c%u", PG_REFERENCE, no); }

static bool add_long(struct store *s, struct pg_params *p, int at, struct str text, enum pg_limit limit, const char *what, struct error *e)
{
        uint32_t no;
        if (text.n <= PG_INLINE_MAX && (text.n == 0 || text.p[0] != PG_REFERENCE)) {
                pg_add_bytea(p, at, text);
                return limit != PG_SINGLE || pg_values_fits(s, text, what, STR_NONE, e);
        }
        if (!pg_values_put(s, text, limit, what, STR_NONE, &no, e))
                return false;
        pg_add_bytea(p, at, reference(s, no));
        return true;
}

/* Replaces a text that is long, or that the stored form cannot hold, by its reference. */
static bool refer(struct store *s, struct str *text, const char *what, struct str name, struct error *e)
{
        uint32_t no;
        if (text->n == 0)
                return true;
        if (text->n <= PG_INLINE_MAX && text->p[0] != PG_REFERENCE && str_is_utf8(*text))
                return pg_values_fits(s, *text, what, name, e);
        if (!pg_values_put(s, *text, PG_SINGLE, what, name, &no, e))
                return false;
        *text = reference(s, no);
        return true;
}

static bool add_bindings(struct store *s, struct pg_params *p, int at, const struct bindings *b, const char *column, struct error *e)
{
        struct bindings c = *b;
        c.params = ARENA_ARRAY(s->scratch, struct param, b->params_n);
        c.artifacts = ARENA_ARRAY(s->scratch, struct artifact, b->artifacts_n);
        for (size_t i = 0; i < b->params_n; i++) {
                c.params[i] = b->params[i];
                if (!refer(s, &c.params[i].value.text, "parameter", c.params[i].name, e))
                        return false;
        }
        for (size_t i = 0; i < b->artifacts_n; i++) {
                c.artifacts[i] = b->artifacts[i];
                if (!refer(s, &c.artifacts[i].metadata, "metadata of artifact", c.artifacts[i].name, e) ||
                    !refer(s, &c.artifacts[i].uri, "place of artifact", c.artifacts[i].name, e))
                        return false;
        }
        return refer(s, &c.result.text, "result", STR_NONE, e) && add_long(s, p, at, bindings_encode(&c, s->scratch), PG_FRAME, column, e);
}

static bool add_field(struct store *s, struct pg_params *p, int at, const struct field *f, const void *row, struct error *e)
{
        const char *from = (const char *)row + f->at;
        int32_t i32;
        int64_t i64;
        struct str text;
        switch (f->kind) {
        case FIELD_U32:
                memcpy(&i32, from, sizeof i32);
                pg_add_int4(p, at, i32);
                return true;
        case FIELD_I64:
                memcpy(&i64, from, sizeof i64);
                pg_add_int8(p, at, i64);
                return true;
        case FIELD_BOOL: pg_add_int4(p, at, *(const bool *)from); return true;
        case FIELD_BINDINGS: return add_bindings(s, p, at, (const void *)from, f->column, e);
        case FIELD_NAME:
        case FIELD_TEXT:
        case FIELD_AGGREGATE:
        case FIELD_SINGLE: break;
        }
        memcpy(&text, from, sizeof text);
        if (f->kind == FIELD_NAME) {
                pg_add_text(p, at, text);
                return true;
        }
        return add_long(s, p, at, text, f->kind == FIELD_TEXT ? PG_FRAME : f->kind == FIELD_SINGLE ? PG_SINGLE : PG_AGGREGATE, f->column, e);
}

bool pg_add_run(struct store *s, struct pg_params *p, int64_t id, bool fresh, const struct run_row *row, struct error *e)
{
        static const struct run_row nothing;
        pg_add_int8(p, 0, id);
        for (int i = 0; i < RUN_FIELDS; i++) /* the document is neither read nor sent again: what is fixed stays as it is stored */
                if (!add_field(s, p, i + 1, &run_fields[i], run_fields[i].fixed && !fresh ? &nothing : row, e))
                        return error_wrap(e, "run %.*s", STR_FMT(row->uid));
        return true;
}

bool pg_add_node(struct store *s, struct pg_params *p, int64_t run, const struct node_row *row, struct error *e)
{
        pg_add_int8(p, 0, run);
        pg_add_int8(p, 1, row->no);
        for (int i = 0; i < NODE_FIELDS; i++)
                if (!add_field(s, p, i + 2, &node_fields[i], row, e))
                        return error_wrap(e, "node %u (%.*s)", row->no, STR_FMT(str_sub(row->name, 0, 200)));
        return true;
}

/* --- reading --- */

/* A text that stands for a value until resolve(). */
struct slot { int64_t run; struct str *text; };
struct fetched { int64_t key[2]; struct str bytes; UT_hash_handle hh; };
struct framed { int64_t run; struct str text; struct bindings *ret; };
struct reading {
        struct pg *c;
        struct arena *a;
        struct slot *slots; size_t slots_n, slots_cap;
        struct framed *framed; size_t framed_n, framed_cap;
        struct fetched *values; /* fetched already */
};

static void *grow(void *p, size_t *cap, size_t n, size_t item)
{
        if (n < *cap)
                return p;
        *cap = *cap ? *cap * 2 : 64;
        p = realloc(p, *cap * item);
        if (!p)
                abort();
        return p;
}

static void note_slot(struct reading *d, int64_t run, struct str *text)
{
        if (text->n == 0 || text->p[0] != PG_REFERENCE)
                return;
        d->slots = grow(d->slots, &d->slots_cap, d->slots_n, sizeof *d->slots);
        d->slots[d->slots_n++] = (struct slot){run, text};
}

static bool damaged(struct reading *d, const char *what, struct error *e)
{
        return error_set(e, ERROR_CORRUPT, "reading stored values: %s in %s: restore a backup, or delete the run", what, d->c->place);
}

static bool key_of(const struct slot *s, int64_t ret[2])
{
        ret[0] = s->run;
        return str_to_i64(str_sub(*s->text, 1, s->text->n), &ret[1]) && ret[1] >= 1 && ret[1] <= UINT32_MAX;
}

static struct fetched *value_of(struct reading *d, const int64_t key[2])
{
        struct fetched *v;
        HASH_FIND(hh, d->values, key, sizeof v->key, v);
        return v;
}

static bool take_values(struct reading *d, const PGresult *r, struct error *e)
{
        for (int i = 0; i < PQntuples(r); i++) {
                uint8_t actual[32];
                struct str hash = pg_get(r, i, 2), bytes = pg_get(r, i, 3);
                struct fetched *v = value_of(d, (int64_t[]){pg_get_int8(r, i, 0), pg_get_int8(r, i, 1)});
                if (!pg_digest(bytes, actual) || hash.n != sizeof actual || memcmp(hash.p, actual, sizeof actual) != 0)
                        return damaged(d, "a value is not what was stored", e);
                if (v)
                        v->bytes = arena_str(d->a, bytes);
        }
        return true;
}

/* Fetches what the slots stand for, and fills them. */
static bool resolve(struct reading *d, struct error *e)
{
        static const char sql[] = "SELECT run, no, hash, bytes FROM unnest($1::int8[], $2::int8[]) AS t(r, n) JOIN value ON run = r AND no = n";
        _cleanup_params_ struct pg_params p = {0};
        int runs = pg_array(&p, PG_INT8), nos = pg_array(&p, PG_INT8);
        for (size_t i = 0; i < d->slots_n; i++) {
                int64_t key[2];
                if (!key_of(&d->slots[i], key))
                        return damaged(d, "a reference is damaged", e);
                if (value_of(d, key))
                        continue;
                struct fetched *v = arena_alloc(d->a, sizeof *v);
                memcpy(v->key, key, sizeof key);
                HASH_ADD(hh, d->values, key, sizeof v->key, v);
                pg_add_int8(&p, runs, key[0]);
                pg_add_int8(&p, nos, key[1]);
        }
        if (p.p[runs].n) {
                _cleanup_result_ PGresult *r = pg_query(d->c, sql, &p, "reading values", e);
                if (!r || !take_values(d, r, e))
                        return false;
        }
        for (size_t i = 0; i < d->slots_n; i++) {
                int64_t key[2];
                struct fetched *v = key_of(&d->slots[i], key) ? value_of(d, key) : NULL;
                if (!v || !v->bytes.p)
                        return damaged(d, "a value is missing", e);
                *d->slots[i].text = v->bytes;
        }
        d->slots_n = 0;
        return true;
}

static bool decode_framed(struct reading *d, struct framed *f, struct error *e)
{
        if (!bindings_decode(f->text, d->a, f->ret, e)) {
                if (e)
                        e->kind = ERROR_CORRUPT;
                return error_wrap(e, "%s", d->c->place);
        }
        for (size_t i = 0; i < f->ret->params_n; i++)
                note_slot(d, f->run, &f->ret->params[i].value.text);
        for (size_t i = 0; i < f->ret->artifacts_n; i++) {
                note_slot(d, f->run, &f->ret->artifacts[i].metadata);
                note_slot(d, f->run, &f->ret->artifacts[i].uri);
        }
        note_slot(d, f->run, &f->ret->result.text);
        return true;
}

static bool reading_end(struct reading *d, struct error *e)
{
        for (size_t i = 0; i < d->framed_n; i++) /* not before: the list moves while it grows */
                note_slot(d, d->framed[i].run, &d->framed[i].text);
        bool good = resolve(d, e);
        for (size_t i = 0; good && i < d->framed_n; i++)
                good = decode_framed(d, &d->framed[i], e);
        good = good && resolve(d, e);
        HASH_CLEAR(hh, d->values);
        free(d->slots);
        free(d->framed);
        return good;
}

static void read_field(struct reading *d, const PGresult *r, int at, int column, const struct field *f, int64_t run, void *row)
{
        char *to = (char *)row + f->at;
        int32_t i32;
        int64_t i64;
        struct str text;
        switch (f->kind) {
        case FIELD_U32:
                i32 = pg_get_int4(r, at, column);
                memcpy(to, &i32, sizeof i32);
                return;
        case FIELD_I64:
                i64 = pg_get_int8(r, at, column);
                memcpy(to, &i64, sizeof i64);
                return;
        case FIELD_BOOL: *(bool *)to = pg_get_int4(r, at, column) != 0; return;
        case FIELD_NAME:
        case FIELD_TEXT:
        case FIELD_AGGREGATE:
        case FIELD_SINGLE:
        case FIELD_BINDINGS: break;
        }
        text = pg_get(r, at, column);
        text = text.n ? arena_str(d->a, text) : STR_NONE;
        if (f->kind == FIELD_BINDINGS) {
                if (text.n) {
                        d->framed = grow(d->framed, &d->framed_cap, d->framed_n, sizeof *d->framed);
                        d->framed[d->framed_n++] = (struct framed){run, text, (void *)to};
                }
                return;
        }
        memcpy(to, &text, sizeof text);
        if (f->kind != FIELD_NAME)
                note_slot(d, run, (void *)to);
}

bool pg_rows_runs(struct pg *c, const PGresult *r, struct arena *a, struct run_row **ret, struct error *e)
{
        struct reading d = {.c = c, .a = a};
        int n = PQntuples(r);
        struct run_row *rows = ARENA_ARRAY(a, struct run_row, (size_t)n);
        bool good = true;
        for (int i = 0; i < n; i++) {
                rows[i].seq = (uint64_t)pg_get_int8(r, i, 1);
                for (int k = 0; k < RUN_FIELDS; k++)
                        read_field(&d, r, i, k + 2, &run_fields[k], pg_get_int8(r, i, 0), &rows[i]);
                if (rows[i].state >= RUN_STATES)
                        good = damaged(&d, "a run has a state that this version does not know", e);
        }
        *ret = rows;
        return reading_end(&d, good ? e : NULL) && good;
}

bool pg_rows_nodes(struct pg *c, const PGresult *r, struct arena *a, struct node_row **ret, struct error *e)
{
        struct reading d = {.c = c, .a = a};
        int n = PQntuples(r);
        struct node_row *rows = ARENA_ARRAY(a, struct node_row, (size_t)n);
        bool good = true;
        for (int i = 0; i < n; i++) {
                rows[i].no = (uint32_t)pg_get_int8(r, i, 1);
                rows[i].seq = (uint64_t)pg_get_int8(r, i, 2);
                for (int k = 0; k < NODE_FIELDS; k++)
                        read_field(&d, r, i, k + 3, &node_fields[k], pg_get_int8(r, i, 0), &rows[i]);
                if (rows[i].state >= NODE_STATES || rows[i].kind >= NODE_KINDS)
                        good = damaged(&d, "a node has a state or kind that this version does not know", e);
        }
        *ret = rows;
        return reading_end(&d, good ? e : NULL) && good;
}
