/* Retry-After, query encoding, and what may be an id, a header or a base address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/http.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define HOUR_MS INT64_C(3600000)
/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOV_1994_MS INT64_C(784111777000)

static void test_retry_after(void **state)
{
    static const struct {
        struct slice value;
        int64_t wall_ms, wait_ms;
    } rows[] = {
        {TEXT("0"), 0, 0},
        {TEXT("45"), 0, 45000},
        {TEXT(" 45\t"), 0, 45000},
        {TEXT("3600"), 0, HOUR_MS},
        {TEXT("3601"), 0, HOUR_MS},
        {TEXT("9999999999999999999"), 0, HOUR_MS},
        {TEXT("99999999999999999999"), 0, -1},
        {TEXT("-1"), 0, -1},
        {TEXT("+1"), 0, -1},
        {TEXT("1.5"), 0, -1},
        {TEXT("1e3"), 0, -1},
        {TEXT("4 5"), 0, -1},
        {TEXT(""), 0, -1},
        {TEXT("soon"), 0, -1},
        {TEXT("12\0"), 0, -1},
        {TEXT("Sun, 06 Nov 1994 08:49:37 GMT"), NOV_1994_MS - 10000, 10000},
        {TEXT("Sunday, 06-Nov-94 08:49:37 GMT"), NOV_1994_MS - 10000, 10000},
        {TEXT("Sun Nov  6 08:49:37 1994"), NOV_1994_MS - 10000, 10000},
        {TEXT("Wed Nov 16 08:49:37 1994"), NOV_1994_MS, HOUR_MS},
        {TEXT("Sun, 06 Nov 1994 08:49:37 GMT"), NOV_1994_MS, 0},
        {TEXT("Sun, 06 Nov 1994 08:49:37 GMT"), NOV_1994_MS + 1, 0},
        {TEXT("Sun, 06 Nov 1994 08:49:60 GMT"), NOV_1994_MS, 23000},
        {TEXT("Thu, 29 Feb 1996 00:00:00 GMT"), INT64_C(825551999000), 1000},
        {TEXT("Wed, 29 Feb 1995 00:00:00 GMT"), 0, -1},
        {TEXT("Sun, 31 Apr 1994 08:49:37 GMT"), 0, -1},
        {TEXT("Sun, 00 Nov 1994 08:49:37 GMT"), 0, -1},
        {TEXT("Sun, 06 Nov 1994 24:49:37 GMT"), 0, -1},
        {TEXT("Sun, 06 Nov 1994 08:60:37 GMT"), 0, -1},
        {TEXT("Sun, 06 Nov 1994 08:49:61 GMT"), 0, -1},
        {TEXT("Sun, 06 nov 1994 08:49:37 GMT"), 0, -1},
        {TEXT("Sun, 06 Nov 1994 08:49:37 EST"), 0, -1},
        {TEXT("Sun, 06 Nov 1994 08:49:37"), 0, -1},
        {TEXT("Sun, 6 Nov 1994 08:49:37 GMT"), 0, -1},
        {TEXT("Sun, 06 Nov 1994 08:49:37 GMT x"), 0, -1},
        {TEXT("1994-11-06T08:49:37Z"), 0, -1},
        /* Two digits: 44 years ahead of 2026 is that century, 2077 would be 51 ahead. */
        {TEXT("Friday, 20-Nov-26 16:04:05 GMT"), INT64_C(1795190635000), 10000},
        {TEXT("Wednesday, 20-Nov-70 16:04:05 GMT"), INT64_C(1795190635000), HOUR_MS},
        {TEXT("Saturday, 20-Nov-77 16:04:05 GMT"), INT64_C(1795190635000), 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t wait_ms = http_retry_after(rows[i].value, rows[i].wall_ms);
        if (wait_ms != rows[i].wait_ms)
            fail_msg("\"%s\" gave %lld", rows[i].value.data, (long long)wait_ms);
    }
}

