/* The bytes of a list, unpacked: from a file or standard input, plain, gzip or zstd by its magic
 * bytes. */
#ifndef TRANCHE_INPUT_SOURCE_H
#define TRANCHE_INPUT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "input/list.h"

struct source;

/* path: "-" is standard input. Reads the first bytes. ERR_NOINPUT, ERR_DATA (empty), ERR_IO; *out
 * is NULL then. */
int source_open(struct source **out, const char *path, struct error *e);
void source_close(struct source *s);

/* As messages call it: the path, or "standard input". */
const char *source_name(const struct source *s);
enum list_packing source_packing(const struct source *s);
/* Whether it can be read in place, at any time, by offset: a plain regular file that was opened by
 * its name. */
bool source_in_place(const struct source *s);
/* Its descriptor, for reading in place; it stays the source's. */
int source_fd(const struct source *s);
/* Bytes on disk, as at the open; 0 when that cannot be known. */
uint64_t source_bytes(const struct source *s);
/* How many of them were used so far. */
uint64_t source_done(const struct source *s);

/* The next bytes of the unpacked list, at most `room` > 0; *got 0: its end. A file that grows is
 * read up to the size it had at the open. ERR_DATA for a broken or cut stream, one that unpacks
 * beyond LIST_RATIO_MAX, and a file that became shorter; ERR_IO. */
int source_read(struct source *s, char *to, size_t room, size_t *got, struct error *e);

/* Go on at this offset of a source that is read in place. */
void source_seek(struct source *s, uint64_t offset);

#endif
