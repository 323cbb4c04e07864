/* Time. Code that decides takes `now_ms` as a parameter; only run/, net/ and cli/ read these. */
#ifndef TRANCHE_BASE_CLOCK_H
#define TRANCHE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds that never go back (CLOCK_MONOTONIC). */
int64_t clock_mono_ms(void);
/* Milliseconds since 1970 (CLOCK_REALTIME). */
int64_t clock_wall_ms(void);

/* "2026-11-20T16:04:05Z" into text, which has room for 21 bytes. */
void clock_format_utc(int64_t wall_ms, char *text);

/* A duration as people write it: "250ms", "90s", "15m", "2h", "1h30m", "1d", a bare number of
 * seconds, or "forever" (INT64_MAX). Units go from large to small, once each. Returns
 * milliseconds, or -1 (also for more than 100 years). */
int64_t clock_parse_duration(const char *text);
/* The reverse, two units at most: "1 h 30 min", "4.2 s", "12 ms". text has room for 32 bytes. */
void clock_format_duration(int64_t ms, char *text);

#endif
