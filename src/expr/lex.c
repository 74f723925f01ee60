/* Tokens of expr-lang. Errors are tokens too, so that an earlier mistake of the grammar is reported first. */
#include "expr/internal.h"
#include <stdio.h>

size_t utf8_next(struct str s, size_t at, uint32_t *ret) {
        const unsigned char *p = (const unsigned char *)s.p + at;
        size_t left = s.n - at;
        size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
        *ret = 0xFFFD;
        if (n == 1) {
                *ret = p[0];
                return 1;
        }
        if (n == 0 || n > left)
                return 1;
        uint32_t c = p[0] & (0x7Fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xC0) != 0x80)
                        return 1;
                c = c << 6 | (p[i] & 0x3Fu);
        }
        if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
                return 1;
        *ret = c;
        return n;
}

size_t utf8_put(char *to, uint32_t c) {
        if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
                c = 0xFFFD;
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (n == 1) {
                to[0] = (char)c;
                return 1;
        }
        for (size_t i = n - 1; i > 0; i--, c >>= 6)
                to[i] = (char)(0x80 | (c & 0x3F));
        to[0] = (char)((0xF00u >> n) | c);
        return n;
}

void utf8_add(struct buf *b, uint32_t c) {
        char t[4];
        buf_add(b, (struct str){t, utf8_put(t, c)});
}

size_t utf8_count(struct str s) {
        size_t n = 0;
        uint32_t c;
        for (size_t i = 0; i < s.n; n++)
                i += utf8_next(s, i, &c);
        return n;
}

bool rune_is_letter(uint32_t c) {
        if (c < 0x80)
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        /* Letters beyond ASCII by blocks: punctuation, symbols and private use are not. */
        if (c < 0xC0)
                return c == 0xAA || c == 0xB5 || c == 0xBA;
        return c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c < 0x2C00) && !(c >= 0x3000 && c < 0x3005) && !(c >= 0xD800 && c < 0xF900) &&
               !(c >= 0xFE00 && c < 0xFE70) && !(c >= 0xFF00 && c < 0xFF21) && c != 0xFFFD && !(c >= 0x1F000 && c < 0x20000);
}

bool rune_is_word(uint32_t c) { return c == '_' || c == '$' || (c >= '0' && c <= '9') || rune_is_letter(c); }

bool rune_is_space(uint32_t c) {
        return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
               c == 0x202F || c == 0x205F || c == 0x3000;
}

void token_push(struct tokens *ts, enum token_kind kind, uint32_t at, struct str text) {
        if (ts->n == ts->cap) {
                size_t cap = ts->cap ? ts->cap * 2 : 32;
                struct token *items = ARENA_ARRAY(ts->arena, struct token, cap);
                if (ts->n)
                        memcpy(items, ts->items, ts->n * sizeof *items);
                ts->items = items;
                ts->cap = cap;
        }
        ts->items[ts->n++] = (struct token){kind, at, text};
}

static int hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Digits of \x, \u, \U and octal escapes from *i on. */
static bool escape_number(struct str s, size_t *i, size_t digits, int base, uint32_t *ret) {
        uint32_t v = 0;
        for (size_t k = 0; k < digits; k++, (*i)++) {
                int d = *i < s.n ? hex_digit(s.p[*i]) : -1;
                if (d < 0 || d >= base)
                        return false;
                v = v * (uint32_t)base + (uint32_t)d;
        }
        *ret = v;
        return true;
}

const char *string_unescape(struct str body, bool cel, struct arena *a, struct str *ret) {
        static const char plain[] = "abfnrtv\\'\"`?", made[] = "\a\b\f\n\r\t\v\\'\"`?";
        char *out = arena_alloc_raw(a, body.n + 4, 1);
        size_t n = 0;
        for (size_t i = 0; i < body.n;) {
                if (body.p[i] != '\\') {
                        out[n++] = body.p[i++];
                        continue;
                }
                if (++i >= body.n)
                        return "unable to unescape string, unexpected end";
                char c = body.p[i++];
                const char *known = c ? strchr(plain, c) : NULL;
                if (known && (cel || c != '?')) {
                        out[n++] = made[known - plain];
                        continue;
                }
                uint32_t v = 0;
                if (c >= '0' && c <= '3') {
                        i--;
                        if (!escape_number(body, &i, 3, 8, &v))
                                return "unable to unescape octal sequence in string";
                } else if (c == 'u' && !cel && i < body.n && body.p[i] == '{') {
                        size_t from = ++i;
                        while (i < body.n && hex_digit(body.p[i]) >= 0 && i - from < 6)
                                v = v * 16 + (uint32_t)hex_digit(body.p[i++]);
                        if (i == from || i >= body.n || body.p[i++] != '}')
                                return "unable to unescape string";
                } else {
                        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
                        if (!digits || !escape_number(body, &i, digits, 16, &v))
                                return "unable to unescape string";
                }
                if (v > 0x10FFFF)
                        return "unable to unescape string";
                n += utf8_put(out + n, v); /* an escape is never shorter than what it stands for */
        }
        *ret = (struct str){out, n};
        return NULL;
}

