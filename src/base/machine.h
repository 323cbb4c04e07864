/* State machines by table: what moves are legal is data, and every move is traced as
 * "batch#42 SENDING -> ACCEPTED". */
#ifndef TRANCHE_BASE_MACHINE_H
#define TRANCHE_BASE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine_state {
    const char *name;
    uint32_t next; /* bit n: a move to state n is legal */
};

struct machine {
    const char *noun;      /* "batch" */
    const char *component; /* whose trace shows the moves: "plan" */
    const struct machine_state *states;
    unsigned count; /* at most 32 */
};

/* Move *state to `to`; an illegal move is a bug and aborts with both names. Returns `to`. */
unsigned machine_move(const struct machine *m, uint64_t id, unsigned from, unsigned to);
bool machine_can(const struct machine *m, unsigned from, unsigned to);
/* The state of that name, or -1. */
int machine_find(const struct machine *m, const char *name);

#endif
