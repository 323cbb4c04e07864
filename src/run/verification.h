/* tranche serve-verification: answers the webhook by which a vendor asks whether an email address
 * is good ("Verification webhook", unstuckengine.com, "Using the enrichment API"), by asking
 * another vendor.
 *
 *     POST /SECRET  {"email": "jane@example.com"}   ->   200 {"valid": true}
 *
 * 400: no such field; 422: not an address; 502, 503: nobody knows now, ask again. Never a guess:
 * what is told to be invalid is dropped by the one who asks. */
#ifndef TRANCHE_RUN_VERIFICATION_H
#define TRANCHE_RUN_VERIFICATION_H

#include <stdint.h>

#include "base/error.h"
#include "run/settings.h"

#define VERIFICATION_PATH_ENV "TRANCHE_VERIFICATION_PATH"
#define VERIFICATION_PATH_MIN 16 /* bytes of the secret path, without its slash */
#define VERIFICATION_PATH_MAX 256

struct verification_options {
    /* Of these: provider (the operation), sets, tier, rate, concurrency, price, timeout, base_url,
     * key_file, and max_credits, which must be there. */
    struct settings *settings;
    const char *listen; /* ADDR:PORT */
    const char
        *path_file; /* holds the secret path; NULL: VERIFICATION_PATH_ENV does, or the file that it
                                  names with _FILE */
    const char *cache;         /* the file of verdicts; NULL: "verdicts" in the state folder */
    int64_t cache_age_ms;      /* how long a verdict holds */
    const char *request_field; /* "email"; "contact.email" */
    const char *reply_field;   /* "valid"; likewise */
    const char *accept;        /* the words that are valid: "valid,catch_all" */
};
/* Serves until SIGINT or SIGTERM; then ends what is being asked. Prints the address it listens on
 * on standard output. Returns the exit status. */
int run_verification(const struct verification_options *o, struct error *e);

#endif
