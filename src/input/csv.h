/* CSV rows out of a window, by libcsv's lenient rules with cells byte for byte: blanks around an
 * unquoted cell are part of it; those behind a closing quote are not. */
#ifndef TRANCHE_INPUT_CSV_H
#define TRANCHE_INPUT_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "input/columns.h"
#include "input/feed.h"

struct csv;

struct csv_row {
    uint64_t line;
    struct slice text;
    unsigned count; /* cells it has, which may be more than were asked for */
    bool spill;     /* one of those was not empty */
};

/* name: of the list, for messages; columns: likewise, may be NULL. Both must outlive it. NULL
 * without memory. */
struct csv *csv_create(char delimiter, const char *name, const struct columns *columns);
void csv_destroy(struct csv *c);

/* The next row that is no blank line, which uses it up. The first `max` of its cells are put into
 * `cells`; cells and text are good until the next call for this window. Returns 1; 0 at the end of
 * the stream; ERR_DATA for a cell beyond LIST_CELL_MAX, a row beyond LIST_LINE_MAX and a quote that
 * is still open when the stream ends; whatever the window's fill and tap return. */
int csv_next(struct csv *c, struct feed *w, struct slice *cells, unsigned max,
             struct csv_row *row, struct error *e);

#endif
