/* Enrich.so's email finder and validation: rows in every form, in batches, single replies and
 * callbacks. */
#include "enrichso_golden.h"

static void finder_pages(void **state)
{
    const struct operation op = configured("email-finder", NULL, NULL);
    const char *const *document =
        LINES("found 10: email=grace.hopper@cobol.test first_name=Grace last_name=Hopper"
              " company_domain=cobol.test confidence=high"
              " < first_name=Grace last_name=Hopper domain=cobol.test",
              "not_found 0 (no email found) < first_name=Konrad last_name=Zuse domain=z3.test");
    const char *const *openapi =
        LINES("found 10: email=katherine@johnson.test first_name=Katherine last_name=Johnson"
              " company_domain=johnson.test confidence=high email_catch_all=false"
              " < first_name=Katherine last_name=Johnson domain=johnson.test",
              "found 10: email=emilie@cirey.test first_name=Émilie last_name=du Châtelet"
              " company_domain=cirey.test confidence=medium email_catch_all=true"
              " < first_name=Émilie last_name=du Châtelet domain=cirey.test",
              "not_found 0 (No address could be found)"
              " < first_name=Hedy last_name=Lamarr domain=hopping.test");

    (void)state;
    reply_gives(&op, "enrichso/document-finder-results",
                (struct page_reply){.total = 2, .used = 10, .refunded = -1, .balance = 4186},
                document);
    flat_gives(&op, "enrichso/document-finder-results", document);
    reply_gives(&op, "enrichso/openapi-finder-results",
                (struct page_reply){.total = 3, .used = 20, .refunded = 10, .balance = 9967},
                openapi);
    flat_gives(&op, "enrichso/openapi-finder-results", openapi);
}

/* The echo leads back to the question, however both are written. */
static void finder_echo(void **state)
{
    const struct operation op = configured("email-finder", NULL, NULL);
    struct page_reply reply;
    struct error e = {0};
    struct given g;

    (void)state;
    const struct record asked = lead("EMILIE", "Du  chatelet", "cirey.test");
    given_open(&g, 1 << 20);
    assert_int_equal(
        op.parse_page(&op,
                      parse(SLICE_LIT("{\"results\":[{\"firstName\":\" Emilie\",\"lastName\":"
                                      "\"du Chatelet\",\"domain\":\"https://www.Cirey.test/\"}]}")),
                      false, &g.arena, given_keep, &g, &reply, &e),
        0);
    assert_true(same_question(g.item.echoed, &g.item.echo, &asked));
    const struct record other = lead("EMILIE", "Du  chatelet", "cirey.example");
    assert_false(same_question(g.item.echoed, &g.item.echo, &other));
    arena_deinit(&g.arena);
}

static void validation_pages(void **state)
{
    const struct operation op = configured("email-validation", NULL, NULL);
    const char *const *document =
        LINES("found 1: email=ada@lovelace.test email_status=valid < email=ada@lovelace.test",
              "found 1: email=charles@babbage.test email_status=invalid"
              " < email=charles@babbage.test",
              "found 1: email=info@analytical.test email_status=catch_all"
              " < email=info@analytical.test");
    const char *const *openapi =
        LINES("found 1: email=alan@turing.test email_status=valid confidence=high"
              " email_catch_all=false < email=alan@turing.test",
              "found 1: email=joan@clarke.test email_status=valid confidence=definitive"
              " email_catch_all=false < email=joan@clarke.test",
              "found 1: email=nobody@bombe.test email_status=invalid confidence=definitive"
              " email_catch_all=false < email=nobody@bombe.test",
              "found 1: email=hut8@bletchley.test email_status=risky confidence=low"
              " email_catch_all=true < email=hut8@bletchley.test");

    (void)state;
    reply_gives(&op, "enrichso/document-validation-results",
                (struct page_reply){.total = 3, .used = 3, .refunded = -1, .balance = 4206},
                document);
    flat_gives(&op, "enrichso/document-validation-results", document);
    reply_gives(&op, "enrichso/openapi-validation-results",
                (struct page_reply){.total = 4, .used = 2, .refunded = 2, .balance = 9997},
                openapi);
    flat_gives(&op, "enrichso/openapi-validation-results", openapi);
    reply_gives(&op, "enrichso/live-validation-results",
                (struct page_reply){.total = 3, .used = -1, .refunded = -1, .balance = -1},
                LINES("found 1: email=Ada@Lovelace.test email_status=valid confidence=high"
                      " email_catch_all=false < email=Ada@Lovelace.test",
                      "found 1: email=charles@babbage.test email_status=invalid confidence=none"
                      " email_catch_all=false < email=charles@babbage.test",
                      "found 1: email=x@y.test email_status=catch_all confidence=0.5"
                      " email_catch_all=true < email=x@y.test"));
}

