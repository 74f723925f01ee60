/* Records: their names, copies, and what a body holds.
 *
 *   version       document, language ("argo" | "kfp"), source_url
 *   recurring     what to run: pipeline with version (empty: the newest when it fires), or document; parameters {}, entrypoint, labels {}, service_account, priority.
 *                 When: cron with timezone (an IANA name; empty: UTC), or interval_second; start and end (RFC 3339); catchup (all firings that were missed, not only the
 *                 last one); max_concurrency (its runs that have not ended, 1 to 10). Kept by the runtime: last_firing (RFC 3339, up to where firings
 *                 are dealt with), index (how many there were), problem (why the last one made no run)
 *   preset        parameters {}
 *   token         hash, user, groups [], expires_at, last_used_at
 *   grant         subject ("user:x" | "group:y"), role
 *   notification  on [states], kind ("webhook" | "mail" | "slack"), target, secret, and of what: pipeline, recurring or user
 *   audit         action, kind, id, name
 *
 * A body may have more: the APIs keep there what only they know. */
#include "model/records.h"
#include "text/json.h"

static const char *const names[RECORD_KINDS] = {"run", "namespace", "pipeline", "version", "experiment", "recurring", "preset",
                                                "token", "grant", "notification", "delivery", "audit", "template"};

const char *record_kind_name(enum record_kind k) { return k < RECORD_KINDS ? names[k] : "?"; }

struct record record_copy(const struct record *from, struct arena *a)
{
        struct record r = *from;
        struct str *const texts[] = {&r.id, &r.ns, &r.parent, &r.name, &r.display_name, &r.description, &r.owner, &r.tags, &r.body};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                *texts[i] = arena_str(a, *texts[i]);
        return r;
}

/* ---- checks ---- */

enum { NAME_BYTES_MAX = 253, TEXT_BYTES_MAX = 16384, TAGS_BYTES_MAX = 65536 };

struct body_rule { enum record_kind kind; const char *name; enum value_kind type; bool required; const char *choices; };
static const struct body_rule rules[] = {
        {RECORD_VERSION, "document", VALUE_STRING, true, NULL},       {RECORD_VERSION, "language", VALUE_STRING, false, "argo|kfp"},
        {RECORD_VERSION, "source_url", VALUE_STRING, false, NULL},
        {RECORD_RECURRING, "pipeline", VALUE_STRING, false, NULL},    {RECORD_RECURRING, "version", VALUE_STRING, false, NULL},
        {RECORD_RECURRING, "document", VALUE_STRING, false, NULL},    {RECORD_RECURRING, "parameters", VALUE_MAP, false, NULL},
        {RECORD_RECURRING, "entrypoint", VALUE_STRING, false, NULL},  {RECORD_RECURRING, "labels", VALUE_MAP, false, NULL},
        {RECORD_RECURRING, "service_account", VALUE_STRING, false, NULL}, {RECORD_RECURRING, "priority", VALUE_NUMBER, false, NULL},
        {RECORD_RECURRING, "cron", VALUE_STRING, false, NULL},        {RECORD_RECURRING, "timezone", VALUE_STRING, false, NULL},
        {RECORD_RECURRING, "interval_second", VALUE_NUMBER, false, NULL}, {RECORD_RECURRING, "start", VALUE_STRING, false, NULL},
        {RECORD_RECURRING, "end", VALUE_STRING, false, NULL},         {RECORD_RECURRING, "catchup", VALUE_BOOL, false, NULL},
        {RECORD_RECURRING, "max_concurrency", VALUE_NUMBER, false, NULL},
        {RECORD_PRESET, "parameters", VALUE_MAP, true, NULL},
        {RECORD_TOKEN, "hash", VALUE_STRING, true, NULL},             {RECORD_TOKEN, "user", VALUE_STRING, true, NULL},
        {RECORD_GRANT, "subject", VALUE_STRING, true, NULL},          {RECORD_GRANT, "role", VALUE_STRING, true, NULL},
        {RECORD_NOTIFICATION, "on", VALUE_LIST, true, NULL},          {RECORD_NOTIFICATION, "kind", VALUE_STRING, true, "webhook|mail|slack"},
        {RECORD_NOTIFICATION, "target", VALUE_STRING, true, NULL},
};

