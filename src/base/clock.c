/* Reads the clocks, and writes times and durations for people.
 *
 * Formatting and parsing are pure; everything may be called from any thread. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define LONGEST_MS                                                                                 \
    (36500 * DAY_MS) /* longer is a slip of the finger; now + duration must not overflow */

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * SECOND_MS + t.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

void clock_format_utc(int64_t wall_ms, char *text)
{
    const int64_t last_s = INT64_C(253402300799); /* 9999-12-31T23:59:59Z */
    int64_t s = wall_ms < 0 ? 0 : wall_ms / SECOND_MS;
    time_t when = (time_t)(s > last_s ? last_s : s);
    struct tm tm;

    gmtime_r(&when, &tm);
    strftime(text, 21, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {{"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1}};

/* The unit named by these letters, among those from `from` on: units go from large to small. */
static int find_unit(const char *name, size_t len, size_t from)
{
    for (size_t i = from; i < sizeof(units) / sizeof(*units); i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0)
            return (int)i;
    return -1;
}

int64_t clock_parse_duration(const char *text)
{
    int64_t sum = 0;
    size_t next_unit = 0;
    const char *at = text;

    if (strcmp(text, "forever") == 0)
        return INT64_MAX;
    do {
        int64_t number = 0;
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 15)
            return -1;
        for (size_t i = 0; i < digits; i++)
            number = number * 10 + (at[i] - '0');
        bool bare = at == text && at[digits] == '\0';
        at += digits;
        size_t letters = strcspn(at, "0123456789");
        int unit = bare ? find_unit("s", 1, 0) : find_unit(at, letters, next_unit);
        if (unit < 0 || number > (LONGEST_MS - sum) / units[unit].ms)
            return -1;
        sum += number * units[unit].ms;
        next_unit = (size_t)unit + 1;
        at += letters;
    } while (*at);
    return sum;
}

void clock_format_duration(int64_t ms, char *text)
{
    static const struct {
        int64_t ms, part_ms;
        const char *name, *part;
    } forms[] = {{DAY_MS, HOUR_MS, "d", "h"},
                 {HOUR_MS, MINUTE_MS, "h", "min"},
                 {MINUTE_MS, SECOND_MS, "min", "s"}};
    const size_t size = 32;

    if (ms == INT64_MAX) {
        snprintf(text, size, "forever");
        return;
    }
    if (ms < SECOND_MS) {
        snprintf(text, size, "%d ms", ms < 0 ? 0 : (int)ms);
        return;
    }
    int64_t tenths = ms / 100;
    if (tenths < 100 && tenths % 10 != 0) {
        snprintf(text, size, "%d.%d s", (int)(tenths / 10), (int)(tenths % 10));
        return;
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        if (ms < forms[i].ms)
            continue;
        long long whole = ms / forms[i].ms;
        int part = (int)(ms % forms[i].ms / forms[i].part_ms);
        if (part)
            snprintf(text, size, "%lld %s %d %s", whole, forms[i].name, part, forms[i].part);
        else
            snprintf(text, size, "%lld %s", whole, forms[i].name);
        return;
    }
    snprintf(text, size, "%d s", (int)(ms / SECOND_MS));
}
