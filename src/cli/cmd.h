/* The commands, and what several of them share. */
#pragma once
#include "cli/cli.h"

extern const struct command_def cmd_run, cmd_lint, cmd_list, cmd_get, cmd_logs, cmd_stop, cmd_terminate, cmd_retry, cmd_approve, cmd_resume, cmd_delete, cmd_token, cmd_backup, cmd_serve, cmd_config, cmd_login, cmd_pipeline, cmd_experiment, cmd_recurring, cmd_apply,
        cmd_version, cmd_help, cmd_completion, cmd_man;

bool params_of(struct args *a, struct bindings *ret, struct error *e); /* --params, then -p */
bool output_check(const struct args *a, struct error *e);
#define COMMON (BIT(OPT_DATA) | BIT(OPT_SET) | BIT(OPT_HELP))
