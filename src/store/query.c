/* Lists as SQL.
 *
 *  Q1  A list is a walk along an index: `key > last` of the page before, never an offset, so that a page deep inside costs what the first does.
 *  Q2  Ties are broken by the row's number, in the direction of the sort. Runs sorted by created_at are sorted by that number alone: it is
 *      the order of creation, also over a clock that was set back, and every index ends in it.
 *  Q3  A choice among several (namespaces, states, pipelines) would leave that order: it is split into branches of one choice each, of which
 *      the database takes the first rows of the page and merges them.
 *  Q4  Keys become SQL only through the tables below; every value of the user's is a parameter. */
#include "store/query.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"

enum { BRANCHES_MAX = 24, TOKEN_KEY_MAX = 800, SQL_MAX = 1 << 20, MARKS_MAX = 100 };

struct key {
        const char *name, *column;
        enum query_type type;
        bool counted, split; /* run_count has it; an index begins with it and ends with the row's number */
        bool not_empty;      /* that index leaves empty ones out */
        bool literal;        /* a small number, written as it is, for the sake of partial indexes */
};

static const struct key run_keys[] = {
        {"uid", "uid", QUERY_TEXT, .counted = false},
        {"name", "name", QUERY_TEXT, .counted = false},
        {"display_name", "display_name", QUERY_TEXT, .counted = false},
        {"ns", "ns", QUERY_TEXT, .counted = true, .split = true},
        {"state", "state", QUERY_NUMBER, .counted = true, .split = true, .literal = true},
        {"owner", "owner", QUERY_TEXT, .split = true, .not_empty = true},
        {"experiment", "experiment", QUERY_TEXT, .counted = true, .split = true, .not_empty = true},
        {"pipeline", "pipeline", QUERY_TEXT, .counted = true, .split = true, .not_empty = true},
        {"version", "version", QUERY_TEXT, .counted = false},
        {"recurring", "recurring", QUERY_TEXT, .split = true, .not_empty = true},
        {"archived", "archived", QUERY_NUMBER, .counted = true, .literal = true},
        {"language", "language", QUERY_TEXT, .counted = false},
        {"priority", "priority", QUERY_NUMBER, .counted = false},
        {"created_at", "created_at", QUERY_TIME, .counted = false},
        {"started_at", "started_at", QUERY_TIME, .counted = false},
        {"finished_at", "finished_at", QUERY_TIME, .counted = false},
        {"scheduled_at", "scheduled_at", QUERY_TIME, .counted = false},
        {"description", "description", QUERY_TEXT, .counted = false},
        {"parent_run", "parent_run", QUERY_TEXT, .split = true, .not_empty = true},
};
static const struct key record_keys[] = {
        {"id", "id", QUERY_TEXT, .counted = false},
        {"name", "name", QUERY_TEXT, .counted = false},
        {"display_name", "display_name", QUERY_TEXT, .counted = false},
        {"ns", "ns", QUERY_TEXT, .counted = false},
        {"parent", "parent", QUERY_TEXT, .not_empty = true},
        {"owner", "owner", QUERY_TEXT, .counted = false},
        {"state", "state", QUERY_NUMBER, .literal = true},
        {"created_at", "created_at", QUERY_TIME, .counted = false},
        {"updated_at", "updated_at", QUERY_TIME, .counted = false},
        {"description", "description", QUERY_TEXT, .counted = false},
};

/* What a statement is made of. */
struct writer {
        const struct query *q;
        const struct query_dialect *d;
        const char *table, *id; /* "run", "run.id" */
        struct arena *a;
        struct buf b;
        struct query_text *out;
        bool counters;          /* the table is run_count */
        size_t search;          /* the predicate that the index over names answers; SIZE_MAX: none */
        bool too_many;
};

/* One of the choices of Q3; SIZE_MAX: that one is not split. */
struct branch { size_t ns, predicate, value; };
static const struct branch whole_query = {SIZE_MAX, SIZE_MAX, SIZE_MAX};

static bool is_run(const struct query *q) { return q->kind == RECORD_RUN; }

static const struct key *find_key(const struct query *q, struct str name)
{
        const struct key *keys = is_run(q) ? run_keys : record_keys;
        size_t n = is_run(q) ? sizeof run_keys / sizeof *run_keys : sizeof record_keys / sizeof *record_keys;
        for (size_t i = 0; i < n; i++)
                if (str_eq_c(name, keys[i].name))
                        return &keys[i];
        return NULL;
}

