/* Enrich.so: the requests as they are sent, every form of its replies, and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "provider/provider.h"

#define GOLDEN      TEST_DATA "/provider/enrichso/"
#define ITEMS_MAX   16
#define TEXT_MAX    65536
#define REPLY_DEPTH 64

static struct json *json;
static const struct provider *vendor;
static const struct operation *finder, *validation;

/* A golden payload without white space at its end: cut anywhere, it is not whole. */
static struct slice golden(const char *name)
{
    static char text[TEXT_MAX];
    char path[512];
    struct error e = {0};
    char *data;
    size_t len;

    snprintf(path, sizeof path, "%s%s.json", GOLDEN, name);
    if (file_read_all(path, sizeof text, &data, &len, &e) != 0)
        fail_msg("%s", e.message);
    memcpy(text, data, len);
    free(data);
    return slice_trim((struct slice){text, len});
}

static struct json_value parse(struct slice text)
{
    struct json_value root;
    struct error e = {0};

    if (json_parse(json, text, &root, &e) != 0)
        fail_msg("%s", e.message);
    return root;
}

/* What a page gave, as text that outlives the document. */
struct page {
    struct arena arena;
    struct page_item items[ITEMS_MAX];
    unsigned count;
    int refuse; /* what the callback answers from its second row on */
};

static int keep(void *arg, const struct page_item *item)
{
    struct page *p = arg;

    assert_true(p->count < ITEMS_MAX);
    p->items[p->count++] = *item;
    return p->count > 1 ? p->refuse : 0;
}

static void page_open(struct page *p)
{
    *p = (struct page){.count = 0};
    arena_init(&p->arena, 1 << 20);
}

static int read_page(const struct operation *o, struct slice text, bool raw, struct page *p,
                     struct page_reply *out, struct error *e)
{
    return o->parse_page(parse(text), raw, &p->arena, keep, p, out, e);
}

static void slice_is(struct slice is, const char *text)
{
    if (!slice_eq(is, slice_of(text)))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(is), text ? text : "");
}

/* --- requests --- */

static void paths(void **state)
{
    struct http_request r;

    (void)state;
    assert_string_equal(vendor->base_url, "https://dev.enrich.so");
    assert_string_equal(vendor->key_header, "x-api-key");

    finder->build_submit(&r);
    assert_int_equal(r.method, HTTP_POST);
    assert_true(r.has_body);
    assert_string_equal(r.path, "/api/v3/email-finder/batch");
    validation->build_submit(&r);
    assert_string_equal(r.path, "/api/v3/email-validation/batch");

    finder->build_poll(&r, "batch_4b8d02");
    assert_int_equal(r.method, HTTP_GET);
    assert_false(r.has_body);
    assert_string_equal(r.path, "/api/v3/email-finder/batch/batch_4b8d02");
    validation->build_poll(&r, "a-B_9");
    assert_string_equal(r.path, "/api/v3/email-validation/batch/a-B_9");

    finder->build_page(&r, "66aa16cd", 1);
    assert_int_equal(r.method, HTTP_GET);
    assert_string_equal(r.path, "/api/v3/email-finder/batch/66aa16cd/results?page=1&limit=1000");
    validation->build_page(&r, "66aa11bc", 500);
    assert_string_equal(r.path,
                        "/api/v3/email-validation/batch/66aa11bc/results?page=500&limit=1000");

    vendor->build_balance(&r);
    assert_int_equal(r.method, HTTP_GET);
    assert_string_equal(r.path, "/api/v3/wallets/balance");
}

static struct record lead(const char *first, const char *last, const char *domain)
{
    struct record r = {.problem = {NULL}};

    r.value[FIELD_FIRST_NAME] = slice_of(first);
    r.value[FIELD_LAST_NAME] = slice_of(last);
    r.value[FIELD_DOMAIN] = slice_of(domain);
    return r;
}

static struct record address(const char *email)
{
    struct record r = {.problem = {NULL}};

    r.value[FIELD_EMAIL] = slice_of(email);
    return r;
}

static void body_is(const struct operation *o, const struct record *records, size_t count,
                    const char *name)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    o->body_begin(&b);
    for (size_t i = 0; i < count; i++)
        o->body_item(&b, &records[i], i == 0);
    o->body_end(&b);
    assert_false(b.failed);
    assert_true(slice_eq(buf_slice(&b), golden(name)));
    buf_deinit(&b);
}

static void bodies(void **state)
{
    const struct record leads[] = {
        lead("Katherine", "Johnson", "johnson.test"),
        lead("Émilie", "du \"Châtelet\"", "cirey.test"),
        lead("Hedy", "Lamarr", "hopping.test"),
    };
    const struct record emails[] = {address("alan@turing.test"), address("joan@clarke.test")};

    (void)state;
    body_is(finder, leads, 3, "request-finder-submit");
    body_is(validation, emails, 2, "request-validation-submit");
}

