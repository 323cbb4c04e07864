/* Tables of tests/data/record: lines of two parts with a tab between, # for comments, \xHH, \t and
 * \n in either part. */
#ifndef TRANCHE_TESTS_RECORD_ROWS_H
#define TRANCHE_TESTS_RECORD_ROWS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

struct row {
    unsigned line;
    struct slice left, right;
};

/* In place; returns the length. */
static inline size_t rows_unescape(char *text)
{
    size_t len = 0;
    for (const char *p = text; *p; len++) {
        unsigned byte;
        if (sscanf(p, "\\x%2x", &byte) == 1) {
            text[len] = (char)byte;
            p += 4;
        } else if (p[0] == '\\' && (p[1] == 't' || p[1] == 'n')) {
            text[len] = p[1] == 't' ? '\t' : '\n';
            p += 2;
        } else {
            text[len] = *p++;
        }
    }
    return len;
}

/* Call fn for each row of the file; returns how many there were. A missing file is 0 rows. */
static inline unsigned rows_each(const char *name, void (*fn)(const struct row *row))
{
    char path[512];
    snprintf(path, sizeof path, "%s/record/%s", TEST_DATA, name);
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0, count = 0;
    while (file && getline(&line, &size, file) >= 0) {
        number++;
        line[strcspn(line, "\n")] = '\0';
        char *tab = strchr(line, '\t');
        if (line[0] == '#' || !tab)
            continue;
        *tab = '\0';
        struct row row = {.line = number};
        row.left = (struct slice){line, rows_unescape(line)};
        row.right = (struct slice){tab + 1, rows_unescape(tab + 1)};
        fn(&row);
        count++;
    }
    free(line);
    if (file)
        fclose(file);
    return count;
}

/* Cut text at every bar into cells; returns how many. */
static inline unsigned rows_cells(struct slice text, struct slice *cells, unsigned max)
{
    unsigned count = 0;
    for (;;) {
        const char *bar = text.len > 0 ? memchr(text.data, '|', text.len) : NULL;
        size_t len = bar ? (size_t)(bar - text.data) : text.len;
        if (count < max)
            cells[count++] = (struct slice){text.data, len};
        if (!bar)
            return count;
        text = (struct slice){bar + 1, text.len - len - 1};
    }
}

#endif
