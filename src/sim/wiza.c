/* Answers as Wiza does: individual reveals, which are asked for, worked on in slots, and polled or
 * called back.
 *
 * A reveal is charged when it ends, and only for what it found: 5 for phones, 2 for a valid email,
 * 1 for a profile at level none; a risky email comes for free. While it is worked on, the most it can
 * cost is set aside, so that the balance never gets negative. One that the balance cannot pay for
 * does not run: it fails with billing_issue, in a reply with status 200.
 *
 * The document leaves shapes open, and public clients differ; the forms are
 *   document  phones with number_pretty and an E.164 phone_number each; a billing issue in the reply
 *             to POST
 *   api       phones with pretty_number and a number without "+", phone_number beside them; POST
 *             answers with data alone; a billing issue when it is its turn
 *   observed  as api, but working is called processing and scraping, a reveal is not found (404, in
 *             a flat body) in the first moments, unverifiable emails are catch_all, and the key's
 *             digest in callbacks is in capitals
 *
 * No state beyond the account's. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "sim/person.h"
#include "sim/shop.h"
#include "sim/vendors.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define FIELD_MAX    1000 /* characters */
#define UNFOUND_MS   1500 /* form observed: for so long a new reveal is not found */
#define ID_BASE      100000000
#define ID_RANGE     800000000
#define PRICE_PHONE  5
#define PRICE_EMAIL  2
#define PRICE_SCRAPE 1
#define BILLING      "billing_issue"

enum endpoint { ENDPOINT_START, ENDPOINT_READ, ENDPOINT_CREDITS, ENDPOINT_UNKNOWN };
enum form { FORM_DOCUMENT, FORM_API, FORM_OBSERVED };
enum work { WORK_WORK, WORK_PERSONAL, WORK_PHONE, WORK_PROFILE };

enum field {
    FIELD_URL,
    FIELD_NAME,
    FIELD_DOMAIN,
    FIELD_COMPANY,
    FIELD_EMAIL,
    FIELD_LEVEL,
    FIELD_WORK,
    FIELD_PERSONAL,
    FIELDS
};
#define FIELD_INPUTS FIELD_LEVEL /* those before it tell who is meant */

static const struct service services[] = {
    {.name = "individual-reveals",
     .kind = SERVICE_PERSON,
     .salt = 0x77697a61,
     .fields = FIELDS,
     .field = {"profile_url", "full_name", "domain", "company", "email", "enrichment_level",
               "accept_work", "accept_personal"},
     .urls = 1u << FIELD_URL},
};

static const struct limits_tier tiers[] = {
    {.name = "starter", .slots = 5, .queue_slots = 200},
    {.name = "enterprise", .slots = 15, .queue_slots = 200},
    {.name = NULL},
};

static bool authorized(const struct shop *shop, const struct server_request *r)
{
    return shop_key_same(shop, shop_bearer(r));
}

static struct route route(const char *method, const char *path)
{
    static const char reveals[] = "/api/individual_reveals";
    const size_t len = sizeof reveals - 1;
    bool get = strcmp(method, "GET") == 0;
    struct route r = {.endpoint = ENDPOINT_UNKNOWN, .class = CLASS_OTHER, .rate = LIMITS_NONE};
    if (strcmp(method, "POST") == 0 && strcmp(path, reveals) == 0) {
        r.endpoint = ENDPOINT_START;
        r.class = CLASS_SUBMIT;
        r.service = &services[0];
    } else if (get && strncmp(path, reveals, len) == 0 && path[len] == '/') {
        r.endpoint = ENDPOINT_READ;
        r.class = CLASS_POLL;
        r.service = &services[0];
        if (strlen(path + len + 1) < sizeof r.id)
            strcpy(r.id, path + len + 1);
    } else if (get && strcmp(path, "/api/meta/credits") == 0) {
        r.endpoint = ENDPOINT_CREDITS;
        r.class = CLASS_BALANCE;
    }
    return r;
}

