/* New runs and recurring runs, uploads, and the files of runs. */
#include "api/kubeflow.h"
#include "api/upload.h"
#include "dialect/argo/nodes.h"
#include "executor/executor.h"
#include "runtime/files.h"
#include "text/cron.h"
#include <limits.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 64 << 20 };

/* ---- uploads ---- */

bool kubeflow_upload(struct request *r, struct kubeflow_upload *ret, struct error *e)
{
        for (size_t i = 0; i < r->parts_n; i++) {
                const struct part *p = &r->parts[i];
                if (!str_eq_c(p->name, "uploadfile"))
                        continue;
                ret->stem = upload_stem(p->file_name);
                return upload_read(p->file_name, p->content, r->arena, &ret->document, e);
        }
        return error_set(e, ERROR_INVALID, "the form has no field 'uploadfile' with the pipeline's file");
}

/* ---- submissions ---- */

static bool default_experiment(struct request *r, struct str ns, struct str *ret, struct error *e)
{
        struct record x = {.kind = RECORD_EXPERIMENT, .ns = ns, .name = STR("Default"), .display_name = STR("Default"),
                           .description = STR("Runs that were started without an experiment")}, made;
        for (int round = 0; round < 2; round++) {
                bool found = false;
                if (!r->store->record_named(r->reader, RECORD_EXPERIMENT, ns, STR_NONE, x.name, r->arena, &found, &made, e))
                        return false;
                if (found || kubeflow_create(r, &x, &made, e)) {
                        *ret = made.id;
                        return true;
                }
                if (e->kind != ERROR_CONFLICT) /* else somebody else made it meanwhile */
                        return false;
        }
        return false;
}

static bool choose_experiment(struct request *r, struct kubeflow_submission *s, struct str fallback_ns, struct error *e)
{
        struct record x;
        if (s->experiment.n) {
                if (!kubeflow_record(r, RECORD_EXPERIMENT, s->experiment, MAY_RUN, &x, e))
                        return false;
                s->ns = x.ns;
                return x.state != RECORD_ARCHIVED || kubeflow_refuse_state(e, "the experiment %.*s is archived: unarchive it, or choose another", STR_FMT(x.name));
        }
        return kubeflow_namespace(r, MAY_RUN, s->ns.n ? s->ns : fallback_ns, &s->ns, e) && default_experiment(r, s->ns, &s->experiment, e);
}

bool kubeflow_resolve(struct request *r, struct kubeflow_submission *s, bool keep_open, struct error *e)
{
        struct record pipeline = {0}, version = {0};
        struct value body;
        bool found = true, latest = !s->version.n;
        if (!s->pipeline.n && !s->version.n) {
                if (!s->document.n)
                        return error_set(e, ERROR_INVALID, "nothing says what to run: give a pipeline version, a pipeline, or a pipeline spec");
                return choose_experiment(r, s, STR_NONE, e);
        }
        if (s->version.n) {
                if (!kubeflow_record(r, RECORD_VERSION, s->version, MAY_VIEW, &version, e))
                        return false;
                if (s->pipeline.n && !str_eq(s->pipeline, version.parent))
                        return error_set(e, ERROR_INVALID, "the version %.*s is not of the pipeline %.*s", STR_FMT(s->version), STR_FMT(str_sub(s->pipeline, 0, 100)));
                s->pipeline = version.parent;
        }
        if (!kubeflow_record(r, RECORD_PIPELINE, s->pipeline, MAY_VIEW, &pipeline, e) || (latest && !kubeflow_latest_version(r, s->pipeline, &found, &version, e)))
                return false;
        if (!found)
                return kubeflow_refuse_state(e, "the pipeline %.*s has no version yet", STR_FMT(pipeline.name));
        if (!kubeflow_record_body(r, &version, &body, e))
                return false;
        s->version = latest && keep_open ? STR_NONE : version.id;
        s->document = kubeflow_text(&body, "document");
        return choose_experiment(r, s, pipeline.ns, e);
}

