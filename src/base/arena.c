/* Gives out memory from a list of blocks.
 *
 * 1. Blocks before `block` are full or were passed over; blocks behind it are empty (kept by a
 * reset).
 * 2. total is the sum of the sizes of all blocks and never passes max.
 * An arena belongs to one thread at a time. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#define BLOCK_FIRST ((size_t)16 << 10) /* bytes of the first block */
#define BLOCK_MOST  ((size_t)1 << 20)  /* blocks double up to this; larger pieces get their own */

struct arena_block {
    struct arena_block *next;
    size_t size;
    max_align_t bytes[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void arena_deinit(struct arena *a)
{
    struct arena_block *next;

    for (struct arena_block *block = a->first; block; block = next) {
        next = block->next;
        free(block);
    }
    *a = (struct arena){.max = a->max};
}

void arena_reset(struct arena *a)
{
    a->block = a->first;
    a->used = 0;
}

static struct arena_block *new_block(struct arena *a, size_t size)
{
    size_t want = a->total < BLOCK_FIRST ? BLOCK_FIRST : a->total;

    if (size > a->max - a->total)
        return NULL;
    if (want > BLOCK_MOST)
        want = BLOCK_MOST;
    if (want > a->max - a->total)
        want = a->max - a->total;
    if (want < size)
        want = size;
    if (want > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *block = malloc(sizeof(*block) + want);
    if (!block)
        return NULL;
    block->size = want;
    block->next = NULL;
    a->total += want;
    return block;
}

/* Make a->block one that has `size` free bytes. */
static bool next_block(struct arena *a, size_t size)
{
    struct arena_block **place = a->block ? &a->block->next : &a->first;

    /* A kept block that is too small is passed over until the next reset. */
    while (*place && (*place)->size < size)
        place = &(*place)->next;
    if (!*place && !(*place = new_block(a, size)))
        return false;
    a->block = *place;
    a->used = 0;
    return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);

    if (size > SIZE_MAX - align)
        return NULL;
    size = (size + align - 1) / align * align;
    if ((!a->block || size > a->block->size - a->used) && !next_block(a, size))
        return NULL;
    void *piece = (char *)a->block->bytes + a->used;
    a->used += size;
    return piece;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *piece = arena_alloc(a, size);

    return piece ? memset(piece, 0, size) : NULL;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *copy = arena_alloc(a, s.len);

    if (!copy)
        return (struct slice){NULL, 0};
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    return (struct slice){copy, s.len};
}

char *arena_text(struct arena *a, struct slice s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, s.len + 1);
    if (!copy)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}
