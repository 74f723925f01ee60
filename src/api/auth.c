/* Who is asking, and what they may do.
 *
 *   auth.mode none      everybody is the owner of the data folder: on loopback only, unless told --insecure
 *   auth.mode required  a bearer token, or the name that a trusted proxy says
 *
 * A1  A token is 256 random bits; what is stored is its SHA-256, which is also the record's name: it is looked up, never compared byte by byte.
 * A2  A header that names a user counts only from the addresses of auth.proxy.addresses; from anywhere else it is as if it were not there.
 * A3  A grant is a record named by its subject ("user:ann", "group:vision") in the namespace that it is for; in the namespace "" it is for all. The
 *     strongest role that somebody has there counts, those of auth.admins having all.
 * A4  Who may not see a thing is told that it does not exist. */
#include "api/internal.h"
#include "api/network.h"
#include "base/log.h"
#include "runtime/files.h"
#include "text/json.h"
#include <openssl/sha.h>
#include <stdlib.h>

enum { SLOTS = 1024, FAILURES_MAX = 20, GROUPS_MAX = 64, NAMESPACES_MAX = 4096 };
static const int64_t FORGIVEN_US = 60 * US_PER_S;

struct attempts { uint64_t who; uint32_t failures; int64_t since_us; };

struct auth {
        bool required;
        pthread_mutex_t lock;
        struct attempts slots[SLOTS]; /* by address; a collision shares the count */
};

static const char *const role_names[] = {[MAY_VIEW] = "viewer", [MAY_RUN] = "runner", [MAY_PUBLISH] = "publisher", [MAY_ADMIN] = "admin"};

bool role_parse(struct str name, enum permission *ret)
{
        for (int i = MAY_VIEW; i <= MAY_ADMIN; i++)
                if (str_eq_c(name, role_names[i])) {
                        *ret = (enum permission)i;
                        return true;
                }
        return false;
}

static struct str setting(const struct api *api, enum setting_id id) { return api->o.settings->text[id]; }

bool auth_open(struct api *api, struct error *e)
{
        struct auth *x = calloc(1, sizeof *x);
        if (!x)
                abort();
        x->required = str_eq_c(setting(api, SET_AUTH_MODE), "required");
        pthread_mutex_init(&x->lock, NULL);
        api->auth = x;
        if (!network_check(setting(api, SET_AUTH_PROXY_ADDRESSES), e)) {
                auth_close(api);
                return error_wrap(e, "setting auth.proxy.addresses");
        }
        if (x->required || api->loopback)
                return true;
        if (api->o.insecure) {
                log_line(LOG_WARNING, clock_wall().us, STR_NONE, 0, "%s is open to everybody who can reach it: whoever does may run any command on this machine (--insecure)", api->url);
                return true;
        }
        auth_close(api);
        return error_set(e, ERROR_USAGE, "%s can be reached from other machines, and nobody is asked who they are: set auth.mode=required and make a token with `weft token create`, listen on 127.0.0.1, or say --insecure",
                         api->url);
}

void auth_close(struct api *api)
{
        if (api->auth)
                pthread_mutex_destroy(&api->auth->lock);
        free(api->auth);
        api->auth = NULL;
}

/* ---- attempts that failed ---- */

static const struct sockaddr *peer(const struct exchange *x)
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        return i ? i->client_addr : NULL;
}

static struct attempts *slot_of(struct auth *a, const struct sockaddr *address, uint64_t *ret_who)
{
        unsigned char digest[SHA256_DIGEST_LENGTH], bytes[16] = {0};
        if (address && address->sa_family == AF_INET)
                memcpy(bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
        else if (address && address->sa_family == AF_INET6)
                memcpy(bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 8); /* one customer has a whole /64 */
        SHA256(bytes, sizeof bytes, digest);
        memcpy(ret_who, digest, sizeof *ret_who);
        return &a->slots[*ret_who % SLOTS];
}

static bool too_many(struct auth *a, const struct sockaddr *address)
{
        uint64_t who;
        int64_t now = clock_mono().us;
        pthread_mutex_lock(&a->lock);
        struct attempts *s = slot_of(a, address, &who);
        bool many = s->who == who && s->failures >= FAILURES_MAX && now - s->since_us < FORGIVEN_US;
        pthread_mutex_unlock(&a->lock);
        return many;
}

static void failed(struct auth *a, const struct sockaddr *address)
{
        uint64_t who;
        int64_t now = clock_mono().us;
        pthread_mutex_lock(&a->lock);
        struct attempts *s = slot_of(a, address, &who);
        if (s->who != who || now - s->since_us >= FORGIVEN_US)
                *s = (struct attempts){.who = who, .since_us = now};
        s->failures++;
        pthread_mutex_unlock(&a->lock);
}

/* ---- who ---- */

struct str token_hash(struct str token, struct arena *a)
{
        unsigned char digest[SHA256_DIGEST_LENGTH];
        char *text = arena_alloc(a, 2 * SHA256_DIGEST_LENGTH + 1);
        SHA256((const unsigned char *)token.p, token.n, digest);
        for (size_t i = 0; i < sizeof digest; i++)
                snprintf(text + 2 * i, 3, "%02x", digest[i]);
        return (struct str){text, 2 * sizeof digest};
}

static void groups_take(struct identity *who, const struct value *list, struct arena *a)
{
        struct str *groups = ARENA_ARRAY(a, struct str, GROUPS_MAX);
        for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->list.n && who->groups_n < GROUPS_MAX; i++)
                if (list->list.items[i].kind == VALUE_STRING)
                        groups[who->groups_n++] = list->list.items[i].text;
        who->groups = groups;
}

