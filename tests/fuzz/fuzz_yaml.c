/* Every document that is read can be written, as YAML and as JSON, and is then read as the same. */
#include <stdlib.h>
#include "text/json.h"
#include "text/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void round_trip(const struct value *v, enum yaml_schema schema, struct arena *a)
{
        _cleanup_buf_ struct buf b = BUF(4 << 20);
        struct value *documents, again;
        struct error e;
        size_t n;
        yaml_write(v, &b);
        if (b.overflow)
                return;
        check(yaml_read(buf_str(&b), schema, NULL, a, &documents, &n, &e) && n == 1 && value_equal(v, documents));
        check(json_read(json_text(v, 0, a), NULL, a, &again, &e) && value_equal(v, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct yaml_limits limits = {.values_max = 20000, .depth_max = 50};
        for (int schema = YAML_KUBERNETES; schema <= YAML_CORE; schema++) {
                _cleanup_arena_ struct arena *a = arena_new();
                struct value *documents;
                struct error e = {0};
                size_t n;
                if (!yaml_read((struct str){(const char *)data, size}, (enum yaml_schema)schema, &limits, a, &documents, &n, &e)) {
                        check(e.kind != ERROR_NONE && e.text[0] && e.line && e.column);
                        continue;
                }
                for (size_t i = 0; i < n; i++)
                        round_trip(&documents[i], (enum yaml_schema)schema, a);
        }
        return 0;
}
