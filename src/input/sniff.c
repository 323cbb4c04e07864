/* Tells lists from other files, and CSV from NDJSON.
 *
 * 1. Only the first SNIFF_BYTES are looked at, however the reads fall, so that a list is always
 * taken for the same.
 * 2. What is refused is refused with the command that mends it, where there is one.
 *
 * The delimiter is the one of which most lines have as many as the first line, outside quotes. One
 * that the first line has not cannot be it. Between equals, more columns win, then the order below.
 */
#include "input/sniff.h"

#include <string.h>

#include "base/slice.h"

#define LINES_MAX 200
static const char delimiters[] = ",;\t|";
#define DELIMITERS (sizeof(delimiters) - 1)

struct magic {
    unsigned at, len;
    const char *bytes;
    const char *advice;
};

static const struct magic magics[] = {
    {0, 4, "PK\3\4", "looks like a spreadsheet or zip archive: save it as CSV, or unzip it"},
    {0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "looks like a spreadsheet: save it as CSV"},
    {0, 4, "PAR1", "is a Parquet file: export it as CSV or NDJSON"},
    {0, 3, "BZh", "is packed with bzip2, which is not supported: gzip and zstd are"},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "is packed with xz, which is not supported: gzip and zstd are"},
    {0, 4, "\x04\x22\x4d\x18", "is packed with lz4, which is not supported: gzip and zstd are"},
    {0, 2, "\x1f\x8b", "is packed twice: unpack it once"},
    {0, 4, "\x28\xb5\x2f\xfd", "is packed twice: unpack it once"},
    {257, 5, "ustar", "is a tar archive: give the file that is in it"},
    {0, 4, "\xff\xfe\0\0", "is UTF-32: convert it with `iconv -f UTF-32 -t UTF-8`"},
    {0, 2, "\xff\xfe", "is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`"},
    {0, 2, "\xfe\xff", "is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`"},
};

static int check_magic(struct slice head, const char *name, struct error *e)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        const struct magic *m = &magics[i];
        /* "BZh" alone could be somebody's header; bzip2 has a digit and pi behind it. */
        bool pi = m->bytes[0] != 'B' || (head.len >= 10 && memcmp(head.data + 4, "1AY&SY", 6) == 0);
        if (head.len >= m->at + m->len && memcmp(head.data + m->at, m->bytes, m->len) == 0 && pi)
            return error_set(e, ERR_DATA, "%s %s", name, m->advice);
    }
    return 0;
}

/* Text has no NUL, and of other control characters hardly any but white space. */
static int check_text(struct slice head, const char *name, struct error *e)
{
    size_t zeros = 0, odd_zeros = 0, controls = 0;

    for (size_t i = 0; i < head.len; i++) {
        unsigned char c = (unsigned char)head.data[i];
        zeros += c == 0;
        odd_zeros += c == 0 && i % 2 == 1;
        controls += (c < 0x20 && !(c >= '\t' && c <= '\r')) || c == 0x7f;
    }
    /* Latin text in UTF-16 without a mark: every other byte is zero. */
    if (zeros > head.len / 3 && (odd_zeros == zeros || odd_zeros == 0))
        return error_set(e, ERR_DATA,
                         "%s looks like UTF-16: convert it with `iconv -f UTF-16%s -t UTF-8`", name,
                         odd_zeros ? "LE" : "BE");
    if (zeros > 0 || controls > 1 + head.len / 100)
        return error_set(e, ERR_DATA, "%s is not a list: binary data", name);
    return 0;
}

/* Go on behind the line that begins at *at, with *counts of each delimiter in it outside quotes.
 * False when the line does not end in `head`. */
static bool count_line(struct slice head, size_t *at, unsigned counts[DELIMITERS])
{
    bool quoted = false, start = true;

    memset(counts, 0, DELIMITERS * sizeof(counts[0]));
    for (; *at < head.len; ++*at) {
        char c = head.data[*at];
        const char *d = c ? strchr(delimiters, c) : NULL;
        if (c == '"' && quoted) {
            bool doubled = *at + 1 < head.len && head.data[*at + 1] == '"';
            *at += doubled;
            quoted = doubled;
            start = false;
            continue;
        }
        if (quoted)
            continue;
        if (c == '\n' || c == '\r') {
            ++*at;
            return true;
        }
        quoted = c == '"' && start;
        start = d != NULL;
        if (d)
            counts[d - delimiters]++;
    }
    return false;
}

static char find_delimiter(struct slice head)
{
    unsigned first[DELIMITERS], counts[DELIMITERS], same[DELIMITERS] = {0};
    size_t at = 0, best = 0;

    count_line(head, &at, first);
    for (unsigned lines = 0; lines < LINES_MAX; lines++) {
        size_t from = at;
        if (!count_line(head, &at, counts))
            break;
        if (at == from + 1)
            continue; /* a blank line, or the LF of a CRLF */
        for (size_t i = 0; i < DELIMITERS; i++)
            same[i] += counts[i] == first[i];
    }
    for (size_t i = 1; i < DELIMITERS; i++) {
        bool more = same[i] > same[best] || (same[i] == same[best] && first[i] > first[best]);
        if (first[i] > 0 && (first[best] == 0 || more))
            best = i;
    }
    return delimiters[best];
}

static int find_format(struct slice text, const char *name, enum list_format *format,
                       struct error *e)
{
    const char *lf = memchr(text.data, '\n', text.len);
    struct slice line =
        slice_trim((struct slice){text.data, lf ? (size_t)(lf - text.data) : text.len});

    if (text.data[0] == '[')
        return error_set(e, ERR_DATA,
                         "%s looks like a JSON array; a list has one object per line: jq -c '.[]'",
                         name);
    /* Its objects, if they are many, are laid out over lines. */
    if (slice_eq(line, SLICE_LIT("{")))
        return error_set(
            e, ERR_DATA,
            "%s holds JSON laid out over several lines; a list has one object per line: jq -c .",
            name);
    *format = text.data[0] == '{' ? LIST_NDJSON : LIST_CSV;
    return 0;
}

int sniff_content(struct feed *w, const char *name, char delimiter, enum list_format *format,
                  char *found, struct error *e)
{
    while (w->end - w->at < SNIFF_BYTES && !w->eof) {
        int rc = feed_more(w, SNIFF_BYTES, e);
        if (rc < 0)
            return rc;
    }
    struct slice head = {w->data + w->at, w->end - w->at};
    if (head.len > SNIFF_BYTES)
        head.len = SNIFF_BYTES;
    int rc = check_magic(head, name, e);
    if (rc == 0)
        rc = check_text(head, name, e);
    if (rc < 0)
        return rc;
    if (slice_starts(head, SLICE_LIT("\xef\xbb\xbf"))) {
        head = (struct slice){head.data + 3, head.len - 3};
        w->at += 3;
    }
    /* Where the first 64 KiB are blank, the rest will be no better. */
    struct slice text = slice_trim(head);
    if (text.len == 0)
        return error_set(e, ERR_DATA, "%s is empty", name);
    *format = LIST_CSV;
    *found = delimiter ? delimiter : ',';
    if (delimiter)
        return 0;
    rc = find_format(text, name, format, e);
    if (rc < 0 || *format != LIST_CSV)
        return rc;
    /* Leading blank lines go; a leading delimiter, which may be a tab, counts. */
    while (head.data[0] == '\n' || head.data[0] == '\r')
        head = (struct slice){head.data + 1, head.len - 1};
    *found = find_delimiter(head);
    return 0;
}
