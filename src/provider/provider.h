/* A vendor is a value: facts (names, limits, prices, accepted fields) and pure functions from bytes
 * to bytes. No socket, clock, log, global, or memory outside the arena it is given. The engine
 * knows no vendor by name.
 *
 * To add one: a file with one `const struct provider`, a line in provider.c, golden payloads under
 * tests/data/provider/<name>/, a simulator, a row in README.md. */
#ifndef TRANCHE_PROVIDER_PROVIDER_H
#define TRANCHE_PROVIDER_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "record/answer.h"
#include "record/record.h"
#include "wire/http.h"
#include "wire/json.h"
#include "wire/problem.h"

/* Requests a vendor counts apart. */
enum rate_class {
    RATE_SUBMIT, /* paid requests */
    RATE_READ,   /* free ones: poll, page, balance */
    RATE_CLASSES
};

/* At most `count` requests of the class in any `per_ms`. */
struct rate_limit {
    enum rate_class class;
    uint32_t count;
    int64_t per_ms;
};

#define RATE_LIMITS_MAX 8
struct provider_tier {
    const char *name;
    struct rate_limit limits[RATE_LIMITS_MAX]; /* ends at the first count of 0 */
};

struct operation;

struct provider {
    const char *name;       /* "enrichso" */
    const char *title;      /* "Enrich.so" */
    const char *doc;        /* the vendor's page the rules come from */
    const char *base_url;   /* NULL: must be given */
    const char *key_env;    /* "ENRICHSO_API_KEY" */
    const char *key_header; /* "x-api-key" */
    const struct provider_tier
        *tiers; /* ends at a NULL name; the first one is assumed when none is named */
    const struct operation *operations; /* ends at a NULL name */
    unsigned live_max;                  /* batches in flight unless --concurrency says otherwise */
    unsigned reads_max;                 /* free requests in flight at once */

    /* Balance: NULL where the vendor has none. */
    void (*build_balance)(struct http_request *r);
    bool (*parse_balance)(struct json_value root, int64_t *credits);
};

/* What an accepted submission says. */
struct submit_reply {
    char id[65];      /* of the batch, checked by http_id_valid */
    int64_t items;    /* accepted, after the vendor's own dedupe; -1 unknown */
    int64_t reserved; /* credits; -1 unknown */
    int64_t price;    /* credits an item; -1 unknown */
    int64_t balance;  /* credits left; -1 unknown */
};

enum poll_phase { POLL_PENDING, POLL_COMPLETED, POLL_FAILED };

struct poll_reply {
    enum poll_phase phase;
    int64_t total;     /* items; -1 unknown */
    int64_t processed; /* -1 unknown */
};

/* One item of a result page: the question as the vendor echoes it, and the answer. */
struct page_item {
    struct record echo; /* the fields of the identity; empty where not echoed */
    struct answer answer;
};
/* Slices are valid during the call. Non-zero ends the page with that error. */
typedef int page_item_fn(void *arg, const struct page_item *item);

struct page_reply {
    uint32_t rows;
    int64_t total;    /* items of the batch; -1 unknown */
    int64_t used;     /* credits of the whole batch, settled; -1 unknown */
    int64_t refunded; /* -1 unknown */
    int64_t balance;  /* -1 unknown */
};

/* What the vendor's answer to a request means; only `classify` reads an HTTP status. */
enum reply_class {
    REPLY_OK,          /* 2xx with a whole JSON body: parse it */
    REPLY_NOT_APPLIED, /* refused, nothing happened; the request was wrong: not sent again as it is
                        */
    REPLY_BAD_ITEMS,   /* 400/422 to a batch: one of its items is at fault; split */
    REPLY_TOO_LARGE,   /* 413: halve */
    REPLY_THROTTLED,   /* 429: wait, then again */
    REPLY_NO_CREDITS,  /* 402 */
    REPLY_REFUSED,     /* 401 403 423: the credentials or the account; stop the provider */
    REPLY_GONE,        /* 404 or 410 to a poll or page */
    REPLY_DOUBT,       /* a paid request that may have been applied: 408, 5xx, 2xx not whole */
    /* Failed in passing and safe to send again: a free request that failed, or a paid one that
     * never reached the vendor whole (HTTP_NOT_SENT), so that nothing was applied: its batch goes
     * back to PREPARED. A paid request that was answered is never this. */
    REPLY_RETRY,
};

/* An operation of the async-batch shape. */
struct operation {
    const struct provider *provider;
    const char *name;  /* "email-finder" */
    const char *title; /* one line for `tranche providers` */
    uint32_t items_max;
    int64_t price;           /* credits reserved for an item, and charged when `charges` says so */
    const uint32_t *accepts; /* sets of fields, best first; ends at 0 */
    uint32_t echoes;         /* the fields of a question that the answer repeats: the identity */
    uint32_t gives;          /* fields of an answer, for output columns and the docs */
    uint32_t page_rows;      /* items of a full result page */
    size_t item_bytes_max;   /* of a request, for the disk reserve */
    size_t answer_bytes_max; /* of a reply, likewise */
    int64_t poll_first_ms, poll_max_ms; /* the first poll after accept; the longest pause */
    int64_t doubt_ms; /* how long evidence about a lost submission can still come */

    /* Further rules for a record that has the fields; a reason, or NULL. */
    const char *(*check)(const struct record *r);

    /* The body: begin, each item in order, end. */
    void (*build_submit)(struct http_request *r);
    void (*body_begin)(struct buf *out);
    void (*body_item)(struct buf *out, const struct record *r, bool first);
    void (*body_end)(struct buf *out);
    void (*build_poll)(struct http_request *r, const char *id);
    /* page: from 1 */
    void (*build_page)(struct http_request *r, const char *id, uint32_t page);

    /* Parsers of replies whose class is REPLY_OK. ERR_DATA: the document is not the one that was
     * promised. */
    int (*parse_submit)(struct json_value root, struct submit_reply *out, struct error *e);
    int (*parse_poll)(struct json_value root, struct poll_reply *out, struct error *e);
    int (*parse_page)(struct json_value root, bool raw, struct arena *a, page_item_fn *fn,
                      void *arg, struct page_reply *out, struct error *e);

    /* The place (from 0) of the item that a REPLY_BAD_ITEMS blames; -1: it names none. NULL: never
     * does. */
    int64_t (*bad_item)(const struct problem *problem);

    /* paid: a submission. whole: the body is one complete JSON document. */
    enum reply_class (*classify)(const struct http_reply *reply, bool paid, bool whole,
                                 const struct problem *problem);
};

/* All providers, ending at NULL. */
extern const struct provider *const provider_table[];

const struct provider *provider_find(struct slice name);
/* "enrichso/email-finder". NULL with a message that names what there is. */
const struct operation *provider_operation(const char *name, struct error *e);
/* NULL with a message that names the tiers. name NULL: the first. */
const struct provider_tier *provider_tier(const struct provider *p, const char *name,
                                          struct error *e);
/* The rules of correctness that hold for every vendor; what `classify` falls back to. */
enum reply_class provider_classify(const struct http_reply *reply, bool paid, bool whole);
/* What is wrong with a descriptor (a missing function, a limit of 0, an unknown echo), or NULL: for
 * the tests. */
const char *provider_problem(const struct provider *p);

#endif
