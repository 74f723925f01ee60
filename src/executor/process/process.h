/* What the parts of the process executor share.
 *
 * Weft talks to its shepherd over a stream socket in frames: a length (4 bytes, machine order) and fields, each a letter, a text and a NUL.
 * A field that one side does not know it passes over. Both sides queue what they have to say and never block on each other. The shepherd starts,
 * watches and journals; everything that touches files of a task (staging, outputs) is done by Weft. */
#pragma once
#include "base/buf.h"
#include "executor/executor.h"
#include <stdatomic.h>

/* ---- wire.c ---- */
enum { FRAME_MAX = 64 << 20, QUEUE_MAX = 1 << 30 };
enum field {
        FIELD_DO = '!',       /* to the shepherd, first: start, stop, forget */
        FIELD_KEY = '#',      /* of the attempt; from the shepherd first, but for the greeting's end */
        FIELD_GREETED = 'G',  /* from the shepherd: everything that it knows has been told */
        /* start */
        FIELD_PROGRAM = 'p', FIELD_ARG = 'a', FIELD_ENV = 'e', FIELD_FOLDER = 'f', FIELD_CWD = 'c', FIELD_RESULT = 'r', FIELD_LOG_MAX = 'l', FIELD_GRACE = 'g',
        FIELD_MEMORY = 'm', FIELD_CPU = 'C', FIELD_SCRATCH = 'z', FIELD_TMP = 't', FIELD_KEEP = 'k', FIELD_SANDBOX = 's', FIELD_WRITABLE = 'w', FIELD_HIDE = 'h', FIELD_SHOW = 'v',
        FIELD_OVER = 'o', FIELD_UPPER = 'u', FIELD_WORK = 'x', FIELD_ENTRY = 'n', /* the last three are of the last FIELD_OVER */
        /* from the shepherd */
        FIELD_STARTED = 'S',  /* µs */
        FIELD_END = 'E',      /* the letter of a record, or UNKNOWN */
        FIELD_STATUS = 'W', FIELD_ENDED = 'T', FIELD_CPU_US = 'U', FIELD_RSS = 'R', FIELD_OOM = 'O', FIELD_PRIVATE = 'P', FIELD_MESSAGE = 'M',
};
enum { END_UNKNOWN = 'U' }; /* never heard of */
void field_put(struct buf *b, enum field f, struct str text); /* up to a NUL in it */
void field_int(struct buf *b, enum field f, int64_t v);
/* Takes the next field off *rest; the text ends in NUL. */
bool field_next(struct str *rest, char *ret_field, struct str *ret);
int64_t field_number(struct str text);
void frame_put(struct buf *out, struct str fields); /* behind what is queued; `overflow` of the buffer when it is too long a queue */
/* Sends what the socket takes. False when the other end is gone; out->n > 0 afterwards: the rest waits for it to be writable. */
bool frame_flush(int fd, struct buf *out);
/* The next whole frame of `in` from *at on. False: there is none yet. *ret borrows from `in` until the next buf_add. */
bool frame_take(const struct buf *in, size_t *at, struct str *ret);
void frame_drop(struct buf *in, size_t n); /* the first n bytes */
/* What the shepherd says of an attempt; end: 0 while it runs. The texts borrow from the frame. */
struct report { char end; int64_t started_us, ended_us, status, cpu_us, rss_bytes, scratch; bool oom, private; struct str message; };
bool report_read(struct str frame, struct str *ret_key, struct report *ret);
struct str attempt_key(const struct attempt_id *id, struct arena *a); /* "uid/node.epoch.attempt" */
bool attempt_parse(struct str key, struct attempt_id *ret);
/* Scratch folders are numbered and used again; the name tells them from those of any other data folder: "<data>/scratch/<device>.<inode>." before
 * the number. STR_NONE when the data folder is gone. */
struct str scratch_prefix(struct str data, struct arena *a);
int64_t clock_us(void);   /* wall clock */
int64_t boot_ticks(void); /* since boot, in the ticks of /proc/PID/stat */
enum { OWNER_FD = 3 }; /* the shepherd's connection to the Weft that starts it */
/* The socket's address: `folder` may be too long for one, so it is reached through its descriptor. -1 and an error on failure. */
int socket_in(struct str folder, const char *name, bool listen, struct error *e);

/* ---- spawn.c ---- */
/* A folder of the machine that the task sees with its own changes: an overlay of `upper` where the kernel has that, else (work is NULL)
 * `upper` itself with each of `entries` of the folder bound into it. */
