/* A language without syntax: every answer is a hash of what the site shows, so that whoever evaluates the same workflow with the same
 * outcomes gets the same values. The first half says what the answers are; naive.c uses it too. The second half
 * answers the engine's questions through `struct site`. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include "sim.h"

uint64_t sim_mix(uint64_t a, uint64_t b) {
        uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b + UINT64_C(0x7f4a7c159e3779b9);
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        return x ^ (x >> 31);
}

bool sim_roll(uint64_t key, unsigned permille) { return permille > 0 && sim_mix(key, 77) % 1000 < permille; }

enum sim_class sim_class_of(enum node_state s) {
        switch (s) {
        case NODE_SUCCEEDED:
        case NODE_CACHED:
                return CLASS_GOOD;
        case NODE_FAILED:
        case NODE_STOPPED:
                return CLASS_FAILED;
        case NODE_ERROR:
                return CLASS_ERROR;
        case NODE_SKIPPED:
                return CLASS_SKIPPED;
        case NODE_OMITTED:
                return CLASS_OMITTED;
        case NODE_PENDING:
        case NODE_WAITING:
        case NODE_RUNNING:
        case NODE_SUSPENDED:
        case NODE_LOST:
        case NODE_STATES:
                break;
        }
        return CLASS_OPEN;
}

uint64_t sim_site_hash(const struct sim_task *t, uint64_t graph_in, const struct sim_seen *seen, size_t n) {
        uint64_t h = sim_mix(t->salt, graph_in);
        for (size_t i = 0; i < n; i++)
                h = sim_mix(sim_mix(h, seen[i].class), seen[i].value);
        return h;
}

enum sim_answer sim_when(const struct sim_task *t, uint64_t site, bool fans_out) {
        if (sim_roll(sim_mix(site, 1), t->when_error))
                return ANSWER_ERROR;
        if (fans_out && t->when_each)
                return ANSWER_EACH;
        return sim_roll(sim_mix(site, 2), t->when_no) ? ANSWER_NO : ANSWER_YES;
}

enum sim_answer sim_when_item(const struct sim_task *t, uint64_t site, uint64_t item) {
        if (sim_roll(sim_mix(sim_mix(site, 3), item), t->when_error / 2))
                return ANSWER_ERROR;
        return sim_roll(sim_mix(sim_mix(site, 4), item), t->item_no) ? ANSWER_NO : ANSWER_YES;
}

bool sim_items(const struct sim_task *t, uint64_t site, uint32_t *ret_n) {
        if (sim_roll(sim_mix(site, 5), t->items_error))
                return false;
        *ret_n = t->items_least + (uint32_t)(sim_mix(site, 6) % (t->items_most - t->items_least + 1));
        return true;
}

uint64_t sim_item(uint64_t site, uint32_t i) { return sim_mix(sim_mix(site, 7), i); }

bool sim_call(const struct task *task, uint64_t site, uint64_t item, uint32_t *ret_template, uint64_t *ret_in) {
        const struct sim_task *t = task->dialect;
        uint64_t h = sim_mix(sim_mix(site, 8), item);
        if (sim_roll(sim_mix(h, 9), t->call_error))
                return false;
        *ret_template = t->choices_n > 0 ? t->choices[h % t->choices_n] : task->template;
        *ret_in = h;
        return true;
}

bool sim_hook_call(const struct sim_hook *h, struct sim_seen owner, uint64_t *ret_in) {
        *ret_in = sim_mix(sim_mix(h->salt, owner.class), owner.value);
        return !sim_roll(sim_mix(*ret_in, 10), h->call_error);
}

uint64_t sim_leaf_out(const struct sim_template *t, uint64_t in, uint64_t supplied) {
        return sim_mix(sim_mix(t->salt, in), supplied);
}

bool sim_collect_fails(const struct sim_template *t, uint64_t key) { return sim_roll(sim_mix(key, 11), t->collect_error); }

uint64_t sim_graph_out(const struct sim_template *t, uint64_t in, const struct sim_seen *seen, size_t n) {
        uint64_t h = sim_mix(t->salt, in);
        for (size_t i = 0; i < n; i++)
                h = sim_mix(sim_mix(h, seen[i].class), seen[i].value);
        return h;
}

uint64_t sim_fanout_out(const struct sim_seen *seen, size_t n) {
        uint64_t h = n;
        for (size_t i = 0; i < n; i++)
                h = sim_mix(sim_mix(h, seen[i].class), seen[i].value);
        return h;
}

bool sim_retry_goes_on(const struct sim_template *t, uint32_t failed_attempt) {
        return !sim_roll(sim_mix(sim_mix(t->salt, 12), failed_attempt), 300);
}

uint64_t sim_cache_key(const struct sim_template *t, uint64_t in) { return sim_mix(sim_mix(t->salt, 13), in); }

uint64_t sim_parse(struct str hex) {
        uint64_t v = 0;
        for (size_t i = 0; i < hex.n; i++) {
                char c = hex.p[i];
                if (c == '"')
                        continue;
                v = v << 4 | (uint64_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
        }
        return v;
}

uint64_t sim_value(const struct bindings *b, const char *name) {
        size_t n = strlen(name);
        for (size_t i = 0; b && i < b->params_n; i++)
                if (b->params[i].name.n == n && memcmp(b->params[i].name.p, name, n) == 0)
                        return sim_parse(b->params[i].value.text);
        return 0;
}

struct str sim_hex(uint64_t v, struct arena *a) {
        char *p = arena_alloc_raw(a, 17, 1);
        for (int i = 15; i >= 0; i--, v >>= 4)
                p[i] = "0123456789abcdef"[v & 15];
        p[16] = 0;
        return (struct str){p, 16};
}

struct bindings sim_bindings(const char *name, uint64_t v, struct arena *a) {
        struct param *p = ARENA_NEW(a, struct param);
        *p = (struct param){.name = str_from(name), .value = val_text(sim_hex(v, a))};
        return (struct bindings){.params = p, .params_n = 1};
}

/* ---- The engine's questions ---- */

