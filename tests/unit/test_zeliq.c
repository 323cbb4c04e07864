/* Zeliq: the requests as they are sent, every form of its replies and callbacks, and what is not
 * one. */
#include "payload.h"

static const struct provider *vendor;

#define LINKEDIN FIELD_BIT(LINKEDIN_URL)
#define NAMES    (FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME))
#define CALLBACK "https://list.example/callbacks/zeliq/t0ken"

/* An operation as it is asked in a plan. */
static struct operation configured(const char *name, const char *tier)
{
    struct operation made;
    struct error e = {0};
    const struct operation *op = provider_operation(name, &e);

    assert_non_null(op);
    const struct provider_tier *t = provider_tier(vendor, tier, &e);
    assert_non_null(t);
    assert_int_equal(provider_configure(&made, op, t, NULL, 0, &e), 0);
    return made;
}

/* --- facts --- */

static void facts(void **state)
{
    (void)state;
    if (provider_problem(vendor))
        fail_msg("%s", provider_problem(vendor));
    assert_string_equal(vendor->base_url, "https://app.zeliq.com/api");
    assert_string_equal(vendor->key_header, "x-api-key");
    assert_string_equal(vendor->key_prefix, "");
    assert_string_equal(vendor->key_env, "ZELIQ_API_KEY");
    assert_string_equal(vendor->origin_header, "x-request-origin");
    assert_int_equal(vendor->proof, PROOF_TOKEN);
    assert_null(vendor->proof_header);
    assert_true(vendor->balance_unmetered);
    assert_int_equal(vendor->live_max, 4096);
    for (const struct operation *o = vendor->operations; o->name; o++) {
        assert_int_equal(o->delivery, DELIVERY_CALLBACK);
        assert_true(o->calls_back);
        assert_int_equal(o->items_max, 1);
        assert_int_equal(o->deadline_ms, 30 * 60 * 1000);
        assert_int_equal(o->doubt_ms, 30 * 60 * 1000);
    }
}

static void tiers_and_prices(void **state)
{
    static const struct {
        const char *tier;
        uint32_t minute, hour, day;
        int64_t email, phone;
    } rows[] = {
        {"free", 50, 200, 600, 1, 10},          {"starter", 200, 400, 2000, 1, 10},
        {"essential", 600, 2000, 6000, 1, 10},  {"advanced", 600, 2000, 6000, 0, 10},
        {"enterprise", 600, 2000, 6000, 0, 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {0};
        const struct provider_tier *t = provider_tier(vendor, rows[i].tier, &e);
        const struct rate_limit want[] = {{RATE_BIT(RATE_SUBMIT), rows[i].minute, 60000},
                                          {RATE_BIT(RATE_SUBMIT), rows[i].hour, 3600000},
                                          {RATE_BIT(RATE_SUBMIT), rows[i].day, 86400000}};
        assert_non_null(t);
        assert_int_equal(t->slots, 0);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(t->limits[k].classes, want[k].classes);
            assert_int_equal(t->limits[k].count, want[k].count);
            assert_int_equal(t->limits[k].per_ms, want[k].per_ms);
        }
        assert_int_equal(t->limits[3].count, 0);
        assert_int_equal(configured("zeliq/email", rows[i].tier).price, rows[i].email);
        assert_int_equal(configured("zeliq/phone", rows[i].tier).price, rows[i].phone);
    }
}

/* --- requests --- */

static struct record person(void)
{
    struct record r = {.problem = {NULL}};

    r.value[FIELD_LINKEDIN_URL] = slice_of("https://www.linkedin.com/in/mira-okafor");
    r.value[FIELD_EMAIL] = slice_of("mira@orchard.example");
    r.value[FIELD_FIRST_NAME] = slice_of("Mira");
    r.value[FIELD_LAST_NAME] = slice_of("Okafor");
    r.value[FIELD_DOMAIN] = slice_of("orchard.example");
    r.value[FIELD_COMPANY] = slice_of("Orchard & Co");
    return r;
}

