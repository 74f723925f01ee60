/* Reading YAML into values with positions, by libyaml's events. Scalars resolve by the schema; with YAML_KUBERNETES
 * yes/no/on/off/y/n are booleans, 010 is octal, 1_000, 0b11, 0x1F are numbers, whose value is what Kubernetes' YAML to JSON step
 * yields. Aliases are expanded with a limit on the total; merge keys (<<) are applied; duplicate keys and
 * cyclic aliases are errors; .inf and .nan are errors. */
#pragma once
#include "text/value.h"

struct yaml_limits {
        size_t bytes_max;   /* 0: 32 MiB */
        uint32_t depth_max; /* 0: 100 */
        size_t values_max;  /* 0: 1,000,000 after expansion of aliases */
};

/* Who else reads such a document decides what an unquoted scalar is. */
enum yaml_schema {
        YAML_KUBERNETES, /* as sigs.k8s.io/yaml: 1.1 booleans and octals, numbers through 64 bits, keys resolve too */
        YAML_KFP,        /* as the KFP API server (gopkg.in/yaml.v3 into JSON): true and false only, integers as Kubernetes', the text of numbers and
                          * keys as written: the SDK leaves a parameter called `y` unquoted. Dates stay as written */
        YAML_CORE,       /* 1.2 core: true/false/null, decimal, 0o, 0x; text of numbers and keys as written */
};

/* Every document of `text`, in order. JSON is accepted too: it is YAML, and what libyaml refuses of it (long keys, pairs of surrogate
 * escapes) is read as well. Empty documents are left out. Nothing borrows from `text`. */
bool yaml_read(struct str text, enum yaml_schema schema, const struct yaml_limits *limits /* NULL: defaults */, struct arena *arena,
               struct value **ret_documents, size_t *ret_n, struct error *e);

/* Writes a value as block-style YAML that reads back the same. */
struct buf;
void yaml_write(const struct value *v, struct buf *out);
