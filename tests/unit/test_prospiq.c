/* prospiq: the requests as they are sent, every form of its replies and webhooks, and what is not
 * one. */
#define VENDOR_GOLDEN "prospiq/"
#include "vendor_golden.h"

extern const struct provider prospiq_provider;
static const struct operation *enrich = NULL;

static struct record person(const char *first, const char *last, const char *company,
                            const char *domain)
{
    struct record r = {.problem = {NULL}};

    r.value[FIELD_FIRST_NAME] = slice_of(first);
    r.value[FIELD_LAST_NAME] = slice_of(last);
    r.value[FIELD_COMPANY] = slice_of(company);
    r.value[FIELD_DOMAIN] = slice_of(domain);
    return r;
}

/* --- facts --- */

static void descriptor(void **state)
{
    const struct provider *p = &prospiq_provider;
    struct http_request r;

    (void)state;
    const char *problem = provider_problem(p);
    if (problem)
        fail_msg("%s", problem);
    assert_string_equal(p->base_url, "https://prospiq.net/api/v1");
    assert_string_equal(p->key_header, "Authorization");
    assert_string_equal(p->key_prefix, "Bearer ");
    assert_string_equal(p->secret_env, "PROSPIQ_WEBHOOK_SECRET");
    assert_string_equal(p->proof_header, "X-ProspIQ-Signature");
    assert_string_equal(p->test_header, "X-ProspIQ-Test");
    assert_int_equal(p->proof, PROOF_HMAC_SHA256);
    assert_false(p->balance_unmetered);
    enrich->build_submit(enrich, &r);
    assert_int_equal(r.method, HTTP_POST);
    assert_true(r.has_body);
    assert_string_equal(r.path, "/enrich/bulk");
    p->build_balance(&r);
    assert_int_equal(r.method, HTTP_GET);
    assert_false(r.has_body);
    assert_string_equal(r.path, "/credits");
}

static void tiers(void **state)
{
    static const struct {
        const char *name;
        uint32_t items, minute, day;
    } rows[] = {{"growth", 50, 100, 500}, {"pro", 100, 200, 1000}};
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct provider_tier *t = provider_tier(&prospiq_provider, rows[i].name, &e);
        assert_non_null(t);
        assert_ptr_equal(t, &prospiq_provider.tiers[i]);
        assert_int_equal(t->limits[0].count, rows[i].minute);
        assert_int_equal(t->limits[0].per_ms, 60000);
        assert_int_equal(t->limits[1].count, rows[i].day);
        assert_int_equal(t->limits[1].per_ms, 86400000);
        /* The request for the balance counts too. */
        assert_int_equal(t->limits[0].classes, RATE_ALL);
        assert_int_equal(t->limits[1].classes, RATE_ALL);
        assert_int_equal(t->limits[2].count, 0);
        struct operation op = configured(enrich, rows[i].name, "");
        assert_int_equal(op.items_max, rows[i].items);
        assert_int_equal(op.page_rows, rows[i].items);
        op = configured(enrich, rows[i].name, "mode=single");
        assert_int_equal(op.items_max, 1);
        assert_int_equal(op.page_rows, 1);
    }
    assert_null(prospiq_provider.tiers[2].name);
}

