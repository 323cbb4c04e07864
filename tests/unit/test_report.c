/* Numbers for people, the summary and status they stand in, and the JSON that scripts read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <locale.h>

#include "report/figure.h"
#include "report/report.h"
#include "wire/json.h"

#define START INT64_C(1795190645000) /* 2026-11-20T16:04:05Z */

/* A complete run of 1,200 records. */
static struct report complete_run(void)
{
    return (struct report){
        .list = "people.csv",
        .output = "people.ndjson",
        .run_dir = "people.ndjson.run",
        .operation = "enrichso/email-finder",
        .provider_title = "Enrich.so",
        .state = "complete",
        .waiting = "",
        .sandbox = true,
        .started_ms = START,
        .now_ms = START + 4200,
        .records = 1200,
        .list_whole = true,
        .list_bytes = 91000,
        .list_bytes_done = 91000,
        .valid = 1168,
        .answered = 1200,
        .emitted = 1200,
        .outcomes = {0, 801, 367, 32},
        .outcome_names = {"none", "found", "not_found", "invalid", "failed", "no_credits",
                          "skipped", "in_doubt"},
        .batches = 2,
        .batches_done = 2,
        .spent = 8010,
        .balance = 91990,
        .cap = -1,
        .priced = 8010,
        .requests = 14,
        .output_bytes = 91234,
        .problem = "",
        .advice = "",
    };
}

/* One that a signal stopped, on its second start. */
static struct report stopped_run(void)
{
    struct report r = complete_run();

    r.state = "stopped";
    r.sandbox = false;
    r.run_dir = "my people.run";
    r.records = 10000;
    r.answered = 3400;
    r.answered_before = 1000;
    r.emitted = 3000;
    r.outcomes[1] = 2010;
    r.outcomes[2] = 950;
    r.outcomes[3] = 28;
    r.outcomes[7] = 12;
    r.duplicates = 1;
    r.cap = 10000;
    r.reserved = 400;
    r.batches = 12;
    r.batches_in_doubt = 1;
    r.strays = 3;
    r.problem = "interrupted by SIGINT";
    r.advice = "tranche resume 'my people.run'";
    r.exit_status = 75;
    return r;
}

/* The text lives until the next call. */
static const char *text_of(void (*render)(const struct report *, struct buf *),
                           const struct report *r)
{
    static struct buf out;

    buf_deinit(&out);
    buf_init(&out, 1 << 20);
    render(r, &out);
    assert_false(out.failed);
    return buf_text(&out);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' in:\n%s", part, text);
}

