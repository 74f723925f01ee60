#include "base/hash.h"

uint32_t hash_fnv1a32(struct str s)
{
        uint32_t h = 2166136261u;
        for (size_t i = 0; i < s.n; i++)
                h = (h ^ (unsigned char)s.p[i]) * 16777619u;
        return h;
}

static uint64_t stir(uint64_t x)
{
        x ^= x >> 30;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
        x ^= x >> 27;
        x *= UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

uint64_t hash_64(struct str s, uint64_t seed)
{
        uint64_t h = stir(seed ^ UINT64_C(0x9e3779b97f4a7c15) ^ s.n);
        for (size_t i = 0; i < s.n; i += 8) {
                uint64_t word = 0;
                for (size_t k = 0; k < 8 && i + k < s.n; k++)
                        word |= (uint64_t)(unsigned char)s.p[i + k] << (8 * k);
                h = stir(h ^ word) + UINT64_C(0x9e3779b97f4a7c15);
        }
        return stir(h);
}

uint64_t random_next(struct random_source *r)
{
        r->state += UINT64_C(0x9e3779b97f4a7c15);
        return stir(r->state);
}

uint64_t random_below(struct random_source *r, uint64_t limit)
{
        uint64_t top = UINT64_MAX - UINT64_MAX % limit, x; /* what is above is drawn again, so that all are as likely */
        do
                x = random_next(r);
        while (x >= top);
        return x % limit;
}
