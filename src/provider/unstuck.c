/* Speaks the Unstuck Engine API: contact channels of people (by what is known of them, or by name
 * and company) and firmographics of companies. After the vendor's page
 * (unstuckengine.com/help/using-the-enrichment-api), which its own banner calls never reviewed.
 *
 * Every reply holds its results and cannot be fetched again (unstuck_reply.c).
 *
 * What the page does not say, and what is assumed:
 * - The address of the API: none is assumed, it must be given.
 * - Prices. Examples on the vendor's billing page are work email 1 to 3 and phone 2 to 5. The upper
 *   ends are taken, 3 for the other channels, twice as much for a discovery ("costs more credits per
 *   success"), and 5 for an account. --price overrides them; the vendor's credits_used rules.
 * - Errors: no bodies and no statuses are documented; those that HTTP has are taken at their word.
 *
 * Pure; any thread. */
#include <stdio.h>

#include "provider/reply.h"
#include "provider/unstuck.h"
#include "record/normalise.h"
#include "wire/json_write.h"

#define NAME_BYTES_MAX 512 /* ours, so that a request has a size */

#define MINUTE_MS 60000
#define DAY_MS    86400000

extern const struct provider unstuck_provider;

/* "Rate limits", per workspace: 10,000 requests a day of any kind; the others are of endpoints. */
static const struct provider_tier tiers[] = {
    {.name = "workspace", .limits = {{RATE_ALL, 10000, DAY_MS}}},
    {.name = NULL},
};
#define BULK_PER_MINUTE 20
/* Of the single-record endpoint; discovery and accounts are taken to share it. */
#define SINGLES_PER_MINUTE 100

#define EMAIL_FIELDS                                                                               \
    (FIELD_BIT(EMAIL) | FIELD_BIT(EMAIL_STATUS) | FIELD_BIT(EMAIL_TYPE) | FIELD_BIT(EMAILS))
#define PHONE_FIELDS (FIELD_BIT(PHONE) | FIELD_BIT(PHONES))

const struct unstuck_channel unstuck_channels[UNSTUCK_CHANNELS] = {
    {"work_email", 3, EMAIL_FIELDS, "work"},
    {"personal_email", 3, EMAIL_FIELDS, "personal"},
    {"phone", 5, PHONE_FIELDS, NULL},
    {"linkedin_url", 3, FIELD_BIT(LINKEDIN_URL), NULL},
};
#define ALL_CHANNELS "work_email,personal_email,phone,linkedin_url"
#define ALL_PRICE    (3 + 3 + 5 + 3)

static const struct operation_option options[] = {
    {"channels", "work_email|personal_email|phone|linkedin_url,", ALL_CHANNELS, "what to find"},
    {"mode", "bulk|single", "bulk", "many records a request, or one, which can be asked again"},
    {"force", "true|false", "false",
     "ask and pay again for what the vendor has in its cache; one record a request"},
    {.name = NULL},
};

bool unstuck_asked(const struct operation *op, const struct unstuck_channel *c)
{
    return !op->options || operation_chosen(operation_set(op, "channels"), c->name);
}

/* --- requests ------------------------------------------------------------------------------- */

static void post(struct http_request *r, const char *path)
{
    *r = (struct http_request){.method = HTTP_POST, .has_body = true};
    snprintf(r->path, sizeof r->path, "%s", path);
}

static void bulk_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    post(r, "/enrichment/bulk");
}

static void single_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    post(r, "/enrichment");
}

static void discover_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    post(r, "/enrichment/discover");
}

static void account_submit(const struct operation *op, struct http_request *r)
{
    (void)op;
    post(r, "/enrichment/account");
}

static void object_begin(struct body_writer *w)
{
    buf_append_char(w->out, '{');
}

static void object_end(struct body_writer *w)
{
    buf_append_char(w->out, '}');
}

bool unstuck_repeats(struct slice email, struct slice domain)
{
    return domain.len > 0 && email.len > domain.len &&
           email.data[email.len - domain.len - 1] == '@' &&
           slice_eq_nocase((struct slice){email.data + email.len - domain.len, domain.len}, domain);
}

/* All hints that are known are sent; one that cannot be used is none. A domain that only repeats
 * the address's is none either: the vendor has it already. */
