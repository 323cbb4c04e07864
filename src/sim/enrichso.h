/* Enrich.so on loopback: email validation, email finder and the wallet, as its document and its
 * OpenAPI description have them. */
#ifndef TRANCHE_SIM_ENRICHSO_H
#define TRANCHE_SIM_ENRICHSO_H

#include "sim/body.h"
#include "sim/call.h"
#include "sim/limits.h"
#include "sim/truth.h"

enum enrichso_endpoint {
    ENRICHSO_SINGLE,
    ENRICHSO_SUBMIT,
    ENRICHSO_STATUS,
    ENRICHSO_RESULTS,
    ENRICHSO_BALANCE,
    ENRICHSO_TRANSACTIONS,
    ENRICHSO_UNKNOWN
};

struct enrichso_route {
    enum enrichso_endpoint endpoint;
    enum service service;    /* of the first four */
    char id[ACCOUNT_ID_MAX]; /* of a batch; "" for one that is too long to be ours */
};

struct enrichso_vendor {
    struct account *account;
    struct truth truth;
    bool openapi, shuffle;
    int64_t queue_ms;
    uint64_t items_per_s;
    uint64_t requests;     /* for request ids */
    struct buf data, meta; /* of the reply being made */
    struct buf scratch;    /* for normal questions */
    struct body_text text; /* of a single question */
};

void enrichso_vendor_init(struct enrichso_vendor *v);
void enrichso_vendor_deinit(struct enrichso_vendor *v);

struct enrichso_route enrichso_vendor_route(const char *method, const char *path);
enum fault_class enrichso_vendor_class(const struct enrichso_route *r);
enum limits_class enrichso_vendor_limits(const struct enrichso_route *r);

/* Do what the call asks and make its reply. */
void enrichso_vendor_apply(struct enrichso_vendor *v, const struct enrichso_route *route,
                           struct call *c);

/* Make the reply an error instead; what it held is dropped. */
void enrichso_vendor_problem(struct enrichso_vendor *v, struct call *c, int status,
                             const char *detail);
/* 429. retry_after: the header's value, NULL for none. */
void enrichso_vendor_limited(struct enrichso_vendor *v, struct call *c, const char *retry_after,
                             int64_t seconds);

#endif
