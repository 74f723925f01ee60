/* The contract of object stores: artifacts and archived logs, each under a key. An object is a file or a whole folder; it appears and
 * is replaced at once or not at all, so a reader never sees half of one. Any thread; operations on different keys do not disturb each
 * other, of two writers of one key the last one wins. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

struct objects;

struct objects_settings {
        struct str folder;   /* made when it is missing */
        bool unsafe_no_sync; /* tests: an object may be lost with the machine's power */
};

enum { OBJECT_DIGEST_SIZE = sizeof "sha256:" + 64 };

struct object_info {
        bool is_folder;
        int64_t size_bytes; /* of all its files */
        /* "sha256:…": of a file its content's; of a folder that of a listing of it, the same wherever and in whatever order it was
         * written: a line an entry, sorted by path, "f|x|l|d digest path" (file, executable file, link with its target's, folder). */
        char digest[OBJECT_DIGEST_SIZE];
};

/* A key is a relative path: segments of 1 to 255 bytes between '/', none of them "." or "..", none beginning with ".weft-", no NUL, at
 * most 1,024 bytes. Anything else is ERROR_INVALID. A key below another object's key is ERROR_CONFLICT. */
struct objects_ops {
        const char *name;
        bool (*open)(const struct objects_settings *, struct objects **ret, struct error *e);
        void (*close)(struct objects *);
        /* Copies the file or folder at `path`, replacing what was under the key. Links inside a folder are kept as links; devices,
         * sockets and pipes are refused. */
        bool (*put)(struct objects *, struct str key, const char *path, struct object_info *ret, struct error *e);
        /* Copies the object to `path`, where nothing may be yet and whose parent exists. On failure nothing is left there. */
        bool (*get)(struct objects *, struct str key, const char *path, struct error *e);
        /* A file object's content from its beginning; the descriptor is the caller's. It stays readable when the object is replaced. */
        bool (*read)(struct objects *, struct str key, int *ret_fd, struct error *e);
        /* Size and digest, computed from what is there. */
        bool (*stat)(struct objects *, struct str key, bool *ret_found, struct object_info *ret, struct error *e);
        bool (*exists)(struct objects *, struct str key, bool *ret, struct error *e);
        /* The object of that key, or everything under that folder of keys. Nothing there is no error. */
        bool (*remove)(struct objects *, struct str key, struct error *e);
};
extern const struct objects_ops objects_folder;
