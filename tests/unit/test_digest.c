/* Digests against published vectors; random bytes; comparing and wiping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/digest.h"

static void expect(const uint8_t *bytes, const char *hex)
{
    char text[DIGEST_HEX_LEN + 1];

    digest_hex(bytes, DIGEST_LEN, text);
    assert_string_equal(text, hex);
}

/* FIPS 180-2, appendix B. */
static void test_sha256(void **state)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t out[DIGEST_LEN];

    (void)state;
    digest_sha256(SLICE_LIT("abc"), out);
    expect(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256(SLICE_EMPTY, out);
    expect(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct digest *d = digest_create();
    assert_non_null(d);
    for (size_t i = 0; i < sizeof(two_blocks) - 1; i++)
        digest_add(d, (struct slice){two_blocks + i, 1});
    digest_finish(d, out);
    expect(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, test cases 2 and 6. */
static void test_hmac(void **state)
{
    char key[131];
    uint8_t out[DIGEST_LEN];

    (void)state;
    digest_hmac(SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"), out);
    expect(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    digest_hmac((struct slice){key, sizeof(key)},
                SLICE_LIT("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    expect(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_rest(void **state)
{
    uint8_t a[32] = {0}, b[32] = {0}, none[32] = {0};

    (void)state;
    assert_true(digest_same(a, b, sizeof(a)));
    digest_random(a, sizeof(a));
    digest_random(b, sizeof(b));
    assert_false(digest_same(a, b, sizeof(a)));
    assert_false(digest_same(a, none, sizeof(a)));
    assert_true(digest_same(a, b, 0));
    digest_wipe(a, sizeof(a));
    assert_memory_equal(a, none, sizeof(a));
}

static void test_unhex(void **state)
{
    static const char *const bad[] = {"",       "00ff1",    "00ff1g", "00ff1 ",
                                      "0x00ff", "00ff1a00", "00ff1:"};
    uint8_t out[3];
    char text[7];

    (void)state;
    assert_true(digest_unhex(SLICE_LIT("00fF1a"), out, 3));
    digest_hex(out, 3, text);
    assert_string_equal(text, "00ff1a");
    assert_true(digest_unhex(SLICE_EMPTY, out, 0));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(digest_unhex(slice_of(bad[i]), out, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_unhex),
        cmocka_unit_test(test_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
