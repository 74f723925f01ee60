/* Over many runs: bulk actions, comparison, search, usage; the cache; the server itself. */
#include "api/native/native.h"
#include <stdlib.h>

/* ---- bulk ---- */

static bool bulk_command(const struct value *body, struct command *c, struct request *q, struct error *e)
{
        struct str action = text_of(body, "action");
        static const struct { const char *name; enum command_kind kind; } kinds[] = {{"stop", COMMAND_STOP}, {"terminate", COMMAND_TERMINATE}, {"retry", COMMAND_RETRY}, {"resume", COMMAND_RESUME}, {"delete", COMMAND_DELETE}};
        *c = (struct command){.kind = COMMAND_META, .force = flag_of(body, "force"), .meta_set = 1u << META_ARCHIVED, .meta = {.archived = str_eq_c(action, "archive")}};
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (str_eq_c(action, kinds[i].name))
                        c->kind = kinds[i].kind;
        if (str_eq_c(action, "label")) {
                c->meta_set = 1u << META_LABELS;
                c->meta.labels = json_of(body, "labels", q->arena);
                return has(body, "labels") || error_set(e, ERROR_INVALID, "the action label needs \"labels\"");
        }
        return true;
}

void api_bulk(struct request *q)
{
        struct error e;
        struct value body;
        struct command c;
        struct value_builder results = {.arena = q->arena};
        bool ok = body_read(q, &body, &e) && bulk_command(&body, &c, q, &e);
        const struct value *runs = ok ? value_get_c(&body, "runs") : NULL;
        if (ok && runs->list.n > PAGE_MAX)
                ok = error_set(&e, ERROR_LIMIT, "at most %d runs at once", PAGE_MAX);
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        int64_t failed = 0;
        for (size_t i = 0; i < runs->list.n; i++) {
                struct object o = object_new(q);
                struct run_row row;
                struct answer x;
                struct command one = c;
                bool done = find_run_ref(q, runs->list.items[i].text, MAY_RUN, &row, &e);
                if (done) {
                        one.run = row.uid;
                        done = request_command(q, &one, &x, &e);
                }
                put_value(&o, "run", runs->list.items[i]);
                put_bool(&o, "ok", done);
                if (!done) {
                        put_str(&o, "kind", str_from(error_class(e.kind)->name));
                        put_str(&o, "message", arena_str(q->arena, str_from(e.text)));
                        failed++;
                }
                value_push(&results, object_value(&o));
        }
        struct object o = object_new(q);
        put_value(&o, "results", value_list(results.items, results.n));
        put_int(&o, "failed", failed);
        answer_object(q, 200, &o);
}

/* ---- comparison ---- */

enum { COMPARED_MAX = 50 };

static bool on_metric(void *user, const struct commit_metric *m)
{
        struct object *o = user;
        map_set(&o->m, arena_str(o->m.arena, m->name), value_double(m->value, o->m.arena));
        return true;
}

/* One row a name, one column a run; what a run does not have is null. */
static struct value table_of(struct request *q, const struct value *maps, size_t n)
{
        struct value_builder rows = {.arena = q->arena};
        struct object seen = object_new(q);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < maps[i].map.n; k++) {
                        struct str name = maps[i].map.members[k].key;
                        struct value so_far = object_value(&seen);
                        if (value_get(&so_far, name))
                                continue;
                        map_push(&seen.m, name, value_null);
                        struct value_builder columns = {.arena = q->arena};
                        bool differs = false;
                        for (size_t j = 0; j < n; j++) {
                                const struct value *x = value_get(&maps[j], name);
                                value_push(&columns, x ? *x : value_null);
                                differs |= j && !value_equal(&columns.items[0], &columns.items[j]);
                        }
                        struct object row = object_new(q);
                        put_value(&row, "name", value_string(name));
                        put_value(&row, "values", value_list(columns.items, columns.n));
                        put_bool(&row, "differs", differs);
                        value_push(&rows, object_value(&row));
                }
        return value_list(rows.items, rows.n);
}

