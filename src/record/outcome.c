/* The outcomes by number and by name. Any thread. */
#include "record/outcome.h"

#include <assert.h>

static const char *const names[OUTCOME_COUNT] = {
    [OUTCOME_NONE] = "none",           [OUTCOME_FOUND] = "found",
    [OUTCOME_NOT_FOUND] = "not_found", [OUTCOME_INVALID] = "invalid",
    [OUTCOME_FAILED] = "failed",       [OUTCOME_NO_CREDITS] = "no_credits",
    [OUTCOME_SKIPPED] = "skipped",     [OUTCOME_IN_DOUBT] = "in_doubt",
};

const char *outcome_name(enum outcome o)
{
    assert(o < OUTCOME_COUNT);
    return names[o];
}

int outcome_find(struct slice name)
{
    /* "none" is for logs: nobody names an outcome that is not there. */
    for (int o = OUTCOME_FOUND; o < OUTCOME_COUNT; o++)
        if (slice_eq(slice_of(names[o]), name))
            return o;
    return -1;
}
