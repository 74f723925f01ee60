/* Who goes next when not everybody can: limits, and fair sharing of what is free. Pure: no clock, no store, no threads. The runtime has two, one for
 * runs and one for steps.
 *
 * A flow is a run; what waits in it are its starts (of the run itself, or of its steps), in order. A flow belongs to a user, a namespace and, perhaps, a
 * pipeline. Each of these and the whole may have a limit.
 *
 *  A1  No count ever goes beyond its limit by a start; a limit that is lowered holds as soon as enough has ended.
 *  A2  Nothing waits that no limit holds back (work conserving): admission_next() fails only when every waiting flow is at a limit.
 *  A3  What is free goes to the user with the fewest running; among equals to the one who was served longest ago. So a user who has
 *      nothing running waits for at most one start of each other user, however much these have waiting.
 *  A4  Of one user, runs of a higher priority go first; among equals the run with the fewest running, then the one served longest ago. A priority takes
 *      nothing from another user.
 *  A5  Within a flow, in order.
 *
 * A start that waits takes one struct admission_item. Pushing, removing and ending cost O(log n) or less; finding the next costs O(log n) for each user
 * that is at a limit, and a look at each (namespace, pipeline) of the user in which something waits. */
#pragma once
#include "base/buf.h"

enum admission_kind { ADMIT_NAMESPACE, ADMIT_PIPELINE, ADMIT_USER, ADMIT_KINDS };

struct admission;
struct admission_flow;
struct admission_item { uint32_t node, epoch, attempt; void *tag; }; /* node: not 0 */

struct admission *admission_new(const char *what /* "steps" */, uint32_t max /* 0: none */, const uint32_t each_max[ADMIT_KINDS] /* 0: none */);
void admission_free(struct admission *a); /* every flow has been freed */
/* In place of each_max for one of them; 0: none. */
void admission_except(struct admission *a, enum admission_kind kind, struct str name, uint32_t max);

/* Texts are copied. `owner` is what admission_owner() gives. */
struct admission_flow *admission_flow_new(struct admission *a, const struct str names[ADMIT_KINDS], int32_t priority, void *owner);
void admission_flow_free(struct admission *a, struct admission_flow *f); /* nothing waits in it; what runs in it no longer counts */
void *admission_owner(const struct admission_flow *f);
void admission_prioritize(struct admission *a, struct admission_flow *f, int32_t priority);

void admission_push(struct admission *a, struct admission_flow *f, const struct admission_item *item);
/* True: it waited, and does no longer. Items that are taken out in the order in which they were pushed cost O(1). */
bool admission_remove(struct admission *a, struct admission_flow *f, uint32_t node, uint32_t epoch, uint32_t attempt, struct admission_item *ret);
bool admission_pop_any(struct admission *a, struct admission_flow *f, struct admission_item *ret); /* to empty it */

/* The start whose turn it is. It stays where it is until it is started or skipped. */
bool admission_next(struct admission *a, struct admission_flow **ret, struct admission_item *ret_item);
void admission_start(struct admission *a, struct admission_flow *f); /* takes the first of its items out, and counts it as running */
void admission_skip(struct admission *a, struct admission_flow *f);  /* only takes it out */
void admission_adopt(struct admission *a, struct admission_flow *f); /* counts one that runs already */
void admission_ended(struct admission *a, struct admission_flow *f);

uint32_t admission_waiting(const struct admission *a);
uint32_t admission_running(const struct admission *a);
uint32_t admission_flow_waiting(const struct admission_flow *f);
uint32_t admission_flow_running(const struct admission_flow *f);
/* The limit that holds a flow back now: "3 of 3 steps of user ann run". False: none does. */
bool admission_limit(const struct admission *a, const struct admission_flow *f, struct buf *out);
/* For tests: aborts when a count or an order is wrong. */
void admission_check(const struct admission *a);
