/* Decides when the next request of one account and class may go.
 *
 * 1. A request that goes is counted in every window and in flight; it leaves flight exactly once.
 * 2. A pause only ever gets longer: of two that vendors or failures asked for, the later end holds.
 * 3. While the breaker is open at most one request is in flight that was sent after it opened.
 *
 * The breaker opens after GATE_BREAKER_FAILURES failures in a row. Each further failure, of the
 * probe or of a request that was under way already, moves its end; the first success closes it.
 * Belongs to the loop thread. */
#include "sched/gate.h"

#include <assert.h>

#include "sched/backoff.h"

void gate_init(struct gate *g, uint32_t flight_max)
{
    /* Nothing is paused, whatever the clock's zero is. */
    *g = (struct gate){.flight_max = flight_max, .paused_until_ms = INT64_MIN};
}

bool gate_add_window(struct gate *g, struct window *w)
{
    if (g->window_count == GATE_WINDOWS_MAX)
        return false;
    g->windows[g->window_count++] = w;
    return true;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t gate_ready(const struct gate *g, int64_t now_ms)
{
    int64_t at = later(now_ms, g->paused_until_ms);

    if (g->flight_max > 0 && g->flight >= g->flight_max)
        return INT64_MAX;
    if (g->open_until_ms != 0) {
        if (g->flight > 0)
            return INT64_MAX;
        at = later(at, g->open_until_ms);
    }
    for (unsigned i = 0; i < g->window_count; i++)
        at = later(at, window_ready(g->windows[i], now_ms));
    return at;
}

void gate_take(struct gate *g, int64_t now_ms)
{
    assert(gate_ready(g, now_ms) <= now_ms);
    for (unsigned i = 0; i < g->window_count; i++)
        window_take(g->windows[i], now_ms);
    g->flight++;
}

void gate_done(struct gate *g, bool ok, int64_t taken_ms, int64_t now_ms, uint64_t random)
{
    assert(g->flight > 0);
    g->flight--;
    if (ok) {
        g->failures = 0;
        g->open_until_ms = 0;
        return;
    }
    if (g->failures > 0 && taken_ms < g->failed_ms)
        return;
    g->failed_ms = now_ms;
    if (g->failures < UINT32_MAX)
        g->failures++;
    if (g->failures < GATE_BREAKER_FAILURES)
        return;
    int64_t until = now_ms + backoff_pause_ms(g->failures, random);
    if (g->open_until_ms != 0)
        until = later(until, g->open_until_ms);
    /* 0 is the mark of a closed breaker, and a clock may well start there. */
    g->open_until_ms = until == 0 ? 1 : until;
}

void gate_pause(struct gate *g, int64_t until_ms)
{
    g->paused_until_ms = later(g->paused_until_ms, until_ms);
}
