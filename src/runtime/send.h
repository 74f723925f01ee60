/* Sends small messages over HTTP and SMTP: a thread of its own with libcurl, which is loaded when the first message is sent. It knows nothing of runs. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

struct message {
        struct message *next;
        struct arena *arena;         /* holds the texts and this; whoever has the message frees it */
        struct str id;
        const char *url;             /* http, https, smtp or smtps */
        const char **headers;        /* of a POST; ends in NULL */
        struct str body;
        const char *mail_from, *mail_to, *user, *password; /* SMTP */
        size_t sent;
        /* what came of it */
        bool delivered;
        bool refused;                /* trying again would not help */
        long status;                 /* of HTTP or SMTP; 0: no answer */
        struct str text;
};

struct sender;
struct sender_settings {
        bool private_addresses;      /* loopback, private and link-local addresses are allowed */
        int64_t timeout_us;
        void (*done)(void *user);    /* on the sender's thread: sender_take() has something */
        void *user;
};
/* Texts of `settings` are not kept. False: libcurl cannot be loaded. */
bool sender_open(const struct sender_settings *, struct sender **ret, struct error *e);
void sender_send(struct sender *s, struct message *m);
struct message *sender_take(struct sender *s); /* those that are done, chained; NULL: none */
void sender_close(struct sender *s);           /* ends what is under way, and frees it */