static size_t body(const struct operation *o, const struct record *r, field_set set, struct buf *b)
{
    struct body_writer w = {.operation = o, .out = b, .callback_url = slice_of(CALLBACK)};

    o->body_begin(&w);
    assert_true(o->body_item(&w, r, set));
    o->body_end(&w);
    assert_false(b->failed);
    return b->len;
}

static void body_is(const char *op, const struct record *r, field_set set, const char *name)
{
    struct operation o = configured(op, NULL);
    struct buf b;

    buf_init(&b, PAYLOAD_MAX);
    body(&o, r, set, &b);
    struct slice want = payload(name);
    if (!slice_eq(buf_slice(&b), want))
        fail_msg("%.*s is not %.*s", SLICE_ARG(buf_slice(&b)), SLICE_ARG(want));
    buf_deinit(&b);
}

static void requests(void **state)
{
    struct operation email = configured("zeliq/email", NULL),
                     phone = configured("zeliq/phone", NULL);
    struct record r = person();
    struct http_request q;

    (void)state;
    email.build_submit(&email, &q);
    assert_int_equal(q.method, HTTP_POST);
    assert_true(q.has_body);
    assert_string_equal(q.path, "/contact/enrich/email");
    phone.build_submit(&phone, &q);
    assert_int_equal(q.method, HTTP_POST);
    assert_true(q.has_body);
    assert_string_equal(q.path, "/contact/enrich/phone");
    vendor->build_balance(&q);
    assert_int_equal(q.method, HTTP_GET);
    assert_false(q.has_body);
    assert_string_equal(q.path, "/credits/balance");

    assert_int_equal(email.accepts[0], LINKEDIN);
    assert_int_equal(email.accepts[1], NAMES | FIELD_BIT(DOMAIN));
    assert_int_equal(email.accepts[2], NAMES | FIELD_BIT(COMPANY));
    assert_int_equal(email.accepts[3], 0);
    assert_int_equal(phone.accepts[0], LINKEDIN);
    assert_int_equal(phone.accepts[1], FIELD_BIT(EMAIL));
    assert_int_equal(phone.accepts[2], 0);

    /* The record has more than the set: only the set is sent. */
    body_is("zeliq/email", &r, email.accepts[0], "zeliq/request-email-linkedin");
    body_is("zeliq/email", &r, email.accepts[2], "zeliq/request-email-company");
    body_is("zeliq/phone", &r, phone.accepts[0], "zeliq/request-phone-linkedin");
    body_is("zeliq/phone", &r, phone.accepts[1], "zeliq/request-phone-email");
    r.value[FIELD_FIRST_NAME] = slice_of("Zoë");
    r.value[FIELD_LAST_NAME] = slice_of("O\"Dell");
    body_is("zeliq/email", &r, email.accepts[1], "zeliq/request-email-domain");

    r.value[FIELD_LINKEDIN_URL] = slice_of("https://www.linkedin.com/in/teo-brandt");
    r.value[FIELD_EMAIL] = slice_of("teo@dairyworks.example");
    r.value[FIELD_FIRST_NAME] = slice_of("Teo");
    r.value[FIELD_LAST_NAME] = slice_of("Brandt");
    r.value[FIELD_COMPANY] = slice_of("Dairy Works");
    body_is("zeliq/email", &r, email.accepts[0], "zeliq/document-email-request-a");
    body_is("zeliq/email", &r, email.accepts[2], "zeliq/document-email-request-b");
    body_is("zeliq/phone", &r, phone.accepts[0], "zeliq/document-phone-request-a");
    body_is("zeliq/phone", &r, phone.accepts[1], "zeliq/document-phone-request-b");
}

/* The disk reserve is computed from item_bytes_max: no request may be longer. */
static void longest_requests(void **state)
{
    char name[257] = {0}, url[1001] = {0};
    struct operation email = configured("zeliq/email", NULL);
    struct record r = {.problem = {NULL}};
    struct buf b;

    (void)state;
    memset(name, 1, 256); /* escaped as \u0001 */
    memset(url, 1, 1000);
    r.value[FIELD_FIRST_NAME] = r.value[FIELD_LAST_NAME] = r.value[FIELD_COMPANY] = slice_of(name);
    assert_null(email.check(&email, &r));
    r.value[FIELD_LINKEDIN_URL] = slice_of(url);
    buf_init(&b, PAYLOAD_MAX);
    for (const field_set *set = email.accepts; *set; set++) {
        buf_reset(&b);
        assert_in_range(body(&email, &r, *set, &b), 3000, email.item_bytes_max - 1024);
    }
    buf_deinit(&b);
}

