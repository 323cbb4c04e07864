/* Answers as Zeliq does: one enrichment a request, accepted at once, worked on for seconds or
 * minutes, and posted to the address that the request named. There is no other way to its result.
 *
 * An enrichment is paid for when it is accepted and refunded when it ends with nothing found: 1
 * credit for an email address (0 on the plans Advanced and Enterprise), 10 for phone numbers. The
 * payload names neither the job nor who asked: whoever asks puts something of his own into the
 * address. It is posted once, whatever the listener answers: nothing more is promised.
 *
 * The document leaves shapes open, and public clients differ; the forms are
 *   document  a profile's address and a name together are taken; credit_used is a number; what is
 *             not known is null, lists are empty
 *   strict    both together are refused (400); messages about single members come in an array; what
 *             is not known is left out
 *   observed  as document, but credit_used is a string of digits, and statuses are "safe to send",
 *             "risky", "invalid"
 * A job that failed (a fault says so) posts no contact: null, or left out.
 *
 * No state beyond the account's. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/person.h"
#include "sim/shop.h"
#include "sim/vendors.h"
#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define FIELD_MAX   1000 /* characters */
#define ORIGIN_MAX  50   /* characters of the header x-request-origin */
#define PRICE_EMAIL 1    /* unless the plan says otherwise */
#define PRICE_PHONE 10
/* Both services know the same people. */
#define SALT 0x7a656c69

enum endpoint { ENDPOINT_EMAIL, ENDPOINT_PHONE, ENDPOINT_BALANCE, ENDPOINT_UNKNOWN };
enum form { FORM_DOCUMENT, FORM_STRICT, FORM_OBSERVED };
enum rate { RATE_ENRICH }; /* both endpoints together */
/* Services, and kinds of work by their latency. */
enum work { WORK_EMAIL, WORK_PHONE };

/* The profile's address comes first in both. */
enum field {
    FIELD_URL,
    EMAIL_FIRST = 1,
    EMAIL_LAST,
    EMAIL_COMPANY,
    EMAIL_DOMAIN,
    EMAIL_FIELDS,
    PHONE_EMAIL = 1,
    PHONE_FIELDS
};

static const struct service services[] = {
    [WORK_EMAIL] = {.name = "enrich-email",
                    .kind = SERVICE_PERSON,
                    .salt = SALT,
                    .fields = EMAIL_FIELDS,
                    .field = {"linkedin_url", "first_name", "last_name", "company", "domain"},
                    .urls = 1u << FIELD_URL},
    [WORK_PHONE] = {.name = "enrich-phone",
                    .kind = SERVICE_PERSON,
                    .salt = SALT,
                    .fields = PHONE_FIELDS,
                    .field = {"linkedin_url", "email"},
                    .urls = 1u << FIELD_URL},
};

#define WINDOWS(minute, hour, day)                                                                 \
    {                                                                                              \
        {LIMITS_BIT(RATE_ENRICH), (minute), LIMITS_MINUTE, false},                                 \
            {LIMITS_BIT(RATE_ENRICH), (hour), LIMITS_HOUR, false},                                 \
            {LIMITS_BIT(RATE_ENRICH), (day), LIMITS_DAY, false},                                   \
    }

/* extra: the price of an email address. */
static const struct limits_tier tiers[] = {
    {.name = "free", .rule = WINDOWS(50, 200, 600), .extra = PRICE_EMAIL},
    {.name = "starter", .rule = WINDOWS(200, 400, 2000), .extra = PRICE_EMAIL},
    {.name = "essential", .rule = WINDOWS(600, 2000, 6000), .extra = PRICE_EMAIL},
    {.name = "advanced", .rule = WINDOWS(600, 2000, 6000), .extra = 0},
    {.name = "enterprise", .rule = WINDOWS(600, 2000, 6000), .extra = 0},
    {.name = NULL},
};

static bool authorized(const struct shop *shop, const struct server_request *r)
{
    return shop_key_same(shop, server_header(r, "x-api-key"));
}