/* "metric:loss": the name behind the prefix. */
static bool prefixed(struct str key, const char *prefix, struct str *ret)
{
        size_t n = strlen(prefix);
        if (!str_starts(key, str_from(prefix)) || key.n == n)
                return false;
        *ret = str_sub(key, n, key.n);
        return true;
}

static bool is_metric(const struct query *q, struct str key, struct str *ret) { return is_run(q) && prefixed(key, "metric:", ret); }
static bool is_label(const struct query *q, struct str key, struct str *ret) { return prefixed(key, is_run(q) ? "label:" : "tag:", ret); }

static bool unknown_key(const struct query *q, struct str key, struct error *e)
{
        struct buf b = BUF(2048);
        const struct key *keys = is_run(q) ? run_keys : record_keys;
        size_t n = is_run(q) ? sizeof run_keys / sizeof *run_keys : sizeof record_keys / sizeof *record_keys;
        for (size_t i = 0; i < n; i++)
                buf_addf(&b, "%s, ", keys[i].name);
        buf_add_c(&b, is_run(q) ? "metric:NAME, label:NAME" : "tag:NAME");
        error_set(e, ERROR_INVALID, "there is no key \"%.*s\" to filter or sort by; there are %.*s", STR_FMT(str_sub(key, 0, 100)), STR_FMT(buf_str(&b)));
        buf_free(&b);
        return false;
}

/* --- what may be asked --- */

static const char *type_name(enum query_type t) { return t == QUERY_TEXT ? "text" : t == QUERY_NUMBER ? "a number" : "a time"; }

static bool check_predicate(const struct query *q, const struct query_predicate *p, struct error *e)
{
        struct str name;
        const struct key *k = find_key(q, p->key);
        bool metric = is_metric(q, p->key, &name), label = is_label(q, p->key, &name);
        if (!k && !metric && !label)
                return unknown_key(q, p->key, e);
        enum query_type type = k ? k->type : metric ? QUERY_NUMBER : QUERY_TEXT;
        if (p->op != QUERY_IN && p->values_n != 1)
                return error_set(e, ERROR_INVALID, "the condition on \"%.*s\" needs one value", STR_FMT(p->key));
        if (p->values_n > MARKS_MAX)
                return error_set(e, ERROR_LIMIT, "the condition on \"%.*s\" has %zu values; at most %d are allowed", STR_FMT(p->key), p->values_n, MARKS_MAX);
        if (p->op == QUERY_CONTAINS && type != QUERY_TEXT)
                return error_set(e, ERROR_INVALID, "\"%.*s\" is %s: a part of it cannot be searched for", STR_FMT(p->key), type_name(type));
        for (size_t i = 0; i < p->values_n; i++) {
                if (p->values[i].type != type)
                        return error_set(e, ERROR_INVALID, "\"%.*s\" is compared with %s, not %s", STR_FMT(p->key), type_name(type), type_name(p->values[i].type));
                if (type == QUERY_TEXT && p->values[i].text.n && memchr(p->values[i].text.p, 0, p->values[i].text.n))
                        return error_set(e, ERROR_INVALID, "\"%.*s\" cannot be compared with a text that holds a NUL byte", STR_FMT(p->key));
                if (type == QUERY_NUMBER && !isfinite(p->values[i].number))
                        return error_set(e, ERROR_INVALID, "\"%.*s\" cannot be compared with a number that is none", STR_FMT(p->key));
        }
        return true;
}

static bool check(const struct query *q, struct error *e)
{
        struct str name;
        if (q->limit == 0)
                return error_set(e, ERROR_INVALID, "a page needs at least one entry");
        for (size_t i = 0; i < q->predicates_n; i++)
                if (!check_predicate(q, &q->predicates[i], e))
                        return false;
        return q->sort_key.n == 0 || find_key(q, q->sort_key) || is_metric(q, q->sort_key, &name) || unknown_key(q, q->sort_key, e);
}

/* --- page tokens: CHECK.ID.KEY, where CHECK tells another order and KEY is t, i or r with the value, or l: look it up in the row --- */