static void checks(void **state)
{
    char name[258] = {0};
    struct operation email = configured("zeliq/email", NULL),
                     phone = configured("zeliq/phone", NULL);
    struct record r = person();

    (void)state;
    memset(name, 'a', 257);
    assert_null(email.check(&email, &r));
    assert_null(phone.check(&phone, &r));
    r.value[FIELD_COMPANY] = slice_of(name); /* not asked with */
    assert_null(email.check(&email, &r));
    r.value[FIELD_LINKEDIN_URL] = slice_of("https://www.linkedin.com/company/orchard");
    assert_non_null(strstr(email.check(&email, &r), "linkedin_url"));
    assert_non_null(strstr(phone.check(&phone, &r), "linkedin_url"));
    /* What cannot be used is not asked with either. */
    r.problem[FIELD_LINKEDIN_URL] = "is not a LinkedIn address";
    assert_null(email.check(&email, &r));
    assert_null(phone.check(&phone, &r));
    r.value[FIELD_DOMAIN] = SLICE_EMPTY;
    assert_non_null(strstr(email.check(&email, &r), "company"));
    r.value[FIELD_LAST_NAME] = slice_of(name);
    assert_non_null(strstr(email.check(&email, &r), "last_name"));
    r.value[FIELD_FIRST_NAME] = slice_of(name);
    assert_non_null(strstr(email.check(&email, &r), "first_name"));
    assert_null(phone.check(&phone, &r));
}

/* --- replies --- */

static void submissions(void **state)
{
    static const struct {
        const char *text, *id;
    } rows[] = {
        {"zeliq/document-accepted", "0f3c9a52-7d1e-4b60-9c2f-5e8a6b7d1c44"},
        {"zeliq/client-accepted-200", "7401"},
        {"zeliq/client-accepted-untracked", ""},
        {"{}", ""},
        {"[]", ""},
        {"null", ""},
        {"{\"jobId\":\"../balance\"}", ""},
        {"{\"jobId\":\"\"}", ""},
        {"{\"jobId\":-3}", ""},
        {"{\"jobId\":1.5}", ""},
        {"{\"jobId\":null}", ""},
        {"{\"jobId\":[\"a\"]}", ""},
    };
    struct operation o = configured("zeliq/email", NULL);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submit_reply reply;
        struct error e = {0};
        memset(&reply, 'x', sizeof reply);
        assert_int_equal(o.parse_submit(&o, parse(payload(rows[i].text)), &reply, &e), 0);
        assert_string_equal(reply.id, rows[i].id);
        assert_int_equal(reply.items, 1);
        assert_int_equal(reply.reserved, -1);
        assert_int_equal(reply.price, -1);
        assert_int_equal(reply.balance, -1);
        assert_false(reply.finished);
    }
}

