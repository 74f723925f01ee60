/* weft token: letting the first people into a server, by who owns its data folder. */
#include "cli/cmd.h"
#include "api/token.h"
#include <stdio.h>

static bool wish_of(struct args *a, const struct settings *s, struct token_wish *ret, struct error *e)
{
        int64_t age = s->number[SET_AUTH_TOKEN_AGE];
        struct value_builder groups = {.arena = a->arena};
        *ret = (struct token_wish){.user = a->value[OPT_USER], .description = STR("made on the server's machine")};
        if (!ret->user.n || ret->user.n > 256 || str_find_char(ret->user, ' ', 0) != SIZE_MAX || str_find_char(ret->user, ',', 0) != SIZE_MAX)
                return error_set(e, ERROR_USAGE, "say whom the token stands for: `weft token create --user NAME`");
        if (a->given[OPT_EXPIRES] && (!duration_parse(a->value[OPT_EXPIRES], &age) || age <= 0))
                return error_set(e, ERROR_USAGE, "--expires takes a duration such as 720h, not \"%.*s\"", STR_FMT(a->value[OPT_EXPIRES]));
        for (size_t i = 0; i < a->many[OPT_GROUP].n; i++)
                value_push(&groups, value_string(a->many[OPT_GROUP].p[i]));
        ret->groups = value_list(groups.items, groups.n);
        ret->expires_at.us = clock_wall().us + age;
        return true;
}

static int token(struct args *a)
{
        struct error e;
        struct settings s;
        struct token_wish w;
        struct drive x = {.args = a, .output = STR("quiet")};
        bool create = str_eq_c(a->words[0], "create"), revoke = str_eq_c(a->words[0], "revoke");
        if ((!create && !revoke) || a->words_n != (create ? 1u : 2u)) {
                error_set(&e, ERROR_USAGE, "it is `weft token create --user NAME` or `weft token revoke ID`");
                return fail(&e);
        }
        if (revoke) {
                x.command = (struct command){.kind = COMMAND_REMOVE, .record = {.kind = RECORD_TOKEN, .id = a->words[1]}};
                return drive(&x);
        }
        if (!settings_of(a, &s, &e) || !wish_of(a, &s, &w, &e))
                return fail(&e);
        struct str made = token_new(a->arena);
        x.command = (struct command){.kind = COMMAND_PUT, .mode = PUT_CREATE, .record = token_record(made, &w, a->arena)};
        int status = drive(&x);
        if (status == EXIT_OK)
                printf("%.*s\n", STR_FMT(made));
        put_flush();
        return status;
}

const struct command_def cmd_token = {"token", "create|revoke [ID]", "let somebody into the server of a data folder, or shut them out",
                                      "`weft token create --user ann` prints a token, once: it is kept by its hash only. It is for who owns the data folder, so that the first administrator (a name in the "
                                      "setting auth.admins) can get in; everything else is done through the server's API.\n`weft token revoke ID` ends one at once; GET /api/weft/v1/tokens lists the ids.",
                                      BIT(OPT_USER) | BIT(OPT_GROUP) | BIT(OPT_EXPIRES) | COMMON, 1, 2, token, false};
