/* The thread behind send.h. At most AT_ONCE transfers run at once; what comes back is read only so far that a server cannot fill memory; redirects are not
 * followed, because they would lead around the check of addresses and hand the signature to somebody else. An address is checked when it is connected
 * to, so that a name which resolves differently the second time gains nothing. */
#define CURL_DISABLE_TYPECHECK
#include "runtime/send.h"
#include "base/late.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 16, ANSWER_BYTES_MAX = 65536 };

#define LATE_LIST(X) \
        X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_strerror) X(curl_global_init) X(curl_multi_add_handle) X(curl_multi_cleanup) \
        X(curl_multi_info_read) X(curl_multi_init) X(curl_multi_perform) X(curl_multi_poll) X(curl_multi_remove_handle) X(curl_multi_wakeup) X(curl_slist_append) \
        X(curl_slist_free_all)
LATE_LIST(LATE_EXTERN)
LATE_LIST(LATE_DEFINE)
#define L(f) late_##f

struct transfer { struct sender *sender; struct message *message; CURL *easy; struct curl_slist *list; size_t answer; bool forbidden; };

struct sender {
        struct sender_settings set;
        pthread_t thread;
        pthread_mutex_t lock;
        CURLM *multi;
        struct message *waiting, **waiting_end, *done; /* under the lock */
        bool quit;                                     /* under the lock */
        struct transfer *transfers[AT_ONCE];
        uint32_t under_way;
};

static size_t on_answer(char *p, size_t size, size_t n, void *user)
{
        (void)p;
        struct transfer *t = user;
        t->answer += size * n;
        return t->answer > ANSWER_BYTES_MAX ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
        struct message *m = ((struct transfer *)user)->message;
        size_t want = m->body.n - m->sent < size * n ? m->body.n - m->sent : size * n;
        memcpy(p, m->body.p + m->sent, want);
        m->sent += want;
        return want;
}

static bool is_private4(uint32_t a)
{
        return a >> 24 == 127 || a >> 24 == 10 || a >> 24 == 0 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe || (a >> 22) == (0x6440 >> 6) || a >> 28 >= 14;
}

static bool is_private(const struct sockaddr *a)
{
        if (a->sa_family == AF_INET)
                return is_private4(ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr));
        if (a->sa_family != AF_INET6)
                return true;
        const struct in6_addr *x = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
        const uint8_t *b = x->s6_addr;
        static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
        if (IN6_IS_ADDR_V4MAPPED(x) || IN6_IS_ADDR_V4COMPAT(x) || memcmp(b, nat64, sizeof nat64) == 0)
                return is_private4((uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15]);
        return IN6_IS_ADDR_LOOPBACK(x) || IN6_IS_ADDR_UNSPECIFIED(x) || (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && b[1] & 0x80) || b[0] == 0xff;
}