void api_compare(struct request *q)
{
        struct error e;
        struct value query, parameters[COMPARED_MAX], metrics[COMPARED_MAX];
        struct value_builder runs = {.arena = q->arena};
        bool ok = query_read(q, &query, &e);
        for (struct str rest = ok ? text_of(&query, "runs") : STR_NONE; ok && rest.p;) {
                struct run_row row;
                struct object o = object_new(q);
                if (runs.n == COMPARED_MAX)
                        ok = error_set(&e, ERROR_LIMIT, "at most %d runs are compared at once", COMPARED_MAX);
                ok = ok && find_run_ref(q, str_trim(str_cut(&rest, ',')), MAY_VIEW, &row, &e) && q->store->metrics(q->reader, row.uid, on_metric, &o, &e);
                if (!ok)
                        break;
                parameters[runs.n] = show_bindings(&row.parameters, q->arena);
                metrics[runs.n] = object_value(&o);
                value_push(&runs, show_run(q, &row, false));
        }
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, "runs", value_list(runs.items, runs.n));
        put_value(&o, "parameters", table_of(q, parameters, runs.n));
        put_value(&o, "metrics", table_of(q, metrics, runs.n));
        answer_object(q, 200, &o);
}

/* ---- search ---- */

enum { FOUND_MAX = 20, SCANNED_MAX = 2000 };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
static bool contains(struct str s, struct str part)
{
        for (size_t i = 0; i + part.n <= s.n; i++) {
                size_t k = 0;
                while (k < part.n && lower(s.p[i + k]) == lower(part.p[k]))
                        k++;
                if (k == part.n)
                        return true;
        }
        return false;
}

struct search { struct request *q; struct str text; struct value_builder found; };
static void hit(struct search *s, enum record_kind kind, struct str id, struct str ns, struct str name, struct str display, struct str where)
{
        struct object o = object_new(s->q);
        struct arena *a = s->q->arena;
        put_str(&o, "kind", str_from(record_kind_name(kind)));
        put_str(&o, "id", arena_str(a, id));
        put_str(&o, "namespace", arena_str(a, ns));
        put_str(&o, "name", arena_str(a, name));
        put_str(&o, "display_name", arena_str(a, display));
        put_str(&o, "found_in", where);
        value_push(&s->found, object_value(&o));
}

static bool on_searched_run(void *user, const struct run_row *r)
{
        struct search *s = user;
        struct str where = contains(r->name, s->text) || contains(r->display_name, s->text) ? STR("name") : contains(r->meta.labels, s->text) ? STR("labels") : STR_NONE;
        for (size_t i = 0; !where.n && i < r->parameters.params_n; i++) {
                const struct param *p = &r->parameters.params[i];
                if (contains(p->name, s->text) || (!p->secret && contains(p->value.text, s->text)))
                        where = STR("parameters");
        }
        if (where.n)
                hit(s, RECORD_RUN, r->uid, r->ns, r->name, r->display_name, where);
        return s->found.n < FOUND_MAX;
}

static bool on_searched_record(void *user, const struct record *r)
{
        struct search *s = user;
        struct str where = contains(r->name, s->text) || contains(r->display_name, s->text) ? STR("name") : contains(r->tags, s->text) ? STR("tags") : STR_NONE;
        if (where.n)
                hit(s, r->kind, r->id, r->ns, r->name, r->display_name, where);
        return s->found.n < FOUND_MAX;
}

void api_search(struct request *q)
{
        static const enum record_kind kinds[] = {RECORD_PIPELINE, RECORD_VERSION, RECORD_EXPERIMENT, RECORD_RECURRING};
        struct error e;
        struct value query, all = value_list(NULL, 0);
        struct value_builder list = {.arena = q->arena};
        struct query_page page;
        bool ok = query_read(q, &query, &e);
        struct search s = {q, ok ? text_of(&query, "q") : STR_NONE, {.arena = q->arena}};
        struct query x = {.kind = RECORD_RUN, .descending = true, .limit = SCANNED_MAX};
        bool any = ok && visible(q, &x);
        for (size_t i = 0; ok && any && i < sizeof kinds / sizeof *kinds; i++) {
                x.kind = kinds[i];
                s.found = (struct value_builder){.arena = q->arena};
                ok = q->store->query_records(q->reader, &x, on_searched_record, &s, q->arena, &page, &e);
                for (size_t k = 0; k < s.found.n; k++)
                        value_push(&list, s.found.items[k]);
        }
        x.kind = RECORD_RUN;
        s.found = (struct value_builder){.arena = q->arena};
        ok = ok && (!any || q->store->query_runs(q->reader, &x, on_searched_run, &s, q->arena, &page, &e));
        for (size_t k = 0; k < s.found.n; k++)
                value_push(&list, s.found.items[k]);
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        all = value_list(list.items, list.n);
        put_value(&o, "found", all);
        answer_object(q, 200, &o);
}

