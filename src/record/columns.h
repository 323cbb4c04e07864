/* The names columns have in the lists people really use, and the field each means. */
#ifndef TRANCHE_RECORD_COLUMNS_H
#define TRANCHE_RECORD_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "record/field.h"

/* Folded names, separated by single spaces. */
struct columns_row {
    enum field field;
    unsigned rank; /* 0: surely; the greater, the more it is a makeshift */
    const char
        *beside; /* the row holds only in a list that also has one of these columns; or NULL */
    const char *names;
};

/* The greatest rank. */
#define COLUMNS_RANK_MAX 4

/* Ends at NULL names. */
extern const struct columns_row columns_table[];

/* Write a name as the table has it, with a NUL, into text, which has room for COLUMNS_FOLDED_MAX
 * bytes: lower case, letters and digits only, Latin letters without their accents, other letters as
 * they are. What does not fit is cut: no name in the table is as long. */
#define COLUMNS_FOLDED_MAX 64
void columns_fold(struct slice name, char *text);

/* Whether word, which is not empty, is one of the words. */
bool columns_word(const char *words, const char *word);

/* What follows the word for a person in a folded name ("Contact: First Name", "Person - Email -
 * Work"); NULL without one. */
const char *columns_unprefixed(const char *folded);

#endif