static void test_figures(void **state)
{
    (void)state;
    static const struct {
        char kind;
        uint64_t a, b;
        const char *want;
    } cases[] = {
        {'c', 0, 0, "0"},
        {'c', 999, 0, "999"},
        {'c', 1000, 0, "1,000"},
        {'c', 1234567, 0, "1,234,567"},
        {'c', UINT64_MAX, 0, "18,446,744,073,709,551,615"},
        {'a', (uint64_t)-1, 0, "-1"},
        {'a', (uint64_t)INT64_MIN, 0, "-9,223,372,036,854,775,808"},
        {'t', 1, 0, "1 record"},
        {'t', 0, 0, "0 records"},
        {'t', 1200, 0, "1,200 records"},
        {'p', 0, 0, "0.0 %"},
        {'p', 0, 10, "0.0 %"},
        {'p', 1, 3, "33.3 %"},
        {'p', 2, 3, "66.7 %"},
        {'p', 10, 10, "100.0 %"},
        {'p', 1, 10000, "<0.1 %"},
        {'p', 9999, 10000, ">99.9 %"},
        {'p', UINT64_MAX - 1, UINT64_MAX, ">99.9 %"},
        {'b', 0, 0, "0 bytes"},
        {'b', 1, 0, "1 byte"},
        {'b', 999, 0, "999 bytes"},
        {'b', 1000, 0, "1.0 KB"},
        {'b', 9940, 0, "9.9 KB"},
        {'b', 9999, 0, "10 KB"},
        {'b', 91234, 0, "91 KB"},
        {'b', 999499, 0, "999 KB"},
        {'b', 999500, 0, "1.0 MB"},
        {'b', 12345678, 0, "12 MB"},
        {'b', UINT64_MAX, 0, "18 EB"},
        {'r', 1200, 4200, "286/s"},
        {'r', 0, 4200, "0/s"},
        {'r', 5, 0, "5,000/s"},
        {'r', 21, 5000, "4.2/s"},
        {'r', 5, 1000, "5/s"},
        {'r', 1, 5000, "12/min"},
        {'r', 3, 120000, "1.5/min"},
        {'r', 1, 1200000, "3/h"},
        {'r', 1, 86400000, "0/h"},
        {'r', 58000000, 1000000, "58,000/s"},
        {'r', 58000000, 1000, "58,000,000/s"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b;
        buf_init(&b, 1000);
        switch (cases[i].kind) {
        case 'c':
            figure_count(&b, cases[i].a);
            break;
        case 'a':
            figure_amount(&b, (int64_t)cases[i].a);
            break;
        case 't':
            figure_things(&b, cases[i].a, "record", "records");
            break;
        case 'p':
            figure_percent(&b, cases[i].a, cases[i].b);
            break;
        case 'b':
            figure_bytes(&b, cases[i].a);
            break;
        case 'r':
            figure_rate(&b, cases[i].a, (int64_t)cases[i].b);
            break;
        }
        assert_string_equal(buf_text(&b), cases[i].want);
        buf_deinit(&b);
    }
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *want;
    } cases[] = {
        {"people.run", "people.run"},
        {"/a-b/c_d.run", "/a-b/c_d.run"},
        {"my people", "'my people'"},
        {"it's", "'it'\\''s'"},
        {"$(rm -rf)", "'$(rm -rf)'"},
        {"a\nb", "'a?b'"},
        {"", "''"},
        {"M\xc3\xbcller", "'M\xc3\xbcller'"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b;
        buf_init(&b, 1000);
        figure_word(&b, cases[i].word);
        assert_string_equal(buf_text(&b), cases[i].want);
        buf_deinit(&b);
    }
}

static void test_summary_complete(void **state)
{
    (void)state;
    struct report r = complete_run();

    assert_string_equal(text_of(report_summary, &r),
                        "1,200 records in 4.2 s (286/s)\n"
                        "  found      801   66.8 %\n"
                        "  not found  367   30.6 %\n"
                        "  invalid     32    2.7 %   (see people.ndjson.run/rejects.ndjson)\n"
                        "Credits: 8,010 spent; balance 91,990. Sandbox: no real credits.\n"
                        "Output: people.ndjson (91 KB)\n");
}

static void test_summary_single(void **state)
{
    (void)state;
    struct report r = complete_run();

    r.records = r.answered = r.emitted = 1;
    memset(r.outcomes, 0, sizeof(r.outcomes));
    r.outcomes[1] = 1;
    r.spent = r.priced = 1;
    r.balance = -1;
    r.sandbox = false;
    r.output_bytes = 1;
    r.now_ms = START + 12;
    assert_string_equal(text_of(report_summary, &r), "1 record in 12 ms (83/s)\n"
                                                     "  found      1  100.0 %\n"
                                                     "  not found  0    0.0 %\n"
                                                     "Credits: 1 spent.\n"
                                                     "Output: people.ndjson (1 byte)\n");
}

static void test_summary_stopped(void **state)
{
    (void)state;
    struct report r = stopped_run();

    assert_string_equal(
        text_of(report_summary, &r),
        "Stopped after 4.2 s: 3,400 of 10,000 records answered (571/s)\n"
        "  found             2,010   67.0 %\n"
        "  not found           950   31.7 %\n"
        "  invalid              28    0.9 %   (see my people.run/rejects.ndjson)\n"
        "  in doubt             12    0.4 %\n"
        "  not written yet     400\n"
        "  not answered yet  6,600\n"
        "Duplicates: 1 record shares the answer of an earlier one and costs nothing.\n"
        "Credits: 8,010 spent of at most 10,000, up to 400 more for what is in flight or in doubt; "
        "balance 91,990.\n"
        "Output: people.ndjson.partial, 3,000 records so far (91 KB)\n"
        "In doubt: 1 batch was sent and may or may not have been charged.\n"
        "Look and decide with:\n"
        "  tranche resolve 'my people.run'\n"
        "Reason: interrupted by SIGINT\n"
        "Continue with:\n"
        "  tranche resume 'my people.run'\n"
        "Exit status 75.\n");
}

/* Nothing is written yet: no outcome has a line, and none a share of nothing. */
static void test_summary_stopped_early(void **state)
{
    (void)state;
    struct report r = stopped_run();

    r.emitted = 0;
    memset(r.outcomes, 0, sizeof(r.outcomes));
    assert_lacks(text_of(report_summary, &r), "found");
    assert_has(text_of(report_summary, &r), "(571/s)\n  not written yet   3,400\n");
}

/* The command that decides is said once. */
static void test_status_in_doubt(void **state)
{
    (void)state;
    struct report r = complete_run();
    const char *text, *first;

    r.batches_in_doubt = 1;
    r.exit_status = 1;
    r.advice = "tranche resolve people.ndjson.run";
    text = text_of(report_status, &r);
    first = strstr(text, "tranche resolve");
    assert_non_null(first);
    assert_null(strstr(first + 1, "tranche resolve"));
    assert_lacks(text, "Next:");
    r.advice = "tranche resume people.ndjson.run";
    assert_has(text_of(report_status, &r), "Next:\n  tranche resume people.ndjson.run\n");
}

static void test_summary_variants(void **state)
{
    (void)state;
    struct report r = complete_run();

    r.priced = 8000;
    assert_has(text_of(report_summary, &r),
               "\n  By the price list it should be 8,000: the vendor charged 10 more.\n");
    r.priced = 8011;
    assert_has(text_of(report_summary, &r), "8,011: the vendor charged 1 less.\n");
    /* Not while answers are under way: then the two cannot agree. */
    r.emitted = 1100;
    assert_lacks(text_of(report_summary, &r), "price list");

    r = complete_run();
    r.answered_before = 1000;
    assert_has(text_of(report_summary, &r), "1,200 records, the last 200 in 4.2 s (48/s)\n");
    r.answered_before = 1200;
    assert_has(text_of(report_summary, &r), "1,200 records, all answered before\n");
    r.duplicates = 12;
    assert_has(text_of(report_summary, &r),
               "12 records share the answer of an earlier one and cost nothing.\n");
    r.output = "-";
    assert_has(text_of(report_summary, &r), "Output: standard output (91 KB)\n");
    r.exit_status = 1;
    assert_has(text_of(report_summary, &r), "Exit status 1: some records have no result.\n");

    r = stopped_run();
    r.list_whole = false;
    r.batches_in_doubt = 2;
    assert_has(text_of(report_summary, &r), ": 3,400 of the 10,000 records read so far answered");
    assert_has(text_of(report_summary, &r), "2 batches were sent");
    r.output = "-";
    assert_has(text_of(report_summary, &r), "goes to standard output when it is complete\n");
}

/* Nothing that came from elsewhere moves the cursor; nothing known is no crash. */
static void test_strange_values(void **state)
{
    (void)state;
    struct report none = {.balance = -1, .cap = -1};
    struct report r = stopped_run();

    assert_has(text_of(report_summary, &none), "After 0 ms: 0 of the 0 records");
    assert_has(text_of(report_status, &none), "run: unknown\n"); /* nor is there a time */
    /* A process that was killed has said no exit status. */
    r.exit_status = -1;
    assert_has(text_of(report_status, &r), "stopped, last heard of at ");
    assert_lacks(text_of(report_status, &r), "Exit status");
    assert_has(text_of(report_json, &r), "\"exit_status\":null,");
    assert_has(text_of(report_json, &none), "\"state\":\"\"");
    r.problem = "evil \x1b[2J\r\n";
    r.list = "a\x1b]0;x\x07";
    assert_null(strchr(text_of(report_summary, &r), '\x1b'));
    assert_null(strchr(text_of(report_status, &r), '\x1b'));
    assert_null(strchr(text_of(report_json, &r), '\x1b'));
}

static void test_status(void **state)
{
    (void)state;
    struct report r = stopped_run();

    r.state = "running";
    r.problem = r.advice = "";
    r.waiting = "enrichso: 60 requests/min";
    r.retries = 3;
    r.batches_done = 8;
    r.batches_live = 3;
    assert_string_equal(
        text_of(report_status, &r),
        "my people.run: running since 2026-11-20T16:04:05Z, for 4.2 s\n"
        "  list       people.csv (91 KB, all read)\n"
        "  asks       enrichso/email-finder (Enrich.so)\n"
        "  output     people.ndjson, so far 3,000 records, 91 KB\n"
        "  records    3,400 answered of 10,000 (34.0 %), 571/s, about 12 s left\n"
        "  batches    12: 8 done, 3 live, 0 waiting, 1 in doubt\n"
        "  callbacks  3 came after their batches had ended otherwise: kept, not used\n"
        "  credits    8,010 spent of at most 10,000, up to 400 more for what is in flight or in "
        "doubt; balance 91,990\n"
        "  requests   14 sent, 3 repeated, 0 told to slow down, 0 failed\n"
        "  waits for  enrichso: 60 requests/min\n"
        "Outcomes of what is written:\n"
        "  found             2,010   67.0 %\n"
        "  not found           950   31.7 %\n"
        "  invalid              28    0.9 %   (see my people.run/rejects.ndjson)\n"
        "  in doubt             12    0.4 %\n"
        "  not written yet     400\n"
        "  not answered yet  6,600\n"
        "In doubt: 1 batch was sent and may or may not have been charged.\n"
        "Look and decide with:\n"
        "  tranche resolve 'my people.run'\n");
    r.list_whole = false;
    r.list_bytes_done = 45500;
    assert_has(text_of(report_status, &r), "3,400 answered of about 20,000 (17.0 %), 571/s, about");
    r.list_bytes = 0;
    assert_has(text_of(report_status, &r), "3,400 answered of 10,000 read so far, 571/s\n");
    r = complete_run();
    assert_has(text_of(report_status, &r),
               "people.ndjson.run: complete at 2026-11-20T16:04:09Z, after 4.2 s (sandbox)\n");
    assert_lacks(text_of(report_status, &r), "left");
}

static void test_estimates(void **state)
{
    (void)state;
    struct report r = stopped_run();

    assert_int_equal(report_total(&r), 10000);
    assert_int_equal(report_eta_ms(&r), -1); /* stopped */
    r.state = "running";
    assert_int_equal(report_eta_ms(&r), 11550); /* 6,600 at 2,400 in 4.2 s */
    r.answered_before = r.answered;
    assert_int_equal(report_eta_ms(&r), -1); /* no rate yet */
    r.answered = r.records;
    assert_int_equal(report_eta_ms(&r), 0);
    r.list_whole = false;
    r.list_bytes_done = r.list_bytes / 2;
    assert_int_equal(report_total(&r), 20000);
    r.list_bytes_done = 0;
    assert_int_equal(report_total(&r), 0);
    r.now_ms = r.started_ms - 5000; /* the clock was set back */
    assert_true(report_rate(&r) == 0);
}

static void test_json(void **state)
{
    (void)state;
    struct report r = stopped_run();

    assert_string_equal(
        text_of(report_json, &r),
        "{\"state\":\"stopped\",\"waiting_for\":\"\",\"list\":\"people.csv\",\"output\":"
        "\"people.ndjson\",\"run_dir\":\"my people.run\",\"operation\":\"enrichso/email-finder\","
        "\"provider\":\"Enrich.so\",\"sandbox\":false,\"started\":\"2026-11-20T16:04:05Z\","
        "\"started_ms\":1795190645000,\"updated\":\"2026-11-20T16:04:09Z\",\"updated_ms\":"
        "1795190649200,\"records\":{\"read\":10000,\"whole\":true,\"total\":10000,\"valid\":1168,"
        "\"duplicates\":1,\"answered\":3400,\"answered_before\":1000,\"emitted\":3000},"
        "\"list_bytes\":{\"read\":91000,\"total\":91000},\"outcomes\":{\"found\":2010,"
        "\"not_found\":950,\"invalid\":28,\"failed\":0,\"no_credits\":0,\"skipped\":0,"
        "\"in_doubt\":12},\"batches\":{\"total\":12,\"done\":2,\"live\":0,\"waiting\":0,"
        "\"in_doubt\":1,\"stray_callbacks\":3},\"credits\":{\"spent\":8010,\"reserved\":400,"
        "\"balance\":91990,\"cap\":10000,\"priced\":8010},\"requests\":{\"sent\":14,\"repeated\":0,"
        "\"throttled\":0,\"failed\":0},\"output_bytes\":91234,\"rate_per_s\":571.429,\"eta_s\":null,"
        "\"exit_status\":75,\"problem\":\"interrupted by SIGINT\",\"advice\":\"tranche resume "
        "'my people.run'\"}\n");
    r.state = "running";
    r.balance = r.cap = -1;
    r.list_whole = false;
    r.list_bytes = 0;
    const char *json = text_of(report_json, &r);
    assert_has(json, "\"total\":null,\"valid\"");
    assert_has(json, "\"balance\":null,\"cap\":null,");
    assert_has(json, "\"eta_s\":null,\"exit_status\":null,");
}

/* What is written reads back to a snapshot that writes the same. */
static void test_json_back(void **state)
{
    (void)state;
    struct report runs[3] = {complete_run(), stopped_run(), {.balance = -1, .cap = -1}};

    runs[1].problem = "\"quoted\" \xc3\xa9 \\ \n";
    for (size_t i = 0; i < 3; i++) {
        struct report back;
        struct arena a;
        struct buf first, second;
        struct error e = {0};
        arena_init(&a, 1 << 20);
        buf_init(&first, 1 << 20);
        buf_init(&second, 1 << 20);
        report_json(&runs[i], &first);
        if (report_json_parse(&back, buf_slice(&first), &a, &e) != 0)
            fail_msg("%s", e.message);
        report_json(&back, &second);
        assert_string_equal(buf_text(&second), buf_text(&first));
        buf_deinit(&first);
        buf_deinit(&second);
        arena_deinit(&a);
    }
}

static void test_json_foreign(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[]", "{\"state\":\"run", "7"};
    struct report r;
    struct arena a;
    struct error e = {0};

    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(report_json_parse(&r, slice_of(bad[i]), &a, &e), ERR_DATA);
    /* Members of other types, or none at all, are unknown. */
    const char *odd = "{\"state\":7,\"records\":[],\"outcomes\":{\"found\":\"x\",\"a\":1,\"b\":1,"
                      "\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1},\"credits\":null,"
                      "\"exit_status\":-7,\"batches\":{\"total\":99999999999}}";
    assert_int_equal(report_json_parse(&r, slice_of(odd), &a, &e), 0);
    assert_string_equal(r.state, "");
    assert_int_equal(r.records, 0);
    assert_int_equal(r.balance, -1);
    assert_int_equal(r.outcomes[1], 0);
    assert_int_equal(r.batches, UINT32_MAX);
    arena_deinit(&a);
}

/* A locale with a decimal comma, where the machine has one, changes nothing. */
static void test_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};
    struct report r = complete_run();
    unsigned i = 0;

    while (i < 4 && !setlocale(LC_ALL, names[i]))
        i++;
    assert_has(text_of(report_summary, &r), "66.8 %");
    assert_has(text_of(report_json, &r), "\"rate_per_s\":285.714,");
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),          cmocka_unit_test(test_words),
        cmocka_unit_test(test_summary_complete), cmocka_unit_test(test_summary_single),
        cmocka_unit_test(test_summary_stopped),  cmocka_unit_test(test_summary_stopped_early),
        cmocka_unit_test(test_status_in_doubt),  cmocka_unit_test(test_summary_variants),
        cmocka_unit_test(test_strange_values),   cmocka_unit_test(test_status),
        cmocka_unit_test(test_estimates),        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_back),        cmocka_unit_test(test_json_foreign),
        cmocka_unit_test(test_locale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
