/* Between the machine's batch and the ledger's row. */
#ifndef TRANCHE_RUN_SHAPE_H
#define TRANCHE_RUN_SHAPE_H

#include "ledger/ledger.h"
#include "plan/batch.h"

void shape_row(const struct batch *b, struct ledger_batch *row);
/* Everything but the items. ERR_DATA for a state that is not known. */
int shape_batch(struct batch *b, const struct ledger_batch *row, struct error *e);

#endif
