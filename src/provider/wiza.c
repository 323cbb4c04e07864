/* Speaks the Wiza API: one person a reveal, by LinkedIn address, name with company, or email.
 *
 * A reveal is submitted and gets an id; the vendor works on so many of an account's reveals at once
 * as its plan has slots and keeps others waiting in a queue. The poll that says finished holds the
 * result; a callback, where one was asked for, holds the same.
 *
 * 1. `data` is read where it is an object, else the root. `status` is an object or a number at the
 *    root and a text in `data`.
 * 2. Any status but finished and failed is work that goes on: queued, resolving, processing and
 *    scraping have been seen, and the list is open.
 * 3. Credits are the vendor's own number (credits.api_credits.total) where a reply has it, else by
 *    the document's prices.
 *
 * Known contradictions:
 * - A billing issue comes with HTTP 200, as a failed reveal that never ran (docs.wiza.co, "Status
 *   codes and errors"); whether in the reply to the submission or later is not said: both are read.
 * - The document lists a profile's credit for level none only; public clients budget it for the
 *   others too. The highest sum is what is set aside.
 * - number_pretty (the document) and pretty_number (public clients) are the same; phone_number
 *   stands beside `phones` or in its items; `number` may lack its plus sign.
 * - "if neither is set, all are returned" and "work only" are both said of email_options left out:
 *   both are always sent.
 *
 * Pure; any thread. */
#include <stdio.h>
#include <string.h>

#include "provider/provider.h"
#include "provider/reply.h"
#include "record/normalise.h"
#include "wire/json_write.h"

#define REVEALS_PATH "/api/individual_reveals"

/* Help page "API Credits": for at least one number, for at least one "valid" address, for a matched
 * profile. */
#define PRICE_PHONE   5
#define PRICE_EMAIL   2
#define PRICE_PROFILE 1

/* "Average processing times", in ms: mean and longest. */
#define WORK_EMAIL_MS     25000
#define WORK_EMAIL_MAX_MS 380000
#define WORK_QUICK_MS     5000 /* numbers and personal addresses 4 s, profiles 5 s */
#define WORK_QUICK_MAX_MS 15000
/* The longest time after the reveal left the queue, and some for the way. */
#define DEADLINE_MS 400000
/* A callback can come so late: behind the others that are in flight (LIVE_MAX, 5 slots, 25 s each)
 * and after its own deadline, rounded up. */
#define DOUBT_MS 900000

#define LIVE_MAX 64

/* No limit is documented; a name or company beyond this is none. Bounds a request. */
#define NAME_BYTES_MAX 256

extern const struct provider wiza_provider;

/* "Bulk Enrichment": slots by plan ("15+" is 15 until the user says more), and a queue of 200 times
 * as many. Requests a second are not limited by any page of the vendor. */
static const struct provider_tier tiers[] = {
    {.name = "starter", .slots = 5, .queue_max = 1000},
    {.name = "enterprise", .slots = 15, .queue_max = 3000},
    {.name = NULL},
};

/* --- options -------------------------------------------------------------------------------- */

enum level { LEVEL_NONE, LEVEL_PARTIAL, LEVEL_PHONE, LEVEL_FULL, LEVELS };

static const struct {
    const char *name;
    bool emails, phones; /* what is asked for; neither: the profile */
    int64_t price;       /* the highest sum */
    const char *miss;    /* what is said when nothing of it was found */
} levels[LEVELS] = {
    [LEVEL_NONE] = {"none", false, false, PRICE_PROFILE, "no LinkedIn profile found"},
    [LEVEL_PARTIAL] = {"partial", true, false, PRICE_EMAIL + PRICE_PROFILE, "no email found"},
    [LEVEL_PHONE] = {"phone", false, true, PRICE_PHONE + PRICE_PROFILE, "no phone number found"},
    [LEVEL_FULL] = {"full", true, true, PRICE_EMAIL + PRICE_PHONE + PRICE_PROFILE,
                    "no email and no phone number found"},
};

