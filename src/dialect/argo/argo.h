/* The Argo dialect: what a Workflow document looks like once it is read, and how its parts call each other.
 *
 * Each template of the document is a template of the model. A steps template is a graph of tasks `[0]`, `[1]`, …, each of which calls a hidden
 * transparent graph that holds the steps of one group; a dag template is a graph of its tasks. Everything below is made when the document
 * is compiled, lives in the workflow's arena and never changes.
 *
 *   fields.c          every field that Argo knows, and what Weft does with it
 *   read_workflow.c   the document, its parameters, the entrypoint; read_template.c: one template; read_graph.c: steps, tasks, depends
 *   validate.c        the errors that Argo reports as "invalid spec: …"; scope.c: which tags a place may name
 *   text.c            strings with {{tags}} and {{=expressions}}; vars.c: what they can name
 *   call.c            conditions, items, inputs of a call (questions 1 to 4 of the language); loops.c: the items themselves
 *   attempt.c         what to execute (question 5), retries (7); outputs.c: outputs (6); artifacts.c: what an artifact's source stands for
 *   names.c           Argo's names of nodes; nodes.c: our rows as its nodes; status.c: its Workflow document */
#pragma once
#include "dialect/dialect.h"
#include "base/buf.h"
#include "expr/expr.h"
#include "model/language.h"
#include "text/json.h"

enum { ARGO_VALIDATION_DEPTH = 100, ARGO_PASSES_MAX = 8 };

/* A string of the document, compiled once: a literal, or parts. */
enum text_kind { TEXT_LITERAL, TEXT_TAG, TEXT_EXPR };
struct text_part {
        enum text_kind kind;
        struct str text;          /* as written; of a tag and an expression with the braces */
        struct str key;           /* TAG: trimmed */
        const struct expr *expr;  /* EXPR; NULL: it does not parse */
        struct str trouble;       /* EXPR: why not */
};
struct atext {
        struct str source;
        bool given;               /* the field is there */
        struct text_part *parts; size_t parts_n; /* none: the source is the literal */
};

struct argo_param {               /* an input, an argument, a parameter of the workflow */
        struct str name;
        struct atext value, fallback /* `default` */;
        const struct expr *expression; /* valueFrom.expression of an argument */
        bool supplied;            /* valueFrom.supplied */
        const struct value *choices; /* `enum`; NULL */
        uint32_t line, column;
};

struct argo_artifact {
        struct str name, global_name;
        struct atext path, from, raw;
        const struct expr *from_expression;
        uint32_t mode;
        bool optional;
};

enum output_source { OUTPUT_NONE, OUTPUT_PATH, OUTPUT_PARAMETER, OUTPUT_EXPRESSION, OUTPUT_SUPPLIED, OUTPUT_VALUE };
struct argo_output {
        struct str name, global_name;
        enum output_source from;
        struct atext text;        /* PATH, PARAMETER, VALUE */
        struct str expression;    /* EXPRESSION: as written */
        const struct expr *expr;
        struct str trouble;
        struct atext fallback;
};

struct argo_call {                /* of a task, a hook, the entrypoint */
        struct str template;
        struct argo_param *params; size_t params_n;
        struct argo_artifact *artifacts; size_t artifacts_n;
};

struct argo_hook {
        struct argo_call call;
        struct str expression;
        const struct expr *expr;
        struct str trouble;
        struct str path;          /* "spec.onExit" */
};

struct argo_sequence { bool given; struct atext count, start, end, format; };

struct argo_task {
        struct argo_call call;
        struct atext when;
        const struct value *items;      /* withItems; NULL */
        struct atext *item_texts;       /* those of them that are strings with tags, else not given */
        struct atext param;             /* withParam */
        struct argo_sequence sequence;
        bool loops;
        bool wants_result;              /* its template's caller reads outputs.result */
        const struct value *source;
        struct argo_hook *hooks; uint32_t hooks_n;
};

struct argo_name { struct str name; struct task_ref ref; };

enum argo_type { ARGO_NOTHING, ARGO_CONTAINER, ARGO_SCRIPT, ARGO_STEPS, ARGO_DAG, ARGO_SUSPEND, ARGO_OTHER };

struct argo_retry {
        bool given;
        struct atext limit, duration, factor, cap, total;
        struct str policy, expression;
        const struct expr *expr;
        struct str trouble;
};

struct argo_env { struct str name; struct atext value; };

