/* Numbers as people read them: 12,345, 66.8 %, 91 KB, 286/s. All in whole numbers, so that no
 * locale changes them. Each appends to the buffer. */
#ifndef TRANCHE_REPORT_FIGURE_H
#define TRANCHE_REPORT_FIGURE_H

#include <stdint.h>

#include "base/buf.h"

/* "12,345"; a negative one as "-12,345". */
void figure_count(struct buf *b, uint64_t n);
void figure_amount(struct buf *b, int64_t n);
/* "1 record", "12,345 records". */
void figure_things(struct buf *b, uint64_t n, const char *one, const char *many);
/* "66.8 %". What is not nothing is never "0.0 %", and what is not all is never "100.0 %". Nothing
 * of nothing is "0.0 %". */
void figure_percent(struct buf *b, uint64_t part, uint64_t whole);
/* "91 KB", "1.2 MB": thousands of thousands. */
void figure_bytes(struct buf *b, uint64_t bytes);
/* "286/s", "4.2/s", "12/min", "3/h": in the unit that leaves a number to read. */
void figure_rate(struct buf *b, uint64_t count, int64_t ms);
/* Text with anything that could move a cursor or start a line made a '?'. NULL is nothing. */
void figure_text(struct buf *b, const char *text);
/* A path as one word of a shell command: as it is where that is safe, else in single quotes. */
void figure_word(struct buf *b, const char *word);

#endif
