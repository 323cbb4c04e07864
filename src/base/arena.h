/* Memory that is given out piecewise and taken back all at once: one arena per shard, reply or
 * request, no allocation per record. */
#ifndef TRANCHE_BASE_ARENA_H
#define TRANCHE_BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *first; /* blocks are kept over a reset */
    struct arena_block *block; /* the one being filled */
    size_t used;               /* in it */
    size_t total;              /* bytes of all blocks */
    size_t max;
};

/* max: the most bytes of all blocks together. Allocates nothing yet. */
void arena_init(struct arena *a, size_t max);
void arena_deinit(struct arena *a);
/* Everything given out becomes invalid; the memory is kept for reuse. */
void arena_reset(struct arena *a);

/* `size` bytes aligned for any type, not zeroed; NULL past max or when memory ran out. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);
/* A copy in the arena; data is NULL (len 0) when memory ran out. */
struct slice arena_copy(struct arena *a, struct slice s);
/* A NUL-terminated copy, or NULL. */
char *arena_text(struct arena *a, struct slice s);

#endif
