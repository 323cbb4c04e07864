/* The items of all accepted batches, as they were sent: one append-only file, read back through
 * mappings. */
#ifndef TRANCHE_SIM_ITEMS_H
#define TRANCHE_SIM_ITEMS_H

#include <stdbool.h>
#include <stdint.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/error.h"
#include "sim/question.h"

struct items;

/* Where a batch's items lie. */
struct items_range {
    uint64_t offset, bytes;
    uint32_t count;
    unsigned fields;
};

/* Opens or creates `folder`/items. */
int items_open(struct items **out, const char *folder, struct error *e);
void items_close(struct items *s);

/* Whether the range lies within what the file holds. */
bool items_has(const struct items *s, const struct items_range *r);
/* New batches go behind `end`; what is there belonged to none. */
void items_set_end(struct items *s, uint64_t end);

/* Writing a batch: begin, add each, then commit or abandon; one at a time. */
struct items_writer {
    struct items *store;
    struct items_range range;
    struct buf out;        /* not yet in the file */
    uint64_t written;      /* bytes of the range in the file */
    XXH128_hash_t *seen;   /* open addressing; an empty place is all zero */
    uint32_t places, used; /* places: a power of two */
};
void items_begin(struct items_writer *w, struct items *s, unsigned fields);
/* digest: of the question that the fields are. *fresh: it was not in the batch yet, and is now.
 * ERR_IO, ERR_INTERNAL. */
int items_add(struct items_writer *w, const struct slice *fields, XXH128_hash_t digest, bool *fresh,
              struct error *e);
/* On return 0 the items are in the file, not durable before items_sync. Ends the writer either way.
 */
int items_commit(struct items_writer *w, struct items_range *range, struct error *e);
void items_abandon(struct items_writer *w);
/* Everything committed is durable on return 0. Does nothing when it was already. */
int items_sync(struct items *s, struct error *e);

/* A batch open for reading; valid until the next items_open_view. */
struct items_view;
int items_open_view(struct items *s, const struct items_range *r, const struct items_view **out,
                    struct error *e);
/* The fields of item i < count, in submission order. */
void items_get(const struct items_view *v, uint32_t i, struct slice fields[QUESTION_FIELDS_MAX]);

#endif