static bool text_check(struct str s, size_t max, const char *what, const char *kind, bool lines, struct error *e)
{
        if (s.n > max)
                return error_set(e, ERROR_INVALID, "the %s of a %s has %zu bytes; at most %zu are kept", what, kind, s.n, max);
        if (!str_is_utf8(s))
                return error_set(e, ERROR_INVALID, "the %s of a %s is not UTF-8", what, kind);
        for (size_t i = 0; i < s.n; i++)
                if (((unsigned char)s.p[i] < ' ' && !(lines && (s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r'))) || s.p[i] == 127)
                        return error_set(e, ERROR_INVALID, "the %s of a %s holds a control character (byte %zu)", what, kind, i + 1);
        return true;
}

static bool choice_has(const char *choices, struct str value)
{
        struct str rest = str_from(choices);
        while (rest.p)
                if (str_eq(str_cut(&rest, '|'), value))
                        return true;
        return false;
}

static bool tags_check(const struct record *r, const char *kind, struct arena *a, struct error *e)
{
        struct value v;
        if (!r->tags.n)
                return true;
        if (r->tags.n > TAGS_BYTES_MAX)
                return error_set(e, ERROR_INVALID, "the tags of a %s have %zu bytes; at most %d are kept", kind, r->tags.n, TAGS_BYTES_MAX);
        if (!json_read(r->tags, NULL, a, &v, e))
                return error_wrap(e, "reading the tags of a %s", kind);
        if (v.kind != VALUE_MAP)
                return error_set(e, ERROR_INVALID, "the tags of a %s are a map of strings, not a %s", kind, value_kind_name(v.kind));
        for (size_t i = 0; i < v.map.n; i++)
                if (v.map.members[i].value.kind != VALUE_STRING)
                        return error_set(e, ERROR_INVALID, "tag \"%.*s\" of a %s is a %s; tags are strings", STR_FMT(v.map.members[i].key), kind,
                                         value_kind_name(v.map.members[i].value.kind));
        return true;
}

static bool body_member(const struct body_rule *rule, const struct value *body, struct error *e)
{
        const char *kind = names[rule->kind];
        const struct value *v = value_get_c(body, rule->name);
        if (!v || v->kind == VALUE_NULL)
                return !rule->required || error_set(e, ERROR_INVALID, "a %s needs \"%s\"", kind, rule->name);
        if (v->kind != rule->type)
                return error_set(e, ERROR_INVALID, "\"%s\" of a %s is a %s, not a %s", rule->name, kind, value_kind_name(rule->type), value_kind_name(v->kind));
        if (rule->required && v->kind == VALUE_STRING && !v->text.n)
                return error_set(e, ERROR_INVALID, "\"%s\" of a %s is empty", rule->name, kind);
        if (rule->choices && v->text.n && !choice_has(rule->choices, v->text))
                return error_set(e, ERROR_INVALID, "\"%s\" of a %s is one of %s, not \"%.*s\"", rule->name, kind, rule->choices, STR_FMT(v->text));
        return true;
}

static struct str body_text(const struct value *body, const char *key)
{
        const struct value *v = value_get_c(body, key);
        return v && v->kind == VALUE_STRING ? v->text : STR_NONE;
}

static bool time_member(const struct value *body, const char *key, struct wall *ret, struct error *e)
{
        struct str s = body_text(body, key);
        *ret = (struct wall){0};
        return !s.n || wall_parse(s, ret) || error_set(e, ERROR_INVALID, "\"%s\" of a recurring run is a time such as 2026-01-31T06:00:00Z, not \"%.*s\"", key, STR_FMT(s));
}

static bool recurring_check(const struct value *body, struct error *e)
{
        const struct value *interval = value_get_c(body, "interval_second"), *most = value_get_c(body, "max_concurrency"), *priority = value_get_c(body, "priority");
        bool cron = body_text(body, "cron").n > 0, every = interval && interval->kind == VALUE_NUMBER;
        int64_t seconds = 0, n = 1;
        struct wall start, end;
        if (!body_text(body, "pipeline").n && !body_text(body, "document").n)
                return error_set(e, ERROR_INVALID, "a recurring run needs a \"pipeline\", or a \"document\" to run");
        if (cron == every)
                return error_set(e, ERROR_INVALID, cron ? "a recurring run has \"cron\" or \"interval_second\", not both" : "a recurring run needs \"cron\" or \"interval_second\"");
        if (every && (!value_to_i64(interval, &seconds) || seconds < 1 || seconds > 10 * INT64_C(31557600)))
                return error_set(e, ERROR_INVALID, "\"interval_second\" is a whole number of seconds from 1 to 315576000 (ten years)");
        if (most && most->kind == VALUE_NUMBER && (!value_to_i64(most, &n) || n < 1 || n > 10))
                return error_set(e, ERROR_INVALID, "\"max_concurrency\" is a whole number from 1 to 10");
        if (priority && priority->kind == VALUE_NUMBER && (!value_to_i64(priority, &n) || n < INT32_MIN || n > INT32_MAX))
                return error_set(e, ERROR_INVALID, "\"priority\" is a whole number");
        if (!time_member(body, "start", &start, e) || !time_member(body, "end", &end, e))
                return false;
        return !start.us || !end.us || start.us <= end.us || error_set(e, ERROR_INVALID, "the \"end\" of a recurring run is before its \"start\"");
}

bool record_check(const struct record *r, struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        const char *kind = record_kind_name(r->kind);
        struct value body = value_map(NULL, 0);
        if (!r->name.n)
                return error_set(e, ERROR_INVALID, "a %s needs a name", kind);
        if (!text_check(r->name, NAME_BYTES_MAX, "name", kind, false, e) || !text_check(r->display_name, NAME_BYTES_MAX * 4, "display name", kind, false, e) ||
            !text_check(r->description, TEXT_BYTES_MAX, "description", kind, true, e) || !text_check(r->owner, NAME_BYTES_MAX * 4, "owner", kind, false, e) ||
            !tags_check(r, kind, a, e))
                return false;
        if (r->state == RECORD_ARCHIVED && r->kind != RECORD_EXPERIMENT && r->kind != RECORD_PIPELINE && r->kind != RECORD_VERSION)
                return error_set(e, ERROR_INVALID, "a %s cannot be archived", kind);
        if (r->body.n && !json_read(r->body, NULL, a, &body, e))
                return error_wrap(e, "reading the body of a %s", kind);
        if (body.kind != VALUE_MAP)
                return error_set(e, ERROR_INVALID, "the body of a %s is a map, not a %s", kind, value_kind_name(body.kind));
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
                if (rules[i].kind == r->kind && !body_member(&rules[i], &body, e))
                        return false;
        return r->kind != RECORD_RECURRING || recurring_check(&body, e);
}
