/* tranche call: one request to a provider, below its base address and with its key, as it is
 * typed. Never sent twice, redirects not followed. */
#ifndef TRANCHE_RUN_CALL_H
#define TRANCHE_RUN_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "provider/provider.h"
#include "run/caller.h"

#define CALL_BODY_MAX  ((size_t)64 << 20)
#define CALL_REPLY_MAX ((size_t)64 << 20)

/* GET, POST or DELETE in any case, and a path with its query: visible ASCII that begins with one
 * slash, without "//", ".." (percent-encoded ones too), '\' or '#' before the query, shorter than
 * the path of a request may be. ERR_USAGE. */
int call_parse(struct http_request *out, const char *method, const char *path, struct error *e);

/* Whether the request may cost credits. A GET or DELETE does when one of the provider's operations
 * asks by it, whatever its options are, which is then in *op at the price of these options; a POST
 * always may, since what the vendor charges for is more than what tranche knows (*op is NULL where
 * it does not). */
bool call_may_cost(const struct provider *p, const struct http_request *r, struct operation *op);

struct call_options {
    const char *provider, *method, *path;
    const char *body; /* a file, or "-" for standard input; NULL: none */
    bool paid;        /* the user knows that it may cost */
    bool quiet;       /* no line about a call that went well */
    int64_t timeout_ms;
    struct caller_place place;
};
/* The reply's body on standard output as it came, status and time on standard error. Returns the
 * exit status: 0 for 2xx, 77 for 401, 403, 423, 75 for 402, 429, 69 for 5xx and where no whole
 * reply came, 1 for any other status; or with *e set, that of the error. */
int run_call(const struct call_options *o, struct error *e);

#endif
