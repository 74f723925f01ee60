/* What an executor is asked to do and what it answers: the contract between languages and executors. Made by a language
 * when an attempt starts, never stored: the engine asks again after a restart and gets the same. */
#pragma once
#include "model/bindings.h"
#include "base/time.h"

struct env_var { struct str name, value; bool secret; };

struct task_file { /* staged before the command runs */
        struct str path;    /* absolute, as the task sees it */
        struct str content;
        uint32_t mode;      /* 0644 when 0 */
};

struct task_artifact_in {
        struct str name;
        struct str path;    /* where the task wants it: absolute. Equal to the URI: it is read in place */
        struct str uri;     /* empty: `raw` is the content */
        struct str raw;
        uint32_t mode;      /* 0: as stored */
        bool optional;      /* absent content is no error */
};

struct task_param_out {
        struct str name;
        struct str path;    /* read after the command, up to the value limit; absent file: reported absent */
};

struct task_artifact_out {
        struct str name;
        struct str path;    /* file or folder that the task leaves */
        struct str uri;     /* where to keep it. Equal to the path: it is already in place */
        bool optional;
        struct str told;    /* keys into the outcome file, which is JSON then, with '/' between: there the task may name another path; empty: it may not */
};

struct task_spec {
        struct str image;             /* empty: none */
        struct str *command; size_t command_n; /* argv; with no command the image's entrypoint is meant */
        struct str *args; size_t args_n;
        struct env_var *env; size_t env_n;
        struct str workdir;           /* empty: the executor's choice */
        struct task_file *files; size_t files_n;
        struct task_artifact_in *artifacts_in; size_t artifacts_in_n;
        struct task_param_out *params_out; size_t params_out_n;
        struct task_artifact_out *artifacts_out; size_t artifacts_out_n;
        struct str outcome_file;      /* read whole into task_outcome.file when it exists (KFP's output file); empty: none */
        struct str *folders; size_t folders_n; /* to be made before the command runs */
        bool wants_result;            /* keep the tail of standard output as the result */
        int64_t cpu_milli;            /* limit; 0: none */
        int64_t memory_bytes;         /* limit; 0: none */
        int64_t grace_us;             /* between SIGTERM and SIGKILL when stopped; 0: the executor's default */
        struct str *python_packages; size_t python_packages_n; /* a lightweight Python component's requirements, when the
                                       * language recognises one: the executor may prepare an environment that has them. An entry that starts with '-' is
                                       * an option of pip ("--no-deps", "--index-url=…") for the entries after it */
        bool python_component;
        struct str display_name;      /* of the node, for messages and process titles */
};

enum task_end {
        TASK_EXITED,     /* exit_code tells */
        TASK_NOT_RUN,    /* could not be started: `message` says why (no such command, input missing) */
        TASK_STOPPED,    /* ended because it was asked to */
        TASK_LOST,       /* the machine under it went away */
};

struct task_output { struct str name; bool present; struct str content; bool truncated; };
struct task_artifact_result { struct str name; bool present; struct str uri, digest; int64_t size_bytes; };

struct task_outcome {
        enum task_end end;
        int exit_code;          /* TASK_EXITED; 128 + n when signal n ended it */
        int signal;             /* 0: none */
        bool out_of_memory;
        struct str message;     /* executor's words, for a person; empty when there is nothing to say */
        struct wall started_at, finished_at;
        struct task_output *params; size_t params_n;
        struct task_artifact_result *artifacts; size_t artifacts_n;
        struct task_output file;  /* outcome_file */
        struct task_output result; /* last 256 KiB of standard output */
        int64_t cpu_us, rss_max_bytes; /* used; -1 unknown */
};
