/* UTF-8: validity, counting, lower case, trimming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "wire/utf8.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void test_validity(void **state)
{
    static const struct {
        struct slice text;
        size_t bad; /* offset; the length when all is well */
    } rows[] = {
        {TEXT(""), 0},
        {TEXT("ascii \0 too"), 11},
        {TEXT("\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 18},
        {TEXT("\xed\x9f\xbf\xee\x80\x80"), 6},
        {TEXT("a\x80"), 1},
        {TEXT("ab\xc3"), 2},
        {TEXT("\xc1\xbf"), 0},
        {TEXT("x\xe0\x9f\xbf"), 1},
        {TEXT("x\xed\xa0\x80"), 1},
        {TEXT("\xf0\x8f\xbf\xbf"), 0},
        {TEXT("\xf4\x90\x80\x80"), 0},
        {TEXT("\xf5\x80\x80\x80"), 0},
        {TEXT("\xc3\xa9\xff"), 2},
        {TEXT("0123456789012345678901234567890123456789012345678901234567890123456789\xe2\x82"),
         70}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(utf8_bad(rows[i].text), rows[i].bad);
        assert_int_equal(utf8_valid(rows[i].text), rows[i].bad == rows[i].text.len);
    }
}

/* The decoder and simdjson agree on every sequence of three bytes around the borders. */
static void test_decoder_agrees(void **state)
{
    char text[4];

    (void)state;
    for (int a = 0x7e; a < 0x100; a++) {
        for (int b = 0; b < 0x100; b++) {
            for (int c = 0x3f; c < 0x100; c += c == 0x41 ? 0x3e : 1) {
                text[0] = (char)a;
                text[1] = (char)b;
                text[2] = (char)c;
                text[3] = (char)0x80;
                for (size_t len = 1; len <= 4; len++) {
                    struct slice s = {text, len};
                    if (utf8_valid(s) != (utf8_bad(s) == len))
                        fail_msg("%02x %02x %02x, %zu bytes", a, b, c, len);
                }
            }
        }
    }
}

static void test_first_and_count(void **state)
{
    uint32_t point = 0;

    (void)state;
    assert_int_equal(utf8_first(SLICE_LIT("\xe2\x82\xacx"), &point), 3);
    assert_int_equal(point, 0x20ac);
    assert_int_equal(utf8_first(SLICE_LIT("\xf0\x9d\x84\x9e"), &point), 4);
    assert_int_equal(point, 0x1d11e);
    assert_int_equal(utf8_first(SLICE_LIT("\xff"), &point), 0);
    assert_int_equal(utf8_first(SLICE_EMPTY, &point), 0);
    assert_int_equal(utf8_count(SLICE_LIT("\xe2\x82\xacx\xf0\x9d\x84\x9e")), 3);
    assert_int_equal(utf8_count(SLICE_EMPTY), 0);
}

static void test_lower(void **state)
{
    static const struct {
        struct slice text;
        const char *lowered;
    } rows[] = {
        {TEXT(""), ""},
        {TEXT("John.DOE@Example.COM [Z@`z{]"), "john.doe@example.com [z@`z{]"},
        {TEXT("\xc3\x84RGER"), "\xc3\xa4rger"},                                         /* Ae */
        {TEXT("\xce\x9f\xce\x94\xce\x9f\xce\xa3"), "\xce\xbf\xce\xb4\xce\xbf\xcf\x83"}, /* Greek */
        {TEXT("\xd0\x96\xd0\x81x"), "\xd0\xb6\xd1\x91x"},       /* Cyrillic */
        {TEXT("\xc8\xba"), "\xe2\xb1\xa5"},                     /* 2 bytes become 3 */
        {TEXT("\xe2\x84\xaa"), "k"},                            /* Kelvin sign */
        {TEXT("\xf0\x90\x90\x80"), "\xf0\x90\x90\xa8"},         /* Deseret */
        {TEXT("\xc3\x9f\xe6\x97\xa5"), "\xc3\x9f\xe6\x97\xa5"}, /* no other case */
        {TEXT("A\xff"
              "B\xc3"),
         "a\xef\xbf\xbd"
         "b\xef\xbf\xbd"}};
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        buf_reset(&b);
        utf8_lower(&b, rows[i].text);
        assert_string_equal(buf_text(&b), rows[i].lowered);
    }
    /* Whatever the locale of the process. */
    setlocale(LC_ALL, "tr_TR.UTF-8");
    setlocale(LC_CTYPE, "C");
    buf_reset(&b);
    utf8_lower(&b, SLICE_LIT("I\xc3\x84"));
    assert_string_equal(buf_text(&b), "i\xc3\xa4");
    buf_deinit(&b);
    buf_init(&b, 2);
    utf8_lower(&b, SLICE_LIT("A\xc3\x84"
                             "B"));
    assert_true(b.failed);
    buf_deinit(&b);
}

static void test_trim(void **state)
{
    static const struct {
        struct slice text;
        const char *trimmed;
    } rows[] = {{TEXT(""), ""},
                {TEXT(" \t a b \r\n"), "a b"},
                {TEXT("\xc2\xa0\xe2\x80\x83x\xe3\x80\x80\xef\xbb\xbf"), "x"},
                {TEXT("\xe2\x80\x8b\xe2\x80\xaf\xe2\x80\xa8\xc2\x85"), ""},
                {TEXT("\xe2\x80\x8c"
                      "a"),
                 "\xe2\x80\x8c"
                 "a"}, /* U+200C is not space */
                {TEXT("a\xe2\x80\x82"
                      "b"),
                 "a\xe2\x80\x82"
                 "b"},
                {TEXT(" \xa0"), "\xa0"}, /* not UTF-8: left alone */
                {TEXT("\xff "), "\xff"},
                {TEXT("\xc3\xa9 \x80\x80\x80\x80\x80"), "\xc3\xa9 \x80\x80\x80\x80\x80"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_true(slice_eq(utf8_trim(rows[i].text), slice_of(rows[i].trimmed)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_decoder_agrees),
        cmocka_unit_test(test_first_and_count),
        cmocka_unit_test(test_lower),
        cmocka_unit_test(test_trim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