static void options(void **state)
{
    static const struct {
        const char *options;
        int64_t price;
        bool email, phone;
    } rows[] = {
        {"", 1, true, false},
        {"type=email", 1, true, false},
        {"type=phone", 10, false, true},
        {"type=both", 11, true, true},
        {"type=both mode=single", 11, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct operation op = configured(enrich, NULL, rows[i].options);
        assert_int_equal(op.price, rows[i].price);
        assert_int_equal((op.gives & FIELD_BIT(EMAIL)) != 0, rows[i].email);
        assert_int_equal((op.gives & FIELD_BIT(PHONES)) != 0, rows[i].phone);
        assert_false(op.calls_back);
        assert_int_equal(op.doubt_ms, 0);
    }
    struct operation op = configured(enrich, NULL, "webhook=on");
    assert_true(op.calls_back);
    assert_non_null(op.parse_callback);
    assert_int_equal(op.doubt_ms, 600000);

    const char *both[] = {"webhook=on", "mode=single"}, *wrong[] = {"type=fax"};
    struct error e = {0};
    assert_int_equal(provider_configure(&op, enrich, prospiq_provider.tiers, both, 2, &e),
                     ERR_USAGE);
    assert_non_null(strstr(e.message, "webhook"));
    assert_int_equal(provider_configure(&op, enrich, prospiq_provider.tiers, wrong, 1, &e),
                     ERR_USAGE);
}

/* --- requests --- */

static void bodies(void **state)
{
    struct record three[] = {
        person("Ada", "Lovelace", "Analytical Engines", ""),
        /* The domain is asked by where there is one. */
        person("Émilie", "du \"Châtelet\"", "House of Cirey", "cirey.example"),
        person("Konrad", "Zuse", "Z3", NULL),
    };
    struct http_request r;

    (void)state;
    struct operation op = configured(enrich, "pro", "");
    body_is(&op, three, 3, "document-bulk-request");
    op = configured(enrich, "pro", "mode=single");
    body_is(&op, three, 1, "document-enrich-request");
    op.build_submit(&op, &r);
    assert_string_equal(r.path, "/enrich");
    op = configured(enrich, "pro", "type=both webhook=on");
    text_body_is(&op, &three[2], 1, "https://calls.example/t?a=\"",
                 "{\"type\":\"both\",\"webhook_url\":\"https://calls.example/t?a=\\\"\","
                 "\"contacts\":[{\"first_name\":\"Konrad\",\"last_name\":\"Zuse\","
                 "\"company\":\"Z3\"}]}");
    op = configured(enrich, "pro", "type=phone mode=single");
    text_body_is(&op, &three[2], 1, NULL,
                 "{\"first_name\":\"Konrad\",\"last_name\":\"Zuse\",\"company\":\"Z3\","
                 "\"type\":\"phone\"}");
}

static void rules_of_contacts(void **state)
{
    char long_name[255];
    struct buf b;

    (void)state;
    memset(long_name, 1, 253); /* escaped as \u0001 */
    long_name[253] = '\0';
    struct record r = person("J", "K", "LM", NULL);
    assert_string_equal(enrich->check(enrich, &r),
                        "first_name has only one character; two are needed");
    r = person("É", "K", "LM", NULL); /* two bytes, one character */
    assert_string_equal(enrich->check(enrich, &r),
                        "first_name has only one character; two are needed");
    r = person("Éa", "K", "L", NULL);
    assert_string_equal(enrich->check(enrich, &r),
                        "company has only one character; two are needed");
    r = person("Éa", "K", "L", "l.example");
    assert_null(enrich->check(enrich, &r));
    slice_is(__func__, r.value[FIELD_COMPANY], "l.example");

    /* A company that cannot be used does not matter where there is a domain, and the reverse. */
    r = person("Ada", "K", "\x01", "l.example");
    r.problem[FIELD_COMPANY] = "holds control characters";
    assert_null(enrich->check(enrich, &r));
    assert_null(r.problem[FIELD_COMPANY]);
    slice_is(__func__, r.value[FIELD_COMPANY], "l.example");
    r = person("Ada", "K", "Looms", "not a domain");
    r.problem[FIELD_DOMAIN] = "is not a domain";
    assert_null(enrich->check(enrich, &r));
    slice_is(__func__, r.value[FIELD_COMPANY], "Looms");

    r = person(long_name, long_name, long_name, NULL);
    assert_null(enrich->check(enrich, &r));
    struct operation op = configured(enrich, "pro", "");
    struct body_writer w = {.operation = &op, .out = &b, .items = 1};
    buf_init(&b, 1 << 20);
    op.body_item(&w, &r, op.accepts[1]);
    assert_in_range(b.len, 4500, op.item_bytes_max);
    buf_deinit(&b);
    long_name[253] = 'a';
    long_name[254] = '\0';
    r = person(long_name, "K", "LM", NULL);
    assert_string_equal(enrich->check(enrich, &r), "first_name is longer than 253 characters");
    r = person("Ada", long_name, "LM", NULL);
    assert_string_equal(enrich->check(enrich, &r), "last_name is longer than 253 characters");
    r = person("Ada", "K", long_name, NULL);
    assert_string_equal(enrich->check(enrich, &r), "company is longer than 253 characters");
}

/* --- replies --- */

static void totals_are(const struct golden_page *p, int64_t total, int64_t used, int64_t balance)
{
    assert_int_equal(p->reply.rows, p->count);
    assert_int_equal(p->reply.total, total);
    assert_int_equal(p->reply.used, used);
    assert_int_equal(p->reply.refunded, -1);
    assert_int_equal(p->reply.balance, balance);
}

static void bulk_replies(void **state)
{
    struct operation op = configured(enrich, "pro", "");
    struct golden_page p;

    (void)state;
    assert_int_equal(page_open(&op, "document-bulk", &p), 0);
    assert_int_equal(p.count, 3);
    totals_are(&p, 3, 2, 809);
    answer_is(&p.items[0].answer,
              "found 1: email=ada.lovelace@engine.example email_status=valid "
              "emails=[{\"email\":\"ada.lovelace@engine.example\",\"status\":\"valid\","
              "\"type\":\"work\"}] job_title=Chief of Programs company_domain=engine.example "
              "confidence=0.93 email_type=work");
    answer_is(&p.items[1].answer,
              "found 1: email=emilie@cirey.example email_status=valid "
              "emails=[{\"email\":\"emilie@cirey.example\",\"status\":\"valid\","
              "\"type\":\"work\"}] job_title=Translator company_domain=cirey.example "
              "confidence=1 email_type=work");
    answer_is(&p.items[2].answer,
              "not_found 0 (no verified email found): company_domain=z3.example");
    struct record asked[] = {
        person("ada", "LOVELACE", "Analytical  Engines", NULL),
        person("émilie", "Du \"châtelet\"", "House of Cirey", "cirey.example"),
        person("Konrad", "Zuse", "z3", NULL),
    };
    for (size_t i = 0; i < 3; i++) {
        assert_null(op.check(&op, &asked[i]));
        echo_is(&op, &p.items[i], &asked[i]);
    }
    arena_deinit(&p.arena);
}

#define HUT8_PHONES                                                                                \
    "phones=[{\"number\":\"+15550102030\",\"type\":\"direct\"},"                                   \
    "{\"number\":\"+15550102031\",\"type\":\"office\"}]"

static void both_channels(void **state)
{
    struct operation op = configured(enrich, "pro", "type=both");
    struct golden_page p;

    (void)state;
    assert_int_equal(page_open(&op, "words-bulk-both", &p), 0);
    assert_int_equal(p.count, 5);
    totals_are(&p, 5, 22, 0);
    answer_is(&p.items[0].answer,
              "found 11: email=joan.clarke@hut8.example email_status=valid "
              "emails=[{\"email\":\"joan.clarke@hut8.example\",\"status\":\"valid\","
              "\"type\":\"work\"}] phone=+15550102030 " HUT8_PHONES
              " job_title=Cryptanalyst company_domain=hut8.example confidence=0.88 "
              "email_type=work phone_type=direct vendor_id=srch_50607080");
    /* VERIFIED, and only one of the two: only that is charged. */
    answer_is(&p.items[1].answer,
              "found 1: email=ada.lovelace@engine.example email_status=valid "
              "emails=[{\"email\":\"ada.lovelace@engine.example\",\"status\":\"valid\","
              "\"type\":\"work\"}] confidence=0.07 email_type=work");
    answer_is(&p.items[2].answer,
              "found 10: phone=+15550104050 "
              "phones=[{\"number\":\"+15550104050\",\"type\":\"mobile\"}] confidence=0.5 "
              "phone_type=mobile");
    answer_is(&p.items[3].answer,
              "not_found 0 (neither a verified email nor a verified phone found):");
    answer_is(&p.items[4].answer, "no_credits 0 (credits ran out before this contact):");
    arena_deinit(&p.arena);

    /* The same rows where only one of them was asked for. */
    op = configured(enrich, "pro", "type=phone");
    assert_int_equal(page_open(&op, "words-bulk-both", &p), 0);
    answer_is(&p.items[0].answer, "found 10: phone=+15550102030 " HUT8_PHONES
                                  " job_title=Cryptanalyst company_domain=hut8.example "
                                  "confidence=0.88 phone_type=direct vendor_id=srch_50607080");
    answer_is(&p.items[1].answer,
              "failed 0 (the reply says VERIFIED but gives nothing that was asked for):");
    answer_is(&p.items[3].answer, "not_found 0 (no verified phone found):");
    arena_deinit(&p.arena);
}

static void single_replies(void **state)
{
    static const struct {
        const char *name, *want;
        int64_t used, balance;
    } rows[] = {
        {"document-enrich",
         "found 1: email=ada.lovelace@engine.example email_status=valid "
         "emails=[{\"email\":\"ada.lovelace@engine.example\",\"status\":\"valid\","
         "\"type\":\"work\"}] job_title=Chief of Programs company_domain=engine.example "
         "confidence=0.93 email_type=work",
         -1, 811},
        {"words-enrich-not-found",
         "not_found 0 (neither a verified email nor a verified phone found): "
         "company_domain=z3.example",
         -1, 809},
        {"words-enrich-no-credits", "no_credits 0 (credits ran out before this contact):", -1, 0},
        {"document-sandbox",
         "found 0: email=ada.lovelace@engine.example email_status=valid "
         "emails=[{\"email\":\"ada.lovelace@engine.example\",\"status\":\"valid\","
         "\"type\":\"work\"}] phone=+15550100000 "
         "phones=[{\"number\":\"+15550100000\",\"type\":\"mobile\"}] job_title=Sample Title "
         "company_domain=engine.example confidence=0.91 email_type=work phone_type=mobile "
         "sandbox=true",
         0, 640},
        {"{\"status\":\"VERIFIED\",\"email\":\"a@b.example\",\"credits_used\":3}",
         "found 3: email=a@b.example email_status=valid emails=[{\"email\":\"a@b.example\","
         "\"status\":\"valid\",\"type\":\"work\"}] email_type=work",
         3, -1},
        {"{\"error\":\"late\"}", "failed 0 (late):", -1, -1},
    };
    struct operation op = configured(enrich, "pro", "mode=single type=both");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct golden_page p;
        assert_int_equal(page_open(&op, rows[i].name, &p), 0);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.items[0].echoed, 0);
        totals_are(&p, -1, rows[i].used, rows[i].balance);
        answer_is(&p.items[0].answer, rows[i].want);
        for (int f = 0; f < FIELD_COUNT; f++)
            if (p.items[0].answer.value[f].len > 0)
                assert_true(op.gives >> f & 1);
        arena_deinit(&p.arena);
    }
}

