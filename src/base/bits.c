/* Counts, walks and stores sets of a shard's records.
 *
 * Stored form, which old ledgers hold, so it never changes: a byte 'L' and the members in ascending
 * order as 16-bit little-endian numbers, when there are fewer than 256; else a byte 'B' and 512
 * bytes, of which byte k holds members 8k (lowest bit) to 8k+7. One set has one form, so equal sets
 * are equal bytes. Pure; any thread. */
#include "base/bits.h"

#include <string.h>

#define FORM_LIST 'L'
#define FORM_MAP  'B'
#define LIST_END  (SHARD_RECORDS / 16) /* from here on the list is not shorter than the bitmap */

unsigned bits_count(const struct bits *b)
{
    unsigned count = 0;

    for (unsigned w = 0; w < BITS_WORDS; w++)
        count += (unsigned)__builtin_popcountll(b->word[w]);
    return count;
}

unsigned bits_next(const struct bits *b, unsigned i)
{
    if (i >= SHARD_RECORDS)
        return SHARD_RECORDS;
    unsigned w = i / 64;
    uint64_t rest = b->word[w] & ~(uint64_t)0 << (i % 64);
    while (rest == 0) {
        if (++w == BITS_WORDS)
            return SHARD_RECORDS;
        rest = b->word[w];
    }
    return w * 64 + (unsigned)__builtin_ctzll(rest);
}

size_t bits_encode(const struct bits *b, uint8_t *out)
{
    size_t len = 0;

    if (bits_count(b) < LIST_END) {
        out[len++] = FORM_LIST;
        for (unsigned i = bits_next(b, 0); i < SHARD_RECORDS; i = bits_next(b, i + 1)) {
            out[len++] = (uint8_t)i;
            out[len++] = (uint8_t)(i >> 8);
        }
        return len;
    }
    out[len++] = FORM_MAP;
    for (unsigned k = 0; k < SHARD_RECORDS / 8; k++)
        out[len++] = (uint8_t)(b->word[k / 8] >> (k % 8 * 8));
    return len;
}

static bool decode_list(struct bits *b, const uint8_t *data, size_t len)
{
    int last = -1;

    if (len % 2 != 0 || len / 2 >= LIST_END)
        return false;
    for (size_t at = 0; at < len; at += 2) {
        int i = data[at] | data[at + 1] << 8;
        if (i <= last || i >= SHARD_RECORDS)
            return false;
        bits_set(b, (unsigned)i);
        last = i;
    }
    return true;
}

static bool decode_map(struct bits *b, const uint8_t *data, size_t len)
{
    if (len != SHARD_RECORDS / 8)
        return false;
    for (unsigned k = 0; k < SHARD_RECORDS / 8; k++)
        b->word[k / 8] |= (uint64_t)data[k] << (k % 8 * 8);
    return bits_count(b) >= LIST_END;
}

bool bits_decode(struct bits *b, const uint8_t *data, size_t len)
{
    memset(b, 0, sizeof(*b));
    if (len == 0)
        return false;
    if (data[0] == FORM_LIST)
        return decode_list(b, data + 1, len - 1);
    if (data[0] == FORM_MAP)
        return decode_map(b, data + 1, len - 1);
    return false;
}
