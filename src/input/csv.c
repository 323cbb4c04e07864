/* Cuts a window into CSV rows.
 *
 * libcsv decides what a row is. A row without any quote is simple: its cells end at delimiters, it
 * ends at the first CR or LF, and splitting it where it lies is six times as fast; libcsv gets
 * every other row. That both agree is proved by tests/unit/test_list_csv.c on random bytes.
 *
 * 1. Between two calls libcsv is at the beginning of a row.
 * 2. While a row is being read the window's `at` stays at its first byte, so the row can be given
 * as it stands and read again from its start when more bytes had to be fetched.
 * 3. A row is fed to libcsv in pieces that end with a line end at the latest: if its row callback
 * ran, the row ends there.
 *
 * libcsv drops blanks by a function of the byte alone. Blanks around unquoted cells must stay, but
 * with a function that knows no blanks `"Smith" ,x` would leave the quote open and swallow the rows
 * that follow. So the blanks behind a quote inside a quoted cell are fed apart, as blanks. */
#include "input/csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "input/scan.h"

#define LINE_END_MAX 2 /* bytes of a line end, which the limit of a row does not count */

struct csv {
    struct csv_parser parser;
    char delimiter;
    const char *name;
    const struct columns *columns;
    /* The row being read. */
    struct slice *cells;
    unsigned max;
    struct csv_row *row;
    bool ended;        /* libcsv has seen its end */
    bool behind_quote; /* what libcsv got last was a quote, or blanks behind one */
    bool too_long;     /* a cell is, */
    unsigned culprit;  /* this one */
    struct buf text;   /* of the cells that libcsv gave, one behind the other */
};

static int never(unsigned char byte)
{
    (void)byte;
    return 0;
}

static int is_blank(unsigned char byte)
{
    return byte == ' ' || byte == '\t';
}

struct csv *csv_create(char delimiter, const char *name, const struct columns *columns)
{
    struct csv *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    if (csv_init(&c->parser, 0) != 0) {
        free(c);
        return NULL;
    }
    c->delimiter = delimiter;
    c->name = name;
    c->columns = columns;
    csv_set_delim(&c->parser, (unsigned char)delimiter);
    csv_set_space_func(&c->parser, never);
    csv_set_blk_size(&c->parser, 4096);
    /* Cells are never longer together than the row is in the window. */
    buf_init(&c->text, FEED_MAX);
    return c;
}

void csv_destroy(struct csv *c)
{
    if (!c)
        return;
    csv_free(&c->parser);
    buf_deinit(&c->text);
    free(c);
}

static int cell_too_long(const struct csv *c, unsigned i, struct error *e)
{
    char label[COLUMNS_LABEL_MAX];

    columns_label(c->columns, "cell", i, label);
    return error_set(e, ERR_DATA, "%s:%llu: %s is longer than 1 MiB; is a quote left open?",
                     c->name, (unsigned long long)c->row->line, label);
}

static int row_too_long(const struct csv *c, struct error *e)
{
    return error_set(e, ERR_DATA, "%s:%llu: the row is longer than 4 MiB; is a quote left open?",
                     c->name, (unsigned long long)c->row->line);
}

static void take_cell(struct csv *c, struct slice cell)
{
    if (cell.len > LIST_CELL_MAX && !c->too_long) {
        c->too_long = true;
        c->culprit = c->row->count;
    }
    if (c->row->count < c->max)
        c->cells[c->row->count] = cell;
    else if (cell.len > 0)
        c->row->spill = true;
    c->row->count++;
}

/* libcsv's callbacks. Cells are only measured here and placed when the row has ended, because
 * c->text moves while it grows. */
static void on_cell(void *data, size_t len, void *arg)
{
    struct csv *c = arg;

    if (c->row->count < c->max)
        buf_append(&c->text, data, len);
    take_cell(c, (struct slice){"", len});
}

static void on_row(int byte, void *arg)
{
    struct csv *c = arg;

    (void)byte;
    c->ended = true;
}

enum split { SPLIT_ROW, SPLIT_QUOTE, SPLIT_MORE };

/* Split the row at `from` up to its line end, *stop; or, if the stream ends at `end`, up to there.
 * SPLIT_QUOTE: it is not simple; SPLIT_MORE: its line end is not in sight. */
