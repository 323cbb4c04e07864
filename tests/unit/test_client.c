/* The HTTP client against servers that misbehave: each is a function on a thread of its own, which
 * writes and reads raw bytes, and counts how often a request or a body reached it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/client.h"
#include "net/server.h"

#define KEY  "secret-key-12345"
#define FULL (45 << 20)

/* ---- A server of raw bytes ------------------------------------------------------------------- */

struct raw {
    int listener;
    uint16_t port;
    void (*serve)(struct raw *r);
    const void *arg;
    uv_thread_t thread;
    atomic_bool ended; /* all calls to it */
    atomic_int stage;  /* of serve_on_word */
    unsigned connections;
    unsigned requests;    /* heads seen */
    unsigned bodies;      /* whole bodies seen */
    char head[8192];      /* the last one */
    uint64_t sum;         /* of the last whole body */
    unsigned per_id[256]; /* whole bodies by their first byte */
};

static uint64_t sum_add(uint64_t h, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)data[i]) * 1099511628211u;
    return h;
}

static void raw_listen(struct raw *r)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(r->listener, 64), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &len), 0);
    r->port = ntohs(a.sin_port);
}

/* The next connection, or -1 when none comes. */
static int raw_accept(struct raw *r, int wait_ms)
{
    struct timeval limit = {.tv_sec = 10};
    struct pollfd p = {.fd = r->listener, .events = POLLIN};
    if (r->listener < 0 || poll(&p, 1, wait_ms) <= 0)
        return -1;
    int fd = accept(r->listener, NULL, NULL);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    r->connections++;
    return fd;
}

/* Read a request's head; *extra are body bytes that came with it. */
static bool raw_head(struct raw *r, int fd, char *extra, size_t *extra_len)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, r->head + len, sizeof(r->head) - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        r->head[len] = '\0';
        char *end = strstr(r->head, "\r\n\r\n");
        if (end == NULL)
            continue;
        r->requests++;
        *extra_len = len - (size_t)(end + 4 - r->head);
        memcpy(extra, end + 4, *extra_len);
        end[4] = '\0';
        return true;
    }
}

static size_t raw_length(const struct raw *r)
{
    const char *at = strstr(r->head, "Content-Length: ");
    return at ? strtoull(at + 16, NULL, 10) : 0;
}

/* The rest of a body, at most `max` bytes of it; true when it came whole. */
static bool raw_body(struct raw *r, int fd, const char *extra, size_t have, size_t max)
{
    static char buffer[65536];
    size_t len = raw_length(r);
    uint64_t h = sum_add(1469598103934665603u, extra, have);
    unsigned char id = have ? (unsigned char)extra[0] : 0;
    while (have < len && have < max) {
        size_t want = len - have < sizeof(buffer) ? len - have : sizeof(buffer);
        ssize_t n = recv(fd, buffer, want < max - have ? want : max - have, 0);
        if (n <= 0)
            return false;
        if (have == 0)
            id = (unsigned char)buffer[0];
        h = sum_add(h, buffer, (size_t)n);
        have += (size_t)n;
    }
    if (have < len)
        return false;
    r->sum = h;
    r->bodies += len > 0;
    r->per_id[id] += len > 0;
    return true;
}

static bool raw_request(struct raw *r, int fd)
{
    char extra[8192];
    size_t len;
    return raw_head(r, fd, extra, &len) && raw_body(r, fd, extra, len, SIZE_MAX);
}

