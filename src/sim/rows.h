/* The rows of result pages, in both forms the vendor has been seen to use. */
#ifndef TRANCHE_SIM_ROWS_H
#define TRANCHE_SIM_ROWS_H

#include "sim/question.h"
#include "sim/truth.h"

/* The members of the answer's JSON object, without its braces. single: as the reply to a single
 * question has it. */
void rows_print(struct buf *out, const struct question *q, XXH128_hash_t digest,
                const struct verdict *v, bool openapi, bool single);

#endif
