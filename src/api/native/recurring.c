/* What only recurring runs have: their next firings, and a run of theirs out of turn. */
#include "api/native/native.h"
#include "runtime/files.h"
#include "runtime/schedule.h"

enum { FIRINGS_DEFAULT = 5, FIRINGS_MAX = 100 };

void api_recurring_firings(struct request *q)
{
        struct error e;
        struct value query;
        struct record r;
        struct wall at[FIRINGS_MAX];
        size_t n = 0;
        if (!query_read(q, &query, &e) || !find_recurring(q, namespace_of(q, &query), request_variable(q, "record"), MAY_VIEW, &r, &e)) {
                request_fail(q, &e);
                return;
        }
        int64_t count = int_of(&query, "count", FIRINGS_DEFAULT);
        bool ok = (count >= 1 && count <= FIRINGS_MAX) || error_set(&e, ERROR_INVALID, "count is from 1 to %d", FIRINGS_MAX);
        if (!ok || !recurring_firings(&r, clock_wall(), at, (size_t)count, &n, &e)) {
                request_fail(q, &e);
                return;
        }
        struct value_builder list = {.arena = q->arena};
        for (size_t i = 0; i < n; i++)
                value_push(&list, value_string(wall_rfc3339(at[i], 0, q->arena)));
        struct object o = object_new(q);
        put_value(&o, "firings", value_list(list.items, list.n));
        answer_object(q, 200, &o);
}

void api_recurring_run(struct request *q)
{
        struct error e;
        struct value query;
        struct record r;
        struct command c = {0};
        struct answer x;
        char uid[37];
        int64_t index = 0;
        struct value body;
        uuid_make(uid);
        if (!query_read(q, &query, &e) || !find_recurring(q, namespace_of(q, &query), request_variable(q, "record"), MAY_RUN, &r, &e) || !json_read(r.body.n ? r.body : STR("{}"), NULL, q->arena, &body, &e)) {
                request_fail(q, &e);
                return;
        }
        const struct value *counted = value_get_c(&body, "index");
        if (counted)
                value_to_i64(counted, &index);
        if (!recurring_command(q->store, q->reader, &r, (struct wall){0}, clock_wall(), arena_str(q->arena, str_from(uid)), (uint64_t)index, q->arena, &c, &e) || !request_command(q, &c, &x, &e))
                request_fail(q, &e);
        else
                answer_run(q, x.uid, 201);
}
