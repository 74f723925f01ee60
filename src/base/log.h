/* Lines for the operator, on standard error. Only the shell (runtime, api, cli) logs; libraries return errors. */
#pragma once
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

void log_set(enum log_level least, bool json);
bool log_enabled(enum log_level level);
/* One request that the server answered. */
struct log_request { struct str id, method, path, user; int status; size_t bytes; int64_t took_us; bool cut_off; };
void log_request(enum log_level level, int64_t wall_us, const struct log_request *r);
/* `run` and `node` may be STR_NONE / 0. The time stamp is the caller's: base has no clock. */
void log_line(enum log_level level, int64_t wall_us, struct str run, uint32_t node, const char *format, ...)
        __attribute__((format(printf, 5, 6)));
