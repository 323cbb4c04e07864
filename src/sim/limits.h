/* A vendor's rate windows: exact sliding ones, the strictest reading of its documents, and those
 * that begin anew with the day. */
#ifndef TRANCHE_SIM_LIMITS_H
#define TRANCHE_SIM_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LIMITS_SECOND ((int64_t)1000)
#define LIMITS_MINUTE ((int64_t)60000)
#define LIMITS_HOUR   ((int64_t)3600000)
#define LIMITS_DAY    ((int64_t)86400000)

/* Requests are counted by class, numbered by the vendor from 0. */
#define LIMITS_CLASSES_MAX 8
#define LIMITS_NONE        LIMITS_CLASSES_MAX /* a class that no window counts */
#define LIMITS_BIT(class)  (1u << (class))
#define LIMITS_ALL         ((1u << LIMITS_CLASSES_MAX) - 1)
#define LIMITS_WINDOWS_MAX 8

struct limits_rule {
    unsigned classes; /* LIMITS_BIT of those that it counts, all together */
    uint32_t count;   /* 0 ends the list */
    int64_t per_ms;
    bool calendar; /* begins anew at multiples of per_ms since 1970 */
};

/* What a plan allows. */
struct limits_tier {
    const char *name;                            /* NULL ends the list */
    struct limits_rule rule[LIMITS_WINDOWS_MAX]; /* the shorter windows first */
    unsigned slots;       /* jobs that are worked on at a time; 0: any number */
    uint32_t queue_slots; /* jobs that may wait, for each slot; 0: any number */
    int64_t extra;        /* the vendor's own: what else the plan decides */
};

struct limits;

/* tier: NULL for no limits. NULL without memory. */
struct limits *limits_create(const struct limits_tier *tier);
void limits_destroy(struct limits *l);

/* What headers and bodies of a reply may say: about the last window of the class, or, of a request
 * that is refused, about the window that was full for longest. limit 0: there is none. */
struct limits_state {
    bool allowed;
    const struct limits_rule *rule; /* that window's; NULL where there is none */
    uint32_t limit, remaining;
    int64_t reset_ms; /* until the window has room for one more (refused) or is empty */
};
/* A request arrives: it is counted if it is allowed. Both clocks may run at any speed: now_ms for
 * windows that slide, wall_ms (since 1970) for those of the calendar. */
struct limits_state limits_take(struct limits *l, unsigned class, int64_t now_ms, int64_t wall_ms);

/* How many requests the window of that rule of the tier has counted and still holds. */
uint32_t limits_used(const struct limits *l, unsigned rule, int64_t now_ms, int64_t wall_ms);

#endif
