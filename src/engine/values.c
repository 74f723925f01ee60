/* Values that go into and come out of nodes: kept in boxes that are shared by count, long ones once whatever number of boxes they are
 * in, and held to the limits of the store. */
#include "engine/internal.h"
#include "base/hash.h"
#include <stddef.h>
#include <stdlib.h>

enum { SHORT_BYTES_MAX = 256 }; /* such values stand in their box and in their row, and are not counted */

/* ---- Long values, once each ---- */

struct blob { struct blob *next; uint64_t hash; uint32_t refs; size_t size_bytes; char p[]; };

static void blobs_grow(struct run *r)
{
        uint32_t cap = r->blobs.cap ? r->blobs.cap * 2 : 64;
        struct blob **p = engine_alloc(cap * sizeof(struct blob *));
        for (uint32_t i = 0; i < r->blobs.cap; i++)
                for (struct blob *b = r->blobs.p[i], *next; b; b = next) {
                        next = b->next;
                        b->next = p[b->hash & (cap - 1)];
                        p[b->hash & (cap - 1)] = b;
                }
        free(r->blobs.p);
        r->blobs.p = p;
        r->blobs.cap = cap;
}

static struct str blob_put(struct run *r, struct str s)
{
        if (r->blobs.n >= r->blobs.cap)
                blobs_grow(r);
        uint64_t hash = hash_64(s, s.n);
        struct blob **at = &r->blobs.p[hash & (r->blobs.cap - 1)], *b = *at;
        while (b && (b->hash != hash || b->size_bytes != s.n || memcmp(b->p, s.p, s.n) != 0))
                b = b->next;
        if (!b) {
                b = engine_alloc(sizeof *b + s.n);
                *b = (struct blob){.next = *at, .hash = hash, .size_bytes = s.n};
                memcpy(b->p, s.p, s.n);
                *at = b;
                r->blobs.n++;
                r->value_bytes += sizeof *b + s.n;
        }
        b->refs++;
        return (struct str){b->p, s.n};
}

static void blob_drop(struct run *r, struct str s)
{
        if (s.n <= SHORT_BYTES_MAX)
                return;
        struct blob *b = (struct blob *)(s.p - offsetof(struct blob, p)), **at = &r->blobs.p[b->hash & (r->blobs.cap - 1)];
        if (--b->refs)
                return;
        while (*at != b)
                at = &(*at)->next;
        *at = b->next;
        r->blobs.n--;
        r->value_bytes -= sizeof *b + b->size_bytes;
        free(b);
}

/* ---- Boxes ---- */

static size_t room(struct str s) { return s.n <= SHORT_BYTES_MAX ? s.n : 0; }

static struct str place(struct run *r, char **at, struct str s)
{
        if (!s.n)
                return s.p ? STR("") : STR_NONE;
        if (s.n > SHORT_BYTES_MAX)
                return blob_put(r, s);
        char *p = *at;
        memcpy(p, s.p, s.n);
        *at += s.n;
        return (struct str){p, s.n};
}

struct box *box_new(struct run *r, const struct bindings *b)
{
        if (!b || (!b->params_n && !b->artifacts_n && b->result.kind == VAL_NONE))
                return NULL;
        size_t head = sizeof(struct box) + b->params_n * sizeof(struct param) + b->artifacts_n * sizeof(struct artifact);
        size_t size = head + room(b->result.text);
        for (size_t i = 0; i < b->params_n; i++)
                size += room(b->params[i].name) + room(b->params[i].value.text);
        for (size_t i = 0; i < b->artifacts_n; i++) {
                const struct artifact *a = &b->artifacts[i];
                size += room(a->name) + room(a->uri) + room(a->type) + room(a->metadata) + room(a->digest);
        }
        struct box *x = engine_alloc(size);
        char *at = (char *)x + head;
        x->refs = 1;
        x->size_bytes = (uint32_t)size;
        x->b.params = (struct param *)(x + 1);
        x->b.params_n = b->params_n;
        x->b.artifacts = (struct artifact *)(x->b.params + b->params_n);
        x->b.artifacts_n = b->artifacts_n;
        for (size_t i = 0; i < b->params_n; i++) {
                x->b.params[i] = b->params[i];
                x->b.params[i].name = place(r, &at, b->params[i].name);
                x->b.params[i].value.text = place(r, &at, b->params[i].value.text);
        }
        for (size_t i = 0; i < b->artifacts_n; i++) {
                struct artifact *a = &x->b.artifacts[i];
                *a = b->artifacts[i];
                a->name = place(r, &at, a->name);
                a->uri = place(r, &at, a->uri);
                a->type = place(r, &at, a->type);
                a->metadata = place(r, &at, a->metadata);
                a->digest = place(r, &at, a->digest);
        }
        x->b.result = b->result;
        x->b.result.text = place(r, &at, b->result.text);
        r->value_bytes += size;
        return x;
}

struct box *box_ref(struct box *b)
{
        if (b)
                b->refs++;
        return b;
}