/* ---- macros ---- */

static struct str replace(struct str text, struct str macro, struct str by, struct arena *a)
{
        struct buf b = BUF((size_t)1 << 20);
        size_t from = 0;
        for (size_t at; (at = str_find(text, macro, from)) != SIZE_MAX; from = at + macro.n) {
                buf_add(&b, str_sub(text, from, at));
                buf_add(&b, by);
        }
        buf_add(&b, str_sub(text, from, text.n));
        struct str all = from ? arena_str(a, buf_str(&b)) : text;
        buf_free(&b);
        return all;
}

/* [[RunUUID]], [[CurrentTime]] and [[ScheduledTime]] in texts: a run that is started now is scheduled for now. */
static void macros(struct bindings *b, struct str uid, struct arena *a)
{
        struct civil c = wall_civil(clock_wall());
        struct str now = arena_printf(a, "%04lld%02d%02d%02d%02d%02d", (long long)c.year, c.month, c.day, c.hour, c.minute, c.second);
        for (size_t i = 0; i < b->params_n; i++) {
                struct str *text = &b->params[i].value.text;
                if (text->n > 65536 || str_find(*text, STR("[["), 0) == SIZE_MAX)
                        continue;
                *text = replace(*text, STR("[[RunUUID]]"), uid, a);
                *text = replace(*text, STR("[[CurrentTime]]"), now, a);
                *text = replace(*text, STR("[[ScheduledTime]]"), now, a);
        }
}

/* ---- runs ---- */

static struct str labels_of(struct request *r, const struct kubeflow_submission *s)
{
        struct map_builder m = {.arena = r->arena};
        kubeflow_put(&m, KFP_LABEL_ROOT, s->pipeline_root);
        struct value v = value_map(m.members, m.n);
        return m.n ? json_text(&v, JSON_COMPACT, r->arena) : STR_NONE;
}

bool kubeflow_create_run(struct request *r, struct kubeflow_submission *s, struct run_row *ret, struct error *e)
{
        char uid[37];
        struct answer a = {0};
        struct kubeflow_document d;
        if (!s->display_name.n)
                return error_set(e, ERROR_INVALID, "the run has no display_name");
        if (!kubeflow_resolve(r, s, false, e) || !kubeflow_document(r, s->document, &d, e))
                return false;
        uuid_make(uid);
        macros(&s->parameters, str_from(uid), r->arena);
        struct command c = {.kind = COMMAND_RUN, .document = s->document, .uid = arena_str(r->arena, str_from(uid)), .generate_name = arena_printf(r->arena, "%.*s-", STR_FMT(d.name)),
                            .submission = {.parameters = s->parameters, .display_name = s->display_name, .ns = s->ns},
                            .meta = {.owner = r->who.user, .experiment = s->experiment, .pipeline = s->pipeline, .version = s->version, .description = s->description,
                                     .service_account = s->service_account, .labels = labels_of(r, s)}};
        if (!request_command(r, &c, &a, e)) {
                if (e->kind == ERROR_USAGE)
                        e->kind = ERROR_INVALID;
                return false;
        }
        return kubeflow_run(r, a.uid, MAY_VIEW, ret, e);
}

/* The parameters as they will be submitted, tried now: a schedule whose every firing fails is no use. */
static bool try_parameters(struct request *r, const struct kubeflow_submission *s, struct error *e)
{
        struct problems problems = {.arena = r->arena};
        const struct dialect *d = NULL;
        struct str message = STR_NONE;
        struct submission x = {.parameters = s->parameters, .display_name = s->display_name, .ns = s->ns, .name = STR("try"), .uid = STR("00000000-0000-0000-0000-000000000000"), .created_at = clock_wall()};
        struct workflow *w = document_compile(s->document, &x, &problems, &d, &message, e);
        const struct problem *p = problems_first_error(&problems);
        if (w) {
                workflow_free(w);
                return true;
        }
        if (p)
                return error_set(e, ERROR_INVALID, "%.*s%s%.*s", STR_FMT(p->path), p->path.n ? ": " : "", STR_FMT(p->text));
        return message.n ? error_set(e, ERROR_INVALID, "%.*s", STR_FMT(message)) : false;
}

