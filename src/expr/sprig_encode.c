/* Sprig's encodings and check sums, regular expressions and JSON. */
#include "expr/internal.h"
#include "text/json.h"
#include <openssl/sha.h>
#include <stdlib.h>

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

enum { SHA1_SUM, SHA256_SUM, SHA512_SUM };

static bool sha(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        unsigned char sum[SHA512_DIGEST_LENGTH];
        struct str s = args[0].text;
        int which = vm->function->flag;
        size_t size = which == SHA1_SUM ? SHA_DIGEST_LENGTH : which == SHA256_SUM ? SHA256_DIGEST_LENGTH : SHA512_DIGEST_LENGTH;
        if (!vm_step(vm, s.n / 16))
                return false;
        if (!(which == SHA1_SUM ? SHA1 : which == SHA256_SUM ? SHA256 : SHA512)((const unsigned char *)(s.p ? s.p : ""), s.n, sum))
                abort();
        struct buf b = vm_buf(vm);
        for (size_t i = 0; i < size; i++)
                buf_addf(&b, "%02x", sum[i]);
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
        SPRIG("regexSplit", split, 3, 3, "ssI", 0), SPRIG("sha1sum", sha, 1, 1, "s", SHA1_SUM), SPRIG("sha256sum", sha, 1, 1, "s", SHA256_SUM), SPRIG("sha512sum", sha, 1, 1, "s", SHA512_SUM),
        SPRIG("toJson", to_json, 1, 1, ".", PLAIN), SPRIG("toPrettyJson", to_json, 1, 1, ".", PRETTY), SPRIG("toRawJson", to_json, 1, 1, ".", RAW),
);
