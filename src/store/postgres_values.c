/* Values: texts too long for a row, kept once a run. A row names one by a number of its run, which stands for the hash of the content one
 * to one. The writer keeps in memory which hash has which number for the runs that it writes, and reads it when it meets a run that has
 * values; new ones are collected in arrays and stored with their batch. Nothing counts references: values go with their run. */
#include "store/postgres.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <uthash.h>

enum { HASH_BYTES = 32, PREFIX_BYTES = 16, ENTRIES_KEPT_MAX = 500000 };

struct entry {
        uint8_t prefix[PREFIX_BYTES]; /* of the hash */
        uint32_t no;
        UT_hash_handle hh;
};
struct pg_known {
        char *uid;
        int64_t id;     /* 0: there is no such run */
        bool loaded;    /* the entries are what is stored */
        bool fresh;     /* its row is not stored yet */
        struct entry *entries;
        uint32_t last_no;
        uint64_t counted_bytes;
        UT_hash_handle hh;
};

void pg_values_begin(struct store *s)
{
        static const Oid types[] = {PG_INT8, PG_INT8, PG_INT4, PG_BYTEA, PG_BYTEA};
        pg_params_free(&s->values.fresh);
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                pg_array(&s->values.fresh, types[i]);
}

static void forget_entries(struct pg_values *v, struct pg_known *k)
{
        struct entry *x, *next;
        HASH_ITER (hh, k->entries, x, next) {
                HASH_DEL(k->entries, x);
                free(x);
                v->entries_n--;
        }
        k->last_no = 0;
        k->counted_bytes = 0;
        k->loaded = false;
}

static void forget_run(struct pg_values *v, struct pg_known *k)
{
        HASH_DEL(v->runs, k);
        if (v->current == k)
                v->current = NULL;
        forget_entries(v, k);
        free(k->uid);
        free(k);
}

void pg_values_forget_all(struct store *s)
{
        struct pg_known *k, *next;
        HASH_ITER (hh, s->values.runs, k, next)
                forget_run(&s->values, k);
        s->values.known = false;
}

static struct pg_known *find(struct pg_values *v, struct str uid)
{
        struct pg_known *k = v->current;
        if (!k || !str_eq_c(uid, k->uid)) {
                k = NULL;
                HASH_FIND(hh, v->runs, uid.p, uid.n, k);
        }
        return k;
}

void pg_values_forget(struct store *s, struct str uid)
{
        struct pg_known *k = find(&s->values, uid);
        if (k)
                forget_run(&s->values, k);
}

static struct pg_known *learn(struct pg_values *v, struct str uid, int64_t id)
{
        struct pg_known *k = find(v, uid);
        if (!k) {
                k = calloc(1, sizeof *k);
                if (!k || !(k->uid = strndup(uid.p ? uid.p : "", uid.n)))
                        abort();
                HASH_ADD_KEYPTR(hh, v->runs, k->uid, uid.n, k);
        }
        k->id = id;
        return k;
}

bool pg_values_meet(struct store *s, const struct str *uids, size_t n, struct error *e)
{
        static const char sql[] = "SELECT uid, id, (SELECT runs FROM state) FROM unnest($1::text[]) AS asked(u) JOIN run ON uid = u UNION ALL SELECT '', 0, runs FROM state";
        struct pg_values *v = &s->values;
        _cleanup_params_ struct pg_params p = {0};
        int at = pg_array(&p, PG_TEXT);
        for (size_t i = 0; i < n; i++)
                if (!find(v, uids[i])) {
                        learn(v, uids[i], 0);
                        pg_add_text(&p, at, uids[i]);
                }
        if (p.p[at].n == 0 && v->known)
                return true;
        _cleanup_result_ PGresult *r = pg_query(&s->c, sql, &p, "looking for runs", e);
        if (!r)
                return false;
        for (int i = 0; i < PQntuples(r); i++) {
                int64_t id = pg_get_int8(r, i, 1);
                if (id)
                        learn(v, pg_get(r, i, 0), id);
                else if (!v->known) {
                        v->runs_last = pg_get_int8(r, i, 2);
                        v->known = true;
                }
        }
        return true;
}

bool pg_values_run(struct store *s, struct str uid, int64_t *ret, struct error *e)
{
        if (!find(&s->values, uid) && !pg_values_meet(s, &uid, 1, e))
                return false;
        s->values.current = find(&s->values, uid);
        *ret = s->values.current->id;
        return true;
}

int64_t pg_values_create(struct store *s, struct str uid)
{
        struct pg_known *k = learn(&s->values, uid, ++s->values.runs_last);
        forget_entries(&s->values, k);
        k->loaded = k->fresh = true;
        s->values.current = k;
        return k->id;
}