/* The disk reserve is computed from item_bytes_max: no item may be longer. */
static void longest_items(void **state)
{
    char name[101] = {0}, long_domain[254] = {0}, email[255] = {0};
    struct buf b;

    (void)state;
    memset(name, 1, 100); /* escaped as \u0001 */
    memset(long_domain, 'd', 253);
    memset(email, 1, 254);
    struct record r = lead(name, name, long_domain);
    assert_null(finder->check(&r));
    buf_init(&b, 1 << 20);
    finder->body_item(&b, &r, false);
    assert_in_range(b.len, 1400, finder->item_bytes_max);
    buf_reset(&b);
    r = address(email);
    validation->body_item(&b, &r, false);
    assert_in_range(b.len, 1500, validation->item_bytes_max);
    buf_deinit(&b);
}

static void limits_of_fields(void **state)
{
    char ascii[102] = {0}, accents[203] = {0}, host[255] = {0};

    (void)state;
    memset(ascii, 'a', 101);
    memset(host, 'h', 254);
    for (size_t i = 0; i < 202; i += 2)
        memcpy(accents + i, "é", 2);
    struct record r = lead("a", "b", "c.test");
    assert_null(finder->check(&r));
    r = lead(ascii + 1, accents + 2, host + 1);
    assert_null(finder->check(&r));
    r = lead(ascii, "b", "c.test");
    assert_non_null(strstr(finder->check(&r), "first_name"));
    r = lead("a", accents, "c.test");
    assert_non_null(strstr(finder->check(&r), "last_name"));
    r = lead("a", "b", host);
    assert_non_null(strstr(finder->check(&r), "domain"));
    r = address("a@b.test");
    assert_null(validation->check(&r));
}

/* --- submit, poll, balance --- */

static const struct submit_row {
    const char *name;
    const char *id;
    int64_t items, reserved, price, balance;
} submits[] = {
    {"document-validation-submit", "batch_9c41e7", 3, 3, 1, -1},
    {"document-finder-submit", "batch_4b8d02", 2, 20, 10, -1},
    {"openapi-validation-submit", "66aa11bc", 4, 4, 1, -1},
    {"openapi-finder-submit", "66aa16cd", 3, 30, 10, -1},
    {"client-submit-id", "66aa24ef", -1, -1, -1, -1},
    {"client-submit-number", "7700123", 3, -1, -1, -1},
};

static void submits_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof submits / sizeof submits[0]; i++) {
        const struct submit_row *row = &submits[i];
        struct submit_reply reply;
        struct error e = {0};
        if (finder->parse_submit(parse(golden(row->name)), &reply, &e) != 0)
            fail_msg("%s: %s", row->name, e.message);
        assert_string_equal(reply.id, row->id);
        assert_int_equal(reply.items, row->items);
        assert_int_equal(reply.reserved, row->reserved);
        assert_int_equal(reply.price, row->price);
        assert_int_equal(reply.balance, row->balance);
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
        int rc = validation->parse_submit(parse(slice_of(rows[i].text)), &reply, &e);
        assert_int_equal(rc, rows[i].id ? 0 : ERR_DATA);
        assert_int_equal(e.code, rc);
        if (rows[i].id)
            assert_string_equal(reply.id, rows[i].id);
    }
}

static const struct poll_row {
    const char *name; /* a golden payload, or JSON */
    int rc;
    enum poll_phase phase;
    int64_t total, processed;
} polls[] = {
    {"document-validation-status", 0, POLL_PENDING, 3, 2},
    {"document-finder-status", 0, POLL_COMPLETED, 2, 2},
    {"openapi-validation-status", 0, POLL_PENDING, 4, 3},
    {"openapi-finder-status", 0, POLL_PENDING, 3, 1},
    {"live-validation-status", 0, POLL_PENDING, 3, 1},
    {"{\"data\":{\"status\":\"queued\"}}", 0, POLL_PENDING, -1, -1},
    {"{\"data\":{\"status\":\"failed\",\"totalItems\":9}}", 0, POLL_FAILED, 9, -1},
    {"{\"status\":\"COMPLETED\",\"totalItems\":\"12\"}", 0, POLL_COMPLETED, 12, -1},
    {"{\"data\":{\"status\":\"completed_soon\",\"totalItems\":-2}}", 0, POLL_PENDING, -1, -1},
    {"{\"data\":{\"status\":\"\"}}", ERR_DATA, POLL_PENDING, 0, 0},
    {"{\"data\":{\"status\":200}}", ERR_DATA, POLL_PENDING, 0, 0},
    {"{\"data\":{\"progress\":100}}", ERR_DATA, POLL_PENDING, 0, 0},
    {"{}", ERR_DATA, POLL_PENDING, 0, 0},
    {"[{\"status\":\"completed\"}]", ERR_DATA, POLL_PENDING, 0, 0},
    {"document-success", ERR_DATA, POLL_PENDING, 0, 0},
    {"document-error-404", ERR_DATA, POLL_PENDING, 0, 0},
    {"document-balance", ERR_DATA, POLL_PENDING, 0, 0},
};