static uint32_t token_check(const struct query *q)
{
        uint32_t h = 2166136261u ^ (uint32_t)q->kind ^ (q->descending ? 0x80u : 0u);
        for (size_t i = 0; i < q->sort_key.n; i++)
                h = (h ^ (uint8_t)q->sort_key.p[i]) * 16777619u;
        return h * 16777619u;
}

struct str query_next(const struct query *q, const struct query_param *key, int64_t id, struct arena *a)
{
        struct buf b = BUF(1024);
        buf_addf(&b, "%08" PRIx32 ".%" PRId64 ".", token_check(q), id);
        if (key->kind == QUERY_PARAM_INTEGER)
                buf_addf(&b, "i%" PRId64, key->integer);
        else if (key->kind == QUERY_PARAM_REAL) {
                uint64_t bits;
                memcpy(&bits, &key->real, sizeof bits);
                buf_addf(&b, "r%016" PRIx64, bits);
        } else if (key->text.n * 2 > TOKEN_KEY_MAX)
                buf_add_c(&b, "l");
        else {
                buf_add_c(&b, "t");
                for (size_t i = 0; i < key->text.n; i++)
                        buf_addf(&b, "%02x", (uint8_t)key->text.p[i]);
        }
        struct str s = arena_str(a, buf_str(&b));
        buf_free(&b);
        return s;
}

static bool hex_number(struct str s, uint64_t *ret)
{
        *ret = 0;
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
                if (digit < 0)
                        return false;
                *ret = *ret << 4 | (uint64_t)digit;
        }
        return s.n > 0 && s.n <= 16;
}

static bool hex_text(struct str s, struct arena *a, struct str *ret)
{
        char *p = arena_alloc(a, s.n / 2 + 1);
        uint64_t byte;
        for (size_t i = 0; i + 1 < s.n; i += 2) {
                if (!hex_number(str_sub(s, i, i + 2), &byte))
                        return false;
                p[i / 2] = (char)byte;
        }
        *ret = (struct str){p, s.n / 2};
        return s.n % 2 == 0 && str_is_utf8(*ret) && !memchr(p, 0, ret->n);
}

struct mark { struct query_param key; int64_t id; bool look_up; };
static bool read_token(const struct query *q, enum query_param_kind kind, struct arena *a, struct mark *ret, struct error *e)
{
        struct str rest = q->after, check = str_cut(&rest, '.'), id = str_cut(&rest, '.');
        uint64_t n;
        *ret = (struct mark){.key.kind = kind};
        bool good = rest.p && rest.n > 0 && q->after.n <= 1024 && hex_number(check, &n) && str_to_i64(id, &ret->id);
        if (good && n != token_check(q))
                return error_set(e, ERROR_INVALID, "the page token belongs to a list in another order: begin again with the first page");
        struct str key = good ? str_sub(rest, 1, rest.n) : STR_NONE;
        char type = good ? rest.p[0] : 0;
        if (good && kind == QUERY_PARAM_TEXT && type == 'l')
                ret->look_up = true;
        else if (good && kind == QUERY_PARAM_TEXT)
                good = type == 't' && hex_text(key, a, &ret->key.text);
        else if (good && kind == QUERY_PARAM_INTEGER)
                good = type == 'i' && str_to_i64(key, &ret->key.integer);
        else if (good) {
                good = type == 'r' && hex_number(key, &n);
                memcpy(&ret->key.real, &n, sizeof ret->key.real);
                good = good && !isnan(ret->key.real);
        }
        return good || error_set(e, ERROR_INVALID, "the page token is damaged: begin again with the first page");
}

/* --- writing --- */

static void put(struct writer *w, const char *text) { buf_add_c(&w->b, text); }

/* The next parameter's mark; its text is in the arena. */
static const char *mark(struct writer *w, struct query_param p)
{
        if (w->out->params_n == QUERY_PARAMS_MAX) {
                w->too_many = true;
                return "NULL";
        }
        w->out->params[w->out->params_n++] = p;
        char *text = arena_alloc(w->a, 16);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, 16, w->d->mark, w->out->params_n);
#pragma GCC diagnostic pop
        return text;
}

static const char *mark_text(struct writer *w, struct str s) { return mark(w, (struct query_param){.kind = QUERY_PARAM_TEXT, .text = s}); }

