/* Rows to columns and back: one table of fields for each kind of row, from which the statements and both directions come.
 *
 * A long text is a value (sqlite_values.c); its column holds the value's number. Bindings are stored in their own text form, in which
 * each long parameter is replaced by DEL and the value's number, so that a long parameter that many nodes get is kept once. A
 * parameter that begins with DEL, or is not UTF-8 (which the text form cannot hold), is a value whatever its length: so DEL at the
 * beginning always means a number. */
#include "base/buf.h"
#include "store/sqlite.h"

enum { REFERENCE = 0x7f };

enum field_kind {
        FIELD_U32, /* and enums; as a signed number, so that UINT32_MAX takes one byte */
        FIELD_I64, /* and struct wall */
        FIELD_BOOL,
        FIELD_NAME,      /* short, never a value; empty is '' */
        FIELD_TEXT,      /* a value when long; not counted */
        FIELD_AGGREGATE, /* a value when long; counted */
        FIELD_SINGLE,    /* a value when long; counted and limited */
        FIELD_KEY,
        FIELD_BINDINGS,
};
struct field {
        const char *column;
        enum field_kind kind;
        size_t at;
};

/* The first ones never change and are written once. */
#define R(column, kind)                                                                                                                    \
        {                                                                                                                                  \
#column, kind, offsetof(struct run_row, column)                                                                            \
        }
static const struct field run_fields[] = {
        R(uid, FIELD_NAME),
        R(name, FIELD_NAME),
        R(ns, FIELD_NAME),
        R(display_name, FIELD_NAME),
        R(language, FIELD_NAME),
        R(document, FIELD_TEXT),
        R(created_at, FIELD_I64),
        R(parent_run, FIELD_NAME),
        R(parent_node, FIELD_U32),
        R(depth, FIELD_U32),
        R(options, FIELD_TEXT),
        R(state, FIELD_U32),
        R(reason, FIELD_TEXT),
        R(message, FIELD_TEXT),
        R(started_at, FIELD_I64),
        R(finished_at, FIELD_I64),
        R(epoch, FIELD_U32),
        R(nodes_next, FIELD_U32),
        R(stopping, FIELD_U32),
        R(suspended, FIELD_BOOL),
        R(deadline_passed, FIELD_BOOL),
        R(parameters, FIELD_BINDINGS),
        R(globals, FIELD_BINDINGS),
        R(outputs, FIELD_BINDINGS),
        R(nodes_total, FIELD_U32),
        R(nodes_done, FIELD_U32),
        {"owner", FIELD_NAME, offsetof(struct run_row, meta.owner)},
        {"experiment", FIELD_NAME, offsetof(struct run_row, meta.experiment)},
        {"pipeline", FIELD_NAME, offsetof(struct run_row, meta.pipeline)},
        {"version", FIELD_NAME, offsetof(struct run_row, meta.version)},
        {"recurring", FIELD_NAME, offsetof(struct run_row, meta.recurring)},
        {"description", FIELD_NAME, offsetof(struct run_row, meta.description)},
        {"service_account", FIELD_NAME, offsetof(struct run_row, meta.service_account)},
        {"labels", FIELD_NAME, offsetof(struct run_row, meta.labels)},
        {"scheduled_at", FIELD_I64, offsetof(struct run_row, meta.scheduled_at)},
        {"priority", FIELD_U32, offsetof(struct run_row, meta.priority)},
        {"archived", FIELD_BOOL, offsetof(struct run_row, meta.archived)},
};
enum { RUN_FIELDS = sizeof run_fields / sizeof *run_fields, RUN_FIXED = 10, RUN_STATE = 11, RUN_META = 26 };

#define N(column, kind)                                                                                                                    \
        {                                                                                                                                  \
#column, kind, offsetof(struct node_row, column)                                                                           \
        }