struct mount_over { const char *to, *upper, *work; char *const *entries; };
struct spawn {
        char *const *argv, *const *envp;
        const char *cwd;
        const char *path;          /* of the program, found already; NULL: only try the isolation (the child exits with 0) */
        const char *tmp;           /* private /tmp; NULL: the machine's */
        struct mount_over *mounts; size_t mounts_n; /* to "/" last: its `upper` becomes the root */
        char *const *keep;         /* folders that stay visible though something else covers them; NULL-terminated */
        char *const *writable;     /* sandbox: folders that stay writable; NULL-terminated */
        const char *hide;          /* sandbox: the data folder, of which the task sees only `show` and `writable`; NULL: nothing is hidden */
        char *const *show;         /* files and folders below `hide`; NULL-terminated */
        int64_t memory_bytes;      /* of address space; 0: no limit */
        int group;                 /* cgroup.procs of a control group to enter; 0: none */
        bool private, sandbox;
        int in, out, err;          /* its standard input and the write ends */
        uint64_t files_max;        /* soft limit of descriptors to go back to; 0: as it is */
        int *status;               /* sandbox: shared memory, where its first process leaves the wait status of the command */
};
/* pid, or -errno; *ret_step names what failed. The child leads a session and a group of its own. */
int spawn_process(const struct spawn *s, const char **ret_step);
/* Does the kernel let us do this? 0, or the errno. */
int spawn_try(struct spawn *s, const char **ret_step);

/* ---- kin.c: which processes belong to an attempt, and ending them ---- */
struct kin { /* what tells that a process is of an attempt */
        const char *key;           /* WEFT_ATTEMPT in its environment */
        int leader;                /* its session; 0: not known */
        uint64_t pipes[2];         /* its output goes here; 0: none */
        const char *mount;         /* part of the path that its mounts come from; NULL: none of its own */
};
/* In ticks since boot; 0 when there is no such process or it is dead and only waits to be reaped. */
int64_t process_start_time(int pid);
/* How many children this process has besides `except`, which is sorted. */
size_t kin_strays(const int *except, size_t except_n);
/* Those of them that are kin, and their descendants: signalled. Returns how many. */
int kin_signal(const struct kin *k, int sig, const int *except, size_t except_n);
int descendants_signal(int pid, int sig); /* those of a living process, without itself */
/* The same among all processes of the machine, for attempts whose shepherd died. */
int kin_signal_all(const struct kin *k, size_t n, int sig);

/* ---- journal.c ---- */
enum {
        RECORD_INTENT = 'I',  /* about to start: an attempt with only this may or may not have been started */
        RECORD_START = 'S',
        RECORD_EXIT = 'E',
        RECORD_STOPPED = 'K', /* ended after it was told to */
        RECORD_NOT_RUN = 'N',
        RECORD_LOST = 'L',
        RECORD_FORGET = 'F',
};
struct record {
        char kind;
        struct str key;
        int64_t pid, start, slack; /* start time of the process: from `start`, at most `slack` ticks later */
        int64_t pipes[2], private, scratch, oom;
        int64_t status, started_us, ended_us, cpu_us, rss_bytes;
        struct str boot;
        struct str message;        /* why it was not run, or is lost; may be empty */
};
void journal_put(struct buf *b, const struct record *r); /* one line */
/* Writes the lines, empties the buffer. */
bool journal_write(int fd, struct buf *b);
/* Whole, undamaged records in order. */
void journal_read(const char *path, void (*each)(void *user, const struct record *), void *user);
struct str boot_id(struct arena *a);

/* ---- places.c: where a path of the task is on this side ---- */
struct place { struct str dir; bool mirror; char **entries; }; /* a folder of the machine with the task's changes; mirror: without overlayfs */
struct places {
        struct str folder;         /* its scratch folder */
        struct str logs;           /* runs/<uid>/<node>.<epoch>.<attempt>: log and result */
        struct str data;           /* the data folder: seen as it is */
        struct str cwd;            /* of the task, as it sees it */
        bool cwd_given;            /* by the task: nothing else is meant */
        bool private, overlay;     /* overlay: the kernel has it */
        bool adopted;              /* planned before, by another Weft: its folders say how */
        struct place *dirs; size_t dirs_n; /* "/" last */
};
/* `folder`, `data`, `private` and `overlay` are set; plans the rest. Everything is in `a`. */
void places_plan(struct places *p, const struct task_spec *spec, struct arena *a);
struct str place_upper(const struct places *p, size_t i, struct arena *a); /* of dirs[i] */
bool places_cover(const struct places *p, struct str folder); /* does something of the task lie over this folder of the machine? */
struct str place_of(const struct places *p, struct str path, struct arena *a); /* to put something there before the command runs */
/* What the task left at `path`, links followed in its world. False: there is nothing. */
bool place_find(const struct places *p, struct str path, struct arena *a, struct str *ret);
/* Overlays need a file system that can be their upper layer: can that of the data folder? */
bool overlay_try(struct str data);
struct str path_clean(struct str path, struct arena *a); /* without "//", "/./", "/../" */
bool path_within(struct str path, struct str folder);