static void raw_write(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n < 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* End the connection by a reset. */
static void raw_reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

static void raw_main(void *arg)
{
    struct raw *r = arg;
    int fd;
    r->serve(r);
    /* Whoever comes again is counted: once the calls have ended, what they sent is here. */
    for (bool last = false; !last && r->listener >= 0;) {
        last = atomic_load(&r->ended);
        while ((fd = raw_accept(r, last ? 0 : 10)) >= 0) {
            raw_request(r, fd);
            close(fd);
        }
    }
}

static void raw_start(struct raw *r, void (*serve)(struct raw *r), const void *arg)
{
    memset(r, 0, sizeof(*r));
    raw_listen(r);
    r->serve = serve;
    r->arg = arg;
    assert_int_equal(uv_thread_create(&r->thread, raw_main, r), 0);
}

static void raw_join(struct raw *r)
{
    atomic_store(&r->ended, true);
    uv_thread_join(&r->thread);
    if (r->listener >= 0)
        close(r->listener);
}

/* ---- A client ------------------------------------------------------------------------------- */

struct fixture {
    uv_loop_t loop;
    struct client *client;
    struct raw raw;
    unsigned ended;
    bool closed;
};

struct test_call {
    struct client_call call;
    struct fixture *fixture;
    struct http_reply reply; /* its body is ours */
    char base[64];
    bool ended;
};

static void on_closed(void *arg)
{
    ((struct fixture *)arg)->closed = true;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error e = {0};
    struct client_options o = {
        .connections_max = 64, .connect_timeout_ms = 5000, .user_agent = "tranche/test"};
    uv_loop_init(&f->loop);
    if (client_create(&f->client, &f->loop, &o, &e))
        fail_msg("%s", e.message);
    f->raw.listener = -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(client_flight(f->client), 0);
    client_close(f->client, on_closed, f);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->closed);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static void on_done(struct client_call *call, struct http_reply *reply)
{
    struct test_call *t = call->arg;
    assert_false(t->ended);
    assert_null(call->transfer);
    t->reply = *reply;
    memset(&t->reply.body, 0, sizeof(t->reply.body));
    buf_take(&t->reply.body, &reply->body);
    t->ended = true;
    t->fixture->ended++;
    assert_null(strchr(t->reply.problem, '?'));
    assert_true((t->reply.end == HTTP_REPLY) == (t->reply.problem[0] == '\0'));
    uv_stop(&t->fixture->loop);
}

/* A call to that port with a body of that length (0: a GET). */
static void call_init(struct test_call *t, struct fixture *f, uint16_t port, struct slice body)
{
    memset(t, 0, sizeof(*t));
    t->fixture = f;
    snprintf(t->base, sizeof(t->base), "http://127.0.0.1:%u", port);
    t->call = (struct client_call){.base_url = t->base,
                                   .key_header = "x-api-key",
                                   .key = KEY,
                                   .body = body,
                                   .body_fd = -1,
                                   .paid = true,
                                   .timeout_ms = 10000,
                                   .reply_max = 1 << 20,
                                   .done = on_done,
                                   .arg = t};
    t->call.request.method = body.len ? HTTP_POST : HTTP_GET;
    t->call.request.has_body = body.len > 0;
    strcpy(t->call.request.path, "/api/v3/x?email=a%40b.c");
}

static void call_send(struct test_call *t)
{
    struct error e = {0};
    if (client_send(t->fixture->client, &t->call, &e))
        fail_msg("%s", e.message);
    assert_false(t->ended);
}

static void call_wait(struct test_call *t)
{
    while (!t->ended)
        uv_run(&t->fixture->loop, UV_RUN_DEFAULT);
    buf_deinit(&t->reply.body);
}

static void call_run(struct test_call *t)
{
    call_send(t);
    call_wait(t);
}

static char *body_of(size_t len)
{
    char *body = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        body[i] = (char)('a' + (i * 2654435761u >> 13) % 26);
    body[len] = '\0';
    return body;
}

static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/* ---- What a single exchange ends as ---------------------------------------------------------- */

static const struct reply_row {
    const char *name, *reply;
    enum http_end end;
    long status;
    size_t body_len;
    const char *problem; /* has this */
} REPLIES[] = {
    {"whole", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", HTTP_REPLY, 200, 2, ""},
    {"no length", "HTTP/1.1 500 Oh\r\n\r\nwords", HTTP_REPLY, 500, 5, ""},
    {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
     HTTP_REPLY, 200, 2, ""},
    {"trailer",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n",
     HTTP_REPLY, 200, 2, ""},
    {"continued", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 A\r\nContent-Length: 0\r\n\r\n",
     HTTP_REPLY, 202, 0, ""},
    {"no content", "HTTP/1.1 204 No\r\n\r\n", HTTP_REPLY, 204, 0, ""},
    {"short length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", HTTP_CUT, 200, 2, ""},
    {"no body at all", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", HTTP_CUT, 200, 0, ""},
    {"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", HTTP_CUT, 200, 2,
     ""},
    {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", HTTP_CUT,
     200, 2, ""},
    {"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", HTTP_CUT,
     200, 0, ""},
    {"cut headers", "HTTP/1.1 200 OK\r\nContent-Type: appl", HTTP_CUT, 200, 0, ""},
    {"headers without an end", "HTTP/1.1 200 OK\r\nContent-Type: a\r\n", HTTP_CUT, 200, 0, ""},
    {"nothing", "", HTTP_LOST, 0, 0, ""},
    {"continued and nothing", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_LOST, 0, 0, ""},
    {"cut status line", "HTTP/1", HTTP_LOST, 0, 0, ""},
    {"garbage", "garbage\r\n\r\n", HTTP_LOST, 0, 0, ""},
    {"redirect", "HTTP/1.1 302 F\r\nLocation: /else?where\r\nContent-Length: 0\r\n\r\n", HTTP_REPLY,
     302, 0, ""},
    {"payment", "HTTP/1.1 402 P\r\nContent-Length: 2\r\n\r\n{}", HTTP_REPLY, 402, 2, ""},
};

static void serve_reply(struct raw *r)
{
    const struct reply_row *row = r->arg;
    int fd = raw_accept(r, 5000);
    raw_request(r, fd);
    raw_write(fd, row->reply);
    close(fd);
}

static void test_replies(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 2 * sizeof(REPLIES) / sizeof(REPLIES[0]); i++) {
        const struct reply_row *row = &REPLIES[i / 2];
        struct slice body = i % 2 ? SLICE_LIT("{}") : SLICE_EMPTY;
        struct test_call t;
        raw_start(&f->raw, serve_reply, row);
        call_init(&t, f, f->raw.port, body);
        call_send(&t);
        while (!t.ended)
            uv_run(&f->loop, UV_RUN_DEFAULT);
        raw_join(&f->raw);
        if (t.reply.end != row->end || t.reply.status != row->status ||
            t.reply.body.len != row->body_len || t.reply.sent != body.len || f->raw.requests != 1 ||
            f->raw.bodies != i % 2)
            fail_msg("%s: end %d status %ld body %zu sent %zu requests %u '%s'", row->name,
                     t.reply.end, t.reply.status, t.reply.body.len, (size_t)t.reply.sent,
                     f->raw.requests, t.reply.problem);
        buf_deinit(&t.reply.body);
    }
}

/* ---- Requests as they arrive ----------------------------------------------------------------- */

static void test_request_text(void **state)
{
    static const struct reply_row row = {"", OK, HTTP_REPLY, 200, 2, ""};
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct test_call t;
        raw_start(&f->raw, serve_reply, &row);
        call_init(&t, f, f->raw.port, i == 1 ? SLICE_LIT("{\"a\":1}") : SLICE_EMPTY);
        if (i == 2)
            t.call.request.method = HTTP_POST; /* without a body */
        call_run(&t);
        raw_join(&f->raw);
        const char *head = f->raw.head;
        char line[128];
        snprintf(line, sizeof(line), "%s /api/v3/x?email=a%%40b.c HTTP/1.1\r\n",
                 i == 0 ? "GET" : "POST");
        assert_memory_equal(head, line, strlen(line));
        assert_non_null(strstr(head, "\r\nx-api-key: " KEY "\r\n"));
        assert_non_null(strstr(head, "\r\nAccept: application/json\r\n"));
        assert_non_null(strstr(head, "\r\nUser-Agent: tranche/test\r\n"));
        assert_true((i == 1) == !!strstr(head, "\r\nContent-Type: application/json\r\n"));
        assert_null(strstr(head, "x-www-form"));
        assert_null(strstr(head, "Expect"));
        assert_null(strstr(head, "Accept-Encoding"));
        assert_true(i != 1 || strstr(head, "\r\nContent-Length: 7\r\n"));
        assert_true(i != 2 || strstr(head, "\r\nContent-Length: 0\r\n"));
        assert_int_equal(t.reply.end, HTTP_REPLY);
    }
}

static const struct hint_row {
    const char *headers;
    struct http_hints hints;
} HINTS[] = {
    {"", {-1, -1, -1, -1}},
    {"Retry-After: 7\r\n", {7000, -1, -1, -1}},
    {"RETRY-AFTER:  7 \r\n", {7000, -1, -1, -1}},
    {"Retry-After: soon\r\n", {-1, -1, -1, -1}},
    {"Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", {0, -1, -1, -1}},
    {"Retry-After: 999999\r\n", {3600000, -1, -1, -1}},
    {"X-RateLimit-Limit: 100\r\nx-ratelimit-remaining: 0\r\nX-RateLimit-Reset: 1700000000\r\n",
     {-1, 100, 0, 1700000000}},
    {"X-RateLimit-Limit: -1\r\nX-RateLimit-Remaining: 1e3\r\nX-RateLimit-Reset: "
     "99999999999999999999\r\n",
     {-1, -1, -1, -1}},
};

static void test_hints(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(HINTS) / sizeof(HINTS[0]); i++) {
        char reply[512];
        struct reply_row row = {.reply = reply};
        struct test_call t;
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 100 C\r\nX-RateLimit-Limit: 5\r\n\r\n"
                 "HTTP/1.1 429 T\r\n%sContent-Length: 0\r\n\r\n",
                 HINTS[i].headers);
        raw_start(&f->raw, serve_reply, &row);
        call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
        call_run(&t);
        raw_join(&f->raw);
        assert_int_equal(t.reply.status, 429);
        assert_int_equal(t.reply.hints.retry_after_ms, HINTS[i].hints.retry_after_ms);
        assert_int_equal(t.reply.hints.ratelimit_limit, HINTS[i].hints.ratelimit_limit);
        assert_int_equal(t.reply.hints.ratelimit_remaining, HINTS[i].hints.ratelimit_remaining);
        assert_int_equal(t.reply.hints.ratelimit_reset_s, HINTS[i].hints.ratelimit_reset_s);
    }
}

