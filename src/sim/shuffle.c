/* Permutes a range by a Feistel network over the next power of four, walking the cycle until the
 * range is hit again: at most four steps on average. Pure. */
#include "sim/shuffle.h"

static uint32_t mix(uint64_t seed, uint32_t value, unsigned round)
{
    uint64_t x = (seed + round * 0x9e3779b97f4a7c15u) ^ value;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(x >> 32);
}

uint32_t shuffle_at(uint64_t seed, uint32_t n, uint32_t i)
{
    unsigned half = 1;
    while (half < 16 && (uint64_t)1 << 2 * half < n)
        half++;
    uint32_t mask = ((uint32_t)1 << half) - 1;
    do {
        uint32_t left = i >> half, right = i & mask;
        for (unsigned round = 0; round < 4; round++) {
            uint32_t next = left ^ (mix(seed, right, round) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
