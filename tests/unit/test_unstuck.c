/* Unstuck Engine: the requests as they are sent, every form of its replies, and what is not one. */
#define VENDOR_GOLDEN "unstuck/"
#include "vendor_golden.h"

extern const struct provider unstuck_provider;
static const struct operation *enrich, *discover, *account;

static struct record hints(const char *email, const char *linkedin_url, const char *domain)
{
    struct record r = {.problem = {NULL}};

    r.value[FIELD_EMAIL] = slice_of(email);
    r.value[FIELD_LINKEDIN_URL] = slice_of(linkedin_url);
    r.value[FIELD_DOMAIN] = slice_of(domain);
    return r;
}

/* --- facts --- */

static void descriptor(void **state)
{
    const struct provider *p = &unstuck_provider;
    static const char *const paths[] = {"/enrichment/bulk", "/enrichment/discover",
                                        "/enrichment/account"};
    struct http_request r;

    (void)state;
    const char *problem = provider_problem(p);
    if (problem)
        fail_msg("%s", problem);
    assert_null(p->base_url);
    assert_string_equal(p->key_header, "Authorization");
    assert_string_equal(p->key_prefix, "Bearer ");
    assert_string_equal(p->key_env, "UNSTUCK_API_KEY");
    assert_null(p->build_balance);
    for (size_t i = 0; i < 3; i++) {
        p->operations[i].build_submit(&p->operations[i], &r);
        assert_int_equal(r.method, HTTP_POST);
        assert_true(r.has_body);
        assert_string_equal(r.path, paths[i]);
    }
    assert_null(p->operations[3].name);
}

static void limits(void **state)
{
    const struct provider_tier *t = unstuck_provider.tiers;

    (void)state;
    assert_string_equal(t->name, "workspace");
    assert_null(t[1].name);
    assert_int_equal(t->limits[0].classes, RATE_ALL);
    assert_int_equal(t->limits[0].count, 10000);
    assert_int_equal(t->limits[0].per_ms, 86400000);
    assert_int_equal(t->limits[1].count, 0);
    for (int i = 0; i < 5; i++) {
        struct operation op = configured(i < 3   ? enrich
                                         : i < 4 ? discover
                                                 : account,
                                         NULL,
                                         i == 1   ? "mode=single"
                                         : i == 2 ? "force=true"
                                                  : "");
        assert_int_equal(op.limits[0].classes, RATE_BIT(RATE_SUBMIT));
        assert_int_equal(op.limits[0].count, i == 0 ? 20 : 100);
        assert_int_equal(op.limits[0].per_ms, 60000);
        assert_int_equal(op.limits[1].count, 0);
        assert_int_equal(op.items_max, i == 0 ? 100 : 1);
        assert_int_equal(op.page_rows, op.items_max);
        assert_int_equal(op.live_max > 0 ? op.live_max : op.provider->live_max, i == 0 ? 20 : 64);
    }
}

static void prices_and_fields(void **state)
{
    static const struct {
        const char *options;
        int64_t price;
        bool email, phone, linkedin;
    } rows[] = {
        {"", 14, true, true, true},
        {"channels=work_email", 3, true, false, false},
        {"channels=personal_email", 3, true, false, false},
        {"channels=phone", 5, false, true, false},
        {"channels=linkedin_url", 3, false, false, true},
        {"channels=phone,work_email", 8, true, true, false},
        {"channels=phone,phone", 5, false, true, false},
        {"channels=linkedin_url,phone,personal_email,work_email", 14, true, true, true},
        {"channels=phone force=true", 5, false, true, false},
    };
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct operation op = configured(enrich, NULL, rows[i].options);
        assert_int_equal(op.price, rows[i].price);
        assert_int_equal((op.gives & FIELD_BIT(EMAIL)) != 0, rows[i].email);
        assert_int_equal((op.gives & FIELD_BIT(PHONE)) != 0, rows[i].phone);
        assert_int_equal((op.gives & FIELD_BIT(LINKEDIN_URL)) != 0, rows[i].linkedin);
    }
    assert_int_equal(enrich->price, 14);
    assert_int_equal(discover->price, 28);
    assert_int_equal(account->price, 5);
    static const char *const wrong[] = {"channels=", "channels=phone,", "channels=fax",
                                        "force=yes", "mode=many",       "type=email"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct operation op;
        assert_int_equal(provider_configure(&op, enrich, unstuck_provider.tiers, &wrong[i], 1, &e),
                         ERR_USAGE);
    }
}

