/* Keeps one sliding window of requests.
 *
 * 1. The ring holds the moments of the last `used` requests in their order; once it is full,
 *    sent[next] is the oldest of them.
 * 2. Two moments that are `count` requests apart are at least per_ms apart, which is the same as:
 * no stretch of per_ms milliseconds (its begin counts, its end does not) holds more than `count`.
 *
 * Exact instead of a token bucket: a bucket lets up to twice the count through in one window, and
 * vendors answer that with 429. Belongs to the loop thread. */
#include "sched/window.h"

#include <assert.h>
#include <stdlib.h>

bool window_init(struct window *w, uint32_t count, int64_t per_ms)
{
    assert(count >= 1 && per_ms >= 1);
    *w = (struct window){.count = count, .per_ms = per_ms};
    w->sent = calloc(count, sizeof w->sent[0]);
    return w->sent != NULL;
}

void window_deinit(struct window *w)
{
    free(w->sent);
    *w = (struct window){0};
}

int64_t window_ready(const struct window *w, int64_t now_ms)
{
    if (w->used < w->count)
        return now_ms;
    return w->sent[w->next] + w->per_ms;
}

void window_take(struct window *w, int64_t now_ms)
{
    assert(window_ready(w, now_ms) <= now_ms);
    w->sent[w->next] = now_ms;
    w->next = w->next + 1 == w->count ? 0 : w->next + 1;
    if (w->used < w->count)
        w->used++;
}

uint32_t window_used(const struct window *w, int64_t now_ms)
{
    /* Of the ring in its order of time, find the first that counts still. */
    uint32_t oldest = w->used < w->count ? 0 : w->next, low = 0, high = w->used;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t at = (uint64_t)oldest + middle;
        if (w->sent[at < w->count ? at : at - w->count] + w->per_ms <= now_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return w->used - low;
}