static void polls_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof polls / sizeof polls[0]; i++) {
        const struct poll_row *row = &polls[i];
        bool inline_json = strchr("{[", row->name[0]) != NULL;
        struct poll_reply reply;
        struct error e = {0};
        int rc = finder->parse_poll(parse(inline_json ? slice_of(row->name) : golden(row->name)),
                                    &reply, &e);
        assert_int_equal(rc, row->rc);
        if (rc != 0)
            continue;
        assert_int_equal(reply.phase, row->phase);
        assert_int_equal(reply.total, row->total);
        assert_int_equal(reply.processed, row->processed);
    }
}

static void balances_are_read(void **state)
{
    static const struct {
        const char *name;
        int64_t credits; /* -1: none */
    } rows[] = {
        {"document-balance", 4186},
        {"openapi-balance", 9967},
        {"{\"balance\":12}", 12},
        {"{\"data\":{\"balance\":12.75}}", 12},
        {"{\"data\":{\"balance\":\"800\"}}", 800},
        {"{\"data\":{\"balance\":1e300}}", -1},
        {"{\"data\":{\"balance\":null}}", -1},
        {"{}", -1},
        {"document-error-401", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t credits = -1;
        struct slice text = rows[i].name[0] == '{' ? slice_of(rows[i].name) : golden(rows[i].name);
        assert_int_equal(vendor->parse_balance(parse(text), &credits), rows[i].credits >= 0);
        assert_int_equal(credits, rows[i].credits);
    }
}

/* --- pages --- */

/* One expected row; NULL: absent. */
struct want {
    enum outcome outcome;
    int64_t credits;
    const char *reason, *email, *status, *sub_status, *catch_all, *confidence;
};

static void item_is(const struct page_item *item, const struct want *want)
{
    const struct answer *a = &item->answer;

    assert_int_equal(a->outcome, want->outcome);
    assert_int_equal(a->credits, want->credits);
    slice_is(a->reason, want->reason);
    slice_is(a->value[FIELD_EMAIL], want->email);
    slice_is(a->value[FIELD_EMAIL_STATUS], want->status);
    slice_is(a->value[FIELD_EMAIL_SUB_STATUS], want->sub_status);
    slice_is(a->value[FIELD_EMAIL_CATCH_ALL], want->catch_all);
    slice_is(a->value[FIELD_CONFIDENCE], want->confidence);
    slice_is(a->value[FIELD_RAW], "");
    for (int f = 0; f < FIELD_COUNT; f++)
        if (a->outcome != OUTCOME_FOUND)
            assert_int_equal(a->value[f].len, 0);
}

/* The vendor's echo must lead back to the question. */
static void echo_is(const struct operation *o, const struct page_item *item, struct record asked)
{
    struct buf scratch;

    buf_init(&scratch, 1 << 16);
    struct identity a = record_identity(&item->echo, o->echoes, &scratch);
    struct identity b = record_identity(&asked, o->echoes, &scratch);
    assert_memory_equal(&a, &b, sizeof a);
    buf_deinit(&scratch);
}

static void page_is(const struct operation *o, const char *name, const struct record *asked,
                    const struct want *want, unsigned count, struct page_reply totals)
{
    struct page_reply reply;
    struct error e = {0};
    struct page p;

    page_open(&p);
    if (read_page(o, golden(name), false, &p, &reply, &e) != 0)
        fail_msg("%s: %s", name, e.message);
    assert_int_equal(p.count, count);
    assert_int_equal(reply.rows, count);
    assert_int_equal(reply.total, totals.total);
    assert_int_equal(reply.used, totals.used);
    assert_int_equal(reply.refunded, totals.refunded);
    assert_int_equal(reply.balance, totals.balance);
    for (unsigned i = 0; i < count; i++) {
        item_is(&p.items[i], &want[i]);
        echo_is(o, &p.items[i], asked[i]);
    }
    arena_deinit(&p.arena);
}

static void finder_pages(void **state)
{
    const struct record document[] = {
        lead("grace", "HOPPER", "cobol.test"),
        lead("Konrad", "Zuse", "z3.test"),
    };
    const struct want document_want[] = {
        {OUTCOME_FOUND, 10, .email = "grace.hopper@cobol.test", .confidence = "high"},
        {OUTCOME_NOT_FOUND, 0, .reason = "no email found"},
    };
    const struct record openapi[] = {
        lead("Katherine", "Johnson", "johnson.test"),
        lead("émilie", "du châtelet", "cirey.test"),
        lead("Hedy", "Lamarr", "hopping.test"),
    };
    const struct want openapi_want[] = {
        {OUTCOME_FOUND, 10, .email = "katherine@johnson.test", .catch_all = "false",
         .confidence = "high"},
        {OUTCOME_FOUND, 10, .email = "emilie@cirey.test", .catch_all = "true",
         .confidence = "medium"},
        {OUTCOME_NOT_FOUND, 0, .reason = "No address could be found"},
    };

    (void)state;
    page_is(finder, "document-finder-results", document, document_want, 2,
            (struct page_reply){.total = 2, .used = 10, .refunded = -1, .balance = 4186});
    page_is(finder, "openapi-finder-results", openapi, openapi_want, 3,
            (struct page_reply){.total = 3, .used = 20, .refunded = 10, .balance = 9967});
}

static void finder_gives_names_and_domain(void **state)
{
    struct page_reply reply;
    struct error e = {0};
    struct page p;

    (void)state;
    page_open(&p);
    assert_int_equal(read_page(finder, golden("openapi-finder-results"), false, &p, &reply, &e), 0);
    const struct answer *a = &p.items[1].answer;
    slice_is(a->value[FIELD_FIRST_NAME], "Émilie");
    slice_is(a->value[FIELD_LAST_NAME], "du Châtelet");
    slice_is(a->value[FIELD_COMPANY_DOMAIN], "cirey.test");
    for (int f = 0; f < FIELD_COUNT; f++)
        if (a->value[f].len > 0)
            assert_true(finder->gives & (uint32_t)1 << f);
    arena_deinit(&p.arena);
}

static void validation_pages(void **state)
{
    const struct record document[] = {address("ada@lovelace.test"), address("charles@babbage.test"),
                                      address("info@analytical.test")};
    const struct want document_want[] = {
        {OUTCOME_FOUND, 1, .email = "ada@lovelace.test", .status = "valid"},
        {OUTCOME_FOUND, 1, .email = "charles@babbage.test", .status = "invalid"},
        {OUTCOME_FOUND, 1, .email = "info@analytical.test", .status = "catch_all"},
    };
    const struct record openapi[] = {address("alan@turing.test"), address("joan@clarke.test"),
                                     address("nobody@bombe.test"), address("hut8@bletchley.test")};
    const struct want openapi_want[] = {
        {OUTCOME_FOUND, 1, NULL, "alan@turing.test", "valid", NULL, "false", "high"},
        {OUTCOME_FOUND, 1, NULL, "joan@clarke.test", "valid", NULL, "false", "definitive"},
        {OUTCOME_FOUND, 1, NULL, "nobody@bombe.test", "invalid", NULL, "false", "definitive"},
        {OUTCOME_FOUND, 1, NULL, "hut8@bletchley.test", "risky", NULL, "true", "low"},
    };
    const struct record live[] = {address("ada@lovelace.test"), address("charles@babbage.test"),
                                  address("x@y.test")};
    const struct want live_want[] = {
        {OUTCOME_FOUND, 1, NULL, "Ada@Lovelace.test", "valid", NULL, "false", "high"},
        {OUTCOME_FOUND, 1, NULL, "charles@babbage.test", "invalid", NULL, "false", "none"},
        {OUTCOME_FOUND, 1, NULL, "x@y.test", "catch_all", NULL, "true", "0.5"},
    };

    (void)state;
    page_is(validation, "document-validation-results", document, document_want, 3,
            (struct page_reply){.total = 3, .used = 3, .refunded = -1, .balance = 4206});
    page_is(validation, "openapi-validation-results", openapi, openapi_want, 4,
            (struct page_reply){.total = 4, .used = 2, .refunded = 2, .balance = 9997});
    page_is(validation, "live-validation-results", live, live_want, 3,
            (struct page_reply){.total = 3, .used = -1, .refunded = -1, .balance = -1});
}

/* The single endpoints describe the rows of a batch: each golden single reply as a row. */
static void single_replies_as_rows(void **state)
{
    static const struct {
        const char *name;
        bool finds;
        struct want want;
    } rows[] = {
        {"document-validation-single",
         false,
         {OUTCOME_FOUND, 1, NULL, "ada@lovelace.test", "valid", NULL, "false", NULL}},
        {"openapi-validation-single",
         false,
         {OUTCOME_FOUND, 1, NULL, "alan@turing.test", "valid", NULL, "false", "high"}},
        {"document-finder-single",
         true,
         {OUTCOME_FOUND, 10, NULL, "grace.hopper@cobol.test", NULL, NULL, NULL, "high"}},
        {"openapi-finder-single",
         true,
         {OUTCOME_FOUND, 10, NULL, "katherine@johnson.test", NULL, NULL, "false", "high"}},
        {"openapi-finder-single-miss",
         true,
         {OUTCOME_NOT_FOUND, 0, .reason = "No address could be found"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct operation *o = rows[i].finds ? finder : validation;
        struct json_value row;
        struct page_reply reply;
        struct error e = {0};
        struct page p;
        struct buf text;
        page_open(&p);
        buf_init(&text, TEXT_MAX);
        assert_true(json_get(parse(golden(rows[i].name)), "data", &row));
        buf_append_text(&text, "{\"results\":[");
        json_print(row, &text);
        buf_append_text(&text, "]}");
        assert_int_equal(read_page(o, buf_slice(&text), false, &p, &reply, &e), 0);
        assert_int_equal(p.count, 1);
        item_is(&p.items[0], &rows[i].want);
        if (i == 0) {
            slice_is(p.items[0].answer.value[FIELD_EMAIL_FREE], "false");
            slice_is(p.items[0].answer.value[FIELD_EMAIL_DISPOSABLE], "false");
        }
        buf_deinit(&text);
        arena_deinit(&p.arena);
    }
}

/* Rows as no document shows them. */
static const struct odd_row {
    const char *row;
    bool finds;
    struct want want;
} odd_rows[] = {
    {"{\"email\":\"\"}", true, {OUTCOME_NOT_FOUND, 0, .reason = "no email found"}},
    {"{\"email\":7}", true, {OUTCOME_NOT_FOUND, 0, .reason = "no email found"}},
    {"{\"found\":\"yes\",\"email\":\"a@b.test\"}", true, {OUTCOME_FOUND, 10, .email = "a@b.test"}},
    {"{\"found\":false,\"email\":\"a@b.test\"}",
     true,
     {OUTCOME_NOT_FOUND, 0, .reason = "no email found"}},
    {"{\"found\":true}",
     true,
     {OUTCOME_FAILED, 0, .reason = "the reply says found but gives no email"}},
    {"{\"error\":\"timed out\"}", true, {OUTCOME_FAILED, 0, .reason = "timed out"}},
    {"{\"error\":{\"message\":\"no\"},\"found\":false}", true, {OUTCOME_FAILED, 0, .reason = "no"}},
    {"{\"error\":\"late\",\"email\":\"a@b.test\"}", true, {OUTCOME_FOUND, 10, .email = "a@b.test"}},
    {"{\"email\":\"a@b.test\",\"confidence\":97}",
     true,
     {OUTCOME_FOUND, 10, .email = "a@b.test", .confidence = "97"}},
    {"null", true, {OUTCOME_NOT_FOUND, 0, .reason = "no email found"}},
    {"{\"email\":\"a@b.test\"}", false, {OUTCOME_FAILED, 0, .reason = "the reply gives no status"}},
    {"{\"email\":\"a@b.test\",\"status\":null}",
     false,
     {OUTCOME_FAILED, 0, .reason = "the reply gives no status"}},
    {"{\"email\":\"a@b.test\",\"error\":\"no MX\"}", false, {OUTCOME_FAILED, 0, .reason = "no MX"}},
    {"{\"email\":\"a@b.test\",\"status\":\"error\"}",
     false,
     {OUTCOME_FAILED, 0, .reason = "the vendor could not validate it"}},
    {"{\"email\":\"a@b.test\",\"result\":\"failed\",\"message\":\"greylisted\"}",
     false,
     {OUTCOME_FAILED, 0, .reason = "greylisted"}},
    {"{\"email\":\"a@b.test\",\"status\":\"completed\",\"result\":\"Valid\"}",
     false,
     {OUTCOME_FOUND, 1, .email = "a@b.test", .status = "valid"}},
    {"{\"email\":\"a@b.test\",\"status\":\"Do_Not_Mail\",\"subStatus\":\"role\"}",
     false,
     {OUTCOME_FOUND, 1, .email = "a@b.test", .status = "do_not_mail", .sub_status = "role"}},
    {"{\"email\":\"a@b.test\",\"status\":\"unknown\"}",
     false,
     {OUTCOME_FOUND, 1, .email = "a@b.test", .status = "unknown"}},
    {"{\"email\":\"a@b.test\",\"status\":\"CatchAll\",\"catchAll\":true}",
     false,
     {OUTCOME_FOUND, 1, .email = "a@b.test", .status = "catch_all", .catch_all = "true"}},
    {"[1,2]", false, {OUTCOME_FAILED, 0, .reason = "the reply gives no status"}},
};

static void odd_rows_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof odd_rows / sizeof odd_rows[0]; i++) {
        struct page_reply reply;
        struct error e = {0};
        char text[512];
        struct page p;
        page_open(&p);
        snprintf(text, sizeof text, "{\"data\":{\"results\":[%s]}}", odd_rows[i].row);
        assert_int_equal(read_page(odd_rows[i].finds ? finder : validation, slice_of(text), false,
                                   &p, &reply, &e),
                         0);
        assert_int_equal(reply.rows, 1);
        item_is(&p.items[0], &odd_rows[i].want);
        arena_deinit(&p.arena);
    }
}

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
    (void)state;
    for (size_t i = 0; i < sizeof odd_pages / sizeof odd_pages[0]; i++) {
        const struct operation *both[] = {finder, validation};
        for (size_t k = 0; k < 2; k++) {
            struct page_reply reply;
            struct error e = {0};
            struct page p;
            page_open(&p);
            int rc = read_page(both[k], slice_of(odd_pages[i].text), false, &p, &reply, &e);
            assert_int_equal(rc, odd_pages[i].rc);
            assert_int_equal(e.code, rc);
            assert_int_equal(p.count, odd_pages[i].rows);
            if (rc == 0)
                assert_int_equal(reply.rows, odd_pages[i].rows);
            arena_deinit(&p.arena);
        }
    }
}

