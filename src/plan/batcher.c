/* Records waiting for a batch, by shard.
 *
 * Invariants:
 *  1. `waiting` is the number of set bits of all shards.
 *  2. Shards before `first` are empty; a shard that gets records back moves `first` down to it.
 *
 * Called on the loop's thread only. A shard costs 512 bytes while it has records waiting or lies
 * behind one that has. */
#include "plan/batcher.h"

#include <stdlib.h>
#include <string.h>

struct batcher_shard {
    struct bits records;
};

void batcher_init(struct batcher *b)
{
    memset(b, 0, sizeof *b);
}

void batcher_deinit(struct batcher *b)
{
    free(b->shards);
    batcher_init(b);
}

static bool reach(struct batcher *b, uint32_t shard)
{
    if (shard >= b->capacity) {
        uint32_t capacity = b->capacity == 0 ? 64 : b->capacity * 2;
        while (capacity <= shard)
            capacity *= 2;
        struct batcher_shard *more = realloc(b->shards, capacity * sizeof *more);
        if (more == NULL)
            return false;
        b->shards = more;
        b->capacity = capacity;
    }
    if (shard >= b->count) {
        memset(b->shards + b->count, 0, (shard + 1 - b->count) * sizeof *b->shards);
        b->count = shard + 1;
    }
    return true;
}

bool batcher_add(struct batcher *b, uint32_t shard, const struct bits *records, int64_t now_ms)
{
    unsigned added = bits_count(records);
    if (added == 0)
        return true;
    if (!reach(b, shard))
        return false;
    for (unsigned i = 0; i < BITS_WORDS; i++)
        b->shards[shard].records.word[i] |= records->word[i];
    if (b->waiting == 0)
        b->since_ms = now_ms;
    b->waiting += added;
    if (shard < b->first)
        b->first = shard;
    return true;
}

void batcher_close(struct batcher *b)
{
    b->closed = true;
}

bool batcher_ready(const struct batcher *b, uint64_t most, int64_t linger_ms, int64_t now_ms,
                   int64_t *at)
{
    *at = INT64_MAX;
    if (b->waiting == 0 || most == 0)
        return false;
    if (b->waiting >= most || b->closed)
        return true;
    if (linger_ms > INT64_MAX - b->since_ms)
        return false;
    *at = b->since_ms + linger_ms;
    return now_ms >= *at;
}

/* Move up to `most` records of one shard into the batch. */
static bool cut_shard(struct batcher *b, uint32_t shard, uint64_t most, struct batch *out)
{
    struct bits *records = &b->shards[shard].records;
    struct bits taken = *records;
    unsigned have = bits_count(records);
    if (have > most) {
        memset(&taken, 0, sizeof taken);
        unsigned k = bits_next(records, 0);
        for (uint64_t n = 0; n < most; n++, k = bits_next(records, k + 1))
            bits_set(&taken, k);
    }
    if (!batch_add(out, shard, &taken))
        return false;
    for (unsigned i = 0; i < BITS_WORDS; i++)
        records->word[i] &= ~taken.word[i];
    b->waiting -= have < most ? have : most;
    return true;
}

bool batcher_cut(struct batcher *b, uint64_t most, struct batch *out)
{
    while (b->waiting > 0 && out->items < most) {
        while (bits_next(&b->shards[b->first].records, 0) == SHARD_RECORDS)
            b->first++;
        if (!cut_shard(b, b->first, most - out->items, out))
            return false;
    }
    return true;
}