static bool by_token(struct exchange *x, struct str token, struct error *e)
{
        struct request *r = &x->r;
        struct record record;
        struct value body;
        bool found;
        int64_t expires = 0;
        if (!r->store->record_named(r->reader, RECORD_TOKEN, STR_NONE, STR_NONE, token_hash(token, x->arena), x->arena, &found, &record, e))
                return false;
        if (!found || record.state != RECORD_ACTIVE) {
                failed(x->api->auth, peer(x));
                return error_set(e, ERROR_DENIED, "this token is not known here: it was revoked, or belongs to another server");
        }
        if (!json_read(record.body.n ? record.body : STR("{}"), NULL, x->arena, &body, e))
                return false;
        const struct value *until = value_get_c(&body, "expires_at");
        if (until && value_to_i64(until, &expires) && expires && expires <= clock_wall().us)
                return error_set(e, ERROR_DENIED, "this token has expired: ask for another one");
        r->who = (struct identity){.user = record.owner, .how = STR("token")};
        groups_take(&r->who, value_get_c(&body, "groups"), x->arena);
        const struct value *role = value_get_c(&body, "role");
        if (role && (role->kind != VALUE_STRING || !role_parse(role->text, &r->who.most)))
                return error_set(e, ERROR_CORRUPT, "the token's role is none that this server knows");
        return true;
}

/* What an authenticating proxy says. */
static bool by_proxy(struct exchange *x)
{
        const struct api *api = x->api;
        struct str addresses = setting(api, SET_AUTH_PROXY_ADDRESSES), prefix = setting(api, SET_AUTH_PROXY_PREFIX), groups = setting(api, SET_AUTH_PROXY_GROUPS_HEADER);
        if (!addresses.n || !network_has(addresses, peer(x)))
                return false;
        struct str user = str_trim(request_header(&x->r, setting(api, SET_AUTH_PROXY_HEADER).p));
        if (!user.n || !str_starts(user, prefix) || user.n == prefix.n || user.n > 256)
                return false;
        x->r.who = (struct identity){.user = arena_str(x->arena, str_sub(user, prefix.n, user.n)), .how = STR("proxy")};
        struct str *list = ARENA_ARRAY(x->arena, struct str, GROUPS_MAX), rest = groups.n ? request_header(&x->r, groups.p) : STR_NONE;
        while (rest.p && x->r.who.groups_n < GROUPS_MAX) {
                struct str one = str_trim(str_cut(&rest, ','));
                if (one.n)
                        list[x->r.who.groups_n++] = arena_str(x->arena, one);
        }
        x->r.who.groups = list;
        return true;
}

bool auth_identify(struct exchange *x, struct error *e)
{
        struct auth *a = x->api->auth;
        struct str header = request_header(&x->r, "Authorization");
        x->r.who = (struct identity){.how = STR("none")};
        if (!a->required) {
                x->r.who.everything = true;
                by_proxy(x); /* its name is still worth keeping */
                x->r.who.everything = true;
                return true;
        }
        if (x->r.route->may == MAY_NOTHING)
                return true;
        if (header.n > 7 && strncasecmp(header.p, "Bearer ", 7) == 0) {
                if (too_many(a, peer(x)))
                        return error_set(e, ERROR_BUSY, "too many wrong tokens came from this address: wait a minute");
                return by_token(x, str_trim(str_sub(header, 7, header.n)), e);
        }
        if (by_proxy(x))
                return true;
        return error_set(e, ERROR_DENIED, "say who you are: send a token in the header Authorization, as \"Bearer TOKEN\"");
}

