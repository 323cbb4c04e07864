/* Computes pauses between tries, and whether one more try is within the budget.
 *
 * Full jitter: the pause is anywhere between nothing and the ceiling, so that clients that failed
 * together do not come back together. Pure; any thread. */
#include "sched/backoff.h"

#include <assert.h>

int64_t backoff_pause_ms(unsigned n, uint64_t random)
{
    uint64_t ceiling = BACKOFF_BASE_MS;

    assert(n >= 1);
    for (unsigned i = 1; i < n && ceiling < BACKOFF_CAP_MS; i++)
        ceiling *= 2;
    if (ceiling > BACKOFF_CAP_MS)
        ceiling = BACKOFF_CAP_MS;
    /* The remainder favours small pauses by less than 1 in 10^14. */
    return (int64_t)(random % (ceiling + 1));
}

bool backoff_allows(const struct retry_budget *b)
{
    /* Divided first: a product could overflow,. */
    uint64_t allowed = b->requests / 100 * BACKOFF_BUDGET_PERCENT;

    allowed += b->requests % 100 * BACKOFF_BUDGET_PERCENT / 100;
    if (allowed < BACKOFF_BUDGET_FLOOR)
        allowed = BACKOFF_BUDGET_FLOOR;
    return b->retries < allowed;
}
