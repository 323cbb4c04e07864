/* The work on jobs: slots, a queue in order of arrival, and the time each takes. */
#ifndef TRANCHE_SIM_JOBS_H
#define TRANCHE_SIM_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "sim/account.h"

struct shop;
struct jobs;

/* slots and queue_max: 0 for any number. NULL without memory. */
struct jobs *jobs_create(struct shop *shop, unsigned slots, uint64_t queue_max);
void jobs_destroy(struct jobs *j);
/* Takes up the jobs of the account that have not ended, in their order, and the callbacks of those
 * that have ended and were not called back. */
void jobs_continue(struct jobs *j);

/* Whether there is a place for one more; a false answer is counted as a refusal. */
bool jobs_room(struct jobs *j);
void jobs_add(struct jobs *j, uint64_t number);
/* A job ended without having been added: its callback goes, if it has one. */
void jobs_ended(struct jobs *j, uint64_t number);
/* The time of a job that was worked on is over. */
void jobs_due(struct jobs *j, uint64_t number);

/* ,"slots":{...}: how well the slots were used. */
void jobs_print(const struct jobs *j, struct buf *out, bool *first);

#endif
