/* Pauses between tries of free requests, and the budget that keeps retries a small part of all
 * requests. */
#ifndef TRANCHE_SCHED_BACKOFF_H
#define TRANCHE_SCHED_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_BASE_MS   500
#define BACKOFF_CAP_MS    60000
#define BACKOFF_TRIES_MAX 8
/* Retries may be this part of the requests, with a floor so that small runs can retry at all. */
#define BACKOFF_BUDGET_PERCENT 10
#define BACKOFF_BUDGET_FLOOR   10

/* The pause before try `n` (1: the first retry): full jitter over min(cap, base * 2^(n-1)). random:
 * 64 random bits. */
int64_t backoff_pause_ms(unsigned n, uint64_t random);

struct retry_budget {
    uint64_t requests;
    uint64_t retries;
};
/* Whether one more retry is within the budget. */
bool backoff_allows(const struct retry_budget *b);

#endif
