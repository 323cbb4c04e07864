/* Results that a vendor posts to its client: plain HTTP to a loopback address, with retries where
 * the vendor promises them, and made to go wrong where a fault says so. */
#ifndef TRANCHE_SIM_CALLBACKS_H
#define TRANCHE_SIM_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/client.h"

struct shop;
struct callbacks;

/* NULL without memory. */
struct callbacks *callbacks_create(struct shop *shop, struct client *client);
/* Only when nothing flies any more. */
void callbacks_destroy(struct callbacks *cb);

/* What vendor->callback makes of the cookie is to be posted: after the next callbacks_release, so
 * that it tells of nothing that is not durable. */
void callbacks_post(struct callbacks *cb, uint64_t cookie);
void callbacks_release(struct callbacks *cb);
/* An alarm of one that waited. */
void callbacks_due(struct callbacks *cb, uint64_t number);

/* Nothing starts any more, and what flies is cancelled: it ends from the loop. */
void callbacks_stop(struct callbacks *cb);
unsigned callbacks_under_way(const struct callbacks *cb);

/* "callbacks":{...}: what became of them since the simulator was started. */
void callbacks_print(const struct callbacks *cb, struct buf *out, bool *first);

#endif
