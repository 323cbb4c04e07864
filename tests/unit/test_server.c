/* The HTTP listener against a peer that writes raw bytes from a thread of its own. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/server.h"
#include "raw_peer.h"

#define CONNECTIONS_MAX 8
#define BODY_MAX        (48 << 20)
#define BODY_MEMORY     (256 << 10)

struct fixture {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    struct server *server;
    struct server_request *held;
    uint64_t body_sum;      /* of the last body */
    unsigned handled;       /* times handle ran */
    uint64_t connection[8]; /* of each */
    char folder[64];
    bool done, closed;
};

static uint64_t sum(struct slice s)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.data[i]) * 1099511628211u;
    return h;
}

static void on_later(uv_timer_t *timer)
{
    struct fixture *f = timer->data;
    struct server_request *r = f->held;
    f->held = NULL;
    if (strcmp(server_path(r), "/later-drop") == 0)
        server_drop(r);
    else if (strcmp(server_path(r), "/later-cut") == 0)
        server_reply_cut(r, 200, SLICE_LIT("0123456789"), 4);
    else
        server_reply(r, 200, NULL, SLICE_LIT("later"));
}

static void answer_info(struct server_request *r)
{
    char text[512];
    const char *q = server_query(r, "q");
    const char *header = server_header(r, "x-thing");
    const char *none = server_query(r, "none");
    int len = snprintf(text, sizeof(text), "%s|%s|%s|%s|%s", server_method(r), server_path(r),
                       q ? q : "-", header ? header : "-", none ? none : "-");
    server_reply(r, 201, "X-One: 1\nContent-Type: text/plain\n", (struct slice){text, (size_t)len});
}

static void handle(void *arg, struct server_request *r)
{
    struct fixture *f = arg;
    const char *path = server_path(r);
    if (f->handled < 8)
        f->connection[f->handled] = server_connection(r);
    f->handled++;
    f->body_sum = sum(server_body(r));
    if (strcmp(path, "/echo") == 0) {
        server_reply(r, 200, NULL, server_body(r));
    } else if (strcmp(path, "/len") == 0) {
        char text[32];
        int len = snprintf(text, sizeof(text), "len %zu", server_body(r).len);
        server_reply(r, 200, NULL, (struct slice){text, (size_t)len});
    } else if (strncmp(path, "/later", 6) == 0) {
        f->held = r;
        uv_timer_start(&f->timer, on_later, 20, 0);
    } else if (strcmp(path, "/hold") == 0) {
        f->held = r;
        f->done = true;
        uv_stop(&f->loop);
    } else if (strcmp(path, "/drop") == 0) {
        server_drop(r);
    } else if (strcmp(path, "/cut") == 0) {
        server_reply_cut(r, 200, SLICE_LIT("0123456789"), 4);
    } else if (strcmp(path, "/cut-all") == 0) {
        server_reply_cut(r, 200, SLICE_LIT("0123456789"), 0);
    } else {
        answer_info(r);
    }
}

