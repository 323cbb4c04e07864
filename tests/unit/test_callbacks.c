/* The callback listener against peers that write raw bytes from threads of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "raw_peer.h"
#include "run/callbacks.h"

#define API_KEY "wz_live_0123456789"
#define SECRET  "whsec_abcdef"

static const struct provider tokened = {.name = "zeliq", .title = "Zeliq", .key_env = "ZELIQ_KEY"};
static const struct provider keyed = {.name = "wiza",
                                      .title = "Wiza",
                                      .key_env = "WIZA_KEY",
                                      .proof = PROOF_KEY_SHA256,
                                      .proof_header = "x-auth-key"};
static const struct provider signing = {.name = "prospiq",
                                        .title = "ProspIQ",
                                        .key_env = "PROSPIQ_KEY",
                                        .proof = PROOF_HMAC_SHA256,
                                        .proof_header = "X-ProspIQ-Signature",
                                        .secret_env = "PROSPIQ_SECRET",
                                        .test_header = "X-ProspIQ-Test"};
static const struct provider keyless = {.name = "late",
                                        .title = "Late",
                                        .key_env = "LATE_KEY",
                                        .proof = PROOF_KEY_SHA256,
                                        .proof_header = "x-auth-key"};
static const struct callbacks_provider providers[] = {
    {&tokened, NULL}, {&keyed, API_KEY}, {&signing, SECRET}, {&keyless, NULL}};

static const struct secret secret = {"0123456789abcdef0123456789abcde"};
static const struct token ours = {{1, 2, 3, 4, 5, 6, 7, 8}, 42, 3};
static const struct token others = {{9, 9, 9, 9, 9, 9, 9, 9}, 1, 1};

struct fixture {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    struct callbacks *callbacks;
    char folder[64];
    /* What was handed on. */
    unsigned received;
    struct token token;
    const struct provider *provider;
    bool test;
    char body[64];
    size_t body_len;
    int64_t wall_ms;
    /* What to do with it. */
    enum { ACK, FAIL, LATER, HOLD } answer;
    struct callback *held;
    bool done, closed;
};

static void on_timer(uv_timer_t *timer)
{
    struct fixture *f = timer->data;
    callbacks_ack(f->held);
}

static void received(void *arg, struct callback *c)
{
    struct fixture *f = arg;
    f->received++;
    f->token = c->token;
    f->provider = c->provider;
    f->test = c->test;
    f->body_len = c->body.len;
    f->wall_ms = c->wall_ms;
    snprintf(f->body, sizeof f->body, "%.*s", SLICE_ARG(c->body));
    f->held = c;
    if (f->answer == ACK)
        callbacks_ack(c);
    else if (f->answer == FAIL)
        callbacks_fail(c);
    else if (f->answer == LATER)
        uv_timer_start(&f->timer, on_timer, 20, 0);
    else
        uv_stop(&f->loop);
}

static void on_wake(uv_async_t *wake)
{
    struct fixture *f = wake->data;
    f->done = true;
    uv_stop(&f->loop);
}

static void on_closed(void *arg)
{
    ((struct fixture *)arg)->closed = true;
}

static void open_on(struct fixture *f, const char *host, const uint8_t *run)
{
    struct error e = {0};
    struct address address;
    char text[80];
    snprintf(text, sizeof text, "%s:0", host);
    if (address_parse(&address, text, &e) != 0)
        fail_msg("%s", e.message);
    const struct callbacks_options o = {.address = &address,
                                        .secret = &secret,
                                        .providers = providers,
                                        .provider_count = 4,
                                        .run = run,
                                        .body_folder = f->folder,
                                        .received = received,
                                        .arg = f};
    f->closed = false;
    if (callbacks_open(&f->callbacks, &f->loop, &o, &e) != 0)
        fail_msg("%s", e.message);
    assert_true(callbacks_port(f->callbacks) > 0);
}

