/* Digests, random bytes and the handling of secrets, by OpenSSL's libcrypto.
 *
 * None of these can fail but for want of memory or of a working libcrypto; without one nothing here
 * may go on pretending, so they abort. Any thread; a struct digest belongs to one at a time. */
#include "wire/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

struct digest {
    EVP_MD_CTX *context;
};

static void require(int ok)
{
    if (!ok)
        abort();
}

struct digest *digest_create(void)
{
    struct digest *d = calloc(1, sizeof(*d));

    if (d && (d->context = EVP_MD_CTX_new())) {
        require(EVP_DigestInit_ex(d->context, EVP_sha256(), NULL));
        return d;
    }
    free(d);
    return NULL;
}

void digest_add(struct digest *d, struct slice bytes)
{
    require(EVP_DigestUpdate(d->context, bytes.data, bytes.len));
}

void digest_finish(struct digest *d, uint8_t out[DIGEST_LEN])
{
    require(EVP_DigestFinal_ex(d->context, out, NULL));
    EVP_MD_CTX_free(d->context);
    free(d);
}

void digest_sha256(struct slice bytes, uint8_t out[DIGEST_LEN])
{
    require(EVP_Digest(bytes.data, bytes.len, out, NULL, EVP_sha256(), NULL));
}

void digest_hmac(struct slice key, struct slice bytes, uint8_t out[DIGEST_LEN])
{
    require(key.len <= INT_MAX);
    require(HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)bytes.data, bytes.len,
                 out, NULL) != NULL);
}

void digest_hex(const uint8_t *bytes, size_t len, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * len] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_unhex(struct slice text, uint8_t *out, size_t len)
{
    if (text.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text.data[2 * i]), low = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void digest_random(void *out, size_t len)
{
    require(len <= INT_MAX && RAND_bytes(out, (int)len) == 1);
}

int digest_same(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void digest_wipe(void *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}
