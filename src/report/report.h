/* Numbers of a run, for people and machines: one snapshot type, rendered as a progress bar or line,
 * as status.json, as the closing summary, as report.json. */
#ifndef TRANCHE_REPORT_REPORT_H
#define TRANCHE_REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

#define REPORT_OUTCOMES 8 /* as enum outcome of record/; names are given */

/* Texts are the caller's and may be NULL. */
struct report {
    /* what */
    const char *list, *output, *run_dir, *operation, *provider_title;
    const char *state;   /* "reading", "running", "draining", "waiting", "complete", "stopped" */
    const char *waiting; /* for what, or "" : "enrichso: 60 requests/min" */
    bool sandbox;
    int64_t started_ms, now_ms; /* wall clock, 0 unknown; started: of this process */
    /* records */
    uint64_t records; /* read so far; all of the list when list_whole */
    bool list_whole;
    uint64_t list_bytes, list_bytes_done; /* 0: unknown */
    uint64_t valid, duplicates;
    uint64_t answered;        /* records that have their outcome, of this and earlier processes */
    uint64_t answered_before; /* of earlier processes */
    uint64_t emitted;         /* records in the output */
    uint64_t outcomes[REPORT_OUTCOMES]; /* of emitted records; 0 is "none yet" and not shown */
    const char *outcome_names[REPORT_OUTCOMES];
    /* batches by state */
    unsigned batches, batches_done, batches_live, batches_in_doubt, batches_waiting;
    unsigned strays; /* callbacks that came after their batch had ended otherwise: kept, not used */
    /* credits: spent as the vendor said, the most that what is in flight can cost, the balance (-1
     * unknown), the cap (-1 none), and what the price list says for the emitted outcomes */
    int64_t spent, reserved, balance, cap, priced;
    /* requests of this process */
    uint64_t requests, retries, throttled, failures;
    uint64_t output_bytes;
    const char *problem; /* what stopped it, or "" */
    const char *advice;  /* the command that continues, or "" */
    int exit_status;     /* -1: unknown, the process did not say */
};

/* Whether the state is complete or stopped. */
bool report_has_ended(const struct report *r);
/* All records of the list; estimated from the bytes read while it is not whole; 0: unknown. */
uint64_t report_total(const struct report *r);
/* Records answered a second by this process; 0 before the first. */
double report_rate(const struct report *r);
/* Milliseconds until all are answered at that rate; -1: unknown, or stopped. */
int64_t report_eta_ms(const struct report *r);

/* One JSON object (status.json, report.json, --progress json). A newline ends it. Its members are a
 * contract with scripts; they are always all there, in this order:
 *
 *   state             text, as above
 *   waiting_for       text, "" when it waits for nothing
 *   list, output, run_dir, operation, provider    texts, "" where unknown
 *   sandbox           true: nothing was sent to a vendor
 *   started           when this process began, RFC 3339 in UTC; started_ms: ms since 1970
 *   updated           when this was true, likewise; updated_ms
 *   records           {"read","whole","total","valid","duplicates","answered","answered_before",
 *                      "emitted"}: counts; whole: the list was read to its end; total: null when
 *                      unknown, an estimate until whole; answered_before: by earlier processes
 *   list_bytes        {"read","total"}: of the list as it lies on disk; 0 unknown
 *   outcomes          {"found","not_found",...}: counts of the emitted records
 *   batches           {"total","done","live","waiting","in_doubt","stray_callbacks"}: counts;
 *                      stray_callbacks: came after their batch had ended otherwise; kept, not used
 *   credits           {"spent","reserved","balance","cap","priced"}: spent as the vendor says;
 *                      reserved: the most that what is in flight or in doubt can cost; balance null
 *                      when unknown, cap null when there is none; priced: by the price list, for
 *                      the emitted records
 *   requests          {"sent","repeated","throttled","failed"}: counts of this process
 *   output_bytes      bytes of the output that are durable
 *   rate_per_s        records answered a second by this process
 *   eta_s             seconds left at that rate; null when unknown
 *   exit_status       null while state is neither complete nor stopped, and of a process that
 *                      ended without a word
 *   problem, advice   texts, "" for none: what stopped it; the command that continues */
void report_json(const struct report *r, struct buf *out);

/* The snapshot out of what report_json wrote, for `tranche status`. Texts are in the arena, absent
 * numbers 0, absent texts "". ERR_DATA: not such an object; ERR_INTERNAL. */
int report_json_parse(struct report *r, struct slice json, struct arena *a, struct error *e);

/* The summary at the end, for a newcomer: outcomes with counts and percentages, credits, time and
 * rate, where the output is, what to do next. */
void report_summary(const struct report *r, struct buf *out);

/* `tranche status` for people. */
void report_status(const struct report *r, struct buf *out);

enum progress_mode { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_LINE, PROGRESS_JSON, PROGRESS_NONE };

/* Progress on a stream: a bar that is redrawn in place (a terminal), a line every few seconds, or
 * JSON lines. AUTO: bar on a terminal, line otherwise. The stream stays the caller's. NULL without
 * memory, which the other calls take for PROGRESS_NONE. */
struct progress;
struct progress *progress_create(FILE *stream, enum progress_mode mode);
/* As often as you like: it paces itself by r->now_ms. What r points to is copied. */
void progress_show(struct progress *p, const struct report *r);
/* Step aside for a line of log, and come back: for log_set_curtain. Between the two nothing else is
 * drawn; both on one thread, any thread. */
void progress_lift(void *p);
void progress_drop(void *p);
/* Leaves the last state on screen, ended by a newline. */
void progress_destroy(struct progress *p);

#endif
