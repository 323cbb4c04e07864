/* Wiza: the requests as they are sent, every form of its replies and callbacks, and what is not
 * one. */
#include "payload.h"

static const struct provider *vendor;
static const struct operation *reveal;

#define LINKEDIN FIELD_BIT(LINKEDIN_URL)
#define NO_BILL  "billing_issue: no credits, or a payment that is due"

/* The operation with these options; NULL: the preset. */
static struct operation configured(const char *level, const char *emails)
{
    struct operation made;
    struct error e = {0};
    char text[2][64];
    const char *given[2];
    unsigned count = 0;

    if (level) {
        snprintf(text[0], sizeof text[0], "level=%s", level);
        given[count++] = text[0];
    }
    if (emails) {
        snprintf(text[1], sizeof text[1], "emails=%s", emails);
        given[count++] = text[1];
    }
    if (provider_configure(&made, reveal, vendor->tiers, given, count, &e) != 0)
        fail_msg("%s", e.message);
    /* The texts are borrowed: those of the descriptor outlive this call. */
    made.set[0] = level ? level : made.set[0];
    made.set[1] = emails ? emails : made.set[1];
    return made;
}

/* --- facts --- */

static void facts(void **state)
{
    struct error e = {0};

    (void)state;
    if (provider_problem(vendor))
        fail_msg("%s", provider_problem(vendor));
    assert_string_equal(vendor->base_url, "https://wiza.co");
    assert_string_equal(vendor->key_env, "WIZA_API_KEY");
    assert_string_equal(vendor->key_header, "Authorization");
    assert_string_equal(vendor->key_prefix, "Bearer ");
    assert_int_equal(vendor->proof, PROOF_KEY_SHA256);
    assert_string_equal(vendor->proof_header, "x-auth-key");
    assert_int_equal(reveal->delivery, DELIVERY_POLL);
    assert_true(reveal->calls_back);
    assert_int_equal(reveal->items_max, 1);
    assert_int_equal(reveal->live_max, 0);
    assert_int_equal(reveal->deadline_ms, 400000);
    assert_true(reveal->doubt_ms > reveal->deadline_ms);

    const struct provider_tier *starter = provider_tier(vendor, NULL, &e);
    assert_string_equal(starter->name, "starter");
    assert_int_equal(starter->slots, 5);
    assert_int_equal(starter->queue_max, 1000);
    assert_int_equal(starter->limits[0].count, 0);
    const struct provider_tier *enterprise = provider_tier(vendor, "enterprise", &e);
    assert_int_equal(enterprise->slots, 15);
    assert_int_equal(enterprise->queue_max, 3000);
    assert_int_equal(enterprise->limits[0].count, 0);
}

static void options(void **state)
{
    static const struct {
        const char *level, *emails;
        int64_t price, work_ms, work_max_ms;
    } rows[] = {
        {NULL, NULL, 3, 25000, 380000},
        {"none", NULL, 1, 5000, 15000},
        {"partial", NULL, 3, 25000, 380000},
        {"phone", NULL, 6, 5000, 15000},
        {"full", NULL, 8, 25000, 380000},
        {NULL, "personal", 3, 5000, 15000},
        {NULL, "personal,work", 3, 25000, 380000},
        {"full", "personal", 8, 5000, 15000},
        {"phone", "work,personal", 6, 5000, 15000},
    };
    static const char *const refused[] = {"level=email", "level=none,full", "level=",
                                          "emails=",     "emails=generic",  "emails=work,",
                                          "accept=work"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct operation o = configured(rows[i].level, rows[i].emails);
        assert_int_equal(o.price, rows[i].price);
        assert_int_equal(o.work_ms, rows[i].work_ms);
        assert_int_equal(o.work_max_ms, rows[i].work_max_ms);
        assert_in_range(o.poll_first_ms, 1, o.work_ms);
        assert_in_range(o.poll_max_ms, o.poll_first_ms, o.work_max_ms);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct operation made;
        struct error e = {0};
        assert_int_equal(provider_configure(&made, reveal, vendor->tiers, &refused[i], 1, &e),
                         ERR_USAGE);
    }
}

/* --- requests --- */

static struct record person(void)
{
    struct record r = {.problem = {NULL}};

    r.value[FIELD_LINKEDIN_URL] = slice_of("https://www.linkedin.com/in/mira-okafor");
    r.value[FIELD_FULL_NAME] = slice_of("Mira Okafor");
    r.value[FIELD_FIRST_NAME] = slice_of("Mira");
    r.value[FIELD_LAST_NAME] = slice_of("Okafor");
    r.value[FIELD_DOMAIN] = slice_of("orchard.example");
    r.value[FIELD_COMPANY] = slice_of("Orchard & Co");
    r.value[FIELD_EMAIL] = slice_of("mira@orchard.example");
    return r;
}

static size_t body(const struct operation *o, const struct record *r, field_set set,
                   const char *callback, struct buf *b)
{
    struct body_writer w = {.operation = o, .out = b, .callback_url = slice_of(callback)};

    o->body_begin(&w);
    assert_true(o->body_item(&w, r, set));
    o->body_end(&w);
    assert_false(b->failed);
    return b->len;
}

