/* What a list is, by its first bytes. */
#ifndef TRANCHE_INPUT_SNIFF_H
#define TRANCHE_INPUT_SNIFF_H

#include "base/error.h"
#include "input/list.h"
#include "input/feed.h"

#define SNIFF_BYTES ((size_t)64 << 10)

/* Look at the beginning of a list, use up its byte order mark, and set *format and, for CSV,
 * *delimiter. delimiter: the one to expect, which makes it CSV; or 0. ERR_DATA when it is empty or
 * no list: the message says what it looks like and what to do. */
int sniff_content(struct feed *w, const char *name, char delimiter, enum list_format *format,
                  char *found, struct error *e);

#endif