/* Mock data is said to be so and costs nothing, whether the reply or a row says it. */
static void the_sandbox(void **state)
{
    struct operation op = configured(enrich, "pro", "");
    struct golden_page p;

    (void)state;
    assert_int_equal(page_open(&op, "words-bulk-sandbox", &p), 0);
    totals_are(&p, 1, 0, 640);
    assert_int_equal(p.items[0].answer.credits, 0);
    slice_is(__func__, p.items[0].answer.value[FIELD_SANDBOX], "true");
    arena_deinit(&p.arena);
    assert_int_equal(page_open(&op,
                               "{\"results\":[{\"status\":\"VERIFIED\",\"email\":\"a@b.example\","
                               "\"_sandbox\":true},{\"status\":\"VERIFIED\","
                               "\"email\":\"c@d.example\",\"_sandbox\":false}]}",
                               &p),
                     0);
    assert_int_equal(p.items[0].answer.credits, 0);
    slice_is(__func__, p.items[0].answer.value[FIELD_SANDBOX], "true");
    assert_int_equal(p.items[1].answer.credits, 1);
    slice_is(__func__, p.items[1].answer.value[FIELD_SANDBOX], "");
    arena_deinit(&p.arena);
}

/* Rows as no document shows them. */
static void odd_rows(void **state)
{
    static const struct {
        const char *row, *want;
    } rows[] = {
        {"null", "failed 0 (the reply gives no status):"},
        {"7", "failed 0 (the reply gives no status):"},
        {"[1,2]", "failed 0 (the reply gives no status):"},
        {"{\"status\":200}", "failed 0 (the reply gives no status):"},
        {"{\"error\":\"bad name\"}", "failed 0 (bad name):"},
        {"{\"status\":\"FAILED\",\"error\":{\"message\":\"m\"}}", "failed 0 (m):"},
        {"{\"status\":\"SKIPPED\"}", "failed 0 (the reply gives the unknown status 'SKIPPED'):"},
        {"{\"status\":\"verified\",\"email\":\"\"}",
         "failed 0 (the reply says VERIFIED but gives nothing that was asked for):"},
        {"{\"status\":\"VERIFIED\",\"email\":\"none\",\"phone\":[]}",
         "failed 0 (the reply says VERIFIED but gives nothing that was asked for):"},
        {"{\"status\":\"NOT_FOUND\",\"message\":\"left the company\"}",
         "not_found 0 (left the company):"},
        {"{\"status\":\"NOT_FOUND\",\"email\":\"a@b.example\"}",
         "not_found 0 (neither a verified email nor a verified phone found):"},
        {"{\"status\":\"Risky\",\"email\":\"a@b.example\",\"confidence\":\"high\"}",
         "found 1: email=a@b.example email_status=risky emails=[{\"email\":\"a@b.example\","
         "\"status\":\"risky\",\"type\":\"work\"}] confidence=high email_type=work"},
        {"{\"email\":\"a@b.example\",\"confidence\":101}",
         "found 1: email=a@b.example emails=[{\"email\":\"a@b.example\",\"type\":\"work\"}] "
         "email_type=work"},
        {"{\"status\":\"VERIFIED\",\"phone\":{\"number\":\"0044 20 7946 0000\"},\"confidence\":-1}",
         "found 10: phone=+442079460000 phones=[{\"number\":\"+442079460000\"}]"},
        {"{\"status\":\"VERIFIED\",\"phone\":[null,3,\" +1 555 0101 \",{\"type\":\"fax\"},"
         "{\"number\":15550102}]}",
         "found 10: phone=+15550101 phones=[{\"number\":\"+15550101\"},{\"number\":\"15550102\"}]"},
        {"{\"status\":\"NO_CREDITS\",\"email\":\"a@b.example\"}",
         "no_credits 0 (credits ran out before this contact):"},
    };
    struct operation op = configured(enrich, "pro", "type=both");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct golden_page p;
        snprintf(text, sizeof text, "{\"results\":[%s]}", rows[i].row);
        assert_int_equal(page_open(&op, text, &p), 0);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.items[0].echoed, 0);
        answer_is(&p.items[0].answer, rows[i].want);
        arena_deinit(&p.arena);
    }
}

