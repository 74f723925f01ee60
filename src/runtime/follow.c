#include "runtime/follow.h"
#include "base/log.h"
#include "runtime/files.h"
#include "store/lease.h"
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { STEPS_A_LEASE = 5 };

struct leadership {
        struct lease *lease;
        uint64_t epoch;
        int64_t step_us;
        leadership_lost *lost;
        void *user;
        uv_thread_t thread;
        uv_mutex_t lock;
        uv_cond_t cond;
        bool quit; /* under the lock */
};

static struct mono now(void) { return (struct mono){(int64_t)(uv_hrtime() / 1000)}; }

/* The lease may have passed to another while this process stood still: the next look tells. When the database is away nobody else can take it, and no
 * commit comes about either. */
static void keep(void *user)
{
        struct leadership *l = user;
        uv_mutex_lock(&l->lock);
        while (!l->quit) {
                uv_cond_timedwait(&l->cond, &l->lock, (uint64_t)l->step_us * 1000);
                if (l->quit)
                        break;
                uv_mutex_unlock(&l->lock);
                struct error e;
                uint64_t epoch = 0;
                bool asked = lease_step(l->lease, now(), &epoch, &e), gone = asked && epoch != l->epoch;
                uv_mutex_lock(&l->lock);
                if (!gone)
                        continue;
                error_set(&e, ERROR_CONFLICT, "another server has become the engine: this one was not heard from for longer than store.lease; start it again to stand by");
                l->lost(l->user, &e);
                break;
        }
        uv_mutex_unlock(&l->lock);
}

bool leadership_win(const struct store_settings *store, const struct settings *s, struct str folder, leadership_said *said, leadership_lost *lost, void *user, struct leadership **ret,
                    struct error *e)
{
        char host[256] = "", id[37];
        _cleanup_arena_ struct arena *a = arena_new();
        struct leadership *l = calloc(1, sizeof *l);
        if (!l)
                abort();
        gethostname(host, sizeof host - 1);
        uuid_make(id);
        *l = (struct leadership){.step_us = s->number[SET_STORE_LEASE] / STEPS_A_LEASE, .lost = lost, .user = user};
        /* The place, not the process: who comes back to its own folder finds its own steps there. */
        if (!lease_open(store, arena_printf(a, "%s:%.*s", host, STR_FMT(folder)), s->number[SET_STORE_LEASE], &l->lease, e)) {
                free(l);
                return false;
        }
        for (bool told = false; !l->epoch;) {
                struct error own;
                if (!lease_step(l->lease, now(), &l->epoch, &own))
                        said(user, own.text);
                else if (!l->epoch && !told) {
                        said(user, "another server is the engine: standing by");
                        told = true;
                }
                if (!l->epoch)
                        usleep((useconds_t)l->step_us);
        }
        uv_mutex_init(&l->lock);
        uv_cond_init(&l->cond);
        uv_thread_create(&l->thread, keep, l);
        *ret = l;
        return true;
}

uint64_t leadership_epoch(const struct leadership *l) { return l->epoch; }

void leadership_end(struct leadership *l)
{
        if (!l)
                return;
        uv_mutex_lock(&l->lock);
        l->quit = true;
        uv_cond_signal(&l->cond);
        uv_mutex_unlock(&l->lock);
        uv_thread_join(&l->thread);
        uv_mutex_destroy(&l->lock);
        uv_cond_destroy(&l->cond);
        lease_close(l->lease);
        free(l);
}
