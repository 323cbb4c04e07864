/* Cuts a window into lines of JSON.
 *
 * 1. A line ends at LF and nowhere else: JSON has a CR as white space.
 * 2. Every row is parsed whole, so that `json` can be copied into the output as it stands.
 * 3. A member that a row has twice counts once, the first.
 *
 * One thread at a time for each struct ndjson. */
#include "input/ndjson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/json.h"

#define TEXT_MAX (8 * LIST_LINE_MAX) /* numbers can print longer than they were written */

enum cell_state { CELL_ABSENT, CELL_VIEW, CELL_PRINTED };

struct ndjson {
    const char *name;
    const struct columns *columns;
    struct json *json;
    struct buf text; /* of the cells that had to be printed */
    uint8_t state[LIST_COLUMNS_MAX];
    size_t printed[LIST_COLUMNS_MAX]; /* where in `text`, which moves while it grows */
    char bad[256];
};

struct ndjson *ndjson_create(const char *name, const struct columns *columns)
{
    struct ndjson *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    n->name = name;
    n->columns = columns;
    n->json = json_create(NDJSON_DEPTH_MAX);
    buf_init(&n->text, TEXT_MAX);
    if (!n->json) {
        free(n);
        return NULL;
    }
    return n;
}

void ndjson_destroy(struct ndjson *n)
{
    if (!n)
        return;
    json_destroy(n->json);
    buf_deinit(&n->text);
    free(n);
}

/* The line that begins `skip` bytes from the window's `at`, without its LF. Returns 1; 0 where the
 * stream ends, or when a line that is not the first one in the window passes LIST_LINE_MAX bytes
 * from `at`. */
static int find_line(struct feed *w, size_t skip, const char *name, struct slice *line,
                     struct error *e)
{
    size_t seen = 0;

    for (;;) {
        const char *from = w->data + w->at + skip;
        size_t len = w->end - w->at - skip;
        const char *lf = len > seen ? memchr(from + seen, '\n', len - seen) : NULL;
        *line = (struct slice){from, lf ? (size_t)(lf - from) : len};
        if (skip + line->len > LIST_LINE_MAX)
            return skip > 0 ? 0
                            : error_set(e, ERR_DATA, "%s:%llu: the line is longer than 4 MiB", name,
                                        (unsigned long long)w->line);
        if (lf || w->eof)
            return line->len > 0 || lf;
        seen = len;
        int rc = feed_more(w, len > 0 ? len : 1, e);
        if (rc < 0)
            return rc;
    }
}

/* Parse a line into *root. 0, or 1 with n->bad set, or ERR_INTERNAL. */
static int parse_line(struct ndjson *n, struct slice line, struct json_value *root, struct error *e)
{
    struct error problem = {0};

    if (json_parse(n->json, line, root, &problem) == 0) {
        if (json_type(*root) == JSON_OBJECT)
            return 0;
        snprintf(n->bad, sizeof(n->bad), "not a JSON object");
        return 1;
    }
    if (problem.code != ERR_DATA) {
        *e = problem;
        return e->code;
    }
    /* "not valid JSON: the reason" */
    const char *why = strstr(problem.message, "JSON: ");
    snprintf(n->bad, sizeof(n->bad), "not JSON: %.200s", why ? why + 6 : problem.message);
    return 1;
}

static void take_value(struct ndjson *n, struct slice *cells, unsigned i, struct json_value v)
{
    switch (json_type(v)) {
    case JSON_NULL:
        n->state[i] = CELL_VIEW;
        return;
    case JSON_STRING:
        json_string(v, &cells[i]);
        n->state[i] = CELL_VIEW;
        return;
    case JSON_BOOL:
    case JSON_NUMBER:
    case JSON_ARRAY:
    case JSON_OBJECT:
        n->printed[i] = n->text.len;
        json_print(v, &n->text);
        cells[i].len = n->text.len - n->printed[i];
        n->state[i] = CELL_PRINTED;
        return;
    }
}