static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
        struct transfer *t = user;
        if (purpose != CURLSOCKTYPE_IPCXN || (!t->sender->set.private_addresses && is_private(&a->addr))) {
                t->forbidden = true;
                return CURL_SOCKET_BAD;
        }
        return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void begin(struct sender *s, struct message *m)
{
        struct transfer *t = calloc(1, sizeof *t);
        if (!t || !(t->easy = L(curl_easy_init)()))
                abort();
        t->sender = s;
        t->message = m;
        const struct { CURLoption option; long value; } numbers[] = {
                {CURLOPT_NOSIGNAL, 1}, {CURLOPT_FOLLOWLOCATION, 0}, {CURLOPT_TIMEOUT_MS, (long)(s->set.timeout_us / 1000)}, {CURLOPT_FORBID_REUSE, 1}, {CURLOPT_FRESH_CONNECT, 1}};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                L(curl_easy_setopt)(t->easy, numbers[i].option, numbers[i].value);
        L(curl_easy_setopt)(t->easy, CURLOPT_URL, m->url);
        L(curl_easy_setopt)(t->easy, CURLOPT_PROTOCOLS_STR, m->mail_to ? "smtp,smtps" : "http,https");
        L(curl_easy_setopt)(t->easy, CURLOPT_PROXY, "");
        L(curl_easy_setopt)(t->easy, CURLOPT_PRIVATE, t);
        L(curl_easy_setopt)(t->easy, CURLOPT_WRITEFUNCTION, on_answer);
        L(curl_easy_setopt)(t->easy, CURLOPT_WRITEDATA, t);
        L(curl_easy_setopt)(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        L(curl_easy_setopt)(t->easy, CURLOPT_OPENSOCKETDATA, t);
        if (m->mail_to) {
                t->list = L(curl_slist_append)(NULL, m->mail_to);
                L(curl_easy_setopt)(t->easy, CURLOPT_MAIL_FROM, m->mail_from);
                L(curl_easy_setopt)(t->easy, CURLOPT_MAIL_RCPT, t->list);
                L(curl_easy_setopt)(t->easy, CURLOPT_UPLOAD, 1L);
                L(curl_easy_setopt)(t->easy, CURLOPT_USE_SSL, (long)(m->user ? CURLUSESSL_ALL : CURLUSESSL_TRY)); /* a password never goes in the clear */
                L(curl_easy_setopt)(t->easy, CURLOPT_READFUNCTION, on_body);
                L(curl_easy_setopt)(t->easy, CURLOPT_READDATA, t);
                if (m->user) {
                        L(curl_easy_setopt)(t->easy, CURLOPT_USERNAME, m->user);
                        L(curl_easy_setopt)(t->easy, CURLOPT_PASSWORD, m->password);
                }
        } else {
                for (const char **h = m->headers; *h; h++)
                        t->list = L(curl_slist_append)(t->list, *h);
                L(curl_easy_setopt)(t->easy, CURLOPT_HTTPHEADER, t->list);
                L(curl_easy_setopt)(t->easy, CURLOPT_POSTFIELDSIZE, (long)m->body.n);
                L(curl_easy_setopt)(t->easy, CURLOPT_POSTFIELDS, m->body.p);
        }
        L(curl_multi_add_handle)(s->multi, t->easy);
        uint32_t i = 0;
        while (s->transfers[i])
                i++;
        s->transfers[i] = t;
        s->under_way++;
}

static void outcome(struct transfer *t, CURLcode code)
{
        struct message *m = t->message;
        L(curl_easy_getinfo)(t->easy, CURLINFO_RESPONSE_CODE, &m->status);
        m->delivered = code == CURLE_OK && m->status >= 200 && m->status < 300;
        m->refused = t->forbidden || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
                     (code == CURLE_OK && !m->mail_to && m->status >= 300 && m->status < 500 && m->status != 408 && m->status != 425 && m->status != 429);
        if (m->delivered)
                m->text = arena_printf(m->arena, "accepted with %ld", m->status);
        else if (t->forbidden)
                m->text = STR("its address is private, which the setting notify.private_addresses forbids");
        else if (t->answer > ANSWER_BYTES_MAX)
                m->text = STR("the answer is too large");
        else if (code != CURLE_OK)
                m->text = arena_str(m->arena, str_from(L(curl_easy_strerror)(code)));
        else
                m->text = arena_printf(m->arena, "answered with %ld%s", m->status, m->status >= 300 && m->status < 400 ? "; redirects are not followed" : "");
}

static void transfer_free(struct transfer *t)
{
        L(curl_multi_remove_handle)(t->sender->multi, t->easy);
        L(curl_easy_cleanup)(t->easy);
        L(curl_slist_free_all)(t->list);
        for (uint32_t i = 0; i < AT_ONCE; i++)
                if (t->sender->transfers[i] == t)
                        t->sender->transfers[i] = NULL;
        t->sender->under_way--;
        free(t);
}

static void collect(struct sender *s)
{
        int left;
        bool any = false;
        for (CURLMsg *x; (x = L(curl_multi_info_read)(s->multi, &left));) {
                struct transfer *t;
                if (x->msg != CURLMSG_DONE)
                        continue;
                L(curl_easy_getinfo)(x->easy_handle, CURLINFO_PRIVATE, &t);
                outcome(t, x->data.result);
                pthread_mutex_lock(&s->lock);
                t->message->next = s->done;
                s->done = t->message;
                pthread_mutex_unlock(&s->lock);
                transfer_free(t);
                any = true;
        }
        if (any)
                s->set.done(s->set.user);
}

static void *sending(void *user)
{
        struct sender *s = user;
        for (;;) {
                pthread_mutex_lock(&s->lock);
                bool quit = s->quit;
                while (s->waiting && s->under_way < AT_ONCE && !quit) {
                        struct message *m = s->waiting;
                        s->waiting = m->next;
                        if (!s->waiting)
                                s->waiting_end = &s->waiting;
                        begin(s, m);
                }
                pthread_mutex_unlock(&s->lock);
                if (quit)
                        return NULL;
                int running;
                L(curl_multi_perform)(s->multi, &running);
                collect(s);
                if (!running) /* something new may wait by now; it has called curl_multi_wakeup() then */
                        L(curl_multi_poll)(s->multi, NULL, 0, 3600 * 1000, NULL);
                else
                        L(curl_multi_poll)(s->multi, NULL, 0, 1000, NULL);
        }
}

bool sender_open(const struct sender_settings *set, struct sender **ret, struct error *e)
{
        static const struct late_function functions[] = {LATE_LIST(LATE_ENTRY)};
        if (!late_load(CURL_SONAME, "libcurl4", functions, sizeof functions / sizeof *functions, e))
                return false;
        struct sender *s = calloc(1, sizeof *s);
        if (!s || L(curl_global_init)(CURL_GLOBAL_DEFAULT) || !(s->multi = L(curl_multi_init)()))
                abort();
        s->set = *set;
        s->waiting_end = &s->waiting;
        pthread_mutex_init(&s->lock, NULL);
        if (pthread_create(&s->thread, NULL, sending, s))
                abort();
        *ret = s;
        return true;
}

void sender_send(struct sender *s, struct message *m)
{
        m->next = NULL;
        pthread_mutex_lock(&s->lock);
        *s->waiting_end = m;
        s->waiting_end = &m->next;
        pthread_mutex_unlock(&s->lock);
        L(curl_multi_wakeup)(s->multi);
}

struct message *sender_take(struct sender *s)
{
        pthread_mutex_lock(&s->lock);
        struct message *m = s->done;
        s->done = NULL;
        pthread_mutex_unlock(&s->lock);
        return m;
}

static void free_all(struct message *m)
{
        while (m) {
                struct message *next = m->next;
                arena_free(m->arena);
                m = next;
        }
}

void sender_close(struct sender *s)
{
        if (!s)
                return;
        pthread_mutex_lock(&s->lock);
        s->quit = true;
        pthread_mutex_unlock(&s->lock);
        L(curl_multi_wakeup)(s->multi);
        pthread_join(s->thread, NULL);
        for (uint32_t i = 0; i < AT_ONCE; i++)
                if (s->transfers[i]) {
                        arena_free(s->transfers[i]->message->arena);
                        transfer_free(s->transfers[i]);
                }
        free_all(s->waiting);
        free_all(s->done);
        L(curl_multi_cleanup)(s->multi);
        pthread_mutex_destroy(&s->lock);
        free(s);
}