static const struct operation_option options[] = {
    {"level", "none|partial|phone|full", "partial",
     "what to find: the profile only, emails, phone numbers, or both"},
    {"emails", "work|personal,", "work", "which emails to accept at level partial and full"},
    {.name = NULL},
};

static enum level level_of(const struct operation *op)
{
    const char *name = operation_set(op, "level");

    for (int l = 0; l < LEVELS; l++)
        if (strcmp(name, levels[l].name) == 0)
            return (enum level)l;
    return LEVEL_PARTIAL;
}

static int configure(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    enum level level = level_of(op);
    bool slow = levels[level].emails && operation_chosen(operation_set(op, "emails"), "work");

    (void)tier;
    (void)e;
    op->price = levels[level].price;
    op->work_ms = slow ? WORK_EMAIL_MS : WORK_QUICK_MS;
    op->work_max_ms = slow ? WORK_EMAIL_MAX_MS : WORK_QUICK_MAX_MS;
    /* Late enough that two or three polls see the end; the queue keeps the slots busy meanwhile. */
    op->poll_first_ms = slow ? 10000 : 4000;
    op->poll_max_ms = slow ? 30000 : 10000;
    return 0;
}

/* --- requests ------------------------------------------------------------------------------- */

static bool usable(const struct record *r, enum field f)
{
    return r->value[f].len > 0 && !r->problem[f];
}

static const char *check(const struct operation *op, struct record *r)
{
    (void)op;
    if (usable(r, FIELD_LINKEDIN_URL))
        return normalise_is_profile(r->value[FIELD_LINKEDIN_URL])
                   ? NULL
                   : "linkedin_url is not that of a person";
    if (!usable(r, FIELD_FULL_NAME))
        return NULL;
    if (r->value[FIELD_FULL_NAME].len > NAME_BYTES_MAX)
        return "full_name is longer than 256 bytes";
    if (!usable(r, FIELD_DOMAIN) && r->value[FIELD_COMPANY].len > NAME_BYTES_MAX)
        return "company is longer than 256 bytes";
    return NULL;
}

static void submit_build(const struct operation *op, struct http_request *r)
{
    (void)op;
    *r = (struct http_request){.method = HTTP_POST, .has_body = true};
    snprintf(r->path, sizeof r->path, REVEALS_PATH);
}

static void poll_build(const struct operation *op, struct http_request *r, const char *id)
{
    (void)op;
    *r = (struct http_request){.method = HTTP_GET};
    snprintf(r->path, sizeof r->path, REVEALS_PATH "/%s", id);
}

static void balance_build(struct http_request *r)
{
    *r = (struct http_request){.method = HTTP_GET};
    snprintf(r->path, sizeof r->path, "/api/meta/credits");
}

static void body_begin(struct body_writer *w)
{
    buf_append_char(w->out, '{');
}

/* Exactly the fields of the set: the vendor documents them as alternatives. */
static bool body_item(struct body_writer *w, const struct record *r, field_set set)
{
    static const struct {
        enum field field;
        const char *name;
    } inputs[] = {
        {FIELD_LINKEDIN_URL, "profile_url"},
        {FIELD_FULL_NAME, "full_name"},
        {FIELD_DOMAIN, "domain"},
        {FIELD_COMPANY, "company"},
        {FIELD_EMAIL, "email"},
    };
    bool first = true;

    buf_append_text(w->out, "\"individual_reveal\":{");
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        if (set >> inputs[i].field & 1)
            json_write_member_string(w->out, &first, inputs[i].name, r->value[inputs[i].field]);
    buf_append_char(w->out, '}');
    return true;
}

static void body_end(struct body_writer *w)
{
    const char *emails = operation_set(w->operation, "emails");
    const char *level = levels[level_of(w->operation)].name;
    bool first = false, first_choice = true; /* the item stands before */

    json_write_member_string(w->out, &first, "enrichment_level", slice_of(level));
    json_write_key(w->out, &first, "email_options");
    buf_append_char(w->out, '{');
    json_write_member_bool(w->out, &first_choice, "accept_work", operation_chosen(emails, "work"));
    json_write_member_bool(w->out, &first_choice, "accept_personal",
                           operation_chosen(emails, "personal"));
    buf_append_char(w->out, '}');
    if (w->callback_url.len > 0)
        json_write_member_string(w->out, &first, "callback_url", w->callback_url);
    buf_append_char(w->out, '}');
}