static int screen(void *arg, const struct server_request *r)
{
    struct fixture *f = arg;
    assert_true(server_body(r).len == 0);
    assert_true(server_flight(f->server) > 0);
    return strcmp(server_path(r), "/screened") == 0 ? 403 : 0;
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

static int open_with(void **state, size_t body_max)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error e = {0};
    strcpy(f->folder, "/tmp/test_server.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    uv_loop_init(&f->loop);
    uv_async_init(&f->loop, &f->wake, on_wake);
    uv_timer_init(&f->loop, &f->timer);
    f->wake.data = f->timer.data = f;
    struct server_options o = {.address = "127.0.0.1",
                               .connections_max = CONNECTIONS_MAX,
                               .idle_timeout_s = 2,
                               .arrival_timeout_s = 3,
                               .body_max = body_max,
                               .body_memory = BODY_MEMORY,
                               .body_folder = f->folder,
                               .screen = screen,
                               .handle = handle,
                               .arg = f};
    if (server_create(&f->server, &f->loop, &o, &e))
        fail_msg("%s", e.message);
    assert_true(server_port(f->server) > 0);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return open_with(state, BODY_MAX);
}

static int setup_small(void **state)
{
    return open_with(state, 1000);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (!f->closed)
        server_close(f->server, on_closed, f);
    uv_close((uv_handle_t *)&f->wake, NULL);
    uv_close((uv_handle_t *)&f->timer, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->closed);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    /* Bodies leave nothing behind. */
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

static void exchange(struct fixture *f, struct peer *p)
{
    f->done = false;
    peer_exchange(p, server_port(f->server), &f->loop, &f->wake, &f->done);
}

#define CLOSE "Host: a\r\nConnection: close\r\n"

static const struct exchange_row {
    const char *name, *request;
    const char *starts; /* the whole reply begins so */
    const char *has;    /* and has this */
    const char *ends;   /* and ends so */
} ROWS[] = {
    {"echo", "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello", "HTTP/1.1 200 ",
     "Content-Length: 5\r\n", "\r\n\r\nhello"},
    {"no body", "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n", "HTTP/1.1 200 ",
     "Content-Length: 0\r\n", "\r\n\r\n"},
    {"chunked body",
     "POST /echo HTTP/1.1\r\n" CLOSE
     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     "HTTP/1.1 200 ", "Content-Length: 5\r\n", "\r\n\r\nabcde"},
    {"what a request says",
     "GET /a%20b/c?q=x%40y.z&p=1 HTTP/1.1\r\n" CLOSE "X-Thing:  value\r\n\r\n", "HTTP/1.1 201 ",
     "X-One: 1\r\n", "\r\n\r\nGET|/a b/c|x@y.z|value|-"},
    {"a header of ours", "DELETE / HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 201 ",
     "Content-Type: text/plain\r\n", "DELETE|/|-|-|-"},
    {"later", "GET /later HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", "Content-Length: 5\r\n",
     "\r\n\r\nlater"},
    {"screened", "POST /screened HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello",
     "HTTP/1.1 403 ", "Content-Length: 0\r\n", "\r\n\r\n"},
    {"screened before its body comes",
     "POST /screened HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
     "HTTP/1.1 403 ", "Content-Length: 0\r\n", "\r\n\r\n"},
    {"dropped", "POST /drop HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", "", "", ""},
    {"dropped later", "GET /later-drop HTTP/1.1\r\nHost: a\r\n\r\n", "", "", ""},
    {"cut", "GET /cut HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ", "Content-Length: 10\r\n",
     "\r\n\r\n0123"},
    {"cut later", "GET /later-cut HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ",
     "Content-Length: 10\r\n", "\r\n\r\n0123"},
    {"cut after the headers", "GET /cut-all HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ",
     "Content-Length: 10\r\n", "\r\n\r\n"},
    {"not HTTP", "hello\r\n\r\n", "", "", ""},
};

static void test_exchanges(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const struct exchange_row *row = &ROWS[i];
        struct peer *p = calloc(1, sizeof(*p));
        p->head = row->request;
        exchange(f, p);
        size_t end = strlen(row->ends);
        bool empty = *row->starts == '\0';
        if (strncmp(p->reply, row->starts, strlen(row->starts)) || !strstr(p->reply, row->has) ||
            p->len < end || strcmp(p->reply + p->len - end, row->ends) ||
            (empty && (p->len || p->reset)))
            fail_msg("%s: got '%s'%s", row->name, p->reply, p->reset ? " and a reset" : "");
        free(p);
    }
}

/* 45 MB, as a bulk submit has, to a file; and one byte less and more than what stays in memory. */
static void test_large_bodies(void **state)
{
    static const size_t sizes[] = {BODY_MEMORY - 1, BODY_MEMORY, BODY_MEMORY + 1, 45 << 20};
    struct fixture *f = *state;
    char *body = malloc(45 << 20);
    for (size_t i = 0; i < 45 << 20; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    for (unsigned i = 0; i < 8; i++) {
        char head[256], ends[64];
        size_t len = sizes[i / 2];
        struct peer *p = calloc(1, sizeof(*p));
        p->head = head;
        p->body = body;
        p->body_len = len;
        p->wait_continue = i % 2;
        snprintf(head, sizeof(head), "POST /len HTTP/1.1\r\n" CLOSE "Content-Length: %zu\r\n%s\r\n",
                 len, p->wait_continue ? "Expect: 100-continue\r\n" : "");
        snprintf(ends, sizeof(ends), "\r\n\r\nlen %zu", len);
        exchange(f, p);
        assert_true(p->len > strlen(ends));
        assert_string_equal(p->reply + p->len - strlen(ends), ends);
        assert_true(f->body_sum == sum((struct slice){body, len}));
        free(p);
    }
    free(body);
}

static const struct limit_row {
    const char *headers;
    size_t len;
    const char *starts;
    unsigned handled, oversized;
} LIMITS[] = {
    {"Content-Length: 1000\r\n", 1000, "HTTP/1.1 200 ", 1, 0},
    {"Content-Length: 1001\r\n", 1001, "HTTP/1.1 413 ", 0, 1},
    {"Content-Length: 900000\r\n", 900000, "HTTP/1.1 413 ", 0, 1},
    {"Content-Length: 1001\r\nExpect: 100-continue\r\n", 0, "HTTP/1.1 413 ", 0, 1},
    {"Transfer-Encoding: chunked\r\n", 0, "HTTP/1.1 413 ", 0, 1},
    /* Far beyond what is read out of politeness. */
    {"Content-Length: 90000000\r\n", 40 << 20, "", 0, 1},
};

static void test_body_limit(void **state)
{
    struct fixture *f = *state;
    char *body = calloc(1, 40 << 20);
    for (size_t i = 0; i < sizeof(LIMITS) / sizeof(LIMITS[0]); i++) {
        const struct limit_row *row = &LIMITS[i];
        char head[4096];
        struct peer *p = calloc(1, sizeof(*p));
        int len =
            snprintf(head, sizeof(head), "POST /len HTTP/1.1\r\n" CLOSE "%s\r\n", row->headers);
        if (strstr(row->headers, "chunked"))
            snprintf(head + len, sizeof(head) - (size_t)len, "7d0\r\n%02000d\r\n0\r\n\r\n", 1);
        p->head = head;
        p->body = row->len ? body : NULL;
        p->body_len = row->len;
        f->handled = 0;
        uint64_t oversized = server_oversized(f->server);
        exchange(f, p);
        oversized = server_oversized(f->server) - oversized;
        if (strncmp(p->reply, row->starts, strlen(row->starts)) || f->handled != row->handled ||
            oversized != row->oversized || (*row->starts == '\0' && p->len > 0))
            fail_msg("%s: handled %u, got '%s'", row->headers, f->handled, p->reply);
        free(p);
    }
    free(body);
}

/* Two requests in one connection, then one in another. */
static void test_connections(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        struct peer *p = calloc(1, sizeof(*p));
        p->head = i == 0 ? "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                           "GET /x HTTP/1.1\r\n" CLOSE "\r\n"
                         : "GET /y HTTP/1.1\r\n" CLOSE "\r\n";
        exchange(f, p);
        assert_non_null(strstr(p->reply, i == 0 ? "later" : "|/y|"));
        assert_true(i == 1 || strstr(p->reply, "|/x|"));
        free(p);
    }
    assert_int_equal(f->handled, 3);
    assert_true(f->connection[0] == f->connection[1]);
    assert_true(f->connection[1] != f->connection[2]);
}

static void test_idle_timeout(void **state)
{
    struct fixture *f = *state;
    struct peer *p = calloc(1, sizeof(*p));
    p->head = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"; /* and the connection stays open */
    exchange(f, p);
    assert_true(strncmp(p->reply, "HTTP/1.1 201 ", 13) == 0);
    free(p);
}

/* Bytes that drip in, as headers or as a body, keep a connection no longer than the limit. */
static void test_arrival_timeout(void **state)
{
    static const char *const heads[] = {"GET /echo HTTP/1.1\r\nX-A: ",
                                        "POST /echo HTTP/1.1\r\nHost: a\r\n"
                                        "Content-Length: 200\r\n\r\n"};
    struct fixture *f = *state;
    char drops[200];
    memset(drops, 'x', sizeof(drops));
    for (size_t i = 0; i < 2; i++) {
        struct peer *p = calloc(1, sizeof(*p));
        uint64_t start_ms = uv_hrtime() / 1000000;
        p->head = heads[i];
        p->body = drops;
        p->body_len = sizeof(drops);
        p->drip_ms = 100;
        exchange(f, p);
        uint64_t took_ms = uv_hrtime() / 1000000 - start_ms;
        assert_true(took_ms > 2500 && took_ms < 15000);
        assert_int_equal(p->len, 0);
        free(p);
    }
    assert_int_equal(f->handled, 0);
}

/* Beyond the limit a connection waits in the kernel, and is served when there is room again. */
static void test_connection_limit(void **state)
{
    struct fixture *f = *state;
    int silent[CONNECTIONS_MAX];
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        assert_true((silent[i] = peer_connect(server_port(f->server))) >= 0);
    struct peer *p = calloc(1, sizeof(*p));
    p->head = "GET /x HTTP/1.1\r\n" CLOSE "\r\n";
    exchange(f, p);
    assert_non_null(strstr(p->reply, "|/x|"));
    free(p);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        close(silent[i]);
}

/* A request that nobody answered must not keep the server from closing. */
static void test_close_with_waiting(void **state)
{
    struct fixture *f = *state;
    uv_thread_t thread;
    struct peer *p = calloc(1, sizeof(*p));
    p->head = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
    p->port = server_port(f->server);
    p->wake = &f->wake;
    assert_int_equal(uv_thread_create(&thread, peer_main, p), 0);
    while (!f->done)
        uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_non_null(f->held);
    server_close(f->server, on_closed, f);
    while (!f->closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_thread_join(&thread);
    assert_int_equal(p->len, 0);
    free(p);
}

static void test_create_errors(void **state)
{
    struct fixture *f = *state;
    struct server *s = NULL;
    struct error e = {0};
    struct server_options o = {
        .address = "localhost", .connections_max = 1, .body_max = 1, .handle = handle, .arg = f};
    assert_int_equal(server_create(&s, &f->loop, &o, &e), ERR_CONFIG);
    assert_string_equal(e.message, "'localhost' is not an IP address to listen on");
    assert_null(s);
    char text[128];
    o.address = "127.0.0.1";
    o.port = server_port(f->server);
    assert_int_equal(server_create(&s, &f->loop, &o, &e), ERR_CONFIG);
    snprintf(text, sizeof(text), "cannot listen on 127.0.0.1 port %u: ", o.port);
    assert_memory_equal(e.message, text, strlen(text));
    /* The given address only. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(o.port)};
    inet_pton(AF_INET, "127.0.0.2", &to.sin_addr);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exchanges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body_limit, setup_small, teardown),
        cmocka_unit_test_setup_teardown(test_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arrival_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connection_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_with_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_create_errors, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
