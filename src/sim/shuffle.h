/* A seeded order of 0..n-1 without a table of it. */
#ifndef TRANCHE_SIM_SHUFFLE_H
#define TRANCHE_SIM_SHUFFLE_H

#include <stdint.h>

/* The number at position i < n. Each number is at exactly one position. */
uint32_t shuffle_at(uint64_t seed, uint32_t n, uint32_t i);

#endif
