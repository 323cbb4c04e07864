/* Every question that an account has accepted, with the truth about it: for the judge. */
#ifndef TRANCHE_SIM_QUESTIONS_H
#define TRANCHE_SIM_QUESTIONS_H

#include "base/buf.h"
#include "base/error.h"
#include "sim/account.h"

struct shop;

/* A line of JSON each, those of batches first, then jobs, then those that were answered at once:
 *   {"operation":"email-finder","way":"batch","question":{...},"outcome":"found","values":{...},
 *    "charged":10,"times":1,"id":"batch_..."}
 * times: how often the same question is in the list. A batch that is not settled has charged
 * nothing yet. A job also has state (queued, running, finished, failed), fail, and callback: the
 * address its result goes to. */
int questions_print(struct shop *shop, struct buf *out, struct error *e);

/* The normal questions alone, a line each. */
int questions_print_batch(struct shop *shop, const struct account_batch *b, struct buf *out,
                          struct error *e);
int questions_print_jobs(struct shop *shop, struct buf *out, struct error *e);
int questions_print_answers(struct shop *shop, struct buf *out, struct error *e);

#endif
