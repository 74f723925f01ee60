/* Sprig's functions on texts. Where Sprig counts bytes (trunc, abbrev, substr, wrap), so does this. */
#include "expr/internal.h"
#include "text/json.h"
#include <stdio.h>

/* --- characters with both their cases --- */

/* Upper and lower case are mapped for the whole text at once, one character to one, and walked in step. */
struct runes { struct str s, up, low; size_t i, u, l; uint32_t c, upper, lower; };

static bool runes_new(struct vm *vm, struct str s, struct runes *ret) {
        *ret = (struct runes){.s = s, .up = text_case(vm, s, true), .low = text_case(vm, s, false)};
        return !vm->failed;
}

static bool runes_next(struct runes *r) {
        if (r->i >= r->s.n)
                return false;
        r->i += utf8_next(r->s, r->i, &r->c);
        r->upper = r->lower = r->c;
        if (r->u < r->up.n)
                r->u += utf8_next(r->up, r->u, &r->upper);
        if (r->l < r->low.n)
                r->l += utf8_next(r->low, r->l, &r->lower);
        return true;
}

static bool is_upper(const struct runes *r) { return r->c != r->lower; }

enum { TITLE, UNTITLE, SWAP };

static bool recase(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct runes r;
        struct buf b = vm_buf(vm);
        bool start = true, space = true;
        if (!runes_new(vm, args[0].text, &r))
                return false;
        while (runes_next(&r)) {
                bool cased = r.upper != r.lower;
                if (vm->function->flag == SWAP)
                        utf8_add(&b, is_upper(&r) ? r.lower : r.upper);
                else if (vm->function->flag == TITLE)
                        utf8_add(&b, start && cased ? r.upper : r.c);
                else
                        utf8_add(&b, space && cased ? r.lower : r.c);
                start = !rune_is_word(r.c) || r.c == '$';
                space = rune_is_space(r.c);
        }
        return vm_text(vm, &b, ret);
}

static bool connector(uint32_t c) { return c == '-' || c == '_' || rune_is_space(c); }

/* "some words_here" → "SomeWordsHere". */
static bool camel(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct runes r;
        struct buf b = vm_buf(vm);
        uint32_t before = 0;
        bool first = true, shouting = false;
        if (!runes_new(vm, args[0].text, &r))
                return false;
        while (runes_next(&r)) {
                uint32_t c = r.c;
                if (first) {
                        if (connector(c)) {
                                utf8_add(&b, c);
                                continue;
                        }
                        shouting = is_upper(&r);
                        before = r.upper;
                        first = false;
                        continue;
                }
                if (connector(c) && connector(before)) {
                        utf8_add(&b, before);
                        continue;
                }
                if (connector(before)) {
                        shouting = is_upper(&r);
                        c = r.upper;
                } else {
                        if (shouting && is_upper(&r))
                                c = r.lower;
                        else
                                shouting = false;
                        utf8_add(&b, before);
                }
                before = c;
        }
        if (!first)
                utf8_add(&b, before);
        return vm_text(vm, &b, ret);
}

enum class { C_END, C_NUMBER, C_UPPER, C_LOWER, C_CONNECTOR, C_PUNCTUATION, C_OTHER };
struct word { enum class class; size_t from, to; }; /* runes */
struct letters { uint32_t *c, *lower; size_t n; };

static enum class class_of(const struct letters *l, size_t i) {
        uint32_t c = i < l->n ? l->c[i] : 0;
        if (i >= l->n)
                return C_END;
        if (connector(c))
                return C_CONNECTOR;
        if (c >= '0' && c <= '9')
                return C_NUMBER;
        if (c < 0x80 && c > ' ' && !rune_is_letter(c))
                return strchr("$+<=>^`|~", (int)c) ? C_OTHER : C_PUNCTUATION;
        return c != l->lower[i] ? C_UPPER : rune_is_letter(c) ? C_LOWER : C_OTHER;
}

