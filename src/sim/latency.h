/* How long a vendor takes over a question: drawn from a distribution with a least, a mean and a
 * largest value. */
#ifndef TRANCHE_SIM_LATENCY_H
#define TRANCHE_SIM_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

struct latency {
    int64_t min_ms, mean_ms, max_ms;
};

/* Whether min <= mean <= max and such a distribution exists. */
bool latency_valid(const struct latency *l);

/* A value between min and max; over all bits (random ones, 64 of them) the mean is mean_ms. Always
 * the same for the same bits. */
int64_t latency_draw(const struct latency *l, uint64_t bits);

#endif
