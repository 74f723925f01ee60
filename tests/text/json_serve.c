/* Reads texts, each behind its length in decimal and a line end, from standard input; answers each with a line and bytes: "ok LENGTH" and
 * the value, compact, or "LINE COLUMN" of the error. The number after the program's name is the style of writing. */
#include <stdio.h>
#include <stdlib.h>
#include "text/json.h"

int main(int argc, char **argv)
{
        unsigned style = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
        char line[32];
        while (fgets(line, sizeof line, stdin)) {
                size_t n = strtoul(line, NULL, 10);
                char *text = malloc(n ? n : 1);
                if (!text || fread(text, 1, n, stdin) != n)
                        return 1;
                struct arena *a = arena_new();
                struct value v;
                struct error e = {0};
                if (json_read((struct str){text, n}, NULL, a, &v, &e)) {
                        struct str out = json_text(&v, style, a);
                        printf("ok %zu\n", out.n);
                        fwrite(out.p, 1, out.n, stdout);
                } else
                        printf("%u %u\n", e.line, e.column);
                arena_free(a);
                free(text);
        }
        return 0;
}