static const char *mark_value(struct writer *w, const struct query_value *v, const struct key *k)
{
        if (v->type == QUERY_TEXT)
                return mark_text(w, v->text);
        if (v->type == QUERY_TIME)
                return mark(w, (struct query_param){.kind = QUERY_PARAM_INTEGER, .integer = v->time.us});
        bool small = fabs(v->number) < 1e6 && v->number == floor(v->number);
        if (k && k->literal && small)
                return arena_printf(w->a, "%d", (int)v->number).p;
        if (k && small)
                return mark(w, (struct query_param){.kind = QUERY_PARAM_INTEGER, .integer = (int64_t)v->number});
        return mark(w, (struct query_param){.kind = QUERY_PARAM_REAL, .real = v->number});
}

static void put_contains(struct writer *w, const char *column, struct str part)
{
        const char *m = mark_text(w, part);
        char text[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, w->d->contains, column, m);
#pragma GCC diagnostic pop
        put(w, text);
}

/* `column` OP values. */
static void put_comparison(struct writer *w, const char *column, const struct query_predicate *p, const struct key *k)
{
        static const char *const ops[] = {[QUERY_EQ] = "=", [QUERY_NE] = "<>", [QUERY_GT] = ">", [QUERY_GE] = ">=", [QUERY_LT] = "<", [QUERY_LE] = "<="};
        if (p->op == QUERY_CONTAINS)
                put_contains(w, column, p->values[0].text);
        else if (p->op == QUERY_IN && p->values_n == 0)
                put(w, "1 = 0");
        else if (p->op == QUERY_IN) {
                buf_addf(&w->b, "%s IN (", column);
                for (size_t i = 0; i < p->values_n; i++)
                        buf_addf(&w->b, "%s%s", i ? ", " : "", mark_value(w, &p->values[i], k));
                put(w, ")");
        } else
                buf_addf(&w->b, "%s %s %s", column, ops[p->op], mark_value(w, &p->values[0], k));
}

static void put_predicate(struct writer *w, const struct query_predicate *p, const struct branch *branch, size_t i)
{
        struct str name;
        const struct key *k = find_key(w->q, p->key);
        if (k) {
                struct query_predicate one = *p;
                if (branch->predicate == i) {
                        one.op = QUERY_EQ;
                        one.values = &p->values[branch->value];
                        one.values_n = 1;
                }
                const char *column = arena_printf(w->a, "%s.%s", w->table, k->column).p;
                put(w, " AND ");
                put_comparison(w, column, &one, k);
                if (k->not_empty && one.op == QUERY_EQ && one.values[0].text.n)
                        buf_addf(&w->b, " AND %s <> ''", column);
        } else if (is_metric(w->q, p->key, &name)) {
                buf_addf(&w->b, " AND run.id IN (SELECT m.run FROM metric m WHERE m.name = %s AND ", mark_text(w, name));
                put_comparison(w, "m.value", p, NULL);
                put(w, ")");
        } else if (is_label(w->q, p->key, &name)) {
                const char *labels = is_run(w->q) ? "run_label" : "record_tag", *owner = is_run(w->q) ? "run" : "record";
                struct query_predicate one = *p;
                if (p->op == QUERY_NE) /* also those that have no such label */
                        one.op = QUERY_EQ;
                buf_addf(&w->b, " AND %s %sIN (SELECT l.%s FROM %s l WHERE l.name = %s AND ", w->id, p->op == QUERY_NE ? "NOT " : "", owner, labels, mark_text(w, name));
                put_comparison(w, "l.value", &one, NULL);
                put(w, ")");
        }
}