static void reopen(struct fixture *f, const char *host, const uint8_t *run)
{
    callbacks_close(f->callbacks, on_closed, f);
    while (!f->closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    open_on(f, host, run);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/test_callbacks.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    uv_loop_init(&f->loop);
    uv_async_init(&f->loop, &f->wake, on_wake);
    uv_timer_init(&f->loop, &f->timer);
    f->wake.data = f->timer.data = f;
    open_on(f, "127.0.0.1", NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    callbacks_close(f->callbacks, on_closed, f);
    uv_close((uv_handle_t *)&f->wake, NULL);
    uv_close((uv_handle_t *)&f->timer, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->closed);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(rmdir(f->folder), 0); /* nothing is left behind */
    free(f);
    return 0;
}

/* --- the peer -------------------------------------------------------------------------------- */

/* The status of the reply; 0: none came. */
static int exchange(struct fixture *f, struct peer *p)
{
    f->done = false;
    peer_exchange(p, callbacks_port(f->callbacks), &f->loop, &f->wake, &f->done);
    return p->len > 12 ? atoi(p->reply + 9) : 0;
}

/* headers: lines, each with its end. */
static int ask(struct fixture *f, const char *method, const char *path, const char *headers,
               const char *body, size_t body_len, char reply[4096])
{
    char request[4096];
    struct peer *p = calloc(1, sizeof *p);
    int len = snprintf(request, sizeof request,
                       "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s"
                       "Content-Length: %zu\r\n\r\n",
                       method, path, headers, body_len);
    assert_true(len > 0 && (size_t)len < sizeof request);
    p->head = request;
    p->body = body;
    p->body_len = body_len;
    int status = exchange(f, p);
    assert_true(p->len < 4096);
    if (reply)
        strcpy(reply, p->reply);
    free(p);
    return status;
}

static int post(struct fixture *f, const char *path, const char *headers, const char *body)
{
    return ask(f, "POST", path, headers, body, strlen(body), NULL);
}

static const char *path_of(const char *provider, const char *purpose, const struct token *t)
{
    static char path[256];
    char text[TOKEN_TEXT_LEN + 1];
    token_make(secret.key, purpose, t, text);
    snprintf(path, sizeof path, "/callbacks/%s/%s", provider, text);
    return path;
}

static struct callbacks_counts counts(const struct fixture *f)
{
    struct callbacks_counts c;
    callbacks_counts(f->callbacks, &c);
    return c;
}

/* What a command says, without the end of the line. */
static void output_of(const char *command, char *text, size_t size)
{
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_non_null(fgets(text, (int)size, p));
    assert_int_equal(pclose(p), 0);
    text[strcspn(text, "\n")] = '\0';
}

static void upper(char *text)
{
    for (; *text; text++)
        if (*text >= 'a' && *text <= 'f')
            *text = (char)(*text - 32);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void hands_on_what_is_genuine(void **state)
{
    struct fixture *f = *state;
    char reply[4096];
    int64_t before = clock_wall_ms();
    assert_int_equal(ask(f, "POST", path_of("zeliq", "zeliq", &ours), "", "{\"a\":1}", 7, reply),
                     200);
    assert_non_null(strstr(reply, "\r\n\r\n{}"));
    assert_int_equal(f->received, 1);
    assert_ptr_equal(f->provider, &tokened);
    assert_memory_equal(&f->token, &ours, sizeof ours);
    assert_string_equal(f->body, "{\"a\":1}");
    assert_false(f->test);
    assert_true(f->wall_ms >= before && f->wall_ms <= clock_wall_ms());
    /* Of any run; with a query; without a body; answered later; not kept. */
    assert_int_equal(post(f, path_of("zeliq", "zeliq", &others), "", "x"), 200);
    char path[300];
    snprintf(path, sizeof path, "%s?source=a%%20b", path_of("zeliq", "zeliq", &ours));
    assert_int_equal(post(f, path, "", "x"), 200);
    assert_int_equal(post(f, path_of("zeliq", "zeliq", &ours), "", ""), 200);
    assert_int_equal(f->body_len, 0);
    f->answer = LATER;
    assert_int_equal(post(f, path_of("zeliq", "zeliq", &ours), "", "x"), 200);
    f->answer = FAIL;
    assert_int_equal(post(f, path_of("zeliq", "zeliq", &ours), "", "x"), 503);
    assert_int_equal(f->received, 6);
    assert_int_equal(counts(f).accepted, 5);
    assert_int_equal(counts(f).failed, 1);
    assert_int_equal(counts(f).tests, 0);
}

static void serves_nothing_else(void **state)
{
    static const char *const methods[] = {"GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"};
    static const char *const paths[] = {"/",
                                        "/callbacks",
                                        "/callbacks/",
                                        "/callbacks/zeliq",
                                        "/callbacks//",
                                        "/callbacks/nobody/x",
                                        "/metrics",
                                        "//callbacks/zeliq/x",
                                        "/callbacks/../etc/passwd"};
    struct fixture *f = *state;
    char path[512], reply[4096];
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++, refused++) {
        assert_int_equal(ask(f, "POST", paths[i], "", "{}", 2, reply), 404);
        assert_non_null(strstr(reply, "Content-Length: 0\r\n"));
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++, refused++)
        assert_int_equal(ask(f, methods[i], path_of("zeliq", "zeliq", &ours), "", "", 0, NULL),
                         404);
    assert_int_equal(counts(f).refused[CALLBACKS_REFUSED_PATH], refused);
    /* Tokens that are none, or for somebody else, or with something around them. */
    snprintf(path, sizeof path, "%s/", path_of("zeliq", "zeliq", &ours));
    assert_int_equal(post(f, path, "", "{}"), 404);
    snprintf(path, sizeof path, "%s0", path_of("zeliq", "zeliq", &ours));
    assert_int_equal(post(f, path, "", "{}"), 404);
    strcpy(path, path_of("zeliq", "zeliq", &ours));
    path[strlen(path) - 1] ^= 1;
    assert_int_equal(post(f, path, "", "{}"), 404);
    assert_int_equal(post(f, path_of("zeliq", "wiza", &ours), "", "{}"), 404);
    assert_int_equal(post(f, path_of("zeliq", "ping", &ours), "", "{}"), 404);
    assert_int_equal(post(f, "/callbacks/zeliq/", "", "{}"), 404);
    assert_int_equal(counts(f).refused[CALLBACKS_REFUSED_TOKEN], 6);
    assert_int_equal(f->received, 0);
    assert_int_equal(counts(f).accepted, 0);
}

static void one_run_takes_its_own(void **state)
{
    struct fixture *f = *state;
    reopen(f, "127.0.0.1", ours.run);
    assert_int_equal(post(f, path_of("zeliq", "zeliq", &ours), "", "{}"), 200);
    /* 503 and not 404: it is genuine, and whose it is may listen later. */
    assert_int_equal(post(f, path_of("zeliq", "zeliq", &others), "", "{}"), 503);
    assert_int_equal(f->received, 1);
    assert_int_equal(counts(f).refused[CALLBACKS_REFUSED_RUN], 1);
}

static void a_key_is_proved_by_its_hash(void **state)
{
    struct fixture *f = *state;
    char hash[80], header[128];
    output_of("printf %s '" API_KEY "' | sha256sum | cut -d' ' -f1", hash, sizeof hash);
    snprintf(header, sizeof header, "X-Auth-Key: %s\r\n", hash);
    assert_int_equal(post(f, path_of("wiza", "wiza", &ours), header, "{}"), 200);
    upper(hash);
    snprintf(header, sizeof header, "x-auth-key: %s\r\n", hash);
    assert_int_equal(post(f, path_of("wiza", "wiza", &ours), header, "{}"), 200);
    assert_int_equal(f->received, 2);
    assert_int_equal(post(f, path_of("wiza", "wiza", &ours), "", "{}"), 401);
    assert_int_equal(post(f, path_of("wiza", "wiza", &ours), "x-auth-key:\r\n", "{}"), 401);
    hash[0] = hash[0] == '0' ? '1' : '0';
    snprintf(header, sizeof header, "x-auth-key: %s\r\n", hash);
    assert_int_equal(post(f, path_of("wiza", "wiza", &ours), header, "{}"), 401);
    assert_int_equal(post(f, path_of("wiza", "wiza", &ours), "x-auth-key: " API_KEY "\r\n", "{}"),
                     401);
    assert_int_equal(counts(f).refused[CALLBACKS_REFUSED_PROOF], 4);
    /* Without the key nothing is taken, and nothing is lost. */
    assert_int_equal(post(f, path_of("late", "late", &ours), header, "{}"), 503);
    assert_int_equal(counts(f).refused[CALLBACKS_REFUSED_UNPROVED], 1);
    assert_int_equal(f->received, 2);
}

static void a_body_is_proved_by_its_hmac(void **state)
{
    static const char body[] = "{\"event\":\"contact.verified\", \"data\":{}}";
    struct fixture *f = *state;
    char mac[80], header[160], command[256];
    snprintf(command, sizeof command,
             "printf %%s '%s' | openssl dgst -sha256 -hmac '%s' | sed 's/.*= //'", body, SECRET);
    output_of(command, mac, sizeof mac);
    snprintf(header, sizeof header, "X-ProspIQ-Signature: %s\r\n", mac);
    assert_int_equal(post(f, path_of("prospiq", "prospiq", &ours), header, body), 200);
    assert_string_equal(f->body, body);
    assert_false(f->test);
    upper(mac);
    snprintf(header, sizeof header, "X-ProspIQ-Signature: %s\r\nX-ProspIQ-Test: True\r\n", mac);
    assert_int_equal(post(f, path_of("prospiq", "prospiq", &ours), header, body), 200);
    assert_true(f->test);
    assert_int_equal(counts(f).tests, 1);
    /* Another body, another signature, none. */
    snprintf(header, sizeof header, "X-ProspIQ-Signature: %s\r\n", mac);
    assert_int_equal(post(f, path_of("prospiq", "prospiq", &ours), header, "{}"), 401);
    mac[10] = mac[10] == '0' ? '1' : '0';
    snprintf(header, sizeof header, "X-ProspIQ-Signature: %s\r\n", mac);
    assert_int_equal(post(f, path_of("prospiq", "prospiq", &ours), header, body), 401);
    assert_int_equal(post(f, path_of("prospiq", "prospiq", &ours), "", body), 401);
    assert_int_equal(counts(f).refused[CALLBACKS_REFUSED_PROOF], 3);
    assert_int_equal(f->received, 2);
}

static void bodies_have_a_limit(void **state)
{
    struct fixture *f = *state;
    char *body = calloc(1, CALLBACKS_BODY_MAX + 1), path[256];
    strcpy(path, path_of("zeliq", "zeliq", &ours));
    memset(body, 'x', CALLBACKS_BODY_MAX + 1);
    assert_int_equal(ask(f, "POST", path, "", body, CALLBACKS_BODY_MAX, NULL), 200);
    assert_int_equal(f->body_len, CALLBACKS_BODY_MAX);
    assert_int_equal(ask(f, "POST", path, "", body, CALLBACKS_BODY_MAX + 1, NULL), 413);
    assert_int_equal(f->received, 1);
    assert_int_equal(counts(f).oversized, 1);
    /* Who has no token is told nothing of the limit. */
    assert_int_equal(ask(f, "POST", "/callbacks/zeliq/x", "", body, CALLBACKS_BODY_MAX + 1, NULL),
                     404);
    assert_int_equal(counts(f).oversized, 1);
    memset(body, 'a', 90000);
    body[90000] = '\0';
    body[0] = 'X';
    memcpy(body + 89995, ": 1\r\n", 5);
    struct peer *p = calloc(1, sizeof *p);
    char *request = calloc(1, 100000);
    sprintf(request, "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", path, body);
    p->head = request;
    int status = exchange(f, p);
    assert_true(status == 431 || status == 0);
    free(request);
    free(p);
    free(body);
    assert_int_equal(f->received, 1);
}

static void who_is_slow_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct peer *p = calloc(1, sizeof *p);
    int64_t start_ms = clock_mono_ms();
    char request[512];
    snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: a\r\n",
             path_of("zeliq", "zeliq", &ours));
    p->head = "";
    p->body = request;
    p->body_len = strlen(request);
    p->drip_ms = 200;
    assert_int_equal(exchange(f, p), 0);
    int64_t took_ms = clock_mono_ms() - start_ms;
    if (took_ms < CALLBACKS_ARRIVAL_S * 1000 - 1000 || took_ms > CALLBACKS_ARRIVAL_S * 1000 + 15000)
        fail_msg("after %lld ms", (long long)took_ms);
    assert_int_equal(f->received, 0);
    free(p);
}