/* Names may come back spelled otherwise: the one item is known by its place. */
static void finder_singles(void **state)
{
    const struct operation op = configured("email-finder", "mode=single", NULL);
    const char *const *document =
        LINES("found 10: email=grace.hopper@cobol.test first_name=Grace last_name=Hopper"
              " company_domain=cobol.test confidence=high <");
    const char *const *miss = LINES("not_found 0 (No address could be found) <");

    (void)state;
    reply_gives(&op, "enrichso/document-finder-single",
                (struct page_reply){.total = 1, .used = 10, .refunded = -1, .balance = 4196},
                document);
    flat_gives(&op, "enrichso/document-finder-single", document);
    reply_gives(&op, "enrichso/openapi-finder-single",
                (struct page_reply){.total = 1, .used = 10, .refunded = -1, .balance = 9987},
                LINES("found 10: email=katherine@johnson.test first_name=Katherine"
                      " last_name=Johnson company_domain=johnson.test confidence=high"
                      " email_catch_all=false <"));
    reply_gives(&op, "enrichso/openapi-finder-single-miss",
                (struct page_reply){.total = 1, .used = 0, .refunded = -1, .balance = 9987}, miss);
    flat_gives(&op, "enrichso/openapi-finder-single-miss", miss);
}

static void validation_singles(void **state)
{
    const struct operation op = configured("email-validation", "mode=single", NULL);
    const char *const *document =
        LINES("found 1: email=ada@lovelace.test email_status=valid email_free=false"
              " email_disposable=false email_catch_all=false < email=ada@lovelace.test");

    (void)state;
    reply_gives(&op, "enrichso/document-validation-single",
                (struct page_reply){.total = 1, .used = 1, .refunded = -1, .balance = 4209},
                document);
    flat_gives(&op, "enrichso/document-validation-single", document);
    reply_gives(&op, "enrichso/openapi-validation-single",
                (struct page_reply){.total = 1, .used = 1, .refunded = -1, .balance = 9999},
                LINES("found 1: email=alan@turing.test email_status=valid confidence=high"
                      " email_catch_all=false < email=alan@turing.test"));
    /* What it cost, the vendor says: a risky address may be free. */
    reply_gives(&op,
                "{\"data\":{\"email\":\"a@b.test\",\"result\":\"risky\"},"
                "\"meta\":{\"creditsUsed\":0}}",
                (struct page_reply){.total = 1, .used = 0, .refunded = -1, .balance = -1},
                LINES("found 0: email=a@b.test email_status=risky < email=a@b.test"));
}

static void odd_finder_rows(void **state)
{
    const struct operation op = configured("email-finder", NULL, NULL);

    (void)state;
    row_gives(&op, "{\"email\":\"\"}", "not_found 0 (no email found) <");
    row_gives(&op, "{\"email\":7}", "not_found 0 (no email found) <");
    row_gives(&op, "{\"email\":\"N/A\"}", "not_found 0 (no email found) <");
    row_gives(&op, "null", "not_found 0 (no email found) <");
    row_gives(&op, "{\"found\":\"yes\",\"email\":\"a@b.test\"}", "found 10: email=a@b.test <");
    row_gives(&op, "{\"found\":false,\"email\":\"a@b.test\"}", "not_found 0 (no email found) <");
    row_gives(&op, "{\"found\":true}", "failed 0 (the reply says found but gives no email) <");
    row_gives(&op, "{\"error\":\"timed out\"}", "failed 0 (timed out) <");
    row_gives(&op, "{\"error\":{\"message\":\"no\"},\"found\":false}", "failed 0 (no) <");
    row_gives(&op, "{\"error\":\"late\",\"email\":\"a@b.test\"}", "found 10: email=a@b.test <");
    row_gives(&op, "{\"email\":\"a@b.test\",\"confidence\":97}", "found 10: email=a@b.test <");
    /* Two of three names lead to nobody. */
    row_gives(&op, "{\"firstName\":\"A\",\"domain\":\"b.test\",\"email\":\"a@b.test\"}",
              "found 10: email=a@b.test first_name=A company_domain=b.test <");
    row_gives(&op,
              "{\"first_name\":\"A\",\"last_name\":\"B\",\"domain\":\"b.test\",\"is_catch_all\":"
              "true,\"email\":\"a@b.test\"}",
              "found 10: email=a@b.test first_name=A last_name=B company_domain=b.test"
              " email_catch_all=true < first_name=A last_name=B domain=b.test");
}