static void balances(void **state)
{
    static const struct {
        const char *text;
        bool said;
        int64_t credits;
    } rows[] = {
        {"zeliq/document-balance", true, 3120},
        {"{\"credit_balance\":0}", true, 0},
        {"{\"credit_balance\":-4}", true, 0},
        {"{\"credit_balance\":7.9}", true, 7},
        {"{\"credit_balance\":\"42\"}", true, 42},
        {"{\"credit_balance\":\"Unlimited\"}", true, -1},
        {"{\"credit_balance\":1e300}", false, 0},
        {"{\"credit_balance\":null}", false, 0},
        {"{\"credit_balance\":\"many\"}", false, 0},
        {"{}", false, 0},
        {"[]", false, 0},
        {"zeliq/assumed-error-401-none", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct balance_reply reply;
        assert_int_equal(vendor->parse_balance(parse(payload(rows[i].text)), &reply), rows[i].said);
        assert_int_equal(reply.credits, rows[i].credits);
        assert_int_equal(reply.used_today, -1);
        assert_int_equal(reply.limit_today, -1);
        assert_string_equal(reply.plan, "");
    }
}

static void limits_of_a_refusal(void **state)
{
    static const struct {
        const char *text;
        unsigned count;
        uint32_t minute, hour, day; /* 0: not said */
    } rows[] = {
        {"zeliq/document-error-429", 3, 60, 240, 900},
        {"{\"limits\":{\"perDay\":\"700\"}}", 1, 0, 0, 700},
        {"{\"limits\":{\"perMinute\":0,\"perHour\":-1,\"perDay\":4294967296}}", 0, 0, 0, 0},
        {"{\"limits\":{\"perMinute\":null,\"perHour\":5,\"perDay\":1.5}}", 1, 0, 5, 0},
        {"{\"limits\":[1,2]}", 0, 0, 0, 0},
        {"{\"limits\":null}", 0, 0, 0, 0},
        {"{\"perMinute\":5}", 0, 0, 0, 0},
        {"[]", 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rate_limit limits[RATE_LIMITS_MAX] = {{0}};
        unsigned at = 0;
        assert_int_equal(vendor->parse_limits(parse(payload(rows[i].text)), limits), rows[i].count);
        const uint32_t want[] = {rows[i].minute, rows[i].hour, rows[i].day};
        const int64_t per[] = {60000, 3600000, 86400000};
        for (size_t k = 0; k < 3; k++) {
            if (want[k] == 0)
                continue;
            assert_int_equal(limits[at].classes, RATE_BIT(RATE_SUBMIT));
            assert_int_equal(limits[at].count, want[k]);
            assert_int_equal(limits[at++].per_ms, per[k]);
        }
        assert_int_equal(at, rows[i].count);
    }
}

static void errors(void **state)
{
    static const struct {
        const char *name;
        long status;
        enum reply_class paid, free;
        const char *text;
    } rows[] = {
        {"assumed-error-400-phone", 400, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED,
         "linkedin_url or email is required"},
        {"assumed-error-400-email", 400, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED,
         "Either linkedin_url OR (first_name, last_name, and company or domain) are required"},
        {"assumed-error-400-list", 400, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED, "Bad Request"},
        {"assumed-error-401-none", 401, REPLY_REFUSED, REPLY_REFUSED, "API key is required"},
        {"assumed-error-401-wrong", 401, REPLY_REFUSED, REPLY_REFUSED, "Invalid API key"},
        {"assumed-error-402", 402, REPLY_NO_CREDITS, REPLY_NO_CREDITS, "No Credit Remaining"},
        {"assumed-error-423", 423, REPLY_REFUSED, REPLY_REFUSED, "User is blocked"},
        {"document-error-429", 429, REPLY_THROTTLED, REPLY_THROTTLED, "Over the limit. Later."},
        {"document-error-429", 403, REPLY_REFUSED, REPLY_REFUSED, "Over the limit. Later."},
        {"document-error-429", 404, REPLY_NOT_APPLIED, REPLY_GONE, "Over the limit. Later."},
        {"document-error-429", 413, REPLY_TOO_LARGE, REPLY_NOT_APPLIED, "Over the limit. Later."},
        {"document-error-429", 500, REPLY_DOUBT, REPLY_RETRY, "Over the limit. Later."},
        {"document-error-429", 408, REPLY_DOUBT, REPLY_RETRY, "Over the limit. Later."},
        {"document-error-429", 302, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED, "Over the limit. Later."},
        {"document-accepted", 202, REPLY_OK, REPLY_OK, "Taken, results come to the callback"},
        {"client-accepted-200", 200, REPLY_OK, REPLY_OK, ""},
    };
    struct operation o = configured("zeliq/phone", NULL);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128];
        struct http_reply reply = {.end = HTTP_REPLY, .status = rows[i].status};
        struct problem problem;
        snprintf(name, sizeof name, "zeliq/%s", rows[i].name);
        problem_parse(&problem, json, payload(name));
        assert_string_equal(problem.text, rows[i].text);
        struct json_value root = parse(payload(name));
        assert_int_equal(o.classify(&reply, true, &root, &problem), rows[i].paid);
        assert_int_equal(o.classify(&reply, false, &root, &problem), rows[i].free);
    }
    struct http_reply lost = {.end = HTTP_LOST}, unsent = {.end = HTTP_NOT_SENT};
    struct problem none = {.balance = -1};
    assert_int_equal(o.classify(&lost, true, NULL, &none), REPLY_DOUBT);
    assert_int_equal(o.classify(&unsent, true, NULL, &none), REPLY_RETRY);
}

