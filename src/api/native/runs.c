/* Runs: lists, one, and how they begin. */
#include "api/native/native.h"

/* ---- lists ---- */

enum { PREDICATES_MAX = 32, COLUMNS_MAX = 20 };

struct conditions { struct request *q; struct query_predicate p[PREDICATES_MAX]; size_t n; bool too_many; };

static void add(struct conditions *c, struct str key, enum query_op op, const struct query_value *values, size_t n)
{
        if (c->n == PREDICATES_MAX)
                c->too_many = true;
        else
                c->p[c->n++] = (struct query_predicate){key, op, values, n};
}

static void add_one(struct conditions *c, struct str key, enum query_op op, struct query_value v)
{
        struct query_value *x = ARENA_NEW(c->q->arena, struct query_value);
        *x = v;
        add(c, key, op, x, 1);
}

static bool add_states(struct conditions *c, struct str list, struct error *e)
{
        struct query_value *v = ARENA_ARRAY(c->q->arena, struct query_value, RUN_STATES);
        size_t n = 0;
        while (list.p) {
                struct str name = str_trim(str_cut(&list, ','));
                int s = 0;
                while (s < RUN_STATES && !str_eq_c(name, run_state_name((enum run_state)s)))
                        s++;
                if (s == RUN_STATES || n == RUN_STATES)
                        return error_set(e, ERROR_INVALID, "\"%.*s\" is no state of a run: Queued, Running, Suspended, Stopping, Succeeded, Failed, Error, Stopped or Terminated", STR_FMT(str_sub(name, 0, 100)));
                v[n++] = (struct query_value){.type = QUERY_NUMBER, .number = s};
        }
        add(c, STR("state"), QUERY_IN, v, n);
        return true;
}

/* "key OP value": the longer operators first. */
static bool add_condition(struct conditions *c, struct str text, struct error *e)
{
        static const struct { const char *text; enum query_op op; } ops[] = {{"!=", QUERY_NE}, {">=", QUERY_GE}, {"<=", QUERY_LE}, {"=", QUERY_EQ}, {">", QUERY_GT}, {"<", QUERY_LT}, {"~", QUERY_CONTAINS}};
        for (size_t at = 1; at < text.n; at++)
                for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
                        if (str_starts(str_sub(text, at, text.n), str_from(ops[i].text))) {
                                struct str key = str_trim(str_sub(text, 0, at)), s = str_trim(str_sub(text, at + strlen(ops[i].text), text.n));
                                struct query_value v = {.type = QUERY_TEXT, .text = s};
                                bool numeric = str_starts(key, STR("metric:")) || str_eq_c(key, "priority") || str_eq_c(key, "archived");
                                if (numeric && !str_to_double(s, &v.number))
                                        return error_set(e, ERROR_INVALID, "%.*s is compared with a number, not \"%.*s\"", STR_FMT(key), STR_FMT(str_sub(s, 0, 100)));
                                if (str_ends(key, STR("_at")) && !wall_parse(s, &v.time))
                                        return error_set(e, ERROR_INVALID, "%.*s is compared with a time as in 2026-01-02T03:04:05Z, not \"%.*s\"", STR_FMT(key), STR_FMT(str_sub(s, 0, 100)));
                                v.type = numeric ? QUERY_NUMBER : str_ends(key, STR("_at")) ? QUERY_TIME : QUERY_TEXT;
                                if (str_eq_c(key, "state"))
                                        return ops[i].op == QUERY_EQ ? add_states(c, s, e) : error_set(e, ERROR_INVALID, "state is compared by state=A,B");
                                add_one(c, key, ops[i].op, v);
                                return true;
                        }
        return error_set(e, ERROR_INVALID, "\"%.*s\" is no condition: a key, one of = != > >= < <= ~ and a value, as in metric:accuracy>=0.9", STR_FMT(str_sub(text, 0, 100)));
}