static void test_refused_settings(void **state)
{
    static const char *const keys[] = {"",           KEY "\r\nX-Evil: 1", (KEY "\n"),
                                       (KEY "\x80"), (KEY " "),           ("\t" KEY)};
    struct fixture *f = *state;
    struct test_call t;
    struct error e = {0};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        call_init(&t, f, 1, SLICE_EMPTY);
        t.call.key = keys[i];
        assert_int_equal(client_send(f->client, &t.call, &e), ERR_CONFIG);
        assert_null(strstr(e.message, KEY));
    }
    call_init(&t, f, 1, SLICE_EMPTY);
    char *longest = malloc(10001);
    memset(longest, 'k', 10000);
    longest[10000] = '\0';
    t.call.key = longest;
    assert_int_equal(client_send(f->client, &t.call, &e), ERR_CONFIG);
    free(longest);
    call_init(&t, f, 1, SLICE_EMPTY);
    t.call.key_header = "x-api-key: a\r\nb";
    assert_int_equal(client_send(f->client, &t.call, &e), ERR_CONFIG);
    call_init(&t, f, 1, SLICE_EMPTY);
    t.call.base_url = "http://example.com";
    assert_int_equal(client_send(f->client, &t.call, &e), ERR_CONFIG);
    static const char *const paths[] = {"", "x", "/a b", "/a\r\nb", "/a#b", "/\xc3\xa9"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        call_init(&t, f, 1, SLICE_EMPTY);
        strcpy(t.call.request.path, paths[i]);
        assert_int_equal(client_send(f->client, &t.call, &e), ERR_INTERNAL);
    }
    assert_int_equal(client_flight(f->client), 0);
    assert_false(t.ended);
}

/* ---- One copy of a paid request -------------------------------------------------------------- */

/* Answer a first request on a connection, read a second one whole, and close without a byte. */
static void serve_then_close(struct raw *r)
{
    int fd = raw_accept(r, 5000);
    raw_request(r, fd);
    raw_write(fd, OK);
    raw_request(r, fd);
    if (r->arg) { /* a resend would not even get a connection */
        close(r->listener);
        r->listener = -1;
    }
    close(fd);
}

