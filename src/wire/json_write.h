/* Writing JSON: appends to a buffer. Strings are escaped as RFC 8259 asks and no further; bytes
 * that are not UTF-8 become U+FFFD, so what is written always parses. */
#ifndef TRANCHE_WIRE_JSON_WRITE_H
#define TRANCHE_WIRE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* "text", with the quotes. */
void json_write_string(struct buf *b, struct slice text);
/* The shortest decimal that reads back as the same double; null for NaN and infinities. */
void json_write_double(struct buf *b, double value);
/* {"name": ... members of an object with the comma where one is due: `first` starts true and is
 * turned false by the first member. */
void json_write_key(struct buf *b, bool *first, const char *name);
void json_write_member_string(struct buf *b, bool *first, const char *name, struct slice text);
void json_write_member_i64(struct buf *b, bool *first, const char *name, int64_t value);
void json_write_member_bool(struct buf *b, bool *first, const char *name, bool value);

#endif
