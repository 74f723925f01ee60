/* Commands and answers as JSON lines. */
#include "runtime/command.h"
#include "text/json.h"

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
                               &x.base_name, &x.generate_name, &x.executor, &x.uid, &x.parent_run};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                *texts[i] = texts[i]->n ? arena_str(a, *texts[i]) : STR_NONE;
        x.values = bindings_copy(&c->values, a);
        x.submission.parameters = bindings_copy(&c->submission.parameters, a);
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
