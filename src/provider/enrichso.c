/* Speaks the Enrich.so API, version 3: email addresses found and validated, profiles and phone
 * numbers looked up, in batches or one by one.
 *
 * A batch is submitted, polled, and its results are read in pages; the first read of a page after
 * the batch ended settles the credits that the submission reserved, so the pages of a failed batch
 * are read too. Rows come in any order, duplicates removed: they are matched by what they echo,
 * never by place. A single question has its answer in the reply.
 *
 * 1. Whether rows of a reverse lookup say which address they answer is not certain: the document's
 *    profile has it, the schema's has not, and misses are left out. So mode=auto asks in a small
 *    batch first and goes on one by one where rows do not tell. Callbacks do tell (result_id).
 * 2. An organization's limits count requests of every kind; batches, and paid single requests, have
 *    limits of their own within them.
 *
 * Pure; any thread. */
#include "provider/enrichso.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "wire/json_write.h"

extern const struct provider enrichso_provider;

/* --- limits --------------------------------------------------------------------------------- */

/* doc.enrich.so "Rate Limits", per organization: requests of every kind in bursts (a second) and
 * sustained (a rolling minute). Within that the page limits POST of /api/bulk/ (a second and a
 * minute) and of /api/enrich/ (a minute), paths that version 3 has not; they are assumed to hold
 * for its batches and its single questions. Enterprise has no such limits. */
#define SECOND 1000
#define MINUTE 60000

static const struct provider_tier tiers[] = {
    {.name = "free", .limits = {{RATE_ALL, 5, SECOND}, {RATE_ALL, 60, MINUTE}}},
    {.name = "growth", .limits = {{RATE_ALL, 25, SECOND}, {RATE_ALL, 300, MINUTE}}},
    {.name = "scale", .limits = {{RATE_ALL, 50, SECOND}, {RATE_ALL, 1000, MINUTE}}},
    {.name = "pro", .limits = {{RATE_ALL, 100, SECOND}, {RATE_ALL, 5000, MINUTE}}},
    {.name = "enterprise", .limits = {{RATE_ALL, 200, SECOND}, {RATE_ALL, 10000, MINUTE}}},
    {.name = NULL},
};

/* 0: none beside the tier's. */
static const struct {
    const char *tier;
    uint32_t batches_s, batches_min, singles_min;
} submissions[] = {
    {"free", 1, 2, 10},    {"growth", 3, 10, 100},  {"scale", 5, 20, 500},
    {"pro", 10, 50, 2000}, {"enterprise", 0, 0, 0},
};

static void add_limit(struct operation *op, uint32_t count, int64_t per_ms)
{
    size_t i = 0;

    while (op->limits[i].count > 0)
        i++;
    assert(i + 1 < RATE_LIMITS_MAX);
    op->limits[i] = (struct rate_limit){RATE_BIT(RATE_SUBMIT), count, per_ms};
}

static void limit(struct operation *op, bool single)
{
    memset(op->limits, 0, sizeof op->limits);
    for (size_t i = 0; i < sizeof submissions / sizeof submissions[0]; i++) {
        if (strcmp(submissions[i].tier, op->tier->name) != 0)
            continue;
        if (single) {
            add_limit(op, submissions[i].singles_min, MINUTE);
        } else {
            add_limit(op, submissions[i].batches_s, SECOND);
            add_limit(op, submissions[i].batches_min, MINUTE);
        }
    }
}

/* --- requests ------------------------------------------------------------------------------- */

const struct enrichso_product *enrichso_product(const struct operation *op)
{
    static const struct enrichso_product *const products[] = {
        &enrichso_finder, &enrichso_validation, &enrichso_lookup, &enrichso_phone};

    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++)
        if (strcmp(products[i]->operation, op->name) == 0)
            return products[i];
    assert(!"an operation of Enrich.so");
    return NULL;
}

__attribute__((format(printf, 3, 4))) static void
request(struct http_request *r, enum http_method method, const char *format, ...)
{
    va_list args;

    *r = (struct http_request){.method = method, .has_body = method == HTTP_POST};
    size_t len = (size_t)snprintf(r->path, sizeof r->path, "/api/v3/");
    va_start(args, format);
    vsnprintf(r->path + len, sizeof r->path - len, format, args);
    va_end(args);
}

static void build_balance(struct http_request *r)
{
    request(r, HTTP_GET, "wallets/balance");
}

static void build_batch(const struct operation *op, struct http_request *r)
{
    request(r, HTTP_POST, "%s", enrichso_product(op)->batch);
}

static void build_single(const struct operation *op, struct http_request *r)
{
    const struct enrichso_product *p = enrichso_product(op);

    request(r, p->query ? HTTP_GET : HTTP_POST, "%s", p->single);
}