static struct route route(const char *method, const char *path)
{
    struct route r = {.endpoint = ENDPOINT_UNKNOWN, .class = CLASS_OTHER, .rate = LIMITS_NONE};
    bool post = strcmp(method, "POST") == 0;
    bool email = post && strcmp(path, "/api/contact/enrich/email") == 0;
    bool phone = post && strcmp(path, "/api/contact/enrich/phone") == 0;
    if (email || phone) {
        r.endpoint = email ? ENDPOINT_EMAIL : ENDPOINT_PHONE;
        r.class = CLASS_SUBMIT;
        r.rate = RATE_ENRICH;
        r.success = 202;
        r.service = &services[email ? WORK_EMAIL : WORK_PHONE];
    } else if (strcmp(method, "GET") == 0 && strcmp(path, "/api/credits/balance") == 0) {
        r.endpoint = ENDPOINT_BALANCE;
        r.class = CLASS_BALANCE;
    }
    return r;
}

/* ---- errors ---- */

/* The document gives the whole body of a 429 only; the others begin alike. */
static struct buf *begin_error(struct call *c, int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},         {401, "Unauthorized"}, {402, "Payment Required"},
        {404, "Not Found"},           {423, "Locked"},       {429, "Too Many Requests"},
        {503, "Service Unavailable"},
    };
    struct buf *out = call_json(c, status);
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_i64(out, &first, "statusCode", status);
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            json_write_member_string(out, &first, "error", slice_of(phrases[i].phrase));
    return out;
}

/* What the document says with the status, whoever makes the error; else the detail. */
static const char *message_of(const struct call *c, int status, const char *detail)
{
    const char *key = server_header(c->request, "x-api-key");
    switch (status) {
    case 401:
        return key && key[0] ? "Invalid API key" : "API key is required";
    case 402:
        return "No Credit Remaining";
    case 423:
        return "User is blocked";
    default:
        return detail;
    }
}

static void problem(struct shop *shop, struct call *c, int status, const char *detail)
{
    bool first = false;
    (void)shop;
    struct buf *out = begin_error(c, status);
    json_write_member_string(out, &first, "message", slice_of(message_of(c, status, detail)));
    buf_append_char(out, '}');
}

/* About one member of the body: 400. */
static void problem_of_member(struct shop *shop, struct call *c, const char *detail)
{
    bool first = false;
    if (shop->settings.form != FORM_STRICT) {
        problem(shop, c, 400, detail);
        return;
    }
    struct buf *out = begin_error(c, 400);
    json_write_key(out, &first, "message");
    buf_append_char(out, '[');
    json_write_string(out, slice_of(detail));
    buf_append_text(out, "]}");
}

/* The body tells all windows, not which one is full; no header that says when to come again is
 * documented. */
static void limited(struct shop *shop, struct call *c, const struct limits_state *state,
                    const char *retry_after, int64_t seconds)
{
    const size_t last = sizeof tiers / sizeof *tiers - 2;
    const struct limits_rule *rule = shop->tier ? shop->tier->rule : tiers[last].rule;
    (void)state;
    (void)seconds;
    if (retry_after && retry_after != SHOP_NO_HINT)
        buf_append_format(&c->headers, "Retry-After: %s\n", retry_after);
    buf_append_format(begin_error(c, 429),
                      ",\"message\":\"Rate limit exceeded. Please try again later.\","
                      "\"limits\":{\"perMinute\":%u,\"perHour\":%u,\"perDay\":%u}}",
                      rule[0].count, rule[1].count, rule[2].count);
}

/* ---- what is asked ---- */

static bool about_email(const struct question *q)
{
    return q->service == &services[WORK_EMAIL];
}

static bool given(const struct question *q, unsigned field)
{
    return utf8_trim(q->field[field]).len > 0;
}

static int64_t price_of(const struct shop *shop, const struct question *q)
{
    return !about_email(q) ? PRICE_PHONE : shop->tier ? shop->tier->extra : PRICE_EMAIL;
}

static struct person_hints hints_of(const struct question *q)
{
    const struct slice *n = q->normal;
    if (!about_email(q))
        return (struct person_hints){.url = n[FIELD_URL], .email = n[PHONE_EMAIL]};
    return (struct person_hints){.url = n[FIELD_URL],
                                 .first = n[EMAIL_FIRST],
                                 .last = n[EMAIL_LAST],
                                 .company = n[EMAIL_COMPANY],
                                 .domain = n[EMAIL_DOMAIN]};
}