/* A row that lacks a part of its question names none. */
static void half_an_echo(void **state)
{
    struct operation op = configured(enrich, "pro", "");
    struct golden_page p;

    (void)state;
    assert_int_equal(page_open(&op,
                               "{\"results\":[{\"first_name\":\"Ada\",\"last_name\":\"L\"},"
                               "{\"first_name\":\"Ada\",\"last_name\":\"L\",\"company\":\"AE\"},"
                               "{\"first_name\":1,\"last_name\":\"L\",\"company\":\"AE\"}]}",
                               &p),
                     0);
    assert_int_equal(p.items[0].echoed, 0);
    assert_int_equal(p.items[1].echoed, op.identity);
    assert_int_equal(p.items[2].echoed, 0);
    arena_deinit(&p.arena);
}

static void what_is_no_reply(void **state)
{
    static const char *const bulk[] = {
        "{}",
        "[]",
        "null",
        "{\"results\":null}",
        "{\"results\":{}}",
        "{\"status\":\"completed\"}",
        "document-error",
        "document-enrich",
        "document-credits",
        "[{\"status\":\"VERIFIED\"}]",
    };
    static const char *const single[] = {
        "{}", "[]", "null", "document-credits", "{\"status\":{\"code\":200}}", "document-lists"};
    struct operation op = configured(enrich, "pro", "");
    struct golden_page p;

    (void)state;
    for (size_t i = 0; i < sizeof bulk / sizeof bulk[0]; i++) {
        assert_int_equal(page_open(&op, bulk[i], &p), ERR_DATA);
        assert_int_equal(p.e.code, ERR_DATA);
        assert_int_equal(p.count, 0);
        arena_deinit(&p.arena);
    }
    op = configured(enrich, "pro", "mode=single");
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        assert_int_equal(page_open(&op, single[i], &p), ERR_DATA);
        assert_int_equal(p.count, 0);
        arena_deinit(&p.arena);
    }
}