bool pg_values_is_new(const struct store *s) { return s->values.current->fresh; }

void pg_values_stored(struct store *s, struct str uid)
{
        struct pg_known *k = find(&s->values, uid);
        if (k)
                k->fresh = false;
}

static void add_entry(struct pg_values *v, struct pg_known *k, const uint8_t *hash, uint32_t no, bool counted, uint64_t size)
{
        struct entry *x = malloc(sizeof *x);
        if (!x)
                abort();
        memcpy(x->prefix, hash, PREFIX_BYTES);
        x->no = no;
        HASH_ADD(hh, k->entries, prefix, PREFIX_BYTES, x);
        v->entries_n++;
        k->last_no = no > k->last_no ? no : k->last_no;
        if (counted)
                k->counted_bytes += size;
}

static bool load(struct store *s, struct pg_known *k, struct error *e)
{
        static const char sql[] = "SELECT no, counted, length(bytes), hash FROM value WHERE run = $1";
        struct pg_values *v = &s->values;
        if (v->entries_n > ENTRIES_KEPT_MAX) {
                /* Not of runs that this batch has given new numbers: those are not stored yet. */
                struct pg_known *other, *next;
                if (s->values.fresh.p[0].n == 0)
                        HASH_ITER (hh, v->runs, other, next)
                                if (other != k && other->loaded && other->entries)
                                        forget_entries(v, other);
        }
        _cleanup_params_ struct pg_params p = {0};
        pg_int8(&p, k->id);
        _cleanup_result_ PGresult *r = pg_query(&s->c, sql, &p, "reading the values of a run", e);
        if (!r)
                return false;
        for (int i = 0; i < PQntuples(r); i++) {
                struct str hash = pg_get(r, i, 3);
                if (hash.n == HASH_BYTES)
                        add_entry(v, k, (const uint8_t *)hash.p, (uint32_t)pg_get_int8(r, i, 0), pg_get_int4(r, i, 1) != 0, (uint64_t)pg_get_int8(r, i, 2));
        }
        return k->loaded = true;
}

bool pg_digest(struct str bytes, uint8_t ret[HASH_BYTES])
{
        return EVP_Digest(bytes.p ? bytes.p : "", bytes.n, ret, NULL, EVP_sha256(), NULL) == 1;
}

bool pg_values_fits(struct store *s, struct str bytes, const char *what, struct str name, struct error *e)
{
        if (bytes.n <= s->value_bytes_max)
                return true;
        return error_set(e, ERROR_LIMIT, "%s%s%.*s%s has %zu bytes; store.value_bytes_max allows %zu: pass large data as an artifact, or raise the setting", what,
                         name.n ? " \"" : "", STR_FMT(str_sub(name, 0, 200)), name.n ? "\"" : "", bytes.n, s->value_bytes_max);
}

bool pg_values_put(struct store *s, struct str bytes, enum pg_limit limit, const char *what, struct str name, uint32_t *ret, struct error *e)
{
        struct pg_values *v = &s->values;
        struct pg_known *k = v->current;
        bool counted = limit != PG_FRAME;
        uint8_t hash[HASH_BYTES];
        struct entry *x;
        if ((limit == PG_SINGLE && !pg_values_fits(s, bytes, what, name, e)) || (!k->loaded && !load(s, k, e)))
                return false;
        if (!pg_digest(bytes, hash))
                abort();
        HASH_FIND(hh, k->entries, hash, PREFIX_BYTES, x);
        if (x) {
                *ret = x->no;
                return true;
        }
        if (counted && k->counted_bytes + bytes.n > s->run_bytes_max)
                return error_set(e, ERROR_LIMIT,
                                 "%s%s%.*s%s of %zu bytes: the values of the run then have more than the %zu bytes that store.run_bytes_max allows: pass large data as artifacts, "
                                 "or raise the setting", what, name.n ? " \"" : "", STR_FMT(str_sub(name, 0, 200)), name.n ? "\"" : "", bytes.n, s->run_bytes_max);
        if (k->last_no == UINT32_MAX)
                return error_set(e, ERROR_LIMIT, "storing a value: a run has at most 4294967295");
        uint32_t no = k->last_no + 1;
        pg_add_int8(&v->fresh, 0, k->id);
        pg_add_int8(&v->fresh, 1, no);
        pg_add_int4(&v->fresh, 2, counted);
        pg_add_bytes(&v->fresh, 3, (struct str){(const char *)hash, HASH_BYTES});
        pg_add_bytes(&v->fresh, 4, bytes);
        add_entry(v, k, hash, no, counted, bytes.n);
        *ret = no;
        return true;
}
