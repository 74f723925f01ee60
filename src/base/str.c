#include "base/str.h"
#include <stdlib.h>

int str_cmp(struct str a, struct str b)
{
        size_t n = a.n < b.n ? a.n : b.n;
        int c = n ? memcmp(a.p, b.p, n) : 0;
        return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix) { return s.n >= prefix.n && (!prefix.n || !memcmp(s.p, prefix.p, prefix.n)); }

bool str_ends(struct str s, struct str suffix)
{
        return s.n >= suffix.n && (!suffix.n || !memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n));
}

size_t str_find(struct str s, struct str needle, size_t from)
{
        if (from > s.n || needle.n > s.n - from)
                return SIZE_MAX;
        if (!needle.n)
                return from;
        const char *p = memmem(s.p + from, s.n - from, needle.p, needle.n);
        return p ? (size_t)(p - s.p) : SIZE_MAX;
}

size_t str_find_char(struct str s, char c, size_t from)
{
        if (from >= s.n)
                return SIZE_MAX;
        const char *p = memchr(s.p + from, c, s.n - from);
        return p ? (size_t)(p - s.p) : SIZE_MAX;
}

struct str str_sub(struct str s, size_t from, size_t to)
{
        if (to > s.n)
                to = s.n;
        if (from > to)
                from = to;
        return (struct str){s.p ? s.p + from : NULL, to - from};
}

static bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct str str_trim(struct str s)
{
        while (s.n && space(s.p[0])) {
                s.p++;
                s.n--;
        }
        while (s.n && space(s.p[s.n - 1]))
                s.n--;
        return s;
}

struct str str_cut(struct str *rest, char separator)
{
        size_t at = str_find_char(*rest, separator, 0);
        struct str s = *rest;
        if (at == SIZE_MAX) {
                *rest = STR_NONE;
                return s;
        }
        *rest = (struct str){s.p + at + 1, s.n - at - 1};
        return (struct str){s.p, at};
}

bool str_to_i64(struct str s, int64_t *ret)
{
        size_t i = 0;
        bool negative = false;
        uint64_t v = 0, max = INT64_MAX;
        if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
                negative = s.p[i++] == '-';
        if (negative)
                max++;
        if (i == s.n)
                return false;
        for (; i < s.n; i++) {
                if (s.p[i] < '0' || s.p[i] > '9')
                        return false;
                uint64_t d = (uint64_t)(s.p[i] - '0');
                if (v > (max - d) / 10)
                        return false;
                v = v * 10 + d;
        }
        *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
        return true;
}

/* The grammar is checked first, so that strtod sees only what means the same in every locale that has '.' as its point;
 * Weft never calls setlocale, so it is always "C". */
bool str_to_double(struct str s, double *ret)
{
        size_t i = 0, digits = 0;
        if (!s.n)
                return false;
        if (s.p[i] == '-' || s.p[i] == '+')
                i++;
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
                digits++;
        if (i < s.n && s.p[i] == '.')
                for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
                        digits++;
        if (!digits)
                return false;
        if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
                size_t before = ++i;
                if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
                        before = ++i;
                for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
                        ;
                if (i == before)
                        return false;
        }
        if (i != s.n)
                return false;
        char few[128], *text = s.n < sizeof few ? few : malloc(s.n + 1);
        if (!text)
                abort();
        memcpy(text, s.p, s.n);
        text[s.n] = 0;
        *ret = strtod(text, NULL);
        if (text != few)
                free(text);
        return true;
}

/* Bytes of the valid character at p, or 0. */
static size_t character(const unsigned char *p, size_t left)
{
        unsigned char c = p[0];
        size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
        if (!n || n > left)
                return 0;
        uint32_t v = n == 1 ? c : c & (0x7Fu >> n);
        for (size_t k = 1; k < n; k++) {
                if ((p[k] & 0xC0) != 0x80)
                        return 0;
                v = v << 6 | (p[k] & 63u);
        }
        if ((n == 3 && (v < 0x800 || (v >= 0xD800 && v < 0xE000))) || (n == 4 && (v < 0x10000 || v > 0x10FFFF)))
                return 0;
        return n;
}

size_t str_utf8_prefix(struct str s)
{
        const unsigned char *p = (const unsigned char *)s.p;
        size_t i = 0;
        while (i < s.n) {
                uint64_t word = 0;
                for (; s.n - i >= sizeof word; i += sizeof word) {
                        memcpy(&word, p + i, sizeof word);
                        if (word & UINT64_C(0x8080808080808080))
                                break;
                }
                if (i == s.n)
                        break;
                size_t n = character(p + i, s.n - i);
                if (!n)
                        break;
                i += n;
        }
        return i;
}

bool str_is_utf8(struct str s) { return str_utf8_prefix(s) == s.n; }

size_t str_distance(struct str a, struct str b, size_t max)
{
        enum { LONGEST = 64 };
        if (a.n > LONGEST || b.n > LONGEST || (a.n > b.n ? a.n - b.n : b.n - a.n) > max)
                return max + 1;
        size_t row[3][LONGEST + 1];
        for (size_t j = 0; j <= b.n; j++)
                row[0][j] = j;
        for (size_t i = 1; i <= a.n; i++) {
                size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
                now[0] = i;
                for (size_t j = 1; j <= b.n; j++) {
                        size_t d = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);
                        if (up[j] + 1 < d)
                                d = up[j] + 1;
                        if (now[j - 1] + 1 < d)
                                d = now[j - 1] + 1;
                        if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && up2[j - 2] + 1 < d)
                                d = up2[j - 2] + 1;
                        now[j] = d;
                }
        }
        size_t d = row[a.n % 3][b.n];
        return d > max ? max + 1 : d;
}
