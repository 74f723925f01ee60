/* What handlers ask of their request. */
#include "api/internal.h"
#include "text/json.h"
#include <stdlib.h>
#include <strings.h>

enum { PARTS_MAX = 32 };

static struct exchange *of(const struct request *r) { return (struct exchange *)(uintptr_t)r; }

struct str request_variable(const struct request *r, const char *name)
{
        const struct exchange *x = of(r);
        for (size_t i = 0; i < x->variables_n; i++)
                if (str_eq_c(x->variables[i].name, name))
                        return x->variables[i].value;
        return STR_NONE;
}

struct str request_query(const struct request *r, const char *name)
{
        struct exchange *x = of(r);
        struct str rest = x->raw_query, key, value;
        while (rest.p) {
                struct str pair = str_cut(&rest, '&'), k = str_cut(&pair, '=');
                if (percent_decode(k, true, x->arena, &key) && str_eq_c(key, name) && pair.p && percent_decode(pair, true, x->arena, &value) && value.n)
                        return value;
        }
        return STR_NONE;
}

struct str request_header(const struct request *r, const char *name)
{
        return str_from(MHD_lookup_connection_value(of(r)->connection, MHD_HEADER_KIND, name));
}

void request_set_header(struct request *r, const char *name, struct str value)
{
        struct exchange *x = of(r);
        for (size_t i = 0; i < value.n; i++)
                if ((unsigned char)value.p[i] < ' ')
                        return; /* it would end the header */
        if (x->headers_n < sizeof x->headers / sizeof *x->headers) {
                x->headers[x->headers_n].name = name;
                x->headers[x->headers_n++].value = arena_str(x->arena, value);
        }
}

bool request_json(struct request *r, struct value *ret, struct error *e)
{
        if (!r->body.n)
                return error_set(e, ERROR_INVALID, "the request needs a body: a JSON map");
        if (!json_read(r->body, NULL, r->arena, ret, e)) {
                e->kind = ERROR_INVALID;
                return error_wrap(e, "reading the body of the request");
        }
        return true;
}

void request_fail(struct request *r, const struct error *e)
{
        const struct error_class *c = error_class(e->kind);
        struct map_builder inner = {.arena = r->arena}, outer = {.arena = r->arena};
        r->answer.status = e->kind == ERROR_DENIED && !r->who.user.n && !r->who.everything ? 401 : c->http_status;
        r->answer.type = NULL;
        buf_clear(&r->answer.body);
        map_push(&inner, STR("kind"), value_string(str_from(c->name)));
        map_push(&inner, STR("message"), value_string(str_from(e->text)));
        if (e->line) {
                map_push(&inner, STR("line"), value_i64(e->line, r->arena));
                map_push(&inner, STR("column"), value_i64(e->column, r->arena));
        }
        map_push(&inner, STR("request"), value_string(r->id));
        map_push(&outer, STR("error"), value_map(inner.members, inner.n));
        struct value v = value_map(outer.members, outer.n);
        json_write(&v, JSON_COMPACT, &r->answer.body);
}

/* ---- forms ---- */

struct open_part { struct part *part; struct buf content; };

static enum MHD_Result on_part(void *user, enum MHD_ValueKind kind, const char *key, const char *file_name, const char *type, const char *encoding, const char *data, uint64_t off, size_t n)
{
        struct exchange *x = user;
        (void)kind, (void)type, (void)encoding;
        struct request *r = &x->r;
        if (!r->parts)
                r->parts = ARENA_ARRAY(x->arena, struct part, PARTS_MAX);
        struct part *last = r->parts_n ? &r->parts[r->parts_n - 1] : NULL;
        if (off == 0) {
                if (r->parts_n == PARTS_MAX)
                        return MHD_NO;
                last = &r->parts[r->parts_n++];
                last->name = arena_str(x->arena, str_from(key));
                last->file_name = file_name ? arena_str(x->arena, str_from(file_name)) : STR_NONE;
                last->content.p = (const char *)(uintptr_t)(x->body.n + 1); /* an offset until the body is whole */
        }
        size_t before = x->body.n;
        buf_add(&x->body, (struct str){data, n});
        if (last)
                last->content.n += x->body.n - before;
        if (x->body.overflow)
                x->too_large = true;
        return MHD_YES;
}

bool multipart_feed(struct exchange *x, const char *data, size_t n)
{
        if (!x->post)
                x->post = MHD_create_post_processor(x->connection, 65536, on_part, x);
        return x->post && MHD_post_process(x->post, data, n) == MHD_YES;
}

void exchange_prepare(struct exchange *x)
{
        if (x->post) {
                MHD_destroy_post_processor(x->post);
                x->post = NULL;
                for (size_t i = 0; i < x->r.parts_n; i++) {
                        struct part *p = &x->r.parts[i];
                        size_t at = (uintptr_t)p->content.p - 1;
                        p->content.p = x->body.p ? x->body.p + at : "";
                }
        }
        x->r.body = x->form ? STR_NONE : buf_str(&x->body);
}
