#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>

static const struct error_class classes[ERROR_KINDS] = {
        [ERROR_NONE] = {"none", 0, 200, false},
        [ERROR_USAGE] = {"usage", 2, 400, false},
        [ERROR_INVALID] = {"invalid", 2, 400, false},
        [ERROR_UNSUPPORTED] = {"unsupported", 2, 501, false},
        [ERROR_NOT_FOUND] = {"not_found", 2, 404, false},
        [ERROR_CONFLICT] = {"conflict", 2, 409, false},
        [ERROR_LIMIT] = {"limit", 2, 400, false},
        [ERROR_DENIED] = {"denied", 3, 403, false},
        [ERROR_BUSY] = {"busy", 3, 503, true},
        [ERROR_FULL] = {"full", 3, 507, true},
        [ERROR_VERSION] = {"version", 3, 500, false},
        [ERROR_CORRUPT] = {"corrupt", 3, 500, false},
        [ERROR_IO] = {"io", 3, 500, true},
        [ERROR_INTERNAL] = {"internal", 3, 500, false},
};

const struct error_class *error_class(enum error_kind kind) { return &classes[kind < ERROR_KINDS ? kind : ERROR_INTERNAL]; }

/* A text that was cut off must not end within a character, and what it quotes from a document must not steer a terminal. */
static void whole(struct error *e)
{
        for (char *p = e->text; *p; p++)
                if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7F)
                        *p = '?';
        size_t n = strlen(e->text), cut = n;
        if (n + 1 < sizeof e->text)
                return;
        while (cut && n - cut < 4 && ((unsigned char)e->text[cut - 1] & 0xC0) == 0x80)
                cut--;
        if (cut && (unsigned char)e->text[cut - 1] >= 0xC0 && !str_is_utf8((struct str){e->text + cut - 1, n - cut + 1}))
                e->text[cut - 1] = 0;
}

__attribute__((format(printf, 5, 0))) static void fill(struct error *e, enum error_kind kind, uint32_t line, uint32_t column, const char *format, va_list args)
{
        e->kind = kind;
        e->line = line;
        e->column = column;
        e->file[0] = 0;
        vsnprintf(e->text, sizeof e->text, format, args);
        whole(e);
}

bool error_set(struct error *e, enum error_kind kind, const char *format, ...)
{
        if (e) {
                va_list args;
                va_start(args, format);
                fill(e, kind, 0, 0, format, args);
                va_end(args);
        }
        return false;
}

bool error_at(struct error *e, enum error_kind kind, uint32_t line, uint32_t column, const char *format, ...)
{
        if (e) {
                va_list args;
                va_start(args, format);
                fill(e, kind, line, column, format, args);
                va_end(args);
        }
        return false;
}

bool error_at_byte(struct error *e, enum error_kind kind, struct str text, size_t offset, const char *format, ...)
{
        uint32_t line = 1, column = 1;
        for (size_t i = 0; e && i < offset && i < text.n; i++) {
                unsigned char c = (unsigned char)text.p[i];
                if (c == '\n') {
                        line++;
                        column = 1;
                } else
                        column += (c & 0xC0) != 0x80;
        }
        if (e) {
                va_list args;
                va_start(args, format);
                fill(e, kind, line, column, format, args);
                va_end(args);
        }
        return false;
}

bool error_wrap(struct error *e, const char *format, ...)
{
        if (!e)
                return false;
        char old[ERROR_TEXT_MAX];
        memcpy(old, e->text, sizeof old);
        va_list args;
        va_start(args, format);
        int n = vsnprintf(e->text, sizeof e->text, format, args);
        va_end(args);
        if (n >= 0 && (size_t)n < sizeof e->text) {
                size_t at = (size_t)n, left = sizeof e->text - at;
                int ignored = snprintf(e->text + at, left, ": %.*s", (int)(left > 3 ? left - 3 : 0), old);
                (void)ignored;
        }
        whole(e);
        return false;
}

void error_print(const struct error *e, char *buffer, size_t size)
{
        if (e->file[0] && e->line)
                snprintf(buffer, size, "%s:%u:%u: %s", e->file, e->line, e->column, e->text);
        else if (e->line)
                snprintf(buffer, size, "line %u, column %u: %s", e->line, e->column, e->text);
        else if (e->file[0])
                snprintf(buffer, size, "%s: %s", e->file, e->text);
        else
                snprintf(buffer, size, "%s", e->text);
}
