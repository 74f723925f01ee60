/* Hashes that are the same on every machine and in every release. Not for secrets. */
#pragma once
#include "base/str.h"

uint32_t hash_fnv1a32(struct str s);
uint64_t hash_64(struct str s, uint64_t seed);

/* A small deterministic generator (splitmix64), keyed by its seed. */
struct random_source { uint64_t state; };
uint64_t random_next(struct random_source *r);
uint64_t random_below(struct random_source *r, uint64_t limit); /* [0, limit); limit > 0 */