static void problem(struct shop *shop, struct call *c, int status, const char *detail)
{
    bool first = true;
    bool flat = shop->settings.form == FORM_OBSERVED && status == 404;
    struct buf *out = call_json(c, status);
    buf_append_text(out, flat ? "{" : "{\"status\":{");
    json_write_member_i64(out, &first, flat ? "status" : "code", status);
    json_write_member_string(out, &first, "message", slice_of(detail));
    buf_append_text(out, flat ? "}" : "}}");
}

/* Of the queue. The document names no header that says when to come again. */
static void limited(struct shop *shop, struct call *c, const struct limits_state *state,
                    const char *retry_after, int64_t seconds)
{
    (void)state;
    (void)seconds;
    if (retry_after && retry_after != SHOP_NO_HINT)
        buf_append_format(&c->headers, "Retry-After: %s\n", retry_after);
    problem(shop, c, 429, "Usage limits exceeded");
}

/* ---- what is asked ---- */

static bool wants(const struct question *q, enum field option)
{
    return q->field[option].len == 4; /* "true" */
}

static bool wants_emails(struct slice level)
{
    return slice_eq(level, SLICE_LIT("partial")) || slice_eq(level, SLICE_LIT("full"));
}

static bool wants_phones(struct slice level)
{
    return slice_eq(level, SLICE_LIT("phone")) || slice_eq(level, SLICE_LIT("full"));
}

static int64_t price_max(const struct question *q)
{
    struct slice level = q->field[FIELD_LEVEL];
    int64_t price =
        (wants_emails(level) ? PRICE_EMAIL : 0) + (wants_phones(level) ? PRICE_PHONE : 0);
    return price ? price : PRICE_SCRAPE;
}

/* One of the strings of individual_reveal; false, with the reply made, when it cannot be. */
static bool read_input(struct shop *shop, struct call *c, struct json_value inputs,
                       enum field field, struct question *q)
{
    char detail[96];
    struct json_value value;
    q->field[field] = SLICE_EMPTY;
    if (!json_get(inputs, services[0].field[field], &value) || json_type(value) == JSON_NULL)
        return true;
    if (json_string(value, &q->field[field]) && utf8_count(q->field[field]) <= FIELD_MAX)
        return true;
    snprintf(detail, sizeof detail,
             "individual_reveal.%s must be a string of at most %d characters",
             services[0].field[field], FIELD_MAX);
    problem(shop, c, 400, detail);
    return false;
}

/* Neither given: both kinds come. */
static bool read_email_options(struct json_value root, struct question *q)
{
    struct json_value options, value;
    bool yes[2] = {true, true};
    static const enum field fields[] = {FIELD_WORK, FIELD_PERSONAL};
    if (json_get(root, "email_options", &options) && json_type(options) != JSON_NULL) {
        if (json_type(options) != JSON_OBJECT)
            return false;
        bool any = json_get(options, "accept_work", &value) ||
                   json_get(options, "accept_personal", &value);
        for (unsigned i = 0; i < 2 && any; i++) {
            yes[i] = false;
            if (json_get(options, services[0].field[fields[i]], &value) &&
                !json_bool(value, &yes[i]))
                return false;
        }
    }
    if (wants_emails(q->field[FIELD_LEVEL]))
        for (unsigned i = 0; i < 2; i++)
            q->field[fields[i]] = yes[i] ? SLICE_LIT("true") : SLICE_LIT("false");
    return true;
}

static bool enough_inputs(const struct question *q)
{
    const struct slice *f = q->field;
    bool employer = utf8_trim(f[FIELD_DOMAIN]).len > 0 || utf8_trim(f[FIELD_COMPANY]).len > 0;
    return utf8_trim(f[FIELD_URL]).len > 0 || utf8_trim(f[FIELD_EMAIL]).len > 0 ||
           (utf8_trim(f[FIELD_NAME]).len > 0 && employer);
}

