/* Speaks the Enrich.so API, version 3: finding and validating email addresses in batches.
 *
 * A batch is submitted, polled, and its results are read in pages; the first read of a page after
 * the batch ended settles the credits that the submission reserved, so the pages of a failed batch
 * are read too. Rows echo the question and come in any order, duplicates removed: they are matched
 * by what they echo, never by place.
 *
 * The vendor describes its replies twice, in the document (doc.enrich.so, "API Reference") and in
 * the OpenAPI schemas of its single pages, with different keys; live replies have also been seen
 * without the `data` envelope. All of it is accepted:
 * 1. `data` is unwrapped if it is an object, else the root is read.
 * 2. What is absent, null or of another type is unknown. A reply is refused only when it lacks what
 *    nothing can go on without: the batch id, the status, the results.
 *
 * Known contradictions:
 * - Credits of a validation. The document charges each address. The schema says `risky` is free,
 *   and the schema's own example of four rows settles at what its two `valid` ones cost. Here each
 *   validation costs its price; the vendor's total rules in the summary.
 * - Names of up to 100 "characters" are taken as code points.
 *
 * Pure; any thread. */
#include <stdio.h>

#include "provider/provider.h"
#include "provider/reply.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define FINDER_PATH      "email-finder"
#define FINDER_PRICE     10
#define VALIDATION_PATH  "email-validation"
#define VALIDATION_PRICE 1

#define FINDER_QUESTION (FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(DOMAIN))

#define NAME_CHARACTERS_MAX 100
#define DOMAIN_BYTES_MAX    253
#define PAGE_ROWS           1000

extern const struct provider enrichso_provider;

/* doc.enrich.so "Rate Limits": per organization, requests of every kind together, in bursts (a
 * second) and sustained (a rolling minute): 5+60, 25+300, 50+1000, 100+5000, 200+10000. Batch
 * submissions have limits of their own within that: free 1+2, growth 3+10, scale 5+20, pro 10+50,
 * none for enterprise, where 20+1000 are assumed. The page writes their path as /api/bulk/ which no
 * endpoint of version 3 has; they are assumed to apply. */
#define TIER(plan, submit_s, submit_min, all_s, all_min)                                           \
    {                                                                                              \
        .name = (plan), .limits = {                                                                \
            {RATE_BIT(RATE_SUBMIT), submit_s, 1000},                                               \
            {RATE_BIT(RATE_SUBMIT), submit_min, 60000},                                            \
            {RATE_ALL, all_s, 1000},                                                               \
            {RATE_ALL, all_min, 60000},                                                            \
        }                                                                                          \
    }

static const struct provider_tier tiers[] = {
    TIER("free", 1, 2, 5, 60),
    TIER("growth", 3, 10, 25, 300),
    TIER("scale", 5, 20, 50, 1000),
    TIER("pro", 10, 50, 100, 5000),
    TIER("enterprise", 20, 1000, 200, 10000),
    {.name = NULL},
};

/* --- what every reply has ------------------------------------------------------------------- */

struct envelope {
    struct json_value root;
    struct json_value data;
    struct json_value meta;
};

static struct envelope unwrap(struct json_value root)
{
    struct envelope v = {root, root, root};
    struct json_value inner;

    if (json_get(root, "data", &inner) && json_type(inner) == JSON_OBJECT)
        v.data = inner;
    if (json_get(root, "meta", &inner) && json_type(inner) == JSON_OBJECT)
        v.meta = inner;
    return v;
}

/* A count or an amount under the first of the names that any part of the reply has; -1 unknown. */
static int64_t amount(const struct envelope *v, const char *const *names)
{
    const struct json_value parts[] = {v->data, v->meta, v->root};
    int64_t value;

    for (; *names; names++)
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            if ((value = reply_amount(parts[i], *names)) >= 0)
                return value;
    return -1;
}

#define AMOUNT(v, ...) amount((v), (const char *const[]){__VA_ARGS__, NULL})

static int64_t total_items(const struct envelope *v)
{
    return AMOUNT(v, "totalItems", "totalEmails", "itemCount");
}

/* --- requests ------------------------------------------------------------------------------- */

static void balance_build(struct http_request *r)
{
    *r = (struct http_request){.method = HTTP_GET};
    snprintf(r->path, sizeof r->path, "/api/v3/wallets/balance");
}

