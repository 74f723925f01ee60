/* The KFP dialect: what the compiled pipeline looks like, and how its parts call each other.
 *
 * A component is a template, once for each retry policy with which tasks call it (in KFP the policy belongs to the task, in the
 * model to the template). Everything below is made by compile.c, lives in the workflow's arena and never changes.
 *
 *   schema.c    the fields of the IR, and the check of a document against them
 *   compile.c   components and executors → templates; parameters.c: what a submission gives
 *   tasks.c     one graph: its tasks, sources, dependencies, outputs
 *   lint.c      looks at all placeholders before anything runs
 *   values.c    types, conversions, text forms
 *   inputs.c    questions 1 to 3 of the language: condition, items, inputs of a call
 *   placeholder.c, attempt.c   question 5: the command, its files, ExecutorInput; python.c: lightweight components
 *   outputs.c   question 6; cache.c: question 8
 *   status.c    run documents */
#pragma once
#include "dialect/dialect.h"
#include "model/language.h"

enum kfp_type { KFP_STRING, KFP_INTEGER, KFP_DOUBLE, KFP_BOOLEAN, KFP_LIST, KFP_STRUCT, KFP_FINAL_STATUS, KFP_TASK_CONFIG, KFP_TYPES };

struct kfp_param {
        struct str name;
        enum kfp_type type;
        bool optional;
        struct val fallback; /* VAL_NONE: no default */
        const struct value *literals; /* a list: the only values it may have; NULL: any */
};

struct kfp_artifact {
        struct str name;
        struct str type;     /* "system.Model", or an instance schema */
        struct str version;
        bool is_instance;    /* `type` is an instance schema */
        bool optional, list;
        const struct value *metadata; /* of an output, from the definition; may be NULL */
};

struct kfp_io {
        struct kfp_param *params; size_t params_n;
        struct kfp_artifact *artifacts; size_t artifacts_n;
};

/* An output of a graph: the first of `from` that is there. */
struct kfp_selector { uint32_t task; struct str key; };
struct kfp_graph_output { struct str name; struct kfp_selector *from; size_t from_n; };

struct kfp_python { bool is; struct str *packages; size_t packages_n; uint32_t skip; /* words of the command that only install */ };

struct kfp_executor {
        struct str name;
        const struct value *at;       /* in the document */
        bool importer;
        /* container */
        struct str image;
        struct str *command; size_t command_n;
        struct str *args; size_t args_n;
        struct { struct str name, value; } *env; size_t env_n;
        struct str cpu, memory;       /* Kubernetes quantities, placeholders allowed; empty: none */
        struct kfp_python python;
        int64_t deadline_us;          /* from the platform document; 0: none */
        /* importer */
        struct str uri, uri_parameter;
        const struct value *metadata;
};

struct kfp_component {
        struct str name;
        struct kfp_io in, out;
        const struct kfp_executor *executor; /* NULL: a graph */
        const struct value *dag;
        struct kfp_graph_output *params; size_t params_n;
        struct kfp_graph_output *artifacts; size_t artifacts_n;
        struct task *tasks; uint32_t tasks_n;
        struct kfp_template *variants; /* the templates made of it */
        bool cacheable;                /* some task asks for it */
        uint32_t line, column;
};

struct kfp_template { /* template->dialect */
        struct kfp_component *component;
        struct retry_policy retry;
        const struct value *policy;  /* the document's; NULL: none */
        uint32_t index;              /* in the workflow */
        struct kfp_template *next;   /* of the component */
};

enum kfp_source_kind { KFP_CONSTANT, KFP_RUNTIME, KFP_INPUT, KFP_OUTPUT, KFP_STATUS };
struct kfp_source {
        struct str name;              /* of the task's input */
        enum kfp_source_kind kind;
        struct str key;               /* INPUT: of the enclosing component; OUTPUT: the producer's output; RUNTIME: the pipeline's parameter */
        uint32_t producer;            /* OUTPUT, STATUS */
        const struct value *constant;
        const struct kfp_expr *selector; /* NULL: none */
};

