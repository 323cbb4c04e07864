/* Speaks the Zeliq API: the email or the phone number of one person at a time.
 *
 * A request is accepted with 202; the result comes once, to the address that the request named, and
 * cannot be fetched. Neither callback carries the id of the reply: what tells whose it is, is the
 * token in its address.
 *
 * 1. The first form of a question that a record can be asked in is sent, and nothing else of it:
 *    the vendor's own tools refuse a LinkedIn address and a name together.
 * 2. Whether something was found is told by the values alone: credit_used is 0 for all where emails
 *    cost nothing. It may be a number or a text with one; misses may hold nulls and empty lists.
 * 3. An accepted request without an id is one nevertheless.
 * 4. An address that the vendor calls invalid is listed, and is the answer only where there is no
 *    other.
 *
 * Known contradictions: public clients use https://api.zeliq.com/api, the vendor's help page the
 * address below; --base-url decides. Statuses beside the documented valid, catch-all, invalid and
 * unknown ("safe to send", "risky") have been seen: any word is kept.
 *
 * Pure; any thread. */
#include <stdio.h>
#include <string.h>

#include "provider/provider.h"
#include "provider/reply.h"
#include "record/normalise.h"
#include "wire/json_write.h"

/* Help page "Available endpoints": for each enrichment, refunded where nothing is found. */
#define PRICE_EMAIL 1 /* none on the plans advanced and enterprise */
#define PRICE_PHONE 10

/* "Most enrichments complete within a few seconds to a few minutes. In rare cases, it can take
 * longer": nothing is expected after half an hour, nor of a request whose reply was lost. */
#define DEADLINE_MS 1800000

/* Requests that wait for their callback, all of one organisation. */
#define LIVE_MAX 4096

/* No limit is documented; a name or company beyond this is none. Bounds a request. */
#define NAME_BYTES_MAX 256

extern const struct provider zeliq_provider;

/* "Rate limits": per organisation; that of the balance is exempt, and there is no other read. */
#define LIMITS(minute, hour, day)                                                                  \
    {                                                                                              \
        {RATE_BIT(RATE_SUBMIT), minute, 60000}, {RATE_BIT(RATE_SUBMIT), hour, 3600000},            \
            {RATE_BIT(RATE_SUBMIT), day, 86400000},                                                \
    }

static const struct provider_tier tiers[] = {
    {.name = "free", .limits = LIMITS(50, 200, 600)},
    {.name = "starter", .limits = LIMITS(200, 400, 2000)},
    {.name = "essential", .limits = LIMITS(600, 2000, 6000)},
    {.name = "advanced", .limits = LIMITS(600, 2000, 6000)},
    {.name = "enterprise", .limits = LIMITS(600, 2000, 6000)},
    {.name = NULL},
};

static unsigned limits_parse(struct json_value root, struct rate_limit limits[RATE_LIMITS_MAX])
{
    static const struct {
        const char *name;
        int64_t per_ms;
    } windows[] = {{"perMinute", 60000}, {"perHour", 3600000}, {"perDay", 86400000}};
    struct json_value said;
    unsigned count = 0;
    int64_t most;

    if (!json_get(root, "limits", &said))
        return 0;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        if (json_get_int(said, windows[i].name, &most) && most > 0 && most <= UINT32_MAX)
            limits[count++] =
                (struct rate_limit){RATE_BIT(RATE_SUBMIT), (uint32_t)most, windows[i].per_ms};
    return count;
}

/* --- requests ------------------------------------------------------------------------------- */

static int email_configure(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    (void)e;
    if (strcmp(tier->name, "advanced") == 0 || strcmp(tier->name, "enterprise") == 0)
        op->price = 0;
    return 0;
}

static bool usable(const struct record *r, enum field f)
{
    return r->value[f].len > 0 && !r->problem[f];
}

static const char *phone_check(const struct operation *op, struct record *r)
{
    (void)op;
    if (usable(r, FIELD_LINKEDIN_URL) && !normalise_is_profile(r->value[FIELD_LINKEDIN_URL]))
        return "linkedin_url is not that of a person";
    return NULL;
}

