/* A vendor that works on `slots` records at once and keeps further ones in a queue: when a record is
 * worth asking for. First come, first served, so that what is unfinished before a record says when
 * its turn comes. Whether a record is done is known only by asking: until then it counts for as much
 * as it probably is unfinished. Pure: time is a parameter. */
#ifndef TRANCHE_SCHED_SLOTS_H
#define TRANCHE_SCHED_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct slots {
    unsigned count;
    int64_t documented_ms, longest_ms; /* time of work: the mean, and the longest there is */
    double work_ms;                    /* the mean, as it turns out */
};

void slots_init(struct slots *s, unsigned count, int64_t work_ms, int64_t longest_ms);
/* How probable it is that a record is unfinished now. turn_ms: when its turn came, or probably
 * comes; of one that was found being worked on after that, when. */
double slots_unfinished(const struct slots *s, int64_t turn_ms, int64_t now_ms);
/* How long a record waits in the vendor's queue behind so many unfinished ones: their probabilities
 * added up. */
int64_t slots_queue_ms(const struct slots *s, double unfinished);
/* After its acceptance, when to poll for the n-th time (from 0): a mean time of work after its turn,
 * then when few are left, then when all must be: most records are asked for once or twice, and none
 * more than three times while the vendor keeps to its document. */
int64_t slots_poll_ms(const struct slots *s, int64_t queue_ms, unsigned n);
/* What the first poll of a record found. */
void slots_learn(struct slots *s, bool done);
/* The same as slots_poll_ms where the vendor calls back: only when it should have called already. */
int64_t slots_safety_ms(const struct slots *s, int64_t queue_ms, unsigned n);

#endif
