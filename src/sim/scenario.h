/* What a simulator is told: options for all vendors, and a file that says more about each. */
#ifndef TRANCHE_SIM_SCENARIO_H
#define TRANCHE_SIM_SCENARIO_H

#include "base/error.h"
#include "sim/shop.h"
#include "sim/sim.h"
#include "sim/vendor.h"

struct scenario {
    uint64_t seed, speed;
    struct shop_settings shop[VENDORS_MAX]; /* in the order of vendor_table */
};

/* Options first, then what the file (o->scenario, unless NULL) says. ERR_USAGE for options that
 * cannot be; ERR_NOINPUT, ERR_CONFIG with the member's path for the file. */
int scenario_make(struct scenario *s, const struct sim_options *o, struct error *e);

#endif
