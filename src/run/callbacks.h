/* The callback listener: takes what vendors tell about submissions, at
 * /callbacks/<provider>/<token>, and serves nothing else. What it hands on is authentic; it is
 * answered only when its owner says that it is durable.
 *
 * All on the loop's thread. */
#ifndef TRANCHE_RUN_CALLBACKS_H
#define TRANCHE_RUN_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/slice.h"
#include "net/address.h"
#include "provider/provider.h"
#include "run/secret.h"
#include "wire/digest.h"
#include "wire/token.h"

#define CALLBACKS_BODY_MAX  ((size_t)1 << 20)
#define CALLBACKS_ARRIVAL_S 10
/* With the 1024 descriptors that a process may have by default, half are left for the rest. */
#define CALLBACKS_CONNECTIONS_MAX 512

/* Why a request was not handed on: id, status, the word for it in counts.
 *
 * 404 goes only to who has no token of this host: Wiza stops sending a callback again when it keeps
 * being answered 403 or 404 (docs.wiza.co, Webhooks). A genuine one that cannot be checked or is not
 * this run's gets 503, so that the vendor tries again later and the right listener may have it then. */
#define CALLBACKS_REFUSALS(X)                                                                      \
    X(PATH, 404, "path")       /* another path or method, or a provider that there is not */       \
    X(TOKEN, 404, "token")     /* not made with this host's secret for this provider */            \
    X(RUN, 503, "other run")   /* of another run on this host */                                   \
    X(UNPROVED, 503, "no key") /* the key or secret that would prove it is not known here */       \
    X(PROOF, 401, "proof")     /* the provider's proof is missing or wrong */

enum callbacks_refusal {
#define X(id, status, word) CALLBACKS_REFUSED_##id,
    CALLBACKS_REFUSALS(X)
#undef X
        CALLBACKS_REFUSALS_COUNT
};
const char *callbacks_refusal_word(enum callbacks_refusal refusal);

struct callbacks_counts {
    uint64_t accepted; /* answered 200, tests included */
    uint64_t failed;   /* answered 503 by callbacks_fail */
    uint64_t tests;    /* of those accepted */
    uint64_t pings;
    uint64_t refused[CALLBACKS_REFUSALS_COUNT];
    uint64_t oversized; /* answered 413 */
};

struct callbacks;

/* A provider whose callbacks are taken, and the key or secret of its proof (key_load_proof): NULL
 * for PROOF_TOKEN, or where it is not known. */
struct callbacks_provider {
    const struct provider *provider;
    const char *secret;
};

/* An authentic callback, valid until it is answered. */
struct callback {
    const struct provider *provider;
    struct token token;
    bool test; /* the vendor tries the address: shall have no effect, but for an answer */
    struct slice body;
    int64_t wall_ms;
    struct callback *next; /* the owner's, for a list of those it has not answered */

    /* The listener's. */
    struct callbacks *listener;
    struct server_request *request;
    struct callback *live_next, **live_link;
};

/* All is copied but provider and arg. */
struct callbacks_options {
    const struct address *address;
    const struct secret *secret;
    const struct callbacks_provider *providers;
    unsigned provider_count;
    const uint8_t *run;      /* whose callbacks are taken (TOKEN_RUN_LEN); NULL: of all */
    const char *body_folder; /* for bodies while they arrive, beyond the first KiBs */
    /* Answer it now or later, exactly once. */
    void (*received)(void *arg, struct callback *c);
    void *arg;
};

/* ERR_CONFIG when the address cannot be listened on. */
int callbacks_open(struct callbacks **out, uv_loop_t *loop, const struct callbacks_options *options,
                   struct error *e);
/* The port in use. */
uint16_t callbacks_port(const struct callbacks *c);
/* Ends all connections and frees it, then calls closed. Callbacks that are not answered yet become
 * invalid; their vendors see no answer and send again. */
void callbacks_close(struct callbacks *c, void (*closed)(void *arg), void *arg);

/* It is durable, or known already: 200. */
void callbacks_ack(struct callback *c);
/* It could not be kept: 503, the vendor shall send it again. */
void callbacks_fail(struct callback *c);

/* Requests under way, answers that have not left included: 0 when nobody waits. */
unsigned callbacks_flight(const struct callbacks *c);
void callbacks_counts(const struct callbacks *c, struct callbacks_counts *out);

/* The way from outside, tried before the first paid submission: GET /callbacks/ping/<text> below
 * the public address must be answered with what callbacks_ping_answer says. Only a listener with
 * this host's secret can know that, and it tells only to who asks with a text made with it; a run's
 * own listener answers for that run alone. */
void callbacks_ping_make(const struct secret *secret, const uint8_t run[TOKEN_RUN_LEN],
                         char text[TOKEN_TEXT_LEN + 1]);
void callbacks_ping_answer(const struct secret *secret, const char *text,
                           char answer[DIGEST_HEX_LEN + 1]);
/* Whether the last ping answered here was this one. */
bool callbacks_pinged(const struct callbacks *c, const char *text);

#endif