static void odd_validation_rows(void **state)
{
    const struct operation op = configured("email-validation", NULL, NULL);
    static const struct {
        const char *members, *line;
    } rows[] = {
        {"\"x\":1", "failed 0 (the reply gives no status)"},
        {"\"status\":null", "failed 0 (the reply gives no status)"},
        {"\"error\":\"no MX\"", "failed 0 (no MX)"},
        {"\"status\":\"error\"", "failed 0 (the vendor could not validate it)"},
        {"\"result\":\"failed\",\"message\":\"greylisted\"", "failed 0 (greylisted)"},
        {"\"status\":\"completed\",\"result\":\"Valid\"",
         "found 1: email=a@b.test email_status=valid"},
        {"\"status\":\"Do_Not_Mail\",\"subStatus\":\"role\"",
         "found 1: email=a@b.test email_status=do_not_mail email_sub_status=role"},
        {"\"status\":\"unknown\"", "found 1: email=a@b.test email_status=unknown"},
        {"\"status\":\"CatchAll\",\"catchAll\":true",
         "found 1: email=a@b.test email_status=catch_all email_catch_all=true"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char row[256], line[256];
        snprintf(row, sizeof row, "{\"email\":\"a@b.test\",%s}", rows[i].members);
        snprintf(line, sizeof line, "%s < email=a@b.test", rows[i].line);
        row_gives(&op, row, line);
    }
    row_gives(&op, "[1,2]", "failed 0 (the reply gives no status) <");
}

static void callbacks(void **state)
{
    const struct operation finder = configured("email-finder", "webhook=on", NULL);
    const struct operation validation = configured("email-validation", "webhook=on", NULL);

    (void)state;
    callback_gives(&validation, "enrichso/callback-validation-result", CALLBACK_RESULT, "66aa11bc",
                   LINES("found 1: email=alan@turing.test email_status=valid confidence=high"
                         " email_catch_all=false < email=alan@turing.test"));
    callback_gives(&validation, "enrichso/callback-validation-done", CALLBACK_PROGRESS, "66aa11bc",
                   NO_LINES);
    /* Neither tells whose address it is. */
    callback_gives(&finder, "enrichso/callback-finder-result", CALLBACK_EVENT, "66aa16cd",
                   NO_LINES);
    callback_gives(&finder, "enrichso/callback-finder-miss", CALLBACK_EVENT, "66aa16cd", NO_LINES);
    callback_gives(&finder, "enrichso/callback-finder-done", CALLBACK_PROGRESS, "66aa16cd",
                   NO_LINES);
    /* With the names, it would. */
    callback_gives(&finder,
                   "{\"data\":{\"job_id\":\"7\",\"result\":{\"first_name\":\"A\",\"last_name\":"
                   "\"B\",\"domain\":\"b.test\",\"email\":\"a@b.test\",\"result\":\"found\"}}}",
                   CALLBACK_RESULT, "7",
                   LINES("found 10: email=a@b.test first_name=A last_name=B company_domain=b.test"
                         " < first_name=A last_name=B domain=b.test"));
    callback_gives(&finder,
                   "{\"data\":{\"job_id\":7,\"result\":{\"first_name\":\"A\",\"last_name\":\"B\","
                   "\"domain\":\"b.test\",\"email\":\"a@b.test\",\"result\":\"not_found\"}}}",
                   CALLBACK_RESULT, "7",
                   LINES("not_found 0 (no email found)"
                         " < first_name=A last_name=B domain=b.test"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finder_pages),        cmocka_unit_test(finder_echo),
        cmocka_unit_test(validation_pages),    cmocka_unit_test(finder_singles),
        cmocka_unit_test(validation_singles),  cmocka_unit_test(odd_finder_rows),
        cmocka_unit_test(odd_validation_rows), cmocka_unit_test(callbacks),
    };

    RUN_TESTS(tests);
}
