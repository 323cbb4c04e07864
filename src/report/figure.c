/* Writes numbers and texts for people.
 *
 * 1. Only ASCII is added, and no C library function that knows about locales takes part.
 * 2. Rounding never turns something into nothing or an unfinished thing into a finished one.
 * Pure but for the buffer; any thread. */
#include "report/figure.h"

#include <stdbool.h>
#include <string.h>

void figure_count(struct buf *b, uint64_t n)
{
    char digits[32];
    size_t at = sizeof(digits);

    for (unsigned i = 0; i == 0 || n > 0; i++) {
        if (i > 0 && i % 3 == 0)
            digits[--at] = ',';
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    }
    buf_append(b, digits + at, sizeof(digits) - at);
}

void figure_amount(struct buf *b, int64_t n)
{
    if (n < 0)
        buf_append_char(b, '-');
    figure_count(b, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

void figure_things(struct buf *b, uint64_t n, const char *one, const char *many)
{
    figure_count(b, n);
    buf_append_char(b, ' ');
    buf_append_text(b, n == 1 ? one : many);
}

/* "66.8" out of 668. */
static void put_tenths(struct buf *b, uint64_t tenths)
{
    figure_count(b, tenths / 10);
    buf_append_char(b, '.');
    buf_append_char(b, (char)('0' + tenths % 10));
}

void figure_percent(struct buf *b, uint64_t part, uint64_t whole)
{
    uint64_t tenths =
        whole
            ? (uint64_t)(((unsigned __int128)part * 2000 + whole) / ((unsigned __int128)whole * 2))
            : 0;

    if (part > 0 && tenths == 0) {
        buf_append_char(b, '<');
        tenths = 1;
    }
    if (part < whole && tenths >= 1000) {
        buf_append_char(b, '>');
        tenths = 999;
    }
    put_tenths(b, tenths);
    buf_append_text(b, " %");
}

void figure_bytes(struct buf *b, uint64_t bytes)
{
    static const char *const units[] = {" KB", " MB", " GB", " TB", " PB", " EB"};
    uint64_t unit = 1000;
    unsigned i = 0;

    if (bytes < 1000) {
        figure_things(b, bytes, "byte", "bytes");
        return;
    }
    /* 999,500 bytes would read "1,000 KB". */
    while (i < 5 && bytes / unit >= 999 && bytes >= 999 * unit + unit / 2) {
        unit *= 1000;
        i++;
    }
    uint64_t tenths = bytes / (unit / 10) + (bytes % (unit / 10) * 2 >= unit / 10);
    if (tenths < 100)
        put_tenths(b, tenths);
    else
        figure_count(b, bytes / unit + (bytes % unit * 2 >= unit));
    buf_append_text(b, units[i]);
}

void figure_rate(struct buf *b, uint64_t count, int64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{1000, "/s"}, {60000, "/min"}, {3600000, "/h"}};
    uint64_t time = ms > 0 ? (uint64_t)ms : 1;
    unsigned i = 0;

    while (i < 2 && count < UINT64_MAX / units[i].ms && count * units[i].ms < time)
        i++;
    uint64_t tenths = (uint64_t)((unsigned __int128)count * units[i].ms * 10 / time);
    if (tenths > 0 && tenths < 100 && tenths % 10 != 0)
        put_tenths(b, tenths);
    else
        figure_count(b, tenths / 10 + (tenths % 10 >= 5));
    buf_append_text(b, count ? units[i].unit : "/s");
}

void figure_text(struct buf *b, const char *text)
{
    for (const char *at = text; at && *at; at++) {
        unsigned char c = (unsigned char)*at;
        buf_append_char(b, c < 0x20 || c == 0x7f ? '?' : *at);
    }
}

static bool is_plain_word(const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_./,:=@%+-";

    return *word && word[strspn(word, safe)] == '\0';
}

void figure_word(struct buf *b, const char *word)
{
    if (!word || is_plain_word(word)) {
        buf_append_text(b, word ? word : "");
        return;
    }
    buf_append_char(b, '\'');
    for (const char *at = word; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '\'')
            buf_append_text(b, "'\\''");
        else
            buf_append_char(b, c < 0x20 || c == 0x7f ? '?' : *at);
    }
    buf_append_char(b, '\'');
}