/* --- callbacks --- */

static const struct callback_row {
    const char *text;
    bool phone;
    const char *tier;
    enum outcome outcome;
    int64_t credits, used;
    const char *reason, *value, *status; /* value: the email or the number */
    const char *all;                     /* emails or phones */
    field_set echoed;
} callbacks[] = {
    {"zeliq/document-email-callback", false, NULL, OUTCOME_FOUND, 1, 1, NULL,
     "teo@dairyworks.example", "valid",
     "[{\"email\":\"teo@dairyworks.example\",\"status\":\"valid\"},"
     "{\"email\":\"t.brandt@dairyworks.example\",\"status\":\"catch_all\"}]",
     LINKEDIN},
    {"zeliq/document-phone-callback", true, NULL, OUTCOME_FOUND, 10, 10, NULL, "+15550100140", NULL,
     "[{\"number\":\"+15550100140\"},{\"number\":\"+15550100141\"}]", LINKEDIN},
    {"zeliq/client-email-callback", false, NULL, OUTCOME_FOUND, 2, 2, NULL, "mira@orchard.example",
     "safe to send",
     "[{\"email\":\"mira@orchard.example\",\"status\":\"safe to send\"},"
     "{\"email\":\"m@orchard.example\",\"status\":\"risky\"}]",
     0},
    {"zeliq/client-email-miss", false, NULL, OUTCOME_NOT_FOUND, 0, 0, "no email found", NULL, NULL,
     NULL, 0},
    {"zeliq/client-phone-miss", true, NULL, OUTCOME_NOT_FOUND, 0, 0, "no phone number found", NULL,
     NULL, NULL, 0},
    {"zeliq/assumed-email-free", false, "advanced", OUTCOME_FOUND, 0, 0, NULL,
     "sol@hivefive.example", "unknown",
     "[{\"email\":\"sol@hivefive.example\",\"status\":\"unknown\"}]", LINKEDIN},
    {"zeliq/assumed-email-invalid-first", false, NULL, OUTCOME_FOUND, 1, 1, NULL,
     "sol@hivefive.example", "catch_all",
     "[{\"email\":\"sol@hivefive.example\",\"status\":\"catch_all\"},"
     "{\"email\":\"old@hivefive.example\",\"status\":\"invalid\"}]",
     LINKEDIN},
    {"zeliq/assumed-failed", false, NULL, OUTCOME_FAILED, 0, 0, "providers are unavailable", NULL,
     NULL, NULL, 0},
    /* The other operation's callback holds nothing that was asked for. */
    {"zeliq/document-email-callback", true, NULL, OUTCOME_NOT_FOUND, 1, 1, "no phone number found",
     NULL, NULL, NULL, LINKEDIN},
    {"zeliq/document-phone-callback", false, NULL, OUTCOME_NOT_FOUND, 10, 10, "no email found",
     NULL, NULL, NULL, LINKEDIN},
    /* The vendor's number rules, also where it is 0 and the price is not. */
    {"{\"credit_used\":0,\"contact\":{\"most_probable_email\":\"a@b.example\"}}", false, NULL,
     OUTCOME_FOUND, 0, 0, NULL, "a@b.example", NULL, "[{\"email\":\"a@b.example\"}]", 0},
    /* Without credit_used: by the price of the plan. */
    {"{\"contact\":{\"most_probable_email\":\"a@b.example\"}}", false, NULL, OUTCOME_FOUND, 1, -1,
     NULL, "a@b.example", NULL, "[{\"email\":\"a@b.example\"}]", 0},
    {"{\"contact\":{\"emails\":[{\"email\":\"a@b.example\"}]}}", false, "enterprise", OUTCOME_FOUND,
     0, -1, NULL, "a@b.example", NULL, "[{\"email\":\"a@b.example\"}]", 0},
    {"{\"contact\":{\"phones\":[{\"phone\":\"+1 (555) 010-0150\"}],\"email\":\"q@b.example\"}}",
     true, "enterprise", OUTCOME_FOUND, 10, -1, NULL, "+15550100150", NULL,
     "[{\"number\":\"+15550100150\"}]", FIELD_BIT(EMAIL)},
    {"{\"most_probable_phone\":\"+15550100151\"}", true, NULL, OUTCOME_FOUND, 10, -1, NULL,
     "+15550100151", NULL, "[{\"number\":\"+15550100151\"}]", 0},
    /* Nothing else than an invalid one: it is the answer, and says so. */
    {"{\"contact\":{\"emails\":[{\"email\":\"a@b.example\",\"status\":\"INVALID\"}]}}", false, NULL,
     OUTCOME_FOUND, 1, -1, NULL, "a@b.example", "invalid",
     "[{\"email\":\"a@b.example\",\"status\":\"invalid\"}]", 0},
    /* A value beside an error is a value. */
    {"{\"error\":\"late\",\"contact\":{\"most_probable_email\":\"a@b.example\"}}", false, NULL,
     OUTCOME_FOUND, 1, -1, NULL, "a@b.example", NULL, "[{\"email\":\"a@b.example\"}]", 0},
    {"{}", false, NULL, OUTCOME_NOT_FOUND, 0, -1, "no email found", NULL, NULL, NULL, 0},
    {"{\"contact\":[]}", true, NULL, OUTCOME_NOT_FOUND, 0, -1, "no phone number found", NULL, NULL,
     NULL, 0},
    {"{\"contact\":{\"most_probable_email\":\"not found\",\"emails\":[null,7,\"x\",{}]}}", false,
     NULL, OUTCOME_NOT_FOUND, 0, -1, "no email found", NULL, NULL, NULL, 0},
    {"{\"contact\":{\"most_probable_phone\":\"none\",\"phones\":[{\"phone\":\"\"},[]]}}", true,
     NULL, OUTCOME_NOT_FOUND, 0, -1, "no phone number found", NULL, NULL, NULL, 0},
    {"{\"credit_used\":-1,\"error\":\"no luck\"}", true, NULL, OUTCOME_FAILED, 0, -1, "no luck",
     NULL, NULL, NULL, 0},
    {"{\"contact\":{\"error\":true}}", true, NULL, OUTCOME_FAILED, 0, -1,
     "the vendor reports an error", NULL, NULL, NULL, 0},
    {"{\"statusCode\":500,\"message\":\"broken\"}", true, NULL, OUTCOME_FAILED, 0, -1, "broken",
     NULL, NULL, NULL, 0},
    {"{\"status\":\"Failed\"}", false, NULL, OUTCOME_FAILED, 0, -1, "the vendor reports an error",
     NULL, NULL, NULL, 0},
    {"{\"status\":200,\"error\":null}", false, NULL, OUTCOME_NOT_FOUND, 0, -1, "no email found",
     NULL, NULL, NULL, 0},
};

