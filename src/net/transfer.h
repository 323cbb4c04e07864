/* One call on one libcurl easy handle: how the request is given, what is seen of the reply, and
 * the judgement what became of it. Pooled by the client; the handle is reused. */
#ifndef TRANCHE_NET_TRANSFER_H
#define TRANCHE_NET_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/client.h"
#include "net/watch.h"

#define TRANSFER_URL_MAX 4096
#define TRANSFER_KEY_MAX 4096 /* of the key's whole header line */
/* Headers beside the usual ones, and the bytes of all their lines. */
#define TRANSFER_HEADERS_MAX 4
#define TRANSFER_LINES_MAX   1024

struct client_transfer {
    CURL *easy;
    uv_loop_t *loop;
    struct watch *watch;
    struct client_call *call;             /* NULL while spare */
    struct client_transfer *next, **link; /* among those in flight, or the spare ones */
    /* The request. */
    struct curl_slist headers[3 + TRANSFER_HEADERS_MAX];
    char lines[TRANSFER_LINES_MAX]; /* of the further headers */
    char key_line[TRANSFER_KEY_MAX];
    uint64_t body_len;
    uint64_t handed; /* body bytes given to libcurl: never given again */
    uint64_t sent;   /* body bytes that libcurl wrote to a socket, in the attempt that wrote most */
    unsigned attempts;
    bool resend; /* libcurl wanted another attempt, which was refused */
    /* The reply. */
    long status; /* of the last status line; below 200: no reply yet */
    bool headers_done;
    size_t headers_len;
    struct http_hints hints;
    struct buf body;
    /* Time. */
    int64_t started_ms; /* clock_mono_ms */
    uint64_t moved_ms;  /* uv_now when a byte moved last */
    uint64_t moved;     /* what libcurl had counted then */
    /* What we ended it for. */
    bool unwanted; /* asked to be ended */
    bool cancelled, silent;
    char problem[256];           /* ours; "" for none */
    char error[CURL_ERROR_SIZE]; /* libcurl's */
};

/* A spare transfer, its sockets made by w; NULL without memory. */
struct client_transfer *transfer_create(uv_loop_t *loop, struct watch *w,
                                        const struct client_options *options);
void transfer_destroy(struct client_transfer *t);

/* Take up a call. ERR_CONFIG for a bad base address or key, which is not shown; ERR_INTERNAL for a
 * request that cannot be; then the transfer is spare again. */
int transfer_begin(struct client_transfer *t, struct client_call *call, struct error *e);

/* libcurl is through with it, or we are: say what came of it and wipe the key. The reply's body
 * moves out. */
void transfer_end(struct client_transfer *t, CURLcode rc, struct http_reply *reply);

#endif
