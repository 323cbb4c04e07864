/* One independent piece of compressed output: a zstd frame with content checksum, a gzip member, or
 * plain bytes. Pieces behind one another are a whole file to any tool. The same bytes in give the
 * same bytes out (for one version of the library), however they were cut into calls. */
#ifndef TRANCHE_OUTPUT_FRAME_H
#define TRANCHE_OUTPUT_FRAME_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "output/render.h"

struct frame;

/* level: of the library, brought into its range; 0: its usual one (zstd 3, gzip 6). Reusable piece
 * after piece; one thread at a time. NULL without memory. */
struct frame *frame_create(enum frame_packing packing, int level);
void frame_destroy(struct frame *f);

/* Add bytes to the piece; compressed bytes are appended to out, some of them later. out's maximum
 * must leave 256 KiB beyond the result. 0 or ERR_INTERNAL (no room); then the piece begun is
 * forgotten, and what it left in out is of no use. */
int frame_add(struct frame *f, struct slice bytes, struct buf *out, struct error *e);
/* End the piece: all of it is in out. A piece to which nothing was added gives no bytes. */
int frame_end(struct frame *f, struct buf *out, struct error *e);

/* Whole small things, replies in the ledger: append one zstd frame, also for no bytes. Any
 * thread. */
int frame_pack(struct slice bytes, struct buf *out, struct error *e);
/* Append what the frames hold. ERR_DATA, and out as it was: not whole sound frames (no bytes are
 * none), or more than max bytes (a bomb). */
int frame_unpack(struct slice zstd, size_t max, struct buf *out, struct error *e);

#endif
