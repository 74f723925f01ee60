/* Being the engine among several servers of one PostgreSQL (store/lease.h): waiting for it, and keeping it by a thread of its own, so that a busy
 * loop does not lose it. */
#pragma once
#include "runtime/settings.h"
#include "store/store.h"

struct leadership;
typedef void leadership_said(void *user, const char *text); /* for the log; may be called on the own thread */
typedef void leadership_lost(void *user, const struct error *); /* on the own thread; once */

/* Returns when this server is the engine. `folder` is part of its name. */
bool leadership_win(const struct store_settings *, const struct settings *, struct str folder, leadership_said *, leadership_lost *, void *user, struct leadership **ret, struct error *e);
uint64_t leadership_epoch(const struct leadership *);
/* Gives it up; the store's writer is closed before. NULL is fine. */
void leadership_end(struct leadership *);
