/* Many moments on one timer of the loop. */
#ifndef TRANCHE_SIM_ALARMS_H
#define TRANCHE_SIM_ALARMS_H

#include <stdint.h>
#include <uv.h>

struct alarms;

/* What an alarm was set with. */
typedef void alarms_fn(void *arg, unsigned kind, uint64_t cookie);

/* NULL without memory. The loop must run until alarms_close has been called and has closed. */
struct alarms *alarms_create(uv_loop_t *loop, alarms_fn *fn, void *arg);
/* fn(arg, kind, cookie) runs once, from the loop, wait_ms from now at the earliest; alarms of one
 * moment in the order in which they were set. */
void alarms_set(struct alarms *a, int64_t wait_ms, unsigned kind, uint64_t cookie);
/* None goes off any more. The memory goes when the loop has closed the timer. NULL does nothing. */
void alarms_close(struct alarms *a);

#endif
