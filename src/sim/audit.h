/* What the simulator tells about itself, below /sim/, without a key: the account as the judge of a
 * test reads it, and the switches a test turns. For each vendor V:
 *
 *   GET  /sim/V/account                   credits, batches, jobs, paid requests and counters, as one
 *                                         JSON object; with ?lists=0 without the batches and
 *                                         paid requests one by one
 *   GET  /sim/V/account/identities?id=ID  the normal question of each item of the batch, a line
 *                                         each; id=singles: of all that were answered at once;
 *                                         id=jobs: of all jobs
 *   GET  /sim/V/questions                 every accepted question, a line each: its normal fields,
 *                                         what is true, what it was charged, how often it was asked
 *   GET  /sim/V/faults                    the rules, and how often each fired
 *   POST /sim/V/faults?set=SPEC           replaces them; an empty SPEC: none
 *   POST /sim/V/topup?credits=N           adds credits
 *
 * And GET /sim/vendors: the names V may have, a line each. */
#ifndef TRANCHE_SIM_AUDIT_H
#define TRANCHE_SIM_AUDIT_H

#include <stdbool.h>

#include "sim/call.h"

struct shop;

/* Whether the path is one of these. */
bool audit_owns(const char *path);
/* shops: of all vendors, ending with NULL. */
void audit_handle(struct shop *const *shops, struct call *c);

#endif