static const struct field node_fields[] = {
        N(epoch, FIELD_U32),          N(parent, FIELD_U32),         N(kind, FIELD_U32),
        N(role, FIELD_U32),           N(task, FIELD_U32),           {"idx", FIELD_U32, offsetof(struct node_row, index)},
        N(template, FIELD_U32),       N(name, FIELD_TEXT),          N(item, FIELD_SINGLE),
        N(state, FIELD_U32),          N(reason, FIELD_TEXT),        N(message, FIELD_TEXT),
        N(has_exit_code, FIELD_BOOL), N(exit_code, FIELD_U32),      N(attempt, FIELD_U32),
        N(dispatched, FIELD_BOOL),    N(reported, FIELD_BOOL),      N(stop_ordered, FIELD_BOOL),
        N(on_stop, FIELD_BOOL),       N(created_at, FIELD_I64),     N(started_at, FIELD_I64),
        N(finished_at, FIELD_I64),    N(wake_at, FIELD_I64),        N(deadline_at, FIELD_I64),
        N(hooks_fired, FIELD_U32),    N(children_total, FIELD_U32), N(children_done, FIELD_U32),
        N(inputs, FIELD_BINDINGS),    N(outputs, FIELD_BINDINGS),   N(items, FIELD_AGGREGATE),
        N(retry, FIELD_TEXT),         N(cache_key, FIELD_KEY),      N(cached_from, FIELD_TEXT),
        N(child_run, FIELD_TEXT),     N(cpu_us, FIELD_I64),         N(rss_max_bytes, FIELD_I64),
};
enum { NODE_FIELDS = sizeof node_fields / sizeof *node_fields };

/* --- statements --- */

static void add_columns(struct buf *b, const struct field *fields, size_t n)
{
        for (size_t i = 0; i < n; i++)
                buf_addf(b, ", %s", fields[i].column);
}

static void add_marks(struct buf *b, size_t n)
{
        for (size_t i = 0; i < n; i++)
                buf_addf(b, ", ?%zu", i + 3);
}

static struct str finish(struct buf *b, struct arena *a)
{
        struct str s = arena_str(a, buf_str(b));
        buf_free(b);
        return s;
}

struct str rows_run_insert_sql(struct arena *a)
{
        struct buf b = BUF(8192);
        buf_add_c(&b, "INSERT INTO run (id, seq");
        add_columns(&b, run_fields, RUN_FIELDS);
        buf_add_c(&b, ") VALUES (?1, ?2");
        add_marks(&b, RUN_FIELDS);
        buf_add_c(&b, ")");
        return finish(&b, a);
}

/* Setting a column costs the upkeep of its indexes and triggers even when it stays the same: most updates leave the state out. */
struct str rows_run_update_sql(struct arena *a, enum run_columns which)
{
        struct buf b = BUF(8192);
        buf_add_c(&b, "UPDATE run SET seq = ?2");
        for (size_t i = which == RUN_COLUMNS_META ? RUN_META : RUN_FIXED; i < (which == RUN_COLUMNS_META ? RUN_FIELDS : RUN_META); i++)
                if (i != RUN_STATE || which != RUN_COLUMNS_SAME_STATE)
                        buf_addf(&b, ", %s = ?%zu", run_fields[i].column, i + 3);
        buf_add_c(&b, " WHERE id = ?1");
        return finish(&b, a);
}

struct str rows_node_put_sql(struct arena *a)
{
        struct buf b = BUF(8192);
        buf_add_c(&b, "INSERT OR REPLACE INTO node (id, seq");
        add_columns(&b, node_fields, NODE_FIELDS);
        buf_add_c(&b, ") VALUES (?1, ?2");
        add_marks(&b, NODE_FIELDS);
        buf_add_c(&b, ")");
        return finish(&b, a);
}

struct str rows_history_copy_sql(struct arena *a)
{
        struct buf b = BUF(8192);
        buf_add_c(&b, "INSERT OR REPLACE INTO history (id, seq");
        add_columns(&b, node_fields, NODE_FIELDS);
        buf_add_c(&b, ") SELECT id, seq");
        add_columns(&b, node_fields, NODE_FIELDS);
        buf_add_c(&b, " FROM node WHERE id = ?1");
        return finish(&b, a);
}

