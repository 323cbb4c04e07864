/* A strict JSON scanner that pulls values out of a text in one pass and keeps nothing: submitted
 * bodies are tens of megabytes in a mapped file, and a tree of one would be several times that. The
 * text must be valid UTF-8; everything else of RFC 8259 is checked here. */
#ifndef TRANCHE_SIM_SCAN_H
#define TRANCHE_SIM_SCAN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* The deepest nesting of a value that is skipped. */
#define SCAN_DEPTH_MAX 64

struct scan {
    const char *start, *at, *end;
    const char *problem; /* what is wrong at `at`; NULL while nothing is. Every function fails from
                            then on. */
};

void scan_init(struct scan *s, struct slice json);

/* The first character of the value that comes next, white space passed over; 0 at the end of the
 * text. */
char scan_peek(struct scan *s);

/* Into an object or array: *first is set for the walk. False (a problem) where something else
 * comes. */
bool scan_open(struct scan *s, char bracket, bool *first);
/* The next member of an object: its key, as text from `scratch` where it was escaped. False behind
 * the last one, or with a problem. The value must be taken before the next call. */
bool scan_member(struct scan *s, bool *first, struct buf *scratch, struct slice *key);
/* The next element of an array: false behind the last one, or with a problem. */
bool scan_element(struct scan *s, bool *first);

/* A string: a view of the text, or of scratch (emptied first) where it was escaped. */
bool scan_string(struct scan *s, struct buf *scratch, struct slice *out);
/* Any value, checked and forgotten. */
bool scan_skip(struct scan *s);
/* Whether the text ends here. */
bool scan_end(struct scan *s);

#endif
