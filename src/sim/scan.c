/* Scans JSON text strictly in one pass.
 *
 * Why not the parser in wire/: that one builds a tree of the whole text, here the text is large,
 * flat and looked at once. And the simulator judges clients, so it does not read what they wrote
 * with the code they may have used to check it.
 *
 * 1. `at` never passes `end`; nothing behind the text is read.
 * 2. Once `problem` is set it stays, and nothing moves.
 *
 * Any thread; a scan belongs to one. */
#include "sim/scan.h"

#include <stdint.h>
#include <string.h>

void scan_init(struct scan *s, struct slice json)
{
    *s = (struct scan){.start = json.data, .at = json.data, .end = json.data + json.len};
}

static bool scan_fail(struct scan *s, const char *problem)
{
    if (!s->problem)
        s->problem = problem;
    return false;
}

char scan_peek(struct scan *s)
{
    const char *at = s->at;
    while (at < s->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    s->at = at;
    return at < s->end ? *at : 0;
}

bool scan_open(struct scan *s, char bracket, bool *first)
{
    if (s->problem)
        return false;
    if (scan_peek(s) != bracket)
        return scan_fail(s, bracket == '{' ? "expected an object" : "expected an array");
    s->at++;
    *first = true;
    return true;
}

/* Behind a value in an object or array: true when another one follows. */
static bool scan_more(struct scan *s, bool *first, char closing)
{
    if (s->problem)
        return false;
    char c = scan_peek(s);
    if (c == closing) {
        s->at++;
        return false;
    }
    if (*first) {
        *first = false;
        return true;
    }
    if (c != ',')
        return scan_fail(s, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    s->at++;
    return true;
}

bool scan_member(struct scan *s, bool *first, struct buf *scratch, struct slice *key)
{
    if (!scan_more(s, first, '}'))
        return false;
    if (!scan_string(s, scratch, key))
        return false;
    if (scan_peek(s) != ':')
        return scan_fail(s, "expected ':'");
    s->at++;
    return true;
}

bool scan_element(struct scan *s, bool *first)
{
    return scan_more(s, first, ']');
}

/* The end of the run of plain string characters at `at`: a quote, backslash, control character, or
 * the end. */
static const char *scan_plain(const char *at, const char *end)
{
    /* Eight bytes at a time: a byte is special when its high bit remains in one of these sums;
     * bytes of multi-byte characters may be taken for special, and the loop below looks again. */
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    while (end - at >= 8) {
        uint64_t w;
        memcpy(&w, at, 8);
        uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
        uint64_t special =
            ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w);
        if (special & high) {
            at += __builtin_ctzll(special & high) / 8;
            unsigned char c = (unsigned char)*at;
            if (c == '"' || c == '\\' || c < 0x20)
                return at;
            at++;
            continue;
        }
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}

static int scan_hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void scan_append_point(struct buf *out, uint32_t point)
{
    char text[4];
    size_t len = 0;
    if (point < 0x80) {
        text[len++] = (char)point;
    } else if (point < 0x800) {
        text[len++] = (char)(0xc0 | point >> 6);
        text[len++] = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        text[len++] = (char)(0xe0 | point >> 12);
        text[len++] = (char)(0x80 | (point >> 6 & 0x3f));
        text[len++] = (char)(0x80 | (point & 0x3f));
    } else {
        text[len++] = (char)(0xf0 | point >> 18);
        text[len++] = (char)(0x80 | (point >> 12 & 0x3f));
        text[len++] = (char)(0x80 | (point >> 6 & 0x3f));
        text[len++] = (char)(0x80 | (point & 0x3f));
    }
    buf_append(out, text, len);
}

/* \uXXXX, with `at` on the u. A surrogate without its partner is no character. */
static bool scan_unicode(struct scan *s, struct buf *out)
{
    int high = scan_hex4(s->at + 1, s->end);
    if (high < 0)
        return scan_fail(s, "\\u needs four hexadecimal digits");
    s->at += 5;
    if (high < 0xd800 || high > 0xdfff) {
        scan_append_point(out, (uint32_t)high);
        return true;
    }
    int low = -1;
    if (high < 0xdc00 && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u')
        low = scan_hex4(s->at + 2, s->end);
    if (low < 0xdc00 || low > 0xdfff)
        return scan_fail(s, "a surrogate without its partner");
    s->at += 6;
    scan_append_point(out, 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return true;
}

/* An escape, with `at` on its backslash. */
static bool scan_escape(struct scan *s, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (s->end - s->at < 2)
        return scan_fail(s, "the text ends in a string");
    s->at++;
    if (*s->at == 'u')
        return scan_unicode(s, out);
    const char *known = *s->at ? strchr(from, *s->at) : NULL;
    if (!known)
        return scan_fail(s, "an unknown escape");
    buf_append_char(out, to[known - from]);
    s->at++;
    return true;
}

bool scan_string(struct scan *s, struct buf *scratch, struct slice *out)
{
    if (s->problem)
        return false;
    if (scan_peek(s) != '"')
        return scan_fail(s, "expected a string");
    const char *run = ++s->at;
    bool escaped = false;
    for (;;) {
        s->at = scan_plain(s->at, s->end);
        if (s->at == s->end)
            return scan_fail(s, "the text ends in a string");
        if (*s->at == '"')
            break;
        if (*s->at != '\\')
            return scan_fail(s, "a control character in a string");
        if (!escaped)
            buf_reset(scratch);
        escaped = true;
        buf_append(scratch, run, (size_t)(s->at - run));
        if (!scan_escape(s, scratch))
            return false;
        run = s->at;
    }
    *out = (struct slice){run, (size_t)(s->at - run)};
    if (escaped) {
        buf_append(scratch, run, (size_t)(s->at - run));
        *out = buf_slice(scratch);
        if (scratch->failed)
            return scan_fail(s, "a string is too long");
    }
    s->at++;
    return true;
}

static bool scan_digits(struct scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from || scan_fail(s, "expected a digit");
}

static bool scan_number(struct scan *s)
{
    if (*s->at == '-')
        s->at++;
    if (s->at < s->end && *s->at == '0')
        s->at++;
    else if (!scan_digits(s))
        return false;
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!scan_digits(s))
            return false;
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        return scan_digits(s);
    }
    return true;
}

static bool scan_literal(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return scan_fail(s, "expected a value");
    s->at += len;
    return true;
}

static bool scan_skip_text(struct scan *s)
{
    struct buf scratch;
    struct slice text;
    buf_init(&scratch, (size_t)(s->end - s->start) + 1);
    bool good = scan_string(s, &scratch, &text);
    buf_deinit(&scratch);
    return good;
}

static bool scan_skip_value(struct scan *s, unsigned depth)
{
    char c = scan_peek(s);
    bool first;
    if (depth == 0)
        return scan_fail(s, "nested too deeply");
    switch (c) {
    case '"':
        return scan_skip_text(s);
    case '[':
        scan_open(s, '[', &first);
        while (scan_element(s, &first))
            if (!scan_skip_value(s, depth - 1))
                return false;
        return !s->problem;
    case '{':
        scan_open(s, '{', &first);
        while (scan_more(s, &first, '}')) {
            if (scan_peek(s) != '"' || !scan_skip_text(s))
                return scan_fail(s, "expected a string");
            if (scan_peek(s) != ':')
                return scan_fail(s, "expected ':'");
            s->at++;
            if (!scan_skip_value(s, depth - 1))
                return false;
        }
        return !s->problem;
    case 't':
        return scan_literal(s, "true");
    case 'f':
        return scan_literal(s, "false");
    case 'n':
        return scan_literal(s, "null");
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return scan_number(s);
        return scan_fail(s, "expected a value");
    }
}

bool scan_skip(struct scan *s)
{
    return !s->problem && scan_skip_value(s, SCAN_DEPTH_MAX);
}

bool scan_end(struct scan *s)
{
    if (s->problem)
        return false;
    if (scan_peek(s) != 0 || s->at != s->end)
        return scan_fail(s, "something follows the value");
    return true;
}
