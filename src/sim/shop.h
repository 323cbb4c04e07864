/* A vendor at work: its account, limits, faults, jobs and callbacks, and what happens to a request
 * that is for it. Everything on the simulator's thread. */
#ifndef TRANCHE_SIM_SHOP_H
#define TRANCHE_SIM_SHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sim/account.h"
#include "sim/alarms.h"
#include "sim/call.h"
#include "sim/callbacks.h"
#include "sim/faults.h"
#include "sim/jobs.h"
#include "sim/latency.h"
#include "sim/limits.h"
#include "sim/truth.h"
#include "sim/vendor.h"

#define SHOP_TIER_MAX   32
#define SHOP_FAULTS_MAX 1024

/* What the alarms of a shop are for; the cookie is a job's number, a callback's, or the vendor's. */
enum shop_alarm { SHOP_ALARM_JOB, SHOP_ALARM_CALLBACK, SHOP_ALARM_VENDOR };

/* Everything that may be set about one vendor; see sim/scenario.h. */
struct shop_settings {
    char tier[SHOP_TIER_MAX]; /* "unlimited", or one of the vendor's */
    unsigned form;            /* index into the vendor's forms */
    int64_t balance;          /* of a fresh account */
    unsigned found_percent;
    unsigned slots; /* 0: the tier's */
    struct latency latency[VENDOR_LATENCIES_MAX];
    int64_t
        queue_ms; /* how long a batch of n items takes: this, then n / items_per_s (0: at once) */
    uint64_t items_per_s;
    bool shuffle;
    char faults[SHOP_FAULTS_MAX];
};

struct shop {
    const struct vendor *vendor;
    struct shop_settings settings;
    const struct limits_tier *tier; /* NULL: unlimited */
    const char *key;                /* the one that is accepted */
    uint64_t seed, speed;
    struct truth truth; /* of what is asked now */
    struct account *account;
    struct limits *limits;
    struct faults *faults;
    struct alarms *alarms;
    struct jobs *jobs;
    struct callbacks *callbacks;
    uint64_t replies; /* for ids of requests */
    /* Since the simulator was started. */
    uint64_t requests[CLASSES];
    uint64_t limited;      /* 429 for a window that was full */
    uint64_t unauthorized; /* 401 */
    struct buf scratch;    /* for normal questions */
    struct json *json;     /* reads the body of the request that is served */
    struct buf data;       /* of the reply being made, without braces */
    void *state;           /* the vendor's own */
    /* Called whenever the account has something to be written. */
    void (*changed)(void *arg);
    /* A reply that was held may go. */
    void (*release)(void *arg, struct call *c);
    void *changed_arg;
};

struct shop_options {
    const struct vendor *vendor;
    const struct shop_settings *settings;
    const char *folder; /* of the simulator; the shop has one of its own in it */
    const char *key;    /* lives as long as the shop */
    uint64_t seed, speed;
    uv_loop_t *loop;
    struct client *client; /* for callbacks */
    void (*changed)(void *arg);
    void (*release)(void *arg, struct call *c);
    void *arg;
};

/* Opens or creates its account and goes on with the jobs that are in it. shop_close is wanted also
 * after an error, when *out is not NULL. */
int shop_open(struct shop **out, const struct shop_options *o, struct error *e);
/* Nothing happens any more: alarms are off, callbacks are cancelled. The client's calls end later,
 * from the loop. */
void shop_stop(struct shop *shop);
/* After the loop has ended, or when it never ran. On return everything is durable. */
void shop_close(struct shop *shop);

/* A request whose path, behind the prefix, is `path`: makes the reply. */
void shop_serve(struct shop *shop, struct call *c, const char *path);
/* What its replies tell of is durable now: callbacks may go. */
void shop_synced(struct shop *shop);

/* ---- for vendors ---- */

/* So many of the vendor's milliseconds, in real ones. */
int64_t shop_real_ms(const struct shop *shop, int64_t ms);
/* The vendor's clocks: they run `speed` times as fast as ours. */
int64_t shop_now_ms(const struct shop *shop);
int64_t shop_wall_ms(const struct shop *shop);
/* vendor->alarm(shop, cookie) after so many of the vendor's milliseconds. */
void shop_wake(struct shop *shop, int64_t ms, uint64_t cookie);

/* The reply that was held with c->held is made and may go; the call is gone then. */
void shop_release(struct shop *shop, struct call *c);

/* Whether the text is the key, without telling how much of it. NULL: no. */
bool shop_key_same(const struct shop *shop, const char *text);
/* The key behind "Bearer " in the header Authorization; NULL when there is none. */
const char *shop_bearer(const struct server_request *r);

/* A question, filled in but for what question_normalise does, which is done in shop->scratch. */
void shop_normalise(struct shop *shop, struct question *q);

/* Whether one more job would find a slot or a place in the queue. A false one is counted as
 * refused. */
bool shop_has_room(struct shop *shop);
/* A job was asked for and is accepted: it is in the account, and in a slot or in the queue. draft:
 * see account_job_add. c->accepted is set. */
const struct account_job *shop_accept(struct shop *shop, struct call *c, const struct question *q,
                                      const struct account_job *draft);

/* Retry-After is up to the vendor. */
extern const char shop_no_hint[];
#define SHOP_NO_HINT shop_no_hint

/* The body, which must be a JSON object; false when it is not. */
bool shop_read(struct shop *shop, const struct call *c, struct json_value *root);

/* The reply: a JSON body, to be appended to what this returns, emptied. */
struct buf *call_json(struct call *c, int status);
/* The same, whole: {HEAD"NAME":{MEMBERS}}, or {MEMBERS} where name is NULL. head: members with a
 * comma behind them, or "". Carries out the faults flat (no envelope) and double-keys. */
void call_data(struct call *c, int status, const char *head, const char *name,
               struct slice members);
/* The usual error: {"error":DETAIL}. */
void call_error(struct call *c, int status, const char *detail);

#endif
