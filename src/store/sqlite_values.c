/* Values: texts too long for a row, kept once a run under the hash of their content. A row names one by a number of its run, which
 * stands for the hash one to one: numbers are given in order, so that new values lie side by side in the file. A key of hashes would
 * scatter a batch over as many pages as it has values, and the cost of a step would grow with the run.
 *
 * Which hash has which number the writer keeps in memory for the runs it writes; it is read from the file when a run is met that
 * has values. Nothing counts references: values go with their run. */
#include "store/sqlite.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <uthash.h>

enum {
        HASH_BYTES = 32,
        PREFIX_BYTES = 16, /* of the hash; kept in memory */
        ENTRIES_KEPT_MAX = 500000,
};

struct entry {
        uint8_t prefix[PREFIX_BYTES];
        uint32_t no; /* 0: free */
};

struct known_run {
        char *uid;
        int64_t id;
        int state;             /* as it was last written; -1: not known */
        bool loaded;           /* the entries are what the file has */
        struct entry *entries; /* open addressing */
        uint32_t entries_n, entries_cap, last_no;
        uint64_t counted_bytes;
        UT_hash_handle hh;
};

struct sqlite_values {
        struct known_run *runs, *current;
        size_t entries_n; /* of all runs */
        EVP_MD *md;
        EVP_MD_CTX *ctx;
};

/* Most runs have no value that is long enough, and OpenSSL takes a millisecond to begin. */
static void digest(struct sqlite_values *v, struct str bytes, uint8_t ret[HASH_BYTES])
{
        if (!v->md && (!(v->md = EVP_MD_fetch(NULL, "SHA256", NULL)) || !(v->ctx = EVP_MD_CTX_new())))
                abort();
        if (EVP_DigestInit_ex(v->ctx, v->md, NULL) != 1 || EVP_DigestUpdate(v->ctx, bytes.p, bytes.n) != 1 ||
            EVP_DigestFinal_ex(v->ctx, ret, NULL) != 1)
                abort();
}

struct sqlite_values *values_new(void)
{
        struct sqlite_values *v = calloc(1, sizeof *v);
        if (!v)
                abort();
        return v;
}

static void forget_entries(struct sqlite_values *v, struct known_run *k)
{
        v->entries_n -= k->entries_n;
        free(k->entries);
        k->entries = NULL;
        k->entries_n = k->entries_cap = k->last_no = 0;
        k->counted_bytes = 0;
        k->loaded = false;
}

static void forget_run(struct sqlite_values *v, struct known_run *k)
{
        HASH_DEL(v->runs, k);
        if (v->current == k)
                v->current = NULL;
        forget_entries(v, k);
        free(k->uid);
        free(k);
}

void values_forget_all(struct sqlite_values *v)
{
        struct known_run *k, *next;
        HASH_ITER (hh, v->runs, k, next)
                forget_run(v, k);
}

void values_forget(struct sqlite_values *v, struct str uid)
{
        struct known_run *k = NULL;
        HASH_FIND(hh, v->runs, uid.p, uid.n, k);
        if (k)
                forget_run(v, k);
}

void values_free(struct sqlite_values *v)
{
        values_forget_all(v);
        EVP_MD_CTX_free(v->ctx);
        EVP_MD_free(v->md);
        free(v);
}

static struct known_run *learn(struct sqlite_values *v, struct str uid, int64_t id)
{
        struct known_run *k = calloc(1, sizeof *k);
        if (!k || !(k->uid = strndup(uid.p, uid.n)))
                abort();
        k->id = id;
        k->state = -1;
        HASH_ADD_KEYPTR(hh, v->runs, k->uid, uid.n, k);
        v->current = k;
        return k;
}

void values_run_created(struct store *s, struct str uid, int64_t id) { learn(s->values, uid, id)->loaded = true; }

int values_state(const struct store *s) { return s->values->current->state; }
void values_set_state(struct store *s, int state) { s->values->current->state = state; }

bool values_run(struct store *s, struct str uid, int64_t *ret, struct error *e)
{
        struct sqlite_values *v = s->values;
        struct known_run *k = v->current;
        *ret = 0;
        if (!k || !str_eq_c(uid, k->uid)) {
                k = NULL;
                HASH_FIND(hh, v->runs, uid.p, uid.n, k);
        }
        if (!k) {
                sqlite3_stmt *q = connection_statement(&s->c, S_RUN_ID, e);
                if (!q)
                        return false;
                rows_bind_text_any(q, 1, uid);
                int code = sqlite3_step(q);
                int64_t id = code == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
                sqlite3_reset(q);
                if (code != SQLITE_ROW)
                        return code == SQLITE_DONE || connection_error(&s->c, code, "looking for a run", e);
                k = learn(v, uid, id);
        }
        v->current = k;
        *ret = k->id;
        return true;
}

static struct entry *slot(struct known_run *k, const uint8_t *prefix)
{
        uint64_t h;
        memcpy(&h, prefix, sizeof h);
        uint32_t at = (uint32_t)h & (k->entries_cap - 1);
        while (k->entries[at].no && memcmp(k->entries[at].prefix, prefix, PREFIX_BYTES) != 0)
                at = (at + 1) & (k->entries_cap - 1);
        return &k->entries[at];
}

static void reserve_entry(struct known_run *k)
{
        if (k->entries_cap && k->entries_n < k->entries_cap / 4 * 3)
                return;
        struct entry *old = k->entries;
        uint32_t n = k->entries_cap;
        k->entries_cap = n ? n * 2 : 16;
        k->entries = calloc(k->entries_cap, sizeof *k->entries);
        if (!k->entries)
                abort();
        for (uint32_t i = 0; i < n; i++)
                if (old[i].no)
                        *slot(k, old[i].prefix) = old[i];
        free(old);
}