/* ---- what they may ---- */

static bool is_admin(const struct request *r)
{
        struct str rest = r->settings->text[SET_AUTH_ADMINS];
        while (rest.p)
                if (r->who.user.n && str_eq(str_trim(str_cut(&rest, ',')), r->who.user))
                        return true;
        return false;
}

static void role_of_subject(const struct request *r, struct str ns, struct str subject, enum permission *best)
{
        struct record record;
        struct value body;
        struct error e;
        bool found;
        if (!r->store->record_named(r->reader, RECORD_GRANT, ns, STR_NONE, subject, r->arena, &found, &record, &e) || !found || record.state != RECORD_ACTIVE ||
            !json_read(record.body.n ? record.body : STR("{}"), NULL, r->arena, &body, &e))
                return;
        const struct value *role = value_get_c(&body, "role");
        enum permission may;
        if (role && role->kind == VALUE_STRING && role_parse(role->text, &may) && may > *best)
                *best = may;
}

static enum permission own_role_in(const struct request *r, struct str ns)
{
        enum permission best = MAY_BE_SOMEBODY;
        if (is_admin(r))
                return MAY_ADMIN;
        role_parse(r->settings->text[SET_AUTH_DEFAULT_ROLE], &best);
        for (size_t i = 0; i <= r->who.groups_n; i++) {
                struct str subject = i ? arena_printf(r->arena, "group:%.*s", STR_FMT(r->who.groups[i - 1])) : arena_printf(r->arena, "user:%.*s", STR_FMT(r->who.user));
                role_of_subject(r, STR_NONE, subject, &best);
                if (ns.n)
                        role_of_subject(r, ns, subject, &best);
        }
        return best;
}

/* A token may be for less than its user may. */
static enum permission role_in(const struct request *r, struct str ns)
{
        enum permission best = own_role_in(r, ns);
        return r->who.most && best > r->who.most ? r->who.most : best;
}

bool request_allow(const struct request *r, enum permission may, struct str ns, const char *what, struct error *e)
{
        if (r->who.everything || may == MAY_NOTHING)
                return true;
        if (!r->who.user.n)
                return error_set(e, ERROR_DENIED, "say who you are: send a token in the header Authorization, as \"Bearer TOKEN\"");
        enum permission has = role_in(r, ns);
        if (has >= may)
                return true;
        if (has < MAY_VIEW && ns.n)
                return error_set(e, ERROR_NOT_FOUND, "there is no %s", what);
        return error_set(e, ERROR_DENIED, "%s: this needs the role %s%s%.*s, and %.*s is %s there", what, role_names[may < MAY_VIEW ? MAY_VIEW : may], ns.n ? " in namespace " : "", STR_FMT(ns),
                         STR_FMT(r->who.user), has < MAY_VIEW ? "nobody" : role_names[has]);
}

struct seen { const struct request *r; struct str *ns; size_t n; };
static bool on_grant(void *user, const struct record *g)
{
        struct seen *s = user;
        if (g->state == RECORD_ACTIVE && g->ns.n && s->n < NAMESPACES_MAX) /* those for everywhere are in the role for everywhere */
                s->ns[s->n++] = arena_str(s->r->arena, g->ns);
        return true;
}

bool request_namespaces(const struct request *r, const struct str **ret, size_t *ret_n)
{
        *ret = NULL;
        *ret_n = 0;
        if (r->who.everything || (r->who.user.n && role_in(r, STR_NONE) >= MAY_VIEW))
                return true;
        if (!r->who.user.n)
                return false;
        struct seen s = {.r = r, .ns = ARENA_ARRAY(r->arena, struct str, NAMESPACES_MAX)};
        struct query_value names[GROUPS_MAX + 1];
        for (size_t i = 0; i <= r->who.groups_n; i++)
                names[i] = (struct query_value){.type = QUERY_TEXT, .text = i ? arena_printf(r->arena, "group:%.*s", STR_FMT(r->who.groups[i - 1])) : arena_printf(r->arena, "user:%.*s", STR_FMT(r->who.user))};
        struct query_predicate p = {.key = STR("name"), .op = QUERY_IN, .values = names, .values_n = r->who.groups_n + 1};
        struct query q = {.kind = RECORD_GRANT, .predicates = &p, .predicates_n = 1, .limit = NAMESPACES_MAX};
        struct query_page page;
        struct error e;
        if (!r->store->query_records(r->reader, &q, on_grant, &s, r->arena, &page, &e))
                return false;
        *ret = s.ns;
        *ret_n = s.n;
        return s.n > 0;
}