/* --- the state of a reveal ------------------------------------------------------------------ */

static struct json_value data_of(struct json_value root)
{
    struct json_value data;

    if (json_get(root, "data", &data) && json_type(data) == JSON_OBJECT)
        return data;
    return root;
}

struct state {
    struct slice status, error; /* empty: not said */
    bool known;                 /* the reply says anything of a state */
    bool refused;               /* the status says failed */
    bool ended, failed;
};

static struct state state_of(struct json_value data)
{
    struct state s = {.status = SLICE_EMPTY, .error = SLICE_EMPTY};
    bool complete = false;
    bool said = json_get_bool(data, "is_complete", &complete);

    s.known = reply_text(data, "status", &s.status) || said;
    s.known = reply_text(data, "fail_error", &s.error) || s.known;
    bool finished = slice_eq_nocase(s.status, SLICE_LIT("finished"));
    s.refused = slice_eq_nocase(s.status, SLICE_LIT("failed"));
    /* is_complete is true of failed ones too. */
    s.failed = s.refused || (s.error.len > 0 && !finished);
    s.ended = finished || s.failed || complete;
    return s;
}

static bool billing_issue(const struct state *s)
{
    return slice_eq_nocase(s->error, SLICE_LIT("billing_issue"));
}

static int submit_parse(const struct operation *op, struct json_value root,
                        struct submit_reply *out, struct error *e)
{
    struct json_value data = data_of(root);

    (void)op;
    *out = (struct submit_reply){.items = 1, .reserved = -1, .price = -1, .balance = -1};
    if (!reply_id(data, "id", out->id))
        return error_set(e, ERR_DATA, "the reply to the submission names no reveal");
    out->finished = state_of(data).ended;
    return 0;
}

static int poll_parse(const struct operation *op, struct json_value root, struct poll_reply *out,
                      struct error *e)
{
    struct state s = state_of(data_of(root));

    (void)op;
    if (!s.known)
        return error_set(e, ERR_DATA, "the reply gives no status of the reveal");
    *out = (struct poll_reply){.phase = s.failed  ? POLL_FAILED
                                        : s.ended ? POLL_COMPLETED
                                                  : POLL_PENDING,
                               .queued = !s.ended && slice_eq_nocase(s.status, SLICE_LIT("queued")),
                               .total = 1,
                               .processed = s.ended};
    return 0;
}

static bool balance_parse(struct json_value root, struct balance_reply *out)
{
    struct json_value credits;

    *out = (struct balance_reply){.used_today = -1, .limit_today = -1};
    return json_get(root, "credits", &credits) &&
           reply_balance(credits, "api_credits", &out->credits);
}

/* --- the answer ----------------------------------------------------------------------------- */

static void add_email(struct reply_memory *m, struct json_value object, struct reply_contacts *c)
{
    struct slice email, status = SLICE_EMPTY, type = SLICE_EMPTY;

    if (!reply_email(object, "email", &email))
        return;
    reply_text(object, "email_status", &status);
    reply_text(object, "email_type", &type);
    reply_add_email(c, email, reply_email_status(m, status), reply_lower(m, type));
}

/* The vendor's best one stands in `data` itself. */
static void read_emails(struct reply_memory *m, struct json_value data, struct reply_contacts *c)
{
    struct json_value list;
    struct json_walk w;

    add_email(m, data, c);
    if (json_get(data, "emails", &list))
        for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w))
            add_email(m, w.value, c);
    reply_best_email(c);
}

/* The first of a number's spellings that is a full one, else the first there is. */
static struct slice read_number(struct reply_memory *m, struct json_value phone)
{
    static const struct {
        const char *name;
        bool international; /* the vendor leaves the plus sign out */
    } spellings[] = {{"phone_number", true},
                     {"number_pretty", false},
                     {"pretty_number", false},
                     {"number", true}};
    struct slice any = SLICE_EMPTY;

    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        struct slice text = reply_scalar(m, phone, spellings[i].name);
        text = reply_phone(m, text, spellings[i].international);
        if (text.len > 0 && text.data[0] == '+')
            return text;
        if (any.len == 0)
            any = text;
    }
    return any;
}

