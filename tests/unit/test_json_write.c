/* Writing JSON: escapes, bad UTF-8, members; whatever is written parses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define BAD "\xef\xbf\xbd"
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void test_strings(void **state)
{
    static const struct {
        struct slice text;
        const char *written;
    } rows[] = {
        {TEXT(""), "\"\""},
        {TEXT("plain text/"), "\"plain text/\""},
        {TEXT("\"\\"), "\"\\\"\\\\\""},
        {TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {TEXT("a\0b\x1f\x7f"), "\"a\\u0000b\\u001f\x7f\""},
        {TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\""},
        {TEXT("\xc3\xa9\n\xc3\xa9"), "\"\xc3\xa9\\n\xc3\xa9\""},
        {TEXT("a\xff"
              "b"),
         "\"a" BAD "b\""},
        {TEXT("\xc3"), "\"" BAD "\""},
        {TEXT("\xe2\x82"), "\"" BAD BAD "\""},
        {TEXT("\xc3\xa9\xff\xc3\xa9\xfe"), "\"\xc3\xa9" BAD "\xc3\xa9" BAD "\""},
        {TEXT("\xed\xa0\x80"), "\"" BAD BAD BAD "\""},
        {TEXT("\xc0\xaf\""), "\"" BAD BAD "\\\"\""},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        buf_reset(&b);
        json_write_string(&b, rows[i].text);
        assert_string_equal(buf_text(&b), rows[i].written);
    }
    buf_deinit(&b);
}

/* Random bytes, biased to the interesting: what is written parses, and reads back as what it was
 * where that was UTF-8. */
static void test_random_bytes(void **state)
{
    static const unsigned char alphabet[] =
        "ab\"\\\n\x01\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\xff\xed\xa0";
    struct json *j = json_create(4);
    struct buf b;

    (void)state;
    srandom(1);
    buf_init(&b, 1 << 20);
    for (int round = 0; round < 20000; round++) {
        char text[40];
        struct slice s = {text, (size_t)random() % sizeof(text)}, back;
        struct json_value root;
        struct error e = {0};
        for (size_t i = 0; i < s.len; i++)
            text[i] = (char)alphabet[(size_t)random() % (round % 2 ? 4 : sizeof(alphabet))];
        buf_reset(&b);
        json_write_string(&b, s);
        assert_int_equal(json_parse(j, buf_slice(&b), &root, &e), 0);
        assert_true(json_string(root, &back));
        assert_int_equal(slice_eq(s, back), utf8_valid(s));
    }
    buf_deinit(&b);
    json_destroy(j);
}

/* Time grows with the text, not with its square. */
static void test_large_garbage(void **state)
{
    const size_t len = 4 << 20;
    char *text = malloc(len);
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    memset(text, '\xff', len);
    json_write_string(&b, (struct slice){text, len});
    assert_int_equal(b.len, 3 * len + 2);
    for (size_t i = 0; i < len; i++)
        text[i] = i % 3 == 2 ? '\xff' : i % 3 ? '\xa9' : '\xc3';
    buf_reset(&b);
    json_write_string(&b, (struct slice){text, len});
    assert_false(b.failed);
    assert_true(utf8_valid(buf_slice(&b)));
    buf_deinit(&b);
    free(text);
}

static void test_members(void **state)
{
    struct buf b;
    bool first = true;

    (void)state;
    buf_init(&b, 1 << 20);
    buf_append_char(&b, '{');
    json_write_member_string(&b, &first, "a\"", SLICE_LIT("x"));
    json_write_member_i64(&b, &first, "n", INT64_MIN);
    json_write_member_bool(&b, &first, "t", true);
    json_write_member_bool(&b, &first, "f", false);
    json_write_key(&b, &first, "d");
    json_write_double(&b, 0.97);
    json_write_key(&b, &first, "nan");
    json_write_double(&b, NAN);
    buf_append_char(&b, '}');
    assert_string_equal(buf_text(&b),
                        "{\"a\\\"\":\"x\",\"n\":-9223372036854775808,\"t\":true,\"f\":false,"
                        "\"d\":0.97,\"nan\":null}");
    buf_deinit(&b);
}

static void test_maximum(void **state)
{
    struct buf b;

    (void)state;
    for (size_t max = 0; max < 14; max++) {
        buf_init(&b, max);
        json_write_string(&b, SLICE_LIT("ab\n\xff"
                                        "c"));
        assert_int_equal(b.failed, max < strlen("\"ab\\n" BAD "c\""));
        buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),       cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_large_garbage), cmocka_unit_test(test_members),
        cmocka_unit_test(test_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