/* False, with the reply made, when a member is none that can be. */
static bool read_fields(struct shop *shop, struct call *c, struct json_value root,
                        struct question *q)
{
    char detail[96];
    for (unsigned i = 0; i < q->service->fields; i++) {
        struct json_value value;
        q->field[i] = SLICE_EMPTY;
        if (!json_get(root, q->service->field[i], &value) || json_type(value) == JSON_NULL)
            continue;
        if (json_string(value, &q->field[i]) && utf8_count(q->field[i]) <= FIELD_MAX)
            continue;
        snprintf(detail, sizeof detail, "%s must be a string of at most %d characters",
                 q->service->field[i], FIELD_MAX);
        problem_of_member(shop, c, detail);
        return false;
    }
    return true;
}

/* Whether the members make a question; NULL, or the message. */
static const char *inputs_problem(const struct shop *shop, const struct question *q)
{
    bool strict = shop->settings.form == FORM_STRICT, url = given(q, FIELD_URL);
    if (!about_email(q)) {
        bool email = given(q, PHONE_EMAIL);
        return !url && !email           ? "linkedin_url or email is required"
               : url && email && strict ? "linkedin_url and email cannot be used together"
                                        : NULL;
    }
    bool first = given(q, EMAIL_FIRST), last = given(q, EMAIL_LAST);
    bool employer = given(q, EMAIL_COMPANY) || given(q, EMAIL_DOMAIN);
    if (!url && !(first && last && employer))
        return "Either linkedin_url OR (first_name, last_name, and company or domain) are required";
    return url && (first || last || employer) && strict
               ? "linkedin_url cannot be used together with first_name, last_name, company or "
                 "domain"
               : NULL;
}

/* "http://host..." without blanks and control characters. */
static bool plausible_url(struct slice url)
{
    size_t scheme = slice_starts(url, SLICE_LIT("http://"))    ? 7
                    : slice_starts(url, SLICE_LIT("https://")) ? 8
                                                               : 0;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7f)
            return false;
    return scheme > 0 && url.len > scheme && url.len < ACCOUNT_URL_MAX && url.data[scheme] != '/' &&
           url.data[scheme] != '?' && url.data[scheme] != '#';
}

/* Under either of its names; false, with the reply made, when it is not there or none. */
static bool read_callback(struct shop *shop, struct call *c, struct json_value root,
                          char callback[ACCOUNT_URL_MAX])
{
    struct slice url;
    if ((!json_get_string(root, "callbackUrl", &url) &&
         !json_get_string(root, "callback_url", &url)) ||
        !plausible_url(url)) {
        problem_of_member(shop, c,
                          "callbackUrl must be a valid URL starting with http:// or https://");
        return false;
    }
    memcpy(callback, url.data, url.len);
    callback[url.len] = '\0';
    return true;
}

/* The tag of a request, when it has one, has its length. */
static bool origin_fits(const struct call *c)
{
    const char *origin = server_header(c->request, "x-request-origin");
    return !origin || utf8_count(slice_of(origin)) <= ORIGIN_MAX;
}

/* NULL: nothing of it is to be refused. */
static const char *refusal_of(const struct question *q)
{
    struct person_hints h = hints_of(q);
    switch (person_refuses(&h)) {
    case TRUTH_TAKEN:
        return NULL;
    case TRUTH_REFUSED:
        return about_email(q) ? "company or domain is refused" : "email is refused";
    case TRUTH_POISON:
        return "The request is not valid";
    }
    return NULL;
}

/* A normalised question; false, with the reply made, when it cannot be carried out. */
static bool read_body(struct shop *shop, struct call *c, struct question *q,
                      char callback[ACCOUNT_URL_MAX])
{
    struct json_value root;
    if (!shop_read(shop, c, &root)) {
        problem(shop, c, 400, "The body is not a JSON object");
        return false;
    }
    if (!origin_fits(c)) {
        problem(shop, c, 400, "x-request-origin must have at most 50 characters");
        return false;
    }
    if (!read_fields(shop, c, root, q))
        return false;
    const char *wrong = inputs_problem(shop, q);
    if (!wrong) {
        if (!read_callback(shop, c, root, callback))
            return false;
        shop_normalise(shop, q);
        wrong = refusal_of(q);
    }
    if (wrong)
        problem(shop, c, 400, wrong);
    return !wrong;
}