/* "Both "type": "mobile" and "type": "other" are mobile numbers." */
static struct slice phone_type(struct reply_memory *m, struct json_value phone)
{
    struct slice type = SLICE_EMPTY;

    reply_text(phone, "type", &type);
    type = reply_lower(m, type);
    return slice_eq(type, SLICE_LIT("other")) ? SLICE_LIT("mobile") : type;
}

static void read_phones(struct reply_memory *m, struct json_value data, struct reply_contacts *c)
{
    struct json_value list;
    struct json_walk w;
    struct slice mobile;

    reply_add_phone(c, reply_phone(m, reply_scalar(m, data, "phone_number"), true), SLICE_EMPTY);
    if (json_get(data, "phones", &list))
        for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w))
            reply_add_phone(c, read_number(m, w.value), phone_type(m, w.value));
    /* "Do not rely solely on the mobile_phone field." */
    mobile = reply_phone(m, reply_scalar(m, data, "mobile_phone"), false);
    reply_add_phone(c, mobile, SLICE_LIT("mobile"));
}

static void read_profile(struct reply_memory *m, struct json_value data, struct answer *a)
{
    static const struct {
        const char *name;
        enum field field;
    } texts[] = {
        {"name", FIELD_FULL_NAME},
        {"first_name", FIELD_FIRST_NAME},
        {"last_name", FIELD_LAST_NAME},
        {"title", FIELD_JOB_TITLE},
        {"sub_title", FIELD_HEADLINE},
        {"location", FIELD_LOCATION},
        {"company", FIELD_COMPANY},
        {"company_industry", FIELD_INDUSTRY},
        {"company_size_range", FIELD_EMPLOYEE_RANGE},
    };
    struct slice text;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        reply_text(data, texts[i].name, &a->value[texts[i].field]);
    a->value[FIELD_EMPLOYEE_COUNT] = reply_scalar(m, data, "company_size");
    a->value[FIELD_FOUNDED_YEAR] = reply_scalar(m, data, "company_founded");
    if (reply_text(data, "linkedin_profile_url", &text))
        a->value[FIELD_LINKEDIN_URL] = reply_linkedin(m, text);
    if (reply_text(data, "company_linkedin", &text))
        a->value[FIELD_COMPANY_LINKEDIN_URL] = reply_linkedin(m, text);
    if (reply_text(data, "company_domain", &text))
        a->value[FIELD_COMPANY_DOMAIN] = reply_domain(m, text);
}

/* The vendor's own number; -1: not said. */
static int64_t credits_said(struct json_value data)
{
    struct json_value credits;

    return json_path(data, "credits.api_credits", &credits) ? reply_amount(credits, "total") : -1;
}

/* Of a reveal that found what was asked for. */
static int64_t credits_due(enum level level, const struct reply_contacts *c)
{
    int64_t due = level == LEVEL_NONE ? PRICE_PROFILE : 0;

    if (levels[level].phones && c->phones > 0)
        due += PRICE_PHONE;
    for (unsigned i = 0; levels[level].emails && i < c->emails; i++)
        if (slice_eq(c->email[i].status, SLICE_LIT("valid")))
            return due + PRICE_EMAIL;
    return due;
}

/* Whether what was asked for is there: at level full, one of both. */
static bool satisfied(enum level level, const struct reply_contacts *c, bool profile)
{
    if (level == LEVEL_NONE)
        return profile;
    return (levels[level].emails && c->emails > 0) || (levels[level].phones && c->phones > 0);
}

/* Of an answer that is none: why, and nothing else but the echo and what it cost. */
static void answer_end(struct answer *a, enum outcome outcome, struct slice reason)
{
    *a = (struct answer){.outcome = outcome, .credits = a->credits, .reason = reply_cut(reason)};
}