struct lexer { struct str s; size_t i; struct tokens *out; struct arena *a; };

static bool lex_fail(struct lexer *l, size_t at, const char *message) {
        token_push(l->out, T_ERROR, (uint32_t)at, arena_str(l->a, str_from(message)));
        return false;
}

/* From the character after a backslash on; false at the first one that does not fit, which is then at l->i. */
static bool escape_fits(struct lexer *l, char quote) {
        char c = l->i < l->s.n ? l->s.p[l->i] : '\0';
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (c && (c == quote || strchr("abfnrtv\\", c))) {
                l->i++;
                return true;
        }
        if (c >= '0' && c <= '7') {
                for (digits = 3; digits > 0 && l->i < l->s.n && l->s.p[l->i] >= '0' && l->s.p[l->i] <= '7'; digits--)
                        l->i++;
                return digits == 0;
        }
        if (!digits)
                return false;
        l->i++;
        if (c == 'u' && l->i < l->s.n && l->s.p[l->i] == '{') {
                size_t from = l->i;
                while (++l->i < l->s.n && hex_digit(l->s.p[l->i]) >= 0 && l->i - from <= 6)
                        ;
                if (l->i - from < 2 || l->i >= l->s.n || l->s.p[l->i] != '}') {
                        l->i--; /* it is looked at, not read */
                        return false;
                }
                l->i++;
                return true;
        }
        for (; digits > 0 && l->i < l->s.n && hex_digit(l->s.p[l->i]) >= 0; digits--)
                l->i++;
        return digits == 0;
}

static bool lex_string(struct lexer *l, char quote) {
        size_t start = l->i++;
        while (l->i < l->s.n && l->s.p[l->i] != quote && l->s.p[l->i] != '\n') {
                bool escape = l->s.p[l->i++] == '\\';
                if (escape && !escape_fits(l, quote))
                        return lex_fail(l, l->i, "invalid char escape");
        }
        if (l->i >= l->s.n || l->s.p[l->i] == '\n')
                return lex_fail(l, l->i, "literal not terminated");
        struct str text;
        const char *wrong = string_unescape(str_sub(l->s, start + 1, l->i), false, l->a, &text);
        l->i++;
        if (wrong)
                return lex_fail(l, l->i - 1, wrong);
        token_push(l->out, T_STRING, (uint32_t)start, text);
        return true;
}

/* Between backticks; two of them stand for one. */
static bool lex_raw(struct lexer *l) {
        size_t end = l->i + 1, doubled = 0;
        for (; end < l->s.n && (l->s.p[end] != '`' || (end + 1 < l->s.n && l->s.p[end + 1] == '`')); end++)
                if (l->s.p[end] == '`') {
                        end++;
                        doubled++;
                }
        if (end >= l->s.n)
                return lex_fail(l, l->s.n, "literal not terminated");
        struct str text = str_sub(l->s, l->i + 1, end);
        if (doubled) {
                char *p = arena_alloc_raw(l->a, text.n, 1);
                size_t n = 0;
                for (size_t i = 0; i < text.n; i++) {
                        p[n++] = text.p[i];
                        i += text.p[i] == '`';
                }
                text = (struct str){p, n};
        }
        token_push(l->out, T_STRING, (uint32_t)l->i, text);
        l->i = end + 1;
        return true;
}

static char peek(const struct lexer *l, size_t ahead) { return l->i + ahead < l->s.n ? l->s.p[l->i + ahead] : '\0'; }

static void run_of(struct lexer *l, const char *set) {
        while (l->i < l->s.n && l->s.p[l->i] && strchr(set, l->s.p[l->i]))
                l->i++;
}

static bool accept(struct lexer *l, const char *set) {
        char c = peek(l, 0);
        if (!c || !strchr(set, c))
                return false;
        l->i++;
        return true;
}