struct kfp_task { /* task->dialect */
        struct kfp_component *component;
        struct str display_name;
        struct kfp_source *params; size_t params_n;
        struct kfp_source *artifacts; size_t artifacts_n;
        const struct kfp_expr *condition;
        struct str condition_text;
        /* iterators; at most one */
        struct str item_input;
        const struct value *items_raw; /* a list; placeholders may be in it */
        struct str items_input;        /* a parameter of the task */
        bool over_artifacts;           /* items_input is an artifact list */
        bool cache;
        struct str cache_key;
};

struct kfp_workflow { /* workflow->dialect */
        struct kfp_component *root;
        struct kfp_component *components; size_t components_n;
        struct str sdk_version;
        const struct value *spec;      /* the pipeline's document */
        const struct value *platform;  /* the document behind it; NULL: none */
        bool uses_workspace;           /* every attempt finds the folder */
};

/* values.c */
bool kfp_type_parse(struct str name, enum kfp_type *ret);
const char *kfp_type_name(enum kfp_type t); /* for people: "an integer" */
/* What the SDK wrote for a constant of this type: it leaves the text 1e3 unquoted, which is a number for everybody else. */
const struct value *kfp_written(const struct value *v, enum kfp_type type, struct arena *a);
/* The value with `number` asked for each number in it, at any depth. */
struct value kfp_map_numbers(const struct value *v, struct value (*number)(const struct value *, struct arena *), struct arena *a);
/* Whole numbers without a fraction, also within lists and structs, as protobuf's JSON writes them. */
struct value kfp_normal(const struct value *v, struct arena *a);
struct val kfp_val(const struct value *v, struct arena *a);      /* strings raw, anything else its JSON */
struct value kfp_value(struct val v, struct arena *a);           /* the reverse */
struct str kfp_text(struct val v, struct arena *a);              /* as it stands in a command */
bool kfp_is_null(struct val v);                                  /* none or null */
extern const struct val kfp_null;
/* `what` names it in the error: "input 'x' of task 'y'". null passes. */
bool kfp_convert(struct val v, enum kfp_type type, struct str what, struct arena *a, struct val *ret, struct error *e);
/* The same for a value that the parameter is to have: one of its literals, if it has some. */
bool kfp_fit(struct val v, const struct kfp_param *p, struct str what, struct arena *a, struct val *ret, struct error *e);

/* schema.c */
void kfp_check_spec(const struct value *spec, struct problems *ps);
void kfp_list_fields(field_visitor *each, void *user, struct arena *a);
void kfp_check_platform(const struct value *platform, const struct value *spec, struct problems *ps);
struct str kfp_path(struct arena *a, struct str path, struct str member);
/* " (did you mean 'x'?)" for the member of `map` nearest to `wrong`, or empty. */
struct str kfp_nearest(const struct value *map, struct str wrong, struct arena *a);

/* condition.c: the expressions of triggerPolicy and parameterExpressionSelector */
const struct kfp_expr *kfp_expr_compile(struct str text, struct arena *a, struct error *e);
bool kfp_expr_condition(const struct kfp_expr *x, const struct bindings *inputs, struct arena *a, bool *ret, struct error *e);
/* Whether they read only what there is: of a condition, the task's inputs. */
bool kfp_expr_check_condition(const struct kfp_expr *x, const struct kfp_task *k, struct error *e);
bool kfp_expr_check_selector(const struct kfp_expr *x, struct error *e);
bool kfp_expr_select(const struct kfp_expr *x, struct val from, struct arena *a, struct val *ret, struct error *e);

/* lint.c: problems for placeholders that name nothing. */
struct kfp_reader;
void kfp_lint_component(struct kfp_reader *r, const struct kfp_component *c);
void kfp_lint_task(struct kfp_reader *r, const struct kfp_task *k, const struct value *at, struct str path);

/* compile.c, tasks.c, parameters.c, python.c */
bool kfp_is_channel(struct str input); /* an input that the SDK adds to a task for its constants and conditions to read */
struct kfp_name { struct str name; uint32_t index; };
struct kfp_names { struct kfp_name *items; size_t n; };
/* The members of a map by name, for looking many of them up. */
struct kfp_names kfp_names_of(const struct value *map, struct arena *a);
bool kfp_names_find(const struct kfp_names *names, struct str name, uint32_t *ret);