static const char *email_check(const struct operation *op, struct record *r)
{
    if (usable(r, FIELD_LINKEDIN_URL))
        return phone_check(op, r);
    if (r->value[FIELD_FIRST_NAME].len > NAME_BYTES_MAX)
        return "first_name is longer than 256 bytes";
    if (r->value[FIELD_LAST_NAME].len > NAME_BYTES_MAX)
        return "last_name is longer than 256 bytes";
    if (!usable(r, FIELD_DOMAIN) && r->value[FIELD_COMPANY].len > NAME_BYTES_MAX)
        return "company is longer than 256 bytes";
    return NULL;
}

static void submit_build(const struct operation *op, struct http_request *r)
{
    *r = (struct http_request){.method = HTTP_POST, .has_body = true};
    snprintf(r->path, sizeof r->path, "/contact/enrich/%s", op->name);
}

static void balance_build(struct http_request *r)
{
    *r = (struct http_request){.method = HTTP_GET};
    snprintf(r->path, sizeof r->path, "/credits/balance");
}

static void body_begin(struct body_writer *w)
{
    buf_append_char(w->out, '{');
}

static bool body_item(struct body_writer *w, const struct record *r, field_set set)
{
    static const enum field inputs[] = {FIELD_LINKEDIN_URL, FIELD_EMAIL,  FIELD_FIRST_NAME,
                                        FIELD_LAST_NAME,    FIELD_DOMAIN, FIELD_COMPANY};
    bool first = true;

    /* The vendor's names are ours. */
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        if (set >> inputs[i] & 1)
            json_write_member_string(w->out, &first, field_name(inputs[i]), r->value[inputs[i]]);
    return true;
}

static void body_end(struct body_writer *w)
{
    bool first = false;

    json_write_member_string(w->out, &first, "callbackUrl", w->callback_url);
    buf_append_char(w->out, '}');
}

/* --- replies -------------------------------------------------------------------------------- */

static int submit_parse(const struct operation *op, struct json_value root,
                        struct submit_reply *out, struct error *e)
{
    (void)op;
    (void)e;
    *out = (struct submit_reply){.items = 1, .reserved = -1, .price = -1, .balance = -1};
    if (!reply_id(root, "jobId", out->id))
        out->id[0] = '\0';
    return 0;
}

static bool balance_parse(struct json_value root, struct balance_reply *out)
{
    *out = (struct balance_reply){.used_today = -1, .limit_today = -1};
    return reply_balance(root, "credit_balance", &out->credits);
}

static enum reply_class classify(const struct http_reply *reply, bool paid,
                                 const struct json_value *root, const struct problem *problem)
{
    (void)problem; /* the status says it all; the problem is for people */
    return provider_classify(reply, paid, root != NULL);
}

/* --- callbacks ------------------------------------------------------------------------------ */

static void add_email(struct reply_memory *m, struct json_value object, const char *email_key,
                      const char *status_key, struct reply_contacts *c)
{
    struct slice email, status = SLICE_EMPTY;

    if (!reply_email(object, email_key, &email))
        return;
    reply_text(object, status_key, &status);
    reply_add_email(c, email, reply_email_status(m, status), SLICE_EMPTY);
}

static void read_emails(struct reply_memory *m, struct json_value contact, struct reply_contacts *c)
{
    struct json_value list;
    struct json_walk w;

    add_email(m, contact, "most_probable_email", "most_probable_email_status", c);
    if (json_get(contact, "emails", &list))
        for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w))
            add_email(m, w.value, "email", "status", c);
    reply_best_email(c);
}

static void add_phone(struct reply_memory *m, struct json_value object, const char *key,
                      struct reply_contacts *c)
{
    reply_add_phone(c, reply_phone(m, reply_scalar(m, object, key), false), SLICE_EMPTY);
}

static void read_phones(struct reply_memory *m, struct json_value contact, struct reply_contacts *c)
{
    struct json_value list;
    struct json_walk w;

    add_phone(m, contact, "most_probable_phone", c);
    if (json_get(contact, "phones", &list))
        for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w))
            add_phone(m, w.value, "phone", c);
}

