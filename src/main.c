/* The only place that knows which back ends exist. */
#include "cli/cli.h"
#include <sqlite3.h>
#include <stdio.h>
#include <uv.h>

static const struct executor_ops *const executors[] = {&executor_process, &executor_null, NULL};

int main(int argc, char **argv)
{
        char sqlite[64], uv[64];
        snprintf(sqlite, sizeof sqlite, "SQLite %s", sqlite3_libversion());
        snprintf(uv, sizeof uv, "libuv %s", uv_version_string());
        const char *libraries[] = {sqlite, uv, NULL};
        if (argc > 1 && strcmp(argv[1], "shepherd") == 0)
                return shepherd_main(argc, argv);
        backends = (struct backends){.store = &store_sqlite, .store_url = &store_postgres, .executors = executors, .libraries = libraries};
        return cli_main(argc, argv);
}