static const char *enrich_check(const struct operation *op, struct record *r)
{
    static const enum field hints[] = {FIELD_EMAIL, FIELD_LINKEDIN_URL, FIELD_DOMAIN};
    struct slice *email = &r->value[FIELD_EMAIL], *page = &r->value[FIELD_LINKEDIN_URL];
    struct slice *domain = &r->value[FIELD_DOMAIN];

    (void)op;
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (r->problem[hints[i]])
            r->value[hints[i]] = SLICE_EMPTY;
        r->problem[hints[i]] = NULL;
    }
    if (page->len > 0 && !normalise_is_profile(*page))
        *page = SLICE_EMPTY;
    if (email->len == 0 && page->len == 0)
        return "linkedin_url is not a person's page";
    if (unstuck_repeats(*email, *domain))
        *domain = SLICE_EMPTY;
    return NULL;
}

static void write_hints(struct buf *out, bool *first, const struct record *r)
{
    static const struct {
        const char *name;
        enum field field;
    } hints[] = {
        {"email", FIELD_EMAIL},
        {"linkedin_url", FIELD_LINKEDIN_URL},
        {"company_domain", FIELD_DOMAIN},
    };

    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (r->value[hints[i].field].len > 0)
            json_write_member_string(out, first, hints[i].name, r->value[hints[i].field]);
}

static void write_channels(struct buf *out, bool *first, const struct operation *op)
{
    bool none = true;

    json_write_key(out, first, "channels");
    for (size_t i = 0; i < UNSTUCK_CHANNELS; i++) {
        if (!unstuck_asked(op, &unstuck_channels[i]))
            continue;
        buf_append_char(out, none ? '[' : ',');
        json_write_string(out, slice_of(unstuck_channels[i].name));
        none = false;
    }
    buf_append_char(out, ']');
}

static void bulk_begin(struct body_writer *w)
{
    buf_append_text(w->out, "{\"records\":[");
}

static bool bulk_item(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set; /* the record is asked by all that is known of it */
    buf_append_text(w->out, w->items == 0 ? "{" : ",{");
    write_hints(w->out, &first, r);
    buf_append_char(w->out, '}');
    return true;
}

static void bulk_end(struct body_writer *w)
{
    bool first = false;

    buf_append_char(w->out, ']');
    write_channels(w->out, &first, w->operation);
    buf_append_char(w->out, '}');
}

static bool single_item(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set;
    write_hints(w->out, &first, r);
    write_channels(w->out, &first, w->operation);
    if (strcmp(operation_set(w->operation, "force"), "true") == 0)
        json_write_member_bool(w->out, &first, "force", true);
    return true;
}

static bool discover_item(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set;
    json_write_member_string(w->out, &first, "first_name", r->value[FIELD_FIRST_NAME]);
    json_write_member_string(w->out, &first, "last_name", r->value[FIELD_LAST_NAME]);
    json_write_member_string(w->out, &first, "company_domain", r->value[FIELD_DOMAIN]);
    return true;
}

static const char *discover_check(const struct operation *op, struct record *r)
{
    (void)op;
    if (r->value[FIELD_FIRST_NAME].len > NAME_BYTES_MAX)
        return "first_name is longer than 512 bytes";
    if (r->value[FIELD_LAST_NAME].len > NAME_BYTES_MAX)
        return "last_name is longer than 512 bytes";
    return NULL;
}

static bool account_item(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set;
    json_write_member_string(w->out, &first, "domain", r->value[FIELD_DOMAIN]);
    return true;
}

/* --- errors --------------------------------------------------------------------------------- */

static int64_t bad_item(const struct problem *problem)
{
    return reply_item_place(problem->text, "records");
}

static enum reply_class classify(const struct http_reply *reply, bool paid,
                                 const struct json_value *root, const struct problem *problem)
{
    (void)problem;
    return provider_classify(reply, paid, root != NULL);
}

/* --- descriptors ---------------------------------------------------------------------------- */

static const field_set enrich_accepts[] = {FIELD_BIT(EMAIL), FIELD_BIT(LINKEDIN_URL), 0};
static const field_set discover_accepts[] = {
    FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(DOMAIN), 0};
static const field_set account_accepts[] = {FIELD_BIT(DOMAIN), 0};

#define PERSON_FIELDS (FIELD_BIT(CONFIDENCE) | FIELD_BIT(CHANNELS) | FIELD_BIT(VENDOR_ID))

static int enrich_configure(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    bool force = strcmp(operation_set(op, "force"), "true") == 0;

    (void)tier, (void)e;
    op->price = 0;
    op->gives = PERSON_FIELDS;
    for (size_t i = 0; i < UNSTUCK_CHANNELS; i++) {
        op->price += unstuck_asked(op, &unstuck_channels[i]) ? unstuck_channels[i].price : 0;
        op->gives |= unstuck_asked(op, &unstuck_channels[i]) ? unstuck_channels[i].gives : 0;
    }
    /* Only the single endpoint knows force. */
    if (force || strcmp(operation_set(op, "mode"), "single") == 0) {
        op->items_max = 1;
        op->page_rows = 1;
        op->limits[0].count = SINGLES_PER_MINUTE;
        op->live_max = 0;
        op->build_submit = single_submit;
        op->body_begin = object_begin;
        op->body_item = single_item;
        op->body_end = object_end;
        op->parse_page = unstuck_parse_single;
    }
    return 0;
}

