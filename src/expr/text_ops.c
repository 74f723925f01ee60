/* What expr-lang's and Sprig's functions on texts share. Go's strings package is the measure: an empty separator splits into characters,
 * an empty text to replace stands between all characters. */
#include "expr/internal.h"
#include <math.h>

static size_t rune_at(struct str s, size_t i) {
        uint32_t c;
        return i < s.n ? utf8_next(s, i, &c) : 1;
}

bool text_split(struct vm *vm, struct str s, struct str separator, int64_t most, bool keep, struct list_builder *ret) {
        if (most == 0 || !vm_step(vm, s.n / 16))
                return most == 0;
        size_t from = 0;
        while (most < 0 || (int64_t)ret->n + 1 < most) {
                size_t at, next;
                if (separator.n == 0) {
                        at = next = from + rune_at(s, from);
                        if (from >= s.n || next >= s.n)
                                break;
                } else {
                        at = str_find(s, separator, from);
                        if (at == SIZE_MAX)
                                break;
                        next = at + separator.n;
                }
                if (!list_push(vm, ret, x_text(str_sub(s, from, keep ? next : at))))
                        return false;
                from = next;
        }
        if (separator.n == 0 && from >= s.n)
                return true;
        return list_push(vm, ret, x_text(str_sub(s, from, s.n)));
}

bool text_replace(struct vm *vm, struct str s, struct str old, struct str new, int64_t most, struct xvalue *ret) {
        struct buf b = vm_buf(vm);
        size_t from = 0, at = 0;
        if (!vm_step(vm, s.n / 16)) {
                buf_free(&b);
                return false;
        }
        for (int64_t n = 0; (most < 0 || n < most) && !b.overflow; n++) {
                if (old.n)
                        at = str_find(s, old, from);
                else if (n > 0)
                        at = from < s.n ? from + rune_at(s, from) : SIZE_MAX;
                if (at == SIZE_MAX)
                        break;
                buf_add(&b, str_sub(s, from, at));
                buf_add(&b, new);
                from = at + old.n;
        }
        buf_add(&b, str_sub(s, from, s.n));
        return vm_text(vm, &b, ret);
}

bool text_repeat(struct vm *vm, struct str s, int64_t n, struct xvalue *ret) {
        size_t bytes;
        if (n < 0)
                n = 0;
        if (__builtin_mul_overflow(s.n, (size_t)n, &bytes))
                bytes = SIZE_MAX / 2;
        char *p = vm_alloc(vm, bytes, 1);
        if (!p)
                return false;
        for (size_t i = 0; s.n && i < bytes; i += s.n)
                memcpy(p + i, s.p, s.n);
        *ret = x_text((struct str){p, bytes});
        return true;
}

static bool in_set(struct str set, struct str s, size_t at, size_t n) {
        return str_find(set, str_sub(s, at, at + n), 0) != SIZE_MAX;
}

static size_t last_rune(struct str s) {
        size_t i = s.n - 1;
        while (i > 0 && s.n - i < 4 && ((unsigned char)s.p[i] & 0xC0) == 0x80)
                i--;
        return i + rune_at(s, i) == s.n ? i : s.n - 1;
}

struct str text_trim_set(struct str s, struct str set, bool left, bool right) {
        while (left && s.n && in_set(set, s, 0, rune_at(s, 0)))
                s = str_sub(s, rune_at(s, 0), s.n);
        while (right && s.n && in_set(set, s, last_rune(s), s.n - last_rune(s)))
                s = str_sub(s, 0, last_rune(s));
        return s;
}

struct str text_trim_space(struct str s) {
        uint32_t c;
        while (s.n && (utf8_next(s, 0, &c), rune_is_space(c)))
                s = str_sub(s, rune_at(s, 0), s.n);
        while (s.n && (utf8_next(s, last_rune(s), &c), rune_is_space(c)))
                s = str_sub(s, 0, last_rune(s));
        return s;
}

size_t text_find_last(struct str s, struct str needle) {
        for (size_t i = needle.n <= s.n ? s.n - needle.n + 1 : 0; i-- > 0;)
                if (needle.n == 0 || memcmp(s.p + i, needle.p, needle.n) == 0)
                        return i;
        return SIZE_MAX;
}

/* --- base 64 and 32 --- */

static const char *alphabet(int base) {
        return base == BASE32 ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

bool text_encode(struct vm *vm, struct str s, int base, struct xvalue *ret) {
        const char *letters = alphabet(base);
        unsigned width = base == BASE32 ? 5 : 6, group = base == BASE32 ? 8 : 4;
        char *p = vm_alloc(vm, s.n * 2 + 16, 1);
        if (!p)
                return false;
        size_t n = 0;
        uint32_t held = 0;
        unsigned bits = 0;
        for (size_t i = 0; i < s.n; i++) {
                held = held << 8 | (unsigned char)s.p[i];
                for (bits += 8; bits >= width; bits -= width)
                        p[n++] = letters[held >> (bits - width) & ((1u << width) - 1)];
        }
        if (bits)
                p[n++] = letters[held << (width - bits) & ((1u << width) - 1)];
        while (n % group)
                p[n++] = '=';
        *ret = x_text((struct str){p, n});
        return true;
}

/* Padding is required where it belongs; line ends are skipped. */
bool text_decode(struct vm *vm, struct str s, int base, struct str *ret, const char **wrong) {
        const char *letters = alphabet(base);
        unsigned width = base == BASE32 ? 5 : 6, group = base == BASE32 ? 8 : 4, bits = 0;
        char *p = vm_alloc(vm, s.n + 8, 1);
        *wrong = NULL;
        if (!p)
                return false;
        size_t n = 0, digits = 0, pads = 0, i = 0;
        uint32_t held = 0;
        bool bad = false;
        for (; i < s.n && !bad; i++) {
                char c = s.p[i];
                const char *found = c ? strchr(letters, c) : NULL;
                if (c == '\n' || c == '\r')
                        continue;
                if (c == '=' && digits % group > 1 && digits % group + pads < group)
                        pads++;
                else if (!found || pads)
                        bad = true;
                else {
                        digits++;
                        held = held << width | (uint32_t)(found - letters);
                        bits += width;
                        if (bits >= 8) {
                                bits -= 8;
                                p[n++] = (char)(held >> bits);
                        }
                }
        }
        if (bad || (digits + pads) % group)
                *wrong = arena_printf(vm->a, "illegal base%s data at input byte %zu", base == BASE32 ? "32" : "64", bad ? i - 1 : i - digits % group).p;
        *ret = (struct str){p, n};
        return true;
}

bool text_to_double(struct str s, double *ret) {
        static const char *const words[] = {"inf", "infinity", "nan"};
        size_t sign = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
        for (size_t w = 0; w < 3; w++) {
                size_t n = strlen(words[w]);
                bool same = s.n == sign + n && (w < 2 || !sign);
                for (size_t i = 0; same && i < n; i++)
                        same = (s.p[sign + i] | 32) == words[w][i];
                if (same) {
                        *ret = w == 2 ? (double)NAN : sign && s.p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
                        return true;
                }
        }
        return str_to_double(s, ret) && isfinite(*ret);
}
