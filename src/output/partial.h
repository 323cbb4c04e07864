/* OUT while it grows: OUT.partial is committed pieces plus at most a torn tail; OUT appears whole,
 * by rename.
 *
 * The ledger says how many bytes are committed; opening truncates to that and to nothing else; a
 * shorter file is corruption and is left as it is. */
#ifndef TRANCHE_OUTPUT_PARTIAL_H
#define TRANCHE_OUTPUT_PARTIAL_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct partial;

/* path: OUT, copied. committed: bytes the ledger knows; 0 creates the file anew (and makes its name
 * durable). The file's mode is 0600 whatever the umask. ERR_CANTCREATE: the folder is missing or
 * cannot be written, or OUT is no file; ERR_DATA: shorter than committed, or gone; ERR_STOPPED:
 * another process writes it; ERR_IO. *out is NULL on error.
 *
 * Where OUT.partial is gone and OUT has exactly the committed bytes, the process died between the
 * rename and its record in the ledger: it opens, can be finished, and takes no more bytes. */
int partial_open(struct partial **out, const char *path, uint64_t committed, struct error *e);
/* The file stays as it is. NULL does nothing. */
void partial_close(struct partial *p);
/* Whether the path could be created, before anything is spent: the folder is there and writable,
 * OUT is a file or nothing. 0 or ERR_CANTCREATE. */
int partial_probe(const char *path, struct error *e);

/* Append and make durable (fdatasync): on 0 the bytes are on disk, and the ledger may say so. After
 * an error (ERR_IO; a full disk says so) the handle is of no more use: every later call but
 * partial_close fails. Dying inside leaves a torn tail, which opening removes. */
int partial_append(struct partial *p, struct slice bytes, struct error *e);
/* What OUT.partial holds and is durable. */
uint64_t partial_bytes(const struct partial *p);
/* Make the file durable, rename it to OUT (replacing what was there), make the name durable. When
 * it returns 0 OUT is durable and OUT.partial is gone. Dying inside leaves one of the two, whole;
 * opening and finishing again completes it. */
int partial_finish(struct partial *p, struct error *e);

#endif
