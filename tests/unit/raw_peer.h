/* A peer of an HTTP listener that writes raw bytes from a thread of its own: what the tests of
 * listeners share. */
#ifndef TRANCHE_TESTS_RAW_PEER_H
#define TRANCHE_TESTS_RAW_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* What the thread does: send, then read until the end. */
struct peer {
    uint16_t port;
    const char *head; /* sent first */
    const char *body; /* sent next, when any; NULL: none */
    size_t body_len;
    bool wait_continue; /* the body only after "100 Continue" */
    unsigned drip_ms;   /* the body a byte at a time, with so much between them; 0: at once */
    char reply[65536];  /* all that came, NUL-terminated */
    size_t len;
    bool reset; /* the connection ended by a reset */
    uv_async_t *wake;
};

static int peer_connect(uint16_t port)
{
    struct timeval limit = {.tv_sec = 30};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool peer_send(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Returns false at the end of the connection. */
static bool peer_read(struct peer *p, int fd)
{
    ssize_t n = recv(fd, p->reply + p->len, sizeof(p->reply) - 1 - p->len, 0);
    if (n < 0 && errno == ECONNRESET)
        p->reset = true;
    if (n <= 0)
        return false;
    p->len += (size_t)n;
    p->reply[p->len] = '\0';
    return true;
}

/* Its thread. */
static void peer_main(void *arg)
{
    struct peer *p = arg;
    int fd = peer_connect(p->port);
    bool on = fd >= 0 && peer_send(fd, p->head, strlen(p->head));
    while (on && p->wait_continue && strstr(p->reply, "\r\n\r\n") == NULL)
        on = peer_read(p, fd);
    if (on && p->wait_continue)
        on = strncmp(p->reply, "HTTP/1.1 100", 12) == 0;
    for (size_t i = 0; on && p->drip_ms && i < p->body_len; i++) {
        on = peer_send(fd, p->body + i, 1);
        usleep(p->drip_ms * 1000);
    }
    if (on && p->body && !p->drip_ms)
        on = peer_send(fd, p->body, p->body_len);
    while (fd >= 0 && peer_read(p, fd))
        ;
    if (fd >= 0)
        close(fd);
    uv_async_send(p->wake);
}

/* Run the loop beside the peer's thread until it is through: when what `wake` calls sets *done. */
static void peer_exchange(struct peer *p, uint16_t port, uv_loop_t *loop, uv_async_t *wake,
                          const bool *done)
{
    uv_thread_t thread;
    p->port = port;
    p->wake = wake;
    assert_int_equal(uv_thread_create(&thread, peer_main, p), 0);
    while (!*done)
        uv_run(loop, UV_RUN_DEFAULT);
    uv_thread_join(&thread);
}

#endif