struct str rows_node_select_sql(struct arena *a, const char *table, const char *rest)
{
        struct buf b = BUF(8192);
        buf_add_c(&b, "SELECT id, seq");
        add_columns(&b, node_fields, NODE_FIELDS);
        buf_addf(&b, " FROM %s%s", table, rest);
        return finish(&b, a);
}

struct str rows_run_select_sql(struct arena *a, const char *rest)
{
        struct buf b = BUF(8192);
        buf_add_c(&b, "SELECT id, seq");
        add_columns(&b, run_fields, RUN_FIELDS);
        buf_addf(&b, " FROM run%s", rest);
        return finish(&b, a);
}

struct str rows_run_columns(struct arena *a, bool whole)
{
        struct buf b = BUF(8192);
        buf_add_c(&b, "run.id, run.seq");
        for (size_t i = 0; i < RUN_FIELDS; i++) {
                size_t at = run_fields[i].at;
                bool large = at == offsetof(struct run_row, document) || at == offsetof(struct run_row, options) || at == offsetof(struct run_row, globals) || at == offsetof(struct run_row, outputs);
                if (large && !whole)
                        buf_add_c(&b, ", NULL");
                else
                        buf_addf(&b, ", run.%s", run_fields[i].column);
        }
        return finish(&b, a);
}

int rows_run_columns_n(void) { return RUN_FIELDS + 2; }

/* --- binding --- */

