/* Which column of a list holds which canonical field: from --map where given, else recognised from
 * the header names people really use. */
#ifndef TRANCHE_RECORD_MAPPING_H
#define TRANCHE_RECORD_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "record/field.h"

struct mapping {
    int16_t column[FIELD_COUNT]; /* its column, from 0; -1: none */
    field_set chosen;            /* fields set by --map */
};

/* columns: the header. maps: `FIELD=COLUMN` texts; COLUMN is a header name (exact, else without
 * case) or a number from 1 written "#3". ERR_USAGE: no such field (the ones there are are named),
 * no such column (the nearest one is proposed), a field given twice. A column serves one field,
 * save that a website or email column may also give the domain: normalisation does that, not the
 * mapping. */
int mapping_make(struct mapping *m, const struct slice *columns, unsigned count,
                 const char *const *maps, unsigned map_count, struct error *e);

/* Whether records of this mapping can have all fields of the set, counting what normalisation
 * derives: names from a full name and back, the domain from an email address. */
bool mapping_can_give(const struct mapping *m, field_set set);

/* For people: "first_name <- First Name, domain <- Website". */
void mapping_print(const struct mapping *m, const struct slice *columns, struct buf *out);

/* As JSON for the ledger: {"first_name":2,...}, and back. What was chosen by --map is not kept: the
 * text is the same for the same columns. ERR_DATA for anything mapping_json does not write. */
void mapping_json(const struct mapping *m, struct buf *out);
int mapping_parse(struct mapping *m, struct slice json, struct error *e);

#endif