static void submit_build(struct http_request *r, const char *product)
{
    *r = (struct http_request){.method = HTTP_POST, .has_body = true};
    snprintf(r->path, sizeof r->path, "/api/v3/%s/batch", product);
}

static void poll_build(struct http_request *r, const char *product, const char *id)
{
    *r = (struct http_request){.method = HTTP_GET};
    snprintf(r->path, sizeof r->path, "/api/v3/%s/batch/%s", product, id);
}

static void page_build(struct http_request *r, const char *product, const char *id, uint32_t page)
{
    *r = (struct http_request){.method = HTTP_GET};
    snprintf(r->path, sizeof r->path, "/api/v3/%s/batch/%s/results?page=%u&limit=%d", product, id,
             (unsigned)page, PAGE_ROWS);
}

static void list_end(struct body_writer *w)
{
    buf_append_text(w->out, "]}");
}

/* --- replies about a batch ------------------------------------------------------------------ */

static bool balance_parse(struct json_value root, struct balance_reply *out)
{
    struct envelope v = unwrap(root);
    double balance;

    *out = (struct balance_reply){.used_today = -1, .limit_today = -1};
    /* The schema says "number": of a broken credit nothing can be bought. */
    if (!json_get_double(v.data, "balance", &balance) || !(balance > -1e15 && balance < 1e15))
        return false;
    out->credits = balance > 0 ? (int64_t)balance : 0;
    return true;
}

/* The batch id is a text in the documents; a number would be one too. */
static bool batch_id(struct json_value data, char *id, size_t size)
{
    static const char *const names[] = {"batchId", "id", "jobId"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice text;
        int64_t number;
        if (reply_text(data, names[i], &text)) {
            if (!http_id_valid(text) || text.len >= size)
                return false;
            snprintf(id, size, "%.*s", SLICE_ARG(text));
            return true;
        }
        if (json_get_int(data, names[i], &number) && number >= 0) {
            snprintf(id, size, "%lld", (long long)number);
            return true;
        }
    }
    return false;
}

static int submit_parse(const struct operation *op, struct json_value root,
                        struct submit_reply *out, struct error *e)
{
    struct envelope v = unwrap(root);

    (void)op;
    *out = (struct submit_reply){.items = AMOUNT(&v, "itemCount", "totalItems", "totalEmails"),
                                 .reserved = AMOUNT(&v, "creditsReserved", "estimatedCredits"),
                                 .price = AMOUNT(&v, "creditsPerItem"),
                                 .balance = AMOUNT(&v, "creditsRemaining")};
    if (!batch_id(v.data, out->id, sizeof out->id))
        return error_set(e, ERR_DATA, "the reply to the submission names no batch");
    return 0;
}

static int poll_parse(const struct operation *op, struct json_value root, struct poll_reply *out,
                      struct error *e)
{
    struct envelope v = unwrap(root);
    struct slice status;

    (void)op;
    if (!reply_text(v.data, "status", &status))
        return error_set(e, ERR_DATA, "the reply gives no status of the batch");
    /* `progress` is for people: it is fractional, and 100 is not yet completed. */
    *out = (struct poll_reply){.phase = POLL_PENDING,
                               .total = total_items(&v),
                               .processed = AMOUNT(&v, "processedItems", "processedCount")};
    if (slice_eq_nocase(status, SLICE_LIT("completed")))
        out->phase = POLL_COMPLETED;
    else if (slice_eq_nocase(status, SLICE_LIT("failed")))
        out->phase = POLL_FAILED;
    /* Words the document does not have, but which can only mean an end. */
    else if (slice_eq_nocase(status, SLICE_LIT("cancelled")) ||
             slice_eq_nocase(status, SLICE_LIT("canceled")) ||
             slice_eq_nocase(status, SLICE_LIT("expired")))
        out->phase = POLL_FAILED;
    return 0;
}

/* "leads[17].firstName ...", "emails.3 must be ...", "body/leads/0/domain ...": validators name the
 * item by list and index. */
static int64_t bad_item(const struct problem *problem)
{
    static const char *const lists[] = {"leads", "emails"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char *at = strstr(problem->text, lists[i]);
        unsigned long long place;
        if (at == NULL)
            continue;
        at += strlen(lists[i]);
        if (*at != '[' && *at != '.' && *at != '/')
            continue;
        size_t digits = strspn(at + 1, "0123456789");
        if (slice_u64((struct slice){at + 1, digits}, &place) && place <= UINT32_MAX)
            return (int64_t)place;
    }
    return -1;
}

