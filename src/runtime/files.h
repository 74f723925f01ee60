/* The data folder, and what the shell does with files. */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"

/* The whole file; "-" is standard input. More than `bytes_max` is an error. */
bool file_read(const char *path, size_t bytes_max, struct arena *a, struct str *ret, struct error *e);
/* `option`, else $WEFT_DATA, else weft in the XDG data folder; absolute. Makes it when `create`. */
bool data_folder(struct str option, bool create, struct arena *a, struct str *ret, struct error *e);
/* Becomes the owner: *ret_fd keeps the lock until it is closed. *ret_owned false: somebody else is. */
bool data_lock(struct str folder, int *ret_fd, bool *ret_owned, struct error *e);
/* Deletes a folder and everything in it; what is not there is no error. */
void folder_remove(const char *path);
/* The owner's socket. The path of a folder may be too long for one, so it is reached through a descriptor of the folder. -1 when
 * listening or connecting fails (connecting: nobody listens). */
int socket_listen(struct str folder, struct error *e);
int socket_connect(struct str folder);

struct wall clock_wall(void);
struct mono clock_mono(void);
void uuid_make(char ret[37]);                               /* random, version 4 */
void uuid_derive(struct str name, char ret[37]);            /* the same name gives the same: version 8 */
