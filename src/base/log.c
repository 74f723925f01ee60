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

static void put(struct buf *b)
{
        if (write(STDERR_FILENO, b->p, b->n) < 0) { /* nobody is left to be told */
        }
        buf_free(b);
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
        put(&b);
        arena_free(a);
}

static void member(struct buf *b, const char *name, struct str s)
{
        buf_addf(b, ",\"%s\":\"", name);
        quoted(b, s);
        buf_add_char(b, '"');
}

void log_request(enum log_level level, int64_t wall_us, const struct log_request *r)
{
        if (!log_enabled(level))
                return;
        struct arena *a = arena_new();
        struct str at = wall_rfc3339((struct wall){wall_us}, 3, a);
        struct buf b = BUF(65536);
        if (as_json) {
                buf_addf(&b, "{\"time\":\"%.*s\",\"level\":\"%s\",\"message\":\"request\"", STR_FMT(at), names[level]);
                member(&b, "request", r->id);
                member(&b, "method", r->method);
                member(&b, "path", r->path);
                member(&b, "user", r->user);
                buf_addf(&b, ",\"status\":%d,\"bytes\":%zu,\"us\":%lld%s}\n", r->status, r->bytes, (long long)r->took_us, r->cut_off ? ",\"cut_off\":true" : "");
        } else
                buf_addf(&b, "%.*s %s %.*s %.*s %d %zu bytes in %lld us, user %.*s, request %.*s%s\n", STR_FMT(at), names[level], STR_FMT(r->method), STR_FMT(r->path), r->status, r->bytes,
                         (long long)r->took_us, STR_FMT(r->user.n ? r->user : STR("-")), STR_FMT(r->id), r->cut_off ? ", cut off" : "");
        put(&b);
        arena_free(a);
}