static void callback_is(const struct callback_row *row)
{
    struct operation o = configured(row->phone ? "zeliq/phone" : "zeliq/email", row->tier);
    struct callback_reply reply;
    struct error e = {0};
    struct given g;

    given_open(&g, 1 << 20);
    if (o.parse_callback(&o, parse(payload(row->text)), false, &g.arena, given_keep, &g, &reply,
                         &e) != 0)
        fail_msg("%s: %s", row->text, e.message);
    const struct answer *a = &g.item.answer;
    assert_int_equal(g.count, 1);
    assert_int_equal(reply.kind, CALLBACK_RESULT);
    assert_string_equal(reply.id, "");
    assert_int_equal(reply.page.rows, 1);
    assert_int_equal(reply.page.total, 1);
    assert_int_equal(reply.page.used, row->used);
    assert_int_equal(reply.page.refunded, -1);
    assert_int_equal(reply.page.balance, -1);
    if (a->outcome != row->outcome || a->credits != row->credits)
        fail_msg("%s: outcome %d, %lld credits", row->text, (int)a->outcome, (long long)a->credits);
    slice_is(row->text, a->reason, row->reason);
    slice_is(row->text, a->value[row->phone ? FIELD_PHONE : FIELD_EMAIL], row->value);
    slice_is(row->text, a->value[FIELD_EMAIL_STATUS], row->status);
    slice_is(row->text, a->value[row->phone ? FIELD_PHONES : FIELD_EMAILS], row->all);
    assert_int_equal(g.item.echoed, row->echoed);
    answer_is_sound(&o, a);
    arena_deinit(&g.arena);
}

