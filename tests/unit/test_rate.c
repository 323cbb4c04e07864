/* Rates as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sched/rate.h"

static const struct good {
    const char *text;
    int count;
    struct rate first, last;
} good[] = {
    {"5/s", 1, {5, 1000}, {5, 1000}},
    {"60/min", 1, {60, 60000}, {60, 60000}},
    {"400/hour", 1, {400, 3600000}, {400, 3600000}},
    {"1000000/day", 1, {1000000, 86400000}, {1000000, 86400000}},
    {"5/s,60/min", 2, {5, 1000}, {60, 60000}},
    {"1/s,2/s,3/s,4/s,5/s,6/s,7/s,8/day", 8, {1, 1000}, {8, 86400000}},
    {"007/s", 1, {7, 1000}, {7, 1000}},
};

/* What must be said about it is a part of the message. */
static const struct bad {
    const char *text;
    const char *says;
} bad[] = {
    {"", "''"},
    {"5", "'5' is not a rate"},
    {"/s", "from 1 to 1000000"},
    {"0/s", "from 1 to 1000000"},
    {"1000001/s", "from 1 to 1000000"},
    {"-1/s", "from 1 to 1000000"},
    {"1.5/s", "from 1 to 1000000"},
    {" 5/s", "from 1 to 1000000"},
    {"18446744073709551621/s", "from 1 to 1000000"},
    {"5/", "unit must be"},
    {"5/sec", "unit must be"},
    {"5/S", "unit must be"},
    {"5/s/min", "unit must be"},
    {"5/s ", "unit must be"},
    {"5/s,", "''"},
    {",5/s", "''"},
    {"5/s,,6/s", "''"},
    {"5/s,x/min", "'x/min'"},
    {"1/s,2/s,3/s,4/s,5/s,6/s,7/s,8/s,9/s", "more than 8"},
};

static void parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct rate out[RATES_MAX];
        struct error e = {0};
        assert_int_equal(rate_parse(good[i].text, out, &e), good[i].count);
        assert_int_equal(out[0].count, good[i].first.count);
        assert_int_equal(out[0].per_ms, good[i].first.per_ms);
        assert_int_equal(out[good[i].count - 1].count, good[i].last.count);
        assert_int_equal(out[good[i].count - 1].per_ms, good[i].last.per_ms);
    }
}

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rate out[RATES_MAX];
        struct error e = {0};
        assert_int_equal(rate_parse(bad[i].text, out, &e), ERR_USAGE);
        if (!strstr(e.message, bad[i].says))
            fail_msg("'%s': %s", bad[i].text, e.message);
    }
}

static void formats(void **state)
{
    static const struct {
        uint32_t count;
        int64_t per_ms;
        const char *text;
    } rows[] = {
        {5, 1000, "5/s"},       {60, 60000, "60/min"},
        {7, 3600000, "7/hour"}, {UINT32_MAX, 86400000, "4294967295/day"},
        {3, 250, "3/250ms"},    {UINT32_MAX, INT64_MAX, "4294967295/9223372036854775807ms"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[40];
        rate_format(rows[i].count, rows[i].per_ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses),
        cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