static void test_never_sent_twice(void **state)
{
    static const size_t sizes[] = {2, 100, 70000, 900000};
    struct fixture *f = *state;
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = sizes[i / 2];
        char *body = body_of(len);
        struct test_call t;
        raw_start(&f->raw, serve_then_close, i % 2 ? "" : NULL);
        call_init(&t, f, f->raw.port, SLICE_LIT("warm"));
        call_run(&t);
        assert_int_equal(t.reply.end, HTTP_REPLY);
        call_init(&t, f, f->raw.port, (struct slice){body, len});
        call_run(&t);
        raw_join(&f->raw);
        assert_int_equal(f->raw.bodies, 2);
        assert_int_equal(f->raw.requests, 2);
        assert_int_equal(t.reply.end, HTTP_LOST);
        assert_int_equal(t.reply.sent, len);
        assert_int_equal(t.reply.status, 0);
        free(body);
    }
}

/* The resend is what libcurl does by itself: the test above must see it when nothing forbids it. A
 * free GET is left to that. */
static void test_free_request_is_resent(void **state)
{
    struct fixture *f = *state;
    struct test_call t;
    raw_start(&f->raw, serve_then_close, NULL);
    for (int i = 0; i < 2; i++) {
        call_init(&t, f, f->raw.port, SLICE_EMPTY);
        t.call.paid = false;
        call_run(&t);
    }
    raw_join(&f->raw);
    assert_int_equal(f->raw.requests, 3);
    assert_int_equal(t.reply.end, HTTP_LOST);
}

struct crowd_count {
    uint64_t connections; /* the highest number seen */
};

static void count_connections(void *arg, struct server_request *r)
{
    struct crowd_count *count = arg;
    if (server_connection(r) > count->connections)
        count->connections = server_connection(r);
    server_reply(r, 200, NULL, SLICE_LIT("{}"));
}

static void test_paid_get_is_fresh(void **state)
{
    struct fixture *f = *state;
    for (unsigned paid = 0; paid < 2; paid++) {
        struct crowd_count count = {0};
        struct server *server;
        struct error e = {0};
        struct server_options o = {.address = "127.0.0.1",
                                   .connections_max = 8,
                                   .idle_timeout_s = 10,
                                   .handle = count_connections,
                                   .arg = &count};
        assert_int_equal(server_create(&server, &f->loop, &o, &e), 0);
        for (int i = 0; i < 3; i++) {
            struct test_call t;
            call_init(&t, f, server_port(server), SLICE_EMPTY);
            t.call.paid = paid;
            call_run(&t);
            assert_int_equal(t.reply.end, HTTP_REPLY);
        }
        assert_int_equal(count.connections, paid ? 3 : 1);
        f->closed = false;
        server_close(server, on_closed, f);
        while (!f->closed)
            uv_run(&f->loop, UV_RUN_ONCE);
        f->closed = false;
    }
}

/* Read a part of the body, then reset; on a connection used before when arg is given. */
static void serve_part(struct raw *r)
{
    char extra[8192];
    size_t len;
    int fd = raw_accept(r, 5000);
    if (r->arg) {
        raw_request(r, fd);
        raw_write(fd, OK);
    }
    if (raw_head(r, fd, extra, &len))
        raw_body(r, fd, extra, len, 100000);
    raw_reset(fd);
}

static void test_body_cut(void **state)
{
    struct fixture *f = *state;
    size_t len = 30 << 20;
    char *body = body_of(len);
    for (int i = 0; i < 2; i++) {
        struct test_call t;
        raw_start(&f->raw, serve_part, i ? "" : NULL);
        if (i) {
            call_init(&t, f, f->raw.port, SLICE_LIT("warm"));
            call_run(&t);
        }
        call_init(&t, f, f->raw.port, (struct slice){body, len});
        call_run(&t);
        raw_join(&f->raw);
        assert_int_equal(t.reply.end, HTTP_NOT_SENT);
        assert_true(t.reply.sent > 0 && t.reply.sent < len);
        assert_int_equal(f->raw.requests, 1 + i);
        assert_int_equal(f->raw.bodies, i);
    }
    free(body);
}

/* Close each connection after one reply, a little later than the reply, so that the next request
 * may meet a connection that is closed, closing, or open. */
static void serve_one_each(struct raw *r)
{
    int fd;
    while ((fd = raw_accept(r, 400)) >= 0) {
        if (raw_request(r, fd)) {
            raw_write(fd, OK);
            usleep(r->connections * 37 % 300);
        }
        close(fd);
    }
}

static void test_closed_between(void **state)
{
    struct fixture *f = *state;
    unsigned replies = 0;
    raw_start(&f->raw, serve_one_each, NULL);
    for (int i = 1; i < 250; i++) {
        char body[3] = {(char)i, 'x', '\0'};
        struct test_call t;
        call_init(&t, f, f->raw.port, (struct slice){body, 2});
        call_run(&t);
        assert_true(t.reply.end == HTTP_REPLY || t.reply.end == HTTP_NOT_SENT ||
                    t.reply.end == HTTP_LOST);
        replies += t.reply.end == HTTP_REPLY;
        if (i % 3 == 0)
            usleep(i * 7 % 400);
    }
    raw_join(&f->raw);
    assert_true(replies > 0);
    for (int i = 1; i < 250; i++)
        if (f->raw.per_id[i] > 1)
            fail_msg("body %d arrived %u times", i, f->raw.per_id[i]);
    assert_true(f->raw.bodies >= replies);
}

