/* The key under which a component's outputs are kept for runs to come: everything that its outputs may depend on, and nothing of
 * where this run keeps its files. */
#include "dialect/kfp/kfp.h"
#include "text/json.h"
#include <openssl/sha.h>

static void add(struct buf *b, struct str s)
{
        buf_add_char(b, ',');
        json_write_string(s, JSON_COMPACT, b);
}

static void add_words(struct buf *b, const struct str *words, size_t n)
{
        buf_add_c(b, ",[0");
        for (size_t i = 0; i < n; i++)
                add(b, words[i]);
        buf_add_char(b, ']');
}

static void add_inputs(struct buf *b, const struct bindings *in)
{
        for (size_t i = 0; i < in->params_n; i++) {
                add(b, in->params[i].name);
                buf_addf(b, ",%d", (int)in->params[i].value.kind);
                add(b, in->params[i].value.text);
        }
        for (size_t i = 0; i < in->artifacts_n; i++) {
                const struct artifact *a = &in->artifacts[i];
                add(b, a->name);
                add(b, a->digest.n ? a->digest : a->uri);
                add(b, a->type);
                add(b, a->metadata);
        }
}

static void add_outputs(struct buf *b, const struct kfp_io *out)
{
        for (size_t i = 0; i < out->params_n; i++) {
                add(b, out->params[i].name);
                buf_addf(b, ",%d", (int)out->params[i].type);
        }
        for (size_t i = 0; i < out->artifacts_n; i++) {
                add(b, out->artifacts[i].name);
                add(b, out->artifacts[i].type);
                buf_addf(b, ",%d", out->artifacts[i].list);
        }
}

static bool add_execution(struct buf *b, const struct site *s, const struct kfp_component *c, struct error *e)
{
        const struct kfp_executor *x = c->executor;
        struct kfp_place p = {.site = s, .inputs = s->inputs, .component = c, .folder = STR("/outputs"), .for_cache = true, .arena = s->arena};
        struct str *command, *args;
        size_t command_n, args_n;
        bool ok = true;
        if (!kfp_place_words(&p, x->command, x->command_n, &command, &command_n, e) || !kfp_place_words(&p, x->args, x->args_n, &args, &args_n, e))
                return false;
        add(b, kfp_place_text(&p, x->image, e, &ok));
        add_words(b, command, command_n);
        add_words(b, args, args_n);
        add_words(b, x->python.packages, x->python.packages_n);
        for (size_t i = 0; ok && i < x->env_n; i++) {
                add(b, x->env[i].name);
                add(b, kfp_place_text(&p, x->env[i].value, e, &ok));
        }
        return ok;
}

bool kfp_cache_key(const struct site *s, const struct task_spec *spec, struct str *ret, struct error *e)
{
        enum { KEY_TEXT_MAX = 256 << 20 };
        const struct kfp_component *c = ((const struct kfp_template *)s->self->dialect)->component;
        const struct kfp_task *k = s->task->dialect;
        struct buf b = BUF(KEY_TEXT_MAX);
        buf_add_c(&b, "[\"kfp\"");
        add(&b, s->run->ns);
        add_outputs(&b, &c->out);
        bool ok = true;
        if (k->cache_key.n) {
                buf_add_c(&b, ",\"own\"");
                add(&b, k->cache_key);
        } else {
                add_inputs(&b, s->inputs);
                ok = add_execution(&b, s, c, e);
        }
        buf_add_char(&b, ']');
        unsigned char sum[SHA256_DIGEST_LENGTH];
        *ret = STR_NONE;
        if (ok && !b.overflow) {
                SHA256((const unsigned char *)b.p, b.n, sum);
                char hex[2 * SHA256_DIGEST_LENGTH];
                for (size_t i = 0; i < sizeof hex; i++)
                        hex[i] = "0123456789abcdef"[i % 2 ? sum[i / 2] & 15 : sum[i / 2] >> 4];
                *ret = arena_str(s->arena, (struct str){hex, sizeof hex});
        }
        buf_free(&b);
        return ok;
}
