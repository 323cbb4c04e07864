/* Makes and checks callback tokens.
 *
 * A token is 32 bytes in hexadecimal: the run's id (8), batch and attempt (4 each, big-endian), then
 * the first 16 bytes of an HMAC-SHA-256 over a label, the purpose, a NUL and those 16 bytes.
 *
 * Pure; any thread. */
#include "wire/token.h"

#include <string.h>

#include "wire/digest.h"

#define NAMED_LEN   (TOKEN_RUN_LEN + 4 + 4)
#define MAC_LEN     16
#define PURPOSE_MAX 256

_Static_assert(2 * (NAMED_LEN + MAC_LEN) == TOKEN_TEXT_LEN, "what a text holds");

/* So that the host's secret may serve for something else too. */
static const char label[] = "tranche callback token 1";

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void mac(const uint8_t *key, const char *purpose, const uint8_t *named, uint8_t *out)
{
    uint8_t bytes[sizeof label + PURPOSE_MAX + NAMED_LEN], whole[DIGEST_LEN];
    size_t len = strnlen(purpose, PURPOSE_MAX - 1), at = sizeof label;

    memcpy(bytes, label, sizeof label);
    memcpy(bytes + at, purpose, len);
    bytes[at + len] = 0;
    at += len + 1;
    memcpy(bytes + at, named, NAMED_LEN);
    digest_hmac((struct slice){(const char *)key, TOKEN_KEY_LEN},
                (struct slice){(const char *)bytes, at + NAMED_LEN}, whole);
    memcpy(out, whole, MAC_LEN);
}

void token_make(const uint8_t key[TOKEN_KEY_LEN], const char *purpose, const struct token *t,
                char text[TOKEN_TEXT_LEN + 1])
{
    uint8_t bytes[NAMED_LEN + MAC_LEN];

    memcpy(bytes, t->run, TOKEN_RUN_LEN);
    put_u32(bytes + TOKEN_RUN_LEN, t->batch);
    put_u32(bytes + TOKEN_RUN_LEN + 4, t->attempt);
    mac(key, purpose, bytes, bytes + NAMED_LEN);
    digest_hex(bytes, sizeof bytes, text);
}

bool token_read(const uint8_t key[TOKEN_KEY_LEN], const char *purpose, struct slice text,
                struct token *out)
{
    uint8_t bytes[NAMED_LEN + MAC_LEN], right[MAC_LEN];

    if (!digest_unhex(text, bytes, sizeof bytes))
        return false;
    mac(key, purpose, bytes, right);
    if (!digest_same(bytes + NAMED_LEN, right, MAC_LEN))
        return false;
    memcpy(out->run, bytes, TOKEN_RUN_LEN);
    out->batch = get_u32(bytes + TOKEN_RUN_LEN);
    out->attempt = get_u32(bytes + TOKEN_RUN_LEN + 4);
    return true;
}
