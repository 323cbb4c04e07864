/* Makes rows that fit the columns, and says what is wrong with those that do not.
 *
 * Whether bytes are UTF-8 is asked for all that is in the window at once, up to its last line end:
 * a block of valid UTF-8 has valid rows. Only rows of a block that is not valid are looked at one
 * by one. NDJSON is validated by its parser.
 *
 * One thread at a time for each struct rows. */
#include "input/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/csv.h"
#include "input/ndjson.h"
#include "wire/utf8.h"

struct rows {
    const struct columns *columns;
    struct csv *csv; /* one of both */
    struct ndjson *ndjson;
    /* Offsets in the stream: rows that end before the first are UTF-8; those that end before the
     * second are to be looked at; the third is what the window reached when that was found out. */
    uint64_t valid_to, suspect_to, tried_to;
    char bad[160];
    struct slice cells[LIST_COLUMNS_MAX];
};

struct rows *rows_create(const struct columns_frozen *f, const char *name,
                         const struct columns *columns)
{
    struct rows *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->columns = columns;
    if (f->format == LIST_CSV)
        r->csv = csv_create(f->delimiter, name, columns);
    else
        r->ndjson = ndjson_create(name, columns);
    if (!r->csv && !r->ndjson) {
        free(r);
        return NULL;
    }
    return r;
}

void rows_destroy(struct rows *r)
{
    if (!r)
        return;
    csv_destroy(r->csv);
    ndjson_destroy(r->ndjson);
    free(r);
}

/* Whether the row that was just used up is UTF-8. */
static bool row_valid(struct rows *r, const struct feed *w, struct slice text)
{
    uint64_t end = feed_offset(w), reached = w->base + w->end;

    if (end <= r->valid_to)
        return true;
    if (end > r->suspect_to && r->tried_to != reached) {
        const char *stop = w->data + w->end;
        const char *lf = memrchr(text.data, '\n', (size_t)(stop - text.data));
        struct slice block = {text.data, lf ? (size_t)(lf - text.data) + 1 : 0};
        bool valid = utf8_valid(block);
        r->tried_to = reached;
        *(valid ? &r->valid_to : &r->suspect_to) =
            w->base + (uint64_t)(text.data - w->data) + block.len;
        if (valid && end <= r->valid_to)
            return true;
    }
    return utf8_valid(text);
}

static const char *not_utf8(struct rows *r, unsigned count)
{
    char label[COLUMNS_LABEL_MAX];

    for (unsigned i = 0; i < count; i++) {
        if (utf8_valid(r->cells[i]))
            continue;
        columns_label(r->columns, "column", i, label);
        snprintf(r->bad, sizeof(r->bad), "not UTF-8 in %s", label);
        return r->bad;
    }
    return "not UTF-8";
}

static int next_csv(struct rows *r, struct feed *w, struct list_row *row, struct error *e)
{
    unsigned count = r->columns->count;
    struct csv_row c;

    int rc = csv_next(r->csv, w, r->cells, count, &c, e);
    if (rc <= 0)
        return rc;
    for (unsigned i = c.count; i < count; i++)
        r->cells[i] = SLICE_EMPTY;
    *row =
        (struct list_row){.line = c.line, .cells = r->cells, .json = SLICE_EMPTY, .text = c.text};
    if (!row_valid(r, w, c.text)) {
        row->bad = not_utf8(r, count);
    } else if (c.spill) {
        snprintf(r->bad, sizeof(r->bad), "%u cells where the header has %u", c.count, count);
        row->bad = r->bad;
    }
    return 1;
}

static int next_ndjson(struct rows *r, struct feed *w, struct list_row *row, struct error *e)
{
    struct ndjson_row n;

    int rc = ndjson_next(r->ndjson, w, r->cells, &n, e);
    if (rc <= 0)
        return rc;
    *row = (struct list_row){
        .line = n.line, .cells = r->cells, .json = n.json, .text = n.text, .bad = n.bad};
    return 1;
}

int rows_next(struct rows *r, struct feed *w, struct list_row *row, struct error *e)
{
    return r->csv ? next_csv(r, w, row, e) : next_ndjson(r, w, row, e);
}

uint64_t rows_count_lines(enum list_format format, const char *data, size_t len, bool *cr)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < len; i++) {
        bool lf = data[i] == '\n', is_cr = format == LIST_CSV && data[i] == '\r';
        lines += is_cr || (lf && !*cr);
        *cr = is_cr;
    }
    return lines;
}
