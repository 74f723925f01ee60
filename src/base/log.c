#include "base/log.h"
#include "base/time.h"
#include "base/buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level least = LOG_INFO;
static bool as_json;
static const char *const names[] = {"debug", "info", "warning", "error"};

void log_set(enum log_level l, bool json)
{
        least = l;
        as_json = json;
}

bool log_enabled(enum log_level level) { return level >= least; }

/* As a JSON string: a byte that is no UTF-8 becomes U+FFFD. */
static void quoted(struct buf *b, struct str s)
{
        size_t valid = 0;
        for (size_t i = 0; i < s.n; i++) {
                unsigned char c = (unsigned char)s.p[i];
                if (i >= valid)
                        valid = i + str_utf8_prefix(str_sub(s, i, s.n));
                if (i == valid)
                        buf_add_c(b, "\xEF\xBF\xBD");
                else if (c == '"' || c == '\\')
                        buf_addf(b, "\\%c", c);
                else if (c < ' ')
                        buf_addf(b, "\\u%04x", c);
                else
                        buf_add_char(b, s.p[i]);
        }
}

void log_line(enum log_level level, int64_t wall_us, struct str run, uint32_t node, const char *format, ...)
{
        if (!log_enabled(level))
                return;
        char text[4096];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        struct arena *a = arena_new();
        struct str at = wall_rfc3339((struct wall){wall_us}, 3, a);
        struct buf b = BUF(65536);
        if (as_json) {
                buf_addf(&b, "{\"time\":\"%.*s\",\"level\":\"%s\"", STR_FMT(at), names[level]);
                if (run.n)
                        buf_addf(&b, ",\"run\":\"%.*s\"", STR_FMT(run));
                if (node)
                        buf_addf(&b, ",\"node\":%u", node);
                buf_add_c(&b, ",\"message\":\"");
                quoted(&b, str_from(text));
                buf_add_c(&b, "\"}\n");
        } else {
                buf_addf(&b, "%.*s %s ", STR_FMT(at), names[level]);
                if (run.n)
                        buf_addf(&b, "run %.*s ", STR_FMT(run));
                if (node)
                        buf_addf(&b, "node %u ", node);
                buf_addf(&b, "%s\n", text);
        }
        if (write(STDERR_FILENO, b.p, b.n) < 0) { /* nobody is left to be told */
        }
        buf_free(&b);
        arena_free(a);
}
