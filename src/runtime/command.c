/* Commands and answers as JSON lines. */
#include "runtime/command.h"
#include "text/json.h"
#include <math.h>

static const char *const names[COMMANDS] = {"run",    "stop", "terminate", "retry", "approve", "resume", "delete", "follow",
                                             "put",    "remove", "meta", "metric", "forget-cache"};
const char *command_name(enum command_kind k) { return names[k]; }

static void put(struct map_builder *m, const char *key, struct str s)
{
        if (s.n)
                map_push(m, str_from(key), value_string(s));
}

static void flag(struct map_builder *m, const char *key, bool on)
{
        if (on)
                map_push(m, str_from(key), value_bool(true));
}

static struct str line_of(struct map_builder *m, struct arena *a)
{
        struct value v = value_map(m->members, m->n);
        return arena_printf(a, "%s\n", json_text(&v, JSON_COMPACT, a).p);
}

static struct str text_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

static bool flag_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_BOOL && x->boolean;
}

static int64_t number_of(const struct value *v, const char *key)
{
        int64_t n = 0;
        const struct value *x = value_get_c(v, key);
        return x && value_to_i64(x, &n) ? n : 0;
}

static void number(struct map_builder *m, const char *key, int64_t n)
{
        if (n)
                map_push(m, str_from(key), value_i64(n, m->arena));
}

static struct value meta_value(const struct run_meta *x, struct arena *a)
{
        struct map_builder m = {.arena = a};
        put(&m, "owner", x->owner);
        put(&m, "experiment", x->experiment);
        put(&m, "pipeline", x->pipeline);
        put(&m, "version", x->version);
        put(&m, "recurring", x->recurring);
        put(&m, "description", x->description);
        put(&m, "service_account", x->service_account);
        put(&m, "labels", x->labels);
        number(&m, "scheduled_at", x->scheduled_at.us);
        number(&m, "priority", x->priority);
        flag(&m, "archived", x->archived);
        return value_map(m.members, m.n);
}

static struct run_meta meta_of(const struct value *v)
{
        int64_t priority = number_of(v, "priority");
        return (struct run_meta){.owner = text_of(v, "owner"), .experiment = text_of(v, "experiment"), .pipeline = text_of(v, "pipeline"), .version = text_of(v, "version"),
                                 .recurring = text_of(v, "recurring"), .description = text_of(v, "description"), .service_account = text_of(v, "service_account"),
                                 .labels = text_of(v, "labels"), .scheduled_at = {number_of(v, "scheduled_at")},
                                 .priority = (int32_t)(priority > INT32_MAX ? INT32_MAX : priority < INT32_MIN ? INT32_MIN : priority), .archived = flag_of(v, "archived")};
}

static struct value record_value(const struct record *r, struct arena *a)
{
        struct map_builder m = {.arena = a};
        put(&m, "kind", str_from(record_kind_name(r->kind)));
        put(&m, "id", r->id);
        put(&m, "ns", r->ns);
        put(&m, "parent", r->parent);
        put(&m, "name", r->name);
        put(&m, "display_name", r->display_name);
        put(&m, "description", r->description);
        put(&m, "owner", r->owner);
        put(&m, "tags", r->tags);
        put(&m, "body", r->body);
        number(&m, "state", r->state);
        return value_map(m.members, m.n);
}

static bool record_of(const struct value *v, struct record *ret, struct error *e)
{
        struct str kind = text_of(v, "kind");
        int k = RECORD_RUN + 1;
        while (k < RECORD_KINDS && !str_eq_c(kind, record_kind_name((enum record_kind)k)))
                k++;
        if (k == RECORD_KINDS)
                return error_set(e, ERROR_USAGE, "there are no records of kind \"%.*s\"", STR_FMT(kind));
        int64_t state = number_of(v, "state");
        if (state < RECORD_ACTIVE || state > RECORD_DISABLED)
                return error_set(e, ERROR_USAGE, "%lld is no state of a record", (long long)state);
        *ret = (struct record){.kind = (enum record_kind)k, .id = text_of(v, "id"), .ns = text_of(v, "ns"), .parent = text_of(v, "parent"), .name = text_of(v, "name"),
                               .display_name = text_of(v, "display_name"), .description = text_of(v, "description"), .owner = text_of(v, "owner"),
                               .tags = text_of(v, "tags"), .body = text_of(v, "body"), .state = (enum record_state)state};
        return true;
}