static void build_poll(const struct operation *op, struct http_request *r, const char *id)
{
    request(r, HTTP_GET, "%s/%s", enrichso_product(op)->batch, id);
}

static void build_page(const struct operation *op, struct http_request *r, const char *id,
                       uint32_t page)
{
    request(r, HTTP_GET, "%s/%s/results?page=%u&limit=%d", enrichso_product(op)->batch, id,
            (unsigned)page, ENRICHSO_PAGE_ROWS);
}

static void batch_end(struct body_writer *w)
{
    buf_append_char(w->out, ']');
    if (w->operation->calls_back && w->callback_url.len > 0) {
        buf_append_text(w->out, ",\"webhookUrl\":");
        json_write_string(w->out, w->callback_url);
    }
    buf_append_char(w->out, '}');
}

/* A single question is written by its item alone. */
static void nothing(struct body_writer *w)
{
    (void)w;
}

/* "leads[17].firstName ...", "body/leads/0/domain ...": validators name the item by list and index.
 * Of the two lists of phone numbers an index tells no place. */
static int64_t bad_lead(const struct problem *problem)
{
    return reply_item_place(problem->text, "leads");
}

static int64_t bad_email(const struct problem *problem)
{
    return reply_item_place(problem->text, "emails");
}

static enum reply_class classify(const struct http_reply *reply, bool paid,
                                 const struct json_value *root, const struct problem *problem)
{
    (void)problem; /* the status says it all; the problem is for people */
    return provider_classify(reply, paid, root != NULL);
}

/* --- options -------------------------------------------------------------------------------- */

#define MODE_HELP "many records a request (batch), or each in a request of its own (single)"
#define WEBHOOK                                                                                    \
    {                                                                                              \
        "webhook", "on|off", "off",                                                                \
            "let the vendor call back: one request for each record and one for the batch"          \
    }

static const struct operation_option options[] = {
    {"mode", "batch|single", "batch", MODE_HELP},
    WEBHOOK,
    {.name = NULL},
};

static const struct operation_option lookup_options[] = {
    {"mode", "auto|batch|single", "auto",
     MODE_HELP "; auto: batch where its results say which record they are of, else single"},
    WEBHOOK,
    {.name = NULL},
};

/* A single question takes the vendor up to 2.1 s (examples of the schemas), and the highest limit
 * is 2,000 a minute. */
#define SINGLES_LIVE_MAX 64
/* With callbacks, the first item of a lost submission tells of it; the vendor says nothing of how
 * long one may take. */
#define CALLBACK_DOUBT_MS (15 * 60000)

static int alone(struct operation *op)
{
    op->delivery = DELIVERY_REPLY;
    op->query = enrichso_product(op)->query;
    op->items_max = op->page_rows = 1;
    op->passes = 1;
    op->body_begin = op->body_end = nothing;
    op->body_item = enrichso_product(op)->ask;
    op->body_pass = NULL;
    op->build_submit = build_single;
    op->build_poll = NULL;
    op->build_page = NULL;
    op->parse_submit = NULL;
    op->parse_poll = NULL;
    op->parse_page = enrichso_single;
    op->parse_callback = NULL;
    op->calls_back = false;
    op->bad_item = NULL;
    op->echo_unsure = false;
    op->omitted = NULL;
    op->poll_first_ms = op->poll_max_ms = 0;
    op->doubt_ms = 0;
    op->live_max = SINGLES_LIVE_MAX;
    limit(op, true);
    return 0;
}

static int configure(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    const char *mode = operation_set(op, "mode");
    bool webhook = strcmp(operation_set(op, "webhook"), "on") == 0;

    (void)tier; /* it is in op */
    if (strcmp(mode, "single") == 0) {
        if (webhook)
            return error_set(e, ERR_USAGE,
                             "--set: %s/%s calls back for batches only: leave out webhook=on or "
                             "mode=single",
                             op->provider->name, op->name);
        return alone(op);
    }
    if (webhook) {
        op->calls_back = op->calls_asked = true;
        op->parse_callback = enrichso_callback;
        op->doubt_ms = CALLBACK_DOUBT_MS;
    }
    if (strcmp(mode, "auto") == 0 && !webhook) {
        op->echo_unsure = true;
        op->alone = alone;
    }
    limit(op, false);
    return 0;
}

/* --- descriptors ---------------------------------------------------------------------------- */

static const field_set lead_accepts[] = {ENRICHSO_LEAD, 0};
static const field_set email_accepts[] = {FIELD_BIT(EMAIL), 0};
/* A LinkedIn address is one person for good; an email address may be a team's, or of an employer
 * that was left, and has to be led back to a person first. */
