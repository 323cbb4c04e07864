/* Asks a vendor about one email address at a time, for `tranche serve-verification`: what is known
 * already is not asked again, nothing is asked twice at once, and no request leaves before its
 * price is durably counted. */
#ifndef TRANCHE_RUN_VERIFIER_H
#define TRANCHE_RUN_VERIFIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "run/caller.h"
#include "run/settings.h"
#include "run/verdicts.h"

struct verifier;

struct verifier_options {
    const struct setup *setup; /* its operation answers in the reply, about an email alone */
    const struct caller *caller;
    struct caller_loop *loop;
    struct verdicts *verdicts;
    int64_t max_credits; /* of all that verdicts_spent counts */
    int64_t wait_max_ms; /* in line, for a rate window or a pause */
    /* An asking has ended, and the functions of its waiters have run. */
    void (*changed)(void *arg);
    void *arg;
};

enum verifier_end {
    VERIFIER_LATER,     /* the function will run with one of the others */
    VERIFIER_KNOWN,     /* the text is the vendor's word: "valid" */
    VERIFIER_UNASKABLE, /* not a question for this vendor; the text says why */
    VERIFIER_CAPPED,    /* it could cost more than is left of max_credits */
    VERIFIER_BUSY,      /* too many are waiting, or it waited too long; or the vendor asks for a
                           pause, refuses, or cannot be reached: nothing was spent */
    VERIFIER_FAILED,    /* the vendor gave no verdict; it may have been paid */
};

/* text: valid during the call. */
typedef void verifier_fn(void *arg, enum verifier_end end, const char *text);

int verifier_open(struct verifier **out, const struct verifier_options *o, struct error *e);
/* Nothing is being asked any more. What it holds goes when the loop has run on. */
void verifier_close(struct verifier *v);

/* email: in canonical form, at most NORMALISE_EMAIL_MAX bytes. When it is not LATER, the end is
 * returned with *text, and fn never runs. */
enum verifier_end verifier_ask(struct verifier *v, struct slice email, verifier_fn *fn, void *arg,
                               const char **text);
/* Addresses that are waiting or being asked about. */
unsigned verifier_flight(const struct verifier *v);
/* What keeps it from asking ever again: the file of verdicts cannot be written. code 0: nothing. */
const struct error *verifier_broken(const struct verifier *v);

#endif
