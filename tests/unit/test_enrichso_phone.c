/* Enrich.so's phone numbers: by either kind of address, as texts and as objects. */
#include "enrichso_golden.h"

#define ONE(number) "phone=" number " phones=[{\"number\":\"" number "\"}]"
#define TWO(a, b)   "phone=" a " phones=[{\"number\":\"" a "\"},{\"number\":\"" b "\"}]"

static void pages(void **state)
{
    const struct operation op = configured("phone-finder", NULL, NULL);
    const char *const *document =
        LINES("found 500: phone=+15555550101 phones=[{\"number\":\"+15555550101\",\"type\":"
              "\"mobile\"},{\"number\":\"+15555550102\",\"type\":\"work\"}] phone_type=mobile"
              " < email=ada@lovelace.test",
              "found 500: phone=+15555550103 phones=[{\"number\":\"+15555550103\",\"type\":"
              "\"mobile\"}] phone_type=mobile"
              " < linkedin_url=https://www.linkedin.com/in/grace-example",
              "not_found 0 (no phone number found) < email=nobody@bombe.test");
    const char *const *openapi =
        LINES("found 500: " ONE("+15555550110") " < email=alan@turing.test",
              "found 500: " TWO("+15555550111", "+15555550112") " < email=joan@clarke.test",
              "not_found 0 (No phone numbers found for this profile)"
              " < linkedin_url=https://www.linkedin.com/in/nobody-example");

    (void)state;
    reply_gives(&op, "enrichso/document-phone-results",
                (struct page_reply){.total = 3, .used = 1000, .refunded = -1, .balance = 2656},
                document);
    flat_gives(&op, "enrichso/document-phone-results", document);
    reply_gives(&op, "enrichso/openapi-phone-results",
                (struct page_reply){.total = 3, .used = 1000, .refunded = 500, .balance = 8437},
                openapi);
    flat_gives(&op, "enrichso/openapi-phone-results", openapi);
}

static void singles(void **state)
{
    const struct operation op = configured("phone-finder", "mode=single", NULL);
    const char *const *found =
        LINES("found 500: phone=+15555550101 phones=[{\"number\":\"+15555550101\",\"type\":"
              "\"mobile\"}] phone_type=mobile <");
    const char *const *two = LINES("found 500: " TWO("+15555550110", "+15555550111") " <");
    const char *const *miss = LINES("not_found 0 (no phone number found) <");

    (void)state;
    reply_gives(&op, "enrichso/document-phone-single",
                (struct page_reply){.total = 1, .used = 500, .refunded = -1, .balance = 3656},
                found);
    flat_gives(&op, "enrichso/document-phone-single", found);
    reply_gives(&op, "enrichso/document-phone-single-miss",
                (struct page_reply){.total = 1, .used = 0, .refunded = -1, .balance = 3656}, miss);
    flat_gives(&op, "enrichso/document-phone-single-miss", miss);
    reply_gives(&op, "enrichso/openapi-phone-single",
                (struct page_reply){.total = 1, .used = 500, .refunded = -1, .balance = 9437}, two);
    flat_gives(&op, "enrichso/openapi-phone-single", two);
    reply_gives(&op, "enrichso/openapi-phone-single-miss",
                (struct page_reply){.total = 1, .used = 0, .refunded = -1, .balance = 9437}, miss);
    flat_gives(&op, "enrichso/openapi-phone-single-miss", miss);
}

/* Profiles come back in every form people have, and lead to the same question. */
static void profiles_are_compared_in_one_form(void **state)
{
    static const char *const forms[] = {
        "https://www.linkedin.com/in/grace-example",
        "linkedin.com/in/grace-example/",
        "http://de.linkedin.com/in/Grace-Example?trk=x",
        "HTTPS://LinkedIn.com/in/grace-example#a",
    };
    const struct operation op = configured("phone-finder", NULL, NULL);
    const struct record asked = profile("https://www.linkedin.com/in/grace-example");

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct page_reply reply;
        struct error e = {0};
        struct given g;
        char text[256];
        given_open(&g, 1 << 20);
        snprintf(text, sizeof text, "{\"results\":[{\"linkedin\":\"%s\",\"phones\":[]}]}",
                 forms[i]);
        assert_int_equal(
            op.parse_page(&op, parse(slice_of(text)), false, &g.arena, given_keep, &g, &reply, &e),
            0);
        assert_int_equal(g.item.echoed, FIELD_BIT(LINKEDIN_URL));
        assert_true(same_question(g.item.echoed, &g.item.echo, &asked));
        arena_deinit(&g.arena);
    }
}

