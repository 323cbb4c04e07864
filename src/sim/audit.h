/* What the simulator tells about itself, below /sim/, without a key: the account as the judge of a
 * test reads it, and the switches a test turns.
 *
 *   GET  /sim/account                    credits, batches, paid requests and counters, as one JSON
 * object GET  /sim/account/identities?id=ID   the normal question of each item of the batch, a line
 * each; id=singles: of all accepted single requests GET  /sim/faults                     the rules,
 * and how often each fired POST /sim/faults?set=SPEC            replaces them; an empty SPEC: none
 *   POST /sim/topup?credits=N            adds credits */
#ifndef TRANCHE_SIM_AUDIT_H
#define TRANCHE_SIM_AUDIT_H

#include <stdint.h>

#include "sim/account.h"
#include "sim/call.h"
#include "sim/faults.h"

struct audit {
    struct account *account;
    struct faults *faults; /* owned */
    uint64_t seed;         /* for the dice of new faults */
    /* Since the simulator was started. */
    uint64_t requests[CLASSES];
    uint64_t limited;      /* 429 for a window that was full */
    uint64_t unauthorized; /* 401 */
};

/* Whether the path is one of these. */
bool audit_owns(const char *path);
void audit_handle(struct audit *a, struct call *c);

#endif