/* A graph as it was read, for validation. */
struct argo_vertex { struct str name, depends; const struct value *source; struct argo_task *task; uint32_t group, index /* in it */, template; };
struct argo_graph {
        struct argo_vertex *all; size_t n;
        uint32_t *first;                /* steps: where each group begins in `all` */
        struct str target;
        struct str trouble, target_trouble; /* what is wrong with the dependencies, in Argo's words; and with `target` */
        const struct value *trouble_at;
};

struct argo_template {
        struct str name;
        enum argo_type type;
        int types;                      /* how many of container, script, … are given: 1 is right */
        const struct value *source;
        struct argo_param *inputs; size_t inputs_n;
        struct argo_artifact *artifacts_in; size_t artifacts_in_n;
        struct argo_output *outputs; size_t outputs_n;
        struct argo_artifact *artifacts_out; size_t artifacts_out_n;
        struct argo_retry retry;
        struct atext timeout, deadline;
        struct str trouble;             /* an expression in it does not parse: calling it is an error */
        /* container and script */
        struct atext image, workdir, script;
        struct atext *command; size_t command_n;
        struct atext *args; size_t args_n;
        struct argo_env *env; size_t env_n;
        int64_t cpu_milli, memory_bytes;
        /* suspend */
        struct atext duration;
        /* steps and dag */
        struct argo_name *names; size_t names_n; /* sorted by name */
        struct argo_graph *graph;
        bool group;                     /* the hidden graph of one group of steps */
};

struct argo_workflow {
        const struct value *metadata, *spec;
        struct str entrypoint, service_account;
        struct argo_call root;
        struct submission submission;
        struct argo_hook *hooks; uint32_t hooks_n; /* exit handler first */
        bool uses_failures;
};

static inline const struct argo_workflow *argo_workflow_of(const struct workflow *w) { return w->dialect; }
static inline const struct argo_template *argo_template_of(const struct template *t) { return t->dialect; }
static inline const struct argo_task *argo_task_of(const struct task *t) { return t->dialect; }

/* fields.c: unknown fields, wrong shapes, and what is not executed, as problems. */
void argo_check_fields(const struct value *document, struct problems *p);
void argo_list_fields(field_visitor *each, void *user, struct arena *a);