/* The next run of one class. A capital begins a word ("Status"), several make one, whose last belongs to small letters that follow. */
static struct word next_word(const struct letters *l, size_t at) {
        struct word w = {class_of(l, at), at, at};
        if (w.class == C_END)
                return w;
        for (w.to++; class_of(l, w.to) == w.class; w.to++)
                ;
        if (w.class != C_UPPER)
                return w;
        if (w.to - w.from > 1)
                w.to -= class_of(l, w.to) == C_LOWER ? 1 : 0;
        else
                while (class_of(l, w.to) == C_LOWER)
                        w.to++;
        return w;
}

static void add_word(struct buf *b, const struct letters *l, const struct word *w, uint32_t mark) {
        for (size_t i = w->from; i < w->to && w->class != C_END; i++)
                utf8_add(b, w->class == C_CONNECTOR ? mark : l->lower[i]);
}

static bool joins(enum class c) { return c == C_CONNECTOR || c == C_PUNCTUATION; }

/* A number and the small letters that stick to it: "2xx". */
static struct word add_number(struct buf *b, const struct letters *l, struct word w, uint32_t mark) {
        while (w.class == C_LOWER || w.class == C_NUMBER) {
                add_word(b, l, &w, mark);
                w = next_word(l, w.to);
        }
        if (w.class != C_END && !joins(w.class))
                utf8_add(b, mark);
        return w;
}

/* "HTTPStatus2xx" → "http_status_2xx". */
static bool snake(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        uint32_t mark = (uint32_t)vm->function->flag;
        struct runes r;
        struct letters l = {0};
        struct buf b = vm_buf(vm);
        size_t count = utf8_count(args[0].text);
        if (!runes_new(vm, args[0].text, &r) || !(l.c = VM_ARRAY(vm, uint32_t, count)) || !(l.lower = VM_ARRAY(vm, uint32_t, count)))
                return false;
        for (; runes_next(&r); l.n++) {
                l.c[l.n] = r.c;
                l.lower[l.n] = r.lower;
        }
        struct word w = next_word(&l, 0);
        while (w.to < l.n && w.class != C_END) {
                struct word next = next_word(&l, w.to);
                add_word(&b, &l, &w, mark);
                if (w.class == C_NUMBER)
                        next = add_number(&b, &l, next, mark);
                else if (!joins(w.class) && next.class == C_NUMBER && next.to < l.n) {
                        struct word after = next_word(&l, next.to);
                        if (after.class == C_LOWER) {
                                utf8_add(&b, mark);
                                add_word(&b, &l, &next, mark);
                                next = add_number(&b, &l, after, mark);
                        } else {
                                add_word(&b, &l, &next, mark);
                                if (!joins(after.class))
                                        utf8_add(&b, mark);
                                next = after;
                        }
                } else if (!joins(w.class) && next.class != C_NUMBER && !joins(next.class))
                        utf8_add(&b, mark);
                w = next;
        }
        add_word(&b, &l, &w, mark);
        return vm_text(vm, &b, ret);
}

static bool change_case(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_text(text_case(vm, args[0].text, vm->function->flag != 0));
        return !vm->failed;
}

/* --- pieces --- */

static bool trim(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_text(text_trim_space(args[0].text));
        return true;
}

enum { ALL, PREFIX, SUFFIX, CONTAINS };

static bool trim_what(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str what = args[0].text, s = args[1].text;
        int which = vm->function->flag;
        if (which == ALL)
                s = text_trim_set(s, what, true, true);
        else if (which == PREFIX && str_starts(s, what))
                s = str_sub(s, what.n, s.n);
        else if (which == SUFFIX && str_ends(s, what))
                s = str_sub(s, 0, s.n - what.n);
        *ret = x_text(s);
        return true;
}

static bool has(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str what = args[0].text, s = args[1].text;
        int which = vm->function->flag;
        *ret = x_bool(which == PREFIX ? str_starts(s, what) : which == SUFFIX ? str_ends(s, what) : str_find(s, what, 0) != SIZE_MAX);
        return vm_step(vm, s.n / 256);
}

