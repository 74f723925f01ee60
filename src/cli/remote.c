/* Commands against a server: the same words, output and exit statuses as on a data folder, and what only a server has. */
#include "cli/cmd.h"
#include "cli/web.h"
#include "text/json.h"
#include "text/yaml.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct str text_of(const struct value *v, const char *key)
{
        const struct value *x = value_get_c(v, key);
        return x && x->kind == VALUE_STRING ? x->text : STR_NONE;
}

static uint32_t number_of(const struct value *v, const char *key)
{
        int64_t n = 0;
        const struct value *x = value_get_c(v, key);
        return x && value_to_i64(x, &n) && n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static struct wall time_of(const struct value *v, const char *key)
{
        struct wall t = {0};
        wall_parse(text_of(v, key), &t);
        return t;
}

static enum run_state run_state_of(const struct value *v)
{
        int s = 0;
        while (s < RUN_STATES - 1 && !str_eq_c(text_of(v, "state"), run_state_name((enum run_state)s)))
                s++;
        return (enum run_state)s;
}

/* As the tree wants them. */
static struct run_row run_row_of(const struct value *v)
{
        return (struct run_row){.uid = text_of(v, "id"), .name = text_of(v, "name"), .ns = text_of(v, "namespace"), .display_name = text_of(v, "display_name"), .state = run_state_of(v),
                                .reason = text_of(v, "reason"), .message = text_of(v, "message"), .created_at = time_of(v, "created_at"), .started_at = time_of(v, "started_at"),
                                .finished_at = time_of(v, "finished_at"), .epoch = number_of(v, "epoch"), .nodes_total = number_of(v, "nodes_total"), .nodes_done = number_of(v, "nodes_done")};
}

static struct node_row node_row_of(const struct value *v, struct arena *a)
{
        static const char *const roles[] = {"task", "item", "attempt", "hook"};
        struct node_row n = {.no = number_of(v, "id"), .parent = number_of(v, "parent"), .name = text_of(v, "name"), .task = number_of(v, "task"), .index = number_of(v, "index"),
                             .epoch = number_of(v, "epoch"), .attempt = number_of(v, "attempt"), .reason = text_of(v, "reason"), .message = text_of(v, "message"),
                             .created_at = time_of(v, "created_at"), .started_at = time_of(v, "started_at"), .finished_at = time_of(v, "finished_at"),
                             .children_total = number_of(v, "children_total"), .children_done = number_of(v, "children_done"), .cached_from = text_of(v, "cached_from"), .child_run = text_of(v, "child_run")};
        for (int i = 0; i < 4; i++)
                if (str_eq_c(text_of(v, "role"), roles[i]))
                        n.role = (enum node_role)i;
        for (int i = 0; i < NODE_KINDS; i++)
                if (str_eq_c(text_of(v, "kind"), node_kind_name((enum node_kind)i)))
                        n.kind = (enum node_kind)i;
        for (int i = 0; i < NODE_STATES; i++)
                if (str_eq_c(text_of(v, "state"), node_state_name((enum node_state)i)))
                        n.state = (enum node_state)i;
        const struct value *code = value_get_c(v, "exit_code"), *item = value_get_c(v, "item");
        int64_t c;
        n.has_exit_code = code && value_to_i64(code, &c);
        n.exit_code = n.has_exit_code ? (int)c : 0;
        n.item = item ? json_text(item, JSON_COMPACT, a) : STR_NONE;
        return n;
}

static int print_value(const struct args *a, const struct value *v)
{
        struct buf out = BUF(SIZE_MAX / 2);
        if (str_eq_c(a->value[OPT_OUTPUT], "yaml"))
                yaml_write(v, &out);
        else {
                json_write(v, JSON_INDENT, &out);
                buf_add_char(&out, '\n');
        }
        put_out(buf_str(&out));
        buf_free(&out);
        return EXIT_OK;
}

static bool structured(const struct args *a) { return str_eq_c(a->value[OPT_OUTPUT], "json") || str_eq_c(a->value[OPT_OUTPUT], "yaml"); }

static int done(struct web *w, bool ok, const struct error *e, int status)
{
        web_close(w);
        return ok ? status : fail(e);
}

static struct str run_path(const struct args *a, const char *rest)
{
        struct str run = web_escape(a->words[0], a->arena);
        return arena_printf(a->arena, "/runs/%.*s%s", STR_FMT(run), rest);
}

/* ---- following ---- */

struct following { struct arena *scratch; struct buf line, data; struct str event; struct tree *tree; enum run_state state; bool final, gone; uint64_t seen; };

static void take_event(struct following *f, struct str event, struct str data)
{
        struct value v;
        if (!json_read(data, NULL, f->scratch, &v, NULL))
                return;
        if (str_eq_c(event, "run")) {
                struct run_row r = run_row_of(&v);
                f->state = r.state;
                if (f->tree)
                        tree_run(f->tree, &r);
        } else if (str_eq_c(event, "node")) {
                struct node_row n = node_row_of(&v, f->scratch);
                if (f->tree)
                        tree_node(f->tree, &n);
        } else {
                f->seen = number_of(&v, "seq");
                f->final |= str_eq_c(event, "end");
                f->gone |= str_eq_c(event, "deleted");
                if (f->tree && !f->final && !f->gone)
                        tree_draw(f->tree);
        }
}

static void take_line(struct following *f, struct str line)
{
        if (str_starts(line, STR("event: "))) {
                buf_clear(&f->data);
                buf_add(&f->data, str_sub(line, 7, line.n));
        } else if (str_starts(line, STR("data: "))) {
                arena_reset(f->scratch);
                take_event(f, arena_str(f->scratch, buf_str(&f->data)), arena_str(f->scratch, str_sub(line, 6, line.n)));
        }
}

static bool on_piece(void *user, struct str piece)
{
        struct following *f = user;
        while (piece.n) {
                size_t end = str_find_char(piece, '\n', 0);
                buf_add(&f->line, str_sub(piece, 0, end));
                if (end == SIZE_MAX)
                        break;
                take_line(f, buf_str(&f->line));
                buf_clear(&f->line);
                piece = str_sub(piece, end + 1, piece.n);
        }
        return !f->final && !f->gone;
}

/* Until the run has ended. A connection that breaks is made again, from where it was, as long as the server answers. */
static bool follow(struct web *w, struct args *a, struct str id, enum run_state *ret, struct error *e)
{
        struct str form = a->value[OPT_OUTPUT];
        bool tree = !structured(a) && !str_eq_c(form, "quiet");
        struct following f = {.scratch = arena_new(), .line = BUF(64u << 20), .data = BUF(4096), .tree = tree ? tree_new(STDOUT_FILENO, is_terminal(STDOUT_FILENO)) : NULL};
        bool ok = true;
        while (ok && !f.final && !f.gone) {
                buf_clear(&f.line);
                ok = web_stream(w, arena_printf(a->arena, "/runs/%.*s/watch?since=%llu", STR_FMT(id), (unsigned long long)f.seen), on_piece, &f, e);
        }
        if (f.tree) {
                if (ok)
                        tree_finish(f.tree);
                tree_free(f.tree);
        }
        *ret = f.state;
        if (ok && f.gone)
                ok = error_set(e, ERROR_NOT_FOUND, "the run was deleted");
        buf_free(&f.line);
        buf_free(&f.data);
        arena_free(f.scratch);
        return ok;
}

static int follow_and_print(struct web *w, struct args *a, struct str id)
{
        struct error e;
        enum run_state state = RUN_QUEUED;
        struct value v;
        bool ok = follow(w, a, id, &state, &e);
        if (ok && structured(a) && (ok = web_call(w, "GET", arena_printf(a->arena, "/runs/%.*s", STR_FMT(id)), NULL, &v, &e)))
                print_value(a, &v);
        return done(w, ok, &e, exit_of(state));
}

/* ---- run ---- */

static void put(struct map_builder *m, const char *key, struct str s)
{
        if (s.n)
                map_push(m, str_from(key), value_string(s));
}

static bool run_body(struct args *a, struct map_builder *m, struct error *e)
{
        struct bindings given;
        struct map_builder texts = {.arena = a->arena}, values = {.arena = a->arena};
        struct str document;
        const char *word = arena_cstr(a->arena, a->words[0]);
        if (!params_of(a, &given, e))
                return false;
        if (a->words[0].n == 1 || access(word, F_OK) == 0 || str_find_char(a->words[0], '/', 0) != SIZE_MAX || str_ends(a->words[0], STR(".yaml")) || str_ends(a->words[0], STR(".json"))) {
                if (!file_read(word, 64u << 20, a->arena, &document, e))
                        return false;
                put(m, "document", document);
        } else
                put(m, "pipeline", a->words[0]);
        for (size_t i = 0; i < given.params_n; i++) {
                struct value v = value_string(given.params[i].value.text);
                bool json = given.params[i].value.kind == VAL_JSON;
                if (json && !json_read(given.params[i].value.text, NULL, a->arena, &v, e))
                        return false;
                map_push(json ? &values : &texts, given.params[i].name, v);
        }
        map_push(m, STR("parameters"), value_map(values.members, values.n));
        map_push(m, STR("parameters_text"), value_map(texts.members, texts.n));
        put(m, "name", a->value[OPT_NAME]);
        put(m, "namespace", a->value[OPT_NAMESPACE]);
        put(m, "entrypoint", a->value[OPT_ENTRYPOINT]);
        return true;
}

int remote_run(struct args *a)
{
        struct error e;
        struct web w = {0};
        struct map_builder m = {.arena = a->arena};
        struct value answer;
        char id[37];
        uuid_make(id); /* asking again, after a broken connection, makes no second run */
        put(&m, "id", str_from(id));
        bool ok = output_check(a, &e) && run_body(a, &m, &e) && web_open(&w, a, &e);
        struct value body = value_map(m.members, m.n);
        ok = ok && web_call(&w, "POST", STR("/runs"), &body, &answer, &e);
        if (!ok) {
                if (e.line)
                        snprintf(e.file, sizeof e.file, "%.*s", STR_FMT(a->words[0]));
                return done(&w, false, &e, 0);
        }
        if (str_eq_c(a->value[OPT_OUTPUT], "quiet"))
                printf("%.*s\n", STR_FMT(text_of(&answer, "name")));
        return follow_and_print(&w, a, text_of(&answer, "id"));
}

/* ---- lists ---- */

/* Every page of a list: `each` is told of each item. */
typedef void item_visitor(void *user, const struct value *item);
static bool pages(struct web *w, struct str path, const char *list, item_visitor *each, void *user, struct error *e)
{
        struct str token = STR_NONE;
        do {
                struct value v;
                struct str separator = str_find_char(path, '?', 0) == SIZE_MAX ? STR("?") : STR("&"), escaped = web_escape(token, w->arena);
                if (!web_call(w, "GET", arena_printf(w->arena, "%.*s%.*spage_size=500%s%.*s", STR_FMT(path), STR_FMT(separator), token.n ? "&page_token=" : "", STR_FMT(escaped)), NULL, &v, e))
                        return false;
                const struct value *items = value_get_c(&v, list);
                for (size_t i = 0; items && items->kind == VALUE_LIST && i < items->list.n; i++)
                        each(user, &items->list.items[i]);
                token = text_of(&v, "next_page_token");
        } while (token.n);
        return true;
}

struct printing { struct args *a; struct value_builder all; struct wall now; bool runs, any; };
static void on_item(void *user, const struct value *v)
{
        struct printing *p = user;
        struct arena *a = p->a->arena;
        if (structured(p->a)) {
                value_push(&p->all, *v);
                return;
        }
        struct str name = text_of(v, "name"), state = text_of(v, "state"), age = duration_short(p->now.us - time_of(v, "created_at").us, a);
        if (str_eq_c(p->a->value[OPT_OUTPUT], "quiet"))
                printf("%.*s\n", STR_FMT(name));
        else if (p->runs) {
                struct wall from = time_of(v, "started_at"), to = time_of(v, "finished_at");
                struct str took = from.us ? duration_short((to.us ? to.us : p->now.us) - from.us, a) : STR("-");
                if (!p->any)
                        printf("%-32s %-11s %8s %8s  %s\n", "NAME", "STATE", "TOOK", "AGE", "MESSAGE");
                printf("%-32.*s %-11.*s %8.*s %8.*s  %.*s\n", STR_FMT(name), STR_FMT(state), STR_FMT(took), STR_FMT(age), STR_FMT(str_sub(text_of(v, "message"), 0, 120)));
        } else {
                if (!p->any)
                        printf("%-32s %-9s %8s  %s\n", "NAME", "STATE", "AGE", "DESCRIPTION");
                printf("%-32.*s %-9.*s %8.*s  %.*s\n", STR_FMT(name), STR_FMT(state), STR_FMT(age), STR_FMT(str_sub(text_of(v, "description"), 0, 100)));
        }
        p->any = true;
}

static int print_list(struct args *a, struct str path, const char *list)
{
        struct error e;
        struct web w = {0};
        struct printing p = {.a = a, .all = {.arena = a->arena}, .now = clock_wall(), .runs = !strcmp(list, "runs")};
        if (a->given[OPT_NAMESPACE]) {
                struct str ns = web_escape(a->value[OPT_NAMESPACE], a->arena);
                path = arena_printf(a->arena, "%.*s?namespace=%.*s", STR_FMT(path), STR_FMT(ns));
        }
        bool ok = output_check(a, &e) && web_open(&w, a, &e) && pages(&w, path, list, on_item, &p, &e);
        if (ok && structured(a)) {
                struct value v = value_list(p.all.items, p.all.n);
                print_value(a, &v);
        }
        return done(&w, ok, &e, EXIT_OK);
}

int remote_list(struct args *a) { return print_list(a, STR("/runs"), "runs"); }

/* ---- one run ---- */

static bool print_tree(struct web *w, struct args *a, const struct value *run, struct error *e)
{
        struct tree *t = tree_new(STDOUT_FILENO, false);
        struct run_row r = run_row_of(run);
        uint32_t after = 0;
        bool ok = true;
        tree_run(t, &r);
        do {
                struct value v;
                ok = web_call(w, "GET", arena_printf(a->arena, "/runs/%.*s/nodes?page_size=1000&after=%u", STR_FMT(r.uid), after), NULL, &v, e);
                const struct value *nodes = ok ? value_get_c(&v, "nodes") : NULL;
                for (size_t i = 0; nodes && i < nodes->list.n; i++) {
                        struct node_row n = node_row_of(&nodes->list.items[i], a->arena);
                        tree_node(t, &n);
                }
                after = ok ? number_of(&v, "next_after") : 0;
        } while (ok && after);
        if (ok)
                tree_finish(t);
        tree_free(t);
        return ok;
}

int remote_get(struct args *a)
{
        struct error e;
        struct web w = {0};
        struct value v;
        bool ok = output_check(a, &e) && web_open(&w, a, &e) && web_call(&w, "GET", run_path(a, ""), NULL, &v, &e);
        if (ok && structured(a))
                print_value(a, &v);
        else if (ok)
                ok = print_tree(&w, a, &v, &e);
        return done(&w, ok, &e, EXIT_OK);
}

static bool print_piece(void *user, struct str piece)
{
        (void)user;
        put_out(piece);
        return true;
}

int remote_logs(struct args *a)
{
        struct error e;
        struct web w = {0};
        const char *query = a->given[OPT_FOLLOW] ? "?follow=true" : "";
        struct str node = a->words_n > 1 ? web_escape(a->words[1], a->arena) : STR_NONE;
        struct str path = node.n ? run_path(a, arena_printf(a->arena, "/nodes/%.*s/logs%s", STR_FMT(node), query).p) : run_path(a, arena_printf(a->arena, "/logs%s", query).p);
        bool ok = web_open(&w, a, &e) && web_stream(&w, path, print_piece, NULL, &e);
        return done(&w, ok, &e, EXIT_OK);
}

static int act(struct args *a, const char *method, struct str path, const struct value *body, const char *said, bool follows)
{
        struct error e;
        struct web w = {0};
        struct value v;
        bool ok = output_check(a, &e) && web_open(&w, a, &e) && web_call(&w, method, path, body, &v, &e);
        if (ok && follows)
                return follow_and_print(&w, a, text_of(&v, "id"));
        if (ok && structured(a))
                print_value(a, &v);
        else if (ok)
                printf("%.*s %s\n", STR_FMT(a->words[0]), said);
        return done(&w, ok, &e, EXIT_OK);
}

int remote_change(struct args *a, const char *action)
{
        bool follows = !strcmp(action, "retry") || !strcmp(action, "resume");
        return act(a, "POST", run_path(a, arena_printf(a->arena, "/%s", action).p), NULL, !strcmp(action, "stop") ? "is being stopped" : "is being terminated", follows);
}

int remote_delete(struct args *a) { return act(a, "DELETE", run_path(a, a->given[OPT_FORCE] ? "?force=true" : ""), NULL, "deleted", false); }

int remote_approve(struct args *a)
{
        struct error e;
        struct bindings given;
        struct map_builder values = {.arena = a->arena}, m = {.arena = a->arena};
        if (a->words_n < 2) {
                error_set(&e, ERROR_USAGE, "on a server the step that goes on is named by its number; `weft get %.*s -o json` shows the run", STR_FMT(a->words[0]));
                return fail(&e);
        }
        if (!params_of(a, &given, &e))
                return fail(&e);
        for (size_t i = 0; i < given.params_n; i++)
                map_push(&values, given.params[i].name, value_string(given.params[i].value.text));
        map_push(&m, STR("values"), value_map(values.members, values.n));
        map_push(&m, STR("reject"), value_bool(a->given[OPT_REJECT]));
        struct value body = value_map(m.members, m.n);
        struct str node = web_escape(a->words[1], a->arena);
        return act(a, "POST", run_path(a, arena_printf(a->arena, "/nodes/%.*s/approve", STR_FMT(node)).p), &body, a->given[OPT_REJECT] ? "was rejected" : "goes on", false);
}

/* ---- pipelines and the like ---- */

static int upload(struct args *a, struct str name, const char *file)
{
        struct error e;
        struct web w = {0};
        struct str document, ns = a->value[OPT_NAMESPACE], escaped = web_escape(name, a->arena), where = web_escape(ns, a->arena);
        struct map_builder p = {.arena = a->arena}, m = {.arena = a->arena};
        struct value v;
        put(&p, "name", name);
        put(&p, "namespace", ns);
        bool ok = output_check(a, &e) && file_read(file, 64u << 20, a->arena, &document, &e) && web_open(&w, a, &e);
        struct value pipeline = value_map(p.members, p.n);
        if (ok && !web_call(&w, "POST", STR("/pipelines"), &pipeline, &v, &e))
                ok = e.kind == ERROR_CONFLICT; /* it is there already: this becomes its newest version */
        put(&m, "document", ok ? document : STR_NONE);
        put(&m, "name", a->value[OPT_NAME]);
        struct value version = value_map(m.members, m.n);
        ok = ok && web_call(&w, "POST", arena_printf(a->arena, "/pipelines/%.*s/versions%s%.*s", STR_FMT(escaped), where.n ? "?namespace=" : "", STR_FMT(where)), &version, &v, &e);
        if (!ok && e.line)
                snprintf(e.file, sizeof e.file, "%s", file);
        if (ok && structured(a))
                print_value(a, &v);
        else if (ok)
                printf("%.*s version %.*s\n", STR_FMT(name), STR_FMT(text_of(&v, "name")));
        return done(&w, ok, &e, EXIT_OK);
}

/* list, get, delete of a kind of record. */
static int records(struct args *a, const char *path, const char *list)
{
        struct error e;
        struct web w = {0};
        struct value v;
        struct str verb = a->words[0], ref = a->words_n > 1 ? web_escape(a->words[1], a->arena) : STR_NONE;
        struct str one = arena_printf(a->arena, "%s/%.*s", path, STR_FMT(ref));
        if (str_eq_c(verb, "list") && a->words_n == 1)
                return print_list(a, str_from(path), list);
        if (str_eq_c(verb, "get") && a->words_n == 2) {
                bool ok = output_check(a, &e) && web_open(&w, a, &e) && web_call(&w, "GET", one, NULL, &v, &e);
                if (ok)
                        print_value(a, &v);
                return done(&w, ok, &e, EXIT_OK);
        }
        if (str_eq_c(verb, "delete") && a->words_n == 2) {
                bool ok = web_open(&w, a, &e) && web_call(&w, "DELETE", arena_printf(a->arena, "%.*s?cascade=true", STR_FMT(one)), NULL, &v, &e);
                if (ok)
                        printf("%.*s deleted\n", STR_FMT(a->words[1]));
                return done(&w, ok, &e, EXIT_OK);
        }
        error_set(&e, ERROR_USAGE, "`weft %s` does not know \"%.*s\" with %zu words after it; `weft help %s` shows how", a->command, STR_FMT(verb), a->words_n - 1, a->command);
        return fail(&e);
}

static int pipeline(struct args *a)
{
        if (str_eq_c(a->words[0], "upload") && a->words_n == 3)
                return upload(a, a->words[1], arena_cstr(a->arena, a->words[2]));
        if (str_eq_c(a->words[0], "versions") && a->words_n == 2) {
                struct str escaped = web_escape(a->words[1], a->arena);
                return print_list(a, arena_printf(a->arena, "/pipelines/%.*s/versions", STR_FMT(escaped)), "versions");
        }
        return records(a, "/pipelines", "pipelines");
}

static int experiment(struct args *a) { return records(a, "/experiments", "experiments"); }
static int recurring(struct args *a) { return records(a, "/recurring", "recurring"); }

static int login(struct args *a)
{
        struct error e;
        struct web w = {0};
        struct value v;
        struct str token = STR_NONE;
        if (a->words_n) {
                a->given[OPT_SERVER] = true;
                a->value[OPT_SERVER] = a->words[0];
        }
        if (isatty(STDIN_FILENO))
                fprintf(stderr, "token: ");
        bool ok = file_read("-", 65536, a->arena, &token, &e) && web_open(&w, a, &e);
        token = str_trim(token);
        for (size_t i = 0; ok && i < token.n; i++)
                if (token.p[i] <= ' ' || token.p[i] == 127)
                        ok = error_set(&e, ERROR_USAGE, "a token is one word");
        if (ok)
                w.token = token;
        ok = ok && web_call(&w, "GET", STR("/info"), NULL, &v, &e) && web_login_save(a, w.server, token, &e);
        if (ok)
                printf("%.*s knows you as %.*s\n", STR_FMT(w.server), STR_FMT(text_of(&v, "user").n ? text_of(&v, "user") : STR("its owner")));
        return done(&w, ok, &e, EXIT_OK);
}

#define REMOTE (BIT(OPT_SERVER) | BIT(OPT_OUTPUT) | BIT(OPT_NAMESPACE) | BIT(OPT_HELP))
const struct command_def cmd_login = {"login", "[URL]", "keep a token for a server", "The token is read from standard input, tried, and kept in weft/login.json of the XDG configuration folder, for you alone.",
                                      BIT(OPT_SERVER) | BIT(OPT_HELP), 0, 1, login, false};
const struct command_def cmd_pipeline = {"pipeline", "VERB [NAME [FILE]]", "pipelines of a server",
                                         "list; get NAME; versions NAME; upload NAME FILE (the pipeline is made when it is not there, and FILE becomes its newest version); delete NAME.", REMOTE | BIT(OPT_NAME), 1, 3, pipeline, false};
const struct command_def cmd_experiment = {"experiment", "VERB [NAME]", "experiments of a server", "list; get NAME; delete NAME.", REMOTE, 1, 2, experiment, false};
const struct command_def cmd_recurring = {"recurring", "VERB [NAME]", "recurring runs of a server", "list; get NAME; delete NAME.", REMOTE, 1, 2, recurring, false};
