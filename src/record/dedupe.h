/* All identities of a step seen in a run, each with the first record that had it: finds duplicates,
 * and the record that a vendor's echoed answer belongs to.
 *
 * The first DEDUPE_RESIDENT_MAX bytes of the table, some 28,000 identities a MiB, are in memory;
 * what is beyond is in a nameless file, 27 to 40 bytes an identity, and finding one's way in it
 * takes a quarter of a byte of memory each. What is used of the file is in the page cache, which
 * the kernel takes back as it needs to. Not thread-safe. */
#ifndef TRANCHE_RECORD_DEDUPE_H
#define TRANCHE_RECORD_DEDUPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "record/record.h"

/* Records are numbered in 32 bits: the most a list may have. */
#define RECORDS_MAX UINT32_MAX

/* The most that a table has of itself in memory. */
#define DEDUPE_RESIDENT_MAX ((size_t)4 << 20)

struct dedupe;

/* An empty table, whose file, should it need one, will be made in this folder (copied): the run
 * directory; NULL for the folder of temporary files ($TMPDIR, else /tmp). The file is gone with the
 * process, whatever its end. NULL with ERR_INTERNAL without memory. */
struct dedupe *dedupe_create(const char *folder, struct error *e);
void dedupe_destroy(struct dedupe *d);

/* The first record with this identity: `record` itself (from 1) if it is new. 0 when there is no
 * room for it in memory or on the disk, when the file failed, or when record_identity found no
 * memory (an identity of zeros): see dedupe_error. The table is then as it was, and can be used. */
uint32_t dedupe_add(struct dedupe *d, struct identity id, uint32_t record);
/* The same without adding. 0 when it is not there, but also when that cannot be told, because the
 * file or record_identity failed: who would take a "no" for an answer asks dedupe_error. */
uint32_t dedupe_find(struct dedupe *d, struct identity id);

/* Why the last dedupe_add or dedupe_find failed; its code is 0 when it did not. ERR_IO for a file
 * that cannot be read or written, "the disk is full" included, ERR_CANTCREATE for one that cannot
 * be made, ERR_INTERNAL without memory. The table's. */
const struct error *dedupe_error(const struct dedupe *d);

size_t dedupe_count(const struct dedupe *d);
size_t dedupe_bytes(const struct dedupe *d);  /* on disk */
size_t dedupe_memory(const struct dedupe *d); /* at most, of what is in memory */

#endif