void box_release(struct run *r, struct box *b)
{
        if (!b || --b->refs)
                return;
        r->dead_boxes = engine_grow(r->dead_boxes, &r->dead_boxes_cap, r->dead_boxes_n, sizeof *r->dead_boxes);
        r->dead_boxes[r->dead_boxes_n++] = b;
}

void box_free(struct run *r, struct box *x)
{
        for (size_t i = 0; i < x->b.params_n; i++) {
                blob_drop(r, x->b.params[i].name);
                blob_drop(r, x->b.params[i].value.text);
        }
        for (size_t i = 0; i < x->b.artifacts_n; i++) {
                const struct artifact *a = &x->b.artifacts[i];
                const struct str texts[] = {a->name, a->uri, a->type, a->metadata, a->digest};
                for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
                        blob_drop(r, texts[k]);
        }
        blob_drop(r, x->b.result.text);
        r->value_bytes -= x->size_bytes;
        free(x);
}

/* ---- What the store will hold ----
 *
 * The store keeps each long value of a run once, and refuses a batch that passes its limits with everything else that is in it. So the
 * engine counts in the same way: what would pass a limit is an Error of the node that it belongs to. */

static uint32_t slot_of(const struct run *r, uint64_t hash)
{
        uint32_t i = (uint32_t)hash & (r->stored.cap - 1);
        while (r->stored.p[i] && r->stored.p[i] != hash)
                i = (i + 1) & (r->stored.cap - 1);
        return i;
}

static void make_room(struct run *r)
{
        if (r->stored.n * 2 < r->stored.cap)
                return;
        uint64_t *old = r->stored.p;
        uint32_t n = r->stored.cap;
        r->stored.cap = n ? n * 2 : 64;
        r->stored.p = engine_alloc(r->stored.cap * sizeof *r->stored.p);
        for (uint32_t i = 0; i < n; i++)
                if (old[i])
                        r->stored.p[slot_of(r, old[i])] = old[i];
        free(old);
}

/* `single`: also limited itself. */
static bool admit(struct run *r, struct str s, const char *what, struct str name, bool single, struct str *ret_message)
{
        if (s.n <= SHORT_BYTES_MAX)
                return true;
        name = str_sub(name, 0, 200);
        const char *mark = name.n ? "'" : "";
        if (single && s.n > r->set.value_bytes_max) {
                *ret_message = arena_printf(r->arena, "%s %s%.*s%s has %zu bytes; the limit is %zu (setting store.value_bytes_max): pass large data as artifacts",
                                            what, mark, STR_FMT(name), mark, s.n, r->set.value_bytes_max);
                return false;
        }
        make_room(r);
        uint64_t hash = hash_64(s, s.n) | 1;
        uint32_t i = slot_of(r, hash);
        if (r->stored.p[i])
                return true;
        if (r->stored.bytes + s.n > r->set.run_bytes_max) {
                *ret_message = arena_printf(r->arena, "%s %s%.*s%s has %zu bytes, and the values of the run then have more than %zu (setting "
                                            "store.run_bytes_max): pass large data as artifacts", what, mark, STR_FMT(name), mark, s.n, r->set.run_bytes_max);
                return false;
        }
        r->stored.p[i] = hash;
        r->stored.n++;
        r->stored.bytes += s.n;
        return true;
}

bool values_admit(struct run *r, const struct bindings *b, struct str *ret_message)
{
        for (size_t i = 0; i < b->params_n; i++)
                if (!admit(r, b->params[i].value.text, "parameter", b->params[i].name, true, ret_message))
                        return false;
        for (size_t i = 0; i < b->artifacts_n; i++)
                if (!admit(r, b->artifacts[i].metadata, "the metadata of artifact", b->artifacts[i].name, true, ret_message) ||
                    !admit(r, b->artifacts[i].uri, "the place of artifact", b->artifacts[i].name, true, ret_message))
                        return false;
        return admit(r, b->result.text, "the result", STR_NONE, true, ret_message);
}

bool values_admit_items(struct run *r, const struct str *items, size_t n, struct str list, struct str *ret_message)
{
        for (size_t i = 0; i < n; i++)
                if (!admit(r, items[i], "an item", STR_NONE, true, ret_message))
                        return false;
        return admit(r, list, "the list of items", STR_NONE, false, ret_message);
}

/* What is stored already is counted, whatever the limits are now. */
void values_known(struct run *r, const struct node_row *row)
{
        size_t limits[2] = {r->set.value_bytes_max, r->set.run_bytes_max};
        struct str none;
        r->set.value_bytes_max = r->set.run_bytes_max = SIZE_MAX / 2;
        (void)values_admit(r, &row->inputs, &none);
        (void)values_admit(r, &row->outputs, &none);
        (void)admit(r, row->items, "", STR_NONE, false, &none);
        r->set.value_bytes_max = limits[0];
        r->set.run_bytes_max = limits[1];
}
