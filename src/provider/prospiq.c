/* Speaks the prospiq API, version 1: work email addresses and direct dials of people, by name and
 * company. After the vendor's document (prospiq.net/api-docs).
 *
 * A bulk request is answered when all its contacts are done, one after the other, and the reply
 * holds the results: it cannot be fetched again. Rows echo the question; one that does not counts
 * by its place.
 *
 * Known contradictions:
 * - NO_CREDITS is listed among the statuses of the single endpoint, and said to appear only in bulk
 *   replies. It is read in both.
 * - Whether a bulk request counts as one request or as one for each contact is not said: one. The
 *   balance tells how many of the day were counted.
 * - Counters start anew at midnight UTC; here the day is any 24 hours, which never asks for more.
 * - The document says where the single reply's `search_id` is needed, and does not show it there.
 *
 * Pure; any thread. */
#include <stdio.h>

#include "provider/provider.h"
#include "provider/reply.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

/* "Pricing". Both together are 11; only what was found is charged. */
#define EMAIL_PRICE 1
#define PHONE_PRICE 10

#define CHARACTERS_MIN 2   /* of first_name and company: "Must be 2+ characters" */
#define CHARACTERS_MAX 253 /* ours, so that a request has a size; a domain has no more */

#define DAY_MS 86400000

extern const struct provider prospiq_provider;

/* "Rate limits": per account, every request counts, the one for the balance too. */
static const struct provider_tier tiers[] = {
    {.name = "growth",
     .limits = {{RATE_ALL, 100, 60000}, {RATE_ALL, 500, DAY_MS}},
     .items_max = 50},
    {.name = "pro", .limits = {{RATE_ALL, 200, 60000}, {RATE_ALL, 1000, DAY_MS}}, .items_max = 100},
    {.name = NULL},
};

static const struct operation_option options[] = {
    {"type", "email|phone|both", "email", "what to find: email 1 credit, phone 10, both 11"},
    {"mode", "bulk|single", "bulk", "many contacts a request, or one"},
    {"webhook", "on|off", "off", "have the vendor report finished bulk requests to us as well"},
    {.name = NULL},
};

/* What is asked for. */
static bool wants(const struct operation *op, const char *type)
{
    const char *set = operation_set(op, "type");

    return strcmp(set, type) == 0 || strcmp(set, "both") == 0;
}

/* --- requests ------------------------------------------------------------------------------- */

static void balance_build(struct http_request *r)
{
    *r = (struct http_request){.method = HTTP_GET};
    snprintf(r->path, sizeof r->path, "/credits");
}

static void bulk_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    *r = (struct http_request){.method = HTTP_POST, .has_body = true};
    snprintf(r->path, sizeof r->path, "/enrich/bulk");
}

static void single_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    *r = (struct http_request){.method = HTTP_POST, .has_body = true};
    snprintf(r->path, sizeof r->path, "/enrich");
}

/* The vendor takes a name or a domain for the company; the domain leaves less to guess. */
static const char *check(const struct operation *op, struct record *r)
{
    static const struct {
        enum field field;
        size_t min;
        const char *few, *many;
    } rules[] = {
        {FIELD_FIRST_NAME, CHARACTERS_MIN, "first_name has only one character; two are needed",
         "first_name is longer than 253 characters"},
        {FIELD_LAST_NAME, 0, NULL, "last_name is longer than 253 characters"},
        {FIELD_COMPANY, CHARACTERS_MIN, "company has only one character; two are needed",
         "company is longer than 253 characters"},
    };

    (void)op;
    if (r->value[FIELD_DOMAIN].len > 0 && !r->problem[FIELD_DOMAIN]) {
        r->value[FIELD_COMPANY] = r->value[FIELD_DOMAIN];
        r->problem[FIELD_COMPANY] = NULL;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t characters = utf8_count(r->value[rules[i].field]);
        if (characters < rules[i].min)
            return rules[i].few;
        if (characters > CHARACTERS_MAX)
            return rules[i].many;
    }
    return NULL;
}

static void write_contact(struct buf *out, bool *first, const struct record *r)
{
    json_write_member_string(out, first, "first_name", r->value[FIELD_FIRST_NAME]);
    json_write_member_string(out, first, "last_name", r->value[FIELD_LAST_NAME]);
    json_write_member_string(out, first, "company", r->value[FIELD_COMPANY]);
}

static void bulk_begin(struct body_writer *w)
{
    bool first = true;

    buf_append_char(w->out, '{');
    json_write_member_string(w->out, &first, "type", slice_of(operation_set(w->operation, "type")));
    if (w->callback_url.len > 0)
        json_write_member_string(w->out, &first, "webhook_url", w->callback_url);
    json_write_key(w->out, &first, "contacts");
    buf_append_char(w->out, '[');
}

