/* The text of a cell made clean.
 *
 * Invariants:
 *  1. Valid UTF-8 in, valid UTF-8 out; anything else in is never read past its end.
 *  2. Clean text is not changed by cleaning it again.
 *  3. ASCII text that is clean already costs one pass, no memory and no copy: nearly every cell is.
 *
 * Fails only when the arena is full. Any thread. */
#include "record/text.h"

#include <string.h>

#include "base/buf.h"
#include "wire/utf8.h"

/* Beside enum text_flag, of bytes. */
#define BYTE_SPACE 0x10
#define BYTE_BLANK 0x20 /* other white space of ASCII, which becomes a space */

#define C TEXT_CONTROL
#define S BYTE_SPACE
#define B BYTE_BLANK
#define U TEXT_UPPER
#define H TEXT_NON_ASCII
static const uint8_t byte_class[256] = {
    C, C, C, C, C, C, C, C, C, B, B, B, B, B, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C,
    S, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, C,
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
};
#undef C
#undef S
#undef B
#undef U
#undef H

size_t text_next(const char *text, size_t len, uint32_t *code_point)
{
    const uint8_t *p = (const uint8_t *)text;
    if (p[0] < 0x80) {
        *code_point = p[0];
        return 1;
    }
    size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    *code_point = 0xfffd;
    if (p[0] < 0xc2 || p[0] > 0xf4 || need > len)
        return 1;
    uint32_t c = p[0] & (0xffu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (p[i] & 0x3f);
    }
    *code_point = c;
    return need;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

/* U+200C and U+200D are not among them: Persian and Indian names are spelt with them. */
static bool is_invisible(uint32_t c)
{
    return c == 0xad || c == 0x200b || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           c == 0x2060 || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

size_t text_fold(char *text, size_t len, unsigned *flags)
{
    size_t out = 0;
    bool gap = false;
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t c;
        n = text_next(text + i, len - i, &c);
        if (is_space(c)) {
            gap = out > 0;
            continue;
        }
        if (is_invisible(c))
            continue;
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
            *flags |= TEXT_CONTROL;
        if (gap)
            text[out++] = ' ';
        gap = false;
        memmove(text + out, text + i, n);
        out += n;
    }
    return out;
}

unsigned text_clean(struct slice in, struct arena *a, struct slice *out)
{
    while (in.len > 0 && in.data[0] == ' ')
        in.data++, in.len--;
    while (in.len > 0 && in.data[in.len - 1] == ' ')
        in.len--;

    unsigned seen = 0, pairs = 0, before = 0;
    for (size_t i = 0; i < in.len; i++) {
        unsigned now = byte_class[(uint8_t)in.data[i]];
        seen |= now;
        pairs |= now & before;
        before = now;
    }
    unsigned flags = seen & (TEXT_UPPER | TEXT_CONTROL | TEXT_NON_ASCII);
    *out = in.len > 0 ? in : SLICE_EMPTY;
    if (!(seen & (BYTE_BLANK | TEXT_NON_ASCII)) && !(pairs & BYTE_SPACE))
        return flags;

    char *copy = arena_alloc(a, in.len);
    if (!copy) {
        *out = SLICE_EMPTY;
        return flags | TEXT_NO_MEMORY;
    }
    memcpy(copy, in.data, in.len);
    size_t len = text_fold(copy, in.len, &flags);
    *out = len > 0 ? (struct slice){copy, len} : SLICE_EMPTY;
    return flags;
}

/* Rare enough, in email addresses and domains, to take memory from the heap for a moment. */
static bool lower_beyond_ascii(struct slice in, struct arena *a, struct slice *out)
{
    struct buf lower;
    buf_init(&lower, in.len * 3 + 16); /* a capital of two bytes can have a small letter of three */
    utf8_lower(&lower, in);
    bool done = !lower.failed;
    if (done) {
        *out = arena_copy(a, buf_slice(&lower));
        done = out->data != NULL;
    }
    buf_deinit(&lower);
    return done;
}

bool text_lower(struct slice in, unsigned flags, struct arena *a, struct slice *out)
{
    *out = in;
    if (flags & TEXT_NON_ASCII)
        return lower_beyond_ascii(in, a, out);
    if (!(flags & TEXT_UPPER))
        return true;
    char *copy = arena_alloc(a, in.len);
    if (!copy)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];
        copy[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    *out = (struct slice){copy, in.len};
    return true;
}

bool text_placeholder(struct slice text)
{
    /* Compared without case. "NaN" is not among them: Nan is a name. */
    static const struct slice none[] = {
        {"-", 1},
        {"--", 2},
        {"---", 3},
        {"\u2013", 3},
        {"\u2014", 3},
        {"?", 1},
        {".", 1},
        {"n/a", 3},
        {"n.a.", 4},
        {"n.a", 3},
        {"n/a.", 4},
        {"none", 4},
        {"null", 4},
        {"(null)", 6},
        {"<null>", 6},
        {"[null]", 6},
        {"(none)", 6},
        {"(blank)", 7},
        {"(empty)", 7},
        {"\\n", 2},
        {"#n/a", 4},
        {"#null!", 6},
        {"#ref!", 5},
        {"#value!", 7},
        {"#name?", 6},
        {"#div/0!", 7},
        {"#num!", 5},
        {"unknown", 7},
        {"[[unknown]]", 11},
        {"undefined", 9},
        {"not provided", 12},
        {"[not provided]", 14},
    };
    if (text.len == 0 || text.len > 14)
        return false;
    /* Nearly every value is told by its first byte. */
    if (!strchr("-\xe2?.nN(<[\\#uU", text.data[0]))
        return false;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (text.len == none[i].len && slice_eq_nocase(text, none[i]))
            return true;
    return false;
}
