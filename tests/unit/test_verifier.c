/* The asking behind the verification webhook, against a vendor of our own words: only what is surely
 * about the address is a verdict, and whatever was perhaps paid is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/server.h"
#include "run/verifier.h"

#define NOW   INT64_C(1800000000000)
#define DAY   INT64_C(86400000)
#define EMAIL "jane@example.com"

static char folder[] = "/tmp/tranche-verifier-XXXXXX";
static char path[64], lock[96];

/* What the vendor answers, and what it was asked. */
struct vendor {
    struct server *server;
    int status; /* 0: drops the connection */
    const char *headers, *body;
    bool hold; /* the answer waits */
    struct server_request *held;
    unsigned requests;
    bool closed;
};

struct fixture {
    struct settings settings;
    struct setup setup;
    struct caller caller;
    struct caller_loop loop;
    struct verdicts *verdicts;
    struct verifier *verifier;
    struct vendor vendor;
    char base_url[64];
    /* of the last asking that ended */
    unsigned ended;
    enum verifier_end end;
    char text[64];
    unsigned changes;
};

static void vendor_reply(struct vendor *v, struct server_request *r)
{
    if (v->status == 0)
        server_drop(r);
    else
        server_reply(r, v->status, v->headers, slice_of(v->body));
}

static void handle(void *arg, struct server_request *r)
{
    struct vendor *v = arg;

    v->requests++;
    assert_string_equal(server_method(r), "POST");
    assert_string_equal(server_header(r, "x-api-key"), "sandbox");
    struct slice body = server_body(r);
    assert_true(v->requests > 1 || memmem(body.data, body.len, EMAIL, strlen(EMAIL)) != NULL);
    if (v->hold)
        v->held = r;
    else
        vendor_reply(v, r);
}

static void on_changed(void *arg)
{
    ((struct fixture *)arg)->changes++;
}

static void begin(struct fixture *f, int64_t max_credits)
{
    struct server_options server = {.address = "127.0.0.1",
                                    .connections_max = 16,
                                    .idle_timeout_s = 10,
                                    .body_max = 65536,
                                    .body_memory = 65536,
                                    .handle = handle,
                                    .arg = &f->vendor};
    struct verifier_options options = {.setup = &f->setup,
                                       .caller = &f->caller,
                                       .loop = &f->loop,
                                       .max_credits = max_credits,
                                       .wait_max_ms = 500,
                                       .changed = on_changed,
                                       .arg = f};
    struct error e = {0};

    memset(f, 0, sizeof *f);
    f->vendor.status = 200;
    setenv("ENRICHSO_API_KEY", "sandbox", 1);
    if (caller_loop_open(&f->loop, 16, &e) != 0 ||
        server_create(&f->vendor.server, &f->loop.loop, &server, &e) != 0)
        fail_msg("%s", e.message);
    snprintf(f->base_url, sizeof f->base_url, "http://127.0.0.1:%u", server_port(f->vendor.server));
    settings_init(&f->settings);
    f->settings.provider = "enrichso/email-validation";
    f->settings.base_url = f->base_url;
    f->settings.rate = "1000/s";
    f->settings.timeout = 5000;
    f->settings.sets[f->settings.set_count++] = "mode=single";
    if (settings_resolve(&f->settings, &f->setup, &e) != 0 ||
        caller_open_at(&f->caller, f->setup.operation->provider, f->base_url, NULL, &e) != 0 ||
        verdicts_open(&f->verdicts, path, DAY, NOW, &e) != 0)
        fail_msg("%s", e.message);
    options.verdicts = f->verdicts;
    if (verifier_open(&f->verifier, &options, &e) != 0)
        fail_msg("%s", e.message);
}

static void on_closed(void *arg)
{
    ((struct vendor *)arg)->closed = true;
}