/* --- requests --- */

static void bodies(void **state)
{
    struct http_request r;
    struct record all = hints("ada@engine.example", "https://www.linkedin.com/in/ada-of-the-engine",
                              "analytical.example");
    struct record two[] = {
        /* A domain that is the address's own says nothing new. */
        hints("ada@engine.example", NULL, "engine.example"),
        hints(NULL, "https://www.linkedin.com/in/konrad-z3", NULL),
    };
    struct record name = hints(NULL, NULL, "engine.example");
    struct record company = hints(NULL, NULL, "engine.example");

    (void)state;
    struct operation op = configured(enrich, NULL, "channels=work_email");
    body_is(&op, two, 2, "document-bulk-request");
    op = configured(enrich, NULL, "mode=single");
    body_is(&op, &all, 1, "document-enrich-request");
    op.build_submit(&op, &r);
    assert_string_equal(r.path, "/enrichment");
    op = configured(enrich, NULL, "force=true channels=phone,work_email");
    text_body_is(&op, &two[1], 1, NULL,
                 "{\"linkedin_url\":\"https://www.linkedin.com/in/konrad-z3\","
                 "\"channels\":[\"work_email\",\"phone\"],\"force\":true}");
    op.build_submit(&op, &r);
    assert_string_equal(r.path, "/enrichment");

    name.value[FIELD_FIRST_NAME] = SLICE_LIT("Ada");
    name.value[FIELD_LAST_NAME] = SLICE_LIT("Lovelace");
    op = configured(discover, NULL, "");
    body_is(&op, &name, 1, "document-discover-request");
    op = configured(account, NULL, "");
    body_is(&op, &company, 1, "document-account-request");
}

static void rules_of_hints(void **state)
{
    (void)state;
    /* What cannot be used is no hint, and no part of the question's identity. */
    struct record r = hints("ada@engine.example", "a b", "x y");
    r.problem[FIELD_LINKEDIN_URL] = "is not a LinkedIn page";
    r.problem[FIELD_DOMAIN] = "is not a domain";
    assert_null(enrich->check(enrich, &r));
    slice_is(__func__, r.value[FIELD_EMAIL], "ada@engine.example");
    slice_is(__func__, r.value[FIELD_LINKEDIN_URL], "");
    slice_is(__func__, r.value[FIELD_DOMAIN], "");

    r = hints("jane@", "https://www.linkedin.com/in/jane", "looms.example");
    r.problem[FIELD_EMAIL] = "is not an email address";
    assert_null(enrich->check(enrich, &r));
    slice_is(__func__, r.value[FIELD_EMAIL], "");
    slice_is(__func__, r.value[FIELD_DOMAIN], "looms.example");

    r = hints("ada@engine.example", "https://www.linkedin.com/company/engine", "gine.example");
    assert_null(enrich->check(enrich, &r));
    slice_is(__func__, r.value[FIELD_LINKEDIN_URL], "");
    slice_is(__func__, r.value[FIELD_DOMAIN], "gine.example");
    r = hints(NULL, "https://www.linkedin.com/company/engine", "engine.example");
    assert_string_equal(enrich->check(enrich, &r), "linkedin_url is not a person's page");

    static char name[514];
    memset(name, 'a', 513);
    r = hints(NULL, NULL, "engine.example");
    r.value[FIELD_FIRST_NAME] = slice_of(name + 1);
    r.value[FIELD_LAST_NAME] = slice_of(name + 1);
    assert_null(discover->check(discover, &r));
    r.value[FIELD_LAST_NAME] = slice_of(name);
    assert_string_equal(discover->check(discover, &r), "last_name is longer than 512 bytes");
    r.value[FIELD_FIRST_NAME] = slice_of(name);
    assert_string_equal(discover->check(discover, &r), "first_name is longer than 512 bytes");
}

