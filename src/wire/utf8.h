/* UTF-8: validity, code points, letter case. */
#ifndef TRANCHE_WIRE_UTF8_H
#define TRANCHE_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Whether the bytes are UTF-8 (simdjson's validator). */
bool utf8_valid(struct slice text);
/* The offset of the first byte that is not UTF-8; text.len when all is. */
size_t utf8_bad(struct slice text);
/* The first code point; returns its bytes, 0 when the text is empty or does not start with one. */
size_t utf8_first(struct slice text, uint32_t *point);
/* Code points of valid UTF-8. */
size_t utf8_count(struct slice text);
/* Append text in lower case: ASCII fast, everything else by the C library's simple case mapping of
 * the C.UTF-8 locale. Valid UTF-8 out; bytes that are not UTF-8 become U+FFFD. Thread-safe. */
void utf8_lower(struct buf *out, struct slice text);
/* Trim white space of every kind at both ends: Unicode's White_Space, U+200B and U+FEFF. */
struct slice utf8_trim(struct slice text);

#endif