static void finish(struct fixture *f)
{
    assert_int_equal(verifier_flight(f->verifier), 0);
    verifier_close(f->verifier);
    server_close(f->vendor.server, on_closed, &f->vendor);
    while (!f->vendor.closed)
        uv_run(&f->loop.loop, UV_RUN_ONCE);
    caller_loop_close(&f->loop);
    caller_close(&f->caller);
    verdicts_close(f->verdicts);
    unlink(path);
    unlink(lock);
}

static void on_end(void *arg, enum verifier_end end, const char *text)
{
    struct fixture *f = arg;

    f->ended++;
    f->end = end;
    snprintf(f->text, sizeof f->text, "%s", text);
}

/* Asks and waits; the end, with its text in f->text. */
static enum verifier_end ask(struct fixture *f, const char *email)
{
    unsigned before = f->ended;
    const char *text;
    enum verifier_end end = verifier_ask(f->verifier, slice_of(email), on_end, f, &text);

    if (end != VERIFIER_LATER) {
        assert_int_equal(f->ended, before);
        snprintf(f->text, sizeof f->text, "%s", text);
        return end;
    }
    while (f->ended == before)
        uv_run(&f->loop.loop, UV_RUN_ONCE);
    return f->end;
}

static const struct {
    int status;
    const char *body;
    enum verifier_end end;
    const char *text;
    int64_t spent;
} replies[] = {
    {200, "{\"data\":{\"email\":\"" EMAIL "\",\"status\":\"valid\"}}", VERIFIER_KNOWN, "valid", 1},
    {200, "{\"data\":{\"email\":\"JANE@Example.COM\",\"status\":\"Catch-All\"}}", VERIFIER_KNOWN,
     "catch_all", 1},
    /* the form without an envelope, and what it says it cost */
    {200, "{\"data\":{\"email\":\"" EMAIL "\",\"result\":\"risky\"},\"meta\":{\"creditsUsed\":0}}",
     VERIFIER_KNOWN, "risky", 0},
    /* about somebody else */
    {200, "{\"data\":{\"email\":\"joe@example.com\",\"status\":\"valid\"}}", VERIFIER_FAILED, "",
     1},
    /* no word, or none that could be kept */
    {200, "{\"data\":{\"email\":\"" EMAIL "\"}}", VERIFIER_FAILED, "", 1},
    {200, "{\"data\":{\"email\":\"" EMAIL "\",\"status\":null}}", VERIFIER_FAILED, "", 1},
    {200, "{\"data\":{\"email\":\"" EMAIL "\",\"status\":\"no idea!\"}}", VERIFIER_FAILED, "", 1},
    {200, "{}", VERIFIER_FAILED, "", 1},
    {200, "[]", VERIFIER_FAILED, "", 1},
    /* not whole, or not JSON: perhaps paid */
    {200, "{\"data\":", VERIFIER_FAILED, "", 1},
    {200, "", VERIFIER_FAILED, "", 1},
    {500, "{}", VERIFIER_FAILED, "", 1},
    {0, "", VERIFIER_FAILED, "", 1},
    /* refused: nothing was paid */
    {400, "{\"detail\":\"email must be an email\"}", VERIFIER_FAILED, "", 0},
    {422, "{}", VERIFIER_FAILED, "", 0},
    {404, "{}", VERIFIER_FAILED, "", 0},
    {401, "{}", VERIFIER_BUSY, "", 0},
    {402, "{}", VERIFIER_BUSY, "", 0},
    {429, "{}", VERIFIER_BUSY, "", 0},
};

static void only_a_verdict_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct fixture f;
        begin(&f, 100);
        f.vendor.status = replies[i].status;
        f.vendor.body = replies[i].body;
        enum verifier_end end = ask(&f, EMAIL);
        if (end != replies[i].end || strcmp(f.text, replies[i].text) != 0 ||
            verdicts_spent(f.verdicts) != replies[i].spent)
            fail_msg("%d %s: end %d '%s', spent %" PRId64, replies[i].status, replies[i].body,
                     (int)end, f.text, verdicts_spent(f.verdicts));
        assert_int_equal(f.vendor.requests, 1); /* never sent again by itself */
        assert_int_equal(verdicts_count(f.verdicts), end == VERIFIER_KNOWN);
        finish(&f);
    }
}