static bool trunc_text(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t c = args[0].integer, size = (int64_t)args[1].text.n;
        struct str s = args[1].text;
        *ret = x_text(c < 0 && c > -size ? str_sub(s, (size_t)(size + c), s.n) : c >= 0 && c < size ? str_sub(s, 0, (size_t)c) : s);
        return true;
}

static bool substr(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t from = args[0].integer, to = args[1].integer, size = (int64_t)args[2].text.n;
        if (from < 0)
                from = 0;
        else if (to < 0 || to > size)
                to = size;
        if (to < from || to > size)
                return vm_fail(vm, "runtime error: slice bounds out of range [%lld:%lld]", (long long)from, (long long)to);
        *ret = x_text(str_sub(args[2].text, (size_t)from, (size_t)to));
        return true;
}

/* At most `width` bytes, what is left out replaced by dots; `left`: how many may be left out at the start. */
static struct str abbreviate(struct vm *vm, struct str s, int64_t left, int64_t width) {
        int64_t size = (int64_t)s.n, kept = width - 3;
        if (size <= width)
                return s;
        left = left > size ? size : left;
        left = size - left < kept ? size - kept : left;
        if (left <= 4)
                return arena_printf(vm->a, "%.*s...", (int)kept, s.p);
        if (width < 7)
                return STR("");
        if (left + kept >= size)
                return arena_printf(vm->a, "...%.*s", (int)kept, s.p + size - kept);
        struct str rest = abbreviate(vm, str_sub(s, (size_t)left, s.n), 0, kept);
        return arena_printf(vm->a, "...%.*s", STR_FMT(rest));
}

static bool abbrev(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t left = n == 3 ? args[0].integer : 0, width = args[n - 2].integer;
        struct str s = args[n - 1].text;
        bool narrow = width < 4 || (left > 0 && width < 7);
        *ret = x_text(narrow || s.n == 0 ? s : abbreviate(vm, s, left < 0 ? 0 : left, width > (1 << 30) ? 1 << 30 : width));
        return vm_step(vm, s.n / 256);
}

static bool nospace(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct buf b = vm_buf(vm);
        uint32_t c;
        for (size_t i = 0, size; i < args[0].text.n; i += size) {
                size = utf8_next(args[0].text, i, &c);
                if (!rune_is_space(c))
                        buf_add(&b, str_sub(args[0].text, i, i + size));
        }
        return vm_text(vm, &b, ret);
}

static bool initials(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct buf b = vm_buf(vm);
        uint32_t c;
        bool gap = true;
        for (size_t i = 0, size; i < args[0].text.n; i += size) {
                size = utf8_next(args[0].text, i, &c);
                if (gap && !rune_is_space(c))
                        buf_add(&b, str_sub(args[0].text, i, i + size));
                gap = rune_is_space(c);
        }
        return vm_text(vm, &b, ret);
}

static bool repeat(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        if (args[0].integer < 0)
                return vm_fail(vm, "strings: negative Repeat count");
        return text_repeat(vm, args[1].text, args[0].integer, ret);
}

static bool replace(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        return text_replace(vm, args[2].text, args[0].text, args[1].text, SPLIT_ALL, ret);
}

static bool indent(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct xvalue pad, broken, text;
        if (args[0].integer < 0)
                return vm_fail(vm, "strings: negative Repeat count");
        if (!text_repeat(vm, STR(" "), args[0].integer, &pad))
                return false;
        broken = x_text(arena_printf(vm->a, "\n%.*s", STR_FMT(pad.text)));
        if (!text_replace(vm, args[1].text, STR("\n"), broken.text, SPLIT_ALL, &text))
                return false;
        struct buf b = vm_buf(vm);
        buf_add(&b, vm->function->flag ? broken.text : pad.text);
        buf_add(&b, text.text);
        return vm_text(vm, &b, ret);
}

