/* Reading and writing JSON: ours beside json-c, in turn, on the same text. Prints one line of numbers for run.py: MB/s of ours and of json-c
 * for reading and for writing, medians. */
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/hash.h"
#include "text/json.h"

enum { ROUNDS = 9, RUNS = 3000 };

static double now_s(void)
{
        struct timespec t;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static double median(double *x)
{
        qsort(x, ROUNDS, sizeof *x, by_size);
        return x[ROUNDS / 2];
}

/* What Weft reads and writes most: the nodes of runs. */
static void document(struct buf *b)
{
        struct random_source r = {1};
        buf_add_c(b, "[");
        for (int i = 0; i < RUNS; i++)
                buf_addf(b, "%s{\"id\":\"%016llx\",\"name\":\"train-model(%d:lr=0.%llu)\",\"state\":\"Succeeded\",\"attempt\":%d,\"started_at\":\"2026-01-02T03:04:%02dZ\",\"exit_code\":0,"
                            "\"message\":\"line one\\nline \\\"two\\\" caf\xc3\xa9\",\"outputs\":{\"parameters\":{\"accuracy\":0.%llu,\"epochs\":[1,2,3,4],\"best\":true},\"artifacts\":{}},\"depends_on\":[\"a\",\"b\"],\"parent\":null}",
                         i ? "," : "", (unsigned long long)random_next(&r), i, (unsigned long long)random_below(&r, 1000), i % 3, i % 60, (unsigned long long)random_next(&r));
        buf_add_c(b, "]");
}

int main(void)
{
        double read_ours[ROUNDS], read_theirs[ROUNDS], write_ours[ROUNDS], write_theirs[ROUNDS];
        struct buf b = BUF((size_t)64 << 20), out = BUF((size_t)64 << 20);
        struct arena *a = arena_new();
        document(&b);
        for (int i = 0; i < ROUNDS; i++) {
                struct value v;
                struct error e;
                double start = now_s();
                if (!json_read(buf_str(&b), NULL, a, &v, &e))
                        return 1;
                read_ours[i] = now_s() - start;
                start = now_s();
                struct json_tokener *t = json_tokener_new();
                struct json_object *o = json_tokener_parse_ex(t, b.p, (int)b.n);
                json_tokener_free(t);
                read_theirs[i] = now_s() - start;
                if (!o)
                        return 1;
                buf_clear(&out);
                start = now_s();
                json_write(&v, JSON_COMPACT, &out);
                write_ours[i] = now_s() - start;
                start = now_s();
                if (!json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE))
                        return 1;
                write_theirs[i] = now_s() - start;
                json_object_put(o);
                arena_reset(a);
        }
        double mb = (double)b.n / 1e6;
        printf("%.1f %.1f %.1f %.1f\n", mb / median(read_ours), mb / median(read_theirs), mb / median(write_ours), mb / median(write_theirs));
        arena_free(a);
        buf_free(&b);
        buf_free(&out);
        return 0;
}