static bool bulk_item(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set; /* the company has been chosen by check */
    buf_append_text(w->out, w->items == 0 ? "{" : ",{");
    write_contact(w->out, &first, r);
    buf_append_char(w->out, '}');
    return true;
}

static void bulk_end(struct body_writer *w)
{
    buf_append_text(w->out, "]}");
}

static void single_begin(struct body_writer *w)
{
    buf_append_char(w->out, '{');
}

static bool single_item(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set;
    write_contact(w->out, &first, r);
    json_write_member_string(w->out, &first, "type", slice_of(operation_set(w->operation, "type")));
    return true;
}

static void single_end(struct body_writer *w)
{
    buf_append_char(w->out, '}');
}

/* --- replies about the account and the request ---------------------------------------------- */

static bool balance_parse(struct json_value root, struct balance_reply *out)
{
    struct slice plan = SLICE_EMPTY;

    *out = (struct balance_reply){.used_today = reply_amount(root, "daily_requests_used"),
                                  .limit_today = reply_amount(root, "daily_limit")};
    if (reply_text(root, "plan", &plan) && plan.len < sizeof out->plan)
        snprintf(out->plan, sizeof out->plan, "%.*s", SLICE_ARG(plan));
    return reply_balance(root, "credits", &out->credits);
}

static int64_t bad_item(const struct problem *problem)
{
    return reply_item_place(problem->text, "contacts");
}

/* 402 out of credits; 403 the plan, or an address that is not on the key's list; 422 a contact that
 * is not valid, or more of them than the plan has: as everywhere. */
static enum reply_class classify(const struct http_reply *reply, bool paid,
                                 const struct json_value *root, const struct problem *problem)
{
    (void)problem;
    return provider_classify(reply, paid, root != NULL);
}

/* --- contacts ------------------------------------------------------------------------------- */

static void answer_end(struct answer *a, enum outcome outcome, struct slice reason)
{
    a->outcome = outcome;
    a->credits = 0;
    a->reason = reply_cut(reason);
}

static void add_phone(struct reply_memory *m, struct json_value phone, struct reply_contacts *c)
{
    struct slice number = SLICE_EMPTY, type = SLICE_EMPTY;

    if (json_type(phone) == JSON_OBJECT) {
        number = reply_scalar(m, phone, "number");
        reply_text(phone, "type", &type);
    } else if (json_string(phone, &number)) {
        number = utf8_trim(number);
    }
    reply_add_phone(c, reply_phone(m, number, false), reply_lower(m, type));
}

/* `phone` is an array of {number, type}, or null; one that is no array is taken as its element. */
static void add_phones(struct reply_memory *m, struct json_value row, struct reply_contacts *c)
{
    struct json_value phone;
    struct json_walk w;

    if (!json_get(row, "phone", &phone))
        return;
    if (json_type(phone) != JSON_ARRAY) {
        add_phone(m, phone, c);
        return;
    }
    for (bool more = json_walk_begin(&w, phone); more; more = json_walk_next(&w))
        add_phone(m, w.value, c);
}

/* What a row has of all that it may have; the status of its address is "valid" where the vendor
 * says VERIFIED ("verified deliverable"), else the vendor's word. */
static struct reply_contacts contacts_of(struct reply_memory *m, const struct operation *op,
                                         struct json_value row, struct slice status)
{
    struct reply_contacts c = {.emails = 0};
    struct slice email;
    bool verified = slice_eq_nocase(status, SLICE_LIT("VERIFIED"));

    if (wants(op, "email") && reply_email(row, "email", &email))
        reply_add_email(&c, email, verified ? SLICE_LIT("valid") : reply_email_status(m, status),
                        SLICE_LIT("work"));
    if (wants(op, "phone"))
        add_phones(m, row, &c);
    return c;
}

static struct slice unknown_status(struct reply_memory *m, struct slice status)
{
    char text[REPLY_REASON_MAX];

    if (status.len == 0)
        return SLICE_LIT("the reply gives no status");
    int len = snprintf(text, sizeof text, "the reply gives the unknown status '%.*s'",
                       status.len > 64 ? 64 : (int)status.len, status.data);
    struct slice copy = arena_copy(m->arena, (struct slice){text, (size_t)len});
    m->failed = m->failed || !copy.data;
    return copy;
}

static struct slice miss(const struct operation *op)
{
    if (!wants(op, "phone"))
        return SLICE_LIT("no verified email found");
    if (!wants(op, "email"))
        return SLICE_LIT("no verified phone found");
    return SLICE_LIT("neither a verified email nor a verified phone found");
}