/* --raw: the vendor's own row, as JSON that says the same. */
static void raw_rows(void **state)
{
    struct page_reply reply;
    struct error e = {0};
    struct page p;

    (void)state;
    page_open(&p);
    assert_int_equal(read_page(finder, golden("openapi-finder-results"), true, &p, &reply, &e), 0);
    slice_is(p.items[2].answer.value[FIELD_RAW],
             "{\"firstName\":\"Hedy\",\"lastName\":\"Lamarr\",\"domain\":\"hopping.test\","
             "\"found\":false,\"message\":\"No address could be found\"}");
    arena_deinit(&p.arena);

    /* Without memory nothing is half read. */
    page_open(&p);
    arena_deinit(&p.arena);
    arena_init(&p.arena, 64);
    assert_int_equal(read_page(finder, golden("openapi-finder-results"), true, &p, &reply, &e),
                     ERR_INTERNAL);
    assert_int_equal(p.count, 0);
    arena_deinit(&p.arena);
}

static void the_reader_can_end_a_page(void **state)
{
    struct page_reply reply;
    struct error e = {0};
    struct page p;

    (void)state;
    page_open(&p);
    p.refuse = ERR_IO;
    assert_int_equal(read_page(finder, golden("openapi-finder-results"), false, &p, &reply, &e),
                     ERR_IO);
    assert_int_equal(p.count, 2);
    arena_deinit(&p.arena);
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

static void errors_are_classified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        const struct error_row *row = &errors[i];
        struct slice text = golden(row->name);
        struct http_reply reply = {.end = HTTP_REPLY, .status = row->status};
        struct problem problem;
        problem_parse(&problem, json, text);
        assert_string_equal(problem.type, row->type);
        assert_true(problem.text[0] != '\0');
        assert_int_equal(problem.balance, row->balance);
        assert_int_equal(problem.required, row->required);
        assert_int_equal(problem.retry_after_ms, row->retry_after_ms);
        assert_int_equal(finder->classify(&reply, true, true, &problem), row->paid);
        assert_int_equal(validation->classify(&reply, false, true, &problem), row->free);
    }
}

