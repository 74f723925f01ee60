/* libyaml's events become values. Nesting is a stack of our own, aliases copy the anchored value, so that a document can neither
 * exhaust the C stack nor grow without being counted. */
#include "text/yaml.h"
#include "base/hash.h"
#include "text/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define MERGED UINT32_C(0x80000000) /* in the column of a key that came by `<<`, until its map ends */

struct anchor { struct str name; struct value value; bool open; size_t weight; };

struct frame { /* an open list or map */
        bool is_map, has_key, merge;
        struct value_builder list;
        struct map_builder map;
        struct str key;
        uint32_t key_line, key_column, line, column;
        size_t anchor; /* index + 1 */
        size_t before; /* values counted before it */
};

struct loader {
        yaml_parser_t parser;
        enum yaml_schema schema;
        struct str text;
        struct yaml_limits limits;
        struct arena *arena;
        struct error *e;
        struct frame *frames;
        size_t depth;
        struct anchor *anchors;
        size_t anchors_n, anchors_cap, *slots, slots_n; /* `slots`: a hash table of anchors by name */
        size_t values;
};

/* ---- scalars ---- */

static bool one_of(struct str s, const char *const *words)
{
        for (; *words; words++)
                if (str_eq_c(s, *words))
                        return true;
        return false;
}

static bool plain_bool(enum yaml_schema schema, struct str s, bool *ret)
{
        static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y", NULL};
        static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N", NULL};
        static const char *const yes_core[] = {"true", "True", "TRUE", NULL}, *const no_core[] = {"false", "False", "FALSE", NULL};
        bool k = schema == YAML_KUBERNETES;
        if (one_of(s, k ? yes : yes_core)) {
                *ret = true;
                return true;
        }
        *ret = false;
        return one_of(s, k ? no : no_core);
}

/* Magnitude in the given base; false when a digit is foreign or it passes 64 bits. */
static bool magnitude(struct str s, unsigned base, uint64_t *ret)
{
        uint64_t v = 0;
        if (!s.n)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 99;
                if (d >= base || v > (UINT64_MAX - d) / base)
                        return false;
                v = v * base + d;
        }
        *ret = v;
        return true;
}

/* Go's integers; of the core schema only 0o, 0x and decimals. */
static bool integer(enum yaml_schema schema, struct str s, struct arena *a, struct value *ret)
{
        bool negative = s.n && s.p[0] == '-';
        struct str t = s.n && (s.p[0] == '-' || s.p[0] == '+') ? str_sub(s, 1, s.n) : s;
        char letter = t.n > 2 && t.p[0] == '0' ? t.p[1] : 0;
        bool go = schema != YAML_CORE;
        unsigned base = letter == 'x' || (go && letter == 'X') ? 16 : letter == 'o' || (go && letter == 'O') ? 8 : go && (letter == 'b' || letter == 'B') ? 2 : 10;
        if (base != 10 && !go && t.n < s.n)
                return false; /* the core schema has no sign there */
        if (base != 10)
                t = str_sub(t, 2, t.n);
        else if (go && t.n > 1 && t.p[0] == '0')
                base = 8;
        uint64_t v;
        if (!magnitude(t, base, &v) || (base != 10 && negative && v > (uint64_t)INT64_MAX + 1))
                return false;
        if (v > (uint64_t)INT64_MAX + negative && (schema == YAML_KUBERNETES || negative)) { /* what Kubernetes cannot hold in 64 bits with a sign becomes floating point */
                *ret = value_double(negative ? -(double)v : (double)v, a);
                return true;
        }
        *ret = (struct value){.kind = VALUE_NUMBER, .text = arena_printf(a, "%s%llu", negative && v ? "-" : "", (unsigned long long)v)};
        return true;
}

/* Without its underscores. Behind a leading point Go wants them between digits; elsewhere they may stand anywhere but first. */
static struct str without_underscores(struct str s, struct arena *a)
{
        if (str_find_char(s, '_', 0) == SIZE_MAX)
                return s;
        char *p = arena_alloc_raw(a, s.n, 1);
        size_t n = 0;
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] != '_')
                        p[n++] = s.p[i];
                else if (s.p[0] == '.' && (i + 1 == s.n || s.p[i - 1] < '0' || s.p[i - 1] > '9' || s.p[i + 1] < '0' || s.p[i + 1] > '9'))
                        return s;
        return (struct str){p, n};
}

