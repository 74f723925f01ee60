/* Addresses and networks. */
#include "api/network.h"
#include <arpa/inet.h>
#include <netinet/in.h>

struct plain { int bits; uint8_t bytes[16]; }; /* 32 or 128 bits */

static bool plain_of(const struct sockaddr *address, struct plain *ret)
{
        static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        *ret = (struct plain){0};
        if (address && address->sa_family == AF_INET) {
                ret->bits = 32;
                memcpy(ret->bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
                return true;
        }
        if (!address || address->sa_family != AF_INET6)
                return false;
        const uint8_t *b = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
        bool four = !memcmp(b, mapped, sizeof mapped);
        ret->bits = four ? 32 : 128;
        memcpy(ret->bytes, four ? b + 12 : b, four ? 4 : 16);
        return true;
}

static bool network_of(struct str s, struct plain *ret, int *ret_prefix)
{
        struct str prefix = s, address = str_cut(&prefix, '/');
        char text[64];
        int64_t n;
        if (!address.n || address.n >= sizeof text)
                return false;
        memcpy(text, address.p, address.n);
        text[address.n] = 0;
        *ret = (struct plain){.bits = 32};
        if (inet_pton(AF_INET, text, ret->bytes) != 1) {
                ret->bits = 128;
                if (inet_pton(AF_INET6, text, ret->bytes) != 1)
                        return false;
        }
        *ret_prefix = ret->bits;
        if (!prefix.p)
                return true;
        if (!str_to_i64(prefix, &n) || n < 0 || n > ret->bits)
                return false;
        *ret_prefix = (int)n;
        return true;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, int bits)
{
        int whole = bits / 8, rest = bits % 8;
        return !memcmp(a, b, (size_t)whole) && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

bool network_has(struct str networks, const struct sockaddr *address)
{
        struct plain a, n;
        int prefix;
        if (!plain_of(address, &a))
                return false;
        while (networks.p) {
                struct str one = str_trim(str_cut(&networks, ','));
                if (one.n && network_of(one, &n, &prefix) && n.bits == a.bits && same_prefix(n.bytes, a.bytes, prefix))
                        return true;
        }
        return false;
}

bool network_check(struct str networks, struct error *e)
{
        struct plain n;
        int prefix;
        while (networks.p) {
                struct str one = str_trim(str_cut(&networks, ','));
                if (one.n && !network_of(one, &n, &prefix))
                        return error_set(e, ERROR_USAGE, "\"%.*s\" is no network: an address such as 10.1.2.3 or ::1, with a prefix such as 10.0.0.0/8 where it is more than one", STR_FMT(one));
        }
        return true;
}

bool address_is_loopback(const struct sockaddr *address) { return network_has(STR("127.0.0.0/8, ::1"), address); }
