/* All identities of a step seen in a run, each with the first record that had it: finds duplicates,
 * and the record that a vendor's echoed answer belongs to. About 20 bytes an identity plus a
 * quarter: grown in 256 parts, one at a time, so that growing never doubles the memory. Not
 * thread-safe. */
#ifndef TRANCHE_RECORD_DEDUPE_H
#define TRANCHE_RECORD_DEDUPE_H

#include <stddef.h>
#include <stdint.h>

#include "record/record.h"

/* Records are numbered in 32 bits: the most a list may have. */
#define RECORDS_MAX UINT32_MAX

struct dedupe;

struct dedupe *dedupe_create(void); /* NULL without memory */
void dedupe_destroy(struct dedupe *d);

/* The first record with this identity: `record` itself (from 1) if it is new. 0 when memory ran
 * out, here or in record_identity (an identity of zeros). */
uint32_t dedupe_add(struct dedupe *d, struct identity id, uint32_t record);
/* The same without adding; 0 when it is not there. */
uint32_t dedupe_find(const struct dedupe *d, struct identity id);
size_t dedupe_count(const struct dedupe *d);
size_t dedupe_bytes(const struct dedupe *d);

#endif