static struct value parameters_value(const struct bindings *b, struct arena *a)
{
        struct map_builder m = {.arena = a};
        for (size_t i = 0; i < b->params_n; i++) {
                struct value v = value_string(b->params[i].value.text);
                if (b->params[i].value.kind == VAL_JSON && !json_read(b->params[i].value.text, NULL, a, &v, NULL))
                        v = value_string(b->params[i].value.text);
                map_push(&m, b->params[i].name, v);
        }
        return value_map(m.members, m.n);
}

static struct str recurring_body(struct request *r, const struct kubeflow_submission *s, const struct kubeflow_trigger *t)
{
        struct map_builder m = {.arena = r->arena};
        struct str labels = labels_of(r, s);
        kubeflow_put(&m, "pipeline", s->pipeline);
        kubeflow_put(&m, "version", s->version);
        if (!s->pipeline.n)
                kubeflow_put(&m, "document", s->document);
        map_push(&m, STR("parameters"), parameters_value(&s->parameters, r->arena));
        kubeflow_put_json(&m, "labels", labels);
        kubeflow_put(&m, "service_account", s->service_account);
        kubeflow_put(&m, "cron", t->cron);
        kubeflow_put(&m, "timezone", t->timezone);
        if (t->interval_s)
                map_push(&m, STR("interval_second"), value_i64(t->interval_s, r->arena));
        kubeflow_put(&m, "start", t->start);
        kubeflow_put(&m, "end", t->end);
        map_push(&m, STR("catchup"), value_bool(!t->no_catchup));
        map_push(&m, STR("max_concurrency"), value_i64(t->max_concurrency, r->arena));
        struct value v = value_map(m.members, m.n);
        return json_text(&v, JSON_COMPACT, r->arena);
}

bool kubeflow_trigger_of(const struct value *v, bool enabled, struct kubeflow_trigger *ret, struct error *e)
{
        const struct value *trigger = value_get_c(v, "trigger"), *cron = value_get_c(trigger, "cron_schedule"), *periodic = value_get_c(trigger, "periodic_schedule");
        const struct value *schedule = cron ? cron : periodic;
        *ret = (struct kubeflow_trigger){.cron = kubeflow_text(cron, "cron"), .interval_s = kubeflow_number(periodic, "interval_second", 0),
                                         .start = kubeflow_text(schedule, "start_time"), .end = kubeflow_text(schedule, "end_time"), .no_catchup = kubeflow_true(v, "no_catchup"),
                                         .enabled = enabled, .max_concurrency = kubeflow_number(v, "max_concurrency", 1)};
        return !(cron && periodic) || error_set(e, ERROR_INVALID, "the trigger has a cron_schedule and a periodic_schedule: which is it?");
}

bool kubeflow_create_recurring(struct request *r, struct kubeflow_submission *s, const struct kubeflow_trigger *t, struct record *ret, struct error *e)
{
        struct cron cron;
        if (!s->display_name.n)
                return error_set(e, ERROR_INVALID, "the recurring run has no display_name");
        if (t->max_concurrency < 1 || t->max_concurrency > 10)
                return error_set(e, ERROR_INVALID, "max_concurrency is from 1 to 10, not %lld", (long long)t->max_concurrency);
        if (!t->cron.n && !t->interval_s)
                return error_set(e, ERROR_INVALID, "the recurring run has no trigger: give a cron_schedule or a periodic_schedule");
        if (t->cron.n && t->interval_s)
                return error_set(e, ERROR_INVALID, "the recurring run has two triggers: give a cron_schedule or a periodic_schedule");
        if (t->interval_s < 0)
                return error_set(e, ERROR_INVALID, "interval_second is at least 1");
        if (t->cron.n && !cron_parse(t->cron, &cron, e)) {
                e->kind = ERROR_INVALID;
                return false;
        }
        if (!kubeflow_resolve(r, s, true, e) || !try_parameters(r, s, e))
                return false;
        struct record x = {.kind = RECORD_RECURRING, .ns = s->ns, .parent = s->experiment, .name = s->display_name, .display_name = s->display_name, .description = s->description,
                           .state = t->enabled ? RECORD_ACTIVE : RECORD_DISABLED, .body = recurring_body(r, s, t)};
        return kubeflow_create(r, &x, ret, e);
}