/* Lines of at most `width` bytes, broken at spaces; with `hard` a longer word is broken too. */
static bool wrap(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s = args[n - 1].text, line_end = n == 3 && args[1].text.n ? args[1].text : STR("\n");
        bool hard = n == 3;
        size_t width = args[0].integer < 1 ? 1 : (size_t)args[0].integer, at = 0;
        struct buf b = vm_buf(vm);
        while (s.n - at > width && !b.overflow) {
                if (s.p[at] == ' ') {
                        at++;
                        continue;
                }
                size_t space = text_find_last(str_sub(s, at, at + width + 1), STR(" ")), end = SIZE_MAX;
                bool skip = true;
                if (space != SIZE_MAX)
                        end = at + space;
                else if (hard) {
                        end = at + width;
                        skip = false;
                } else
                        end = str_find_char(s, ' ', at + width);
                if (end == SIZE_MAX)
                        break;
                buf_add(&b, str_sub(s, at, end));
                buf_add(&b, line_end);
                at = end + skip;
        }
        buf_add(&b, str_sub(s, at, s.n));
        return vm_text(vm, &b, ret);
}

static bool plural(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = args[args[2].integer == 1 ? 0 : 1];
        return true;
}

static bool split_map(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        if (!text_split(vm, args[n - 1].text, args[0].text, n == 3 ? args[1].integer : SPLIT_ALL, false, &b))
                return false;
        struct xmember *m = VM_ARRAY(vm, struct xmember, b.n);
        if (!m)
                return false;
        for (size_t i = 0; i < b.n; i++)
                m[i] = (struct xmember){arena_printf(vm->a, "_%zu", i), b.items[i]};
        *ret = x_map(m, members_sort(m, b.n));
        return vm_step(vm, b.n / 8);
}

static bool split_list(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct list_builder b = {0};
        bool ok = text_split(vm, args[1].text, args[0].text, SPLIT_ALL, false, &b);
        *ret = x_list(b.items, b.n);
        return ok;
}

/* As Go's %q: what cannot be printed is written as an escape. */
static void add_quoted(struct buf *b, struct str s) {
        static const char plain[] = "\a\b\f\n\r\t\v\\\"", names[] = "abfnrtv\\\"";
        uint32_t c;
        buf_add_char(b, '"');
        for (size_t i = 0, n; i < s.n; i += n) {
                n = utf8_next(s, i, &c);
                const char *known = c && c < 0x80 ? strchr(plain, (int)c) : NULL;
                if (known)
                        buf_addf(b, "\\%c", names[known - plain]);
                else if (c == 0xFFFD && n == 1)
                        buf_addf(b, "\\x%02x", (unsigned char)s.p[i]);
                else if (c < ' ' || c == 0x7F)
                        buf_addf(b, "\\x%02x", c);
                else if ((c >= 0x80 && c < 0xA1) || c == 0xAD || (c >= 0x2000 && c <= 0x200F) || (c >= 0x2028 && c <= 0x202F) || c == 0xFEFF)
                        buf_addf(b, "\\u%04x", c);
                else
                        buf_add(b, str_sub(s, i, i + n));
        }
        buf_add_char(b, '"');
}

enum { QUOTE, SQUOTE, CAT };

static bool quote(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct buf b = vm_buf(vm);
        bool first = true;
        for (size_t i = 0; i < n; i++) {
                if (args[i].kind == X_NIL)
                        continue;
                if (!first)
                        buf_add_char(&b, ' ');
                first = false;
                struct str s = sprig_text_of(&args[i], vm->a);
                if (vm->function->flag == QUOTE)
                        add_quoted(&b, s);
                else
                        buf_addf(&b, vm->function->flag == SQUOTE ? "'%.*s'" : "%.*s", STR_FMT(s));
        }
        return vm_text(vm, &b, ret);
}

static bool to_string(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct buf b = vm_buf(vm);
        x_print_to(&args[0], &b, vm->a, 0);
        return vm_text(vm, &b, ret);
}

/* --- chance, from the evaluation's seed --- */

static bool random_text(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        static const struct { unsigned from, n; } sets[] = {{0, 62}, {0, 52}, {52, 10}};
        int set = vm->function->flag;
        int64_t count = args[0].integer;
        if (count < 0)
                return vm_fail(vm, "the length of a random text cannot be negative");
        char *p = vm_alloc(vm, (size_t)count + 1, 1);
        if (!p || !vm_step(vm, (uint64_t)count))
                return false;
        for (int64_t i = 0; i < count; i++)
                p[i] = set < 3 ? letters[sets[set].from + random_below(&vm->random, sets[set].n)] : (char)(' ' + random_below(&vm->random, 95));
        *ret = x_text((struct str){p, (size_t)count});
        return true;
}