static struct sim_seen see(const struct node_view *v) {
        enum sim_class class = v->no == 0 ? CLASS_NONE : sim_class_of(v->state);
        return (struct sim_seen){class, class == CLASS_GOOD ? sim_value(v->outputs, "v") : 0};
}

static struct sim_seen see_items(const struct site *s, struct task_ref ref, const struct node_view *fanout) {
        struct sim_seen *seen = ARENA_ARRAY(s->arena, struct sim_seen, fanout->children_n + 1);
        for (uint32_t i = 0; i < fanout->children_n; i++) {
                struct node_view v = {0};
                if (!s->ops->task_child(s->scope, ref, i, &v))
                        sim_fail("item %u of a finished fan-out (node %u) cannot be seen any more", i, fanout->no);
                if (v.index != i)
                        sim_fail("asked for item %u of node %u, got item %u", i, fanout->no, v.index);
                seen[i] = see(&v);
        }
        struct sim_seen whole = see(fanout);
        return (struct sim_seen){whole.class, sim_fanout_out(seen, fanout->children_n)};
}

static struct sim_seen *see_refs(const struct site *s, const struct sim_ref *refs, uint32_t n, bool inside) {
        struct sim_seen *seen = ARENA_ARRAY(s->arena, struct sim_seen, n + 1);
        const struct sim_workflow *w = s->workflow->dialect;
        for (uint32_t i = 0; i < n; i++) {
                struct node_view v = {0};
                if (!s->ops->task(s->scope, refs[i].ref, &v))
                        v = (struct node_view){0};
                if (refs[i].items && v.no != 0 && v.kind == NODE_KIND_FANOUT)
                        seen[i] = see_items(s, refs[i].ref, &v);
                else
                        seen[i] = see(&v);
                if (seen[i].class == CLASS_OPEN && !(inside && w->racy))
                        sim_fail("a language was asked while what it reads (node %u, %s) is not final", v.no, node_state_name(v.state));
        }
        return seen;
}

