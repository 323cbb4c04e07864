/* Enrich.so's reverse lookup: profiles in the document's form and the schema's, with and without
 * the address they answer. */
#include "enrichso_golden.h"

#define ADA                                                                                        \
    "linkedin_url=https://www.linkedin.com/in/ada-example first_name=Ada last_name=Example"        \
    " job_title=Analyst of Engines company=Analytical Example Ltd"
#define KATHERINE                                                                                  \
    "linkedin_url=https://www.linkedin.com/in/katherine-example first_name=Katherine"              \
    " last_name=Example full_name=Katherine Example company=Orbit Example"                         \
    " headline=Works at Orbit Example location=Hampton, Virginia"
#define DOROTHY                                                                                    \
    "linkedin_url=https://www.linkedin.com/in/dorothy-example first_name=Dorothy"                  \
    " last_name=Example full_name=Dorothy Example company=Fortran Example"                         \
    " headline=Works at Fortran Example location=Hampton, Virginia"

/* The same profile, longer: with the title of the position that is current, of the current
 * company. */
#define KATHERINE_WHOLE                                                                            \
    "linkedin_url=https://www.linkedin.com/in/katherine-example first_name=Katherine"              \
    " last_name=Example full_name=Katherine Example job_title=Research Mathematician"              \
    " company=Orbit Example headline=Computer at Orbit Example location=Hampton, Virginia"         \
    " positions=[{\"title\":\"Volunteer\",\"companyName\":\"Choir Example\",\"companyLocation\":"  \
    "\"Hampton, VA\",\"startEndDate\":{\"start\":{\"month\":1,\"year\":1960},\"end\":null}},"      \
    "{\"title\":\"Research Mathematician\",\"companyName\":\"Orbit Example\","                     \
    "\"companyLocation\":\"Hampton, VA\",\"description\":\"Trajectories.\","                       \
    "\"startEndDate\":{\"start\":{\"month\":6,\"year\":1953},\"end\":null}},"                      \
    "{\"title\":\"Teacher\",\"companyName\":\"School Example\",\"companyLocation\":"               \
    "\"Marion, VA\",\"startEndDate\":{\"start\":{\"month\":9,\"year\":1937},"                      \
    "\"end\":{\"month\":5,\"year\":1939}}}]"                                                       \
    " schools=[{\"degreeName\":\"B.S. Mathematics\",\"schoolName\":\"Example State\","             \
    "\"schoolLocation\":\"Institute, WV\",\"startEndDate\":{\"start\":{\"year\":1933},"            \
    "\"end\":{\"year\":1937}}}] vendor_id=EXAMPLE0000katherine"

/* The document's form says whose row it is. */
static void pages_with_echo(void **state)
{
    const char *const *lines =
        LINES("found 10: " ADA " < email=ada@lovelace.test",
              "found 10: linkedin_url=https://www.linkedin.com/in/grace-example first_name=Grace"
              " last_name=Example job_title=Admiral company=Nanosecond Example Inc"
              " < email=Grace@Hopper.test",
              "not_found 0 (no profile found) < email=nobody@bombe.test");
    const struct operation modes[] = {configured("reverse-lookup", NULL, NULL),
                                      configured("reverse-lookup", "mode=batch", NULL),
                                      configured("reverse-lookup", "webhook=on", NULL)};

    (void)state;
    for (int i = 0; i < 3; i++) {
        reply_gives(&modes[i], "enrichso/document-lookup-results",
                    (struct page_reply){.total = -1, .used = 20, .refunded = -1, .balance = 4156},
                    lines);
        flat_gives(&modes[i], "enrichso/document-lookup-results", lines);
    }
}

/* The schema's does not, and leaves misses out: `successful` says how many rows there are. */
static void pages_without_echo(void **state)
{
    const char *const *lines = LINES("found 10: " KATHERINE " vendor_id=EXAMPLE0000katherine <",
                                     "found 10: " DOROTHY " vendor_id=EXAMPLE0000dorothy <");
    struct operation op = configured("reverse-lookup", NULL, NULL);
    const struct page_reply sums = {.total = 2, .used = 20, .refunded = 10, .balance = 9937};

    (void)state;
    reply_gives(&op, "enrichso/openapi-lookup-results", sums, lines);
    flat_gives(&op, "enrichso/openapi-lookup-results", lines);
    op = configured("reverse-lookup", "mode=batch", NULL);
    reply_gives(&op, "enrichso/openapi-lookup-results", sums, lines);

    /* Also where callbacks bring the answers: so many rows are somebody's. */
    op = configured("reverse-lookup", "webhook=on", NULL);
    reply_gives(&op, "enrichso/openapi-lookup-results", sums, lines);
}