/* The disk reserve is computed from item_bytes_max: no item may be longer. */
static void longest_items(void **state)
{
    static char email[255], page[1001], domain[254], name[513];
    struct buf b;

    (void)state;
    memset(email, 1, 254); /* escaped as \u0001 */
    memset(page, 1, 1000);
    memset(domain, 1, 253);
    memset(name, 1, 512);
    struct record r = hints(email, page, domain);
    r.value[FIELD_FIRST_NAME] = r.value[FIELD_LAST_NAME] = slice_of(name);
    const struct operation ops[] = {configured(enrich, NULL, ""),
                                    configured(enrich, NULL, "force=true"),
                                    configured(discover, NULL, ""), configured(account, NULL, "")};
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        struct body_writer w = {.operation = &ops[i], .out = &b};
        buf_reset(&b);
        assert_true(ops[i].body_item(&w, &r, ops[i].accepts[0]));
        assert_in_range(b.len, ops[i].item_bytes_max / 2, ops[i].item_bytes_max);
    }
    buf_deinit(&b);
}

/* --- people --- */

static void used_is(const struct golden_page *p, int64_t used)
{
    assert_int_equal(p->reply.rows, p->count);
    assert_int_equal(p->reply.total, -1);
    assert_int_equal(p->reply.used, used);
    assert_int_equal(p->reply.refunded, -1);
    assert_int_equal(p->reply.balance, -1);
}

#define ADA_CHANNELS                                                                               \
    "channels={\"work_email\":{\"value\":\"ada.lovelace@engine.example\",\"source\":"              \
    "\"Source One\",\"confidence\":0.91,\"enriched_at\":\"2026-03-04T05:06:07Z\"},"                \
    "\"phone\":null,\"linkedin_url\":{\"value\":\"https://linkedin.com/in/ada-of-the-engine\","    \
    "\"source\":\"Source Two\",\"confidence\":0.83,\"enriched_at\":\"2026-03-04T05:06:07Z\"}}"
#define TRIED                                                                                      \
    "\"phone\":{\"value\":null,\"tried_providers\":[\"Source One\",\"Source Two\","                \
    "\"Source Three\"]}"

