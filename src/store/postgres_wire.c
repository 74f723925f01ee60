/* Parameters and results in PostgreSQL's binary format: numbers are big-endian, an array is a head and elements with their lengths. */
#include "store/postgres.h"
#include <endian.h>
#include <stdlib.h>

enum { ARRAY_HEAD = 20 };

void pg_params_free(struct pg_params *p)
{
        for (int i = 0; i < p->n; i++)
                buf_free(&p->p[i].data);
        free(p->p);
        *p = (struct pg_params){0};
}

static void add32(struct buf *b, int32_t v)
{
        uint32_t x = htobe32((uint32_t)v);
        buf_add(b, (struct str){(const char *)&x, sizeof x});
}

static void add64(struct buf *b, int64_t v)
{
        uint64_t x = htobe64((uint64_t)v);
        buf_add(b, (struct str){(const char *)&x, sizeof x});
}

static struct pg_param *add_param(struct pg_params *p, Oid type)
{
        if (p->n == PG_PARAMS_MAX)
                abort();
        if (p->n == p->cap) {
                p->cap = p->cap ? p->cap * 2 : 8;
                p->p = realloc(p->p, (size_t)p->cap * sizeof *p->p);
                if (!p->p)
                        abort();
        }
        struct pg_param *x = &p->p[p->n++];
        *x = (struct pg_param){.type = type, .data = BUF(PG_BYTES_MAX)};
        return x;
}

/* NUL and what is no UTF-8 become U+FFFD. */
static void add_clean(struct buf *b, struct str s)
{
        while (s.n) {
                size_t good = str_utf8_prefix(s), nul = str_find_char(str_sub(s, 0, good), '\0', 0);
                if (nul != SIZE_MAX)
                        good = nul;
                buf_add(b, str_sub(s, 0, good));
                if (good < s.n) {
                        buf_add_c(b, "\xef\xbf\xbd");
                        good++;
                }
                s = str_sub(s, good, s.n);
        }
}

void pg_int8(struct pg_params *p, int64_t v) { add64(&add_param(p, PG_INT8)->data, v); }

static int64_t bits_of(double v)
{
        int64_t bits;
        memcpy(&bits, &v, sizeof bits);
        return bits;
}

void pg_float8(struct pg_params *p, double v) { add64(&add_param(p, PG_FLOAT8)->data, bits_of(v)); }
void pg_text(struct pg_params *p, struct str s) { add_clean(&add_param(p, PG_TEXT)->data, s); }

void pg_bytea(struct pg_params *p, struct str s)
{
        struct pg_param *x = add_param(p, PG_BYTEA);
        x->null = s.n == 0;
        buf_add(&x->data, s);
}

static Oid array_of(Oid type)
{
        switch (type) {
        case PG_INT4: return 1007;
        case PG_INT8: return 1016;
        case PG_TEXT: return 1009;
        case PG_BYTEA: return 1001;
        case PG_FLOAT8: return 1022;
        default: abort();
        }
}

int pg_array(struct pg_params *p, Oid type)
{
        struct pg_param *x = add_param(p, type);
        x->array = true;
        for (int i = 0; i < ARRAY_HEAD / 4; i++)
                add32(&x->data, 0);
        return p->n - 1;
}

void pg_add_int4(struct pg_params *p, int at, int32_t v)
{
        p->p[at].n++;
        add32(&p->p[at].data, 4);
        add32(&p->p[at].data, v);
}

void pg_add_int8(struct pg_params *p, int at, int64_t v)
{
        p->p[at].n++;
        add32(&p->p[at].data, 8);
        add64(&p->p[at].data, v);
}

void pg_add_float8(struct pg_params *p, int at, double v) { pg_add_int8(p, at, bits_of(v)); }

void pg_add_bytes(struct pg_params *p, int at, struct str s)
{
        p->p[at].n++;
        add32(&p->p[at].data, (int32_t)s.n);
        buf_add(&p->p[at].data, s);
}

void pg_add_bytea(struct pg_params *p, int at, struct str s)
{
        if (s.n) {
                pg_add_bytes(p, at, s);
                return;
        }
        p->p[at].n++;
        p->p[at].null = true; /* of an array: there are nulls in it */
        add32(&p->p[at].data, -1);
}

void pg_add_text(struct pg_params *p, int at, struct str s)
{
        if (str_utf8_prefix(s) == s.n && str_find_char(s, '\0', 0) == SIZE_MAX) {
                pg_add_bytes(p, at, s);
                return;
        }
        struct buf clean = BUF(PG_BYTES_MAX);
        add_clean(&clean, s);
        pg_add_bytes(p, at, buf_str(&clean));
        buf_free(&clean);
}

