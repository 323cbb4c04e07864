/* A listener that keeps whatever is posted to it, and answers as it is told: what the tests of
 * vendors that call back share. One connection at a time. */
#ifndef TRANCHE_TESTS_SIM_LISTENER_H
#define TRANCHE_TESTS_SIM_LISTENER_H

#include <pthread.h>

#include "sim_client.h"

#define LISTENER_KEEPS  4096
#define LISTENER_BYTES  65536
#define LISTENER_SCRIPT 16

struct listener {
    int fd;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    unsigned count;
    char *got[LISTENER_KEEPS]; /* headers and body */
    char text[LISTENER_BYTES]; /* of the one that is being read */
    /* The reply to the body of a request: its status; body is to be filled in. NULL: by the script,
     * "ok". */
    int (*answer)(const char *body, char reply[128]);
    int status[LISTENER_SCRIPT]; /* the script: of the first replies; 0, and then: 200 */
};

/* The body of a request that was got. */
SHARED const char *body_of(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* One request of one connection. */
static void listener_hear(struct listener *l, int fd)
{
    char *text = l->text, body[128] = "ok", reply[256];
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, text + len, LISTENER_BYTES - 1 - len, 0);
        if (n <= 0)
            return;
        len += (size_t)n;
        text[len] = '\0';
        char *end = strstr(text, "\r\n\r\n"), *promise = strcasestr(text, "content-length:");
        if (end && promise && len - (size_t)(end + 4 - text) >= strtoul(promise + 15, NULL, 10))
            break;
    }
    int status = 0;
    if (l->answer)
        status = l->answer(body_of(text), body);
    else if (l->count < LISTENER_SCRIPT)
        status = l->status[l->count];
    pthread_mutex_lock(&l->lock);
    if (l->count < LISTENER_KEEPS)
        l->got[l->count++] = strdup(text);
    pthread_mutex_unlock(&l->lock);
    snprintf(reply, sizeof reply,
             "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             status ? status : 200, strlen(body), body);
    send_all(fd, reply, strlen(reply));
}

static void *listener_run(void *arg)
{
    struct listener *l = arg;
    for (;;) {
        int fd = accept(l->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        listener_hear(l, fd);
        close(fd);
    }
}

/* Connections are taken by the system; nobody answers them. */
SHARED void listener_bind(struct listener *l)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *l = (struct listener){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(l->fd >= 0);
    assert_int_equal(bind(l->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(l->fd, 64), 0);
    assert_int_equal(getsockname(l->fd, (struct sockaddr *)&a, &len), 0);
    l->port = ntohs(a.sin_port);
}

SHARED void listener_open(struct listener *l, int (*answer)(const char *, char *))
{
    listener_bind(l);
    l->answer = answer;
    pthread_mutex_init(&l->lock, NULL);
    assert_int_equal(pthread_create(&l->thread, NULL, listener_run, l), 0);
}

SHARED void listener_close(struct listener *l)
{
    shutdown(l->fd, SHUT_RDWR);
    pthread_join(l->thread, NULL);
    close(l->fd);
    for (unsigned i = 0; i < l->count; i++)
        free(l->got[i]);
    pthread_mutex_destroy(&l->lock);
}

SHARED unsigned heard(struct listener *l)
{
    pthread_mutex_lock(&l->lock);
    unsigned count = l->count;
    pthread_mutex_unlock(&l->lock);
    return count;
}

/* Until so many requests have come; and no more do for a moment. */
SHARED void wait_heard(struct listener *l, unsigned count)
{
    int64_t begun = clock_mono_ms();
    while (heard(l) < count && clock_mono_ms() - begun < 20000)
        usleep(2000);
    usleep(100000);
    assert_int_equal(heard(l), count);
}

#endif