static void take_cells(struct ndjson *n, struct slice *cells, struct json_value root)
{
    struct json_walk w;
    unsigned guess = 0;

    buf_reset(&n->text);
    memset(n->state, CELL_ABSENT, n->columns->count);
    for (bool more = json_walk_begin(&w, root); more; more = json_walk_next(&w)) {
        int i = columns_find(n->columns, w.key, guess);
        if (i < 0)
            continue;
        if (n->state[i] == CELL_ABSENT)
            take_value(n, cells, (unsigned)i, w.value);
        guess = (unsigned)i + 1;
    }
    for (unsigned i = 0; i < n->columns->count; i++) {
        if (n->state[i] == CELL_PRINTED && !n->text.failed)
            cells[i].data = n->text.data + n->printed[i];
    }
}

static int check_cells(const struct ndjson *n, const struct slice *cells, uint64_t line,
                       struct error *e)
{
    char label[COLUMNS_LABEL_MAX];

    if (n->text.failed)
        return error_set(e, ERR_INTERNAL, "out of memory");
    for (unsigned i = 0; i < n->columns->count; i++) {
        if (cells[i].len <= LIST_CELL_MAX)
            continue;
        columns_label(n->columns, "cell", i, label);
        return error_set(e, ERR_DATA, "%s:%llu: %s is longer than 1 MiB", n->name,
                         (unsigned long long)line, label);
    }
    return 0;
}

/* Use up the line, and the LF behind it. */
static void skip_line(struct feed *w, struct slice line)
{
    w->at += line.len;
    if (w->at == w->end)
        return;
    w->at++;
    w->line++;
}

int ndjson_next(struct ndjson *n, struct feed *w, struct slice *cells, struct ndjson_row *row,
                struct error *e)
{
    struct slice line, json;
    struct json_value root;

    do {
        int rc = find_line(w, 0, n->name, &line, e);
        if (rc <= 0)
            return rc;
        json = slice_trim(line);
        *row = (struct ndjson_row){.line = w->line, .text = line, .json = json};
        skip_line(w, line);
    } while (json.len == 0);
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        row->text.len--;
    for (unsigned i = 0; i < n->columns->count; i++)
        cells[i] = SLICE_EMPTY;
    int rc = parse_line(n, json, &root, e);
    if (rc < 0)
        return rc;
    if (rc > 0) {
        row->bad = n->bad;
        row->json = SLICE_EMPTY;
        return 1;
    }
    take_cells(n, cells, root);
    rc = check_cells(n, cells, row->line, e);
    return rc < 0 ? rc : 1;
}

static int add_keys(struct columns *columns, struct json_value root)
{
    struct json_walk w;
    unsigned guess = 0;

    for (bool more = json_walk_begin(&w, root); more; more = json_walk_next(&w)) {
        int i = columns_find(columns, w.key, guess);
        if (i < 0 && columns->count < LIST_COLUMNS_MAX && !columns_add(columns, w.key))
            return -1;
        guess = i < 0 ? columns->count : (unsigned)i + 1;
    }
    return 0;
}

/* Look at the first rows; *objects counts those that are objects. What lies beyond LIST_LINE_MAX is
 * left out, or the columns would depend on how much happened to be read. */
static int peek_rows(struct ndjson *n, struct columns *columns, struct feed *w, unsigned *objects,
                     struct error *e)
{
    struct json_value root;
    struct slice line;
    size_t skip = 0;

    for (unsigned lines = 0; lines < NDJSON_PEEK_LINES && skip <= w->end - w->at;) {
        int rc = find_line(w, skip, n->name, &line, e);
        if (rc <= 0)
            return rc;
        skip += line.len + 1;
        line = slice_trim(line);
        if (line.len == 0)
            continue;
        lines++;
        rc = parse_line(n, line, &root, e);
        if (rc < 0)
            return rc;
        *objects += rc == 0;
        if (rc == 0 && add_keys(columns, root) < 0)
            return error_set(e, ERR_INTERNAL, "out of memory");
    }
    return 0;
}

int ndjson_peek(struct columns *columns, struct feed *w, const char *name, struct error *e)
{
    struct ndjson *n = ndjson_create(name, columns);
    unsigned objects = 0;

    if (!n)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int rc = peek_rows(n, columns, w, &objects, e);
    if (rc == 0 && objects == 0)
        rc =
            error_set(e, ERR_DATA, "%s: none of its first rows is a JSON object: %s", name, n->bad);
    ndjson_destroy(n);
    return rc;
}
