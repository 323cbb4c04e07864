/* Records that have reached a step and wait to be asked, and how they are cut into batches. Batches
 * are cut as late as possible, when one can be sent, so that each is as full as it may be and sized
 * by what is known then: credits left, balance, the vendor's limit. Pure. */
#ifndef TRANCHE_PLAN_BATCHER_H
#define TRANCHE_PLAN_BATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "plan/batch.h"

struct batcher {
    struct batcher_shard *shards; /* by number; those before `first` are used up */
    uint32_t count, capacity, first;
    uint64_t waiting; /* records */
    int64_t since_ms; /* when the oldest of them came (monotonic) */
    bool closed;      /* nothing more can come */
};

void batcher_init(struct batcher *b);
void batcher_deinit(struct batcher *b);
/* Records of a shard arrive; also those of a batch that was split come back. False without memory.
 */
bool batcher_add(struct batcher *b, uint32_t shard, const struct bits *records, int64_t now_ms);
/* No more will be added (a split may still bring some back). */
void batcher_close(struct batcher *b);

/* Whether a batch of at most `most` items should be cut now: it would be full, or nothing more can
 * come, or the oldest record has waited for linger_ms. *at is when to ask again (INT64_MAX: when
 * something is added). */
bool batcher_ready(const struct batcher *b, uint64_t most, int64_t linger_ms, int64_t now_ms,
                   int64_t *at);
/* Move the first min(most, waiting) records into the batch. False without memory (records stay). */
bool batcher_cut(struct batcher *b, uint64_t most, struct batch *out);

#endif
