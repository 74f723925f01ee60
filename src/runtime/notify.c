/* Notifications: who wants to know how a run ended, and is told.
 *
 *   the run's last step   a delivery (RECORD_DELIVERY) for each rule that it matches goes into the same batch: N1
 *   durable, or a start   it is due
 *   due                   the message is made of the delivery and its rule, and handed to the sender's thread
 *   sent                  the outcome is put into the delivery: delivered, failed for good, or due again later
 *
 * N1  A run that is final has its deliveries: they are in one commit. Their ids follow from rule, run and epoch, so that none is made twice.
 * N2  A delivery is done only when its outcome is durable. What was sent by a process that died before that is sent again, under the same id
 *     (X-Weft-Delivery, Message-ID), by which a receiver drops repeats.
 * N3  A rule's target and secret are read when a message is made, never kept in a delivery. */
#include "runtime/internal.h"
#include "runtime/send.h"
#include "text/json.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { BODY_BYTES_MAX = 1 << 20, DELAY_DOUBLINGS_MAX = 10, PAGE = 500 };

struct rule { struct rule *next; struct str id, ns, pipeline, recurring, user; uint32_t on; };
struct pending { char id[37]; int64_t due_us; uint32_t tries; bool under_way; UT_hash_handle hh; };

struct notify {
        struct runtime *rt;
        struct arena *arena;         /* of the rules */
        struct rule *rules;
        bool known;                  /* `rules` are those that are stored */
        struct pending *pending;
        struct sender *sender;
        uv_timer_t timer;
        uv_async_t sent;
};

/* ---- rules ---- */

static struct str text_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

static bool on_rule(void *user, const struct record *r)
{
        struct notify *n = user;
        struct value v;
        if (r->state != RECORD_ACTIVE || !json_read(arena_str(n->arena, r->body), NULL, n->arena, &v, NULL))
                return true;
        struct rule *x = arena_alloc(n->arena, sizeof *x);
        *x = (struct rule){n->rules, arena_str(n->arena, r->id), arena_str(n->arena, r->ns), text_of(&v, "pipeline"), text_of(&v, "recurring"), text_of(&v, "user"), 0};
        const struct value *on = value_get_c(&v, "on");
        for (size_t i = 0; on && on->kind == VALUE_LIST && i < on->list.n; i++)
                for (uint32_t s = 0; s < RUN_STATES; s++)
                        if (on->list.items[i].kind == VALUE_STRING && str_eq_c(on->list.items[i].text, run_state_name((enum run_state)s)))
                                x->on |= 1u << s;
        n->rules = x;
        return true;
}

static const struct rule *rules_of(struct notify *n)
{
        struct error e;
        if (n->known)
                return n->rules;
        arena_reset(n->arena);
        n->rules = NULL;
        n->known = catalog_each(n->rt, RECORD_NOTIFICATION, NULL, STR_NONE, on_rule, n, &e);
        return n->rules;
}

static bool wants(const struct rule *x, const struct run_row *row, const struct run_meta *m)
{
        return (x->on & 1u << row->state) && str_eq(x->ns, row->ns) && (!x->pipeline.n || str_eq(x->pipeline, m->pipeline)) &&
               (!x->recurring.n || str_eq(x->recurring, m->recurring)) && (!x->user.n || str_eq(x->user, m->owner));
}

static void put(struct map_builder *m, const char *key, struct str s) { map_set(m, str_from(key), value_string(s)); }

