/* KFP's filters. Both ways of spelling everything occur in the wild: operations by name and number under "operation" or "op", snake and camel
 * case, and the whole encoded a second time by clients that did not trust the first. */
#include "api/filter.h"
#include "api/member.h"
#include "text/json.h"
#include <strings.h>

/* Numbers as in KFP's enum; 4 was never given. */
#define OPERATIONS "UNKNOWN|EQUALS|NOT_EQUALS|GREATER_THAN||GREATER_THAN_EQUALS|LESS_THAN|LESS_THAN_EQUALS|IN|IS_SUBSTRING"
static const struct { const char *name; enum query_op op; } operations[] = {
        {"EQUALS", QUERY_EQ}, {"NOT_EQUALS", QUERY_NE}, {"GREATER_THAN", QUERY_GT}, {"GREATER_THAN_EQUALS", QUERY_GE},
        {"LESS_THAN", QUERY_LT}, {"LESS_THAN_EQUALS", QUERY_LE}, {"IN", QUERY_IN}, {"IS_SUBSTRING", QUERY_CONTAINS}};

static const struct member int_values[] = {{"values", MEMBER_INT64, .list = true}, {NULL}};
static const struct member string_values[] = {{"values", MEMBER_STRING, .list = true}, {NULL}};
static const struct member predicate[] = {
        {"operation", MEMBER_ENUM, .choices = OPERATIONS},
        {"op", MEMBER_ENUM, .choices = OPERATIONS},
        {"key", MEMBER_STRING, .required = true},
        {"int_value", MEMBER_INT64},
        {"long_value", MEMBER_INT64},
        {"string_value", MEMBER_STRING},
        {"timestamp_value", MEMBER_TIME},
        {"int_values", MEMBER_OBJECT, .members = int_values},
        {"long_values", MEMBER_OBJECT, .members = int_values},
        {"string_values", MEMBER_OBJECT, .members = string_values},
        {NULL},
};
static const struct member filter[] = {{"predicates", MEMBER_OBJECT, .list = true, .members = predicate}, {NULL}};

static int digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct str decode_percent(struct str s, struct arena *a)
{
        char *out = arena_alloc_raw(a, s.n + 1, 1);
        size_t n = 0;
        for (size_t i = 0; i < s.n; i++) {
                int hi = s.p[i] == '%' && i + 2 < s.n ? digit(s.p[i + 1]) : -1, lo = hi >= 0 ? digit(s.p[i + 2]) : -1;
                if (lo >= 0)
                        i += 2;
                out[n++] = lo >= 0 ? (char)(hi * 16 + lo) : s.p[i] == '+' ? ' ' : s.p[i];
        }
        out[n] = 0;
        return (struct str){out, n};
}

/* Whatever was wrapped around the map is taken off, at most twice. */
static bool unwrap(struct str text, struct arena *a, struct value *ret, struct error *e)
{
        text = str_trim(text);
        for (int round = 0; round < 2 && text.n && (text.p[0] == '%' || text.p[0] == '"'); round++) {
                if (text.p[0] == '%')
                        text = str_trim(decode_percent(text, a));
                else if (json_read(text, NULL, a, ret, NULL) && ret->kind == VALUE_STRING)
                        text = str_trim(ret->text);
                else
                        break;
        }
        if (json_read(text, NULL, a, ret, e))
                return true;
        if (e)
                e->kind = ERROR_INVALID;
        return error_wrap(e, "the filter is no JSON");
}

static struct str known(const struct filter_key *keys, struct arena *a)
{
        struct str out = STR("");
        for (const struct filter_key *k = keys; k->name; k++)
                out = arena_printf(a, "%.*s%s%s%s", STR_FMT(out), out.n ? ", " : "", k->name, strchr(".:", k->name[strlen(k->name) - 1]) ? "<name>" : "");
        return out;
}

static bool find(struct str name, const struct filter_key *keys, struct arena *a, const struct filter_key **ret, struct str *ret_store, struct error *e)
{
        for (const struct filter_key *k = keys; k->name; k++) {
                struct str own = str_from(k->name);
                bool prefix = own.p[own.n - 1] == '.' || own.p[own.n - 1] == ':';
                if (prefix ? !str_starts(name, own) || name.n == own.n || name.n > 300 : !str_eq(name, own))
                        continue;
                *ret = k;
                *ret_store = prefix ? arena_printf(a, "%s%.*s", k->store, STR_FMT(str_sub(name, own.n, name.n))) : str_from(k->store);
                return true;
        }
        struct str said = str_sub(name, 0, 100);
        return error_set(e, ERROR_INVALID, "cannot sort or filter by '%.*s': there are %.*s", STR_FMT(said), STR_FMT(known(keys, a)));
}

/* ---- values ---- */