static void callbacks_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++)
        callback_is(&callbacks[i]);
}

static void read_callback(const char *op, const char *name, bool raw, struct given *g)
{
    struct operation o = configured(op, NULL);
    struct callback_reply reply;
    struct error e = {0};

    given_open(g, 1 << 20);
    assert_int_equal(
        o.parse_callback(&o, parse(payload(name)), raw, &g->arena, given_keep, g, &reply, &e), 0);
}

static void persons_and_echoes(void **state)
{
    struct given g;

    (void)state;
    read_callback("zeliq/email", "zeliq/assumed-email-free", true, &g);
    const struct answer *a = &g.item.answer;
    slice_is("first", a->value[FIELD_FIRST_NAME], "Sol");
    slice_is("last", a->value[FIELD_LAST_NAME], "Adeyemi");
    slice_is("domain", a->value[FIELD_COMPANY_DOMAIN], "hivefive.example");
    slice_is("linkedin", a->value[FIELD_LINKEDIN_URL], "https://www.linkedin.com/in/sol-adeyemi");
    slice_is("raw", a->value[FIELD_RAW],
             "{\"credit_used\":0,\"contact\":{\"first_name\":\"Sol\",\"last_name\":\"Adeyemi\","
             "\"domain\":\"https://www.hivefive.example/\","
             "\"linkedin_url\":\"https://www.linkedin.com/in/sol-adeyemi\","
             "\"most_probable_email\":\"sol@hivefive.example\","
             "\"most_probable_email_status\":\"unknown\",\"emails\":[]}}");
    arena_deinit(&g.arena);

    /* The document wraps addresses in angle brackets. */
    read_callback("zeliq/email", "zeliq/document-email-callback", false, &g);
    slice_is("echo", g.item.echo.value[FIELD_LINKEDIN_URL],
             "https://www.linkedin.com/in/teo-brandt");
    slice_is("email", g.item.echo.value[FIELD_EMAIL], "");
    arena_deinit(&g.arena);

    /* A phone's callback repeats both; which was asked by, the reader of the answer knows. */
    read_callback("zeliq/phone", "zeliq/document-phone-callback", false, &g);
    slice_is("echo", g.item.echo.value[FIELD_LINKEDIN_URL],
             "https://www.linkedin.com/in/teo-brandt");
    slice_is("email", g.item.echo.value[FIELD_EMAIL], "teo@dairyworks.example");
    slice_is("no finding", g.item.answer.value[FIELD_EMAIL], "");
    arena_deinit(&g.arena);

    /* What is no person's address is no echo. */
    read_callback("zeliq/email",
                  "{\"contact\":{\"linkedin_url\":\"https://linkedin.com/company/x\","
                  "\"most_probable_email\":\"a@b.example\"}}",
                  false, &g);
    assert_int_equal(g.item.echoed, 0);
    slice_is("kept", g.item.answer.value[FIELD_LINKEDIN_URL], "https://www.linkedin.com/company/x");
    arena_deinit(&g.arena);
}

