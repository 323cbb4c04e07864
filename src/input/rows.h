/* Rows of a list, in whichever format, as list.h describes them. */
#ifndef TRANCHE_INPUT_ROWS_H
#define TRANCHE_INPUT_ROWS_H

#include "input/columns.h"
#include "input/list.h"
#include "input/feed.h"

struct rows;

/* name, columns: as csv.h has them. NULL without memory. */
struct rows *rows_create(const struct columns_frozen *f, const char *name,
                         const struct columns *columns);
void rows_destroy(struct rows *r);

/* The next row, all but its `record`; it is used up in the window, and good until the next call.
 * Returns 1; 0 at the end of the stream; a negative code as csv_next and ndjson_next have it. */
int rows_next(struct rows *r, struct feed *w, struct list_row *row, struct error *e);

/* Line ends in these bytes, as reading rows counts them. *cr carries a CR at the end over to the
 * next piece; false at first. */
uint64_t rows_count_lines(enum list_format format, const char *data, size_t len, bool *cr);

#endif
