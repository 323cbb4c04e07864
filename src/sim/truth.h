/* What a vendor knows about addresses: a function of the seed and the question, so that the same
 * question has the same answer whenever and however often it is asked. People are in sim/person.h.
 *
 * Domains that force an outcome (of a finder, of an address behind its @, of a person's employer):
 *   nobody.example     never found; an invalid address
 *   everybody.example  always found; a valid address
 *   risky.example      found with low confidence; a risky address
 *   catch-all.example  found, but the domain takes everything; likewise the address
 *   refused.example    the whole request is refused with 400, and the item is named
 *   poison.example     the whole request is refused with 400, and nothing is named */
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

enum truth_forced { FORCED_NOT, FORCED_NOBODY, FORCED_EVERYBODY, FORCED_RISKY, FORCED_CATCH_ALL };
enum truth_refusal { TRUTH_TAKEN, TRUTH_REFUSED, TRUTH_POISON };

/* The digest of a normalised question: also equal for equal questions only, for all that matters.
 */
XXH128_hash_t truth_digest(const struct truth *t, const struct question *q);
/* digest: of this question. */
struct verdict truth_judge(const struct truth *t, const struct question *q, XXH128_hash_t digest);
enum truth_refusal truth_refuses(const struct question *q);
/* The outcome that the domain (in lower case) forces. */
enum truth_forced truth_forced(struct slice domain);
/* The same for what a domain refuses. */
enum truth_refusal truth_refuses_domain(struct slice domain);
/* A number below 100 from the 16 bits at `shift`. */
unsigned truth_percent(uint64_t bits, unsigned shift);
/* Append the ASCII letters and digits of a normal name, at most max bytes of them in out; what has
 * no such form is left out. */
void truth_fold(struct slice name, char *out, size_t *len, size_t max);
/* Append the address that a found finder question has. */
void truth_email(const struct question *q, XXH128_hash_t digest, struct buf *out);

/* Whether an answer to the question costs something. */
bool truth_charges(enum service_kind kind, const struct verdict *v);

const char *truth_status_name(enum verdict_status status);
const char *truth_confidence_name(enum verdict_confidence confidence);

#endif
