/* A vendor is a value: facts (names, limits, prices, accepted fields, options) and pure functions
 * from bytes to bytes. No socket, clock, log, global, or memory outside the arena it is given. The
 * engine knows no vendor by name.
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

/* --- limits --------------------------------------------------------------------------------- */

/* Requests a vendor counts apart. */
enum rate_class {
    RATE_SUBMIT, /* paid requests */
    RATE_READ,   /* free ones: poll, page, balance */
    RATE_CLASSES
};
#define RATE_BIT(class) (1u << (class))
#define RATE_ALL        (RATE_BIT(RATE_SUBMIT) | RATE_BIT(RATE_READ))

/* At most `count` requests of the classes together in any `per_ms`. */
struct rate_limit {
    unsigned classes; /* RATE_BIT of each that counts */
    uint32_t count;
    int64_t per_ms;
};

#define RATE_LIMITS_MAX 8
/* What an account of this plan may do. */
struct provider_tier {
    const char *name;
    struct rate_limit limits[RATE_LIMITS_MAX]; /* ends at the first count of 0 */
    uint32_t items_max;                        /* of a batch in this plan; 0: the operation's */
    unsigned slots;     /* records the vendor works on at once; 0: it has no such notion */
    unsigned queue_max; /* further ones it keeps waiting */
};

/* --- what a reply says ---------------------------------------------------------------------- */

/* What an accepted submission says. */
struct submit_reply {
    char id[65];      /* of the batch, checked by http_id_valid; empty: it has none */
    int64_t items;    /* accepted, after the vendor's own dedupe; -1 unknown */
    int64_t reserved; /* credits; -1 unknown */
    int64_t price;    /* credits an item; -1 unknown */
    int64_t balance;  /* credits left; -1 unknown */
    bool finished;    /* the work is done already: look at once */
};

enum poll_phase { POLL_PENDING, POLL_COMPLETED, POLL_FAILED };

struct poll_reply {
    enum poll_phase phase;
    bool queued;       /* pending, and nobody works on it yet */
    int64_t total;     /* items; -1 unknown */
    int64_t processed; /* -1 unknown */
};

/* One item of a result: the question as the vendor echoes it, and the answer. */
struct page_item {
    struct record echo; /* what the row repeats of its question; empty where not echoed */
    field_set echoed;   /* the set of `accepts` that the echo is of; 0: the row names no question,
                           and counts by its place (the only item of a batch of one, or where all
                           items are answered in order) */
    /* OUTCOME_NO_CREDITS: the vendor did not look for want of credits and charged nothing; the
     * record is asked again later. */
    struct answer answer;
};
/* Slices are valid during the call. Non-zero ends the page with that error. */
typedef int page_item_fn(void *arg, const struct page_item *item);

struct page_reply {
    uint32_t rows;
    int64_t total;    /* rows of all pages together; -1 unknown */
    int64_t used;     /* credits of the whole batch, settled; -1 unknown */
    int64_t refunded; /* -1 unknown */
    int64_t balance;  /* -1 unknown */
};

/* What a callback is about, beside its rows. */
enum callback_kind {
    CALLBACK_RESULT,   /* it carries answers */
    CALLBACK_PROGRESS, /* the batch is done, or goes on: worth a poll */
    CALLBACK_TEST,     /* the vendor tries the address: no answer, ever */
    CALLBACK_EVENT     /* something else that the vendor tells: kept, no answer */
};
struct callback_reply {
    enum callback_kind kind;
    char id[65]; /* the vendor's id of the batch, checked by http_id_valid; empty: not said */
    struct page_reply page;
};

struct balance_reply {
    int64_t credits;     /* -1: not limited */
    int64_t used_today;  /* requests of this calendar day (UTC); -1 unknown */
    int64_t limit_today; /* -1 unknown */
    char plan[32];       /* the account's tier as the vendor calls it; empty unknown */
};

/* What the vendor's answer to a request means; only `classify` reads an HTTP status. */
enum reply_class {
    REPLY_OK,          /* 2xx with a whole JSON body: parse it */
    REPLY_NOT_APPLIED, /* refused, nothing happened; the request was wrong: not sent again as it is
                        */
    REPLY_BAD_ITEMS,   /* 400/422 to a batch: one of its items is at fault; split */
    REPLY_TOO_LARGE,   /* 413: halve */
    REPLY_THROTTLED,   /* 429: wait, then again */
    REPLY_NO_CREDITS,  /* 402, or what this vendor says instead; nothing happened */
    REPLY_REFUSED,     /* 401 403 423: the credentials or the account; stop the provider */
    REPLY_GONE,        /* 404 or 410 to a poll or page */
    REPLY_DOUBT,       /* a paid request that may have been applied: 408, 5xx, 2xx not whole */
    /* Failed in passing and safe to send again: a free request that failed, or a paid one that
     * never reached the vendor whole (HTTP_NOT_SENT), so that nothing was applied: its batch goes
     * back to PREPARED. A paid request that was answered is never this. */
    REPLY_RETRY,
};