static void single_replies(void **state)
{
    static const struct {
        const char *options, *name, *want;
        int64_t used;
    } rows[] = {
        {"", "document-enrich",
         "found 4: email=ada.lovelace@engine.example "
         "emails=[{\"email\":\"ada.lovelace@engine.example\",\"type\":\"work\"}] "
         "linkedin_url=https://www.linkedin.com/in/ada-of-the-engine confidence=0.91 "
         "email_type=work " ADA_CHANNELS " vendor_id=lead_7f01",
         4},
        /* Null where it was asked for: not found. Not there where it was asked for: not known. */
        {"channels=phone", "document-enrich",
         "not_found 4 (nothing found in the channels asked for): " ADA_CHANNELS
         " vendor_id=lead_7f01",
         4},
        {"channels=personal_email", "document-enrich",
         "failed 4 (the reply says nothing of the channels asked for): " ADA_CHANNELS
         " vendor_id=lead_7f01",
         4},
        {"channels=phone,personal_email", "document-enrich",
         "not_found 4 (nothing found in the channels asked for): " ADA_CHANNELS
         " vendor_id=lead_7f01",
         4},
        {"channels=linkedin_url", "document-enrich",
         "found 4: linkedin_url=https://www.linkedin.com/in/ada-of-the-engine "
         "confidence=0.83 " ADA_CHANNELS " vendor_id=lead_7f01",
         4},
        {"", "help-enrich-tried",
         "found 2: email=konrad@z3.example "
         "emails=[{\"email\":\"konrad@z3.example\",\"type\":\"work\"}] confidence=0.7 "
         "email_type=work channels={\"work_email\":{\"value\":\"konrad@z3.example\",\"source\":"
         "\"Source One\",\"confidence\":0.7}," TRIED "} vendor_id=lead_7f02",
         2},
        {"channels=phone", "help-enrich-tried",
         "not_found 2 (nothing found in the channels asked for): "
         "channels={\"work_email\":{\"value\":\"konrad@z3.example\",\"source\":"
         "\"Source One\",\"confidence\":0.7}," TRIED "} vendor_id=lead_7f02",
         2},
        {"", "{\"error\":{\"message\":\"no such person\"}}", "failed 0 (no such person):", -1},
        {"", "{}", "failed 0 (the vendor gives no result for this record):", -1},
        {"", "{\"channels\":[],\"credits_used\":0}",
         "failed 0 (the vendor gives no result for this record):", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char options[128];
        struct golden_page p;
        snprintf(options, sizeof options, "mode=single %s", rows[i].options);
        struct operation op = configured(enrich, NULL, options);
        assert_int_equal(page_open(&op, rows[i].name, &p), 0);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.items[0].echoed, 0);
        used_is(&p, rows[i].used);
        answer_is(&p.items[0].answer, rows[i].want);
        for (int f = 0; f < FIELD_COUNT; f++)
            if (p.items[0].answer.value[f].len > 0)
                assert_true(op.gives >> f & 1);
        arena_deinit(&p.arena);
    }
}

/* All four; an address that the workspace's service calls invalid stands behind one that is not, and
 * its confidence is not the answer's. Nothing is said of credits: by the price. */
