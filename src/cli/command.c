/* Knows which commands there are.
 *
 * The place in the table is the command's id. No state; any thread. */
#include "cli/command.h"
#include "base/nearest.h"

#include <string.h>

#define X(id, value) extern const struct command value;
COMMAND_LIST(X)
#undef X

const struct command *const command_table[COMMANDS] = {
#define X(id, value) [COMMAND_##id] = &value,
    COMMAND_LIST(X)
#undef X
};

const struct command *command_find(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(command_table[i]->name, name) == 0)
            return command_table[i];
    return NULL;
}

const char *command_nearest(const char *name)
{
    struct nearest n;

    nearest_init(&n, slice_of(name));
    for (unsigned i = 0; i < COMMANDS; i++)
        nearest_try(&n, slice_of(command_table[i]->name));
    return n.found ? n.name.data : NULL; /* of a NUL-terminated name */
}
