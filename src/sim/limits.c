/* Counts requests against the windows of a tier.
 *
 * A sliding window remembers when each of its last `count` requests came: full while the oldest of
 * them is younger than the window is long. One of the calendar counts since its beginning. Refused
 * requests do not count. One thread; time is a parameter. */
#include "sim/limits.h"

#include <stdlib.h>
#include <string.h>

struct limits_window {
    const struct limits_rule *rule;
    int64_t *came; /* ring of the last `count` moments; NULL for one of the calendar */
    uint32_t next, used;
    int64_t period; /* of the calendar: which one `used` is about */
};

struct limits {
    unsigned windows;
    struct limits_window window[LIMITS_WINDOWS_MAX];
};

struct limits *limits_create(const struct limits_tier *tier)
{
    struct limits *l = calloc(1, sizeof *l);
    if (!l || !tier)
        return l;
    while (l->windows < LIMITS_WINDOWS_MAX && tier->rule[l->windows].count > 0) {
        struct limits_window *w = &l->window[l->windows];
        w->rule = &tier->rule[l->windows++];
        w->came = w->rule->calendar ? NULL : calloc(w->rule->count, sizeof *w->came);
        if (!w->came && !w->rule->calendar) {
            limits_destroy(l);
            return NULL;
        }
    }
    return l;
}

void limits_destroy(struct limits *l)
{
    for (unsigned i = 0; l && i < l->windows; i++)
        free(l->window[i].came);
    free(l);
}

/* How long until it has room; 0 when it has. */
static int64_t window_wait(const struct limits_window *w, int64_t now_ms, int64_t wall_ms)
{
    const struct limits_rule *r = w->rule;
    if (w->used < r->count || (r->calendar && w->period != wall_ms / r->per_ms))
        return 0;
    int64_t wait =
        r->calendar ? r->per_ms - wall_ms % r->per_ms : w->came[w->next] + r->per_ms - now_ms;
    return wait > 0 ? wait : 0;
}

static void window_count(struct limits_window *w, int64_t now_ms, int64_t wall_ms)
{
    const struct limits_rule *r = w->rule;
    if (r->calendar) {
        if (w->period != wall_ms / r->per_ms)
            w->used = 0;
        w->period = wall_ms / r->per_ms;
        w->used++;
        return;
    }
    w->came[w->next] = now_ms;
    w->next = (w->next + 1) % r->count;
    if (w->used < r->count)
        w->used++;
}

/* Requests that are still within it. */
static uint32_t window_load(const struct limits_window *w, int64_t now_ms, int64_t wall_ms)
{
    const struct limits_rule *r = w->rule;
    if (r->calendar)
        return w->period == wall_ms / r->per_ms ? w->used : 0;
    uint32_t low = 0, high = w->used;
    /* The moments are in order from the oldest: find the first that is young enough. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t place = (w->next + r->count - w->used + middle) % r->count;
        if (w->came[place] + r->per_ms > now_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return w->used - low;
}

struct limits_state limits_take(struct limits *l, unsigned class, int64_t now_ms, int64_t wall_ms)
{
    struct limits_state state = {.allowed = true};
    struct limits_window *last = NULL;
    for (unsigned i = 0; i < l->windows; i++) {
        struct limits_window *w = &l->window[i];
        if (class >= LIMITS_CLASSES_MAX || !(w->rule->classes & LIMITS_BIT(class)))
            continue;
        int64_t wait = window_wait(w, now_ms, wall_ms);
        if (wait > 0 && wait >= state.reset_ms)
            state =
                (struct limits_state){.rule = w->rule, .limit = w->rule->count, .reset_ms = wait};
        last = w;
    }
    if (!last || !state.allowed)
        return state;
    for (unsigned i = 0; i < l->windows; i++)
        if (l->window[i].rule->classes & LIMITS_BIT(class))
            window_count(&l->window[i], now_ms, wall_ms);
    state.rule = last->rule;
    state.limit = last->rule->count;
    state.remaining = last->rule->count - window_load(last, now_ms, wall_ms);
    state.reset_ms = last->rule->calendar ? last->rule->per_ms - wall_ms % last->rule->per_ms
                                          : last->rule->per_ms;
    return state;
}

uint32_t limits_used(const struct limits *l, unsigned rule, int64_t now_ms, int64_t wall_ms)
{
    return rule < l->windows ? window_load(&l->window[rule], now_ms, wall_ms) : 0;
}
