/* What is read can be written, in every style, and is then read as the same. */
#include <stdlib.h>
#include "text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const unsigned styles[] = {JSON_COMPACT, JSON_INDENT | JSON_SORTED, JSON_HTML, JSON_SPACED | JSON_SORTED};
        _cleanup_arena_ struct arena *a = arena_new();
        struct value v, again;
        struct error e = {0};
        if (!json_read((struct str){(const char *)data, size}, NULL, a, &v, &e)) {
                check(e.kind != ERROR_NONE && e.text[0] && e.line && e.column);
                return 0;
        }
        struct value copy = value_copy(&v, a);
        for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
                struct str text = json_text(&copy, styles[i], a);
                check(json_read(text, NULL, a, &again, &e) && value_equal(&v, &again));
                check(str_eq(text, json_text(&again, styles[i], a)));
        }
        return 0;
}
