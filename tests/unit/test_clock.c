/* Clocks, and times and durations as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void test_clocks_run(void **state)
{
    int64_t before = clock_mono_ms();
    int64_t wall = clock_wall_ms();

    (void)state;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    int64_t passed = clock_mono_ms() - before;
    assert_true(passed >= 19 && passed < 60000);
    assert_true(wall / 1000 - time(NULL) <= 1 && time(NULL) - wall / 1000 <= 60);
}

static void test_utc(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "1970-01-01T00:00:00Z"},
                {-1, "1970-01-01T00:00:00Z"},
                {INT64_C(1795190645999), "2026-11-20T16:04:05Z"},
                {INT64_C(951782400000), "2000-02-29T00:00:00Z"},
                {INT64_MAX, "9999-12-31T23:59:59Z"}};
    char text[21];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        clock_format_utc(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_parse_duration(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"250ms", 250},
                {"90s", 90000},
                {"90", 90000},
                {"0", 0},
                {"15m", 900000},
                {"2h", 7200000},
                {"1h30m", 5400000},
                {"1d", DAY_MS},
                {"1d2h3m4s5ms", DAY_MS + 7384005},
                {"36500d", 36500 * DAY_MS},
                {"forever", INT64_MAX},
                {"", -1},
                {"s", -1},
                {"-1s", -1},
                {"+1s", -1},
                {" 1s", -1},
                {"1s ", -1},
                {"1.5h", -1},
                {"30m1h", -1},
                {"1h1h", -1},
                {"1h30", -1},
                {"1min", -1},
                {"1H", -1},
                {"36501d", -1},
                {"36500d1ms", -1},
                {"999999999999999d", -1},
                {"9999999999999999999999", -1},
                {"Forever", -1}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (clock_parse_duration(rows[i].text) != rows[i].ms)
            fail_msg("\"%s\" gave %lld", rows[i].text,
                     (long long)clock_parse_duration(rows[i].text));
}

static void test_format_duration(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "0 ms"},
                {-5, "0 ms"},
                {12, "12 ms"},
                {999, "999 ms"},
                {1000, "1 s"},
                {4200, "4.2 s"},
                {9999, "9.9 s"},
                {10500, "10 s"},
                {59999, "59 s"},
                {60000, "1 min"},
                {90000, "1 min 30 s"},
                {3600000, "1 h"},
                {5400000, "1 h 30 min"},
                {7259000, "2 h"},
                {DAY_MS, "1 d"},
                {DAY_MS + 7200000, "1 d 2 h"},
                {INT64_MAX - 1, "106751991167 d 7 h"},
                {INT64_MAX, "forever"}};
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        clock_format_duration(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks_run),
        cmocka_unit_test(test_utc),
        cmocka_unit_test(test_parse_duration),
        cmocka_unit_test(test_format_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
