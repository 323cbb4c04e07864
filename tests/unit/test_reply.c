/* Values out of vendors' replies: what is taken, what is unknown, and what happens without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider/reply.h"

static struct json *json;
static struct arena arena;
static struct reply_memory memory;

static int set_up(void **state)
{
    (void)state;
    json = json_create(16);
    arena_init(&arena, 1 << 20);
    reply_memory_init(&memory, &arena);
    return json == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    json_destroy(json);
    return 0;
}

static struct json_value parse(const char *text)
{
    struct json_value root;
    struct error e = {0};

    if (json_parse(json, slice_of(text), &root, &e) != 0)
        fail_msg("%s: %s", text, e.message);
    return root;
}

/* {"x":<value>}; until the next one. */
static struct json_value with(const char *value)
{
    static char text[4096];

    assert_true(snprintf(text, sizeof text, "{\"x\":%s}", value) < (int)sizeof text);
    return parse(text);
}

static void is(struct slice have, const char *want, const char *of)
{
    if (!slice_eq(have, slice_of(want)))
        fail_msg("%s: \"%.*s\", not \"%s\"", of, SLICE_ARG(have), want);
}

/* ---- one value ---- */

static const struct {
    const char *value, *text, *flag, *scalar; /* text NULL: there is none */
} values[] = {
    {"\"a\"", "a", "", "a"},
    {"\" \\t a b\\u00a0\"", "a b", "", "a b"},
    {"\"\"", NULL, "", ""},
    {"\" \\n \"", NULL, "", ""},
    {"null", NULL, "", ""},
    {"true", NULL, "true", ""},
    {"false", NULL, "false", ""},
    {"\"true\"", "true", "", "true"},
    {"0", NULL, "", "0"},
    {"-1.50", NULL, "", "-1.5"},
    {"12500000", NULL, "", "12500000"},
    {"[\"a\"]", NULL, "", ""},
    {"{\"x\":\"a\"}", NULL, "", ""},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct json_value object = with(values[i].value);
        struct slice text = SLICE_LIT("untouched");
        assert_int_equal(reply_text(object, "x", &text), values[i].text != NULL);
        is(text, values[i].text ? values[i].text : "untouched", values[i].value);
        is(reply_flag(object, "x"), values[i].flag, values[i].value);
        is(reply_scalar(&memory, object, "x"), values[i].scalar, values[i].value);
    }
    struct slice text = SLICE_LIT("untouched");
    assert_false(reply_text(parse("{\"y\":\"a\"}"), "x", &text));
    assert_false(reply_text(parse("[\"x\"]"), "x", &text));
    is(text, "untouched", "absent");
    is(reply_scalar(&memory, parse("{}"), "x"), "", "absent");
    assert_false(memory.failed);
}

static void test_amounts(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t amount;
        int64_t balance; /* INT64_MIN: it says none */
    } rows[] = {
        {"0", 0, 0},
        {"7", 7, 7},
        {"7.0", 7, 7},
        {"7.01", 8, 7}, /* a charge is rounded up, what is left down */
        {"0.5", 1, 0},
        {"\"12\"", 12, 12},
        {"\"2.5\"", 3, 2},
        {"-1", -1, 0}, /* a debt buys nothing */
        {"-0.5", -1, 0},
        {"1000000000000000", REPLY_AMOUNT_MAX, INT64_MIN},
        {"999999999999999", 999999999999999, 999999999999999},
        {"1000000000000001", -1, INT64_MIN},
        {"1e300", -1, INT64_MIN},
        {"-1e300", -1, INT64_MIN},
        {"\"unlimited\"", -1, -1},
        {"\"Unlimited \"", -1, -1},
        {"\"some\"", -1, INT64_MIN},
        {"\"\"", -1, INT64_MIN},
        {"true", -1, INT64_MIN},
        {"null", -1, INT64_MIN},
        {"[1]", -1, INT64_MIN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_value object = with(rows[i].value);
        int64_t credits = INT64_MIN;
        int64_t amount = reply_amount(object, "x");
        bool said = reply_balance(object, "x", &credits);
        if (amount != rows[i].amount || credits != rows[i].balance ||
            said != (rows[i].balance != INT64_MIN))
            fail_msg("%s: amount %lld, balance %lld", rows[i].value, (long long)amount,
                     (long long)credits);
    }
    assert_int_equal(reply_amount(parse("{}"), "x"), -1);
}

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *value, *id; /* NULL: none */
    } rows[] = {
        {"\"job_7-A\"", "job_7-A"},
        {"\" job_7 \"", "job_7"},
        {"12345678901", "12345678901"},
        {"0", "0"},
        {"-1", NULL},
        {"1.5", NULL},
        {"\"a/b\"", NULL},
        {"\"a b\"", NULL},
        {"\"../x\"", NULL},
        {"\"\"", NULL},
        {"null", NULL},
        {"true", NULL},
        {"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char id[REPLY_ID_SIZE] = "untouched";
        if (reply_id(with(rows[i].value), "x", id) != (rows[i].id != NULL))
            fail_msg("%s: %s", rows[i].value, id);
        assert_string_equal(id, rows[i].id ? rows[i].id : "untouched");
    }
}