static bool conditions_read(struct conditions *c, const struct value *query, struct error *e)
{
        static const char *const same[] = {"pipeline", "version", "experiment", "recurring", "owner", "parent_run", "language"};
        for (size_t i = 0; i < sizeof same / sizeof *same; i++)
                if (has(query, same[i]))
                        add_one(c, str_from(same[i]), QUERY_EQ, (struct query_value){.type = QUERY_TEXT, .text = text_of(query, same[i])});
        if (has(query, "name"))
                add_one(c, STR("name"), QUERY_CONTAINS, (struct query_value){.type = QUERY_TEXT, .text = text_of(query, "name")});
        struct wall t;
        if (wall_parse(text_of(query, "created_after"), &t))
                add_one(c, STR("created_at"), QUERY_GE, (struct query_value){.type = QUERY_TIME, .time = t});
        if (wall_parse(text_of(query, "created_before"), &t))
                add_one(c, STR("created_at"), QUERY_LT, (struct query_value){.type = QUERY_TIME, .time = t});
        if (!has(query, "archived") || !str_eq_c(text_of(query, "archived"), "any"))
                add_one(c, STR("archived"), QUERY_EQ, (struct query_value){.type = QUERY_NUMBER, .number = str_eq_c(text_of(query, "archived"), "yes")});
        if (has(query, "state") && !add_states(c, text_of(query, "state"), e))
                return false;
        for (struct str rest = text_of(query, "where"); rest.n;) {
                struct str one = str_trim(str_cut(&rest, ';'));
                if (one.n && !add_condition(c, one, e))
                        return false;
        }
        return !c->too_many || error_set(e, ERROR_LIMIT, "at most %d conditions at once", PREDICATES_MAX);
}

struct collected { struct request *q; struct value_builder list; struct run_row *rows; size_t n; };
static bool on_row(void *user, const struct run_row *r)
{
        struct collected *c = user;
        value_push(&c->list, show_run(c->q, r, false));
        return true;
}

static bool on_metric(void *user, const struct commit_metric *m)
{
        struct object *o = user;
        map_set(&o->m, arena_str(o->m.arena, m->name), value_double(m->value, o->m.arena));
        return true;
}

static bool put_metrics(struct request *q, struct value *run, struct error *e)
{
        struct object metrics = object_new(q);
        struct map_builder b = {.arena = q->arena};
        if (!q->store->metrics(q->reader, text_of(run, "id"), on_metric, &metrics, e))
                return false;
        for (size_t i = 0; i < run->map.n; i++)
                map_push(&b, run->map.members[i].key, run->map.members[i].value);
        map_push(&b, STR("metrics"), object_value(&metrics));
        *run = value_map(b.members, b.n);
        return true;
}

void api_run_list(struct request *q)
{
        struct error e;
        struct value query;
        struct conditions c = {.q = q};
        struct query x = {.kind = RECORD_RUN, .descending = true};
        struct query_page page = {0};
        struct collected got = {.q = q, .list = {.arena = q->arena}};
        if (!query_read(q, &query, &e) || !conditions_read(&c, &query, &e) || !page_size(&query, &x.limit, &e)) {
                request_fail(q, &e);
                return;
        }
        struct str ns = text_of(&query, "namespace"), sort = text_of(&query, "sort");
        bool any = visible(q, &x);
        if (ns.n) {
                if (!request_allow(q, MAY_VIEW, ns, "namespace", &e)) {
                        request_fail(q, &e);
                        return;
                }
                x.ns = &ns;
                x.ns_n = 1;
                any = true;
        }
        if (sort.n) {
                x.descending = sort.p[0] == '-';
                x.sort_key = x.descending ? str_sub(sort, 1, sort.n) : sort;
        }
        x.predicates = c.p;
        x.predicates_n = c.n;
        x.after = text_of(&query, "page_token");
        x.total = flag_of(&query, "total");
        bool ok = !any || q->store->query_runs(q->reader, &x, on_row, &got, q->arena, &page, &e);
        for (size_t i = 0; ok && flag_of(&query, "metrics") && i < got.list.n; i++)
                ok = put_metrics(q, &got.list.items[i], &e);
        if (!ok) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, "runs", value_list(got.list.items, got.list.n));
        put_str(&o, "next_page_token", page.next);
        if (x.total) {
                put_int(&o, "total", (int64_t)page.total);
                put_bool(&o, "total_at_least", page.total_at_least);
        }
        answer_object(q, 200, &o);
}

