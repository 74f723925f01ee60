/* Tokens, grants, and who is asking: the requests by which people are let in.
 *
 * T1  A token is shown once, in the answer that makes it. Its hash never leaves the store.
 * T2  Whoever is let in by a token makes no other one, or a token that was lost for an hour would live for ever; administrators of everything do.
 * T3  A token that one makes for oneself carries the groups that one has at that moment, and lives no longer than auth.token_age. */
#include "api/internal.h"
#include "runtime/files.h"
#include "text/json.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

enum { LIST_MAX = 1000, NAME_MAX_BYTES = 256 };

#define TOKENS "/api/weft/v1/tokens"
#define GRANTS "/api/weft/v1/grants"
#define ROLES "viewer|runner|publisher|admin"

static const struct member me_members[] = {
        {"user", MEMBER_STRING, .help = "Empty when the server does not ask who somebody is."},
        {"groups", MEMBER_STRING, .list = true, .help = "What the user belongs to."},
        {"how", MEMBER_STRING, .help = "How the server knows: token, proxy or none."},
        {"admin", MEMBER_BOOL, .help = "May do everything everywhere."},
        {NULL},
};
static const struct member token_members[] = {
        {"id", MEMBER_STRING, .help = "What the token is revoked by."},
        {"user", MEMBER_STRING, .help = "Whom it stands for."},
        {"groups", MEMBER_STRING, .list = true, .help = "What that user belongs to."},
        {"description", MEMBER_STRING, .help = "What it is for."},
        {"begins", MEMBER_STRING, .help = "Its first characters, to know it again."},
        {"role", MEMBER_ENUM, .choices = ROLES, .help = "The most that it may do; absent: what its user may."},
        {"created_at", MEMBER_TIME, .help = "When it was made."},
        {"expires_at", MEMBER_TIME, .help = "When it ends."},
        {"token", MEMBER_STRING, .help = "The token itself, only in the answer that makes it."},
        {NULL},
};
static const struct member token_list_members[] = {{"tokens", MEMBER_OBJECT, .list = true, .members = token_members, .help = "Newest first."}, {NULL}};
static const struct member token_write_members[] = {
        {"user", MEMBER_STRING, .help = "Whom it stands for; absent: who asks. For others: administrators only."},
        {"groups", MEMBER_STRING, .list = true, .help = "Administrators only."},
        {"description", MEMBER_STRING, .help = "What it is for."},
        {"role", MEMBER_ENUM, .choices = ROLES, .help = "The most that it may do."},
        {"expires_in", MEMBER_STRING, .help = "A duration such as 720h; at most the setting auth.token_age."},
        {NULL},
};
static const struct member grant_members[] = {
        {"id", MEMBER_STRING, .help = "What the grant is taken back by."},
        {"subject", MEMBER_STRING, .required = true, .help = "user:NAME or group:NAME."},
        {"role", MEMBER_ENUM, .required = true, .choices = ROLES, .help = "Each includes those before it."},
        {"namespace", MEMBER_STRING, .help = "Where; absent: everywhere."},
        {NULL},
};
static const struct member grant_list_members[] = {{"grants", MEMBER_OBJECT, .list = true, .members = grant_members, .help = "Newest first."}, {NULL}};
static const struct member grant_query_members[] = {{"namespace", MEMBER_STRING, .help = "Only those of this one; absent: those for everywhere."}, {NULL}};
static const struct member gone_members[] = {{"id", MEMBER_STRING, .help = "Of what is gone."}, {NULL}};

/* ---- what the handlers share ---- */

static void give(struct request *r, int status, const struct map_builder *m)
{
        struct value v = value_map(m->members, m->n);
        r->answer.status = status;
        json_write(&v, JSON_COMPACT, &r->answer.body);
}

