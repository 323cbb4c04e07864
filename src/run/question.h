/* From a row to what a step asks about it: mapping, normalisation, validation and identity in one
 * place, for the reader, the bodies and the output alike, so that they can never differ. */
#ifndef TRANCHE_RUN_QUESTION_H
#define TRANCHE_RUN_QUESTION_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "input/list.h"
#include "provider/provider.h"
#include "record/mapping.h"
#include "record/record.h"

/* A list without the columns that the operation needs is refused before anything begins: ERR_DATA
 * naming what is needed and what there is. */
int question_possible(const char *list, const struct operation *op, const struct mapping *m,
                      const struct slice *columns, unsigned count, struct error *e);

/* One per thread; the record's values live until the next row. */
struct question {
    const struct operation *operation;
    const struct mapping *mapping;
    unsigned sets; /* of operation->accepts */
    struct arena arena;
    struct buf scratch;
    struct record record; /* what cannot be used is left out of it */
    field_set set;        /* of operation->accepts, that the record is asked by */
};

void question_init(struct question *q, const struct operation *op, const struct mapping *m);
void question_deinit(struct question *q);

/* Make q->record of the row. True and its identity when the step can ask about it; else *reason,
 * which lives until the next row. */
bool question_ask(struct question *q, const struct list_row *row, struct identity *id,
                  const char **reason);
/* The same without the identity. */
bool question_check(struct question *q, const struct list_row *row, const char **reason);
/* The identity of a question of this set: also of one that a vendor echoes. */
struct identity question_identity(const struct operation *op, const struct record *r, field_set set,
                                  struct buf *scratch);

#endif
