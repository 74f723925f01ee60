/* Recurring runs: when the next ones are, and what is run then. For the loop (schedule.c), and for those who show or start them. */
#pragma once
#include "runtime/command.h"
#include "store/store.h"

/* Firings strictly after `after`, at most n; fewer when the record is at its end or disabled. Any thread. */
bool recurring_firings(const struct record *r, struct wall after, struct wall *ret, size_t n, size_t *ret_n, struct error *e);
/* The command that starts one of its runs: `scheduled` is the firing (0: run now), `uid` the run's, `index` the number that [[Index]] stands for. What is of the newest version is looked
 * up now. Texts live in `a`. ERROR_NOT_FOUND when the pipeline has gone. */
bool recurring_command(const struct store_ops *store, struct store_reader *reader, const struct record *r, struct wall scheduled, struct wall now, struct str uid, uint64_t index,
                       struct arena *a, struct command *ret, struct error *e);