/* ---- Before anything leaves ------------------------------------------------------------------ */

static void test_not_sent(void **state)
{
    static const char *const bases[] = {"http://127.0.0.1", "https://127.0.0.1",
                                        "https://nowhere.invalid"};
    struct fixture *f = *state;
    struct raw gone = {0};
    raw_listen(&gone);
    close(gone.listener);
    for (size_t i = 0; i < 6; i++) {
        struct test_call t;
        call_init(&t, f, gone.port, i % 2 ? SLICE_LIT("{}") : SLICE_EMPTY);
        snprintf(t.base, sizeof(t.base), "%s:%u", bases[i / 2], gone.port);
        call_run(&t);
        assert_int_equal(t.reply.end, HTTP_NOT_SENT);
        assert_int_equal(t.reply.sent, 0);
        assert_int_equal(t.reply.status, 0);
    }
}

static void serve_no_tls(struct raw *r)
{
    char buffer[4096];
    int fd = raw_accept(r, 5000);
    if (recv(fd, buffer, sizeof(buffer), 0) > 0)
        raw_write(fd, "HTTP/1.1 400 Bad\r\n\r\n");
    close(fd);
}

static void test_no_tls(void **state)
{
    struct fixture *f = *state;
    struct test_call t;
    raw_start(&f->raw, serve_no_tls, NULL);
    call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
    snprintf(t.base, sizeof(t.base), "https://127.0.0.1:%u", f->raw.port);
    call_run(&t);
    raw_join(&f->raw);
    assert_int_equal(t.reply.end, HTTP_NOT_SENT);
    assert_int_equal(f->raw.requests, 0);
}

/* ---- Redirects ------------------------------------------------------------------------------- */

static void serve_nobody(struct raw *r)
{
    (void)r;
}

static void test_redirect(void **state)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    struct fixture *f = *state;
    struct raw other;
    raw_start(&other, serve_nobody, NULL);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        char reply[256];
        struct reply_row row = {.reply = reply};
        struct test_call t;
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 %d M\r\nLocation: http://127.0.0.1:%u/\r\nContent-Length: 0\r\n\r\n",
                 statuses[i], other.port);
        raw_start(&f->raw, serve_reply, &row);
        call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
        call_run(&t);
        raw_join(&f->raw);
        assert_int_equal(t.reply.end, HTTP_REPLY);
        assert_int_equal(t.reply.status, statuses[i]);
    }
    raw_join(&other);
    assert_int_equal(other.connections, 0);
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* Send arg, then nothing, until the peer goes. */
static void serve_stall(struct raw *r)
{
    char c;
    int fd = raw_accept(r, 5000);
    raw_request(r, fd);
    raw_write(fd, r->arg);
    (void)!recv(fd, &c, 1, 0);
    close(fd);
}

/* A byte of the body every 100 ms. */
static void serve_slow(struct raw *r)
{
    int fd = raw_accept(r, 5000);
    raw_request(r, fd);
    raw_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
    for (int i = 0; i < 8; i++) {
        usleep(100000);
        raw_write(fd, "x");
    }
    close(fd);
}

static const struct time_row {
    const char *name;
    void (*serve)(struct raw *r);
    const char *arg;
    int64_t timeout_ms, idle_timeout_ms;
    enum http_end end;
    long status;
    const char *problem;
} TIMES[] = {
    {"whole time, no reply", serve_stall, "", 300, 0, HTTP_LOST, 0, "timed out"},
    {"whole time, part of a reply", serve_stall, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
     300, 0, HTTP_CUT, 200, "timed out"},
    {"silence, no reply", serve_stall, "", 10000, 300, HTTP_LOST, 0, "not a byte moved for 300 ms"},
    {"silence in a reply", serve_stall, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 10000, 300,
     HTTP_CUT, 200, "not a byte moved"},
    {"silence after 100", serve_stall, "HTTP/1.1 100 Continue\r\n\r\n", 10000, 300, HTTP_LOST, 0,
     "not a byte moved"},
    {"slow but moving", serve_slow, NULL, 10000, 400, HTTP_REPLY, 200, ""},
};