static enum split split(struct csv *c, const char *from, const char *end, bool eof,
                        const char **stop)
{
    const char *cell = from;

    for (const char *p = from; p < end; p += SCAN_BLOCK) {
        uint64_t within = scan_within(p, end);
        uint64_t ends = scan_any(p, '\n', '\r', '"', '"') & within;
        uint64_t delimiters = scan_one(p, c->delimiter) & within;

        if (ends)
            delimiters &= (ends & -ends) - 1;
        for (; delimiters; delimiters &= delimiters - 1) {
            const char *at = p + __builtin_ctzll(delimiters);
            take_cell(c, (struct slice){cell, (size_t)(at - cell)});
            cell = at + 1;
        }
        if (!ends)
            continue;
        *stop = p + __builtin_ctzll(ends);
        if (**stop == '"')
            return SPLIT_QUOTE;
        /* A CR that ends what has been read may be half of a CRLF, and the look behind it moves the
         * bytes. */
        if (**stop == '\r' && *stop + 1 == end && !eof)
            return SPLIT_MORE;
        take_cell(c, (struct slice){cell, (size_t)(*stop - cell)});
        return SPLIT_ROW;
    }
    *stop = end;
    if (eof || (size_t)(end - cell) > LIST_CELL_MAX)
        take_cell(c, (struct slice){cell, (size_t)(end - cell)});
    return eof ? SPLIT_ROW : SPLIT_MORE;
}

/* Feed the blanks at `from`, which follow a quote: as blanks, where the cell is a quoted one.
 * Returns where they end; NULL without memory. */
static const char *feed_blanks(struct csv *c, const char *from, const char *end)
{
    const char *stop = from;

    while (stop < end && is_blank((unsigned char)*stop) && *stop != c->delimiter)
        stop++;
    if (stop == from)
        return stop;
    csv_set_space_func(&c->parser, c->parser.quoted ? is_blank : never);
    size_t len = csv_parse(&c->parser, from, (size_t)(stop - from), on_cell, on_row, c);
    csv_set_space_func(&c->parser, never);
    return len == (size_t)(stop - from) ? stop : NULL;
}

/* Feed a piece of a row, the blanks behind quotes apart. False without memory. */
static bool feed(struct csv *c, const char *from, const char *end)
{
    while (from < end) {
        if (c->behind_quote) {
            from = feed_blanks(c, from, end);
            if (!from)
                return false;
            if (from == end)
                break;
        }
        const char *cut = scan_quote_blank(from, end, c->delimiter);
        size_t len = (size_t)(cut - from);
        if (csv_parse(&c->parser, from, len, on_cell, on_row, c) != len)
            return false;
        c->behind_quote = cut[-1] == '"';
        from = cut;
    }
    return true;
}

/* The stream has ended inside the row that libcsv is reading. */
static int finish(struct csv *c, struct error *e)
{
    csv_set_opts(&c->parser, CSV_STRICT | CSV_STRICT_FINI);
    int open = csv_fini(&c->parser, on_cell, on_row, c);
    csv_set_opts(&c->parser, 0);
    if (open == 0)
        return 0;
    char label[COLUMNS_LABEL_MAX];
    columns_label(c->columns, "cell", c->row->count, label);
    return error_set(e, ERR_DATA, "%s:%llu: the quote that opens %s is never closed", c->name,
                     (unsigned long long)c->row->line, label);
}

/* Make sure of a byte behind the first `used` ones of the row. 1; 0 where the stream ends; <0. */
static int behind(struct csv *c, struct feed *w, size_t used, struct error *e)
{
    if (w->at + used < w->end)
        return 1;
    if (used > LIST_LINE_MAX + LINE_END_MAX)
        return row_too_long(c, e);
    return feed_more(w, 1, e);
}

/* How long the cell is so far that libcsv is at. What may be its closing quote and the blanks
 * behind it are in there too. */
static size_t open_cell(const struct csv *c)
{
    size_t tail = c->parser.spaces + 1;

    return c->parser.entry_pos > tail ? c->parser.entry_pos - tail : 0;
}

/* Feed the row up to the next line end, if one is in sight: *used is moved behind it and *lines
 * counts it. */