struct str command_encode(const struct command *c, struct arena *a)
{
        struct map_builder m = {.arena = a};
        put(&m, "command", str_from(names[c->kind]));
        put(&m, "run", c->run);
        put(&m, "node", c->node);
        if (c->values.params_n)
                put(&m, "values", bindings_encode(&c->values, a));
        flag(&m, "reject", c->reject);
        flag(&m, "force", c->force);
        flag(&m, "follow", c->follow);
        if (c->kind == COMMAND_RUN) {
                put(&m, "document", c->document);
                put(&m, "uid", c->uid);
                flag(&m, "again", c->again);
                put(&m, "submission", submission_encode(&c->submission, a));
                put(&m, "name", c->submission.name);
                put(&m, "namespace", c->submission.ns);
                put(&m, "base_name", c->base_name);
                put(&m, "generate_name", c->generate_name);
                put(&m, "executor", c->executor);
        }
        put(&m, "who", c->who);
        if (c->kind == COMMAND_RUN || c->kind == COMMAND_META) {
                struct value meta = meta_value(&c->meta, a);
                if (meta.map.n)
                        map_push(&m, STR("meta"), meta);
                number(&m, "meta_set", c->meta_set);
        }
        if (c->kind == COMMAND_PUT || c->kind == COMMAND_REMOVE) {
                map_push(&m, STR("record"), record_value(&c->record, a));
                number(&m, "mode", c->mode);
                number(&m, "revision", (int64_t)c->revision);
                flag(&m, "cascade", c->cascade);
        }
        if (c->kind == COMMAND_METRIC) {
                put(&m, "metric", c->metric);
                map_push(&m, STR("value"), isfinite(c->value) ? value_double(c->value, a) : value_null);
        }
        put(&m, "cache_key", c->cache_key);
        return line_of(&m, a);
}

bool command_decode(struct str line, struct arena *a, struct command *ret, struct error *e)
{
        struct value v;
        *ret = (struct command){0};
        if (!json_read(line, NULL, a, &v, e))
                return error_wrap(e, "reading a command");
        struct str name = text_of(&v, "command");
        int k = 0;
        while (k < COMMANDS && !str_eq_c(name, names[k]))
                k++;
        if (k == COMMANDS)
                return error_set(e, ERROR_USAGE, "there is no command \"%.*s\"", STR_FMT(name));
        ret->kind = (enum command_kind)k;
        ret->run = text_of(&v, "run");
        ret->node = text_of(&v, "node");
        ret->reject = flag_of(&v, "reject");
        ret->force = flag_of(&v, "force");
        ret->follow = flag_of(&v, "follow");
        struct str values = text_of(&v, "values"), submission = text_of(&v, "submission");
        if (values.n && !bindings_decode(values, a, &ret->values, e))
                return false;
        ret->who = text_of(&v, "who");
        ret->meta = meta_of(value_get_c(&v, "meta"));
        ret->meta_set = (uint32_t)number_of(&v, "meta_set") & ((2u << META_ARCHIVED) - 1);
        ret->cache_key = text_of(&v, "cache_key");
        if (ret->kind == COMMAND_FORGET_CACHE)
                return true;
        if (ret->kind == COMMAND_PUT || ret->kind == COMMAND_REMOVE) {
                int64_t mode = number_of(&v, "mode"), revision = number_of(&v, "revision");
                if (mode < PUT_CREATE || mode > PUT_EITHER || revision < 0)
                        return error_set(e, ERROR_USAGE, "the command %s has a mode or revision that cannot be", names[k]);
                ret->mode = (enum put_mode)mode;
                ret->revision = (uint64_t)revision;
                ret->cascade = flag_of(&v, "cascade");
                return record_of(value_get_c(&v, "record"), &ret->record, e);
        }
        if (ret->kind == COMMAND_METRIC) {
                const struct value *x = value_get_c(&v, "value");
                ret->metric = text_of(&v, "metric");
                if (!x || !value_to_double(x, &ret->value))
                        return error_set(e, ERROR_USAGE, "a metric's value is a finite number");
        }
        if (ret->kind != COMMAND_RUN)
                return ret->run.n > 0 || error_set(e, ERROR_USAGE, "the command %s needs a run", names[k]);
        if (submission.n && !submission_decode(submission, a, &ret->submission, e))
                return false;
        ret->document = text_of(&v, "document");
        ret->uid = text_of(&v, "uid");
        ret->again = flag_of(&v, "again");
        if (ret->uid.n && ret->uid.n != 36)
                return error_set(e, ERROR_USAGE, "\"%.*s\" is no id of a run", STR_FMT(ret->uid));
        ret->submission.name = text_of(&v, "name");
        ret->submission.ns = text_of(&v, "namespace");
        ret->base_name = text_of(&v, "base_name");
        ret->generate_name = text_of(&v, "generate_name");
        ret->executor = text_of(&v, "executor");
        return true;
}

