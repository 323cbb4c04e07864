/* The vendors on loopback: for the sandbox, tests and benchmarks. Seeded and deterministic: the
 * answer to a question depends on the seed and the question alone, whenever and however often it is
 * asked. Faithful to the vendors' documents: keys, reservations, settlement, statuses over time,
 * paging, callbacks, errors, rate limits. Keeps its own accounts of what it charged for what, which
 * tests read back: it is the judge.
 *
 * Each vendor is below a path of its own: its base address is http://127.0.0.1:PORT and
 *   /enrichso   for https://dev.enrich.so
 *   /wiza       for https://wiza.co
 *   /<vendor>   and so on, see vendor_table
 * The judge's pages are below /sim/<vendor>/, see sim/audit.h. */
#ifndef TRANCHE_SIM_SIM_H
#define TRANCHE_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Of all vendors alike; a scenario may say otherwise for each. */
struct sim_options {
    const char *address; /* "127.0.0.1" */
    uint16_t port;       /* 0: any free one */
    const char *key;     /* the API key it accepts */
    uint64_t seed;
    const char *folder; /* durable state; it continues from what is there */
    /* What the vendors call their plans ("free", "starter"), or "unlimited"; NULL for that. A vendor
     * that has none of the name gives its smallest. */
    const char *tier;
    int64_t balance; /* credits at the start (of a fresh folder) */
    unsigned found_percent;
    /* How long a batch of n items takes: queue_ms, then n / items_per_s. */
    int64_t queue_ms;
    uint64_t items_per_s; /* 0: at once */
    bool shuffle;         /* results in another order than the question's */
    bool openapi;         /* the same as form = "openapi" */
    const char *form;     /* in which documented shape those vendors answer that have one of this
                             name; NULL: each in its document's */
    const char *faults;   /* see sim_faults_help; NULL: none */
    uint64_t speed;       /* the vendors' clocks run so many times as fast as ours; 0 is 1 */
    const char *scenario; /* a file that says more, see sim_scenario_help; NULL: none */
};

/* The faults there are, and what a scenario may say, for `tranche sim --help`. */
const char *sim_faults_help(void);
const char *sim_scenario_help(void);

struct sim;

/* Start a thread that serves. On return the port is listening. */
int sim_start(struct sim **out, const struct sim_options *options, struct error *e);
uint16_t sim_port(const struct sim *s);
/* End the thread; the state is durable. */
void sim_stop(struct sim *s);

#endif
