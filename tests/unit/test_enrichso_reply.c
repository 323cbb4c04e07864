/* Enrich.so: what is alike in all its replies, in every form, and what is not a reply. */
#include "enrichso_golden.h"

static struct operation finder, validation, lookup, phone; /* batches, with callbacks */
static struct operation singles[4];

/* --- submit, poll, balance --- */

static const struct submit_row {
    const char *name;
    const char *id;
    int64_t items, reserved, price, balance;
} submits[] = {
    {"enrichso/document-validation-submit", "batch_9c41e7", 3, 3, 1, -1},
    {"enrichso/document-finder-submit", "batch_4b8d02", 2, 20, 10, -1},
    {"enrichso/document-lookup-submit", "batch_5e17a0", 3, 30, 10, -1},
    {"enrichso/document-phone-submit", "0f1e2d3c4b5a69788796a5b4", 3, 1500, 500, -1},
    {"enrichso/openapi-validation-submit", "66aa11bc", 4, 4, 1, -1},
    {"enrichso/openapi-finder-submit", "66aa16cd", 3, 30, 10, -1},
    {"enrichso/openapi-lookup-submit", "66ab10", 3, 30, 10, -1},
    {"enrichso/openapi-phone-submit", "66ab52bf7b8e3f00149f0a10", 3, 1500, 500, -1},
    {"enrichso/client-submit-id", "66aa24ef", -1, -1, -1, -1},
    {"enrichso/client-submit-number", "7700123", 3, -1, -1, -1},
};

static void submits_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof submits / sizeof submits[0]; i++) {
        const struct submit_row *row = &submits[i];
        struct submit_reply reply;
        struct error e = {0};
        if (phone.parse_submit(&phone, parse(payload(row->name)), &reply, &e) != 0)
            fail_msg("%s: %s", row->name, e.message);
        assert_string_equal(reply.id, row->id);
        assert_int_equal(reply.items, row->items);
        assert_int_equal(reply.reserved, row->reserved);
        assert_int_equal(reply.price, row->price);
        assert_int_equal(reply.balance, row->balance);
        assert_false(reply.finished);
    }
}