static void damage_and_memory(void **state)
{
    struct operation op = configured(enrich, "pro", "type=both");
    struct golden_page p;

    (void)state;
    survives_damage(&op, "words-bulk-both");
    survives_no_memory(&op, "words-bulk-both");
    assert_int_equal(golden_page(&op, parse(golden("words-bulk-both")), true, 1 << 20, ERR_IO, &p),
                     ERR_IO);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.reply.rows, 1);
    slice_is(__func__, p.items[1].answer.value[FIELD_RAW],
             "{\"first_name\":\"Ada\",\"last_name\":\"Lovelace\",\"company\":\"engine.example\","
             "\"status\":\"VERIFIED\",\"email\":\"ada.lovelace@engine.example\",\"phone\":null,"
             "\"confidence\":7}");
    arena_deinit(&p.arena);
    op = configured(enrich, "pro", "mode=single type=both");
    survives_damage(&op, "document-sandbox");
    survives_no_memory(&op, "document-sandbox");
}

/* --- balance, webhooks, errors --- */

static void balances(void **state)
{
    struct balance_reply b;

    (void)state;
    assert_true(prospiq_provider.parse_balance(golden_or_text("document-credits"), &b));
    assert_int_equal(b.credits, 809);
    assert_int_equal(b.used_today, 17);
    assert_int_equal(b.limit_today, 500);
    assert_string_equal(b.plan, "growth");
    assert_true(prospiq_provider.parse_balance(
        golden_or_text("{\"credits\":12.9,\"plan\":\"a plan with a name beyond all reason\"}"),
        &b));
    assert_int_equal(b.credits, 12);
    assert_int_equal(b.used_today, -1);
    assert_int_equal(b.limit_today, -1);
    assert_string_equal(b.plan, "");
    assert_false(prospiq_provider.parse_balance(golden_or_text("document-error"), &b));
    assert_false(prospiq_provider.parse_balance(golden_or_text("[]"), &b));
}