struct values { const struct value *items[FILTER_VALUES_MAX]; size_t n; bool whole, time; };

static bool values_of(const struct value *p, struct values *ret, struct error *e)
{
        static const char *const one[] = {"int_value", "long_value", "string_value", "timestamp_value"}, *const many[] = {"int_values", "long_values", "string_values"};
        size_t given = 0;
        *ret = (struct values){0};
        for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
                const struct value *v = value_get_c(p, one[i]);
                if (!v)
                        continue;
                ret->items[ret->n++] = v;
                ret->time = i == 3;
                given++;
        }
        for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
                const struct value *list = value_get_c(p, many[i]), *v = value_get_c(list, "values");
                if (!list)
                        continue;
                if (v && v->list.n > FILTER_VALUES_MAX - ret->n)
                        return error_set(e, ERROR_INVALID, "a predicate of the filter has more than %d values", FILTER_VALUES_MAX);
                for (size_t k = 0; v && k < v->list.n; k++)
                        ret->items[ret->n++] = &v->list.items[k];
                given++;
                ret->whole = true;
        }
        if (given != 1)
                return error_set(e, ERROR_INVALID, given ? "a predicate of the filter has several values: say one of int_value, long_value, string_value, timestamp_value, or the lists of IN"
                                                         : "a predicate of the filter has no value: it needs int_value, long_value, string_value, timestamp_value, or with IN int_values, long_values or string_values");
        return true;
}

static bool convert(const struct value *v, enum query_type type, bool time, struct str key, struct query_value *ret, struct error *e)
{
        *ret = (struct query_value){.type = type};
        switch (type) {
        case QUERY_TEXT:
                ret->text = v->text;
                if (v->kind == VALUE_STRING && !time)
                        return true;
                return error_set(e, ERROR_INVALID, "the filter's key %.*s is compared with string_value", STR_FMT(key));
        case QUERY_NUMBER:
                if (value_to_double(v, &ret->number) || (v->kind == VALUE_STRING && str_to_double(v->text, &ret->number)))
                        return true;
                return error_set(e, ERROR_INVALID, "the filter's key %.*s is compared with a number", STR_FMT(key));
        case QUERY_TIME:
                if (v->kind == VALUE_STRING && wall_parse(v->text, &ret->time))
                        return true;
                return error_set(e, ERROR_INVALID, "the filter's key %.*s is compared with timestamp_value, as in 2026-01-02T03:04:05Z", STR_FMT(key));
        }
        return false;
}

/* ---- words ---- */

static bool contains(const char *word, struct str part)
{
        for (size_t i = 0; i + part.n <= strlen(word); i++)
                if (!strncasecmp(word + i, part.p ? part.p : "", part.n))
                        return true;
        return false;
}

/* The bits of the words that the predicate means. */
static bool bits_of(const struct filter_key *k, enum query_op op, const struct values *v, uint32_t *ret, struct error *e)
{
        *ret = 0;
        for (size_t i = 0; i < v->n; i++) {
                const struct filter_word *w = k->words;
                int64_t number = -1;
                bool found = op == QUERY_CONTAINS;
                for (int64_t no = 0; w->word; w++, no++) {
                        bool same = v->items[i]->kind == VALUE_STRING ? op == QUERY_CONTAINS ? contains(w->word, v->items[i]->text) : str_eq_c(v->items[i]->text, w->word)
                                                                      : value_to_i64(v->items[i], &number) && number == no;
                        if (same)
                                *ret |= w->numbers;
                        found = found || same;
                }
                if (!found)
                        return error_set(e, ERROR_INVALID, "the filter's key %s cannot be '%.*s'", k->name, STR_FMT(str_sub(v->items[i]->text, 0, 100)));
        }
        return true;
}

struct out { struct query_predicate *items; size_t n, cap; struct arena *arena; };
static void add(struct out *o, struct str key, enum query_op op, const struct query_value *values, size_t n)
{
        if (o->n == o->cap) {
                o->cap = o->cap ? o->cap * 2 : 8;
                struct query_predicate *more = ARENA_ARRAY(o->arena, struct query_predicate, o->cap);
                if (o->n)
                        memcpy(more, o->items, o->n * sizeof *more);
                o->items = more;
        }
        o->items[o->n++] = (struct query_predicate){key, op, values, n};
}

