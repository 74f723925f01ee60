/* Regular expressions by PCRE2, close to Go's: $ is the very end, no variants that depend on a locale. Their work is charged to the
 * budget of the evaluation: a match is tried with a small limit first, and a larger one costs in proportion. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "expr/internal.h"
#include <pcre2.h>
#include <stdlib.h>

struct regex {
        pcre2_code *code;
        pcre2_match_data *data;
        pcre2_match_context *context;
        bool utf;
};

void regex_free(struct regex *r) {
        if (!r)
                return;
        pcre2_match_context_free(r->context);
        pcre2_match_data_free(r->data);
        pcre2_code_free(r->code);
        free(r);
}

/* The commonest mistakes in the words of Go's engine. */
static struct regex *refuse(struct vm *vm, int error, size_t at, struct str pattern) {
        size_t bracket = text_find_last(str_sub(pattern, 0, at), STR("[")), sign = at < pattern.n && strchr("*+?{", pattern.p[at]) ? at : at ? at - 1 : 0;
        if (error == PCRE2_ERROR_MISSING_SQUARE_BRACKET)
                vm_fail(vm, "error parsing regexp: missing closing ]: `%.*s`", STR_FMT(str_sub(pattern, bracket == SIZE_MAX ? 0 : bracket, pattern.n)));
        else if (error == PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS)
                vm_fail(vm, "error parsing regexp: missing closing ): `%.*s`", STR_FMT(pattern));
        else if (error == PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS)
                vm_fail(vm, "error parsing regexp: unexpected ): `%.*s`", STR_FMT(pattern));
        else if (error == PCRE2_ERROR_QUANTIFIER_INVALID)
                vm_fail(vm, "error parsing regexp: missing argument to repetition operator: `%.*s`", STR_FMT(str_sub(pattern, sign, sign + 1)));
        else {
                char text[200];
                pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
                vm_fail(vm, "error parsing regexp: %s at %zu: `%.*s`", text, at, STR_FMT(pattern));
        }
        return NULL;
}

struct regex *regex_new(struct vm *vm, struct str pattern) {
        if (!vm_step(vm, 50 + pattern.n))
                return NULL;
        if (pattern.n > 10000) {
                vm_fail(vm, "the regular expression has %zu bytes; at most 10000 are allowed", pattern.n);
                return NULL;
        }
        struct regex *r = calloc(1, sizeof *r);
        pcre2_compile_context *c = pcre2_compile_context_create(NULL);
        if (!r || !c)
                abort();
        pcre2_set_parens_nest_limit(c, 100);
        int error = 0;
        PCRE2_SIZE at = 0;
        r->utf = str_is_utf8(pattern);
        uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | (r->utf ? PCRE2_UTF | PCRE2_MATCH_INVALID_UTF : 0u);
        r->code = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n, options, &error, &at, c);
        pcre2_compile_context_free(c);
        if (!r->code) {
                free(r);
                return refuse(vm, error, at, pattern);
        }
        r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
        r->context = pcre2_match_context_create(NULL);
        if (!r->data || !r->context)
                abort();
        pcre2_set_heap_limit(r->context, 20000);
        return r;
}

bool regex_find(struct vm *vm, struct regex *r, struct str subject, size_t from, const size_t **ret, uint32_t *ret_n) {
        *ret_n = 0;
        if (from > subject.n)
                return true;
        for (uint32_t limit = 4000;; limit *= 16) {
                if (!vm_step(vm, limit / 40 + (subject.n - from) / 256))
                        return false;
                pcre2_set_match_limit(r->context, limit);
                int n = pcre2_match(r->code, (PCRE2_SPTR)(subject.p ? subject.p : ""), subject.n, from, 0, r->data, r->context);
                if (n == PCRE2_ERROR_NOMATCH)
                        return true;
                if (n == PCRE2_ERROR_MATCHLIMIT && limit < 16000000)
                        continue;
                if (n < 0)
                        return vm_fail(vm, "the regular expression takes too much work on this text");
                *ret = pcre2_get_ovector_pointer(r->data);
                *ret_n = (uint32_t)n;
                return true;
        }
}

uint32_t regex_group(const struct regex *r, struct str name) {
        char text[64];
        if (name.n == 0 || name.n >= sizeof text)
                return UINT32_MAX;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        int n = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)text);
        return n < 0 ? UINT32_MAX : (uint32_t)n;
}

bool regex_matches(struct vm *vm, struct str pattern, struct str subject, bool *ret) {
        struct regex *r = regex_new(vm, pattern);
        if (!r)
                return false;
        const size_t *at;
        uint32_t n;
        bool ok = regex_find(vm, r, subject, 0, &at, &n);
        regex_free(r);
        *ret = n > 0;
        return ok;
}

/* The C library's functions would depend on the locale; PCRE2 has Unicode's tables. */
struct str text_case(struct vm *vm, struct str s, bool upper) {
        bool plain = true;
        for (size_t i = 0; i < s.n && plain; i++)
                plain = (unsigned char)s.p[i] < 0x80;
        char *out = vm_alloc(vm, 3 * s.n + 8, 1);
        if (!out)
                return STR_NONE;
        if (plain || !str_is_utf8(s)) {
                for (size_t i = 0; i < s.n; i++) {
                        char c = s.p[i];
                        out[i] = upper ? (c >= 'a' && c <= 'z' ? (char)(c - 32) : c) : (c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
                }
                return (struct str){out, s.n};
        }
        int error = 0;
        PCRE2_SIZE at = 0, n = 3 * s.n + 8;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR) "(?s).+", 6, PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
        if (!code)
                abort();
        int done = pcre2_substitute(code, (PCRE2_SPTR)s.p, s.n, 0, PCRE2_SUBSTITUTE_EXTENDED, NULL, NULL, (PCRE2_SPTR)(upper ? "\\U$0" : "\\L$0"), 4,
                                    (PCRE2_UCHAR *)out, &n);
        pcre2_code_free(code);
        return done < 0 ? s : (struct str){out, n};
}
