/* A run of a workflow that is written down in the test, and a hand that plays the world: it answers what the engine asks for by the name of
 * the task. The language is the least that there is: a leaf's output is what it was told to be. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/engine.h"

struct leaf { /* template->dialect */
        int64_t retries, timeout_us, deadline_us;
        const char *supply;      /* a suspend point asks for this value */
        bool unresolvable;       /* set by a test while it runs: what it executes cannot be said */
        size_t input_bytes;      /* of its one parameter */
};
struct fan { uint32_t n; };      /* task->dialect of one that fans out */

enum { ROWS_MAX = 64, ACTIONS_MAX = 256 };
struct rig {
        struct workflow w;
        struct engine_settings settings;
        struct run *run;
        struct arena *arena, *step;
        struct node_row rows[ROWS_MAX]; /* as committed, by number */
        struct run_row row;
        uint32_t history[ROWS_MAX], history_n;
        struct action actions[ACTIONS_MAX]; size_t actions_n; /* of the last event */
        struct delta delta;
        int64_t now_us;
        struct error error;
};

void rig_begin(struct rig *g);                    /* `w` and `settings` are filled in */
void rig_end(struct rig *g);
bool rig_event(struct rig *g, struct event e);    /* step, commit, collect actions */
void rig_load(struct rig *g);                     /* the process ends, and starts again */
void rig_pending(struct rig *g);                  /* into `actions` */
struct node_row *rig_node(struct rig *g, const char *name);                /* the latest of that name that is no attempt */
struct node_row *rig_item(struct rig *g, const char *name, uint32_t index);
uint32_t rig_count(const struct rig *g, const char *name, enum node_state s);
const struct action *rig_action(const struct rig *g, enum action_kind kind, const char *name); /* of the last event; NULL: none */
size_t rig_actions(const struct rig *g, enum action_kind kind);
void rig_ends(struct rig *g, struct node_row *n, enum task_end end, int exit_code);
void rig_ends_with(struct rig *g, struct node_row *n, size_t output_bytes);