static enum reply_class classify(const struct http_reply *reply, bool paid,
                                 const struct json_value *root, const struct problem *problem)
{
    (void)problem; /* the status says it all; the problem is for people */
    return provider_classify(reply, paid, root != NULL);
}

/* --- rows of a result page ------------------------------------------------------------------ */

static struct slice catch_all_of(struct json_value row)
{
    struct slice flag = reply_flag(row, "isCatchAll");

    return flag.len > 0 ? flag : reply_flag(row, "catchAll");
}

static void answer_end(struct answer *a, enum outcome outcome, struct slice reason)
{
    a->outcome = outcome;
    a->credits = 0;
    a->reason = reply_cut(reason);
}

static void finder_row(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct slice email = SLICE_EMPTY;
    struct slice reason = SLICE_EMPTY;
    bool found = true;
    bool has_email = reply_text(row, "email", &email);

    reply_text(row, "firstName", &item->echo.value[FIELD_FIRST_NAME]);
    reply_text(row, "lastName", &item->echo.value[FIELD_LAST_NAME]);
    reply_text(row, "domain", &item->echo.value[FIELD_DOMAIN]);
    item->echoed = item->echo.value[FIELD_FIRST_NAME].len > 0 &&
                           item->echo.value[FIELD_LAST_NAME].len > 0 &&
                           item->echo.value[FIELD_DOMAIN].len > 0
                       ? FINDER_QUESTION
                       : 0;
    bool said = json_get_bool(row, "found", &found);

    if (has_email && found) {
        a->outcome = OUTCOME_FOUND;
        a->credits = FINDER_PRICE;
        a->value[FIELD_EMAIL] = email;
        a->value[FIELD_CONFIDENCE] = reply_scalar(m, row, "confidence");
        a->value[FIELD_EMAIL_CATCH_ALL] = catch_all_of(row);
        a->value[FIELD_COMPANY_DOMAIN] = item->echo.value[FIELD_DOMAIN];
        a->value[FIELD_FIRST_NAME] = item->echo.value[FIELD_FIRST_NAME];
        a->value[FIELD_LAST_NAME] = item->echo.value[FIELD_LAST_NAME];
        return;
    }
    if (reply_error(row, &reason)) {
        answer_end(a, OUTCOME_FAILED, reason);
    } else if (said && found) {
        answer_end(a, OUTCOME_FAILED, SLICE_LIT("the reply says found but gives no email"));
    } else {
        if (!reply_text(row, "message", &reason))
            reason = SLICE_LIT("no email found");
        answer_end(a, OUTCOME_NOT_FOUND, reason);
    }
}

/* `result` first: where a reply has both, `status` may be that of the work, not of the address. */
static bool verdict_of(struct json_value row, struct slice *word)
{
    return reply_text(row, "result", word) || reply_text(row, "status", word);
}

static void validation_row(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct slice word;
    struct slice reason = SLICE_EMPTY;

    if (reply_text(row, "email", &item->echo.value[FIELD_EMAIL]))
        item->echoed = FIELD_BIT(EMAIL);
    if (!verdict_of(row, &word)) {
        if (!reply_error(row, &reason))
            reason = SLICE_LIT("the reply gives no status");
        answer_end(a, OUTCOME_FAILED, reason);
        return;
    }
    struct slice status = reply_email_status(m, word);
    if (slice_eq(status, SLICE_LIT("error")) || slice_eq(status, SLICE_LIT("failed"))) {
        if (!reply_error(row, &reason) && !reply_text(row, "message", &reason))
            reason = SLICE_LIT("the vendor could not validate it");
        answer_end(a, OUTCOME_FAILED, reason);
        return;
    }
    a->outcome = OUTCOME_FOUND;
    a->credits = VALIDATION_PRICE;
    a->value[FIELD_EMAIL] = item->echo.value[FIELD_EMAIL];
    a->value[FIELD_EMAIL_STATUS] = status;
    reply_text(row, "subStatus", &a->value[FIELD_EMAIL_SUB_STATUS]);
    a->value[FIELD_EMAIL_FREE] = reply_flag(row, "freeEmail");
    a->value[FIELD_EMAIL_DISPOSABLE] = reply_flag(row, "disposable");
    a->value[FIELD_EMAIL_CATCH_ALL] = catch_all_of(row);
    a->value[FIELD_CONFIDENCE] = reply_scalar(m, row, "confidence");
}