/* --- statements --- */

struct bound {
        const char *values[PG_PARAMS_MAX];
        int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
};

static bool bind(struct pg_params *p, struct bound *ret, const char *doing, struct error *e)
{
        for (int i = 0; p && i < p->n; i++) {
                struct pg_param *x = &p->p[i];
                if (x->data.overflow)
                        return error_set(e, ERROR_LIMIT, "%s: more than a gigabyte at once: raise no limits so far", doing);
                if (x->array) {
                        uint32_t head[] = {htobe32(x->n ? 1 : 0), htobe32(x->null), htobe32(x->type), htobe32(x->n), htobe32(1)};
                        memcpy(x->data.p, head, sizeof head);
                }
                bool null = x->null && !x->array;
                ret->values[i] = null ? NULL : x->data.p ? x->data.p : "";
                ret->lengths[i] = x->array && !x->n ? 12 : (int)x->data.n;
                ret->formats[i] = 1;
        }
        return true;
}

static int find_prepared(struct pg *c, const char *sql)
{
        for (int i = 0; i < c->prepared_n; i++)
                if (c->prepared[i] == sql)
                        return i;
        return -1;
}

static void name_of(int at, char name[16]) { snprintf(name, 16, "s%d", at); }

bool pg_prepare(struct pg *c, const char *sql, const struct pg_params *p, const char *doing, struct error *e)
{
        if (find_prepared(c, sql) >= 0)
                return true;
        if (c->prepared_n == PG_PREPARED_MAX)
                abort();
        Oid types[PG_PARAMS_MAX];
        char name[16];
        for (int i = 0; p && i < p->n; i++)
                types[i] = p->p[i].array ? array_of(p->p[i].type) : p->p[i].type;
        name_of(c->prepared_n, name);
        _cleanup_result_ PGresult *r = PQprepare(c->db, name, sql, p ? p->n : 0, types);
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
                return pg_error(c, r, doing, e);
        c->prepared[c->prepared_n++] = sql;
        return true;
}

bool pg_send(struct pg *c, const char *sql, struct pg_params *p, const char *doing, struct error *e)
{
        struct bound b;
        char name[16];
        name_of(find_prepared(c, sql), name);
        return bind(p, &b, doing, e) &&
               (PQsendQueryPrepared(c->db, name, p ? p->n : 0, b.values, b.lengths, b.formats, 1) == 1 || pg_error(c, NULL, doing, e));
}

PGresult *pg_query(struct pg *c, const char *sql, struct pg_params *p, const char *doing, struct error *e)
{
        struct bound b;
        char name[16];
        if (!pg_prepare(c, sql, p, doing, e) || !bind(p, &b, doing, e))
                return NULL;
        name_of(find_prepared(c, sql), name);
        PGresult *r = PQexecPrepared(c->db, name, p ? p->n : 0, b.values, b.lengths, b.formats, 1);
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
                return r;
        pg_error(c, r, doing, e);
        PQclear(r);
        return NULL;
}

PGresult *pg_query_once(struct pg *c, const char *sql, struct pg_params *p, const char *doing, struct error *e)
{
        struct bound b;
        Oid types[PG_PARAMS_MAX];
        if (!bind(p, &b, doing, e))
                return NULL;
        for (int i = 0; i < p->n; i++)
                types[i] = p->p[i].array ? array_of(p->p[i].type) : p->p[i].type;
        PGresult *r = PQexecParams(c->db, sql, p->n, types, b.values, b.lengths, b.formats, 1);
        if (PQresultStatus(r) == PGRES_TUPLES_OK)
                return r;
        pg_error(c, r, doing, e);
        PQclear(r);
        return NULL;
}

/* --- results --- */

struct str pg_get(const PGresult *r, int row, int column)
{
        if (PQgetisnull(r, row, column))
                return STR_NONE;
        return (struct str){PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}

int64_t pg_get_int8(const PGresult *r, int row, int column)
{
        struct str s = pg_get(r, row, column);
        uint32_t small;
        uint64_t large;
        if (s.n == sizeof small) {
                memcpy(&small, s.p, sizeof small);
                return (int32_t)be32toh(small);
        }
        if (s.n != sizeof large)
                return 0;
        memcpy(&large, s.p, sizeof large);
        return (int64_t)be64toh(large);
}

int32_t pg_get_int4(const PGresult *r, int row, int column) { return (int32_t)pg_get_int8(r, row, column); }

double pg_get_float8(const PGresult *r, int row, int column)
{
        int64_t bits = pg_get_int8(r, row, column);
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
}
