/* Compiles Argo documents written in a test, and runs them in the engine against answers that the test makes up. */
#pragma once
#include "dialect/dialect.h"
#include "engine/engine.h"

struct argo_case {
        struct arena *arena;
        struct problems problems;
        struct workflow *workflow; /* NULL: refused */
        struct str message;        /* what compiling says for Argo's status */
        struct run_row run;
        struct node_row *nodes;    /* of the last run, in order of number */
        size_t nodes_n;
        uint32_t started;          /* how many attempts were started */
        struct run *engine;
};

/* `parameters`: pairs name, text; ends in NULL. May be NULL. */
struct argo_case *argo_case_new(const char *yaml, const char *const *parameters);
struct argo_case *argo_case_lint(const char *yaml);
void argo_case_free(struct argo_case *c);

/* What a task does: fill `ret`, which says success in advance. */
typedef void argo_answer(void *user, struct argo_case *c, const struct task_spec *spec, struct task_outcome *ret);
/* Suspended nodes are approved without values when nothing else is left to do. */
void argo_case_run(struct argo_case *c, argo_answer *answer, void *user);
void argo_answer_param(struct argo_case *c, struct task_outcome *o, const char *name, const char *text);
void argo_answer_result(struct argo_case *c, struct task_outcome *o, const char *text);
/* What a test's own little shell makes of a task's words: "echo WORD…" has the result WORD…, "fail N" the exit code N, "out NAME TEXT…" an output
 * parameter; every other command succeeds. */
void argo_answer_words(void *user, struct argo_case *c, const struct task_spec *spec, struct task_outcome *ret);

/* The first problem whose text holds `part`; NULL. */
const struct problem *argo_case_problem(const struct argo_case *c, const char *part, bool warning);
/* The i-th node with this name; NULL. */
const struct node_row *argo_case_node(const struct argo_case *c, const char *name, size_t i);
/* "name State[message] inputs{…} outputs{…} = result", what is empty left out. */
const char *argo_shown(const struct argo_case *c, const struct node_row *n);
