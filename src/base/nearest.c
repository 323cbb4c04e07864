/* Compares names by the slips of typing that part them: a letter too many, too few, another one, or
 * two exchanged; ASCII case apart. Bytes count as letters: it only ranks.
 *
 * A name is near when at most a third of the longer one is wrong, or when what was typed begins it.
 * Pure; any thread. */
#include "base/nearest.h"

#include <stddef.h>

#define NAME_LEN_MAX 64 /* longer ones are not compared: the cost is the square */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return slice_eq_nocase((struct slice){&a, 1}, (struct slice){&b, 1});
}

/* Optimal string alignment, over three rows of the table. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][NAME_LEN_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.len; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned cost = above[j - 1] + !same(a.data[i - 1], b.data[j - 1]);
            row[j] = least(cost, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a.data[i - 1], b.data[j - 2]) &&
                same(a.data[i - 2], b.data[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        unsigned *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

void nearest_init(struct nearest *n, struct slice meant)
{
    *n = (struct nearest){.meant = meant};
}

void nearest_try(struct nearest *n, struct slice name)
{
    if (n->meant.len == 0 || n->meant.len > NAME_LEN_MAX || name.len > NAME_LEN_MAX)
        return;
    unsigned d = distance(n->meant, name);
    size_t longer = n->meant.len > name.len ? n->meant.len : name.len;
    bool begins = n->meant.len >= 3 && slice_starts(name, n->meant);
    if ((3 * d <= longer + 1 || begins) && (!n->found || d < n->distance)) {
        n->found = true;
        n->name = name;
        n->distance = d;
    }
}