static void singles(void **state)
{
    const struct operation op = configured("reverse-lookup", "mode=single", NULL);
    const char *const *found = LINES("found 10: " ADA " < email=ada@lovelace.test");
    const char *const *miss = LINES("not_found 0 (no profile found) < email=nobody@bombe.test");

    (void)state;
    reply_gives(&op, "enrichso/document-lookup-single",
                (struct page_reply){.total = 1, .used = 10, .refunded = -1, .balance = 4176},
                found);
    flat_gives(&op, "enrichso/document-lookup-single", found);
    reply_gives(&op, "enrichso/document-lookup-single-miss",
                (struct page_reply){.total = 1, .used = 0, .refunded = -1, .balance = 4176}, miss);
    flat_gives(&op, "enrichso/document-lookup-single-miss", miss);
    reply_gives(&op, "enrichso/openapi-lookup-single",
                (struct page_reply){.total = 1, .used = 10, .refunded = -1, .balance = 9957},
                LINES("found 10: " KATHERINE_WHOLE " <"));
    flat_gives(&op, "enrichso/openapi-lookup-single", LINES("found 10: " KATHERINE_WHOLE " <"));
    reply_gives(&op, "enrichso/openapi-lookup-single-miss",
                (struct page_reply){.total = 1, .used = 0, .refunded = -1, .balance = 9957},
                LINES("not_found 0 (no profile found) <"));
    /* Nothing is paid for what the vendor knows from the days before, and it is found. */
    reply_gives(&op, "enrichso/openapi-lookup-single-cached",
                (struct page_reply){.total = 1, .used = 0, .refunded = -1, .balance = 9957},
                LINES("found 0: " KATHERINE_WHOLE " <"));
    /* The schema's profile alone: what was consumed stands in it. */
    reply_gives(&op, "{\"success\":true,\"displayName\":\"A B\",\"creditsConsumed\":7}",
                (struct page_reply){.total = 1, .used = 7, .refunded = -1, .balance = -1},
                LINES("found 7: full_name=A B <"));
}

static void odd_rows(void **state)
{
    const struct operation op = configured("reverse-lookup", "mode=batch", NULL);

    (void)state;
    row_gives(&op, "{}", "not_found 0 (no profile found) <");
    row_gives(&op, "null", "not_found 0 (no profile found) <");
    row_gives(&op, "{\"id\":\"x\",\"location\":\"Hampton\"}", "not_found 0 (no profile found) <");
    row_gives(&op, "{\"found\":true,\"email\":\"a@b.test\"}",
              "failed 0 (the reply says found but gives no profile) < email=a@b.test");
    row_gives(&op, "{\"found\":false,\"firstName\":\"A\"}", "not_found 0 (no profile found) <");
    row_gives(&op, "{\"email\":\"a@b.test\",\"message\":\"No information found\"}",
              "not_found 0 (No information found) < email=a@b.test");
    row_gives(&op, "{\"email\":\"a@b.test\",\"error\":\"timed out\"}",
              "failed 0 (timed out) < email=a@b.test");
    row_gives(&op, "{\"email\":\"a@b.test\",\"headline\":\"H\",\"creditsConsumed\":0}",
              "found 0: headline=H < email=a@b.test");
    row_gives(&op, "{\"linkedInUrl\":\"linkedin.com/in/A-b/?x=1\",\"company_name\":\"C\"}",
              "found 10: linkedin_url=https://www.linkedin.com/in/A-b company=C <");
    /* An address that is none of LinkedIn's stays as it stands. */
    row_gives(&op, "{\"profileUrl\":\"https://example.test/in/a\"}",
              "found 10: linkedin_url=https://example.test/in/a <");
    /* Titles of the past, of another company, or without an end that is said to be open. */
    row_gives(&op,
              "{\"companyName\":\"C\",\"positions\":{\"positionHistory\":[{\"title\":\"T\","
              "\"companyName\":\"C\",\"startEndDate\":{\"end\":{\"year\":2001}}}]}}",
              "found 10: company=C positions=[{\"title\":\"T\",\"companyName\":\"C\","
              "\"startEndDate\":{\"end\":{\"year\":2001}}}] <");
    row_gives(&op,
              "{\"companyName\":\"C\",\"positions\":[{\"title\":\"T\",\"companyName\":\"C\"}],"
              "\"schools\":{\"educationHistory\":[]}}",
              "found 10: company=C positions=[{\"title\":\"T\",\"companyName\":\"C\"}] <");
}

static void callbacks(void **state)
{
    const struct operation op = configured("reverse-lookup", "webhook=on", NULL);

    (void)state;
    callback_gives(&op, "enrichso/callback-lookup-result", CALLBACK_RESULT, "66ab10",
                   LINES("found 10: " KATHERINE " < email=katherine@johnson.test"));
    callback_gives(&op, "enrichso/callback-lookup-miss", CALLBACK_RESULT, "66ab10",
                   LINES("not_found 0 (No information found) < email=nobody@bombe.test"));
    callback_gives(&op, "enrichso/callback-lookup-error", CALLBACK_RESULT, "66ab10",
                   LINES("failed 0 (The lookup timed out) < email=joan@clarke.test"));
    callback_gives(&op, "enrichso/callback-lookup-done", CALLBACK_PROGRESS, "66ab10", NO_LINES);
    /* The address that was asked counts, not one of the profile. */
    callback_gives(&op,
                   "{\"data\":{\"job_id\":\"7\",\"result_id\":\"a@b.test\",\"result\":{\"email\":"
                   "\"other@b.test\",\"first_name\":\"A\"}}}",
                   CALLBACK_RESULT, "7", LINES("found 10: first_name=A < email=a@b.test"));
    /* A profile behind a word that says error is none. */
    callback_gives(&op,
                   "{\"data\":{\"result_id\":\"a@b.test\",\"type\":\"error\",\"result\":"
                   "{\"first_name\":\"A\"}}}",
                   CALLBACK_RESULT, "",
                   LINES("failed 0 (the vendor reports an error) < email=a@b.test"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_with_echo), cmocka_unit_test(pages_without_echo),
        cmocka_unit_test(singles),         cmocka_unit_test(odd_rows),
        cmocka_unit_test(callbacks),
    };

    RUN_TESTS(tests);
}