/* " WHERE …": all conditions but that of the page. */
static void put_where(struct writer *w, const struct branch *branch)
{
        const struct query *q = w->q;
        put(w, " WHERE ");
        if (is_run(q))
                put(w, "1 = 1");
        else
                buf_addf(&w->b, "record.kind = %d", (int)q->kind);
        if (w->search != SIZE_MAX && !w->counters) {
                const struct query_predicate *p = &q->predicates[w->search];
                struct str text;
                w->d->search_text(find_key(q, p->key)->column, p->values[0].text, w->a, &text);
                char condition[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                snprintf(condition, sizeof condition, w->d->search_where, mark_text(w, text));
#pragma GCC diagnostic pop
                buf_addf(&w->b, " AND %s", condition);
        }
        if (branch->ns != SIZE_MAX)
                buf_addf(&w->b, " AND %s.ns = %s", w->table, mark_text(w, q->ns[branch->ns]));
        else if (q->ns_n == 1)
                buf_addf(&w->b, " AND %s.ns = %s", w->table, mark_text(w, q->ns[0]));
        else if (q->ns_n > 1) {
                buf_addf(&w->b, " AND %s.ns IN (", w->table);
                for (size_t i = 0; i < q->ns_n; i++)
                        buf_addf(&w->b, "%s%s", i ? ", " : "", mark_text(w, q->ns[i]));
                put(w, ")");
        }
        for (size_t i = 0; i < q->predicates_n; i++)
                put_predicate(w, &q->predicates[i], branch, i);
}

/* What the list is sorted by: an expression, or NULL for the row's number alone (Q2). */
struct order { const char *expression, *id; enum query_param_kind kind; struct str metric; bool has_metric; struct mark after; };

static void put_after(struct writer *w, const struct order *o)
{
        const struct query *q = w->q;
        if (!q->after.n)
                return;
        const char *op = q->descending ? "<" : ">", *id = arena_printf(w->a, "%" PRId64, o->after.id).p;
        if (!o->expression)
                buf_addf(&w->b, " AND %s %s %s", o->id, op, id);
        else if (o->after.look_up)
                buf_addf(&w->b, " AND (%s, %s) %s ((SELECT x.%s FROM %s x WHERE x.%s = %s), %s)", o->expression, o->id, op, strchr(o->expression, '.') + 1, w->table,
                         is_run(q) ? "id" : "number", id, id);
        else
                buf_addf(&w->b, " AND (%s, %s) %s (%s, %s)", o->expression, o->id, op, mark(w, o->after.key), id);
}

static void put_order(struct writer *w, const struct order *o)
{
        const char *way = w->q->descending ? " DESC" : "";
        put(w, " ORDER BY ");
        if (o->expression)
                buf_addf(&w->b, "%s%s, ", o->expression, way);
        buf_addf(&w->b, "%s%s LIMIT %" PRIu64, o->id, way, (uint64_t)w->q->limit + 1);
}

static void put_from(struct writer *w, const struct order *o)
{
        buf_addf(&w->b, " FROM %s", w->search != SIZE_MAX ? w->d->search_from : w->table);
        if (o->has_metric)
                buf_addf(&w->b, " JOIN metric sorted ON sorted.run = run.id AND sorted.name = %s", mark_text(w, o->metric));
}

/* Q3: how many branches, and the predicate that is split. 1: none. */
static size_t branches(const struct query *q, const struct order *o, size_t *ret_predicate)
{
        size_t n = q->ns_n > 1 ? q->ns_n : 1;
        *ret_predicate = SIZE_MAX;
        if (!is_run(q) || o->expression || o->has_metric || n > BRANCHES_MAX)
                return 1;
        for (size_t i = 0; i < q->predicates_n && *ret_predicate == SIZE_MAX; i++) {
                const struct query_predicate *p = &q->predicates[i];
                const struct key *k = find_key(q, p->key);
                if (k && k->split && p->op == QUERY_IN && p->values_n > 1 && n * p->values_n <= BRANCHES_MAX) {
                        *ret_predicate = i;
                        n *= p->values_n;
                }
        }
        return n;
}

static void put_list(struct writer *w, const struct order *o, struct str columns)
{
        size_t split, n = w->search != SIZE_MAX ? 1 : branches(w->q, o, &split);
        buf_addf(&w->b, "SELECT %.*s, %s, %s", STR_FMT(columns), o->expression ? o->expression : o->id, w->id);
        put_from(w, o);
        if (n > 1) {
                size_t each = split != SIZE_MAX ? w->q->predicates[split].values_n : 1;
                put(w, " WHERE run.id IN (");
                for (size_t i = 0; i < n; i++) {
                        struct branch b = {w->q->ns_n > 1 ? i / each : SIZE_MAX, split, i % each};
                        buf_addf(&w->b, "%sSELECT b.id FROM (SELECT run.id FROM run", i ? " UNION " : "");
                        put_where(w, &b);
                        put_after(w, o);
                        put_order(w, o);
                        put(w, ") b");
                }
                put(w, ")");
        } else {
                put_where(w, &whole_query);
                put_after(w, o);
        }
        put_order(w, o);
}

static bool from_counters(const struct query *q, const struct order *o)
{
        bool all = is_run(q) && !o->has_metric;
        for (size_t i = 0; i < q->predicates_n; i++) {
                const struct key *k = find_key(q, q->predicates[i].key);
                all = all && k && k->counted && q->predicates[i].op != QUERY_CONTAINS;
        }
        return all;
}

static void put_count(struct writer *w, const struct order *o, unsigned max)
{
        if (w->counters) {
                put(w, "SELECT coalesce(sum(run_count.n), 0) FROM run_count");
                put_where(w, &whole_query);
                return;
        }
        put(w, "SELECT count(*) FROM (SELECT 1");
        put_from(w, o);
        put_where(w, &whole_query);
        buf_addf(&w->b, " LIMIT %u) counted", max + 1);
}

static bool set_order(const struct query *q, const struct query_dialect *d, size_t search, struct arena *a, struct order *ret, struct error *e)
{
        struct str name = q->sort_key.n ? q->sort_key : STR("created_at");
        const struct key *k = find_key(q, name);
        *ret = (struct order){.id = is_run(q) ? (search != SIZE_MAX ? d->search_id : "run.id") : "record.number", .kind = QUERY_PARAM_INTEGER};
        if (!k) {
                ret->has_metric = is_metric(q, name, &ret->metric);
                ret->expression = "sorted.value";
                ret->id = "sorted.run";
                ret->kind = QUERY_PARAM_REAL;
        } else if (!is_run(q) || !str_eq_c(name, "created_at")) {
                ret->expression = arena_printf(a, "%s.%s", is_run(q) ? "run" : "record", k->column).p;
                ret->kind = k->type == QUERY_TEXT ? QUERY_PARAM_TEXT : QUERY_PARAM_INTEGER;
        }
        return !q->after.n || read_token(q, ret->kind, a, &ret->after, e);
}

/* The predicate that an index over names can answer. */
static size_t find_search(const struct query *q, const struct query_dialect *d, struct arena *a)
{
        struct str text;
        for (size_t i = 0; d->search_text && is_run(q) && i < q->predicates_n; i++) {
                const struct query_predicate *p = &q->predicates[i];
                if (p->op == QUERY_CONTAINS && (str_eq_c(p->key, "name") || str_eq_c(p->key, "display_name")) && d->search_text(p->key.p[0] == 'n' ? "name" : "display_name", p->values[0].text, a, &text))
                        return i;
        }
        return SIZE_MAX;
}

static bool finish(struct writer *w, struct error *e)
{
        bool good = !w->too_many && !w->b.overflow;
        w->out->sql = arena_str(w->a, buf_str(&w->b));
        buf_free(&w->b);
        return good || error_set(e, ERROR_LIMIT, "the list has too many conditions: at most %d values in all", QUERY_PARAMS_MAX);
}

bool query_build(const struct query *q, const struct query_dialect *d, struct str columns, struct arena *a, struct query_sql *ret, struct error *e)
{
        struct order order;
        *ret = (struct query_sql){0};
        if (!check(q, e))
                return false;
        size_t search = find_search(q, d, a);
        if (!set_order(q, d, search, a, &order, e))
                return false;
        struct writer w = {.q = q, .d = d, .table = is_run(q) ? "run" : "record", .id = is_run(q) ? "run.id" : "record.number", .a = a, .b = BUF(SQL_MAX), .out = &ret->list, .search = search};
        ret->sort_kind = order.kind;
        put_list(&w, &order, columns);
        if (!finish(&w, e))
                return false;
        if (!q->total)
                return true;
        w.counters = from_counters(q, &order);
        w.table = w.counters ? "run_count" : w.table;
        w.search = w.counters ? SIZE_MAX : search;
        w.b = BUF(SQL_MAX);
        w.out = &ret->count;
        ret->count_max = w.counters ? 0 : search != SIZE_MAX ? QUERY_COUNT_FOUND_MAX : QUERY_COUNT_MAX;
        put_count(&w, &order, ret->count_max);
        return finish(&w, e);
}
