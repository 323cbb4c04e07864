/* Reads and writes rates as people write them. Pure; any thread. */
#include "sched/rate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"

#define RATE_COUNT_MAX 1000000
#define RATE_TEXT_LEN  40

static const struct unit {
    const char *name;
    int64_t per_ms;
} units[] = {
    {"s", 1000},
    {"min", 60 * 1000},
    {"hour", 3600 * 1000},
    {"day", 24 * 3600 * 1000},
};

#define UNIT_COUNT (sizeof units / sizeof units[0])

/* One N/UNIT. */
static int parse_one(struct slice text, struct rate *out, struct error *e)
{
    const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    unsigned long long count;

    if (!slash)
        return error_set(e, ERR_USAGE, "'%.*s' is not a rate: write N/UNIT, such as 5/s or 60/min",
                         SLICE_ARG(text));
    struct slice number = {text.data, (size_t)(slash - text.data)};
    struct slice unit = {slash + 1, text.len - number.len - 1};

    if (!slice_u64(number, &count) || count < 1 || count > RATE_COUNT_MAX)
        return error_set(e, ERR_USAGE, "'%.*s' is not a rate: its number must be from 1 to 1000000",
                         SLICE_ARG(text));
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (slice_eq(unit, slice_of(units[i].name))) {
            *out = (struct rate){(uint32_t)count, units[i].per_ms};
            return 0;
        }
    }
    return error_set(e, ERR_USAGE, "'%.*s' is not a rate: its unit must be s, min, hour or day",
                     SLICE_ARG(text));
}

int rate_parse(const char *text, struct rate out[RATES_MAX], struct error *e)
{
    int count = 0;

    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        if (count == RATES_MAX)
            return error_set(e, ERR_USAGE, "'%s' has more than %d rates", text, RATES_MAX);
        int rc = parse_one((struct slice){at, len}, &out[count], e);
        if (rc != 0)
            return rc;
        count++;
        at += len;
        if (*at == '\0')
            return count;
    }
}

void rate_format(uint32_t count, int64_t per_ms, char *text)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (units[i].per_ms == per_ms) {
            snprintf(text, RATE_TEXT_LEN, "%" PRIu32 "/%s", count, units[i].name);
            return;
        }
    }
    snprintf(text, RATE_TEXT_LEN, "%" PRIu32 "/%" PRId64 "ms", count, per_ms);
}
