/* What a reply says about one record, in canonical form, and the compact encoding in which the
 * ledger keeps it. */
#ifndef TRANCHE_RECORD_ANSWER_H
#define TRANCHE_RECORD_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "record/field.h"
#include "record/outcome.h"

struct answer {
    enum outcome outcome;
    int64_t credits;                 /* by the price, for this outcome */
    struct slice reason;             /* for every outcome but found; empty for found */
    struct slice value[FIELD_COUNT]; /* empty: unknown. FIELD_JSON values hold valid JSON */
};

/* Append one answer for the shard's index-th record. Layout: u16 index, u32 length of what follows
 * (both little-endian), u8 outcome, varint credits (zigzag), then the reason (tag 0) and each
 * present value (tag: field number + 1) in the order of tags as u8 tag, varint length, bytes. The
 * outcome is not OUTCOME_NONE. */
void answer_encode(struct buf *out, unsigned index, const struct answer *a);

/* Take the next answer off the front of *bytes; its slices point into it. Returns 1; 0 at the end;
 * -1 when the bytes are not answers (corruption). */
int answer_decode(struct slice *bytes, unsigned *index, struct answer *a);

#endif