/* ---- scratch.c: the folders that attempts work in ---- */
enum { SCRATCH_MAX = 1 << 20 };
struct scratch { struct str prefix; unsigned char *state; size_t n; };
void scratch_init(struct scratch *s, struct str data, struct arena *a); /* the prefix is in `a` */
void scratch_free(struct scratch *s);
struct str scratch_path(const struct scratch *s, int64_t no, struct arena *a);
void scratch_reserve(struct scratch *s, int64_t no); /* an attempt of a Weft before this one has it */
/* A free one, made and empty: the folder itself is the task's, or with `private` its `tmp`. */
bool scratch_take(struct scratch *s, bool private, int64_t *ret, struct error *e);
void scratch_leave(struct scratch *s, int64_t no); /* it is free, but what is in it is not known: emptied when it is taken */
void scratch_release(struct scratch *s, int64_t no, bool private, bool over); /* empties it; over: with the folders beside `tmp` */

/* ---- files.c: what goes in and what comes out ---- */
enum { RESULT_BYTES_MAX = 256 << 10 };
/* What is left to do before an attempt may be given to the shepherd, by a thread, since it may take long. Holds its own texts. */
struct later {
        struct task_artifact_in *in; size_t n; /* the input artifacts from the first on that is copied; `path` is on this side */
        struct str program;        /* must be there then; empty: nothing to look for */
};
bool stage(const struct places *p, const struct task_spec *spec, struct arena *a, struct later *ret, struct error *e);
bool stage_later(const struct later *later, const atomic_bool *cancel, struct arena *a, struct error *e);
/* An output artifact is at its URI whole or not at all, and has replaced what was there at once; it and the folders above it are on disk when this
 * returns, so that the row that will name it can be committed. */
void collect(const struct places *p, const struct task_spec *spec, size_t value_bytes_max, const atomic_bool *cancel, struct arena *a, struct task_outcome *o);

/* ---- copy.c ---- */
bool make_folders(const char *path, struct error *e);
bool make_parents(const char *path, struct error *e);
bool write_file(const char *path, struct str content, uint32_t mode, struct error *e); /* with the folders above it */
/* Ends early, with an error, once *cancel is true. Blocks are shared with the original where the file system can, never the file: a task may
 * change its inputs. */
bool copy_tree(const char *from, const char *to, const atomic_bool *cancel, int64_t *ret_bytes, struct error *e);
bool sync_tree(const char *path, struct error *e); /* content and entries are on disk; a link at the top stands for what it points to */
/* The folders above `path`, up to `top` when they are within it, else the nearest. */
bool sync_parents(const char *path, struct str top, struct error *e);
/* Puts `staged` in the place of what is at `path`, at once, and removes that. */
bool replace_tree(const char *staged, const char *path, struct error *e);
bool read_fd(int fd, size_t max, struct arena *a, struct task_output *ret); /* closes fd; false when it is no plain file */
struct str file_digest(const char *path, struct arena *a); /* "sha256:…" of a plain file, else empty */
int64_t tree_size(const char *path);
void remove_tree(const char *path);
/* Makes a folder that is there and empty out of whatever is at `path`. */
bool fresh_folder(const char *path, uint32_t mode, struct error *e);

/* ---- images.c ---- */
struct image { struct str *entrypoint; size_t entrypoint_n; struct str path, python; const struct value *env; };
bool image_find(const struct value *map, struct str image, struct arena *a, struct image *ret);
struct str program_find(struct str name, struct str path, struct arena *a); /* in the folders of `path`. Empty: not there */

/* ---- order.c: what the shepherd is told to start ---- */
struct order { /* of the executor */
        const struct executor_settings *set;
        const struct value *images;
        bool sandbox;
};
/* Stages the files and writes the request; what is in *ret_later (in `a`) comes before it is sent. False: it cannot be started, and why. */
bool order_make(const struct order *o, struct str key, int64_t scratch, const struct places *p, const struct task_spec *spec, struct arena *a, struct buf *ret, struct later *ret_later,
                struct error *e);
/* Any thread. */
bool order_finish(const struct places *p, const struct later *later, const atomic_bool *cancel, struct arena *a, struct error *e);

/* ---- python.c ---- */
struct environment { struct str *lines; size_t n, cap; struct arena *arena; };
void env_put(struct environment *env, struct str name, struct str value);
struct str env_get(const struct environment *env, struct str name);
/* The command of a component with requirements is preceded by what makes a kept environment for these packages, the first time; later only
 * PATH changes. Returns the words before the command. *ret_keep: a folder that must stay visible. */
struct str *python_environment(const struct task_spec *spec, struct environment *env, size_t *ret_n, struct str *ret_keep);