static void test_confidence(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        double full;
        const char *text;
    } rows[] = {
        {"0.97", 1, "0.97"},     {"97", 100, "0.97"}, {"100", 100, "1"}, {"0", 100, "0"},
        {"101", 100, ""},        {"-1", 100, ""},     {"1.01", 1, ""},   {"\"50\"", 100, "0.5"},
        {"\"high\"", 1, "high"}, {"null", 1, ""},     {"true", 1, ""},   {"\" \"", 1, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        is(reply_confidence(&memory, with(rows[i].value), "x", rows[i].full), rows[i].text,
           rows[i].value);
}

static void test_item_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t place;
    } rows[] = {
        {"contacts[3].company is too short", 3},
        {"contacts.3", 3},
        {"body/contacts/17 must have a name", 17},
        {"contacts[0]", 0},
        {"contacts[4294967295]", 4294967295},
        {"contacts[4294967296]", -1},
        {"contacts[99999999999999999999]", -1},
        {"contacts must be a list", -1},
        {"contacts[]", -1},
        {"contacts[-1]", -1},
        {"contacts: too many contacts.12 here", 12}, /* the first that has a place */
        {"names[3]", -1},
        {"", -1},
        {"contacts", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t place = reply_item_place(rows[i].text, "contacts");
        if (place != rows[i].place)
            fail_msg("%s: %lld", rows[i].text, (long long)place);
    }
}

/* ---- errors and reasons ---- */

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *row, *reason; /* NULL: no error */
    } rows[] = {
        {"{}", NULL},
        {"{\"error\":null}", NULL},
        {"{\"error\":false}", NULL},
        {"{\"error\":\"\"}", NULL},
        {"{\"error\":\"  \"}", NULL},
        {"{\"error\":false,\"message\":\"fine\"}", NULL},
        {"{\"error\":\" no such person \"}", "no such person"},
        {"{\"error\":{\"message\":\"m\",\"detail\":\"d\",\"code\":\"c\"}}", "m"},
        {"{\"error\":{\"detail\":\"d\",\"code\":\"c\"}}", "d"},
        {"{\"error\":{\"code\":\"c\"},\"message\":\"row\"}", "c"},
        {"{\"error\":{\"code\":7},\"message\":\"row\"}", "row"},
        {"{\"error\":{}}", "the vendor reports an error"},
        {"{\"error\":true,\"message\":\"row\"}", "row"},
        {"{\"error\":true}", "the vendor reports an error"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice reason = SLICE_LIT("untouched");
        if (reply_error(parse(rows[i].row), &reason) != (rows[i].reason != NULL))
            fail_msg("%s: %.*s", rows[i].row, SLICE_ARG(reason));
        is(reason, rows[i].reason ? rows[i].reason : "untouched", rows[i].row);
    }
}