static void body_is(const char *level, const char *emails, const struct record *r, field_set set,
                    const char *callback, const char *name)
{
    struct operation o = configured(level, emails);
    struct buf b;

    buf_init(&b, PAYLOAD_MAX);
    body(&o, r, set, callback, &b);
    struct slice want = payload(name);
    if (!slice_eq(buf_slice(&b), want))
        fail_msg("%.*s is not %.*s", SLICE_ARG(buf_slice(&b)), SLICE_ARG(want));
    buf_deinit(&b);
}

static void requests(void **state)
{
    struct operation o = configured(NULL, NULL);
    struct record r = person();
    struct http_request q;

    (void)state;
    o.build_submit(&o, &q);
    assert_int_equal(q.method, HTTP_POST);
    assert_true(q.has_body);
    assert_string_equal(q.path, "/api/individual_reveals");
    o.build_poll(&o, &q, "7304");
    assert_int_equal(q.method, HTTP_GET);
    assert_false(q.has_body);
    assert_string_equal(q.path, "/api/individual_reveals/7304");
    vendor->build_balance(&q);
    assert_int_equal(q.method, HTTP_GET);
    assert_string_equal(q.path, "/api/meta/credits");

    assert_int_equal(o.accepts[0], LINKEDIN);
    assert_int_equal(o.accepts[1], FIELD_BIT(FULL_NAME) | FIELD_BIT(DOMAIN));
    assert_int_equal(o.accepts[2], FIELD_BIT(FULL_NAME) | FIELD_BIT(COMPANY));
    assert_int_equal(o.accepts[3], FIELD_BIT(EMAIL));
    assert_int_equal(o.accepts[4], 0);

    /* The record has more than the set: only the set is sent. */
    body_is(NULL, NULL, &r, o.accepts[0], NULL, "wiza/request-linkedin");
    body_is("full", "personal,work", &r, o.accepts[1], "", "wiza/request-name-domain");
    body_is("none", "personal", &r, o.accepts[3], "", "wiza/request-email");
    body_is("partial", "work", &r, o.accepts[0], "https://list.example/callbacks/wiza/t0ken",
            "wiza/request-callback");
    r.value[FIELD_FULL_NAME] = slice_of("Zoë \"Zo\" Lindqvist");
    r.value[FIELD_COMPANY] = slice_of("Fjäll & Söner");
    body_is("phone", NULL, &r, o.accepts[2], "", "wiza/request-name-company");
}

/* The disk reserve is computed from item_bytes_max: no request may be longer. */
static void longest_requests(void **state)
{
    char name[257] = {0}, url[1001] = {0};
    struct operation o = configured(NULL, NULL);
    struct record r = {.problem = {NULL}};
    struct buf b;

    (void)state;
    memset(name, 1, 256); /* escaped as \u0001 */
    memset(url, 1, 1000);
    r.value[FIELD_FULL_NAME] = r.value[FIELD_COMPANY] = slice_of(name);
    r.value[FIELD_EMAIL] = r.value[FIELD_DOMAIN] = (struct slice){name, 254};
    assert_null(o.check(&o, &r));
    r.value[FIELD_LINKEDIN_URL] = slice_of(url);
    buf_init(&b, PAYLOAD_MAX);
    for (const field_set *set = o.accepts; *set; set++) {
        buf_reset(&b);
        assert_in_range(body(&o, &r, *set, "", &b), 1500, o.item_bytes_max - 1024);
    }
    buf_deinit(&b);
}

static void checks(void **state)
{
    char name[258] = {0};
    struct operation o = configured(NULL, NULL);
    struct record r = person();

    (void)state;
    memset(name, 'a', 257);
    assert_null(o.check(&o, &r));
    r.value[FIELD_COMPANY] = slice_of(name); /* not asked with */
    assert_null(o.check(&o, &r));
    r.value[FIELD_LINKEDIN_URL] = slice_of("https://www.linkedin.com/company/orchard");
    assert_non_null(strstr(o.check(&o, &r), "linkedin_url"));
    /* What cannot be used is not asked with either. */
    r.problem[FIELD_LINKEDIN_URL] = "is not a LinkedIn address";
    assert_null(o.check(&o, &r));
    r.value[FIELD_DOMAIN] = SLICE_EMPTY;
    assert_non_null(strstr(o.check(&o, &r), "company"));
    r.value[FIELD_FULL_NAME] = slice_of(name);
    assert_non_null(strstr(o.check(&o, &r), "full_name"));
    /* By the email address alone. */
    r.value[FIELD_FULL_NAME] = SLICE_EMPTY;
    assert_null(o.check(&o, &r));
}

/* --- submit, poll, balance --- */

