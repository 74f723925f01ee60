/* The table of dialects, and what they share: submissions, problems, finding out which language a file is in. */
#include "dialect/dialect.h"
#include "text/json.h"
#include "text/yaml.h"
#include <stdarg.h>
#include <stdio.h>

const struct dialect *const dialects[] = {&dialect_argo, &dialect_kfp, NULL};

const struct dialect *dialect_by_name(struct str name)
{
        for (const struct dialect *const *d = dialects; *d; d++)
                if (str_eq_c(name, (*d)->name))
                        return *d;
        return NULL;
}

static void field(struct buf *b, const char *key, struct str s)
{
        if (!s.n)
                return;
        buf_addf(b, "%s\"%s\":", b->n > 1 ? "," : "", key);
        json_write_string(s, 0, b);
}

struct str submission_encode(const struct submission *s, struct arena *a)
{
        struct buf b = BUF((size_t)1 << 30);
        buf_add_char(&b, '{');
        field(&b, "entrypoint", s->entrypoint);
        field(&b, "name", s->name);
        field(&b, "display_name", s->display_name);
        field(&b, "uid", s->uid);
        field(&b, "namespace", s->ns);
        field(&b, "parameters", bindings_encode(&s->parameters, a));
        buf_addf(&b, "%s\"created_at\":%lld}", b.n > 1 ? "," : "", (long long)s->created_at.us);
        struct str text = arena_str(a, buf_str(&b));
        buf_free(&b);
        return text;
}

static struct str text_of(const struct value *m, const char *key)
{
        const struct value *v = value_get_c(m, key);
        return v && v->kind == VALUE_STRING ? v->text : STR_NONE;
}

bool submission_decode(struct str text, struct arena *a, struct submission *ret, struct error *e)
{
        struct value m;
        *ret = (struct submission){0};
        if (!text.n)
                return true;
        if (!json_read(text, NULL, a, &m, e) || !bindings_decode(text_of(&m, "parameters"), a, &ret->parameters, e))
                return error_wrap(e, "reading what the run was submitted with");
        ret->entrypoint = text_of(&m, "entrypoint");
        ret->name = text_of(&m, "name");
        ret->display_name = text_of(&m, "display_name");
        ret->uid = text_of(&m, "uid");
        ret->ns = text_of(&m, "namespace");
        (void)value_to_i64(value_get_c(&m, "created_at"), &ret->created_at.us);
        return true;
}

void problem_add(struct problems *p, enum error_kind kind, bool warning, const struct value *at, struct str path, const char *format, ...)
{
        char text[ERROR_TEXT_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        if (p->n == p->cap) {
                p->cap = p->cap ? p->cap * 2 : 8;
                struct problem *more = arena_alloc_array(p->arena, sizeof *more, p->cap);
                if (p->n)
                        memcpy(more, p->items, p->n * sizeof *more);
                p->items = more;
        }
        p->items[p->n++] = (struct problem){kind, warning, at ? at->line : 0, at ? at->column : 0, arena_str(p->arena, path), arena_str(p->arena, str_from(text))};
}

const struct problem *problems_first_error(const struct problems *p)
{
        for (size_t i = 0; i < p->n; i++)
                if (!p->items[i].warning)
                        return &p->items[i];
        return NULL;
}

bool dialect_detect(struct str text, struct arena *a, struct value **ret_documents, size_t *ret_n, const struct dialect **ret, struct error *e)
{
        bool read = true;
        for (const struct dialect *const *d = dialects; *d; d++) {
                struct error problem;
                if (!yaml_read(text, (*d)->schema, NULL, a, ret_documents, ret_n, &problem)) {
                        if (read && e)
                                *e = problem;
                        read = false;
                        continue;
                }
                for (size_t i = 0; i < *ret_n; i++)
                        if ((*d)->recognises(&(*ret_documents)[i])) {
                                *ret = *d;
                                return true;
                        }
        }
        if (!read)
                return false;
        if (!*ret_n)
                return error_set(e, ERROR_INVALID, "the file is empty: it should hold an Argo Workflow or a pipeline that the KFP SDK compiled");
        const struct value *first = &(*ret_documents)[0], *kind = value_get_c(first, "kind");
        if (kind && kind->kind == VALUE_STRING)
                return error_at(e, ERROR_INVALID, kind->line, kind->column, "kind '%.*s' cannot be run: Weft runs Argo's Workflow and WorkflowTemplate, and pipelines that the KFP SDK compiled",
                                STR_FMT(kind->text));
        return error_at(e, ERROR_INVALID, first->line, first->column,
                        "this is neither an Argo Workflow (it has no 'kind: Workflow') nor a pipeline that the KFP SDK compiled (it has no 'pipelineInfo')");
}
