/* A provider as a command calls it outside of a run: its address and key found and checked, put
 * into calls of the HTTP client; and the loop on which such a command waits. */
#ifndef TRANCHE_RUN_CALLER_H
#define TRANCHE_RUN_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "net/client.h"
#include "provider/provider.h"

/* Where address and key may come from, beside the environment. Borrowed; NULL where not given. */
struct caller_place {
    const char *base_url;      /* [P=]URL; comes before <PROVIDER>_BASE_URL */
    const char *base_url_last; /* [P=]URL; comes after it */
    const char *key_file;      /* [P=]PATH */
    bool several;              /* several providers are asked: P= may not be left out */
};

struct caller {
    const struct provider *provider;
    const char *base_url; /* borrowed from the place, the environment or the provider */
    char *key;
    char origin[64]; /* the header that names the program; empty: none */
};

/* Whether a key of the provider is named at all; it may still be unreadable. */
bool caller_has_key(const struct provider *p, const struct caller_place *place);
/* ERR_USAGE for a scope that is not of this provider, ERR_CONFIG for an address or a key that is
 * missing or cannot be used. On an error there is nothing to close. */
int caller_open(struct caller *c, const struct provider *p, const struct caller_place *place,
                struct error *e);
/* The same when the address is known and checked already. */
int caller_open_at(struct caller *c, const struct provider *p, const char *base_url,
                   const char *key_file, struct error *e);
/* Wipes the key. Twice is fine. */
void caller_close(struct caller *c);

/* Makes *call an empty one to this provider, which borrows from the caller; its request, body,
 * paid, done and arg are then for who sends it. */
void caller_prepare(const struct caller *c, struct client_call *call, int64_t timeout_ms,
                    size_t reply_max);

/* A loop and a client on it. */
struct caller_loop {
    uv_loop_t loop;
    struct client *client;
};
int caller_loop_open(struct caller_loop *l, unsigned connections_max, struct error *e);
/* All handles of others are closed, or closing; no call is in flight. */
void caller_loop_close(struct caller_loop *l);

#endif