static void row_outcome(struct reply_memory *m, const struct operation *op, struct json_value row,
                        struct answer *a)
{
    struct slice status = SLICE_EMPTY, reason;

    reply_text(row, "status", &status);
    if (slice_eq_nocase(status, SLICE_LIT("NO_CREDITS"))) {
        answer_end(a, OUTCOME_NO_CREDITS, SLICE_LIT("credits ran out before this contact"));
        return;
    }
    if (slice_eq_nocase(status, SLICE_LIT("NOT_FOUND"))) {
        answer_end(a, OUTCOME_NOT_FOUND, reply_text(row, "message", &reason) ? reason : miss(op));
        return;
    }
    struct reply_contacts c = contacts_of(m, op, row, status);
    if (c.emails + c.phones > 0) {
        a->outcome = OUTCOME_FOUND;
        a->credits = (c.emails > 0 ? EMAIL_PRICE : 0) + (c.phones > 0 ? PHONE_PRICE : 0);
        reply_put_contacts(m, &c, a);
        a->value[FIELD_CONFIDENCE] = reply_confidence(m, row, "confidence", 100);
        return;
    }
    if (!reply_error(row, &reason))
        reason = slice_eq_nocase(status, SLICE_LIT("VERIFIED"))
                     ? SLICE_LIT("the reply says VERIFIED but gives nothing that was asked for")
                     : unknown_status(m, status);
    answer_end(a, OUTCOME_FAILED, reason);
}

/* sandbox: the reply as a whole is said to be one of the sandbox. */
static void read_row(struct reply_memory *m, const struct operation *op, struct json_value row,
                     bool sandbox, struct page_item *item)
{
    struct answer *a = &item->answer;
    bool is = false;

    row_outcome(m, op, row, a);
    reply_text(row, "job_title", &a->value[FIELD_JOB_TITLE]);
    reply_text(row, "company_domain", &a->value[FIELD_COMPANY_DOMAIN]);
    reply_text(row, "search_id", &a->value[FIELD_VENDOR_ID]);
    int64_t said = reply_amount(row, "credits_used");
    if (said >= 0)
        a->credits = said;
    /* Mock data, for which nothing is charged. */
    if (sandbox || (json_get_bool(row, "_sandbox", &is) && is)) {
        a->value[FIELD_SANDBOX] = SLICE_LIT("true");
        a->credits = 0;
    }
}

#define QUESTION (FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(COMPANY))

static void read_echo(struct json_value row, struct page_item *item)
{
    bool first = reply_text(row, "first_name", &item->echo.value[FIELD_FIRST_NAME]);
    bool last = reply_text(row, "last_name", &item->echo.value[FIELD_LAST_NAME]);
    bool company = reply_text(row, "company", &item->echo.value[FIELD_COMPANY]);

    item->echoed = first && last && company ? QUESTION : 0;
}

static bool is_sandbox(struct json_value root)
{
    bool is = false;

    return json_get_bool(root, "_sandbox", &is) && is;
}

static struct page_reply totals(struct json_value root)
{
    return (struct page_reply){.total = reply_amount(root, "total"),
                               .used = is_sandbox(root) ? 0 : reply_amount(root, "credits_used"),
                               .refunded = -1,
                               .balance = reply_amount(root, "credits_remaining")};
}