static void all_channels(void **state)
{
    static const struct {
        bool discover;
        const char *options;
        int64_t credits;
        const char *email, *status, *confidence;
    } rows[] = {
        {false, "mode=single", 14, "joan@mail.example", "valid", "0.6"},
        {true, "", 28, "joan@mail.example", "valid", "0.6"},
        {false, "mode=single channels=work_email", 3, "joan.clarke@hut8.example", "invalid", "0.4"},
        {false, "mode=single channels=work_email,phone", 8, "joan.clarke@hut8.example", "invalid",
         "1"},
        {false, "mode=single channels=phone,linkedin_url", 8, "", "", "1"},
        {false, "mode=single channels=linkedin_url", 3, "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct operation op =
            configured(rows[i].discover ? discover : enrich, NULL, rows[i].options);
        struct golden_page p;
        assert_int_equal(page_open(&op, "words-enrich-all", &p), 0);
        const struct answer *a = &p.items[0].answer;
        assert_int_equal(a->outcome, OUTCOME_FOUND);
        assert_int_equal(a->credits, rows[i].credits);
        slice_is(__func__, a->value[FIELD_EMAIL], rows[i].email);
        slice_is(__func__, a->value[FIELD_EMAIL_STATUS], rows[i].status);
        slice_is(__func__, a->value[FIELD_CONFIDENCE], rows[i].confidence);
        slice_is(__func__, a->value[FIELD_PHONE],
                 op.gives & FIELD_BIT(PHONE) ? "+15550102030" : "");
        slice_is(__func__, a->value[FIELD_LINKEDIN_URL],
                 op.gives & FIELD_BIT(LINKEDIN_URL) ? "https://www.linkedin.com/in/joan-hut8" : "");
        slice_is(__func__, a->value[FIELD_VENDOR_ID], "lead_7f03");
        used_is(&p, -1);
        if (i == 0)
            slice_is(__func__, a->value[FIELD_EMAILS],
                     "[{\"email\":\"joan@mail.example\",\"status\":\"valid\",\"type\":"
                     "\"personal\"},{\"email\":\"joan.clarke@hut8.example\",\"status\":"
                     "\"invalid\",\"type\":\"work\"}]");
        arena_deinit(&p.arena);
    }
}

static void bulk_rows(void **state)
{
    static const char *const want[] = {
        "found 2: email=ada.lovelace@engine.example "
        "emails=[{\"email\":\"ada.lovelace@engine.example\",\"type\":\"work\"}] confidence=0.91 "
        "email_type=work channels={\"work_email\":{\"value\":\"ada.lovelace@engine.example\","
        "\"source\":\"Source One\",\"confidence\":0.91}} vendor_id=lead_7f01",
        "not_found 0 (nothing found in the channels asked for): "
        "channels={\"work_email\":{\"value\":null,\"tried_providers\":[\"Source One\"]}}",
        "failed 0 (the vendor gives no result for this record):",
        "failed 0 (record could not be read):",
        "failed 0 (the vendor gives no result for this record): vendor_id=lead_7f05",
        "failed 0 (the reply says nothing of the channels asked for):",
        "found 3: email=joan.clarke@hut8.example "
        "emails=[{\"email\":\"joan.clarke@hut8.example\",\"type\":\"work\"}] email_type=work "
        "channels={\"work_email\":\"joan.clarke@hut8.example\"}",
    };
    struct record asked[] = {
        hints("ada@engine.example", NULL, "engine.example"),
        hints(NULL, "https://www.linkedin.com/in/konrad-z3", "z3.example"),
        hints(NULL, NULL, NULL),
        hints("nobody@bombe.example", NULL, NULL),
        hints(NULL, NULL, NULL),
        hints(NULL, NULL, NULL),
        hints("joan@hut8.example", NULL, NULL),
    };
    static const field_set echoed[] = {
        FIELD_BIT(EMAIL), FIELD_BIT(LINKEDIN_URL), 0, FIELD_BIT(EMAIL), 0, 0, FIELD_BIT(EMAIL)};
    struct operation op = configured(enrich, NULL, "channels=work_email");
    struct golden_page p;

    (void)state;
    assert_int_equal(page_open(&op, "assumed-bulk-array", &p), 0);
    assert_int_equal(p.count, 7);
    used_is(&p, -1); /* of the last one it is not said */
    for (size_t i = 0; i < 7; i++) {
        answer_is(&p.items[i].answer, want[i]);
        assert_int_equal(p.items[i].echoed, echoed[i]);
        if (!echoed[i])
            continue;
        assert_null(op.check(&op, &asked[i]));
        echo_is(&op, &p.items[i], &asked[i]);
    }
    arena_deinit(&p.arena);
}

static void bulk_forms(void **state)
{
    static const struct {
        const char *text;
        unsigned rows;
        int64_t used;
    } forms[] = {
        {"assumed-bulk-results", 2, 3},
        {"assumed-bulk-records", 2, 3},
        {"assumed-bulk-data", 2, 3},
        {"[]", 0, 0},
        {"{\"results\":[]}", 0, 0},
        /* The sum of what the rows say. */
        {"[{\"channels\":{\"phone\":{\"value\":\"+15550100\"}},\"credits_used\":4},null,"
         "{\"channels\":{\"phone\":null},\"credits_used\":1}]",
         3, 5},
        {"{\"results\":null,\"data\":[null]}", 1, 0},
    };
    static const char *const wrong[] = {"{}",
                                        "null",
                                        "document-enrich",
                                        "document-account",
                                        "{\"results\":{}}",
                                        "{\"error\":\"x\"}",
                                        "{\"data\":\"none\"}"};
    struct operation op = configured(enrich, NULL, "");
    struct golden_page p;

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        assert_int_equal(page_open(&op, forms[i].text, &p), 0);
        assert_int_equal(p.count, forms[i].rows);
        used_is(&p, forms[i].used);
        arena_deinit(&p.arena);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(page_open(&op, wrong[i], &p), ERR_DATA);
        assert_int_equal(p.e.code, ERR_DATA);
        assert_int_equal(p.count, 0);
        arena_deinit(&p.arena);
    }
    op = configured(enrich, NULL, "mode=single");
    static const char *const no_object[] = {"[]", "null", "[{\"channels\":{}}]"};
    for (size_t i = 0; i < sizeof no_object / sizeof no_object[0]; i++) {
        assert_int_equal(page_open(&op, no_object[i], &p), ERR_DATA);
        arena_deinit(&p.arena);
        assert_int_equal(page_open(account, no_object[i], &p), ERR_DATA);
        arena_deinit(&p.arena);
    }
}

