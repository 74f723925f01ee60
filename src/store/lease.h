/* Several servers on one PostgreSQL: which of them is the engine.
 *
 *  L1  One row names the engine and its epoch. The engine counts a number up in it; the others look whether it moves. Who has seen it stand
 *      still for the lease time, by its own monotonic clock, may take it; nobody compares clocks of two machines.
 *  L2  Taking it is one UPDATE that holds only while the row is as it was seen, and gives the next epoch: one server wins.
 *  L3  Every commit names its epoch (store_settings.epoch) and locks the row against a change of owner until it is done. So a commit is either
 *      before a take-over, and the next engine reads it, or it is refused with ERROR_CONFLICT.
 *  L4  A commit that hangs (its sender is stopped in the middle) would hold that lock for ever: whoever takes over ends the connections of
 *      the epoch before when the row stays locked. */
#pragma once
#include "store/store.h"

struct lease;

/* Brings the schema forward, too. `owner` names the place, of which one process has the lock: who comes back to its own need not wait. */
bool lease_open(const struct store_settings *, struct str owner, int64_t lease_us, struct lease **ret, struct error *e);
/* One look: keeps it, takes it, or sees that another has it. *ret_epoch is this server's own; 0: another is the engine, or nobody yet. To be called
 * several times within the lease time. False: the database cannot be asked; what was won may be lost meanwhile. */
bool lease_step(struct lease *, struct mono now, uint64_t *ret_epoch, struct error *e);
/* Gives it up, when it is held, so that another need not wait. */
void lease_close(struct lease *);
