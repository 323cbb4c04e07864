/* Keeps moments in a binary heap, with the loop's timer set for the first of them.
 *
 * 1. A parent is never later than its children; of one moment, never set later.
 * 2. The timer runs exactly while the heap is not empty. One thread. */
#include "sim/alarms.h"

#include <stdbool.h>
#include <stdlib.h>

struct alarm {
    uint64_t due_ms; /* of uv_now */
    uint64_t turn;   /* in which order they were set */
    uint64_t cookie;
    unsigned kind;
};

struct alarms {
    uv_timer_t timer;
    alarms_fn *fn;
    void *arg;
    uint64_t turn;
    struct alarm *heap;
    size_t count, places;
};

struct alarms *alarms_create(uv_loop_t *loop, alarms_fn *fn, void *arg)
{
    struct alarms *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->fn = fn;
    a->arg = arg;
    uv_timer_init(loop, &a->timer);
    a->timer.data = a;
    return a;
}

static bool earlier(const struct alarm *a, const struct alarm *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->turn < b->turn;
}

static void sift_up(struct alarms *a, size_t i, struct alarm alarm)
{
    for (size_t up; i > 0 && earlier(&alarm, &a->heap[up = (i - 1) / 2]); i = up)
        a->heap[i] = a->heap[up];
    a->heap[i] = alarm;
}

static void sift_down(struct alarms *a, struct alarm alarm)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < a->count; i = child) {
        if (child + 1 < a->count && earlier(&a->heap[child + 1], &a->heap[child]))
            child++;
        if (!earlier(&a->heap[child], &alarm))
            break;
        a->heap[i] = a->heap[child];
    }
    a->heap[i] = alarm;
}

static void on_timer(uv_timer_t *timer);

static void start_timer(struct alarms *a)
{
    uint64_t now = uv_now(a->timer.loop), due = a->heap[0].due_ms;
    uv_timer_start(&a->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct alarms *a = timer->data;
    uint64_t now = uv_now(timer->loop);
    /* Those that are set meanwhile wait for the next turn of the loop, whatever their moment. */
    uint64_t before = a->turn;
    while (a->count > 0 && a->heap[0].due_ms <= now && a->heap[0].turn < before) {
        struct alarm alarm = a->heap[0];
        struct alarm last = a->heap[--a->count];
        if (a->count > 0)
            sift_down(a, last);
        a->fn(a->arg, alarm.kind, alarm.cookie);
    }
    if (a->count > 0 && !uv_is_closing((uv_handle_t *)timer))
        start_timer(a);
}

void alarms_set(struct alarms *a, int64_t wait_ms, unsigned kind, uint64_t cookie)
{
    if (a->count == a->places) {
        a->places = a->places ? a->places * 2 : 64;
        a->heap = realloc(a->heap, a->places * sizeof *a->heap);
        /* The simulator has nothing sensible to do without memory for its account or its clock. */
        if (!a->heap)
            abort();
    }
    if (uv_is_closing((uv_handle_t *)&a->timer))
        return;
    uv_update_time(a->timer.loop);
    struct alarm alarm = {.due_ms = uv_now(a->timer.loop) + (uint64_t)(wait_ms > 0 ? wait_ms : 0),
                          .turn = a->turn++,
                          .cookie = cookie,
                          .kind = kind};
    sift_up(a, a->count++, alarm);
    if (a->heap[0].turn == alarm.turn)
        start_timer(a);
}

static void on_closed(uv_handle_t *timer)
{
    struct alarms *a = timer->data;
    free(a->heap);
    free(a);
}

void alarms_close(struct alarms *a)
{
    if (a && !uv_is_closing((uv_handle_t *)&a->timer))
        uv_close((uv_handle_t *)&a->timer, on_closed);
}
