/* The name that was probably meant: for messages about one that does not exist. */
#ifndef TRANCHE_CLI_NEAREST_H
#define TRANCHE_CLI_NEAREST_H

struct nearest {
    const char *meant; /* what was typed */
    const char *name;  /* the nearest so far; NULL while none is near enough */
    unsigned distance;
};

void nearest_init(struct nearest *n, const char *meant);
/* Borrows the name. */
void nearest_try(struct nearest *n, const char *name);

#endif