static int call(const struct operation *op, const char *text, struct callback_reply *out)
{
    struct golden_page p = {.count = 0};
    struct error e = {0};

    arena_init(&p.arena, 1 << 20);
    int rc = op->parse_callback(op, golden_or_text(text), true, &p.arena, golden_keep, &p, out, &e);
    assert_int_equal(p.count, 0);
    assert_int_equal(e.code, rc);
    arena_deinit(&p.arena);
    return rc;
}

static void callbacks(void **state)
{
    struct operation op = configured(enrich, "pro", "webhook=on");
    struct callback_reply c;

    (void)state;
    assert_int_equal(call(&op, "document-callback", &c), 0);
    assert_int_equal(c.kind, CALLBACK_EVENT);
    assert_string_equal(c.id, "");
    assert_int_equal(c.page.rows, 0);
    assert_int_equal(c.page.used, -1);
    assert_int_equal(call(&op, "words-callback-bulk-completed", &c), 0);
    assert_int_equal(c.kind, CALLBACK_EVENT);
    assert_int_equal(c.page.total, 30);
    assert_int_equal(c.page.used, 21);
    assert_int_equal(c.page.balance, 788);
    assert_int_equal(call(&op, "words-callback-test", &c), 0);
    assert_int_equal(c.kind, CALLBACK_TEST);
    assert_int_equal(call(&op, "{\"event\":\"credits.exhausted\",\"data\":null}", &c), 0);
    assert_int_equal(c.kind, CALLBACK_EVENT);
    assert_int_equal(call(&op, "{\"event\":\"x\",\"_test\":false}", &c), 0);
    assert_int_equal(c.kind, CALLBACK_EVENT);
    assert_int_equal(call(&op, "{\"data\":{}}", &c), ERR_DATA);
    assert_int_equal(call(&op, "{\"event\":7}", &c), ERR_DATA);
    assert_int_equal(call(&op, "document-event-bulk-completed", &c), ERR_DATA);
    assert_int_equal(call(&op, "[]", &c), ERR_DATA);
}

