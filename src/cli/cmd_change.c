/* weft stop, terminate, retry, approve, resume, delete: commands that change a run. */
#include "cli/cmd.h"
#include "cli/web.h"
#include <unistd.h>

/* Without an owner these become it, and see the run to its end. */
static bool owner_alive(struct args *a)
{
        struct error e;
        struct str folder;
        if (!folder_of(a, false, &folder, &e))
                return false;
        int fd = socket_connect(folder);
        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

static int change(struct args *a, enum command_kind kind, bool follow, const char *verb)
{
        struct error e;
        struct drive x = {.args = a, .follow = follow, .output = a->given[OPT_OUTPUT] ? a->value[OPT_OUTPUT] : STR("tree"), .verb = str_from(verb)};
        x.command = (struct command){.kind = kind, .run = a->words[0], .node = a->words_n > 1 ? a->words[1] : STR_NONE, .reject = a->given[OPT_REJECT], .force = a->given[OPT_FORCE]};
        if (!output_check(a, &e) || !params_of(a, &x.command.values, &e))
                return fail(&e);
        return drive(&x);
}

static int stop(struct args *a)
{
        if (web_server(a).n)
                return remote_change(a, "stop");
        bool alive = owner_alive(a);
        int status = change(a, COMMAND_STOP, !alive, "is being stopped");
        return !alive && status == EXIT_RUN_FAILED ? EXIT_OK : status; /* that it did not succeed is what was asked for */
}

static int terminate(struct args *a)
{
        if (web_server(a).n)
                return remote_change(a, "terminate");
        bool alive = owner_alive(a);
        int status = change(a, COMMAND_TERMINATE, !alive, "is being terminated");
        return !alive && status == EXIT_RUN_FAILED ? EXIT_OK : status;
}

static int retry(struct args *a) { return web_server(a).n ? remote_change(a, "retry") : change(a, COMMAND_RETRY, true, ""); }
static int approve(struct args *a) { return web_server(a).n ? remote_approve(a) : change(a, COMMAND_APPROVE, !owner_alive(a), a->given[OPT_REJECT] ? "was rejected" : "goes on"); }
static int resume(struct args *a) { return web_server(a).n ? remote_change(a, "resume") : change(a, COMMAND_RESUME, true, ""); }
static int delete(struct args *a) { return web_server(a).n ? remote_delete(a) : change(a, COMMAND_DELETE, false, "deleted"); }

const struct command_def cmd_stop = {"stop", "RUN", "stop a run: what runs is ended, exit handlers run", "The run ends Stopped; `weft retry` goes on from there.",
                                     COMMON, 1, 1, stop, false};
const struct command_def cmd_terminate = {"terminate", "RUN", "end a run at once, without its exit handlers", NULL, BIT(OPT_SERVER) | COMMON, 1, 1, terminate, false};
const struct command_def cmd_retry = {"retry", "RUN", "run again what did not succeed, and all that depends on it",
                                      "Steps that succeeded, and depend on nothing that did not, keep their results.", BIT(OPT_OUTPUT) | BIT(OPT_EXECUTOR) | BIT(OPT_SERVER) | COMMON, 1, 1, retry, false};
const struct command_def cmd_approve = {"approve", "RUN [NODE]", "let a suspended step go on, with values where it asks for some",
                                        "NODE is needed when several steps wait.", BIT(OPT_PARAM) | BIT(OPT_PARAMS) | BIT(OPT_REJECT) | BIT(OPT_OUTPUT) | BIT(OPT_EXECUTOR) | BIT(OPT_SERVER) | COMMON, 1, 2, approve, false};
const struct command_def cmd_resume = {"resume", "RUN", "continue a run that was left running, or that waits as a whole",
                                       "What ran meanwhile is taken over with its true result; nothing that has finished runs again.", BIT(OPT_OUTPUT) | BIT(OPT_EXECUTOR) | COMMON, 1, 1, resume, false};
const struct command_def cmd_delete = {"delete", "RUN", "delete a run with its logs and artifacts", "Also the runs that it created.", BIT(OPT_FORCE) | BIT(OPT_SERVER) | COMMON, 1, 1, delete, false};
