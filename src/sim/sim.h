/* The vendors on loopback: for the sandbox, tests and benchmarks. Seeded and deterministic: the
 * answer to a question depends on the seed and the question alone, whenever and however often it is
 * asked. Faithful to the vendors' documents: keys, reservations, settlement, statuses over time,
 * paging, errors, rate limits. Keeps its own account of what it charged for what, which tests read
 * back: it is the judge. */
#ifndef TRANCHE_SIM_SIM_H
#define TRANCHE_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sim_options {
    const char *address; /* "127.0.0.1" */
    uint16_t port;       /* 0: any free one */
    const char *key;     /* the API key it accepts */
    uint64_t seed;
    const char *folder; /* durable state; it continues from what is there */
    const char *tier;   /* rate limits as documented ("free", ... "enterprise"), or "unlimited" */
    int64_t balance;    /* credits at the start (of a fresh folder) */
    unsigned found_percent;
    /* How long a batch of n items takes: queue_ms, then n / items_per_s. */
    int64_t queue_ms;
    uint64_t items_per_s; /* 0: at once */
    bool shuffle;         /* results in another order than the question's */
    bool openapi; /* answer in the form of the OpenAPI description instead of the document's */
    const char *faults; /* see sim_faults_help; NULL: none */
};

/* The faults there are, for `tranche sim --help`. */
const char *sim_faults_help(void);

struct sim;

/* Start a thread that serves. On return the port is listening. */
int sim_start(struct sim **out, const struct sim_options *options, struct error *e);
uint16_t sim_port(const struct sim *s);
/* End the thread; the state is durable. */
void sim_stop(struct sim *s);

#endif
