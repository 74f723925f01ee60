/* Between validate.c and scope.c: a check of a document under way, and what the tags of one template may name. */
#pragma once
#include "dialect/argo/argo.h"
#include <stdarg.h>
#include <stdio.h>

struct argo_check {
        struct argo_reader *r;
        bool *done;                    /* templates that were checked */
        bool run_arguments;            /* the arguments at hand are the run's: submitted values count */
        bool lenient;                  /* values may still be missing: nothing is submitted yet */
        bool isolated;                 /* a WorkflowTemplate, looked at for itself: whoever uses it may add parameters */
        bool exit;                     /* exit handlers: workflow.failures is there */
        uint32_t depth;
        struct str *globals; size_t globals_n, globals_cap; /* "outputs.parameters.X" that some template exports */
        bool any_global_parameter, any_global_artifact;     /* their names are only known at run time */
        struct str trouble;            /* the first mistake, and where */
        const struct value *at;
};

struct argo_scope {
        struct argo_check *check;
        const struct argo_template *owner;
        uint32_t visible_n;            /* steps: those before this one; dags: all */
        const struct argo_vertex *self; /* the step or task whose texts are read; NULL: outputs */
        bool *ancestors;               /* of `self` in a dag */
        bool any_item;                 /* the items are only known at run time */
        const struct argo_task **loops; size_t loops_n, loops_cap; /* whose items' keys are known */
};

/* Keeps the mistake and returns false. */
bool argo_check_fail(struct argo_check *c, const struct value *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* scope.c */
bool argo_is_leaf(const struct argo_template *x);
bool argo_seen_before(const struct argo_scope *s, struct str name, uint32_t at);
void argo_scope_items(struct argo_scope *s, const struct argo_task *t);
void argo_scope_reset_items(struct argo_scope *s);
void argo_scope_outputs(struct argo_check *c, const struct argo_vertex *v);  /* what its template exports to the run */
/* Every tag in any string of v that begins like one of Argo's names something; fails with "failed to resolve {{…}}". */
bool argo_check_tags(struct argo_scope *s, const struct value *v);
/* Would the values that are known now, put into the template's JSON, leave it JSON? Argo quotes them as Go's source does. */
bool argo_check_json(struct argo_scope *s, const struct value *v, const struct argo_call *args);