static uint64_t site_of(const struct site *s) {
        const struct sim_task *t = s->task->dialect;
        struct sim_seen *seen = see_refs(s, t->refs, t->refs_n, false);
        uint64_t in = s->graph_inputs ? sim_value(s->graph_inputs, "v") : ((const struct sim_workflow *)s->workflow->dialect)->salt;
        return sim_site_hash(t, in, seen, t->refs_n);
}

static bool lang_when(const struct site *s, enum verdict *ret, struct str *ret_message, struct error *e) {
        const struct sim_task *t = s->task->dialect;
        uint64_t site = site_of(s);
        enum sim_answer a = s->has_item ? sim_when_item(t, site, sim_parse(s->item)) : sim_when(t, site, s->task->fans_out);
        if (a == ANSWER_ERROR)
                return error_set(e, ERROR_INVALID, "the condition cannot be evaluated");
        *ret = a == ANSWER_EACH ? VERDICT_EACH : a == ANSWER_YES ? VERDICT_YES : VERDICT_NO;
        if (a == ANSWER_NO)
                *ret_message = STR("the condition says no");
        return true;
}

static bool lang_items(const struct site *s, struct items *ret, struct error *e) {
        uint64_t site = site_of(s);
        uint32_t n = 0;
        if (!sim_items(s->task->dialect, site, &n))
                return error_set(e, ERROR_INVALID, "the list cannot be expanded");
        ret->texts = ARENA_ARRAY(s->arena, struct str, n + 1);
        ret->n = n;
        ret->message = n == 0 ? STR("nothing to do") : STR_NONE;
        for (uint32_t i = 0; i < n; i++)
                ret->texts[i] = arena_printf(s->arena, "\"%016" PRIx64 "\"", sim_item(site, i));
        return true;
}

static bool lang_call(const struct site *s, struct call *ret, struct error *e) {
        uint64_t in = 0;
        uint32_t template = s->hook ? s->hook->template : s->task->template;
        bool fine;
        if (s->hook)
                fine = sim_hook_call(s->hook->dialect, s->hook->when == HOOK_EXIT ? see(s->owner) : (struct sim_seen){0}, &in);
        else
                fine = sim_call(s->task, site_of(s), s->has_item ? sim_parse(s->item) : 0, &template, &in);
        if (!fine)
                return error_set(e, ERROR_INVALID, "the arguments cannot be resolved");
        const struct sim_template *t = s->workflow->templates[template].dialect;
        ret->template = template;
        ret->inputs = sim_bindings("v", in, s->arena);
        ret->retry = t->retry;
        ret->timeout_us = t->timeout_us;
        ret->deadline_us = t->deadline_us;
        ret->no_cache = t->no_cache;
        return true;
}

static bool lang_hook(const struct site *s, enum verdict *ret, struct error *e) {
        const struct sim_hook *h = s->hook->dialect;
        enum sim_class class = see(s->owner).class;
        bool yes = h->mode == 0 ? class == CLASS_GOOD : h->mode == 1 ? class == CLASS_FAILED || class == CLASS_ERROR
                                                                     : s->owner->state == NODE_RUNNING;
        *ret = yes ? VERDICT_YES : VERDICT_NO;
        return true;
}

static bool lang_attempt(const struct site *s, struct task_spec *ret, struct error *e) {
        uint64_t in = sim_value(s->inputs, "v");
        ret->command = ARENA_ARRAY(s->arena, struct str, 2);
        ret->command_n = 2;
        ret->command[0] = sim_hex(((const struct sim_template *)s->self->dialect)->salt, s->arena);
        ret->command[1] = sim_hex(in, s->arena);
        return true;
}