static bool lex_number(struct lexer *l) {
        size_t start = l->i;
        const char *digits = "0123456789_";
        if (accept(l, "0"))
                digits = accept(l, "xX") ? "0123456789abcdefABCDEF_" : accept(l, "oO") ? "01234567_" : accept(l, "bB") ? "01_" : digits;
        run_of(l, digits);
        if (peek(l, 0) == '.' && peek(l, 1) != '.') {
                l->i++;
                run_of(l, digits);
        }
        if (!(peek(l, 0) == '.' && peek(l, 1) == '.')) {
                if (accept(l, "eE")) {
                        accept(l, "+-");
                        run_of(l, digits);
                }
                uint32_t c = 0;
                size_t n = l->i < l->s.n ? utf8_next(l->s, l->i, &c) : 0;
                if (n && rune_is_word(c)) {
                        l->i += n;
                        struct str word = str_sub(l->s, start, l->i);
                        return lex_fail(l, l->i - n, arena_printf(l->a, "bad number syntax: \"%.*s\"", STR_FMT(word)).p);
                }
        }
        token_push(l->out, T_NUMBER, (uint32_t)start, str_sub(l->s, start, l->i));
        return true;
}

static struct str word_at(struct str s, size_t i) {
        size_t start = i;
        uint32_t c;
        while (i < s.n) {
                size_t n = utf8_next(s, i, &c);
                if (!rune_is_word(c))
                        break;
                i += n;
        }
        return str_sub(s, start, i);
}

static void lex_word(struct lexer *l) {
        static const char *const operators[] = {"not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"};
        struct str word = word_at(l->s, l->i);
        enum token_kind kind = T_IDENT;
        for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
                if (str_eq_c(word, operators[i]))
                        kind = T_OP;
        token_push(l->out, kind, (uint32_t)l->i, word);
        l->i += word.n;
}

static void lex_operator(struct lexer *l, size_t n, enum token_kind kind) {
        token_push(l->out, kind, (uint32_t)l->i, str_sub(l->s, l->i, l->i + n));
        l->i += n;
}

static bool lex_comment(struct lexer *l, bool line) {
        size_t end = str_find(l->s, line ? STR("\n") : STR("*/"), l->i + 2);
        if (end == SIZE_MAX && !line)
                return lex_fail(l, l->s.n, "unclosed comment");
        l->i = end == SIZE_MAX ? l->s.n : end + (line ? 1 : 2);
        return true;
}

/* Everything but white space, strings, numbers and words. */
static bool lex_symbol(struct lexer *l, uint32_t c, size_t length) {
        char next = peek(l, 1);
        if (c == '/' && (next == '/' || next == '*'))
                return lex_comment(l, next == '/');
        if (c < 0x80 && c && strchr("([{)]}", (int)c))
                return lex_operator(l, 1, T_BRACKET), true;
        if (c == '#') {
                lex_operator(l, next == '#' ? 2 : 1, T_OP);
                struct str word = word_at(l->s, l->i);
                if (word.n)
                        lex_operator(l, word.n, T_IDENT);
                return true;
        }
        size_t n = 0;
        if (c < 0x80 && c) {
                if (c == '?')
                        n = next == '.' || next == '?' ? 2 : 1;
                else if (c == '|' || c == ':' || c == '.')
                        n = next == (char)c ? 2 : 1;
                else if (strchr("/,;%+-^@", (int)c) && c != '@')
                        n = 1;
                else if (strchr("&!=*<>", (int)c))
                        n = next && strchr("&=*", next) ? 2 : 1;
        }
        if (n)
                return lex_operator(l, n, T_OP), true;
        struct str bad = str_sub(l->s, l->i, l->i + length);
        return lex_fail(l, l->i, arena_printf(l->a, "unrecognized character: U+%04X '%.*s'", c, STR_FMT(bad)).p);
}

void expr_lex(struct str source, struct arena *a, struct tokens *ret) {
        struct lexer l = {.s = source, .out = ret, .a = a};
        while (l.i < source.n) {
                uint32_t c;
                size_t n = utf8_next(source, l.i, &c);
                if (rune_is_space(c)) {
                        l.i += n;
                        continue;
                }
                bool ok = true;
                if (c == '\'' || c == '"')
                        ok = lex_string(&l, (char)c);
                else if (c == '`')
                        ok = lex_raw(&l);
                else if ((c >= '0' && c <= '9') || (c == '.' && peek(&l, 1) >= '0' && peek(&l, 1) <= '9'))
                        ok = lex_number(&l);
                else if (rune_is_word(c))
                        lex_word(&l);
                else if (c == '@') /* only filters of JSON paths know it; the parser says so */
                        lex_operator(&l, 1, T_OP);
                else
                        ok = lex_symbol(&l, c, n);
                if (!ok)
                        return;
        }
        size_t last = source.n ? source.n - 1 : 0;
        while (last > 0 && ((unsigned char)source.p[last] & 0xC0) == 0x80)
                last--;
        token_push(ret, T_EOF, (uint32_t)last, STR("EOF"));
}