void notify_ended(struct live_run *r, const struct run_row *row)
{
        struct runtime *rt = r->rt;
        if (r->fixed.parent_run.n)
                return;
        for (const struct rule *x = rules_of(rt->notify); x; x = x->next) {
                if (!wants(x, row, &r->fixed.meta))
                        continue;
                struct batch *b = batch_open(rt);
                struct map_builder m = {.arena = b->arena};
                char id[37];
                struct str name = arena_printf(b->arena, "%s.%u", r->uid, row->epoch);
                uuid_derive(arena_printf(b->arena, "%.*s/%.*s", STR_FMT(x->id), STR_FMT(name)), id);
                put(&m, "result", STR("pending"));
                put(&m, "run", str_from(r->uid));
                put(&m, "name", row->name);
                put(&m, "state", str_from(run_state_name(row->state)));
                put(&m, "message", str_sub(row->message, 0, str_utf8_prefix(str_sub(row->message, 0, 4096))));
                put(&m, "owner", r->fixed.meta.owner);
                put(&m, "pipeline", r->fixed.meta.pipeline);
                put(&m, "created_at", wall_rfc3339(row->created_at, 6, b->arena));
                put(&m, "finished_at", wall_rfc3339(row->finished_at, 6, b->arena));
                struct value body = value_map(m.members, m.n);
                struct wall now = rt_now(rt);
                batch_put(b, &(struct record){.kind = RECORD_DELIVERY, .id = str_from(id), .ns = row->ns, .parent = x->id, .name = name, .created_at = now, .updated_at = now,
                                              .body = json_text(&body, JSON_COMPACT, b->arena), .revision = 1});
        }
}

/* ---- messages ---- */

