/* The host's callback secret: what callback tokens are made and checked with, by every run of this
 * user on this host and by `tranche listen`. */
#ifndef TRANCHE_RUN_SECRET_H
#define TRANCHE_RUN_SECRET_H

#include <stdint.h>

#include "base/error.h"
#include "wire/token.h"

struct secret {
    uint8_t key[TOKEN_KEY_LEN];
};

/* Read it from callback.secret in the state folder, making it there first when there is none; it
 * is durable when this returns, so no token is ever made with a secret that a power cut takes.
 * Processes that come at once get the same one. ERR_CONFIG for a file that others can read, that
 * belongs to someone else or is no secret; ERR_CANTCREATE, ERR_IO; *s is then zero. */
int secret_load(struct secret *s, struct error *e);
void secret_wipe(struct secret *s);

#endif