struct kfp_reader {
        struct problems *ps;
        struct arena *arena;           /* the workflow's */
        const struct value *spec, *platform; /* NULL: no platform document */
        struct kfp_component *components; size_t components_n; /* the root is the last */
        struct kfp_names component_names;
        struct kfp_executor *executors; size_t executors_n;
        struct kfp_names executor_names;
        struct template *templates; uint32_t templates_n, templates_cap;
        bool uses_workspace;
};
struct kfp_component *kfp_find_component(struct kfp_reader *r, struct str name);
uint32_t kfp_template_of(struct kfp_reader *r, struct kfp_component *c, const struct value *policy);
void kfp_compile_graph(struct kfp_reader *r, struct kfp_component *c, struct str path);
const struct kfp_param *kfp_param_of(const struct kfp_io *io, struct str name);
const struct kfp_artifact *kfp_artifact_of(const struct kfp_io *io, struct str name);
/* The run's parameters from what was submitted and the root's defaults. `lint`: nothing is missing. */
void kfp_parameters(const struct kfp_component *root, const struct submission *s, bool lint, struct arena *a, struct bindings *ret,
                    struct problems *ps);
/* Recognises the command of a lightweight Python component. */
void kfp_python_detect(struct kfp_executor *x, struct str sdk_version, struct arena *a);

/* inputs.c */
bool kfp_eval_when(const struct site *s, enum verdict *ret, struct str *ret_message, struct error *e);
bool kfp_expand_items(const struct site *s, struct items *ret, struct error *e);
bool kfp_resolve_call(const struct site *s, struct call *ret, struct error *e);

/* placeholder.c */
struct kfp_place { /* what a placeholder may name */
        const struct site *site;
        const struct bindings *inputs;
        const struct kfp_component *component; /* NULL: only inputs and the run's facts */
        struct str folder;      /* of the outputs; empty: there are none */
        bool for_cache;         /* input artifacts by digest */
        bool for_lint;          /* only looks whether every placeholder names something: all branches */
        bool uses_workspace;    /* set when a placeholder named it */
        struct arena *arena;
};
struct str kfp_place_text(struct kfp_place *p, struct str text, struct error *e, bool *ok);
/* Strings within a value. */
bool kfp_place_value(struct kfp_place *p, const struct value *v, struct value *ret, struct error *e);
/* Words of a command: a word may become none or several. */
bool kfp_place_words(struct kfp_place *p, const struct str *words, size_t n, struct str **ret, size_t *ret_n, struct error *e);
struct value kfp_executor_input(struct kfp_place *p);
struct str kfp_artifact_path(struct str uri, struct arena *a);
struct str kfp_output_uri(const struct kfp_place *p, struct str artifact);
struct str kfp_output_file(const struct kfp_place *p, struct str parameter); /* empty name: the output file */
struct str kfp_workspace(const struct site *s);

/* attempt.c */
struct str kfp_attempt_folder(const struct site *s, struct arena *a);
bool kfp_resolve_attempt(const struct site *s, struct task_spec *ret, struct error *e);
bool kfp_quantity(struct str s, double *ret); /* "500m", "512Mi", "1.5" */

/* outputs.c, cache.c */
bool kfp_collect_outputs(const struct site *s, const struct task_outcome *outcome, struct collected *ret, struct error *e);
bool kfp_cache_key(const struct site *s, const struct task_spec *spec, struct str *ret, struct error *e);

/* status.c */
void kfp_write_status(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct buf *out);
/* The document as a message shows it: the bare map, or with the platform document beside it. */
struct value kfp_spec_of_document(struct str text, struct str language, struct arena *a);
#define KFP_LABEL_ROOT "pipelines.kubeflow.org/pipeline_root" /* of a run: its pipeline_root */
struct str kfp_run_outputs(const struct workflow *w, const struct run_row *run, const struct node_row *nodes, size_t n, struct arena *a);

extern const struct language kfp_language;
