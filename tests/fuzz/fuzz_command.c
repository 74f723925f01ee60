/* A line that comes through the owner's socket, as a command and as an answer. What is understood is written as a line that means the same. */
#include <stdlib.h>
#include "runtime/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void command(struct str line, struct arena *a)
{
        struct command c, again;
        struct error e = {0};
        if (!command_decode(line, a, &c, &e)) {
                check(e.kind != ERROR_NONE && e.text[0]);
                return;
        }
        struct command copy = command_copy(&c, a);
        struct str text = command_encode(&copy, a);
        check(text.n && memchr(text.p, '\n', text.n) == text.p + text.n - 1);
        check(command_decode(str_sub(text, 0, text.n - 1), a, &again, &e) && str_eq(text, command_encode(&again, a)));
}

static void answer(struct str line, struct arena *a)
{
        struct answer x, again;
        if (!answer_decode(line, a, &x))
                return;
        struct str text = answer_encode(&x, a);
        check(answer_decode(text, a, &again) && str_eq(text, answer_encode(&again, a)));
        check(run_state_name(x.state) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct str line = {(const char *)data, size};
        command(line, a);
        answer(line, a);
        return 0;
}
