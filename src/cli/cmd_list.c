/* weft list */
#include "cli/cmd.h"
#include "cli/web.h"
#include <stdio.h>

struct listing { struct args *a; struct arena *scratch; bool json, quiet, any; struct buf out; struct wall now; };

static bool on_run(void *user, const struct run_row *r)
{
        struct listing *l = user;
        arena_reset(l->scratch);
        if (l->quiet)
                buf_addf(&l->out, "%.*s\n", STR_FMT(r->name));
        else if (l->json)
                buf_addf(&l->out, "%s%.*s", l->any ? ",\n " : "[", STR_FMT(native_run_summary(r, l->scratch)));
        else {
                struct wall end = r->finished_at.us ? r->finished_at : l->now;
                struct str took = r->started_at.us ? duration_short(end.us - r->started_at.us, l->scratch) : STR("-");
                struct str age = duration_short(l->now.us - r->created_at.us, l->scratch);
                if (!l->any)
                        buf_addf(&l->out, "%-32s %-11s %8s %8s  %s\n", "NAME", "STATE", "TOOK", "AGE", "MESSAGE");
                buf_addf(&l->out, "%-32.*s %-11s %8.*s %8.*s  %.*s\n", STR_FMT(r->name), run_state_name(r->state), STR_FMT(took), STR_FMT(age), STR_FMT(str_sub(r->message, 0, 120)));
        }
        l->any = true;
        return true;
}

static int list(struct args *a)
{
        if (web_server(a).n)
                return remote_list(a);
        struct error e;
        struct view_store v;
        bool exists;
        if (!output_check(a, &e) || !store_view_open(&v, a, &exists, &e))
                return fail(&e);
        struct listing l = {.a = a, .scratch = arena_new(), .json = str_eq_c(a->value[OPT_OUTPUT], "json"), .quiet = str_eq_c(a->value[OPT_OUTPUT], "quiet"),
                            .out = BUF(SIZE_MAX / 2), .now = clock_wall()};
        struct run_query q = {.ns = a->value[OPT_NAMESPACE]};
        bool ok = !exists || backends.store->runs(v.reader, &q, on_run, &l, &e);
        if (ok && l.json)
                buf_add_c(&l.out, l.any ? "]\n" : "[]\n");
        else if (ok && !l.any && !l.quiet)
                fprintf(stderr, "no runs yet in %.*s; `weft run FILE` makes one\n", STR_FMT(v.folder));
        put_out(buf_str(&l.out));
        buf_free(&l.out);
        arena_free(l.scratch);
        store_view_close(&v);
        return ok ? EXIT_OK : fail(&e);
}

const struct command_def cmd_list = {"list", "", "list the runs, newest first", NULL, BIT(OPT_OUTPUT) | BIT(OPT_NAMESPACE) | BIT(OPT_SERVER) | COMMON, 0, 0, list, false};