static void submissions(void **state)
{
    static const struct {
        const char *text, *id; /* NULL: ERR_DATA */
        bool finished;
    } rows[] = {
        {"wiza/pages-submit", "7304", false},
        {"wiza/client-submit-finished", "rv_7306-a", true},
        {"wiza/document-webhook-failed", "7303", true},
        {"{\"id\":12,\"status\":\"queued\"}", "12", false},
        {"{\"data\":{\"id\":\"519414593\"}}", "519414593", false},
        {"{\"data\":{\"id\":9007199254740993}}", "9007199254740993", false},
        {"{\"data\":{\"id\":1,\"is_complete\":true}}", "1", true},
        {"{\"data\":{\"id\":1,\"is_complete\":\"true\"}}", "1", false},
        {"{\"data\":{\"id\":\"../meta\"}}", NULL, false},
        {"{\"data\":{\"id\":\"\"}}", NULL, false},
        {"{\"data\":{\"id\":-1}}", NULL, false},
        {"{\"data\":{\"id\":1.5}}", NULL, false},
        {"{\"data\":{\"id\":null}}", NULL, false},
        {"{\"data\":{\"id\":[1]}}", NULL, false},
        {"{\"data\":{\"id\":18446744073709551615}}", NULL, false},
        {"{\"data\":{}}", NULL, false},
        {"{\"data\":null}", NULL, false},
        {"{}", NULL, false},
        {"[]", NULL, false},
        {"null", NULL, false},
        {"wiza/pages-error-401", NULL, false},
        {"wiza/client-error-404-flat", NULL, false},
        {"wiza/client-balance", NULL, false},
    };
    struct operation o = configured(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submit_reply reply;
        struct error e = {0};
        int rc = o.parse_submit(&o, parse(payload(rows[i].text)), &reply, &e);
        assert_int_equal(rc, rows[i].id ? 0 : ERR_DATA);
        assert_int_equal(e.code, rc);
        if (rc != 0)
            continue;
        assert_string_equal(reply.id, rows[i].id);
        assert_int_equal(reply.finished, rows[i].finished);
        assert_int_equal(reply.items, 1);
        assert_int_equal(reply.reserved, -1);
        assert_int_equal(reply.price, -1);
        assert_int_equal(reply.balance, -1);
    }
}

static const struct poll_row {
    const char *text;
    int rc;
    enum poll_phase phase;
    bool queued;
} polls[] = {
    {"wiza/client-poll-queued", 0, POLL_PENDING, true},
    {"wiza/pages-submit", 0, POLL_PENDING, true},
    {"wiza/client-poll-resolving", 0, POLL_PENDING, false},
    {"wiza/live-poll-processing", 0, POLL_PENDING, false},
    {"wiza/live-poll-scraping", 0, POLL_PENDING, false},
    {"wiza/client-poll-full", 0, POLL_COMPLETED, false},
    {"wiza/client-poll-miss", 0, POLL_COMPLETED, false},
    {"wiza/client-poll-phone", 0, POLL_COMPLETED, false},
    {"wiza/live-poll-none", 0, POLL_COMPLETED, false},
    {"wiza/live-poll-none-miss", 0, POLL_COMPLETED, false},
    {"wiza/document-result", 0, POLL_COMPLETED, false},
    {"wiza/document-billing-issue", 0, POLL_FAILED, false},
    {"wiza/document-webhook-failed", 0, POLL_FAILED, false},
    {"{\"data\":{\"status\":\"Finished\"}}", 0, POLL_COMPLETED, false},
    {"{\"data\":{\"status\":\"new word\",\"is_complete\":true}}", 0, POLL_COMPLETED, false},
    {"{\"data\":{\"is_complete\":true}}", 0, POLL_COMPLETED, false},
    {"{\"data\":{\"is_complete\":false}}", 0, POLL_PENDING, false},
    {"{\"data\":{\"is_complete\":true,\"fail_error\":\"x\"}}", 0, POLL_FAILED, false},
    {"{\"data\":{\"status\":\"finished\",\"fail_error\":\"x\"}}", 0, POLL_COMPLETED, false},
    {"{\"data\":{\"status\":\"new word\",\"fail_error\":\"\"}}", 0, POLL_PENDING, false},
    {"{\"data\":{\"fail_error\":\"x\"}}", 0, POLL_FAILED, false},
    {"{\"status\":\"queued\"}", 0, POLL_PENDING, true},
    {"{\"data\":{\"id\":4}}", ERR_DATA, POLL_PENDING, false},
    {"{\"status\":{\"code\":200}}", ERR_DATA, POLL_PENDING, false},
    {"{}", ERR_DATA, POLL_PENDING, false},
    {"[]", ERR_DATA, POLL_PENDING, false},
    {"null", ERR_DATA, POLL_PENDING, false},
    {"wiza/client-error-404-flat", ERR_DATA, POLL_PENDING, false},
    {"wiza/pages-error-401", ERR_DATA, POLL_PENDING, false},
};