/* ---- what is found ---- */

/* What an enrichment ends with. */
struct finding {
    struct person person;
    bool found;   /* what was asked for */
    bool another; /* a second address, which does not work */
    const char *status;
};

/* Of the best address. The document's words are valid, catch-all, invalid and unknown; "safe to
 * send" and "risky" are what others have met. Of those that are not verified a few are invalid. */
static const char *email_status(const struct shop *shop, const struct person *p, bool forced)
{
    bool observed = shop->settings.form == FORM_OBSERVED;
    bool invalid = !forced && truth_percent(p->digest.low64 ^ p->digest.high64, 20) < 25;
    switch (p->work_status) {
    case VERDICT_VALID:
        return observed ? "safe to send" : "valid";
    case VERDICT_CATCH_ALL:
        return observed ? "risky" : "catch-all";
    case VERDICT_RISKY:
        return invalid ? "invalid" : observed ? "risky" : "unknown";
    case VERDICT_INVALID:
        return "invalid";
    }
    return "";
}

static void find(const struct shop *shop, const struct truth *t, const struct question *q,
                 struct finding *f)
{
    struct person_hints h = hints_of(q);
    struct person *p = &f->person;
    person_know(t, SALT, &h, p);
    f->found = about_email(q) ? p->work : p->phone;
    f->another = truth_percent(p->digest.high64 ^ p->digest.low64, 4) < 30;
    f->status = email_status(shop, p, person_forced(&h) != FORCED_NOT);
}

/* ---- payloads ---- */

/* A string; of "", nothing that is known. */
static void member_text(const struct shop *shop, struct buf *out, bool *first, const char *name,
                        struct slice text)
{
    if (text.len > 0) {
        json_write_member_string(out, first, name, text);
    } else if (shop->settings.form != FORM_STRICT) {
        json_write_key(out, first, name);
        buf_append_text(out, "null");
    }
}

/* What was asked with, as it was sent; else what has become known. */
static struct slice sent_or(const struct question *q, unsigned field, bool known, const char *text)
{
    struct slice sent = utf8_trim(q->field[field]);
    return sent.len > 0 ? sent : known ? slice_of(text) : SLICE_EMPTY;
}

static void print_email(struct buf *out, const char *prefix, const char *email, const char *status)
{
    bool first = true;
    buf_append_text(out, prefix);
    json_write_member_string(out, &first, "email", slice_of(email));
    json_write_member_string(out, &first, "status", slice_of(status));
    buf_append_char(out, '}');
}

static void print_emails(const struct shop *shop, struct buf *out, bool *first,
                         const struct finding *f)
{
    const struct person *p = &f->person;
    char other[PERSON_TEXT_MAX + 32];
    struct slice best = f->found ? slice_of(p->work_email) : SLICE_EMPTY;
    member_text(shop, out, first, "most_probable_email", best);
    member_text(shop, out, first, "most_probable_email_status",
                f->found ? slice_of(f->status) : SLICE_EMPTY);
    if (!f->found && shop->settings.form == FORM_STRICT)
        return;
    json_write_key(out, first, "emails");
    buf_append_char(out, '[');
    if (f->found)
        print_email(out, "{", p->work_email, f->status);
    if (f->found && f->another) {
        snprintf(other, sizeof other, "p%08x@%s", (unsigned)p->digest.low64, p->domain);
        print_email(out, ",{", other, "invalid");
    }
    buf_append_char(out, ']');
}

static void print_phones(const struct shop *shop, struct buf *out, bool *first,
                         const struct finding *f)
{
    const struct person *p = &f->person;
    struct slice best = f->found ? slice_of(p->phone_number[0]) : SLICE_EMPTY;
    member_text(shop, out, first, "most_probable_phone", best);
    if (!f->found && shop->settings.form == FORM_STRICT)
        return;
    json_write_key(out, first, "phones");
    buf_append_char(out, '[');
    for (unsigned i = 0; f->found && i < p->phones; i++)
        buf_append_format(out, "%s{\"phone\":\"%s\"}", i ? "," : "", p->phone_number[i]);
    buf_append_char(out, ']');
}

