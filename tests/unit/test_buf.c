/* Byte buffers: growth, the maximum, the sticky failure, padding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_append(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_slice(&b).len, 0);
    assert_non_null(buf_slice(&b).data);
    buf_append_text(&b, "a");
    buf_append_char(&b, ' ');
    buf_append_slice(&b, SLICE_LIT("b "));
    buf_append_u64(&b, 0);
    buf_append_char(&b, ' ');
    buf_append_u64(&b, UINT64_MAX);
    buf_append_char(&b, ' ');
    buf_append_i64(&b, INT64_MIN);
    buf_append_format(&b, " %s=%03d", "n", 7);
    buf_append(&b, NULL, 0);
    assert_string_equal(buf_text(&b), "a b 0 18446744073709551615 -9223372036854775808 n=007");
    assert_false(b.failed);
    buf_deinit(&b);
}

static void test_maximum(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        buf_append_char(&b, 'x');
    assert_false(b.failed);
    assert_int_equal(b.len, 1000);
    assert_int_equal(strlen(buf_text(&b)), 1000);
    assert_true(buf_reserve_padding(&b));
    for (int i = 0; i < BUF_PADDING; i++)
        assert_int_equal(b.data[1000 + i], 0);
    buf_append_char(&b, 'y');
    assert_true(b.failed);
    assert_string_equal(buf_text(&b), "");
    assert_null(buf_reserve(&b, 0));
    assert_false(buf_reserve_padding(&b));
    buf_append_format(&b, "%s", "still failed");
    assert_true(b.failed);
    buf_reset(&b);
    buf_append_text(&b, "fine again");
    assert_string_equal(buf_text(&b), "fine again");
    /* A length near the end of the address space must not wrap around. */
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buf_deinit(&b);
}

static void test_reserve_and_take(void **state)
{
    struct buf a, b;

    (void)state;
    buf_init(&a, SIZE_MAX);
    buf_init(&b, 10);
    buf_append_text(&b, "old");
    char *to = buf_reserve(&a, 100000);
    assert_non_null(to);
    memset(to, 'z', 100000);
    a.len += 100000;
    buf_take(&b, &a);
    assert_int_equal(b.len, 100000);
    assert_int_equal(a.len, 0);
    assert_null(a.data);
    buf_append_text(&a, "reusable");
    assert_string_equal(buf_text(&a), "reusable");
    buf_take(&a, &a);
    assert_string_equal(buf_text(&a), "reusable");
    buf_deinit(&a);
    buf_deinit(&b);
}

static void test_padding_of_empty(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    assert_true(buf_reserve_padding(&b));
    for (int i = 0; i < BUF_PADDING; i++)
        assert_int_equal(b.data[i], 0);
    buf_append_char(&b, 'x');
    assert_true(b.failed);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_reserve_and_take),
        cmocka_unit_test(test_padding_of_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