/* What the callback says of the person, beside what was asked for. */
static void read_person(struct reply_memory *m, struct json_value contact, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct slice text;

    reply_text(contact, "first_name", &a->value[FIELD_FIRST_NAME]);
    reply_text(contact, "last_name", &a->value[FIELD_LAST_NAME]);
    if (reply_text(contact, "domain", &text))
        a->value[FIELD_COMPANY_DOMAIN] = reply_domain(m, text);
    if (!reply_text(contact, "linkedin_url", &text))
        return;
    a->value[FIELD_LINKEDIN_URL] = reply_linkedin(m, text);
    if (normalise_is_profile(a->value[FIELD_LINKEDIN_URL])) {
        item->echo.value[FIELD_LINKEDIN_URL] = a->value[FIELD_LINKEDIN_URL];
        item->echoed = FIELD_BIT(LINKEDIN_URL);
    }
}

/* An error that the callback names in so many words: a member of that name, or a status of HTTP
 * ("statusCode": 500) or in words. */
static bool callback_error(struct json_value root, struct json_value contact, struct slice *reason)
{
    static const char *const names[] = {"statusCode", "status"};

    if (reply_error(root, reason) || reply_error(contact, reason))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice word = SLICE_EMPTY;
        int64_t code = 0;
        if (!json_get_int(root, names[i], &code))
            reply_text(root, names[i], &word);
        if (code < 400 && !slice_eq_nocase(word, SLICE_LIT("failed")) &&
            !slice_eq_nocase(word, SLICE_LIT("error")))
            continue;
        if (!reply_text(root, "message", reason))
            *reason = SLICE_LIT("the vendor reports an error");
        return true;
    }
    return false;
}

/* Of an answer that is none: why, and nothing else but what it cost. */
static void answer_end(struct answer *a, enum outcome outcome, struct slice reason)
{
    *a = (struct answer){.outcome = outcome, .credits = a->credits, .reason = reply_cut(reason)};
}

static void read_callback(struct reply_memory *m, const struct operation *op,
                          struct json_value root, bool phones, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct reply_contacts contacts = {.emails = 0};
    struct json_value contact = root, inner;
    struct slice reason;

    if (json_get(root, "contact", &inner) && json_type(inner) == JSON_OBJECT)
        contact = inner;
    read_person(m, contact, item);
    if (phones)
        read_phones(m, contact, &contacts);
    else
        read_emails(m, contact, &contacts);
    if (phones && reply_email(contact, "email", &item->echo.value[FIELD_EMAIL]) &&
        item->echoed == 0)
        item->echoed = FIELD_BIT(EMAIL);

    int64_t used = reply_amount(root, "credit_used");
    bool found = contacts.emails + contacts.phones > 0;
    a->credits = used >= 0 ? used : found ? op->price : 0;
    if (found) {
        a->outcome = OUTCOME_FOUND;
        reply_put_contacts(m, &contacts, a);
    } else if (callback_error(root, contact, &reason)) {
        answer_end(a, OUTCOME_FAILED, reason);
    } else {
        answer_end(a, OUTCOME_NOT_FOUND,
                   phones ? SLICE_LIT("no phone number found") : SLICE_LIT("no email found"));
    }
}

static int callback_parse(const struct operation *op, bool phones, struct json_value root, bool raw,
                          struct arena *arena, page_item_fn *fn, void *arg,
                          struct callback_reply *out, struct error *e)
{
    struct page_item item = {.answer = {.outcome = OUTCOME_NONE}};
    struct reply_memory m;

    if (json_type(root) != JSON_OBJECT)
        return error_set(e, ERR_DATA, "the callback is not a JSON object");
    reply_memory_init(&m, arena);
    *out = (struct callback_reply){
        .kind = CALLBACK_RESULT,
        .page = {
            .total = 1, .used = reply_amount(root, "credit_used"), .refunded = -1, .balance = -1}};
    /* The document's callbacks have none; where there is one it may be told apart by it. */
    if (!reply_id(root, "jobId", out->id))
        out->id[0] = '\0';
    read_callback(&m, op, root, phones, &item);
    return reply_give(&m, root, raw, &item, fn, arg, &out->page, e);
}

