/* The text of a cell made clean: white space, invisible characters, letter case. */
#ifndef TRANCHE_RECORD_TEXT_H
#define TRANCHE_RECORD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/* What a cell has, as text_clean found it. */
enum text_flag {
    TEXT_UPPER = 1,     /* an ASCII capital */
    TEXT_CONTROL = 2,   /* a control character that is no white space */
    TEXT_NON_ASCII = 4, /* a byte from 0x80 */
    TEXT_NO_MEMORY = 8, /* *out is empty: the arena is full */
};

/* The next code point of text that has len >= 1 bytes left, and its length in bytes. Bytes that are
 * not UTF-8 are U+FFFD, one at a time. */
size_t text_next(const char *text, size_t len, uint32_t *code_point);

/* Without white space of every kind at both ends, inner runs of it made one space, and without what
 * has no width and is only there by copy and paste (U+200B, U+FEFF, soft hyphens, marks of writing
 * direction). *out is borrowed from `in` where that was clean already, else in the arena. Returns
 * flags of enum text_flag. */
unsigned text_clean(struct slice in, struct arena *a, struct slice *out);

/* The same in place; returns the new length, which is never more. *flags gets TEXT_CONTROL added.
 */
size_t text_fold(char *text, size_t len, unsigned *flags);

/* Clean text in lower case, borrowed where it was so already. False when memory ran out. flags:
 * from text_clean. */
bool text_lower(struct slice in, unsigned flags, struct arena *a, struct slice *out);

/* Whether clean text is what people and programs write for "none": N/A, NULL, -, n.a., #N/A, ... */
bool text_placeholder(struct slice text);

#endif