/* The members of `contact`. */
static void print_contact(const struct shop *shop, const struct question *q,
                          const struct finding *f, struct buf *out)
{
    const struct person *p = &f->person;
    bool first = true, known = f->found;
    if (about_email(q)) {
        member_text(shop, out, &first, "first_name", sent_or(q, EMAIL_FIRST, known, p->first));
        member_text(shop, out, &first, "last_name", sent_or(q, EMAIL_LAST, known, p->last));
        member_text(shop, out, &first, "domain", sent_or(q, EMAIL_DOMAIN, known, p->domain));
    }
    member_text(shop, out, &first, "linkedin_url",
                sent_or(q, FIELD_URL, known && p->profile, p->url));
    if (about_email(q)) {
        print_emails(shop, out, &first, f);
        return;
    }
    member_text(shop, out, &first, "email",
                sent_or(q, PHONE_EMAIL, known && p->work, p->work_email));
    print_phones(shop, out, &first, f);
}

/* ---- requests ---- */

/* A job's id: random to look at, and the same whenever it is asked for. */
static void job_id(const struct shop *shop, uint64_t number, char id[ACCOUNT_ID_MAX])
{
    XXH128_hash_t h = XXH3_128bits_withSeed(&number, sizeof number, account_nonce(shop->account));
    snprintf(id, ACCOUNT_ID_MAX, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(h.high64 >> 32),
             (unsigned)(h.high64 >> 16 & 0xffff), (unsigned)(h.high64 & 0xfff),
             (unsigned)(h.low64 >> 48 & 0x3fff) | 0x8000,
             (unsigned long long)(h.low64 & 0xffffffffffff));
}

static int64_t draw_latency(const struct shop *shop, const struct question *q)
{
    enum work work = about_email(q) ? WORK_EMAIL : WORK_PHONE;
    uint64_t bits = XXH3_64bits_withSeed(q->key.data, q->key.len, shop->truth.seed + work + 1);
    return latency_draw(&shop->settings.latency[work], bits);
}

static void print_accepted(struct shop *shop, const struct call *c, const struct account_job *job,
                           struct buf *out)
{
    bool first = true;
    char id[ACCOUNT_ID_MAX];
    job_id(shop, job->number, id);
    buf_reset(out);
    json_write_member_i64(out, &first, "status", 202);
    json_write_member_string(
        out, &first, "message",
        SLICE_LIT("Request accepted, results will be sent to the callback URL"));
    if (c->fault.kind != FAULT_MISSING)
        json_write_member_string(out, &first, "jobId", slice_of(id));
}

static void apply_enrich(struct shop *shop, struct call *c, const struct service *service)
{
    struct question q = {.service = service};
    char callback[ACCOUNT_URL_MAX];
    if (!read_body(shop, c, &q, callback))
        return;
    int64_t price = price_of(shop, &q);
    if (account_available(shop->account) < price) {
        problem(shop, c, 402, NULL);
        return;
    }
    if (!shop_has_room(shop)) {
        limited(shop, c, NULL, SHOP_NO_HINT, 0);
        return;
    }
    struct account_job draft = {.truth = shop->truth,
                                .price = price,
                                .upfront = price > 0,
                                .latency_ms = draw_latency(shop, &q),
                                .callback = callback};
    const struct account_job *job = shop_accept(shop, c, &q, &draft);
    print_accepted(shop, c, job, &shop->data);
    call_data(c, 202, "", NULL, buf_slice(&shop->data));
}

static void apply_balance(struct shop *shop, struct call *c)
{
    struct buf *out = &shop->data;
    bool first = true;
    buf_reset(out);
    json_write_member_i64(out, &first, "credit_balance", account_available(shop->account));
    call_data(c, 200, "", NULL, buf_slice(out));
}