/* ---- one ---- */

void answer_run(struct request *q, struct str uid, int status)
{
        struct error e;
        struct run_row row;
        if (!find_run_ref(q, uid, MAY_VIEW, &row, &e)) {
                request_fail(q, &e);
                return;
        }
        struct value v = show_run(q, &row, true);
        if (!put_metrics(q, &v, &e)) {
                request_fail(q, &e);
                return;
        }
        q->answer.status = status;
        answer(q, v);
}

void api_run_get(struct request *q) { answer_run(q, request_variable(q, "run"), 200); }

void api_run_document(struct request *q)
{
        struct error e;
        struct run_row row;
        if (!find_run(q, MAY_VIEW, &row, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_str(&o, "language", row.language);
        put_value(&o, "document", value_string(row.document));
        put_json(&o, "options", row.options);
        answer_object(q, 200, &o);
}

struct event_list { struct request *q; struct value_builder list; uint32_t node; };
static bool on_event(void *user, const struct commit_event *x)
{
        struct event_list *l = user;
        struct object o = object_new(l->q);
        if (l->node && l->node != x->node)
                return true;
        if (x->node)
                put_int(&o, "node", x->node);
        put_time(&o, "at", x->at);
        put_value(&o, "kind", value_string(arena_str(l->q->arena, x->kind)));
        put_value(&o, "text", value_string(arena_str(l->q->arena, x->text)));
        value_push(&l->list, object_value(&o));
        return l->list.n < 10000;
}

void api_run_events(struct request *q)
{
        struct error e;
        struct run_row row;
        struct value query;
        struct event_list l = {.q = q, .list = {.arena = q->arena}};
        bool ok = query_read(q, &query, &e) && find_run(q, MAY_VIEW, &row, &e);
        l.node = ok ? (uint32_t)int_of(&query, "node", 0) : 0;
        if (!ok || !q->store->events(q->reader, row.uid, on_event, &l, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, "events", value_list(l.list.items, l.list.n));
        answer_object(q, 200, &o);
}

/* ---- new ---- */

static bool uid_good(struct str s)
{
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;
                if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
                        return false;
        }
        return s.n == 36;
}

static struct val given(const struct value *v, struct arena *a)
{
        return v->kind == VALUE_STRING ? val_text(v->text) : val_json(json_text(v, JSON_COMPACT, a));
}

/* Parameters as JSON values; `parameters_text` holds texts that are read as the parameter's type asks, as `weft run -p` does. */
static struct bindings parameters_of(const struct value *body, struct arena *a)
{
        const struct value *v = value_get_c(body, "parameters"), *t = value_get_c(body, "parameters_text");
        size_t n = (v ? v->map.n : 0) + (t ? t->map.n : 0), k = 0;
        struct bindings b = {.params = ARENA_ARRAY(a, struct param, n ? n : 1)};
        for (size_t i = 0; v && i < v->map.n; i++)
                if (!t || !value_get(t, v->map.members[i].key))
                        b.params[k++] = (struct param){.name = v->map.members[i].key, .value = given(&v->map.members[i].value, a)};
        for (size_t i = 0; t && i < t->map.n; i++) {
                b.params[k++] = (struct param){.name = t->map.members[i].key, .value = val_text(given(&t->map.members[i].value, a).text)};
        }
        b.params_n = k;
        return b;
}

static bool preset_of(struct request *q, const struct record *pipeline, const struct value *body, struct bindings *b, struct error *e)
{
        struct record preset;
        struct value stored;
        if (!has(body, "preset"))
                return true;
        if (!find_record(q, RECORD_PRESET, pipeline->ns, pipeline->id, text_of(body, "preset"), MAY_VIEW, &preset, e))
                return false;
        if (!preset.body.n || !json_read(preset.body, NULL, q->arena, &stored, e))
                return true;
        struct bindings under = parameters_of(&stored, q->arena), all = {.params = ARENA_ARRAY(q->arena, struct param, under.params_n + b->params_n + 1)};
        for (size_t i = 0; i < under.params_n; i++)
                if (!bindings_param(b, under.params[i].name))
                        all.params[all.params_n++] = under.params[i];
        for (size_t i = 0; i < b->params_n; i++)
                all.params[all.params_n++] = b->params[i];
        *b = all;
        return true;
}

static bool source_of(struct request *q, const struct value *body, struct str ns, struct command *c, struct error *e)
{
        struct record pipeline, version;
        if (has(body, "document") == has(body, "pipeline"))
                return error_set(e, ERROR_INVALID, "a run needs a \"pipeline\" or a \"document\", and not both");
        c->document = text_of(body, "document");
        if (c->document.n)
                return true;
        if (!find_record(q, RECORD_PIPELINE, ns, STR_NONE, text_of(body, "pipeline"), MAY_VIEW, &pipeline, e) ||
            !find_version(q, &pipeline, text_of(body, "version"), &version, e))
                return false;
        c->document = version_document(q, &version);
        c->meta.pipeline = pipeline.id;
        c->meta.version = version.id;
        return preset_of(q, &pipeline, body, &c->submission.parameters, e);
}

static bool run_command_of(struct request *q, const struct value *body, struct command *c, struct error *e)
{
        struct arena *a = q->arena;
        struct str ns = namespace_of(q, body);
        struct record experiment;
        c->kind = COMMAND_RUN;
        c->uid = text_of(body, "id");
        c->again = c->uid.n > 0;
        if (c->uid.n && !uid_good(c->uid))
                return error_set(e, ERROR_INVALID, "the id of a run is a UUID in lower case, not \"%.*s\"", STR_FMT(str_sub(c->uid, 0, 100)));
        if (!request_allow(q, MAY_RUN, ns, arena_printf(a, "namespace %.*s", STR_FMT(ns)).p, e))
                return false;
        c->submission.ns = ns;
        c->submission.name = text_of(body, "name");
        c->submission.display_name = text_of(body, "display_name");
        c->submission.entrypoint = text_of(body, "entrypoint");
        c->submission.parameters = parameters_of(body, a);
        c->submission.created_at = clock_wall();
        c->meta.owner = q->who.user;
        c->meta.description = text_of(body, "description");
        c->meta.service_account = text_of(body, "service_account");
        c->meta.labels = json_of(body, "labels", a);
        c->meta.priority = (int32_t)int_of(body, "priority", 0);
        if (has(body, "experiment")) {
                if (!find_record(q, RECORD_EXPERIMENT, ns, STR_NONE, text_of(body, "experiment"), MAY_VIEW, &experiment, e))
                        return false;
                c->meta.experiment = experiment.id;
        }
        return source_of(q, body, ns, c, e);
}

void api_run_create(struct request *q)
{
        struct error e;
        struct value body;
        struct command c = {0};
        struct answer x;
        const struct dialect *d;
        if (!body_read(q, &body, &e) || !run_command_of(q, &body, &c, &e)) {
                request_fail(q, &e);
                return;
        }
        struct submission checked = c.submission;
        checked.uid = STR("-"); /* values that are missing are errors, as they will be in the run */
        struct workflow *w = compile_or_answer(q, c.document, &checked, &d);
        if (!w)
                return;
        c.base_name = arena_str(q->arena, w->name);
        c.generate_name = arena_str(q->arena, w->generate_name);
        workflow_free(w);
        if (!request_command(q, &c, &x, &e))
                request_fail(q, &e);
        else
                answer_run(q, x.uid, 201);
}