static void read_reveal(struct reply_memory *m, const struct operation *op, struct json_value data,
                        struct page_item *item)
{
    struct answer *a = &item->answer;
    struct reply_contacts contacts = {.emails = 0};
    struct state s = state_of(data);
    enum level level = level_of(op);

    read_emails(m, data, &contacts);
    read_phones(m, data, &contacts);
    read_profile(m, data, a);
    struct slice linkedin = a->value[FIELD_LINKEDIN_URL];
    if (normalise_is_profile(linkedin)) {
        item->echo.value[FIELD_LINKEDIN_URL] = linkedin;
        item->echoed = FIELD_BIT(LINKEDIN_URL);
    }
    int64_t said = credits_said(data);
    a->credits = said >= 0 ? said : 0;

    if (satisfied(level, &contacts, linkedin.len > 0) && !s.refused) {
        a->outcome = OUTCOME_FOUND;
        a->credits = said >= 0 ? said : credits_due(level, &contacts);
        reply_put_contacts(m, &contacts, a);
    } else if (billing_issue(&s)) {
        a->credits = 0; /* "the reveal does not actually run" */
        answer_end(a, OUTCOME_NO_CREDITS,
                   SLICE_LIT("billing_issue: no credits, or a payment that is due"));
    } else if (s.refused || s.error.len > 0) {
        answer_end(a, OUTCOME_FAILED, s.error.len > 0 ? s.error : SLICE_LIT("the reveal failed"));
    } else {
        answer_end(a, OUTCOME_NOT_FOUND, slice_of(levels[level].miss));
    }
}

static int reveal_parse(const struct operation *op, struct json_value data, bool raw,
                        struct arena *arena, page_item_fn *fn, void *arg, struct page_reply *out,
                        struct error *e)
{
    struct page_item item = {.answer = {.outcome = OUTCOME_NONE}};
    struct reply_memory m;

    reply_memory_init(&m, arena);
    *out =
        (struct page_reply){.total = 1, .used = credits_said(data), .refunded = -1, .balance = -1};
    read_reveal(&m, op, data, &item);
    return reply_give(&m, data, raw, &item, fn, arg, out, e);
}

static int page_parse(const struct operation *op, struct json_value root, bool raw,
                      struct arena *arena, page_item_fn *fn, void *arg, struct page_reply *out,
                      struct error *e)
{
    struct json_value data = data_of(root);
    struct state s = state_of(data);

    if (!s.known)
        return error_set(e, ERR_DATA, "the reply gives no status of the reveal");
    if (!s.ended)
        return error_set(e, ERR_DATA, "the reveal is %.*s: it has no result yet",
                         SLICE_ARG(s.status.len > 0 ? s.status : SLICE_LIT("not complete")));
    return reveal_parse(op, data, raw, arena, fn, arg, out, e);
}

/* "status.code in the payload: 200 = success, 400 = failed reveal." */
static bool callback_says_failed(struct json_value root)
{
    struct json_value status;
    int64_t code;

    return json_path(root, "status.code", &status) && json_int(status, &code) && code >= 400;
}

/* An account can have callbacks sent of everything it does: what names no reveal is an event. Where
 * the two places that tell how it ended disagree, or `data` does not, a poll decides. */
static int callback_parse(const struct operation *op, struct json_value root, bool raw,
                          struct arena *arena, page_item_fn *fn, void *arg,
                          struct callback_reply *out, struct error *e)
{
    struct json_value data = data_of(root);
    struct state s = state_of(data);

    *out = (struct callback_reply){
        .kind = CALLBACK_EVENT, .page = {.total = -1, .used = -1, .refunded = -1, .balance = -1}};
    if (!reply_id(data, "id", out->id))
        return 0;
    out->kind = CALLBACK_PROGRESS;
    if (!s.ended || (callback_says_failed(root) && !s.failed))
        return 0;
    out->kind = CALLBACK_RESULT;
    return reveal_parse(op, data, raw, arena, fn, arg, &out->page, e);
}

