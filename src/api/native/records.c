/* Pipelines, versions, experiments, recurring runs, presets and the rest of what a server keeps: the same five requests for each kind. What only a
 * kind has is at the top of its messages, and in the body of its record. */
#include "api/native/native.h"

struct kind { const char *path; enum record_kind kind; const char *plural; enum permission write, view; const char *parent; enum record_kind parent_kind; };
static const struct kind kinds[] = {
        {"pipelines", RECORD_PIPELINE, "pipelines", MAY_PUBLISH, MAY_VIEW, NULL, RECORD_RUN},
        {"versions", RECORD_VERSION, "versions", MAY_PUBLISH, MAY_VIEW, "pipeline", RECORD_PIPELINE},
        {"presets", RECORD_PRESET, "presets", MAY_RUN, MAY_VIEW, "pipeline", RECORD_PIPELINE},
        {"experiments", RECORD_EXPERIMENT, "experiments", MAY_RUN, MAY_VIEW, NULL, RECORD_RUN},
        {"recurring", RECORD_RECURRING, "recurring", MAY_RUN, MAY_VIEW, NULL, RECORD_RUN},
        {"notifications", RECORD_NOTIFICATION, "notifications", MAY_RUN, MAY_VIEW, NULL, RECORD_RUN},
        {"deliveries", RECORD_DELIVERY, "deliveries", MAY_ADMIN, MAY_VIEW, NULL, RECORD_RUN},
        {"namespaces", RECORD_NAMESPACE, "namespaces", MAY_ADMIN, MAY_VIEW, NULL, RECORD_RUN},
        {"templates", RECORD_TEMPLATE, "templates", MAY_PUBLISH, MAY_VIEW, NULL, RECORD_RUN},
};

/* From the route: the last fixed segment of its path is the kind. */
static const struct kind *kind_of(const struct request *q)
{
        const struct kind *found = NULL;
        struct str rest = str_from(q->route->path);
        while (rest.p) {
                struct str segment = str_cut(&rest, '/');
                for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                        if (str_eq_c(segment, kinds[i].path))
                                found = &kinds[i];
        }
        return found;
}

struct scope { const struct kind *kind; struct value query; struct str ns; struct record parent; };

/* What the path names above the record. */
static bool scope_of(struct request *q, enum permission may, struct scope *s, struct error *e)
{
        *s = (struct scope){.kind = kind_of(q)};
        if (!query_read(q, &s->query, e))
                return false;
        s->ns = namespace_of(q, &s->query);
        if (s->kind->kind == RECORD_NAMESPACE)
                s->ns = STR_NONE;
        if (s->kind->parent && !find_record(q, s->kind->parent_kind, s->ns, STR_NONE, request_variable(q, s->kind->parent), may, &s->parent, e))
                return false;
        if (s->parent.id.n)
                s->ns = s->parent.ns;
        return true;
}

static bool find(struct request *q, struct scope *s, enum permission may, struct record *ret, struct error *e)
{
        struct str ref = request_variable(q, "record");
        if (s->kind->kind == RECORD_VERSION && str_eq_c(ref, "latest"))
                return find_version(q, &s->parent, ref, ret, e) && request_allow(q, may, ret->ns, "version", e);
        if (s->kind->kind == RECORD_RECURRING)
                return find_recurring(q, s->ns, ref, may, ret, e);
        return find_record(q, s->kind->kind, s->ns, s->parent.id, ref, may, ret, e);
}

/* ---- lists ---- */

struct collected { struct request *q; struct value_builder list; };
static bool on_record(void *user, const struct record *r)
{
        struct collected *c = user;
        value_push(&c->list, show_record(c->q, r, false));
        return true;
}

static bool state_number(struct str name, double *ret, struct error *e)
{
        static const char *const states[] = {"active", "archived", "disabled"};
        for (int i = 0; i < 3; i++)
                if (str_eq_c(name, states[i])) {
                        *ret = i;
                        return true;
                }
        return error_set(e, ERROR_INVALID, "the state of a record is active, archived or disabled");
}

