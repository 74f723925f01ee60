/* The pure core with all that it uses, and nothing else: what this program needs of libc is what the core needs. It is linked and
 * looked at, never run. */
#include "dialect/dialect.h"
#include "engine/engine.h"

extern const void *const probe[];
const void *const probe[] = {(const void *)engine_new, (const void *)engine_load, (const void *)engine_step, (const void *)engine_pending, &dialect_argo,
                             &dialect_kfp};

int main(int argc, char **argv)
{
        (void)argv;
        return probe[(size_t)argc % (sizeof probe / sizeof *probe)] == NULL;
}