/* Accepted only with an id that can stand in a path. */
static void submits_without_an_id(void **state)
{
    static const struct {
        const char *text;
        const char *id; /* NULL: ERR_DATA */
    } rows[] = {
        {"{\"data\":{\"jobId\":\"j1\"},\"meta\":{\"creditsRemaining\":5}}", "j1"},
        {"{\"jobId\":\"flat\"}", "flat"},
        {"{\"success\":true,\"data\":null,\"id\":\"x\"}", "x"},
        {"{\"data\":{\"batchId\":null,\"id\":\"second\"}}", "second"},
        {"{\"data\":{\"batchId\":0}}", "0"},
        {"{\"data\":{\"batchId\":\"0123456789012345678901234567890123456789012345678901234567890123"
         "\"}}",
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {"{\"data\":{\"batchId\":"
         "\"01234567890123456789012345678901234567890123456789012345678901234"
         "\"}}",
         NULL},
        {"{\"data\":{\"batchId\":\"../wallets\"}}", NULL},
        {"{\"data\":{\"batchId\":\"a?b\"}}", NULL},
        {"{\"data\":{\"batchId\":\"\"}}", NULL},
        {"{\"data\":{\"batchId\":-4}}", NULL},
        {"{\"data\":{\"batchId\":1.5}}", NULL},
        {"{\"data\":{\"batchId\":[\"a\"]}}", NULL},
        {"{\"data\":{}}", NULL},
        {"{}", NULL},
        {"[]", NULL},
        {"null", NULL},
        {"\"batchId\"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submit_reply reply;
        struct error e = {0};
        int rc = finder.parse_submit(&finder, parse(slice_of(rows[i].text)), &reply, &e);
        assert_int_equal(rc, rows[i].id ? 0 : ERR_DATA);
        assert_int_equal(e.code, rc);
        if (rows[i].id)
            assert_string_equal(reply.id, rows[i].id);
    }
}

static const struct poll_row {
    const char *name;
    int rc;
    enum poll_phase phase;
    int64_t total, processed;
    bool queued;
} polls[] = {
    {"enrichso/document-validation-status", 0, POLL_PENDING, 3, 2, false},
    {"enrichso/document-finder-status", 0, POLL_COMPLETED, 2, 2, false},
    {"enrichso/document-lookup-status", 0, POLL_PENDING, 3, 1, false},
    {"enrichso/document-phone-status", 0, POLL_PENDING, 3, 2, false},
    {"enrichso/openapi-validation-status", 0, POLL_PENDING, 4, 3, false},
    {"enrichso/openapi-finder-status", 0, POLL_PENDING, 3, 1, false},
    {"enrichso/openapi-lookup-status", 0, POLL_PENDING, 3, 2, false},
    {"enrichso/openapi-phone-status", 0, POLL_PENDING, 3, 2, false},
    {"enrichso/live-validation-status", 0, POLL_PENDING, 3, 1, false},
    {"{\"data\":{\"status\":\"queued\"}}", 0, POLL_PENDING, -1, -1, true},
    {"{\"data\":{\"status\":\"failed\",\"totalItems\":9}}", 0, POLL_FAILED, 9, -1, false},
    {"{\"status\":\"Cancelled\"}", 0, POLL_FAILED, -1, -1, false},
    {"{\"status\":\"expired\"}", 0, POLL_FAILED, -1, -1, false},
    {"{\"status\":\"COMPLETED\",\"totalItems\":\"12\"}", 0, POLL_COMPLETED, 12, -1, false},
    {"{\"data\":{\"status\":\"completed_soon\",\"totalItems\":-2}}", 0, POLL_PENDING, -1, -1,
     false},
    {"{\"data\":{\"status\":\"\"}}", ERR_DATA, POLL_PENDING, 0, 0, false},
    {"{\"data\":{\"status\":200}}", ERR_DATA, POLL_PENDING, 0, 0, false},
    {"{\"data\":{\"progress\":100}}", ERR_DATA, POLL_PENDING, 0, 0, false},
    {"{}", ERR_DATA, POLL_PENDING, 0, 0, false},
    {"[{\"status\":\"completed\"}]", ERR_DATA, POLL_PENDING, 0, 0, false},
    {"enrichso/document-success", ERR_DATA, POLL_PENDING, 0, 0, false},
    {"enrichso/document-error-404", ERR_DATA, POLL_PENDING, 0, 0, false},
    {"enrichso/document-balance", ERR_DATA, POLL_PENDING, 0, 0, false},
};

static void polls_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof polls / sizeof polls[0]; i++) {
        const struct poll_row *row = &polls[i];
        struct poll_reply reply;
        struct error e = {0};
        int rc = lookup.parse_poll(&lookup, parse(payload(row->name)), &reply, &e);
        assert_int_equal(rc, row->rc);
        assert_int_equal(e.code, rc);
        if (rc != 0)
            continue;
        assert_int_equal(reply.phase, row->phase);
        assert_int_equal(reply.total, row->total);
        assert_int_equal(reply.processed, row->processed);
        assert_int_equal(reply.queued, row->queued);
    }
}

