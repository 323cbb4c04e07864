/* Counts requests against the windows of a tier.
 *
 * The vendor publishes a limit a second and a limit a minute for everything, a tighter one a minute
 * for enrichment requests, and both for bulk submissions; an enterprise account has no tighter
 * ones. Which of its paths the tighter ones mean is not said; here they apply, each counted apart.
 *
 * A window remembers when each of its last `count` requests came: full while the oldest of them is
 * younger than the window is long. Refused requests do not count. One thread; time is a parameter.
 */
#include "sim/limits.h"

#include <stdlib.h>
#include <string.h>

struct limits_pair {
    uint32_t per_second, per_minute;
};

static const struct limits_tier {
    const char *name;
    struct limits_pair class[LIMITS_CLASSES];
} tiers[] = {
    {"free", {{5, 60}, {5, 10}, {1, 2}}},
    {"growth", {{25, 300}, {25, 100}, {3, 10}}},
    {"scale", {{50, 1000}, {50, 500}, {5, 20}}},
    {"pro", {{100, 5000}, {100, 2000}, {10, 50}}},
    {"enterprise", {{200, 10000}, {200, 10000}, {200, 10000}}},
    {"unlimited", {{0, 0}, {0, 0}, {0, 0}}},
};

struct limits_window {
    uint32_t count;
    int64_t per_ms;
    int64_t *came; /* ring of the last `count` moments */
    uint32_t next, used;
};

struct limits {
    struct limits_window second[LIMITS_CLASSES], minute[LIMITS_CLASSES];
};

static bool window_set(struct limits_window *w, uint32_t count, int64_t per_ms)
{
    *w = (struct limits_window){.count = count, .per_ms = per_ms};
    w->came = count ? calloc(count, sizeof *w->came) : NULL;
    return w->came || count == 0;
}

static const struct limits_tier *tier_find(const char *name)
{
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (strcmp(tiers[i].name, name ? name : "unlimited") == 0)
            return &tiers[i];
    return NULL;
}

int limits_create(struct limits **out, const char *tier, struct error *e)
{
    const struct limits_tier *t = tier_find(tier);
    *out = NULL;
    if (!t)
        return error_set(e, ERR_USAGE,
                         "the simulator has no tier \"%s\": free, growth, scale, pro, enterprise, "
                         "unlimited",
                         tier);
    struct limits *l = calloc(1, sizeof *l);
    bool good = l != NULL;
    for (unsigned c = 0; c < LIMITS_CLASSES && good; c++)
        good = window_set(&l->second[c], t->class[c].per_second, 1000) &&
               window_set(&l->minute[c], t->class[c].per_minute, 60000);
    if (!good) {
        limits_destroy(l);
        return error_set(e, ERR_INTERNAL, "no memory for rate windows");
    }
    *out = l;
    return 0;
}

void limits_destroy(struct limits *l)
{
    if (!l)
        return;
    for (unsigned c = 0; c < LIMITS_CLASSES; c++) {
        free(l->second[c].came);
        free(l->minute[c].came);
    }
    free(l);
}

/* How long until it has room; 0 when it has. */
static int64_t window_wait(const struct limits_window *w, int64_t now_ms)
{
    if (w->used < w->count)
        return 0;
    int64_t wait = w->came[w->next] + w->per_ms - now_ms;
    return wait > 0 ? wait : 0;
}

static void window_count(struct limits_window *w, int64_t now_ms)
{
    w->came[w->next] = now_ms;
    w->next = (w->next + 1) % w->count;
    if (w->used < w->count)
        w->used++;
}

/* Requests that are still within it. */
static uint32_t window_load(const struct limits_window *w, int64_t now_ms)
{
    uint32_t low = 0, high = w->used;
    /* The moments are in order from the oldest: find the first that is young enough. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t place = (w->next + w->count - w->used + middle) % w->count;
        if (w->came[place] + w->per_ms > now_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return w->used - low;
}

struct limits_state limits_take(struct limits *l, enum limits_class class, int64_t now_ms)
{
    struct limits_window *second = &l->second[class], *minute = &l->minute[class];
    struct limits_state state = {.allowed = true};
    if (minute->count == 0)
        return state;
    int64_t wait_second = window_wait(second, now_ms), wait_minute = window_wait(minute, now_ms);
    if (wait_second > 0 || wait_minute > 0) {
        state.allowed = false;
        state.limit = wait_minute >= wait_second ? minute->count : second->count;
        state.reset_ms = wait_minute >= wait_second ? wait_minute : wait_second;
        return state;
    }
    window_count(second, now_ms);
    window_count(minute, now_ms);
    state.limit = minute->count;
    state.remaining = minute->count - window_load(minute, now_ms);
    state.reset_ms = minute->per_ms;
    return state;
}