/* A reveal that a billing issue kept from running is no submission. */
static enum reply_class classify(const struct http_reply *reply, bool paid,
                                 const struct json_value *root, const struct problem *problem)
{
    enum reply_class class = provider_classify(reply, paid, root != NULL);

    (void)problem; /* the status says the rest; the problem is for people */
    if (class == REPLY_OK && paid) {
        struct state s = state_of(data_of(*root));
        if (s.failed && billing_issue(&s))
            return REPLY_NO_CREDITS;
    }
    return class;
}

/* --- descriptors ---------------------------------------------------------------------------- */

static const field_set accepts[] = {
    FIELD_BIT(LINKEDIN_URL),
    FIELD_BIT(FULL_NAME) | FIELD_BIT(DOMAIN),
    FIELD_BIT(FULL_NAME) | FIELD_BIT(COMPANY),
    FIELD_BIT(EMAIL),
    0,
};

#define GIVES_CONTACTS                                                                             \
    (FIELD_BIT(EMAIL) | FIELD_BIT(EMAIL_STATUS) | FIELD_BIT(EMAIL_TYPE) | FIELD_BIT(EMAILS) |      \
     FIELD_BIT(PHONE) | FIELD_BIT(PHONE_TYPE) | FIELD_BIT(PHONES))
#define GIVES_PROFILE                                                                              \
    (FIELD_BIT(LINKEDIN_URL) | FIELD_BIT(FULL_NAME) | FIELD_BIT(FIRST_NAME) |                      \
     FIELD_BIT(LAST_NAME) | FIELD_BIT(JOB_TITLE) | FIELD_BIT(HEADLINE) | FIELD_BIT(LOCATION))
#define GIVES_COMPANY                                                                              \
    (FIELD_BIT(COMPANY) | FIELD_BIT(COMPANY_DOMAIN) | FIELD_BIT(INDUSTRY) |                        \
     FIELD_BIT(EMPLOYEE_COUNT) | FIELD_BIT(EMPLOYEE_RANGE) | FIELD_BIT(FOUNDED_YEAR) |             \
     FIELD_BIT(COMPANY_LINKEDIN_URL))

static const struct operation operations[] = {
    {
        .provider = &wiza_provider,
        .name = "reveal",
        .title = "emails, phone numbers or profile of one person at a time",
        .delivery = DELIVERY_POLL,
        .calls_back = true,
        .items_max = 1,
        .price = PRICE_EMAIL + PRICE_PROFILE, /* of the presets; configure knows the others */
        .accepts = accepts,
        .gives = GIVES_CONTACTS | GIVES_PROFILE | GIVES_COMPANY,
        .page_rows = 1,
        .item_bytes_max = 8192,    /* two names of 256 bytes or an address of 1000, six bytes each
                                      when escaped at worst, and the address of the callback */
        .answer_bytes_max = 65536, /* profiles can be set to hold work history, skills, a bio */
        .poll_first_ms = 10000,
        .poll_max_ms = 30000,
        .work_ms = WORK_EMAIL_MS,
        .work_max_ms = WORK_EMAIL_MAX_MS,
        .deadline_ms = DEADLINE_MS,
        .doubt_ms = DOUBT_MS,
        .options = options,
        .configure = configure,
        .check = check,
        .build_submit = submit_build,
        .body_begin = body_begin,
        .body_item = body_item,
        .body_end = body_end,
        .build_poll = poll_build,
        .parse_submit = submit_parse,
        .parse_poll = poll_parse,
        .parse_page = page_parse,
        .parse_callback = callback_parse,
        .classify = classify,
    },
    {.name = NULL},
};

const struct provider wiza_provider = {
    .name = "wiza",
    .title = "Wiza",
    .doc = "https://docs.wiza.co/",
    .base_url = "https://wiza.co",
    .key_env = "WIZA_API_KEY",
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .tiers = tiers,
    .operations = operations,
    .live_max = LIVE_MAX, /* where slots do not say it */
    .reads_max = 8,
    .build_balance = balance_build,
    .parse_balance = balance_parse,
    .proof = PROOF_KEY_SHA256,
    .proof_header = "x-auth-key",
};
