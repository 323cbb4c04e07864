/* When a record in a vendor's slots is worth asking for.
 *
 * Asking early costs a request, asking late keeps the vendor's queue short of a record that could
 * stand there. The client has a fixed number of records under way, so asking late lowers nothing
 * but the queue: while that is not empty the slots are busy. It feeds itself, though: what is done
 * and not asked for counts as ahead of others, which are then asked for later still. So the first
 * two polls take the queue for half of what it seems. Belongs to the loop's thread. */
#include "sched/slots.h"

/* Fewer than this say too little about a rate. */
#define SLOTS_ENOUGH 16

void slots_init(struct slots *s, unsigned count, int64_t work_ms, int64_t longest_ms)
{
    *s = (struct slots){.count = count, .work_ms = work_ms, .longest_ms = longest_ms};
}

void slots_left(struct slots *s, int64_t now_ms)
{
    s->left_ms[s->next] = now_ms;
    s->next = (s->next + 1) % SLOTS_MEASURED;
    if (s->used < SLOTS_MEASURED)
        s->used++;
}

/* Milliseconds between two records that leave. */
static int64_t interval(const struct slots *s, int64_t now_ms)
{
    int64_t documented = s->work_ms / s->count;
    if (s->used < SLOTS_ENOUGH)
        return documented;
    unsigned oldest = s->used < SLOTS_MEASURED ? 0 : s->next;
    int64_t measured = (now_ms - s->left_ms[oldest]) / s->used;
    /* A pause of our own is no slowness of the vendor's. */
    return measured > 4 * documented ? 4 * documented : measured;
}

int64_t slots_queue_ms(const struct slots *s, unsigned ahead, int64_t now_ms)
{
    return ahead < s->count ? 0 : (int64_t)(ahead + 1 - s->count) * interval(s, now_ms);
}

int64_t slots_poll_ms(const struct slots *s, int64_t queue_ms, unsigned n)
{
    /* With four records under way for each slot, about half of those that seem to wait are done and
     * not known to be. Where times are exponential 2 in 100 are left for the last poll, which comes
     * so late that they take the place of ten times as many. tests/unit/test_slots.c measures it. */
    int64_t first = queue_ms / 2 + s->work_ms;
    if (n == 0)
        return first;
    if (n == 1)
        return first + 3 * s->work_ms;
    return slots_safety_ms(s, queue_ms, n - 2);
}

int64_t slots_safety_ms(const struct slots *s, int64_t queue_ms, unsigned n)
{
    int64_t longest = s->longest_ms + s->longest_ms / 16 + s->work_ms / 4;
    return queue_ms + longest + (int64_t)n * (s->longest_ms / 4 + s->work_ms);
}
