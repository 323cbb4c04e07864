/* Validates, counts, trims and lowers UTF-8.
 *
 * 1. Whole texts are validated by simdjson; the decoder here is for finding a place and for single
 * code points.
 * 2. Letter case is that of the C.UTF-8 locale, whatever the process has set, so that an identity's
 * hash is the same on every machine. C++ only because simdjson is; no exception is thrown or let
 * through. Any thread. */
#include <clocale>
#include <cstdint>
#include <cwctype>
#include <locale.h>
#include <pthread.h>
#include <simdjson.h>
#include <wctype.h>

extern "C" {
#include "wire/utf8.h"
}

static locale_t case_locale;
static pthread_once_t case_once = PTHREAD_ONCE_INIT;

static void make_case_locale()
{
    /* Part of glibc itself since 2.35; where it is missing, only ASCII has case. */
    case_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
}

/* The code point at the start of `left` > 0 bytes and its length; 0 when they do not start with
 * one. */
static size_t decode(const char *text, size_t left, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = reinterpret_cast<const unsigned char *>(text);
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (len == 0 || len > left || s[0] > 0xf4)
        return 0;
    *point = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (s[i] & 0x3f);
    }
    bool surrogate = *point >= 0xd800 && *point <= 0xdfff;
    return *point < least[len] || *point > 0x10ffff || surrogate ? 0 : len;
}

static size_t encode(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = static_cast<char>(point);
        return 1;
    }
    if (point < 0x800) {
        out[0] = static_cast<char>(0xc0 | point >> 6);
        out[1] = static_cast<char>(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = static_cast<char>(0xe0 | point >> 12);
        out[1] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
        out[2] = static_cast<char>(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = static_cast<char>(0xf0 | point >> 18);
    out[1] = static_cast<char>(0x80 | (point >> 12 & 0x3f));
    out[2] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out[3] = static_cast<char>(0x80 | (point & 0x3f));
    return 4;
}

extern "C" bool utf8_valid(struct slice text)
{
    return text.len == 0 || simdjson::validate_utf8(text.data, text.len);
}

extern "C" size_t utf8_first(struct slice text, uint32_t *point)
{
    return text.len == 0 ? 0 : decode(text.data, text.len, point);
}

extern "C" size_t utf8_bad(struct slice text)
{
    size_t at = 0;
    uint32_t point;

    while (at < text.len) {
        size_t len = decode(text.data + at, text.len - at, &point);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

extern "C" size_t utf8_count(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

/* Lower the ASCII letters up to the first byte that is not ASCII. Returns how many bytes that was.
 */
static size_t lower_ascii(struct buf *out, const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && static_cast<unsigned char>(text[n]) < 0x80)
        n++;
    char *to = buf_reserve(out, n);
    if (!to)
        return len;
    for (size_t i = 0; i < n; i++)
        to[i] = static_cast<char>(text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 0x20 : 0));
    out->len += n;
    return n;
}

extern "C" void utf8_lower(struct buf *out, struct slice text)
{
    size_t at = lower_ascii(out, text.data, text.len);

    if (at < text.len)
        pthread_once(&case_once, make_case_locale);
    while (at < text.len) {
        uint32_t point;
        char bytes[4];
        size_t len = decode(text.data + at, text.len - at, &point);
        if (len == 0) {
            point = 0xfffd;
            len = 1;
        } else if (case_locale) {
            point = static_cast<uint32_t>(towlower_l(static_cast<wint_t>(point), case_locale));
        }
        buf_append(out, bytes, encode(point, bytes));
        at += len;
        at += lower_ascii(out, text.data + at, text.len - at);
    }
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000 || c == 0xfeff;
}

/* Bytes of the code point that ends the text; 0 when there is none. */
static size_t decode_last(struct slice text, uint32_t *point)
{
    for (size_t len = 1; len <= 4 && len <= text.len; len++)
        if ((text.data[text.len - len] & 0xc0) != 0x80)
            return decode(text.data + text.len - len, len, point) == len ? len : 0;
    return 0;
}

extern "C" struct slice utf8_trim(struct slice text)
{
    uint32_t point;
    size_t len;

    while (text.len > 0 && (len = decode_last(text, &point)) > 0 && is_space(point))
        text.len -= len;
    while (text.len > 0 && (len = decode(text.data, text.len, &point)) > 0 && is_space(point)) {
        text.data += len;
        text.len -= len;
    }
    return text;
}
