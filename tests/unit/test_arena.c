/* Arenas: alignment, reuse after a reset, the maximum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_pieces_do_not_overlap(void **state)
{
    struct arena a;
    unsigned char *piece[2000];

    (void)state;
    arena_init(&a, 64 << 20);
    for (size_t i = 0; i < 2000; i++) {
        piece[i] = arena_alloc(&a, i);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % _Alignof(max_align_t), 0);
        memset(piece[i], (int)(i % 251), i);
    }
    for (size_t i = 0; i < 2000; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(piece[i][k], i % 251);
    arena_deinit(&a);
}

static void test_reset_keeps_memory(void **state)
{
    struct arena a;
    size_t total = 0;

    (void)state;
    arena_init(&a, 64 << 20);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 300; i++)
            assert_non_null(arena_alloc(&a, i * 37));
        assert_non_null(arena_alloc(&a, 3 << 20));
        if (round == 0)
            total = a.total;
        assert_int_equal(a.total, total);
        arena_reset(&a);
    }
    /* Pieces that are larger than the kept blocks pass them over. */
    char *large = arena_alloc(&a, 5 << 20);
    assert_non_null(large);
    memset(large, 1, 5 << 20);
    char *small = arena_zalloc(&a, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(small[i], 0);
    arena_deinit(&a);
    assert_int_equal(a.total, 0);
    assert_non_null(arena_alloc(&a, 1));
    arena_deinit(&a);
}

static void test_maximum(void **state)
{
    struct arena a;
    size_t given = 0;

    (void)state;
    arena_init(&a, 100000);
    assert_null(arena_alloc(&a, 100001));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 64));
    while (arena_alloc(&a, 1000))
        given += 1000;
    assert_true(given > 90000 && given <= 100000);
    assert_true(a.total <= 100000);
    assert_null(arena_zalloc(&a, 2000));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 10000));
    arena_deinit(&a);
}

static void test_copies(void **state)
{
    struct arena a;
    char text[] = "hello";

    (void)state;
    arena_init(&a, 1 << 20);
    struct slice copy = arena_copy(&a, slice_of(text));
    char *again = arena_text(&a, slice_of(text));
    struct slice empty = arena_copy(&a, (struct slice){NULL, 0});
    text[0] = 'j';
    assert_true(slice_eq(copy, SLICE_LIT("hello")));
    assert_string_equal(again, "hello");
    assert_non_null(empty.data);
    assert_int_equal(empty.len, 0);
    arena_deinit(&a);
    arena_init(&a, 4);
    assert_null(arena_copy(&a, SLICE_LIT("hello")).data);
    assert_null(arena_text(&a, SLICE_LIT("hello")));
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_reset_keeps_memory),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
