/* The canonical fields by number and by name.
 *
 * Invariant: the tables are made from FIELD_LIST, so a field added there is complete here. Any
 * thread. */
#include "record/field.h"

#include <assert.h>

static const struct slice names[FIELD_COUNT] = {
#define X(id, name, kind) [FIELD_##id] = {name, sizeof(name) - 1},
    FIELD_LIST(X)
#undef X
};

static const enum field_kind kinds[FIELD_COUNT] = {
#define X(id, name, kind) [FIELD_##id] = kind,
    FIELD_LIST(X)
#undef X
};

static_assert(FIELD_COUNT <= 64, "a set of fields is 64 bits");

const char *field_name(enum field f)
{
    assert(f < FIELD_COUNT);
    return names[f].data;
}

enum field_kind field_kind(enum field f)
{
    assert(f < FIELD_COUNT);
    return kinds[f];
}

int field_find(struct slice name)
{
    for (int f = 0; f < FIELD_COUNT; f++)
        if (slice_eq(names[f], name))
            return f;
    return -1;
}