static void add_entry(struct sqlite_values *v, struct known_run *k, const uint8_t *prefix, uint32_t no, bool counted, uint64_t size)
{
        reserve_entry(k);
        struct entry *at = slot(k, prefix);
        if (!at->no) {
                k->entries_n++;
                v->entries_n++;
        }
        memcpy(at->prefix, prefix, PREFIX_BYTES);
        at->no = no;
        k->last_no = no > k->last_no ? no : k->last_no;
        if (counted)
                k->counted_bytes += size;
}

static bool load(struct store *s, struct known_run *k, struct error *e)
{
        struct sqlite_values *v = s->values;
        if (v->entries_n > ENTRIES_KEPT_MAX) {
                struct known_run *other, *next;
                HASH_ITER (hh, v->runs, other, next)
                        forget_entries(v, other);
        }
        sqlite3_stmt *q = connection_statement(&s->c, S_VALUE_LIST, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, row_id(k->id, 0));
        sqlite3_bind_int64(q, 2, row_id(k->id, UINT32_MAX));
        int code;
        while ((code = sqlite3_step(q)) == SQLITE_ROW) {
                struct str hash = rows_column(q, 3);
                if (hash.n == HASH_BYTES)
                        add_entry(v, k, (const uint8_t *)hash.p, (uint32_t)sqlite3_column_int64(q, 0), sqlite3_column_int(q, 1) != 0,
                                  (uint64_t)sqlite3_column_int64(q, 2));
        }
        sqlite3_reset(q);
        k->loaded = true;
        return code == SQLITE_DONE || connection_error(&s->c, code, "reading the values of a run", e);
}

bool values_fits(struct store *s, struct str bytes, const char *what, struct str name, struct error *e)
{
        if (bytes.n <= s->value_bytes_max)
                return true;
        return error_set(e, ERROR_LIMIT,
                         "%s%s%.*s%s has %zu bytes; store.value_bytes_max allows %zu: pass large data as an artifact, or raise the setting",
                         what, name.n ? " \"" : "", STR_FMT(str_sub(name, 0, 200)), name.n ? "\"" : "", bytes.n, s->value_bytes_max);
}

static bool insert(struct store *s, struct known_run *k, uint32_t no, struct str bytes, const uint8_t *hash, bool counted, struct error *e)
{
        sqlite3_stmt *q = connection_statement(&s->c, S_VALUE_PUT, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, row_id(k->id, no));
        sqlite3_bind_int(q, 2, counted);
        sqlite3_bind_int64(q, 3, (int64_t)bytes.n);
        sqlite3_bind_blob64(q, 4, hash, HASH_BYTES, SQLITE_STATIC);
        sqlite3_bind_blob64(q, 5, bytes.p, bytes.n, SQLITE_STATIC);
        return connection_run(&s->c, q, "storing a value", e);
}

bool values_put(struct store *s, struct str bytes, enum value_limit limit, const char *what, struct str name, uint32_t *ret,
                struct error *e)
{
        struct sqlite_values *v = s->values;
        struct known_run *k = v->current;
        bool counted = limit != VALUE_FRAME;
        uint8_t hash[HASH_BYTES];
        if ((limit == VALUE_SINGLE && !values_fits(s, bytes, what, name, e)) || (!k->loaded && !load(s, k, e)))
                return false;
        digest(v, bytes, hash);
        if (k->entries_n) {
                const struct entry *at = slot(k, hash);
                if (at->no) {
                        *ret = at->no;
                        return true;
                }
        }
        if (counted && k->counted_bytes + bytes.n > s->run_bytes_max)
                return error_set(
                        e, ERROR_LIMIT,
                        "%s%s%.*s%s of %zu bytes: the values of the run then have more than the %zu bytes that store.run_bytes_max "
                        "allows: pass large data as artifacts, or raise the setting",
                        what, name.n ? " \"" : "", STR_FMT(str_sub(name, 0, 200)), name.n ? "\"" : "", bytes.n, s->run_bytes_max);
        if (k->last_no == UINT32_MAX)
                return error_set(e, ERROR_LIMIT, "storing a value: a run has at most 4294967295");
        if (!insert(s, k, k->last_no + 1, bytes, hash, counted, e))
                return false;
        add_entry(v, k, hash, k->last_no + 1, counted, bytes.n);
        *ret = k->last_no;
        return true;
}

bool values_get(struct connection *c, int64_t run_id, uint32_t no, struct arena *a, struct str *ret, struct error *e)
{
        sqlite3_stmt *q = connection_statement(c, S_VALUE_GET, e);
        if (!q)
                return false;
        sqlite3_bind_int64(q, 1, row_id(run_id, no));
        int code = sqlite3_step(q);
        bool good = code == SQLITE_ROW;
        if (good) {
                uint8_t actual[HASH_BYTES];
                struct str hash = rows_column(q, 0), bytes = rows_column(q, 1);
                good = hash.n == HASH_BYTES && EVP_Digest(bytes.p ? bytes.p : "", bytes.n, actual, NULL, EVP_sha256(), NULL) == 1 &&
                       memcmp(actual, hash.p, HASH_BYTES) == 0;
                if (good)
                        *ret = arena_str(a, bytes);
        } else if (code != SQLITE_DONE)
                return connection_error(c, code, "reading a value", e);
        sqlite3_reset(q);
        return good ||
               error_set(e, ERROR_CORRUPT,
                         "reading a value: number %u of a run is missing or damaged in %s: restore a copy of the folder, or delete the run",
                         no, c->path);
}
