/* A set of the records of one shard: bit i is the shard's i-th record. */
#ifndef TRANCHE_BASE_BITS_H
#define TRANCHE_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Records of a shard, whatever the provider: the unit of reading, checkpoint and output. The size
 * is part of the ledger's format. */
#define SHARD_RECORDS 4096
#define BITS_WORDS    (SHARD_RECORDS / 64)
/* The longest encoding: a form byte and the plain bitmap. */
#define BITS_ENCODED_MAX (1 + SHARD_RECORDS / 8)

struct bits {
    uint64_t word[BITS_WORDS];
};

static inline void bits_set(struct bits *b, unsigned i)
{
    b->word[i / 64] |= (uint64_t)1 << (i % 64);
}
static inline void bits_clear(struct bits *b, unsigned i)
{
    b->word[i / 64] &= ~((uint64_t)1 << (i % 64));
}
static inline bool bits_test(const struct bits *b, unsigned i)
{
    return b->word[i / 64] >> (i % 64) & 1;
}
unsigned bits_count(const struct bits *b);
/* The first member at or after i; SHARD_RECORDS when there is none. */
unsigned bits_next(const struct bits *b, unsigned i);

/* A stable, compact form for the ledger: a list of 16-bit numbers when that is shorter, else the
 * bitmap. Returns its length; out has room for BITS_ENCODED_MAX bytes. */
size_t bits_encode(const struct bits *b, uint8_t *out);
/* False when the bytes are not what bits_encode writes. */
bool bits_decode(struct bits *b, const uint8_t *data, size_t len);

#endif
