/* Compares, trims and reads borrowed bytes.
 *
 * Only ASCII has case, white space and digits here, whatever the locale: these are for protocol
 * words, not for people's names. Pure; any thread. */
#include "base/slice.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_space(s.data[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    return s;
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq((struct slice){s.data, prefix.len}, prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
    if (s.len < suffix.len)
        return false;
    return suffix.len == 0 ||
           slice_eq((struct slice){s.data + (s.len - suffix.len), suffix.len}, suffix);
}

bool slice_u64(struct slice s, unsigned long long *value)
{
    unsigned long long sum = 0;

    /* 19 nines are below 2^64, so the sum cannot overflow. */
    if (s.len == 0 || s.len > 19)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
        sum = sum * 10 + (unsigned long long)(s.data[i] - '0');
    }
    *value = sum;
    return true;
}