static void apply(struct shop *shop, const struct route *route, struct call *c)
{
    switch ((enum endpoint)route->endpoint) {
    case ENDPOINT_EMAIL:
    case ENDPOINT_PHONE:
        apply_enrich(shop, c, route->service);
        return;
    case ENDPOINT_BALANCE:
        apply_balance(shop, c);
        return;
    case ENDPOINT_UNKNOWN:
        problem(shop, c, 404, "There is no such endpoint, or it is not simulated");
        return;
    }
}

/* ---- jobs and callbacks ---- */

/* Its price was fixed by the plan under which it was accepted. */
static int64_t job_ends(struct shop *shop, const struct account_job *job)
{
    struct finding f = {0};
    struct question q;
    account_job_question(job, &q);
    shop_normalise(shop, &q);
    find(shop, &job->truth, &q, &f);
    return f.found ? job->price : 0;
}

/* A question about a person whom nobody asked for, and who is found. */
static void ask_stranger(struct question *q)
{
    q->field[FIELD_URL] = SLICE_LIT("https://www.linkedin.com/in/everybody-mallory");
    if (!about_email(q)) {
        q->field[PHONE_EMAIL] = SLICE_LIT("mallory@everybody.example");
        return;
    }
    q->field[EMAIL_FIRST] = SLICE_LIT("Mallory");
    q->field[EMAIL_LAST] = SLICE_LIT("Forger");
    q->field[EMAIL_COMPANY] = SLICE_EMPTY;
    q->field[EMAIL_DOMAIN] = SLICE_LIT("everybody.example");
}

/* Nothing is signed, so a forgery of the signature is one about somebody else. */
static bool callback(struct shop *shop, uint64_t cookie, enum callback_forgery forgery,
                     struct callback_draft *d)
{
    const struct account_job *job = account_job(shop->account, cookie);
    const char *quote = shop->settings.form == FORM_OBSERVED ? "\"" : "";
    struct finding f = {0};
    struct question q;
    account_job_question(job, &q);
    if (forgery != FORGERY_NONE)
        ask_stranger(&q);
    shop_normalise(shop, &q);
    find(shop, &job->truth, &q, &f);
    snprintf(d->url, sizeof d->url, "%s", job->callback);
    buf_append_format(&d->body, "{\"credit_used\":%s%lld%s", quote,
                      (long long)(forgery != FORGERY_NONE ? job->price : job->charged), quote);
    if (job->state != JOB_FAILED || forgery != FORGERY_NONE) {
        buf_append_text(&d->body, ",\"contact\":{");
        print_contact(shop, &q, &f, &d->body);
        buf_append_char(&d->body, '}');
    } else if (shop->settings.form != FORM_STRICT) {
        buf_append_text(&d->body, ",\"contact\":null");
    }
    buf_append_char(&d->body, '}');
    return true;
}

/* With the price that is deducted first, so that what was refunded can be told. */
static int64_t judge(struct shop *shop, const struct truth *truth, const struct question *q,
                     struct buf *out)
{
    struct finding f = {0};
    bool first = false;
    int64_t price = price_of(shop, q);
    find(shop, truth, q, &f);
    json_write_member_string(out, &first, "outcome",
                             f.found ? SLICE_LIT("found") : SLICE_LIT("not_found"));
    json_write_key(out, &first, "values");
    buf_append_char(out, '{');
    print_contact(shop, q, &f, out);
    buf_append_char(out, '}');
    json_write_member_i64(out, &first, "price", price);
    return f.found ? price : 0;
}

const struct vendor zeliq_vendor = {
    .name = "zeliq",
    .document = "help.zeliq.com, Zeliq Enrichment API",
    .services = services,
    .service_count = sizeof services / sizeof *services,
    .tiers = tiers,
    .forms = {"document", "strict", "observed"},
    .latency = {[WORK_EMAIL] = {"email", {1000, 8000, 180000}},
                [WORK_PHONE] = {"phone", {1000, 8000, 180000}}},
    .callbacks = {.retries = 0},
    .authorized = authorized,
    .route = route,
    .apply = apply,
    .problem = problem,
    .limited = limited,
    .judge = judge,
    .job_id = job_id,
    .job_ends = job_ends,
    .callback = callback,
};
