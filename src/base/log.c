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

static void quoted(struct buf *b, const char *s)
{
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        buf_addf(b, "\\%c", *s);
                else if ((unsigned char)*s < ' ')
                        buf_addf(b, "\\u%04x", (unsigned)*s);
                else
                        buf_add_char(b, *s);
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
                quoted(&b, text);
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
