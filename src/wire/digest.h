/* Digests and random bytes (OpenSSL libcrypto). */
#ifndef TRANCHE_WIRE_DIGEST_H
#define TRANCHE_WIRE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define DIGEST_LEN     32
#define DIGEST_HEX_LEN 64

/* SHA-256 piece by piece. */
struct digest;
struct digest *digest_create(void); /* NULL without memory */
void digest_add(struct digest *d, struct slice bytes);
/* Ends it and frees it. */
void digest_finish(struct digest *d, uint8_t out[DIGEST_LEN]);

void digest_sha256(struct slice bytes, uint8_t out[DIGEST_LEN]);
/* HMAC-SHA256. */
void digest_hmac(struct slice key, struct slice bytes, uint8_t out[DIGEST_LEN]);
/* Lower-case hexadecimal, NUL-terminated: text has room for 2 * len + 1. */
void digest_hex(const uint8_t *bytes, size_t len, char *text);
/* The reverse, in any case. False unless the text is exactly 2 * len digits; out is then undefined.
 */
bool digest_unhex(struct slice text, uint8_t *out, size_t len);

/* Cryptographically random; aborts when the system has none. */
void digest_random(void *out, size_t len);

/* The same time whatever differs. */
int digest_same(const void *a, const void *b, size_t len);

/* Overwrite in a way the compiler keeps: for keys. */
void digest_wipe(void *secret, size_t len);

#endif