typedef void row_fn(struct reply_memory *m, struct json_value row, struct page_item *item);

static int rows_parse(struct json_value results, row_fn *read_row, bool raw, struct reply_memory *m,
                      page_item_fn *fn, void *arg, struct page_reply *out, struct error *e)
{
    struct json_walk w;

    for (bool more = json_walk_begin(&w, results); more; more = json_walk_next(&w)) {
        struct page_item item = {.answer = {.outcome = OUTCOME_NONE}};
        read_row(m, w.value, &item);
        if (raw)
            item.answer.value[FIELD_RAW] = reply_print(m, w.value);
        if (m->failed)
            return error_set(e, ERR_INTERNAL, "no memory for a page of results");
        int rc = fn(arg, &item);
        if (rc != 0)
            return rc;
        out->rows++;
    }
    return 0;
}

/* The results of a batch that still runs may be a part of them; taken for the whole, the rest would
 * end as failed. */
static bool still_runs(struct slice status)
{
    return slice_eq_nocase(status, SLICE_LIT("queued")) ||
           slice_eq_nocase(status, SLICE_LIT("processing"));
}

static int page_parse(struct json_value root, row_fn *read_row, bool raw, struct arena *a,
                      page_item_fn *fn, void *arg, struct page_reply *out, struct error *e)
{
    struct envelope v = unwrap(root);
    struct reply_memory m;
    struct json_value results;
    struct slice status = SLICE_EMPTY;

    *out = (struct page_reply){.total = total_items(&v),
                               .used = AMOUNT(&v, "creditsUsed"),
                               .refunded = AMOUNT(&v, "creditsRefunded"),
                               .balance = AMOUNT(&v, "creditsRemaining")};
    reply_memory_init(&m, a);
    if (reply_text(v.data, "status", &status) && still_runs(status))
        return error_set(e, ERR_DATA, "the batch is %.*s: its results are not complete",
                         SLICE_ARG(status));
    if (json_get(v.data, "results", &results) && json_type(results) == JSON_ARRAY)
        return rows_parse(results, read_row, raw, &m, fn, arg, out, e);
    /* A failed batch may have none; reading the page has settled its credits all the same. */
    if (slice_eq_nocase(status, SLICE_LIT("failed")))
        return 0;
    return error_set(e, ERR_DATA, "the reply holds no results");
}

/* --- email-finder --------------------------------------------------------------------------- */

static const char *finder_check(const struct operation *op, struct record *r)
{
    (void)op;
    if (utf8_count(r->value[FIELD_FIRST_NAME]) > NAME_CHARACTERS_MAX)
        return "first_name is longer than 100 characters";
    if (utf8_count(r->value[FIELD_LAST_NAME]) > NAME_CHARACTERS_MAX)
        return "last_name is longer than 100 characters";
    if (r->value[FIELD_DOMAIN].len > DOMAIN_BYTES_MAX)
        return "domain is longer than 253 bytes";
    return NULL;
}

static void finder_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    submit_build(r, FINDER_PATH);
}

static void finder_begin(struct body_writer *w)
{
    buf_append_text(w->out, "{\"leads\":[");
}

static bool finder_item(struct body_writer *w, const struct record *r, field_set set)
{
    struct buf *out = w->out;
    bool first_member = true;

    (void)set;

    buf_append_text(out, w->items == 0 ? "{" : ",{");
    json_write_member_string(out, &first_member, "firstName", r->value[FIELD_FIRST_NAME]);
    json_write_member_string(out, &first_member, "lastName", r->value[FIELD_LAST_NAME]);
    json_write_member_string(out, &first_member, "domain", r->value[FIELD_DOMAIN]);
    buf_append_char(out, '}');
    return true;
}

static void finder_poll(const struct operation *op, struct http_request *r, const char *id)
{
    (void)op;
    poll_build(r, FINDER_PATH, id);
}

static void finder_page(const struct operation *op, struct http_request *r, const char *id,
                        uint32_t page)
{
    (void)op;
    page_build(r, FINDER_PATH, id, page);
}