/* ---- usage ---- */

enum { USAGE_RUNS_MAX = 100000, USAGE_ROWS_MAX = 10000 };

struct use { struct str who; int64_t at, runs, steps, us; };
struct usage { struct request *q; struct str by; int64_t period_us; struct use *rows; size_t n; uint64_t seen; bool cut; };

static int use_order(const void *x, const void *y)
{
        const struct use *a = x, *b = y;
        return a->at != b->at ? (a->at < b->at ? -1 : 1) : str_cmp(a->who, b->who);
}

static bool on_used(void *user, const struct run_row *r)
{
        struct usage *u = user;
        struct str who = str_eq_c(u->by, "pipeline") ? r->meta.pipeline : str_eq_c(u->by, "namespace") ? r->ns : r->meta.owner;
        int64_t at = r->created_at.us / u->period_us * u->period_us;
        struct use *x = NULL;
        for (size_t i = u->n; i-- > 0 && !x;) /* lists come by time: the row is near the end */
                if (u->rows[i].at == at && str_eq(u->rows[i].who, who))
                        x = &u->rows[i];
                else if (u->rows[i].at > at)
                        break;
        u->cut |= !x && u->n == USAGE_ROWS_MAX;
        if (!x && u->n < USAGE_ROWS_MAX) {
                x = &u->rows[u->n++];
                *x = (struct use){.who = arena_str(u->q->arena, who), .at = at};
        }
        if (x) {
                x->runs++;
                x->steps += r->nodes_done;
                x->us += r->started_at.us && r->finished_at.us ? r->finished_at.us - r->started_at.us : 0;
        }
        u->cut |= ++u->seen == USAGE_RUNS_MAX;
        return !u->cut;
}

void api_usage(struct request *q)
{
        struct error e;
        struct value query;
        struct wall from = {0}, to = clock_wall();
        struct query_page page = {0};
        bool ok = query_read(q, &query, &e);
        struct usage u = {.q = q, .by = ok ? text_of(&query, "by") : STR_NONE, .period_us = 24 * 3600 * US_PER_S};
        if (ok && str_eq_c(text_of(&query, "per"), "hour"))
                u.period_us = 3600 * US_PER_S;
        from.us = to.us - 30 * 24 * 3600 * US_PER_S;
        wall_parse(ok ? text_of(&query, "from") : STR_NONE, &from);
        wall_parse(ok ? text_of(&query, "to") : STR_NONE, &to);
        struct query_value after = {.type = QUERY_TIME, .time = from}, before = {.type = QUERY_TIME, .time = to};
        struct query_predicate p[] = {{STR("created_at"), QUERY_GE, &after, 1}, {STR("created_at"), QUERY_LT, &before, 1}};
        struct query x = {.kind = RECORD_RUN, .predicates = p, .predicates_n = 2, .limit = PAGE_MAX};
        bool any = ok && visible(q, &x);
        u.rows = ARENA_ARRAY(q->arena, struct use, USAGE_ROWS_MAX);
        do {
                x.after = page.next;
                ok = ok && (!any || q->store->query_runs(q->reader, &x, on_used, &u, q->arena, &page, &e));
        } while (ok && any && page.next.n && !u.cut);
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        qsort(u.rows, u.n, sizeof *u.rows, use_order);
        struct value_builder rows = {.arena = q->arena};
        for (size_t i = 0; i < u.n; i++) {
                struct object o = object_new(q);
                put_time(&o, "from", (struct wall){u.rows[i].at});
                put_value(&o, "of", value_string(u.rows[i].who));
                put_int(&o, "runs", u.rows[i].runs);
                put_int(&o, "steps", u.rows[i].steps);
                put_value(&o, "seconds", value_double((double)u.rows[i].us / 1e6, q->arena));
                value_push(&rows, object_value(&o));
        }
        struct object o = object_new(q);
        put_value(&o, "usage", value_list(rows.items, rows.n));
        put_bool(&o, "cut_off", u.cut);
        answer_object(q, 200, &o);
}

