/* The descriptors of all vendors, each in a file of its own. */
#ifndef TRANCHE_SIM_VENDORS_H
#define TRANCHE_SIM_VENDORS_H

#include "sim/vendor.h"

extern const struct vendor enrichso_vendor;
extern const struct vendor prospiq_vendor;
extern const struct vendor unstuck_vendor;
extern const struct vendor wiza_vendor;
extern const struct vendor zeliq_vendor;

#endif