static void balances_are_read(void **state)
{
    static const struct {
        const char *name;
        bool said;
        int64_t credits;
    } rows[] = {
        {"enrichso/document-balance", true, 4186},
        {"enrichso/openapi-balance", true, 9967},
        {"{\"balance\":12}", true, 12},
        {"{\"data\":{\"balance\":12.75}}", true, 12},
        {"{\"data\":{\"balance\":\"800\"}}", true, 800},
        {"{\"data\":{\"balance\":-3}}", true, 0},
        {"{\"data\":{\"balance\":1e300}}", false, 0},
        {"{\"data\":{\"balance\":null}}", false, 0},
        {"{}", false, 0},
        {"enrichso/document-error-401", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct balance_reply reply;
        assert_int_equal(finder.provider->parse_balance(parse(payload(rows[i].name)), &reply),
                         rows[i].said);
        if (!rows[i].said)
            continue;
        assert_int_equal(reply.credits, rows[i].credits);
        assert_int_equal(reply.used_today, -1);
        assert_int_equal(reply.limit_today, -1);
        assert_string_equal(reply.plan, "");
    }
}

/* --- pages --- */

static const struct odd_page {
    const char *text;
    int rc;
    uint32_t rows;
} odd_pages[] = {
    {"{\"data\":{\"status\":\"completed\",\"results\":[]}}", 0, 0},
    {"{\"results\":[{}]}", 0, 1},
    /* A failed batch: what it has is read, and reading has settled it. */
    {"{\"data\":{\"status\":\"failed\",\"results\":[{}]}}", 0, 1},
    {"{\"data\":{\"status\":\"failed\"}}", 0, 0},
    {"{\"data\":{\"status\":\"failed\",\"results\":null}}", 0, 0},
    /* A part of the results must not pass for the whole. */
    {"{\"data\":{\"status\":\"processing\",\"results\":[{}]}}", ERR_DATA, 0},
    {"{\"data\":{\"status\":\"queued\",\"results\":[]}}", ERR_DATA, 0},
    {"{\"data\":{\"status\":\"completed\"}}", ERR_DATA, 0},
    {"{\"data\":{\"status\":\"completed\",\"results\":null}}", ERR_DATA, 0},
    {"{\"data\":{\"results\":{}}}", ERR_DATA, 0},
    {"{\"data\":{\"results\":\"\"}}", ERR_DATA, 0},
    {"{\"success\":true}", ERR_DATA, 0},
    {"{}", ERR_DATA, 0},
    {"[]", ERR_DATA, 0},
    {"null", ERR_DATA, 0},
    {"0", ERR_DATA, 0},
};

static void odd_pages_are_judged(void **state)
{
    const struct operation *all[] = {&finder, &validation, &lookup, &phone};

    (void)state;
    for (size_t i = 0; i < sizeof odd_pages / sizeof odd_pages[0]; i++) {
        for (size_t k = 0; k < 4; k++) {
            struct page_reply reply;
            struct error e = {0};
            struct rows r;
            rows_open(&r, all[k], 1 << 20);
            int rc = all[k]->parse_page(all[k], parse(slice_of(odd_pages[i].text)), false, &r.arena,
                                        rows_keep, &r, &reply, &e);
            assert_int_equal(rc, odd_pages[i].rc);
            assert_int_equal(e.code, rc);
            if (rc == 0) {
                assert_int_equal(reply.rows, odd_pages[i].rows);
                assert_int_equal(reply.rows, r.count);
            }
            rows_close(&r);
        }
    }
}

/* --raw: the vendor's own row, as JSON that says the same; of a callback, all of its data. */
static void raw_rows(void **state)
{
    struct page_reply reply;
    struct callback_reply called;
    struct error e = {0};
    struct given g;

    (void)state;
    given_open(&g, 1 << 20);
    assert_int_equal(finder.parse_page(&finder, parse(payload("enrichso/openapi-finder-results")),
                                       true, &g.arena, given_keep, &g, &reply, &e),
                     0);
    slice_is("raw", g.item.answer.value[FIELD_RAW],
             "{\"firstName\":\"Hedy\",\"lastName\":\"Lamarr\",\"domain\":\"hopping.test\","
             "\"found\":false,\"message\":\"No address could be found\"}");
    assert_int_equal(singles[3].parse_page(&singles[3],
                                           parse(payload("enrichso/document-phone-single-miss")),
                                           true, &g.arena, given_keep, &g, &reply, &e),
                     0);
    slice_is("raw", g.item.answer.value[FIELD_RAW], "{\"found\":false,\"phones\":[]}");
    assert_int_equal(lookup.parse_callback(&lookup, parse(payload("enrichso/callback-lookup-miss")),
                                           true, &g.arena, given_keep, &g, &called, &e),
                     0);
    slice_is("raw", g.item.answer.value[FIELD_RAW],
             "{\"job_id\":\"66ab10\",\"result_id\":\"nobody@bombe.test\",\"type\":\"no_match\","
             "\"message\":\"No information found\"}");
    arena_deinit(&g.arena);
}

/* Without memory nothing is half read. */
static void no_memory(void **state)
{
    static const struct {
        struct operation *op;
        const char *name;
    } rows[] = {
        {&finder, "enrichso/openapi-finder-results"},
        {&validation, "enrichso/document-validation-results"},
        {&lookup, "enrichso/document-lookup-results"},
        {&phone, "enrichso/document-phone-results"},
        {&singles[0], "enrichso/openapi-finder-single"},
        {&singles[1], "enrichso/openapi-validation-single"},
        {&singles[2], "enrichso/openapi-lookup-single"},
        {&singles[3], "enrichso/document-phone-single"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct page_reply reply;
        struct error e = {0};
        struct given g;
        given_open(&g, 8);
        assert_int_equal(rows[i].op->parse_page(rows[i].op, parse(payload(rows[i].name)), true,
                                                &g.arena, given_keep, &g, &reply, &e),
                         ERR_INTERNAL);
        assert_int_equal(g.count, 0);
        arena_deinit(&g.arena);
    }
}

static void the_reader_can_end_a_page(void **state)
{
    struct page_reply reply;
    struct error e = {0};
    struct rows r;

    (void)state;
    rows_open(&r, &finder, 1 << 20);
    r.refuse = ERR_IO;
    assert_int_equal(finder.parse_page(&finder, parse(payload("enrichso/openapi-finder-results")),
                                       false, &r.arena, rows_keep, &r, &reply, &e),
                     ERR_IO);
    assert_int_equal(r.count, 2);
    rows_close(&r);
}

/* --- single questions --- */

/* What is no answer is refused: it was paid, and must not pass for a miss. */
static void replies_that_answer_nothing(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "0",
        "\"found\"",
        "{\"data\":null}",
        "{\"data\":[{\"email\":\"a@b.test\"}]}",
        "{\"meta\":{\"creditsUsed\":10}}",
        "{\"title\":\"Bad Gateway\",\"detail\":\"x\"}",
        "enrichso/document-error-502",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (int k = 0; k < 4; k++) {
            struct page_reply reply;
            struct error e = {0};
            struct given g;
            given_open(&g, 1 << 20);
            assert_int_equal(singles[k].parse_page(&singles[k], parse(payload(texts[i])), false,
                                                   &g.arena, given_keep, &g, &reply, &e),
                             ERR_DATA);
            assert_int_equal(g.count, 0);
            arena_deinit(&g.arena);
        }
    }
}

static void failures_that_are_told(void **state)
{
    static const struct {
        const char *text, *line;
        int64_t used;
    } rows[] = {
        {"{\"success\":false,\"error\":\"upstream is down\"}", "failed 0 (upstream is down) <", -1},
        {"{\"success\":false,\"message\":\"no luck\",\"data\":null}", "failed 0 (no luck) <", -1},
        {"{\"success\":false}", "failed 0 (the vendor reports a failure) <", -1},
        {"{\"success\":false,\"data\":{\"phones\":[\"+15555550101\"]},\"meta\":{\"creditsUsed\":3}"
         "}",
         "failed 3 (the vendor reports a failure) <", 3},
        {"{\"error\":{\"message\":\"down\"}}", "failed 0 (down) <", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int k = 0; k < 4; k++)
            reply_gives(&singles[k], rows[i].text, (struct page_reply){0, 1, rows[i].used, -1, -1},
                        LINES(rows[i].line));
    /* Said to be well, and empty: a miss, but a validation must say something. */
    reply_gives(&singles[0], "enrichso/document-success", (struct page_reply){0, 1, 10, -1, 4210},
                LINES("not_found 10 (no email found) <"));
    reply_gives(&singles[1], "enrichso/document-success", (struct page_reply){0, 1, 10, -1, 4210},
                LINES("failed 10 (the reply gives no status) <"));
}

/* --- callbacks --- */

static void odd_callbacks(void **state)
{
    static const struct {
        const char *text;
        enum callback_kind kind;
        const char *id;
    } rows[] = {
        /* The document speaks of one at the end, and shows none. */
        {"{\"batchId\":\"b1\",\"status\":\"completed\"}", CALLBACK_PROGRESS, "b1"},
        {"{\"data\":{\"batchId\":\"b1\"}}", CALLBACK_PROGRESS, "b1"},
        {"{\"event\":\"x\",\"batch_id\":\"b2\",\"data\":{}}", CALLBACK_PROGRESS, "b2"},
        {"{\"data\":{\"job_id\":\"../x\",\"status\":\"completed\"}}", CALLBACK_PROGRESS, ""},
        {"{\"data\":{\"status\":\"failed\"}}", CALLBACK_PROGRESS, ""},
        {"{\"event\":\"ping\"}", CALLBACK_EVENT, ""},
        {"{}", CALLBACK_EVENT, ""},
        {"{\"data\":{\"result\":\"valid\"}}", CALLBACK_EVENT, ""},
        {"{\"data\":{\"result\":{}}}", CALLBACK_EVENT, ""},
        {"{\"data\":{\"result_id\":7,\"result\":{}}}", CALLBACK_EVENT, ""},
    };
    const struct operation *all[] = {&finder, &validation, &lookup, &phone};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t k = 0; k < 4; k++)
            callback_gives(all[k], rows[i].text, rows[i].kind, rows[i].id, NO_LINES);

    /* Without an envelope. */
    callback_gives(&validation,
                   "{\"job_id\":\"b\",\"result_id\":\"a@b.test\",\"result\":\"risky\"}",
                   CALLBACK_RESULT, "b", LINES("found 1: email_status=risky < email=a@b.test"));
    struct callback_reply reply;
    struct error e = {0};
    struct given g;
    given_open(&g, 1 << 20);
    assert_int_equal(validation.parse_callback(&validation, parse(SLICE_LIT("[{}]")), false,
                                               &g.arena, given_keep, &g, &reply, &e),
                     ERR_DATA);
    assert_int_equal(validation.parse_callback(&validation,
                                               parse(payload("enrichso/callback-validation-done")),
                                               false, &g.arena, given_keep, &g, &reply, &e),
                     0);
    assert_int_equal(reply.page.total, 4);
    assert_int_equal(reply.page.used, -1);
    g.refuse = ERR_IO;
    assert_int_equal(validation.parse_callback(
                         &validation, parse(payload("enrichso/callback-validation-result")), false,
                         &g.arena, given_keep, &g, &reply, &e),
                     ERR_IO);
    arena_deinit(&g.arena);
}

/* --- replies that are not what they should be --- */

/* One reply per endpoint and form. */
static const char *const replies[] = {
    "document-validation-submit",
    "document-validation-status",
    "document-validation-results",
    "document-validation-single",
    "document-finder-submit",
    "document-finder-results",
    "document-finder-single",
    "document-lookup-results",
    "document-lookup-single",
    "document-phone-submit",
    "document-phone-results",
    "document-phone-single",
    "document-balance",
    "openapi-validation-results",
    "openapi-validation-single",
    "openapi-finder-results",
    "openapi-finder-single",
    "openapi-lookup-results",
    "openapi-lookup-single",
    "openapi-phone-results",
    "openapi-phone-single",
    "openapi-balance",
    "openapi-transactions",
    "live-validation-status",
    "live-validation-results",
    "callback-validation-result",
    "callback-finder-result",
    "callback-phone-result",
    "callback-lookup-result",
    "callback-lookup-done",
};
#define REPLIES (sizeof replies / sizeof replies[0])

static unsigned taken;

static int nothing_kept(void *arg, const struct page_item *item)
{
    answer_is_sound(arg, &item->answer);
    return 0;
}

/* Every parser on the document, whatever it is of. */
static unsigned parse_all(struct json_value root)
{
    const struct operation *all[] = {&finder,     &validation, &lookup,     &phone,
                                     &singles[0], &singles[1], &singles[2], &singles[3]};
    unsigned before = taken;
    struct balance_reply balance;

    for (size_t i = 0; i < 8; i++) {
        const struct operation *op = all[i];
        struct submit_reply submit;
        struct poll_reply poll;
        struct page_reply page;
        struct callback_reply called;
        struct error e = {0};
        struct arena a;
        arena_init(&a, 1 << 20);
        if (op->parse_submit && op->parse_submit(op, root, &submit, &e) == 0) {
            assert_true(http_id_valid(slice_of(submit.id)));
            taken++;
        }
        taken += op->parse_poll && op->parse_poll(op, root, &poll, &e) == 0;
        taken += op->parse_page(op, root, true, &a, nothing_kept, (void *)op, &page, &e) == 0;
        if (op->parse_callback &&
            op->parse_callback(op, root, true, &a, nothing_kept, (void *)op, &called, &e) == 0) {
            assert_true(called.id[0] == '\0' || http_id_valid(slice_of(called.id)));
            assert_int_equal(called.kind == CALLBACK_RESULT, called.page.rows == 1);
            taken++;
        }
        arena_deinit(&a);
    }
    taken += finder.provider->parse_balance(root, &balance);
    return taken - before;
}

static void mutated_replies_do_no_harm(void **state)
{
    unsigned documents = 0;

    (void)state;
    taken = 0;
    for (size_t i = 0; i < REPLIES; i++) {
        char name[64];
        snprintf(name, sizeof name, "enrichso/%s", replies[i]);
        documents += payload_mutations(name, 600, i, parse_all);
    }
    /* The test is one only if many of them got that far. */
    assert_true(documents > 2000 && taken > 5000);
}

static void members_of_other_types(void **state)
{
    unsigned documents = 0;

    (void)state;
    taken = 0;
    for (size_t i = 0; i < REPLIES; i++) {
        char name[64];
        snprintf(name, sizeof name, "enrichso/%s", replies[i]);
        documents += payload_other_types(name, parse_all);
    }
    assert_true(documents > 1000 && taken > 5000);
}

/* No reply is mistaken for one of another endpoint where that could cost money: a status or an
 * error is no accepted submission unless it names a batch; nothing but results are results. */
static void replies_are_not_mistaken(void **state)
{
    static const char *const no_results[] = {
        "enrichso/document-success",          "enrichso/document-error",
        "enrichso/document-balance",          "enrichso/document-finder-submit",
        "enrichso/document-finder-status",    "enrichso/openapi-transactions",
        "enrichso/openapi-validation-status", "enrichso/live-validation-status",
        "enrichso/document-finder-single",    "enrichso/openapi-lookup-single",
    };
    static const char *const no_batch[] = {
        "enrichso/document-success",       "enrichso/document-error",
        "enrichso/document-error-500",     "enrichso/document-balance",
        "enrichso/openapi-balance",        "enrichso/openapi-transactions",
        "enrichso/document-finder-single", "enrichso/openapi-error-402",
        "enrichso/document-lookup-single", "enrichso/openapi-error-402-object",
        "enrichso/document-phone-single",  "enrichso/openapi-validation-single",
    };

    (void)state;
    for (size_t i = 0; i < sizeof no_results / sizeof no_results[0]; i++) {
        struct page_reply reply;
        struct error e = {0};
        struct given g;
        given_open(&g, 1 << 20);
        assert_int_equal(finder.parse_page(&finder, parse(payload(no_results[i])), false, &g.arena,
                                           given_keep, &g, &reply, &e),
                         ERR_DATA);
        assert_int_equal(g.count, 0);
        arena_deinit(&g.arena);
    }
    for (size_t i = 0; i < sizeof no_batch / sizeof no_batch[0]; i++) {
        struct submit_reply reply;
        struct error e = {0};
        assert_int_equal(finder.parse_submit(&finder, parse(payload(no_batch[i])), &reply, &e),
                         ERR_DATA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submits_are_read),
        cmocka_unit_test(submits_without_an_id),
        cmocka_unit_test(polls_are_read),
        cmocka_unit_test(balances_are_read),
        cmocka_unit_test(odd_pages_are_judged),
        cmocka_unit_test(raw_rows),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(the_reader_can_end_a_page),
        cmocka_unit_test(replies_that_answer_nothing),
        cmocka_unit_test(failures_that_are_told),
        cmocka_unit_test(odd_callbacks),
        cmocka_unit_test(mutated_replies_do_no_harm),
        cmocka_unit_test(members_of_other_types),
        cmocka_unit_test(replies_are_not_mistaken),
    };

    finder = configured("email-finder", "webhook=on", NULL);
    validation = configured("email-validation", "webhook=on", NULL);
    lookup = configured("reverse-lookup", "webhook=on", NULL);
    phone = configured("phone-finder", "webhook=on", NULL);
    singles[0] = configured("email-finder", "mode=single", NULL);
    singles[1] = configured("email-validation", "mode=single", NULL);
    singles[2] = configured("reverse-lookup", "mode=single", NULL);
    singles[3] = configured("phone-finder", "mode=single", NULL);
    RUN_TESTS(tests);
}