static void test_encode_query(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    http_encode_query(&b, SLICE_LIT("a+b@x.io&c=/?#% ~-._Z9\xc3\xa9\r\n"));
    assert_string_equal(buf_text(&b), "a%2Bb%40x.io%26c%3D%2F%3F%23%25%20~-._Z9%C3%A9%0D%0A");
    buf_deinit(&b);
}

static void test_ids_and_headers(void **state)
{
    static const char long_id[] =
        "0123456789012345678901234567890123456789012345678901234567890123x";

    (void)state;
    assert_true(http_id_valid(SLICE_LIT("64a_B-9")));
    assert_true(http_id_valid((struct slice){long_id, 64}));
    assert_false(http_id_valid((struct slice){long_id, 65}));
    static const struct slice bad_ids[] = {TEXT(""),    TEXT("."),        TEXT(".."),
                                           TEXT("a/b"), TEXT("a%2f"),     TEXT("a b"),
                                           TEXT("a\0"), TEXT("\xc3\xa9"), TEXT("a\n")};
    for (size_t i = 0; i < sizeof(bad_ids) / sizeof(*bad_ids); i++)
        assert_false(http_id_valid(bad_ids[i]));
    assert_true(http_header_valid(SLICE_LIT("Bearer sk_live~!")));
    static const struct slice bad_headers[] = {TEXT(""),          TEXT(" a"),   TEXT("a "),
                                               TEXT("a\r\nX: y"), TEXT("a\0b"), TEXT("a\tb"),
                                               TEXT("\xc3\xa9"),  TEXT("a\x7f")};
    for (size_t i = 0; i < sizeof(bad_headers) / sizeof(*bad_headers); i++)
        assert_false(http_header_valid(bad_headers[i]));
}

static void test_base_addresses(void **state)
{
    static const char *const good[] = {
        "https://dev.enrich.so", "https://prospiq.net/api/v1", "https://wiza.co/",
        "HTTPS://Wiza.co",       "https://x:8443/a",           "https://[2001:db8::1]:443/",
        "https://10.0.0.1",      "http://127.0.0.1:8080",      "http://127.255.255.254/",
        "http://localhost",      "http://LocalHost:1/x",       "http://[::1]:80/"};
    static const char *const bad[] = {"",
                                      "https://",
                                      "https:///x",
                                      "ftp://x",
                                      "x.io",
                                      "//x.io",
                                      "https:/x.io",
                                      "http://x.io",
                                      "http://10.0.0.1",
                                      "http://127.0.0.1.evil.com",
                                      "http://localhost.evil.com",
                                      "http://127.1",
                                      "http://127.0.0.256",
                                      "http://128.0.0.1",
                                      "http://0127.0.0.1",
                                      "http://127.0.0.1.",
                                      "http://2130706433",
                                      "http://[::2]",
                                      "http://[::1",
                                      "http://::1",
                                      "https://u:p@x.io",
                                      "https://u@x.io",
                                      "http://localhost@evil.com",
                                      "http://evil.com#@localhost",
                                      "https://x.io?key=1",
                                      "https://x.io/#f",
                                      "https://x.io:0",
                                      "https://x.io:65536",
                                      "https://x.io:",
                                      "https://x.io:80x",
                                      "https://x.io:80:80",
                                      "https://x y.io",
                                      "https://x.io/\r\n",
                                      "https://x.io\\@evil.com",
                                      "https://\xc3\xa9.io",
                                      "https://[::1]x",
                                      "https://[]",
                                      "https://[::1]:",
                                      "https://x[::1]"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (http_base_problem(slice_of(good[i])))
            fail_msg("%s: %s", good[i], http_base_problem(slice_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (!http_base_problem(slice_of(bad[i])))
            fail_msg("%s was accepted", bad[i]);
    assert_non_null(http_base_problem(SLICE_LIT("https://x.io\0.evil.com")));
    assert_non_null(strstr(http_base_problem(SLICE_LIT("http://x.io")), "loopback"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_encode_query),
        cmocka_unit_test(test_ids_and_headers),
        cmocka_unit_test(test_base_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
