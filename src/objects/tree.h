/* Copying and hashing trees of files, by descriptor, never through a link. */
#pragma once
#include "objects/objects.h"

/* Copies the file or folder (dir, name) to the new entry (to_dir, to_name) while hashing it; to_dir -1: only hashes. `what` is for errors. */
bool tree_copy(int dir, const char *name, int to_dir, const char *to_name, bool sync, const char *what, struct object_info *ret,
               struct error *e);
/* Removes an entry and all below it; one that is not there is removed already. */
bool tree_remove(int dir, const char *name);
/* Fills `e` from errno: what was being done, to what. */
bool tree_error(const char *doing, const char *what, struct error *e);