static void what_is_known_is_not_asked(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 100);
    f.vendor.body = "{\"data\":{\"email\":\"" EMAIL "\",\"status\":\"invalid\"}}";
    assert_int_equal(ask(&f, EMAIL), VERIFIER_KNOWN);
    assert_int_equal(ask(&f, EMAIL), VERIFIER_KNOWN);
    assert_string_equal(f.text, "invalid");
    assert_int_equal(f.vendor.requests, 1);
    finish(&f);
}

/* The price is on disk and counted while the question is on its way; who asks for the same waits. */
static void one_question_for_all_who_wait(void **state)
{
    struct fixture f;
    const char *text;

    (void)state;
    begin(&f, 1);
    f.vendor.hold = true;
    f.vendor.body = "{\"data\":{\"email\":\"" EMAIL "\",\"status\":\"valid\"}}";
    for (int i = 0; i < 3; i++)
        assert_int_equal(verifier_ask(f.verifier, SLICE_LIT(EMAIL), on_end, &f, &text),
                         VERIFIER_LATER);
    while (!f.vendor.held)
        uv_run(&f.loop.loop, UV_RUN_ONCE);
    assert_int_equal(verdicts_spent(f.verdicts), 1);
    assert_int_equal(f.ended, 0);
    assert_int_equal(verifier_flight(f.verifier), 1);
    /* Another one could cost more than is left; this one is under way. */
    assert_int_equal(ask(&f, "joe@example.com"), VERIFIER_CAPPED);
    assert_int_equal(verifier_ask(f.verifier, SLICE_LIT(EMAIL), on_end, &f, &text), VERIFIER_LATER);
    vendor_reply(&f.vendor, f.vendor.held);
    while (f.ended < 4)
        uv_run(&f.loop.loop, UV_RUN_ONCE);
    assert_int_equal(f.end, VERIFIER_KNOWN);
    assert_int_equal(f.vendor.requests, 1);
    assert_int_equal(f.changes, 1);
    finish(&f);
}

static void no_more_at_once_than_there_is_room(void **state)
{
    struct fixture f;
    const char *text;
    char email[32];
    unsigned later = 0, busy = 0;

    (void)state;
    begin(&f, 1000);
    f.vendor.status = 429;
    f.vendor.headers = "Retry-After: 3600\n";
    f.vendor.body = "{}";
    for (int i = 0; i < 300; i++) {
        if (i == 0)
            memcpy(email, EMAIL, sizeof EMAIL);
        else
            snprintf(email, sizeof email, "a%d@example.com", i);
        enum verifier_end end = verifier_ask(f.verifier, slice_of(email), on_end, &f, &text);
        later += end == VERIFIER_LATER;
        busy += end == VERIFIER_BUSY;
    }
    assert_int_equal(later, 256);
    assert_int_equal(busy, 300 - 256);
    /* A pause of an hour: who waits is told so after a while, who comes now at once. */
    while (f.vendor.requests == 0 || f.ended == 0)
        uv_run(&f.loop.loop, UV_RUN_ONCE);
    assert_int_equal(ask(&f, "late@example.com"), VERIFIER_BUSY);
    while (verifier_flight(f.verifier) > 0)
        uv_run(&f.loop.loop, UV_RUN_ONCE);
    assert_int_equal(f.ended, 256);
    assert_int_equal(f.end, VERIFIER_BUSY);
    assert_int_equal(verdicts_spent(f.verdicts), 0);
    finish(&f);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/verdicts", folder);
    snprintf(lock, sizeof lock, "%s.lock", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_verdict_is_one),
        cmocka_unit_test(what_is_known_is_not_asked),
        cmocka_unit_test(one_question_for_all_who_wait),
        cmocka_unit_test(no_more_at_once_than_there_is_room),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
