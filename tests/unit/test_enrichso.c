/* Enrich.so: what each operation is in each mode and tier, and the requests as they are sent. */
#include "enrichso_golden.h"

static const char *const names[] = {"email-finder", "email-validation", "reverse-lookup",
                                    "phone-finder"};
#define NAMES (sizeof names / sizeof names[0])

static const struct provider *vendor(void)
{
    return provider_find(SLICE_LIT("enrichso"));
}

/* --- facts --- */

static void the_vendor(void **state)
{
    const struct provider *p = vendor();
    struct http_request r;

    (void)state;
    assert_null(provider_problem(p));
    assert_string_equal(p->base_url, "https://dev.enrich.so");
    assert_string_equal(p->key_header, "x-api-key");
    assert_string_equal(p->key_prefix, "");
    assert_int_equal(p->proof, PROOF_TOKEN);
    p->build_balance(&r);
    assert_int_equal(r.method, HTTP_GET);
    assert_false(r.has_body);
    assert_string_equal(r.path, "/api/v3/wallets/balance");
}

static void prices_and_sizes(void **state)
{
    static const struct {
        uint32_t items;
        int64_t price;
        field_set accepts[3];
    } rows[NAMES] = {
        {500000, 10, {FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME) | FIELD_BIT(DOMAIN), 0}},
        {500000, 1, {FIELD_BIT(EMAIL), 0}},
        {100000, 10, {FIELD_BIT(EMAIL), 0}},
        {500000, 500, {FIELD_BIT(LINKEDIN_URL), FIELD_BIT(EMAIL), 0}},
    };

    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        for (int single = 0; single < 2; single++) {
            struct operation op = configured(names[i], single ? "mode=single" : "mode=batch", NULL);
            assert_int_equal(op.items_max, single ? 1 : rows[i].items);
            assert_int_equal(op.page_rows, single ? 1 : 1000);
            assert_int_equal(op.price, rows[i].price);
            for (int k = 0; k < 3 && (k == 0 || rows[i].accepts[k - 1]); k++)
                assert_int_equal(op.accepts[k], rows[i].accepts[k]);
        }
    }
}

/* --- options --- */

static void modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        bool lookup = strcmp(names[i], "reverse-lookup") == 0;
        struct operation op = configured(names[i], NULL, NULL);
        assert_int_equal(op.delivery, DELIVERY_PAGES);
        assert_string_equal(operation_set(&op, "mode"), lookup ? "auto" : "batch");
        assert_string_equal(operation_set(&op, "webhook"), "off");
        assert_false(op.calls_back || op.query);
        assert_int_equal(op.doubt_ms, 0);
        assert_int_equal(op.echo_unsure, lookup);
        assert_int_equal(op.omitted != NULL, lookup);

        op = configured(names[i], "mode=batch", NULL);
        assert_int_equal(op.delivery, DELIVERY_PAGES);
        assert_false(op.echo_unsure);
        assert_int_equal(op.omitted != NULL, lookup);

        op = configured(names[i], "mode=single", NULL);
        assert_int_equal(op.delivery, DELIVERY_REPLY);
        assert_int_equal(op.query, strcmp(names[i], "phone-finder") == 0);
        assert_false(op.echo_unsure || op.calls_back);
        assert_null(op.omitted);

        op = configured(names[i], "webhook=on", NULL);
        assert_int_equal(op.delivery, DELIVERY_PAGES);
        assert_true(op.calls_back);
        assert_false(op.echo_unsure);
        assert_true(op.doubt_ms >= 60000);
    }
}

static void modes_that_cannot_be(void **state)
{
    static const char *const wrong[][2] = {
        {"mode=single", "webhook=on"}, {"mode=both", NULL}, {"webhook=yes", NULL}};

    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        const struct operation *op = &vendor()->operations[i];
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            const char *options[] = {wrong[k][0], wrong[k][1]};
            struct operation made;
            struct error e = {0};
            assert_int_equal(
                provider_configure(&made, op, vendor()->tiers, options, options[1] ? 2 : 1, &e),
                ERR_USAGE);
            assert_non_null(strstr(e.message, names[i]));
        }
    }
    const char *automatic = "mode=auto";
    struct operation made;
    struct error e = {0};
    assert_int_equal(
        provider_configure(&made, vendor()->operations, vendor()->tiers, &automatic, 1, &e),
        ERR_USAGE);
}