static int finder_parse(const struct operation *op, struct json_value root, bool raw,
                        struct arena *a, page_item_fn *fn, void *arg, struct page_reply *out,
                        struct error *e)
{
    (void)op;
    return page_parse(root, finder_row, raw, a, fn, arg, out, e);
}

/* --- email-validation ----------------------------------------------------------------------- */

static void validation_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    submit_build(r, VALIDATION_PATH);
}

static void validation_begin(struct body_writer *w)
{
    buf_append_text(w->out, "{\"emails\":[");
}

static bool validation_item(struct body_writer *w, const struct record *r, field_set set)
{
    (void)set;
    if (w->items > 0)
        buf_append_char(w->out, ',');
    json_write_string(w->out, r->value[FIELD_EMAIL]);
    return true;
}

static void validation_poll(const struct operation *op, struct http_request *r, const char *id)
{
    (void)op;
    poll_build(r, VALIDATION_PATH, id);
}

static void validation_page(const struct operation *op, struct http_request *r, const char *id,
                            uint32_t page)
{
    (void)op;
    page_build(r, VALIDATION_PATH, id, page);
}

static int validation_parse(const struct operation *op, struct json_value root, bool raw,
                            struct arena *a, page_item_fn *fn, void *arg, struct page_reply *out,
                            struct error *e)
{
    (void)op;
    return page_parse(root, validation_row, raw, a, fn, arg, out, e);
}

/* --- descriptors ---------------------------------------------------------------------------- */

static const field_set finder_accepts[] = {FINDER_QUESTION, 0};
static const field_set validation_accepts[] = {FIELD_BIT(EMAIL), 0};

static const struct operation operations[] = {
    {
        .provider = &enrichso_provider,
        .name = "email-finder",
        .title = "work email address from name and company domain",
        .items_max = 500000,
        .price = FINDER_PRICE,
        .accepts = finder_accepts,
        .gives = FIELD_BIT(EMAIL) | FIELD_BIT(CONFIDENCE) | FIELD_BIT(EMAIL_CATCH_ALL) |
                 FIELD_BIT(COMPANY_DOMAIN) | FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME),
        .page_rows = PAGE_ROWS,
        .item_bytes_max = 1536,   /* two names of 100 characters, each six bytes when escaped */
        .answer_bytes_max = 2048, /* the same echoed, an address, a sentence */
        .poll_first_ms = 500,     /* small batches are done at once; the vendor advises 5-10 s */
        .poll_max_ms = 10000,
        .doubt_ms = 0, /* without a webhook nothing reaches a run by itself */
        .check = finder_check,
        .build_submit = finder_submit,
        .body_begin = finder_begin,
        .body_item = finder_item,
        .body_end = list_end,
        .build_poll = finder_poll,
        .build_page = finder_page,
        .parse_submit = submit_parse,
        .parse_poll = poll_parse,
        .parse_page = finder_parse,
        .bad_item = bad_item,
        .classify = classify,
    },
    {
        .provider = &enrichso_provider,
        .name = "email-validation",
        .title = "whether an email address is deliverable",
        .items_max = 500000,
        .price = VALIDATION_PRICE,
        .accepts = validation_accepts,
        .gives = FIELD_BIT(EMAIL) | FIELD_BIT(EMAIL_STATUS) | FIELD_BIT(EMAIL_SUB_STATUS) |
                 FIELD_BIT(EMAIL_FREE) | FIELD_BIT(EMAIL_DISPOSABLE) | FIELD_BIT(EMAIL_CATCH_ALL) |
                 FIELD_BIT(CONFIDENCE),
        .page_rows = PAGE_ROWS,
        .item_bytes_max = 1536, /* 254 bytes, each six when escaped */
        .answer_bytes_max = 2048,
        .poll_first_ms = 500,
        .poll_max_ms = 10000,
        .doubt_ms = 0, /* without a webhook nothing reaches a run by itself */
        .build_submit = validation_submit,
        .body_begin = validation_begin,
        .body_item = validation_item,
        .body_end = list_end,
        .build_poll = validation_poll,
        .build_page = validation_page,
        .parse_submit = submit_parse,
        .parse_poll = poll_parse,
        .parse_page = validation_parse,
        .bad_item = bad_item,
        .classify = classify,
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
    .build_balance = balance_build,
    .parse_balance = balance_parse,
};
