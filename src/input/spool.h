/* A list kept for reading again: one zstd frame per shard, one behind the other. */
#ifndef TRANCHE_INPUT_SPOOL_H
#define TRANCHE_INPUT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct spool;

/* Open or create the file, for appending behind its first `keep` bytes: those are durable frames,
 * anything else is cut off. ERR_DATA when it is shorter; ERR_CANTCREATE, ERR_IO. When it returns,
 * the file's name is durable. *out is NULL on error. */
int spool_append(struct spool **out, const char *path, uint64_t keep, struct error *e);
/* Open it for reading only. ERR_NOINPUT, ERR_DATA (shorter than `keep`), ERR_IO. */
int spool_open(struct spool **out, const char *path, uint64_t keep, struct error *e);
void spool_close(struct spool *s);

/* Add bytes to the frame that is being written; the first ones begin it. Nothing of it is durable.
 * 0, ERR_IO, ERR_INTERNAL. */
int spool_write(struct spool *s, const char *data, size_t len, struct error *e);
/* End the frame, at least one byte of which was written. On return 0 it is durable, and *offset and
 * *bytes say where it is. A crash before leaves a torn tail, which spool_append cuts off. */
int spool_end_frame(struct spool *s, uint64_t *offset, uint64_t *bytes, struct error *e);

/* Reading a frame again. Any number of threads, each with its own. */
struct spool_frame;
/* NULL without memory. The spool must stay open. */
struct spool_frame *spool_frame_open(const struct spool *s, uint64_t offset, uint64_t bytes);
void spool_frame_close(struct spool_frame *f);
/* The next bytes, at most `room`; *got 0: its end. ERR_DATA when the frame is damaged. */
int spool_frame_read(struct spool_frame *f, char *to, size_t room, size_t *got, struct error *e);

#endif
