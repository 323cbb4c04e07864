/* The end of a record. The numbers are part of the ledger's format. */
#ifndef TRANCHE_RECORD_OUTCOME_H
#define TRANCHE_RECORD_OUTCOME_H

#include "base/slice.h"

enum outcome {
    OUTCOME_NONE = 0, /* not there yet */
    OUTCOME_FOUND,
    OUTCOME_NOT_FOUND,
    OUTCOME_INVALID,
    OUTCOME_FAILED,
    OUTCOME_NO_CREDITS,
    OUTCOME_SKIPPED,
    OUTCOME_IN_DOUBT,
    OUTCOME_COUNT
};

const char *outcome_name(enum outcome o); /* "found", "not_found", ... */
int outcome_find(struct slice name);      /* or -1 */

#endif