/* Where the source keeps the text of a number, so do we; Kubernetes' reader goes through integers and floating point. */
static bool number(struct loader *l, struct str s, struct value *ret, bool *ret_whole)
{
        double d;
        if (!s.n || !(s.p[0] == '-' || s.p[0] == '+' || s.p[0] == '.' || (s.p[0] >= '0' && s.p[0] <= '9')))
                return false;
        struct str t = l->schema == YAML_CORE ? s : without_underscores(s, l->arena);
        bool kept = l->schema != YAML_KUBERNETES && value_is_number_text(t);
        *ret_whole = kept ? str_find_char(t, '.', 0) == SIZE_MAX && str_find_char(t, 'e', 0) == SIZE_MAX && str_find_char(t, 'E', 0) == SIZE_MAX
                          : integer(l->schema, t, l->arena, ret);
        if (*ret_whole && !kept)
                return true;
        if (!str_to_double(t, &d) || !isfinite(d))
                return false;
        *ret = kept ? (struct value){.kind = VALUE_NUMBER, .text = arena_str(l->arena, t)} : value_double(d, l->arena);
        return true;
}

static bool special_float(struct str s)
{
        static const char *const words[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN", NULL};
        return one_of(s, words);
}

/* What a scalar's tag asks for. Without a tag the style decides: a plain one is resolved, a quoted one is a string. */
enum wish { WISH_NONE, WISH_STRING, WISH_INT, WISH_FLOAT, WISH_BOOL, WISH_NULL, WISH_BINARY };

static enum wish wish_of(const yaml_char_t *tag)
{
        static const struct { const char *name; enum wish wish; } known[] = {{"int", WISH_INT}, {"float", WISH_FLOAT}, {"bool", WISH_BOOL}, {"null", WISH_NULL}, {"binary", WISH_BINARY}};
        struct str s = str_from((const char *)tag), prefix = STR("tag:yaml.org,2002:");
        if (!tag)
                return WISH_NONE;
        if (str_starts(s, prefix))
                for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                        if (str_eq_c(str_sub(s, prefix.n, s.n), known[i].name))
                                return known[i].wish;
        return WISH_STRING;
}

static bool granted(enum wish wish, const struct value *v, bool whole)
{
        static const enum value_kind kinds[] = {[WISH_INT] = VALUE_NUMBER, [WISH_FLOAT] = VALUE_NUMBER, [WISH_BOOL] = VALUE_BOOL, [WISH_NULL] = VALUE_NULL};
        if (wish < WISH_INT || wish > WISH_NULL)
                return true;
        return v->kind == kinds[wish] && (wish != WISH_INT || whole);
}

/* False when it has no place in a document. */
static bool resolve(struct loader *l, struct str s, struct value *ret, bool *ret_whole)
{
        static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
        bool b;
        if (one_of(s, nulls))
                ret->kind = VALUE_NULL;
        else if (plain_bool(l->schema, s, &b))
                *ret = value_bool(b);
        else if (special_float(s))
                return false;
        else if (!number(l, s, ret, ret_whole))
                *ret = value_string(arena_str(l->arena, s));
        return true;
}

/* Kubernetes' reader turns a key into the text of what it resolves to (`yes` into "true"); the others leave it as it is written. */
static bool key_as_written(const struct loader *l)
{
        const struct frame *f = l->depth ? &l->frames[l->depth - 1] : NULL;
        return l->schema != YAML_KUBERNETES && f && f->is_map && !f->has_key;
}

static bool scalar(struct loader *l, const yaml_event_t *ev, struct value *ret)
{
        struct str s = {(const char *)ev->data.scalar.value, ev->data.scalar.length};
        uint32_t line = (uint32_t)ev->start_mark.line + 1, column = (uint32_t)ev->start_mark.column + 1;
        enum wish wish = wish_of(ev->data.scalar.tag);
        bool whole = false;
        *ret = value_null;
        if (wish == WISH_BINARY)
                return error_at(l->e, ERROR_UNSUPPORTED, line, column, "!!binary is not read here: write the value as text");
        if (wish == WISH_STRING || (wish == WISH_NONE && (ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || key_as_written(l))))
                *ret = value_string(arena_str(l->arena, s));
        else if (!resolve(l, s, ret, &whole))
                return error_at(l->e, ERROR_INVALID, line, column, "'%.*s' has no place in JSON, which documents become: write it in quotes", STR_FMT(s));
        if (!granted(wish, ret, whole))
                return error_at(l->e, ERROR_INVALID, line, column, "'%.*s' is not what its tag %s says", STR_FMT(str_sub(s, 0, 100)), (const char *)ev->data.scalar.tag);
        ret->line = line;
        ret->column = column;
        return true;
}

/* ---- structure ---- */

static bool count(struct loader *l, size_t n, const yaml_event_t *ev)
{
        l->values += n;
        if (l->values <= l->limits.values_max)
                return true;
        return error_at(l->e, ERROR_LIMIT, (uint32_t)ev->start_mark.line + 1, (uint32_t)ev->start_mark.column + 1,
                        "the document has more than %zu values once its aliases are expanded", l->limits.values_max);
}

/* Where the anchor's index + 1 stands in the table, or the free place where it belongs. */
static size_t *slot(struct loader *l, struct str name)
{
        size_t at = (size_t)hash_64(name, 0) & (l->slots_n - 1);
        while (l->slots[at] && !str_eq(l->anchors[l->slots[at] - 1].name, name))
                at = (at + 1) & (l->slots_n - 1);
        return &l->slots[at];
}

/* Half of the table stays free. */
static void slots_grow(struct loader *l)
{
        size_t n = l->slots_n ? l->slots_n * 2 : 16;
        free(l->slots);
        l->slots = calloc(n, sizeof *l->slots);
        l->slots_n = n;
        if (!l->slots)
                abort();
        for (size_t i = 0; i < l->anchors_n; i++)
                *slot(l, l->anchors[i].name) = i + 1;
}

static size_t anchor_add(struct loader *l, const yaml_char_t *name)
{
        if (!name)
                return 0;
        if (l->anchors_n == l->anchors_cap) {
                l->anchors_cap = l->anchors_cap ? l->anchors_cap * 2 : 8;
                l->anchors = realloc(l->anchors, l->anchors_cap * sizeof *l->anchors);
                if (!l->anchors)
                        abort();
        }
        if (l->anchors_n * 2 >= l->slots_n)
                slots_grow(l);
        l->anchors[l->anchors_n++] = (struct anchor){arena_str(l->arena, str_from((const char *)name)), value_null, true, 1};
        *slot(l, l->anchors[l->anchors_n - 1].name) = l->anchors_n; /* a later one of the same name hides the earlier */
        return l->anchors_n;
}

static void anchors_forget(struct loader *l)
{
        free(l->slots);
        l->slots = NULL;
        l->slots_n = l->anchors_n = 0;
}

/* `unique` drops those that give way. */
static bool merge_into(struct loader *l, struct frame *f, const struct value *v, const yaml_event_t *ev)
{
        uint32_t line = (uint32_t)ev->start_mark.line + 1, column = (uint32_t)ev->start_mark.column + 1;
        if (v->kind == VALUE_LIST) {
                for (size_t i = 0; i < v->list.n; i++)
                        if (v->list.items[i].kind != VALUE_MAP || !merge_into(l, f, &v->list.items[i], ev))
                                return error_at(l->e, ERROR_INVALID, line, column, "'<<' merges maps, and this is a list of something else");
                return true;
        }
        if (v->kind != VALUE_MAP)
                return error_at(l->e, ERROR_INVALID, line, column, "'<<' merges a map, and this is a %s", value_kind_name(v->kind));
        for (size_t i = 0; i < v->map.n; i++) {
                map_push(&f->map, v->map.members[i].key, v->map.members[i].value);
                f->map.members[f->map.n - 1].line = v->map.members[i].line;
                f->map.members[f->map.n - 1].column = v->map.members[i].column | MERGED;
        }
        return true;
}

static bool key(struct loader *l, struct frame *f, const struct value *v, const yaml_event_t *ev)
{
        f->key_line = v->line ? v->line : (uint32_t)ev->start_mark.line + 1;
        f->key_column = v->line ? v->column : (uint32_t)ev->start_mark.column + 1;
        switch (v->kind) {
        case VALUE_STRING:
        case VALUE_NUMBER:
                f->key = v->text;
                break;
        case VALUE_BOOL:
                f->key = v->boolean ? STR("true") : STR("false");
                break;
        case VALUE_NULL:
        case VALUE_LIST:
        case VALUE_MAP:
                return error_at(l->e, ERROR_INVALID, f->key_line, f->key_column, "a %s cannot be a key", value_kind_name(v->kind));
        }
        f->merge = v->kind == VALUE_STRING && str_eq_c(f->key, "<<") && ev->type == YAML_SCALAR_EVENT &&
                   (ev->data.scalar.tag ? !strcmp((const char *)ev->data.scalar.tag, "tag:yaml.org,2002:merge") : ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
        f->has_key = true;
        return true;
}

static bool put(struct loader *l, const struct value *v, const yaml_event_t *ev, struct value *ret_root)
{
        if (!l->depth) {
                *ret_root = *v;
                return true;
        }
        struct frame *f = &l->frames[l->depth - 1];
        if (!f->is_map) {
                value_push(&f->list, *v);
                return true;
        }
        if (!f->has_key)
                return key(l, f, v, ev);
        f->has_key = false;
        if (f->merge)
                return merge_into(l, f, v, ev);
        map_push(&f->map, f->key, *v);
        f->map.members[f->map.n - 1].line = f->key_line;
        f->map.members[f->map.n - 1].column = f->key_column;
        return true;
}

static int by_key(const void *a, const void *b)
{
        const struct value_member *const *x = a, *const *y = b;
        int c = str_cmp((*x)->key, (*y)->key);
        return c ? c : (*x > *y) - (*x < *y);
}

/* Members order[from..to) have the same key, in the order of the document. Keeps the map's own, else the first that was merged; the
 * others lose their key. Returns the second of the map's own. */
static struct value_member *keep_one(struct value_member **order, size_t from, size_t to)
{
        struct value_member *own = NULL, *twice = NULL;
        for (size_t i = from; i < to; i++)
                if (order[i]->column & MERGED)
                        continue;
                else if (!own)
                        own = order[i];
                else if (!twice)
                        twice = order[i];
        for (size_t i = from; i < to && !twice; i++)
                if (order[i] != (own ? own : order[from]))
                        order[i]->key.p = NULL;
        return twice;
}

static struct value_member *resolve_twins(struct map_builder *m)
{
        struct value_member **order = malloc(m->n * sizeof *order), *twice = NULL;
        if (!order)
                abort();
        for (size_t i = 0; i < m->n; i++)
                order[i] = &m->members[i];
        qsort(order, m->n, sizeof *order, by_key);
        for (size_t i = 0, to; i < m->n; i = to) {
                for (to = i + 1; to < m->n && str_eq(order[i]->key, order[to]->key);)
                        to++;
                struct value_member *second = to - i > 1 ? keep_one(order, i, to) : NULL;
                if (second && (!twice || second < twice))
                        twice = second;
        }
        free(order);
        return twice;
}

static bool few_and_different(const struct map_builder *m)
{
        enum { FEW = 16 };
        if (m->n > FEW)
                return false;
        for (size_t i = 1; i < m->n; i++)
                for (size_t k = 0; k < i; k++)
                        if (str_eq(m->members[i].key, m->members[k].key))
                                return false;
        return true;
}

/* Refuses keys that stand twice; a merged one gives way to the map's own. */
static bool unique(struct loader *l, struct map_builder *m)
{
        struct value_member *twice = few_and_different(m) ? NULL : resolve_twins(m);
        if (twice)
                return error_at(l->e, ERROR_INVALID, twice->line, twice->column, "the key '%.*s' stands twice in one map", STR_FMT(str_sub(twice->key, 0, 100)));
        size_t n = 0;
        for (size_t i = 0; i < m->n; i++)
                if (m->members[i].key.p) {
                        m->members[n] = m->members[i];
                        m->members[n++].column &= ~MERGED;
                }
        m->n = n;
        return true;
}

static bool open(struct loader *l, const yaml_event_t *ev, bool is_map)
{
        uint32_t line = (uint32_t)ev->start_mark.line + 1, column = (uint32_t)ev->start_mark.column + 1;
        if (l->depth == l->limits.depth_max)
                return error_at(l->e, ERROR_LIMIT, line, column, "nested more than %u deep", l->limits.depth_max);
        struct frame *f = &l->frames[l->depth++];
        *f = (struct frame){.is_map = is_map, .line = line, .column = column, .list = {.arena = l->arena}, .map = {.arena = l->arena}, .before = l->values};
        f->anchor = anchor_add(l, is_map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor);
        return true;
}

static bool close(struct loader *l, const yaml_event_t *ev, struct value *ret_root)
{
        struct frame *f = &l->frames[l->depth - 1];
        if (f->is_map && !unique(l, &f->map))
                return false;
        struct value v = f->is_map ? value_map(f->map.members, f->map.n) : value_list(f->list.items, f->list.n);
        v.line = f->line;
        v.column = f->column;
        if (f->anchor) {
                struct anchor *x = &l->anchors[f->anchor - 1];
                x->value = v;
                x->open = false;
                x->weight = l->values - f->before + 1;
        }
        l->depth--;
        return put(l, &v, ev, ret_root);
}

static bool alias(struct loader *l, const yaml_event_t *ev, struct value *ret_root)
{
        struct str name = str_from((const char *)ev->data.alias.anchor);
        uint32_t line = (uint32_t)ev->start_mark.line + 1, column = (uint32_t)ev->start_mark.column + 1;
        size_t at = l->slots_n ? *slot(l, name) : 0;
        if (!at)
                return error_at(l->e, ERROR_INVALID, line, column, "'*%.*s' names an anchor that does not exist before this place", STR_FMT(name));
        struct anchor *x = &l->anchors[at - 1];
        if (x->open)
                return error_at(l->e, ERROR_INVALID, line, column, "'*%.*s' stands within what it names: a document cannot contain itself", STR_FMT(name));
        return count(l, x->weight, ev) && put(l, &x->value, ev, ret_root);
}

static bool syntax_error(struct loader *l)
{
        const yaml_parser_t *p = &l->parser;
        const char *what = p->problem ? p->problem : "not YAML";
        if (p->error == YAML_READER_ERROR)
                return error_at_byte(l->e, ERROR_INVALID, l->text, p->problem_offset, "reading YAML: %s: write the character U+%04X as an escape in double quotes", what,
                                     (unsigned)p->problem_value);
        uint32_t line = (uint32_t)p->problem_mark.line + 1, column = (uint32_t)p->problem_mark.column + 1;
        if (!p->context)
                return error_at(l->e, ERROR_INVALID, line, column, "reading YAML: %s", what);
        if (p->context_mark.line + 1 == line)
                return error_at(l->e, ERROR_INVALID, line, column, "reading YAML: %s, %s", what, p->context);
        return error_at(l->e, ERROR_INVALID, line, column, "reading YAML: %s, %s that begins at line %zu", what, p->context, p->context_mark.line + 1);
}

static bool take(struct loader *l, const yaml_event_t *ev, struct value *root)
{
        struct value v;
        switch (ev->type) {
        case YAML_SCALAR_EVENT: {
                if (!scalar(l, ev, &v) || !count(l, 1, ev))
                        return false;
                size_t at = anchor_add(l, ev->data.scalar.anchor);
                if (at) {
                        l->anchors[at - 1].value = v;
                        l->anchors[at - 1].open = false;
                }
                return put(l, &v, ev, root);
        }
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
                return count(l, 1, ev) && open(l, ev, ev->type == YAML_MAPPING_START_EVENT);
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                return close(l, ev, root);
        case YAML_ALIAS_EVENT:
                return alias(l, ev, root);
        case YAML_NO_EVENT:
        case YAML_STREAM_START_EVENT:
        case YAML_STREAM_END_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
                return true;
        }
        return true;
}

static bool load_events(struct loader *l, struct value_builder *documents)
{
        struct value root = value_null;
        for (;;) {
                yaml_event_t ev;
                if (!yaml_parser_parse(&l->parser, &ev))
                        return syntax_error(l);
                yaml_event_type_t type = ev.type;
                if (type == YAML_DOCUMENT_START_EVENT) {
                        root = value_null;
                        anchors_forget(l);
                }
                bool ok = take(l, &ev, &root);
                yaml_event_delete(&ev);
                if (!ok)
                        return false;
                if (type == YAML_DOCUMENT_END_EVENT && root.kind != VALUE_NULL)
                        value_push(documents, root);
                if (type == YAML_STREAM_END_EVENT)
                        return true;
        }
}

/* libyaml compares each %TAG directive with all before it. */
static bool few_directives(struct loader *l)
{
        enum { DIRECTIVES_MAX = 100 };
        size_t n = 0;
        for (size_t at = 0; (at = str_find(l->text, STR("%TAG"), at)) != SIZE_MAX; at += 4)
                if (!at || l->text.p[at - 1] == '\n' || l->text.p[at - 1] == '\r' || (unsigned char)l->text.p[at - 1] >= 0x80) /* other line ends have several bytes */
                        if (++n > DIRECTIVES_MAX)
                                return error_at_byte(l->e, ERROR_LIMIT, l->text, at, "reading YAML: more than %d %%TAG directives", DIRECTIVES_MAX);
        return true;
}

static bool load_yaml(struct loader *l, struct value_builder *documents)
{
        if (!few_directives(l))
                return false;
        l->frames = calloc(l->limits.depth_max + 1u, sizeof *l->frames);
        if (!l->frames || !yaml_parser_initialize(&l->parser))
                abort();
        yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&l->parser, (const unsigned char *)(l->text.p ? l->text.p : ""), l->text.n);
        bool ok = load_events(l, documents);
        yaml_parser_delete(&l->parser);
        free(l->frames);
        free(l->anchors);
        free(l->slots);
        return ok;
}

/* ---- JSON ---- */

/* Gives the numbers of a JSON document the form that they have as YAML; false when there is one that YAML takes for a text (1e400). */
static bool as_yaml(struct loader *l, struct value *v)
{
        struct value resolved = *v;
        bool whole, ok = true;
        if (v->kind == VALUE_NUMBER) {
                ok = number(l, v->text, &resolved, &whole);
                v->text = resolved.text;
        }
        for (size_t i = 0; ok && v->kind == VALUE_LIST && i < v->list.n; i++)
                ok = as_yaml(l, &v->list.items[i]);
        for (size_t i = 0; ok && v->kind == VALUE_MAP && i < v->map.n; i++)
                ok = as_yaml(l, &v->map.members[i].value);
        return ok;
}

/* JSON is YAML, but for what libyaml refuses: keys of more than 1,000 bytes, the pairs of escapes that Python writes for characters beyond
 * U+FFFF, solidus escapes. A text that may be JSON is tried as such first. Strings are copied, for the text need not live on. */
static bool load_json(struct loader *l, struct value_builder *documents)
{
        struct str text = str_trim(l->text);
        struct value v;
        if (!text.n || (text.p[0] != '{' && text.p[0] != '['))
                return false;
        const struct json_limits limits = {.bytes_max = l->limits.bytes_max, .depth_max = l->limits.depth_max, .values_max = l->limits.values_max};
        struct arena *scratch = arena_new();
        bool ok = json_read(l->text, &limits, scratch, &v, NULL);
        if (ok) {
                v = value_copy(&v, l->arena);
                ok = as_yaml(l, &v);
        }
        if (ok)
                value_push(documents, v);
        arena_free(scratch);
        return ok;
}

bool yaml_read(struct str text, enum yaml_schema schema, const struct yaml_limits *limits, struct arena *arena, struct value **ret, size_t *ret_n,
               struct error *e)
{
        if (str_starts(text, STR("\xEF\xBB\xBF"))) /* libyaml takes a byte order mark only when it may guess the encoding */
                text = str_sub(text, 3, text.n);
        struct loader l = {.schema = schema, .text = text, .arena = arena, .e = e};
        if (limits)
                l.limits = *limits;
        if (!l.limits.bytes_max)
                l.limits.bytes_max = (size_t)32 << 20;
        if (!l.limits.depth_max)
                l.limits.depth_max = 100;
        if (!l.limits.values_max)
                l.limits.values_max = 1000000;
        if (text.n > l.limits.bytes_max)
                return error_set(e, ERROR_LIMIT, "the document has %zu bytes; the limit is %zu", text.n, l.limits.bytes_max);
        size_t valid = str_utf8_prefix(text);
        if (valid < text.n)
                return error_at_byte(e, ERROR_INVALID, text, valid, "reading YAML: the byte 0x%02x is not UTF-8: save the document as UTF-8", (unsigned char)text.p[valid]);
        struct value_builder documents = {.arena = arena};
        bool ok = load_json(&l, &documents) || load_yaml(&l, &documents);
        if (!ok)
                return false;
        *ret = documents.items;
        *ret_n = documents.n;
        return true;
}