/* --- replies that are not what they should be --- */

/* One reply per endpoint and form. */
static const char *const replies[] = {
    "document-validation-submit",
    "document-validation-status",
    "document-validation-results",
    "document-finder-submit",
    "document-finder-status",
    "document-finder-results",
    "document-balance",
    "openapi-validation-submit",
    "openapi-validation-status",
    "openapi-validation-results",
    "openapi-finder-submit",
    "openapi-finder-status",
    "openapi-finder-results",
    "openapi-balance",
    "openapi-transactions",
    "live-validation-status",
    "live-validation-results",
};

#define REPLY_COUNT (sizeof replies / sizeof replies[0])

/* A body cut at any byte is never whole: so never OK, paid or free. */
static void cut_replies_are_never_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < REPLY_COUNT; i++) {
        struct slice text = golden(replies[i]);
        struct http_reply reply = {.end = HTTP_REPLY, .status = 200};
        struct problem problem = {.balance = -1};
        for (size_t len = 0; len <= text.len; len++) {
            struct json_value root;
            struct error e = {0};
            /* In memory of its own: a read behind the cut is seen. */
            char *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, text.data, len);
            bool whole = json_parse(json, (struct slice){copy, len}, &root, &e) == 0;
            assert_int_equal(whole, len == text.len);
            assert_int_equal(finder->classify(&reply, true, whole, &problem),
                             whole ? REPLY_OK : REPLY_DOUBT);
            assert_int_equal(finder->classify(&reply, false, whole, &problem),
                             whole ? REPLY_OK : REPLY_RETRY);
            free(copy);
        }
    }
}

