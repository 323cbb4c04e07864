/* Whether a request may go now: all rate windows that count its class, the pause a vendor asked
 * for, requests in flight, and the breaker. One gate per account and class; a window that counts
 * several classes belongs to several gates. The engine asks it, it never sends anything itself.
 * Pure: time is a parameter. */
#ifndef TRANCHE_SCHED_GATE_H
#define TRANCHE_SCHED_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/window.h"

#define GATE_WINDOWS_MAX 16
/* So many failures of requests in a row open the breaker: nothing goes but one probe per pause. */
#define GATE_BREAKER_FAILURES 5

struct gate {
    struct window *windows[GATE_WINDOWS_MAX]; /* borrowed */
    unsigned window_count;
    uint32_t flight_max; /* 0: any */
    uint32_t flight;
    int64_t paused_until_ms; /* Retry-After and 429 */
    uint32_t failures;       /* in a row */
    int64_t failed_ms;       /* when the last of them counted */
    int64_t open_until_ms;   /* of the breaker; 0: closed */
};

void gate_init(struct gate *g, uint32_t flight_max);
/* False beyond GATE_WINDOWS_MAX. */
bool gate_add_window(struct gate *g, struct window *w);

/* When a request may go: <= now_ms at once; INT64_MAX when it waits for one in flight to end. With
 * an open breaker, when its pause is over one probe may go while nothing is in flight. */
int64_t gate_ready(const struct gate *g, int64_t now_ms);
/* A request goes now: counts in the windows and in flight. */
void gate_take(struct gate *g, int64_t now_ms);
/* One that went at taken_ms ended. ok: the vendor answered sensibly (also with a refusal); not ok:
 * unreachable, 5xx. Requests that were under way together and fail together count as one failure.
 * The breaker's pause comes from backoff_pause_ms(failures). */
void gate_done(struct gate *g, bool ok, int64_t taken_ms, int64_t now_ms, uint64_t random);
/* The vendor asked for a pause of this class (429, Retry-After). */
void gate_pause(struct gate *g, int64_t until_ms);

#endif