static void odd_rows(void **state)
{
    const struct operation op = configured("phone-finder", NULL, NULL);

    (void)state;
    row_gives(&op, "{}", "not_found 0 (no phone number found) <");
    row_gives(&op, "null", "not_found 0 (no phone number found) <");
    row_gives(&op, "{\"phones\":null,\"email\":null,\"linkedin\":\"\"}",
              "not_found 0 (no phone number found) <");
    row_gives(&op, "{\"phones\":[null,7,\"\",{},[]]}", "not_found 0 (no phone number found) <");
    row_gives(&op, "{\"phones\":[\"+15555550101\"]}", "found 500: " ONE("+15555550101") " <");
    row_gives(&op, "{\"found\":true,\"phones\":[]}",
              "failed 0 (the reply says found but gives no phone number) <");
    row_gives(&op, "{\"found\":false,\"phones\":[\"+15555550101\"]}",
              "not_found 0 (no phone number found) <");
    row_gives(&op, "{\"phones\":[],\"error\":\"The lookup timed out\"}",
              "failed 0 (The lookup timed out) <");
    row_gives(&op, "{\"phones\":[],\"error\":\"Profile not found\"}",
              "not_found 0 (Profile not found) <");
    row_gives(&op, "{\"phones\":[],\"message\":\"Nobody there\"}", "not_found 0 (Nobody there) <");
    /* One number twice is one; the type is taken from where it is known. */
    row_gives(&op,
              "{\"phones\":[\"+1 555 555 0101\",{\"phone\":\"+15555550101\",\"type\":\"Mobile\"}]}",
              "found 500: phone=+15555550101 phones=[{\"number\":\"+15555550101\",\"type\":"
              "\"mobile\"}] phone_type=mobile <");
    row_gives(&op, "{\"phones\":[\"ext. 7\"]}", "found 500: " ONE("ext. 7") " <");
    /* A page that is none of LinkedIn's is compared as it stands. */
    row_gives(&op, "{\"linkedin\":\"https://www.example.test/in/a\",\"phones\":[]}",
              "not_found 0 (no phone number found) < linkedin_url=https://www.example.test/in/a");
}

static void callbacks(void **state)
{
    const struct operation op = configured("phone-finder", "webhook=on", NULL);
    const char *const job = "66ab52bf7b8e3f00149f0a10";

    (void)state;
    callback_gives(&op, "enrichso/callback-phone-result", CALLBACK_RESULT, job,
                   LINES("found 500: " ONE("+15555550110") " < email=alan@turing.test"));
    callback_gives(
        &op, "enrichso/callback-phone-result-linkedin", CALLBACK_RESULT, job,
        LINES("found 500: " TWO(
            "+15555550113",
            "+15555550114") " < linkedin_url=https://www.linkedin.com/in/grace-example"));
    callback_gives(&op, "enrichso/callback-phone-miss", CALLBACK_RESULT, job,
                   LINES("not_found 0 (No information found)"
                         " < linkedin_url=https://www.linkedin.com/in/nobody-example"));
    callback_gives(&op, "enrichso/callback-phone-error", CALLBACK_RESULT, job,
                   LINES("failed 0 (The lookup timed out) < email=joan@clarke.test"));
    callback_gives(&op, "enrichso/callback-phone-done", CALLBACK_PROGRESS, job, NO_LINES);
    /* Numbers within `result`, as the other products have it. */
    callback_gives(&op,
                   "{\"data\":{\"job_id\":\"7\",\"result_id\":\"a@b.test\",\"type\":\"success\","
                   "\"result\":{\"phones\":[{\"number\":\"+15555550101\"}]}}}",
                   CALLBACK_RESULT, "7",
                   LINES("found 500: " ONE("+15555550101") " < email=a@b.test"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages),
        cmocka_unit_test(singles),
        cmocka_unit_test(profiles_are_compared_in_one_form),
        cmocka_unit_test(odd_rows),
        cmocka_unit_test(callbacks),
    };

    RUN_TESTS(tests);
}