/* Every parser on the document, whatever it is of; counts how many took it. */
static unsigned parse_all(struct json_value root)
{
    const struct operation *both[] = {finder, validation};
    unsigned taken = 0;
    int64_t credits;

    for (size_t i = 0; i < 2; i++) {
        struct submit_reply submit;
        struct poll_reply poll;
        struct page_reply reply;
        struct error e = {0};
        struct page p;
        page_open(&p);
        if (both[i]->parse_submit(root, &submit, &e) == 0) {
            assert_true(http_id_valid(slice_of(submit.id)));
            taken++;
        }
        taken += both[i]->parse_poll(root, &poll, &e) == 0;
        if (both[i]->parse_page(root, true, &p.arena, keep, &p, &reply, &e) == 0) {
            assert_int_equal(reply.rows, p.count);
            taken++;
        }
        for (unsigned k = 0; k < p.count; k++) {
            assert_true(p.items[k].answer.outcome != OUTCOME_NONE);
            assert_int_equal(p.items[k].answer.outcome == OUTCOME_FOUND,
                             p.items[k].answer.reason.len == 0);
        }
        arena_deinit(&p.arena);
    }
    return taken + vendor->parse_balance(root, &credits);
}

/* Bytes changed, taken out and put in: whatever still is JSON is read without harm. */
static void mutated_replies_do_no_harm(void **state)
{
    static const char odd[] = "\"{}[]:,0-eE.tfn\\u \x80\xff";
    uint64_t seed = 1;
    unsigned documents = 0, taken = 0;

    (void)state;
    for (size_t i = 0; i < REPLY_COUNT; i++) {
        struct slice text = golden(replies[i]);
        for (int round = 0; round < 3000; round++) {
            struct json_value root;
            struct error e = {0};
            char *copy = malloc(text.len + 8);
            size_t len = text.len;
            assert_non_null(copy);
            memcpy(copy, text.data, len);
            for (int changes = 1 + round % 3; changes > 0; changes--) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                size_t at = (seed >> 33) % len;
                switch (seed >> 20 & 3) {
                case 0:
                    copy[at] = odd[(seed >> 24) % (sizeof odd - 1)];
                    break;
                case 1:
                    memmove(copy + at, copy + at + 1, len - at - 1);
                    len--;
                    break;
                case 2:
                    memmove(copy + at + 1, copy + at, len - at);
                    copy[at] = odd[(seed >> 24) % (sizeof odd - 1)];
                    len++;
                    break;
                default:
                    copy[at] = (char)(seed >> 12);
                }
            }
            if (json_parse(json, (struct slice){copy, len}, &root, &e) == 0) {
                documents++;
                taken += parse_all(root);
            }
            free(copy);
        }
    }
    /* The test is one only if many of them got that far. */
    assert_true(documents > 3000 && taken > 3000);
}

