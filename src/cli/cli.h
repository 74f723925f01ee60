/* The command line: one file a command, one table of them (commands.c). Help, completion and the man page come from the tables. */
#pragma once
#include "runtime/command.h"
#include "runtime/files.h"
#include "runtime/runtime.h"

enum { EXIT_OK = 0, EXIT_RUN_FAILED = 1, EXIT_USAGE = 2, EXIT_WEFT = 3 };

enum option_id {
        OPT_DATA, OPT_SET, OPT_PARAM, OPT_PARAMS, OPT_ENTRYPOINT, OPT_EXECUTOR, OPT_OUTPUT, OPT_NAME, OPT_NAMESPACE, OPT_FOLLOW, OPT_REJECT, OPT_FORCE, OPT_USER, OPT_GROUP, OPT_EXPIRES, OPT_LISTEN, OPT_CONFIG, OPT_INSECURE, OPT_FROM, OPT_DRY_RUN, OPT_SERVER, OPT_HELP,
        OPTIONS
};
#define BIT(option) (1u << (option))

struct option_def {
        const char *name;      /* "--data" */
        char letter;           /* 'd'; 0: none */
        const char *argument;  /* "DIR"; NULL: a flag */
        bool many;
        const char *help;
        const char *choices;   /* for completion */
};
extern const struct option_def option_table[OPTIONS];

struct args {
        struct arena *arena;
        const char *command;
        struct str value[OPTIONS];
        bool given[OPTIONS];
        struct { struct str *p; size_t n, cap; } many[OPTIONS];
        struct str *words; size_t words_n, words_cap;
};

struct backends { /* filled in by main.c */
        const struct store_ops *store;
        const struct store_ops *store_url; /* when the setting store.url is given */
        const struct executor_ops *const *executors; /* ends in NULL; the first is the default */
        const char *const *libraries;                /* "libuv 1.44.2", for `weft version`; ends in NULL */
};
extern struct backends backends;

struct command_def {
        const char *name;
        const char *arguments; /* "RUN [NODE]" */
        const char *summary;   /* one line */
        const char *text;      /* paragraphs for help and the man page; may be NULL */
        uint32_t options;
        uint32_t words_min, words_max;
        int (*function)(struct args *a);
        bool hidden;
};
extern const struct command_def *const command_table[]; /* ends in NULL */

int cli_main(int argc, char **argv);

/* args.c */
bool args_parse(const struct command_def *def, int argc, char **argv, struct args *ret, struct error *e);
const char *suggest(struct str word, const char *const *words, size_t n); /* NULL: nothing is near */

/* help.c */
void help_overview(void);
void help_command(const struct command_def *def);

/* report.c: words to people */
int fail(const struct error *e);                     /* prints, returns the exit status of the kind */
void say(const char *format, ...) __attribute__((format(printf, 1, 2))); /* "weft: …" on standard error */
int exit_of(enum run_state s);
bool settings_of(const struct args *a, struct settings *ret, struct error *e);
bool folder_of(const struct args *a, bool create, struct str *ret, struct error *e);
void problems_print(const struct problems *p, struct str file);
/* Writes everything or gives up; so does every later one. */
void put_out(struct str s);
void put_flush(void); /* what was printed with printf */
/* The exit status, when all has been printed: a reader that went away is no failure, a full disk is one. */
int put_status(int status);

/* reader.c: what is stored */
struct view_store { struct arena *arena; struct settings settings; struct str folder; struct store_reader *reader; };
/* *ret_exists false: there is no database yet. */
bool store_view_open(struct view_store *v, const struct args *a, bool *ret_exists, struct error *e);
void store_view_close(struct view_store *v);
bool store_view_run(struct view_store *v, struct str ref, struct run_row *ret, struct error *e);
struct node_list { struct node_row *p; size_t n, cap; };
bool store_view_nodes(struct view_store *v, struct str uid, struct node_list *ret, struct error *e);
/* The compiled form of a stored run; NULL when it does not compile any more. The caller frees it. */
struct workflow *store_view_workflow(struct view_store *v, const struct run_row *run, const struct dialect **ret_dialect);

/* native.c */
void native_json(struct view_store *v, const struct run_row *run, const struct node_list *nodes, struct buf *out);
struct str native_run_summary(const struct run_row *run, struct arena *a); /* for list -o json */
/* Prints a run in the form asked for: tree, json, yaml, argo, kfp, quiet. */
int print_run(struct view_store *v, struct str uid, struct str form);
struct str node_label(const struct node_row *n, const struct node_row *parent, struct arena *a);

/* tree.c: what a terminal shows */
struct tree;
struct tree *tree_new(int fd, bool live);
void tree_free(struct tree *t);
void tree_run(struct tree *t, const struct run_row *row);
void tree_node(struct tree *t, const struct node_row *row);
void tree_draw(struct tree *t);      /* on a terminal: over what was drawn before */
void tree_finish(struct tree *t);    /* the last time, whole */
void tree_note(struct tree *t, struct str text);
bool is_terminal(int fd);
bool wants_color(int fd);

/* drive.c: owning the data folder, or following its owner */
struct drive {
        struct args *args;
        struct command command;
        bool follow;             /* until the run has ended, with output; else until the command is answered and nothing is left to do */
        struct str output;       /* tree, json, … */
        struct str verb;         /* "stopped", for commands that only send */
};
int drive(struct drive *d);
/* The back end of this name (empty: the first); NULL: e says which there are. */
const struct executor_ops *executor_named(struct str name, struct arena *a, struct error *e);
struct str self_path(struct arena *a); /* of this program's file */
