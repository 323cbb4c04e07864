/* Holds moves of state machines against their tables, and traces them.
 *
 * A move that the table does not have is a bug that could pay twice: the process ends rather than
 * go on from a state that nobody designed. Any thread. */
#include "base/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char *state_name(const struct machine *m, unsigned state)
{
    return state < m->count ? m->states[state].name : "(no such state)";
}

bool machine_can(const struct machine *m, unsigned from, unsigned to)
{
    return from < m->count && to < m->count && to < 32 && (m->states[from].next >> to & 1);
}

unsigned machine_move(const struct machine *m, uint64_t id, unsigned from, unsigned to)
{
    if (!machine_can(m, from, to)) {
        log_write(LOG_ERROR, m->component, "%s#%llu: illegal move %s -> %s", m->noun,
                  (unsigned long long)id, state_name(m, from), state_name(m, to));
        abort();
    }
    log_trace(m->component, "%s#%llu %s -> %s", m->noun, (unsigned long long)id,
              m->states[from].name, m->states[to].name);
    return to;
}

int machine_find(const struct machine *m, const char *name)
{
    for (unsigned i = 0; i < m->count; i++)
        if (strcmp(m->states[i].name, name) == 0)
            return (int)i;
    return -1;
}