/* Each member in turn absent, null, or of another type. */
static void members_of_other_types(void **state)
{
    static const char *const values[] = {
        "null", "true", "-1", "1e400", "\"\"", "[]", "{}", "[[]]", "18446744073709551616"};
    unsigned documents = 0;

    (void)state;
    for (size_t i = 0; i < REPLY_COUNT; i++) {
        struct slice text = golden(replies[i]);
        for (const char *at = text.data;
             (at = memchr(at, ':', (size_t)(text.data + text.len - at))); at++) {
            /* Up to the end of the line is one value where it is no array or object. */
            const char *end = memchr(at, '\n', (size_t)(text.data + text.len - at));
            if (at[-1] != '"' || !end || strchr("[{", end[-1]))
                continue;
            for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
                struct json_value root;
                struct error e = {0};
                struct buf b;
                buf_init(&b, TEXT_MAX);
                buf_append(&b, text.data, (size_t)(at + 1 - text.data));
                buf_append_text(&b, values[k]);
                if (end[-1] == ',')
                    buf_append_char(&b, ',');
                buf_append(&b, end, (size_t)(text.data + text.len - end));
                if (json_parse(json, buf_slice(&b), &root, &e) == 0) {
                    documents++;
                    parse_all(root);
                }
                buf_deinit(&b);
            }
        }
    }
    assert_true(documents > 500);
}

/* No reply is mistaken for one of another endpoint where that could cost money: a status or an
 * error is no accepted submission unless it names a batch; nothing but results are results. */