void rows_bind_text_any(sqlite3_stmt *q, int at, struct str s)
{
        sqlite3_bind_text64(q, at, s.n ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

void rows_bind_text(sqlite3_stmt *q, int at, struct str s)
{
        if (s.n)
                rows_bind_text_any(q, at, s);
        else
                sqlite3_bind_null(q, at);
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

void rows_bind_key(sqlite3_stmt *q, int at, struct str key)
{
        uint8_t packed[32];
        bool hex = key.n == 64;
        for (size_t i = 0; hex && i < 32; i++) {
                int high = hex_digit(key.p[2 * i]), low = hex_digit(key.p[2 * i + 1]);
                hex = high >= 0 && low >= 0;
                packed[i] = (uint8_t)(high << 4 | (low & 15));
        }
        if (hex)
                sqlite3_bind_blob(q, at, packed, sizeof packed, SQLITE_TRANSIENT);
        else
                rows_bind_text(q, at, key);
}

static bool bind_long(struct store *s, sqlite3_stmt *q, int at, struct str text, enum value_limit limit, const char *what, struct str name,
                      struct error *e)
{
        uint32_t no;
        if (text.n <= INLINE_BYTES_MAX) {
                rows_bind_text(q, at, text);
                return limit != VALUE_SINGLE || values_fits(s, text, what, name, e);
        }
        if (!values_put(s, text, limit, what, name, &no, e))
                return false;
        sqlite3_bind_int64(q, at, no);
        return true;
}

/* Replaces a text that is long, or that the stored form cannot hold, by its reference. */
static bool refer(struct store *s, struct str *text, const char *what, struct str name, struct error *e)
{
        uint32_t no;
        if (text->n == 0)
                return true;
        if (text->n <= INLINE_BYTES_MAX && text->p[0] != REFERENCE && str_is_utf8(*text))
                return values_fits(s, *text, what, name, e);
        if (!values_put(s, *text, VALUE_SINGLE, what, name, &no, e))
                return false;
        *text = arena_printf(s->scratch, "%c%u", REFERENCE, no);
        return true;
}

static bool bind_bindings(struct store *s, sqlite3_stmt *q, int at, const struct bindings *b, const char *column, struct error *e)
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
        return refer(s, &c.result.text, "result", STR_NONE, e) &&
               bind_long(s, q, at, bindings_encode(&c, s->scratch), VALUE_FRAME, column, STR_NONE, e);
}

static bool bind_field(struct store *s, sqlite3_stmt *q, int at, const struct field *f, const void *row, struct error *e)
{
        const char *p = (const char *)row + f->at;
        int32_t i32;
        int64_t i64;
        struct str text;
        switch (f->kind) {
        case FIELD_U32:
                memcpy(&i32, p, sizeof i32);
                sqlite3_bind_int(q, at, i32);
                return true;
        case FIELD_I64:
                memcpy(&i64, p, sizeof i64);
                sqlite3_bind_int64(q, at, i64);
                return true;
        case FIELD_BOOL: sqlite3_bind_int(q, at, *(const bool *)p); return true;
        case FIELD_BINDINGS: return bind_bindings(s, q, at, (const void *)p, f->column, e);
        case FIELD_NAME:
        case FIELD_KEY:
        case FIELD_TEXT:
        case FIELD_AGGREGATE:
        case FIELD_SINGLE: break;
        }
        memcpy(&text, p, sizeof text);
        if (f->kind == FIELD_NAME)
                rows_bind_text_any(q, at, text);
        else if (f->kind == FIELD_KEY)
                rows_bind_key(q, at, text);
        else
                return bind_long(s, q, at, text,
                                 f->kind == FIELD_TEXT     ? VALUE_FRAME
                                 : f->kind == FIELD_SINGLE ? VALUE_SINGLE
                                                           : VALUE_AGGREGATE,
                                 f->column, STR_NONE, e);
        return true;
}

bool rows_bind_run(struct store *s, sqlite3_stmt *q, const struct run_row *row, bool insert, struct error *e)
{
        for (int i = insert ? 0 : RUN_FIXED; i < (insert ? (int)RUN_FIELDS : RUN_META); i++)
                if (!bind_field(s, q, i + 3, &run_fields[i], row, e))
                        return false;
        return true;
}

bool rows_bind_meta(struct store *s, sqlite3_stmt *q, const struct run_meta *meta, struct error *e)
{
        struct run_row row = {.meta = *meta};
        for (int i = RUN_META; i < RUN_FIELDS; i++)
                if (!bind_field(s, q, i + 3, &run_fields[i], &row, e))
                        return false;
        return true;
}

bool rows_bind_node(struct store *s, sqlite3_stmt *q, const struct node_row *row, struct error *e)
{
        for (int i = 0; i < NODE_FIELDS; i++)
                if (!bind_field(s, q, i + 3, &node_fields[i], row, e))
                        return false;
        return true;
}

/* --- reading --- */

struct str rows_column(sqlite3_stmt *q, int at)
{
        const char *p = sqlite3_column_blob(q, at);
        return (struct str){p, p ? (size_t)sqlite3_column_bytes(q, at) : 0};
}

static bool read_long(struct connection *c, sqlite3_stmt *q, int at, int64_t run_id, struct arena *a, struct str *ret, struct error *e)
{
        if (sqlite3_column_type(q, at) == SQLITE_INTEGER)
                return values_get(c, run_id, (uint32_t)sqlite3_column_int64(q, at), a, ret, e);
        struct str s = rows_column(q, at);
        *ret = s.n ? arena_str(a, s) : STR_NONE;
        return true;
}

struct str rows_read_key(sqlite3_stmt *q, int at, struct arena *a)
{
        struct str s = rows_column(q, at);
        if (sqlite3_column_type(q, at) != SQLITE_BLOB)
                return s.n ? arena_str(a, s) : STR_NONE;
        char *hex = arena_alloc(a, 2 * s.n + 1);
        for (size_t i = 0; i < s.n; i++) {
                hex[2 * i] = "0123456789abcdef"[(uint8_t)s.p[i] >> 4];
                hex[2 * i + 1] = "0123456789abcdef"[(uint8_t)s.p[i] & 15];
        }
        return (struct str){hex, 2 * s.n};
}

static bool follow(struct connection *c, int64_t run_id, struct arena *a, struct str *text, struct error *e)
{
        int64_t no;
        if (text->n == 0 || text->p[0] != REFERENCE)
                return true;
        if (!str_to_i64(str_sub(*text, 1, text->n), &no) || no < 1 || no > UINT32_MAX)
                return error_set(e, ERROR_CORRUPT,
                                 "reading stored values: a reference in %s is damaged: restore a copy of the folder, or delete the run",
                                 c->path);
        return values_get(c, run_id, (uint32_t)no, a, text, e);
}

static bool read_bindings(struct connection *c, sqlite3_stmt *q, int at, int64_t run_id, struct arena *a, struct bindings *ret,
                          struct error *e)
{
        struct str text;
        *ret = (struct bindings){0};
        if (sqlite3_column_type(q, at) == SQLITE_NULL)
                return true;
        if (!read_long(c, q, at, run_id, a, &text, e))
                return false;
        if (!bindings_decode(text, a, ret, e)) {
                if (e)
                        e->kind = ERROR_CORRUPT;
                return error_wrap(e, "%s", c->path);
        }
        for (size_t i = 0; i < ret->params_n; i++)
                if (!follow(c, run_id, a, &ret->params[i].value.text, e))
                        return false;
        for (size_t i = 0; i < ret->artifacts_n; i++)
                if (!follow(c, run_id, a, &ret->artifacts[i].metadata, e) || !follow(c, run_id, a, &ret->artifacts[i].uri, e))
                        return false;
        return follow(c, run_id, a, &ret->result.text, e);
}

static bool read_field(struct connection *c, sqlite3_stmt *q, int at, const struct field *f, int64_t run_id, struct arena *a, void *row,
                       struct error *e)
{
        char *p = (char *)row + f->at;
        int32_t i32;
        int64_t i64;
        struct str text = STR_NONE;
        switch (f->kind) {
        case FIELD_U32:
                i32 = sqlite3_column_int(q, at);
                memcpy(p, &i32, sizeof i32);
                return true;
        case FIELD_I64:
                i64 = sqlite3_column_int64(q, at);
                memcpy(p, &i64, sizeof i64);
                return true;
        case FIELD_BOOL: *(bool *)p = sqlite3_column_int(q, at) != 0; return true;
        case FIELD_BINDINGS: return read_bindings(c, q, at, run_id, a, (void *)p, e);
        case FIELD_KEY: text = rows_read_key(q, at, a); break;
        case FIELD_NAME:
        case FIELD_TEXT:
        case FIELD_AGGREGATE:
        case FIELD_SINGLE:
                if (!read_long(c, q, at, run_id, a, &text, e))
                        return false;
        }
        memcpy(p, &text, sizeof text);
        return true;
}

bool rows_read_run(struct connection *c, sqlite3_stmt *q, struct arena *a, struct run_row *ret, struct error *e)
{
        int64_t id = sqlite3_column_int64(q, 0);
        *ret = (struct run_row){.seq = (uint64_t)sqlite3_column_int64(q, 1)};
        for (int i = 0; i < RUN_FIELDS; i++)
                if (!read_field(c, q, i + 2, &run_fields[i], id, a, ret, e))
                        return error_wrap(e, "reading run %lld", (long long)id);
        if (ret->state >= RUN_STATES)
                return error_set(e, ERROR_CORRUPT, "reading run %.*s: its state is none that this version knows: %s is damaged",
                                 STR_FMT(ret->uid), c->path);
        return true;
}

bool rows_read_node(struct connection *c, sqlite3_stmt *q, struct arena *a, struct node_row *ret, struct error *e)
{
        int64_t id = sqlite3_column_int64(q, 0);
        *ret = (struct node_row){.no = (uint32_t)id, .seq = (uint64_t)sqlite3_column_int64(q, 1)};
        for (int i = 0; i < NODE_FIELDS; i++)
                if (!read_field(c, q, i + 2, &node_fields[i], id >> 32, a, ret, e))
                        return error_wrap(e, "reading node %u", ret->no);
        if (ret->state >= NODE_STATES || ret->kind >= NODE_KINDS)
                return error_set(e, ERROR_CORRUPT, "reading node %u: its state or kind is none that this version knows: %s is damaged",
                                 ret->no, c->path);
        return true;
}