static const field_set phone_accepts[] = {FIELD_BIT(LINKEDIN_URL), FIELD_BIT(EMAIL), 0};

/* What is alike in all. Items of at most 254 bytes (an email address; each six when escaped, three
 * in a query) or 500 (a LinkedIn address, nothing of which is escaped; three in a query). Small
 * batches are done at once; the vendor advises to poll each 5 to 10 s. */
#define BATCHES                                                                                    \
    .provider = &enrichso_provider, .delivery = DELIVERY_PAGES, .page_rows = ENRICHSO_PAGE_ROWS,   \
    .item_bytes_max = 1536, .poll_first_ms = 500, .poll_max_ms = 10000, .configure = configure,    \
    .build_submit = build_batch, .body_end = batch_end, .build_poll = build_poll,                  \
    .build_page = build_page, .parse_submit = enrichso_submitted, .parse_poll = enrichso_polled,   \
    .parse_page = enrichso_page, .classify = classify

static const struct operation operations[] = {
    {
        BATCHES,
        .name = "email-finder",
        .title = "work email address from name and company domain",
        .items_max = 500000,
        .price = ENRICHSO_FINDER_PRICE,
        .accepts = lead_accepts,
        .gives = FIELD_BIT(EMAIL) | FIELD_BIT(CONFIDENCE) | FIELD_BIT(EMAIL_CATCH_ALL) |
                 FIELD_BIT(COMPANY_DOMAIN) | FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME),
        .answer_bytes_max = 2048, /* the question echoed, an address, a sentence */
        .options = options,
        .check = enrichso_leads_check,
        .body_begin = enrichso_leads_begin,
        .body_item = enrichso_leads_item,
        .bad_item = bad_lead,
    },
    {
        BATCHES,
        .name = "email-validation",
        .title = "whether an email address is deliverable",
        .items_max = 500000,
        .price = ENRICHSO_VALIDATION_PRICE,
        .accepts = email_accepts,
        .gives = FIELD_BIT(EMAIL) | FIELD_BIT(EMAIL_STATUS) | FIELD_BIT(EMAIL_SUB_STATUS) |
                 FIELD_BIT(EMAIL_FREE) | FIELD_BIT(EMAIL_DISPOSABLE) | FIELD_BIT(EMAIL_CATCH_ALL) |
                 FIELD_BIT(CONFIDENCE),
        .answer_bytes_max = 2048,
        .options = options,
        .body_begin = enrichso_emails_begin,
        .body_item = enrichso_emails_item,
        .bad_item = bad_email,
    },
    {
        BATCHES,
        .name = "reverse-lookup",
        .title = "professional profile from email address",
        .omitted = "no profile found",
        .check = enrichso_lookup_check,
        .items_max = 100000,
        .price = ENRICHSO_LOOKUP_PRICE,
        .accepts = email_accepts,
        .gives = FIELD_BIT(LINKEDIN_URL) | FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) |
                 FIELD_BIT(FULL_NAME) | FIELD_BIT(JOB_TITLE) | FIELD_BIT(COMPANY) |
                 FIELD_BIT(HEADLINE) | FIELD_BIT(LOCATION) | FIELD_BIT(POSITIONS) |
                 FIELD_BIT(SCHOOLS) | FIELD_BIT(VENDOR_ID),
        .answer_bytes_max = 16384, /* a long career, each position with a paragraph */
        .options = lookup_options,
        .body_begin = enrichso_emails_begin,
        .body_item = enrichso_emails_item,
        .bad_item = bad_email,
    },
    {
        BATCHES,
        .name = "phone-finder",
        .title = "phone numbers from LinkedIn address or email address",
        .items_max = 500000, /* of both kinds together */
        .price = ENRICHSO_PHONE_PRICE,
        .accepts = phone_accepts,
        .gives = FIELD_BIT(PHONE) | FIELD_BIT(PHONE_TYPE) | FIELD_BIT(PHONES),
        .answer_bytes_max = 2048, /* the question echoed, a number of numbers */
        .options = options,
        .check = enrichso_phones_check,
        .passes = 2,
        .body_begin = enrichso_emails_begin,
        .body_item = enrichso_phones_item,
        .body_pass = enrichso_phones_pass,
    },
    {.name = NULL},
};

const struct provider enrichso_provider = {
    .name = "enrichso",
    .title = "Enrich.so",
    .doc = "https://doc.enrich.so/api-reference-1951025m0",
    .base_url = "https://dev.enrich.so",
    .key_env = "ENRICHSO_API_KEY",
    .key_header = "x-api-key",
    .key_prefix = "",
    .tiers = tiers,
    .operations = operations,
    .live_max = 4,
    .reads_max = 8,
    .build_balance = build_balance,
    .parse_balance = enrichso_balance,
};
