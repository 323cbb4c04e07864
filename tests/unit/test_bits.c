/* Sets of a shard's records and their stored form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bits.h"

static void test_members(void **state)
{
    struct bits b = {{0}};
    static const unsigned members[] = {0, 1, 63, 64, 127, 128, 2047, 4032, 4095};
    const unsigned count = sizeof(members) / sizeof(*members);
    unsigned at = 0;

    (void)state;
    assert_int_equal(bits_count(&b), 0);
    assert_int_equal(bits_next(&b, 0), SHARD_RECORDS);
    for (unsigned i = 0; i < count; i++)
        bits_set(&b, members[i]);
    assert_int_equal(bits_count(&b), count);
    for (unsigned i = bits_next(&b, 0); i < SHARD_RECORDS; i = bits_next(&b, i + 1)) {
        assert_true(at < count);
        assert_int_equal(i, members[at++]);
    }
    assert_int_equal(at, count);
    assert_int_equal(bits_next(&b, SHARD_RECORDS), SHARD_RECORDS);
    assert_int_equal(bits_next(&b, 65), 127);
    bits_clear(&b, 64);
    assert_false(bits_test(&b, 64));
    assert_true(bits_test(&b, 63));
}

/* Every size from none to all: what is written reads back, and no other bytes do. */
static void test_round_trip(void **state)
{
    struct bits b = {{0}}, back;
    uint8_t bytes[BITS_ENCODED_MAX + 1];
    unsigned i = 0;

    (void)state;
    for (unsigned size = 0; size <= SHARD_RECORDS; size++) {
        size_t len = bits_encode(&b, bytes);
        assert_true(len <= BITS_ENCODED_MAX);
        assert_int_equal(len, size < 256 ? 1 + 2 * size : BITS_ENCODED_MAX);
        assert_true(bits_decode(&back, bytes, len));
        assert_memory_equal(&b, &back, sizeof(b));
        assert_false(bits_decode(&back, bytes, len - 1));
        bytes[len] = 0;
        assert_false(bits_decode(&back, bytes, len + 1));
        i = (i + 1237) % SHARD_RECORDS; /* coprime to 4096: meets every member once */
        bits_set(&b, i);
    }
}

/* The stored form is part of the ledger's format. */
static void test_stored_form(void **state)
{
    struct bits b = {{0}};
    uint8_t bytes[BITS_ENCODED_MAX];

    (void)state;
    bits_set(&b, 3);
    bits_set(&b, 0x0abc);
    assert_int_equal(bits_encode(&b, bytes), 5);
    assert_memory_equal(bytes, "L\x03\x00\xbc\x0a", 5);
    memset(&b, 0, sizeof(b));
    for (unsigned i = 8; i < 8 + 256; i++)
        bits_set(&b, i);
    assert_int_equal(bits_encode(&b, bytes), BITS_ENCODED_MAX);
    assert_memory_equal(bytes, "B\x00\xff\xff", 4);
    assert_int_equal(bytes[1 + 33], 0);
}

static void test_foreign_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"", 0},
                {"X", 1},
                {"L\x01", 2},
                {"L\x02\x00\x01\x00", 5}, /* descending */
                {"L\x01\x00\x01\x00", 5}, /* twice */
                {"L\x00\x10", 3},         /* 4096 */
                {"L\xff\xff", 3},
                {"B", 1}};
    struct bits b;
    uint8_t bytes[BITS_ENCODED_MAX + 1] = {'B', 1};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_false(bits_decode(&b, (const uint8_t *)rows[i].bytes, rows[i].len));
    /* A bitmap of one member would have been a list. */
    assert_false(bits_decode(&b, bytes, BITS_ENCODED_MAX));
    /* A list of 256 would have been a bitmap. */
    bytes[0] = 'L';
    for (unsigned i = 0; i < 256; i++) {
        bytes[1 + 2 * i] = (uint8_t)i;
        bytes[2 + 2 * i] = 0;
    }
    assert_false(bits_decode(&b, bytes, 1 + 2 * 256));
    assert_true(bits_decode(&b, bytes, 1 + 2 * 255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_stored_form),
        cmocka_unit_test(test_foreign_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
