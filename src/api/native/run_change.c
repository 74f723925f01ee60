/* What is done to a run that exists. Each answers with the run as it is then. */
#include "api/native/native.h"

static void after(struct request *q, struct str uid)
{
        struct error e;
        struct run_row row;
        if (find_run_ref(q, uid, MAY_VIEW, &row, &e))
                answer(q, show_run(q, &row, true));
        else
                request_fail(q, &e);
}

static void command_on(struct request *q, struct command *c)
{
        struct error e;
        struct run_row row;
        struct answer x;
        if (!find_run(q, MAY_RUN, &row, &e)) {
                request_fail(q, &e);
                return;
        }
        c->run = row.uid;
        if (request_command(q, c, &x, &e))
                after(q, row.uid);
        else
                request_fail(q, &e);
}

void api_run_stop(struct request *q) { command_on(q, &(struct command){.kind = COMMAND_STOP}); }
void api_run_terminate(struct request *q) { command_on(q, &(struct command){.kind = COMMAND_TERMINATE}); }
void api_run_retry(struct request *q) { command_on(q, &(struct command){.kind = COMMAND_RETRY}); }
void api_run_resume(struct request *q) { command_on(q, &(struct command){.kind = COMMAND_RESUME}); }
void api_run_archive(struct request *q) { command_on(q, &(struct command){.kind = COMMAND_META, .meta = {.archived = true}, .meta_set = 1u << META_ARCHIVED}); }
void api_run_unarchive(struct request *q) { command_on(q, &(struct command){.kind = COMMAND_META, .meta_set = 1u << META_ARCHIVED}); }

void api_run_change(struct request *q)
{
        struct error e;
        struct value body;
        struct command c = {.kind = COMMAND_META};
        if (!body_read(q, &body, &e)) {
                request_fail(q, &e);
                return;
        }
        c.meta.description = text_of(&body, "description");
        c.meta.labels = json_of(&body, "labels", q->arena);
        c.meta.priority = (int32_t)int_of(&body, "priority", 0);
        c.meta_set = (has(&body, "description") ? 1u << META_DESCRIPTION : 0) | (has(&body, "labels") ? 1u << META_LABELS : 0) | (has(&body, "priority") ? 1u << META_PRIORITY : 0);
        if (c.meta_set)
                command_on(q, &c);
        else {
                error_set(&e, ERROR_INVALID, "nothing to change: give description, labels or priority");
                request_fail(q, &e);
        }
}

void api_run_delete(struct request *q)
{
        struct error e;
        struct value query;
        struct run_row row;
        struct answer x;
        if (!query_read(q, &query, &e) || !find_run(q, MAY_RUN, &row, &e)) {
                request_fail(q, &e);
                return;
        }
        struct command c = {.kind = COMMAND_DELETE, .run = row.uid, .force = flag_of(&query, "force")};
        if (!request_command(q, &c, &x, &e)) {
                request_fail(q, &e);
                return;
        }
        struct object o = object_new(q);
        put_str(&o, "id", row.uid);
        put_str(&o, "message", x.text);
        answer_object(q, 200, &o);
}

/* Values by JSON, as texts where they are texts. */
void api_node_approve(struct request *q)
{
        struct error e;
        struct value body;
        if (!body_read(q, &body, &e)) {
                request_fail(q, &e);
                return;
        }
        const struct value *v = value_get_c(&body, "values");
        struct command c = {.kind = COMMAND_APPROVE, .node = request_variable(q, "node"), .reject = flag_of(&body, "reject")};
        c.values.params = ARENA_ARRAY(q->arena, struct param, v && v->map.n ? v->map.n : 1);
        for (size_t i = 0; v && i < v->map.n; i++) {
                const struct value *x = &v->map.members[i].value;
                c.values.params[c.values.params_n++] = (struct param){.name = v->map.members[i].key, .value = val_text(x->kind == VALUE_STRING ? x->text : json_text(x, JSON_COMPACT, q->arena))};
        }
        command_on(q, &c);
}
