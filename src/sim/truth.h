/* What the vendor knows: a function of the seed and the question, so that the same question has the
 * same answer whenever and however often it is asked.
 *
 * Domains that force an outcome (for the finder's domain, and for the part of an address behind the
 * @): nobody.example     never found; an invalid address everybody.example  always found; a valid
 * address risky.example      found with low confidence; a risky address catch-all.example  found,
 * but the domain takes everything; likewise the address refused.example    the whole request is
 * refused with 400, and the item is named poison.example     the whole request is refused with 400,
 * and nothing is named */
#ifndef TRANCHE_SIM_TRUTH_H
#define TRANCHE_SIM_TRUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <xxhash.h>

#include "sim/question.h"

struct truth {
    uint64_t seed;
    unsigned found_percent; /* of finder questions found, and of addresses valid */
};

enum verdict_status { VERDICT_VALID, VERDICT_INVALID, VERDICT_RISKY, VERDICT_CATCH_ALL };
enum verdict_confidence {
    CONFIDENCE_DEFINITIVE,
    CONFIDENCE_HIGH,
    CONFIDENCE_MEDIUM,
    CONFIDENCE_LOW
};

struct verdict {
    bool found;                         /* finder */
    enum verdict_status status;         /* validation */
    enum verdict_confidence confidence; /* both */
    bool catch_all;
    bool free_mail, disposable; /* validation */
    unsigned mail_host;         /* 0 to 2 */
};

enum truth_refusal { TRUTH_TAKEN, TRUTH_REFUSED, TRUTH_POISON };

/* The digest of a normalised question: also equal for equal questions only, for all that matters.
 */
XXH128_hash_t truth_digest(const struct truth *t, const struct question *q);
/* digest: of this question. */
struct verdict truth_judge(const struct truth *t, const struct question *q, XXH128_hash_t digest);
enum truth_refusal truth_refuses(const struct question *q);
/* Append the address that a found finder question has. */
void truth_email(const struct question *q, XXH128_hash_t digest, struct buf *out);

/* What an answer to the question costs. */
bool truth_charges(enum service service, const struct verdict *v);

const char *truth_status_name(enum verdict_status status);
const char *truth_confidence_name(enum verdict_confidence confidence);

#endif
