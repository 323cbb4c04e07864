/* The elements of a JSON array that answer a list of questions at once, so that they can come in
 * another order, or not all of them, or twice. */
#ifndef TRANCHE_SIM_ELEMENTS_H
#define TRANCHE_SIM_ELEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "sim/call.h"

#define ELEMENTS_MAX       100 /* answers */
#define ELEMENTS_EXTRA_MAX 100 /* that nobody asked for */

struct elements {
    struct buf text;
    uint32_t answers, extra;
    size_t end[ELEMENTS_MAX + ELEMENTS_EXTRA_MAX]; /* of each in text */
};

void elements_init(struct elements *e);
void elements_deinit(struct elements *e);
void elements_reset(struct elements *e);

/* The element that was appended to text is whole; an extra one only after all answers. */
void elements_add(struct elements *e);
void elements_add_extra(struct elements *e);

/* How many extra ones the fault of the call wants. */
uint32_t elements_extra(const struct call *c);
/* Append them with commas between them: in their order, or in one that is seeded by the request;
 * carries out the faults missing and repeat. The extra ones are last. */
void elements_print(const struct elements *e, const struct call *c, bool shuffle, struct buf *out);

#endif
