/* Rates as people write them: "5/s,60/min". */
#ifndef TRANCHE_SCHED_RATE_H
#define TRANCHE_SCHED_RATE_H

#include <stdint.h>

#include "base/error.h"

#define RATES_MAX 8

struct rate {
    uint32_t count;
    int64_t per_ms;
};

/* N/UNIT[,N/UNIT]: UNIT is s, min, hour or day; N from 1 to 1,000,000. Returns how many (1 to
 * RATES_MAX), or ERR_USAGE with what is wrong. */
int rate_parse(const char *text, struct rate out[RATES_MAX], struct error *e);
/* "5/s": text has room for 40 bytes. */
void rate_format(uint32_t count, int64_t per_ms, char *text);

#endif
