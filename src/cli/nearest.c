/* Compares names by the slips of typing that part them: a letter too many, too few, another one, or
 * two exchanged.
 *
 * A name is near when at most a third of the longer one is wrong, or when what was typed begins it.
 * Pure; any thread. */
#include "cli/nearest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define NAME_LEN_MAX 32 /* longer ones are not compared: the cost is the square */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, over three rows of the table. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][NAME_LEN_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_len; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned cost = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(cost, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        unsigned *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

void nearest_init(struct nearest *n, const char *meant)
{
    *n = (struct nearest){.meant = meant};
}

void nearest_try(struct nearest *n, const char *name)
{
    size_t meant_len = strlen(n->meant), name_len = strlen(name);

    if (meant_len == 0 || meant_len > NAME_LEN_MAX || name_len > NAME_LEN_MAX)
        return;
    unsigned d = distance(n->meant, meant_len, name, name_len);
    size_t longer = meant_len > name_len ? meant_len : name_len;
    bool near = 3 * d <= longer + 1 || (meant_len >= 3 && strncmp(name, n->meant, meant_len) == 0);
    if (near && (!n->name || d < n->distance)) {
        n->name = name;
        n->distance = d;
    }
}
