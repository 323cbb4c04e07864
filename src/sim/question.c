/* Brings questions into the form in which vendors compare them.
 *
 * Case is no difference, nor is white space at the ends, nor the scheme of a page's address. Any
 * thread. */
#include "sim/question.h"

#include <stdlib.h>
#include <strings.h>

#include "wire/json_write.h"
#include "wire/utf8.h"

/* ASCII in lower case, straight into reserved room; false, with nothing appended, when there is
 * anything else. */
static bool lower_ascii(struct buf *out, struct slice text)
{
    char *to = buf_reserve(out, text.len);
    unsigned char seen = 0;
    if (!to)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        seen |= c;
        to[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    if (seen >= 0x80)
        return false;
    out->len += text.len;
    return true;
}

/* An address of a page without what differs between two of the same page. */
static struct slice trim_url(struct slice url)
{
    static const char *const heads[] = {"https://", "http://", "www."};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t len = strlen(heads[i]);
        if (url.len >= len && strncasecmp(url.data, heads[i], len) == 0)
            url = (struct slice){url.data + len, url.len - len};
    }
    while (slice_ends(url, SLICE_LIT("/")))
        url.len--;
    return url;
}

static struct slice trim_field(const struct question *q, unsigned i)
{
    struct slice text = slice_trim(q->field[i]);
    return q->service->urls >> i & 1 ? trim_url(text) : text;
}

void question_normalise(struct question *q, struct buf *scratch)
{
    unsigned fields = q->service->fields;
    size_t begin[QUESTION_FIELDS_MAX], end[QUESTION_FIELDS_MAX];
    buf_reset(scratch);
    for (unsigned i = 0; i < fields; i++) {
        struct slice text = trim_field(q, i);
        uint16_t len = 0;
        buf_append(scratch, &len, sizeof len);
        begin[i] = scratch->len;
        if (!lower_ascii(scratch, text))
            utf8_lower(scratch, utf8_trim(text));
        end[i] = scratch->len;
        len = (uint16_t)(end[i] - begin[i]);
        if (!scratch->failed)
            memcpy(scratch->data + begin[i] - sizeof len, &len, sizeof len);
    }
    q->key = scratch->failed ? SLICE_EMPTY : buf_slice(scratch);
    for (unsigned i = 0; i < fields; i++)
        q->normal[i] = scratch->failed ? SLICE_EMPTY
                                       : (struct slice){q->key.data + begin[i], end[i] - begin[i]};
}

/* Each field with a 16-bit length before it. */
char *question_pack(const struct question *q)
{
    size_t len = 0;
    for (unsigned i = 0; i < q->service->fields; i++)
        len += sizeof(uint16_t) + q->field[i].len;
    char *text = malloc(len), *at = text;
    for (unsigned i = 0; i < q->service->fields && text; i++) {
        uint16_t field = (uint16_t)q->field[i].len;
        memcpy(at, &field, sizeof field);
        at += sizeof field;
        if (field > 0)
            memcpy(at, q->field[i].data, field);
        at += field;
    }
    return text;
}

void question_unpack(struct question *q, const struct service *service, const char *text)
{
    *q = (struct question){.service = service};
    for (unsigned i = 0; i < service->fields; i++) {
        uint16_t field;
        memcpy(&field, text, sizeof field);
        q->field[i] = (struct slice){text + sizeof field, field};
        text += sizeof field + field;
    }
}

struct slice question_domain(const struct question *q)
{
    if (q->service->kind == SERVICE_FINDER)
        return q->normal[2];
    struct slice email = q->normal[0];
    const char *at = email.len ? memrchr(email.data, '@', email.len) : NULL;
    return at ? (struct slice){at + 1, (size_t)(email.data + email.len - at - 1)} : SLICE_EMPTY;
}

static void print_fields(const struct service *service, const struct slice *fields, struct buf *out)
{
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned i = 0; i < service->fields; i++)
        if (fields[i].len > 0)
            json_write_member_string(out, &first, service->field[i], fields[i]);
    buf_append_char(out, '}');
}

void question_print(const struct question *q, struct buf *out)
{
    print_fields(q->service, q->normal, out);
}

void question_print_sent(const struct question *q, struct buf *out)
{
    print_fields(q->service, q->field, out);
}