static struct person_hints hints_of(const struct question *q)
{
    return (struct person_hints){.url = q->normal[FIELD_URL],
                                 .full = q->normal[FIELD_NAME],
                                 .domain = q->normal[FIELD_DOMAIN],
                                 .company = q->normal[FIELD_COMPANY],
                                 .email = q->normal[FIELD_EMAIL]};
}

/* NULL when the level is one of the four. */
static bool read_level(struct json_value root, struct question *q)
{
    static const char *const levels[] = {"none", "partial", "phone", "full"};
    if (!json_get_string(root, "enrichment_level", &q->field[FIELD_LEVEL]))
        return false;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (slice_eq(q->field[FIELD_LEVEL], slice_of(levels[i])))
            return true;
    return false;
}

/* NULL: fine, and normalised; else what is wrong. */
static const char *read_options(struct shop *shop, struct json_value root, struct question *q,
                                char callback[ACCOUNT_URL_MAX])
{
    struct json_value value;
    struct slice url;
    if (!enough_inputs(q))
        return "individual_reveal needs profile_url, full_name with domain or company, or email";
    if (!read_level(root, q))
        return "enrichment_level must be one of none, partial, phone, full";
    if (!read_email_options(root, q))
        return "email_options must hold booleans";
    callback[0] = '\0';
    if (json_get(root, "callback_url", &value) && json_type(value) != JSON_NULL) {
        if (!json_string(value, &url) || url.len >= ACCOUNT_URL_MAX ||
            (!slice_starts(url, SLICE_LIT("http://")) && !slice_starts(url, SLICE_LIT("https://"))))
            return "callback_url is not a valid URL";
        memcpy(callback, url.data, url.len);
        callback[url.len] = '\0';
    }
    shop_normalise(shop, q);
    struct person_hints h = hints_of(q);
    switch (person_refuses(&h)) {
    case TRUTH_TAKEN:
        return NULL;
    case TRUTH_REFUSED:
        return "individual_reveal.domain is refused";
    case TRUTH_POISON:
        return "The request is not valid";
    }
    return NULL;
}

/* False, with the reply made, when it cannot be carried out. */
static bool read_body(struct shop *shop, struct call *c, struct question *q,
                      char callback[ACCOUNT_URL_MAX])
{
    struct json_value root, inputs;
    struct error e = {0};
    *q = (struct question){.service = &services[0]};
    if (json_parse(shop->json, server_body(c->request), &root, &e) != 0) {
        problem(shop, c, 400, "The body is not valid JSON");
        return false;
    }
    if (!json_get(root, "individual_reveal", &inputs) || json_type(inputs) != JSON_OBJECT) {
        problem(shop, c, 400, "individual_reveal must be an object");
        return false;
    }
    for (unsigned i = 0; i < FIELD_INPUTS; i++)
        if (!read_input(shop, c, inputs, (enum field)i, q))
            return false;
    const char *wrong = read_options(shop, root, q, callback);
    if (wrong)
        problem(shop, c, 400, wrong);
    return !wrong;
}

