/* A sliding window: at most `count` requests in any `per_ms`. Exact: remembers the moment of each
 * of the last `count` requests. Time is a parameter. */
#ifndef TRANCHE_SCHED_WINDOW_H
#define TRANCHE_SCHED_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint32_t count;
    int64_t per_ms;
    int64_t *sent; /* ring of the last `count` moments */
    uint32_t next; /* where the next goes, which is the oldest once the ring is full */
    uint32_t used;
};

/* count >= 1, per_ms >= 1. False without memory. */
bool window_init(struct window *w, uint32_t count, int64_t per_ms);
void window_deinit(struct window *w);

/* When the next request may go: a moment <= now_ms means at once. */
int64_t window_ready(const struct window *w, int64_t now_ms);
/* A request goes now. Only when window_ready says so. */
void window_take(struct window *w, int64_t now_ms);
/* How many of the `count` are used up at this moment. */
uint32_t window_used(const struct window *w, int64_t now_ms);

#endif
