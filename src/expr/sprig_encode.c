/* Sprig's encodings and check sums, regular expressions and JSON. The sums are written here: the pure core links no cryptographic library,
 * and what these serve (a short name, a cache key) is no secret. */
#include "expr/internal.h"
#include "text/json.h"

/* --- base 64 and 32: an error is the result --- */

static bool encode(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { return text_encode(vm, args[0].text, vm->function->flag, ret); }

static bool decode(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s;
        const char *wrong;
        bool ok = text_decode(vm, args[0].text, vm->function->flag, &s, &wrong);
        *ret = x_text(wrong ? str_from(wrong) : s);
        return ok;
}

/* --- sums --- */

static uint32_t turn(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }
static uint64_t turn64(uint64_t x, unsigned n) { return x >> n | x << (64 - n); }

/* The constants of SHA-2 (FIPS 180-4) are the first bits of the fractions of cube roots of the primes; the short ones are the long ones' upper halves. */
static const uint64_t cube_roots[80] = {
        0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
        0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
        0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65, 0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
        0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
        0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
        0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
        0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
        0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec, 0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
        0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
        0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static uint64_t big_endian(const unsigned char *p, size_t n) {
        uint64_t v = 0;
        for (size_t i = 0; i < n; i++)
                v = v << 8 | p[i];
        return v;
}

static void sha1_block(uint32_t h[5], const unsigned char *p) {
        static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (size_t i = 0; i < 16; i++)
                w[i] = (uint32_t)big_endian(p + 4 * i, 4);
        for (size_t i = 16; i < 80; i++)
                w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 31);
        for (size_t i = 0; i < 80; i++) {
                uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
                uint32_t t = turn(a, 27) + f + e + k[i / 20] + w[i];
                e = d;
                d = c;
                c = turn(b, 2);
                b = a;
                a = t;
        }
        h[0] += a;
        h[1] += b;
        h[2] += c;
        h[3] += d;
        h[4] += e;
}

static void sha256_block(uint32_t h[8], const unsigned char *p) {
        uint32_t w[64], v[8];
        memcpy(v, h, sizeof v);
        for (size_t i = 0; i < 64; i++) {
                if (i < 16)
                        w[i] = (uint32_t)big_endian(p + 4 * i, 4);
                else
                        w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
                uint32_t one = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + (uint32_t)(cube_roots[i] >> 32) + w[i];
                uint32_t two = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
                memmove(v + 1, v, 7 * sizeof *v);
                v[4] += one;
                v[0] = one + two;
        }
        for (size_t i = 0; i < 8; i++)
                h[i] += v[i];
}

static void sha512_block(uint64_t h[8], const unsigned char *p) {
        uint64_t w[80], v[8];
        memcpy(v, h, sizeof v);
        for (size_t i = 0; i < 80; i++) {
                if (i < 16)
                        w[i] = big_endian(p + 8 * i, 8);
                else
                        w[i] = w[i - 16] + w[i - 7] + (turn64(w[i - 15], 1) ^ turn64(w[i - 15], 8) ^ w[i - 15] >> 7) + (turn64(w[i - 2], 19) ^ turn64(w[i - 2], 61) ^ w[i - 2] >> 6);
                uint64_t one = v[7] + (turn64(v[4], 14) ^ turn64(v[4], 18) ^ turn64(v[4], 41)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + cube_roots[i] + w[i];
                uint64_t two = (turn64(v[0], 28) ^ turn64(v[0], 34) ^ turn64(v[0], 39)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
                memmove(v + 1, v, 7 * sizeof *v);
                v[4] += one;
                v[0] = one + two;
        }
        for (size_t i = 0; i < 8; i++)
                h[i] += v[i];
}

enum { SHA1, SHA256, SHA512 };

static bool sha(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int which = vm->function->flag;
        uint32_t h[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
        uint64_t h64[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
        for (size_t i = 0; i < 8 && which == SHA256; i++)
                h[i] = (uint32_t)(h64[i] >> 32);
        struct str s = args[0].text;
        size_t block = which == SHA512 ? 128 : 64, length = which == SHA512 ? 16 : 8, whole = s.n / block * block;
        if (!vm_step(vm, s.n / 16))
                return false;
        unsigned char last[256] = {0};
        size_t rest = s.n - whole, padded = rest + 1 + length <= block ? block : 2 * block;
        if (rest)
                memcpy(last, s.p + whole, rest);
        last[rest] = 0x80;
        for (size_t i = 0; i < 8; i++)
                last[padded - 1 - i] = (unsigned char)((uint64_t)s.n * 8 >> (8 * i));
        for (size_t at = 0; at < whole + padded; at += block) {
                const unsigned char *p = at < whole ? (const unsigned char *)s.p + at : last + (at - whole);
                if (which == SHA1)
                        sha1_block(h, p);
                else if (which == SHA256)
                        sha256_block(h, p);
                else
                        sha512_block(h64, p);
        }
        struct buf b = vm_buf(vm);
        for (size_t i = 0; i < (which == SHA1 ? 5 : 8); i++)
                which == SHA512 ? buf_addf(&b, "%016llx", (unsigned long long)h64[i]) : buf_addf(&b, "%08x", h[i]);
        return vm_text(vm, &b, ret);
}

static bool adler32(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        uint32_t a = 1, b = 0;
        for (size_t i = 0; i < args[0].text.n; i++) {
                a = (a + (unsigned char)args[0].text.p[i]) % 65521;
                b = (b + a) % 65521;
        }
        *ret = x_text(arena_printf(vm->a, "%u", b << 16 | a));
        return vm_step(vm, args[0].text.n / 64);
}

/* --- regular expressions --- */

static bool matches(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        bool yes = false;
        struct error quiet = {0}, *outer = vm->e;
        if (vm->function->flag) /* a wrong pattern matches nothing */
                vm->e = &quiet;
        bool ok = regex_matches(vm, args[0].text, args[1].text, &yes);
        vm->e = outer;
        if (!ok && vm->function->flag && vm->kind != ERROR_LIMIT) {
                vm->failed = false;
                ok = true;
        } else if (!ok && vm->function->flag && outer)
                *outer = quiet;
        *ret = x_bool(yes);
        return ok;
}

/* Goes from match to match as Go does: an empty match right after the one before does not count. */
struct scan { struct vm *vm; struct regex *r; struct str s; size_t from, last; const size_t *at; uint32_t n; };

static bool scan_next(struct scan *c) {
        uint32_t rune;
        while (c->from <= c->s.n) {
                if (!regex_find(c->vm, c->r, c->s, c->from, &c->at, &c->n) || c->n == 0)
                        return false;
                bool empty = c->at[0] == c->at[1], counts = !empty || c->at[0] != c->last;
                c->from = !empty ? c->at[1] : c->at[1] < c->s.n ? c->at[1] + utf8_next(c->s, c->at[1], &rune) : c->s.n + 1;
                c->last = c->at[1];
                if (counts)
                        return true;
        }
        return false;
}

static bool find_all(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct scan c = {.vm = vm, .r = regex_new(vm, args[0].text), .s = args[1].text, .last = SIZE_MAX};
        struct list_builder b = {0};
        int64_t most = n > 2 ? args[2].integer : 1;
        while (c.r && !vm->failed && (most < 0 || (int64_t)b.n < most) && scan_next(&c))
                list_push(vm, &b, x_text(str_sub(c.s, c.at[0], c.at[1])));
        regex_free(c.r);
        *ret = n > 2 ? x_list(b.items, b.n) : b.n ? b.items[0] : x_text(STR(""));
        return !vm->failed;
}

/* $1, ${1}, $name, ${name}, $$ in what takes the place of a match. */
static void expand(struct buf *b, struct str with, const struct scan *c) {
        for (size_t i = 0; i < with.n;) {
                size_t dollar = str_find_char(with, '$', i);
                buf_add(b, str_sub(with, i, dollar));
                if (dollar == SIZE_MAX)
                        return;
                i = dollar + 1;
                bool braces = i < with.n && with.p[i] == '{';
                size_t from = i + braces, to = from;
                while (to < with.n && (with.p[to] == '_' || (with.p[to] >= '0' && with.p[to] <= '9') || ((with.p[to] | 32) >= 'a' && (with.p[to] | 32) <= 'z')))
                        to++;
                struct str name = str_sub(with, from, to);
                if (!braces && i < with.n && with.p[i] == '$') {
                        buf_add_char(b, '$');
                        i++;
                        continue;
                }
                if (name.n == 0 || (braces && (to >= with.n || with.p[to] != '}'))) {
                        buf_add_char(b, '$');
                        continue;
                }
                i = to + braces;
                int64_t group;
                bool digits = name.p[0] >= '0' && name.p[0] <= '9' && str_to_i64(name, &group);
                uint32_t g = digits ? (group < 1000 ? (uint32_t)group : UINT32_MAX) : regex_group(c->r, name);
                if (g < c->n && c->at[2 * g] <= c->at[2 * g + 1] && c->at[2 * g + 1] <= c->s.n)
                        buf_add(b, str_sub(c->s, c->at[2 * g], c->at[2 * g + 1]));
        }
}

static bool replace_all(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct scan c = {.vm = vm, .r = regex_new(vm, args[0].text), .s = args[1].text, .last = SIZE_MAX};
        struct buf b = vm_buf(vm);
        size_t at = 0;
        while (c.r && !vm->failed && !b.overflow && scan_next(&c)) {
                buf_add(&b, str_sub(c.s, at, c.at[0]));
                at = c.at[1];
                if (vm->function->flag)
                        buf_add(&b, args[2].text);
                else
                        expand(&b, args[2].text, &c);
        }
        regex_free(c.r);
        buf_add(&b, str_sub(c.s, at, c.s.n));
        return vm_text(vm, &b, ret) && !vm->failed;
}

static bool split(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct scan c = {.vm = vm, .r = regex_new(vm, args[0].text), .s = args[1].text, .last = SIZE_MAX};
        struct list_builder b = {0};
        int64_t most = args[2].integer;
        size_t at = 0;
        bool open = c.s.n > 0 || args[0].text.n > 0;
        while (c.r && c.s.n && !vm->failed && most != 0 && (most < 0 || (int64_t)b.n + 1 < most) && scan_next(&c)) {
                if (c.at[1] == 0)
                        continue; /* an empty match at the very start splits nothing off */
                if (!list_push(vm, &b, x_text(str_sub(c.s, at, c.at[0]))))
                        break;
                at = c.at[1];
                open = c.at[0] != c.s.n;
        }
        if (most != 0 && open && !vm->failed)
                list_push(vm, &b, x_text(str_sub(c.s, at, c.s.n)));
        regex_free(c.r);
        *ret = x_list(b.items, b.n);
        return !vm->failed;
}

static bool quote_meta(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct buf b = vm_buf(vm);
        for (size_t i = 0; i < args[0].text.n; i++) {
                char c = args[0].text.p[i];
                if (c && strchr("\\.+*?()|[]{}^$", c))
                        buf_add_char(&b, '\\');
                buf_add_char(&b, c);
        }
        return vm_text(vm, &b, ret);
}

/* --- JSON --- */

static bool to_json(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s;
        if (!vm_json(vm, &args[0], (unsigned)vm->function->flag, &s))
                return false;
        *ret = x_text(s);
        return true;
}

/* fromJson gives nil for what is not JSON; mustFromJson fails. */
static bool from_json(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct value v;
        struct json_limits limits = {.depth_max = VALUE_DEPTH_MAX / 2};
        if (vm->function->flag)
                return vm_json_read(vm, args[0].text, true, ret);
        bool good = vm_step(vm, 1 + args[0].text.n / 64) && json_read(args[0].text, &limits, vm->a, &v, NULL);
        *ret = good ? from_value(&v, vm->a, true) : x_nil();
        return vm_step(vm, 0);
}

#define RAW JSON_COMPACT
#define PLAIN JSON_COMPACT | JSON_HTML
#define PRETTY JSON_INDENT | JSON_HTML

FUNCS(sprig_encode,
        SPRIG("adler32sum", adler32, 1, 1, "s", 0), SPRIG("b32dec", decode, 1, 1, "s", BASE32), SPRIG("b32enc", encode, 1, 1, "s", BASE32), SPRIG("b64dec", decode, 1, 1, "s", BASE64),
        SPRIG("b64enc", encode, 1, 1, "s", BASE64), SPRIG("fromJson", from_json, 1, 1, "s", 0), SPRIG("mustFromJson", from_json, 1, 1, "s", 1),
        SPRIG("mustRegexFind", find_all, 2, 2, "s", 0), SPRIG("mustRegexFindAll", find_all, 3, 3, "ssI", 0), SPRIG("mustRegexMatch", matches, 2, 2, "s", 0),
        SPRIG("mustRegexReplaceAll", replace_all, 3, 3, "s", 0), SPRIG("mustRegexReplaceAllLiteral", replace_all, 3, 3, "s", 1), SPRIG("mustRegexSplit", split, 3, 3, "ssI", 0),
        SPRIG("mustToJson", to_json, 1, 1, ".", PLAIN), SPRIG("mustToPrettyJson", to_json, 1, 1, ".", PRETTY), SPRIG("mustToRawJson", to_json, 1, 1, ".", RAW),
        SPRIG("regexFind", find_all, 2, 2, "s", 0), SPRIG("regexFindAll", find_all, 3, 3, "ssI", 0), SPRIG("regexMatch", matches, 2, 2, "s", 1),
        SPRIG("regexQuoteMeta", quote_meta, 1, 1, "s", 0), SPRIG("regexReplaceAll", replace_all, 3, 3, "s", 0), SPRIG("regexReplaceAllLiteral", replace_all, 3, 3, "s", 1),
        SPRIG("regexSplit", split, 3, 3, "ssI", 0), SPRIG("sha1sum", sha, 1, 1, "s", SHA1), SPRIG("sha256sum", sha, 1, 1, "s", SHA256), SPRIG("sha512sum", sha, 1, 1, "s", SHA512),
        SPRIG("toJson", to_json, 1, 1, ".", PLAIN), SPRIG("toPrettyJson", to_json, 1, 1, ".", PRETTY), SPRIG("toRawJson", to_json, 1, 1, ".", RAW),
);
