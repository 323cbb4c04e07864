/* The last so many things that happened; older ones are only counted. */
#ifndef TRANCHE_SIM_RING_H
#define TRANCHE_SIM_RING_H

#include <stddef.h>
#include <stdint.h>

/* Set size and max, the rest is zero. */
struct ring {
    char *data;
    size_t size;  /* of one, in bytes */
    uint32_t max; /* that are kept */
    uint32_t places, used, first;
    uint64_t forgotten;
};

void ring_deinit(struct ring *r);
/* The place for one more: a new one, or the oldest one's. Aborts without memory. */
void *ring_push(struct ring *r);
/* i = 0: the oldest that is kept; i < used. */
const void *ring_get(const struct ring *r, uint64_t i);

#endif