static void test_time(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(TIMES) / sizeof(TIMES[0]); i++) {
        const struct time_row *row = &TIMES[i];
        struct test_call t;
        raw_start(&f->raw, row->serve, row->arg);
        call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
        t.call.timeout_ms = row->timeout_ms;
        t.call.idle_timeout_ms = row->idle_timeout_ms;
        call_run(&t);
        raw_join(&f->raw);
        if (t.reply.end != row->end || t.reply.status != row->status ||
            !strstr(t.reply.problem, row->problem) || t.reply.elapsed_ms < 290 ||
            t.reply.elapsed_ms > 9000 || f->raw.bodies != 1)
            fail_msg("%s: end %d status %ld after %d ms '%s'", row->name, t.reply.end,
                     t.reply.status, (int)t.reply.elapsed_ms, t.reply.problem);
    }
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static void test_reply_max(void **state)
{
    static const struct {
        size_t max;
        enum http_end end;
    } rows[] = {{5, HTTP_REPLY}, {4, HTTP_CUT}, {0, HTTP_CUT}};
    static const char *const replies[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", "HTTP/1.1 200 OK\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"};
    struct fixture *f = *state;
    for (size_t i = 0; i < 9; i++) {
        struct reply_row row = {.reply = replies[i / 3]};
        struct test_call t;
        raw_start(&f->raw, serve_reply, &row);
        call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
        t.call.reply_max = rows[i % 3].max;
        call_run(&t);
        raw_join(&f->raw);
        assert_int_equal(t.reply.end, rows[i % 3].end);
        assert_int_equal(t.reply.status, 200);
        assert_true(t.reply.end == HTTP_REPLY || strstr(t.reply.problem, "longer than"));
    }
}

static void test_headers_max(void **state)
{
    struct fixture *f = *state;
    struct test_call t;
    char *reply = malloc(400000), *at = reply;
    struct reply_row row = {.reply = reply};
    at += sprintf(at, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 3000; i++)
        at += sprintf(at, "X-%d: %0100d\r\n", i, i);
    strcpy(at, "Content-Length: 0\r\n\r\n");
    raw_start(&f->raw, serve_reply, &row);
    call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
    call_run(&t);
    raw_join(&f->raw);
    assert_int_equal(t.reply.end, HTTP_CUT);
    free(reply);
}

/* ---- Large bodies ---------------------------------------------------------------------------- */

static int body_file(const char *body, size_t len)
{
    int fd = memfd_create("body", MFD_CLOEXEC);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, body + at, len - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    return fd;
}

/* As raw_request, granting 100-continue when arg is NULL. */
static void serve_large(struct raw *r)
{
    char extra[8192];
    size_t len;
    int fd = raw_accept(r, 5000);
    if (raw_head(r, fd, extra, &len)) {
        if (r->arg == NULL && strstr(r->head, "Expect: 100-continue"))
            raw_write(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        if (raw_body(r, fd, extra, len, SIZE_MAX))
            raw_write(fd, OK);
    }
    close(fd);
}

static void test_large_file(void **state)
{
    struct fixture *f = *state;
    char *body = body_of(FULL);
    int fd = body_file(body, FULL);
    for (int withheld = 0; withheld < 2; withheld++) {
        struct test_call t;
        raw_start(&f->raw, serve_large, withheld ? "" : NULL);
        call_init(&t, f, f->raw.port, SLICE_LIT("unused"));
        t.call.body_fd = fd;
        t.call.request.body_len = FULL;
        t.call.timeout_ms = 60000;
        call_run(&t);
        raw_join(&f->raw);
        assert_non_null(strstr(f->raw.head, "Expect: 100-continue"));
        assert_int_equal(t.reply.end, HTTP_REPLY);
        assert_int_equal(t.reply.status, 200);
        assert_int_equal(t.reply.sent, FULL);
        assert_int_equal(f->raw.bodies, 1);
        assert_true(f->raw.sum == sum_add(1469598103934665603u, body, FULL));
    }
    close(fd);
    free(body);
}

static void test_short_file(void **state)
{
    struct fixture *f = *state;
    char *body = body_of(200000);
    int fd = body_file(body, 200000);
    struct test_call t;
    raw_start(&f->raw, serve_large, NULL);
    call_init(&t, f, f->raw.port, SLICE_LIT("unused"));
    t.call.body_fd = fd;
    t.call.request.body_len = 200001;
    call_run(&t);
    raw_join(&f->raw);
    assert_int_equal(t.reply.end, HTTP_NOT_SENT);
    assert_string_equal(t.reply.problem, "cannot read the body: the file is too short");
    assert_int_equal(f->raw.bodies, 0);
    close(fd);
    free(body);
}

/* An answer before the body was read; then whatever is still sent is read and tossed. */
static void serve_early(struct raw *r)
{
    static char buffer[65536];
    char extra[8192];
    size_t len;
    int fd = raw_accept(r, 5000);
    if (raw_head(r, fd, extra, &len))
        raw_write(fd, r->arg);
    while (recv(fd, buffer, sizeof(buffer), 0) > 0)
        ;
    close(fd);
}

static void test_early_reply(void **state)
{
    static const struct {
        const char *reply;
        size_t len;
        long status;
    } rows[] = {
        {"HTTP/1.1 402 P\r\nContent-Length: 2\r\n\r\n{}", 30 << 20, 402},
        {"HTTP/1.1 413 L\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 30 << 20, 413},
        {"HTTP/1.1 401 U\r\nContent-Length: 2\r\n\r\n{}", 900000, 401},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *body = body_of(rows[i].len);
        struct test_call t;
        raw_start(&f->raw, serve_early, rows[i].reply);
        call_init(&t, f, f->raw.port, (struct slice){body, rows[i].len});
        call_run(&t);
        raw_join(&f->raw);
        assert_int_equal(t.reply.end, HTTP_REPLY);
        assert_int_equal(t.reply.status, rows[i].status);
        assert_true(t.reply.sent <= rows[i].len);
        free(body);
    }
}

/* A whole answer, then a reset in the middle of the body: the answer counts. */
static void serve_early_then_reset(struct raw *r)
{
    char extra[8192];
    size_t len;
    int fd = raw_accept(r, 5000);
    if (raw_head(r, fd, extra, &len)) {
        raw_write(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        raw_body(r, fd, extra, len, 100000);
        raw_write(fd, OK);
    }
    usleep(100000);
    raw_reset(fd);
}

static void test_early_reply_then_reset(void **state)
{
    struct fixture *f = *state;
    size_t len = 30 << 20;
    char *body = body_of(len);
    struct test_call t;
    raw_start(&f->raw, serve_early_then_reset, NULL);
    call_init(&t, f, f->raw.port, (struct slice){body, len});
    call_run(&t);
    raw_join(&f->raw);
    assert_int_equal(t.reply.end, HTTP_REPLY);
    assert_int_equal(t.reply.status, 200);
    assert_true(t.reply.sent < len);
    free(body);
}

/* 417 to the expectation: libcurl tries again without it, and the body must still go once. */
static void serve_417(struct raw *r)
{
    char extra[8192];
    size_t len;
    int fd = raw_accept(r, 5000);
    if (raw_head(r, fd, extra, &len))
        raw_write(fd, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    if (raw_request(r, fd)) {
        raw_write(fd, OK);
    } else {
        close(fd);
        fd = raw_accept(r, 1000);
        if (raw_request(r, fd))
            raw_write(fd, OK);
    }
    close(fd);
}

/* The same, but later than libcurl waits: a part of the body is here, so there is no second try. */
static void serve_417_late(struct raw *r)
{
    static char buffer[65536];
    char extra[8192];
    size_t len;
    int fd = raw_accept(r, 5000);
    if (raw_head(r, fd, extra, &len)) {
        raw_body(r, fd, extra, len, 100000);
        raw_write(fd, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\n{}");
    }
    while (recv(fd, buffer, sizeof(buffer), 0) > 0)
        ;
    close(fd);
}

static void test_expectation_failed_late(void **state)
{
    struct fixture *f = *state;
    size_t len = 30 << 20;
    char *body = body_of(len);
    struct test_call t;
    raw_start(&f->raw, serve_417_late, NULL);
    call_init(&t, f, f->raw.port, (struct slice){body, len});
    call_run(&t);
    raw_join(&f->raw);
    assert_int_equal(f->raw.requests, 1);
    assert_int_equal(f->raw.bodies, 0);
    assert_int_equal(t.reply.end, HTTP_REPLY);
    assert_int_equal(t.reply.status, 417);
    assert_true(t.reply.sent < len);
    free(body);
}

static void test_expectation_failed(void **state)
{
    struct fixture *f = *state;
    size_t len = 2 << 20;
    char *body = body_of(len);
    struct test_call t;
    raw_start(&f->raw, serve_417, NULL);
    call_init(&t, f, f->raw.port, (struct slice){body, len});
    call_run(&t);
    raw_join(&f->raw);
    assert_int_equal(f->raw.bodies, 1);
    assert_int_equal(t.reply.end, HTTP_REPLY);
    assert_int_equal(t.reply.status, 200);
    free(body);
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

static void on_cancel(uv_timer_t *timer)
{
    struct test_call *t = timer->data;
    client_cancel(t->fixture->client, &t->call);
    assert_false(t->ended);
    client_cancel(t->fixture->client, &t->call);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    uv_timer_t timer;
    uv_timer_init(&f->loop, &timer);
    for (uint64_t delay_ms = 50; delay_ms < 300; delay_ms += 100) {
        struct test_call t;
        raw_start(&f->raw, serve_stall, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
        call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
        call_send(&t);
        timer.data = &t;
        uv_timer_start(&timer, on_cancel, delay_ms, 0);
        call_wait(&t);
        raw_join(&f->raw);
        assert_int_equal(t.reply.end, HTTP_CANCELLED);
        assert_int_equal(client_flight(f->client), 0);
        client_cancel(f->client, &t.call); /* too late: nothing */
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Answers when told so. */
static void serve_on_word(struct raw *r)
{
    int fd = raw_accept(r, 5000);
    raw_request(r, fd);
    atomic_store(&r->stage, 1);
    while (atomic_load(&r->stage) == 1)
        usleep(1000);
    raw_write(fd, OK);
    atomic_store(&r->stage, 3);
    close(fd);
}

/* A reply that has arrived when its call is cancelled is worth its price. */
static void test_cancel_after_reply(void **state)
{
    struct fixture *f = *state;
    struct test_call t;
    raw_start(&f->raw, serve_on_word, NULL);
    call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
    call_send(&t);
    while (atomic_load(&f->raw.stage) == 0)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    atomic_store(&f->raw.stage, 2);
    while (atomic_load(&f->raw.stage) == 2)
        usleep(1000);
    client_cancel(f->client, &t.call);
    assert_false(t.ended);
    call_wait(&t);
    raw_join(&f->raw);
    assert_int_equal(t.reply.end, HTTP_REPLY);
    assert_int_equal(t.reply.status, 200);
}

/* What is cancelled before it could leave does not leave. */
static void test_cancel_at_once(void **state)
{
    struct fixture *f = *state;
    struct test_call t;
    raw_start(&f->raw, serve_nobody, NULL);
    call_init(&t, f, f->raw.port, SLICE_LIT("{}"));
    call_send(&t);
    client_cancel(f->client, &t.call);
    assert_false(t.ended);
    call_wait(&t);
    raw_join(&f->raw);
    assert_int_equal(t.reply.end, HTTP_NOT_SENT);
    assert_int_equal(f->raw.requests, 0);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

/* A certificate that nobody vouches for must end before a byte of the request. */
static void test_untrusted_certificate(void **state)
{
    struct fixture *f = *state;
    struct raw port = {0};
    char command[1024], folder[] = "/tmp/test_client.XXXXXX";
    if (system("openssl version >/dev/null 2>&1") != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
             "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
             "-keyout key.pem -out cert.pem >/dev/null 2>&1",
             folder);
    assert_int_equal(system(command), 0);
    raw_listen(&port);
    close(port.listener);
    pid_t pid = fork();
    if (pid == 0) {
        char number[16];
        snprintf(number, sizeof(number), "127.0.0.1:%u", port.port);
        if (chdir(folder) == 0 && freopen("seen", "w", stdout) && freopen("log", "w", stderr))
            execlp("openssl", "openssl", "s_server", "-quiet", "-accept", number, "-key", "key.pem",
                   "-cert", "cert.pem", (char *)NULL);
        _exit(127);
    }
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(port.port)};
    for (int i = 0; i < 100; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
        close(fd);
        if (rc == 0)
            break;
        usleep(50000);
    }
    struct test_call t;
    call_init(&t, f, port.port, SLICE_LIT("{}"));
    snprintf(t.base, sizeof(t.base), "https://localhost:%u", port.port);
    call_run(&t);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    assert_int_equal(t.reply.end, HTTP_NOT_SENT);
    assert_non_null(strstr(t.reply.problem, "certificate"));
    snprintf(command, sizeof(command), "test ! -s %s/seen && rm -r %s", folder, folder);
    assert_int_equal(system(command), 0);
}

/* ---- Many at once, against the listener ------------------------------------------------------ */

struct crowd {
    struct fixture *fixture;
    struct server *server;
    struct server_request *late[64];
    uv_timer_t timer;
    unsigned sent, left, lates;
    uint64_t connections; /* the highest number seen */
    bool closed;
};

struct member {
    struct client_call call;
    struct crowd *crowd;
    char base[64], body[32];
};

static void crowd_late(uv_timer_t *timer)
{
    struct crowd *c = timer->data;
    while (c->lates > 0) {
        struct server_request *r = c->late[--c->lates];
        server_reply(r, 200, NULL, server_body(r));
    }
}

/* Most are echoed at once, some later, some not at all. */
static void crowd_handle(void *arg, struct server_request *r)
{
    struct crowd *c = arg;
    struct slice body = server_body(r);
    unsigned n = (unsigned)strtoul(body.data, NULL, 10);
    if (server_connection(r) > c->connections)
        c->connections = server_connection(r);
    if (n % 97 == 0)
        server_drop(r);
    else if (n % 89 == 0)
        server_reply_cut(r, 200, body, 1);
    else if (n % 7 == 0 && c->lates < 64) {
        c->late[c->lates++] = r;
        uv_timer_start(&c->timer, crowd_late, 1, 0);
    } else {
        server_reply(r, 200, "Content-Type: application/json\n", body);
    }
}

static void member_send(struct member *m)
{
    struct error e = {0};
    unsigned n = ++m->crowd->sent;
    m->call.body = (struct slice){m->body, (size_t)sprintf(m->body, "%u.", n)};
    m->call.request.body_len = m->call.body.len;
    assert_int_equal(client_send(m->crowd->fixture->client, &m->call, &e), 0);
}

static void member_done(struct client_call *call, struct http_reply *reply)
{
    struct member *m = call->arg;
    unsigned n = (unsigned)strtoul(m->body, NULL, 10);
    enum http_end end = n % 97 == 0 ? HTTP_LOST : n % 89 == 0 ? HTTP_CUT : HTTP_REPLY;
    if (reply->end != end || (end == HTTP_REPLY && !slice_eq(buf_slice(&reply->body), call->body)))
        fail_msg("call %u: end %d, not %d: %s", n, reply->end, end, reply->problem);
    assert_true(--m->crowd->left > 0 || client_flight(m->crowd->fixture->client) == 0);
    if (m->crowd->sent < 6400)
        member_send(m);
    else if (m->crowd->left == 0)
        uv_stop(&m->crowd->fixture->loop);
}

static void crowd_closed(void *arg)
{
    ((struct crowd *)arg)->closed = true;
}

static void test_many(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    struct crowd c = {.fixture = f, .left = 6400};
    struct member *members = calloc(64, sizeof(*members));
    struct server_options o = {.address = "127.0.0.1",
                               .connections_max = 256,
                               .idle_timeout_s = 30,
                               .body_max = 1000,
                               .handle = crowd_handle,
                               .arg = &c};
    assert_int_equal(server_create(&c.server, &f->loop, &o, &e), 0);
    uv_timer_init(&f->loop, &c.timer);
    c.timer.data = &c;
    for (int i = 0; i < 64; i++) {
        struct member *m = &members[i];
        m->crowd = &c;
        snprintf(m->base, sizeof(m->base), "http://127.0.0.1:%u/", server_port(c.server));
        m->call = (struct client_call){.base_url = m->base,
                                       .body_fd = -1,
                                       .paid = true,
                                       .timeout_ms = 20000,
                                       .idle_timeout_ms = 10000,
                                       .reply_max = 1000,
                                       .done = member_done,
                                       .arg = m};
        m->call.request = (struct http_request){.method = HTTP_POST, .path = "/", .has_body = true};
        member_send(m);
    }
    assert_int_equal(client_flight(f->client), 64);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(c.left, 0);
    assert_int_equal(client_flight(f->client), 0);
    /* 64, and one more for each that the listener broke. */
    assert_true(c.connections <= 64 + 6400 / 97 + 6400 / 89 + 2);
    server_close(c.server, crowd_closed, &c);
    uv_close((uv_handle_t *)&c.timer, NULL);
    while (!c.closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    free(members);
}

int main(int argc, char **argv)
{
    /* A pattern names the tests to run. */
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_request_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hints, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_sent_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_request_is_resent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paid_get_is_fresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_redirect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reply_max, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers_max, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_early_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_early_reply_then_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expectation_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expectation_failed_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_after_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_untrusted_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