static int feed_line(struct csv *c, struct feed *w, size_t *used, uint64_t *lines,
                     struct error *e)
{
    const char *from = w->data + w->at + *used, *end = w->data + w->end;
    const char *stop = scan_line_end(from, end);

    stop += stop < end;
    if (!feed(c, from, stop))
        return error_set(e, ERR_INTERNAL, "out of memory");
    *used += (size_t)(stop - from);
    if (c->too_long || open_cell(c) > LIST_CELL_MAX)
        return cell_too_long(c, c->too_long ? c->culprit : c->row->count, e);
    if (stop[-1] == '\n')
        ++*lines;
    if (stop[-1] != '\r')
        return 0;
    int rc = behind(c, w, *used, e);
    if (rc < 0)
        return rc;
    bool lf = rc > 0 && w->data[w->at + *used] == '\n';
    if (lf && c->ended)
        ++*used;
    /* The LF of a CRLF inside quotes is yet to come, and counts. */
    if (!lf || c->ended)
        ++*lines;
    return 0;
}

/* Give the cells, of which only the lengths are known, their places. */
static void place_cells(struct csv *c)
{
    const char *at = c->text.len > 0 ? c->text.data : "";

    for (unsigned i = 0; i < c->max && i < c->row->count; i++) {
        c->cells[i].data = at;
        at += c->cells[i].len;
    }
}

/* Read the row that begins at the window's `at` by libcsv. */
static int read_quoted(struct csv *c, struct feed *w, struct error *e)
{
    size_t used = 0;
    uint64_t lines = 0;
    bool cut = false;

    buf_reset(&c->text);
    while (!c->ended) {
        int rc = behind(c, w, used, e);
        cut = rc == 0;
        rc = rc > 0 ? feed_line(c, w, &used, &lines, e) : rc == 0 ? finish(c, e) : rc;
        if (rc < 0)
            return rc;
    }
    if (c->text.failed)
        return error_set(e, ERR_INTERNAL, "out of memory");
    if (c->too_long)
        return cell_too_long(c, c->culprit, e);
    size_t len = used;
    const char *text = w->data + w->at;
    if (!cut && text[len - 1] == '\n')
        len--;
    if (!cut && len > 0 && text[len - 1] == '\r')
        len--;
    if (len > LIST_LINE_MAX)
        return row_too_long(c, e);
    c->row->text = (struct slice){text, len};
    w->at += used;
    w->line += lines;
    place_cells(c);
    return 1;
}

static void begin_row(struct csv *c, const struct feed *w)
{
    *c->row = (struct csv_row){.line = w->line};
    c->ended = c->behind_quote = c->too_long = false;
}

static int finish_simple(struct csv *c, struct feed *w, const char *stop, struct error *e)
{
    const char *text = w->data + w->at;

    c->row->text = (struct slice){text, (size_t)(stop - text)};
    if (c->too_long)
        return cell_too_long(c, c->culprit, e);
    if (c->row->text.len > LIST_LINE_MAX)
        return row_too_long(c, e);
    w->at += c->row->text.len;
    if (w->at == w->end)
        return 1;
    /* Reads nothing: a CR at the end of the window was not taken for a line end. */
    int rc = feed_skip_line_end(w, e);
    return rc < 0 ? rc : 1;
}

int csv_next(struct csv *c, struct feed *w, struct slice *cells, unsigned max,
             struct csv_row *row, struct error *e)
{
    int rc = feed_skip_line_ends(w, e);

    if (rc <= 0)
        return rc;
    c->cells = cells;
    c->max = max;
    c->row = row;
    for (;;) {
        const char *stop;
        begin_row(c, w);
        switch (split(c, w->data + w->at, w->data + w->end, w->eof, &stop)) {
        case SPLIT_ROW:
            return finish_simple(c, w, stop, e);
        case SPLIT_QUOTE:
            begin_row(c, w);
            return read_quoted(c, w, e);
        case SPLIT_MORE:
            break;
        }
        size_t seen = w->end - w->at;
        if (c->too_long)
            return cell_too_long(c, c->culprit, e);
        if (seen > LIST_LINE_MAX + LINE_END_MAX)
            return row_too_long(c, e);
        /* As much again, so that reading the row from its start stays linear in all. */
        rc = feed_more(w, seen, e);
        if (rc < 0)
            return rc;
    }
}