/* The reply's own status is "completed" whatever became of its contacts. */
static int bulk_parse(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                      page_item_fn *fn, void *arg, struct page_reply *out, struct error *e)
{
    struct reply_memory m;
    struct json_value results;
    struct json_walk w;

    *out = totals(root);
    reply_memory_init(&m, a);
    if (!json_get(root, "results", &results) || json_type(results) != JSON_ARRAY)
        return error_set(e, ERR_DATA, "the reply holds no results");
    for (bool more = json_walk_begin(&w, results); more; more = json_walk_next(&w)) {
        struct page_item item = {.echoed = 0};
        read_echo(w.value, &item);
        read_row(&m, op, w.value, is_sandbox(root), &item);
        int rc = reply_give(&m, w.value, raw, &item, fn, arg, out, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int single_parse(const struct operation *op, struct json_value root, bool raw,
                        struct arena *a, page_item_fn *fn, void *arg, struct page_reply *out,
                        struct error *e)
{
    struct reply_memory m;
    struct page_item item = {.echoed = 0};
    struct slice text;

    *out = totals(root);
    reply_memory_init(&m, a);
    if (!reply_text(root, "status", &text) && !reply_email(root, "email", &text) &&
        !reply_error(root, &text))
        return error_set(e, ERR_DATA, "the reply gives no status");
    read_row(&m, op, root, false, &item);
    return reply_give(&m, root, raw, &item, fn, arg, out, e);
}

/* {event, data, timestamp}. bulk.completed has totals, contact.verified a contact, but neither says
 * of which request it is: they are kept as evidence, and the reply remains what counts. */
static int callback_parse(const struct operation *op, struct json_value root, bool raw,
                          struct arena *a, page_item_fn *fn, void *arg, struct callback_reply *out,
                          struct error *e)
{
    struct json_value data = root;
    struct slice event;
    bool test = false;

    (void)op, (void)raw, (void)a, (void)fn, (void)arg;
    if (!reply_text(root, "event", &event))
        return error_set(e, ERR_DATA, "the callback names no event");
    *out = (struct callback_reply){.kind = CALLBACK_EVENT};
    json_get(root, "data", &data);
    out->page = totals(data);
    if (json_get_bool(root, "_test", &test) && test)
        out->kind = CALLBACK_TEST;
    return 0;
}

/* --- descriptors ---------------------------------------------------------------------------- */

#define EMAIL_FIELDS                                                                               \
    (FIELD_BIT(EMAIL) | FIELD_BIT(EMAIL_STATUS) | FIELD_BIT(EMAIL_TYPE) | FIELD_BIT(EMAILS))
#define PHONE_FIELDS (FIELD_BIT(PHONE) | FIELD_BIT(PHONE_TYPE) | FIELD_BIT(PHONES))
#define OTHER_FIELDS                                                                               \
    (FIELD_BIT(JOB_TITLE) | FIELD_BIT(COMPANY_DOMAIN) | FIELD_BIT(CONFIDENCE) |                    \
     FIELD_BIT(VENDOR_ID) | FIELD_BIT(SANDBOX))

static const field_set accepts[] = {
    FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(DOMAIN),
    QUESTION,
    0,
};

static int configure(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    bool single = strcmp(operation_set(op, "mode"), "single") == 0;
    bool webhook = strcmp(operation_set(op, "webhook"), "on") == 0;

    (void)tier; /* its items_max is applied already */
    if (single && webhook)
        return error_set(e, ERR_USAGE,
                         "--set: webhook=on is of bulk requests; leave out mode=single");
    op->price = (wants(op, "email") ? EMAIL_PRICE : 0) + (wants(op, "phone") ? PHONE_PRICE : 0);
    op->gives = OTHER_FIELDS | (wants(op, "email") ? EMAIL_FIELDS : 0) |
                (wants(op, "phone") ? PHONE_FIELDS : 0);
    if (single) {
        op->items_max = 1;
        op->build_submit = single_submit;
        op->body_begin = single_begin;
        op->body_item = single_item;
        op->body_end = single_end;
        op->parse_page = single_parse;
    }
    op->page_rows = op->items_max;
    if (webhook) {
        op->calls_back = op->calls_asked = true;
        op->parse_callback = callback_parse;
        op->doubt_ms = 600000; /* "within seconds", and tried again with pauses of unknown length */
    }
    return 0;
}

static const struct operation operations[] = {
    {
        .provider = &prospiq_provider,
        .name = "enrich",
        .title = "verified work email, direct dial, or both from name and company",
        .delivery = DELIVERY_REPLY,
        .items_max = 100, /* of the larger plan */
        .price = EMAIL_PRICE,
        .accepts = accepts,
        .identity = QUESTION,
        .gives = OTHER_FIELDS | EMAIL_FIELDS,
        .page_rows = 100,
        .item_bytes_max = 5120,   /* three texts of 253 characters, six bytes each when escaped */
        .answer_bytes_max = 8192, /* the same echoed, an address, a title, numbers */
        .doubt_ms = 0,            /* without a webhook nothing reaches a run by itself */
        .options = options,
        .configure = configure,
        .check = check,
        .build_submit = bulk_submit,
        .body_begin = bulk_begin,
        .body_item = bulk_item,
        .body_end = bulk_end,
        .parse_page = bulk_parse,
        .bad_item = bad_item,
        .classify = classify,
    },
    {.name = NULL},
};

const struct provider prospiq_provider = {
    .name = "prospiq",
    .title = "prospiq",
    .doc = "https://prospiq.net/api-docs",
    .base_url = "https://prospiq.net/api/v1",
    .key_env = "PROSPIQ_API_KEY",
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .tiers = tiers,
    .operations = operations,
    /* Contacts of a request are worked on one after the other: only requests side by side use up a
     * minute's 100 or 200. */
    .live_max = 16,
    .reads_max = 1,
    .build_balance = balance_build,
    .parse_balance = balance_parse,
    .proof = PROOF_HMAC_SHA256,
    .proof_header = "X-ProspIQ-Signature",
    .secret_env = "PROSPIQ_WEBHOOK_SECRET",
    .test_header = "X-ProspIQ-Test",
};