static void callbacks_that_are_none(void **state)
{
    static const char *const texts[] = {"[]", "null", "\"x\"", "0"};
    struct operation o = configured("zeliq/email", NULL);
    struct callback_reply reply;
    struct given g;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error e = {0};
        given_open(&g, 1 << 20);
        assert_int_equal(o.parse_callback(&o, parse(slice_of(texts[i])), false, &g.arena,
                                          given_keep, &g, &reply, &e),
                         ERR_DATA);
        assert_int_equal(e.code, ERR_DATA);
        assert_int_equal(g.count, 0);
        arena_deinit(&g.arena);
    }
    /* Without memory nothing is half read; a reader can refuse. */
    struct error e = {0};
    given_open(&g, 64);
    assert_int_equal(o.parse_callback(&o, parse(payload("zeliq/document-email-callback")), true,
                                      &g.arena, given_keep, &g, &reply, &e),
                     ERR_INTERNAL);
    assert_int_equal(g.count, 0);
    arena_deinit(&g.arena);
    given_open(&g, 1 << 20);
    g.refuse = ERR_IO;
    assert_int_equal(o.parse_callback(&o, parse(payload("zeliq/document-email-callback")), true,
                                      &g.arena, given_keep, &g, &reply, &e),
                     ERR_IO);
    assert_int_equal(reply.page.rows, 0);
    arena_deinit(&g.arena);
    /* No document shows an id; one that is there is told. */
    given_open(&g, 1 << 20);
    assert_int_equal(o.parse_callback(&o, parse(slice_of("{\"jobId\":\"j-1\"}")), false, &g.arena,
                                      given_keep, &g, &reply, &e),
                     0);
    assert_string_equal(reply.id, "j-1");
    arena_deinit(&g.arena);
}

/* --- replies that are not what they should be --- */

static const char *const replies[] = {
    "zeliq/document-accepted",           "zeliq/document-balance",
    "zeliq/document-error-429",          "zeliq/document-email-callback",
    "zeliq/document-phone-callback",     "zeliq/client-email-callback",
    "zeliq/client-email-miss",           "zeliq/client-phone-miss",
    "zeliq/assumed-email-free",          "zeliq/assumed-failed",
    "zeliq/assumed-email-invalid-first",
};

#define REPLY_COUNT (sizeof replies / sizeof replies[0])

static unsigned read_all(struct json_value root)
{
    unsigned taken = 0;
    struct rate_limit limits[RATE_LIMITS_MAX];
    struct balance_reply balance;

    for (size_t i = 0; i < 2; i++) {
        struct operation o = configured(i == 0 ? "zeliq/email" : "zeliq/phone", NULL);
        struct submit_reply submit;
        struct callback_reply reply;
        struct error e = {0};
        struct given g;
        assert_int_equal(o.parse_submit(&o, root, &submit, &e), 0);
        assert_true(submit.id[0] == '\0' || http_id_valid(slice_of(submit.id)));
        given_open(&g, 1 << 20);
        if (o.parse_callback(&o, root, true, &g.arena, given_keep, &g, &reply, &e) == 0) {
            assert_int_equal(g.count, 1);
            answer_is_sound(&o, &g.item.answer);
            taken++;
        }
        arena_deinit(&g.arena);
    }
    assert_true(vendor->parse_limits(root, limits) <= 3);
    return taken + vendor->parse_balance(root, &balance);
}

static void cut_replies_are_never_whole(void **state)
{
    struct operation o = configured("zeliq/email", NULL);

    (void)state;
    for (size_t i = 0; i < REPLY_COUNT; i++)
        payload_cuts(&o, replies[i], 202);
}

static void broken_replies_do_no_harm(void **state)
{
    (void)state;
    payloads_break(replies, REPLY_COUNT, 2000, read_all, 1000, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts),
        cmocka_unit_test(tiers_and_prices),
        cmocka_unit_test(requests),
        cmocka_unit_test(longest_requests),
        cmocka_unit_test(checks),
        cmocka_unit_test(submissions),
        cmocka_unit_test(balances),
        cmocka_unit_test(limits_of_a_refusal),
        cmocka_unit_test(errors),
        cmocka_unit_test(callbacks_are_read),
        cmocka_unit_test(persons_and_echoes),
        cmocka_unit_test(callbacks_that_are_none),
        cmocka_unit_test(cut_replies_are_never_whole),
        cmocka_unit_test(broken_replies_do_no_harm),
    };

    vendor = provider_find(SLICE_LIT("zeliq"));
    RUN_TESTS(tests);
}