struct command command_copy(const struct command *c, struct arena *a)
{
        struct command x = *c;
        struct str *texts[] = {&x.run, &x.node, &x.document, &x.submission.entrypoint, &x.submission.name, &x.submission.display_name, &x.submission.uid, &x.submission.ns,
                               &x.base_name, &x.generate_name, &x.executor, &x.uid, &x.parent_run, &x.who, &x.metric, &x.cache_key};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                *texts[i] = texts[i]->n ? arena_str(a, *texts[i]) : STR_NONE;
        x.values = bindings_copy(&c->values, a);
        x.submission.parameters = bindings_copy(&c->submission.parameters, a);
        x.meta = run_meta_copy(&c->meta, a);
        x.record = record_copy(&c->record, a);
        return x;
}

struct str answer_encode(const struct answer *x, struct arena *a)
{
        struct map_builder m = {.arena = a};
        map_push(&m, STR("ok"), value_bool(x->ok));
        put(&m, "uid", x->uid);
        put(&m, "name", x->name);
        put(&m, "text", x->text);
        flag(&m, "renamed", x->renamed);
        if (x->ok) {
                map_push(&m, STR("state"), value_i64(x->state, a));
                return line_of(&m, a);
        }
        map_push(&m, STR("kind"), value_i64(x->error.kind, a));
        map_push(&m, STR("line"), value_i64(x->error.line, a));
        map_push(&m, STR("column"), value_i64(x->error.column, a));
        put(&m, "error", str_from(x->error.text));
        return line_of(&m, a);
}

bool answer_decode(struct str line, struct arena *a, struct answer *ret)
{
        struct value v;
        struct error e;
        if (!json_read(line, NULL, a, &v, &e))
                return false;
        *ret = (struct answer){.ok = flag_of(&v, "ok"), .uid = text_of(&v, "uid"), .name = text_of(&v, "name"), .text = text_of(&v, "text"),
                               .renamed = flag_of(&v, "renamed"), .state = (enum run_state)number_of(&v, "state")};
        if (!ret->ok) {
                int64_t kind = number_of(&v, "kind");
                error_set(&ret->error, kind > 0 && kind < ERROR_KINDS ? (enum error_kind)kind : ERROR_INTERNAL, "%.*s", STR_FMT(text_of(&v, "error")));
                ret->error.line = (uint32_t)number_of(&v, "line");
                ret->error.column = (uint32_t)number_of(&v, "column");
        }
        return true;
}
