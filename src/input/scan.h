/* Finding bytes 64 at a time: a bit per byte that is one of those looked for.
 *
 * Everything here may load up to SCAN_SLACK bytes from `end` on (and ignores them), so a buffer
 * that is scanned is that much longer than what it holds. */
#ifndef TRANCHE_INPUT_SCAN_H
#define TRANCHE_INPUT_SCAN_H

#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SCAN_BLOCK 64
#define SCAN_SLACK 80 /* a block, and one more vector for the look at each byte's successor */

/* Bit i: p[i] is one of a, b, c, d. Name a byte twice where there are fewer. */
static inline uint64_t scan_any(const char *p, char a, char b, char c, char d)
{
    uint64_t mask = 0;
#ifdef __SSE2__
    for (unsigned i = 0; i < SCAN_BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i ab =
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(a)), _mm_cmpeq_epi8(v, _mm_set1_epi8(b)));
        __m128i cd =
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)), _mm_cmpeq_epi8(v, _mm_set1_epi8(d)));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(ab, cd)) << i;
    }
#else
    for (unsigned i = 0; i < SCAN_BLOCK; i++)
        mask |= (uint64_t)(p[i] == a || p[i] == b || p[i] == c || p[i] == d) << i;
#endif
    return mask;
}

static inline uint64_t scan_one(const char *p, char a)
{
    return scan_any(p, a, a, a, a);
}

/* The bits of the bytes before end. */
static inline uint64_t scan_within(const char *p, const char *end)
{
    return end - p < SCAN_BLOCK ? ((uint64_t)1 << (end - p)) - 1 : ~(uint64_t)0;
}

/* The first CR or LF, or end. */
static inline const char *scan_line_end(const char *p, const char *end)
{
    for (; p < end; p += SCAN_BLOCK) {
        uint64_t found = scan_any(p, '\n', '\r', '\n', '\r') & scan_within(p, end);
        if (found)
            return p + __builtin_ctzll(found);
    }
    return end;
}

/* The byte behind the first quote that a blank other than the delimiter follows, or end. */
static inline const char *scan_quote_blank(const char *p, const char *end, char delimiter)
{
    char blank = delimiter == ' ' ? '\t' : ' ', other = delimiter == '\t' ? ' ' : '\t';

    for (; p < end; p += SCAN_BLOCK) {
        uint64_t quotes = scan_one(p, '"') & scan_within(p, end);
        if (!quotes)
            continue;
        quotes &= scan_any(p + 1, blank, other, blank, other);
        if (quotes && p + __builtin_ctzll(quotes) + 1 < end)
            return p + __builtin_ctzll(quotes) + 1;
    }
    return end;
}

#endif
