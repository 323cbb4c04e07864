/* What the emitted records add up to; kept in the ledger with the output's length. */
#ifndef TRANCHE_RUN_TOTALS_H
#define TRANCHE_RUN_TOTALS_H

#include "ledger/ledger.h"
#include "record/outcome.h"

struct totals {
    uint64_t outcomes[OUTCOME_COUNT];
    int64_t priced; /* credits by the price list */
    uint64_t rejects_bytes;
};

int totals_load(struct totals *t, struct ledger *l, struct error *e);
int totals_store(const struct totals *t, struct ledger *l, struct error *e);
/* The output begins anew: nothing of it is emitted. In the transaction that the caller began. */
int totals_start_over(struct ledger *l, struct error *e);
void totals_add(struct totals *t, const uint64_t outcomes[OUTCOME_COUNT], int64_t priced,
                uint64_t rejects_bytes);
/* Whether --on-in-doubt sent the batch again although it may have been applied; and what such
 * batches may have cost the first time, which counts as spent. */
bool totals_resubmission(const struct ledger_decision *d);
int totals_resubmitted(struct ledger *l, int64_t *credits, struct error *e);
/* 0 when every record has a good end, 1 when some are failed, no_credits or in_doubt. */
int totals_exit_status(const struct totals *t);

#endif
