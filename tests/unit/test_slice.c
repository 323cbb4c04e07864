/* Borrowed bytes: comparing, trimming and reading numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

static void test_equality(void **state)
{
    (void)state;
    assert_true(slice_eq(slice_of("abc"), slice_of("abc")));
    assert_false(slice_eq(slice_of("abc"), slice_of("abd")));
    assert_false(slice_eq(slice_of("abc"), slice_of("ab")));
    assert_true(slice_eq((struct slice){NULL, 0}, slice_of(NULL)));
    assert_true(slice_eq_nocase(slice_of("Retry-AFTER"), slice_of("retry-after")));
    assert_false(slice_eq_nocase(slice_of("@"), slice_of("`")));
    assert_false(slice_eq_nocase(slice_of("["), slice_of("{")));
    assert_false(slice_eq_nocase(slice_of("\xc3\x84"), slice_of("\xc3\xa4")));
}

static void test_trim(void **state)
{
    static const struct {
        const char *text, *trimmed;
    } rows[] = {{"", ""},
                {" \t\r\n\v\f", ""},
                {" a b ", "a b"},
                {"a", "a"},
                {"\xc2\xa0"
                 "a",
                 "\xc2\xa0"
                 "a"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_true(slice_eq(slice_trim(slice_of(rows[i].text)), slice_of(rows[i].trimmed)));
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(slice_starts(slice_of("list.csv"), slice_of("list")));
    assert_true(slice_starts(slice_of("list"), SLICE_EMPTY));
    assert_false(slice_starts(slice_of("li"), slice_of("list")));
    assert_true(slice_ends(slice_of("list.csv.zst"), SLICE_LIT(".zst")));
    assert_true(slice_ends(slice_of("a"), SLICE_EMPTY));
    assert_false(slice_ends(slice_of("zst"), SLICE_LIT(".zst")));
}

static void test_u64(void **state)
{
    static const struct {
        const char *text;
        unsigned long long value;
    } good[] = {{"0", 0},
                {"007", 7},
                {"9999999999999999999", 9999999999999999999ull},
                {"1234567890", 1234567890}};
    static const char *const bad[] = {"",   "-1",  "+1",  " 1",
                                      "1 ", "1.0", "0x1", "12345678901234567890"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        unsigned long long value = 42;
        assert_true(slice_u64(slice_of(good[i].text), &value));
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        unsigned long long value = 42;
        assert_false(slice_u64(slice_of(bad[i]), &value));
        assert_true(value == 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_u64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
