/* The vendors there are. */
#include "sim/vendor.h"

#include "sim/vendors.h"

const struct vendor *const vendor_table[] = {&enrichso_vendor, &wiza_vendor,    &zeliq_vendor,
                                             &prospiq_vendor,  &unstuck_vendor, NULL};
_Static_assert(sizeof vendor_table / sizeof *vendor_table <= VENDORS_MAX + 1, "too many vendors");

const struct vendor *vendor_find(struct slice name)
{
    for (size_t i = 0; vendor_table[i]; i++)
        if (slice_eq(name, slice_of(vendor_table[i]->name)))
            return vendor_table[i];
    return NULL;
}
