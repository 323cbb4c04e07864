/* What an error reply says, in every form the vendors use: RFC 9457
 * {type,title,status,detail,instance}; {statusCode,error,message,retryAfter}; {error};
 * {status:{code,message}}; detail as text or object. */
#ifndef TRANCHE_WIRE_PROBLEM_H
#define TRANCHE_WIRE_PROBLEM_H

#include <stdint.h>

#include "base/slice.h"
#include "wire/json.h"

struct problem {
    char type[64];  /* the last path segment of `type`: "insufficient-credits"; or "" */
    char text[256]; /* the sentence to show: detail, else message, else error, else title; control
                       characters removed; or "" */
    int64_t retry_after_ms; /* from the body, clamped to an hour; -1 */
    int64_t balance;        /* currentBalance; -1 */
    int64_t required;       /* required; -1 */
};

/* Never fails: what is not JSON gives a problem whose text is the first line of it, cut. */
void problem_parse(struct problem *p, struct json *j, struct slice body);

#endif
