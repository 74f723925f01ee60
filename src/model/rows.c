/* Copies of rows that outlive what they were read from. */
#include "model/rows.h"

static void copy_texts(struct str **texts, size_t n, struct arena *a) {
        for (size_t i = 0; i < n; i++)
                *texts[i] = texts[i]->n > 0 ? arena_str(a, *texts[i]) : STR_NONE;
}

struct run_meta run_meta_copy(const struct run_meta *from, struct arena *a) {
        struct run_meta m = *from;
        struct str *texts[] = {&m.owner, &m.experiment, &m.pipeline, &m.version, &m.recurring, &m.description, &m.service_account, &m.labels};
        copy_texts(texts, sizeof texts / sizeof *texts, a);
        return m;
}

struct run_row run_row_copy(const struct run_row *from, struct arena *a) {
        struct run_row r = *from;
        struct str *texts[] = {&r.uid, &r.name, &r.ns, &r.display_name, &r.language, &r.document, &r.options, &r.reason, &r.message, &r.parent_run};
        copy_texts(texts, sizeof texts / sizeof *texts, a);
        r.meta = run_meta_copy(&from->meta, a);
        r.parameters = bindings_copy(&from->parameters, a);
        r.globals = bindings_copy(&from->globals, a);
        r.outputs = bindings_copy(&from->outputs, a);
        return r;
}

struct node_row node_row_copy(const struct node_row *from, struct arena *a) {
        struct node_row r = *from;
        struct str *texts[] = {&r.name, &r.item, &r.reason, &r.message, &r.items, &r.retry, &r.cache_key, &r.cached_from, &r.child_run};
        copy_texts(texts, sizeof texts / sizeof *texts, a);
        r.inputs = bindings_copy(&from->inputs, a);
        r.outputs = bindings_copy(&from->outputs, a);
        return r;
}
