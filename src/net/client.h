/* The HTTP client: libcurl multi on the libuv loop, HTTP/1.1 keep-alive.
 *
 * What it promises about paid requests: at most one copy of a request body ever leaves the process.
 * libcurl resends a request silently when a reused connection dies before a reply byte; here a body
 * is given by a read callback whose seek callback refuses, so such a resend ends as HTTP_LOST. A
 * paid GET goes over a fresh connection. Redirects are never followed.
 *
 * All on the loop's thread. A completion runs exactly once, never inside client_send. */
#ifndef TRANCHE_NET_CLIENT_H
#define TRANCHE_NET_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "wire/http.h"

struct client;

struct client_options {
    unsigned connections_max; /* kept alive; at least the concurrency, or half the speed is lost */
    int64_t connect_timeout_ms;
    const char *user_agent;
};

/* A call: filled in by the caller, who keeps it (and what it points to) until done runs. */
struct client_call {
    struct http_request request;
    const char *base_url;   /* "https://dev.enrich.so" */
    const char *key_header; /* "x-api-key", or NULL */
    const char *key_prefix; /* before the key in its header ("Bearer "), or NULL */
    const char *key;        /* never logged */
    const char *headers;    /* further ones: "Name: value\nName: value", or NULL */
    struct slice body;      /* when has_body and body_fd < 0 */
    int body_fd;            /* else read from this file, from offset 0, with pread */
    bool paid;
    int64_t timeout_ms;      /* of the whole call, from start */
    int64_t idle_timeout_ms; /* ended when not a byte moved for so long; 0: none */
    size_t reply_max;        /* a longer reply is HTTP_CUT */
    /* The reply and its body are the client's; take the body with buf_take. */
    void (*done)(struct client_call *call, struct http_reply *reply);
    void *arg;
    struct client_transfer *transfer; /* the client's */
};

int client_create(struct client **out, uv_loop_t *loop, const struct client_options *options,
                  struct error *e);
/* Start a call. When it cannot be started, done will not run: ERR_CONFIG for a base address or a
 * key that cannot be used (the key is not shown), ERR_INTERNAL for a malformed request or no
 * memory. */
int client_send(struct client *c, struct client_call *call, struct error *e);
/* End a call early: done runs later with HTTP_CANCELLED, or as ever with what had arrived or failed
 * by then. After its end this does nothing. */
void client_cancel(struct client *c, struct client_call *call);
/* Calls that have not ended. */
unsigned client_flight(const struct client *c);
/* Close all connections and handles, then call closed once (no call may be in flight). */
void client_close(struct client *c, void (*closed)(void *arg), void *arg);

#endif