static int email_callback(const struct operation *op, struct json_value root, bool raw,
                          struct arena *arena, page_item_fn *fn, void *arg,
                          struct callback_reply *out, struct error *e)
{
    return callback_parse(op, false, root, raw, arena, fn, arg, out, e);
}

static int phone_callback(const struct operation *op, struct json_value root, bool raw,
                          struct arena *arena, page_item_fn *fn, void *arg,
                          struct callback_reply *out, struct error *e)
{
    return callback_parse(op, true, root, raw, arena, fn, arg, out, e);
}

/* --- descriptors ---------------------------------------------------------------------------- */

static const field_set email_accepts[] = {
    FIELD_BIT(LINKEDIN_URL),
    FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(DOMAIN),
    FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(COMPANY),
    0,
};
static const field_set phone_accepts[] = {FIELD_BIT(LINKEDIN_URL), FIELD_BIT(EMAIL), 0};

#define GIVES_PERSON                                                                               \
    (FIELD_BIT(LINKEDIN_URL) | FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) |                      \
     FIELD_BIT(COMPANY_DOMAIN))

static const struct operation operations[] = {
    {
        .provider = &zeliq_provider,
        .name = "email",
        .title = "email address of one person at a time, by callback",
        .delivery = DELIVERY_CALLBACK,
        .calls_back = true,
        .items_max = 1,
        .price = PRICE_EMAIL,
        .accepts = email_accepts,
        .gives = FIELD_BIT(EMAIL) | FIELD_BIT(EMAIL_STATUS) | FIELD_BIT(EMAILS) | GIVES_PERSON,
        .page_rows = 1,
        .item_bytes_max = 8192,    /* three names of 256 bytes or an address of 1000, six bytes each
                                   when escaped at worst, and the address of the callback */
        .answer_bytes_max = 16384, /* a dozen addresses take 2 kB */
        .deadline_ms = DEADLINE_MS,
        .doubt_ms = DEADLINE_MS,
        .configure = email_configure,
        .check = email_check,
        .build_submit = submit_build,
        .body_begin = body_begin,
        .body_item = body_item,
        .body_end = body_end,
        .parse_submit = submit_parse,
        .parse_callback = email_callback,
        .classify = classify,
    },
    {
        .provider = &zeliq_provider,
        .name = "phone",
        .title = "phone number of one person at a time, by callback",
        .delivery = DELIVERY_CALLBACK,
        .calls_back = true,
        .items_max = 1,
        .price = PRICE_PHONE,
        .accepts = phone_accepts,
        .gives = FIELD_BIT(PHONE) | FIELD_BIT(PHONES) | GIVES_PERSON,
        .page_rows = 1,
        .item_bytes_max = 8192,
        .answer_bytes_max = 16384,
        .deadline_ms = DEADLINE_MS,
        .doubt_ms = DEADLINE_MS,
        .check = phone_check,
        .build_submit = submit_build,
        .body_begin = body_begin,
        .body_item = body_item,
        .body_end = body_end,
        .parse_submit = submit_parse,
        .parse_callback = phone_callback,
        .classify = classify,
    },
    {.name = NULL},
};

const struct provider zeliq_provider = {
    .name = "zeliq",
    .title = "Zeliq",
    .doc = "https://help.zeliq.com/en/articles/14652396-zeliq-enrichment-api",
    .base_url = "https://app.zeliq.com/api",
    .key_env = "ZELIQ_API_KEY",
    .key_header = "x-api-key", /* "Do not use Bearer token authentication" */
    .key_prefix = "",
    .origin_header = "x-request-origin", /* 50 characters at most */
    .tiers = tiers,
    .operations = operations,
    .live_max = LIVE_MAX,
    .reads_max = 1, /* there is the balance only */
    .build_balance = balance_build,
    .parse_balance = balance_parse,
    .balance_unmetered = true,
    .parse_limits = limits_parse,
    .proof = PROOF_TOKEN,
};
