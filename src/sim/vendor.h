/* A vendor as the simulator knows it: one file, one descriptor, one line in the table. Written from
 * the vendor's document alone. How to write one:
 *
 *   route   says of a request what it is for: fault class, rate class, service.
 *   apply   does it and makes the reply (see call_json and buf_*), after key, limits and faults
 *           were seen to.
 *   judge   says what is true about a question and what the answer costs: for the judge's pages.
 *
 * A question that is answered at once goes to account_answer; a list of them (up to 500,000) that is
 * worked on later is a batch: account_submit, account_settle; one question that is worked on later
 * is a job: shop_accept, then job_ends says what it cost. Results that the vendor posts by itself
 * are callbacks: callbacks_post with a cookie, from which `callback` makes the request when it goes.
 */
#ifndef TRANCHE_SIM_VENDOR_H
#define TRANCHE_SIM_VENDOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/server.h"
#include "sim/account.h"
#include "sim/call.h"
#include "sim/faults.h"
#include "sim/latency.h"
#include "sim/limits.h"
#include "sim/question.h"
#include "wire/json.h"

struct shop;

/* What a request is for. */
struct route {
    unsigned endpoint;             /* the vendor's own number */
    const struct service *service; /* of a paid request and of what belongs to one */
    enum fault_class class;        /* CLASS_SUBMIT and CLASS_SINGLE are paid */
    unsigned rate;                 /* a rate class, or LIMITS_NONE */
    int success;                   /* the status of a reply that accepts it, where it is not 200 */
    char id[ACCOUNT_ID_MAX]; /* from the path; "" for none, or one that is too long to be ours */
};

/* A forged callback is one that someone else sends to the right listener. */
enum callback_forgery {
    FORGERY_NONE,
    FORGERY_TOKEN,     /* another token in the address: done by callbacks.c */
    FORGERY_SIGNATURE, /* a wrong signature or key, where the vendor has one; else as PERSON */
    FORGERY_PERSON     /* about somebody else */
};

/* A request to the client, to be filled in. */
struct callback_draft {
    char url[ACCOUNT_URL_MAX];
    const char *key_header; /* "x-auth-key", or NULL */
    char key[256];          /* its value */
    char headers[512];      /* more lines, "Name: value\nName: value", or "" */
    struct buf body;        /* JSON */
};

/* How the vendor goes about callbacks that are not taken with 2xx. */
struct callback_rules {
    unsigned retries;  /* after the first attempt */
    int64_t pause_ms;  /* before the first retry; doubled for each further one */
    bool stops_at_403; /* two replies 403 or 404 in a row end it */
};

#define VENDOR_FORMS_MAX     4
#define VENDOR_LATENCIES_MAX 4

struct vendor {
    const char *name;     /* its path prefix, folder, and member of the scenario */
    const char *document; /* where what it does is written */
    const struct service *services;
    unsigned service_count;
    /* In the vendor's order, the smallest plan first; what a plan is called that has no limits
     * ("unlimited") need not be here. */
    const struct limits_tier *tiers;
    /* In which documented shapes it answers, the first one unless said otherwise. A shop's `form` is
     * an index into this. */
    const char *forms[VENDOR_FORMS_MAX];
    /* Kinds of work by how long they take; indexes into a shop's `latency`. */
    struct {
        const char *name;
        struct latency latency;
    } latency[VENDOR_LATENCIES_MAX];
    bool rate_headers; /* X-RateLimit-Limit, -Remaining and -Reset on every reply */
    struct callback_rules callbacks;

    /* Its own state: state_size zeroed bytes at shop->state. Both functions may be NULL. */
    size_t state_size;
    void (*open)(struct shop *shop);
    void (*close)(struct shop *shop);

    /* Whether the request carries the key as the vendor wants it (see shop_key_same). */
    bool (*authorized)(const struct shop *shop, const struct server_request *r);
    /* path: behind the vendor's prefix, decoded, without the query. What there is none for has the
     * classes CLASS_OTHER and LIMITS_NONE, and apply makes its 404. */
    struct route (*route)(const char *method, const char *path);
    void (*apply)(struct shop *shop, const struct route *route, struct call *c);
    /* The rate class of an authorized request, where more than its path decides. NULL: the route's. */
    unsigned (*rate)(const struct shop *shop, const struct route *route,
                     const struct server_request *r);
    /* Make the reply an error instead; what it held is dropped. */
    void (*problem)(struct shop *shop, struct call *c, int status, const char *detail);
    /* Make it the 429 of a window that is full. state: of the window; rule NULL when a fault says so.
     * retry_after: the header's value to be sent; NULL where the fault wants none, SHOP_NO_HINT where
     * the vendor decides. seconds: until it makes sense to ask again. */
    void (*limited)(struct shop *shop, struct call *c, const struct limits_state *state,
                    const char *retry_after, int64_t seconds);

    /* Append ,"outcome":"found","values":{...} (with the leading comma; outcome is found, not_found
     * or the vendor's own word; values are named as in its replies) about a normal question, and
     * return what the answer costs in credits. The question's texts are in shop->scratch: leave that
     * alone. */
    int64_t (*judge)(struct shop *shop, const struct truth *truth, const struct question *q,
                     struct buf *out);

    /* Of vendors with jobs, else NULL. The text of a job's id; and whether it may begin now: false
     * when it fails instead, with a word for why in `fail` (32 bytes). NULL: always. */
    void (*job_id)(const struct shop *shop, uint64_t number, char id[ACCOUNT_ID_MAX]);
    bool (*job_starts)(struct shop *shop, const struct account_job *job, char *fail);
    /* It is done: what it cost, at most its price. */
    int64_t (*job_ends)(struct shop *shop, const struct account_job *job);

    /* Of vendors with callbacks, else NULL. Fill in the draft (zeroed, body empty); false: there is
     * nothing to be sent after all. The cookie of a job is its number. */
    bool (*callback)(struct shop *shop, uint64_t cookie, enum callback_forgery forgery,
                     struct callback_draft *draft);
    /* An attempt at the callback has ended, with this status (0: no reply) and body. NULL: it need
     * not know. */
    void (*heard)(struct shop *shop, uint64_t cookie, int status, struct slice body);
    /* The callback was delivered, or given up, or was lost by a fault. NULL: it need not know. Jobs
     * are marked by themselves where job_id is there. */
    void (*called)(struct shop *shop, uint64_t cookie, bool delivered);

    /* An alarm that it set with shop_wake. */
    void (*alarm)(struct shop *shop, uint64_t cookie);

    /* One of its own notes in the account (account_note), each in its order when the account is
     * opened again, after `open`. False: it cannot be one. */
    bool (*recall)(struct shop *shop, struct json_value note);
    /* A judge's page of its own, below /sim/<name>; false where there is none. NULL: it has none. */
    bool (*page)(struct shop *shop, const char *method, const char *path, struct call *c);
};

/* All there are; ends at NULL. Each has a line in vendor.c. */
extern const struct vendor *const vendor_table[];
#define VENDORS_MAX 8
/* NULL when there is none of that name. */
const struct vendor *vendor_find(struct slice name);

#endif