static bool lang_suspend(const struct site *s, struct suspend_spec *ret, struct error *e) {
        const struct sim_template *t = s->self->dialect;
        ret->duration_us = t->suspend_us;
        if (t->supply) {
                ret->supply = ARENA_NEW(s->arena, struct str);
                ret->supply[0] = STR("v");
                ret->supply_n = 1;
        }
        if (t->supply && t->suspend_us >= 0) {
                struct bindings *b = ARENA_NEW(s->arena, struct bindings);
                *b = sim_bindings("v", t->salt, s->arena);
                ret->defaults = b;
        }
        return true;
}

static bool lang_child(const struct site *s, struct str *ret_document, struct error *e) {
        *ret_document = sim_hex(sim_value(s->inputs, "v"), s->arena);
        return true;
}

static bool collect_leaf(const struct site *s, const struct task_outcome *outcome, struct collected *ret, struct error *e) {
        const struct sim_template *t = s->self->dialect;
        uint64_t in = sim_value(s->inputs, "v");
        if (!node_state_good(ret->state))
                return true;
        if (sim_collect_fails(t, in))
                return error_set(e, ERROR_INVALID, "the outputs cannot be read");
        uint64_t out;
        if (outcome) {
                if (outcome->params_n != 1)
                        sim_fail("the outcome of a leaf reached the language without its output");
                out = sim_parse(outcome->params[0].content);
        } else {
                out = sim_leaf_out(t, in, sim_value(&ret->outputs, "v"));
        }
        ret->outputs = sim_bindings("v", out, s->arena);
        if (t->exports) {
                ret->exports = sim_bindings("", out, s->arena);
                ret->exports.params[0].name = arena_printf(s->arena, "g%016" PRIx64, sim_mix(t->salt, in));
        }
        return true;
}

static bool lang_collect(const struct site *s, const struct task_outcome *outcome, struct collected *ret, struct error *e) {
        if (s->self_node && s->self_node->kind == NODE_KIND_FANOUT) {
                uint32_t n = s->self_node->children_n;
                struct sim_seen *seen = ARENA_ARRAY(s->arena, struct sim_seen, n + 1);
                for (uint32_t i = 0; i < n; i++) {
                        struct node_view v = {0};
                        if (!s->ops->child(s->scope, i, &v))
                                sim_fail("item %u of fan-out node %u cannot be seen when its outputs are gathered", i, s->self_node->no);
                        seen[i] = see(&v);
                }
                ret->outputs = sim_bindings("v", sim_fanout_out(seen, n), s->arena);
                return true;
        }
        const struct sim_template *t = s->self->dialect;
        if (s->self->kind != TEMPLATE_GRAPH)
                return collect_leaf(s, outcome, ret, e);
        struct sim_seen *seen = see_refs(s, t->collect, t->collect_n, true);
        uint64_t out = sim_graph_out(t, sim_value(s->inputs, "v"), seen, t->collect_n);
        if (sim_collect_fails(t, out))
                return error_set(e, ERROR_INVALID, "the outputs cannot be gathered");
        ret->outputs = sim_bindings("v", out, s->arena);
        return true;
}

static bool lang_retry(const struct site *s, enum verdict *ret, struct error *e) {
        const struct template *t = s->self ? s->self : s->retried;
        *ret = sim_retry_goes_on(t->dialect, s->last_attempt->index) ? VERDICT_YES : VERDICT_NO;
        return true;
}

static bool lang_key(const struct site *s, const struct task_spec *spec, struct str *ret, struct error *e) {
        *ret = sim_hex(sim_cache_key(s->self->dialect, sim_value(s->inputs, "v")), s->arena);
        return true;
}

const struct language sim_language = {
        .name = "sim",
        .eval_when = lang_when,
        .expand_items = lang_items,
        .resolve_call = lang_call,
        .eval_hook = lang_hook,
        .resolve_attempt = lang_attempt,
        .resolve_suspend = lang_suspend,
        .resolve_child = lang_child,
        .collect_outputs = lang_collect,
        .eval_retry = lang_retry,
        .cache_key = lang_key,
};