/* Channels as no document shows them. */
static void odd_channels(void **state)
{
    static const struct {
        const char *channels, *want; /* up to the channels themselves */
    } rows[] = {
        {"{\"work_email\":\"\"}", "not_found 0 (nothing found in the channels asked for):"},
        {"{\"work_email\":{}}", "not_found 0 (nothing found in the channels asked for):"},
        {"{\"work_email\":{\"value\":\"\"}}",
         "not_found 0 (nothing found in the channels asked for):"},
        {"{\"work_email\":{\"value\":[\"a@b.example\"]}}",
         "not_found 0 (nothing found in the channels asked for):"},
        {"{\"work_email\":{\"value\":\"n/a\"},\"phone\":\"none\",\"linkedin_url\":\"none\"}",
         "not_found 0 (nothing found in the channels asked for):"},
        {"{\"work_email\":false}", "not_found 0 (nothing found in the channels asked for):"},
        {"{\"fax\":{\"value\":\"+15550100\"}}",
         "failed 0 (the reply says nothing of the channels asked for):"},
        {"{\"phone\":{\"value\":\" 0044 20 7946 0000 \",\"confidence\":\"high\"}}",
         "found 5: phone=+442079460000 phones=[{\"number\":\"+442079460000\"}] confidence=high"},
        {"{\"phone\":{\"value\":15550100,\"confidence\":94}}",
         "found 5: phone=15550100 phones=[{\"number\":\"15550100\"}]"},
        {"{\"personal_email\":{\"value\":\"a@b.example\"},\"work_email\":{\"value\":"
         "\"A@b.example\"}}",
         "found 6: email=A@b.example emails=[{\"email\":\"A@b.example\",\"type\":\"work\"}] "
         "email_type=work"},
        {"{\"linkedin_url\":\"linkedin.com/in/x\"}",
         "found 3: linkedin_url=https://www.linkedin.com/in/x"},
    };
    struct operation op = configured(enrich, NULL, "mode=single");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512], want[1024];
        struct golden_page p;
        snprintf(text, sizeof text, "{\"channels\":%s}", rows[i].channels);
        snprintf(want, sizeof want, "%s channels=%s", rows[i].want, rows[i].channels);
        assert_int_equal(page_open(&op, text, &p), 0);
        answer_is(&p.items[0].answer, want);
        arena_deinit(&p.arena);
    }
}

/* --- companies --- */

