/* Words to people. */
#include "cli/cli.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void say(const char *format, ...)
{
        char text[ERROR_TEXT_MAX + 512];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        fprintf(stderr, "weft: %s\n", text);
}

int fail(const struct error *e)
{
        char text[ERROR_TEXT_MAX + 512];
        error_print(e, text, sizeof text);
        if (e->file[0])
                fprintf(stderr, "%s\n", text);
        else
                say("%s", text);
        return error_class(e->kind)->exit_status;
}

int exit_of(enum run_state s)
{
        return s == RUN_SUCCEEDED ? EXIT_OK : EXIT_RUN_FAILED;
}

static int out_errno; /* of the first write that failed */

void put_flush(void)
{
        if (fflush(stdout) != 0 && !out_errno)
                out_errno = errno;
}

void put_out(struct str s)
{
        put_flush();
        while (s.n && !out_errno) {
                ssize_t n = write(STDOUT_FILENO, s.p, s.n);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0) {
                        out_errno = errno;
                        return;
                }
                s.p += n;
                s.n -= (size_t)n;
        }
}

int put_status(int status)
{
        put_flush();
        if (ferror(stdout) && !out_errno)
                out_errno = EIO;
        if (!out_errno || out_errno == EPIPE)
                return status;
        say("cannot write to standard output: %s; what is printed is not whole", strerror(out_errno));
        return status == EXIT_OK ? EXIT_WEFT : status;
}

bool settings_of(const struct args *a, struct settings *ret, struct error *e)
{
        settings_init(ret, a->arena);
        if (!settings_load(ret, e))
                return false;
        for (size_t i = 0; i < a->many[OPT_SET].n; i++) {
                struct str value = a->many[OPT_SET].p[i], name = str_cut(&value, '=');
                if (!value.p)
                        return error_set(e, ERROR_USAGE, "--set wants NAME=VALUE, not \"%.*s\"", STR_FMT(name));
                if (!settings_set(ret, name, value, "--set", e))
                        return false;
        }
        if (ret->text[SET_STORE_URL].n)
                backends.store = backends.store_url;
        return true;
}

bool folder_of(const struct args *a, bool create, struct str *ret, struct error *e)
{
        return data_folder(a->value[OPT_DATA], create, a->arena, ret, e);
}

void problems_print(const struct problems *p, struct str file)
{
        for (size_t i = 0; i < p->n; i++) {
                const struct problem *x = &p->items[i];
                fprintf(stderr, "%.*s:", STR_FMT(file));
                if (x->line)
                        fprintf(stderr, "%u:%u:", x->line, x->column);
                fprintf(stderr, " %s", x->warning ? "warning: " : "");
                if (x->path.n)
                        fprintf(stderr, "%.*s: ", STR_FMT(x->path));
                fprintf(stderr, "%.*s\n", STR_FMT(x->text));
        }
}