/* What auto becomes when rows have no echo is what mode=single is from the start. */
static void alone_is_single(void **state)
{
    struct operation single = configured("reverse-lookup", "mode=single", NULL);
    struct operation op = configured("reverse-lookup", NULL, NULL);
    struct http_request a, b;

    (void)state;
    assert_non_null(op.alone);
    assert_int_equal(op.alone(&op), 0);
    assert_int_equal(op.delivery, single.delivery);
    assert_int_equal(op.items_max, 1);
    assert_memory_equal(op.limits, single.limits, sizeof op.limits);
    assert_true(op.parse_page == single.parse_page && op.body_item == single.body_item);
    assert_null(op.omitted);
    assert_false(op.echo_unsure);
    op.build_submit(&op, &a);
    single.build_submit(&single, &b);
    assert_string_equal(a.path, b.path);
}

static uint32_t limit_of(const struct rate_limit *limits, unsigned classes, int64_t per_ms)
{
    uint32_t count = 0;

    for (int i = 0; i < RATE_LIMITS_MAX && limits[i].count > 0; i++)
        if (limits[i].classes == classes && limits[i].per_ms == per_ms)
            count = limits[i].count;
    return count;
}

static void limits(void **state)
{
    static const struct {
        const char *tier;
        uint32_t all_s, all_min, batch_s, batch_min, single_min;
    } rows[] = {
        {"free", 5, 60, 1, 2, 10},           {"growth", 25, 300, 3, 10, 100},
        {"scale", 50, 1000, 5, 20, 500},     {"pro", 100, 5000, 10, 50, 2000},
        {"enterprise", 200, 10000, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct operation op;
        struct error e = {0};
        const char *single = "mode=single";
        const struct provider_tier *t = provider_tier(vendor(), rows[i].tier, &e);
        assert_non_null(t);
        assert_int_equal(limit_of(t->limits, RATE_ALL, 1000), rows[i].all_s);
        assert_int_equal(limit_of(t->limits, RATE_ALL, 60000), rows[i].all_min);
        assert_int_equal(t->limits[2].count, 0);
        for (size_t k = 0; k < NAMES; k++) {
            const struct operation *from = &vendor()->operations[k];
            unsigned paid = RATE_BIT(RATE_SUBMIT);
            assert_int_equal(provider_configure(&op, from, t, NULL, 0, &e), 0);
            assert_int_equal(limit_of(op.limits, paid, 1000), rows[i].batch_s);
            assert_int_equal(limit_of(op.limits, paid, 60000), rows[i].batch_min);
            assert_int_equal(op.limits[2].count, 0);
            assert_int_equal(provider_configure(&op, from, t, &single, 1, &e), 0);
            assert_int_equal(limit_of(op.limits, paid, 60000), rows[i].single_min);
            assert_int_equal(op.limits[1].count, 0);
        }
    }
}

/* --- requests --- */

static void paths(void **state)
{
    static const struct {
        const char *batch, *single;
    } rows[NAMES] = {
        {"/api/v3/email-finder/batch", "/api/v3/email-finder"},
        {"/api/v3/email-validation/batch", "/api/v3/email-validation"},
        {"/api/v3/reverse-lookup/bulk-lookup", "/api/v3/reverse-lookup/lookup"},
        {"/api/v3/reverse-lookup/phones/bulk", "/api/v3/reverse-lookup/phones"},
    };

    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        struct operation batch = configured(names[i], NULL, NULL);
        struct operation single = configured(names[i], "mode=single", NULL);
        struct http_request r;
        char path[256];

        batch.build_submit(&batch, &r);
        assert_int_equal(r.method, HTTP_POST);
        assert_true(r.has_body);
        assert_string_equal(r.path, rows[i].batch);

        batch.build_poll(&batch, &r, "66aa16cd");
        assert_int_equal(r.method, HTTP_GET);
        assert_false(r.has_body);
        snprintf(path, sizeof path, "%s/66aa16cd", rows[i].batch);
        assert_string_equal(r.path, path);

        batch.build_page(&batch, &r, "a-B_9", 500);
        assert_int_equal(r.method, HTTP_GET);
        assert_false(r.has_body);
        snprintf(path, sizeof path, "%s/a-B_9/results?page=500&limit=1000", rows[i].batch);
        assert_string_equal(r.path, path);

        single.build_submit(&single, &r);
        assert_int_equal(r.method, single.query ? HTTP_GET : HTTP_POST);
        assert_int_equal(r.has_body, !single.query);
        assert_string_equal(r.path, rows[i].single);
    }
}