static struct str hex_hmac(struct str secret, struct str text, struct arena *a)
{
        unsigned char mac[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        HMAC(EVP_sha256(), secret.p ? secret.p : "", (int)secret.n, (const unsigned char *)text.p, text.n, mac, &n);
        char *out = arena_alloc(a, 2 * n + 1);
        for (unsigned i = 0; i < n; i++)
                snprintf(out + 2 * i, 3, "%02x", mac[i]);
        return (struct str){out, 2 * n};
}

/* The body of a webhook, {"id", "run": {…}}; what is signed is "<time>.<body>". */
static void webhook(struct message *m, const struct record *d, const struct value *body, struct str secret, struct wall now)
{
        struct arena *a = m->arena;
        struct map_builder run = {.arena = a}, all = {.arena = a};
        static const char *const copied[] = {"name", "state", "message", "owner", "pipeline", "created_at", "finished_at"};
        put(&run, "id", text_of(body, "run"));
        put(&run, "namespace", d->ns);
        for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
                put(&run, copied[i], text_of(body, copied[i]));
        put(&all, "id", d->id);
        put(&all, "event", STR("run.ended"));
        map_push(&all, STR("run"), value_map(run.members, run.n));
        struct value v = value_map(all.members, all.n);
        m->body = json_text(&v, JSON_COMPACT, a);
        struct str at = arena_printf(a, "%lld", (long long)(now.us / US_PER_S));
        m->headers = arena_alloc_array(a, sizeof *m->headers, 6);
        m->headers[0] = "Content-Type: application/json";
        m->headers[1] = arena_printf(a, "X-Weft-Delivery: %.*s", STR_FMT(d->id)).p;
        m->headers[2] = arena_printf(a, "X-Weft-Timestamp: %.*s", STR_FMT(at)).p;
        if (secret.n)
                m->headers[3] = arena_printf(a, "X-Weft-Signature: sha256=%.*s", STR_FMT(hex_hmac(secret, arena_printf(a, "%.*s.%.*s", STR_FMT(at), STR_FMT(m->body)), a))).p;
}

static struct str sentence(const struct record *d, const struct value *body, struct arena *a)
{
        struct str message = text_of(body, "message");
        return arena_printf(a, "run %.*s (%.*s) ended: %.*s%s%.*s", STR_FMT(text_of(body, "name")), STR_FMT(d->ns), STR_FMT(text_of(body, "state")), message.n ? ": " : "", STR_FMT(message));
}

static void slack(struct message *m, const struct record *d, const struct value *body)
{
        struct map_builder all = {.arena = m->arena};
        put(&all, "text", sentence(d, body, m->arena));
        struct value v = value_map(all.members, all.n);
        m->body = json_text(&v, JSON_COMPACT, m->arena);
        m->headers = arena_alloc_array(m->arena, sizeof *m->headers, 3);
        m->headers[0] = "Content-Type: application/json";
        m->headers[1] = arena_printf(m->arena, "X-Weft-Delivery: %.*s", STR_FMT(d->id)).p;
}

/* Nothing that came from a run may end a header line or the mail; what is not ASCII goes into the body only. */
static struct str one_line(struct str s, bool ascii, struct arena *a)
{
        char *p = arena_alloc(a, s.n + 1);
        for (size_t i = 0; i < s.n; i++) {
                unsigned char c = (unsigned char)s.p[i];
                p[i] = c < ' ' || c == 127 ? ' ' : ascii && c > 127 ? '?' : (char)c;
        }
        return (struct str){p, s.n};
}

static bool address_good(struct str s)
{
        size_t at = str_find_char(s, '@', 0);
        bool good = at != SIZE_MAX && at > 0 && at + 1 < s.n && s.n <= 254 && str_find_char(s, '@', at + 1) == SIZE_MAX;
        for (size_t i = 0; i < s.n; i++)
                good &= s.p[i] > ' ' && s.p[i] < 127 && !strchr("<>,;:()[]\\\"", s.p[i]);
        return good;
}

static bool mail(struct message *m, const struct runtime *rt, const struct record *d, const struct value *body, struct str to, struct wall now)
{
        static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        struct arena *a = m->arena;
        const struct str *set = rt->o.settings->text;
        if (!set[SET_NOTIFY_SMTP].n || !address_good(to) || !address_good(set[SET_NOTIFY_MAIL_FROM])) {
                m->text = set[SET_NOTIFY_SMTP].n ? STR("its target is no mail address") : STR("no mail server is configured (setting notify.smtp)");
                return false;
        }
        m->url = arena_cstr(a, set[SET_NOTIFY_SMTP]);
        m->mail_from = arena_cstr(a, set[SET_NOTIFY_MAIL_FROM]);
        m->mail_to = arena_cstr(a, to);
        if (set[SET_NOTIFY_SMTP_USER].n) {
                m->user = arena_cstr(a, set[SET_NOTIFY_SMTP_USER]);
                m->password = arena_cstr(a, set[SET_NOTIFY_SMTP_PASSWORD]);
        }
        struct civil c = wall_civil(now);
        struct str text = sentence(d, body, a);
        m->body = arena_printf(a,
                               "Date: %s, %02d %s %lld %02d:%02d:%02d +0000\r\nFrom: <%s>\r\nTo: <%s>\r\nSubject: weft: %.*s\r\nMessage-ID: <%.*s@weft>\r\nX-Weft-Delivery: %.*s\r\n"
                               "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%.*s\r\n",
                               days[c.weekday], c.day, months[c.month - 1], (long long)c.year, c.hour, c.minute, c.second, m->mail_from, m->mail_to,
                               STR_FMT(one_line(str_sub(text, 0, 200), true, a)), STR_FMT(d->id), STR_FMT(d->id), STR_FMT(one_line(str_sub(text, 0, str_utf8_prefix(str_sub(text, 0, 900))), false, a)));
        return true;
}

/* False: it can never be sent; `m->text` says why. */
static bool compose(struct message *m, struct runtime *rt, const struct record *d)
{
        struct value body, rule;
        struct record r;
        struct error e;
        bool found = false;
        if (!catalog_record(rt, RECORD_NOTIFICATION, d->parent, m->arena, &found, &r, &e) || !found || r.state != RECORD_ACTIVE) {
                m->text = STR("its rule is gone");
                return false;
        }
        if (!json_read(r.body, NULL, m->arena, &rule, NULL) || !json_read(d->body, NULL, m->arena, &body, NULL)) {
                m->text = STR("its rule cannot be read");
                return false;
        }
        struct str kind = text_of(&rule, "kind"), target = text_of(&rule, "target");
        struct wall now = clock_wall();
        if (str_eq_c(kind, "mail"))
                return mail(m, rt, d, &body, target, now);
        if (!str_starts(target, STR("http://")) && !str_starts(target, STR("https://"))) {
                m->text = STR("its target is no http or https URL");
                return false;
        }
        m->url = arena_cstr(m->arena, target);
        if (str_eq_c(kind, "slack"))
                slack(m, d, &body);
        else
                webhook(m, d, &body, text_of(&rule, "secret"), now);
        return true;
}

/* ---- deliveries ---- */

static void on_timer(uv_timer_t *t);

static void arm(struct notify *n)
{
        int64_t first = INT64_MAX;
        for (const struct pending *p = n->pending; p; p = p->hh.next)
                if (!p->under_way && p->due_us < first)
                        first = p->due_us;
        if (first == INT64_MAX || n->rt->closing) {
                uv_timer_stop(&n->timer);
                return;
        }
        int64_t us = first - clock_wall().us;
        uv_timer_start(&n->timer, on_timer, us <= 0 ? 0 : (uint64_t)((us + 999) / 1000), 0);
}

static void pending_add(struct notify *n, struct str id)
{
        struct pending *p;
        HASH_FIND(hh, n->pending, id.p, id.n, p);
        if (p || id.n > 36)
                return;
        p = calloc(1, sizeof *p);
        if (!p)
                abort();
        memcpy(p->id, id.p, id.n);
        HASH_ADD(hh, n->pending, id, strlen(p->id), p);
}

static void pending_free(struct notify *n, struct pending *p)
{
        HASH_DEL(n->pending, p);
        free(p);
}

static void number_set(struct map_builder *m, const char *key, int64_t x) { map_set(m, str_from(key), value_i64(x, m->arena)); }

/* What came of it is put into the delivery, and that decides whether it is due again. */
static void record_outcome(struct notify *n, struct pending *p, const struct message *x)
{
        struct runtime *rt = n->rt;
        const int64_t *set = rt->o.settings->number;
        struct batch *b = batch_open(rt);
        struct record d;
        struct error e;
        struct value body;
        bool found = false;
        p->under_way = false;
        p->tries++;
        bool last = x->delivered || x->refused || p->tries >= (uint64_t)set[SET_NOTIFY_TRIES_MAX];
        uint32_t doublings = p->tries - 1 < DELAY_DOUBLINGS_MAX ? p->tries - 1 : DELAY_DOUBLINGS_MAX;
        p->due_us = clock_wall().us + (set[SET_NOTIFY_RETRY_DELAY] << doublings);
        if (catalog_record(rt, RECORD_DELIVERY, str_from(p->id), b->arena, &found, &d, &e) && found && json_read(d.body, NULL, b->arena, &body, NULL) && body.kind == VALUE_MAP) {
                struct map_builder m = {.arena = b->arena};
                for (size_t i = 0; i < body.map.n; i++)
                        map_push(&m, body.map.members[i].key, body.map.members[i].value);
                put(&m, "result", x->delivered ? STR("delivered") : last ? STR("failed") : STR("pending"));
                put(&m, "outcome", x->text);
                number_set(&m, "status", x->status);
                number_set(&m, "tries", p->tries);
                body = value_map(m.members, m.n);
                d.body = json_text(&body, JSON_COMPACT, b->arena);
                d.state = last ? RECORD_ARCHIVED : RECORD_ACTIVE;
                d.updated_at = rt_now(rt);
                d.revision++;
                batch_put(b, &d);
        } else
                last = true; /* it was deleted meanwhile */
        if (last)
                pending_free(n, p);
}

static void on_done(void *user) { uv_async_send(&((struct notify *)user)->sent); }

static void on_sent(uv_async_t *h)
{
        struct notify *n = h->data;
        struct message *m = n->sender ? sender_take(n->sender) : NULL;
        while (m) {
                struct message *next = m->next;
                struct pending *p;
                HASH_FIND(hh, n->pending, m->id.p, m->id.n, p);
                if (p && !n->rt->failed)
                        record_outcome(n, p, m);
                arena_free(m->arena);
                m = next;
        }
        arm(n);
        rt_turn(n->rt);
}

static bool sender_ready(struct notify *n, struct error *e)
{
        const struct settings *s = n->rt->o.settings;
        const struct sender_settings x = {.private_addresses = str_eq_c(s->text[SET_NOTIFY_PRIVATE_ADDRESSES], "allow"), .timeout_us = s->number[SET_NOTIFY_TIMEOUT],
                                          .done = on_done, .user = n};
        return n->sender || sender_open(&x, &n->sender, e);
}

static void send_one(struct notify *n, struct pending *p)
{
        struct arena *a = arena_new();
        struct message *m = arena_alloc(a, sizeof *m);
        *m = (struct message){.arena = a, .id = arena_str(a, str_from(p->id))};
        struct record d;
        struct error e;
        bool found = false, ok = catalog_record(n->rt, RECORD_DELIVERY, m->id, a, &found, &d, &e);
        if (ok && (!found || d.state != RECORD_ACTIVE)) {
                pending_free(n, p);
                arena_free(a);
                return;
        }
        p->under_way = true;
        if (ok && compose(m, n->rt, &d) && (ok = sender_ready(n, &e))) {
                sender_send(n->sender, m);
                return;
        }
        m->refused = ok;
        if (!ok)
                m->text = arena_str(a, str_from(e.text));
        record_outcome(n, p, m);
        arena_free(a);
}

static void on_timer(uv_timer_t *t)
{
        struct notify *n = t->data;
        int64_t now = clock_wall().us;
        struct pending *p, *next;
        HASH_ITER(hh, n->pending, p, next)
                if (!p->under_way && p->due_us <= now && !n->rt->failed)
                        send_one(n, p);
        arm(n);
        rt_turn(n->rt);
}

void notify_committed(struct runtime *rt, const struct commit *c)
{
        struct notify *n = rt->notify;
        bool more = false;
        for (size_t i = 0; i < c->deleted_records_n; i++)
                n->known &= c->deleted_records[i].kind != RECORD_NOTIFICATION;
        for (size_t i = 0; i < c->records_n; i++) {
                n->known &= c->records[i]->kind != RECORD_NOTIFICATION;
                if (c->records[i]->kind == RECORD_DELIVERY && c->records[i]->state == RECORD_ACTIVE) {
                        pending_add(n, c->records[i]->id);
                        more = true;
                }
        }
        if (more)
                arm(n);
}

/* ---- opening and closing ---- */

static bool on_pending(void *user, const struct record *r)
{
        pending_add(user, r->id);
        return true;
}

bool notify_resume(struct runtime *rt, struct error *e)
{
        struct query_value active = {.type = QUERY_NUMBER, .number = RECORD_ACTIVE};
        struct query_predicate p = {.key = STR("state"), .op = QUERY_EQ, .values = &active, .values_n = 1};
        struct query q = {.kind = RECORD_DELIVERY, .predicates = &p, .predicates_n = 1, .limit = PAGE};
        struct query_page page = {0};
        struct arena *a = arena_new();
        bool ok = reader_ready(rt, e);
        do {
                q.after = page.next;
                ok = ok && rt->o.store->query_records(rt->reader, &q, on_pending, rt->notify, a, &page, e);
        } while (ok && page.next.n);
        arena_free(a);
        if (rt->notify->pending)
                arm(rt->notify);
        return ok;
}

void notify_open(struct runtime *rt)
{
        struct notify *n = calloc(1, sizeof *n);
        if (!n)
                abort();
        n->rt = rt;
        n->arena = arena_new();
        uv_timer_init(rt->loop, &n->timer);
        uv_async_init(rt->loop, &n->sent, on_sent);
        n->timer.data = n->sent.data = n;
        rt->notify = n;
}

void notify_stop(struct runtime *rt)
{
        struct notify *n = rt->notify;
        sender_close(n->sender);
        n->sender = NULL;
        uv_close((uv_handle_t *)&n->timer, NULL);
        uv_close((uv_handle_t *)&n->sent, NULL);
}

void notify_free(struct runtime *rt)
{
        struct notify *n = rt->notify;
        struct pending *p, *next;
        HASH_ITER(hh, n->pending, p, next)
                pending_free(n, p);
        arena_free(n->arena);
        free(n);
}