/* --- operations ----------------------------------------------------------------------------- */

struct operation;

/* How the results of a submission come. */
enum delivery {
    DELIVERY_REPLY,   /* in the reply to the submission itself, which cannot be fetched again */
    DELIVERY_PAGES,   /* the reply gives an id; polls say when it is done; pages are fetched */
    DELIVERY_POLL,    /* the reply gives an id; the poll that says done holds the result */
    DELIVERY_CALLBACK /* the vendor calls us; nothing can be fetched */
};

/* Something about an operation that the user chooses with --set NAME=VALUE. */
struct operation_option {
    const char *name;   /* "type" */
    const char *values; /* "email|phone|both"; with a comma at its end ("a|b|c,") any of them,
                           separated by commas; "": any text */
    const char *preset; /* what holds where nothing is given; "" for none */
    const char *help;   /* a line for `tranche providers` and --help */
};
#define OPERATION_OPTIONS_MAX 6

/* A request body under construction. It is made of the items in the order of the list, so many
 * times over as the operation has passes. */
struct body_writer {
    const struct operation *operation;
    struct buf *out;
    struct slice callback_url; /* empty: none */
    unsigned pass;             /* from 0 */
    uint32_t items;            /* written in this pass before the one at hand */
};

struct operation {
    const struct provider *provider;
    const char *name;  /* "email-finder" */
    const char *title; /* one line for `tranche providers` */
    enum delivery delivery;
    bool calls_back;  /* it can be given an address to call back to (DELIVERY_CALLBACK: it must) */
    bool calls_asked; /* and an option of this run asks for it: then it needs such an address */
    bool query;       /* a GET: what the body functions write is the query ("?email=..."), and there
                        is no body. At most one item. */
    /* Whether result rows say which question they answer is found out first: batches have one item
     * until a row came. Rows without echo make the rest go by `alone`. */
    bool echo_unsure;
    int (*alone)(struct operation *op); /* turns it into the operation that asks one by one */
    /* Why an item is not_found that no row answers, where the vendor leaves misses out of its pages
     * (which then have fewer rows than the batch has items); NULL: such an item is a failure. It
     * holds when the batch did not fail and each of its rows was matched, or came by callback too:
     * else the item may be that of a row which nobody could place. */
    const char *omitted;
    uint32_t items_max;
    int64_t price;            /* the highest credits for an item */
    const field_set *accepts; /* sets of fields, best first; ends at 0 */
    /* What makes two questions the same. 0: the fields of the set a record is asked by; else these,
     * absent ones too (where all that is known is sent along). */
    field_set identity;
    field_set gives;         /* fields of an answer, for output columns and the docs */
    uint32_t page_rows;      /* items of a full result page; where there are no pages, items_max */
    size_t item_bytes_max;   /* of a request, for the disk reserve */
    size_t answer_bytes_max; /* of a reply, likewise */
    int64_t poll_first_ms, poll_max_ms; /* the first poll after accept; the longest pause */
    int64_t work_ms, work_max_ms; /* documented mean and longest time for a record; 0 unknown */
    int64_t deadline_ms; /* so long after acceptance nothing is expected any more; 0: it ends by
                            itself. DELIVERY_POLL: after it left the vendor's queue */
    int64_t doubt_ms;    /* how long evidence about a lost submission can still come */
    unsigned live_max;   /* submissions in flight unless --concurrency says otherwise; 0: the
                            provider's */

    struct rate_limit limits[RATE_LIMITS_MAX]; /* of this operation beside the tier's; ends at the
                                                  first count of 0 */

    /* The options; NULL: none. `set` holds the values of this run: those that were given, else the
     * presets, in the order of `options`. */
    const struct operation_option *options;
    const char *set[OPERATION_OPTIONS_MAX];
    const struct provider_tier *tier; /* of this run */
    /* Make of this copy what the options and the tier ask for: price, accepts, sizes, another
     * delivery, other functions. ERR_USAGE when they contradict each other. NULL: nothing to do. */
    int (*configure)(struct operation *op, const struct provider_tier *tier, struct error *e);

    /* Further rules for a record that has the fields, which may put them into the form in which
     * they are asked; a reason, or NULL. The function itself may be NULL. */
    const char *(*check)(const struct operation *op, struct record *r);

    /* The request, without its body; has_body and body_len are the engine's. */
    void (*build_submit)(const struct operation *op, struct http_request *r);
    /* The body: begin, then each item in each pass, each pass ended, end. */
    unsigned passes; /* 0 is 1 */
    void (*body_begin)(struct body_writer *w);
    /* set: of `accepts`, that the record is asked by. False: this pass leaves the item out (it must
     * be in exactly one). */
    bool (*body_item)(struct body_writer *w, const struct record *r, field_set set);
    void (*body_pass)(struct body_writer *w); /* after each pass but the last; NULL with one */
    void (*body_end)(struct body_writer *w);
    /* DELIVERY_PAGES, DELIVERY_POLL */
    void (*build_poll)(const struct operation *op, struct http_request *r, const char *id);
    /* DELIVERY_PAGES. page: from 1 */
    void (*build_page)(const struct operation *op, struct http_request *r, const char *id,
                       uint32_t page);