static void bodies_of_batches(void **state)
{
    const struct record leads[] = {
        lead("Katherine", "Johnson", "johnson.test"),
        lead("Émilie", "du \"Châtelet\"", "cirey.test"),
        lead("Hedy", "Lamarr", "hopping.test"),
    };
    const struct record emails[] = {address("alan@turing.test"), address("joan@clarke.test")};
    struct operation op = configured("email-finder", NULL, NULL);

    (void)state;
    body_is(&op, leads, 3, payload("enrichso/request-finder-submit"));
    op = configured("email-validation", NULL, NULL);
    body_is(&op, emails, 2, payload("enrichso/request-validation-submit"));
    op = configured("email-validation", "webhook=on", NULL);
    body_is(&op, emails, 2, payload("enrichso/request-validation-submit-webhook"));
    op = configured("reverse-lookup", NULL, NULL);
    body_is(&op, emails, 2, payload("enrichso/request-validation-submit"));
    op = configured("reverse-lookup", "webhook=on", NULL);
    body_is(&op, emails, 2, payload("enrichso/request-validation-submit-webhook"));
}

/* An address to call back to is the vendor's only where it was asked for: it costs a request a
 * record. */
static void callbacks_are_asked_for(void **state)
{
    struct operation op = configured("email-validation", NULL, NULL);
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    struct body_writer w = {.operation = &op, .out = &b, .callback_url = SLICE_LIT(CALLBACK_TO)};
    op.body_begin(&w);
    op.body_end(&w);
    assert_string_equal(buf_text(&b), "{\"emails\":[]}");
    buf_deinit(&b);
}

/* Each kind in its list, whatever their order is; the profile where a record has both. */
static void bodies_of_phones(void **state)
{
    struct record both = profile("https://www.linkedin.com/in/grace-example");
    both.value[FIELD_EMAIL] = SLICE_LIT("grace@hopper.test");
    const struct record mixed[] = {address("alan@turing.test"), both, address("joan@clarke.test")};
    const struct record linkedins[] = {both, profile("https://www.linkedin.com/in/ada-example")};
    struct operation op = configured("phone-finder", NULL, NULL);

    (void)state;
    body_is(&op, mixed, 3, payload("enrichso/request-phone-submit"));
    body_is(&op, mixed, 1, payload("enrichso/request-phone-submit-emails"));
    op = configured("phone-finder", "webhook=on", NULL);
    body_is(&op, linkedins, 2, payload("enrichso/request-phone-submit-linkedins"));
}

static void single_questions(void **state)
{
    const struct record person = lead("Katherine", "Johnson", "johnson.test");
    const struct record alan = address("alan@turing.test");
    const struct record plus = address("a+b&c=d@turing.test");
    const struct record page = profile("https://www.linkedin.com/in/%C3%A9milie-example");
    struct operation op = configured("email-finder", "mode=single", NULL);

    (void)state;
    body_is(&op, &person, 1, payload("enrichso/request-finder-single"));
    op = configured("email-validation", "mode=single", NULL);
    body_is(&op, &alan, 1, payload("enrichso/request-validation-single"));
    op = configured("reverse-lookup", "mode=single", NULL);
    body_is(&op, &alan, 1, payload("enrichso/request-validation-single"));
    op = configured("phone-finder", "mode=single", NULL);
    body_is(&op, &alan, 1, SLICE_LIT("?email=alan%40turing.test"));
    body_is(&op, &plus, 1, SLICE_LIT("?email=a%2Bb%26c%3Dd%40turing.test"));
    body_is(&op, &page, 1,
            SLICE_LIT("?linkedin=https%3A%2F%2Fwww.linkedin.com%2Fin%2F%25C3%25A9milie-example"));
}

/* The disk reserve is computed from item_bytes_max: no item may be longer; and no query longer than
 * a path can be. */
static void longest_items(void **state)
{
    char name[101] = {0}, host[254] = {0}, email[255] = {0}, page[501] = {0};

    (void)state;
    memset(name, 1, 100); /* escaped as \u0001 */
    memset(host, 'd', 253);
    memset(email, 1, 254);
    memset(page, '/', 500);
    memcpy(page, "https://www.linkedin.com/in/", 28);
    const struct record records[NAMES][2] = {
        {lead(name, name, host), lead(name, name, host)},
        {address(email), address(email)},
        {address(email), address(email)},
        {address(email), profile(page)},
    };
    for (size_t i = 0; i < NAMES; i++) {
        for (int k = 0; k < 2; k++) {
            struct operation batch = configured(names[i], NULL, NULL);
            struct operation single = configured(names[i], "mode=single", NULL);
            struct record r = records[i][k];
            field_set set = asked_by(&batch, &r);
            struct http_request request;
            struct buf b;
            if (batch.check)
                assert_null(batch.check(&batch, &r));
            buf_init(&b, 1 << 20);
            struct body_writer w = {.operation = &batch, .out = &b, .pass = 0, .items = 1};
            if (!batch.body_item(&w, &r, set)) {
                w.pass = 1;
                assert_true(batch.body_item(&w, &r, set));
            }
            assert_in_range(b.len, 500, batch.item_bytes_max);
            buf_reset(&b);
            write_body(&single, &r, 1, &b);
            assert_in_range(b.len, 700, single.item_bytes_max);
            single.build_submit(&single, &request);
            if (single.query)
                assert_true(strlen(request.path) + b.len < sizeof request.path);
            buf_deinit(&b);
        }
    }
}

