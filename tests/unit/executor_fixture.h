/* An executor over a folder of its own, with a loop and a note of what it reported. The binary of the test is its own shepherd:
 * its main hands `shepherd` to shepherd_main. */
#pragma once
#include "executor/executor.h"
#include <uv.h>

enum { ENDS_MAX = 4096 };

struct seen { /* what was reported of one attempt */
        struct attempt_id id;
        int started, ended;
        struct task_outcome o; /* of the last end; texts are copies */
};

struct fixture {
        char folder[256];
        uv_loop_t loop;
        struct executor *x;
        struct executor_settings set;
        struct arena *arena;
        struct seen seen[ENDS_MAX];
        size_t seen_n, ended_n;
};

struct fixture *fixture_new(const char *isolation);
void fixture_open(struct fixture *f);  /* once more, after fixture_close */
void fixture_close(struct fixture *f);
void fixture_remove_folder(const char *path);
void fixture_remove(struct fixture *f); /* its folder */
void fixture_free(struct fixture *f);  /* ends the shepherd, removes the folder */
struct attempt_id fixture_id(uint32_t node);
struct seen *fixture_seen(struct fixture *f, uint32_t node);
/* A spec that runs /bin/sh -c `script`. */
struct task_spec fixture_sh(struct fixture *f, const char *script);
void fixture_start(struct fixture *f, uint32_t node, const struct task_spec *spec);
/* Runs the loop until attempt `node` has ended (or started), at most 60 s. */
struct seen *fixture_wait(struct fixture *f, uint32_t node);
void fixture_wait_started(struct fixture *f, uint32_t node);
void fixture_run_ms(struct fixture *f, int64_t ms); /* runs the loop for a while */
struct seen *fixture_run(struct fixture *f, uint32_t node, const struct task_spec *spec); /* start and wait */
int fixture_shepherd(struct fixture *f); /* its pid; 0: none */
struct str fixture_log(struct fixture *f, uint32_t node); /* whole text; empty when there is no log */
