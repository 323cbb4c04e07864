/* Where commands outside of a run look for a provider's address and key. */
#ifndef TRANCHE_CLI_PLACE_H
#define TRANCHE_CLI_PLACE_H

#include "cli/option.h"
#include "run/caller.h"

/* What --base-url and --key-file came to; borrowed. */
struct caller_place place_of(const struct options *o);

#endif