static void errors(void **state)
{
    static const struct status_row rows[] = {
        {200, true, REPLY_OK, REPLY_OK},
        {200, false, REPLY_DOUBT, REPLY_RETRY},
        {400, true, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED},
        {401, true, REPLY_REFUSED, REPLY_REFUSED},
        {402, true, REPLY_NO_CREDITS, REPLY_NO_CREDITS},
        {403, true, REPLY_REFUSED, REPLY_REFUSED},
        {404, true, REPLY_NOT_APPLIED, REPLY_GONE},
        {409, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
        {413, true, REPLY_TOO_LARGE, REPLY_NOT_APPLIED},
        {422, true, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED},
        {429, true, REPLY_THROTTLED, REPLY_THROTTLED},
        {500, true, REPLY_DOUBT, REPLY_RETRY},
        {503, false, REPLY_DOUBT, REPLY_RETRY},
    };
    static const struct {
        const char *text;
        int64_t place;
    } blames[] = {
        {"contacts[3].first_name must have 2 characters", 3},
        {"contacts.17 is invalid", 17},
        {"body/contacts/0/company is required", 0},
        {"contacts must be valid: contacts[4]", 4},
        {"contacts[-1]", -1},
        {"contacts[]", -1},
        {"contacts[99999999999]", -1},
        {"first_name is required", -1},
        {"contacts", -1},
        {"", -1},
    };
    struct problem problem;

    (void)state;
    statuses_are(enrich, rows, sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < sizeof blames / sizeof blames[0]; i++)
        assert_int_equal(blamed(enrich, blames[i].text), blames[i].place);
    problem_parse(&problem, json, golden("document-error"));
    assert_string_equal(problem.text, "No credits left");
}

/* Every payload here is one of the document's or is read by a test above; none is broken. */
static void other_payloads(void **state)
{
    static const char *const names[] = {
        "document-lists",
        "document-list-add-request",
        "document-list-add",
        "document-subscribe-request",
        "document-subscribe",
        "document-unsubscribe",
        "document-webhooks",
        "document-webhook-test-request",
        "document-webhook-test",
        "document-webhook-poll",
        "document-event-contact-verified",
        "document-event-credits-low",
        "document-event-credits-exhausted",
        "document-event-contact-added",
    };
    struct operation op = configured(enrich, "pro", "");
    struct golden_page p;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(page_open(&op, names[i], &p), ERR_DATA);
        arena_deinit(&p.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor),        cmocka_unit_test(tiers),
        cmocka_unit_test(options),           cmocka_unit_test(bodies),
        cmocka_unit_test(rules_of_contacts), cmocka_unit_test(bulk_replies),
        cmocka_unit_test(both_channels),     cmocka_unit_test(single_replies),
        cmocka_unit_test(the_sandbox),       cmocka_unit_test(odd_rows),
        cmocka_unit_test(half_an_echo),      cmocka_unit_test(what_is_no_reply),
        cmocka_unit_test(damage_and_memory), cmocka_unit_test(balances),
        cmocka_unit_test(callbacks),         cmocka_unit_test(errors),
        cmocka_unit_test(other_payloads),
    };

    enrich = &prospiq_provider.operations[0];
    RUN_TESTS(tests);
}