/* Never inside a character, wherever the cut falls. */
static void test_cut(void **state)
{
    (void)state;
    char text[2 * REPLY_REASON_MAX];
    for (unsigned shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 <= sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        struct slice cut = reply_cut((struct slice){text, sizeof text - 4});
        assert_int_equal(cut.len, REPLY_REASON_MAX - (REPLY_REASON_MAX - shift) % 4);
        assert_ptr_equal(cut.data, text);
    }
    assert_int_equal(reply_cut((struct slice){text, REPLY_REASON_MAX}).len, REPLY_REASON_MAX);
    assert_int_equal(reply_cut(SLICE_EMPTY).len, 0);
}

/* ---- addresses and numbers ---- */

static void test_pages_and_domains(void **state)
{
    (void)state;
    is(reply_linkedin(&memory, SLICE_LIT("http://de.linkedin.com/in/Jane-Doe/?x=1")),
       "https://www.linkedin.com/in/Jane-Doe", "a page");
    is(reply_linkedin(&memory, SLICE_LIT("no page")), "no page", "none");
    is(reply_domain(&memory, SLICE_LIT("https://www.ACME.com/about")), "acme.com", "an address");
    is(reply_domain(&memory, SLICE_LIT("Acme Inc.")), "Acme Inc.", "a name");
    is(reply_domain(&memory, SLICE_EMPTY), "", "nothing");
    assert_false(memory.failed);
}

