/* HTTP requests and replies as values; nothing here does I/O. */
#ifndef TRANCHE_WIRE_HTTP_H
#define TRANCHE_WIRE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum http_method { HTTP_GET, HTTP_POST, HTTP_DELETE };

/* What a provider asks for: a path below its base address. */
struct http_request {
    enum http_method method;
    char path[2048]; /* "/api/v3/email-finder/batch?page=1", already percent-encoded */
    bool has_body;  /* the body itself travels apart: in memory or as a file */
    uint64_t body_len;
};

/* What came of a request. */
enum http_end {
    HTTP_REPLY,    /* a status line and headers arrived and the transfer ended well */
    HTTP_NOT_SENT, /* name, connect, TLS or proxy failure; or the body did not leave whole and there
                      is no reply */
    HTTP_CUT,      /* a reply began and did not end as its framing says */
    HTTP_LOST,     /* the request left whole and no reply came: reset, timeout, a resend that was
                      refused */
    HTTP_CANCELLED, /* by us, after a part of it may have left; before that it is HTTP_NOT_SENT */
};

/* Headers a vendor's rules use; -1 where absent or garbage. */
struct http_hints {
    int64_t retry_after_ms;      /* Retry-After, clamped to an hour */
    int64_t ratelimit_limit;     /* X-RateLimit-Limit */
    int64_t ratelimit_remaining; /* X-RateLimit-Remaining */
    int64_t ratelimit_reset_s;   /* X-RateLimit-Reset as it stands */
};

struct http_reply {
    enum http_end end;
    long status; /* 0 without one */
    struct http_hints hints;
    struct buf body;
    uint64_t sent; /* body bytes uploaded */
    int64_t elapsed_ms;
    char problem[256]; /* libcurl's words when end != HTTP_REPLY; no addresses with queries in it */
};

/* Retry-After: whole seconds or an HTTP date (against wall_ms). Clamped to an hour; -1 for garbage,
 * a negative number or an overflow; 0 for a date in the past. */
int64_t http_retry_after(struct slice value, int64_t wall_ms);

/* Percent-encode everything but RFC 3986's unreserved characters. */
void http_encode_query(struct buf *b, struct slice value);

/* A vendor's id that may stand in a path: 1 to 64 of [A-Za-z0-9_-]. */
bool http_id_valid(struct slice id);

/* A header value that may be sent: visible ASCII and inner spaces only. */
bool http_header_valid(struct slice value);

/* A base address: https, or http to a loopback address (127.0.0.0/8, [::1], localhost), without
 * user, query or fragment. NULL when fine, else what is wrong with it. */
const char *http_base_problem(struct slice url);

#endif
