/* A person's name in two parts. */
#ifndef TRANCHE_RECORD_NAME_H
#define TRANCHE_RECORD_NAME_H

#include "base/slice.h"

/* Split a clean full name: "Last, First" at the comma, else the first word and the rest. Titles and
 * suffixes behind a comma
 * ("Frank Pallone, Jr.", "Jane Doe, PhD, MBA") belong to neither part. A part that is not there is
 * empty. Both borrow from full. */
void name_split(struct slice full, struct slice *first, struct slice *last);

/* What of a full name is not its first name: "Smith" of "Mary Ann Smith" and "Mary Ann". Empty when
 * full does not begin with first and a space (compared without case). */
struct slice name_rest(struct slice full, struct slice first);

#endif
