/* The columns of a list: their names as the list has them, and the keys under which they can be
 * found again. */
#ifndef TRANCHE_INPUT_COLUMNS_H
#define TRANCHE_INPUT_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "input/list.h"

#define COLUMNS_SLOTS 2048 /* a power of two, twice LIST_COLUMNS_MAX */

struct columns {
    unsigned count;
    struct slice names[LIST_COLUMNS_MAX];
    struct slice keys[LIST_COLUMNS_MAX];
    uint16_t
        slots[COLUMNS_SLOTS]; /* by hash of the name: the first column of that name + 1; or 0 */
    struct arena text;
};

void columns_init(struct columns *c);
void columns_deinit(struct columns *c);

/* Append one; the name is copied. False when there are LIST_COLUMNS_MAX, or no memory. */
bool columns_add(struct columns *c, struct slice name);
/* The (first) column of that name, or -1; `guess` is looked at first. */
int columns_find(const struct columns *c, struct slice name, unsigned guess);
/* Make the keys of all names: "column_3" where there is no name, "City_2" for a name the list
 * already had. False without memory. */
bool columns_make_keys(struct columns *c);
bool columns_same(const struct columns *a, const struct columns *b);

/* "column 3 (City)" or "cell 3 (City)" into text, as messages name the column i (from 0); a long
 * name is cut. c may be NULL. */
#define COLUMNS_LABEL_MAX 96
void columns_label(const struct columns *c, const char *noun, unsigned i, char *text);

/* What a list is like, beside its columns. */
struct columns_frozen {
    enum list_format format;
    enum list_packing packing;
    char delimiter;
};
/* {"format":"csv","packing":"plain","delimiter":",","columns":["a","b"]}, malloc'ed; NULL without
 * memory. */
char *columns_to_json(const struct columns *c, const struct columns_frozen *f);
/* The reverse, keys included, into an initialised and empty c. ERR_DATA, ERR_INTERNAL. */
int columns_from_json(struct columns *c, struct columns_frozen *f, const char *text,
                      struct error *e);

#endif