/* Reading. */
struct argo_reader {
        struct arena *arena;
        struct problems *problems;
        struct workflow *workflow;
        struct argo_workflow *argo;
        const struct value *defaults;   /* spec.templateDefaults */
        struct template *templates; uint32_t templates_n, templates_cap;
        struct str *ret_message;
        bool invalid;
        bool lenient;                   /* nothing is submitted (lint): parameters may still lack values */
};
/* Sets the message "invalid spec: …" unless there is one, and adds a problem. Returns false. */
bool argo_invalid(struct argo_reader *r, const struct value *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint32_t argo_add_template(struct argo_reader *r, struct template t);
uint32_t argo_find_template(const struct argo_reader *r, struct str name); /* UINT32_MAX */
struct str argo_scalar(const struct value *v, struct arena *a);             /* text of a string, number or boolean; else empty */
void argo_read_call(struct argo_reader *r, const struct value *owner, struct argo_call *ret);
/* Text of a parameter of the run, as far as it is known before it starts. False: it has none. */
bool argo_run_parameter(const struct argo_reader *r, struct str name, struct str *ret);
/* read_template.c */
uint32_t argo_read_template(struct argo_reader *r, const struct value *t, struct str name);
struct argo_param *argo_read_params(struct argo_reader *r, const struct value *list, size_t *ret_n);
struct argo_artifact *argo_read_artifacts(struct argo_reader *r, const struct value *list, size_t *ret_n);
/* read_graph.c */
void argo_read_steps(struct argo_reader *r, const struct value *t, struct argo_template *x, struct template *m);
void argo_read_dag(struct argo_reader *r, const struct value *t, struct argo_template *x, struct template *m);
void argo_read_hooks(struct argo_reader *r, const struct value *owner, bool run, struct argo_hook **ret, const struct hook **ret_model, uint32_t *ret_n);
/* validate.c */
bool argo_validate(struct argo_reader *r);

/* text.c */
struct vars;
struct atext argo_text(struct str source, struct arena *a);
struct atext argo_text_of(const struct value *v, struct arena *a); /* not given when v is NULL */
/* The text with everything that can be resolved in place of its tags. */
bool argo_render(const struct atext *t, struct vars *v, struct str *ret, struct error *e);
bool argo_render_text(struct str source, struct vars *v, struct str *ret, struct error *e);
bool argo_has_tag(struct str s);
/* The first expression in any string of `v` that does not parse; empty: none. */
struct str argo_text_trouble(const struct value *v, struct arena *a);
/* Calls `each` for every string below v until it returns true. */
bool argo_each_text(const struct value *v, bool (*each)(void *, struct str), void *ctx);
bool argo_mentions(const struct value *v, struct str needle); /* in any string of it */

/* vars.c: what a place of the document may name. */
struct vars {
        const struct site *site;
        const struct argo_workflow *argo;
        struct arena *arena;
        const struct argo_template *owner;   /* whose inputs, and for graphs whose names */
        const struct bindings *inputs;
        const struct argo_template *names;   /* steps.X and tasks.X; NULL: none */
        const struct argo_task *task;        /* for hooks: results are hidden */
        bool has_item; struct str item;      /* JSON text */
        bool hook, retry;
        bool outputs_paths;                  /* outputs.parameters.X.path */
        bool called;                         /* the owner is about to be called: the node named here is the call's, not the graph's */
        bool left;                           /* out: some tag stayed as it was */
        struct str left_tag;                 /* the first of steps.* or tasks.* */
        /* the evaluation under way */
        const struct expr_paths *paths;
};
struct vars argo_vars_call(const struct site *s);   /* around a call */
struct vars argo_vars_inside(const struct site *s); /* in a leaf, or in outputs of a graph */
bool argo_var(struct vars *v, struct str key, struct str *ret); /* false: unknown */
bool argo_eval_tag(struct vars *v, const struct text_part *p, struct str *ret, bool *ret_left, struct error *e);
/* A bare expression (valueFrom.expression, hooks, retries). */
struct expr_env argo_env_of(struct vars *v);
bool argo_eval(const struct expr *x, struct vars *v, struct xvalue *ret, struct error *e);
bool argo_task_view(const struct vars *v, const struct argo_name *n, struct node_view *ret);
const struct argo_name *argo_find_name(const struct argo_template *t, struct str name);
const char *argo_phase(enum node_state s);
const char *argo_run_phase(enum run_state s);

/* loops.c */
bool argo_items(const struct argo_task *t, struct vars *v, struct items *ret, struct error *e);
struct str argo_item_text(struct str json, struct arena *a);        /* what {{item}} becomes */
struct str argo_item_name(struct str json, uint32_t index, struct arena *a); /* "0:k:v,k2:v2" */
/* The error that Go's decoder gives for a text that is no JSON; false when it is JSON. */
bool argo_json_trouble(struct str text, struct arena *a, struct str *ret);

/* artifacts.c */
struct str argo_artifact_uri(const struct site *s, struct str name);   /* where an output of the current attempt is kept */
bool argo_artifact_raw(const struct artifact *x, struct arena *a, struct str *ret);
bool argo_artifact_named(struct vars *v, struct str key, struct artifact *ret);
struct value argo_artifact_map(const struct artifact *x, struct str path, struct arena *a); /* as expressions see one */
/* What `raw`, `from` or `fromExpression` of an argument or of a graph's output stand for. *ret_found false: nothing (yet). */
bool argo_artifact_value(const struct argo_artifact *x, struct vars *v, struct artifact *ret, bool *ret_found, struct error *e);

/* The language's functions. */
bool argo_eval_when(const struct site *, enum verdict *, struct str *, struct error *);
bool argo_expand_items(const struct site *, struct items *, struct error *);
bool argo_resolve_call(const struct site *, struct call *, struct error *);
bool argo_eval_hook(const struct site *, enum verdict *, struct error *);
bool argo_resolve_attempt(const struct site *, struct task_spec *, struct error *);
bool argo_resolve_suspend(const struct site *, struct suspend_spec *, struct error *);
bool argo_resolve_child(const struct site *, struct str *, struct error *);
bool argo_collect_outputs(const struct site *, const struct task_outcome *, struct collected *, struct error *);
bool argo_eval_retry(const struct site *, enum verdict *, struct error *);
bool argo_cache_key(const struct site *, const struct task_spec *, struct str *, struct error *);
extern const struct language argo_language;

/* An exit handler sees how the run will end; it travels as inputs with these names, which no parameter can have. */
#define ARGO_STATUS STR("workflow.status")
#define ARGO_FAILURES STR("workflow.failures")
static inline bool argo_hidden_input(struct str name) { return str_starts(name, STR("workflow.")); }

/* names.c */
struct str argo_node_id(struct str workflow, struct str node_name, struct arena *a);
struct str argo_pod_name(struct str workflow, struct str template, struct str node_name, struct arena *a);
struct str argo_site_name(const struct site *s); /* the current node's name, as well as it can be told from here */

/* status.c */
void argo_write_status(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct buf *out);
struct str argo_run_outputs(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct arena *a);
