/* Compiles KFP documents written in a test, and runs them in the engine against answers that the test makes up. */
#pragma once
#include "dialect/dialect.h"
#include "engine/engine.h"

struct kfp_case {
        struct arena *arena;
        struct problems problems;
        struct workflow *workflow; /* NULL: refused */
        struct run_row run;
        struct node_row *nodes;    /* of the last run, in order of number */
        size_t nodes_n;
        uint32_t started;          /* how many attempts were started */
};

/* `parameters`: pairs name, text; ends in NULL. May be NULL. */
struct kfp_case *kfp_case_new(const char *yaml, const char *const *parameters);
struct kfp_case *kfp_case_lint(const char *yaml);
void kfp_case_free(struct kfp_case *c);

/* What a task does: fill `ret`, which says success in advance. `files` of the spec are answered with the helpers below. */
typedef void kfp_answer(void *user, struct kfp_case *c, const struct task_spec *spec, struct task_outcome *ret);
void kfp_case_run(struct kfp_case *c, kfp_answer *answer, void *user);
void kfp_answer_file(struct kfp_case *c, struct task_outcome *o, const char *text);
void kfp_answer_param(struct kfp_case *c, struct task_outcome *o, const char *name, const char *text);

/* The first problem that is no warning whose text holds `part`; NULL. */
const struct problem *kfp_case_problem(const struct kfp_case *c, const char *part);
/* The i-th node with this name; NULL. */
const struct node_row *kfp_case_node(const struct kfp_case *c, const char *name, size_t i);
/* The stored form of a node's outputs or inputs; of the run's outputs as the command line shows them. */
const char *kfp_outputs(const struct kfp_case *c, const struct node_row *n);
const char *kfp_inputs(const struct kfp_case *c, const struct node_row *n);
const char *kfp_run_text(const struct kfp_case *c);