/* ---- the cache ---- */

struct entries { struct request *q; struct value_builder list; struct str last; };
static bool on_entry(void *user, const struct commit_cache *c)
{
        struct entries *x = user;
        struct object o = object_new(x->q);
        struct arena *a = x->q->arena;
        x->last = arena_str(a, c->key);
        put_str(&o, "key", x->last);
        put_str(&o, "run", arena_str(a, c->run));
        put_int(&o, "node", c->node);
        put_time(&o, "at", c->at);
        put_value(&o, "outputs", show_bindings(&c->outputs, a));
        put_value(&o, "artifacts", show_artifacts(&c->outputs, a));
        value_push(&x->list, object_value(&o));
        return true;
}

/* The cache is one for all namespaces, its keys tell nothing of them: it is for those who may see everything. */
void api_cache_list(struct request *q)
{
        struct error e;
        struct value query;
        uint32_t limit = 0;
        struct entries x = {q, {.arena = q->arena}, STR_NONE};
        if (!query_read(q, &query, &e) || !page_size(&query, &limit, &e) || !request_allow(q, MAY_ADMIN, STR_NONE, "the cache", &e) ||
            !q->store->cache(q->reader, text_of(&query, "after"), limit, on_entry, &x, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, "entries", value_list(x.list.items, x.list.n));
        if (x.list.n == limit)
                put_str(&o, "next_after", x.last);
        answer_object(q, 200, &o);
}

void api_cache_clear(struct request *q)
{
        struct error e;
        struct answer x;
        struct command c = {.kind = COMMAND_FORGET_CACHE, .cache_key = request_variable(q, "key")};
        if (!request_allow(q, MAY_ADMIN, STR_NONE, "the cache", &e) || !request_command(q, &c, &x, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, "id", value_string(c.cache_key));
        put_str(&o, "message", x.text);
        answer_object(q, 200, &o);
}

/* ---- the server ---- */

void api_info(struct request *q)
{
        struct error e;
        struct store_counts counts;
        struct object o = object_new(q), runs = object_new(q);
        uint64_t seq = 0;
        if (!q->store->seq(q->reader, &seq, &e) || !q->store->counts(q->reader, &counts, &e)) {
                request_fail(q, &e);
                return;
        }
        put_str(&o, "version", STR(WEFT_VERSION));
        put_str(&o, "store", str_from(q->store->name));
        put_str(&o, "executor", str_from(q->executor->name));
        put_str(&o, "namespace", q->settings->text[SET_NAMESPACE]);
        put_str(&o, "user", q->who.user);
        put_str(&o, "identity", q->who.how);
        put_int(&o, "seq", (int64_t)seq);
        if (request_allow(q, MAY_ADMIN, STR_NONE, "figures", &e)) {
                for (int i = 0; i < RUN_STATES; i++)
                        put_int(&runs, run_state_name((enum run_state)i), (int64_t)counts.runs[i]);
                put_value(&o, "runs", object_value(&runs));
        }
        answer_object(q, 200, &o);
}

void api_settings(struct request *q)
{
        struct error e;
        struct value_builder list = {.arena = q->arena};
        if (!request_allow(q, MAY_ADMIN, STR_NONE, "the settings", &e)) {
                request_fail(q, &e);
                return;
        }
        for (int i = 0; i < SETTINGS; i++) {
                struct object o = object_new(q);
                struct str name = str_from(setting_table[i].name);
                bool hidden = str_find(name, STR("secret"), 0) != SIZE_MAX || str_find(name, STR("password"), 0) != SIZE_MAX || str_find(name, STR("postgres"), 0) != SIZE_MAX;
                put_str(&o, "name", name);
                put_value(&o, "value", value_string(hidden && q->settings->text[i].n ? STR("***") : q->settings->text[i]));
                put_str(&o, "from", str_from(q->settings->from[i]));
                put_str(&o, "help", str_from(setting_table[i].help));
                value_push(&list, object_value(&o));
        }
        struct object o = object_new(q);
        put_value(&o, "settings", value_list(list.items, list.n));
        answer_object(q, 200, &o);
}
