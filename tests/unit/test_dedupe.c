/* The table of identities: first records, growth, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "record/dedupe.h"

#define MANY 2000000u

/* Splitmix64: the i-th identity, the same every time. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static struct identity identity_of(uint64_t i)
{
    struct identity id;
    uint64_t words[2] = {mix(2 * i), mix(2 * i + 1)};
    memcpy(id.hash, words, sizeof id.hash);
    return id;
}

static void test_empty(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_create();
    assert_non_null(d);
    assert_int_equal(dedupe_count(d), 0);
    assert_int_equal(dedupe_find(d, identity_of(1)), 0);
    dedupe_destroy(d);
    dedupe_destroy(NULL);
}

static void test_first_wins(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_create();
    assert_int_equal(dedupe_add(d, identity_of(1), 7), 7);
    assert_int_equal(dedupe_add(d, identity_of(1), 9), 7);
    assert_int_equal(dedupe_add(d, identity_of(2), RECORDS_MAX), RECORDS_MAX);
    assert_int_equal(dedupe_find(d, identity_of(1)), 7);
    assert_int_equal(dedupe_find(d, identity_of(2)), RECORDS_MAX);
    assert_int_equal(dedupe_find(d, identity_of(3)), 0);
    assert_int_equal(dedupe_count(d), 2);
    dedupe_destroy(d);
}

/* An identity that could not be made is nobody's duplicate. */
static void test_none(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_create();
    struct identity none = {{0}};
    assert_int_equal(dedupe_add(d, none, 1), 0);
    assert_int_equal(dedupe_find(d, none), 0);
    assert_int_equal(dedupe_count(d), 0);
    dedupe_destroy(d);
}

/* All in one part, with homes at its ends: probing wraps around, and growth keeps everything. */
static void test_crowded(void **state)
{
    (void)state;
    static const uint8_t tails[] = {0x00, 0xff, 0x80};
    struct dedupe *d = dedupe_create();
    for (unsigned t = 0; t < sizeof tails; t++)
        for (uint32_t i = 0; i < 2000; i++) {
            struct identity id;
            memset(id.hash, tails[t], sizeof id.hash);
            id.hash[0] = 5;
            memcpy(id.hash + 1, &i, sizeof i);
            assert_int_equal(dedupe_add(d, id, t * 2000 + i + 1), t * 2000 + i + 1);
            assert_int_equal(dedupe_add(d, id, 1), t * 2000 + i + 1);
        }
    assert_int_equal(dedupe_count(d), 6000);
    for (unsigned t = 0; t < sizeof tails; t++)
        for (uint32_t i = 0; i < 2000; i++) {
            struct identity id;
            memset(id.hash, tails[t], sizeof id.hash);
            id.hash[0] = 5;
            memcpy(id.hash + 1, &i, sizeof i);
            assert_int_equal(dedupe_find(d, id), t * 2000 + i + 1);
        }
    dedupe_destroy(d);
}

static void test_many(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_create();
    size_t peak_growth = 0, before = dedupe_bytes(d);
    uint32_t record = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        record++;
        assert_int_equal(dedupe_add(d, identity_of(i), record), record);
        /* Every third is followed by a repetition of an earlier one. */
        if (i % 3 == 0) {
            uint64_t earlier = mix(i) % (i + 1);
            uint32_t first = (uint32_t)(earlier + 1 + (earlier + 2) / 3);
            assert_int_equal(dedupe_add(d, identity_of(earlier), ++record), first);
        }
        size_t bytes = dedupe_bytes(d);
        if (bytes - before > peak_growth)
            peak_growth = bytes - before;
        before = bytes;
    }
    assert_int_equal(dedupe_count(d), MANY);
    /* 20 bytes at a load between 68 and 85 %, and no step of growth is much of the whole. */
    assert_in_range(dedupe_bytes(d), MANY * 20ull * 100 / 86, MANY * 20ull * 100 / 66);
    assert_true(peak_growth < dedupe_bytes(d) / 256);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(dedupe_find(d, identity_of(i)), (uint32_t)(i + 1 + (i + 2) / 3));
    for (uint64_t i = MANY; i < MANY + 100000; i++)
        assert_int_equal(dedupe_find(d, identity_of(i)), 0);
    dedupe_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty), cmocka_unit_test(test_first_wins),
        cmocka_unit_test(test_none),  cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
