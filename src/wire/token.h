/* Callback tokens: the last part of an address that a vendor is told to call. A token names the
 * run, batch and attempt that it was made for, and nobody without the host's secret can make one. */
#ifndef TRANCHE_WIRE_TOKEN_H
#define TRANCHE_WIRE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define TOKEN_KEY_LEN  32
#define TOKEN_RUN_LEN  8
#define TOKEN_TEXT_LEN 64 /* hexadecimal; what a vendor's id may have as well (http_id_valid) */

struct token {
    uint8_t run[TOKEN_RUN_LEN]; /* the run's id */
    uint32_t batch, attempt;
};

/* purpose: who is given the token, a provider's name. It is no part of the text, but a token made
 * for one purpose is none for another: who was given an address for one vendor cannot call as
 * another one, whose callbacks are proved otherwise. */
void token_make(const uint8_t key[TOKEN_KEY_LEN], const char *purpose, const struct token *t,
                char text[TOKEN_TEXT_LEN + 1]);
/* False, and *out unspecified, for whatever token_make did not make with this key and purpose. The
 * time it takes says nothing of how near a forgery came. */
bool token_read(const uint8_t key[TOKEN_KEY_LEN], const char *purpose, struct slice text,
                struct token *out);

#endif
