/* The verification webhook of the simulated Unstuck, which calls its client: it posts
 * {"email":"..."} to an address and reads whether it is valid. A test asks for it with
 *
 *   POST /sim/unstuck/verify?url=URL&count=N    N addresses that are made up (1 to 1,000; 10)
 *   POST /sim/unstuck/verify?url=URL            with a body: those in it, a line each
 *
 * and is answered when all have been: {"asked","valid","invalid","unclear","answers":[{"email",
 * "status","valid"}]}. unclear: no reply, a status that is not 2xx, or no boolean "valid" in
 * it; then it is null. One at a time. The faults of callbacks apply. */
#ifndef TRANCHE_SIM_UNSTUCK_VERIFY_H
#define TRANCHE_SIM_UNSTUCK_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/shop.h"

struct unstuck_verify;

struct unstuck_verify *unstuck_verify_create(struct shop *shop);
void unstuck_verify_destroy(struct unstuck_verify *v);

/* The request: its reply is made, or held. */
void unstuck_verify_begin(struct unstuck_verify *v, struct call *c);

/* The vendor's functions of these names. */
bool unstuck_verify_draft(struct unstuck_verify *v, uint64_t cookie, enum callback_forgery forgery,
                          struct callback_draft *draft);
void unstuck_verify_heard(struct unstuck_verify *v, uint64_t cookie, int status, struct slice body);
void unstuck_verify_called(struct unstuck_verify *v, uint64_t cookie);

#endif
