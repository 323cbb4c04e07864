/* A segment: one file of the callback spool, DIR/callbacks.NNNNNNNN, to which callbacks are appended
 * as they came. What is in it and how it is read; keeper.h writes it, inbox.h takes from it. */
#ifndef TRANCHE_RUN_SEGMENT_H
#define TRANCHE_RUN_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "wire/token.h"

#define SEGMENT_BYTES_MAX    ((size_t)16 << 20) /* no segment is longer */
#define SEGMENT_HEADER_LEN   32
#define SEGMENT_PROVIDER_MAX 32
#define SEGMENTS_MAX         4096 /* of a spool; 64 GiB */

/* Beside the body and the provider's name. */
#define SEGMENT_ENTRY_OVERHEAD 64

struct segment_entry {
    struct token token;
    int64_t wall_ms;       /* when it came */
    struct slice provider; /* its name, 1 to SEGMENT_PROVIDER_MAX bytes */
    struct slice body;
};

/* DIR/callbacks.NNNNNNNN, malloc'ed. */
char *segment_path(const char *dir, uint32_t number);
/* The numbers of the segments there are, ascending, malloc'ed; *count may be 0. ERR_NOINPUT: no such
 * folder. ERR_DATA: more than SEGMENTS_MAX. */
int segment_list(const char *dir, uint32_t **numbers, unsigned *count, struct error *e);

/* The first bytes of a segment, with a salt nobody can guess: so that a body cannot hold what looks
 * like an entry. */
void segment_begin(uint8_t header[SEGMENT_HEADER_LEN], uint64_t *salt);
/* Append the entry. */
void segment_put(struct buf *out, uint64_t salt, const struct segment_entry *entry);

/* The segment's bytes from `offset` (0, or where segment_next stopped) to its end so far into
 * *bytes, which is emptied first. 1; 0 when the segment is gone (taken by all it was for);
 * ERR_DATA when it is no segment. */
int segment_read(const char *dir, uint32_t number, uint64_t offset, struct buf *bytes,
                 uint64_t *salt, struct error *e);
/* The next whole entry at or behind *at, which moves behind it; the entry is in `bytes`. False: no
 * more. Then *at is where to go on when there are more bytes, if the segment is still written to
 * (`live`); in one that is not, bytes that are no entry are passed over, to the end, and added to
 * *passed. */
bool segment_next(struct slice bytes, size_t *at, uint64_t salt, bool live,
                  struct segment_entry *entry, uint64_t *passed);

#endif