static void polls_are_read(void **state)
{
    struct operation o = configured(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof polls / sizeof polls[0]; i++) {
        struct poll_reply reply;
        struct error e = {0};
        int rc = o.parse_poll(&o, parse(payload(polls[i].text)), &reply, &e);
        assert_int_equal(rc, polls[i].rc);
        assert_int_equal(e.code, rc);
        if (rc != 0)
            continue;
        if (reply.phase != polls[i].phase || reply.queued != polls[i].queued)
            fail_msg("%s: phase %d", polls[i].text, (int)reply.phase);
        assert_int_equal(reply.total, 1);
        assert_int_equal(reply.processed, reply.phase == POLL_PENDING ? 0 : 1);
    }
}

static void balances(void **state)
{
    static const struct {
        const char *text;
        bool said;
        int64_t credits;
    } rows[] = {
        {"wiza/client-balance", true, 1812},
        {"wiza/client-balance-unlimited", true, -1},
        {"{\"credits\":{\"api_credits\":0}}", true, 0},
        {"{\"credits\":{\"api_credits\":0.5}}", true, 0},
        {"{\"credits\":{\"api_credits\":-0.5}}", true, 0},
        {"{\"credits\":{\"api_credits\":\"12.5\"}}", true, 12},
        {"{\"credits\":{\"api_credits\":null,\"email_credits\":9}}", false, 0},
        {"{\"credits\":{\"api_credits\":{\"total\":3}}}", false, 0},
        {"{\"credits\":{}}", false, 0},
        {"{\"credits\":4}", false, 0},
        {"{}", false, 0},
        {"wiza/pages-error-401", false, 0},
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

/* --- answers --- */

static const struct answer_row {
    const char *text, *level;
    enum outcome outcome;
    int64_t credits, used;
    const char *reason, *email, *status, *type, *phone, *phone_type;
    const char *emails, *phones;
    field_set echoed;
} answers[] = {
    {"wiza/document-result", "full", OUTCOME_FOUND, 7, 7, NULL, "mira@orchard.example", "valid",
     "work", "+15550100101", "mobile",
     "[{\"email\":\"mira@orchard.example\",\"status\":\"valid\",\"type\":\"work\"},"
     "{\"email\":\"mira.okafor@mailbox.example\",\"status\":\"risky\",\"type\":\"personal\"}]",
     "[{\"number\":\"+15550100101\",\"type\":\"mobile\"},"
     "{\"number\":\"+15550100102\",\"type\":\"mobile\"}]",
     0},
    {"wiza/client-poll-full", "full", OUTCOME_FOUND, 7, 7, NULL, "priya@mole.example", "valid",
     "work", "+15550100120", "mobile",
     "[{\"email\":\"priya@mole.example\",\"status\":\"valid\",\"type\":\"work\"}]",
     "[{\"number\":\"+15550100120\",\"type\":\"mobile\"},"
     "{\"number\":\"+15550100121\",\"type\":\"mobile\"}]",
     LINKEDIN},
    {"wiza/pages-webhook-finished", "partial", OUTCOME_FOUND, 0, 0, NULL, "teo@dairyworks.example",
     "risky", "work", NULL, NULL,
     "[{\"email\":\"teo@dairyworks.example\",\"status\":\"risky\",\"type\":\"work\"}]", NULL,
     LINKEDIN},
    {"wiza/client-poll-phone", "phone", OUTCOME_FOUND, 5, -1, NULL, NULL, NULL, NULL,
     "+15550100130", "mobile", NULL,
     "[{\"number\":\"+15550100130\",\"type\":\"mobile\"},"
     "{\"number\":\"+15550100131\",\"type\":\"mobile\"},"
     "{\"number\":\"+15550100132\",\"type\":\"mobile\"}]",
     0},
    {"wiza/live-poll-none", "none", OUTCOME_FOUND, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, LINKEDIN},
    {"wiza/live-poll-none-miss", "none", OUTCOME_NOT_FOUND, 0, 0, "no LinkedIn profile found", NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, 0},
    /* Found is what was asked for, whatever else is there. */
    {"wiza/live-poll-none", "partial", OUTCOME_NOT_FOUND, 1, 1, "no email found", NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, LINKEDIN},
    {"wiza/client-poll-miss", "partial", OUTCOME_NOT_FOUND, 0, -1, "no email found", NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, 0},
    {"wiza/client-poll-miss", "phone", OUTCOME_NOT_FOUND, 0, -1, "no phone number found", NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, 0},
    {"wiza/client-poll-miss", "full", OUTCOME_NOT_FOUND, 0, -1,
     "no email and no phone number found", NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
    {"wiza/client-poll-phone", "partial", OUTCOME_NOT_FOUND, 0, -1, "no email found", NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, 0},
    {"wiza/client-poll-phone", "full", OUTCOME_FOUND, 5, -1, NULL, NULL, NULL, NULL, "+15550100130",
     "mobile", NULL,
     "[{\"number\":\"+15550100130\",\"type\":\"mobile\"},"
     "{\"number\":\"+15550100131\",\"type\":\"mobile\"},"
     "{\"number\":\"+15550100132\",\"type\":\"mobile\"}]",
     0},
    {"wiza/document-billing-issue", "partial", OUTCOME_NO_CREDITS, 0, -1, NO_BILL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, 0},
    {"wiza/document-webhook-failed", "full", OUTCOME_FAILED, 0, -1, "profile_not_available", NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, 0},
    /* Prices where the vendor names no sum. */
    {"{\"data\":{\"status\":\"finished\",\"email\":\"a@b.example\",\"email_status\":\"VALID\"}}",
     "partial", OUTCOME_FOUND, 2, -1, NULL, "a@b.example", "valid", NULL, NULL, NULL,
     "[{\"email\":\"a@b.example\",\"status\":\"valid\"}]", NULL, 0},
    {"{\"data\":{\"status\":\"finished\",\"email\":\"a@b.example\",\"email_status\":\"catch-all\"}"
     "}",
     "partial", OUTCOME_FOUND, 0, -1, NULL, "a@b.example", "catch_all", NULL, NULL, NULL,
     "[{\"email\":\"a@b.example\",\"status\":\"catch_all\"}]", NULL, 0},
    {"{\"data\":{\"status\":\"finished\",\"emails\":[{\"email\":\"x@b.example\",\"email_status\":"
     "\"invalid\"},{\"email\":\"a@b.example\",\"email_status\":\"valid\"}],"
     "\"phone_number\":\"+1 555 010 0160\"}}",
     "full", OUTCOME_FOUND, 7, -1, NULL, "a@b.example", "valid", NULL, "+15550100160", NULL,
     "[{\"email\":\"a@b.example\",\"status\":\"valid\"},"
     "{\"email\":\"x@b.example\",\"status\":\"invalid\"}]",
     "[{\"number\":\"+15550100160\"}]", 0},
    {"{\"data\":{\"is_complete\":true,\"linkedin_profile_url\":\"linkedin.com/in/a-b\"}}", "none",
     OUTCOME_FOUND, 1, -1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, LINKEDIN},
    {"{\"data\":{\"status\":\"finished\",\"email\":\"a@b.example\",\"credits\":"
     "{\"api_credits\":{\"total\":\"2.5\"}}}}",
     "partial", OUTCOME_FOUND, 3, 3, NULL, "a@b.example", NULL, NULL, NULL, NULL,
     "[{\"email\":\"a@b.example\"}]", NULL, 0},
    {"{\"data\":{\"status\":\"finished\",\"email\":\"a@b.example\",\"email_status\":\"valid\","
     "\"credits\":{\"api_credits\":{\"total\":null}}}}",
     "partial", OUTCOME_FOUND, 2, -1, NULL, "a@b.example", "valid", NULL, NULL, NULL,
     "[{\"email\":\"a@b.example\",\"status\":\"valid\"}]", NULL, 0},
    /* Numbers in every place and spelling; mobile_phone alone counts too. */
    {"{\"data\":{\"status\":\"finished\",\"mobile_phone\":\"+1 (555) 010-0161\"}}", "phone",
     OUTCOME_FOUND, 5, -1, NULL, NULL, NULL, NULL, "+15550100161", "mobile", NULL,
     "[{\"number\":\"+15550100161\",\"type\":\"mobile\"}]", 0},
    {"{\"data\":{\"status\":\"finished\",\"phones\":[{\"number\":15550100162,\"type\":\"Other\"}]}"
     "}",
     "phone", OUTCOME_FOUND, 5, -1, NULL, NULL, NULL, NULL, "+15550100162", "mobile", NULL,
     "[{\"number\":\"+15550100162\",\"type\":\"mobile\"}]", 0},
    {"{\"data\":{\"status\":\"finished\",\"phones\":[{\"pretty_number\":\"(555) 010\","
     "\"type\":\"desk\"}]}}",
     "phone", OUTCOME_FOUND, 5, -1, NULL, NULL, NULL, NULL, "(555) 010", "desk", NULL,
     "[{\"number\":\"(555) 010\",\"type\":\"desk\"}]", 0},
    {"{\"data\":{\"status\":\"finished\",\"phones\":[{\"number\":\"none\"},7,null,\"x\"],"
     "\"phone_number\":\"n/a\"}}",
     "phone", OUTCOME_NOT_FOUND, 0, -1, "no phone number found", NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, 0},
    {"{\"data\":{\"status\":\"finished\",\"email\":\"none\",\"emails\":[3,[],{\"email\":\"@\"}]}}",
     "partial", OUTCOME_NOT_FOUND, 0, -1, "no email found", NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, 0},
    /* Failures that are said otherwise. */
    {"{\"data\":{\"status\":\"failed\"}}", "partial", OUTCOME_FAILED, 0, -1, "the reveal failed",
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
    {"{\"data\":{\"status\":\"failed\",\"email\":\"a@b.example\"}}", "partial", OUTCOME_FAILED, 0,
     -1, "the reveal failed", NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
    {"{\"data\":{\"status\":\"finished\",\"fail_error\":\"timeout\"}}", "partial", OUTCOME_FAILED,
     0, -1, "timeout", NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
    {"{\"data\":{\"status\":\"finished\",\"fail_error\":\"no phone\",\"email\":\"a@b.example\"}}",
     "full", OUTCOME_FOUND, 0, -1, NULL, "a@b.example", NULL, NULL, NULL, NULL,
     "[{\"email\":\"a@b.example\"}]", NULL, 0},
    {"{\"data\":{\"is_complete\":true,\"fail_error\":\"BILLING_ISSUE\"}}", "none",
     OUTCOME_NO_CREDITS, 0, -1, NO_BILL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
};

static void answer_is(const struct answer_row *row, const struct page_item *item)
{
    const struct answer *a = &item->answer;

    if (a->outcome != row->outcome || a->credits != row->credits || item->echoed != row->echoed)
        fail_msg("%s: outcome %d, %lld credits", row->text, (int)a->outcome, (long long)a->credits);
    slice_is(row->text, a->reason, row->reason);
    slice_is(row->text, a->value[FIELD_EMAIL], row->email);
    slice_is(row->text, a->value[FIELD_EMAIL_STATUS], row->status);
    slice_is(row->text, a->value[FIELD_EMAIL_TYPE], row->type);
    slice_is(row->text, a->value[FIELD_PHONE], row->phone);
    slice_is(row->text, a->value[FIELD_PHONE_TYPE], row->phone_type);
    slice_is(row->text, a->value[FIELD_EMAILS], row->emails);
    slice_is(row->text, a->value[FIELD_PHONES], row->phones);
    slice_is(row->text, a->value[FIELD_RAW], NULL);
    answer_is_sound(reveal, a);
}

static void answers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const struct answer_row *row = &answers[i];
        struct operation o = configured(row->level, NULL);
        struct page_reply reply;
        struct error e = {0};
        struct given g;
        given_open(&g, 1 << 20);
        if (o.parse_page(&o, parse(payload(row->text)), false, &g.arena, given_keep, &g, &reply,
                         &e) != 0)
            fail_msg("%s: %s", row->text, e.message);
        assert_int_equal(g.count, 1);
        assert_int_equal(reply.rows, 1);
        assert_int_equal(reply.total, 1);
        assert_int_equal(reply.used, row->used);
        assert_int_equal(reply.refunded, -1);
        assert_int_equal(reply.balance, -1);
        answer_is(row, &g.item);
        arena_deinit(&g.arena);
    }
}

static void profiles(void **state)
{
    static const struct {
        enum field field;
        const char *full, *none;
    } rows[] = {
        {FIELD_FULL_NAME, "Priya Castellanos", "Sol Adeyemi"},
        {FIELD_JOB_TITLE, "VP Tunnels", "Beekeeper"},
        {FIELD_HEADLINE, "Digging deeper, every day", "Bees"},
        {FIELD_LOCATION, "Lisbon, Portugal", "Cork, Ireland"},
        {FIELD_LINKEDIN_URL, "https://www.linkedin.com/in/priya-castellanos",
         "https://www.linkedin.com/in/sol-adeyemi"},
        {FIELD_COMPANY, "Mole Industries", "Hive Five"},
        {FIELD_COMPANY_DOMAIN, "mole.example", "hivefive.example"},
        {FIELD_EMPLOYEE_COUNT, "48", "5"},
        {FIELD_EMPLOYEE_RANGE, "11-50", "2-10"},
        {FIELD_INDUSTRY, "Civil Engineering", "Farming"},
        {FIELD_FOUNDED_YEAR, "2011", "2015"},
        {FIELD_COMPANY_LINKEDIN_URL, "https://www.linkedin.com/company/mole-industries",
         "https://www.linkedin.com/company/hive-five"},
    };

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct operation o = configured(k == 0 ? "full" : "none", NULL);
        struct page_reply reply;
        struct error e = {0};
        struct given g;
        given_open(&g, 1 << 20);
        struct slice text = payload(k == 0 ? "wiza/client-poll-full" : "wiza/live-poll-none");
        assert_int_equal(o.parse_page(&o, parse(text), true, &g.arena, given_keep, &g, &reply, &e),
                         0);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            slice_is(field_name(rows[i].field), g.item.answer.value[rows[i].field],
                     k == 0 ? rows[i].full : rows[i].none);
        slice_is("echo", g.item.echo.value[FIELD_LINKEDIN_URL],
                 k == 0 ? rows[4].full : rows[4].none);
        answer_is_sound(&o, &g.item.answer);
        /* --raw: the vendor's own data, as JSON that says the same. */
        struct slice raw = g.item.answer.value[FIELD_RAW];
        assert_true(slice_starts(raw, SLICE_LIT("{\"id\":")));
        assert_true(slice_ends(raw, k == 0
                                        ? SLICE_LIT("\"phone_credits\":5,\"scrape_credits\":0}}}")
                                        : SLICE_LIT("\"scrape_credits\":1}}}")));
        arena_deinit(&g.arena);
    }
}

static void results_that_are_none(void **state)
{
    static const char *const texts[] = {"wiza/pages-submit",
                                        "wiza/client-poll-queued",
                                        "wiza/client-poll-resolving",
                                        "wiza/live-poll-processing",
                                        "wiza/live-poll-scraping",
                                        "wiza/client-balance",
                                        "wiza/client-error-404-flat",
                                        "wiza/pages-error-401",
                                        "{\"data\":{\"is_complete\":false}}",
                                        "{\"data\":{\"email\":\"a@b.example\"}}",
                                        "{}",
                                        "[]",
                                        "null"};
    struct operation o = configured(NULL, NULL);
    struct page_reply reply;
    struct given g;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error e = {0};
        given_open(&g, 1 << 20);
        assert_int_equal(
            o.parse_page(&o, parse(payload(texts[i])), false, &g.arena, given_keep, &g, &reply, &e),
            ERR_DATA);
        assert_int_equal(e.code, ERR_DATA);
        assert_int_equal(g.count, 0);
        arena_deinit(&g.arena);
    }
    /* Without memory nothing is half read; a reader can refuse. */
    struct error e = {0};
    given_open(&g, 64);
    assert_int_equal(o.parse_page(&o, parse(payload("wiza/client-poll-full")), true, &g.arena,
                                  given_keep, &g, &reply, &e),
                     ERR_INTERNAL);
    assert_int_equal(g.count, 0);
    arena_deinit(&g.arena);
    given_open(&g, 1 << 20);
    g.refuse = ERR_IO;
    assert_int_equal(o.parse_page(&o, parse(payload("wiza/client-poll-full")), true, &g.arena,
                                  given_keep, &g, &reply, &e),
                     ERR_IO);
    assert_int_equal(reply.rows, 0);
    arena_deinit(&g.arena);
}

/* --- callbacks --- */

static void callbacks(void **state)
{
    static const struct {
        const char *text;
        enum callback_kind kind;
        const char *id;
        enum outcome outcome; /* of a result */
    } rows[] = {
        {"wiza/pages-webhook-finished", CALLBACK_RESULT, "7305", OUTCOME_FOUND},
        {"wiza/document-webhook-failed", CALLBACK_RESULT, "7303", OUTCOME_FAILED},
        {"wiza/document-billing-issue", CALLBACK_RESULT, "7301", OUTCOME_NO_CREDITS},
        {"wiza/client-poll-miss", CALLBACK_RESULT, "7308", OUTCOME_NOT_FOUND},
        {"wiza/client-poll-queued", CALLBACK_PROGRESS, "7304", OUTCOME_NONE},
        /* What does not say how it ended, or says it in two ways, is looked up. */
        {"{\"status\":{\"code\":200},\"data\":{\"id\":9}}", CALLBACK_PROGRESS, "9", OUTCOME_NONE},
        {"{\"status\":{\"code\":400},\"data\":{\"id\":9,\"status\":\"finished\"}}",
         CALLBACK_PROGRESS, "9", OUTCOME_NONE},
        {"{\"status\":{\"code\":\"400\"},\"data\":{\"id\":\"r-9\",\"status\":\"failed\"}}",
         CALLBACK_RESULT, "r-9", OUTCOME_FAILED},
        {"{\"data\":{\"status\":\"finished\"}}", CALLBACK_EVENT, "", OUTCOME_NONE},
        {"{\"data\":{\"id\":\"a/b\",\"status\":\"finished\"}}", CALLBACK_EVENT, "", OUTCOME_NONE},
        {"{\"type\":\"list\",\"data\":{\"name\":\"l\"}}", CALLBACK_EVENT, "", OUTCOME_NONE},
        {"{}", CALLBACK_EVENT, "", OUTCOME_NONE},
        {"[]", CALLBACK_EVENT, "", OUTCOME_NONE},
        {"null", CALLBACK_EVENT, "", OUTCOME_NONE},
    };
    struct operation o = configured("partial", NULL);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct callback_reply reply;
        struct error e = {0};
        struct given g;
        given_open(&g, 1 << 20);
        assert_int_equal(o.parse_callback(&o, parse(payload(rows[i].text)), false, &g.arena,
                                          given_keep, &g, &reply, &e),
                         0);
        assert_int_equal(reply.kind, rows[i].kind);
        assert_string_equal(reply.id, rows[i].id);
        assert_int_equal(g.count, rows[i].kind == CALLBACK_RESULT);
        assert_int_equal(reply.page.rows, g.count);
        assert_int_equal(g.item.answer.outcome, rows[i].outcome);
        arena_deinit(&g.arena);
    }
}

/* --- classes --- */

static void classes(void **state)
{
    static const struct {
        const char *text;
        long status;
        enum reply_class paid, free;
    } rows[] = {
        {"wiza/pages-submit", 200, REPLY_OK, REPLY_OK},
        {"wiza/pages-submit", 201, REPLY_OK, REPLY_OK},
        /* "A billing issue returns a 200 HTTP response, but the reveal does not actually run." */
        {"wiza/document-billing-issue", 200, REPLY_NO_CREDITS, REPLY_OK},
        {"{\"fail_error\":\"billing_issue\"}", 200, REPLY_NO_CREDITS, REPLY_OK},
        {"wiza/document-webhook-failed", 200, REPLY_OK, REPLY_OK},
        {"wiza/document-billing-issue", 500, REPLY_DOUBT, REPLY_RETRY},
        {"wiza/client-error-400", 400, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED},
        {"wiza/pages-error-401", 401, REPLY_REFUSED, REPLY_REFUSED},
        {"wiza/client-error-401", 401, REPLY_REFUSED, REPLY_REFUSED},
        {"{\"status\":{\"code\":402}}", 402, REPLY_NO_CREDITS, REPLY_NO_CREDITS},
        {"{\"status\":{\"code\":403}}", 403, REPLY_REFUSED, REPLY_REFUSED},
        {"wiza/client-error-404-flat", 404, REPLY_NOT_APPLIED, REPLY_GONE},
        {"{}", 408, REPLY_DOUBT, REPLY_RETRY},
        {"{}", 413, REPLY_TOO_LARGE, REPLY_NOT_APPLIED},
        {"wiza/client-error-429", 429, REPLY_THROTTLED, REPLY_THROTTLED},
        {"{}", 503, REPLY_DOUBT, REPLY_RETRY},
        {"{}", 302, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    };
    struct operation o = configured(NULL, NULL);
    struct problem problem = {.balance = -1};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_reply reply = {.end = HTTP_REPLY, .status = rows[i].status};
        struct json_value root = parse(payload(rows[i].text));
        assert_int_equal(o.classify(&reply, true, &root, &problem), rows[i].paid);
        assert_int_equal(o.classify(&reply, false, &root, &problem), rows[i].free);
    }
    struct http_reply lost = {.end = HTTP_LOST}, unsent = {.end = HTTP_NOT_SENT};
    assert_int_equal(o.classify(&lost, true, NULL, &problem), REPLY_DOUBT);
    assert_int_equal(o.classify(&unsent, true, NULL, &problem), REPLY_RETRY);

    problem_parse(&problem, json, payload("wiza/client-error-429"));
    assert_string_equal(problem.text, "Queue is full");
    problem_parse(&problem, json, payload("wiza/client-error-404-flat"));
    assert_string_equal(problem.text, "Not Found");
}

/* --- replies that are not what they should be --- */

static const char *const replies[] = {
    "wiza/pages-submit",           "wiza/client-submit-finished",  "wiza/client-poll-queued",
    "wiza/client-poll-full",       "wiza/client-poll-miss",        "wiza/client-poll-phone",
    "wiza/live-poll-none",         "wiza/live-poll-none-miss",     "wiza/document-result",
    "wiza/document-billing-issue", "wiza/document-webhook-failed", "wiza/pages-webhook-finished",
    "wiza/client-balance",
};

#define REPLY_COUNT (sizeof replies / sizeof replies[0])

static unsigned read_all(struct json_value root)
{
    static const char *const all[] = {"none", "partial", "phone", "full"};
    unsigned taken = 0;
    struct balance_reply balance;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct operation o = configured(all[i], NULL);
        struct submit_reply submit;
        struct poll_reply poll;
        struct page_reply page;
        struct callback_reply called;
        struct error e = {0};
        struct given g;
        if (o.parse_submit(&o, root, &submit, &e) == 0)
            assert_true(http_id_valid(slice_of(submit.id)));
        given_open(&g, 1 << 20);
        bool ended = o.parse_poll(&o, root, &poll, &e) == 0 && poll.phase != POLL_PENDING;
        /* The document whose poll says that it ended is the result, and no other is. */
        bool read = o.parse_page(&o, root, true, &g.arena, given_keep, &g, &page, &e) == 0;
        assert_int_equal(ended, read);
        assert_int_equal(g.count, read);
        if (read)
            answer_is_sound(&o, &g.item.answer);
        taken += read;
        assert_int_equal(o.parse_callback(&o, root, false, &g.arena, given_keep, &g, &called, &e),
                         0);
        assert_true(called.kind != CALLBACK_RESULT || read);
        arena_deinit(&g.arena);
    }
    return taken + vendor->parse_balance(root, &balance);
}

static void cut_replies_are_never_whole(void **state)
{
    struct operation o = configured(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < REPLY_COUNT; i++)
        payload_cuts(&o, replies[i], 200);
}

static void broken_replies_do_no_harm(void **state)
{
    (void)state;
    payloads_break(replies, REPLY_COUNT, 1000, read_all, 1000, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts),
        cmocka_unit_test(options),
        cmocka_unit_test(requests),
        cmocka_unit_test(longest_requests),
        cmocka_unit_test(checks),
        cmocka_unit_test(submissions),
        cmocka_unit_test(polls_are_read),
        cmocka_unit_test(balances),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(profiles),
        cmocka_unit_test(results_that_are_none),
        cmocka_unit_test(callbacks),
        cmocka_unit_test(classes),
        cmocka_unit_test(cut_replies_are_never_whole),
        cmocka_unit_test(broken_replies_do_no_harm),
    };
    struct error e = {0};

    vendor = provider_find(SLICE_LIT("wiza"));
    reveal = provider_operation("wiza/reveal", &e);
    RUN_TESTS(tests);
}
