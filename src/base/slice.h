/* Borrowed bytes: a pointer and a length, not NUL-terminated, owned by someone else. */
#ifndef TRANCHE_BASE_SLICE_H
#define TRANCHE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data;
    size_t len;
};

#define SLICE_LIT(text) ((struct slice){(text), sizeof(text) - 1})
#define SLICE_EMPTY     ((struct slice){"", 0})
/* For printf: "%.*s", SLICE_ARG(s). Lengths beyond INT_MAX do not occur: every input is bounded. */
#define SLICE_ARG(s) (int)(s).len, (s).data

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text ? text : "", text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Whether both are equal when ASCII letters are compared without case. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Without the ASCII white space (space, \t, \r, \n, \v, \f) at both ends. */
struct slice slice_trim(struct slice s);

bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);

/* A decimal number without sign, at most 19 digits. False, and *value untouched, for anything else.
 */
bool slice_u64(struct slice s, unsigned long long *value);

#endif
