/* tranche balance: what providers say is left of the credits, asked all at once. */
#ifndef TRANCHE_RUN_BALANCE_H
#define TRANCHE_RUN_BALANCE_H

#include <stdbool.h>

#include "base/error.h"
#include "run/caller.h"

struct balance_options {
    const char *const *providers; /* names; none of them: all that have a key */
    unsigned provider_count;
    bool json;
    struct caller_place place; /* its `several` is set here */
};
/* On standard output a table, or with json an array of objects. Returns the exit status: 0; 69 when
 * a provider could not be asked; 77 when one refused key or account; 78 when a provider that was
 * named, or all of them, have no usable key or address. Of several, the highest. */
int run_balance(const struct balance_options *o, struct error *e);

#endif
