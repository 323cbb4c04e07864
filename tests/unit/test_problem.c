/* Error replies in every form that vendors use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/problem.h"
#include "wire/utf8.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void test_forms(void **state)
{
    static const struct {
        struct slice body;
        const char *type, *text;
        int64_t retry_after_ms, balance, required;
    } rows[] = {
        {TEXT("{\"type\":\"https://dev.enrich.so/errors/"
              "insufficient-credits\",\"title\":\"Insufficient "
              "Credits\",\"status\":402,\"detail\":\"You need 20 credits.\",\"instance\":\"/x\","
              "\"currentBalance\":5,\"required\":20,\"shortfall\":15}"),
         "insufficient-credits", "You need 20 credits.", -1, 5, 20},
        {TEXT("{\"statusCode\":429,\"error\":\"Too Many Requests\",\"message\":\"Slow "
              "down\",\"retryAfter\":45}"),
         "", "Slow down", 45000, -1, -1},
        {TEXT("{\"error\":\"Insufficient credits\"}"), "", "Insufficient credits", -1, -1, -1},
        {TEXT("{\"status\":{\"code\":401,\"message\":\"Unauthorized\"}}"), "", "Unauthorized", -1,
         -1, -1},
        {TEXT("{\"status\":404,\"message\":\"No such list\"}"), "", "No such list", -1, -1, -1},
        {TEXT("{\"error\":\"Payment Required\",\"message\":\"Not enough\",\"statusCode\":402,"
              "\"detail\":{\"currentBalance\":\"7\",\"required\":9}}"),
         "", "Not enough", -1, 7, 9},
        {TEXT("{\"detail\":{\"message\":\"inside\"}}"), "", "inside", -1, -1, -1},
        {TEXT("{\"error\":{\"code\":\"X\",\"message\":\"within\"}}"), "", "within", -1, -1, -1},
        {TEXT("{\"type\":\"about:blank\",\"title\":\"Bad Gateway\",\"detail\":\"\"}"), "",
         "Bad Gateway", -1, -1, -1},
        {TEXT("{\"type\":\"urn:problem:timeout/\",\"detail\":null}"), "timeout", "", -1, -1, -1},
        {TEXT("{\"retryAfter\":1e300}"), "", "", 3600000, -1, -1},
        {TEXT("{\"retryAfter\":-5,\"currentBalance\":-1,\"required\":1e300}"), "", "", -1, -1, -1},
        {TEXT("{\"retryAfter\":\"0.5\"}"), "", "", 500, -1, -1},
        {TEXT("\"just a string\""), "", "just a string", -1, -1, -1},
        {TEXT("{}"), "", "", -1, -1, -1},
        {TEXT("[]"), "", "", -1, -1, -1},
        {TEXT("null"), "", "", -1, -1, -1},
        {TEXT(""), "", "", -1, -1, -1},
        {TEXT("\n  upstream \t timed out\r\nmore"), "", "upstream timed out", -1, -1, -1},
        {TEXT("<html>\n<head>"), "", "<html>", -1, -1, -1},
        {TEXT("bad \xff\xfe bytes\x1b[2J\0\x7f"), "", "bad \xef\xbf\xbd\xef\xbf\xbd bytes[2J", -1,
         -1, -1},
        {TEXT("{\"detail\":\"a\\u0000\\u001b[31m\\n\\n b\\u0085c \"}"), "", "a[31m bc", -1, -1, -1},
    };
    struct json *j = json_create(32);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct problem p;
        problem_parse(&p, j, rows[i].body);
        assert_string_equal(p.type, rows[i].type);
        assert_string_equal(p.text, rows[i].text);
        assert_int_equal(p.retry_after_ms, rows[i].retry_after_ms);
        assert_int_equal(p.balance, rows[i].balance);
        assert_int_equal(p.required, rows[i].required);
    }
    json_destroy(j);
}

/* Long texts are cut between characters. */
static void test_cut(void **state)
{
    struct json *j = json_create(32);
    struct problem p;
    char body[2000] = "{\"detail\":\"";

    (void)state;
    for (int shift = 0; shift < 3; shift++) {
        size_t len = strlen("{\"detail\":\"");
        for (int i = 0; i < shift; i++)
            body[len++] = 'x';
        for (int i = 0; i < 500; i++, len += 3)
            memcpy(body + len, "\xe2\x82\xac", 3);
        memcpy(body + len, "\"}", 3);
        problem_parse(&p, j, slice_of(body));
        assert_true(strlen(p.text) > sizeof(p.text) - 4);
        assert_true(utf8_valid(slice_of(p.text)));
        /* And as a text that is not JSON. */
        problem_parse(&p, j, (struct slice){body + 1, len - 1});
        assert_true(strlen(p.text) > sizeof(p.text) - 4);
        assert_true(utf8_valid(slice_of(p.text)));
    }
    json_destroy(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