/* ---- nodes and files ---- */

/* By Argo's id of the node, as the manifest of a v1 run has it. */
static const struct node_row *by_argo_id(struct request *r, const struct run_row *run, const struct node_rows *nodes, struct str id)
{
        struct problems problems = {.arena = r->arena};
        const struct dialect *d = NULL;
        const struct node_row *found = NULL;
        struct str message;
        struct error e;
        struct submission s;
        if (!str_eq_c(run->language, "argo") || !submission_decode(run->options, r->arena, &s, &e))
                return NULL;
        struct workflow *w = document_compile(run->document, &s, &problems, &d, &message, &e);
        if (!w)
                return NULL;
        struct argo_nodes all = argo_nodes_of(w, run, nodes->p, nodes->n, r->arena);
        for (uint32_t i = 0; i < all.n && !found; i++)
                if (all.p[i].type != ARGO_NODE_HIDDEN && str_eq(all.p[i].id, id))
                        found = all.p[i].row;
        workflow_free(w);
        return found;
}

bool kubeflow_node(struct request *r, const struct run_row *run, const struct node_rows *nodes, struct str ref, const struct node_row **ret, struct error *e)
{
        struct str number = str_starts(ref, run->uid) && ref.n > run->uid.n + 1 ? str_sub(ref, run->uid.n + 1, ref.n) : ref;
        int64_t no = 0;
        bool numbered = str_to_i64(number, &no);
        *ret = NULL;
        for (size_t i = 0; i < nodes->n && !*ret; i++)
                if ((numbered && nodes->p[i].no == no) || str_eq(nodes->p[i].name, ref))
                        *ret = &nodes->p[i];
        if (!*ret)
                *ret = by_argo_id(r, run, nodes, ref);
        return *ret || error_set(e, ERROR_NOT_FOUND, "the run has no node %.*s", STR_FMT(str_sub(ref, 0, 100)));
}

/* Only what Weft keeps itself: an artifact may name any file of the machine, which is not everybody's to read. */
static bool kept_file(struct request *r, struct str uri, char ret[PATH_MAX], struct error *e)
{
        char root[PATH_MAX];
        struct str path = str_starts(uri, STR("file://")) ? str_sub(uri, 7, uri.n) : uri;
        if (str_find_char(path, 0, 0) != SIZE_MAX || !realpath(arena_cstr(r->arena, runtime_artifact_root(r->folder, STR_NONE, r->arena)), root) ||
            !realpath(arena_cstr(r->arena, path), ret))
                return error_set(e, ERROR_NOT_FOUND, "the artifact is not there any more");
        size_t n = strlen(root);
        return (!strncmp(ret, root, n) && ret[n] == '/') || error_set(e, ERROR_NOT_FOUND, "the artifact is kept elsewhere: %.*s", STR_FMT(str_sub(uri, 0, 300)));
}

bool kubeflow_artifact(struct request *r, const struct run_row *run, struct str ref, struct str name, struct str *ret, struct error *e)
{
        struct node_rows nodes;
        const struct node_row *node;
        char path[PATH_MAX];
        if (!kubeflow_nodes(r, run, &nodes, e) || !kubeflow_node(r, run, &nodes, ref, &node, e))
                return false;
        const struct artifact *x = bindings_artifact(&node->outputs, name);
        if (!x && str_starts(name, node->name) && name.n > node->name.n + 1) /* kfp 1: "<template>-<output>" */
                x = bindings_artifact(&node->outputs, str_sub(name, node->name.n + 1, name.n));
        if (!x)
                return error_set(e, ERROR_NOT_FOUND, "the node %.*s has no artifact %.*s", STR_FMT(node->name), STR_FMT(str_sub(name, 0, 100)));
        return kept_file(r, x->uri, path, e) && file_read(path, FILE_BYTES_MAX, r->arena, ret, e);
}