    /* Parsers of replies whose class is REPLY_OK. ERR_DATA: the document is not the one that was
     * promised. */
    /* Not for DELIVERY_REPLY. DELIVERY_CALLBACK: a reply without id is accepted too. */
    int (*parse_submit)(const struct operation *op, struct json_value root,
                        struct submit_reply *out, struct error *e);
    /* DELIVERY_PAGES, DELIVERY_POLL */
    int (*parse_poll)(const struct operation *op, struct json_value root, struct poll_reply *out,
                      struct error *e);
    /* The rows of a result page; of the reply to the submission (DELIVERY_REPLY); of the last poll
     * (DELIVERY_POLL). raw: keep each row in FIELD_RAW. Not for DELIVERY_CALLBACK. */
    int (*parse_page)(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                      page_item_fn *fn, void *arg, struct page_reply *out, struct error *e);
    /* calls_back: what a callback to this operation's address says. It is authentic. */
    int (*parse_callback)(const struct operation *op, struct json_value root, bool raw,
                          struct arena *a, page_item_fn *fn, void *arg, struct callback_reply *out,
                          struct error *e);

    /* The place (from 0) of the item that a REPLY_BAD_ITEMS blames; -1: it names none. NULL: never
     * does. */
    int64_t (*bad_item)(const struct problem *problem);

    /* paid: a submission. root: the body as JSON; NULL when it is not one whole document. */
    enum reply_class (*classify)(const struct http_reply *reply, bool paid,
                                 const struct json_value *root, const struct problem *problem);
};

/* --- providers ------------------------------------------------------------------------------ */

/* How a callback proves where it comes from, beside the token in its address. */
enum callback_proof {
    PROOF_TOKEN,       /* the token is all there is */
    PROOF_KEY_SHA256,  /* the header holds the SHA-256 of the API key, hexadecimal in any case */
    PROOF_HMAC_SHA256, /* the header holds the HMAC-SHA-256 of the body under a secret, hexadecimal
                        */
};

struct provider {
    const char *name;          /* "enrichso" */
    const char *title;         /* "Enrich.so" */
    const char *doc;           /* the vendor's page the rules come from */
    const char *base_url;      /* NULL: must be given */
    const char *key_env;       /* "ENRICHSO_API_KEY" */
    const char *key_header;    /* "x-api-key", "Authorization" */
    const char *key_prefix;    /* before the key in that header: "Bearer "; "" */
    const char *origin_header; /* names the program to the vendor ("x-request-origin"); NULL */
    const struct provider_tier
        *tiers; /* ends at a NULL name; the first one is assumed when none is named */
    const struct operation *operations; /* ends at a NULL name */
    unsigned live_max;                  /* batches in flight unless --concurrency says otherwise */
    unsigned reads_max;                 /* free requests in flight at once */

    /* Balance: NULL where the vendor has none. */
    void (*build_balance)(struct http_request *r);
    bool (*parse_balance)(struct json_value root, struct balance_reply *out);
    bool balance_unmetered; /* asking for it counts in no rate window */

    /* The account's limits, where a refusal (429) names them: how many, 0 none. NULL: never does.
     */
    unsigned (*parse_limits)(struct json_value root, struct rate_limit limits[RATE_LIMITS_MAX]);

    enum callback_proof proof;
    const char *proof_header; /* "x-auth-key"; NULL for PROOF_TOKEN */
    const char *secret_env;   /* PROOF_HMAC_SHA256: where the secret is: "PROSPIQ_WEBHOOK_SECRET" */
    const char *test_header;  /* "true" in it marks a test delivery; NULL */
};

/* All providers, ending at NULL. */
extern const struct provider *const provider_table[];

const struct provider *provider_find(struct slice name);
/* "enrichso/email-finder". NULL with a message that names what there is. */
const struct operation *provider_operation(const char *name, struct error *e);
/* NULL with a message that names the tiers. name NULL: the first. */
const struct provider_tier *provider_tier(const struct provider *p, const char *name,
                                          struct error *e);
/* The operation as it is asked in this plan with these options ("level=full"), each at most once.
 * The texts are borrowed. ERR_USAGE naming the option and its values. */
int provider_configure(struct operation *out, const struct operation *op,
                       const struct provider_tier *tier, const char *const *options, unsigned count,
                       struct error *e);
/* The value of the option of that name, "" where it has none. */
const char *operation_set(const struct operation *op, const char *name);
/* Whether a choice of several ("work_email,phone") has the word. */
bool operation_chosen(const char *choice, const char *word);
/* The rules of correctness that hold for every vendor; what `classify` falls back to. */
enum reply_class provider_classify(const struct http_reply *reply, bool paid, bool whole);
/* What is wrong with a descriptor (a missing function, a limit of 0, a set without fields), or with
 * what one of its options makes of it, or NULL: for the tests. */
const char *provider_problem(const struct provider *p);

#endif