static bool by_words(const struct filter_key *k, struct str store, enum query_op op, const struct values *v, struct out *o, struct error *e)
{
        uint32_t bits;
        if (op != QUERY_EQ && op != QUERY_NE && op != QUERY_IN && op != QUERY_CONTAINS)
                return error_set(e, ERROR_INVALID, "the filter's key %s has no order: use EQUALS, NOT_EQUALS, IN or IS_SUBSTRING", k->name);
        if (!bits_of(k, op, v, &bits, e))
                return false;
        struct query_value *values = ARENA_ARRAY(o->arena, struct query_value, 33);
        size_t n = 0;
        for (uint32_t i = 0; i < 32; i++)
                if (bits & 1u << i)
                        values[n++] = (struct query_value){.type = QUERY_NUMBER, .number = i};
        if (op == QUERY_NE)
                for (size_t i = 0; i < n; i++)
                        add(o, store, QUERY_NE, &values[i], 1);
        else {
                if (!n)
                        values[n++] = (struct query_value){.type = QUERY_NUMBER, .number = -1}; /* nothing is meant: nothing is found */
                add(o, store, QUERY_IN, values, n);
        }
        return true;
}

/* ---- predicates ---- */

static bool operation_of(const struct value *p, enum query_op *ret, struct error *e)
{
        const struct value *v = value_get_c(p, "operation");
        if (!v)
                v = value_get_c(p, "op");
        for (size_t i = 0; v && i < sizeof operations / sizeof *operations; i++)
                if (str_eq_c(v->text, operations[i].name)) {
                        *ret = operations[i].op;
                        return true;
                }
        return error_set(e, ERROR_INVALID, "a predicate of the filter has no operation: one of EQUALS, NOT_EQUALS, GREATER_THAN, GREATER_THAN_EQUALS, LESS_THAN, LESS_THAN_EQUALS, IN, IS_SUBSTRING");
}

static bool one(const struct value *p, const struct filter_key *keys, struct out *o, struct error *e)
{
        struct str name = value_get_c(p, "key")->text, store;
        const struct filter_key *k;
        struct values v;
        enum query_op op;
        if (!operation_of(p, &op, e) || !find(name, keys, o->arena, &k, &store, e) || !values_of(p, &v, e))
                return false;
        if ((op == QUERY_IN) != v.whole)
                return error_set(e, ERROR_INVALID, "the filter's predicate on %s: %s", k->name, v.whole ? "a list of values goes with IN" : "IN needs int_values, long_values or string_values");
        if (k->words)
                return by_words(k, store, op, &v, o, e);
        if (op == QUERY_CONTAINS && k->type != QUERY_TEXT)
                return error_set(e, ERROR_INVALID, "the filter's key %s is no text: IS_SUBSTRING does not fit", k->name);
        struct query_value *values = ARENA_ARRAY(o->arena, struct query_value, v.n + 1);
        for (size_t i = 0; i < v.n; i++)
                if (!convert(v.items[i], k->type, v.time, str_from(k->name), &values[i], e))
                        return false;
        if (!v.n) { /* IN nothing holds for nothing */
                values[0] = (struct query_value){.type = QUERY_TIME, .time = {-1}};
                add(o, STR("created_at"), QUERY_EQ, values, 1);
        } else
                add(o, store, op, values, v.n);
        return true;
}

bool filter_read(struct str text, const struct filter_key *keys, struct arena *a, struct query_predicate **ret, size_t *ret_n, struct error *e)
{
        struct out o = {.items = *ret, .n = *ret_n, .cap = *ret_n, .arena = a};
        struct value v, m;
        if (!text.n)
                return true;
        if (text.n > FILTER_BYTES_MAX)
                return error_set(e, ERROR_INVALID, "the filter is longer than %d bytes", FILTER_BYTES_MAX);
        if (!unwrap(text, a, &v, e))
                return false;
        if (!members_read(&v, filter, true, a, &m, e))
                return error_wrap(e, "the filter");
        const struct value *list = value_get_c(&m, "predicates");
        if (list && list->list.n > FILTER_PREDICATES_MAX)
                return error_set(e, ERROR_INVALID, "the filter has more than %d predicates", FILTER_PREDICATES_MAX);
        for (size_t i = 0; list && i < list->list.n; i++)
                if (!one(&list->list.items[i], keys, &o, e))
                        return false;
        *ret = o.items;
        *ret_n = o.n;
        return true;
}

bool filter_sort(struct str text, const struct filter_key *keys, struct arena *a, struct str *ret_key, bool *ret_descending, struct error *e)
{
        struct str rest = str_trim(text), name = str_cut(&rest, ' ');
        const struct filter_key *k;
        if (!name.n)
                return true;
        rest = rest.p ? str_trim(rest) : STR_NONE;
        if (rest.n && !str_eq_c(rest, "asc") && !str_eq_c(rest, "desc"))
                return error_set(e, ERROR_INVALID, "sort_by is a field and perhaps asc or desc, not '%.*s'", STR_FMT(str_sub(text, 0, 100)));
        if (!find(name, keys, a, &k, ret_key, e))
                return false;
        *ret_descending = str_eq_c(rest, "desc");
        return true;
}
