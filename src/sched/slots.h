/* A vendor that works on `slots` records at once and keeps further ones in a queue: when a record is
 * worth asking for. Little's law: what leaves per millisecond is slots / time of work, so that what
 * stands before a record says when its turn comes. The rate is measured as records leave, and is
 * the documented one until then. Pure: time is a parameter. */
#ifndef TRANCHE_SCHED_SLOTS_H
#define TRANCHE_SCHED_SLOTS_H

#include <stdint.h>

/* The rate is that of so many records that left last. */
#define SLOTS_MEASURED 64

struct slots {
    unsigned count;
    int64_t work_ms, longest_ms; /* documented: the mean, and the longest there is */
    int64_t left_ms[SLOTS_MEASURED];
    unsigned next, used;
};

void slots_init(struct slots *s, unsigned count, int64_t work_ms, int64_t longest_ms);
/* A record was found done. */
void slots_left(struct slots *s, int64_t now_ms);
/* How long the record waits in the vendor's queue behind `ahead` others. */
int64_t slots_queue_ms(const struct slots *s, unsigned ahead, int64_t now_ms);
/* After its acceptance, when to poll for the n-th time (from 0): around the time when half are done,
 * then when few are left, then when all must be: most records are asked for once or twice, and none
 * more than three times while the vendor keeps to its document. */
int64_t slots_poll_ms(const struct slots *s, int64_t queue_ms, unsigned n);
/* The same where the vendor calls back: only when it should have called already. */
int64_t slots_safety_ms(const struct slots *s, int64_t queue_ms, unsigned n);

#endif
