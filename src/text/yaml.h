/* Reading YAML into values with positions, by libyaml's events. Scalars resolve as Go's YAML 1.1 readers do
 * (see the facts page): yes/no/on/off/y/n booleans, 010 octal, 1_000, 0b11, 0x1F; the number's value is what Kubernetes' YAML to
 * JSON step yields. Aliases are expanded with a limit on the total; merge keys (<<) are applied; duplicate keys and
 * cyclic aliases are errors; .inf and .nan are errors. */
#pragma once
#include "text/value.h"

struct yaml_limits {
        size_t bytes_max;   /* 0: 32 MiB */
        uint32_t depth_max; /* 0: 100 */
        size_t values_max;  /* 0: 1,000,000 after expansion of aliases */
};

enum yaml_schema {
        YAML_KUBERNETES, /* 1.1 booleans and octals, as sigs.k8s.io/yaml */
        YAML_CORE,       /* 1.2 core: true/false/null, decimal, 0o, 0x; what Python's safe dumper round-trips too */
};

/* Every document of `text`, in order. JSON is accepted too (it is YAML), with keys of up to 1,000 bytes. Empty documents are left out. */
bool yaml_read(struct str text, enum yaml_schema schema, const struct yaml_limits *limits /* NULL: defaults */, struct arena *arena,
               struct value **ret_documents, size_t *ret_n, struct error *e);

/* Writes a value as block-style YAML that reads back the same. */
struct buf;
void yaml_write(const struct value *v, struct buf *out);