static void a_ping_proves_the_way(void **state)
{
    struct fixture *f = *state;
    char text[TOKEN_TEXT_LEN + 1], other[TOKEN_TEXT_LEN + 1], path[128], reply[4096];
    char answer[DIGEST_HEX_LEN + 1];
    reopen(f, "0.0.0.0", ours.run);
    callbacks_ping_make(&secret, ours.run, text);
    callbacks_ping_make(&secret, ours.run, other);
    assert_string_not_equal(text, other);
    callbacks_ping_answer(&secret, text, answer);
    assert_int_equal(strlen(answer), DIGEST_HEX_LEN);
    assert_false(callbacks_pinged(f->callbacks, text));
    assert_false(callbacks_pinged(f->callbacks, ""));
    snprintf(path, sizeof path, "/callbacks/ping/%s", text);
    assert_int_equal(ask(f, "GET", path, "", "", 0, reply), 200);
    assert_string_equal(strstr(reply, "\r\n\r\n") + 4, answer);
    assert_true(callbacks_pinged(f->callbacks, text));
    assert_false(callbacks_pinged(f->callbacks, other));
    assert_int_equal(counts(f).pings, 1);
    /* Not for who cannot make one, nor of another run, nor by POST. */
    assert_int_equal(ask(f, "POST", path, "", "", 0, NULL), 404);
    path[strlen(path) - 1] ^= 1;
    assert_int_equal(ask(f, "GET", path, "", "", 0, NULL), 404);
    callbacks_ping_make(&secret, others.run, other);
    snprintf(path, sizeof path, "/callbacks/ping/%s", other);
    assert_int_equal(ask(f, "GET", path, "", "", 0, NULL), 404);
    assert_int_equal(counts(f).pings, 1);
    /* Who listens for all runs answers for all; another host's listener knows another answer. */
    reopen(f, "[::]", NULL);
    assert_int_equal(ask(f, "GET", path, "", "", 0, NULL), 200);
    char elsewhere[DIGEST_HEX_LEN + 1];
    struct secret changed = secret;
    changed.key[0] ^= 1;
    callbacks_ping_answer(&changed, text, elsewhere);
    assert_string_not_equal(elsewhere, answer);
    assert_int_equal(f->received, 0);
}