static void accounts(void **state)
{
    static const struct {
        const char *name, *want;
        int64_t used;
    } rows[] = {
        {"document-account",
         "found 5: industry=Calculating / Machines employee_count=37 revenue_band=$1M-$5M "
         "founded_year=1837 hq_country=UK hq_city=London "
         "tech_stack=[\"Punch Cards\",\"Brass\",\"Steam\"] funding_stage=Series A "
         "last_funding_date=2025-02-03 total_raised_usd=17000 vendor_id=acc_3c02",
         -1},
        {"assumed-account-other",
         "found 2: industry=Looms employee_count=11-50 tech_stack=\"Punch Cards\" "
         "account_fields={\"hq_country\":{\"code\":\"FR\"},\"naics\":[333249],\"public\":false} "
         "vendor_id=acc_3c03",
         2},
        {"assumed-account-unknown", "not_found 0 (nothing known of this company):", -1},
        {"{\"account_id\":\"acc_1\"}",
         "not_found 0 (nothing known of this company): "
         "vendor_id=acc_1",
         -1},
        {"{\"fields\":null,\"credits_used\":0}", "not_found 0 (nothing known of this company):", 0},
        {"{\"fields\":[1]}", "not_found 0 (nothing known of this company):", -1},
        {"{\"fields\":{},\"error\":\"no such domain\"}", "failed 0 (no such domain):", -1},
        {"{\"fields\":{\"x\":1}}", "found 5: account_fields={\"x\":1}", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct golden_page p;
        assert_int_equal(page_open(account, rows[i].name, &p), 0);
        assert_int_equal(p.count, 1);
        used_is(&p, rows[i].used);
        answer_is(&p.items[0].answer, rows[i].want);
        for (int f = 0; f < FIELD_COUNT; f++)
            if (p.items[0].answer.value[f].len > 0)
                assert_true(account->gives >> f & 1);
        arena_deinit(&p.arena);
    }
}

/* --- damage and errors --- */

static void damage_and_memory(void **state)
{
    struct operation op = configured(enrich, NULL, "");
    struct golden_page p;

    (void)state;
    survives_damage(&op, "assumed-bulk-array");
    survives_no_memory(&op, "assumed-bulk-array");
    assert_int_equal(
        golden_page(&op, parse(golden("assumed-bulk-array")), true, 1 << 20, ERR_IO, &p), ERR_IO);
    assert_int_equal(p.count, 2);
    slice_is(__func__, p.items[1].answer.value[FIELD_RAW],
             "{\"input\":{\"linkedin_url\":\"linkedin.com/in/konrad-z3/\",\"company_domain\":"
             "\"www.z3.example\"},\"channels\":{\"work_email\":{\"value\":null,"
             "\"tried_providers\":[\"Source One\"]}},\"credits_used\":0}");
    arena_deinit(&p.arena);
    op = configured(enrich, NULL, "mode=single");
    survives_damage(&op, "words-enrich-all");
    survives_no_memory(&op, "words-enrich-all");
    survives_damage(account, "assumed-account-other");
    survives_no_memory(account, "assumed-account-other");
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
        {413, true, REPLY_TOO_LARGE, REPLY_NOT_APPLIED},
        {422, true, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED},
        {429, true, REPLY_THROTTLED, REPLY_THROTTLED},
        {500, true, REPLY_DOUBT, REPLY_RETRY},
        {504, false, REPLY_DOUBT, REPLY_RETRY},
    };

    (void)state;
    statuses_are(enrich, rows, sizeof rows / sizeof rows[0]);
    statuses_are(discover, rows, sizeof rows / sizeof rows[0]);
    statuses_are(account, rows, sizeof rows / sizeof rows[0]);
    assert_int_equal(blamed(enrich, "records[41].email is not an email address"), 41);
    assert_int_equal(blamed(enrich, "body/records/7: a hint is required"), 7);
    assert_int_equal(blamed(enrich, "too many records"), -1);
    assert_null(discover->bad_item);
    assert_null(account->bad_item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor),        cmocka_unit_test(limits),
        cmocka_unit_test(prices_and_fields), cmocka_unit_test(bodies),
        cmocka_unit_test(rules_of_hints),    cmocka_unit_test(longest_items),
        cmocka_unit_test(single_replies),    cmocka_unit_test(all_channels),
        cmocka_unit_test(bulk_rows),         cmocka_unit_test(bulk_forms),
        cmocka_unit_test(odd_channels),      cmocka_unit_test(accounts),
        cmocka_unit_test(damage_and_memory), cmocka_unit_test(errors),
    };

    enrich = &unstuck_provider.operations[0];
    discover = &unstuck_provider.operations[1];
    account = &unstuck_provider.operations[2];
    RUN_TESTS(tests);
}
