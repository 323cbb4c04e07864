/* HTTP listeners: libmicrohttpd's epoll descriptor on a libuv loop; HTTP/1.1 keep-alive, request
 * body limit, timeouts, a bound on connections. All on the loop's thread. */
#ifndef TRANCHE_NET_SERVER_H
#define TRANCHE_NET_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct server;
struct server_request;

struct server_options {
    const char *address; /* "127.0.0.1" */
    uint16_t port;       /* 0: any free one */
    unsigned connections_max;
    unsigned idle_timeout_s;
    /* A connection whose next request is not whole so long after it opened, or after its last
     * request ended, is closed however busily bytes drip in. 0: no such limit. */
    unsigned arrival_timeout_s;
    size_t body_max;         /* a longer one is answered 413 without calling handle */
    size_t body_memory;      /* beyond this a body goes to an unlinked file in body_folder */
    const char *body_folder; /* NULL: all bodies in memory */
    /* Called when a request's headers are there, before anything is kept of its body: 0, or the
     * status to refuse it with; handle then never sees it. Must not answer. NULL: takes all. */
    int (*screen)(void *arg, const struct server_request *r);
    void (*handle)(void *arg,
                   struct server_request *r); /* once per request, when its body is whole */
    void *arg;
};

int server_create(struct server **out, uv_loop_t *loop, const struct server_options *options,
                  struct error *e);
uint16_t server_port(const struct server *s);
/* Requests that have begun and whose answers have not left whole. */
unsigned server_flight(const struct server *s);
/* Requests answered 413 because of their bodies. */
uint64_t server_oversized(const struct server *s);
/* Ends all connections, then calls closed. Requests not answered yet become invalid. */
void server_close(struct server *s, void (*closed)(void *arg), void *arg);

/* A request, valid until it is answered. */
const char *server_method(const struct server_request *r); /* "GET" */
const char *server_path(const struct server_request *r);   /* decoded, without the query */
const char *server_query(const struct server_request *r,
                         const char *name); /* decoded value or NULL */
const char *server_header(const struct server_request *r, const char *name); /* or NULL */
struct slice server_body(const struct server_request *r); /* in memory, or mapped from its file */
/* A number that differs between connections: tests count connections with it. */
uint64_t server_connection(const struct server_request *r);

/* Answer, now or later, exactly once. headers: "Name: value\nName: value\n" or NULL; body is
 * copied. */
void server_reply(struct server_request *r, int status, const char *headers, struct slice body);
/* Drop the connection instead, without a byte of an answer. */
void server_drop(struct server_request *r);
/* Send headers that promise the whole body, then only its first `len` bytes, then drop the
 * connection. */
void server_reply_cut(struct server_request *r, int status, struct slice body, size_t len);

#endif
