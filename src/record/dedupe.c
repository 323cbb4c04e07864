/* The identities of a step, each with its first record.
 *
 * A hash table in PARTS parts by the first byte of the identity; each part is an array of packed
 * slots with linear probing. The hash is uniform, so an identity's home is its place on the line
 * from 0 to 2^64 scaled to the part's size: no division, and any size will do, which lets a part
 * grow by a quarter.
 *
 * Invariants:
 *  1. A slot is free where its record is 0: records are numbered from 1.
 *  2. A part has a free slot, so a search ends; at most 85 % of its slots are used.
 *  3. Growing moves one part, 1/256 of the identities, so the memory never doubles; when there is
 * none for it the table is as it was.
 *
 * One thread at a time. */
#include "record/dedupe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PARTS     256
#define SLOTS_MIN 16
#define FULL_OF   100
#define FULL      85 /* of FULL_OF slots, at most */

struct slot {
    uint8_t hash[16];
    uint32_t first;
};
static_assert(sizeof(struct slot) == 20, "slots are packed");

struct part {
    struct slot *slots;
    uint64_t size;
    uint64_t used;
};

struct dedupe {
    struct part parts[PARTS];
    size_t count;
};

struct dedupe *dedupe_create(void)
{
    return calloc(1, sizeof(struct dedupe));
}

void dedupe_destroy(struct dedupe *d)
{
    if (!d)
        return;
    for (unsigned i = 0; i < PARTS; i++)
        free(d->parts[i].slots);
    free(d);
}

/* The slot that has this hash, else the free one where it belongs. The part has a free slot. */
static struct slot *probe(const struct part *part, const uint8_t *hash)
{
    /* The first byte chose the part: the place comes from others. */
    uint64_t piece;
    memcpy(&piece, hash + 8, sizeof piece);
    uint64_t at = (uint64_t)(((unsigned __int128)piece * part->size) >> 64);
    for (;;) {
        struct slot *slot = &part->slots[at];
        if (slot->first == 0 || memcmp(slot->hash, hash, sizeof slot->hash) == 0)
            return slot;
        at = at + 1 == part->size ? 0 : at + 1;
    }
}

static bool grow(struct part *part)
{
    struct part larger = {.used = part->used};
    larger.size = part->size == 0 ? SLOTS_MIN : part->size + part->size / 4;
    larger.slots = calloc(larger.size, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (uint64_t i = 0; i < part->size; i++)
        if (part->slots[i].first != 0)
            *probe(&larger, part->slots[i].hash) = part->slots[i];
    free(part->slots);
    *part = larger;
    return true;
}

static bool is_none(struct identity id)
{
    static const struct identity none;
    return memcmp(&id, &none, sizeof id) == 0;
}

uint32_t dedupe_add(struct dedupe *d, struct identity id, uint32_t record)
{
    assert(record != 0);
    /* What record_identity answers when it found no memory must not make strangers duplicates. */
    if (is_none(id))
        return 0;
    struct part *part = &d->parts[id.hash[0]];
    if (part->size > 0) {
        struct slot *slot = probe(part, id.hash);
        if (slot->first != 0)
            return slot->first;
    }
    if ((part->used + 1) * FULL_OF > part->size * FULL && !grow(part))
        return 0;
    struct slot *slot = probe(part, id.hash);
    memcpy(slot->hash, id.hash, sizeof slot->hash);
    slot->first = record;
    part->used++;
    d->count++;
    return record;
}

uint32_t dedupe_find(const struct dedupe *d, struct identity id)
{
    const struct part *part = &d->parts[id.hash[0]];
    return part->size == 0 || is_none(id) ? 0 : probe(part, id.hash)->first;
}

size_t dedupe_count(const struct dedupe *d)
{
    return d->count;
}

size_t dedupe_bytes(const struct dedupe *d)
{
    size_t bytes = sizeof *d;
    for (unsigned i = 0; i < PARTS; i++)
        bytes += d->parts[i].size * sizeof(struct slot);
    return bytes;
}
