/* The sockets of libcurl on a libuv loop.
 *
 * libcurl asks for a socket to be watched and unwatched around every request, also on a connection
 * that stays open. Taking that word for word costs half the requests per second, so a socket that
 * is unwatched stays in the loop as it is, and is taken out when it closes, or when it fires while
 * nobody asks.
 *
 * That needs to know when a socket closes: sockets made by watch_socket are closed by watch_close
 * alone. Others (the resolver's) are taken out at once. */
#ifndef TRANCHE_NET_WATCH_H
#define TRANCHE_NET_WATCH_H

#include <stdbool.h>
#include <uv.h>

struct watch_entry;

struct watch {
    uv_loop_t *loop;
    void (*ready)(void *arg, int fd, int status, int events); /* events: UV_READABLE, ... */
    void (*drained)(void *arg); /* the last handle was closed by the loop */
    void *arg;
    struct watch_entry **entries; /* by descriptor */
    int entries_len;
    unsigned handles; /* the loop still knows */
};

void watch_init(struct watch *w, uv_loop_t *loop,
                void (*ready)(void *arg, int fd, int status, int events),
                void (*drained)(void *arg), void *arg);
/* Only when all sockets are closed and handles is 0. */
void watch_deinit(struct watch *w);

/* A new non-blocking socket, as socket(2) makes it, or -1. */
int watch_socket(struct watch *w, int family, int type, int protocol);
/* Watch for events; false when that is impossible. */
bool watch_start(struct watch *w, int fd, int events);
/* ready does not run for it any more. */
void watch_stop(struct watch *w, int fd);
/* Close a socket of watch_socket. */
void watch_close(struct watch *w, int fd);

#endif
