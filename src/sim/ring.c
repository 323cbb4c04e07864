/* Keeps the last things that happened in one array, which grows until it holds `max`. One thread. */
#include "sim/ring.h"

#include <stdlib.h>

void ring_deinit(struct ring *r)
{
    free(r->data);
}

void *ring_push(struct ring *r)
{
    if (r->used == r->places && r->places < r->max) {
        r->places = r->places ? r->places * 2 : 64;
        r->data = realloc(r->data, r->places * r->size);
        if (!r->data)
            abort();
    }
    if (r->used == r->max) {
        void *place = r->data + r->first * r->size;
        r->first = (r->first + 1) % r->max;
        r->forgotten++;
        return place;
    }
    return r->data + r->used++ * r->size;
}

const void *ring_get(const struct ring *r, uint64_t i)
{
    return r->data + (r->first + i) % r->max * r->size;
}
