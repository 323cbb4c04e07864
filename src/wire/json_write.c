/* Writes JSON strings, numbers and members into a buffer.
 *
 * Most strings are clean ASCII and leave by one copy; the rest leaves in clean runs between
 * escapes. Validity of bytes beyond ASCII is asked once for all that follows, so a text costs its
 * length, however bad it is. Pure but for the buffer; any thread. */
#include "wire/json_write.h"

#include "wire/json.h"
#include "wire/utf8.h"

enum kind { CLEAN, ESCAPE, HIGH };

static enum kind kind(struct slice text, size_t at)
{
    unsigned char c = (unsigned char)text.data[at];

    if (c >= 0x80)
        return HIGH;
    return c < 0x20 || c == '"' || c == '\\' ? ESCAPE : CLEAN;
}

static void write_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* a byte and its letter, in turn */

    for (size_t i = 0; names[i]; i += 2) {
        if ((unsigned char)names[i] == c) {
            buf_append(b, (const char[]){'\\', names[i + 1]}, 2);
            return;
        }
    }
    buf_append(b, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

/* The first place from `at` on that cannot leave as it is. Bytes before *valid are known to be
 * UTF-8, which is found out when the first of them is met. */
static size_t clean_end(struct slice text, size_t at, size_t *valid)
{
    for (; at < text.len; at++) {
        enum kind k = kind(text, at);
        if (k == CLEAN || (k == HIGH && at < *valid))
            continue;
        if (k == ESCAPE)
            break;
        *valid = at + utf8_bad((struct slice){text.data + at, text.len - at});
        if (at == *valid)
            break;
    }
    return at;
}

static void write_rest(struct buf *b, struct slice text)
{
    size_t at = 0;
    size_t valid = 0;

    while (at < text.len && !b->failed) {
        size_t end = clean_end(text, at, &valid);
        buf_append(b, text.data + at, end - at);
        if (end < text.len && kind(text, end) == ESCAPE)
            write_escape(b, (unsigned char)text.data[end]);
        else if (end < text.len)
            buf_append_text(b, "\xef\xbf\xbd");
        at = end + 1;
    }
}

void json_write_string(struct buf *b, struct slice text)
{
    size_t clean = 0;

    while (clean < text.len && kind(text, clean) == CLEAN)
        clean++;
    /* At least this much is due in any case, and a text that is clean is done with it. */
    char *to = text.len > SIZE_MAX - 2 ? NULL : buf_reserve(b, text.len + 2);
    if (!to)
        return;
    *to++ = '"';
    if (clean > 0)
        memcpy(to, text.data, clean);
    b->len += 1 + clean;
    if (clean < text.len)
        write_rest(b, (struct slice){text.data + clean, text.len - clean});
    buf_append_char(b, '"');
}

void json_write_double(struct buf *b, double value)
{
    char *to = buf_reserve(b, JSON_DOUBLE_MAX);

    if (to)
        b->len += json_format_double(value, to);
}

void json_write_key(struct buf *b, bool *first, const char *name)
{
    if (!*first)
        buf_append_char(b, ',');
    *first = false;
    json_write_string(b, slice_of(name));
    buf_append_char(b, ':');
}

void json_write_member_string(struct buf *b, bool *first, const char *name, struct slice text)
{
    json_write_key(b, first, name);
    json_write_string(b, text);
}

void json_write_member_i64(struct buf *b, bool *first, const char *name, int64_t value)
{
    json_write_key(b, first, name);
    buf_append_i64(b, value);
}

void json_write_member_bool(struct buf *b, bool *first, const char *name, bool value)
{
    json_write_key(b, first, name);
    buf_append_text(b, value ? "true" : "false");
}