static const struct operation operations[] = {
    {
        .provider = &unstuck_provider,
        .name = "enrich",
        .title = "emails, phone and LinkedIn page of a person, from an email or LinkedIn page",
        .delivery = DELIVERY_REPLY,
        .items_max = 100, /* "Bulk enrichment" */
        .limits = {{RATE_BIT(RATE_SUBMIT), BULK_PER_MINUTE, MINUTE_MS}},
        .price = ALL_PRICE,
        .accepts = enrich_accepts,
        .gives = PERSON_FIELDS | EMAIL_FIELDS | PHONE_FIELDS | FIELD_BIT(LINKEDIN_URL),
        .page_rows = 100,
        .item_bytes_max = 9216,   /* 254, 1,000 and 253 bytes, each six when escaped */
        .answer_bytes_max = 8192, /* the same echoed, four channels */
        .doubt_ms = 0,            /* nothing reaches a run by itself */
        .live_max = 20,           /* a minute's requests */
        .options = options,
        .configure = enrich_configure,
        .check = enrich_check,
        .build_submit = bulk_submit,
        .body_begin = bulk_begin,
        .body_item = bulk_item,
        .body_end = bulk_end,
        .parse_page = unstuck_parse_bulk,
        .bad_item = bad_item,
        .classify = classify,
    },
    {
        .provider = &unstuck_provider,
        .name = "discover",
        .title = "emails, phone and LinkedIn page of a person, from name and company domain",
        .delivery = DELIVERY_REPLY,
        .items_max = 1,
        .limits = {{RATE_BIT(RATE_SUBMIT), SINGLES_PER_MINUTE, MINUTE_MS}},
        .price = ALL_PRICE * UNSTUCK_DISCOVER_FACTOR,
        .accepts = discover_accepts,
        .gives = PERSON_FIELDS | EMAIL_FIELDS | PHONE_FIELDS | FIELD_BIT(LINKEDIN_URL),
        .page_rows = 1,
        .item_bytes_max = 8192, /* two names of 512 bytes and a domain, each six when escaped */
        .answer_bytes_max = 8192,
        .doubt_ms = 0,
        .check = discover_check,
        .build_submit = discover_submit,
        .body_begin = object_begin,
        .body_item = discover_item,
        .body_end = object_end,
        .parse_page = unstuck_parse_discover,
        .classify = classify,
    },
    {
        .provider = &unstuck_provider,
        .name = "account",
        .title = "firmographics of a company, from its domain",
        .delivery = DELIVERY_REPLY,
        .items_max = 1,
        .limits = {{RATE_BIT(RATE_SUBMIT), SINGLES_PER_MINUTE, MINUTE_MS}},
        .price = UNSTUCK_ACCOUNT_PRICE,
        .accepts = account_accepts,
        .gives = FIELD_BIT(INDUSTRY) | FIELD_BIT(EMPLOYEE_COUNT) | FIELD_BIT(REVENUE_BAND) |
                 FIELD_BIT(FOUNDED_YEAR) | FIELD_BIT(HQ_COUNTRY) | FIELD_BIT(HQ_CITY) |
                 FIELD_BIT(TECH_STACK) | FIELD_BIT(FUNDING_STAGE) | FIELD_BIT(LAST_FUNDING_DATE) |
                 FIELD_BIT(TOTAL_RAISED_USD) | FIELD_BIT(ACCOUNT_FIELDS) | FIELD_BIT(VENDOR_ID),
        .page_rows = 1,
        .item_bytes_max = 2048, /* 253 bytes, each six when escaped */
        .answer_bytes_max = 16384,
        .doubt_ms = 0,
        .build_submit = account_submit,
        .body_begin = object_begin,
        .body_item = account_item,
        .body_end = object_end,
        .parse_page = unstuck_parse_account,
        .classify = classify,
    },
    {.name = NULL},
};

/* No balance: the vendor has none to ask for. A workspace may be set to buy credits by itself, or to
 * wait for them, when they run out. */
const struct provider unstuck_provider = {
    .name = "unstuck",
    .title = "Unstuck Engine",
    .doc = "https://unstuckengine.com/help/using-the-enrichment-api",
    .key_env = "UNSTUCK_API_KEY",
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .tiers = tiers,
    .operations = operations,
    .live_max = 64,
    .reads_max = 1,
};