static void replies_are_not_mistaken(void **state)
{
    static const char *const no_results[] = {
        "document-success",          "document-error",         "document-balance",
        "document-finder-submit",    "document-finder-status", "openapi-transactions",
        "openapi-validation-status", "live-validation-status", "document-finder-single",
    };
    static const char *const no_batch[] = {
        "document-success",          "document-error",    "document-error-500",
        "document-balance",          "openapi-balance",   "openapi-transactions",
        "document-finder-single",    "openapi-error-402", "openapi-error-402-object",
        "openapi-validation-single",
    };

    (void)state;
    for (size_t i = 0; i < sizeof no_results / sizeof no_results[0]; i++) {
        struct page_reply reply;
        struct error e = {0};
        struct page p;
        page_open(&p);
        assert_int_equal(read_page(finder, golden(no_results[i]), false, &p, &reply, &e), ERR_DATA);
        assert_int_equal(p.count, 0);
        arena_deinit(&p.arena);
    }
    for (size_t i = 0; i < sizeof no_batch / sizeof no_batch[0]; i++) {
        struct submit_reply reply;
        struct error e = {0};
        assert_int_equal(finder->parse_submit(parse(golden(no_batch[i])), &reply, &e), ERR_DATA);
    }
}

/* --- limits --- */

static int64_t limit(const struct provider_tier *t, enum rate_class class, int64_t per_ms)
{
    for (int i = 0; i < RATE_LIMITS_MAX && t->limits[i].count > 0; i++)
        if (t->limits[i].class == class && t->limits[i].per_ms == per_ms)
            return t->limits[i].count;
    fail_msg("%s lacks a limit", t->name);
    return 0;
}

/* The vendor counts submissions and reads together. */
static void tiers_stay_within_the_organization(void **state)
{
    static const struct {
        const char *name;
        int64_t all_s, all_min, submit_s, submit_min;
    } rows[] = {
        {"free", 5, 60, 1, 2},
        {"growth", 25, 300, 3, 10},
        {"scale", 50, 1000, 5, 20},
        {"pro", 100, 5000, 10, 50},
        {"enterprise", 200, 10000, 20, 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {0};
        const struct provider_tier *t = provider_tier(vendor, rows[i].name, &e);
        assert_non_null(t);
        assert_int_equal(limit(t, RATE_SUBMIT, 1000), rows[i].submit_s);
        assert_int_equal(limit(t, RATE_SUBMIT, 60000), rows[i].submit_min);
        assert_int_equal(limit(t, RATE_SUBMIT, 1000) + limit(t, RATE_READ, 1000), rows[i].all_s);
        assert_int_equal(limit(t, RATE_SUBMIT, 60000) + limit(t, RATE_READ, 60000),
                         rows[i].all_min);
    }
    assert_int_equal(finder->items_max, 500000);
    assert_int_equal(validation->items_max, 500000);
    assert_int_equal(finder->price, 10);
    assert_int_equal(validation->price, 1);
}

/* The item that a refusal names, in every way validators write it. */
static void refusals_name_items(void **state)
{
    static const struct {
        const char *text;
        int64_t place;
    } rows[] = {
        {"leads[17].firstName should not be empty", 17},
        {"leads.3.domain must be a domain", 3},
        {"body/leads/0/domain is refused", 0},
        {"each value in emails.250000 must be an email", 250000},
        {"emails[99999999999999999999] is wrong", -1},
        {"leads must be an array", -1},
        {"leads[x] is wrong", -1},
        {"The request holds an item that is not valid", -1},
        {"", -1},
    };

    (void)state;
    const struct operation *op = finder;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct problem problem = {.retry_after_ms = -1};
        snprintf(problem.text, sizeof problem.text, "%s", rows[i].text);
        assert_int_equal(op->bad_item(&problem), rows[i].place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(bodies),
        cmocka_unit_test(longest_items),
        cmocka_unit_test(limits_of_fields),
        cmocka_unit_test(submits_are_read),
        cmocka_unit_test(submits_without_an_id),
        cmocka_unit_test(polls_are_read),
        cmocka_unit_test(balances_are_read),
        cmocka_unit_test(finder_pages),
        cmocka_unit_test(finder_gives_names_and_domain),
        cmocka_unit_test(validation_pages),
        cmocka_unit_test(single_replies_as_rows),
        cmocka_unit_test(odd_rows_are_read),
        cmocka_unit_test(odd_pages_are_judged),
        cmocka_unit_test(raw_rows),
        cmocka_unit_test(the_reader_can_end_a_page),
        cmocka_unit_test(errors_are_classified),
        cmocka_unit_test(cut_replies_are_never_whole),
        cmocka_unit_test(mutated_replies_do_no_harm),
        cmocka_unit_test(members_of_other_types),
        cmocka_unit_test(replies_are_not_mistaken),
        cmocka_unit_test(tiers_stay_within_the_organization),
        cmocka_unit_test(refusals_name_items),
    };

    json = json_create(REPLY_DEPTH);
    vendor = provider_find(SLICE_LIT("enrichso"));
    struct error e = {0};
    finder = provider_operation("enrichso/email-finder", &e);
    validation = provider_operation("enrichso/email-validation", &e);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_destroy(json);
    return rc;
}
