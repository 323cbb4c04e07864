/* What the files of Enrich.so's simulator share. Written from doc.enrich.so alone.
 *
 * enrichso.c         routes, tiers, services, the descriptor
 * enrichso_reply.c   envelopes, errors, the query
 * enrichso_answer.c  what is true and what it costs
 * enrichso_rows.c    answers as JSON
 * enrichso_single.c  questions that are answered at once
 * enrichso_batch.c   lists: submission, status, results
 * enrichso_hooks.c   webhookUrl: a list's results posted to the client
 * enrichso_wallet.c  balance and transactions
 *
 * The document and the OpenAPI description that the same vendor publishes beside it differ; the
 * forms are
 *   document  rows of reverse lookup echo their address, found or not, and misses are charged in
 *             bulk; phone numbers are objects
 *   openapi   rows of reverse lookup are profiles without the address that was asked about, and what
 *             is not found has no row (nor a price); phone numbers are strings; ids are 24
 *             hexadecimal digits; replies say more
 *   echoed    as openapi, but profiles have the address
 * One thread. */
#ifndef TRANCHE_SIM_ENRICHSO_H
#define TRANCHE_SIM_ENRICHSO_H

#include "sim/body.h"
#include "sim/person.h"
#include "sim/shop.h"

enum enrichso_form { ENRICHSO_DOCUMENT, ENRICHSO_OPENAPI, ENRICHSO_ECHOED };

/* Places in enrichso_services. */
enum enrichso_service {
    ENRICHSO_FINDER,
    ENRICHSO_VALIDATION,
    ENRICHSO_LOOKUP,
    ENRICHSO_PHONES,
    ENRICHSO_SERVICES
};
extern const struct service enrichso_services[ENRICHSO_SERVICES];
enum enrichso_service enrichso_which(const struct service *service);

/* Fields of a question about phones. */
enum enrichso_phone_field { ENRICHSO_EMAIL, ENRICHSO_LINKEDIN };

struct enrichso_hooks;

/* The vendor's state. */
struct enrichso {
    struct buf meta;       /* of the reply being made: members, without braces */
    struct body_text text; /* of a single question */
    struct enrichso_hooks *hooks;
};
struct enrichso *enrichso_own(struct shop *shop);
/* Whether it answers as the OpenAPI description has it. */
bool enrichso_openapi(const struct shop *shop);

/* ---- enrichso_reply.c ---- */

void enrichso_problem(struct shop *shop, struct call *c, int status, const char *detail);
void enrichso_limited(struct shop *shop, struct call *c, const struct limits_state *state,
                      const char *retry_after, int64_t seconds);
/* 402. */
void enrichso_no_credits(struct shop *shop, struct call *c, int64_t required);

/* Data and meta of the reply, emptied; the request's id is in meta already. */
struct buf *enrichso_begin_data(struct shop *shop, bool *first);
struct buf *enrichso_begin_meta(struct shop *shop, bool *first);
/* 200 with what was appended to them. */
void enrichso_succeed(struct shop *shop, struct call *c, bool meta);

/* A number of the query, which stays as it is where there is none; false, with the reply made, when
 * it is not from 1 to max. */
bool enrichso_query_number(struct shop *shop, struct call *c, const char *name, uint32_t max,
                           uint32_t *value);

/* ---- enrichso_answer.c ---- */

struct enrichso_answer {
    const struct truth *truth;
    const struct question *question; /* normal */
    XXH128_hash_t digest;            /* of finder and validation */
    struct verdict verdict;          /* likewise */
    bool found;                      /* an address, a profile, a number; a validation always is */
};
/* truth and q live as long as the answer. */
struct enrichso_answer enrichso_answer(const struct truth *truth, const struct question *q);
/* For body_rules. */
bool enrichso_finds(const struct truth *truth, const struct question *q);
/* The person that a lookup is about. */
void enrichso_person(const struct enrichso_answer *a, struct person *p);

/* What the answer costs: asked alone, or as an item of a list that was processed. */
int64_t enrichso_price_single(const struct shop *shop, const struct enrichso_answer *a);
int64_t enrichso_price_item(const struct shop *shop, const struct enrichso_answer *a);

/* A question of this service that nobody asked, found, and normal in shop->scratch; text is where
 * its fields are. */
void enrichso_stranger(struct shop *shop, const struct service *service, uint64_t number,
                       char text[64], struct question *q);

/* ---- enrichso_rows.c ---- */

/* Whether results hold a row for it. */
bool enrichso_row_shown(const struct shop *shop, const struct enrichso_answer *a);
/* The members of the answer, without braces: of a row of results, or of the data of a reply. */
void enrichso_row_print(const struct shop *shop, const struct enrichso_answer *a, bool single,
                        struct buf *out);
/* The members of `values` for the judge: as replies name them. */
void enrichso_row_values(const struct shop *shop, const struct enrichso_answer *a, struct buf *out);
/* Members of the data of a callback, each with a comma before it. */
void enrichso_row_hook(const struct enrichso_answer *a, struct buf *out);

/* ---- requests ---- */

void enrichso_single_post(struct shop *shop, const struct route *route, struct call *c);
/* The phone finder's, with its question in the query. */
void enrichso_single_get(struct shop *shop, const struct route *route, struct call *c);

void enrichso_batch_submit(struct shop *shop, const struct route *route, struct call *c);
void enrichso_batch_status(struct shop *shop, const struct route *route, struct call *c);
void enrichso_batch_results(struct shop *shop, const struct route *route, struct call *c);

void enrichso_wallet_balance(struct shop *shop, struct call *c);
void enrichso_wallet_transactions(struct shop *shop, struct call *c);

/* ---- a batch as time goes by ---- */

struct enrichso_progress {
    const char *status;
    bool ended;
    uint32_t processed;
};
struct enrichso_progress enrichso_progress(const struct shop *shop, const struct account_batch *b);
/* How many of its items will have been processed when it ends. */
uint32_t enrichso_batch_last(const struct account_batch *b);
/* The `at`-th item that is processed, of `total`. */
uint32_t enrichso_batch_item(const struct shop *shop, const struct account_batch *b, uint32_t total,
                             uint32_t at);
/* Its question, normal in shop->scratch. */
struct question enrichso_batch_question(struct shop *shop, const struct account_batch *b,
                                        const struct items_view *view, uint32_t item);

/* ---- enrichso_hooks.c ---- */

/* Takes up the batches of the account whose callbacks did not all go. */
void enrichso_hooks_open(struct shop *shop);
void enrichso_hooks_close(struct shop *shop);
/* A batch with a callback was submitted. */
void enrichso_hooks_add(struct shop *shop, const struct account_batch *b);
/* For the descriptor. */
void enrichso_hooks_alarm(struct shop *shop, uint64_t cookie);
bool enrichso_hooks_draft(struct shop *shop, uint64_t cookie, enum callback_forgery forgery,
                          struct callback_draft *draft);
void enrichso_hooks_called(struct shop *shop, uint64_t cookie, bool delivered);

#endif