/* How long the slowest part of the work takes. */
static int64_t draw_latency(struct shop *shop, const struct question *q)
{
    struct slice level = q->field[FIELD_LEVEL];
    bool none = slice_eq(level, SLICE_LIT("none"));
    const bool does[] = {[WORK_WORK] = wants_emails(level) && wants(q, FIELD_WORK),
                         [WORK_PERSONAL] = wants_emails(level) && wants(q, FIELD_PERSONAL),
                         [WORK_PHONE] = wants_phones(level),
                         [WORK_PROFILE] = none};
    int64_t longest = 0;
    for (unsigned i = 0; i < sizeof does / sizeof *does; i++) {
        uint64_t bits = XXH3_64bits_withSeed(q->key.data, q->key.len, shop->truth.seed + i + 1);
        int64_t ms = does[i] ? latency_draw(&shop->settings.latency[i], bits) : 0;
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

/* ---- what is found ---- */

/* What a reveal of the question ends with. */
struct finding {
    struct person person;
    bool profile, work, personal, phone; /* found, and asked for */
    bool valid_email;
    int64_t email_credits, phone_credits, scrape_credits;
};

static void find(const struct truth *t, const struct question *q, struct finding *f)
{
    struct person_hints h = hints_of(q);
    struct slice level = q->normal[FIELD_LEVEL];
    struct person *p = &f->person;
    bool none = slice_eq(level, SLICE_LIT("none"));
    person_know(t, services[0].salt, &h, p);
    f->work = wants_emails(level) && wants(q, FIELD_WORK) && p->work;
    f->personal = wants_emails(level) && wants(q, FIELD_PERSONAL) && p->personal;
    f->phone = wants_phones(level) && p->phone;
    f->profile = p->profile || f->work || f->personal || f->phone;
    if (none)
        f->profile = p->profile;
    f->valid_email = (f->work && p->work_status == VERDICT_VALID) || f->personal;
    f->email_credits = f->valid_email ? PRICE_EMAIL : 0;
    f->phone_credits = f->phone ? PRICE_PHONE : 0;
    f->scrape_credits = none && f->profile ? PRICE_SCRAPE : 0;
}

static int64_t finding_credits(const struct finding *f)
{
    return f->email_credits + f->phone_credits + f->scrape_credits;
}

static const char *email_status(const struct shop *shop, const struct person *p)
{
    bool catch_all = p->work_status == VERDICT_CATCH_ALL && shop->settings.form == FORM_OBSERVED;
    return p->work_status == VERDICT_VALID ? "valid" : catch_all ? "catch_all" : "risky";
}

/* ---- replies ---- */

/* A string, or null for NULL. */
static void member_text(struct buf *out, bool *first, const char *name, const char *text)
{
    if (text) {
        json_write_member_string(out, first, name, slice_of(text));
        return;
    }
    json_write_key(out, first, name);
    buf_append_text(out, "null");
}

static void print_profile(struct buf *out, bool *first, const struct finding *f)
{
    const struct person *p = &f->person;
    bool known = f->profile;
    member_text(out, first, "name", known ? p->full : NULL);
    member_text(out, first, "title", known ? p->title : NULL);
    member_text(out, first, "location", known ? p->location : NULL);
    member_text(out, first, "linkedin_profile_url", known ? p->url : NULL);
    member_text(out, first, "company", known ? p->company : NULL);
    member_text(out, first, "company_domain", known ? p->domain : NULL);
    json_write_key(out, first, "company_size");
    if (known)
        buf_append_u64(out, p->employees);
    else
        buf_append_text(out, "null");
}

static void print_email(struct buf *out, bool more, const char *email, const char *type,
                        const char *status)
{
    bool first = true;
    buf_append_text(out, more ? ",{" : "{");
    json_write_member_string(out, &first, "email", slice_of(email));
    json_write_member_string(out, &first, "email_type", slice_of(type));
    json_write_member_string(out, &first, "email_status", slice_of(status));
    buf_append_char(out, '}');
}

static void print_emails(const struct shop *shop, struct buf *out, bool *first,
                         const struct finding *f)
{
    const struct person *p = &f->person;
    const char *status = email_status(shop, p);
    bool personal = f->personal && !f->work;
    member_text(out, first, "email", f->work ? p->work_email : personal ? p->personal_email : NULL);
    member_text(out, first, "email_type", f->work ? "work" : personal ? "personal" : NULL);
    member_text(out, first, "email_status", f->work ? status : personal ? "valid" : "unfound");
    json_write_key(out, first, "emails");
    buf_append_char(out, '[');
    if (f->work)
        print_email(out, false, p->work_email, "work", status);
    if (f->personal)
        print_email(out, f->work, p->personal_email, "personal", "valid");
    buf_append_char(out, ']');
}

static void print_phones(const struct shop *shop, struct buf *out, bool *first,
                         const struct finding *f)
{
    const struct person *p = &f->person;
    bool document = shop->settings.form == FORM_DOCUMENT;
    char pretty[24];
    person_pretty_phone(p->phone_number[0], pretty);
    member_text(out, first, "mobile_phone", f->phone ? pretty : NULL);
    if (!document)
        member_text(out, first, "phone_number", f->phone ? p->phone_number[0] : NULL);
    member_text(out, first, "phone_status", f->phone ? "found" : "unfound");
    json_write_key(out, first, "phones");
    buf_append_char(out, '[');
    for (unsigned i = 0; f->phone && i < p->phones; i++) {
        bool inner = true;
        const char *number = p->phone_number[i];
        person_pretty_phone(number, pretty);
        buf_append_text(out, i ? ",{" : "{");
        json_write_member_string(out, &inner, "number", slice_of(document ? number : number + 1));
        if (document)
            json_write_member_string(out, &inner, "phone_number", slice_of(number));
        json_write_member_string(out, &inner, document ? "number_pretty" : "pretty_number",
                                 slice_of(pretty));
        json_write_member_string(out, &inner, "type", i ? SLICE_LIT("other") : SLICE_LIT("mobile"));
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void print_credits(struct buf *out, bool *first, const struct finding *f)
{
    json_write_key(out, first, "credits");
    buf_append_format(out,
                      "{\"api_credits\":{\"total\":%lld,\"email_credits\":%lld,"
                      "\"phone_credits\":%lld,\"scrape_credits\":%lld}}",
                      (long long)finding_credits(f), (long long)f->email_credits,
                      (long long)f->phone_credits, (long long)f->scrape_credits);
}

static void print_found(const struct shop *shop, struct buf *out, bool *first,
                        const struct finding *f, struct slice level)
{
    print_profile(out, first, f);
    if (wants_emails(level))
        print_emails(shop, out, first, f);
    if (wants_phones(level))
        print_phones(shop, out, first, f);
    print_credits(out, first, f);
}

static void job_id(const struct shop *shop, uint64_t number, char id[ACCOUNT_ID_MAX])
{
    snprintf(id, ACCOUNT_ID_MAX, "%llu",
             ID_BASE + account_nonce(shop->account) % ID_RANGE + (unsigned long long)number);
}

static const char *status_of(const struct shop *shop, const struct account_job *job)
{
    switch (job->state) {
    case JOB_QUEUED:
        return "queued";
    case JOB_RUNNING:
        if (shop->settings.form != FORM_OBSERVED)
            return "resolving";
        return clock_mono_ms() - job->begun_mono_ms < shop_real_ms(shop, job->latency_ms) / 2
                   ? "processing"
                   : "scraping";
    case JOB_FINISHED:
        return "finished";
    case JOB_FAILED:
        return "failed";
    }
    return "";
}

/* The members of data: a reveal as it stands. other: the question it is about instead, for a forged
 * one. */
static void print_reveal(struct shop *shop, const struct account_job *job,
                         const struct question *other, struct buf *out)
{
    bool first = true, ended = job->ended_ms != 0;
    char id[ACCOUNT_ID_MAX];
    struct question q;
    job_id(shop, job->number, id);
    account_job_question(job, &q);
    if (other)
        for (unsigned i = 0; i < FIELD_INPUTS; i++)
            q.field[i] = other->field[i];
    shop_normalise(shop, &q);
    buf_reset(out);
    json_write_key(out, &first, "id");
    buf_append_text(out, id);
    json_write_member_string(out, &first, "status", slice_of(status_of(shop, job)));
    json_write_member_bool(out, &first, "is_complete", ended);
    member_text(out, &first, "fail_error", job->fail[0] ? job->fail : NULL);
    json_write_member_string(out, &first, "enrichment_level", q.field[FIELD_LEVEL]);
    if (job->state == JOB_FINISHED) {
        struct finding *f = calloc(1, sizeof *f);
        if (!f)
            abort();
        find(&job->truth, &q, f);
        print_found(shop, out, &first, f, q.field[FIELD_LEVEL]);
        free(f);
    }
}

/* The members of the reply to POST: as much as there is to say at once. */
static void print_started(struct shop *shop, const struct account_job *job, struct buf *out)
{
    bool first = true;
    char id[ACCOUNT_ID_MAX];
    job_id(shop, job->number, id);
    buf_reset(out);
    json_write_key(out, &first, "id");
    buf_append_text(out, id);
    json_write_member_string(out, &first, "status", slice_of(status_of(shop, job)));
    json_write_member_bool(out, &first, "is_complete", job->ended_ms != 0);
    if (job->fail[0])
        json_write_member_string(out, &first, "fail_error", slice_of(job->fail));
}

/* ---- requests ---- */

/* What is there for it: of those that run, the most they can cost is set aside. */
static bool can_pay(const struct shop *shop, int64_t price)
{
    return account_available(shop->account) >= price;
}

static void apply_start(struct shop *shop, struct call *c)
{
    static const char head[] = "\"status\":{\"code\":200,\"message\":\"\"},"
                               "\"type\":\"individual_reveal\",";
    struct question q;
    char callback[ACCOUNT_URL_MAX];
    const struct account_job *job;
    bool document = shop->settings.form == FORM_DOCUMENT;
    if (!read_body(shop, c, &q, callback))
        return;
    if (!shop_has_room(shop)) {
        problem(shop, c, 429, "The queue is full: usage limits exceeded");
        return;
    }
    struct account_job draft = {.truth = shop->truth,
                                .price = price_max(&q),
                                .latency_ms = draw_latency(shop, &q),
                                .callback = callback};
    if (document && !can_pay(shop, draft.price)) {
        job = account_job_add(shop->account, &q, &draft, &c->post);
        c->accepted = true;
        account_job_end(shop->account, job->number, 0, BILLING, 0);
        jobs_ended(shop->jobs, job->number);
    } else {
        job = shop_accept(shop, c, &q, &draft);
    }
    print_started(shop, job, &shop->data);
    call_data(c, 200, document ? head : "", "data", buf_slice(&shop->data));
}

static const struct account_job *find_reveal(const struct shop *shop, const char *id)
{
    unsigned long long number;
    unsigned long long base = ID_BASE + account_nonce(shop->account) % ID_RANGE;
    if (!slice_u64(slice_of(id), &number) || number < base)
        return NULL;
    return account_job(shop->account, number - base);
}

static void apply_read(struct shop *shop, const struct route *route, struct call *c)
{
    const struct account_job *job = find_reveal(shop, route->id);
    bool young = job && shop->settings.form == FORM_OBSERVED &&
                 clock_wall_ms() - job->at_ms < shop_real_ms(shop, UNFOUND_MS);
    if (job)
        account_job_polled(shop->account, job->number);
    if (!job || young) {
        problem(shop, c, 404, "Record not found");
        return;
    }
    print_reveal(shop, job, NULL, &shop->data);
    call_data(c, 200, "", "data", buf_slice(&shop->data));
}

static void apply_credits(struct shop *shop, struct call *c)
{
    struct buf *out = &shop->data;
    const struct account *a = shop->account;
    buf_reset(out);
    buf_append_format(out,
                      "\"email_credits\":\"unlimited\",\"phone_credits\":\"unlimited\","
                      "\"export_credits\":0,\"api_credits\":%lld",
                      (long long)(account_available(a) + account_reserved(a)));
    call_data(c, 200, "", "credits", buf_slice(out));
}

static void apply(struct shop *shop, const struct route *route, struct call *c)
{
    switch ((enum endpoint)route->endpoint) {
    case ENDPOINT_START:
        apply_start(shop, c);
        return;
    case ENDPOINT_READ:
        apply_read(shop, route, c);
        return;
    case ENDPOINT_CREDITS:
        apply_credits(shop, c);
        return;
    case ENDPOINT_UNKNOWN:
        problem(shop, c, 404, "There is no such endpoint, or it is not simulated");
        return;
    }
}

/* ---- jobs and callbacks ---- */

static bool job_starts(struct shop *shop, const struct account_job *job, char *fail)
{
    if (can_pay(shop, job->price))
        return true;
    strcpy(fail, BILLING);
    return false;
}

static void find_job(struct shop *shop, const struct account_job *job, struct finding *f)
{
    struct question q;
    account_job_question(job, &q);
    shop_normalise(shop, &q);
    find(&job->truth, &q, f);
}

static int64_t job_ends(struct shop *shop, const struct account_job *job)
{
    struct finding f = {0};
    find_job(shop, job, &f);
    return finding_credits(&f);
}

/* The hexadecimal SHA-256 of the key: the same in every callback. */
static void auth_key(const struct shop *shop, bool wrong, char *text)
{
    uint8_t digest[DIGEST_LEN];
    digest_sha256(slice_of(shop->key), digest);
    digest[0] ^= wrong;
    digest_hex(digest, sizeof digest, text);
    if (shop->settings.form == FORM_OBSERVED)
        for (; *text; text++)
            *text = (char)(*text >= 'a' ? *text - ('a' - 'A') : *text);
}

static bool callback(struct shop *shop, uint64_t cookie, enum callback_forgery forgery,
                     struct callback_draft *d)
{
    const struct account_job *job = account_job(shop->account, cookie);
    const struct question stranger = {.field = {[FIELD_NAME] = SLICE_LIT("Mallory Forger"),
                                                [FIELD_COMPANY] = SLICE_LIT("everybody.example")}};
    bool failed = job->state == JOB_FAILED;
    struct buf *data = &shop->data;
    snprintf(d->url, sizeof d->url, "%s", job->callback);
    auth_key(shop, forgery == FORGERY_SIGNATURE, d->key);
    d->key_header = "x-auth-key";
    print_reveal(shop, job, forgery == FORGERY_PERSON ? &stranger : NULL, data);
    buf_append_format(&d->body,
                      "{\"status\":{\"code\":%d,\"message\":\"%s\"},"
                      "\"type\":\"individual_reveal\",\"data\":{",
                      failed ? 400 : 200, failed ? "Reveal failed" : "");
    buf_append_slice(&d->body, buf_slice(data));
    buf_append_text(&d->body, "}}");
    return true;
}

static int64_t judge(struct shop *shop, const struct truth *truth, const struct question *q,
                     struct buf *out)
{
    struct finding f = {0};
    bool first = false, inner = true;
    find(truth, q, &f);
    bool found = f.work || f.personal || f.phone || f.scrape_credits > 0;
    json_write_member_string(out, &first, "outcome",
                             found ? SLICE_LIT("found") : SLICE_LIT("not_found"));
    json_write_key(out, &first, "values");
    buf_append_char(out, '{');
    print_found(shop, out, &inner, &f, q->normal[FIELD_LEVEL]);
    buf_append_char(out, '}');
    return finding_credits(&f);
}

const struct vendor wiza_vendor = {
    .name = "wiza",
    .document = "help.wiza.co, Wiza API - Everything You Need to Know",
    .services = services,
    .service_count = sizeof services / sizeof *services,
    .tiers = tiers,
    .forms = {"document", "api", "observed"},
    .latency = {[WORK_WORK] = {"work", {0, 25000, 380000}},
                [WORK_PERSONAL] = {"personal", {0, 4000, 15000}},
                [WORK_PHONE] = {"phone", {0, 4000, 15000}},
                [WORK_PROFILE] = {"profile", {0, 5000, 15000}}},
    .callbacks = {.retries = 3, .pause_ms = 2000, .stops_at_403 = true},
    .authorized = authorized,
    .route = route,
    .apply = apply,
    .problem = problem,
    .limited = limited,
    .judge = judge,
    .job_id = job_id,
    .job_starts = job_starts,
    .job_ends = job_ends,
    .callback = callback,
};