static struct str base64(struct str s, struct arena *a)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *out = arena_alloc_raw(a, s.n / 3 * 4 + 5, 1);
        size_t n = 0;
        for (size_t i = 0; i < s.n; i += 3) {
                uint32_t left = s.n - i < 3 ? (uint32_t)(s.n - i) : 3, bits = 0;
                for (uint32_t k = 0; k < 3; k++)
                        bits = bits << 8 | (k < left ? (unsigned char)s.p[i + k] : 0);
                for (uint32_t k = 0; k < 4; k++)
                        out[n++] = k <= left ? digits[bits >> (18 - 6 * k) & 63] : '=';
        }
        out[n] = 0;
        return (struct str){out, n};
}

bool kubeflow_read_artifact(struct request *r, struct value *ret, struct error *e)
{
        struct run_row run;
        struct str content;
        if (!kubeflow_run(r, request_variable(r, "run_id"), MAY_VIEW, &run, e) ||
            !kubeflow_artifact(r, &run, request_variable(r, "node_id"), request_variable(r, "artifact_name"), &content, e))
                return false;
        struct map_builder m = {.arena = r->arena};
        map_push(&m, STR("data"), value_string(base64(content, r->arena)));
        *ret = value_map(m.members, m.n);
        return true;
}

/* The attempt whose log stands for the node: of a step with retries its last try. */
static const struct node_row *leaf_of(const struct node_rows *nodes, const struct node_row *node)
{
        for (int down = 0; node && node->kind != NODE_KIND_TASK && down < 100; down++) {
                const struct node_row *last = NULL;
                for (size_t i = 0; i < nodes->n; i++)
                        if (nodes->p[i].parent == node->no)
                                last = &nodes->p[i];
                node = last;
        }
        return node && node->kind == NODE_KIND_TASK ? node : NULL;
}

static bool log_text(struct request *r, struct error *e)
{
        struct run_row run;
        struct node_rows nodes;
        const struct node_row *node;
        struct str text, rest;
        if (!kubeflow_run(r, request_variable(r, "run_id"), MAY_VIEW, &run, e) || !kubeflow_nodes(r, &run, &nodes, e) ||
            !kubeflow_node(r, &run, &nodes, request_variable(r, "node_id"), &node, e))
                return false;
        node = leaf_of(&nodes, node);
        if (!node)
                return error_set(e, ERROR_NOT_FOUND, "the node %.*s ran no command", STR_FMT(request_variable(r, "node_id")));
        struct attempt_id id = {run.uid, node->no, node->epoch, node->attempt};
        if (!file_read(arena_cstr(r->arena, r->executor->log_path(r->folder, &id, r->arena)), FILE_BYTES_MAX, r->arena, &text, e))
                return error_set(e, ERROR_NOT_FOUND, "the node %.*s has no log", STR_FMT(node->name));
        /* a stored line is "<time> <o|e> <text>" */
        for (rest = text; rest.n;) {
                struct str line = str_cut(&rest, '\n');
                size_t t = str_find_char(line, ' ', 0);
                buf_add(&r->answer.body, t == SIZE_MAX || t + 3 > line.n ? line : str_sub(line, t + 3, line.n));
                buf_add_char(&r->answer.body, '\n');
        }
        return true;
}

void kubeflow_read_log(struct request *r)
{
        struct error e = {0};
        r->answer.type = "text/plain; charset=utf-8";
        if (!log_text(r, &e))
                kubeflow_fail_file(r, &e);
}