void api_record_list(struct request *q)
{
        struct error e;
        struct scope s;
        struct query x = {.descending = true};
        struct query_page page = {0};
        struct collected got = {q, {.arena = q->arena}};
        if (!scope_of(q, MAY_VIEW, &s, &e) || !page_size(&s.query, &x.limit, &e)) {
                request_fail(q, &e);
                return;
        }
        struct query_predicate p[4];
        struct query_value v[4];
        size_t n = 0;
        struct str asked = text_of(&s.query, "namespace"), sort = text_of(&s.query, "sort");
        bool any = visible(q, &x), ok = true;
        if (s.parent.id.n) {
                v[n] = (struct query_value){.type = QUERY_TEXT, .text = s.parent.id};
                p[n] = (struct query_predicate){STR("parent"), QUERY_EQ, &v[n], 1};
                n++;
        } else if (asked.n && s.kind->kind != RECORD_NAMESPACE) {
                ok = request_allow(q, MAY_VIEW, asked, "namespace", &e);
                x.ns = &asked;
                x.ns_n = 1;
                any = true;
        }
        if (has(&s.query, "name")) {
                v[n] = (struct query_value){.type = QUERY_TEXT, .text = text_of(&s.query, "name")};
                p[n] = (struct query_predicate){STR("name"), QUERY_CONTAINS, &v[n], 1};
                n++;
        }
        if (has(&s.query, "state")) {
                v[n] = (struct query_value){.type = QUERY_NUMBER};
                ok = ok && state_number(text_of(&s.query, "state"), &v[n].number, &e);
                p[n] = (struct query_predicate){STR("state"), QUERY_EQ, &v[n], 1};
                n++;
        }
        if (sort.n) {
                x.descending = sort.p[0] == '-';
                x.sort_key = x.descending ? str_sub(sort, 1, sort.n) : sort;
        }
        x.kind = s.kind->kind;
        x.predicates = p;
        x.predicates_n = n;
        x.after = text_of(&s.query, "page_token");
        x.total = flag_of(&s.query, "total");
        if (!ok || (any && !q->store->query_records(q->reader, &x, on_record, &got, q->arena, &page, &e))) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_value(&o, s.kind->plural, value_list(got.list.items, got.list.n));
        put_str(&o, "next_page_token", page.next);
        if (x.total)
                put_int(&o, "total", (int64_t)page.total);
        answer_object(q, 200, &o);
}

/* ---- one ---- */

void api_record_get(struct request *q)
{
        struct error e;
        struct scope s;
        struct record r;
        if (scope_of(q, MAY_VIEW, &s, &e) && find(q, &s, MAY_VIEW, &r, &e))
                answer(q, show_record(q, &r, true));
        else
                request_fail(q, &e);
}

static bool own_member(const char *name)
{
        static const char *const head[] = {"id", "namespace", "name", "display_name", "description", "owner", "tags", "state", "experiment", "revision"};
        for (size_t i = 0; i < sizeof head / sizeof *head; i++)
                if (!strcmp(name, head[i]))
                        return false;
        return true;
}

/* What is given replaces what was there; what only the runtime keeps in the body stays. */
static struct str body_merged(struct request *q, struct str stored, const struct value *given)
{
        struct value before = value_map(NULL, 0);
        struct map_builder b = {.arena = q->arena};
        if (stored.n && json_read(arena_str(q->arena, stored), NULL, q->arena, &before, NULL) && before.kind == VALUE_MAP)
                for (size_t i = 0; i < before.map.n; i++)
                        map_push(&b, before.map.members[i].key, before.map.members[i].value);
        for (size_t i = 0; i < given->map.n; i++)
                if (own_member(arena_cstr(q->arena, given->map.members[i].key)))
                        map_set(&b, given->map.members[i].key, given->map.members[i].value);
        struct value v = value_map(b.members, b.n);
        return json_text(&v, JSON_COMPACT, q->arena);
}

