/* What the files of Enrich.so share. enrichso.c has the descriptors; enrichso_reply.c reads what is
 * alike in all replies; enrichso_email.c, enrichso_lookup.c and enrichso_phone.c write the
 * questions of the products and read their rows. */
#ifndef TRANCHE_PROVIDER_ENRICHSO_H
#define TRANCHE_PROVIDER_ENRICHSO_H

#include "provider/provider.h"
#include "provider/reply.h"

/* doc.enrich.so "API Reference": credits for an item that is found; of a validation, for each. */
#define ENRICHSO_FINDER_PRICE     10
#define ENRICHSO_VALIDATION_PRICE 1
#define ENRICHSO_LOOKUP_PRICE     10
#define ENRICHSO_PHONE_PRICE      500

/* The most rows that a page of results can have. */
#define ENRICHSO_PAGE_ROWS 1000

#define ENRICHSO_LEAD (FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(DOMAIN))

/* What tells the products apart, beside their facts. */
struct enrichso_product {
    const char *operation; /* its name */
    const char *batch;     /* path of the batches, below /api/v3/ */
    const char *single;    /* path of a single question; a GET where `query` */
    bool query;
    const char *miss; /* the reason where the vendor gives none */
    /* Read one row: what it echoes, and the answer. *item is empty when it comes. */
    void (*row)(struct reply_memory *m, struct json_value row, struct page_item *item);
    /* The question that a callback's result_id names, into the echo. NULL: it names none. */
    void (*named)(struct reply_memory *m, struct slice id, struct page_item *item);
    /* Write a single question: the body, or the query. */
    bool (*ask)(struct body_writer *w, const struct record *r, field_set set);
};

extern const struct enrichso_product enrichso_finder, enrichso_validation, enrichso_lookup,
    enrichso_phone;

/* The product of an operation, also of a copy. */
const struct enrichso_product *enrichso_product(const struct operation *op);

/* --- replies: enrichso_reply.c -------------------------------------------------------------- */

bool enrichso_balance(struct json_value root, struct balance_reply *out);
int enrichso_submitted(const struct operation *op, struct json_value root, struct submit_reply *out,
                       struct error *e);
int enrichso_polled(const struct operation *op, struct json_value root, struct poll_reply *out,
                    struct error *e);
/* A page of a batch; the reply to a single question; a callback. */
int enrichso_page(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                  page_item_fn *fn, void *arg, struct page_reply *out, struct error *e);
int enrichso_single(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                    page_item_fn *fn, void *arg, struct page_reply *out, struct error *e);
int enrichso_callback(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                      page_item_fn *fn, void *arg, struct callback_reply *out, struct error *e);

/* The text under the first of the names that has one; false, and *out untouched, without. */
bool enrichso_text(struct json_value row, const char *const *names, struct slice *out);
#define ENRICHSO_TEXT(row, out, ...)                                                               \
    enrichso_text((row), (const char *const[]){__VA_ARGS__, NULL}, (out))
/* An answer without data: no credits, and why. */
void enrichso_end(struct answer *a, enum outcome outcome, struct slice reason);
/* As enrichso_product's `named`, where the id is an email address. */
void enrichso_named_email(struct reply_memory *m, struct slice id, struct page_item *item);

/* --- requests ------------------------------------------------------------------------------- */

/* Of batches {"emails":[...]}, and of a single question {"email":...}. */
void enrichso_emails_begin(struct body_writer *w);
bool enrichso_emails_item(struct body_writer *w, const struct record *r, field_set set);
bool enrichso_email_ask(struct body_writer *w, const struct record *r, field_set set);

/* {"leads":[...]} */
void enrichso_leads_begin(struct body_writer *w);
bool enrichso_leads_item(struct body_writer *w, const struct record *r, field_set set);
const char *enrichso_leads_check(const struct operation *op, struct record *r);

/* {"emails":[...],"linkedins":[...]}, in two passes */
bool enrichso_phones_item(struct body_writer *w, const struct record *r, field_set set);
void enrichso_phones_pass(struct body_writer *w);
/* The schemas of lookups want "format: email", which has no letters beyond ASCII, and one address that
 * has some refuses the whole request. */
const char *enrichso_lookup_check(const struct operation *op, struct record *r);
const char *enrichso_phones_check(const struct operation *op, struct record *r);

#endif
