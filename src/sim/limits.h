/* The vendor's rate windows: exact sliding ones, the strictest reading of its documents. */
#ifndef TRANCHE_SIM_LIMITS_H
#define TRANCHE_SIM_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Requests that are counted apart. */
enum limits_class { LIMITS_READ, LIMITS_SINGLE, LIMITS_BULK, LIMITS_CLASSES };

struct limits;

/* tier: "free" ... "enterprise"; "unlimited" or NULL for none. ERR_USAGE names what there is. */
int limits_create(struct limits **out, const char *tier, struct error *e);
void limits_destroy(struct limits *l);

/* What the headers of a reply say: about the minute, or about the window that was full. limit 0: no
 * headers. */
struct limits_state {
    bool allowed;
    uint32_t limit, remaining;
    int64_t reset_ms; /* until the window has room for one more (refused) or is empty */
};
/* A request arrives: it is counted if it is allowed. */
struct limits_state limits_take(struct limits *l, enum limits_class class, int64_t now_ms);

#endif