static void limits_of_fields(void **state)
{
    char ascii[102] = {0}, accents[203] = {0}, host[255] = {0}, page[502] = {0};
    struct operation op = configured("email-finder", NULL, NULL);

    (void)state;
    memset(ascii, 'a', 101);
    memset(host, 'h', 254);
    for (size_t i = 0; i < 202; i += 2)
        memcpy(accents + i, "é", 2);
    struct record r = lead("a", "b", "c.test");
    assert_null(op.check(&op, &r));
    r = lead(ascii + 1, accents + 2, host + 1);
    assert_null(op.check(&op, &r));
    r = lead(ascii, "b", "c.test");
    assert_non_null(strstr(op.check(&op, &r), "first_name"));
    r = lead("a", accents, "c.test");
    assert_non_null(strstr(op.check(&op, &r), "last_name"));
    r = lead("a", "b", host);
    assert_non_null(strstr(op.check(&op, &r), "domain"));

    op = configured("phone-finder", NULL, NULL);
    memset(page, 'x', 501);
    memcpy(page, "https://www.linkedin.com/in/", 28);
    r = profile(page);
    assert_non_null(strstr(op.check(&op, &r), "500 bytes"));
    page[500] = '\0';
    r = profile(page);
    assert_null(op.check(&op, &r));
    r = profile("https://www.linkedin.com/company/example");
    assert_non_null(strstr(op.check(&op, &r), "profile"));
    /* Asked by the email address, the page that is none does not matter. */
    r = address("a@b.test");
    assert_null(op.check(&op, &r));
    r.value[FIELD_LINKEDIN_URL] = SLICE_LIT("no page");
    r.problem[FIELD_LINKEDIN_URL] = "is not a LinkedIn address";
    assert_null(op.check(&op, &r));
}

