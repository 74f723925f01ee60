/* weft get */
#include "cli/cmd.h"
#include "cli/web.h"

static int get(struct args *a)
{
        if (web_server(a).n)
                return remote_get(a);
        struct error e;
        struct view_store v;
        bool exists;
        if (!output_check(a, &e) || !store_view_open(&v, a, &exists, &e))
                return fail(&e);
        int status = print_run(&v, a->words[0], a->given[OPT_OUTPUT] ? a->value[OPT_OUTPUT] : STR("tree"));
        store_view_close(&v);
        return status;
}

const struct command_def cmd_get = {"get", "RUN", "show a run: its steps, states, outputs",
                                    "RUN is the name of a run, its id, or the first characters of its id (four or more).", BIT(OPT_OUTPUT) | BIT(OPT_SERVER) | COMMON, 1, 1, get, false};
