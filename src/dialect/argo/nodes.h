/* A run as Argo sees it: which of our rows are nodes to Argo, what it calls them, and how they hang together. For status.c. */
#pragma once
#include "dialect/argo/argo.h"

#define ARGO_NO_NODE UINT32_MAX

enum argo_node_type {
        ARGO_NODE_HIDDEN, /* Argo has no such node */
        ARGO_NODE_POD, ARGO_NODE_STEPS, ARGO_NODE_STEP_GROUP, ARGO_NODE_DAG, ARGO_NODE_TASK_GROUP, ARGO_NODE_RETRY, ARGO_NODE_SKIPPED, ARGO_NODE_SUSPEND,
        ARGO_NODE_HTTP, ARGO_NODE_PLUGIN,
};

struct argo_node {
        const struct node_row *row;
        const struct template *template; /* NULL: none, or not resolved */
        const struct task *task;         /* the call it came from; NULL when the document is not known */
        enum argo_node_type type;
        uint32_t parent, graph, boundary; /* indices; graph: the GRAPH or GROUP around it; boundary: the GRAPH */
        uint32_t first, last, next;      /* its children in order of number */
        uint32_t slots;                  /* a GRAPH's tasks: offset in argo_nodes.slots; slots_n of them */
        uint32_t slots_n;
        struct str name, display, id, template_name;
        enum node_state state;           /* as Argo tells it */
        struct str message;
        bool hooked;                     /* a hook's call, or an attempt at one */
        bool wrong;                      /* in Error because the call itself went wrong, not because something in it did */
        uint32_t gathers_badly;          /* a GROUP: the fan-out in it whose outputs could not be put together */
        uint32_t pods, pods_done;
};

struct argo_nodes {
        struct argo_node *p; uint32_t n; /* as the rows: in order of number, so a parent before its children */
        uint32_t root;                   /* ARGO_NO_NODE: there is none yet */
        uint32_t *slots;
        uint32_t *edge_at, *edges;       /* children in Argo's sense of node i: edges[edge_at[i] .. edge_at[i + 1]) */
        const struct workflow *workflow; /* may be NULL */
        const struct run_row *run;
};

/* Everything in `a`; texts are borrowed from the rows and the workflow. */
struct argo_nodes argo_nodes_of(const struct workflow *w, const struct run_row *run, const struct node_row *rows, size_t n, struct arena *a);
/* Calls `each` with the nodes that what follows node i hangs on: where i ends. */
void argo_outbound(const struct argo_nodes *v, uint32_t i, void (*each)(void *, uint32_t), void *ctx);
const char *argo_node_type_name(enum argo_node_type t);