static void who_waits_at_the_end_gets_no_answer(void **state)
{
    struct fixture *f = *state;
    struct peer *p = calloc(1, sizeof *p);
    char request[512];
    uv_thread_t thread;
    snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
             path_of("zeliq", "zeliq", &ours));
    p->head = request;
    p->port = callbacks_port(f->callbacks);
    p->wake = &f->wake;
    f->answer = HOLD;
    assert_int_equal(uv_thread_create(&thread, peer_main, p), 0);
    while (!f->held)
        uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(callbacks_flight(f->callbacks), 1);
    reopen(f, "127.0.0.1", NULL);
    uv_thread_join(&thread);
    assert_int_equal(p->len, 0);
    assert_int_equal(callbacks_flight(f->callbacks), 0);
    free(p);
}

static void an_address_in_use_is_told(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    struct address address = {"127.0.0.1", callbacks_port(f->callbacks)};
    struct callbacks *c;
    const struct callbacks_options o = {.address = &address,
                                        .secret = &secret,
                                        .providers = providers,
                                        .provider_count = 4,
                                        .received = received};
    assert_int_equal(callbacks_open(&c, &f->loop, &o, &e), ERR_CONFIG);
    assert_null(c);
    assert_non_null(strstr(e.message, "in use"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hands_on_what_is_genuine, setup, teardown),
        cmocka_unit_test_setup_teardown(serves_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(one_run_takes_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_proved_by_its_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_is_proved_by_its_hmac, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_have_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_slow_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ping_proves_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_at_the_end_gets_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_in_use_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
