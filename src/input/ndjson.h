/* NDJSON rows out of a window: one JSON object per line. */
#ifndef TRANCHE_INPUT_NDJSON_H
#define TRANCHE_INPUT_NDJSON_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "input/columns.h"
#include "input/feed.h"

#define NDJSON_DEPTH_MAX 64
/* Rows whose keys are the columns, as far as they lie in the first LIST_LINE_MAX bytes. */
#define NDJSON_PEEK_LINES 1000

struct ndjson;

struct ndjson_row {
    uint64_t line;
    struct slice text; /* the line */
    struct slice json; /* trimmed; empty when bad */
    const char *bad;   /* "not JSON: ...", "not a JSON object", or NULL */
};

/* name: of the list, for messages; both must outlive it. NULL without memory. */
struct ndjson *ndjson_create(const char *name, const struct columns *columns);
void ndjson_destroy(struct ndjson *n);

/* The next line that is not blank, which uses it up. `cells` gets a cell per column: strings as
 * they are, other values as JSON text; null, absent ones and those of a bad row are empty. All is
 * good until the next call. Returns 1; 0 at the end of the stream; ERR_DATA for a line beyond
 * LIST_LINE_MAX or a cell beyond LIST_CELL_MAX; ERR_INTERNAL; whatever the window's fill and tap
 * return. */
int ndjson_next(struct ndjson *n, struct feed *w, struct slice *cells, struct ndjson_row *row,
                struct error *e);

/* Add the keys of the first rows to `columns`, in order of appearance, without using the rows up.
 * ERR_DATA when none of those rows is an object. */
int ndjson_peek(struct columns *columns, struct feed *w, const char *name, struct error *e);

#endif