static bool shuffle(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s = args[0].text;
        size_t count = utf8_count(s), at = 0;
        uint32_t *c = VM_ARRAY(vm, uint32_t, count);
        struct buf b = vm_buf(vm);
        if (!c || !vm_step(vm, count))
                return false;
        for (size_t i = 0; i < count; i++)
                at += utf8_next(s, at, &c[i]);
        for (size_t i = count; i > 1; i--) {
                size_t k = (size_t)random_below(&vm->random, i);
                uint32_t t = c[k];
                c[k] = c[i - 1];
                c[i - 1] = t;
        }
        for (size_t i = 0; i < count; i++)
                utf8_add(&b, c[i]);
        return vm_text(vm, &b, ret);
}

static bool hello(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_text(STR("Hello!"));
        return true;
}

FUNCS(sprig_text,
        SPRIG("abbrev", abbrev, 2, 2, "Is", 0), SPRIG("abbrevboth", abbrev, 3, 3, "IIs", 0), SPRIG("camelcase", camel, 1, 1, "s", 0), SPRIG("cat", quote, 0, -1, ".", CAT),
        SPRIG("contains", has, 2, 2, "s", CONTAINS), SPRIG("hasPrefix", has, 2, 2, "s", PREFIX), SPRIG("hasSuffix", has, 2, 2, "s", SUFFIX), SPRIG("hello", hello, 0, 0, ".", 0),
        SPRIG("indent", indent, 2, 2, "Is", 0), SPRIG("initials", initials, 1, 1, "s", 0), SPRIG("kebabcase", snake, 1, 1, "s", '-'), SPRIG("lower", change_case, 1, 1, "s", 0),
        SPRIG("nindent", indent, 2, 2, "Is", 1), SPRIG("nospace", nospace, 1, 1, "s", 0), SPRIG("plural", plural, 3, 3, "ssI", 0), SPRIG("quote", quote, 0, -1, ".", QUOTE),
        SPRIG("randAlpha", random_text, 1, 1, "I", 1), SPRIG("randAlphaNum", random_text, 1, 1, "I", 0), SPRIG("randAscii", random_text, 1, 1, "I", 3),
        SPRIG("randNumeric", random_text, 1, 1, "I", 2), SPRIG("repeat", repeat, 2, 2, "Is", 0), SPRIG("replace", replace, 3, 3, "s", 0), SPRIG("shuffle", shuffle, 1, 1, "s", 0),
        SPRIG("snakecase", snake, 1, 1, "s", '_'), SPRIG("split", split_map, 2, 2, "s", 0), SPRIG("splitList", split_list, 2, 2, "s", 0), SPRIG("splitn", split_map, 3, 3, "sIs", 0),
        SPRIG("squote", quote, 0, -1, ".", SQUOTE), SPRIG("substr", substr, 3, 3, "IIs", 0), SPRIG("swapcase", recase, 1, 1, "s", SWAP), SPRIG("title", recase, 1, 1, "s", TITLE),
        SPRIG("toString", to_string, 1, 1, ".", 0), SPRIG("trim", trim, 1, 1, "s", 0), SPRIG("trimAll", trim_what, 2, 2, "s", ALL), SPRIG("trimPrefix", trim_what, 2, 2, "s", PREFIX),
        SPRIG("trimSuffix", trim_what, 2, 2, "s", SUFFIX), SPRIG("trimall", trim_what, 2, 2, "s", ALL), SPRIG("trunc", trunc_text, 2, 2, "Is", 0),
        SPRIG("untitle", recase, 1, 1, "s", UNTITLE), SPRIG("upper", change_case, 1, 1, "s", 1), SPRIG("wrap", wrap, 2, 2, "Is", 0), SPRIG("wrapWith", wrap, 3, 3, "Iss", 0),
);
