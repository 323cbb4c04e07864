/* When a record in a vendor's slots is worth asking for.
 *
 * Asking early costs a request, asking late keeps the vendor's queue short of a record that could
 * stand there. The client has a fixed number of records under way, so asking late lowers nothing
 * but the queue: while that is not empty the slots are busy.
 *
 * Two ways of estimating feed themselves and end with empty slots. What is done and not asked for
 * must not count as ahead of others, or they are asked for later still: so each counts for as much
 * as it is probably unfinished, with times of work taken to be exponential. And the rate at which
 * records are found done must not set the pace, as it falls when slots are empty for our own
 * lateness. What a first poll finds is free of that: at the mean time of work after a record's turn
 * it is done with a probability of 1 - 1/e, whatever the vendor's speed; found done more often than
 * that, the mean is shorter than thought.
 *
 * Belongs to the loop's thread. */
#include "sched/slots.h"

#include <math.h>

/* Of records whose time is exponential, how many are done after the mean of it. */
#define DONE_AT_MEAN 0.632
/* How much of what one poll says is taken over. A larger one swings, because a poll tells of what
 * was decided a whole queue earlier; with this a vendor of half or twice the speed is known after
 * some 400 records. */
#define LEARNING 0.005
/* A mean beyond this factor from the documented one is a misunderstanding. */
#define STRANGE 8

void slots_init(struct slots *s, unsigned count, int64_t work_ms, int64_t longest_ms)
{
    *s = (struct slots){.count = count,
                        .documented_ms = work_ms,
                        .longest_ms = longest_ms,
                        .work_ms = (double)work_ms};
}

double slots_unfinished(const struct slots *s, int64_t turn_ms, int64_t now_ms)
{
    return now_ms <= turn_ms ? 1 : exp((double)(turn_ms - now_ms) / s->work_ms);
}

int64_t slots_queue_ms(const struct slots *s, double unfinished)
{
    double leave = unfinished + 1 - s->count;
    return leave <= 0 ? 0 : (int64_t)(leave * s->work_ms / s->count);
}

int64_t slots_poll_ms(const struct slots *s, int64_t queue_ms, unsigned n)
{
    /* 2 in 100 are left for the last poll, which comes so late that they take the place of ten
     * times as many. tests/unit/test_slots.c measures it. */
    int64_t last = slots_safety_ms(s, queue_ms, n < 2 ? 0 : n - 2);
    int64_t soon = queue_ms + (int64_t)((n == 0 ? 1 : 4) * s->work_ms);
    return n < 2 && soon < last ? soon : last;
}

void slots_learn(struct slots *s, bool done)
{
    double least = (double)s->documented_ms / STRANGE, most = (double)s->documented_ms * STRANGE;
    s->work_ms *= 1 + LEARNING * (DONE_AT_MEAN - (done ? 1 : 0));
    s->work_ms = fmin(fmax(s->work_ms, least), most);
}

int64_t slots_safety_ms(const struct slots *s, int64_t queue_ms, unsigned n)
{
    int64_t longest = s->longest_ms + s->longest_ms / 16 + s->documented_ms / 4;
    return queue_ms + longest + (int64_t)n * (s->longest_ms / 4 + s->documented_ms);
}