static struct str text_in(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

static bool read_body(struct request *r, struct value *ret, struct error *e)
{
        struct value v = value_map(NULL, 0);
        return (!r->body.n || request_json(r, &v, e)) && members_read(&v, r->route->body, false, r->arena, ret, e);
}

static bool body_of(const struct record *x, struct arena *a, struct value *ret)
{
        return json_read(x->body.n ? x->body : STR("{}"), NULL, a, ret, NULL) && ret->kind == VALUE_MAP;
}

static void push_text(struct map_builder *m, const char *key, struct str s)
{
        if (s.n)
                map_push(m, str_from(key), value_string(s));
}

static bool name_good(struct str s, const char *what, struct error *e)
{
        if (!s.n || s.n > NAME_MAX_BYTES || !str_is_utf8(s))
                return error_set(e, ERROR_INVALID, "%s is a text of 1 to %d bytes", what, NAME_MAX_BYTES);
        for (size_t i = 0; i < s.n; i++)
                if ((unsigned char)s.p[i] <= ' ' || s.p[i] == ',' || s.p[i] == 127)
                        return error_set(e, ERROR_INVALID, "%s holds no spaces, commas or control characters", what);
        return true;
}

static bool rules_all(const struct request *r) { return request_allow(r, MAY_ADMIN, STR_NONE, "this", NULL); }

static bool remove_record(struct request *r, enum record_kind kind, struct str id, struct str ns, struct error *e)
{
        struct command c = {.kind = COMMAND_REMOVE, .record = {.kind = kind, .id = id, .ns = ns}};
        struct answer x;
        return request_command(r, &c, &x, e);
}

static void fail_or_gone(struct request *r, bool ok, struct str id, const struct error *e)
{
        struct map_builder m = {.arena = r->arena};
        if (!ok) {
                request_fail(r, e);
                return;
        }
        map_push(&m, STR("id"), value_string(id));
        give(r, 200, &m);
}

/* ---- who am I ---- */

static struct value group_list(const struct request *r)
{
        struct value_builder b = {.arena = r->arena};
        for (size_t i = 0; i < r->who.groups_n; i++)
                value_push(&b, value_string(r->who.groups[i]));
        return value_list(b.items, b.n);
}

static void me(struct request *r)
{
        struct map_builder m = {.arena = r->arena};
        map_push(&m, STR("user"), value_string(r->who.user));
        map_push(&m, STR("groups"), group_list(r));
        map_push(&m, STR("how"), value_string(r->who.how));
        map_push(&m, STR("admin"), value_bool(rules_all(r)));
        give(r, 200, &m);
}

/* ---- tokens ---- */

struct str token_new(struct arena *a)
{
        unsigned char random[32];
        char *text = arena_alloc(a, 6 + 2 * sizeof random);
        size_t n = 0;
        while (n < sizeof random) {
                ssize_t got = getrandom(random + n, sizeof random - n, 0);
                if (got < 0 && errno != EINTR)
                        abort(); /* no randomness: nothing that is made would be a secret */
                n += got > 0 ? (size_t)got : 0;
        }
        memcpy(text, "weft_", 5);
        for (size_t i = 0; i < sizeof random; i++)
                snprintf(text + 5 + 2 * i, 3, "%02x", random[i]);
        return (struct str){text, 5 + 2 * sizeof random};
}

struct record token_record(struct str token, const struct token_wish *w, struct arena *a)
{
        struct map_builder m = {.arena = a};
        struct str hash = token_hash(token, a);
        map_push(&m, STR("hash"), value_string(hash));
        map_push(&m, STR("user"), value_string(w->user));
        map_push(&m, STR("groups"), w->groups.kind == VALUE_LIST ? w->groups : value_list(NULL, 0));
        map_push(&m, STR("begins"), value_string(str_sub(token, 0, 11)));
        map_push(&m, STR("expires_at"), value_i64(w->expires_at.us, a));
        push_text(&m, "role", w->role);
        struct value body = value_map(m.members, m.n);
        return (struct record){.kind = RECORD_TOKEN, .name = hash, .owner = w->user, .description = w->description, .body = json_text(&body, JSON_COMPACT, a)};
}

static void token_show(struct map_builder *m, const struct record *x, struct arena *a)
{
        struct value body;
        int64_t until = 0;
        if (!body_of(x, a, &body))
                body = value_map(NULL, 0);
        map_push(m, STR("id"), value_string(x->id));
        push_text(m, "user", text_in(&body, "user"));
        if (value_get_c(&body, "groups"))
                map_push(m, STR("groups"), *value_get_c(&body, "groups"));
        push_text(m, "description", x->description);
        push_text(m, "begins", text_in(&body, "begins"));
        push_text(m, "role", text_in(&body, "role"));
        if (x->created_at.us)
                push_text(m, "created_at", wall_rfc3339(x->created_at, 0, a));
        if (value_get_c(&body, "expires_at") && value_to_i64(value_get_c(&body, "expires_at"), &until) && until)
                push_text(m, "expires_at", wall_rfc3339((struct wall){until}, 0, a));
}

struct listing { struct request *r; struct value_builder list; void (*show)(struct map_builder *, const struct record *, struct arena *); };
static bool on_record(void *user, const struct record *x)
{
        struct listing *l = user;
        struct map_builder m = {.arena = l->r->arena};
        struct record kept = record_copy(x, l->r->arena);
        l->show(&m, &kept, l->r->arena);
        value_push(&l->list, value_map(m.members, m.n));
        return true;
}

static void list(struct request *r, enum record_kind kind, const char *key, const char *by, struct str value, void (*show)(struct map_builder *, const struct record *, struct arena *))
{
        struct listing l = {.r = r, .list = {.arena = r->arena}, .show = show};
        struct query_value v = {.type = QUERY_TEXT, .text = value};
        struct query_predicate p = {.key = str_from(by), .op = QUERY_EQ, .values = &v, .values_n = 1};
        struct query q = {.kind = kind, .predicates = &p, .predicates_n = by ? 1 : 0, .descending = true, .limit = LIST_MAX};
        struct query_page page;
        struct error e;
        if (!r->store->query_records(r->reader, &q, on_record, &l, r->arena, &page, &e)) {
                request_fail(r, &e);
                return;
        }
        struct map_builder m = {.arena = r->arena};
        map_push(&m, str_from(key), value_list(l.list.items, l.list.n));
        give(r, 200, &m);
}

/* Administrators see all; others their own. */
static void token_list(struct request *r) { list(r, RECORD_TOKEN, "tokens", rules_all(r) ? NULL : "owner", r->who.user, token_show); }

static bool token_wish(struct request *r, struct token_wish *w, struct error *e)
{
        struct value body;
        bool admin = rules_all(r);
        int64_t most = r->settings->number[SET_AUTH_TOKEN_AGE], age = most;
        if (!read_body(r, &body, e))
                return false;
        struct str user = text_in(&body, "user"), lasts = text_in(&body, "expires_in");
        *w = (struct token_wish){.user = user.n ? user : r->who.user, .description = text_in(&body, "description"), .role = text_in(&body, "role")};
        if (!name_good(w->user, "the user of a token", e))
                return false;
        if (!admin && (!str_eq(w->user, r->who.user) || value_get_c(&body, "groups")))
                return error_set(e, ERROR_DENIED, "only administrators make tokens for others, or choose their groups");
        if (!admin && str_eq_c(r->who.how, "token"))
                return error_set(e, ERROR_DENIED, "a token makes no other token: sign in, or ask an administrator");
        w->groups = !str_eq(w->user, r->who.user) || value_get_c(&body, "groups") ? (value_get_c(&body, "groups") ? *value_get_c(&body, "groups") : value_list(NULL, 0)) : group_list(r);
        for (size_t i = 0; i < w->groups.list.n; i++)
                if (!name_good(w->groups.list.items[i].text, "a group", e))
                        return false;
        if (lasts.n && (!duration_parse(lasts, &age) || age <= 0))
                return error_set(e, ERROR_INVALID, "\"expires_in\" is a duration such as 720h, not \"%.*s\"", STR_FMT(lasts));
        if (age > most)
                return error_set(e, ERROR_LIMIT, "a token lives for at most %.*s here (auth.token_age)", STR_FMT(duration_short(most, r->arena)));
        w->expires_at.us = clock_wall().us + age;
        return true;
}

static void token_create(struct request *r)
{
        struct error e;
        struct token_wish w;
        struct answer x;
        if (!token_wish(r, &w, &e)) {
                request_fail(r, &e);
                return;
        }
        struct str token = token_new(r->arena);
        struct command c = {.kind = COMMAND_PUT, .mode = PUT_CREATE, .record = token_record(token, &w, r->arena)};
        if (!request_command(r, &c, &x, &e)) {
                request_fail(r, &e);
                return;
        }
        struct map_builder m = {.arena = r->arena};
        c.record.id = x.uid;
        c.record.created_at = clock_wall();
        token_show(&m, &c.record, r->arena);
        map_push(&m, STR("token"), value_string(token));
        give(r, 201, &m);
}

static void token_delete(struct request *r)
{
        struct error e;
        struct record x;
        bool found = false;
        struct str id = request_variable(r, "token");
        bool ok = r->store->record(r->reader, RECORD_TOKEN, id, r->arena, &found, &x, &e);
        if (ok && (!found || !(rules_all(r) || (r->who.user.n && str_eq(x.owner, r->who.user)))))
                ok = error_set(&e, ERROR_NOT_FOUND, "there is no token %.*s", STR_FMT(str_sub(id, 0, 100)));
        fail_or_gone(r, ok && remove_record(r, RECORD_TOKEN, id, x.ns, &e), id, &e);
}

/* ---- grants ---- */

static void grant_show(struct map_builder *m, const struct record *x, struct arena *a)
{
        struct value body;
        if (!body_of(x, a, &body))
                body = value_map(NULL, 0);
        map_push(m, STR("id"), value_string(x->id));
        push_text(m, "subject", x->name);
        push_text(m, "role", text_in(&body, "role"));
        push_text(m, "namespace", x->ns);
}

static void grant_list(struct request *r)
{
        struct error e;
        struct str ns = request_query(r, "namespace");
        if (request_allow(r, MAY_ADMIN, ns, "the list of grants", &e))
                list(r, RECORD_GRANT, "grants", "ns", ns, grant_show);
        else
                request_fail(r, &e);
}

static bool subject_good(struct str s, struct error *e)
{
        struct str name = s, kind = str_cut(&name, ':');
        if (!name.p || (!str_eq_c(kind, "user") && !str_eq_c(kind, "group")))
                return error_set(e, ERROR_INVALID, "the subject of a grant is user:NAME or group:NAME, not \"%.*s\"", STR_FMT(str_sub(s, 0, 100)));
        return name_good(name, "the name in a subject", e) && (s.n <= 250 || error_set(e, ERROR_INVALID, "a subject has at most 250 bytes"));
}

static bool grant_put(struct request *r, struct map_builder *m, struct error *e)
{
        struct value body;
        struct answer x;
        struct map_builder kept = {.arena = r->arena};
        if (!read_body(r, &body, e))
                return false;
        struct str ns = text_in(&body, "namespace"), subject = text_in(&body, "subject");
        if (!request_allow(r, MAY_ADMIN, ns, "granting a role", e) || !subject_good(subject, e))
                return false;
        push_text(&kept, "subject", subject);
        push_text(&kept, "role", text_in(&body, "role"));
        struct value text = value_map(kept.members, kept.n);
        struct command c = {.kind = COMMAND_PUT, .mode = PUT_EITHER, .record = {.kind = RECORD_GRANT, .ns = ns, .name = subject, .body = json_text(&text, JSON_COMPACT, r->arena)}};
        if (!request_command(r, &c, &x, e))
                return false;
        c.record.id = x.uid;
        grant_show(m, &c.record, r->arena);
        return true;
}

static void grant_create(struct request *r)
{
        struct error e;
        struct map_builder m = {.arena = r->arena};
        if (grant_put(r, &m, &e))
                give(r, 200, &m);
        else
                request_fail(r, &e);
}

static void grant_delete(struct request *r)
{
        struct error e;
        struct record x;
        bool found = false;
        struct str id = request_variable(r, "grant");
        bool ok = r->store->record(r->reader, RECORD_GRANT, id, r->arena, &found, &x, &e);
        if (ok && (!found || !request_allow(r, MAY_ADMIN, x.ns, "the grant", NULL)))
                ok = error_set(&e, ERROR_NOT_FOUND, "there is no grant %.*s", STR_FMT(str_sub(id, 0, 100)));
        fail_or_gone(r, ok && remove_record(r, RECORD_GRANT, id, x.ns, &e), id, &e);
}

const struct route routes_auth[] = {
        {"GET", "/api/weft/v1/me", me, MAY_BE_SOMEBODY, "getMe", "Say who is asking.", NULL, NULL, me_members, 0},
        {"GET", TOKENS, token_list, MAY_BE_SOMEBODY, "listTokens", "List one's tokens; administrators see all.", NULL, NULL, token_list_members, 0},
        {"POST", TOKENS, token_create, MAY_BE_SOMEBODY, "createToken", "Make a token, which is shown this once.", NULL, token_write_members, token_members, 0},
        {"DELETE", TOKENS "/{token}", token_delete, MAY_BE_SOMEBODY, "deleteToken", "Revoke a token.", NULL, NULL, gone_members, 0},
        {"GET", GRANTS, grant_list, MAY_BE_SOMEBODY, "listGrants", "List who has which role in a namespace, or everywhere.", grant_query_members, NULL, grant_list_members, 0},
        {"POST", GRANTS, grant_create, MAY_BE_SOMEBODY, "createGrant", "Give a role to a user or a group.", NULL, grant_members, grant_members, 0},
        {"DELETE", GRANTS "/{grant}", grant_delete, MAY_BE_SOMEBODY, "deleteGrant", "Take a role back.", NULL, NULL, gone_members, 0},
        {.path = NULL},
};
