/* Grows byte buffers.
 *
 * 1. len <= cap <= max, and the allocation behind data is BUF_PADDING bytes longer than cap: there
 * is always room for a NUL or for the padding.
 * 2. Once `failed`, nothing is written until the reset.
 * A buffer belongs to one thread at a time. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256 /* bytes of the first allocation; doubled from there */

void buf_init(struct buf *b, size_t max)
{
    /* Room for the padding of the longest contents must be expressible. */
    if (max > SIZE_MAX / 2)
        max = SIZE_MAX / 2;
    *b = (struct buf){.max = max};
}

void buf_deinit(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;

    while (cap < need)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max)
        cap = b->max;
    char *data = realloc(b->data, cap + BUF_PADDING);
    if (!data)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

char *buf_reserve(struct buf *b, size_t len)
{
    if (b->failed)
        return NULL;
    if (len > b->max - b->len || ((!b->data || len > b->cap - b->len) && !grow(b, b->len + len))) {
        b->failed = true;
        return NULL;
    }
    return b->data + b->len;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return;
    char *to = buf_reserve(b, len);
    if (!to)
        return;
    memcpy(to, data, len);
    b->len += len;
}

void buf_append_slice(struct buf *b, struct slice s)
{
    buf_append(b, s.data, s.len);
}

void buf_append_text(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_append_char(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_append_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    buf_append(b, digits + at, sizeof(digits) - at);
}

void buf_append_i64(struct buf *b, int64_t value)
{
    if (value < 0)
        buf_append_char(b, '-');
    /* Negated as unsigned, because INT64_MIN has no positive twin. */
    buf_append_u64(b, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void buf_append_format(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        b->failed = true;
    if (len <= 0)
        return;
    char *to = buf_reserve(b, (size_t)len);
    if (!to)
        return;
    va_start(args, format);
    vsnprintf(to, (size_t)len + 1, format, args); /* the NUL falls into the padding */
    va_end(args);
    b->len += (size_t)len;
}

bool buf_reserve_padding(struct buf *b)
{
    if (!buf_reserve(b, 0))
        return false;
    memset(b->data + b->len, 0, BUF_PADDING);
    return true;
}

const char *buf_text(struct buf *b)
{
    if (b->failed || b->len == 0)
        return "";
    b->data[b->len] = '\0';
    return b->data;
}

void buf_take(struct buf *to, struct buf *from)
{
    if (to == from)
        return;
    buf_deinit(to);
    *to = *from;
    *from = (struct buf){.max = to->max};
}
