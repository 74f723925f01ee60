/* Metrics of runs: numbers that a run gives as outputs, and what its steps say in artifacts of metrics. They go in the commit that ends the step or the run. */
#include "runtime/internal.h"
#include "text/json.h"
#include <math.h>

enum { FILE_BYTES_MAX = 65536, METRICS_MAX = 1000 /* of one artifact */ };

static void metric(struct batch *b, struct live_run *r, uint32_t node, struct str name, double value)
{
        if (name.n && name.n <= 256 && isfinite(value))
                batch_metric(b, str_from(r->uid), node, name, value);
}

/* KFP's system.Metrics: a map, of which the numbers count. */
static void of_metadata(struct batch *b, struct live_run *r, uint32_t node, struct str text)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct value v;
        double x;
        if (!text.n || !json_read(text, NULL, a, &v, NULL) || v.kind != VALUE_MAP)
                return;
        for (size_t i = 0; i < v.map.n && i < METRICS_MAX; i++)
                if (value_to_double(&v.map.members[i].value, &x))
                        metric(b, r, node, v.map.members[i].key, x);
}

/* What KFP's first SDK writes: {"metrics": [{"name", "numberValue", "format"}]}. A small file that the step has just written. */
static void of_file(struct batch *b, struct live_run *r, uint32_t node, const struct artifact *x)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct str path = str_starts(x->uri, STR("file://")) ? str_sub(x->uri, 7, x->uri.n) : x->uri, text;
        struct value v;
        double n;
        if (!path.n || path.p[0] != '/' || x->size_bytes < 0 || x->size_bytes > FILE_BYTES_MAX || !file_read(arena_cstr(a, path), FILE_BYTES_MAX, a, &text, NULL) ||
            !json_read(text, NULL, a, &v, NULL))
                return;
        const struct value *list = value_get_c(&v, "metrics");
        for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->list.n && i < METRICS_MAX; i++) {
                const struct value *name = value_get_c(&list->list.items[i], "name"), *value = value_get_c(&list->list.items[i], "numberValue");
                if (name && name->kind == VALUE_STRING && value && value_to_double(value, &n))
                        metric(b, r, node, name->text, n);
        }
}

static void of_node(struct batch *b, struct live_run *r, const struct node_row *row)
{
        for (size_t i = 0; i < row->outputs.artifacts_n; i++) {
                const struct artifact *x = &row->outputs.artifacts[i];
                if (str_eq_c(x->type, "system.Metrics"))
                        of_metadata(b, r, row->no, x->metadata);
                else if (str_eq_c(x->name, "mlpipeline-metrics"))
                        of_file(b, r, row->no, x);
        }
}

void scalars_take(struct batch *b, struct live_run *r, const struct delta *d)
{
        for (size_t i = 0; i < d->nodes_n; i++)
                if (node_state_good(d->nodes[i].state) && (d->nodes[i].kind == NODE_KIND_TASK))
                        of_node(b, r, &d->nodes[i]);
        if (!d->run || !run_state_final(d->run->state))
                return;
        for (size_t i = 0; i < d->run->outputs.params_n; i++) {
                const struct param *p = &d->run->outputs.params[i];
                double n;
                if (!p->secret && value_is_number_text(p->value.text) && str_to_double(p->value.text, &n))
                        metric(b, r, 0, p->name, n);
        }
}