/* The item that a refusal names, in every way validators write it. */
static void refusals_name_items(void **state)
{
    static const struct {
        const char *operation, *text;
        int64_t place;
    } rows[] = {
        {"email-finder", "leads[17].firstName should not be empty", 17},
        {"email-finder", "leads.3.domain must be a domain", 3},
        {"email-finder", "body/leads/0/domain is refused", 0},
        {"email-finder", "leads must be an array", -1},
        {"email-finder", "leads[x] is wrong", -1},
        {"email-finder", "body/emails/0 is refused", -1},
        {"email-validation", "each value in emails.250000 must be an email", 250000},
        {"email-validation", "emails[99999999999999999999] is wrong", -1},
        {"reverse-lookup", "body/emails/7 Invalid email", 7},
        {"reverse-lookup", "The request holds an item that is not valid", -1},
        {"reverse-lookup", "", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct operation op = configured(rows[i].operation, NULL, NULL);
        struct problem problem = {.retry_after_ms = -1};
        snprintf(problem.text, sizeof problem.text, "%s", rows[i].text);
        assert_int_equal(op.bad_item(&problem), rows[i].place);
    }
    /* A place in one of two lists is no place in the batch; of one item there is none to find. */
    struct operation op = configured("phone-finder", NULL, NULL);
    assert_null(op.bad_item);
    op = configured("email-validation", "mode=single", NULL);
    assert_null(op.bad_item);
}

/* --- errors --- */

static const struct error_row {
    const char *name;
    long status;
    enum reply_class paid, free;
    const char *type;
    int64_t balance, required, retry_after_ms;
} errors[] = {
    {"document-error", 400, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED, "validation-error", -1, -1, -1},
    {"document-error-400", 400, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED, "validation-error", -1, -1, -1},
    {"document-error-401", 401, REPLY_REFUSED, REPLY_REFUSED, "unauthorized", -1, -1, -1},
    {"document-error-402", 402, REPLY_NO_CREDITS, REPLY_NO_CREDITS, "insufficient-credits", -1, -1,
     -1},
    {"document-error-403", 403, REPLY_REFUSED, REPLY_REFUSED, "forbidden", -1, -1, -1},
    {"document-error-404", 404, REPLY_NOT_APPLIED, REPLY_GONE, "not-found", -1, -1, -1},
    {"document-error-429", 429, REPLY_THROTTLED, REPLY_THROTTLED, "rate-limit-exceeded", -1, -1,
     -1},
    {"document-error-500", 500, REPLY_DOUBT, REPLY_RETRY, "internal-error", -1, -1, -1},
    {"document-error-502", 502, REPLY_DOUBT, REPLY_RETRY, "upstream-failure", -1, -1, -1},
    {"document-error-503", 503, REPLY_DOUBT, REPLY_RETRY, "service-unavailable", -1, -1, -1},
    {"document-error-504", 504, REPLY_DOUBT, REPLY_RETRY, "timeout", -1, -1, -1},
    {"openapi-error-400", 400, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED, "validation-error", -1, -1, -1},
    {"openapi-error-401", 401, REPLY_REFUSED, REPLY_REFUSED, "unauthorized", -1, -1, -1},
    {"openapi-error-402", 402, REPLY_NO_CREDITS, REPLY_NO_CREDITS, "insufficient-credits", -1, -1,
     -1},
    {"openapi-error-404", 404, REPLY_NOT_APPLIED, REPLY_GONE, "not-found", -1, -1, -1},
    {"openapi-error-429", 429, REPLY_THROTTLED, REPLY_THROTTLED, "rate-limit-exceeded", -1, -1, -1},
    {"openapi-error-500", 500, REPLY_DOUBT, REPLY_RETRY, "internal-error", -1, -1, -1},
    {"openapi-error-402-object", 402, REPLY_NO_CREDITS, REPLY_NO_CREDITS, "", -1, 30, -1},
    {"client-error-402-balance", 402, REPLY_NO_CREDITS, REPLY_NO_CREDITS, "insufficient-credits", 7,
     30, -1},
    {"limits-error-429", 429, REPLY_THROTTLED, REPLY_THROTTLED, "", -1, -1, 45000},
    {"auth-error-401", 401, REPLY_REFUSED, REPLY_REFUSED, "", -1, -1, -1},
};

/* In every mode alike: a single GET that costs is a paid request. */
static void errors_are_classified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        const struct error_row *row = &errors[i];
        char name[128];
        snprintf(name, sizeof name, "enrichso/%s", row->name);
        struct http_reply reply = {.end = HTTP_REPLY, .status = row->status};
        struct slice text = payload(name);
        struct json_value root = parse(text);
        struct problem problem;
        problem_parse(&problem, json, text);
        assert_string_equal(problem.type, row->type);
        assert_true(problem.text[0] != '\0');
        assert_int_equal(problem.balance, row->balance);
        assert_int_equal(problem.required, row->required);
        assert_int_equal(problem.retry_after_ms, row->retry_after_ms);
        for (size_t k = 0; k < 2 * NAMES; k++) {
            struct operation op =
                configured(names[k / 2], k % 2 ? "mode=single" : "mode=batch", NULL);
            assert_int_equal(op.classify(&reply, true, &root, &problem), row->paid);
            assert_int_equal(op.classify(&reply, false, &root, &problem), row->free);
        }
    }
}

static void cut_replies_are_never_whole(void **state)
{
    static const char *const replies[] = {
        "enrichso/document-finder-submit", "enrichso/openapi-validation-status",
        "enrichso/openapi-finder-results", "enrichso/openapi-lookup-single",
        "enrichso/document-phone-single",  "enrichso/live-validation-results",
    };

    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
        for (size_t k = 0; k < NAMES; k++) {
            struct operation op = configured(names[k], NULL, NULL);
            payload_cuts(&op, replies[i], 200);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vendor),
        cmocka_unit_test(prices_and_sizes),
        cmocka_unit_test(modes),
        cmocka_unit_test(modes_that_cannot_be),
        cmocka_unit_test(alone_is_single),
        cmocka_unit_test(limits),
        cmocka_unit_test(paths),
        cmocka_unit_test(bodies_of_batches),
        cmocka_unit_test(callbacks_are_asked_for),
        cmocka_unit_test(bodies_of_phones),
        cmocka_unit_test(single_questions),
        cmocka_unit_test(longest_items),
        cmocka_unit_test(limits_of_fields),
        cmocka_unit_test(refusals_name_items),
        cmocka_unit_test(errors_are_classified),
        cmocka_unit_test(cut_replies_are_never_whole),
    };

    RUN_TESTS(tests);
}
