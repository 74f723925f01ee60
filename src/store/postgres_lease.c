/* The lease of lease.h in PostgreSQL. */
#include "store/lease.h"
#include <stdlib.h>
#include "store/postgres.h"

struct lease {
        struct pg c;
        char *owner;
        int64_t lease_us;
        uint64_t epoch;            /* this server's; 0: not the engine */
        bool seen;
        int64_t seen_epoch, seen_renewed;
        struct mono since;         /* when what is seen last changed */
};

static bool owned_by(const PGresult *r, struct str owner) { return str_eq(pg_get(r, 0, 1), owner); }

bool lease_open(const struct store_settings *settings, struct str owner, int64_t lease_us, struct lease **ret, struct error *e)
{
        struct pg c;
        if (!pg_open(settings, true, &c, e))
                return false;
        struct lease *l = calloc(1, sizeof *l);
        if (!l || !(l->owner = strndup(owner.p, owner.n)))
                abort();
        l->c = c;
        l->lease_us = lease_us;
        *ret = l;
        return true;
}

/* L2. *ret_won false: another was faster. */
static bool take(struct lease *l, bool *ret_won, struct error *e)
{
        static const char sql[] = "UPDATE lease SET epoch = epoch + 1, owner = $1, renewed = 0 WHERE epoch = $2 AND renewed = $3 RETURNING epoch";
        static const char limit[] = "SET LOCAL lock_timeout = 500";
        *ret_won = false;
        if (!pg_run(&l->c, "BEGIN", "taking the lease", e) || !pg_run(&l->c, limit, "taking the lease", e))
                return false;
        _cleanup_params_ struct pg_params p = {0};
        pg_text(&p, str_from(l->owner));
        pg_int8(&p, l->seen_epoch);
        pg_int8(&p, l->seen_renewed);
        _cleanup_result_ PGresult *r = pg_query(&l->c, sql, &p, "taking the lease", e);
        if (!r) {
                pg_run(&l->c, "ROLLBACK", "taking the lease", NULL);
                return false;
        }
        if (!pg_run(&l->c, "COMMIT", "taking the lease", e))
                return false;
        if ((*ret_won = PQntuples(r) == 1))
                l->epoch = (uint64_t)pg_get_int8(r, 0, 0);
        return true;
}

/* L4: whoever holds locks on the lease's row and is not us. */
static bool end_others(struct lease *l, struct error *e)
{
        static const char sql[] = "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE pid = ANY ((SELECT array_agg(DISTINCT k.pid) FROM pg_locks k "
                                  "WHERE k.relation = 'lease'::regclass AND k.pid <> pg_backend_pid())::int4[])";
        struct pg_params none = {0};
        _cleanup_result_ PGresult *r = pg_query(&l->c, sql, &none, "ending the engine's connections", e);
        return r != NULL;
}

static bool keep(struct lease *l, uint64_t *ret_epoch, struct error *e)
{
        static const char sql[] = "UPDATE lease SET renewed = renewed + 1 WHERE epoch = $1";
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, (int64_t)l->epoch);
        _cleanup_result_ PGresult *r = pg_query(&l->c, sql, &p, "keeping the lease", e);
        if (!r)
                return false;
        if (atoi(PQcmdTuples(r)) == 0) {
                l->epoch = 0;
                l->seen = false;
        }
        *ret_epoch = l->epoch;
        return true;
}

static bool look(struct lease *l, struct mono now, bool *ret_free, struct error *e)
{
        static const char sql[] = "SELECT epoch, owner, renewed FROM lease";
        struct pg_params none = {0};
        _cleanup_result_ PGresult *r = pg_query(&l->c, sql, &none, "looking at the lease", e);
        if (!r)
                return false;
        if (PQntuples(r) != 1)
                return error_set(e, ERROR_CORRUPT, "looking at the lease: its row is missing from %s: restore a backup", l->c.place);
        int64_t epoch = pg_get_int8(r, 0, 0), renewed = pg_get_int8(r, 0, 2);
        if (!l->seen || epoch != l->seen_epoch || renewed != l->seen_renewed)
                l->since = now;
        l->seen = true;
        l->seen_epoch = epoch;
        l->seen_renewed = renewed;
        *ret_free = renewed < 0 || owned_by(r, STR_NONE) || owned_by(r, str_from(l->owner)) || now.us - l->since.us >= l->lease_us;
        return true;
}

bool lease_step(struct lease *l, struct mono now, uint64_t *ret_epoch, struct error *e)
{
        bool free_now = false, won;
        *ret_epoch = 0;
        if (pg_broken(&l->c) && !pg_reconnect(&l->c, 0, e))
                return false;
        if (l->epoch)
                return keep(l, ret_epoch, e);
        if (!look(l, now, &free_now, e))
                return false;
        if (!free_now)
                return true;
        struct error own = {0};
        if (!take(l, &won, &own) && (own.kind != ERROR_BUSY || !end_others(l, e) || !take(l, &won, &own))) {
                if (e)
                        *e = own;
                return false;
        }
        *ret_epoch = l->epoch;
        return true;
}

void lease_close(struct lease *l)
{
        static const char sql[] = "UPDATE lease SET renewed = -1 WHERE epoch = $1";
        if (!l)
                return;
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, (int64_t)l->epoch);
        if (l->epoch && !pg_broken(&l->c))
                PQclear(pg_query(&l->c, sql, &p, "giving up the lease", NULL));
        pg_close(&l->c);
        free(l->owner);
        free(l);
}
