/* The table of what the engine asks of a KFP pipeline. */
#include "dialect/kfp/kfp.h"

/* KFP has no hooks, suspend points, child runs or conditions of retries; the reader makes none. */
static bool no_hook(const struct site *s, enum verdict *ret, struct error *e) { return error_set(e, ERROR_INTERNAL, "a KFP pipeline has no hooks"); }
static bool no_suspend(const struct site *s, struct suspend_spec *ret, struct error *e)
{
        return error_set(e, ERROR_INTERNAL, "a KFP pipeline has no suspend points");
}
static bool no_child(const struct site *s, struct str *ret, struct error *e) { return error_set(e, ERROR_INTERNAL, "a KFP pipeline has no child runs"); }
static bool no_retry(const struct site *s, enum verdict *ret, struct error *e) { return error_set(e, ERROR_INTERNAL, "a KFP retry has no condition"); }

const struct language kfp_language = {
        .name = "kfp",
        .eval_when = kfp_eval_when,
        .expand_items = kfp_expand_items,
        .resolve_call = kfp_resolve_call,
        .eval_hook = no_hook,
        .resolve_attempt = kfp_resolve_attempt,
        .resolve_suspend = no_suspend,
        .resolve_child = no_child,
        .collect_outputs = kfp_collect_outputs,
        .eval_retry = no_retry,
        .cache_key = kfp_cache_key,
};
