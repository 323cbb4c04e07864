/* Numbers of a run for Prometheus: its text exposition format 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats). They name operations and batch states,
 * never people or keys. */
#ifndef TRANCHE_REPORT_METRICS_H
#define TRANCHE_REPORT_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/report.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* More than metrics_write ever appends, with labels of ordinary length. */
#define METRICS_BYTES_MAX ((size_t)256 << 10)

#define METRICS_STATES  16 /* of batches */
#define METRICS_CLASSES 4  /* of requests */
#define METRICS_REASONS 8  /* why a callback is refused */
#define METRICS_WINDOWS 16

struct metrics_window {
    char name[40];        /* "60/min"; with `requests` it differs from every other's */
    const char *requests; /* which ones it counts: "submit", "read", "all" */
    uint32_t limit, used;
};

/* Texts are the caller's. A name that is NULL ends its array. */
struct metrics {
    struct report report;
    const char *version, *provider; /* the provider's short name: "wiza" */

    /* batches that have not ended, by state, and how many the vendor may have at once */
    const char *batch_states[METRICS_STATES];
    unsigned batches[METRICS_STATES];
    unsigned live_max;

    /* requests in flight by class, and how long none of the class may go: the vendor's wish, or it
     * is down */
    const char *classes[METRICS_CLASSES];
    unsigned flight[METRICS_CLASSES];
    int64_t pause_ms[METRICS_CLASSES];

    struct metrics_window windows[METRICS_WINDOWS];
    unsigned window_count;

    /* records that the vendor works on at once, those it has now, and those that stand in its queue
     */
    bool has_slots;
    unsigned slots, slots_busy, slots_queued;

    /* callbacks, where any are taken, of this process. accepted: durable; duplicate: of these, such
     * as said nothing new. pending: taken and not read yet. */
    bool has_callbacks;
    uint64_t callbacks_accepted, callbacks_duplicate;
    uint64_t callbacks_failed, callbacks_oversized;
    const char *reasons[METRICS_REASONS];
    uint64_t refused[METRICS_REASONS];
    unsigned callbacks_pending;
};

/* Append everything, each family with its HELP and TYPE. Numbers that are not known have no
 * sample. */
void metrics_write(const struct metrics *m, struct buf *out);

#endif