static bool record_fill(struct request *q, const struct scope *s, const struct value *body, struct record *r, struct error *e)
{
        double state;
        r->kind = s->kind->kind;
        if (has(body, "name"))
                r->name = text_of(body, "name");
        if (has(body, "display_name"))
                r->display_name = text_of(body, "display_name");
        if (has(body, "description"))
                r->description = text_of(body, "description");
        if (has(body, "owner"))
                r->owner = text_of(body, "owner");
        if (has(body, "tags"))
                r->tags = json_of(body, "tags", q->arena);
        if (has(body, "state")) {
                if (!state_number(text_of(body, "state"), &state, e))
                        return false;
                r->state = (enum record_state)(int)state;
        }
        if (has(body, "experiment")) {
                struct record experiment;
                if (!find_record(q, RECORD_EXPERIMENT, r->ns, STR_NONE, text_of(body, "experiment"), MAY_VIEW, &experiment, e))
                        return false;
                r->parent = experiment.id;
        }
        r->body = body_merged(q, r->body, body);
        return true;
}

static void put(struct request *q, const struct scope *s, struct command *c, int status)
{
        struct error e;
        struct answer x;
        struct record r;
        bool found = false;
        if (!request_command(q, c, &x, &e) || !q->store->record(q->reader, s->kind->kind, x.uid.n ? x.uid : c->record.id, q->arena, &found, &r, &e)) {
                request_fail(q, &e);
                return;
        }
        if (!found) { /* deleted again, by another */
                error_set(&e, ERROR_NOT_FOUND, "the %s is gone again", record_kind_name(s->kind->kind));
                request_fail(q, &e);
                return;
        }
        q->answer.status = status;
        answer(q, show_record(q, &r, true));
}

void api_record_create(struct request *q)
{
        struct error e;
        struct scope s;
        struct value body;
        struct command c = {.kind = COMMAND_PUT, .mode = PUT_CREATE};
        bool ok = scope_of(q, MAY_VIEW, &s, &e) && body_read(q, &body, &e);
        if (ok) {
                struct str ns = s.kind->kind == RECORD_NAMESPACE ? STR_NONE : s.parent.id.n ? s.parent.ns : has(&body, "namespace") ? text_of(&body, "namespace") : s.ns;
                c.record = (struct record){.ns = ns, .parent = s.parent.id, .owner = q->who.user, .id = text_of(&body, "id")};
                ok = request_allow(q, s.kind->write, ns, "namespace", &e) && record_fill(q, &s, &body, &c.record, &e);
        }
        if (ok)
                put(q, &s, &c, 201);
        else
                request_fail(q, &e);
}

void api_record_update(struct request *q)
{
        struct error e;
        struct scope s;
        struct value body;
        struct command c = {.kind = COMMAND_PUT, .mode = PUT_UPDATE};
        bool ok = scope_of(q, MAY_VIEW, &s, &e) && body_read(q, &body, &e) && find(q, &s, s.kind->write, &c.record, &e);
        if (ok && has(&body, "namespace") && !str_eq(text_of(&body, "namespace"), c.record.ns))
                ok = error_set(&e, ERROR_INVALID, "a %s stays in its namespace: make another there", record_kind_name(s.kind->kind));
        if (ok) {
                c.revision = (uint64_t)int_of(&body, "revision", 0);
                ok = record_fill(q, &s, &body, &c.record, &e);
        }
        if (ok)
                put(q, &s, &c, 200);
        else
                request_fail(q, &e);
}

void api_record_delete(struct request *q)
{
        struct error e;
        struct scope s;
        struct answer x;
        struct command c = {.kind = COMMAND_REMOVE};
        if (!scope_of(q, MAY_VIEW, &s, &e) || !find(q, &s, s.kind->write, &c.record, &e)) {
                request_fail(q, &e);
                return;
        }
        c.cascade = flag_of(&s.query, "cascade");
        if (!request_command(q, &c, &x, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_str(&o, "id", c.record.id);
        put_str(&o, "message", x.text);
        answer_object(q, 200, &o);
}
