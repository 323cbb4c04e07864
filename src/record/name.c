/* A person's name in two parts.
 *
 * Invariant: parts are trimmed, never overlap, and hold nothing that the full name does not. Any
 * thread. */
#include "record/name.h"

/* Whether a piece behind a comma is a suffix and not a first name. Compared by its letters alone,
 * so that "Ph.D." is "phd". What can be a name or an initial (Ma, Ba, V) is not among them. */
static bool is_suffix(struct slice piece)
{
    static const char *const suffixes[] = {
        "jr",      "sr",  "ii",   "iii", "iv",   "phd", "md",  "mba", "esq",    "cpa",  "cfa",
        "pmp",     "dds", "dvm",  "jd",  "llm",  "msc", "bsc", "rn",  "cissp",  "shrm", "shrmcp",
        "shrmscp", "cfp", "facs", "phr", "sphr", "edd", "pe",  "mph", "pharmd", "ret",
    };
    char letters[16];
    size_t n = 0;
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.data[i];
        if (c == '.' || c == ' ' || c == '-' || c == '(' || c == ')')
            continue;
        if (n == sizeof letters)
            return false;
        letters[n++] = c;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (slice_eq_nocase((struct slice){letters, n}, slice_of(suffixes[i])))
            return true;
    return false;
}

static struct slice without_suffixes(struct slice full)
{
    for (;;) {
        const char *comma = memrchr(full.data, ',', full.len);
        if (!comma)
            return full;
        size_t before = (size_t)(comma - full.data);
        struct slice piece = slice_trim((struct slice){comma + 1, full.len - before - 1});
        if (piece.len > 0 && !is_suffix(piece))
            return full;
        full = slice_trim((struct slice){full.data, before});
    }
}

void name_split(struct slice full, struct slice *first, struct slice *last)
{
    *first = *last = SLICE_EMPTY;
    full = without_suffixes(full);
    if (full.len == 0)
        return;
    const char *comma = memchr(full.data, ',', full.len);
    const char *space = memchr(full.data, ' ', full.len);
    const char *cut = comma ? comma : space;
    if (!cut) {
        *first = full;
        return;
    }
    size_t before = (size_t)(cut - full.data);
    struct slice left = slice_trim((struct slice){full.data, before});
    struct slice right = slice_trim((struct slice){cut + 1, full.len - before - 1});
    *first = comma ? right : left;
    *last = comma ? left : right;
}

struct slice name_rest(struct slice full, struct slice first)
{
    full = without_suffixes(full);
    if (first.len == 0 || full.len <= first.len + 1 || full.data[first.len] != ' ' ||
        !slice_eq_nocase((struct slice){full.data, first.len}, first))
        return SLICE_EMPTY;
    return (struct slice){full.data + first.len + 1, full.len - first.len - 1};
}
