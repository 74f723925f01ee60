#include "model/states.h"

static const char *const run_names[RUN_STATES] = {"Queued", "Running", "Suspended", "Stopping", "Succeeded", "Failed", "Error", "Stopped", "Terminated"};
static const char *const node_names[NODE_STATES] = {"Pending", "Waiting", "Running", "Suspended", "Succeeded", "Cached",
                                                    "Failed",  "Error",   "Stopped", "Skipped",   "Omitted",   "Lost"};
static const char *const kind_names[NODE_KINDS] = {"task", "graph", "group", "fan-out", "retry", "suspend", "child", "call"};

const char *run_state_name(enum run_state s) { return s < RUN_STATES ? run_names[s] : "?"; }
const char *node_state_name(enum node_state s) { return s < NODE_STATES ? node_names[s] : "?"; }
const char *node_kind_name(enum node_kind k) { return k < NODE_KINDS ? kind_names[k] : "?"; }
bool run_state_final(enum run_state s) { return s >= RUN_SUCCEEDED; }
bool node_state_final(enum node_state s) { return s >= NODE_SUCCEEDED; }
bool node_state_good(enum node_state s) { return s == NODE_SUCCEEDED || s == NODE_CACHED; }
bool node_state_bad(enum node_state s) { return s == NODE_FAILED || s == NODE_ERROR || s == NODE_STOPPED; }
