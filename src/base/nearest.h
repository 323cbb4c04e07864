/* The name that was probably meant: for messages about one that does not exist. */
#ifndef TRANCHE_BASE_NEAREST_H
#define TRANCHE_BASE_NEAREST_H

#include <stdbool.h>

#include "base/slice.h"

struct nearest {
    struct slice meant; /* what was typed */
    bool found;
    struct slice name; /* the nearest so far, once found */
    unsigned distance;
};

/* Names are borrowed. */
void nearest_init(struct nearest *n, struct slice meant);
void nearest_try(struct nearest *n, struct slice name);

#endif
