/* A vendor whose every reply is written by the test: what no real one and no simulator would say on
 * request. One thread, one request at a time, a connection each.
 *
 * For test_deliveries.c alone. Everything asserts; nothing returns an error. */
#ifndef TRANCHE_TESTS_SCRIPTED_VENDOR_H
#define TRANCHE_TESTS_SCRIPTED_VENDOR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/digest.h"

#define ASKED_MAX 16384

/* A request that came, and what the test answers. */
struct asked {
    bool post;
    char path[512];
    char body[ASKED_MAX];
    unsigned status; /* 200 unless set */
    char reply[ASKED_MAX];
};

struct vendor {
    int listener;
    char url[64];
    void (*script)(struct vendor *v, struct asked *a);
    pthread_t thread;
    atomic_bool ended;
    atomic_uint posts;   /* that came */
    atomic_int act;      /* of the script: set by the test between runs */
    char called[8][512]; /* where it was told to call back to */
    unsigned calls;
};

static size_t read_some(int fd, char *text, size_t have, size_t size)
{
    ssize_t n = have + 1 < size ? recv(fd, text + have, size - 1 - have, 0) : -1;
    if (n > 0)
        text[have + (size_t)n] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* A head and, by its Content-Length, a body, in one text; NULL when it did not come whole. */
static char *read_message(int fd, char *text, size_t size)
{
    size_t len = 0, more;
    while ((more = read_some(fd, text, len, size)) > 0) {
        len += more;
        char *body = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        if (body == NULL)
            continue;
        body += 4;
        if (length == NULL || length > body ||
            len - (size_t)(body - text) >= strtoul(length + 16, NULL, 10))
            return body;
    }
    return NULL;
}

static void write_message(int fd, const char *text)
{
    for (size_t len = strlen(text); len > 0;) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static void vendor_serve(struct vendor *v, int fd)
{
    static char text[2 * ASKED_MAX], reply[ASKED_MAX + 256];
    struct asked *a = calloc(1, sizeof *a);
    const char *body = read_message(fd, text, sizeof text);
    assert_non_null(a);
    if (body != NULL) {
        a->post = strncmp(text, "POST ", 5) == 0;
        sscanf(text, "%*s %511s", a->path);
        snprintf(a->body, sizeof a->body, "%s", body);
        a->status = 200;
        v->posts += a->post;
        v->script(v, a);
        snprintf(reply, sizeof reply,
                 "HTTP/1.1 %u Scripted\r\nContent-Type: application/json\r\n"
                 "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                 a->status, strlen(a->reply), a->reply);
        write_message(fd, reply);
    }
    free(a);
    close(fd);
}

static void *vendor_main(void *arg)
{
    struct vendor *v = arg;
    struct pollfd p = {.fd = v->listener, .events = POLLIN};
    while (!v->ended)
        if (poll(&p, 1, 20) > 0)
            vendor_serve(v, accept(v->listener, NULL, NULL));
    return NULL;
}

static uint16_t bind_to(int fd, uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0)
        return 0;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

static void vendor_start(struct vendor *v, void (*script)(struct vendor *v, struct asked *a))
{
    memset(v, 0, sizeof *v);
    v->script = script;
    v->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(v->url, sizeof v->url, "http://127.0.0.1:%u", bind_to(v->listener, 0));
    assert_int_equal(listen(v->listener, 64), 0);
    assert_int_equal(pthread_create(&v->thread, NULL, vendor_main, v), 0);
}

static void vendor_stop(struct vendor *v)
{
    v->ended = true;
    pthread_join(v->thread, NULL);
    close(v->listener);
}

/* A port that nobody listens on, below those that the system gives out by itself; at random, as
 * other tests that look for one may run beside. */
static uint16_t free_port(void)
{
    for (;;) {
        uint16_t random, got;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        digest_random(&random, sizeof random);
        got = bind_to(fd, (uint16_t)(20000 + random % 12000));
        close(fd);
        if (got != 0)
            return got;
    }
}

/* The text that follows `before` in the body, up to a quote. */
static void text_after(const char *body, const char *before, char *out, size_t size)
{
    const char *at = strstr(body, before);
    if (at == NULL)
        fail_msg("no %s in %s", before, body);
    at += strlen(before);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* Call back; returns once the run has it for good. header: with its end of line, or "". */
static void call_back(const char *url, const char *header, const char *body)
{
    char text[ASKED_MAX];
    const char *path = strchr(url + strlen("http://"), '/');
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    snprintf(text, sizeof text,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Type: application/json\r\n"
             "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
             path, header, strlen(body), body);
    write_message(fd, text);
    if (read_message(fd, text, sizeof text) == NULL || strncmp(text, "HTTP/1.1 200", 12) != 0)
        fail_msg("the callback was answered with %.20s", text);
    close(fd);
}

#endif