static void test_emails(void **state)
{
    (void)state;
    static const struct {
        const char *value, *email; /* NULL: none */
    } rows[] = {
        {"\" j@acme.com \"", "j@acme.com"},
        {"\"j@\"", NULL},
        {"\"@acme.com\"", NULL},
        {"\"@\"", NULL},
        {"\"n/a\"", NULL},
        {"\"\"", NULL},
        {"null", NULL},
        {"7", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice email = SLICE_LIT("untouched");
        assert_int_equal(reply_email(with(rows[i].value), "x", &email), rows[i].email != NULL);
        is(email, rows[i].email ? rows[i].email : "untouched", rows[i].value);
    }
    static const char *const catch_all[] = {"catch-all",  "CatchAll",   "Catch All", "catch_all",
                                            "ACCEPT_ALL", "accept-all", "acceptall"};
    for (size_t i = 0; i < sizeof catch_all / sizeof catch_all[0]; i++)
        is(reply_email_status(&memory, slice_of(catch_all[i])), "catch_all", catch_all[i]);
    is(reply_email_status(&memory, SLICE_LIT("Valid")), "valid", "Valid");
    is(reply_email_status(&memory, SLICE_EMPTY), "", "none");
    is(reply_lower(&memory, SLICE_LIT("ABCxyz09 \xc3\x84")), "abcxyz09 \xc3\x84", "lower");
}

static void test_phones(void **state)
{
    (void)state;
    static const struct {
        const char *text, *number, *international;
    } rows[] = {
        {"+1 (415) 555-1234", "+14155551234", "+14155551234"},
        {"0014155551234", "+14155551234", "+14155551234"},
        {"14155551234", "14155551234", "+14155551234"},
        {"(415) 555-1234", "(415) 555-1234", "+4155551234"},
        {"+49.30/123-4567", "+49301234567", "+49301234567"},
        {"+1234567", "+1234567", "+1234567"},
        {"+123456", "+123456", "+123456"}, /* an extension */
        {"+123456789012345", "+123456789012345", "+123456789012345"},
        {"+1234567890123456", "+1234567890123456", "+1234567890123456"},
        {"+0301234567", "+0301234567", "+0301234567"}, /* no country begins with a zero */
        {"0301234567", "0301234567", "0301234567"},
        {"+1 415 555 1234 ext. 7", "+1 415 555 1234 ext. 7", "+1 415 555 1234 ext. 7"},
        {"none", "none", "none"},
        {"00", "00", "00"},
        {"+", "+", "+"},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is(reply_phone(&memory, slice_of(rows[i].text), false), rows[i].number, rows[i].text);
        is(reply_phone(&memory, slice_of(rows[i].text), true), rows[i].international, rows[i].text);
    }
    /* A NUL is no white space of a number. */
    struct slice odd = {"+1415\0005551234", 13};
    assert_true(slice_eq(reply_phone(&memory, odd, false), odd));
    assert_false(memory.failed);
}

/* ---- contacts ---- */

static void test_contacts(void **state)
{
    (void)state;
    struct reply_contacts c = {.emails = 0};
    struct answer a = {.outcome = OUTCOME_FOUND};

    reply_put_contacts(&memory, &c, &a);
    assert_int_equal(a.value[FIELD_EMAILS].len + a.value[FIELD_PHONES].len, 0);

    reply_add_email(&c, SLICE_EMPTY, SLICE_LIT("valid"), SLICE_EMPTY);
    reply_add_email(&c, SLICE_LIT("old@acme.com"), SLICE_LIT("Invalid"), SLICE_EMPTY);
    reply_add_email(&c, SLICE_LIT("j@acme.com"), SLICE_EMPTY, SLICE_LIT("work"));
    reply_add_email(&c, SLICE_LIT("j@home.example"), SLICE_LIT("valid"), SLICE_LIT("personal"));
    /* The same one again tells only what was not known. */
    reply_add_email(&c, SLICE_LIT("J@Acme.com"), SLICE_LIT("valid"), SLICE_LIT("personal"));
    reply_add_phone(&c, SLICE_LIT("n/a"), SLICE_LIT("mobile"));
    reply_add_phone(&c, SLICE_EMPTY, SLICE_EMPTY);
    reply_add_phone(&c, SLICE_LIT("+1415\"5551234"), SLICE_EMPTY);
    reply_add_phone(&c, SLICE_LIT("+49301234567"), SLICE_LIT("mobile"));
    assert_int_equal(c.emails, 3);
    assert_int_equal(c.phones, 2);
    reply_best_email(&c);
    reply_put_contacts(&memory, &c, &a);
    is(a.value[FIELD_EMAIL], "j@acme.com", "email");
    is(a.value[FIELD_EMAIL_STATUS], "valid", "status");
    is(a.value[FIELD_EMAIL_TYPE], "work", "type");
    is(a.value[FIELD_EMAILS],
       "[{\"email\":\"j@acme.com\",\"status\":\"valid\",\"type\":\"work\"},"
       "{\"email\":\"old@acme.com\",\"status\":\"Invalid\"},"
       "{\"email\":\"j@home.example\",\"status\":\"valid\",\"type\":\"personal\"}]",
       "emails");
    is(a.value[FIELD_PHONE], "+1415\"5551234", "phone");
    is(a.value[FIELD_PHONE_TYPE], "", "phone type");
    is(a.value[FIELD_PHONES],
       "[{\"number\":\"+1415\\\"5551234\"},{\"number\":\"+49301234567\",\"type\":\"mobile\"}]",
       "phones");
    /* Where all are called invalid their order stays. */
    for (unsigned i = 0; i < c.emails; i++)
        c.email[i].status = SLICE_LIT("invalid");
    reply_best_email(&c);
    is(c.email[0].value, "j@acme.com", "the first");
    is(c.email[1].value, "old@acme.com", "the second");
}

/* A vendor that lists thousands does not make thousands of an answer. */
static void test_contacts_are_bounded(void **state)
{
    (void)state;
    struct reply_contacts c = {.emails = 0};
    char text[100][32];

    for (int i = 0; i < 100; i++) {
        snprintf(text[i], sizeof text[i], "+4930%08d", i);
        reply_add_phone(&c, slice_of(text[i]), SLICE_EMPTY);
        reply_add_email(&c, slice_of(text[i]), SLICE_EMPTY, SLICE_EMPTY);
    }
    assert_int_equal(c.phones, REPLY_CONTACTS_MAX);
    assert_int_equal(c.emails, REPLY_CONTACTS_MAX);
    is(c.phone[REPLY_CONTACTS_MAX - 1].value, text[REPLY_CONTACTS_MAX - 1], "the last");
}

/* ---- memory ---- */

struct given {
    unsigned count;
    int rc; /* what is said of a row */
};

static int take(void *arg, const struct page_item *item)
{
    struct given *g = arg;

    (void)item;
    g->count++;
    return g->rc;
}

static void test_give(void **state)
{
    (void)state;
    struct json_value row = parse("{\"id\": 1, \"list\": [true, null, \"\\u00e4\\\"\"]}");
    struct page_item item = {.answer = {.outcome = OUTCOME_FOUND}};
    struct page_reply page = {.rows = 0};
    struct given g = {0, 0};
    struct error e = {0};

    assert_int_equal(reply_give(&memory, row, false, &item, take, &g, &page, &e), 0);
    is(item.answer.value[FIELD_RAW], "", "raw");
    assert_int_equal(reply_give(&memory, row, true, &item, take, &g, &page, &e), 0);
    is(item.answer.value[FIELD_RAW], "{\"id\":1,\"list\":[true,null,\"\xc3\xa4\\\"\"]}", "raw");
    assert_int_equal(page.rows, 2);
    /* A row that was not taken is not counted. */
    g.rc = ERR_DATA;
    assert_int_equal(reply_give(&memory, row, true, &item, take, &g, &page, &e), ERR_DATA);
    assert_int_equal(page.rows, 2);
    assert_int_equal(g.count, 3);
    /* What could not be read whole is never given. */
    memory.failed = true;
    assert_int_equal(reply_give(&memory, row, false, &item, take, &g, &page, &e), ERR_INTERNAL);
    assert_int_equal(g.count, 3);
}

/* A long value outgrows the scratch memory more than once; short ones stay valid beside it. */
static void test_scratch_grows(void **state)
{
    (void)state;
    size_t len = 100000;
    char *text = malloc(len + 16);
    assert_non_null(text);
    struct slice before = reply_print(&memory, with("[1]"));
    strcpy(text, "{\"x\":\"");
    memset(text + 6, 'y', len);
    strcpy(text + 6 + len, "\"}");
    struct slice printed = reply_print(&memory, parse(text));
    is(printed, text, "a long value");
    is(before, "{\"x\":[1]}", "the one before");
    free(text);
}

/* Without memory nothing is half there: what was asked for is empty, and it is known. */
static void test_no_memory(void **state)
{
    (void)state;
    struct arena none;
    struct reply_memory m;
    struct reply_contacts c = {.emails = 0};
    struct answer a = {.outcome = OUTCOME_FOUND};

    arena_init(&none, 0);
    for (int call = 0; call < 7; call++) {
        reply_memory_init(&m, &none);
        struct json_value object = with("7");
        switch (call) {
        case 0:
            assert_int_equal(reply_print(&m, object).len, 0);
            break;
        case 1:
            assert_int_equal(reply_scalar(&m, object, "x").len, 0);
            break;
        case 2:
            assert_int_equal(reply_confidence(&m, object, "x", 100).len, 0);
            break;
        case 3:
            assert_int_equal(reply_lower(&m, SLICE_LIT("A")).len, 0);
            break;
        case 4:
            reply_phone(&m, SLICE_LIT("+1 415 555 1234"), false);
            break;
        case 5:
            reply_linkedin(&m, SLICE_LIT("linkedin.com/in/Jane"));
            break;
        case 6:
            reply_add_email(&c, SLICE_LIT("j@acme.com"), SLICE_EMPTY, SLICE_EMPTY);
            reply_put_contacts(&m, &c, &a);
            assert_int_equal(a.value[FIELD_EMAILS].len, 0);
            break;
        }
        if (!m.failed)
            fail_msg("call %d does not say that it failed", call);
    }
    arena_deinit(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values),     TEST(test_amounts),           TEST(test_ids),
        TEST(test_confidence), TEST(test_item_place),        TEST(test_errors),
        TEST(test_cut),        TEST(test_pages_and_domains), TEST(test_emails),
        TEST(test_phones),     TEST(test_contacts),          TEST(test_contacts_are_bounded),
        TEST(test_give),       TEST(test_scratch_grows),     TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
